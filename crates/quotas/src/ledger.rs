//! The ledger: reserves before a call, settles after it, and never lets the reserved and spent of a window
//! pass a limit. All-or-nothing over every limit that applies, those of the configuration and those a policy
//! adds to one request.
//!
//! It finds the accounts a request draws on; [`crate::leases`] says what is free in them, [`crate::keeper`] asks the
//! store for more. Where quotas are kept in memory, callers bring the time.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use hardpan_inference::model_id::ModelId;
use hardpan_inference::principal::Principal;
use hardpan_inference::usage::Tokens;
use sha2::{Digest, Sha256};

use crate::central::{AccountId, COUNT_MAX, Period};
use crate::journal::{Journal, JournalError};
use crate::keeper::Keeper;
use crate::learnt::OutputBounds;
use crate::leases::{Alarm, Attempt, Claim, Hold, Leases, Subject, Tuning};
use crate::limit::{Limit, Scope, Unit};
use crate::store::{Fsync, MemoryStore};
use crate::valkey::{ValkeySettings, ValkeyStore};
use crate::window::Window;

/// Users with a counter of their own, per limit and window. Users are named by apps, so there is no end to
/// them; those that come later share one counter per app, which is stricter and keeps other apps unharmed.
pub const USERS_MAX: usize = 50_000;

/// Longest user name that gets a counter of its own.
pub const USER_BYTES_MAX: usize = 256;

/// Keys of a policy's own limits with a counter of their own, per window; later ones share one.
pub const EXTRA_KEYS_MAX: usize = 50_000;

/// Requests remembered by their id, per half generation and shard.
const REQUESTS_MAX: usize = 2_048;
const REQUEST_SHARDS: usize = 16;

/// Times a request tries anew, because its windows ended while it waited, or others were faster.
const TRIES_MAX: usize = 8;

/// In memory nothing runs out.
const FOREVER_MS: u64 = 1 << 52;

/// What a call may use at most, and who makes it.
pub struct Demand<'a> {
    pub principal: &'a Principal,
    pub model: &'a ModelId,
    pub tokens: Tokens,
    pub nano_usd: u64,
    /// Hardpan's own id of the request, never one a client chose: what is reserved twice under one id is
    /// reserved once. Empty: each call counts.
    pub request: &'a str,
    /// Limits policy sets for this request.
    pub extra: &'a [ExtraLimit],
}

/// A limit a policy asks for: whoever shares the key shares the counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraLimit {
    pub key: String,
    pub unit: Unit,
    pub limit: u64,
    pub window: Window,
}

/// What a call did use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spend {
    pub tokens: Tokens,
    pub nano_usd: u64,
}

/// Proof that a call's demand is within every limit, and the note of what to give back. It is settled or
/// released once, by value.
///
/// Whoever loses track of a call does not know what it cost: one that is dropped is settled at what was reserved.
#[must_use = "a reservation that is dropped is charged in full"]
pub struct Reservation {
    /// Empty once settled, and where the id had been reserved before.
    holds: Vec<(Hold, Claim)>,
    keeper: Arc<Keeper>,
    now_ms: u64,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.replace(|_, reserved| reserved);
    }
}

impl Reservation {
    /// What is left under each limit that applies, this reservation taken off.
    pub fn left(&self) -> Vec<LimitStatus> {
        let leases = self.keeper.leases();
        self.holds.iter().map(|(_, claim)| LimitStatus::of(claim, leases, self.now_ms)).collect()
    }

    fn replace(&mut self, actual: impl Fn(Unit, u64) -> u64) {
        let leases = self.keeper.leases();
        let mut overshot = false;
        for (hold, claim) in self.holds.drain(..) {
            overshot |= leases.settle(&hold, actual(claim.subject.unit, hold.amount));
        }
        if overshot {
            leases.count_overshoot();
        }
        self.keeper.wake();
    }
}

/// The limit in the way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the limit {limit} of {} per {} is reached", .unit.name(), .window.name())]
pub struct QuotaExceeded {
    pub limit: String,
    pub unit: Unit,
    pub window: Window,
    /// When the window ends. `None` when waiting is no answer.
    pub retry_after_ms: Option<u64>,
    /// A budget for the month or for good, or a call that alone is larger than the limit.
    pub hard: bool,
    /// The limit is a policy's, and its name a key that may hold anything.
    pub is_policys: bool,
    /// How the limit stands: some may be left that is too little.
    pub status: Option<LimitStatus>,
    /// Whether anything is left is not known: the store of quotas is away, and the leases at hand are used up.
    pub gone: bool,
}

impl QuotaExceeded {
    /// What metrics and logs call the limit.
    pub fn name_told(&self) -> &str {
        if self.is_policys { "policy" } else { &self.limit }
    }
}

/// How one limit stands for one caller, as far as this process knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitStatus {
    pub name: String,
    pub unit: Unit,
    pub window: Window,
    pub limit: u64,
    /// Neither spent nor reserved, nor leased to other replicas.
    pub remaining: u64,
    pub resets_in_ms: Option<u64>,
}

impl LimitStatus {
    fn of(claim: &Claim, leases: &Leases, now_ms: u64) -> Self {
        let Subject { limit, unit, window, .. } = claim.subject.as_ref();
        Self {
            name: limit.clone(),
            unit: *unit,
            window: *window,
            limit: claim.limit,
            remaining: leases.standing(claim.account).unwrap_or_default().remaining(claim.limit),
            resets_in_ms: window.resets_in_ms(now_ms),
        }
    }
}

/// Where quotas are kept.
#[derive(Clone)]
pub enum Keeping {
    /// In this process, for as long as it runs.
    Memory,
    /// In this process, and in a directory, so that a restart forgets nothing.
    Journal { directory: PathBuf, fsync: Fsync },
    /// Together with other replicas.
    Valkey { store: ValkeySettings, lease: Duration, local_share_ppm: u64 },
}

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the thread that keeps quotas could not be started: {0}")]
    Thread(std::io::Error),
}

