//! JSON of a family without a codec. Every string in it is a text; nothing else is claimed to be known.

use super::texts::Collector;
use crate::finding::Channel;
use crate::json::{Document, Kind, ValueId};

pub(super) fn collect(collector: &mut Collector<'_, '_>, root: ValueId) {
    collector.free_json(root, Channel::User);
}

/// A body whose tokens are to be counted: a Converse body, or a native one in base64.
pub(super) fn collect_counted(collector: &mut Collector<'_, '_>, root: ValueId) {
    let document = collector.document;
    let converse = counted_converse(document, root);
    if let Some(converse) = converse {
        super::converse::collect(collector, converse);
    }
    let native = document.path(root, &["input", "invokeModel", "body"]);
    let native = native.filter(|native| document.kind(*native) == Kind::String);
    if let Some(native) = native {
        collector.base64_text(native, Channel::User);
    }
    let taken: Vec<ValueId> = converse.into_iter().chain(native).collect();
    collector.rest(root, Channel::User, &taken, |_, _| false);
}

pub(super) fn counted_converse(document: &Document<'_>, root: ValueId) -> Option<ValueId> {
    let converse = document.path(root, &["input", "converse"]);
    converse.filter(|converse| document.kind(*converse) == Kind::Object)
}

/// Whether the body offers tools in any spelling a known family uses.
pub(super) fn offers_tools(document: &Document<'_>, root: ValueId) -> bool {
    ["tools", "functions", "toolConfig", "tool_config", "tool_definitions"]
        .iter()
        .filter_map(|name| document.get(root, name))
        .any(|id| is_filled(document, id))
}

/// Neither null nor an empty list or object.
pub(super) fn is_filled(document: &Document<'_>, id: ValueId) -> bool {
    match document.kind(id) {
        Kind::Array => document.elements(id).next().is_some(),
        Kind::Object => document.members(id).next().is_some(),
        Kind::Null => false,
        _ => true,
    }
}

/// Where families without a codec put their token limit.
pub(super) const MAX_TOKENS_PATHS: &[&[&str]] = &[
    &["max_tokens"],
    &["max_completion_tokens"],
    &["max_output_tokens"],
    &["max_gen_len"],
    &["maxTokens"],
    &["max_tokens_to_sample"],
    &["textGenerationConfig", "maxTokenCount"],
    &["inferenceConfig", "maxTokens"],
    &["inferenceConfig", "max_new_tokens"],
    &["maxOutputTokens"],
    &["parameters", "max_new_tokens"],
];
