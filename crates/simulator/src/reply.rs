//! From a request's bytes to everything its reply consists of, as a value: no socket, no clock, no waiting.
//! `exchange` puts the value on the wire.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use hardpan_inference::operation::{Operation, RouteError, Service, Target};

use crate::answer::{Answer, compose};
use crate::directives::{self, Directives, Fault, StreamFault};
use crate::frames::{FrameStream, Frames, Wire};
use crate::prompt::{Family, Prompt, text_bytes};
use crate::text::Quoted;
use crate::{
    agentcore, agents, answer, anthropic, chat, control, converse, endpoints, generation, guardrail, native,
    nova, responses, vectors,
};

/// The largest body InvokeModel takes.
pub(crate) const BODY_BYTES_MAX: usize = 25_000_000;

const JSON: &str = "application/json";
const INVOKE_CONTENT_TYPE: &str = "x-amzn-bedrock-content-type";
const INVOCATION_LATENCY: &str = "x-amzn-bedrock-invocation-latency";
const INPUT_TOKENS: &str = "x-amzn-bedrock-input-token-count";
const OUTPUT_TOKENS: &str = "x-amzn-bedrock-output-token-count";
const CACHE_READ_TOKENS: &str = "x-amzn-bedrock-cache-read-input-token-count";
const CACHE_WRITE_TOKENS: &str = "x-amzn-bedrock-cache-write-input-token-count";

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
        dialect: Dialect,
    },
    Whole {
        status: StatusCode,
        content_type: &'static str,
        headers: Headers,
        body: String,
        /// The transport breaks inside the body.
        is_cut: bool,
    },
    Stream {
        content_type: &'static str,
        headers: Headers,
        stream: FrameStream,
        /// Wait between frames, when a directive sets one.
        pace: Option<Duration>,
    },
}

/// Response headers of one operation.
type Headers = Vec<(&'static str, String)>;

/// Whose form an error has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Aws,
    Sagemaker,
    OpenAi,
    Anthropic,
}

impl Dialect {
    fn of(operation: Operation) -> Dialect {
        if operation.speaks_openai() {
            Dialect::OpenAi
        } else if operation.speaks_anthropic() {
            Dialect::Anthropic
        } else if operation.service() == Service::SagemakerRuntime {
            Dialect::Sagemaker
        } else {
            Dialect::Aws
        }
    }

    pub(crate) fn body(self, kind: &str, message: &str) -> String {
        match self {
            Dialect::Aws => format!("{{\"message\":{}}}", Quoted(message)),
            Dialect::Sagemaker => format!("{{\"Message\":{}}}", Quoted(message)),
            Dialect::OpenAi => {
                json!({"error": {"message": message, "type": kind, "code": kind, "param": null}}).to_string()
            }
            Dialect::Anthropic => {
                json!({"type": "error", "error": {"type": kind, "message": message}}).to_string()
            }
        }
    }
}

impl Reply {
    pub(crate) fn refusal(status: StatusCode, kind: &str, message: &str) -> Reply {
        Reply {
            latency: Duration::ZERO,
            content: Content::Refusal {
                status,
                kind: kind.to_owned(),
                message: message.to_owned(),
                dialect: Dialect::Aws,
            },
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
            RouteError::Scope => Reply::refusal(
                StatusCode::FORBIDDEN,
                "InvalidSignatureException",
                "The credential scope names another service.",
            ),
            RouteError::ModelId(_) => Reply::validation("The provided model identifier is invalid."),
            RouteError::Member { .. } => Reply::validation("A member of the path is invalid."),
            RouteError::Query => Reply::validation("The query string has a member that is not known."),
        }
    }

    pub(crate) fn json(body: &Value) -> Reply {
        Reply {
            latency: Duration::ZERO,
            content: Content::Whole {
                status: StatusCode::OK,
                content_type: JSON,
                headers: Vec::new(),
                body: body.to_string(),
                is_cut: false,
            },
        }
    }

    /// A refusal in the form the operation's clients read.
    pub(crate) fn for_operation(mut self, operation: Operation) -> Reply {
        if let Content::Refusal { dialect, .. } = &mut self.content {
            *dialect = Dialect::of(operation);
        }
        self
    }
}

