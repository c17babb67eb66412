//! Which dialect a body has, and where in it the dialect's own members stand. Told by the operation and the model
//! where they say, else by members no other family has. Members that contradict one another make a body opaque:
//! two readers could take it for two things.

use super::plain::PlainFamily;
use super::request::{Parsing, RequestError};
use crate::json::{Document, Kind, ValueId};
use crate::model_id::ModelId;
use crate::operation::BodyShape;
use crate::request::Dialect;

/// The dialect, and the object its members stand in.
pub(super) fn dialect(
    parsing: &Parsing<'_>,
    document: &Document<'_>,
) -> Result<(Dialect, ValueId), RequestError> {
    let root = document.root();
    let shape = parsing.operation.body();
    if document.kind(root) != Kind::Object {
        return Ok((not_an_object(parsing, document)?, root));
    }
    let dialect = match shape {
        BodyShape::Converse => Dialect::Converse,
        BodyShape::Chat => Dialect::OpenAiChat,
        BodyShape::Responses => Dialect::OpenAiResponses,
        BodyShape::Messages => Dialect::Anthropic,
        BodyShape::Agent => Dialect::Agent,
        BodyShape::Native => native(parsing.model, document, root),
        BodyShape::Endpoint => match parsing.dialect {
            // An endpoint of texts or bytes that is sent JSON all the same.
            Some(Dialect::Text | Dialect::Bytes) => Dialect::Opaque,
            Some(dialect) => dialect,
            None => endpoint(document, root),
        },
        BodyShape::AsyncInvoke => {
            let input =
                document.get(root, "modelInput").filter(|input| document.kind(*input) == Kind::Object);
            let Some(input) = input else { return Ok((Dialect::Opaque, root)) };
            let named = document.string_at(root, &["modelId"]).and_then(|id| ModelId::parse(&id).ok());
            return Ok((native(parsing.model.or(named.as_ref()), document, input), input));
        }
        BodyShape::Empty
        | BodyShape::CountTokens
        | BodyShape::Json
        | BodyShape::Job
        | BodyShape::Raw
        | BodyShape::Secret
        | BodyShape::Events => Dialect::Opaque,
    };
    Ok((dialect, root))
}

/// Text and bytes stand in the document as a string and as null; only containers take them, or lists.
fn not_an_object(parsing: &Parsing<'_>, document: &Document<'_>) -> Result<Dialect, RequestError> {
    if !matches!(parsing.operation.body(), BodyShape::Endpoint | BodyShape::Raw) {
        return Err(RequestError::NotAnObject);
    }
    match (parsing.dialect, document.kind(document.root())) {
        (None | Some(Dialect::Text | Dialect::Bytes | Dialect::Opaque), Kind::String) => Ok(Dialect::Text),
        (None | Some(Dialect::Text | Dialect::Bytes | Dialect::Opaque), Kind::Null) => Ok(Dialect::Bytes),
        (None | Some(Dialect::Text | Dialect::Bytes | Dialect::Opaque), _) => Ok(Dialect::Opaque),
        _ => Err(RequestError::NotAnObject),
    }
}

/// Members of which each is the place of some family's prompt. A body with two of them has two readers.
const PROMPTS: [&str; 8] =
    ["messages", "prompt", "inputText", "inputs", "message", "inputPrompt", "instances", "input"];

struct Members<'d, 'a> {
    document: &'d Document<'a>,
    root: ValueId,
}

impl Members<'_, '_> {
    fn has(&self, name: &str) -> bool {
        self.document.get(self.root, name).is_some()
    }

    /// Whether this is the one member that holds a prompt.
    fn asks_in(&self, name: &str) -> bool {
        self.has(name) && PROMPTS.iter().all(|other| *other == name || !self.has(other))
    }

    fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.has(name))
    }

    fn says(&self, name: &str, value: &str) -> bool {
        self.document.string_at(self.root, &[name]).is_some_and(|own| own == value)
    }

    /// Whether an element of the list has a member of this name.
    fn any_has(&self, list: &str, name: &str) -> bool {
        let list = self.document.get(self.root, list);
        let mut elements = list.into_iter().flat_map(|list| self.document.elements(list));
        elements.any(|element| self.document.get(element, name).is_some())
    }

    /// Whether something here is read by OpenAI's readers alone.
    fn has_openais_own(&self) -> bool {
        self.any_has("tools", "function")
            || self.has_any(&OPENAIS_OWN)
            || OPENAIS_OWN_IN_MESSAGES.iter().any(|name| self.any_has("messages", name))
    }

    /// Whether something here is read by Anthropic's readers alone.
    fn has_anthropics_own(&self) -> bool {
        self.any_has("tools", "input_schema")
    }
}

