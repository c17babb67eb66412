//! Usage under every name the services and model families give it: Bedrock API reference, `TokenUsage`; Anthropic,
//! Nova, Llama, Titan, Cohere, OpenAI and TGI answers; the invocation metrics of a stream's last chunk. Headers
//! are read elsewhere.

use crate::json::{Document, Kind, ValueId};
use crate::usage::{TokenUsage, Tokens};

/// The usage an object of an answer or of a streamed event tells, whoever wrote it.
pub(super) fn usage(document: &Document<'_>, root: ValueId) -> Option<TokenUsage> {
    if let Some(holder) = document.get(root, "amazon-bedrock-invocationMetrics") {
        return Some(TokenUsage {
            input: count(document, holder, &["inputTokenCount"])?,
            output: count(document, holder, &["outputTokenCount"]).unwrap_or_default(),
            cache_read: count(document, holder, &["cacheReadInputTokenCount"]).unwrap_or_default(),
            cache_write_5m: count(document, holder, &["cacheWriteInputTokenCount"]).unwrap_or_default(),
            cache_write_1h: Tokens(0),
        });
    }
    let in_usage = document.get(root, "usage").filter(|holder| document.kind(*holder) == Kind::Object);
    if let Some(holder) = in_usage {
        return in_usage_member(document, holder);
    }
    if let Some(holder) = document.path(root, &["meta", "billed_units"]) {
        return counted(
            count(document, holder, &["input_tokens"]),
            count(document, holder, &["output_tokens"]),
        );
    }
    if let Some(generated) = generated_text(document, root) {
        return Some(generated);
    }
    let input = count(document, root, &["prompt_token_count", "inputTextTokenCount"]);
    let output = count(document, root, &["generation_token_count", "totalOutputTextTokenCount"]);
    let output = output.or_else(|| {
        let results = document.get(root, "results")?;
        let counts = document.elements(results).filter_map(|result| count(document, result, &["tokenCount"]));
        Some(counts.fold(Tokens(0), |sum, tokens| sum + tokens))
    });
    input.map(|input| TokenUsage { input, output: output.unwrap_or_default(), ..TokenUsage::default() })
}

fn in_usage_member(document: &Document<'_>, holder: ValueId) -> Option<TokenUsage> {
    let input = count(document, holder, &["inputTokens", "input_tokens", "prompt_tokens"]);
    let output = count(document, holder, &["outputTokens", "output_tokens", "completion_tokens"]);
    let mut usage = counted(input, output)?;
    let written = ["cacheWriteInputTokens", "cacheWriteInputTokenCount", "cache_creation_input_tokens"];
    let written = count(document, holder, &written).unwrap_or_default();
    usage.cache_write_1h = hour_writes(document, holder).unwrap_or_default();
    usage.cache_write_5m = Tokens(written.0.saturating_sub(usage.cache_write_1h.0));
    let read = ["cacheReadInputTokens", "cacheReadInputTokenCount", "cache_read_input_tokens"];
    usage.cache_read = count(document, holder, &read).unwrap_or_default();
    // OpenAI counts cached tokens among the prompt's; all others beside them.
    let details = ["prompt_tokens_details", "input_tokens_details"];
    let details = details.iter().find_map(|name| document.get(holder, name));
    if let Some(cached) = details.and_then(|details| count(document, details, &["cached_tokens"])) {
        usage.cache_read = cached;
        usage.input = Tokens(usage.input.0.saturating_sub(cached.0));
    }
    Some(usage)
}

/// Text Generation Inference: one object, or one for each of several inputs.
fn generated_text(document: &Document<'_>, root: ValueId) -> Option<TokenUsage> {
    let answers: Vec<ValueId> = match document.kind(root) {
        Kind::Array => document.elements(root).collect(),
        _ => vec![root],
    };
    let mut sum = None;
    for details in answers.into_iter().filter_map(|answer| document.get(answer, "details")) {
        let Some(output) = count(document, details, &["generated_tokens"]) else { continue };
        let prefill = document.get(details, "prefill");
        let input = Tokens(prefill.map_or(0, |prefill| document.elements(prefill).count() as u64));
        let usage: &mut TokenUsage = sum.get_or_insert_default();
        usage.input += input;
        usage.output += output;
    }
    sum
}