impl Content {
    pub(crate) fn with_status(mut self, new: StatusCode) -> Content {
        if let Content::Whole { status, .. } = &mut self {
            *status = new;
        }
        self
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Content {
        if let Content::Whole { headers, .. } | Content::Stream { headers, .. } = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

/// What the simulator was started with, as far as answers depend on it.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    /// What every answer waits.
    pub(crate) latency: Duration,
    /// Ids or ARNs, and the ARN of the model behind each.
    pub(crate) profiles: &'a [(String, String)],
}

/// A request that was read, with the answer to give in the shape of its operation.
pub(crate) struct Asked<'a> {
    pub(crate) target: &'a Target,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) prompt: &'a Prompt,
    pub(crate) directives: &'a Directives,
    pub(crate) answer: &'a Answer,
    pub(crate) fault: Option<&'a StreamFault>,
    pub(crate) profiles: &'a [(String, String)],
}

impl<'a> Asked<'a> {
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn json(&self, body: &Value) -> Content {
        self.text(JSON, body.to_string())
    }

    pub(crate) fn text(&self, content_type: &'static str, body: String) -> Content {
        let is_cut = self.fault == Some(&StreamFault::Cut);
        Content::Whole { status: StatusCode::OK, content_type, headers: Vec::new(), body, is_cut }
    }

    pub(crate) fn stream(&self, frames: Frames) -> Content {
        Content::Stream {
            content_type: frames.wire().content_type(),
            headers: Vec::new(),
            stream: frames.finish(self.fault),
            pace: self.directives.pace,
        }
    }
}

/// Answers a request that was routed and let in.
pub(crate) fn reply(target: &Target, headers: &HeaderMap, body: &[u8], setting: Setting<'_>) -> Reply {
    let Some(prompt) = Prompt::read(target, headers, body) else {
        return Reply::validation("The request body is not a JSON object.").for_operation(target.operation);
    };
    let directives = directives::parse(&prompt.last_user_text);
    let latency = setting.latency.saturating_add(directives.latency);
    let fault = match &directives.fault {
        None => None,
        Some(Fault::Close) => return Reply { latency, content: Content::Hangup },
        Some(Fault::Error { status, kind }) => {
            let refusal = Reply::refusal(*status, kind, error_message(*status));
            return Reply { latency, ..refusal.for_operation(target.operation) };
        }
        Some(Fault::Stream(fault)) => Some(fault),
    };
    let answer = compose(&prompt, &directives, latency);
    let asked = Asked {
        target,
        headers,
        prompt: &prompt,
        directives: &directives,
        answer: &answer,
        fault,
        profiles: setting.profiles,
    };
    if target.operation == Operation::GetInferenceProfile {
        return Reply { latency, ..control::profile(&asked) };
    }
    Reply { latency, content: content(&asked) }
}

fn error_message(status: StatusCode) -> &'static str {
    if status == StatusCode::TOO_MANY_REQUESTS {
        "Too many requests, please wait before trying again."
    } else {
        "The simulator was asked for this error."
    }
}

fn content(asked: &Asked<'_>) -> Content {
    match asked.target.operation {
        Operation::Converse
        | Operation::ConverseStream
        | Operation::InvokeModel
        | Operation::InvokeModelWithResponseStream => bedrock(asked),
        Operation::ChatCompletions
        | Operation::MantleChatCompletions
        | Operation::EndpointChatCompletions
        | Operation::Responses
        | Operation::MantleResponses
        | Operation::MantleMessages => provider(asked),
        Operation::MantleCountTokens => asked.json(&json!({"input_tokens": asked.answer.input_tokens})),
        Operation::CountTokens => asked.json(&json!({"inputTokens": counted_tokens(asked.prompt)})),
        Operation::ApplyGuardrail => asked.json(&guardrail::apply(asked.prompt)),
        Operation::InvokeGuardrailChecks => asked.json(&guardrail::check(asked.prompt)),
        operation => match operation.service() {
            Service::SagemakerRuntime | Service::InferenceRouter => endpoints::answer(asked),
            Service::AgentRuntime => agents::answer(asked),
            Service::AgentCore => agentcore::answer(asked),
            Service::BedrockRuntime | Service::Mantle | Service::Bedrock => control::answer(asked),
        },
    }
}

