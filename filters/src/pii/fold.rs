//! A plain view of a text for detectors that read ASCII: digits of other scripts and full-width forms become
//! ASCII, unusual spaces and hyphens become ordinary ones, and invisible characters disappear, so that
//! `４１１１` or a number with zero-width characters in it is read as a person reads it. It keeps the way
//! back to the places in the original. It does not touch letters of other scripts: a homoglyph stays what
//! it is.

use std::ops::Range;

use zeroize::Zeroize as _;

/// The plain text of one search and the places where it departs from the original. It holds user text,
/// hence no `Debug`.
#[derive(Default)]
pub(super) struct Folded {
    text: String,
    departures: Vec<Departure>,
}

/// From `folded` on, the plain text goes on as the original does from `original_start`. What lies before
/// ended at `original_end` in the original.
struct Departure {
    folded: usize,
    original_end: usize,
    original_start: usize,
}

/// What becomes of a character.
pub(crate) enum Fold {
    Remove,
    Replace(u8),
}

impl Folded {
    /// The search state outlives the text, which must not outlive its request.
    pub(super) fn forget(&mut self) {
        wipe(&mut self.text);
        self.departures.clear();
    }

    /// Makes the plain view of `text`. False when the text is plain as it is.
    pub(super) fn fill(&mut self, text: &str) -> bool {
        self.text.clear();
        self.departures.clear();
        let (mut position, mut copied) = (0, 0);
        while let Some(offset) = next_candidate(text.as_bytes(), position) {
            let Some(character) = text.get(offset..).and_then(|rest| rest.chars().next()) else { break };
            let end = offset + character.len_utf8();
            position = end;
            let Some(fold) = fold(character) else { continue };
            self.text.push_str(text.get(copied..offset).unwrap_or_default());
            copied = end;
            match fold {
                Fold::Remove => self.depart(offset, end),
                Fold::Replace(byte) => {
                    self.text.push(char::from(byte));
                    self.depart(end, end);
                }
            }
        }
        if copied == 0 {
            return false;
        }
        self.text.push_str(text.get(copied..).unwrap_or_default());
        true
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where a range of the plain text lies in the original, without invisible characters at its ends.
    pub(super) fn original(&self, range: &Range<usize>) -> Range<usize> {
        let start = self.place(range.start, |departure| departure.original_start);
        let end = self.place(range.end, |departure| departure.original_end);
        start..end.max(start)
    }

    fn depart(&mut self, original_end: usize, original_start: usize) {
        let folded = self.text.len();
        match self.departures.last_mut() {
            Some(last) if last.folded == folded => last.original_start = original_start,
            _ => self.departures.push(Departure { folded, original_end, original_start }),
        }
    }

    fn place(&self, folded: usize, at_departure: fn(&Departure) -> usize) -> usize {
        let behind = self.departures.partition_point(|departure| departure.folded <= folded);
        match behind.checked_sub(1).and_then(|index| self.departures.get(index)) {
            Some(departure) if departure.folded == folded => at_departure(departure),
            Some(departure) => departure.original_start + (folded - departure.folded),
            None => folded,
        }
    }
}

/// Empties a text and overwrites what it held. What lies behind was overwritten when a longer one was emptied.
pub(super) fn wipe(text: &mut String) {
    let mut bytes = std::mem::take(text).into_bytes();
    bytes.as_mut_slice().zeroize();
    bytes.clear();
    *text = String::from_utf8(bytes).unwrap_or_default();
}

/// The next character that may have to be folded, by its first byte alone: letters of Latin, Greek,
/// Cyrillic and most other scripts cost no decoding.
fn next_candidate(bytes: &[u8], start: usize) -> Option<usize> {
    let mut position = start;
    loop {
        let rest = bytes.get(position..)?;
        let ascii = ascii_prefix(rest);
        let lead = *rest.get(ascii)?;
        position += ascii;
        if matches!(lead, 0xC2 | 0xD9 | 0xDB | 0xDF | 0xE0 | 0xE1 | 0xE2 | 0xE3 | 0xEF | 0xF0) {
            return Some(position);
        }
        position += match lead {
            0xF0.. => 4,
            0xE0.. => 3,
            0xC0.. => 2,
            _ => 1,
        };
    }
}

/// Blocks let the compiler use vector instructions.
fn ascii_prefix(bytes: &[u8]) -> usize {
    const BLOCK_BYTES: usize = 32;
    let blocks = bytes.chunks_exact(BLOCK_BYTES).take_while(|block| block.is_ascii()).count() * BLOCK_BYTES;
    let rest = bytes.get(blocks..).unwrap_or_default();
    blocks + rest.iter().take_while(|byte| byte.is_ascii()).count()
}

/// None: the character stays as it is.
pub(crate) fn fold(character: char) -> Option<Fold> {
    let fold = match character {
        '\u{AD}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' => Fold::Remove,
        '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' => {
            Fold::Remove
        }
        '\u{A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => Fold::Replace(b' '),
        '\u{2010}'..='\u{2013}' | '\u{2212}' | '\u{FE63}' => Fold::Replace(b'-'),
        '\u{FF01}'..='\u{FF5E}' => Fold::Replace(u8::try_from(u32::from(character) - 0xFEE0).ok()?),
        _ => Fold::Replace(b'0' + digit(character)?),
    };
    Some(fold)
}

/// The value of a decimal digit outside ASCII. Each script's ten stand in a row.
fn digit(character: char) -> Option<u8> {
    const ZEROS: [u32; 18] = [
        0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66,
        0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x17E0, 0x1810,
    ];
    let code = u32::from(character);
    if (0x1D7CE..=0x1D7FF).contains(&code) {
        return u8::try_from((code - 0x1D7CE) % 10).ok();
    }
    let zero = ZEROS.iter().rev().find(|zero| **zero <= code)?;
    u8::try_from(code - zero).ok().filter(|value| *value <= 9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_become_ascii_and_places_lead_back() {
        for (text, folded, value, original) in [
            ("nr ４１１１ x", "nr 4111 x", "4111", "４１１１"),
            ("a\u{200B}1\u{200B}2\u{200B}b", "a12b", "12", "1\u{200B}2"),
            ("\u{FEFF}\u{200B}12", "12", "12", "12"),
            ("1\u{A0}2\u{2011}3\u{2013}4", "1 2-3-4", "2-3", "2\u{2011}3"),
            ("رقم ٠٩١٢", "رقم 0912", "0912", "٠٩١٢"),
            ("ab＠cd", "ab@cd", "b@c", "b＠c"),
            ("𝟒𝟏", "41", "1", "𝟏"),
        ] {
            let mut view = Folded::default();
            assert!(view.fill(text), "{text}");
            assert_eq!(view.text(), folded, "{text}");
            let start = folded.find(value).unwrap();
            assert_eq!(&text[view.original(&(start..start + value.len()))], original, "{text}");
        }
    }

    #[test]
    fn ordinary_text_of_any_script_is_left_alone() {
        let mut view = Folded::default();
        for text in ["", "plain 123", "Grüße, naïve “quotes” — and…", "привет 12", "中文和日本語", "한국어"]
        {
            assert!(!view.fill(text), "{text}");
        }
    }

    #[test]
    fn every_place_is_a_character_boundary_of_the_original() {
        let text = "é\u{200B}１\u{200B}\u{AD}२ x\u{202F}y\u{FEFF}";
        let mut view = Folded::default();
        assert!(view.fill(text));
        let places: Vec<usize> = view.text().char_indices().map(|(index, _)| index).collect();
        for start in &places {
            for end in places.iter().filter(|end| *end >= start) {
                let range = view.original(&(*start..*end));
                assert!(text.get(range).is_some());
            }
        }
    }
}
