//! Addresses of crypto currencies, decided by their checksums: base58check (Bitcoin, Litecoin, Dogecoin,
//! Dash, Tron, Zcash), bech32 and bech32m (segregated witness and the Cosmos family), and the forty
//! hexadecimal digits of Ethereum, whose checksum in the letters' case is not computed: the form is rare
//! enough. Monero's are known by their length. It does not look for private keys, nor for Solana's addresses, which carry no checksum.

use hardpan_inference::finding::{Finding, PiiType};
use sha2::{Digest, Sha256};

use super::field::Field;
use super::finding;

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Ripple orders the alphabet in its own way.
const BASE58_RIPPLE: &[u8; 58] = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz";
const BASE58_BYTES_MAX: usize = 36;
const PAYLOAD_BYTES_MAX: usize = 28;
const CHECKSUM_BYTES: usize = 4;

const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const BECH32_BYTES_MAX: usize = 120;
const BECH32_CHECKSUMS: [u32; 2] = [1, 0x2BC8_30A3];

const ETHEREUM_BYTES: usize = 42;
/// Both halves of the address that nobody owns, and of the one that stands for the currency itself.
const ETHEREUM_DISTINCT_MIN: usize = 3;

/// The network's byte and some of what follows.
pub(super) const MONERO_ANCHOR: &str = r"\b[48][1-9AB][1-9A-HJ-NP-Za-km-z]{14}";

/// Examines an address of Monero: its checksum is not computed, since nothing else has this length.
pub(super) fn examine_monero(field: Field<'_>, start: usize, candidates: &mut Vec<Finding>) -> Option<usize> {
    const BYTES: usize = 95;
    const INTEGRATED_BYTES: usize = 106;
    let window = field.slice(start, field.len().min(start + INTEGRATED_BYTES + 1));
    let length = window.iter().take_while(|byte| BASE58.contains(byte)).count();
    let written = window.get(..length)?;
    let mixed = written.iter().any(u8::is_ascii_lowercase)
        && written.iter().any(u8::is_ascii_uppercase)
        && written.iter().any(u8::is_ascii_digit);
    let end = start + length;
    if !matches!(length, BYTES | INTEGRATED_BYTES) || !mixed || field.word_before(start) || field.word_at(end)
    {
        return None;
    }
    candidates.push(finding(PiiType::CryptoAddress, start, end, 95));
    Some(end)
}

/// Examines the word at `start`, which has the alphabet and length of base58check.
pub(super) fn examine_base58(field: Field<'_>, start: usize, candidates: &mut Vec<Finding>) -> Option<usize> {
    let window = field.slice(start, field.len().min(start + BASE58_BYTES_MAX + 1));
    let length = window.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let written = window.get(..length)?;
    let end = start + length;
    let alphabet = if written.first() == Some(&b'r') { BASE58_RIPPLE } else { BASE58 };
    if length > BASE58_BYTES_MAX
        || field.word_before(start)
        || field.word_at(end)
        || !is_base58check(written, alphabet)
    {
        return None;
    }
    candidates.push(finding(PiiType::CryptoAddress, start, end, 99));
    Some(end)
}

fn is_base58check(written: &[u8], alphabet: &[u8; 58]) -> bool {
    let mut decoded = [0u8; PAYLOAD_BYTES_MAX];
    for byte in written {
        let Some(digit) = alphabet.iter().position(|letter| letter == byte) else { return false };
        let mut carry = digit;
        for place in decoded.iter_mut().rev() {
            carry += usize::from(*place) * 58;
            *place = u8::try_from(carry % 256).unwrap_or(0);
            carry /= 256;
        }
        if carry > 0 {
            return false;
        }
    }
    // A version of one byte or two, twenty bytes of hash and the checksum.
    [25, 26].into_iter().any(|length| {
        let Some((zeros, value)) = decoded.split_at_checked(PAYLOAD_BYTES_MAX - length) else { return false };
        let Some((payload, checksum)) = value.split_at_checked(length - CHECKSUM_BYTES) else { return false };
        let hash = Sha256::digest(Sha256::digest(payload));
        zeros.iter().all(|byte| *byte == 0) && hash.get(..CHECKSUM_BYTES) == Some(checksum)
    })
}

