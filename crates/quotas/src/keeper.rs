//! Brings what the leases have to say to the store, and its answers back: at once where the store is memory, in a
//! thread of its own where it may block. Requests wait for a round here only when a lease is too small.
//!
//! It decides nothing. Callers of a store in memory bring the time; with a shared store its time counts, reckoned
//! between answers by the machine's monotonic clock, so that a wrong wall clock changes nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::central::{AccountId, Batch};
use crate::leases::Leases;
use crate::store::{MemoryStore, Store};

/// Rounds before a wait is given up: one that was under way, the one asked for, and repetitions where a lease had
/// run out or the clock was wrong.
const ROUNDS_MAX: usize = 16;
/// Batches one request carries out at most before its own.
const ROUNDS_INLINE_MAX: usize = 1_024;
/// How often accounts in memory are looked through for windows that ended.
const TICK_MS: u64 = 60_000;

pub struct Keeper {
    shared: Arc<Shared>,
    mode: Mode,
}

struct Shared {
    leases: Leases,
    clock: Clock,
    closing: AtomicBool,
}

enum Mode {
    Inline(Box<Mutex<Inline>>),
    Thread { wake: SyncSender<()>, rounds: watch::Receiver<u64>, thread: Mutex<Option<JoinHandle<()>>> },
}

struct Inline {
    store: MemoryStore,
    ticked_ms: u64,
}

/// What time it is for the accounts.
enum Clock {
    /// The latest a caller said.
    Callers(AtomicU64),
    /// The store's, when `since` was now.
    Store { since: Instant, at_ms: AtomicU64 },
}

impl Clock {
    fn now(&self, caller_ms: u64) -> u64 {
        match self {
            Clock::Callers(latest) => latest.fetch_max(caller_ms, Ordering::Relaxed).max(caller_ms),
            Clock::Store { since, at_ms } => {
                at_ms.load(Ordering::Relaxed).saturating_add(millis(since.elapsed()))
            }
        }
    }

    /// The store's time is taken to be that of sending: reckoned so, it is later than it is, and a lease is left
    /// before it runs out.
    fn learn(&self, sent: Instant, store_ms: u64) {
        match self {
            // A journal may be ahead of a clock that was set back.
            Clock::Callers(latest) => {
                latest.fetch_max(store_ms, Ordering::Relaxed);
            }
            Clock::Store { since, at_ms } => {
                at_ms.store(store_ms.saturating_sub(millis(sent - *since)), Ordering::Relaxed);
            }
        }
    }
}

impl Keeper {
    pub fn inline(leases: Leases, store: MemoryStore) -> Self {
        let clock = Clock::Callers(AtomicU64::new(0));
        Self {
            shared: Arc::new(Shared { leases, clock, closing: AtomicBool::new(false) }),
            mode: Mode::Inline(Box::new(Mutex::new(Inline { store, ticked_ms: 0 }))),
        }
    }

