//! What an operator adds to the detectors and takes away from them: recognisers of their own, values that are never
//! reported, types that are off.
//!
//! All patterns are searched for together in one pass. Each has a greatest length, so that what follows a match that
//! its checks refuse can be looked at again and the work stays linear in the text. Words nearby, checksums and denied
//! values are looked at on matches only.
//!
//! It deliberately offers no patterns of unbounded length, none that can match nothing and none that match parts of
//! characters; it neither reads configuration nor says where in a file a mistake stands.

use std::collections::{BTreeSet, HashSet};

use regex_automata::meta::Regex;
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::{Anchored, Input, MatchKind, PatternID};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use hardpan_inference::finding::{Finding, PiiType};

use crate::pii::is_unspaced;

/// Recognisers together.
pub const RECOGNISERS_MAX: usize = 64;
/// The longest value a pattern may describe. It bounds the work a refused match costs.
pub const MATCH_BYTES_MAX: usize = 256;
/// One pattern, as written.
pub const PATTERN_BYTES_MAX: usize = 1024;
/// How far before a value its context may stand.
pub const CONTEXT_BYTES: usize = 64;
/// Words of context, denied values and examples of one recogniser, each.
pub const LIST_ENTRIES_MAX: usize = 256;
/// Values that are never reported.
pub const ALLOWED_MAX: usize = 4096;

/// All patterns compiled; a pattern that repeats large classes is refused by this rather than by its length.
const AUTOMATON_BYTES_MAX: usize = 8 << 20;
const LAZY_DFA_BYTES_MAX: usize = 16 << 20;
const PATTERN_DEPTH_MAX: u32 = 64;

/// A recogniser as an operator describes it.
#[derive(Clone)]
pub struct RecogniserSettings {
    pub kind: PiiType,
    /// A regular expression in the syntax of the `regex` crate: Unicode unless it says `(?-u)`.
    pub pattern: String,
    /// Where any is named, one of these must stand before the value, or be the name of its JSON member.
    pub context: Vec<String>,
    pub validator: Validator,
    /// 0..=100: between values that overlap, the more certain one is reported.
    pub confidence: u8,
    /// Whole values that are none.
    pub denylist: Vec<String>,
    /// Texts in which a value must be found, and texts in which none may be.
    pub matches: Vec<String>,
    pub no_matches: Vec<String>,
}

/// A checksum over the digits and letters of a value; separators do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Validator {
    #[default]
    None,
    /// Over the digits alone.
    Luhn,
    /// ISO 7064 MOD 97-10, the check digits last.
    Mod97,
    /// ISO 7064 MOD 11-2 over the digits; the last may be `X`.
    Mod11,
    /// Over the digits alone.
    Verhoeff,
}

/// Why a recogniser is refused. It names places in its description and repeats none of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecogniserError {
    #[error("over {} bytes", PATTERN_BYTES_MAX)]
    PatternSize,
    #[error("not a regular expression at column {column}: {what}")]
    Syntax { column: usize, what: String },
    #[error("a pattern that matches bytes which are no text")]
    NotText,
    #[error("a pattern that can match nothing at all")]
    MatchesNothing,
    #[error("a pattern without a greatest length, or with one over {} bytes", MATCH_BYTES_MAX)]
    Length,
    #[error("a pattern that is too large when compiled")]
    Automaton,
    #[error("over {} entries", LIST_ENTRIES_MAX)]
    Entries(&'static str),
    #[error("not one word of letters and digits")]
    ContextWord(usize),
    #[error("over 100")]
    Confidence,
    #[error("no value is found in this example")]
    Missed(usize),
    #[error("a value is found in this example")]
    FoundWrongly(usize),
}

impl RecogniserError {
    /// The member it is about.
    pub fn place(&self) -> String {
        match self {
            Self::PatternSize
            | Self::Syntax { .. }
            | Self::NotText
            | Self::MatchesNothing
            | Self::Length
            | Self::Automaton => "pattern".to_owned(),
            Self::Entries(list) => (*list).to_owned(),
            Self::ContextWord(index) => format!("context[{index}]"),
            Self::Confidence => "confidence".to_owned(),
            Self::Missed(index) => format!("examples.match[{index}]"),
            Self::FoundWrongly(index) => format!("examples.no_match[{index}]"),
        }
    }

