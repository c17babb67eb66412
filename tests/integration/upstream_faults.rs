//! AWS failing in every way it can between a request and the end of its answer: what is sent once more, what never
//! is, and what the caller and the record are told. The failures with words of AWS's own are here too: a date that is
//! off, and credentials that have expired.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hardpan_simulator::SignatureCheck;
use serde_json::Value;
use time::macros::format_description;
use time::{Duration, OffsetDateTime};

use crate::support::{
    Hardpan, KEY, NOVA, PROFILE, Response, Setup, UPSTREAM_KEY, read_response, user, wait_a_little,
};

const ANSWER: &str = r#"{"output":{"message":{"role":"assistant","content":[{"text":"scripted"}]}},"stopReason":"end_turn","usage":{"inputTokens":7,"outputTokens":2,"totalTokens":9},"metrics":{"latencyMs":1}}"#;
const ROTATED_KEY: (&str, &str) = ("AKIDROTATED", "rotated-secret-0000000");

/// What a scripted upstream does with one request.
enum Act {
    /// Answers, and keeps the connection.
    Answer(String),
    /// Says this much and closes the connection.
    Close(String),
    /// Says this much and resets the connection, with some of the request unread.
    Reset(String),
    /// Says this much and falls silent until the peer leaves.
    Hang(String),
}

fn good() -> String {
    answer("200 OK", "")
}

/// A whole answer, with lines of headers.
fn answer(status: &str, headers: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{ANSWER}",
        ANSWER.len()
    )
}

/// The head of an answer and half of its body.
fn half() -> String {
    let whole = good();
    whole[..whole.len() - ANSWER.len() / 2].to_owned()
}

/// An upstream over HTTP/1.1 that acts a script, one act a request.
struct Script {
    address: SocketAddr,
    /// The heads of the requests that came.
    heads: Arc<Mutex<Vec<String>>>,
    closed: Arc<AtomicUsize>,
}

