//! From a request's bytes to everything its reply consists of, as a value: no socket, no clock, no waiting.
//! `exchange` puts the value on the wire.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use hardpan_inference::operation::{RouteError, Target};

use crate::answer::{Answer, compose};
use crate::directives::{self, Fault, StreamFault};
use crate::frames::{FrameStream, Frames};
use crate::prompt::{Family, Prompt};
use crate::{anthropic, converse, generation, nova};

/// The largest body InvokeModel takes.
pub(crate) const BODY_BYTES_MAX: usize = 25_000_000;

/// May hold completion text, so it has no `Debug`.
pub(crate) struct Reply {
    /// Wait before the head.
    pub(crate) latency: Duration,
    pub(crate) content: Content,
}

pub(crate) enum Content {
    /// The connection closes without an answer.
    Hangup,
    Refusal {
        status: StatusCode,
        kind: String,
        message: String,
    },
    Whole {
        body: String,
        /// Input and output tokens, where the operation tells them in headers.
        tokens: Option<(u64, u64)>,
        /// The transport breaks inside the body.
        is_cut: bool,
    },
    Stream {
        stream: FrameStream,
        /// Wait between frames, when a directive sets one.
        pace: Option<Duration>,
        is_invoke: bool,
    },
}

impl Reply {
    pub(crate) fn refusal(status: StatusCode, kind: &str, message: &str) -> Reply {
        Reply {
            latency: Duration::ZERO,
            content: Content::Refusal { status, kind: kind.to_owned(), message: message.to_owned() },
        }
    }

    pub(crate) fn validation(message: &str) -> Reply {
        Reply::refusal(StatusCode::BAD_REQUEST, "ValidationException", message)
    }

    pub(crate) fn unroutable(error: &RouteError) -> Reply {
        match error {
            RouteError::Ungoverned { .. } => Reply::refusal(
                StatusCode::NOT_FOUND,
                "UnknownOperationException",
                "The simulator does not know this operation.",
            ),
            RouteError::ModelId(_) => Reply::validation("The provided model identifier is invalid."),
            RouteError::Query => Reply::validation("This operation takes no query string."),
        }
    }
}

/// Answers a request that was routed and let in. `latency` is what every answer waits.
pub(crate) fn reply(target: &Target, headers: &HeaderMap, body: &[u8], latency: Duration) -> Reply {
    let Some(prompt) = Prompt::read(target, headers, body) else {
        return Reply::validation("The request body is not a JSON object.");
    };
    let directives = directives::parse(&prompt.last_user_text);
    let latency = latency.saturating_add(directives.latency);
    let fault = match &directives.fault {
        None => None,
        Some(Fault::Close) => return Reply { latency, content: Content::Hangup },
        Some(Fault::Error { status, kind }) => {
            let message = error_message(*status);
            return Reply { latency, ..Reply::refusal(*status, kind, message) };
        }
        Some(Fault::Stream(fault)) => Some(fault),
    };
    let answer = compose(&prompt, &directives, latency);
    let is_invoke = !target.operation.is_converse();
    let content = if target.operation.is_stream() {
        let stream = stream(target, prompt.family, &answer, fault);
        Content::Stream { stream, pace: directives.pace, is_invoke }
    } else {
        Content::Whole {
            body: whole(target, prompt.family, &answer),
            tokens: is_invoke.then_some((answer.input_tokens, answer.output_tokens)),
            is_cut: fault == Some(&StreamFault::Cut),
        }
    };
    Reply { latency, content }
}

fn error_message(status: StatusCode) -> &'static str {
    if status == StatusCode::TOO_MANY_REQUESTS {
        "Too many requests, please wait before trying again."
    } else {
        "The simulator was asked for this error."
    }
}

fn whole(target: &Target, family: Family, answer: &Answer) -> String {
    match family {
        Family::Converse => converse::body(answer),
        Family::Anthropic => anthropic::body(answer, &target.model),
        Family::Nova => nova::body(answer),
        Family::Generation => generation::body(answer),
    }
}

fn stream(target: &Target, family: Family, answer: &Answer, fault: Option<&StreamFault>) -> FrameStream {
    let mut frames = Frames::new(answer.seed);
    match family {
        Family::Converse => converse::stream(answer, &mut frames),
        Family::Anthropic => anthropic::stream(answer, &target.model, &mut frames),
        Family::Nova => nova::stream(answer, &mut frames),
        Family::Generation => generation::stream(answer, &mut frames),
    }
    frames.finish(fault)
}

