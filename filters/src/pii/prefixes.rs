//! The first bytes of patterns: which four, or three where the fourth may be any, may stand where a match begins, so
//! that most of a text is passed over at the cost of two look-ups a byte, however many patterns there are. ASCII case
//! does not count here.
//!
//! A pattern that may begin in too many ways has no prefix; [`classes`](super::classes) knows the places of those. It
//! deliberately judges nothing behind the first bytes.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::BuildError;
use super::anchors::parse;

pub(super) const FOUR: usize = 4;
const THREE: usize = 3;
/// More beginnings of one alternative than that say nothing.
const FOURS_MAX: usize = 1024;
const THREES_MAX: usize = 256;
const SEQUENCES_MAX: usize = 4096;
/// A fourth byte that may be more than that tells little.
const SELECTIVE_MAX: usize = 32;
const THREE_BYTES: u32 = 0x00FF_FFFF;
const FILTER_BITS: u32 = 16;
/// Many times what is filed, so that runs of taken places stay short and never fill the table.
const KNOWN_BITS: u32 = 16;

/// The sets of patterns that are looked for at once.
pub(super) const VALUES: u8 = 1;
pub(super) const RULES: u8 = 2;

pub(super) struct Prefixes {
    /// One for each hash of four and of three bytes that is filed, nought for the others.
    of_four: Box<[u8; 1 << FILTER_BITS]>,
    of_three: Box<[u8; 1 << FILTER_BITS]>,
    fours: Known,
    threes: Known,
}

impl Prefixes {
    /// The prefixes of these patterns, and the numbers of those that have none.
    pub(super) fn new(sets: &[(u8, &[&str])]) -> Result<(Self, Vec<(u8, usize)>), BuildError> {
        let mut prefixes = Self {
            of_four: Box::new([0; 1 << FILTER_BITS]),
            of_three: Box::new([0; 1 << FILTER_BITS]),
            fours: Known::new(),
            threes: Known::new(),
        };
        let mut without = Vec::new();
        for (set, patterns) in sets {
            for (number, pattern) in patterns.iter().enumerate() {
                match beginnings(&parse(pattern)?) {
                    Some(beginnings) => {
                        beginnings.into_iter().for_each(|beginning| prefixes.file(beginning, *set));
                    }
                    None => without.push((*set, number)),
                }
            }
        }
        Ok((prefixes, without))
    }

    fn file(&mut self, beginning: Beginning, set: u8) {
        let (filter, hash) = match beginning {
            Beginning::Four(four) => (&mut self.of_four, hash(four)),
            Beginning::Three(three) | Beginning::ThreeAnd(three, _) => (&mut self.of_three, hash(three)),
        };
        if let Some(known) = filter.get_mut(hash) {
            *known = 1;
        }
        match beginning {
            Beginning::Four(four) | Beginning::ThreeAnd(_, four) => self.fours.add(four, set),
            Beginning::Three(three) => self.threes.add(three, set),
        }
    }

    /// Nought, or one where a pattern may begin with these bytes or with some that only hash alike.
    #[inline(always)]
    pub(super) fn may_begin(&self, four: [u8; FOUR]) -> u8 {
        let four = folded(four);
        let known = |filter: &[u8; 1 << FILTER_BITS], bytes| filter.get(hash(bytes)).copied().unwrap_or(0);
        known(&self.of_four, four) | known(&self.of_three, four & THREE_BYTES)
    }

    /// The sets of which a pattern may begin with these bytes.
    pub(super) fn sets(&self, four: [u8; FOUR]) -> u8 {
        let four = folded(four);
        self.fours.sets(four) | self.threes.sets(four & THREE_BYTES)
    }
}

fn folded(four: [u8; FOUR]) -> u32 {
    u32::from_le_bytes(four) | 0x2020_2020
}

#[inline(always)]
fn hash(bytes: u32) -> usize {
    (bytes.wrapping_mul(0x9E37_79B1) >> (u32::BITS - FILTER_BITS)) as usize
}

/// Beginnings and their sets, each at the place its hash names or at the next free one.
struct Known {
    entries: Box<[(u32, u8); 1 << KNOWN_BITS]>,
}

impl Known {
    fn new() -> Self {
        Self { entries: Box::new([(0, 0); 1 << KNOWN_BITS]) }
    }

    fn add(&mut self, beginning: u32, set: u8) {
        let place = self.place(beginning);
        if let Some(entry) = self.entries.get_mut(place) {
            *entry = (beginning, entry.1 | set);
        }
    }

    fn sets(&self, beginning: u32) -> u8 {
        self.entries.get(self.place(beginning)).map_or(0, |(_, sets)| *sets)
    }

    fn place(&self, beginning: u32) -> usize {
        let mixed = (beginning ^ beginning >> 15).wrapping_mul(0x85EB_CA6B);
        let mut place = (mixed >> (u32::BITS - KNOWN_BITS)) as usize;
        while self.entries.get(place).is_some_and(|(known, sets)| *sets != 0 && *known != beginning) {
            place = (place + 1) % (1 << KNOWN_BITS);
        }
        place
    }
}

/// Bytes that may stand at one place.
type Bytes = [bool; 256];

/// What the beginning of a match may look like: a set of bytes for each place, and whether more may follow.
#[derive(Clone, PartialEq)]
struct Sequence {
    places: Vec<Bytes>,
    is_closed: bool,
}

