//! Undoes encodings that have no alphabet of their own: letters moved along the alphabet or mirrored in it,
//! numbers that stand for characters, Morse code, spelling alphabets, and the base-32 and base-85 families.
//!
//! Each function takes a part that shows the sign of its encoding and yields what it may say; a wrong guess
//! yields nonsense that matches nothing. It deliberately searches no key: an alphabet has 26 places, and the
//! letters of a language betray which one was used.

use std::ops::Range;

use super::decode::begins_as_text;
use super::signs::{BLOCK_BYTES, Block, Mask};

/// Around a part that lacks the usual letters stands so much text that may not be moved.
const AROUND_BYTES: usize = 32;

/// Frequency of the letters in English, in hundredths of a percent.
const FREQUENCY: [u32; 26] = [
    817, 149, 278, 425, 1270, 223, 202, 609, 697, 15, 77, 403, 241, 675, 751, 193, 10, 599, 633, 906, 276,
    98, 236, 15, 197, 7,
];

/// The part with its letters moved back to where their frequencies fit best, and mirrored where that fits
/// better still.
pub(super) fn moved_back(part: &[u8]) -> Option<String> {
    let mut counts = [0u32; 26];
    let core = part
        .get(AROUND_BYTES..part.len().saturating_sub(AROUND_BYTES))
        .filter(|core| core.len() >= AROUND_BYTES);
    for byte in core.unwrap_or(part) {
        if let Some(count) = letter_place(*byte).and_then(|place| counts.get_mut(place)) {
            *count += 1;
        }
    }
    let fit = |decode: &dyn Fn(usize) -> usize| -> u64 {
        let weighed = counts.iter().enumerate().map(|(place, count)| {
            u64::from(*count) * u64::from(FREQUENCY.get(decode(place)).copied().unwrap_or(0))
        });
        weighed.sum()
    };
    let (shift, moved) =
        (1..26).map(|shift| (shift, fit(&|place| (place + shift) % 26))).max_by_key(|(_, fit)| *fit)?;
    let mirrored = fit(&|place| 25 - place);
    if fit(&|place| place) >= moved.max(mirrored) {
        return None;
    }
    let decode = |place: usize| if mirrored > moved { 25 - place } else { (place + shift) % 26 };
    Some(part.iter().map(|byte| letter(*byte, &decode)).collect())
}

/// Letters moved by thirteen places.
pub(super) fn rotated(part: &[u8]) -> String {
    part.iter().map(|byte| letter(*byte, &|place| (place + 13) % 26)).collect()
}

fn letter_place(byte: u8) -> Option<usize> {
    byte.is_ascii_alphabetic().then(|| usize::from((byte | 0x20) - b'a'))
}

fn letter(byte: u8, decode: &dyn Fn(usize) -> usize) -> char {
    let case = byte & 0x20;
    match letter_place(byte).and_then(|place| u8::try_from(decode(place)).ok()) {
        Some(place) => char::from((b'A' + place) | case),
        None if byte.is_ascii() => char::from(byte),
        None => ' ',
    }
}

/// Numbers in a row, fewer of which are dates and tables.
const NUMBERS_MIN: usize = 8;
/// Digits of the longest number that is one character, written in binary.
const NUMBER_DIGITS_MAX: usize = 8;
/// Characters between two numbers of a row: ", 0x" is four, "&#" and "chr(" are no more.
const BETWEEN_MAX: usize = 6;

