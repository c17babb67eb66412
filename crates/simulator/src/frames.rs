//! Builds the stream of one answer and damages it where a directive says so: AWS event-stream frames,
//! server-sent events, lines of JSON, or frames of raw bytes. Knows framing and padding; what the payloads
//! mean is the families' affair.

use std::fmt;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;

use hardpan_inference::stream::event_stream::encode;

use crate::directives::StreamFault;
use crate::text::Sequence;

/// Bedrock pads each payload with a beginning of this, of changing length, against traffic analysis.
const PADDING: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// Deltas sent before an exception or a cut.
const DELTAS_BEFORE_FAULT: usize = 2;
/// The frame whose checksum is spoilt, counted from zero.
const SPOILT_FRAME: usize = 2;
/// Longest part of an ordinary endpoint stream; short enough that lines and characters come apart.
const PART_BYTES_MAX: usize = 40;
/// Long streams get longer parts, so that none takes more than about twice this many.
const LONG_STREAM_PARTS: usize = 4_096;
/// Where the cuts of the parts start from; any number serves.
const PART_SEED: u64 = 8_443;
const FAULT_MESSAGE: &str = "The simulator was asked for this exception.";
const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// How a stream looks on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// AWS event-stream frames with JSON in them.
    Events,
    /// AWS event-stream frames of raw bytes, cut anywhere.
    Parts,
    /// Server-sent events without names.
    Sse,
    /// The same without the space after the colon, as TGI writes them.
    TightSse,
    /// Server-sent events, each named by the `type` of its object.
    NamedSse,
    /// One JSON object a line.
    JsonLines,
}

