//! What a request asks, as far as the simulator cares: the last user text, how much text there is, the token
//! limit and the guardrail. It reads leniently and checks next to nothing; it is no model of what AWS
//! validates.

use std::hash::{DefaultHasher, Hash, Hasher};

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use hardpan_inference::operation::{BodyShape, Target};

use crate::text::all_texts;

/// Request header that names the guardrail for the operations whose body has no place for it.
const GUARDRAIL_HEADER: &str = "x-amzn-bedrock-guardrailidentifier";
/// Members that hold what is asked, in the order they are looked for.
const QUESTIONS: [&str; 12] = [
    "/prompt",
    "/inputText",
    "/message",
    "/inputs",
    "/input",
    "/input/text",
    "/input/textPrompt/text",
    "/retrievalQuery/text",
    "/queryGenerationInput/text",
    "/query",
    "/inputPrompt",
    "/singleEmbeddingParams/text/value",
];
/// The same where there may be several.
const LISTS_OF_QUESTIONS: [&str; 5] = ["/inputs", "/input", "/texts", "/queries", "/instances"];

/// Which body shape is read and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Converse,
    Anthropic,
    Nova,
    Titan,
    Mistral,
    /// Cohere's older one.
    Command,
    CommandR,
    /// OpenAI Chat Completions, and all who took its shape.
    Chat,
    Responses,
    /// OpenAI's older text completions.
    Completions,
    /// Hugging Face's text generation containers.
    Tgi,
    Embeddings,
    Rerank,
    /// `instances` in, `predictions` out.
    Predictions,
    /// Rows of CSV.
    Table,
    /// Llama's shape, for every other text model of Bedrock.
    Generation,
    /// No model's body, or none that is known.
    Other,
}

/// Holds prompt text, so it has no `Debug`.
pub(crate) struct Prompt {
    pub(crate) family: Family,
    pub(crate) last_user_text: String,
    /// Bytes of all texts of the request.
    pub(crate) text_bytes: u64,
    pub(crate) max_tokens: Option<u64>,
    /// Id of the guardrail the caller asked for.
    pub(crate) guardrail: Option<String>,
    /// The model as the caller named it, in the path or in the body; may be empty.
    pub(crate) model: String,
    /// The body; null when it is not JSON with members or elements.
    pub(crate) body: Value,
    /// Same request, same seed: everything that looks random in an answer derives from it.
    pub(crate) seed: u64,
}

impl Prompt {
    /// None when the operation takes a JSON object and the body is none.
    pub(crate) fn read(target: &Target, headers: &HeaderMap, raw: &[u8]) -> Option<Prompt> {
        let shape = target.operation.body();
        let body =
            serde_json::from_slice(raw).ok().filter(|body: &Value| body.is_object() || body.is_array());
        let may_be_anything = matches!(shape, BodyShape::Empty | BodyShape::Endpoint | BodyShape::Raw)
            || (raw.is_empty() && matches!(shape, BodyShape::Json | BodyShape::Secret | BodyShape::Agent));
        if !may_be_anything && !body.as_ref().is_some_and(Value::is_object) {
            return None;
        }
        let body = body.unwrap_or_default();
        let model = model(target, &body);
        let family = Family::of(target, &model, headers, &body, raw);
        let last_user_text = match shape {
            BodyShape::Empty | BodyShape::Secret => String::new(),
            _ if body.is_null() => String::from_utf8_lossy(raw).into_owned(),
            _ => last_user_text(shape, &body),
        };
        let mut hasher = DefaultHasher::new();
        last_user_text.hash(&mut hasher);
        body.get("messages").and_then(Value::as_array).map(Vec::len).hash(&mut hasher);
        Some(Prompt {
            family,
            text_bytes: match family {
                Family::Table | Family::Predictions | Family::Other => last_user_text.len() as u64,
                _ => text_bytes(&body, false),
            },
            max_tokens: max_tokens(family, &body),
            guardrail: guardrail(target, headers, &body),
            model,
            body,
            seed: hasher.finish(),
            last_user_text,
        })
    }

    /// Whether a body member is `true`.
    pub(crate) fn is_set(&self, pointer: &str) -> bool {
        self.body.pointer(pointer).and_then(Value::as_bool) == Some(true)
    }

