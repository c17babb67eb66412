//! A body as the codecs take it. JSON stays as it is; other text becomes one JSON string for as long as it is looked
//! at; bytes that are no text cannot be looked at, and are replaced by `null`.

use bytes::Bytes;
use hardpan_inference::json::{Document, JsonLimits, quote};
use hardpan_inference::operation::BodyShape;
use hardpan_inference::request::Dialect;
use sha2::{Digest, Sha256};

use crate::refusal::Refusal;

static EMPTY: Bytes = Bytes::from_static(b"{}");
static NULL: Bytes = Bytes::from_static(b"null");

/// No `Debug`: it holds content.
#[derive(Clone)]
pub struct Payload {
    /// As the caller sent it.
    pub raw: Bytes,
    pub sha256: [u8; 32],
    form: Form,
}

#[derive(Clone)]
enum Form {
    Json,
    /// No body at all, which says as much as an object without members.
    Empty,
    Text(Bytes),
    Bytes,
}

impl Payload {
    pub fn of(raw: Bytes, shape: BodyShape, limits: JsonLimits) -> Self {
        let sha256 = Sha256::digest(&raw).into();
        let may_be_anything = matches!(shape, BodyShape::Endpoint | BodyShape::Raw);
        let form = if raw.is_empty() {
            Form::Empty
        } else if !may_be_anything || is_json(&raw, limits) {
            Form::Json
        } else {
            match std::str::from_utf8(&raw) {
                // No text has a NUL in it: UTF-16 of plain words is valid UTF-8, and no detector would see the words.
                Ok(text) if !text.contains('\0') => Form::Text(Bytes::from(quote(text))),
                _ => Form::Bytes,
            }
        };
        Self { raw, sha256, form }
    }

    /// The dialect of what is no JSON.
    pub fn dialect(&self) -> Option<Dialect> {
        match &self.form {
            Form::Json | Form::Empty => None,
            Form::Text(_) => Some(Dialect::Text),
            Form::Bytes => Some(Dialect::Bytes),
        }
    }

    /// What is parsed and edited.
    pub fn json(&self) -> &Bytes {
        match &self.form {
            Form::Json => &self.raw,
            Form::Empty => &EMPTY,
            Form::Text(quoted) => quoted,
            Form::Bytes => &NULL,
        }
    }

    /// The body that [`Payload::json`] with edits stands for.
    pub fn with_json(&self, json: Vec<u8>) -> Result<Payload, Refusal> {
        let (raw, form) = match &self.form {
            Form::Json | Form::Empty => (Bytes::from(json), Form::Json),
            Form::Text(_) => {
                let document = Document::parse(&json, JsonLimits::default()).map_err(|_| Refusal::Signing)?;
                let text = document.string(document.root()).ok_or(Refusal::Signing)?;
                (Bytes::from(text.into_owned()), Form::Text(Bytes::from(json)))
            }
            Form::Bytes => (self.raw.clone(), Form::Bytes),
        };
        Ok(Payload { sha256: Sha256::digest(&raw).into(), raw, form })
    }
}

/// An object or an array; a bare number is as likely a line of CSV.
fn is_json(bytes: &[u8], limits: JsonLimits) -> bool {
    let begins = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    match begins {
        None => true,
        // What looks like JSON and is none gets the JSON error, unless it is no text either.
        Some(b'{') => std::str::from_utf8(bytes).is_ok(),
        Some(b'[') => Document::parse(bytes, limits).is_ok(),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(bytes: &'static [u8], shape: BodyShape) -> Payload {
        Payload::of(Bytes::from_static(bytes), shape, JsonLimits::default())
    }

    #[test]
    fn text_travels_as_one_string_and_comes_back_as_text() {
        let csv = payload(b"1,\"a\"\n2,b\n", BodyShape::Endpoint);
        assert_eq!(csv.json(), &br#""1,\"a\"\n2,b\n""#[..]);
        let changed = csv.with_json(br#""1,\"c\"\n""#.to_vec()).unwrap();
        assert_eq!(changed.raw, &b"1,\"c\"\n"[..]);
        assert_eq!(changed.sha256, <[u8; 32]>::from(Sha256::digest(b"1,\"c\"\n")));
    }

    #[test]
    fn bytes_are_never_taken_for_text_nor_changed() {
        let bytes = payload(b"\xff\x00", BodyShape::Endpoint);
        assert_eq!(bytes.json(), &b"null"[..]);
        assert_eq!(bytes.with_json(b"1".to_vec()).unwrap().raw, &b"\xff\x00"[..]);
        assert_eq!(payload(b"a\0n\0n\0", BodyShape::Endpoint).json(), &b"null"[..]);
        assert_eq!(payload(b"a\0n\0n\0", BodyShape::Raw).dialect(), Some(Dialect::Bytes));
        assert_eq!(payload(b"\xff", BodyShape::Converse).json(), &b"\xff"[..]);
        assert_eq!(payload(b"{\"a\":1}", BodyShape::Raw).json(), &b"{\"a\":1}"[..]);
    }
}
