//! Recorded decisions against another bundle: who would be refused that was not, who would no longer be.
//!
//! Lines are those of the decision log. Where something the rules read was masked the outcome is inconclusive, never
//! guessed. Rules are functions of their input and time is one of them, so the same line gives the same answer
//! whenever it is replayed. Nothing of the input is kept: counts, codes and request ids.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::decision_log::names;
use crate::document::{InputDocument, MODE_NAMES};
use crate::evaluate::PolicySet;

/// A line of the decision log: input and result, and what is around them.
pub const LINE_BYTES_MAX: usize = 4 << 20;
/// Requests named for each outcome.
const EXAMPLES_MAX: usize = 5;
/// Teams counted apart; the rest are counted together.
const TEAMS_MAX: usize = 1000;
const NAME_BYTES_MAX: usize = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// What was refused is allowed, or what had to be done no longer has to.
    Looser,
    /// Other obligations, neither stricter nor looser.
    Other,
    /// What was allowed is refused, or more has to be done.
    Stricter,
    Same,
    /// What a rule reads was masked, or the line is not of this form.
    Inconclusive,
}

impl Change {
    pub const ALL: [Change; 5] =
        [Change::Looser, Change::Other, Change::Stricter, Change::Same, Change::Inconclusive];

    pub fn name(self) -> &'static str {
        match self {
            Change::Looser => "looser",
            Change::Other => "other",
            Change::Stricter => "stricter",
            Change::Same => "same",
            Change::Inconclusive => "inconclusive",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    pub request_id: String,
    pub team: String,
    pub action: String,
    /// What differs: codes that came or went, obligations, or what was masked.
    pub why: String,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// By team and outcome.
    pub teams: BTreeMap<String, BTreeMap<Change, u64>>,
    pub examples: BTreeMap<Change, Vec<Example>>,
}

impl ReplayReport {
    pub fn count(&self, change: Change) -> u64 {
        self.teams.values().filter_map(|counts| counts.get(&change)).sum()
    }

    pub fn total(&self) -> u64 {
        self.teams.values().flat_map(BTreeMap::values).sum()
    }

    fn add(&mut self, change: Change, example: Example) {
        let known = self.teams.contains_key(&example.team) || self.teams.len() < TEAMS_MAX;
        let team = if known { example.team.clone() } else { "(others)".to_owned() };
        *self.teams.entry(team).or_default().entry(change).or_default() += 1;
        let examples = self.examples.entry(change).or_default();
        if examples.len() < EXAMPLES_MAX && change != Change::Same {
            examples.push(example);
        }
    }
}

pub struct Replay<'p> {
    new: &'p PolicySet,
    /// Where absent the recorded result stands for it.
    old: Option<&'p PolicySet>,
    /// Paths under `input` that either reads.
    reads: Vec<Vec<String>>,
    report: ReplayReport,
}

