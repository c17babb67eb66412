//! What an `apply` rule asks for, read strictly and merged so that it can only tighten.
//!
//! Merging is associative, commutative within a layer and idempotent: no order, no priorities. What cannot
//! be read, or cannot be merged, is an error, because an obligation nobody carries out is a hole.

use std::collections::{BTreeMap, BTreeSet};

use hardpan_inference::codec::{Decimal, Parameter, ParameterRange, RetrievalLimit};
use hardpan_inference::finding::{PiiType, RedactMode, RedactPlace};
use hardpan_inference::model_id::ModelId;
use hardpan_inference::request::GuardrailRef;
use regorus::Value;

use crate::decision::{
    ApprovalRule, CacheRule, CacheScope, Conflict, Layer, LogContent, Obligations, QuotaKey, QuotaUnit,
    QuotaWindow, Redact, Route,
};
use crate::input::Action;

/// Every key there is. Others are refused at load where they are literal, and fail the evaluation where not.
pub(crate) const KEYS: &[&str] = &[
    "approval",
    "cache",
    "drop_tools",
    "filter",
    "guardrail",
    "headers",
    "label",
    "log",
    "max_results",
    "max_tokens",
    "params",
    "quota",
    "redact",
    "route",
    "tags",
    "timeout_ms",
];

/// Whether anything can be done about a key where an action is decided. A rule that means others alone is refused at
/// load.
pub(crate) fn takes(key: &str, action: Action) -> bool {
    let is_request = !matches!(action, Action::ToolUse | Action::ToolResult | Action::ModelRespond);
    match key {
        "filter" | "max_results" => action == Action::KbRetrieve,
        "route" => action == Action::ModelInvoke,
        "approval" => is_request || action == Action::ToolUse,
        "params" | "quota" | "headers" | "timeout_ms" => is_request,
        _ => true,
    }
}

/// Names one rule may list.
const NAMES_MAX: usize = 4096;
/// Bedrock takes 16 entries of request metadata of at most 256 characters.
const TAGS_MAX: usize = 16;
const TAG_BYTES_MAX: usize = 256;
/// Response headers: their own corner, so that none of Hardpan's or the service's is ever replaced.
const HEADER_PREFIX: &str = "x-hardpan-policy-";
const HEADERS_MAX: usize = 16;
const HEADER_BYTES_MAX: usize = 256;
/// Labels one rule may set, and their length.
const LABELS_MAX: usize = 16;
const LABEL_BYTES_MAX: usize = 64;
/// Limits one request may be held to beside the configured ones.
const QUOTAS_MAX: usize = 16;
const QUOTA_KEY_BYTES_MAX: usize = 128;
const NANO_PER_USD: f64 = 1e9;
/// Models tried after the first.
const FALLBACKS_MAX: usize = 3;
/// A filter as the service takes it.
const FILTER_BYTES_MAX: usize = 16 << 10;
const FILTER_DEPTH_MAX: usize = 4;
/// Conjuncts of all rules together.
const FILTERS_MAX: usize = 64;
/// Groups that have to approve, their names, and what approvers are told.
const APPROVERS_MAX: usize = 16;
const APPROVER_BYTES_MAX: usize = 64;
const REASONS_MAX: usize = 8;
const REASON_BYTES_MAX: usize = 256;
/// A week; nobody remembers what it was about after that.
const APPROVAL_TTL_S_MAX: u64 = 7 * 24 * 3600;
/// What a caller may be kept waiting for a person.
const APPROVAL_WAIT_S_MAX: u64 = 600;
/// Thirty days; longer is cut to it.
const CACHE_TTL_S_MAX: u64 = 30 * 24 * 3600;

/// One obligation from one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Obligation {
    Approval(ApprovalRule),
    MaxTokens(u64),
    Redact(Box<Redact>),
    Guardrail {
        guardrail: GuardrailRef,
        refuse_other: bool,
    },
    Params(BTreeMap<Parameter, ParameterRange>),
    /// Conjuncts.
    Filter(BTreeSet<String>),
    MaxResults(u64),
    Quota(QuotaKey, u64),
    Route(Route),
    Headers(BTreeMap<String, String>),
    Label(BTreeSet<String>),
    TimeoutMs(u64),
    Cache(CacheRule),
    DropTools(BTreeSet<String>),
    Tags(BTreeMap<String, String>),
    Log(LogContent),
}

/// An obligation and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct Applied {
    pub(crate) layer: Layer,
    pub(crate) package: String,
    pub(crate) at: Option<String>,
    pub(crate) obligation: Obligation,
}

/// Two rules of one layer pick different values for something only one of can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RuleConflict {
    pub(crate) layer: Layer,
    pub(crate) package: String,
    pub(crate) at: Option<String>,
    pub(crate) message: String,
}

impl Obligation {
    /// `None` for an unknown key or a value of the wrong shape.
    pub(crate) fn read(key: &str, value: &Value) -> Option<Obligation> {
        match key {
            "approval" => approval(value).map(Obligation::Approval),
            "max_tokens" => positive(value).map(Obligation::MaxTokens),
            "redact" => redact(value).map(|redact| Obligation::Redact(Box::new(redact))),
            "guardrail" => guardrail(value),
            "params" => params(value).map(Obligation::Params),
            "filter" => filter(value).map(Obligation::Filter),
            "max_results" => positive(value).map(Obligation::MaxResults),
            "quota" => quota(value),
            "route" => route(value).map(Obligation::Route),
            "headers" => headers(value).map(Obligation::Headers),
            "label" => labels(value).map(Obligation::Label),
            "timeout_ms" => positive(value).map(Obligation::TimeoutMs),
            "cache" => cache(value).map(Obligation::Cache),
            "drop_tools" => names(value).map(Obligation::DropTools),
            "tags" => tags(value).map(Obligation::Tags),
            "log" => log(value).map(Obligation::Log),
            _ => None,
        }
    }
}

/// Without a group nobody could approve, so an empty list is none.
fn approval(value: &Value) -> Option<ApprovalRule> {
    let fields = Fields::read(value, &["approvers", "reason", "ttl_s", "wait_s"])?;
    let approvers = names(fields.get("approvers")?)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'@');
    let fits = |name: &String| (1..=APPROVER_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain);
    if approvers.is_empty() || approvers.len() > APPROVERS_MAX || !approvers.iter().all(fits) {
        return None;
    }
    let reason = match fields.get("reason") {
        None => None,
        Some(reason) => Some(text(reason).filter(|reason| reason.len() <= REASON_BYTES_MAX)?.to_owned()),
    };
    let ttl_s = match fields.get("ttl_s") {
        None => None,
        Some(ttl_s) => Some(positive(ttl_s)?.min(APPROVAL_TTL_S_MAX)),
    };
    let wait_s = match fields.get("wait_s") {
        None => None,
        Some(wait_s @ Value::Number(_)) => Some(wait_s.as_u64().ok()?.min(APPROVAL_WAIT_S_MAX)),
        Some(_) => return None,
    };
    Some(ApprovalRule { approvers, reasons: reason.into_iter().collect(), ttl_s, wait_s })
}

