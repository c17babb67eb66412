//! Finds terms, the words of phrases, in a text without regard to ASCII case, at a cost that hardly depends on how
//! many there are: every word of the text is looked up once, by its first few bytes.
//!
//! A term begins where a word does. It deliberately says nothing of what follows from a term: conjunctions and
//! phrases do.

use std::collections::BTreeMap;
use std::num::NonZeroU8;

use super::signs::{BLOCK_BYTES, Block, Mask};
use crate::required::{GAP, KEY_BYTES, MARKUP, Term, is_key, is_start, key_bytes};

const FILTER_BITS: u32 = 16;
const FILTER_WORDS: usize = 1 << (FILTER_BITS - u64::BITS.trailing_zeros());

/// Makes ASCII letters small; what it does to other bytes it does to them everywhere.
const SMALL: u8 = 0x20;

/// What is compared of a term first, under the beginning of one of its words: the bytes behind that beginning, as many
/// of them as count.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Filed {
    following: u32,
    counted: u8,
    term: u16,
}

/// A term, read from the word by which it is found. As few bytes as ordinary terms have are compared as numbers, which
/// takes some signs for others.
struct Spelling {
    /// Where that word starts in it, and its first word.
    word: u8,
    lead: u8,
    /// How far behind that word a gap stands.
    gap: Option<NonZeroU8>,
    /// From that word on, and before it.
    eight: Eight,
    before: Eight,
    /// What is compared byte by byte, because it is long.
    whole: Option<Box<[u8]>>,
}

/// Up to eight bytes in lower case, and which of them count.
#[derive(Clone, Copy)]
struct Eight {
    bytes: u64,
    mask: u64,
}

impl Eight {
    /// The first ones of these, or of the last when they are read from behind. Gaps may be anything.
    fn of(bytes: impl Iterator<Item = u8>) -> [(u8, u8); size_of::<u64>()] {
        let mut eight = [(0, 0); size_of::<u64>()];
        let known = bytes.map(|byte| if byte == GAP { (0, 0) } else { (byte | SMALL, u8::MAX) });
        eight.iter_mut().zip(known).for_each(|(place, known)| *place = known);
        eight
    }

    fn first(bytes: &[u8]) -> Self {
        let eight = Self::of(bytes.iter().copied());
        let [bytes, mask] = [eight.map(|(byte, _)| byte), eight.map(|(_, mask)| mask)];
        Self { bytes: u64::from_le_bytes(bytes), mask: u64::from_le_bytes(mask) }
    }

    fn last(bytes: &[u8]) -> Self {
        let eight = Self::of(bytes.iter().rev().copied());
        let [bytes, mask] = [eight.map(|(byte, _)| byte), eight.map(|(_, mask)| mask)];
        Self { bytes: u64::from_be_bytes(bytes), mask: u64::from_be_bytes(mask) }
    }

    fn is_in(self, bytes: u64) -> bool {
        (self.bytes ^ bytes) & self.mask == 0
    }
}

pub(super) struct TermSearch {
    /// A bit for each hash of a key that is filed.
    filter: Box<[u64; FILTER_WORDS]>,
    /// For each hash, where its terms begin among the filed, and those of the next.
    buckets: Box<[u16; (1 << FILTER_BITS) + 1]>,
    filed: Vec<Filed>,
    /// By term.
    spellings: Vec<Spelling>,
}

