//! Requests and tool calls that wait for people: what the app gets, what approvers see and may say, and that both hold
//! over restarts.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{
    CLAUDE, Hardpan, NOVA, Response, Setup, get, read_response, user_with_tools, wait_a_little,
};

const ALICE: &str = "alice-token-0123456789-0123456789-ab";
const BOB: &str = "bob-token-0123456789-0123456789-abcd";
const CAROL: &str = "carol-token-0123456789-0123456789-ab";

/// Calls of `get_weather` need approval.
const WEATHER: &str = r#"apply contains {"approval": {"approvers": ["security"], "reason": "side effects"}} if {
	input.action == "tool:use"
	input.tool.name == "get_weather"
}"#;

struct Running {
    hardpan: Hardpan,
    folder: PathBuf,
}

impl Running {
    fn with(rules: &str) -> Self {
        Self::with_more(rules, "", "{ mode: enforce, bundle: \"BUNDLE\" }")
    }

    /// `more` are further keys of the section `approvals`.
    fn with_more(rules: &str, more: &str, policy: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("hardpan-approvals-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(folder.join("org")).unwrap();
        let module = format!("package policy.org.approvals\n\nallow contains \"all\"\n\n{rules}\n");
        std::fs::write(folder.join("org/approvals.rego"), module).unwrap();
        let policy = policy.replace("BUNDLE", folder.to_str().unwrap());
        let sections = format!(
            "{}\napprovals:\n  folder: approvals\n  approvers:\n    - {{ name: alice, token: {ALICE}, groups: \
             [security] }}\n    - {{ name: bob, token: {BOB}, groups: [security, finance], users: \
             [bob@example.org] }}\n    - {{ name: carol, token: {CAROL}, groups: [finance], apps: [orders-bot] \
             }}\n{more}\n",
            Setup::default().more
        );
        let setup = Setup { policy: policy.leak(), more: sections.leak(), ..Setup::default() };
        Self { hardpan: Hardpan::start(setup), folder }
    }

    fn converse(&self, body: &Value) -> Response {
        self.hardpan.post(&format!("/model/{NOVA}/converse"), body.to_string().as_bytes())
    }

    fn stream(&self, body: &Value) -> Response {
        self.hardpan.post(&format!("/model/{NOVA}/converse-stream"), body.to_string().as_bytes())
    }

    /// A call to the admin port.
    fn call(&self, token: Option<&str>, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.hardpan.admin).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n"));
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: admin\r\n{}content-length: {}\r\nconnection: close\r\n\r\n{body}",
            authorization.unwrap_or_default(),
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let response = read_response(&mut stream).expect("an answer of the admin port");
        (response.status, response.json())
    }

    fn listed(&self, state: &str) -> Vec<Value> {
        let (status, answer) = self.call(Some(BOB), "GET", &format!("/v1/approvals?state={state}"), "");
        assert_eq!(status, 200, "{answer}");
        answer["approvals"].as_array().unwrap().clone()
    }

