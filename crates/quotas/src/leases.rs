//! The leases one replica holds, and the reservations made out of them: what is decided in memory, and what has
//! to be said to the store. All-or-nothing over the accounts of a request, under the locks of their shards, held
//! for a few look-ups.
//!
//! No clock, no thread and no I/O: callers pass the time (the store's, as they reckon it), take batches and bring
//! replies. Which of them are lost, late or repeated makes no difference to what may be spent.
//!
//! What is free in a lease is what was granted and neither settled, returned nor held; nothing is reserved
//! beyond it, so all replicas together reserve at most what the store has granted. A lease that ran out is left:
//! its reservations settle still, and the store, which by then counts all of it as lost, learns what came of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::central::{
    ALARMS, AccountId, Batch, COUNT_MAX, Figures, Kind, Line, Period, Reply, Totals, Verdict, at_least,
};
use crate::limit::Unit;
use crate::window::Window;

const SHARDS: usize = 64;
/// Lines in one batch: a script of this size stays within about a millisecond.
pub const LINES_MAX: usize = 128;
/// Leases that ran out and still have something to tell; the oldest is given up, and stays lost.
const CLOSED_MAX: usize = 8;
/// Alarms nobody fetched.
const ALARMS_MAX: usize = 1_024;
/// Share of a limit, in percent, from which on it is told to be used up when a request does not fit any more.
const NEARLY: u64 = 90;
/// Leases one account may have in a row before its numbers meet those of another. An account that was dropped and
/// comes back, because the store's clock was set back, must not take up the number of a lease the store knows.
const EPOCH_BITS: u32 = 20;
/// A stock is this many times what is needed at the moment, as long as nothing else is known.
const STOCK: u64 = 8;

/// How a replica behaves towards its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    /// A lease lives this long without being heard of.
    pub ttl_ms: u64,
    /// For so long an account that had nothing left is not asked again.
    pub refused_for_ms: u64,
    /// Most of a limit that may lie in stock, in millionths.
    pub stock_max_ppm: u64,
    /// Part of each limit that may be used while the store is gone, in millionths. 0: nothing.
    pub local_share_ppm: u64,
}

/// What an account is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The name of a configured limit, or the key of one that a policy set.
    pub limit: String,
    pub unit: Unit,
    pub window: Window,
    pub is_policys: bool,
}

impl Subject {
    /// What metrics and logs call it. A policy may make up keys as it likes, of users too.
    pub fn name_told(&self) -> &str {
        if self.is_policys { "policy" } else { &self.limit }
    }
}

/// One account a request draws on.
#[derive(Debug, Clone)]
pub struct Claim {
    pub account: AccountId,
    pub period: Period,
    pub limit: u64,
    pub amount: u64,
    pub subject: Arc<Subject>,
    /// Whose account it is, for alarms: a team, or an app of a team.
    pub member: String,
}

/// What a reservation took from one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    account: AccountId,
    /// The lease it came from; none: the share for times without a store.
    epoch: Option<u64>,
    pub amount: u64,
}

#[derive(Debug)]
pub enum Attempt {
    Held(Vec<Hold>),
    /// Some leases are too small. The accounts to be heard of first, and since which line.
    Lacking(Vec<(AccountId, u64)>),
    /// The claims by their index: they do not fit, as far as is known.
    Refused(Vec<usize>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    pub subject: Arc<Subject>,
    pub member: String,
    /// One of 50, 80 and 100.
    pub percent: u64,
    pub limit: u64,
    pub used: u64,
}

/// How an account stands, as far as this replica knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    pub figures: Figures,
    /// Free in this replica's own lease.
    pub free: u64,
    /// Reserved by this replica.
    pub held: u64,
    /// Used beyond leases and not yet told.
    pub over_untold: u64,
}

impl Standing {
    /// Neither spent nor reserved nor leased to others.
    pub fn remaining(&self, limit: u64) -> u64 {
        let used = self.figures.used().saturating_add(self.over_untold);
        limit.saturating_sub(used.saturating_sub(self.free))
    }
}

