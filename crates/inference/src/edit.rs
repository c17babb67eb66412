//! Changes to a body as a list of byte ranges and what stands there instead. Every byte outside them stays.

use std::ops::Range;

/// One replacement. An empty range inserts.
#[derive(Clone, PartialEq, Eq)]
pub struct Edit {
    pub range: Range<usize>,
    pub replacement: Vec<u8>,
}

impl Edit {
    pub fn insert(at: usize, text: impl Into<Vec<u8>>) -> Self {
        Self { range: at..at, replacement: text.into() }
    }

    pub fn replace(range: Range<usize>, text: impl Into<Vec<u8>>) -> Self {
        Self { range, replacement: text.into() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("two changes to the body overlap, or one lies outside it")]
pub struct ConflictingEdits;

/// Applies edits in any order. Insertions at one place keep the order they were given in.
pub fn apply(bytes: &[u8], mut edits: Vec<Edit>) -> Result<Vec<u8>, ConflictingEdits> {
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let growth: usize = edits.iter().map(|edit| edit.replacement.len()).sum();
    let mut out = Vec::with_capacity(bytes.len() + growth);
    let mut at = 0;
    for edit in edits {
        out.extend_from_slice(bytes.get(at..edit.range.start).ok_or(ConflictingEdits)?);
        out.extend_from_slice(&edit.replacement);
        at = edit.range.end;
    }
    out.extend_from_slice(bytes.get(at..).ok_or(ConflictingEdits)?);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_apply_in_any_order_and_leave_the_rest() {
        let edits = vec![Edit::replace(8..11, "THREE"), Edit::insert(0, "> "), Edit::replace(4..7, "")];
        assert_eq!(apply(b"one two six", edits).unwrap(), b"> one  THREE");
    }

    #[test]
    fn overlapping_or_outside_edits_are_an_error() {
        for edits in [
            vec![Edit::replace(0..3, "a"), Edit::replace(2..4, "b")],
            vec![Edit::replace(3..99, "a")],
            vec![Edit::insert(99, "a")],
        ] {
            assert_eq!(apply(b"0123456789", edits), Err(ConflictingEdits));
        }
    }
}
