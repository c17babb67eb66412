//! What a usage type of the Price List or of a bill says: which class of tokens, in what tier, served where.
//!
//! Three forms are in use: `USE1-NovaLite-input-tokens-batch`, `USE1-MP:USE1_CacheReadInputTokenCount_Global-Units`
//! and `USW2-zai.glm-5-mantle-output-tokens-flex`. None is documented. What is not understood whole is skipped with
//! the reason; nothing is taken for the standard tier by default that carries a word unknown here.

use crate::book::{Class, Tier};

/// Where the service says the tokens were served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Served {
    /// In the region, or in its geography: one price for both.
    Regional,
    Geographic,
    Global,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UsageType {
    pub class: Class,
    pub tier: Tier,
    pub served: Served,
    pub long_context: bool,
    /// A model's name inside the usage type; empty in the marketplace's form.
    pub model: String,
    /// The name is a model id of the `bedrock-mantle` endpoint.
    pub mantle: bool,
}

/// Why a row is no price of a text token on demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotText {
    /// Guardrails, images, storage, hours ….
    NotTokens,
    /// Speech, pictures or video, counted in tokens.
    Modality,
    /// A customised model's inference, or its training.
    Custom,
    /// Capacity bought ahead.
    Reserved,
    /// A latency-optimised variant, which no tier of a request names.
    Latency,
    /// A cache kept for a time other than five minutes or an hour.
    CacheTime,
    /// A word in the usage type that is not known here.
    Qualifier,
}

/// Reads a usage type.
pub(crate) fn parse(usage_type: &str) -> Result<UsageType, NotText> {
    let lower = usage_type.to_ascii_lowercase();
    let flat: String = lower.chars().filter(|character| character.is_ascii_alphanumeric()).collect();
    for (words, why) in [
        (&["custommodel", "customization", "training", "distillation", "finetun"][..], NotText::Custom),
        (&["reserved", "provisioned", "tpm", "modelunit"][..], NotText::Reserved),
        (&["latencyoptimized"][..], NotText::Latency),
        (&["guardrail", "evaluation", "promptoptim"][..], NotText::NotTokens),
    ] {
        if words.iter().any(|word| flat.contains(word)) {
            return Err(why);
        }
    }
    if !flat.contains("token") {
        return Err(NotText::NotTokens);
    }
    let (model, metric, mantle) = split(&lower);
    let mut words = words_of(metric);
    let class = class_of(&mut words)?;
    let mut tier = None;
    let mut served = Served::Regional;
    let mut long_context = false;
    let mut once = |new: Tier| if tier.replace(new).is_some() { Err(NotText::Qualifier) } else { Ok(()) };
    for word in words.iter().map(String::as_str) {
        match word {
            "standard" => once(Tier::Standard)?,
            "batch" => once(Tier::Batch)?,
            "flex" => once(Tier::Flex)?,
            "priority" => once(Tier::Priority)?,
            "ultrafast" => once(Tier::Ultrafast)?,
            "global" => served = Served::Global,
            "geo" => served = Served::Geographic,
            "lctx" | "longctx" | "longcontext" => long_context = true,
            "audio" | "speech" | "image" | "video" | "document" => return Err(NotText::Modality),
            "regional" | "units" | "cross" | "region" | "text" => {}
            _ => return Err(NotText::Qualifier),
        }
    }
    if ["speech", "audio", "image", "video"]
        .iter()
        .any(|word| model.split(['-', '_']).any(|part| part == *word))
    {
        return Err(NotText::Modality);
    }
    let tier = tier.unwrap_or(Tier::Standard);
    Ok(UsageType { class, tier, served, long_context, model: model.to_owned(), mantle })
}

/// Model and metric, both without the region's prefix.
fn split(lower: &str) -> (&str, &str, bool) {
    // The marketplace's form has no model in it; its metric stands behind the second prefix.
    if let Some((_, rest)) = lower.split_once("mp:") {
        return ("", after_region(rest, '_'), false);
    }
    let rest = after_region(after_region(lower, '-'), '_');
    if let Some((model, metric)) = rest.split_once("-mantle-") {
        return (model, metric, true);
    }
    let begins = |word: &str| {
        let dashed = format!("-{word}");
        let at_start = rest.starts_with(word).then_some(0);
        at_start.or_else(|| rest.find(&dashed).map(|at| at + 1))
    };
    let metric = [
        "input-",
        "output-",
        "response-",
        "cache-",
        "cached-",
        "inputtoken",
        "outputtoken",
        "cacheread",
        "cachewrite",
        "input_",
        "output_",
        "cache_",
    ];
    match metric.iter().filter_map(|word| begins(word)).min() {
        Some(at) => {
            let (model, metric) = rest.split_at(at);
            (model.trim_end_matches('-'), metric, false)
        }
        None => ("", rest, false),
    }
}

