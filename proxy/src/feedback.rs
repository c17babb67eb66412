//! `POST /hardpan/v1/feedback`: what a user thought of an answer, joined to the record of its request.
//!
//! Which requests feedback may be given on is remembered in memory, for a while and up to a number; a restart forgets
//! them. Only the caller of a request may speak of it. The comment is content: it is counted and looked into, and kept
//! only where policy asked for the request's content, masked then whatever policy masks elsewhere.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hardpan_filters::inspection::Inspector;
use hardpan_filters::masking::{AnswerRedaction, Tally, changes};
use hardpan_filters::vault::Vault;
use hardpan_inference::finding::{RedactMode, RedactPlace};
use hardpan_inference::operation::Operation;
use hardpan_inference::principal::Principal;
use hardpan_telemetry::audit::FeedbackRecord;
use hardpan_telemetry::metrics;
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::config::FeedbackConfig;
use crate::downstream::Downstream;
use crate::exchange::verify;
use crate::identity::{self, SignedBody};
use crate::record::{Draft, audit_principal};
use crate::refusal::Refusal;
use crate::respond::add_own_headers;
use crate::snapshot::Snapshot;

const PATH: &[u8] = b"/hardpan/v1/feedback";
const BODY_BYTES_MAX: usize = 16 << 10;
const COMMENT_BYTES_MAX: usize = 4096;
const LABEL_BYTES_MAX: usize = 64;
/// How often feedback may be given on one request.
const PER_REQUEST_MAX: u8 = 8;

/// Whether a request is for this path, a configured prefix before it taken off.
pub fn is_asked(snapshot: &Snapshot, downstream: &Downstream<'_>) -> bool {
    let (_, target) = identity::strip(&snapshot.config.identity.prefixes, downstream.raw_target());
    snapshot.feedback.is_some() && downstream.method() == "POST" && target == PATH
}

/// Takes one feedback. Its record is in the log's queue before the caller is told.
pub async fn exchange(
    snapshot: &Snapshot,
    downstream: &mut Downstream<'_>,
    draft: &mut Draft,
) -> Result<(), Refusal> {
    if downstream.has_conflicting_framing() {
        return Err(Refusal::Framing);
    }
    let encoding = downstream.headers().get(http::header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Refusal::ContentEncoding);
    }
    if snapshot.records.must_refuse() {
        return Err(Refusal::RecordsUnavailable);
    }
    let (identity, config) = (&snapshot.identity, &snapshot.config);
    let (prefix, _) = identity::strip(&config.identity.prefixes, downstream.raw_target());
    // Callers of either service sign as they always do.
    let operation = match identity::signing_name(downstream.headers(), prefix) {
        Some("sagemaker") => Operation::InvokeEndpoint,
        _ => Operation::Converse,
    };
    let claim =
        identity::claim(identity, config, &downstream.head(), operation, prefix, draft.unix_seconds())?;
    let _place = snapshot.admission.enter(downstream.body_bytes_expected(BODY_BYTES_MAX))?;
    let body = downstream.read_body(BODY_BYTES_MAX, config.limits.body_timeout).await?;
    let sha256: [u8; 32] = Sha256::digest(&body).into();
    let principal = verify(snapshot, &claim, SignedBody::Hash(&sha256), downstream, draft)?;

    let given = Given::parse(&body)?;
    let Some(known) = &snapshot.feedback else { return Err(Refusal::FeedbackUnknown) };
    let about = given.request_id;
    let may_keep = known.take(about, &principal)?;
    let record = given.into_record(snapshot, &principal, may_keep, draft.unix_seconds());
    let (id, score) = (record.feedback_id.clone(), record.score);
    if snapshot.records.submit_feedback(record).is_err() {
        known.give_back(about);
        return Err(Refusal::RecordsUnavailable);
    }
    metrics::feedback(score);
    draft.is_recorded = true;
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    add_own_headers(&mut headers, draft);
    draft.status = 200;
    // It is on record; whether the caller hears of it changes nothing.
    let _ = downstream.respond(200, headers, format!("{{\"feedback_id\":\"{id}\"}}").into()).await;
    Ok(())
}

/// A body as written. No `Debug`: the comment is content.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    request_id: String,
    score: f64,
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    comment: Option<String>,
}

/// A body that was understood.
struct Given {
    request_id: Uuid,
    score: f64,
    label: Option<String>,
    comment: Option<String>,
}