    pub fn fix(&self) -> &'static str {
        match self {
            Self::PatternSize => "split it into several recognisers of the same type",
            Self::Syntax { .. } => "write it in the syntax of the regex crate",
            Self::NotText => "leave out (?-u) where it negates or matches any byte",
            Self::MatchesNothing => "make one part of it necessary",
            Self::Length => "bound its repetitions: {1,32} in place of + and *",
            Self::Automaton => "repeat less, or put (?-u) before classes that mean ASCII",
            Self::Entries(_) => "keep the list shorter",
            Self::ContextWord(_) => "give each word an entry of its own",
            Self::Confidence => "write a number from 0 to 100",
            Self::Missed(_) => "mend the pattern, its context or validator, or the example",
            Self::FoundWrongly(_) => "make the pattern narrower, or require context",
        }
    }
}

/// The recognisers do not fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CustomError {
    #[error("over {} recognisers", RECOGNISERS_MAX)]
    Recognisers,
    #[error("the patterns are too large together")]
    Automaton,
    #[error("over {} values", ALLOWED_MAX)]
    Allowed,
}

/// A recogniser whose examples came out as they should. No `Debug`: examples and denied values are somebody's.
pub struct Recogniser {
    kind: PiiType,
    pattern: Hir,
    context: Vec<String>,
    validator: Validator,
    confidence: u8,
    denied: HashSet<String>,
}

/// Everything an operator changed. The default changes nothing.
#[derive(Default)]
pub struct Customisation {
    /// None where there are no recognisers.
    patterns: Option<Regex>,
    /// In the order of the patterns.
    recognisers: Vec<Recogniser>,
    allowed: HashSet<String>,
    /// None: all types are on.
    types: Option<BTreeSet<PiiType>>,
    open_bytes: Option<usize>,
}

impl Recogniser {
    /// Compiles the pattern and holds it against its examples.
    pub fn new(settings: RecogniserSettings) -> Result<Self, RecogniserError> {
        let lists = [
            ("context", settings.context.len()),
            ("denylist", settings.denylist.len()),
            ("examples.match", settings.matches.len()),
            ("examples.no_match", settings.no_matches.len()),
        ];
        if let Some((list, _)) = lists.into_iter().find(|(_, length)| *length > LIST_ENTRIES_MAX) {
            return Err(RecogniserError::Entries(list));
        }
        if let Some(index) = settings.context.iter().position(|word| !is_one_word(word)) {
            return Err(RecogniserError::ContextWord(index));
        }
        if settings.confidence > 100 {
            return Err(RecogniserError::Confidence);
        }
        let recogniser = Self {
            kind: settings.kind,
            pattern: parse(&settings.pattern)?,
            context: settings.context.iter().map(|word| word.to_lowercase()).collect(),
            validator: settings.validator,
            confidence: settings.confidence,
            denied: settings.denylist.iter().map(|value| normalised(value)).collect(),
        };
        recogniser.try_examples(&settings.matches, &settings.no_matches)
    }

    fn try_examples(self, matches: &[String], no_matches: &[String]) -> Result<Self, RecogniserError> {
        let patterns = Some(compile(&[&self.pattern]).ok_or(RecogniserError::Automaton)?);
        let mut alone = Customisation { patterns, recognisers: vec![self], ..Customisation::default() };
        let found = |text: &String| {
            let mut findings = Vec::new();
            alone.refine("", text, &mut findings);
            !findings.is_empty()
        };
        if let Some(index) = matches.iter().position(|text| !found(text)) {
            return Err(RecogniserError::Missed(index));
        }
        if let Some(index) = no_matches.iter().position(found) {
            return Err(RecogniserError::FoundWrongly(index));
        }
        alone.recognisers.pop().ok_or(RecogniserError::Automaton)
    }

    pub fn kind(&self) -> PiiType {
        self.kind
    }

    pub fn validator(&self) -> Validator {
        self.validator
    }

    pub fn needs_context(&self) -> bool {
        !self.context.is_empty()
    }

    /// Whether what its pattern matched is a value.
    fn accepts(&self, key: &str, text: &str, start: usize, value: &str) -> bool {
        self.validator.passes(value)
            && (self.denied.is_empty() || !self.denied.contains(&normalised(value)))
            && (self.context.is_empty() || names_any(&self.context, key, text, start))
    }
}

