//! Which families may match in a part of a text, told by the words that stand there: a phrase needs several at once
//! ("ignore" and "instructions"), and ordinary text rarely has all of them near each other.
//!
//! The words are read off the phrases. It deliberately knows neither their order nor their distance: blocks of text
//! have them or not.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use regex_syntax::hir::Hir;

use super::terms::{TERM_BYTES_MAX, inside};
use crate::required::{Words, plain, required};

/// A list of words, by its number.
pub(super) type List = u16;

/// Phrases beyond this many lists are tried without asking.
const LISTS_MAX: usize = LIST_WORDS * u64::BITS as usize;
const LIST_WORDS: usize = 56;
/// Shorter words stand in every text. A gap at an end counts.
pub(super) const WORD_BYTES_MIN: usize = 4;
/// Words are noted by blocks of this size.
const BLOCK_BYTES: usize = 256;
/// So many lists of words are asked of one phrase, the rarest ones.
const LISTS_OF_PHRASE_MAX: usize = 3;
/// A list whose words are more common than this is not worth looking for beside another.
const COST_MAX: usize = 4000;
/// Of a word of nearly every text.
const COMMON_COST: usize = 400;

/// The words phrases need, and which phrase needs which.
#[derive(Default)]
pub(super) struct Conjunctions {
    /// By family.
    ways: Vec<Ways>,
    /// By family, whether a phrase of it may hold none of its stems.
    holds_no_stem: Vec<bool>,
    lists: BTreeMap<Words, List>,
    /// Those with words that are only found between bytes of ASCII.
    short: Lists,
}

impl Conjunctions {
    /// The phrases of the next family, and the stems that are near whenever it is asked for.
    pub(super) fn add(&mut self, phrases: &[Hir], stems: &[&str]) {
        let mut ways = Ways::default();
        let mut holds_no_stem = false;
        for sets in phrases.iter().flat_map(|phrase| required(phrase, WORD_BYTES_MIN)) {
            holds_no_stem |= !sets.iter().any(|words| is_told(words, stems));
            ways.add(telling(sets, stems).into_iter().filter_map(|words| self.number(words)).collect());
        }
        self.holds_no_stem.push(holds_no_stem);
        self.ways.push(ways);
    }

    /// Whether phrases are tried without asking for want of lists.
    #[cfg(test)]
    pub(super) fn is_full(&self) -> bool {
        self.lists.len() >= LISTS_MAX
    }

    /// None when there are too many lists already.
    fn number(&mut self, words: Words) -> Option<List> {
        if let Some(known) = self.lists.get(&words) {
            return Some(*known);
        }
        let number = List::try_from(self.lists.len()).ok().filter(|next| usize::from(*next) < LISTS_MAX)?;
        if words.iter().any(|word| inside(word).len() < WORD_BYTES_MIN) {
            self.short.add(number);
        }
        self.lists.insert(words, number);
        Some(number)
    }

    /// All words, each with the lists it stands on.
    pub(super) fn words(&self) -> BTreeMap<&[u8], Vec<List>> {
        let mut words: BTreeMap<&[u8], Vec<List>> = BTreeMap::new();
        for (list, number) in &self.lists {
            list.iter().for_each(|word| words.entry(word).or_default().push(*number));
        }
        words
    }

    /// Whether a phrase of the family may begin behind the stem it is tried for.
    pub(super) fn may_begin_behind(&self, family: usize) -> bool {
        self.holds_no_stem.get(family).copied().unwrap_or(true)
    }

    /// Whether a phrase of the family has all its words in this part.
    pub(super) fn may_match(&self, family: usize, places: &Places, part: &Range<usize>) -> bool {
        let mut here = places.lists(part);
        if !places.is_ascii {
            here.add_all(&self.short);
        }
        self.ways.get(family).is_some_and(|ways| ways.is_one_open(&here))
    }
}

