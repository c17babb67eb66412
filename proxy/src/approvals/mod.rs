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
        let asks = &asked.rule.approvers;
        // Of no group nobody would be missing: it would be approved from the beginning.
        if asks.is_empty() || !asks.iter().all(|group| self.config.has_group(group)) {
            return Err(Unkept::Nobody);
        }
        let mut book = self.book();
        let known = book.by_key.get(&asked.key).and_then(|id| book.by_id.get(id)).cloned();
        if let Some(mut known) = known.filter(|known| known.answers(&asked.bound, now)) {
            // A rule may have come to ask more people since.
            if !asks.is_subset(&known.groups) && known.state(now) != State::Used {
                known.groups.extend(asks.iter().cloned());
                self.keep(&mut book, known.clone())?;
            }
            let id = known.id.clone();
            let standing = self.take(&mut book, known, asked, now)?;
            return Ok((id, standing));
        }
        self.make_room(&mut book, now)?;
        let ttl_s = self.ttl_of(asked.rule).as_secs();
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
        // Whatever the clock said when an earlier one was asked for.
        book.by_key.insert(asked.key.clone(), id.clone());
        metrics::approval("asked");
        Ok((id, Standing::Pending))
    }

    /// Where something that was asked for stands by now.
    pub fn look(&self, id: &str, asked: &Asked<'_>, now: i64) -> Result<Standing, Unkept> {
        let mut book = self.book();
        match book.by_id.get(id).cloned() {
            Some(known) if known.answers(&asked.bound, now) => self.take(&mut book, known, asked, now),
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
        let groups: BTreeSet<String> = approver.groups.intersection(&known.groups).cloned().collect();
        // An approval from before policy asked one more group does not speak for that one.
        let says_it = |vote: &Vote| vote.approve == approve && (!approve || groups.is_subset(&vote.groups));
        if known.votes.iter().any(|vote| vote.by == approver.name && says_it(vote)) {
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
        known.votes.push(Vote { by: approver.name.clone(), groups, approve, at_unix: now, note });
        self.keep(&mut book, known.clone()).map_err(|_| Objection::Unkept)?;
        metrics::approval(if approve { "approved" } else { "denied" });
        Ok(known)
    }

    pub fn get(&self, id: &str) -> Option<Approval> {
        self.book().by_id.get(id).cloned()
    }

    /// Those that are wanted, oldest first, and so many at most.
    pub fn list(&self, is_wanted: impl Fn(&Approval) -> bool, most: usize) -> Vec<Approval> {
        let book = self.book();
        let mut wanted: Vec<&Approval> = book.by_id.values().filter(|one| is_wanted(one)).collect();
        wanted.sort_by(|one, two| (one.created_unix, &one.id).cmp(&(two.created_unix, &two.id)));
        wanted.into_iter().take(most).cloned().collect()
    }

    /// Tells what has expired since the last look, and forgets what ended long ago.
    pub fn sweep(&self, records: &AuditLog, now: i64) {
        let is_untold = |one: &Approval| one.state(now) == State::Expired && !one.expiry_told;
        let is_old = |one: &Approval| now > one.ends_unix().saturating_add(KEPT_FOR_S);
        // Many may end at once: between two of them the book is free for those who ask.
        for id in self.ids(is_untold) {
            let mut book = self.book();
            let Some(mut one) = book.by_id.get(&id).filter(|one| is_untold(one)).cloned() else { continue };
            one.expiry_told = true;
            let told = record(&one, "expired", None, 0);
            if self.keep(&mut book, one).is_err() {
                // The others would fail alike, and are there at the next look.
                break;
            }
            metrics::approval("expired");
            // A full queue is counted by the log itself.
            let _ = records.submit(told);
        }
        for id in self.ids(is_old) {
            let mut book = self.book();
            if book.by_id.get(&id).is_some_and(is_old) {
                self.forget(&mut book, &id);
            }
        }
        metrics::approvals_pending(self.ids(|one| one.state(now) == State::Pending).len() as u64);
    }

    fn ids(&self, are_of: impl Fn(&Approval) -> bool) -> Vec<String> {
        self.book().by_id.values().filter(|one| are_of(one)).map(|one| one.id.clone()).collect()
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
            let ended = book.by_id.values().filter(|one| now >= one.ends_unix());
            let oldest = ended.min_by_key(|one| one.ends_unix()).map(|one| one.id.clone());
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

    /// How long something can be approved, and the approval be used, under a rule.
    fn ttl_of(&self, rule: &ApprovalRule) -> Duration {
        Duration::from_secs(rule.ttl_s.unwrap_or(self.config.ttl_s).min(self.config.ttl_s_max))
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::{Shown, Unapproved};

    const TTL_S: u64 = 100;

    struct Desk {
        approvals: Approvals,
        folder: PathBuf,
        rule: ApprovalRule,
    }

    impl Desk {
        fn with(kept_max: usize) -> Self {
            let folder = std::env::temp_dir().join(format!("hardpan-desk-{}", uuid::Uuid::new_v4()));
            let config = ApprovalsConfig {
                folder: folder.clone(),
                approvers: vec![Approver::named("alice", &["one"]), Approver::named("bob", &["one", "two"])],
                ttl_s: TTL_S,
                ttl_s_max: 1000,
                wait_s: 0,
                wait_s_max: 0,
                waiting_max: 1,
                kept_max,
                pending_per_app_max: 10,
                unapproved: Unapproved::Refuse,
                arguments: Shown::None,
                url: None,
            };
            let rule = ApprovalRule { approvers: groups(&["one"]), ..ApprovalRule::default() };
            Self { approvals: Approvals::open(config).unwrap(), folder, rule }
        }

        fn ask(&self, key: &str, bound: &str, now: i64) -> Result<(String, Standing), Unkept> {
            let asked =
                Asked { key: key.to_owned(), bound: bound.to_owned(), request_id: "r", rule: &self.rule };
            self.approvals.ask(&asked, now, |id, ends| approval(id, key, now, ends, &self.rule))
        }

        fn decide(&self, by: usize, id: &str, approve: bool, now: i64) -> Result<State, Objection> {
            let approver = &self.approvals.config.approvers[by];
            self.approvals.decide(id, approver, approve, None, now).map(|one| one.state(now))
        }
    }

    impl Drop for Desk {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }

    fn groups(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn approval(id: String, key: &str, now: i64, ends: i64, rule: &ApprovalRule) -> Approval {
        let text = String::new;
        Approval {
            v: 1,
            id,
            key: key.to_owned(),
            action: text(),
            created_unix: now,
            expires_unix: ends,
            team: text(),
            app: text(),
            user: None,
            operation: text(),
            model: None,
            region: text(),
            request_id: text(),
            decision_id: text(),
            policy_revision: text(),
            groups: rule.approvers.clone(),
            reasons: BTreeSet::new(),
            subject: Subject::Request {
                resource: BTreeMap::new(),
                bytes: 0,
                messages: 0,
                tools: Vec::new(),
                findings: BTreeMap::new(),
            },
            votes: Vec::new(),
            used: None,
            expiry_told: false,
        }
    }

    const ALICE: usize = 0;
    const BOB: usize = 1;

    #[test]
    fn an_approver_speaks_again_for_a_group_that_was_asked_later() {
        let mut desk = Desk::with(10);
        let (id, _) = desk.ask("k", "b", 0).unwrap();
        assert_eq!(desk.decide(BOB, &id, true, 0), Ok(State::Approved));
        assert_eq!(desk.decide(BOB, &id, true, 0), Ok(State::Approved));
        assert_eq!(desk.approvals.get(&id).unwrap().votes.len(), 1);
        desk.rule.approvers = groups(&["one", "two"]);
        assert_eq!(desk.ask("k", "b", 1).unwrap(), (id.clone(), Standing::Pending));
        assert_eq!(desk.decide(BOB, &id, true, 1), Ok(State::Approved));
        assert_eq!(desk.ask("k", "b", 2).unwrap(), (id, Standing::Granted));
    }

    #[test]
    fn a_rule_that_asks_nobody_lets_nothing_go_on() {
        let mut desk = Desk::with(10);
        for nobody in [&[][..], &["one", "three"]] {
            desk.rule.approvers = groups(nobody);
            assert_eq!(desk.ask("k", "b", 0), Err(Unkept::Nobody));
        }
    }

    #[test]
    fn a_used_approval_answers_its_own_asking_once_more_even_when_its_time_is_up() {
        let desk = Desk::with(10);
        let (id, _) = desk.ask("k", "b", 0).unwrap();
        desk.decide(ALICE, &id, true, 1).unwrap();
        for (bound, now, expected) in [
            ("b", 99, Ok((id.clone(), Standing::Granted))),
            ("b", 101, Ok((id.clone(), Standing::Granted))),
            ("b", 398, Ok((id.clone(), Standing::Granted))),
        ] {
            assert_eq!(desk.ask("k", bound, now), expected, "{bound} at {now}");
        }
        let (anew, standing) = desk.ask("k", "b", 399).unwrap();
        assert_eq!((anew != id, standing), (true, Standing::Pending));
        // Another asking never had it.
        let (id, _) = desk.ask("l", "b", 0).unwrap();
        desk.decide(ALICE, &id, true, 1).unwrap();
        assert_eq!(desk.ask("l", "b", 2).unwrap().1, Standing::Granted);
        assert_ne!(desk.ask("l", "c", 2).unwrap().0, id);
    }

    #[test]
    fn what_is_asked_after_the_clock_went_back_is_found_again() {
        let desk = Desk::with(10);
        let (used, _) = desk.ask("k", "b", 1000).unwrap();
        desk.decide(ALICE, &used, true, 1000).unwrap();
        desk.ask("k", "b", 1000).unwrap();
        let (anew, _) = desk.ask("k", "c", 10).unwrap();
        assert_ne!(anew, used);
        desk.decide(ALICE, &anew, true, 11).unwrap();
        assert_eq!(desk.ask("k", "c", 12).unwrap(), (anew, Standing::Granted));
    }

    #[test]
    fn room_is_made_of_what_answers_nobody_and_of_nothing_else() {
        let desk = Desk::with(1);
        let (id, _) = desk.ask("k", "b", 0).unwrap();
        assert_eq!(desk.ask("l", "b", 1), Err(Unkept::Full));
        desk.decide(ALICE, &id, true, 1).unwrap();
        assert_eq!(desk.ask("l", "b", 2), Err(Unkept::Full));
        desk.ask("k", "b", 2).unwrap();
        assert_eq!(desk.ask("l", "b", 301), Err(Unkept::Full));
        let (other, _) = desk.ask("l", "b", 302).unwrap();
        assert!(desk.approvals.get(&id).is_none());
        // One that nobody decided about, when its time is up.
        assert_eq!(desk.ask("m", "b", 401), Err(Unkept::Full));
        assert_ne!(desk.ask("m", "b", 402).unwrap().0, other);
    }

    #[test]
    fn a_list_is_the_oldest_of_those_that_are_wanted() {
        let desk = Desk::with(10);
        for (key, now) in [("a", 3), ("b", 1), ("c", 2), ("d", 0)] {
            desk.ask(key, "b", now).unwrap();
        }
        let keys: Vec<String> =
            desk.approvals.list(|one| one.key != "d", 2).into_iter().map(|one| one.key).collect();
        assert_eq!(keys, ["b", "c"]);
    }

    #[test]
    fn what_a_crash_left_half_written_is_removed_and_nothing_else() {
        let desk = Desk::with(10);
        desk.ask("k", "b", 0).unwrap();
        let (half, other) = (desk.folder.join("apr-0.json.new"), desk.folder.join("notes.new"));
        std::fs::write(&half, "{").unwrap();
        std::fs::write(&other, "").unwrap();
        assert_eq!(desk.approvals.store.load().unwrap().len(), 1);
        assert_eq!((half.exists(), other.exists()), (false, true));
    }
}
