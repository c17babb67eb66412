//! Requests and tool calls that go on once people have approved them.
//!
//! What policy's `approval` demands is asked for here, once per thing: a call is told by its conversation, its tool and
//! its arguments, a request by all of its bytes. [`Approvals`] keeps what was asked, on disk too, and says where it
//! stands; nobody here judges a request, and no text of one is kept but the redacted arguments an approver has to see.

mod api;
mod approval;
mod hold;
mod store;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hardpan_caches::ExactCache;
use hardpan_policies::ApprovalRule;
use hardpan_telemetry::audit::{AuditApproval, AuditLog, AuditRecord};
use hardpan_telemetry::metrics;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;
use zeroize::Zeroizing;

pub use api::answer as answer_call;
pub use approval::{Approval, State, Subject, Vote};
pub use hold::{Pass, Ticket, Waiting, admit, decide_call, parking_key, resume};
pub use store::StoreError;

use crate::config::{ApprovalsConfig, Approver};
use store::Store;

/// A used approval of a call answers the same once more for this long: the answer may have been lost on its way.
const RETRY_FOR_S: i64 = 300;
/// How long what has ended stays to be looked at.
const KEPT_FOR_S: i64 = 24 * 3600;
/// Answers that wait to be asked for again.
const PARKED_BYTES_MAX: u64 = 64 << 20;
pub const PARKED_ANSWER_BYTES_MAX: usize = 4 << 20;
const NOTE_BYTES_MAX: usize = 512;

/// Everything about approvals of one process.
pub struct Approvals {
    pub config: ApprovalsConfig,
    key: Zeroizing<Vec<u8>>,
    store: Store,
    book: Mutex<Book>,
    /// Counts changes, for those who wait for one.
    changed: watch::Sender<u64>,
    waiting: AtomicUsize,
    closed: AtomicBool,
    /// Answers with calls in them that wait, as AWS sent them.
    pub parked: ExactCache,
}

#[derive(Default)]
struct Book {
    by_id: BTreeMap<String, Approval>,
    /// The one that counts for a thing.
    by_key: HashMap<String, String>,
}

/// Where something that needs approval stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Granted,
    Denied,
    Pending,
}

/// What is asked for.
pub struct Asked<'a> {
    /// Names the thing: see [`Approvals::digest`].
    pub key: String,
    /// Names this asking of it, so that the same asking gets the same answer again.
    pub bound: String,
    pub request_id: &'a str,
    pub rule: &'a ApprovalRule,
}

/// Approvals cannot be kept: nothing that needs one goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unkept {
    #[error("the store of approvals cannot be written")]
    Store,
    #[error("too many approvals are kept")]
    Full,
    #[error("no approver is in a group that policy asks for")]
    Nobody,
}

/// Why somebody's decision does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objection {
    Unknown,
    /// The approver is in none of the groups that are asked.
    NotAsked,
    /// The call is the approver's own.
    Own,
    /// It was decided otherwise, or has been used.
    Decided,
    Expired,
    Unkept,
}

impl Approvals {
    pub fn open(config: ApprovalsConfig) -> Result<Self, StoreError> {
        let store = Store::open(&config.folder)?;
        let key = store.key()?;
        let mut book = Book::default();
        for approval in store.load()? {
            book.insert(approval);
        }
        Ok(Self {
            config,
            key,
            store,
            book: Mutex::new(book),
            changed: watch::Sender::new(0),
            waiting: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            parked: ExactCache::new(PARKED_BYTES_MAX, PARKED_ANSWER_BYTES_MAX),
        })
    }

