//! `.manifest`: which revision a bundle is and which part of the namespace it may speak for.
//!
//! Roots are enforced on every package and every leaf of its data, so that whoever publishes one team's rules cannot
//! change another's. Rego v1 alone is served.

use regorus::Engine;
use serde_json::{Map, Value};

use crate::source::{ModuleText, Problem};
use crate::syntax::Syntax;

const REVISION_BYTES_MAX: usize = 128;
const ROOTS_MAX: usize = 1024;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error(".manifest is not a JSON object")]
    Syntax,
    #[error(".manifest: {member} is not of the right kind")]
    Member { member: &'static str },
    #[error(".manifest: the revision is longer than 128 bytes or not plain ASCII")]
    Revision,
    #[error(".manifest: the roots {one:?} and {other:?} overlap")]
    Overlap { one: String, other: String },
    #[error(".manifest: more than 1024 roots")]
    Roots,
    #[error(".manifest: only Rego v1 is served")]
    RegoVersion,
    #[error(".manifest: WebAssembly modules are not run")]
    Wasm,
}

pub(crate) struct Manifest {
    pub(crate) revision: Option<String>,
    /// Paths under `data`. The empty path is all of it.
    roots: Vec<Vec<String>>,
}

impl Manifest {
    pub(crate) fn parse(text: &str) -> Result<Manifest, ManifestError> {
        let Ok(Value::Object(members)) = serde_json::from_str(text) else {
            return Err(ManifestError::Syntax);
        };
        if members.get("rego_version").is_some_and(|version| version.as_u64() != Some(1)) {
            return Err(ManifestError::RegoVersion);
        }
        match members.get("file_rego_versions") {
            None => {}
            Some(Value::Object(files)) if files.values().all(|version| version.as_u64() == Some(1)) => {}
            Some(Value::Object(_)) => return Err(ManifestError::RegoVersion),
            Some(_) => return Err(ManifestError::Member { member: "file_rego_versions" }),
        }
        match members.get("wasm") {
            None | Some(Value::Null) => {}
            Some(Value::Array(modules)) if modules.is_empty() => {}
            Some(_) => return Err(ManifestError::Wasm),
        }
        Ok(Manifest { revision: revision(&members)?, roots: roots(&members)? })
    }

    /// Packages and data outside the roots.
    pub(crate) fn problems(&self, modules: &[ModuleText], data: &Map<String, Value>) -> Vec<Problem> {
        let mut problems = Vec::new();
        for module in modules {
            let mut engine = Engine::new();
            // What does not parse is named, with its line, by those who load it.
            if engine.add_policy(module.path.clone(), module.text.clone()).is_err() {
                continue;
            }
            for syntax in Syntax::read(engine.get_modules()).modules {
                if !self.roots.iter().any(|root| syntax.package.starts_with(root)) {
                    let package = syntax.package.join(".");
                    let message = format!("the package {package} is outside the roots of .manifest");
                    problems.push(Problem::new(syntax.at, message));
                }
            }
        }
        self.outside(&mut Vec::new(), data, &mut problems);
        problems
    }

    fn outside<'d>(
        &self,
        path: &mut Vec<&'d str>,
        object: &'d Map<String, Value>,
        problems: &mut Vec<Problem>,
    ) {
        let within = |path: &[&str]| self.roots.iter().any(|root| starts_with(path, root));
        if within(path) {
            return;
        }
        for (key, value) in object {
            path.push(key);
            let leads_to_one = self.roots.iter().any(|root| {
                root.len() > path.len() && path.iter().zip(root).all(|(one, other)| *one == other.as_str())
            });
            match value {
                _ if within(path) => {}
                Value::Object(inner) if leads_to_one => self.outside(path, inner, problems),
                _ => {
                    let at = format!("data.{}", path.join("."));
                    problems.push(Problem::new(at, "is outside the roots of .manifest"));
                }
            }
            path.pop();
        }
    }
}

fn starts_with(path: &[&str], root: &[String]) -> bool {
    path.len() >= root.len() && path.iter().zip(root).all(|(one, other)| *one == other.as_str())
}

fn revision(members: &Map<String, Value>) -> Result<Option<String>, ManifestError> {
    let text = match members.get("revision") {
        None => return Ok(None),
        Some(Value::String(text)) => text,
        Some(_) => return Err(ManifestError::Member { member: "revision" }),
    };
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if !plain || text.len() > REVISION_BYTES_MAX {
        return Err(ManifestError::Revision);
    }
    Ok(Some(text.clone()).filter(|text| !text.is_empty()))
}

