//! `hardpan policy` from outside: what authors of rules see before the rules are served.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("hardpan-policy-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// A bundle with one module of the organisation.
    fn bundle(name: &str, rules: &str) -> Self {
        let folder = Folder::new();
        folder.file(&format!("org/{name}.rego"), &format!("package policy.org.{name}\n{rules}"));
        folder
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.to_string_lossy().into_owned()
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn policy(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hardpan"))
        .arg("policy")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end before it has read all.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", told(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_str(&text(output)).unwrap()
}

fn repository(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path).to_string_lossy().into_owned()
}

const INPUT: &str = r#"{"v": 1, "action": "model:invoke", "principal": {"team": "payments", "app": "orders-bot",
    "user": "alice"}, "model": {"id": "m-1", "region": "ap-south-1"}, "time": {"utc": "2026-11-22T14:00:00Z"}}"#;

const ALLOW: &str = "allow contains \"ok\" if input.action == \"model:invoke\"\n";

#[test]
fn check_prints_who_speaks_about_what() {
    let output = policy(&["check", &repository("policies/rego"), "--strict"], "");
    let text = text(&output);
    let row = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(row("action").ends_with("org"));
    assert!(row("model:invoke").contains("deny allow"), "{text}");
    assert!(text.contains(" 0 warning(s)"));
    assert!(policy(&["check"], "").status.success(), "the library in the binary");
}

#[test]
fn check_refuses_what_would_not_be_served_and_warns_of_the_rest() {
    let folder = Folder::bundle("a", "allow if input.modle.id");
    let output = policy(&["check", folder.path()], "");
    assert!(
        text(&output)
            .contains("warning: org/a.rego:2: no question has input.modle.id; did you mean input.model.id?")
    );
    let output = policy(&["check", folder.path(), "--strict"], "");
    assert!(!output.status.success());
    let folder = Folder::bundle("a", "allow if http.send({})\nf(x) := f(x)");
    let output = policy(&["check", folder.path()], "");
    assert!(!output.status.success());
    for expected in ["org/a.rego:2: http.send may not be used", "org/a.rego:3: recursion"] {
        assert!(told(&output).contains(expected), "{}", told(&output));
    }
}

#[test]
fn what_a_log_would_have_can_be_replayed() {
    let folder = Folder::bundle("a", ALLOW);
    let line = text(&policy(&["eval", folder.path(), "--input", "-", "--log"], INPUT));
    assert_eq!(line.lines().count(), 1, "{line}");
    let decisions = folder.file("decisions.jsonl", &line);
    let report = text(&policy(&["replay", &decisions, "--bundle", folder.path(), "--fail-on", "looser"], ""));
    let all = report.lines().find(|line| line.starts_with("all")).unwrap();
    assert_eq!(all.split_whitespace().collect::<Vec<_>>(), ["all", "0", "0", "0", "1", "0"], "{report}");
}

#[test]
fn coverage_has_a_threshold() {
    let folder = Folder::bundle("a", "allow if input.x == 1\ndeny contains \"d\" if {\n\tinput.y == 1\n}");
    folder.file(
        "org/a_test.rego",
        "package policy.org.a_test\nimport data.policy.org.a\ntest_allow if a.allow with input as {\"x\": 1}",
    );
    let output = policy(&["test", folder.path(), "--coverage"], "");
    let text = text(&output);
    assert!(text.contains("org/a.rego: no test reaches line(s) 3\n"), "{text}");
    assert!(text.contains("coverage: 2 of 3 lines, 66.6 %"), "{text}");
    assert!(policy(&["test", folder.path(), "--threshold", "66"], "").status.success());
    let output = policy(&["test", folder.path(), "--threshold", "67"], "");
    assert!(!output.status.success() && told(&output).contains("less than 67 %"));
    assert!(!policy(&["test", folder.path(), "--threshold", "101"], "").status.success());
    assert!(policy(&["test", folder.path()], "").status.success());
}