/// Rows of numbers that may each stand for a character.
pub(super) fn number_rows(text: &[u8]) -> Vec<Range<usize>> {
    let mut rows = Vec::new();
    let mut row: Option<(Range<usize>, usize)> = None;
    let mut digits = Digits::default();
    let mut position = 0;
    while let Some(digit) = digits.next(text, position) {
        let mut start = digit;
        // In hexadecimal a number may begin with a letter.
        if let Some((last, _)) = &row {
            let back = text.get(last.end..start).unwrap_or_default();
            start -= back.iter().rev().take_while(|byte| byte.is_ascii_hexdigit()).count();
        }
        let length = text
            .get(start..)
            .unwrap_or_default()
            .iter()
            .take(NUMBER_DIGITS_MAX + 1)
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        let end = start + length.max(1);
        match &mut row {
            Some((range, count)) if start <= range.end + BETWEEN_MAX && length <= NUMBER_DIGITS_MAX => {
                range.end = end;
                *count += 1;
            }
            _ => {
                rows.extend(row.take().filter(|(_, count)| *count >= NUMBERS_MIN).map(|(range, _)| range));
                row = (length <= NUMBER_DIGITS_MAX).then_some((start..end, 1));
            }
        }
        position = end;
    }
    rows.extend(row.filter(|(_, count)| *count >= NUMBERS_MIN).map(|(range, _)| range));
    rows
}

/// Where digits stand, looked for in a block at a time.
#[derive(Default)]
struct Digits {
    /// Behind the block last looked at, and the digits in it.
    end: usize,
    mask: Mask,
}

impl Digits {
    /// The next digit, not before `from`; asked for in order.
    fn next(&mut self, text: &[u8], from: usize) -> Option<usize> {
        loop {
            let start = self.end.saturating_sub(BLOCK_BYTES);
            let passed = from.saturating_sub(start);
            let left = if passed < BLOCK_BYTES { self.mask & Mask::MAX << passed } else { 0 };
            if left != 0 {
                return Some(start + left.trailing_zeros() as usize);
            }
            let next = self.end.max(from / BLOCK_BYTES * BLOCK_BYTES);
            let block = text.get(next..).filter(|rest| !rest.is_empty())?;
            self.mask = Block::<4>::of(block).digits();
            self.end = next + BLOCK_BYTES;
        }
    }
}

/// What the numbers say in binary, octal, decimal and hexadecimal, and as places in the alphabet.
pub(super) fn numbers_read(row: &[u8]) -> Vec<String> {
    let tokens: Vec<&[u8]> = row
        .split(|byte| !byte.is_ascii_hexdigit())
        .map(|token| {
            token.strip_prefix(b"0").filter(|rest| token.len() == 4 && !rest.is_empty()).unwrap_or(token)
        })
        .filter(|token| !token.is_empty() && *token != b"0")
        .collect();
    [2, 8, 10, 16, 0].into_iter().filter_map(|radix| read_in(&tokens, radix)).collect()
}

/// Radix nought stands for places in the alphabet.
fn read_in(tokens: &[&[u8]], radix: u32) -> Option<String> {
    let mut out = String::with_capacity(tokens.len());
    let mut letters = 0;
    let mut strange = 0;
    for token in tokens {
        let code = token.iter().try_fold(0u32, |code, byte| {
            let digit = char::from(*byte).to_digit(if radix == 0 { 10 } else { radix })?;
            Some(code.saturating_mul(radix.max(10 * u32::from(radix == 0))) + digit)
        });
        let character = match code {
            Some(place @ 1..=26) if radix == 0 => char::from_u32(u32::from('a') + place - 1),
            Some(code @ (9 | 10 | 13 | 32..=126)) if radix != 0 => char::from_u32(code),
            _ => None,
        };
        match character {
            Some(character) => {
                letters += usize::from(character.is_ascii_alphabetic() || character == ' ');
                out.push(character);
            }
            None => strange += 1,
        }
    }
    let total = tokens.len();
    (strange * 10 <= total && letters * 100 >= total * 70 && out.len() >= NUMBERS_MIN).then_some(out)
}

/// Signs in a row, fewer of which are rules and dots.
const MORSE_BYTES_MIN: usize = 24;

