//! The facts about a request that policy, quota and record speak of. Filled by the codecs; no text in here.

use std::collections::BTreeMap;

use crate::finding::PiiType;

/// Which body shape was understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    Converse,
    Anthropic,
    Nova,
    /// JSON of a family without a codec: every string is inspected, nothing more is known.
    Opaque,
}

impl Dialect {
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Converse => "converse",
            Dialect::Anthropic => "anthropic",
            Dialect::Nova => "nova",
            Dialect::Opaque => "opaque",
        }
    }
}

/// Sampling and length parameters the caller set. Numbers that policy compares as thousandths keep their text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parameters {
    pub max_tokens: Option<u64>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageCounts {
    pub count: u64,
    pub user: u64,
    pub assistant: u64,
    pub system: u64,
    /// Decoded bytes of text over all messages.
    pub text_bytes: u64,
    pub images: u64,
    pub documents: u64,
    pub tool_results: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardrailRef {
    pub id: String,
    pub version: String,
}

/// Everything known about a request but its texts.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestFacts {
    pub dialect: Dialect,
    pub stream: bool,
    pub body_bytes: u64,
    /// Upper estimate of input tokens, by bytes.
    pub est_tokens: u64,
    pub params: Parameters,
    pub messages: MessageCounts,
    /// System blocks and the SHA-256 of their texts (hex), when there are any.
    pub system_blocks: u64,
    pub system_sha256: Option<String>,
    /// Names of the tools the caller declared, in order.
    pub tools: Vec<String>,
    /// `auto`, `any`, `none` or a tool's name.
    pub tool_choice: Option<String>,
    /// The body offers tools in a shape without a codec: their calls cannot be governed.
    pub tools_unreadable: bool,
    /// The guardrail the caller asked for by itself.
    pub guardrail: Option<GuardrailRef>,
    /// Request metadata the caller attached.
    pub metadata: BTreeMap<String, String>,
}

/// What the detectors found, as policy sees it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Signals {
    /// Count per type, personal data and secrets alike.
    pub findings: BTreeMap<PiiType, u64>,
    /// Highest injection score over all texts, 0..=1.
    pub injection: f32,
    pub injection_families: Vec<&'static str>,
}

impl Signals {
    pub fn secrets(&self) -> u64 {
        self.findings.iter().filter(|(kind, _)| kind.is_secret()).map(|(_, count)| count).sum()
    }
}