/// Members of a chat that Anthropic's bodies do not have. Who sends both kinds could have the answer read in one
/// dialect while the model speaks the other.
const OPENAIS_OWN: [&str; 17] = [
    "max_completion_tokens",
    "functions",
    "function_call",
    "parallel_tool_calls",
    "response_format",
    "stream_options",
    "reasoning_effort",
    "web_search_options",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "stop",
    "n",
    "best_of",
];

const OPENAIS_OWN_IN_MESSAGES: [&str; 3] = ["tool_calls", "tool_call_id", "function_call"];

/// A provider's own body, as InvokeModel takes it.
fn native(model: Option<&ModelId>, document: &Document<'_>, root: ValueId) -> Dialect {
    use Dialect::{Anthropic, CohereChat, Nova, Opaque, OpenAiChat, Plain};
    let members = Members { document, root };
    let asks_in = |name: &str| members.asks_in(name);
    let (provider, family) = model.map_or(("", ""), |model| (model.provider(), model.family()));
    let embeds = family.contains("embed") || family.starts_with("marengo");
    match provider {
        _ if family.starts_with("rerank") => Plain(PlainFamily::Rerank),
        "amazon" | "cohere" | "twelvelabs" if embeds => Plain(PlainFamily::Embeddings),
        "anthropic" if asks_in("messages") => Anthropic,
        "anthropic" if asks_in("prompt") => Plain(PlainFamily::AnthropicText),
        "amazon" if family.contains("image") => Plain(PlainFamily::Image),
        "amazon" if family.starts_with("nova-canvas") || family.starts_with("nova-reel") => {
            Plain(PlainFamily::Image)
        }
        "amazon" if family.starts_with("nova") && asks_in("messages") => Nova,
        "amazon" if family.starts_with("titan") && asks_in("inputText") => Plain(PlainFamily::TitanText),
        "cohere" if asks_in("message") => CohereChat,
        "cohere" if asks_in("prompt") => Plain(PlainFamily::CohereCommand),
        "meta" if asks_in("prompt") => Plain(PlainFamily::Llama),
        "mistral" if asks_in("prompt") => Plain(PlainFamily::MistralText),
        "ai21" if asks_in("prompt") => Plain(PlainFamily::Jurassic),
        "twelvelabs" if asks_in("inputPrompt") => Plain(PlainFamily::Pegasus),
        "stability" | "luma" => Plain(PlainFamily::Image),
        provider if speaks_openai(provider) && asks_in("messages") => OpenAiChat,
        provider if speaks_openai(provider) && asks_in("prompt") => Plain(PlainFamily::Completions),
        "anthropic" | "amazon" | "cohere" | "meta" | "twelvelabs" => Opaque,
        provider if speaks_openai(provider) => Opaque,
        _ => unknown(&members),
    }
}

/// Providers whose models take OpenAI's messages.
fn speaks_openai(provider: &str) -> bool {
    matches!(
        provider,
        "openai"
            | "qwen"
            | "moonshot"
            | "moonshotai"
            | "kimi"
            | "minimax"
            | "zai"
            | "glm"
            | "google"
            | "nvidia"
            | "deepseek"
            | "xai"
            | "writer"
            | "mistral"
            | "ai21"
    )
}

