//! The prefilter: finds terms, stems or words, in a text without regard to ASCII case, at a cost that hardly depends
//! on how many there are. Every place of the text is looked up by the few bytes that stand there, as many as every
//! term has; each term is filed under its rarest few.
//!
//! It deliberately knows nothing of words: a term inside a word is found too, and phrases decide.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use memchr::memmem;

use crate::required;

const FOUR: usize = 4;
const FILTER_BITS: u32 = 16;
const FILTER_BYTES: usize = 1 << FILTER_BITS;
/// Terms are at most so long.
pub(super) const TERM_BYTES_MAX: usize = 40;
/// A text is written anew as far as it is searched, with room around for the rest of a term.
const CHUNK_BYTES: usize = 2048;
const SHORT_BYTES: usize = 64;
/// The rest of a term, and of a block where the text ends within one.
const MARGIN_BYTES: usize = TERM_BYTES_MAX + BLOCK_PLACES;
/// At each place so many bytes are read; the first few count.
const READ_BYTES: usize = size_of::<u64>();
/// Places that are looked up before the first of them is compared.
const BLOCK_PLACES: usize = 64;

/// How a term stands in a text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// As it is, in any case and across lines.
    Verbatim,
    /// A space in it is anything that ends a word.
    AsWords,
}

/// What is looked for, and what it stands for.
struct Term<T> {
    bytes: Box<[u8]>,
    meaning: T,
}

/// A term under the hash of a few of its bytes.
struct Filed {
    hash: usize,
    /// Its first bytes as they are hashed, and which of eight they are.
    first: u64,
    mask: u64,
    term: u16,
    /// How far into it these stand.
    offset: u8,
}

