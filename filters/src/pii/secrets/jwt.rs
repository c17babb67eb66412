//! JSON web tokens: three (signed) or five (encrypted) parts of base64url, the first of which decodes to a
//! JSON object that names an algorithm. The signature is not checked: no key is known here.

use hardpan_inference::finding::{Finding, PiiType};

use super::super::field::Field;
use super::super::finding;
use super::{skip_while, starts_token};

/// The first bytes of a JSON object in base64.
pub(in super::super) const ANCHOR: &str = r"eyJ[A-Za-z0-9_\-]";

const PART_BYTES_MAX: usize = 16 * 1024;
const HEADER_BYTES_MAX: usize = 2 * 1024;
const PAYLOAD_BYTES_MIN: usize = 4;

/// Examines what starts at `start`. Returns where to go on. The header ends at the first byte that is no
/// base64url, so a token can start only after such a byte and every run is read once.
pub(in super::super) fn examine(field: Field<'_>, start: usize, candidates: &mut Vec<Finding>) -> usize {
    match end(field, start) {
        Some(end) => {
            candidates.push(finding(PiiType::Jwt, start, end, 99));
            end
        }
        None => start + 3,
    }
}

fn end(field: Field<'_>, start: usize) -> Option<usize> {
    if !starts_token(field, start) {
        return None;
    }
    let header_end = skip_while(field, start, HEADER_BYTES_MAX, is_base64url);
    let payload_end = part_end(field, header_end)?;
    let payload_bytes = payload_end - header_end - 1;
    let mut end = part_end(field, payload_end)?;
    let empty = payload_bytes == 0 && end == payload_end + 1;
    let names_algorithm = names_algorithm(field.slice(start, header_end));
    if empty || payload_bytes < PAYLOAD_BYTES_MIN || !names_algorithm {
        return None;
    }
    for _ in 0..2 {
        end = part_end(field, end).filter(|next| *next > end + 1).unwrap_or(end);
    }
    Some(end)
}

/// The end of the part behind the dot at `position`.
fn part_end(field: Field<'_>, position: usize) -> Option<usize> {
    (field.at(position) == b'.').then(|| skip_while(field, position + 1, PART_BYTES_MAX, is_base64url))
}

fn names_algorithm(header: &[u8]) -> bool {
    let decoded = decode(header);
    let found = |part: &[u8]| memchr::memmem::find(&decoded, part).is_some();
    decoded.first() == Some(&b'{') && (found(b"\"alg\"") || found(b"\"enc\"") || found(b"\"typ\""))
}

/// Base64url without padding. Bytes of no complete group at the end are left out.
fn decode(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let (mut bits, mut count) = (0u32, 0u32);
    for value in text.iter().filter_map(|byte| sextet(*byte)) {
        bits = (bits << 6 | value) & 0xFFFF;
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push((bits >> count & 0xFF) as u8);
        }
    }
    decoded
}

fn sextet(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    // {"alg":"HS256"} . {"sub":"1"} . a signature
    const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLXBhcnQ";

    fn found(text: &str) -> Option<usize> {
        end(Field::new("", text), text.find("eyJ").unwrap())
    }

    #[test]
    fn tokens_end_where_their_parts_end() {
        assert_eq!(found(TOKEN), Some(TOKEN.len()));
        assert_eq!(found(&format!("\"{TOKEN}\",")), Some(TOKEN.len() + 1));
        assert_eq!(found(&format!("{TOKEN}. Next")), Some(TOKEN.len()));
        assert_eq!(found(&format!("{TOKEN}.aaaa.bbbb")), Some(TOKEN.len() + 10));
    }

    #[test]
    fn other_objects_and_pieces_are_no_tokens() {
        // {"a":1} is an object without an algorithm.
        for text in ["eyJhIjoxfQ.eyJzdWIiOiIxIn0.c2ln", "eyJhbGciOiJIUzI1NiJ9", "eyJhbGciOiJIUzI1NiJ9.e30"] {
            assert_eq!(found(text), None, "{text}");
        }
        assert_eq!(found(&format!("x{TOKEN}")), None);
    }
}
