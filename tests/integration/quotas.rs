//! Quotas and budgets seen from outside: what is refused and in which words, what counts and what does not, what
//! outlives the end of the process, and what happens while the shared store is away.
//!
//! The store is a real `redis-server`, a process of the test on a free port. Without one on the path (`make redis`)
//! its tests say that they did not run.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{CLAUDE, Hardpan, NOVA, Response, Setup, get, user, wait_a_little};

/// Far beyond what any of this takes.
pub const PATIENCE: Duration = Duration::from_secs(40);
pub const OPEN: &str = "{ mode: off }";

pub fn quota(rest: &str) -> &'static str {
    format!("{{ mode: on, {rest} }}").leak()
}

pub fn limit(name: &str, scope: &str, unit: &str, window: &str, limit: u64) -> String {
    format!("{{ name: {name}, scope: {scope}, unit: {unit}, window: {window}, limit: {limit} }}")
}

fn started(rest: &str) -> Hardpan {
    Hardpan::start(Setup { policy: OPEN, quota: quota(rest), ..Setup::default() })
}

pub struct Folder(PathBuf);

impl Folder {
    pub fn make(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("hardpan-quotas-{name}-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// A bundle of one module that allows everything, and says this.
    pub fn of_rules(name: &str, rules: &str) -> Self {
        let folder = Self::make(name);
        std::fs::create_dir_all(folder.0.join("org")).unwrap();
        let module = format!("package policy.org.quotas\n\nallow contains \"all\"\n\n{rules}\n");
        std::fs::write(folder.0.join("org/quotas.rego"), module).unwrap();
        folder
    }

    pub fn path(&self) -> &std::path::Path {
        &self.0
    }

    pub fn as_policy(&self) -> &'static str {
        format!("{{ mode: enforce, bundle: \"{}\" }}", self.0.display()).leak()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Asks for a user, by the label that names one.
fn say(hardpan: &Hardpan, model: &str, who: &str) -> Response {
    let body = json!({
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "inferenceConfig": {"maxTokens": 200},
        "requestMetadata": {"user": who},
    });
    hardpan.post(&format!("/model/{model}/converse"), body.to_string().as_bytes())
}

/// Asks until refused: how many were answered, and the refusal.
fn use_up(hardpan: &Hardpan, who: &str, most: usize) -> (usize, Response) {
    for answered in 0..=most {
        let response = say(hardpan, NOVA, who);
        if response.status != 200 {
            return (answered, response);
        }
    }
    panic!("{who} was never refused");
}

#[test]
fn limits_of_every_unit_and_window_hold_for_whom_and_what_they_name() {
    let of = |user: &str, model: &str, unit: &str, window: &str, limit: u64| {
        format!(
            "{{ name: of-{user}, scope: user, of: {user}, unit: {unit}, window: {window}, limit: {limit}{model} }}"
        )
    };
    // A request of these reserves some 220 tokens and uses about a tenth of them.
    let rows = [
        ("day", of("day", "", "requests", "day", 3), 429, "ThrottlingException"),
        ("month", of("month", "", "requests", "month", 3), 400, "ServiceQuotaExceededException"),
        ("total", of("total", "", "requests", "total", 3), 400, "ServiceQuotaExceededException"),
        ("tokens", of("tokens", "", "tokens", "day", 400), 429, "ThrottlingException"),
        ("budget", of("budget", "", "tokens", "month", 400), 400, "ServiceQuotaExceededException"),
        // 0.24 USD per million output tokens of this model: a reservation is some 50,000.
        ("money", of("money", "", "nano_usd", "total", 100_000), 400, "ServiceQuotaExceededException"),
        (
            "lite",
            of("lite", ", model: amazon.nova-lite-v1:0", "requests", "day", 3),
            429,
            "ThrottlingException",
        ),
    ];
    let limits: Vec<&str> = rows.iter().map(|row| row.1.as_str()).collect();
    let hardpan = started(&format!("limits: [ {} ]", limits.join(", ")));
    let mut answers = Vec::new();
    let mut asked = 0;
    for (who, written, status, error) in &rows {
        let mut answered = 0;
        let refused = loop {
            let response = say(&hardpan, NOVA, who);
            asked += 1;
            // A request is settled once its answer is out, and its record is written after that.
            hardpan.records(asked);
            if response.status != 200 {
                break response;
            }
            answered += 1;
            assert!(answered < 200, "{who} was never refused");
        };
        answers.push(answered);
        assert_eq!(refused.error(), (*status, *error), "{who}");
        if written.contains("unit: requests") {
            assert_eq!(answered, 3, "{who}");
        }
        assert_eq!(refused.header("x-amz-retry-after").is_some(), *status == 429, "{who}");
        let left = refused.header("ratelimit").unwrap();
        assert!(left.starts_with(&format!("\"of-{who}\";r=")), "{left}");
    }
    // The limit on one model is none on another, and nobody else's limit is met.
    assert_eq!(say(&hardpan, CLAUDE, "lite").status, 200);
    assert_eq!(say(&hardpan, NOVA, "somebody").status, 200);
    // By the service's own count, what was spent is within the limits, and not far from them.
    let records = hardpan.records(asked + 2);
    let mut records = records.iter();
    for ((who, ..), answered) in rows.iter().zip(&answers) {
        let of_user: Vec<&Value> = records.by_ref().take(answered + 1).collect();
        assert!(of_user.last().unwrap()["error"].is_string(), "{who}");
        let sum = |figure: fn(&Value) -> f64| of_user.iter().map(|record| figure(record)).sum::<f64>();
        let tokens = sum(|record| {
            record["input_tokens"].as_f64().unwrap_or(0.0) + record["output_tokens"].as_f64().unwrap_or(0.0)
        });
        let usd = sum(|record| record["estimated_cost_usd"].as_str().map_or(0.0, |usd| usd.parse().unwrap()));
        match *who {
            "tokens" | "budget" => assert!((150.0..=400.0).contains(&tokens), "{who}: {tokens}"),
            "money" => assert!((0.000_04..=0.000_1).contains(&usd), "{usd}"),
            _ => {}
        }
    }
}

#[test]
fn a_limit_is_shared_by_the_members_of_its_scope_and_of_nobody_else() {
    for (scope, own) in [("org", None), ("team", Some("payments")), ("app", Some("orders-bot"))] {
        let mut limits = limit("shared", scope, "requests", "day", 2);
        if let Some(own) = own {
            let named = |name: &str, of: &str, limit| {
                format!(
                    "{{ name: {name}, scope: {scope}, of: {of}, unit: requests, window: day, limit: {limit} }}"
                )
            };
            limits = [limits, named("own", own, 3), named("others", "others", 0)].join(", ");
        }
        let hardpan = started(&format!("limits: [ {limits} ]"));
        assert_eq!((say(&hardpan, NOVA, "anna").status, say(&hardpan, CLAUDE, "bob").status), (200, 200));
        let refused = say(&hardpan, NOVA, "carl");
        assert_eq!(refused.error(), (429, "ThrottlingException"), "{scope}");
        assert!(refused.json()["message"].as_str().unwrap().contains("shared"), "{scope}");
    }
}

#[test]
fn answers_say_what_is_left() {
    let limits =
        [limit("calls", "app", "requests", "day", 3), limit("money", "org", "nano_usd", "total", 1 << 50)];
    let hardpan = started(&format!("limits: [ {} ]", limits.join(", ")));
    let first = hardpan.converse("hi");
    assert_eq!(
        first.header("ratelimit-policy").unwrap(),
        r#""calls";q=3;qu="requests";w=86400, "money";q=999999999999999;qu="nano-usd""#
    );
    let left = |response: &Response| response.header("ratelimit").unwrap().to_owned();
    assert!(left(&first).starts_with("\"calls\";r=2;t="), "{}", left(&first));
    assert!(left(&hardpan.converse_stream("hi")).starts_with("\"calls\";r=1;t="));
    // What was not sent is given back.
    assert_eq!(hardpan.converse("[sim:throttle]").status, 429);
    hardpan.records(3);
    assert!(left(&hardpan.converse("hi")).starts_with("\"calls\";r=0;t="));
    let refused = hardpan.converse("hi");
    assert!(left(&refused).starts_with("\"calls\";r=0;t="));
    for name in ["x-amz-retry-after", "retry-after-ms", "retry-after"] {
        assert!(refused.header(name).is_some_and(|value| value.parse::<u64>().unwrap() > 0), "{name}");
    }
    drop(hardpan);
    let silent = started(&format!("headers: off, limits: [ {} ]", limits[0]));
    assert_eq!(silent.converse("hi").header("ratelimit"), None);
}

#[test]
fn a_policys_own_limits_are_kept_beside_the_configured_ones() {
    let rules = r#"apply contains {"quota": {"key": sprintf("nights of %s", [input.principal.user]), "unit": "requests", "limit": 2, "window": "day"}} if {
	input.action == "model:invoke"
}
apply contains {"quota": {"key": "all nova", "unit": "tokens", "limit": 600, "window": "month"}} if input.model.provider == "amazon"
apply contains {"quota": {"key": "money", "unit": "usd", "limit": 0.0000001, "window": "total"}} if input.model.provider == "anthropic""#;
    let folder = Folder::of_rules("policy", rules);
    // They are kept also where no configured limit is.
    for mode in
        ["{ mode: off }", quota(&format!("limits: [ {} ]", limit("calls", "org", "requests", "day", 1000)))]
    {
        let hardpan = Hardpan::start(Setup { policy: folder.as_policy(), quota: mode, ..Setup::default() });
        let (answered, refused) = use_up(&hardpan, "anna", 5);
        assert_eq!((answered, refused.error()), (2, (429, "ThrottlingException")));
        assert!(refused.json()["message"].as_str().unwrap().contains("nights of anna"));
        assert!(refused.header("ratelimit").unwrap().starts_with(r#""nights of anna";r=0;t="#));
        assert!(refused.header("x-amz-retry-after").is_some());
        // Another key is another counter, and the shared one fills up.
        let mut answers = (0..400).map(|number| say(&hardpan, NOVA, &format!("user {number}")));
        let refused = answers.find(|response| response.status != 200).unwrap();
        assert_eq!(refused.error(), (400, "ServiceQuotaExceededException"));
        assert!(refused.json()["message"].as_str().unwrap().contains("all nova"));
        assert_eq!(say(&hardpan, CLAUDE, "bob").error(), (400, "ServiceQuotaExceededException"));
        // Keys name users: neither metrics nor log repeat them.
        let metrics = hardpan.metrics();
        assert!(
            metrics.contains(r#"hardpan_quota_denials_total{limit="policy",unit="requests"} 1"#),
            "{metrics}"
        );
        assert!(!metrics.contains("anna") && !hardpan.log().contains("anna"));
    }
}

#[test]
fn answers_from_the_cache_are_free_or_charged_as_configured() {
    let body = r#"{"messages":[{"role":"user","content":[{"text":"capital of Norway"}]}],"inferenceConfig":{"temperature":0,"maxTokens":50}}"#;
    let limits = limit("calls", "app", "requests", "day", 2);
    for (hits, answered) in [("free", 6), ("charged", 2)] {
        let quota = quota(&format!("cache_hits: {hits}, limits: [ {limits} ]"));
        let hardpan = Hardpan::start(Setup { quota, ..Setup::default() });
        let ask = |number: usize| {
            let status = hardpan.post(&format!("/model/{NOVA}/converse"), body.as_bytes()).status;
            hardpan.records(number);
            status
        };
        let statuses: Vec<u16> = (1..=6).map(ask).collect();
        assert_eq!(
            statuses.iter().filter(|status| **status == 200).count(),
            answered,
            "{hits}: {statuses:?}"
        );
        assert_eq!(hardpan.simulator().request_count(), 1);
        // AWS is paid once: neither record nor bill count it again.
        let records = hardpan.records(6);
        assert_eq!(
            (&records[1]["cache"]["result"], &records[1]["output_tokens"]),
            (&json!("exact"), &json!(0))
        );
    }
}

/// An upstream where one model is down.
fn upstream_without(model: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let Some((head, _)) = read_request(&mut stream) else { continue };
            let (status, body) = if head.lines().next().is_some_and(|line| line.contains(model)) {
                ("503 Down", r#"{"message":"down"}"#)
            } else {
                (
                    "200 OK",
                    r#"{"output":{"message":{"role":"assistant","content":[{"text":"here"}]}},"stopReason":"end_turn","usage":{"inputTokens":5,"outputTokens":5,"totalTokens":10},"metrics":{"latencyMs":1}}"#,
                )
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

/// Head and body of one request.
pub fn read_request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

#[test]
fn a_fallback_is_paid_for_and_the_model_that_was_down_is_not() {
    let rules = r#"apply contains {"route": {"model": "amazon.nova-pro-v1:0", "fallback": ["amazon.nova-micro-v1:0"]}} if {
	input.action == "model:invoke"
	input.model.id == "amazon.nova-lite-v1:0"
}"#;
    let folder = Folder::of_rules("fallback", rules);
    let limits = [limit("calls", "app", "requests", "day", 2), limit("tokens", "app", "tokens", "day", 300)];
    let hardpan = Hardpan::start(Setup {
        policy: folder.as_policy(),
        quota: quota(&format!("limits: [ {} ]", limits.join(", "))),
        upstream: Some(upstream_without("nova-pro")),
        ..Setup::default()
    });
    // Two reservations of more than 200 tokens would not fit side by side.
    for calls_left in [1, 0] {
        let answered = hardpan.converse("hi");
        hardpan.records(2 - calls_left);
        assert_eq!(answered.status, 200, "{}", String::from_utf8_lossy(&answered.body));
        let left = answered.header("ratelimit").unwrap().to_owned();
        assert!(left.starts_with(&format!("\"calls\";r={calls_left};")), "{left}");
    }
    assert_eq!(hardpan.converse("hi").error(), (429, "ThrottlingException"));
    let record = &hardpan.records(3)[0];
    assert_eq!(record["model_served"], "amazon.nova-micro-v1:0");
}

#[test]
fn max_tokens_left_open_follow_what_answers_needed_and_never_pass_the_default() {
    let hardpan = started("default_max_tokens: 3000, output: learnt, open_max_tokens: learnt, limits: []");
    let path = format!("/model/{NOVA}/converse");
    let open = r#"{"messages":[{"role":"user","content":[{"text":"hi there"}]}]}"#;
    let sent = |body: &str| {
        assert_eq!(hardpan.post(&path, body.as_bytes()).status, 200);
        let sent: Value = serde_json::from_str(&hardpan.last_received_text()).unwrap();
        sent.pointer("/inferenceConfig/maxTokens").and_then(Value::as_u64)
    };
    assert_eq!(sent(open), Some(3000));
    for _ in 0..200 {
        sent(open);
    }
    let learnt = sent(open).unwrap();
    assert!((2..300).contains(&learnt), "{learnt}");
    // Whoever says what it wants gets it.
    assert_eq!(sent(&user("hi there")), Some(200));
    let large = user("hi there").replace("200}", "2500}");
    assert_eq!(sent(&large), Some(2500));
}

#[test]
fn what_was_spent_outlives_a_sudden_end_and_an_orderly_one_costs_nothing() {
    let folder = Folder::make("journal");
    let rest = format!(
        "journal: {{ directory: \"{}\" }}, limits: [ {}, {} ]",
        folder.0.display(),
        limit("calls", "app", "requests", "day", 4),
        limit("tokens", "app", "tokens", "total", 100_000),
    );
    let first = started(&rest);
    assert_eq!(first.converse("one").status, 200);
    let _in_flight = first.connect_and_ask("[sim:latency 60000] two");
    let deadline = Instant::now() + PATIENCE;
    while first.simulator().request_count() < 2 {
        assert!(Instant::now() < deadline, "the second request did not arrive");
        wait_a_little();
    }
    // Killed while a request is under way: it was paid for.
    drop(first);
    let second = started(&rest);
    let third = second.converse("three");
    assert!(
        third.header("ratelimit").unwrap().starts_with("\"calls\";r=1;"),
        "{:?}",
        third.header("ratelimit")
    );
    // Two processes would each count for themselves.
    let config = std::fs::read_to_string(second.folder().join("hardpan.yaml")).unwrap();
    let other = second.folder().join("other.yaml");
    std::fs::write(&other, config.replace("records.jsonl", "other.jsonl")).unwrap();
    let refused = Command::new(env!("CARGO_BIN_EXE_hardpan"))
        .args(["run", "-c"])
        .arg(other)
        .env("AWS_ACCESS_KEY_ID", "AKIDOTHER")
        .env("AWS_SECRET_ACCESS_KEY", "other")
        .stdout(Stdio::null())
        .output()
        .unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("in use by another process"));
    stop(&second);
    let tokens_left = |response: &Response| -> u64 {
        let left = response.header("ratelimit").unwrap();
        left.split("\"tokens\";r=").nth(1).unwrap().split([',', ';']).next().unwrap().parse().unwrap()
    };
    drop(second);
    let third_run = started(&rest);
    let last = third_run.converse("three");
    assert!(last.header("ratelimit").unwrap().starts_with("\"calls\";r=0;"));
    // The orderly end gave back all that its leases held: between two equal requests lies what the first one used.
    assert!(tokens_left(&third) - tokens_left(&last) < 100, "{} {}", tokens_left(&third), tokens_left(&last));
    assert_eq!(third_run.converse("five").error(), (429, "ThrottlingException"));
}

/// Asks to stop, and waits until the process has.
fn stop(hardpan: &Hardpan) {
    hardpan.terminate();
    let process = PathBuf::from(format!("/proc/{}/stat", hardpan.process_id()));
    let deadline = Instant::now() + PATIENCE;
    // A process that ended and was not waited for yet is a zombie.
    while std::fs::read_to_string(&process).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(Instant::now() < deadline, "it did not stop: {}", hardpan.log());
        wait_a_little();
    }
}

/// Takes posts; the first is turned away.
fn webhook() -> (SocketAddr, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { return };
            let Some(request) = read_request(&mut stream) else { continue };
            let status = if number == 0 { "500 Not Now" } else { "204 No Content" };
            let _ = stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes());
            if number > 0 && sender.send(request).is_err() {
                return;
            }
        }
    });
    (address, receiver)
}

#[test]
fn alarms_go_to_metrics_log_and_webhook_and_name_no_user() {
    let (address, messages) = webhook();
    let rest = format!(
        "alarms: {{ webhook: {{ url: \"http://{address}/hook/s3cretpath\", authorization: \"Bearer s3cretvalue\" }} }}, limits: [ {}, {} ]",
        limit("calls", "user", "requests", "day", 10),
        limit("burst", "app", "requests", "minute", 1_000),
    );
    let hardpan = started(&rest);
    let (answered, _) = use_up(&hardpan, "anna.secret", 20);
    assert_eq!(answered, 10);
    let received: Vec<(String, String)> =
        (0..3).map(|_| messages.recv_timeout(PATIENCE).expect("an alarm")).collect();
    let percents: Vec<Value> = received
        .iter()
        .map(|(head, body)| {
            assert!(head.starts_with("POST /hook/s3cretpath HTTP/1.1"), "{head}");
            assert!(head.to_lowercase().contains("authorization: bearer s3cretvalue"), "{head}");
            let message: Value = serde_json::from_str(body).unwrap();
            assert_eq!(
                (&message["limit"], &message["member"]),
                (&json!("calls"), &json!("payments/orders-bot"))
            );
            assert_eq!(
                (&message["unit"], &message["window"], &message["of"]),
                (&json!("requests"), &json!("day"), &json!(10))
            );
            assert!(!body.contains("anna"), "{body}");
            message["percent"].clone()
        })
        .collect();
    assert_eq!(percents, [50, 80, 100]);
    let metrics = hardpan.metrics();
    for percent in [50, 80, 100] {
        let series = format!("hardpan_quota_alarms_total{{limit=\"calls\",percent=\"{percent}\"}} 1");
        assert!(metrics.contains(&series), "{metrics}");
    }
    assert!(metrics.contains("hardpan_quota_alarm_messages_total{result=\"sent\"}"), "{metrics}");
    let log = hardpan.log();
    assert_eq!(log.matches("a limit is used up to a mark").count(), 3, "{log}");
    assert!(!log.contains("s3cret") && !log.contains("anna"), "{log}");
    assert!(messages.recv_timeout(Duration::from_millis(1)).is_err(), "each mark is told once");
}

/// Every write is on the disk before it is answered.
const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

/// A store of the test's own.
pub struct Store {
    port: u16,
    process: Option<Child>,
    folder: Folder,
}

impl Store {
    pub fn start() -> Option<Self> {
        let mut store = Self::free();
        store.run(&[]).then_some(store)
    }