    pub(crate) fn text_member(&self, pointer: &str) -> Option<&str> {
        self.body.pointer(pointer)?.as_str()
    }
}

impl Family {
    fn of(target: &Target, model: &str, headers: &HeaderMap, body: &Value, raw: &[u8]) -> Family {
        match target.operation.body() {
            BodyShape::Converse => Family::Converse,
            BodyShape::Native => Family::of_model(model, body),
            BodyShape::Chat => Family::Chat,
            BodyShape::Responses => Family::Responses,
            BodyShape::Messages => Family::Anthropic,
            BodyShape::Endpoint => {
                Family::of_container(target.member("EndpointName").unwrap_or_default(), headers, body, raw)
            }
            BodyShape::Empty
            | BodyShape::CountTokens
            | BodyShape::AsyncInvoke
            | BodyShape::Agent
            | BodyShape::Json
            | BodyShape::Job
            | BodyShape::Raw
            | BodyShape::Secret
            | BodyShape::Events => Family::Other,
        }
    }

    /// An ARN may hide the model; many bodies give themselves away.
    fn of_model(model: &str, body: &Value) -> Family {
        let has = |name: &str| body.get(name).is_some();
        if model.contains("anthropic.") || has("anthropic_version") {
            Family::Anthropic
        } else if has("query") && has("documents") {
            Family::Rerank
        } else if model.contains("embed") || has("texts") || has("singleEmbeddingParams") {
            Family::Embeddings
        } else if model.contains("amazon.nova") || (has("messages") && has("inferenceConfig")) {
            Family::Nova
        } else if has("inputText") {
            Family::Titan
        } else if has("message") {
            Family::CommandR
        } else if has("messages") && !model.contains("meta.llama") {
            Family::Chat
        } else if model.contains("mistral.") {
            Family::Mistral
        } else if model.contains("cohere.command") {
            Family::Command
        } else if model.contains("deepseek.") || model.contains("openai.") {
            Family::Completions
        } else {
            Family::Generation
        }
    }

    /// A container is known by what it is sent, and an embedding one by its name too.
    fn of_container(endpoint: &str, headers: &HeaderMap, body: &Value, raw: &[u8]) -> Family {
        let has = |name: &str| body.get(name).is_some();
        if body.is_null() {
            let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let is_table = match content_type {
                Some(content_type) => content_type.contains("csv"),
                None => raw.contains(&b','),
            };
            return if is_table { Family::Table } else { Family::Other };
        }
        if has("messages") {
            return Family::Chat;
        }
        if let Some(inputs) = body.get("inputs") {
            return Family::of_inputs(endpoint, inputs, has("parameters"));
        }
        if has("query") {
            Family::Rerank
        } else if has("input") || has("texts") {
            Family::Embeddings
        } else if has("prompt") {
            Family::Completions
        } else if has("instances") {
            Family::Predictions
        } else {
            Family::Other
        }
    }

    fn of_inputs(endpoint: &str, inputs: &Value, has_parameters: bool) -> Family {
        let first = inputs.as_array().and_then(|inputs| inputs.first());
        match (inputs, first) {
            (Value::String(_), _) | (_, Some(Value::String(_))) if endpoint.contains("embed") => {
                Family::Embeddings
            }
            (_, Some(Value::String(_))) if !has_parameters => Family::Embeddings,
            (Value::String(_), _) | (_, Some(Value::String(_) | Value::Array(_))) => Family::Tgi,
            // Triton's tensors.
            _ => Family::Other,
        }
    }
}

fn model(target: &Target, body: &Value) -> String {
    if let Some(model) = &target.model {
        return model.as_str().to_owned();
    }
    let named = ["model", "modelId", "foundationModel"].iter().find_map(|name| body.get(*name)?.as_str());
    named.unwrap_or_default().to_owned()
}

fn last_user_text(shape: BodyShape, body: &Value) -> String {
    if let Some(messages) = body.get("messages").and_then(Value::as_array) {
        return last_turn(messages);
    }
    match shape {
        BodyShape::Responses => match body.get("input") {
            Some(Value::Array(items)) => last_turn(items),
            Some(Value::String(text)) => text.clone(),
            _ => String::new(),
        },
        BodyShape::Json | BodyShape::Job | BodyShape::AsyncInvoke => all_texts(body),
        _ => question(body),
    }
}

