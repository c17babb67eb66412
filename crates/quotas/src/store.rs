//! Where accounts are kept: in this process, or in Valkey or Redis (`valkey.rs`). A store is told batches and
//! answers them; what may be spent meanwhile is decided by [`crate::leases`].

use std::sync::Arc;
use std::time::Duration;

use crate::central::{AccountId, Accounts, Batch, Reply};
use crate::journal::{Journal, JournalError};

/// No answer: the batch may have been carried out or not.
#[derive(Debug, thiserror::Error)]
pub enum Gone {
    #[error("the store of quotas cannot be reached: {0}")]
    Unreachable(String),
    /// A grant that a failover could undo must not be used.
    #[error("the store's replicas did not confirm in time")]
    Unconfirmed,
    #[error(transparent)]
    Journal(#[from] Arc<JournalError>),
}

pub trait Store: Send {
    /// May block for as long as its own time limits say.
    fn run(&mut self, batch: &Batch) -> Result<Reply, Gone>;
}

/// How often dropped windows are looked for.
const FORGET_EVERY_MS: u64 = 60_000;

/// Accounts in memory, with a journal where a restart must not forget what was spent.
pub struct MemoryStore {
    accounts: Accounts,
    journal: Option<Journal>,
    now_ms: u64,
    forgot_ms: u64,
}

impl MemoryStore {
    pub fn new() -> Self {
        Self { accounts: Accounts::default(), journal: None, now_ms: 0, forgot_ms: 0 }
    }

    /// Begins with what the journal says was spent. What was leased when it was written is counted as spent:
    /// whatever of it was not used is lost with its window, a hundredth of a limit at most beside what was
    /// in flight.
    pub fn with_journal(journal: Journal) -> Self {
        let mut store = Self { journal: None, ..Self::new() };
        for record in journal.records() {
            store.accounts.restore(record.account, record.used, record.keep_until_ms);
            store.now_ms = store.now_ms.max(record.now_ms);
        }
        Self { journal: Some(journal), ..store }
    }

    fn write(&mut self, batch: &Batch) -> Result<(), Arc<JournalError>> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let mut accounts: Vec<AccountId> = batch.lines.iter().map(|line| line.account).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let figures = accounts.into_iter().filter_map(|account| self.accounts.one(account));
        journal.append(figures, self.now_ms).map_err(Arc::new)?;
        if journal.is_long() {
            journal.compact(self.accounts.all(), self.now_ms).map_err(Arc::new)?;
        }
        Ok(())
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for MemoryStore {
    fn run(&mut self, batch: &Batch) -> Result<Reply, Gone> {
        // A clock that steps back stays where it was: going back would hand out a window twice.
        self.now_ms = self.now_ms.max(batch.sent_at_ms);
        if self.now_ms.saturating_sub(self.forgot_ms) >= FORGET_EVERY_MS {
            self.forgot_ms = self.now_ms;
            self.accounts.forget(self.now_ms);
        }
        let reply = self.accounts.run(batch, self.now_ms);
        self.write(batch)?;
        Ok(reply)
    }
}

/// How hard the journal tries to be on the disk before a grant is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// Outlives a power failure.
    Always,
    /// Loses up to this long to a power failure, and nothing to the end of the process.
    Every(Duration),
    /// Outlives the end of the process.
    Never,
}
