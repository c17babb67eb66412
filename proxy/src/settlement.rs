//! What a request may use at most, and what it used in the end: the figures of reservation, bill and record.

use hardpan_inference::operation::{Asks, Streams};
use hardpan_inference::usage::{TokenUsage, Tokens, UsageSource};
use hardpan_pricing::Unpriced;
use hardpan_quotas::{Reservation, Spend, burndown, reservation_tokens_max};
use hardpan_telemetry::metrics;

use crate::answer::Completion;
use crate::clearance::{Asker, ClearedRequest};
use crate::config::{UnknownModel, matches};
use crate::cost::{CallCost, Used};
use crate::record::Draft;
use crate::refusal::Refusal;
use crate::respond::Outcome;

/// Bytes of generated text taken for one token where no count came.
const ESTIMATED_BYTES_PER_TOKEN: u64 = 4;

/// The reservation by Bedrock's formula for so much input, output weighed by its burndown; its price at the same
/// figures.
pub fn worst_case(asker: &Asker<'_>, cleared: &ClearedRequest, input: u64) -> Result<Spend, Refusal> {
    if !asker.operation.generates() {
        return Ok(Spend { tokens: Tokens(0), nano_usd: 0 });
    }
    let output = longest_output(asker, cleared.max_tokens);
    let tokens = reservation_tokens_max(input, output, burndown(asker.model));
    let worst = TokenUsage { input: Tokens(input), output: Tokens(output), ..TokenUsage::default() };
    let call = cost_of(
        asker,
        &Used {
            tokens: worst,
            source: UsageSource::Estimated,
            tier: cleared.service_tier.as_deref(),
            beside: cleared.beside,
            pictures_made: cleared.pictures_asked,
            ..Used::default()
        },
    );
    let spend = Spend { tokens, nano_usd: call.known.0 };
    match (call.unpriced, asker.snapshot.config.unknown_model) {
        // Which tier it will be is for the service to say.
        (None | Some(Unpriced::Tier), _) | (_, UnknownModel::Flag) => Ok(spend),
        // Containers are paid for by the hour, not by the token.
        (Some(_), _) if asker.operation.asks() == Asks::EndpointInvoke => Ok(spend),
        (Some(_), UnknownModel::Refuse) => Err(Refusal::UnpricedModel),
    }
}

/// What so much use costs: of an endpoint with a price by the hour its share, else by the price book.
fn cost_of(asker: &Asker<'_>, used: &Used<'_>) -> CallCost {
    let snapshot = asker.snapshot;
    let name = asker.target.member("EndpointName").or(asker.target.member("InferenceRouterName"));
    let endpoint =
        name.and_then(|name| snapshot.config.sagemaker.iter().find(|own| matches(&own.name, name)));
    match endpoint.and_then(|endpoint| endpoint.rate.as_ref()) {
        Some(rate) => CallCost::of_endpoint(rate, &used.tokens),
        None => CallCost::of_model(&snapshot.prices, asker.model, asker.region, used),
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
    match asker.routed_from {
        _ if !outcome.reached_model => {}
        None => draft.model_served.clone_from(&draft.model),
        Some(_) => {
            draft.model_served = Some(asker.model.as_str().to_owned());
            draft.model_base = Some(asker.model.base().to_owned());
        }
    }
    if let Some(decision) = &completion.judged {
        draft.aside(decision);
    }
    let quota = &asker.snapshot.config.quota;
    if !outcome.reached_model {
        match kept_answer(asker, cleared, outcome, draft) {
            Some(spend) if quota.charges_cache_hits => ledger.settle(reservation, spend),
            _ => ledger.release(reservation),
        }
        return;
    }
    let guardrail = completion.guardrail_units;
    draft.guardrail_units = guardrail.map(|units| units.total());
    if !asker.operation.generates() && guardrail.is_none() {
        ledger.settle(reservation, Spend { tokens: Tokens(0), nano_usd: 0 });
        return;
    }
    let mut used = Used { guardrail, ..Used::default() };
    if asker.operation.generates() {
        let counts_as_it_goes = asker.operation.streams() == Streams::Both;
        let (tokens, source) = usage_of(completion, cleared, counts_as_it_goes);
        used = used_by(completion, cleared, tokens, source);
        draft.service_tier.clone_from(&completion.service_tier);
    }
    draft.usage = used.tokens;
    draft.usage_source = used.source;
    let call = cost_of(asker, &used);
    if let Some(why) = call.unpriced {
        metrics::unpriced(asker.operation, why.code());
    }
    ledger.settle(reservation, spend_of(asker, &used.tokens, &call));
    draft.cost = Some(call);
    let learns = quota.learns_output || quota.opens_by_what_was_learnt;
    // What a guardrail blocked says nothing of how long answers are.
    if learns && used.source == UsageSource::Reported && !used.tokens.is_zero() {
        let (team, app) = (&asker.principal.team, &asker.principal.app);
        ledger.outputs.observe(team, app, asker.model.base(), used.tokens.output.0);
    }
}

/// Everything an answer used that is charged.
fn used_by<'a>(
    completion: &'a Completion,
    cleared: &ClearedRequest,
    tokens: TokenUsage,
    source: UsageSource,
) -> Used<'a> {
    Used {
        tokens,
        source,
        tier: completion.service_tier.as_deref(),
        speech: completion.speech,
        beside: cleared.beside,
        pictures_made: completion.pictures_made,
        guardrail: completion.guardrail_units,
    }
}

