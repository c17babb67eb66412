//! Private keys in PEM armour, with line breaks as they are or escaped, and keys cut off before their end
//! line. Public keys and certificates are none of its business, nor are lone header lines without a body.

use hardpan_inference::finding::{Finding, PiiType};

use super::super::field::Field;
use super::super::finding;
use super::skip_while;

pub(in super::super) const ANCHOR: &str = r"-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?-----";

const BODY_BYTES_MAX: usize = 64 * 1024;
/// Base64 that must follow the header line: less is an ellipsis or an empty form.
const BODY_CHARACTERS_MIN: usize = 16;
const CUT_BODY_CHARACTERS_MIN: usize = 32;
const END_LINE_BYTES_MAX: usize = 64;
const DASHES: &[u8] = b"-----";

/// Examines the key whose header line lies from `start` to `header_end`. Returns where to go on.
pub(in super::super) fn examine(
    field: Field<'_>,
    start: usize,
    header_end: usize,
    candidates: &mut Vec<Finding>,
) -> usize {
    match end(field, header_end) {
        Some(end) => {
            candidates.push(finding(PiiType::PrivateKey, start, end, 99));
            end
        }
        None => header_end,
    }
}

fn end(field: Field<'_>, header_end: usize) -> Option<usize> {
    let window_end = field.len().min(header_end.saturating_add(BODY_BYTES_MAX));
    let window = field.slice(header_end, window_end);
    let armour = memchr::memmem::find(window, DASHES).map(|offset| header_end + offset);
    let end_line = armour.and_then(|dashes| Some((dashes, end_of_end_line(field, dashes)?)));
    if let Some((dashes, end)) = end_line {
        return (body_characters(field.slice(header_end, dashes)) >= BODY_CHARACTERS_MIN).then_some(end);
    }
    let cut = skip_while(field, header_end, armour.unwrap_or(window_end) - header_end, is_body);
    let trimmed =
        cut - field.slice(header_end, cut).iter().rev().take_while(|byte| !is_base64(**byte)).count();
    (body_characters(field.slice(header_end, trimmed)) >= CUT_BODY_CHARACTERS_MIN).then_some(trimmed)
}

fn end_of_end_line(field: Field<'_>, dashes: usize) -> Option<usize> {
    let line = field.slice(dashes, field.len().min(dashes + END_LINE_BYTES_MAX));
    let name = line.strip_prefix(b"-----END ")?;
    let close = memchr::memmem::find(name, DASHES)?;
    Some(dashes + (line.len() - name.len()) + close + DASHES.len())
}

fn body_characters(body: &[u8]) -> usize {
    body.iter().filter(|byte| is_base64(**byte)).count()
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Base64 and what breaks its lines, also as an escape.
fn is_body(byte: u8) -> bool {
    is_base64(byte) || matches!(byte, b'\n' | b'\r' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "MIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu";

    fn found(text: &str) -> Option<&str> {
        let header_end = text.find("KEY-----").unwrap() + 8;
        end(Field::new("", text), header_end).map(|end| &text[header_end..end])
    }

    #[test]
    fn whole_escaped_and_cut_keys_are_taken_to_their_end() {
        let tail = "-----END RSA PRIVATE KEY-----";
        let whole = format!("-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n{tail} and more");
        assert!(found(&whole).unwrap().ends_with(tail));
        let escaped = format!("\"-----BEGIN PRIVATE KEY-----\\n{BODY}\\n-----END PRIVATE KEY-----\\n\"");
        assert!(found(&escaped).unwrap().ends_with("KEY-----"));
        let cut = format!("-----BEGIN EC PRIVATE KEY-----\n{BODY}\n... (cut)");
        assert!(found(&cut).unwrap().ends_with(BODY));
    }

    #[test]
    fn header_lines_without_a_body_are_left_alone() {
        for text in [
            "-----BEGIN PRIVATE KEY-----",
            "starts with -----BEGIN RSA PRIVATE KEY----- and ends with it",
            "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
