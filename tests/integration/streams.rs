//! Streams that do not end well: the caller always learns of it, and so does the record.

use std::io::{Read as _, Write as _};

use crate::support::{Hardpan, NOVA, Setup, read_response, user};

#[test]
fn an_exception_of_the_service_is_handed_on() {
    let hardpan = Hardpan::start(Setup::default());
    let response = hardpan
        .converse_stream("[sim:say some words that take a few frames][sim:exception throttlingException]");
    assert_eq!(response.kinds().last().unwrap(), "throttlingException");
    assert_eq!(hardpan.records(1)[0]["error"], "throttlingException");
}

#[test]
fn damage_ends_in_an_exception_and_never_tidily() {
    let hardpan = Hardpan::start(Setup::default());
    let long = "some words that take quite a few frames to say, so that there is something to cut";
    for (directive, error) in
        [("cut", "upstream_unreachable"), ("badcrc", "stream_damaged"), ("end-early", "stream_incomplete")]
    {
        let response = hardpan.converse_stream(&format!("[sim:say {long}][sim:{directive}]"));
        assert!(response.complete, "{directive}");
        assert_eq!(response.kinds().last().unwrap(), "serviceUnavailableException", "{directive}");
        let kinds = response.kinds();
        assert!(!kinds.iter().any(|kind| kind == "metadata"), "{directive} {kinds:?}");
        let records = hardpan.records(match directive {
            "cut" => 1,
            "badcrc" => 2,
            _ => 3,
        });
        assert_eq!(records.last().unwrap()["error"], error);
    }
}

#[test]
fn an_upstream_that_closes_before_answering_is_a_typed_error() {
    let hardpan = Hardpan::start(Setup::default());
    for response in [hardpan.converse("[sim:close]"), hardpan.converse_stream("[sim:close]")] {
        assert_eq!(response.error(), (503, "ServiceUnavailableException"));
        assert!(response.header("x-amz-retry-after").is_some());
    }
}

#[test]
fn errors_of_the_service_are_untouched() {
    let hardpan = Hardpan::start(Setup::default());
    for (text, status, kind) in [
        ("[sim:throttle]", 429, "ThrottlingException"),
        ("[sim:error 404 ResourceNotFoundException]", 404, "ResourceNotFoundException"),
        ("[sim:error 500 InternalServerException]", 500, "InternalServerException"),
    ] {
        for response in [hardpan.converse(text), hardpan.converse_stream(text)] {
            assert_eq!(response.error(), (status, kind));
        }
    }
    let record = &hardpan.records(6)[0];
    assert_eq!((&record["status"], &record["error"]), (&429.into(), &"ThrottlingException".into()));
    assert_eq!(record["usage_source"], "none");
}

#[test]
fn a_caller_that_leaves_mid_stream_stops_the_call_and_is_settled_and_recorded() {
    let limits =
        "{ mode: on, limits: [ { name: day, scope: app, unit: tokens, window: day, limit: 100000 } ] }";
    let hardpan = Hardpan::start(Setup { quota: limits, ..Setup::default() });
    let body = user("[sim:bytes 20000][sim:pace 20]").replace("200}", "20000}");
    let head = hardpan.signed("POST", &format!("/model/{NOVA}/converse-stream"), body.as_bytes(), &[]);
    let mut stream = hardpan.connect();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut first = [0; 600];
    stream.read_exact(&mut first).unwrap();
    drop(stream);
    hardpan.await_aborted(1);
    let record = &hardpan.records(1)[0];
    assert_eq!((&record["error"], &record["usage_source"]), (&"client_left".into(), &"estimated".into()));
    assert!(record["input_tokens"].as_u64().unwrap() > 0);
    assert!(record["estimated_cost_usd"].is_string());
    // The reservation of 20,000 output tokens is gone: only what was estimated is spent.
    assert_eq!(hardpan.converse_stream("still room").status, 200);
}

#[test]
fn a_caller_that_leaves_while_the_answer_is_awaited_is_recorded() {
    let hardpan = Hardpan::start(Setup::default());
    let body = user("[sim:latency 30000]");
    let head = hardpan.signed("POST", &format!("/model/{NOVA}/converse"), body.as_bytes(), &[]);
    let mut stream = hardpan.connect();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    while hardpan.simulator().request_count() == 0 {
        crate::support::wait_a_little();
    }
    drop(stream);
    assert_eq!(hardpan.records(1)[0]["error"], "client_left");
}

#[test]
fn frames_leave_as_they_come() {
    let hardpan = Hardpan::start(Setup::default());
    // Two seconds between frames: the first text is there long before the stream could be whole.
    let body = user("[sim:say a few words to stream][sim:pace 2000]");
    let head = hardpan.signed("POST", &format!("/model/{NOVA}/converse-stream"), body.as_bytes(), &[]);
    let mut stream = hardpan.connect();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut seen = Vec::new();
    let mut chunk = [0; 4096];
    while !seen.windows(12).any(|window| window == b"messageStart") {
        let count = stream.read(&mut chunk).unwrap();
        assert!(count > 0);
        seen.extend_from_slice(&chunk[..count]);
    }
    assert!(!seen.windows(11).any(|window| window == b"messageStop"));
    drop(stream);
    assert!(read_response(&mut hardpan.connect_and_ask("hi")).unwrap().status == 200);
}

#[test]
fn a_stop_lets_requests_under_way_end() {
    let hardpan = Hardpan::start(Setup::default());
    let mut slow = hardpan.connect_and_ask("[sim:latency 1500]");
    while hardpan.simulator().request_count() == 0 {
        crate::support::wait_a_little();
    }
    hardpan.terminate();
    assert_eq!(read_response(&mut slow).unwrap().status, 200);
    assert_eq!(hardpan.records(1)[0]["status"], 200);
}
