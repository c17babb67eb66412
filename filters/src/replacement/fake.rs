//! Values made up in the form of true ones: as long, with the same separators, and passing the checks of their type
//! where those are cheap. What is set aside for examples is preferred: mail at example.com, phone numbers that are
//! given to nobody, networks of documentation.
//!
//! A made-up value has to be found again in an answer, so what is short or could be an everyday word has none: the
//! caller then falls back to a placeholder. That no made-up value stands in the request already is checked elsewhere.

use std::net::{Ipv4Addr, Ipv6Addr};

use hardpan_inference::finding::PiiType;

use super::{Dice, ScopedKeys};
use crate::vault::PLACEHOLDER_BYTES_MAX;

/// A shorter one could be written by a model that means something else.
const FAKE_BYTES_MIN: usize = 7;
/// Letters and digits it has at least.
const FAKE_LETTERS_MIN: usize = 6;
/// Before the `@`.
const LOCAL_PART_MIN: usize = 6;
const LOCAL_PART_MAX: usize = 40;

/// A made-up value, or None where the type or this value has none.
pub(crate) fn fake(keys: &ScopedKeys, kind: PiiType, value: &str, attempt: u32) -> Option<String> {
    if value.len() > PLACEHOLDER_BYTES_MAX {
        return None;
    }
    let mut dice = keys.dice(kind, value, attempt);
    let dice = &mut dice;
    let made = match kind {
        PiiType::Email => email(value, dice)?,
        PiiType::Phone => phone(value, dice),
        PiiType::CreditDebitCardNumber => with_digits(value, |digits| luhn(digits, dice)),
        PiiType::CaSocialInsuranceNumber => with_digits(value, |digits| luhn(digits, dice)),
        PiiType::UsSocialSecurityNumber => with_digits(value, |digits| social_security(digits, dice)),
        PiiType::UsIndividualTaxIdentificationNumber => with_digits(value, |digits| tax_number(digits, dice)),
        PiiType::UsBankRoutingNumber => with_digits(value, |digits| routing(digits, dice)),
        PiiType::UkNationalHealthServiceNumber => with_digits(value, |digits| health_service(digits, dice)),
        PiiType::InternationalBankAccountNumber => bank_account(value, dice)?,
        PiiType::IpAddress => network_address(value, dice)?,
        PiiType::MacAddress => hexadecimal(value, &[0, 2], dice),
        PiiType::DateOfBirth => date(value, dice),
        PiiType::CryptoAddress if value.starts_with("0x") => {
            format!("0x{}", hexadecimal(value.get(2..)?, &[], dice))
        }
        // Too short, or an everyday number: what the model says by itself would be taken for one.
        PiiType::Age | PiiType::Pin | PiiType::CreditDebitCardCvv | PiiType::CreditDebitCardExpiry => {
            return None;
        }
        _ => alike(value, dice),
    };
    let letters = made.chars().filter(|character| character.is_ascii_alphanumeric()).count();
    let fits = (FAKE_BYTES_MIN..=PLACEHOLDER_BYTES_MAX).contains(&made.len()) && letters >= FAKE_LETTERS_MIN;
    let is_plain =
        !made.chars().any(|character| matches!(character, '{' | '}' | '"' | '\\') || character.is_control());
    (fits && is_plain && made != value).then_some(made)
}

/// Each letter and digit by another of its kind, everything else as it is. What begins a number with another digit
/// than zero does so still.
fn alike(value: &str, dice: &mut Dice) -> String {
    let mut in_number = false;
    value
        .chars()
        .map(|character| {
            let begins = !std::mem::replace(&mut in_number, character.is_numeric());
            match character {
                '1'..='9' if begins => digit(dice.within(1, 9)),
                _ if character.is_numeric() => digit(dice.below(10)),
                _ if character.is_uppercase() => char::from(b'A' + dice.below(26)),
                _ if character.is_alphabetic() => lower(dice),
                _ => character,
            }
        })
        .collect()
}

