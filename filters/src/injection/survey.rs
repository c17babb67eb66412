//! One look at a whole text that tells every check on it whether it has anything to do at all, and where: runs long
//! enough to be encoded, escapes, rows of numbers, letters set apart or replaced, words without the usual letters.
//!
//! It names places only where the check itself would have stopped, or a few more; what it does not name holds nothing
//! for that check, which a test holds against plain loops. It deliberately decodes nothing.

use std::ops::Range;

use super::decode::{Parts, neighbourhood};
use super::signs::{BLOCK_BYTES, Block, Mask, behind};

/// Shorter runs are words, numbers and identifiers.
pub(super) const RUN_BYTES_MIN: usize = 24;
/// Equals signs counted before the rest is taken to be alike.
pub(super) const EQUALS_MAX: usize = 4096;
/// Fewer numbers begin where eight of them stand in a row, of at most eight digits each and six bytes apart: the
/// digits of the first may go on from before.
const NUMBERS_MIN: u32 = 7;
/// Spaced letters and digits for letters are counted in so many blocks together.
const BLOCKS_TOGETHER: usize = 2;
const TOGETHER_BYTES: usize = BLOCKS_TOGETHER * BLOCK_BYTES;
const SPACED_MIN: u32 = 3;
const LEET_MIN: u32 = 2;
/// The usual letters are counted in parts of a block.
const HALF_BYTES: usize = BLOCK_BYTES / 2;
/// A half is text when this share of it is letters and spaces.
const TEXT_PERCENT_MIN: u32 = 80;
/// In European languages e, t, a, o, n and i make up more than this share of the letters.
const USUAL_PERCENT_MAX: u32 = 34;
/// Letters by which a moved alphabet can be told.
const LETTERS_MIN: u32 = 18;

/// What there is to do in a text.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) disguises: Disguises,
    /// Long runs of what prints.
    pub(super) graphic: Runs,
    /// Long runs that hold neither letter nor digit.
    pub(super) signs: Runs,
    /// What may be escapes, by their first two bytes, and of quoted-printable by the first alone.
    pub(super) escapes: usize,
    pub(super) code_points: usize,
    /// At most [`EQUALS_MAX`].
    pub(super) equals: usize,
    pub(super) has_soft_break: bool,
    pub(super) has_numbers: bool,
    /// What is no letter, no digit and between two spaces.
    pub(super) lone_signs: usize,
}

/// Parts that are written in another way.
#[derive(Default)]
pub(super) struct Disguises {
    /// With letters set apart.
    pub(super) spaced: Parts,
    /// With digits for letters.
    pub(super) leet: Parts,
    /// In words that lack the usual letters, as a moved alphabet makes them.
    pub(super) unusual: Parts,
}

/// What of the blocks in front matters for the next one. It is kept apart from what was found, so that it need not be
/// written down after each block.
#[derive(Default)]
struct Progress {
    previous: Classes,
    /// How many bytes right in front are of the classes whose runs are looked for.
    graphic: usize,
    signs: usize,
    /// Candidates so far where blocks are taken together.
    spaced: u32,
    leet: u32,
    /// Halves in a row without the usual letters.
    unusual: usize,
    /// How many numbers begin in each of the last blocks.
    numbers: [u32; 2],
}

#[derive(Clone, Copy, Default)]
struct Classes {
    letter: Mask,
    digit: Mask,
    space: Mask,
    /// No letter, no digit and no space.
    sign: Mask,
}

impl Survey {
    pub(super) fn of(text: &[u8]) -> Self {
        Self::made::<true>(text)
    }

    /// The same without disguises: what was decoded is not looked at for these.
    pub(super) fn of_view(text: &[u8]) -> Self {
        Self::made::<false>(text)
    }

    fn made<const DISGUISES: bool>(text: &[u8]) -> Self {
        let (mut survey, mut progress) = (Self::default(), Progress::default());
        // Most values of a tool's JSON are short.
        match text.len() {
            0 => {}
            1..=16 => survey.add::<1, DISGUISES>(text, 0, &Block::of(text), &mut progress),
            17..=32 => survey.add::<2, DISGUISES>(text, 0, &Block::of(text), &mut progress),
            _ => {
                for (start, bytes) in (0..).step_by(BLOCK_BYTES).zip(text.chunks(BLOCK_BYTES)) {
                    survey.add::<4, DISGUISES>(text, start, &Block::of(bytes), &mut progress);
                }
            }
        }
        survey.graphic.finish(text.len(), progress.graphic);
        survey.signs.finish(text.len(), progress.signs);
        survey
    }

