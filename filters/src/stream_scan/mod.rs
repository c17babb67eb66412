//! Which part of a growing text is decided: what stands there can neither become a finding any more nor change one.
//!
//! The detector reads whole texts. Here a text is cut into words as it comes, by nothing but its own characters, so
//! that the outcome never depends on how it was cut on its way. A plain word is decided as soon as the next one begins.
//! A word that may be a value or a part of one (digits, an at sign, a long token), or that announces one
//! ("password"), opens a region, which stays undecided until enough plain words have followed; then the detector reads
//! the region with the text before it. A region that does not end is decided from its front, as far as no finding
//! and no break says otherwise, so that no more is held than a value may be long. Where an operator describes values
//! that may be made of any words, all text is such a region.
//!
//! What the detector may look at is assumed here: [`CONTEXT_BYTES`] before a value, the first row of a table it stands
//! in, and a value's own words and the few plain ones that close its region behind it. It decides nothing about findings
//! and changes no text.

mod table;
mod word;

use std::collections::VecDeque;

use self::table::Table;
use self::word::Word;
use crate::masking::{Found, Masker, Tally};
use crate::pii::{Fold, UNSPACED_LETTERS_MAX, fold, is_local, is_unspaced};

/// How far before a value words may stand that make it one.
const CONTEXT_BYTES: usize = 256;
/// A caller that drops decided text keeps this much of it.
pub(crate) const KEPT_BYTES: usize = CONTEXT_BYTES + 64;
/// A region of this length is decided from its front at a break, if the detector sees this much more behind it.
const REGION_BYTES_SOFT: usize = 128;
const LOOKAHEAD_BYTES: usize = 80;
/// A region of this length is decided from its front wherever no finding stands.
const REGION_BYTES_HARD: usize = 1024;
/// Longest value: a private key. A region of this length is decided as it is.
pub(crate) const REGION_BYTES_MAX: usize = 8 << 10;
/// Plain words that end a region, and one behind a word that announces a value of any form.
const PLAIN_WORDS: usize = 2;
const PLAIN_WORDS_ANNOUNCED: usize = 4;
/// Words behind a number may tell what it was, in the same sentence: "8412 is the new PIN of her card".
const TOLD_BEHIND_BYTES: usize = 72;
/// Words that announce a value may be several: "data de nascimento".
const LABEL_BYTES: usize = 64;
/// An AWS secret key is one because of the access key that follows within 200 bytes.
const SECRET_KEY_QUIET_BYTES: usize = 224;
/// "-----BEGIN OPENSSH PRIVATE KEY-----" stands in one line, and the key behind it.
const RULED_OFF_QUIET_BYTES: usize = 64;

const _: () = assert!(TOLD_BEHIND_BYTES < LOOKAHEAD_BYTES && LOOKAHEAD_BYTES < REGION_BYTES_SOFT);
const _: () = assert!(REGION_BYTES_SOFT < REGION_BYTES_HARD);
const _: () = assert!(REGION_BYTES_HARD < REGION_BYTES_MAX && CONTEXT_BYTES < KEPT_BYTES);

/// How far one growing text is decided. Of the text itself it holds the first row of a table alone.
#[derive(Default)]
pub(crate) struct StreamScan {
    at: usize,
    /// A plain word behind which a single space stands: the next one may make it a part of a value.
    previous: Option<usize>,
    /// Where the last finding ends.
    found_until: usize,
    word: Option<Word>,
    table: Table,
    /// In a row, up to here.
    unspaced_letters: usize,
    region: Option<Region>,
}

struct Region {
    start: usize,
    plain_words: usize,
    plain_words_needed: usize,
    /// Not decided before this place.
    quiet_until: usize,
    /// Nor before this one, if the sentence does not end.
    sentence_until: usize,
    /// Places no value goes over.
    breaks: VecDeque<usize>,
    /// Where the detector next looks whether the front can be decided.
    next_look: usize,
    /// How much more the detector must see behind a front.
    lookahead: usize,
}

/// What one step of reading needs beside its own state.
pub(crate) struct Reading<'r, 'm> {
    pub text: &'r str,
    pub masker: Masker<'m>,
    pub found: &'r mut Vec<Found>,
    pub tally: &'r mut Tally,
}

