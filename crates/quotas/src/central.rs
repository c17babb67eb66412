//! The accounts that replicas share, as the rules a store keeps: what one line of a batch does to an account.
//!
//! An account is one limit for one member in one window. Replicas hold leases on it and tell in running totals
//! what became of them, so that a message lost, repeated or overtaken changes nothing twice. These rules exist
//! twice: here, for the accounts kept in memory and for the simulator, and in `central/central.lua` for Valkey
//! and Redis; a test puts both to the same batches. No clock here: a store says what time it is.
//!
//! Promises: `spent + leased + lost` never passes the limit at a grant, and no message gives back what was
//! not leased. What replicas used beyond their leases is booked apart, as `over`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The largest figure an account can have: the script counts in doubles.
pub const COUNT_MAX: u64 = (1 << 53) - 1;
/// Leases at work on one account; beyond it nothing more is granted.
pub const HOLDERS_MAX: u64 = 4_096;
/// How long a lease that ran out can still be accounted for.
const FORGET_MS: u64 = 3_600_000;
/// How long an account is kept after its window, for late settlements.
pub const KEEP_MS: u64 = 3_600_000;
/// Shares of a limit, in percent, that are told when they are passed.
pub const ALARMS: [u64; 3] = [50, 80, 100];

/// Names an account: a digest of limit, member and window. Whoever reads the store learns no user's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub [u8; 16]);

/// A window by its bounds in milliseconds since 1970, the end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub start_ms: u64,
    pub end_ms: u64,
}

/// Running totals of one lease. They only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    pub granted: u64,
    /// Used, out of what was granted.
    pub settled: u64,
    /// Given back unused.
    pub returned: u64,
    /// Used without having been granted.
    pub over: u64,
}

impl Totals {
    /// Granted and not accounted for.
    pub fn outstanding(&self) -> u64 {
        self.granted.saturating_sub(self.settled).saturating_sub(self.returned)
    }
}

/// What one replica says about one of its leases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub account: AccountId,
    pub period: Period,
    pub limit: u64,
    /// Number of the lease among this replica's on this account.
    pub epoch: u64,
    /// Grows with each line of a lease; an account that has seen it or a later one changes nothing.
    pub seq: u64,
    /// `granted` is what the replica has been told of.
    pub totals: Totals,
    /// The totals the store confirmed last, and 0 as long as it has confirmed none.
    pub acked: Totals,
    pub acked_seq: u64,
    /// The highest `spent` the store ever told: what a store that lost its memory starts from.
    pub floor: u64,
    /// Waited for; 0 in a mere report.
    pub need: u64,
    /// The smallest part of the need that is of any use.
    pub least: u64,
    /// Wanted in stock.
    pub want: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// One run of one replica: a restart is another replica.
    pub replica: u64,
    /// In the store's time, as the replica reckons it.
    pub sent_at_ms: u64,
    pub ttl_ms: u64,
    pub lines: Vec<Line>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Open,
    /// The lease ran out before: what it says is booked, nothing is granted to it any more.
    Closed,
    /// It is not this window's time.
    Outside,
    /// Too long under way, or sent by a clock that is wrong: nothing was booked.
    Stale,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub kind: Kind,
    /// All that was ever granted to the lease.
    pub granted: u64,
    pub expires_ms: u64,
    pub figures: Figures,
    /// A share of [`ALARMS`] that was passed by this line; 0 otherwise.
    pub alarm: u64,
}

/// How an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    pub spent: u64,
    pub over: u64,
    pub leased: u64,
    /// Leased by a replica that was not heard of again: counted as spent until it is.
    pub lost: u64,
}

impl Figures {
    pub fn used(&self) -> u64 {
        self.spent.saturating_add(self.over).saturating_add(self.leased).saturating_add(self.lost)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub now_ms: u64,
    pub verdicts: Vec<Verdict>,
}

/// Accounts in memory. A clone shares them until one side changes them.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    accounts: BTreeMap<AccountId, Arc<Account>>,
}

#[derive(Debug, Clone, Default)]
struct Account {
    figures: Figures,
    leases: BTreeMap<(u64, u64), Lease>,
    /// Leases that are open.
    holders: u64,
    /// When the first lease runs out or is forgotten.
    next_event_ms: u64,
    /// Begun from what replicas remembered.
    restored: bool,
    /// Of those that remembered, who has been heard.
    heard: BTreeSet<u64>,
    /// Of what was spent, the part that lines told here.
    since: u64,
    alarmed: u64,
    keep_until_ms: u64,
}

