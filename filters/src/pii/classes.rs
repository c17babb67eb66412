//! Which bytes of a block of 64 belong to which class, found for all of them at once, and from that the places where
//! a value that shows in its characters may start. It knows no words: [`beginnings`](super::beginnings) looks those up, in
//! the codes that are made here.
//!
//! A place named here is a suspicion and no verdict: the automaton decides. No place at which an anchor without a
//! known beginning matches may be missing, which a test holds against the anchors themselves. What prose has none of
//! is asked for last: a class is made where something that needs it may stand.

use wide::u8x16;

use super::beginnings::{DIGIT, OTHERS};

pub(super) const BLOCK_BYTES: usize = 64;
pub(super) const LANE_BYTES: usize = 16;
pub(super) const LANES: usize = BLOCK_BYTES / LANE_BYTES;

/// A bit for every byte of a block, the first one lowest.
pub(super) type Mask = u64;

/// A bit for every byte of a block and of the one behind it.
type Wide = u128;

/// The bytes of a block, noughts behind the end of a text.
pub(super) type Bytes = [[u8; LANE_BYTES]; LANES];

/// What one block holds.
#[derive(Clone, Copy, Default)]
pub(super) struct Classes {
    digit: Mask,
    letter: Mask,
    /// What has no bit that lower case has.
    not_lower: Mask,
    backslash: Mask,
    dot: Mask,
    at_sign: Mask,
    colon: Mask,
    dash: Mask,
    slash: Mask,
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

    /// Forgets all but the first so many places.
    pub(super) fn keep_first(&mut self, count: usize) {
        let kept = first(count);
        self.values &= kept;
        self.rules &= kept;
    }
}

impl Classes {
    pub(super) const NOTHING: Self = Self {
        digit: 0,
        letter: 0,
        // Noughts do not have the bit.
        not_lower: Mask::MAX,
        backslash: 0,
        dot: 0,
        at_sign: 0,
        colon: 0,
        dash: 0,
        slash: 0,
    };

    /// The classes of the first lanes of a block, and the codes of their bytes.
    #[inline(always)]
    pub(super) fn of<const COUNT: usize>(
        lanes: &[[u8; LANE_BYTES]; COUNT],
    ) -> (Self, [[u8; LANE_BYTES]; COUNT]) {
        let lanes = lanes.map(u8x16::new);
        let letter = lanes.map(|lane| within(lane | u8x16::splat(0x20), b'a', b'z'));
        let digit = lanes.map(|lane| within(lane, b'0', b'9'));
        let mut codes = lanes.map(|lane| lane & u8x16::splat(3) | u8x16::splat(OTHERS));
        let mut marks = u8x16::default();
        for (((code, letter), digit), lane) in codes.iter_mut().zip(letter).zip(digit).zip(lanes) {
            *code = letter.bitselect(lane & u8x16::splat(0x1F), *code);
            *code = digit.bitselect(u8x16::splat(DIGIT), *code);
            marks |= equal(lane, b'@') | equal(lane, b':') | equal(lane, b'-');
            marks |= equal(lane, b'/') | equal(lane, b'\\');
        }
        let mut classes = Self {
            letter: masks(letter),
            digit: masks(digit),
            not_lower: masks(lanes.map(|lane| equal(lane & u8x16::splat(0x20), 0))),
            dot: masks(lanes.map(|lane| equal(lane, b'.'))),
            ..Self::default()
        };
        if mask(marks) != 0 {
            classes.at_sign = masks(lanes.map(|lane| equal(lane, b'@')));
            classes.colon = masks(lanes.map(|lane| equal(lane, b':')));
            classes.dash = masks(lanes.map(|lane| equal(lane, b'-')));
            classes.slash = masks(lanes.map(|lane| equal(lane, b'/')));
            classes.backslash = masks(lanes.map(|lane| equal(lane, b'\\')));
        }
        (classes, codes.map(u8x16::to_array))
    }

    /// The places in the first of two blocks; `before` is the byte in front of it.
    #[inline(always)]
    pub(super) fn suspects(&self, next: &Self, bytes: [&Bytes; 2], before: u8) -> Suspects {
        let mut suspects = Suspects { values: self.at_sign, rules: 0 };
        let digit = (self.digit | next.digit) != 0;
        let separators = self.colon | next.colon | self.dash | next.dash;
        if separators != 0 || (self.dot | next.dot) != 0 && self.has_dots_apart(next) {
            suspects.values |= self.addresses(next, bytes);
        }
        if digit {
            self.add_numbers(next, bytes, before, &mut suspects);
        }
        suspects
    }

