//! What approvers are told and say, over HTTP on the admin port.
//!
//! Every call shows an approver's token. Nothing is listed for anybody who is in none of the groups that are asked,
//! and each decision leaves a record, whether it counted or not.

use std::time::Duration;

use hardpan_telemetry::metrics;
use http::Response;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use pingora_core::protocols::http::ServerSession;
use pingora_timeout::fast_timeout::fast_timeout;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Approval, Approvals, Objection, State, Subject, missing, objection, record};
use crate::config::Approver;
use crate::identity::now_unix;
use crate::snapshot::Parts;

const ROOT: &str = "/v1/approvals";
const BODY_BYTES_MAX: usize = 4 << 10;
const BODY_WITHIN: Duration = Duration::from_secs(5);
/// As many as one answer lists.
const LISTED_MAX: usize = 1000;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Said {
    note: Option<String>,
}

/// Answers a call to the approvals interface; None for anything else.
pub async fn answer(parts: &Parts, session: &mut ServerSession) -> Option<Response<Vec<u8>>> {
    let path = session.req_header().uri.path();
    let rest = path.strip_prefix(ROOT).filter(|rest| rest.is_empty() || rest.starts_with('/'))?.to_owned();
    let approvals = parts.approvals.as_ref()?;
    let outcome = serve(parts, approvals, &rest, session).await;
    let (status, result, body) = match outcome {
        Ok(body) => (200, "ok", body),
        Err(refusal) => {
            let body = json!({"code": refusal.code(), "message": refusal.message()});
            (refusal.status(), refusal.code(), body)
        }
    };
    metrics::approval_call(result);
    let body = body.to_string().into_bytes();
    let response = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json")
        .header(CACHE_CONTROL, "no-store")
        .header(CONTENT_LENGTH, body.len())
        .body(body);
    Some(response.unwrap_or_default())
}

/// Why a call is not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    NoToken,
    WrongToken,
    NoSuchCall,
    Body,
    Objection(Objection),
}

impl Refused {
    fn status(self) -> u16 {
        match self {
            Refused::NoToken => 401,
            Refused::WrongToken | Refused::Objection(Objection::Own | Objection::NotAsked) => 403,
            Refused::NoSuchCall | Refused::Objection(Objection::Unknown) => 404,
            Refused::Body => 400,
            Refused::Objection(Objection::Decided) => 409,
            Refused::Objection(Objection::Expired) => 410,
            Refused::Objection(Objection::Unkept) => 503,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Refused::NoToken => "unauthenticated",
            Refused::WrongToken => "wrong_token",
            Refused::NoSuchCall => "no_such_call",
            Refused::Body => "invalid_body",
            Refused::Objection(objection) => objection.code(),
        }
    }

    fn message(self) -> &'static str {
        match self {
            Refused::NoToken => "Send an approver's token as Authorization: Bearer.",
            Refused::WrongToken => "The token is no approver's.",
            Refused::NoSuchCall => {
                "GET /v1/approvals, GET /v1/approvals/ID, POST /v1/approvals/ID/approve or /deny."
            }
            Refused::Body => "The body is an object with a text `note`, or empty.",
            Refused::Objection(Objection::Unknown) => "There is no such approval.",
            Refused::Objection(Objection::NotAsked) => "None of your groups is asked.",
            Refused::Objection(Objection::Own) => "It is your own call: somebody else has to decide.",
            Refused::Objection(Objection::Decided) => "It was decided otherwise, or has been used.",
            Refused::Objection(Objection::Expired) => "It has expired.",
            Refused::Objection(Objection::Unkept) => "The decision could not be kept, and does not hold.",
        }
    }
}

impl Objection {
    fn code(self) -> &'static str {
        match self {
            Objection::Unknown => "unknown",
            Objection::NotAsked => "not_asked",
            Objection::Own => "own_call",
            Objection::Decided => "already_decided",
            Objection::Expired => "expired",
            Objection::Unkept => "unkept",
        }
    }
}

impl From<Objection> for Refused {
    fn from(objection: Objection) -> Self {
        Refused::Objection(objection)
    }
}

async fn serve(
    parts: &Parts,
    approvals: &Approvals,
    rest: &str,
    session: &mut ServerSession,
) -> Result<Value, Refused> {
    let request = session.req_header();
    let mut headers = request.headers.get_all(AUTHORIZATION).iter();
    // Two headers are as good as none: it would not be clear who speaks.
    let header = headers.next().filter(|_| headers.next().is_none()).ok_or(Refused::NoToken)?;
    let token = header.as_bytes().strip_prefix(b"Bearer ").ok_or(Refused::NoToken)?;
    let approver = approvals.config.approver(token).ok_or(Refused::WrongToken)?;
    let method = request.method.as_str().to_owned();
    let wanted = request.uri.query().and_then(|query| query.strip_prefix("state=")).map(str::to_owned);
    let now = now_unix();
    let names: Vec<&str> = rest.split('/').skip(1).collect();
    match (method.as_str(), names.as_slice()) {
        // A decision that is being written is waited for.
        ("GET", []) => tokio::task::block_in_place(|| list(approvals, approver, wanted.as_deref(), now)),
        ("GET", [id]) => {
            let found = tokio::task::block_in_place(|| approvals.get(id));
            let found = found.filter(|one| concerns(one, approver));
            Ok(document(&found.ok_or(Objection::Unknown)?, approver, now))
        }
        ("POST", [id, verb @ ("approve" | "deny")]) => {
            let said = said(session).await?;
            if parts.records.must_refuse() {
                return Err(Objection::Unkept.into());
            }
            let approve = *verb == "approve";
            let note = said.note.as_deref();
            let decided = tokio::task::block_in_place(|| {
                let decided = approvals.decide(id, approver, approve, note, now);
                tell(parts, approvals, id, approver, approve, decided.as_ref().err().copied());
                decided
            });
            Ok(document(&decided?, approver, now))
        }
        _ => Err(Refused::NoSuchCall),
    }
}