    /// Waits for the one approval that is pending.
    fn pending(&self) -> Value {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let [one] = self.listed("pending").as_slice() {
                return one.clone();
            }
            assert!(Instant::now() < deadline, "nothing is pending: {}", self.hardpan.log());
            wait_a_little();
        }
    }

    fn say(&self, token: &str, id: &str, verb: &str) -> (u16, Value) {
        self.call(Some(token), "POST", &format!("/v1/approvals/{id}/{verb}"), "")
    }

    /// Alice approves whatever is pending.
    fn approve(&self) -> String {
        let id = self.pending()["id"].as_str().unwrap().to_owned();
        let (status, answer) = self.say(ALICE, &id, "approve");
        assert_eq!((status, &answer["state"]), (200, &json!("approved")), "{answer}");
        id
    }

    /// `hardpan approvals …` of the built binary.
    fn command(&self, token: &str, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_hardpan"))
            .arg("approvals")
            .args(arguments)
            .args(["--url", &format!("http://{}", self.hardpan.admin)])
            .env("HARDPAN_APPROVER_TOKEN", token)
            .output()
            .unwrap()
    }

    fn requests(&self) -> usize {
        self.hardpan.simulator().request_count() as usize
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn told(output: &Output) -> (bool, String) {
    let text = [output.stdout.clone(), output.stderr.clone()].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

fn weather(city: &str) -> Value {
    serde_json::from_str(&user_with_tools(&weather_call(city))).unwrap()
}

fn weather_call(city: &str) -> String {
    format!("[sim:say Let me look.][sim:tool get_weather {{\"city\":\"{city}\"}}]")
}

fn said(text: &str) -> Value {
    json!({"messages": [{"role": "user", "content": [{"text": text}]}], "inferenceConfig": {"maxTokens": 200}})
}

/// The id an `approval_required` names.
fn id_in(text: &str) -> String {
    let start = text.find("apr-").unwrap_or_else(|| panic!("no approval is named: {text}"));
    text[start..]
        .chars()
        .take_while(|character| character.is_ascii_alphanumeric() || *character == '-')
        .collect()
}

/// Everything of an answer somebody could read, the JSON inside base64 among it.
fn visible(response: &Response) -> String {
    let mut text = String::from_utf8_lossy(&response.body).into_owned();
    if response.header("content-type") == Some("application/vnd.amazon.eventstream") {
        for frame in response.frames() {
            let payload: Value = serde_json::from_slice(frame.payload()).unwrap_or_default();
            let bytes = payload["bytes"].as_str().and_then(|bytes| STANDARD.decode(bytes).ok());
            text.push_str(&bytes.map(|bytes| String::from_utf8(bytes).unwrap()).unwrap_or_default());
        }
    }
    text
}

/// One way to ask a model that calls a tool.
struct Shape {
    name: &'static str,
    path: String,
    body: Value,
    streamed: bool,
}

fn shapes() -> Vec<Shape> {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let gpt = "openai.gpt-oss-120b-1:0";
    let mut shapes = Vec::new();
    for streamed in [false, true] {
        let name = |whole, stream| if streamed { stream } else { whole };
        let converse = weather(name("converse", "converse-stream"));
        let path = format!("/model/{NOVA}/{}", name("converse", "converse-stream"));
        shapes.push(Shape { name: name("converse", "converse-stream"), path, body: converse, streamed });
        let invoke = name("invoke", "invoke-with-response-stream");
        let claude = name("anthropic", "anthropic-stream");
        let body = json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100,
            "messages": [{"role": "user", "content": weather_call(claude)}],
            "tools": [{"name": "get_weather", "input_schema": schema}]});
        shapes.push(Shape { name: claude, path: format!("/model/{CLAUDE}/{invoke}"), body, streamed });
        let nova = name("nova", "nova-stream");
        let body = json!({"schemaVersion": "messages-v1",
            "messages": [{"role": "user", "content": [{"text": weather_call(nova)}]}],
            "toolConfig": {"tools": [{"toolSpec": {"name": "get_weather", "inputSchema": {"json": schema}}}]}});
        shapes.push(Shape { name: nova, path: format!("/model/{NOVA}/{invoke}"), body, streamed });
        let chat = name("chat", "chat-stream");
        let body = json!({"model": gpt, "stream": streamed, "max_tokens": 100,
            "messages": [{"role": "user", "content": weather_call(chat)}],
            "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": schema}}]});
        shapes.push(Shape { name: chat, path: "/openai/v1/chat/completions".into(), body, streamed });
        let responses = name("responses", "responses-stream");
        let body = json!({"model": gpt, "stream": streamed, "max_output_tokens": 100,
            "input": [{"role": "user", "content": weather_call(responses)}],
            "tools": [{"type": "function", "name": "get_weather", "parameters": schema}]});
        shapes.push(Shape { name: responses, path: "/openai/v1/responses".into(), body, streamed });
    }
    shapes
}

#[test]
fn a_call_waits_for_approval_and_the_same_answer_then_goes_on_in_every_shape() {
    let running = Running::with(WEATHER);
    for Shape { name, path, body, streamed } in shapes() {
        let body = body.to_string();
        let before = running.requests();
        let ask = || running.hardpan.post(&path, body.as_bytes());
        let refused = ask();
        let seen = visible(&refused);
        // The city is named like the shape; the path is in no answer.
        assert!(seen.contains("[approval_required]"), "{name}: {seen}");
        assert!(!seen.contains("get_weather") && !seen.contains(&format!("\"{name}\"")), "{name}: {seen}");
        match streamed {
            false => assert_eq!(refused.status, 403, "{name}: {seen}"),
            true => assert_eq!(refused.status, 200, "{name}: {seen}"),
        }
        let id = id_in(&seen);
        // Asked again it is the same approval, and no other answer is made for it.
        assert_eq!(id_in(&visible(&ask())), id, "{name}");
        assert_eq!(running.requests(), before + 1, "{name}");
        let shown = running.pending();
        assert_eq!((&shown["id"], &shown["tool"]["name"]), (&json!(id), &json!("get_weather")));
        assert_eq!(
            shown["tool"]["arguments"].as_str().unwrap().replace(' ', ""),
            format!("{{\"city\":\"{name}\"}}")
        );
        assert_eq!((&shown["reasons"], &shown["app"]), (&json!(["side effects"]), &json!("orders-bot")));
        assert_eq!(running.approve(), id);
        let released = ask();
        let seen = visible(&released);
        assert_eq!(released.status, 200, "{name}: {seen}");
        assert!(seen.contains("get_weather") && !seen.contains("approval_required"), "{name}: {seen}");
        // The answer may get lost: the same asking gets the same call.
        assert_eq!(visible(&ask()), seen, "{name}");
        assert_eq!(running.requests(), before + 1, "{name}");
    }
}

