//! Changing the events that carry a tool call: other arguments in their place, or a text instead of the call.
//!
//! Where the stream's protocol gives a call events of its own, they are replaced by others; where calls travel inside
//! shared events, their part of the JSON is.

use super::event::chat_block;
use crate::edit::Edit;
use crate::json::{Document, ValueId, quote};
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

/// The change of an event that carries a part of the call `block`.
pub fn change_call(
    dialect: Dialect,
    document: &Document<'_>,
    block: u64,
    change: &CallChange,
) -> ChangedEvent {
    match dialect {
        Dialect::OpenAiChat => ChangedEvent::Edited(chat(document, block, change)),
        Dialect::OpenAiResponses => responses(document, block, change),
        _ => ChangedEvent::Replaced(match change {
            CallChange::Arguments(arguments) => vec![tool_input_delta(dialect, block, arguments)],
            CallChange::Text(text) => text_delta(dialect, block, text),
            CallChange::NoArguments | CallChange::Gone => Vec::new(),
        }),
    }
}

fn chat(document: &Document<'_>, block: u64, change: &CallChange) -> Vec<Edit> {
    let choice_index = block >> 16;
    let choices = document.get(document.root(), "choices");
    let choices = choices.into_iter().flat_map(|list| document.elements(list)).enumerate();
    for (position, choice) in choices {
        let index = document.get(choice, "index").and_then(|id| document.u64(id)).unwrap_or(position as u64);
        let Some(delta) = document.get(choice, "delta").filter(|_| index == choice_index) else { continue };
        let Some(list) = document.get(delta, "tool_calls") else { continue };
        let calls: Vec<ValueId> = document.elements(list).collect();
        let own = calls
            .iter()
            .enumerate()
            .find(|(position, call)| chat_block(document, choice_index, *position, **call) == block);
        let Some((_, call)) = own else { continue };
        return match change {
            CallChange::Arguments(_) | CallChange::NoArguments => {
                let arguments = document.path(*call, &["function", "arguments"]);
                let text = if let CallChange::Arguments(text) = change { text.as_str() } else { "" };
                let edit = arguments.map(|id| Edit::replace(document.range(id), quote(text)));
                edit.into_iter().collect()
            }
            CallChange::Text(_) | CallChange::Gone => {
                let others: Vec<&str> =
                    calls.iter().filter(|other| *other != call).map(|other| document.raw(*other)).collect();
                let text = if let CallChange::Text(text) = change { Some(text.as_str()) } else { None };
                vec![Edit::replace(document.range(delta), delta_without(document, delta, &others, text))]
            }
        };
    }
    Vec::new()
}

/// A delta written anew: its members but for the call, and the text in its content.
fn delta_without(document: &Document<'_>, delta: ValueId, calls: &[&str], text: Option<&str>) -> String {
    let mut members = Vec::new();
    let mut content = text.map(str::to_owned);
    for (key, value) in document.members(delta) {
        match document.string(key).unwrap_or_default().as_ref() {
            "tool_calls" if calls.is_empty() => {}
            "tool_calls" => members.push(format!("\"tool_calls\":[{}]", calls.join(","))),
            "content" if content.is_some() => {
                let own = document.string(value).unwrap_or_default();
                content = content.map(|text| format!("{own}{text}"));
            }
            _ => members.push(format!("{}:{}", document.raw(key), document.raw(value))),
        }
    }
    members.extend(content.map(|text| format!("\"content\":{}", quote(&text))));
    format!("{{{}}}", members.join(","))
}

fn responses(document: &Document<'_>, block: u64, change: &CallChange) -> ChangedEvent {
    let root = document.root();
    let kind = document.string_at(root, &["type"]).unwrap_or_default();
    if kind.starts_with("response.function_call_arguments.delta")
        && let CallChange::Arguments(_) | CallChange::NoArguments = change
    {
        let text = if let CallChange::Arguments(text) = change { text.as_str() } else { "" };
        let delta = document.get(root, "delta");
        return ChangedEvent::Edited(
            delta.map(|id| Edit::replace(document.range(id), quote(text))).into_iter().collect(),
        );
    }
    if let Some(response) = document.get(root, "response") {
        // The end says the whole answer once more.
        let output = document.get(response, "output");
        let item =
            output.and_then(|list| document.elements(list).nth(usize::try_from(block).unwrap_or(usize::MAX)));
        let (Some(item), CallChange::Text(text)) = (item, change) else {
            return ChangedEvent::Edited(Vec::new());
        };
        let edit = Edit::replace(document.range(item), message_item(&item_id(document, item), text));
        return ChangedEvent::Edited(vec![edit]);
    }
    match change {
        CallChange::Text(text) => {
            let id = document.get(root, "item").map(|item| item_id(document, item)).unwrap_or_default();
            ChangedEvent::Replaced(message_events(&id, block, text))
        }
        CallChange::Gone => ChangedEvent::Replaced(Vec::new()),
        CallChange::Arguments(_) | CallChange::NoArguments => ChangedEvent::Edited(Vec::new()),
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
    use crate::json::JsonLimits;

    fn changed(dialect: Dialect, json: &str, block: u64, change: &CallChange) -> Vec<String> {
        let document = Document::parse(json.as_bytes(), JsonLimits::default()).unwrap();
        match change_call(dialect, &document, block, change) {
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