    /// Where words may begin, or parts of a camelCase name: all but letters that only go on with a word. `previous` is
    /// the block in front.
    #[inline(always)]
    pub(super) fn beginnings(&self, previous: &Self) -> Mask {
        const LAST: u32 = BLOCK_BYTES as u32 - 1;
        let behind = |class: Mask, before: Mask| class << 1 | before >> LAST;
        let letter = behind(self.letter, previous.letter);
        let lower = behind(self.letter & !self.not_lower, previous.letter & !previous.not_lower);
        // The letter of an escape belongs to no word.
        let escaped = self.backslash << 2 | previous.backslash >> (LAST - 1);
        !(self.letter & letter) | self.not_lower & lower | escaped
    }

    /// Whether two dots stand as in a hardware address.
    #[inline(always)]
    fn has_dots_apart(&self, next: &Self) -> bool {
        let dot = Pair::new(self.dot, next.dot);
        (dot.0 & dot.0 >> 5) != 0
    }

    /// Addresses of networks and of hardware, and a social security number as a scanner reads it.
    fn addresses(&self, next: &Self, bytes: [&Bytes; 2]) -> Mask {
        let pair = |class: fn(&Self) -> Mask| Pair::new(class(self), class(next));
        let (colon, dash, dot) =
            (pair(|block| block.colon), pair(|block| block.dash), pair(|block| block.dot));
        let separator = colon.or(dash);
        let network = colon.0 & (colon.0 >> 1 | colon.0 >> 2 | colon.0 >> 3 | colon.0 >> 4 | colon.0 >> 5);
        let hardware = separator.0 & separator.0 >> 3;
        let digit = pair(|block| block.digit);
        let dotted = dot.0 & dot.0 >> 5;
        if (network | hardware | dotted) == 0 {
            return 0;
        }
        let hexadecimal = Pair::of(bytes, |lane| within(lane | u8x16::splat(0x20), b'a', b'f')).or(digit);
        let alphanumeric = pair(|block| block.letter | block.digit);
        let mut places = 0;
        if network != 0 {
            places |= network_addresses(hexadecimal, colon);
        }
        if hardware != 0 {
            places |= hardware_addresses(hexadecimal, separator);
            places |= dash.at(3)
                & dash.at(6)
                & alphanumeric.at(0)
                & alphanumeric.at(1)
                & alphanumeric.at(2)
                & alphanumeric.at(4)
                & alphanumeric.at(5);
        }
        if dotted == 0 {
            return places;
        }
        // Four hexadecimal digits, a dot, and more.
        places
            | dot.at(4)
                & dot.at(9)
                & hexadecimal.at(0)
                & hexadecimal.at(1)
                & hexadecimal.at(2)
                & hexadecimal.at(3)
    }

    /// What begins with digits, or with letters and digits.
    fn add_numbers(&self, next: &Self, bytes: [&Bytes; 2], before: u8, suspects: &mut Suspects) {
        let pair = |class: fn(&Self) -> Mask| Pair::new(class(self), class(next));
        let (digit, letter) = (pair(|block| block.digit), pair(|block| block.letter));
        let alphanumeric = letter.or(digit);
        let (run_16, _) = alphanumeric.runs();
        if run_16 != 0 {
            self.add_base_58(next, bytes, before, suspects);
        }
        if (self.dash | next.dash) != 0 {
            // The number of a beneficiary in groups.
            let dash = pair(|block| block.dash);
            suspects.rules |= digit.at(0) & letter.at(1) & alphanumeric.at(2) & digit.at(3) & dash.at(4);
        }
        if digit.has_six() {
            let separator = Pair::of(bytes, |lane| {
                equal(lane, b' ') | equal(lane, b'.') | equal(lane, b'-') | within(lane, b'(', b')')
            });
            let six = match may_be_long(digit, separator) {
                true => sixes(digit, separator),
                false => Pair(0),
            };
            suspects.values |= six.at(0);
            // Two letters and six digits, with gaps between them.
            suspects.values |= letter.at(0) & letter.at(1) & separator.at(2) & six.at(3);
        }
        let dot = pair(|block| block.dot);
        suspects.values |= dotted_quads(digit, dot);
        let two = Pair(digit.0 & digit.0 >> 1);
        if two.0 == 0 {
            return;
        }
        // Two letters and two digits.
        suspects.values |= letter.at(0) & letter.at(1) & two.at(2);
        let three = Pair(two.0 & digit.0 >> 2);
        if (self.slash | next.slash) != 0 {
            let slash = pair(|block| block.slash);
            let near = slash.at(3) | slash.at(4) | slash.at(5) | slash.at(6) | slash.at(7);
            suspects.values |= three.at(0) & near;
        }
        // Three digits, a separator and a month: a card's code beside its expiry.
        let coded = three.at(0) & (two.at(4) | two.at(5));
        if coded != 0 {
            let column = Pair::of(bytes, |lane| {
                let bar = equal(lane, b'|') | equal(lane, b'\t');
                bar | equal(lane, b' ') | equal(lane, b',') | equal(lane, b';')
            });
            suspects.rules |= coded & column.at(3);
        }
        let four = Pair(two.0 & two.0 >> 2);
        if four.0 == 0 {
            return;
        }
        // Five digits behind a letter; four and four; a British licence.
        let five = Pair(four.0 & digit.0 >> 4);
        let letters = letter.at(0) & letter.at(1) & letter.at(2) & letter.at(3);
        suspects.values |= letter.at(0) & five.at(1) | letters & four.at(4);
        suspects.rules |= letter.at(0) & five.at(5) & digit.at(10);
    }

