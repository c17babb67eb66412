//! What was seen before and found to be nothing: a bounded set of short texts, kept as keyed hashes.
//!
//! The key is random and never leaves the process, so nobody can make two texts look alike, and no text can be read
//! from the set. A newer text takes the place of an older one; what is forgotten is only looked at again.

use std::hash::{BuildHasher, RandomState};

/// How many are known at most, a power of two.
const ENTRIES: usize = 16_384;

pub(crate) struct Known {
    key: [u64; 3],
    entries: Box<[u64; ENTRIES]>,
}

impl Default for Known {
    fn default() -> Self {
        let random = RandomState::new();
        let key = [0, 1, 2].map(|part: u8| random.hash_one(part));
        Self { key, entries: Box::new([0; ENTRIES]) }
    }
}

impl Known {
    /// What a text is kept as: products with the secret key, folded, behind the hash of what belongs before it. Never
    /// nought, which is what an empty place holds.
    pub(crate) fn hash(&self, before: u64, text: &[u8]) -> u64 {
        let [one, other, length_key] = self.key;
        let behind = |folded: u64, [first, last]: [u64; 2]| fold(folded ^ first ^ one, last ^ other);
        let (blocks, rest) = text.as_chunks::<{ 2 * WORD_BYTES }>();
        let folded = blocks.iter().fold(before, |folded, block| behind(folded, ends(block)));
        fold(behind(folded, ends(rest)) ^ text.len() as u64, length_key) | 1
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

const WORD_BYTES: usize = 8;

/// The first word and the last one of up to two, which may overlap.
fn ends(bytes: &[u8]) -> [u64; 2] {
    match (bytes.first_chunk::<WORD_BYTES>(), bytes.last_chunk::<WORD_BYTES>()) {
        (Some(first), Some(last)) => [first, last].map(|word| u64::from_le_bytes(*word)),
        _ => [bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0],
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
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn texts_are_kept_apart() {
        let known = Known::default();
        let texts =
            (0..300).map(|length| "a".repeat(length)).chain((0..2000).map(|number| format!("key{number}")));
        let texts: BTreeSet<String> = texts.chain([String::from("\0"), "a\0".repeat(4)]).collect();
        let hashes: BTreeSet<u64> = texts.iter().map(|text| known.hash(0, text.as_bytes())).collect();
        assert_eq!(hashes.len(), texts.len());
        assert!(!hashes.contains(&0));
        let behind = |first: &str, last: &str| known.hash(known.hash(0, first.as_bytes()), last.as_bytes());
        assert!(behind("a", "b") != behind("b", "a") && behind("a", "b") != behind("ab", ""));
    }

    #[test]
    fn what_was_added_is_known_until_others_take_its_place() {
        let mut known = Known::default();
        let (a, b) = (known.hash(0, b"a"), known.hash(0, b"b"));
        assert!(!known.has(a));
        known.add(a);
        assert!(known.has(a) && !known.has(b));
        let before: Vec<u64> = (0..100_000).map(|number: u32| known.hash(0, &number.to_le_bytes())).collect();
        before.iter().for_each(|hash| known.add(*hash));
        let left = before.iter().filter(|hash| known.has(**hash)).count();
        assert!((1..=ENTRIES).contains(&left), "{left}");
    }
}
