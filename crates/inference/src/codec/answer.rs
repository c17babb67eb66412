//! A whole answer: the tool calls it proposes, its stop reason, its usage, and the texts a value may be restored in.
//! Calls are read in every shape that stands there, whatever dialect the request was taken for: who writes a request
//! does not choose how its answer is read. Streams are read elsewhere.

use std::borrow::Cow;
use std::collections::HashSet;

use super::beside::{guardrail_units, pictures_made};
use super::cut;
use super::event_change::message_item;
use super::opaque::is_filled;
use super::shape::{list, word};
use super::texts::{Collector, is_signed};
use crate::edit::Edit;
use crate::finding::Channel;
use crate::json::{Document, JsonError, JsonLimits, Kind, ValueId, escape, quote};
use crate::request::Dialect;
use crate::usage::{GuardrailUnits, TokenUsage};

pub(super) use super::usage::{hour_writes, service_tier, usage};

/// One proposed call in an answer.
#[derive(Clone)]
pub struct ToolCall {
    /// The content block that holds the call.
    pub block: ValueId,
    pub id: String,
    pub name: String,
    /// The arguments' JSON, taken out of the string where the dialect wraps it in one.
    pub arguments: String,
    /// Where the arguments stand: a JSON value, or a string with JSON in it.
    pub input: Option<ValueId>,
}

/// A text of an answer in which a masked value is put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restorable {
    pub value: ValueId,
    /// The member name the text stands under; None for a name.
    pub key: Option<ValueId>,
    /// The text is a part of a call's arguments, or all of them.
    pub in_call: bool,
    /// The string itself holds JSON, so that a value is escaped for a JSON string before it is edited in.
    pub nested_json: bool,
}

pub struct Answer<'a> {
    pub document: Document<'a>,
    /// The request's dialect, or that of the calls the answer shows.
    pub dialect: Dialect,
    pub tool_calls: Vec<ToolCall>,
    /// Calls stand here in two shapes, so that two readers would carry out different ones. Not all of them can be
    /// replaced: such an answer is refused as a whole.
    pub ambiguous_calls: bool,
    /// The answer holds calls in a spelling whose names or arguments are not known here. They are not all among
    /// `tool_calls`.
    pub unreadable_calls: bool,
    pub stop_reason: Option<String>,
    pub usage: Option<TokenUsage>,
    /// What Bedrock Guardrails did, where the body says so.
    pub guardrail_intervened: bool,
    /// The units guardrails counted, where the body says so.
    pub guardrail_units: Option<GuardrailUnits>,
    /// Pictures the model made.
    pub pictures_made: u64,
    /// The service tier that was really used.
    pub service_tier: Option<String>,
    stop_reason_value: Option<ValueId>,
}

impl<'a> Answer<'a> {
    pub fn parse(dialect: Dialect, body: &'a [u8], limits: JsonLimits) -> Result<Self, JsonError> {
        let document = Document::parse(body, limits)?;
        let root = document.root();
        let Proposals { dialect, calls, ambiguous, unreadable } = Proposals::of(dialect, &document);
        let stop_reason_value = stop_reason_value(dialect, &document);
        let stop_reason = stop_reason_value.and_then(|id| document.string(id)).map(Cow::into_owned);
        let intervened = ["amazon-bedrock-guardrailAction", "guardrailAction"]
            .into_iter()
            .filter_map(|name| document.string_at(root, &[name]))
            .any(|action| matches!(&*action, "INTERVENED" | "GUARDRAIL_INTERVENED"));
        Ok(Self {
            dialect,
            tool_calls: calls,
            ambiguous_calls: ambiguous,
            unreadable_calls: unreadable,
            usage: usage(&document, root),
            service_tier: service_tier(&document, root),
            guardrail_units: guardrail_units(&document, root),
            pictures_made: pictures_made(dialect, &document, root),
            guardrail_intervened: intervened || stop_reason.as_deref() == Some("guardrail_intervened"),
            stop_reason,
            stop_reason_value,
            document,
        })
    }