#[test]
fn a_refusal_names_the_approval_in_the_callers_own_protocol() {
    let running = Running::with_more(
        WEATHER,
        "  url: \"https://approvals.example.org/{id}\"",
        "{ mode: enforce, bundle: \"BUNDLE\" }",
    );
    let refused = running.converse(&weather("Oslo"));
    assert_eq!(refused.error(), (403, "AccessDeniedException"));
    let message = refused.json()["message"].as_str().unwrap().to_owned();
    let id = id_in(&message);
    assert!(message.contains(&format!("at https://approvals.example.org/{id}")), "{message}");
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    let streamed = running.stream(&weather("Oslo"));
    let last = streamed.frames().pop().unwrap();
    assert!(last.header(":exception-type").unwrap().ends_with("Exception"));
    assert!(String::from_utf8_lossy(last.payload()).contains("[approval_required]"));
    assert!(!streamed.kinds().contains(&"messageStop".to_owned()), "{:?}", streamed.kinds());
    let records = running.hardpan.records(2);
    assert_eq!(records[0]["error"], "approval_required");
    let expected = json!([{"id": id, "action": "tool:use", "state": "pending", "by": null}]);
    assert_eq!(records[0]["approvals"], expected);
    // It was generated, and so it is paid for.
    assert!(records[0]["output_tokens"].as_u64().unwrap() > 0);
    assert!(records[1]["output_tokens"].as_u64().unwrap() > 0);
}

#[test]
fn a_held_answer_goes_on_as_soon_as_it_is_approved() {
    let running = Running::with(&WEATHER.replace("\"reason\"", "\"wait_s\": 60, \"reason\""));
    std::thread::scope(|scope| {
        let held = scope.spawn(|| running.converse(&weather("Oslo")));
        running.approve();
        let answer = held.join().unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["output"]["message"]["content"][1]["toolUse"]["input"]["city"], "Oslo");
        assert_eq!(answer.json()["stopReason"], "tool_use");
        let denied = scope.spawn(|| running.converse(&weather("Rome")));
        let id = running.pending()["id"].as_str().unwrap().to_owned();
        assert_eq!(running.say(ALICE, &id, "deny").0, 200);
        let answer = denied.join().unwrap();
        assert_eq!(answer.status, 200);
        let content = &answer.json()["output"]["message"]["content"];
        assert!(content[1]["text"].as_str().unwrap().starts_with("[approval_denied]"), "{content}");
        assert_eq!(answer.json()["stopReason"], "end_turn");
    });
    assert_eq!(running.requests(), 2);
    // Asked again, a denial stays one, without anybody being asked.
    let again = running.converse(&weather("Rome"));
    assert!(visible(&again).contains("[approval_denied]"));
    assert!(running.listed("pending").is_empty());
}

/// Reads a stream until something stands in it.
fn read_until(stream: &mut TcpStream, seen: &mut Vec<u8>, what: &str) {
    let mut chunk = [0; 4096];
    while !String::from_utf8_lossy(seen).contains(what) {
        let count = stream.read(&mut chunk).expect("the stream goes on");
        assert!(count > 0, "the stream ended: {}", String::from_utf8_lossy(seen));
        seen.extend_from_slice(&chunk[..count]);
    }
}

#[test]
fn of_a_held_stream_everything_before_the_call_leaves_and_the_rest_after_the_decision() {
    for (verb, expected, stop) in
        [("approve", "get_weather", "tool_use"), ("deny", "[approval_denied]", "end_turn")]
    {
        let running = Running::with(&WEATHER.replace("\"reason\"", "\"wait_s\": 60, \"reason\""));
        let body = weather("Oslo").to_string();
        let mut stream = running.hardpan.connect();
        let head =
            running.hardpan.signed("POST", &format!("/model/{NOVA}/converse-stream"), body.as_bytes(), &[]);
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut seen = Vec::new();
        // The end of the text before the call.
        read_until(&mut stream, &mut seen, "contentBlockStop");
        let id = running.pending()["id"].as_str().unwrap().to_owned();
        let text = String::from_utf8_lossy(&seen).into_owned();
        assert!(!text.contains("Oslo") && !text.contains("get_weather"), "{text}");
        assert_eq!(running.say(ALICE, &id, verb).0, 200);
        read_until(&mut stream, &mut seen, "metadata");
        let text = String::from_utf8_lossy(&seen).into_owned();
        assert!(text.contains(expected) && text.contains(stop), "{verb}: {text}");
    }
}

#[test]
fn a_caller_that_leaves_while_it_waits_leaves_the_approval_behind() {
    let running = Running::with(&WEATHER.replace("\"reason\"", "\"wait_s\": 60, \"reason\""));
    let body = weather("Oslo").to_string();
    let mut stream = running.hardpan.connect();
    let head = running.hardpan.signed("POST", &format!("/model/{NOVA}/converse"), body.as_bytes(), &[]);
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let id = running.pending()["id"].clone();
    drop(stream);
    assert_eq!(running.hardpan.records(1)[0]["error"], "client_left");
    assert_eq!(running.pending()["id"], id);
    running.approve();
    assert!(visible(&running.converse(&weather("Oslo"))).contains("Oslo"));
}