impl<'p> Replay<'p> {
    pub fn new(new: &'p PolicySet, old: Option<&'p PolicySet>) -> Replay<'p> {
        let reads = [Some(new), old].into_iter().flatten().flat_map(reads).collect();
        Replay { new, old, reads, report: ReplayReport::default() }
    }

    /// One line of a log.
    pub fn line(&mut self, line: &str) {
        let (change, example) = self.judge(line);
        self.report.add(change, example);
    }

    pub fn finish(self) -> ReplayReport {
        self.report
    }

    fn judge(&self, line: &str) -> (Change, Example) {
        let mut example = Example {
            request_id: String::new(),
            team: String::new(),
            action: String::new(),
            why: String::new(),
        };
        let parsed =
            (line.len() <= LINE_BYTES_MAX).then(|| serde_json::from_str::<Value>(line).ok()).flatten();
        let Some(line) = parsed else {
            example.why = "not a line of JSON".to_owned();
            return (Change::Inconclusive, example);
        };
        let text = |path: &str| line.pointer(path).and_then(Value::as_str).map(bounded).unwrap_or_default();
        example.request_id = text("/req_id");
        if example.request_id.is_empty() {
            example.request_id = text("/decision_id");
        }
        example.team = text("/input/principal/team");
        example.action = text("/input/action");
        let (change, why) = self.compare(&line);
        (change, Example { why, ..example })
    }

    fn compare(&self, line: &Value) -> (Change, String) {
        if let Some(masked) = self.masked(line) {
            return (Change::Inconclusive, format!("{masked} was masked and is read"));
        }
        let input = line.get("input").map(Value::to_string).unwrap_or_default();
        let document = match InputDocument::parse(&input) {
            Ok(document) => document,
            Err(error) => return (Change::Inconclusive, error.to_string()),
        };
        let new = self.new.decide_document(&document).document();
        let old = match (self.old, line.get("result")) {
            (Some(old), _) => old.decide_document(&document).document(),
            (None, Some(result)) if result.get("verdict").is_some_and(Value::is_string) => result.clone(),
            (None, _) => return (Change::Inconclusive, "the line has no result".to_owned()),
        };
        // What ran out of time says nothing about the rules.
        if [&old, &new].into_iter().any(|one| codes(one).iter().any(|code| code == "policy_timeout")) {
            return (Change::Inconclusive, "policy_timeout".to_owned());
        }
        difference(&old, &new)
    }

    /// Something masked that a rule reads.
    fn masked<'l>(&self, line: &'l Value) -> Option<&'l str> {
        // A rule that chooses packages reads these whatever is written in it.
        let always = [["action"].as_slice(), &["principal", "team"], &["principal", "app"]];
        let lists = ["erased", "masked"].into_iter().filter_map(|name| line.get(name)?.as_array());
        lists.flatten().filter_map(Value::as_str).find(|pointer| {
            let path = names(pointer);
            let Some((root, path)) = path.split_first() else { return true };
            let result = self.old.is_none()
                && root == "result"
                && path
                    .first()
                    .is_none_or(|name| matches!(name.as_str(), "verdict" | "obligations" | "reasons"));
            let read = |read: &[String]| read.iter().zip(path).all(|(read, name)| read == name);
            let chosen = |chosen: &&[&str]| chosen.iter().zip(path).all(|(chosen, name)| chosen == name);
            result || root == "input" && (self.reads.iter().any(|one| read(one)) || always.iter().any(chosen))
        })
    }
}

/// What rules that decide read; those of `system` read the line.
fn reads(policies: &PolicySet) -> Vec<Vec<String>> {
    let syntax = policies.syntax();
    let deciding =
        syntax.definitions.iter().filter(|one| one.package.first().is_none_or(|root| root != "system"));
    deciding.flat_map(|definition| definition.uses.reads.iter().cloned()).collect()
}

fn bounded(text: &str) -> String {
    text.get(..text.floor_char_boundary(NAME_BYTES_MAX)).unwrap_or_default().to_owned()
}

fn codes(decision: &Value) -> Vec<String> {
    let reasons = decision.get("reasons").and_then(Value::as_array).into_iter().flatten();
    reasons.filter_map(|reason| reason.get("code")?.as_str().map(bounded)).collect()
}

/// From one decision document to another.
fn difference(old: &Value, new: &Value) -> (Change, String) {
    let allows = |decision: &Value| decision.get("verdict").and_then(Value::as_str) == Some("allow");
    match (allows(old), allows(new)) {
        (true, false) => (Change::Stricter, format!("now {}", codes(new).join(", "))),
        (false, true) => (Change::Looser, format!("was {}", codes(old).join(", "))),
        // Other reasons for the same refusal change nothing for anybody.
        (false, false) => (Change::Same, String::new()),
        (true, true) => {
            let none = Map::new();
            let obligations = |decision: &'_ Value| {
                decision.get("obligations").and_then(Value::as_object).unwrap_or(&none).clone()
            };
            obligation_difference(&obligations(old), &obligations(new))
        }
    }
}

fn obligation_difference(old: &Map<String, Value>, new: &Map<String, Value>) -> (Change, String) {
    let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let changed: Vec<(&String, Change)> = keys
        .into_iter()
        .map(|key| (key, one_obligation(key, old.get(key), new.get(key))))
        .filter(|(_, change)| *change != Change::Same)
        .collect();
    let has = |wanted: Change| changed.iter().any(|(_, change)| *change == wanted);
    let change = match (has(Change::Looser), has(Change::Other), has(Change::Stricter)) {
        (false, false, false) => Change::Same,
        // Any part that loosens is what a reader must not miss.
        (true, _, _) => Change::Looser,
        (false, true, _) => Change::Other,
        (false, false, true) => Change::Stricter,
    };
    let why: Vec<String> = changed.iter().map(|(key, change)| format!("{key} {}", change.name())).collect();
    (change, why.join(", "))
}

