//! The words without which a pattern cannot match, read off the pattern so that they cannot fall behind it: for each
//! of its alternatives, lists of terms of which one must stand in every match, one behind the other, with how many
//! bytes may stand before and behind it.
//!
//! Terms begin where a word does, which makes them cheap to find: a text has six times fewer words than bytes. ASCII
//! case does not count. It deliberately says only what must stand in a match: whoever finds the terms tries the
//! pattern.

use std::collections::BTreeSet;

use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// Stands in a term for a byte that is neither letter nor digit, or for the end of the text.
pub(crate) const GAP: u8 = 0;
/// Terms are at most so long.
pub(crate) const TERM_BYTES_MAX: usize = 40;
/// A term whose first word may go on tells so many bytes of it at least.
pub(crate) const KEY_BYTES: usize = 4;
/// Or one less.
const PREFIX_BYTES_MIN: usize = 3;
/// Signs with which markup begins, when another follows.
pub(crate) const MARKUP: [u8; 5] = *b"!<[]{";
/// Signs before its first word that count.
const LEAD_BYTES_MAX: usize = 8;
/// Of a word with signs that may lack.
const SPELLINGS_MAX: usize = 8;
/// Alternatives beyond this many tell little and cost much.
const TERMS_MAX: usize = 600;
/// A word whose length a pattern leaves open counts as no longer.
const WORD_BYTES_MAX: isize = 32;
/// Of what has no end.
const ENDLESS: isize = 1 << 20;

/// Whether a byte is part of a word, as `\b` sees it.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether a term may begin at this place: a word, a character outside ASCII, or two signs as markup has them.
pub(crate) fn is_start(bytes: &[u8], place: usize, follows_gap: bool) -> bool {
    let before = place.checked_sub(1).and_then(|before| bytes.get(before));
    let follows_gap = before.map_or(follows_gap, |before| !before.is_ascii_alphanumeric());
    match bytes.get(place) {
        Some(byte) if byte.is_ascii_alphanumeric() => follows_gap,
        Some(byte) if byte.is_ascii() => {
            MARKUP.contains(byte) && bytes.get(place + 1).is_some_and(u8::is_ascii_punctuation)
        }
        Some(byte) => is_character_start(*byte),
        None => false,
    }
}

/// Whether a word, or what stands for one, tells enough from its start on.
pub(crate) fn is_key(bytes: &[u8], ends_word: bool) -> bool {
    match bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count() {
        0 => bytes.len() >= key_bytes(bytes),
        word => word >= PREFIX_BYTES_MIN || word < bytes.len() || ends_word,
    }
}

/// How many bytes from the start of a term on tell it, at most: those of its first word that are there, a character
/// or two, two signs.
pub(crate) fn key_bytes(bytes: &[u8]) -> usize {
    match bytes.first() {
        Some(byte) if byte.is_ascii_alphanumeric() => {
            bytes.iter().take(KEY_BYTES).take_while(|byte| byte.is_ascii_alphanumeric()).count()
        }
        Some(byte) if byte.is_ascii() => 2,
        Some(0xE0..=0xEF) => 3,
        _ => KEY_BYTES,
    }
}

/// Whether a character outside ASCII begins with this byte.
fn is_character_start(byte: u8) -> bool {
    byte >= 0xC0
}

/// Bytes in lower case that stand in a text, from the start of a word on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Term {
    pub(crate) bytes: Vec<u8>,
    /// So many of them are signs before that word.
    pub(crate) lead: usize,
}

/// Terms, one of which stands in every match.
pub(crate) type Terms = BTreeSet<Term>;

/// At least and at most so many bytes.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub(crate) struct Distance {
    pub(crate) min: isize,
    pub(crate) max: isize,
}

impl Distance {
    fn exactly(bytes: usize) -> Self {
        let bytes = bytes.try_into().unwrap_or(ENDLESS);
        Self { min: bytes, max: bytes }
    }

