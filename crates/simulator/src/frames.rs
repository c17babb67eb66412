//! Builds the event stream of one answer and damages it where a directive says so. Knows frames and their
//! padding; what the payloads mean is the families' affair.

use std::fmt;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use hardpan_inference::stream::event_stream::encode;

use crate::directives::StreamFault;
use crate::text::Sequence;

/// Bedrock pads each payload with a beginning of this, of changing length, against traffic analysis.
const PADDING: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// Deltas sent before an exception or a cut.
const DELTAS_BEFORE_FAULT: usize = 2;
/// The frame whose checksum is spoilt, counted from zero.
const SPOILT_FRAME: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// The message begins.
    Opening,
    Delta,
    /// A block begins or ends.
    Boundary,
    /// From the end of the message on; left out by a stream that ends early.
    Closing,
}

/// A stream under construction.
pub(crate) struct Frames {
    bytes: Vec<u8>,
    marks: Vec<Mark>,
    padding: Sequence,
    /// Scratch space, reused from frame to frame.
    payload: String,
    object: String,
}

struct Mark {
    end: usize,
    kind: FrameKind,
}

/// A finished stream.
pub(crate) struct FrameStream {
    pub(crate) bytes: Bytes,
    /// Where each frame ends; the last one is the length.
    pub(crate) ends: Vec<usize>,
    /// The transport breaks after the last byte instead of ending.
    pub(crate) is_broken: bool,
}

impl Frames {
    pub(crate) fn new(seed: u64) -> Self {
        Frames {
            bytes: Vec::with_capacity(4096),
            marks: Vec::new(),
            padding: Sequence::new(seed),
            payload: String::new(),
            object: String::new(),
        }
    }

    /// A Converse event. `members` are those of its payload, without the braces.
    pub(crate) fn event(&mut self, kind: FrameKind, name: &str, members: fmt::Arguments<'_>) {
        let padding = self.padding();
        self.payload.clear();
        // Writing to a string cannot fail.
        let _ = write!(self.payload, "{{{members},\"p\":\"{padding}\"}}");
        self.push(kind, name);
    }

    /// An InvokeModel chunk. `members` are those of the provider's object, without the braces.
    pub(crate) fn chunk(&mut self, kind: FrameKind, members: fmt::Arguments<'_>) {
        let padding = self.padding();
        self.object.clear();
        let _ = write!(self.object, "{{{members}}}");
        self.payload.clear();
        self.payload.push_str("{\"bytes\":\"");
        STANDARD.encode_string(&self.object, &mut self.payload);
        let _ = write!(self.payload, "\",\"p\":\"{padding}\"}}");
        self.push(kind, "chunk");
    }