    /// Long runs of the characters of base58, from the beginning of a word on.
    fn add_base_58(&self, next: &Self, bytes: [&Bytes; 2], before: u8, suspects: &mut Suspects) {
        let digit = Pair::new(self.digit, next.digit);
        let alphanumeric = digit.or(Pair::new(self.letter, next.letter));
        let ambiguous = Pair::of(bytes, |lane| {
            equal(lane, b'0') | equal(lane, b'O') | equal(lane, b'I') | equal(lane, b'l')
        });
        let underscore = Pair::of(bytes, |lane| equal(lane, b'_'));
        let glued = before.is_ascii_alphanumeric() || before == b'_';
        let begins = !(alphanumeric.or(underscore).at(0) << 1 | Mask::from(glued));
        let (run_16, run_25) = Pair(alphanumeric.0 & !ambiguous.0).runs();
        suspects.values |= begins & run_25;
        suspects.rules |= begins & digit.at(0) & run_16;
    }
}

/// Whether six digits may stand in a row, with separators or without: no more than a quick look.
fn may_be_long(digit: Pair, separator: Pair) -> bool {
    let row = digit.or(separator);
    let two = row.0 & row.0 >> 1;
    let four = two & two >> 2;
    (digit.0 & four & two >> 4) != 0
}

/// Where six digits begin with at most three separators between neighbours.
fn sixes(digit: Pair, separator: Pair) -> Pair {
    let one = separator.0 >> 1;
    let two = one & separator.0 >> 2;
    let three = two & separator.0 >> 3;
    let before = |next: Wide| digit.0 & (next >> 1 | one & next >> 2 | two & next >> 3 | three & next >> 4);
    let mut row = digit.0;
    for _ in 1..6 {
        row = before(row);
        if row == 0 {
            break;
        }
    }
    Pair(row)
}

