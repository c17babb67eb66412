//! Where phrases may begin, told by the words that stand in a text: a phrase needs several at once ("ignore" and
//! "instructions"), one behind the other and not far from it, and ordinary text rarely has them so.
//!
//! The words are read off the phrases. A text is read once, word by word, and of each list of words the last one is
//! kept in mind; nothing else is. It deliberately knows nothing of what else a phrase asks: phrases decide.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::ops::Range;

use regex_syntax::hir::Hir;

use super::Sets;
use super::terms::TermSearch;
use crate::required::{Distance, GAP, Needed, Term, Terms, required};

/// A list of words, by its number.
type List = u16;

/// So many lists of words are asked of one phrase, the rarest ones.
const LISTS_OF_PHRASE_MAX: usize = 3;
/// A list whose words are more common than this is not worth looking for beside another.
const COST_MAX: usize = 30_000;
/// Words of so many bytes are rarely the beginning of others.
const LONG_WORD_BYTES: usize = 5;
/// Of a word of nearly every text.
const COMMON_COST: usize = 400;
/// Words so far apart have nothing to do with each other.
const FAR: u32 = 1 << 12;

/// A phrase needs no word, so that nothing tells where it stands; it means this build is broken.
#[derive(Debug, thiserror::Error)]
#[error("no word tells where {phrase} may stand")]
pub(super) struct Wordless {
    phrase: String,
}

/// What is read of the phrases, one family after the other.
#[derive(Default)]
pub(super) struct Reading {
    lists: BTreeMap<Terms, List>,
    ways: BTreeMap<WaySource, Sets>,
    /// The rarest list of each phrase.
    rarest: BTreeSet<List>,
    /// Words that say something by themselves.
    signs: BTreeMap<Term, Sets>,
}

/// What is needed at a word for a phrase to stand around it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct WaySource {
    /// Of that word, behind all others.
    last: List,
    /// Lists of which a word stands before that word, at most so many bytes.
    before: Vec<(List, usize)>,
    begins: Begins,
}

/// How a phrase begins: so many bytes before the word of one of its lists. Of all of them, this word tells best.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Begins {
    list: List,
    /// That word stands at most so many bytes before the last.
    within: usize,
    nearest: usize,
    farthest: usize,
}

impl Reading {
    /// The phrases of the next family, none of which is longer than `reach`.
    pub(super) fn add(&mut self, phrases: &[Hir], family: Sets, reach: usize) -> Result<(), Wordless> {
        for (phrase, needed) in phrases.iter().flat_map(|phrase| iter::repeat(phrase).zip(required(phrase))) {
            let wordless = || Wordless { phrase: phrase.to_string() };
            let telling = telling(needed);
            let lists: Vec<List> = telling.iter().map(|needed| self.number(&needed.terms)).collect();
            self.rarest.insert(*lists.first().ok_or_else(wordless)?);
            let begins =
                telling.iter().zip(&lists).min_by_key(|(needed, _)| needed.before.max - needed.before.min);
            let (beginning, list) = begins.ok_or_else(wordless)?;
            for (index, (needed, last)) in telling.iter().zip(&lists).enumerate() {
                let others = || telling.iter().zip(&lists).enumerate().filter(|(other, _)| *other != index);
                let behind = |other: &Needed| within(-between(needed, other).min, reach);
                let before = others().map(|(_, (other, list))| Some((*list, behind(other)?)));
                // Another one stands behind it always.
                let Some(before) = before.collect::<Option<Vec<_>>>() else { continue };
                let begins = Begins {
                    list: *list,
                    within: if list == last { 0 } else { behind(beginning).unwrap_or(0) },
                    nearest: within(beginning.before.min, reach).unwrap_or(0),
                    farthest: within(beginning.before.max, reach).unwrap_or(0),
                };
                *self.ways.entry(WaySource { last: *last, before, begins }).or_default() |= family;
            }
        }
        Ok(())
    }

    /// A word, as it stands at the beginning of one, that says something by itself. A space ends it.
    pub(super) fn add_sign(&mut self, word: &str, sets: Sets) {
        let mut bytes = word.trim().as_bytes().to_vec();
        if word.ends_with(' ') {
            bytes.push(GAP);
        }
        *self.signs.entry(Term { bytes, lead: 0 }).or_default() |= sets;
    }

    #[cfg(test)]
    fn terms(&self) -> BTreeSet<&Term> {
        self.lists.keys().flatten().chain(self.signs.keys()).collect()
    }

    fn number(&mut self, terms: &Terms) -> List {
        let next = self.lists.len().try_into().unwrap_or(List::MAX);
        *self.lists.entry(shortened(terms)).or_insert(next)
    }
}

