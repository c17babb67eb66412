//! Undoes encodings in which instructions hide: base64 and hexadecimal runs, percent, entity and backslash
//! escapes, reversal, rot13, spaced letters and digits for letters. Each yields a view: a decoded copy of
//! the part concerned.
//!
//! Only text that shows a sign of such an encoding is copied, and never more than the budget. It
//! deliberately does not guess at ciphers that leave no sign, and does not judge what it decoded.

use std::ops::Range;

use memchr::memchr3_iter;

/// Shorter runs are words, numbers and identifiers.
const RUN_BYTES_MIN: usize = 24;
/// Runs are probed before they are decoded: images and archives are long.
const PROBE_BYTES: usize = 96;
const PRINTABLE_PERCENT_MIN: usize = 90;
const ESCAPES_MIN: usize = 3;
const ESCAPE_NEIGHBOURHOOD_BYTES: usize = 64;
/// Spaced letters and digits for letters are counted in blocks of this size.
const BLOCK_BYTES: usize = 128;
const SPACED_MIN: u8 = 3;
const LEET_MIN: u8 = 2;

/// Bytes that may still be decoded for one text.
pub(super) struct Budget {
    left: usize,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self { left: bytes }
    }

    fn take(&mut self, bytes: usize) -> bool {
        let enough = bytes <= self.left;
        if enough {
            self.left -= bytes;
        }
        enough
    }
}

/// Parts of a text, merged where they touch as long as they are added in order.
#[derive(Default)]
pub(super) struct Parts {
    ranges: Vec<Range<usize>>,
}

impl Parts {
    pub(super) fn add(&mut self, part: Range<usize>) {
        match self.ranges.last_mut() {
            Some(last) if last.start <= part.start && part.start <= last.end => {
                last.end = last.end.max(part.end);
            }
            _ => self.ranges.push(part),
        }
    }

    /// The parts in order, none touching another.
    pub(super) fn merged(mut self) -> Vec<Range<usize>> {
        self.ranges.sort_unstable_by_key(|range| range.start);
        let mut merged = Parts::default();
        for range in self.ranges {
            merged.add(range);
        }
        merged.ranges
    }
}

/// What is encoded in `text` and says so by its alphabet or its escapes.
pub(super) fn encoded_views(text: &[u8], budget: &mut Budget) -> Vec<String> {
    let mut views = Vec::new();
    for part in escaped_parts(text) {
        let part = text.get(part).unwrap_or_default();
        if budget.take(part.len()) {
            views.push(unescape(part));
        }
    }
    for_each_run(text, |run| {
        let probe = run.get(..PROBE_BYTES).unwrap_or(run);
        if decode_run(probe).is_some()
            && budget.take(run.len())
            && let Some(decoded) = decode_run(run)
        {
            views.push(decoded);
        }
    });
    views
}

/// What is written in another way: spaced out, or with digits for letters.
pub(super) fn disguised_views(text: &[u8], budget: &mut Budget) -> Vec<String> {
    let (mut spaced, mut leet) = (Parts::default(), Parts::default());
    for (index, block) in text.chunks(BLOCK_BYTES).enumerate() {
        let around = neighbourhood(index * BLOCK_BYTES, block.len() + BLOCK_BYTES, BLOCK_BYTES, text.len());
        if count_leet(block) >= LEET_MIN {
            leet.add(around.clone());
        }
        if count_spaced(block) >= SPACED_MIN {
            spaced.add(around);
        }
    }
    let mut views = part_views(text, spaced, budget, join_letters);
    views.extend(part_views(text, leet, budget, letters_for_digits));
    views
}

/// `text` turned round in the given parts.
pub(super) fn reversed_views(text: &[u8], parts: Parts, budget: &mut Budget) -> Vec<String> {
    part_views(text, parts, budget, |part| String::from_utf8_lossy(part).chars().rev().collect())
}

