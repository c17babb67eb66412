//! Putting masked values back into a text that arrives in pieces.
//!
//! The pieces belong to somebody else's frames, so nothing is cut out of them or moved between them: this module
//! says which bytes of which piece change, and until where all pieces are settled. A piece is unsettled only while
//! it ends in what may become a placeholder; text without one is never held. The outcome is the same however the
//! text was cut.

use std::ops::Range;

use crate::vault::Vault;

/// A piece's number, in order of arrival over all lanes.
pub type PieceId = u64;

/// A change to one piece: the bytes of its decoded text, and what stands there instead.
#[derive(Clone, PartialEq, Eq)]
pub struct PieceEdit {
    pub piece: PieceId,
    pub range: Range<usize>,
    pub replacement: String,
}

/// One lane of text: deltas that concatenate.
#[derive(Default)]
pub struct Holdback {
    /// Pieces with bytes in the open match: where in the piece it begins and how many bytes of it are the match's.
    open: Vec<(PieceId, Range<usize>)>,
    text: String,
}

impl Holdback {
    /// Takes the next piece. Returns the changes now certain; afterwards every piece before
    /// [`Holdback::first_unsettled`] is settled.
    pub fn push(&mut self, vault: &Vault, piece: PieceId, text: &str) -> Vec<PieceEdit> {
        self.open.push((piece, 0..text.len()));
        self.text.push_str(text);
        let mut edits = Vec::new();
        for (range, value) in vault.find(&self.text) {
            self.spread(range, value, &mut edits);
        }
        match vault.open_at(&self.text) {
            Some(at) => self.keep_from(at),
            None => self.settle(),
        }
        edits
    }

    /// The first piece that may still change.
    pub fn first_unsettled(&self) -> Option<PieceId> {
        self.open.first().map(|(piece, _)| *piece)
    }

    /// The lane has ended: what was open is plain text.
    pub fn settle(&mut self) {
        self.open.clear();
        self.text.clear();
    }

    /// A match over several pieces: its first piece gets the value, the others lose their part.
    fn spread(&self, range: Range<usize>, value: &str, edits: &mut Vec<PieceEdit>) {
        let mut at = 0;
        let mut replacement = Some(value.to_owned());
        for (piece, own) in &self.open {
            let end = at + own.len();
            let (from, to) = (range.start.max(at), range.end.min(end));
            if from < to {
                let inside = own.start + (from - at)..own.start + (to - at);
                let replacement = replacement.take().unwrap_or_default();
                edits.push(PieceEdit { piece: *piece, range: inside, replacement });
            }
            at = end;
        }
    }

    fn keep_from(&mut self, at: usize) {
        let mut before = 0;
        self.open.retain_mut(|(_, own)| {
            let length = own.len();
            let cut = at.saturating_sub(before).min(length);
            before += length;
            own.start += cut;
            own.start < own.end
        });
        self.text.drain(..at);
    }
}

#[cfg(test)]
mod tests {
    use hardpan_inference::finding::PiiType;
    use proptest::prelude::*;

    use super::*;

    fn vault() -> Vault {
        let mut vault = Vault::default();
        vault.placeholder(PiiType::Email, "ann@example.org");
        vault.placeholder(PiiType::Email, "{EMAIL_1}");
        vault.placeholder(PiiType::Phone, "+1 212 555 0100");
        vault
    }

    /// Cuts a text at the given places and runs it through one lane.
    fn run(vault: &Vault, text: &str, cuts: &[usize]) -> (String, usize) {
        let mut pieces: Vec<String> = Vec::new();
        let mut at = 0;
        for cut in cuts.iter().copied().chain([text.len()]) {
            let cut = (at..=cut.clamp(at, text.len())).rev().find(|cut| text.is_char_boundary(*cut)).unwrap();
            pieces.push(text[at..cut].to_owned());
            at = cut;
        }
        let mut lane = Holdback::default();
        let mut edits: Vec<PieceEdit> = Vec::new();
        let mut held_max = 0;
        for (index, piece) in pieces.iter().enumerate() {
            edits.extend(lane.push(vault, index as u64, piece));
            held_max = held_max.max(lane.text.len());
        }
        let mut out = String::new();
        for (index, piece) in pieces.iter().enumerate() {
            let mut own: Vec<&PieceEdit> = edits.iter().filter(|edit| edit.piece == index as u64).collect();
            own.sort_by_key(|edit| edit.range.start);
            let mut at = 0;
            for edit in own {
                out.push_str(&piece[at..edit.range.start]);
                out.push_str(&edit.replacement);
                at = edit.range.end;
            }
            out.push_str(&piece[at..]);
        }
        (out, held_max)
    }

    proptest! {
        #[test]
        fn the_outcome_does_not_depend_on_the_cuts(
            parts in prop::collection::vec(prop::sample::select(vec![
                "{EMAIL_1}", "{EMAIL_2}", "{PHONE_1}", "{EMAIL_9}", "{", "}", "{EM", "text ", "é", "{{EMAIL_1}}", "_1}",
            ]), 0..12),
            mut cuts in prop::collection::vec(0usize..120, 0..20),
        ) {
            let text = parts.concat();
            cuts.sort_unstable();
            let vault = vault();
            let whole = vault.restore(&text).unwrap_or_else(|| text.clone());
            let (pieces, held_max) = run(&vault, &text, &cuts);
            prop_assert_eq!(pieces, whole);
            prop_assert!(held_max <= crate::vault::PLACEHOLDER_BYTES_MAX);
        }
    }

    #[test]
    fn nothing_is_held_when_no_match_is_open() {
        let vault = vault();
        let mut lane = Holdback::default();
        for (index, text) in ["hello ", "{\"a\":", "1} {EMAIL_1", "} bye {"].into_iter().enumerate() {
            lane.push(&vault, index as u64, text);
            let held = matches!(index, 2 | 3);
            assert_eq!(lane.first_unsettled().is_some(), held, "{text}");
        }
        assert_eq!(lane.first_unsettled(), Some(3));
        lane.settle();
        assert_eq!(lane.first_unsettled(), None);
    }
}