impl Customisation {
    pub fn new(
        recognisers: Vec<Recogniser>,
        allowed: &[String],
        types: Option<BTreeSet<PiiType>>,
    ) -> Result<Self, CustomError> {
        if recognisers.len() > RECOGNISERS_MAX {
            return Err(CustomError::Recognisers);
        }
        if allowed.len() > ALLOWED_MAX {
            return Err(CustomError::Allowed);
        }
        let patterns: Vec<&Hir> = recognisers.iter().map(|recogniser| &recogniser.pattern).collect();
        let open = patterns.iter().filter(|pattern| !is_one_word_with_digit(pattern));
        let open_bytes = open.filter_map(|pattern| pattern.properties().maximum_len()).max();
        let patterns = match patterns.as_slice() {
            [] => None,
            some => Some(compile(some).ok_or(CustomError::Automaton)?),
        };
        let allowed = allowed.iter().map(|value| normalised(value)).collect();
        Ok(Self { patterns, recognisers, allowed, types, open_bytes })
    }

    pub fn recognisers(&self) -> &[Recogniser] {
        &self.recognisers
    }

    /// How long a value may be that nothing shows before it has ended: of several words, or without a digit. None where
    /// there is no such.
    pub fn open_bytes(&self) -> Option<usize> {
        self.open_bytes
    }

    /// The recogniser, and its place in the configuration, that reports this value; the first where several do. None
    /// where Hardpan's own detectors found it.
    pub fn found_by(&self, text: &str, finding: &Finding) -> Option<(usize, &Recogniser)> {
        let patterns = self.patterns.as_ref()?;
        let value = text.get(finding.range.clone())?;
        self.recognisers.iter().enumerate().find(|(index, recogniser)| {
            let described = (recogniser.kind, recogniser.confidence) == (finding.kind, finding.confidence);
            let Some(pattern) = PatternID::new(*index).ok().filter(|_| described) else { return false };
            let input = Input::new(text).range(finding.range.clone()).anchored(Anchored::Pattern(pattern));
            patterns.search(&input).is_some_and(|found| found.end() == finding.range.end)
                && recogniser.accepts("", text, finding.range.start, value)
        })
    }

    /// Turns the findings of Hardpan's own detectors in `text` into all that shall be reported: sorted, and never
    /// overlapping. `key` is the name of the JSON member the text came from, or empty.
    pub fn refine(&self, key: &str, text: &str, findings: &mut Vec<Finding>) {
        if let Some(types) = &self.types {
            findings.retain(|finding| types.contains(&finding.kind));
        }
        if let Some(patterns) = &self.patterns {
            let mut own = Vec::new();
            self.search(patterns, key, text, &mut own);
            if !own.is_empty() {
                merge(findings, own);
            }
        }
        if !self.allowed.is_empty() {
            findings.retain(|finding| {
                text.get(finding.range.clone()).is_none_or(|value| !self.allowed.contains(&normalised(value)))
            });
        }
    }

    fn search(&self, patterns: &Regex, key: &str, text: &str, out: &mut Vec<Finding>) {
        let mut position = 0;
        while position < text.len() {
            let Some(first) = patterns.search(&Input::new(text).range(position..)) else { break };
            let (start, end) = (first.start(), first.end());
            let found = self
                .examine(first.pattern(), key, text, start, end)
                .or_else(|| self.examine_others(patterns, first.pattern(), key, text, start));
            position = match found {
                Some(finding) => {
                    let end = finding.range.end;
                    out.push(finding);
                    end
                }
                // Not at its end: another value may begin inside what was refused.
                None => next_character(text, start),
            };
        }
    }

    /// What else begins where the first pattern's match was refused, in the order of the recognisers.
    fn examine_others(
        &self,
        patterns: &Regex,
        first: PatternID,
        key: &str,
        text: &str,
        start: usize,
    ) -> Option<Finding> {
        let mut others =
            (first.as_usize() + 1..self.recognisers.len()).map_while(|index| PatternID::new(index).ok());
        others.find_map(|pattern| {
            let end = text.len().min(start.saturating_add(MATCH_BYTES_MAX));
            let input = Input::new(text).range(start..end).anchored(Anchored::Pattern(pattern));
            let found = patterns.search(&input)?;
            self.examine(pattern, key, text, found.start(), found.end())
        })
    }

