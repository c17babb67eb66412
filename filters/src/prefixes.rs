//! The first bytes of patterns: which four, or three where the fourth may be any, may stand where a match begins, so
//! that most of a text is passed over at the cost of two look-ups a byte, however many patterns there are. ASCII case
//! does not count here.
//!
//! What may begin in too many ways is known by its first byte only, unless the caller knows its places in some other
//! way. What matches at the start of a text only is not looked up at all: that place is always worth a try. It
//! deliberately judges nothing behind the first bytes.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use crate::anchored::Broken;

pub(crate) const FOUR: usize = 4;
const THREE: usize = 3;
const SEQUENCES_MAX: usize = 16_384;
/// A fourth byte that may be more than that tells little.
const SELECTIVE_MAX: usize = 32;
const THREE_BYTES: u32 = 0x00FF_FFFF;
const FILTER_BITS: u32 = 16;
const KNOWN_BITS: u32 = 15;
/// A search ends at a free place, so that some have to stay free.
const KNOWN_MAX: usize = (1 << KNOWN_BITS) - (1 << KNOWN_BITS) / 16;

/// Sets of patterns that are looked for at once: one bit each.
pub(crate) type Sets = u64;

/// The patterns begin in more ways than are kept; it means this build is broken.
#[derive(Debug, thiserror::Error)]
#[error("the patterns begin in more than {KNOWN_MAX} ways")]
struct TooMany;

pub(crate) struct Prefixes {
    /// For each hash of four and of three bytes that are filed, the groups of their sets.
    of_four: Box<[u8; 1 << FILTER_BITS]>,
    of_three: Box<[u8; 1 << FILTER_BITS]>,
    fours: Known,
    threes: Known,
    /// For each byte, the sets of which a pattern that begins in too many ways may begin with it.
    firsts: Box<[Sets; 256]>,
}

impl Prefixes {
    pub(crate) fn new() -> Self {
        Self {
            of_four: Box::new([0; 1 << FILTER_BITS]),
            of_three: Box::new([0; 1 << FILTER_BITS]),
            fours: Known::new(),
            threes: Known::new(),
            firsts: Box::new([0; 256]),
        }
    }

    /// Files a pattern with its sets. An alternative that may begin in more than `ways_max` ways is known by its first
    /// byte.
    pub(crate) fn add(&mut self, pattern: &Hir, sets: Sets, ways_max: usize) -> Result<(), Broken> {
        let (beginnings, firsts) = beginnings(pattern, ways_max);
        for beginning in beginnings {
            self.file(beginning, sets)?;
        }
        for (byte, known) in (0..=u8::MAX).zip(self.firsts.iter_mut()) {
            *known |= if firsts.has(byte) { sets } else { 0 };
        }
        Ok(())
    }

    fn file(&mut self, beginning: Beginning, sets: Sets) -> Result<(), TooMany> {
        let (filter, hash) = match beginning {
            Beginning::Four(four) => (&mut self.of_four, hash(four)),
            Beginning::Three(three) | Beginning::ThreeAnd(three, _) => (&mut self.of_three, hash(three)),
        };
        if let Some(known) = filter.get_mut(hash) {
            *known |= groups(sets);
        }
        match beginning {
            Beginning::Four(four) | Beginning::ThreeAnd(_, four) => self.fours.add(four, sets),
            Beginning::Three(three) => self.threes.add(three, sets),
        }
    }

    /// The [`groups`] of the sets of which a pattern may begin with these bytes or with some that only hash alike.
    #[inline(always)]
    pub(crate) fn may_begin(&self, four: [u8; FOUR]) -> u8 {
        let four = folded(four);
        let known = |filter: &[u8; 1 << FILTER_BITS], bytes| filter.get(hash(bytes)).copied().unwrap_or(0);
        known(&self.of_four, four) | known(&self.of_three, four & THREE_BYTES)
    }

    /// The sets of which a pattern that begins in too many ways may begin with this byte.
    #[inline(always)]
    pub(crate) fn sets_of_byte(&self, byte: u8) -> Sets {
        self.firsts.get(usize::from(byte)).copied().unwrap_or(0)
    }

    /// Whether a pattern of these sets may begin with these bytes.
    pub(crate) fn has(&self, four: [u8; FOUR], sets: Sets) -> bool {
        let [first, ..] = four;
        self.sets_of_byte(first) & sets != 0
            || self.may_begin(four) & groups(sets) != 0 && self.sets(four) & sets != 0
    }

    /// The sets of which a pattern may begin with these bytes.
    pub(crate) fn sets(&self, four: [u8; FOUR]) -> Sets {
        let four = folded(four);
        self.fours.sets(four) | self.threes.sets(four & THREE_BYTES)
    }
}

/// Eight groups in which the sets are, every eighth in the same.
pub(crate) fn groups(sets: Sets) -> u8 {
    sets.to_le_bytes().into_iter().fold(0, |groups, eight| groups | eight)
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
    entries: Box<[(u32, Sets); 1 << KNOWN_BITS]>,
    count: usize,
}

impl Known {
    fn new() -> Self {
        Self { entries: Box::new([(0, 0); 1 << KNOWN_BITS]), count: 0 }
    }

    fn add(&mut self, beginning: u32, sets: Sets) -> Result<(), TooMany> {
        let place = self.place(beginning);
        if let Some(entry) = self.entries.get_mut(place) {
            if entry.1 == 0 {
                if self.count >= KNOWN_MAX {
                    return Err(TooMany);
                }
                self.count += 1;
            }
            *entry = (beginning, entry.1 | sets);
        }
        Ok(())
    }

