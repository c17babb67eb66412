//! Asking the store that values are shared in: Valkey or Redis, version 5 or later, without a module.
//!
//! One thread has one connection. Whatever waits is sent in one pipeline, and a request waits for its answer no longer
//! than the configured time, however the store behaves; a store that failed a few times is left alone for a moment. What
//! the commands mean is not known here.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hardpan_quotas::valkey;
use redis::{Cmd, Connection, RedisResult, Value};
use tokio::sync::oneshot;

/// Commands that wait; beyond it the store counts as overloaded.
const WAITING_MAX: usize = 256;
/// Commands of one pipeline.
const BATCH_MAX: usize = 64;
/// After so many failures in a row the store is left alone for a moment.
const FAILURES_MAX: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// No `Debug`: addresses may carry a password.
#[derive(Clone)]
pub struct StoreSettings {
    /// Each tried in turn; the first primary is used.
    pub urls: Vec<String>,
    /// The longest a request waits for one answer.
    pub timeout: Duration,
}

/// Why there is no answer. What was asked for may have been done or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("the store of shared values cannot be reached")]
    Away,
    #[error("the store of shared values did not answer in time")]
    Timeout,
    #[error("too many requests wait for the store of shared values")]
    Overloaded,
    #[error("the store of shared values refused a command")]
    Refused,
    #[error("the store of shared values failed too often a moment ago")]
    Paused,
}

impl StoreError {
    /// The label of metrics, and what records call it.
    pub fn name(self) -> &'static str {
        match self {
            StoreError::Away => "away",
            StoreError::Timeout => "timeout",
            StoreError::Overloaded => "overloaded",
            StoreError::Refused => "refused",
            StoreError::Paused => "paused",
        }
    }
}

pub struct Store {
    /// None only while it is taken down.
    asks: Option<SyncSender<Ask>>,
    thread: Option<JoinHandle<()>>,
    timeout: Duration,
    health: Health,
}

struct Ask {
    command: Cmd,
    answer: oneshot::Sender<Result<Value, StoreError>>,
}

impl Store {
    /// Does not connect: a store that is away at the start is one that is away later.
    pub fn open(settings: StoreSettings) -> std::io::Result<Self> {
        let timeout = settings.timeout;
        let (asks, asked) = sync_channel(WAITING_MAX);
        let worker = Worker { settings, connection: None };
        let thread =
            std::thread::Builder::new().name("shared values".to_owned()).spawn(move || worker.run(&asked))?;
        Ok(Self { asks: Some(asks), thread: Some(thread), timeout, health: Health::new() })
    }

    /// The answer to one command, which may be asked twice.
    pub async fn ask(&self, command: Cmd) -> Result<Value, StoreError> {
        if self.health.is_paused() {
            return Err(StoreError::Paused);
        }
        let answer = self.answer_to(command).await;
        match answer {
            // A store that says no is there.
            Ok(_) | Err(StoreError::Refused) => self.health.is_well(),
            Err(_) => self.health.has_failed(),
        }
        answer
    }