#[test]
fn where_calls_are_replaced_the_rest_of_the_answer_goes_on() {
    let running =
        Running::with_more(WEATHER, "  unapproved: replace", "{ mode: enforce, bundle: \"BUNDLE\" }");
    let text = r#"[sim:tool get_weather {"city":"Oslo"}][sim:tool db_query {"query":"select 1"}]"#;
    let body: Value = serde_json::from_str(&user_with_tools(text)).unwrap();
    let answer = running.converse(&body).json();
    let content = answer["output"]["message"]["content"].as_array().unwrap().clone();
    assert!(content[0]["text"].as_str().unwrap().starts_with("[approval_required]"), "{content:?}");
    assert_eq!(content[1]["toolUse"]["name"], "db_query");
    assert_eq!(answer["stopReason"], "tool_use");
    let streamed = running.stream(&body);
    assert_eq!(streamed.kinds().last().unwrap(), "metadata");
    assert!(streamed.streamed_text().contains("[approval_required]"));
    assert!(!visible(&streamed).contains("Oslo"));
    running.approve();
    let answer = running.converse(&body).json();
    assert_eq!(answer["output"]["message"]["content"][0]["toolUse"]["input"]["city"], "Oslo");
}

#[test]
fn an_approval_is_for_one_call_of_one_conversation() {
    let running = Running::with(WEATHER);
    let first = weather("Oslo");
    assert_eq!(running.converse(&first).status, 403);
    let id = running.approve();
    assert_eq!(running.converse(&first).status, 200);
    // A later turn of the conversation proposes the same call: that is another one.
    let mut later = first.clone();
    let turns = later["messages"].as_array_mut().unwrap();
    turns.push(json!({"role": "assistant", "content": [{"text": "done"}]}));
    turns.push(json!({"role": "user", "content": [{"text": weather_call("Oslo")}]}));
    let refused = running.converse(&later);
    assert_eq!(refused.status, 403);
    assert_ne!(id_in(&visible(&refused)), id);
    // So does another conversation, and one with other arguments.
    let mut other = first.clone();
    other["messages"][0]["content"][0]["text"] = json!(format!("Hello. {}", weather_call("Oslo")));
    assert_eq!(running.converse(&other).status, 403);
    assert_eq!(running.converse(&weather("Rome")).status, 403);
    assert_eq!(running.listed("pending").len(), 3);
    assert_eq!(running.listed("used").len(), 1);
}

#[test]
fn approvals_survive_a_restart_and_so_does_what_was_said() {
    let mut running = Running::with(WEATHER);
    let (before, approved, used) = (weather("Oslo"), weather("Rome"), weather("Bern"));
    assert_eq!(running.converse(&used).status, 403);
    running.approve();
    assert_eq!(running.converse(&used).status, 200);
    assert_eq!(running.converse(&approved).status, 403);
    running.approve();
    assert_eq!(running.converse(&before).status, 403);
    let id = running.pending()["id"].clone();
    running.hardpan.restart();
    assert_eq!(running.pending()["id"], id);
    let asked = running.requests();
    // The answer that was kept is gone, and the model is asked anew: the call is the same one by what it says.
    assert_eq!(running.converse(&approved).status, 200);
    assert_eq!(running.requests(), asked + 1);
    assert_eq!(running.converse(&before).status, 403);
    assert_eq!(running.approve(), id.as_str().unwrap());
    running.hardpan.restart();
    assert_eq!(running.converse(&before).status, 200);
    running.hardpan.restart();
    // What was used stays used, but for whoever asked the same.
    let mut later = used.clone();
    later["inferenceConfig"]["maxTokens"] = json!(300);
    assert_eq!(running.converse(&later).status, 403);
    assert_eq!(running.listed("used").len(), 3);
}

#[cfg(unix)]
#[test]
fn what_is_kept_is_redacted_and_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let running = Running::with(WEATHER);
    assert_eq!(running.converse(&weather("near ann@example.org")).status, 403);
    let shown = running.pending();
    let arguments = shown["tool"]["arguments"].as_str().unwrap();
    assert!(arguments.contains("{EMAIL}") && !arguments.contains("ann@"), "{arguments}");
    assert_eq!(shown["tool"]["findings"], json!({"EMAIL": 1}));
    let folder = running.hardpan.folder().join("approvals");
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{path:?}");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("ann@") && !text.contains("Let me look"), "{text}");
        files += usize::from(path.extension().is_some_and(|extension| extension == "json"));
    }
    assert_eq!(files, 1);
    // Hidden arguments stay hidden where nobody shall see any.
    let running = Running::with_more(WEATHER, "  arguments: none", "{ mode: enforce, bundle: \"BUNDLE\" }");
    assert_eq!(running.converse(&weather("Oslo")).status, 403);
    assert_eq!(running.pending()["tool"]["arguments"], Value::Null);
}