impl Script {
    fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let acts = Arc::new(Mutex::new(acts.into_iter().collect::<VecDeque<Act>>()));
        let script = Self { address, heads: Arc::default(), closed: Arc::default() };
        let (heads, closed) = (script.heads.clone(), script.closed.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let (acts, heads, closed) = (acts.clone(), heads.clone(), closed.clone());
                std::thread::spawn(move || {
                    act(stream, &acts, &heads);
                    closed.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        script
    }

    fn requests(&self) -> usize {
        self.heads.lock().unwrap().len()
    }

    fn hardpan(&self, limits: &'static str) -> Hardpan {
        let upstream = Some(self.address);
        Hardpan::start(Setup { policy: "{ mode: off }", limits, upstream, ..Setup::default() })
    }
}

/// Plays one connection until it is closed.
fn act(mut stream: TcpStream, acts: &Mutex<VecDeque<Act>>, heads: &Mutex<Vec<String>>) {
    stream.set_nodelay(true).unwrap();
    while let Some(head) = read_head(&mut stream) {
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
        heads.lock().unwrap().push(head);
        let next = acts.lock().unwrap().pop_front().expect("a request too many");
        // A reset is what the system makes of a close with bytes unread; all were written by then.
        if matches!(next, Act::Reset(_)) {
            body.pop();
        }
        if stream.read_exact(&mut body).is_err() {
            return;
        }
        let said = match &next {
            Act::Answer(said) | Act::Close(said) | Act::Reset(said) | Act::Hang(said) => said,
        };
        stream.write_all(said.as_bytes()).unwrap();
        match next {
            Act::Answer(_) => {}
            Act::Close(_) | Act::Reset(_) => return,
            Act::Hang(_) => {
                let _ = stream.read(&mut [0]);
                return;
            }
        }
    }
}

/// In lower case, and read byte by byte, so that nothing after it is. None when the connection ended.
fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    Some(String::from_utf8(head).unwrap().to_ascii_lowercase())
}

/// So many callers at the same time, each with a text of its own.
fn ask_side_by_side(hardpan: &Hardpan, texts: &[&str]) -> Vec<u16> {
    let mut streams: Vec<TcpStream> = texts.iter().map(|text| hardpan.connect_and_ask(text)).collect();
    streams.iter_mut().map(|stream| read_response(stream).unwrap().status).collect()
}

fn assert_attempts(record: &Value, attempts: u32, what: &str) {
    assert_eq!((&record["attempts"], &record["error"]), (&attempts.into(), &Value::Null), "{what}: {record}");
}

#[test]
fn a_connection_that_breaks_is_a_typed_error_wherever_it_breaks_and_is_not_tried_again() {
    let cases = [
        ("closed before an answer", Act::Close(String::new())),
        ("reset before an answer", Act::Reset(String::new())),
        ("closed inside the head", Act::Close("HTTP/1.1 200 OK\r\ncontent-ty".to_owned())),
        ("no HTTP", Act::Close("nonsense\r\n\r\n".to_owned())),
        ("closed after the head", Act::Close("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n".to_owned())),
        ("closed inside the body", Act::Close(half())),
        ("reset inside the body", Act::Reset(half())),
        (
            "closed inside a chunk",
            Act::Close("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{\"out".to_owned()),
        ),
    ];
    let (names, acts): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    let script = Script::start(acts);
    let hardpan = script.hardpan("{}");
    for (earlier, what) in names.iter().enumerate() {
        let response = hardpan.converse(what);
        assert_eq!(response.error(), (503, "ServiceUnavailableException"), "{what}");
        assert!(response.header("x-amz-retry-after").is_some(), "{what}");
        assert!(response.json()["message"].as_str().is_some_and(|message| !message.is_empty()), "{what}");
        assert_eq!(script.requests(), earlier + 1, "{what}: it may have been paid for already");
    }
    for (what, record) in names.iter().zip(hardpan.records(names.len())) {
        assert_eq!(record["error"], "upstream_unreachable", "{what}");
        assert_eq!((&record["status"], &record["attempts"]), (&503.into(), &1.into()), "{what}");
        // The work may have been done: it is settled at its most.
        assert_eq!(
            (&record["usage_source"], &record["output_tokens"]),
            (&"estimated".into(), &200.into()),
            "{what}"
        );
    }
}

#[test]
fn silence_is_a_timeout_wherever_it_begins_and_is_not_tried_again() {
    let begun = "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\ntransfer-encoding: chunked\r\n\r\n";
    let script = Script::start([Act::Hang(String::new()), Act::Hang(half()), Act::Hang(begun.to_owned())]);
    let hardpan = script.hardpan("{ upstream_read_timeout_ms: 300 }");
    for what in ["before the head", "inside the body"] {
        let response = hardpan.converse(what);
        assert_eq!(response.error(), (408, "ModelTimeoutException"), "{what}");
        assert_eq!(response.header("x-should-retry"), Some("false"), "{what}");
    }
    let stream = hardpan.converse_stream("inside a stream");
    assert!(stream.status == 200 && stream.complete);
    assert_eq!(stream.kinds(), ["modelStreamErrorException"]);
    assert_eq!(script.requests(), 3);
    for record in hardpan.records(3) {
        assert_eq!((&record["error"], &record["attempts"]), (&"upstream_timeout".into(), &1.into()));
    }
}

#[test]
fn a_kept_connection_that_aws_has_closed_is_not_noticed_by_anybody() {
    let script = Script::start([Act::Close(good()), Act::Answer(good())]);
    let hardpan = script.hardpan("{}");
    assert_eq!(hardpan.converse("one").text(), "scripted");
    while script.closed.load(Ordering::SeqCst) == 0 {
        wait_a_little();
    }
    assert_eq!(hardpan.converse("two").text(), "scripted");
    assert_eq!(script.requests(), 2);
    for record in hardpan.records(2) {
        assert_attempts(&record, 1, "closed while idle");
    }
}

#[test]
fn a_request_that_went_out_whole_on_a_kept_connection_is_not_sent_again() {
    let script = Script::start([Act::Answer(good()), Act::Close(String::new()), Act::Answer(good())]);
    let hardpan = script.hardpan("{}");
    assert_eq!(hardpan.converse("one").status, 200);
    assert_eq!(hardpan.converse("two").error(), (503, "ServiceUnavailableException"));
    assert_eq!(script.requests(), 2);
    assert_eq!(hardpan.converse("three").status, 200);
    assert_eq!(hardpan.records(3)[1]["error"], "upstream_unreachable");
}

#[test]
fn a_callers_retries_are_its_own_and_what_aws_says_of_retries_is_handed_on() {
    let throttled = "x-amzn-errortype: ThrottlingException\r\nx-amz-retry-after: 3000\r\nretry-after: 7\r\nx-should-retry: true\r\n";
    let script =
        Script::start([Act::Answer(answer("429 Too Many Requests", throttled)), Act::Answer(good())]);
    let hardpan = script.hardpan("{}");
    let body = user("hello");
    let ask = |attempt: &str| -> Response {
        let own = [("amz-sdk-invocation-id", "0f4c6f0a-1111"), ("amz-sdk-request", attempt)];
        let path = format!("/model/{NOVA}/converse");
        // Each attempt of an SDK has a date, and so a signature, of its own.
        let body = body.replace("hello", attempt);
        hardpan.send(&hardpan.signed("POST", &path, body.as_bytes(), &own), body.as_bytes())
    };
    let first = ask("attempt=1; max=3");
    assert_eq!(first.error(), (429, "ThrottlingException"));
    for (name, value) in [("x-amz-retry-after", "3000"), ("retry-after", "7"), ("x-should-retry", "true")] {
        let all: Vec<&str> = first
            .headers
            .iter()
            .filter(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect();
        assert_eq!(all, [value], "{name}");
    }
    assert_eq!(ask("attempt=2; max=3").status, 200);
    let heads = script.heads.lock().unwrap().clone();
    assert_eq!(heads.len(), 2);
    assert!(heads.iter().all(|head| !head.contains("amz-sdk-")), "the count of attempts is the caller's");
    let records = hardpan.records(2);
    assert_eq!((&records[0]["error"], &records[0]["attempts"]), (&"ThrottlingException".into(), &1.into()));
    assert_attempts(&records[1], 1, "the caller's second attempt");
}

/// An upstream over HTTP/2 that resets so many requests, each read whole, before it answers the others.
fn resetting_upstream(
    runtime: &tokio::runtime::Runtime,
    resets: usize,
    reason: h2::Reason,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let count = count.clone();
            tokio::spawn(async move {
                let Ok(mut connection) = h2::server::handshake(stream).await else { return };
                while let Some(Ok((request, respond))) = connection.accept().await {
                    let number = count.fetch_add(1, Ordering::SeqCst);
                    let reset = (number < resets).then_some(reason);
                    tokio::spawn(answer_h2(request.into_body(), respond, reset));
                }
            });
        }
    });
    (address, seen)
}

