//! Cohere Command R bodies (Bedrock user guide, "Cohere Command R and Command R+ models"). The calls such a model
//! proposes are not read from its answers, so tools offered here count as unreadable.

use super::opaque::is_filled;
use super::shape::{Shape, count_role, list, word};
use super::texts::Collector;
use crate::finding::Channel;
use crate::json::{Document, ValueId};
use crate::request::MessageCounts;

/// Texts in the order a model reads them: preamble, tools, history, documents, message, then the rest.
pub(super) fn collect(collector: &mut Collector<'_, '_>, root: ValueId) {
    let document = collector.document;
    let mut taken = Vec::new();
    for (name, channel) in [("preamble", Channel::System), ("tools", Channel::System)] {
        if let Some(value) = document.get(root, name) {
            collector.free_json(value, channel);
            taken.push(value);
        }
    }
    if let Some(history) = document.get(root, "chat_history") {
        collect_history(collector, history);
        taken.push(history);
    }
    for (name, channel) in
        [("documents", Channel::Tool), ("tool_results", Channel::Tool), ("message", Channel::User)]
    {
        if let Some(value) = document.get(root, name) {
            collector.free_json(value, channel);
            taken.push(value);
        }
    }
    collector.rest(root, Channel::User, &taken, |_, _| false);
}

fn collect_history(collector: &mut Collector<'_, '_>, history: ValueId) {
    let document = collector.document;
    let turns: Vec<ValueId> = document.elements(history).collect();
    for turn in &turns {
        let channel = channel_of(&word(document, *turn, "role"));
        let role = document.get(*turn, "role");
        collector.rest(*turn, channel, role.as_slice(), |_, _| false);
    }
    if turns.is_empty() {
        collector.free_json(history, Channel::User);
    }
}

fn channel_of(role: &str) -> Channel {
    match role {
        "CHATBOT" => Channel::Assistant,
        "SYSTEM" => Channel::System,
        "TOOL" => Channel::Tool,
        _ => Channel::User,
    }
}

pub(super) fn shape(document: &Document<'_>, root: ValueId) -> Shape {
    let mut counts = MessageCounts::default();
    for turn in list(document, root, "chat_history") {
        let role = match channel_of(&word(document, turn, "role")) {
            Channel::Assistant => "assistant",
            Channel::System => "system",
            Channel::Tool => "tool",
            Channel::User => "user",
        };
        count_role(&mut counts, role);
    }
    if document.get(root, "message").is_some() {
        count_role(&mut counts, "user");
    }
    counts.documents = list(document, root, "documents").len() as u64;
    counts.tool_results += list(document, root, "tool_results").len() as u64;
    Shape { counts, ..Shape::default() }
}

pub(super) fn tools_unreadable(document: &Document<'_>, root: ValueId) -> bool {
    ["tools", "connectors"]
        .iter()
        .filter_map(|name| document.get(root, name))
        .any(|id| is_filled(document, id))
}

#[cfg(test)]
mod tests {
    use crate::codec::testing::{applied, assert_marked, parse};
    use crate::operation::Operation;
    use crate::request::Dialect;

    const BODY: &str = r#"{"message":"USER1","preamble":"SYSTEM1","chat_history":[{"role":"USER","message":"USER2"},
        {"role":"CHATBOT","message":"ASSISTANT1"},{"role":"TOOL","tool_results":[{"outputs":["TOOL1"]}]}],
        "documents":[{"title":"TOOL2","snippet":"TOOL3"}],"tool_results":[{"call":{"name":"f"},"outputs":["TOOL4"]}],
        "tools":[{"name":"f","description":"SYSTEM2","parameter_definitions":{}}],"unknown":["USER3"]}"#;

    #[test]
    fn every_text_of_a_command_r_body_is_found_with_its_channel() {
        let request = parse(Operation::InvokeModel, "cohere.command-r-plus-v1:0", BODY);
        assert_eq!(request.facts.dialect, Dialect::CohereChat);
        assert_marked(&request, BODY);
        assert!(request.facts.tools_unreadable && request.facts.system_blocks == 1);
        assert_eq!((request.facts.messages.count, request.facts.messages.documents), (4, 1));
    }

    #[test]
    fn its_limit_is_inserted_and_replaced() {
        for body in [r#"{"message":"x"}"#, r#"{"message":"x","max_tokens":900}"#] {
            let request = parse(Operation::InvokeModel, "cohere.command-r-v1:0", body);
            assert_eq!(applied(body, request.set_max_tokens(7))["max_tokens"], 7, "{body}");
            assert!(!request.facts.tools_unreadable);
        }
    }
}
