//! The text under examination with the helpers every detector needs: bytes and characters at a position,
//! what stands on either side of a candidate, and words in front of it. It holds user text, hence no
//! `Debug`.

use super::words::Words;

/// A text and the name of the JSON member it came from (empty when there is none).
#[derive(Clone, Copy)]
pub(super) struct Field<'t> {
    key: &'t str,
    text: &'t str,
}

impl<'t> Field<'t> {
    pub(super) fn new(key: &'t str, text: &'t str) -> Self {
        Self { key, text }
    }

    pub(super) fn key(self) -> &'t [u8] {
        self.key.as_bytes()
    }

    pub(super) fn bytes(self) -> &'t [u8] {
        self.text.as_bytes()
    }

    pub(super) fn len(self) -> usize {
        self.text.len()
    }

    /// The byte at `position`, or zero past the end. Zero belongs to no class a detector asks for.
    pub(super) fn at(self, position: usize) -> u8 {
        self.bytes().get(position).copied().unwrap_or(0)
    }

    /// The bytes from `start` to `end`, empty when the range does not lie in the text.
    pub(super) fn slice(self, start: usize, end: usize) -> &'t [u8] {
        self.bytes().get(start..end).unwrap_or_default()
    }

    pub(super) fn str(self, start: usize, end: usize) -> &'t str {
        self.text.get(start..end).unwrap_or_default()
    }

    pub(super) fn char_before(self, position: usize) -> Option<char> {
        self.text.get(..position)?.chars().next_back()
    }

    pub(super) fn char_at(self, position: usize) -> Option<char> {
        self.text.get(position..)?.chars().next()
    }

    pub(super) fn word_before(self, position: usize) -> bool {
        self.char_before(position).is_some_and(is_word)
    }

    pub(super) fn word_at(self, position: usize) -> bool {
        self.char_at(position).is_some_and(is_word)
    }

    /// Whether digits starting at `position` continue something longer: a word, an identifier, a UUID, a
    /// decimal.
    pub(super) fn glued_before(self, position: usize) -> bool {
        if self.is_behind_escape(position) {
            return false;
        }
        match self.char_before(position) {
            Some('-' | '.' | '/') => {
                let end = position - 1;
                let word = self.alphanumerics_before(end);
                is_identifier_piece(word)
            }
            Some(character) => is_word(character),
            None => false,
        }
    }

    /// "%3A" and a line feed as JSON writes it end in a letter that is none.
    fn is_behind_escape(self, position: usize) -> bool {
        match self.slice(position.saturating_sub(3), position) {
            [b'%', high, low] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
            [_, b'\\', b'n' | b'r' | b't'] | [b'\\', b'n' | b'r' | b't'] => true,
            _ => false,
        }
    }

    /// Whether digits ending at `position` go on as something longer.
    pub(super) fn glued_after(self, position: usize) -> bool {
        match self.char_at(position) {
            Some('@') => true,
            Some('-') => is_identifier_piece(self.alphanumerics_at(position + 1)),
            Some('.') => self.at(position + 1).is_ascii_digit(),
            Some(character) => is_word(character),
            None => false,
        }
    }

    /// The ASCII letters and digits around `position`, as far back as any value begins. A word that begins
    /// further back starts after `position`, at its own end.
    pub(super) fn word_around(self, position: usize) -> (usize, usize) {
        let ahead = self.slice(position, self.len());
        let end = position + ahead.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let behind = self.slice(position.saturating_sub(WORD_BYTES_MAX), position);
        let length = behind.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let start = position - length;
        // What ends an escape belongs to the escape.
        let escape = match (start > 0).then(|| self.at(start - 1)) {
            Some(b'%') => 2,
            Some(b'\\') if matches!(self.at(start), b'n' | b'r' | b't') => 1,
            _ => 0,
        };
        if length == WORD_BYTES_MAX { (end, end) } else { ((start + escape).min(end), end) }
    }

    fn alphanumerics_before(self, end: usize) -> &'t [u8] {
        let window = self.slice(end.saturating_sub(PIECE_BYTES_MAX), end);
        let length = window.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        self.slice(end - length, end)
    }

    fn alphanumerics_at(self, start: usize) -> &'t [u8] {
        let window = self.slice(start, self.len().min(start + PIECE_BYTES_MAX));
        let length = window.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        self.slice(start, start + length)
    }

    /// Whether one of `words` (lower case) stands within `window` bytes before `position`, or in the key.
    /// Whole words only, or whole parts of a camelCase name: "public" must not count as "lic".
    pub(super) fn names_any(self, words: &Words, position: usize, window: usize) -> bool {
        let start = position.saturating_sub(window);
        let mut before = self.slice(start, position);
        if self.key.is_empty() && !has_letter(before) {
            return false;
        }
        if start > 0 && is_letter(self.at(start - 1)) {
            // The window cuts a word: its rest would look like another word.
            let rest = before.iter().take_while(|byte| is_letter(**byte)).count();
            before = before.get(rest..).unwrap_or_default();
        }
        contains_word(before, words) || contains_word(self.key(), words)
    }

    /// Whether there is no word at all within `window` bytes before `position`, nor a key.
    pub(super) fn is_quiet(self, position: usize, window: usize) -> bool {
        self.key.is_empty() && !has_letter(self.slice(position.saturating_sub(window), position))
    }

    /// As [`names_any`](Self::names_any), with no digit between the word and `position`: the word speaks of
    /// this number and not of the one before it.
    pub(super) fn names_any_next(self, words: &Words, position: usize, window: usize) -> bool {
        let before = self.slice(position.saturating_sub(window), position);
        let digit = before.iter().rposition(u8::is_ascii_digit);
        let window = digit.map_or(before.len(), |digit| before.len() - digit - 1);
        self.names_any(words, position, window)
    }

    /// Whether a word of `first` and one of `second` stand next to each other within `window` bytes before
    /// `position`.
    pub(super) fn names_pair(self, first: &Words, second: &Words, position: usize, window: usize) -> bool {
        let before = self.slice(position.saturating_sub(window), position);
        if !has_letter(before) {
            return false;
        }
        let words = before.split(|byte| !is_letter(*byte)).filter(|word| !word.is_empty());
        let next = words.clone().skip(1);
        words.zip(next).any(|(word, next)| first.has(word) && second.has(next))
    }

    /// Whether one of `words` (lower case) stands within `window` bytes after `position`, in the same
    /// sentence. Whole words only.
    pub(super) fn names_any_after(self, words: &Words, position: usize, window: usize) -> bool {
        let end = self.len().min(position + window);
        let after = self.slice(position, end);
        let sentence = after.iter().position(|byte| matches!(byte, b'.' | b';' | b'\n' | b'0'..=b'9'));
        let after = after.get(..sentence.unwrap_or(after.len())).unwrap_or_default();
        let mut whole = after;
        if sentence.is_none() && is_letter(self.at(end)) {
            let cut = after.iter().rev().take_while(|byte| is_letter(**byte)).count();
            whole = after.get(..after.len() - cut).unwrap_or_default();
        }
        contains_word(whole, words)
    }

    /// Whether one of `phrases` stands within `window` bytes before `position`: for scripts without spaces.
    /// Phrases in ASCII are words, and no business of this one.
    pub(super) fn mentions_any(self, phrases: &[&str], position: usize, window: usize) -> bool {
        let before = self.slice(position.saturating_sub(window), position);
        if before.is_ascii() {
            return false;
        }
        let mut foreign = phrases.iter().filter(|phrase| phrase.chars().all(|letter| letter > '\u{24F}'));
        foreign.any(|phrase| memchr::memmem::find(before, phrase.as_bytes()).is_some())
    }
}