    fn examine(
        &self,
        pattern: PatternID,
        key: &str,
        text: &str,
        start: usize,
        end: usize,
    ) -> Option<Finding> {
        let recogniser = self.recognisers.get(pattern.as_usize())?;
        let value = text.get(start..end).filter(|value| !value.is_empty())?;
        let Recogniser { kind, confidence, .. } = *recogniser;
        recogniser.accepts(key, text, start, value).then_some(Finding { kind, range: start..end, confidence })
    }
}

/// The pattern, if it keeps every promise this module gives.
fn parse(pattern: &str) -> Result<Hir, RecogniserError> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(RecogniserError::PatternSize);
    }
    let parsed = ParserBuilder::new().nest_limit(PATTERN_DEPTH_MAX).utf8(true).build().parse(pattern);
    let parsed = parsed.map_err(|error| match error {
        regex_syntax::Error::Parse(error) => {
            RecogniserError::Syntax { column: error.span().start.column, what: error.kind().to_string() }
        }
        regex_syntax::Error::Translate(error) => match error.kind() {
            regex_syntax::hir::ErrorKind::InvalidUtf8 => RecogniserError::NotText,
            kind => RecogniserError::Syntax { column: error.span().start.column, what: kind.to_string() },
        },
        _ => RecogniserError::Syntax { column: 1, what: "not understood".to_owned() },
    })?;
    let properties = parsed.properties();
    match (properties.minimum_len(), properties.maximum_len()) {
        (None | Some(0), _) => Err(RecogniserError::MatchesNothing),
        (_, Some(length)) if length <= MATCH_BYTES_MAX => Ok(parsed),
        _ => Err(RecogniserError::Length),
    }
}

fn is_one_word_with_digit(pattern: &Hir) -> bool {
    needs_digit(pattern) && !may_have_space(pattern)
}

fn needs_digit(pattern: &Hir) -> bool {
    match pattern.kind() {
        HirKind::Literal(literal) => literal.0.iter().any(u8::is_ascii_digit),
        HirKind::Class(Class::Unicode(class)) => {
            class.ranges().iter().all(|range| (range.start()..=range.end()).all(char::is_numeric))
        }
        HirKind::Class(Class::Bytes(class)) => {
            class.ranges().iter().all(|range| range.start() >= b'0' && range.end() <= b'9')
        }
        HirKind::Repetition(repetition) => repetition.min > 0 && needs_digit(&repetition.sub),
        HirKind::Capture(capture) => needs_digit(&capture.sub),
        HirKind::Concat(parts) => parts.iter().any(needs_digit),
        HirKind::Alternation(parts) => parts.iter().all(needs_digit),
        HirKind::Empty | HirKind::Look(_) => false,
    }
}

fn may_have_space(pattern: &Hir) -> bool {
    match pattern.kind() {
        HirKind::Literal(literal) => String::from_utf8_lossy(&literal.0).contains(char::is_whitespace),
        HirKind::Class(Class::Unicode(class)) => {
            class.ranges().iter().any(|range| (range.start()..=range.end()).any(char::is_whitespace))
        }
        HirKind::Class(Class::Bytes(class)) => {
            let may_be =
                |byte| class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&byte));
            (0..=u8::MAX).filter(u8::is_ascii_whitespace).any(may_be)
        }
        HirKind::Repetition(repetition) => may_have_space(&repetition.sub),
        HirKind::Capture(capture) => may_have_space(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(may_have_space),
        HirKind::Empty | HirKind::Look(_) => false,
    }
}

fn compile(patterns: &[&Hir]) -> Option<Regex> {
    let config = Regex::config()
        .match_kind(MatchKind::LeftmostFirst)
        .which_captures(WhichCaptures::Implicit)
        .nfa_size_limit(Some(AUTOMATON_BYTES_MAX))
        .hybrid_cache_capacity(LAZY_DFA_BYTES_MAX);
    Regex::builder().configure(config).build_many_from_hir(patterns).ok()
}

/// Of values that overlap the more certain one stays; between equals the operator's.
fn merge(findings: &mut Vec<Finding>, own: Vec<Finding>) {
    let mut all: Vec<(Finding, bool)> = findings.drain(..).map(|finding| (finding, false)).collect();
    all.extend(own.into_iter().map(|finding| (finding, true)));
    all.sort_by_key(|(finding, _)| (finding.range.start, std::cmp::Reverse(finding.range.end)));
    let mut kept: Option<(Finding, bool)> = None;
    for candidate in all {
        kept = match kept.take() {
            Some(last) if candidate.0.range.start < last.0.range.end => {
                let rank = |(finding, own): &(Finding, bool)| (finding.confidence, *own);
                Some(if rank(&candidate) > rank(&last) { candidate } else { last })
            }
            last => {
                findings.extend(last.map(|(finding, _)| finding));
                Some(candidate)
            }
        };
    }
    findings.extend(kept.map(|(finding, _)| finding));
}