/// `text` with letters moved by thirteen places in the given parts.
pub(super) fn rotated_views(text: &[u8], parts: Parts, budget: &mut Budget) -> Vec<String> {
    part_views(text, parts, budget, |part| {
        let rotated: Vec<u8> = part.iter().map(|byte| rotate(*byte)).collect();
        String::from_utf8_lossy(&rotated).into_owned()
    })
}

fn part_views(text: &[u8], parts: Parts, budget: &mut Budget, decode: fn(&[u8]) -> String) -> Vec<String> {
    let mut views = Vec::new();
    for range in parts.merged() {
        let part = text.get(range).unwrap_or_default();
        if budget.take(part.len()) {
            views.push(decode(part));
        }
    }
    views
}

/// `before` bytes before `start` to `length` bytes after it, within the text.
pub(super) fn neighbourhood(start: usize, length: usize, before: usize, text_bytes: usize) -> Range<usize> {
    start.saturating_sub(before)..text_bytes.min(start + length)
}

fn rotate(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => (byte - b'a' + 13) % 26 + b'a',
        b'A'..=b'Z' => (byte - b'A' + 13) % 26 + b'A',
        _ => byte,
    }
}

/// Letter, digit, letter: "d3v3l0p3r" has four of these, ordinary names one or none.
fn count_leet(block: &[u8]) -> u8 {
    let triples = block.iter().zip(block.iter().skip(1)).zip(block.iter().skip(2));
    triples
        .map(|((left, middle), right)| {
            let digit = middle.is_ascii_digit() | (*middle == b'@') | (*middle == b'$');
            u8::from(left.is_ascii_alphabetic() & digit & right.is_ascii_alphabetic())
        })
        .fold(0, u8::wrapping_add)
}

/// Letter, separator, letter, separator, letter.
fn count_spaced(block: &[u8]) -> u8 {
    let letters = |byte: u8| byte.is_ascii_alphabetic();
    block
        .iter()
        .zip(block.iter().skip(1))
        .zip(block.iter().skip(2))
        .zip(block.iter().skip(3))
        .zip(block.iter().skip(4))
        .map(|((((first, gap), second), same), third)| {
            let separated = is_gap(*gap) & (gap == same);
            u8::from(letters(*first) & separated & letters(*second) & letters(*third))
        })
        .fold(0, u8::wrapping_add)
}

fn is_gap(byte: u8) -> bool {
    (byte == b' ') | (byte == b'.') | (byte == b'-') | (byte == b'_') | (byte == b'*')
}

