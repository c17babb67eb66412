//! Where policies come from and what is read: Rego modules and their data, bounded, verified, merged and named by
//! a digest.
//!
//! Reading only: whether the rules make sense is decided in `gates`. Test files never enter a bundle,
//! because a served policy must not contain a rule that exists to be mocked. What an author would expect to be
//! read, and is not, refuses the bundle: a rule left out silently could be one that denies.

use std::fmt;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::map::Entry;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::bundle::archive::{self, ArchiveError};
use crate::bundle::manifest::{Manifest, ManifestError};
use crate::bundle::signature::{self, SIGNATURES_BYTES_MAX, SignatureError, Verification};
use crate::bundle::{ARCHIVE_BYTES_MAX, FILES_MAX, UNPACKED_BYTES_MAX};
use crate::library;

/// The engine itself takes no larger module.
pub const MODULE_BYTES_MAX: u64 = 1 << 20;
pub const MODULES_MAX: usize = 4096;
/// All modules together. What the engine makes of them takes a hundred times that.
pub const MODULES_BYTES_MAX: u64 = 8 << 20;
/// One data file. Ten thousand teams fit in about four megabytes.
pub const DATA_BYTES_MAX: u64 = 64 << 20;
pub const DIRECTORY_DEPTH_MAX: usize = 16;
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

const MANIFEST: &str = ".manifest";
const SIGNATURES: &str = ".signatures.json";

/// Where the modules are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The library compiled into the binary.
    Library,
    /// A directory in OPA's layout: `*.rego`, `data.json`, `.manifest` and `.signatures.json`.
    Directory(PathBuf),
    /// An OPA bundle: all that in a gzipped tar.
    Archive(PathBuf),
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
        Bundle::load_verified(source, data_files, None)
    }

    /// The same with what a signature is checked with. The library needs none: it is part of the binary.
    pub fn load_verified(
        source: &Source,
        data_files: &[PathBuf],
        verification: Option<&Verification>,
    ) -> Result<Bundle, LoadError> {
        BundleFiles::read(source, verification)?.with_data(data_files)
    }

    /// A bundle from the bytes of a gzipped tar.
    pub fn from_archive(
        archive: &[u8],
        data_files: &[PathBuf],
        verification: Option<&Verification>,
    ) -> Result<Bundle, LoadError> {
        BundleFiles::from_archive(archive, verification)?.with_data(data_files)
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

    /// `sha256:` and the hex digest over every path and text, sorted; before it the manifest's own revision and a
    /// `+`, where there is one.
    pub fn revision(&self) -> &str {
        &self.revision
    }
}

/// What a source holds, verified and inside its roots: a bundle but for the operator's own data, which may change while
/// the source does not, or while the source is not fit to be served. No `Debug`: data may name people.
#[derive(Clone)]
pub struct BundleFiles {
    modules: Vec<ModuleText>,
    data: Vec<DataText>,
    /// The manifest's own.
    revision: Option<String>,
}

impl BundleFiles {
    /// The library needs no verification: it is part of the binary.
    pub fn read(source: &Source, verification: Option<&Verification>) -> Result<BundleFiles, LoadError> {
        match source {
            Source::Library => Files::library().verified(None),
            Source::Directory(directory) => {
                let mut files = Files { keeps_others: verification.is_some(), ..Files::default() };
                files.read_directory(directory, &mut Vec::new())?;
                files.verified(verification)
            }
            Source::Archive(path) => BundleFiles::from_archive(&read_archive(path)?, verification),
        }
    }

    /// What the bytes of a gzipped tar hold.
    pub fn from_archive(
        archive: &[u8],
        verification: Option<&Verification>,
    ) -> Result<BundleFiles, LoadError> {
        let mut files = Files { keeps_others: verification.is_some(), ..Files::default() };
        archive::unpack(archive, |path, bytes| files.add(path, bytes))?;
        files.verified(verification)
    }

