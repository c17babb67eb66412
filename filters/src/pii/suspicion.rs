//! The places of a text where an anchor may start, as one bit for each byte and set of anchors: [`classes`] knows
//! those of numbers and their like, [`beginnings`] those of words.
//!
//! [`beginnings`]: super::beginnings
//! [`classes`]: super::classes

use regex_syntax::hir::Hir;
use wide::u16x8;

use super::beginnings::{Anchors, Beginnings, FACTORS, KIND_BITS, LOOK_AHEAD, Sets, code};
pub(super) use super::classes::{BLOCK_BYTES, Mask, Suspects};
use super::classes::{Bytes, Classes, LANE_BYTES, LANES, first};
use crate::anchored::Broken;
use crate::prefixes::is_wide;

/// What begins in more ways is known to the classes.
const WAYS_MAX: usize = 512;
const VALUES: Sets = 1;
const RULES: Sets = 2;

/// The codes of a block and of the one behind it.
type Codes = [u8; 2 * BLOCK_BYTES];

/// Codes are hashed in pairs, at even places and at odd ones.
const PAIR: usize = 2;

/// A lane of codes in one number, the first one lowest.
type Lane = u128;

const NOTHING: Bytes = [[0; LANE_BYTES]; LANES];

pub(super) struct Suspicion {
    beginnings: Beginnings,
}

impl Suspicion {
    /// `inside` says which rules may find something where their words stand inside others.
    pub(super) fn new(values: &[Hir], rules: &[Hir], inside: &[bool]) -> Result<Self, Broken> {
        let group = |anchors: Vec<&Hir>, sets, inside| {
            let narrow = anchors.into_iter().filter(|anchor| !is_wide(anchor, WAYS_MAX));
            Anchors { patterns: narrow.cloned().collect(), sets, inside }
        };
        let of = |wanted: bool| rules.iter().zip(inside).filter(move |(_, inside)| **inside == wanted);
        let beginnings = Beginnings::new(&[
            group(values.iter().collect(), VALUES, false),
            group(of(false).map(|(anchor, _)| anchor).collect(), RULES, false),
            group(of(true).map(|(anchor, _)| anchor).collect(), RULES, true),
        ])?;
        Ok(Self { beginnings })
    }

    /// Fills `suspects` with the places before `until`, a block of the text each.
    pub(super) fn suspects(&self, text: &[u8], until: usize, suspects: &mut Vec<Suspects>) {
        suspects.clear();
        if text.len() <= LANE_BYTES {
            suspects.push(self.of_short(text));
            return;
        }
        self.add_blocks(text, until, suspects);
    }

    fn add_blocks(&self, text: &[u8], until: usize, suspects: &mut Vec<Suspects>) {
        let (lanes, _) = text.as_chunks::<LANE_BYTES>();
        let (blocks, _) = lanes.as_chunks::<LANES>();
        let last: [u8; BLOCK_BYTES] = padded(text, blocks.len() * BLOCK_BYTES);
        let last = last.as_chunks().0.first_chunk().unwrap_or(&NOTHING);
        let block = |index: usize| match blocks.get(index) {
            Some(block) => block,
            None if index == blocks.len() => last,
            None => &NOTHING,
        };
        let (mut previous, mut before) = (Classes::default(), 0);
        let (mut here, first_codes) = Classes::of(block(0));
        let mut codes: Codes = [code(0); _];
        set_codes(&mut codes, 0, &first_codes);
        for (index, start) in (0..text.len().min(until)).step_by(BLOCK_BYTES).enumerate() {
            let bytes = [block(index), block(index + 1)];
            let (next, next_codes) = match index < blocks.len() {
                true => Classes::of(bytes[1]),
                false => (Classes::NOTHING, [[code(0); LANE_BYTES]; LANES]),
            };
            // What was just stored in pieces would have to be waited for: they are read at the end.
            set_codes(&mut codes, LANES, &next_codes);
            let mut found = here.suspects(&next, bytes, before);
            let words = here.beginnings(&previous);
            self.add_beginnings(&codes, [words, first(text.len() - start)], &mut found);
            set_codes(&mut codes, 0, &next_codes);
            suspects.push(found);
            before = bytes[0].as_flattened().last().copied().unwrap_or(0);
            previous = here;
            here = next;
        }
    }