/// The ways in which phrases of a family may match, each by the lists it needs.
#[derive(Default)]
struct Ways {
    /// One needs nothing that is looked for.
    is_always_open: bool,
    /// The rarest list of each way, and what is needed beside it.
    rarest: Lists,
    beside: BTreeMap<List, BTreeSet<Vec<List>>>,
}

impl Ways {
    /// The rarest list stands first.
    fn add(&mut self, needed: Vec<List>) {
        let Some((rarest, beside)) = needed.split_first() else {
            self.is_always_open = true;
            return;
        };
        self.rarest.add(*rarest);
        self.beside.entry(*rarest).or_default().insert(beside.to_vec());
    }

    fn is_one_open(&self, here: &Lists) -> bool {
        let stands = |rarest| self.beside.get(&rarest).into_iter().flatten();
        self.is_always_open
            || self
                .rarest
                .shared(here)
                .any(|rarest| stands(rarest).any(|beside| beside.iter().all(|list| here.has(*list))))
    }
}

/// The sets worth asking for: the rarest of those that the stems do not tell already, or of all. Words that stand
/// everywhere tell nothing.
fn telling(sets: Vec<Words>, stems: &[&str]) -> Vec<Words> {
    let mut sets: Vec<Words> =
        sets.iter().map(shortened).filter(|words| !words.iter().any(|word| is_everywhere(word))).collect();
    let is_told = |words: &Words| is_told(words, stems);
    sets.sort_by_cached_key(|words| (is_told(words), cost(words)));
    sets.dedup();
    let telling = sets
        .into_iter()
        .enumerate()
        .filter(|(index, words)| *index == 0 || (cost(words) < COST_MAX && !is_told(words)));
    telling.take(LISTS_OF_PHRASE_MAX).map(|(_, words)| words).collect()
}

/// Words long enough stand without what ends them, and those that hold another are left out.
fn shortened(words: &Words) -> Words {
    let cut = |word: &Vec<u8>| {
        let inside = word.get(inside(word)).unwrap_or_default();
        let inside = inside.get(..TERM_BYTES_MAX).unwrap_or(inside);
        if inside.len() < WORD_BYTES_MIN { word.clone() } else { inside.to_vec() }
    };
    let words: Words = words.iter().map(cut).collect();
    let holds_another = |word: &Vec<u8>| {
        words
            .iter()
            .any(|other| other.len() < word.len() && word.windows(other.len()).any(|part| part == other))
    };
    words.iter().filter(|word| !holds_another(word)).cloned().collect()
}

fn is_everywhere(word: &[u8]) -> bool {
    let inside = word.get(inside(word)).unwrap_or_default();
    EVERYWHERE.iter().any(|known| known.as_bytes() == inside)
}

/// Whether each word holds a stem.
fn is_told(words: &Words, stems: &[&str]) -> bool {
    words.iter().all(|word| stems.iter().any(|stem| contains(word, stem)))
}

fn contains(word: &[u8], stem: &str) -> bool {
    let stem: Vec<u8> = stem.bytes().map(plain).collect();
    word.windows(stem.len()).any(|window| window == stem)
}

/// Words of nearly every sentence.
const EVERYWHERE: [&str; 24] = [
    "a", "and", "are", "as", "at", "be", "for", "in", "in the", "ing", "is", "it", "of", "of the", "on",
    "that", "the", "this", "to", "to the", "type", "with", "name", "http",
];
/// Words of nearly every text.
const COMMON: [&str; 56] = [
    "all", "also", "an", "any", "been", "but", "by", "can", "do", "first", "from", "get", "had", "has",
    "have", "here", "how", "if", "its", "just", "like", "me", "more", "most", "my", "new", "no", "not",
    "now", "one", "only", "or", "other", "role", "set", "so", "their", "then", "there", "they", "to be",
    "two", "use", "user", "was", "we", "were", "what", "when", "which", "who", "will", "would", "you",
    "your", "content",
];

