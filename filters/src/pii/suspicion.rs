//! The places of a text where an anchor may start, as one bit for each byte and set of anchors: [`classes`] knows
//! those of numbers and their like, [`prefixes`] those of words.
//!
//! [`classes`]: super::classes
//! [`prefixes`]: crate::prefixes

use regex_syntax::hir::Hir;

use super::classes::{BLOCK_BYTES, Classes};
pub(super) use super::classes::{Mask, Suspects};
use crate::anchored::Broken;
use crate::prefixes::{FOUR, Prefixes, Sets, is_wide};

/// What begins in more ways is known to the classes.
const WAYS_MAX: usize = 512;
const VALUES: Sets = 1;
const RULES: Sets = 2;

/// A block and the bytes behind it that the fours at its end reach into.
const WINDOW_BYTES: usize = BLOCK_BYTES + FOUR - 1;

const NOTHING: [u8; WINDOW_BYTES] = [0; WINDOW_BYTES];

pub(super) struct Suspicion {
    prefixes: Prefixes,
}

impl Suspicion {
    pub(super) fn new(values: &[Hir], rules: &[Hir]) -> Result<Self, Broken> {
        let all =
            values.iter().map(|anchor| (anchor, VALUES)).chain(rules.iter().map(|anchor| (anchor, RULES)));
        let mut prefixes = Prefixes::new();
        for (anchor, sets) in all.filter(|(anchor, _)| !is_wide(anchor, WAYS_MAX)) {
            prefixes.add(anchor, sets, WAYS_MAX)?;
        }
        Ok(Self { prefixes })
    }

    /// Fills `suspects` with the places before `until`, a block of the text each.
    pub(super) fn suspects(&self, text: &[u8], until: usize, suspects: &mut Vec<Suspects>) {
        suspects.clear();
        let mut glued = false;
        let mut here = window(text, 0);
        let mut classes = Classes::of(block(&here));
        for start in (0..text.len().min(until)).step_by(BLOCK_BYTES) {
            let (mut next, mut next_classes) = (NOTHING, Classes::default());
            if start + BLOCK_BYTES < text.len() {
                next = window(text, start + BLOCK_BYTES);
                next_classes = Classes::of(block(&next));
            }
            let mut found = classes.suspects(&next_classes, glued);
            self.add_prefixes(&here, text.len() - start, &mut found);
            suspects.push(found);
            glued = classes.ends_in_word();
            (here, classes) = (next, next_classes);
        }
    }

    /// `length` bytes of the window are text.
    fn add_prefixes(&self, window: &[u8; WINDOW_BYTES], length: usize, suspects: &mut Suspects) {
        let mut hits: Mask = 0;
        for (place, four) in window.windows(FOUR).enumerate().take(length.min(BLOCK_BYTES)) {
            let four = four.first_chunk().copied().unwrap_or_default();
            hits |= Mask::from(self.prefixes.may_begin(four) != 0) << place;
        }
        while hits != 0 {
            let place = hits.trailing_zeros();
            hits &= hits - 1;
            let rest = window.get(place as usize..).unwrap_or_default();
            let sets = rest.first_chunk().map_or(0, |four| self.prefixes.sets(*four));
            suspects.values |= Mask::from(sets & VALUES != 0) << place;
            suspects.rules |= Mask::from(sets & RULES != 0) << place;
        }
    }
}

/// The first suspect place of one set at `position` or behind it.
pub(super) fn next(suspects: &[Suspects], of: fn(&Suspects) -> Mask, position: usize) -> Option<usize> {
    let mut block = position / BLOCK_BYTES;
    let mut mask = of(suspects.get(block)?) & (Mask::MAX << (position % BLOCK_BYTES));
    while mask == 0 {
        block += 1;
        mask = of(suspects.get(block)?);
    }
    Some(block * BLOCK_BYTES + mask.trailing_zeros() as usize)
}

