//! Vehicle identification numbers: seventeen characters without I, O and Q, decided by the North American
//! check digit, or by a word such as "VIN" where the maker's region has none.

use hardpan_inference::finding::{Finding, PiiType};

use super::field::Field;
use super::finding;
use super::words::Words;

const BYTES: usize = 17;
const CHECK_PLACE: usize = 8;
const WEIGHTS: [u32; BYTES] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
static WORDS: Words = Words::new(&[
    "vin",
    "vins",
    "chassis",
    "vehicle",
    "fahrgestellnummer",
    "fin",
    "fahrzeug",
    "bastidor",
    "telaio",
    "châssis",
    "vincode",
    "vinnumber",
]);
const WORDS_BYTES: usize = 40;

/// Examines the whole word from `start` to `end`.
pub(super) fn examine(field: Field<'_>, start: usize, end: usize) -> Option<Finding> {
    let written = field.slice(start, end);
    if written.len() != BYTES || !written.iter().all(|byte| is_allowed(*byte)) {
        return None;
    }
    let letters = written.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let upper = !written.iter().any(u8::is_ascii_lowercase);
    // The serial number at the end is digits; a hash or a key seldom ends so.
    let serial = written.iter().rev().take_while(|byte| byte.is_ascii_digit()).count() >= 4;
    let named = field.names_any(&WORDS, start, WORDS_BYTES);
    let vehicle = (named && letters > 0) || (upper && serial && letters >= 3 && has_check_digit(written));
    vehicle.then(|| finding(PiiType::VehicleIdentificationNumber, start, end, if named { 95 } else { 80 }))
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() && !matches!(byte.to_ascii_uppercase(), b'I' | b'O' | b'Q')
}

fn has_check_digit(written: &[u8]) -> bool {
    let sum: u32 = written.iter().zip(WEIGHTS).map(|(byte, weight)| value(*byte) * weight).sum();
    let expected = match sum % 11 {
        10 => b'X',
        digit => b'0' + u8::try_from(digit).unwrap_or(0),
    };
    written.get(CHECK_PLACE) == Some(&expected)
}

/// A to H count from one, J to R from one and S to Z from two.
fn value(byte: u8) -> u32 {
    let value = match byte.to_ascii_uppercase() {
        digit @ b'0'..=b'9' => digit - b'0',
        letter @ b'A'..=b'H' => letter - b'A' + 1,
        letter @ b'J'..=b'R' => letter - b'J' + 1,
        letter @ b'S'..=b'Z' => letter - b'S' + 2,
        _ => 0,
    };
    u32::from(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_digit_or_a_word_decides() {
        for (key, text, expected) in [
            ("", "1M8GDM9AXKP042788", true),
            ("", "1M8GDM9A1KP042788", false),
            ("vin", "WVWZZZ1JZ3W386752", true),
            ("", "WVWZZZ1JZ3W386752", false),
            ("vin", "1M8GDM9AXKPO42788", false),
            ("vin", "1M8GDM9AXKP04278", false),
            ("vin", "11111111111111111", false),
            ("vin", "1m8gdm9axkp042788", true),
        ] {
            let found = examine(Field::new(key, text), 0, text.len());
            assert_eq!(found.is_some(), expected, "{text}");
        }
    }
}
