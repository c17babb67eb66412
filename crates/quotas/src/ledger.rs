//! The ledger: reserves before a call, settles after it, and never lets the reserved and spent of a window
//! pass a limit. All-or-nothing over every limit that applies, under one lock that is held for a few map
//! look-ups.
//!
//! It deliberately has no clock (callers pass the time) and does not persist: a restart forgets what was
//! spent.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hardpan_inference::model_id::ModelId;
use hardpan_inference::principal::Principal;
use hardpan_inference::usage::Tokens;

use crate::limit::{Limit, Scope, Unit};
use crate::window::Window;

/// Users with a counter of their own, per limit and window. Users are named by apps, so there is no end to
/// them; those that come later share one counter per app, which is stricter and keeps other apps unharmed.
pub const USERS_MAX: usize = 50_000;

/// Longest user name that gets a counter of its own.
pub const USER_BYTES_MAX: usize = 256;

/// What a call may use at most, and who makes it.
pub struct Demand<'a> {
    pub principal: &'a Principal,
    pub model: &'a ModelId,
    pub tokens: Tokens,
    pub nano_usd: u64,
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
/// Dropping it does neither: the reserved amount stays counted until its window ends. Whoever loses track
/// of a call does not know what it cost, and then the ledger must assume the most; work in `Drop` would
/// hide that.
#[must_use = "a reservation that is dropped stays charged in full"]
pub struct Reservation {
    holds: Vec<Hold>,
}

struct Hold {
    rule: u64,
    member: Member,
    window: u64,
    amount: u64,
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
}

/// How one limit stands for one caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitStatus {
    pub name: String,
    pub unit: Unit,
    pub window: Window,
    pub limit: u64,
    /// Neither spent nor reserved.
    pub remaining: u64,
    pub resets_in_ms: Option<u64>,
}

pub struct Ledger {
    rules: Mutex<Vec<Rule>>,
    overshoots: AtomicU64,
}

impl Ledger {
    pub fn new(limits: Vec<Limit>) -> Self {
        Self { rules: Mutex::new(limits.into_iter().map(Rule::new).collect()), overshoots: AtomicU64::new(0) }
    }

    /// Takes over a new configuration. A limit that differs from an old one in its figure alone keeps what
    /// was counted, so that a reload never refills a budget; reservations made before settle as if nothing
    /// happened.
    pub fn replace_limits(&self, limits: Vec<Limit>) {
        let mut rules = self.lock();
        let mut old = std::mem::take(&mut *rules);
        for limit in limits {
            let kept = old.iter().position(|rule| rule.counts_the_same_as(&limit));
            rules.push(match kept {
                Some(at) => Rule { limit, ..old.swap_remove(at) },
                None => Rule::new(limit),
            });
        }
    }

    /// Reserves the demand under every limit that applies, or under none of them.
    pub fn reserve(&self, demand: &Demand<'_>, now_ms: u64) -> Result<Reservation, QuotaExceeded> {
        let mut rules = self.lock();
        let mut holds = Vec::new();
        let mut refusal: Option<QuotaExceeded> = None;
        for rule in rules.iter_mut().filter(|rule| rule.limit.applies_to(demand.principal, demand.model)) {
            rule.advance(now_ms);
            let member = rule.member(demand.principal);
            let amount = demand.amount_of(rule.limit.unit);
            match rule.exceeded(&member, amount, now_ms) {
                Some(found) => refusal = Some(worse(refusal, found)),
                None => holds.push(Hold { rule: rule.id, member, window: rule.window, amount }),
            }
        }
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        for hold in &holds {
            if let Some(rule) = rules.iter_mut().find(|rule| rule.id == hold.rule) {
                rule.add(&hold.member, hold.amount);
            }
        }
        Ok(Reservation { holds })
    }