    /// Of a match of this. A word counts as no longer than words are.
    fn across(hir: &Hir) -> Self {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => Self::default(),
            HirKind::Literal(literal) => Self::exactly(literal.0.len()),
            HirKind::Class(class) => Self {
                min: class.minimum_len().and_then(|bytes| bytes.try_into().ok()).unwrap_or(0),
                max: class.maximum_len().and_then(|bytes| bytes.try_into().ok()).unwrap_or(1),
            },
            HirKind::Capture(capture) => Self::across(&capture.sub),
            HirKind::Concat(parts) => parts.iter().map(Self::across).fold(Self::default(), Self::and),
            HirKind::Alternation(branches) => {
                branches.iter().map(Self::across).reduce(Self::or).unwrap_or_default()
            }
            HirKind::Repetition(repetition) => {
                let once = Self::across(&repetition.sub);
                let times = |times: u32| isize::try_from(times).unwrap_or(ENDLESS);
                let max = match repetition.max {
                    Some(most) => once.max.saturating_mul(times(most)).min(ENDLESS),
                    None if matches!(repetition.sub.kind(), HirKind::Class(class) if !holds_space(class)) => {
                        WORD_BYTES_MAX
                    }
                    None => ENDLESS,
                };
                Self { min: once.min.saturating_mul(times(repetition.min)).min(ENDLESS), max }
            }
        }
    }

    fn and(self, other: Self) -> Self {
        Self { min: self.min + other.min, max: self.max + other.max }
    }

    fn less(self, bytes: usize) -> Self {
        let Self { min, .. } = Self::exactly(bytes);
        Self { min: self.min - min, max: self.max - min }
    }

    /// Either of the two.
    fn or(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }
}

/// A list of terms in a match.
#[derive(Clone)]
pub(crate) struct Needed {
    pub(crate) terms: Terms,
    /// From the start of the match to the first word of the term, and from there to the end of the match.
    pub(crate) before: Distance,
    pub(crate) after: Distance,
}

impl Needed {
    /// Either of the two.
    fn or(mut self, other: Self) -> Self {
        self.terms.extend(other.terms);
        Self { before: self.before.or(other.before), after: self.after.or(other.after), ..self }
    }
}

/// The ways in which `pattern` may match, each by what it needs.
pub(crate) fn required(pattern: &Hir) -> Vec<Vec<Needed>> {
    let begins = || Run { bytes: Vec::new(), follows_gap: true };
    ways(pattern).iter().map(|way| Reading::new(way, begins()).read(false)).collect()
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

/// Bytes that follow one another in every match.
#[derive(Clone, Default)]
struct Run {
    bytes: Vec<u8>,
    /// Whether a word that goes on before them ends there.
    follows_gap: bool,
}

/// What was read of a pattern, or of one branch of it, so far.
struct Reading<'p> {
    parts: Vec<&'p Hir>,
    needed: Vec<Needed>,
    /// From the start to the end of what was read.
    passed: Distance,
    run: Run,
    /// So many bytes of the run stand before this branch.
    shared: usize,
    /// Whether a word that was read ends here.
    at_gap: bool,
}

impl<'p> Reading<'p> {
    /// Behind bytes that were read already.
    fn new(pattern: &'p Hir, run: Run) -> Self {
        let mut parts = Vec::new();
        flatten(pattern, &mut parts);
        let at_gap = run.bytes.last().map_or(run.follows_gap, |last| !goes_on(*last));
        Self { parts, needed: Vec::new(), passed: Distance::default(), shared: run.bytes.len(), run, at_gap }
    }

    /// `word_ends` says that no word goes on behind this.
    fn read(mut self, word_ends: bool) -> Vec<Needed> {
        let parts = std::mem::take(&mut self.parts);
        for (index, part) in parts.iter().enumerate() {
            let from = |index| begin_with_gap(parts.get(index..).unwrap_or_default(), word_ends);
            self.add(part, from(index), from(index + 1));
        }
        self.end_run(word_ends);
        self.needed
    }

