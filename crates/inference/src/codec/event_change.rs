//! Changing the events that carry a tool call: other arguments in their place, or a text instead of the call.
//!
//! Where the stream's protocol gives a call events of its own, they are replaced by others; where calls travel inside
//! shared events, their part of the JSON is.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::event::chat_block;
use super::{cut, returned};
use crate::edit::Edit;
use crate::json::{Document, JsonLimits, ValueId, quote};
use crate::request::Dialect;

/// What happens to one event's part of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallChange {
    /// The whole arguments stand here; other events of the call carry none.
    Arguments(String),
    NoArguments,
    /// A text stands here instead of the call's beginning.
    Text(String),
    /// The call's part goes.
    Gone,
}

/// What an event becomes.
#[derive(PartialEq, Eq)]
pub enum ChangedEvent {
    Edited(Vec<Edit>),
    /// Other events in its place; none drops it.
    Replaced(Vec<String>),
}

/// All changes of one event together: parts of calls, by their blocks, and edits of its texts.
pub fn change_event(
    dialect: Dialect,
    document: &Document<'_>,
    calls: &[(u64, CallChange)],
    edits: Vec<Edit>,
) -> ChangedEvent {
    match dialect {
        Dialect::OpenAiChat => ChangedEvent::Edited(chat(document, calls, edits)),
        Dialect::OpenAiResponses => responses(document, calls, edits),
        Dialect::Agent => actions(document, calls, edits),
        _ => match calls.first() {
            None => ChangedEvent::Edited(edits),
            Some((block, change)) => ChangedEvent::Replaced(match change {
                CallChange::Arguments(arguments) => vec![tool_input_delta(dialect, *block, arguments)],
                CallChange::Text(text) => text_delta(dialect, *block, text),
                CallChange::NoArguments | CallChange::Gone => Vec::new(),
            }),
        },
    }
}

/// Refused actions go, and a text of the agent's stands before those that are left.
fn actions(document: &Document<'_>, calls: &[(u64, CallChange)], edits: Vec<Edit>) -> ChangedEvent {
    let inputs = returned::inputs(document);
    let mut texts = Vec::new();
    let mut gone = HashSet::new();
    for (block, change) in calls {
        if let CallChange::Text(text) = change {
            texts.push(text.as_str());
            gone.extend(usize::try_from(*block).ok().and_then(|place| inputs.get(place)).copied());
        }
    }
    if texts.is_empty() {
        return ChangedEvent::Edited(edits);
    }
    let text = format!("{{\"bytes\":{}}}", quote(&STANDARD.encode(texts.join("\n"))));
    let list = document.get(document.root(), "invocationInputs").filter(|_| gone.len() < inputs.len());
    let Some(list) = list else { return ChangedEvent::Replaced(vec![text]) };
    let outside = edits.into_iter().filter(|edit| {
        !gone.iter().any(|input| {
            let range = document.range(*input);
            range.start <= edit.range.start && edit.range.end <= range.end
        })
    });
    let edits: Vec<Edit> = cut::elements(document, list, &gone).into_iter().chain(outside).collect();
    ChangedEvent::Replaced(vec![text, edited(document, document.root(), &edits)])
}

/// A choice whose calls change has its delta written anew; all others are edited in place.
fn chat(document: &Document<'_>, calls: &[(u64, CallChange)], edits: Vec<Edit>) -> Vec<Edit> {
    let choices = document.get(document.root(), "choices");
    let choices = choices.into_iter().flat_map(|list| document.elements(list)).enumerate();
    let mut edits = edits;
    for (position, choice) in choices {
        let index = document.get(choice, "index").and_then(|id| document.u64(id)).unwrap_or(position as u64);
        let own: Vec<&(u64, CallChange)> = calls.iter().filter(|(block, _)| block >> 16 == index).collect();
        let delta = document.get(choice, "delta").or_else(|| document.get(choice, "message"));
        let Some(delta) = delta.filter(|_| !own.is_empty()) else { continue };
        let range = document.range(delta);
        let (inside, outside) = edits
            .into_iter()
            .partition(|edit| range.start <= edit.range.start && edit.range.end <= range.end);
        edits = outside;
        edits.push(Edit::replace(range, changed_delta(document, delta, index, &own, inside)));
    }
    edits
}

