//! One streamed event, understood: which text it adds to, where a tool call begins and ends, what it says of usage.
//!
//! Converse names the kind of an event in a frame header; all others say it in their JSON, whether that travels in a
//! `chunk` frame or as a server-sent event. All become the same [`Event`] here. How an event is changed is said in
//! [`super::event_change`].

use std::ops::RangeInclusive;

use super::answer::{hour_writes, service_tier, usage};
use super::beside::guardrail_units;
use super::returned::{RETURN_CONTROL, Returned, returned};
use super::shape::list;
use crate::json::{Document, JsonError, JsonLimits, Kind, ValueId};
use crate::request::Dialect;
use crate::usage::{GuardrailUnits, TokenUsage, Tokens};

/// Deltas of one lane concatenate to one text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Text of a content block.
    Block(u64),
    /// A string at the same place in every event of a kind.
    Path(String),
}

/// A string of the event that continues a lane, or is a text by itself.
#[derive(Debug, Clone)]
pub struct TextDelta {
    /// None: the string is whole, and nothing follows.
    pub lane: Option<Lane>,
    pub value: ValueId,
    /// The string holds JSON: what is put into it is escaped for one.
    pub nested_json: bool,
    /// The string belongs to a call's arguments.
    pub in_call: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// `arguments` holds what already stands in the start, which is nothing as a rule; deltas replace it.
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
    /// Says again what a call was, after it has ended; some events leave its name out.
    ToolEcho {
        block: u64,
        name: Option<String>,
        arguments: String,
    },
    /// An action an agent asks its caller to carry out, whole. `block` is its place in the event.
    ReturnedCall {
        block: u64,
        id: String,
        group: String,
        name: String,
        arguments: String,
    },
    /// A call in a spelling nobody here can judge.
    UnreadableCall,
    /// Carries where the stop reason stands. `blocks` are those that have ended with it: all, or one choice's.
    Stop {
        reason: String,
        value: Option<ValueId>,
        blocks: RangeInclusive<u64>,
    },
}

