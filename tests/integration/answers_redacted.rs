//! What the model writes of persons does not reach the caller where policy masks answers, and what the caller wrote
//! himself comes back. The upstream says exactly what a test scripts, one character to an event where it streams.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardpan_inference::stream::event_stream::event;
use serde_json::{Value, json};

use crate::support::{CLAUDE, Hardpan, NOVA, Response, Setup, user_with_tools};

/// What the caller says: his own address is masked on its way out.
const ASKED: &str = "I am bob@example.org, how is the weather?";
/// What the model says and proposes, and what the caller gets of it.
const SAID: &str =
    "Write to ann@example.org or {EMAIL_1}, the card is 4111 1111 1111 1111. That is all, {EMAIL_2}";
const TOLD: &str =
    "Write to {EMAIL} or bob@example.org, the card is {CREDIT_DEBIT_CARD_NUMBER}. That is all, {EMAIL_2}";
const PROPOSED: &str = r#"{"city":"near ann\u0040example.org, {EMAIL_1}"}"#;
const RELEASED: &str = r#"{"city":"near {EMAIL}, bob@example.org"}"#;

const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";
const MASK_EVERYWHERE: &str = r#"{"types": "*", "where": ["request", "response", "tool"], "mode": "mask"}"#;

#[test]
fn a_whole_answer_is_masked_in_texts_and_arguments() {
    let run = Run::start(MASK_EVERYWHERE);
    let answer = json!({
        "output": {"message": {"role": "assistant", "content": [
            {"text": SAID},
            {"toolUse": {"toolUseId": "tooluse_1", "name": "get_weather",
                "input": serde_json::from_str::<Value>(PROPOSED).unwrap()}},
        ]}},
        "stopReason": "tool_use",
        "usage": {"inputTokens": 9, "outputTokens": 8, "totalTokens": 17},
    });
    let path = format!("/model/{NOVA}/converse");
    let response =
        run.ask(&path, &user_with_tools(ASKED), "application/json", answer.to_string().into_bytes());
    let told = response.json();
    assert_eq!(told.pointer("/output/message/content/0/text").unwrap(), TOLD);
    let input = told.pointer("/output/message/content/1/toolUse/input").unwrap();
    assert_eq!(input, &serde_json::from_str::<Value>(RELEASED).unwrap());
    assert_eq!(told.pointer("/output/message/content/1/toolUse/toolUseId").unwrap(), "tooluse_1");
    run.noted();
}

#[test]
fn a_converse_stream_is_masked_though_each_character_comes_alone() {
    let run = Run::start(MASK_EVERYWHERE);
    let frames = converse_frames(true);
    let path = format!("/model/{NOVA}/converse-stream");
    let response = run.ask(&path, &user_with_tools(ASKED), EVENT_STREAM, frames);
    assert_eq!(response.streamed_text(), TOLD);
    let payloads = response.frames().into_iter().map(|frame| frame.payload().to_vec());
    assert_eq!(joined(payloads, "/delta/toolUse/input"), RELEASED);
    assert_eq!(response.kinds().last().unwrap(), "metadata");
    run.noted();
}

#[test]
fn what_waits_when_a_stream_dies_leaves_masked_before_the_exception() {
    let run = Run::start(MASK_EVERYWHERE);
    let path = format!("/model/{NOVA}/converse-stream");
    let response = run.ask(&path, &user_with_tools(ASKED), EVENT_STREAM, converse_frames(false));
    assert_eq!(response.kinds().last().unwrap(), "serviceUnavailableException");
    assert_eq!(response.streamed_text(), TOLD);
    assert_eq!(run.hardpan.records(1)[0]["error"], "stream_incomplete");
}

#[test]
fn a_stream_of_chunks_is_masked_though_each_character_comes_alone() {
    let run = Run::start(MASK_EVERYWHERE);
    let delta = |index: u64, delta: Value| json!({"type":"content_block_delta","index":index,"delta":delta});
    let mut chunks = vec![
        json!({"type":"message_start","message":{"id":"m","role":"assistant","content":[],"usage":{"input_tokens":9}}}),
        json!({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}),
    ];
    chunks.extend(pieces(SAID).map(|piece| delta(0, json!({"type":"text_delta","text":piece}))));
    chunks.push(json!({"type":"content_block_stop","index":0}));
    let call = json!({"type":"tool_use","id":"t1","name":"get_weather","input":{}});
    chunks.push(json!({"type":"content_block_start","index":1,"content_block":call}));
    chunks.extend(
        pieces(PROPOSED).map(|piece| delta(1, json!({"type":"input_json_delta","partial_json":piece}))),
    );
    chunks.push(json!({"type":"content_block_stop","index":1}));
    let stop = json!({"stop_reason":"tool_use","stop_sequence":null});
    chunks.push(json!({"type":"message_delta","delta":stop,"usage":{"output_tokens":8}}));
    chunks.push(json!({"type":"message_stop"}));
    let framed = |chunk: &Value| {
        let payload = json!({"bytes":STANDARD.encode(chunk.to_string()),"p":"abcd"});
        event("chunk", payload.to_string().as_bytes()).to_vec()
    };
    let body = json!({"anthropic_version":"bedrock-2023-05-31","max_tokens":200,
        "messages":[{"role":"user","content":ASKED}],
        "tools":[{"name":"get_weather","input_schema":city_schema()}]});
    let path = format!("/model/{CLAUDE}/invoke-with-response-stream");
    let response = run.ask(&path, &body.to_string(), EVENT_STREAM, chunks.iter().flat_map(framed).collect());
    let inner = || {
        response.frames().into_iter().map(|frame| {
            let outer: Value = serde_json::from_slice(frame.payload()).unwrap();
            STANDARD.decode(outer["bytes"].as_str().unwrap()).unwrap()
        })
    };
    assert_eq!(joined(inner(), "/delta/text"), TOLD);
    assert_eq!(joined(inner(), "/delta/partial_json"), RELEASED);
    run.noted();
}

