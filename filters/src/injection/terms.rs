//! The prefilter: finds stems and words in a text without regard to ASCII case, at a cost that hardly depends on how
//! many there are. Every place of the text is looked up by the four bytes that stand there; each term is filed under
//! its rarest four.
//!
//! It deliberately knows nothing of words: a term inside a word is found too, and phrases decide.

use std::collections::BTreeMap;
use std::ops::Range;

use memchr::memmem;

use crate::required;

pub(super) const FOUR: usize = 4;
const FILTER_BITS: u32 = 17;
const FILTER_WORDS: usize = 1 << (FILTER_BITS - 6);
/// Terms are at most so long.
pub(super) const TERM_BYTES_MAX: usize = 40;
/// A text is written anew as far as it is searched, with room around for the rest of a term.
const CHUNK_BYTES: usize = 2048;
const SHORT_BYTES: usize = 64;
/// The rest of a term, and of a block where the text ends within one.
const MARGIN_BYTES: usize = TERM_BYTES_MAX + BLOCK_PLACES;
/// Places that are looked up before the first of them is compared: a bit for each.
const BLOCK_PLACES: usize = 64;

/// Which of the callers' sets a stem belongs to: one bit each.
pub(super) type Sets = u64;

/// A list of words, by its number.
pub(super) type List = u16;

/// What is looked for, and what it belongs to.
pub(super) struct Term {
    bytes: Box<[u8]>,
    /// Stems stand as they are written; in words a space is anything that ends a word.
    is_word: bool,
    /// Of a stem.
    pub(super) sets: Sets,
    /// Of a word.
    pub(super) lists: Vec<List>,
}

/// A term under the hash of four of its bytes.
struct Filed {
    hash: u32,
    /// Its first bytes as they are hashed, and which of eight they are.
    first: u64,
    mask: u64,
    term: u16,
    /// How far into it the four stand.
    offset: u8,
}