fn changed_delta(
    document: &Document<'_>,
    delta: ValueId,
    choice: u64,
    changes: &[&(u64, CallChange)],
    edits: Vec<Edit>,
) -> String {
    let change_of = |block: u64| changes.iter().find(|(own, _)| *own == block).map(|(_, change)| change);
    let mut texts = Vec::new();
    let mut calls = Vec::new();
    let list = document.get(delta, "tool_calls");
    for (position, call) in list.into_iter().flat_map(|list| document.elements(list)).enumerate() {
        match change_of(chat_block(document, choice, position, call)) {
            None => calls.push(edited(document, call, &edits)),
            Some(CallChange::Arguments(text)) => calls.push(with_arguments(document, call, text)),
            Some(CallChange::NoArguments) => calls.push(with_arguments(document, call, "")),
            Some(CallChange::Text(text)) => texts.push(text.as_str()),
            Some(CallChange::Gone) => {}
        }
    }
    let mut members = Vec::new();
    let mut content = (!texts.is_empty()).then(|| texts.join("\n"));
    for (key, value) in document.members(delta) {
        match document.string(key).unwrap_or_default().as_ref() {
            "tool_calls" if calls.is_empty() => {}
            "tool_calls" => members.push(format!("\"tool_calls\":[{}]", calls.join(","))),
            "content" if content.is_some() => {
                let own = edited(document, value, &edits);
                let own = Document::parse(own.as_bytes(), JsonLimits::default()).ok();
                let own = own.and_then(|own| Some(own.string(own.root())?.into_owned())).unwrap_or_default();
                content = content.map(|text| format!("{own}{text}"));
            }
            _ => members.push(format!("{}:{}", document.raw(key), edited(document, value, &edits))),
        }
    }
    members.extend(content.map(|text| format!("\"content\":{}", quote(&text))));
    format!("{{{}}}", members.join(","))
}

/// A value's JSON with the edits that fall into it.
fn edited(document: &Document<'_>, id: ValueId, edits: &[Edit]) -> String {
    let range = document.range(id);
    let inside = edits.iter().filter(|edit| range.start <= edit.range.start && edit.range.end <= range.end);
    let moved = inside.map(|edit| Edit {
        range: edit.range.start - range.start..edit.range.end - range.start,
        replacement: edit.replacement.clone(),
    });
    let raw = document.raw(id);
    let changed = crate::edit::apply(raw.as_bytes(), moved.collect()).ok();
    changed.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| raw.to_owned())
}

fn with_arguments(document: &Document<'_>, call: ValueId, text: &str) -> String {
    let arguments = document.path(call, &["function", "arguments"]);
    let edit = arguments.map(|id| Edit::replace(document.range(id), quote(text)));
    edited(document, call, &edit.into_iter().collect::<Vec<_>>())
}

fn responses(document: &Document<'_>, calls: &[(u64, CallChange)], mut edits: Vec<Edit>) -> ChangedEvent {
    let root = document.root();
    let kind = document.string_at(root, &["type"]).unwrap_or_default();
    if let Some(response) = document.get(root, "response") {
        // The end says the whole answer once more.
        let output = document.get(response, "output");
        let items: Vec<ValueId> = output.into_iter().flat_map(|list| document.elements(list)).collect();
        for (block, change) in calls {
            let item = usize::try_from(*block).ok().and_then(|block| items.get(block));
            if let (Some(item), CallChange::Text(text)) = (item, change) {
                let range = document.range(*item);
                edits.retain(|edit| edit.range.end <= range.start || range.end <= edit.range.start);
                edits.push(Edit::replace(range, message_item(&item_id(document, *item), text)));
            }
        }
        return ChangedEvent::Edited(edits);
    }
    let Some((block, change)) = calls.first() else { return ChangedEvent::Edited(edits) };
    match change {
        CallChange::Arguments(_) | CallChange::NoArguments if kind.ends_with(".delta") => {
            let text = if let CallChange::Arguments(text) = change { text.as_str() } else { "" };
            let delta = document.get(root, "delta");
            let edit = delta.map(|id| Edit::replace(document.range(id), quote(text)));
            ChangedEvent::Edited(edit.into_iter().collect())
        }
        CallChange::Arguments(_) | CallChange::NoArguments => ChangedEvent::Edited(edits),
        CallChange::Text(text) => {
            let id = document.get(root, "item").map(|item| item_id(document, item)).unwrap_or_default();
            ChangedEvent::Replaced(message_events(&id, *block, text))
        }
        CallChange::Gone => ChangedEvent::Replaced(Vec::new()),
    }
}

fn item_id(document: &Document<'_>, item: ValueId) -> String {
    document.string_at(item, &["id"]).unwrap_or_default().into_owned()
}

/// An output item that says why a call is missing.
pub(super) fn message_item(id: &str, text: &str) -> String {
    format!(
        "{{\"id\":{},\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":[{}]}}",
        quote(id),
        output_text(text)
    )
}

fn output_text(text: &str) -> String {
    format!("{{\"type\":\"output_text\",\"text\":{},\"annotations\":[]}}", quote(text))
}

/// A message of one text, as the Responses API streams it.
fn message_events(id: &str, block: u64, text: &str) -> Vec<String> {
    let quoted = quote(id);
    let place = format!("\"item_id\":{quoted},\"output_index\":{block},\"content_index\":0");
    let begun = format!(
        "{{\"id\":{quoted},\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}}"
    );
    let item = message_item(id, text);
    let part = output_text(text);
    let text = quote(text);
    vec![
        format!("{{\"type\":\"response.output_item.added\",\"output_index\":{block},\"item\":{begun}}}"),
        format!("{{\"type\":\"response.content_part.added\",{place},\"part\":{}}}", output_text("")),
        format!("{{\"type\":\"response.output_text.delta\",{place},\"delta\":{text}}}"),
        format!("{{\"type\":\"response.output_text.done\",{place},\"text\":{text}}}"),
        format!("{{\"type\":\"response.content_part.done\",{place},\"part\":{part}}}"),
        format!("{{\"type\":\"response.output_item.done\",\"output_index\":{block},\"item\":{item}}}"),
    ]
}

