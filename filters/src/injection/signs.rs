//! Which bytes of a block of 64 belong to which class, found for all of them at once: a bit each, the first one lowest.
//!
//! It knows nothing of encodings, words or values; whoever reads the masks does. What lies behind the end of a text is
//! nought, which belongs to no class that is asked for by name.

use wide::u8x16;

pub(super) const BLOCK_BYTES: usize = 64;
const LANE_BYTES: usize = 16;

/// A bit for every byte of a block, the first one lowest.
pub(super) type Mask = u64;

/// The bytes of a block, or of a shorter text in fewer lanes.
#[derive(Clone, Copy)]
pub(super) struct Block<const LANES: usize>([u8x16; LANES]);

impl<const LANES: usize> Block<LANES> {
    /// As many of these bytes as there is room for.
    #[inline(always)]
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut lanes = [[0; LANE_BYTES]; LANES];
        let room = lanes.as_flattened_mut();
        match (bytes.get(..room.len()), room.get_mut(..bytes.len())) {
            (Some(whole), _) => room.copy_from_slice(whole),
            (None, Some(room)) => room.copy_from_slice(bytes),
            (None, None) => {}
        }
        Self(lanes.map(u8x16::new))
    }

    #[inline(always)]
    pub(super) fn letters(&self) -> Mask {
        self.mask(|lane| within(small(lane), b'a', b'z'))
    }

    #[inline(always)]
    pub(super) fn capitals(&self) -> Mask {
        self.mask(|lane| within(lane, b'A', b'Z'))
    }

    #[inline(always)]
    pub(super) fn digits(&self) -> Mask {
        self.mask(|lane| within(lane, b'0', b'9'))
    }

    /// What prints and is no space.
    #[inline(always)]
    pub(super) fn graphic(&self) -> Mask {
        self.mask(|lane| within(lane, b'!', b'~'))
    }

    /// Letters, digits and the signs of both alphabets of base64.
    #[inline(always)]
    pub(super) fn base_64(&self) -> Mask {
        self.letters() | self.digits() | self.any_of([b'+', b'/', b'-', b'_'])
    }

    /// What is outside ASCII.
    #[inline(always)]
    pub(super) fn foreign(&self) -> Mask {
        self.mask(|lane| lane)
    }

    /// The first bytes of characters outside ASCII.
    #[inline(always)]
    pub(super) fn character_starts(&self) -> Mask {
        self.mask(|lane| lane.simd_eq(lane.max(u8x16::splat(0xC0))))
    }

    #[inline(always)]
    pub(super) fn equal(&self, byte: u8) -> Mask {
        self.mask(|lane| equal(lane, byte))
    }

    #[inline(always)]
    pub(super) fn any_of<const COUNT: usize>(&self, bytes: [u8; COUNT]) -> Mask {
        self.mask(|lane| any_of(lane, bytes))
    }

    /// The same of letters in either case; the ones named are small.
    #[inline(always)]
    pub(super) fn any_letter_of<const COUNT: usize>(&self, letters: [u8; COUNT]) -> Mask {
        self.mask(|lane| any_of(small(lane), letters))
    }

    #[inline(always)]
    fn mask(&self, test: impl Fn(u8x16) -> u8x16) -> Mask {
        let lanes = self.0.iter().rev();
        lanes.fold(0, |mask, lane| mask << LANE_BYTES | Mask::from(test(*lane).to_bitmask()))
    }
}

/// The bits of a block so far back; `before` is the same class in the block in front.
#[inline(always)]
pub(super) fn behind(mask: Mask, before: Mask, distance: u32) -> Mask {
    mask << distance | before >> (Mask::BITS - distance)
}

#[inline(always)]
fn small(lane: u8x16) -> u8x16 {
    lane | u8x16::splat(0x20)
}

#[inline(always)]
fn equal(lane: u8x16, byte: u8) -> u8x16 {
    lane.simd_eq(u8x16::splat(byte))
}

#[inline(always)]
fn any_of<const COUNT: usize>(lane: u8x16, bytes: [u8; COUNT]) -> u8x16 {
    bytes.into_iter().fold(u8x16::default(), |any, byte| any | equal(lane, byte))
}

#[inline(always)]
fn within(lane: u8x16, first: u8, last: u8) -> u8x16 {
    let distance = lane - u8x16::splat(first);
    distance.min(u8x16::splat(last - first)).simd_eq(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_classed_at_every_place() {
        fn hold<const LANES: usize>(bytes: &[u8]) {
            let block = Block::<LANES>::of(bytes);
            let plain = |test: &dyn Fn(u8) -> bool| -> Mask {
                (0..)
                    .zip(bytes.iter().take(LANES * LANE_BYTES))
                    .map(|(at, byte)| Mask::from(test(*byte)) << at)
                    .sum()
            };
            assert_eq!(block.letters(), plain(&|byte| byte.is_ascii_alphabetic()));
            assert_eq!(block.capitals(), plain(&|byte| byte.is_ascii_uppercase()));
            assert_eq!(block.digits(), plain(&|byte| byte.is_ascii_digit()));
            assert_eq!(block.graphic(), plain(&|byte| byte.is_ascii_graphic()));
            assert_eq!(
                block.base_64(),
                plain(&|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte))
            );
            assert_eq!(block.foreign(), plain(&|byte| !byte.is_ascii()));
            assert_eq!(block.character_starts(), plain(&|byte| byte >= 0xC0));
            assert_eq!(block.equal(b'='), plain(&|byte| byte == b'='));
            assert_eq!(block.any_of([b'|', b' ']), plain(&|byte| byte == b'|' || byte == b' '));
            assert_eq!(block.any_letter_of([b'e', b't']), plain(&|byte| b"etET".contains(&byte)));
        }
        let bytes: Vec<u8> = (0..=u8::MAX).chain(0..=u8::MAX).collect();
        for start in 0..256 {
            for length in (0..=BLOCK_BYTES).chain([200]) {
                let bytes = &bytes[start..start + length];
                hold::<4>(bytes);
                hold::<2>(bytes);
                hold::<1>(bytes);
            }
        }
    }

    #[test]
    fn bits_are_looked_back_for_across_blocks() {
        assert_eq!(behind(0b100, 0, 2), 0b1_0000);
        assert_eq!(behind(0, 1 << 63 | 1 << 62, 1), 1);
        assert_eq!(behind(1, 1 << 63 | 1 << 62, 2), 0b111);
    }
}