    /// Replaces the reserved figures by the actual ones, in the window that admitted the request; if that
    /// window has passed, nothing is left to correct. More than was reserved is booked all the same and
    /// counted as an overshoot: it was spent, and the limit is passed by that much.
    pub fn settle(&self, reservation: Reservation, actual: Spend) {
        let spent = |unit: Unit, reserved: u64| match unit {
            Unit::Requests => reserved,
            Unit::Tokens => actual.tokens.0,
            Unit::NanoUsd => actual.nano_usd,
        };
        self.replace(reservation, spent);
    }

    /// Gives everything back: the call was not made, so it does not count as a request either.
    pub fn release(&self, reservation: Reservation) {
        self.replace(reservation, |_, _| 0);
    }

    /// How many settlements came out above their reservation, under one limit or several.
    pub fn overshoot(&self) -> u64 {
        self.overshoots.load(Ordering::Relaxed)
    }

    /// How every limit that applies stands, in the order of the configuration.
    pub fn status(&self, principal: &Principal, model: &ModelId, now_ms: u64) -> Vec<LimitStatus> {
        let mut rules = self.lock();
        rules
            .iter_mut()
            .filter(|rule| rule.limit.applies_to(principal, model))
            .map(|rule| {
                rule.advance(now_ms);
                let used = rule.used(&rule.member(principal));
                LimitStatus {
                    name: rule.limit.name.clone(),
                    unit: rule.limit.unit,
                    window: rule.limit.window,
                    limit: rule.limit.limit,
                    remaining: rule.limit.limit.saturating_sub(used),
                    resets_in_ms: rule.limit.window.resets_in_ms(now_ms),
                }
            })
            .collect()
    }

    fn replace(&self, reservation: Reservation, actual: impl Fn(Unit, u64) -> u64) {
        let mut rules = self.lock();
        let mut overshot = false;
        for hold in reservation.holds {
            // A limit that a reload took away, or a reservation of another ledger, has no rule here.
            let Some(rule) = rules.iter_mut().find(|rule| rule.id == hold.rule) else {
                continue;
            };
            let amount = actual(rule.limit.unit, hold.amount);
            overshot |= amount > hold.amount;
            if rule.window == hold.window {
                rule.correct(&hold.member, hold.amount, amount);
            }
        }
        if overshot {
            self.overshoots.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A panic under the lock would have to happen between two additions to integers; the counters are
    /// usable.
    fn lock(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
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

/// A limit at work: the counters of its current window.
struct Rule {
    /// Unique in this process, so that no reservation is ever settled under another limit.
    id: u64,
    limit: Limit,
    window: u64,
    counters: HashMap<Member, u64>,
}

/// Whose counter. Teams and apps are as many as the configuration knows; only users need a bound.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Member {
    Everyone,
    Team(String),
    App(AppName),
    User {
        app: AppName,
        user: Option<String>,
    },
    /// The users of an app beyond [`USERS_MAX`].
    OtherUsers {
        app: AppName,
    },
}

/// Two teams may each have an app of one name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct AppName {
    team: String,
    app: String,
}

impl AppName {
    fn of(principal: &Principal) -> Self {
        Self { team: principal.team.clone(), app: principal.app.clone() }
    }
}

impl Rule {
    fn new(limit: Limit) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), limit, window: 0, counters: HashMap::new() }
    }

    fn counts_the_same_as(&self, limit: &Limit) -> bool {
        Limit { limit: self.limit.limit, ..limit.clone() } == self.limit
    }

    /// Starts a new window when its time has come, which forgets all counters of the one before. A clock
    /// that steps back stays in the later window: going back would hand out the same limit twice.
    fn advance(&mut self, now_ms: u64) {
        let window = self.limit.window.index(now_ms);
        if window > self.window {
            self.window = window;
            self.counters.clear();
        }
    }

    fn member(&self, principal: &Principal) -> Member {
        match self.limit.scope {
            Scope::Org => Member::Everyone,
            Scope::Team => Member::Team(principal.team.clone()),
            Scope::App => Member::App(AppName::of(principal)),
            Scope::User => self.user(principal),
        }
    }

    fn user(&self, principal: &Principal) -> Member {
        let others = Member::OtherUsers { app: AppName::of(principal) };
        if principal.user.as_ref().is_some_and(|user| user.len() > USER_BYTES_MAX) {
            return others;
        }
        let member = Member::User { app: AppName::of(principal), user: principal.user.clone() };
        if self.counters.len() < USERS_MAX || self.counters.contains_key(&member) { member } else { others }
    }

    fn used(&self, member: &Member) -> u64 {
        self.counters.get(member).copied().unwrap_or(0)
    }

    fn exceeded(&self, member: &Member, amount: u64, now_ms: u64) -> Option<QuotaExceeded> {
        let fits = self.used(member).checked_add(amount).is_some_and(|sum| sum <= self.limit.limit);
        if fits {
            return None;
        }
        let hard = self.limit.window.is_hard() || amount > self.limit.limit;
        Some(QuotaExceeded {
            limit: self.limit.name.clone(),
            unit: self.limit.unit,
            window: self.limit.window,
            retry_after_ms: if hard { None } else { self.limit.window.resets_in_ms(now_ms) },
            hard,
        })
    }

    fn add(&mut self, member: &Member, amount: u64) {
        match self.counters.get_mut(member) {
            Some(used) => *used = used.saturating_add(amount),
            None => {
                self.counters.insert(member.clone(), amount);
            }
        }
    }

    fn correct(&mut self, member: &Member, reserved: u64, actual: u64) {
        if let Some(used) = self.counters.get_mut(member) {
            *used = used.saturating_sub(reserved).saturating_add(actual);
        }
    }
}

