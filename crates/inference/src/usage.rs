//! Tokens a model call used, in the five classes AWS bills apart.

use std::ops::{Add, AddAssign};

/// A count of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
#[serde(transparent)]
pub struct Tokens(pub u64);

impl Add for Tokens {
    type Output = Tokens;

    fn add(self, other: Tokens) -> Tokens {
        Tokens(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Tokens) {
        *self = *self + other;
    }
}

/// Where the figures came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageSource {
    /// The service's own count, in body, header or last stream event.
    Reported,
    /// No count arrived; bytes were counted instead.
    Estimated,
    /// Nothing was generated: refused, or answered from the cache.
    #[default]
    None,
}

/// `input` excludes cache reads and writes, as Bedrock reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct TokenUsage {
    pub input: Tokens,
    pub output: Tokens,
    pub cache_read: Tokens,
    pub cache_write_5m: Tokens,
    pub cache_write_1h: Tokens,
}

impl TokenUsage {
    pub fn cache_write(&self) -> Tokens {
        self.cache_write_5m + self.cache_write_1h
    }

    /// What Bedrock's token quota is charged in the end: input + cache writes + output × burndown; cache reads
    /// are free (Bedrock user guide, "Token burndown").
    pub fn quota_tokens(&self, output_burndown: u64) -> Tokens {
        let output = Tokens(self.output.0.saturating_mul(output_burndown));
        self.input + self.cache_write() + output
    }

    /// Figures that came later in a stream; what they leave out stays as it was known.
    pub fn after(self, known: TokenUsage) -> TokenUsage {
        let later = |new: Tokens, old: Tokens| if new.0 == 0 { old } else { new };
        // Writes told as one sum after they were told apart are the same writes.
        let is_sum = self.cache_write_1h.0 == 0 && self.cache_write_5m >= known.cache_write_1h;
        let writes_5m = if is_sum {
            Tokens(self.cache_write_5m.0.saturating_sub(known.cache_write_1h.0))
        } else {
            self.cache_write_5m
        };
        TokenUsage {
            input: later(self.input, known.input),
            output: later(self.output, known.output),
            cache_read: later(self.cache_read, known.cache_read),
            cache_write_5m: if self.cache_write_5m.0 == 0 { known.cache_write_5m } else { writes_5m },
            cache_write_1h: later(self.cache_write_1h, known.cache_write_1h),
        }
    }

    /// The same, with so many of its cache writes known to be kept for an hour.
    pub fn with_hour_writes(mut self, hour: Tokens) -> TokenUsage {
        if self.cache_write_1h.0 == 0 && hour <= self.cache_write_5m {
            self.cache_write_5m = Tokens(self.cache_write_5m.0 - hour.0);
            self.cache_write_1h = hour;
        }
        self
    }

    pub fn is_zero(&self) -> bool {
        *self == TokenUsage::default()
    }

    /// Whether nothing of the prompt was counted, neither as read anew nor as read from a cache or written to it.
    pub fn has_no_prompt(&self) -> bool {
        TokenUsage { output: Tokens(0), ..*self }.is_zero()
    }
}

/// Units of text, or pictures, that guardrails looked at, policy by policy, by the service's own count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GuardrailUnits {
    pub content: u64,
    pub content_image: u64,
    pub topic: u64,
    pub word: u64,
    pub sensitive_information: u64,
    /// Custom regular expressions.
    pub sensitive_information_free: u64,
    pub contextual_grounding: u64,
    pub automated_reasoning: u64,
    /// InvokeGuardrailChecks counts apart.
    pub check_content: u64,
    pub check_prompt_attack: u64,
    pub check_sensitive_information: u64,
}

