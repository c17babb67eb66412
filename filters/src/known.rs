//! What was seen before and found to be nothing: a bounded set of short texts, kept as keyed hashes.
//!
//! The key is random and never leaves the process, so nobody can make two texts look alike, and no text can be read
//! from the set. A newer text takes the place of an older one; what is forgotten is only looked at again.

use std::hash::{BuildHasher, Hash, RandomState};

/// How many are known at most, a power of two.
const ENTRIES: usize = 4096;

pub(crate) struct Known {
    key: RandomState,
    entries: Box<[u64; ENTRIES]>,
}

impl Default for Known {
    fn default() -> Self {
        Self { key: RandomState::new(), entries: Box::new([0; ENTRIES]) }
    }
}

impl Known {
    /// What a text is kept as: never nought, which is what an empty place holds.
    pub(crate) fn hash<T: Hash + ?Sized>(&self, text: &T) -> u64 {
        self.key.hash_one(text) | 1
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

fn place(hash: u64) -> usize {
    (hash >> 32) as usize % ENTRIES
}

#[cfg(test)]
mod tests {
    use super::*;

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
