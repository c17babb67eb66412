//! Ages of persons: "aged 34", `"age": "34"`, "34-year-old", "just turned 34". Years that say how long
//! something lasted are no age.

use hardpan_inference::finding::{Finding, PiiType};

use super::super::field::Field;
use super::super::{Anchor, finding};
use super::{is_any, is_whole_label, label_end};

const AGE_MAX: u32 = 120;

/// Words before a number, with the number's first digit.
pub(super) const BEFORE_ANCHOR: &str = concat!(
    r"(?i:aged?|edad|(?:â|a)ge|alter|et(?:à|a)|idade|leeftijd|wiek|(?:just )?turn(?:ed|s|ing)|(?:â|a)g(?:é|e)e? de)",
    r#"[\\"']{0,3}[ \t]{0,2}[:=>]?[ \t]{0,2}[\\"']{0,3}(?:(?i:is|of) )?[0-9]"#,
    r"|(?:年龄|年齢|나이)(?:[ :]|：){0,3}[0-9]"
);

/// Words behind a number.
pub(super) const BEHIND_ANCHOR: &str = concat!(
    r"(?i:years?[ \-]+old|yrs?\.?[ \-]+old|years? of age|y/o|y\.o\.|yo[^a-z\-]|jahre alt|j(?:ä|ae)hrige?",
    r"|a(?:ñ|n)os de edad|anos de idade|months?[ \-]+old)|岁|歳"
);

/// Examines the number that ends the anchor. Returns where to go on.
pub(super) fn examine_before(field: Field<'_>, anchor: Anchor, candidates: &mut Vec<Finding>) -> usize {
    let start = anchor.end - 1;
    let label = field.slice(anchor.start, start);
    let letters = label.iter().take_while(|byte| byte.is_ascii_alphabetic() || **byte >= 0x80).count();
    let end = start + digits(field, start);
    let turned = label.to_ascii_lowercase().windows(4).any(|part| part == b"turn");
    let whole = is_whole_label(field, anchor.start, anchor.start + letters.max(1));
    if whole && is_age(field, start, end) && !is_measured(field, end, turned) {
        candidates.push(finding(PiiType::Age, start, end, 85));
    }
    anchor.start + 3
}

/// Examines the number before the words of the anchor. Returns where to go on.
pub(super) fn examine_behind(field: Field<'_>, anchor: Anchor, candidates: &mut Vec<Finding>) -> usize {
    let words_end = label_end(field, anchor.start, anchor.end);
    let separated = usize::from(anchor.start > 0 && matches!(field.at(anchor.start - 1), b' ' | b'-'));
    let end = anchor.start - separated;
    let before = field.slice(end.saturating_sub(4), end);
    let start = end - before.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let letter_behind =
        field.at(anchor.start).is_ascii() && field.word_at(words_end) && field.at(words_end) != b'_';
    if !letter_behind && is_age(field, start, end) {
        candidates.push(finding(PiiType::Age, start, end, 85));
    }
    words_end
}

fn digits(field: Field<'_>, start: usize) -> usize {
    let window = field.slice(start, field.len().min(start + 4));
    window.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn is_age(field: Field<'_>, start: usize, end: usize) -> bool {
    let value = field.slice(start, end).iter().fold(0, |value, byte| value * 10 + u32::from(byte - b'0'));
    let before = start.checked_sub(1).map_or(0, |before| field.at(before));
    let pieced = matches!(before, b'.' | b'/' | b'$' | b'_') || field.word_before(start);
    (1..=3).contains(&(end - start)) && (1..=AGE_MAX).contains(&value) && !pieced
}

/// Whether the number goes on, or measures something else.
fn is_measured(field: Field<'_>, end: usize, turned: bool) -> bool {
    const UNITS: [&str; 14] = [
        "degrees", "percent", "hours", "minutes", "seconds", "days", "weeks", "times", "pages", "points",
        "items", "dollars", "x", "to",
    ];
    const AFTER_TURNED: [&str; 12] =
        ["years", "year", "today", "yesterday", "last", "this", "on", "in", "and", "next", "when", "a"];
    if field.glued_after(end) || matches!(field.at(end), b'%' | b'/' | b':') {
        return true;
    }
    let rest = field.slice(end, field.len().min(end + 16));
    let word = rest.strip_prefix(b" ").unwrap_or_default();
    let word =
        word.get(..word.iter().take_while(|byte| byte.is_ascii_alphabetic()).count()).unwrap_or_default();
    is_any(word, &UNITS) || (turned && !word.is_empty() && !is_any(word, &AFTER_TURNED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before(text: &str) -> Option<&str> {
        let start = ["age", "Age", "aged", "turned"].iter().find_map(|word| text.find(word)).unwrap();
        let end = text.find(|character: char| character.is_ascii_digit()).unwrap() + 1;
        let mut candidates = Vec::new();
        examine_before(Field::new("", text), Anchor { start, end }, &mut candidates);
        candidates.pop().map(|finding| &text[finding.range])
    }

    #[test]
    fn ages_before_and_behind_their_words() {
        for text in ["aged 34", "age: 34", "\"age\": \"34\"", "Age 34,", "just turned 34", "turned 34 today"]
        {
            assert_eq!(before(text), Some("34"), "{text}");
        }
        for text in ["34-year-old", "34 years old", "(34 y/o)"] {
            let start = text.find('y').unwrap();
            let anchor = Anchor { start, end: text.find("old").map_or(text.len() - 1, |old| old + 3) };
            let mut candidates = Vec::new();
            examine_behind(Field::new("", text), anchor, &mut candidates);
            assert_eq!(candidates.pop().map(|finding| &text[finding.range]), Some("34"), "{text}");
        }
    }

    #[test]
    fn pages_and_angles_are_no_ages() {
        for text in
            ["page 34", "age 340", "turned 90 degrees", "turned 12 pages", "age: 34%", "age 3.5", "age 0"]
        {
            assert_eq!(before(text), None, "{text}");
        }
    }
}
