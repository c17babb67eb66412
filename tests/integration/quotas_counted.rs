//! Input that CountTokens counts before a request is reserved: what is let through and refused by it, when it is not
//! asked, and what happens where it does not answer.
//!
//! The simulator counts where its own count will do; where another one or a failure is wanted the upstream is a server
//! of the test.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardpan_simulator::SignatureCheck;
use serde_json::{Value, json};

use crate::quotas::{OPEN, PATIENCE, limit, quota, read_request};
use crate::support::{CLAUDE, Hardpan, NOVA, PROFILE, Response, Setup};

/// By bytes 4,000 tokens and the message's own; the simulator counts 2,500.
const TEXT_BYTES: usize = 10_000;
/// Claude's output weighs five.
const MAX_TOKENS: u64 = 10;

fn started(rest: &str) -> Hardpan {
    Hardpan::start(Setup { policy: OPEN, quota: quota(rest), ..Setup::default() })
}

fn converse(text: &str) -> String {
    json!({
        "messages": [{"role": "user", "content": [{"text": text}]}],
        "inferenceConfig": {"maxTokens": MAX_TOKENS},
    })
    .to_string()
}

fn messages(text: &str) -> String {
    json!({
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": MAX_TOKENS,
        "messages": [{"role": "user", "content": text}],
    })
    .to_string()
}

#[test]
fn what_the_estimate_would_refuse_is_let_through_where_the_exact_count_fits() {
    let text = "word ".repeat(TEXT_BYTES / 5);
    let profile = PROFILE.0.replace(':', "%3A").replace('/', "%2F");
    let bare = "anthropic.claude-sonnet-4-20250514-v1:0";
    let limits = format!("limits: [ {} ]", limit("tokens", "app", "tokens", "day", 3_000));
    for (path, body, model) in [
        (format!("/model/{CLAUDE}/converse"), converse(&text), bare),
        (format!("/model/{CLAUDE}/converse-stream"), converse(&text), bare),
        (format!("/model/{CLAUDE}/invoke"), messages(&text), bare),
        (format!("/model/{CLAUDE}/invoke-with-response-stream"), messages(&text), bare),
        (format!("/model/{profile}/converse"), converse(&text), "amazon.nova-lite-v1:0"),
    ] {
        let estimating = started(&limits);
        let refused = estimating.post(&path, body.as_bytes());
        assert_eq!(refused.error(), (400, "ServiceQuotaExceededException"), "{path}");
        assert_eq!(estimating.records(1)[0]["input_basis"], "estimated", "{path}");
        drop(estimating);
        let counting = started(&format!("input: counted, {limits}"));
        let answered = counting.post(&path, body.as_bytes());
        assert_eq!(answered.status, 200, "{path}: {}", String::from_utf8_lossy(&answered.body));
        let record = &counting.records(1)[0];
        assert_eq!((&record["input_basis"], &record["error"]), (&json!("counted"), &Value::Null), "{path}");
        assert!(record["overhead_us"]["counting"].is_u64(), "{record}");
        let received = counting.received();
        let asked: Vec<_> = received.iter().filter(|call| call.operation == "CountTokens").collect();
        assert_eq!(asked.len(), 1, "{path}");
        // Under Hardpan's own credentials, by the bare id.
        assert_eq!((&asked[0].signature, asked[0].model.as_str()), (&SignatureCheck::Valid, model), "{path}");
        let wrapped: Value = serde_json::from_slice(&asked[0].body).unwrap();
        let sent: Value = serde_json::from_str(&counting.last_received_text()).unwrap();
        if path.contains("converse") {
            let input = wrapped["input"]["converse"].as_object().unwrap();
            assert_eq!(input.keys().collect::<Vec<_>>(), ["messages"], "{path}");
            assert_eq!(input["messages"], sent["messages"], "{path}");
        } else {
            let inner = STANDARD.decode(wrapped["input"]["invokeModel"]["body"].as_str().unwrap()).unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&inner).unwrap(), sent, "{path}");
        }
        let metrics = counting.metrics();
        let series = r#"hardpan_quota_input_counts_total{result="counted",basis="counted"} 1"#;
        assert!(metrics.contains(series), "{metrics}");
    }
}

