//! Undoes encodings in which instructions hide: runs of base64, base32, base85 and hexadecimal, percent,
//! entity, backslash and other escapes, rows of numbers, Morse code, reversal, letters moved along the
//! alphabet, spaced letters, digits for letters and words written without spaces. Each yields a view: a
//! decoded copy of the part concerned.
//!
//! Only text that shows a sign of such an encoding is copied, and never more than the budget. It
//! deliberately does not guess at ciphers that leave no sign, and does not judge what it decoded.

use std::ops::Range;

use memchr::{memchr_iter, memchr3_iter};

use super::ciphers;
use super::signs::Block;
use super::survey::{Disguises, Runs, Survey, is_gap};

/// No encoding says anything in fewer bytes.
const ENCODED_BYTES_MIN: usize = 12;
/// Runs are probed before they are decoded: images and archives are long.
const PROBE_BYTES: usize = 96;
/// So many digits are decoded before a look at whether they are text.
const START_DIGITS: usize = 16;
const PRINTABLE_PERCENT_MIN: usize = 90;
/// Longer runs are not words written together.
const WORDS_BYTES_MAX: usize = 512;
/// Parts so near each other may be one.
const NEAR_BYTES: usize = 16;
const ESCAPES_MIN: usize = 3;
const ESCAPE_NEIGHBOURHOOD_BYTES: usize = 64;

