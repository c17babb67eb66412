//! US social security numbers. There is no checksum: area, group and serial rules, the 3-2-4 form and, for
//! bare digits, a word nearby are all there is to go by.

use hardpan_inference::finding::{Finding, PiiType};

use super::field::Field;
use super::finding;
use super::numbers::{Run, Step};
use super::words::Words;

static CONTEXT_WORDS: Words = Words::new(&[
    "ssn",
    "ssns",
    "social",
    "ssnumber",
    "socialsecurity",
    "socialsecuritynumber",
    "taxpayer",
    "soc",
    "tin",
]);
/// "Social insurance" is Canada's.
static OTHER_WORDS: Words = Words::new(&[
    "insurance",
    "sin",
    "assurance",
    "nas",
    "routing",
    "media",
    "network",
    "networks",
    "post",
    "club",
    "housing",
]);
const CONTEXT_BYTES: usize = 48;
/// Words before a number that is no person's, though it is grouped like one.
static OTHER_NUMBER_WORDS: Words = Words::new(&[
    "order",
    "orders",
    "invoice",
    "ticket",
    "part",
    "parts",
    "sku",
    "model",
    "catalog",
    "catalogue",
    "tracking",
    "lot",
    "serial",
    "ref",
    "reference",
    "job",
    "drawing",
    "item",
    "batch",
    "article",
    "artikel",
    "product",
    "shipment",
    "parcel",
    "po",
    "quote",
    "rma",
    "bestellnummer",
    "bestellung",
    "auftrag",
    "rechnung",
    "commande",
    "facture",
    "pedido",
    "factura",
    "ordine",
    "fattura",
    "isbn",
    "issn",
    "ean",
    "upc",
    "asin",
    "version",
    "build",
    "revision",
    "cas",
    "policy",
    "claim",
    "case",
    "docket",
    "membership",
    "customer",
]);
const OTHER_NUMBER_BYTES: usize = 20;
/// Bare digits need the word closer.
const BARE_CONTEXT_BYTES: usize = 32;

/// A social security number starting with the group at `index`.
pub(super) fn examine(run: Run<'_, '_>, index: usize) -> Option<Step> {
    match run.group(index)?.len() {
        3 => separated(run, index),
        9 => bare(run, index),
        _ => None,
    }
}

fn bare(run: Run<'_, '_>, index: usize) -> Option<Step> {
    let group = run.group(index)?;
    let field = run.field();
    let longer = run.is_joined(index)
        || run.is_joined(index + 1)
        || field.glued_before(group.start)
        || field.glued_after(group.end);
    if longer || !is_assignable(run.digits(index)) {
        return None;
    }
    let named = field.names_any(&CONTEXT_WORDS, group.start, BARE_CONTEXT_BYTES)
        || field.names_any_after(&CONTEXT_WORDS, group.end, BARE_CONTEXT_BYTES);
    let other = field.names_any(&OTHER_WORDS, group.start, BARE_CONTEXT_BYTES);
    (named && !other).then(|| step(index + 1, group.start, group.end, 85))
}

/// Between numbers of a drawing, the one before with a fraction: "7.594 362-25-1167 0".
fn is_in_path(field: Field<'_>, start: usize, end: usize) -> bool {
    const NUMBER_BYTES: usize = 12;
    let before = field.slice(start.saturating_sub(NUMBER_BYTES), start);
    let Some(before) = before.strip_suffix(b" ").or_else(|| before.strip_suffix(b",")) else { return false };
    let last = before.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let fraction = last > 0 && before.iter().rev().nth(last) == Some(&b'.');
    fraction
        && matches!(field.at(end), b' ' | b',')
        && (field.at(end + 1).is_ascii_digit() || field.at(end + 1) == b'-')
}