#[test]
fn messages_of_mantle_are_counted_by_its_own_count() {
    let body = json!({
        "model": "anthropic.claude-sonnet-4-20250514-v1:0",
        "max_tokens": MAX_TOKENS,
        "messages": [{"role": "user", "content": "word ".repeat(TEXT_BYTES / 5)}],
        "system": "Be brief.",
        "metadata": {"user_id": "anna"},
    })
    .to_string();
    let path = "/anthropic/v1/messages";
    let ask = |hardpan: &Hardpan| {
        let extra = [("anthropic-version", "2023-06-01")];
        let head = hardpan.signed_for("bedrock-mantle", "POST", path, body.as_bytes(), &extra);
        hardpan.send(&head, body.as_bytes()).status
    };
    let limits = format!("limits: [ {} ]", limit("tokens", "app", "tokens", "day", 3_000));
    assert_eq!(ask(&started(&limits)), 402);
    let counting = started(&format!("input: counted, {limits}"));
    assert_eq!(ask(&counting), 200);
    assert_eq!(counting.records(1)[0]["input_basis"], "counted");
    let received = counting.received();
    let asked = received.iter().find(|call| call.operation == "MessagesCountTokens").unwrap();
    assert_eq!((&asked.signature, asked.service), (&SignatureCheck::Valid, "bedrock-mantle"));
    assert!(asked.headers.contains(&("anthropic-version".to_owned(), "2023-06-01".to_owned())));
    let counted: Value = serde_json::from_slice(&asked.body).unwrap();
    let sent: Value = serde_json::from_str(&counting.last_received_text()).unwrap();
    let mut members: Vec<&String> = counted.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["messages", "model", "system"]);
    assert_eq!((&counted["messages"], &counted["model"]), (&sent["messages"], &sent["model"]));
}

/// How the test's own CountTokens answers.
#[derive(Clone, Copy)]
enum Counting {
    Says(u16, &'static str),
    /// Takes the request and says nothing.
    Silent,
    /// Closes the connection.
    HangsUp,
}

/// An upstream that answers every model call, and CountTokens as it is told.
struct Upstream {
    address: SocketAddr,
    counting: Arc<Mutex<Counting>>,
    /// The operation asked for, by its path's last segment.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    fn start(counting: Counting) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream = Self {
            address: listener.local_addr().unwrap(),
            counting: Arc::new(Mutex::new(counting)),
            asked: Arc::default(),
        };
        let (counting, asked) = (Arc::clone(&upstream.counting), Arc::clone(&upstream.asked));
        std::thread::spawn(move || {
            let mut silenced = Vec::new();
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let Some((head, _)) = read_request(&mut stream) else { continue };
                let path = head.split(' ').nth(1).unwrap_or_default();
                let operation = path.rsplit('/').next().unwrap_or_default().to_owned();
                let is_count = operation == "count-tokens";
                asked.lock().unwrap().push(operation);
                let answer = if is_count { *counting.lock().unwrap() } else { Counting::Says(200, ANSWER) };
                match answer {
                    Counting::Says(status, body) => {
                        let answer = format!(
                            "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                            body.len()
                        );
                        let _ = stream.write_all(answer.as_bytes());
                    }
                    Counting::Silent => silenced.push(stream),
                    Counting::HangsUp => {}
                }
            }
        });
        upstream
    }

    fn counts_asked(&self) -> usize {
        self.asked_for(|operation| operation == "count-tokens")
    }

    fn calls(&self) -> usize {
        self.asked_for(|operation| operation != "count-tokens")
    }

    fn asked_for(&self, matches: fn(&str) -> bool) -> usize {
        self.asked.lock().unwrap().iter().filter(|operation| matches(operation)).count()
    }

    fn serving(&self, rest: &str) -> Hardpan {
        Hardpan::start(Setup {
            policy: OPEN,
            quota: quota(rest),
            upstream: Some(self.address),
            ..Setup::default()
        })
    }
}

