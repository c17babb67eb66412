//! Identity, tax and social insurance numbers of persons in one table: the form, the printed grouping, the
//! words that announce the number in its country's languages, and the arithmetic that decides. What the
//! arithmetic leaves to chance decides whether a number needs its words. Adding a country is one entry.
//!
//! It deliberately knows no passports, driving licences or company numbers: those have no check digits, and
//! words alone decide them.

use hardpan_inference::finding::{Finding, PiiType};

use super::field::Field;
use super::finding;
use super::numbers::{Run, Step};
use super::words::Words;

pub(super) mod checks;
mod table;

use self::table::{Alone, Format};

/// The longest form, an identity number of eighteen characters.
const VALUE_BYTES_MAX: usize = 20;
const GROUPS_MAX: usize = 8;
const PREFIX_LETTERS_MAX: usize = 3;
const TAIL_BYTES_MAX: usize = 4;
const WORDS_BEFORE_BYTES: usize = 56;
const WORDS_AFTER_BYTES: usize = 28;
const IDENTITY_BYTES: usize = 28;
const OTHER_NUMBER_BYTES: usize = 20;

/// Words that announce a number that is no person's, whatever its arithmetic says.
static OTHER_NUMBER_WORDS: Words = Words::new(&[
    "order",
    "orders",
    "invoice",
    "ticket",
    "tracking",
    "shipment",
    "parcel",
    "part",
    "sku",
    "isbn",
    "issn",
    "ean",
    "gtin",
    "upc",
    "barcode",
    "asin",
    "serial",
    "version",
    "build",
    "commit",
    "timestamp",
    "ts",
    "request",
    "trace",
    "session",
    "transaction",
    "batch",
    "item",
    "product",
    "model",
    "imei",
    "iccid",
    "lot",
    "article",
]);

/// A number without separators, letters in upper case. It is user data, hence no `Debug`.
struct Value {
    bytes: [u8; VALUE_BYTES_MAX],
    len: usize,
}

impl Value {
    fn new() -> Self {
        Self { bytes: [0; VALUE_BYTES_MAX], len: 0 }
    }