/// Where up to three digits and a dot begin, three times, and a digit behind them.
fn dotted_quads(digit: Pair, dot: Pair) -> Mask {
    let mut next = digit.0;
    for _ in 0..3 {
        let dotted = dot.0 & next >> 1;
        if dotted == 0 {
            return 0;
        }
        let one = digit.0 & dotted >> 1;
        let two = digit.0 & one >> 1;
        next = one | two | digit.0 & two >> 1;
    }
    Pair(next).at(0)
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
struct Pair(Wide);

impl Pair {
    #[inline(always)]
    fn new(block: Mask, next: Mask) -> Self {
        Self(Wide::from(next) << BLOCK_BYTES | Wide::from(block))
    }

    #[inline(always)]
    fn of([block, next]: [&Bytes; 2], test: impl Fn(u8x16) -> u8x16 + Copy) -> Self {
        let of = |lanes: &Bytes| masks(lanes.map(|lane| test(u8x16::new(lane))));
        Self::new(of(block), of(next))
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// For each place of the block, whether the byte so far behind it is of the class.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "the second block is looked at from the first only")]
    fn at(self, distance: u32) -> Mask {
        (self.0 >> distance) as Mask
    }

    /// Whether there are six of the class.
    #[inline(always)]
    fn has_six(self) -> bool {
        let five = (0..5).fold(self.0, |left, _| left & left.wrapping_sub(1));
        five != 0
    }

    /// Where sixteen and where twenty-five bytes of the class begin.
    #[inline(always)]
    fn runs(self) -> (Mask, Mask) {
        let two = Self(self.0 & self.0 >> 1);
        let four = Self(two.0 & two.0 >> 2);
        let eight = Self(four.0 & four.0 >> 4);
        let sixteen = Self(eight.0 & eight.0 >> 8);
        (sixteen.at(0), sixteen.at(0) & eight.at(16) & self.at(24))
    }
}

/// The first so many places of a block.
#[inline(always)]
pub(super) fn first(length: usize) -> Mask {
    if length < BLOCK_BYTES { (1 << length) - 1 } else { Mask::MAX }
}

#[inline(always)]
fn equal(lane: u8x16, byte: u8) -> u8x16 {
    lane.simd_eq(u8x16::splat(byte))
}

#[inline(always)]
fn within(lane: u8x16, first: u8, last: u8) -> u8x16 {
    let distance = lane - u8x16::splat(first);
    distance.min(u8x16::splat(last - first)).simd_eq(distance)
}

#[inline(always)]
fn mask(lane: u8x16) -> Mask {
    Mask::from(lane.to_bitmask())
}

#[inline(always)]
fn masks<const COUNT: usize>(lanes: [u8x16; COUNT]) -> Mask {
    let mut all = 0;
    for (lane, at) in lanes.into_iter().zip((0..).step_by(LANE_BYTES)) {
        all |= mask(lane) << at;
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::beginnings::code;
    use super::*;

    const LETTERS: &[u8] = b"aZfG09 .,:-/\\@_|;\tnrt\n\xC3\xA9(){}=";

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(LETTERS), 2 * BLOCK_BYTES)
    }

    fn plain(text: &[u8], test: impl Fn(usize) -> bool) -> Mask {
        (0..text.len()).fold(0, |mask, place| mask | Mask::from(test(place)) << place)
    }

    proptest! {
        #[test]
        fn classes_and_codes_are_those_of_a_plain_loop(text in text()) {
            let block: &Bytes = text.as_chunks().0.first_chunk().unwrap();
            let (classes, codes) = Classes::of(block);
            let bytes = block.as_flattened();
            let all = |test: fn(u8) -> bool| plain(bytes, |place| test(bytes[place]));
            prop_assert_eq!(classes.digit, all(|byte| byte.is_ascii_digit()));
            prop_assert_eq!(classes.letter, all(|byte| byte.is_ascii_alphabetic()));
            prop_assert_eq!(classes.dot, all(|byte| byte == b'.'));
            prop_assert_eq!(classes.at_sign, all(|byte| byte == b'@'));
            prop_assert_eq!(classes.colon, all(|byte| byte == b':'));
            prop_assert_eq!(classes.dash, all(|byte| byte == b'-'));
            prop_assert_eq!(classes.slash, all(|byte| byte == b'/'));
            prop_assert_eq!(classes.backslash, all(|byte| byte == b'\\'));
            let expected: Vec<u8> = bytes.iter().map(|byte| code(*byte)).collect();
            prop_assert_eq!(codes.as_flattened(), &expected[..]);
        }

        #[test]
        fn words_begin_where_a_plain_loop_says_so(text in text()) {
            let (first, second) = text.split_at(BLOCK_BYTES);
            let of = |bytes: &[u8]| Classes::of::<LANES>(bytes.as_chunks().0.first_chunk().unwrap()).0;
            let goes_on = |place: usize| {
                let (before, byte) = (text[place - 1], text[place]);
                let hump = before.is_ascii_lowercase() && byte.is_ascii_uppercase();
                let escaped = text[place - 2] == b'\\';
                before.is_ascii_alphabetic() && byte.is_ascii_alphabetic() && !hump && !escaped
            };
            let expected = plain(second, |place| !goes_on(BLOCK_BYTES + place));
            prop_assert_eq!(of(second).beginnings(&of(first)), expected);
        }

        #[test]
        fn six_digits_and_quads_are_where_a_plain_loop_says_so(text in text()) {
            let digit = Pair::new(plain(&text[..BLOCK_BYTES], |place| text[place].is_ascii_digit()), 0);
            let separates = |byte: u8| matches!(byte, b' ' | b'.' | b'-' | b'(' | b')');
            let separator = Pair::new(plain(&text[..BLOCK_BYTES], |place| separates(text[place])), 0);
            let dot = Pair::new(plain(&text[..BLOCK_BYTES], |place| text[place] == b'.'), 0);
            let block = &text[..BLOCK_BYTES];
            let next = |at: usize| {
                let gap = block[at + 1..].iter().take_while(|byte| separates(**byte)).count();
                let next = at + 1 + gap;
                (gap <= 3 && block.get(next).is_some_and(u8::is_ascii_digit)).then_some(next)
            };
            let six = |place: usize| {
                block[place].is_ascii_digit() && (1..6).try_fold(place, |at, _| next(at)).is_some()
            };
            prop_assert_eq!(sixes(digit, separator).0, u128::from(plain(block, six)));
            prop_assert!((plain(block, six) == 0) || may_be_long(digit, separator) && digit.has_six());
            prop_assert_eq!(digit.has_six(), digit.0.count_ones() >= 6);
            let quad = regex_automata::meta::Regex::new(r"^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]").unwrap();
            let expected = plain(block, |place| quad.is_match(&block[place..]));
            prop_assert_eq!(dotted_quads(digit, dot), expected);
        }
    }
}
