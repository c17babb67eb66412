//! The prefilter: finds stems in a text without regard to ASCII case, at a cost that hardly depends on how many
//! stems there are. Every other place of the text is looked up by the four bytes that stand there; each stem is
//! filed under two neighbouring fours of its rarest bytes, so one of them falls on such a place.
//!
//! It deliberately knows nothing of words: a stem inside a word is found too, and phrases decide.

use std::collections::BTreeMap;

/// Shorter stems would not hold two fours.
#[cfg(test)]
pub(super) const STEM_BYTES_MIN: usize = 5;
#[cfg(test)]
pub(super) const STEM_BYTES_MAX: usize = 32;
const FOUR: usize = 4;
const FILTER_BITS: u32 = 16;

/// Which of the callers' sets a stem belongs to: one bit each.
pub(super) type Sets = u64;

pub(super) struct StemSearch {
    stems: Vec<(Box<[u8]>, Sets)>,
    /// A bit for each hash of four bytes that is filed.
    filter: Box<[u64]>,
    /// Sorted by hash: which stem, and how far into it the four stand.
    filed: Vec<(u32, u16, u8)>,
    /// For each hash, how many are filed before it: a search by halves would guess wrong at every step.
    before: Box<[u16]>,
}

impl StemSearch {
    pub(super) fn new<'s>(stems: impl Iterator<Item = (&'s str, Sets)>) -> Self {
        let mut merged: BTreeMap<&str, Sets> = BTreeMap::new();
        for (stem, sets) in stems {
            *merged.entry(stem).or_default() |= sets;
        }
        let mut search = Self {
            stems: Vec::new(),
            filter: vec![0; 1 << (FILTER_BITS - 6)].into(),
            filed: Vec::new(),
            before: Box::default(),
        };
        for (stem, sets) in merged {
            search.file(stem.as_bytes());
            search.stems.push((stem.as_bytes().into(), sets));
        }
        search.filed.sort_unstable();
        let filed_before = |hash: u32| search.filed.partition_point(|(filed, _, _)| *filed < hash);
        let counted = |hash| u16::try_from(filed_before(hash)).unwrap_or(u16::MAX);
        search.before = (0..1 << FILTER_BITS).map(counted).collect();
        search
    }

    fn file(&mut self, stem: &[u8]) {
        let number = u16::try_from(self.stems.len()).unwrap_or(u16::MAX);
        let commonness = |offset: &usize| -> u64 {
            let bytes = stem.get(*offset..offset + FOUR + 1).unwrap_or_default();
            let shared = |range: &[u8]| range.iter().map(|byte| common(*byte)).product::<u64>();
            shared(bytes.get(..FOUR).unwrap_or_default()) + shared(bytes.get(1..).unwrap_or_default())
        };
        let rarest = (0..stem.len().saturating_sub(FOUR)).min_by_key(commonness).unwrap_or(0);
        for (offset, four) in stem.windows(FOUR).enumerate().skip(rarest).take(2) {
            let hash = hash(four);
            if let (Some(word), Ok(offset)) =
                (self.filter.get_mut((hash / 64) as usize), u8::try_from(offset))
            {
                *word |= 1 << (hash % 64);
                self.filed.push((hash, number, offset));
            }
        }
    }

    /// Calls `on_hit` with the start and the sets of every stem in `text`, nearly in order.
    pub(super) fn search(&self, text: &[u8], mut on_hit: impl FnMut(usize, Sets)) {
        for (index, four) in text.windows(FOUR).step_by(2).enumerate() {
            let hash = hash(four);
            let word = self.filter.get((hash / 64) as usize).copied().unwrap_or(0);
            if word >> (hash % 64) & 1 != 0 {
                self.compare(text, 2 * index, hash, &mut on_hit);
            }
        }
    }

    #[cold]
    fn compare(&self, text: &[u8], place: usize, hash: u32, on_hit: &mut impl FnMut(usize, Sets)) {
        let first = self.before.get(hash as usize).copied().unwrap_or_default();
        for (filed, number, offset) in self.filed.get(usize::from(first)..).unwrap_or_default() {
            if *filed != hash {
                return;
            }
            let Some((stem, sets)) = self.stems.get(usize::from(*number)) else { return };
            let Some(start) = place.checked_sub(usize::from(*offset)) else { continue };
            if text.get(start..start + stem.len()).is_some_and(|found| found.eq_ignore_ascii_case(stem)) {
                on_hit(start, *sets);
            }
        }
    }
}

/// Letters hash alike in both cases; signs that do too are told apart when the stem is compared.
fn hash(four: &[u8]) -> u32 {
    let four = four.first_chunk::<FOUR>().copied().unwrap_or_default();
    ((u32::from_le_bytes(four) | 0x2020_2020).wrapping_mul(0x9E37_79B1)) >> (u32::BITS - FILTER_BITS)
}

/// How common a byte is in prose, roughly.
fn common(byte: u8) -> u64 {
    match byte {
        b' ' => 18,
        b'e' => 10,
        b't' | b'a' | b'o' => 7,
        b'i' | b'n' | b's' | b'r' => 6,
        b'h' | b'l' => 4,
        b'd' | b'u' | b'c' | b'm' => 3,
        b'w' | b'f' | b'g' | b'y' | b'p' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(text: &str) -> Vec<(usize, Sets)> {
        let stems = [
            ("ignor", 1),
            ("norms", 2),
            ("ignorant", 4),
            ("忽略", 8),
            ("prompt", 1),
            ("prompt", 16),
            ("<|im_", 32),
        ];
        let mut hits = Vec::new();
        StemSearch::new(stems.into_iter()).search(text.as_bytes(), |at, sets| hits.push((at, sets)));
        hits.sort_unstable();
        hits
    }

    #[test]
    fn stems_are_found_in_any_case_with_all_their_sets() {
        assert_eq!(hits("IgNoRe the PROMPT"), vec![(0, 1), (11, 17)]);
        assert_eq!(hits("ignorant"), vec![(0, 1), (0, 4)]);
        assert_eq!(hits("请忽略"), vec![(3, 8)]);
        assert_eq!(hits("<|IM_start"), vec![(0, 32)]);
        assert!(hits("nothing here, not even ig nor").is_empty());
        assert!(hits("ign").is_empty());
        assert!(hits("\\\\im_ and <\\im_").is_empty(), "signs are not letters of another case");
    }

    #[test]
    fn stems_are_found_at_every_place_once() {
        for offset in 0..9 {
            for tail in 0..3 {
                let text = format!("{}ignore{}", "x".repeat(offset), "y".repeat(tail));
                assert_eq!(hits(&text), vec![(offset, 1)], "{text}");
            }
        }
    }
}