/// Words long enough stand without what ends them, and those that begin with another are left out: fewer words differ.
fn shortened(terms: &Terms) -> Terms {
    let cut = |term: &Term| {
        let inside = inside(term);
        let kept = if inside.len() < LONG_WORD_BYTES { &term.bytes } else { inside };
        Term { bytes: kept.to_vec(), lead: term.lead }
    };
    let terms: Terms = terms.iter().map(cut).collect();
    let begins_with = |term: &Term, other: &Term| {
        other.bytes.len() < term.bytes.len()
            && other.lead == term.lead
            && term.bytes.starts_with(&other.bytes)
    };
    terms.iter().filter(|term| !terms.iter().any(|other| begins_with(term, other))).cloned().collect()
}

/// So many bytes, or as many as a phrase may reach. None is what stands on the other side.
fn within(bytes: isize, reach: usize) -> Option<usize> {
    usize::try_from(bytes).ok().map(|bytes| bytes.min(reach))
}

/// All words that phrases need, and what follows from them.
pub(super) struct Conjunctions {
    terms: TermSearch,
    /// By term.
    meanings: Vec<Meaning>,
    /// What the terms refer to, one behind the other.
    noted: Vec<List>,
    endings: Vec<Ending>,
    ways: Vec<Way>,
    lists: usize,
}

/// What a word stands for.
struct Meaning {
    /// Lists that are kept in mind.
    noted: Range<u32>,
    /// Where it ends what some phrase needs, if other words stand before it.
    endings: Range<u32>,
    signs: Sets,
    is_rare: bool,
}

/// What is needed first for a way: most often it is not there.
#[derive(Clone, Copy)]
struct Ending {
    list: List,
    within: u16,
    way: u16,
}

/// What else is needed before a word, and what may begin there then.
struct Way {
    before: Box<[(List, usize)]>,
    begins: Begins,
    families: Sets,
}

/// Where the last word of each list stood, and the one before it, in the texts read so far.
pub(super) struct Seen {
    places: Box<[(u32, u32)]>,
    /// Where the next text begins, far behind all others.
    next: u32,
}

/// What a word in a text tells.
pub(super) enum Told {
    /// Phrases of these families may begin in this part.
    Phrases(Range<usize>, Sets),
    /// What was to be told of words that say something by themselves.
    Sign(usize, Sets),
    /// It is one of the words that make phrases.
    Rare,
}

impl From<&Reading> for Conjunctions {
    fn from(read: &Reading) -> Self {
        let mut lists: BTreeMap<&Term, BTreeSet<List>> = BTreeMap::new();
        for (terms, list) in &read.lists {
            for term in terms {
                lists.entry(term).or_default().insert(*list);
            }
        }
        for sign in read.signs.keys() {
            lists.entry(sign).or_default();
        }
        let before = read.ways.keys().flat_map(|way| &way.before).map(|(list, _)| *list);
        let kept: BTreeSet<List> = before.chain(read.ways.keys().map(|way| way.begins.list)).collect();
        let (mut noted, mut endings, mut meanings) = (Vec::new(), Vec::new(), Vec::new());
        let mut ways = Vec::new();
        let mut ending: BTreeMap<List, Vec<Ending>> = BTreeMap::new();
        for (WaySource { last, before, begins }, families) in &read.ways {
            // A word stands where it stands.
            let (list, within) = before.first().copied().unwrap_or((*last, 0));
            let within = u16::try_from(within).unwrap_or(u16::MAX);
            let way = u16::try_from(ways.len()).unwrap_or(u16::MAX);
            ending.entry(*last).or_default().push(Ending { list, within, way });
            let before = before.get(1..).unwrap_or_default().into();
            ways.push(Way { before, begins: *begins, families: *families });
        }
        for (term, lists) in &lists {
            let (first_noted, first_ending) = (noted.len(), endings.len());
            let alone =
                |list: &&List| ending.get(list).is_some_and(|ways| ways.iter().any(|way| way.list == **list));
            noted.extend(lists.iter().filter(|list| kept.contains(list) || alone(list)));
            for list in lists {
                endings.extend(ending.get(list).into_iter().flatten().copied());
            }
            meanings.push(Meaning {
                noted: bounds(first_noted, noted.len()),
                endings: bounds(first_ending, endings.len()),
                signs: read.signs.get(term).copied().unwrap_or(0),
                is_rare: !lists.is_disjoint(&read.rarest),
            });
        }
        let terms = TermSearch::new(lists.keys().copied());
        Self { terms, meanings, noted, endings, ways, lists: read.lists.len() }
    }
}

fn bounds(start: usize, end: usize) -> Range<u32> {
    let bound = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
    bound(start)..bound(end)
}