fn separated(run: Run<'_, '_>, index: usize) -> Option<Step> {
    let (area, group, serial) = (run.group(index)?, run.group(index + 1)?, run.group(index + 2)?);
    let separator = run.separator(index + 1)?;
    let shaped = group.len() == 2
        && serial.len() == 4
        && run.separator(index + 2) == Some(separator)
        && matches!(separator, b"-" | b" " | b"." | b" - ");
    if !shaped || !is_assignable(run.joined_digits(index, 3).as_bytes()) {
        return None;
    }
    let field = run.field();
    if is_in_path(field, area.start, serial.end) {
        return None;
    }
    let joined = run.is_joined(index) || run.is_joined(index + 3) || field.glued_after(serial.end);
    let glued = !run.is_separated_by(index, b' ') && field.glued_before(area.start);
    // Three groups of a longer spaced row are not a number of their own.
    let in_row =
        separator == b" " && (run.is_separated_by(index, b' ') || run.is_separated_by(index + 3, b' '));
    if joined || glued || in_row {
        return None;
    }
    let context = field.names_any(&CONTEXT_WORDS, area.start, CONTEXT_BYTES)
        || field.names_any_after(&CONTEXT_WORDS, serial.end, BARE_CONTEXT_BYTES);
    if !context && field.names_any_next(&OTHER_NUMBER_WORDS, area.start, OTHER_NUMBER_BYTES) {
        return None;
    }
    let confidence = match separator {
        _ if context => 95,
        b"-" | b" - " => 80,
        b" " => 60,
        _ if area.start == 0 && serial.end == field.len() => 60,
        _ => return None,
    };
    Some(step(index + 3, area.start, serial.end, confidence))
}

/// A number in which letters stand for the digits they look like, as scanned forms have them, from `start`
/// to `end`. Returns where to go on, or nothing when these are digits alone.
pub(super) fn examine_scanned(
    field: Field<'_>,
    start: usize,
    end: usize,
    candidates: &mut Vec<Finding>,
) -> Option<usize> {
    let mut digits = [0; 9];
    let mut letters = 0;
    let written = field.slice(start, end).iter().filter(|byte| **byte != b'-');
    for (place, byte) in digits.iter_mut().zip(written) {
        letters += usize::from(!byte.is_ascii_digit());
        *place = looks_like(*byte)?;
    }
    if letters == 0 {
        return None;
    }
    let whole = !field.glued_before(start) && !field.glued_after(end);
    let context = || field.names_any(&CONTEXT_WORDS, start, CONTEXT_BYTES);
    // Three letters among nine characters may as well be a part number.
    if whole && is_assignable(&digits) && (letters <= 3 || (letters <= 5 && context())) {
        candidates.push(finding(PiiType::UsSocialSecurityNumber, start, end, 75));
        return Some(end);
    }
    Some(start + 1)
}

fn looks_like(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte),
        b'O' | b'o' | b'Q' | b'D' => Some(b'0'),
        b'I' | b'l' | b'i' => Some(b'1'),
        b'Z' | b'z' => Some(b'2'),
        b'S' | b's' => Some(b'5'),
        b'G' | b'b' => Some(b'6'),
        b'B' => Some(b'8'),
        b'g' | b'q' => Some(b'9'),
        _ => None,
    }
}

fn step(next: usize, start: usize, end: usize, confidence: u8) -> Step {
    Step { next, finding: Some(finding(PiiType::UsSocialSecurityNumber, start, end, confidence)) }
}

/// Nine digits that the Social Security Administration may have given out.
fn is_assignable(digits: &[u8]) -> bool {
    let parts = (digits.get(..3), digits.get(3..5), digits.get(5..9));
    let (Some(area), Some(group), Some(serial)) = parts else {
        return false;
    };
    area != b"000" && area != b"666" && area.first() != Some(&b'9') && group != b"00" && serial != b"0000"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_look_like_digits_are_read_as_digits() {
        for (text, expected) in [
            ("418-71-3S3O", true),
            ("4l8-7I-3530", true),
            ("418-71-3530", false),
            ("OOO-71-3530", false),
            ("SOS-SO-BOSS", false),
            ("666-71-3S3O", false),
        ] {
            let mut candidates = Vec::new();
            let next = examine_scanned(Field::new("", text), 0, text.len(), &mut candidates);
            assert_eq!(!candidates.is_empty(), expected, "{text}");
            assert_eq!(next.is_none(), text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'));
        }
    }
}
