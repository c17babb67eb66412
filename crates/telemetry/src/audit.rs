//! The audit log: one record per request, chained by hash, written by one thread.
//!
//! `record` is what is written, `chain` is how a line is bound to the one before and checked, `log` is the
//! queue and the writer, `output` the file it writes and rotates, `checkpoint` what is signed about it, `ship` how
//! it gets elsewhere, `verify` whether it is what was written and `query` what it says. A chain shows change and
//! gaps; that its end was cut off shows by what was signed, or not at all.

mod chain;
mod checkpoint;
mod emf;
pub(crate) mod files;
mod log;
pub(crate) mod output;
#[cfg(feature = "query")]
pub mod query;
mod record;
mod salt;
mod ship;
mod verify;

pub use chain::{ChainError, ChainFault, LINE_BYTES_MAX, verify_chain};
pub use checkpoint::{CheckpointKey, CheckpointSettings, KeyError, PublicKey, StatementFault};
pub use log::{AuditError, AuditLog, AuditSettings, AuditSink, Full, LineForm, OnFull};
pub use output::Rotation;
pub use record::{
    AuditApproval, AuditAttempt, AuditCache, AuditCacheWrites, AuditCost, AuditDecision, AuditPrincipal,
    AuditRecord, AuditSharedValues, FeedbackKind, FeedbackRecord, user_id_hash,
};
pub use salt::UserSalt;
pub use ship::{Destination, ShipSettings};
pub use verify::{Fault, Finding, LogReport, VerifyError, verify};

#[cfg(test)]
mod tests {
    //! What the tests of the log's parts share.

    use std::path::PathBuf;

    use super::AuditRecord;

    /// A directory of one test's own, gone when the test is.
    pub struct Directory(pub PathBuf);

    impl Directory {
        pub fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("hardpan-audit-{}-{name}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        pub fn log(&self) -> PathBuf {
            self.0.join("audit.jsonl")
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    pub fn record(id: &str) -> AuditRecord {
        AuditRecord {
            request_id: id.to_owned(),
            time: "2026-03-01T12:00:00Z".to_owned(),
            status: 200,
            ..AuditRecord::default()
        }
    }
}
