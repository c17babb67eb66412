//! How many tokens a request's input has, before the call: counted by CountTokens where the configuration asks for it
//! and it matters, else as estimated from bytes.
//!
//! A count costs a round trip, so it is asked for only where the reservation takes much of what a limit leaves. Each
//! count is kept for the next request with the same body. What becomes of a request that could not be counted is
//! configured. Nothing is reserved here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hardpan_inference::json::{Document, JsonLimits};
use hardpan_inference::model_id::ModelId;
use hardpan_inference::operation::{Operation, Service};
use hardpan_quotas::Demand;
use hardpan_telemetry::metrics;
use http::{HeaderMap, HeaderName, HeaderValue};
use moka::sync::Cache;
use pingora_timeout::fast_timeout::fast_timeout;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::clearance::{Asker, Clearance, ClearedRequest};
use crate::config::CountingConfig;
use crate::exchange::take;
use crate::forward;
use crate::record::Draft;
use crate::refusal::Refusal;
use crate::settlement::worst_case;
use crate::upstream::Call;

const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Counts under way; their bodies are copies.
const ASKING_MAX: usize = 32;
const COUNTS_KEPT_MAX: u64 = 20_000;
const COUNTS_KEPT_FOR: Duration = Duration::from_secs(3_600);
const UNSUPPORTED_KEPT_MAX: u64 = 4_096;
/// So many failures in a Region within this time, and it is not asked again until the time is over.
const TROUBLES_MAX: u32 = 3;
const TROUBLES_FOR: Duration = Duration::from_secs(5);
const TROUBLED_REGIONS_MAX: u64 = 256;

/// What a figure of input tokens goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputBasis {
    Estimated,
    Counted,
}

impl InputBasis {
    pub fn name(self) -> &'static str {
        match self {
            InputBasis::Estimated => "estimated",
            InputBasis::Counted => "counted",
        }
    }
}

/// The input of a request before the call.
#[derive(Debug, Clone, Copy)]
pub struct InputTokens {
    pub tokens: u64,
    /// Reserved on top.
    pub margin: u64,
    pub basis: InputBasis,
}

impl InputTokens {
    pub fn estimated(tokens: u64) -> Self {
        Self { tokens, margin: 0, basis: InputBasis::Estimated }
    }

    pub fn reserved(self) -> u64 {
        self.tokens.saturating_add(self.margin)
    }
}

/// What is remembered of earlier counts.
pub struct InputCounter {
    config: CountingConfig,
    counts: Cache<[u8; 32], u64>,
    /// By service, Region and base model.
    unsupported: Cache<(&'static str, String, String), ()>,
    /// Failures of late, by service and Region.
    troubles: Cache<(&'static str, String), Arc<AtomicU32>>,
    asking: Semaphore,
}

/// Why there is no count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Uncounted {
    /// CountTokens does not know the model.
    Unsupported,
    /// It does not take this body.
    Refused,
    TooLarge,
    Denied,
    Throttled,
    Timeout,
    Failed,
    /// It failed too often a moment ago.
    Paused,
}

impl Uncounted {
    /// The label of metrics.
    fn name(self) -> &'static str {
        match self {
            Uncounted::Unsupported => "unsupported",
            Uncounted::Refused => "invalid",
            Uncounted::TooLarge => "too_large",
            Uncounted::Denied => "denied",
            Uncounted::Throttled => "throttled",
            Uncounted::Timeout => "timeout",
            Uncounted::Failed => "failed",
            Uncounted::Paused => "paused",
        }
    }

    /// Whether the next request would meet the same.
    fn is_trouble(self) -> bool {
        matches!(self, Uncounted::Denied | Uncounted::Throttled | Uncounted::Timeout | Uncounted::Failed)
    }
}