pub struct Leases {
    replica: u64,
    tuning: Tuning,
    shards: Vec<Mutex<Shard>>,
    /// Accounts with something to say, each once.
    due: Mutex<VecDeque<AccountId>>,
    alarms: Mutex<VecDeque<Alarm>>,
    alarms_lost: AtomicU64,
    overshoots: AtomicU64,
    failures: AtomicU64,
    created: AtomicU64,
}

type Shard = BTreeMap<AccountId, Local>;

struct Local {
    period: Period,
    limit: u64,
    subject: Arc<Subject>,
    member: String,
    lease: Lease,
    closed: VecDeque<Lease>,
    figures: Figures,
    floor: u64,
    alarmed: u64,
    /// The highest share an alarm was raised for here.
    told: u64,
    /// Needs that no line has carried yet.
    waiting: u64,
    least: u64,
    lines_built: u64,
    lines_answered: u64,
    /// Reserved since the last renewal, and in the period before it.
    recent: u64,
    usual: u64,
    renew_at_ms: u64,
    refused: Option<(u64, u64)>,
    /// Of the share for times without a store.
    alone_held: u64,
    alone_used: u64,
    is_due: bool,
    give_back: bool,
}

struct Lease {
    epoch: u64,
    seq: u64,
    totals: Totals,
    acked: Totals,
    acked_seq: u64,
    held: u64,
    expires_ms: u64,
    in_flight: bool,
}

impl Lease {
    fn new(epoch: u64) -> Self {
        Self {
            epoch,
            seq: 0,
            totals: Totals::default(),
            acked: Totals::default(),
            acked_seq: 0,
            held: 0,
            expires_ms: 0,
            in_flight: false,
        }
    }

    fn free(&self) -> u64 {
        self.totals.outstanding().saturating_sub(self.held)
    }

    fn is_told(&self) -> bool {
        self.totals.settled == self.acked.settled
            && self.totals.returned == self.acked.returned
            && self.totals.over == self.acked.over
    }

    /// Books what became of a hold. The part beyond it comes out of what is free, and only then out of nothing.
    fn settle(&mut self, reserved: u64, actual: u64) {
        self.held = self.held.saturating_sub(reserved);
        let covered = actual.min(self.free());
        self.totals.settled += covered;
        self.totals.over = self.totals.over.saturating_add(actual - covered).min(COUNT_MAX);
    }
}

impl Leases {
    /// `replica` must be new with each start: what an earlier run held is accounted for by its running out.
    pub fn new(replica: u64, tuning: Tuning) -> Self {
        Self {
            replica,
            tuning,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            due: Mutex::default(),
            alarms: Mutex::default(),
            alarms_lost: AtomicU64::new(0),
            overshoots: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            created: AtomicU64::new(0),
        }
    }

    /// Takes every claim or none. With `asks`, what is lacking is put down for the next batch; without, the
    /// answer is final.
    pub fn try_hold(&self, claims: &[Claim], now_ms: u64, asks: bool) -> Attempt {
        let mut shards = self.lock_all(claims);
        let (mut lacking, mut refused) = (Vec::new(), Vec::new());
        for (index, claim) in claims.iter().enumerate() {
            let Some(local) = shards.local(claim) else { continue };
            local.limit = claim.limit;
            if claim.amount == 0 || local.lease_at(now_ms).is_some_and(|lease| lease.free() >= claim.amount) {
                continue;
            }
            let known = local.refuses(claim.amount, now_ms, self.tuning.refused_for_ms);
            if !asks || known || claim.amount > claim.limit {
                refused.push(index);
            }
            lacking.push(claim);
        }
        if !refused.is_empty() {
            return Attempt::Refused(refused);
        }
        if lacking.is_empty() {
            let holds = claims.iter().map(|claim| shards.take(claim, &self.tuning)).collect();
            self.put_down(shards);
            return Attempt::Held(holds);
        }
        let mut asked = Vec::with_capacity(lacking.len());
        for claim in lacking {
            let Some(local) = shards.local(claim) else { continue };
            local.least = if local.waiting == 0 { claim.amount } else { local.least.min(claim.amount) };
            local.waiting = local.waiting.saturating_add(claim.amount).min(COUNT_MAX);
            asked.push((claim.account, local.lines_built + 1));
            shards.due.push(claim.account);
        }
        self.put_down(shards);
        Attempt::Lacking(asked)
    }