const ANSWER: &str = r#"{"output":{"message":{"role":"assistant","content":[{"text":"here"}]}},"stopReason":"end_turn","usage":{"inputTokens":5,"outputTokens":5,"totalTokens":10},"metrics":{"latencyMs":1}}"#;

fn ask(hardpan: &Hardpan, text: &str) -> Response {
    hardpan.post(&format!("/model/{CLAUDE}/converse"), converse(text).as_bytes())
}

fn series(hardpan: &Hardpan, result: &str, basis: &str) -> u64 {
    let name = format!("hardpan_quota_input_counts_total{{result=\"{result}\",basis=\"{basis}\"}} ");
    let metrics = hardpan.metrics();
    let found = metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok());
    found.unwrap_or(0)
}

/// What is reserved for a text by the estimate: its input, and the output at its weight.
fn estimate(text: &str) -> u64 {
    let most = 1_000_000;
    let upstream = Upstream::start(Counting::HangsUp);
    let hardpan = upstream.serving(&format!("limits: [ {} ]", limit("tokens", "app", "tokens", "day", most)));
    most - left(&ask(&hardpan, text))
}

/// What the answer says is left of the one limit.
fn left(response: &Response) -> u64 {
    let told = response.header("ratelimit").unwrap();
    told.split("r=").nth(1).unwrap().split(';').next().unwrap().parse().unwrap()
}

