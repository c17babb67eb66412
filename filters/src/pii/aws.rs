//! AWS access key identifiers, which announce themselves, and secret access keys, which do not: forty
//! characters of base64 are only reported beside an access key or words that promise one, and only when they
//! look random.

use hardpan_inference::finding::{Finding, PiiType};

use super::field::Field;
use super::finding;

const SECRET_BYTES: usize = 40;
/// How far after the announcing words, and around an access key, a secret may stand.
const AFTER_WORDS_BYTES_MAX: usize = 160;
const AROUND_KEY_BYTES_MAX: usize = 200;
/// Bits per character. Forty random characters of base64 have about 4.8, hexadecimal digests at most 4.
const ENTROPY_BITS_MIN: f64 = 4.0;

/// Examines a whole-shaped access key from `start` to `end`. Returns where to go on.
pub(super) fn examine_access_key(
    field: Field<'_>,
    start: usize,
    end: usize,
    secrets: &mut SecretSearch,
    candidates: &mut Vec<Finding>,
) -> usize {
    if field.word_before(start) || field.word_at(end) {
        return start + 4;
    }
    candidates.push(finding(PiiType::AwsAccessKey, start, end, 99));
    secrets.examine(field, start.saturating_sub(AROUND_KEY_BYTES_MAX), start, candidates);
    secrets.examine(field, end, end.saturating_add(AROUND_KEY_BYTES_MAX), candidates);
    end
}

/// Whether the name of a JSON member announces a secret.
pub(super) fn announces_secret(key: &[u8]) -> bool {
    let names = |word: &[u8]| key.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    names(b"secret") || names(b"aws")
}

/// Remembers how far secrets were searched, so that announcing words in a row do not search the same bytes
/// again.
#[derive(Default)]
pub(super) struct SecretSearch {
    searched_to: usize,
    /// Words are searched in a pass of their own, behind the one that meets access keys.
    searched_behind_words: usize,
}

impl SecretSearch {
    /// Searches after words that announce a secret key and end at `end`. Returns where to go on.
    pub(super) fn examine_after(
        &mut self,
        field: Field<'_>,
        end: usize,
        candidates: &mut Vec<Finding>,
    ) -> usize {
        let around_keys = std::mem::replace(&mut self.searched_to, self.searched_behind_words);
        self.examine(field, end, end.saturating_add(AFTER_WORDS_BYTES_MAX), candidates);
        self.searched_behind_words = std::mem::replace(&mut self.searched_to, around_keys);
        end
    }

    /// Searches the start of a value whose JSON key announces a secret.
    pub(super) fn examine_keyed(&mut self, field: Field<'_>, candidates: &mut Vec<Finding>) {
        self.examine(field, 0, AFTER_WORDS_BYTES_MAX, candidates);
    }

    fn examine(&mut self, field: Field<'_>, start: usize, end: usize, candidates: &mut Vec<Finding>) {
        let end = end.min(field.len());
        let mut position = start.max(self.searched_to);
        while position < end {
            // No secret begins before the last byte in its length that is none of its characters.
            let ahead = field.slice(position, field.len().min(position + SECRET_BYTES));
            if let Some(last) = ahead.iter().rposition(|byte| !is_base64(*byte)) {
                position += last + 1;
                continue;
            }
            if ahead.len() < SECRET_BYTES {
                position = end;
                break;
            }
            let token_end = token_end(field, position);
            let token = field.slice(position, token_end);
            if token.len() == SECRET_BYTES && stands_alone(field, position, token_end) && looks_random(token)
            {
                candidates.push(finding(PiiType::AwsSecretKey, position, token_end, 90));
            }
            position = token_end;
        }
        self.searched_to = self.searched_to.max(position);
    }
}

/// The end of the run of base64 characters at `start`, or a little more than a secret's length when it is
/// longer: the rest of a long run is looked at in further pieces that do not stand alone.
fn token_end(field: Field<'_>, start: usize) -> usize {
    let window = field.slice(start, field.len().min(start + SECRET_BYTES + 1));
    start + window.iter().take_while(|byte| is_base64(**byte)).count()
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+')
}

fn stands_alone(field: Field<'_>, start: usize, end: usize) -> bool {
    let joins = |byte: u8| is_base64(byte) || matches!(byte, b'_' | b'-');
    let joined_before = start > 0 && joins(field.at(start - 1));
    !joined_before && !joins(field.at(end))
}

fn looks_random(token: &[u8]) -> bool {
    let mixed = token.iter().any(u8::is_ascii_uppercase)
        && token.iter().any(u8::is_ascii_lowercase)
        && token.iter().any(u8::is_ascii_digit);
    mixed && entropy_bits(token) >= ENTROPY_BITS_MIN
}

/// Shannon entropy per character.
fn entropy_bits(token: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for byte in token {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = token.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / total;
            -share * share.log2()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_words_and_paths_do_not_look_random() {
        for token in [
            "3f786850e387550fdab836ed7e6dc881de23001b",
            "AAAAaaaa1111AAAAaaaa1111AAAAaaaa1111AAAA",
            "internationalization/of/applications/abc",
        ] {
            assert!(!looks_random(token.as_bytes()), "{token}");
        }
        assert!(looks_random(b"wJa1rXUtnF3MIbK7MDENGbPxRfiCYzzKq9+/Ab3d"));
    }

    #[test]
    fn a_secret_is_found_wherever_its_window_begins_and_ends() {
        let secret = "wJa1rXUtnF3MIbK7MDENGbPxRfiCYzzKq9+/Ab3d";
        let text = format!("key: {secret} and {secret}x, {secret}");
        let last = text.len() - SECRET_BYTES;
        for start in 0..text.len() {
            for end in start..=text.len() {
                let mut candidates = Vec::new();
                SecretSearch::default().examine(Field::new("", &text), start, end, &mut candidates);
                let found: Vec<usize> = candidates.iter().map(|finding| finding.range.start).collect();
                let expected: Vec<usize> =
                    [5, last].into_iter().filter(|secret| (start..end).contains(secret)).collect();
                assert_eq!(found, expected, "{start}..{end}");
            }
        }
    }

    #[test]
    fn longer_and_shorter_tokens_are_no_secret() {
        let secret = "wJa1rXUtnF3MIbK7MDENGbPxRfiCYzzKq9+/Ab3d";
        for (text, expected) in [
            (format!(" {secret} "), 1),
            (format!("=\"{secret}\""), 1),
            (format!("{secret}A"), 0),
            (format!("{secret}{secret}"), 0),
            (format!("x_{secret}"), 0),
            (secret.chars().skip(1).collect::<String>(), 0),
        ] {
            let mut candidates = Vec::new();
            SecretSearch::default().examine(Field::new("", &text), 0, text.len(), &mut candidates);
            assert_eq!(candidates.len(), expected, "{}", text.len());
        }
    }
}