pub struct Ledger {
    rules: RwLock<Arc<Vec<Rule>>>,
    extra_keys: Mutex<HashSet<AccountId>>,
    requests: Vec<Mutex<Requests>>,
    keeper: Arc<Keeper>,
    /// How long answers turn out to be.
    pub outputs: OutputBounds,
}

/// Ids reserved lately: this generation and the one before.
#[derive(Default)]
struct Requests {
    now: HashSet<String>,
    before: HashSet<String>,
}

impl Ledger {
    /// Keeps quotas in memory.
    pub fn new(limits: Vec<Limit>) -> Self {
        let leases = Leases::new(0, tuning(FOREVER_MS, 1_000_000));
        Self::over(limits, Keeper::inline(leases, MemoryStore::new()))
    }

    /// `replica` has to differ between replicas, and between two starts of one.
    pub fn open(limits: Vec<Limit>, keeping: Keeping, replica: u64) -> Result<Self, LedgerError> {
        let keeper = match keeping {
            Keeping::Memory => return Ok(Self::new(limits)),
            Keeping::Journal { directory, fsync } => {
                let store = MemoryStore::with_journal(Journal::open(&directory, fsync)?);
                let leases = Leases::new(replica, tuning(FOREVER_MS, 10_000));
                Keeper::thread(leases, Box::new(store), false, Duration::from_secs(1))
            }
            Keeping::Valkey { store, lease, local_share_ppm } => {
                let ttl_ms = u64::try_from(lease.as_millis()).unwrap_or(FOREVER_MS).max(100);
                let tuning = Tuning { refused_for_ms: 50, local_share_ppm, ..tuning(ttl_ms, 1_000_000) };
                let store = ValkeyStore::new(store);
                Keeper::thread(Leases::new(replica, tuning), Box::new(store), true, lease / 12)
            }
        };
        Ok(Self::over(limits, keeper.map_err(LedgerError::Thread)?))
    }

    fn over(limits: Vec<Limit>, keeper: Keeper) -> Self {
        Self {
            rules: RwLock::new(Arc::new(limits.into_iter().map(Rule::new).collect())),
            extra_keys: Mutex::default(),
            requests: (0..REQUEST_SHARDS).map(|_| Mutex::default()).collect(),
            keeper: Arc::new(keeper),
            outputs: OutputBounds::default(),
        }
    }

    /// Takes over a new configuration. A limit that differs from an old one in its figure alone keeps what
    /// was counted, so that a reload never refills a budget; reservations made before settle as if nothing
    /// happened.
    pub fn replace_limits(&self, limits: Vec<Limit>) {
        let rules = limits.into_iter().map(Rule::new).collect();
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
        // What lies in stock may be more than a lowered limit leaves.
        self.keeper.leases().give_back(|_, _| true);
        for _ in 0..=self.keeper.leases().accounts() / crate::leases::LINES_MAX {
            self.keeper.wake();
        }
    }

    /// Reserves the demand under every limit that applies, or under none of them. Waits only where a lease is
    /// too small and the store is not memory, and then no longer than the store's time limits.
    pub async fn reserve(&self, demand: &Demand<'_>, now_ms: u64) -> Result<Reservation, QuotaExceeded> {
        if !self.begins(demand.request) {
            return Ok(self.reservation(Vec::new(), Vec::new(), now_ms));
        }
        let reserved = self.reserve_once(demand, now_ms).await;
        if reserved.is_err() {
            self.forget(demand.request);
        }
        reserved
    }

    async fn reserve_once(&self, demand: &Demand<'_>, now_ms: u64) -> Result<Reservation, QuotaExceeded> {
        let leases = self.keeper.leases();
        let mut tried = 0;
        loop {
            tried += 1;
            let now = self.keeper.now(now_ms);
            let claims = self.claims(demand, now);
            let failures = leases.failures();
            let asked = match leases.try_hold(&claims, now, true) {
                Attempt::Held(holds) => return Ok(self.reservation(claims, holds, now)),
                Attempt::Refused(indexes) => return Err(self.refusal(&claims, &indexes, now)),
                Attempt::Lacking(asked) => asked,
            };
            let heard = self.keeper.heard(&asked, failures).await;
            let now = self.keeper.now(now_ms);
            match leases.try_hold(&claims, now, false) {
                Attempt::Held(holds) => return Ok(self.reservation(claims, holds, now)),
                Attempt::Refused(indexes) if heard => {
                    let is_over = |claim: &Claim| now >= claim.period.end_ms || now < claim.period.start_ms;
                    let is_left = |index: &usize| {
                        let claim = claims.get(*index);
                        let standing = claim.and_then(|claim| leases.standing(claim.account));
                        claim
                            .zip(standing)
                            .is_some_and(|(claim, standing)| standing.remaining(claim.limit) >= claim.amount)
                    };
                    if tried < TRIES_MAX && (claims.iter().any(is_over) || indexes.iter().all(is_left)) {
                        continue;
                    }
                    return Err(self.refusal(&claims, &indexes, now));
                }
                Attempt::Refused(_) | Attempt::Lacking(_) => {}
            }
            return match leases.hold_alone(&claims, now) {
                Ok(holds) => Ok(self.reservation(claims, holds, now)),
                Err(index) => Err(QuotaExceeded {
                    gone: true,
                    hard: false,
                    retry_after_ms: Some(1_000),
                    status: None,
                    ..exceeded(&claims, &[index], now)
                }),
            };
        }
    }

    /// Replaces the reserved figures by the actual ones, in the window that admitted the request. More than was
    /// reserved is booked all the same and counted as an overshoot: it was spent, and the limit is passed by
    /// that much where nothing was left.
    pub fn settle(&self, mut reservation: Reservation, actual: Spend) {
        reservation.replace(|unit, reserved| match unit {
            Unit::Requests => reserved,
            Unit::Tokens => actual.tokens.0,
            Unit::NanoUsd => actual.nano_usd,
        });
    }