fn part<'s, T>(all: &'s [T], bounds: &Range<u32>) -> &'s [T] {
    all.get(bounds.start as usize..bounds.end as usize).unwrap_or_default()
}

impl Conjunctions {
    pub(super) fn unseen(&self) -> Seen {
        Seen { places: vec![(0, 0); self.lists].into(), next: FAR }
    }

    /// Calls `on_told` with what the words of a text tell, in order.
    pub(super) fn read(&self, text: &[u8], seen: &mut Seen, mut on_told: impl FnMut(Told)) {
        let base = seen.begin(text.len());
        self.terms.search(text, |place, term| {
            let Some(meaning) = self.meanings.get(usize::from(term)) else { return };
            if meaning.signs != 0 {
                on_told(Told::Sign(place, meaning.signs));
            }
            if meaning.is_rare {
                on_told(Told::Rare);
            }
            let here = base.wrapping_add(place as u32);
            for list in part(&self.noted, &meaning.noted) {
                seen.note(*list, here);
            }
            for ending in part(&self.endings, &meaning.endings) {
                if !seen.is_near(ending.list, u32::from(ending.within), here) {
                    continue;
                }
                let Some(way) = self.ways.get(usize::from(ending.way)) else { continue };
                if way.before.iter().all(|(list, within)| seen.is_near(*list, *within as u32, here)) {
                    let (first, last) = seen.words(way.begins, here);
                    let start = place.saturating_sub(first as usize + way.begins.farthest);
                    let end = (place + 1).saturating_sub(last as usize + way.begins.nearest);
                    on_told(Told::Phrases(start..end, way.families));
                }
            }
        });
    }
}

#[cfg(test)]
impl Conjunctions {
    /// All words looked for, with what tells whether one of them is found where it stands alone.
    pub(super) fn for_each_word(&self, read: &Reading, mut on_word: impl FnMut(&Term, bool)) {
        for (number, term) in read.terms().into_iter().enumerate() {
            let mut is_found = false;
            let text: Vec<u8> =
                term.bytes.iter().map(|byte| if *byte == GAP { b' ' } else { *byte }).collect();
            self.terms.search(&text, |place, found| {
                is_found |= place == term.lead && usize::from(found) == number;
            });
            on_word(term, is_found);
        }
    }

    /// Whether there were numbers for all.
    pub(super) fn is_whole(&self) -> bool {
        let most = usize::from(u16::MAX);
        self.meanings.len() < most && self.ways.len() < most && self.lists < most && self.terms.len() < most
    }
}

impl Seen {
    /// Begins a text of so many bytes. Where there is no room for its places, what was seen is forgotten.
    fn begin(&mut self, bytes: usize) -> u32 {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX - 2 * FAR);
        if self.next.checked_add(bytes).and_then(|end| end.checked_add(FAR)).is_none() {
            self.places.fill((0, 0));
            self.next = FAR;
        }
        let base = self.next;
        self.next = base.saturating_add(bytes).saturating_add(FAR);
        base
    }

    /// Words of several parts are told when a later part is met, so that one may come behind a word it stands before.
    fn note(&mut self, list: List, here: u32) {
        match self.places.get_mut(usize::from(list)) {
            Some(seen) if here > seen.0 => *seen = (here, seen.0),
            Some(seen) if here < seen.0 && here > seen.1 => seen.1 = here,
            _ => {}
        }
    }

    fn of(&self, list: List) -> (u32, u32) {
        self.places.get(usize::from(list)).copied().unwrap_or((0, 0))
    }

    /// Whether a word of the list stands not too far before this place.
    fn is_near(&self, list: List, within: u32, here: u32) -> bool {
        let (last, before) = self.of(list);
        here.wrapping_sub(last) <= within || here.wrapping_sub(before) <= within
    }

    /// How far before this place the first and the last word stand with which a phrase may begin. Which they are is
    /// known of two.
    fn words(&self, begins: Begins, here: u32) -> (u32, u32) {
        let within = begins.within as u32;
        match self.of(begins.list) {
            (last, before) if last <= here && here - before > within => (here - last, here - last),
            (last, _) if last <= here => (within, here - last),
            (_, before) => (within, here.saturating_sub(before)),
        }
    }
}

/// From the first word of one list to that of another.
fn between(one: &Needed, other: &Needed) -> Distance {
    let by_start = (other.before.min - one.before.max, other.before.max - one.before.min);
    let by_end = (one.after.min - other.after.max, one.after.max - other.after.min);
    Distance { min: by_start.0.max(by_end.0), max: by_start.1.min(by_end.1) }
}

