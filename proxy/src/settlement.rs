//! What a request may use at most, and what it used in the end: the figures of reservation, bill and record.

use hardpan_inference::operation::{Asks, Streams};
use hardpan_inference::usage::{TokenUsage, Tokens, UsageSource};
use hardpan_pricing::{Cost, Tier, cost};
use hardpan_quotas::{Reservation, Spend, burndown, reservation_tokens_max};
use hardpan_telemetry::metrics;

use crate::answer::Completion;
use crate::clearance::{Asker, ClearedRequest};
use crate::config::UnknownModel;
use crate::record::Draft;
use crate::refusal::Refusal;
use crate::respond::Outcome;

/// Bytes of generated text taken for one token where no count came.
const ESTIMATED_BYTES_PER_TOKEN: u64 = 4;

/// The reservation by Bedrock's formula, output weighed by its burndown; its price at the same figures.
pub fn worst_case(asker: &Asker<'_>, cleared: &ClearedRequest) -> Result<Spend, Refusal> {
    if !asker.operation.generates() {
        return Ok(Spend { tokens: Tokens(0), nano_usd: 0 });
    }
    let output = longest_output(asker, cleared.max_tokens);
    let tokens = reservation_tokens_max(cleared.est_input_tokens, output, burndown(asker.model));
    let worst = TokenUsage {
        input: Tokens(cleared.est_input_tokens),
        output: Tokens(output),
        ..TokenUsage::default()
    };
    let price = asker.snapshot.prices.price_in(asker.model, Tier::Standard, asker.region);
    match (price, asker.snapshot.config.unknown_model) {
        (Some(price), _) => Ok(Spend { tokens, nano_usd: cost(price, &worst).total.0 }),
        (None, UnknownModel::Flag) => Ok(Spend { tokens, nano_usd: 0 }),
        // Containers are paid for by the hour, not by the token.
        (None, _) if asker.operation.asks() == Asks::EndpointInvoke => Ok(Spend { tokens, nano_usd: 0 }),
        (None, UnknownModel::Refuse) => Err(Refusal::UnpricedModel),
    }
}

/// The bound the request goes out with, or the one that answers to this app have kept to so far.
fn longest_output(asker: &Asker<'_>, max_tokens: u64) -> u64 {
    let Asker { snapshot, principal, model, .. } = asker;
    if !snapshot.config.quota.learns_output {
        return max_tokens;
    }
    snapshot.ledger.outputs.bound(&principal.team, &principal.app, model.base(), max_tokens)
}

/// Settles the reservation by what was used, and notes it. Always reached, however the exchange ended.
pub fn settle(
    asker: &Asker<'_>,
    cleared: &ClearedRequest,
    reservation: Reservation,
    outcome: &Outcome,
    draft: &mut Draft,
) {
    let ledger = &asker.snapshot.ledger;
    let completion = &outcome.completion;
    note(completion, outcome, cleared, draft);
    if asker.routed_from.is_some() && outcome.reached_model {
        draft.model_served = Some(asker.model.as_str().to_owned());
        draft.model_base = Some(asker.model.base().to_owned());
    }
    if let Some(decision) = &completion.judged {
        draft.aside(decision);
    }
    let quota = &asker.snapshot.config.quota;
    if !outcome.reached_model {
        match kept_answer(asker, outcome, draft) {
            Some(spend) if quota.charges_cache_hits => ledger.settle(reservation, spend),
            _ => ledger.release(reservation),
        }
        return;
    }
    if !asker.operation.generates() {
        ledger.settle(reservation, Spend { tokens: Tokens(0), nano_usd: 0 });
        return;
    }
    let counts_as_it_goes = asker.operation.streams() == Streams::Both;
    let (usage, source) = usage_of(completion, cleared, counts_as_it_goes);
    draft.usage = usage;
    draft.usage_source = source;
    draft.cost = price_of(asker, completion, &usage);
    if draft.cost.is_none() {
        metrics::unpriced(asker.operation);
    }
    ledger.settle(reservation, spend_of(asker, &usage, draft.cost.as_ref()));
    let learns = quota.learns_output || quota.opens_by_what_was_learnt;
    if learns && source == UsageSource::Reported {
        let (team, app) = (&asker.principal.team, &asker.principal.app);
        ledger.outputs.observe(team, app, asker.model.base(), usage.output.0);
    }
}

