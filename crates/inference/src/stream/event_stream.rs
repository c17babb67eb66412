//! `application/vnd.amazon.eventstream`: frames cut out of a byte stream, checked, and built anew.
//!
//! Both checksums are verified before anything in a frame is believed. A frame handed on unchanged is the same
//! bytes that came in. This module knows nothing of what events mean.

use bytes::{Bytes, BytesMut};

/// Largest payload and header block the format allows (AWS, "Event stream encoding").
pub const PAYLOAD_BYTES_MAX: usize = 25_165_824;
pub const HEADERS_BYTES_MAX: usize = 131_072;
/// Services send three to six; names are compared with one another.
const HEADERS_MAX: usize = 64;

/// Largest string or byte value of a header.
const VALUE_BYTES_MAX: u16 = 32_767;

const PRELUDE_BYTES: usize = 12;
const CHECKSUM_BYTES: usize = 4;
/// Bytes of a frame that are neither headers nor payload.
pub const OVERHEAD_BYTES: usize = PRELUDE_BYTES + CHECKSUM_BYTES;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("Prelude checksum mismatch")]
    PreludeChecksum,
    #[error("Message checksum mismatch")]
    MessageChecksum,
    #[error("a frame's length is impossible")]
    Length,
    #[error("a frame's headers are malformed")]
    Headers,
    #[error("the stream ends inside a frame")]
    Truncated,
}

#[derive(Debug, Clone, PartialEq)]
pub enum HeaderValue {
    Bool(bool),
    Byte(i8),
    Short(i16),
    Integer(i32),
    Long(i64),
    Bytes(Bytes),
    String(String),
    /// Milliseconds since the epoch.
    Timestamp(i64),
    Uuid([u8; 16]),
}

impl HeaderValue {
    pub fn as_str(&self) -> Option<&str> {
        match self {
            HeaderValue::String(text) => Some(text),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    pub name: String,
    pub value: HeaderValue,
}

/// A checked frame: its bytes as they came. Headers are read where they lie. No `Debug`: it holds content.
#[derive(Clone)]
pub struct Frame {
    raw: Bytes,
    payload_start: usize,
}

impl Frame {
    /// The frame's bytes as they came.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    pub fn headers(&self) -> Vec<Header> {
        RawHeaders(self.header_block())
            .filter_map(|header| {
                let RawHeader { name, kind, value } = header.ok()?;
                Some(Header { name: name.to_owned(), value: read_value(kind, value).ok()? })
            })
            .collect()
    }

    pub fn payload(&self) -> &[u8] {
        self.raw.get(self.payload_start..self.raw.len() - CHECKSUM_BYTES).unwrap_or_default()
    }

    /// The value of a string header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.raw_header(name).filter(|header| header.kind == STRING)?;
        std::str::from_utf8(header.value).ok()
    }

    /// The value of a header of any type.
    pub fn header_value(&self, name: &str) -> Option<HeaderValue> {
        let header = self.raw_header(name)?;
        read_value(header.kind, header.value).ok()
    }

    fn raw_header(&self, name: &str) -> Option<RawHeader<'_>> {
        RawHeaders(self.header_block()).filter_map(Result::ok).find(|header| header.name == name)
    }

    fn header_block(&self) -> &[u8] {
        self.raw.get(PRELUDE_BYTES..self.payload_start).unwrap_or_default()
    }

    /// The same frame with another payload: headers byte for byte, lengths and checksums anew.
    pub fn with_payload(&self, payload: &[u8]) -> Frame {
        let headers = self.header_block();
        let mut out = Vec::with_capacity(OVERHEAD_BYTES + headers.len() + payload.len());
        assemble(headers, payload, &mut out);
        Frame { raw: Bytes::from(out), payload_start: self.payload_start }
    }

    /// Reads one frame that is all of `raw`.
    pub fn parse(raw: Bytes) -> Result<Frame, FrameError> {
        let total = frame_length(&raw)?.ok_or(FrameError::Truncated)?;
        if total != raw.len() {
            return Err(if total > raw.len() { FrameError::Truncated } else { FrameError::Length });
        }
        let checked = raw.get(..total - CHECKSUM_BYTES).ok_or(FrameError::Length)?;
        if crc32fast::hash(checked) != be_u32(&raw, total - CHECKSUM_BYTES)? {
            return Err(FrameError::MessageChecksum);
        }
        let payload_start = PRELUDE_BYTES + be_u32(&raw, 4)? as usize;
        check_headers(raw.get(PRELUDE_BYTES..payload_start).ok_or(FrameError::Length)?)?;
        Ok(Frame { raw, payload_start })
    }
}