async fn answer_h2(
    mut body: h2::RecvStream,
    mut respond: h2::server::SendResponse<Bytes>,
    reset: Option<h2::Reason>,
) {
    while let Some(Ok(piece)) = body.data().await {
        let _ = body.flow_control().release_capacity(piece.len());
    }
    match reset {
        Some(reason) => respond.send_reset(reason),
        None => {
            let head = http::Response::builder().header("content-type", "application/json").body(()).unwrap();
            let mut out = respond.send_response(head, false).unwrap();
            out.send_data(Bytes::from_static(ANSWER.as_bytes()), true).unwrap();
        }
    }
}

#[test]
fn what_http_2_says_was_not_looked_at_is_sent_once_more_and_nothing_else_is() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for (reason, resets, status, sent, settled) in [
        (h2::Reason::REFUSED_STREAM, 1, 200, 2, "reported"),
        (h2::Reason::REFUSED_STREAM, 9, 503, 2, "none"),
        (h2::Reason::INTERNAL_ERROR, 1, 503, 1, "estimated"),
        (h2::Reason::CANCEL, 1, 503, 1, "estimated"),
    ] {
        let (address, seen) = resetting_upstream(&runtime, resets, reason);
        let hardpan = Hardpan::start(Setup {
            policy: "{ mode: off }",
            upstream: Some(address),
            aws: ", http: h2",
            ..Setup::default()
        });
        let response = hardpan.converse("hello");
        assert_eq!(response.status, status, "{reason} {resets}");
        assert_eq!(seen.load(Ordering::SeqCst), sent, "{reason} {resets}");
        let record = &hardpan.records(1)[0];
        assert_eq!(
            (&record["status"], &record["usage_source"]),
            (&status.into(), &settled.into()),
            "{reason} {resets}"
        );
        if status == 200 {
            assert_attempts(record, 2, "refused once");
        } else {
            assert_eq!(response.error(), (503, "ServiceUnavailableException"), "{reason} {resets}");
            assert_eq!(record["error"], "upstream_unreachable", "{reason} {resets}");
        }
    }
}

