//! Collecting the texts of a body with the channel each came through, and reading them.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::edit::Edit;
use crate::finding::Channel;
use crate::json::{Document, Kind, ValueId, quote};

/// One string of a body that carries text.
#[derive(Debug, Clone, Copy)]
pub struct TextSpan {
    pub value: ValueId,
    /// The member name the text stands under, which may say what it is: `{"ssn": "…"}`.
    pub key: Option<ValueId>,
    pub channel: Channel,
    /// False where a change would break a signature over the text.
    pub editable: bool,
    /// A label of the service's own, whose characters it limits: a placeholder there has no braces.
    pub label: bool,
    /// The string is a text document in base64.
    pub base64: bool,
}

impl TextSpan {
    fn plain(value: ValueId, key: Option<ValueId>, channel: Channel) -> Self {
        Self { value, key, channel, editable: true, label: false, base64: false }
    }

    /// The text as a model reads it.
    pub fn read<'a>(&self, document: &Document<'a>) -> Option<Cow<'a, str>> {
        let text = document.string(self.value)?;
        if !self.base64 {
            return Some(text);
        }
        let bytes = STANDARD.decode(text.as_bytes()).ok()?;
        // A document in an older encoding is read byte by byte, so that it can be written back as it was.
        let text = String::from_utf8(bytes)
            .unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect());
        Some(Cow::Owned(text))
    }

    /// The changes that put other words at places of the text, given in order.
    pub fn edits(&self, document: &Document<'_>, changes: &[(Range<usize>, String)]) -> Vec<Edit> {
        if !self.base64 {
            let changes = changes.iter();
            return changes
                .filter_map(|(range, words)| document.edit_in_string(self.value, range.clone(), words))
                .collect();
        }
        let Some(text) = self.read(document) else { return Vec::new() };
        let was_utf8 = document
            .string(self.value)
            .and_then(|encoded| STANDARD.decode(encoded.as_bytes()).ok())
            .is_some_and(|bytes| std::str::from_utf8(&bytes).is_ok());
        let edits = changes.iter().map(|(range, words)| Edit::replace(range.clone(), words.as_str()));
        let changed = crate::edit::apply(text.as_bytes(), edits.collect()).ok();
        let Some(changed) = changed.and_then(|bytes| String::from_utf8(bytes).ok()) else {
            return Vec::new();
        };
        let bytes = if was_utf8 {
            changed.into_bytes()
        } else {
            changed.chars().map(|character| u8::try_from(character).unwrap_or(b'?')).collect()
        };
        vec![Edit::replace(document.range(self.value), quote(&STANDARD.encode(bytes)))]
    }
}

pub(super) struct Collector<'d, 'a> {
    pub document: &'d Document<'a>,
    pub texts: Vec<TextSpan>,
}

impl<'d, 'a> Collector<'d, 'a> {
    pub fn new(document: &'d Document<'a>) -> Self {
        Self { document, texts: Vec::new() }
    }

    pub fn text(&mut self, value: ValueId, key: Option<ValueId>, channel: Channel) {
        if self.document.kind(value) == Kind::String {
            self.texts.push(TextSpan::plain(value, key, channel));
        }
    }

    pub fn signed_text(&mut self, value: ValueId, channel: Channel) {
        if self.document.kind(value) == Kind::String {
            self.texts.push(TextSpan { editable: false, ..TextSpan::plain(value, None, channel) });
        }
    }

    /// A text document in base64. What does not decode is no text, and the service refuses it.
    pub fn base64_text(&mut self, value: ValueId, channel: Channel) {
        let span = TextSpan { base64: true, ..TextSpan::plain(value, None, channel) };
        if span.read(self.document).is_some() {
            self.texts.push(span);
        }
    }

    /// Every string under `id`, as labels.
    pub fn labels(&mut self, id: ValueId, channel: Channel) {
        let first = self.texts.len();
        self.free_json(id, channel);
        self.texts.iter_mut().skip(first).for_each(|text| text.label = true);
    }

    /// Every string value under `id`. Member names are part of a fixed schema and left alone.
    pub fn values(&mut self, id: ValueId, channel: Channel) {
        self.all(id, channel, false);
    }

    /// Every string under `id`, member names included: JSON whose shape the caller chose.
    pub fn free_json(&mut self, id: ValueId, channel: Channel) {
        self.all(id, channel, true);
    }

    fn all(&mut self, id: ValueId, channel: Channel, with_keys: bool) {
        let mut key = None;
        for value in self.document.descendants(id) {
            if self.document.is_key(value) {
                key = Some(value);
                if with_keys {
                    self.text(value, None, channel);
                }
            } else {
                self.text(value, key, channel);
            }
        }
    }

    /// The members of an object with their decoded names, for a match on them.
    pub fn named(&self, object: ValueId) -> Vec<(String, ValueId, ValueId)> {
        self.document
            .members(object)
            .map(|(key, value)| (self.document.string(key).unwrap_or_default().into_owned(), key, value))
            .collect()
    }
}