impl TermSearch {
    /// Terms by their number.
    pub(super) fn new<'t>(terms: impl Iterator<Item = &'t Term> + Clone) -> Self {
        let mut shared: BTreeMap<u32, usize> = BTreeMap::new();
        for (_, key) in terms.clone().flat_map(keys) {
            *shared.entry(key).or_default() += 1;
        }
        let rank =
            |(place, key): &(usize, u32)| (shared.get(key).copied().unwrap_or(0) * commonness(*key), *place);
        let (mut filed, mut spellings) = (Vec::new(), Vec::new());
        for (number, term) in (0..).zip(terms) {
            let (word, key) = keys(term).min_by_key(rank).unwrap_or_default();
            filed.extend(file(number, term, word, key));
            spellings.push(Spelling::new(term, word));
        }
        filed.sort_by_key(|(hash, filed)| (*hash, filed.term));
        // One under several keys may have the same hash under two of them.
        filed.dedup();
        let mut filter = Box::new([0; FILTER_WORDS]);
        let mut buckets = Box::new([0; (1 << FILTER_BITS) + 1]);
        for (hash, _) in &filed {
            filter.get_mut(hash / 64).into_iter().for_each(|word: &mut u64| *word |= 1 << (hash % 64));
            buckets.get_mut(hash + 1).into_iter().for_each(|count: &mut u16| *count += 1);
        }
        let mut sum = 0;
        for bucket in buckets.iter_mut() {
            sum += *bucket;
            *bucket = sum;
        }
        Self { filter, buckets, filed: filed.into_iter().map(|(_, filed)| filed).collect(), spellings }
    }

    /// Calls `on_hit` with the place of the first word of every term in `text`, and with its number: in the order
    /// of the words by which the terms are found.
    pub(super) fn search(&self, text: &[u8], mut on_hit: impl FnMut(usize, u16)) {
        let mut follows_word = false;
        let mut room = [(0, 0); BLOCK_BYTES];
        for (number, block) in text.chunks(BLOCK_BYTES).enumerate() {
            let starts = Starts::of(block, follows_word);
            follows_word = starts.ends_word();
            for (place, hash) in self.known(text, number * BLOCK_BYTES, &starts, &mut room) {
                let eight = eight_at(text, place);
                let following = (eight >> u32::BITS) as u32;
                for filed in self.filed_under(hash) {
                    let counted = BYTES.get(usize::from(filed.counted)).copied().unwrap_or(0);
                    if (filed.following ^ following) & counted == 0
                        && let Some(spelling) = self.spellings.get(usize::from(filed.term))
                        && let Some(start) = spelling.start_at(text, place, eight)
                    {
                        on_hit(start, filed.term);
                    }
                }
            }
        }
    }

    /// The places in a block where words begin as terms do, with their hashes. They are collected before any of them is
    /// looked at, as nobody could guess which they are.
    fn known<'r>(
        &self,
        text: &[u8],
        block: usize,
        starts: &Starts,
        room: &'r mut [(u8, u16); BLOCK_BYTES],
    ) -> impl Iterator<Item = (usize, usize)> + 'r {
        let mut count = 0;
        let mut left = starts.all;
        while left != 0 {
            let at = left.trailing_zeros() as usize;
            left &= left - 1;
            let hash = hash(starts.key_at(text, block + at, at));
            room.get_mut(count).into_iter().for_each(|known| *known = (at as u8, hash as u16));
            let word = self.filter.get(hash / 64).copied().unwrap_or(0);
            count += (word >> (hash % 64) & 1) as usize;
        }
        room.iter().take(count).map(move |(at, hash)| (block + usize::from(*at), usize::from(*hash)))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.filed.len()
    }

    fn filed_under(&self, hash: usize) -> &[Filed] {
        let bounds = self.buckets.get(hash..hash + 2);
        let range =
            bounds.and_then(|bounds| Some(usize::from(*bounds.first()?)..usize::from(*bounds.last()?)));
        range.and_then(|range| self.filed.get(range)).unwrap_or_default()
    }
}

/// Where in a block terms may begin, and which of its bytes are letters and digits.
struct Starts {
    all: Mask,
    within: Mask,
}

impl Starts {
    fn of(bytes: &[u8], follows_word: bool) -> Self {
        let block = Block::<4>::of(bytes);
        let within = block.letters() | block.digits();
        let opens = block.any_of(MARKUP);
        // What follows the block is not known.
        let markup = opens & ((block.graphic() & !within) >> 1 | 1 << (BLOCK_BYTES - 1));
        let words = within & !(within << 1 | Mask::from(follows_word));
        Self { all: words | block.character_starts() | markup, within }
    }

    fn ends_word(&self) -> bool {
        self.within >> (BLOCK_BYTES - 1) != 0
    }

    /// The key at one of these places of the text, so far behind the start of the block.
    fn key_at(&self, text: &[u8], place: usize, at: usize) -> u32 {
        let letters = (self.within >> at).trailing_ones() as usize;
        if letters == 0 || at > BLOCK_BYTES - KEY_BYTES {
            return key_at(text, place);
        }
        let kept = BYTES.get(letters.min(KEY_BYTES)).copied().unwrap_or(0);
        (u32::from_le_bytes(first_at(text, place)) | u32::from_le_bytes([SMALL; KEY_BYTES])) & kept
    }
}

/// So many of the first bytes.
const BYTES: [u32; KEY_BYTES + 1] = [0, 0xFF, 0xFFFF, 0xFF_FFFF, u32::MAX];

/// The words of a term by which it may be found: where they start, and their key.
fn keys(term: &Term) -> impl Iterator<Item = (usize, u32)> {
    (term.lead..term.bytes.len()).filter_map(|place| {
        let rest = term.bytes.get(place..).unwrap_or_default();
        let is_told = place == term.lead || is_start(&term.bytes, place, false) && is_key(rest, false);
        let (key, is_ascii) = (key_at(rest, 0), rest.first().is_some_and(u8::is_ascii_alphanumeric));
        (is_told && (is_ascii || place == term.lead)).then_some((place, key))
    })
}