    /// Gives everything back: the call was not made, so it does not count as a request either.
    pub fn release(&self, mut reservation: Reservation) {
        reservation.replace(|_, _| 0);
    }

    /// How many settlements came out above their reservation, under one limit or several.
    pub fn overshoot(&self) -> u64 {
        self.keeper.leases().overshoots()
    }

    /// How often the store of quotas could not be asked.
    pub fn store_failures(&self) -> u64 {
        self.keeper.leases().failures()
    }

    /// Limits that passed 50, 80 or 100 % since the last call, each told once per window, over all replicas. Of one
    /// that is nearly used up, each replica that has to refuse a request tells 100 %.
    pub fn alarms(&self) -> Vec<Alarm> {
        self.keeper.leases().alarms()
    }

    /// Alarms nobody asked for in time.
    pub fn alarms_lost(&self) -> u64 {
        self.keeper.leases().alarms_lost()
    }

    /// Gives back what is free in leases, and waits for it within the store's time limits. Reservations that are
    /// settled later are still accounted for here, and told to nobody.
    pub fn close(&self) {
        self.keeper.close();
    }

    /// How every limit that applies stands, in the order of the configuration.
    pub fn status(&self, principal: &Principal, model: &ModelId, now_ms: u64) -> Vec<LimitStatus> {
        let now = self.keeper.now(now_ms);
        let rules = self.rules();
        let applying = rules.iter().filter(|rule| rule.limit.applies_to(principal, model));
        applying
            .map(|rule| LimitStatus::of(&rule.claim(principal, 0, now), self.keeper.leases(), now))
            .collect()
    }

    /// The share of what is left that a demand would take, in percent rounded up, of the limit in tokens or money where
    /// it is largest, as far as this process knows. `None` where no such limit applies.
    pub fn largest_share_percent(&self, demand: &Demand<'_>, now_ms: u64) -> Option<u64> {
        let claims = self.claims(demand, self.keeper.now(now_ms));
        let of_input = claims.iter().filter(|claim| claim.subject.unit != Unit::Requests);
        of_input
            .map(|claim| {
                let standing = self.keeper.leases().standing(claim.account).unwrap_or_default();
                let remaining = standing.remaining(claim.limit);
                let hundredfold = u128::from(claim.amount) * 100;
                match hundredfold.checked_div(u128::from(remaining)) {
                    Some(_) => u64::try_from(hundredfold.div_ceil(u128::from(remaining))).unwrap_or(u64::MAX),
                    None if claim.amount == 0 => 0,
                    None => u64::MAX,
                }
            })
            .max()
    }

    fn rules(&self) -> Arc<Vec<Rule>> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The accounts the demand draws on, each once, under the strictest figure.
    fn claims(&self, demand: &Demand<'_>, now_ms: u64) -> Vec<Claim> {
        let rules = self.rules();
        let mut claims: Vec<Claim> = Vec::with_capacity(rules.len() + demand.extra.len());
        for rule in rules.iter().filter(|rule| rule.limit.applies_to(demand.principal, demand.model)) {
            claims.push(rule.claim(demand.principal, demand.amount_of(rule.limit.unit), now_ms));
        }
        for extra in demand.extra {
            let (account, period) = self.extra_account(extra, now_ms);
            match claims.iter_mut().find(|claim| claim.account == account) {
                Some(claim) => claim.limit = claim.limit.min(extra.limit),
                None => claims.push(Claim {
                    account,
                    period,
                    limit: extra.limit.min(COUNT_MAX),
                    amount: demand.amount_of(extra.unit),
                    subject: Arc::new(Subject {
                        limit: extra.key.clone(),
                        unit: extra.unit,
                        window: extra.window,
                        is_policys: true,
                    }),
                    member: String::new(),
                }),
            }
        }
        claims
    }

    fn extra_account(&self, extra: &ExtraLimit, now_ms: u64) -> (AccountId, Period) {
        let named = |key: &str, is_own: &str| {
            let parts = ["policy", is_own, key, extra.unit.name(), extra.window.name()];
            account_of(absorb(Sha256::new(), &parts), extra.window, now_ms)
        };
        let (own, period) = named(&extra.key, "own");
        let mut keys = lock(&self.extra_keys);
        if keys.len() < EXTRA_KEYS_MAX || keys.contains(&own) {
            keys.insert(own);
            return (own, period);
        }
        drop(keys);
        // Windows that ended make room.
        if self.keeper.leases().accounts() < EXTRA_KEYS_MAX / 2 {
            lock(&self.extra_keys).clear();
        }
        named("", "others")
    }

    fn reservation(&self, claims: Vec<Claim>, holds: Vec<Hold>, now_ms: u64) -> Reservation {
        let holds = holds.into_iter().zip(claims).collect();
        if self.keeper.leases().has_due() {
            self.keeper.wake();
        }
        Reservation { holds, keeper: Arc::clone(&self.keeper), now_ms }
    }

    fn refusal(&self, claims: &[Claim], indexes: &[usize], now_ms: u64) -> QuotaExceeded {
        let leases = self.keeper.leases();
        let in_the_way = || indexes.iter().filter_map(|index| claims.get(*index));
        in_the_way().for_each(|claim| leases.was_in_the_way(claim));
        let exceeded = exceeded(claims, indexes, now_ms);
        let told = in_the_way().find(|claim| {
            claim.subject.limit == exceeded.limit && claim.subject.is_policys == exceeded.is_policys
        });
        QuotaExceeded { status: told.map(|claim| LimitStatus::of(claim, leases, now_ms)), ..exceeded }
    }

    /// Whether this id is new.
    fn begins(&self, request: &str) -> bool {
        if request.is_empty() {
            return true;
        }
        let Some(shard) = self.requests.get(request_shard(request)) else { return true };
        let mut requests = lock(shard);
        if requests.before.contains(request) || !requests.now.insert(request.to_owned()) {
            return false;
        }
        if requests.now.len() >= REQUESTS_MAX {
            requests.before = std::mem::take(&mut requests.now);
        }
        true
    }