    /// Whether a word that goes on before the part ends there, and whether one that it ends with does.
    fn add(&mut self, part: &Hir, word_ends: bool, own_word_ends: bool) {
        match part.kind() {
            HirKind::Look(Look::WordAscii) => {
                // Between a word and what is none: behind a word a gap follows, otherwise a word does.
                match self.run.bytes.last() {
                    Some(last) if is_word(*last) => self.end_run(true),
                    Some(_) => {}
                    None => self.run.follows_gap = true,
                }
                self.at_gap = true;
            }
            HirKind::Look(Look::Start | Look::StartLF | Look::StartCRLF) => {
                self.end_run(false);
                self.run.follows_gap = true;
                self.at_gap = true;
            }
            HirKind::Literal(literal) => literal.0.iter().for_each(|byte| self.push(*byte)),
            HirKind::Class(class) if let Some(byte) = single(class) => self.push(byte),
            HirKind::Alternation(_) | HirKind::Class(Class::Unicode(_)) => {
                let found = one_of(&branches(part), &self.run, own_word_ends);
                if found.as_ref().is_some_and(|needed| needed.before.min < 0) {
                    // Terms of the branches tell what the bytes before them do: no two lists overlap.
                    self.run.bytes.clear();
                }
                self.end_run(word_ends);
                self.pass(part, found);
            }
            HirKind::Repetition(repetition) if repetition.min > 0 => {
                self.end_run(word_ends);
                let run = Run { bytes: Vec::new(), follows_gap: self.at_gap };
                let rest = Distance { min: 0, max: Distance::across(part).max };
                let once = Reading::new(&repetition.sub, run).read(false);
                let rarest = rarest(once).map(|needed| Needed { after: needed.after.and(rest), ..needed });
                self.pass(part, rarest);
            }
            _ => {
                self.end_run(word_ends);
                self.pass(part, None);
            }
        }
    }

    fn push(&mut self, byte: u8) {
        self.passed = self.passed.and(Distance::exactly(1));
        self.needed.iter_mut().for_each(|needed| needed.after = needed.after.and(Distance::exactly(1)));
        self.run.bytes.push(byte.to_ascii_lowercase());
        self.at_gap = !goes_on(byte);
    }

    /// Ends the bytes that follow one another, and files what they tell.
    fn end_run(&mut self, word_ends: bool) {
        let ends_word = word_ends && self.run.bytes.last().is_some_and(|last| goes_on(*last));
        let run = std::mem::take(&mut self.run);
        let shared = std::mem::take(&mut self.shared);
        self.run.follows_gap = self.at_gap || ends_word;
        self.at_gap |= ends_word;
        if let Some((start, term)) =
            term_in(&run, ends_word).filter(|(start, term)| start + term.bytes.len() - term.lead > shared)
        {
            let after = run.bytes.len() - start;
            self.needed.push(Needed {
                terms: Terms::from([term]),
                before: self.passed.less(after),
                after: Distance::exactly(after),
            });
        }
    }

    /// Goes on behind a part in which this was found.
    fn pass(&mut self, part: &Hir, found: Option<Needed>) {
        let across = Distance::across(part);
        self.needed.iter_mut().for_each(|needed| needed.after = needed.after.and(across));
        self.needed.extend(found.map(|needed| Needed { before: self.passed.and(needed.before), ..needed }));
        self.passed = self.passed.and(across);
        self.at_gap = ends_with_gap(part, self.at_gap);
        self.run.follows_gap = self.at_gap;
    }
}

/// The parts of a pattern that follow one another.
fn flatten<'p>(pattern: &'p Hir, parts: &mut Vec<&'p Hir>) {
    match pattern.kind() {
        HirKind::Empty => {}
        HirKind::Capture(capture) => flatten(&capture.sub, parts),
        HirKind::Repetition(once) if once.min == 1 && once.max == Some(1) => flatten(&once.sub, parts),
        HirKind::Concat(inner) => inner.iter().for_each(|part| flatten(part, parts)),
        _ => parts.push(pattern),
    }
}