#[test]
fn what_the_estimate_would_let_through_is_refused_where_the_exact_count_does_not_fit() {
    let limits = format!("limits: [ {} ]", limit("tokens", "app", "tokens", "day", 1_000));
    let upstream = Upstream::start(Counting::Says(200, r#"{"inputTokens":951}"#));
    let text = "x".repeat(200);
    assert_eq!(ask(&upstream.serving(&limits), &text).status, 200);
    let counting = upstream.serving(&format!("input: counted, {limits}"));
    // 951 and 5 × 10 are one too many.
    assert_eq!(ask(&counting, &text).error(), (400, "ServiceQuotaExceededException"));
    assert_eq!((upstream.counts_asked(), upstream.calls()), (1, 1));
    *upstream.counting.lock().unwrap() = Counting::Says(200, r#"{"inputTokens":950}"#);
    // The count of the same body is remembered.
    assert_eq!(ask(&counting, &text).error(), (400, "ServiceQuotaExceededException"));
    assert_eq!((upstream.counts_asked(), series(&counting, "remembered", "counted")), (1, 1));
    let fits = ask(&counting, &"y".repeat(200));
    assert_eq!((fits.status, upstream.counts_asked(), upstream.calls()), (200, 2, 2));
    assert_eq!(left(&fits), 0);
    let basis = |record: &Value| record["input_basis"].clone();
    assert_eq!(counting.records(3).iter().map(basis).collect::<Vec<_>>(), ["counted"; 3]);
}

#[test]
fn it_is_not_asked_where_much_is_left_nothing_is_or_no_limit_needs_it() {
    let tokens = |most| limit("tokens", "app", "tokens", "day", most);
    let calls = limit("calls", "app", "requests", "day", 2);
    let money = limit("money", "org", "nano_usd", "total", 1);
    let text = "x".repeat(300);
    let tenfold = 10 * estimate(&text);
    for (what, rest, asked, status) in [
        ("a tenth of what is left", format!("limits: [ {} ]", tokens(tenfold)), 0, 200),
        ("over a tenth", format!("limits: [ {} ]", tokens(tenfold - 1)), 1, 200),
        ("always", format!("counting: {{ when_over_percent: 0 }}, limits: [ {} ]", tokens(1 << 40)), 1, 200),
        ("the output alone is too much", format!("limits: [ {} ]", tokens(49)), 0, 400),
        ("no limit of tokens", format!("limits: [ {calls} ]"), 0, 200),
        ("a limit of money", format!("limits: [ {calls}, {money} ]"), 0, 400),
        ("no limit", "limits: []".to_owned(), 0, 200),
    ] {
        let upstream = Upstream::start(Counting::Says(200, r#"{"inputTokens":100}"#));
        let hardpan = upstream.serving(&format!("input: counted, {rest}"));
        let response = ask(&hardpan, &text);
        assert_eq!((response.status, upstream.counts_asked()), (status, asked), "{what}");
        let basis = if asked == 1 { "counted" } else { "estimated" };
        assert_eq!(hardpan.records(1)[0]["input_basis"], basis, "{what}");
        assert_eq!(series(&hardpan, "counted", "counted"), asked as u64, "{what}");
    }
}

#[test]
fn what_could_not_be_counted_is_estimated_with_a_margin_or_refused_as_configured() {
    use Counting::{HangsUp, Says, Silent};
    let unsupported = r#"{"message":"The provided model doesn't support counting tokens."}"#;
    let invalid = r#"{"message":"messages.0: roles must alternate"}"#;
    let later = Some((503, "ServiceUnavailableException", "input_uncounted"));
    let never = Some((400, "ValidationException", "input_uncountable"));
    let estimated = estimate(&"x".repeat(300));
    for (answer, more, result, refusal) in [
        (Says(400, unsupported), "", "unsupported", None),
        (Says(404, "{}"), "", "unsupported", None),
        (Says(400, invalid), "", "invalid", never),
        (Says(200, "{}"), ", body_bytes_max: 100", "too_large", never),
        (Says(403, r#"{"message":"no"}"#), "", "denied", later),
        (Says(429, r#"{"message":"slow"}"#), "", "throttled", later),
        (Says(500, "{}"), "", "failed", later),
        (Says(200, r#"{"tokens":1}"#), "", "failed", later),
        (Silent, ", timeout_ms: 300", "timeout", later),
        (HangsUp, "", "failed", later),
    ] {
        let limits = format!("limits: [ {} ]", limit("tokens", "app", "tokens", "day", 1_000));
        let section = |on_error: &str| {
            format!(
                "input: counted, counting: {{ on_error: {on_error}, margin_percent: 50{more} }}, {limits}"
            )
        };
        let upstream = Upstream::start(answer);
        let hardpan = upstream.serving(&section("estimate"));
        let answered = ask(&hardpan, &"x".repeat(300));
        assert_eq!(answered.status, 200, "{result}");
        let margin = if refusal.is_some() { (estimated - 5 * MAX_TOKENS).div_ceil(2) } else { 0 };
        assert_eq!(left(&answered), 1_000 - estimated - margin, "{result}");
        assert_eq!(hardpan.records(1)[0]["input_basis"], "estimated", "{result}");
        assert_eq!(series(&hardpan, result, "estimated"), 1, "{result}");
        drop(hardpan);
        let hardpan = upstream.serving(&section("deny"));
        let calls = upstream.calls();
        let response = ask(&hardpan, &"x".repeat(300));
        let record = &hardpan.records(1)[0];
        match refusal {
            None => {
                assert_eq!((response.status, series(&hardpan, result, "estimated")), (200, 1));
                // Another body to the same model is not asked about.
                let asked = upstream.counts_asked();
                assert_eq!(ask(&hardpan, &"y".repeat(300)).status, 200);
                assert_eq!((upstream.counts_asked(), series(&hardpan, result, "estimated")), (asked, 2));
            }
            Some((status, error, code)) => {
                assert_eq!(response.error(), (status, error), "{result}");
                assert_eq!((&record["error"], upstream.calls()), (&json!(code), calls), "{result}");
                assert_eq!(series(&hardpan, result, "refused"), 1, "{result}");
                assert_eq!(response.header("x-amz-retry-after").is_some(), status == 503, "{result}");
                assert!(!hardpan.log().contains("xxx"), "{result}");
            }
        }
    }
}

#[test]
fn a_body_that_is_not_valid_leaves_the_model_countable_for_others() {
    let limits = format!("limits: [ {} ]", limit("tokens", "app", "tokens", "day", 1_000));
    let upstream = Upstream::start(Counting::Says(400, r#"{"message":"messages.0: no"}"#));
    let hardpan = upstream.serving(&format!("input: counted, {limits}"));
    for number in 0..5 {
        assert_eq!(ask(&hardpan, &format!("{number}{}", "x".repeat(300))).status, 200);
    }
    *upstream.counting.lock().unwrap() = Counting::Says(200, r#"{"inputTokens":7}"#);
    assert_eq!(ask(&hardpan, &"x".repeat(300)).status, 200);
    assert_eq!((upstream.counts_asked(), series(&hardpan, "counted", "counted")), (6, 1));
}

#[test]
fn a_count_that_keeps_failing_is_not_asked_for_a_while() {
    let limits = format!("limits: [ {} ]", limit("tokens", "app", "tokens", "day", 100_000));
    let counting = "input: counted, counting: { when_over_percent: 0 }";
    let upstream = Upstream::start(Counting::Says(500, "{}"));
    let hardpan = upstream.serving(&format!("{counting}, {limits}"));
    let deadline = Instant::now() + PATIENCE;
    let mut number = 0;
    while series(&hardpan, "paused", "estimated") == 0 {
        number += 1;
        assert_eq!(ask(&hardpan, &format!("{number}")).status, 200);
        assert!(Instant::now() < deadline, "it is asked again and again");
    }
    assert!(upstream.counts_asked() < number);
    // The while is over at some time.
    *upstream.counting.lock().unwrap() = Counting::Says(200, r#"{"inputTokens":7}"#);
    while series(&hardpan, "counted", "counted") == 0 {
        number += 1;
        assert_eq!(ask(&hardpan, &format!("{number}")).status, 200);
        assert!(Instant::now() < deadline, "it is never asked again");
        crate::support::wait_a_little();
    }
}

#[test]
fn other_operations_are_never_counted() {
    let limits = format!("limits: [ {} ]", limit("tokens", "app", "tokens", "day", 10_000));
    let hardpan = started(&format!("input: counted, counting: {{ when_over_percent: 0 }}, {limits}"));
    let chat =
        br#"{"model":"openai.gpt-oss-20b-1:0","max_tokens":20,"messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(hardpan.post("/openai/v1/chat/completions", chat).status, 200);
    let own = json!({"input": {"converse": {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}}});
    assert_eq!(hardpan.post(&format!("/model/{NOVA}/count-tokens"), own.to_string().as_bytes()).status, 200);
    // The one count is the caller's own.
    let asked = hardpan.received();
    assert_eq!(asked.iter().filter(|call| call.operation == "CountTokens").count(), 1);
    let records = hardpan.records(2);
    assert_eq!((&records[0]["input_basis"], &records[1]["input_basis"]), (&json!("estimated"), &Value::Null));
}

#[test]
fn what_is_wrong_with_the_section_is_told() {
    let hardpan = started("limits: []");
    let config = std::fs::read_to_string(hardpan.folder().join("hardpan.yaml")).unwrap();
    for (section, place) in [
        ("counting: { timeout_ms: 100 }", "quota.counting: nothing is counted"),
        ("input: counted, counting: { timeout_ms: 0 }", "quota.counting.timeout_ms: not within 1 to 10000"),
        ("input: counted, counting: { when_over_percent: 101 }", "quota.counting.when_over_percent"),
        ("input: counted, counting: { margin_percent: 1001 }", "quota.counting.margin_percent"),
        ("input: counted, counting: { unsupported_for_s: 0 }", "quota.counting.unsupported_for_s"),
        ("input: counted, counting: { body_bytes_max: 0 }", "quota.counting.body_bytes_max: zero"),
        ("input: guessed", "guessed"),
    ] {
        let file = hardpan.folder().join("other.yaml");
        std::fs::write(&file, config.replace("mode: on, limits: []", &format!("mode: on, {section}")))
            .unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_hardpan"))
            .args(["check", "-c"])
            .arg(file)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(place), "{section}: {told}");
    }
}
