//! One streamed event, understood: which text it adds to, where a tool call begins and ends, what it says of usage.
//!
//! Converse names the kind of an event in a frame header; InvokeModel wraps the provider's own JSON in a `chunk`.
//! Both become the same [`Event`] here.

use super::answer::{hour_writes, service_tier, usage};
use crate::json::{Document, JsonError, JsonLimits, Kind, ValueId};
use crate::request::Dialect;
use crate::usage::{TokenUsage, Tokens};

/// Deltas of one lane concatenate to one text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Text of a content block.
    Block(u64),
    /// A string at the same place in every chunk of a family without codec.
    Path(String),
}

/// A string of the event that continues a lane.
#[derive(Debug, Clone)]
pub struct TextDelta {
    pub lane: Lane,
    pub value: ValueId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// `arguments` holds what already stands in the start, which is nothing as a rule.
    ToolStart {
        block: u64,
        id: String,
        name: String,
        arguments: String,
    },
    /// A fragment of a call's JSON arguments.
    ToolInput {
        block: u64,
        fragment: String,
    },
    BlockStop {
        block: u64,
    },
    /// Carries where the stop reason stands.
    Stop {
        reason: String,
        value: ValueId,
    },
    Other,
}

pub struct Event<'a> {
    pub document: Document<'a>,
    pub kind: EventKind,
    pub texts: Vec<TextDelta>,
    pub usage: Option<TokenUsage>,
    /// Cache writes kept for an hour, which only the first event of some streams tells apart.
    pub hour_writes: Option<Tokens>,
    pub guardrail_intervened: bool,
    pub service_tier: Option<String>,
    /// The stream's last event: what came is whole.
    pub is_last: bool,
}

impl<'a> Event<'a> {
    /// Reads an event's JSON. `event_type` is the frame header of a Converse stream and ignored otherwise.
    pub fn parse(
        dialect: Dialect,
        event_type: &str,
        json: &'a [u8],
        limits: JsonLimits,
    ) -> Result<Self, JsonError> {
        let document = Document::parse(json, limits)?;
        let root = document.root();
        let mut event = Event {
            kind: EventKind::Other,
            texts: Vec::new(),
            usage: None,
            hour_writes: None,
            guardrail_intervened: false,
            service_tier: None,
            is_last: false,
            document,
        };
        match dialect {
            Dialect::Converse => event.converse(event_type, root),
            Dialect::Nova => {
                let members: Vec<(String, ValueId)> = event
                    .document
                    .members(root)
                    .filter_map(|(name, value)| Some((event.document.string(name)?.into_owned(), value)))
                    .collect();
                for (name, value) in members {
                    event.converse(&name, value);
                }
                event.metrics(root);
            }
            Dialect::Anthropic => event.anthropic(root),
            Dialect::Opaque => event.opaque(root),
        }
        Ok(event)
    }

    fn converse(&mut self, event_type: &str, holder: ValueId) {
        let document = &self.document;
        let block = document.get(holder, "contentBlockIndex").and_then(|id| document.u64(id)).unwrap_or(0);
        match event_type {
            "contentBlockStart" => {
                if let Some(call) = document.path(holder, &["start", "toolUse"]) {
                    self.kind = EventKind::ToolStart {
                        block,
                        id: document.string_at(call, &["toolUseId"]).unwrap_or_default().into_owned(),
                        name: document.string_at(call, &["name"]).unwrap_or_default().into_owned(),
                        arguments: filled(document, document.get(call, "input")),
                    };
                }
            }
            "contentBlockDelta" => {
                if let Some(fragment) = document.string_at(holder, &["delta", "toolUse", "input"]) {
                    self.kind = EventKind::ToolInput { block, fragment: fragment.into_owned() };
                } else if let Some(value) = document.path(holder, &["delta", "text"]) {
                    self.texts.push(TextDelta { lane: Lane::Block(block), value });
                }
            }
            "contentBlockStop" => self.kind = EventKind::BlockStop { block },
            "messageStop" => self.stop(document.get(holder, "stopReason")),
            "metadata" => {
                self.usage = usage(document, holder);
                self.service_tier = service_tier(document, holder);
                self.is_last = true;
            }
            _ => {}
        }
    }

