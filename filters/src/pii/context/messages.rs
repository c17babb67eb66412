//! Values whose place in a message gives them away: the patient in a segment of a hospital's message, and
//! what stands behind a card's number in a dump of cards. It reads these two forms and no other fields.

use hardpan_inference::finding::{Finding, PiiType};

use super::super::field::Field;
use super::super::national::checks::luhn;
use super::super::{Anchor, finding};
use super::dates::compact_end;
use super::shapes::month_and_year;

/// The segment that names the patient.
pub(super) const PATIENT_ANCHOR: &str = r"PID\|";

const FIELDS_MAX: usize = 19;
const FIELD_BYTES_MAX: usize = 256;
const IDENTIFIERS_FIELD: usize = 3;
const BIRTH_FIELD: usize = 7;

/// Examines the segment at `anchor`. Returns where to go on.
pub(super) fn examine_patient(field: Field<'_>, anchor: Anchor, candidates: &mut Vec<Finding>) -> usize {
    let mut start = anchor.end;
    if field.word_before(anchor.start) {
        return anchor.end;
    }
    for index in 1..=FIELDS_MAX {
        let window = field.slice(start, field.len().min(start + FIELD_BYTES_MAX));
        let length = window.iter().take_while(|byte| !matches!(byte, b'|' | b'\n' | b'\r' | b'"')).count();
        let joined =
            |byte: &&u8| byte.is_ascii_alphanumeric() || index == IDENTIFIERS_FIELD && **byte == b'-';
        let value = window.iter().take(length).take_while(joined).count();
        let end = start + value;
        let digits = field.slice(start, end).iter().filter(|byte| byte.is_ascii_digit()).count();
        if index == IDENTIFIERS_FIELD && digits >= 4 && value <= 16 {
            candidates.push(finding(PiiType::MedicalRecordNumber, start, end, 90));
        }
        // A time of day may follow the date.
        if index == BIRTH_FIELD && (compact_end(field, start) == Some(end) || matches!(digits, 12 | 14)) {
            candidates.push(finding(PiiType::DateOfBirth, start, start + 8, 95));
        }
        if field.at(start + length) != b'|' {
            break;
        }
        start += length + 1;
    }
    anchor.end
}

/// The last digits of a number, a separator, a month and a year.
pub(super) const CARD_ANCHOR: &str = r"[0-9]{3}(?: [ |/]?|[|,;\t] ?)(?:0[1-9]|1[0-2])[/|\-][0-9]{2}";

const NUMBER_BYTES_MAX: usize = 24;

/// Examines what may be the end of a card's number with its expiry. Returns where to go on.
pub(super) fn examine_card(field: Field<'_>, anchor: Anchor, candidates: &mut Vec<Finding>) -> usize {
    let next = anchor.start + 3;
    let before = field.slice(next.saturating_sub(NUMBER_BYTES_MAX), next);
    let mut digits: Vec<u8> = before
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit() || matches!(byte, b' ' | b'-'))
        .filter(|byte| byte.is_ascii_digit())
        .copied()
        .collect();
    digits.reverse();
    if !(13..=19).contains(&digits.len()) || !luhn(&digits) {
        return next;
    }
    let start = anchor.end - 5;
    let piped = field.at(start + 2) == b'|';
    let century = if field.slice(anchor.end - 2, anchor.end) == b"20" { 2 } else { 0 };
    let year =
        field.slice(anchor.end, anchor.end + century).iter().filter(|byte| byte.is_ascii_digit()).count();
    let end = if piped && year == 2 { anchor.end + 2 } else { anchor.end };
    let Some(end) = (if piped { Some(end) } else { month_and_year(field, start) }) else {
        return next;
    };
    candidates.push(finding(PiiType::CreditDebitCardExpiry, start, end, 90));
    let gap = field.slice(end, end + 2).iter().take_while(|byte| b" |,;/\t".contains(byte)).count();
    let code = end + gap;
    let window = field.slice(code, field.len().min(code + 5));
    let length = window.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if gap > 0 && matches!(length, 3 | 4) && !field.word_at(code + length) {
        candidates.push(finding(PiiType::CreditDebitCardCvv, code, code + length, 88));
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'t>(
        text: &'t str,
        words: &str,
        examine: fn(Field<'_>, Anchor, &mut Vec<Finding>) -> usize,
    ) -> Vec<&'t str> {
        let start = text.find(words).unwrap();
        let mut candidates = Vec::new();
        examine(Field::new("", text), Anchor { start, end: start + words.len() }, &mut candidates);
        candidates.into_iter().map(|finding| &text[finding.range]).collect()
    }

    #[test]
    fn the_patient_is_read_by_place() {
        assert_eq!(
            found("PID|1||0012345^^^H^MR||Lee^Ann||19800412|F", "PID|", examine_patient),
            ["0012345", "19800412"]
        );
        for text in ["PID|1||||", "PID|", "xPID|1||0012345", "PID|1||ABC||Lee^Ann||1980|F"] {
            assert!(found(text, "PID|", examine_patient).is_empty(), "{text}");
        }
    }

    #[test]
    fn dumps_of_cards_show_expiry_and_code() {
        assert_eq!(found("4111111111111111 02/31 081", "111 02/31", examine_card), ["02/31", "081"]);
        assert_eq!(found("4111111111111111|02|31|081", "111|02|31", examine_card), ["02|31", "081"]);
        for text in ["4111111111111112 02/31 081", "x 111 02/31 081"] {
            assert!(
                found(text, text.split_at(text.find(" 02").unwrap() - 3).1.split_at(9).0, examine_card)
                    .is_empty()
            );
        }
    }
}