/// Terms of at least `FEW` bytes, or one less.
pub(super) struct TermSearch<T, const FEW: usize> {
    terms: Vec<Term<T>>,
    written: Written,
    /// For each hash, how many terms are filed under it.
    filter: Box<[u8; FILTER_BYTES]>,
    /// For each hash, where its terms begin among the filed.
    buckets: Box<[u16; FILTER_BYTES]>,
    filed: Vec<Filed>,
    /// What begins with four signs is looked for by these, as they stand.
    signs: Vec<(memmem::Finder<'static>, Vec<u16>)>,
}

impl<T, const FEW: usize> TermSearch<T, FEW> {
    pub(super) fn new<'t>(terms: impl Iterator<Item = (&'t [u8], T)>, written: Written) -> Self {
        let terms: Vec<Term<T>> =
            terms.map(|(bytes, meaning)| Term { bytes: bytes.into(), meaning }).collect();
        let mut shared: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
        for term in &terms {
            for few in term.plain().windows(FEW) {
                *shared.entry(few.to_vec()).or_default() += 1;
            }
        }
        let mut signs: BTreeMap<&[u8], Vec<u16>> = BTreeMap::new();
        let mut filed = Vec::new();
        for (number, term) in (0..).zip(&terms) {
            match term.bytes.get(..FOUR) {
                Some(four) if four.iter().all(|byte| required::plain(*byte) == b' ') => {
                    signs.entry(four).or_default().push(number);
                }
                _ => filed.extend(file::<T, FEW>(number, term, &shared)),
            }
        }
        let signs =
            signs.into_iter().map(|(four, terms)| (memmem::Finder::new(four).into_owned(), terms)).collect();
        filed.sort_unstable_by_key(|filed: &Filed| filed.hash);
        let mut search = Self {
            terms,
            written,
            filter: Box::new([0; FILTER_BYTES]),
            buckets: Box::new([0; FILTER_BYTES]),
            filed,
            signs,
        };
        let mut start = 0;
        for bucket in search.filed.chunk_by(|one, next| one.hash == next.hash) {
            let hash = bucket.first().map_or(0, |filed| filed.hash);
            let count = u8::try_from(bucket.len()).unwrap_or(u8::MAX);
            search.filter.get_mut(hash).into_iter().for_each(|known| *known = count);
            search.buckets.get_mut(hash).into_iter().for_each(|known| *known = start);
            start = start.saturating_add(u16::try_from(bucket.len()).unwrap_or(u16::MAX));
        }
        search
    }

    /// Calls `on_hit` with the start and the meaning of every term in `text`, nearly in order. What precedes and
    /// follows the text ends a word.
    pub(super) fn search(&self, text: &[u8], on_hit: impl FnMut(usize, &T)) {
        self.search_part(text, 0..text.len(), on_hit);
    }

    /// The same of the terms that begin in a part of `text`, and of some beside it.
    pub(super) fn search_part(&self, text: &[u8], part: Range<usize>, mut on_hit: impl FnMut(usize, &T)) {
        let part = part.start..text.len().min(part.end.saturating_add(TERM_BYTES_MAX));
        for (four, terms) in &self.signs {
            for place in four.find_iter(text.get(part.clone()).unwrap_or_default()) {
                let start = part.start + place;
                let terms = terms.iter().filter_map(|number| self.terms.get(usize::from(*number)));
                let there = terms.filter(|term| term.is_written_at(text, start));
                there.for_each(|term| on_hit(start, &term.meaning));
            }
        }
        // Most values of a tool's JSON are short.
        if part.len() <= SHORT_BYTES {
            return self.search_chunk::<{ SHORT_BYTES + 2 * MARGIN_BYTES }>(text, part, &mut on_hit);
        }
        for start in part.clone().step_by(CHUNK_BYTES) {
            let chunk = start..part.end.min(start + CHUNK_BYTES);
            self.search_chunk::<{ CHUNK_BYTES + 2 * MARGIN_BYTES }>(text, chunk, &mut on_hit);
        }
    }

    /// Looks for the terms whose few bytes begin in a chunk of at most `BYTES` less its margins, or right before
    /// the text.
    fn search_chunk<const BYTES: usize>(
        &self,
        text: &[u8],
        chunk: Range<usize>,
        on_hit: &mut impl FnMut(usize, &T),
    ) {
        let Range { start, end } = chunk;
        let mut plain = [b' '; BYTES];
        let from = start.saturating_sub(MARGIN_BYTES);
        let seen = text.get(from..text.len().min(end + MARGIN_BYTES)).unwrap_or_default();
        for (place, byte) in plain.iter_mut().skip(MARGIN_BYTES - (start - from)).zip(seen) {
            *place = required::plain(*byte);
        }
        let (first, last) = (MARGIN_BYTES - usize::from(start == 0), MARGIN_BYTES + (end - start));
        for block in (first..last).step_by(BLOCK_PLACES) {
            let Some(bytes) = plain.get(block..).and_then(<[u8]>::first_chunk) else { return };
            let (hits, count) = self.hits(bytes);
            let inside = |hit: &&u8| block + usize::from(**hit) < last;
            for hit in hits.iter().take(count).take_while(inside) {
                let place = block + usize::from(*hit);
                self.compare(text, &plain, place, (start + place).wrapping_sub(MARGIN_BYTES), on_hit);
            }
        }
    }

    /// At which places of a block a few bytes stand that are filed, and at how many.
    fn hits(&self, bytes: &[u8; BLOCK_PLACES + READ_BYTES - 1]) -> ([u8; BLOCK_PLACES], usize) {
        let (mut hits, mut count) = ([0; BLOCK_PLACES], 0);
        for (place, few) in (0..).zip(bytes.windows(READ_BYTES)) {
            // Written whether it counts or not: nothing to guess.
            if let Some(hit) = hits.get_mut(count % BLOCK_PLACES) {
                *hit = place;
            }
            let filed = self.filter.get(hash::<FEW>(few)).copied().unwrap_or_default();
            count += usize::from(filed != 0);
        }
        (hits, count)
    }

    /// Compares the terms filed under the bytes at `place`, which is `text_place` in the text.
    fn compare(
        &self,
        text: &[u8],
        plain: &[u8],
        place: usize,
        text_place: usize,
        on_hit: &mut impl FnMut(usize, &T),
    ) {
        let hash = hash::<FEW>(plain.get(place..).unwrap_or_default());
        let count = self.filter.get(hash).copied().unwrap_or_default();
        let first = usize::from(self.buckets.get(hash).copied().unwrap_or_default());
        for filed in self.filed.get(first..first + usize::from(count)).unwrap_or_default() {
            let at = place.saturating_sub(usize::from(filed.offset));
            let stands =
                plain.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u64::from_le_bytes(*bytes));
            if stands & filed.mask != filed.first {
                continue;
            }
            let Some(term) = self.terms.get(usize::from(filed.term)) else { continue };
            let start = text_place.wrapping_sub(usize::from(filed.offset));
            let is_there = match self.written {
                Written::AsWords => {
                    let rest = term.bytes.get(size_of_val(&filed.first)..).unwrap_or_default();
                    let from = at + size_of_val(&filed.first);
                    rest.is_empty() || plain.get(from..from + rest.len()) == Some(rest)
                }
                Written::Verbatim => term.is_written_at(text, start),
            };
            if is_there {
                // A gap before the text has no place.
                on_hit(if start < text.len() { start } else { 0 }, &term.meaning);
            }
        }
    }
}

impl<T> Term<T> {
    fn plain(&self) -> Vec<u8> {
        self.bytes.iter().map(|byte| required::plain(*byte)).collect()
    }

