//! What a request asks, as far as the simulator cares: the last user text, how much text there is, the token
//! limit and the guardrail. It reads leniently and checks next to nothing; it is no model of what AWS
//! validates.

use std::hash::{DefaultHasher, Hash, Hasher};

use http::HeaderMap;
use serde_json::Value;

use hardpan_inference::operation::Target;

/// Request header that names the guardrail for the InvokeModel operations.
const GUARDRAIL_HEADER: &str = "x-amzn-bedrock-guardrailidentifier";

/// Which body shape is read and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Converse,
    Anthropic,
    Nova,
    /// Everything else, answered in Llama's shape.
    Generation,
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
    /// Same request, same seed: everything that looks random in an answer derives from it.
    pub(crate) seed: u64,
}

impl Prompt {
    /// None when the body is not a JSON object.
    pub(crate) fn read(target: &Target, headers: &HeaderMap, body: &[u8]) -> Option<Prompt> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let members = body.as_object()?;
        let family = Family::of(target, &body);
        let last_user_text = last_user_text(&body);
        let mut hasher = DefaultHasher::new();
        last_user_text.hash(&mut hasher);
        members.get("messages").and_then(Value::as_array).map(Vec::len).hash(&mut hasher);
        Some(Prompt {
            family,
            text_bytes: text_bytes(&body, false),
            max_tokens: max_tokens(family, &body),
            guardrail: guardrail(target, headers, &body),
            seed: hasher.finish(),
            last_user_text,
        })
    }
}

impl Family {
    fn of(target: &Target, body: &Value) -> Family {
        let model = target.model.as_str();
        if target.operation.is_converse() {
            Family::Converse
        } else if model.contains("anthropic.") || body.get("anthropic_version").is_some() {
            // An ARN may hide the model; Anthropic's bodies give themselves away.
            Family::Anthropic
        } else if model.contains("amazon.nova") {
            Family::Nova
        } else {
            Family::Generation
        }
    }
}

fn last_user_text(body: &Value) -> String {
    let Some(messages) = body.get("messages").and_then(Value::as_array) else {
        let prompt = ["prompt", "inputText", "message"].iter().find_map(|name| body.get(*name)?.as_str());
        return prompt.unwrap_or_default().to_owned();
    };
    messages
        .iter()
        .rfind(|message| message.get("role").and_then(Value::as_str) == Some("user"))
        .and_then(|message| message.get("content"))
        .map(content_text)
        .unwrap_or_default()
}

/// The texts of one message. Tool results speak only where the user said nothing, and the search never goes
/// back to an earlier message: a directive that called a tool must not call it again when the result comes
/// in.
fn content_text(content: &Value) -> String {
    if let Some(text) = content.as_str() {
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
fn text_bytes(value: &Value, is_text: bool) -> u64 {
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
    matches!(name, "text" | "content" | "system" | "prompt" | "inputText" | "message")
}

fn max_tokens(family: Family, body: &Value) -> Option<u64> {
    let number = |pointer: &str| body.pointer(pointer).and_then(Value::as_u64);
    match family {
        Family::Converse => number("/inferenceConfig/maxTokens"),
        Family::Nova => {
            number("/inferenceConfig/maxTokens").or_else(|| number("/inferenceConfig/max_new_tokens"))
        }
        Family::Anthropic => number("/max_tokens"),
        Family::Generation => {
            ["/max_gen_len", "/max_tokens", "/max_completion_tokens", "/textGenerationConfig/maxTokenCount"]
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
        let target = route("POST", path.as_bytes()).unwrap();
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
            (json!({"messages": []}), ""),
            (json!({}), ""),
        ] {
            assert_eq!(last_user_text(&body), expected, "{body}");
        }
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
        let target = route("POST", b"/model/m/converse").unwrap();
        assert!(Prompt::read(&target, &HeaderMap::new(), b"{\"a\":").is_none());
        assert!(Prompt::read(&target, &HeaderMap::new(), b"").is_none());
    }
}
