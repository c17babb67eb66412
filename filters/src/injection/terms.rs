//! The prefilter: finds terms, stems or words, in a text without regard to ASCII case, at a cost that hardly depends
//! on how many there are. Every place of the text is looked up by the four bytes that stand there; each term is filed
//! under its rarest four.
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

/// How a term stands in a text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// As it is, in any case.
    Verbatim,
    /// A space in it is anything that ends a word.
    AsWords,
}

/// What is looked for, and what it stands for.
struct Term<T> {
    bytes: Box<[u8]>,
    meaning: T,
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

pub(super) struct TermSearch<T> {
    terms: Vec<Term<T>>,
    written: Written,
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

impl<T> TermSearch<T> {
    pub(super) fn new<'t>(terms: impl Iterator<Item = (&'t [u8], T)>, written: Written) -> Self {
        let terms: Vec<Term<T>> =
            terms.map(|(bytes, meaning)| Term { bytes: bytes.into(), meaning }).collect();
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
            written,
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

    /// Looks for the terms whose four bytes begin in a chunk of at most `BYTES` less its margins, or right before
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
        on_hit: &mut impl FnMut(usize, &T),
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
        found.is_some_and(|found| found.eq_ignore_ascii_case(&self.bytes))
    }
}

/// Files a term under those of its fours that are rare in texts and among terms.
fn file<T>(number: u16, term: &Term<T>, shared: &BTreeMap<Vec<u8>, u64>) -> Option<Filed> {
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

    fn hits(text: &str) -> Vec<(usize, u8)> {
        let stems = [("ignor", 1), ("norms", 2), ("ignorant", 4), ("忽略", 8), ("prompt", 16), ("<|im_", 32)];
        let mut hits = Vec::new();
        let stems = stems.into_iter().map(|(stem, meaning)| (stem.as_bytes(), meaning));
        let search = TermSearch::new(stems, Written::Verbatim);
        search.search(text.as_bytes(), |at, meaning| hits.push((at, *meaning)));
        hits.sort_unstable();
        hits
    }

    #[test]
    fn stems_are_found_in_any_case() {
        assert_eq!(hits("IgNoRe the PROMPT"), vec![(0, 1), (11, 16)]);
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

    #[test]
    fn words_are_found_in_every_part_that_they_begin_in() {
        let words = [" mill ", "the shop", "(storm"].map(|word| (word.as_bytes(), word.len()));
        let search = TermSearch::new(words.into_iter(), Written::AsWords);
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