    /// Without a store: leases as far as they go, then the share set aside for that. The first claim in the way,
    /// where that is not enough.
    pub fn hold_alone(&self, claims: &[Claim], now_ms: u64) -> Result<Vec<Hold>, usize> {
        let mut shards = self.lock_all(claims);
        let share = self.tuning.local_share_ppm;
        for (index, claim) in claims.iter().enumerate() {
            let Some(local) = shards.local(claim) else { return Err(index) };
            let leased = local.lease_at(now_ms).is_some_and(|lease| lease.free() >= claim.amount);
            let left = part(claim.limit, share).saturating_sub(local.alone_held + local.alone_used);
            if !leased && left < claim.amount {
                return Err(index);
            }
        }
        let mut take = |claim: &Claim| {
            let Some(local) = shards.local(claim) else {
                return Hold { account: claim.account, epoch: None, amount: claim.amount };
            };
            let epoch = match local.lease_at(now_ms).filter(|lease| lease.free() >= claim.amount) {
                Some(lease) => {
                    lease.held += claim.amount;
                    Some(lease.epoch)
                }
                None => {
                    local.alone_held += claim.amount;
                    None
                }
            };
            Hold { account: claim.account, epoch, amount: claim.amount }
        };
        Ok(claims.iter().map(&mut take).collect())
    }

    /// Replaces what was reserved by what was used. `true`: it was more, and was booked all the same.
    pub fn settle(&self, hold: &Hold, actual: u64) -> bool {
        let mut shard = self.shard(hold.account);
        let Some(local) = shard.get_mut(&hold.account) else { return false };
        let actual = actual.min(COUNT_MAX);
        match hold.epoch {
            Some(epoch) => {
                // A lease given up is lost as a whole.
                let Some(lease) = local.lease_of(epoch) else { return actual > hold.amount };
                lease.settle(hold.amount, actual);
            }
            None => {
                local.alone_held = local.alone_held.saturating_sub(hold.amount);
                local.alone_used = local.alone_used.saturating_add(actual);
                local.lease.totals.over = local.lease.totals.over.saturating_add(actual).min(COUNT_MAX);
            }
        }
        // Whoever was refused may be served now.
        local.refused = None;
        let tells = local.passes_an_alarm() || local.is_scarce();
        if tells && !std::mem::replace(&mut local.is_due, true) {
            lock(&self.due).push_back(hold.account);
        }
        actual > hold.amount
    }

    pub fn count_overshoot(&self) {
        self.overshoots.fetch_add(1, Ordering::Relaxed);
    }

    pub fn overshoots(&self) -> u64 {
        self.overshoots.load(Ordering::Relaxed)
    }

    /// How often the store could not be asked.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Whether an account has been heard of since, see [`Attempt::Lacking`].
    pub fn is_answered(&self, account: AccountId, line: u64) -> bool {
        self.shard(account).get(&account).is_none_or(|local| local.lines_answered >= line)
    }

    pub fn has_due(&self) -> bool {
        !lock(&self.due).is_empty()
    }

    /// Puts down every account that has to be renewed or told about, and leaves what ran out. To be called a few
    /// times per lease's life.
    pub fn tick(&self, now_ms: u64) {
        for shard in &self.shards {
            let mut due = Vec::new();
            lock(shard).retain(|account, local| {
                if local.tick(now_ms) && !std::mem::replace(&mut local.is_due, true) {
                    due.push(*account);
                }
                local.is_due || !local.is_finished(now_ms)
            });
            lock(&self.due).extend(due);
        }
    }