/// Cuts frames out of bytes that arrive in pieces of any size.
#[derive(Default)]
pub struct FrameDecoder {
    buffer: BytesMut,
}

impl FrameDecoder {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame; None when more bytes are needed.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        match frame_length(&self.buffer)? {
            Some(total) if self.buffer.len() >= total => {
                Frame::parse(self.buffer.split_to(total).freeze()).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The stream has ended: an error when it ended inside a frame.
    pub fn finish(&self) -> Result<(), FrameError> {
        if self.buffer.is_empty() { Ok(()) } else { Err(FrameError::Truncated) }
    }

    pub fn buffered_bytes(&self) -> usize {
        self.buffer.len()
    }
}

/// A frame with string headers only, which is all that services send in answers.
pub fn encode(headers: &[(&str, &str)], payload: &[u8], out: &mut Vec<u8>) {
    let mut block = Vec::with_capacity(64);
    for (name, value) in headers {
        // Names and values here are constants of the protocol, far below these widths.
        block.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        block.extend_from_slice(name.as_bytes());
        block.push(7);
        block.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        block.extend_from_slice(value.as_bytes());
    }
    assemble(&block, payload, out);
}

/// A frame with headers of any type. Names and values must have the widths the format allows.
pub fn encode_headers(headers: &[Header], payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
    let mut block = Vec::with_capacity(64);
    for Header { name, value } in headers {
        let name_length = u8::try_from(name.len()).ok().filter(|length| *length > 0);
        block.push(name_length.ok_or(FrameError::Headers)?);
        block.extend_from_slice(name.as_bytes());
        write_value(value, &mut block)?;
    }
    if block.len() > HEADERS_BYTES_MAX || payload.len() > PAYLOAD_BYTES_MAX {
        return Err(FrameError::Length);
    }
    assemble(&block, payload, out);
    Ok(())
}

fn write_value(value: &HeaderValue, block: &mut Vec<u8>) -> Result<(), FrameError> {
    let mut plain = |kind: u8, bytes: &[u8]| {
        block.push(kind);
        block.extend_from_slice(bytes);
    };
    match value {
        HeaderValue::Bool(true) => plain(0, &[]),
        HeaderValue::Bool(false) => plain(1, &[]),
        HeaderValue::Byte(number) => plain(2, &number.to_be_bytes()),
        HeaderValue::Short(number) => plain(3, &number.to_be_bytes()),
        HeaderValue::Integer(number) => plain(4, &number.to_be_bytes()),
        HeaderValue::Long(number) => plain(5, &number.to_be_bytes()),
        HeaderValue::Timestamp(milliseconds) => plain(8, &milliseconds.to_be_bytes()),
        HeaderValue::Uuid(bytes) => plain(9, bytes),
        HeaderValue::Bytes(bytes) => return write_sized(6, bytes, block),
        HeaderValue::String(text) => return write_sized(7, text.as_bytes(), block),
    }
    Ok(())
}

fn write_sized(kind: u8, bytes: &[u8], block: &mut Vec<u8>) -> Result<(), FrameError> {
    let length = u16::try_from(bytes.len()).ok().filter(|length| *length <= VALUE_BYTES_MAX);
    block.push(kind);
    block.extend_from_slice(&length.ok_or(FrameError::Headers)?.to_be_bytes());
    block.extend_from_slice(bytes);
    Ok(())
}

/// An event of a REST-JSON stream, headers in the order Bedrock sends them.
pub fn event(event_type: &str, payload: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(payload.len() + 96);
    let headers =
        [(":event-type", event_type), (":content-type", "application/json"), (":message-type", "event")];
    encode(&headers, payload, &mut out);
    Bytes::from(out)
}

/// A modelled exception. `exception_type` is the union member in exact camel case: anything else loses its code
/// and message in clients.
pub fn exception(exception_type: &str, message: &str) -> Bytes {
    let payload = format!("{{\"message\":{}}}", crate::json::quote(message));
    let mut out = Vec::with_capacity(payload.len() + 128);
    let headers = [
        (":exception-type", exception_type),
        (":content-type", "application/json"),
        (":message-type", "exception"),
    ];
    encode(&headers, payload.as_bytes(), &mut out);
    Bytes::from(out)
}

fn assemble(headers: &[u8], payload: &[u8], out: &mut Vec<u8>) {
    let begin = out.len();
    let total = OVERHEAD_BYTES + headers.len() + payload.len();
    out.extend_from_slice(&u32::try_from(total).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(&u32::try_from(headers.len()).unwrap_or(u32::MAX).to_be_bytes());
    let prelude = crc32fast::hash(out.get(begin..).unwrap_or_default());
    out.extend_from_slice(&prelude.to_be_bytes());
    out.extend_from_slice(headers);
    out.extend_from_slice(payload);
    let message = crc32fast::hash(out.get(begin..).unwrap_or_default());
    out.extend_from_slice(&message.to_be_bytes());
}

/// Total length by the prelude, once the prelude is whole and its checksum right.
fn frame_length(bytes: &[u8]) -> Result<Option<usize>, FrameError> {
    let Some(prelude) = bytes.get(..PRELUDE_BYTES) else { return Ok(None) };
    let (lengths, _) = prelude.split_at(8);
    if crc32fast::hash(lengths) != be_u32(prelude, 8)? {
        return Err(FrameError::PreludeChecksum);
    }
    let (total, headers) = (be_u32(prelude, 0)? as usize, be_u32(prelude, 4)? as usize);
    let payload = total.checked_sub(OVERHEAD_BYTES + headers).ok_or(FrameError::Length)?;
    if headers > HEADERS_BYTES_MAX || payload > PAYLOAD_BYTES_MAX {
        return Err(FrameError::Length);
    }
    Ok(Some(total))
}

/// Every header is whole, its value is one of its type, and no name stands twice.
fn check_headers(block: &[u8]) -> Result<(), FrameError> {
    for (index, header) in RawHeaders(block).enumerate() {
        let RawHeader { name, kind, value } = header?;
        let before = || RawHeaders(block).take(index).filter_map(Result::ok);
        if index >= HEADERS_MAX || before().any(|other| other.name == name) {
            return Err(FrameError::Headers);
        }
        if kind == STRING && std::str::from_utf8(value).is_err() {
            return Err(FrameError::Headers);
        }
    }
    Ok(())
}

const STRING: u8 = 7;

/// A header where it lies.
struct RawHeader<'b> {
    name: &'b str,
    kind: u8,
    value: &'b [u8],
}

/// The headers of a block one after another. After an error there are no more.
struct RawHeaders<'b>(&'b [u8]);

impl<'b> Iterator for RawHeaders<'b> {
    type Item = Result<RawHeader<'b>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = std::mem::take(&mut self.0);
        if rest.is_empty() {
            return None;
        }
        let header = read_header(&mut rest);
        if header.is_ok() {
            self.0 = rest;
        }
        Some(header)
    }
}

