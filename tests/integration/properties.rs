//! What holds for any bytes: the properties of the fuzz targets on bounded random input, and that the places where an
//! answer's bytes are cut on their way change nothing in what a caller gets, through the built binary.
//!
//! It does not say what the right answer to a well-formed request is: the other files do.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardpan_aws::signer::{Outgoing, sign_headers};
use hardpan_inference::stream::event_stream::{encode, event};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{CLAUDE, Hardpan, KEY, NOVA, Response, Setup, user_with_tools};

/// The very file the fuzz targets are built from.
#[path = "../../fuzz/src/lib.rs"]
mod shared;

/// Places to cut at: not at all, after every byte, and ten ways between.
const CUTTINGS: [u64; 12] = [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144];

/// What the scripted model says, a placeholder in it; and what the caller reads.
const TEXT_PIECES: [&str; 5] = ["Write to {EMA", "IL_", "1} über 😀", " and {not one} ", "{EMAIL_1}."];
const TEXT: &str = "Write to ann@example.org über 😀 and {not one} ann@example.org.";
const ARGUMENT_PIECES: [&str; 3] = ["{\"ci", "ty\":\"near {EMAIL", "_1}\"}"];
const ARGUMENTS: &str = "{\"city\":\"near ann@example.org\"}";

/// One kind of streamed answer, and how to ask for it.
struct Kind {
    path: String,
    signing_name: &'static str,
    ask: fn(&str) -> String,
    content_type: &'static str,
    answer: Vec<u8>,
    /// The text and the tool call's arguments as a caller puts them together.
    read: fn(&Response) -> (String, String),
}

