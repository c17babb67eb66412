//! Facts that several dialects tell: limits, sampling, system prompts, labels, and whether all content is in the
//! body at all. No text leaves this module but as a hash.

use std::borrow::Cow;
use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::parameters::{self, Parameter};
use super::shape::{list, whole_number, word};
use super::{agent, cohere, opaque, openai};
use crate::json::{Document, Kind, ValueId};
use crate::operation::{BodyShape, Operation};
use crate::request::{Dialect, Parameters};

/// Where a dialect's reader looks for its output limit.
fn max_tokens_paths(dialect: Dialect) -> &'static [&'static [&'static str]] {
    match dialect {
        Dialect::Converse | Dialect::Nova => CONVERSE_MAX_TOKENS_PATHS,
        Dialect::Anthropic | Dialect::CohereChat => &[&["max_tokens"]],
        Dialect::OpenAiChat => &[&["max_completion_tokens"], &["max_tokens"]],
        Dialect::OpenAiResponses => &[&["max_output_tokens"]],
        Dialect::Plain(family) => family.max_tokens_paths(),
        Dialect::Agent => agent::MAX_TOKENS_PATHS,
        Dialect::Opaque | Dialect::Text | Dialect::Bytes => opaque::MAX_TOKENS_PATHS,
    }
}

const CONVERSE_MAX_TOKENS_PATHS: &[&[&str]] = &[
    &["inferenceConfig", "maxTokens"],
    &["inferenceConfig", "max_new_tokens"],
    &["additionalModelRequestFields", "max_tokens"],
    &["additionalModelRequestFields", "max_completion_tokens"],
    &["additionalModelRequestFields", "max_gen_len"],
];

/// Every member of the body that some model reads as its output limit.
pub(super) fn max_tokens_members(dialect: Dialect, document: &Document<'_>, root: ValueId) -> Vec<ValueId> {
    max_tokens_paths(dialect).iter().filter_map(|path| document.path(root, path)).collect()
}

/// Where a limit is put when the body names none; None where it would have no meaning. Containers and some
/// providers of SageMaker and Bedrock know no other spelling than `max_tokens` in a chat.
pub(super) fn max_tokens_insert(
    dialect: Dialect,
    knows_max_tokens_only: bool,
    document: &Document<'_>,
    root: ValueId,
) -> Option<&'static [&'static str]> {
    match dialect {
        Dialect::Converse | Dialect::Nova => Some(&["inferenceConfig", "maxTokens"]),
        Dialect::OpenAiChat if !knows_max_tokens_only => Some(&["max_completion_tokens"]),
        Dialect::OpenAiChat | Dialect::Anthropic | Dialect::CohereChat => Some(&["max_tokens"]),
        Dialect::OpenAiResponses => Some(&["max_output_tokens"]),
        Dialect::Plain(family) => family.max_tokens_insert(),
        Dialect::Agent => agent::max_tokens_insert(document, root),
        Dialect::Opaque | Dialect::Text | Dialect::Bytes => None,
    }
}

pub(super) fn parameters(dialect: Dialect, document: &Document<'_>, root: ValueId) -> Parameters {
    let limits = max_tokens_members(dialect, document, root);
    let number = |parameter| parameters::largest(dialect, parameter, document, root);
    Parameters {
        // The largest of them is what may be generated.
        max_tokens: limits.into_iter().filter_map(|id| whole_number(document, id)).max(),
        temperature: number(Parameter::Temperature),
        top_p: number(Parameter::TopP),
    }
}

/// Members by which one request asks for several answers.
const CHOICES_PATHS: [&[&str]; 10] = [
    &["n"],
    &["best_of"],
    &["num_generations"],
    &["numResults"],
    &["num_return_sequences"],
    &["parameters", "n"],
    &["parameters", "best_of"],
    &["parameters", "num_return_sequences"],
    &["imageGenerationConfig", "numberOfImages"],
    &["additionalModelRequestFields", "n"],
];