    fn sets(&self, beginning: u32) -> Sets {
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

/// Bytes that may stand at one place: a bit each.
#[derive(Clone, Copy, PartialEq, Default)]
struct Bytes([u64; 4]);

impl Bytes {
    const ALL: Self = Self([u64::MAX; 4]);

    fn of(ranges: impl Iterator<Item = (u8, u8)>) -> Self {
        let mut bytes = Self::default();
        for byte in ranges.flat_map(|(first, last)| first..=last) {
            if let Some(word) = bytes.0.get_mut(usize::from(byte / 64)) {
                *word |= 1 << (byte % 64);
            }
        }
        bytes
    }

    fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte / 64)).is_some_and(|word| word >> (byte % 64) & 1 != 0)
    }

    fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word |= other);
    }
}

/// What the beginning of a match may look like: a set of bytes for each place, and whether more may follow.
#[derive(Clone, PartialEq, Default)]
struct Sequence {
    places: Vec<Bytes>,
    is_closed: bool,
    /// At the start of a text and nowhere else.
    is_first: bool,
}

/// One way in which a match may begin, ASCII letters in lower case.
enum Beginning {
    Four(u32),
    /// The fourth byte may be any.
    Three(u32),
    /// The fourth byte may be nearly any: three are looked up first.
    ThreeAnd(u32, u32),
}

/// Whether a match may begin in so many ways that only its first byte is known.
pub(crate) fn is_wide(pattern: &Hir, ways_max: usize) -> bool {
    beginnings(pattern, ways_max).1 != Bytes::default()
}

/// All ways in which a match may begin, and the first bytes of those that are too many.
fn beginnings(hir: &Hir, ways_max: usize) -> (Vec<Beginning>, Bytes) {
    let (mut beginnings, mut firsts) = (Vec::new(), Bytes::default());
    let Some(sequences) = sequences(hir) else { return (beginnings, Bytes::ALL) };
    for sequence in sequences.iter().filter(|sequence| !sequence.is_first) {
        match of_sequence(sequence, ways_max) {
            Some(narrow) => beginnings.extend(narrow),
            None => firsts.add(sequence.places.first().unwrap_or(&Bytes::ALL)),
        }
    }
    (beginnings, firsts)
}

fn of_sequence(sequence: &Sequence, ways_max: usize) -> Option<Vec<Beginning>> {
    let places: Vec<Vec<u32>> = (0..FOUR).map(|place| folded_bytes(sequence.places.get(place))).collect();
    let (first, last) = places.split_at(THREE);
    let ways = first.iter().map(Vec::len).product::<usize>();
    let last_ways = last.iter().map(Vec::len).product::<usize>();
    let ends_before = sequence.places.len() < FOUR;
    if !ends_before && ways * last_ways <= ways_max {
        let fours = all_ways(&places).into_iter();
        return Some(match last_ways > SELECTIVE_MAX {
            true => fours.map(|four| Beginning::ThreeAnd(four & THREE_BYTES, four)).collect(),
            false => fours.map(Beginning::Four).collect(),
        });
    }
    (ways <= ways_max).then(|| all_ways(first).into_iter().map(Beginning::Three).collect())
}

fn all_ways(places: &[Vec<u32>]) -> Vec<u32> {
    (0..).zip(places).fold(vec![0], |starts, (place, bytes)| {
        starts.iter().flat_map(|start| bytes.iter().map(move |byte| start | byte << (8 * place))).collect()
    })
}

fn folded_bytes(known: Option<&Bytes>) -> Vec<u32> {
    let mut bytes: Vec<u32> = (0..=u8::MAX)
        .filter(|byte| known.is_none_or(|known| known.has(*byte)))
        .map(|byte| u32::from(byte | 0x20))
        .collect();
    bytes.sort_unstable();
    bytes.dedup();
    bytes
}

fn sequences(hir: &Hir) -> Option<Vec<Sequence>> {
    let nothing = || vec![Sequence::default()];
    let found = match hir.kind() {
        HirKind::Look(Look::Start) => vec![Sequence { is_first: true, ..Sequence::default() }],
        HirKind::Empty | HirKind::Look(_) => nothing(),
        HirKind::Literal(literal) => {
            let places =
                literal.0.iter().take(FOUR).map(|byte| Bytes::of([(*byte, *byte)].into_iter())).collect();
            vec![Sequence { places, is_closed: literal.0.len() > FOUR, is_first: false }]
        }
        HirKind::Class(class) => {
            match class {
                Class::Bytes(class) => {
                    let ranges = class.iter().map(|range| (range.start(), range.end()));
                    vec![Sequence { places: vec![Bytes::of(ranges)], ..Sequence::default() }]
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
                sequence.is_first |= end.is_first && sequence.places.is_empty();
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
    let place = |byte: &u8| Bytes::of([(*byte, *byte)].into_iter());
    Sequence { places: bytes.iter().map(place).collect(), ..Sequence::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_would_fill_up_is_an_error_and_finds_what_it_took() {
        let mut known = Known::new();
        let taken = u32::try_from(KNOWN_MAX).unwrap();
        for beginning in 0..taken {
            known.add(beginning, 1).unwrap();
        }
        assert!(known.add(taken, 1).is_err());
        // More sets of one that is there take no place.
        known.add(0, 2).unwrap();
        assert_eq!((known.sets(0), known.sets(taken - 1), known.sets(taken)), (3, 1, 0));
    }
}
