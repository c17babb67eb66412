//! Feedback from outside: who may give it on what, what is kept of it, and how it is joined to its request.

use std::path::PathBuf;
use std::process::Command;
use std::time::SystemTime;

use hardpan_aws::signer::{Outgoing, sign_headers};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Hardpan, KEY, Response, Setup, read_response, wait_a_little};

const PATH: &str = "/hardpan/v1/feedback";

struct Running {
    hardpan: Hardpan,
    folder: PathBuf,
    /// A key of another app.
    other: (String, String),
}

impl Running {
    fn start(feedback: &str, rules: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("hardpan-feedback-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(folder.join("bundle/org")).unwrap();
        let module = format!("package policy.org.content\n\nallow contains \"all\"\n\n{rules}\n");
        std::fs::write(folder.join("bundle/org/content.rego"), module).unwrap();
        let keys = folder.join("keys.yaml");
        let issued = Command::new(env!("CARGO_BIN_EXE_hardpan"))
            .args(["keys", "new", "--app", "other", "--team", "search", "--file"])
            .arg(&keys)
            .output()
            .unwrap();
        assert!(issued.status.success(), "{}", String::from_utf8_lossy(&issued.stderr));
        let issued = String::from_utf8(issued.stdout).unwrap();
        let value = |name: &str| {
            let line = issued.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.unwrap_or_else(|| panic!("{name} is not in what was printed")).to_owned()
        };
        let other = (value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"));
        let policy = format!("{{ mode: enforce, bundle: \"{}\" }}", folder.join("bundle").display());
        let more = format!("keys_file: \"{}\"\n{feedback}", keys.display());
        let hardpan = Hardpan::start(Setup { policy: policy.leak(), more: more.leak(), ..Setup::default() });
        Self { hardpan, folder, other }
    }

    /// Asks a model, and says by which id feedback may be given.
    fn ask(&self) -> String {
        let answer = self.hardpan.converse("hello");
        assert_eq!(answer.status, 200);
        answer.header("x-hardpan-request-id").unwrap().to_owned()
    }

    fn give(&self, body: &Value) -> Response {
        self.send(KEY, "bedrock", body.to_string().as_bytes())
    }

    fn send(&self, key: (&str, &str), service: &str, body: &[u8]) -> Response {
        let host = self.hardpan.address.to_string();
        let credentials = aws_credential_types::Credentials::new(key.0, key.1, None, None, "test");
        let headers = [("content-type", "application/json")];
        let body_sha256: [u8; 32] = Sha256::digest(body).into();
        let outgoing = Outgoing {
            method: "POST",
            host: &host,
            path: PATH,
            headers: &headers,
            body_sha256: &body_sha256,
        };
        let added = sign_headers(&outgoing, &credentials, "us-east-1", service, SystemTime::now()).unwrap();
        let added: String = added.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n{added}content-length: {length}\r\n\r\n"
        );
        self.hardpan.send(&head, body)
    }

    /// The lines of the log, when there are so many.
    fn lines(&self, count: usize) -> Vec<Value> {
        loop {
            let text =
                std::fs::read_to_string(self.hardpan.folder().join("records.jsonl")).unwrap_or_default();
            if text.lines().count() >= count && text.ends_with('\n') {
                return text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            }
            wait_a_little();
        }
    }

    fn feedback(&self, lines: usize) -> Vec<Value> {
        self.lines(lines).into_iter().filter(|line| line["kind"] == "feedback").collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn feedback_becomes_a_record_of_its_own_that_joins_the_requests() {
    let running = Running::start("", "");
    let id = running.ask();
    let comment = "Write to ann@example.org instead";
    let given =
        running.give(&json!({"request_id": id, "score": -0.5, "label": "wrong:address", "comment": comment}));
    assert_eq!(given.status, 200);
    let feedback = &running.feedback(2)[0];
    assert_eq!(feedback["request_id"], id.as_str());
    assert_eq!(feedback["feedback_id"], given.json()["feedback_id"]);
    assert_eq!((&feedback["score"], &feedback["label"]), (&json!(-0.5), &json!("wrong:address")));
    assert_eq!(feedback["principal"]["app"], "orders-bot");
    assert_eq!(
        (&feedback["comment_bytes"], &feedback["comment_findings"]),
        (&json!(comment.len()), &json!({"EMAIL": 1}))
    );
    // Policy asked for no content.
    assert_eq!(feedback["comment"], Value::Null);
    let lines = running.lines(2);
    let request = lines.iter().find(|line| line["kind"].is_null()).unwrap();
    assert_eq!(request["request_id"], id.as_str());
    let file = running.hardpan.folder().join("records.jsonl");
    assert_eq!(hardpan_telemetry::audit::verify_chain(std::fs::read(&file).unwrap().as_slice()), Ok(2));
    let question = "SELECT r.operation, f.score FROM records r JOIN feedback f USING (request_id)";
    let asked = Command::new(env!("CARGO_BIN_EXE_hardpan"))
        .args(["audit", "query", question, "--format", "csv"])
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(asked.stdout).unwrap(), "operation,score\r\nConverse,-0.5\r\n");
    assert!(running.hardpan.metrics().contains("hardpan_feedback_total{result=\"negative\"} 1"));
    for place in [running.hardpan.log(), running.hardpan.metrics(), std::fs::read_to_string(&file).unwrap()] {
        assert!(!place.contains("ann@example.org") && !place.contains("instead"), "{place}");
    }
}

#[test]
fn a_comment_is_kept_masked_where_policy_asks_for_content() {
    let running = Running::start(
        "",
        r#"apply contains {"log": {"content": "full"}} if input.action == "model:invoke""#,
    );
    let id = running.ask();
    let comment = "Write to ann@example.org instead";
    assert_eq!(running.give(&json!({"request_id": id, "score": 1, "comment": comment})).status, 200);
    assert_eq!(running.feedback(2)[0]["comment"], "Write to {EMAIL} instead");
}

#[test]
fn nobody_speaks_of_anothers_request_or_of_none() {
    let running = Running::start("", "");
    let id = running.ask();
    let body = json!({"request_id": id, "score": 1}).to_string();
    let other = (running.other.0.as_str(), running.other.1.as_str());
    let unknown = json!({"request_id": uuid::Uuid::new_v4().to_string(), "score": 1}).to_string();
    for (what, key, service, body, error) in [
        ("another's", other, "bedrock", body.as_str(), (404, "ResourceNotFoundException")),
        ("nobody's", KEY, "bedrock", unknown.as_str(), (404, "ResourceNotFoundException")),
        (
            "a stranger",
            ("AKIDNOBODY", "integration-secret-000000"),
            "bedrock",
            &body,
            (403, "UnrecognizedClientException"),
        ),
        (
            "a wrong secret",
            (KEY.0, "another-secret-0000000000"),
            "bedrock",
            &body,
            (403, "InvalidSignatureException"),
        ),
        ("another service", KEY, "s3", &body, (403, "InvalidSignatureException")),
        ("no body", KEY, "bedrock", "", (400, "ValidationException")),
        (
            "words for a score",
            KEY,
            "bedrock",
            r#"{"request_id":"x","score":"good"}"#,
            (400, "ValidationException"),
        ),
    ] {
        assert_eq!(running.send(key, service, body.as_bytes()).error(), error, "{what}");
    }
    let large = format!("{{\"comment\":\"{}\"}}", "x".repeat(20_000));
    assert_eq!(running.send(KEY, "bedrock", large.as_bytes()).error(), (400, "ValidationException"));
    let unsigned = running.hardpan.send(
        &format!("POST {PATH} HTTP/1.1\r\nhost: h\r\ncontent-length: {}\r\n\r\n", body.len()),
        body.as_bytes(),
    );
    assert_eq!(unsigned.error(), (403, "MissingAuthenticationTokenException"));
    let lines = running.lines(10);
    assert!(lines.iter().all(|line| line["kind"].is_null()), "nothing of it became feedback");
    let codes: Vec<&str> = lines.iter().filter_map(|line| line["error"].as_str()).collect();
    for code in [
        "feedback_unknown",
        "unknown_key",
        "signature_refused",
        "scope_refused",
        "invalid_feedback",
        "body_too_large",
    ] {
        assert!(codes.contains(&code), "{code} is not among {codes:?}");
    }
    // A caller of SageMaker signs as it always does.
    assert_eq!(running.send(KEY, "sagemaker", body.as_bytes()).status, 200);
}

#[test]
fn feedback_is_bounded_by_number_and_by_memory() {
    let running = Running::start("feedback: { requests_max: 2 }\n", "");
    let first = running.ask();
    for score in [1.0, 0.5, 0.25, 0.0, -0.25, -0.5, -0.75, -1.0] {
        assert_eq!(running.give(&json!({"request_id": first, "score": score})).status, 200);
    }
    let again = running.give(&json!({"request_id": first, "score": 0.1}));
    assert_eq!(again.error(), (400, "ConflictException"));
    running.ask();
    running.ask();
    let forgotten = running.give(&json!({"request_id": first, "score": 0.2}));
    assert_eq!(forgotten.error(), (404, "ResourceNotFoundException"));
}

#[test]
fn feedback_is_not_taken_where_it_is_switched_off() {
    let running = Running::start("feedback: { mode: off }\n", "");
    let id = running.ask();
    assert_eq!(running.give(&json!({"request_id": id, "score": 1})).error(), (403, "AccessDeniedException"));
    let mut stream = running.hardpan.connect_and_ask("hello");
    assert_eq!(read_response(&mut stream).unwrap().status, 200);
}