#[test]
fn over_http_2_failures_are_told_as_over_http_1() {
    let hardpan = Hardpan::start(Setup {
        policy: "{ mode: off }",
        aws: ", http: h2",
        limits: "{ upstream_read_timeout_ms: 2000 }",
        ..Setup::default()
    });
    let long = "some words that take quite a few frames to say, so that there is something to cut";
    for (directive, told, error) in [
        ("close", (503, "ServiceUnavailableException"), "upstream_unreachable"),
        ("cut", (503, "ServiceUnavailableException"), "upstream_unreachable"),
        ("latency 600000", (408, "ModelTimeoutException"), "upstream_timeout"),
    ] {
        hardpan.simulator().clear();
        let response = hardpan.converse(&format!("{long} [sim:{directive}]"));
        assert_eq!(response.error(), told, "{directive}");
        assert_eq!(hardpan.simulator().request_count(), 1, "{directive}");
        assert!(response.header("x-amzn-requestid").is_some(), "{directive}");
        let expected = if error == "upstream_timeout" { Some("false") } else { None };
        assert_eq!(response.header("x-should-retry"), expected, "{directive}");
    }
    for (directive, exception) in
        [("cut", "serviceUnavailableException"), ("pace 600000", "modelStreamErrorException")]
    {
        hardpan.simulator().clear();
        let response = hardpan.converse_stream(&format!("[sim:say {long}][sim:{directive}]"));
        assert!(response.status == 200 && response.complete, "{directive}");
        assert_eq!(response.kinds().last().unwrap(), exception, "{directive}");
        assert_eq!(hardpan.simulator().request_count(), 1, "{directive}");
    }
    let errors: Vec<Value> = hardpan.records(5).iter().map(|record| record["error"].clone()).collect();
    let expected = [
        "upstream_unreachable",
        "upstream_unreachable",
        "upstream_timeout",
        "upstream_unreachable",
        "upstream_timeout",
    ];
    assert_eq!(errors, expected);
    assert!(hardpan.received().iter().all(|received| received.version == http::Version::HTTP_2));
}