/// The alternatives of a part; characters outside ASCII are written as a class.
fn branches(part: &Hir) -> Vec<Hir> {
    match part.kind() {
        HirKind::Alternation(branches) => branches.clone(),
        HirKind::Class(Class::Unicode(class)) => {
            let characters = class.iter().flat_map(|range| range.start()..=range.end());
            characters.take(TERMS_MAX + 1).map(|one| Hir::literal(one.to_string().into_bytes())).collect()
        }
        _ => vec![part.clone()],
    }
}

/// One list for all branches, each behind the same bytes, if every branch has one.
fn one_of(branches: &[Hir], before: &Run, word_ends: bool) -> Option<Needed> {
    let mut all: Option<Needed> = None;
    for branch in branches {
        let mut found = rarest(Reading::new(branch, before.clone()).read(word_ends));
        if found.is_none() {
            // A sign that may lack tears a word apart.
            let read = |way: &Hir| rarest(Reading::new(way, before.clone()).read(word_ends));
            let found_in_all = spelt_out(branch).iter().map(read).collect::<Option<Vec<_>>>()?;
            found = found_in_all.into_iter().reduce(Needed::or);
        }
        let found = found?;
        all = Some(match all {
            Some(all) => Needed::or(all, found),
            None => found,
        });
    }
    all.filter(|needed| needed.terms.len() <= TERMS_MAX)
}

/// A branch with and without what may lack in it, and nothing if that may happen in too many ways.
fn spelt_out(branch: &Hir) -> Vec<Hir> {
    let mut parts = Vec::new();
    flatten(branch, &mut parts);
    let mut ways: Vec<Vec<Hir>> = vec![Vec::new()];
    for part in parts {
        let may_lack = match part.kind() {
            HirKind::Repetition(optional) if optional.min == 0 && optional.max == Some(1) => {
                Some(&optional.sub)
            }
            _ => None,
        };
        let without =
            if may_lack.is_some() && ways.len() < SPELLINGS_MAX { ways.clone() } else { Vec::new() };
        let part = may_lack.filter(|_| !without.is_empty()).map_or(part, |optional| optional);
        ways.iter_mut().for_each(|way| way.push(part.clone()));
        ways.extend(without);
    }
    ways.into_iter().map(Hir::concat).collect()
}

/// The list of the longest terms is the rarest.
fn rarest(needed: Vec<Needed>) -> Option<Needed> {
    let shortest = |needed: &Needed| needed.terms.iter().map(|term| term.bytes.len()).min().unwrap_or(0);
    needed.into_iter().max_by_key(|needed| (shortest(needed), usize::MAX - needed.terms.len()))
}

/// The term in bytes that follow one another, and where its first word starts in them.
fn term_in(run: &Run, ends_word: bool) -> Option<(usize, Term)> {
    let bytes = &run.bytes;
    let is_told = |start: &usize| is_key(bytes.get(*start..).unwrap_or_default(), ends_word);
    let starts = (0..bytes.len()).filter(|place| is_start(bytes, *place, run.follows_gap)).filter(is_told);
    // Words are rarer than signs.
    let start = starts.min_by_key(|start| bytes.get(*start).is_some_and(u8::is_ascii_punctuation))?;
    let lead = bytes.get(..start).unwrap_or_default();
    let signs = lead.iter().rev().take(LEAD_BYTES_MAX).take_while(|byte| !may_be_word(**byte)).count();
    let signs = lead.get(start - signs..).unwrap_or_default();
    let skipped = signs.iter().take_while(|byte| matches!(**byte, b' ' | GAP)).count();
    let lead = signs.len() - skipped;
    let mut bytes = bytes.get(start - lead..).unwrap_or_default().to_vec();
    if ends_word {
        bytes.push(GAP);
    }
    bytes.truncate(TERM_BYTES_MAX);
    Some((start, Term { bytes, lead }))
}