/// "i g n o r e  a l l" as "ignore all": a gap between two single characters goes, a wider one becomes a
/// space.
fn join_letters(part: &[u8]) -> String {
    let mut out = Vec::with_capacity(part.len() / 2);
    let gap_at = |index: Option<usize>| {
        index.is_none_or(|index| part.get(index).is_none_or(|byte| is_gap(*byte) || *byte == b'\n'))
    };
    for (index, byte) in part.iter().enumerate() {
        if !is_gap(*byte) {
            out.push(*byte);
            continue;
        }
        let between_letters = !gap_at(index.checked_sub(1)) && !gap_at(Some(index + 1));
        let single_letters = gap_at(index.checked_sub(2)) && gap_at(Some(index + 2));
        if between_letters && single_letters {
            continue;
        }
        if out.last() != Some(&b' ') {
            out.push(b' ');
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn letters_for_digits(part: &[u8]) -> String {
    let letters: Vec<u8> = part
        .iter()
        .map(|byte| match byte {
            b'0' => b'o',
            b'1' => b'i',
            b'3' => b'e',
            b'4' | b'@' => b'a',
            b'5' | b'$' => b's',
            b'7' => b't',
            b'8' => b'b',
            other => *other,
        })
        .collect();
    String::from_utf8_lossy(&letters).into_owned()
}

/// Parts with at least a few percent, entity or backslash escapes near each other.
fn escaped_parts(text: &[u8]) -> Vec<Range<usize>> {
    let mut parts: Vec<(Range<usize>, usize)> = Vec::new();
    for position in memchr3_iter(b'%', b'&', b'\\', text) {
        let rest = text.get(position..).unwrap_or_default();
        let Some((_, length)) = escape(rest) else {
            continue;
        };
        let around = neighbourhood(
            position,
            length + ESCAPE_NEIGHBOURHOOD_BYTES,
            ESCAPE_NEIGHBOURHOOD_BYTES,
            text.len(),
        );
        match parts.last_mut() {
            Some((last, count)) if around.start <= last.end => {
                last.end = around.end;
                *count += 1;
            }
            _ => parts.push((around, 1)),
        }
    }
    parts.into_iter().filter(|(_, count)| *count >= ESCAPES_MIN).map(|(part, _)| part).collect()
}

fn unescape(part: &[u8]) -> String {
    let mut out = Vec::with_capacity(part.len());
    let mut rest = part;
    while let Some((first, tail)) = rest.split_first() {
        match escape(rest) {
            Some((Escaped::Byte(byte), length)) => {
                out.push(byte);
                rest = rest.get(length..).unwrap_or_default();
            }
            Some((Escaped::Character(character), length)) => {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = rest.get(length..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

enum Escaped {
    Byte(u8),
    Character(char),
}

/// The escape at the start of `text` with its length: "%69", "\x69", "\u0069", "&#105;" or "&#x69;".
fn escape(text: &[u8]) -> Option<(Escaped, usize)> {
    match text {
        [b'%', high, low, ..] => Some((Escaped::Byte(hex_pair(*high, *low)?), 3)),
        [b'\\', b'x', high, low, ..] => Some((Escaped::Byte(hex_pair(*high, *low)?), 4)),
        [b'\\', b'u', a, b, c, d, ..] => {
            let code = u32::from(hex_pair(*a, *b)?) * 256 + u32::from(hex_pair(*c, *d)?);
            Some((Escaped::Character(char::from_u32(code)?), 6))
        }
        [b'&', b'#', b'x' | b'X', digits @ ..] => {
            entity(digits, 16).map(|(found, length)| (found, length + 3))
        }
        [b'&', b'#', digits @ ..] => entity(digits, 10).map(|(found, length)| (found, length + 2)),
        _ => None,
    }
}

fn entity(text: &[u8], radix: u32) -> Option<(Escaped, usize)> {
    const DIGITS_MAX: usize = 7;
    let mut code = 0;
    let mut length = 0;
    for byte in text.iter().take(DIGITS_MAX) {
        let Some(digit) = char::from(*byte).to_digit(radix) else {
            break;
        };
        code = code * radix + digit;
        length += 1;
    }
    if length == 0 {
        return None;
    }
    let semicolon = usize::from(text.get(length) == Some(&b';'));
    Some((Escaped::Character(char::from_u32(code)?), length + semicolon))
}

fn hex_pair(high: u8, low: u8) -> Option<u8> {
    Some(hex_digit(high)? * 16 + hex_digit(low)?)
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Calls `on_run` with every run of base64 or hexadecimal characters that is long enough. Looking at the
/// last byte of a window first lets ordinary words be skipped without reading them.
fn for_each_run<'t>(text: &'t [u8], mut on_run: impl FnMut(&'t [u8])) {
    let mut start = 0;
    while let Some(window) = text.get(start..start + RUN_BYTES_MIN) {
        if let Some(stop) = window.iter().rposition(|byte| !is_base64(*byte)) {
            start += stop + 1;
            continue;
        }
        let rest = text.get(start..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| is_base64(**byte)).count();
        on_run(rest.get(..length).unwrap_or_default());
        start += length;
    }
}

/// Both alphabets of base64.
fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// The text in a run, if it is text.
fn decode_run(run: &[u8]) -> Option<String> {
    if run.iter().all(u8::is_ascii_hexdigit) {
        let bytes = run
            .chunks_exact(2)
            .filter_map(|pair| match pair {
                [high, low] => hex_pair(*high, *low),
                _ => None,
            })
            .collect();
        if let Some(text) = printable(bytes) {
            return Some(text);
        }
    }
    printable(decode_base64(run))
}

fn decode_base64(run: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(run.len() / 4 * 3 + 3);
    for quad in run.chunks(4) {
        let bits = quad.iter().fold(0u32, |bits, byte| (bits << 6) | u32::from(base64_value(*byte)));
        // A cut group of two characters carries one byte, one of three carries two.
        let [_, bytes @ ..] = (bits << (6 * (4 - quad.len()))).to_be_bytes();
        out.extend(bytes.iter().take(quad.len().saturating_sub(1)));
    }
    out
}

fn base64_value(byte: u8) -> u8 {
    match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        _ => 63,
    }
}

/// The bytes as a string when nearly all of it is readable. A character cut at the end does not count
/// against it.
fn printable(mut bytes: Vec<u8>) -> Option<String> {
    let valid = match std::str::from_utf8(&bytes) {
        Ok(_) => bytes.len(),
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(_) => return None,
    };
    bytes.truncate(valid);
    let text = String::from_utf8(bytes).ok()?;
    let total = text.chars().count();
    let readable =
        text.chars().filter(|character| !character.is_control() || character.is_whitespace()).count();
    (total > 0 && readable * 100 >= total * PRINTABLE_PERCENT_MIN).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> Vec<String> {
        encoded_views(text.as_bytes(), &mut Budget::new(10_000))
    }

    #[test]
    fn encodings_are_undone() {
        for (text, expected) in [
            ("see d2UgbWVldCBhdCB0aGUgb2xkIG1pbGw= ok", "we meet at the old mill"),
            ("d2UgbWVldCBhdCB0aGUgb2xkIG1pbGw", "we meet at the old mill"),
            ("x 7765206d65657420617420746865206f6c64206d696c6c", "we meet at the old mill"),
            ("%77%65%20met", "we met"),
            ("&#119;&#x65;&#32;met", "we met"),
            (r"\u0077\u0065\x20met", "we met"),
        ] {
            assert!(encoded(text).iter().any(|view| view == expected), "{text}");
        }
    }

    #[test]
    fn random_runs_digests_and_few_escapes_yield_nothing() {
        for text in [
            "3f786850e387550fdab836ed7e6dc881de23001b",
            "q7Zt0LxVb9+RkYw3/NcU5eHsJ1aMfPgDo2iTB8XvQy4KzW",
            "https://example.com/a?b=1%20&c",
            "ordinary words only",
        ] {
            assert!(encoded(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn the_budget_bounds_what_is_decoded() {
        let text = "d2UgbWVldCBhdCB0aGUgb2xkIG1pbGw= ".repeat(10);
        assert_eq!(encoded_views(text.as_bytes(), &mut Budget::new(100)).len(), 3);
    }

    #[test]
    fn disguises_are_undone_where_they_stand() {
        let views = |text: &str| disguised_views(text.as_bytes(), &mut Budget::new(10_000));
        assert_eq!(views("w e  m e e t  t h e r e"), ["we meet there"]);
        assert_eq!(views("w3 m33t a7 th3 0ld m1ll h3re"), ["we meet at the old mill here"]);
        assert!(views("We met at 10 in hall B2, a b c").is_empty());
    }

    #[test]
    fn parts_are_turned_round_and_rotated() {
        let whole = |text: &str| {
            let mut parts = Parts::default();
            parts.add(0..text.len());
            parts
        };
        let budget = &mut Budget::new(1000);
        assert_eq!(reversed_views("tém".as_bytes(), whole("tém"), budget), ["mét"]);
        assert_eq!(rotated_views(b"Jr zrg", whole("Jr zrg"), budget), ["We met"]);
    }

    #[test]
    fn parts_merge_in_any_order() {
        let mut parts = Parts::default();
        for part in [10..20, 15..30, 0..5, 4..6, 40..41] {
            parts.add(part);
        }
        assert_eq!(parts.merged(), [0..6, 10..30, 40..41]);
    }
}
