//! International bank account numbers: the country's length, ISO 7064 mod 97, and compact or in
//! groups. It does not know the countries' own check digits inside the number.

use hardpan_inference::finding::{Finding, PiiType};

use super::field::Field;
use super::finding;

/// The length in each country of the IBAN registry.
fn length(country: &[u8]) -> Option<usize> {
    let length = match country {
        b"NO" => 15,
        b"BE" => 16,
        b"DK" | b"FI" | b"FK" | b"FO" | b"GL" | b"NL" | b"SD" => 18,
        b"MK" | b"SI" => 19,
        b"AT" | b"BA" | b"EE" | b"KZ" | b"LT" | b"LU" | b"MN" | b"XK" => 20,
        b"CH" | b"HR" | b"LI" | b"LV" => 21,
        b"BG" | b"BH" | b"CR" | b"DE" | b"GB" | b"GE" | b"IE" | b"ME" | b"RS" | b"VA" => 22,
        b"AE" | b"GI" | b"IL" | b"IQ" | b"OM" | b"SO" | b"TL" => 23,
        b"AD" | b"CZ" | b"ES" | b"MD" | b"PK" | b"RO" | b"SA" | b"SE" | b"SK" | b"TN" | b"VG" => 24,
        b"LY" | b"PT" | b"ST" => 25,
        b"IS" | b"TR" => 26,
        b"BI" | b"DJ" | b"FR" | b"GR" | b"IT" | b"MC" | b"MR" | b"SM" => 27,
        b"AL" | b"AZ" | b"BY" | b"CY" | b"DO" | b"GT" | b"HN" | b"HU" | b"LB" | b"NI" | b"PL" | b"SV" => 28,
        b"BR" | b"EG" | b"PS" | b"QA" | b"UA" => 29,
        b"JO" | b"KW" | b"MU" | b"YE" => 30,
        b"MT" | b"SC" => 31,
        b"LC" => 32,
        b"RU" => 33,
        _ => return None,
    };
    Some(length)
}

/// Examines what starts at `start` with the letters of a country and two digits. Returns its end, or nothing
/// when it is no IBAN, so that the digits in it can still be something else.
pub(super) fn examine(field: Field<'_>, start: usize, candidates: &mut Vec<Finding>) -> Option<usize> {
    let end = end_of_valid(field, start)?;
    candidates.push(finding(PiiType::InternationalBankAccountNumber, start, end, 99));
    Some(end)
}

fn end_of_valid(field: Field<'_>, start: usize) -> Option<usize> {
    let country = [field.at(start), field.at(start + 1)].map(|byte| byte.to_ascii_uppercase());
    let length = length(&country)?;
    if field.word_before(start) {
        return None;
    }
    let mut separators = Separators::default();
    let mut position = start;
    let mut check = Mod97::default();
    let (mut lower, mut upper) = (false, false);
    for index in 0..length {
        if index > 0 && separators.take(field, position)? {
            position += 1;
        }
        let byte = field.at(position);
        lower |= byte.is_ascii_lowercase();
        upper |= byte.is_ascii_uppercase();
        check.push(index, byte.to_ascii_uppercase())?;
        position += 1;
    }
    // Words in lower case with spaces between them offer too many chances.
    let shape = !(lower && (upper || separators.count > 0)) || separators.is_in_fours(length);
    (shape && check.is_valid() && !field.word_at(position)).then_some(position)
}

/// Single spaces or hyphens between the characters, always the same one.
#[derive(Default)]
struct Separators {
    byte: Option<u8>,
    count: usize,
}

/// More than in groups of three is no printed number.
const SEPARATORS_MAX: usize = 12;

impl Separators {
    /// Whether one stands at `position`; nothing when it is not like those before.
    fn take(&mut self, field: Field<'_>, position: usize) -> Option<bool> {
        let byte = field.at(position);
        if !matches!(byte, b' ' | b'-' | b'.') {
            return Some(false);
        }
        self.count += 1;
        let same = *self.byte.get_or_insert(byte) == byte;
        (same && self.count <= SEPARATORS_MAX).then_some(true)
    }

    fn is_in_fours(&self, length: usize) -> bool {
        self.count == length.div_ceil(4) - 1
    }
}

/// ISO 7064 mod 97-10 over the number with its first four characters moved to the end.
#[derive(Default)]
struct Mod97 {
    head: [u8; 4],
    remainder: u32,
}

impl Mod97 {
    /// Takes the character at `index`, or nothing when it belongs in no IBAN.
    fn push(&mut self, index: usize, byte: u8) -> Option<()> {
        if !byte.is_ascii_digit() && !byte.is_ascii_uppercase() {
            return None;
        }
        match self.head.get_mut(index) {
            Some(place) => *place = byte,
            None => self.remainder = append(self.remainder, byte),
        }
        Some(())
    }

    fn is_valid(&self) -> bool {
        self.head.iter().fold(self.remainder, |remainder, byte| append(remainder, *byte)) == 1
    }
}

fn append(remainder: u32, byte: u8) -> u32 {
    if byte.is_ascii_digit() {
        (remainder * 10 + u32::from(byte - b'0')) % 97
    } else {
        (remainder * 100 + u32::from(byte - b'A') + 10) % 97
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> Option<usize> {
        end_of_valid(Field::new("", text), 0)
    }

    #[test]
    fn registry_examples_are_valid_in_both_forms() {
        for text in [
            "BE68539007547034",
            "be68539007547034",
            "BE68 5390 07547034",
            "DE89 370400440532013000",
            "CH93 0076 2011 6238 5295 7",
            "FR14 2004 1010 0505 0001 3M02 606",
            "NO93 8601 1117 947",
            "MT84MALT011000012345MTLCAST001S",
        ] {
            assert_eq!(end(text), Some(text.len()), "{text}");
        }
    }

    #[test]
    fn a_wrong_digit_length_group_or_case_is_refused() {
        for text in [
            "BE68539007547035",
            "BE6853900754703",
            "BE685390075470341",
            "BE68 5390-0754 7034",
            "be68 5390 0754 7o34",
            "BE68 5390-0754-7034",
            "QQ68539007547034",
        ] {
            assert_eq!(end(text), None, "{text}");
        }
    }
}