    fn is_written_at(&self, text: &[u8], start: usize) -> bool {
        let found = text.get(start..start.saturating_add(self.bytes.len()));
        // Words broken over lines are words.
        let is_same = |(found, byte): (&u8, &u8)| {
            found.eq_ignore_ascii_case(byte) || *byte == b' ' && found.is_ascii_whitespace()
        };
        found.is_some_and(|found| found.iter().zip(&self.bytes).all(is_same))
    }
}

/// Files a term under those few of its bytes that are rare in texts and among terms. One that has too few by one is
/// filed under every byte that may follow.
fn file<T, const FEW: usize>(number: u16, term: &Term<T>, shared: &BTreeMap<Vec<u8>, u64>) -> Vec<Filed> {
    let plain = term.plain();
    let mut first = [0; READ_BYTES];
    first.iter_mut().zip(&plain).for_each(|(place, byte)| *place = *byte);
    let known = u32::try_from(plain.len().min(first.len())).unwrap_or(0);
    let mask = u64::MAX >> (u64::BITS - 8 * known);
    let filed = |offset: usize, few: &[u8]| Filed {
        hash: hash::<FEW>(few),
        first: u64::from_le_bytes(first),
        mask,
        term: number,
        offset: u8::try_from(offset).unwrap_or(u8::MAX),
    };
    let commonness = |(_, few): &(usize, &[u8])| {
        few.iter().map(|byte| common(*byte)).product::<u64>() * shared.get(*few).copied().unwrap_or(1)
    };
    if let Some((offset, few)) = plain.windows(FEW).enumerate().min_by_key(commonness) {
        return vec![filed(offset, few)];
    }
    let following: BTreeSet<u8> = (0..=u8::MAX).map(required::plain).collect();
    let with = |byte: u8| [plain.as_slice(), &[byte]].concat();
    following.into_iter().map(|byte| filed(0, &with(byte))).collect()
}

/// The bytes of a term between its ends of words.
pub(super) fn inside(term: &[u8]) -> Range<usize> {
    let start = usize::from(term.first() == Some(&b' '));
    start..term.len() - usize::from(term.len() > start && term.last() == Some(&b' '))
}

/// Of the first few bytes of these.
fn hash<const FEW: usize>(bytes: &[u8]) -> usize {
    let few = match bytes.first_chunk() {
        Some(read) => u64::from_le_bytes(*read),
        None => bytes.iter().rev().fold(0, |few, byte| few << u8::BITS | u64::from(*byte)),
    };
    let mixed = (few << (u64::BITS - 8 * FEW as u32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> (u64::BITS - FILTER_BITS)) as usize
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

    fn hits(text: &str) -> Vec<(usize, u8)> {
        let stems = [
            ("ignor", 1),
            ("norms", 2),
            ("ignorant", 4),
            ("忽略", 8),
            ("prompt", 16),
            ("<|im_", 32),
            (" llm", 64),
        ];
        let mut hits = Vec::new();
        let stems = stems.into_iter().map(|(stem, meaning)| (stem.as_bytes(), meaning));
        let search = TermSearch::<_, 5>::new(stems, Written::Verbatim);
        search.search(text.as_bytes(), |at, meaning| hits.push((at, *meaning)));
        hits.sort_unstable();
        hits
    }

    #[test]
    fn stems_are_found_in_any_case() {
        assert_eq!(hits("IgNoRe the PROMPT"), vec![(0, 1), (11, 16)]);
        assert_eq!(hits("ignorant"), vec![(0, 1), (0, 4)]);
        assert_eq!(hits("an\nLLM"), vec![(2, 64)]);
        assert_eq!(hits("请忽略"), vec![(3, 8)]);
        assert_eq!(hits("<|IM_start"), vec![(0, 32)]);
        for text in ["an LLM", "an llm.", "an llms", "an llm\u{e9}"] {
            assert_eq!(hits(text), vec![(2, 64)], "{text}");
        }
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

    #[test]
    fn words_are_found_in_every_part_that_they_begin_in() {
        let words = [" mill ", "the shop", "(storm"].map(|word| (word.as_bytes(), word.len()));
        let search = TermSearch::<_, 4>::new(words.into_iter(), Written::AsWords);
        let text = format!("{}mill/the shop", "x ".repeat(1500));
        for start in [0, 10, 2047, 2999, 3000] {
            for length in [1, 70, 4000] {
                let mut found = Vec::new();
                search.search_part(text.as_bytes(), start..start + length, |at, meaning| {
                    found.push((at, *meaning))
                });
                let wanted = [(2999, 6), (3005, 8)];
                let begins = |(at, _): &&(usize, usize)| (start..start + length).contains(at);
                assert!(wanted.iter().filter(begins).all(|hit| found.contains(hit)), "{start} {length}");
                assert!(found.iter().all(|hit| wanted.contains(hit)));
            }
        }
        let mut found = Vec::new();
        search.search(b"mill", |at, _| found.push(at));
        assert_eq!(found, [0], "the ends of a text end words");
    }
}
