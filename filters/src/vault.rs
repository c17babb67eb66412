//! The values of one request that were replaced, and what stands in their places.
//!
//! A placeholder is the type and a number in order of first appearance, `{EMAIL_1}`: a chat history that only grows
//! keeps every placeholder it had, so the provider's prompt cache keeps hitting, and two conversations share
//! nothing. Tokens and made-up values follow from the conversation's key and keep for the same reason. What literally
//! stands in the caller's text is not given out, so that restoring never touches words the caller wrote. The vault
//! lives as long as its request and wipes its values when dropped. How a form is made is told in
//! [`crate::replacement`].

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, MatchKind};
use hardpan_inference::finding::{PiiType, RedactMode};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::replacement::{self, ScopedKeys, Treatment, braced, token_kind};

/// Longest replacement that is put back: the longest type name, a ten-digit number, braces and an underscore, or a
/// made-up value, which is never longer.
pub const PLACEHOLDER_BYTES_MAX: usize = 64;
/// Made-up values of one request; further values get placeholders.
const FAKES_MAX: usize = 4096;
/// How often another token or made-up value is tried where one is taken.
const ATTEMPTS_MAX: u32 = 8;

struct Entry {
    kind: PiiType,
    /// What it became, which is a mask where the wanted mode has no form for it.
    mode: RedactMode,
    is_reversible: bool,
    /// A former request replaced it, and others know its form.
    is_remembered: bool,
    attempt: u32,
    replacement: Zeroizing<String>,
    value: Zeroizing<String>,
}

/// The same value may be replaced in several ways, by the place it stands in.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    kind: PiiType,
    mode: RedactMode,
    is_reversible: bool,
    value_sha256: [u8; 32],
}

/// Whether a remembered value counts among the request's own all the same: others know it in a way that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renews {
    Yes,
    No,
}

/// No `Debug`: it holds what was replaced.
#[derive(Default)]
pub struct Vault {
    /// None until a form needs them; then of this vault alone.
    keys: Option<ScopedKeys>,
    entries: Vec<Entry>,
    /// Values by their hash, so that each is held once.
    by_value: HashMap<Key, usize>,
    by_replacement: Given,
    next: HashMap<PiiType, u32>,
    taken: BTreeSet<String>,
    fakes: usize,
    /// Made when first searched for, and again after a change.
    search: OnceLock<Search>,
}

/// What is put back, with its entry.
#[derive(Default)]
struct Given(HashMap<String, usize>);

/// Made-up values tell what form a value has.
impl Drop for Given {
    fn drop(&mut self) {
        for (mut replacement, _) in self.0.drain() {
            replacement.zeroize();
        }
    }
}

/// What finds made-up values again. None where there is none.
struct Search {
    matcher: Option<AhoCorasick>,
    /// Entries of made-up values that are put back, by their order in the matcher.
    entries: Vec<usize>,
    /// The same values in order of their text.
    sorted: Vec<usize>,
}

impl Vault {
    /// A vault whose tokens, hashes and made-up values follow from these keys.
    pub fn new(keys: ScopedKeys) -> Self {
        Self { keys: Some(keys), ..Self::default() }
    }

    /// Whether there is nothing to put back.
    pub fn is_empty(&self) -> bool {
        self.by_replacement.0.is_empty()
    }

    /// How many values can be put back.
    pub fn len(&self) -> usize {
        self.by_replacement.0.len()
    }

    /// Notes placeholders that already stand in a text, so that none of them is given out.
    pub fn keep_clear_of(&mut self, text: &str) {
        for at in memchr::memchr_iter(b'{', text.as_bytes()) {
            if let Some(range) = braced(text, at)
                && let Some(found) = text.get(range)
            {
                self.taken.insert(found.to_owned());
            }
        }
    }

    /// The placeholder of a value: the same one each time.
    pub fn placeholder(&mut self, kind: PiiType, value: &str) -> &str {
        let entry = self.enter(kind, value, Treatment::MASK);
        self.replacement(entry)
    }