    /// Names a thing without saying what it is: only who has the store's key could try out what it stands for.
    pub fn digest(&self, parts: &[&[u8]]) -> String {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of every length");
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes())
    }

    /// Where the thing stands; asks for its approval where nobody has been asked yet. An approval that is there is used
    /// by this. Blocks on the disk.
    pub fn ask(
        &self,
        asked: &Asked<'_>,
        now: i64,
        begin: impl FnOnce(String, i64) -> Approval,
    ) -> Result<(String, Standing), Unkept> {
        if !asked.rule.approvers.iter().all(|group| self.config.has_group(group)) {
            return Err(Unkept::Nobody);
        }
        let mut book = self.book();
        let known = book.by_key.get(&asked.key).and_then(|id| book.by_id.get(id)).cloned();
        if let Some(mut known) = known.filter(|known| known.answers(&asked.bound, now, RETRY_FOR_S)) {
            // A rule may have come to ask more people since.
            if !asked.rule.approvers.is_subset(&known.groups) && known.state(now) != State::Used {
                known.groups.extend(asked.rule.approvers.iter().cloned());
                self.keep(&mut book, known.clone())?;
            }
            let id = known.id.clone();
            let standing = self.take(&mut book, known, asked, now)?;
            return Ok((id, standing));
        }
        self.make_room(&mut book, now)?;
        let ttl_s = asked.rule.ttl_s.unwrap_or(self.config.ttl_s).min(self.config.ttl_s_max);
        let ends = now.saturating_add(i64::try_from(ttl_s).unwrap_or(i64::MAX));
        let fresh = begin(format!("apr-{}", uuid::Uuid::new_v4().simple()), ends);
        let app = (fresh.team.clone(), fresh.app.clone());
        let is_apps_own =
            |one: &&Approval| (&one.team, &one.app) == (&app.0, &app.1) && one.state(now) == State::Pending;
        if book.by_id.values().filter(is_apps_own).count() >= self.config.pending_per_app_max {
            metrics::bound_hit("approvals_pending_per_app_max");
            return Err(Unkept::Full);
        }
        let id = fresh.id.clone();
        self.keep(&mut book, fresh)?;
        metrics::approval("asked");
        Ok((id, Standing::Pending))
    }

    /// Where something that was asked for stands by now.
    pub fn look(&self, id: &str, asked: &Asked<'_>, now: i64) -> Result<Standing, Unkept> {
        let mut book = self.book();
        match book.by_id.get(id).cloned() {
            Some(known) if known.answers(&asked.bound, now, RETRY_FOR_S) => {
                self.take(&mut book, known, asked, now)
            }
            // It has expired, or another has used it: the next asking begins anew.
            _ => Ok(Standing::Pending),
        }
    }

    /// Uses an approval that is there.
    fn take(
        &self,
        book: &mut Book,
        mut known: Approval,
        asked: &Asked<'_>,
        now: i64,
    ) -> Result<Standing, Unkept> {
        match known.state(now) {
            State::Used => Ok(Standing::Granted),
            State::Denied => Ok(Standing::Denied),
            State::Pending | State::Expired => Ok(Standing::Pending),
            State::Approved => {
                known.take(&asked.bound, asked.request_id, now);
                self.keep(book, known)?;
                metrics::approval("used");
                Ok(Standing::Granted)
            }
        }
    }

    /// What was granted did not happen: the approval can be used again.
    pub fn give_back(&self, id: &str, bound: &str) {
        let mut book = self.book();
        if let Some(mut known) = book.by_id.get(id).cloned()
            && known.give_back(bound)
            && self.keep(&mut book, known).is_err()
        {
            tracing::error!("an approval that was not used could not be given back");
        }
    }

    /// Somebody decides. Saying the same again changes nothing.
    pub fn decide(
        &self,
        id: &str,
        approver: &Approver,
        approve: bool,
        note: Option<&str>,
        now: i64,
    ) -> Result<Approval, Objection> {
        let mut book = self.book();
        let Some(mut known) = book.by_id.get(id).cloned() else { return Err(Objection::Unknown) };
        objection(&known, approver)?;
        let state = known.state(now);
        if state == State::Expired {
            return Err(Objection::Expired);
        }
        if known.votes.iter().any(|vote| vote.by == approver.name && vote.approve == approve) {
            return Ok(known);
        }
        match state {
            State::Pending => {}
            // What nobody has used yet can still be stopped.
            State::Approved if !approve => {}
            State::Approved | State::Denied | State::Used | State::Expired => {
                return Err(Objection::Decided);
            }
        }
        let note = note.map(|note| note.get(..note.floor_char_boundary(NOTE_BYTES_MAX)).unwrap_or_default());
        let note = note.filter(|note| !note.is_empty()).map(str::to_owned);
        let groups = approver.groups.intersection(&known.groups).cloned().collect();
        known.votes.push(Vote { by: approver.name.clone(), groups, approve, at_unix: now, note });
        self.keep(&mut book, known.clone()).map_err(|_| Objection::Unkept)?;
        metrics::approval(if approve { "approved" } else { "denied" });
        Ok(known)
    }

    pub fn get(&self, id: &str) -> Option<Approval> {
        self.book().by_id.get(id).cloned()
    }

    /// Oldest first.
    pub fn list(&self) -> Vec<Approval> {
        let mut all: Vec<Approval> = self.book().by_id.values().cloned().collect();
        all.sort_by(|one, two| (one.created_unix, &one.id).cmp(&(two.created_unix, &two.id)));
        all
    }

    /// Tells what has expired since the last look, and forgets what ended long ago.
    pub fn sweep(&self, records: &AuditLog, now: i64) {
        let mut book = self.book();
        let expired: Vec<Approval> = book
            .by_id
            .values()
            .filter(|one| one.state(now) == State::Expired && !one.expiry_told)
            .cloned()
            .collect();
        for mut one in expired {
            one.expiry_told = true;
            let told = record(&one, "expired", None, 0);
            if self.keep(&mut book, one).is_ok() {
                metrics::approval("expired");
                // A full queue is counted by the log itself.
                let _ = records.submit(told);
            }
        }
        let old = |one: &&Approval| now > one.ended_unix(now).saturating_add(KEPT_FOR_S);
        let old: Vec<String> = book.by_id.values().filter(old).map(|one| one.id.clone()).collect();
        old.iter().for_each(|id| self.forget(&mut book, id));
        let pending = book.by_id.values().filter(|one| one.state(now) == State::Pending).count();
        metrics::approvals_pending(pending as u64);
    }

    /// Nobody is kept waiting from now on.
    pub fn stop_waiting(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.changed.send_modify(|count| *count += 1);
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// First on disk, then in memory: what was said has to hold after a restart.
    fn keep(&self, book: &mut Book, approval: Approval) -> Result<(), Unkept> {
        if let Err(error) = self.store.write(&approval) {
            tracing::error!(%error, "an approval could not be written");
            return Err(Unkept::Store);
        }
        book.insert(approval);
        self.changed.send_modify(|count| *count += 1);
        Ok(())
    }

    fn forget(&self, book: &mut Book, id: &str) {
        if let Err(error) = self.store.remove(id) {
            tracing::error!(%error, "an approval that ended could not be removed");
            return;
        }
        if let Some(gone) = book.by_id.remove(id)
            && book.by_key.get(&gone.key) == Some(&gone.id)
        {
            book.by_key.remove(&gone.key);
        }
    }

    /// What has ended goes first, the oldest of it; what has not is never given up for another.
    fn make_room(&self, book: &mut Book, now: i64) -> Result<(), Unkept> {
        while book.by_id.len() >= self.config.kept_max {
            metrics::bound_hit("approvals_kept_max");
            let ended = book.by_id.values().filter(|one| now >= one.expires_unix);
            let oldest = ended.min_by_key(|one| one.expires_unix).map(|one| one.id.clone());
            let Some(oldest) = oldest else { return Err(Unkept::Full) };
            let before = book.by_id.len();
            self.forget(book, &oldest);
            if book.by_id.len() == before {
                return Err(Unkept::Store);
            }
        }
        Ok(())
    }

    /// A place among those who wait; none where too many do, or the process is about to end.
    fn enter(&self) -> Option<WaitingPlace<'_>> {
        if self.is_closed() {
            return None;
        }
        let place = WaitingPlace { approvals: self };
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.config.waiting_max {
            metrics::bound_hit("approvals_waiting_max");
            return None;
        }
        Some(place)
    }

    /// How long a caller may be kept waiting under a rule.
    fn wait_of(&self, rule: &ApprovalRule) -> Duration {
        let wait_s = rule.wait_s.unwrap_or(self.config.wait_s).min(self.config.wait_s_max);
        Duration::from_secs(wait_s)
    }

    /// What a caller or an approver can be pointed to.
    pub fn url_of(&self, id: &str) -> Option<String> {
        self.config.url.as_ref().map(|url| url.replace("{id}", id))
    }
}

