//! Where policies come from and what is read: Rego modules and their data, bounded, merged and named by a
//! digest.
//!
//! Reading only: whether the rules make sense is decided in `gates`. Test files never enter a bundle,
//! because a served policy must not contain a rule that exists to be mocked.

use std::fmt;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::map::Entry;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::library;

/// The engine itself takes no larger module.
pub const MODULE_BYTES_MAX: u64 = 1 << 20;
pub const MODULES_MAX: usize = 4096;
/// One data file. Ten thousand teams fit in about four megabytes.
pub const DATA_BYTES_MAX: u64 = 64 << 20;
pub const DIRECTORY_DEPTH_MAX: usize = 16;

/// Where the modules are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The library compiled into the binary.
    Library,
    /// A directory in OPA's layout: `*.rego` and `data.json`, everything else ignored.
    Directory(PathBuf),
}

/// One Rego file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleText {
    /// Relative to the bundle, `/` between components.
    pub path: String,
    pub text: String,
}

/// Modules and merged data of one revision. No `Debug`: data may name people.
#[derive(Clone)]
pub struct Bundle {
    modules: Vec<ModuleText>,
    data: Map<String, Value>,
    revision: String,
}

impl Bundle {
    /// Reads the source, then merges each data file at the root of `data`.
    pub fn load(source: &Source, data_files: &[PathBuf]) -> Result<Bundle, LoadError> {
        let mut files = match source {
            Source::Library => Files::library(),
            Source::Directory(directory) => Files::serving(directory)?,
        };
        for path in data_files {
            let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            let text = read_bounded(path, &name, DATA_BYTES_MAX)?;
            files.data.push(DataText { path: name, under: Vec::new(), text });
        }
        files.bundle()
    }

    /// A bundle from texts already in memory. `data` that is not an object counts as empty.
    pub fn from_modules<P: Into<String>, T: Into<String>>(modules: Vec<(P, T)>, data: Value) -> Bundle {
        let modules: Vec<ModuleText> = modules
            .into_iter()
            .map(|(path, text)| ModuleText { path: path.into(), text: text.into() })
            .filter(|module| !is_test(&module.path))
            .collect();
        let data = match data {
            Value::Object(data) => data,
            _ => Map::new(),
        };
        let data_text = serde_json::to_string(&data).unwrap_or_default();
        let mut parts: Vec<(&str, &str)> =
            modules.iter().map(|module| (module.path.as_str(), module.text.as_str())).collect();
        parts.push(("data.json", data_text.as_str()));
        let revision = revision(parts);
        Bundle { modules, data, revision }
    }

    pub fn modules(&self) -> &[ModuleText] {
        &self.modules
    }

    pub fn data(&self) -> &Map<String, Value> {
        &self.data
    }

    /// `sha256:` and the hex digest over every path and text, sorted.
    pub fn revision(&self) -> &str {
        &self.revision
    }
}

/// One thing wrong with a policy, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `org/models.rego:12`, or the name of what is wrong where no line is known.
    pub at: String,
    pub message: String,
}

