//! Ids of decisions: ULIDs, so that they sort by time and fit where people paste them. They are unique, not
//! secret.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHARACTERS: u32 = 26;
const FORTY_BITS: u64 = (1 << 40) - 1;

/// 48 bits of milliseconds, 40 random bits of this process, 40 bits of a counter that starts at random.
pub(crate) fn fresh() -> String {
    let milliseconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis());
    let (process, start) = *SEED.get_or_init(|| (random(), random()));
    let count = COUNTER.fetch_add(1, Ordering::Relaxed).wrapping_add(start);
    let time = milliseconds & ((1 << 48) - 1);
    encode((time << 80) | (u128::from(process & FORTY_BITS) << 40) | u128::from(count & FORTY_BITS))
}

static SEED: OnceLock<(u64, u64)> = OnceLock::new();
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// The standard library's own seed for hash maps: random per process, and no further dependency.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn encode(bits: u128) -> String {
    let digit = |place: u32| {
        let value = usize::try_from((bits >> (place * 5)) & 31).unwrap_or_default();
        char::from(ALPHABET.get(value).copied().unwrap_or(b'0'))
    };
    (0..CHARACTERS).rev().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_ulids_and_never_repeat() {
        let ids: BTreeSet<String> = (0..10_000).map(|_| fresh()).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.len() == 26 && id.bytes().all(|byte| ALPHABET.contains(&byte))));
    }

    #[test]
    fn encoding_is_crockford_base_32() {
        assert_eq!(encode(0), "00000000000000000000000000");
        assert_eq!(encode(31), "0000000000000000000000000Z");
        assert_eq!(encode(u128::MAX), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
    }
}
