//! Which bytes of a block of 64 belong to which class, found for all of them at once, and from that the places where
//! a value that shows in its characters may start. It knows no words: [`prefixes`](super::prefixes) looks those up.
//!
//! A place named here is a suspicion and no verdict: the automaton decides. No place at which an anchor without a
//! known beginning matches may be missing, which a test holds against the anchors themselves.

use wide::u8x16;

pub(super) const BLOCK_BYTES: usize = 64;
const LANE_BYTES: usize = 16;
const LANES: usize = BLOCK_BYTES / LANE_BYTES;

/// A bit for every byte of a block, the first one lowest.
pub(super) type Mask = u64;

/// What one block holds.
#[derive(Clone, Copy, Default)]
pub(super) struct Classes {
    digit: Mask,
    letter: Mask,
    /// a to f in either case.
    hexadecimal_letter: Mask,
    space: Mask,
    dot: Mask,
    dash: Mask,
    colon: Mask,
    /// `(` and `)`.
    round: Mask,
    underscore: Mask,
    at_sign: Mask,
    /// `|`, `,`, `;` and a tabulator, where digits stand in the block.
    column: Mask,
    /// `0`, `O`, `I` and `l`, where digits stand in the block.
    ambiguous: Mask,
}

/// Where anchors may start: of [`RECOGNISERS`](super::RECOGNISERS) and of [`RULES`](super::context::RULES).
#[derive(Clone, Copy, Default)]
pub(super) struct Suspects {
    pub(super) values: Mask,
    pub(super) rules: Mask,
}

impl Suspects {
    pub(super) fn is_none(&self) -> bool {
        self.values | self.rules == 0
    }
}

impl Classes {
    pub(super) fn of(block: &[u8; BLOCK_BYTES]) -> Self {
        let (lanes, _) = block.as_chunks::<LANE_BYTES>();
        let mut all = [u8x16::default(); LANES];
        let mut lower = all;
        for ((lane, folded), bytes) in all.iter_mut().zip(&mut lower).zip(lanes) {
            *lane = u8x16::new(*bytes);
            *folded = *lane | u8x16::splat(0x20);
        }
        let mut classes = Self {
            digit: within(&all, b'0', b'9'),
            letter: within(&lower, b'a', b'z'),
            hexadecimal_letter: within(&lower, b'a', b'f'),
            space: equal(&all, b' '),
            dot: equal(&all, b'.'),
            dash: equal(&all, b'-'),
            colon: equal(&all, b':'),
            round: within(&all, b'(', b')'),
            underscore: equal(&all, b'_'),
            at_sign: equal(&all, b'@'),
            column: 0,
            ambiguous: 0,
        };
        if classes.digit != 0 {
            classes.column = equal(&all, b'|') | equal(&all, b',') | equal(&all, b';') | equal(&all, b'\t');
            classes.ambiguous = equal(&all, b'0') | equal(&all, b'O') | equal(&all, b'I') | equal(&all, b'l');
        }
        classes
    }

