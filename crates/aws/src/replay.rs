//! Remembering signatures for as long as they could be replayed.
//!
//! A signature counts whole seconds, so two equal requests of one second, or a quick retry, honestly carry the same one.
//! It may therefore be used again for a moment after its first use, by an SDK that names its attempts only for another
//! attempt; after that moment it is somebody else's copy. Only signatures that were verified belong here: a stranger must not be able to fill the memory. Bearer tokens are made to
//! be used many times and are exempt.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::canonical::hmac;

const SHARDS: usize = 16;
/// How long after its first use an equal signature may be an equal request: a second, and a retry's wait.
const EQUAL_REQUESTS_S: i64 = 2;

/// A keyed digest in place of the signature, so that nobody can choose where it lands.
type Digest = [u8; 16];

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    #[error("the signature was used before")]
    Replayed,
    #[error("too many signatures are remembered")]
    Full,
}

/// Two generations of signatures: the older one is dropped when all of it is past replaying, and not before, also when
/// the memory is full. A full memory refuses.
pub struct ReplayGuard {
    key: Zeroizing<[u8; 32]>,
    window_s: i64,
    shard_capacity: usize,
    shards: [Mutex<Generations>; SHARDS],
}

#[derive(Default)]
struct Generations {
    young: HashMap<Digest, i64>,
    old: HashMap<Digest, i64>,
    /// When the young generation began, which is when the last signature of the old one came.
    young_since: Option<i64>,
}

impl ReplayGuard {
    /// `skew_max_s` as in verifying: a signature may be dated that far ahead and be used that long after its date.
    /// `signatures_max` bounds how many are held, some 40 bytes each.
    pub fn new(skew_max_s: i64, signatures_max: usize) -> Self {
        let (one, other) = (Uuid::new_v4(), Uuid::new_v4());
        Self {
            key: Zeroizing::new(hmac(one.as_bytes(), other.as_bytes())),
            window_s: skew_max_s.max(1).saturating_mul(2).saturating_add(1),
            shard_capacity: signatures_max.div_ceil(SHARDS).max(1),
            shards: Default::default(),
        }
    }

    /// Remembers a verified signature; refuses one that was seen before. `attempt` is what else tells two sendings
    /// apart, empty where nothing does.
    pub fn check(&self, signature: &[u8], attempt: &[u8], now_unix: i64) -> Result<(), ReplayError> {
        let digest = self.digest(&[signature]);
        let sending = (!attempt.is_empty()).then(|| self.digest(&[signature, attempt]));
        let at = usize::from(digest.first().copied().unwrap_or_default()) % SHARDS;
        let shard = self.shards.get(at).ok_or(ReplayError::Full)?;
        // A thread that died while it held the lock left whole sets behind.
        let mut generations = shard.lock().unwrap_or_else(PoisonError::into_inner);
        generations.age(now_unix, self.window_s);
        let first = generations.first_seen(&digest);
        let is_late =
            first.is_some_and(|first| now_unix.saturating_sub(first).saturating_abs() > EQUAL_REQUESTS_S);
        if is_late || sending.is_some_and(|sending| generations.first_seen(&sending).is_some()) {
            return Err(ReplayError::Replayed);
        }
        if generations.young.len() + generations.old.len() >= self.shard_capacity {
            return Err(ReplayError::Full);
        }
        generations.young.entry(digest).or_insert(first.unwrap_or(now_unix));
        generations.young.extend(sending.map(|sending| (sending, now_unix)));
        Ok(())
    }

    /// How many signatures are held.
    pub fn len(&self) -> usize {
        let held = |shard: &Mutex<Generations>| {
            let generations = shard.lock().unwrap_or_else(PoisonError::into_inner);
            generations.young.len() + generations.old.len()
        };
        self.shards.iter().map(held).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn digest(&self, parts: &[&[u8]]) -> Digest {
        let full = hmac(&*self.key, &parts.join(&0));
        let mut digest = Digest::default();
        digest.iter_mut().zip(full).for_each(|(byte, value)| *byte = value);
        digest
    }
}

impl Generations {
    fn first_seen(&self, digest: &Digest) -> Option<i64> {
        self.young.get(digest).or_else(|| self.old.get(digest)).copied()
    }

