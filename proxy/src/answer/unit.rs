//! The units a streamed answer comes in, whatever carries them: event-stream frames, server-sent events, lines or
//! plain text, the last three also inside SageMaker's `PayloadPart` frames, whose bytes are cut anywhere.
//!
//! A unit that nothing changes leaves as the bytes it came in.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use hardpan_inference::edit::{self, Edit};
use hardpan_inference::json::{Document, JsonLimits, quote};
use hardpan_inference::request::Dialect;
use hardpan_inference::stream::event_stream::{self, Frame, FrameDecoder};
use hardpan_inference::stream::lines::{LineDecoder, TextDecoder};
use hardpan_inference::stream::sse::{self, SseDecoder, SseEvent};

use crate::refusal::Refusal;

const PART: &str = "PayloadPart";
/// Far below what SageMaker allows.
const PART_BYTES_MAX: usize = 512 << 10;
/// How long the first line inside parts may be and still be taken for a line.
const FIRST_LINE_BYTES_MAX: usize = 64 << 10;

/// How a stream's bytes are cut into units.
pub struct Units {
    outer: Outer,
    limits: JsonLimits,
    /// Frames go by whole; what they carry is only overheard.
    transparent: bool,
}

enum Outer {
    Frames { decoder: FrameDecoder, parts: Option<Parts> },
    Sse(SseDecoder),
    Text(TextDecoder),
}

/// Bytes inside `PayloadPart` frames.
struct Parts {
    inner: Inner,
    /// Frames built anew take their headers from this one.
    template: Frame,
}

enum Inner {
    /// Too little has come to tell.
    Unknown(BytesMut),
    Sse(SseDecoder),
    Lines(LineDecoder),
    Text {
        decoder: TextDecoder,
        is_json: bool,
    },
}

pub struct Unit {
    pub raw: Bytes,
    carrier: Carrier,
}

enum Carrier {
    Frame(Frame),
    Sse(SseEvent),
    Line,
    Text { is_json: bool },
}

/// What a unit says.
pub enum Content<'u> {
    Json(Cow<'u, [u8]>),
    /// Text of one lane. `nested_json`: it is a piece of JSON.
    Text {
        text: Cow<'u, str>,
        nested_json: bool,
    },
    /// The stream's end, in words of its own.
    Done,
    /// Nothing to read: a comment, a blank line.
    Nothing,
    /// The service ended the stream with this exception.
    Exception(String),
}

impl Units {
    pub fn new(content_type: &str, limits: JsonLimits, transparent: bool) -> Self {
        let outer = if content_type.starts_with("application/vnd.amazon.eventstream") {
            Outer::Frames { decoder: FrameDecoder::default(), parts: None }
        } else if content_type.starts_with("text/event-stream") {
            Outer::Sse(SseDecoder::default())
        } else {
            Outer::Text(TextDecoder::default())
        };
        Self { outer, limits, transparent }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        match &mut self.outer {
            Outer::Frames { decoder, .. } => decoder.push(bytes),
            Outer::Sse(decoder) => decoder.push(bytes),
            Outer::Text(decoder) => decoder.push(bytes),
        }
    }

    pub fn next(&mut self) -> Result<Option<Unit>, Refusal> {
        match &mut self.outer {
            Outer::Sse(decoder) => Ok(decoder.next_event().map(Unit::sse)),
            Outer::Text(decoder) => Ok(decoder.next_text().map(|raw| Unit::text(raw, false))),
            Outer::Frames { decoder, parts } => loop {
                if !self.transparent
                    && let Some(unit) = parts.as_mut().and_then(|parts| parts.inner.next(self.limits))
                {
                    return Ok(Some(unit));
                }
                let Some(frame) = decoder.next_frame()? else { return Ok(None) };
                if frame.header(":event-type") != Some(PART) || frame.header(":message-type") != Some("event")
                {
                    return Ok(Some(Unit::frame(frame)));
                }
                match parts {
                    Some(parts) => parts.inner.push(frame.payload()),
                    None => {
                        let inner = Inner::Unknown(BytesMut::from(frame.payload()));
                        *parts = Some(Parts { inner, template: frame.clone() });
                    }
                }
                if self.transparent {
                    return Ok(Some(Unit::frame(frame)));
                }
            },
        }
    }