    /// Everything free goes back with the next batches: before an end that was asked for, or when a limit was
    /// lowered.
    pub fn give_back(&self, accounts: impl Fn(AccountId, &Subject) -> bool) {
        for shard in &self.shards {
            let mut due = Vec::new();
            for (account, local) in lock(shard).iter_mut() {
                if accounts(*account, &local.subject) {
                    local.give_back = true;
                    if !std::mem::replace(&mut local.is_due, true) {
                        due.push(*account);
                    }
                }
            }
            lock(&self.due).extend(due);
        }
    }

    /// Puts down every account the store was told of.
    pub fn tell_all(&self) {
        for shard in &self.shards {
            let mut due = Vec::new();
            for (account, local) in lock(shard).iter_mut() {
                let is_known = local.floor > 0 || local.lease.acked_seq > 0;
                if is_known && !std::mem::replace(&mut local.is_due, true) {
                    due.push(*account);
                }
            }
            lock(&self.due).extend(due);
        }
    }

    /// What has to be said next, if anything.
    pub fn collect(&self, now_ms: u64) -> Option<Batch> {
        let mut lines = Vec::new();
        while lines.len() < LINES_MAX {
            let Some(account) = lock(&self.due).pop_front() else { break };
            if let Some(local) = self.shard(account).get_mut(&account) {
                local.is_due = false;
                local.lines(account, now_ms, &self.tuning, &mut lines);
            }
        }
        let ttl_ms = self.tuning.ttl_ms;
        (!lines.is_empty()).then_some(Batch { replica: self.replica, sent_at_ms: now_ms, ttl_ms, lines })
    }

    pub fn apply(&self, batch: &Batch, reply: &Reply) {
        let mut due = Vec::new();
        for (line, verdict) in batch.lines.iter().zip(&reply.verdicts) {
            let mut shard = self.shard(line.account);
            let Some(local) = shard.get_mut(&line.account) else { continue };
            if local.apply(line, verdict, reply.now_ms) {
                due.push(line.account);
            }
            let used = verdict.figures.used().saturating_sub(verdict.figures.leased);
            let alarm = local.alarm(verdict.alarm, line.limit, used);
            drop(shard);
            self.raise(alarm);
        }
        self.mark(due);
    }

