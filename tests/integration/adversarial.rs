//! Requests that try to be two things, and requests that try to be none. Each is refused in the caller's protocol or
//! its connection is broken; none is forwarded, none hangs, none brings the process down.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use crate::support::{Hardpan, NOVA, Setup, read_response, scripted_upstream, user, wait_a_little};

const PATH: &str = "/model/amazon.nova-lite-v1%3A0/converse";

/// Refused with an error of this type, and nothing reached the upstream.
fn assert_refused(hardpan: &Hardpan, name: &str, head: &str, body: &[u8], error: (u16, &str)) {
    let response = hardpan.send(head, body);
    assert_eq!(response.error(), error, "{name}");
    assert_eq!(hardpan.simulator().request_count(), 0, "{name}");
    assert!(response.json()["message"].is_string(), "{name}");
    assert!(response.header("x-amzn-requestid").is_some(), "{name}");
}

#[test]
fn bodies_that_are_not_what_they_seem_are_refused() {
    let hardpan = Hardpan::start(Setup::default());
    let deep = format!("{{\"messages\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", b"".to_vec()),
        ("not json", b"hello".to_vec()),
        ("cut json", user("hi").into_bytes()[..40].to_vec()),
        ("trailing", [user("hi").as_bytes(), b"{}"].concat()),
        ("array", b"[]".to_vec()),
        ("no messages", b"{}".to_vec()),
        (
            "duplicate key",
            br#"{"messages":[],"messages":[{"role":"user","content":[{"text":"x"}]}]}"#.to_vec(),
        ),
        ("escaped duplicate", br#"{"messages":[],"messag\u0065s":[]}"#.to_vec()),
        ("deep", deep.into_bytes()),
        ("invalid utf-8", [br#"{"messages":[],"x":""#.as_slice(), &[0xff, 0xfe], br#""}"#].concat()),
        ("utf-16", "\u{feff}{\"messages\":[]}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("control byte", b"{\"messages\":[],\"x\":\"\x00\"}".to_vec()),
        ("NaN", br#"{"messages":[],"x":NaN}"#.to_vec()),
    ];
    let count = cases.len();
    for (name, body) in cases {
        let head = hardpan.signed("POST", PATH, &body, &[]);
        assert_refused(&hardpan, name, &head, &body, (400, "ValidationException"));
    }
    hardpan.records(count);
}

#[test]
fn a_body_with_many_values_is_bounded() {
    let hardpan = Hardpan::start(Setup { limits: "{ json_values_max: 1000 }", ..Setup::default() });
    let body = format!(r#"{{"messages":[],"x":[{}0]}}"#, "0,".repeat(1000));
    let head = hardpan.signed("POST", PATH, body.as_bytes(), &[]);
    assert_refused(&hardpan, "values", &head, body.as_bytes(), (400, "ValidationException"));
}

#[test]
fn compressed_bodies_are_refused() {
    let hardpan = Hardpan::start(Setup::default());
    let body = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let head = hardpan.signed("POST", PATH, &body, &[("content-encoding", "gzip")]);
    assert_refused(&hardpan, "gzip", &head, &body, (400, "ValidationException"));
}

#[test]
fn a_head_that_frames_its_body_in_two_ways_is_refused() {
    let hardpan = Hardpan::start(Setup::default());
    let body = user("hi");
    let head = hardpan.signed("POST", PATH, body.as_bytes(), &[("transfer-encoding", "chunked")]);
    assert_refused(&hardpan, "both", &head, b"0\r\n\r\n", (400, "ValidationException"));
    let signed = hardpan.signed("POST", PATH, body.as_bytes(), &[]);
    let length = format!("content-length: {}", body.len());
    for (name, replacement) in [
        ("two lengths", format!("{length}\r\ncontent-length: 3")),
        ("negative length", "content-length: -1".to_owned()),
        ("length in words", "content-length: ten".to_owned()),
        ("plus sign", format!("content-length: +{}", body.len())),
        ("unknown coding", "transfer-encoding: gzip".to_owned()),
        ("two hosts", format!("{length}\r\nhost: elsewhere")),
    ] {
        let head = signed.replace(&length, &replacement);
        let mut stream = hardpan.connect();
        stream.write_all(head.as_bytes()).unwrap();
        let _ = stream.write_all(body.as_bytes());
        if let Some(response) = read_response(&mut stream) {
            assert!(matches!(response.status, 400 | 403), "{name}: {}", response.status);
        }
        assert_eq!(hardpan.simulator().request_count(), 0, "{name}");
    }
}

#[test]
fn a_body_shorter_or_longer_than_its_length_is_never_forwarded_as_it_is_not() {
    let hardpan = Hardpan::start(Setup { limits: "{ body_timeout_ms: 500 }", ..Setup::default() });
    let body = user("hi");
    let head = hardpan.signed("POST", PATH, body.as_bytes(), &[]);
    let longer = head
        .replace(&format!("content-length: {}", body.len()), &format!("content-length: {}", body.len() + 5));
    // Shorter than declared: the caller is told when its time is up.
    let response = hardpan.send(&longer, body.as_bytes());
    assert_eq!(response.error(), (400, "ValidationException"));
    // Shorter and gone: nobody is told, and the record is written.
    let mut stream = hardpan.connect();
    stream.write_all(longer.as_bytes()).unwrap();
    stream.write_all(&body.as_bytes()[..10]).unwrap();
    drop(stream);
    let records = hardpan.records(2);
    assert_eq!(records[1]["error"], "body_broken");
    // Longer than declared: the signature covers the declared part, so it cannot verify.
    let shorter = head
        .replace(&format!("content-length: {}", body.len()), &format!("content-length: {}", body.len() - 1));
    let response = hardpan.send(&shorter, body.as_bytes());
    assert_eq!(response.error(), (403, "InvalidSignatureException"));
    assert_eq!(hardpan.simulator().request_count(), 0);
}

#[test]
fn path_tricks_are_refused() {
    let hardpan = Hardpan::start(Setup::default());
    let body = user("hi");
    for path in [
        "/model/a%2Fb/converse",
        "/model/..%2Fx/converse",
        "/model/../model/amazon.nova-lite-v1%3A0/converse",
        "/model//amazon.nova-lite-v1%3A0/converse",
        "/model/amazon.nova-lite-v1%3A0;x=y/converse",
        "/model/amazon.nova-lite-v1%3A0%3Bx/converse",
        "/model/amazon.nova-lite-v1%253A0/converse",
        "/model/amazon.nova%00/converse",
        "/model/amazon%20nova/converse",
        "/model/%zz/converse",
        "/model/é/converse",
        "/model/amazon.nova-lite-v1%3A0/converse?x=1",
        "/model/arn%3Aaws%3As3%3A%3A%3Abucket%2Fx/converse",
        "http://elsewhere.example/model/amazon.nova-lite-v1%3A0/converse",
    ] {
        let head = hardpan.signed("POST", PATH, body.as_bytes(), &[]).replace(PATH, path);
        let response = hardpan.send(&head, body.as_bytes());
        assert!(
            matches!(response.error(), (400, "ValidationException") | (403, "AccessDeniedException")),
            "{path}"
        );
        assert_eq!(hardpan.simulator().request_count(), 0, "{path}");
    }
}

#[test]
fn other_operations_are_refused_by_name() {
    let hardpan = Hardpan::start(Setup::default());
    for (method, path, operation) in [
        ("PUT", "/enforcedGuardrailsConfiguration", "PutEnforcedGuardrailConfiguration"),
        ("POST", "/inference-profiles", "CreateInferenceProfile"),
        ("POST", "/endpoints/e/invocations-bidirectional-stream", "InvokeEndpointWithBidirectionalStream"),
        ("POST", "/agents/a/agentAliases", "unknown"),
        ("DELETE", "/model/x", "unknown"),
    ] {
        let response = hardpan.send(&hardpan.signed(method, path, b"{}", &[]), b"{}");
        assert_eq!(response.error(), (403, "AccessDeniedException"), "{path}");
        let message = response.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(operation) && message.contains("AWS_ENDPOINT_URL"), "{message}");
    }
    assert_eq!(hardpan.simulator().request_count(), 0);
}

#[test]
fn callers_who_cannot_prove_who_they_are_are_refused() {
    let hardpan = Hardpan::start(Setup::default());
    let body = user("hi");
    let head = hardpan.signed("POST", PATH, body.as_bytes(), &[]);
    let edited = |from: &str, to: &str| head.replace(from, to);
    let signature = head.split("Signature=").nth(1).unwrap()[..64].to_owned();
    let flipped = if signature.starts_with('a') { "b" } else { "a" }.to_owned() + &signature[1..];
    for (name, head, error) in [
        ("wrong signature", edited(&signature, &flipped), (403, "InvalidSignatureException")),
        (
            "unknown key",
            edited("Credential=AKIDTEST", "Credential=AKIDOTHER"),
            (403, "UnrecognizedClientException"),
        ),
        ("other service", edited("/bedrock/", "/s3/"), (403, "InvalidSignatureException")),
        ("other region", edited("/us-east-1/", "/eu-west-1/"), (403, "InvalidSignatureException")),
        (
            "unsigned",
            edited("authorization:", "x-authorization:"),
            (403, "MissingAuthenticationTokenException"),
        ),
        (
            "added header",
            edited("\r\n\r\n", "\r\nx-amzn-bedrock-trace: ENABLED\r\n\r\n"),
            (403, "InvalidSignatureException"),
        ),
        ("changed host", edited("host: 127.0.0.1", "host: 127.0.0.2"), (403, "InvalidSignatureException")),
        (
            "bearer",
            edited("authorization: AWS4-HMAC-SHA256 ", "authorization: Bearer "),
            (403, "UnrecognizedClientException"),
        ),
    ] {
        assert_refused(&hardpan, name, &head, body.as_bytes(), error);
    }
    let other = user("changed");
    assert_eq!(other.len(), user("charged").len());
    let head = hardpan.signed("POST", PATH, user("charged").as_bytes(), &[]);
    assert_refused(&hardpan, "changed body", &head, other.as_bytes(), (403, "InvalidSignatureException"));
    let presigned = format!("{PATH}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00");
    let head = format!("POST {presigned} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n");
    let response = hardpan.send(&head, b"{}");
    assert_eq!(response.status, 400);
}

#[test]
fn what_is_no_http_is_refused_and_the_next_caller_is_served() {
    let hardpan = Hardpan::start(Setup { limits: "{ head_timeout_ms: 1000 }", ..Setup::default() });
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and the rest of a TLS hello".as_slice(),
        b"GET / HTTP/1.1\r\nbad header line without a colon\r\n\r\n".as_slice(),
        b"POST /model/x/converse HTTP/1.1\r\nhost : x\r\n\r\n".as_slice(),
        b"POST /model/x/converse HTTP/9.9\r\nhost: x\r\n\r\n".as_slice(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnot a frame at all, is it?".as_slice(),
        b"CONNECT x:443 HTTP/1.1\r\nhost: x:443\r\n\r\n".as_slice(),
    ] {
        let mut stream = hardpan.connect();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        let _ = stream.set_read_timeout(Some(Duration::from_secs(15)));
        let _ = stream.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(!text.contains("200 OK"), "{text}");
    }
    assert_eq!(hardpan.converse("still there?").status, 200);
    assert!(!hardpan.log().contains("panicked"), "{}", hardpan.log());
}

#[test]
fn slow_heads_are_cut_off() {
    let hardpan = Hardpan::start(Setup { limits: "{ head_timeout_ms: 300 }", ..Setup::default() });
    let mut used = hardpan.connect_and_ask("a request first");
    read_response(&mut used).unwrap();
    for (mut stream, first) in [
        (hardpan.connect(), b"".as_slice()),
        (hardpan.connect(), b"POST /mod".as_slice()),
        (
            hardpan.connect(),
            b"POST /model/amazon.nova-lite-v1%3A0/converse HTTP/1.1\r\nhost: x\r\nx-slow: ".as_slice(),
        ),
    ] {
        stream.write_all(first).unwrap();
        let mut answer = Vec::new();
        assert_eq!(stream.read_to_end(&mut answer).unwrap_or(0), 0, "closed without an answer");
    }
    // An idle connection that has served is kept for its next request.
    let body = user("and one more");
    used.write_all(hardpan.signed("POST", PATH, body.as_bytes(), &[]).as_bytes()).unwrap();
    used.write_all(body.as_bytes()).unwrap();
    assert_eq!(read_response(&mut used).unwrap().status, 200);
}

#[test]
fn a_damaged_answer_of_the_upstream_is_withheld() {
    for (name, answer) in [
        ("not http", b"hello".as_slice()),
        ("cut body", b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"output\"".as_slice()),
        ("not json", b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\r\nhello".as_slice()),
        (
            "duplicate keys",
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{\"a\":1,\"a\":2}".as_slice(),
        ),
        ("nothing", b"".as_slice()),
    ] {
        let hardpan = Hardpan::start(Setup { upstream: Some(scripted_upstream(answer)), ..Setup::default() });
        let response = hardpan.converse("hi");
        assert_eq!(response.error(), (503, "ServiceUnavailableException"), "{name}");
        assert!(!String::from_utf8_lossy(&response.body).contains("hello"), "{name}");
        assert!(hardpan.records(1)[0]["error"].is_string(), "{name}");
    }
}

#[test]
fn an_answer_without_end_is_bounded() {
    let endless = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4000\r\n\r\n";
    let answer: Vec<u8> = [endless.as_slice(), &[b' '; 4000]].concat();
    let hardpan = Hardpan::start(Setup {
        upstream: Some(scripted_upstream(answer.leak())),
        limits: "{ answer_bytes_max: 3999 }",
        ..Setup::default()
    });
    assert_eq!(hardpan.converse("hi").error(), (503, "ServiceUnavailableException"));
    assert_eq!(hardpan.records(1)[0]["error"], "answer_too_large");
}

#[test]
fn an_upstream_nobody_listens_on_is_a_typed_error() {
    let hardpan =
        Hardpan::start(Setup { upstream: Some(crate::support::free_address()), ..Setup::default() });
    let response = hardpan.converse("hi");
    assert_eq!(response.error(), (503, "ServiceUnavailableException"));
    assert_eq!(hardpan.records(1)[0]["error"], "upstream_unreachable");
}

#[test]
fn requests_in_flight_are_bounded_and_places_come_back() {
    let hardpan = Hardpan::start(Setup { limits: "{ in_flight_max: 2 }", ..Setup::default() });
    let slow: Vec<_> = (0..2).map(|_| hardpan.connect_and_ask("[sim:latency 1500]")).collect();
    while hardpan.simulator().request_count() < 2 {
        wait_a_little();
    }
    assert_eq!(hardpan.converse("one too many").error(), (503, "ServiceUnavailableException"));
    for mut stream in slow {
        assert_eq!(read_response(&mut stream).unwrap().status, 200);
    }
    assert_eq!(hardpan.converse("room again").status, 200);
    assert!(hardpan.metrics().contains("in_flight_max"));
}

#[test]
fn a_tool_call_without_end_is_bounded() {
    let hardpan = Hardpan::start(Setup { limits: "{ held_stream_bytes_max: 4000 }", ..Setup::default() });
    let body = crate::support::user_with_tools(&format!(
        r#"[sim:tool get_weather {{"city":"{}"}}]"#,
        "x".repeat(3000)
    ))
    .replace("\"maxTokens\":400", "\"maxTokens\":2000");
    let response = hardpan.post(&format!("/model/{NOVA}/converse-stream"), body.as_bytes());
    assert_eq!(response.kinds().last().unwrap(), "validationException");
    assert_eq!(hardpan.records(1)[0]["error"], "held_stream_too_long");
}