    fn anthropic(&mut self, root: ValueId) {
        let document = &self.document;
        let block = document.get(root, "index").and_then(|id| document.u64(id)).unwrap_or(0);
        let lane = || Lane::Block(block);
        match document.string_at(root, &["type"]).unwrap_or_default().as_ref() {
            "content_block_start" => match document.string_at(root, &["content_block", "type"]).as_deref() {
                Some("tool_use") => {
                    self.kind = EventKind::ToolStart {
                        block,
                        id: document
                            .string_at(root, &["content_block", "id"])
                            .unwrap_or_default()
                            .into_owned(),
                        name: document
                            .string_at(root, &["content_block", "name"])
                            .unwrap_or_default()
                            .into_owned(),
                        arguments: filled(document, document.path(root, &["content_block", "input"])),
                    };
                }
                Some("text") => {
                    let value = document.path(root, &["content_block", "text"]);
                    self.texts.extend(value.map(|value| TextDelta { lane: lane(), value }));
                }
                _ => {}
            },
            "content_block_delta" => {
                if let Some(fragment) = document.string_at(root, &["delta", "partial_json"]) {
                    self.kind = EventKind::ToolInput { block, fragment: fragment.into_owned() };
                } else if let Some(value) = document.path(root, &["delta", "text"]) {
                    self.texts.push(TextDelta { lane: lane(), value });
                }
            }
            "content_block_stop" => self.kind = EventKind::BlockStop { block },
            "message_delta" => {
                let reason = document.path(root, &["delta", "stop_reason"]);
                self.stop(reason);
            }
            "message_start" => {
                let usage = document.path(root, &["message", "usage"]);
                self.hour_writes = usage.and_then(|usage| hour_writes(document, usage));
            }
            "message_stop" => self.is_last = true,
            _ => {}
        }
        self.metrics(root);
    }

    fn opaque(&mut self, root: ValueId) {
        let mut texts = Vec::new();
        strings_by_path(&self.document, root, &mut String::new(), &mut texts);
        self.texts = texts;
        self.metrics(root);
    }

    fn metrics(&mut self, root: ValueId) {
        if self.document.get(root, "amazon-bedrock-invocationMetrics").is_some() {
            self.usage = usage(&self.document, root);
            self.is_last = true;
        }
        let action = self.document.string_at(root, &["amazon-bedrock-guardrailAction"]);
        self.guardrail_intervened |= action.is_some_and(|action| action == "INTERVENED");
    }

    fn stop(&mut self, reason: Option<ValueId>) {
        let Some(value) = reason else { return };
        let Some(reason) = self.document.string(value) else { return };
        self.guardrail_intervened |= reason == "guardrail_intervened";
        self.kind = EventKind::Stop { reason: reason.into_owned(), value };
    }
}

/// Events that put a text in the place of a refused call: one delta, in the stream's own shape. The block's stop
/// event follows as it came.
pub fn text_delta(dialect: Dialect, block: u64, text: &str) -> (Option<String>, String) {
    let text = crate::json::quote(text);
    match dialect {
        Dialect::Converse => {
            (None, format!("{{\"contentBlockIndex\":{block},\"delta\":{{\"text\":{text}}}}}"))
        }
        Dialect::Nova | Dialect::Opaque => (
            None,
            format!(
                "{{\"contentBlockDelta\":{{\"delta\":{{\"text\":{text}}},\"contentBlockIndex\":{block}}}}}"
            ),
        ),
        Dialect::Anthropic => (
            Some(format!(
                "{{\"type\":\"content_block_start\",\"index\":{block},\"content_block\":{{\"type\":\"text\",\"text\":\"\"}}}}"
            )),
            format!(
                "{{\"type\":\"content_block_delta\",\"index\":{block},\"delta\":{{\"type\":\"text_delta\",\"text\":{text}}}}}"
            ),
        ),
    }
}

/// One event that carries a call's whole arguments, in the stream's own shape.
pub fn tool_input_delta(dialect: Dialect, block: u64, arguments: &str) -> String {
    let arguments = crate::json::quote(arguments);
    match dialect {
        Dialect::Converse => {
            format!("{{\"contentBlockIndex\":{block},\"delta\":{{\"toolUse\":{{\"input\":{arguments}}}}}}}")
        }
        Dialect::Nova | Dialect::Opaque => format!(
            "{{\"contentBlockDelta\":{{\"delta\":{{\"toolUse\":{{\"input\":{arguments}}}}},\"contentBlockIndex\":{block}}}}}"
        ),
        Dialect::Anthropic => format!(
            "{{\"type\":\"content_block_delta\",\"index\":{block},\"delta\":{{\"type\":\"input_json_delta\",\"partial_json\":{arguments}}}}}"
        ),
    }
}