impl Given {
    fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let malformed = Refusal::FeedbackMalformed;
        let written: Written =
            serde_json::from_slice(body).map_err(|_| malformed("the body is not understood"))?;
        let Written { request_id, score, label, comment } = written;
        let request_id =
            Uuid::try_parse(&request_id).map_err(|_| malformed("request_id is no id of a request"))?;
        if !(-1.0..=1.0).contains(&score) {
            return Err(malformed("score is not between -1 and 1"));
        }
        let is_word = |label: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
            (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.bytes().all(plain)
        };
        if label.as_deref().is_some_and(|label| !is_word(label)) {
            return Err(malformed("label is not a word of up to 64 letters, digits and _ - . :"));
        }
        if comment.as_deref().is_some_and(|comment| comment.len() > COMMENT_BYTES_MAX) {
            return Err(malformed("comment is longer than 4096 bytes"));
        }
        Ok(Self { request_id, score, label, comment })
    }

    fn into_record(
        self,
        snapshot: &Snapshot,
        principal: &Principal,
        may_keep: bool,
        now_unix: i64,
    ) -> FeedbackRecord {
        let Principal { team, app, user, .. } = principal;
        let mut tally = Tally::default();
        let comment = self.comment.as_deref().filter(|comment| !comment.is_empty());
        let comment_bytes = comment.map_or(0, |comment| comment.len() as u64);
        let masked = comment.map(|comment| masked(&snapshot.inspector, comment, &mut tally));
        FeedbackRecord {
            request_id: self.request_id.to_string(),
            feedback_id: Uuid::new_v4().to_string(),
            time: OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
            principal: audit_principal(snapshot, team.clone(), app.clone(), user.as_deref(), now_unix),
            score: self.score,
            label: self.label,
            comment_bytes,
            comment_findings: tally.findings.iter().map(|(kind, count)| (kind.name(), *count)).collect(),
            // Without detectors nobody could tell what stands in it.
            comment: masked.filter(|_| may_keep && snapshot.config.guards.pii),
            ..FeedbackRecord::default()
        }
    }
}

/// The comment with everything that was found in it named by its type alone.
fn masked(inspector: &Inspector, comment: &str, tally: &mut Tally) -> String {
    let redaction = AnswerRedaction::of(|_, _| Some(RedactMode::Mask));
    let masker = redaction.masker(RedactPlace::Response, inspector);
    let mut out = String::with_capacity(comment.len());
    let mut at = 0;
    for (range, text) in changes(&Vault::default(), masker, "", comment, tally) {
        out.push_str(comment.get(at..range.start).unwrap_or_default());
        out.push_str(&text);
        at = at.max(range.end);
    }
    out.push_str(comment.get(at..).unwrap_or_default());
    out
}

/// The requests that feedback may be given on.
pub struct FeedbackDesk {
    recent: Mutex<Recent>,
    window: Duration,
    requests_max: usize,
}

#[derive(Default)]
struct Recent {
    requests: HashMap<Uuid, Known>,
    /// By age, the oldest first.
    order: VecDeque<(Instant, Uuid)>,
}

struct Known {
    caller: [u8; 32],
    given: u8,
    keeps_comment: bool,
}

impl FeedbackDesk {
    pub fn new(config: FeedbackConfig) -> Self {
        let FeedbackConfig { window, requests_max } = config;
        Self { recent: Mutex::default(), window, requests_max }
    }

    /// From now on the caller may speak of this request.
    pub fn remember(&self, request_id: &str, principal: &Principal) {
        self.remember_at(request_id, principal, Instant::now());
    }

    /// Policy asked for the request's content: a comment on it may be kept too.
    pub fn keep_comments(&self, request_id: &str) {
        let Ok(id) = Uuid::try_parse(request_id) else { return };
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = recent.requests.get_mut(&id) {
            known.keeps_comment = true;
        }
    }

    /// Whether a comment may be kept. A request that is unknown, forgotten or another's is refused in the same words.
    fn take(&self, id: Uuid, principal: &Principal) -> Result<bool, Refusal> {
        self.take_at(id, principal, Instant::now())
    }

    /// What was taken is not on record, and may be given once more.
    fn give_back(&self, id: Uuid) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = recent.requests.get_mut(&id) {
            known.given = known.given.saturating_sub(1);
        }
    }

    fn remember_at(&self, request_id: &str, principal: &Principal, now: Instant) {
        let Ok(id) = Uuid::try_parse(request_id) else { return };
        let caller = caller(principal);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.forget(now, self.window, self.requests_max.saturating_sub(1));
        recent.order.push_back((now, id));
        recent.requests.insert(id, Known { caller, given: 0, keeps_comment: false });
    }

    fn take_at(&self, id: Uuid, principal: &Principal, now: Instant) -> Result<bool, Refusal> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.forget(now, self.window, self.requests_max);
        let known = recent.requests.get_mut(&id).filter(|known| known.caller == caller(principal));
        let known = known.ok_or(Refusal::FeedbackUnknown)?;
        if known.given >= PER_REQUEST_MAX {
            return Err(Refusal::FeedbackRepeated);
        }
        known.given += 1;
        Ok(known.keeps_comment)
    }
}

impl Recent {
    /// Forgets what is too old, and the oldest of what is too many.
    fn forget(&mut self, now: Instant, window: Duration, requests_max: usize) {
        while let Some((since, id)) = self.order.front() {
            if now.saturating_duration_since(*since) <= window && self.order.len() <= requests_max {
                break;
            }
            self.requests.remove(id);
            self.order.pop_front();
        }
    }
}