    /// False when the value is longer than any form.
    fn push(&mut self, bytes: &[u8]) -> bool {
        bytes.iter().filter(|byte| byte.is_ascii_alphanumeric()).all(|byte| {
            let Some(place) = self.bytes.get_mut(self.len) else { return false };
            *place = byte.to_ascii_uppercase();
            self.len += 1;
            true
        })
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Where a candidate stands and how it is written.
#[derive(Clone, Copy)]
struct Place<'s> {
    start: usize,
    end: usize,
    /// Lengths of the digit groups; empty for a number in one piece.
    shape: &'s [usize],
    /// Whether a neighbour in the same row of numbers makes it doubtful.
    in_row: bool,
}

/// A number starting with the group at `index`, perhaps with letters before or after its digits.
pub(super) fn examine(run: Run<'_, '_>, index: usize) -> Option<Step> {
    let group = run.group(index)?;
    let field = run.field();
    if run.count_digits(index, GROUPS_MAX) < DIGITS_MIN
        || run.is_joined(index)
        || field.char_before(group.start) == Some('+')
    {
        return None;
    }
    // In the midst of a row of numbers without any word there is nothing to go by.
    let quiet = field.is_quiet(group.start, WORDS_BEFORE_BYTES);
    if quiet && (1..=GROUPS_MAX).all(|count| run.is_separated_by(index + count, b' ')) {
        return None;
    }
    let mut lengths = [0; GROUPS_MAX];
    let (mut count, mut total) = (0, 0);
    for place in &mut lengths {
        let Some(next) = run.group(index + count) else { break };
        let joins = count == 0 || run.separator(index + count).is_some_and(is_separator);
        if !joins || total + next.len() > VALUE_BYTES_MAX {
            break;
        }
        *place = next.len();
        total += next.len();
        count += 1;
    }
    if total < DIGITS_MIN {
        return None;
    }
    let prefix = Prefix::of(field, group.start)?;
    let behind_row = run.is_separated_by(index, b' ');
    (1..=count).rev().find_map(|count| {
        let before_row = run.is_separated_by(index + count, b' ');
        if quiet && before_row || run.is_joined(index + count) {
            return None;
        }
        let shape = lengths.get(..count)?;
        let total: usize = shape.iter().sum();
        if total < DIGITS_MIN {
            return None;
        }
        let in_row = behind_row || before_row;
        let shape = if count == 1 { &[] } else { shape };
        let end = run.group(index + count - 1)?.end;
        let place = Place { start: group.start, end, shape, in_row };
        let digits = run.joined_digits(index, count);
        let finding = with_letters(field, place, digits.as_bytes(), prefix)?;
        Some(Step { next: index + count, finding: Some(finding) })
    })
}

/// The fewest digits in a form that [`examine`] meets.
const DIGITS_MIN: usize = 7;

fn is_separator(separator: &[u8]) -> bool {
    matches!(separator, b" " | b"-" | b"." | b" - " | b"  ")
}

/// Letters directly before digits.
#[derive(Clone, Copy)]
enum Prefix {
    None,
    /// They belong to the number.
    Glued {
        start: usize,
    },
    /// One letter and a separator: they may belong to it.
    Loose {
        start: usize,
    },
}

impl Prefix {
    /// Nothing when the digits are the end of something longer.
    fn of(field: Field<'_>, digits: usize) -> Option<Self> {
        let window = field.slice(digits.saturating_sub(PREFIX_LETTERS_MAX + 1), digits);
        let letters = window.iter().rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let start = digits - letters;
        if letters > 0 {
            let whole = letters <= PREFIX_LETTERS_MAX && !field.glued_before(start);
            return whole.then_some(Self::Glued { start });
        }
        let loose = digits.checked_sub(2).filter(|start| {
            matches!(field.at(digits - 1), b' ' | b'-')
                && field.at(*start).is_ascii_alphabetic()
                && !field.word_before(*start)
        });
        match loose {
            Some(start) => Some(Self::Loose { start }),
            None => (!field.glued_before(digits)).then_some(Self::None),
        }
    }
}

/// Tries the digits with and without the letters that may belong to them.
fn with_letters(field: Field<'_>, place: Place<'_>, digits: &[u8], prefix: Prefix) -> Option<Finding> {
    let tails = Tails::of(field, place.end);
    let (glued, loose) = match prefix {
        Prefix::None => (None, None),
        Prefix::Glued { start } => (Some(start), None),
        Prefix::Loose { start } => (None, Some(start)),
    };
    for start in [loose, Some(glued.unwrap_or(place.start))].into_iter().flatten() {
        for end in [tails.loose, tails.plain].into_iter().flatten() {
            let has_letters = start < place.start || end > place.end;
            if !has_letters {
                let finding = among(table::of_digits(digits.len()), field, place, digits);
                if finding.is_some() {
                    return finding;
                }
                continue;
            }
            let mut value = Value::new();
            let fits = value.push(field.slice(start, place.start))
                && value.push(digits)
                && value.push(field.slice(place.end, end));
            let place = Place { start, end, ..place };
            let finding = fits.then(|| among(table::MIXED, field, place, value.as_bytes())).flatten();
            if finding.is_some() {
                return finding;
            }
        }
    }
    None
}

/// Where a number may end after its digits.
struct Tails {
    plain: Option<usize>,
    /// With one or two letters behind a separator.
    loose: Option<usize>,
}

impl Tails {
    fn of(field: Field<'_>, digits_end: usize) -> Self {
        let window = field.slice(digits_end, field.len().min(digits_end + TAIL_BYTES_MAX + 1));
        let letters = window.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if letters > 0 {
            let end = digits_end + letters;
            return Self { plain: (!field.glued_after(end)).then_some(end), loose: None };
        }
        let separated = matches!(field.at(digits_end), b'-' | b' ' | b'.')
            && field.at(digits_end + 1).is_ascii_alphabetic();
        let end = digits_end + if field.at(digits_end + 2).is_ascii_alphabetic() { 3 } else { 2 };
        let loose = (separated && !field.glued_after(end)).then_some(end);
        Self { plain: (!field.glued_after(digits_end)).then_some(digits_end), loose }
    }
}

/// A number in one piece whose letters and digits alternate: the whole word from `start` to `end`.
pub(super) fn examine_token(field: Field<'_>, start: usize, end: usize) -> Option<Finding> {
    let mut value = Value::new();
    let fits = end - start <= VALUE_BYTES_MAX && value.push(field.slice(start, end));
    let place = Place { start, end, shape: &[], in_row: false };
    fits.then(|| among(table::MIXED, field, place, value.as_bytes())).flatten()
}

/// A number with separators inside that an anchor has already cut out.
pub(super) fn examine_written(field: Field<'_>, start: usize, end: usize) -> Option<Finding> {
    let mut value = Value::new();
    let fits = value.push(field.slice(start, end)) && !field.glued_before(start) && !field.glued_after(end);
    let place = Place { start, end, shape: &[1], in_row: false };
    if !fits {
        return None;
    }
    let formats = if value.as_bytes().iter().all(u8::is_ascii_digit) {
        table::of_digits(value.len)
    } else {
        table::MIXED
    };
    among(formats, field, place, value.as_bytes())
}

/// A Hong Kong number, whose check digit stands in parentheses behind the word: "A123456(7)".
pub(super) fn examine_parenthesised(field: Field<'_>, start: usize, end: usize) -> Option<Finding> {
    let closed = field.at(end) == b'(' && field.at(end + 2) == b')' && !field.word_at(end + 3);
    let mut value = Value::new();
    let fits = closed && value.push(field.slice(start, end)) && value.push(field.slice(end + 1, end + 2));
    let place = Place { start, end: end + 3, shape: &[6, 1], in_row: false };
    fits.then(|| among(table::MIXED, field, place, value.as_bytes())).flatten()
}

fn among(formats: &[Format], field: Field<'_>, place: Place<'_>, value: &[u8]) -> Option<Finding> {
    let mut best: Option<(u8, PiiType)> = None;
    for format in formats {
        if !has_form(value, format.form) || !(format.valid)(value) {
            continue;
        }
        if let Some(confidence) = confidence(format, field, place)
            && best.is_none_or(|(highest, _)| confidence > highest)
        {
            best = Some((confidence, format.kind));
        }
    }
    best.map(|(confidence, kind)| finding(kind, place.start, place.end, confidence))
}

/// `9` stands for a digit, `A` for a letter, `*` for either; anything else for itself.
fn has_form(value: &[u8], form: &str) -> bool {
    value.len() == form.len()
        && value.iter().zip(form.bytes()).all(|(byte, class)| match class {
            b'9' => byte.is_ascii_digit(),
            b'A' => byte.is_ascii_uppercase(),
            b'*' => true,
            other => *byte == other,
        })
}

fn confidence(format: &Format, field: Field<'_>, place: Place<'_>) -> Option<u8> {
    if is_other(format, field, place) {
        return None;
    }
    if is_named(field, format.words, place) {
        return Some(93);
    }
    let written = field.slice(place.start, place.end);
    let printed = !place.in_row && format.is_printed_as(place.shape, written);
    let bare = place.start == 0 && place.end == field.len() && field.key().is_empty();
    let enough = printed
        && match format.alone {
            Alone::Never => false,
            Alone::Bare => bare,
            Alone::Grouped => is_grouped(place, written),
            Alone::Printed => bare || is_grouped(place, written),
            Alone::Always => true,
        };
    let shouted = bare || !written.iter().any(u8::is_ascii_lowercase);
    let other = || field.names_any(&OTHER_NUMBER_WORDS, place.start, OTHER_NUMBER_BYTES);
    if enough && shouted && !other() {
        return Some(if bare { 65 } else { 72 });
    }
    let identity = format.has_check_digit() && !place.in_row;
    (identity && field.names_any_next(&table::IDENTITY_WORDS, place.start, IDENTITY_BYTES)).then_some(70)
}

/// Printed in groups, or with a letter set off.
fn is_grouped(place: Place<'_>, written: &[u8]) -> bool {
    !place.shape.is_empty() || written.iter().any(|byte| !byte.is_ascii_alphanumeric())
}

/// Account numbers stand beside routing numbers, and one in ten passes for one.
fn is_other(format: &Format, field: Field<'_>, place: Place<'_>) -> bool {
    match format.kind {
        PiiType::UsBankRoutingNumber => {
            // "Routing/account: ..." names this one first.
            field.names_any_next(
                const { &Words::new(&["account", "acct", "acc", "accountnumber"]) },
                place.start,
                OTHER_NUMBER_BYTES,
            ) && !field.names_any_next(
                const { &Words::new(&["routing", "aba", "rtn"]) },
                place.start,
                OTHER_NUMBER_BYTES + 8,
            )
        }
        PiiType::UkNationalHealthServiceNumber => {
            static CANADIAN: Words = Words::new(&[
                "ohip", "ontario", "canada", "alberta", "manitoba", "quebec", "hcn", "phn", "columbia",
            ]);
            field.names_any(&CANADIAN, place.start, WORDS_BEFORE_BYTES)
                || field.names_any_after(&CANADIAN, place.end, WORDS_AFTER_BYTES)
        }
        _ => false,
    }
}

fn is_named(field: Field<'_>, words: &'static [&'static str], place: Place<'_>) -> bool {
    let whole = Words::new(words);
    field.names_any(&whole, place.start, WORDS_BEFORE_BYTES)
        || field.mentions_any(words, place.start, WORDS_BEFORE_BYTES)
        || field.names_any_after(&whole, place.end, WORDS_AFTER_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Option<PiiType> {
        examine_token(Field::new("", text), 0, text.len()).map(|finding| finding.kind)
    }

    #[test]
    fn forms_are_matched_class_by_class() {
        for (value, form, expected) in [
            ("X1A", "X9A", true),
            ("X1A", "Y9A", false),
            ("11", "9", false),
            ("A1", "**", true),
            ("a", "A", false),
        ] {
            assert_eq!(has_form(value.as_bytes(), form), expected, "{value}");
        }
    }

    #[test]
    fn mixed_tokens_are_decided_by_their_arithmetic() {
        for (text, expected) in [
            ("RSSMRA85T10A562S", Some(PiiType::NationalId)),
            ("RSSMRA85T10A562T", None),
            ("HEGG560427MVZRRL04", Some(PiiType::NationalId)),
            ("QQ123456C", None),
            ("AB123456C", Some(PiiType::UkNationalInsuranceNumber)),
            ("DEADBEEFDEADBEEFDEADBEEF", None),
        ] {
            assert_eq!(token(text), expected, "{text}");
        }
    }

    #[test]
    fn every_entry_has_a_form_that_its_list_promises() {
        for length in 0..=VALUE_BYTES_MAX {
            for format in table::of_digits(length) {
                assert_eq!(format.form.len(), length, "{}", format.form);
                assert!(format.form.bytes().all(|byte| byte == b'9'), "{}", format.form);
            }
        }
        for format in table::MIXED {
            assert!(
                format.form.len() <= VALUE_BYTES_MAX && format.form.contains(['A', '*', 'X']),
                "{}",
                format.form
            );
            assert!(format.alone != Alone::Never || !format.words.is_empty(), "{}", format.form);
        }
    }
}