/// The raw JSON of arguments that are there already; empty for none and for an empty object.
fn filled(document: &Document<'_>, input: Option<ValueId>) -> String {
    let input = input.filter(|input| document.members(*input).next().is_some());
    input.map(|input| document.raw(input).to_owned()).unwrap_or_default()
}

fn strings_by_path(document: &Document<'_>, id: ValueId, path: &mut String, out: &mut Vec<TextDelta>) {
    let length = path.len();
    match document.kind(id) {
        Kind::String => out.push(TextDelta { lane: Lane::Path(path.clone()), value: id }),
        Kind::Object => {
            for (key, value) in document.members(id) {
                path.push('/');
                path.push_str(document.raw(key));
                strings_by_path(document, value, path, out);
                path.truncate(length);
            }
        }
        Kind::Array => {
            for (index, value) in document.elements(id).enumerate() {
                path.push_str(&format!("/{index}"));
                strings_by_path(document, value, path, out);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<'a>(dialect: Dialect, event_type: &str, json: &'a str) -> Event<'a> {
        Event::parse(dialect, event_type, json.as_bytes(), JsonLimits::default()).unwrap()
    }

    #[test]
    fn the_three_families_say_the_same_in_their_own_words() {
        let start =
            EventKind::ToolStart { block: 1, id: "t".into(), name: "f".into(), arguments: String::new() };
        let input = EventKind::ToolInput { block: 1, fragment: "{\"a".into() };
        let stop = EventKind::BlockStop { block: 1 };
        for (dialect, event_type, json, expected) in [
            (
                Dialect::Converse,
                "contentBlockStart",
                r#"{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}"#,
                &start,
            ),
            (
                Dialect::Nova,
                "chunk",
                r#"{"contentBlockStart":{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}}"#,
                &start,
            ),
            (
                Dialect::Anthropic,
                "chunk",
                r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
                &start,
            ),
            (
                Dialect::Converse,
                "contentBlockDelta",
                r#"{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{\"a"}}}"#,
                &input,
            ),
            (
                Dialect::Anthropic,
                "chunk",
                r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a"}}"#,
                &input,
            ),
            (Dialect::Converse, "contentBlockStop", r#"{"contentBlockIndex":1,"p":"ab"}"#, &stop),
            (Dialect::Anthropic, "chunk", r#"{"type":"content_block_stop","index":1}"#, &stop),
        ] {
            assert_eq!(&parse(dialect, event_type, json).kind, expected, "{json}");
        }
    }

    #[test]
    fn built_events_read_back() {
        for dialect in [Dialect::Converse, Dialect::Nova, Dialect::Anthropic] {
            let (_, delta) = text_delta(dialect, 2, "a \"b\"");
            let event = parse(dialect, "contentBlockDelta", &delta);
            assert_eq!(event.texts[0].lane, Lane::Block(2));
            assert_eq!(event.document.string(event.texts[0].value).unwrap(), "a \"b\"");
            let input = tool_input_delta(dialect, 2, "{\"x\":1}");
            let event = parse(dialect, "contentBlockDelta", &input);
            assert_eq!(event.kind, EventKind::ToolInput { block: 2, fragment: "{\"x\":1}".into() });
        }
    }

    #[test]
    fn usage_comes_from_the_last_event() {
        let event = parse(
            Dialect::Converse,
            "metadata",
            r#"{"usage":{"inputTokens":3,"outputTokens":4,"totalTokens":7},"metrics":{"latencyMs":1}}"#,
        );
        assert_eq!(event.usage.unwrap().output, Tokens(4));
        assert!(event.is_last);
        let event = parse(
            Dialect::Opaque,
            "chunk",
            r#"{"generation":"","amazon-bedrock-invocationMetrics":{"inputTokenCount":8,"outputTokenCount":4}}"#,
        );
        assert_eq!(event.usage.unwrap().input, Tokens(8));
        assert!(event.is_last);
    }
}
