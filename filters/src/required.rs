//! The words without which a pattern cannot match: sets of literals, of each of which at least one must stand in
//! every match. They are read off the pattern, so that they cannot fall behind it.
//!
//! Literals are in lower case, and what is no part of a word is a space in them: `\bmill\b` needs " mill " where a
//! text has "(mill)". It deliberately says nothing about order and distance: whoever finds the words tries the
//! pattern.

use std::collections::BTreeSet;

use regex_syntax::hir::{Class, Hir, HirKind, Look};
use wide::u8x16;

/// Literals, one of which stands in every match.
pub(crate) type Words = BTreeSet<Vec<u8>>;

/// Alternatives beyond this many tell little and cost much.
const WORDS_MAX: usize = 600;

pub(crate) const BLOCK_BYTES: usize = 64;
const LANE_BYTES: usize = 16;

/// A byte as it stands in a literal.
pub(crate) fn plain(byte: u8) -> u8 {
    if is_word(byte) || !byte.is_ascii() { byte.to_ascii_lowercase() } else { b' ' }
}

/// Whether a byte is part of a word, as `\b` sees it.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Which bytes of a block, of at most [`BLOCK_BYTES`], are part of a word: a bit each, the first one lowest.
pub(crate) fn words(block: &[u8]) -> u64 {
    let mut padded = [b' '; BLOCK_BYTES];
    padded.iter_mut().zip(block).for_each(|(place, byte)| *place = *byte);
    let (lanes, _) = padded.as_chunks();
    (0..).step_by(LANE_BYTES).zip(lanes).fold(0, |words, (shift, lane)| {
        let lane = u8x16::new(*lane);
        let within = |lane: u8x16, first: u8, last: u8| {
            lane.simd_eq(lane.max(u8x16::splat(first))) & lane.simd_eq(lane.min(u8x16::splat(last)))
        };
        let letter = within(lane | u8x16::splat(0x20), b'a', b'z');
        let sign = within(lane, b'0', b'9') | lane.simd_eq(u8x16::splat(b'_'));
        words | u64::from((letter | sign).to_bitmask()) << shift
    })
}

/// The ways in which `pattern` may match, each by the sets it must satisfy, all of literals of at least `bytes_min`
/// bytes.
pub(crate) fn required(pattern: &Hir, bytes_min: usize) -> Vec<Vec<Words>> {
    ways(pattern).iter().map(|way| sets(way, bytes_min)).collect()
}

/// The alternatives of a pattern, each with what they share.
pub(crate) fn ways(pattern: &Hir) -> Vec<Hir> {
    let whole = || vec![pattern.clone()];
    match pattern.kind() {
        HirKind::Capture(capture) => ways(&capture.sub),
        HirKind::Alternation(branches) => branches.iter().flat_map(ways).collect(),
        HirKind::Concat(parts) => {
            let is_plain = |part: &Hir| {
                matches!(part.kind(), HirKind::Look(_) | HirKind::Literal(_) | HirKind::Class(_))
            };
            let mut split = parts.iter().enumerate().filter(|(_, part)| !is_plain(part));
            let (Some((index, part)), None) = (split.next(), split.next()) else { return whole() };
            let (HirKind::Alternation(_) | HirKind::Capture(_)) = part.kind() else { return whole() };
            let with = |way: Hir| {
                let replaced = parts.iter().enumerate();
                Hir::concat(
                    replaced.map(|(at, part)| if at == index { &way } else { part }.clone()).collect(),
                )
            };
            ways(part).into_iter().map(with).collect()
        }
        _ => whole(),
    }
}

fn sets(pattern: &Hir, bytes_min: usize) -> Vec<Words> {
    let mut collected = Collected { bytes_min, literal: Vec::new(), sets: Vec::new() };
    collected.add(pattern, false);
    collected.end_literal();
    collected.sets
}

/// What was read of a pattern so far.
struct Collected {
    bytes_min: usize,
    /// Bytes that follow one another in every match.
    literal: Vec<u8>,
    sets: Vec<Words>,
}

impl Collected {
    /// `word_ends` says that no word goes on behind this.
    fn add(&mut self, hir: &Hir, word_ends: bool) {
        match hir.kind() {
            HirKind::Empty => {}
            HirKind::Look(Look::WordAscii) => self.boundary(),
            HirKind::Look(_) => {}
            HirKind::Literal(literal) => literal.0.iter().for_each(|byte| self.push(plain(*byte))),
            HirKind::Class(class) => match single(class) {
                Some(byte) => self.push(byte),
                None => self.end_literal(),
            },
            HirKind::Capture(capture) => self.add(&capture.sub, word_ends),
            HirKind::Concat(parts) => {
                let next = parts.iter().skip(1).map(Some).chain([None]);
                for (part, next) in parts.iter().zip(next) {
                    self.add(part, next.map_or(word_ends, begins_with_gap));
                }
            }
            HirKind::Repetition(repetition) => {
                self.end_literal();
                if repetition.min > 0 {
                    self.add(&repetition.sub, false);
                    self.end_literal();
                }
            }
            HirKind::Alternation(branches) => {
                let before = std::mem::take(&mut self.literal);
                self.sets.extend(one_of(branches, &before, word_ends, self.bytes_min));
                self.literal = before;
                self.end_literal();
            }
        }
    }

