//! IP addresses. The usual loopback, unspecified and broadcast addresses name no one and are no findings, unless IPv6
//! loopback is called somebody's address, and neither are networks ("10.0.0.0/8") and addresses for documentation where
//! a text gives examples; private addresses are, since inside an organisation they identify a machine.

use std::net::Ipv6Addr;

use hardpan_inference::finding::{Finding, PiiType};

use super::field::Field;
use super::finding;
use super::numbers::{Run, Step};
use super::words::Words;

/// The longest text form is 45 bytes; a little more tells a longer token from an address.
const V6_BYTES_MAX: usize = 48;

/// Words that make even a loopback address somebody's.
static ADDRESS_WORDS: Words = Words::new(&["ip", "ipv6", "from", "ipaddress", "loopback"]);
const ADDRESS_WORDS_BYTES: usize = 12;

/// Words of texts that give examples.
static EXAMPLE_WORDS: Words = Words::new(&[
    "example",
    "examples",
    "e.g",
    "sample",
    "samples",
    "documentation",
    "docs",
    "placeholder",
    "placeholders",
    "replace",
    "rfc",
    "reserved",
    "dummy",
    "fictitious",
    "beispiel",
    "exemple",
    "ejemplo",
    "esempio",
]);

/// Words after which four numbers with dots are a version or a place in a document.
const NOT_ADDRESS_WORDS: [&str; 14] = [
    "version",
    "versions",
    "ver",
    "v",
    "release",
    "build",
    "firmware",
    "section",
    "chapter",
    "clause",
    "paragraph",
    "rev",
    "revision",
    "oid",
];

/// Four groups with dots from the group at `index`. A dotted quad that is no address is stepped over as a
/// whole.
pub(super) fn examine_v4(run: Run<'_, '_>, index: usize) -> Option<Step> {
    let last = run.group(index + 3)?;
    let first = run.group(index)?;
    let field = run.field();
    let dotted = (1..4).all(|offset| run.is_separated_by(index + offset, b'.'));
    if !dotted || run.is_separated_by(index, b'.') {
        return None;
    }
    let mut octets = [0u16; 4];
    for (octet, offset) in octets.iter_mut().zip(0..) {
        *octet = octet_of(run.digits(index + offset))?;
    }
    let step_over = Some(Step { next: index + 4, finding: None });
    if run.is_separated_by(index + 4, b'.') {
        return step_over;
    }
    let joined_before = matches!(field.char_before(first.start), Some('-' | '.'));
    let joined_after = field.at(last.end) == b'-' && field.word_at(last.end + 1);
    if joined_before || joined_after || field.word_before(first.start) || field.word_at(last.end) {
        return None;
    }
    let reserved = matches!(octets, [0 | 255, ..] | [127, 0, 0, _] | [127, 0, 1, 1]);
    if reserved
        || is_network(field, octets, last.end)
        || is_example(field, octets, first.start)
        || is_product_version(field, first.start)
        || follows_version_word(field, first.start)
    {
        return step_over;
    }
    Some(Step { next: index + 4, finding: Some(finding(PiiType::IpAddress, first.start, last.end, 90)) })
}

fn octet_of(digits: &[u8]) -> Option<u16> {
    let canonical = digits.len() <= 3 && (digits.len() == 1 || digits.first() != Some(&b'0'));
    let value = digits.iter().take(4).fold(0, |value, digit| value * 10 + u16::from(*digit - b'0'));
    (canonical && value <= 255).then_some(value)
}