    /// Drops what can no longer be replayed. The sets keep their room.
    fn age(&mut self, now_unix: i64, window_s: i64) {
        let since = *self.young_since.get_or_insert(now_unix);
        let age = now_unix.saturating_sub(since);
        if age < window_s {
            return;
        }
        std::mem::swap(&mut self.young, &mut self.old);
        self.young.clear();
        if age >= window_s.saturating_mul(2) {
            self.old.clear();
        }
        self.young_since = Some(now_unix);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_358_455;

    #[test]
    fn a_signature_passes_once_within_the_window() {
        let guard = ReplayGuard::new(300, 1024);
        assert_eq!(guard.check(b"one", b"", NOW), Ok(()));
        for later in [3, 300, 600] {
            assert_eq!(guard.check(b"one", b"", NOW + later), Err(ReplayError::Replayed), "{later}");
        }
        assert_eq!(guard.check(b"two", b"", NOW), Ok(()));
    }

    #[test]
    fn equal_requests_of_one_moment_pass_and_the_same_sending_does_not() {
        let guard = ReplayGuard::new(300, 1024);
        assert_eq!(guard.check(b"one", b"", NOW), Ok(()));
        assert_eq!(guard.check(b"one", b"", NOW + 2), Ok(()));
        assert_eq!(guard.check(b"one", b"", NOW + 3), Err(ReplayError::Replayed));
        assert_eq!(guard.check(b"two", b"id 1", NOW), Ok(()));
        assert_eq!(guard.check(b"two", b"id 2", NOW + 1), Ok(()));
        assert_eq!(guard.check(b"two", b"id 1", NOW + 1), Err(ReplayError::Replayed));
        assert_eq!(guard.check(b"two", b"id 3", NOW + 3), Err(ReplayError::Replayed));
    }

    #[test]
    fn a_signature_is_remembered_a_whole_window_whenever_it_came() {
        for came in [0, 1, 300, 600, 601, 602, 900, 1201] {
            let guard = ReplayGuard::new(300, 1024);
            guard.check(b"first", b"", NOW).unwrap();
            guard.check(b"signature", b"", NOW + came).unwrap();
            for step in (3..=600).step_by(50) {
                let again = guard.check(b"signature", b"", NOW + came + step);
                assert_eq!(again, Err(ReplayError::Replayed), "came {came}, again {step} later");
            }
        }
    }

    #[test]
    fn a_full_memory_refuses_until_its_signatures_are_past_replaying() {
        let guard = ReplayGuard::new(300, 64);
        let numbers = |from: u32| (from..from + 1000).map(u32::to_be_bytes);
        let refused = |from, now| {
            numbers(from)
                .filter(|signature| guard.check(signature, b"", now) == Err(ReplayError::Full))
                .count()
        };
        assert_eq!(refused(0, NOW), 1000 - 64);
        assert_eq!(guard.len(), 64);
        assert_eq!(refused(10_000, NOW + 600), 1000);
        assert_eq!(refused(20_000, NOW + 601), 1000, "the last of the old generation may have come just now");
        assert_eq!(guard.check(&numbers(20_000).next().unwrap(), b"", NOW + 1202), Ok(()));
        assert_eq!(refused(30_000, NOW + 9000), 1000 - 64);
    }

    #[test]
    fn a_clock_set_back_forgets_nothing() {
        let guard = ReplayGuard::new(300, 64);
        guard.check(b"one", b"", NOW).unwrap();
        assert_eq!(guard.check(b"one", b"", NOW - 5000), Err(ReplayError::Replayed));
    }
}