#[derive(Debug, Clone, Default)]
struct Lease {
    seq: u64,
    totals: Totals,
    expires_ms: u64,
    closed: bool,
}

impl Accounts {
    pub fn run(&mut self, batch: &Batch, now_ms: u64) -> Reply {
        let verdicts = batch.lines.iter().map(|line| self.line(batch, line, now_ms)).collect();
        Reply { now_ms, verdicts }
    }

    /// How an account stands now, leases that ran out counted as lost.
    pub fn figures(&mut self, account: AccountId, now_ms: u64) -> Option<Figures> {
        let account = self.accounts.get_mut(&account)?;
        swept(account, now_ms);
        Some(account.figures)
    }

    /// Begins an account with what is known to have been spent.
    pub fn restore(&mut self, account: AccountId, spent: u64, keep_until_ms: u64) {
        let next_event_ms = u64::MAX;
        let figures = Figures { spent, ..Figures::default() };
        let begun = Account { figures, keep_until_ms, next_event_ms, ..Account::default() };
        self.accounts.insert(account, Arc::new(begun));
    }

    /// Drops accounts of windows that are over and of which nobody holds anything. For accounts in memory: what
    /// a replica in the same process has to say, it has said by then.
    pub fn forget(&mut self, now_ms: u64) {
        self.accounts.retain(|_, account| {
            swept(account, now_ms);
            account.figures.leased > 0 || account.keep_until_ms > now_ms.saturating_add(KEEP_MS)
        });
    }

    /// For a journal: each account, what restart must count as spent, and how long it matters.
    pub fn all(&self) -> impl Iterator<Item = (AccountId, u64, u64)> {
        self.accounts.iter().map(|(id, account)| (*id, account.figures.used(), account.keep_until_ms))
    }

    pub fn one(&self, id: AccountId) -> Option<(AccountId, u64, u64)> {
        self.accounts.get(&id).map(|account| (id, account.figures.used(), account.keep_until_ms))
    }

    fn line(&mut self, batch: &Batch, line: &Line, now_ms: u64) -> Verdict {
        if now_ms.abs_diff(batch.sent_at_ms) > batch.ttl_ms {
            let figures = Figures::default();
            return Verdict { kind: Kind::Stale, granted: 0, expires_ms: 0, figures, alarm: 0 };
        }
        let is_new = !self.accounts.contains_key(&line.account);
        let account = Arc::make_mut(self.accounts.entry(line.account).or_default());
        if is_new {
            account.next_event_ms = u64::MAX;
            account.restored = line.floor > 0;
        }
        account.keep_until_ms =
            account.keep_until_ms.max(line.period.end_ms.max(now_ms).saturating_add(KEEP_MS));
        account.sweep(now_ms);
        account.remember(batch.replica, line.floor);
        account.book(batch, line, now_ms)
    }
}

/// Sweeps where there is something to sweep: nothing is copied for it otherwise.
fn swept(account: &mut Arc<Account>, now_ms: u64) {
    if now_ms >= account.next_event_ms {
        Arc::make_mut(account).sweep(now_ms);
    }
}

impl Account {
    /// Closes what ran out, forgets what ran out long ago.
    fn sweep(&mut self, now_ms: u64) {
        if now_ms < self.next_event_ms {
            return;
        }
        let mut next = u64::MAX;
        let (figures, holders) = (&mut self.figures, &mut self.holders);
        self.leases.retain(|_, lease| {
            if !lease.closed && lease.expires_ms <= now_ms {
                lease.closed = true;
                *holders = holders.saturating_sub(1);
                let outstanding = lease.totals.outstanding();
                figures.leased = figures.leased.saturating_sub(outstanding);
                figures.lost += outstanding;
            }
            let event = if lease.closed { lease.expires_ms + FORGET_MS } else { lease.expires_ms };
            let stays = !lease.closed || event > now_ms;
            if stays {
                next = next.min(event);
            }
            stays
        });
        self.next_event_ms = next;
    }

    /// Takes over what a replica knows of the time before the store forgot, once. What lines told since is on top of
    /// it: no memory of that time can hold it.
    fn remember(&mut self, replica: u64, floor: u64) {
        if self.restored && floor > 0 && self.heard.insert(replica) {
            let known = self.figures.spent.saturating_sub(self.since);
            self.figures.spent = known.max(floor).saturating_add(self.since).min(COUNT_MAX);
        }
    }