/// "10.0.0.0/8": a range of addresses and nobody's.
fn is_network(field: Field<'_>, octets: [u16; 4], end: usize) -> bool {
    let prefix = field.slice(end, field.len().min(end + 3));
    let length = match prefix {
        [b'/', tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => u32::from((tens - b'0') * 10 + ones - b'0'),
        [b'/', ones @ b'0'..=b'9', ..] => u32::from(ones - b'0'),
        _ => return false,
    };
    let address = octets.iter().fold(0u32, |address, octet| address << 8 | u32::from(*octet));
    length < 32 && address.checked_shl(length).unwrap_or(0) == 0
}

/// An address that is set aside for documentation, in a text that gives examples. The name of a host is no such word.
fn is_example(field: Field<'_>, octets: [u16; 4], start: usize) -> bool {
    const BEFORE_BYTES: usize = 96;
    let set_aside = matches!(octets, [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _]);
    let is_edge = |byte: &u8| !byte.is_ascii_alphanumeric();
    let mut words =
        field.slice(start.saturating_sub(BEFORE_BYTES), start).split(u8::is_ascii_whitespace).map(|word| {
            let from = word.iter().position(|byte| !is_edge(byte)).unwrap_or(word.len());
            let to = word.iter().rposition(|byte| !is_edge(byte)).map_or(from, |last| last + 1);
            word.get(from..to).unwrap_or_default()
        });
    set_aside && words.any(|word| EXAMPLE_WORDS.has(word))
}

/// "Browser/98.0.44.12": a product name with a capital before the slash, as in a User-Agent.
fn is_product_version(field: Field<'_>, start: usize) -> bool {
    if start == 0 || field.at(start - 1) != b'/' {
        return false;
    }
    let before = field.slice(start.saturating_sub(24), start - 1);
    let word = before.iter().rev().take_while(|byte| byte.is_ascii_alphabetic());
    word.last().is_some_and(u8::is_ascii_uppercase)
}

fn follows_version_word(field: Field<'_>, start: usize) -> bool {
    let before = field.slice(start.saturating_sub(24), start);
    let gap = before.iter().rev().take_while(|byte| matches!(byte, b' ' | b':' | b'=' | b'"' | b'.')).count();
    if gap > 3 {
        return false;
    }
    let word_end = before.len() - gap;
    let head = before.get(..word_end).unwrap_or_default();
    let length = head.iter().rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let word = head.get(word_end - length..).unwrap_or_default();
    NOT_ADDRESS_WORDS.iter().any(|candidate| word.eq_ignore_ascii_case(candidate.as_bytes()))
}

/// Examines the token of hexadecimal digits, colons and dots at `start`. Returns where to go on.
pub(super) fn examine_v6(field: Field<'_>, start: usize, candidates: &mut Vec<Finding>) -> usize {
    let window = field.slice(start, field.len().min(start + V6_BYTES_MAX));
    let in_token = window.iter().take_while(|byte| byte.is_ascii_hexdigit() || matches!(**byte, b':' | b'.'));
    let token_end = start + in_token.count();
    let end = without_punctuation(field, start, token_end);
    let alone = !field.word_before(start) && field.char_before(start) != Some(':') && !field.word_at(end);
    if alone && let Ok(address) = field.str(start, end).parse::<Ipv6Addr>() {
        let owned = address.is_loopback() && field.names_any(&ADDRESS_WORDS, start, ADDRESS_WORDS_BYTES);
        let spelled =
            !address.is_loopback() && !address.is_unspecified() && is_spelled_out(field.slice(start, end));
        if owned || spelled {
            candidates.push(finding(PiiType::IpAddress, start, end, 95));
        }
        return end;
    }
    first_place_for_a_number(field, start, token_end)
}

/// Drops a full stop or a single colon that belongs to the sentence.
fn without_punctuation(field: Field<'_>, start: usize, token_end: usize) -> usize {
    let mut end = token_end;
    while end > start {
        let last = field.at(end - 1);
        let colon = last == b':' && (end < start + 2 || field.at(end - 2) != b':');
        if last != b'.' && !colon {
            break;
        }
        end -= 1;
    }
    end
}

/// Three written groups, or a shorter form whose first group is of a global, unique-local or link-local
/// prefix, or ends in a dotted quad. In program text "a::b" means a name.
fn is_spelled_out(token: &[u8]) -> bool {
    let written = token.split(|byte| *byte == b':').filter(|group| !group.is_empty());
    let first = token.split(|byte| *byte == b':').next().unwrap_or_default();
    let known_prefix = first.len() == 4 && matches!(first, [b'2' | b'3' | b'f' | b'F', ..]);
    let count = written.count();
    count >= 3 || (count == 2 && (known_prefix || token.contains(&b'.')))
}

/// A token that is no address may still hold the start of a number: the first group too long for an address
/// or with a dot, else whatever follows the last colon.
fn first_place_for_a_number(field: Field<'_>, start: usize, token_end: usize) -> usize {
    let token = field.slice(start, token_end);
    let mut group_start = start;
    for group in token.split(|byte| *byte == b':') {
        let next = group_start + group.len() + 1;
        if group.len() >= 5 || group.contains(&b'.') {
            return if group_start > start { group_start } else { next.min(token_end) };
        }
        group_start = next;
    }
    token.iter().rposition(|byte| *byte == b':').map_or(token_end, |index| start + index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found_v6(text: &str) -> Option<String> {
        let mut candidates = Vec::new();
        examine_v6(Field::new("", text), 0, &mut candidates);
        candidates.first().map(|finding| text[finding.range.clone()].to_string())
    }

    #[test]
    fn short_forms_need_a_known_prefix() {
        for (text, expected) in [
            ("2001:db8::1", Some("2001:db8::1")),
            ("fe80::1.", Some("fe80::1")),
            ("2a00::", None),
            ("dead::beef", None),
            ("a::b", None),
            ("::1", None),
            ("1:2:3:4:5:6:7:8", Some("1:2:3:4:5:6:7:8")),
            ("1:2:3:4:5:6:7:8:9", None),
            ("::ffff:300.1.1.1", None),
        ] {
            assert_eq!(found_v6(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_search_goes_on_inside_a_refused_token() {
        let text = "ab:cd:4111111111111111";
        assert_eq!(examine_v6(Field::new("", text), 0, &mut Vec::new()), 6);
        let text = "12:34:56";
        assert_eq!(examine_v6(Field::new("", text), 0, &mut Vec::new()), 6);
    }
}