    /// No reply came: whether the batch was carried out is not known, and need not be.
    pub fn failed(&self, batch: &Batch) {
        for line in &batch.lines {
            if let Some(local) = self.shard(line.account).get_mut(&line.account) {
                if let Some(lease) = local.lease_of(line.epoch).filter(|lease| lease.seq == line.seq) {
                    lease.in_flight = false;
                }
                // A need is put down anew by whoever still waits; only reports must not be forgotten.
                local.renew_at_ms = 0;
            }
        }
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub fn standing(&self, account: AccountId) -> Option<Standing> {
        let shard = self.shard(account);
        let local = shard.get(&account)?;
        let leases = || local.closed.iter().chain([&local.lease]);
        Some(Standing {
            figures: local.figures,
            free: local.lease.free(),
            held: leases().map(|lease| lease.held).sum::<u64>() + local.alone_held,
            over_untold: leases()
                .map(|lease| lease.totals.over - lease.acked.over.min(lease.totals.over))
                .sum(),
        })
    }

    /// Alarms since the last call.
    pub fn alarms(&self) -> Vec<Alarm> {
        lock(&self.alarms).drain(..).collect()
    }

    /// Alarms that nobody fetched in time.
    pub fn alarms_lost(&self) -> u64 {
        self.alarms_lost.load(Ordering::Relaxed)
    }

    /// A request did not fit: an account that is nearly used up counts as used up from now on, because what is
    /// left may never be of use to anybody. One that is merely reserved does not.
    pub fn was_in_the_way(&self, claim: &Claim) {
        let alarm = {
            let mut shard = self.shard(claim.account);
            let Some(local) = shard.get_mut(&claim.account) else { return };
            let used = local.certain();
            if claim.amount > claim.limit || !at_least(used, NEARLY, claim.limit) {
                return;
            }
            local.alarm(100, claim.limit, used)
        };
        self.raise(alarm);
    }

    fn raise(&self, alarm: Option<Alarm>) {
        let Some(alarm) = alarm else { return };
        let mut alarms = lock(&self.alarms);
        if alarms.len() < ALARMS_MAX {
            alarms.push_back(alarm);
        } else {
            self.alarms_lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether no lease has more reserved and used than was granted to it.
    pub fn is_sound(&self) -> bool {
        let sound = |lease: &Lease| {
            let totals = &lease.totals;
            totals.settled + totals.returned + lease.held <= totals.granted
        };
        self.shards.iter().all(|shard| {
            lock(shard).values().all(|local| sound(&local.lease) && local.closed.iter().all(sound))
        })
    }

    /// Accounts known here.
    pub fn accounts(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    fn mark(&self, accounts: Vec<AccountId>) {
        for account in accounts {
            if let Some(local) = self.shard(account).get_mut(&account)
                && !std::mem::replace(&mut local.is_due, true)
            {
                lock(&self.due).push_back(account);
            }
        }
    }

    /// Puts down what a look at the shards found to be due, and leaves them.
    fn put_down(&self, mut shards: Locked<'_>) {
        for account in std::mem::take(&mut shards.due) {
            if let Some(local) = shards.known(account)
                && !std::mem::replace(&mut local.is_due, true)
            {
                lock(&self.due).push_back(account);
            }
        }
    }

    fn shard(&self, account: AccountId) -> MutexGuard<'_, Shard> {
        #[expect(clippy::indexing_slicing, reason = "the number of a shard is below SHARDS")]
        lock(&self.shards[shard_of(account)])
    }

    fn lock_all(&self, claims: &[Claim]) -> Locked<'_> {
        let mut numbers: Vec<usize> = claims.iter().map(|claim| shard_of(claim.account)).collect();
        // In one order everywhere, so that no two requests wait for each other.
        numbers.sort_unstable();
        numbers.dedup();
        let guards = numbers
            .into_iter()
            .filter_map(|number| self.shards.get(number).map(|shard| (number, lock(shard))))
            .collect();
        Locked { guards, due: Vec::new(), created: &self.created }
    }
}

/// The shards of a request's accounts.
struct Locked<'a> {
    guards: Vec<(usize, MutexGuard<'a, Shard>)>,
    due: Vec<AccountId>,
    created: &'a AtomicU64,
}

impl Locked<'_> {
    fn local(&mut self, claim: &Claim) -> Option<&mut Local> {
        let number = shard_of(claim.account);
        let (_, shard) = self.guards.iter_mut().find(|(known, _)| *known == number)?;
        let created = self.created;
        Some(shard.entry(claim.account).or_insert_with(|| {
            Local::new(claim, (created.fetch_add(1, Ordering::Relaxed) << EPOCH_BITS) + 1)
        }))
    }

    fn known(&mut self, account: AccountId) -> Option<&mut Local> {
        let number = shard_of(account);
        let (_, shard) = self.guards.iter_mut().find(|(known, _)| *known == number)?;
        shard.get_mut(&account)
    }

    fn take(&mut self, claim: &Claim, tuning: &Tuning) -> Hold {
        let mut wants_more = false;
        let mut epoch = None;
        if let Some(local) = self.local(claim) {
            local.lease.held += claim.amount;
            local.recent = local.recent.saturating_add(claim.amount);
            epoch = Some(local.lease.epoch);
            wants_more = local.lease.free() < local.stock(tuning) / 4
                && !local.is_scarce()
                && !local.lease.in_flight
                && local.refused.is_none();
        }
        if wants_more {
            self.due.push(claim.account);
        }
        Hold { account: claim.account, epoch, amount: claim.amount }
    }
}

impl Local {
    fn new(claim: &Claim, epoch: u64) -> Self {
        Self {
            period: claim.period,
            limit: claim.limit,
            subject: Arc::clone(&claim.subject),
            member: claim.member.clone(),
            lease: Lease::new(epoch),
            closed: VecDeque::new(),
            figures: Figures::default(),
            floor: 0,
            alarmed: 0,
            told: 0,
            waiting: 0,
            least: 0,
            lines_built: 0,
            lines_answered: 0,
            recent: 0,
            usual: 0,
            renew_at_ms: 0,
            refused: None,
            alone_held: 0,
            alone_used: 0,
            is_due: false,
            give_back: false,
        }
    }