/// Examines the word at `start`, which begins with a currency's name and the digit one.
pub(super) fn examine_bech32(field: Field<'_>, start: usize, candidates: &mut Vec<Finding>) -> Option<usize> {
    let window = field.slice(start, field.len().min(start + BECH32_BYTES_MAX + 1));
    let length = window.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let written = window.get(..length)?;
    let end = start + length;
    if length > BECH32_BYTES_MAX || field.word_before(start) || field.word_at(end) || !is_bech32(written) {
        return None;
    }
    candidates.push(finding(PiiType::CryptoAddress, start, end, 99));
    Some(end)
}

fn is_bech32(written: &[u8]) -> bool {
    let mixed = written.iter().any(u8::is_ascii_lowercase) && written.iter().any(u8::is_ascii_uppercase);
    let Some(separator) = written.iter().rposition(|byte| *byte == b'1') else { return false };
    let (Some(name), Some(data)) = (written.get(..separator), written.get(separator + 1..)) else {
        return false;
    };
    if mixed || data.len() < 14 {
        return false;
    }
    let lower = |byte: &u8| byte.to_ascii_lowercase();
    let mut check = 1;
    for byte in name.iter().map(lower) {
        check = polymod(check, u32::from(byte >> 5));
    }
    check = polymod(check, 0);
    for byte in name.iter().map(lower) {
        check = polymod(check, u32::from(byte & 31));
    }
    for byte in data.iter().map(lower) {
        let Some(value) = BECH32.iter().position(|letter| *letter == byte) else { return false };
        check = polymod(check, u32::try_from(value).unwrap_or(0));
    }
    BECH32_CHECKSUMS.contains(&check)
}

fn polymod(check: u32, value: u32) -> u32 {
    const GENERATOR: [u32; 5] = [0x3B6A_57B2, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3];
    let top = check >> 25;
    let shifted = (check & 0x01FF_FFFF) << 5 ^ value;
    GENERATOR
        .iter()
        .enumerate()
        .filter(|(bit, _)| top >> bit & 1 == 1)
        .fold(shifted, |check, (_, generator)| check ^ generator)
}

/// Examines "0x" at `start` with hexadecimal digits behind it.
pub(super) fn examine_ethereum(
    field: Field<'_>,
    start: usize,
    candidates: &mut Vec<Finding>,
) -> Option<usize> {
    let end = start + ETHEREUM_BYTES;
    let digits = field.slice(start + 2, end);
    let mut seen = [false; 256];
    digits.iter().for_each(|byte| {
        if let Some(place) = seen.get_mut(usize::from(byte.to_ascii_lowercase())) {
            *place = true;
        }
    });
    let distinct = seen.iter().filter(|seen| **seen).count();
    let address = digits.len() == ETHEREUM_BYTES - 2
        && digits.iter().all(u8::is_ascii_hexdigit)
        && distinct >= ETHEREUM_DISTINCT_MIN;
    if !address || field.word_before(start) || field.word_at(end) {
        return None;
    }
    candidates.push(finding(PiiType::CryptoAddress, start, end, 95));
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base58_addresses_need_their_checksum() {
        for (text, expected) in [
            ("1BoatSLRHtKNngkdXEeobR76b53LETtpyT", true),
            ("3P14159f73E4gFr7JterCCQh9QjiTjiZrG", true),
            ("1BoatSLRHtKNngkdXEeobR76b53LETtpyU", false),
            ("1BoatSLRHtKNngkdXEeobR76b53LETtpy", false),
            ("1BoatSLRHtKNngkdXEeobR76b53LETtpyT0", false),
        ] {
            let found = examine_base58(Field::new("", text), 0, &mut Vec::new());
            assert_eq!(found.is_some(), expected, "{text}");
        }
    }

    #[test]
    fn bech32_addresses_need_their_checksum_and_one_case() {
        for (text, expected) in [
            ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", true),
            ("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", true),
            ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", true),
            ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", false),
            ("bc1Qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", false),
            ("bc1", false),
        ] {
            let found = examine_bech32(Field::new("", text), 0, &mut Vec::new());
            assert_eq!(found.is_some(), expected, "{text}");
        }
    }

    #[test]
    fn ethereum_addresses_have_forty_digits() {
        for (text, expected) in [
            ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", true),
            ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe", false),
            ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed0", false),
            ("0x0000000000000000000000000000000000000000", false),
        ] {
            let found = examine_ethereum(Field::new("", text), 0, &mut Vec::new());
            assert_eq!(found.is_some(), expected, "{text}");
        }
    }
}