/// Bytes that may still be decoded for one text.
pub(super) struct Budget {
    left: usize,
    is_exhausted: bool,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self { left: bytes, is_exhausted: false }
    }

    fn take(&mut self, bytes: usize) -> bool {
        let enough = bytes <= self.left;
        if enough {
            self.left -= bytes;
        }
        self.is_exhausted |= !enough;
        enough
    }

    /// Whether something was not decoded for want of it.
    pub(super) fn is_exhausted(&self) -> bool {
        self.is_exhausted
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

    /// Adds a part that need not be exact, so that parts near each other stay few.
    pub(super) fn add_near(&mut self, part: Range<usize>) {
        match self.ranges.last_mut() {
            Some(last) if part.start <= last.end + NEAR_BYTES && last.start <= part.end + NEAR_BYTES => {
                *last = last.start.min(part.start)..last.end.max(part.end);
            }
            _ => self.ranges.push(part),
        }
    }

    /// The parts in order, none touching another; none are left.
    pub(super) fn take(&mut self) -> Vec<Range<usize>> {
        std::mem::take(self).merged()
    }

    pub(super) fn is_none(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The parts in order, none touching another.
    pub(super) fn merged(mut self) -> Vec<Range<usize>> {
        if self.ranges.len() < 2 {
            return self.ranges;
        }
        self.ranges.sort_unstable_by_key(|range| range.start);
        let mut merged = Parts::default();
        for range in self.ranges {
            merged.add(range);
        }
        merged.ranges
    }
}

/// What is encoded in `text` and says so by its alphabet or its escapes.
pub(super) fn encoded_views(text: &[u8], survey: &Survey, budget: &mut Budget) -> Vec<String> {
    let mut views = Vec::new();
    if text.len() < ENCODED_BYTES_MIN {
        return views;
    }
    for part in escaped_parts(text, survey) {
        let part = text.get(part).unwrap_or_default();
        if budget.take(part.len()) {
            views.push(unescape(part));
        }
    }
    for graphic in survey.graphic.in_text(text) {
        for run in Runs::of(graphic, Block::base_64).in_text(graphic) {
            if let Some(words) = words_apart(run).filter(|_| budget.take(run.len())) {
                views.push(words);
            }
            decode_probed(run, decode_run, budget, &mut views);
        }
    }
    for run in survey.graphic.in_text(text) {
        if run.iter().any(|byte| !is_base64(*byte)) {
            decode_probed(run, decode_dense, budget, &mut views);
        }
    }
    let numbers = if survey.has_numbers { ciphers::number_rows(text) } else { Vec::new() };
    for row in numbers {
        let row = text.get(row).unwrap_or_default();
        if budget.take(row.len()) {
            views.extend(ciphers::numbers_read(row));
        }
    }
    for signs in survey.signs.in_text(text) {
        for row in ciphers::morse_rows(signs) {
            let row = signs.get(row).unwrap_or_default();
            if budget.take(row.len()) {
                views.extend(ciphers::morse_read(row));
            }
        }
    }
    views
}

fn decode_probed(
    run: &[u8],
    decode: fn(&[u8]) -> Option<String>,
    budget: &mut Budget,
    views: &mut Vec<String>,
) {
    let probe = run.get(..PROBE_BYTES).unwrap_or(run);
    if decode(probe).is_some()
        && budget.take(run.len())
        && let Some(decoded) = decode(run)
    {
        views.push(decoded);
    }
}

/// What is written in another way: spaced out, with digits for letters, or in a moved alphabet.
pub(super) fn disguised_views(text: &[u8], disguises: Disguises, budget: &mut Budget) -> Vec<String> {
    if disguises.is_none() {
        return Vec::new();
    }
    let mut views = part_views(text, disguises.spaced, budget, |part| Some(join_letters(part)));
    for part in disguises.leet.merged() {
        let part = text.get(part).unwrap_or_default();
        if budget.take(part.len()) {
            views.push(letters_for_digits(part, &ONE_FOR_I));
            if part.iter().any(|byte| matches!(byte, b'1' | b'|')) {
                views.push(letters_for_digits(part, &ONE_FOR_L));
            }
        }
    }
    views.extend(part_views(text, disguises.unusual, budget, ciphers::moved_back));
    views
}

/// `text` turned round in the given parts, as a whole and word by word.
pub(super) fn reversed_views(text: &[u8], parts: Parts, budget: &mut Budget) -> Vec<String> {
    part_views(text, parts, budget, |part| {
        let part = String::from_utf8_lossy(part);
        let mut turned: String = part.chars().rev().collect();
        turned.push('\n');
        for (index, word) in part.split(' ').enumerate() {
            if index > 0 {
                turned.push(' ');
            }
            turned.extend(word.chars().rev());
        }
        Some(turned)
    })
}

/// `text` with letters moved by thirteen places in the given parts.
pub(super) fn rotated_views(text: &[u8], parts: Parts, budget: &mut Budget) -> Vec<String> {
    part_views(text, parts, budget, |part| Some(ciphers::rotated(part)))
}

/// What the spelling alphabet spells in the given parts.
pub(super) fn spelled_views(text: &[u8], parts: Parts, budget: &mut Budget) -> Vec<String> {
    part_views(text, parts, budget, ciphers::spelled_out)
}

fn part_views(
    text: &[u8],
    parts: Parts,
    budget: &mut Budget,
    decode: fn(&[u8]) -> Option<String>,
) -> Vec<String> {
    let mut views = Vec::new();
    for range in parts.merged() {
        let part = text.get(range).unwrap_or_default();
        if budget.take(part.len()) {
            views.extend(decode(part));
        }
    }
    views
}

/// `before` bytes before `start` to `length` bytes after it, within the text.
pub(super) fn neighbourhood(start: usize, length: usize, before: usize, text_bytes: usize) -> Range<usize> {
    start.saturating_sub(before)..text_bytes.min(start + length)
}

/// "i g n o r e  a l l" as "ignore all": a gap between two single characters goes, a wider one becomes a
/// space. Where letters are set apart by another sign than a space, spaces stand between words.
fn join_letters(part: &[u8]) -> String {
    let sign = commonest_sign(part);
    if let Some(sign) = sign {
        return part.iter().filter(|byte| **byte != sign).map(|byte| ascii_or_space(*byte)).collect();
    }
    // The text ends in gaps on both sides.
    const AROUND: usize = 2;
    let mut gaps = vec![true; part.len() + 2 * AROUND];
    gaps.iter_mut().skip(AROUND).zip(part).for_each(|(gap, byte)| *gap = is_gap(*byte));
    let mut out = Vec::with_capacity(part.len() / 2);
    for (byte, [two_before, before, gap, after, two_after]) in part.iter().zip(gaps.array_windows()) {
        if !gap {
            out.push(if byte.is_ascii() { *byte } else { b' ' });
            continue;
        }
        let between_letters = !before && !after;
        let single_letters = *two_before && *two_after;
        if !(between_letters && single_letters) && out.last() != Some(&b' ') {
            out.push(b' ');
        }
    }
    String::from_utf8(out).unwrap_or_default()
}

fn ascii_or_space(byte: u8) -> char {
    if byte.is_ascii() { char::from(byte) } else { ' ' }
}

/// The sign other than a space that stands between at least a quarter of all characters.
fn commonest_sign(part: &[u8]) -> Option<u8> {
    b".-_*|/+,~\t"
        .iter()
        .copied()
        .find(|sign| part.iter().filter(|byte| *byte == sign).count() * 4 > part.len())
}

fn letters_for_digits(part: &[u8], letters: &Letters) -> String {
    let letter_of = |byte: u8| letters.get(usize::from(byte)).copied().unwrap_or(b' ');
    let mut out: Vec<u8> = part.iter().map(|byte| letter_of(*byte)).collect();
    let for_one = letter_of(b'1');
    for ((letter, byte), next) in out.iter_mut().zip(part).zip(part.iter().skip(1)) {
        let sign = match byte {
            b'|' | b'!' => for_one,
            b'+' => b't',
            b'(' => b'c',
            _ => continue,
        };
        if next.is_ascii_alphanumeric() || *next == b'$' {
            *letter = sign;
        }
    }
    String::from_utf8(out).unwrap_or_default()
}

/// What each byte is taken for.
type Letters = [u8; 256];

static ONE_FOR_I: Letters = letters(b'i');
static ONE_FOR_L: Letters = letters(b'l');

const fn letters(for_one: u8) -> Letters {
    let mut letters = [b' '; 256];
    let mut rest: &mut [u8] = &mut letters;
    let mut byte = 0u8;
    while let Some((letter, others)) = rest.split_first_mut() {
        *letter = match byte {
            b'0' => b'o',
            b'1' => for_one,
            b'2' => b'z',
            b'3' => b'e',
            b'4' | b'@' => b'a',
            b'5' | b'$' => b's',
            b'6' | b'9' => b'g',
            b'7' => b't',
            b'8' => b'b',
            0..=127 => byte,
            _ => b' ',
        };
        rest = others;
        byte = byte.wrapping_add(1);
    }
    letters
}

/// Parts with at least a few percent, entity or backslash escapes near each other.
fn escaped_parts(text: &[u8], survey: &Survey) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    if survey.escapes >= ESCAPES_MIN {
        parts.extend(escapes_near(text, memchr3_iter(b'%', b'&', b'\\', text)));
    }
    // A soft line break is what tells quoted-printable from the equals signs of code.
    let is_quoted = survey.equals * 12 > text.len() || survey.has_soft_break;
    if is_quoted && survey.equals >= ESCAPES_MIN {
        parts.extend(escapes_near(text, memchr_iter(b'=', text)));
    }
    if survey.code_points >= ESCAPES_MIN {
        let code_points = memchr_iter(b'+', text).filter_map(|place| place.checked_sub(1));
        let is_code_point = |place: &usize| text.get(*place..).is_some_and(|rest| rest.starts_with(b"U+00"));
        parts.extend(escapes_near(text, code_points.filter(is_code_point)));
    }
    parts
}

