//! Which part of a growing text is decided: what stands there can neither become a finding any more nor change one.
//!
//! The detector reads whole texts. Here a text is cut into words as it comes, by nothing but its own characters, so
//! that the outcome never depends on how it was cut on its way. A plain word is decided as soon as it has ended.
//! A word that may be a value or a part of one (digits, an at sign, a long token), or that announces one
//! ("password"), opens a region, which stays undecided until enough plain words have followed; then the detector reads
//! the region with the text before it. A region that does not end is decided from its front, as far as no finding
//! and no break says otherwise, so that no more is held than a value may be long.
//!
//! What the detector may look at is assumed here: [`CONTEXT_BYTES`] before a value, and a value's own words and the
//! few plain ones that close its region behind it. It decides nothing about findings and changes no text.

use std::collections::VecDeque;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::masking::{Found, Masker, Tally};

/// How far before a value words may stand that make it one.
const CONTEXT_BYTES: usize = 256;
/// A caller that drops decided text keeps this much of it.
pub(crate) const KEPT_BYTES: usize = CONTEXT_BYTES + 64;
/// A region of this length is decided from its front at a break, if the detector sees this much more behind it.
const REGION_BYTES_SOFT: usize = 128;
const LOOKAHEAD_BYTES: usize = 64;
/// A region of this length is decided from its front wherever no finding stands.
const REGION_BYTES_HARD: usize = 1024;
/// Longest value: a private key. A region of this length is decided as it is.
pub(crate) const REGION_BYTES_MAX: usize = 8 << 10;
/// A word of this length may be a key.
const LONG_WORD_BYTES: usize = 20;
/// Plain words that end a region, and one behind a word that announces a value of any form.
const PLAIN_WORDS: usize = 2;
const PLAIN_WORDS_ANNOUNCED: usize = 4;
/// So far behind the word that announces it a value may begin: "the password for the admin is ...".
const ANNOUNCED_QUIET_BYTES: usize = 80;
/// Letters that a number may begin with, "AB 12 34 56 C".
const PREFIX_BYTES_MAX: usize = 4;
/// An AWS secret key is one because of the access key that follows within 200 bytes.
const SECRET_KEY_BYTES: usize = 40;
const SECRET_KEY_QUIET_BYTES: usize = 224;

const _: () = assert!(LOOKAHEAD_BYTES < REGION_BYTES_SOFT && REGION_BYTES_SOFT < REGION_BYTES_HARD);
const _: () = assert!(REGION_BYTES_HARD < REGION_BYTES_MAX && CONTEXT_BYTES < KEPT_BYTES);

/// Parts of words behind which a value may stand that has neither digits nor length.
const ANNOUNCING: &[&str] = &[
    "passw",
    "pwd",
    "passcode",
    "passphrase",
    "secret",
    "token",
    "credential",
    "apikey",
    "api_key",
    "api-key",
    "kennwort",
    "parola",
    "contrase",
    "senha",
    "mot_de_passe",
    "motdepasse",
    "hasło",
    "wachtwoord",
    "lösenord",
    "adgangskode",
    "пароль",
    "parol",
    "şifre",
    "username",
    "user_name",
    "user-name",
    "userid",
    "user_id",
    "user:",
    "user=",
    "user\"",
    "login",
    "logon",
    "account",
    "benutzer",
    "utilisateur",
    "identifiant",
    "usuario",
    "usuário",
    "utente",
    "gebruiker",
    "логин",
    "birth",
    "born",
    "dob",
    "d.o.b",
    "geburt",
    "geboren",
    "naissance",
    "nacimiento",
    "nacid",
    "nascimento",
    "nascita",
    "fødsel",
    "födel",
    "рожд",
    "plate",
    "licen",
    "registration",
    "kennzeichen",
    "immatricul",
    "matrícula",
    "matricula",
    "placa",
    "targa",
    "passport",
    "passeport",
    "reisepass",
    "pasaporte",
    "passaporto",
    "driver",
    "führerschein",
    "swift",
    "bic",
    "private",
];
/// The same in scripts that put no spaces between words.
const ANNOUNCING_UNSPACED: &[&str] = &[
    "パスワード",
    "暗証番号",
    "ユーザー名",
    "ログイン",
    "生年月日",
    "密码",
    "密碼",
    "用户名",
    "出生",
    "비밀번호",
    "아이디",
    "생년월일",
    "รหัสผ่าน",
    "ชื่อผู้ใช้",
];