    fn forget(&self, request: &str) {
        if let Some(shard) = self.requests.get(request_shard(request)) {
            let mut requests = lock(shard);
            requests.now.remove(request);
            requests.before.remove(request);
        }
    }
}

impl Demand<'_> {
    fn amount_of(&self, unit: Unit) -> u64 {
        match unit {
            Unit::Requests => 1,
            Unit::Tokens => self.tokens.0,
            Unit::NanoUsd => self.nano_usd,
        }
    }
}

/// A limit at work.
struct Rule {
    limit: Limit,
    subject: Arc<Subject>,
    /// The digest of all that makes two limits count together, which is all but the figure.
    identity: Sha256,
    users: Mutex<Users>,
}

/// Users of the current window with an account of their own.
#[derive(Default)]
struct Users {
    window: u64,
    accounts: HashSet<AccountId>,
}

impl Rule {
    fn new(limit: Limit) -> Self {
        let subject =
            Subject { limit: limit.name.clone(), unit: limit.unit, window: limit.window, is_policys: false };
        let (of, model) = (limit.of.as_deref(), limit.model.as_deref());
        let parts = [
            "limit",
            &limit.name,
            limit.scope.name(),
            if of.is_some() { "of" } else { "each" },
            of.unwrap_or_default(),
            if model.is_some() { "model" } else { "all" },
            model.unwrap_or_default(),
            limit.unit.name(),
            limit.window.name(),
        ];
        let identity = absorb(Sha256::new(), &parts);
        Self { identity, subject: Arc::new(subject), users: Mutex::default(), limit }
    }

    fn claim(&self, principal: &Principal, amount: u64, now_ms: u64) -> Claim {
        let (account, period) = self.account(principal, now_ms);
        Claim {
            account,
            period,
            limit: self.limit.limit.min(COUNT_MAX),
            amount,
            subject: Arc::clone(&self.subject),
            // Users are not named: whoever reads of an alarm need not know them.
            member: match self.limit.scope {
                Scope::Org => String::new(),
                Scope::Team => principal.team.clone(),
                Scope::App | Scope::User => format!("{}/{}", principal.team, principal.app),
            },
        }
    }

    /// Whose account. Teams and apps are as many as the configuration knows; only users need a bound. Two teams
    /// may each have an app of one name.
    fn account(&self, principal: &Principal, now_ms: u64) -> (AccountId, Period) {
        let window = self.limit.window;
        let (team, app) = (principal.team.as_str(), principal.app.as_str());
        let of = |parts: &[&str]| account_of(absorb(self.identity.clone(), parts), window, now_ms);
        let own = match (self.limit.scope, principal.user.as_deref()) {
            (Scope::Org, _) => return of(&[]),
            (Scope::Team, _) => return of(&[team]),
            (Scope::App, _) => return of(&[team, app]),
            (Scope::User, None) => of(&[team, app, "nobody"]),
            (Scope::User, Some(user)) if user.len() > USER_BYTES_MAX => return of(&[team, app, "others"]),
            (Scope::User, Some(user)) => of(&[team, app, "user", user]),
        };
        let mut users = lock(&self.users);
        let window = window.index(now_ms);
        if window > users.window {
            *users = Users { window, accounts: HashSet::new() };
        }
        if users.accounts.len() < USERS_MAX || users.accounts.contains(&own.0) {
            users.accounts.insert(own.0);
            return own;
        }
        of(&[team, app, "others"])
    }
}

/// Takes in each part with its length, so that no two lists of parts are one.
fn absorb(mut digest: Sha256, parts: &[&str]) -> Sha256 {
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
    digest
}

fn account_of(digest: Sha256, window: Window, now_ms: u64) -> (AccountId, Period) {
    let (start_ms, end_ms) = window.bounds(now_ms, COUNT_MAX);
    let mut account = [0; 16];
    let whole = digest.chain_update(window.index(now_ms).to_le_bytes()).finalize();
    account.iter_mut().zip(whole.iter()).for_each(|(to, from)| *to = *from);
    (AccountId(account), Period { start_ms, end_ms })
}

fn tuning(ttl_ms: u64, stock_max_ppm: u64) -> Tuning {
    Tuning { ttl_ms, refused_for_ms: 0, stock_max_ppm, local_share_ppm: 0 }
}

fn request_shard(request: &str) -> usize {
    request.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)))
        % REQUEST_SHARDS
}

/// Of the limits in the way, the one a client has to be told about: a hard one, else the one that lasts longest.
fn exceeded(claims: &[Claim], indexes: &[usize], now_ms: u64) -> QuotaExceeded {
    let found = indexes.iter().filter_map(|index| claims.get(*index)).map(|claim| {
        let Subject { limit, unit, window, is_policys } = claim.subject.as_ref();
        let hard = window.is_hard() || claim.amount > claim.limit;
        let retry_after_ms = if hard { None } else { window.resets_in_ms(now_ms) };
        QuotaExceeded {
            limit: limit.clone(),
            unit: *unit,
            window: *window,
            retry_after_ms,
            hard,
            is_policys: *is_policys,
            status: None,
            gone: false,
        }
    });
    let worst = found.reduce(|known, found| {
        if (known.hard, known.retry_after_ms) >= (found.hard, found.retry_after_ms) { known } else { found }
    });
    worst.unwrap_or_else(|| QuotaExceeded {
        limit: String::new(),
        unit: Unit::Requests,
        window: Window::Minute,
        retry_after_ms: Some(1_000),
        hard: false,
        is_policys: false,
        status: None,
        gone: true,
    })
}