/// Events that put a text in the place of a refused call. The block's stop event follows as it came.
fn text_delta(dialect: Dialect, block: u64, text: &str) -> Vec<String> {
    let text = quote(text);
    match dialect {
        Dialect::Converse => vec![format!("{{\"contentBlockIndex\":{block},\"delta\":{{\"text\":{text}}}}}")],
        Dialect::Anthropic => vec![
            format!(
                "{{\"type\":\"content_block_start\",\"index\":{block},\"content_block\":{{\"type\":\"text\",\"text\":\"\"}}}}"
            ),
            format!(
                "{{\"type\":\"content_block_delta\",\"index\":{block},\"delta\":{{\"type\":\"text_delta\",\"text\":{text}}}}}"
            ),
        ],
        _ => vec![format!(
            "{{\"contentBlockDelta\":{{\"delta\":{{\"text\":{text}}},\"contentBlockIndex\":{block}}}}}"
        )],
    }
}

/// One event that carries a call's whole arguments.
fn tool_input_delta(dialect: Dialect, block: u64, arguments: &str) -> String {
    let arguments = quote(arguments);
    match dialect {
        Dialect::Converse => {
            format!("{{\"contentBlockIndex\":{block},\"delta\":{{\"toolUse\":{{\"input\":{arguments}}}}}}}")
        }
        Dialect::Anthropic => format!(
            "{{\"type\":\"content_block_delta\",\"index\":{block},\"delta\":{{\"type\":\"input_json_delta\",\"partial_json\":{arguments}}}}}"
        ),
        _ => format!(
            "{{\"contentBlockDelta\":{{\"delta\":{{\"toolUse\":{{\"input\":{arguments}}}}},\"contentBlockIndex\":{block}}}}}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::{Event, EventKind, Lane};
    use super::*;

    fn changed(dialect: Dialect, json: &str, block: u64, change: &CallChange) -> Vec<String> {
        let document = Document::parse(json.as_bytes(), JsonLimits::default()).unwrap();
        match change_event(dialect, &document, &[(block, change.clone())], Vec::new()) {
            ChangedEvent::Replaced(events) => events,
            ChangedEvent::Edited(edits) => {
                vec![String::from_utf8(crate::edit::apply(json.as_bytes(), edits).unwrap()).unwrap()]
            }
        }
    }

    #[test]
    fn built_events_read_back() {
        for dialect in [Dialect::Converse, Dialect::Nova, Dialect::Anthropic] {
            let text = changed(dialect, "{}", 2, &CallChange::Text("a \"b\"".to_owned()));
            let last = text.last().unwrap();
            let event =
                Event::parse(dialect, "contentBlockDelta", last.as_bytes(), JsonLimits::default()).unwrap();
            assert_eq!(event.texts[0].lane, Some(Lane::Block(2)));
            assert_eq!(event.document.string(event.texts[0].value).unwrap(), "a \"b\"");
            let input = changed(dialect, "{}", 2, &CallChange::Arguments("{\"x\":1}".to_owned()));
            let event =
                Event::parse(dialect, "contentBlockDelta", input[0].as_bytes(), JsonLimits::default())
                    .unwrap();
            assert_eq!(event.kinds, [EventKind::ToolInput { block: 2, fragment: "{\"x\":1}".into() }]);
        }
    }

    #[test]
    fn one_of_two_calls_in_a_chunk_goes_and_the_other_stays() {
        let chunk = r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"hm ","tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"1"}},{"index":1,"id":"b","function":{"name":"g","arguments":"2"}}]}}]}"#;
        let text = changed(Dialect::OpenAiChat, chunk, 1, &CallChange::Text("no".to_owned()));
        assert_eq!(
            text,
            [
                r#"{"choices":[{"index":0,"delta":{"role":"assistant","tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"2"}}],"content":"hm no"}}]}"#
            ]
        );
        let whole = changed(Dialect::OpenAiChat, chunk, 2, &CallChange::Arguments("{}".to_owned()));
        assert!(whole[0].contains(r#""name":"g","arguments":"{}""#), "{whole:?}");
    }

    #[test]
    fn a_refused_call_of_responses_becomes_a_message_wherever_it_is_told() {
        let added = r#"{"type":"response.output_item.added","output_index":1,"item":{"id":"i","type":"function_call","name":"f","arguments":""}}"#;
        let no = CallChange::Text("no".to_owned());
        let events = changed(Dialect::OpenAiResponses, added, 1, &no);
        assert_eq!(events.len(), 6);
        assert!(events.iter().all(|event| serde_json::from_str::<serde_json::Value>(event).is_ok()));
        let end = r#"{"type":"response.completed","response":{"output":[{"id":"m"},{"id":"i","type":"function_call"}]}}"#;
        let end = changed(Dialect::OpenAiResponses, end, 1, &no);
        assert!(end[0].contains(r#""text":"no""#) && !end[0].contains("function_call"), "{end:?}");
    }
}