    /// The bytes have ended: the unit they may have ended in.
    pub fn finish(&mut self) -> Result<Option<Unit>, Refusal> {
        match &mut self.outer {
            Outer::Sse(decoder) => Ok(decoder.finish().map(Unit::sse)),
            Outer::Text(decoder) => Ok(decoder.finish().map(|raw| Unit::text(raw, false))),
            Outer::Frames { decoder, parts } => {
                decoder.finish()?;
                let inner = parts.as_mut().filter(|_| !self.transparent);
                Ok(inner.and_then(|parts| parts.inner.finish()))
            }
        }
    }

    /// The next unit inside frames that go by whole.
    pub fn overheard(&mut self) -> Option<Unit> {
        match &mut self.outer {
            Outer::Frames { parts: Some(parts), .. } if self.transparent => parts.inner.next(self.limits),
            _ => None,
        }
    }

    /// Puts what leaves into the frames it belongs in.
    pub fn wrap(&self, units: &[u8], out: &mut BytesMut) {
        match &self.outer {
            Outer::Frames { parts: Some(parts), .. } => {
                for part in units.chunks(PART_BYTES_MAX) {
                    out.extend_from_slice(parts.template.with_payload(part).raw());
                }
            }
            _ => out.extend_from_slice(units),
        }
    }

    pub fn is_framed(&self) -> bool {
        matches!(self.outer, Outer::Frames { .. })
    }

    /// Bytes that came and are no unit yet.
    pub fn buffered_bytes(&self) -> usize {
        match &self.outer {
            // A frame's length is bounded by its format.
            Outer::Frames { parts: None, .. } | Outer::Text(_) => 0,
            Outer::Frames { parts: Some(parts), .. } => match &parts.inner {
                Inner::Unknown(bytes) => bytes.len(),
                Inner::Sse(decoder) => decoder.buffered_bytes(),
                Inner::Lines(decoder) => decoder.buffered_bytes(),
                Inner::Text { .. } => 0,
            },
            Outer::Sse(decoder) => decoder.buffered_bytes(),
        }
    }
}

impl Inner {
    fn push(&mut self, bytes: &[u8]) {
        match self {
            Inner::Unknown(buffer) => buffer.extend_from_slice(bytes),
            Inner::Sse(decoder) => decoder.push(bytes),
            Inner::Lines(decoder) => decoder.push(bytes),
            Inner::Text { decoder, .. } => decoder.push(bytes),
        }
    }

    fn next(&mut self, limits: JsonLimits) -> Option<Unit> {
        if let Inner::Unknown(buffer) = self {
            let known = Inner::tell(buffer, limits, false)?;
            *self = known;
        }
        match self {
            Inner::Unknown(_) => None,
            Inner::Sse(decoder) => decoder.next_event().map(Unit::sse),
            Inner::Lines(decoder) => decoder.next_line().map(Unit::line),
            Inner::Text { decoder, is_json } => {
                let is_json = *is_json;
                decoder.next_text().map(|raw| Unit::text(raw, is_json))
            }
        }
    }

    fn finish(&mut self) -> Option<Unit> {
        if let Inner::Unknown(buffer) = self {
            let known = Inner::tell(buffer, JsonLimits::default(), true)?;
            *self = known;
            // Everything that came is in there now; what is whole comes first.
            return self.next(JsonLimits::default()).or_else(|| self.finish());
        }
        match self {
            Inner::Unknown(_) => None,
            Inner::Sse(decoder) => decoder.finish().map(Unit::sse),
            Inner::Lines(decoder) => decoder.finish().map(Unit::line),
            Inner::Text { decoder, is_json } => {
                let is_json = *is_json;
                decoder.finish().map(|raw| Unit::text(raw, is_json))
            }
        }
    }