    /// Texts in which a masked value is put back: all but reasoning, which the model signs.
    pub fn restorable(&self) -> Vec<Restorable> {
        let mut collector = Collector::new(&self.document);
        collector.values(self.document.root(), Channel::Assistant);
        let signed = self.signed();
        let inputs: HashSet<ValueId> = self.tool_calls.iter().filter_map(|call| call.input).collect();
        // The names of a call's arguments are as much the model's words as their values.
        let calls = self.tool_calls.iter().filter_map(|call| call.input);
        let names = calls.flat_map(|input| self.document.descendants(input));
        let names = names.filter(|id| self.document.is_key(*id));
        let texts = collector.texts.into_iter().map(|text| (text.value, text.key));
        texts
            .chain(names.map(|name| (name, None)))
            .filter(|(text, _)| !signed.iter().any(|block| self.document.contains(*block, *text)))
            .map(|(value, key)| Restorable {
                value,
                key,
                in_call: inputs.iter().any(|input| self.document.contains(*input, value)),
                nested_json: inputs.contains(&value),
            })
            .collect()
    }

    /// The changes that put a text in place of a refused call and keep the stop reason true. Calls are named by
    /// their blocks.
    pub fn replace_calls(&self, refused: &[(ValueId, String)]) -> Vec<Edit> {
        if self.dialect == Dialect::OpenAiChat {
            return self.replace_chat_calls(refused);
        }
        let replacement = |block: &ValueId, text: &str| match self.dialect {
            Dialect::OpenAiResponses => message_item(&word(&self.document, *block, "id"), text),
            Dialect::Anthropic => format!("{{\"type\":\"text\",\"text\":{}}}", quote(text)),
            _ => format!("{{\"text\":{}}}", quote(text)),
        };
        let mut edits: Vec<Edit> = refused
            .iter()
            .map(|(block, text)| Edit::replace(self.document.range(*block), replacement(block, text)))
            .collect();
        let none_left = !refused.is_empty() && refused.len() == self.tool_calls.len();
        if let (true, Some(value), Some("tool_use")) =
            (none_left, self.stop_reason_value, self.stop_reason.as_deref())
        {
            edits.push(Edit::replace(self.document.range(value), quote("end_turn")));
        }
        edits
    }

    /// A chat's calls stand beside the content, choice by choice: refused ones are taken out, and what is said
    /// instead is added to the content.
    fn replace_chat_calls(&self, refused: &[(ValueId, String)]) -> Vec<Edit> {
        let document = &self.document;
        let mut edits = Vec::new();
        for choice in list(document, document.root(), "choices") {
            let Some(message) = document.get(choice, "message") else { continue };
            let Some(calls) = document.get(message, "tool_calls") else { continue };
            let elements: Vec<ValueId> = document.elements(calls).collect();
            let own: Vec<&(ValueId, String)> =
                refused.iter().filter(|(block, _)| elements.contains(block)).collect();
            if own.is_empty() {
                continue;
            }
            let texts: Vec<&str> = own.iter().map(|(_, text)| text.as_str()).collect();
            let text = texts.join("\n");
            let none_left = own.len() == elements.len();
            let content = document.get(message, "content");
            match (none_left, content) {
                // The new content takes the place of the calls, so that no comma is left over.
                (true, None) => edits.extend(self.replace_member(message, calls, "content", &quote(&text))),
                (true, Some(content)) => {
                    edits.extend(cut::members(document, message, &HashSet::from([calls])));
                    edits.push(self.appended(content, &text));
                }
                (false, content) => {
                    let gone = own.iter().map(|(block, _)| *block).collect();
                    edits.extend(cut::elements(document, calls, &gone));
                    edits.push(match content {
                        Some(content) => self.appended(content, &text),
                        None => Edit::insert(
                            document.range(message).start + 1,
                            format!("\"content\":{},", quote(&text)),
                        ),
                    });
                }
            }
            let reason = document.get(choice, "finish_reason");
            let reason =
                reason.filter(|_| none_left && word(document, choice, "finish_reason") == "tool_calls");
            edits.extend(reason.map(|reason| Edit::replace(document.range(reason), quote("stop"))));
        }
        edits
    }

    /// A member under another name with another value, where it stood.
    fn replace_member(&self, object: ValueId, member: ValueId, name: &str, value: &str) -> Option<Edit> {
        let (key, _) = self.document.members(object).find(|(_, own)| *own == member)?;
        let range = self.document.range(key).start..self.document.range(member).end;
        Some(Edit::replace(range, format!("{}:{value}", quote(name))))
    }