    #[inline(always)]
    fn add<const LANES: usize, const DISGUISES: bool>(
        &mut self,
        text: &[u8],
        start: usize,
        block: &Block<LANES>,
        progress: &mut Progress,
    ) {
        let inside = Mask::MAX >> BLOCK_BYTES.saturating_sub(text.len() - start);
        let (letter, digit, space) = (block.letters(), block.digits(), block.equal(b' '));
        let sign = inside & !(letter | digit | space);
        let (before, now) = (progress.previous, Classes { letter, digit, space, sign });
        self.graphic.add(block.graphic(), start, &mut progress.graphic);
        self.signs.add(sign | space, start, &mut progress.signs);
        let lone = space & behind(sign, before.sign, 1) & behind(space, before.space, 2);
        if lone != 0 {
            self.lone_signs += lone.count_ones() as usize;
        }
        let marks = block.any_of([b'%', b'&', b'\\', b'=', b'+']);
        if marks != 0 {
            self.add_escapes(text, start, marks);
        }
        self.add_numbers(digit, progress);
        if DISGUISES {
            self.add_disguises(text, start, block, &now, progress);
            self.add_unusual(text.len(), start, block, &now, &mut progress.unusual);
        }
        progress.previous = now;
    }

    #[inline(never)]
    fn add_escapes(&mut self, text: &[u8], start: usize, mut marks: Mask) {
        while marks != 0 {
            let place = start + marks.trailing_zeros() as usize;
            marks &= marks - 1;
            let next = text.get(place + 1).copied().unwrap_or_default();
            match text.get(place) {
                Some(b'%') => self.escapes += usize::from(next == b'u' || next.is_ascii_hexdigit()),
                Some(b'&') => self.escapes += usize::from(next == b'#'),
                Some(b'\\') => self.escapes += usize::from(matches!(next, b'u' | b'x' | b'0' | b'1')),
                Some(b'=') => {
                    self.equals = EQUALS_MAX.min(self.equals + 1);
                    self.has_soft_break |= next == b'\n';
                }
                _ => {
                    let follows = place.checked_sub(1).and_then(|before| text.get(before)) == Some(&b'U');
                    self.code_points += usize::from(follows && next == b'0');
                }
            }
        }
    }

    /// A row of numbers lies in three blocks at most.
    #[inline(always)]
    fn add_numbers(&mut self, digit: Mask, progress: &mut Progress) {
        let [first, second] = progress.numbers;
        let mut third = 0;
        if digit != 0 {
            third = (digit & !behind(digit, progress.previous.digit, 1)).count_ones();
            self.has_numbers |= first + second + third >= NUMBERS_MIN;
        }
        progress.numbers = [second, third];
    }

    /// Letters and what stands between them, in blocks taken together.
    #[inline(always)]
    fn add_disguises<const LANES: usize>(
        &mut self,
        text: &[u8],
        start: usize,
        block: &Block<LANES>,
        now: &Classes,
        progress: &mut Progress,
    ) {
        let is_first = start.is_multiple_of(TOGETHER_BYTES);
        let before = if is_first { Classes::default() } else { progress.previous };
        let letter = now.letter;
        let apart = letter & behind(letter, before.letter, 2);
        let (sign, digit) = (behind(now.sign, before.sign, 1), behind(now.digit, before.digit, 1));
        if apart & (sign | digit) != 0 {
            let middle = now.digit | block.any_of([b'@', b'$', b'!', b'|']);
            let last = start.checked_sub(1).filter(|_| !is_first).and_then(|last| text.get(last));
            let last = Mask::from(last.is_some_and(|last| is_taken_for_letter(*last)));
            progress.leet += (apart & (middle << 1 | last)).count_ones();
        }
        // Letters at every second place, whatever stands between them.
        let between = !(behind(letter, before.letter, 1) | behind(letter, before.letter, 3));
        let spaced = apart & behind(letter, before.letter, 4) & between;
        if spaced != 0 {
            progress.spaced += spaced.count_ones();
        }
        if !is_first || text.len() - start <= BLOCK_BYTES {
            let (leet, spaced) = (progress.leet >= LEET_MIN, progress.spaced >= SPACED_MIN);
            if leet | spaced {
                self.disguises.add(text, start / TOGETHER_BYTES * TOGETHER_BYTES, leet, spaced);
            }
            (progress.leet, progress.spaced) = (0, 0);
        }
    }

