//! The shipped book against a snapshot of public prices, where one is at hand: whatever both list has to agree, but
//! for the rows the snapshot itself marks as wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use hardpan_pricing::{Cell, Class, NanoUsd, PriceBook, Scope, ServiceUnit, Tier};
use serde_json::Value;

fn snapshot() -> Option<Value> {
    let shared = std::env::var("HARDPAN_SHARED").ok()?;
    let text = std::fs::read_to_string(format!("{shared}/data/bedrock_prices.json")).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

/// Nano-dollars of a figure in dollars per million, which the snapshot writes as a double: the nearest it can mean.
fn nanos(figure: &Value) -> Option<NanoUsd> {
    let text = format!("{:.9}", figure.as_f64()?);
    text.parse().ok()
}

const CLASSES: [(&str, Class); 5] = [
    ("input", Class::Input),
    ("output", Class::Output),
    ("cache_read", Class::CacheRead),
    ("cache_write_5m", Class::CacheWrite5m),
    ("cache_write_1h", Class::CacheWrite1h),
];

/// Everything the snapshot says of a cell. An id may be priced on two endpoints, and not alike.
fn listed(snapshot: &Value) -> BTreeMap<Cell, BTreeSet<NanoUsd>> {
    let mut cells: BTreeMap<Cell, BTreeSet<NanoUsd>> = BTreeMap::new();
    for row in snapshot["rows"].as_array().unwrap() {
        let tier = row["tier"].as_str().unwrap();
        let Some(tier) = Tier::from_name(if tier == "standard" { "default" } else { tier }) else { continue };
        let scope = Scope::from_name(row["scope"].as_str().unwrap()).unwrap();
        let model = row["base_model"].as_str().unwrap();
        let rate = if row["suspect"].is_null() { row } else { &row["regional_rate"] };
        let mut take = |holder: &Value, above_input_tokens: Option<u64>| {
            for (name, class) in CLASSES {
                let Some(usd) = nanos(&holder[name]) else { continue };
                let (model, scope) = (model.to_owned(), scope.clone());
                cells.entry(Cell { model, scope, tier, above_input_tokens, class }).or_default().insert(usd);
            }
        };
        take(rate, None);
        for step in row["long_context"].as_array().into_iter().flatten().filter(|_| row["suspect"].is_null())
        {
            take(step, step["above_input_tokens"].as_u64());
        }
    }
    cells
}

/// Rows where AWS's own word is another, and the book keeps to it: the list has these models' geographic figure in the
/// region too, and the pricing page has what an extended access to the last two costs.
const OTHER_BY_AWS: [(&str, &str); 5] = [
    ("amazon.nova-2-lite-v1:0", "in_region"),
    ("amazon.nova-2-pro-preview-20251202-v1:0", "in_region"),
    ("anthropic.claude-3-5-sonnet-20240620-v1:0", "geo:eu"),
    ("anthropic.claude-3-5-sonnet-20240620-v1:0", "geo:us"),
    ("anthropic.claude-3-5-sonnet-20241022-v2:0", "geo:us"),
];

#[test]
fn what_both_list_agrees() {
    let Some(snapshot) = snapshot() else { return };
    let book = PriceBook::shipped().unwrap();
    let listed = listed(&snapshot);
    let mut compared = 0;
    let mut differing = Vec::new();
    let mut by_aws = BTreeSet::new();
    for (cell, usd) in book.cells() {
        let Some(known) = listed.get(&cell) else { continue };
        compared += 1;
        let (model, scope) = (cell.model.as_str(), cell.scope.to_string());
        let other = OTHER_BY_AWS.iter().find(|row| **row == (model, scope.as_str()));
        if let (Some(row), false) = (other, known.contains(&usd)) {
            by_aws.insert(*row);
        } else if !known.contains(&usd) {
            differing.push(format!("{cell}: {usd}, listed {known:?}"));
        }
    }
    assert!(compared > 1_000, "{compared} figures compared");
    assert_eq!(by_aws, BTreeSet::from(OTHER_BY_AWS));
    assert!(differing.is_empty(), "{} of {compared} differ:\n{}", differing.len(), differing.join("\n"));
}

#[test]
fn guardrails_cost_what_is_listed() {
    let Some(snapshot) = snapshot() else { return };
    let book = PriceBook::shipped().unwrap();
    let of = &snapshot["guardrails"];
    for (unit, figure) in [
        (ServiceUnit::GuardrailContent, &of["per_text_unit"]["content_policy"]),
        (ServiceUnit::GuardrailTopic, &of["per_text_unit"]["topic_policy"]),
        (ServiceUnit::GuardrailSensitiveInformation, &of["per_text_unit"]["sensitive_information_policy"]),
        (
            ServiceUnit::GuardrailSensitiveInformationRegex,
            &of["per_text_unit"]["sensitive_information_regex"],
        ),
        (ServiceUnit::GuardrailWord, &of["per_text_unit"]["word_policy"]),
        (ServiceUnit::GuardrailGrounding, &of["per_text_unit"]["contextual_grounding_policy"]),
        (ServiceUnit::GuardrailAutomatedReasoning, &of["per_text_unit"]["automated_reasoning_policy"]),
        (ServiceUnit::GuardrailContentImage, &of["per_image"]["content_policy"]),
    ] {
        assert_eq!(book.service(unit), nanos(figure), "{unit:?}");
    }
}