fn read_header<'b>(rest: &mut &'b [u8]) -> Result<RawHeader<'b>, FrameError> {
    let name_length = usize::from(byte(rest)?);
    let name = std::str::from_utf8(take(rest, name_length)?).map_err(|_| FrameError::Headers)?;
    if name.is_empty() {
        return Err(FrameError::Headers);
    }
    let kind = byte(rest)?;
    let width = match kind {
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 => 4,
        5 | 8 => 8,
        9 => 16,
        6 | STRING => usize::from(u16::from_be_bytes(fixed(take(rest, 2)?)?)),
        _ => return Err(FrameError::Headers),
    };
    Ok(RawHeader { name, kind, value: take(rest, width)? })
}

fn read_value(kind: u8, bytes: &[u8]) -> Result<HeaderValue, FrameError> {
    Ok(match kind {
        0 => HeaderValue::Bool(true),
        1 => HeaderValue::Bool(false),
        2 => HeaderValue::Byte(i8::from_be_bytes(fixed(bytes)?)),
        3 => HeaderValue::Short(i16::from_be_bytes(fixed(bytes)?)),
        4 => HeaderValue::Integer(i32::from_be_bytes(fixed(bytes)?)),
        5 => HeaderValue::Long(i64::from_be_bytes(fixed(bytes)?)),
        6 => HeaderValue::Bytes(Bytes::copy_from_slice(bytes)),
        STRING => {
            HeaderValue::String(std::str::from_utf8(bytes).map_err(|_| FrameError::Headers)?.to_owned())
        }
        8 => HeaderValue::Timestamp(i64::from_be_bytes(fixed(bytes)?)),
        _ => HeaderValue::Uuid(fixed(bytes)?),
    })
}

