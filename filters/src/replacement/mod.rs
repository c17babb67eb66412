//! What can stand in a value's place: its forms, and the keys those are made with.
//!
//! A key follows from the configured secret and from whose conversation it is for, so that a form means something
//! inside its scope and nothing outside. Which value has which form in one request is remembered by
//! [`crate::vault`]; which values are replaced at all is policy's to say.

mod fake;
pub mod shared;

use std::ops::Range;

use hardpan_inference::finding::{PiiType, RedactMode};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

pub(crate) use self::fake::fake;
use self::shared::SharedScope;
use crate::vault::PLACEHOLDER_BYTES_MAX;

/// How the values of a type are replaced in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Treatment {
    pub mode: RedactMode,
    /// Whether an answer gets the value back, where the mode permits it.
    pub restore: bool,
}

impl Treatment {
    pub const MASK: Treatment = Treatment { mode: RedactMode::Mask, restore: true };

    /// Whether an answer gets the value back.
    pub fn is_reversible(self) -> bool {
        self.restore && matches!(self.mode, RedactMode::Mask | RedactMode::Fake | RedactMode::Token)
    }
}

/// What all keys of one process, or of several with the same secret, follow from. No `Debug`.
pub struct RedactionKey(Zeroizing<[u8; 32]>);

/// Whose values are replaced, and in which conversation.
pub struct Scope<'a> {
    pub team: &'a str,
    pub app: &'a str,
    pub user: Option<&'a str>,
    /// What tells this conversation from others: its first message, which every later request holds again.
    pub conversation: &'a str,
}

/// The keys of one scope. No `Debug`.
pub struct ScopedKeys {
    /// For what may be put back: tokens and made-up values.
    conversation: Zeroizing<[u8; 32]>,
    /// For what an app joins on.
    app: Zeroizing<[u8; 32]>,
}

impl RedactionKey {
    pub fn new(secret: &str) -> Self {
        Self(keyed(secret.as_bytes(), &[b"redaction"]))
    }

    /// A key nobody else has: what is made with it means nothing after its end.
    pub fn random() -> Self {
        let random = [uuid::Uuid::new_v4().into_bytes(), uuid::Uuid::new_v4().into_bytes()];
        Self(keyed(Zeroizing::new(random).as_flattened(), &[b"redaction"]))
    }

    /// What values are sealed with that requests of this scope share.
    pub fn shared(&self, scope: &Scope<'_>) -> SharedScope {
        SharedScope::of(self.0.as_slice(), scope)
    }

    pub fn scoped(&self, scope: &Scope<'_>) -> ScopedKeys {
        let (team, app) = (scope.team.as_bytes(), scope.app.as_bytes());
        let has_user = [u8::from(scope.user.is_some())];
        let user = scope.user.unwrap_or_default().as_bytes();
        let conversation = scope.conversation.as_bytes();
        ScopedKeys {
            conversation: keyed(
                self.0.as_slice(),
                &[b"conversation", team, app, &has_user, user, conversation],
            ),
            app: keyed(self.0.as_slice(), &[b"app", team, app]),
        }
    }
}

impl ScopedKeys {
    pub(crate) fn random() -> Self {
        RedactionKey::random().scoped(&Scope { team: "", app: "", user: None, conversation: "" })
    }

    /// `{EMAIL:k3x9q2vd}`: the same for the same value within the conversation. Another attempt gives another token,
    /// for where one is taken.
    pub(crate) fn token(&self, kind: PiiType, value: &str, attempt: u32) -> String {
        let mac = keyed(
            self.conversation.as_slice(),
            &[b"token", kind.name().as_bytes(), value.as_bytes(), &attempt.to_be_bytes()],
        );
        let letters = mac.iter().take(TOKEN_LETTERS).map(|byte| letter(BASE32, *byte));
        let token: String = letters.collect();
        format!("{{{}:{token}}}", kind.name())
    }

    /// `{EMAIL#0f3a…}`: the same for the same value and app.
    pub(crate) fn hash(&self, kind: PiiType, value: &str) -> String {
        let mac = keyed(self.app.as_slice(), &[b"hash", kind.name().as_bytes(), value.as_bytes()]);
        let half = mac.iter().take(HASH_HEX / 2);
        let hex: String = half.flat_map(|byte| [letter(HEX, byte >> 4), letter(HEX, byte & 15)]).collect();
        format!("{{{}#{hex}}}", kind.name())
    }

    fn dice(&self, kind: PiiType, value: &str, attempt: u32) -> Dice {
        let seed = keyed(
            self.conversation.as_slice(),
            &[b"fake", kind.name().as_bytes(), value.as_bytes(), &attempt.to_be_bytes()],
        );
        Dice { seed, block: Zeroizing::new([0; 32]), taken: 32, blocks: 0 }
    }
}

/// `{EMAIL}`.
pub(crate) fn label(kind: PiiType) -> String {
    format!("{{{}}}", kind.name())
}

/// Letters that are not taken for one another.
const BASE32: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const HEX: &[u8; 16] = b"0123456789abcdef";
const TOKEN_LETTERS: usize = 8;
const HASH_HEX: usize = 16;

fn letter(alphabet: &[u8], number: u8) -> char {
    alphabet.get(usize::from(number) % alphabet.len()).copied().map_or('0', char::from)
}