impl Problem {
    pub(crate) fn new(at: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem { at: at.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.at, self.message)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{path}: cannot be read: {reason}")]
    Read { path: String, reason: std::io::Error },
    #[error("{path}: is larger than {bytes_max} bytes")]
    TooLarge { path: String, bytes_max: u64 },
    #[error("more than {max} Rego files", max = MODULES_MAX)]
    TooMany,
    #[error("{path}: directories are nested more than {max} deep", max = DIRECTORY_DEPTH_MAX)]
    TooDeep { path: String },
    #[error("{path}: is not a JSON object: {reason}")]
    Data { path: String, reason: String },
    #[error("{path}: sets data.{key}, which another file sets to something else")]
    Conflict { path: String, key: String },
    #[error("there is no Rego file")]
    Empty,
    #[error("{}", lines(.0))]
    Refused(Vec<Problem>),
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

/// What was read, before merging.
#[derive(Default)]
pub(crate) struct Files {
    pub(crate) modules: Vec<ModuleText>,
    data: Vec<DataText>,
}

struct DataText {
    path: String,
    /// Where in `data` it belongs: the directories above it, as OPA has it.
    under: Vec<String>,
    text: String,
}

impl Files {
    fn library() -> Files {
        let module = |(path, text): &(&str, &str)| ModuleText { path: (*path).into(), text: (*text).into() };
        Files { modules: library::MODULES.iter().map(module).collect(), data: Vec::new() }
    }

    fn serving(directory: &Path) -> Result<Files, LoadError> {
        let mut files = Files::all(directory)?;
        files.modules.retain(|module| !is_test(&module.path));
        Ok(files)
    }

    /// Every module of a directory, tests included.
    pub(crate) fn all(directory: &Path) -> Result<Files, LoadError> {
        let mut files = Files::default();
        files.read_directory(directory, &mut Vec::new())?;
        Ok(files)
    }

    fn read_directory(&mut self, directory: &Path, under: &mut Vec<String>) -> Result<(), LoadError> {
        let shown = if under.is_empty() { ".".to_owned() } else { under.join("/") };
        if under.len() > DIRECTORY_DEPTH_MAX {
            return Err(LoadError::TooDeep { path: shown });
        }
        let read = |reason| LoadError::Read { path: shown.clone(), reason };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(read)? {
            names.push(entry.map_err(read)?.file_name());
        }
        names.sort_unstable();
        for name in names {
            let text = name.to_string_lossy().into_owned();
            // Also skips `..data`, through which Kubernetes shows every mounted file a second time.
            if text.starts_with('.') {
                continue;
            }
            let path = directory.join(&name);
            let shown = under.iter().map(String::as_str).chain([text.as_str()]).collect::<Vec<_>>().join("/");
            if path.is_dir() {
                under.push(text);
                self.read_directory(&path, under)?;
                under.pop();
            } else if text.ends_with(".rego") {
                if self.modules.len() >= MODULES_MAX {
                    return Err(LoadError::TooMany);
                }
                let text = read_bounded(&path, &shown, MODULE_BYTES_MAX)?;
                self.modules.push(ModuleText { path: shown, text });
            } else if text == "data.json" {
                let text = read_bounded(&path, &shown, DATA_BYTES_MAX)?;
                self.data.push(DataText { path: shown, under: under.clone(), text });
            }
        }
        Ok(())
    }

    pub(crate) fn bundle(self) -> Result<Bundle, LoadError> {
        if self.modules.is_empty() {
            return Err(LoadError::Empty);
        }
        let revision = revision(
            self.modules
                .iter()
                .map(|module| (module.path.as_str(), module.text.as_str()))
                .chain(self.data.iter().map(|data| (data.path.as_str(), data.text.as_str())))
                .collect(),
        );
        let mut merged = Map::new();
        for DataText { path, under, text } in self.data {
            let object = parse_object(&path, &text)?;
            let rooted = under.into_iter().rev().fold(object, |inner, key| {
                let mut outer = Map::new();
                outer.insert(key, Value::Object(inner));
                outer
            });
            merge(&mut merged, rooted).map_err(|key| LoadError::Conflict { path, key })?;
        }
        Ok(Bundle { modules: self.modules, data: merged, revision })
    }
}

fn is_test(path: &str) -> bool {
    path.ends_with("_test.rego")
}

fn read_bounded(path: &Path, shown: &str, bytes_max: u64) -> Result<String, LoadError> {
    let read = |reason| LoadError::Read { path: shown.to_owned(), reason };
    let mut bytes = Vec::new();
    File::open(path).map_err(read)?.take(bytes_max + 1).read_to_end(&mut bytes).map_err(read)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max {
        return Err(LoadError::TooLarge { path: shown.to_owned(), bytes_max });
    }
    String::from_utf8(bytes)
        .map_err(|_| read(std::io::Error::new(std::io::ErrorKind::InvalidData, "it is not UTF-8")))
}

fn parse_object(path: &str, text: &str) -> Result<Map<String, Value>, LoadError> {
    let broken = |reason: String| LoadError::Data { path: path.to_owned(), reason };
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(broken("it holds another kind of value".to_owned())),
        Err(error) => Err(broken(error.to_string())),
    }
}

/// Objects merge; two different values in one place are an error, named by its path.
fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) -> Result<(), String> {
    for (key, value) in from {
        match into.entry(key) {
            Entry::Vacant(place) => {
                place.insert(value);
            }
            Entry::Occupied(mut place) => {
                let key = place.key().clone();
                match (place.get_mut(), value) {
                    (Value::Object(old), Value::Object(new)) => {
                        merge(old, new).map_err(|rest| format!("{key}.{rest}"))?;
                    }
                    (old, new) if *old == new => {}
                    _ => return Err(key),
                }
            }
        }
    }
    Ok(())
}