pub(super) fn choices(document: &Document<'_>, root: ValueId) -> u64 {
    let named = CHOICES_PATHS.iter().filter_map(|path| document.path(root, path));
    let prompts = document.get(root, "prompt").map_or(1, |prompt| {
        document.elements(prompt).filter(|element| document.kind(*element) != Kind::Number).count() as u64
    });
    let choices = named.filter_map(|id| whole_number(document, id)).max().unwrap_or(1).max(1);
    // A list of prompts is answered one by one.
    choices.saturating_mul(prompts.max(1))
}

/// Tools in places or shapes whose calls could not be governed.
pub(super) fn tools_unreadable(dialect: Dialect, document: &Document<'_>, root: ValueId) -> bool {
    match dialect {
        Dialect::Opaque | Dialect::Plain(_) | Dialect::Text | Dialect::Bytes => {
            opaque::offers_tools(document, root)
        }
        Dialect::OpenAiChat => openai::chat_tools_unreadable(document, root),
        Dialect::OpenAiResponses => openai::responses_tools_unreadable(document, root),
        Dialect::CohereChat => cohere::tools_unreadable(document, root),
        // An agent's tools run at the service. Those of an action group that returns control come to the caller in
        // `returnControl` events, which are decided: their schemas belong to the agent, not to the body.
        Dialect::Agent => false,
        Dialect::Converse | Dialect::Nova => {
            let more = document.get(root, "additionalModelRequestFields");
            let tools = document.path(root, &["toolConfig", "tools"]);
            more.is_some_and(|more| {
                opaque::offers_tools(document, more) || document.get(more, "mcp_servers").is_some()
            }) || document
                .get(root, "messages")
                .is_some_and(|messages| has_member(document, messages, "toolAddition"))
                || tools.into_iter().flat_map(|tools| document.elements(tools)).any(|tool| {
                    document.path(tool, &["toolSpec", "name"]).is_none()
                        && document.get(tool, "cachePoint").is_none()
                })
        }
        Dialect::Anthropic => {
            let tools = document.get(root, "tools");
            document.get(root, "mcp_servers").is_some()
                || tools.is_some_and(|tools| !matches!(document.kind(tools), Kind::Array | Kind::Null))
                || list(document, root, "tools").into_iter().any(|tool| !is_callers_own(document, tool))
        }
    }
}

/// Whether an Anthropic tool is one whose calls the caller carries out, and so come by here. All others, web search,
/// code execution and MCP toolsets among them, run at the service.
fn is_callers_own(document: &Document<'_>, tool: ValueId) -> bool {
    let kind = document.get(tool, "type").filter(|kind| document.kind(*kind) != Kind::Null);
    document.string_at(tool, &["name"]).is_some()
        && kind.is_none_or(|kind| {
            document.string(kind).is_some_and(|kind| {
                kind == "custom" || CALLERS_OWN_TOOLS.iter().any(|start| kind.starts_with(start))
            })
        })
}

/// How the types of Anthropic's own tools begin that run where the caller is.
const CALLERS_OWN_TOOLS: [&str; 4] = ["bash_", "text_editor_", "computer_", "memory_"];

/// Whether an object inside `id` has a member of this name.
pub(super) fn has_member(document: &Document<'_>, id: ValueId, name: &str) -> bool {
    document
        .descendants(id)
        .any(|id| document.is_key(id) && document.string(id).is_some_and(|own| own == name))
}

/// Counts the system blocks and hashes their strings, so that policy can pin a system prompt without seeing it.
pub(super) fn system(dialect: Dialect, document: &Document<'_>, root: ValueId) -> (u64, Option<String>) {
    let contents: Vec<ValueId> = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => openai::system(document, root),
        Dialect::CohereChat => document.get(root, "preamble").into_iter().collect(),
        Dialect::Agent => document.get(root, "instruction").into_iter().collect(),
        _ => document.get(root, "system").into_iter().collect(),
    };
    if contents.is_empty() {
        return (0, None);
    }
    let is_list_of_blocks = matches!(dialect, Dialect::Converse | Dialect::Nova | Dialect::Anthropic);
    let blocks = contents.iter().map(|content| match document.kind(*content) {
        Kind::Array if is_list_of_blocks => document.elements(*content).count() as u64,
        _ => 1,
    });
    let mut hash = Sha256::new();
    for id in contents.iter().flat_map(|content| document.descendants(*content)) {
        if !document.is_key(id)
            && let Some(text) = document.string(id)
        {
            hash.update(text.as_bytes());
            hash.update([0]);
        }
    }
    let hex = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    (blocks.sum(), Some(hex))
}