#[test]
fn only_approvers_who_are_asked_decide_and_never_about_their_own_calls() {
    let rules = r#"apply contains {"approval": {"approvers": [group]}} if {
	input.action == "tool:use"
	some group in {"Oslo": ["security"], "Rome": ["finance"], "Bern": ["security", "finance"]}[input.tool.args.city]
}"#;
    let running = Running::with(rules);
    let labelled = |city: &str, user: &str| {
        let mut body = weather(city);
        body["requestMetadata"] = json!({"user": user});
        id_in(&visible(&running.converse(&body)))
    };
    let (oslo, rome) = (labelled("Oslo", "dan"), labelled("Rome", "dan"));
    let (own, both) = (labelled("Oslo", "Bob@Example.org"), labelled("Bern", "dan"));
    let approve = |id: &str| format!("/v1/approvals/{id}/approve");
    for (token, method, path, body, status, code) in [
        (None, "GET", "/v1/approvals".to_owned(), "", 401, "unauthenticated"),
        (None, "POST", approve(&oslo), "", 401, "unauthenticated"),
        (Some("nobody"), "GET", "/v1/approvals".to_owned(), "", 403, "wrong_token"),
        (Some("integration-secret-000000"), "POST", approve(&oslo), "", 403, "wrong_token"),
        (Some(ALICE), "POST", approve("apr-0"), "", 404, "unknown"),
        (Some(ALICE), "POST", approve(&rome), "", 403, "not_asked"),
        (Some(ALICE), "GET", format!("/v1/approvals/{rome}"), "", 404, "unknown"),
        (Some(CAROL), "POST", approve(&oslo), "", 403, "not_asked"),
        // Carol speaks for the app, and Bob is the user.
        (Some(CAROL), "POST", approve(&rome), "", 403, "own_call"),
        (Some(BOB), "POST", approve(&own), "", 403, "own_call"),
        (Some(ALICE), "POST", approve(&oslo), "[]", 400, "invalid_body"),
        (Some(ALICE), "POST", approve(&oslo), r#"{"quorum":1}"#, 400, "invalid_body"),
        (Some(ALICE), "PUT", approve(&oslo), "", 404, "no_such_call"),
        (Some(ALICE), "GET", "/v1/approvals?state=some".to_owned(), "", 404, "no_such_call"),
    ] {
        let (found, answer) = running.call(token, method, &path, body);
        assert_eq!((found, &answer["code"]), (status, &json!(code)), "{method} {path}");
    }
    assert_eq!(running.listed("all").len(), 4);
    let (_, of_alice) = running.call(Some(ALICE), "GET", "/v1/approvals", "");
    assert_eq!(of_alice["approvals"].as_array().unwrap().len(), 3);
    // Each group has to approve, and one person may be in both.
    let (status, answer) = running.say(ALICE, &both, "approve");
    assert_eq!((status, &answer["state"], &answer["missing"]), (200, &json!("pending"), &json!(["finance"])));
    assert_eq!(running.say(ALICE, &both, "approve").0, 200);
    assert_eq!(running.say(BOB, &both, "approve").1["state"], "approved");
    // What is decided stays so, but for an approval that is taken back before it is used.
    assert_eq!(running.say(ALICE, &oslo, "approve").1["state"], "approved");
    assert_eq!(running.say(BOB, &oslo, "deny").1["state"], "denied");
    assert_eq!(running.say(ALICE, &oslo, "deny"), (409, running.say(ALICE, &oslo, "deny").1));
    assert_eq!(running.say(BOB, &rome, "deny").1["state"], "denied");
    let (status, answer) = running.say(BOB, &rome, "approve");
    assert_eq!((status, &answer["code"]), (409, &json!("already_decided")));
}

#[test]
fn people_decide_with_the_command() {
    let running = Running::with(WEATHER);
    assert_eq!(told(&running.command(ALICE, &["list"])), (true, "nothing\n".to_owned()));
    let id = id_in(&visible(&running.converse(&weather("Oslo"))));
    let (worked, text) = told(&running.command(ALICE, &["list"]));
    assert!(worked && text.contains(&id) && text.contains("get_weather") && text.contains("Oslo"), "{text}");
    let (worked, text) = told(&running.command(ALICE, &["show", &id]));
    assert!(worked && text.contains("side effects") && text.contains("orders-bot"), "{text}");
    assert!(!told(&running.command("nobody", &["approve", &id])).0);
    let (worked, text) = told(&running.command(ALICE, &["approve", &id, "--note", "checked with ops"]));
    assert_eq!((worked, text), (true, format!("{id} is approved\n")));
    assert_eq!(running.converse(&weather("Oslo")).status, 200);
    let (worked, text) = told(&running.command(ALICE, &["deny", &id]));
    assert!(!worked && text.contains("[already_decided]"), "{text}");
    let (_, text) = told(&running.command(ALICE, &["list", "--state", "used", "--json"]));
    let listed: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(listed["approvals"][0]["votes"][0]["by"], "alice");
    assert_eq!(listed["approvals"][0]["votes"][0]["note"], "checked with ops");
    let id = id_in(&visible(&running.converse(&weather("Rome"))));
    assert_eq!(told(&running.command(ALICE, &["deny", &id])), (true, format!("{id} is denied\n")));
    // Every decision is on record, those that did not count among them.
    let records = running.hardpan.records(6);
    let decided: Vec<(&Value, &Value, &Value)> = records
        .iter()
        .filter(|record| record["approvals"][0]["by"] != Value::Null && record["approvals"][0].is_object())
        .map(|record| (&record["approvals"][0]["state"], &record["approvals"][0]["by"], &record["error"]))
        .collect();
    let (approved, denied, alice) = (json!("approved"), json!("denied"), json!("alice"));
    assert_eq!(
        decided,
        [
            (&approved, &alice, &Value::Null),
            (&denied, &alice, &json!("already_decided")),
            (&denied, &alice, &Value::Null)
        ]
    );
    let metrics = running.hardpan.metrics();
    for line in [
        r#"hardpan_approvals_total{event="asked"} 2"#,
        r#"hardpan_approvals_total{event="approved"} 1"#,
        r#"hardpan_approvals_total{event="used"} 1"#,
        r#"hardpan_approvals_total{event="denied"} 1"#,
        r#"hardpan_approval_calls_total{result="wrong_token"} 1"#,
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}");
    }
}