    /// Takes a value in; the same entry each time. What stands in its place may change until
    /// [`Vault::keep_fakes_clear_of`] has been called.
    pub fn enter(&mut self, kind: PiiType, value: &str, treatment: Treatment) -> usize {
        let is_reversible = treatment.is_reversible();
        let value_sha256 = Sha256::digest(value.as_bytes()).into();
        let key = Key { kind, mode: treatment.mode, is_reversible, value_sha256 };
        if let Some(entry) = self.by_value.get(&key) {
            return *entry;
        }
        let index = self.entries.len();
        let value = Zeroizing::new(value.to_owned());
        let mode = treatment.mode;
        let mut entry = Entry {
            kind,
            mode,
            is_reversible,
            is_remembered: false,
            attempt: 0,
            replacement: Zeroizing::default(),
            value,
        };
        self.give(&mut entry);
        if entry.mode == RedactMode::Fake {
            self.fakes += 1;
        }
        self.note(&entry, index);
        self.entries.push(entry);
        self.by_value.insert(key, index);
        index
    }

    /// Takes in what a former request of the conversation replaced by a token: the value is put back wherever the token
    /// stands in an answer, and gets the same token again. False where the token stands for a value already, or is none.
    pub fn remember(&mut self, token: &str, value: Zeroizing<String>, renews: Renews) -> bool {
        let Some(kind) = token_kind(token) else { return false };
        if self.by_replacement.0.contains_key(token) {
            return false;
        }
        let mode = RedactMode::Token;
        let value_sha256 = Sha256::digest(value.as_bytes()).into();
        let index = self.entries.len();
        // Of two tokens of one value the first is given out.
        self.by_value.entry(Key { kind, mode, is_reversible: true, value_sha256 }).or_insert(index);
        let replacement = Zeroizing::new(token.to_owned());
        let entry = Entry {
            kind,
            mode,
            is_reversible: true,
            is_remembered: renews == Renews::No,
            attempt: 0,
            replacement,
            value,
        };
        self.note(&entry, index);
        self.entries.push(entry);
        true
    }

    /// Tokens that can be put back and that others do not know yet, and what they stand for.
    pub fn own_tokens(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = self
            .entries
            .iter()
            .filter(|entry| entry.mode == RedactMode::Token && entry.is_reversible && !entry.is_remembered);
        own.map(|entry| (entry.replacement.as_str(), entry.value.as_str()))
    }

    /// What stands in the place of an entry's value.
    pub fn replacement(&self, entry: usize) -> &str {
        self.entries.get(entry).map_or("", |entry| entry.replacement.as_str())
    }

    /// How many values there are, whether they come back or not: entries from here on are new.
    pub fn entered(&self) -> usize {
        self.entries.len()
    }

    /// Finds another form for every made-up value, of those entered from `first` on, that stands in the caller's
    /// texts or in another replacement. `read` is given a reader and shows it every text.
    pub fn keep_fakes_clear_of(&mut self, first: usize, read: impl Fn(&mut dyn FnMut(&str))) {
        for _ in 0..ATTEMPTS_MAX {
            let standing = self.fakes_standing(first, &read);
            if standing.is_empty() {
                return;
            }
            for index in standing {
                self.change(index, false);
            }
        }
        for index in self.fakes_standing(first, &read) {
            self.change(index, true);
        }
    }