/// Whoever either asks for, and the shorter of both times.
fn both_approve(one: Option<ApprovalRule>, two: Option<ApprovalRule>) -> Option<ApprovalRule> {
    match (one, two) {
        (Some(one), Some(two)) => Some(ApprovalRule {
            approvers: one.approvers.into_iter().chain(two.approvers).collect(),
            reasons: one.reasons.into_iter().chain(two.reasons).collect(),
            ttl_s: tighter(one.ttl_s, two.ttl_s),
            wait_s: tighter(one.wait_s, two.wait_s),
        }),
        (one, two) => one.or(two),
    }
}

/// What more approvals are demanded of than can be kept track of.
fn too_many_approvals(rule: Option<&ApprovalRule>) -> Option<&'static str> {
    let rule = rule?;
    if rule.approvers.len() > APPROVERS_MAX {
        return Some("approvers");
    }
    (rule.reasons.len() > REASONS_MAX).then_some("reasons for approval")
}

fn redact(value: &Value) -> Option<Redact> {
    let fields = Fields::read(value, &["types", "where", "mode", "restore"])?;
    let kinds: Vec<PiiType> = match fields.get("types")? {
        all if text(all) == Some("*") => PiiType::every().collect(),
        listed => {
            let listed = names(listed)?;
            if listed.contains("*") {
                PiiType::every().collect()
            } else {
                listed.iter().map(|name| PiiType::from_name(name)).collect::<Option<_>>()?
            }
        }
    };
    let places: Vec<RedactPlace> = match fields.get("where") {
        Some(listed) => names(listed)?.iter().map(|name| redact_place(name)).collect::<Option<_>>()?,
        None => vec![RedactPlace::Request],
    };
    // A list without a place would hide nothing.
    if places.is_empty() {
        return None;
    }
    let mode = match fields.get("mode") {
        Some(mode) => redact_mode(text(mode)?)?,
        None => RedactMode::Mask,
    };
    let restore = match fields.get("restore") {
        Some(Value::Bool(restore)) => *restore,
        Some(_) => return None,
        None => true,
    };
    Some(Redact::new(kinds, &places, mode, restore))
}

fn redact_place(name: &str) -> Option<RedactPlace> {
    match name {
        "request" => Some(RedactPlace::Request),
        "response" => Some(RedactPlace::Response),
        "tool" => Some(RedactPlace::Tool),
        _ => None,
    }
}

fn redact_mode(name: &str) -> Option<RedactMode> {
    match name {
        "mask" => Some(RedactMode::Mask),
        "fake" => Some(RedactMode::Fake),
        "hash" => Some(RedactMode::Hash),
        "token" => Some(RedactMode::Token),
        "label" => Some(RedactMode::Label),
        "drop" => Some(RedactMode::Drop),
        _ => None,
    }
}

fn guardrail(value: &Value) -> Option<Obligation> {
    let fields = Fields::read(value, &["id", "version", "caller"])?;
    let part =
        |name: &str| fields.get(name).and_then(text).filter(|part| !part.is_empty()).map(str::to_owned);
    let refuse_other = match fields.get("caller") {
        None => false,
        Some(word) => match text(word)? {
            "replace" => false,
            "refuse" => true,
            _ => return None,
        },
    };
    let guardrail = GuardrailRef { id: part("id")?, version: part("version")? };
    Some(Obligation::Guardrail { guardrail, refuse_other })
}

fn params(value: &Value) -> Option<BTreeMap<Parameter, ParameterRange>> {
    let Value::Object(object) = value else { return None };
    let range = |(name, value): (&Value, &Value)| {
        let parameter = Parameter::from_name(text(name)?)?;
        let fields = Fields::read(value, &["min", "max"])?;
        let end = |name: &str| match fields.get(name) {
            None => Some(None),
            Some(end) => Some(Some(decimal(end, parameter)?)),
        };
        Some((parameter, ParameterRange::new(end("min")?, end("max")?)?))
    };
    let ranges: BTreeMap<_, _> = object.iter().map(range).collect::<Option<_>>()?;
    (!ranges.is_empty()).then_some(ranges)
}

/// A parameter that counts takes whole numbers alone.
fn decimal(value: &Value, parameter: Parameter) -> Option<Decimal> {
    let decimal = Decimal::from_f64(number(value)?)?;
    (parameter != Parameter::TopK || decimal.is_whole()).then_some(decimal)
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(_) => value.as_f64().ok(),
        _ => None,
    }
}

/// What has to hold, one by one: a conjunction says no more than its members.
fn filter(value: &Value) -> Option<BTreeSet<String>> {
    if !is_filter(value, 0) {
        return None;
    }
    let mut conjuncts = BTreeSet::new();
    take_apart(value, &mut conjuncts)?;
    (conjuncts.iter().map(String::len).sum::<usize>() <= FILTER_BYTES_MAX).then_some(conjuncts)
}

fn take_apart(value: &Value, into: &mut BTreeSet<String>) -> Option<()> {
    match operator(value)? {
        ("andAll", Value::Array(members)) => members.iter().try_for_each(|member| take_apart(member, into)),
        _ => {
            into.insert(serde_json::to_string(value).ok()?);
            Some(())
        }
    }
}

/// Whether a value is a RetrievalFilter (Agents for Amazon Bedrock runtime API reference), which is a union: one
/// operator and no more.
fn is_filter(value: &Value, depth: usize) -> bool {
    if depth >= FILTER_DEPTH_MAX {
        return false;
    }
    match operator(value) {
        Some(("andAll" | "orAll", Value::Array(members))) => {
            members.len() >= 2 && members.iter().all(|member| is_filter(member, depth + 1))
        }
        Some(("in" | "notIn", attribute)) => attribute_value(attribute)
            .is_some_and(|value| matches!(value, Value::Array(list) if !list.is_empty())),
        Some((
            "equals"
            | "notEquals"
            | "greaterThan"
            | "greaterThanOrEquals"
            | "lessThan"
            | "lessThanOrEquals"
            | "startsWith"
            | "listContains"
            | "stringContains",
            attribute,
        )) => attribute_value(attribute)
            .is_some_and(|value| matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))),
        _ => false,
    }
}

