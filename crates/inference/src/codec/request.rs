//! A request body, understood: its facts, its texts, its tools and the models it names. What can be changed about
//! it stands in [`super::rewrite`].

use super::shape::{Shape, ToolDeclaration};
use super::texts::{Collector, TextSpan, is_identifier};
use super::{agent, anthropic, cohere, converse, facts, native, opaque, openai, plain};
use crate::json::{Document, JsonError, JsonLimits, Kind, ValueId};
use crate::model_id::{ModelId, ModelKind};
use crate::operation::{BodyShape, Operation, Service, Streams};
use crate::request::{Dialect, MessageCounts, RequestFacts};

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RequestError {
    #[error("{0}")]
    Json(#[from] JsonError),
    #[error("the body is not a JSON object")]
    NotAnObject,
    #[error("the body has no messages array")]
    NoMessages,
    #[error("the operation takes no body")]
    UnexpectedBody,
}

/// What is known before a body is read.
pub struct Parsing<'m> {
    pub operation: Operation,
    /// The base model, resolved; None for endpoints, agents and whatever names no model in its path.
    pub model: Option<&'m ModelId>,
    /// What configuration says an endpoint takes: nothing is guessed then.
    pub dialect: Option<Dialect>,
    pub limits: JsonLimits,
}

/// A parsed request body.
pub struct Request<'a> {
    pub document: Document<'a>,
    pub facts: RequestFacts,
    /// In the order a model reads them.
    pub texts: Vec<TextSpan>,
    pub tools: Vec<ToolDeclaration>,
    /// The model the body names for the operation itself.
    pub model_named: Option<String>,
    /// Other models the body names, each once.
    pub models_also_named: Vec<String>,
    pub(super) operation: Operation,
    /// Where the dialect's own members stand: the document's root, or a body inside it.
    pub(super) root: ValueId,
    /// False where the document stands in for a body that is empty or not to be looked into.
    pub(super) is_written: bool,
    pub(super) model_takes_parameters: bool,
    pub(super) max_tokens_insert: Option<&'static [&'static str]>,
}

impl<'a> Request<'a> {
    pub fn parse(parsing: &Parsing<'_>, body: &'a [u8]) -> Result<Self, RequestError> {
        let operation = parsing.operation;
        let (text, is_written) = text_of(operation.body(), body);
        let document = parse_document(operation.body(), text, parsing.limits)?;
        let (dialect, root) = native::dialect(parsing, &document)?;
        let model_takes_parameters = parsing.model.is_none_or(|model| model.kind() != ModelKind::Prompt);
        if dialect.has_messages() && model_takes_parameters && !messages_are_well_formed(&document, root) {
            return Err(RequestError::NoMessages);
        }
        if dialect == Dialect::OpenAiResponses && !openai::input_is_well_formed(&document, root) {
            return Err(RequestError::NoMessages);
        }
        let texts = texts(operation.body(), dialect, &document, root);
        let shape = shape(operation, dialect, &document, root);
        let (system_blocks, system_sha256) = facts::system(dialect, &document, root);
        let facts = RequestFacts {
            dialect,
            stream: streams(operation, &document),
            body_bytes: body.len() as u64,
            est_tokens: 0,
            params: facts::parameters(dialect, &document, root),
            messages: MessageCounts { text_bytes: text_bytes(&document, &texts), ..shape.counts },
            system_blocks,
            system_sha256,
            tools: shape.tools.iter().map(|tool| tool.name.clone()).collect(),
            tool_choice: shape.tool_choice,
            // Nothing is called while tokens are counted.
            tools_unreadable: operation.body() != BodyShape::CountTokens
                && facts::tools_unreadable(dialect, &document, root),
            guardrail: shape.guardrail,
            metadata: facts::metadata(&document, root),
            parsed: dialect != Dialect::Bytes,
            choices: facts::choices(&document, root),
            content_elsewhere: facts::content_elsewhere(operation, &document),
            knowledge_base: agent::knowledge_base(operation, &document, root),
        };
        let (model_named, models_also_named) = models(operation, &document);
        let max_tokens_insert =
            facts::max_tokens_insert(dialect, knows_max_tokens_only(parsing), &document, root);
        Ok(Self {
            facts,
            texts,
            tools: shape.tools,
            model_named,
            models_also_named,
            operation,
            root,
            is_written,
            model_takes_parameters,
            max_tokens_insert,
            document,
        })
    }
}

