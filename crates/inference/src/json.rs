//! A JSON text as a flat list of values over its raw bytes.
//!
//! Nothing is copied: a value is a byte range and a string is decoded only when somebody reads it. This is what
//! lets Hardpan read every member of a body, known or not, and change single values while all other bytes stay as
//! they came. Strict RFC 8259, and stricter where two parsers could read two things: duplicate member names,
//! invalid UTF-8 and control bytes inside strings are errors. It does not build trees and does not convert numbers.

use std::borrow::Cow;
use std::ops::Range;

use crate::edit::Edit;
use crate::stops::Stops;

/// Bounds of one document.
#[derive(Debug, Clone, Copy)]
pub struct JsonLimits {
    pub depth_max: usize,
    pub values_max: usize,
}

impl Default for JsonLimits {
    fn default() -> Self {
        Self { depth_max: 128, values_max: 1_000_000 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    #[error("the body is not valid UTF-8 at byte {at}")]
    Utf8 { at: usize },
    #[error("the body is not valid JSON at byte {at}")]
    Syntax { at: usize },
    #[error("the body names an object member twice at byte {at}")]
    DuplicateKey { at: usize },
    #[error("the body is nested deeper than {depth_max} levels")]
    Depth { depth_max: usize },
    #[error("the body holds more than {values_max} values")]
    Values { values_max: usize },
    #[error("the body is longer than 4 GiB")]
    Length,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Object,
    Array,
    String,
    Number,
    True,
    False,
    Null,
}

#[derive(Clone, Copy)]
struct Node {
    start: u32,
    end: u32,
    /// Index of the node after this one and all it contains.
    next: u32,
    kind: Kind,
    /// A string that is a member name.
    is_key: bool,
    /// A string with at least one backslash.
    escaped: bool,
}

/// Index of a value in its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(u32);

/// A parsed JSON text. Holds offsets only; the bytes stay with their owner.
pub struct Document<'a> {
    text: &'a str,
    nodes: Vec<Node>,
}

impl<'a> Document<'a> {
    pub fn parse(bytes: &'a [u8], limits: JsonLimits) -> Result<Self, JsonError> {
        let text = utf8(bytes)?;
        if u32::try_from(bytes.len()).is_err() {
            return Err(JsonError::Length);
        }
        let mut scanner = Scanner {
            bytes,
            at: 0,
            stops: Stops::new(),
            nodes: Vec::with_capacity(64),
            limits,
            names: Vec::new(),
        };
        scanner.document()?;
        Ok(Self { text, nodes: scanner.nodes })
    }

    pub fn root(&self) -> ValueId {
        ValueId(0)
    }

    pub fn kind(&self, id: ValueId) -> Kind {
        self.node(id).map_or(Kind::Null, |node| node.kind)
    }

    /// The value's bytes in the text, quotes and brackets included.
    pub fn range(&self, id: ValueId) -> Range<usize> {
        self.node(id).map_or(0..0, |node| node.start as usize..node.end as usize)
    }

    pub fn raw(&self, id: ValueId) -> &'a str {
        self.text.get(self.range(id)).unwrap_or_default()
    }

    pub fn is_key(&self, id: ValueId) -> bool {
        self.node(id).is_some_and(|node| node.is_key)
    }

