//! The bytes at which the inside of a JSON string stops being plain: quotes, backslashes and control bytes, found for
//! a whole block at once. It knows nothing of JSON's structure.

use wide::u8x16;

pub(crate) const BLOCK_BYTES: usize = 64;
const LANE_BYTES: usize = 16;

const QUOTE: u8x16 = u8x16::new([b'"'; LANE_BYTES]);
const BACKSLASH: u8x16 = u8x16::new([b'\\'; LANE_BYTES]);
const LAST_CONTROL: u8x16 = u8x16::new([0x1f; LANE_BYTES]);

/// Remembers the stops of the block last looked at, so that each block is looked at once.
pub(crate) struct Stops {
    block: usize,
    mask: u64,
}

impl Stops {
    pub(crate) fn new() -> Self {
        Self { block: usize::MAX, mask: 0 }
    }

    /// Where the next stop is, not before `at`; the text's length when there is none.
    #[inline]
    pub(crate) fn next(&mut self, bytes: &[u8], at: usize) -> usize {
        let mut block = at / BLOCK_BYTES;
        if block != self.block {
            (self.block, self.mask) = (block, mask_of(bytes, block));
        }
        let mut mask = self.mask & (u64::MAX << (at % BLOCK_BYTES));
        while mask == 0 {
            block += 1;
            if block * BLOCK_BYTES >= bytes.len() {
                return bytes.len();
            }
            mask = mask_of(bytes, block);
            (self.block, self.mask) = (block, mask);
        }
        block * BLOCK_BYTES + mask.trailing_zeros() as usize
    }
}

/// A bit for every stop of a block. Past the end there is none.
#[inline]
fn mask_of(bytes: &[u8], block: usize) -> u64 {
    let rest = bytes.get(block * BLOCK_BYTES..).unwrap_or_default();
    if let Some(whole) = rest.first_chunk::<BLOCK_BYTES>() {
        return mask(whole);
    }
    let mut padded = [b' '; BLOCK_BYTES];
    for (place, byte) in padded.iter_mut().zip(rest) {
        *place = *byte;
    }
    mask(&padded)
}

#[inline]
fn mask(block: &[u8; BLOCK_BYTES]) -> u64 {
    let (lanes, _) = block.as_chunks::<LANE_BYTES>();
    lanes.iter().rev().fold(0, |mask, lane| {
        let lane = u8x16::new(*lane);
        let stops = lane.simd_eq(QUOTE) | lane.simd_eq(BACKSLASH) | lane.min(LAST_CONTROL).simd_eq(lane);
        mask << LANE_BYTES | u64::from(stops.to_bitmask())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stop_is_found_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            let stops = byte < 0x20 || byte == b'"' || byte == b'\\';
            for at in [0, 1, 15, 16, 63, 64, 100, 127, 128, 130] {
                let mut text = vec![b'x'; 131];
                text[at] = byte;
                for from in [0, at / 2, at] {
                    let expected = if stops { at } else { text.len() };
                    assert_eq!(Stops::new().next(&text, from), expected, "{byte:#x} at {at} from {from}");
                }
                assert_eq!(Stops::new().next(&text, at + 1), text.len());
            }
        }
    }

    #[test]
    fn stops_are_the_same_one_after_another_and_each_by_itself() {
        let text: Vec<u8> =
            (0..500_u32).map(|at| if at % 7 == 0 || at % 31 == 3 { b'"' } else { b'a' }).collect();
        let mut stops = Stops::new();
        for at in 0..text.len() {
            assert_eq!(stops.next(&text, at), Stops::new().next(&text, at));
        }
        assert_eq!(Stops::new().next(b"", 0), 0);
    }
}