/// Whether a word may go on behind this byte.
fn goes_on(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

/// Whether this byte of a term may stand in a word.
fn may_be_word(byte: u8) -> bool {
    goes_on(byte) || !byte.is_ascii()
}

/// Whether what matches these parts, one behind the other, begins with the end of a word.
fn begin_with_gap(parts: &[&Hir], behind: bool) -> bool {
    let may_lack = |part: &&&Hir| match part.kind() {
        HirKind::Repetition(repetition) => repetition.min == 0 && begins_with_gap(&repetition.sub),
        _ => false,
    };
    parts.iter().find(|part| !may_lack(part)).map_or(behind, |part| begins_with_gap(part))
}

/// Whether what matches here begins with the end of a word.
fn begins_with_gap(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Look(Look::WordAscii) => true,
        HirKind::Literal(literal) => literal.0.first().is_some_and(|byte| !goes_on(*byte)),
        HirKind::Class(Class::Bytes(class)) => {
            !class.iter().any(|range| (range.start()..=range.end()).any(goes_on))
        }
        HirKind::Class(Class::Unicode(_)) => true,
        HirKind::Capture(capture) => begins_with_gap(&capture.sub),
        HirKind::Concat(parts) => begin_with_gap(&parts.iter().collect::<Vec<_>>(), false),
        HirKind::Alternation(branches) => branches.iter().all(begins_with_gap),
        HirKind::Repetition(repetition) => repetition.min > 0 && begins_with_gap(&repetition.sub),
        HirKind::Empty | HirKind::Look(_) => false,
    }
}

/// Whether what matches here ends with the end of a word, or where one may begin.
fn ends_with_gap(hir: &Hir, before: bool) -> bool {
    match hir.kind() {
        HirKind::Empty => before,
        HirKind::Look(Look::WordAscii | Look::Start | Look::StartLF | Look::StartCRLF) => true,
        HirKind::Look(_) => before,
        HirKind::Literal(literal) => literal.0.last().is_some_and(|byte| !goes_on(*byte)),
        HirKind::Class(Class::Bytes(class)) => {
            !class.iter().any(|range| (range.start()..=range.end()).any(goes_on))
        }
        HirKind::Class(Class::Unicode(_)) => false,
        HirKind::Capture(capture) => ends_with_gap(&capture.sub, before),
        HirKind::Concat(parts) => parts.iter().fold(before, |before, part| ends_with_gap(part, before)),
        HirKind::Alternation(branches) => branches.iter().all(|branch| ends_with_gap(branch, before)),
        // What may be anything up to there.
        HirKind::Repetition(gap) if matches!(gap.sub.kind(), HirKind::Class(class) if holds_space(class) && holds_letter(class)) => {
            true
        }
        HirKind::Repetition(repetition) => {
            ends_with_gap(&repetition.sub, before && repetition.min == 0) && (repetition.min > 0 || before)
        }
    }
}

/// Whether it may be a space.
fn holds_space(class: &Class) -> bool {
    match class {
        Class::Bytes(class) => class.iter().any(|range| (range.start()..=range.end()).contains(&b' ')),
        Class::Unicode(_) => false,
    }
}

/// Whether it may be a letter.
fn holds_letter(class: &Class) -> bool {
    match class {
        Class::Bytes(class) => class.iter().any(|range| (range.start()..=range.end()).any(goes_on)),
        Class::Unicode(_) => false,
    }
}