    async fn answer_to(&self, command: Cmd) -> Result<Value, StoreError> {
        let (answer, answered) = oneshot::channel();
        let sent = self.asks.as_ref().map(|asks| asks.try_send(Ask { command, answer }));
        if !matches!(sent, Some(Ok(()))) {
            return Err(StoreError::Overloaded);
        }
        match tokio::time::timeout(self.timeout, answered).await {
            Ok(answer) => answer.unwrap_or(Err(StoreError::Away)),
            Err(_) => Err(StoreError::Timeout),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // The thread ends with what it can be asked by, and with what it is at.
        drop(self.asks.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// How the store has done lately.
struct Health {
    since: Instant,
    failures: AtomicU32,
    paused_until_ms: AtomicU64,
}

impl Health {
    fn new() -> Self {
        Self { since: Instant::now(), failures: AtomicU32::new(0), paused_until_ms: AtomicU64::new(0) }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn is_paused(&self) -> bool {
        self.now_ms() < self.paused_until_ms.load(Ordering::Relaxed)
    }

    fn is_well(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    fn has_failed(&self) {
        // After a pause one more failure begins the next.
        if self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1) >= FAILURES_MAX {
            self.failures.store(FAILURES_MAX - 1, Ordering::Relaxed);
            let pause_ms = u64::try_from(PAUSE.as_millis()).unwrap_or(u64::MAX);
            self.paused_until_ms.store(self.now_ms().saturating_add(pause_ms), Ordering::Relaxed);
        }
    }
}

struct Worker {
    settings: StoreSettings,
    connection: Option<Connection>,
}

impl Worker {
    fn run(mut self, asked: &Receiver<Ask>) {
        while let Ok(first) = asked.recv() {
            let mut batch = vec![first];
            batch.extend(asked.try_iter().take(BATCH_MAX - 1));
            // Whoever has given up is told nothing, and nothing is done for it.
            batch.retain(|ask| !ask.answer.is_closed());
            if batch.is_empty() {
                continue;
            }
            let mut pipeline = redis::Pipeline::with_capacity(batch.len());
            pipeline.ignore_errors();
            let mut waiting = Vec::with_capacity(batch.len());
            for Ask { command, answer } in batch {
                pipeline.add_command(command);
                waiting.push(answer);
            }
            let mut answers = self.answers(&pipeline).map(Vec::into_iter);
            for answer in waiting {
                let own = match &mut answers {
                    Ok(answers) => match answers.next() {
                        Some(Ok(value)) => Ok(value),
                        _ => Err(StoreError::Refused),
                    },
                    Err(error) => Err(*error),
                };
                let _ = answer.send(own);
            }
        }
    }

    /// Asks on a new connection once more where an old one had broken: what is asked changes nothing twice.
    fn answers(&mut self, pipeline: &redis::Pipeline) -> Result<Vec<RedisResult<Value>>, StoreError> {
        let had_connection = self.connection.is_some();
        match self.answers_once(pipeline) {
            Err(StoreError::Away) if had_connection => self.answers_once(pipeline),
            answers => answers,
        }
    }

    fn answers_once(&mut self, pipeline: &redis::Pipeline) -> Result<Vec<RedisResult<Value>>, StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        match pipeline.query::<Vec<RedisResult<Value>>>(&mut connection) {
            Ok(answers) => {
                // A primary that became a replica takes no writes: the next round finds the one in its place.
                let is_replica = |answer: &RedisResult<Value>| {
                    answer.as_ref().is_err_and(|error| error.code() == Some("READONLY"))
                };
                self.connection = (!answers.iter().any(is_replica)).then_some(connection);
                Ok(answers)
            }
            Err(error) if error.is_timeout() => Err(StoreError::Timeout),
            Err(_) => Err(StoreError::Away),
        }
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let mut connections =
            self.settings.urls.iter().filter_map(|url| valkey::connect(url, self.settings.timeout).ok());
        connections.next().ok_or(StoreError::Away)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_fails_again_and_again_is_left_alone_for_a_moment() {
        let health = Health::new();
        for _ in 1..FAILURES_MAX {
            health.has_failed();
            assert!(!health.is_paused());
        }
        health.is_well();
        for _ in 1..FAILURES_MAX {
            health.has_failed();
        }
        assert!(!health.is_paused());
        health.has_failed();
        assert!(health.is_paused());
        // Once the pause is over, one failure is enough.
        health.paused_until_ms.store(0, Ordering::Relaxed);
        assert!(!health.is_paused());
        health.has_failed();
        assert!(health.is_paused());
    }

    #[tokio::test]
    async fn nobody_waits_for_a_store_that_is_not_there() {
        // Given out and closed again: nobody listens there.
        let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let urls = vec![format!("redis://{away}")];
        let store = Store::open(StoreSettings { urls, timeout: Duration::from_secs(5) }).unwrap();
        let mut errors = Vec::new();
        for _ in 0..=FAILURES_MAX {
            errors.push(store.ask(redis::cmd("PING")).await.unwrap_err());
        }
        assert_eq!(errors.pop(), Some(StoreError::Paused));
        assert!(errors.iter().all(|error| *error == StoreError::Away), "{errors:?}");
    }

    #[tokio::test]
    async fn a_store_that_says_nothing_is_waited_for_no_longer_than_configured() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let urls = vec![format!("redis://{}", silent.local_addr().unwrap())];
        let store = Store::open(StoreSettings { urls, timeout: Duration::from_millis(20) }).unwrap();
        let error = store.ask(redis::cmd("PING")).await.unwrap_err();
        assert!(matches!(error, StoreError::Timeout | StoreError::Away), "{error}");
        drop(silent);
    }
}