#[test]
fn what_nobody_approves_in_time_expires() {
    let running = Running::with(&WEATHER.replace("\"reason\"", "\"ttl_s\": 1, \"reason\""));
    let id = id_in(&visible(&running.converse(&weather("Oslo"))));
    let deadline = Instant::now() + Duration::from_secs(30);
    while running.say(ALICE, &id, "approve").0 != 410 {
        // It may be approved in time, and expires all the same.
        assert!(Instant::now() < deadline);
        wait_a_little();
    }
    let again = id_in(&visible(&running.converse(&weather("Oslo"))));
    assert_ne!(again, id);
    let expired = || {
        let text = running.hardpan.metrics();
        text.lines().any(|line| line.starts_with("hardpan_approvals_total{event=\"expired\"}"))
    };
    while !expired() {
        assert!(Instant::now() < deadline, "no expiry was told");
        wait_a_little();
    }
}

#[test]
fn a_request_is_held_as_a_whole_and_let_through_once() {
    let running = Running::with(
        r#"apply contains {"approval": {"approvers": ["security"], "reason": "costly"}} if {
	input.action == "model:invoke"
	input.model.provider == "amazon"
}
apply contains {"approval": {"approvers": ["security"]}} if {
	input.action == "api:call"
	input.api.operation == "ApplyGuardrail"
}"#,
    );
    let body = said("hello");
    let refused = running.converse(&body);
    assert_eq!(refused.error(), (403, "AccessDeniedException"));
    let id = id_in(&visible(&refused));
    assert_eq!(id_in(&visible(&running.converse(&body))), id);
    assert_ne!(id_in(&visible(&running.converse(&said("hello!")))), id);
    assert_eq!(running.requests(), 0);
    let (_, shown) = running.call(Some(ALICE), "GET", &format!("/v1/approvals/{id}"), "");
    assert_eq!((&shown["action"], &shown["operation"]), (&json!("model:invoke"), &json!("Converse")));
    assert_eq!((&shown["request"]["messages"], &shown["reasons"]), (&json!(1), &json!(["costly"])));
    assert!(!shown.to_string().contains("hello"), "{shown}");
    assert_eq!(running.say(ALICE, &id, "approve").0, 200);
    assert_eq!((running.converse(&body).status, running.requests()), (200, 1));
    // Once approved is once done.
    assert_ne!(id_in(&visible(&running.converse(&body))), id);
    assert_eq!(running.requests(), 1);
    let records = running.hardpan.records(6);
    let granted = records.iter().find(|record| record["approvals"][0]["state"] == "granted").unwrap();
    assert_eq!((&granted["status"], &granted["approvals"][0]["id"]), (&json!(200), &json!(id)));
    let guardrail = r#"{"source":"INPUT","content":[{"text":{"text":"hello"}}]}"#;
    let path = "/guardrail/gr1/version/1/apply";
    let refused = running.hardpan.post(path, guardrail.as_bytes());
    assert_eq!(refused.status, 403);
    assert_eq!(running.say(ALICE, &id_in(&visible(&refused)), "approve").0, 200);
    assert_eq!(running.hardpan.post(path, guardrail.as_bytes()).status, 200);
    // Other models were not asked about.
    let claude = running.hardpan.post(&format!("/model/{CLAUDE}/converse"), body.to_string().as_bytes());
    assert_eq!(claude.status, 200);
}

#[test]
fn a_request_and_a_call_in_its_answer_are_approved_once_each() {
    let rules = format!(
        "{WEATHER}\napply contains {{\"approval\": {{\"approvers\": [\"security\"]}}}} if input.action == \"model:invoke\""
    );
    let running = Running::with(&rules);
    let mut asked = Vec::new();
    for action in ["model:invoke", "tool:use"] {
        assert_eq!(running.converse(&weather("Oslo")).status, 403);
        assert_eq!(running.pending()["action"], action);
        asked.push(running.approve());
    }
    assert_eq!(running.converse(&weather("Oslo")).status, 200);
    assert_eq!((asked.len(), running.requests()), (2, 1));
}

#[test]
fn a_request_waits_and_one_that_reached_nobody_keeps_its_approval() {
    let running = Running::with(
        r#"apply contains {"approval": {"approvers": ["security"], "wait_s": 60}} if input.action == "model:invoke""#,
    );
    let failing = said("[sim:throttle]");
    std::thread::scope(|scope| {
        let held = scope.spawn(|| running.converse(&failing));
        running.approve();
        assert_eq!(held.join().unwrap().status, 429);
    });
    // The service did nothing for it, so it may be sent again.
    assert_eq!(running.converse(&failing).status, 429);
    assert_eq!(running.requests(), 2);
    // The approval is given back once the answer is out, before the record: of two requests and one decision.
    running.hardpan.records(3);
    assert_eq!((running.listed("approved").len(), running.listed("used").len()), (1, 0));
}