fn operator(value: &Value) -> Option<(&str, &Value)> {
    let Value::Object(object) = value else { return None };
    let mut members = object.iter();
    let (name, value) = members.next()?;
    if members.next().is_some() { None } else { Some((text(name)?, value)) }
}

fn attribute_value(attribute: &Value) -> Option<&Value> {
    let fields = Fields::read(attribute, &["key", "value"])?;
    text(fields.get("key")?).filter(|key| !key.is_empty())?;
    fields.get("value")
}

fn quota(value: &Value) -> Option<Obligation> {
    let fields = Fields::read(value, &["key", "unit", "limit", "window"])?;
    let key = text(fields.get("key")?).filter(|key| (1..=QUOTA_KEY_BYTES_MAX).contains(&key.len()))?;
    let unit = QuotaUnit::from_name(text(fields.get("unit")?)?)?;
    let window = QuotaWindow::from_name(text(fields.get("window")?)?)?;
    let limit = match unit {
        QuotaUnit::NanoUsd => {
            let nano = (number(fields.get("limit")?)? * NANO_PER_USD).round();
            (nano >= 1.0 && nano < u64::MAX as f64).then_some(nano as u64)?
        }
        QuotaUnit::Requests | QuotaUnit::Tokens => positive(fields.get("limit")?)?,
    };
    Some(Obligation::Quota(QuotaKey { key: key.to_owned(), unit, window }, limit))
}

fn route(value: &Value) -> Option<Route> {
    let fields = Fields::read(value, &["model", "fallback"])?;
    let model = |value: &Value| {
        let id = text(value)?;
        ModelId::parse(id).ok().map(|_| id.to_owned())
    };
    let fallback = match fields.get("fallback") {
        None => Vec::new(),
        Some(Value::Array(models)) => models.iter().map(model).collect::<Option<Vec<_>>>()?,
        Some(_) => return None,
    };
    (fallback.len() <= FALLBACKS_MAX).then_some(Route { model: model(fields.get("model")?)?, fallback })
}

fn headers(value: &Value) -> Option<BTreeMap<String, String>> {
    let Value::Object(object) = value else { return None };
    let header = |(name, value): (&Value, &Value)| {
        let name = text(name)?.to_ascii_lowercase();
        let own = name.strip_prefix(HEADER_PREFIX)?;
        let is_name = !own.is_empty()
            && name.len() <= HEADER_BYTES_MAX
            && own.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let value = text(value).filter(|value| {
            value.len() <= HEADER_BYTES_MAX && value.bytes().all(|byte| (0x20..0x7f).contains(&byte))
        })?;
        is_name.then(|| (name.clone(), value.to_owned()))
    };
    object.iter().map(header).collect()
}

fn labels(value: &Value) -> Option<BTreeSet<String>> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    let labels = names(value)?;
    let fits = |label: &String| (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.bytes().all(plain);
    (labels.len() <= LABELS_MAX && labels.iter().all(fits)).then_some(labels)
}

fn cache(value: &Value) -> Option<CacheRule> {
    if matches!(value, Value::Bool(false)) {
        return Some(CacheRule::Off);
    }
    let fields = Fields::read(value, &["scope", "ttl_s"])?;
    let scope = CacheScope::from_name(text(fields.get("scope")?)?)?;
    match fields.get("ttl_s")?.as_u64().ok()? {
        0 => Some(CacheRule::Off),
        ttl_s => Some(CacheRule::On { scope, ttl_s: ttl_s.min(CACHE_TTL_S_MAX) }),
    }
}

fn tags(value: &Value) -> Option<BTreeMap<String, String>> {
    let Value::Object(object) = value else { return None };
    let tag = |value: &Value| text(value).filter(|tag| tag.len() <= TAG_BYTES_MAX).map(str::to_owned);
    object.iter().map(|(name, value)| Some((tag(name)?, tag(value)?))).collect()
}

fn log(value: &Value) -> Option<LogContent> {
    let fields = Fields::read(value, &["content"])?;
    LogContent::from_name(text(fields.get("content")?)?)
}

/// An object whose keys are all known.
struct Fields<'v>(BTreeMap<&'v str, &'v Value>);

impl<'v> Fields<'v> {
    fn read(value: &'v Value, known: &[&str]) -> Option<Fields<'v>> {
        let Value::Object(object) = value else { return None };
        let named: Option<BTreeMap<&str, &Value>> =
            object.iter().map(|(name, value)| Some((text(name)?, value))).collect();
        let named = named?;
        named.keys().all(|name| known.contains(name)).then_some(Fields(named))
    }

    fn get(&self, name: &str) -> Option<&'v Value> {
        self.0.get(name).copied()
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text.as_ref()),
        _ => None,
    }
}

fn positive(value: &Value) -> Option<u64> {
    match value {
        Value::Number(_) => value.as_u64().ok().filter(|number| *number > 0),
        _ => None,
    }
}

/// An array or a set of texts.
fn names(value: &Value) -> Option<BTreeSet<String>> {
    let owned = |name: &Value| text(name).map(str::to_owned);
    let names: BTreeSet<String> = match value {
        Value::Array(items) => items.iter().map(owned).collect::<Option<_>>()?,
        Value::Set(items) => items.iter().map(owned).collect::<Option<_>>()?,
        _ => return None,
    };
    (names.len() <= NAMES_MAX).then_some(names)
}