/// A body for a model nobody names: imported, custom, or hidden behind a profile.
fn unknown(members: &Members<'_, '_>) -> Dialect {
    let has = |name: &str| members.has(name);
    if members.asks_in("messages") {
        let anthropic = has("anthropic_version");
        let nova = members.says("schemaVersion", "messages-v1");
        let speaks_openai = !members.has_any(&["system", "schemaVersion", "inferenceConfig", "toolConfig"])
            && !members.has_any(&["max_gen_len", "max_tokens_to_sample", "parameters"])
            && !members.has_anthropics_own()
            && contents_are_openai(members);
        let speaks_anthropic =
            !members.has_any(&["inferenceConfig", "toolConfig"]) && !members.has_openais_own();
        let nova_alone =
            nova && !members.has_any(&["tools", "functions", "max_tokens", "max_completion_tokens"]);
        return match (anthropic, nova) {
            (true, false) if speaks_anthropic => Dialect::Anthropic,
            (false, true) if nova_alone => Dialect::Nova,
            (false, false) if speaks_openai => Dialect::OpenAiChat,
            _ => Dialect::Opaque,
        };
    }
    if members.asks_in("inputText") && has("textGenerationConfig") {
        return Dialect::Plain(PlainFamily::TitanText);
    }
    let limits = ["max_gen_len", "max_tokens_to_sample", "max_tokens", "maxTokens"];
    let mut named = limits.iter().copied().filter(|name| has(name));
    match (members.asks_in("prompt"), named.next(), named.next()) {
        (true, Some("max_gen_len"), None) => Dialect::Plain(PlainFamily::Llama),
        (true, Some("max_tokens_to_sample"), None) => Dialect::Plain(PlainFamily::AnthropicText),
        (true, Some("max_tokens"), None) => Dialect::Plain(PlainFamily::Completions),
        (true, Some("maxTokens"), None) => Dialect::Plain(PlainFamily::Jurassic),
        _ => Dialect::Opaque,
    }
}

/// OpenAI's parts say their type; those of Nova and Converse do not.
fn contents_are_openai(members: &Members<'_, '_>) -> bool {
    let document = members.document;
    let messages = document.get(members.root, "messages");
    messages.into_iter().flat_map(|messages| document.elements(messages)).all(|message| {
        let content = document.get(message, "content");
        content
            .into_iter()
            .flat_map(|content| document.elements(content))
            .all(|part| document.string_at(part, &["type"]).is_some_and(|kind| !is_anthropics_own(&kind)))
    })
}

fn is_anthropics_own(kind: &str) -> bool {
    matches!(kind, "tool_use" | "tool_result" | "image" | "document" | "redacted_thinking")
}

/// What a SageMaker container is sent, told by its members (PyTorch, TGI, LMI, vLLM and NIM containers).
fn endpoint(document: &Document<'_>, root: ValueId) -> Dialect {
    let members = Members { document, root };
    if members.asks_in("messages") {
        let neither = members.has_any(&["schemaVersion", "inferenceConfig", "toolConfig"]);
        return match members.has("anthropic_version") {
            true if !members.has_openais_own() => Dialect::Anthropic,
            false if !neither && !members.has_anthropics_own() => Dialect::OpenAiChat,
            _ => Dialect::Opaque,
        };
    }
    if members.asks_in("prompt") {
        return Dialect::Plain(PlainFamily::Completions);
    }
    let inputs = document.get(root, "inputs").filter(|_| members.asks_in("inputs"));
    match inputs {
        Some(inputs) if members.has("parameters") || is_prompts(document, inputs) => {
            Dialect::Plain(PlainFamily::TextGeneration)
        }
        _ => Dialect::Opaque,
    }
}