/// Of two limits in the way, the one a client has to be told about: a hard one, else the one that lasts
/// longer.
fn worse(known: Option<QuotaExceeded>, found: QuotaExceeded) -> QuotaExceeded {
    match known {
        Some(known) if (known.hard, known.retry_after_ms) >= (found.hard, found.retry_after_ms) => known,
        _ => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        Demand { principal, model, tokens: Tokens(tokens), nano_usd: tokens * 10 }
    }

    fn spend(tokens: u64) -> Spend {
        Spend { tokens: Tokens(tokens), nano_usd: tokens * 10 }
    }

    /// What is left under each limit, by its name.
    fn remaining(ledger: &Ledger, principal: &Principal, now_ms: u64) -> Vec<u64> {
        ledger.status(principal, &model(), now_ms).iter().map(|status| status.remaining).collect()
    }

    #[test]
    fn a_limit_admits_up_to_its_figure_and_not_one_more() {
        let ledger = Ledger::new(vec![limit("tpm", Scope::Team, Unit::Tokens, Window::Minute, 100)]);
        let (anna, model) = (principal("t", "a", None), model());
        let whole = ledger.reserve(&demand(&anna, &model, 100), NOW).ok().unwrap();
        let refused = ledger.reserve(&demand(&anna, &model, 1), NOW).err().unwrap();
        assert_eq!(
            refused,
            QuotaExceeded {
                limit: "tpm".into(),
                unit: Unit::Tokens,
                window: Window::Minute,
                retry_after_ms: Window::Minute.resets_in_ms(NOW),
                hard: false,
            }
        );
        assert_eq!(refused.to_string(), "the limit tpm of tokens per minute is reached");
        ledger.settle(whole, spend(40));
        assert_eq!(remaining(&ledger, &anna, NOW), [60]);
        assert!(ledger.reserve(&demand(&anna, &model, 61), NOW).is_err());
        assert!(ledger.reserve(&demand(&anna, &model, 60), NOW).is_ok());
    }

    #[test]
    fn a_refusal_by_one_limit_leaves_the_others_untouched() {
        let ledger = Ledger::new(vec![
            limit("rpm", Scope::App, Unit::Requests, Window::Minute, 10),
            limit("budget", Scope::Org, Unit::NanoUsd, Window::Month, 500),
            limit("tpd", Scope::Team, Unit::Tokens, Window::Day, 1_000),
        ]);
        let (anna, model) = (principal("t", "a", None), model());
        let refused = ledger.reserve(&demand(&anna, &model, 51), NOW).err().unwrap();
        assert_eq!((refused.limit.as_str(), refused.hard, refused.retry_after_ms), ("budget", true, None));
        assert_eq!(remaining(&ledger, &anna, NOW), [10, 500, 1_000]);
        let held = ledger.reserve(&demand(&anna, &model, 50), NOW).ok().unwrap();
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
        let _held = ledger.reserve(&demand(&anna, &model, 1), NOW).ok().unwrap();
        assert_eq!(ledger.reserve(&demand(&anna, &model, 1), NOW).err().unwrap().limit, "hour");
        let _held = ledger.reserve(&demand(&anna, &model, 1), NOW + 60 * MINUTE).ok().unwrap();
        assert_eq!(
            ledger.reserve(&demand(&anna, &model, 1), NOW + 60 * MINUTE).err().unwrap().limit,
            "total"
        );
    }

    #[test]
    fn a_call_larger_than_the_limit_is_not_told_to_come_back() {
        let ledger = Ledger::new(vec![limit("tpm", Scope::Org, Unit::Tokens, Window::Minute, 100)]);
        let (anna, model) = (principal("t", "a", None), model());
        let refused = ledger.reserve(&demand(&anna, &model, 101), NOW).err().unwrap();
        assert_eq!((refused.hard, refused.retry_after_ms), (true, None));
        assert!(
            ledger.reserve(&Demand { tokens: Tokens(u64::MAX), ..demand(&anna, &model, 1) }, NOW).is_err()
        );
    }

    #[test]
    fn a_release_gives_back_the_request_too() {
        let ledger = Ledger::new(vec![limit("rpm", Scope::App, Unit::Requests, Window::Minute, 1)]);
        let (anna, model) = (principal("t", "a", None), model());
        let held = ledger.reserve(&demand(&anna, &model, 5), NOW).ok().unwrap();
        ledger.release(held);
        let held = ledger.reserve(&demand(&anna, &model, 5), NOW).ok().unwrap();
        ledger.settle(held, Spend::default());
        assert!(ledger.reserve(&demand(&anna, &model, 5), NOW).is_err());
        assert_eq!(ledger.overshoot(), 0);
    }

    #[test]
    fn a_dropped_reservation_stays_charged_until_its_window_ends() {
        let ledger = Ledger::new(vec![limit("tpm", Scope::Org, Unit::Tokens, Window::Minute, 100)]);
        let (anna, model) = (principal("t", "a", None), model());
        drop(ledger.reserve(&demand(&anna, &model, 70), NOW).ok().unwrap());
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
        let late = ledger.reserve(&demand(&anna, &model, 90), NOW).ok().unwrap();
        let _next = ledger.reserve(&demand(&anna, &model, 80), NOW + MINUTE).ok().unwrap();
        ledger.settle(late, spend(10));
        assert_eq!(remaining(&ledger, &anna, NOW + MINUTE), [20, 1_000 - 80 - 10]);
    }

    #[test]
    fn a_clock_that_steps_back_does_not_refill_a_window() {
        let ledger = Ledger::new(vec![limit("tpm", Scope::Org, Unit::Tokens, Window::Minute, 100)]);
        let (anna, model) = (principal("t", "a", None), model());
        let _held = ledger.reserve(&demand(&anna, &model, 100), NOW).ok().unwrap();
        assert!(ledger.reserve(&demand(&anna, &model, 1), NOW - MINUTE).is_err());
    }

    #[test]
    fn spending_above_the_reservation_is_booked_and_counted() {
        let ledger = Ledger::new(vec![limit("tpm", Scope::Org, Unit::Tokens, Window::Minute, 100)]);
        let (anna, model) = (principal("t", "a", None), model());
        let held = ledger.reserve(&demand(&anna, &model, 10), NOW).ok().unwrap();
        ledger.settle(held, spend(130));
        assert_eq!((ledger.overshoot(), remaining(&ledger, &anna, NOW)), (1, vec![0]));
        assert!(ledger.reserve(&demand(&anna, &model, 1), NOW).is_err());
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
            let _held =
                ledger.reserve(&demand(&principal("t", "a", Some("u")), &model, 1), NOW).ok().unwrap();
            let refused = ledger.reserve(&demand(&other, &model, 1), NOW).is_err();
            assert_eq!(refused, shared, "{scope:?} {} {}", other.team, other.app);
        }
    }

    #[test]
    fn calls_that_name_no_user_share_one_counter() {
        let ledger = Ledger::new(vec![limit("one", Scope::User, Unit::Requests, Window::Minute, 1)]);
        let (nobody, model) = (principal("t", "a", None), model());
        let _held = ledger.reserve(&demand(&nobody, &model, 1), NOW).ok().unwrap();
        assert!(ledger.reserve(&demand(&nobody, &model, 1), NOW).is_err());
    }

    #[test]
    fn users_beyond_the_bound_share_a_counter_per_app() {
        let ledger = Ledger::new(vec![limit("one", Scope::User, Unit::Requests, Window::Minute, 1)]);
        let model = model();
        let reserve = |app: &str, user: &str| {
            ledger.reserve(&demand(&principal("t", app, Some(user)), &model, 1), NOW).is_ok()
        };
        for user in 0..USERS_MAX {
            assert!(reserve("a", &user.to_string()));
        }
        assert!(reserve("a", "late"));
        assert!(!reserve("a", "later"));
        assert!(reserve("b", "someone"));
        assert!(!reserve("b", "someone else"));
        assert!(ledger.lock().iter().all(|rule| rule.counters.len() == USERS_MAX + 2));
        // The next window forgets them all.
        let anna = principal("t", "a", Some("later"));
        assert!(ledger.reserve(&demand(&anna, &model, 1), NOW + MINUTE).is_ok());
        assert!(ledger.lock().iter().all(|rule| rule.counters.len() == 1));
    }

    #[test]
    fn an_overlong_user_name_gets_no_counter_of_its_own() {
        let ledger = Ledger::new(vec![limit("one", Scope::User, Unit::Requests, Window::Minute, 1)]);
        let model = model();
        let long = |letter: &str| principal("t", "a", Some(letter.repeat(USER_BYTES_MAX + 1).as_str()));
        let _held = ledger.reserve(&demand(&long("x"), &model, 1), NOW).ok().unwrap();
        assert!(ledger.reserve(&demand(&long("y"), &model, 1), NOW).is_err());
    }

    #[test]
    fn a_reload_keeps_what_was_spent_and_settles_what_was_reserved() {
        let budget = |figure| limit("budget", Scope::Org, Unit::Tokens, Window::Total, figure);
        let ledger =
            Ledger::new(vec![budget(100), limit("gone", Scope::Org, Unit::Tokens, Window::Total, 100)]);
        let (anna, model) = (principal("t", "a", None), model());
        let held = ledger.reserve(&demand(&anna, &model, 60), NOW).ok().unwrap();
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
    fn a_reservation_of_another_ledger_changes_nothing() {
        let one = || Ledger::new(vec![limit("tpm", Scope::Org, Unit::Tokens, Window::Minute, 100)]);
        let (first, second) = (one(), one());
        let (anna, model) = (principal("t", "a", None), model());
        let held = first.reserve(&demand(&anna, &model, 50), NOW).ok().unwrap();
        let _own = second.reserve(&demand(&anna, &model, 50), NOW).ok().unwrap();
        second.release(held);
        assert_eq!(remaining(&second, &anna, NOW), [50]);
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
                        let Ok(held) = ledger.reserve(&demand(&caller, &model, wanted), NOW) else {
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
                        assert!(
                            ledger
                                .lock()
                                .iter()
                                .all(|rule| { rule.counters.values().all(|used| *used <= rule.limit.limit) })
                        );
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