    fn padding(&mut self) -> &'static str {
        PADDING.get(..self.padding.within(1, PADDING.len())).unwrap_or_default()
    }

    fn push(&mut self, kind: FrameKind, name: &str) {
        let headers =
            [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")];
        encode(&headers, self.payload.as_bytes(), &mut self.bytes);
        self.marks.push(Mark { end: self.bytes.len(), kind });
    }

    pub(crate) fn finish(mut self, fault: Option<&StreamFault>) -> FrameStream {
        match fault {
            None => {}
            Some(StreamFault::Exception(name)) => self.end_with_exception(name),
            Some(StreamFault::Cut) => self.cut_inside_a_frame(),
            Some(StreamFault::BadChecksum) => self.spoil_a_checksum(),
            Some(StreamFault::EndEarly) => self.keep(self.frames_before_closing()),
        }
        FrameStream {
            bytes: Bytes::from(self.bytes),
            ends: self.marks.iter().map(|mark| mark.end).collect(),
            is_broken: matches!(fault, Some(StreamFault::Cut)),
        }
    }

    fn end_with_exception(&mut self, name: &str) {
        self.keep(self.frames_before_fault());
        let headers = [
            (":exception-type", name),
            (":content-type", "application/json"),
            (":message-type", "exception"),
        ];
        encode(&headers, br#"{"message":"The simulator was asked for this exception."}"#, &mut self.bytes);
        self.marks.push(Mark { end: self.bytes.len(), kind: FrameKind::Closing });
    }

    fn cut_inside_a_frame(&mut self) {
        let kept = self.frames_before_fault();
        let start = self.start_of(kept);
        let end = self.marks.get(kept).map_or(start, |mark| mark.end);
        let cut = start.midpoint(end);
        self.bytes.truncate(cut);
        self.marks.truncate(kept);
        if cut > start {
            self.marks.push(Mark { end: cut, kind: FrameKind::Closing });
        }
    }

    /// The message checksum is a frame's last four bytes.
    fn spoil_a_checksum(&mut self) {
        let spoilt = SPOILT_FRAME.min(self.marks.len().saturating_sub(1));
        let end = self.marks.get(spoilt).map_or(0, |mark| mark.end);
        if let Some(byte) = end.checked_sub(1).and_then(|last| self.bytes.get_mut(last)) {
            *byte ^= 0xff;
        }
    }

    fn keep(&mut self, frames: usize) {
        self.bytes.truncate(self.start_of(frames));
        self.marks.truncate(frames);
    }

    /// Where the frame of this number begins.
    fn start_of(&self, frame: usize) -> usize {
        let before = frame.min(self.marks.len()).checked_sub(1);
        before.and_then(|before| self.marks.get(before)).map_or(0, |mark| mark.end)
    }

    /// Up to the second delta, or the last one there is, or the first frame.
    fn frames_before_fault(&self) -> usize {
        let deltas = self.marks.iter().enumerate().filter(|(_, mark)| mark.kind == FrameKind::Delta);
        deltas.take(DELTAS_BEFORE_FAULT).last().map_or(1, |(index, _)| index + 1)
    }

    fn frames_before_closing(&self) -> usize {
        self.marks.iter().take_while(|mark| mark.kind != FrameKind::Closing).count()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::Value;

    use super::*;

    /// Takes a stream apart by the lengths its frames state: header bytes and payload.
    pub(crate) fn split(stream: &[u8]) -> Vec<(String, Value)> {
        let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap()) as usize;
        let mut frames = Vec::new();
        let mut rest = stream;
        while !rest.is_empty() {
            let (frame, tail) = rest.split_at(number(&rest[..4]));
            let (headers, payload) = frame[12..frame.len() - 4].split_at(number(&frame[4..8]));
            frames.push((
                String::from_utf8_lossy(headers).into_owned(),
                serde_json::from_slice(payload).unwrap(),
            ));
            rest = tail;
        }
        frames
    }

    /// The provider's objects inside the chunks of a stream.
    pub(crate) fn chunks(stream: &[u8]) -> Vec<Value> {
        let object = |(_, payload): (String, Value)| {
            let bytes = STANDARD.decode(payload["bytes"].as_str().unwrap()).unwrap();
            serde_json::from_slice(&bytes).unwrap()
        };
        split(stream).into_iter().map(object).collect()
    }

    fn frames() -> Frames {
        let mut frames = Frames::new(3);
        frames.event(FrameKind::Opening, "open", format_args!("\"n\":0"));
        for number in 1..=4 {
            frames.event(FrameKind::Delta, "delta", format_args!("\"n\":{number}"));
        }
        frames.event(FrameKind::Boundary, "stop", format_args!("\"n\":5"));
        frames.event(FrameKind::Closing, "end", format_args!("\"n\":6"));
        frames
    }

    fn numbers(stream: &[u8]) -> Vec<u64> {
        split(stream).iter().filter_map(|(_, payload)| payload["n"].as_u64()).collect()
    }

    #[test]
    fn frames_carry_headers_members_and_padding() {
        let stream = frames().finish(None);
        assert_eq!(stream.ends.len(), 7);
        assert_eq!(stream.ends.last(), Some(&stream.bytes.len()));
        assert_eq!(numbers(&stream.bytes), [0, 1, 2, 3, 4, 5, 6]);
        let frames = split(&stream.bytes);
        assert!(frames.iter().all(|(headers, payload)| {
            headers.contains(":event-type") && PADDING.starts_with(payload["p"].as_str().unwrap())
        }));
        assert!(!stream.is_broken);
    }

    #[test]
    fn chunks_carry_the_object_in_base64() {
        let mut frames = Frames::new(3);
        frames.chunk(FrameKind::Delta, format_args!("\"n\":1"));
        let stream = frames.finish(None);
        assert_eq!(chunks(&stream.bytes), [serde_json::json!({"n": 1})]);
    }

    #[test]
    fn an_exception_follows_two_deltas_and_ends_the_stream() {
        let stream = frames().finish(Some(&StreamFault::Exception("throttlingException".to_owned())));
        assert_eq!(numbers(&stream.bytes), [0, 1, 2]);
        let (headers, payload) = split(&stream.bytes).pop().unwrap();
        assert!(headers.contains(":exception-type") && headers.contains("throttlingException"));
        assert!(payload["message"].is_string());
        assert!(!stream.is_broken);
    }

    #[test]
    fn a_cut_falls_inside_the_frame_after_two_deltas() {
        let whole = frames().finish(None);
        let cut = frames().finish(Some(&StreamFault::Cut));
        assert!(cut.is_broken);
        assert!(cut.bytes.len() > whole.ends[2] && cut.bytes.len() < whole.ends[3]);
        assert!(whole.bytes.starts_with(&cut.bytes));
    }

    #[test]
    fn a_bad_checksum_is_all_that_is_wrong() {
        let whole = frames().finish(None);
        let spoilt = frames().finish(Some(&StreamFault::BadChecksum));
        let differing: Vec<usize> =
            (0..whole.bytes.len()).filter(|at| whole.bytes[*at] != spoilt.bytes[*at]).collect();
        assert_eq!(differing, [whole.ends[2] - 1]);
    }

    #[test]
    fn a_stream_can_end_before_its_closing() {
        let stream = frames().finish(Some(&StreamFault::EndEarly));
        assert_eq!(numbers(&stream.bytes), [0, 1, 2, 3, 4, 5]);
        assert!(!stream.is_broken);
    }

    #[test]
    fn faults_cope_with_streams_without_deltas() {
        for fault in [
            StreamFault::Cut,
            StreamFault::BadChecksum,
            StreamFault::EndEarly,
            StreamFault::Exception("x".to_owned()),
        ] {
            let mut frames = Frames::new(1);
            frames.event(FrameKind::Opening, "open", format_args!("\"n\":0"));
            let stream = frames.finish(Some(&fault));
            assert_eq!(stream.ends.last(), Some(&stream.bytes.len()));
            assert!(Frames::new(1).finish(Some(&fault)).ends.len() <= 1);
        }
    }
}
