//! What a word of a growing text may be: a value, a part of one, or the beginning of an address that is spelled out.
//! It looks at one word at a time and decides nothing.

/// A word of this length may be a key.
const LONG_WORD_BYTES: usize = 20;
/// Letters that a number may begin with, "AB 12 34 56 C".
const PREFIX_BYTES_MAX: usize = 4;
/// An AWS secret key is one because of the access key that follows.
const SECRET_KEY_BYTES: usize = 40;
/// Of a hardware address, which may have letters alone.
const HARDWARE_DIGITS: usize = 12;
/// Of a card's code; years of age are told by what stands next to them.
const NUMBER_DIGITS_MIN: usize = 3;

const SPELLED_AT: [&str; 4] = ["at", "[at]", "(at)", "{at}"];
const SPELLED_DOT: [&str; 4] = ["dot", "[dot]", "(dot)", "{dot}"];

/// The word that is coming.
pub(super) struct Word {
    pub start: usize,
    pub may_be_value: bool,
    base64: Base64Run,
    /// A run of the length and the letters of an AWS secret key was in it.
    pub like_secret_key: bool,
    hexadecimal: usize,
    digits: usize,
    last: char,
}

/// A run of letters as base64 has them: its length, and which kinds of them.
#[derive(Default)]
struct Base64Run {
    length: usize,
    upper: bool,
    lower: bool,
    digit: bool,
}

impl Word {
    pub fn at(start: usize) -> Self {
        Self {
            start,
            may_be_value: false,
            base64: Base64Run::default(),
            like_secret_key: false,
            hexadecimal: 0,
            digits: 0,
            last: ' ',
        }
    }

    pub fn extend(&mut self, character: char) {
        self.digits += usize::from(character.is_numeric());
        if character.is_ascii_hexdigit() {
            self.hexadecimal += 1;
        } else if !matches!(character, ':' | '.' | '-') {
            self.hexadecimal = 0;
        }
        // A name that somebody gave: "ann_lee".
        let joins = character == '_' && self.last.is_alphanumeric();
        let is_hardware = self.hexadecimal >= HARDWARE_DIGITS;
        self.may_be_value |= character.is_numeric() || character == '@' || joins || is_hardware;
        self.last = character;
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

    /// A number that needs words to be told from others.
    pub fn may_be_number(&self) -> bool {
        self.digits >= NUMBER_DIGITS_MIN
    }

    pub fn end_run(&mut self) {
        let run = std::mem::take(&mut self.base64);
        self.like_secret_key |= run.length == SECRET_KEY_BYTES && run.upper && run.lower && run.digit;
    }
}

pub(super) fn is_long(bytes: usize) -> bool {
    bytes >= LONG_WORD_BYTES
}

/// A few capitals alone; the two that are words of their own in English are none.
pub(super) fn is_prefix(word: &str) -> bool {
    let word = word.trim_matches(|character: char| character.is_ascii_punctuation());
    (1..=PREFIX_BYTES_MAX).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_uppercase())
        && !matches!(word, "I" | "A")
}

/// "ann at example dot com" with brackets or without.
pub(super) fn is_spelled_at(word: &str) -> bool {
    SPELLED_AT.iter().any(|spelling| word.eq_ignore_ascii_case(spelling))
}

pub(super) fn may_become_spelled_at(word: &str) -> bool {
    SPELLED_AT.iter().any(|spelling| {
        spelling.get(..word.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(word))
    })
}

pub(super) fn is_spelled_dot(word: &str) -> bool {
    SPELLED_DOT.iter().any(|spelling| word.eq_ignore_ascii_case(spelling))
}

/// "ann[at]example[dot]com".
pub(super) fn has_spelled_sign(word: &str) -> bool {
    let bracketed =
        SPELLED_AT.iter().chain(&SPELLED_DOT).filter(|spelling| !spelling.starts_with(char::is_alphabetic));
    word.contains(['[', '(', '{'])
        && bracketed.into_iter().any(|spelling| {
            word.as_bytes().windows(spelling.len()).any(|part| part.eq_ignore_ascii_case(spelling.as_bytes()))
        })
}

/// Whether a local part may end so.
pub(super) fn ends_as_label(word: &str) -> bool {
    word.ends_with(|last: char| last.is_ascii_alphanumeric() || matches!(last, '-' | '.' | '_' | '+'))
}
