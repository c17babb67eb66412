//! US social security numbers. There is no checksum: area, group and serial rules, the 3-2-4 form and, for
//! bare digits, a word nearby are all there is to go by.

use hardpan_inference::finding::PiiType;

use super::finding;
use super::numbers::{Run, Step};

const CONTEXT_WORDS: [&str; 8] =
    ["ssn", "ssns", "social", "ssnumber", "socialsecurity", "socialsecuritynumber", "itin", "taxpayer"];
const CONTEXT_BYTES: usize = 48;
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
    let context = field.names_any(&CONTEXT_WORDS, group.start, BARE_CONTEXT_BYTES);
    context.then(|| step(index + 1, group.start, group.end, 85))
}

fn separated(run: Run<'_, '_>, index: usize) -> Option<Step> {
    let (area, group, serial) = (run.group(index)?, run.group(index + 1)?, run.group(index + 2)?);
    let separator = run.separator(index + 1)?;
    let shaped = group.len() == 2
        && serial.len() == 4
        && run.separator(index + 2) == Some(separator)
        && matches!(separator, b"-" | b" " | b".");
    if !shaped || !is_assignable(run.joined_digits(index, 3).as_bytes()) {
        return None;
    }
    let field = run.field();
    let joined = run.is_joined(index) || run.is_joined(index + 3) || field.glued_after(serial.end);
    let glued = !run.is_separated_by(index, b' ') && field.glued_before(area.start);
    // Three groups of a longer spaced row are not a number of their own.
    let in_row =
        separator == b" " && (run.is_separated_by(index, b' ') || run.is_separated_by(index + 3, b' '));
    if joined || glued || in_row {
        return None;
    }
    let context = field.names_any(&CONTEXT_WORDS, area.start, CONTEXT_BYTES);
    let confidence = match separator {
        _ if context => 95,
        b"-" => 80,
        b" " => 60,
        _ => return None,
    };
    Some(step(index + 3, area.start, serial.end, confidence))
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