    /// The change that adds a text to the end of a message's content: null, a string or parts.
    fn appended(&self, content: ValueId, text: &str) -> Edit {
        let range = self.document.range(content);
        let last = range.end.saturating_sub(1);
        match self.document.kind(content) {
            Kind::String => {
                let is_empty = self.document.raw(content).len() == 2;
                let separator = if is_empty { "" } else { "\\n" };
                Edit::insert(last, format!("{separator}{}", escape(text)))
            }
            Kind::Array => {
                let comma = if self.document.elements(content).next().is_some() { "," } else { "" };
                Edit::insert(last, format!("{comma}{{\"type\":\"text\",\"text\":{}}}", quote(text)))
            }
            _ => Edit::replace(range, quote(text)),
        }
    }

    /// Blocks the model checks by a signature, or by an encrypted form of the same.
    fn signed(&self) -> Vec<ValueId> {
        let contents = BLOCK_DIALECTS.into_iter().filter_map(|dialect| content(dialect, &self.document));
        let blocks = contents.flat_map(|content| self.document.elements(content));
        blocks.filter(|block| is_reasoning(&self.document, *block)).collect()
    }
}

fn stop_reason_value(dialect: Dialect, document: &Document<'_>) -> Option<ValueId> {
    let root = document.root();
    let first = |name: &str| document.elements(document.get(root, name)?).next();
    match dialect {
        Dialect::Converse | Dialect::Nova => document.get(root, "stopReason"),
        Dialect::OpenAiChat => document.get(first("choices")?, "finish_reason"),
        Dialect::OpenAiResponses => {
            document.path(root, &["incomplete_details", "reason"]).or_else(|| document.get(root, "status"))
        }
        Dialect::CohereChat => document.get(root, "finish_reason"),
        Dialect::Anthropic | Dialect::Plain(_) | Dialect::Agent | Dialect::Opaque => document
            .get(root, "stop_reason")
            .or_else(|| document.get(first("choices")?, "finish_reason"))
            .or_else(|| document.get(first("results")?, "completionReason"))
            .or_else(|| document.get(first("generations")?, "finish_reason")),
        Dialect::Text | Dialect::Bytes => None,
    }
}

/// The list of blocks that calls and reasoning stand in.
fn content(dialect: Dialect, document: &Document<'_>) -> Option<ValueId> {
    match dialect {
        Dialect::Converse | Dialect::Nova => {
            document.path(document.root(), &["output", "message", "content"])
        }
        Dialect::Anthropic => document.get(document.root(), "content"),
        Dialect::OpenAiResponses => document.get(document.root(), "output"),
        _ => None,
    }
}

fn is_reasoning(document: &Document<'_>, block: ValueId) -> bool {
    let kind = word(document, block, "type");
    document.get(block, "reasoningContent").is_some()
        || kind.ends_with("thinking")
        || (kind == "reasoning" && is_signed(document, block, "encrypted_content"))
}

/// Dialects whose calls and reasoning stand in a list of blocks, each in a place of its own.
const BLOCK_DIALECTS: [Dialect; 3] = [Dialect::OpenAiResponses, Dialect::Anthropic, Dialect::Converse];

/// The calls an answer shows, in all shapes, and the dialect they have.
struct Proposals {
    dialect: Dialect,
    calls: Vec<ToolCall>,
    ambiguous: bool,
    unreadable: bool,
}

impl Proposals {
    fn of(dialect: Dialect, document: &Document<'_>) -> Self {
        let mut all = Self { dialect, calls: Vec::new(), ambiguous: false, unreadable: false };
        let blocks = BLOCK_DIALECTS.into_iter().map(|shape| (shape, Found::in_blocks(shape, document)));
        let mut shapes = Vec::new();
        for (shape, found) in std::iter::once((Dialect::OpenAiChat, Found::in_chat(document))).chain(blocks) {
            all.unreadable |= found.unreadable;
            if !found.calls.is_empty() {
                shapes.push(shape);
                all.calls.extend(found.calls);
            }
        }
        // Nova writes its blocks as Converse does.
        let is_own =
            |shape: &Dialect| *shape == dialect || (*shape == Dialect::Converse && dialect == Dialect::Nova);
        if let (Some(first), false) = (shapes.first(), shapes.iter().any(is_own)) {
            all.dialect = *first;
        }
        all.ambiguous = shapes.len() > 1;
        all
    }
}