/// Counts the input where that is configured and the reservation would take much of what a limit leaves.
pub async fn count(
    asker: &Asker<'_>,
    clearance: &Clearance,
    cleared: &mut ClearedRequest,
    draft: &mut Draft,
) -> Result<(), Refusal> {
    let Some(counter) = &asker.snapshot.counter else { return Ok(()) };
    let Some(form) = Form::of(asker.operation).filter(|_| !asker.model.base().is_empty()) else {
        return Ok(());
    };
    let service = form.service().name();
    let unsupported = (service, asker.region.to_owned(), asker.model.base().to_owned());
    if counter.unsupported.contains_key(&unsupported) {
        metrics::quota_input_counted(Uncounted::Unsupported.name(), InputBasis::Estimated.name());
        return Ok(());
    }
    if share_percent(asker, clearance, cleared, cleared.input.tokens, draft)?
        .is_none_or(|share| share <= counter.config.when_over_percent)
    {
        metrics::quota_input_counted("not_asked", InputBasis::Estimated.name());
        return Ok(());
    }
    if share_percent(asker, clearance, cleared, 0, draft)?.is_some_and(|share| share > 100) {
        // As far as is known it would not fit if it had no input at all. The store of quotas may know better.
        draft.input_basis = Some(InputBasis::Estimated);
        let rest = worst_case(asker, cleared, 0)?;
        let fits = take(asker, clearance, rest, draft).await?;
        asker.snapshot.ledger.release(fits);
    }
    let key = form.key(asker.model.base(), cleared.body_sha256(), asker.headers);
    if let Some(tokens) = counter.counts.get(&key) {
        metrics::quota_input_counted("remembered", InputBasis::Counted.name());
        cleared.input = InputTokens { tokens, margin: 0, basis: InputBasis::Counted };
        return Ok(());
    }
    let counted = counter.ask(asker, cleared, form).await;
    draft.stage("counting");
    match counted {
        Ok(tokens) => {
            counter.counts.insert(key, tokens);
            metrics::quota_input_counted("counted", InputBasis::Counted.name());
            cleared.input = InputTokens { tokens, margin: 0, basis: InputBasis::Counted };
            Ok(())
        }
        Err(Uncounted::Unsupported) => {
            counter.unsupported.insert(unsupported, ());
            metrics::quota_input_counted(Uncounted::Unsupported.name(), InputBasis::Estimated.name());
            Ok(())
        }
        Err(why) if counter.config.denies_uncounted => {
            metrics::quota_input_counted(why.name(), "refused");
            match why {
                Uncounted::Refused | Uncounted::TooLarge => Err(Refusal::InputUncountable),
                _ => Err(Refusal::InputUncounted),
            }
        }
        Err(why) => {
            metrics::quota_input_counted(why.name(), InputBasis::Estimated.name());
            let margin = cleared.input.tokens.saturating_mul(counter.config.margin_percent).div_ceil(100);
            cleared.input = InputTokens { margin, ..cleared.input };
            Ok(())
        }
    }
}

/// The share of what a limit leaves that the request would take with so much input.
fn share_percent(
    asker: &Asker<'_>,
    clearance: &Clearance,
    cleared: &ClearedRequest,
    input: u64,
    draft: &Draft,
) -> Result<Option<u64>, Refusal> {
    let worst = worst_case(asker, cleared, input)?;
    let demand = Demand {
        principal: asker.principal,
        model: asker.model,
        tokens: worst.tokens,
        nano_usd: worst.nano_usd,
        request: "",
        extra: &clearance.limits(),
    };
    Ok(asker.snapshot.ledger.largest_share_percent(&demand, draft.unix_millis()))
}

/// How CountTokens takes a body.
#[derive(Clone, Copy)]
enum Form {
    Converse,
    Invoke,
    /// Mantle's Messages have a CountTokens of their own.
    Messages,
}

/// The members of a Converse request that are input.
const CONVERSE_INPUT: [&str; 4] = ["messages", "system", "toolConfig", "additionalModelRequestFields"];
/// The same of a Messages request, and what else its count needs.
const MESSAGES_INPUT: [&str; 6] = ["model", "messages", "system", "tools", "tool_choice", "thinking"];
/// Headers of a caller that say how a Messages body is meant.
const MESSAGES_HEADERS: [&str; 2] = ["anthropic-version", "anthropic-beta"];