/// Merges obligations given outermost layer first.
pub(crate) fn merge(applied: Vec<Applied>) -> Result<Obligations, RuleConflict> {
    let mut merged = Obligations::default();
    let mut picks = Picks::default();
    for Applied { layer, package, at, obligation } in applied {
        let origin = Origin { layer, package, at };
        match obligation {
            Obligation::MaxTokens(limit) => merged.max_tokens = least(merged.max_tokens, limit),
            Obligation::Approval(rule) => {
                merged.approval = both_approve(merged.approval.take(), Some(rule));
            }
            Obligation::Log(content) => merged.log_content = least(merged.log_content, content),
            Obligation::Redact(more) => merged.redact = stricter(merged.redact.take(), Some(*more)),
            Obligation::Cache(rule) => merged.cache = narrower(merged.cache, rule),
            Obligation::DropTools(names) => merged.drop_tools.extend(names),
            Obligation::Guardrail { guardrail, refuse_other } => {
                merged.refuse_other_guardrail |= refuse_other;
                if picks.takes("guardrail", &(&guardrail.id, &guardrail.version), &origin)? {
                    merged.guardrail = Some(guardrail);
                }
            }
            Obligation::Params(ranges) => {
                merged.params = within(std::mem::take(&mut merged.params), ranges).map_err(|parameter| {
                    origin.conflict(format!("no {} lies in all ranges", parameter.name()))
                })?;
            }
            Obligation::Filter(conjuncts) => merged.retrieval.filters.extend(conjuncts),
            Obligation::MaxResults(results) => {
                merged.retrieval.results_max = least(merged.retrieval.results_max, results);
            }
            Obligation::Quota(key, limit) => {
                let own = merged.quotas.entry(key).or_insert(limit);
                *own = limit.min(*own);
            }
            Obligation::Route(route) => {
                if picks.takes("route", &(&route.model, &route.fallback.join(" ")), &origin)? {
                    merged.route = Some(route);
                }
            }
            Obligation::Headers(headers) => {
                for (name, value) in headers {
                    if picks.takes(&format!("header {name}"), &(&value, &String::new()), &origin)? {
                        merged.headers.insert(name, value);
                    }
                }
            }
            Obligation::Label(labels) => merged.labels.extend(labels),
            Obligation::TimeoutMs(limit) => merged.timeout_ms = least(merged.timeout_ms, limit),
            Obligation::Tags(tags) => {
                for (name, value) in tags {
                    if picks.takes(&format!("tag {name}"), &(&value, &String::new()), &origin)? {
                        merged.tags.insert(name, value);
                    }
                }
            }
        }
    }
    for (what, is_over) in [
        (
            format!("rules demand more than {APPROVERS_MAX} approvers or {REASONS_MAX} reasons"),
            too_many_approvals(merged.approval.as_ref()).is_some(),
        ),
        (format!("rules set more than {TAGS_MAX} tags"), merged.tags.len() > TAGS_MAX),
        (format!("rules set more than {HEADERS_MAX} headers"), merged.headers.len() > HEADERS_MAX),
        (format!("rules set more than {QUOTAS_MAX} quotas"), merged.quotas.len() > QUOTAS_MAX),
        (format!("rules set more than {FILTERS_MAX} filters"), merged.retrieval.filters.len() > FILTERS_MAX),
    ] {
        if is_over {
            return Err(picks.too_many(what));
        }
    }
    Ok(merged)
}

impl Obligations {
    /// What two questions about one request come to together, as when a knowledge base and the model that
    /// answers from it are asked about: whatever either of the decisions demands. The cache is used only where
    /// both permit it, and a guardrail or a tag they do not agree on is an error, because neither has the better
    /// right.
    pub fn merge(self, other: Obligations) -> Result<Obligations, Conflict> {
        let cache = match (self.cache, other.cache) {
            (CacheRule::Off, _) | (_, CacheRule::Off) => CacheRule::Off,
            (CacheRule::Absent, _) | (_, CacheRule::Absent) => CacheRule::Absent,
            (one, two) => narrower(one, two),
        };
        let approval = both_approve(self.approval, other.approval);
        if let Some(what) = too_many_approvals(approval.as_ref()) {
            return Err(Conflict { what: what.to_owned() });
        }
        Ok(Obligations {
            approval,
            max_tokens: tighter(self.max_tokens, other.max_tokens),
            redact: stricter(self.redact, other.redact),
            guardrail: agreed("guardrail", self.guardrail, other.guardrail)?,
            refuse_other_guardrail: self.refuse_other_guardrail || other.refuse_other_guardrail,
            params: within(self.params, other.params)
                .map_err(|parameter| Conflict { what: parameter.name().to_owned() })?,
            retrieval: RetrievalLimit {
                filters: self.retrieval.filters.into_iter().chain(other.retrieval.filters).collect(),
                results_max: tighter(self.retrieval.results_max, other.retrieval.results_max),
            },
            quotas: other.quotas.into_iter().fold(self.quotas, |mut quotas, (key, limit)| {
                let own = quotas.entry(key).or_insert(limit);
                *own = limit.min(*own);
                quotas
            }),
            route: agreed("route", self.route, other.route)?,
            cache,
            drop_tools: self.drop_tools.into_iter().chain(other.drop_tools).collect(),
            tags: agreed_pairs(("tag", TAGS_MAX), self.tags, other.tags)?,
            headers: agreed_pairs(("header", HEADERS_MAX), self.headers, other.headers)?,
            labels: self.labels.into_iter().chain(other.labels).collect(),
            timeout_ms: tighter(self.timeout_ms, other.timeout_ms),
            log_content: tighter(self.log_content, other.log_content),
        })
    }

    /// What a question about a part of the request adds. Unlike in [`Obligations::merge`], silence about the cache is
    /// none of the part's business.
    pub fn tightened_by(self, part: Obligations) -> Result<Obligations, Conflict> {
        let cache = if part.cache == CacheRule::Absent { self.cache } else { part.cache };
        self.merge(Obligations { cache, ..part })
    }
}

fn tighter<T: Ord>(one: Option<T>, two: Option<T>) -> Option<T> {
    match two {
        Some(two) => least(one, two),
        None => one,
    }
}

fn agreed<T: PartialEq>(what: &str, one: Option<T>, two: Option<T>) -> Result<Option<T>, Conflict> {
    match (one, two) {
        (Some(one), Some(two)) if one != two => Err(Conflict { what: what.to_owned() }),
        (one, two) => Ok(one.or(two)),
    }
}