    /// One that knows after its end what it knew before.
    fn start_durable() -> Option<Self> {
        let mut store = Self::free();
        store.run(&DURABLE).then_some(store)
    }

    fn replica_of(other: &Store) -> Self {
        let mut store = Self::free();
        assert!(store.run(&["--replicaof", "127.0.0.1", &other.port.to_string()]));
        store.until("INFO replication", "master_link_status:up");
        other.until("INFO replication", "state=online");
        store
    }

    fn free() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { port, process: None, folder: Folder::make("store") }
    }

    pub fn run(&mut self, more: &[&str]) -> bool {
        let spawned = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--repl-diskless-sync-delay", "0"])
            .args(more)
            .current_dir(&self.folder.0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(process) = spawned else { return false };
        self.process = Some(process);
        self.until("PING", "PONG");
        true
    }

    /// Says something in the store's own protocol until it answers so.
    fn until(&self, command: &str, expected: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = TcpStream::connect(("127.0.0.1", self.port)).ok().and_then(|mut stream| {
                stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
                stream.write_all(format!("{command}\r\n").as_bytes()).ok()?;
                let mut bytes = [0; 8192];
                let count = stream.read(&mut bytes).ok()?;
                Some(String::from_utf8_lossy(&bytes[..count]).into_owned())
            });
            if answer.is_some_and(|answer| answer.contains(expected)) {
                return;
            }
            assert!(Instant::now() < deadline, "no {expected} to {command}");
            wait_a_little();
        }
    }

    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    pub fn signal(&self, signal: &str) {
        let process = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
    }

