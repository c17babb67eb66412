//! What tokens stand for, shared by the requests of a conversation: who gets a value back and who does not, what the
//! store learns, and what happens without it. Several replicas are processes of their own, the store is a real
//! `redis-server`.

use std::path::PathBuf;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::configuration::check;
use crate::quotas::{PATIENCE, Store, did_not_run};
use crate::support::{Hardpan, NOVA, Response, Setup, wait_a_little};

const KEY: &str = "a key for the tests of shared values";
const MAIL: &str = "ann@mail.test";
const TOKENS: &str = r#"{"redact": {"types": "*", "mode": "token"}}"#;

/// How a replica is set up.
#[derive(Clone, Copy)]
struct Replica<'a> {
    store: &'a Store,
    key: &'a str,
    /// More of the section `pii.shared`: a comma before each member.
    more: &'a str,
    redact: &'a str,
    /// Whoever calls it is this app.
    app: Option<&'a str>,
    timeout_ms: u64,
}

impl<'a> Replica<'a> {
    /// With a timeout that is enough for a machine that is busy with other things.
    fn of(store: &'a Store) -> Self {
        Self { store, key: KEY, more: "", redact: TOKENS, app: None, timeout_ms: 5000 }
    }

    fn start(self) -> Running {
        let folder = std::env::temp_dir().join(format!("hardpan-shared-values-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(folder.join("org")).unwrap();
        let asked = r#"input.action in {"model:invoke", "kb:retrieve", "api:call"}"#;
        let rules = format!(
            "package policy.org.sharing\n\nallow contains \"all\"\n\napply contains {} if {asked}\n",
            self.redact
        );
        std::fs::write(folder.join("org/sharing.rego"), rules).unwrap();
        let policy = format!("{{ mode: enforce, bundle: \"{}\" }}", folder.display());
        let identity =
            self.app.map(|app| format!("identity: {{ fixed: {{ app: {app}, team: payments }} }}\n"));
        let more = format!(
            "models: {{ map: {{ \"agent/*\": \"amazon.nova-lite-v1:0\" }} }}\n{}pii: {{ key: \"{}\", shared: {{ urls: [ {} ], \
             timeout_ms: {}{} }} }}",
            identity.unwrap_or_default(),
            self.key,
            self.store.url(),
            self.timeout_ms,
            self.more,
        );
        let setup = Setup { policy: policy.leak(), more: more.leak(), ..Setup::default() };
        Running { hardpan: Hardpan::start(setup), folder }
    }
}

struct Running {
    hardpan: Hardpan,
    folder: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Running {
    fn agent(&self, session: &str, text: &str) -> Response {
        let body = json!({"inputText": text, "streamingConfigurations": {"streamFinalResponse": true}});
        let path = format!("/agents/AGENT1/agentAliases/ALIAS1/sessions/{session}/text");
        self.hardpan.post(&path, body.to_string().as_bytes())
    }

    /// The words an agent says in a session, where its side knows these words already.
    fn agent_says(&self, session: &str, words: &str) -> String {
        let response = self.agent(session, &format!("[sim:say {words}]"));
        assert_eq!(response.status, 200, "{}", self.hardpan.log());
        assert!(response.frames().len() > 2, "the answer came in one piece");
        chunks(&response)
    }

    /// Says a value to an agent. Returns the token that arrived in its place.
    fn agent_hears(&self, session: &str, value: &str) -> String {
        let response = self.agent(session, &format!("My mail is {value} today"));
        assert_eq!(response.status, 200, "{}", self.hardpan.log());
        self.token()
    }

    /// The token in what arrived last.
    fn token(&self) -> String {
        let seen = self.hardpan.last_received_text();
        assert!(!seen.contains("mail.test"), "{seen}");
        let at = seen.find("{EMAIL:").unwrap_or_else(|| panic!("no token in {seen}"));
        seen[at..at + "{EMAIL:k3x9q2vd}".len()].to_owned()
    }

    fn converse(&self, operation: &str, texts: &[&str], user: Option<&str>) -> Response {
        let role = |index: usize| if index.is_multiple_of(2) { "user" } else { "assistant" };
        let message =
            |(index, text): (usize, &&str)| json!({"role": role(index), "content": [{"text": text}]});
        let messages: Vec<Value> = texts.iter().enumerate().map(message).collect();
        let mut body = json!({"messages": messages, "inferenceConfig": {"maxTokens": 200}});
        if let Some(user) = user {
            body["requestMetadata"] = json!({"user": user});
        }
        self.hardpan.post(&format!("/model/{NOVA}/{operation}"), body.to_string().as_bytes())
    }

    fn last_note(&self, requests: usize) -> Value {
        self.hardpan.records(requests).pop().unwrap()["shared_values"].clone()
    }

    fn count(&self, series: &str) -> u64 {
        let metrics = self.hardpan.metrics();
        let line = metrics.lines().find_map(|line| line.strip_prefix(series));
        line.map_or(0, |figure| figure.trim().parse().unwrap())
    }
}

/// What an agent wrote.
fn chunks(response: &Response) -> String {
    let frames = response.frames();
    let chunks = frames.iter().filter(|frame| frame.header(":event-type") == Some("chunk"));
    let bytes: Vec<u8> = chunks
        .flat_map(|frame| {
            let event: Value = serde_json::from_slice(frame.payload()).unwrap();
            STANDARD.decode(event["bytes"].as_str().unwrap()).unwrap()
        })
        .collect();
    String::from_utf8(bytes).unwrap()
}

fn keys(store: &Store) -> Vec<String> {
    redis::cmd("KEYS").arg("*").query(&mut store.connection()).unwrap()
}

/// Everything the store holds, names and values.
fn dump(store: &Store) -> Vec<u8> {
    let mut all = Vec::new();
    for key in keys(store) {
        let held: Vec<Vec<u8>> = redis::cmd("HGETALL").arg(&key).query(&mut store.connection()).unwrap();
        all.extend_from_slice(key.as_bytes());
        all.extend(held.concat());
    }
    all
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

#[test]
fn a_value_one_replica_masked_comes_back_through_another_in_its_session_alone() {
    let Some(store) = Store::start() else { return did_not_run() };
    let (first, second) = (Replica::of(&store).start(), Replica::of(&store).start());
    let token = first.agent_hears("session-one", MAIL);
    let note = |loaded: u64, kept: u64| json!({"loaded": loaded, "unopened": 0, "kept": kept, "not_kept": 0, "load_error": null, "keep_error": null});
    assert_eq!(first.last_note(1), note(0, 1));
    // However the stream is cut.
    for round in 0..8 {
        let words = format!("{}I wrote to {token} and <{token}>", "so ".repeat(round));
        assert_eq!(second.agent_says("session-one", &words), words.replace(&token, MAIL));
    }
    assert_eq!(second.last_note(8), note(1, 0));
    // The same value gets the same token, and nothing new is shared.
    assert_eq!(second.agent_hears("session-one", MAIL), token);
    assert_eq!(second.last_note(9), note(1, 0));
    // Another session, another app: the token, not the value.
    let words = format!("I wrote to {token}.");
    assert_eq!(second.agent_says("session-two", &words), words);
    let other = Replica { app: Some("other-bot"), ..Replica::of(&store) }.start();
    assert_eq!(other.agent_says("session-one", &words), words);
    assert_ne!(other.agent_hears("session-one", MAIL), token);
    assert_eq!(other.agent_says("session-one", &words), words);
    assert_eq!(first.agent_says("session-one", &words), words.replace(&token, MAIL));
    assert_eq!(first.count("hardpan_shared_values_total{result=\"kept\"}"), 1);
    assert_eq!(second.count("hardpan_shared_values_calls_total{call=\"load\",result=\"ok\"}"), 10);
}

#[test]
fn the_store_learns_no_value_no_token_and_nobody() {
    let Some(store) = Store::start() else { return did_not_run() };
    let replica = Replica::of(&store).start();
    let values = [MAIL, "bob@mail.test", "+1 212-555-0147", "4111 1111 1111 1111", "AKIAIOSFODNN7EXAMQLE"];
    let text = format!("{} are to be kept", values.join(" and "));
    assert_eq!(
        replica.converse("converse", &["Hello from the desk", "Yes", &text], Some("anna-user")).status,
        200
    );
    let seen = replica.hardpan.last_received_text();
    let kept = replica.last_note(1)["kept"].as_u64().unwrap();
    assert_eq!(kept, values.len() as u64, "{seen}");
    let token = replica.token();
    let tokens = seen.split('{').filter_map(|part| Some(part.split_once('}')?.0.split_once(':')?.1));
    let tokens: Vec<&str> = tokens.filter(|token| token.len() == 8).collect();
    assert!(tokens.len() >= values.len() && token.contains(tokens[0]), "{seen}");
    let held = dump(&store);
    assert!(held.len() > 500, "{}", held.len());
    let words =
        ["mail.test", "555-0147", "4111", "payments", "orders-bot", "anna-user", "Hello from", "EMAIL", NOVA];
    for word in values.iter().chain(&words).chain(&tokens) {
        assert!(!holds(&held, word), "{word}");
    }
    // Nor do Hardpan's own words.
    let own = [replica.hardpan.log(), replica.hardpan.metrics(), replica.hardpan.records(1)[0].to_string()];
    for word in values.iter().chain(&tokens) {
        assert!(own.iter().all(|text| !text.contains(word)), "{word}");
    }
}

#[test]
fn a_conversation_is_known_by_its_first_message_and_its_user() {
    let Some(store) = Store::start() else { return did_not_run() };
    let (first, second) = (Replica::of(&store).start(), Replica::of(&store).start());
    let told = ["Hello, it is me", "Yes", "my mail is ann@mail.test"];
    assert_eq!(first.converse("converse", &told, Some("anna")).status, 200);
    let token = first.token();
    // A tool's result, or a conversation kept elsewhere, may hold the token alone.
    let ask = format!("what was it? [sim:say It was {token}]");
    let (value, hidden) = (format!("It was {MAIL}"), format!("It was {token}"));
    for (opening, user, expected) in [
        (told[0], Some("anna"), &value),
        (told[0], Some("bert"), &hidden),
        (told[0], None, &hidden),
        ("Hello, it is another", Some("anna"), &hidden),
    ] {
        let texts = [opening, "Yes", &ask];
        assert_eq!(second.converse("converse", &texts, user).text(), *expected, "{opening} {user:?}");
        let streamed = second.converse("converse-stream", &texts, user).streamed_text();
        assert_eq!(streamed, *expected, "{opening} {user:?}");
    }
    // The arguments of a call are put back before policy sees them.
    let body = json!({
        "messages": [
            {"role": "user", "content": [{"text": told[0]}]},
            {"role": "assistant", "content": [{"text": "Yes"}]},
            {"role": "user", "content": [{"text": format!("[sim:tool send {{\"to\":\"{token}\"}}]")}]},
        ],
        "requestMetadata": {"user": "anna"},
        "toolConfig": {"tools": [{"toolSpec": {"name": "send", "inputSchema": {"json": {"type": "object"}}}}]},
    });
    let answer = second.hardpan.post(&format!("/model/{NOVA}/converse"), body.to_string().as_bytes()).json();
    let content = answer.pointer("/output/message/content").unwrap().as_array().unwrap().clone();
    let call = content.iter().find_map(|block| block.get("toolUse")).unwrap_or_else(|| panic!("{answer}"));
    assert_eq!(call["input"], json!({"to": MAIL}));
}

#[test]
fn a_session_that_a_service_keeps_is_one_conversation() {
    let Some(store) = Store::start() else { return did_not_run() };
    let (first, second) = (Replica::of(&store).start(), Replica::of(&store).start());
    let runtime = "arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fhelp-0123456789";
    let runtime = format!("/runtimes/{runtime}/invocations");
    let header = "x-amzn-bedrock-agentcore-runtime-session-id";
    let inline = json!({"foundationModel": "amazon.nova-lite-v1:0", "instruction": "Answer briefly and politely, please do.", "inputText": "%TEXT%"});
    let retrieving = json!({"input": {"text": "%TEXT%"}, "sessionId": "%SESSION%", "retrieveAndGenerateConfiguration": {
        "type": "KNOWLEDGE_BASE",
        "knowledgeBaseConfiguration": {"knowledgeBaseId": "ABCDE12345", "modelArn": "amazon.nova-lite-v1:0"}}});
    for (service, path, body) in [
        ("bedrock", "/agents/%SESSION%", inline),
        ("bedrock", "/retrieveAndGenerate", retrieving),
        ("bedrock-agentcore", runtime.as_str(), json!({"prompt": "%TEXT%"})),
    ] {
        let ask = |replica: &Running, session: &str, text: &str| {
            let session = format!("{session}-0123456789abcdef0123456789abcdef");
            let fill = |template: &str| template.replace("%SESSION%", &session).replace("%TEXT%", text);
            let (path, body) = (fill(path), fill(&body.to_string()));
            let headers = if service == "bedrock" { vec![] } else { vec![(header, session.as_str())] };
            let head = replica.hardpan.signed_for(service, "POST", &path, body.as_bytes(), &headers);
            let response = replica.hardpan.send(&head, body.as_bytes());
            let text = String::from_utf8_lossy(&response.body).into_owned();
            assert_eq!(response.status, 200, "{path} {text} {}", replica.hardpan.log());
            if path.starts_with("/agents") { chunks(&response) } else { text }
        };
        ask(&first, "one", "My mail is ann@mail.test today");
        let token = first.token();
        let says = format!("[sim:say I wrote to {token}]");
        let told = format!("I wrote to {MAIL}");
        assert!(ask(&second, "one", &says).contains(&told), "{path}");
        assert!(!ask(&second, "two", &says).contains(MAIL), "{path}");
    }
}

#[test]
fn what_is_moved_or_changed_in_the_store_does_not_open() {
    let Some(store) = Store::start() else { return did_not_run() };
    let replica = Replica::of(&store).start();
    let one = replica.agent_hears("session-one", MAIL);
    let two = replica.agent_hears("session-two", "bob@mail.test");
    let held = keys(&store);
    let [first, second] = held.as_slice() else { panic!("{held:?}") };
    // Each scope gets what was sealed for the other.
    let mut connection = store.connection();
    for (from, to) in [(first.as_str(), "aside"), (second, first), ("aside", second)] {
        let () = redis::cmd("RENAME").arg(from).arg(to).query(&mut connection).unwrap();
    }
    for (session, token) in
        [("session-one", &two), ("session-two", &one), ("session-one", &one), ("session-two", &two)]
    {
        let words = format!("It was {token} then");
        assert_eq!(replica.agent_says(session, &words), words, "{session}");
    }
    let note = replica.last_note(6);
    assert_eq!((&note["loaded"], &note["unopened"]), (&json!(0), &json!(1)), "{note}");
    assert_eq!(replica.count("hardpan_shared_values_total{result=\"unopened\"}"), 4);
    // Told again, the value is shared anew over what did not open.
    assert_eq!(replica.agent_hears("session-one", MAIL), one);
    assert_eq!(
        replica.agent_says("session-one", &format!("It was {one} then")),
        format!("It was {MAIL} then")
    );
    // What is no map of values is no answer, and harms nobody.
    for key in held {
        let () = redis::cmd("SET").arg(&key).arg("nonsense").query(&mut connection).unwrap();
    }
    let words = format!("It was {one} then");
    assert_eq!(replica.agent_says("session-one", &words), words);
    let response = replica.agent("session-one", "My mail is carl@mail.test today");
    assert_eq!(response.status, 200);
    let note = replica.last_note(10);
    assert_eq!((&note["load_error"], &note["keep_error"]), (&json!("refused"), &json!("refused")), "{note}");
}

#[test]
fn without_its_store_a_request_goes_on_or_is_refused_as_configured() {
    let Some(mut store) = Store::start() else { return did_not_run() };
    let continuing = Replica::of(&store).start();
    let refusing = Replica { more: ", on_error: refuse", ..Replica::of(&store) }.start();
    let token = refusing.agent_hears("session-one", MAIL);
    store.kill();
    let words = format!("It was {token} then");
    // What cannot be loaded stays a token, whatever is configured: nobody is shown too much by it.
    for replica in [&continuing, &refusing] {
        assert_eq!(replica.agent_says("session-one", &words), words);
    }
    assert_eq!(continuing.last_note(1)["load_error"], "away");
    // A value in a request.
    assert_eq!(continuing.agent_hears("session-one", "bob@mail.test").len(), token.len());
    let note = continuing.last_note(2);
    assert_eq!((&note["kept"], &note["not_kept"]), (&json!(0), &json!(1)), "{note}");
    assert!(["away", "paused"].contains(&note["keep_error"].as_str().unwrap()), "{note}");
    let calls = |replica: &Running, result: &str| {
        replica.count(&format!("hardpan_shared_values_calls_total{{call=\"keep\",result=\"{result}\"}}"))
    };
    assert_eq!(calls(&continuing, "away") + calls(&continuing, "paused"), 1);
    let served = refusing.hardpan.simulator().request_count();
    let refused = refusing.agent("session-one", "My mail is bob@mail.test today");
    assert_eq!(refused.error(), (503, "ServiceUnavailableException"));
    assert_eq!(refused.header("x-amz-retry-after"), Some("1000"));
    assert!(!String::from_utf8_lossy(&refused.body).contains("mail.test"));
    assert_eq!(refusing.hardpan.simulator().request_count(), served);
    let record = refusing.hardpan.records(3).pop().unwrap();
    assert_eq!(record["error"], "shared_values_unavailable", "{record}");
    assert_eq!(
        refusing.count("hardpan_refusals_total{code=\"shared_values_unavailable\",blame=\"hardpan\"}"),
        1
    );
    // Once the store is back it is found again.
    assert!(store.run(&[]));
    let deadline = Instant::now() + PATIENCE;
    while refusing.agent("session-one", "My mail is bob@mail.test today").status != 200 {
        assert!(Instant::now() < deadline, "{}", refusing.hardpan.log());
        wait_a_little();
    }
    let token = refusing.token();
    let deadline = Instant::now() + PATIENCE;
    while continuing.agent_says("session-one", &format!("It is {token} now")) != "It is bob@mail.test now" {
        assert!(Instant::now() < deadline, "{}", continuing.hardpan.log());
        wait_a_little();
    }
}

#[test]
fn a_store_that_says_nothing_holds_nobody_up() {
    let Some(store) = Store::start() else { return did_not_run() };
    let replica = Replica { timeout_ms: 50, ..Replica::of(&store) }.start();
    store.signal("-STOP");
    for round in 0..6 {
        assert_eq!(replica.agent("session-one", &format!("{round}: my mail is ann@mail.test")).status, 200);
    }
    let notes: Vec<Value> = replica
        .hardpan
        .records(6)
        .iter()
        .map(|record| record["shared_values"]["keep_error"].clone())
        .collect();
    store.signal("-CONT");
    assert!(
        notes.iter().all(|note| ["timeout", "away", "paused"].contains(&note.as_str().unwrap())),
        "{notes:?}"
    );
    assert!(notes.contains(&json!("paused")), "{notes:?}");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let token = replica.agent_hears("session-one", MAIL);
        if replica.agent_says("session-one", &format!("It is {token} now")) == format!("It is {MAIL} now") {
            return;
        }
        assert!(Instant::now() < deadline, "{}", replica.hardpan.log());
        wait_a_little();
    }
}

#[test]
fn a_scope_ends_after_its_time_and_each_request_gives_it_another_while() {
    let Some(store) = Store::start() else { return did_not_run() };
    let replica = Replica { more: ", ttl_s: 600", ..Replica::of(&store) }.start();
    let token = replica.agent_hears("session-one", MAIL);
    let key = keys(&store).pop().unwrap();
    let mut connection = store.connection();
    let mut left = || -> i64 { redis::cmd("PTTL").arg(&key).query(&mut connection).unwrap() };
    assert!((1..=600_000).contains(&left()), "{}", left());
    let () = redis::cmd("PEXPIRE").arg(&key).arg(100_000).query(&mut store.connection()).unwrap();
    let words = format!("It was {token} then");
    assert_eq!(replica.agent_says("session-one", &words), words.replace(&token, MAIL));
    assert!(left() > 100_000, "{}", left());
    // As if its time had run out.
    let () = redis::cmd("PEXPIRE").arg(&key).arg(1).query(&mut store.connection()).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !keys(&store).is_empty() {
        assert!(Instant::now() < deadline);
        wait_a_little();
    }
    assert_eq!(replica.agent_says("session-one", &words), words);
    assert_eq!(replica.last_note(3)["loaded"], 0);
}

#[test]
fn a_scope_holds_no_more_than_configured() {
    let Some(store) = Store::start() else { return did_not_run() };
    let replica = Replica { more: ", values_max: 2", ..Replica::of(&store) }.start();
    for (requests, (text, kept, not_kept)) in [
        ("a@mail.test and b@mail.test and c@mail.test", 2, 1),
        ("d@mail.test", 0, 1),
        ("a@mail.test and b@mail.test", 0, 0),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(replica.agent("session-one", text).status, 200);
        let note = replica.last_note(requests + 1);
        assert_eq!((&note["kept"], &note["not_kept"]), (&json!(kept), &json!(not_kept)), "{text}: {note}");
    }
    assert_eq!(replica.count("hardpan_shared_values_total{result=\"full\"}"), 2);
    let key = keys(&store).pop().unwrap();
    let held: u64 = redis::cmd("HLEN").arg(&key).query(&mut store.connection()).unwrap();
    assert_eq!(held, 2);
}

#[test]
fn many_values_come_back_as_few_do() {
    let Some(store) = Store::start() else { return did_not_run() };
    let replica = Replica { more: ", values_max: 1000", ..Replica::of(&store) }.start();
    let mails: Vec<String> = (0..600).map(|number| format!("person{number}@mail.test")).collect();
    assert_eq!(replica.agent("session-one", &mails.join(" and ")).status, 200);
    assert_eq!(replica.last_note(1)["kept"], 600);
    let last = replica.agent_hears("session-one", &mails[599]);
    assert_eq!(replica.last_note(2)["loaded"], 600);
    let words = format!("It was {last} then");
    assert_eq!(replica.agent_says("session-one", &words), words.replace(&last, &mails[599]));
}

#[test]
fn a_former_key_reads_what_it_sealed_and_the_present_one_takes_it_over() {
    let Some(store) = Store::start() else { return did_not_run() };
    let next = "another key for the tests of shared values";
    let former = format!(", previous_key: \"{KEY}\"");
    let token = Replica::of(&store).start().agent_hears("session-one", MAIL);
    let words = format!("It was {token} then");
    let told = words.replace(&token, MAIL);
    let after = Replica { key: next, ..Replica::of(&store) };
    assert_eq!(after.start().agent_says("session-one", &words), words);
    let between = Replica { more: &former, ..after }.start();
    assert_eq!(between.agent_says("session-one", &words), told);
    // What the model's side knows the value by stays its token.
    assert_eq!(between.agent_hears("session-one", MAIL), token);
    assert_eq!(after.start().agent_says("session-one", &words), told);
}

#[test]
fn policy_of_today_keeps_back_what_policy_of_yesterday_let_through() {
    let Some(store) = Store::start() else { return did_not_run() };
    let token = Replica::of(&store).start().agent_hears("session-one", MAIL);
    let words = format!("It was {token} then");
    let withheld = r#"{"redact": {"types": ["EMAIL"], "mode": "token", "restore": false}}"#;
    let strict = Replica { redact: withheld, ..Replica::of(&store) }.start();
    assert_eq!(strict.agent_says("session-one", &words), words);
    // What policy does not let be put back is not shared, and neither are other forms.
    strict.agent_hears("session-two", MAIL);
    for mode in ["mask", "fake", "hash", "label"] {
        let redact = format!(r#"{{"redact": {{"types": ["EMAIL"], "mode": "{mode}"}}}}"#);
        let replica = Replica { redact: &redact, ..Replica::of(&store) }.start();
        assert_eq!(replica.agent("session-three", "My mail is ann@mail.test").status, 200, "{mode}");
        assert!(!replica.hardpan.last_received_text().contains(MAIL), "{mode}");
        assert_eq!(replica.last_note(1)["kept"], 0, "{mode}");
    }
    assert_eq!(keys(&store).len(), 1);
    // Where policy says nothing of it, what was shared still comes back.
    let silent = r#"{"redact": {"types": ["PHONE"], "mode": "token"}}"#;
    let replica = Replica { redact: silent, ..Replica::of(&store) }.start();
    assert_eq!(replica.agent_says("session-one", &words), words.replace(&token, MAIL));
}

#[test]
fn mistakes_in_the_section_are_told_without_its_secrets() {
    let folder = std::env::temp_dir().join(format!("hardpan-shared-values-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("hardpan.yaml");
    let told = |pii: &str, quota: &str| {
        let text = format!(
            "listen: 127.0.0.1:0\nkeys:\n  - {{ access_key_id: AKIDTEST, secret_access_key: 0123456789abcdef, app: a, team: t }}\n\
             aws: {{ region: us-east-1 }}\npolicy: {{ mode: off }}\nrecords: {{ path: r.jsonl }}\nquota: {quota}\npii: {pii}\n"
        );
        std::fs::write(&file, text).unwrap();
        let output = check(&file, &[]);
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let key = format!("key: \"{KEY}\"");
    let urls = "urls: [\"redis://:topsecret@127.0.0.1:1\"]";
    let of_quotas = format!("{{ shared: {{ {urls} }} }}");
    for (pii, quota) in [
        (format!("{{ {key}, shared: {{ {urls} }} }}"), "{}"),
        // The store of quotas serves for both.
        (
            format!("{{ {key}, shared: {{ on_error: refuse, ttl_s: 60, values_max: 10 }} }}"),
            of_quotas.as_str(),
        ),
    ] {
        let (good, told) = told(&pii, quota);
        assert!(good, "{told}");
    }
    let mistakes = [
        (format!("{{ shared: {{ {urls} }} }}"), "pii.shared: no key to seal values with"),
        (format!("{{ {key}, shared: {{}} }}"), "pii.shared.urls: no store to share values in"),
        (format!("{{ {key}, shared: {{ urls: [\"http://topsecret\"] }} }}"), "pii.shared.urls:"),
        (format!("{{ {key}, shared: {{ {urls}, namespace: \"a{{b\" }} }}"), "pii.shared.namespace:"),
        (format!("{{ {key}, shared: {{ {urls}, timeout_ms: 0 }} }}"), "pii.shared.timeout_ms:"),
        (format!("{{ {key}, shared: {{ {urls}, ttl_s: 0 }} }}"), "pii.shared.ttl_s:"),
        (format!("{{ {key}, shared: {{ {urls}, ttl_s: 604801 }} }}"), "pii.shared.ttl_s:"),
        (format!("{{ {key}, shared: {{ {urls}, values_max: 0 }} }}"), "pii.shared.values_max:"),
        (format!("{{ {key}, shared: {{ {urls}, values_max: 4097 }} }}"), "pii.shared.values_max:"),
        (
            format!("{{ {key}, shared: {{ {urls}, previous_key: topsecret }} }}"),
            "pii.shared.previous_key: too short",
        ),
        (
            format!("{{ {key}, shared: {{ {urls}, previous_key: \"{KEY}\" }} }}"),
            "pii.shared.previous_key: the same as pii.key",
        ),
        (format!("{{ {key}, shared: {{ {urls}, on_error: perhaps }} }}"), "line"),
    ];
    for (pii, expected) in mistakes {
        let (good, told) = told(&pii, "{}");
        assert!(!good && told.contains(expected), "{expected} is not in {told}");
        assert!(!told.contains("topsecret") && !told.contains(KEY), "{told}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}
