//! OpenAI Chat Completions and Responses bodies (OpenAI API reference, "Create chat completion" and "Create a model
//! response"), as Bedrock's OpenAI paths, SageMaker containers and many model families take them. Answers are read
//! elsewhere.

use super::opaque::is_filled;
use super::shape::{Shape, ToolDeclaration, channel_of, count_role, list, word};
use super::texts::{Collector, is_signed};
use crate::finding::Channel;
use crate::json::{Document, Kind, ValueId};
use crate::request::MessageCounts;

/// Texts of a chat: tools, messages, then whatever else the body holds.
pub(super) fn collect_chat(collector: &mut Collector<'_, '_>, root: ValueId) {
    let document = collector.document;
    collect_tools(collector, root);
    for message in list(document, root, "messages") {
        collect_message(collector, message);
    }
    for (name, key, value) in collector.named(root) {
        match name.as_ref() {
            "tools" if document.kind(value) == Kind::Array => {}
            "messages" | "model" | "stream" | "tool_choice" => {}
            "functions" | "response_format" => collector.free_json(value, Channel::System),
            "metadata" => collector.labels(value, Channel::User),
            _ => {
                collector.text(key, None, Channel::User);
                collector.rest_of(key, value, Channel::User);
            }
        }
    }
}

/// Texts of a response: instructions, tools, input, then whatever else the body holds.
pub(super) fn collect_responses(collector: &mut Collector<'_, '_>, root: ValueId) {
    let document = collector.document;
    if let Some(instructions) = document.get(root, "instructions") {
        collect_content(collector, instructions, Channel::System);
    }
    collect_tools(collector, root);
    if let Some(input) = document.get(root, "input") {
        match document.kind(input) {
            Kind::Array => {
                for item in document.elements(input) {
                    collect_item(collector, item);
                }
            }
            _ => collector.free_json(input, Channel::User),
        }
    }
    for (name, key, value) in collector.named(root) {
        match name.as_ref() {
            "tools" if document.kind(value) == Kind::Array => {}
            "instructions" | "input" | "model" | "stream" | "store" | "tool_choice" => {}
            "previous_response_id" | "conversation" | "include" => {}
            "text" => collector.free_json(value, Channel::System),
            "metadata" => collector.labels(value, Channel::User),
            _ => {
                collector.text(key, None, Channel::User);
                collector.rest_of(key, value, Channel::User);
            }
        }
    }
}

/// Chat nests a tool's declaration in `function`, Responses has it flat.
fn collect_tools(collector: &mut Collector<'_, '_>, root: ValueId) {
    for tool in list(collector.document, root, "tools") {
        if collector.document.kind(tool) != Kind::Object {
            collector.free_json(tool, Channel::System);
        }
        for (name, key, value) in collector.named(tool) {
            match name.as_ref() {
                "type" | "name" => {}
                "function" => collect_function(collector, value, Channel::System),
                _ => collector.rest_of(key, value, Channel::System),
            }
        }
    }
}

fn collect_message(collector: &mut Collector<'_, '_>, message: ValueId) {
    let document = collector.document;
    let channel = channel_of(&word(document, message, "role"));
    for (name, key, value) in collector.named(message) {
        match name.as_ref() {
            "role" | "tool_call_id" => {}
            "content" => collect_content(collector, value, channel),
            "tool_calls" if document.kind(value) == Kind::Array => {
                for call in document.elements(value) {
                    collect_call(collector, call, channel);
                }
            }
            "function_call" => collect_function(collector, value, channel),
            _ => collector.rest_of(key, value, channel),
        }
    }
}

fn collect_call(collector: &mut Collector<'_, '_>, call: ValueId, channel: Channel) {
    if collector.document.kind(call) != Kind::Object {
        return collector.free_json(call, channel);
    }
    for (name, key, value) in collector.named(call) {
        match name.as_ref() {
            "id" | "type" | "index" => {}
            "function" => collect_function(collector, value, channel),
            _ => collector.rest_of(key, value, channel),
        }
    }
}

/// The arguments are JSON in a string, which is one text.
fn collect_function(collector: &mut Collector<'_, '_>, function: ValueId, channel: Channel) {
    if collector.document.kind(function) != Kind::Object {
        return collector.free_json(function, channel);
    }
    for (name, key, value) in collector.named(function) {
        if name != "name" {
            collector.rest_of(key, value, channel);
        }
    }
}