/// The range of a form that may be put back, `{TYPE_number}` or `{TYPE:token}`, that begins at a brace.
pub(crate) fn braced(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.as_bytes().get(at + 1..)?;
    let rest = rest.get(..rest.len().min(PLACEHOLDER_BYTES_MAX))?;
    let is_name = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    let named = rest.iter().position(|byte| !is_name(byte))?;
    let end = match rest.get(named)? {
        b'}' => {
            let (name, number) = text.get(at + 1..at + 1 + named)?.rsplit_once('_')?;
            let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            (is_number && PiiType::from_name(name).is_some()).then_some(named)?
        }
        b':' => {
            let token = rest.get(named + 1..named + 1 + TOKEN_LETTERS)?;
            let end = named + 1 + TOKEN_LETTERS;
            let is_token = token.iter().all(|byte| BASE32.contains(byte)) && rest.get(end) == Some(&b'}');
            (is_token && PiiType::from_name(text.get(at + 1..at + 1 + named)?).is_some()).then_some(end)?
        }
        _ => return None,
    };
    Some(at..at + end + 2)
}

/// The type a token says its value has; None of what is no token, or more than one.
pub(crate) fn token_kind(token: &str) -> Option<PiiType> {
    let whole = braced(token, 0).filter(|range| *range == (0..token.len()) && token.starts_with('{'))?;
    let (name, _) = token.get(whole)?.strip_prefix('{')?.split_once(':')?;
    PiiType::from_name(name)
}

/// HMAC-SHA256 over parts with their lengths, so that no choice of parts makes two lists one.
fn keyed(key: &[u8], parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// Numbers that follow from a key: the same throws for the same value.
struct Dice {
    seed: Zeroizing<[u8; 32]>,
    block: Zeroizing<[u8; 32]>,
    taken: usize,
    blocks: u64,
}

impl Dice {
    /// A number below `limit`, which is small.
    fn below(&mut self, limit: u8) -> u8 {
        let (high, low) = (self.byte(), self.byte());
        let number = u16::from_be_bytes([high, low]);
        u8::try_from(number % u16::from(limit.max(1))).unwrap_or_default()
    }

    fn within(&mut self, low: u8, high: u8) -> u8 {
        low.saturating_add(self.below(high.saturating_sub(low).saturating_add(1)))
    }

    fn byte(&mut self) -> u8 {
        if self.taken >= self.block.len() {
            self.block = keyed(self.seed.as_slice(), &[&self.blocks.to_be_bytes()]);
            self.blocks += 1;
            self.taken = 0;
        }
        self.taken += 1;
        self.block.get(self.taken - 1).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secret: &str, user: Option<&str>, conversation: &str) -> ScopedKeys {
        RedactionKey::new(secret).scoped(&Scope { team: "t", app: "a", user, conversation })
    }

    #[test]
    fn a_token_is_the_same_within_its_conversation_alone() {
        let one = keys("secret", Some("u"), "hello").token(PiiType::Email, "ann@x.org", 0);
        assert_eq!(one, keys("secret", Some("u"), "hello").token(PiiType::Email, "ann@x.org", 0));
        for (other, kind, value, attempt) in [
            (keys("other", Some("u"), "hello"), PiiType::Email, "ann@x.org", 0),
            (keys("secret", None, "hello"), PiiType::Email, "ann@x.org", 0),
            (keys("secret", Some(""), "hello"), PiiType::Email, "ann@x.org", 0),
            (keys("secret", Some("u"), "hullo"), PiiType::Email, "ann@x.org", 0),
            (keys("secret", Some("u"), "hello"), PiiType::Email, "bob@x.org", 0),
            (keys("secret", Some("u"), "hello"), PiiType::Email, "ann@x.org", 1),
            (keys("secret", Some("u"), "hello"), PiiType::Phone, "ann@x.org", 0),
        ] {
            assert_ne!(one, other.token(kind, value, attempt));
        }
        assert_eq!(braced(&one, 0), Some(0..one.len()));
        assert_eq!(one.len(), "{EMAIL:}".len() + TOKEN_LETTERS);
    }

    #[test]
    fn a_hash_is_the_same_in_every_conversation_of_an_app() {
        let one = keys("secret", Some("u"), "hello").hash(PiiType::Email, "ann@x.org");
        assert_eq!(one, keys("secret", None, "other").hash(PiiType::Email, "ann@x.org"));
        let scope = Scope { team: "t", app: "b", user: None, conversation: "" };
        assert_ne!(one, RedactionKey::new("secret").scoped(&scope).hash(PiiType::Email, "ann@x.org"));
        assert_ne!(one, keys("other", None, "").hash(PiiType::Email, "ann@x.org"));
        assert_eq!((one.len(), braced(&one, 0)), ("{EMAIL#}".len() + HASH_HEX, None));
    }

    #[test]
    fn every_form_of_every_type_fits() {
        let keys = keys("secret", None, "");
        for kind in PiiType::ALL {
            let longest = format!("{{{}_{}}}", kind.name(), u32::MAX);
            for form in [keys.token(*kind, "v", 0), keys.hash(*kind, "v"), label(*kind), longest] {
                assert!(form.len() <= PLACEHOLDER_BYTES_MAX, "{form}");
            }
        }
    }

    #[test]
    fn only_forms_that_are_put_back_are_seen() {
        for (text, seen) in [
            ("{EMAIL_1}", Some(9)),
            ("{EMAIL_12} more", Some(10)),
            ("{EMAIL:k3x9q2vd}", Some(16)),
            ("{EMAIL:k3x9q2v}", None),
            ("{EMAIL:k3x9q2vd0}", None),
            ("{EMAIL:K3X9Q2VD}", None),
            ("{EMAIL#0011223344556677}", None),
            ("{EMAIL}", None),
            ("{EMAIL_}", None),
            ("{NOPE_1}", None),
            ("{NOPE:k3x9q2vd}", None),
            ("{EMAIL_1", None),
            ("{", None),
        ] {
            assert_eq!(braced(text, 0).map(|range| range.end), seen, "{text}");
        }
    }
}