    /// The decoded string; None for any other kind.
    pub fn string(&self, id: ValueId) -> Option<Cow<'a, str>> {
        let node = self.node(id).filter(|node| node.kind == Kind::String)?;
        let raw = self.text.get(node.start as usize + 1..node.end as usize - 1)?;
        Some(if node.escaped { Cow::Owned(decode(raw)) } else { Cow::Borrowed(raw) })
    }

    /// The name of the member whose value this is.
    pub fn name_of(&self, id: ValueId) -> Option<Cow<'a, str>> {
        let before = ValueId(id.0.checked_sub(1)?);
        if self.is_key(before) { self.string(before) } else { None }
    }

    pub fn u64(&self, id: ValueId) -> Option<u64> {
        (self.kind(id) == Kind::Number).then(|| self.raw(id).parse().ok()).flatten()
    }

    pub fn f64(&self, id: ValueId) -> Option<f64> {
        (self.kind(id) == Kind::Number).then(|| self.raw(id).parse().ok()).flatten()
    }

    /// The value of an object's member.
    pub fn get(&self, object: ValueId, name: &str) -> Option<ValueId> {
        self.members(object).find(|(key, _)| self.key_is(*key, name)).map(|(_, value)| value)
    }

    /// The value reached by a chain of member names.
    pub fn path(&self, from: ValueId, names: &[&str]) -> Option<ValueId> {
        names.iter().try_fold(from, |at, name| self.get(at, name))
    }

    pub fn string_at(&self, from: ValueId, names: &[&str]) -> Option<Cow<'a, str>> {
        self.path(from, names).and_then(|id| self.string(id))
    }

    /// Members of an object as (name, value); empty for any other kind.
    pub fn members(&self, object: ValueId) -> impl Iterator<Item = (ValueId, ValueId)> + '_ {
        let mut children = self.children(object, Kind::Object);
        std::iter::from_fn(move || Some((children.next()?, children.next()?)))
    }

    /// Elements of an array; empty for any other kind.
    pub fn elements(&self, array: ValueId) -> impl Iterator<Item = ValueId> + '_ {
        self.children(array, Kind::Array)
    }

    /// Every value inside `id`, itself first, member names included, in the order of the text.
    pub fn descendants(&self, id: ValueId) -> impl Iterator<Item = ValueId> + '_ {
        let end = self.node(id).map_or(id.0, |node| node.next);
        (id.0..end).map(ValueId)
    }

    pub fn contains(&self, outer: ValueId, inner: ValueId) -> bool {
        self.node(outer).is_some_and(|node| (outer.0..node.next).contains(&inner.0))
    }

    /// The byte ranges in the text that a change of `decoded` bytes of a string means.
    pub fn edit_in_string(&self, id: ValueId, decoded: Range<usize>, replacement: &str) -> Option<Edit> {
        let node = self.node(id).filter(|node| node.kind == Kind::String)?;
        let inner_start = node.start as usize + 1;
        let raw = self.text.get(inner_start..node.end as usize - 1)?;
        let range = if node.escaped { raw_range(raw, decoded) } else { decoded };
        Some(Edit {
            range: inner_start + range.start..inner_start + range.end,
            replacement: escape(replacement).into_owned().into_bytes(),
        })
    }

    fn key_is(&self, key: ValueId, name: &str) -> bool {
        let Some(node) = self.node(key) else { return false };
        if node.escaped {
            self.string(key).is_some_and(|key| key == name)
        } else {
            let inside = self.text.as_bytes().get(node.start as usize + 1..node.end as usize - 1);
            inside == Some(name.as_bytes())
        }
    }

    fn children(&self, parent: ValueId, kind: Kind) -> impl Iterator<Item = ValueId> + '_ {
        let (mut at, end) = match self.node(parent) {
            Some(node) if node.kind == kind => (parent.0 + 1, node.next),
            _ => (0, 0),
        };
        std::iter::from_fn(move || {
            (at < end).then(|| {
                let child = ValueId(at);
                at = self.node(child).map_or(end, |node| node.next);
                child
            })
        })
    }

    fn node(&self, id: ValueId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }
}

/// The fast check says whether, the slow one where.
fn utf8(bytes: &[u8]) -> Result<&str, JsonError> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| {
        let valid = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
        JsonError::Utf8 { at: valid }
    })
}

