//! Holding a request, or a call in an answer, until people have decided about it or its time is up.
//!
//! Here facts of a request become an approval, and what people said becomes a verdict. What an approver sees of a
//! call's arguments is redacted as if nothing of it were ever put back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hardpan_caches::{CacheKey, KeyBuilder};
use hardpan_filters::masking::{AnswerRedaction, Tally, changes, value_edits};
use hardpan_filters::vault::Vault;
use hardpan_inference::edit::{self, Edit};
use hardpan_inference::finding::{PiiType, RedactMode, RedactPlace};
use hardpan_inference::json::{Document, JsonLimits, Kind, ValueId, quote};
use hardpan_inference::operation::Asks;
use hardpan_inference::request::{RequestFacts, Signals};
use hardpan_policies::{Action, ApprovalRule, Decision};
use hardpan_telemetry::audit::AuditApproval;
use tokio::sync::watch;

use super::{Approval, Approvals, Asked, Standing, Subject, Unkept, WaitingPlace};
use crate::clearance::{Asker, Clearance, ClearedRequest};
use crate::config::Shown;
use crate::downstream::Downstream;
use crate::forward;
use crate::identity::now_unix;
use crate::payload::Payload;
use crate::record::Draft;
use crate::refusal::{ApprovalNotice, Refusal};
use crate::respond::until;
use crate::snapshot::Snapshot;
use crate::tools::{Origin, ProposedCall, ToolVerdict};

/// What an approver is shown of arguments, and of names a model made up.
const ARGUMENTS_BYTES_MAX: usize = 4 << 10;
const NAME_BYTES_MAX: usize = 128;
const MEMBER_BYTES_MAX: usize = 256;
const MEMBERS_MAX: usize = 32;
const TOOLS_SHOWN_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 256;

/// A call that waits for people.
pub struct Ticket {
    pub id: String,
    key: String,
    bound: String,
    rule: ApprovalRule,
    decision_id: String,
}

impl Ticket {
    /// How long the caller may be kept waiting.
    pub fn wait(&self, approvals: &Approvals) -> Duration {
        approvals.wait_of(&self.rule)
    }

    /// How long it can be approved.
    pub fn ttl(&self, approvals: &Approvals) -> Duration {
        approvals.ttl_of(&self.rule)
    }

    pub fn notice(&self, approvals: &Approvals) -> ApprovalNotice {
        notice(approvals, &self.id, &self.decision_id)
    }

    /// The text that stands in the call's place while nobody has approved it.
    pub fn text(&self, approvals: &Approvals) -> String {
        self.notice(approvals).required("The tool call")
    }

    fn asked<'a>(&'a self, request_id: &'a str) -> Asked<'a> {
        Asked { key: self.key.clone(), bound: self.bound.clone(), request_id, rule: &self.rule }
    }
}

fn notice(approvals: &Approvals, id: &str, decision_id: &str) -> ApprovalNotice {
    ApprovalNotice { id: id.to_owned(), url: approvals.url_of(id), decision_id: decision_id.to_owned() }
}

/// Puts a call that policy allows before people, where it demands them.
pub fn decide_call(
    asker: &Asker<'_>,
    call: &ProposedCall<'_>,
    decision: &Decision,
    signals: &Signals,
    notes: &mut Vec<AuditApproval>,
) -> ToolVerdict {
    let Some(rule) = &decision.obligations.approval else { return ToolVerdict::Release };
    let Some(approvals) = &asker.snapshot.approvals else {
        let what = "policy demands approval, and nobody is configured to give it";
        return withheld("obligation_unenforceable", what, &decision.id);
    };
    let arguments = canonical(call.arguments);
    let key = approvals.digest(&[
        b"tool",
        asker.session.key(),
        group_of(call).as_bytes(),
        call.name.as_bytes(),
        arguments.as_bytes(),
    ]);
    let path = asker.target.path();
    let bound =
        approvals.digest(&[b"asking", call.id.as_bytes(), path.as_bytes(), asker.body_sha256.as_slice()]);
    let ticket = |id: String| Ticket {
        id,
        key: key.clone(),
        bound: bound.clone(),
        rule: rule.clone(),
        decision_id: decision.id.clone(),
    };
    let asked = Asked { key: key.clone(), bound: bound.clone(), request_id: asker.request_id, rule };
    let begin = |id, expires_unix| {
        let subject = call_subject(asker.snapshot, call, signals);
        let about = About { decision_id: &decision.id, action: decision.action, rule, key: &key };
        begun(asker, &about, id, expires_unix, subject)
    };
    match tokio::task::block_in_place(|| approvals.ask(&asked, now_unix(), begin)) {
        Ok((id, Standing::Pending)) => {
            note(notes, &id, decision.action, "pending");
            ToolVerdict::Park(Box::new(ticket(id)))
        }
        Ok((id, standing)) => settled(approvals, &ticket(id), standing, notes),
        Err(error) => unkept_call(error, &decision.id),
    }
}