/// Rows of dots and dashes.
pub(super) fn morse_rows(text: &[u8]) -> Vec<Range<usize>> {
    let mut rows = Vec::new();
    let mut position = 0;
    // A row this long holds a pair of signs at every eighth byte or a gap beside one.
    while let Some(window) = text.get(position..position + MORSE_BYTES_MIN) {
        if let Some(stop) = window.iter().rposition(|byte| !is_morse(*byte)) {
            position += stop + 1;
            continue;
        }
        let rest = text.get(position..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| is_morse(**byte)).count();
        let row = rest.get(..length).unwrap_or_default();
        let (dots, dashes) = row.iter().fold((0, 0), |(dots, dashes), byte| {
            (dots + usize::from(*byte == b'.'), dashes + usize::from(*byte == b'-'))
        });
        if dots * 8 > length && dashes * 8 > length {
            rows.push(position..position + length);
        }
        position += length;
    }
    rows
}

fn is_morse(byte: u8) -> bool {
    matches!(byte, b'.' | b'-' | b'_' | b' ' | b'/' | b'|' | b'\n')
}

pub(super) fn morse_read(row: &[u8]) -> Option<String> {
    let mut out = String::new();
    let (mut signs, mut strange) = (0, 0);
    let mut gaps = 0;
    for token in row.split(|byte| matches!(byte, b' ' | b'\n')) {
        match token {
            [] => gaps += 1,
            [b'/' | b'|', ..] => gaps += 2,
            _ => {
                if gaps >= 2 && !out.is_empty() {
                    out.push(' ');
                }
                gaps = 0;
                signs += 1;
                match morse_letter(token) {
                    Some(letter) => out.push(letter),
                    None => strange += 1,
                }
            }
        }
    }
    (signs >= NUMBERS_MIN && strange * 10 <= signs).then_some(out)
}

fn morse_letter(token: &[u8]) -> Option<char> {
    const LETTERS: [&str; 26] = [
        ".-", "-...", "-.-.", "-..", ".", "..-.", "--.", "....", "..", ".---", "-.-", ".-..", "--", "-.",
        "---", ".--.", "--.-", ".-.", "...", "-", "..-", "...-", ".--", "-..-", "-.--", "--..",
    ];
    let same = |letter: &&str| {
        letter.len() == token.len()
            && letter.bytes().zip(token).all(|(one, other)| one == *other || (one == b'-' && *other == b'_'))
    };
    if let Some(place) = LETTERS.iter().position(same) {
        return char::from_u32(u32::from('a') + u32::try_from(place).ok()?);
    }
    match token {
        b".-.-.-" => Some('.'),
        b"--..--" => Some(','),
        b"---..." => Some(':'),
        b".-..-." => Some('"'),
        b".----." => Some('\''),
        b"..--.." => Some('?'),
        b"-....-" => Some('-'),
        _ if token.len() == 5 => Some('0'),
        _ => None,
    }
}

/// Words of the spelling alphabet in a row that spell something.
const SPELLED_MIN: usize = 6;
const SPELLING: [&str; 26] = [
    "alfa", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett", "kilo",
    "lima", "mike", "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango", "uniform", "victor",
    "whiskey", "xray", "yankee", "zulu",
];

/// What is spelled in a part by the first letters of the spelling alphabet's words.
pub(super) fn spelled_out(part: &[u8]) -> Option<String> {
    let mut out = String::new();
    let mut spelled = 0;
    for word in
        part.split(|byte| !byte.is_ascii_alphabetic() && *byte != b'-').filter(|word| !word.is_empty())
    {
        let known = SPELLING.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()))
            || [&b"alpha"[..], b"juliet", b"x-ray", b"whisky"]
                .iter()
                .any(|name| word.eq_ignore_ascii_case(name));
        match word.first() {
            Some(first) if known => {
                out.push(char::from(first.to_ascii_lowercase()));
                spelled += 1;
            }
            // Names for the gap between words, and anything else.
            _ => out.push(' '),
        }
    }
    (spelled >= SPELLED_MIN).then_some(out)
}