pub(super) fn metadata(document: &Document<'_>, root: ValueId) -> BTreeMap<String, String> {
    let metadata = document.get(root, "requestMetadata");
    metadata
        .into_iter()
        .flat_map(|metadata| document.members(metadata))
        .take(16)
        .filter_map(|(key, value)| {
            Some((document.string(key)?.into_owned(), document.string(value)?.into_owned()))
        })
        .collect()
}

/// Whether the body points at content that is not in it, or sends its content where no policy of Bedrock holds.
/// Where an answer is to be put does not count.
pub(super) fn content_elsewhere(operation: Operation, document: &Document<'_>) -> bool {
    let root = document.root();
    let leaves = operation == Operation::InvokeHarness && agent::harness_leaves_bedrock(document, root);
    let kept_by_the_service = operation.body() == BodyShape::Responses
        && (["previous_response_id", "conversation"]
            .iter()
            .filter_map(|name| document.get(root, name))
            .any(|id| document.kind(id) != Kind::Null)
            || document.get(root, "background").is_some_and(|id| document.kind(id) == Kind::True)
            || document.path(root, &["prompt", "id"]).is_some());
    leaves || kept_by_the_service || is_tokens(document, root) || points_elsewhere(document, root)
}

/// A prompt given as token numbers, which nobody reads here.
fn is_tokens(document: &Document<'_>, root: ValueId) -> bool {
    let prompt = document.get(root, "prompt");
    prompt.is_some_and(|prompt| {
        document.kind(prompt) == Kind::Array
            && document.descendants(prompt).any(|id| document.kind(id) == Kind::Number)
    })
}

fn points_elsewhere(document: &Document<'_>, id: ValueId) -> bool {
    match document.kind(id) {
        Kind::Array => document.elements(id).any(|element| points_elsewhere(document, element)),
        Kind::Object => {
            let kind = word(document, id, "type");
            if kind == "item_reference" {
                return true;
            }
            document.members(id).any(|(key, value)| {
                let name = document.string(key).unwrap_or_default();
                match &*name {
                    // What a model once gave a tool is no content the model is to read from there.
                    "outputDataConfig" | "toolUse" | "json" => false,
                    "input" if kind == "tool_use" => false,
                    name if is_words(name) && document.kind(value) == Kind::String => false,
                    "url" if kind == "url" && is_remote(document, value) => true,
                    name => is_pointer(document, name, value) || points_elsewhere(document, value),
                }
            })
        }
        Kind::String => is_s3(document, id),
        _ => false,
    }
}

fn is_pointer(document: &Document<'_>, name: &str, value: ValueId) -> bool {
    let is_text = document.kind(value) == Kind::String;
    match name {
        "s3Location" | "s3" => {
            let names = ["uri", "s3Uri", "bucket", "bucketName", "s3BucketName"];
            is_text || names.into_iter().any(|name| document.string_at(value, &[name]).is_some())
        }
        "s3Uri" | "s3ObjectUri" | "file_id" => is_text,
        "image_url" | "file_url" | "video_url" | "audio_url" => {
            is_remote(document, value)
                || document.get(value, "url").is_some_and(|inner| is_remote(document, inner))
        }
        _ => false,
    }
}

fn is_remote(document: &Document<'_>, id: ValueId) -> bool {
    document.string(id).is_some_and(|text| {
        ["http://", "https://", "s3://"].iter().any(|scheme| has_scheme(text.trim_start(), scheme))
    })
}