/// What stands in the place of a call that could not be put before people.
fn unkept_call(error: Unkept, decision_id: &str) -> ToolVerdict {
    match error {
        Unkept::Nobody => {
            let what = "policy demands approval of a group nobody is in";
            withheld("obligation_unenforceable", what, decision_id)
        }
        Unkept::Store | Unkept::Full => {
            withheld("approvals_unavailable", "approvals cannot be kept at the moment", decision_id)
        }
    }
}

fn withheld(code: &str, what: &str, decision_id: &str) -> ToolVerdict {
    ToolVerdict::Replace(format!("[{code}] The tool call was withheld: {what} (decision {decision_id})."))
}

/// Asks anew about a call that waits; None while it still does.
pub fn resume(asker: &Asker<'_>, ticket: &Ticket, notes: &mut Vec<AuditApproval>) -> Option<ToolVerdict> {
    let approvals = asker.snapshot.approvals.as_ref()?;
    let asked = ticket.asked(asker.request_id);
    let standing = tokio::task::block_in_place(|| approvals.look(&ticket.id, &asked, now_unix()));
    match standing {
        Ok(Standing::Pending) => None,
        Ok(standing) => Some(settled(approvals, ticket, standing, notes)),
        Err(error) => Some(unkept_call(error, &ticket.decision_id)),
    }
}

fn settled(
    approvals: &Approvals,
    ticket: &Ticket,
    standing: Standing,
    notes: &mut Vec<AuditApproval>,
) -> ToolVerdict {
    let action = Action::ToolUse.name();
    match standing {
        Standing::Granted => {
            note(notes, &ticket.id, action, "granted");
            ToolVerdict::Release
        }
        Standing::Denied => {
            note(notes, &ticket.id, action, "denied");
            ToolVerdict::Replace(ticket.notice(approvals).denied("The tool call"))
        }
        Standing::Pending => ToolVerdict::Replace(ticket.text(approvals)),
    }
}

/// One entry per approval, which says where it stands.
fn note(notes: &mut Vec<AuditApproval>, id: &str, action: &str, state: &'static str) {
    match notes.iter_mut().find(|note| note.id == id) {
        Some(note) => note.state = state,
        None => notes.push(AuditApproval { id: id.to_owned(), action: action.to_owned(), state, by: None }),
    }
}

/// A request that people let go on. It can be used for this request alone.
pub struct Pass {
    id: String,
    bound: String,
}

impl Pass {
    /// The request did not reach anybody: what was approved has not happened.
    pub fn give_back(self, snapshot: &Snapshot) {
        if let Some(approvals) = &snapshot.approvals {
            tokio::task::block_in_place(|| approvals.give_back(&self.id, &self.bound));
        }
    }
}

