//! What every dialect with messages tells besides its texts, and the words its roles have. No text in here.

use std::borrow::Cow;

use crate::finding::Channel;
use crate::json::{Document, ValueId};
use crate::request::{GuardrailRef, MessageCounts};

/// A tool the caller declared.
#[derive(Debug, Clone)]
pub struct ToolDeclaration {
    pub name: String,
    pub schema: Option<ValueId>,
    pub(super) element: ValueId,
}

#[derive(Default)]
pub(super) struct Shape {
    pub counts: MessageCounts,
    pub tools: Vec<ToolDeclaration>,
    pub tool_choice: Option<String>,
    pub guardrail: Option<GuardrailRef>,
}

pub(super) fn channel_of(role: &str) -> Channel {
    match role {
        "assistant" => Channel::Assistant,
        "system" | "developer" => Channel::System,
        "tool" | "function" => Channel::Tool,
        _ => Channel::User,
    }
}

pub(super) fn count_role(counts: &mut MessageCounts, role: &str) {
    counts.count += 1;
    match channel_of(role) {
        Channel::Assistant => counts.assistant += 1,
        Channel::System => counts.system += 1,
        Channel::Tool => counts.tool_results += 1,
        Channel::User => counts.user += 1,
    }
}

/// A string member, decoded; empty where there is none.
pub(super) fn word<'a>(document: &Document<'a>, object: ValueId, name: &str) -> Cow<'a, str> {
    document.string_at(object, &[name]).unwrap_or_default()
}

/// The elements of an array member; none where it is no array.
pub(super) fn list(document: &Document<'_>, object: ValueId, name: &str) -> Vec<ValueId> {
    document.get(object, name).map(|list| document.elements(list).collect()).unwrap_or_default()
}

/// A whole number as lenient readers take it: `5`, `5.0`, `5e0` and `"5"` are all five.
pub(super) fn whole_number(document: &Document<'_>, id: ValueId) -> Option<u64> {
    if let Some(number) = document.u64(id) {
        return Some(number);
    }
    let text = document.string(id).unwrap_or_else(|| Cow::Borrowed(document.raw(id)));
    let number: f64 = text.trim().parse().ok()?;
    // A conversion from a float saturates, which is what an upper bound needs.
    (number.is_finite() && number >= 0.0).then_some(number.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::JsonLimits;

    #[test]
    fn a_number_is_read_as_leniently_as_any_reader_does() {
        for (text, number) in [
            ("5", Some(5)),
            ("5.0", Some(5)),
            ("1e3", Some(1000)),
            ("\"7\"", Some(7)),
            ("4.2", Some(5)),
            ("-1", None),
            ("null", None),
            ("\"x\"", None),
            ("\"inf\"", None),
            ("1e30", Some(u64::MAX)),
        ] {
            let document = Document::parse(text.as_bytes(), JsonLimits::default()).unwrap();
            assert_eq!(whole_number(&document, document.root()), number, "{text}");
        }
    }
}