pub struct Event<'a> {
    pub document: Document<'a>,
    pub kinds: Vec<EventKind>,
    pub texts: Vec<TextDelta>,
    pub usage: Option<TokenUsage>,
    /// Cache writes kept for an hour, which only the first event of some streams tells apart.
    pub hour_writes: Option<Tokens>,
    pub guardrail_intervened: bool,
    /// Units guardrails counted for what this event ends; those of several events add up.
    pub guardrail_units: Option<GuardrailUnits>,
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
            kinds: Vec::new(),
            texts: Vec::new(),
            usage: None,
            hour_writes: None,
            guardrail_intervened: false,
            guardrail_units: None,
            service_tier: None,
            is_last: false,
            document,
        };
        match dialect {
            Dialect::Converse => event.converse(event_type, root),
            Dialect::Nova => event.nova(root),
            Dialect::Anthropic => event.anthropic(root),
            Dialect::OpenAiChat => event.openai_chat(root),
            Dialect::OpenAiResponses => event.openai_responses(root),
            Dialect::Agent if event_type == RETURN_CONTROL => event.return_control(root),
            Dialect::CohereChat
            | Dialect::Plain(_)
            | Dialect::Agent
            | Dialect::Opaque
            | Dialect::Text
            | Dialect::Bytes => event.opaque(root),
        }
        event.metrics(root);
        event.foreign_calls(dialect, root);
        Ok(event)
    }

    /// A call told in the words of another dialect than the request's: containers answer as they please.
    fn foreign_calls(&mut self, dialect: Dialect, root: ValueId) {
        let document = &self.document;
        let chat = || {
            let choices = document.get(root, "choices").into_iter().flat_map(|list| document.elements(list));
            let said = choices.filter_map(|choice| {
                document.get(choice, "delta").or_else(|| document.get(choice, "message"))
            });
            let calls = said.filter_map(|said| document.get(said, "tool_calls"));
            calls.into_iter().any(|calls| document.elements(calls).next().is_some())
        };
        let anthropic =
            || document.string_at(root, &["content_block", "type"]).is_some_and(|kind| kind == "tool_use");
        let converse = || document.path(root, &["contentBlockStart", "start", "toolUse"]).is_some();
        let responses =
            || document.string_at(root, &["item", "type"]).is_some_and(|kind| kind == "function_call");
        let is_foreign = (dialect != Dialect::OpenAiChat && chat())
            || (dialect != Dialect::Anthropic && anthropic())
            || (!matches!(dialect, Dialect::Nova | Dialect::Converse) && converse())
            || (dialect != Dialect::OpenAiResponses && responses());
        if is_foreign {
            self.kinds.push(EventKind::UnreadableCall);
        }
    }

    fn nova(&mut self, root: ValueId) {
        let members: Vec<(String, ValueId)> = self
            .document
            .members(root)
            .filter_map(|(name, value)| Some((self.document.string(name)?.into_owned(), value)))
            .collect();
        for (name, value) in members {
            self.converse(&name, value);
        }
        // The metrics of the last chunk end it, not this family's own metadata.
        self.is_last = false;
    }

    fn converse(&mut self, event_type: &str, holder: ValueId) {
        let document = &self.document;
        let block = document.get(holder, "contentBlockIndex").and_then(|id| document.u64(id)).unwrap_or(0);
        match event_type {
            "contentBlockStart" => {
                if let Some(call) = document.path(holder, &["start", "toolUse"]) {
                    self.kinds.push(EventKind::ToolStart {
                        block,
                        id: document.string_at(call, &["toolUseId"]).unwrap_or_default().into_owned(),
                        name: document.string_at(call, &["name"]).unwrap_or_default().into_owned(),
                        arguments: filled(document, document.get(call, "input")),
                    });
                    let input = document.get(call, "input");
                    input.into_iter().for_each(|input| self.arguments(input));
                }
            }
            "contentBlockDelta" => {
                if let Some(fragment) = document.string_at(holder, &["delta", "toolUse", "input"]) {
                    self.kinds.push(EventKind::ToolInput { block, fragment: fragment.into_owned() });
                } else if let Some(value) = document.path(holder, &["delta", "text"]) {
                    self.delta(Lane::Block(block), value);
                }
            }
            "contentBlockStop" => self.kinds.push(EventKind::BlockStop { block }),
            "messageStop" => self.stop(document.get(holder, "stopReason")),
            "metadata" => {
                self.usage = usage(document, holder);
                self.service_tier = service_tier(document, holder);
                self.guardrail_units = guardrail_units(document, holder);
                self.is_last = true;
            }
            _ => {}
        }
    }

    fn anthropic(&mut self, root: ValueId) {
        let document = &self.document;
        let block = document.get(root, "index").and_then(|id| document.u64(id)).unwrap_or(0);
        match document.string_at(root, &["type"]).unwrap_or_default().as_ref() {
            "content_block_start" => match document.string_at(root, &["content_block", "type"]).as_deref() {
                Some("tool_use") => {
                    let text =
                        |path: &[&str]| document.string_at(root, path).unwrap_or_default().into_owned();
                    self.kinds.push(EventKind::ToolStart {
                        block,
                        id: text(&["content_block", "id"]),
                        name: text(&["content_block", "name"]),
                        arguments: filled(document, document.path(root, &["content_block", "input"])),
                    });
                    let input = document.path(root, &["content_block", "input"]);
                    input.into_iter().for_each(|input| self.arguments(input));
                }
                Some("text") => {
                    if let Some(value) = document.path(root, &["content_block", "text"]) {
                        self.delta(Lane::Block(block), value);
                    }
                }
                _ => {}
            },
            "content_block_delta" => {
                if let Some(fragment) = document.string_at(root, &["delta", "partial_json"]) {
                    self.kinds.push(EventKind::ToolInput { block, fragment: fragment.into_owned() });
                } else if let Some(value) = document.path(root, &["delta", "text"]) {
                    self.delta(Lane::Block(block), value);
                }
            }
            "content_block_stop" => self.kinds.push(EventKind::BlockStop { block }),
            "message_delta" => {
                self.usage = document.get(root, "usage").and_then(|_| usage(document, root));
                let reason = document.path(root, &["delta", "stop_reason"]);
                self.stop(reason);
            }
            "message_start" => {
                let message = document.get(root, "message");
                self.usage = message.and_then(|message| usage(document, message));
                self.service_tier = message.and_then(|message| service_tier(document, message));
                let usage = document.path(root, &["message", "usage"]);
                self.hour_writes = usage.and_then(|usage| hour_writes(document, usage));
            }
            "message_stop" => self.is_last = true,
            _ => {}
        }
    }

    /// A `chat.completion.chunk`. Each choice has its own text and its own calls.
    fn openai_chat(&mut self, root: ValueId) {
        let choices = self.document.get(root, "choices");
        let choices: Vec<ValueId> =
            choices.into_iter().flat_map(|list| self.document.elements(list)).collect();
        for (position, choice) in choices.into_iter().enumerate() {
            let document = &self.document;
            let index = document.get(choice, "index").and_then(|id| document.u64(id));
            let index = index.unwrap_or(position as u64);
            let stopped = document.get(choice, "finish_reason");
            if document
                .get(choice, "tool_calls")
                .is_some_and(|calls| document.elements(calls).next().is_some())
            {
                self.kinds.push(EventKind::UnreadableCall);
            }
            let mut texts = Vec::new();
            for (key, value) in document.members(choice) {
                match document.string(key).unwrap_or_default().as_ref() {
                    // Some servers answer a stream with one whole message.
                    "delta" | "message" => self.kinds.extend(chat_delta(document, value, index, &mut texts)),
                    "finish_reason" | "index" | "tool_calls" => {}
                    _ => strings_by_path(
                        document,
                        value,
                        &mut format!("{index}/{}", document.raw(key)),
                        &mut texts,
                    ),
                }
            }
            self.texts.extend(texts);
            self.stop_blocks(stopped, index << 16..=(index << 16 | 0xffff));
        }
        self.usage = usage(&self.document, root);
        self.service_tier = self.document.string_at(root, &["service_tier"]).map(|tier| tier.into_owned());
    }

    /// Events of the Responses API. What a call was is told piece by piece, and then three times whole.
    fn openai_responses(&mut self, root: ValueId) {
        let document = &self.document;
        let kind = document.string_at(root, &["type"]).unwrap_or_default().into_owned();
        let block = document.get(root, "output_index").and_then(|id| document.u64(id)).unwrap_or(0);
        let text = |path: &[&str]| document.string_at(root, path).unwrap_or_default().into_owned();
        let is_call = text(&["item", "type"]) == "function_call";
        match kind.as_str() {
            "response.output_item.added" if is_call => {
                let id = document
                    .string_at(root, &["item", "call_id"])
                    .or_else(|| document.string_at(root, &["item", "id"]));
                self.kinds.push(EventKind::ToolStart {
                    block,
                    id: id.unwrap_or_default().into_owned(),
                    name: text(&["item", "name"]),
                    arguments: text(&["item", "arguments"]),
                });
            }
            "response.function_call_arguments.delta" => {
                self.kinds.push(EventKind::ToolInput { block, fragment: text(&["delta"]) });
            }
            "response.function_call_arguments.done" => {
                let name = document.string_at(root, &["name"]).map(|name| name.into_owned());
                self.kinds.push(EventKind::BlockStop { block });
                self.kinds.push(EventKind::ToolEcho { block, name, arguments: text(&["arguments"]) });
                self.whole(document.get(root, "arguments"), true);
            }
            "response.output_item.done" if is_call => {
                let name = Some(text(&["item", "name"]));
                self.kinds.push(EventKind::BlockStop { block });
                self.kinds.push(EventKind::ToolEcho { block, name, arguments: text(&["item", "arguments"]) });
                self.whole(document.path(root, &["item", "arguments"]), true);
            }
            "response.completed" | "response.incomplete" | "response.failed" => {
                self.responses_end(root);
            }
            "response.output_item.added" | "response.output_item.done"
                if is_other_call(&text(&["item", "type"])) =>
            {
                self.kinds.push(EventKind::UnreadableCall);
            }
            _ => {
                for (key, value) in document.members(root).collect::<Vec<_>>() {
                    let name = self.document.string(key).unwrap_or_default().into_owned();
                    if name == "delta" {
                        let mut texts = Vec::new();
                        strings_by_path(&self.document, value, &mut format!("{kind}/{block}"), &mut texts);
                        self.texts.extend(texts);
                    } else {
                        self.wholes(value);
                    }
                }
            }
        }
    }

    fn responses_end(&mut self, root: ValueId) {
        self.is_last = true;
        let Some(response) = self.document.get(root, "response") else { return };
        let document = &self.document;
        self.usage = usage(document, response);
        self.service_tier = document.string_at(response, &["service_tier"]).map(|tier| tier.into_owned());
        let outputs: Vec<ValueId> =
            document.get(response, "output").into_iter().flat_map(|list| document.elements(list)).collect();
        let mut arguments = Vec::new();
        for (block, item) in outputs.iter().enumerate() {
            if document.string_at(*item, &["type"]).is_some_and(|kind| kind == "function_call") {
                let text = |name| document.string_at(*item, &[name]).unwrap_or_default().into_owned();
                self.kinds.push(EventKind::ToolEcho {
                    block: block as u64,
                    name: Some(text("name")),
                    arguments: text("arguments"),
                });
                arguments.extend(document.get(*item, "arguments"));
            }
        }
        // The request's own instructions come back here too.
        self.wholes(response);
        for text in &mut self.texts {
            text.nested_json = arguments.contains(&text.value);
            text.in_call = text.nested_json;
        }
        let reason = self.document.get(response, "status");
        let reason = reason.and_then(|id| self.document.string(id)).map(|reason| reason.into_owned());
        // The status is no stop reason that a refused call could make untrue.
        let blocks = 0..=u64::MAX;
        self.kinds.extend(reason.map(|reason| EventKind::Stop { reason, value: None, blocks }));
    }

    /// What an agent hands back to its caller: actions to carry out, all of them at once.
    fn return_control(&mut self, root: ValueId) {
        let id = self.document.string_at(root, &["invocationId"]).unwrap_or_default().into_owned();
        let inputs = list(&self.document, root, "invocationInputs");
        for (place, input) in inputs.iter().enumerate() {
            let kind = match returned(&self.document, *input) {
                Some(Returned { group, name, arguments }) => {
                    EventKind::ReturnedCall { block: place as u64, id: id.clone(), group, name, arguments }
                }
                None => EventKind::UnreadableCall,
            };
            self.kinds.push(kind);
        }
        match self.document.get(root, "invocationInputs") {
            Some(inputs) if self.document.kind(inputs) == Kind::Array => self.arguments(inputs),
            _ => self.kinds.push(EventKind::UnreadableCall),
        }
    }

    fn opaque(&mut self, root: ValueId) {
        let mut texts = Vec::new();
        strings_by_path(&self.document, root, &mut String::new(), &mut texts);
        self.texts = texts;
        self.usage = usage(&self.document, root);
    }

    fn metrics(&mut self, root: ValueId) {
        if self.document.get(root, "amazon-bedrock-invocationMetrics").is_some() {
            self.usage = usage(&self.document, root);
            self.is_last = true;
        }
        let action = self.document.string_at(root, &["amazon-bedrock-guardrailAction"]);
        self.guardrail_intervened |= action.is_some_and(|action| action == "INTERVENED");
        if self.document.get(root, "amazon-bedrock-trace").is_some() {
            self.guardrail_units = guardrail_units(&self.document, root);
        }
    }

    fn stop(&mut self, reason: Option<ValueId>) {
        self.stop_blocks(reason, 0..=u64::MAX);
    }

    fn stop_blocks(&mut self, reason: Option<ValueId>, blocks: RangeInclusive<u64>) {
        let Some(value) = reason else { return };
        // Some servers write an empty reason where there is none yet.
        let Some(reason) = self.document.string(value).filter(|reason| !reason.is_empty()) else { return };
        self.guardrail_intervened |= reason == "guardrail_intervened";
        let reason = reason.into_owned();
        self.kinds.push(EventKind::Stop { reason, value: Some(value), blocks });
    }

    fn delta(&mut self, lane: Lane, value: ValueId) {
        self.texts.push(TextDelta { lane: Some(lane), value, nested_json: false, in_call: false });
    }

    fn whole(&mut self, value: Option<ValueId>, nested_json: bool) {
        let in_call = nested_json;
        self.texts.extend(value.map(|value| TextDelta { lane: None, value, nested_json, in_call }));
    }

    /// What stands of a call's arguments in its start.
    fn arguments(&mut self, id: ValueId) {
        let before = self.texts.len();
        self.wholes(id);
        self.texts.iter_mut().skip(before).for_each(|text| text.in_call = true);
    }

    /// Every string value under `id`, each a text by itself.
    fn wholes(&mut self, id: ValueId) {
        let strings: Vec<ValueId> = self
            .document
            .descendants(id)
            .filter(|id| self.document.kind(*id) == Kind::String && !self.document.is_key(*id))
            .collect();
        strings.into_iter().for_each(|value| self.whole(Some(value), false));
    }
}