/// Holds a request until people have let it go on, where policy demands it.
pub async fn admit(
    asker: &Asker<'_>,
    clearance: &Clearance,
    facts: &RequestFacts,
    signals: &Signals,
    payload: &Payload,
    downstream: &mut Downstream<'_>,
    draft: &mut Draft,
) -> Result<Option<Pass>, Refusal> {
    let Some(rule) = clearance.approval() else { return Ok(None) };
    let approvals = asker.snapshot.approvals.as_ref().ok_or(UNENFORCEABLE)?;
    let decision_id = draft.decision_id.clone().unwrap_or_default();
    let action = match asker.operation.asks() {
        Asks::ModelInvoke => Action::ModelInvoke,
        Asks::EndpointInvoke => Action::EndpointInvoke,
        Asks::KbRetrieve => Action::KbRetrieve,
        Asks::ApiCall => Action::ApiCall,
    };
    let action = action.name();
    let key = request_key(approvals, asker, payload);
    // Each request is an asking of its own: what was approved once happens once.
    let bound = approvals.digest(&[b"request", asker.request_id.as_bytes()]);
    let asked = Asked { key: key.clone(), bound: bound.clone(), request_id: asker.request_id, rule };
    let begin = |id, expires_unix| {
        let subject = request_subject(asker, facts, signals, payload);
        let about = About { decision_id: &decision_id, action, rule, key: &key };
        begun(asker, &about, id, expires_unix, subject)
    };
    let (id, mut standing) =
        tokio::task::block_in_place(|| approvals.ask(&asked, now_unix(), begin)).map_err(unkept)?;
    draft.skip_waiting();
    let mut waiting = Waiting::begin(approvals, approvals.wait_of(rule));
    let deadline = clearance.deadline(draft.elapsed());
    while standing == Standing::Pending && !waiting.is_over() {
        tokio::select! {
            biased;
            () = downstream.left() => return Err(Refusal::CallerLeft),
            () = until(deadline) => waiting.end(),
            () = waiting.moved() => {}
        }
        standing = tokio::task::block_in_place(|| approvals.look(&id, &asked, now_unix())).map_err(unkept)?;
    }
    draft.skip_waiting();
    let state = match standing {
        Standing::Granted => "granted",
        Standing::Denied => "denied",
        Standing::Pending => "pending",
    };
    note(&mut draft.approvals, &id, action, state);
    let notice = || Box::new(notice(approvals, &id, &decision_id));
    match standing {
        Standing::Granted => Ok(Some(Pass { id, bound })),
        Standing::Denied => Err(Refusal::ApprovalDenied(notice())),
        Standing::Pending => Err(Refusal::ApprovalRequired(notice())),
    }
}

const UNENFORCEABLE: Refusal = Refusal::Unenforceable { obligation: "approval" };

fn unkept(error: Unkept) -> Refusal {
    match error {
        Unkept::Nobody => UNENFORCEABLE,
        Unkept::Store | Unkept::Full => Refusal::ApprovalsUnavailable,
    }
}

/// Waiting for somebody to decide: until then, or until time is up.
pub struct Waiting<'a> {
    approvals: &'a Approvals,
    changed: watch::Receiver<u64>,
    deadline: Instant,
    /// None: there was no place to wait.
    place: Option<WaitingPlace<'a>>,
}

impl<'a> Waiting<'a> {
    pub fn begin(approvals: &'a Approvals, wait: Duration) -> Self {
        let mut changed = approvals.changed.subscribe();
        // Somebody may have decided before anybody listened.
        changed.mark_changed();
        let now = Instant::now();
        let place = if wait.is_zero() { None } else { approvals.enter() };
        Self { approvals, changed, deadline: now.checked_add(wait).unwrap_or(now), place }
    }

    /// Something may have been decided, or time is up. For ever where it already was.
    pub async fn moved(&mut self) {
        if self.is_over() {
            return std::future::pending().await;
        }
        let closed = tokio::select! {
            changed = self.changed.changed() => changed.is_err() || self.approvals.is_closed(),
            () = tokio::time::sleep_until(self.deadline.into()) => true,
        };
        if closed {
            self.end();
        }
    }

    pub fn end(&mut self) {
        self.place = None;
    }

    pub fn is_over(&self) -> bool {
        self.place.is_none()
    }
}

/// What an approval begins with, beside who asks.
struct About<'a> {
    decision_id: &'a str,
    action: &'a str,
    rule: &'a ApprovalRule,
    key: &'a str,
}

fn begun(asker: &Asker<'_>, about: &About<'_>, id: String, expires_unix: i64, subject: Subject) -> Approval {
    let principal = asker.principal;
    Approval {
        v: 1,
        id,
        key: about.key.to_owned(),
        action: about.action.to_owned(),
        created_unix: now_unix(),
        expires_unix,
        team: principal.team.clone(),
        app: principal.app.clone(),
        user: principal.user.as_deref().map(|user| clip(user, TEXT_BYTES_MAX)),
        operation: asker.operation.name().to_owned(),
        model: asker.model_named().map(|model| clip(model.as_str(), TEXT_BYTES_MAX)),
        region: asker.region.to_owned(),
        request_id: asker.request_id.to_owned(),
        decision_id: about.decision_id.to_owned(),
        policy_revision: clip(asker.snapshot.policy_revision(), TEXT_BYTES_MAX),
        groups: about.rule.approvers.clone(),
        reasons: about.rule.reasons.clone(),
        subject,
        votes: Vec::new(),
        used: None,
        expiry_told: false,
    }
}