/// Converse and InvokeModel.
fn bedrock(asked: &Asked<'_>) -> Content {
    let operation = asked.target.operation;
    if operation.is_stream() {
        let mut frames = Frames::new(asked.answer.seed);
        stream(asked, &mut frames);
        let content = asked.stream(frames);
        return if operation.is_converse() {
            content
        } else {
            content.with_header(INVOKE_CONTENT_TYPE, JSON)
        };
    }
    let content = asked.text(JSON, whole(asked));
    if operation.is_converse() {
        return content;
    }
    let counts = [
        (INVOCATION_LATENCY, u64::try_from(asked.answer.latency_ms).unwrap_or(u64::MAX)),
        (INPUT_TOKENS, asked.answer.input_tokens),
        (OUTPUT_TOKENS, asked.answer.output_tokens),
        (CACHE_READ_TOKENS, 0),
        (CACHE_WRITE_TOKENS, 0),
    ];
    counts.into_iter().fold(content, |content, (name, count)| content.with_header(name, &count.to_string()))
}

/// OpenAI's and Anthropic's own interfaces: the body asks for the stream, which comes as server-sent events.
fn provider(asked: &Asked<'_>) -> Content {
    if !asked.prompt.is_set("/stream") {
        return asked.text(JSON, whole(asked));
    }
    let wire = if asked.prompt.family == Family::Chat { Wire::Sse } else { Wire::NamedSse };
    let mut frames = Frames::on(wire, asked.answer.seed);
    stream(asked, &mut frames);
    asked.stream(frames)
}

fn whole(asked: &Asked<'_>) -> String {
    let (answer, model) = (asked.answer, asked.prompt.model.as_str());
    match asked.prompt.family {
        Family::Converse => converse::body(answer),
        Family::Anthropic => anthropic::body(answer, anthropic_model(asked)),
        Family::Nova => nova::body(answer),
        Family::Titan => native::titan_body(answer),
        Family::Mistral => native::mistral_body(answer),
        Family::Command => native::command_body(answer),
        Family::CommandR => native::command_r_body(answer),
        Family::Chat => chat::body(answer, model),
        Family::Responses => responses::body(answer, model),
        Family::Completions => chat::completion_body(answer, model),
        Family::Embeddings => vectors::embeddings(asked.prompt, answer.input_tokens).to_string(),
        Family::Rerank => vectors::rerank(asked.prompt).to_string(),
        Family::Generation | Family::Tgi | Family::Predictions | Family::Table | Family::Other => {
            generation::body(answer)
        }
    }
}

fn stream(asked: &Asked<'_>, frames: &mut Frames) {
    let (answer, model) = (asked.answer, asked.prompt.model.as_str());
    match asked.prompt.family {
        Family::Converse => converse::stream(answer, frames),
        Family::Anthropic => anthropic::stream(answer, anthropic_model(asked), frames),
        Family::Nova => nova::stream(answer, frames),
        Family::Titan => native::titan_stream(answer, frames),
        Family::Mistral => native::mistral_stream(answer, frames),
        Family::Command => native::command_stream(answer, frames),
        Family::CommandR => native::command_r_stream(answer, frames),
        Family::Chat => {
            let with_usage = asked.prompt.is_set("/stream_options/include_usage");
            chat::stream(answer, model, with_usage, frames);
        }
        Family::Responses => responses::stream(answer, model, frames),
        Family::Completions => chat::completion_stream(answer, model, frames),
        Family::Generation
        | Family::Embeddings
        | Family::Rerank
        | Family::Tgi
        | Family::Predictions
        | Family::Table
        | Family::Other => generation::stream(answer, frames),
    }
}

/// Bedrock's ids become Anthropic's names; a name in the body comes back as it is.
fn anthropic_model<'a>(asked: &Asked<'a>) -> &'a str {
    match &asked.target.model {
        Some(model) => anthropic::model_name(model.base()),
        None => asked.prompt.model.as_str(),
    }
}

/// What an InvokeModel body holds is counted, not its base64.
fn counted_tokens(prompt: &Prompt) -> u64 {
    let encoded = prompt.text_member("/input/invokeModel/body");
    let inner = encoded
        .and_then(|encoded| STANDARD.decode(encoded).ok())
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let counted = inner.as_ref().unwrap_or(&prompt.body);
    text_bytes(counted, false).div_ceil(answer::BYTES_PER_TOKEN)
}

#[cfg(test)]
pub(crate) mod tests {
    use bytes::Bytes;
    use http::{HeaderName, HeaderValue};

    use hardpan_inference::operation::{Governance, route};

    use super::*;

    /// Asks without a signature, as most tests do; one profile is known.
    pub(crate) fn ask(method: &str, path: &str, body: &str) -> Reply {
        ask_with(method, path, body, &[])
    }