/// The text to parse, and whether it is the body's own. An empty body holds no text to govern: it goes on, and the
/// service says what it lacks.
fn text_of(shape: BodyShape, body: &[u8]) -> (&[u8], bool) {
    let needs_messages =
        matches!(shape, BodyShape::Converse | BodyShape::Chat | BodyShape::Responses | BodyShape::Messages);
    let is_blank = body.iter().all(u8::is_ascii_whitespace);
    match shape {
        BodyShape::Secret => (b"{}", false),
        BodyShape::Empty if is_blank => (b"{}", false),
        _ if body.is_empty() && !needs_messages => (b"{}", false),
        _ => (body, true),
    }
}

fn parse_document(shape: BodyShape, text: &[u8], limits: JsonLimits) -> Result<Document<'_>, RequestError> {
    if shape != BodyShape::Empty {
        return Ok(Document::parse(text, limits)?);
    }
    let document = Document::parse(text, limits).map_err(|_| RequestError::UnexpectedBody)?;
    let root = document.root();
    let is_empty = document.kind(root) == Kind::Object && document.members(root).next().is_none();
    if is_empty { Ok(document) } else { Err(RequestError::UnexpectedBody) }
}

fn texts(shape: BodyShape, dialect: Dialect, document: &Document<'_>, root: ValueId) -> Vec<TextSpan> {
    let mut collector = Collector::new(document);
    match dialect {
        Dialect::Converse | Dialect::Nova => converse::collect(&mut collector, root),
        Dialect::Anthropic => anthropic::collect(&mut collector, root),
        Dialect::OpenAiChat => openai::collect_chat(&mut collector, root),
        Dialect::OpenAiResponses => openai::collect_responses(&mut collector, root),
        Dialect::CohereChat => cohere::collect(&mut collector, root),
        Dialect::Plain(family) => plain::collect(&mut collector, root, family),
        Dialect::Agent => agent::collect(&mut collector, root),
        Dialect::Opaque if shape == BodyShape::CountTokens => opaque::collect_counted(&mut collector, root),
        Dialect::Opaque if matches!(shape, BodyShape::Job | BodyShape::AsyncInvoke) => {
            collector.rest(root, crate::finding::Channel::User, &[], is_identifier);
        }
        Dialect::Opaque | Dialect::Text | Dialect::Bytes => opaque::collect(&mut collector, root),
    }
    if root != document.root() {
        collector.rest(document.root(), crate::finding::Channel::User, &[root], is_identifier);
    }
    collector.texts
}

fn shape(operation: Operation, dialect: Dialect, document: &Document<'_>, root: ValueId) -> Shape {
    match dialect {
        Dialect::Converse | Dialect::Nova => converse::shape(document, root),
        Dialect::Anthropic => anthropic::shape(document, root),
        Dialect::OpenAiChat => openai::chat_shape(document, root),
        Dialect::OpenAiResponses => openai::responses_shape(document, root),
        Dialect::CohereChat => cohere::shape(document, root),
        Dialect::Agent => {
            Shape { guardrail: agent::guardrail(operation, document, root), ..Shape::default() }
        }
        Dialect::Opaque if operation.body() == BodyShape::CountTokens => {
            let converse = opaque::counted_converse(document, root);
            let counts = converse.map(|converse| converse::shape(document, converse).counts);
            Shape { counts: counts.unwrap_or_default(), ..Shape::default() }
        }
        Dialect::Plain(_) | Dialect::Opaque | Dialect::Text | Dialect::Bytes => Shape::default(),
    }
}

fn messages_are_well_formed(document: &Document<'_>, root: ValueId) -> bool {
    document.get(root, "messages").is_some_and(|messages| {
        document.kind(messages) == Kind::Array
            && document.elements(messages).all(|message| document.kind(message) == Kind::Object)
    })
}