/// The bytes from `start` on, followed by noughts where the text ends.
fn window(text: &[u8], start: usize) -> [u8; WINDOW_BYTES] {
    let rest = text.get(start..).unwrap_or_default();
    if let Some(whole) = rest.first_chunk() {
        return *whole;
    }
    let mut padded = NOTHING;
    if let Some(places) = padded.get_mut(..rest.len()) {
        places.copy_from_slice(rest);
    }
    padded
}

fn block(window: &[u8; WINDOW_BYTES]) -> &[u8; BLOCK_BYTES] {
    window.first_chunk().unwrap_or(&[0; BLOCK_BYTES])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{RECOGNISERS, context, parsed};
    use super::*;
    use crate::anchored::Automaton;

    fn anchors() -> (Vec<Hir>, Vec<Hir>) {
        let values = parsed(RECOGNISERS.iter().map(|recogniser| recogniser.anchor));
        (values.unwrap(), parsed(context::RULES.iter().map(|rule| rule.anchor)).unwrap())
    }

    /// Every place at which an anchor matches, of both sets.
    fn assert_suspected(texts: &[String]) {
        let (values, rules) = anchors();
        let suspicion = Suspicion::new(&values, &rules).unwrap();
        let mut suspects = Vec::new();
        for (patterns, of) in [
            (values, (|found: &Suspects| found.values) as fn(&Suspects) -> Mask),
            (rules, |found: &Suspects| found.rules),
        ] {
            let automaton = Automaton::of_first(&patterns).unwrap();
            let mut cache = automaton.cache();
            for text in texts {
                suspicion.suspects(text.as_bytes(), text.len(), &mut suspects);
                for start in 0..text.len() {
                    if let Some((pattern, _)) =
                        automaton.match_at(&mut cache, text.as_bytes(), start, text.len())
                    {
                        let found = next(&suspects, of, start);
                        assert_eq!(found, Some(start), "{} in {text:?}", patterns[pattern]);
                    }
                }
            }
        }
    }

    /// What anchors are made of, and what stands around them.
    const PIECES: [&str; 60] = [
        "0",
        "1",
        "12",
        "123",
        "1234",
        "4111111",
        " ",
        "  ",
        "-",
        ":",
        "::",
        ".",
        "/",
        "(",
        ")",
        "_",
        "a",
        "b",
        "fe80",
        "GB",
        "X",
        "x",
        "0x",
        "@",
        "%40",
        "&#64;",
        "\\u0040",
        "\n",
        "\t",
        "|",
        ",",
        ";",
        "\"",
        "'",
        "=",
        "é",
        "日本",
        "AKIA",
        "ABCDEFGHIJKLMNOP",
        "3J98t1WpEZ73CNmQviecrnyiW",
        "bc1",
        "qw508d6q",
        " dot ",
        "[dot]",
        "SI8",
        "S30O",
        "OI",
        "pin",
        "hn",
        "dl",
        "yo",
        "dob",
        "account",
        "passport",
        "eyJ",
        "://",
        "MORGA753116SM9IJ",
        "1EG4-TE5-MK73",
        "123 12/30",
        "48edfHu7V9Z84YzzMa6fUueoELZ9ZRXq9VetWzYGzKt52XU5xvqgzYnDK9URnRoJMk1j8nLwEVsaSWJ4fhdUyZijBGUicoD",
    ];

    #[test]
    fn anchors_are_suspected_wherever_they_stand() {
        let (_, rules) = anchors();
        // Those of rules that words do not begin are known to the classes by hand: a new one wants a line there.
        assert_eq!(rules.iter().filter(|anchor| is_wide(anchor, WAYS_MAX)).count(), 4);
        let texts: Vec<String> = (0..BLOCK_BYTES + 8)
            .flat_map(|before| PIECES.iter().map(move |piece| format!("{}{piece} 12", " ".repeat(before))))
            .collect();
        assert_suspected(&texts);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_anchor_is_missed(parts in prop::collection::vec(prop::collection::vec(prop::sample::select(&PIECES[..]), 0..60), 1..20)) {
            let texts: Vec<String> = parts.iter().map(|pieces| pieces.concat()).collect();
            assert_suspected(&texts);
        }
    }
}