/// None where neither side was counted.
fn counted(input: Option<Tokens>, output: Option<Tokens>) -> Option<TokenUsage> {
    if input.is_none() && output.is_none() {
        return None;
    }
    Some(TokenUsage {
        input: input.unwrap_or_default(),
        output: output.unwrap_or_default(),
        ..TokenUsage::default()
    })
}

fn count(document: &Document<'_>, holder: ValueId, names: &[&str]) -> Option<Tokens> {
    names.iter().find_map(|name| document.u64(document.get(holder, name)?)).map(Tokens)
}

/// The part of the cache writes kept for an hour, which costs more.
pub(super) fn hour_writes(document: &Document<'_>, usage: ValueId) -> Option<Tokens> {
    if let Some(creation) = document.get(usage, "cache_creation") {
        return document.u64(document.get(creation, "ephemeral_1h_input_tokens")?).map(Tokens);
    }
    let details = document.get(usage, "cacheDetails")?;
    let hours = document
        .elements(details)
        .filter(|detail| document.string_at(*detail, &["ttl"]).is_some_and(|ttl| ttl == "1h"))
        .filter_map(|detail| document.u64(document.get(detail, "inputTokens")?));
    Some(hours.fold(Tokens(0), |sum, tokens| sum + Tokens(tokens)))
}

/// The service tier that was really used.
pub(super) fn service_tier(document: &Document<'_>, holder: ValueId) -> Option<String> {
    let tier = document.string_at(holder, &["serviceTier", "type"]);
    let tier = tier.or_else(|| document.string_at(holder, &["service_tier"]));
    // Anthropic tells it beside the counts.
    tier.or_else(|| document.string_at(holder, &["usage", "service_tier"])).map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::JsonLimits;

    #[test]
    fn usage_is_read_from_every_family() {
        for (body, input, output, cached) in [
            (r#"{"usage":{"input_tokens":3,"output_tokens":4,"cache_creation_input_tokens":0}}"#, 3, 4, 0),
            (r#"{"usage":{"input_tokens":3,"output_tokens":4,"cache_read_input_tokens":9}}"#, 3, 4, 9),
            (r#"{"usage":{"inputTokens":3,"outputTokens":4}}"#, 3, 4, 0),
            (r#"{"generation":"x","prompt_token_count":3,"generation_token_count":4}"#, 3, 4, 0),
            (r#"{"inputTextTokenCount":3,"results":[{"tokenCount":1},{"tokenCount":3}]}"#, 3, 4, 0),
            (r#"{"usage":{"prompt_tokens":3,"completion_tokens":4}}"#, 3, 4, 0),
            (
                r#"{"usage":{"prompt_tokens":8,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":5}}}"#,
                3,
                4,
                5,
            ),
            (
                r#"{"usage":{"input_tokens":8,"output_tokens":4,"input_tokens_details":{"cached_tokens":5}}}"#,
                3,
                4,
                5,
            ),
            (r#"{"meta":{"billed_units":{"input_tokens":3,"output_tokens":4}}}"#, 3, 4, 0),
            (r#"{"generated_text":"x","details":{"generated_tokens":4,"prefill":[{},{},{}]}}"#, 3, 4, 0),
            (
                r#"[{"details":{"generated_tokens":1,"prefill":[{}]}},{"details":{"generated_tokens":3,"prefill":[{},{}]}}]"#,
                3,
                4,
                0,
            ),
            (r#"{"amazon-bedrock-invocationMetrics":{"inputTokenCount":3,"outputTokenCount":4}}"#, 3, 4, 0),
        ] {
            let document = Document::parse(body.as_bytes(), JsonLimits::default()).unwrap();
            let usage = usage(&document, document.root()).unwrap();
            let expected = (Tokens(input), Tokens(output), Tokens(cached));
            assert_eq!((usage.input, usage.output, usage.cache_read), expected, "{body}");
        }
        for body in [r#"{"usage":{}}"#, r#"{"usage":null}"#, "[]", "\"text\"", "null"] {
            let document = Document::parse(body.as_bytes(), JsonLimits::default()).unwrap();
            assert!(usage(&document, document.root()).is_none(), "{body}");
        }
    }
}
