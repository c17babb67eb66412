//! A whole answer: the tool calls it proposes, its stop reason, its usage, and the texts a value may be restored in.

use super::texts::Collector;
use crate::edit::Edit;
use crate::finding::Channel;
use crate::json::{Document, JsonError, JsonLimits, ValueId, quote};
use crate::request::Dialect;
use crate::usage::{TokenUsage, Tokens};

/// One proposed call in an answer.
#[derive(Debug, Clone)]
pub struct ToolCall {
    /// The content block that holds the call.
    pub block: ValueId,
    pub id: String,
    pub name: String,
    pub input: Option<ValueId>,
}

pub struct Answer<'a> {
    pub document: Document<'a>,
    pub dialect: Dialect,
    pub tool_calls: Vec<ToolCall>,
    pub stop_reason: Option<String>,
    pub usage: Option<TokenUsage>,
    /// What Bedrock Guardrails did, where the body says so.
    pub guardrail_intervened: bool,
    /// The service tier that was really used.
    pub service_tier: Option<String>,
    stop_reason_value: Option<ValueId>,
}

impl<'a> Answer<'a> {
    pub fn parse(dialect: Dialect, body: &'a [u8], limits: JsonLimits) -> Result<Self, JsonError> {
        let document = Document::parse(body, limits)?;
        let root = document.root();
        let stop_reason_value = match dialect {
            Dialect::Converse | Dialect::Nova => document.get(root, "stopReason"),
            Dialect::Anthropic | Dialect::Opaque => document.get(root, "stop_reason"),
        };
        let stop_reason =
            stop_reason_value.and_then(|id| document.string(id)).map(std::borrow::Cow::into_owned);
        let action = document.string_at(root, &["amazon-bedrock-guardrailAction"]);
        let guardrail_intervened = action.is_some_and(|action| action == "INTERVENED")
            || stop_reason.as_deref() == Some("guardrail_intervened");
        Ok(Self {
            dialect,
            tool_calls: tool_calls(dialect, &document),
            usage: usage(&document, root),
            service_tier: service_tier(&document, root),
            stop_reason,
            guardrail_intervened,
            stop_reason_value,
            document,
        })
    }

    /// Texts in which a masked value is put back: all but reasoning, which the model signs.
    pub fn restorable(&self) -> Vec<ValueId> {
        let mut collector = Collector::new(&self.document);
        collector.values(self.document.root(), Channel::Assistant);
        let signed: Vec<ValueId> =
            self.content().filter(|block| is_reasoning(&self.document, *block)).collect();
        // The names of a call's arguments are as much the model's words as their values.
        let inputs: Vec<ValueId> = self.tool_calls.iter().filter_map(|call| call.input).collect();
        let names = inputs.into_iter().flat_map(|input| self.document.descendants(input));
        let names = names.filter(|id| self.document.is_key(*id));
        let texts = collector.texts.into_iter().map(|text| text.value).chain(names);
        texts.filter(|text| !signed.iter().any(|block| self.document.contains(*block, *text))).collect()
    }

    /// The changes that put a text in place of a refused call and keep the stop reason true.
    pub fn replace_calls(&self, refused: &[(ValueId, String)]) -> Vec<Edit> {
        let mut edits: Vec<Edit> = refused
            .iter()
            .map(|(block, text)| Edit::replace(self.document.range(*block), text_block(self.dialect, text)))
            .collect();
        let none_left = !refused.is_empty() && refused.len() == self.tool_calls.len();
        if let (true, Some(value), Some("tool_use")) =
            (none_left, self.stop_reason_value, self.stop_reason.as_deref())
        {
            edits.push(Edit::replace(self.document.range(value), quote("end_turn")));
        }
        edits
    }

    fn content(&self) -> impl Iterator<Item = ValueId> + '_ {
        let content = content(self.dialect, &self.document);
        content.into_iter().flat_map(|content| self.document.elements(content))
    }
}

/// A text block in the answer's own shape.
fn text_block(dialect: Dialect, text: &str) -> String {
    match dialect {
        Dialect::Anthropic => format!("{{\"type\":\"text\",\"text\":{}}}", quote(text)),
        Dialect::Converse | Dialect::Nova | Dialect::Opaque => format!("{{\"text\":{}}}", quote(text)),
    }
}