#[test]
fn a_chat_of_server_sent_events_is_masked_though_each_character_comes_alone() {
    let run = Run::start(MASK_EVERYWHERE);
    let chunk = |delta: Value, reason: Value| {
        json!({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"openai.gpt-oss-20b-1:0",
            "choices":[{"index":0,"delta":delta,"finish_reason":reason}]})
    };
    let call = |function: Value| json!({"tool_calls":[{"index":0,"function":function}]});
    let mut chunks = vec![chunk(json!({"role":"assistant","content":""}), Value::Null)];
    chunks.extend(pieces(SAID).map(|piece| chunk(json!({"content":piece}), Value::Null)));
    let begin = json!({"tool_calls":[{"index":0,"id":"call_1","type":"function",
        "function":{"name":"get_weather","arguments":""}}]});
    chunks.push(chunk(begin, Value::Null));
    chunks.extend(pieces(PROPOSED).map(|piece| chunk(call(json!({"arguments":piece})), Value::Null)));
    chunks.push(chunk(json!({}), json!("tool_calls")));
    chunks.push(json!({"id":"chatcmpl-1","choices":[],
        "usage":{"prompt_tokens":9,"completion_tokens":8,"total_tokens":17}}));
    let mut answer: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    answer.push_str("data: [DONE]\n\n");
    let body = json!({"model":"openai.gpt-oss-20b-1:0","max_completion_tokens":200,"stream":true,
        "stream_options":{"include_usage":true},"messages":[{"role":"user","content":ASKED}],
        "tools":[{"type":"function","function":{"name":"get_weather","parameters":city_schema()}}]});
    let response =
        run.ask("/v1/chat/completions", &body.to_string(), "text/event-stream", answer.into_bytes());
    let lines = || {
        let lines = response.body.split(|byte| *byte == b'\n');
        lines.filter_map(|line| line.strip_prefix(b"data:").map(|data| data.trim_ascii().to_vec()))
    };
    assert_eq!(joined(lines(), "/choices/0/delta/content"), TOLD);
    assert_eq!(joined(lines(), "/choices/0/delta/tool_calls/0/function/arguments"), RELEASED);
    run.noted();
}