    /// Made-up values that stand somewhere already. One walk over the texts, however many there are.
    fn fakes_standing(&self, first: usize, read: &impl Fn(&mut dyn FnMut(&str))) -> BTreeSet<usize> {
        let is_fake = |entry: &Entry| entry.mode == RedactMode::Fake;
        let fakes: Vec<usize> =
            (0..self.entries.len()).filter(|index| self.entries.get(*index).is_some_and(is_fake)).collect();
        let mut standing = BTreeSet::new();
        if !fakes.iter().any(|index| *index >= first) {
            return standing;
        }
        let Ok(matcher) = AhoCorasick::new(fakes.iter().map(|index| self.replacement(*index))) else {
            // None of them can be trusted to be nowhere.
            return fakes.into_iter().filter(|index| *index >= first).collect();
        };
        let fake = |found: &aho_corasick::Match| fakes.get(found.pattern().as_usize()).copied();
        read(&mut |text: &str| {
            let found = matcher.find_overlapping_iter(text).filter_map(|found| fake(&found));
            standing.extend(found.filter(|index| *index >= first));
        });
        // Nor may one hold another: which of the two a text holds would depend on how the text is cut. The later one
        // is changed, because the earlier one may have been sent.
        for (index, entry) in self.entries.iter().enumerate() {
            for found in matcher.find_overlapping_iter(entry.replacement.as_str()) {
                let Some(other) = fake(&found).filter(|other| *other != index) else { continue };
                let later = if is_fake(entry) { other.max(index) } else { other };
                standing.extend((later >= first).then_some(later));
            }
        }
        standing
    }

    /// Gives an entry another form, or a placeholder.
    fn change(&mut self, index: usize, to_mask: bool) {
        let Some(slot) = self.entries.get_mut(index) else { return };
        let nothing = Entry {
            kind: slot.kind,
            mode: slot.mode,
            is_reversible: slot.is_reversible,
            is_remembered: slot.is_remembered,
            attempt: 0,
            replacement: Zeroizing::default(),
            value: Zeroizing::default(),
        };
        let mut entry = std::mem::replace(slot, nothing);
        if entry.is_reversible {
            self.by_replacement.0.remove(entry.replacement.as_str());
        }
        entry.attempt += 1;
        if to_mask {
            entry.mode = RedactMode::Mask;
        }
        self.give(&mut entry);
        if entry.mode != RedactMode::Fake {
            self.fakes = self.fakes.saturating_sub(1);
        }
        self.note(&entry, index);
        if let Some(slot) = self.entries.get_mut(index) {
            *slot = entry;
        }
    }

    /// Makes the form of an entry; a placeholder where its mode has none left.
    fn give(&mut self, entry: &mut Entry) {
        let (kind, first) = (entry.kind, entry.attempt);
        let attempts = first..first.saturating_add(ATTEMPTS_MAX);
        let has_place = self.fakes < FAKES_MAX;
        let is_free =
            |form: &String| !self.taken.contains(form) && !self.by_replacement.0.contains_key(form.as_str());
        let made = match entry.mode {
            RedactMode::Mask => None,
            RedactMode::Label => Some((first, replacement::label(kind))),
            RedactMode::Drop => Some((first, String::new())),
            RedactMode::Hash => {
                let keys = self.keys.get_or_insert_with(ScopedKeys::random);
                Some((first, keys.hash(kind, &entry.value)))
            }
            RedactMode::Token => {
                let keys = self.keys.get_or_insert_with(ScopedKeys::random);
                let mut tokens = attempts.map(|attempt| (attempt, keys.token(kind, &entry.value, attempt)));
                tokens.find(|(_, form)| is_free(form))
            }
            RedactMode::Fake if has_place => {
                let keys = self.keys.get_or_insert_with(ScopedKeys::random);
                let made = |attempt| Some((attempt, replacement::fake(keys, kind, &entry.value, attempt)?));
                attempts.filter_map(made).find(|(_, form)| is_free(form))
            }
            RedactMode::Fake => None,
        };
        let (attempt, form) = made.unwrap_or_else(|| {
            entry.mode = RedactMode::Mask;
            (first, unused(&mut self.next, &self.taken, kind))
        });
        entry.attempt = attempt;
        entry.replacement = Zeroizing::new(form);
    }

    fn note(&mut self, entry: &Entry, index: usize) {
        if entry.is_reversible {
            self.by_replacement.0.insert(entry.replacement.to_string(), index);
            if entry.mode == RedactMode::Fake {
                self.search = OnceLock::new();
            }
        }
    }