/// The text of the last message that is not the model's. It is a tool's result where a tool answered.
fn last_turn(messages: &[Value]) -> String {
    let is_turn = |message: &&Value| {
        let word = |name: &str| message.get(name).and_then(Value::as_str);
        matches!(word("role"), Some("user" | "tool")) || word("type") == Some("function_call_output")
    };
    let turn = messages.iter().rfind(is_turn);
    turn.and_then(|turn| turn.get("content").or_else(|| turn.get("output")))
        .map(content_text)
        .unwrap_or_default()
}

fn question(body: &Value) -> String {
    let results =
        body.get("tool_results").filter(|results| results.as_array().is_some_and(|all| !all.is_empty()));
    if let Some(results) = results {
        return all_texts(results);
    }
    if let Some(text) = QUESTIONS.iter().find_map(|pointer| body.pointer(pointer)?.as_str()) {
        return text.to_owned();
    }
    if let Some(dialogue) = body.pointer("/inputs/0").and_then(Value::as_array) {
        return last_turn(dialogue);
    }
    let list = LISTS_OF_QUESTIONS.iter().find_map(|pointer| body.pointer(pointer));
    all_texts(list.unwrap_or(body))
}

/// The texts of one message. Tool results speak only where the user said nothing, and the search never goes
/// back to an earlier message: a directive that called a tool must not call it again when the result comes
/// in.
fn content_text(content: &Value) -> String {
    if let Some(text) = content.as_str() {
        return text.to_owned();
    }
    if let Some(text) = block_text(content) {
        return text.to_owned();
    }
    let blocks = content.as_array().map(Vec::as_slice).unwrap_or_default();
    let written: Vec<&str> = blocks.iter().filter_map(block_text).collect();
    if !written.is_empty() {
        return written.join("\n");
    }
    let results: Vec<String> = blocks.iter().filter_map(tool_result_text).collect();
    results.join("\n")
}

fn block_text(block: &Value) -> Option<&str> {
    block.get("text").or_else(|| block.pointer("/guardContent/text/text"))?.as_str()
}

fn tool_result_text(block: &Value) -> Option<String> {
    let is_anthropic = block.get("type").and_then(Value::as_str) == Some("tool_result");
    let result = if is_anthropic { block } else { block.get("toolResult")? };
    let content = result.get("content")?;
    if let Some(text) = content.as_str() {
        return Some(text.to_owned());
    }
    let parts: Vec<String> = content.as_array()?.iter().filter_map(result_part_text).collect();
    Some(parts.join("\n"))
}

fn result_part_text(part: &Value) -> Option<String> {
    if let Some(text) = part.get("text").and_then(Value::as_str) {
        return Some(text.to_owned());
    }
    part.get("json").map(Value::to_string)
}

/// Sums the strings that are text in the families' bodies. The parser's own limit bounds the depth.
pub(crate) fn text_bytes(value: &Value, is_text: bool) -> u64 {
    match value {
        Value::String(text) if is_text => text.len() as u64,
        Value::Array(items) => items.iter().map(|item| text_bytes(item, is_text)).sum(),
        Value::Object(members) => {
            members.iter().map(|(name, member)| text_bytes(member, is_text_member(name))).sum()
        }
        _ => 0,
    }
}

fn is_text_member(name: &str) -> bool {
    matches!(
        name,
        "text"
            | "content"
            | "system"
            | "prompt"
            | "inputText"
            | "message"
            | "instructions"
            | "input"
            | "inputs"
            | "output"
            | "texts"
            | "query"
            | "documents"
            | "preamble"
            | "value"
    )
}