impl StreamScan {
    /// Reads on to the end of the text so far. What is found and decided is appended, sorted by place.
    pub fn read(&mut self, reading: &mut Reading<'_, '_>) {
        while let Some(character) = reading.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            let start = self.at;
            self.at = start + character.len_utf8();
            // As the detector reads it.
            let character = match fold(character) {
                Some(Fold::Remove) => continue,
                Some(Fold::Replace(byte)) => char::from(byte),
                None => character,
            };
            self.table.extend(character);
            if is_unspaced(character) {
                self.unspaced(reading, character, start);
                continue;
            }
            self.unspaced_letters = 0;
            if character.is_ascii_whitespace() {
                self.space(reading, character, start);
            } else {
                self.extend_word(reading, character, start);
                self.look(reading, self.at, false);
            }
        }
    }

    /// The text has ended: all of it is decided.
    pub fn finish(&mut self, reading: &mut Reading<'_, '_>) {
        self.read(reading);
        (self.word, self.previous) = (None, None);
        if self.region.is_some() {
            self.close(reading, self.at);
        }
    }

    /// Everything before this place is decided.
    pub fn decided(&self) -> usize {
        let region = self.region.as_ref().map(|region| region.start);
        let word = self.word.as_ref().map(|word| word.start);
        region.or(self.previous).or(word).unwrap_or(self.at)
    }

    /// The first bytes of the text were dropped. They were decided, and [`KEPT_BYTES`] more are left before the rest.
    pub fn forget(&mut self, bytes: usize) {
        self.at = self.at.saturating_sub(bytes);
        self.previous = self.previous.map(|previous| previous.saturating_sub(bytes));
        self.found_until = self.found_until.saturating_sub(bytes);
        self.table.forget(bytes);
        if let Some(word) = &mut self.word {
            word.start = word.start.saturating_sub(bytes);
        }
        if let Some(region) = &mut self.region {
            let Region { start, quiet_until, sentence_until, next_look, .. } = region;
            for place in [start, quiet_until, sentence_until, next_look] {
                *place = place.saturating_sub(bytes);
            }
            region.breaks.iter_mut().for_each(|place| *place = place.saturating_sub(bytes));
        }
    }

    fn space(&mut self, reading: &mut Reading<'_, '_>, character: char, start: usize) {
        let word = self.word.as_ref().map(|word| word.start);
        self.end_word(reading, start);
        if character == '\n' {
            self.end_line(reading);
        }
        let is_label = |word: &usize| {
            *word >= self.found_until && reading.text.get(*word..start).is_some_and(word::ends_as_label)
        };
        self.previous = word.filter(|_| character == ' ').filter(is_label);
    }

    /// Rows of a table are decided one by one: before a row has ended it may be none.
    fn end_line(&mut self, reading: &mut Reading<'_, '_>) {
        let is_row = self.table.end_line(reading, self.at);
        if is_row {
            self.close_behind(reading, self.at, true);
        }
        let Some(region) = &mut self.region else { return };
        region.breaks.push_back(self.at);
        region.sentence_until = 0;
        if !is_row && reading.masker.open_bytes().is_none() {
            region.plain_words_needed = region.plain_words_needed.min(PLAIN_WORDS_ANNOUNCED);
        }
    }

    fn extend_word(&mut self, reading: &Reading<'_, '_>, character: char, start: usize) {
        let word = self.word.get_or_insert_with(|| Word::at(start));
        word.extend(character);
        let text = reading.text.get(word.start..self.at).unwrap_or_default();
        let previous = self.previous;
        if !word::may_become_spelled_at(text) {
            self.previous = None;
        }
        if self.region.is_some() {
            return;
        }
        // "March 3, 1980", "hh 12 34 56 c".
        let start = previous.unwrap_or(word.start);
        if let Some(bytes) = reading.masker.open_bytes() {
            self.region = Some(Region { lookahead: bytes.max(LOOKAHEAD_BYTES), ..Region::endless(start) });
        } else if self.table.may_be_row() {
            self.region = Some(Region::endless(start));
        } else if word.may_be_value || word::is_long(text.len()) {
            self.region = Some(Region::at(start));
        }
    }

    fn end_word(&mut self, reading: &mut Reading<'_, '_>, end: usize) {
        let Some(mut word) = self.word.take() else { return };
        word.end_run();
        let text = reading.text.get(word.start..end).unwrap_or_default();
        let announced = self.announced(reading, word.start);
        let rules_off = text.contains("-----");
        let is_at = word::is_spelled_at(text) && self.previous.is_some();
        let may_be_value = word.may_be_value
            || word::is_long(text.len())
            || rules_off
            || word::has_spelled_sign(text)
            || is_at
            || word::is_spelled_dot(text) && self.region.is_some();
        if announced > 0 || may_be_value {
            let start = self.previous.filter(|_| is_at).unwrap_or(word.start);
            let region = self.region.get_or_insert_with(|| Region::at(start));
            let quiet = match word.like_secret_key {
                true => SECRET_KEY_QUIET_BYTES,
                false if rules_off => RULED_OFF_QUIET_BYTES,
                false => 0,
            };
            region.expect(end + announced.max(quiet), announced > 0);
            if word.may_be_number() {
                region.sentence_until = end + TOLD_BEHIND_BYTES;
            }
            if text.ends_with([',', ';', ':', '|', '"', '\'', ']', '}', '>']) {
                region.breaks.push_back(end);
            }
        } else if word::is_prefix(text) {
            let region = self.region.get_or_insert_with(|| Region::at_prefix(word.start));
            region.breaks.push_back(end);
        } else {
            let is_word = text.contains(char::is_alphabetic);
            self.plain_word(reading, end, is_word);
        }
        self.look(reading, end, true);
    }

    /// A few letters of such a script may be part of an address. Behind them each character is a word.
    fn unspaced(&mut self, reading: &mut Reading<'_, '_>, character: char, start: usize) {
        let end = self.at;
        self.unspaced_letters = if is_local(character) { self.unspaced_letters + 1 } else { 0 };
        let is_part = (1..=UNSPACED_LETTERS_MAX).contains(&self.unspaced_letters);
        if is_part {
            self.extend_word(reading, character, start);
        } else {
            self.end_word(reading, start);
            self.previous = None;
        }
        let announced = self.announced(reading, start);
        if announced > 0 {
            let start = self.word.as_ref().map_or(start, |word| word.start);
            self.region.get_or_insert_with(|| Region::at(start)).expect(end + announced, true);
        } else if !is_part {
            self.plain_word(reading, end, character.is_alphabetic());
        }
        self.look(reading, end, !is_part);
    }

    /// How far behind them the words that end here, none of them before `start`, announce a value of any form.
    fn announced(&self, reading: &Reading<'_, '_>, start: usize) -> usize {
        let from = floor(reading.text, start.saturating_sub(LABEL_BYTES));
        let text = reading.text.get(from..self.at).unwrap_or_default();
        reading.masker.announced(text, start - from).unwrap_or(0)
    }

    /// Signs alone are no word: "536-22-8472 (SSN)" may be written with more of them.
    fn plain_word(&mut self, reading: &mut Reading<'_, '_>, end: usize, is_word: bool) {
        let Some(region) = &mut self.region else { return };
        region.plain_words += usize::from(is_word);
        region.breaks.push_back(end);
        if reading.text.get(..end).is_some_and(|text| text.ends_with(['.', ';', '。'])) {
            region.sentence_until = 0;
        }
        let until = region.quiet_until.max(region.sentence_until);
        if region.plain_words >= region.plain_words_needed && end >= until {
            self.close(reading, end);
        }
    }

    /// Decides the region as it is.
    fn close(&mut self, reading: &mut Reading<'_, '_>, end: usize) {
        self.close_behind(reading, end, false);
    }

    fn close_behind(&mut self, reading: &mut Reading<'_, '_>, end: usize, is_row: bool) {
        let Some(region) = self.region.take() else { return };
        for found in find(reading, Some(&self.table).filter(|_| is_row), region.start, end) {
            self.found_until = found.range.end;
            accept(reading, found, region.start);
        }
        if let Some(word) = &mut self.word {
            word.start = end;
        }
    }

    /// Decides the front of a region that has grown long.
    fn look(&mut self, reading: &mut Reading<'_, '_>, end: usize, between_words: bool) {
        let Some(region) = &mut self.region else { return };
        if end < region.next_look {
            return;
        }
        let length = end - region.start;
        let is_long = length >= REGION_BYTES_HARD;
        let is_early = !between_words || end < region.quiet_until || self.table.may_be_row();
        if !is_long && is_early {
            return;
        }
        let start = region.start;
        let found = find(reading, Some(&self.table), start, end);
        let limit = end.saturating_sub(region.lookahead);
        let inside = |place: usize| found.iter().find(|own| own.range.start < place && place < own.range.end);
        let may_end = |place: &usize| *place > start && *place <= limit && inside(*place).is_none();
        let mut split = region.breaks.iter().rev().copied().find(|place| may_end(place));
        if split.is_none() && is_long {
            let place = floor(reading.text, limit);
            let place = inside(place).map_or(place, |own| own.range.start);
            split = Some(place).filter(|place| *place > start);
        }
        let Some(split) = split else {
            if length >= REGION_BYTES_MAX {
                return self.close(reading, end);
            }
            let next = end + LOOKAHEAD_BYTES.max(length / 2);
            region.next_look = next.min((start + REGION_BYTES_MAX).max(end + 1));
            return;
        };
        region.start = split;
        region.breaks.retain(|place| *place > split);
        region.next_look = (split + REGION_BYTES_SOFT).max(end + LOOKAHEAD_BYTES);
        if let Some(word) = &mut self.word {
            word.start = word.start.max(split);
        }
        for found in found.into_iter().filter(|found| found.range.end <= split) {
            accept(reading, found, start);
        }
    }
}

