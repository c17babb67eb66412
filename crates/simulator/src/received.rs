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
    /// Of a stream in both directions: the events heard so far, each ended by a newline.
    pub body: Bytes,
    /// The name the service's SDK clients have, or `unknown`.
    pub service: &'static str,
    /// AWS's name of the operation, or `unknown`.
    pub operation: &'static str,
    /// The model id in the path, decoded; empty when the path named none.
    pub model: String,
    pub signature: SignatureCheck,
    /// The name the TLS handshake asked for; none over plain text, or where it asked for an address.
    pub server_name: Option<String>,
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
    /// Number of the oldest request kept.
    first: u64,
    body_bytes: usize,
}

impl Log {
    pub(crate) fn new(count_max: usize) -> Self {
        Log { count_max, kept: Mutex::default() }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.count_max > 0
    }

    /// Keeps one request, built only when requests are kept. Returns its number.
    pub(crate) fn record(&self, received: impl FnOnce() -> Received) -> Option<u64> {
        if !self.is_on() {
            return None;
        }
        let received = received();
        let mut kept = self.lock();
        kept.body_bytes = kept.body_bytes.saturating_add(received.body.len());
        kept.requests.push_back(received);
        let number = kept.first.saturating_add(kept.requests.len() as u64).saturating_sub(1);
        kept.shrink(self.count_max);
        Some(number)
    }

    /// Adds to the body of a request that is still open; one that was dropped meanwhile stays dropped.
    pub(crate) fn append(&self, number: u64, bytes: &[u8]) {
        let mut kept = self.lock();
        let index = number.checked_sub(kept.first).and_then(|index| usize::try_from(index).ok());
        let Some(index) = index else { return };
        let Some(received) = kept.requests.get_mut(index) else { return };
        received.body = Bytes::from([received.body.as_ref(), bytes].concat());
        kept.body_bytes = kept.body_bytes.saturating_add(bytes.len());
        kept.shrink(self.count_max);
    }

    pub(crate) fn kept(&self) -> Vec<Received> {
        self.lock().requests.iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        let mut kept = self.lock();
        kept.first = kept.first.saturating_add(kept.requests.len() as u64);
        kept.requests.clear();
        kept.body_bytes = 0;
    }

    /// Nothing between lock and unlock can leave the log half changed, so a poisoned lock is used on.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn shrink(&mut self, count_max: usize) {
        while self.requests.len() > count_max || self.body_bytes > KEPT_BYTES_MAX {
            let Some(oldest) = self.requests.pop_front() else { break };
            self.first = self.first.saturating_add(1);
            self.body_bytes = self.body_bytes.saturating_sub(oldest.body.len());
        }
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
            service: "bedrock-runtime",
            operation: "Converse",
            model: "m".to_owned(),
            signature: SignatureCheck::Absent,
            server_name: None,
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
    fn an_open_request_grows_until_it_is_dropped() {
        let log = Log::new(2);
        let first = log.record(|| received("/1")).unwrap();
        let second = log.record(|| received("/2")).unwrap();
        log.append(second, b"x");
        log.record(|| received("/3"));
        log.append(first, b"lost");
        let bodies: Vec<Bytes> = log.kept().into_iter().map(|received| received.body).collect();
        assert_eq!(bodies, ["{}x", "{}"]);
        log.clear();
        log.append(second, b"lost");
        let next = log.record(|| received("/4")).unwrap();
        log.append(next, b"y");
        assert_eq!(log.kept().first().unwrap().body, "{}y");
    }

    #[test]
    fn nothing_is_built_when_nothing_is_kept() {
        let log = Log::new(0);
        log.record(|| unreachable!("a request was built to be thrown away"));
        assert!(log.kept().is_empty());
    }
}
