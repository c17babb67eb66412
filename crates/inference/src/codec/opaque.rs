//! JSON of a family without a codec. Every string in it is a text; nothing else is claimed to be known.

use super::texts::Collector;
use crate::finding::Channel;
use crate::json::{Document, Kind, ValueId};

pub(super) fn collect(collector: &mut Collector<'_, '_>, root: ValueId) {
    collector.free_json(root, Channel::User);
}

/// Whether the body offers tools in any spelling a known family uses.
pub(super) fn offers_tools(document: &Document<'_>, root: ValueId) -> bool {
    let filled = |id: ValueId| match document.kind(id) {
        Kind::Array => document.elements(id).next().is_some(),
        Kind::Object => document.members(id).next().is_some(),
        Kind::Null => false,
        _ => true,
    };
    ["tools", "functions", "toolConfig", "tool_config", "tool_definitions"]
        .iter()
        .filter_map(|name| document.get(root, name))
        .any(filled)
}

/// Where families without a codec put their token limit.
pub(super) const MAX_TOKENS_PATHS: [&[&str]; 8] = [
    &["max_tokens"],
    &["max_completion_tokens"],
    &["max_gen_len"],
    &["maxTokens"],
    &["max_tokens_to_sample"],
    &["textGenerationConfig", "maxTokenCount"],
    &["maxOutputTokens"],
    &["parameters", "max_new_tokens"],
];