fn streams(operation: Operation, document: &Document<'_>) -> bool {
    let asks = document.get(document.root(), "stream").is_some_and(|id| document.kind(id) == Kind::True);
    operation.is_stream() || (operation.streams() == Streams::OnRequest && asks)
}

/// Containers and two providers read no other spelling of a chat's limit.
fn knows_max_tokens_only(parsing: &Parsing<'_>) -> bool {
    matches!(parsing.operation.service(), Service::SagemakerRuntime | Service::InferenceRouter)
        || parsing.model.is_some_and(|model| matches!(model.provider(), "mistral" | "ai21"))
}

/// The model the body names, and all others it names.
fn models(operation: Operation, document: &Document<'_>) -> (Option<String>, Vec<String>) {
    let root = document.root();
    let member = match operation.body() {
        BodyShape::Chat | BodyShape::Responses | BodyShape::Messages => "model",
        BodyShape::AsyncInvoke | BodyShape::Job => "modelId",
        BodyShape::Agent => return agent::models(operation, document, root),
        BodyShape::Json if operation == Operation::InvokeHarness => {
            return (agent::harness_model(document, root), Vec::new());
        }
        _ => return (None, Vec::new()),
    };
    let named = document.string_at(root, &[member]).map(std::borrow::Cow::into_owned);
    (named.filter(|name| !name.is_empty()), Vec::new())
}

