//! The requests kept for a test to look at. Bounded by count and by bytes; the oldest go first. Keeps
//! nothing at all when not asked to, so that load runs pay nothing for it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::Version;

/// Bodies kept in all, whatever the count.
const KEPT_BYTES_MAX: usize = 256 << 20;

/// A request as it arrived. Holds prompt text, so it has no `Debug`.
#[derive(Clone)]
pub struct Received {
    pub method: String,
    /// Path and query as sent, still percent-encoded.
    pub target: String,
    pub version: Version,
    /// Names in lower case; an HTTP/2 authority comes first, as `:authority`.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// AWS's name of the operation, or `unknown`.
    pub operation: &'static str,
    /// The model id, decoded; empty when the path named none.
    pub model: String,
    pub signature: SignatureCheck,
}

/// What the signature proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureCheck {
    Valid,
    Absent,
    /// Why not.
    Invalid(String),
}

/// The last requests received.
pub(crate) struct Log {
    count_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    requests: VecDeque<Received>,
    body_bytes: usize,
}

impl Log {
    pub(crate) fn new(count_max: usize) -> Self {
        Log { count_max, kept: Mutex::default() }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.count_max > 0
    }

    /// Keeps one request, built only when requests are kept.
    pub(crate) fn record(&self, received: impl FnOnce() -> Received) {
        if !self.is_on() {
            return;
        }
        let received = received();
        let mut kept = self.lock();
        kept.body_bytes = kept.body_bytes.saturating_add(received.body.len());
        kept.requests.push_back(received);
        while kept.requests.len() > self.count_max || kept.body_bytes > KEPT_BYTES_MAX {
            let Some(oldest) = kept.requests.pop_front() else { break };
            kept.body_bytes = kept.body_bytes.saturating_sub(oldest.body.len());
        }
    }

    pub(crate) fn kept(&self) -> Vec<Received> {
        self.lock().requests.iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        *self.lock() = Kept::default();
    }

    /// Nothing between lock and unlock can leave the log half changed, so a poisoned lock is used on.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(target: &str) -> Received {
        Received {
            method: "POST".to_owned(),
            target: target.to_owned(),
            version: Version::HTTP_11,
            headers: Vec::new(),
            body: Bytes::from_static(b"{}"),
            operation: "Converse",
            model: "m".to_owned(),
            signature: SignatureCheck::Absent,
        }
    }

    #[test]
    fn the_oldest_go_first() {
        let log = Log::new(2);
        for target in ["/1", "/2", "/3"] {
            log.record(|| received(target));
        }
        let kept: Vec<String> = log.kept().into_iter().map(|received| received.target).collect();
        assert_eq!(kept, ["/2", "/3"]);
        log.clear();
        assert!(log.kept().is_empty());
    }

    #[test]
    fn nothing_is_built_when_nothing_is_kept() {
        let log = Log::new(0);
        log.record(|| unreachable!("a request was built to be thrown away"));
        assert!(log.kept().is_empty());
    }
}