/// A panic under a lock would have to happen within a set; what it holds is a hint at most.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// A ledger in memory never waits.
    fn at_once<T>(future: impl Future<Output = T>) -> T {
        match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("a ledger in memory waited"),
        }
    }

    impl Ledger {
        fn take(&self, demand: &Demand<'_>, now_ms: u64) -> Result<Reservation, QuotaExceeded> {
            at_once(self.reserve(demand, now_ms))
        }
    }

    const NOW: u64 = 1_700_000_000_000;
    const MINUTE: u64 = 60_000;

    fn limit(name: &str, scope: Scope, unit: Unit, window: Window, limit: u64) -> Limit {
        Limit { name: name.into(), scope, of: None, model: None, unit, window, limit }
    }

    fn principal(team: &str, app: &str, user: Option<&str>) -> Principal {
        Principal {
            team: team.into(),
            app: app.into(),
            user: user.map(str::to_owned),
            ..Principal::default()
        }
    }

    fn model() -> ModelId {
        ModelId::parse("amazon.nova-lite-v1:0").unwrap()
    }

    fn demand<'a>(principal: &'a Principal, model: &'a ModelId, tokens: u64) -> Demand<'a> {
        Demand { principal, model, tokens: Tokens(tokens), nano_usd: tokens * 10, request: "", extra: &[] }
    }

    fn spend(tokens: u64) -> Spend {
        Spend { tokens: Tokens(tokens), nano_usd: tokens * 10 }
    }

    /// What is left under each limit, by its name.
    fn remaining(ledger: &Ledger, principal: &Principal, now_ms: u64) -> Vec<u64> {
        ledger.status(principal, &model(), now_ms).iter().map(|status| status.remaining).collect()
    }

    #[test]
    fn the_share_of_what_is_left_is_that_of_the_tightest_limit_of_tokens_or_money() {
        let calls = limit("calls", Scope::App, Unit::Requests, Window::Day, 1);
        let tokens = limit("tokens", Scope::Team, Unit::Tokens, Window::Minute, 100);
        let money = limit("money", Scope::Org, Unit::NanoUsd, Window::Total, 10_000);
        let (anna, model) = (principal("t", "a", None), model());
        let share =
            |ledger: &Ledger, tokens| ledger.largest_share_percent(&demand(&anna, &model, tokens), NOW);
        assert_eq!(share(&Ledger::new(vec![calls.clone()]), 1_000), None);
        let ledger = Ledger::new(vec![calls, tokens, money]);
        for (asked, percent) in
            [(0, 0), (1, 1), (50, 50), (100, 100), (101, 101), (u64::MAX / 10, u64::MAX / 10)]
        {
            assert_eq!(share(&ledger, asked), Some(percent), "{asked}");
        }
        // Asking takes nothing, and what is reserved is no longer left.
        let held = ledger.take(&demand(&anna, &model, 60), NOW).ok().unwrap();
        assert_eq!((share(&ledger, 40), share(&ledger, 13)), (Some(100), Some(33)));
        ledger.settle(held, spend(100));
        assert_eq!((share(&ledger, 0), share(&ledger, 1)), (Some(0), Some(u64::MAX)));
        let extra = ExtraLimit { key: "k".to_owned(), unit: Unit::Tokens, limit: 4, window: Window::Day };
        let (bob, none) = (principal("u", "b", None), Ledger::new(Vec::new()));
        let demand = Demand { extra: &[extra], ..demand(&bob, &model, 1) };
        assert_eq!(none.largest_share_percent(&demand, NOW), Some(25));
    }

    #[test]
    fn a_limit_admits_up_to_its_figure_and_not_one_more() {
        let ledger = Ledger::new(vec![limit("tpm", Scope::Team, Unit::Tokens, Window::Minute, 100)]);
        let (anna, model) = (principal("t", "a", None), model());
        let whole = ledger.take(&demand(&anna, &model, 100), NOW).ok().unwrap();
        let refused = ledger.take(&demand(&anna, &model, 1), NOW).err().unwrap();
        assert_eq!(
            refused,
            QuotaExceeded {
                limit: "tpm".into(),
                unit: Unit::Tokens,
                window: Window::Minute,
                retry_after_ms: Window::Minute.resets_in_ms(NOW),
                hard: false,
                is_policys: false,
                status: Some(LimitStatus {
                    name: "tpm".into(),
                    unit: Unit::Tokens,
                    window: Window::Minute,
                    limit: 100,
                    remaining: 0,
                    resets_in_ms: Window::Minute.resets_in_ms(NOW),
                }),
                gone: false,
            }
        );
        assert_eq!(refused.to_string(), "the limit tpm of tokens per minute is reached");
        ledger.settle(whole, spend(40));
        assert_eq!(remaining(&ledger, &anna, NOW), [60]);
        assert!(ledger.take(&demand(&anna, &model, 61), NOW).is_err());
        assert!(ledger.take(&demand(&anna, &model, 60), NOW).is_ok());
    }

    #[test]
    fn a_refusal_by_one_limit_leaves_the_others_untouched() {
        let ledger = Ledger::new(vec![
            limit("rpm", Scope::App, Unit::Requests, Window::Minute, 10),
            limit("budget", Scope::Org, Unit::NanoUsd, Window::Month, 500),
            limit("tpd", Scope::Team, Unit::Tokens, Window::Day, 1_000),
        ]);
        let (anna, model) = (principal("t", "a", None), model());
        let refused = ledger.take(&demand(&anna, &model, 51), NOW).err().unwrap();
        assert_eq!((refused.limit.as_str(), refused.hard, refused.retry_after_ms), ("budget", true, None));
        assert_eq!(remaining(&ledger, &anna, NOW), [10, 500, 1_000]);
        let held = ledger.take(&demand(&anna, &model, 50), NOW).ok().unwrap();
        assert_eq!(remaining(&ledger, &anna, NOW), [9, 0, 950]);
        ledger.settle(held, spend(20));
        assert_eq!(remaining(&ledger, &anna, NOW), [9, 300, 980]);
    }

    #[test]
    fn the_limit_that_lasts_longest_is_the_one_reported() {
        let ledger = Ledger::new(vec![
            limit("hour", Scope::Org, Unit::Requests, Window::Hour, 1),
            limit("minute", Scope::Org, Unit::Requests, Window::Minute, 1),
            limit("total", Scope::Org, Unit::Requests, Window::Total, 2),
        ]);
        let (anna, model) = (principal("t", "a", None), model());
        let _held = ledger.take(&demand(&anna, &model, 1), NOW).ok().unwrap();
        assert_eq!(ledger.take(&demand(&anna, &model, 1), NOW).err().unwrap().limit, "hour");
        let _held = ledger.take(&demand(&anna, &model, 1), NOW + 60 * MINUTE).ok().unwrap();
        assert_eq!(ledger.take(&demand(&anna, &model, 1), NOW + 60 * MINUTE).err().unwrap().limit, "total");
    }

    #[test]
    fn a_call_larger_than_the_limit_is_not_told_to_come_back() {
        let ledger = Ledger::new(vec![limit("tpm", Scope::Org, Unit::Tokens, Window::Minute, 100)]);
        let (anna, model) = (principal("t", "a", None), model());
        let refused = ledger.take(&demand(&anna, &model, 101), NOW).err().unwrap();
        assert_eq!((refused.hard, refused.retry_after_ms), (true, None));
        assert!(ledger.take(&Demand { tokens: Tokens(u64::MAX), ..demand(&anna, &model, 1) }, NOW).is_err());
    }

    #[test]
    fn a_release_gives_back_the_request_too() {
        let ledger = Ledger::new(vec![limit("rpm", Scope::App, Unit::Requests, Window::Minute, 1)]);
        let (anna, model) = (principal("t", "a", None), model());
        let held = ledger.take(&demand(&anna, &model, 5), NOW).ok().unwrap();
        ledger.release(held);
        let held = ledger.take(&demand(&anna, &model, 5), NOW).ok().unwrap();
        ledger.settle(held, Spend::default());
        assert!(ledger.take(&demand(&anna, &model, 5), NOW).is_err());
        assert_eq!(ledger.overshoot(), 0);
    }

    #[test]
    fn a_dropped_reservation_stays_charged_until_its_window_ends() {
        let ledger = Ledger::new(vec![limit("tpm", Scope::Org, Unit::Tokens, Window::Minute, 100)]);
        let (anna, model) = (principal("t", "a", None), model());
        drop(ledger.take(&demand(&anna, &model, 70), NOW).ok().unwrap());
        assert_eq!(remaining(&ledger, &anna, NOW), [30]);
        assert_eq!(remaining(&ledger, &anna, NOW + MINUTE), [100]);
    }

    #[test]
    fn a_late_settlement_belongs_to_the_window_that_admitted_it() {
        let ledger = Ledger::new(vec![
            limit("tpm", Scope::Org, Unit::Tokens, Window::Minute, 100),
            limit("total", Scope::Org, Unit::Tokens, Window::Total, 1_000),
        ]);
        let (anna, model) = (principal("t", "a", None), model());
        let late = ledger.take(&demand(&anna, &model, 90), NOW).ok().unwrap();
        let _next = ledger.take(&demand(&anna, &model, 80), NOW + MINUTE).ok().unwrap();
        ledger.settle(late, spend(10));
        assert_eq!(remaining(&ledger, &anna, NOW + MINUTE), [20, 1_000 - 80 - 10]);
    }

    #[test]
    fn a_clock_that_steps_back_does_not_refill_a_window() {
        let ledger = Ledger::new(vec![limit("tpm", Scope::Org, Unit::Tokens, Window::Minute, 100)]);
        let (anna, model) = (principal("t", "a", None), model());
        let _held = ledger.take(&demand(&anna, &model, 100), NOW).ok().unwrap();
        assert!(ledger.take(&demand(&anna, &model, 1), NOW - MINUTE).is_err());
    }

    #[test]
    fn spending_above_the_reservation_is_booked_and_counted() {
        let ledger = Ledger::new(vec![limit("tpm", Scope::Org, Unit::Tokens, Window::Minute, 100)]);
        let (anna, model) = (principal("t", "a", None), model());
        let held = ledger.take(&demand(&anna, &model, 10), NOW).ok().unwrap();
        ledger.settle(held, spend(130));
        assert_eq!((ledger.overshoot(), remaining(&ledger, &anna, NOW)), (1, vec![0]));
        assert!(ledger.take(&demand(&anna, &model, 1), NOW).is_err());
    }

    #[test]
    fn members_of_a_scope_have_counters_of_their_own() {
        let model = model();
        for (scope, other, shared) in [
            (Scope::Org, principal("t2", "a2", Some("u2")), true),
            (Scope::Team, principal("t", "a2", Some("u2")), true),
            (Scope::Team, principal("t2", "a", Some("u")), false),
            (Scope::App, principal("t", "a", Some("u2")), true),
            (Scope::App, principal("t", "a2", Some("u")), false),
            (Scope::User, principal("t", "a", Some("u2")), false),
            (Scope::User, principal("t", "a2", Some("u")), false),
            (Scope::User, principal("t", "a", None), false),
        ] {
            let ledger = Ledger::new(vec![limit("one", scope, Unit::Requests, Window::Minute, 1)]);
            let _held = ledger.take(&demand(&principal("t", "a", Some("u")), &model, 1), NOW).ok().unwrap();
            let refused = ledger.take(&demand(&other, &model, 1), NOW).is_err();
            assert_eq!(refused, shared, "{scope:?} {} {}", other.team, other.app);
        }
    }

    #[test]
    fn calls_that_name_no_user_share_one_counter() {
        let ledger = Ledger::new(vec![limit("one", Scope::User, Unit::Requests, Window::Minute, 1)]);
        let (nobody, model) = (principal("t", "a", None), model());
        let _held = ledger.take(&demand(&nobody, &model, 1), NOW).ok().unwrap();
        assert!(ledger.take(&demand(&nobody, &model, 1), NOW).is_err());
    }

    #[test]
    fn users_beyond_the_bound_share_a_counter_per_app() {
        let ledger = Ledger::new(vec![limit("one", Scope::User, Unit::Requests, Window::Minute, 1)]);
        let model = model();
        let reserve = |app: &str, user: &str| {
            ledger.take(&demand(&principal("t", app, Some(user)), &model, 1), NOW).is_ok()
        };
        for user in 0..USERS_MAX {
            assert!(reserve("a", &user.to_string()));
        }
        assert!(reserve("a", "late"));
        assert!(!reserve("a", "later"));
        assert!(reserve("b", "someone"));
        assert!(!reserve("b", "someone else"));
        assert_eq!(ledger.keeper.leases().accounts(), USERS_MAX + 2);
        // The next window forgets them all.
        let anna = principal("t", "a", Some("later"));
        assert!(ledger.take(&demand(&anna, &model, 1), NOW + MINUTE).is_ok());
        assert!(ledger.rules().iter().all(|rule| lock(&rule.users).accounts.len() == 1));
        ledger.keeper.leases().tick(NOW + MINUTE);
        while ledger.keeper.leases().has_due() {
            ledger.keeper.wake();
        }
        ledger.keeper.leases().tick(NOW + MINUTE);
        assert_eq!(ledger.keeper.leases().accounts(), 1);
    }

    #[test]
    fn an_overlong_user_name_gets_no_counter_of_its_own() {
        let ledger = Ledger::new(vec![limit("one", Scope::User, Unit::Requests, Window::Minute, 1)]);
        let model = model();
        let long = |letter: &str| principal("t", "a", Some(letter.repeat(USER_BYTES_MAX + 1).as_str()));
        let _held = ledger.take(&demand(&long("x"), &model, 1), NOW).ok().unwrap();
        assert!(ledger.take(&demand(&long("y"), &model, 1), NOW).is_err());
    }

    #[test]
    fn a_reload_keeps_what_was_spent_and_settles_what_was_reserved() {
        let budget = |figure| limit("budget", Scope::Org, Unit::Tokens, Window::Total, figure);
        let ledger =
            Ledger::new(vec![budget(100), limit("gone", Scope::Org, Unit::Tokens, Window::Total, 100)]);
        let (anna, model) = (principal("t", "a", None), model());
        let held = ledger.take(&demand(&anna, &model, 60), NOW).ok().unwrap();
        ledger.replace_limits(vec![limit("new", Scope::App, Unit::Tokens, Window::Total, 100), budget(200)]);
        assert_eq!(remaining(&ledger, &anna, NOW), [100, 140]);
        ledger.settle(held, spend(50));
        assert_eq!(remaining(&ledger, &anna, NOW), [100, 150]);
        ledger.replace_limits(vec![budget(40)]);
        assert_eq!(remaining(&ledger, &anna, NOW), [0]);
        ledger.replace_limits(vec![limit("budget", Scope::App, Unit::Tokens, Window::Total, 40)]);
        assert_eq!(remaining(&ledger, &anna, NOW), [40]);
    }

    #[test]
    fn a_reservation_is_settled_where_it_was_made() {
        let one = || Ledger::new(vec![limit("tpm", Scope::Org, Unit::Tokens, Window::Minute, 100)]);
        let (first, second) = (one(), one());
        let (anna, model) = (principal("t", "a", None), model());
        let held = first.take(&demand(&anna, &model, 50), NOW).ok().unwrap();
        let _own = second.take(&demand(&anna, &model, 50), NOW).ok().unwrap();
        second.release(held);
        assert_eq!(remaining(&second, &anna, NOW), [50]);
        assert_eq!(remaining(&first, &anna, NOW), [100]);
    }

    #[test]
    fn an_id_reserved_twice_is_reserved_and_settled_once() {
        let ledger = Ledger::new(vec![limit("tpm", Scope::Org, Unit::Tokens, Window::Minute, 100)]);
        let (anna, model) = (principal("t", "a", None), model());
        let request = || Demand { request: "r1", ..demand(&anna, &model, 60) };
        let first = ledger.take(&request(), NOW).ok().unwrap();
        let again = ledger.take(&request(), NOW).ok().unwrap();
        assert_eq!(remaining(&ledger, &anna, NOW), [40]);
        ledger.settle(first, spend(10));
        ledger.settle(again, spend(10));
        drop(ledger.take(&request(), NOW).ok().unwrap());
        assert_eq!(remaining(&ledger, &anna, NOW), [90]);
        // One that was refused may come again.
        let large = |tokens| Demand { request: "r2", ..demand(&anna, &model, tokens) };
        assert!(ledger.take(&large(95), NOW).is_err());
        drop(ledger.take(&large(90), NOW).ok().unwrap());
        assert_eq!(remaining(&ledger, &anna, NOW), [0]);
    }

    #[test]
    fn a_policys_own_limits_hold_beside_the_configured_ones() {
        let ledger = Ledger::new(vec![limit("tpm", Scope::Org, Unit::Tokens, Window::Minute, 100)]);
        let (anna, model) = (principal("t", "a", None), model());
        let extra = |key: &str, limit| {
            [ExtraLimit { key: key.into(), unit: Unit::Requests, limit, window: Window::Day }]
        };
        let take = |extra: &[ExtraLimit]| ledger.take(&Demand { extra, ..demand(&anna, &model, 10) }, NOW);
        drop(take(&extra("night shift", 1)).ok().unwrap());
        let refused = take(&extra("night shift", 1)).err().unwrap();
        assert_eq!((refused.limit.as_str(), refused.window), ("night shift", Window::Day));
        assert_eq!((refused.name_told(), refused.status.as_ref().unwrap().remaining), ("policy", 0));
        assert_eq!(remaining(&ledger, &anna, NOW), [90]);
        // Another key and a higher figure go on; the same limit twice is one.
        drop(take(&extra("day shift", 1)).ok().unwrap());
        drop(take(&[extra("night shift", 3), extra("night shift", 2)].concat()).ok().unwrap());
        assert!(take(&extra("night shift", 2)).is_err());
        assert_eq!(remaining(&ledger, &anna, NOW), [70]);
    }

    #[test]
    fn alarms_are_told_once_each() {
        let ledger = Ledger::new(vec![limit("tpm", Scope::Org, Unit::Tokens, Window::Minute, 100)]);
        let (anna, model) = (principal("t", "a", None), model());
        let mut told = Vec::new();
        for _ in 0..10 {
            let held = ledger.take(&demand(&anna, &model, 10), NOW).ok().unwrap();
            ledger.settle(held, spend(10));
            told.extend(ledger.alarms().into_iter().map(|alarm| (alarm.percent, alarm.used, alarm.limit)));
        }
        assert_eq!(told, [(50, 50, 100), (80, 80, 100), (100, 100, 100)]);
    }

    #[test]
    fn a_limit_with_nothing_left_for_anybody_is_told_to_be_used_up() {
        let budget = |scope| Ledger::new(vec![limit("tpm", scope, Unit::Tokens, Window::Day, 100)]);
        let model = model();
        let told = |ledger: &Ledger| -> Vec<(u64, u64)> {
            ledger.alarms().into_iter().map(|alarm| (alarm.percent, alarm.used)).collect()
        };
        let anna = principal("payments", "chat", Some("anna"));
        for (used, expected) in [(89, vec![]), (90, vec![(100, 90)]), (99, vec![(100, 99)])] {
            let ledger = budget(Scope::App);
            let held = ledger.take(&demand(&anna, &model, used), NOW).ok().unwrap();
            // What is merely reserved may come back.
            assert!(ledger.take(&demand(&anna, &model, 20), NOW).is_err());
            assert_eq!(told(&ledger), []);
            ledger.settle(held, spend(used));
            assert_eq!(told(&ledger), [(80, used)]);
            for _ in 0..3 {
                assert!(ledger.take(&demand(&anna, &model, 20), NOW).is_err());
            }
            // Larger than the whole limit says nothing about what is left of it.
            assert!(ledger.take(&demand(&anna, &model, 101), NOW).is_err());
            assert_eq!(told(&ledger), expected, "{used}");
        }
        for (scope, member) in [
            (Scope::Org, ""),
            (Scope::Team, "payments"),
            (Scope::App, "payments/chat"),
            (Scope::User, "payments/chat"),
        ] {
            let ledger = budget(scope);
            drop(ledger.take(&demand(&anna, &model, 60), NOW).ok().unwrap());
            assert_eq!(ledger.alarms()[0].member, member);
        }
    }

    #[test]
    fn a_reservation_tells_what_is_left_beside_it() {
        let ledger = Ledger::new(vec![
            limit("rpm", Scope::App, Unit::Requests, Window::Minute, 10),
            limit("budget", Scope::Org, Unit::NanoUsd, Window::Total, 500),
        ]);
        let (anna, model) = (principal("t", "a", None), model());
        let extra = [ExtraLimit { key: "k".into(), unit: Unit::Tokens, limit: 30, window: Window::Day }];
        let held = ledger.take(&Demand { extra: &extra, ..demand(&anna, &model, 20) }, NOW).ok().unwrap();
        let left: Vec<(String, u64, u64)> =
            held.left().into_iter().map(|status| (status.name, status.limit, status.remaining)).collect();
        assert_eq!(
            left,
            [("rpm".to_owned(), 10, 9), ("budget".to_owned(), 500, 300), ("k".to_owned(), 30, 10)]
        );
    }

    #[test]
    fn limits_differ_in_more_than_their_figure_or_count_together() {
        let base = limit("l", Scope::Team, Unit::Tokens, Window::Day, 1);
        let account = |limit: &Limit| Rule::new(limit.clone()).account(&principal("t", "a", None), NOW).0;
        assert_eq!(account(&base), account(&Limit { limit: 2, ..base.clone() }));
        for other in [
            Limit { name: "m".into(), ..base.clone() },
            Limit { scope: Scope::App, ..base.clone() },
            Limit { of: Some(String::new()), ..base.clone() },
            Limit { model: Some(String::new()), ..base.clone() },
            Limit { unit: Unit::NanoUsd, ..base.clone() },
            Limit { window: Window::Month, ..base.clone() },
        ] {
            assert_ne!(account(&base), account(&other), "{other:?}");
        }
    }

    #[test]
    fn competing_threads_never_pass_a_limit_together() {
        const LIMIT: u64 = 10_000;
        let ledger = Ledger::new(vec![
            limit("total", Scope::Org, Unit::Tokens, Window::Total, LIMIT),
            limit("team", Scope::Team, Unit::Tokens, Window::Total, LIMIT / 2),
        ]);
        let spent = AtomicU64::new(0);
        std::thread::scope(|threads| {
            for thread in 0..4_u64 {
                let (ledger, spent) = (&ledger, &spent);
                threads.spawn(move || {
                    let (caller, model) = (principal(&format!("t{}", thread % 2), "a", None), model());
                    // A small generator of its own keeps the run the same every time, per thread.
                    let mut state = thread + 1;
                    for _ in 0..2_000 {
                        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        let wanted = 1 + (state >> 33) % 50;
                        let Ok(held) = ledger.take(&demand(&caller, &model, wanted), NOW) else {
                            continue;
                        };
                        match (state >> 40) % 3 {
                            0 => ledger.release(held),
                            1 => {
                                spent.fetch_add(wanted, Ordering::Relaxed);
                                drop(held);
                            }
                            _ => {
                                let actual = wanted / 2;
                                spent.fetch_add(actual, Ordering::Relaxed);
                                ledger.settle(held, spend(actual));
                            }
                        }
                    }
                });
            }
        });
        let spent = spent.load(Ordering::Relaxed);
        assert!(spent <= LIMIT);
        // Every correction landed: what the ledger counts is what was spent.
        assert_eq!(remaining(&ledger, &principal("t0", "a", None), NOW).first(), Some(&(LIMIT - spent)));
        assert_eq!(ledger.overshoot(), 0);
    }
}