    /// The lease, as long as it runs.
    fn lease_at(&mut self, now_ms: u64) -> Option<&mut Lease> {
        (now_ms < self.lease.expires_ms).then_some(&mut self.lease)
    }

    fn lease_of(&mut self, epoch: u64) -> Option<&mut Lease> {
        if self.lease.epoch == epoch {
            return Some(&mut self.lease);
        }
        self.closed.iter_mut().find(|lease| lease.epoch == epoch)
    }

    fn refuses(&self, amount: u64, now_ms: u64, for_ms: u64) -> bool {
        self.refused.is_some_and(|(least, at)| amount >= least && now_ms < at.saturating_add(for_ms))
    }

    /// What remains for anybody is under a fiftieth: nobody keeps a stock any more.
    fn is_scarce(&self) -> bool {
        self.lease.acked_seq > 0 && self.limit.saturating_sub(self.figures.used()) < self.limit / 50
    }

    /// What is used for good, as far as is known here.
    fn certain(&self) -> u64 {
        let untold = self.lease.totals.settled - self.lease.acked.settled.min(self.lease.totals.settled);
        self.figures.spent + self.figures.over + self.figures.lost + untold
    }

    /// Each share is told once.
    fn alarm(&mut self, percent: u64, limit: u64, used: u64) -> Option<Alarm> {
        if percent <= self.told {
            return None;
        }
        self.told = percent;
        let (subject, member) = (Arc::clone(&self.subject), self.member.clone());
        Some(Alarm { subject, member, percent, limit, used })
    }

    fn passes_an_alarm(&self) -> bool {
        let certain = self.certain();
        ALARMS.into_iter().any(|share| share > self.alarmed && at_least(certain, share, self.limit))
    }

    fn stock(&self, tuning: &Tuning) -> u64 {
        let wanted = self.recent.max(self.usual).saturating_mul(2).max(self.waiting.saturating_mul(STOCK));
        wanted.min(part(self.limit, tuning.stock_max_ppm))
    }

    /// Leaves a lease that ran out; tells whether a line is due.
    fn tick(&mut self, now_ms: u64) -> bool {
        if self.lease.acked_seq > 0 && now_ms >= self.lease.expires_ms && !self.lease.in_flight {
            self.leave();
        }
        let untold = !self.lease.is_told()
            || self.closed.iter().any(|lease| !lease.is_told() || (lease.free() > 0 && !lease.in_flight));
        let in_use = self.lease.held > 0 || self.lease.free() > 0;
        let is_over = now_ms >= self.period.end_ms && (untold || self.lease.free() > 0);
        is_over || ((in_use || untold) && now_ms >= self.renew_at_ms)
    }

    fn leave(&mut self) {
        let next = Lease::new(self.lease.epoch + 1);
        self.closed.push_back(std::mem::replace(&mut self.lease, next));
        if self.closed.len() > CLOSED_MAX {
            self.closed.pop_front();
        }
        self.renew_at_ms = 0;
    }

    fn is_finished(&self, now_ms: u64) -> bool {
        let idle =
            |lease: &Lease| lease.held == 0 && lease.is_told() && lease.free() == 0 && !lease.in_flight;
        now_ms >= self.period.end_ms
            && self.waiting == 0
            && self.alone_held == 0
            && idle(&self.lease)
            && self.closed.iter().all(idle)
    }