fn revision(mut parts: Vec<(&str, &str)>) -> String {
    parts.sort_unstable();
    let mut hasher = Sha256::new();
    for part in parts.into_iter().flat_map(|(path, text)| [path, text]) {
        // Lengths keep a path from growing at the cost of its text.
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let mut text = "sha256:".to_owned();
    for byte in hasher.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn data_of(texts: &[(&str, &[&str], &str)]) -> Result<Bundle, LoadError> {
        let module = ModuleText { path: "org/a.rego".into(), text: "package policy.org.a".into() };
        let data = texts
            .iter()
            .map(|(path, under, text)| DataText {
                path: (*path).into(),
                under: under.iter().map(|key| (*key).to_owned()).collect(),
                text: (*text).into(),
            })
            .collect();
        Files { modules: vec![module], data }.bundle()
    }

    #[test]
    fn data_files_merge_under_their_directories() {
        let bundle = data_of(&[
            ("data.json", &[], r#"{"teams": {"a": {"tools": ["x"]}}}"#),
            ("teams/data.json", &["teams"], r#"{"b": {"tools": []}}"#),
            ("more.json", &[], r#"{"teams": {"a": {"tools": ["x"]}}, "settings": {}}"#),
        ])
        .unwrap();
        let expected = json!({"teams": {"a": {"tools": ["x"]}, "b": {"tools": []}}, "settings": {}});
        assert_eq!(Value::Object(bundle.data().clone()), expected);
    }

    #[test]
    fn data_that_disagrees_is_refused_with_its_place() {
        let error = data_of(&[
            ("data.json", &[], r#"{"teams": {"a": {"max_tokens": 1}}}"#),
            ("more.json", &[], r#"{"teams": {"a": {"max_tokens": 2}}}"#),
        ])
        .err()
        .unwrap();
        assert_eq!(
            error.to_string(),
            "more.json: sets data.teams.a.max_tokens, which another file sets to something else"
        );
    }

    #[test]
    fn data_that_is_not_an_object_is_refused() {
        for text in ["[]", "1", "", "{", "null"] {
            assert!(matches!(data_of(&[("data.json", &[], text)]), Err(LoadError::Data { .. })), "{text}");
        }
    }

    #[test]
    fn revision_depends_on_every_byte_and_not_on_order() {
        let revision = |modules: Vec<(&str, &str)>, data: Value| {
            Bundle::from_modules(modules, data).revision().to_owned()
        };
        let one = revision(vec![("a.rego", "x"), ("b.rego", "y")], json!({}));
        assert!(one.starts_with("sha256:") && one.len() == 71);
        assert_eq!(one, revision(vec![("b.rego", "y"), ("a.rego", "x")], json!({})));
        for other in [
            revision(vec![("a.rego", "x"), ("b.rego", "z")], json!({})),
            revision(vec![("a.regox", ""), ("b.rego", "y")], json!({})),
            revision(vec![("a.rego", "x"), ("b.rego", "y")], json!({"k": 1})),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn test_files_stay_out_of_the_bundle() {
        let modules =
            vec![("org/a.rego", "package policy.org.a"), ("org/a_test.rego", "package policy.org.a_test")];
        let bundle = Bundle::from_modules(modules, json!({}));
        assert_eq!(bundle.modules().len(), 1);
    }

    #[test]
    fn a_missing_directory_is_an_error() {
        let source = Source::Directory(Path::new(env!("CARGO_MANIFEST_DIR")).join("no such directory"));
        assert!(matches!(Bundle::load(&source, &[]), Err(LoadError::Read { .. })));
    }
}
