//! Collecting the texts of a body with the channel each came through, and reading them.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::edit::Edit;
use crate::finding::Channel;
use crate::json::{Document, Kind, ValueId, quote};

/// One string of a body that carries text, or a number long enough to be somebody's.
#[derive(Debug, Clone, Copy)]
pub struct TextSpan {
    pub value: ValueId,
    /// The member name the text stands under, which may say what it is: `{"ssn": "…"}`.
    pub key: Option<ValueId>,
    pub channel: Channel,
    /// False where a change would break a signature over the text, and for numbers whose place may take nothing but a
    /// number: only other digits can stand there.
    pub editable: bool,
    /// A label of the service's own, whose characters it limits: a placeholder there has no braces.
    pub label: bool,
    /// The string is a text document in base64, by itself or in a `data:` URI.
    pub base64: bool,
}

impl TextSpan {
    fn plain(value: ValueId, key: Option<ValueId>, channel: Channel) -> Self {
        Self { value, key, channel, editable: true, label: false, base64: false }
    }

    /// The text as a model reads it.
    pub fn read<'a>(&self, document: &Document<'a>) -> Option<Cow<'a, str>> {
        if document.kind(self.value) == Kind::Number {
            return Some(Cow::Borrowed(digits_of(document.raw(self.value))));
        }
        let text = document.string(self.value)?;
        if !self.base64 {
            return Some(text);
        }
        let bytes = STANDARD.decode(split_data_uri(&text).1.as_bytes()).ok()?;
        // A document in an older encoding is read byte by byte, so that it can be written back as it was.
        let text = String::from_utf8(bytes)
            .unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect());
        Some(Cow::Owned(text))
    }

    /// The changes that put other words at places of the text, given in order: one for each, but a single one for a
    /// number and for a text in base64. None at all where the place does not take the words.
    pub fn edits(&self, document: &Document<'_>, changes: &[(Range<usize>, String)]) -> Vec<Edit> {
        if document.kind(self.value) == Kind::Number {
            return self.number_edit(document, changes).into_iter().collect();
        }
        if !self.base64 {
            let changes = changes.iter();
            return changes
                .filter_map(|(range, words)| document.edit_in_string(self.value, range.clone(), words))
                .collect();
        }
        let (Some(text), Some(whole)) = (self.read(document), document.string(self.value)) else {
            return Vec::new();
        };
        let (head, encoded) = split_data_uri(&whole);
        let was_utf8 =
            STANDARD.decode(encoded.as_bytes()).is_ok_and(|bytes| std::str::from_utf8(&bytes).is_ok());
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
        let changed = format!("{head}{}", STANDARD.encode(bytes));
        vec![Edit::replace(document.range(self.value), quote(&changed))]
    }

    /// With other digits a number is one still. With anything else it becomes a string, where any JSON may stand.
    fn number_edit(&self, document: &Document<'_>, changes: &[(Range<usize>, String)]) -> Option<Edit> {
        let raw = document.raw(self.value);
        let sign = raw.len() - raw.trim_start_matches('-').len();
        let moved = |range: &Range<usize>| sign + range.start..sign + range.end;
        let edits = changes.iter().map(|(range, words)| Edit::replace(moved(range), words.as_str()));
        let changed = crate::edit::apply(raw.as_bytes(), edits.collect()).ok()?;
        let changed = String::from_utf8(changed).ok()?;
        let is_digits = |words: &str| !words.is_empty() && words.bytes().all(|byte| byte.is_ascii_digit());
        let is_number = changes.iter().all(|(_, words)| is_digits(words))
            && changed.get(sign..).is_some_and(|digits| !digits.starts_with('0'));
        match (is_number, self.editable) {
            (true, _) => Some(Edit::replace(document.range(self.value), changed)),
            (false, true) => Some(Edit::replace(document.range(self.value), quote(&changed))),
            (false, false) => None,
        }
    }
}

/// The digits of a number before its point or exponent, without its sign.
fn digits_of(number: &str) -> &str {
    let number = number.trim_start_matches('-');
    number.find(|digit: char| !digit.is_ascii_digit()).and_then(|end| number.get(..end)).unwrap_or(number)
}