/// The calls of one choice's delta; its other strings are lanes of their own.
fn chat_delta(
    document: &Document<'_>,
    delta: ValueId,
    choice: u64,
    texts: &mut Vec<TextDelta>,
) -> Vec<EventKind> {
    let mut kinds = Vec::new();
    for (key, value) in document.members(delta) {
        match document.string(key).unwrap_or_default().as_ref() {
            "role" => {}
            "content" => {
                let lane = Some(Lane::Block(choice << 16));
                if document.kind(value) == Kind::String {
                    texts.push(TextDelta { lane, value, nested_json: false, in_call: false });
                } else {
                    strings_by_path(document, value, &mut format!("{choice}/content"), texts);
                }
            }
            "tool_calls" => {
                for (position, call) in document.elements(value).enumerate() {
                    let block = chat_block(document, choice, position, call);
                    let text =
                        |path: &[&str]| document.string_at(call, path).unwrap_or_default().into_owned();
                    if document.string_at(call, &["type"]).is_some_and(|kind| kind != "function") {
                        kinds.push(EventKind::UnreadableCall);
                    }
                    let name = text(&["function", "name"]);
                    if !name.is_empty() {
                        let arguments = String::new();
                        kinds.push(EventKind::ToolStart { block, id: text(&["id"]), name, arguments });
                    }
                    if let Some(fragment) = document.string_at(call, &["function", "arguments"]) {
                        kinds.push(EventKind::ToolInput { block, fragment: fragment.into_owned() });
                    }
                }
            }
            "function_call" if document.kind(value) != Kind::Null => kinds.push(EventKind::UnreadableCall),
            _ => strings_by_path(document, value, &mut format!("{choice}/{}", document.raw(key)), texts),
        }
    }
    kinds
}

