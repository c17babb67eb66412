//! The audit log: one record per request, chained by hash, written by one thread.
//!
//! `record` is what is written, `chain` is how a line is bound to the one before and checked, `log` is the
//! queue and the writer. The log is one file that only grows; moving it away and shipping it is for the
//! operator's tools, while Hardpan is stopped. A chain shows change and gaps, not that its end was cut off.

mod chain;
mod log;
mod record;

pub use chain::{ChainError, ChainFault, LINE_BYTES_MAX, verify_chain};
pub use log::{AuditError, AuditLog, AuditSettings, AuditSink, Full, OnFull};
pub use record::{
    AuditCache, AuditCacheWrites, AuditCost, AuditDecision, AuditPrincipal, AuditRecord, user_id_hash,
};
