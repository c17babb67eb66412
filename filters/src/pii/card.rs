//! Payment card numbers: issuer prefix, length and Luhn together, compact or in the groups printed on cards.
//! Length and prefix are what keeps millisecond timestamps out, of which every tenth passes Luhn.

use hardpan_inference::finding::PiiType;

use super::field::Field;
use super::finding;
use super::national::checks::luhn;
use super::numbers::{Run, Step};
use super::words::Words;

const CONTEXT_BYTES: usize = 48;
const GROUPS_MAX: usize = 5;

static CONTEXT_WORDS: Words = Words::new(&[
    "card",
    "cards",
    "visa",
    "mastercard",
    "amex",
    "american",
    "discover",
    "credit",
    "debit",
    "creditcard",
    "cardnumber",
    "pan",
    "payment",
    "diners",
    "maestro",
    "jcb",
    "carte",
    "karte",
    "kreditkarte",
    "tarjeta",
    "carta",
    "cartao",
    "cartão",
    "kaart",
    "karta",
    "kort",
]);

const CONTEXT_PHRASES: [&str; 6] = ["カード", "信用卡", "银行卡", "卡号", "카드", "карт"];

/// How digits are grouped on cards.
const SHAPES: [&[usize]; 10] = [
    &[4, 4, 4],
    &[4, 4, 4, 4],
    &[4, 6, 5],
    &[4, 6, 4],
    &[4, 4, 4, 4, 3],
    &[4, 4, 4, 1],
    &[4, 4, 5],
    &[6, 13],
    &[4, 4, 4, 6],
    &[8, 8],
];

/// A card number starting with the group at `index`.
pub(super) fn examine(run: Run<'_, '_>, index: usize) -> Option<Step> {
    let group = run.group(index)?;
    let follows_space = run.is_separated_by(index, b' ');
    if run.is_joined(index) || (!follows_space && run.field().glued_before(group.start)) {
        return None;
    }
    match group.len() {
        12..=19 => compact(run, index),
        4 | 6 | 8 => grouped(run, index),
        _ => None,
    }
}

fn compact(run: Run<'_, '_>, index: usize) -> Option<Step> {
    let group = run.group(index)?;
    let field = run.field();
    let digits = run.digits(index);
    if run.is_joined(index + 1) || field.glued_after(group.end) || !luhn(digits) {
        return None;
    }
    let context = has_context(field, group.start);
    // Twelve or thirteen digits in a row are more often an article number than an old Visa or Maestro card.
    if !is_issued(digits, context) || (digits.len() <= 13 && !context) {
        return None;
    }
    let confidence = if context { 95 } else { 85 };
    Some(step(index + 1, group.start, group.end, confidence))
}

fn grouped(run: Run<'_, '_>, index: usize) -> Option<Step> {
    let separator = run.separator(index + 1).filter(|separator| is_separator(separator))?;
    let mut lengths = [0; GROUPS_MAX];
    let mut count = 0;
    for length in &mut lengths {
        if count > 0 && run.separator(index + count) != Some(separator) {
            break;
        }
        *length = run.group(index + count)?.len();
        count += 1;
    }
    (2..=count).rev().find_map(|count| {
        let shape = lengths.get(..count)?;
        SHAPES.contains(&shape).then(|| grouped_in(run, index, count)).flatten()
    })
}

fn is_separator(separator: &[u8]) -> bool {
    matches!(separator, b" " | b"-" | b"." | b"  " | b" - " | b"--")
}

fn grouped_in(run: Run<'_, '_>, index: usize, count: usize) -> Option<Step> {
    let start = run.group(index)?.start;
    let end = run.group(index + count - 1)?.end;
    let field = run.field();
    let digits = run.joined_digits(index, count);
    let short = digits.as_bytes().len() < 14 && !has_context(field, start);
    let valid = !short && is_issued(digits.as_bytes(), has_context(field, start)) && luhn(digits.as_bytes());
    let longer = run.is_joined(index + count) || field.glued_after(end);
    // Half of an IBAN with a typing mistake looks like a card one time in ten.
    if !valid || longer || field.names_any(const { &Words::new(&["iban"]) }, start, 24) {
        return None;
    }
    Some(step(index + count, start, end, 97))
}

fn step(next: usize, start: usize, end: usize, confidence: u8) -> Step {
    Step { next, finding: Some(finding(PiiType::CreditDebitCardNumber, start, end, confidence)) }
}

fn has_context(field: Field<'_>, start: usize) -> bool {
    field.names_any(&CONTEXT_WORDS, start, CONTEXT_BYTES)
        || field.mentions_any(&CONTEXT_PHRASES, start, CONTEXT_BYTES)
}

/// Whether an issuer gives out numbers with this prefix and length. With a word like "card" before it, the
/// whole range beginning with 35 counts as JCB's.
fn is_issued(digits: &[u8], context: bool) -> bool {
    let length = digits.len();
    let (two, three, four) = (prefix(digits, 2), prefix(digits, 3), prefix(digits, 4));
    match two {
        40..=49 => matches!(length, 13 | 16 | 19),
        51..=55 => length == 16,
        34 | 37 => length == 15,
        36 | 38 | 39 => (14..=19).contains(&length),
        30 => matches!(three, 300..=305 | 309) && (14..=19).contains(&length),
        35 => (context || (3528..=3589).contains(&four)) && (16..=19).contains(&length),
        22..=27 if (2221..=2720).contains(&four) => length == 16,
        22 if (2200..=2204).contains(&four) => (16..=19).contains(&length),
        18 | 21 => matches!(four, 1800 | 2131) && length == 15,
        50 | 56..=58 | 63 | 67 => (12..=19).contains(&length),
        62 | 65 | 81 => (16..=19).contains(&length),
        64 => three >= 644 && (16..=19).contains(&length),
        6 if four == 604 => (12..=19).contains(&length),
        60 if four == 6011 => (16..=19).contains(&length),
        60 => length == 16,
        _ => false,
    }
}

fn prefix(digits: &[u8], count: usize) -> u32 {
    digits.iter().take(count).fold(0, |value, digit| value * 10 + u32::from(digit.saturating_sub(b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_decide_by_prefix_and_length() {
        for (digits, expected) in [
            ("4111111111111111", true),
            ("4222222222222", true),
            ("41111111111111", false),
            ("378282246310005", true),
            ("3782822463100050", false),
            ("30569309025904", true),
            ("3530111333300000", true),
            ("2720990000000007", true),
            ("2721000000000004", false),
            ("6200000000000000003", true),
            ("1700000000000", false),
            ("9780306406157", false),
        ] {
            assert_eq!(is_issued(digits.as_bytes(), false), expected, "{digits}");
        }
    }
}
