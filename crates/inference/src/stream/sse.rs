//! Server-sent events (WHATWG HTML, "Server-sent events"), cut out of a byte stream and built anew.
//!
//! An event handed on unchanged is the same bytes that came in, its blank line included. Line ends may be LF, CRLF or
//! CR; a byte order mark and comments stay where they are. Reconnection is the client's business and not looked at.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

/// One event, or one run of comments: the bytes up to and with the blank line that ends it. No `Debug`: it holds
/// content.
#[derive(Clone)]
pub struct SseEvent {
    raw: Bytes,
}

impl SseEvent {
    /// The event's bytes as they came.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The `event` field; empty where there is none.
    pub fn event_name(&self) -> Cow<'_, str> {
        let names = self.fields().filter(|(name, _)| *name == b"event");
        names.last().map(|(_, value)| String::from_utf8_lossy(value)).unwrap_or_default()
    }

    /// The `data` fields, joined by line feeds. None where there is none.
    pub fn data(&self) -> Option<Cow<'_, [u8]>> {
        let mut data: Option<Cow<'_, [u8]>> = None;
        for (_, value) in self.fields().filter(|(name, _)| *name == b"data") {
            data = Some(match data {
                None => Cow::Borrowed(value),
                Some(before) => Cow::Owned([&before, &b"\n"[..], value].concat()),
            });
        }
        data
    }

    /// The same event with other data: every other line stays as it came.
    pub fn with_data(&self, data: &[u8]) -> Bytes {
        let mut out = BytesMut::with_capacity(self.raw.len() + data.len());
        let mut written = false;
        for line in lines(&self.raw) {
            if field(trim_end(line)).0 != b"data" {
                out.extend_from_slice(line);
            } else if !written {
                written = true;
                write_data(data, &mut out);
            }
        }
        out.freeze()
    }

    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        lines(&self.raw).map(|line| field(trim_end(line)))
    }
}

/// An event of Hardpan's own.
pub fn event(name: Option<&str>, data: &str) -> Bytes {
    let mut out = BytesMut::with_capacity(data.len() + 32);
    if let Some(name) = name {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\n");
    }
    write_data(data.as_bytes(), &mut out);
    out.extend_from_slice(b"\n");
    out.freeze()
}

/// Cuts events out of bytes that arrive in pieces of any size.
#[derive(Default)]
pub struct SseDecoder {
    buffer: BytesMut,
    /// How far the buffer was searched: what was seen once is not searched again.
    searched: usize,
}

impl SseDecoder {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole event; None when more bytes are needed.
    pub fn next_event(&mut self) -> Option<SseEvent> {
        let end = self.find_end()?;
        self.searched = 0;
        Some(SseEvent { raw: self.buffer.split_to(end).freeze() })
    }

    /// What came after the last blank line, when the stream has ended.
    pub fn finish(&mut self) -> Option<SseEvent> {
        self.searched = 0;
        let rest = self.buffer.split().freeze();
        (!rest.is_empty()).then_some(SseEvent { raw: rest })
    }

    pub fn buffered_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Where the first event ends. A final CR waits for the byte after it, which may be its LF.
    fn find_end(&mut self) -> Option<usize> {
        let bytes = &self.buffer;
        let mut at = self.searched;
        while let Some(found) = memchr::memchr2(b'\n', b'\r', bytes.get(at..)?) {
            let first = line_end(bytes, at + found)?;
            match bytes.get(first) {
                Some(b'\n' | b'\r') => return line_end(bytes, first),
                Some(_) => {
                    at = first;
                    self.searched = first;
                }
                None => return None,
            }
        }
        None
    }
}

/// The place after the line end at `at`; None when a CR stands last.
fn line_end(bytes: &[u8], at: usize) -> Option<usize> {
    match (bytes.get(at)?, bytes.get(at + 1)) {
        (b'\r', None) => None,
        (b'\r', Some(b'\n')) => Some(at + 2),
        _ => Some(at + 1),
    }
}

/// Lines with their ends.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr2(b'\n', b'\r', rest)
            .map_or(rest.len(), |at| line_end(rest, at).unwrap_or(rest.len()));
        let (line, after) = rest.split_at(end);
        rest = after;
        Some(line)
    })
}

fn trim_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |at| at + 1);
    line.get(..end).unwrap_or_default()
}

/// Name and value of a line; one blank after the colon is not part of the value.
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    match memchr::memchr(b':', line) {
        Some(at) => {
            let value = line.get(at + 1..).unwrap_or_default();
            (line.get(..at).unwrap_or_default(), value.strip_prefix(b" ").unwrap_or(value))
        }
        None => (line, b""),
    }
}

fn write_data(data: &[u8], out: &mut BytesMut) {
    for line in data.split(|byte| *byte == b'\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        out.extend_from_slice(b"\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8], piece: usize) -> Vec<SseEvent> {
        let mut decoder = SseDecoder::default();
        let mut events = Vec::new();
        for part in bytes.chunks(piece) {
            decoder.push(part);
            events.extend(std::iter::from_fn(|| decoder.next_event()));
        }
        events.extend(decoder.finish());
        events
    }

    #[test]
    fn events_are_the_same_however_the_bytes_are_cut() {
        let text = b"data: a\n\n: ping\n\nevent: x\r\ndata:b\r\ndata: c\r\n\r\ndata: d\r\rid: 1\ndata: [DONE]\n\ndata: cut";
        let whole: Vec<Bytes> = decode(text, text.len()).iter().map(|event| event.raw().clone()).collect();
        assert_eq!(whole.concat(), text);
        assert_eq!(whole.len(), 6);
        for piece in 1..20 {
            let cut: Vec<Bytes> = decode(text, piece).iter().map(|event| event.raw().clone()).collect();
            assert_eq!(cut, whole, "{piece}");
        }
        let events = decode(text, 3);
        let data: Vec<Option<String>> = events
            .iter()
            .map(|event| event.data().map(|data| String::from_utf8(data.into_owned()).unwrap()))
            .collect();
        let expected = [Some("a"), None, Some("b\nc"), Some("d"), Some("[DONE]"), Some("cut")];
        assert_eq!(data, expected.map(|data| data.map(str::to_owned)));
        assert_eq!(events[2].event_name(), "x");
    }

    #[test]
    fn other_data_leaves_the_other_lines_alone() {
        let events = decode(b"event: x\nid: 7\ndata: a\ndata: b\n\n", 100);
        assert_eq!(events[0].with_data(b"c"), &b"event: x\nid: 7\ndata: c\n\n"[..]);
        assert_eq!(events[0].with_data(b"c\nd"), &b"event: x\nid: 7\ndata: c\ndata: d\n\n"[..]);
        assert_eq!(event(Some("error"), "{}"), &b"event: error\ndata: {}\n\n"[..]);
    }
}