    /// A connection of the test's own.
    pub fn connection(&self) -> redis::Connection {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).unwrap();
        client.get_connection_with_timeout(Duration::from_secs(10)).unwrap()
    }

    pub fn url(&self) -> String {
        format!("\"redis://127.0.0.1:{}\"", self.port)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.kill();
    }
}

#[expect(clippy::print_stderr, reason = "a test that did not run has to say so")]
pub fn did_not_run() {
    eprintln!("did not run: no redis-server on the path (make redis)");
}

fn sharing(urls: &str, more: &str, figure: u64) -> Hardpan {
    started(&format!(
        "shared: {{ urls: [ {urls} ], timeout_ms: 500{more} }}, limits: [ {} ]",
        limit("budget", "org", "requests", "total", figure)
    ))
}

/// Asks until refused: how many were answered, and the refusal's status.
fn spend(hardpan: &Hardpan) -> (usize, Response) {
    use_up(hardpan, "anna", 2_000)
}

/// As above; waits for the store where it is away.
fn spend_once_back(hardpan: &Hardpan) -> (usize, Response) {
    let deadline = Instant::now() + PATIENCE;
    let mut spent = 0;
    loop {
        let (more, refused) = spend(hardpan);
        spent += more;
        if refused.status != 503 {
            return (spent, refused);
        }
        assert!(Instant::now() < deadline, "the store was not found again: {}", hardpan.log());
        wait_a_little();
    }
}

