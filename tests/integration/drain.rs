//! Callers that leave a stream: what AWS still says of its usage is waited for within bounds, and settled; beyond the
//! bounds the call is stopped, and what was seen of it is settled.

use std::io::{Read as _, Write as _};

use serde_json::Value;

use crate::support::{CLAUDE, Hardpan, NOVA, Setup, user};

/// Bytes of a stream after which the caller leaves: its head, and more than a dozen pieces of text.
const SEEN_BYTES_MIN: usize = 4000;

struct Stream {
    name: &'static str,
    path: String,
    body: fn(&str) -> String,
}

/// One stream of events whose usage comes last, one that counts at its beginning and again at its end, and one of
/// server-sent events.
fn streams() -> [Stream; 3] {
    [
        Stream {
            name: "ConverseStream",
            path: format!("/model/{NOVA}/converse-stream"),
            body: |text| user(text).replace("200}", "20000}"),
        },
        Stream {
            name: "InvokeModelWithResponseStream",
            path: format!("/model/{CLAUDE}/invoke-with-response-stream"),
            body: |text| {
                format!(
                    r#"{{"anthropic_version":"bedrock-2023-05-31","max_tokens":20000,"messages":[{{"role":"user","content":{}}}]}}"#,
                    Value::from(text)
                )
            },
        },
        Stream {
            name: "ChatCompletions",
            path: "/openai/v1/chat/completions".to_owned(),
            body: |text| {
                format!(
                    r#"{{"model":"openai.gpt-oss-20b-1:0","stream":true,"stream_options":{{"include_usage":true}},"max_tokens":20000,"messages":[{{"role":"user","content":{}}}]}}"#,
                    Value::from(text)
                )
            },
        },
    ]
}

fn start(limits: &'static str) -> Hardpan {
    Hardpan::start(Setup { policy: "{ mode: off }", limits, ..Setup::default() })
}

/// Asks, reads the beginning of the stream, and hangs up.
fn ask_and_leave(hardpan: &Hardpan, path: &str, body: &str) {
    let mut stream = hardpan.connect();
    stream.write_all(hardpan.signed("POST", path, body.as_bytes(), &[]).as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut seen = 0;
    let mut chunk = [0; 4096];
    while seen < SEEN_BYTES_MIN {
        let count = stream.read(&mut chunk).unwrap();
        assert!(count > 0, "the stream ended after {seen} bytes");
        seen += count;
    }
}

#[test]
fn usage_that_comes_after_the_caller_has_left_is_settled() {
    for Stream { name, path, body } in streams() {
        let hardpan = start("{ drain_timeout_ms: 30000, drain_bytes_max: 10000000 }");
        let body = body("[sim:bytes 3000][sim:pace 5]");
        let whole = hardpan.post(&path, body.as_bytes());
        assert!(whole.status == 200 && whole.complete, "{name}");
        ask_and_leave(&hardpan, &path, &body);
        let records = hardpan.records(2);
        let [heard, left] = records.as_slice() else { panic!("{name}") };
        assert_eq!((&heard["error"], &left["error"]), (&Value::Null, &"client_left".into()), "{name}");
        assert_eq!(heard["usage_source"], "reported", "{name}");
        for member in
            ["status", "usage_source", "input_tokens", "output_tokens", "estimated_cost_usd", "attempts"]
        {
            assert_eq!(heard[member], left[member], "{name} {member}");
        }
        assert_eq!(left["output_tokens"], 750, "{name}");
        assert_eq!(hardpan.simulator().aborted_count(), 0, "{name}: AWS was cut off");
    }
}

#[test]
fn beyond_the_bounds_the_call_is_stopped_and_what_was_seen_is_settled() {
    for limits in ["{ drain_timeout_ms: 30000, drain_bytes_max: 1 }", "{ drain_timeout_ms: 1 }"] {
        let hardpan = start(limits);
        for (earlier, Stream { name, path, body }) in streams().into_iter().enumerate() {
            ask_and_leave(&hardpan, &path, &body("[sim:bytes 20000][sim:pace 10]"));
            hardpan.await_aborted(earlier as u64 + 1);
            let records = hardpan.records(earlier + 1);
            let record = records.last().unwrap();
            assert_eq!(record["error"], "client_left", "{name} {limits}");
            assert_eq!((&record["status"], &record["attempts"]), (&200.into(), &1.into()), "{name} {limits}");
            assert_eq!(record["usage_source"], "estimated", "{name} {limits}");
            assert!(record["input_tokens"].as_u64().unwrap() > 0, "{name} {limits}");
            let output = record["output_tokens"].as_u64().unwrap();
            assert!(output > 1 && output < 5000, "{name} {limits}: {output}");
        }
    }
}

#[test]
fn the_reservation_gives_way_to_what_was_used() {
    for limits in ["{ drain_timeout_ms: 30000 }", "{ drain_timeout_ms: 1 }"] {
        let quota =
            "{ mode: on, limits: [ { name: day, scope: app, unit: tokens, window: day, limit: 30000 } ] }";
        let hardpan = Hardpan::start(Setup { policy: "{ mode: off }", quota, limits, ..Setup::default() });
        let path = format!("/model/{NOVA}/converse-stream");
        let body = user("[sim:bytes 3000][sim:pace 5]").replace("200}", "20000}");
        ask_and_leave(&hardpan, &path, &body);
        assert_eq!(hardpan.records(1)[0]["error"], "client_left", "{limits}");
        // Two reservations do not fit side by side; one beside what the first stream used does.
        let body = user("still room").replace("200}", "20000}");
        assert_eq!(hardpan.post(&path, body.as_bytes()).status, 200, "{limits}");
    }
}