/// The form in which whole values are compared: numbers without what is put between their groups, everything else
/// without regard to case. Dots count: they tell addresses apart.
fn normalised(value: &str) -> String {
    let value = value.trim();
    let separator = |character: char| character.is_whitespace() || matches!(character, '-' | '(' | ')');
    let number = value.chars().all(|character| {
        character.is_ascii_digit() || matches!(character, '+' | '.') || separator(character)
    });
    if number {
        value.chars().filter(|character| !separator(*character)).collect()
    } else {
        value.to_lowercase()
    }
}

fn next_character(text: &str, at: usize) -> usize {
    at + text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
}

fn is_one_word(word: &str) -> bool {
    !word.is_empty() && word.len() <= CONTEXT_BYTES && word.chars().all(char::is_alphanumeric)
}

/// Whether one of `words`, in lower case, is a whole word shortly before `start`, or of the member's name.
fn names_any(words: &[String], key: &str, text: &str, start: usize) -> bool {
    let before = window_before(text, start);
    contains_word(before, words)
        || contains_word(key.get(..key.len().min(KEY_BYTES_MAX)).unwrap_or(key), words)
}

/// A longer name is no name.
const KEY_BYTES_MAX: usize = 256;

/// At most [`CONTEXT_BYTES`] before `start`, without the rest of a word that begins further ahead.
fn window_before(text: &str, start: usize) -> &str {
    let Some(before) = text.get(..start) else { return "" };
    if before.len() <= CONTEXT_BYTES {
        return before;
    }
    let from = before.ceil_char_boundary(before.len() - CONTEXT_BYTES);
    let (ahead, window) = before.split_at(from);
    if ahead.ends_with(is_word_character) && !window.starts_with(is_unspaced) {
        window.trim_start_matches(is_word_character)
    } else {
        window
    }
}

fn contains_word(text: &str, words: &[String]) -> bool {
    if !text.is_ascii()
        && words.iter().any(|word| word.starts_with(is_unspaced) && text.contains(word.as_str()))
    {
        return true;
    }
    text.split(|character: char| !is_word_character(character)).filter(|word| !word.is_empty()).any(|word| {
        equals_any(word, words) || humps(word).any(|part| part.len() < word.len() && equals_any(part, words))
    })
}

/// `employeeNumber` as `employee` and `Number`.
fn humps(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let mut characters = rest.char_indices().peekable();
        while let Some((_, character)) = characters.next() {
            if let Some((at, next)) = characters.peek()
                && !character.is_uppercase()
                && next.is_uppercase()
            {
                let (part, after) = rest.split_at(*at);
                rest = after;
                return Some(part);
            }
        }
        let last = std::mem::take(&mut rest);
        (!last.is_empty()).then_some(last)
    })
}

fn equals_any(word: &str, words: &[String]) -> bool {
    words.iter().any(|known| word.chars().flat_map(char::to_lowercase).eq(known.chars()))
}

/// Underscores part words: `employee_number`.
fn is_word_character(character: char) -> bool {
    character.is_alphanumeric()
}

impl Validator {
    pub const ALL: [Validator; 5] =
        [Validator::None, Validator::Luhn, Validator::Mod97, Validator::Mod11, Validator::Verhoeff];

    pub fn name(self) -> &'static str {
        match self {
            Validator::None => "none",
            Validator::Luhn => "luhn",
            Validator::Mod97 => "mod97",
            Validator::Mod11 => "mod11",
            Validator::Verhoeff => "verhoeff",
        }
    }

    pub fn from_name(name: &str) -> Option<Validator> {
        Self::ALL.into_iter().find(|validator| validator.name() == name)
    }

    fn passes(self, value: &str) -> bool {
        let digits = || value.bytes().filter(u8::is_ascii_digit).map(|digit| u32::from(digit - b'0'));
        match self {
            Validator::None => true,
            Validator::Luhn => digits().count() > 1 && luhn(digits().rev()),
            Validator::Mod97 => mod_97(value),
            Validator::Mod11 => {
                let tail = value.ends_with(['X', 'x']).then_some(10);
                let sum = digits().chain(tail).fold(0, |sum, digit| (sum * 2 + digit) % 11);
                digits().count() > 1 && sum == 1
            }
            Validator::Verhoeff => digits().count() > 1 && verhoeff(digits().rev()),
        }
    }
}