/// What follows the region's billing prefix, `USE1-` or `EU_`, where there is one.
fn after_region(text: &str, separator: char) -> &str {
    let Some((prefix, rest)) = text.split_once(separator) else { return text };
    let letters = prefix.trim_end_matches(|character: char| character.is_ascii_digit());
    let is_region = (2..=4).contains(&letters.len())
        && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
        && prefix.len() - letters.len() <= 1
        && REGION_PREFIXES.contains(&letters);
    if is_region { rest } else { text }
}

/// Billing prefixes without their digit (Cost and Usage Report guide, "Region codes").
const REGION_PREFIXES: [&str; 30] = [
    "use", "usw", "ugw", "uge", "can", "caw", "cpt", "ape", "apn", "aps", "eu", "euc", "euw", "eun", "eus",
    "ilc", "mec", "mes", "sae", "afs", "mxc", "us", "ap", "sa", "ca", "me", "af", "il", "mx", "cnn",
];

/// `CacheWrite1hInputTokenCount_LCtx_Global-Units` is written in lower case by now: known words are cut out of it.
fn words_of(metric: &str) -> Vec<String> {
    let mut words = Vec::new();
    let metric = metric.replace("long_ctx", "longctx").replace("long-context", "longcontext");
    let metric = metric.replace("latency-optimized", "latency");
    for part in metric.split(['-', '_', ' ', '.']).filter(|part| !part.is_empty()) {
        let mut rest = part;
        while !rest.is_empty() {
            let known = WORDS.iter().find(|word| rest.starts_with(**word));
            let taken = known.map_or(rest.len(), |word| word.len());
            words.push(rest.get(..taken).unwrap_or_default().to_owned());
            rest = rest.get(taken..).unwrap_or_default();
        }
    }
    words
}

/// Longer words before those they begin with.
const WORDS: [&str; 26] = [
    "cached",
    "cache",
    "reads",
    "read",
    "writes",
    "write",
    "1h",
    "5m",
    "30m",
    "inputs",
    "input",
    "outputs",
    "output",
    "response",
    "tokens",
    "token",
    "count",
    "lctx",
    "longctx",
    "longcontext",
    "global",
    "geo",
    "batch",
    "flex",
    "priority",
    "units",
];