/// Items of the Responses API that make the caller run something, and are no function call.
fn is_other_call(kind: &str) -> bool {
    matches!(
        kind,
        "custom_tool_call" | "local_shell_call" | "shell_call" | "computer_call" | "apply_patch_call"
    )
}

/// A call's number among all choices; 0 of each choice is its text.
pub(super) fn chat_block(document: &Document<'_>, choice: u64, position: usize, call: ValueId) -> u64 {
    let index = document.get(call, "index").and_then(|id| document.u64(id)).unwrap_or(position as u64);
    (choice << 16) | ((index + 1) & 0xffff)
}

/// The raw JSON of arguments that are there already; empty for none and for an empty object.
fn filled(document: &Document<'_>, input: Option<ValueId>) -> String {
    let input = input.filter(|input| document.members(*input).next().is_some());
    input.map(|input| document.raw(input).to_owned()).unwrap_or_default()
}

fn strings_by_path(document: &Document<'_>, id: ValueId, path: &mut String, out: &mut Vec<TextDelta>) {
    let length = path.len();
    match document.kind(id) {
        Kind::String => {
            let lane = Some(Lane::Path(path.clone()));
            out.push(TextDelta { lane, value: id, nested_json: false, in_call: false });
        }
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
    fn the_families_say_the_same_in_their_own_words() {
        let start = |block| EventKind::ToolStart {
            block,
            id: "t".into(),
            name: "f".into(),
            arguments: String::new(),
        };
        let input = |block| EventKind::ToolInput { block, fragment: "{\"a".into() };
        let stop = |block| EventKind::BlockStop { block };
        for (dialect, event_type, json, expected) in [
            (
                Dialect::Converse,
                "contentBlockStart",
                r#"{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}"#,
                vec![start(1)],
            ),
            (
                Dialect::Nova,
                "chunk",
                r#"{"contentBlockStart":{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}}"#,
                vec![start(1)],
            ),
            (
                Dialect::Anthropic,
                "chunk",
                r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
                vec![start(1)],
            ),
            (
                Dialect::OpenAiChat,
                "",
                r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":"{\"a"}}]},"finish_reason":null}]}"#,
                vec![start(1), input(1)],
            ),
            (
                Dialect::OpenAiResponses,
                "",
                r#"{"type":"response.output_item.added","output_index":2,"item":{"type":"function_call","call_id":"t","name":"f","arguments":""}}"#,
                vec![start(2)],
            ),
            (
                Dialect::Converse,
                "contentBlockDelta",
                r#"{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{\"a"}}}"#,
                vec![input(1)],
            ),
            (
                Dialect::Anthropic,
                "chunk",
                r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a"}}"#,
                vec![input(1)],
            ),
            (
                Dialect::OpenAiResponses,
                "",
                r#"{"type":"response.function_call_arguments.delta","output_index":2,"delta":"{\"a"}"#,
                vec![input(2)],
            ),
            (Dialect::Converse, "contentBlockStop", r#"{"contentBlockIndex":1,"p":"ab"}"#, vec![stop(1)]),
            (Dialect::Anthropic, "chunk", r#"{"type":"content_block_stop","index":1}"#, vec![stop(1)]),
        ] {
            assert_eq!(parse(dialect, event_type, json).kinds, expected, "{json}");
        }
    }

    #[test]
    fn every_text_of_a_chunk_is_a_lane_and_what_is_whole_is_none() {
        let chunk = parse(
            Dialect::OpenAiChat,
            "",
            r#"{"id":"x","choices":[{"index":0,"delta":{"content":"a","reasoning_content":"b"}},{"index":1,"delta":{"content":"c"}}],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#,
        );
        let lanes: Vec<Lane> = chunk.texts.iter().filter_map(|text| text.lane.clone()).collect();
        let reasoning = Lane::Path("0/\"reasoning_content\"".to_owned());
        assert_eq!(lanes, [Lane::Block(0), reasoning, Lane::Block(1 << 16)]);
        assert_eq!(chunk.usage.unwrap().output, Tokens(4));
        let done = parse(
            Dialect::OpenAiResponses,
            "",
            r#"{"type":"response.output_text.done","output_index":0,"text":"whole"}"#,
        );
        assert!(done.texts.iter().all(|text| text.lane.is_none()));
    }

    #[test]
    fn a_call_in_another_dialects_words_is_noticed() {
        for (dialect, json) in [
            (
                Dialect::Opaque,
                r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f"}}]}}]}"#,
            ),
            (
                Dialect::OpenAiChat,
                r#"{"type":"content_block_start","content_block":{"type":"tool_use","name":"f"}}"#,
            ),
            (Dialect::Anthropic, r#"{"contentBlockStart":{"start":{"toolUse":{"name":"f"}}}}"#),
            (Dialect::Opaque, r#"{"type":"response.output_item.added","item":{"type":"function_call"}}"#),
        ] {
            assert_eq!(parse(dialect, "", json).kinds, [EventKind::UnreadableCall], "{json}");
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
        let event = parse(
            Dialect::OpenAiResponses,
            "",
            r#"{"type":"response.completed","response":{"status":"completed","output":[],"usage":{"input_tokens":5,"output_tokens":6}}}"#,
        );
        assert_eq!((event.usage.unwrap().output, event.is_last), (Tokens(6), true));
    }
}