    /// What the bytes are, by how they begin: fields of server-sent events, a JSON object on a line, or neither.
    fn tell(buffer: &[u8], limits: JsonLimits, ended: bool) -> Option<Inner> {
        let start = buffer.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let begun = buffer.get(start..).unwrap_or_default();
        let fields = [&b"data:"[..], b"event:", b"id:", b"retry:", b":"];
        let mut inner = if fields.iter().any(|field| begun.starts_with(field)) {
            Inner::Sse(SseDecoder::default())
        } else if !ended && fields.iter().any(|field| field.starts_with(begun)) {
            return None;
        } else {
            let is_json = matches!(begun.first(), Some(b'{' | b'['));
            let line = memchr::memchr(b'\n', begun).and_then(|end| begun.get(..end));
            let waits = is_json && line.is_none() && !ended && begun.len() < FIRST_LINE_BYTES_MAX;
            if waits {
                return None;
            }
            match line.or(ended.then_some(begun)) {
                Some(line) if is_json && Document::parse(line.trim_ascii(), limits).is_ok() => {
                    Inner::Lines(LineDecoder::default())
                }
                _ => Inner::Text { decoder: TextDecoder::default(), is_json },
            }
        };
        inner.push(buffer);
        Some(inner)
    }
}

impl Unit {
    fn frame(frame: Frame) -> Self {
        Self { raw: frame.raw().clone(), carrier: Carrier::Frame(frame) }
    }

    fn sse(event: SseEvent) -> Self {
        Self { raw: event.raw().clone(), carrier: Carrier::Sse(event) }
    }

    fn line(raw: Bytes) -> Self {
        Self { raw, carrier: Carrier::Line }
    }

    fn text(raw: Bytes, is_json: bool) -> Self {
        Self { raw, carrier: Carrier::Text { is_json } }
    }

    /// Stands where a unit was taken out.
    pub fn empty() -> Self {
        Self::line(Bytes::new())
    }

    /// Whether this is an event, rather than blank lines or a comment.
    pub fn is_event(&self) -> bool {
        matches!(&self.carrier, Carrier::Sse(event) if event.data().is_some())
    }

    pub fn is_frame(&self) -> bool {
        matches!(self.carrier, Carrier::Frame(_))
    }

    /// The frame's `:event-type`; empty for what is no frame.
    pub fn event_type(&self) -> &str {
        match &self.carrier {
            Carrier::Frame(frame) => frame.header(":event-type").unwrap_or_default(),
            _ => "",
        }
    }