pub(super) struct TermSearch {
    terms: Vec<Term>,
    /// A bit for each hash that is filed.
    filter: Box<[u64; FILTER_WORDS]>,
    /// How many hashes are filed before each word of the filter.
    before: Box<[u16; FILTER_WORDS]>,
    /// For each hash, where its terms begin among the filed.
    buckets: Vec<u16>,
    filed: Vec<Filed>,
    /// What begins with four signs is looked for by these, as they stand.
    signs: Vec<(memmem::Finder<'static>, Vec<u16>)>,
}

impl TermSearch {
    pub(super) fn new<'s>(
        stems: impl Iterator<Item = (&'s str, Sets)>,
        words: impl Iterator<Item = (&'s [u8], List)>,
    ) -> Self {
        let mut of_stems: BTreeMap<&[u8], Sets> = BTreeMap::new();
        for (stem, sets) in stems {
            *of_stems.entry(stem.as_bytes()).or_default() |= sets;
        }
        let mut of_words: BTreeMap<&[u8], Vec<List>> = BTreeMap::new();
        for (word, list) in words {
            of_words.entry(word).or_default().push(list);
        }
        let stems = of_stems.into_iter().map(|(bytes, sets)| (bytes, sets, Vec::new()));
        let words = of_words.into_iter().map(|(bytes, lists)| (bytes, 0, lists));
        let terms: Vec<Term> = stems
            .chain(words)
            .map(|(bytes, sets, lists)| Term { bytes: bytes.into(), is_word: sets == 0, sets, lists })
            .collect();
        let mut shared: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        for term in &terms {
            for four in term.plain().windows(FOUR) {
                *shared.entry(four.to_vec()).or_default() += 1;
            }
        }
        let mut signs: BTreeMap<&[u8], Vec<u16>> = BTreeMap::new();
        let mut filed = Vec::new();
        for (number, term) in (0..).zip(&terms) {
            match term.bytes.get(..FOUR) {
                Some(four) if four.iter().all(|byte| required::plain(*byte) == b' ') => {
                    signs.entry(four).or_default().push(number);
                }
                _ => filed.extend(file(number, term, &shared)),
            }
        }
        let signs =
            signs.into_iter().map(|(four, terms)| (memmem::Finder::new(four).into_owned(), terms)).collect();
        filed.sort_unstable_by_key(|filed: &Filed| filed.hash);
        let mut search = Self {
            terms,
            filter: Box::new([0; FILTER_WORDS]),
            before: Box::new([0; FILTER_WORDS]),
            buckets: Vec::new(),
            filed,
            signs,
        };
        let mut start = 0;
        for bucket in search.filed.chunk_by(|one, next| one.hash == next.hash) {
            let hash = bucket.first().map_or(0, |filed| filed.hash);
            if let Some(bits) = search.filter.get_mut((hash / 64) as usize) {
                *bits |= 1 << (hash % 64);
            }
            search.buckets.push(start);
            start = start.saturating_add(u16::try_from(bucket.len()).unwrap_or(u16::MAX));
        }
        search.buckets.push(start);
        let mut count = 0u16;
        for (before, bits) in search.before.iter_mut().zip(search.filter.iter()) {
            *before = count;
            count = count.saturating_add(u16::try_from(bits.count_ones()).unwrap_or(0));
        }
        search
    }

    /// Calls `on_hit` with the start of every term in `text`, nearly in order. What precedes and follows the text
    /// ends a word.
    pub(super) fn search(&self, text: &[u8], mut on_hit: impl FnMut(usize, &Term)) {
        for (four, terms) in &self.signs {
            for start in four.find_iter(text) {
                let terms = terms.iter().filter_map(|number| self.terms.get(usize::from(*number)));
                terms.filter(|term| term.is_written_at(text, start)).for_each(|term| on_hit(start, term));
            }
        }
        // Most values of a tool's JSON are short.
        if text.len() <= SHORT_BYTES {
            return self.search_chunk::<{ SHORT_BYTES + 2 * MARGIN_BYTES }>(text, 0, &mut on_hit);
        }
        for start in (0..text.len()).step_by(CHUNK_BYTES) {
            self.search_chunk::<{ CHUNK_BYTES + 2 * MARGIN_BYTES }>(text, start, &mut on_hit);
        }
    }

    /// Looks for the terms whose four bytes begin in the chunk that begins at `start`, or right before the text.
    fn search_chunk<const BYTES: usize>(
        &self,
        text: &[u8],
        start: usize,
        on_hit: &mut impl FnMut(usize, &Term),
    ) {
        let end = text.len().min(start + BYTES - 2 * MARGIN_BYTES);
        let mut plain = [b' '; BYTES];
        let from = start.saturating_sub(MARGIN_BYTES);
        let seen = text.get(from..text.len().min(end + MARGIN_BYTES)).unwrap_or_default();
        for (place, byte) in plain.iter_mut().skip(MARGIN_BYTES - (start - from)).zip(seen) {
            *place = required::plain(*byte);
        }
        let (first, last) = (MARGIN_BYTES - usize::from(start == 0), MARGIN_BYTES + (end - start));
        for block in (first..last).step_by(BLOCK_PLACES) {
            let Some(bytes) = plain.get(block..).and_then(<[u8]>::first_chunk) else { return };
            let mut hits = self.hits(bytes) & (u64::MAX >> (BLOCK_PLACES - (last - block).min(BLOCK_PLACES)));
            while hits != 0 {
                let place = block + hits.trailing_zeros() as usize;
                hits &= hits - 1;
                self.compare(text, &plain, place, (start + place).wrapping_sub(MARGIN_BYTES), on_hit);
            }
        }
    }

    /// At which places of a block four bytes stand that are filed.
    fn hits(&self, bytes: &[u8; BLOCK_PLACES + FOUR - 1]) -> u64 {
        let mut hits = 0;
        for (place, four) in bytes.windows(FOUR).enumerate() {
            let hash = hash(four);
            let bits = self.filter.get((hash / 64) as usize).copied().unwrap_or_default();
            hits |= (bits >> (hash % 64) & 1) << place;
        }
        hits
    }

    /// Compares the terms filed under the four bytes at `place`, which is `text_place` in the text.
    fn compare(
        &self,
        text: &[u8],
        plain: &[u8],
        place: usize,
        text_place: usize,
        on_hit: &mut impl FnMut(usize, &Term),
    ) {
        let hash = hash(plain.get(place..place + FOUR).unwrap_or_default());
        let word = (hash / 64) as usize;
        let below = self.filter.get(word).copied().unwrap_or_default() & ((1 << (hash % 64)) - 1);
        let bucket =
            usize::from(self.before.get(word).copied().unwrap_or_default()) + below.count_ones() as usize;
        let Some([first, last]) = self.buckets.get(bucket..bucket + 2).and_then(<[u16]>::first_chunk) else {
            return;
        };
        for filed in self.filed.get(usize::from(*first)..usize::from(*last)).unwrap_or_default() {
            let at = place.saturating_sub(usize::from(filed.offset));
            let stands =
                plain.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u64::from_le_bytes(*bytes));
            if stands & filed.mask != filed.first {
                continue;
            }
            let Some(term) = self.terms.get(usize::from(filed.term)) else { continue };
            let start = text_place.wrapping_sub(usize::from(filed.offset));
            let is_there = match term.is_word {
                true => {
                    let rest = term.bytes.get(size_of_val(&filed.first)..).unwrap_or_default();
                    let from = at + size_of_val(&filed.first);
                    rest.is_empty() || plain.get(from..from + rest.len()) == Some(rest)
                }
                false => term.is_written_at(text, start),
            };
            if is_there {
                // A gap before the text has no place.
                on_hit(if start < text.len() { start } else { 0 }, term);
            }
        }
    }
}

impl Term {
    fn plain(&self) -> Vec<u8> {
        self.bytes.iter().map(|byte| required::plain(*byte)).collect()
    }