/// Content is a string or an array of parts.
fn collect_content(collector: &mut Collector<'_, '_>, content: ValueId, channel: Channel) {
    let document = collector.document;
    match document.kind(content) {
        Kind::String => collector.text(content, None, channel),
        Kind::Array => {
            for part in document.elements(content) {
                match document.kind(part) {
                    Kind::Object => collect_part(collector, part, channel),
                    _ => collector.free_json(part, channel),
                }
            }
        }
        _ => collector.free_json(content, channel),
    }
}

fn collect_part(collector: &mut Collector<'_, '_>, part: ValueId, channel: Channel) {
    for (name, key, value) in collector.named(part) {
        match name.as_ref() {
            "type" | "cache_control" | "detail" => {}
            "text" | "refusal" => collector.rest_of(key, value, channel),
            "image_url" | "video_url" | "audio_url" => collect_media(collector, key, value, channel),
            "input_audio" | "file" if collector.document.kind(value) != Kind::Object => {
                collector.data_uri(value, key, channel);
            }
            "input_audio" => {
                for (name, key, value) in collector.named(value) {
                    if !matches!(name.as_ref(), "data" | "format") {
                        collector.rest_of(key, value, channel);
                    }
                }
            }
            "file" => {
                for (_, key, value) in collector.named(value) {
                    collector.data_uri(value, key, Channel::Tool);
                }
            }
            "file_data" | "filename" | "file_url" => collector.data_uri(value, key, Channel::Tool),
            _ => collector.rest_of(key, value, channel),
        }
    }
}

/// A URL, or an object with one.
fn collect_media(collector: &mut Collector<'_, '_>, key: ValueId, media: ValueId, channel: Channel) {
    if collector.document.kind(media) != Kind::Object {
        return collector.data_uri(media, key, channel);
    }
    for (name, key, value) in collector.named(media) {
        match name.as_ref() {
            "detail" | "format" => {}
            _ => collector.data_uri(value, key, channel),
        }
    }
}

/// An item of a response's input: a message, a call, a call's result, or the model's reasoning.
fn collect_item(collector: &mut Collector<'_, '_>, item: ValueId) {
    let document = collector.document;
    if document.kind(item) != Kind::Object {
        return collector.free_json(item, Channel::User);
    }
    let kind = word(document, item, "type");
    let channel = match &*kind {
        "" | "message" => channel_of(&word(document, item, "role")),
        "reasoning" => Channel::Assistant,
        kind if kind.ends_with("_output") => Channel::Tool,
        kind if kind.ends_with("_call") => Channel::Assistant,
        _ => Channel::User,
    };
    // What the model wrote for itself is checked against its encrypted form: such text is read, never changed.
    let signed = kind == "reasoning" && is_signed(document, item, "encrypted_content");
    for (name, key, value) in collector.named(item) {
        match name.as_ref() {
            "type" | "role" | "id" | "call_id" | "status" | "encrypted_content" => {}
            "name" if kind == "function_call" => {}
            "summary" | "content" if signed => {
                for text in document.descendants(value).filter(|id| !document.is_key(*id)) {
                    collector.signed_text(text, channel);
                }
            }
            "content" | "output" => collect_content(collector, value, channel),
            _ => collector.rest_of(key, value, channel),
        }
    }
}

pub(super) fn chat_shape(document: &Document<'_>, root: ValueId) -> Shape {
    let mut counts = MessageCounts::default();
    for message in list(document, root, "messages") {
        count_role(&mut counts, &word(document, message, "role"));
        count_parts(&mut counts, document, message);
    }
    let tools = list(document, root, "tools");
    let tools = tools.into_iter().filter_map(|tool| {
        let function = document.get(tool, "function")?;
        declaration(document, tool, function)
    });
    Shape { counts, tools: tools.collect(), tool_choice: tool_choice(document, root), guardrail: None }
}

pub(super) fn responses_shape(document: &Document<'_>, root: ValueId) -> Shape {
    let mut counts = MessageCounts::default();
    if document.get(root, "input").is_some_and(|input| document.kind(input) == Kind::String) {
        count_role(&mut counts, "user");
    }
    for item in list(document, root, "input") {
        match &*word(document, item, "type") {
            "" | "message" => {
                count_role(&mut counts, &word(document, item, "role"));
                count_parts(&mut counts, document, item);
            }
            kind if kind.ends_with("_output") => counts.tool_results += 1,
            _ => {}
        }
    }
    let tools = list(document, root, "tools");
    let tools = tools.into_iter().filter(|tool| word(document, *tool, "type") == "function");
    let tools = tools.filter_map(|tool| declaration(document, tool, tool)).collect();
    Shape { counts, tools, tool_choice: tool_choice(document, root), guardrail: None }
}