fn spend_of(asker: &Asker<'_>, usage: &TokenUsage, call: &CallCost) -> Spend {
    Spend { tokens: usage.quota_tokens(burndown(asker.model)), nano_usd: call.known.0 }
}

/// What a kept answer cost when it was made: AWS is paid nothing for it now, and record and bill say so.
fn kept_answer(
    asker: &Asker<'_>,
    cleared: &ClearedRequest,
    outcome: &Outcome,
    draft: &Draft,
) -> Option<Spend> {
    let is_kept = draft.cache == "exact" && outcome.failure.is_none();
    let usage = outcome.completion.usage.filter(|_| is_kept)?;
    let used = used_by(&outcome.completion, cleared, usage, UsageSource::Reported);
    Some(spend_of(asker, &usage, &cost_of(asker, &used)))
}

fn note(completion: &Completion, outcome: &Outcome, cleared: &ClearedRequest, draft: &mut Draft) {
    draft.stop_reason.clone_from(&completion.stop_reason);
    draft.tools_called.clone_from(&completion.tools_called);
    draft.tools_denied.clone_from(&completion.tools_denied);
    draft.approvals.extend(completion.approvals.iter().cloned());
    draft.answer(&completion.tally);
    draft.answer_injection_score = completion.injection_score;
    if outcome.reached_model && cleared.guardrail.is_some() {
        let action = if completion.guardrail_intervened { "intervened" } else { "none" };
        draft.guardrail_action = Some(action);
        metrics::guardrail_action(action);
    } else if completion.guardrail_intervened {
        draft.guardrail_action = Some("intervened");
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
        // A guardrail that blocks the input leaves nothing for the model to count.
        Some(usage) if completion.guardrail_intervened && usage.is_zero() => {
            return (usage, UsageSource::Reported);
        }
        // Some containers count only what they wrote.
        Some(usage) if usage.has_no_prompt() && cleared.input.tokens > 0 => {
            let input = Tokens(cleared.input.tokens);
            return (TokenUsage { input, ..usage }, UsageSource::Estimated);
        }
        Some(usage) if counts_as_it_goes => return (usage, UsageSource::Reported),
        Some(usage) => return counted(usage, completion),
        None => {}
    }
    let seen = completion.content_bytes > 0 || (completion.streamed && !completion.unanswered);
    // Vectors, ranks and pictures are no text.
    let is_text = cleared.max_tokens > 0;
    let output = if seen && is_text {
        completion.content_bytes.div_ceil(ESTIMATED_BYTES_PER_TOKEN)
    } else {
        cleared.max_tokens
    };
    let usage =
        TokenUsage { input: Tokens(cleared.input.tokens), output: Tokens(output), ..TokenUsage::default() };
    (usage, UsageSource::Estimated)
}