/// How common words are that begin so, roughly.
fn commonness(key: u32) -> usize {
    match key.to_le_bytes() {
        [_, 0, ..] | [_, _, 0, _] => 50,
        [_, _, _, 0] => 10,
        four if COMMON.contains(&&four) => 10,
        _ => 1,
    }
}

/// The beginnings of common words.
const COMMON: [&[u8; KEY_BYTES]; 30] = [
    b"that", b"this", b"with", b"your", b"from", b"have", b"what", b"when", b"will", b"were", b"they",
    b"them", b"then", b"ther", b"thei", b"thes", b"whic", b"some", b"into", b"been", b"must", b"shou",
    b"woul", b"abou", b"othe", b"only", b"more", b"like", b"user", b"cont",
];

/// A term under the hash of the key of one of its words. One that ends within that word, a byte short of a key, is filed
/// under all that may follow.
fn file(number: u16, term: &Term, word: usize, key: u32) -> impl Iterator<Item = (usize, Filed)> {
    let rest = term.bytes.get(word..).unwrap_or_default();
    let letters = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    // A gap may be any sign, and ends what is compared as a number here.
    let counted = rest.iter().skip(KEY_BYTES).take(KEY_BYTES).take_while(|byte| **byte != GAP).count();
    let filed =
        Filed { following: (eight_at(rest, 0) >> u32::BITS) as u32, counted: counted as u8, term: number };
    let goes_on = letters > 0 && letters == rest.len() && letters < KEY_BYTES;
    let following = (b'0'..=b'9').chain(b'a'..=b'z').filter(move |_| goes_on);
    following.map(Some).chain([None]).map(move |following| {
        let mut key = key.to_le_bytes();
        key.last_mut().into_iter().zip(following).for_each(|(last, byte)| *last = byte);
        (hash(u32::from_le_bytes(key)), filed)
    })
}

impl Spelling {
    fn new(term: &Term, word: usize) -> Self {
        let (before, rest) = term.bytes.split_at_checked(word).unwrap_or_default();
        let (known, ends_with_gap) = match rest.strip_suffix(&[GAP]) {
            Some(known) => (known, true),
            None => (rest, false),
        };
        let is_short = known.len().max(before.len()) <= size_of::<u64>();
        let place = |place: usize| u8::try_from(place).unwrap_or(u8::MAX);
        Self {
            word: place(word),
            lead: place(term.lead),
            gap: NonZeroU8::new(place(known.len())).filter(|_| ends_with_gap),
            eight: Eight::first(known),
            before: Eight::last(before),
            whole: (!is_short).then(|| term.bytes.as_slice().into()),
        }
    }

    /// Where the first word of the term starts if it stands here, the word it is filed by at this place, where these
    /// bytes are.
    fn start_at(&self, text: &[u8], place: usize, eight: u64) -> Option<usize> {
        if !self.eight.is_in(eight) || self.word > 0 && !self.before.is_in(eight_before(text, place)) {
            return None;
        }
        let start = place.checked_sub(usize::from(self.word))?;
        let ends = |at: usize| text.get(at).is_none_or(|byte| !byte.is_ascii_alphanumeric());
        let is_there = self.gap.is_none_or(|gap| ends(place + usize::from(gap.get())));
        let is_same = |bytes: &[u8]| {
            bytes.iter().zip(start..).all(|(byte, at)| match *byte {
                GAP => ends(at),
                byte => text.get(at).is_some_and(|found| found.to_ascii_lowercase() == byte),
            })
        };
        let is_whole = self.whole.as_ref().is_none_or(|bytes| is_same(bytes));
        (is_there && is_whole).then_some(start + usize::from(self.lead))
    }
}

/// The first bytes of the word at this place, in lower case, as many as it has.
fn key_at(text: &[u8], place: usize) -> u32 {
    let four = first_at(text, place);
    let kept = key_bytes(&four);
    (u32::from_le_bytes(four) | u32::from_le_bytes([SMALL; KEY_BYTES]))
        & (u32::MAX >> (8 * (KEY_BYTES - kept)))
}

fn eight_at(text: &[u8], place: usize) -> u64 {
    u64::from_le_bytes(first_at(text, place)) | u64::from_le_bytes([SMALL; size_of::<u64>()])
}

/// The bytes before this place.
fn eight_before(text: &[u8], place: usize) -> u64 {
    let before = text.get(..place).unwrap_or_default();
    let eight = before.last_chunk().copied().unwrap_or_else(|| {
        let mut last = [0; size_of::<u64>()];
        last.iter_mut().rev().zip(before.iter().rev()).for_each(|(to, byte)| *to = *byte);
        last
    });
    u64::from_le_bytes(eight) | u64::from_le_bytes([SMALL; size_of::<u64>()])
}