/// A string or strings; tensors are objects.
fn is_prompts(document: &Document<'_>, inputs: ValueId) -> bool {
    match document.kind(inputs) {
        Kind::String => true,
        Kind::Array => document.elements(inputs).all(|input| match document.kind(input) {
            Kind::String => true,
            Kind::Array => document.elements(input).all(|turn| document.get(turn, "role").is_some()),
            _ => false,
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::PlainFamily::*;
    use super::*;
    use crate::codec::testing::{parse, try_parse, try_parse_as};
    use crate::operation::Operation;

    #[test]
    fn the_model_says_which_dialect_its_body_has() {
        const MESSAGES: &str = r#"{"messages":[]}"#;
        for (model, body, dialect) in [
            ("us.anthropic.claude-sonnet-4-20250514-v1:0", MESSAGES, Dialect::Anthropic),
            ("amazon.nova-lite-v1:0", MESSAGES, Dialect::Nova),
            ("amazon.nova-2-multimodal-embeddings-v1:0", r#"{"taskType":"x"}"#, Dialect::Plain(Embeddings)),
            ("openai.gpt-oss-20b-1:0", MESSAGES, Dialect::OpenAiChat),
            ("qwen.qwen3-32b-v1:0", MESSAGES, Dialect::OpenAiChat),
            ("mistral.mistral-large-2407-v1:0", MESSAGES, Dialect::OpenAiChat),
            ("mistral.pixtral-large-2502-v1:0", MESSAGES, Dialect::OpenAiChat),
            ("ai21.jamba-1-5-large-v1:0", MESSAGES, Dialect::OpenAiChat),
            ("deepseek.v3-v1:0", MESSAGES, Dialect::OpenAiChat),
            ("meta.llama3-8b-instruct-v1:0", MESSAGES, Dialect::Opaque),
            ("cohere.rerank-v3-5:0", r#"{"query":"q"}"#, Dialect::Plain(Rerank)),
            ("cohere.embed-v4:0", r#"{"texts":[]}"#, Dialect::Plain(Embeddings)),
            ("stability.sd3-large-v1:0", r#"{"prompt":"x"}"#, Dialect::Plain(Image)),
            ("anthropic.claude-3-haiku-20240307-v1:0", r#"{"x":1}"#, Dialect::Opaque),
            ("openai.gpt-oss-20b-1:0", r#"{"messages":[],"prompt":"x"}"#, Dialect::Opaque),
        ] {
            let found = parse(Operation::InvokeModel, model, body).facts.dialect;
            assert_eq!(found, dialect, "{model} {body}");
        }
    }

    #[test]
    fn a_hidden_model_is_told_by_members_and_never_guessed() {
        const HIDDEN: &str = "arn:aws:bedrock:us-east-1:123456789012:imported-model/abcd1234efgh";
        for (body, dialect) in [
            (r#"{"anthropic_version":"x","messages":[],"system":"s"}"#, Dialect::Anthropic),
            (r#"{"schemaVersion":"messages-v1","messages":[]}"#, Dialect::Nova),
            (r#"{"messages":[{"role":"user","content":"x"}]}"#, Dialect::OpenAiChat),
            (r#"{"messages":[{"role":"user","content":[{"text":"x"}]}]}"#, Dialect::Opaque),
            (r#"{"messages":[],"system":"s"}"#, Dialect::Opaque),
            (r#"{"schemaVersion":"messages-v1","messages":[],"tools":[{"x":1}]}"#, Dialect::Opaque),
            (r#"{"anthropic_version":"x","schemaVersion":"messages-v1","messages":[]}"#, Dialect::Opaque),
            (r#"{"prompt":"x","max_gen_len":1}"#, Dialect::Plain(Llama)),
            (r#"{"prompt":"x","max_tokens":1}"#, Dialect::Plain(Completions)),
            (r#"{"prompt":"x","max_tokens":1,"max_gen_len":1}"#, Dialect::Opaque),
            (r#"{"prompt":"x"}"#, Dialect::Opaque),
            (r#"{"inputText":"x","textGenerationConfig":{}}"#, Dialect::Plain(TitanText)),
        ] {
            assert_eq!(parse(Operation::InvokeModel, HIDDEN, body).facts.dialect, dialect, "{body}");
        }
    }

    #[test]
    fn an_endpoint_is_told_by_what_it_is_sent() {
        for (body, dialect) in [
            (r#"{"messages":[]}"#, Dialect::OpenAiChat),
            (r#"{"messages":[],"anthropic_version":"x"}"#, Dialect::Anthropic),
            (r#"{"inputs":"x"}"#, Dialect::Plain(TextGeneration)),
            (r#"{"inputs":["x"],"parameters":{}}"#, Dialect::Plain(TextGeneration)),
            (r#"{"inputs":[[{"role":"user","content":"x"}]]}"#, Dialect::Plain(TextGeneration)),
            (r#"{"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","data":["x"]}]}"#, Dialect::Opaque),
            (r#"{"instances":["x"]}"#, Dialect::Opaque),
            (r#"{"prompt":"x"}"#, Dialect::Plain(Completions)),
            (r#"{"prompt":"x","inputs":"y"}"#, Dialect::Opaque),
            (r#""a,b,1""#, Dialect::Text),
            ("[1,2]", Dialect::Opaque),
            ("null", Dialect::Bytes),
        ] {
            let request = parse(Operation::InvokeEndpoint, "", body);
            assert_eq!(request.facts.dialect, dialect, "{body}");
            assert_eq!(request.facts.parsed, dialect != Dialect::Bytes, "{body}");
        }
    }

    #[test]
    fn nobody_chooses_a_reader_by_a_body_of_two_dialects() {
        const HIDDEN: &str = "arn:aws:bedrock:us-east-1:123456789012:imported-model/abcd1234efgh";
        const NESTED: &str = r#"{"type":"function","name":"ok","function":{"name":"delete_db"}}"#;
        const FLAT: &str = r#"{"type":"function","function":{"name":"ok"},"name":"f","input_schema":{}}"#;
        let both = format!(r#"{{"anthropic_version":"x","messages":[],"tools":[{NESTED}]}}"#);
        let chat = format!(r#"{{"messages":[],"tools":[{FLAT}]}}"#);
        let member =
            r#"{"anthropic_version":"x","messages":[],"parallel_tool_calls":true,"tools":[{"name":"f"}]}"#;
        let history = r#"{"anthropic_version":"x","messages":[{"role":"assistant","tool_calls":[]}],"tools":[{"name":"f"}]}"#;
        for body in [both.as_str(), chat.as_str(), member, history] {
            for (operation, model) in [(Operation::InvokeEndpoint, ""), (Operation::InvokeModel, HIDDEN)] {
                let request = parse(operation, model, body);
                assert_eq!(request.facts.dialect, Dialect::Opaque, "{body}");
                assert!(request.facts.tools_unreadable && request.facts.tools.is_empty(), "{body}");
            }
            let configured = try_parse_as(Operation::InvokeEndpoint, "", Some(Dialect::OpenAiChat), body);
            assert_eq!(configured.map(|request| request.facts.dialect).ok(), Some(Dialect::OpenAiChat));
        }
        let plain = r#"{"anthropic_version":"x","messages":[],"tools":[{"name":"f","input_schema":{}}]}"#;
        assert_eq!(parse(Operation::InvokeEndpoint, "", plain).facts.dialect, Dialect::Anthropic);
    }

    #[test]
    fn a_configured_dialect_is_not_guessed_over() {
        let chat = Some(Dialect::OpenAiChat);
        let refused = |body| try_parse_as(Operation::InvokeEndpoint, "", chat, body).err();
        assert_eq!(refused(r#"{"inputs":"x"}"#), Some(RequestError::NoMessages));
        assert_eq!(refused(r#""text""#), Some(RequestError::NotAnObject));
        let text = Some(Dialect::Text);
        let request = try_parse_as(Operation::InvokeEndpoint, "", text, r#"{"messages":[]}"#).unwrap();
        assert_eq!(request.facts.dialect, Dialect::Opaque);
    }

    #[test]
    fn only_containers_take_what_is_no_object() {
        for operation in [Operation::InvokeModel, Operation::InvokeAgent, Operation::CreateEvent] {
            let refused = try_parse(operation, "", r#""text""#).err();
            assert_eq!(refused, Some(RequestError::NotAnObject), "{operation:?}");
        }
        let request = parse(Operation::InvokeAgentRuntime, "", r#""text""#);
        assert_eq!((request.facts.dialect, request.texts.len()), (Dialect::Text, 1));
    }

    #[test]
    fn an_asynchronous_call_has_the_dialect_of_its_model() {
        let body = r#"{"modelId":"amazon.nova-lite-v1:0","modelInput":{"messages":[{"role":"user",
            "content":[{"text":"u1"}]}]},"outputDataConfig":{"s3OutputDataConfig":{"s3Uri":"s3://b/k"}}}"#;
        let request = parse(Operation::StartAsyncInvoke, "", body);
        assert_eq!(request.facts.dialect, Dialect::Nova);
        assert_eq!(request.model_named.as_deref(), Some("amazon.nova-lite-v1:0"));
        assert!(!request.facts.content_elsewhere);
        let changed = crate::codec::testing::applied(body, request.set_max_tokens(7));
        assert_eq!(changed.pointer("/modelInput/inferenceConfig/maxTokens").unwrap(), 7);
    }
}