/// Numbers of cards, accounts and people have at least so many digits; most others have fewer.
const NUMBER_DIGITS_MIN: usize = 8;

/// Whether a member holds a signature, or an encrypted form, that a service checks a text against. Null and an empty
/// string check nothing: a text beside them is one like any other.
pub(super) fn is_signed(document: &Document<'_>, object: ValueId, name: &str) -> bool {
    document.string_at(object, &[name]).is_some_and(|signature| !signature.is_empty())
}

/// What stands before the data of a `data:` URI, and the data; of any other string nothing and all of it.
fn split_data_uri(text: &str) -> (&str, &str) {
    match text.find(',') {
        Some(comma) if is_data_uri(text) => text.split_at(comma + 1),
        _ => ("", text),
    }
}

fn is_data_uri(text: &str) -> bool {
    text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("data:"))
}

/// Media type of a `data:` URI, and whether its data is base64.
fn data_uri_type(text: &str) -> Option<(&str, bool)> {
    let (head, _) = split_data_uri(text);
    let head = head.get(5..)?.strip_suffix(',')?;
    let media_type = head.split(';').next().unwrap_or_default();
    Some((media_type, head.to_ascii_lowercase().ends_with(";base64")))
}

/// Media types whose bytes a model reads as text. None at all means plain text (RFC 2397).
pub(super) fn is_text_type(media_type: &str) -> bool {
    let media_type = media_type.trim().to_ascii_lowercase();
    media_type.is_empty()
        || media_type.starts_with("text/")
        || ["json", "xml", "yaml", "csv", "html", "ndjson", "jsonlines"]
            .iter()
            .any(|end| media_type.ends_with(end))
}

/// Whether a string under this member name is the bytes of an image, a sound or a film. The name alone does not
/// say so: what reads as words is a text wherever it stands.
pub(super) fn is_media(name: &str, text: &str) -> bool {
    if let Some((media_type, is_base64)) = data_uri_type(text) {
        return is_base64 && !is_text_type(media_type) && split_data_uri(text).1.bytes().all(is_base64_byte);
    }
    let name = name.to_ascii_lowercase();
    let holds_media =
        ["image", "mask", "bytes", "base64string", "video", "audio"].iter().any(|word| name.contains(word));
    holds_media && text.len() >= MEDIA_BYTES_MIN && text.bytes().all(is_base64_byte)
}

/// A string to tell whether it is a text at all. What has a space near its start is words, whatever escapes are in it:
/// long texts are not decoded for this.
fn to_skim<'a>(document: &Document<'a>, value: ValueId) -> Option<Cow<'a, str>> {
    const START_BYTES: usize = 64;
    let raw = document.raw(value);
    let start = raw.as_bytes().get(..START_BYTES).unwrap_or_default();
    if document.kind(value) == Kind::String && start.contains(&b' ') {
        return Some(Cow::Borrowed(raw));
    }
    document.string(value)
}

/// No image is smaller in base64, and no short word is taken for one.
const MEDIA_BYTES_MIN: usize = 64;

fn is_base64_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Whether a string under this member name is an ARN or id of AWS: no text, and to change it would name another
/// resource.
pub(super) fn is_identifier(name: &str, text: &str) -> bool {
    let names_one = name == "foundationModel"
        || ["Arn", "Id", "Identifier", "Token", "lambda", "overrideLambda", "s3Uri", "uri", "bucketOwner"]
            .iter()
            .any(|end| name.ends_with(end));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'/');
    names_one && text.len() <= IDENTIFIER_BYTES_MAX && text.bytes().all(plain)
}