    /// `has_clock`: the store says what time it is.
    pub fn thread(
        leases: Leases,
        store: Box<dyn Store>,
        has_clock: bool,
        tick: Duration,
    ) -> Result<Self, std::io::Error> {
        let wall_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis);
        let clock = match has_clock {
            true => Clock::Store { since: Instant::now(), at_ms: AtomicU64::new(wall_ms) },
            false => Clock::Callers(AtomicU64::new(0)),
        };
        let shared = Arc::new(Shared { leases, clock, closing: AtomicBool::new(false) });
        let (wake, woken) = sync_channel(1);
        let (round, rounds) = watch::channel(0);
        let worker = Worker { shared: Arc::clone(&shared), store, round, tick, gone: false };
        let thread =
            std::thread::Builder::new().name("quotas".to_owned()).spawn(move || worker.run(&woken))?;
        Ok(Self { shared, mode: Mode::Thread { wake, rounds, thread: Mutex::new(Some(thread)) } })
    }

    pub fn leases(&self) -> &Leases {
        &self.shared.leases
    }

    pub fn now(&self, caller_ms: u64) -> u64 {
        self.shared.clock.now(caller_ms)
    }

    /// Lets what is due be said.
    pub fn wake(&self) {
        if !self.shared.leases.has_due() {
            return;
        }
        match &self.mode {
            Mode::Inline(inline) => self.round(inline),
            // Where a wake-up is pending, this is part of it.
            Mode::Thread { wake, .. } => {
                let _ = wake.try_send(());
            }
        }
    }

    /// One batch. Whoever comes while another is at it waits, and finds its own need answered.
    fn round(&self, inline: &Mutex<Inline>) {
        let leases = &self.shared.leases;
        let mut inline = inline.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ms = self.now(0);
        if now_ms.saturating_sub(inline.ticked_ms) >= TICK_MS {
            inline.ticked_ms = now_ms;
            leases.tick(now_ms);
        }
        if let Some(batch) = leases.collect(now_ms)
            && let Ok(reply) = inline.store.run(&batch)
        {
            leases.apply(&batch, &reply);
        }
    }

    /// Gives back what is free; bounded by the store's time limits. From then on the store is gone.
    pub fn close(&self) {
        let Mode::Thread { wake, thread, .. } = &self.mode else { return };
        let Some(thread) = thread.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        self.shared.closing.store(true, Ordering::Release);
        // Where a wake-up is pending, it serves.
        let _ = wake.try_send(());
        if thread.join().is_err() {
            tracing::error!("the thread that keeps quotas ended by a panic");
        }
    }

    /// Waits until the accounts have been heard of. `false`: the store is gone.
    pub async fn heard(&self, asked: &[(AccountId, u64)], failures_before: u64) -> bool {
        let leases = &self.shared.leases;
        let answered = || asked.iter().all(|(account, line)| leases.is_answered(*account, *line));
        match &self.mode {
            Mode::Inline(inline) => {
                // Windows that ended may fill some batches first.
                for _ in 0..ROUNDS_INLINE_MAX {
                    self.round(inline);
                    if answered() {
                        break;
                    }
                }
                true
            }
            Mode::Thread { rounds, .. } => {
                self.wake();
                let mut rounds = rounds.clone();
                for _ in 0..ROUNDS_MAX {
                    if answered() {
                        return true;
                    }
                    if leases.failures() != failures_before || rounds.changed().await.is_err() {
                        return false;
                    }
                }
                answered()
            }
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.close();
    }
}

/// How soon a store that is away is looked for again, where nobody needs it.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Asks for the time alone.
const NOTHING: Batch = Batch { replica: 0, sent_at_ms: 0, ttl_ms: 0, lines: Vec::new() };

struct Worker {
    shared: Arc<Shared>,
    store: Box<dyn Store>,
    round: watch::Sender<u64>,
    tick: Duration,
    gone: bool,
}

impl Worker {
    fn run(mut self, woken: &Receiver<()>) {
        // Nothing but the time is asked.
        self.say(&NOTHING);
        let mut ticked = Instant::now();
        let has_clock = matches!(self.shared.clock, Clock::Store { .. });
        while let Ok(()) | Err(RecvTimeoutError::Timeout) = woken.recv_timeout(self.wait()) {
            if self.shared.closing.load(Ordering::Acquire) {
                break;
            }
            if ticked.elapsed() >= self.wait() {
                self.shared.leases.tick(self.shared.clock.now(0));
                ticked = Instant::now();
                // A store that is away, or was, is noticed also by who has nothing to say to it.
                if has_clock && !self.shared.leases.has_due() {
                    self.say(&NOTHING);
                }
            }
            while let Some(batch) = self.shared.leases.collect(self.shared.clock.now(0)) {
                if !self.say(&batch) {
                    break;
                }
            }
        }
        self.shared.leases.give_back(|_, _| true);
        while let Some(batch) = self.shared.leases.collect(self.shared.clock.now(0)) {
            if !self.say(&batch) {
                break;
            }
        }
    }

    fn wait(&self) -> Duration {
        if self.gone { self.tick.min(AGAIN_AFTER) } else { self.tick }
    }

    fn say(&mut self, batch: &Batch) -> bool {
        let sent = Instant::now();
        let answer = self.store.run(batch);
        let is_gone = answer.is_err();
        match answer {
            Ok(reply) => {
                self.shared.clock.learn(sent, reply.now_ms);
                self.shared.leases.apply(batch, &reply);
            }
            Err(error) => {
                if !self.gone {
                    tracing::warn!(%error, "quotas are kept by the leases at hand");
                }
                self.shared.leases.failed(batch);
            }
        }
        if self.gone && !is_gone {
            tracing::info!("the store of quotas answers again");
            // It may have forgotten what it knew.
            self.shared.leases.tell_all();
        }
        self.gone = is_gone;
        self.round.send_modify(|round| *round += 1);
        !is_gone
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