fn content(dialect: Dialect, document: &Document<'_>) -> Option<ValueId> {
    match dialect {
        Dialect::Converse | Dialect::Nova => {
            document.path(document.root(), &["output", "message", "content"])
        }
        Dialect::Anthropic => document.get(document.root(), "content"),
        Dialect::Opaque => None,
    }
}

fn is_reasoning(document: &Document<'_>, block: ValueId) -> bool {
    document.get(block, "reasoningContent").is_some()
        || document.string_at(block, &["type"]).is_some_and(|kind| kind.ends_with("thinking"))
}

fn tool_calls(dialect: Dialect, document: &Document<'_>) -> Vec<ToolCall> {
    let blocks = content(dialect, document).into_iter().flat_map(|content| document.elements(content));
    blocks
        .filter_map(|block| {
            let (call, id) = match dialect {
                Dialect::Anthropic => {
                    let kind = document.string_at(block, &["type"])?;
                    (kind == "tool_use").then_some((block, "id"))?
                }
                _ => (document.get(block, "toolUse")?, "toolUseId"),
            };
            Some(ToolCall {
                block,
                id: document.string_at(call, &[id]).unwrap_or_default().into_owned(),
                name: document.string_at(call, &["name"]).unwrap_or_default().into_owned(),
                input: document.get(call, "input"),
            })
        })
        .collect()
}

pub(super) fn service_tier(document: &Document<'_>, holder: ValueId) -> Option<String> {
    document.string_at(holder, &["serviceTier", "type"]).map(std::borrow::Cow::into_owned)
}

/// Usage under every name the service and its model families give it (Bedrock API reference, `TokenUsage`;
/// Anthropic, Nova, Llama and Titan response bodies; the invocation metrics of a stream's last chunk).
pub(super) fn usage(document: &Document<'_>, root: ValueId) -> Option<TokenUsage> {
    let count = |holder: ValueId, names: &[&str]| {
        names.iter().find_map(|name| document.u64(document.get(holder, name)?)).map(Tokens)
    };
    if let Some(holder) = document.get(root, "amazon-bedrock-invocationMetrics") {
        return Some(TokenUsage {
            input: count(holder, &["inputTokenCount"])?,
            output: count(holder, &["outputTokenCount"]).unwrap_or_default(),
            cache_read: count(holder, &["cacheReadInputTokenCount"]).unwrap_or_default(),
            cache_write_5m: count(holder, &["cacheWriteInputTokenCount"]).unwrap_or_default(),
            cache_write_1h: Tokens(0),
        });
    }
    if let Some(holder) = document.get(root, "usage") {
        let input = count(holder, &["inputTokens", "input_tokens", "prompt_tokens"]);
        let output = count(holder, &["outputTokens", "output_tokens", "completion_tokens"]);
        if input.is_none() && output.is_none() {
            return None;
        }
        let written = count(
            holder,
            &["cacheWriteInputTokens", "cacheWriteInputTokenCount", "cache_creation_input_tokens"],
        )
        .unwrap_or_default();
        let one_hour = hour_writes(document, holder).unwrap_or_default();
        return Some(TokenUsage {
            input: input.unwrap_or_default(),
            output: output.unwrap_or_default(),
            cache_read: count(
                holder,
                &["cacheReadInputTokens", "cacheReadInputTokenCount", "cache_read_input_tokens"],
            )
            .unwrap_or_default(),
            cache_write_5m: Tokens(written.0.saturating_sub(one_hour.0)),
            cache_write_1h: one_hour,
        });
    }
    let input = count(root, &["prompt_token_count", "inputTextTokenCount"]);
    let output = count(root, &["generation_token_count", "totalOutputTextTokenCount"]).or_else(|| {
        let results = document.get(root, "results")?;
        let counts = document.elements(results).filter_map(|result| count(result, &["tokenCount"]));
        Some(counts.fold(Tokens(0), |sum, tokens| sum + tokens))
    });
    input.map(|input| TokenUsage { input, output: output.unwrap_or_default(), ..TokenUsage::default() })
}