fn ask(hardpan: &Hardpan, count: usize) {
    for _ in 0..count {
        assert_eq!(hardpan.converse("hi").status, 200, "{}", hardpan.log());
    }
}

fn assert_unknown(refused: &Response) {
    assert_eq!(refused.error(), (503, "ServiceUnavailableException"));
    assert_eq!(refused.header("x-amz-retry-after"), Some("1000"));
    assert_eq!(refused.header("retry-after-ms"), Some("1000"));
    assert_eq!(refused.header("retry-after"), Some("1"));
}

#[test]
fn replicas_share_a_budget_and_a_store_that_is_killed_refills_nothing() {
    let Some(mut store) = Store::start_durable() else { return did_not_run() };
    let hardpans = [sharing(&store.url(), "", 120), sharing(&store.url(), "", 120)];
    hardpans.iter().for_each(|hardpan| ask(hardpan, 20));
    store.kill();
    let mut spent = 40;
    for hardpan in &hardpans {
        let (on_leases, refused) = spend(hardpan);
        assert_unknown(&refused);
        spent += on_leases;
        // In OpenAI's words on OpenAI's paths.
        let chat = br#"{"model":"openai.gpt-oss-20b-1:0","max_tokens":20,"messages":[{"role":"user","content":"hi"}]}"#;
        let refused = hardpan.post("/openai/v1/chat/completions", chat);
        assert_eq!(refused.status, 503);
        assert!(refused.json()["error"]["message"].is_string(), "{}", refused.json());
    }
    assert!(spent < 120, "{spent}");
    assert!(store.run(&DURABLE));
    for hardpan in &hardpans {
        let (more, refused) = spend_once_back(hardpan);
        spent += more;
        assert_eq!(refused.error(), (400, "ServiceQuotaExceededException"));
        let metrics = hardpan.metrics();
        let failures = metrics
            .lines()
            .find(|line| line.starts_with("hardpan_refusals_total{code=\"quotas_unavailable\""));
        assert!(failures.is_some(), "{metrics}");
    }
    let served: u64 = hardpans.iter().map(|hardpan| hardpan.simulator().request_count()).sum();
    assert_eq!(served, spent as u64);
    assert!((110..=120).contains(&spent), "{spent}");
    // A third replica finds the budget as the others left it.
    let (rest, refused) = spend(&sharing(&store.url(), "", 120));
    assert_eq!(refused.status, 400);
    assert!(spent + rest <= 120, "{spent} {rest}");
}

