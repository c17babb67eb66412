//! How the words of anchors begin, so that a text is passed over at the cost of one look-up a byte, however many words
//! there are. Bytes are read as [codes](code), 32 kinds of them: four codes say whether a word may begin, and the four
//! behind them whether it may go on.
//!
//! What it names is a suspicion and no verdict: the automaton decides. No place at which an anchor matches may be
//! missing. Anchors that begin in too many ways are no business of this one: the classes of characters know those.

use std::collections::BTreeSet;

use regex_automata::nfa::thompson::{self, NFA, State, WhichCaptures};
use regex_automata::util::look::Look;
use regex_automata::util::primitives::StateID;
use regex_syntax::hir::Hir;

use crate::anchored::Broken;

/// Letters without their case, digits, and four kinds of everything else.
const CODES: usize = 32;
pub(super) const DIGIT: u8 = 27;
pub(super) const OTHERS: u8 = 28;
/// Codes that name a beginning, and codes behind them that must fit.
const FOUR: usize = 4;
const TAIL: usize = 4;
/// How many codes of a place are looked at.
pub(super) const LOOK_AHEAD: usize = FOUR + TAIL;

const HASHES: usize = 1 << u16::BITS;
const BEGINNINGS_MAX: usize = u16::MAX as usize;

/// Sets of anchors that are looked for at once: one bit each.
pub(super) type Sets = u8;

/// The anchors begin in more ways than are kept; it means this build is broken.
#[derive(Debug, thiserror::Error)]
#[error("the anchors begin in more than {BEGINNINGS_MAX} ways")]
struct TooMany;

/// The code of one byte. Blocks of bytes are turned into codes by [`classes`](super::classes) in the same way.
pub(super) const fn code(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => DIGIT,
        _ if byte.is_ascii_alphabetic() => byte & 0x1F,
        _ => OTHERS | byte & 3,
    }
}

/// Anchors whose beginnings are looked for.
pub(super) struct Anchors {
    pub(super) patterns: Vec<Hir>,
    pub(super) sets: Sets,
    /// What they announce may stand inside a word as well.
    pub(super) inside: bool,
}

/// A beginning of an anchor that may stand anywhere, and one that only the beginning of a word makes count.
const ANYWHERE: u8 = 1;
const AT_WORDS: u8 = 2;
pub(super) const KIND_BITS: u32 = 2;

pub(super) struct Beginnings {
    /// For each hash of four codes, what kinds of beginnings have it.
    kinds: Box<[u8; HASHES]>,
    /// For each hash of four codes, the place of the last of its beginnings among those that are known, or nought.
    places: Box<[u16; HASHES]>,
    known: Vec<Beginning>,
}

/// All that begin with the same four codes.
#[derive(Clone, Copy, Default)]
struct Beginning {
    four: u32,
    /// The place of others that hash alike, or nought.
    next: u16,
    sets: Sets,
    /// For each code behind, those it may be.
    tail: [u32; TAIL],
}

impl Beginnings {
    /// The beginnings of these anchors, each with its sets.
    pub(super) fn new(anchors: &[Anchors]) -> Result<Self, Broken> {
        let mut beginnings = Self {
            kinds: Box::new([0; HASHES]),
            places: Box::new([0; HASHES]),
            known: vec![Beginning::default()],
        };
        for Anchors { patterns, sets, inside } in anchors {
            let nfa = NFA::compiler()
                .configure(thompson::Config::new().utf8(false).which_captures(WhichCaptures::None))
                .build_many_from_hir(patterns)?;
            let start = Places::of(&nfa, [nfa.start_anchored()].into_iter());
            let kind = if *inside { ANYWHERE } else { AT_WORDS };
            beginnings.add(&nfa, (*sets, kind), &start, (0, 0))?;
        }
        Ok(beginnings)
    }