/// The part of the cache writes kept for an hour, which costs more.
pub(super) fn hour_writes(document: &Document<'_>, usage: ValueId) -> Option<Tokens> {
    if let Some(creation) = document.get(usage, "cache_creation") {
        return document.u64(document.get(creation, "ephemeral_1h_input_tokens")?).map(Tokens);
    }
    let details = document.get(usage, "cacheDetails")?;
    let hours = document
        .elements(details)
        .filter(|detail| document.string_at(*detail, &["ttl"]).is_some_and(|ttl| ttl == "1h"))
        .filter_map(|detail| document.u64(document.get(detail, "inputTokens")?));
    Some(Tokens(hours.sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(dialect: Dialect, body: &str) -> Answer<'_> {
        Answer::parse(dialect, body.as_bytes(), JsonLimits::default()).unwrap()
    }

    const CONVERSE: &str = r#"{"output":{"message":{"role":"assistant","content":[{"text":"t"},
        {"reasoningContent":{"reasoningText":{"text":"r","signature":"s"}}},
        {"toolUse":{"toolUseId":"1","name":"f","input":{"a":"b"}}},
        {"toolUse":{"toolUseId":"2","name":"g","input":{}}}]}},"stopReason":"tool_use",
        "usage":{"inputTokens":30,"outputTokens":12,"totalTokens":42,"cacheReadInputTokens":4,"cacheWriteInputTokens":9,
        "cacheDetails":[{"ttl":"1h","inputTokens":5},{"ttl":"5m","inputTokens":4}]}}"#;

    #[test]
    fn calls_usage_and_restorable_texts_are_found() {
        let answer = parse(Dialect::Converse, CONVERSE);
        let names: Vec<&str> = answer.tool_calls.iter().map(|call| call.name.as_str()).collect();
        assert_eq!(names, ["f", "g"]);
        assert_eq!(answer.document.raw(answer.tool_calls[0].input.unwrap()), r#"{"a":"b"}"#);
        let usage = answer.usage.unwrap();
        assert_eq!((usage.cache_write_5m, usage.cache_write_1h), (Tokens(4), Tokens(5)));
        let texts: Vec<String> =
            answer.restorable().iter().map(|id| answer.document.string(*id).unwrap().into_owned()).collect();
        assert!(texts.contains(&"t".to_owned()) && texts.contains(&"b".to_owned()));
        assert!(!texts.contains(&"r".to_owned()));
    }

    #[test]
    fn a_refused_call_becomes_text_and_the_rest_stays() {
        let answer = parse(Dialect::Converse, CONVERSE);
        let one = vec![(answer.tool_calls[1].block, "[no] \"g\"".to_owned())];
        let changed = crate::edit::apply(CONVERSE.as_bytes(), answer.replace_calls(&one)).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&changed).unwrap();
        assert_eq!(value.pointer("/output/message/content/3/text").unwrap(), "[no] \"g\"");
        assert_eq!(value.pointer("/stopReason").unwrap(), "tool_use");
        let both: Vec<_> = answer.tool_calls.iter().map(|call| (call.block, "no".to_owned())).collect();
        let changed = crate::edit::apply(CONVERSE.as_bytes(), answer.replace_calls(&both)).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&changed).unwrap();
        assert_eq!(value.pointer("/stopReason").unwrap(), "end_turn");
    }

    #[test]
    fn usage_is_read_from_every_family() {
        for (dialect, body, input, output) in [
            (
                Dialect::Anthropic,
                r#"{"usage":{"input_tokens":3,"output_tokens":4,"cache_creation_input_tokens":0}}"#,
                3,
                4,
            ),
            (Dialect::Nova, r#"{"usage":{"inputTokens":3,"outputTokens":4}}"#, 3, 4),
            (
                Dialect::Opaque,
                r#"{"generation":"x","prompt_token_count":3,"generation_token_count":4}"#,
                3,
                4,
            ),
            (
                Dialect::Opaque,
                r#"{"inputTextTokenCount":3,"results":[{"tokenCount":1},{"tokenCount":3}]}"#,
                3,
                4,
            ),
            (Dialect::Opaque, r#"{"usage":{"prompt_tokens":3,"completion_tokens":4}}"#, 3, 4),
        ] {
            let usage = parse(dialect, body).usage.unwrap();
            assert_eq!((usage.input, usage.output), (Tokens(input), Tokens(output)), "{body}");
        }
        assert!(parse(Dialect::Opaque, r#"{"usage":{}}"#).usage.is_none());
    }
}