/// One way in which a match may begin, ASCII letters in lower case.
enum Beginning {
    Four(u32),
    /// The fourth byte may be any.
    Three(u32),
    /// The fourth byte may be nearly any: three are looked up first.
    ThreeAnd(u32, u32),
}

/// All ways in which a match may begin.
fn beginnings(hir: &Hir) -> Option<Vec<Beginning>> {
    let mut beginnings = Vec::new();
    for sequence in sequences(hir)? {
        let places: Vec<Vec<u32>> = (0..FOUR).map(|place| folded_bytes(sequence.places.get(place))).collect();
        let (first, last) = places.split_at(THREE);
        let ways = first.iter().map(Vec::len).product::<usize>();
        let last_ways = last.iter().map(Vec::len).product::<usize>();
        let ends_before = sequence.places.len() < FOUR;
        if !ends_before && ways * last_ways <= FOURS_MAX {
            let fours = all_ways(&places).into_iter();
            match last_ways > SELECTIVE_MAX {
                true => beginnings.extend(fours.map(|four| Beginning::ThreeAnd(four & THREE_BYTES, four))),
                false => beginnings.extend(fours.map(Beginning::Four)),
            }
        } else if ways <= THREES_MAX {
            beginnings.extend(all_ways(first).into_iter().map(Beginning::Three));
        } else {
            return None;
        }
    }
    Some(beginnings)
}

fn all_ways(places: &[Vec<u32>]) -> Vec<u32> {
    (0..).zip(places).fold(vec![0], |starts, (place, bytes)| {
        starts.iter().flat_map(|start| bytes.iter().map(move |byte| start | byte << (8 * place))).collect()
    })
}

fn folded_bytes(known: Option<&Bytes>) -> Vec<u32> {
    let mut bytes: Vec<u32> = (0..=u8::MAX)
        .filter(|byte| known.is_none_or(|known| known.get(usize::from(*byte)) == Some(&true)))
        .map(|byte| u32::from(byte | 0x20))
        .collect();
    bytes.sort_unstable();
    bytes.dedup();
    bytes
}

fn sequences(hir: &Hir) -> Option<Vec<Sequence>> {
    let nothing = || vec![Sequence { places: Vec::new(), is_closed: false }];
    let found = match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => nothing(),
        HirKind::Literal(literal) => {
            let places = literal.0.iter().take(FOUR).map(|byte| set_of(&[(*byte, *byte)])).collect();
            vec![Sequence { places, is_closed: literal.0.len() > FOUR }]
        }
        HirKind::Class(class) => {
            let place = |ranges: &[(u8, u8)]| Sequence { places: vec![set_of(ranges)], is_closed: false };
            match class {
                Class::Bytes(class) => {
                    let ranges: Vec<(u8, u8)> =
                        class.iter().map(|range| (range.start(), range.end())).collect();
                    vec![place(&ranges)]
                }
                // Single characters outside ASCII, as alternatives are written.
                Class::Unicode(class) => {
                    let characters = class.iter().flat_map(|range| range.start()..=range.end());
                    characters.take(SEQUENCES_MAX + 1).map(written_out).collect()
                }
            }
        }
        HirKind::Capture(capture) => sequences(&capture.sub)?,
        HirKind::Repetition(repetition) => {
            let once = sequences(&repetition.sub)?;
            let most = repetition.max.unwrap_or(u32::MAX).min(u32::try_from(FOUR).unwrap_or(u32::MAX));
            let mut so_far = nothing();
            let mut all = if repetition.min == 0 { nothing() } else { Vec::new() };
            for times in 1..=most {
                so_far = joined(&so_far, &once)?;
                if times >= repetition.min || times == most {
                    all.extend(so_far.iter().cloned());
                }
            }
            all
        }
        HirKind::Concat(parts) => parts.iter().try_fold(nothing(), |so_far, part| {
            if so_far.iter().all(|sequence| sequence.is_closed) {
                return Some(so_far);
            }
            joined(&so_far, &sequences(part)?)
        })?,
        HirKind::Alternation(parts) => {
            parts.iter().map(sequences).collect::<Option<Vec<_>>>()?.into_iter().flatten().collect()
        }
    };
    (found.len() <= SEQUENCES_MAX).then_some(found)
}

fn joined(so_far: &[Sequence], next: &[Sequence]) -> Option<Vec<Sequence>> {
    let mut all: Vec<Sequence> = Vec::new();
    for start in so_far {
        let ends = if start.is_closed { next.get(..1).unwrap_or_default() } else { next };
        for end in ends {
            let mut sequence = start.clone();
            if !sequence.is_closed {
                sequence.places.extend(end.places.iter().copied());
                sequence.is_closed = end.is_closed || sequence.places.len() >= FOUR;
                sequence.places.truncate(FOUR);
            }
            if !all.contains(&sequence) {
                all.push(sequence);
            }
        }
        if all.len() > SEQUENCES_MAX {
            return None;
        }
    }
    Some(all)
}

fn written_out(character: char) -> Sequence {
    let bytes = character.to_string().into_bytes();
    Sequence { places: bytes.iter().map(|byte| set_of(&[(*byte, *byte)])).collect(), is_closed: false }
}

fn set_of(ranges: &[(u8, u8)]) -> Bytes {
    let mut bytes = [false; 256];
    for (byte, known) in (0..=u8::MAX).zip(&mut bytes) {
        *known = ranges.iter().any(|(first, last)| (*first..=*last).contains(&byte));
    }
    bytes
}