const PIECE_BYTES_MAX: usize = 12;
const WORD_BYTES_MAX: usize = 32;

/// A short token or one with digits next to a hyphen or dot is part of an identifier ("bc4b-4e76"); an
/// ordinary word is not ("tel-555").
fn is_identifier_piece(word: &[u8]) -> bool {
    !word.is_empty() && (word.len() < 3 || word.iter().any(u8::is_ascii_digit))
}

/// Letters and digits of scripts that put spaces between words. Han, kana, Hangul and Thai write numbers
/// right next to text, so they do not make a number part of a word.
fn is_word(character: char) -> bool {
    character == '_' || (character.is_alphanumeric() && !is_unspaced(character))
}

/// Scripts that are written without spaces between words. Full-width forms are letters of another width.
pub(crate) fn is_unspaced(character: char) -> bool {
    let full_width = ('\u{FF00}'..='\u{FF5E}').contains(&character);
    ('\u{0E00}'..='\u{0EFF}').contains(&character) || (character >= '\u{2E80}' && !full_width)
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80
}

/// Without an early end, so that the compiler can use vector instructions.
fn has_letter(text: &[u8]) -> bool {
    text.iter().fold(false, |found, byte| found | is_letter(*byte))
}

fn contains_word(text: &[u8], words: &Words) -> bool {
    let mut rest = text;
    loop {
        let gap = rest.iter().take_while(|byte| class(**byte) == 0).count();
        rest = rest.get(gap..).unwrap_or_default();
        let Some((_, others)) = rest.split_first() else { return false };
        let (mut length, mut capitals) = (1, 0);
        for class in others.iter().map(|byte| class(*byte)).take_while(|class| *class != 0) {
            length += 1;
            capitals |= class;
        }
        let (word, behind) = rest.split_at_checked(length).unwrap_or_default();
        let in_parts = || has_hump(word) && CamelParts { rest: word }.any(|part| words.has(part));
        if length > 1 && (words.has(word) || capitals & CAPITAL != 0 && in_parts()) {
            return true;
        }
        rest = behind;
    }
}

