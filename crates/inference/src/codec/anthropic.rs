//! Anthropic Messages bodies, as InvokeModel and the Messages API take them (Anthropic API reference, "Messages";
//! Bedrock user guide, "Anthropic Claude Messages API"). Answers are read elsewhere.

use super::shape::{Shape, ToolDeclaration, channel_of, count_role};
use super::texts::{Collector, is_signed};
use crate::finding::Channel;
use crate::json::{Document, Kind, ValueId};
use crate::request::MessageCounts;

/// Texts in the order a model reads them: system, tools, messages, then whatever else the body holds.
pub(super) fn collect(collector: &mut Collector<'_, '_>, root: ValueId) {
    let members: Vec<_> = collector.named(root).collect();
    let find = |name: &str| members.iter().find(|(member, ..)| member == name).map(|(.., value)| *value);
    if let Some(system) = find("system") {
        collect_content(collector, system, Channel::System);
    }
    for tool in
        find("tools").map(|tools| collector.document.elements(tools).collect::<Vec<_>>()).unwrap_or_default()
    {
        for (name, _, value) in collector.named(tool) {
            if !matches!(name.as_ref(), "name" | "type" | "cache_control") {
                collector.values(value, Channel::System);
            }
        }
    }
    let messages = find("messages").map(|messages| collector.document.elements(messages).collect::<Vec<_>>());
    for message in messages.unwrap_or_default() {
        let role = collector.document.string_at(message, &["role"]).unwrap_or_default().into_owned();
        for (name, _, value) in collector.named(message) {
            match name.as_ref() {
                "role" => {}
                "content" => collect_content(collector, value, channel_of(&role)),
                _ => collector.free_json(value, channel_of(&role)),
            }
        }
    }
    for (name, key, value) in &members {
        match name.as_ref() {
            "system" | "tools" | "messages" | "anthropic_version" | "anthropic_beta" | "tool_choice" => {}
            // Bodies of the Messages API itself name the model and ask for a stream.
            "model" | "stream" => {}
            _ => {
                collector.text(*key, None, Channel::User);
                collector.free_json(*value, Channel::User);
            }
        }
    }
}

/// Content is a string or an array of blocks.
fn collect_content(collector: &mut Collector<'_, '_>, content: ValueId, channel: Channel) {
    match collector.document.kind(content) {
        Kind::String => collector.text(content, None, channel),
        Kind::Array => {
            for block in collector.document.elements(content) {
                collect_block(collector, block, channel);
            }
        }
        _ => collector.free_json(content, channel),
    }
}

fn collect_block(collector: &mut Collector<'_, '_>, block: ValueId, channel: Channel) {
    let kind = collector.document.string_at(block, &["type"]).unwrap_or_default().into_owned();
    let signed = is_signed(collector.document, block, "signature");
    for (name, key, value) in collector.named(block) {
        match (kind.as_str(), name.as_ref()) {
            (_, "type" | "cache_control" | "id" | "tool_use_id" | "is_error" | "signature") => {}
            ("tool_use" | "server_tool_use", "name") => {}
            ("redacted_thinking", "data") => {}
            ("thinking", "thinking") if signed => collector.signed_text(value, channel),
            ("tool_result", "content") => collect_content(collector, value, Channel::Tool),
            ("image", "source") => collect_source(collector, value, channel),
            ("document", "source") => collect_source(collector, value, Channel::Tool),
            ("document" | "search_result", _) => collector.values(value, Channel::Tool),
            (_, "text") => collector.text(value, None, channel),
            _ => {
                collector.text(key, None, channel);
                collector.free_json(value, channel);
            }
        }
    }
}

/// A source's `data` is base64 but for plain-text documents; of those in base64, texts are read all the same.
fn collect_source(collector: &mut Collector<'_, '_>, source: ValueId, channel: Channel) {
    let base64 = collector.document.string_at(source, &["type"]).is_some_and(|kind| kind == "base64");
    let media_type = collector.document.string_at(source, &["media_type"]);
    let is_text = media_type.is_some_and(|kind| kind.starts_with("text/"));
    for (name, key, value) in collector.named(source) {
        match name.as_ref() {
            "type" | "media_type" => {}
            "data" if base64 && is_text => collector.base64_text(value, channel),
            "data" if base64 => {}
            "content" => collect_content(collector, value, channel),
            _ if collector.document.kind(value) == Kind::String => collector.text(value, Some(key), channel),
            _ => collector.values(value, channel),
        }
    }
}

pub(super) fn shape(document: &Document<'_>, root: ValueId) -> Shape {
    let mut counts = MessageCounts::default();
    for message in document.get(root, "messages").into_iter().flat_map(|messages| document.elements(messages))
    {
        count_role(&mut counts, document.string_at(message, &["role"]).unwrap_or_default().as_ref());
        for block in
            document.get(message, "content").into_iter().flat_map(|content| document.elements(content))
        {
            match document.string_at(block, &["type"]).unwrap_or_default().as_ref() {
                "image" => counts.images += 1,
                "document" => counts.documents += 1,
                "tool_result" => counts.tool_results += 1,
                _ => {}
            }
        }
    }
    let tools = document
        .get(root, "tools")
        .into_iter()
        .flat_map(|tools| document.elements(tools))
        .filter_map(|tool| {
            let name = document.string_at(tool, &["name"])?.into_owned();
            Some(ToolDeclaration { name, schema: document.get(tool, "input_schema"), element: tool })
        })
        .collect();
    let choice = document.get(root, "tool_choice");
    let tool_choice = choice.and_then(|choice| {
        document
            .string_at(choice, &["name"])
            .or_else(|| document.string_at(choice, &["type"]))
            .map(std::borrow::Cow::into_owned)
    });
    Shape { counts, tools, tool_choice, guardrail: None }
}