fn luhn(digits_from_last: impl Iterator<Item = u32>) -> bool {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits_from_last
        .enumerate()
        .map(|(place, digit)| if place % 2 == 0 { digit } else { doubled(digit) })
        .sum();
    sum.is_multiple_of(10)
}

fn mod_97(value: &str) -> bool {
    let mut count = 0;
    let remainder =
        value.chars().filter_map(|character| character.to_digit(36)).fold(0, |remainder, digit| {
            count += 1;
            (remainder * if digit < 10 { 10 } else { 100 } + digit) % 97
        });
    count > 2 && remainder == 1
}

/// The dihedral group of ten: turns below five, flips from five on.
fn verhoeff(digits_from_last: impl Iterator<Item = u32>) -> bool {
    let multiplied = |left: u32, right: u32| match (left < 5, right < 5) {
        (true, true) => (left + right) % 5,
        (true, false) => 5 + (left + right) % 5,
        (false, true) => 5 + (left + 5 - right) % 5,
        (false, false) => (left + 5 - right) % 5,
    };
    let permuted = |digit: u32, times: usize| {
        (0..times)
            .fold(digit, |digit, _| [1, 5, 7, 6, 2, 8, 3, 0, 9, 4].get(digit as usize).copied().unwrap_or(0))
    };
    let check = digits_from_last
        .enumerate()
        .fold(0, |check, (place, digit)| multiplied(check, permuted(digit, place % 8)));
    check == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(name: &str, pattern: &str) -> RecogniserSettings {
        RecogniserSettings {
            kind: PiiType::register(name).unwrap(),
            pattern: pattern.to_owned(),
            context: Vec::new(),
            validator: Validator::None,
            confidence: 90,
            denylist: Vec::new(),
            matches: Vec::new(),
            no_matches: Vec::new(),
        }
    }

    #[test]
    fn values_that_nothing_shows_before_they_end_are_known_by_their_pattern() {
        for (pattern, open) in [
            (r"\bST-[0-9]{5}\b", None),
            (r"EMP\d{2,4}", None),
            (r"(?:A1|B[23])[a-z]{3}", None),
            (r"[A-Z]{3}-[a-z]{4}", Some(8)),
            (r"(?:A1|BC)[a-z]{3}", Some(5)),
            (r"Z[0-9]?[a-z]{2}", Some(4)),
            (r"Room [0-9]{3}", Some(8)),
            (r"(?-u:A[\t_][0-9]{3})", Some(5)),
        ] {
            assert_eq!(custom(vec![settings("OPEN", pattern)]).open_bytes(), open, "{pattern}");
        }
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn custom(recognisers: Vec<RecogniserSettings>) -> Customisation {
        let recognisers = recognisers.into_iter().map(|settings| Recogniser::new(settings).ok().unwrap());
        Customisation::new(recognisers.collect(), &[], None).unwrap()
    }

    fn found_keyed<'t>(custom: &Customisation, key: &str, text: &'t str) -> Vec<(&'static str, &'t str)> {
        let mut findings = Vec::new();
        custom.refine(key, text, &mut findings);
        findings.into_iter().map(|finding| (finding.kind.name(), &text[finding.range])).collect()
    }

    fn found<'t>(custom: &Customisation, text: &'t str) -> Vec<(&'static str, &'t str)> {
        found_keyed(custom, "", text)
    }

    #[test]
    fn values_are_found_with_their_exact_bounds_in_any_script() {
        let custom = custom(vec![
            settings("STAFF_ID", r"\bST-[0-9]{5}\b"),
            settings("AKTENZEICHEN", r"\b[0-9]{1,3} [A-ZÄÖÜ]{1,3} [0-9]{1,5}/[0-9]{2}\b"),
        ]);
        assert_eq!(
            found(&custom, "é ST-12345, ST-123456, ST-54321. Az. 12 ÜK 345/24"),
            [("STAFF_ID", "ST-12345"), ("STAFF_ID", "ST-54321"), ("AKTENZEICHEN", "12 ÜK 345/24")]
        );
        assert!(found(&custom, "st-12345 and nothing else").is_empty());
    }

    #[test]
    fn context_is_a_whole_word_before_or_the_members_name() {
        let custom = custom(vec![RecogniserSettings {
            context: words(&["Badge", "Ausweis", "社員"]),
            ..settings("BADGE", "[0-9]{6}")
        }]);
        let far = format!("badge {} 123456", "x ".repeat(CONTEXT_BYTES / 2));
        let cut = format!("xbadge{} 123456", " ".repeat(CONTEXT_BYTES - 6));
        for (key, text, expected) in [
            ("", "badge 123456", true),
            ("", "BADGE: 123456", true),
            ("", "my badge_no 123456", true),
            ("", "ausweis 123456", true),
            ("", "社員番号は123456です", true),
            ("badgeNumber", "123456", true),
            ("number", "123456", false),
            ("", "badges 123456", false),
            ("", "123456 badge", false),
            ("", &far, false),
            ("", &cut, false),
        ] {
            assert_eq!(!found_keyed(&custom, key, text).is_empty(), expected, "{key:?} {text:?}");
        }
    }

    #[test]
    fn a_refused_match_hides_nothing() {
        let custom = custom(vec![
            RecogniserSettings { validator: Validator::Luhn, ..settings("MEMBER", "[0-9]{10}") },
            settings("CASE", "[0-9]{4}"),
        ]);
        // No window of ten digits passes at the start; the shorter pattern begins at the same place.
        assert_eq!(found(&custom, "1234567890")[0], ("CASE", "1234"));
        assert_eq!(found(&custom, "1234567897"), [("MEMBER", "1234567897")]);
        let alone = self::custom(vec![RecogniserSettings {
            validator: Validator::Luhn,
            ..settings("MEMBER", "[0-9]{10}")
        }]);
        assert_eq!(found(&alone, "91234567897"), [("MEMBER", "1234567897")]);
    }

    #[test]
    fn denied_and_allowed_values_are_compared_whole() {
        let denying = custom(vec![RecogniserSettings {
            denylist: words(&["ST-00000", "000 000"]),
            ..settings("STAFF_ID", "ST-[0-9]{5}|[0-9]{3}[ -]?[0-9]{3}")
        }]);
        assert!(found(&denying, "st ST-00000 000-000 000000").is_empty());
        assert_eq!(found(&denying, "ST-00001 000-001").len(), 2);
        let text = "call 800-555-0100 or 8005550100, not 1800-555-0100; HELP@example.org";
        let finding = |value: &str, kind| {
            let start = text.find(value).unwrap();
            Finding { kind, range: start..start + value.len(), confidence: 90 }
        };
        let mut findings = vec![
            finding("800-555-0100", PiiType::Phone),
            finding("8005550100", PiiType::Phone),
            finding("1800-555-0100", PiiType::Phone),
            finding("HELP@example.org", PiiType::Email),
        ];
        let allowed = words(&["(800) 555 0100", "help@example.org"]);
        Customisation::new(Vec::new(), &allowed, None).unwrap().refine("", text, &mut findings);
        assert_eq!(
            findings.iter().map(|finding| &text[finding.range.clone()]).collect::<Vec<_>>(),
            ["1800-555-0100"]
        );
    }

    #[test]
    fn types_that_are_off_are_not_reported_and_hide_nothing() {
        let staff = Recogniser::new(settings("STAFF_ID", "[0-9]{5}")).ok().unwrap();
        let on = BTreeSet::from([PiiType::Email, staff.kind()]);
        let custom = Customisation::new(vec![staff], &[], Some(on)).unwrap();
        let finding = |kind, range, confidence| Finding { kind, range, confidence };
        let mut findings = vec![finding(PiiType::Email, 0..3, 80), finding(PiiType::Phone, 4..12, 99)];
        custom.refine("", "a@b 12345678", &mut findings);
        let kinds: Vec<_> =
            findings.iter().map(|finding| (finding.kind.name(), finding.range.clone())).collect();
        assert_eq!(kinds, [("EMAIL", 0..3), ("STAFF_ID", 4..9)]);
    }

    #[test]
    fn of_overlapping_values_the_more_certain_stays_and_the_operators_between_equals() {
        for (confidence, expected) in [(50, "PHONE"), (80, "STAFF_ID"), (90, "STAFF_ID")] {
            let custom = custom(vec![RecogniserSettings { confidence, ..settings("STAFF_ID", "[0-9]{5}") }]);
            let mut findings = vec![Finding { kind: PiiType::Phone, range: 0..8, confidence: 80 }];
            custom.refine("", "12345678", &mut findings);
            assert_eq!(findings.len(), 1);
            assert_eq!(findings[0].kind.name(), expected, "{confidence}");
        }
    }

    #[test]
    fn descriptions_that_cannot_work_are_refused_with_their_place() {
        let good = || settings("STAFF_ID", "ST-[0-9]{5}");
        for (settings, place) in [
            (settings("STAFF_ID", "ST-(["), "pattern"),
            (settings("STAFF_ID", "x*"), "pattern"),
            (settings("STAFF_ID", "a{0,3}|b"), "pattern"),
            (settings("STAFF_ID", "ST-[0-9]+"), "pattern"),
            (settings("STAFF_ID", "[0-9]{300}"), "pattern"),
            (settings("STAFF_ID", r"(?-u:\xFF)"), "pattern"),
            (settings("STAFF_ID", &"a".repeat(PATTERN_BYTES_MAX + 1)), "pattern"),
            (RecogniserSettings { context: words(&["badge", "two words"]), ..good() }, "context[1]"),
            (RecogniserSettings { context: words(&[""]), ..good() }, "context[0]"),
            (
                RecogniserSettings { denylist: vec![String::new(); LIST_ENTRIES_MAX + 1], ..good() },
                "denylist",
            ),
            (RecogniserSettings { confidence: 101, ..good() }, "confidence"),
            (RecogniserSettings { matches: words(&["ST-12345", "ST-1"]), ..good() }, "examples.match[1]"),
            (RecogniserSettings { no_matches: words(&["x ST-12345"]), ..good() }, "examples.no_match[0]"),
        ] {
            let error = Recogniser::new(settings).err().unwrap();
            assert_eq!(error.place(), place, "{error}");
            assert!(!error.to_string().contains("ST-") && !error.fix().is_empty());
        }
        let examples = RecogniserSettings {
            matches: words(&["id ST-12345"]),
            no_matches: words(&["ST-1234", "nothing"]),
            ..good()
        };
        assert!(Recogniser::new(examples).is_ok());
    }

    #[test]
    fn too_many_recognisers_or_values_are_refused() {
        let many = |count: usize| {
            (0..count).map(|_| Recogniser::new(settings("STAFF_ID", "ST-[0-9]{5}")).ok().unwrap()).collect()
        };
        assert!(Customisation::new(many(RECOGNISERS_MAX), &[], None).is_ok());
        let error = Customisation::new(many(RECOGNISERS_MAX + 1), &[], None).err();
        assert_eq!(error, Some(CustomError::Recognisers));
        let values = vec![String::new(); ALLOWED_MAX + 1];
        assert_eq!(Customisation::new(Vec::new(), &values, None).err(), Some(CustomError::Allowed));
    }

    #[test]
    fn checksums_take_the_right_and_refuse_the_wrong() {
        for (validator, right, wrong) in [
            (Validator::Luhn, "7992-7398-713", "7992-7398-710"),
            (Validator::Mod97, "123456 76", "123456 77"),
            (Validator::Mod11, "0000-0002-1825-0097", "0000-0002-1825-0098"),
            (Validator::Mod11, "0000-0002-1694-233X", "0000-0002-1694-2330"),
            (Validator::Verhoeff, "2363", "2364"),
            (Validator::Verhoeff, "123451", "123415"),
        ] {
            assert!(validator.passes(right), "{validator:?} {right}");
            assert!(!validator.passes(wrong), "{validator:?} {wrong}");
            assert!(!validator.passes(""), "{validator:?}");
            assert_eq!(Validator::from_name(validator.name()), Some(validator));
        }
        assert!(Validator::None.passes("") && Validator::from_name("crc").is_none());
    }

    #[test]
    fn near_matches_by_the_thousand_end() {
        let custom = custom(vec![
            RecogniserSettings { validator: Validator::Luhn, ..settings("MEMBER", "[0-9]{200,256}") },
            RecogniserSettings { context: words(&["case"]), ..settings("CASE", "[0-9]{4,256}") },
        ]);
        for piece in ["1", "12 ", "é1", "1234567890"] {
            let text = piece.repeat(20_000 / piece.len());
            assert!(found(&custom, &text).len() <= text.len());
        }
    }
}
