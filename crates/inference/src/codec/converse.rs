//! Converse and Nova bodies: the same messages and content blocks (Amazon Bedrock API reference, "Converse"; Nova
//! user guide, "Complete request schema").

use super::shape::{Shape, ToolDeclaration, channel_of, count_role};
use super::texts::{Collector, is_signed};
use crate::finding::Channel;
use crate::json::{Document, Kind, ValueId};
use crate::request::{GuardrailRef, MessageCounts};

/// Texts in the order a model reads them: system, tools, messages, then whatever else the body holds.
pub(super) fn collect(collector: &mut Collector<'_, '_>, root: ValueId) {
    let members: Vec<_> = collector.named(root).collect();
    let find = |name: &str| members.iter().find(|(member, ..)| member == name).map(|(.., value)| *value);
    if let Some(system) = find("system") {
        collect_content(collector, system, Channel::System);
    }
    if let Some(tools) = find("toolConfig") {
        collect_tools(collector, tools);
    }
    if let Some(messages) = find("messages") {
        for message in collector.document.elements(messages) {
            collect_message(collector, message);
        }
    }
    for (name, key, value) in &members {
        match name.as_ref() {
            "system" | "toolConfig" | "messages" => {}
            "guardrailConfig" | "performanceConfig" | "serviceTier" | "schemaVersion" => {}
            "outputConfig" => collector.values(*value, Channel::System),
            "requestMetadata" => collector.labels(*value, Channel::User),
            _ => {
                collector.text(*key, None, Channel::User);
                collector.free_json(*value, Channel::User);
            }
        }
    }
}

fn collect_message(collector: &mut Collector<'_, '_>, message: ValueId) {
    let role = collector.document.string_at(message, &["role"]).unwrap_or_default().into_owned();
    let channel = channel_of(&role);
    for (name, _, value) in collector.named(message) {
        match name.as_ref() {
            "role" => {}
            "content" => collect_content(collector, value, channel),
            _ => collector.free_json(value, channel),
        }
    }
}

/// Content is an array of blocks; anything else is still inspected.
fn collect_content(collector: &mut Collector<'_, '_>, content: ValueId, channel: Channel) {
    if collector.document.kind(content) != Kind::Array {
        return collector.free_json(content, channel);
    }
    for block in collector.document.elements(content) {
        if collector.document.kind(block) == Kind::Object {
            collect_block(collector, block, channel);
        } else {
            collector.free_json(block, channel);
        }
    }
}

fn collect_block(collector: &mut Collector<'_, '_>, block: ValueId, channel: Channel) {
    for (name, key, value) in collector.named(block) {
        match name.as_ref() {
            "text" => collector.text(value, None, channel),
            "cachePoint" => {}
            "image" | "video" | "audio" => collect_media(collector, value, channel),
            "document" => collect_media(collector, value, Channel::Tool),
            "searchResult" => collector.values(value, Channel::Tool),
            "json" => collector.free_json(value, channel),
            "guardContent" | "citationsContent" => collector.values(value, channel),
            "toolUse" => collect_members_but(collector, value, &["toolUseId", "name", "type"], channel),
            "toolResult" => collect_tool_result(collector, value),
            "reasoningContent" => collect_reasoning(collector, value, channel),
            _ => {
                collector.text(key, None, channel);
                collector.free_json(value, channel);
            }
        }
    }
}

/// All of a media or document block but its format and its base64 bytes, unless those are a text.
fn collect_media(collector: &mut Collector<'_, '_>, media: ValueId, channel: Channel) {
    let format = collector.document.string_at(media, &["format"]);
    // Without a format the service takes a document for text.
    let is_text = channel == Channel::Tool
        && format.is_none_or(|format| matches!(format.as_ref(), "txt" | "md" | "csv" | "html"));
    for (name, key, value) in collector.named(media) {
        match name.as_ref() {
            "format" => {}
            "name" => collector.labels(value, channel),
            "source" => {
                if is_text && let Some(bytes) = collector.document.get(value, "bytes") {
                    collector.base64_text(bytes, channel);
                }
                collect_members_but(collector, value, &["bytes"], channel);
            }
            _ => {
                collector.text(value, Some(key), channel);
                if collector.document.kind(value) != Kind::String {
                    collector.values(value, channel);
                }
            }
        }
    }
}

