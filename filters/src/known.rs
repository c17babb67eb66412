//! What was seen before and found to be nothing: a bounded set of short texts, kept as keyed hashes.
//!
//! The key is random and never leaves the process, so nobody can make two texts look alike, and no text can be read
//! from the set. A newer text takes the place of an older one; what is forgotten is only looked at again.

use std::hash::{BuildHasher, Hash, RandomState};

/// How many are known at most, a power of two.
const ENTRIES: usize = 4096;

pub(crate) struct Known {
    key: RandomState,
    short_key: [u64; 3],
    entries: Box<[u64; ENTRIES]>,
}

impl Default for Known {
    fn default() -> Self {
        let key = RandomState::new();
        let short_key = [0, 1, 2].map(|part: u8| key.hash_one(part));
        Self { key, short_key, entries: Box::new([0; ENTRIES]) }
    }
}

impl Known {
    /// What a text is kept as: never nought, which is what an empty place holds.
    pub(crate) fn hash<T: Hash + ?Sized>(&self, text: &T) -> u64 {
        self.key.hash_one(text) | 1
    }

    /// As [`hash`](Self::hash), for a few bytes and in a fraction of its time: products with the secret key, folded.
    pub(crate) fn hash_short(&self, text: &[u8]) -> u64 {
        let length = text.len();
        let [first, last] = match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
            (Some(first), Some(last)) if length <= 16 => [first, last].map(|part| u64::from_le_bytes(*part)),
            (None, _) => [text.iter().fold(0, |bytes, byte| bytes << 8 | u64::from(*byte)), 0],
            _ => return self.hash(text),
        };
        let [one, other, length_key] = self.short_key;
        let folded = fold(first ^ one, last ^ other);
        fold(folded ^ length as u64, length_key) | 1
    }

    pub(crate) fn has(&self, hash: u64) -> bool {
        self.entries.get(place(hash)) == Some(&hash)
    }

    pub(crate) fn add(&mut self, hash: u64) {
        if let Some(entry) = self.entries.get_mut(place(hash)) {
            *entry = hash;
        }
    }
}

/// Both halves of a product in one.
fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    (product >> u64::BITS) as u64 ^ (product & u128::from(u64::MAX)) as u64
}

fn place(hash: u64) -> usize {
    (hash >> 32) as usize % ENTRIES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_are_kept_apart() {
        let known = Known::default();
        let texts =
            (0..40).map(|length| "a".repeat(length)).chain((0..2000).map(|number| format!("key{number}")));
        let texts: std::collections::BTreeSet<String> =
            texts.chain([String::from("\0"), "a\0".repeat(4)]).collect();
        let hashes: std::collections::BTreeSet<u64> =
            texts.iter().map(|text| known.hash_short(text.as_bytes())).collect();
        assert_eq!(hashes.len(), texts.len());
        assert!(!hashes.contains(&0));
    }

    #[test]
    fn what_was_added_is_known_until_others_take_its_place() {
        let mut known = Known::default();
        let (a, b) = (known.hash("a"), known.hash("b"));
        assert!(!known.has(a));
        known.add(a);
        assert!(known.has(a) && !known.has(b));
        let before: Vec<u64> = (0..100_000).map(|number: u32| known.hash(&number)).collect();
        before.iter().for_each(|hash| known.add(*hash));
        let left = before.iter().filter(|hash| known.has(**hash)).count();
        assert!((1..=ENTRIES).contains(&left), "{left}");
    }
}
