//! What comes back from a model, on its way to the caller: masked values put back, tool calls decided, usage read.
//! Live answers and cached ones pass the same code.

pub mod stream;
mod unit;
pub mod whole;

use hardpan_filters::vault::Vault;
use hardpan_inference::request::Dialect;
use hardpan_inference::usage::TokenUsage;

use crate::clearance::{Asker, DeclaredTool};

/// What the inspectors of an answer need to know of its request.
pub struct AnswerContext<'a> {
    pub asker: &'a Asker<'a>,
    pub dialect: Dialect,
    pub vault: &'a Vault,
    pub tools: &'a [DeclaredTool],
    /// Policy knew that the request offers tools whose calls cannot be read, and let it go on.
    pub unreadable_tools: bool,
}

impl AnswerContext<'_> {
    pub fn guards_tools(&self) -> bool {
        self.asker.snapshot.config.guards.tools
    }

    /// Whether answers can go by unread but for their usage.
    pub fn is_transparent(&self) -> bool {
        self.vault.is_empty() && !self.guards_tools()
    }
}

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