fn has_scheme(text: &str, scheme: &str) -> bool {
    text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

/// Members whose string a model reads as words, whatever it looks like.
fn is_words(name: &str) -> bool {
    matches!(name, "text" | "content" | "prompt" | "inputText" | "message" | "arguments" | "query" | "inputs")
}

/// A whole value that is an S3 address, not a sentence that mentions one.
fn is_s3(document: &Document<'_>, id: ValueId) -> bool {
    let is_address = |text: Cow<'_, str>| has_scheme(&text, "s3://") && !text.contains(char::is_whitespace);
    // Only what begins like an address, or with an escape that may hide one, is decoded.
    let start = document.raw(id).as_bytes().get(1..6).unwrap_or_default();
    let may_be_one =
        start.contains(&b'\\') || start.get(..3).is_some_and(|s3| s3.eq_ignore_ascii_case(b"s3:"));
    may_be_one && document.string(id).is_some_and(is_address)
}

#[cfg(test)]
mod tests {
    use crate::codec::testing::parse;
    use crate::operation::Operation;

    #[test]
    fn pointers_to_content_are_told_and_mentions_are_not() {
        for (body, elsewhere) in [
            (
                r#"{"messages":[{"role":"user","content":[{"image":{"source":{"s3Location":{"uri":"x"}}}}]}]}"#,
                true,
            ),
            (r#"{"messages":[{"role":"user","content":[{"text":"s3://bucket/key"}]}]}"#, false),
            (r#"{"messages":[],"x":["S3://bucket/key"]}"#, true),
            (r#"{"messages":[],"x":["\u00733:\/\/bucket/key"]}"#, true),
            (r#"{"messages":[],"x":["s3://bucket/key is full"]}"#, false),
            (
                r#"{"messages":[{"role":"assistant","content":[{"toolUse":{"input":{"s3Uri":"s3://a/b"}}}]}]}"#,
                false,
            ),
            (
                r#"{"messages":[],"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":
                {"properties":{"file_id":{"type":"string"},"s3Uri":{"type":"string"}}}}}}]}}"#,
                false,
            ),
        ] {
            let request = parse(Operation::Converse, "amazon.nova-lite-v1:0", body);
            assert_eq!(request.facts.content_elsewhere, elsewhere, "{body}");
        }
        let url = r#"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"HTTPS://x"}}]}]}"#;
        assert!(parse(Operation::MantleMessages, "", url).facts.content_elsewhere);
    }

    #[test]
    fn only_tools_the_caller_carries_out_are_readable_in_an_anthropic_body() {
        for (tools, unreadable) in [
            (r#"[{"name":"f","input_schema":{}}]"#, false),
            (r#"[{"type":null,"name":"f"}]"#, false),
            (r#"[{"type":"custom","name":"f"}]"#, false),
            (r#"[{"type":"bash_20250124","name":"bash"}]"#, false),
            (r#"[{"type":"text_editor_20250728","name":"str_replace_based_edit_tool"}]"#, false),
            (r#"[{"type":"computer_20250124","name":"computer"}]"#, false),
            (r#"[{"type":"memory_20250818","name":"memory"}]"#, false),
            ("null", false),
            (r#"[{"type":"web_search_20250305","name":"web_search"}]"#, true),
            (r#"[{"name":"f"},{"type":"code_execution_20250825","name":"code_execution"}]"#, true),
            (r#"[{"type":"mcp_toolset","mcp_server_name":"x","name":"y"}]"#, true),
            (r#"[{"type":"function","name":"f"}]"#, true),
            (r#"[{"type":1,"name":"f"}]"#, true),
            (r#"[{"name":null}]"#, true),
            (r#"{"name":"f"}"#, true),
        ] {
            let body = format!(r#"{{"messages":[],"tools":{tools}}}"#);
            let request = parse(Operation::InvokeModel, "anthropic.claude-3-haiku-20240307-v1:0", &body);
            assert_eq!(request.facts.tools_unreadable, unreadable, "{body}");
        }
    }

    #[test]
    fn every_spelling_of_several_answers_counts() {
        for (body, choices) in [
            (r#"{"messages":[]}"#, 1),
            (r#"{"messages":[],"n":0}"#, 1),
            (r#"{"messages":[],"n":"4"}"#, 4),
            (r#"{"messages":[],"n":2.0,"best_of":7}"#, 7),
        ] {
            assert_eq!(parse(Operation::ChatCompletions, "", body).facts.choices, choices, "{body}");
        }
    }
}