#[test]
fn a_clock_that_is_off_is_corrected_and_the_request_signed_once_more() {
    let hardpan = Hardpan::start(Setup { policy: "{ mode: off }", ..Setup::default() });
    let simulator = hardpan.simulator();
    let mut written = 0;
    for ahead_s in [3600, -7200, 0] {
        simulator.set_clock_ahead_s(ahead_s);
        simulator.clear();
        let streamed = hardpan.converse_stream(&format!("streamed {ahead_s}"));
        assert_eq!(streamed.streamed_text(), format!("You said: streamed {ahead_s}"));
        assert_eq!(hardpan.converse(&format!("whole {ahead_s}")).status, 200, "{ahead_s}");
        let signatures: Vec<bool> =
            simulator.received().iter().map(|received| received.signature == SignatureCheck::Valid).collect();
        assert_eq!(signatures, [false, true, true], "{ahead_s}: corrected once, and kept so");
        written += 2;
        let records = hardpan.records(written);
        assert_attempts(&records[written - 2], 2, "corrected");
        assert_attempts(&records[written - 1], 1, "kept");
        assert_eq!(records[written - 2]["usage_source"], "reported");
    }
    // Requests that were signed before the correction, side by side.
    simulator.set_clock_ahead_s(5400);
    let texts = ["a [sim:latency 50]", "b [sim:latency 50]", "c [sim:latency 50]", "d [sim:latency 50]"];
    assert_eq!(ask_side_by_side(&hardpan, &texts), [200; 4]);
    // A day is more than a clock is off: that is for an operator.
    simulator.set_clock_ahead_s(90_000);
    simulator.clear();
    assert_eq!(hardpan.converse("far").error(), (403, "InvalidSignatureException"));
    assert_eq!(simulator.request_count(), 1);
    simulator.set_clock_ahead_s(5400);
    assert_eq!(hardpan.converse("near").status, 200, "the last good correction is kept");
    let records = hardpan.records(written + 6);
    assert_eq!(records[written + 4]["error"], "InvalidSignatureException");
    assert_attempts(&records[written + 5], 1, "kept");
}

/// The date of an answer so many hours from now, in AWS's form.
fn date_in(hours: i64) -> String {
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    (OffsetDateTime::now_utc() + Duration::hours(hours)).format(format).unwrap()
}

#[test]
fn a_signature_is_never_made_more_than_twice() {
    for kind in [
        "InvalidSignatureException",
        "RequestExpired",
        "com.amazon.coral.service#RequestTimeTooSkewed:http://x/",
    ] {
        // A clock that runs away with every answer.
        let refused = |hours| {
            let headers = format!("x-amzn-errortype: {kind}\r\ndate: {}\r\n", date_in(hours));
            Act::Answer(answer("403 Forbidden", &headers))
        };
        let script = Script::start([refused(1), refused(3), refused(6), refused(9)]);
        let hardpan = script.hardpan("{}");
        for asked in [1, 2] {
            let response = hardpan.converse(&format!("hello {asked}"));
            assert_eq!((response.status, response.header("x-amzn-errortype")), (403, Some(kind)));
            assert_eq!(script.requests(), asked * 2, "{kind}");
        }
        for record in hardpan.records(2) {
            assert_eq!((&record["attempts"], &record["usage_source"]), (&2.into(), &"none".into()), "{kind}");
        }
    }
}

#[test]
fn errors_that_are_not_about_a_signature_are_handed_on_at_once() {
    let off = format!("date: {}\r\n", date_in(5));
    let refused =
        |status: &str, kind: &str| Act::Answer(answer(status, &format!("x-amzn-errortype: {kind}\r\n{off}")));
    let script = Script::start([
        refused("403 Forbidden", "AccessDeniedException"),
        refused("400 Bad Request", "ValidationException"),
        refused("429 Too Many Requests", "ThrottlingException"),
        refused("500 Internal Server Error", "InternalServerException"),
        // A date that is right, or cannot be read, changes nothing.
        Act::Answer(answer(
            "403 Forbidden",
            "x-amzn-errortype: InvalidSignatureException\r\ndate: yesterday\r\n",
        )),
    ]);
    let hardpan = script.hardpan("{}");
    for (earlier, status) in [403, 400, 429, 500, 403].into_iter().enumerate() {
        assert_eq!(hardpan.converse(&format!("hello {earlier}")).status, status);
        assert_eq!(script.requests(), earlier + 1);
    }
}