static ANNOUNCERS: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(ANNOUNCING).ok());

/// How far one growing text is decided. It holds places in a text, and none of it.
#[derive(Default)]
pub(crate) struct StreamScan {
    at: usize,
    word: Option<Word>,
    region: Option<Region>,
}

/// The word that is coming.
struct Word {
    start: usize,
    may_be_value: bool,
    base64: Base64Run,
    /// A run of the length and the letters of an AWS secret key was in it.
    like_secret_key: bool,
}

/// A run of letters as base64 has them: its length, and which kinds of them.
#[derive(Default)]
struct Base64Run {
    length: usize,
    upper: bool,
    lower: bool,
    digit: bool,
}

struct Region {
    start: usize,
    plain_words: usize,
    plain_words_needed: usize,
    /// Not decided before this place.
    quiet_until: usize,
    /// Places no value goes over.
    breaks: VecDeque<usize>,
    /// Where the detector next looks whether the front can be decided.
    next_look: usize,
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
            if character.is_ascii_whitespace() || character == '\u{3000}' {
                self.end_word(reading, start);
                if character == '\n' {
                    self.note_break(self.at);
                }
            } else if is_word_by_itself(character) {
                self.end_word(reading, start);
                self.unspaced(reading);
            } else {
                self.extend_word(character, start);
                self.look(reading, self.at, false);
            }
        }
    }

    /// The text has ended: all of it is decided.
    pub fn finish(&mut self, reading: &mut Reading<'_, '_>) {
        self.read(reading);
        self.word = None;
        if self.region.is_some() {
            self.close(reading, self.at);
        }
    }

    /// Everything before this place is decided.
    pub fn decided(&self) -> usize {
        let region = self.region.as_ref().map(|region| region.start);
        region.or(self.word.as_ref().map(|word| word.start)).unwrap_or(self.at)
    }

    /// The first bytes of the text were dropped. They were decided, and [`KEPT_BYTES`] more are left before the rest.
    pub fn forget(&mut self, bytes: usize) {
        self.at = self.at.saturating_sub(bytes);
        if let Some(word) = &mut self.word {
            word.start = word.start.saturating_sub(bytes);
        }
        if let Some(region) = &mut self.region {
            for place in [&mut region.start, &mut region.quiet_until, &mut region.next_look] {
                *place = place.saturating_sub(bytes);
            }
            region.breaks.iter_mut().for_each(|place| *place = place.saturating_sub(bytes));
        }
    }

    fn extend_word(&mut self, character: char, start: usize) {
        let word = self.word.get_or_insert_with(|| Word::at(start));
        word.extend(character);
        if self.region.is_none() && (word.may_be_value || self.at - word.start >= LONG_WORD_BYTES) {
            self.region = Some(Region::at(word.start));
        }
    }

    fn end_word(&mut self, reading: &mut Reading<'_, '_>, end: usize) {
        let Some(mut word) = self.word.take() else { return };
        word.end_run();
        let text = reading.text.get(word.start..end).unwrap_or_default();
        let announces = announces(text);
        let may_be_value = word.may_be_value || text.len() >= LONG_WORD_BYTES || text.contains("-----");
        if announces || may_be_value {
            let region = self.region.get_or_insert_with(|| Region::at(word.start));
            region.plain_words = 0;
            let needed = if announces { PLAIN_WORDS_ANNOUNCED } else { PLAIN_WORDS };
            region.plain_words_needed = region.plain_words_needed.max(needed);
            let quiet = match (word.like_secret_key, announces) {
                (true, _) => SECRET_KEY_QUIET_BYTES,
                (false, true) => ANNOUNCED_QUIET_BYTES,
                (false, false) => 0,
            };
            region.quiet_until = region.quiet_until.max(end + quiet);
            if text.ends_with([',', ';', ':', '|', '"', '\'', ']', '}', '>']) {
                region.breaks.push_back(end);
            }
        } else if self.region.is_none() && is_prefix(text) {
            self.region = Some(Region { plain_words_needed: 1, ..Region::at(word.start) });
        } else {
            self.plain_word(reading, end);
        }
        self.look(reading, end, true);
    }

    /// The character just read is a word.
    fn unspaced(&mut self, reading: &mut Reading<'_, '_>) {
        let end = self.at;
        let before = reading.text.get(..end).unwrap_or_default();
        if ANNOUNCING_UNSPACED.iter().any(|announcing| before.ends_with(announcing)) {
            let region = self.region.get_or_insert_with(|| Region::at(end));
            region.plain_words = 0;
            region.plain_words_needed = PLAIN_WORDS_ANNOUNCED;
            region.quiet_until = region.quiet_until.max(end + ANNOUNCED_QUIET_BYTES);
        } else {
            self.plain_word(reading, end);
        }
        self.look(reading, end, true);
    }

    fn plain_word(&mut self, reading: &mut Reading<'_, '_>, end: usize) {
        let Some(region) = &mut self.region else { return };
        region.plain_words += 1;
        region.breaks.push_back(end);
        if region.plain_words >= region.plain_words_needed && end >= region.quiet_until {
            self.close(reading, end);
        }
    }

    fn note_break(&mut self, at: usize) {
        if let Some(region) = &mut self.region {
            region.breaks.push_back(at);
        }
    }

    /// Decides the region as it is.
    fn close(&mut self, reading: &mut Reading<'_, '_>, end: usize) {
        let Some(region) = self.region.take() else { return };
        for found in find(reading, region.start, end) {
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
        if !is_long && (!between_words || end < region.quiet_until) {
            return;
        }
        let start = region.start;
        let found = find(reading, start, end);
        let limit = end.saturating_sub(LOOKAHEAD_BYTES);
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

impl Word {
    fn at(start: usize) -> Self {
        Self { start, may_be_value: false, base64: Base64Run::default(), like_secret_key: false }
    }

    fn extend(&mut self, character: char) {
        self.may_be_value |= character.is_numeric() || matches!(character, '@' | '＠' | '﹫');
        if character.is_ascii_alphanumeric() || matches!(character, '+' | '/') {
            let run = &mut self.base64;
            run.length += 1;
            run.upper |= character.is_ascii_uppercase();
            run.lower |= character.is_ascii_lowercase();
            run.digit |= character.is_ascii_digit();
        } else {
            self.end_run();
        }
    }

    fn end_run(&mut self) {
        let run = std::mem::take(&mut self.base64);
        self.like_secret_key |= run.length == SECRET_KEY_BYTES && run.upper && run.lower && run.digit;
    }
}

impl Region {
    fn at(start: usize) -> Self {
        Self {
            start,
            plain_words: 0,
            plain_words_needed: PLAIN_WORDS,
            quiet_until: 0,
            breaks: VecDeque::new(),
            next_look: start + REGION_BYTES_SOFT,
        }
    }
}

/// What the detector finds up to `end` that reaches into the text from `start` on.
fn find(reading: &Reading<'_, '_>, start: usize, end: usize) -> Vec<Found> {
    let context = context_start(reading.text, start);
    let window = reading.text.get(context..end).unwrap_or_default();
    let mut found = reading.masker.find("", window);
    for own in &mut found {
        own.range = own.range.start + context..own.range.end + context;
    }
    found.retain(|own| own.range.end > start);
    found
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

/// Letters of scripts without spaces between words, and pictures. Full-width forms are letters of another width, and
/// what has no width at all ends no word.
fn is_word_by_itself(character: char) -> bool {
    let joins =
        matches!(character, '\u{FF00}'..='\u{FF5E}' | '\u{FE00}'..='\u{FE0F}' | '\u{FE6B}' | '\u{FEFF}');
    ('\u{0E00}'..='\u{0EFF}').contains(&character) || (character >= '\u{2E80}' && !joins)
}

fn announces(word: &str) -> bool {
    ANNOUNCERS.as_ref().is_none_or(|announcers| announcers.is_match(word))
}

/// A few capitals alone; the two that are words of their own in English are none.
fn is_prefix(word: &str) -> bool {
    let word = word.trim_matches(|character: char| character.is_ascii_punctuation());
    (1..=PREFIX_BYTES_MAX).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_uppercase())
        && !matches!(word, "I" | "A")
}