/// Agents have actions of one name in several groups.
fn group_of<'c>(call: &ProposedCall<'c>) -> &'c str {
    match call.origin {
        Origin::Model => "",
        Origin::Agent { group } => group,
    }
}

fn call_subject(snapshot: &Snapshot, call: &ProposedCall<'_>, signals: &Signals) -> Subject {
    let shown = snapshot.approvals.as_ref().map_or(Shown::None, |approvals| approvals.config.arguments);
    let redacted = match shown {
        Shown::Redacted => redacted(snapshot, call.arguments),
        Shown::None => None,
    };
    let arguments = redacted.as_deref().map(|text| clip(text, ARGUMENTS_BYTES_MAX));
    Subject::Tool {
        name: match group_of(call) {
            "" => clip(call.name, NAME_BYTES_MAX),
            group => clip(&format!("{group}/{}", call.name), NAME_BYTES_MAX),
        },
        id: clip(call.id, NAME_BYTES_MAX),
        cut: arguments.as_ref().map(String::len) != redacted.as_ref().map(String::len),
        arguments,
        arguments_bytes: call.arguments.len() as u64,
        findings: findings(signals),
    }
}

/// The arguments without what the detectors find; None where there are no detectors, for then nobody could tell.
fn redacted(snapshot: &Snapshot, arguments: &str) -> Option<String> {
    if !snapshot.config.guards.pii {
        return None;
    }
    let everything = AnswerRedaction::of(|_, _| Some(RedactMode::Label));
    let masker = everything.masker(RedactPlace::Tool, &snapshot.inspector);
    let (vault, mut tally) = (Vault::default(), Tally::default());
    let edits = match Document::parse(arguments.as_bytes(), JsonLimits::default()) {
        Ok(document) => value_edits(&document, document.root(), &vault, masker, &mut tally),
        Err(_) => changes(&vault, masker, "", arguments, &mut tally)
            .into_iter()
            .map(|(range, text)| Edit::replace(range, text))
            .collect(),
    };
    String::from_utf8(edit::apply(arguments.as_bytes(), edits).ok()?).ok()
}

fn request_subject(asker: &Asker<'_>, facts: &RequestFacts, signals: &Signals, payload: &Payload) -> Subject {
    let resource = asker.target.named().iter().take(MEMBERS_MAX);
    Subject::Request {
        resource: resource.map(|(name, value)| ((*name).to_owned(), clip(value, MEMBER_BYTES_MAX))).collect(),
        bytes: payload.raw.len() as u64,
        messages: facts.messages.count,
        tools: facts.tools.iter().take(TOOLS_SHOWN_MAX).map(|name| clip(name, NAME_BYTES_MAX)).collect(),
        findings: findings(signals),
    }
}

fn findings(signals: &Signals) -> BTreeMap<String, u64> {
    let named = |(kind, count): (&PiiType, &u64)| (kind.name().to_owned(), *count);
    signals.findings.iter().map(named).collect()
}

/// A request is itself alone: who sends it, where to, and every byte that means something there.
fn request_key(approvals: &Approvals, asker: &Asker<'_>, payload: &Payload) -> String {
    let path = asker.target.path();
    let mut headers = forward::shaping_headers(asker.operation.service(), asker.headers);
    let labels = forward::labels(asker.operation.service(), asker.headers);
    headers.extend(labels.map(|labels| ("labels", labels)));
    headers.sort_unstable();
    let [team, app, user] = caller(asker);
    let mut parts: Vec<&[u8]> = vec![
        b"request",
        team.as_bytes(),
        app.as_bytes(),
        user.as_bytes(),
        asker.operation.service().name().as_bytes(),
        asker.operation.name().as_bytes(),
        path.as_bytes(),
        asker.region.as_bytes(),
        payload.sha256.as_slice(),
    ];
    for (name, value) in &headers {
        parts.extend([name.as_bytes(), value.as_bytes()]);
    }
    approvals.digest(&parts)
}