#[test]
fn only_the_place_policy_names_is_masked() {
    for (places, text, arguments) in [
        (r#"["request", "tool"]"#, SAID.replace("{EMAIL_1}", "bob@example.org"), RELEASED.to_owned()),
        (r#"["request", "response"]"#, TOLD.to_owned(), PROPOSED.replace("{EMAIL_1}", "bob@example.org")),
    ] {
        let redact = format!(r#"{{"types": "*", "where": {places}, "mode": "mask"}}"#);
        let run = Run::start(&redact);
        let path = format!("/model/{NOVA}/converse-stream");
        let response = run.ask(&path, &user_with_tools(ASKED), EVENT_STREAM, converse_frames(true));
        assert_eq!(response.streamed_text(), text);
        let payloads = response.frames().into_iter().map(|frame| frame.payload().to_vec());
        assert_eq!(joined(payloads, "/delta/toolUse/input"), arguments);
    }
}

#[test]
fn an_answer_is_dropped_from_where_policy_says_drop() {
    let run = Run::start(r#"{"types": ["EMAIL"], "where": ["response"], "mode": "drop"}"#);
    let answer = json!({
        "output": {"message": {"role": "assistant", "content": [{"text": "To ann@example.org: +1 212-555-0147"}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 9, "outputTokens": 8, "totalTokens": 17},
    });
    let path = format!("/model/{NOVA}/converse");
    let response =
        run.ask(&path, &user_with_tools(ASKED), "application/json", answer.to_string().into_bytes());
    assert_eq!(response.text(), "To : +1 212-555-0147");
    let record = &run.hardpan.records(1)[0];
    assert_eq!(record["answer_findings"], json!({"EMAIL": 1, "PHONE": 1}));
    assert_eq!(record["redactions"], 1);
}

fn converse_frames(ends: bool) -> Vec<u8> {
    let delta = |block: u64, delta: Value| {
        event("contentBlockDelta", json!({"contentBlockIndex":block,"delta":delta}).to_string().as_bytes())
    };
    let mut frames = vec![event("messageStart", br#"{"role":"assistant","p":"abc"}"#)];
    frames.extend(pieces(SAID).map(|piece| delta(0, json!({"text":piece}))));
    if ends {
        frames.push(event("contentBlockStop", br#"{"contentBlockIndex":0}"#));
        let start = br#"{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t1","name":"get_weather"}}}"#;
        frames.push(event("contentBlockStart", start));
        frames.extend(pieces(PROPOSED).map(|piece| delta(1, json!({"toolUse":{"input":piece}}))));
        frames.push(event("contentBlockStop", br#"{"contentBlockIndex":1}"#));
        frames.push(event("messageStop", br#"{"stopReason":"tool_use"}"#));
        let usage =
            br#"{"usage":{"inputTokens":9,"outputTokens":8,"totalTokens":17},"metrics":{"latencyMs":5}}"#;
        frames.push(event("metadata", usage));
    }
    frames.iter().flat_map(|frame| frame.to_vec()).collect()
}

fn pieces(text: &str) -> impl Iterator<Item = String> + '_ {
    text.chars().map(String::from)
}

fn city_schema() -> Value {
    json!({"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false})
}

/// The strings at one place of each JSON text, joined; texts that are not JSON have none.
fn joined(texts: impl Iterator<Item = Vec<u8>>, pointer: &str) -> String {
    let piece = |text: Vec<u8>| {
        let value: Value = serde_json::from_slice(&text).ok()?;
        Some(value.pointer(pointer)?.as_str()?.to_owned())
    };
    texts.filter_map(piece).collect()
}

/// A content type and a body.
type Script = (&'static str, Vec<u8>);

/// A Hardpan with a bundle of one obligation, before an upstream that answers as the test says.
struct Run {
    hardpan: Hardpan,
    scripts: mpsc::Sender<Script>,
}

impl Run {
    fn start(redact: &str) -> Self {
        let (scripts, received) = mpsc::channel();
        let upstream = scripted_upstream(received);
        let bundle = format!("{}/bundle-{}", env!("CARGO_TARGET_TMPDIR"), uuid::Uuid::new_v4());
        std::fs::create_dir_all(Path::new(&bundle).join("org")).unwrap();
        let rules = format!(
            "# METADATA\n# title: Answers\n# description: Allows everything and masks values.\n\
             package policy.org.answers\n\n\
             allow contains \"everything\" if input.action in {{\"model:invoke\", \"tool:use\", \"api:call\"}}\n\n\
             apply contains {{\"redact\": {redact}}} if input.action in {{\"model:invoke\", \"api:call\"}}\n"
        );
        std::fs::write(Path::new(&bundle).join("org/answers.rego"), rules).unwrap();
        let policy = format!("{{ mode: enforce, bundle: \"{bundle}\" }}");
        let hardpan =
            Hardpan::start(Setup { policy: policy.leak(), upstream: Some(upstream), ..Setup::default() });
        let _ = std::fs::remove_dir_all(bundle);
        Self { hardpan, scripts }
    }

    fn ask(&self, path: &str, body: &str, content_type: &'static str, answer: Vec<u8>) -> Response {
        self.scripts.send((content_type, answer)).unwrap();
        let response = self.hardpan.post(path, body.as_bytes());
        let seen = String::from_utf8_lossy(&response.body).into_owned();
        assert!(response.status == 200 && response.complete, "{} {seen}", response.status);
        assert!(!seen.contains("4111"), "{seen}");
        response
    }

    /// What the record and the metrics say of an answer that was masked in both places.
    fn noted(&self) {
        let record = &self.hardpan.records(1)[0];
        assert_eq!(record["findings"], json!({"EMAIL": 1}));
        assert_eq!(record["answer_findings"], json!({"CREDIT_DEBIT_CARD_NUMBER": 1, "EMAIL": 2}));
        assert_eq!(record["redactions"], 4);
        assert_eq!(record["agent_tools_called"], json!(["get_weather"]));
        assert!(self.hardpan.metrics().contains("place=\"answer\""));
    }
}

/// An upstream that gives each request the next script, and closes after each answer.
fn scripted_upstream(scripts: mpsc::Receiver<Script>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            // A connection that brings no request asks for no answer.
            if !read_request(&mut stream) {
                continue;
            }
            let Ok((content_type, body)) = scripts.try_recv() else { continue };
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\nx-amzn-requestid: r1\r\ncontent-length: {}\r\n\
                 connection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    address
}

/// Reads one request to its end. False when the connection ended before.
fn read_request(stream: &mut TcpStream) -> bool {
    let mut seen = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&seen[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            if seen.len() >= end + 4 + length.map_or(0, |length| length.trim().parse::<usize>().unwrap()) {
                return true;
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return false,
            Ok(count) => seen.extend_from_slice(&chunk[..count]),
        }
    }
}