/// The lists worth asking for, the rarest first. Words that stand everywhere tell nothing.
fn telling(needed: Vec<Needed>) -> Vec<Needed> {
    let is_telling = |needed: &Needed| !needed.terms.iter().any(is_everywhere);
    let mut needed: Vec<Needed> = needed.into_iter().filter(is_telling).collect();
    needed.sort_by_cached_key(|needed| cost(&needed.terms));
    let asked = needed.into_iter().enumerate();
    let asked = asked.filter(|(index, needed)| *index == 0 || cost(&needed.terms) < COST_MAX);
    asked.take(LISTS_OF_PHRASE_MAX).map(|(_, needed)| needed).collect()
}

fn is_everywhere(term: &Term) -> bool {
    EVERYWHERE.iter().any(|known| known.as_bytes() == inside(term))
}

/// The bytes of a term between its gaps.
fn inside(term: &Term) -> &[u8] {
    let bytes = term.bytes.strip_suffix(&[GAP]).unwrap_or(&term.bytes);
    bytes.strip_suffix(b" ").unwrap_or(bytes)
}

/// Words of nearly every sentence.
const EVERYWHERE: [&str; 21] = [
    "a", "and", "are", "as", "at", "be", "for", "in", "in the", "ing", "is", "it", "of", "of the", "on",
    "that", "the", "this", "to", "to the", "with",
];
/// Words of nearly every text.
const COMMON: [&str; 58] = [
    "all", "also", "an", "any", "been", "but", "by", "can", "do", "first", "from", "get", "had", "has",
    "have", "here", "how", "if", "its", "just", "like", "me", "more", "most", "my", "new", "no", "not",
    "now", "one", "only", "or", "other", "role", "set", "so", "their", "then", "there", "they", "to be",
    "two", "use", "user", "was", "we", "were", "what", "when", "which", "who", "will", "would", "you",
    "your", "content", "type", "name",
];

/// How common the words of a list are, roughly: short ones are, and so are long lists.
fn cost(terms: &Terms) -> usize {
    let commonness = |term: &Term| {
        let inside = inside(term);
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
    terms.iter().map(commonness).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anchored::parse;

    /// In which parts of a text phrases may begin.
    fn parts(phrases: &[&str], texts: &[&str]) -> Vec<Vec<Range<usize>>> {
        let phrases: Vec<Hir> = phrases.iter().map(|phrase| parse(phrase, true).unwrap()).collect();
        let mut read = Reading::default();
        read.add(&phrases, 1, 40).unwrap();
        let conjunctions = Conjunctions::from(&read);
        let mut seen = conjunctions.unseen();
        let of_text = |text: &&str| {
            let mut parts = Vec::new();
            conjunctions.read(text.as_bytes(), &mut seen, |told| {
                if let Told::Phrases(part, families) = told {
                    assert_eq!(families, 1);
                    parts.push(part);
                }
            });
            parts
        };
        texts.iter().map(of_text).collect()
    }

    #[test]
    fn phrases_begin_where_their_words_stand_in_order_and_near() {
        let phrase = r"(?:please )?visit[^.]{0,20}\bmills?\b";
        let found = parts(
            &[phrase],
            &[
                "visit the mill",
                "the mill, visit it",
                "visit a shop that lies behind the old mill",
                "now please visit the Mill",
                "visit, visit the mill",
                "the mill",
            ],
        );
        let expected = vec![vec![0..1], vec![], vec![], vec![4..12], vec![0..8], vec![]];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_stood_in_one_text_is_not_seen_in_the_next() {
        assert!(parts(&["visit[^.]{0,20}mill"], &["visit", "mill"]).iter().all(Vec::is_empty));
        let mut seen = Seen { places: vec![(0, 0); 1].into(), next: u32::MAX - FAR };
        seen.note(0, u32::MAX - FAR);
        let base = seen.begin(4000);
        assert!(!seen.is_near(0, FAR - 1, base), "places begin anew");
    }

    #[test]
    fn words_are_kept_in_the_order_of_their_places() {
        let mut seen = Seen { places: vec![(0, 0); 1].into(), next: FAR };
        [5000, 5010, 5005, 5010, 4990].iter().for_each(|place| seen.note(0, *place));
        assert_eq!(seen.of(0), (5010, 5005));
        let begins = |within| Begins { list: 0, within, nearest: 0, farthest: 0 };
        assert_eq!(seen.words(begins(14), 5020), (10, 10), "one is near enough");
        assert_eq!(seen.words(begins(20), 5020), (20, 10));
        assert_eq!(seen.words(begins(20), 5007), (20, 2), "the last one stands behind");
        assert!(seen.is_near(0, 3, 5007) && !seen.is_near(0, 1, 5007));
    }

    #[test]
    fn a_phrase_without_words_is_refused() {
        let phrase = parse("[a-z]{4}", true).unwrap();
        assert!(Reading::default().add(&[phrase], 1, 40).is_err());
    }
}