fn one_obligation(key: &str, old: Option<&Value>, new: Option<&Value>) -> Change {
    if old == new {
        return Change::Same;
    }
    match key {
        "max_tokens" => least(old.map(number), new.map(number)),
        "approval" => approval(old, new),
        "log" => least(old.map(log_rank), new.map(log_rank)),
        // Without a word about it nothing is cached.
        "cache" => cache(old, new),
        "drop_tools" => {
            let (old, new) = (texts(old), texts(new));
            by_inclusion(new.iter().all(|name| old.contains(name)), old.iter().all(|name| new.contains(name)))
        }
        "redact" => {
            let (old, new) = (redactions(old), redactions(new));
            by_inclusion(covers(&old, &new), covers(&new, &old))
        }
        // Something else in the same place is neither more nor less.
        _ => match (old, new) {
            (None, Some(_)) => Change::Stricter,
            (Some(_), None) => Change::Looser,
            _ => Change::Other,
        },
    }
}

/// `old_has_all`: everything the new asks for the old did too.
fn by_inclusion(old_has_all: bool, new_has_all: bool) -> Change {
    match (old_has_all, new_has_all) {
        (true, true) => Change::Same,
        (true, false) => Change::Looser,
        (false, true) => Change::Stricter,
        (false, false) => Change::Other,
    }
}

/// Absent is no limit.
fn least(old: Option<u64>, new: Option<u64>) -> Change {
    let (old, new) = (old.unwrap_or(u64::MAX), new.unwrap_or(u64::MAX));
    match new.cmp(&old) {
        std::cmp::Ordering::Less => Change::Stricter,
        std::cmp::Ordering::Equal => Change::Same,
        std::cmp::Ordering::Greater => Change::Looser,
    }
}

/// More groups and less time to approve in demand more. How long the caller is kept waiting changes nothing of that.
fn approval(old: Option<&Value>, new: Option<&Value>) -> Change {
    let read = |rule: Option<&Value>| {
        let groups: BTreeSet<String> =
            texts(rule.and_then(|rule| rule.get("approvers"))).into_iter().map(str::to_owned).collect();
        (groups, rule.and_then(|rule| rule.get("ttl_s")).map_or(u64::MAX, number))
    };
    let ((old_groups, old_ttl), (new_groups, new_ttl)) = (read(old), read(new));
    by_inclusion(
        old_groups.is_superset(&new_groups) && old_ttl <= new_ttl,
        new_groups.is_superset(&old_groups) && new_ttl <= old_ttl,
    )
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(u64::MAX)
}

fn log_rank(value: &Value) -> u64 {
    match value.get("content").and_then(Value::as_str) {
        Some("none") => 0,
        Some("redacted") => 1,
        _ => 2,
    }
}