    /// As above, in a text of one lane.
    fn of_short(&self, text: &[u8]) -> Suspects {
        let lane = [short_lane(text)];
        let (classes, [codes]) = Classes::of(&lane);
        let bytes = [lane[0], [0; _], [0; _], [0; _]];
        let mut found = classes.suspects(&Classes::NOTHING, [&bytes, &NOTHING], 0);
        let words = classes.beginnings(&Classes::default());
        // From the register: what was stored whole would have to be waited for to be read in pieces.
        let codes = Lane::from_le_bytes(codes);
        let even = hashes(shifted(codes, 0), shifted(codes, PAIR));
        let odd = hashes(shifted(codes, 1), shifted(codes, 1 + PAIR));
        self.add_hits(&even, &odd, [words, first(text.len())], &mut found, |place| {
            shifted(codes, place).first_chunk().copied().unwrap_or_default()
        });
        found
    }

    /// Where words may begin, and what is text.
    #[inline(always)]
    fn add_beginnings(&self, codes: &Codes, places: [Mask; 2], suspects: &mut Suspects) {
        const HALF: usize = BLOCK_BYTES / PAIR;
        let lane = |behind: usize| {
            let lane = codes.get(behind..).and_then(|codes| codes.first_chunk::<LANE_BYTES>());
            lane.copied().unwrap_or_default()
        };
        let (mut even, mut odd) = ([0; HALF], [0; HALF]);
        let lanes = even.as_chunks_mut().0.iter_mut().zip(odd.as_chunks_mut().0);
        for ((even, odd), start) in lanes.zip((0..).step_by(LANE_BYTES)) {
            *even = hashes(lane(start), lane(start + PAIR));
            *odd = hashes(lane(start + 1), lane(start + 1 + PAIR));
        }
        self.add_hits(&even, &odd, places, suspects, |place| {
            codes.get(place..).and_then(|ahead| ahead.first_chunk().copied()).unwrap_or_default()
        });
    }

    /// The kinds of what may begin with codes of these hashes, two bits each, the first one's lowest.
    #[inline(always)]
    fn kinds<const COUNT: usize>(&self, hashes: &[u16; COUNT]) -> Mask {
        let kinds = hashes.iter().rev().map(|hash| Mask::from(self.beginnings.kinds(*hash)));
        kinds.fold(0, |all, kinds| (all << KIND_BITS).wrapping_add(kinds))
    }

    /// Given the hashes at even and at odd places, where words may begin, what is text, and the codes from a place on.
    #[inline(always)]
    fn add_hits<const COUNT: usize>(
        &self,
        even: &[u16; COUNT],
        odd: &[u16; COUNT],
        [words, text]: [Mask; 2],
        suspects: &mut Suspects,
        codes: impl Fn(usize) -> [u8; LOOK_AHEAD],
    ) {
        // Of the two bits of each even place, the first stands at that place.
        const FIRSTS: Mask = Mask::MAX / 3;
        let (even, odd) = (self.kinds(even), self.kinds(odd));
        let anywhere = even & FIRSTS | (odd & FIRSTS) << 1;
        let at_words = even >> 1 & FIRSTS | odd & !FIRSTS;
        let mut hits = text & (anywhere | at_words & words);
        while hits != 0 {
            let place = hits.trailing_zeros() as usize;
            let bit = hits & hits.wrapping_neg();
            hits ^= bit;
            let sets = self.beginnings.sets(codes(place));
            suspects.values |= bit & Mask::from(sets & VALUES != 0).wrapping_neg();
            suspects.rules |= bit & Mask::from(sets & RULES != 0).wrapping_neg();
        }
    }
}

/// The hashes of four codes at every second place of a lane, given the lane and the one from the next such place on.
#[inline(always)]
fn hashes(lane: [u8; LANE_BYTES], next: [u8; LANE_BYTES]) -> [u16; LANE_BYTES / PAIR] {
    let pairs = |lane: [u8; LANE_BYTES]| {
        let pairs = lane.as_chunks::<PAIR>().0.first_chunk::<{ LANE_BYTES / PAIR }>();
        u16x8::new(pairs.copied().unwrap_or_default().map(u16::from_le_bytes))
    };
    let [one, other] = FACTORS;
    (pairs(lane) * u16x8::splat(one) + pairs(next) * u16x8::splat(other)).to_array()
}

fn set_codes(codes: &mut Codes, lane: usize, block: &Bytes) {
    let lanes = codes.as_chunks_mut().0.iter_mut().skip(lane);
    lanes.zip(block).for_each(|(codes, lane)| *codes = *lane);
}

/// The codes from one place on, and those of noughts behind the lane.
#[inline(always)]
fn shifted(codes: Lane, place: usize) -> [u8; LANE_BYTES] {
    let behind = Lane::from_le_bytes([code(0); LANE_BYTES]);
    let codes = if place == 0 { codes } else { codes >> (8 * place) | behind << (8 * (LANE_BYTES - place)) };
    codes.to_le_bytes()
}