fn price_of(asker: &Asker<'_>, completion: &Completion, usage: &TokenUsage) -> Option<Cost> {
    let tier = completion.service_tier.as_deref().and_then(Tier::from_name).unwrap_or(Tier::Standard);
    let prices = &asker.snapshot.prices;
    // A tier the book does not list costs something all the same.
    let price = prices
        .price_in(asker.model, tier, asker.region)
        .or_else(|| prices.price_in(asker.model, Tier::Standard, asker.region));
    price.map(|price| cost(price, usage))
}

fn spend_of(asker: &Asker<'_>, usage: &TokenUsage, cost: Option<&Cost>) -> Spend {
    Spend { tokens: usage.quota_tokens(burndown(asker.model)), nano_usd: cost.map_or(0, |cost| cost.total.0) }
}

/// What a kept answer cost when it was made: AWS is paid nothing for it now, and record and bill say so.
fn kept_answer(asker: &Asker<'_>, outcome: &Outcome, draft: &Draft) -> Option<Spend> {
    let is_kept = draft.cache == "exact" && outcome.failure.is_none();
    let usage = outcome.completion.usage.filter(|_| is_kept)?;
    Some(spend_of(asker, &usage, price_of(asker, &outcome.completion, &usage).as_ref()))
}

fn note(completion: &Completion, outcome: &Outcome, cleared: &ClearedRequest, draft: &mut Draft) {
    draft.stop_reason.clone_from(&completion.stop_reason);
    draft.tools_called.clone_from(&completion.tools_called);
    draft.tools_denied.clone_from(&completion.tools_denied);
    draft.answer(&completion.tally);
    if outcome.reached_model && cleared.guardrail.is_some() {
        let action = if completion.guardrail_intervened { "intervened" } else { "none" };
        draft.guardrail_action = Some(action);
        metrics::guardrail_action(action);
    } else if completion.guardrail_intervened {
        draft.guardrail_action = Some("intervened");
    }
    if outcome.reached_model {
        draft.model_served.clone_from(&draft.model);
    }
    if let Some(exception) = &completion.exception {
        draft.error = Some(exception.clone());
    }
}

/// A count that came with the beginning of a stream knows nothing of what was written after it.
fn counted(usage: TokenUsage, completion: &Completion) -> (TokenUsage, UsageSource) {
    let is_final = !completion.streamed || completion.complete || completion.stop_reason.is_some();
    let seen = Tokens(completion.content_bytes.div_ceil(ESTIMATED_BYTES_PER_TOKEN));
    if is_final || usage.output >= seen {
        return (usage, UsageSource::Reported);
    }
    (TokenUsage { output: seen, ..usage }, UsageSource::Estimated)
}

/// The service's own count, else an estimate: what was sent was read, and of a stream what came was generated. An
/// answer of which nothing was seen may have been as long as it was allowed to be.
fn usage_of(
    completion: &Completion,
    cleared: &ClearedRequest,
    counts_as_it_goes: bool,
) -> (TokenUsage, UsageSource) {
    match completion.usage {
        // Some containers count only what they wrote.
        Some(usage) if usage.input.0 == 0 && usage.cache_read.0 == 0 && cleared.est_input_tokens > 0 => {
            let input = Tokens(cleared.est_input_tokens);
            return (TokenUsage { input, ..usage }, UsageSource::Estimated);
        }
        Some(usage) if counts_as_it_goes => return (usage, UsageSource::Reported),
        Some(usage) => return counted(usage, completion),
        None => {}
    }
    let seen = completion.content_bytes > 0 || (completion.streamed && !completion.unanswered);
    let output =
        if seen { completion.content_bytes.div_ceil(ESTIMATED_BYTES_PER_TOKEN) } else { cleared.max_tokens };
    let usage = TokenUsage {
        input: Tokens(cleared.est_input_tokens),
        output: Tokens(output),
        ..TokenUsage::default()
    };
    (usage, UsageSource::Estimated)
}