/// The calls of one shape.
#[derive(Default)]
struct Found {
    calls: Vec<ToolCall>,
    unreadable: bool,
}

impl Found {
    fn in_chat(document: &Document<'_>) -> Self {
        let mut found = Self::default();
        let root = document.root();
        let has = |holder: ValueId, name: &str| {
            document.get(holder, name).is_some_and(|value| is_filled(document, value))
        };
        for choice in list(document, root, "choices") {
            // A piece of a stream in a whole answer.
            let delta = document.get(choice, "delta");
            found.unreadable |= has(choice, "tool_calls")
                || delta.is_some_and(|delta| has(delta, "tool_calls") || has(delta, "function_call"));
            let Some(message) = document.get(choice, "message") else { continue };
            // What chats had before `tool_calls`.
            let function = document.get(message, "function_call");
            found.unreadable |= function.is_some_and(|function| document.kind(function) != Kind::Null);
            let calls = document.get(message, "tool_calls");
            found.unreadable |=
                calls.is_some_and(|calls| document.kind(calls) != Kind::Array && is_filled(document, calls));
            for block in list(document, message, "tool_calls") {
                let call = chat_call(document, block);
                found.unreadable |= call.name.is_empty() || !is_function(document, block);
                found.calls.push(call);
            }
        }
        // Cohere's two spellings.
        let message = document.get(root, "message");
        found.unreadable |=
            has(root, "tool_calls") || message.is_some_and(|message| has(message, "tool_calls"));
        found
    }

    fn in_blocks(shape: Dialect, document: &Document<'_>) -> Self {
        let mut found = Self::default();
        let blocks = content(shape, document).into_iter().flat_map(|content| document.elements(content));
        for block in blocks {
            let kind = word(document, block, "type");
            match (shape, &*kind) {
                (Dialect::Anthropic, "tool_use") => {
                    found.calls.push(call(document, block, block, ("id", "input")));
                }
                (Dialect::OpenAiResponses, "function_call") => {
                    found.calls.push(call(document, block, block, ("call_id", "arguments")));
                }
                // A tool the service has run itself is no call to the caller.
                (Dialect::Anthropic, "server_tool_use") => {}
                (Dialect::Anthropic, other) => found.unreadable |= other.ends_with("tool_use"),
                (Dialect::OpenAiResponses, other) => found.unreadable |= is_other_call(other),
                _ => {
                    let holder = document.get(block, "toolUse");
                    let holder = holder.filter(|holder| document.kind(*holder) != Kind::Null);
                    found
                        .calls
                        .extend(holder.map(|holder| call(document, block, holder, ("toolUseId", "input"))));
                }
            }
        }
        found
    }
}

/// Whether a chat's call is of the kind that has a `function`. Some servers leave the kind out.
fn is_function(document: &Document<'_>, block: ValueId) -> bool {
    let kind = document.get(block, "type").filter(|kind| document.kind(*kind) != Kind::Null);
    kind.is_none_or(|kind| document.string(kind).is_some_and(|kind| kind == "function"))
}

/// Items of a response that ask for something else than a function, but for the searches and drawings the service has
/// done itself.
fn is_other_call(kind: &str) -> bool {
    match kind {
        "web_search_call" | "file_search_call" | "code_interpreter_call" | "image_generation_call" => false,
        "mcp_approval_request" => true,
        kind => kind.ends_with("_call"),
    }
}

fn chat_call(document: &Document<'_>, block: ValueId) -> ToolCall {
    let function = document.get(block, "function").unwrap_or(block);
    let id = word(document, block, "id").into_owned();
    ToolCall { id, ..call(document, block, function, ("id", "arguments")) }
}