fn escapes_near(text: &[u8], positions: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut parts: Vec<(Range<usize>, usize)> = Vec::new();
    for position in positions {
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
        let escaped = match first {
            b'%' | b'&' | b'\\' | b'=' | b'U' => escape(rest),
            _ => None,
        };
        match escaped {
            Some((Escaped::Byte(byte), length)) => {
                out.push(byte);
                rest = rest.get(length..).unwrap_or_default();
            }
            Some((Escaped::Nothing, length)) => rest = rest.get(length..).unwrap_or_default(),
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
    Nothing,
    Byte(u8),
    Character(char),
}

/// The escape at the start of `text` with its length: "%69", "\x69", "\u0069", "&#105;" or "&#x69;".
fn escape(text: &[u8]) -> Option<(Escaped, usize)> {
    match text {
        [b'%', b'u', a, b, c, d, ..] | [b'U', b'+', a, b, c, d, ..] => {
            let code = u32::from(hex_pair(*a, *b)?) * 256 + u32::from(hex_pair(*c, *d)?);
            let spaces = usize::from(matches!((text.first(), text.get(6)), (Some(b'U'), Some(b' '))));
            Some((Escaped::Character(char::from_u32(code)?), 6 + spaces))
        }
        [b'%', high, low, ..] => Some((Escaped::Byte(hex_pair(*high, *low)?), 3)),
        [b'=', b'\n', ..] => Some((Escaped::Nothing, 2)),
        [b'=', high, low, ..] => Some((Escaped::Byte(hex_pair(*high, *low)?), 3)),
        [b'\\', b'u', b'{', digits @ ..] => {
            let (found, length) = entity(digits, 16)?;
            (digits.get(length) == Some(&b'}')).then_some((found, length + 4))
        }
        [b'\\', a @ b'0'..=b'1', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
            Some((Escaped::Byte((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0')), 4))
        }
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

/// "IgnoreAllOfThis", "ignore-all-of-this" and "ignore_all_of_this" with spaces, when a run looks like that.
fn words_apart(run: &[u8]) -> Option<String> {
    if run.len() > WORDS_BYTES_MAX || run.iter().any(u8::is_ascii_digit) {
        return None;
    }
    let is_joint = |previous: u8, byte: u8| byte.is_ascii_uppercase() && previous.is_ascii_lowercase();
    let signs = run.iter().filter(|byte| !byte.is_ascii_alphanumeric()).count();
    let pairs = || run.iter().zip(run.iter().skip(1));
    let gaps = signs + pairs().filter(|(one, next)| is_joint(**one, **next)).count();
    let length = run.len();
    // Words of two to twelve letters on average; base64 changes case at every third letter or so.
    if gaps < 2 || gaps * 12 < length || (gaps + 1) * 3 > length || changes_at_random(run) {
        return None;
    }
    let mut out = String::with_capacity(length + gaps);
    let mut previous = b' ';
    for byte in run {
        let is_sign = !byte.is_ascii_alphanumeric();
        if is_sign || is_joint(previous, *byte) {
            out.push(' ');
        }
        if !is_sign {
            out.push(char::from(*byte));
        }
        previous = *byte;
    }
    Some(out)
}

/// Capitals after capitals: words have few of these, encoded bytes many.
fn changes_at_random(run: &[u8]) -> bool {
    let doubled = run
        .iter()
        .zip(run.iter().skip(1))
        .filter(|(one, next)| one.is_ascii_uppercase() && next.is_ascii_uppercase());
    let all_capitals = run.iter().all(|byte| !byte.is_ascii_lowercase());
    !all_capitals && doubled.count() * 8 > run.len()
}

/// Both alphabets of base64.
fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// The text in a run, if it is text.
fn decode_run(run: &[u8]) -> Option<String> {
    if run.iter().all(u8::is_ascii_hexdigit) {
        let (pairs, _) = run.as_chunks::<2>();
        let bytes = pairs.iter().filter_map(|[high, low]| hex_pair(*high, *low)).collect();
        let bits = || run.iter().all(|byte| matches!(byte, b'0' | b'1')).then(|| bits_read(run));
        if let Some(text) = printable(bytes).or_else(|| printable(bits()?)) {
            return Some(text);
        }
    }
    ciphers::decode_base32(run).and_then(printable).or_else(|| printable(decode_base64(run)?))
}

fn bits_read(run: &[u8]) -> Vec<u8> {
    let (bytes, _) = run.as_chunks::<8>();
    bytes.iter().map(|bits| bits.iter().fold(0u8, |byte, bit| (byte << 1) | (bit & 1))).collect()
}

/// The text in a run without spaces that no smaller alphabet explains.
fn decode_dense(run: &[u8]) -> Option<String> {
    ciphers::BASE_85.iter().find_map(|alphabet| {
        let bytes = ciphers::decode_base85(run, alphabet)?;
        printable(bytes).filter(|text| reads(text))
    })
}

/// Whether a text is nearly all letters and spaces: any bytes decode to something in base 85.
fn reads(text: &str) -> bool {
    let usual = text.bytes().filter(|byte| byte.is_ascii_alphabetic() || *byte == b' ').count();
    usual * 100 >= text.len() * 85
}

/// The bytes in a run, unless the first are no text.
fn decode_base64(run: &[u8]) -> Option<Vec<u8>> {
    let (quads, last) = run.as_chunks::<4>();
    let bits_of = |digits: &[u8]| {
        digits.iter().fold(0u32, |bits, byte| {
            (bits << 6) | u32::from(BASE_64.get(usize::from(*byte)).copied().unwrap_or_default())
        })
    };
    let bytes_of = |quad: &[u8; 4]| {
        let [_, bytes @ ..] = bits_of(quad).to_be_bytes();
        bytes
    };
    if let Some((start, _)) = quads.split_first_chunk::<{ START_DIGITS / 4 }>()
        && !begins_as_text(start.map(|quad| bytes_of(&quad)).as_flattened())
    {
        return None;
    }
    let mut out = Vec::with_capacity(run.len() / 4 * 3 + 3);
    quads.iter().for_each(|quad| out.extend_from_slice(&bytes_of(quad)));
    // A cut group of two characters carries one byte, one of three carries two.
    if !last.is_empty() {
        let [_, bytes @ ..] = (bits_of(last) << (6 * (4 - last.len()))).to_be_bytes();
        out.extend(bytes.iter().take(last.len() - 1));
    }
    Some(out)
}

/// Whether these may be the first bytes of a text. What decodes to none mostly shows it at once.
pub(super) fn begins_as_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).map_or_else(|error| error.error_len().is_none(), |_| true)
}

/// What each character stands for in base64, in both of its alphabets; 63 for any other.
static BASE_64: [u8; 256] = {
    let mut values = [63; 256];
    let mut rest: &mut [u8] = &mut values;
    let mut byte = 0u8;
    while let Some((value, others)) = rest.split_first_mut() {
        *value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            _ => 63,
        };
        rest = others;
        byte = byte.wrapping_add(1);
    }
    values
};

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
    let (total, readable) = if text.is_ascii() {
        let is_readable = |byte: &&u8| !byte.is_ascii_control() || matches!(byte, 9..=13);
        (text.len(), text.as_bytes().iter().filter(is_readable).count())
    } else {
        let is_readable = |character: &char| !character.is_control() || character.is_whitespace();
        (text.chars().count(), text.chars().filter(is_readable).count())
    };
    (total > 0 && readable * 100 >= total * PRINTABLE_PERCENT_MIN).then_some(text)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use proptest::prelude::*;

    use super::*;

    /// Every escape, looked for without a survey.
    fn plain_escaped_parts(text: &[u8]) -> Vec<Range<usize>> {
        let mut parts = escapes_near(text, memchr3_iter(b'%', b'&', b'\\', text));
        let equals = || memchr_iter(b'=', text);
        if equals().take(4096).count() * 12 > text.len() || text.windows(2).any(|two| two == b"=\n") {
            parts.extend(escapes_near(text, equals()));
        }
        let places = 0..text.len();
        parts.extend(escapes_near(text, places.filter(|place| text[*place..].starts_with(b"U+00"))));
        parts
    }

    proptest! {
        #[test]
        fn what_is_given_up_early_is_no_text(
            bytes in prop::collection::vec(prop::sample::select(&b"aaabc  \xC3\xA9\xE2\0"[..]), 0..60),
            run in prop::collection::vec(prop::sample::select(&b"MFRGGZDJaeiz27_b"[..]), 0..60),
        ) {
            let plain = |run: &[u8], bits: usize, value: &dyn Fn(u8) -> Option<u8>| -> Option<Vec<u8>> {
                let digits: Option<Vec<u8>> = run.iter().map(|byte| value(*byte)).collect();
                let of_digit = |digit: u8| (0..bits).rev().map(move |place| digit >> place & 1);
                let bits: Vec<u8> = digits?.into_iter().flat_map(of_digit).collect();
                Some(bits.chunks_exact(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit)).collect())
            };
            let base_64 = |byte: u8| Some(BASE_64[usize::from(byte)]);
            let base_32 = |byte: u8| match byte.to_ascii_uppercase() {
                letter @ b'A'..=b'Z' => Some(letter - b'A'),
                digit @ b'2'..=b'7' => Some(digit - b'2' + 26),
                _ => None,
            };
            for run in [base64::engine::general_purpose::STANDARD_NO_PAD.encode(&bytes).into_bytes(), run] {
                let expected = plain(&run, 6, &base_64).and_then(printable);
                prop_assert_eq!(decode_base64(&run).and_then(printable), expected);
                let expected = plain(&run, 5, &base_32).and_then(printable);
                prop_assert_eq!(ciphers::decode_base32(&run).and_then(printable), expected);
            }
            prop_assert!(begins_as_text(&bytes) || printable(bytes.clone()).is_none());
        }

        #[test]
        fn no_escape_is_passed_over(
            pieces in prop::collection::vec(prop::sample::select(&[
                "%", "%4", "%41", "%u0041", "&", "&#65;", "&#x41;", "\\", "\\x41", "\\u0041", "\\101", "\\u{41}",
                "=", "=41", "=\n", "U", "+", "U+0041", "U+00", "4", "a", " ", "words that say nothing at all here ",
            ][..]), 0..60),
        ) {
            let text = pieces.concat();
            let text = text.as_bytes();
            prop_assert_eq!(escaped_parts(text, &Survey::of(text)), plain_escaped_parts(text));
        }
    }

    fn encoded(text: &str) -> Vec<String> {
        encoded_views(text.as_bytes(), &Survey::of(text.as_bytes()), &mut Budget::new(10_000))
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
            (r"\167\145\040met \u{77}", "we met w"),
            ("%u0077%u0065%u0020met", "we met"),
            ("U+0077 U+0065 U+0020 met", "we met"),
            ("=77=65=20=6D=65=74", "we met"),
            ("O5SSA3LFMV2CAYLUEB2GQZJANVUWY3A", "we meet at the mill"),
            ("G@_n6AS#s+@<<W6BOr<)Ch+Z*Bl%T.0e`", "we meet at the old mill 10"),
            ("0111011101100101001000000110110101100101011001010111010000100001", "we meet!"),
            ("WeMeetAtTheOldMillTonight", "We Meet At The Old Mill Tonight"),
            ("we-meet-at-the-old-mill-tonight", "we meet at the old mill tonight"),
            (".-- . / -- . . - / .- - / - .... .", "we meet at the"),
            ("119 101 32 109 101 101 116 32 97 116", "we meet at"),
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
        let survey = Survey::of(text.as_bytes());
        for (bytes, views, is_exhausted) in [(100, 3, true), (10_000, 10, false)] {
            let mut budget = Budget::new(bytes);
            assert_eq!(encoded_views(text.as_bytes(), &survey, &mut budget).len(), views);
            assert_eq!(budget.is_exhausted(), is_exhausted);
        }
    }

    #[test]
    fn disguises_are_undone_where_they_stand() {
        let views = |text: &str| {
            let disguises = Survey::of(text.as_bytes()).disguises;
            disguised_views(text.as_bytes(), disguises, &mut Budget::new(10_000))
        };
        assert_eq!(views("w e  m e e t  t h e r e"), ["we meet there"]);
        assert_eq!(views("w-e m-e-e-t t-h-e-r-e"), ["we meet there"]);
        assert_eq!(views("w3 m33t a7 th3 0ld m1ll h3re").first().unwrap(), "we meet at the old mill here");
        assert!(views("w3 me3t a7 th3 0ld mi11 h3re").contains(&"we meet at the old mill here".to_string()));
        assert_eq!(
            views("Jr zrrg ng gur byq zvyy orsber gur fgbez neevirf naq jr jnyx ubzr"),
            ["We meet at the old mill before the storm arrives and we walk home"]
        );
        assert!(views("We met at 10 in hall B2, a b c").is_empty());
    }

    #[test]
    fn parts_are_turned_round_and_spelled_out() {
        let whole = |text: &str| {
            let mut parts = Parts::default();
            parts.add(0..text.len());
            parts
        };
        let budget = &mut Budget::new(1000);
        assert_eq!(reversed_views("tém ew".as_bytes(), whole("tém ew"), budget), ["we mét\nmét we"]);
        let spelled = "mike echo echo tango mike echo";
        assert_eq!(spelled_views(spelled.as_bytes(), whole(spelled), budget), ["meetme"]);
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