#[test]
fn a_converse_stream_is_the_same_however_it_is_cut() {
    let arguments = |piece: &&str| {
        event(
            "contentBlockDelta",
            &text_of(&json!({"contentBlockIndex":1,"delta":{"toolUse":{"input":piece}}})),
        )
    };
    let text = |piece: &&str| {
        let delta = json!({"contentBlockIndex":0,"delta":{"text":piece},"p":"abcdefgh"});
        event("contentBlockDelta", &text_of(&delta))
    };
    let mut frames = vec![event("messageStart", br#"{"role":"assistant","p":"abc"}"#)];
    frames.extend(TEXT_PIECES.iter().map(text));
    frames.push(event("contentBlockStop", br#"{"contentBlockIndex":0}"#));
    let start = br#"{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t1","name":"get_weather"}}}"#;
    frames.push(event("contentBlockStart", start));
    frames.extend(ARGUMENT_PIECES.iter().map(arguments));
    frames.push(event("contentBlockStop", br#"{"contentBlockIndex":1}"#));
    frames.push(event("messageStop", br#"{"stopReason":"tool_use"}"#));
    let usage = br#"{"usage":{"inputTokens":9,"outputTokens":8,"totalTokens":17},"metrics":{"latencyMs":5}}"#;
    frames.push(event("metadata", usage));
    same_for_every_cutting(&Kind {
        path: format!("/model/{NOVA}/converse-stream"),
        signing_name: "bedrock",
        ask: user_with_tools,
        content_type: "application/vnd.amazon.eventstream",
        answer: frames.iter().flat_map(|frame| frame.to_vec()).collect(),
        read: |response| {
            let pieces = |pointer: &str| -> String {
                let payloads = response.frames().into_iter().map(|frame| frame.payload().to_vec());
                joined(payloads, pointer)
            };
            (pieces("/delta/text"), pieces("/delta/toolUse/input"))
        },
    });
}

#[test]
fn a_stream_of_chunks_is_the_same_however_it_is_cut() {
    let mut chunks = vec![
        json!({"type":"message_start","message":{"id":"m","role":"assistant","content":[],"usage":{"input_tokens":9}}}),
        json!({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}),
    ];
    let delta = |index: u64, delta: Value| json!({"type":"content_block_delta","index":index,"delta":delta});
    chunks.extend(TEXT_PIECES.iter().map(|piece| delta(0, json!({"type":"text_delta","text":piece}))));
    chunks.push(json!({"type":"content_block_stop","index":0}));
    let call = json!({"type":"tool_use","id":"t1","name":"get_weather","input":{}});
    chunks.push(json!({"type":"content_block_start","index":1,"content_block":call}));
    let fragment = |piece: &&str| delta(1, json!({"type":"input_json_delta","partial_json":piece}));
    chunks.extend(ARGUMENT_PIECES.iter().map(fragment));
    chunks.push(json!({"type":"content_block_stop","index":1}));
    let stop = json!({"stop_reason":"tool_use","stop_sequence":null});
    chunks.push(json!({"type":"message_delta","delta":stop,"usage":{"output_tokens":8}}));
    let metrics =
        json!({"inputTokenCount":9,"outputTokenCount":8,"invocationLatency":5,"firstByteLatency":3});
    chunks.push(json!({"type":"message_stop","amazon-bedrock-invocationMetrics":metrics}));
    let framed = |chunk: &Value| {
        event("chunk", &text_of(&json!({"bytes":STANDARD.encode(text_of(chunk)),"p":"abcd"})))
    };
    same_for_every_cutting(&Kind {
        path: format!("/model/{CLAUDE}/invoke-with-response-stream"),
        signing_name: "bedrock",
        ask: |text| {
            json!({"anthropic_version":"bedrock-2023-05-31","max_tokens":200,
                "messages":[{"role":"user","content":text}],
                "tools":[{"name":"get_weather","input_schema":city_schema()}]})
            .to_string()
        },
        content_type: "application/vnd.amazon.eventstream",
        answer: chunks.iter().flat_map(|chunk| framed(chunk).to_vec()).collect(),
        read: |response| {
            let pieces = |pointer: &str| -> String {
                let inner = |payload: &[u8]| {
                    let outer: Value = serde_json::from_slice(payload).unwrap();
                    STANDARD.decode(outer["bytes"].as_str().unwrap()).unwrap()
                };
                joined(response.frames().iter().map(|frame| inner(frame.payload())), pointer)
            };
            (pieces("/delta/text"), pieces("/delta/partial_json"))
        },
    });
}

#[test]
fn a_chat_stream_of_server_sent_events_is_the_same_however_it_is_cut() {
    let chunk = |delta: Value, reason: Value| {
        json!({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"openai.gpt-oss-20b-1:0",
            "choices":[{"index":0,"delta":delta,"finish_reason":reason}]})
    };
    let call = |function: Value| json!({"tool_calls":[{"index":0,"function":function}]});
    let mut chunks = vec![chunk(json!({"role":"assistant","content":""}), Value::Null)];
    chunks.extend(TEXT_PIECES.iter().map(|piece| chunk(json!({"content":piece}), Value::Null)));
    let begin = json!({"tool_calls":[{"index":0,"id":"call_1","type":"function",
        "function":{"name":"get_weather","arguments":""}}]});
    chunks.push(chunk(begin, Value::Null));
    chunks.extend(ARGUMENT_PIECES.iter().map(|piece| chunk(call(json!({"arguments":piece})), Value::Null)));
    chunks.push(chunk(json!({}), json!("tool_calls")));
    let mut answer: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    answer.push_str("data: {\"id\":\"chatcmpl-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,");
    answer.push_str("\"completion_tokens\":8,\"total_tokens\":17}}\n\ndata: [DONE]\n\n");
    same_for_every_cutting(&Kind {
        path: "/v1/chat/completions".to_owned(),
        signing_name: "bedrock",
        ask: |text| {
            json!({"model":"openai.gpt-oss-20b-1:0","max_completion_tokens":200,"stream":true,
                "stream_options":{"include_usage":true},"messages":[{"role":"user","content":text}],
                "tools":[{"type":"function","function":{"name":"get_weather","parameters":city_schema()}}]})
            .to_string()
        },
        content_type: "text/event-stream",
        answer: answer.into_bytes(),
        read: |response| {
            let pieces = |pointer: &str| joined(data_lines(&response.body), pointer);
            (pieces("/choices/0/delta/content"), pieces("/choices/0/delta/tool_calls/0/function/arguments"))
        },
    });
}

#[test]
fn payload_parts_of_a_container_are_the_same_however_they_are_cut() {
    let answer = generated_tokens();
    let kind = Kind { answer: payload_parts(&answer, 7), ..text_generation() };
    same_for_every_cutting(&kind);
}

#[test]
fn where_a_container_ends_its_parts_changes_nothing_in_what_it_wrote() {
    let written = generated_tokens();
    let kind = text_generation();
    let run = Run::start();
    let mut first: Option<Vec<u8>> = None;
    for (number, seed) in CUTTINGS.into_iter().enumerate() {
        let response = run.ask(&kind, number, vec![payload_parts(&written, seed)]);
        assert_eq!((kind.read)(&response).0, TEXT, "parts by seed {seed}");
        let bytes: Vec<u8> = response.frames().iter().flat_map(|frame| frame.payload().to_vec()).collect();
        assert!(first.get_or_insert_with(|| bytes.clone()) == &bytes, "parts by seed {seed}");
    }
}

fn text_generation() -> Kind {
    Kind {
        path: "/endpoints/tgi/invocations-response-stream".to_owned(),
        signing_name: "sagemaker",
        ask: |text| json!({"inputs":text,"parameters":{"max_new_tokens":200},"stream":true}).to_string(),
        content_type: "application/vnd.amazon.eventstream",
        answer: Vec::new(),
        read: |response| {
            let parts: Vec<u8> =
                response.frames().iter().flat_map(|frame| frame.payload().to_vec()).collect();
            (joined(data_lines(&parts), "/token/text"), ARGUMENTS.to_owned())
        },
    }
}

/// What a text generation container writes: one event for each token, the last one with the whole text.
fn generated_tokens() -> Vec<u8> {
    let last = TEXT_PIECES.len() - 1;
    let tokens = TEXT_PIECES.iter().enumerate().map(|(index, piece)| {
        let generated = (index == last).then(|| TEXT_PIECES.concat());
        let details = (index == last)
            .then(|| json!({"finish_reason":"eos_token","generated_tokens":5,"input_length":9}));
        let token = json!({"id":index,"text":piece,"logprob":-0.25,"special":false});
        let event = json!({"index":index,"token":token,"generated_text":generated,"details":details});
        format!("data:{event}\n\n")
    });
    tokens.collect::<String>().into_bytes()
}

fn payload_parts(written: &[u8], seed: u64) -> Vec<u8> {
    let mut stream = Vec::new();
    for part in shared::cut(written, seed) {
        let headers = [
            (":event-type", "PayloadPart"),
            (":content-type", "application/octet-stream"),
            (":message-type", "event"),
        ];
        encode(&headers, part, &mut stream);
    }
    stream
}

fn same_for_every_cutting(kind: &Kind) {
    let run = Run::start();
    let mut first: Option<Vec<u8>> = None;
    for (number, seed) in CUTTINGS.into_iter().enumerate() {
        let pieces = shared::cut(&kind.answer, seed).into_iter().map(<[u8]>::to_vec).collect();
        let response = run.ask(kind, number, pieces);
        let (text, arguments) = (kind.read)(&response);
        assert_eq!((text.as_str(), arguments.as_str()), (TEXT, ARGUMENTS), "cut by seed {seed}");
        let same = first.get_or_insert_with(|| response.body.clone()) == &response.body;
        assert!(same, "cut by seed {seed}, the caller gets other bytes");
    }
}

/// An answer's content type, and its body in the pieces it is written in.
type Script = (&'static str, Vec<Vec<u8>>);

/// A Hardpan before an upstream that answers each request as the test says.
struct Run {
    hardpan: Hardpan,
    scripts: mpsc::Sender<Script>,
}

impl Run {
    fn start() -> Self {
        let (scripts, received) = mpsc::channel();
        let upstream = piecewise_upstream(received);
        let grants = json!({
            "teams": {"payments": {"models": ["*"], "regions": ["*"], "geographies": ["us"], "endpoints": ["*"],
                "tools": ["get_weather"]}},
            "settings": {"secrets": "mask", "injection": "deny", "injection_deny_at": 0.8},
        });
        let data = format!("{}/grants-{}.json", env!("CARGO_TARGET_TMPDIR"), uuid::Uuid::new_v4());
        std::fs::write(&data, grants.to_string()).unwrap();
        let policy = format!("{{ mode: enforce, bundle: library, data: [\"{data}\"] }}");
        let hardpan =
            Hardpan::start(Setup { policy: policy.leak(), upstream: Some(upstream), ..Setup::default() });
        let _ = std::fs::remove_file(data);
        Self { hardpan, scripts }
    }

    /// Asks once. The number makes each request another: neither a repeat of a signature nor a cached question.
    fn ask(&self, kind: &Kind, number: usize, pieces: Vec<Vec<u8>>) -> Response {
        self.scripts.send((kind.content_type, pieces)).unwrap();
        let body = (kind.ask)(&format!("Case {number}: write to ann@example.org about the weather"));
        let head = signed(&self.hardpan, kind, body.as_bytes());
        let response = self.hardpan.send(&head, body.as_bytes());
        let seen = String::from_utf8_lossy(&response.body);
        assert!(response.status == 200 && response.complete, "{} {seen}", response.status);
        response
    }
}

fn signed(hardpan: &Hardpan, kind: &Kind, body: &[u8]) -> String {
    let host = hardpan.address.to_string();
    let credentials = aws_credential_types::Credentials::new(KEY.0, KEY.1, None, None, "test");
    let body_sha256: [u8; 32] = Sha256::digest(body).into();
    let headers = [("content-type", "application/json")];
    let path = kind.path.as_str();
    let outgoing =
        Outgoing { method: "POST", host: &host, path, headers: &headers, body_sha256: &body_sha256 };
    let now = SystemTime::now();
    let added = sign_headers(&outgoing, &credentials, "us-east-1", kind.signing_name, now).unwrap();
    let added: String = added.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n{added}content-length: {}\r\n\r\n",
        body.len()
    )
}

/// An upstream that writes each scripted piece as an HTTP chunk of its own, and closes after each answer.
fn piecewise_upstream(scripts: mpsc::Receiver<Script>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            // A connection that brings no request asks for no answer.
            if !read_request(&mut stream) {
                continue;
            }
            // A repeated request finds no script, and its test fails by the status.
            let Ok((content_type, pieces)) = scripts.try_recv() else {
                let _ =
                    stream.write_all(b"HTTP/1.1 500 None\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                continue;
            };
            let _ = stream.set_nodelay(true);
            let _ = answer(&mut stream, content_type, &pieces);
        }
    });
    address
}

fn answer(stream: &mut TcpStream, content_type: &str, pieces: &[Vec<u8>]) -> std::io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\nx-amzn-requestid: r1\r\ntransfer-encoding: chunked\r\n\
         connection: close\r\n\r\n"
    )?;
    for piece in pieces {
        let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
        chunk.extend_from_slice(piece);
        chunk.extend_from_slice(b"\r\n");
        stream.write_all(&chunk)?;
    }
    stream.write_all(b"0\r\n\r\n")
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

fn city_schema() -> Value {
    json!({"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false})
}

fn text_of(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// The strings at one place of each JSON text, joined; texts that are not JSON have none.
fn joined(texts: impl Iterator<Item = Vec<u8>>, pointer: &str) -> String {
    let piece = |text: Vec<u8>| {
        let value: Value = serde_json::from_slice(&text).ok()?;
        Some(value.pointer(pointer)?.as_str()?.to_owned())
    };
    texts.filter_map(piece).collect()
}

/// What stands behind `data:` in each line.
fn data_lines(stream: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let lines = stream.split(|byte| *byte == b'\n');
    lines.filter_map(|line| line.strip_prefix(b"data:").map(|data| data.trim_ascii().to_vec()))
}

/// A seed with some bytes changed and perhaps its end cut off, or bytes of no form at all.
fn near(seeds: &[&[u8]]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let seeds: Vec<Vec<u8>> = seeds.iter().map(|seed| seed.to_vec()).collect();
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5);
    let end = proptest::option::weighted(0.2, any::<prop::sample::Index>());
    let changed = (prop::sample::select(seeds), changes, end).prop_map(|(mut bytes, changes, end)| {
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(end.map_or(bytes.len(), |end| end.index(bytes.len())));
        bytes
    });
    prop_oneof![4 => changed, 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

const ROUTE_SEEDS: [&[u8]; 6] = [
    b"\x00POST /model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
    b"\x01POST /v1/chat/completions",
    b"\x03POST /endpoints/a%2Eb/invocations-response-stream",
    b"\x00GET /async-invoke?maxResults=5&nextToken=a%2Fb",
    b"\x00POST /sessions/S/invocationSteps/x",
    b"\x00DELETE /tags/arn%3Aaws%3As%3A%3A1%3Ax%2Fy?tagKeys=a&tagKeys=b",
];
const JSON_SEEDS: [&[u8]; 4] = [
    br#"{"a":[1,-2.5e3,0,true,false,null,{}],"b":"\u00e9\ud83d\ude00\n\"\/","":[]}"#,
    br#" [ "" , "\ud800" , 1E+2 , 1e999 ] "#,
    br#"{"k0":0,"k1":1,"k2":2,"k3":3,"k4":4,"k5":5,"k6":6,"k7":7,"k8":8}"#,
    br#"[[[[[{"a":"b\\"},"c"]]]]]"#,
];
const FRAME_SEEDS: [&[u8]; 4] = [
    b"\x01\x10\x02\x0b:event-type\x01\x01a\x01{}",
    b"\x01\x08\x01\x01a\x07\x00\x03xyzp\x00\x00\x03\x00\x01b\x00",
    b"\x01\x15\x03\x01a\x02\x07\x01b\x05\x01\x02\x03\x04\x05\x06\x07\x08\x01c\x06\x00\x01zend",
    b"\x00\x00\x00\x00\x10\x00\x00\x00\x00",
];
const SSE_SEEDS: [&[u8]; 4] = [
    b"data: {\"a\":\"\xc3\xbc\"}\n\ndata: [DONE]\n\n",
    b"event: message_start\r\ndata: {}\r\n\r\n: comment\n\nevent: end\ndata: a\ndata: b\nid: 7\n\n",
    b"data:first\r\rdata\n\n\n\ndata:\n\nevent\ndata:last",
    b"{\"token\":{\"text\":\" a\"}}\n{\"outputs\":[\" b\"]}\r\n\n{}",
];
const SIGNED_SEEDS: [&[u8]; 2] = [
    b"/\nhost:h\nx-amz-date:20150830T123600Z\nauthorization:AWS4-HMAC-SHA256 Credential=A/20150830/r/s/aws4_request, \
      SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    b"/?X-Amz-Signature=00\nhost:a",
];
const BEARER_SEEDS: [&[u8]; 2] = [
    b"bedrock.amazonaws.com/?Action=CallWithBearerToken&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20150830\
      %2Fus-east-1%2Fbedrock%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=43200&X-Amz-SignedHeaders=host&\
      X-Amz-Signature=0000000000000000000000000000000000000000000000000000000000000000&Version=1",
    b"ABSKAAAA",
];
const BODY_SEEDS: [&str; 8] = [
    r#"{"messages":[{"role":"user","content":[{"text":"a\nb"}]}],"inferenceConfig":{"maxTokens":9},"requestMetadata":{"a":"b"}}"#,
    r#"{"messages":[{"role":"user","content":"a"}],"max_tokens":3,"tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"tool","name":"f"}}"#,
    r#"{"model":"m","messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"auto"}"#,
    r#"{"inputs":"a","parameters":{"max_new_tokens":4}}"#,
    r#"{"prompt":"a","max_gen_len":5,"texts":["a"],"query":"q","documents":["d",{"text":"e"}]}"#,
    r#"{"inputText":"a","textGenerationConfig":{}}"#,
    r#"{"message":"a","chat_history":[{"role":"USER","message":"b"}],"input":[{"role":"user","content":"c"}]}"#,
    "{}",
];

fn bounded() -> ProptestConfig {
    ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(bounded())]

    #[test]
    fn what_routes_routes_again_from_its_own_path(data in near(&ROUTE_SEEDS)) {
        shared::routing_is_canonical(&data);
    }

    #[test]
    fn spans_are_those_serde_json_reads(data in near(&JSON_SEEDS)) {
        shared::spans_agree_with_serde(&data);
    }

    #[test]
    fn frames_are_the_same_however_they_are_cut(data in near(&FRAME_SEEDS)) {
        shared::frames_do_not_depend_on_cuts(&data);
    }

    #[test]
    fn events_are_the_same_however_they_are_cut(data in near(&SSE_SEEDS)) {
        shared::sse_events_do_not_depend_on_cuts(&data);
    }

    #[test]
    fn parts_are_the_same_however_they_are_cut(seed in any::<u8>(), data in near(&SSE_SEEDS)) {
        shared::payload_parts_do_not_depend_on_cuts(&[&[seed][..], data.as_slice()].concat());
    }

    #[test]
    fn no_signature_is_read_into_structure_or_forged(data in near(&SIGNED_SEEDS)) {
        shared::signatures_parse_into_plain_parts(&data);
    }

    #[test]
    fn no_bearer_token_is_read_into_structure_or_forged(data in near(&BEARER_SEEDS)) {
        shared::bearer_tokens_parse_into_plain_parts(&data);
    }

    #[test]
    fn a_changed_body_is_a_body(row in any::<u8>(), data in near(&BODY_SEEDS.map(str::as_bytes))) {
        shared::edited_requests_stay_requests(&[&[row][..], data.as_slice()].concat());
    }
}