fn collect_tool_result(collector: &mut Collector<'_, '_>, result: ValueId) {
    for (name, _, value) in collector.named(result) {
        match name.as_ref() {
            "toolUseId" | "status" | "type" => {}
            "content" => collect_content(collector, value, Channel::Tool),
            _ => collector.free_json(value, Channel::Tool),
        }
    }
}

/// The model checks its own reasoning by a signature: such text is read, never changed.
fn collect_reasoning(collector: &mut Collector<'_, '_>, reasoning: ValueId, channel: Channel) {
    let text = collector.document.get(reasoning, "reasoningText");
    let signed = text.is_some_and(|text| is_signed(collector.document, text, "signature"));
    if let (Some(text), true) = (text.and_then(|text| collector.document.get(text, "text")), signed) {
        collector.signed_text(text, channel);
    } else if let Some(text) = text {
        collector.values(text, channel);
    }
}

fn collect_members_but(
    collector: &mut Collector<'_, '_>,
    object: ValueId,
    identifiers: &[&str],
    channel: Channel,
) {
    for (name, key, value) in collector.named(object) {
        if identifiers.contains(&&*name) {
            continue;
        }
        if collector.document.kind(value) == Kind::String {
            collector.text(value, Some(key), channel);
        } else {
            collector.free_json(value, channel);
        }
    }
}

fn collect_tools(collector: &mut Collector<'_, '_>, config: ValueId) {
    let document = collector.document;
    let tools = document.get(config, "tools").map(|tools| document.elements(tools).collect::<Vec<_>>());
    for tool in tools.unwrap_or_default() {
        match document.get(tool, "toolSpec") {
            Some(specification) => {
                for (name, _, value) in collector.named(specification) {
                    if name != "name" {
                        collector.values(value, Channel::System);
                    }
                }
            }
            None => collector.values(tool, Channel::System),
        }
    }
}

pub(super) fn shape(document: &Document<'_>, root: ValueId) -> Shape {
    let messages = document.get(root, "messages");
    let mut counts = MessageCounts::default();
    for message in messages.into_iter().flat_map(|messages| document.elements(messages)) {
        count_role(&mut counts, document.string_at(message, &["role"]).unwrap_or_default().as_ref());
        for block in
            document.get(message, "content").into_iter().flat_map(|content| document.elements(content))
        {
            for (name, _) in document.members(block) {
                match document.string(name).unwrap_or_default().as_ref() {
                    "image" | "video" | "audio" => counts.images += 1,
                    "document" => counts.documents += 1,
                    "toolResult" => counts.tool_results += 1,
                    _ => {}
                }
            }
        }
    }
    let config = document.get(root, "toolConfig");
    let list = config.and_then(|config| document.get(config, "tools"));
    let tools = list
        .into_iter()
        .flat_map(|list| document.elements(list))
        .filter_map(|tool| {
            let specification =
                document.get(tool, "toolSpec").or_else(|| document.get(tool, "systemTool"))?;
            let name = document.string_at(specification, &["name"])?.into_owned();
            let schema = document.path(specification, &["inputSchema", "json"]);
            Some(ToolDeclaration { name, schema, element: tool })
        })
        .collect();
    let choice = config.and_then(|config| document.get(config, "toolChoice"));
    let tool_choice = choice.and_then(|choice| {
        let (name, value) = document.members(choice).next()?;
        match document.string_at(value, &["name"]) {
            Some(tool) => Some(tool.into_owned()),
            None => document.string(name).map(std::borrow::Cow::into_owned),
        }
    });
    let guardrail = document.get(root, "guardrailConfig").and_then(|config| {
        Some(GuardrailRef {
            id: document.string_at(config, &["guardrailIdentifier"])?.into_owned(),
            version: document.string_at(config, &["guardrailVersion"]).unwrap_or_default().into_owned(),
        })
    });
    Shape { counts, tools, tool_choice, guardrail }
}