    /// Adds the beginnings that go on from `places`, behind the codes of `so_far` and as many of them as it says.
    fn add(
        &mut self,
        nfa: &NFA,
        kind: (Sets, u8),
        places: &Places,
        (so_far, count): (u32, usize),
    ) -> Result<(), TooMany> {
        if count < FOUR {
            for (code, next) in (0..).zip(places.next(nfa)).filter(|(_, next)| !next.is_none()) {
                self.add(nfa, kind, &next, (so_far | code << (8 * count), count + 1))?;
            }
            return Ok(());
        }
        let known = self.entry(so_far, kind.1)?;
        known.sets |= kind.0;
        let mut places = places.clone();
        for may in &mut known.tail {
            let next = places.next(nfa);
            for (code, next) in next.iter().enumerate() {
                *may |= u32::from(!next.is_none()) << code;
            }
            places = Places::joined(next);
        }
        Ok(())
    }

    fn entry(&mut self, four: u32, kind: u8) -> Result<&mut Beginning, TooMany> {
        let hash = usize::from(hash(four));
        let (Some(kinds), Some(place)) = (self.kinds.get_mut(hash), self.places.get_mut(hash)) else {
            return Err(TooMany);
        };
        *kinds |= kind;
        let mut at = *place;
        while let Some(known) = self.known.get(usize::from(at)).filter(|known| at != 0 && known.four != four)
        {
            at = known.next;
        }
        if at == 0 {
            at = u16::try_from(self.known.len()).map_err(|_| TooMany)?;
            self.known.push(Beginning { four, next: *place, ..Beginning::default() });
            *place = at;
        }
        self.known.get_mut(usize::from(at)).ok_or(TooMany)
    }

    /// The kinds of anchors that may begin with four codes of this hash.
    #[inline(always)]
    pub(super) fn kinds(&self, hash: u16) -> u8 {
        self.kinds.get(usize::from(hash)).copied().unwrap_or(0)
    }

    /// The sets of which an anchor may begin with these codes.
    #[inline(always)]
    pub(super) fn sets(&self, codes: [u8; LOOK_AHEAD]) -> Sets {
        let (four, behind) = codes.split_at(FOUR);
        let four = u32::from_le_bytes(four.first_chunk().copied().unwrap_or_default());
        let place = self.places.get(usize::from(hash(four))).copied().unwrap_or(0);
        let mut known = self.known.get(usize::from(place));
        while let Some(other) = known.filter(|known| known.four != four && known.next != 0) {
            known = self.known.get(usize::from(other.next));
        }
        let Some(known) = known.filter(|known| known.four == four) else { return 0 };
        let fits = known.tail.iter().zip(behind).fold(1, |fits, (may, code)| fits & may >> (code & 0x1F));
        known.sets & (fits as Sets).wrapping_neg()
    }
}

/// What the first two codes and the two behind them are multiplied by: many pairs at once.
pub(super) const FACTORS: [u16; 2] = [0x9E3B, 0x85EB];

#[inline(always)]
const fn hash(four: u32) -> u16 {
    let [one, other] = FACTORS;
    let (first, second) = ((four & 0xFFFF) as u16, (four >> u16::BITS) as u16);
    first.wrapping_mul(one).wrapping_add(second.wrapping_mul(other))
}

/// Where anchors may have got to: states that want a byte.
#[derive(Clone, Default)]
struct Places {
    states: Vec<StateID>,
    /// An anchor has ended: anything may follow.
    ended: bool,
}

impl Places {
    fn of(nfa: &NFA, starts: impl Iterator<Item = StateID>) -> Self {
        let mut places = Self::default();
        let mut left: Vec<StateID> = starts.collect();
        let mut seen = BTreeSet::new();
        while let Some(id) = left.pop() {
            if !seen.insert(id) {
                continue;
            }
            match nfa.state(id) {
                State::ByteRange { .. }
                | State::Sparse(_)
                | State::Dense(_)
                | State::Look { look: Look::End, .. } => {
                    places.states.push(id);
                }
                State::Look { next, .. } | State::Capture { next, .. } => left.push(*next),
                State::Union { alternates } => left.extend(alternates.iter().copied()),
                State::BinaryUnion { alt1, alt2 } => left.extend([*alt1, *alt2]),
                State::Fail => {}
                State::Match { .. } => places.ended = true,
            }
        }
        places
    }

