//! Masked values of one request and the placeholders that stand for them.
//!
//! A placeholder is the type and a number in order of first appearance, `{EMAIL_1}`: a chat history that only grows
//! keeps every placeholder it had, so the provider's prompt cache keeps hitting, and two conversations share
//! nothing. A number that literally stands in the caller's text is left out, so that restoring never touches words
//! the caller wrote. The vault lives as long as its request and wipes its values when dropped.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use hardpan_inference::finding::PiiType;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Longest placeholder: the longest type name, a ten-digit number, braces and an underscore.
pub const PLACEHOLDER_BYTES_MAX: usize = 64;

struct Entry {
    placeholder: String,
    value: Zeroizing<String>,
}

/// No `Debug`: it holds what was masked.
#[derive(Default)]
pub struct Vault {
    entries: Vec<Entry>,
    /// Values by their hash, so that each is held once.
    by_value: HashMap<(PiiType, [u8; 32]), usize>,
    by_placeholder: HashMap<String, usize>,
    next: HashMap<PiiType, u32>,
    taken: BTreeSet<String>,
}

impl Vault {
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Notes placeholders that already stand in a text, so that none of them is given out.
    pub fn keep_clear_of(&mut self, text: &str) {
        for at in memchr::memchr_iter(b'{', text.as_bytes()) {
            if let Some(range) = candidate(text, at)
                && let Some(found) = text.get(range)
            {
                self.taken.insert(found.to_owned());
            }
        }
    }

    /// The placeholder of a value: the same one each time.
    pub fn placeholder(&mut self, kind: PiiType, value: &str) -> &str {
        let key = (kind, Sha256::digest(value.as_bytes()).into());
        let index = match self.by_value.get(&key) {
            Some(index) => *index,
            None => {
                let index = self.entries.len();
                let placeholder = self.unused(kind);
                self.by_placeholder.insert(placeholder.clone(), index);
                self.entries.push(Entry { placeholder, value: Zeroizing::new(value.to_owned()) });
                self.by_value.insert(key, index);
                index
            }
        };
        self.entries.get(index).map_or("", |entry| entry.placeholder.as_str())
    }

    /// Where placeholders of this vault stand in a text, and what they stand for.
    pub fn find<'v>(&'v self, text: &str) -> Vec<(Range<usize>, &'v str)> {
        if self.is_empty() {
            return Vec::new();
        }
        memchr::memchr_iter(b'{', text.as_bytes())
            .filter_map(|at| {
                let range = candidate(text, at)?;
                let entry = self.entries.get(*self.by_placeholder.get(text.get(range.clone())?)?)?;
                Some((range, entry.value.as_str()))
            })
            .collect()
    }

    /// Where a placeholder may have begun that the text does not yet finish.
    pub fn open_at(&self, text: &str) -> Option<usize> {
        if self.is_empty() {
            return None;
        }
        let from = text.len().saturating_sub(PLACEHOLDER_BYTES_MAX);
        let tail = text.as_bytes().get(from..)?;
        let at = from + memchr::memrchr(b'{', tail)?;
        let open = text.get(at..)?;
        self.entries
            .iter()
            .any(|entry| entry.placeholder.len() > open.len() && entry.placeholder.starts_with(open))
            .then_some(at)
    }

    /// The text with every placeholder put back, or None when there is none in it.
    pub fn restore(&self, text: &str) -> Option<String> {
        let found = self.find(text);
        if found.is_empty() {
            return None;
        }
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for (range, value) in found {
            out.push_str(text.get(at..range.start).unwrap_or_default());
            out.push_str(value);
            at = range.end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        Some(out)
    }

    fn unused(&mut self, kind: PiiType) -> String {
        let next = self.next.entry(kind).or_insert(0);
        loop {
            *next += 1;
            let placeholder = format!("{{{}_{next}}}", kind.name());
            if !self.taken.contains(&placeholder) {
                return placeholder;
            }
        }
    }
}

/// The range of `{TYPE_number}` that begins at a brace.
fn candidate(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.as_bytes().get(at + 1..)?;
    let rest = rest.get(..rest.len().min(PLACEHOLDER_BYTES_MAX))?;
    let length = rest
        .iter()
        .position(|byte| !(byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_'))?;
    let inner = text.get(at + 1..at + 1 + length)?;
    let (name, number) = inner.rsplit_once('_')?;
    let numbered = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (rest.get(length) == Some(&b'}') && numbered && PiiType::from_name(name).is_some())
        .then_some(at..at + length + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_value_has_the_same_placeholder_in_order_of_appearance() {
        let mut vault = Vault::default();
        assert_eq!(vault.placeholder(PiiType::Email, "a@x.org"), "{EMAIL_1}");
        assert_eq!(vault.placeholder(PiiType::Email, "b@x.org"), "{EMAIL_2}");
        assert_eq!(vault.placeholder(PiiType::Phone, "555"), "{PHONE_1}");
        assert_eq!(vault.placeholder(PiiType::Email, "a@x.org"), "{EMAIL_1}");
        assert_eq!(vault.restore("to {EMAIL_2}, {EMAIL_1}{PHONE_1}").unwrap(), "to b@x.org, a@x.org555");
    }

    #[test]
    fn placeholders_the_caller_wrote_are_never_given_out_or_restored() {
        let mut vault = Vault::default();
        vault.keep_clear_of("write {EMAIL_1} and {EMAIL_3}, {NOPE_1}, {EMAIL_}, {{EMAIL_4}}");
        assert_eq!(vault.placeholder(PiiType::Email, "a@x.org"), "{EMAIL_2}");
        assert_eq!(vault.placeholder(PiiType::Email, "b@x.org"), "{EMAIL_5}");
        assert_eq!(vault.restore("{EMAIL_1} {EMAIL_3} {EMAIL_9} {PHONE_1}"), None);
    }

    #[test]
    fn an_open_placeholder_is_seen_and_nothing_else() {
        let mut vault = Vault::default();
        vault.placeholder(PiiType::Email, "a@x.org");
        for (text, open) in [
            ("hello {", Some(6)),
            ("hello {EM", Some(6)),
            ("{EMAIL_1", Some(0)),
            ("{EMAIL_1}", None),
            ("{EMAIL_2", None),
            ("{\"a\": 1", None),
            ("{ ", None),
            ("", None),
            ("é{E", Some(2)),
        ] {
            assert_eq!(vault.open_at(text), open, "{text}");
        }
        assert_eq!(Vault::default().open_at("{"), None);
    }
}