#[test]
fn a_store_that_comes_back_empty_is_told_what_was_spent() {
    let Some(mut store) = Store::start() else { return did_not_run() };
    let hardpan = sharing(&store.url(), "", 60);
    ask(&hardpan, 20);
    store.kill();
    assert!(store.run(&[]));
    let (after, refused) = spend_once_back(&hardpan);
    assert_eq!(refused.status, 400);
    assert_eq!(20 + after, 60);
}

#[test]
fn a_store_that_is_stopped_holds_nobody_up_for_long_and_goes_on() {
    let Some(store) = Store::start() else { return did_not_run() };
    let hardpan = sharing(&store.url(), "", 100);
    ask(&hardpan, 10);
    store.signal("-STOP");
    let (on_leases, refused) = spend(&hardpan);
    assert_unknown(&refused);
    store.signal("-CONT");
    let (after, refused) = spend_once_back(&hardpan);
    assert_eq!(refused.status, 400);
    assert_eq!(10 + on_leases + after, 100);
}

#[test]
fn without_a_store_a_share_of_each_limit_is_served_where_that_is_configured() {
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let urls = format!("\"redis://{away}\"");
    let denying = sharing(&urls, "", 100);
    let (answered, refused) = spend(&denying);
    assert_eq!(answered, 0);
    assert_unknown(&refused);
    // What the alert goes by. It is there before anything fails, and is set every few seconds.
    let failures = |hardpan: &Hardpan| -> Option<u64> {
        let metrics = hardpan.metrics();
        let line = metrics.lines().find_map(|line| line.strip_prefix("hardpan_quota_store_failures_total "));
        line.and_then(|figure| figure.parse().ok())
    };
    let deadline = Instant::now() + PATIENCE;
    while failures(&denying).is_none_or(|count| count == 0) {
        assert!(Instant::now() < deadline, "{}", denying.metrics());
        wait_a_little();
    }
    let serving = sharing(&urls, ", when_gone: local_share, local_share_percent: 7", 100);
    let (answered, refused) = spend(&serving);
    assert_eq!(answered, 7);
    assert_unknown(&refused);
    assert_eq!(get(serving.admin, "/readyz").unwrap().status, 200);
}