#[test]
fn eval_answers_with_the_decision_document() {
    let folder = Folder::bundle(
        "a",
        &format!(
            "{ALLOW}deny contains {{\"code\": \"c\", \"msg\": \"no {{\"}} if input.model.region != data.home\n\
            apply contains {{\"max_tokens\": 7}}"
        ),
    );
    let data = folder.file("more.json", r#"{"home": "ap-south-1"}"#);
    let other = folder.file("other.json", r#"{"home": "eu-west-1"}"#);
    let allowed = json_of(&policy(&["eval", folder.path(), "--data", &data, "--input", "-"], INPUT));
    assert_eq!((&allowed["verdict"], &allowed["obligations"]), (&json!("allow"), &json!({"max_tokens": 7})));
    assert_eq!(allowed["allowed_by"], json!([{"layer": "org", "code": "ok", "package": "policy.org.a"}]));
    let denied = json_of(&policy(&["eval", folder.path(), "--data", &other, "--input", "-"], INPUT));
    let reason = json!({"effect": "deny", "code": "c", "msg": "no {", "severity": "medium",
        "package": "policy.org.a", "layer": "org", "at": "org/a.rego:3"});
    assert_eq!((&denied["verdict"], &denied["reasons"]), (&json!("deny"), &json!([reason])));
    let query = ["eval", folder.path(), "--data", &data, "--input", "-", "--query", "x := data.home"];
    let answer = json_of(&policy(&query, INPUT));
    assert_eq!(answer["result"][0]["bindings"]["x"], "ap-south-1");
}

#[test]
fn eval_takes_a_document_per_line() {
    let folder = Folder::bundle("a", "allow contains \"ok\" if input.action == \"model:invoke\"");
    let lines = format!("{}\n\n{{\"action\": \"api:call\"}}\n", INPUT.replace('\n', " "));
    let output = policy(&["eval", folder.path(), "--input", "-", "--batch", "--verbs"], &lines);
    let answers: Vec<Value> = text(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let verb = "data.policy.org.a.allow";
    assert_eq!(answers, [json!({verb: {"value": ["ok"]}}), json!({verb: {"value": []}})]);
    let output =
        policy(&["eval", folder.path(), "--input", "-", "--batch"], "{\"action\": \"api:call\"}\n{}\n");
    assert!(!output.status.success() && told(&output).contains("line 2: input.action must be one of"));
    for (input, expected) in [("[]", "not a JSON object"), ("{\"action\": 1}", "input.action must be one of")]
    {
        let output = policy(&["eval", folder.path(), "--input", "-"], input);
        assert!(!output.status.success() && told(&output).contains(expected), "{}", told(&output));
    }
}

#[test]
fn explain_names_the_condition_that_fails() {
    let folder = Folder::bundle(
        "a",
        "allow contains \"ok\" if {\n\tinput.action == \"model:invoke\"\n\tregion_granted\n}\n\
            region_granted if input.model.region in data.regions",
    );
    folder.file("data.json", r#"{"regions": ["us-east-1"]}"#);
    let lines = text(&policy(&["explain", folder.path(), "--input", "-"], INPUT));
    for expected in [
        "deny model:invoke",
        "  [no_allow] no rule of layer org allows model:invoke (policy.org)",
        "org/a.rego:2 fails: data.policy.org.a.allow \"ok\"",
        "  org/a.rego:4 is undefined: region_granted",
        "    org/a.rego:6 fails: data.policy.org.a.region_granted",
        "      org/a.rego:6 is false: input.model.region in data.regions",
        "        input.model.region = \"ap-south-1\"",
        "        data.regions = [\"us-east-1\"]",
    ] {
        assert!(lines.lines().any(|line| line == expected), "{expected}\n{lines}");
    }
}

#[test]
fn recorded_decisions_are_replayed_over_another_bundle() {
    let old = Folder::bundle("a", ALLOW);
    old.file("system/log.rego", "package system.log\nmask contains \"/input/principal/user\"");
    let search = INPUT.replace("payments", "search").replace(",\n    \"user\": \"alice\"", "");
    let lines = format!("{}\n{}\n", INPUT.replace('\n', " "), search.replace('\n', " "));
    let log = text(&policy(&["eval", old.path(), "--input", "-", "--batch", "--log"], &lines));
    assert!(log.contains("/input/principal/user") && !log.contains("alice"), "{log}");
    let report = |rules: &str, more: &[&str]| {
        let new = Folder::bundle("a", rules);
        let arguments = [&["replay", "-", "--bundle", new.path()], more].concat();
        policy(&arguments, &log)
    };
    let same = json_of(&report(ALLOW, &["--json", "--fail-on", "looser", "--fail-on", "stricter"]));
    assert_eq!((&same["total"]["same"], &same["examples"]), (&json!(2), &json!([])));
    let stricter =
        "allow contains \"ok\" if { input.action == \"model:invoke\"; input.principal.team == \"payments\" }";
    let found = json_of(&report(stricter, &["--json"]));
    assert_eq!(
        (&found["teams"]["payments"]["same"], &found["teams"]["search"]["stricter"]),
        (&json!(1), &json!(1))
    );
    let example = json!({"change": "stricter", "request_id": "line-2", "team": "search", "action": "model:invoke",
        "why": "now no_allow"});
    assert_eq!(found["examples"], json!([example]));
    let output = report(stricter, &["--fail-on", "stricter"]);
    assert!(!output.status.success() && told(&output).contains("1 decision(s) are stricter"));
    let reading = format!("{ALLOW}deny contains \"d\" if input.principal.user == \"bob\"");
    let table = text(&report(&reading, &[]));
    assert!(
        table.contains(
            "inconclusive: line-1 model:invoke of team payments: /input/principal/user was masked and is read"
        ),
        "{table}"
    );
    let against = json_of(&report(ALLOW, &["--json", "--old", old.path()]));
    assert_eq!(against["total"]["same"], 2);
    let output = policy(&["replay", "-", "--bundle", old.path()], "");
    assert!(!output.status.success() && told(&output).contains("nothing to replay"));
}

#[test]
fn what_editors_read_is_what_is_committed() {
    let committed = |path: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(repository(path)).unwrap()).unwrap()
    };
    assert_eq!(json_of(&policy(&["capabilities"], "")), committed("policies/capabilities.json"));
    assert_eq!(json_of(&policy(&["schema"], "")), committed("policies/schemas/input.json"));
    let schema = json_of(&policy(&["schema", "tool:use"], ""));
    assert_eq!(schema, committed("policies/schemas/tool-use.json"));
    let output = policy(&["schema", "tool:ues"], "");
    assert!(!output.status.success() && told(&output).contains("tool:use"));
}