/// The bytes in a run of base32, unless the first are no text.
pub(super) fn decode_base32(run: &[u8]) -> Option<Vec<u8>> {
    let value = |byte: u8| BASE_32.get(usize::from(byte)).copied().filter(|value| *value != NO_DIGIT);
    if let Some(start) = run.first_chunk::<START_DIGITS>() {
        let mut bits = 0u128;
        for byte in start {
            bits = (bits << 5) | u128::from(value(*byte)?);
        }
        let [.., a, b, c, d, e, f, g, h, i, j] = bits.to_be_bytes();
        if !begins_as_text(&[a, b, c, d, e, f, g, h, i, j]) {
            return None;
        }
    }
    let mut out = Vec::with_capacity(run.len() * 5 / 8 + 1);
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in run {
        bits = (bits << 5) | u32::from(value(*byte)?);
        held += 5;
        if held >= 8 {
            held -= 8;
            out.extend(u8::try_from((bits >> held) & 0xFF));
        }
    }
    Some(out)
}

/// What each character stands for, and [`NO_DIGIT`] for any other.
pub(super) type Alphabet = [u8; 256];

const NO_DIGIT: u8 = u8::MAX;
/// So many digits are decoded before a look at whether they are text.
const START_DIGITS: usize = 16;

/// Capitals and small letters alike.
static BASE_32: Alphabet = alphabet(&[b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"abcdefghijklmnopqrstuvwxyz"]);

