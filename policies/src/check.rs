//! What an author wants to know before a bundle is served: what keeps it from being served, what is probably a
//! mistake, and which layer speaks about what.
//!
//! The gates are those of the proxy itself, by loading the bundle. Warnings are never a reason to refuse it, because
//! each of them has a rule somewhere that means it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::decision::Layer;
use crate::evaluate::{PolicySet, Settings};
use crate::input::Action;
use crate::plan::{Home, Verb, VerbRule, home};
use crate::schema;
use crate::source::{Bundle, LoadError, Problem, Source};
use crate::syntax::{Definition, Form, Syntax};

/// The engine copies an object that holds rules, and the root of `data`, for every evaluation.
const ROOT_KEYS_MAX: usize = 1000;

/// A bundle that would be served.
#[derive(Debug)]
pub struct CheckReport {
    pub revision: String,
    pub modules: usize,
    pub warnings: Vec<Problem>,
    pub matrix: Matrix,
}

/// Who speaks about what.
#[derive(Debug, PartialEq, Eq)]
pub struct Matrix {
    /// `org`, `team:payments`, `app:orders-bot`, outermost first.
    pub owners: Vec<String>,
    /// For each action the verbs of each owner, in the order of `owners`.
    pub rows: Vec<(Action, Vec<Vec<&'static str>>)>,
}

/// Loads a bundle as the proxy would, and looks for what is probably not meant.
pub fn check(source: &Source, data_files: &[PathBuf]) -> Result<CheckReport, LoadError> {
    let bundle = Bundle::load(source, data_files)?;
    let (revision, modules) = (bundle.revision().to_owned(), bundle.modules().len());
    let data = bundle.data().clone();
    let policies = PolicySet::new(bundle, Settings::default())?;
    let syntax = policies.syntax();
    Ok(CheckReport { revision, modules, warnings: warnings(&syntax, &data), matrix: matrix(&policies) })
}

fn matrix(policies: &PolicySet) -> Matrix {
    let rules = &policies.plans().rules;
    let owner = |rule: &VerbRule| (rule.layer, rule.owner.clone());
    let owners: BTreeSet<(Layer, String)> =
        rules.iter().map(|rule| owner(rule)).chain([(Layer::Org, String::new())]).collect();
    let verbs = |action: Action, of: &(Layer, String)| {
        let speaking = rules.iter().filter(|rule| owner(rule) == *of && rule.speaks_about(action));
        let verbs: BTreeSet<Verb> = speaking.map(|rule| rule.verb).collect();
        verbs.into_iter().map(Verb::name).collect()
    };
    let row = |action: &Action| (*action, owners.iter().map(|of| verbs(*action, of)).collect());
    let rows = Action::ALL.iter().map(row).collect();
    let name = |(layer, owner): &(Layer, String)| match layer {
        Layer::Org => layer.name().to_owned(),
        Layer::Team | Layer::App => format!("{}:{owner}", layer.name()),
    };
    Matrix { owners: owners.iter().map(name).collect(), rows }
}

fn warnings(syntax: &Syntax, data: &Map<String, Value>) -> Vec<Problem> {
    let mut found = Vec::new();
    if data.len() > ROOT_KEYS_MAX {
        let message =
            format!("has more than {ROOT_KEYS_MAX} keys at its root; put them under one of their own");
        found.push(Problem::new("data", message));
    }
    for module in &syntax.modules {
        misplaced_file(&module.package, &module.at, &mut found);
    }
    for definition in &syntax.definitions {
        verb_warnings(definition, &mut found);
        // What rules of `system` read is a log line.
        if definition.package.first().is_none_or(|root| root != "system") {
            unknown_input(definition, &mut found);
        }
    }
    unknown_data(syntax, data, &mut found);
    repeated_codes(syntax, &mut found);
    found
}

fn misplaced_file(package: &[String], at: &str, found: &mut Vec<Problem>) {
    let path = at.rsplit_once(':').map_or(at, |(path, _)| path);
    let mut parts: Vec<&str> = path.split('/').collect();
    let stem = parts.pop().and_then(|name| name.strip_suffix(".rego"));
    let names: Vec<&str> = package.iter().map(String::as_str).collect();
    let below = names.strip_prefix(&["policy"]).unwrap_or(&names);
    let is_home = |names: &[&str]| {
        names == parts.as_slice()
            || names.split_last().is_some_and(|(last, above)| above == parts && stem == Some(*last))
    };
    if !is_home(&names) && !is_home(below) {
        let message = format!("package {} is in another directory than its name says", names.join("."));
        found.push(Problem::new(at, message));
    }
}

fn verb_warnings(definition: &Definition, found: &mut Vec<Problem>) {
    let Some(verb) = Verb::from_name(definition.name()) else { return };
    if !matches!(home(&definition.package), Home::Layer { .. }) {
        return;
    }
    let mut warn = |message: &str| found.push(Problem::new(&definition.at, message));
    let is_default = matches!(definition.form, Form::Default { .. });
    if verb == Verb::Allow && definition.actions.is_none() && !is_default {
        warn(
            "`allow` names no action, so it can allow every question, and its layer has to allow each of them",
        );
    }
    if let (Verb::Deny, Form::Set { text, keys, .. }) = (verb, &definition.form) {
        if text.is_some() {
            warn("`deny` has no code, so the package stands in its place");
        } else if !keys.is_empty() && !keys.iter().any(|key| key == "code") {
            warn("`deny` has no `code`, so the package stands in its place");
        } else if !keys.is_empty() && !keys.iter().any(|key| key == "msg") {
            warn("`deny` has no `msg`, so callers are told only that policy refused");
        }
    }
}

fn unknown_input(definition: &Definition, found: &mut Vec<Problem>) {
    for read in &definition.uses.reads {
        let is_known = |(path, open): (Vec<&'static str>, bool)| {
            let agrees = read.iter().zip(&path).all(|(read, name)| read == name);
            agrees && (open || read.len() <= path.len())
        };
        if schema::known_paths().any(is_known) {
            continue;
        }
        let read = read.join(".");
        let closest = schema::known_paths()
            .map(|(path, _)| path.join("."))
            .map(|path| (distance(&read, &path), path))
            .min()
            .filter(|(steps, _)| *steps <= 3);
        let hint = closest.map_or_else(String::new, |(_, path)| format!("; did you mean input.{path}?"));
        found.push(Problem::new(&definition.at, format!("no question has input.{read}{hint}")));
    }
}

/// Letters to change, add or leave out. Paths are short.
fn distance(one: &str, other: &str) -> usize {
    let letters: Vec<char> = other.chars().take(128).collect();
    let mut row: Vec<usize> = (0..=letters.len()).collect();
    for (index, letter) in one.chars().take(128).enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, against) in row.iter_mut().skip(1).zip(&letters) {
            let changed = diagonal + usize::from(*against != letter);
            diagonal = *cell;
            left = changed.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// Only where there is data: a bundle may be checked without it.
fn unknown_data(syntax: &Syntax, data: &Map<String, Value>, found: &mut Vec<Problem>) {
    if data.is_empty() {
        return;
    }
    let packages: BTreeSet<&String> =
        syntax.modules.iter().filter_map(|module| module.package.first()).collect();
    for definition in &syntax.definitions {
        let roots: BTreeSet<&String> =
            definition.uses.references.iter().filter_map(|reference| reference.first()).collect();
        for root in roots.into_iter().filter(|root| !packages.contains(root) && !data.contains_key(*root)) {
            found.push(Problem::new(&definition.at, format!("data.{root} is neither data nor a rule")));
        }
    }
}

fn repeated_codes(syntax: &Syntax, found: &mut Vec<Problem>) {
    let mut first: BTreeMap<&str, &Definition> = BTreeMap::new();
    for definition in &syntax.definitions {
        let Form::Set { code: Some(code), .. } = &definition.form else { continue };
        if Verb::from_name(definition.name()) != Some(Verb::Deny) {
            continue;
        }
        let earlier = *first.entry(code).or_insert(definition);
        if earlier.package != definition.package {
            let message = format!("the code {code} is also that of {}", earlier.at);
            found.push(Problem::new(&definition.at, message));
        }
    }
}

/// The library, or a directory of OPA's layout.
pub fn source_of(directory: Option<&Path>) -> Source {
    directory.map_or(Source::Library, |directory| Source::Directory(directory.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn load(modules: &[(&str, &str)], data: Value) -> (Vec<String>, Matrix) {
        let bundle = Bundle::from_modules(modules.to_vec(), data);
        let data = bundle.data().clone();
        let settings =
            Settings { evaluation_limit: std::time::Duration::from_secs(30), ..Settings::default() };
        let policies = PolicySet::new(bundle, settings).unwrap();
        let warnings = warnings(&policies.syntax(), &data);
        (warnings.iter().map(Problem::to_string).collect(), matrix(&policies))
    }

    #[test]
    fn what_is_probably_not_meant_is_told_with_its_place() {
        for (rules, expected) in [
            ("allow if input.model.id", "org/a.rego:2: `allow` names no action"),
            ("deny contains \"only eu\" if input.action == \"api:call\"", "org/a.rego:2: `deny` has no code"),
            ("deny contains {\"msg\": \"m\"} if input.action == \"api:call\"", "`deny` has no `code`"),
            ("deny contains {\"code\": \"c\"} if input.action == \"api:call\"", "`deny` has no `msg`"),
            (
                "r if input.principal.taem == \"x\"",
                "no question has input.principal.taem; did you mean input.principal.team?",
            ),
            ("r if input.model.id.region", "no question has input.model.id.region"),
            ("r if input.entirely.elsewhere.from.here", "no question has input.entirely.elsewhere.from.here"),
            ("r if data.temas[input.principal.team]", "data.temas is neither data nor a rule"),
        ] {
            let (found, _) =
                load(&[("org/a.rego", &format!("package policy.org.a\n{rules}"))], json!({"teams": {}}));
            assert!(found.iter().any(|warning| warning.contains(expected)), "{rules}\n{found:?}");
        }
    }

    #[test]
    fn files_elsewhere_and_codes_of_another_package_are_told() {
        let deny = "deny contains {\"code\": \"c\", \"msg\": \"m\"} if input.action == \"api:call\"";
        let (one, other) = (format!("package policy.org.a\n{deny}"), format!("package policy.org.b\n{deny}"));
        let (found, _) = load(&[("org/a.rego", &one), ("elsewhere/b.rego", &other)], json!({}));
        let expected = [
            "elsewhere/b.rego:1: package policy.org.b is in another directory than its name says",
            "elsewhere/b.rego:2: the code c is also that of org/a.rego:2",
        ];
        assert_eq!(found, expected);
        let many: Map<String, Value> =
            (0..=ROOT_KEYS_MAX).map(|index| (format!("k{index}"), json!(1))).collect();
        let (found, _) = load(&[("org/a.rego", &one)], Value::Object(many));
        assert!(found.iter().any(|warning| warning.starts_with("data: has more than")), "{found:?}");
    }

    #[test]
    fn plain_rules_give_no_warning() {
        let rules = "package policy.org.a\n\
            default allow := false\n\
            allow if { input.action == \"model:invoke\"; input.model.id in data.teams[input.principal.team].models }\n\
            deny contains {\"code\": \"c\", \"msg\": \"m\"} if { input.action == \"tool:use\"; input.tool.args.a.b }\n\
            deny contains {\"code\": \"d\", \"msg\": \"m\"} if input.signals.pii.EMAIL > 1\n\
            r := input.request.tools[0]";
        for path in ["org/a.rego", "policy/org/a.rego", "org/a/anything.rego"] {
            assert_eq!(load(&[(path, rules)], json!({"teams": {}})).0, Vec::<String>::new(), "{path}");
        }
        assert_eq!(load(&[("org/a.rego", rules)], json!({})).0, Vec::<String>::new());
    }

    #[test]
    fn the_shipped_library_gives_no_warning() {
        let report = check(&source_of(None), &[]).unwrap();
        assert_eq!(report.warnings, []);
        assert_eq!(report.matrix.owners, ["org"]);
        let mut rows = report.matrix.rows.iter().filter(|(action, _)| !action.passes_unless_denied());
        assert!(rows.all(|(_, cells)| cells[0].contains(&"allow")));
    }

    #[test]
    fn the_matrix_tells_who_speaks_about_what() {
        let org = "package policy.org.a\nallow contains \"x\" if input.action == \"model:invoke\"\n\
            deny contains \"y\" if input.action in {\"model:invoke\", \"api:call\"}";
        let team = "package policy.team.payments.a\napply contains {\"max_tokens\": 5}";
        let (_, matrix) = load(&[("org/a.rego", org), ("team/payments/a.rego", team)], json!({}));
        assert_eq!(matrix.owners, ["org", "team:payments"]);
        let row = |action| matrix.rows.iter().find(|(row, _)| *row == action).unwrap().1.clone();
        assert_eq!(row(Action::ModelInvoke), [vec!["deny", "allow"], vec!["apply"]]);
        assert_eq!(row(Action::ApiCall), [vec!["deny"], vec!["apply"]]);
        assert_eq!(row(Action::ToolUse), [vec![], vec!["apply"]]);
    }
}