#[test]
fn a_replica_of_the_store_that_takes_over_knows_every_grant_that_was_used() {
    let Some(mut primary) = Store::start() else { return did_not_run() };
    let next = Store::replica_of(&primary);
    let urls = format!("{}, {}", primary.url(), next.url());
    let hardpan = sharing(&urls, ", confirmations: 1", 100);
    let mut served = 0;
    let deadline = Instant::now() + PATIENCE;
    while served < 30 {
        // On a busy machine a confirmation may come too late.
        served += usize::from(hardpan.converse("hi").status == 200);
        assert!(Instant::now() < deadline, "nothing was confirmed: {}", hardpan.log());
    }
    primary.kill();
    next.until("REPLICAOF NO ONE", "OK");
    let _after_next = Store::replica_of(&next);
    let (spent, refused) = spend_once_back(&hardpan);
    assert_eq!(refused.status, 400);
    assert!((90..=100).contains(&(30 + spent)), "{spent}");
}

#[test]
fn an_orderly_end_gives_back_what_its_leases_held() {
    let Some(store) = Store::start() else { return did_not_run() };
    let first = sharing(&store.url(), "", 1_000);
    ask(&first, 50);
    stop(&first);
    drop(first);
    let (rest, refused) = spend(&sharing(&store.url(), "", 1_000));
    assert_eq!((rest, refused.status), (950, 400));
}