fn max_tokens(family: Family, body: &Value) -> Option<u64> {
    let number = |pointer: &str| body.pointer(pointer).and_then(Value::as_u64);
    match family {
        Family::Converse => number("/inferenceConfig/maxTokens"),
        Family::Nova => {
            number("/inferenceConfig/maxTokens").or_else(|| number("/inferenceConfig/max_new_tokens"))
        }
        Family::Responses => number("/max_output_tokens"),
        Family::Tgi => number("/parameters/max_new_tokens"),
        Family::Embeddings | Family::Rerank | Family::Predictions | Family::Table => None,
        Family::Other => number("/maxTokens"),
        Family::Anthropic
        | Family::Titan
        | Family::Mistral
        | Family::Command
        | Family::CommandR
        | Family::Chat
        | Family::Completions
        | Family::Generation => {
            ["/max_completion_tokens", "/max_gen_len", "/max_tokens", "/textGenerationConfig/maxTokenCount"]
                .into_iter()
                .find_map(number)
        }
    }
}

fn guardrail(target: &Target, headers: &HeaderMap, body: &Value) -> Option<String> {
    if !target.operation.is_converse() {
        let id = headers.get(GUARDRAIL_HEADER)?;
        return Some(String::from_utf8_lossy(id.as_bytes()).into_owned());
    }
    let config = body.get("guardrailConfig")?;
    Some(config.get("guardrailIdentifier").and_then(Value::as_str).unwrap_or("guardrail").to_owned())
}

#[cfg(test)]
mod tests {
    use hardpan_inference::operation::route;
    use serde_json::json;

    use super::*;

    fn read(path: &str, body: &Value) -> Option<Prompt> {
        let target = route("POST", path.as_bytes(), None).unwrap();
        Prompt::read(&target, &HeaderMap::new(), body.to_string().as_bytes())
    }

    /// A conversation whose last turn is the user's, with something before and after it.
    fn user(content: Value) -> Value {
        json!({"messages": [
            {"role": "user", "content": [{"text": "earlier"}]},
            {"role": "user", "content": content},
            {"role": "assistant", "content": "prefilled"}
        ]})
    }

    #[test]
    fn every_family_is_known_by_path_or_body() {
        let arn =
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aprovisioned-model%2Fabcd1234efgh/invoke";
        for (path, body, family) in [
            ("/model/us.anthropic.claude-sonnet-4-20250514-v1%3A0/converse", json!({}), Family::Converse),
            ("/model/us.anthropic.claude-sonnet-4-20250514-v1%3A0/invoke", json!({}), Family::Anthropic),
            ("/model/eu.amazon.nova-lite-v1%3A0/invoke", json!({}), Family::Nova),
            ("/model/meta.llama3-8b-instruct-v1%3A0/invoke", json!({}), Family::Generation),
            (arn, json!({"anthropic_version": "bedrock-2023-05-31"}), Family::Anthropic),
            (arn, json!({"prompt": "hi"}), Family::Generation),
            ("/model/openai.gpt-oss-20b-1%3A0/invoke", json!({"messages": []}), Family::Chat),
            ("/model/amazon.titan-text-express-v1/invoke", json!({"inputText": "a"}), Family::Titan),
            ("/model/amazon.titan-embed-text-v2%3A0/invoke", json!({"inputText": "a"}), Family::Embeddings),
            ("/model/mistral.mistral-7b-instruct-v0%3A2/invoke", json!({"prompt": "a"}), Family::Mistral),
            ("/model/cohere.command-r-v1%3A0/invoke", json!({"message": "a"}), Family::CommandR),
            ("/model/cohere.embed-english-v3/invoke", json!({"texts": ["a"]}), Family::Embeddings),
            ("/model/cohere.rerank-v3-5%3A0/invoke", json!({"query": "a", "documents": []}), Family::Rerank),
            ("/endpoints/e/invocations", json!({"inputs": "a"}), Family::Tgi),
            ("/endpoints/e/invocations", json!({"inputs": ["a"], "parameters": {}}), Family::Tgi),
            ("/endpoints/e/invocations", json!({"inputs": ["a"]}), Family::Embeddings),
            ("/endpoints/my-embedder/invocations", json!({"inputs": "a"}), Family::Embeddings),
            ("/endpoints/e/invocations", json!({"inputs": [{"name": "x"}]}), Family::Other),
            ("/endpoints/e/invocations", json!({"messages": []}), Family::Chat),
            ("/endpoints/e/invocations", json!({"instances": ["a"]}), Family::Predictions),
        ] {
            assert_eq!(read(path, &body).unwrap().family, family, "{path}");
        }
    }