/// The one byte a class stands for in a term.
fn single(class: &Class) -> Option<u8> {
    let Class::Bytes(class) = class else { return None };
    let bytes = || class.iter().flat_map(|range| range.start()..=range.end());
    let first = bytes().next()?.to_ascii_lowercase();
    if bytes().all(|byte| byte.to_ascii_lowercase() == first) {
        return Some(first);
    }
    bytes().all(|byte| !may_be_word(byte)).then_some(GAP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anchored::parse;

    fn written(term: &Term) -> String {
        let shown: Vec<u8> = term.bytes.iter().map(|byte| if *byte == GAP { b'_' } else { *byte }).collect();
        String::from_utf8(shown).unwrap()
    }

    fn needed(pattern: &str) -> Vec<Vec<Needed>> {
        required(&parse(pattern, true).unwrap())
    }

    /// The lists of a pattern as a whole.
    fn lists(pattern: &str) -> Vec<Vec<String>> {
        let run = Run { bytes: Vec::new(), follows_gap: true };
        let needed = Reading::new(&parse(pattern, true).unwrap(), run).read(false);
        needed.iter().map(|needed| needed.terms.iter().map(written).collect()).collect()
    }

    #[test]
    fn terms_of_every_match_are_read_off() {
        for (pattern, expected) in [
            ("Meet", vec![vec!["meet"]]),
            (r"\bmeet(?:ing)? there", vec![vec!["meet"], vec!["there"]]),
            (r"\bmeet\s(?:the )?mill\b", vec![vec!["meet_"], vec!["mill_"]]),
            (r"(?:meet|visit) (?:the )?mill", vec![vec!["meet_", "visit_"], vec!["mill"]]),
            (r"re(?:ader|new)s", vec![vec!["reader", "renew"]]),
            (r"\b(?:meet|or)\b there", vec![vec!["meet_", "or_"], vec!["there"]]),
            (r"(?:meet|or)[a-z]? there", vec![vec!["there"]]),
            (r"(?:meet (?:her|him) there|visit)", vec![vec!["meet her_", "meet him_", "visit"]]),
            (r"(?:storm)+ x{3,}", vec![vec!["storm"]]),
            (r"[a-z]{4} .*", vec![]),
            ("метель", vec![vec!["метель"]]),
            (r"they're\b", vec![vec!["they're_"]]),
            // Behind a gap a word begins, within a word none does.
            (r"meet[^.]{0,9}mill", vec![vec!["meet"], vec!["mill"]]),
            (r"meet[a-z]{0,9}mill", vec![vec!["meet"]]),
            // A sign that may lack tears a word apart.
            (r"\b(?:e-?mail|post)\b", vec![vec!["e-mail_", "email_", "post_"]]),
            // A word that ends before what may lack.
            (r"\bai ?[,:]", vec![vec!["ai_"]]),
            (r"\bai,? ?mill", vec![]),
            (r"!\[[^\]]{0,9}\]\(mill", vec![vec!["!["], vec!["](mill"]]),
            ("(?:雪|雨)が", vec![vec!["雨", "雪"], vec!["が"]]),
        ] {
            assert_eq!(lists(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn alternatives_have_terms_of_their_own() {
        assert_eq!(needed(r"\b(?:meet there|visit the (?:mill|shop))\b").len(), 3);
    }

    #[test]
    fn distances_hold_for_every_match() {
        for (pattern, texts) in [
            (r"\bmeet[^.]{0,9}\bmill\b", ["meet mill", "meet at the mill"].as_slice()),
            (
                r"(?:please )?(?:meet|visit) (?:\w+ )?(?:the )?(?:mill|old shop)s?\b",
                &["please meet the mill", "visit shady old shops", "meet mills"],
            ),
            (r"(?:ab|abcd)(?:ef mill|mill gh) storm", &["abef mill storm", "abcdmill gh storm"]),
            (r"(?:storm,? ?){1,3}mill", &["storm, storm mill", "stormmill"]),
        ] {
            for text in texts {
                let ways = needed(pattern);
                let holds = |way: &Vec<Needed>| {
                    way.iter().all(|needed| {
                        needed.terms.iter().any(|term| {
                            let shown = written(term).replace('_', " ");
                            let padded = format!("{text} ");
                            padded.match_indices(shown.trim_end()).any(|(at, _)| {
                                let before = isize::try_from(at).unwrap();
                                let after = isize::try_from(text.len()).unwrap() - before;
                                let is_in = |distance: Distance, bytes| {
                                    (distance.min..=distance.max).contains(&bytes)
                                };
                                is_in(needed.before, before) && is_in(needed.after, after)
                            })
                        })
                    })
                };
                assert!(ways.iter().any(holds), "{pattern}: {text}");
            }
        }
    }
}