fn roots(members: &Map<String, Value>) -> Result<Vec<Vec<String>>, ManifestError> {
    let wrong = ManifestError::Member { member: "roots" };
    let written = match members.get("roots") {
        None | Some(Value::Null) => return Ok(vec![Vec::new()]),
        Some(Value::Array(roots)) => roots,
        Some(_) => return Err(wrong),
    };
    if written.len() > ROOTS_MAX {
        return Err(ManifestError::Roots);
    }
    let mut roots = Vec::with_capacity(written.len());
    for root in written {
        let text = root.as_str().ok_or_else(|| wrong.clone())?.trim_matches('/');
        let path: Vec<String> = text.split('/').filter(|_| !text.is_empty()).map(str::to_owned).collect();
        roots.push(path);
    }
    roots.sort_unstable();
    // In this order a root stands directly before the first one it contains.
    for pair in roots.windows(2) {
        if let [one, other] = pair
            && other.starts_with(one)
        {
            return Err(ManifestError::Overlap { one: one.join("/"), other: other.join("/") });
        }
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest(value: Value) -> Result<Manifest, ManifestError> {
        Manifest::parse(&value.to_string())
    }

    #[test]
    fn what_is_not_served_is_refused() {
        for (value, error) in [
            (json!([]), ManifestError::Syntax),
            (json!({"revision": 7}), ManifestError::Member { member: "revision" }),
            (json!({"revision": "x".repeat(129)}), ManifestError::Revision),
            (json!({"revision": "a\nb"}), ManifestError::Revision),
            (json!({"rego_version": 0}), ManifestError::RegoVersion),
            (json!({"rego_version": 2}), ManifestError::RegoVersion),
            (json!({"file_rego_versions": {"/a.rego": 0}}), ManifestError::RegoVersion),
            (json!({"file_rego_versions": []}), ManifestError::Member { member: "file_rego_versions" }),
            (json!({"wasm": [{"entrypoint": "a"}]}), ManifestError::Wasm),
            (json!({"roots": "policy"}), ManifestError::Member { member: "roots" }),
            (json!({"roots": [1]}), ManifestError::Member { member: "roots" }),
            (json!({"roots": vec!["a"; 1025]}), ManifestError::Roots),
            (
                json!({"roots": ["a/b", "c", "a"]}),
                ManifestError::Overlap { one: "a".into(), other: "a/b".into() },
            ),
            (json!({"roots": ["a", "/a/"]}), ManifestError::Overlap { one: "a".into(), other: "a".into() }),
            (json!({"roots": ["", "a"]}), ManifestError::Overlap { one: String::new(), other: "a".into() }),
        ] {
            assert_eq!(manifest(value.clone()).err(), Some(error), "{value}");
        }
        let good = json!({"revision": "v 1.2+a", "rego_version": 1, "roots": ["ab", "a"], "wasm": [],
            "file_rego_versions": {"/x.rego": 1}, "metadata": {"any": [1]}});
        assert_eq!(manifest(good).unwrap().revision.as_deref(), Some("v 1.2+a"));
        assert_eq!(manifest(json!({"revision": ""})).unwrap().revision, None);
    }

    #[test]
    fn packages_and_data_outside_the_roots_are_named() {
        let module =
            |package: &str| ModuleText { path: "x.rego".into(), text: format!("package {package}\nr := 1") };
        let data = json!({"teams": {"red": {"n": 1}, "blue": {"n": 2}}, "exemptions": {}});
        let Value::Object(data) = data else { panic!() };
        for (roots, package, outside) in [
            (json!([""]), "policy.org.a", vec![]),
            (json!(null), "policy.org.a", vec![]),
            (json!(["policy/team/red", "teams", "exemptions"]), "policy.team.red", vec![]),
            (json!(["policy/team/red", "teams", "exemptions"]), "policy.team.red.x", vec![]),
            (json!(["policy/team/red", "teams", "exemptions"]), "policy.team.redder", vec!["x.rego:1"]),
            (json!(["policy/team/red", "teams", "exemptions"]), "policy.org.a", vec!["x.rego:1"]),
            (json!(["policy", "teams/red"]), "policy.org.a", vec!["data.teams.blue", "data.exemptions"]),
            (
                json!(["policy", "teams/red/n/deeper", "exemptions"]),
                "policy.a",
                vec!["data.teams.red.n", "data.teams.blue"],
            ),
            (json!([]), "policy.a", vec!["x.rego:1", "data.teams", "data.exemptions"]),
        ] {
            let manifest = manifest(json!({"roots": roots})).unwrap();
            let problems = manifest.problems(&[module(package)], &data);
            let at: Vec<&str> = problems.iter().map(|problem| problem.at.as_str()).collect();
            assert_eq!(at, outside, "{roots} {package}");
        }
    }
}