    /// Halves that look like words but lack the usual letters, two or more in a row.
    #[inline(always)]
    fn add_unusual<const LANES: usize>(
        &mut self,
        text_bytes: usize,
        start: usize,
        block: &Block<LANES>,
        now: &Classes,
        row: &mut usize,
    ) {
        let usual = in_halves(block.any_letter_of([b'e', b't', b'a', b'o', b'n', b'i']));
        for ((start, shift), usual) in [(start, 0), (start + HALF_BYTES, HALF_BYTES)].into_iter().zip(usual) {
            // Asked first, because it rules out most of what is written.
            if usual * 100 > HALF_BYTES as u32 * USUAL_PERCENT_MAX || start >= text_bytes {
                *row = 0;
                continue;
            }
            let bytes = HALF_BYTES.min(text_bytes - start) as u32;
            let count = |mask: Mask| (mask >> shift & Mask::from(u32::MAX)).count_ones();
            let (letters, spaces) = (count(now.letter), count(now.space));
            let is_text = (letters + spaces) * 100 >= bytes * TEXT_PERCENT_MIN;
            if letters < LETTERS_MIN || spaces == 0 || !is_text || usual * 100 > letters * USUAL_PERCENT_MAX {
                *row = 0;
                continue;
            }
            *row += 1;
            // One half of rare letters is a name or a number; two are a text.
            if *row >= 2 {
                let first = start.saturating_sub(*row * HALF_BYTES);
                self.disguises.unusual.add(first..text_bytes.min(start + 2 * HALF_BYTES));
            }
        }
    }
}

impl Disguises {
    pub(super) fn is_none(&self) -> bool {
        self.spaced.is_none() && self.leet.is_none() && self.unusual.is_none()
    }

    /// Blocks taken together that hold letters replaced, or perhaps letters set apart.
    #[inline(never)]
    fn add(&mut self, text: &[u8], start: usize, leet: bool, spaced: bool) {
        let end = text.len().min(start + TOGETHER_BYTES);
        let around = neighbourhood(start, end - start + TOGETHER_BYTES, TOGETHER_BYTES, text.len());
        if leet {
            self.leet.add(around.clone());
        }
        if spaced && count_spaced(text.get(start..end).unwrap_or_default()) >= SPACED_MIN {
            self.spaced.add(around);
        }
    }
}

/// Rows of one class, none shorter than [`RUN_BYTES_MIN`].
#[derive(Default)]
pub(super) struct Runs {
    found: Vec<Range<usize>>,
}

impl Runs {
    /// The runs of a class in a text.
    pub(super) fn of(text: &[u8], class: impl Fn(&Block<4>) -> Mask) -> Self {
        let (mut runs, mut open) = (Self::default(), 0);
        for (at, bytes) in (0..).step_by(BLOCK_BYTES).zip(text.chunks(BLOCK_BYTES)) {
            runs.add(class(&Block::of(bytes)), at, &mut open);
        }
        runs.finish(text.len(), open);
        runs
    }

    pub(super) fn in_text<'t>(&self, text: &'t [u8]) -> impl Iterator<Item = &'t [u8]> {
        self.found.iter().filter_map(move |range| text.get(range.clone()))
    }

    /// `open` is how many bytes right in front of the block are of the class.
    #[inline(always)]
    fn add(&mut self, mask: Mask, at: usize, open: &mut usize) {
        if mask == Mask::MAX {
            *open += BLOCK_BYTES;
            return;
        }
        let first = mask.trailing_ones() as usize;
        if *open + first >= RUN_BYTES_MIN {
            self.push(at - *open..at + first);
        }
        *open = mask.leading_ones() as usize;
        let rest = mask & (mask + 1);
        let two = rest & rest >> 1;
        let four = two & two >> 2;
        let eight = four & four >> 4;
        let long = eight & eight >> 8 & eight >> 16;
        if long != 0 {
            self.add_within(rest, long, at);
        }
    }

    #[inline(never)]
    fn push(&mut self, run: Range<usize>) {
        self.found.push(run);
    }

    /// What begins in a block, at the lowest of the places of each row, and ends in it.
    #[inline(never)]
    fn add_within(&mut self, mask: Mask, mut long: Mask, at: usize) {
        while long != 0 {
            let start = long.trailing_zeros();
            let end = start + (mask >> start).trailing_ones();
            if end == Mask::BITS {
                return;
            }
            self.found.push(at + start as usize..at + end as usize);
            long &= Mask::MAX << end;
        }
    }

    fn finish(&mut self, text_bytes: usize, open: usize) {
        // Of a block that is not whole, the bytes behind the text belong to no run.
        if text_bytes.is_multiple_of(BLOCK_BYTES) && open >= RUN_BYTES_MIN {
            self.push(text_bytes - open..text_bytes);
        }
    }
}