fn count_parts(counts: &mut MessageCounts, document: &Document<'_>, message: ValueId) {
    for part in list(document, message, "content") {
        match &*word(document, part, "type") {
            "image_url" | "input_image" | "input_audio" | "video_url" | "audio_url" => counts.images += 1,
            "file" | "input_file" => counts.documents += 1,
            _ => {}
        }
    }
}

fn declaration(document: &Document<'_>, element: ValueId, holder: ValueId) -> Option<ToolDeclaration> {
    let name = document.string_at(holder, &["name"])?.into_owned();
    Some(ToolDeclaration { name, schema: document.get(holder, "parameters"), element })
}

/// `auto`, `none`, `any` or a tool's name, whichever way it is said.
fn tool_choice(document: &Document<'_>, root: ValueId) -> Option<String> {
    let choice = document.get(root, "tool_choice")?;
    let word = document
        .string(choice)
        .or_else(|| document.string_at(choice, &["function", "name"]))
        .or_else(|| document.string_at(choice, &["name"]))
        .or_else(|| document.string_at(choice, &["type"]))?;
    Some(if word == "required" { "any".to_owned() } else { word.into_owned() })
}

/// Tools in a shape whose calls could not be governed: those the service runs itself, and the older `functions`.
pub(super) fn chat_tools_unreadable(document: &Document<'_>, root: ValueId) -> bool {
    let elsewhere = ["functions", "web_search_options", "mcp_servers", "toolConfig", "tool_definitions"];
    elsewhere.iter().filter_map(|name| document.get(root, name)).any(|id| is_filled(document, id))
        || tools_are_no_list(document, root)
        || list(document, root, "tools").into_iter().any(|tool| {
            !matches!(&*word(document, tool, "type"), "function" | "")
                || document.string_at(tool, &["function", "name"]).is_none()
        })
}

pub(super) fn responses_tools_unreadable(document: &Document<'_>, root: ValueId) -> bool {
    tools_are_no_list(document, root)
        || list(document, root, "tools").into_iter().any(|tool| {
            word(document, tool, "type") != "function" || document.string_at(tool, &["name"]).is_none()
        })
}

fn tools_are_no_list(document: &Document<'_>, root: ValueId) -> bool {
    let tools = document.get(root, "tools");
    tools.is_some_and(|tools| !matches!(document.kind(tools), Kind::Array | Kind::Null))
}

/// The contents that stand in the place of a system prompt.
pub(super) fn system(document: &Document<'_>, root: ValueId) -> Vec<ValueId> {
    let messages = ["messages", "input"].iter().flat_map(|name| list(document, root, name));
    let of_system =
        messages.filter(|message| channel_of(&word(document, *message, "role")) == Channel::System);
    let contents = of_system.filter_map(|message| document.get(message, "content"));
    document.get(root, "instructions").into_iter().chain(contents).collect()
}