fn take<'b>(rest: &mut &'b [u8], count: usize) -> Result<&'b [u8], FrameError> {
    let (taken, left) = rest.split_at_checked(count).ok_or(FrameError::Headers)?;
    *rest = left;
    Ok(taken)
}

fn byte(rest: &mut &[u8]) -> Result<u8, FrameError> {
    take(rest, 1)?.first().copied().ok_or(FrameError::Headers)
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], FrameError> {
    bytes.try_into().map_err(|_| FrameError::Headers)
}

fn be_u32(bytes: &[u8], at: usize) -> Result<u32, FrameError> {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).ok_or(FrameError::Length)?;
    Ok(u32::from_be_bytes(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut out = Vec::new();
        for text in ["one", "", "three"] {
            out.extend_from_slice(&event("contentBlockDelta", text.as_bytes()));
        }
        out.extend_from_slice(&exception("throttlingException", "slow \"down\""));
        out
    }

    #[test]
    fn frames_come_out_the_same_however_the_bytes_are_cut() {
        let bytes = sample();
        for size in 1..bytes.len() {
            let mut decoder = FrameDecoder::default();
            let mut raw = Vec::new();
            let mut events = Vec::new();
            for piece in bytes.chunks(size) {
                decoder.push(piece);
                while let Some(frame) = decoder.next_frame().unwrap() {
                    raw.extend_from_slice(frame.raw());
                    let kind = frame.header(":event-type").or(frame.header(":exception-type")).unwrap();
                    events.push((kind.to_owned(), frame.payload().to_vec()));
                }
            }
            decoder.finish().unwrap();
            assert_eq!(raw, bytes);
            assert_eq!(events.len(), 4);
            assert_eq!(events[3].1, br#"{"message":"slow \"down\""}"#);
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_is_refused() {
        let bytes = event("contentBlockDelta", b"{\"delta\":1}");
        for at in 0..bytes.len() {
            let mut bad = bytes.to_vec();
            bad[at] ^= 0x10;
            let mut decoder = FrameDecoder::default();
            decoder.push(&bad);
            let outcome = decoder.next_frame();
            let refused = matches!(outcome, Err(FrameError::PreludeChecksum | FrameError::MessageChecksum));
            assert!(refused, "byte {at}");
        }
    }

    #[test]
    fn an_end_inside_a_frame_is_an_error() {
        let bytes = event("x", b"payload");
        let mut decoder = FrameDecoder::default();
        decoder.push(&bytes[..bytes.len() - 1]);
        assert!(decoder.next_frame().unwrap().is_none());
        assert_eq!(decoder.finish(), Err(FrameError::Truncated));
    }

    #[test]
    fn another_payload_keeps_the_headers_and_checks_out() {
        let frame = Frame::parse(event("chunk", b"{\"bytes\":\"\"}")).unwrap();
        let changed = frame.with_payload(b"{}");
        let again = Frame::parse(changed.raw().clone()).unwrap();
        assert_eq!(again.payload(), b"{}");
        assert_eq!(again.headers(), frame.headers());
        assert_eq!(frame.with_payload(frame.payload()).raw(), frame.raw());
    }

    #[test]
    fn headers_of_every_type_are_written_as_they_are_read() {
        let values = [
            HeaderValue::Bool(true),
            HeaderValue::Bool(false),
            HeaderValue::Byte(-2),
            HeaderValue::Short(-300),
            HeaderValue::Integer(70_000),
            HeaderValue::Long(-5_000_000_000),
            HeaderValue::Bytes(Bytes::from_static(b"\x00\xff")),
            HeaderValue::String("text".to_owned()),
            HeaderValue::Timestamp(1_795_358_455_000),
            HeaderValue::Uuid([7; 16]),
        ];
        let name = |(index, value): (usize, HeaderValue)| Header { name: format!("h{index}"), value };
        let headers: Vec<Header> = values.into_iter().enumerate().map(name).collect();
        let mut raw = Vec::new();
        encode_headers(&headers, b"payload", &mut raw).unwrap();
        let frame = Frame::parse(Bytes::from(raw)).unwrap();
        assert_eq!(frame.headers(), headers);
        assert_eq!(frame.payload(), b"payload");
        assert_eq!(frame.header_value("h8"), Some(HeaderValue::Timestamp(1_795_358_455_000)));
        assert_eq!(frame.header_value("h10"), None);
    }

    #[test]
    fn headers_that_are_cut_twice_there_or_too_many_are_refused() {
        let block = |headers: &[(&str, &str)]| {
            let mut raw = Vec::new();
            encode(headers, b"{}", &mut raw);
            Frame::parse(Bytes::from(raw)).map(|_| ())
        };
        assert_eq!(block(&[("a", "1"), ("b", "1")]), Ok(()));
        assert_eq!(block(&[("a", "1"), ("a", "2")]), Err(FrameError::Headers));
        assert_eq!(block(&[("", "1")]), Err(FrameError::Headers));
        let names: Vec<String> = (0..=HEADERS_MAX).map(|number| number.to_string()).collect();
        let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
        assert_eq!(block(&many), Err(FrameError::Headers));
        assert_eq!(block(&many[..HEADERS_MAX]), Ok(()));
        for bytes in [
            &b"\x01a\x07\x00\x05ab"[..],
            b"\x05a",
            b"\x01a",
            b"\x01a\x0a",
            b"\x01\xff\x00",
            b"\x01a\x07\x00\x01\xff",
        ] {
            let mut raw = Vec::new();
            assemble(bytes, b"{}", &mut raw);
            assert_eq!(Frame::parse(Bytes::from(raw)).err(), Some(FrameError::Headers));
        }
    }

    #[test]
    fn headers_wider_than_the_format_are_not_written() {
        let header = |name: &str, bytes: usize| Header {
            name: name.to_owned(),
            value: HeaderValue::Bytes(Bytes::from(vec![0; bytes])),
        };
        for (header, written) in [
            (header("a", 32_767), true),
            (header("a", 32_768), false),
            (header("", 1), false),
            (header(&"a".repeat(255), 1), true),
            (header(&"a".repeat(256), 1), false),
        ] {
            assert_eq!(encode_headers(&[header], b"", &mut Vec::new()).is_ok(), written);
        }
    }
}