    fn push(&mut self, byte: u8) {
        // A boundary and the byte that makes it are one.
        let stands = byte == b' ' && self.literal.last() == Some(&b' ') && self.literal.len() == 1;
        if !stands {
            self.literal.push(byte);
        }
    }

    /// Between a word and what is none: behind a word a gap follows, otherwise a word does.
    fn boundary(&mut self) {
        match self.literal.last() {
            Some(last) if is_word(*last) => {
                self.literal.push(b' ');
                self.end_literal();
            }
            Some(_) => {}
            None => self.literal.push(b' '),
        }
    }

    fn end_literal(&mut self) {
        let literal = std::mem::take(&mut self.literal);
        if literal.len() >= self.bytes_min {
            self.sets.push(Words::from([literal]));
        }
    }
}

/// One set for all branches, each behind the same bytes, if every branch has one.
fn one_of(branches: &[Hir], before: &[u8], word_ends: bool, bytes_min: usize) -> Option<Words> {
    let mut all = Words::new();
    for branch in branches {
        let mut collected = Collected { bytes_min, literal: before.to_vec(), sets: Vec::new() };
        collected.add(branch, word_ends);
        if word_ends && collected.literal.last().is_some_and(|last| is_word(*last)) {
            collected.literal.push(b' ');
        }
        collected.end_literal();
        // The longest of what a branch must hold is the rarest.
        let shortest = |words: &Words| words.iter().map(Vec::len).min().unwrap_or(0);
        all.extend(
            collected.sets.into_iter().max_by_key(|words| (shortest(words), usize::MAX - words.len()))?,
        );
    }
    (all.len() <= WORDS_MAX).then_some(all)
}

/// Whether what matches here begins with the end of a word.
fn begins_with_gap(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Look(Look::WordAscii) => true,
        HirKind::Literal(literal) => literal.0.first().is_some_and(|byte| plain(*byte) == b' '),
        HirKind::Class(class) => single(class) == Some(b' '),
        HirKind::Capture(capture) => begins_with_gap(&capture.sub),
        HirKind::Concat(parts) => parts.first().is_some_and(begins_with_gap),
        HirKind::Alternation(branches) => branches.iter().all(begins_with_gap),
        HirKind::Repetition(repetition) => repetition.min > 0 && begins_with_gap(&repetition.sub),
        HirKind::Empty | HirKind::Look(_) => false,
    }
}

/// The one byte a class stands for in a literal.
fn single(class: &Class) -> Option<u8> {
    let Class::Bytes(class) = class else { return None };
    let mut bytes = class.iter().flat_map(|range| range.start()..=range.end()).map(plain);
    let first = bytes.next()?;
    bytes.all(|byte| byte == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anchored::parse;

    fn words(pattern: &str) -> Vec<Vec<String>> {
        let text = |word: &Vec<u8>| String::from_utf8(word.clone()).unwrap();
        let sets = sets(&parse(pattern, true).unwrap(), 4);
        sets.iter().map(|words| words.iter().map(text).collect()).collect()
    }

    #[test]
    fn words_in_a_block_are_told_byte_by_byte() {
        let bytes: Vec<u8> = (0..=u8::MAX).collect();
        for length in [0, 1, 17, 64] {
            for start in 0..=bytes.len() - length {
                let block = &bytes[start..start + length];
                let bits = (0u32..).zip(block).map(|(at, byte)| u64::from(is_word(*byte)) << at);
                let expected: u64 = bits.sum();
                assert_eq!(super::words(block), expected, "{start} {length}");
            }
        }
    }

    #[test]
    fn words_of_every_match_are_read_off() {
        for (pattern, expected) in [
            ("Meet", vec![vec!["meet"]]),
            (r"\bmeet(?:ing)? there", vec![vec![" meet"], vec![" there"]]),
            (r"\bmeet\s(?:the )?mill\b", vec![vec![" meet "], vec!["mill "]]),
            (r"(?:meet|visit) (?:the )?mill", vec![vec!["meet ", "visit "], vec!["mill"]]),
            (r"re(?:ader|new)s", vec![vec!["reader", "renew"]]),
            (r"\b(?:meet|or)\b there", vec![vec![" meet ", " or "], vec![" there"]]),
            (r"(?:meet|or)[a-z]? there", vec![vec![" there"]]),
            (r"(?:meet (?:her|him) there|visit)", vec![vec!["meet her ", "meet him ", "visit"]]),
            (r"(?:storm)+ x{3,}", vec![vec!["storm"]]),
            (r"[a-z]{4} .*", vec![]),
            ("метель", vec![vec!["метель"]]),
            (r"they're\b", vec![vec!["they re "]]),
        ] {
            assert_eq!(words(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn alternatives_have_words_of_their_own() {
        let ways = required(&parse(r"\b(?:meet there|visit the (?:mill|shop))\b", true).unwrap(), 4);
        assert_eq!(ways.len(), 3);
    }
}