impl Wire {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Wire::Events | Wire::Parts => EVENT_STREAM,
            Wire::Sse | Wire::TightSse | Wire::NamedSse => "text/event-stream",
            Wire::JsonLines => "application/jsonlines",
        }
    }
}

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
    wire: Wire,
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
        Frames::on(Wire::Events, seed)
    }

    pub(crate) fn on(wire: Wire, seed: u64) -> Self {
        Frames {
            wire,
            bytes: Vec::with_capacity(4096),
            marks: Vec::new(),
            padding: Sequence::new(seed),
            payload: String::new(),
            object: String::new(),
        }
    }

    pub(crate) fn wire(&self) -> Wire {
        self.wire
    }

    /// A Converse event. `members` are those of its payload, without the braces.
    pub(crate) fn event(&mut self, kind: FrameKind, name: &str, members: fmt::Arguments<'_>) {
        let padding = self.padding();
        self.payload.clear();
        // Writing to a string cannot fail.
        let _ = write!(self.payload, "{{{members},\"p\":\"{padding}\"}}");
        self.push(kind, name);
    }

    /// An event without padding, as the agent services send them.
    pub(crate) fn plain_event(&mut self, kind: FrameKind, name: &str, payload: &Value) {
        self.payload.clear();
        let _ = write!(self.payload, "{payload}");
        self.push(kind, name);
    }

    /// One object of the provider's: an InvokeModel chunk, a server-sent event or a line. `members` are those
    /// of the object, without the braces.
    pub(crate) fn chunk(&mut self, kind: FrameKind, members: fmt::Arguments<'_>) {
        self.object.clear();
        let _ = write!(self.object, "{{{members}}}");
        match self.wire {
            Wire::Events | Wire::Parts => self.push_chunk(kind),
            Wire::Sse => self.line(kind, "data: ", "\n\n"),
            Wire::TightSse => self.line(kind, "data:", "\n\n"),
            Wire::NamedSse => self.named_event(kind),
            Wire::JsonLines => self.line(kind, "", "\n"),
        }
    }

    /// The same for an object at hand; `more` are further members, each with a leading comma.
    pub(crate) fn object(&mut self, kind: FrameKind, object: &Value, more: &str) {
        let text = object.to_string();
        let members = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or_default();
        self.chunk(kind, format_args!("{members}{more}"));
    }

    /// A data line with any text in it.
    pub(crate) fn data(&mut self, kind: FrameKind, text: fmt::Arguments<'_>) {
        self.object.clear();
        let _ = write!(self.object, "{text}");
        self.line(kind, "data: ", "\n\n");
    }

    /// Bytes without any form.
    pub(crate) fn raw(&mut self, kind: FrameKind, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.marks.push(Mark { end: self.bytes.len(), kind });
    }

    /// The line that ends an OpenAI stream; other wires have none.
    pub(crate) fn done(&mut self) {
        if self.wire == Wire::Sse {
            self.raw(FrameKind::Closing, "data: [DONE]\n\n");
        }
    }

    /// The stream so far as the bytes of a container, in `PayloadPart` frames whose cuts mean nothing.
    pub(crate) fn into_parts(self) -> Frames {
        let longest = PART_BYTES_MAX.max(self.bytes.len() / LONG_STREAM_PARTS);
        let mut cuts = Sequence::new(PART_SEED);
        let mut parts = Frames::on(Wire::Parts, PART_SEED);
        let mut rest = self.bytes.as_slice();
        while !rest.is_empty() {
            let end = cuts.within(1, longest).min(rest.len());
            let (part, tail) = rest.split_at_checked(end).unwrap_or((rest, Default::default()));
            let headers = [
                (":event-type", "PayloadPart"),
                (":content-type", "application/octet-stream"),
                (":message-type", "event"),
            ];
            encode(&headers, part, &mut parts.bytes);
            let kind = if tail.is_empty() { FrameKind::Closing } else { FrameKind::Delta };
            parts.marks.push(Mark { end: parts.bytes.len(), kind });
            rest = tail;
        }
        parts
    }

    fn push_chunk(&mut self, kind: FrameKind) {
        let padding = self.padding();
        self.payload.clear();
        self.payload.push_str("{\"bytes\":\"");
        STANDARD.encode_string(&self.object, &mut self.payload);
        let _ = write!(self.payload, "\",\"p\":\"{padding}\"}}");
        self.push(kind, "chunk");
    }

    fn named_event(&mut self, kind: FrameKind) {
        let mut words = self.object.split('"').skip(1);
        if let (Some("type"), Some(_), Some(name)) = (words.next(), words.next(), words.next()) {
            let line = format!("event: {name}\n");
            self.bytes.extend_from_slice(line.as_bytes());
        }
        self.line(kind, "data: ", "\n\n");
    }

    fn line(&mut self, kind: FrameKind, before: &str, after: &str) {
        for text in [before, self.object.as_str(), after] {
            self.bytes.extend_from_slice(text.as_bytes());
        }
        self.marks.push(Mark { end: self.bytes.len(), kind });
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
        let kind = FrameKind::Closing;
        match self.wire {
            Wire::Events => {
                let payload = format!("{{\"message\":\"{FAULT_MESSAGE}\"}}");
                encode(&headers, payload.as_bytes(), &mut self.bytes);
                self.marks.push(Mark { end: self.bytes.len(), kind });
            }
            Wire::Parts => {
                let payload = format!("{{\"Message\":\"{FAULT_MESSAGE}\",\"ErrorCode\":\"StreamBroken\"}}");
                encode(&headers, payload.as_bytes(), &mut self.bytes);
                self.marks.push(Mark { end: self.bytes.len(), kind });
            }
            Wire::Sse | Wire::TightSse | Wire::JsonLines => self.chunk(
                kind,
                format_args!(
                    "\"error\":{{\"message\":\"{FAULT_MESSAGE}\",\"type\":\"{name}\",\"code\":null,\
                     \"param\":null}}"
                ),
            ),
            // Anthropic reads `error`, OpenAI's Responses read `code` and `message`.
            Wire::NamedSse => self.chunk(
                kind,
                format_args!(
                    "\"type\":\"error\",\"error\":{{\"type\":\"{name}\",\"message\":\"{FAULT_MESSAGE}\"}},\
                     \"code\":\"{name}\",\"message\":\"{FAULT_MESSAGE}\""
                ),
            ),
        }
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

    /// The message checksum is a frame's last four bytes. Other wires than frames have none.
    fn spoil_a_checksum(&mut self) {
        if !matches!(self.wire, Wire::Events | Wire::Parts) {
            return;
        }
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

    /// The texts inside an agent's chunks, joined.
    pub(crate) fn chunks_text(stream: &[u8]) -> String {
        let bytes = split(stream)
            .into_iter()
            .filter_map(|(_, payload)| STANDARD.decode(payload["bytes"].as_str()?).ok());
        String::from_utf8(bytes.flatten().collect()).unwrap()
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

    /// The objects of a stream of server-sent events or lines, with the events' names.
    pub(crate) fn objects(stream: &[u8]) -> Vec<(String, Value)> {
        let mut name = String::new();
        let mut objects = Vec::new();
        for line in std::str::from_utf8(stream).unwrap().lines() {
            if let Some(event) = line.strip_prefix("event: ") {
                name = event.to_owned();
            }
            let data = line.strip_prefix("data:").map_or(line, str::trim_start);
            if let Ok(object) = serde_json::from_str(data) {
                objects.push((std::mem::take(&mut name), object));
            }
        }
        objects
    }

    #[test]
    fn every_wire_has_its_own_lines() {
        for (wire, expected) in [
            (Wire::Sse, "data: {\"type\":\"a\"}\n\ndata: [DONE]\n\n"),
            (Wire::TightSse, "data:{\"type\":\"a\"}\n\n"),
            (Wire::NamedSse, "event: a\ndata: {\"type\":\"a\"}\n\n"),
            (Wire::JsonLines, "{\"type\":\"a\"}\n"),
        ] {
            let mut frames = Frames::on(wire, 1);
            frames.chunk(FrameKind::Delta, format_args!("\"type\":\"a\""));
            frames.done();
            assert_eq!(frames.finish(None).bytes, expected, "{wire:?}");
        }
    }

    #[test]
    fn an_exception_on_lines_is_an_error_object() {
        for wire in [Wire::Sse, Wire::NamedSse, Wire::JsonLines] {
            let mut frames = Frames::on(wire, 1);
            for number in 0..4 {
                frames.chunk(FrameKind::Delta, format_args!("\"n\":{number}"));
            }
            let stream = frames.finish(Some(&StreamFault::Exception("serverError".to_owned())));
            let objects = objects(&stream.bytes);
            assert_eq!(objects.len(), 3);
            assert_eq!(objects[2].1["error"]["type"], "serverError");
        }
    }

    #[test]
    fn parts_join_to_the_bytes_and_cut_characters() {
        let mut frames = Frames::on(Wire::JsonLines, 1);
        frames.raw(FrameKind::Delta, &"€𝄞é".repeat(200));
        let whole = frames.bytes.clone();
        let parts = frames.into_parts().finish(None).bytes;
        let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap()) as usize;
        let (mut joined, mut has_broken_character, mut rest) = (Vec::new(), false, parts.as_ref());
        while !rest.is_empty() {
            let (frame, tail) = rest.split_at(number(&rest[..4]));
            let part = &frame[12 + number(&frame[4..8])..frame.len() - 4];
            has_broken_character |= std::str::from_utf8(part).is_err();
            joined.extend_from_slice(part);
            rest = tail;
        }
        assert_eq!(joined, whole);
        assert!(has_broken_character);
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
