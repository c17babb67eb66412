//! Hardware addresses: six pairs with colons or hyphens, three fours with dots, or twelve bare digits behind
//! a word such as "MAC". The broadcast and the empty address name no device and are no findings.

use hardpan_inference::finding::{Finding, PiiType};

use super::field::Field;
use super::finding;
use super::words::Words;

const PAIRS_BYTES: usize = 17;
const FOURS_BYTES: usize = 14;
const BARE_BYTES: usize = 12;
static WORDS: Words = Words::new(&[
    "mac",
    "macaddress",
    "macaddr",
    "bssid",
    "hwaddr",
    "ether",
    "ethernet",
    "hardware",
    "physical",
]);
const WORDS_BYTES: usize = 32;

/// Examines the hexadecimal digits at `start`. The end of an address, or nothing.
pub(super) fn examine(field: Field<'_>, start: usize, candidates: &mut Vec<Finding>) -> Option<usize> {
    let separator = field.at(start + 2);
    let (length, step, separator) = match separator {
        b':' | b'-' => (PAIRS_BYTES, 3, separator),
        _ => (FOURS_BYTES, 5, b'.'),
    };
    let written = field.slice(start, start + length);
    let shaped = written.len() == length
        && written.iter().enumerate().all(|(place, byte)| match place % step == step - 1 {
            true => *byte == separator,
            false => byte.is_ascii_hexdigit(),
        });
    let end = start + length;
    // More pairs make something else: a fingerprint, a longer identifier.
    let longer = field.word_before(start)
        || field.word_at(end)
        || (field.at(end) == separator && field.at(end + 1).is_ascii_hexdigit())
        || (start > 0 && field.at(start - 1) == separator);
    if !shaped || longer || is_reserved(written) || !is_likely(field, start, written, separator) {
        return None;
    }
    candidates.push(finding(PiiType::MacAddress, start, end, 92));
    Some(end)
}

/// Twelve hexadecimal digits in one piece, which only a word makes an address.
pub(super) fn examine_bare(field: Field<'_>, start: usize, end: usize) -> Option<Finding> {
    let written = field.slice(start, end);
    let address = end - start == BARE_BYTES
        && written.iter().all(u8::is_ascii_hexdigit)
        && !is_reserved(written)
        && field.names_any(&WORDS, start, WORDS_BYTES);
    address.then(|| finding(PiiType::MacAddress, start, end, 85))
}

/// With hyphens or dots and no letter it may be a serial number or a date; a word has to say what it is.
fn is_likely(field: Field<'_>, start: usize, written: &[u8], separator: u8) -> bool {
    separator == b':'
        || written.iter().any(u8::is_ascii_alphabetic)
        || field.names_any(&WORDS, start, WORDS_BYTES)
}

fn is_reserved(written: &[u8]) -> bool {
    let mut digits = written.iter().filter(|byte| byte.is_ascii_hexdigit());
    let all = |value: u8| move |byte: &u8| byte.eq_ignore_ascii_case(&value);
    digits.clone().all(all(b'0')) || digits.all(all(b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_six_pairs_or_three_fours() {
        for (text, expected) in [
            ("00:1a:2B:3c:4d:5e", true),
            ("A4-A7-C3-31-1C-85", true),
            ("aabb.ccdd.eeff", true),
            ("00:1a:2b:3c:4d:5e:6f", false),
            ("00:1a:2b:3c:4d", false),
            ("00:1a:2b-3c:4d:5e", false),
            ("00:1a:2b:3c:4d:5g", false),
            ("ff:ff:ff:FF:ff:ff", false),
            ("00:00:00:00:00:00", false),
            ("28-64-66-98-12-34", false),
            ("1234.5678.9012", false),
            ("00:1a:2b:3c:4d:5ex", false),
        ] {
            let found = examine(Field::new("", text), 0, &mut Vec::new());
            assert_eq!(found.is_some(), expected, "{text}");
        }
        assert!(examine(Field::new("mac", "28-64-66-98-12-34"), 0, &mut Vec::new()).is_some());
    }

    #[test]
    fn addresses_of_letters_alone_are_looked_at() {
        let detector = crate::pii::PiiDetector::new().unwrap();
        for text in ["the switch aabb.ccdd.eeff", "aa:bb:cc:dd:ee:ff is the switch"] {
            let mut found = Vec::new();
            detector.find(text, &mut detector.scratch(), &mut found);
            assert_eq!(found.len(), 1, "{text}");
        }
    }

    #[test]
    fn twelve_bare_digits_need_the_word() {
        assert!(examine_bare(Field::new("mac_address", "001a2b3c4d5e"), 0, 12).is_some());
        assert!(examine_bare(Field::new("commit", "001a2b3c4d5e"), 0, 12).is_none());
        assert!(examine_bare(Field::new("mac", "001a2b3c4d5"), 0, 11).is_none());
    }
}