    /// The places in the first of two blocks; `glued` says that a word goes on from before it.
    pub(super) fn suspects(&self, next: &Self, glued: bool) -> Suspects {
        let pair = |class: fn(&Self) -> Mask| Pair::new(class(self), class(next));
        let digit = pair(|block| block.digit);
        let letter = pair(|block| block.letter);
        let colon = pair(|block| block.colon);
        let dash = pair(|block| block.dash);
        let hexadecimal = pair(|block| block.digit | block.hexadecimal_letter);
        let mut suspects = Suspects { values: self.at_sign, rules: 0 };
        if (self.colon | next.colon) != 0 {
            suspects.values |= network_addresses(hexadecimal, colon);
        }
        if (self.colon | next.colon | self.dash | next.dash) != 0 {
            suspects.values |= hardware_addresses(hexadecimal, colon.or(dash));
        }
        if (self.digit | next.digit) == 0 {
            return suspects;
        }
        let space = pair(|block| block.space);
        let alphanumeric = letter.or(digit);
        let separator = pair(|block| block.space | block.dot | block.dash | block.round);
        let another = digit.at(1)
            | separator.at(1)
                & (digit.at(2) | separator.at(2) & (digit.at(3) | separator.at(3) & digit.at(4)));
        suspects.values |= digit.at(0) & another;
        // Two letters and two digits; five digits behind a letter; four and four.
        let gap = space.or(dash);
        suspects.values |=
            letter.at(0) & letter.at(1) & (digit.at(2) & digit.at(3) | gap.at(2) & digit.at(3) & digit.at(4));
        let digits =
            |from: u32, count: u32| (from..from + count).fold(Mask::MAX, |run, at| run & digit.at(at));
        suspects.values |=
            letter.at(0) & (digits(1, 5) | letter.at(1) & letter.at(2) & letter.at(3) & digits(4, 4));
        // A social security number as a scanner reads it.
        suspects.values |= dash.at(3)
            & dash.at(6)
            & alphanumeric.at(0)
            & alphanumeric.at(1)
            & alphanumeric.at(2)
            & alphanumeric.at(4)
            & alphanumeric.at(5);
        // Four hexadecimal digits, a dot, and more.
        let dotted = pair(|block| block.dot);
        suspects.values |= dotted.at(4)
            & dotted.at(9)
            & hexadecimal.at(0)
            & hexadecimal.at(1)
            & hexadecimal.at(2)
            & hexadecimal.at(3);
        let word = self.letter | self.digit | self.underscore;
        let begins = !(word << 1 | Mask::from(glued));
        let base_58 = pair(|block| (block.digit | block.letter) & !block.ambiguous);
        let (run_16, run_25) = base_58.runs();
        suspects.values |= begins & run_25;
        suspects.rules |= begins & digit.at(0) & run_16;
        // Three digits and a separator: a card's code beside its expiry.
        let column = pair(|block| block.space | block.column);
        suspects.rules |= digits(0, 3) & column.at(3);
        // The number of a beneficiary in groups, and a British licence.
        suspects.rules |= digit.at(0) & letter.at(1) & alphanumeric.at(2) & digit.at(3) & dash.at(4);
        suspects.rules |= letter.at(0) & digits(5, 6);
        suspects
    }

    /// Whether the last byte of the block belongs to a word.
    pub(super) fn ends_in_word(&self) -> bool {
        (self.letter | self.digit | self.underscore) >> (BLOCK_BYTES - 1) != 0
    }
}

/// Two colons with at most four hexadecimal digits before each, and one of either behind.
fn network_addresses(hexadecimal: Pair, colon: Pair) -> Mask {
    // Whether a colon follows after at most four hexadecimal digits, from each place on.
    let follows = |from: u32| {
        (0..4)
            .rev()
            .fold(colon.at(from + 4), |follows, at| colon.at(from + at) | hexadecimal.at(from + at) & follows)
    };
    (1..=4).rev().fold(colon.at(4) & follows(5), |starts, before| {
        let at = before - 1;
        colon.at(at) & follows(at + 1) | hexadecimal.at(at) & starts
    })
}

fn hardware_addresses(hexadecimal: Pair, separator: Pair) -> Mask {
    hexadecimal.at(0)
        & hexadecimal.at(1)
        & separator.at(2)
        & hexadecimal.at(3)
        & hexadecimal.at(4)
        & separator.at(5)
}

/// One class in a block and the block behind it.
#[derive(Clone, Copy)]
struct Pair(u128);

impl Pair {
    fn new(block: Mask, next: Mask) -> Self {
        Self(u128::from(next) << BLOCK_BYTES | u128::from(block))
    }

    fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// For each place of the block, whether the byte so far behind it is of the class.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "the second block is looked at from the first only")]
    fn at(self, distance: u32) -> Mask {
        (self.0 >> distance) as Mask
    }

    /// Where sixteen and where twenty-five bytes of the class begin.
    fn runs(self) -> (Mask, Mask) {
        let two = Self(self.0 & self.0 >> 1);
        let four = Self(two.0 & two.0 >> 2);
        let eight = Self(four.0 & four.0 >> 4);
        let sixteen = Self(eight.0 & eight.0 >> 8);
        (sixteen.at(0), sixteen.at(0) & eight.at(16) & self.at(24))
    }
}

#[inline(always)]
fn equal(lanes: &[u8x16; LANES], byte: u8) -> Mask {
    collect(lanes, |lane| lane.simd_eq(u8x16::splat(byte)))
}

#[inline(always)]
fn within(lanes: &[u8x16; LANES], first: u8, last: u8) -> Mask {
    collect(lanes, |lane| {
        let distance = lane - u8x16::splat(first);
        distance.min(u8x16::splat(last - first)).simd_eq(distance)
    })
}

#[inline(always)]
fn collect(lanes: &[u8x16; LANES], test: impl Fn(u8x16) -> u8x16) -> Mask {
    lanes.iter().rev().fold(0, |mask, lane| mask << LANE_BYTES | Mask::from(test(*lane).to_bitmask()))
}