/// Who called, as far as that was proved. Lengths keep two names from being read as one.
fn caller(principal: &Principal) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in [Some(&principal.team), Some(&principal.app), principal.user.as_ref()] {
        let part = part.map_or("", String::as_str);
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    fn principal(team: &str, app: &str, user: Option<&str>) -> Principal {
        Principal {
            team: team.to_owned(),
            app: app.to_owned(),
            user: user.map(str::to_owned),
            ..Principal::default()
        }
    }

    fn desk(requests_max: usize) -> FeedbackDesk {
        FeedbackDesk::new(FeedbackConfig { window: WINDOW, requests_max })
    }

    fn code<T>(outcome: Result<T, Refusal>) -> &'static str {
        outcome.map_or_else(|refusal| refusal.code(), |_| "taken")
    }

    #[test]
    fn only_the_caller_of_a_request_speaks_of_it() {
        let (desk, id) = (desk(8), Uuid::new_v4());
        desk.remember(&id.to_string(), &principal("t", "a", Some("u")));
        for (who, outcome) in [
            (principal("t", "a", Some("u")), "taken"),
            (principal("t", "a", None), "feedback_unknown"),
            (principal("t", "a", Some("v")), "feedback_unknown"),
            (principal("t", "b", Some("u")), "feedback_unknown"),
            (principal("x", "a", Some("u")), "feedback_unknown"),
            // The same letters, cut elsewhere.
            (principal("ta", "", Some("u")), "feedback_unknown"),
        ] {
            assert_eq!(code(desk.take(id, &who)), outcome, "{who:?}");
        }
        assert_eq!(code(desk.take(Uuid::new_v4(), &principal("t", "a", Some("u")))), "feedback_unknown");
    }

    #[test]
    fn requests_are_forgotten_by_age_and_by_number() {
        let (desk, who, start) = (desk(2), principal("t", "a", None), Instant::now());
        let ids: Vec<Uuid> = (0..3).map(|_| Uuid::new_v4()).collect();
        for id in &ids {
            desk.remember_at(&id.to_string(), &who, start);
        }
        let at =
            |id: usize, after: u64| code(desk.take_at(ids[id], &who, start + Duration::from_secs(after)));
        assert_eq!([at(0, 0), at(1, 0), at(2, 60)], ["feedback_unknown", "taken", "taken"]);
        assert_eq!([at(1, 61), at(2, 61)], ["feedback_unknown"; 2]);
        let recent = desk.recent.lock().unwrap();
        assert_eq!((recent.requests.len(), recent.order.len()), (0, 0));
    }

    #[test]
    fn feedback_on_one_request_is_bounded_and_comments_are_kept_where_policy_asked() {
        let (desk, who, id) = (desk(8), principal("t", "a", None), Uuid::new_v4());
        desk.keep_comments(&id.to_string());
        desk.remember(&id.to_string(), &who);
        assert!(!desk.take(id, &who).unwrap());
        desk.keep_comments(&id.to_string());
        for _ in 1..PER_REQUEST_MAX {
            assert!(desk.take(id, &who).unwrap());
        }
        assert_eq!(code(desk.take(id, &who)), "feedback_repeated");
        desk.give_back(id);
        assert_eq!([code(desk.take(id, &who)), code(desk.take(id, &who))], ["taken", "feedback_repeated"]);
    }

    #[test]
    fn bodies_are_taken_within_their_bounds() {
        let id = "0b8f7a52-6f0e-4a55-9a3a-3f4a0a6f1c11";
        let text = |length: usize| "x".repeat(length);
        for (body, is_taken) in [
            (format!(r#"{{"request_id":"{id}","score":1}}"#), true),
            (format!(r#"{{"request_id":"{id}","score":-1,"label":"tone:rude","comment":""}}"#), true),
            (format!(r#"{{"request_id":"{id}","score":0.5,"label":null,"comment":"{}"}}"#, text(4096)), true),
            (format!(r#"{{"request_id":"{id}","score":0.5,"comment":"{}"}}"#, text(4097)), false),
            (format!(r#"{{"request_id":"{id}","score":1.01}}"#), false),
            (format!(r#"{{"request_id":"{id}","score":-2}}"#), false),
            (format!(r#"{{"request_id":"{id}","score":"1"}}"#), false),
            (format!(r#"{{"request_id":"{id}"}}"#), false),
            (format!(r#"{{"request_id":"{id}","score":1,"score":0}}"#), false),
            (format!(r#"{{"request_id":"{id}","score":1,"more":0}}"#), false),
            (format!(r#"{{"request_id":"{id}","score":1,"label":"{}"}}"#, text(64)), true),
            (format!(r#"{{"request_id":"{id}","score":1,"label":"{}"}}"#, text(65)), false),
            (format!(r#"{{"request_id":"{id}","score":1,"label":"two words"}}"#), false),
            (format!(r#"{{"request_id":"{id}","score":1,"label":""}}"#), false),
            (r#"{"request_id":"one","score":1}"#.to_owned(), false),
            (r#"{"score":1}"#.to_owned(), false),
            ("[]".to_owned(), false),
            (String::new(), false),
        ] {
            let outcome = code(Given::parse(body.as_bytes()));
            assert_eq!(outcome, if is_taken { "taken" } else { "invalid_feedback" }, "{body}");
        }
    }
}