    fn is_written_at(&self, text: &[u8], start: usize) -> bool {
        let found = text.get(start..start.saturating_add(self.bytes.len()));
        found.is_some_and(|found| found.eq_ignore_ascii_case(&self.bytes))
    }
}

/// Files a term under those of its fours that are rare in texts and among terms.
fn file(number: u16, term: &Term, shared: &BTreeMap<Vec<u8>, u64>) -> Option<Filed> {
    let plain = term.plain();
    let commonness = |(_, four): &(usize, &[u8])| {
        four.iter().map(|byte| common(*byte)).product::<u64>() * shared.get(*four).copied().unwrap_or(1)
    };
    let (offset, four) = plain.windows(FOUR).enumerate().min_by_key(commonness)?;
    let mut first = [0; 8];
    first.iter_mut().zip(&plain).for_each(|(place, byte)| *place = *byte);
    let known = u32::try_from(plain.len().min(first.len())).unwrap_or(0);
    let mask = u64::MAX >> (u64::BITS - 8 * known);
    let (first, offset) = (u64::from_le_bytes(first), u8::try_from(offset).ok()?);
    Some(Filed { hash: hash(four), first, mask, term: number, offset })
}

/// The bytes of a term between its ends of words.
pub(super) fn inside(term: &[u8]) -> Range<usize> {
    let start = usize::from(term.first() == Some(&b' '));
    start..term.len() - usize::from(term.len() > start && term.last() == Some(&b' '))
}

fn hash(four: &[u8]) -> u32 {
    let four = four.first_chunk::<FOUR>().copied().unwrap_or_default();
    u32::from_le_bytes(four).wrapping_mul(0x9E37_79B1) >> (u32::BITS - FILTER_BITS)
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
        let search = TermSearch::new(stems.into_iter(), std::iter::empty());
        search.search(text.as_bytes(), |at, term| hits.push((at, term.sets)));
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
