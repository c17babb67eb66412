//! Small deterministic helpers over text: a number sequence, JSON quoting, and the cutting of an answer into
//! the pieces a stream carries. No randomness from outside: the same answer is always cut the same way.

use std::fmt;

use serde_json::Value;

/// Longest piece of an ordinary answer.
const PIECE_BYTES_MAX: usize = 12;
/// Long answers get longer pieces, so that none takes more than about twice this many frames.
const LONG_ANSWER_PIECES: usize = 1_024;

/// A linear congruential sequence: plain numbers, the same for the same seed.
pub(crate) struct Sequence(u64);

impl Sequence {
    pub(crate) fn new(seed: u64) -> Self {
        Sequence(seed)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn within(&mut self, low: usize, high: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let span = (high.saturating_sub(low) as u64).saturating_add(1);
        // The low bits of such a sequence repeat quickly; the high ones do not.
        low.saturating_add(((self.0 >> 33) % span) as usize)
    }
}

/// Writes a text as a JSON string, quotes included.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("\"")?;
        let mut rest = self.0;
        while let Some(at) = rest.find(|character: char| character < ' ' || matches!(character, '"' | '\\')) {
            let Some((plain, tail)) = rest.split_at_checked(at) else { break };
            out.write_str(plain)?;
            let mut characters = tail.chars();
            match characters.next() {
                Some('"') => out.write_str("\\\"")?,
                Some('\\') => out.write_str("\\\\")?,
                Some('\n') => out.write_str("\\n")?,
                Some(control) => write!(out, "\\u{:04x}", u32::from(control))?,
                None => {}
            }
            rest = characters.as_str();
        }
        out.write_str(rest)?;
        out.write_str("\"")
    }
}

/// Cuts a text at character boundaries into pieces of 1 to 12 bytes (longer ones only in long texts). No
/// piece holds a whole `{…}`: a masked placeholder always comes apart, which is what a restoring reader has
/// to cope with.
pub(crate) fn pieces<'a>(text: &'a str, sequence: &mut Sequence) -> Vec<&'a str> {
    let longest = (text.len() / 4).clamp(1, PIECE_BYTES_MAX).max(text.len() / LONG_ANSWER_PIECES);
    let mut pieces = Vec::with_capacity(text.len() / longest + 1);
    let mut rest = text;
    while !rest.is_empty() {
        let end = boundary_after(rest, sequence.within(1, longest));
        let end = end_inside_placeholder(rest, end, sequence).unwrap_or(end);
        let (piece, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
        pieces.push(piece);
        rest = tail;
    }
    pieces
}

/// An end between the braces, when the piece up to `end` holds both.
fn end_inside_placeholder(text: &str, end: usize, sequence: &mut Sequence) -> Option<usize> {
    let piece = text.get(..end)?;
    let open = piece.find('{')?;
    let length = piece.get(open..)?.find('}')?;
    Some(boundary_after(text, open + sequence.within(1, length)))
}

/// The first character boundary at or after `at`.
fn boundary_after(text: &str, at: usize) -> usize {
    (at..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

/// Every string of a value, keys left out, in order, a line each. The parser's limit bounds the depth.
pub(crate) fn all_texts(value: &Value) -> String {
    let mut texts = Vec::new();
    collect_texts(value, &mut texts);
    texts.join("\n")
}

fn collect_texts<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, texts)),
        Value::Object(members) => members.values().for_each(|member| collect_texts(member, texts)),
        _ => {}
    }
}

/// An object as text, with further members that each begin with a comma.
pub(crate) fn object_with(object: &Value, more: &str) -> String {
    let text = object.to_string();
    match text.strip_suffix('}') {
        Some(open) => format!("{open}{more}}}"),
        None => text,
    }
}

/// The longest beginning of `text` that fits `bytes_max`.
pub(crate) fn truncated(text: &str, bytes_max: usize) -> &str {
    (0..=bytes_max.min(text.len())).rev().find_map(|end| text.get(..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_to_the_text_and_stay_short() {
        for text in ["", "a", "You said: hello", "añb€c𝄞 and more text to be cut", "{}", "{a}{b}", "{{é}}"]
        {
            for seed in 0..200 {
                let pieces = pieces(text, &mut Sequence::new(seed));
                assert_eq!(pieces.concat(), text);
                assert!(pieces.iter().all(|piece| !piece.is_empty() && piece.len() < PIECE_BYTES_MAX + 4));
            }
        }
    }

    #[test]
    fn a_placeholder_always_comes_apart() {
        let text = "You said: write to {EMAIL_1} and {PHONE_12} or {é}.";
        for seed in 0..500 {
            for piece in pieces(text, &mut Sequence::new(seed)) {
                let whole = piece.find('{').is_some_and(|open| piece.get(open..).unwrap().contains('}'));
                assert!(!whole, "{piece}");
            }
        }
    }

    #[test]
    fn a_long_text_takes_a_bounded_number_of_pieces() {
        let text = "lorem ipsum ".repeat(100_000);
        assert!(pieces(&text, &mut Sequence::new(1)).len() < LONG_ANSWER_PIECES * 4);
    }

    #[test]
    fn quoted_text_is_the_json_of_the_text() {
        for text in ["", "plain", "a\"b\\c\nd\te\u{1}f", "é€𝄞", "\u{7f}", "ends with \\"] {
            let read: String = serde_json::from_str(&Quoted(text).to_string()).unwrap();
            assert_eq!(read, text);
        }
    }

    #[test]
    fn all_strings_of_a_value_are_found_and_no_keys() {
        let value = serde_json::json!({"a": "x", "b": [1, {"c": "y"}], "d": null});
        assert_eq!(all_texts(&value), "x\ny");
        assert_eq!(object_with(&serde_json::json!({"a": 1}), ",\"b\":2"), "{\"a\":1,\"b\":2}");
    }

    #[test]
    fn truncation_never_splits_a_character() {
        for (text, bytes_max, expected) in
            [("abc", 2, "ab"), ("abc", 9, "abc"), ("a€", 2, "a"), ("a€", 4, "a€"), ("€", 0, ""), ("", 3, "")]
        {
            assert_eq!(truncated(text, bytes_max), expected);
        }
    }
}