    fn joined(all: Vec<Self>) -> Self {
        let mut joined = Self::default();
        for places in all {
            joined.states.extend(places.states);
            joined.ended |= places.ended;
        }
        joined.states.sort_unstable();
        joined.states.dedup();
        joined
    }

    fn is_none(&self) -> bool {
        self.states.is_empty() && !self.ended
    }

    /// Where they may go on to with each code.
    fn next(&self, nfa: &NFA) -> Vec<Self> {
        let mut starts: Vec<Vec<StateID>> = vec![Vec::new(); CODES];
        let mut ended = vec![self.ended; CODES];
        for id in &self.states {
            match nfa.state(*id) {
                // Behind the end of a text noughts are read.
                State::Look { .. } => {
                    ended.iter_mut().skip(usize::from(code(0))).take(1).for_each(|ended| *ended = true)
                }
                State::ByteRange { trans } => go_on(&mut starts, trans.start, trans.end, trans.next),
                State::Sparse(all) => {
                    all.transitions.iter().for_each(|one| go_on(&mut starts, one.start, one.end, one.next));
                }
                State::Dense(all) => {
                    let real =
                        (0..=u8::MAX).zip(&all.transitions).filter(|(_, next)| **next != StateID::ZERO);
                    real.for_each(|(byte, next)| go_on(&mut starts, byte, byte, *next));
                }
                _ => {}
            }
        }
        let places = starts.into_iter().zip(ended).map(|(starts, ended)| {
            if starts.is_empty() {
                return Self { ended, ..Self::default() };
            }
            let places = Self::of(nfa, starts.into_iter());
            Self { ended: ended | places.ended, ..places }
        });
        places.collect()
    }
}

fn go_on(starts: &mut [Vec<StateID>], first: u8, last: u8, next: StateID) {
    for byte in first..=last {
        if let Some(starts) =
            starts.get_mut(usize::from(code(byte))).filter(|starts| starts.last() != Some(&next))
        {
            starts.push(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anchored::parse;

    fn sets(beginnings: &Beginnings, text: &str) -> Sets {
        let mut codes = [code(0); LOOK_AHEAD];
        codes.iter_mut().zip(text.bytes()).for_each(|(place, byte)| *place = code(byte));
        let four = u32::from_le_bytes(codes.first_chunk().copied().unwrap());
        assert!(beginnings.kinds(hash(four)) != 0 || beginnings.sets(codes) == 0, "{text}");
        beginnings.sets(codes)
    }

    #[test]
    fn beginnings_are_known_with_what_may_follow_them() {
        let anchors = |patterns: &[&str], sets, inside| Anchors {
            patterns: patterns.iter().map(|pattern| parse(pattern, false).unwrap()).collect(),
            sets,
            inside,
        };
        let beginnings = Beginnings::new(&[
            anchors(&["(?i:contrase(?:ñ|n)a)", r"(?i:dob)(?:[^a-z0-9]|\z)"], 1, false),
            anchors(&["(?i:aws)", "[xy][0-9]{2}:?z", "(?i:dob4)"], 2, true),
        ])
        .unwrap();
        for (text, expected) in [
            ("contraseña", 1),
            ("CONTRASENA", 1),
            ("contract", 0),
            ("continue", 0),
            ("dob: ", 1),
            ("DOB", 1),
            ("dobE", 1),
            ("dok1", 0),
            ("dob4", 2),
            ("aws", 2),
            ("awsome thing", 2),
            ("x12:z", 2),
            ("y12z", 2),
            ("y12y", 0),
            ("", 0),
        ] {
            assert_eq!(sets(&beginnings, text), expected, "{text}");
        }
        let kind = |four: &[u8; FOUR]| beginnings.kinds(hash(u32::from_le_bytes(four.map(code))));
        assert_eq!((kind(b"cont"), kind(b"aws-"), kind(b"dob4")), (AT_WORDS, ANYWHERE, ANYWHERE));
    }
}
