//! What callers are told, service by service: the status, the name, the body and the headers that decide whether an
//! SDK tries again, before an answer has begun and inside a stream.
//!
//! The table is written out here, not taken from the code that answers.

use std::net::{SocketAddr, TcpListener};

use hardpan_inference::operation::Operation;
use serde_json::Value;

use crate::coverage::cells::Form;
use crate::coverage::client::Session;
use crate::coverage::samples::{self, Sample};
use crate::support::{Hardpan, KEY, Response, Setup, free_address};

/// Where the name of an error stands, and its message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// `x-amzn-errortype`, and this member of the body.
    Aws(&'static str),
    /// `error.type` and `error.message`.
    OpenAi,
    /// The same, inside `"type": "error"`.
    Anthropic,
}

type Told = (u16, &'static str);

/// One service's answers.
struct Row {
    operation: Operation,
    shape: Shape,
    unsigned: Told,
    forged: Told,
    denied: Told,
    malformed: Told,
    spent: Told,
    throttled: Told,
    unreachable: Told,
    late: Told,
}

const fn aws(operation: Operation) -> Row {
    Row {
        operation,
        shape: Shape::Aws("message"),
        unsigned: (403, "MissingAuthenticationTokenException"),
        forged: (403, "InvalidSignatureException"),
        denied: (403, "AccessDeniedException"),
        malformed: (400, "ValidationException"),
        spent: (400, "ServiceQuotaExceededException"),
        throttled: (429, "ThrottlingException"),
        unreachable: (503, "ServiceUnavailableException"),
        late: (408, "ModelTimeoutException"),
    }
}

const fn openai(operation: Operation) -> Row {
    Row {
        operation,
        shape: Shape::OpenAi,
        unsigned: (401, "authentication_error"),
        forged: (401, "authentication_error"),
        denied: (403, "permission_error"),
        malformed: (400, "invalid_request_error"),
        spent: (429, "insufficient_quota"),
        throttled: (429, "rate_limit_error"),
        unreachable: (503, "server_error"),
        late: (504, "server_error"),
    }
}

const ROWS: [Row; 10] = [
    aws(Operation::Converse),
    aws(Operation::ListFoundationModels),
    Row {
        shape: Shape::Aws("Message"),
        malformed: (400, "ValidationError"),
        unreachable: (503, "ServiceUnavailable"),
        late: (424, "ModelError"),
        ..aws(Operation::InvokeEndpoint)
    },
    Row { shape: Shape::Aws("Message"), late: (424, "ModelError"), ..aws(Operation::InvokeInferenceRouter) },
    Row { late: (424, "DependencyFailedException"), ..aws(Operation::InvokeAgent) },
    Row {
        spent: (402, "ServiceQuotaExceededException"),
        late: (424, "RuntimeClientError"),
        ..aws(Operation::InvokeAgentRuntime)
    },
    openai(Operation::ChatCompletions),
    openai(Operation::MantleResponses),
    openai(Operation::EndpointChatCompletions),
    Row {
        shape: Shape::Anthropic,
        spent: (402, "billing_error"),
        unreachable: (529, "overloaded_error"),
        late: (504, "timeout_error"),
        ..openai(Operation::MantleMessages)
    },
];

fn sample(operation: Operation) -> Sample {
    let forms = crate::coverage::cells::forms(operation);
    samples::of(operation, forms[0]).swap_remove(0)
}

fn assert_told(row: &Row, situation: &str, response: &Response, told: Told) {
    let name = format!("{:?} {situation}", row.operation);
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_else(|_| panic!("{name}: no JSON"));
    let (kind, message) = match row.shape {
        Shape::Aws(member) => {
            assert_eq!(body.as_object().map(serde_json::Map::len), Some(1), "{name}: {body}");
            (response.header("x-amzn-errortype"), body[member].as_str())
        }
        Shape::OpenAi => {
            assert!(body["error"].get("code").is_some() && body["error"].get("param").is_some(), "{name}");
            (body["error"]["type"].as_str(), body["error"]["message"].as_str())
        }
        Shape::Anthropic => {
            assert_eq!(body["type"], "error", "{name}");
            (body["error"]["type"].as_str(), body["error"]["message"].as_str())
        }
    };
    assert_eq!((response.status, kind), (told.0, Some(told.1)), "{name}: {body}");
    assert!(message.is_some_and(|message| !message.is_empty()), "{name}: {body}");
    assert_eq!(response.header("content-type"), Some("application/json"), "{name}");
    assert!(response.header("x-amzn-requestid").is_some(), "{name}: no request id");
}

/// One wait in all the spellings that SDKs read.
fn assert_says_when(name: &str, response: &Response) -> u64 {
    let wait = response.header("x-amz-retry-after").unwrap_or_else(|| panic!("{name}: no wait"));
    let millis: u64 = wait.parse().unwrap();
    assert_eq!(response.header("retry-after-ms"), Some(wait), "{name}");
    assert_eq!(response.header("retry-after"), Some(millis.div_ceil(1000).to_string().as_str()), "{name}");
    millis
}

/// An upstream that takes requests and says nothing.
fn silent_upstream() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (listener.local_addr().unwrap(), listener)
}