/// What stands from `start` on, and noughts behind.
fn padded<const COUNT: usize>(text: &[u8], start: usize) -> [u8; COUNT] {
    let rest = text.get(start..).unwrap_or_default();
    let mut bytes = [0; COUNT];
    let length = rest.len().min(COUNT);
    if let (Some(place), Some(rest)) = (bytes.get_mut(..length), rest.get(..length)) {
        place.copy_from_slice(rest);
    }
    bytes
}

/// A text of one lane, noughts behind it. Read in two halves that may overlap: a copy of any length would have to be
/// waited for.
#[inline(always)]
fn short_lane(text: &[u8]) -> [u8; LANE_BYTES] {
    const HALF: usize = LANE_BYTES / 2;
    const QUARTER: usize = HALF / 2;
    let length = text.len();
    if let (Some(first), Some(last)) = (text.first_chunk::<HALF>(), text.last_chunk::<HALF>()) {
        let (first, last) = (u128::from(u64::from_le_bytes(*first)), u128::from(u64::from_le_bytes(*last)));
        return (first | last << (8 * (length - HALF))).to_le_bytes();
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<QUARTER>(), text.last_chunk::<QUARTER>()) {
        let (first, last) = (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)));
        return u128::from(first | last << (8 * (length - QUARTER))).to_le_bytes();
    }
    let bytes = text.iter().rev().fold(0, |bytes, byte| bytes << 8 | u32::from(*byte));
    u128::from(bytes).to_le_bytes()
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

    fn inside() -> Vec<bool> {
        context::RULES.iter().map(|rule| rule.inside).collect()
    }

    /// Whether a letter only goes on with a word.
    fn goes_on(text: &[u8], place: usize) -> bool {
        let before = |distance: usize| place.checked_sub(distance).map_or(0, |place| text[place]);
        let hump = before(1).is_ascii_lowercase() && text[place].is_ascii_uppercase();
        let letters = before(1).is_ascii_alphabetic() && text[place].is_ascii_alphabetic();
        letters && !hump && before(2) != b'\\'
    }

    /// Every place at which an anchor matches, of both sets, but those inside a word that it does not care for.
    fn assert_suspected(texts: &[String]) {
        let (values, rules) = anchors();
        let suspicion = Suspicion::new(&values, &rules, &inside()).unwrap();
        let mut suspects = Vec::new();
        let nowhere = vec![false; values.len()];
        for (patterns, inside, of) in [
            (values, nowhere, (|found: &Suspects| found.values) as fn(&Suspects) -> Mask),
            (rules, inside(), |found: &Suspects| found.rules),
        ] {
            let automaton = Automaton::of_first(&patterns).unwrap();
            let mut cache = automaton.cache();
            for text in texts {
                let text = text.as_bytes();
                suspicion.suspects(text, text.len(), &mut suspects);
                for start in 0..text.len() {
                    let Some((pattern, _)) = automaton.match_at(&mut cache, text, start, text.len()) else {
                        continue;
                    };
                    let expected =
                        inside[pattern] || !goes_on(text, start) || is_wide(&patterns[pattern], WAYS_MAX);
                    let found = next(&suspects, of, start);
                    let written = String::from_utf8_lossy(text);
                    assert!(!expected || found == Some(start), "{} in {written:?}", patterns[pattern]);
                }
            }
        }
    }

    /// What anchors are made of, and what stands around them.
    const PIECES: [&str; 62] = [
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
        "10.1.2.3",
        "012/34",
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

    #[test]
    fn a_short_text_is_a_lane_with_noughts_behind() {
        for length in 0..=LANE_BYTES {
            let text: Vec<u8> = (1..).take(length).collect();
            let mut expected = [0; LANE_BYTES];
            expected[..length].copy_from_slice(&text);
            assert_eq!(short_lane(&text), expected);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_anchor_is_missed(parts in prop::collection::vec(prop::collection::vec(prop::sample::select(&PIECES[..]), 0..60), 1..20)) {
            let texts: Vec<String> = parts.iter().map(|pieces| pieces.concat()).collect();
            assert_suspected(&texts);
        }

        #[test]
        fn a_short_text_is_read_as_a_long_one_is(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..8)) {
            let (values, rules) = anchors();
            let suspicion = Suspicion::new(&values, &rules, &inside()).unwrap();
            let text = pieces.concat().into_bytes();
            let short = text.get(..text.len().min(LANE_BYTES)).unwrap();
            let mut blocks = Vec::new();
            suspicion.add_blocks(short, short.len(), &mut blocks);
            let found = suspicion.of_short(short);
            let expected = blocks.first().copied().unwrap_or_default();
            prop_assert_eq!((found.values, found.rules), (expected.values, expected.rules));
        }
    }
}
