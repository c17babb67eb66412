//! Credentials that are no AWS keys: tokens whose issuer gave them a recognisable form, JSON web tokens,
//! private keys in PEM, passwords and tokens assigned to a name, and passwords in URLs.
//!
//! What they share lives here: whether a string looks random, and whether it is a stand-in for a secret
//! rather than one. It deliberately does not ask any issuer whether a token is alive.

pub(super) mod assignment;
pub(super) mod formats;
pub(super) mod jwt;
pub(super) mod pem;
pub(super) mod url;

use super::field::Field;

/// The same byte this often in a row is a mask or filling ("xxxxxx", "000000").
const REPEATS_MAX: usize = 5;
/// Neighbours in the alphabet or among the digits this often in a row were typed by somebody who needed an
/// example ("abcdefgh", "12345678").
const SEQUENCE_MAX: usize = 7;

/// Parts of strings that stand where a secret will be.
const STAND_IN_PARTS: [&str; 22] = [
    "example",
    "placeholder",
    "changeme",
    "change_me",
    "change-me",
    "replace",
    "redacted",
    "your_",
    "your-",
    "yourpass",
    "yourtoken",
    "yourapi",
    "yourkey",
    "yoursecret",
    "_here",
    "-here",
    "insert_",
    "dummy",
    "faketoken",
    "process.env",
    "os.environ",
    "getenv",
];

/// Whether `value` stands for a secret instead of being one.
fn is_stand_in(value: &[u8]) -> bool {
    longest_run(value, |left, right| left == right) > REPEATS_MAX
        || longest_run(value, |left, right| left.is_ascii_alphanumeric() && left + 1 == right) > SEQUENCE_MAX
        || STAND_IN_PARTS.iter().any(|part| contains_ignoring_case(value, part.as_bytes()))
}

/// The length of the longest stretch in which `follows` holds from each byte to the next.
fn longest_run(value: &[u8], follows: fn(u8, u8) -> bool) -> usize {
    let (mut longest, mut run) = (usize::from(!value.is_empty()), 1);
    for (left, right) in value.iter().zip(value.iter().skip(1)) {
        run = if follows(*left, *right) { run + 1 } else { 1 };
        longest = longest.max(run);
    }
    longest
}

pub(super) fn contains_ignoring_case(value: &[u8], part: &[u8]) -> bool {
    let Some(starts) = value.len().checked_sub(part.len()).and_then(|last| value.get(..=last)) else {
        return false;
    };
    let Some(first) = part.first() else { return true };
    memchr::memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), starts).any(|start| {
        value.get(start..start + part.len()).is_some_and(|window| window.eq_ignore_ascii_case(part))
    })
}

/// Shannon entropy per byte.
fn entropy_bits(value: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for byte in value {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = value.len() as f64;
    let share = |count: &u32| f64::from(*count) / total;
    counts.iter().filter(|count| **count > 0).map(|count| -share(count) * share(count).log2()).sum()
}

fn count(value: &[u8], accept: fn(&u8) -> bool) -> usize {
    value.iter().filter(|byte| accept(byte)).count()
}

/// Whether a token may start at `start`: not in the middle of a longer one. The letter of an escaped line
/// break is not part of the text around it.
fn starts_token(field: Field<'_>, start: usize) -> bool {
    let Some(before) = start.checked_sub(1) else {
        return true;
    };
    let byte = field.at(before);
    let escaped = matches!(byte, b'n' | b'r' | b't') && before > 0 && field.at(before - 1) == b'\\';
    escaped || !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+'))
}

/// The end of the bytes from `start` that `accept` takes, at most `bytes_max` of them.
fn skip_while(field: Field<'_>, start: usize, bytes_max: usize, accept: impl Fn(u8) -> bool) -> usize {
    let window = field.slice(start, field.len().min(start.saturating_add(bytes_max)));
    start + window.iter().take_while(|byte| accept(**byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_in_any_case_and_at_either_end() {
        for (value, part, expected) in [
            ("My_EXAMPLE", "example", true),
            ("exaMple", "example", true),
            ("exampl", "example", false),
            ("", "example", false),
            ("eexample", "example", true),
            ("a{{b", "{{", true),
            ("a{b{", "{{", false),
        ] {
            assert_eq!(contains_ignoring_case(value.as_bytes(), part.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn masks_sequences_and_hints_are_stand_ins() {
        for value in
            ["xxxxxxxx", "a000000b", "ABCDEFGHIJ", "x12345678", "your_token", "MyExampleKey", "PUT_IT_HERE"]
        {
            assert!(is_stand_in(value.as_bytes()), "{value}");
        }
        for value in ["", "hunter2", "Zq8fKw31LmPv", "aabbccdd11"] {
            assert!(!is_stand_in(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn entropy_counts_bits_per_byte() {
        assert!(entropy_bits(b"aaaa") < 0.01);
        assert!((entropy_bits(b"abcd") - 2.0).abs() < 0.01);
    }
}