impl Form {
    fn of(operation: Operation) -> Option<Self> {
        match operation {
            Operation::Converse | Operation::ConverseStream => Some(Form::Converse),
            Operation::InvokeModel | Operation::InvokeModelWithResponseStream => Some(Form::Invoke),
            Operation::MantleMessages => Some(Form::Messages),
            _ => None,
        }
    }

    fn service(self) -> Service {
        match self {
            Form::Converse | Form::Invoke => Service::BedrockRuntime,
            Form::Messages => Service::Mantle,
        }
    }

    /// CountTokens knows models by their bare ids alone; Mantle's finds the model in the body.
    fn path(self, model: &ModelId) -> String {
        match self {
            Form::Converse | Form::Invoke => format!("/model/{}/count-tokens", model.path_segment()),
            Form::Messages => "/anthropic/v1/messages/count_tokens".to_owned(),
        }
    }

    /// Where the count stands in an answer.
    fn member(self) -> &'static str {
        match self {
            Form::Converse | Form::Invoke => "inputTokens",
            Form::Messages => "input_tokens",
        }
    }

    fn headers(self, of_caller: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let said = self.said(of_caller).map(|(name, value)| (HeaderName::from_static(name), value.clone()));
        headers.extend(said);
        headers
    }

    /// Headers of the caller that change what is counted.
    fn said(self, of_caller: &HeaderMap) -> impl Iterator<Item = (&'static str, &HeaderValue)> {
        let names: &'static [&'static str] = match self {
            Form::Messages => &MESSAGES_HEADERS,
            Form::Converse | Form::Invoke => &[],
        };
        names.iter().filter_map(|name| Some((*name, of_caller.get(*name)?)))
    }

    /// What a count is remembered by.
    fn key(self, base: &str, body_sha256: &[u8; 32], of_caller: &HeaderMap) -> [u8; 32] {
        let form: &[u8] = match self {
            Form::Converse => b"converse ",
            Form::Invoke => b"invoke ",
            Form::Messages => b"messages ",
        };
        let digest = Sha256::new().chain_update(form).chain_update(body_sha256).chain_update(base);
        // No line break stands in any of them.
        let said = self.said(of_caller).fold(digest, |digest, (name, value)| {
            digest.chain_update("\n").chain_update(name).chain_update("\n").chain_update(value)
        });
        said.finalize().into()
    }

    /// The body of CountTokens for a body that leaves.
    fn wrap(self, body: &[u8], limits: JsonLimits) -> Option<Vec<u8>> {
        match self {
            Form::Converse => {
                let input = members(body, limits, &CONVERSE_INPUT)?;
                Some(format!(r#"{{"input":{{"converse":{input}}}}}"#).into())
            }
            Form::Messages => members(body, limits, &MESSAGES_INPUT).map(String::into_bytes),
            Form::Invoke => Some(
                format!(r#"{{"input":{{"invokeModel":{{"body":"{}"}}}}}}"#, STANDARD.encode(body)).into(),
            ),
        }
    }
}

/// An object of these members of the body, as they are written there.
fn members(body: &[u8], limits: JsonLimits, names: &[&str]) -> Option<String> {
    let document = Document::parse(body, limits).ok()?;
    let members = names.iter().filter_map(|name| {
        let value = document.get(document.root(), name)?;
        Some(format!("\"{name}\":{}", document.raw(value)))
    });
    Some(format!("{{{}}}", members.collect::<Vec<String>>().join(",")))
}

impl InputCounter {
    pub fn new(config: CountingConfig) -> Self {
        let unsupported = Cache::builder().max_capacity(UNSUPPORTED_KEPT_MAX);
        Self {
            config,
            counts: Cache::builder().max_capacity(COUNTS_KEPT_MAX).time_to_live(COUNTS_KEPT_FOR).build(),
            unsupported: unsupported.time_to_live(config.unsupported_for).build(),
            troubles: Cache::builder().max_capacity(TROUBLED_REGIONS_MAX).time_to_live(TROUBLES_FOR).build(),
            asking: Semaphore::new(ASKING_MAX),
        }
    }

    async fn ask(&self, asker: &Asker<'_>, cleared: &ClearedRequest, form: Form) -> Result<u64, Uncounted> {
        if cleared.body().len() > self.config.body_bytes_max {
            metrics::bound_hit("counting_body_bytes_max");
            return Err(Uncounted::TooLarge);
        }
        let place = (form.service().name(), asker.region.to_owned());
        let troubles = self.troubles.get(&place);
        if troubles.is_some_and(|troubles| troubles.load(Ordering::Relaxed) >= TROUBLES_MAX) {
            return Err(Uncounted::Paused);
        }
        let snapshot = asker.snapshot;
        let asked = async {
            let _place = self.asking.acquire().await.map_err(|_| Uncounted::Failed)?;
            let limits = snapshot.config.limits.json;
            let body = form.wrap(cleared.json(), limits).ok_or(Uncounted::Refused)?;
            call(asker, form, body.into()).await
        };
        let counted = fast_timeout(self.config.timeout, asked).await.unwrap_or(Err(Uncounted::Timeout));
        match &counted {
            Err(why) if why.is_trouble() => {
                tracing::warn!(reason = why.name(), "the input of a request could not be counted");
                let troubles = self.troubles.get_with(place, Arc::default);
                troubles.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
        counted
    }
}

/// Asks AWS, under Hardpan's own credentials.
async fn call(asker: &Asker<'_>, form: Form, body: Bytes) -> Result<u64, Uncounted> {
    let model = ModelId::parse(asker.model.base()).map_err(|_| Uncounted::Unsupported)?;
    let headers = form.headers(asker.headers);
    let call = || Call {
        service: form.service(),
        method: Operation::CountTokens.method(),
        path: form.path(&model),
        region: asker.region.to_owned(),
        headers: headers.clone(),
        body: body.clone(),
    };
    let answer =
        forward::ask(asker.snapshot, call, ANSWER_BYTES_MAX).await.map_err(|refusal| match refusal {
            Refusal::Upstream(crate::upstream::UpstreamError::Timeout) => Uncounted::Timeout,
            _ => Uncounted::Failed,
        })?;
    read(answer.status, &answer.body, form.member())
}

/// What an answer of CountTokens comes to.
fn read(status: u16, body: &[u8], member: &str) -> Result<u64, Uncounted> {
    let document = Document::parse(body, JsonLimits::default()).map_err(|_| Uncounted::Failed);
    match status {
        200 => {
            let document = document?;
            let tokens = document.get(document.root(), member).and_then(|id| document.u64(id));
            tokens.ok_or(Uncounted::Failed)
        }
        400 => {
            let document = document.map_err(|_| Uncounted::Refused)?;
            let said = |place: &[&str]| document.string_at(document.root(), place);
            let message = said(&["message"]).or_else(|| said(&["error", "message"])).unwrap_or_default();
            said_too_long(&message).ok_or(match is_about_the_model(&message) {
                true => Uncounted::Unsupported,
                false => Uncounted::Refused,
            })
        }
        401 | 403 => Err(Uncounted::Denied),
        // Neither every model nor every Region has it.
        404 => Err(Uncounted::Unsupported),
        429 => Err(Uncounted::Throttled),
        _ => Err(Uncounted::Failed),
    }
}

/// A body that is not valid gets the same kind of error as a model that cannot be counted, and who sends one must not
/// have the model's other requests estimated.
fn is_about_the_model(message: &str) -> bool {
    message.contains("support counting tokens") || message.contains("model identifier is invalid")
}

/// Above a length of its own CountTokens says the count in an error.
fn said_too_long(message: &str) -> Option<u64> {
    let rest = message.strip_prefix("prompt is too long: ")?;
    rest.split_once(" tokens")?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_wrapped_as_count_tokens_takes_it() {
        let wrapped = |form: Form, body: &str| {
            form.wrap(body.as_bytes(), JsonLimits::default()).map(|body| String::from_utf8(body).unwrap())
        };
        let body = r#"{"inferenceConfig":{"maxTokens":9},"system":[{"text":"s"}],"toolConfig":{"tools":[]},
            "messages":[{"role":"user", "content":[{"text":"\u00e9"}]}],"requestMetadata":{"user":"anna"},
            "additionalModelRequestFields":{"thinking":{}},"guardrailConfig":{}}"#;
        assert_eq!(
            wrapped(Form::Converse, body).unwrap(),
            r#"{"input":{"converse":{"messages":[{"role":"user", "content":[{"text":"\u00e9"}]}],"system":[{"text":"s"}],"toolConfig":{"tools":[]},"additionalModelRequestFields":{"thinking":{}}}}}"#
        );
        assert_eq!(wrapped(Form::Converse, "{").as_deref(), None);
        assert_eq!(
            wrapped(Form::Invoke, r#"{"prompt":"hi"}"#).unwrap(),
            r#"{"input":{"invokeModel":{"body":"eyJwcm9tcHQiOiJoaSJ9"}}}"#
        );
        let messages = r#"{"max_tokens":9,"model":"m","stream":true,"messages":[],"tools":[1],"metadata":{"user_id":"anna"}}"#;
        assert_eq!(wrapped(Form::Messages, messages).unwrap(), r#"{"model":"m","messages":[],"tools":[1]}"#);
    }

    #[test]
    fn answers_are_told_apart() {
        for (status, body, expected) in [
            (200, r#"{"inputTokens":12}"#, Ok(12)),
            (200, r#"{"inputTokens":-1}"#, Err(Uncounted::Failed)),
            (200, r#"{"inputTokens":"12"}"#, Err(Uncounted::Failed)),
            (200, "{}", Err(Uncounted::Failed)),
            (200, "12", Err(Uncounted::Failed)),
            (200, "", Err(Uncounted::Failed)),
            (
                400,
                r#"{"message":"The provided model doesn't support counting tokens."}"#,
                Err(Uncounted::Unsupported),
            ),
            (400, r#"{"message":"The provided model identifier is invalid."}"#, Err(Uncounted::Unsupported)),
            (400, r#"{"message":"messages: at least one message is required"}"#, Err(Uncounted::Refused)),
            (400, r#"{"message":"prompt is too long: 300007 tokens > 200000 maximum"}"#, Ok(300_007)),
            (400, r#"{"message":"prompt is too long: many tokens"}"#, Err(Uncounted::Refused)),
            (400, "<html>", Err(Uncounted::Refused)),
            (403, r#"{"message":"not authorized"}"#, Err(Uncounted::Denied)),
            (404, "{}", Err(Uncounted::Unsupported)),
            (429, r#"{"message":"slow"}"#, Err(Uncounted::Throttled)),
            (500, "", Err(Uncounted::Failed)),
            (503, r#"{"inputTokens":12}"#, Err(Uncounted::Failed)),
            (302, "", Err(Uncounted::Failed)),
        ] {
            assert_eq!(read(status, body.as_bytes(), Form::Invoke.member()), expected, "{status} {body}");
        }
        let read = |body: &str, status| read(status, body.as_bytes(), Form::Messages.member());
        assert_eq!(read(r#"{"input_tokens":12}"#, 200), Ok(12));
        assert_eq!(read(r#"{"inputTokens":12}"#, 200), Err(Uncounted::Failed));
        let too_long = r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8 maximum"}}"#;
        assert_eq!(read(too_long, 400), Ok(9));
    }

    #[test]
    fn counts_of_two_models_bodies_forms_or_betas_are_not_mixed_up() {
        let (one, two) = ([1; 32], [2; 32]);
        let none = HeaderMap::new();
        let beta = |said: &'static str| {
            HeaderMap::from_iter([(
                HeaderName::from_static("anthropic-beta"),
                HeaderValue::from_static(said),
            )])
        };
        let keys = [
            Form::Converse.key("a.b", &one, &none),
            Form::Invoke.key("a.b", &one, &none),
            Form::Messages.key("a.b", &one, &none),
            Form::Messages.key("a.b", &one, &beta("tools")),
            Form::Messages.key("a.b", &one, &beta("files")),
            Form::Converse.key("a.c", &one, &none),
            Form::Converse.key("a.b", &two, &none),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert_eq!(keys.iter().position(|other| other == key), Some(at));
        }
        // Headers that are not sent along say nothing.
        assert_eq!(Form::Converse.key("a.b", &one, &beta("tools")), keys[0]);
    }
}