/// The letters that make an escape of two bytes, a bit each.
const ESCAPES: u128 =
    1 << b'"' | 1 << b'\\' | 1 << b'/' | 1 << b'b' | 1 << b'f' | 1 << b'n' | 1 << b'r' | 1 << b't';

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    stops: Stops,
    nodes: Vec<Node>,
    limits: JsonLimits,
    /// The member names of the object that has just ended, kept for their memory.
    names: Vec<(Cow<'a, [u8]>, u32)>,
}

/// An object or array that is still open.
struct Open {
    node: usize,
    is_object: bool,
}

impl<'a> Scanner<'a> {
    fn document(&mut self) -> Result<(), JsonError> {
        let mut open: Vec<Open> = Vec::new();
        self.blank();
        loop {
            // A value begins here.
            if self.value(&mut open)? {
                continue;
            }
            // A value has ended: close what ends with it, or go on to the next one.
            loop {
                self.blank();
                let Some(top) = open.last() else {
                    return if self.at == self.bytes.len() { Ok(()) } else { Err(self.syntax()) };
                };
                let (close, is_object, node) =
                    (if top.is_object { b'}' } else { b']' }, top.is_object, top.node);
                match self.bytes.get(self.at) {
                    Some(b',') => {
                        self.at += 1;
                        self.blank();
                        if is_object {
                            self.key()?;
                        }
                        break;
                    }
                    Some(byte) if *byte == close => {
                        self.at += 1;
                        open.pop();
                        self.end(node)?;
                    }
                    _ => return Err(self.syntax()),
                }
            }
        }
    }