const LETTER: u8 = 1;
const CAPITAL: u8 = 2;
static CLASSES: [u8; 256] = classes();

#[expect(
    clippy::indexing_slicing,
    reason = "done while the program is built, and within the bounds asked for"
)]
const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < classes.len() {
        classes[byte] = match byte as u8 {
            b'A'..=b'Z' => LETTER | CAPITAL,
            b'a'..=b'z' | 0x80.. => LETTER,
            _ => 0,
        };
        byte += 1;
    }
    classes
}

fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
}

fn is_hump(left: u8, right: u8) -> bool {
    !left.is_ascii_uppercase() && right.is_ascii_uppercase()
}

fn has_hump(word: &[u8]) -> bool {
    word.iter().zip(word.iter().skip(1)).any(|(left, right)| is_hump(*left, *right))
}

/// "phoneNumber" as "phone" and "Number".
struct CamelParts<'w> {
    rest: &'w [u8],
}

impl<'w> Iterator for CamelParts<'w> {
    type Item = &'w [u8];

    fn next(&mut self) -> Option<&'w [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let hump =
            self.rest.iter().zip(self.rest.iter().skip(1)).position(|(left, right)| is_hump(*left, *right));
        let length = hump.map_or(self.rest.len(), |index| index + 1);
        let (part, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_words_match_whole_words_and_camel_parts_only() {
        let cases = [
            ("my phone: ", true),
            ("user_phone=", true),
            ("userPhone=", true),
            ("PHONE ", true),
            ("microphone ", false),
            ("phones ", false),
            ("", false),
        ];
        for (before, expected) in cases {
            let field = Field::new("", before);
            assert_eq!(
                field.names_any(const { &Words::new(&["phone"]) }, before.len(), 48),
                expected,
                "{before:?}"
            );
        }
        assert!(Field::new("homePhone", "1").names_any(const { &Words::new(&["phone"]) }, 0, 48));
    }

    #[test]
    fn words_are_found_whatever_else_is_asked_for() {
        const LISTED: [&str; 6] = ["tel", "phone", "fax", "ssn", "número", "id"];
        let words = Words::new(&LISTED);
        for word in LISTED {
            for text in [word.to_owned(), word.to_ascii_uppercase(), format!("my {word}: ")] {
                assert!(contains_word(text.as_bytes(), &words), "{text}");
            }
        }
        for text in ["", "i", "telx", "faz", "sn", "the phones", "numero"] {
            assert!(!contains_word(text.as_bytes(), &words), "{text}");
        }
    }

    #[test]
    fn a_word_cut_by_the_window_does_not_count() {
        let text = "microphone 1";
        assert!(!Field::new("", text).names_any(const { &Words::new(&["phone"]) }, 11, 6));
    }

    #[test]
    fn neighbours_decide_what_is_glued() {
        let cases =
            [("a1", true), ("é1", true), ("は1", false), ("e5-1", true), ("tel-1", false), (" 1", false)];
        for (text, expected) in cases {
            assert_eq!(Field::new("", text).glued_before(text.len() - 1), expected, "{text:?}");
        }
        let after =
            [("1x", true), ("1.5", true), ("1.", false), ("1-a7", true), ("1-fax", false), ("1で", false)];
        for (text, expected) in after {
            assert_eq!(Field::new("", text).glued_after(1), expected, "{text:?}");
        }
    }
}