impl GuardrailUnits {
    pub fn and(self, more: GuardrailUnits) -> GuardrailUnits {
        let sum = u64::saturating_add;
        GuardrailUnits {
            content: sum(self.content, more.content),
            content_image: sum(self.content_image, more.content_image),
            topic: sum(self.topic, more.topic),
            word: sum(self.word, more.word),
            sensitive_information: sum(self.sensitive_information, more.sensitive_information),
            sensitive_information_free: sum(self.sensitive_information_free, more.sensitive_information_free),
            contextual_grounding: sum(self.contextual_grounding, more.contextual_grounding),
            automated_reasoning: sum(self.automated_reasoning, more.automated_reasoning),
            check_content: sum(self.check_content, more.check_content),
            check_prompt_attack: sum(self.check_prompt_attack, more.check_prompt_attack),
            check_sensitive_information: sum(
                self.check_sensitive_information,
                more.check_sensitive_information,
            ),
        }
    }

    /// All units together, as the audit record counts them.
    pub fn total(&self) -> u64 {
        [
            self.content,
            self.content_image,
            self.topic,
            self.word,
            self.sensitive_information,
            self.sensitive_information_free,
            self.contextual_grounding,
            self.automated_reasoning,
            self.check_content,
            self.check_prompt_attack,
            self.check_sensitive_information,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}

/// The form of picture a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    pub width: u64,
    pub height: u64,
    pub is_premium: bool,
}

/// What a request asks for that is charged by the piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BesideText {
    /// Pictures to embed.
    pub pictures_read: u64,
    /// Pictures to embed as pages of documents, in finer detail.
    pub documents_read: u64,
    /// Sound and video to embed: charged by the second, which a request does not tell.
    pub clips_read: u64,
    /// Queries of a reranking.
    pub queries: u64,
    /// The form of the pictures to make, where the model makes any.
    pub picture: Option<Picture>,
}

/// Tokens of speech, among those of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpeechTokens {
    pub heard: Tokens,
    pub spoken: Tokens,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_counted_wherever_it_was_read_or_written() {
        let one = Tokens(1);
        for (usage, has_no_prompt) in [
            (TokenUsage::default(), true),
            (TokenUsage { output: one, ..TokenUsage::default() }, true),
            (TokenUsage { input: one, ..TokenUsage::default() }, false),
            (TokenUsage { cache_read: one, ..TokenUsage::default() }, false),
            (TokenUsage { cache_write_5m: one, ..TokenUsage::default() }, false),
            (TokenUsage { cache_write_1h: one, output: one, ..TokenUsage::default() }, false),
        ] {
            assert_eq!(usage.has_no_prompt(), has_no_prompt, "{usage:?}");
        }
    }

    #[test]
    fn writes_that_were_told_apart_are_not_counted_again_as_a_sum() {
        let usage = |five, hour| TokenUsage {
            cache_write_5m: Tokens(five),
            cache_write_1h: Tokens(hour),
            ..TokenUsage::default()
        };
        for (known, later, expected) in [
            ((70, 30), (100, 0), (70, 30)),
            ((0, 30), (30, 0), (0, 30)),
            ((70, 30), (0, 0), (70, 30)),
            ((70, 30), (60, 40), (60, 40)),
            ((100, 0), (100, 0), (100, 0)),
            // Less than what was known to be kept for an hour cannot be the sum.
            ((0, 30), (20, 0), (20, 30)),
        ] {
            let found = usage(later.0, later.1).after(usage(known.0, known.1));
            assert_eq!(found, usage(expected.0, expected.1), "{known:?} {later:?}");
        }
    }

    #[test]
    fn quota_tokens_follow_bedrocks_formula() {
        let usage = TokenUsage {
            input: Tokens(100),
            output: Tokens(20),
            cache_read: Tokens(5000),
            cache_write_5m: Tokens(7),
            cache_write_1h: Tokens(3),
        };
        assert_eq!(usage.quota_tokens(5), Tokens(100 + 10 + 100));
        assert_eq!(usage.quota_tokens(1), Tokens(130));
        let told =
            TokenUsage { cache_write_5m: Tokens(10), ..TokenUsage::default() }.with_hour_writes(Tokens(4));
        assert_eq!((told.cache_write_5m, told.cache_write_1h), (Tokens(6), Tokens(4)));
        assert_eq!(usage.with_hour_writes(Tokens(1)), usage);
    }
}