    /// Merges each data file, as it is now, at the root of `data`.
    pub fn with_data(&self, data_files: &[PathBuf]) -> Result<Bundle, LoadError> {
        let BundleFiles { modules, mut data, revision } = self.clone();
        for path in data_files {
            let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            let text = read_bounded(path, &name, DATA_BYTES_MAX)?;
            data.push(DataText { path: name, under: Vec::new(), text });
        }
        let mut bundle = Files { modules, data, ..Files::default() }.bundle()?;
        if let Some(revision) = revision {
            bundle.revision = format!("{revision}+{}", bundle.revision);
        }
        Ok(bundle)
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
    #[error("more than {max} files", max = FILES_MAX)]
    TooManyFiles,
    #[error("the files together are larger than {max} bytes", max = UNPACKED_BYTES_MAX)]
    TooMuch,
    #[error("the Rego files together are larger than {max} bytes", max = MODULES_BYTES_MAX)]
    TooMuchRego,
    #[error("{path}: {why}")]
    Unreadable { path: String, why: &'static str },
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error("there is no Rego file")]
    Empty,
    #[error("{}", lines(.0))]
    Refused(Vec<Problem>),
}

impl LoadError {
    /// One word for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            LoadError::Read { .. } => "read",
            LoadError::TooLarge { .. }
            | LoadError::TooMany
            | LoadError::TooDeep { .. }
            | LoadError::TooManyFiles
            | LoadError::TooMuch
            | LoadError::TooMuchRego => "too_large",
            LoadError::Archive(
                ArchiveError::TooLarge | ArchiveError::Bomb { .. } | ArchiveError::TooMany,
            ) => "too_large",
            LoadError::Archive(_) => "archive",
            LoadError::Manifest(_) => "manifest",
            LoadError::Signature(_) => "signature",
            LoadError::Data { .. } | LoadError::Conflict { .. } => "data",
            LoadError::Unreadable { .. } | LoadError::Empty | LoadError::Refused(_) => "refused",
        }
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

/// What was read, before merging.
#[derive(Default)]
pub(crate) struct Files {
    pub(crate) modules: Vec<ModuleText>,
    data: Vec<DataText>,
    manifest: Option<String>,
    signatures: Option<String>,
    /// Files that are not read, but that a signature lists.
    others: Vec<(String, Vec<u8>)>,
    keeps_others: bool,
    count: usize,
    bytes: u64,
    module_bytes: u64,
}

#[derive(Clone)]
struct DataText {
    path: String,
    /// Where in `data` it belongs: the directories above it, as OPA has it.
    under: Vec<String>,
    text: String,
}

/// What a file is, by its path alone.
enum FileKind {
    Module,
    Data,
    Manifest,
    Signatures,
    Other,
    Refused(&'static str),
}

impl FileKind {
    fn of(path: &str) -> FileKind {
        let name = path.rsplit('/').next().unwrap_or(path);
        let hidden = path.split('/').any(|part| part.starts_with('.'));
        match name {
            _ if path == MANIFEST => FileKind::Manifest,
            _ if path == SIGNATURES => FileKind::Signatures,
            MANIFEST | SIGNATURES => FileKind::Refused("belongs at the root of a bundle"),
            "data.yaml" | "data.yml" => FileKind::Refused("YAML is not read; write data.json"),
            "patch.json" if path == name => FileKind::Refused("delta bundles are not served"),
            "data.json" if !hidden => FileKind::Data,
            _ if name.ends_with(".rego") && !hidden => FileKind::Module,
            _ if hidden && (name == "data.json" || name.ends_with(".rego")) => {
                FileKind::Refused("is hidden; rename it or leave it out")
            }
            _ => FileKind::Other,
        }
    }

    fn bytes_max(&self) -> u64 {
        match self {
            FileKind::Module => MODULE_BYTES_MAX,
            FileKind::Manifest => MANIFEST_BYTES_MAX,
            FileKind::Signatures => SIGNATURES_BYTES_MAX,
            FileKind::Data | FileKind::Other | FileKind::Refused(_) => DATA_BYTES_MAX,
        }
    }
}

impl Files {
    fn library() -> Files {
        let module = |(path, text): &(&str, &str)| ModuleText { path: (*path).into(), text: (*text).into() };
        Files { modules: library::MODULES.iter().map(module).collect(), ..Files::default() }
    }

    /// Every module of a directory, tests included.
    pub(crate) fn all(directory: &Path) -> Result<Files, LoadError> {
        let mut files = Files::default();
        files.read_directory(directory, &mut Vec::new())?;
        Ok(files)
    }

    /// What may be served: verified whole, tests left out, inside its roots.
    fn verified(mut self, verification: Option<&Verification>) -> Result<BundleFiles, LoadError> {
        let modules = self.modules.iter().map(|module| (module.path.as_str(), module.text.as_bytes()));
        let data = self.data.iter().map(|data| (data.path.as_str(), data.text.as_bytes()));
        let manifest = self.manifest.iter().map(|text| (MANIFEST, text.as_bytes()));
        let others = self.others.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
        let present = modules.chain(data).chain(manifest).chain(others);
        signature::check(self.signatures.as_deref(), verification, present)?;
        self.modules.retain(|module| !is_test(&module.path));
        let manifest = self.manifest.as_deref().map(Manifest::parse).transpose()?;
        if let Some(manifest) = &manifest {
            // Local data is the operator's own and has no roots.
            let own = merged(&self.data)?;
            let problems = manifest.problems(&self.modules, &own);
            if !problems.is_empty() {
                return Err(LoadError::Refused(problems));
            }
        }
        let revision = manifest.and_then(|manifest| manifest.revision);
        Ok(BundleFiles { modules: self.modules, data: self.data, revision })
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
            if names.len() > FILES_MAX {
                return Err(LoadError::TooManyFiles);
            }
        }
        names.sort_unstable();
        for name in names {
            let text = name.to_string_lossy().into_owned();
            let is_own = under.is_empty() && matches!(text.as_str(), MANIFEST | SIGNATURES);
            // Also skips `..data`, through which Kubernetes shows every mounted file a second time.
            if text.starts_with('.') && !is_own {
                continue;
            }
            let path = directory.join(&name);
            let shown = under.iter().map(String::as_str).chain([text.as_str()]).collect::<Vec<_>>().join("/");
            if path.is_dir() {
                under.push(text);
                self.read_directory(&path, under)?;
                under.pop();
                continue;
            }
            let kind = FileKind::of(&shown);
            if !matches!(kind, FileKind::Other) || self.keeps_others {
                let bytes = read_bytes(&path, &shown, kind.bytes_max())?;
                self.add(shown, bytes)?;
            }
        }
        Ok(())
    }