/// Takes the words of the class out of the metric's.
fn class_of(words: &mut Vec<String>) -> Result<Class, NotText> {
    let mut take = |names: &[&str]| {
        let before = words.len();
        words.retain(|word| !names.contains(&word.as_str()));
        before > words.len()
    };
    let cache = take(&["cache", "cached"]);
    let read = take(&["read", "reads"]);
    let write = take(&["write", "writes"]);
    let hour = take(&["1h"]);
    let five = take(&["5m"]);
    let half_hour = take(&["30m"]);
    let input = take(&["input", "inputs"]);
    let output = take(&["output", "outputs", "response"]);
    if !take(&["token", "tokens"]) {
        return Err(NotText::NotTokens);
    }
    take(&["count"]);
    match (cache, read, write, input, output) {
        (true, _, true, _, false) if half_hour => Err(NotText::CacheTime),
        (true, false, true, _, false) if hour => Ok(Class::CacheWrite1h),
        (true, false, true, _, false) => Ok(Class::CacheWrite5m),
        (true, _, false, _, false) if !(hour || five || half_hour) && (read || input) => Ok(Class::CacheRead),
        (false, false, false, true, false) => Ok(Class::Input),
        (false, false, false, false, true) => Ok(Class::Output),
        _ => Err(NotText::Qualifier),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_types_of_every_form_are_read() {
        use Class::{CacheRead, CacheWrite1h, CacheWrite5m, Input, Output};
        use Served::{Geographic, Global, Regional};
        for (text, class, tier, served, long, model) in [
            ("USE1-NovaLite-input-tokens", Input, Tier::Standard, Regional, false, "novalite"),
            ("EU-NovaLite-output-tokens", Output, Tier::Standard, Regional, false, "novalite"),
            ("EUN1_InputTokenCount", Input, Tier::Standard, Regional, false, ""),
            ("NovaLite-output-tokens", Output, Tier::Standard, Regional, false, "novalite"),
            ("APN1-NovaPro-input-tokens-batch", Input, Tier::Batch, Regional, false, "novapro"),
            (
                "USE1-Nova2.0Lite-input-tokens-cross-region-global",
                Input,
                Tier::Standard,
                Global,
                false,
                "nova2.0lite",
            ),
            (
                "USE1-Nova2.0Pro-text-input-tokens-priority-cross-region-global",
                Input,
                Tier::Priority,
                Global,
                false,
                "nova2.0pro-text",
            ),
            (
                "USE1-Nova2.0Lite-cache-read-input-token-count",
                CacheRead,
                Tier::Standard,
                Regional,
                false,
                "nova2.0lite",
            ),
            (
                "USE1-Nova2.0Lite-cache-write-input-token-count",
                CacheWrite5m,
                Tier::Standard,
                Regional,
                false,
                "nova2.0lite",
            ),
            ("USE1-Gemma-3-4B-IT-input-tokens-flex", Input, Tier::Flex, Regional, false, "gemma-3-4b-it"),
            ("USE1-MP:USE1_InputTokenCount-Units", Input, Tier::Standard, Regional, false, ""),
            ("USW2-MP:USW2_OutputTokenCount_Geo-Units", Output, Tier::Standard, Geographic, false, ""),
            (
                "USE1-MP:USE1_CacheReadInputTokenCount_Global-Units",
                CacheRead,
                Tier::Standard,
                Global,
                false,
                "",
            ),
            (
                "USE1-MP:USE1_CacheWriteInputTokenCount-Units",
                CacheWrite5m,
                Tier::Standard,
                Regional,
                false,
                "",
            ),
            (
                "USE1-MP:USE1_CacheWrite1hInputTokenCount_LCtx_Global-Units",
                CacheWrite1h,
                Tier::Standard,
                Global,
                true,
                "",
            ),
            ("USW2-MP:USW2_InputTokenCount_Global_Batch-Units", Input, Tier::Batch, Global, false, ""),
            (
                "USW2-MP:USW2_input_tokens_long_ctx_global_standard-Units",
                Input,
                Tier::Standard,
                Global,
                true,
                "",
            ),
            (
                "USW2-MP:USW2_cache_write_tokens_1h_standard-Units",
                CacheWrite1h,
                Tier::Standard,
                Regional,
                false,
                "",
            ),
            ("USW2-MP:USW2_cached_input_tokens_flex-Units", CacheRead, Tier::Flex, Regional, false, ""),
            (
                "USE1-zai.glm-5-mantle-input-tokens-standard",
                Input,
                Tier::Standard,
                Regional,
                false,
                "zai.glm-5",
            ),
            (
                "USE1-xai.grok-4.3-mantle-cache-read-tokens-flex",
                CacheRead,
                Tier::Flex,
                Regional,
                false,
                "xai.grok-4.3",
            ),
            (
                "USW2-anthropic.claude-opus-4-8-mantle-input-tokens-global-standard",
                Input,
                Tier::Standard,
                Global,
                false,
                "anthropic.claude-opus-4-8",
            ),
        ] {
            let found = parse(text).unwrap_or_else(|why| panic!("{text}: {why:?}"));
            let mantle = text.contains("mantle");
            let model = model.to_owned();
            assert_eq!(found, UsageType { class, tier, served, long_context: long, model, mantle }, "{text}");
        }
    }

    #[test]
    fn what_is_no_text_on_demand_is_told_apart() {
        for (text, why) in [
            ("", NotText::NotTokens),
            ("USE1-Guardrail-ContentPolicyUnitsConsumed", NotText::NotTokens),
            ("USE1-TitanImageGenerator-T2I-512-Standard", NotText::NotTokens),
            ("USE1-cohere.rerank-english-v3-search-units", NotText::NotTokens),
            ("USE1-NovaSonic-speech-input-tokens", NotText::Modality),
            ("USE1-Nova2.0Pro-image-input-tokens", NotText::Modality),
            ("USE1-NovaLite-input-tokens-custom-model", NotText::Custom),
            ("USE1-NovaPro-Customization-Training", NotText::Custom),
            ("USE1-MP:USE1_Reserved_1Month_InputTPM_Global-Units", NotText::Reserved),
            ("USE1-Claude3-5Haiku-input-tokens-latency-optimized", NotText::Latency),
            ("USE1-MP:USE1_cache_write_tokens_30m_standard-Units", NotText::CacheTime),
            ("USE1-NovaLite-input-tokens-tomorrow", NotText::Qualifier),
            ("USE1-NovaLite-input-tokens-flex-batch", NotText::Qualifier),
            ("USE1-NovaLite-input-output-tokens", NotText::Qualifier),
        ] {
            assert_eq!(parse(text), Err(why), "{text}");
        }
    }
}