    /// None for content that cannot be read.
    pub fn content(&self, dialect: Dialect, limits: JsonLimits) -> Option<Content<'_>> {
        match &self.carrier {
            Carrier::Frame(frame) if frame.header(":message-type") != Some("event") => {
                let code = frame.header(":exception-type").or(frame.header(":error-code"));
                Some(Content::Exception(code.unwrap_or("error").to_owned()))
            }
            Carrier::Frame(frame) => frame_content(frame, dialect, limits),
            Carrier::Sse(event) => {
                let Some(data) = event.data() else { return Some(Content::Nothing) };
                let text = data.trim_ascii();
                if text == b"[DONE]" {
                    return Some(Content::Done);
                }
                if Document::parse(text, limits).is_ok() {
                    return Some(Content::Json(data));
                }
                // What looks like JSON and is none could hide what a guard looks for.
                if looks_like_json(text) || speaks_json(dialect) { None } else { plain(data, false) }
            }
            Carrier::Line if self.raw.trim_ascii().is_empty() => Some(Content::Nothing),
            Carrier::Line => match Document::parse(self.raw.trim_ascii(), limits) {
                Ok(_) => Some(Content::Json(Cow::Borrowed(&self.raw))),
                Err(_) if looks_like_json(&self.raw) => None,
                Err(_) => plain(Cow::Borrowed(&self.raw), false),
            },
            Carrier::Text { is_json } => plain(Cow::Borrowed(&self.raw), *is_json),
        }
    }

    /// The unit with other content.
    pub fn with_content(&self, content: &[u8], limits: JsonLimits) -> Result<Bytes, Refusal> {
        match &self.carrier {
            Carrier::Frame(frame) if holds_bytes(frame) => {
                let document =
                    Document::parse(frame.payload(), limits).map_err(|_| Refusal::AnswerMalformed)?;
                let bytes = document.get(document.root(), "bytes").ok_or(Refusal::AnswerMalformed)?;
                let change = Edit::replace(document.range(bytes), quote(&STANDARD.encode(content)));
                Ok(frame.with_payload(&edit::apply(frame.payload(), vec![change])?).raw().clone())
            }
            Carrier::Frame(frame) => Ok(frame.with_payload(content).raw().clone()),
            Carrier::Sse(event) => Ok(event.with_data(content)),
            Carrier::Line | Carrier::Text { .. } => Ok(Bytes::copy_from_slice(content)),
        }
    }

    /// An event of Hardpan's own in this unit's place, in the stream's shape.
    pub fn replacement(&self, json: &str) -> Bytes {
        match &self.carrier {
            Carrier::Frame(frame) if holds_bytes(frame) => {
                let payload = format!("{{\"bytes\":{}}}", quote(&STANDARD.encode(json)));
                event_stream::event("chunk", payload.as_bytes())
            }
            // What is left of the actions an agent returns, or a text in their place.
            Carrier::Frame(frame) if frame.header(":event-type") == Some("returnControl") => {
                let document = Document::parse(json.as_bytes(), JsonLimits::default());
                let is_text = document.is_ok_and(|document| document.get(document.root(), "bytes").is_some());
                let kind = if is_text { "chunk" } else { "returnControl" };
                event_stream::event(kind, json.as_bytes())
            }
            Carrier::Frame(_) => event_stream::event("contentBlockDelta", json.as_bytes()),
            Carrier::Sse(event) => {
                let named = !event.event_name().is_empty();
                let kind = Document::parse(json.as_bytes(), JsonLimits::default())
                    .ok()
                    .and_then(|document| Some(document.string_at(document.root(), &["type"])?.into_owned()));
                sse::event(kind.as_deref().filter(|_| named), json)
            }
            Carrier::Line | Carrier::Text { .. } => Bytes::from(format!("{json}\n")),
        }
    }
}

fn looks_like_json(text: &[u8]) -> bool {
    matches!(text.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// Dialects whose server-sent events are JSON, all of them.
fn speaks_json(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::Anthropic | Dialect::OpenAiChat | Dialect::OpenAiResponses)
}

/// Whether the frame's content is base64 inside its JSON.
fn holds_bytes(frame: &Frame) -> bool {
    let document = || Document::parse(frame.payload(), JsonLimits::default());
    frame.header(":event-type") == Some("chunk")
        && document().is_ok_and(|document| document.get(document.root(), "bytes").is_some())
}

fn frame_content<'u>(frame: &'u Frame, dialect: Dialect, limits: JsonLimits) -> Option<Content<'u>> {
    if frame.header(":event-type") == Some(PART) {
        return Some(Content::Nothing);
    }
    if !holds_bytes(frame) {
        return Some(Content::Json(Cow::Borrowed(frame.payload())));
    }
    let document = Document::parse(frame.payload(), limits).ok()?;
    let encoded = document.string_at(document.root(), &["bytes"])?;
    let bytes = STANDARD.decode(encoded.as_bytes()).ok()?;
    if dialect == Dialect::Agent {
        plain(Cow::Owned(bytes), false)
    } else {
        Some(Content::Json(Cow::Owned(bytes)))
    }
}

fn plain(bytes: Cow<'_, [u8]>, nested_json: bool) -> Option<Content<'_>> {
    let text = match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(std::str::from_utf8(bytes).ok()?),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).ok()?),
    };
    Some(Content::Text { text, nested_json })
}