/// Whether a response's input is one that every reader understands alike.
pub(super) fn input_is_well_formed(document: &Document<'_>, root: ValueId) -> bool {
    document.get(root, "input").is_none_or(|input| match document.kind(input) {
        Kind::String | Kind::Null => true,
        Kind::Array => document.elements(input).all(|item| document.kind(item) == Kind::Object),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::codec::testing::{applied, assert_marked, channels, parse, try_parse};
    use crate::codec::{Request, RequestError};
    use crate::operation::Operation;
    use crate::request::Dialect;

    const CHAT: &str = r#"{"model":"openai.gpt-oss-120b-1:0","stream":true,"n":3,"max_tokens":9,"messages":[
        {"role":"developer","content":"SYSTEM1"},{"role":"system","content":[{"type":"text","text":"SYSTEM2"}]},
        {"role":"user","name":"USER1","content":[{"type":"text","text":"USER2"},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}},
            {"type":"input_audio","input_audio":{"data":"c291bmQ=","format":"wav"}},
            {"type":"file","file":{"filename":"TOOL1","file_data":"data:text/plain;base64,VE9PTA=="}}]},
        {"role":"assistant","content":null,"reasoning_content":"ASSISTANT1","tool_calls":[
            {"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":\"ASSISTANT2\"}"}}]},
        {"role":"tool","tool_call_id":"call_1","content":"TOOL2"}],
        "tools":[{"type":"function","function":{"name":"f","description":"SYSTEM3",
            "parameters":{"type":"object","description":"SYSTEM4"}}},
            {"type":"function","function":{"name":"g"}}],
        "tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false,
        "unknown":{"USER3":["USER4"]}}"#;

    const RESPONSES: &str = r#"{"model":"m","instructions":"SYSTEM1","store":false,"max_output_tokens":9,"input":[
        {"role":"user","content":"USER1"},{"type":"message","role":"user","content":[
            {"type":"input_text","text":"USER2"},{"type":"input_image","image_url":"data:image/png;base64,aGk="},
            {"type":"input_file","filename":"TOOL1","file_data":"data:application/pdf;base64,aGk="}]},
        {"type":"message","role":"assistant","content":[{"type":"output_text","text":"ASSISTANT1"}]},
        {"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":\"ASSISTANT2\"}"},
        {"type":"function_call_output","call_id":"c","output":"TOOL2"},
        {"type":"reasoning","id":"r","summary":[{"type":"summary_text","text":"ASSISTANT3"}],"encrypted_content":"e"}],
        "tools":[{"type":"function","name":"f","description":"SYSTEM2","parameters":{"type":"object"}}],
        "tool_choice":"required","unknown":{"USER3":["USER4"]}}"#;

    fn chat(body: &str) -> Request<'_> {
        parse(Operation::ChatCompletions, "", body)
    }

    #[test]
    fn every_text_of_a_chat_is_found_with_its_channel() {
        let request = chat(CHAT);
        assert_marked(&request, CHAT);
        let found = channels(&request);
        assert!(found.contains(&("TOOL".to_owned(), Channel::Tool)), "{found:?}");
        for hidden in ["aGk=", "c291bmQ=", "call_1", "openai.gpt-oss-120b-1:0"] {
            assert!(!found.iter().any(|(text, _)| text.contains(hidden)), "{hidden}");
        }
    }

    #[test]
    fn the_facts_of_a_chat_are_read() {
        let request = chat(CHAT);
        let facts = &request.facts;
        assert_eq!((facts.dialect, facts.stream, facts.choices), (Dialect::OpenAiChat, true, 3));
        assert_eq!(facts.params.max_tokens, Some(9));
        assert_eq!(facts.tools, ["f", "g"]);
        assert_eq!(facts.tool_choice.as_deref(), Some("f"));
        assert_eq!((facts.system_blocks, facts.messages.count, facts.messages.tool_results), (2, 5, 1));
        assert_eq!((facts.messages.images, facts.messages.documents), (2, 1));
        assert!(!facts.tools_unreadable && !facts.content_elsewhere);
        assert_eq!(request.model_named.as_deref(), Some("openai.gpt-oss-120b-1:0"));
    }

    #[test]
    fn every_text_of_a_response_is_found_with_its_channel() {
        let request = parse(Operation::Responses, "", RESPONSES);
        assert_marked(&request, RESPONSES);
        assert_eq!(request.facts.tool_choice.as_deref(), Some("any"));
        assert_eq!(request.facts.tools, ["f"]);
        assert_eq!(request.texts.iter().filter(|text| !text.editable).count(), 2);
        assert_eq!((request.facts.messages.count, request.facts.messages.tool_results), (3, 1));
        let short = parse(Operation::Responses, "", r#"{"model":"m","input":"u1"}"#);
        assert_eq!(channels(&short), [("u1".to_owned(), Channel::User)]);
    }

    #[test]
    fn reasoning_without_its_encrypted_form_is_a_text_like_any_other() {
        for (encrypted, editable) in [("null", true), ("\"\"", true), ("\"e\"", false)] {
            let body = format!(
                r#"{{"input":[{{"type":"reasoning","summary":[{{"type":"summary_text","text":"ASSISTANT1"}}],
                "encrypted_content":{encrypted}}}]}}"#
            );
            let request = parse(Operation::Responses, "", &body);
            let is_reasoning = |text: &&crate::codec::TextSpan| {
                text.read(&request.document).is_some_and(|text| text == "ASSISTANT1")
            };
            let reasoning = request.texts.iter().find(is_reasoning).unwrap();
            assert_eq!((reasoning.editable, reasoning.channel), (editable, Channel::Assistant), "{body}");
        }
    }

    #[test]
    fn limits_are_inserted_and_replaced() {
        for (operation, body, pointer) in [
            (Operation::ChatCompletions, CHAT, "/max_tokens"),
            (Operation::ChatCompletions, r#"{"messages":[]}"#, "/max_completion_tokens"),
            (
                Operation::ChatCompletions,
                r#"{"messages":[],"max_completion_tokens":1}"#,
                "/max_completion_tokens",
            ),
            (Operation::EndpointChatCompletions, r#"{"messages":[]}"#, "/max_tokens"),
            (Operation::Responses, RESPONSES, "/max_output_tokens"),
            (Operation::Responses, r#"{"input":"x"}"#, "/max_output_tokens"),
        ] {
            let changed = applied(body, parse(operation, "", body).set_max_tokens(77));
            assert_eq!(changed.pointer(pointer), Some(&serde_json::json!(77)), "{body}");
        }
    }

    #[test]
    fn tools_are_dropped_with_what_speaks_of_them() {
        let request = chat(CHAT);
        let one = applied(CHAT, request.drop_tools(&BTreeSet::from(["f".to_owned()])));
        assert_eq!(one.pointer("/tools/0/function/name").unwrap(), "g");
        assert!(one.get("tool_choice").is_none() && one.pointer("/tools/1").is_none());
        let none = applied(CHAT, request.drop_tools(&BTreeSet::from(["f".to_owned(), "g".to_owned()])));
        for name in ["tools", "tool_choice", "parallel_tool_calls"] {
            assert!(none.get(name).is_none(), "{name}");
        }
        assert!(none.get("unknown").is_some());
        let request = parse(Operation::Responses, "", RESPONSES);
        let none = applied(RESPONSES, request.drop_tools(&BTreeSet::from(["f".to_owned()])));
        assert!(none.get("tools").is_none() && none.get("tool_choice").is_none());
    }

    #[test]
    fn tools_that_cannot_be_governed_are_told() {
        for (operation, body) in [
            (Operation::ChatCompletions, r#"{"messages":[],"functions":[{"name":"f"}]}"#),
            (
                Operation::ChatCompletions,
                r#"{"messages":[],"tools":[{"type":"custom","custom":{"name":"f"}}]}"#,
            ),
            (Operation::ChatCompletions, r#"{"messages":[],"tools":{"f":1}}"#),
            (Operation::ChatCompletions, r#"{"messages":[],"web_search_options":{"x":1}}"#),
            (Operation::Responses, r#"{"input":"x","tools":[{"type":"web_search"}]}"#),
            (Operation::Responses, r#"{"input":"x","tools":[{"type":"mcp","name":"f"}]}"#),
        ] {
            assert!(parse(operation, "", body).facts.tools_unreadable, "{body}");
        }
    }

    #[test]
    fn content_that_is_not_in_the_body_is_told() {
        for (operation, body, elsewhere) in [
            (Operation::Responses, r#"{"input":"x","previous_response_id":"resp_1"}"#, true),
            (Operation::Responses, r#"{"input":"x","previous_response_id":null}"#, false),
            (Operation::Responses, r#"{"input":"x","conversation":{"id":"c"}}"#, true),
            (Operation::Responses, r#"{"input":"x","background":true}"#, true),
            (Operation::Responses, r#"{"input":"x","background":false}"#, false),
            (Operation::Responses, r#"{"prompt":{"id":"p"}}"#, true),
            (Operation::Responses, r#"{"input":[{"type":"item_reference","id":"i"}]}"#, true),
            (
                Operation::Responses,
                r#"{"input":[{"role":"user","content":[{"type":"input_file","file_id":"f"}]}]}"#,
                true,
            ),
            (
                Operation::ChatCompletions,
                r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/y"}}]}]}"#,
                true,
            ),
            (
                Operation::ChatCompletions,
                r#"{"messages":[{"role":"user","content":"see https://x/y and s3://a b"}]}"#,
                false,
            ),
        ] {
            assert_eq!(parse(operation, "", body).facts.content_elsewhere, elsewhere, "{body}");
        }
    }

    #[test]
    fn malformed_messages_are_refused() {
        for (operation, body) in [
            (Operation::ChatCompletions, r#"{"model":"m"}"#),
            (Operation::ChatCompletions, r#"{"messages":"x"}"#),
            (Operation::ChatCompletions, r#"{"messages":["x"]}"#),
            (Operation::Responses, r#"{"input":{}}"#),
            (Operation::Responses, r#"{"input":["x"]}"#),
        ] {
            assert_eq!(try_parse(operation, "", body).err(), Some(RequestError::NoMessages), "{body}");
        }
    }
}