/// How many bits are set in the lower and in the upper half.
#[inline(always)]
fn in_halves(mask: Mask) -> [u32; 2] {
    let twos = mask - (mask >> 1 & 0x5555_5555_5555_5555);
    let fours = (twos & 0x3333_3333_3333_3333) + (twos >> 2 & 0x3333_3333_3333_3333);
    let eights = (fours + (fours >> 4)) & 0x0F0F_0F0F_0F0F_0F0F;
    let sixteens = eights + (eights >> 8);
    let counts = sixteens + (sixteens >> 16);
    [(counts & 0x3F) as u32, (counts >> u32::BITS & 0x3F) as u32]
}

fn is_taken_for_letter(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'@' | b'$' | b'!' | b'|')
}

/// Letter, separator, letter, separator, letter.
fn count_spaced(block: &[u8]) -> u32 {
    let letters = |byte: u8| byte.is_ascii_alphabetic();
    let rows = block
        .iter()
        .zip(block.iter().skip(1))
        .zip(block.iter().skip(2))
        .zip(block.iter().skip(3))
        .zip(block.iter().skip(4));
    let count = rows
        .map(|((((first, gap), second), same), third)| {
            let separated = is_gap(*gap) & (gap == same);
            u8::from(letters(*first) & separated & letters(*second) & letters(*third))
        })
        .fold(0, u8::wrapping_add);
    u32::from(count)
}