/// Policy is off where another guard is looked at.
fn open() -> Setup {
    Setup { policy: "{ mode: off }", ..Setup::default() }
}

#[test]
fn callers_without_proof_are_told_in_their_services_words() {
    let hardpan = Hardpan::start(open());
    let mut session = Session::new(&hardpan);
    for row in &ROWS {
        let sample = sample(row.operation);
        let response = session.ask_unsigned(&sample, "hi").unwrap();
        assert_told(row, "unsigned", &response, row.unsigned);
        let response = session.ask_as(&sample, "hi", "another-secret", &[]).unwrap();
        assert_told(row, "forged", &response, row.forged);
        assert_eq!(response.header("x-amz-retry-after"), None);
    }
    assert_eq!(hardpan.simulator().request_count(), 0);
}

#[test]
fn a_denial_is_told_in_the_services_words_and_not_retried() {
    let file = std::env::temp_dir().join(format!("hardpan-errors-{}.json", uuid::Uuid::new_v4()));
    std::fs::write(&file, r#"{"teams":{}}"#).unwrap();
    let policy = format!("{{ mode: enforce, bundle: library, data: [\"{}\"] }}", file.display());
    let hardpan = Hardpan::start(Setup { policy: policy.leak(), ..Setup::default() });
    let mut session = Session::new(&hardpan);
    for row in &ROWS {
        let response = session.ask(&sample(row.operation), "hi").unwrap();
        assert_told(row, "denied", &response, row.denied);
        assert_eq!(response.header("x-amz-retry-after"), None, "{:?}", row.operation);
    }
    assert_eq!(hardpan.simulator().request_count(), 0);
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_malformed_request_is_told_in_the_services_words() {
    let hardpan = Hardpan::start(open());
    let mut session = Session::new(&hardpan);
    for row in &ROWS {
        let compressed = [("content-encoding", "gzip")];
        let response = session.ask_as(&sample(row.operation), "hi", KEY.1, &compressed).unwrap();
        assert_told(row, "malformed", &response, row.malformed);
    }
    assert_eq!(hardpan.simulator().request_count(), 0);
}

#[test]
fn a_rate_says_when_to_come_back_and_a_budget_says_not_to() {
    for (window, situation) in [("day", "throttled"), ("total", "spent")] {
        let quota = format!(
            "{{ mode: on, limits: [ {{ name: one, scope: user, unit: requests, window: {window}, limit: 1 }} ] }}"
        );
        let hardpan = Hardpan::start(Setup { quota: quota.leak(), ..open() });
        let mut session = Session::new(&hardpan);
        for row in &ROWS {
            let sample = sample(row.operation);
            let user = format!("{:?}", row.operation);
            let headers = [("x-hardpan-user", user.as_str())];
            session.ask_as(&sample, "one", KEY.1, &headers).unwrap();
            let response = session.ask_as(&sample, "two", KEY.1, &headers).unwrap();
            if situation == "spent" {
                assert_told(row, situation, &response, row.spent);
                assert_eq!(response.header("x-amz-retry-after"), None, "{user}");
                assert_eq!(response.header("x-should-retry"), Some("false"), "{user}");
                continue;
            }
            assert_told(row, situation, &response, row.throttled);
            let millis = assert_says_when(&user, &response);
            // SDKs wait five seconds by themselves; beyond that they are told not to.
            let expected = (millis > 5000).then_some("false");
            assert_eq!(response.header("x-should-retry"), expected, "{user}");
        }
    }
}

#[test]
fn an_upstream_that_is_gone_may_be_asked_again() {
    let hardpan = Hardpan::start(Setup { upstream: Some(free_address()), ..open() });
    let mut session = Session::new(&hardpan);
    for row in &ROWS {
        let response = session.ask(&sample(row.operation), "hi").unwrap();
        assert_told(row, "unreachable", &response, row.unreachable);
        assert_says_when("unreachable", &response);
        assert_eq!(response.header("x-should-retry"), None, "{:?}", row.operation);
    }
}

#[test]
fn an_upstream_that_is_late_is_not_asked_again() {
    let (address, _listener) = silent_upstream();
    let limits = "{ upstream_read_timeout_ms: 300 }";
    let hardpan = Hardpan::start(Setup { upstream: Some(address), limits, ..open() });
    let mut session = Session::new(&hardpan);
    for row in &ROWS {
        let response = session.ask(&sample(row.operation), "hi").unwrap();
        assert_told(row, "late", &response, row.late);
        assert_eq!(response.header("x-should-retry"), Some("false"), "{:?}", row.operation);
    }
}

#[test]
fn a_stream_that_breaks_ends_in_an_exception_of_its_own_union() {
    let hardpan = Hardpan::start(open());
    let mut session = Session::new(&hardpan);
    for (operation, exception) in [
        (Operation::ConverseStream, "serviceUnavailableException"),
        (Operation::InvokeModelWithResponseStream, "serviceUnavailableException"),
        (Operation::InvokeEndpointWithResponseStream, "InternalStreamFailure"),
        (Operation::InvokeAgent, "internalServerException"),
        (Operation::InvokeInlineAgent, "internalServerException"),
        (Operation::InvokeFlow, "internalServerException"),
        (Operation::RetrieveAndGenerateStream, "internalServerException"),
        (Operation::AgenticRetrieveStream, "internalServerException"),
        (Operation::OptimizePrompt, "internalServerException"),
        (Operation::InvokeAgentRuntimeCommand, "internalServerException"),
        (Operation::InvokeHarness, "internalServerException"),
        (Operation::InvokeCodeInterpreter, "internalServerException"),
    ] {
        let sample = samples::of(operation, Form::Stream).swap_remove(0);
        let response = session.ask(&sample, "a few words that are cut off [sim:cut]").unwrap();
        assert_eq!(response.status, 200, "{operation:?}");
        let frames = response.frames();
        let last = frames.last().unwrap_or_else(|| panic!("{operation:?}: no frame"));
        assert_eq!(last.header(":exception-type"), Some(exception), "{operation:?}");
        assert_eq!(last.header(":message-type"), Some("exception"), "{operation:?}");
        let told: Value = serde_json::from_slice(last.payload()).unwrap();
        let member = if exception == "InternalStreamFailure" { "Message" } else { "message" };
        assert!(told[member].as_str().is_some_and(|message| !message.is_empty()), "{operation:?}: {told}");
    }
}

#[test]
fn server_sent_events_that_break_end_in_an_error_of_their_own_form() {
    let hardpan = Hardpan::start(open());
    let mut session = Session::new(&hardpan);
    for (operation, kind) in [
        (Operation::ChatCompletions, "server_error"),
        (Operation::MantleChatCompletions, "server_error"),
        (Operation::EndpointChatCompletions, "server_error"),
        (Operation::Responses, "server_error"),
        (Operation::MantleMessages, "overloaded_error"),
    ] {
        let sample = samples::of(operation, Form::Stream).swap_remove(0);
        let response = session.ask(&sample, "a few words that are cut off [sim:cut]").unwrap();
        assert_eq!(response.status, 200, "{operation:?}");
        let text = String::from_utf8(response.body).unwrap();
        assert!(!text.contains("[DONE]"), "{operation:?}: a broken stream looks whole");
        let last = text.lines().rfind(|line| line.starts_with("data:")).unwrap();
        let told: Value = serde_json::from_str(last.trim_start_matches("data:").trim()).unwrap();
        assert_eq!(told["error"]["type"], kind, "{operation:?}: {told}");
        if operation == Operation::MantleMessages {
            assert!(text.contains("event: error\n") && told["type"] == "error", "{text}");
        }
    }
}