    /// Puts a file where it belongs.
    fn add(&mut self, path: String, bytes: Vec<u8>) -> Result<(), LoadError> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.count += 1;
        self.bytes = self.bytes.saturating_add(length);
        if self.count > FILES_MAX {
            return Err(LoadError::TooManyFiles);
        }
        if self.bytes > UNPACKED_BYTES_MAX {
            return Err(LoadError::TooMuch);
        }
        let kind = FileKind::of(&path);
        if length > kind.bytes_max() {
            return Err(LoadError::TooLarge { path, bytes_max: kind.bytes_max() });
        }
        match kind {
            FileKind::Module => {
                if self.modules.len() >= MODULES_MAX {
                    return Err(LoadError::TooMany);
                }
                self.module_bytes = self.module_bytes.saturating_add(length);
                if self.module_bytes > MODULES_BYTES_MAX {
                    return Err(LoadError::TooMuchRego);
                }
                let text = utf8(&path, bytes)?;
                self.modules.push(ModuleText { path, text });
            }
            FileKind::Data => {
                let text = utf8(&path, bytes)?;
                let mut under: Vec<String> = path.split('/').map(str::to_owned).collect();
                under.pop();
                self.data.push(DataText { path, under, text });
            }
            FileKind::Manifest => self.manifest = Some(utf8(&path, bytes)?),
            FileKind::Signatures => self.signatures = Some(utf8(&path, bytes)?),
            FileKind::Other if self.keeps_others => self.others.push((path, bytes)),
            FileKind::Other => {}
            FileKind::Refused(why) => return Err(LoadError::Unreadable { path, why }),
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
        let data = merged(&self.data)?;
        Ok(Bundle { modules: self.modules, data, revision })
    }
}

fn merged(files: &[DataText]) -> Result<Map<String, Value>, LoadError> {
    let mut merged = Map::new();
    for DataText { path, under, text } in files {
        let object = parse_object(path, text)?;
        let rooted = under.iter().rev().fold(object, |inner, key| {
            let mut outer = Map::new();
            outer.insert(key.clone(), Value::Object(inner));
            outer
        });
        merge(&mut merged, rooted).map_err(|key| LoadError::Conflict { path: path.clone(), key })?;
    }
    Ok(merged)
}

/// The bytes of an archive on disk.
pub fn read_archive(path: &Path) -> Result<Vec<u8>, LoadError> {
    let shown = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    read_bytes(path, &shown, ARCHIVE_BYTES_MAX)
}

fn is_test(path: &str) -> bool {
    path.ends_with("_test.rego")
}

fn read_bounded(path: &Path, shown: &str, bytes_max: u64) -> Result<String, LoadError> {
    utf8(shown, read_bytes(path, shown, bytes_max)?)
}

fn read_bytes(path: &Path, shown: &str, bytes_max: u64) -> Result<Vec<u8>, LoadError> {
    let read = |reason| LoadError::Read { path: shown.to_owned(), reason };
    let mut bytes = Vec::new();
    File::open(path).map_err(read)?.take(bytes_max + 1).read_to_end(&mut bytes).map_err(read)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max {
        return Err(LoadError::TooLarge { path: shown.to_owned(), bytes_max });
    }
    Ok(bytes)
}

fn utf8(shown: &str, bytes: Vec<u8>) -> Result<String, LoadError> {
    let reason = |_| std::io::Error::new(std::io::ErrorKind::InvalidData, "it is not UTF-8");
    String::from_utf8(bytes)
        .map_err(reason)
        .map_err(|reason| LoadError::Read { path: shown.to_owned(), reason })
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
    use crate::bundle::archive::tests::archive;
    use crate::bundle::signature::tests::{signatures, verification};

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
        Files { modules: vec![module], data, ..Files::default() }.bundle()
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

    const RULE: (&str, &str) = ("org/a.rego", "package policy.org.a\nallow contains \"a\" if input.action");

    fn from_archive(files: &[(&str, &str)], signed: bool) -> Result<Bundle, LoadError> {
        let verification = signed.then(verification);
        Bundle::from_archive(&archive(files), &[], verification.as_ref())
    }

    #[test]
    fn an_archive_is_what_its_directory_is() {
        let files = [
            RULE,
            ("org/a_test.rego", "package policy.org.a_test"),
            ("data.json", r#"{"teams": {"a": 1}}"#),
            ("org/limits/data.json", r#"{"n": 2}"#),
            ("README.md", "not read"),
        ];
        let bundle = from_archive(&files, false).unwrap();
        assert_eq!(bundle.modules().len(), 1);
        let data = Value::Object(bundle.data().clone());
        assert_eq!(data, json!({"teams": {"a": 1}, "org": {"limits": {"n": 2}}}));
        let folder = std::env::temp_dir().join(format!("hardpan-source-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("org/limits")).unwrap();
        for (path, text) in files {
            std::fs::write(folder.join(path), text).unwrap();
        }
        let same = Bundle::load(&Source::Directory(folder.clone()), &[]).unwrap();
        assert_eq!(same.revision(), bundle.revision());
        std::fs::write(folder.join("bundle.tar.gz"), archive(&files)).unwrap();
        let same = Bundle::load(&Source::Archive(folder.join("bundle.tar.gz")), &[]).unwrap();
        assert_eq!(same.revision(), bundle.revision());
        // A manifest and a signature count in a directory too.
        std::fs::write(folder.join(MANIFEST), r#"{"roots": ["policy/team"]}"#).unwrap();
        let error = Bundle::load(&Source::Directory(folder.clone()), &[]).err().unwrap();
        assert!(error.to_string().contains("outside the roots"), "{error}");
        std::fs::write(folder.join(SIGNATURES), "{}").unwrap();
        let error = Bundle::load(&Source::Directory(folder.clone()), &[]).err().unwrap();
        assert!(matches!(error, LoadError::Signature(SignatureError::Unverified)));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_manifest_names_the_revision_and_local_data_has_no_roots() {
        let manifest = (MANIFEST, r#"{"revision": "v7", "roots": ["policy/org"]}"#);
        let bundle = from_archive(&[manifest, RULE], false).unwrap();
        let plain = from_archive(&[RULE], false).unwrap();
        assert_eq!(bundle.revision(), format!("v7+{}", plain.revision()));
        let file = std::env::temp_dir().join(format!("hardpan-local-{}.json", std::process::id()));
        std::fs::write(&file, r#"{"exemptions": {}}"#).unwrap();
        let with =
            Bundle::from_archive(&archive(&[manifest, RULE]), std::slice::from_ref(&file), None).unwrap();
        assert_ne!(with.revision(), bundle.revision(), "data is part of what is named");
        assert!(with.data().contains_key("exemptions"));
        std::fs::remove_file(file).unwrap();
    }

    #[test]
    fn what_would_be_left_out_silently_refuses_the_bundle() {
        for path in [
            "data.yaml",
            "org/data.yml",
            "patch.json",
            "org/.manifest",
            "org/.signatures.json",
            ".hidden/b.rego",
            "._b.rego",
            ".hidden/data.json",
        ] {
            let error = from_archive(&[RULE, (path, "{}")], false).err().unwrap();
            assert!(
                matches!(&error, LoadError::Unreadable { path: named, .. } if named == path),
                "{path}: {error}"
            );
            assert_eq!(error.reason(), "refused");
        }
        let error = from_archive(&[("data.json", "{}")], false).err().unwrap();
        assert!(matches!(error, LoadError::Empty));
    }

    #[test]
    fn signed_archives_are_verified_with_every_file() {
        let test = ("org/a_test.rego", "package policy.org.a_test");
        let other = ("README.md", "read by nobody");
        let signed = signatures(&[RULE, test, other]);
        let files = [RULE, test, other, (SIGNATURES, signed.as_str())];
        assert_eq!(from_archive(&files, true).unwrap().modules().len(), 1);
        let reason =
            |files: &[(&str, &str)], signed| from_archive(files, signed).err().map(|error| error.reason());
        assert_eq!(reason(&files, false), Some("signature"));
        assert_eq!(reason(&files[..3], true), Some("signature"));
        assert_eq!(reason(&files[1..], true), Some("signature"));
        assert_eq!(reason(&[files.as_slice(), &[("x.md", "")]].concat(), true), Some("signature"));
        assert_eq!(
            reason(&[(MANIFEST, "{}"), files[0], files[1], files[2], files[3]], true),
            Some("signature")
        );
    }
}