fn digit(number: u8) -> char {
    char::from(b'0' + number.min(9))
}

fn lower(dice: &mut Dice) -> char {
    char::from(b'a' + dice.below(26))
}

fn email(value: &str, dice: &mut Dice) -> Option<String> {
    let (local, _) = value.rsplit_once('@')?;
    let mut made: String = alike(local, dice).chars().take(LOCAL_PART_MAX).collect();
    while made.chars().count() < LOCAL_PART_MIN {
        made.push(lower(dice));
    }
    let domain = match dice.below(3) {
        0 => "example.com",
        1 => "example.org",
        _ => "example.net",
    };
    Some(format!("{made}@{domain}"))
}

/// The value with other digits in the places of its own; where `make` has none for so many, each by chance.
fn with_digits(value: &str, make: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> String {
    let own: Vec<u8> = value.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0').collect();
    let Some(made) = make(&own).filter(|made| made.len() == own.len()) else { return String::new() };
    let mut made = made.into_iter();
    value
        .chars()
        .map(|character| match character.is_ascii_digit() {
            true => made.next().map_or(character, digit),
            false => character,
        })
        .collect()
}

/// These digits, then others by chance.
fn starting(first: &[u8], own: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    let rest = own.len().checked_sub(first.len())?;
    Some(first.iter().copied().chain((0..rest).map(|_| dice.below(10))).collect())
}

/// Numbers that regulators keep for films and examples, as they are dialled in the US, the UK and France. Of others
/// the country code stays.
fn phone(value: &str, dice: &mut Dice) -> String {
    let is_international = value.trim_start_matches('(').starts_with('+');
    with_digits(value, |digits| match digits {
        [1, _, _, _, ..] if digits.len() == 11 => {
            Some([&[1][..], &area(dice), &[5, 5, 5, 0, 1], &two(dice)].concat())
        }
        [2..=9, ..] if digits.len() == 10 && !is_international => {
            Some([&area(dice)[..], &[5, 5, 5, 0, 1], &two(dice)].concat())
        }
        _ if digits.len() == 7 && !is_international => Some([&[5, 5, 5, 0, 1][..], &two(dice)].concat()),
        [4, 4, ..] if digits.len() == 12 => starting(&[4, 4, 7, 7, 0, 0, 9, 0, 0], digits, dice),
        [0, 7, ..] if digits.len() == 11 => starting(&[0, 7, 7, 0, 0, 9, 0, 0], digits, dice),
        [3, 3, ..] if digits.len() == 11 => starting(&[3, 3, 6, 3, 9, 9, 8], digits, dice),
        [0, ..] if digits.len() == 10 => starting(&[0, 6, 3, 9, 9, 8], digits, dice),
        [one, two, ..] if is_international => starting(&[*one, *two], digits, dice),
        [0, ..] => starting(&[0], digits, dice),
        _ => starting(&[dice.within(1, 9)], digits, dice),
    })
}

fn area(dice: &mut Dice) -> [u8; 3] {
    [dice.within(2, 9), dice.below(9), dice.within(2, 9)]
}

fn two(dice: &mut Dice) -> [u8; 2] {
    [dice.below(10), dice.below(10)]
}

/// Chance, but with the first digit, which says whose cards they are, and with the last one of the Luhn check.
fn luhn(own: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    let mut made = starting(&[*own.first()?], own, dice)?;
    made.pop()?;
    // From the right, beginning beside the check digit, every other digit counts twice.
    let sum: u32 = made
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let doubled = u32::from(*digit) * if index % 2 == 0 { 2 } else { 1 };
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    made.push(u8::try_from((10 - sum % 10) % 10).ok()?);
    Some(made)
}

/// The area 666 is never given out.
fn social_security(own: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    if own.len() != 9 {
        return starting(&[dice.within(1, 9)], own, dice);
    }
    let group = [dice.below(10), dice.within(1, 9)];
    let serial = [dice.below(10), dice.below(10), dice.below(10), dice.within(1, 9)];
    Some([&[6, 6, 6][..], &group, &serial].concat())
}

/// They begin with 9; the group from 70 to 88 tells them apart.
fn tax_number(own: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    let first = [9, dice.below(10), dice.below(10), 7, dice.below(10)];
    starting(first.get(..own.len().min(5))?, own, dice)
}

/// The district's two digits stay; the last digit checks the others.
fn routing(own: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    let mut made = starting(own.get(..2)?, own, dice)?;
    made.pop()?;
    let weights = [3_u32, 7, 1].into_iter().cycle();
    let sum: u32 = made.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum();
    made.push(u8::try_from((10 - sum % 10) % 10).ok()?);
    Some(made)
}

/// Numbers from 999 are kept for tests.
fn health_service(own: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    let mut made = starting(&[9, 9, 9], own, dice)?;
    if own.len() != 10 {
        return Some(made);
    }
    made.truncate(8);
    let first = dice.below(10);
    for add in 0..10 {
        let last = (first + add) % 10;
        let sum: u32 = made
            .iter()
            .chain([&last])
            .zip((2..=10).rev())
            .map(|(digit, weight): (&u8, u32)| u32::from(*digit) * weight)
            .sum();
        // Of eleven remainders one has no digit: the number is not given out.
        if let Ok(check @ 0..=9) = u8::try_from((11 - sum % 11) % 11) {
            made.extend([last, check]);
            return Some(made);
        }
    }
    None
}

/// The country stays; the two digits after it check the rest (ISO 13616).
fn bank_account(value: &str, dice: &mut Dice) -> Option<String> {
    let own: Vec<char> = value.chars().filter(char::is_ascii_alphanumeric).collect();
    let country: String = own.get(..2)?.iter().collect();
    let account: String = own.get(4..)?.iter().collect();
    let account = alike(&account, dice);
    let mut rest = 0_u32;
    for character in account.chars().chain(country.chars()).chain("00".chars()) {
        let number = character.to_digit(36)?;
        rest = (rest * if number > 9 { 100 } else { 10 } + number) % 97;
    }
    let mut made = format!("{country}{:02}{account}", 98 - rest).into_bytes().into_iter().map(char::from);
    Some(
        value
            .chars()
            .map(|character| match character.is_ascii_alphanumeric() {
                true => made.next().unwrap_or(character),
                false => character,
            })
            .collect(),
    )
}

/// Networks that documents use (RFC 5737, RFC 3849). A prefix length stays.
fn network_address(value: &str, dice: &mut Dice) -> Option<String> {
    let (address, prefix) = value.split_at(value.find('/').unwrap_or(value.len()));
    if address.parse::<Ipv4Addr>().is_ok() {
        let network = match dice.below(3) {
            0 => [192, 0, 2],
            1 => [198, 51, 100],
            _ => [203, 0, 113],
        };
        let [a, b, c] = network;
        return Some(format!("{}{prefix}", Ipv4Addr::new(a, b, c, dice.within(1, 254))));
    }
    address.parse::<Ipv6Addr>().ok()?;
    let mut group = || u16::from_be_bytes([dice.within(1, 255), dice.byte()]);
    let made = Ipv6Addr::new(0x2001, 0xdb8, group(), group(), 0, 0, group(), group());
    Some(format!("{made}{prefix}"))
}

/// Hexadecimal digits after the given ones, in the case each place has.
fn hexadecimal(value: &str, first: &[u8], dice: &mut Dice) -> String {
    let mut first = first.iter().copied();
    value
        .chars()
        .map(|character| {
            if !character.is_ascii_hexdigit() {
                return character;
            }
            let made = super::letter(super::HEX, first.next().unwrap_or_else(|| dice.below(16)));
            if character.is_ascii_uppercase() { made.to_ascii_uppercase() } else { made }
        })
        .collect()
}

/// Runs of digits by their length: a day or month that is either, a year of somebody alive. Names of months stay.
fn date(value: &str, dice: &mut Dice) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(start) = rest.find(|character: char| character.is_ascii_digit()) {
        let (before, tail) = rest.split_at(start);
        let end = tail.find(|character: char| !character.is_ascii_digit()).unwrap_or(tail.len());
        let (digits, after) = tail.split_at(end);
        out.push_str(before);
        match digits.len() {
            1 => out.push(digit(dice.within(1, 9))),
            2 => out.push_str(&format!("{:02}", dice.within(1, 12))),
            4 => out.push_str(&year(dice)),
            8 => {
                out.push_str(&year(dice));
                out.push_str(&format!("{:02}{:02}", dice.within(1, 12), dice.within(1, 28)));
            }
            _ => out.push_str(&alike(digits, dice)),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

fn year(dice: &mut Dice) -> String {
    (1940 + u16::from(dice.below(64))).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replacement::{RedactionKey, Scope};

    fn keys() -> ScopedKeys {
        RedactionKey::new("secret").scoped(&Scope { team: "t", app: "a", user: None, conversation: "c" })
    }

    fn digits(text: &str) -> Vec<u32> {
        text.chars().filter_map(|character| character.to_digit(10)).collect()
    }

    fn passes_luhn(text: &str) -> bool {
        let sum: u32 = digits(text)
            .into_iter()
            .rev()
            .enumerate()
            .map(|(index, digit)| match (index % 2, digit * 2) {
                (0, _) => digit,
                (_, doubled) if doubled > 9 => doubled - 9,
                (_, doubled) => doubled,
            })
            .sum();
        sum.is_multiple_of(10)
    }

    fn passes_iban(text: &str) -> bool {
        let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        let turned = format!("{}{}", &plain[4..], &plain[..4]);
        let number = turned.chars().fold(0_u32, |rest, character| {
            let number = character.to_digit(36).unwrap();
            (rest * if number > 9 { 100 } else { 10 } + number) % 97
        });
        number == 1
    }

    fn passes_weights(text: &str, weights: &[u32], modulus: u32) -> bool {
        let sum: u32 = digits(text).iter().zip(weights).map(|(digit, weight)| digit * weight).sum();
        sum.is_multiple_of(modulus)
    }

    type Check = fn(&str) -> bool;

    /// Of each value thousands of made-up ones hold what is promised of the type.
    #[test]
    fn made_up_values_have_the_form_and_pass_the_checks_of_their_type() {
        use PiiType as T;
        let cases: &[(PiiType, &str, Check)] = &[
            (T::Email, "ann.lee+x@mail.example.org", |text| {
                let (local, domain) = text.split_once('@').unwrap();
                local.len() == 9
                    && &local[3..4] == "."
                    && &local[7..8] == "+"
                    && domain.starts_with("example.")
            }),
            (T::Email, "a@b.de", |text| text.split_once('@').unwrap().0.len() == 6),
            (T::Phone, "+1 212-555-0147", |text| text.starts_with("+1 ") && text.contains("-555-01")),
            (T::Phone, "(212) 867-5309", |text| text.contains(") 555-01")),
            (T::Phone, "867-5309", |text| text.starts_with("555-01")),
            (T::Phone, "+44 7911 123456", |text| text.starts_with("+44 7700 900")),
            (T::Phone, "07911 123456", |text| text.starts_with("07700 900")),
            (T::Phone, "+33 1 42 68 53 00", |text| text.starts_with("+33 6 39 98 ")),
            (T::Phone, "+49 30 1234567", |text| text.starts_with("+49 ")),
            (T::CreditDebitCardNumber, "4111 1111 1111 1111", |text| {
                text.starts_with('4') && passes_luhn(text)
            }),
            (T::CreditDebitCardNumber, "378282246310005", |text| text.starts_with('3') && passes_luhn(text)),
            (T::CaSocialInsuranceNumber, "046 454 286", passes_luhn),
            (T::UsSocialSecurityNumber, "536-22-8726", |text| {
                text.starts_with("666-") && !text.ends_with("0000")
            }),
            (T::UsIndividualTaxIdentificationNumber, "912-71-3456", |text| {
                text.starts_with('9') && text.get(3..5) == Some("-7")
            }),
            (T::UsBankRoutingNumber, "121000248", |text| {
                text.starts_with("12") && passes_weights(text, &[3, 7, 1, 3, 7, 1, 3, 7, 1], 10)
            }),
            (T::UkNationalHealthServiceNumber, "943 476 5919", |text| {
                text.starts_with("999 ") && passes_weights(text, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1], 11)
            }),
            (T::InternationalBankAccountNumber, "DE89 3704 0044 0532 0130 00", |text| {
                text.starts_with("DE") && passes_iban(text)
            }),
            (T::InternationalBankAccountNumber, "GB29NWBK60161331926819", |text| {
                text.starts_with("GB") && passes_iban(text)
            }),
            (T::IpAddress, "10.20.30.40", |text| {
                ["192.0.2.", "198.51.100.", "203.0.113."].iter().any(|network| text.starts_with(network))
            }),
            (T::IpAddress, "fe80::1ff:fe23:4567:890a", |text| text.starts_with("2001:db8:")),
            (T::MacAddress, "A4-83-E7-00-11-22", |text| text.starts_with("02-") && text.len() == 17),
            (T::DateOfBirth, "1984-03-12", |text| {
                let parts: Vec<u32> = text.split('-').map(|part| part.parse().unwrap()).collect();
                (1940..2004).contains(&parts[0])
                    && (1..=12).contains(&parts[1])
                    && (1..=12).contains(&parts[2])
            }),
            (T::DateOfBirth, "12 March 1984", |text| {
                text.contains(" March 19") || text.contains(" March 20")
            }),
            (T::CryptoAddress, "0x52908400098527886E0F7030069857D2E4169EE7", |text| {
                text.starts_with("0x") && text[2..].chars().all(|character| character.is_ascii_hexdigit())
            }),
            (T::Username, "Ann_Lee42", |text| {
                let letters: Vec<char> = text.chars().collect();
                letters[0].is_ascii_uppercase() && letters[3] == '_' && letters[8].is_ascii_digit()
            }),
            (T::AwsAccessKey, "AKIAQWERTYUIOPASDFGH", |text| text.len() == 20),
        ];
        let keys = keys();
        for (kind, value, holds) in cases {
            for attempt in 0..500 {
                let made = fake(&keys, *kind, value, attempt).unwrap();
                assert!(holds(&made) && made != *value, "{kind:?} {value} {made}");
                assert!((FAKE_BYTES_MIN..=PLACEHOLDER_BYTES_MAX).contains(&made.len()));
                if !matches!(kind, T::Email | T::IpAddress) {
                    assert_eq!(made.chars().count(), value.chars().count(), "{kind:?} {made}");
                }
                assert_eq!(Some(made), fake(&keys, *kind, value, attempt));
            }
        }
    }

    #[test]
    fn what_could_not_be_told_from_other_words_is_not_made_up() {
        let long = "x".repeat(PLACEHOLDER_BYTES_MAX + 1);
        for (kind, value) in [
            (PiiType::Age, "42"),
            (PiiType::Pin, "481201"),
            (PiiType::CreditDebitCardCvv, "123"),
            (PiiType::CreditDebitCardExpiry, "12/2027"),
            (PiiType::Username, "ann"),
            (PiiType::Password, "--------1-"),
            (PiiType::Password, "pass{word}longer"),
            (PiiType::Password, "pass\"word-longer"),
            (PiiType::Password, "pass\nword-longer"),
            (PiiType::ApiKey, long.as_str()),
            (PiiType::Email, "nobody"),
            (PiiType::IpAddress, "not an address"),
            (PiiType::InternationalBankAccountNumber, "DE"),
            (PiiType::CreditDebitCardNumber, ""),
        ] {
            assert_eq!(fake(&keys(), kind, value, 0), None, "{kind:?} {value}");
        }
    }
}
