//! Lines of a byte stream, and text of one that has none.
//!
//! Bytes may be cut anywhere, also inside a UTF-8 character: [`LineDecoder`] waits for the line's end, [`TextDecoder`]
//! for the character's.

use bytes::{Bytes, BytesMut};

/// Cuts lines, each with its line feed, out of bytes that arrive in pieces of any size.
#[derive(Default)]
pub struct LineDecoder {
    buffer: BytesMut,
    searched: usize,
}

impl LineDecoder {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    pub fn next_line(&mut self) -> Option<Bytes> {
        let unseen = self.buffer.get(self.searched..)?;
        let Some(at) = memchr::memchr(b'\n', unseen) else {
            self.searched = self.buffer.len();
            return None;
        };
        let end = self.searched + at + 1;
        self.searched = 0;
        Some(self.buffer.split_to(end).freeze())
    }

    /// What came after the last line feed, when the stream has ended.
    pub fn finish(&mut self) -> Option<Bytes> {
        self.searched = 0;
        let rest = self.buffer.split().freeze();
        (!rest.is_empty()).then_some(rest)
    }

    pub fn buffered_bytes(&self) -> usize {
        self.buffer.len()
    }
}

/// Hands out what is whole characters so far.
#[derive(Default)]
pub struct TextDecoder {
    buffer: BytesMut,
}

impl TextDecoder {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whole characters; bytes that are no UTF-8 go out as they are.
    pub fn next_text(&mut self) -> Option<Bytes> {
        let whole = self.buffer.len() - incomplete_tail(&self.buffer);
        (whole > 0).then(|| self.buffer.split_to(whole).freeze())
    }

    pub fn finish(&mut self) -> Option<Bytes> {
        let rest = self.buffer.split().freeze();
        (!rest.is_empty()).then_some(rest)
    }
}

/// How many bytes at the end are the beginning of a character.
fn incomplete_tail(bytes: &[u8]) -> usize {
    for (back, byte) in bytes.iter().rev().take(3).enumerate() {
        let width = match byte {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return 0,
        };
        return if back + 1 < width { back + 1 } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_characters_come_whole_however_the_bytes_are_cut() {
        let text = "{\"a\":\"é€😀\"}\n{\"b\":1}\nrest 😀";
        for piece in 1..12 {
            let (mut lines, mut texts) = (LineDecoder::default(), TextDecoder::default());
            let (mut found, mut joined) = (Vec::new(), Vec::new());
            for part in text.as_bytes().chunks(piece) {
                lines.push(part);
                texts.push(part);
                found.extend(std::iter::from_fn(|| lines.next_line()));
                for text in std::iter::from_fn(|| texts.next_text()) {
                    joined.push(String::from_utf8(text.to_vec()).unwrap());
                }
            }
            found.extend(lines.finish());
            assert_eq!(found.len(), 3, "{piece}");
            assert_eq!(joined.concat(), text);
            assert!(texts.finish().is_none());
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_not_held() {
        let mut texts = TextDecoder::default();
        texts.push(&[0xff, 0xfe, 0x80]);
        assert_eq!(texts.next_text().unwrap(), &[0xff, 0xfe, 0x80][..]);
    }
}