pub(super) fn is_gap(byte: u8) -> bool {
    (byte == b' ')
        | (byte == b'.')
        | (byte == b'-')
        | (byte == b'_')
        | (byte == b'*')
        | (byte == b'|')
        | (byte == b'/')
        | (byte == b'+')
        | (byte == b',')
        | (byte == b'~')
        | (byte == b'\t')
        | (byte == b'\n')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ciphers;
    use super::*;

    fn texts(letters: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(letters), 0..500)
    }

    /// Texts in which the same sort of byte goes on for a while.
    fn rows() -> impl Strategy<Value = Vec<u8>> {
        const SORTS: [&[u8]; 6] = [b"a", b"aB3+/-_", b"!{}a~\"", b".- /|_\n", b" ", b"\xC3\xA9\0"];
        let row = (prop::sample::select(&SORTS[..]), 0..80usize)
            .prop_flat_map(|(sort, length)| prop::collection::vec(prop::sample::select(sort), length));
        prop::collection::vec(row, 0..8).prop_map(|rows| rows.concat())
    }

    fn plain_disguises(text: &[u8]) -> [Vec<Range<usize>>; 3] {
        let (mut spaced, mut leet) = (Parts::default(), Parts::default());
        for (index, block) in text.chunks(128).enumerate() {
            let around = || neighbourhood(index * 128, block.len() + 128, 128, text.len());
            if count_leet(block) >= 2 {
                leet.add(around());
            }
            if count_spaced(block) >= 3 {
                spaced.add(around());
            }
        }
        [spaced.merged(), leet.merged(), unusual_parts(text).merged()]
    }

    fn count_leet(block: &[u8]) -> usize {
        let triples = block.windows(3).filter(|triple| {
            let is_digit = |byte: u8| byte.is_ascii_digit() || b"@$!|".contains(&byte);
            triple[0].is_ascii_alphabetic() && is_digit(triple[1]) && triple[2].is_ascii_alphabetic()
        });
        triples.count()
    }

    fn unusual_parts(text: &[u8]) -> Parts {
        let mut parts = Parts::default();
        let mut row = 0;
        for (index, block) in text.chunks(32).enumerate() {
            let count = |test: &dyn Fn(u8) -> bool| block.iter().filter(|byte| test(**byte)).count();
            let letters = count(&|byte| byte.is_ascii_alphabetic());
            let spaces = count(&|byte| byte == b' ');
            let usual = count(&|byte| b"etaoni".contains(&byte.to_ascii_lowercase()));
            let is_text = (letters + spaces) * 100 >= block.len() * 80;
            if letters >= 18 && spaces > 0 && is_text && usual * 100 <= letters * 34 {
                row += 1;
            } else {
                row = 0;
            }
            if row >= 2 {
                let start = (index + 1_usize).saturating_sub(row + 1) * 32;
                parts.add(start..text.len().min((index + 2) * 32));
            }
        }
        parts
    }

    fn plain_runs(text: &[u8], belongs: impl Fn(u8) -> bool) -> Vec<Range<usize>> {
        let mut runs = Vec::new();
        let mut start = 0;
        for run in text.chunk_by(|one, next| belongs(*one) == belongs(*next)) {
            if belongs(run[0]) && run.len() >= RUN_BYTES_MIN {
                runs.push(start..start + run.len());
            }
            start += run.len();
        }
        runs
    }

    proptest! {
        #[test]
        fn disguises_are_found_as_a_plain_loop_finds_them(
            leet in texts(b"ab1@!x  |."),
            spaced in texts(b"abc  --.\n1"),
            unusual in texts(b"bcdfgh  e"),
            sometimes in prop::collection::vec(
                prop::sample::select(&["bcdfgh jklmpq rsvwxyz bcdfgh jkl", "we met at the mill one afternoon", "x", ""][..]),
                0..20,
            ),
            rows in rows(),
        ) {
            for text in [leet, spaced, unusual, sometimes.concat().into_bytes(), rows] {
                let found = Survey::of(&text).disguises;
                let found = [found.spaced.merged(), found.leet.merged(), found.unusual.merged()];
                prop_assert_eq!(found, plain_disguises(&text));
            }
        }

        #[test]
        fn runs_are_found_as_a_plain_loop_finds_them(text in rows(), few in texts(b"aaaaaaaaaaaaaaaaa.")) {
            for text in [text, few] {
                let (survey, view) = (Survey::of(&text), Survey::of_view(&text));
                prop_assert_eq!(&survey.graphic.found, &view.graphic.found);
                prop_assert_eq!(&survey.signs.found, &view.signs.found);
                prop_assert!(view.disguises.is_none());
                prop_assert_eq!(&survey.graphic.found, &plain_runs(&text, |byte| byte.is_ascii_graphic()));
                prop_assert_eq!(&survey.signs.found, &plain_runs(&text, |byte| !byte.is_ascii_alphanumeric()));
            }
        }

        #[test]
        fn no_row_of_numbers_is_passed_over(
            text in texts(b"123456789abcf        ,,x"),
            wide in texts(b"1234aaaaaaa      "),
        ) {
            for text in [text, wide] {
                prop_assert!(Survey::of(&text).has_numbers || ciphers::number_rows(&text).is_empty());
            }
        }
    }

    proptest! {
        #[test]
        fn halves_are_counted_apart(mask in any::<u64>(), full in any::<bool>()) {
            let mask = if full { Mask::MAX } else { mask };
            let halves = [mask & Mask::from(u32::MAX), mask >> 32].map(u64::count_ones);
            prop_assert_eq!(in_halves(mask), halves);
        }
    }

    #[test]
    fn the_longest_row_of_numbers_is_seen_at_every_place() {
        let row = "      1abcdefa".repeat(8);
        for before in 0..200 {
            let text = [" ".repeat(before), row.clone(), "      x".into()].concat();
            assert_eq!(ciphers::number_rows(text.as_bytes()).len(), 1);
            assert!(Survey::of(text.as_bytes()).has_numbers, "{before}");
        }
    }

    #[test]
    fn ordinary_text_gives_nothing_to_do() {
        let text = "We met at 10 in hall B2, a b c; it's five o'clock (see \"the mill\"), and nobody came, not even \
                    the miller.\nWhat a pity! The order is late.\n";
        let survey = Survey::of(text.repeat(3).as_bytes());
        assert!(!survey.has_numbers && survey.escapes + survey.equals + survey.lone_signs == 0);
        assert!(survey.graphic.found.is_empty() && survey.signs.found.is_empty());
        let disguises = survey.disguises;
        assert!(disguises.spaced.merged().is_empty() && disguises.leet.merged().is_empty());
        assert!(disguises.unusual.merged().is_empty());
    }
}