fn caller<'a>(asker: &'a Asker<'_>) -> [&'a str; 3] {
    let principal = asker.principal;
    [&principal.team, &principal.app, principal.user.as_deref().unwrap_or_default()]
}

/// Names an answer that waits to be asked for again by the same caller. None where none could have to.
pub fn parking_key(asker: &Asker<'_>, cleared: &ClearedRequest) -> Option<CacheKey> {
    asker.snapshot.approvals.as_ref().filter(|_| asker.snapshot.config.guards.tools)?;
    let path = asker.target.path();
    let mut headers = forward::shaping_headers(asker.operation.service(), asker.headers);
    headers.sort_unstable();
    let [team, app, user] = caller(asker);
    let mut key = KeyBuilder::new()
        .part("parked", "")
        .part("team", team)
        .part("app", app)
        .part("user", user)
        .part("service", asker.operation.service().name())
        .part("operation", asker.operation.name())
        .part("path", &*path)
        .part("region", asker.region)
        .part("body", cleared.body_sha256());
    if let Some(guardrail) = &cleared.guardrail {
        key = key.part("guardrail", &guardrail.id).part("version", &guardrail.version);
    }
    for (name, value) in headers {
        key = key.part("header", name).part("value", value);
    }
    Some(key.finish())
}

/// Arguments that mean the same are the same: members in order, no blanks, no escapes that need not be. Numbers are
/// told apart by how they are written, and what two readers could read as two things is what it is.
fn canonical(arguments: &str) -> String {
    match Document::parse(arguments.as_bytes(), JsonLimits::default()) {
        Ok(document) => {
            let mut out = String::with_capacity(arguments.len());
            write_canonical(&document, document.root(), &mut out);
            out
        }
        Err(_) => arguments.to_owned(),
    }
}

fn write_canonical(document: &Document<'_>, id: ValueId, out: &mut String) {
    match document.kind(id) {
        Kind::Object => {
            let mut members: Vec<(String, ValueId)> =
                document.members(id).map(|(name, value)| (canonical_string(document, name), value)).collect();
            members.sort_unstable_by(|(one, _), (two, _)| one.cmp(two));
            out.push('{');
            for (name, value) in members {
                out.push_str(&name);
                out.push(':');
                write_canonical(document, value, out);
                out.push(',');
            }
            out.push('}');
        }
        Kind::Array => {
            out.push('[');
            for element in document.elements(id) {
                write_canonical(document, element, out);
                out.push(',');
            }
            out.push(']');
        }
        Kind::String => out.push_str(&canonical_string(document, id)),
        _ => out.push_str(document.raw(id)),
    }
}

/// Halves of surrogate pairs all decode to one character, and readers disagree about them: such a text is what it is.
fn canonical_string(document: &Document<'_>, id: ValueId) -> String {
    let decoded = document.string(id).filter(|text| !text.contains(char::REPLACEMENT_CHARACTER));
    decoded.map_or_else(|| document.raw(id).to_owned(), |text| quote(&text))
}

fn clip(text: &str, bytes_max: usize) -> String {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_mean_the_same_are_the_same() {
        for (one, two, same) in [
            (r#"{"a":1,"b":{"c":2,"d":[1,2]}}"#, "{ \"b\": {\"d\":[1,2],\"c\":2}, \"a\": 1 }", true),
            (r#"{"a":"\u0041"}"#, r#"{"a":"A"}"#, true),
            (r#"{"a":"\ud83d\ude00"}"#, r#"{"a":"😀"}"#, true),
            (r#"{"a":"\ud800"}"#, r#"{"a":"\ud801"}"#, false),
            (r#"{"a":"\ud800"}"#, r#"{"a":"\ufffd"}"#, false),
            (r#"{"\ud800":1}"#, r#"{"\ud801":1}"#, false),
            (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#, false),
            (r#"{"a":1}"#, r#"{"a":"1"}"#, false),
            (r#"{"a":100000000000000000000001}"#, r#"{"a":100000000000000000000002}"#, false),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#, false),
            ("no json", "no  json", false),
        ] {
            assert_eq!(canonical(one) == canonical(two), same, "{one} {two}");
        }
    }
}