    /// Reads one value's beginning. True when it opened a container whose first value comes next.
    fn value(&mut self, open: &mut Vec<Open>) -> Result<bool, JsonError> {
        let start = self.at;
        match self.bytes.get(self.at) {
            Some(b'{') => self.open(open, true),
            Some(b'[') => self.open(open, false),
            Some(b'"') => self.string(false).map(|()| false),
            Some(b't') => self.word(b"true", Kind::True).map(|()| false),
            Some(b'f') => self.word(b"false", Kind::False).map(|()| false),
            Some(b'n') => self.word(b"null", Kind::Null).map(|()| false),
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                self.push(Kind::Number, start, self.at, false, false)?;
                Ok(false)
            }
            _ => Err(self.syntax()),
        }
    }

    fn open(&mut self, open: &mut Vec<Open>, is_object: bool) -> Result<bool, JsonError> {
        if open.len() >= self.limits.depth_max {
            return Err(JsonError::Depth { depth_max: self.limits.depth_max });
        }
        let node = self.nodes.len();
        let kind = if is_object { Kind::Object } else { Kind::Array };
        self.push(kind, self.at, self.at, false, false)?;
        self.at += 1;
        self.blank();
        let close = if is_object { b'}' } else { b']' };
        if self.bytes.get(self.at) == Some(&close) {
            self.at += 1;
            self.end(node)?;
            return Ok(false);
        }
        open.push(Open { node, is_object });
        if is_object {
            self.key()?;
        }
        Ok(true)
    }

    /// A container's last byte has been read: fix its range and check its member names.
    fn end(&mut self, node: usize) -> Result<(), JsonError> {
        let next = offset(self.nodes.len());
        let end = offset(self.at);
        let Some(container) = self.nodes.get_mut(node) else { return Err(self.syntax()) };
        container.end = end;
        container.next = next;
        if container.kind == Kind::Object { self.reject_duplicates(node) } else { Ok(()) }
    }

    fn reject_duplicates(&mut self, object: usize) -> Result<(), JsonError> {
        let end = self.nodes.get(object).map_or(0, |node| node.next as usize);
        let mut names = std::mem::take(&mut self.names);
        names.clear();
        let mut at = object + 1;
        while at < end {
            let (Some(key), Some(value)) = (self.nodes.get(at), self.nodes.get(at + 1)) else { break };
            names.push((self.name(key), key.start));
            at = value.next as usize;
        }
        let duplicate = duplicate(&mut names);
        self.names = names;
        duplicate.map_or(Ok(()), |start| Err(JsonError::DuplicateKey { at: start as usize }))
    }

    fn name(&self, key: &Node) -> Cow<'a, [u8]> {
        let raw = self.bytes.get(key.start as usize + 1..key.end as usize - 1).unwrap_or_default();
        if key.escaped {
            Cow::Owned(decode(std::str::from_utf8(raw).unwrap_or_default()).into_bytes())
        } else {
            Cow::Borrowed(raw)
        }
    }

    fn key(&mut self) -> Result<(), JsonError> {
        if self.bytes.get(self.at) != Some(&b'"') {
            return Err(self.syntax());
        }
        self.string(true)?;
        self.blank();
        if self.bytes.get(self.at) != Some(&b':') {
            return Err(self.syntax());
        }
        self.at += 1;
        self.blank();
        Ok(())
    }

    fn string(&mut self, is_key: bool) -> Result<(), JsonError> {
        let start = self.at;
        let mut escaped = false;
        self.at += 1;
        loop {
            self.at = self.stops.next(self.bytes, self.at);
            match self.bytes.get(self.at) {
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(b'"') => break,
                _ => return Err(self.syntax()),
            }
        }
        self.at += 1;
        self.push(Kind::String, start, self.at, is_key, escaped)
    }

    /// Which letter it is is looked up, not branched on: in prose it cannot be foreseen.
    fn escape(&mut self) -> Result<(), JsonError> {
        let letter = self.bytes.get(self.at + 1).copied().unwrap_or_default();
        if letter.is_ascii() && ESCAPES >> letter & 1 == 1 {
            self.at += 2;
            return Ok(());
        }
        let digits = self.bytes.get(self.at + 2..self.at + 6);
        if letter != b'u' || !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err(self.syntax());
        }
        self.at += 6;
        Ok(())
    }

    fn number(&mut self) -> Result<(), JsonError> {
        if self.bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        match self.bytes.get(self.at) {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.syntax()),
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return Err(self.syntax());
        }
        self.at += count;
        Ok(())
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<(), JsonError> {
        let start = self.at;
        if !self.bytes.get(start..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.syntax());
        }
        self.at += word.len();
        self.push(kind, start, self.at, false, false)
    }

    fn blank(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn push(
        &mut self,
        kind: Kind,
        start: usize,
        end: usize,
        is_key: bool,
        escaped: bool,
    ) -> Result<(), JsonError> {
        if self.nodes.len() >= self.limits.values_max {
            return Err(JsonError::Values { values_max: self.limits.values_max });
        }
        let next = offset(self.nodes.len() + 1);
        self.nodes.push(Node { start: offset(start), end: offset(end), next, kind, is_key, escaped });
        Ok(())
    }

    fn syntax(&self) -> JsonError {
        JsonError::Syntax { at: self.at }
    }
}