    #[test]
    fn the_last_user_text_is_found_in_every_shape() {
        let result = json!([{"toolResult": {"content": [{"json": {"x": 1}}, {"text": "t"}]}}]);
        for (body, expected) in [
            (user(json!("a")), "a"),
            (user(json!([{"text": "a"}, {"image": {}}, {"text": "b"}])), "a\nb"),
            (user(json!([{"guardContent": {"text": {"text": "a"}}}])), "a"),
            (user(result), "{\"x\":1}\nt"),
            (user(json!([{"type": "tool_result", "content": "done"}])), "done"),
            (user(json!(7)), ""),
            (json!({"prompt": "p"}), "p"),
            (json!({"inputText": "t"}), "t"),
            (json!({"inputs": [[{"role": "user", "content": "d"}]]}), "d"),
            (json!({"texts": ["a", "b"]}), "a\nb"),
            (json!({"message": "again", "tool_results": [{"outputs": [{"x": "done"}]}]}), "done"),
            (json!({"messages": [{"role": "user", "content": "a"}, {"role": "tool", "content": "r"}]}), "r"),
            (json!({"input": {"textPrompt": {"text": "o"}}}), "o"),
            (json!({"inputs": [{"content": {"document": "f"}}]}), "f"),
            (json!({"messages": []}), ""),
            (json!({}), ""),
        ] {
            assert_eq!(last_user_text(BodyShape::Native, &body), expected, "{body}");
        }
    }

    #[test]
    fn responses_and_plain_json_have_their_own_turns() {
        let input = json!({"input": [
            {"role": "user", "content": [{"type": "input_text", "text": "a"}]},
            {"type": "function_call_output", "call_id": "c", "output": "done"}
        ]});
        assert_eq!(last_user_text(BodyShape::Responses, &input), "done");
        assert_eq!(last_user_text(BodyShape::Responses, &json!({"input": "b"})), "b");
        assert_eq!(last_user_text(BodyShape::Json, &json!({"a": {"b": "x"}, "c": ["y"]})), "x\ny");
    }

    #[test]
    fn a_body_of_bytes_is_its_own_text() {
        let target = route("POST", b"/endpoints/e/invocations", None).unwrap();
        let prompt = Prompt::read(&target, &HeaderMap::new(), b"1.5,hello\n").unwrap();
        assert!(prompt.family == Family::Table && prompt.last_user_text == "1.5,hello\n");
        let prompt = Prompt::read(&target, &HeaderMap::new(), b"\xff").unwrap();
        assert!(prompt.family == Family::Other && prompt.body.is_null());
    }

    #[test]
    fn text_of_system_and_messages_is_counted_and_nothing_else() {
        for (body, expected) in [
            (json!({"system": [{"text": "abc"}], "messages": [{"content": [{"text": "de"}]}]}), 5),
            (json!({"system": "abc", "messages": [{"role": "user", "content": "de"}]}), 5),
            (json!({"prompt": "abcd", "max_gen_len": 5}), 4),
            (json!({"anthropic_version": "x", "tools": [{"name": "t", "description": "d"}]}), 0),
        ] {
            assert_eq!(text_bytes(&body, false), expected, "{body}");
        }
    }

    #[test]
    fn limits_and_guardrails_are_read() {
        let converse = "/model/m/converse";
        let body =
            json!({"inferenceConfig": {"maxTokens": 9}, "guardrailConfig": {"guardrailIdentifier": "g1"}});
        let prompt = read(converse, &body).unwrap();
        assert_eq!((prompt.max_tokens, prompt.guardrail.as_deref()), (Some(9), Some("g1")));
        let prompt = read("/model/m/invoke", &json!({"max_gen_len": 8})).unwrap();
        assert_eq!((prompt.max_tokens, prompt.guardrail), (Some(8), None));
    }

    #[test]
    fn a_body_that_is_no_object_is_refused() {
        for body in [json!([]), json!("text"), json!(null)] {
            assert!(read("/model/m/converse", &body).is_none());
        }
        let target = route("POST", b"/model/m/converse", None).unwrap();
        assert!(Prompt::read(&target, &HeaderMap::new(), b"{\"a\":").is_none());
        assert!(Prompt::read(&target, &HeaderMap::new(), b"").is_none());
    }
}