#[cfg(test)]
mod tests {
    use hardpan_inference::operation::route;
    use serde_json::json;

    use super::*;

    fn ask(path: &str, text: &str) -> Reply {
        let target = route("POST", path.as_bytes()).unwrap();
        let body = json!({"messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]});
        reply(&target, &HeaderMap::new(), body.to_string().as_bytes(), Duration::from_millis(3))
    }

    #[test]
    fn every_operation_and_family_answers_in_its_own_shape() {
        for (model, mark) in [
            ("anthropic.claude-3-haiku-20240307-v1%3A0", "msg_bdrk_"),
            ("amazon.nova-lite-v1%3A0", "stopReason"),
            ("meta.llama3-8b-instruct-v1%3A0", "generation"),
        ] {
            let Content::Whole { body, tokens: Some((2, 4)), is_cut: false } =
                ask(&format!("/model/{model}/invoke"), "hello").content
            else {
                panic!("{model}");
            };
            assert!(body.contains(mark), "{body}");
            let reply = ask(&format!("/model/{model}/invoke-with-response-stream"), "hello");
            assert!(matches!(reply.content, Content::Stream { is_invoke: true, pace: None, .. }), "{model}");
            let reply = ask(&format!("/model/{model}/converse-stream"), "[sim:pace 4]");
            let Content::Stream { is_invoke: false, pace, .. } = reply.content else { panic!("{model}") };
            assert_eq!(pace, Some(Duration::from_millis(4)));
            let reply = ask(&format!("/model/{model}/converse"), "hello");
            assert!(matches!(reply.content, Content::Whole { tokens: None, is_cut: false, .. }), "{model}");
        }
    }

    #[test]
    fn faults_come_before_any_answer() {
        for (text, expected) in [
            ("[sim:throttle]", (429, "ThrottlingException")),
            ("[sim:error 503 ServiceUnavailableException]", (503, "ServiceUnavailableException")),
        ] {
            for action in ["converse", "converse-stream"] {
                let Content::Refusal { status, kind, .. } = ask(&format!("/model/m/{action}"), text).content
                else {
                    panic!("{text}");
                };
                assert_eq!((status.as_u16(), kind.as_str()), expected);
            }
        }
        assert!(matches!(ask("/model/m/converse", "[sim:close]").content, Content::Hangup));
        assert!(matches!(ask("/model/m/converse", "[sim:cut]").content, Content::Whole { is_cut: true, .. }));
    }

    #[test]
    fn latencies_add_up() {
        assert_eq!(ask("/model/m/converse", "[sim:latency 4]").latency, Duration::from_millis(7));
        assert_eq!(ask("/model/m/converse", "hello").latency, Duration::from_millis(3));
    }

    #[test]
    fn the_guardrail_header_counts_for_invoke() {
        let target = route("POST", b"/model/amazon.nova-lite-v1%3A0/invoke").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-amzn-bedrock-guardrailidentifier", "g1".parse().unwrap());
        for (text, action) in [("hello", "NONE"), ("forbidden-topic", "INTERVENED")] {
            let body = json!({"messages": [{"role": "user", "content": [{"text": text}]}]}).to_string();
            let content = reply(&target, &headers, body.as_bytes(), Duration::ZERO).content;
            let Content::Whole { body, .. } = content else { panic!("{text}") };
            assert!(body.contains(&format!("\"amazon-bedrock-guardrailAction\":\"{action}\"")), "{body}");
        }
    }

    #[test]
    fn unroutable_and_malformed_requests_have_names() {
        let kind = |reply: Reply| match reply.content {
            Content::Refusal { status, kind, .. } => (status.as_u16(), kind),
            _ => panic!("a refusal was expected"),
        };
        for (path, status, expected) in [
            ("/model/m/count-tokens", 404, "UnknownOperationException"),
            ("/model/a;b/converse", 400, "ValidationException"),
            ("/model/m/converse?x=1", 400, "ValidationException"),
        ] {
            let error = route("POST", path.as_bytes()).unwrap_err();
            assert_eq!(kind(Reply::unroutable(&error)), (status, expected.to_owned()));
        }
        let target = route("POST", b"/model/m/converse").unwrap();
        let malformed = reply(&target, &HeaderMap::new(), b"{", Duration::ZERO);
        assert_eq!(kind(malformed), (400, "ValidationException".to_owned()));
    }
}