/// One record for each decision, also for one that did not count.
fn tell(
    parts: &Parts,
    approvals: &Approvals,
    id: &str,
    approver: &Approver,
    approve: bool,
    objection: Option<Objection>,
) {
    // What nobody knows is no business of the log's: anybody could fill it with names.
    let Some(approval) = approvals.get(id) else { return };
    let state = if approve { "approved" } else { "denied" };
    let status = objection.map_or(200, |objection| Refused::from(objection).status());
    let mut record = record(&approval, state, Some(&approver.name), status);
    record.error = objection.map(|objection| objection.code().to_owned());
    // A full queue is counted by the log itself.
    let _ = parts.records.submit(record);
}

async fn said(session: &mut ServerSession) -> Result<Said, Refused> {
    let mut body = Vec::new();
    let read = async {
        loop {
            match session.read_request_body().await {
                Ok(Some(piece)) if body.len() + piece.len() <= BODY_BYTES_MAX => {
                    body.extend_from_slice(&piece)
                }
                Ok(None) => return true,
                // What breaks off is not what somebody said.
                Ok(Some(_)) | Err(_) => return false,
            }
        }
    };
    if !fast_timeout(BODY_WITHIN, read).await.unwrap_or(false) {
        return Err(Refused::Body);
    }
    if body.is_empty() {
        return Ok(Said::default());
    }
    // An object, and no list that would do for one.
    let members: Map<String, Value> = serde_json::from_slice(&body).map_err(|_| Refused::Body)?;
    serde_json::from_value(Value::Object(members)).map_err(|_| Refused::Body)
}

fn concerns(approval: &Approval, approver: &Approver) -> bool {
    !approver.groups.is_disjoint(&approval.groups)
}

/// Those that wait, unless others are asked for.
fn list(
    approvals: &Approvals,
    approver: &Approver,
    wanted: Option<&str>,
    now: i64,
) -> Result<Value, Refused> {
    let wanted = match wanted {
        None => Some(State::Pending),
        Some("all") => None,
        Some(name) => {
            Some(State::ALL.into_iter().find(|state| state.name() == name).ok_or(Refused::NoSuchCall)?)
        }
    };
    let is_wanted =
        |one: &Approval| concerns(one, approver) && wanted.is_none_or(|wanted| one.state(now) == wanted);
    let listed: Vec<Value> =
        approvals.list(is_wanted, LISTED_MAX).iter().map(|one| document(one, approver, now)).collect();
    Ok(json!({"approvals": listed}))
}

fn document(approval: &Approval, approver: &Approver, now: i64) -> Value {
    let (kind, subject) = match &approval.subject {
        Subject::Tool { name, id, arguments, cut, arguments_bytes, findings } => (
            "tool",
            json!({
                "name": name, "id": id, "arguments": arguments, "cut": cut,
                "arguments_bytes": arguments_bytes, "findings": findings,
            }),
        ),
        Subject::Request { resource, bytes, messages, tools, findings } => (
            "request",
            json!({
                "resource": resource, "bytes": bytes, "messages": messages, "tools": tools,
                "findings": findings,
            }),
        ),
    };
    let votes: Vec<Value> = approval
        .votes
        .iter()
        .map(|vote| {
            json!({
                "by": vote.by, "groups": vote.groups, "decision": if vote.approve { "approve" } else { "deny" },
                "at": at(vote.at_unix), "note": vote.note,
            })
        })
        .collect();
    let state = approval.state(now);
    let objection = objection(approval, approver).err();
    json!({
        "id": approval.id,
        "state": state.name(),
        "action": approval.action,
        "created": at(approval.created_unix),
        "expires": at(approval.expires_unix),
        "team": approval.team,
        "app": approval.app,
        "user": approval.user,
        "operation": approval.operation,
        "model": approval.model,
        "region": approval.region,
        kind: subject,
        "reasons": approval.reasons,
        "groups": approval.groups,
        "missing": missing(approval),
        "votes": votes,
        "used": approval.used.as_ref().map(|used| json!({"at": at(used.at_unix), "request_id": used.request_id})),
        "request_id": approval.request_id,
        "decision_id": approval.decision_id,
        "policy_revision": approval.policy_revision,
        "may_decide": state == State::Pending && objection.is_none(),
        "objection": objection.map(Objection::code),
    })
}

fn at(unix: i64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(unix).ok().and_then(|time| time.format(&Rfc3339).ok())
}