    fn search(&self) -> &Search {
        self.search.get_or_init(|| {
            let is_wanted = |entry: &Entry| entry.mode == RedactMode::Fake && entry.is_reversible;
            let indices = 0..self.entries.len();
            let entries: Vec<usize> =
                indices.filter(|index| self.entries.get(*index).is_some_and(is_wanted)).collect();
            let mut sorted = entries.clone();
            sorted.sort_by(|one, other| self.replacement(*one).cmp(self.replacement(*other)));
            let fakes = entries.iter().map(|index| self.replacement(*index));
            // So few and so short patterns are never too many for it.
            let matcher = (!entries.is_empty())
                .then(|| AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(fakes).ok());
            Search { matcher: matcher.flatten(), entries, sorted }
        })
    }

    /// Where replacements of this vault stand in a text, in order and apart, and what they stand for.
    pub fn find<'v>(&'v self, text: &str) -> Vec<(Range<usize>, &'v str)> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut found: Vec<(Range<usize>, &'v str)> = memchr::memchr_iter(b'{', text.as_bytes())
            .filter_map(|at| {
                let range = braced(text, at)?;
                let entry = self.entries.get(*self.by_replacement.0.get(text.get(range.clone())?)?)?;
                Some((range, entry.value.as_str()))
            })
            .collect();
        let search = self.search();
        if let Some(matcher) = &search.matcher {
            found.extend(matcher.find_iter(text).filter_map(|one| {
                let entry = self.entries.get(*search.entries.get(one.pattern().as_usize())?)?;
                Some((one.range(), entry.value.as_str()))
            }));
            found.sort_by_key(|(range, _)| range.start);
            let mut end = 0;
            found.retain(|(range, _)| {
                let is_apart = range.start >= end;
                end = if is_apart { range.end } else { end };
                is_apart
            });
        }
        found
    }

    /// Where a replacement may have begun that the text does not yet finish.
    pub fn open_at(&self, text: &str) -> Option<usize> {
        if self.is_empty() {
            return None;
        }
        let braced = self.open_brace(text);
        let search = self.search();
        if search.sorted.is_empty() {
            return braced;
        }
        // What is whole already is no beginning of another.
        let whole = self.find(text).last().map_or(0, |(range, _)| range.end);
        let from = text.len().saturating_sub(PLACEHOLDER_BYTES_MAX).max(whole);
        let fake = (from..text.len()).find(|at| {
            let Some(open) = text.get(*at..) else { return false };
            let next = search.sorted.partition_point(|index| self.replacement(*index) <= open);
            search.sorted.get(next).is_some_and(|index| self.replacement(*index).starts_with(open))
        });
        match (braced, fake) {
            (Some(braced), Some(fake)) => Some(braced.min(fake)),
            (braced, fake) => braced.or(fake),
        }
    }

    fn open_brace(&self, text: &str) -> Option<usize> {
        let from = text.len().saturating_sub(PLACEHOLDER_BYTES_MAX);
        let tail = text.as_bytes().get(from..)?;
        let at = from + memchr::memrchr(b'{', tail)?;
        let open = text.get(at..)?;
        self.entries
            .iter()
            .filter(|entry| entry.is_reversible && entry.mode != RedactMode::Fake)
            .any(|entry| entry.replacement.len() > open.len() && entry.replacement.starts_with(open))
            .then_some(at)
    }

    /// The text with every value put back, or None when there is none in it.
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
}