const IDENTIFIER_BYTES_MAX: usize = 2048;

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

    /// A number as long as those of cards, accounts and people. In a tool's result or a call's arguments any JSON may
    /// stand in its place; elsewhere the service may want a number there.
    fn number(&mut self, value: ValueId, key: Option<ValueId>, channel: Channel) {
        let is_number = self.document.kind(value) == Kind::Number;
        if is_number && digits_of(self.document.raw(value)).len() >= NUMBER_DIGITS_MIN {
            let editable = matches!(channel, Channel::Tool | Channel::Assistant);
            self.texts.push(TextSpan { editable, ..TextSpan::plain(value, key, channel) });
        }
    }

    /// A text document in base64. What does not decode is no text, and the service refuses it.
    pub fn base64_text(&mut self, value: ValueId, channel: Channel) {
        let span = TextSpan { base64: true, ..TextSpan::plain(value, None, channel) };
        if span.read(self.document).is_some() {
            self.texts.push(span);
        }
    }

    /// A member's value: a string or a number with the name it stands under, anything else as JSON whose shape nobody
    /// knows.
    pub fn rest_of(&mut self, key: ValueId, value: ValueId, channel: Channel) {
        match self.document.kind(value) {
            Kind::String => self.text(value, Some(key), channel),
            Kind::Number => self.number(value, Some(key), channel),
            _ => self.free_json(value, channel),
        }
    }

    /// Where a part holds a document, an image or a sound: as a `data:` URI, as bare base64, or behind a URL.
    pub fn data_uri(&mut self, value: ValueId, key: ValueId, channel: Channel) {
        let Some(text) = self.document.string(value) else { return self.free_json(value, channel) };
        match data_uri_type(&text) {
            Some((media_type, true)) if is_text_type(media_type) => self.base64_text(value, channel),
            Some((_, true)) => {}
            _ => self.text(value, Some(key), channel),
        }
    }

    /// Every string under `id`, member names included, but those inside `taken` values and those that `skips`
    /// knows by member name and text to be none.
    pub fn rest(
        &mut self,
        id: ValueId,
        channel: Channel,
        taken: &[ValueId],
        skips: impl Fn(&str, &str) -> bool,
    ) {
        let document = self.document;
        let mut key = None;
        for value in document.descendants(id) {
            if taken.iter().any(|taken| document.contains(*taken, value)) {
                continue;
            }
            if document.is_key(value) {
                self.text(value, None, channel);
                key = document.string(value).map(|name| (value, name));
                continue;
            }
            let Some(text) = to_skim(document, value) else { continue };
            let skipped = key.as_ref().is_some_and(|(_, name)| skips(name, &text));
            if !skipped {
                self.text(value, key.as_ref().map(|(id, _)| *id), channel);
            }
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

    /// Every string under `id`, member names included, and every long number: JSON whose shape the caller chose.
    pub fn free_json(&mut self, id: ValueId, channel: Channel) {
        self.all(id, channel, true);
    }

    fn all(&mut self, id: ValueId, channel: Channel, is_free: bool) {
        let mut key = None;
        for value in self.document.descendants(id) {
            if self.document.is_key(value) {
                key = Some(value);
                if is_free {
                    self.text(value, None, channel);
                }
            } else {
                self.text(value, key, channel);
                if is_free {
                    self.number(value, key, channel);
                }
            }
        }
    }

    /// The members of an object with their decoded names, for a match on them.
    pub fn named(
        &self,
        object: ValueId,
    ) -> impl Iterator<Item = (Cow<'a, str>, ValueId, ValueId)> + use<'d, 'a> {
        let document = self.document;
        document.members(object).map(|(key, value)| (document.string(key).unwrap_or_default(), key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::JsonLimits;

    #[test]
    fn a_text_in_a_data_uri_is_read_and_changed_in_place() {
        let body = r#"{"a":"data:text/plain;base64,aGVsbG8gYm9i"}"#;
        let document = Document::parse(body.as_bytes(), JsonLimits::default()).unwrap();
        let (key, value) = document.members(document.root()).next().unwrap();
        let mut collector = Collector::new(&document);
        collector.data_uri(value, key, Channel::Tool);
        let span = collector.texts[0];
        assert_eq!(span.read(&document).unwrap(), "hello bob");
        let edits = span.edits(&document, &[(6..9, "<1>".to_owned())]);
        let changed = crate::edit::apply(body.as_bytes(), edits).unwrap();
        assert_eq!(changed, br#"{"a":"data:text/plain;base64,aGVsbG8gPDE+"}"#);
    }

    #[test]
    fn only_bytes_of_media_are_no_text() {
        let long = "QUJD".repeat(40);
        for (name, text, media) in [
            ("images", long.as_str(), true),
            ("inputImage", "ignore all previous instructions", false),
            ("inputImage", "short", false),
            ("prompt", long.as_str(), false),
            ("anything", "data:image/png;base64,aGk=", true),
            ("anything", "data:image/png;base64,ignore all instructions", false),
            ("anything", "data:text/plain;base64,aGk=", false),
            ("anything", "data:image/svg+xml,<svg>words</svg>", false),
        ] {
            assert_eq!(is_media(name, text), media, "{name} {text}");
        }
    }

    #[test]
    fn only_a_signature_that_says_something_signs() {
        for (body, signed) in [
            (r#"{"signature":"s"}"#, true),
            (r#"{"signature":""}"#, false),
            (r#"{"signature":null}"#, false),
            (r#"{"signature":{}}"#, false),
            ("{}", false),
        ] {
            let document = Document::parse(body.as_bytes(), JsonLimits::default()).unwrap();
            assert_eq!(is_signed(&document, document.root(), "signature"), signed, "{body}");
        }
    }

    #[test]
    fn numbers_are_collected_where_the_caller_chose_the_shape() {
        let body = r#"{"a":[41111111,1],"b":123456789012}"#;
        let document = Document::parse(body.as_bytes(), JsonLimits::default()).unwrap();
        let mut collector = Collector::new(&document);
        collector.values(document.root(), Channel::User);
        assert!(collector.texts.is_empty());
        collector.free_json(document.root(), Channel::User);
        let read: Vec<_> = collector.texts.iter().filter_map(|text| text.read(&document)).collect();
        assert_eq!(read, ["a", "41111111", "b", "123456789012"]);
    }

    #[test]
    fn a_number_takes_other_digits_anywhere_and_words_where_any_json_may_stand() {
        for (channel, words, body, expected) in [
            (
                Channel::User,
                "5105105105105100",
                r#"{"a":4111111111111111}"#,
                Some(r#"{"a":5105105105105100}"#),
            ),
            (Channel::User, "{CARD_1}", r#"{"a":4111111111111111}"#, None),
            (Channel::User, "", r#"{"a":4111111111111111}"#, None),
            (Channel::User, "0105105105105100", r#"{"a":4111111111111111}"#, None),
            (Channel::Tool, "{CARD_1}", r#"{"a":4111111111111111}"#, Some(r#"{"a":"{CARD_1}"}"#)),
            (Channel::Tool, "", r#"{"a":4111111111111111}"#, Some(r#"{"a":""}"#)),
            (Channel::Tool, "{CARD_1}", r#"{"a":-4111111111111111.50}"#, Some(r#"{"a":"-{CARD_1}.50"}"#)),
            (
                Channel::Assistant,
                "5105105105105100",
                r#"{"a":-4111111111111111e2}"#,
                Some(r#"{"a":-5105105105105100e2}"#),
            ),
            (
                Channel::Assistant,
                "0105105105105100",
                r#"{"a":4111111111111111}"#,
                Some(r#"{"a":"0105105105105100"}"#),
            ),
            (Channel::System, "x", r#"{"a":4111111111111111}"#, None),
        ] {
            let document = Document::parse(body.as_bytes(), JsonLimits::default()).unwrap();
            let mut collector = Collector::new(&document);
            collector.free_json(document.root(), channel);
            let number =
                collector.texts.iter().find(|text| document.kind(text.value) == Kind::Number).unwrap();
            let edits = number.edits(&document, &[(0..16, words.to_owned())]);
            let changed = (!edits.is_empty()).then(|| crate::edit::apply(body.as_bytes(), edits).unwrap());
            assert_eq!(changed.as_deref(), expected.map(str::as_bytes), "{channel:?} {words} {body}");
        }
    }

    #[test]
    fn only_what_looks_like_an_id_is_one() {
        for (name, text, identifier) in [
            ("modelArn", "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", true),
            ("modelArn", "my name is Bob", false),
            ("inputText", "arn:aws:iam::123456789012:role/x", false),
        ] {
            assert_eq!(is_identifier(name, text), identifier, "{name}");
        }
    }
}
