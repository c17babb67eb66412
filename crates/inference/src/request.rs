//! The facts about a request that policy, quota and record speak of. Filled by the codecs; no text in here.

use std::collections::BTreeMap;

use crate::codec::PlainFamily;
use crate::finding::PiiType;

/// Which body shape was understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    Converse,
    Anthropic,
    Nova,
    OpenAiChat,
    OpenAiResponses,
    CohereChat,
    /// A prompt in a member, without messages or tools.
    Plain(PlainFamily),
    /// A body of the agent runtime.
    Agent,
    /// JSON of a family without a codec: every string is inspected, nothing more is known.
    Opaque,
    /// No JSON but UTF-8 text, which stands in the document as one string.
    Text,
    /// Not even text: there is nothing to inspect.
    Bytes,
}

impl Dialect {
    const SINGLE: [Dialect; 10] = [
        Dialect::Converse,
        Dialect::Anthropic,
        Dialect::Nova,
        Dialect::OpenAiChat,
        Dialect::OpenAiResponses,
        Dialect::CohereChat,
        Dialect::Agent,
        Dialect::Opaque,
        Dialect::Text,
        Dialect::Bytes,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Dialect::Converse => "converse",
            Dialect::Anthropic => "anthropic",
            Dialect::Nova => "nova",
            Dialect::OpenAiChat => "openai.chat",
            Dialect::OpenAiResponses => "openai.responses",
            Dialect::CohereChat => "cohere.chat",
            Dialect::Plain(family) => family.name(),
            Dialect::Agent => "agent",
            Dialect::Opaque => "opaque",
            Dialect::Text => "text",
            Dialect::Bytes => "bytes",
        }
    }

    pub fn from_name(name: &str) -> Option<Dialect> {
        let plain = PlainFamily::ALL.iter().map(|family| Dialect::Plain(*family));
        Dialect::SINGLE.into_iter().chain(plain).find(|dialect| dialect.name() == name)
    }

    /// Whether a body without a `messages` array is not of this dialect.
    pub fn has_messages(self) -> bool {
        matches!(self, Dialect::Converse | Dialect::Anthropic | Dialect::Nova | Dialect::OpenAiChat)
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

/// What a knowledge base is asked, without the words of the question.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnowledgeBaseFacts {
    /// The knowledge bases the body names, in order; none where the path names the one.
    pub ids: Vec<String>,
    /// The largest number of results asked for.
    pub results: Option<u64>,
    /// `HYBRID` or `SEMANTIC`, where the caller chose.
    pub search: Option<String>,
    pub query_chars: u64,
    /// Every search of the request has a filter.
    pub has_filter: bool,
    /// A model makes up the filter.
    pub implicit_filter: bool,
    pub rerank: bool,
    /// A model writes an answer from what was found.
    pub generate: bool,
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
    /// False where the body is neither JSON nor text, so that nothing in it was inspected.
    pub parsed: bool,
    /// How many answers are asked for; at least one.
    pub choices: u64,
    /// The body points at content in S3, behind a URL or kept by the service, which nobody inspects here; or it has a
    /// model outside of Bedrock answer.
    pub content_elsewhere: bool,
    /// Of searches, and of agents the body gives knowledge bases to.
    pub knowledge_base: Option<KnowledgeBaseFacts>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_is_found_by_its_name() {
        let plain = PlainFamily::ALL.iter().map(|family| Dialect::Plain(*family));
        let mut names = Vec::new();
        for dialect in Dialect::SINGLE.into_iter().chain(plain) {
            assert_eq!(Dialect::from_name(dialect.name()), Some(dialect));
            names.push(dialect.name());
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!((names.len(), count), (count, 22));
        assert_eq!(Dialect::from_name("Converse"), None);
    }
}