    fn book(&mut self, batch: &Batch, line: &Line, now_ms: u64) -> Verdict {
        let key = (batch.replica, line.epoch);
        if !self.leases.contains_key(&key) {
            let mut lease = Lease { expires_ms: now_ms + batch.ttl_ms, ..Lease::default() };
            if self.restored && line.acked_seq > 0 {
                // What was confirmed is in the floor; what is outstanding is leased again.
                lease.totals = line.acked;
                lease.totals.granted = line.totals.granted;
                self.figures.leased += lease.totals.outstanding();
            }
            self.next_event_ms = self.next_event_ms.min(lease.expires_ms);
            self.holders += 1;
            self.leases.insert(key, lease);
        }
        let holders = self.holders;
        let Some(lease) = self.leases.get_mut(&key) else {
            return Verdict { kind: Kind::Stale, granted: 0, expires_ms: 0, figures: self.figures, alarm: 0 };
        };
        let kind = match () {
            () if lease.closed => Kind::Closed,
            () if now_ms < line.period.start_ms || now_ms >= line.period.end_ms => Kind::Outside,
            () => Kind::Open,
        };
        if line.seq > lease.seq {
            lease.seq = line.seq;
            let pool = if lease.closed { &mut self.figures.lost } else { &mut self.figures.leased };
            // A store that fell back to an older state has forgotten grants.
            *pool += line.totals.granted.saturating_sub(lease.totals.granted);
            lease.totals.granted = lease.totals.granted.max(line.totals.granted);
            let outstanding = lease.totals.outstanding();
            let settled = line.totals.settled.saturating_sub(lease.totals.settled).min(outstanding);
            let returned =
                line.totals.returned.saturating_sub(lease.totals.returned).min(outstanding - settled);
            let over = line.totals.over.saturating_sub(lease.totals.over);
            *pool = pool.saturating_sub(settled + returned);
            lease.totals.settled += settled;
            lease.totals.returned += returned;
            lease.totals.over += over;
            self.figures.spent = (self.figures.spent + settled).min(COUNT_MAX);
            self.since = (self.since + settled).min(COUNT_MAX);
            self.figures.over = (self.figures.over + over).min(COUNT_MAX);
            if kind == Kind::Open {
                let untold = lease.totals.granted.saturating_sub(line.totals.granted);
                let grant = grant(line, self.figures.used(), holders, untold);
                lease.totals.granted += grant;
                self.figures.leased += grant;
            }
            if kind != Kind::Closed {
                lease.expires_ms = now_ms + batch.ttl_ms;
            }
        }
        let (granted, expires_ms) = (lease.totals.granted, lease.expires_ms);
        Verdict { kind, granted, expires_ms, figures: self.figures, alarm: self.alarm(line.limit) }
    }

    /// The highest share passed since the last line, told once.
    fn alarm(&mut self, limit: u64) -> u64 {
        let certain = self.figures.spent.saturating_add(self.figures.over).saturating_add(self.figures.lost);
        let passed = ALARMS.into_iter().rev().find(|share| at_least(certain, *share, limit)).unwrap_or(0);
        if passed <= self.alarmed {
            return 0;
        }
        self.alarmed = passed;
        passed
    }
}

/// Whether `used` is `share` percent of `limit` or more. In hundredths, rounded up, as the script does it: a
/// product would leave the range of a double.
pub fn at_least(used: u64, share: u64, limit: u64) -> bool {
    let (whole, rest) = (limit / 100, limit % 100);
    used > 0 && used >= whole * share + (rest * share).div_ceil(100)
}

/// What is granted: the need and a stock on top, which shrinks with what remains and with the number of
/// holders. In the last fiftieth nobody gets a stock. What was granted before in an answer that never arrived is
/// part of it: asking again and again takes nothing more.
fn grant(line: &Line, used: u64, holders: u64, untold: u64) -> u64 {
    let remaining = line.limit.saturating_sub(used);
    let [need, least, want] = [line.need, line.least, line.want].map(|figure| figure.saturating_sub(untold));
    if holders > HOLDERS_MAX || (need > 0 && remaining < least) {
        return 0;
    }
    let chunk = if remaining < line.limit / 50 { 0 } else { remaining / (4 * holders.max(1)) };
    need.max(want.min(chunk)).min(remaining)
}