fn call(document: &Document<'_>, block: ValueId, holder: ValueId, (id, input): (&str, &str)) -> ToolCall {
    let input = document.get(holder, input);
    let arguments = input.map(|input| match document.string(input) {
        Some(text) => text.into_owned(),
        None => document.raw(input).to_owned(),
    });
    ToolCall {
        block,
        id: word(document, holder, id).into_owned(),
        name: word(document, holder, "name").into_owned(),
        arguments: arguments.filter(|text| !text.trim().is_empty()).unwrap_or_else(|| "{}".to_owned()),
        input,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Tokens;

    fn parse(dialect: Dialect, body: &str) -> Answer<'_> {
        Answer::parse(dialect, body.as_bytes(), JsonLimits::default()).unwrap()
    }

    fn replaced(answer: &Answer<'_>, body: &str, refused: &[(ValueId, String)]) -> serde_json::Value {
        let changed = crate::edit::apply(body.as_bytes(), answer.replace_calls(refused)).unwrap();
        serde_json::from_slice(&changed).unwrap()
    }

    fn texts(answer: &Answer<'_>) -> Vec<(String, bool)> {
        let restorable = answer.restorable().into_iter();
        restorable
            .map(|text| (answer.document.string(text.value).unwrap().into_owned(), text.nested_json))
            .collect()
    }

    const CONVERSE: &str = r#"{"output":{"message":{"role":"assistant","content":[{"text":"t"},
        {"reasoningContent":{"reasoningText":{"text":"r","signature":"s"}}},
        {"toolUse":{"toolUseId":"1","name":"f","input":{"a":"b"}}},
        {"toolUse":{"toolUseId":"2","name":"g","input":{}}}]}},"stopReason":"tool_use",
        "usage":{"inputTokens":30,"outputTokens":12,"totalTokens":42,"cacheReadInputTokens":4,"cacheWriteInputTokens":9,
        "cacheDetails":[{"ttl":"1h","inputTokens":5},{"ttl":"5m","inputTokens":4}]}}"#;

    const CHAT: &str = r#"{"choices":[{"index":0,"finish_reason":"tool_calls","message":{"role":"assistant","content":null,
        "tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\":\"b\"}"}},
            {"id":"2","type":"function","function":{"name":"g","arguments":""}}]}},
        {"index":1,"finish_reason":"tool_calls","message":{"content":"said","tool_calls":[
            {"id":"3","type":"function","function":{"name":"h","arguments":"{}"}}]}},
        {"index":2,"finish_reason":"tool_calls","message":{"tool_calls":[
            {"id":"4","type":"function","function":{"name":"i","arguments":"{}"}}]}}]}"#;

    const RESPONSE: &str = r#"{"status":"completed","output":[{"type":"reasoning","summary":[{"text":"r"}],"encrypted_content":"e"},
        {"type":"message","content":[{"type":"output_text","text":"t"}]},
        {"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{\"a\":\"b\"}"}]}"#;

    #[test]
    fn calls_usage_and_restorable_texts_are_found() {
        let answer = parse(Dialect::Converse, CONVERSE);
        let names: Vec<&str> = answer.tool_calls.iter().map(|call| call.name.as_str()).collect();
        assert_eq!(names, ["f", "g"]);
        assert_eq!(answer.tool_calls[0].arguments, r#"{"a":"b"}"#);
        let usage = answer.usage.unwrap();
        assert_eq!((usage.cache_write_5m, usage.cache_write_1h), (Tokens(4), Tokens(5)));
        let texts = texts(&answer);
        for text in ["t", "a", "b"] {
            assert!(texts.contains(&(text.to_owned(), false)), "{text}");
        }
        assert!(!texts.contains(&("r".to_owned(), false)));
    }

    #[test]
    fn a_refused_call_becomes_text_and_the_rest_stays() {
        let answer = parse(Dialect::Converse, CONVERSE);
        let one = [(answer.tool_calls[1].block, "[no] \"g\"".to_owned())];
        let value = replaced(&answer, CONVERSE, &one);
        assert_eq!(value.pointer("/output/message/content/3/text").unwrap(), "[no] \"g\"");
        assert_eq!(value.pointer("/stopReason").unwrap(), "tool_use");
        let both: Vec<_> = answer.tool_calls.iter().map(|call| (call.block, "no".to_owned())).collect();
        assert_eq!(replaced(&answer, CONVERSE, &both).pointer("/stopReason").unwrap(), "end_turn");
    }

    #[test]
    fn the_calls_of_a_chat_are_read_out_of_their_strings() {
        let answer = parse(Dialect::OpenAiChat, CHAT);
        let calls: Vec<_> =
            answer.tool_calls.iter().map(|call| (&*call.id, &*call.name, &*call.arguments)).collect();
        let expected = [("1", "f", "{\"a\":\"b\"}"), ("2", "g", "{}"), ("3", "h", "{}"), ("4", "i", "{}")];
        assert_eq!(calls, expected);
        assert_eq!(answer.stop_reason.as_deref(), Some("tool_calls"));
        let texts = texts(&answer);
        assert!(texts.contains(&("{\"a\":\"b\"}".to_owned(), true)));
        assert!(texts.contains(&("said".to_owned(), false)));
    }

    #[test]
    fn refused_calls_of_a_chat_go_choice_by_choice() {
        let answer = parse(Dialect::OpenAiChat, CHAT);
        let refuse = |indexes: &[usize]| -> Vec<(ValueId, String)> {
            indexes.iter().map(|index| (answer.tool_calls[*index].block, format!("no{index}"))).collect()
        };
        let value = replaced(&answer, CHAT, &refuse(&[0]));
        assert_eq!(value.pointer("/choices/0/message/tool_calls/0/id").unwrap(), "2");
        assert_eq!(value.pointer("/choices/0/message/content").unwrap(), "no0");
        assert_eq!(value.pointer("/choices/0/finish_reason").unwrap(), "tool_calls");
        let value = replaced(&answer, CHAT, &refuse(&[0, 1, 2, 3]));
        for (choice, content) in ["no0\nno1", "said\nno2", "no3"].into_iter().enumerate() {
            let choice = value.pointer(&format!("/choices/{choice}")).unwrap();
            assert_eq!(choice.pointer("/message/content").unwrap(), content);
            assert_eq!(choice.pointer("/finish_reason").unwrap(), "stop");
            assert!(choice.pointer("/message/tool_calls").is_none());
        }
        let value = replaced(&answer, CHAT, &refuse(&[3]));
        assert!(value.pointer("/choices/1/message/tool_calls/0").is_some());
    }

    #[test]
    fn a_refused_call_of_a_response_becomes_a_message() {
        let answer = parse(Dialect::OpenAiResponses, RESPONSE);
        assert_eq!((answer.tool_calls.len(), &*answer.tool_calls[0].id), (1, "c1"));
        let texts = texts(&answer);
        assert!(
            texts.contains(&("{\"a\":\"b\"}".to_owned(), true)) && texts.contains(&("t".to_owned(), false))
        );
        assert!(!texts.iter().any(|(text, _)| text == "r"));
        let value = replaced(&answer, RESPONSE, &[(answer.tool_calls[0].block, "no".to_owned())]);
        assert_eq!(value.pointer("/output/2/content/0/text").unwrap(), "no");
        assert_eq!(value.pointer("/output/2/type").unwrap(), "message");
        assert_eq!(value.pointer("/status").unwrap(), "completed");
    }

    #[test]
    fn calls_are_found_and_refused_whatever_dialect_the_request_had() {
        const ANTHROPIC: &str = r#"{"stop_reason":"tool_use","content":[{"type":"server_tool_use","name":"web_search"},
            {"type":"tool_use","id":"1","name":"f","input":{"a":"b"}}]}"#;
        for (body, shape, name, text) in [
            (CHAT, Dialect::OpenAiChat, "f", "/choices/0/message/content"),
            (RESPONSE, Dialect::OpenAiResponses, "f", "/output/2/content/0/text"),
            (ANTHROPIC, Dialect::Anthropic, "f", "/content/1/text"),
            (CONVERSE, Dialect::Converse, "f", "/output/message/content/2/text"),
        ] {
            for asked in [
                Dialect::Anthropic,
                Dialect::OpenAiChat,
                Dialect::OpenAiResponses,
                Dialect::Converse,
                Dialect::Opaque,
                Dialect::CohereChat,
                Dialect::Agent,
            ] {
                let answer = parse(asked, body);
                assert_eq!((answer.dialect, answer.tool_calls[0].name.as_str()), (shape, name), "{asked:?}");
                assert!(!answer.ambiguous_calls && !answer.unreadable_calls, "{asked:?} {body}");
                let value = replaced(&answer, body, &[(answer.tool_calls[0].block, "no".to_owned())]);
                assert_eq!(value.pointer(text).unwrap(), "no", "{asked:?}");
            }
        }
        assert_eq!(parse(Dialect::Nova, CONVERSE).dialect, Dialect::Nova);
        assert_eq!(parse(Dialect::Anthropic, r#"{"content":[]}"#).dialect, Dialect::Anthropic);
    }

    #[test]
    fn calls_in_two_shapes_are_told() {
        let body = r#"{"content":[{"type":"tool_use","id":"1","name":"f","input":{}}],
            "choices":[{"message":{"tool_calls":[{"function":{"name":"g","arguments":"{}"}}]}}]}"#;
        for asked in [Dialect::Anthropic, Dialect::OpenAiChat] {
            let answer = parse(asked, body);
            assert!(answer.ambiguous_calls);
            assert_eq!((answer.dialect, answer.tool_calls.len()), (asked, 2));
        }
    }

    #[test]
    fn calls_nobody_can_judge_are_told() {
        for (body, unreadable) in [
            (r#"{"choices":[{"message":{"function_call":{"name":"f","arguments":"{}"}}}]}"#, true),
            (r#"{"choices":[{"message":{"function_call":null,"tool_calls":null}}]}"#, false),
            (r#"{"choices":[{"message":{"tool_calls":[]},"delta":{"tool_calls":[]}}]}"#, false),
            (r#"{"choices":[{"message":{"tool_calls":{"name":"f"}}}]}"#, true),
            (r#"{"choices":[{"delta":{"tool_calls":[{"function":{"name":"f"}}]}}]}"#, true),
            (r#"{"choices":[{"message":{"tool_calls":[{"type":null,"function":{"name":"f"}}]}}]}"#, false),
            (
                r#"{"choices":[{"message":{"tool_calls":[{"type":"custom","custom":{"name":"f","input":"x"}}]}}]}"#,
                true,
            ),
            (r#"{"choices":[{"message":{"tool_calls":[{"type":"custom","function":{"name":"f"}}]}}]}"#, true),
            (r#"{"output":[{"type":"custom_tool_call","name":"f","input":"x"}]}"#, true),
            (r#"{"output":[{"type":"local_shell_call"}]}"#, true),
            (r#"{"output":[{"type":"computer_call"}]}"#, true),
            (r#"{"output":[{"type":"mcp_call","name":"f"}]}"#, true),
            (r#"{"output":[{"type":"mcp_approval_request","name":"f"}]}"#, true),
            (r#"{"output":[{"type":"web_search_call"},{"type":"message","content":[]}]}"#, false),
            (r#"{"content":[{"type":"server_tool_use","name":"web_search"}]}"#, false),
            (r#"{"content":[{"type":"mcp_tool_use","name":"f"}]}"#, true),
            (r#"{"text":"","tool_calls":[{"name":"f","parameters":{}}]}"#, true),
            (r#"{"message":{"tool_calls":[{"function":{"name":"f"}}]}}"#, true),
            (r#"{"tool_calls":null,"message":"x"}"#, false),
            (r#""tool_calls""#, false),
        ] {
            for asked in [Dialect::Anthropic, Dialect::OpenAiChat, Dialect::Opaque] {
                assert_eq!(parse(asked, body).unreadable_calls, unreadable, "{body}");
            }
        }
    }

    #[test]
    fn answers_without_a_codec_are_restored_in_every_string() {
        for (dialect, body) in [
            (Dialect::Text, r#""t1""#),
            (Dialect::Agent, r#"{"output":{"text":"t1"}}"#),
            (Dialect::Opaque, r#"[{"generated_text":"t1"}]"#),
            (Dialect::CohereChat, r#"{"text":"t1","finish_reason":"COMPLETE"}"#),
        ] {
            assert!(texts(&parse(dialect, body)).contains(&("t1".to_owned(), false)), "{body}");
        }
        let answer = parse(Dialect::Agent, r#"{"guardrailAction":"INTERVENED"}"#);
        assert!(answer.guardrail_intervened);
    }
}