/// Both alphabets in use: Adobe's, from "!" to "u", and that of RFC 1924.
pub(super) static BASE_85: [Alphabet; 2] = [
    alphabet(&[b"!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstu"]),
    alphabet(&[b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"]),
];

/// An alphabet by its digits in order, written in one way or in several.
const fn alphabet(ways: &[&[u8]]) -> Alphabet {
    let mut digits = [NO_DIGIT; 256];
    let mut ways = ways;
    while let Some((way, others)) = ways.split_first() {
        let (mut left, mut digit) = (*way, 0);
        while let Some((character, behind)) = left.split_first() {
            if let Some((_, [place, ..])) = digits.split_at_mut_checked(*character as usize) {
                *place = digit;
            }
            left = behind;
            digit += 1;
        }
        ways = others;
    }
    digits
}

/// The bytes in a run, unless the first are no text.
pub(super) fn decode_base85(run: &[u8], alphabet: &Alphabet) -> Option<Vec<u8>> {
    let run = run.strip_prefix(b"<~").unwrap_or(run);
    let run = run.strip_suffix(b"~>").unwrap_or(run);
    let bytes_of = |group: &[u8]| {
        let mut bits = 0u32;
        for place in 0..5 {
            let digit = match group.get(place) {
                Some(byte) => alphabet.get(usize::from(*byte)).copied().filter(|digit| *digit != NO_DIGIT)?,
                // A group that was cut is filled up with the highest digit.
                None => 84,
            };
            bits = bits.checked_mul(85)?.checked_add(u32::from(digit))?;
        }
        Some(bits.to_be_bytes())
    };
    if let Some((start, _)) = run.as_chunks::<5>().0.split_first_chunk::<{ START_DIGITS / 5 }>() {
        let mut bytes = [[0; 4]; START_DIGITS / 5];
        for (bytes, group) in bytes.iter_mut().zip(start) {
            *bytes = bytes_of(group)?;
        }
        if !begins_as_text(bytes.as_flattened()) {
            return None;
        }
    }
    let mut out = Vec::with_capacity(run.len() / 5 * 4 + 4);
    for group in run.chunks(5) {
        out.extend(bytes_of(group)?.iter().take(group.len().saturating_sub(1)));
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::super::survey::Survey;
    use super::*;

    #[test]
    fn digits_are_found_from_every_place() {
        let text =
            [" ".repeat(130), "12".into(), "x".repeat(61), "3".into(), " ".repeat(200), "4".into()].concat();
        let text = text.as_bytes();
        for step in [1, 2, 7, 64, 100] {
            let mut digits = Digits::default();
            for from in (0..text.len() + 70).step_by(step) {
                let expected = (from..text.len()).find(|place| text[*place].is_ascii_digit());
                assert_eq!(digits.next(text, from), expected, "{from}");
            }
        }
    }

    #[test]
    fn moved_and_mirrored_letters_are_put_back() {
        for text in [
            "Jr zrrg ng gur byq zvyy orsber gur fgbez neevirf naq jr jnyx ubzr",
            "Zh phhw dw wkh rog ploo ehiruh wkh vwrup duulyhv dqg zh zdon krph",
            "Dv nvvg zg gsv low nroo yvuliv gsv hglin ziirevh zmw dv dzop slnv",
        ] {
            assert!(!Survey::of(text.as_bytes()).disguises.unusual.merged().is_empty(), "{text}");
            assert_eq!(
                moved_back(text.as_bytes()).unwrap(),
                "We meet at the old mill before the storm arrives and we walk home"
            );
        }
        let plain = "We meet at the old mill before the storm arrives and we walk home";
        assert!(Survey::of(plain.as_bytes()).disguises.unusual.merged().is_empty());
        assert_eq!(moved_back(plain.as_bytes()), None);
    }

    #[test]
    fn numbers_are_read_in_every_radix() {
        for text in [
            "x 01110111 01100101 00100000 01101101 01100101 01100101 01110100 00100000 01100001 01110100",
            "x 119 101 32 109 101 101 116 32 97 116",
            "x 167 145 40 155 145 145 164 40 141 164",
            "x 77 65 20 6d 65 65 74 20 61 74",
            "x 0x77, 0x65, 0x20, 0x6d, 0x65, 0x65, 0x74, 0x20, 0x61, 0x74",
        ] {
            let rows = number_rows(text.as_bytes());
            let read: Vec<String> =
                rows.into_iter().flat_map(|row| numbers_read(&text.as_bytes()[row])).collect();
            assert!(read.iter().any(|view| view == "we meet at"), "{text}: {read:?}");
        }
        assert_eq!(numbers_read(b"23-5-13-5-5-20-1-20"), ["wemeetat"]);
        assert!(number_rows(b"In 2021 and 2022 we sold 17 and 19.").is_empty());
    }

    #[test]
    fn morse_and_spelling_alphabets_are_read() {
        let text = b"read .-- . / -- . . - / .- - / - .... . ok";
        let rows = morse_rows(text);
        assert_eq!(rows.len(), 1);
        assert_eq!(morse_read(&text[rows[0].clone()]).unwrap(), "we meet at the");
        assert!(morse_rows(b"| --- | --- | --- | --- | --- |").is_empty());
        assert_eq!(spelled_out(b"Mike Echo Echo Tango (space) Mike Echo").unwrap(), "meet me");
        assert_eq!(spelled_out(b"in November Charlie met Oscar in Lima"), None);
    }

    #[test]
    fn base_32_and_85_are_undone() {
        for run in [b"O5SSA3LFMV2CAYLU", b"o5ssa3lfmv2caylu"] {
            assert_eq!(decode_base32(run).unwrap(), b"we meet at");
        }
        assert_eq!(decode_base32(b"o5ssa3lfmv2cay-u"), None);
        assert_eq!(decode_base32(b"not base 32"), None);
        let [adobe, other] = &BASE_85;
        assert_eq!(decode_base85(b"<~G@_n6AS#s+@<;~>", adobe).unwrap(), b"we meet at");
        assert_eq!(decode_base85(b"cV!@LWo2|AVRQ", other).unwrap(), b"we meet at");
        for (run, alphabet) in [(b"~~~~~~~~~~", adobe), (b"uuuuuuuuuu", adobe), (b"aaaa,aaaaa", other)] {
            assert_eq!(decode_base85(run, alphabet), None);
        }
        for alphabet in &BASE_85 {
            let mut digits: Vec<u8> = alphabet.iter().copied().filter(|digit| *digit != NO_DIGIT).collect();
            digits.sort_unstable();
            assert_eq!(digits, (0..85).collect::<Vec<u8>>());
        }
    }
}