/// The bytes from this place on, noughts where there are none.
fn first_at<const BYTES: usize>(text: &[u8], place: usize) -> [u8; BYTES] {
    let rest = text.get(place..).unwrap_or_default();
    rest.first_chunk().copied().unwrap_or_else(|| {
        let mut first = [0; BYTES];
        first.iter_mut().zip(rest).for_each(|(to, byte)| *to = *byte);
        first
    })
}

fn hash(key: u32) -> usize {
    ((key ^ key >> 15).wrapping_mul(0x9E37_79B1) >> (u32::BITS - FILTER_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(bytes: &str) -> Term {
        let lead = bytes.find(|sign: char| sign.is_alphanumeric()).unwrap_or(0);
        Term { bytes: bytes.bytes().map(|byte| if byte == b'_' { GAP } else { byte }).collect(), lead }
    }

    /// Where the terms stand that are found, by their number in order.
    fn hits(terms: &[&str], text: &str) -> Vec<(usize, u16)> {
        let terms: Vec<Term> = terms.iter().copied().map(term).collect();
        let mut hits = Vec::new();
        TermSearch::new(terms.iter()).search(text.as_bytes(), |place, term| hits.push((place, term)));
        hits.sort_unstable();
        hits
    }

    #[test]
    fn terms_are_found_where_words_begin_in_any_case() {
        let terms = ["mill_", "mill", "mil", "at_the_mill", "](mill", "\u{96ea}", "ai_", "!["];
        for (text, expected) in [
            ("MILL", vec![(0, 0), (0, 1), (0, 2)]),
            ("mills and Milk", vec![(0, 1), (0, 2), (10, 2)]),
            ("windmill, wind_mill", vec![(15, 0), (15, 1), (15, 2)]),
            ("at\nthe mill", vec![(0, 3), (7, 0), (7, 1), (7, 2)]),
            ("[a](mill)", vec![(4, 0), (4, 1), (4, 2), (4, 4)]),
            ("雪mill\u{e9}", vec![(0, 5), (3, 0), (3, 1), (3, 2)]),
            ("AI, ai_ aim", vec![(0, 6), (4, 6)]),
            ("![x", vec![(0, 7)]),
            ("", vec![]),
            ("mi", vec![]),
        ] {
            assert_eq!(hits(&terms, text), expected, "{text}");
        }
    }

    #[test]
    fn gaps_within_terms_are_any_signs() {
        let term = "note_to_assistants_";
        for text in [
            "note to assistants",
            "note_to_assistants",
            "NOTE-to\nassistants.",
            "note\u{e9}to\u{e9}assistants",
        ] {
            let is_one_byte = text.is_ascii();
            assert_eq!(hits(&[term], text), if is_one_byte { vec![(0, 0)] } else { vec![] }, "{text}");
        }
        for text in ["note0to assistants", "notes to assistants", "note to assistantship"] {
            assert!(hits(&[term], text).is_empty(), "{text}");
        }
    }

    #[test]
    fn terms_are_found_at_every_place_once() {
        for offset in 0..130 {
            for tail in ["", " y", "\u{e9}"] {
                let text = format!("{}visit the old mill{tail}", "x ".repeat(offset));
                let start = 2 * offset;
                let found = hits(&["visit_the_old_mill_", "mill", "old"], &text);
                assert_eq!(found, [(start, 0), (start + 10, 2), (start + 14, 1)], "{text}");
            }
        }
    }

    #[test]
    fn starts_are_told_byte_by_byte() {
        let pieces: [&[u8]; 12] = [
            b"mill",
            b" ",
            b"_",
            b"7",
            "\u{96ea}".as_bytes(),
            "\u{436}".as_bytes(),
            b"![",
            b"[",
            b"<a",
            b"{\"",
            b"!\xe9",
            b"]]",
        ];
        let mut text = Vec::new();
        for number in 0..400usize {
            text.extend_from_slice(pieces[(number * number + number / 7) % pieces.len()]);
        }
        for first in 0..70 {
            let text = &text[first..];
            let mut follows_word = false;
            for (number, block) in text.chunks(BLOCK_BYTES).enumerate() {
                let starts = Starts::of(block, follows_word);
                for at in 0..block.len() {
                    let place = number * BLOCK_BYTES + at;
                    // What follows a block is not known: markup is taken to go on.
                    let is_last = at + 1 == BLOCK_BYTES && MARKUP.contains(&text[place]);
                    let expected = is_start(text, place, true) || is_last;
                    assert_eq!(starts.all >> at & 1 != 0, expected, "{place} of {first}");
                    if expected {
                        assert_eq!(starts.key_at(text, place, at), key_at(text, place), "{place} of {first}");
                    }
                }
                follows_word = starts.ends_word();
            }
        }
    }
}
