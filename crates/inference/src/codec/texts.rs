//! Collecting the texts of a body with the channel each came through.

use crate::finding::Channel;
use crate::json::{Document, Kind, ValueId};

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
            self.texts.push(TextSpan { value, key, channel, editable: true, label: false });
        }
    }

    pub fn signed_text(&mut self, value: ValueId, channel: Channel) {
        if self.document.kind(value) == Kind::String {
            self.texts.push(TextSpan { value, key: None, channel, editable: false, label: false });
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