#[test]
fn what_nobody_could_approve_is_refused() {
    let rules = WEATHER.replace("security", "nobody");
    let running = Running::with(&rules);
    let text = visible(&running.converse(&weather("Oslo")));
    assert!(text.contains("[obligation_unenforceable]") && !text.contains("Oslo"), "{text}");
    assert!(running.listed("all").is_empty());
    let rules = r#"apply contains {"approval": {"approvers": ["nobody"]}} if input.action == "model:invoke""#;
    let running = Running::with(rules);
    assert_eq!(running.converse(&said("hello")).status, 403);
    assert_eq!(
        (running.requests(), running.hardpan.records(1)[0]["error"].as_str()),
        (0, Some("obligation_unenforceable"))
    );
    // Without the section nobody can.
    let folder = std::env::temp_dir().join(format!("hardpan-approvals-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(folder.join("org")).unwrap();
    let module = format!("package policy.org.approvals\n\nallow contains \"all\"\n\n{rules}\n{WEATHER}\n");
    std::fs::write(folder.join("org/approvals.rego"), module.replace("nobody", "security")).unwrap();
    let policy = format!("{{ mode: enforce, bundle: \"{}\" }}", folder.display());
    let hardpan = Hardpan::start(Setup { policy: policy.leak(), ..Setup::default() });
    assert_eq!(hardpan.converse("hello").status, 403);
    assert_eq!(hardpan.simulator().request_count(), 0);
    assert_eq!(get(hardpan.admin, "/v1/approvals").unwrap().status, 404);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn one_app_cannot_flood_those_who_approve() {
    let running =
        Running::with_more(WEATHER, "  pending_per_app_max: 2", "{ mode: enforce, bundle: \"BUNDLE\" }");
    assert_eq!(running.converse(&weather("a")).status, 403);
    assert_eq!(running.converse(&weather("b")).status, 403);
    let text = visible(&running.converse(&weather("c")));
    assert!(text.contains("[approvals_unavailable]") && !text.contains("get_weather"), "{text}");
    assert_eq!(running.listed("pending").len(), 2);
}

#[test]
fn an_approval_that_cannot_be_kept_is_none() {
    let running = Running::with(WEATHER);
    let id = id_in(&visible(&running.converse(&weather("Oslo"))));
    let folder = running.hardpan.folder().join("approvals");
    let aside = running.hardpan.folder().join("aside");
    std::fs::rename(&folder, &aside).unwrap();
    let (status, answer) = running.say(ALICE, &id, "approve");
    assert_eq!((status, &answer["code"]), (503, &json!("unkept")));
    let text = visible(&running.converse(&weather("Rome")));
    assert!(text.contains("[approvals_unavailable]"), "{text}");
    assert_eq!(running.converse(&weather("Oslo")).status, 403);
    std::fs::rename(&aside, &folder).unwrap();
    assert_eq!(running.say(ALICE, &id, "approve").0, 200);
    assert_eq!(running.converse(&weather("Oslo")).status, 200);
}

#[test]
fn what_an_agent_returns_is_decided_action_by_action() {
    let rules = r#"deny contains {"code": "no_refund", "msg": "not by an agent"} if {
	input.action == "tool:use"
	input.tool.group == "simulated"
	input.tool.name == "refund"
	input.tool.args.sum == "20"
}
apply contains {"approval": {"approvers": ["security"]}} if {
	input.action == "tool:use"
	input.tool.name == "ship"
}"#;
    let running = Running::with(rules);
    let ask = |text: &str| {
        let body = json!({"inputText": text}).to_string();
        running.hardpan.post("/agents/AGENT1/agentAliases/ALIAS1/sessions/s1/text", body.as_bytes())
    };
    let passed = ask(r#"[sim:return look {"a":"1"}]"#);
    assert!(visible(&passed).contains("\"look\""), "{}", visible(&passed));
    let text = r#"[sim:return refund {"sum":"20"}][sim:return refund {"sum":"5"}]"#;
    let mixed = ask(text);
    let seen = visible(&mixed);
    assert!(seen.contains("[no_refund]") && seen.contains("\"5\"") && !seen.contains("\"20\""), "{seen}");
    let none = ask(r#"[sim:return refund {"sum":"20"}]"#);
    assert!(!none.kinds().contains(&"returnControl".to_owned()), "{:?}", none.kinds());
    assert!(visible(&none).contains("[no_refund]"));
    let shipping = r#"[sim:return ship {"to":"Oslo"}]"#;
    let refused = ask(shipping);
    let seen = visible(&refused);
    assert!(seen.contains("[approval_required]") && !seen.contains("Oslo"), "{seen}");
    let before = running.requests();
    running.approve();
    let seen = visible(&ask(shipping));
    assert!(seen.contains("returnControl") && seen.contains("Oslo"), "{seen}");
    assert_eq!(running.requests(), before);
    let records = running.hardpan.records(6);
    assert_eq!(records[1]["agent_tools_called"], json!(["refund"]));
    assert_eq!(records[1]["tools_denied"], json!(["refund"]));
}

#[test]
fn what_the_proxy_decided_is_logged_masked_and_can_be_replayed() {
    let policy = "{ mode: enforce, bundle: \"BUNDLE\", decision_log: { path: decisions.jsonl } }";
    let rules = format!(
        "deny contains {{\"code\": \"no_rome\", \"msg\": \"m\"}} if {{\n\tinput.action == \"tool:use\"\n\tinput.tool.args.city \
         == \"Rome\"\n}}\n{WEATHER}"
    );
    let running = Running::with_more(&rules, "", policy);
    assert_eq!(running.converse(&weather("Oslo")).status, 403);
    assert_eq!(running.converse(&weather("Rome")).status, 200);
    let mut records = running.hardpan.records(2);
    let path = running.hardpan.folder().join("decisions.jsonl");
    let deadline = Instant::now() + Duration::from_secs(20);
    let lines = loop {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        if lines.len() >= 4 {
            break lines;
        }
        assert!(Instant::now() < deadline, "{text}");
        wait_a_little();
    };
    let paths: Vec<&str> = lines.iter().map(|line| line["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["policy/model:invoke", "policy/tool:use", "policy/model:invoke", "policy/tool:use"]);
    assert_eq!(lines[0]["req_id"], records.remove(0)["request_id"]);
    assert_eq!(lines[1]["result"]["obligations"]["approval"]["approvers"], json!(["security"]));
    assert_eq!(lines[3]["result"]["reasons"][0]["code"], "no_rome");
    let replay = |bundle: &str, more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_hardpan"))
            .args(["policy", "replay", path.to_str().unwrap(), "--bundle", bundle, "--json"])
            .args(more)
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (worked, report) = replay(running.folder.to_str().unwrap(), &["--fail-on", "looser"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((worked, &report["total"]["same"]), (true, &json!(4)), "{report}");
    let looser = running.folder.join("looser");
    std::fs::create_dir_all(looser.join("org")).unwrap();
    std::fs::write(looser.join("org/a.rego"), "package policy.org.a\nallow contains \"all\"\n").unwrap();
    let (worked, report) = replay(looser.to_str().unwrap(), &["--fail-on", "looser"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((worked, &report["total"]["looser"]), (false, &json!(2)), "{report}");
}

#[test]
fn mistakes_about_approvers_are_told_without_their_tokens() {
    let folder = std::env::temp_dir().join(format!("hardpan-approvals-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("hardpan.yaml");
    let check = |admin: &str, approvals: &str| {
        let text = format!(
            "listen: 127.0.0.1:0\n{admin}\nkeys:\n  - {{ access_key_id: AKID, secret_access_key: {CAROL}, app: a, \
             team: t }}\naws: {{ region: us-east-1, endpoint: \"http://127.0.0.1:9\" }}\npolicy: {{ mode: off \
             }}\nrecords: {{ path: r.jsonl }}\napprovals: {approvals}\n"
        );
        std::fs::write(&file, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_hardpan")).args(["check", "-c"]).arg(&file).output();
        let (worked, text) = told(&output.unwrap());
        assert!(!text.contains(ALICE) && !text.contains(CAROL), "{text}");
        (worked, text)
    };
    let loopback = "admin: { listen: \"127.0.0.1:0\" }";
    let alice = format!("{{ name: alice, token: {ALICE}, groups: [security] }}");
    let with = |more: &str| format!("{{ folder: approvals, approvers: [{alice}], {more} }}");
    let (worked, text) = check(loopback, &with("wait_s: 60"));
    assert!(worked, "{text}");
    let anywhere = "admin: { listen: \"0.0.0.0:0\" }";
    assert!(check(anywhere, &with("beyond_loopback: true")).0);
    for (admin, approvals, place) in [
        ("", with("wait_s: 0"), "approvals:"),
        (anywhere, with("wait_s: 0"), "admin.listen:"),
        (loopback, "{ folder: approvals, approvers: [] }".to_owned(), "approvals.approvers:"),
        (loopback, format!("{{ folder: f, approvers: [{alice}, {alice}] }}"), "approvers[1].name:"),
        (loopback, format!("{{ folder: f, approvers: [{alice}, {alice}] }}"), "approvers[1].token:"),
        (loopback, with("").replace(ALICE, "short"), "approvers[0].token:"),
        (loopback, with("").replace(ALICE, CAROL), "approvers[0].token:"),
        (loopback, with("").replace("[security]", "[]"), "approvers[0].groups:"),
        (loopback, with("").replace("[security]", "[a b]"), "approvers[0].groups:"),
        (loopback, with("ttl_s: 0"), "approvals.ttl_s:"),
        (loopback, with("wait_s: 61"), "approvals.wait_s:"),
        (loopback, with("wait_s_max: 601"), "approvals.wait_s_max:"),
        (loopback, with("kept_max: 0"), "approvals.kept_max:"),
        (loopback, with("pending_per_app_max: 0"), "approvals.pending_per_app_max:"),
        (loopback, with("url: \"https://x\""), "approvals.url:"),
    ] {
        let (worked, text) = check(admin, &approvals);
        assert!(!worked && text.contains(place), "{place}: {text}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}