/// Scope and lifetime, zero where there is no cache; narrower and shorter is stricter.
fn cache(old: Option<&Value>, new: Option<&Value>) -> Change {
    let read = |rule: Option<&Value>| {
        let scope = match rule.and_then(|rule| rule.get("scope")?.as_str()) {
            None => 0_u64,
            Some("user") => 1,
            Some("app") => 2,
            Some("team") => 3,
            Some(_) => 4,
        };
        (scope, rule.and_then(|rule| rule.get("ttl_s")?.as_u64()).unwrap_or_default())
    };
    let ((old_scope, old_ttl), (new_scope, new_ttl)) = (read(old), read(new));
    // Unlike the others this one permits: whatever includes more is looser.
    by_inclusion(new_scope >= old_scope && new_ttl >= old_ttl, old_scope >= new_scope && old_ttl >= new_ttl)
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Rank of the mode and whether values stay away, by place and type.
fn redactions(value: Option<&Value>) -> BTreeMap<(String, String), (usize, bool)> {
    let mut found = BTreeMap::new();
    for entry in value.and_then(Value::as_array).into_iter().flatten() {
        let mode = entry.get("mode").and_then(Value::as_str).unwrap_or_default();
        let rank = MODE_NAMES.iter().position(|name| *name == mode).unwrap_or(MODE_NAMES.len());
        let withheld = entry.get("restore").and_then(Value::as_bool) == Some(false);
        for place in texts(entry.get("where")) {
            for kind in texts(entry.get("types")) {
                found.insert((place.to_owned(), kind.to_owned()), (rank, withheld));
            }
        }
    }
    found
}

/// Whether one hides everything the other does, at least as strictly.
fn covers(
    one: &BTreeMap<(String, String), (usize, bool)>,
    other: &BTreeMap<(String, String), (usize, bool)>,
) -> bool {
    other.iter().all(|(key, (rank, withheld))| {
        one.get(key).is_some_and(|(own_rank, own_withheld)| own_rank >= rank && own_withheld >= withheld)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decision_log::LogContext;
    use crate::evaluate::Settings;
    use crate::samples::{Dice, Sample};
    use crate::source::Bundle;

    fn policies(rules: &str) -> PolicySet {
        let rules = format!("package policy.org.a\n{rules}");
        let log =
            "package system.log\nmask contains \"/input/principal/user\"\nmask contains \"/input/tool/args\"";
        let modules = vec![("org/a.rego", rules.as_str()), ("system/log.rego", log)];
        let settings = Settings {
            evaluation_limit: std::time::Duration::from_secs(30),
            memo_entries_max: 0,
            ..Settings::default()
        };
        PolicySet::new(Bundle::from_modules(modules, json!({})), settings).unwrap()
    }

    fn line(policies: &PolicySet, sample: &Sample) -> String {
        let decision = policies.decide(&sample.question());
        let context = LogContext { request_id: "r-1", timestamp: "2026-11-22T14:00:00Z", bundle: "policy" };
        policies.log_line(&sample.question(), &decision, &context).unwrap().to_string()
    }

    fn replay(old: &str, new: &str, sample: &Sample) -> (Change, String) {
        let (old, new) = (policies(old), policies(new));
        let line = line(&old, sample);
        let outcome = |old: Option<&PolicySet>| {
            let (change, example) = Replay::new(&new, old).judge(&line);
            (change, example.why)
        };
        let recorded = outcome(None);
        assert_eq!(recorded, outcome(Some(&old)), "the record says what the old bundle does");
        recorded
    }

    const ALLOW: &str = "allow contains \"x\"\n";

    #[test]
    fn verdicts_are_compared() {
        let deny = "deny contains {\"code\": \"c\", \"msg\": \"m\"}";
        let denying = format!("{ALLOW}{deny}");
        for (old, new, expected, why) in [
            (ALLOW, ALLOW, Change::Same, ""),
            (ALLOW, denying.as_str(), Change::Stricter, "now c"),
            (denying.as_str(), ALLOW, Change::Looser, "was c"),
            (denying.as_str(), "x := 1", Change::Same, ""),
            (ALLOW, "x := 1", Change::Stricter, "now no_allow"),
        ] {
            assert_eq!(replay(old, new, &Sample::invoke()), (expected, why.to_owned()), "{new}");
        }
    }

    #[test]
    fn obligations_are_compared_by_what_they_demand() {
        for (less, more) in [
            ("{}", "{\"max_tokens\": 5}"),
            ("{\"max_tokens\": 6}", "{\"max_tokens\": 5}"),
            ("{\"drop_tools\": [\"a\"]}", "{\"drop_tools\": [\"a\", \"b\"]}"),
            ("{}", "{\"approval\": {\"approvers\": [\"a\"]}}"),
            (
                "{\"approval\": {\"approvers\": [\"a\"]}}",
                "{\"approval\": {\"approvers\": [\"a\", \"b\"], \"ttl_s\": 60}}",
            ),
            ("{}", "{\"guardrail\": {\"id\": \"g\", \"version\": \"1\"}}"),
            (
                "{\"cache\": {\"scope\": \"team\", \"ttl_s\": 9}}",
                "{\"cache\": {\"scope\": \"user\", \"ttl_s\": 9}}",
            ),
            (
                "{\"cache\": {\"scope\": \"team\", \"ttl_s\": 9}}",
                "{\"cache\": {\"scope\": \"team\", \"ttl_s\": 8}}",
            ),
            ("{\"cache\": {\"scope\": \"user\", \"ttl_s\": 9}}", "{\"cache\": false}"),
            ("{\"log\": {\"content\": \"full\"}}", "{\"log\": {\"content\": \"none\"}}"),
            ("{\"redact\": {\"types\": [\"EMAIL\"]}}", "{\"redact\": {\"types\": [\"EMAIL\", \"PHONE\"]}}"),
            (
                "{\"redact\": {\"types\": [\"EMAIL\"]}}",
                "{\"redact\": {\"types\": [\"EMAIL\"], \"mode\": \"drop\"}}",
            ),
            (
                "{\"redact\": {\"types\": [\"EMAIL\"]}}",
                "{\"redact\": {\"types\": [\"EMAIL\"], \"restore\": false}}",
            ),
        ] {
            let rules = |value: &str| match value {
                "{}" => ALLOW.to_owned(),
                _ => format!("{ALLOW}apply contains {value}"),
            };
            let (less, more) = (rules(less), rules(more));
            assert_eq!(replay(&less, &more, &Sample::invoke()).0, Change::Stricter, "{more}");
            assert_eq!(replay(&more, &less, &Sample::invoke()).0, Change::Looser, "{more}");
            assert_eq!(replay(&more, &more, &Sample::invoke()).0, Change::Same, "{more}");
        }
    }

    #[test]
    fn what_is_neither_is_told_and_any_loosening_wins() {
        let tags = |value: &str| format!("{ALLOW}apply contains {{\"tags\": {{\"a\": \"{value}\"}}}}");
        let outcome = replay(&tags("b"), &tags("c"), &Sample::invoke());
        assert_eq!(outcome, (Change::Other, "tags other".to_owned()));
        let old = format!("{ALLOW}apply contains {{\"max_tokens\": 5}}");
        let new = format!("{ALLOW}apply contains {{\"log\": {{\"content\": \"none\"}}}}");
        let outcome = replay(&old, &new, &Sample::invoke());
        assert_eq!(outcome, (Change::Looser, "log stricter, max_tokens looser".to_owned()));
    }

    #[test]
    fn what_was_masked_and_is_read_is_inconclusive() {
        let reading = format!("{ALLOW}deny contains \"x\" if input.principal.user == \"bob\"");
        let mut sample = Sample::invoke();
        // Nothing was there to mask.
        assert_eq!(replay(ALLOW, &reading, &sample).0, Change::Same);
        sample.principal.user = Some("bob".into());
        let (change, why) = replay(ALLOW, &reading, &sample);
        assert_eq!(
            (change, why.as_str()),
            (Change::Inconclusive, "/input/principal/user was masked and is read")
        );
        assert_eq!(replay(ALLOW, ALLOW, &sample).0, Change::Same);
        let arguments = format!("{ALLOW}deny contains \"x\" if input.tool.args.city == \"Oslo\"");
        assert_eq!(replay(ALLOW, &arguments, &Sample::tool_use()).0, Change::Inconclusive);
        assert_eq!(replay(ALLOW, &arguments, &Sample::invoke()).0, Change::Same);
    }

    #[test]
    fn lines_of_another_form_are_inconclusive() {
        let policies = policies(ALLOW);
        for (line, why) in [
            ("{", "not a line of JSON"),
            ("{}", "the input is not a JSON object"),
            (r#"{"input": {"action": "x"}}"#, "input.action must be one of"),
            (r#"{"input": {"action": "api:call"}}"#, "the line has no result"),
            (r#"{"input": {"action": "api:call"}, "result": {}}"#, "the line has no result"),
            (
                r#"{"input": {"action": "api:call"}, "result": {"verdict": "allow"}, "masked": ["/result/verdict"]}"#,
                "/result/verdict was masked",
            ),
            (
                r#"{"input": {"action": "api:call"}, "result": {"verdict": "allow"}, "erased": ["/input/principal"]}"#,
                "/input/principal was masked",
            ),
        ] {
            let (change, example) = Replay::new(&policies, None).judge(line);
            assert_eq!(change, Change::Inconclusive, "{line}");
            assert!(example.why.starts_with(why), "{line} {}", example.why);
        }
        let long = format!("{{\"x\": \"{}\"}}", "y".repeat(LINE_BYTES_MAX));
        assert_eq!(Replay::new(&policies, None).judge(&long).0, Change::Inconclusive);
    }

    #[test]
    fn counts_are_kept_by_team_and_examples_by_request() {
        let old = policies(ALLOW);
        let new = policies("allow contains \"x\" if input.principal.team == \"payments\"");
        let mut replay = Replay::new(&new, None);
        let mut dice = Dice(5);
        let mut expected: BTreeMap<String, u64> = BTreeMap::new();
        for _ in 0..200 {
            let sample = Sample::random(&mut dice);
            // What passes unless denied is no stricter for a grant less.
            let is_granted = !sample.action.passes_unless_denied();
            if is_granted && old.document(&sample.question()).is_some() {
                *expected.entry(sample.principal.team.clone()).or_default() += 1;
                replay.line(&line(&old, &sample));
            }
        }
        let report = replay.finish();
        assert_eq!(report.total(), expected.values().sum::<u64>());
        assert!(report.count(Change::Stricter) > 10);
        for (team, counts) in &report.teams {
            let change = if team == "payments" { Change::Same } else { Change::Stricter };
            assert_eq!(counts.get(&change), expected.get(team), "{team}");
        }
        let examples = &report.examples[&Change::Stricter];
        assert_eq!((examples.len(), examples[0].request_id.as_str()), (EXAMPLES_MAX, "r-1"));
        assert!(!report.examples[&Change::Same].iter().any(|_| true));
    }
}
