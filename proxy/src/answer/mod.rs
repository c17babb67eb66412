//! What comes back from a model, on its way to the caller: masked values put back, what the model wrote of persons
//! masked where policy says so, tool calls decided, usage read.
//! Live answers and cached ones pass the same code.

pub mod stream;
mod unit;
pub mod whole;

use std::time::Instant;

use hardpan_caches::CacheKey;
use hardpan_filters::holdback::Lookout;
use hardpan_filters::masking::{AnswerRedaction, Masker, Tally};
use hardpan_filters::vault::Vault;
use hardpan_inference::finding::RedactPlace;
use hardpan_inference::request::Dialect;
use hardpan_inference::usage::{GuardrailUnits, SpeechTokens, TokenUsage};
use hardpan_policies::{Decision, ResponseFacts};
use hardpan_telemetry::audit::AuditApproval;

use crate::clearance::{Asker, Clearance, DeclaredTool, refusal_of};
use crate::refusal::Refusal;

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
    /// Policy is asked about the answer.
    pub judged: bool,
    /// Names the answer where calls in it may have to wait for people.
    pub parking: Option<CacheKey>,
    /// When the answer has to be whole.
    pub deadline: Option<Instant>,
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
        self.vault.is_empty() && self.redaction.is_empty() && !self.guards_tools() && !self.judged
    }

    /// Asks about an answer, once. A refusal means that nothing more of it may leave.
    pub fn judge(&self, completion: &mut Completion, words: &Words) -> Option<Refusal> {
        if !self.judged || completion.judged.is_some() {
            return None;
        }
        let inspector = &self.asker.snapshot.inspector;
        let signals = inspector.answer_signals(&words.text);
        completion.injection_score = inspector.scores_injection().then_some(signals.injection);
        let usage = completion.usage.map(|usage| (usage.input.0, usage.output.0));
        let decision = self.asker.decide_response(ResponseFacts {
            stop_reason: completion.stop_reason.as_deref(),
            usage,
            text_bytes: words.bytes,
            tools: &completion.tools_called,
            tools_denied: &completion.tools_denied,
            guardrail_intervened: completion.guardrail_intervened,
            partial: words.cut || !completion.complete,
            stream: completion.streamed,
            signals: &signals,
        })?;
        let refusal = refusal_of(&decision);
        completion.judged = Some(Box::new(decision));
        refusal
    }

    /// What is masked in the model's texts, or in the arguments of its calls.
    pub fn masker(&self, in_call: bool) -> Option<Masker<'a>> {
        let place = if in_call { RedactPlace::Tool } else { RedactPlace::Response };
        self.redaction.masker(place, &self.asker.snapshot.inspector)
    }

    /// What a text under this name is read for. Names of things are put back like other texts but never masked: a
    /// caller that answers to one must be understood.
    pub fn lookout(&self, name: &str, in_call: bool) -> Lookout<'a> {
        let is_name = !in_call && is_name_of_thing(name);
        Lookout { vault: self.vault, masker: self.masker(in_call).filter(|_| !is_name) }
    }
}

/// The model's own words as they are heard, for the question about the answer. What comes after the bound is counted
/// alone. No `Debug`: it holds content.
#[derive(Default)]
pub struct Words {
    text: String,
    /// Whose words were heard last.
    voice: String,
    bytes: u64,
    cut: bool,
}

/// As much as is looked at.
const WORDS_BYTES_MAX: usize = 512 << 10;

impl Words {
    /// Takes a text, or a piece of one: pieces under one name that come one after the other are one text.
    pub fn hear(&mut self, voice: &str, text: &str) {
        self.bytes += text.len() as u64;
        if self.voice != voice {
            voice.clone_into(&mut self.voice);
            self.push("\n");
        }
        self.push(text);
    }

    /// Takes a text that nothing continues.
    pub fn hear_whole(&mut self, text: &str) {
        self.bytes += text.len() as u64;
        self.voice.clear();
        self.push("\n");
        self.push(text);
    }

    pub fn is_heard(&self) -> bool {
        self.bytes > 0
    }

    fn push(&mut self, text: &str) {
        let room = WORDS_BYTES_MAX.saturating_sub(self.text.len());
        let end = text.floor_char_boundary(room);
        self.cut |= end < text.len();
        self.text.push_str(text.get(..end).unwrap_or_default());
    }
}

pub fn is_name_of_thing(name: &str) -> bool {
    NAMES_OF_THINGS.contains(&name)
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
    /// What guardrails counted, where the answer says so.
    pub guardrail_units: Option<GuardrailUnits>,
    /// How many of the tokens were speech, where the service tells.
    pub speech: Option<SpeechTokens>,
    pub pictures_made: u64,
    /// Calls the caller was given.
    pub tools_called: Vec<String>,
    pub tools_denied: Vec<String>,
    /// What people were asked about calls.
    pub approvals: Vec<AuditApproval>,
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
    /// How much it read like data on its way out, where policy was asked about it.
    pub injection_score: Option<f32>,
    /// What policy said of it.
    pub judged: Option<Box<Decision>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_heard_voice_by_voice_up_to_the_bound() {
        let mut words = Words::default();
        for (voice, text) in [("a", "ann@exam"), ("a", "ple.org"), ("b", "x"), ("a", "y")] {
            words.hear(voice, text);
        }
        assert_eq!((words.text.trim(), words.bytes, words.cut), ("ann@example.org\nx\ny", 17, false));
        words.hear("a", &"é".repeat(WORDS_BYTES_MAX));
        assert!(words.cut && words.text.len() <= WORDS_BYTES_MAX);
        assert_eq!(words.bytes, 17 + 2 * WORDS_BYTES_MAX as u64);
    }
}