/// How common the words of a list are, roughly: short ones are, and so are long lists.
fn cost(words: &Words) -> usize {
    let commonness = |word: &Vec<u8>| {
        let inside = word.get(inside(word)).unwrap_or_default();
        if COMMON.iter().any(|known| known.as_bytes() == inside) {
            return COMMON_COST;
        }
        let letters = match inside.len() {
            ..=2 => 120,
            3 => 80,
            4 => 40,
            5 => 20,
            6 => 10,
            7 => 5,
            _ => 3,
        };
        if inside.contains(&b' ') { 1 + letters / 4 } else { letters }
    };
    words.iter().map(commonness).sum()
}

/// Lists of words: one bit each.
#[derive(Clone, Copy)]
struct Lists([u64; LIST_WORDS]);

impl Default for Lists {
    fn default() -> Self {
        Self([0; LIST_WORDS])
    }
}

impl Lists {
    fn add(&mut self, list: List) {
        if let Some(word) = self.0.get_mut(usize::from(list) / u64::BITS as usize) {
            *word |= 1 << (u32::from(list) % u64::BITS);
        }
    }

    fn add_all(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word |= other;
        }
    }

    fn shared<'l>(&'l self, other: &'l Self) -> impl Iterator<Item = List> {
        let words = (0..).step_by(u64::BITS as usize).zip(self.0.iter().zip(other.0));
        words.flat_map(|(first, (one, other))| {
            let mut left = one & other;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as List)?;
                left &= left - 1;
                Some(first + bit)
            })
        })
    }

    fn has(&self, list: List) -> bool {
        let word = self.0.get(usize::from(list) / u64::BITS as usize);
        word.is_some_and(|word| word >> (u32::from(list) % u64::BITS) & 1 != 0)
    }
}

/// Which lists have a word in which block of a text.
pub(super) struct Places {
    blocks: Vec<Lists>,
    text_bytes: usize,
    is_ascii: bool,
}

impl Places {
    pub(super) fn new(text: &[u8]) -> Self {
        Self { blocks: Vec::new(), text_bytes: text.len(), is_ascii: text.is_ascii() }
    }

    pub(super) fn add(&mut self, place: usize, lists: &[List]) {
        // Most texts are short and have none.
        if self.blocks.is_empty() {
            self.blocks.resize(self.text_bytes / BLOCK_BYTES + 1, Lists::default());
        }
        if let Some(block) = self.blocks.get_mut(place / BLOCK_BYTES) {
            lists.iter().for_each(|list| block.add(*list));
        }
    }

    /// The blocks that a part touches: the gap before its first word too.
    pub(super) fn blocks(part: &Range<usize>) -> Range<usize> {
        let start = part.start.saturating_sub(1);
        start / BLOCK_BYTES * BLOCK_BYTES..(part.end / BLOCK_BYTES + 1) * BLOCK_BYTES
    }

    fn lists(&self, part: &Range<usize>) -> Lists {
        let Range { start, end } = Self::blocks(part);
        let blocks = self.blocks.get(start / BLOCK_BYTES..).unwrap_or_default();
        let mut lists = Lists::default();
        for block in blocks.iter().take((end - start) / BLOCK_BYTES) {
            lists.add_all(block);
        }
        lists
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gap_before_a_part_belongs_to_it() {
        let text = [b' '; 2 * BLOCK_BYTES];
        for (place, is_at_start, is_behind) in
            [(BLOCK_BYTES - 1, true, false), (BLOCK_BYTES, true, true), (2 * BLOCK_BYTES - 1, true, true)]
        {
            let mut places = Places::new(&text);
            places.add(place, &[7]);
            assert_eq!(places.lists(&(BLOCK_BYTES..BLOCK_BYTES + 9)).has(7), is_at_start, "{place}");
            assert_eq!(places.lists(&(BLOCK_BYTES + 1..BLOCK_BYTES + 9)).has(7), is_behind, "{place}");
        }
    }
}