impl Book {
    fn insert(&mut self, approval: Approval) {
        let current = self.by_key.get(&approval.key).and_then(|id| self.by_id.get(id));
        if current.is_none_or(|current| current.created_unix <= approval.created_unix) {
            self.by_key.insert(approval.key.clone(), approval.id.clone());
        }
        self.by_id.insert(approval.id.clone(), approval);
    }
}

/// Given back when dropped.
struct WaitingPlace<'a> {
    approvals: &'a Approvals,
}

impl Drop for WaitingPlace<'_> {
    fn drop(&mut self) {
        self.approvals.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether somebody's decision about this would count at all.
pub fn objection(approval: &Approval, approver: &Approver) -> Result<(), Objection> {
    if approver.groups.is_disjoint(&approval.groups) {
        return Err(Objection::NotAsked);
    }
    let is_app = approver.apps.contains(&approval.app);
    let user = approval.user.as_deref().unwrap_or_default().to_lowercase();
    let is_user = !user.is_empty()
        && (approver.name.to_lowercase() == user
            || approver.users.iter().any(|own| own.to_lowercase() == user));
    if is_app || is_user { Err(Objection::Own) } else { Ok(()) }
}

/// Groups that still have to approve.
pub fn missing(approval: &Approval) -> BTreeSet<String> {
    let said = approval.votes.iter().filter(|vote| vote.approve).flat_map(|vote| &vote.groups);
    let said: BTreeSet<&String> = said.collect();
    approval.groups.iter().filter(|group| !said.contains(group)).cloned().collect()
}

/// The record of something that happened to an approval outside of any request to a model.
pub fn record(approval: &Approval, state: &'static str, by: Option<&str>, status: u16) -> AuditRecord {
    AuditRecord {
        request_id: uuid::Uuid::new_v4().to_string(),
        time: OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
        status,
        approvals: vec![AuditApproval {
            id: approval.id.clone(),
            action: approval.action.clone(),
            state,
            by: by.map(str::to_owned),
        }],
        ..AuditRecord::default()
    }
}
