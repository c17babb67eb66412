//! How much a caller may still use: limits, the estimate made before a call, and the ledger that reserves
//! and settles.
//!
//! Counters are accounts: in memory, in memory with a journal, or in Valkey or Redis for all replicas together.
//! Replicas hold leases on accounts and reserve out of them, so that limits hold whatever becomes of messages,
//! replicas and stores. There are no prices in here: money comes in as nano-dollars.

pub mod central;
pub mod estimate;
mod journal;
mod keeper;
pub mod learnt;
pub mod leases;
pub mod ledger;
pub mod limit;
pub mod store;
pub mod valkey;
pub mod window;

pub use estimate::{
    MaxTokens, bound, burndown, estimate_input_tokens, reservation_tokens, reservation_tokens_max,
};
pub use journal::{Journal, JournalError};
pub use leases::{Alarm, Subject};
pub use ledger::{
    Demand, ExtraLimit, Keeping, Ledger, LedgerError, LimitStatus, QuotaExceeded, Reservation, Spend,
};
pub use limit::{Limit, Scope, Unit};
pub use store::Fsync;
pub use valkey::ValkeySettings;
pub use window::Window;
