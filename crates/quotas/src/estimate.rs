//! What a call may use, reckoned before it is made: input from bytes, output from `max_tokens`, and how
//! Bedrock weighs both against its token quota. Nothing here learns from answers; settlement corrects the
//! figures.

use hardpan_inference::model_id::ModelId;
use hardpan_inference::usage::Tokens;

/// Roles and separators of one message.
const TOKENS_PER_MESSAGE: u64 = 16;
/// Claude scales an image down to about 1,568 pixels a side, at (width x height) / 750 tokens.
const TOKENS_PER_IMAGE: u64 = 1_600;
/// A document's text is not decoded here; a handful of pages, at 1,500 to 3,000 tokens each.
const TOKENS_PER_DOCUMENT: u64 = 10_000;

/// How many quota tokens one output token costs, by provider and start of the family; the first match
/// counts. Bedrock burns Claude 3.7 and newer at five, all else at one. It concerns quota alone, never the
/// bill.
const BURNDOWN: [(&str, &str, u64); 4] = [
    ("anthropic", "claude-3-7", 5),
    ("anthropic", "claude-3", 1),
    ("anthropic", "claude-instant", 1),
    ("anthropic", "claude-", 5),
];

/// Weight of an output token in Bedrock's token quota. A model hidden behind an ARN weighs one.
pub fn burndown(model: &ModelId) -> u64 {
    BURNDOWN
        .iter()
        .find(|(provider, family, _)| model.provider() == *provider && model.family().starts_with(*family))
        .map_or(1, |(_, _, weight)| *weight)
}

/// Input tokens of a request, before any model of this family has answered one: 2.5 bytes to a token, which
/// is below what prose and code reach in the tokenizers measured, plus constants for what is not text.
pub fn estimate_input_tokens(text_bytes: u64, messages: u64, images: u64, documents: u64) -> u64 {
    // ceil(bytes / 2.5), written so that it cannot overflow.
    let text = text_bytes / 5 * 2 + (text_bytes % 5 * 2).div_ceil(5);
    text.saturating_add(messages.saturating_mul(TOKENS_PER_MESSAGE))
        .saturating_add(images.saturating_mul(TOKENS_PER_IMAGE))
        .saturating_add(documents.saturating_mul(TOKENS_PER_DOCUMENT))
}

/// What Bedrock charges the token quota when a request starts: all input, and `max_tokens` once.
pub fn reservation_tokens(input: u64, max_tokens: u64) -> Tokens {
    Tokens(input.saturating_add(max_tokens))
}

/// What the final charge cannot exceed, if the input estimate holds: output weighs its burndown by then
/// (`TokenUsage::quota_tokens`). Reserving this keeps a token limit free of overshoot.
pub fn reservation_tokens_max(input: u64, max_tokens: u64, output_burndown: u64) -> Tokens {
    Tokens(input.saturating_add(max_tokens.saturating_mul(output_burndown.max(1))))
}

/// The output bound a request goes out with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxTokens {
    pub effective: u64,
    /// The body does not say this yet.
    pub must_write: bool,
}

/// Chooses `max_tokens`: the caller's figure or the default, never above the policy's. A request always
/// leaves with a bound, because without one Bedrock reserves the model's maximum, the commonest cause of
/// throttling.
pub fn bound(requested: Option<u64>, policy_max: Option<u64>, default_max: u64) -> MaxTokens {
    let wanted = requested.unwrap_or(default_max.max(1));
    let effective = policy_max.map_or(wanted, |most| wanted.min(most));
    MaxTokens { effective, must_write: requested != Some(effective) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claude_from_3_7_on_burns_five_and_all_else_one() {
        for (id, weight) in [
            ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", 5),
            ("us.anthropic.claude-sonnet-4-20250514-v1:0", 5),
            ("anthropic.claude-opus-4-1-20250805-v1:0", 5),
            ("global.anthropic.claude-haiku-4-5-20251001-v1:0", 5),
            ("global.anthropic.claude-opus-5-5", 5),
            ("global.anthropic.claude-fable-5", 5),
            ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4-6", 5),
            ("anthropic.claude-3-5-sonnet-20241022-v2:0", 1),
            ("anthropic.claude-3-haiku-20240307-v1:0", 1),
            ("anthropic.claude-instant-v1", 1),
            ("anthropic.claude-v2:1", 1),
            ("amazon.nova-lite-v1:0", 1),
            ("meta.llama4-scout-17b-instruct-v1:0", 1),
            ("openai.gpt-oss-120b-1:0", 1),
            ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcd1234", 1),
        ] {
            assert_eq!(burndown(&ModelId::parse(id).unwrap()), weight, "{id}");
        }
    }

    #[test]
    fn input_is_estimated_from_bytes_and_counts() {
        for (bytes, messages, images, documents, tokens) in [
            (0, 0, 0, 0, 0),
            (1, 0, 0, 0, 1),
            (2, 0, 0, 0, 1),
            (3, 0, 0, 0, 2),
            (5, 0, 0, 0, 2),
            (6, 0, 0, 0, 3),
            (2_500, 1, 0, 0, 1_016),
            (0, 2, 1, 1, 32 + 1_600 + 10_000),
            (u64::MAX, u64::MAX, 1, 1, u64::MAX),
        ] {
            assert_eq!(
                estimate_input_tokens(bytes, messages, images, documents),
                tokens,
                "{bytes} {messages} {images} {documents}"
            );
        }
    }

    #[test]
    fn two_and_a_half_bytes_are_a_token_rounded_up() {
        for bytes in 0..1_000 {
            assert_eq!(estimate_input_tokens(bytes, 0, 0, 0), (2 * bytes).div_ceil(5), "{bytes}");
        }
    }

    #[test]
    fn reservations_follow_bedrocks_formula() {
        assert_eq!(reservation_tokens(100, 4_096), Tokens(4_196));
        assert_eq!(reservation_tokens_max(100, 4_096, 5), Tokens(100 + 5 * 4_096));
        assert_eq!(reservation_tokens_max(1, 2, 0), Tokens(3));
        assert_eq!(reservation_tokens(u64::MAX, 1), Tokens(u64::MAX));
    }

    #[test]
    fn every_request_leaves_with_a_bound_within_policy() {
        for (requested, policy, default, effective, must_write) in [
            (Some(100), None, 4_096, 100, false),
            (Some(100), Some(1_000), 4_096, 100, false),
            (Some(5_000), Some(1_000), 4_096, 1_000, true),
            (Some(1_000), Some(1_000), 4_096, 1_000, false),
            (None, None, 4_096, 4_096, true),
            (None, Some(1_000), 4_096, 1_000, true),
            (None, Some(9_000), 4_096, 4_096, true),
            (None, None, 0, 1, true),
        ] {
            assert_eq!(
                bound(requested, policy, default),
                MaxTokens { effective, must_write },
                "{requested:?}"
            );
        }
    }
}