/// The next placeholder of a type that stands nowhere in the caller's texts.
fn unused(next: &mut HashMap<PiiType, u32>, taken: &BTreeSet<String>, kind: PiiType) -> String {
    let next = next.entry(kind).or_insert(0);
    loop {
        *next += 1;
        let placeholder = format!("{{{}_{next}}}", kind.name());
        if !taken.contains(&placeholder) {
            return placeholder;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::replacement::{RedactionKey, Scope};

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
    fn a_remembered_token_is_put_back_and_given_to_its_value_again() {
        let token = Treatment { mode: RedactMode::Token, restore: true };
        let mut first = Vault::new(keys());
        let entry = first.enter(PiiType::Email, "a@x.org", token);
        let given = first.replacement(entry).to_owned();
        assert_eq!(first.own_tokens().collect::<Vec<_>>(), [(given.as_str(), "a@x.org")]);

        let mut second = Vault::new(ScopedKeys::random());
        assert!(second.remember(&given, Zeroizing::new("a@x.org".to_owned()), Renews::No));
        assert!(!second.remember(&given, Zeroizing::new("another".to_owned()), Renews::No));
        for none in
            ["{EMAIL_1}", "{EMAIL:k3x9q2v}", "{NOPE:k3x9q2vd}", "a{EMAIL:k3x9q2vd}", "{EMAIL:k3x9q2vd}b", ""]
        {
            assert!(!second.remember(none, Zeroizing::new("value".to_owned()), Renews::No), "{none}");
        }
        // Also where the caller's own texts hold the token.
        second.keep_clear_of(&format!("once more {given}"));
        let again = second.enter(PiiType::Email, "a@x.org", token);
        assert_eq!(second.replacement(again), given);
        assert_eq!(second.restore(&format!("to {given}!")).unwrap(), "to a@x.org!");
        assert_eq!(second.open_at(&given[..given.len() - 1]), Some(0));
        assert_eq!(second.own_tokens().count(), 0);
        // What is not put back is no token of the request's own, and neither is another form.
        for treatment in [Treatment { restore: false, ..token }, Treatment::MASK] {
            second.enter(PiiType::Email, "b@x.org", treatment);
        }
        assert_eq!(second.own_tokens().count(), 0);
        assert!(second.remember("{PHONE:k3x9q2vd}", Zeroizing::new("555".to_owned()), Renews::Yes));
        assert_eq!(second.own_tokens().collect::<Vec<_>>(), [("{PHONE:k3x9q2vd}", "555")]);
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

    fn keys() -> ScopedKeys {
        RedactionKey::new("secret").scoped(&Scope { team: "t", app: "a", user: None, conversation: "c" })
    }

    fn entered(vault: &mut Vault, kind: PiiType, value: &str, mode: RedactMode, restore: bool) -> String {
        let entry = vault.enter(kind, value, Treatment { mode, restore });
        vault.replacement(entry).to_owned()
    }

    #[test]
    fn each_mode_has_its_form_and_only_some_come_back() {
        let is_hex = |text: &str| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        for restore in [true, false] {
            for (mode, comes_back) in [
                (RedactMode::Mask, true),
                (RedactMode::Fake, true),
                (RedactMode::Hash, false),
                (RedactMode::Token, true),
                (RedactMode::Label, false),
                (RedactMode::Drop, false),
            ] {
                let mut vault = Vault::new(keys());
                let form = entered(&mut vault, PiiType::Email, "ann@mail.test", mode, restore);
                let inner = form.strip_prefix("{EMAIL").and_then(|rest| rest.strip_suffix('}'));
                let holds = match mode {
                    RedactMode::Mask => inner == Some("_1"),
                    RedactMode::Fake => form.contains("@example."),
                    RedactMode::Hash => inner.and_then(|inner| inner.strip_prefix('#')).is_some_and(is_hex),
                    RedactMode::Token => {
                        inner.is_some_and(|inner| inner.len() == 9 && inner.starts_with(':'))
                    }
                    RedactMode::Label => inner == Some(""),
                    RedactMode::Drop => form.is_empty(),
                };
                assert!(holds, "{mode:?} {form}");
                assert_eq!(form, entered(&mut vault, PiiType::Email, "ann@mail.test", mode, restore));
                let comes_back = comes_back && restore;
                assert_eq!((vault.is_empty(), vault.len()), (!comes_back, usize::from(comes_back)));
                let restored = vault.restore(&format!("to {form}."));
                assert_eq!(restored.is_some(), comes_back, "{mode:?}");
                assert!(restored.is_none_or(|restored| restored == "to ann@mail.test."));
            }
        }
    }

    #[test]
    fn a_value_without_a_form_gets_a_placeholder() {
        let mut vault = Vault::new(keys());
        for (kind, value, form) in [
            (PiiType::Pin, "481201", "{PIN_1}"),
            (PiiType::Age, "42", "{AGE_1}"),
            (PiiType::ApiKey, "k".repeat(PLACEHOLDER_BYTES_MAX + 1).as_str(), "{API_KEY_1}"),
        ] {
            assert_eq!(entered(&mut vault, kind, value, RedactMode::Fake, true), form);
        }
        for index in 0..=FAKES_MAX {
            vault.enter(
                PiiType::Email,
                &format!("a{index}@mail.test"),
                Treatment { mode: RedactMode::Fake, restore: true },
            );
        }
        let made_up = vault.entries.iter().filter(|entry| entry.mode == RedactMode::Fake).count();
        assert!((FAKES_MAX - 8..=FAKES_MAX).contains(&made_up), "{made_up}");
        assert!(vault.entries.last().is_some_and(|entry| entry.mode == RedactMode::Mask));
    }

    #[test]
    fn tokens_and_made_up_values_that_stand_in_the_texts_are_not_given_out() {
        let (kind, value) = (PiiType::Email, "ann@mail.test");
        let token = entered(&mut Vault::new(keys()), kind, value, RedactMode::Token, true);
        let mut vault = Vault::new(keys());
        vault.keep_clear_of(&format!("the caller wrote {token}"));
        let other = entered(&mut vault, kind, value, RedactMode::Token, true);
        assert_ne!(token, other);
        assert_eq!(vault.restore(&token), None);
        let mut vault = Vault::new(keys());
        let fake = vault.enter(kind, value, Treatment { mode: RedactMode::Fake, restore: true });
        let first = vault.replacement(fake).to_owned();
        let text = format!("the caller wrote {first}, too");
        vault.keep_fakes_clear_of(0, |read| read(&text));
        let second = vault.replacement(fake).to_owned();
        assert!(second.contains("@example.") && second != first);
        assert_eq!((vault.restore(&text), vault.restore(&second).as_deref()), (None, Some(value)));
        // Earlier ones have been sent: they stay.
        let text = format!("{second} {second}");
        vault.keep_fakes_clear_of(vault.entered(), |read| read(&text));
        assert_eq!(vault.replacement(fake), second);
    }

    #[test]
    fn a_made_up_value_is_seen_where_it_begins() {
        let mut vault = Vault::new(keys());
        let fake = entered(&mut vault, PiiType::Username, "ann_lee_42", RedactMode::Fake, true);
        vault.placeholder(PiiType::Email, "a@x.org");
        for end in 1..fake.len() {
            let text = format!("é {}", &fake[..end]);
            assert_eq!(vault.open_at(&text), Some(3), "{text}");
        }
        for text in [format!("é {fake}"), format!("é {}-", &fake[..4]), String::new()] {
            assert_eq!(vault.open_at(&text), None, "{text}");
        }
        assert_eq!(vault.open_at(&format!("{{EM {}", &fake[..3])), Some(4));
        assert_eq!(vault.open_at(&format!("{} {{EM", &fake[..3])), Some(4));
    }

    #[derive(Clone, Debug)]
    enum Part {
        Words(&'static str),
        Value(usize),
    }

    const VALUES: &[(PiiType, &str)] = &[
        (PiiType::Email, "ann@mail.test"),
        (PiiType::Email, "bob@mail.test"),
        (PiiType::Phone, "+1 212-867-5309"),
        (PiiType::CreditDebitCardNumber, "4111 1111 1111 1111"),
        (PiiType::Username, "ann_lee_42"),
        (PiiType::Age, "42"),
    ];

    fn part() -> impl Strategy<Value = Part> {
        let words = prop::sample::select(vec![
            " and ",
            "{EMAIL_1}",
            "{",
            "}",
            "é",
            "x@example.com",
            "555-01",
            "{EMAIL:k3x9q2vd}",
        ]);
        prop_oneof![words.prop_map(Part::Words), (0..VALUES.len()).prop_map(Part::Value)]
    }

    proptest! {
        /// What one vault gave out by token comes back through another that remembers it, and nothing else does.
        #[test]
        fn a_vault_that_remembers_restores_like_the_first(
            parts in prop::collection::vec(part(), 0..16),
            remembered in 0..VALUES.len(),
        ) {
            let mut first = Vault::new(keys());
            let replaced: String = parts.iter().map(|part| match part {
                Part::Words(words) => (*words).to_owned(),
                Part::Value(index) => {
                    let (kind, value) = VALUES[*index];
                    entered(&mut first, kind, value, RedactMode::Token, true)
                }
            }).collect();
            let (mut second, mut some) = (Vault::default(), Vault::default());
            for (index, (token, value)) in first.own_tokens().enumerate() {
                prop_assert!(second.remember(token, Zeroizing::new(value.to_owned()), Renews::No));
                if index < remembered {
                    some.remember(token, Zeroizing::new(value.to_owned()), Renews::No);
                }
            }
            prop_assert_eq!(second.restore(&replaced), first.restore(&replaced));
            // What is not remembered stays as it is until it is.
            let partly = some.restore(&replaced).unwrap_or_else(|| replaced.clone());
            let whole = second.restore(&partly).unwrap_or(partly);
            prop_assert_eq!(whole, first.restore(&replaced).unwrap_or(replaced));
        }

        /// What is replaced comes back, and what the caller wrote stays, in whole and in pieces.
        #[test]
        fn restoring_undoes_replacing(
            parts in prop::collection::vec(part(), 0..16),
            mode in prop::sample::select(vec![RedactMode::Mask, RedactMode::Fake, RedactMode::Token]),
            mut cuts in prop::collection::vec(0usize..300, 0..12),
        ) {
            let text: String = parts.iter().map(|part| match part {
                Part::Words(words) => *words,
                Part::Value(index) => VALUES[*index].1,
            }).collect();
            let mut vault = Vault::new(keys());
            vault.keep_clear_of(&text);
            for part in &parts {
                if let Part::Value(index) = part {
                    let (kind, value) = VALUES[*index];
                    vault.enter(kind, value, Treatment { mode, restore: true });
                }
            }
            vault.keep_fakes_clear_of(0, |read| read(&text));
            let replaced: String = parts.iter().map(|part| match part {
                Part::Words(words) => (*words).to_owned(),
                Part::Value(index) => {
                    let (kind, value) = VALUES[*index];
                    entered(&mut vault, kind, value, mode, true)
                }
            }).collect();
            prop_assert_eq!(vault.restore(&replaced).unwrap_or_else(|| replaced.clone()), text.clone());
            // The same in pieces: what is open is kept back, and what is not is settled.
            cuts.sort_unstable();
            let (mut held, mut out, mut at) = (String::new(), String::new(), 0);
            for cut in cuts.into_iter().chain([replaced.len()]) {
                let cut = (at..=cut.clamp(at, replaced.len())).rev().find(|cut| replaced.is_char_boundary(*cut)).unwrap();
                held.push_str(&replaced[at..cut]);
                at = cut;
                let open = vault.open_at(&held).unwrap_or(held.len());
                let kept = held.split_off(open);
                out.push_str(&vault.restore(&held).unwrap_or_else(|| held.clone()));
                prop_assert!(kept.len() < PLACEHOLDER_BYTES_MAX);
                held = kept;
            }
            out.push_str(&held);
            prop_assert_eq!(out, text);
        }
    }
}