fn agreed_pairs(
    (what, count_max): (&str, usize),
    mut pairs: BTreeMap<String, String>,
    more: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Conflict> {
    for (name, value) in more {
        if pairs.get(&name).is_some_and(|own| *own != value) {
            return Err(Conflict { what: format!("{what} {name}") });
        }
        pairs.insert(name, value);
    }
    if pairs.len() > count_max { Err(Conflict { what: format!("{what}s") }) } else { Ok(pairs) }
}

/// What lies in all ranges; the parameter for which nothing does.
fn within(
    mut ranges: BTreeMap<Parameter, ParameterRange>,
    more: BTreeMap<Parameter, ParameterRange>,
) -> Result<BTreeMap<Parameter, ParameterRange>, Parameter> {
    for (parameter, range) in more {
        let both = match ranges.get(&parameter) {
            Some(own) => own.and(range).ok_or(parameter)?,
            None => range,
        };
        ranges.insert(parameter, both);
    }
    Ok(ranges)
}

fn least<T: Ord>(have: Option<T>, more: T) -> Option<T> {
    Some(match have {
        Some(have) => have.min(more),
        None => more,
    })
}

fn stricter(one: Option<Redact>, two: Option<Redact>) -> Option<Redact> {
    match (one, two) {
        (Some(one), Some(two)) => Some(one.and(&two)),
        (one, two) => one.or(two),
    }
}

fn narrower(have: CacheRule, more: CacheRule) -> CacheRule {
    match (have, more) {
        (CacheRule::Off, _) | (_, CacheRule::Off) => CacheRule::Off,
        (CacheRule::Absent, rule) | (rule, CacheRule::Absent) => rule,
        (CacheRule::On { scope, ttl_s }, CacheRule::On { scope: other, ttl_s: other_s }) => {
            CacheRule::On { scope: scope.min(other), ttl_s: ttl_s.min(other_s) }
        }
    }
}

#[derive(Clone)]
struct Origin {
    layer: Layer,
    package: String,
    at: Option<String>,
}

impl Origin {
    fn place(&self) -> &str {
        self.at.as_deref().unwrap_or(&self.package)
    }

    fn conflict(&self, message: String) -> RuleConflict {
        let Origin { layer, package, at } = self.clone();
        RuleConflict { layer, package, at, message }
    }
}

/// Things only one of can be had: the outermost layer's pick stands.
#[derive(Default)]
struct Picks {
    made: BTreeMap<String, (String, String, Origin)>,
}

impl Picks {
    /// Whether the value is to be used.
    fn takes(
        &mut self,
        what: &str,
        value: &(&String, &String),
        origin: &Origin,
    ) -> Result<bool, RuleConflict> {
        let Some((first, second, by)) = self.made.get(what) else {
            let pick = (value.0.clone(), value.1.clone(), origin.clone());
            self.made.insert(what.to_owned(), pick);
            return Ok(true);
        };
        if by.layer == origin.layer && (first, second) != *value {
            let message = format!("{} and {} pick different values for {what}", by.place(), origin.place());
            return Err(origin.conflict(message));
        }
        Ok(false)
    }

    fn too_many(&self, message: String) -> RuleConflict {
        let origin = self.made.values().map(|(_, _, origin)| origin).next_back();
        RuleConflict {
            layer: origin.map_or(Layer::Org, |origin| origin.layer),
            package: origin.map_or_else(|| "policy.org".to_owned(), |origin| origin.package.clone()),
            at: origin.and_then(|origin| origin.at.clone()),
            message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(key: &str, json: &str) -> Option<Obligation> {
        Obligation::read(key, &Value::from_json_str(json).unwrap())
    }

    fn applied(entries: &[(Layer, &str, &str)]) -> Vec<Applied> {
        let one = |(layer, key, json): &(Layer, &str, &str)| Applied {
            layer: *layer,
            package: format!("policy.{}.x", layer.name()),
            at: None,
            obligation: read(key, json).unwrap(),
        };
        entries.iter().map(one).collect()
    }

    #[test]
    fn values_of_the_wrong_shape_are_not_read() {
        for (key, json) in [
            ("max_tokens", "\"5\""),
            ("max_tokens", "0"),
            ("max_tokens", "-1"),
            ("max_tokens", "1.5"),
            ("max_tokens", "null"),
            ("redact", "true"),
            ("redact", "{}"),
            ("redact", r#"{"types": "EMAIL"}"#),
            ("redact", r#"{"types": ["E-MAIL"]}"#),
            ("redact", r#"{"types": ["EMAIL"], "where": ["reqest"]}"#),
            ("redact", r#"{"types": ["EMAIL"], "where": "request"}"#),
            ("redact", r#"{"types": ["EMAIL"], "where": []}"#),
            ("redact", r#"{"types": ["EMAIL"], "where": ["request", "answer"]}"#),
            ("redact", r#"{"types": ["EMAIL"], "mode": "DROP"}"#),
            ("redact", r#"{"types": ["EMAIL"], "mode": false}"#),
            ("redact", r#"{"types": ["EMAIL"], "restore": "no"}"#),
            ("redact", r#"{"types": ["EMAIL"], "were": ["request"]}"#),
            ("guardrail", r#"{"id": "g"}"#),
            ("guardrail", r#"{"id": "", "version": "1"}"#),
            ("guardrail", r#"{"id": "g", "version": 1}"#),
            ("cache", "true"),
            ("cache", r#"{"scope": "world", "ttl_s": 1}"#),
            ("cache", r#"{"scope": "app"}"#),
            ("drop_tools", r#""name""#),
            ("drop_tools", "[1]"),
            ("tags", r#"{"a": 1}"#),
            ("log", r#"{"content": "all"}"#),
            ("log", r#""none""#),
            ("guardrail", r#"{"id": "g", "version": "1", "caller": "keep"}"#),
            ("params", "{}"),
            ("params", r#"{"temperature": 0.7}"#),
            ("params", r#"{"temperature": {}}"#),
            ("params", r#"{"temperature": {"max": "0.7"}}"#),
            ("params", r#"{"temperature": {"min": 0.8, "max": 0.7}}"#),
            ("params", r#"{"temprature": {"max": 0.7}}"#),
            ("params", r#"{"top_k": {"max": 1.5}}"#),
            ("filter", "{}"),
            ("filter", r#"{"equals": {"key": "a", "value": null}}"#),
            ("filter", r#"{"equals": {"key": "", "value": 1}}"#),
            ("filter", r#"{"equals": {"value": 1}}"#),
            ("filter", r#"{"equals": {"key": "a", "value": 1}, "in": {"key": "a", "value": [1]}}"#),
            ("filter", r#"{"is": {"key": "a", "value": 1}}"#),
            ("filter", r#"{"in": {"key": "a", "value": []}}"#),
            ("filter", r#"{"andAll": [{"equals": {"key": "a", "value": 1}}]}"#),
            ("max_results", "0"),
            ("quota", r#"{"key": "", "unit": "tokens", "limit": 1, "window": "day"}"#),
            ("quota", r#"{"key": "k", "unit": "nano_usd", "limit": 1, "window": "day"}"#),
            ("quota", r#"{"key": "k", "unit": "tokens", "limit": 1.5, "window": "day"}"#),
            ("quota", r#"{"key": "k", "unit": "usd", "limit": 0, "window": "day"}"#),
            ("quota", r#"{"key": "k", "unit": "tokens", "limit": 1, "window": "week"}"#),
            ("route", r#"{"model": ""}"#),
            ("route", r#"{"fallback": []}"#),
            ("route", r#"{"model": "m.x", "fallback": "m.y"}"#),
            ("route", r#"{"model": "m.x", "fallback": ["a.a", "a.b", "a.c", "a.d"]}"#),
            ("headers", r#"{"x-hardpan-decision-id": "x"}"#),
            ("headers", r#"{"x-hardpan-policy-": "x"}"#),
            ("headers", r#"{"x-hardpan-policy-a:": "x"}"#),
            ("headers", r#"{"x-hardpan-policy-a": "x\r\nset-cookie: y"}"#),
            ("headers", r#"{"x-hardpan-policy-a": 1}"#),
            ("label", r#""untrusted""#),
            ("label", r#"["two words"]"#),
            ("label", r#"[""]"#),
            ("timeout_ms", "-5"),
            ("approval", "{}"),
            ("approval", r#"{"approvers": []}"#),
            ("approval", r#"{"approvers": "security"}"#),
            ("approval", r#"{"approvers": ["a group"]}"#),
            ("approval", r#"{"approvers": ["security"], "ttl_s": 0}"#),
            ("approval", r#"{"approvers": ["security"], "wait_s": -1}"#),
            ("approval", r#"{"approvers": ["security"], "wait_s": "1"}"#),
            ("approval", r#"{"approvers": ["security"], "reason": 5}"#),
            ("approval", r#"{"approvers": ["security"], "quorum": 2}"#),
        ] {
            assert_eq!(read(key, json), None, "{key} {json}");
        }
    }

    #[test]
    fn every_key_is_read() {
        let mut texts = BTreeMap::from([
            ("max_tokens", "1"),
            ("redact", r#"{"types": "*", "where": ["request"], "mode": "mask", "restore": true}"#),
            ("guardrail", r#"{"id": "g", "version": "1"}"#),
            ("cache", "false"),
            ("drop_tools", "[]"),
            ("tags", r#"{"a": "b"}"#),
            ("log", r#"{"content": "none"}"#),
            ("params", r#"{"temperature": {"max": 0.7}, "top_k": {"min": 1, "max": 40}}"#),
            ("filter", r#"{"in": {"key": "dept", "value": ["a"]}}"#),
            ("max_results", "5"),
            ("quota", r#"{"key": "k", "unit": "usd", "limit": 2.5, "window": "month"}"#),
            ("route", r#"{"model": "amazon.nova-lite-v1:0", "fallback": ["amazon.nova-pro-v1:0"]}"#),
            ("headers", r#"{"X-Hardpan-Policy-Class": "internal"}"#),
            ("label", r#"["untrusted_content"]"#),
            ("timeout_ms", "1500"),
            ("approval", r#"{"approvers": ["security"], "reason": "r", "ttl_s": 60, "wait_s": 0}"#),
        ]);
        for key in KEYS {
            let json = texts.remove(key).unwrap();
            assert!(read(key, json).is_some(), "{key}");
        }
        assert!(texts.is_empty());
    }

    #[test]
    fn redactions_are_read_by_type_place_and_mode() {
        use RedactPlace::{Request, Response, Tool};
        let (email, secret) = (PiiType::Email, PiiType::ApiKey);
        for (json, expected) in [
            (r#"{"types": ["EMAIL"]}"#, Redact::new([email], &[Request], RedactMode::Mask, true)),
            (
                r#"{"types": ["EMAIL", "API_KEY"], "where": ["tool", "response"], "mode": "drop", "restore": false}"#,
                Redact::new([email, secret], &[Tool, Response], RedactMode::Drop, false),
            ),
            (
                r#"{"types": ["*"], "mode": "fake", "restore": true}"#,
                Redact::new(PiiType::every(), &[Request], RedactMode::Fake, true),
            ),
            (
                r#"{"types": ["EMAIL"], "mode": "hash"}"#,
                Redact::new([email], &[Request], RedactMode::Hash, true),
            ),
            (
                r#"{"types": ["EMAIL"], "mode": "token"}"#,
                Redact::new([email], &[Request], RedactMode::Token, true),
            ),
            (
                r#"{"types": ["EMAIL"], "mode": "label"}"#,
                Redact::new([email], &[Request], RedactMode::Label, true),
            ),
            (r#"{"types": []}"#, Redact::new([], &[Request], RedactMode::Mask, true)),
        ] {
            assert_eq!(read("redact", json), Some(Obligation::Redact(Box::new(expected))), "{json}");
        }
    }

    #[test]
    fn redactions_merge_to_the_strictest_mode_of_each_place() {
        let merged = merge(applied(&[
            (Layer::Org, "redact", r#"{"types": "*"}"#),
            (Layer::Org, "redact", r#"{"types": ["API_KEY"], "where": ["request", "tool"], "mode": "drop"}"#),
            (Layer::Team, "redact", r#"{"types": ["EMAIL"], "mode": "token", "restore": false}"#),
            (Layer::App, "redact", r#"{"types": ["EMAIL", "API_KEY"], "mode": "hash"}"#),
        ]))
        .unwrap();
        let redact = merged.redact.unwrap();
        for (place, kind, mode) in [
            (RedactPlace::Request, PiiType::Phone, Some(RedactMode::Mask)),
            (RedactPlace::Request, PiiType::Email, Some(RedactMode::Token)),
            (RedactPlace::Request, PiiType::ApiKey, Some(RedactMode::Drop)),
            (RedactPlace::Tool, PiiType::ApiKey, Some(RedactMode::Drop)),
            (RedactPlace::Tool, PiiType::Email, None),
            (RedactPlace::Response, PiiType::ApiKey, None),
        ] {
            assert_eq!(redact.mode(place, kind), mode, "{place:?} {kind:?}");
        }
        assert!(!redact.restores(PiiType::Email) && redact.restores(PiiType::Phone));
    }

    #[test]
    fn merging_only_tightens() {
        let merged = merge(applied(&[
            (Layer::Org, "max_tokens", "100"),
            (Layer::Org, "redact", r#"{"types": ["EMAIL"], "where": ["request"]}"#),
            (Layer::Org, "cache", r#"{"scope": "org", "ttl_s": 60}"#),
            (Layer::Org, "drop_tools", r#"["a"]"#),
            (Layer::Org, "log", r#"{"content": "redacted"}"#),
            (Layer::Team, "max_tokens", "200"),
            (Layer::Team, "redact", r#"{"types": ["PHONE"]}"#),
            (Layer::Team, "cache", r#"{"scope": "app", "ttl_s": 600}"#),
            (Layer::Team, "drop_tools", r#"["b"]"#),
            (Layer::Team, "log", r#"{"content": "full"}"#),
        ]))
        .unwrap();
        assert_eq!(merged.max_tokens, Some(100));
        let redact = merged.redact.unwrap();
        let kinds = [PiiType::Email, PiiType::Phone];
        assert_eq!(redact, Redact::new(kinds, &[RedactPlace::Request], RedactMode::Mask, true));
        assert_eq!(merged.cache, CacheRule::On { scope: CacheScope::App, ttl_s: 60 });
        assert_eq!(merged.drop_tools, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
        assert_eq!(merged.log_content, Some(LogContent::Redacted));
    }

    #[test]
    fn ranges_filters_and_limits_merge_to_the_tightest() {
        let merged = merge(applied(&[
            (Layer::Org, "params", r#"{"temperature": {"max": 0.7}}"#),
            (Layer::Team, "params", r#"{"temperature": {"min": 0.1, "max": 0.9}, "top_p": {"max": 0.5}}"#),
            (Layer::Org, "filter", r#"{"equals": {"key": "a", "value": 1}}"#),
            (
                Layer::Team,
                "filter",
                r#"{"andAll": [{"equals": {"key": "b", "value": 2}}, {"equals": {"key": "a", "value": 1}}]}"#,
            ),
            (Layer::Org, "max_results", "10"),
            (Layer::App, "max_results", "5"),
            (Layer::Org, "quota", r#"{"key": "k", "unit": "usd", "limit": 2.5, "window": "day"}"#),
            (Layer::Team, "quota", r#"{"key": "k", "unit": "usd", "limit": 0.5, "window": "day"}"#),
            (Layer::Team, "quota", r#"{"key": "k", "unit": "usd", "limit": 9, "window": "month"}"#),
            (Layer::Org, "label", r#"["a"]"#),
            (Layer::App, "label", r#"["b"]"#),
            (Layer::Org, "timeout_ms", "500"),
            (Layer::App, "timeout_ms", "900"),
            (Layer::Org, "headers", r#"{"x-hardpan-policy-a": "1"}"#),
            (Layer::App, "headers", r#"{"X-Hardpan-Policy-A": "2", "x-hardpan-policy-b": "3"}"#),
            (Layer::Org, "route", r#"{"model": "a.a"}"#),
            (Layer::App, "route", r#"{"model": "b.b"}"#),
        ]))
        .unwrap();
        let end = |number| Decimal::from_f64(number);
        let temperature = ParameterRange::new(end(0.1), end(0.7)).unwrap();
        assert_eq!(merged.params.get(&Parameter::Temperature), Some(&temperature));
        assert_eq!(merged.params.len(), 2);
        let filters: Vec<&str> = merged.retrieval.filters.iter().map(String::as_str).collect();
        assert_eq!(filters, [r#"{"equals":{"key":"a","value":1}}"#, r#"{"equals":{"key":"b","value":2}}"#]);
        assert_eq!(merged.retrieval.results_max, Some(5));
        assert_eq!(merged.quotas.into_values().collect::<Vec<_>>(), [500_000_000, 9_000_000_000]);
        assert_eq!((merged.labels.len(), merged.timeout_ms), (2, Some(500)));
        let headers: Vec<(&str, &str)> =
            merged.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(headers, [("x-hardpan-policy-a", "1"), ("x-hardpan-policy-b", "3")]);
        assert_eq!(merged.route.unwrap().model, "a.a");
    }

    #[test]
    fn every_group_has_to_approve_and_the_shortest_times_hold() {
        let merged = merge(applied(&[
            (Layer::Org, "approval", r#"{"approvers": ["security"], "reason": "a", "ttl_s": 600}"#),
            (
                Layer::Team,
                "approval",
                r#"{"approvers": ["oncall"], "reason": "b", "ttl_s": 60, "wait_s": 5}"#,
            ),
            (Layer::App, "approval", r#"{"approvers": ["oncall"], "ttl_s": 99999999}"#),
        ]))
        .unwrap();
        let rule = merged.approval.unwrap();
        assert_eq!(rule.approvers, BTreeSet::from(["oncall".to_owned(), "security".to_owned()]));
        assert_eq!(rule.reasons, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
        assert_eq!((rule.ttl_s, rule.wait_s), (Some(60), Some(5)));
        assert!(!format!("{rule:?}").contains("\"a\""), "reasons are policy's words");
        for (count, fits) in [(APPROVERS_MAX, true), (APPROVERS_MAX + 1, false)] {
            let rules: Vec<String> =
                (0..count).map(|index| format!(r#"{{"approvers": ["g{index}"]}}"#)).collect();
            let entries: Vec<_> = rules.iter().map(|rule| (Layer::Org, "approval", rule.as_str())).collect();
            assert_eq!(merge(applied(&entries)).is_ok(), fits);
            let (first, rest) = entries.split_first().unwrap();
            assert_eq!(both(&[*first], rest).is_ok(), fits);
        }
    }

    #[test]
    fn what_cannot_all_hold_is_a_conflict() {
        for (key, one, two) in [
            ("params", r#"{"top_p": {"max": 0.2}}"#, r#"{"top_p": {"min": 0.5}}"#),
            ("route", r#"{"model": "a.a"}"#, r#"{"model": "a.b"}"#),
            ("route", r#"{"model": "a.a"}"#, r#"{"model": "a.a", "fallback": ["a.b"]}"#),
            ("headers", r#"{"x-hardpan-policy-a": "1"}"#, r#"{"x-hardpan-policy-a": "2"}"#),
        ] {
            let (one, two) = ((Layer::Org, key, one), (Layer::Org, key, two));
            assert!(merge(applied(&[one, two])).is_err(), "{key}");
            assert!(both(&[one], &[two]).is_err(), "{key}");
            assert!(merge(applied(&[one, one])).is_ok() && both(&[one], &[one]).is_ok(), "{key}");
        }
    }

    #[test]
    fn a_part_that_is_silent_about_the_cache_leaves_it() {
        let on = (Layer::Org, "cache", r#"{"scope": "org", "ttl_s": 60}"#);
        let label = (Layer::Org, "label", r#"["a"]"#);
        let merged = |entries: &[_]| merge(applied(entries)).unwrap();
        let tightened = merged(&[on]).tightened_by(merged(&[label])).unwrap();
        assert_eq!(tightened.cache, CacheRule::On { scope: CacheScope::Org, ttl_s: 60 });
        assert_eq!(tightened.labels.len(), 1);
        let off = (Layer::Org, "cache", "false");
        assert_eq!(merged(&[on]).tightened_by(merged(&[off])).unwrap().cache, CacheRule::Off);
    }

    #[test]
    fn a_caller_may_be_refused_its_own_guardrail() {
        let guardrail = |caller: &str| format!(r#"{{"id": "g", "version": "1"{caller}}}"#);
        let (plain, refuse) = (guardrail(""), guardrail(r#", "caller": "refuse""#));
        let refuses =
            |entries: &[(Layer, &str, &str)]| merge(applied(entries)).unwrap().refuse_other_guardrail;
        assert!(!refuses(&[(Layer::Org, "guardrail", &plain)]));
        assert!(refuses(&[(Layer::Org, "guardrail", &plain), (Layer::Team, "guardrail", &refuse)]));
    }

    #[test]
    fn cache_off_wins_and_silence_is_no_cache() {
        assert_eq!(merge(Vec::new()).unwrap().cache, CacheRule::Absent);
        let on = (Layer::Org, "cache", r#"{"scope": "org", "ttl_s": 60}"#);
        let off = (Layer::App, "cache", "false");
        assert_eq!(merge(applied(&[on, off])).unwrap().cache, CacheRule::Off);
    }

    #[test]
    fn a_pick_is_the_outermost_layers() {
        let one = r#"{"id": "g", "version": "1"}"#;
        let two = r#"{"id": "g", "version": "2"}"#;
        let picked = |entries: &[(Layer, &str, &str)]| merge(applied(entries));
        let outer = picked(&[(Layer::Org, "guardrail", one), (Layer::Team, "guardrail", two)]).unwrap();
        assert_eq!(outer.guardrail.unwrap().version, "1");
        let same = picked(&[(Layer::Org, "guardrail", one), (Layer::Org, "guardrail", one)]).unwrap();
        assert_eq!(same.guardrail.unwrap().version, "1");
        let conflict =
            picked(&[(Layer::Team, "guardrail", one), (Layer::Team, "guardrail", two)]).unwrap_err();
        assert_eq!(conflict.layer, Layer::Team);
        assert_eq!(conflict.message, "policy.team.x and policy.team.x pick different values for guardrail");
    }

    #[test]
    fn tags_are_picked_one_by_one_and_bounded() {
        let tags = |entries: &[(Layer, &str, &str)]| merge(applied(entries));
        let outer =
            tags(&[(Layer::Org, "tags", r#"{"a": "1"}"#), (Layer::App, "tags", r#"{"a": "2", "b": "3"}"#)]);
        let expected = BTreeMap::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), "3".to_owned())]);
        assert_eq!(outer.unwrap().tags, expected);
        assert!(
            tags(&[(Layer::Org, "tags", r#"{"a": "1"}"#), (Layer::Org, "tags", r#"{"a": "2"}"#)]).is_err()
        );
        for (count, fits) in [(TAGS_MAX, true), (TAGS_MAX + 1, false)] {
            let members: Vec<String> = (0..count).map(|index| format!("\"t{index}\": \"v\"")).collect();
            let json = format!("{{{}}}", members.join(", "));
            assert_eq!(tags(&[(Layer::Org, "tags", json.as_str())]).is_ok(), fits);
        }
    }

    fn both(one: &[(Layer, &str, &str)], two: &[(Layer, &str, &str)]) -> Result<Obligations, Conflict> {
        let merged = |entries: &[(Layer, &str, &str)]| merge(applied(entries)).unwrap();
        merged(one).merge(merged(two))
    }

    #[test]
    fn two_decisions_together_only_tighten() {
        let one = [
            (Layer::Org, "max_tokens", "100"),
            (Layer::Org, "redact", r#"{"types": ["EMAIL"]}"#),
            (Layer::Org, "drop_tools", r#"["a"]"#),
            (Layer::Org, "tags", r#"{"a": "1"}"#),
            (Layer::Org, "guardrail", r#"{"id": "g", "version": "1"}"#),
        ];
        let two = [
            (Layer::Team, "max_tokens", "50"),
            (Layer::Team, "redact", r#"{"types": "*"}"#),
            (Layer::Team, "drop_tools", r#"["b"]"#),
            (Layer::Team, "tags", r#"{"a": "1", "b": "2"}"#),
            (Layer::Team, "log", r#"{"content": "none"}"#),
            (Layer::Team, "approval", r#"{"approvers": ["security"]}"#),
        ];
        let merged = both(&one, &two).unwrap();
        assert_eq!(merged, both(&two, &one).unwrap());
        assert_eq!(merged, merged.clone().merge(merged.clone()).unwrap());
        assert_eq!((merged.max_tokens, merged.log_content), (Some(50), Some(LogContent::None)));
        let all = PiiType::every();
        let request = [RedactPlace::Request];
        assert_eq!(merged.redact, Some(Redact::new(all, &request, RedactMode::Mask, true)));
        assert_eq!((merged.drop_tools.len(), merged.tags.len()), (2, 2));
        assert_eq!(merged.guardrail.unwrap().id, "g");
    }

    #[test]
    fn the_cache_is_used_only_where_both_decisions_permit_it() {
        let wide = (Layer::Org, "cache", r#"{"scope": "org", "ttl_s": 60}"#);
        let narrow = (Layer::Org, "cache", r#"{"scope": "app", "ttl_s": 600}"#);
        let off = (Layer::Org, "cache", "false");
        let cache = |one: &[_], two: &[_]| both(one, two).unwrap().cache;
        assert_eq!(cache(&[wide], &[narrow]), CacheRule::On { scope: CacheScope::App, ttl_s: 60 });
        assert_eq!(cache(&[wide], &[]), CacheRule::Absent);
        assert_eq!(cache(&[], &[wide]), CacheRule::Absent);
        assert_eq!(cache(&[off], &[]), CacheRule::Off);
        assert_eq!(cache(&[wide], &[off]), CacheRule::Off);
    }

    #[test]
    fn two_decisions_that_disagree_are_a_conflict() {
        let guardrail = |version: &str| format!(r#"{{"id": "g", "version": "{version}"}}"#);
        let (one, two) = (guardrail("1"), guardrail("2"));
        let (one, two) = ((Layer::Org, "guardrail", one.as_str()), (Layer::Team, "guardrail", two.as_str()));
        assert_eq!(both(&[one], &[two]).unwrap_err().what, "guardrail");
        assert!(both(&[one], &[one]).is_ok());
        let (one, two) = ((Layer::Org, "tags", r#"{"a": "1"}"#), (Layer::Org, "tags", r#"{"a": "2"}"#));
        let conflict = both(&[one], &[two]).unwrap_err();
        assert_eq!(conflict.to_string(), "the decisions about this request do not agree on tag a");
        for (count, fits) in [(TAGS_MAX - 1, true), (TAGS_MAX, false)] {
            let members: Vec<String> = (0..count).map(|index| format!("\"t{index}\": \"v\"")).collect();
            let many = format!("{{{}}}", members.join(", "));
            assert_eq!(both(&[one], &[(Layer::Org, "tags", many.as_str())]).is_ok(), fits);
        }
    }
}