    pub(crate) fn ask_with(
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&'static str, &'static str)],
    ) -> Reply {
        let target = route(method, path.as_bytes(), None).unwrap();
        ask_target(&target, body, headers)
    }

    fn ask_target(target: &Target, body: &str, headers: &[(&'static str, &'static str)]) -> Reply {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let base = "arn:aws:bedrock:us-east-1::foundation-model/base";
        let profiles = [("abcd1234efgh".to_owned(), base.to_owned())];
        let setting = Setting { latency: Duration::from_millis(3), profiles: &profiles };
        reply(target, &headers, body.as_bytes(), setting)
    }

    pub(crate) fn whole_body(reply: Reply) -> String {
        match reply.content {
            Content::Whole { body, .. } => body,
            _ => panic!("a whole answer was expected"),
        }
    }

    pub(crate) fn stream_bytes(reply: Reply) -> Bytes {
        match reply.content {
            Content::Stream { stream, .. } => stream.bytes,
            _ => panic!("a stream was expected"),
        }
    }

    pub(crate) fn status(reply: &Reply) -> u16 {
        match &reply.content {
            Content::Whole { status, .. } | Content::Refusal { status, .. } => status.as_u16(),
            Content::Stream { .. } => 200,
            Content::Hangup => panic!("an answer was expected"),
        }
    }

    pub(crate) fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
        match &reply.content {
            Content::Whole { headers, .. } | Content::Stream { headers, .. } => {
                headers.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str())
            }
            _ => None,
        }
    }

    fn say(path: &str, text: &str) -> Reply {
        let body = json!({"messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]});
        ask("POST", path, &body.to_string())
    }

    #[test]
    fn every_operation_of_the_table_answers() {
        for operation in Operation::ALL.iter().copied() {
            let is_ours = operation.governance() != Governance::Refused
                && operation != Operation::InvokeModelWithBidirectionalStream
                && operation != Operation::GetInferenceProfile;
            if !is_ours {
                continue;
            }
            for template in operation.paths() {
                let words: Vec<&str> = template
                    .split('/')
                    .map(|word| if word.starts_with('{') { "simulated1" } else { word })
                    .collect();
                let path = words.join("/");
                let target =
                    route(operation.method(), path.as_bytes(), Some(operation.signing_service())).unwrap();
                assert_eq!(target.operation, operation, "{path}");
                let reply = ask_target(&target, "{\"stream\": true}", &[]);
                assert!((200..300).contains(&status(&reply)), "{path}");
                let is_stream = matches!(reply.content, Content::Stream { .. });
                assert!(is_stream || !operation.is_stream(), "{path}");
            }
        }
    }

    #[test]
    fn every_family_answers_in_its_own_shape() {
        for (model, mark) in [
            ("anthropic.claude-3-haiku-20240307-v1%3A0", "msg_bdrk_"),
            ("amazon.nova-lite-v1%3A0", "stopReason"),
            ("meta.llama3-8b-instruct-v1%3A0", "generation"),
            ("openai.gpt-oss-20b-1%3A0", "chat.completion"),
        ] {
            let reply = say(&format!("/model/{model}/invoke"), "hello");
            assert_eq!((header(&reply, INPUT_TOKENS), header(&reply, OUTPUT_TOKENS)), (Some("2"), Some("4")));
            let body = whole_body(reply);
            assert!(body.contains(mark), "{body}");
            let reply = say(&format!("/model/{model}/invoke-with-response-stream"), "hello");
            assert_eq!(header(&reply, INVOKE_CONTENT_TYPE), Some(JSON), "{model}");
            let reply = say(&format!("/model/{model}/converse-stream"), "[sim:pace 4]");
            assert_eq!(header(&reply, INVOKE_CONTENT_TYPE), None);
            let Content::Stream { pace, .. } = reply.content else { panic!("{model}") };
            assert_eq!(pace, Some(Duration::from_millis(4)));
            let reply = say(&format!("/model/{model}/converse"), "hello");
            assert_eq!(header(&reply, INPUT_TOKENS), None, "{model}");
            assert!(matches!(reply.content, Content::Whole { is_cut: false, .. }), "{model}");
        }
    }

    #[test]
    fn providers_interfaces_stream_server_sent_events_when_asked() {
        for (path, body, mark) in [
            (
                "/openai/v1/chat/completions",
                json!({"model": "m1", "messages": [{"role": "user", "content": "hi"}]}),
                "chat.completion",
            ),
            ("/openai/v1/responses", json!({"model": "m1", "input": "hi"}), "\"response\""),
            (
                "/anthropic/v1/messages",
                json!({"model": "m1", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}),
                "\"message\"",
            ),
            (
                "/endpoints/e/openai/v1/chat/completions",
                json!({"model": "m1", "messages": [{"role": "user", "content": "hi"}]}),
                "chat.completion",
            ),
        ] {
            let answer = whole_body(ask("POST", path, &body.to_string()));
            assert!(answer.contains(mark) && answer.contains("\"m1\""), "{answer}");
            let mut body = body;
            body.as_object_mut().unwrap().insert("stream".to_owned(), json!(true));
            let reply = ask("POST", path, &body.to_string());
            let Content::Stream { content_type, .. } = reply.content else { panic!("{path}") };
            assert_eq!(content_type, "text/event-stream", "{path}");
        }
    }

    #[test]
    fn tokens_are_counted_in_every_form() {
        let messages = json!([{"role": "user", "content": "12345"}]);
        let inner = STANDARD.encode(json!({"messages": messages}).to_string());
        for (path, body, expected) in [
            (
                "/model/m/count-tokens",
                json!({"input": {"converse": {"messages": messages}}}),
                "{\"inputTokens\":2}",
            ),
            (
                "/model/m/count-tokens",
                json!({"input": {"invokeModel": {"body": inner}}}),
                "{\"inputTokens\":2}",
            ),
            ("/anthropic/v1/messages/count_tokens", json!({"messages": messages}), "{\"input_tokens\":2}"),
        ] {
            assert_eq!(whole_body(ask("POST", path, &body.to_string())), expected);
        }
    }

    #[test]
    fn faults_come_before_any_answer() {
        for (text, expected) in [
            ("[sim:throttle]", (429, "ThrottlingException")),
            ("[sim:error 503 ServiceUnavailableException]", (503, "ServiceUnavailableException")),
        ] {
            for action in ["converse", "converse-stream"] {
                let Content::Refusal { status, kind, .. } = say(&format!("/model/m/{action}"), text).content
                else {
                    panic!("{text}");
                };
                assert_eq!((status.as_u16(), kind.as_str()), expected);
            }
        }
        assert!(matches!(say("/model/m/converse", "[sim:close]").content, Content::Hangup));
        assert!(matches!(say("/model/m/converse", "[sim:cut]").content, Content::Whole { is_cut: true, .. }));
    }

    #[test]
    fn errors_have_the_form_their_clients_read() {
        for (path, expected) in [
            ("/model/m/converse", Dialect::Aws),
            ("/v1/chat/completions", Dialect::OpenAi),
            ("/anthropic/v1/messages", Dialect::Anthropic),
            ("/endpoints/e/invocations", Dialect::Sagemaker),
        ] {
            let Content::Refusal { dialect, .. } = say(path, "[sim:throttle]").content else {
                panic!("{path}")
            };
            assert_eq!(dialect, expected, "{path}");
        }
        assert_eq!(Dialect::Sagemaker.body("T", "m"), "{\"Message\":\"m\"}");
        assert!(Dialect::OpenAi.body("T", "m").starts_with("{\"error\":{\"message\":\"m\""));
    }

    #[test]
    fn latencies_add_up() {
        assert_eq!(say("/model/m/converse", "[sim:latency 4]").latency, Duration::from_millis(7));
        assert_eq!(say("/model/m/converse", "hello").latency, Duration::from_millis(3));
    }

    #[test]
    fn the_guardrail_header_counts_for_invoke() {
        let path = "/model/amazon.nova-lite-v1%3A0/invoke";
        for (text, action) in [("hello", "NONE"), ("forbidden-topic", "INTERVENED")] {
            let body = json!({"messages": [{"role": "user", "content": [{"text": text}]}]}).to_string();
            let headers = [("x-amzn-bedrock-guardrailidentifier", "g1")];
            let body = whole_body(ask_with("POST", path, &body, &headers));
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
            ("/model/m/unknown", 404, "UnknownOperationException"),
            ("/model/a;b/converse", 400, "ValidationException"),
            ("/endpoints/a%3Fb/invocations", 400, "ValidationException"),
            ("/model/m/converse?x=1", 400, "ValidationException"),
        ] {
            let error = route("POST", path.as_bytes(), None).unwrap_err();
            assert_eq!(kind(Reply::unroutable(&error)), (status, expected.to_owned()));
        }
        assert_eq!(kind(ask("POST", "/model/m/converse", "{")), (400, "ValidationException".to_owned()));
    }
}