impl Region {
    fn at(start: usize) -> Self {
        Self {
            start,
            plain_words: 0,
            plain_words_needed: PLAIN_WORDS,
            quiet_until: 0,
            sentence_until: 0,
            breaks: VecDeque::new(),
            next_look: start + REGION_BYTES_SOFT,
            lookahead: LOOKAHEAD_BYTES,
        }
    }

    /// Plain words do not end it.
    fn endless(start: usize) -> Self {
        Self { plain_words_needed: usize::MAX, ..Self::at(start) }
    }

    /// Capitals that a number may follow.
    fn at_prefix(start: usize) -> Self {
        Self { plain_words_needed: 1, ..Self::at(start) }
    }

    /// A value may be here, or follow before `quiet_until`.
    fn expect(&mut self, quiet_until: usize, is_announced: bool) {
        let needed = if is_announced { PLAIN_WORDS_ANNOUNCED } else { PLAIN_WORDS };
        self.plain_words = 0;
        self.plain_words_needed = self.plain_words_needed.max(needed);
        self.quiet_until = self.quiet_until.max(quiet_until);
    }
}

/// What the detector finds up to `end` that reaches into the text from `start` on.
fn find(reading: &Reading<'_, '_>, table: Option<&Table>, start: usize, end: usize) -> Vec<Found> {
    let context = context_start(reading.text, start);
    let row = row_start(reading.text, context, start);
    let header = table.zip(row).map(|(table, row)| table.header_before(context, row)).unwrap_or_default();
    let context = row.filter(|_| !header.is_empty()).unwrap_or(context);
    let window = reading.text.get(context..end).unwrap_or_default();
    let mut found = match header {
        "" => reading.masker.find("", window),
        header => reading.masker.find("", &[header, window].concat()),
    };
    found.retain(|own| own.range.end + context > start + header.len());
    for own in &mut found {
        let place = |place: usize| (place + context).saturating_sub(header.len());
        own.range = place(own.range.start)..place(own.range.end);
    }
    found
}

/// The first line that begins in the context.
fn row_start(text: &str, context: usize, start: usize) -> Option<usize> {
    match text.get(..context)?.ends_with('\n') {
        true => Some(context),
        false => Some(context + text.get(context..start)?.find('\n')? + 1),
    }
}

/// What went on before a region is decided has left: of a finding that began there, the rest is masked.
fn accept(reading: &mut Reading<'_, '_>, mut found: Found, start: usize) {
    found.range.start = found.range.start.max(start);
    reading.tally.count(&found);
    reading.found.push(found);
}

/// Where the text before a region is read from: the beginning of a word, so that no word looks like another one.
fn context_start(text: &str, start: usize) -> usize {
    let from = floor(text, start.saturating_sub(CONTEXT_BYTES));
    if from == 0 {
        return 0;
    }
    let before = text.get(from..start).unwrap_or_default();
    before.bytes().position(|byte| byte.is_ascii_whitespace()).map_or(from, |space| from + space + 1)
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