#[test]
fn credentials_that_aws_calls_expired_are_fetched_anew_and_the_request_signed_once_more() {
    let hardpan = Hardpan::start(Setup { policy: "{ mode: off }", profile: true, ..Setup::default() });
    let simulator = hardpan.simulator();
    assert_eq!(hardpan.converse("before").status, 200);

    simulator.expire_key(UPSTREAM_KEY.0);
    simulator.accept_key(ROTATED_KEY.0, ROTATED_KEY.1);
    write_profile(&hardpan, ROTATED_KEY);
    // All of these are signed with the old key, or with the new one once it is there.
    let texts = ["a", "b", "c", "d"];
    assert_eq!(ask_side_by_side(&hardpan, &texts), [200; 4]);
    assert_eq!(hardpan.converse_stream("after").streamed_text(), "You said: after");
    let records = hardpan.records(6);
    assert!(records[1..5].iter().any(|record| record["attempts"] == 2), "one had to be signed anew");
    assert!(records.iter().all(|record| record["status"] == 200 && record["error"].is_null()));
    assert_attempts(&records[5], 1, "kept");

    // Nothing newer is to be had: AWS's own words are handed on, and AWS is not asked twice.
    simulator.expire_key(ROTATED_KEY.0);
    simulator.clear();
    for asked in [1, 2] {
        let response = hardpan.converse(&format!("too late {asked}"));
        assert_eq!(response.error(), (403, "ExpiredTokenException"));
        assert_eq!(simulator.request_count(), asked);
    }
    let records = hardpan.records(8);
    for record in &records[6..] {
        assert_eq!((&record["error"], &record["attempts"]), (&"ExpiredTokenException".into(), &1.into()));
        assert_eq!(record["usage_source"], "none");
    }
    let everything = hardpan.log() + &records.iter().map(Value::to_string).collect::<String>();
    assert!(![ROTATED_KEY.1, UPSTREAM_KEY.1, KEY.1].iter().any(|secret| everything.contains(secret)));
}

fn write_profile(hardpan: &Hardpan, (id, secret): (&str, &str)) {
    let text = format!("[work]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    std::fs::write(hardpan.folder().join("credentials"), text).unwrap();
}

#[test]
fn the_control_plane_is_asked_anew_too_and_a_refusal_of_the_signature_is_no_answer_about_a_model() {
    let path = format!("/model/{}/converse", PROFILE.0.replace(':', "%3A").replace('/', "%2F"));
    let hardpan = Hardpan::start(Setup { policy: "{ mode: off }", profile: true, ..Setup::default() });
    let simulator = hardpan.simulator();
    simulator.expire_key(UPSTREAM_KEY.0);
    // Nothing newer is to be had: not known at the moment, which is not the same as not there.
    assert_eq!(hardpan.post(&path, user("one").as_bytes()).error(), (503, "ServiceUnavailableException"));
    simulator.accept_key(UPSTREAM_KEY.0, UPSTREAM_KEY.1);
    assert_eq!(hardpan.post(&path, user("two").as_bytes()).status, 200);
    let records = hardpan.records(2);
    assert_eq!(records[0]["error"], "model_lookup_failed");
    assert_eq!(records[1]["status"], 200);

    let hardpan = Hardpan::start(Setup { policy: "{ mode: off }", ..Setup::default() });
    hardpan.simulator().set_clock_ahead_s(3600);
    assert_eq!(hardpan.post(&path, user("three").as_bytes()).status, 200);
    let operations: Vec<&str> = hardpan.received().iter().map(|received| received.operation).collect();
    assert_eq!(operations, ["GetInferenceProfile", "GetInferenceProfile", "Converse"]);
}