/// Numbers are looked at, but are no text.
fn text_bytes(document: &Document<'_>, texts: &[TextSpan]) -> u64 {
    let strings = texts.iter().filter(|text| document.kind(text.value) == Kind::String);
    strings.map(|text| document.raw(text.value).len().saturating_sub(2) as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing::{CONVERSE, channels as texts, parse, try_parse};
    use crate::finding::Channel;
    use crate::request::Parameters;

    #[test]
    fn converse_texts_come_in_prompt_order_with_their_channel() {
        use Channel::{Assistant, System, Tool, User};
        let request = parse(Operation::Converse, "amazon.nova-lite-v1:0", CONVERSE);
        let expected = [
            ("s1", System),
            ("fd", System),
            ("object", System),
            ("u1", User),
            ("d1", Tool),
            ("hi", Tool),
            ("d2", Tool),
            ("a1", Assistant),
            ("r1", Assistant),
            ("k1", Assistant),
            ("v1", Assistant),
            ("n", Assistant),
            ("v2", Assistant),
            ("x1", Tool),
            ("k2", Tool),
            ("v3", Tool),
        ];
        let found = texts(&request);
        for (at, (text, channel)) in expected.into_iter().enumerate() {
            assert_eq!(found[at], (text.to_owned(), channel));
        }
        let rest: Vec<&str> = found[expected.len()..].iter().map(|(text, _)| text.as_str()).collect();
        assert!(rest.contains(&"n1") && rest.contains(&"deep") && rest.contains(&"x"), "{rest:?}");
        assert!(!rest.contains(&"aGk=") && !rest.contains(&"t1"));
        let signed = request.texts.iter().filter(|text| !text.editable).count();
        assert_eq!(signed, 1);
    }

    #[test]
    fn facts_are_read() {
        let facts = parse(Operation::ConverseStream, "amazon.nova-lite-v1:0", CONVERSE).facts;
        assert_eq!(facts.params, Parameters { max_tokens: Some(10), temperature: Some(0.5), top_p: None });
        assert_eq!((facts.messages.count, facts.messages.user, facts.messages.assistant), (3, 2, 1));
        assert_eq!((facts.messages.images, facts.messages.documents, facts.messages.tool_results), (1, 1, 1));
        assert_eq!(facts.tools, ["f", "g"]);
        assert_eq!(facts.tool_choice.as_deref(), Some("f"));
        assert_eq!(facts.metadata.get("project").map(String::as_str), Some("x"));
        assert!(facts.stream && !facts.tools_unreadable && facts.system_blocks == 1);
    }

    #[test]
    fn tools_in_other_places_are_told() {
        for (operation, model, body) in [
            (
                Operation::Converse,
                "m.x",
                r#"{"messages":[],"additionalModelRequestFields":{"tools":[{"type":"computer"}]}}"#,
            ),
            (
                Operation::Converse,
                "m.x",
                r#"{"messages":[{"role":"user","content":[{"toolAddition":{"tool":{}}}]}]}"#,
            ),
            (
                Operation::Converse,
                "m.x",
                r#"{"messages":[],"toolConfig":{"tools":[{"systemTool":{"name":"web"}}]}}"#,
            ),
            (Operation::InvokeModel, "anthropic.claude-3", r#"{"messages":[],"tools":[{"type":"x"}]}"#),
            (Operation::InvokeModel, "anthropic.claude-3", r#"{"messages":[],"mcp_servers":[{}]}"#),
        ] {
            assert!(parse(operation, model, body).facts.tools_unreadable, "{body}");
        }
        assert!(!parse(Operation::Converse, "amazon.nova-lite-v1:0", CONVERSE).facts.tools_unreadable);
    }

    #[test]
    fn anthropic_texts_come_with_their_channel() {
        let body = r#"{"anthropic_version":"bedrock-2023-05-31","system":"s1","max_tokens":5,"messages":[
            {"role":"user","content":"u1"},
            {"role":"assistant","content":[{"type":"thinking","thinking":"h1","signature":"x"},
                {"type":"tool_use","id":"i","name":"f","input":{"a":"b1"}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"i","content":[{"type":"text","text":"x1"}]},
                {"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}},
                {"type":"document","source":{"type":"text","media_type":"text/plain","data":"d1"}}]}],
            "tools":[{"name":"f","description":"fd","input_schema":{"type":"object"}}]}"#;
        let request = parse(Operation::InvokeModel, "us.anthropic.claude-sonnet-4-20250514-v1:0", body);
        let found = texts(&request);
        for (text, channel) in [
            ("s1", Channel::System),
            ("fd", Channel::System),
            ("u1", Channel::User),
            ("h1", Channel::Assistant),
            ("b1", Channel::Assistant),
            ("x1", Channel::Tool),
            ("d1", Channel::Tool),
        ] {
            assert!(found.contains(&(text.to_owned(), channel)), "{text} {found:?}");
        }
        assert!(!found.iter().any(|(text, _)| text == "aGk=" || text == "i"));
        assert_eq!(request.facts.tools, ["f"]);
    }

    #[test]
    fn a_family_without_codec_is_inspected_whole() {
        let body = r#"{"prompt":"p1","tools":[{"x":"y1"}],"k":{"l":["m1"]}}"#;
        let request = parse(Operation::InvokeModel, "acme.model-v1", body);
        let found: Vec<String> = texts(&request).into_iter().map(|(text, _)| text).collect();
        assert_eq!(found, ["prompt", "p1", "tools", "x", "y1", "k", "l", "m1"]);
        assert!(request.facts.tools_unreadable);
    }

    #[test]
    fn bodies_that_are_not_understood_are_refused() {
        for (body, error) in [
            ("[]", RequestError::NotAnObject),
            ("{}", RequestError::NoMessages),
            (r#"{"messages":{}}"#, RequestError::NoMessages),
            (r#"{"messages":["x"]}"#, RequestError::NoMessages),
        ] {
            let outcome = try_parse(Operation::Converse, "amazon.nova-lite-v1:0", body);
            assert_eq!(outcome.err(), Some(error), "{body}");
        }
    }

    #[test]
    fn a_body_where_none_belongs_is_refused() {
        for body in ["", " \n", "{}", " { } "] {
            assert!(parse(Operation::GetAsyncInvoke, "", body).texts.is_empty(), "{body:?}");
        }
        for body in ["{\"a\":1}", "[]", "null", "x", "\"text\""] {
            let refused = try_parse(Operation::GetAsyncInvoke, "", body).err();
            assert_eq!(refused, Some(RequestError::UnexpectedBody), "{body:?}");
        }
    }

    #[test]
    fn a_body_of_secrets_is_not_looked_into() {
        let request = parse(Operation::GetResourceApiKey, "", r#"{"workloadIdentityToken":"t1"}"#);
        assert!(
            request.texts.is_empty() && request.document.get(request.root, "workloadIdentityToken").is_none()
        );
        assert_eq!(request.shaping_ranges().first(), Some(&(0..30)));
    }

    #[test]
    fn what_tokens_are_counted_of_is_inspected() {
        let converse = r#"{"input":{"converse":{"messages":[{"role":"user","content":[{"text":"u1"}]}],
            "system":[{"text":"s1"}]}}}"#;
        let request = parse(Operation::CountTokens, "amazon.nova-lite-v1:0", converse);
        let found = texts(&request);
        assert!(found.contains(&("u1".to_owned(), Channel::User)), "{found:?}");
        assert!(found.contains(&("s1".to_owned(), Channel::System)), "{found:?}");
        assert!(request.facts.messages.count == 1 && !request.facts.tools_unreadable);
        let native = r#"{"input":{"invokeModel":{"body":"eyJwcm9tcHQiOiJ1MSJ9"}}}"#;
        let found = texts(&parse(Operation::CountTokens, "meta.llama3-8b-instruct-v1:0", native));
        assert!(found.contains(&(r#"{"prompt":"u1"}"#.to_owned(), Channel::User)), "{found:?}");
    }

    #[test]
    fn the_model_is_read_where_the_operation_names_it() {
        for (operation, body, named) in [
            (Operation::ChatCompletions, r#"{"model":"m","messages":[]}"#, Some("m")),
            (Operation::EndpointChatCompletions, r#"{"model":"","messages":[]}"#, None),
            (Operation::MantleMessages, r#"{"model":"m","messages":[]}"#, Some("m")),
            (Operation::CreateModelInvocationJob, r#"{"modelId":"m","model":"x"}"#, Some("m")),
            (Operation::Converse, r#"{"model":"m","messages":[]}"#, None),
        ] {
            assert_eq!(parse(operation, "", body).model_named.as_deref(), named, "{body}");
        }
    }

    #[test]
    fn long_numbers_are_looked_at_and_count_as_no_text() {
        let parse = |number: &str| {
            let body = format!(
                r#"{{"messages":[{{"role":"user","content":[{{"toolResult":{{"toolUseId":"t","content":[
                {{"json":{{"card":{number}}}}}]}}}}]}}]}}"#
            );
            let request = parse(Operation::Converse, "amazon.nova-lite-v1:0", &body);
            let number = request.texts.iter().find(|text| request.document.kind(text.value) == Kind::Number);
            let read = number.map(|text| {
                let key = text.key.and_then(|key| request.document.string(key));
                let at = 0..1;
                let edits = text.edits(&request.document, &[(at, "{CARD_1}".to_owned())]);
                assert!(text.editable && edits.len() == 1 && text.channel == Channel::Tool);
                assert_eq!(key.as_deref(), Some("card"));
                text.read(&request.document).unwrap().into_owned()
            });
            (read, request.facts.messages.text_bytes)
        };
        let (none, bytes) = parse("1");
        assert!(none.is_none());
        assert_eq!(parse("4111111111111111"), (Some("4111111111111111".to_owned()), bytes));
        assert_eq!(parse("-41111111.50"), (Some("41111111".to_owned()), bytes));
        for short in ["1234567", "0.4111111111111111", "1e99", "true"] {
            assert_eq!(parse(short), (None, bytes), "{short}");
        }
    }

    #[test]
    fn a_stream_is_one_where_the_operation_or_the_body_asks_for_it() {
        for (operation, body, stream) in [
            (Operation::ChatCompletions, r#"{"messages":[],"stream":true}"#, true),
            (Operation::ChatCompletions, r#"{"messages":[],"stream":false}"#, false),
            (Operation::MantleCountTokens, r#"{"messages":[],"stream":true}"#, false),
            (Operation::ConverseStream, r#"{"messages":[]}"#, true),
        ] {
            assert_eq!(parse(operation, "", body).facts.stream, stream, "{body}");
        }
    }
}