/// `Document::parse` checked the length, so every offset fits.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Where a name stands that stood before. Few are compared in place; many are sorted, so that the work stays n log n.
fn duplicate(names: &mut [(Cow<'_, [u8]>, u32)]) -> Option<u32> {
    const FEW: usize = 8;
    if names.len() <= FEW {
        return names.iter().enumerate().find_map(|(index, (name, start))| {
            names.iter().take(index).any(|(other, _)| other == name).then_some(*start)
        });
    }
    names.sort_unstable();
    names.windows(2).find_map(|pair| match pair {
        [(first, _), (second, start)] if first == second => Some(*start),
        _ => None,
    })
}

/// Decodes the inside of a string whose escapes the scanner has checked. A lone surrogate becomes U+FFFD.
fn decode(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (plain, escaped) = rest.split_at(at);
        out.push_str(plain);
        let (character, length) = unescape(escaped);
        out.push(character);
        rest = escaped.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// The raw range that stands for a range of decoded bytes. Whole escapes only: a range that begins or ends inside
/// one takes all of it.
fn raw_range(raw: &str, decoded: Range<usize>) -> Range<usize> {
    let mut start = None;
    let mut decoded_at = 0;
    let mut end = raw.len();
    for (raw_at, piece) in Pieces::new(raw) {
        let (length, is_plain) = match piece {
            Piece::Plain(text) => (text.len(), true),
            Piece::Char(character) => (character.len_utf8(), false),
        };
        let inside = |at: usize| if is_plain { raw_at + (at - decoded_at) } else { raw_at };
        if start.is_none() && decoded.start < decoded_at + length {
            start = Some(inside(decoded.start));
        }
        if decoded.end <= decoded_at {
            end = raw_at;
            break;
        }
        if is_plain && decoded.end <= decoded_at + length {
            end = inside(decoded.end);
            break;
        }
        decoded_at += length;
    }
    start.unwrap_or(end)..end
}

enum Piece<'a> {
    Plain(&'a str),
    Char(char),
}

/// The inside of a raw string, piece by piece, each with its raw offset.
struct Pieces<'a> {
    raw: &'a str,
    at: usize,
}

impl<'a> Pieces<'a> {
    fn new(raw: &'a str) -> Self {
        Self { raw, at: 0 }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = (usize, Piece<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.raw.get(self.at..).filter(|rest| !rest.is_empty())?;
        let start = self.at;
        if !rest.starts_with('\\') {
            let length = memchr::memchr(b'\\', rest.as_bytes()).unwrap_or(rest.len());
            self.at += length;
            return Some((start, Piece::Plain(rest.get(..length)?)));
        }
        let (character, length) = unescape(rest);
        self.at += length;
        Some((start, Piece::Char(character)))
    }
}

/// What the escape at the start of a text stands for, and its length. Two halves of a surrogate pair are one.
fn unescape(text: &str) -> (char, usize) {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u32::from_str_radix(digits, 16).ok()
    };
    match text.as_bytes().get(1) {
        Some(b'n') => ('\n', 2),
        Some(b't') => ('\t', 2),
        Some(b'r') => ('\r', 2),
        Some(b'b') => ('\u{8}', 2),
        Some(b'f') => ('\u{c}', 2),
        Some(b'u') => {
            let high = unit(0).unwrap_or_default();
            let low = unit(6).filter(|low| (0xdc00..0xe000).contains(low));
            match (high, low) {
                (0xd800..0xdc00, Some(low)) => {
                    let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                    (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
                }
                _ => (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
            }
        }
        Some(byte) => (char::from(*byte), 2),
        None => (char::REPLACEMENT_CHARACTER, 1),
    }
}

/// The inside of a JSON string that decodes to `text`.
pub fn escape(text: &str) -> Cow<'_, str> {
    if Stops::new().next(text.as_bytes(), 0) == text.len() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if u32::from(control) < 0x20 => {
                out.push_str("\\u00");
                for shift in [4, 0] {
                    out.push(char::from_digit((u32::from(control) >> shift) & 0xf, 16).unwrap_or('0'));
                }
            }
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

/// A JSON string literal for `text`, quotes included.
pub fn quote(text: &str) -> String {
    format!("\"{}\"", escape(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Document<'_>, JsonError> {
        Document::parse(text.as_bytes(), JsonLimits::default())
    }

    #[test]
    fn values_are_found_by_path_and_keep_their_bytes() {
        let text = r#" {"a": {"b": [1, -2.5e3, "x\ny", true, null, {}]}, "c" : "é\u00e9\ud83d\ude00"} "#;
        let document = parse(text).unwrap();
        let array = document.path(document.root(), &["a", "b"]).unwrap();
        let raw: Vec<&str> = document.elements(array).map(|id| document.raw(id)).collect();
        assert_eq!(raw, ["1", "-2.5e3", "\"x\\ny\"", "true", "null", "{}"]);
        assert_eq!(document.string_at(document.root(), &["c"]).unwrap(), "éé😀");
        assert_eq!(document.f64(document.elements(array).nth(1).unwrap()), Some(-2500.0));
        assert_eq!(document.name_of(array).unwrap(), "b");
        assert_eq!(document.name_of(document.root()), None);
        assert_eq!(document.name_of(document.elements(array).next().unwrap()), None);
    }

    #[test]
    fn text_that_is_not_json_is_refused() {
        for text in [
            "",
            " ",
            "{",
            "}",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "[1 2]",
            "01",
            "1.",
            "-",
            "+1",
            ".5",
            "1e",
            "tru",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"",
            "\"a",
            "{\"a\" 1}",
            "[1]]",
            "{}{}",
            "\"\u{1}\"",
            "\"a\nb\"",
            "nul",
            "{\"a\":}",
            "[,]",
            "NaN",
            "'a'",
            "\u{feff}{}",
            "// c\n1",
        ] {
            assert!(matches!(parse(text), Err(JsonError::Syntax { .. })), "{text:?}");
        }
        assert!(matches!(
            Document::parse(b"\"\xff\"", JsonLimits::default()),
            Err(JsonError::Utf8 { at: 1 })
        ));
    }

    #[test]
    fn a_member_named_twice_is_refused_however_it_is_spelled() {
        let many: String = (0..40).map(|n| format!("\"k{n}\":{n},")).collect();
        for text in [
            r#"{"a":1,"a":2}"#.to_owned(),
            r#"{"a":1,"\u0061":2}"#.to_owned(),
            r#"[{"x":{"b":1,"c":{},"b":[]}}]"#.to_owned(),
            format!("{{{many}\"k7\":0}}"),
        ] {
            assert!(matches!(parse(&text), Err(JsonError::DuplicateKey { .. })), "{text}");
        }
        assert!(parse(r#"[{"a":1},{"a":1},{"b":{"a":1},"a":1}]"#).is_ok());
    }

    #[test]
    fn depth_and_size_are_bounded_on_both_sides() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(128)).is_ok());
        assert!(matches!(parse(&nested(129)), Err(JsonError::Depth { depth_max: 128 })));
        assert!(matches!(parse(&nested(10_000)), Err(JsonError::Depth { .. })));
        let limits = JsonLimits { depth_max: 8, values_max: 4 };
        assert!(Document::parse(b"[1,2,3]", limits).is_ok());
        assert!(matches!(Document::parse(b"[1,2,3,4]", limits), Err(JsonError::Values { values_max: 4 })));
    }

    #[test]
    fn an_edit_inside_an_escaped_string_touches_only_its_bytes() {
        let text = r#"{"t":"a\n\u00e9 bob@x.org \ud83d\ude00 \"q\""}"#;
        let document = parse(text).unwrap();
        let id = document.get(document.root(), "t").unwrap();
        let decoded = document.string(id).unwrap();
        for word in ["bob@x.org", "é", "😀", "a", "\"q\"", "\n"] {
            let at = decoded.find(word).unwrap();
            let edit = document.edit_in_string(id, at..at + word.len(), "<\"1\">").unwrap();
            let changed = crate::edit::apply(text.as_bytes(), vec![edit]).unwrap();
            let again = Document::parse(&changed, JsonLimits::default()).unwrap();
            let value = again.string_at(again.root(), &["t"]).unwrap().into_owned();
            assert_eq!(value, decoded.replacen(word, "<\"1\">", 1), "{word:?}");
        }
    }

    #[test]
    fn escape_is_undone_by_decode() {
        for text in ["", "plain", "q\"b\\s/", "\u{0}\u{1f}\n\r\t\u{8}", "é😀\u{2028}"] {
            let quoted = quote(text);
            let document = parse(&quoted).unwrap();
            assert_eq!(document.string(document.root()).unwrap(), text);
            let reference: String = serde_json::from_str(&quoted).unwrap();
            assert_eq!(reference, text);
        }
    }
}
