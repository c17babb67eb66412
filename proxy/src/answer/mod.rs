//! What comes back from a model, on its way to the caller: masked values put back, what the model wrote of persons
//! masked where policy says so, tool calls decided, usage read.
//! Live answers and cached ones pass the same code.

pub mod stream;
mod unit;
pub mod whole;

use hardpan_filters::holdback::Lookout;
use hardpan_filters::masking::{AnswerRedaction, Masker, Tally};
use hardpan_filters::vault::Vault;
use hardpan_inference::finding::RedactPlace;
use hardpan_inference::request::Dialect;
use hardpan_inference::usage::TokenUsage;

use crate::clearance::{Asker, Clearance, DeclaredTool};

/// What the inspectors of an answer need to know of its request.
pub struct AnswerContext<'a> {
    pub asker: &'a Asker<'a>,
    pub dialect: Dialect,
    pub vault: &'a Vault,
    /// What is masked of that which the model writes.
    pub redaction: &'a AnswerRedaction,
    pub tools: &'a [DeclaredTool],
    /// Policy knew that the request offers tools whose calls cannot be read, and let it go on.
    pub unreadable_tools: bool,
}

/// What policy wants masked in the answer to a request it let go on.
pub fn redaction(clearance: &Clearance) -> AnswerRedaction {
    clearance.redact().map_or_else(AnswerRedaction::default, |redact| {
        AnswerRedaction::of(|place, kind| redact.mode(place, kind))
    })
}

impl<'a> AnswerContext<'a> {
    pub fn guards_tools(&self) -> bool {
        self.asker.snapshot.config.guards.tools
    }

    /// Whether answers can go by unread but for their usage.
    pub fn is_transparent(&self) -> bool {
        self.vault.is_empty() && self.redaction.is_empty() && !self.guards_tools()
    }

    /// What is masked in the model's texts, or in the arguments of its calls.
    pub fn masker(&self, in_call: bool) -> Option<Masker<'a>> {
        let place = if in_call { RedactPlace::Tool } else { RedactPlace::Response };
        self.redaction.masker(place, &self.asker.snapshot.inspector)
    }

    /// What a text under this name is read for. Names of things are put back like other texts but never masked: a
    /// caller that answers to one must be understood.
    pub fn lookout(&self, name: &str, in_call: bool) -> Lookout<'a> {
        let is_name = !in_call && NAMES_OF_THINGS.contains(&name);
        Lookout { vault: self.vault, masker: self.masker(in_call).filter(|_| !is_name) }
    }
}

/// Members of answers that hold no words of the model.
const NAMES_OF_THINGS: &[&str] = &[
    "id",
    "object",
    "model",
    "role",
    "type",
    "toolUseId",
    "tool_use_id",
    "tool_call_id",
    "call_id",
    "item_id",
    "previous_response_id",
    "finish_reason",
    "stop_reason",
    "stopReason",
    "service_tier",
    "system_fingerprint",
    "status",
    "signature",
    "encrypted_content",
];

/// What an answer turned out to be.
#[derive(Default)]
pub struct Completion {
    pub usage: Option<TokenUsage>,
    pub stop_reason: Option<String>,
    pub service_tier: Option<String>,
    pub guardrail_intervened: bool,
    /// Calls the caller was given.
    pub tools_called: Vec<String>,
    pub tools_denied: Vec<String>,
    /// What was found in the model's texts, where they were read.
    pub tally: Tally,
    /// Bytes of generated content seen, for an estimate where no usage came.
    pub content_bytes: u64,
    /// The service itself ended the stream with this exception.
    pub exception: Option<String>,
    /// The answer came, or was to come, in pieces.
    pub streamed: bool,
    /// The request went out and nothing came back: how much was done is unknown.
    pub unanswered: bool,
    /// The answer came to its own end and may be kept.
    pub complete: bool,
}
