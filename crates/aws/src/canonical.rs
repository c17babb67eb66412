//! The pieces of Signature Version 4 that checking, minting and chaining share: escapes, dates, scopes and keys.
//!
//! It knows no request and no token: what is put together from these pieces is its callers' part.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};
use zeroize::Zeroizing;

pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// SHA-256 of nothing, in hex.
pub(crate) const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Characters of a date such as `20260131T235959Z`.
const DATE_TIME_LENGTH: usize = 16;

/// Seconds since the epoch of a date such as `20260131T235959Z`.
pub(crate) fn unix_seconds(date_time: &str) -> Option<i64> {
    if date_time.len() != DATE_TIME_LENGTH {
        return None;
    }
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    PrimitiveDateTime::parse(date_time, format).ok().map(|at| at.assume_utc().unix_timestamp())
}

/// The same date as a signature writes it.
pub(crate) fn date_time(unix_seconds: i64) -> Option<String> {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let at = OffsetDateTime::from_unix_timestamp(unix_seconds).ok()?;
    at.format(format).ok().filter(|text| text.len() == DATE_TIME_LENGTH)
}

/// The credential scope without its key.
pub(crate) fn scope(day: &str, region: &str, service: &str) -> String {
    format!("{day}/{region}/{service}/aws4_request")
}

/// What is signed for a canonical request.
pub(crate) fn string_to_sign(date_time: &str, scope: &str, canonical: &str) -> String {
    let digest = hex(&Sha256::digest(canonical.as_bytes()));
    format!("{ALGORITHM}\n{date_time}\n{scope}\n{digest}")
}

pub(crate) fn signing_key(secret: &str, day: &str, region: &str, service: &str) -> Zeroizing<[u8; 32]> {
    let seed = Zeroizing::new(format!("AWS4{secret}"));
    let mut key = Zeroizing::new(hmac(seed.as_bytes(), day.as_bytes()));
    for part in [region, service, "aws4_request"] {
        *key = hmac(&*key, part.as_bytes());
    }
    key
}

pub(crate) fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length, so this never falls back.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Whether a text is a signature's 64 digits of lower-case hex.
pub(crate) fn is_signature(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a text can stand in a credential scope.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// RFC 3986 unreserved bytes stay; all others become `%XX` in upper case.
pub(crate) fn encode(bytes: &[u8], keep_slash: bool, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        let kept = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if kept || (keep_slash && *byte == b'/') {
            out.push(char::from(*byte));
        } else {
            let digit = |nibble: u8| char::from(HEX.get(usize::from(nibble)).copied().unwrap_or(b'0'));
            out.push('%');
            out.push(digit(byte >> 4));
            out.push(digit(byte & 15));
        }
    }
}

pub(crate) fn percent_decode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escape = (*byte == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        let value = escape
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match value {
            Some(value) => {
                out.push(value);
                at += 3;
            }
            None => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    out
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(HEX.get(usize::from(nibble)).copied().unwrap_or(b'0'));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_written_alike_and_no_other_form_is_read() {
        assert_eq!(unix_seconds("20150830T123600Z"), Some(1_440_938_160));
        assert_eq!(date_time(1_440_938_160).as_deref(), Some("20150830T123600Z"));
        for other in ["2015-08-30T12:36:00Z", "20150830T123600", "+0150830T123600Z", "20151330T123600Z", ""] {
            assert_eq!(unix_seconds(other), None, "{other}");
        }
        assert_eq!(date_time(i64::MAX), None);
    }

    #[test]
    fn the_hash_of_nothing_is_what_it_says() {
        assert_eq!(hex(&Sha256::digest(b"")), EMPTY_SHA256);
    }
}