    fn lines(&mut self, account: AccountId, now_ms: u64, tuning: &Tuning, into: &mut Vec<Line>) {
        self.tick(now_ms);
        let (period, limit, floor) = (self.period, self.limit, self.floor);
        self.closed.retain(|lease| lease.in_flight || lease.held > 0 || !lease.is_told() || lease.free() > 0);
        for lease in self.closed.iter_mut().filter(|lease| !lease.in_flight) {
            lease.totals.returned += lease.free();
            if !lease.is_told() {
                into.push(lease.line(account, period, limit, floor));
            }
        }
        if self.lease.in_flight {
            return;
        }
        let want = self.stock(tuning);
        let is_over = now_ms >= period.end_ms;
        if now_ms >= self.renew_at_ms {
            (self.usual, self.recent) = (self.recent, 0);
            self.renew_at_ms = now_ms.saturating_add(tuning.ttl_ms / 2);
        }
        let keep = match () {
            () if self.give_back || is_over => 0,
            () if self.is_scarce() => self.waiting,
            () => want.max(self.waiting),
        };
        self.give_back = false;
        let free = self.lease.free();
        self.lease.totals.returned += free.saturating_sub(keep);
        let short = |wanted: u64| wanted.saturating_sub(free.min(keep));
        let (need, least) = (short(self.waiting), short(self.least).max(1));
        let mut line = self.lease.line(account, period, limit, floor);
        (line.need, line.least, line.want) = (need, if need > 0 { least } else { 0 }, short(keep));
        self.waiting = 0;
        self.least = 0;
        self.lines_built += 1;
        into.push(line);
    }

    /// Whether something is left to be said.
    fn apply(&mut self, line: &Line, verdict: &Verdict, now_ms: u64) -> bool {
        let is_current = self.lease.epoch == line.epoch;
        let Some(lease) = self.lease_of(line.epoch).filter(|lease| lease.seq == line.seq) else {
            return false;
        };
        lease.in_flight = false;
        if verdict.kind == Kind::Stale {
            if is_current {
                self.ask_again(line);
            }
            return true;
        }
        lease.acked = line.totals;
        lease.acked_seq = line.seq;
        lease.totals.granted = lease.totals.granted.max(verdict.granted);
        lease.expires_ms = verdict.expires_ms;
        self.figures = verdict.figures;
        self.floor = self.floor.max(verdict.figures.spent);
        let certain = self.figures.used() - self.figures.leased;
        let passed = ALARMS.into_iter().rev().find(|share| at_least(certain, *share, line.limit));
        self.alarmed = self.alarmed.max(passed.unwrap_or(0));
        if !is_current {
            return false;
        }
        if verdict.kind == Kind::Closed {
            self.leave();
            self.ask_again(line);
            return true;
        }
        self.lines_answered = self.lines_built;
        let granted = verdict.granted.saturating_sub(line.totals.granted);
        if line.need > granted {
            self.refused = Some((line.least.max(self.lease.free().saturating_add(1)), now_ms));
        } else if line.need > 0 {
            self.refused = None;
        }
        self.waiting > 0
    }

    /// A line that could not be answered: what it asked for is put down once more.
    fn ask_again(&mut self, line: &Line) {
        if line.need > 0 {
            self.least = if self.waiting == 0 { line.least } else { self.least.min(line.least) };
            self.waiting = self.waiting.saturating_add(line.need);
        }
    }
}

impl Lease {
    fn line(&mut self, account: AccountId, period: Period, limit: u64, floor: u64) -> Line {
        self.seq += 1;
        self.in_flight = true;
        Line {
            account,
            period,
            limit,
            epoch: self.epoch,
            seq: self.seq,
            totals: self.totals,
            acked: self.acked,
            acked_seq: self.acked_seq,
            floor,
            need: 0,
            least: 0,
            want: 0,
        }
    }
}

fn shard_of(account: AccountId) -> usize {
    usize::from(account.0.first().copied().unwrap_or(0)) % SHARDS
}

/// So many millionths of a figure.
fn part(figure: u64, millionths: u64) -> u64 {
    u64::try_from(u128::from(figure) * u128::from(millionths) / 1_000_000).unwrap_or(u64::MAX)
}

/// A panic under a lock would have to happen between two additions to integers; the figures are usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
