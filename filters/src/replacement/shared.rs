//! Sealing what tokens stand for, so that the requests of one conversation can share it through a store nobody has to
//! trust: the store learns no value, no token and nobody's name, and what it moves, changes or swaps does not open.
//!
//! All keys follow by HKDF from the redaction key and the scope. A scope has a name, under which its values are kept; a
//! token in it has a field, a keyed hash. Each value is sealed for its scope and field with AES-256-GCM under a key of
//! the scope's own and a fresh nonce. Where values are kept, and for how long, is not decided here, and a store that
//! keeps an old state, or nothing, is not noticed.

use hardpan_inference::finding::PiiType;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{self, HKDF_SHA256, Prk, Salt};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::{Scope, token_kind};
use crate::vault::PLACEHOLDER_BYTES_MAX;

/// Longer values are not shared: a private key of 4096 bits fits.
pub const SHARED_VALUE_BYTES_MAX: usize = 4096;
/// What a field has of the keyed hash of its token.
pub const FIELD_BYTES: usize = 16;
/// A sealed value is never longer.
pub const SEALED_BYTES_MAX: usize = NONCE_LEN
    + (HEAD_BYTES + PLACEHOLDER_BYTES_MAX + SHARED_VALUE_BYTES_MAX).next_multiple_of(PADDING_BYTES)
    + TAG_BYTES;

/// Lengths are told to the store in steps of this alone.
const PADDING_BYTES: usize = 64;
/// The length of the token and of the value.
const HEAD_BYTES: usize = 3;
const TAG_BYTES: usize = 16;
/// Part of what is sealed: another form will have another number.
const FORM: u8 = 1;

/// One conversation of one principal, as a store of values knows it. No `Debug`.
pub struct SharedScope {
    name: [u8; 32],
    fields: hmac::Key,
    seal: LessSafeKey,
}

/// A value as a store has it.
pub struct Sealed {
    pub field: [u8; FIELD_BYTES],
    pub bytes: Vec<u8>,
}

/// A value as it was before. No `Debug`.
pub struct Opened {
    pub kind: PiiType,
    pub token: Zeroizing<String>,
    pub value: Zeroizing<String>,
}

/// Why a value cannot be shared. It is replaced all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("the value is longer than {SHARED_VALUE_BYTES_MAX} bytes")]
    TooLong,
    #[error("it stands under no token")]
    NoToken,
    #[error("the system gives out no random numbers")]
    NoRandom,
}

impl SharedScope {
    pub(super) fn of(secret: &[u8], scope: &Scope<'_>) -> Self {
        let all = Salt::new(HKDF_SHA256, b"hardpan shared values").extract(secret);
        let user = scope.user.unwrap_or_default();
        let has_user = [u8::from(scope.user.is_some())];
        // With their lengths, so that no choice of names makes two scopes one.
        let [team, app, user, conversation] =
            [scope.team, scope.app, user, scope.conversation].map(|part| (length(part), part.as_bytes()));
        let parts = [
            b"scope".as_slice(),
            &team.0,
            team.1,
            &app.0,
            app.1,
            has_user.as_slice(),
            &user.0,
            user.1,
            &conversation.0,
            conversation.1,
        ];
        let own = Prk::from(expanded(&all, &parts, HKDF_SHA256));
        let mut name = [0; 32];
        fill(&own, b"name", &mut name);
        Self {
            name,
            fields: hmac::Key::from(expanded(&own, &[b"fields"], hmac::HMAC_SHA256)),
            seal: LessSafeKey::new(UnboundKey::from(expanded(&own, &[b"seal"], &AES_256_GCM))),
        }
    }

    /// What the values of this scope are kept under.
    pub fn name(&self) -> &[u8; 32] {
        &self.name
    }

    pub fn seal(&self, token: &str, value: &str) -> Result<Sealed, SealError> {
        if token_kind(token).is_none() {
            return Err(SealError::NoToken);
        }
        let (token_bytes, value_bytes) = match (u8::try_from(token.len()), u16::try_from(value.len())) {
            (Ok(token), Ok(bytes)) if value.len() <= SHARED_VALUE_BYTES_MAX => (token, bytes.to_be_bytes()),
            _ => return Err(SealError::TooLong),
        };
        let field = self.field(token);
        let length = (HEAD_BYTES + token.len() + value.len()).next_multiple_of(PADDING_BYTES);
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| SealError::NoRandom)?;
        // In its final place from the start: no copy of the value stays behind.
        let mut plain = Zeroizing::new(Vec::with_capacity(length));
        plain.push(token_bytes);
        plain.extend_from_slice(&value_bytes);
        plain.extend_from_slice(token.as_bytes());
        plain.extend_from_slice(value.as_bytes());
        plain.resize(length, 0);
        let tag = self
            .seal
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(self.bound(&field)),
                &mut plain,
            )
            .map_err(|_| SealError::TooLong)?;
        let bytes = [nonce.as_slice(), &plain, tag.as_ref()].concat();
        Ok(Sealed { field, bytes })
    }

    /// None of what was not sealed for this scope and field.
    pub fn open(&self, field: &[u8], bytes: &[u8]) -> Option<Opened> {
        let field: [u8; FIELD_BYTES] = field.try_into().ok()?;
        if bytes.len() > SEALED_BYTES_MAX {
            return None;
        }
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = self.seal.open_in_place(nonce, Aad::from(self.bound(&field)), &mut sealed).ok()?;
        let ([token_bytes, value @ ..], rest) = plain.split_first_chunk::<HEAD_BYTES>()?;
        let (token, rest) = rest.split_at_checked(usize::from(*token_bytes))?;
        let value = rest.get(..usize::from(u16::from_be_bytes(*value)))?;
        let text = |bytes: &[u8]| Some(Zeroizing::new(std::str::from_utf8(bytes).ok()?.to_owned()));
        let token = text(token)?;
        let opened = Opened { kind: token_kind(&token)?, token, value: text(value)? };
        (self.field(&opened.token) == field).then_some(opened)
    }

    fn field(&self, token: &str) -> [u8; FIELD_BYTES] {
        let mac = hmac::sign(&self.fields, token.as_bytes());
        mac.as_ref().first_chunk().copied().unwrap_or_default()
    }

    /// What a sealed value is bound to.
    fn bound(&self, field: &[u8; FIELD_BYTES]) -> [u8; 1 + 32 + FIELD_BYTES] {
        let mut bound = [FORM; 1 + 32 + FIELD_BYTES];
        let bytes = self.name.iter().chain(field);
        bound.iter_mut().skip(1).zip(bytes).for_each(|(own, byte)| *own = *byte);
        bound
    }
}

fn length(part: &str) -> [u8; 8] {
    (part.len() as u64).to_be_bytes()
}

fn expanded<'a, L: hkdf::KeyType>(from: &'a Prk, parts: &'a [&'a [u8]], length: L) -> hkdf::Okm<'a, L> {
    #[expect(clippy::expect_used, reason = "HKDF gives out 32 bytes")]
    from.expand(parts, length).expect("HKDF gives out 32 bytes")
}

fn fill(from: &Prk, what: &[u8], bytes: &mut [u8; 32]) {
    // As long as an HMAC key of this hash.
    #[expect(clippy::expect_used, reason = "HKDF gives out 32 bytes")]
    expanded(from, &[what], hmac::HMAC_SHA256).fill(bytes).expect("HKDF gives out 32 bytes");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::replacement::RedactionKey;

    const TOKEN: &str = "{EMAIL:k3x9q2vd}";

    fn scope(secret: &str, team: &str, app: &str, user: Option<&str>, conversation: &str) -> SharedScope {
        RedactionKey::new(secret).shared(&Scope { team, app, user, conversation })
    }

    fn opens(scope: &SharedScope, field: &[u8], bytes: &[u8]) -> bool {
        scope.open(field, bytes).is_some()
    }

    #[test]
    fn what_was_sealed_opens_in_its_own_scope_and_field_alone() {
        let own = scope("secret", "t", "a", Some("u"), "hello");
        let sealed = own.seal(TOKEN, "ann@mail.test").unwrap();
        let opened = own.open(&sealed.field, &sealed.bytes).unwrap();
        assert_eq!((opened.token.as_str(), opened.value.as_str()), (TOKEN, "ann@mail.test"));
        // Made anew, as another replica does.
        assert!(opens(&scope("secret", "t", "a", Some("u"), "hello"), &sealed.field, &sealed.bytes));
        for (name, other) in [
            ("secret", scope("other", "t", "a", Some("u"), "hello")),
            ("team", scope("secret", "t2", "a", Some("u"), "hello")),
            ("app", scope("secret", "t", "b", Some("u"), "hello")),
            ("user", scope("secret", "t", "a", Some("v"), "hello")),
            ("no user", scope("secret", "t", "a", None, "hello")),
            ("conversation", scope("secret", "t", "a", Some("u"), "hullo")),
            ("moved bytes", scope("secret", "t", "au", Some(""), "hello")),
        ] {
            assert_ne!(own.name(), other.name(), "{name}");
            assert!(!opens(&other, &sealed.field, &sealed.bytes), "{name}");
            // Nor in the field the token has there.
            assert!(!opens(&other, &other.field(TOKEN), &sealed.bytes), "{name}");
        }
        let another = own.seal("{EMAIL:00000000}", "bob@mail.test").unwrap();
        assert!(!opens(&own, &another.field, &sealed.bytes));
        assert!(!opens(&own, &sealed.field, &another.bytes));
        assert!(!opens(&own, &sealed.field[1..], &sealed.bytes));
    }

    #[test]
    fn nothing_of_a_value_shows_and_no_two_sealings_are_alike() {
        let own = scope("secret", "team-words", "app-words", Some("user-words"), "hello there");
        let sealed = own.seal(TOKEN, "ann@mail.test").unwrap();
        let again = own.seal(TOKEN, "ann@mail.test").unwrap();
        assert_eq!(sealed.field, again.field);
        assert_ne!(sealed.bytes, again.bytes);
        let longer = own.seal(TOKEN, "ann.of.the.other.place@mail.test").unwrap();
        assert_eq!(sealed.bytes.len(), longer.bytes.len());
        let stored = [own.name().as_slice(), &sealed.field, &sealed.bytes].concat();
        for word in ["ann", "mail", "EMAIL", "k3x9", "team", "app-", "user", "hello"] {
            assert!(!stored.windows(word.len()).any(|window| window == word.as_bytes()), "{word}");
        }
    }

    #[test]
    fn what_cannot_be_shared_is_told() {
        let own = scope("secret", "t", "a", None, "hello");
        let long = "x".repeat(SHARED_VALUE_BYTES_MAX + 1);
        assert_eq!(own.seal(TOKEN, &long).err(), Some(SealError::TooLong));
        let longest = own.seal(TOKEN, &long[1..]).unwrap();
        assert!(longest.bytes.len() <= SEALED_BYTES_MAX);
        assert_eq!(own.open(&longest.field, &longest.bytes).unwrap().value.len(), SHARED_VALUE_BYTES_MAX);
        for none in ["", "{EMAIL_1}", "{EMAIL}", "{NOPE:k3x9q2vd}", " {EMAIL:k3x9q2vd}"] {
            assert_eq!(own.seal(none, "v").err(), Some(SealError::NoToken), "{none}");
        }
    }

    proptest! {
        /// Whatever is sealed opens again, and any byte that changes or is missing keeps it shut.
        #[test]
        fn a_sealed_value_is_whole_or_shut(
            value in "\\PC{0,200}",
            at in any::<prop::sample::Index>(),
            bit in 0u8..8,
            cut in any::<prop::sample::Index>(),
        ) {
            let own = scope("secret", "t", "a", None, "hello");
            let sealed = own.seal(TOKEN, &value).unwrap();
            let opened = own.open(&sealed.field, &sealed.bytes).unwrap();
            prop_assert_eq!(opened.value.as_str(), value.as_str());
            let mut changed = sealed.bytes.clone();
            changed[at.index(sealed.bytes.len())] ^= 1 << bit;
            prop_assert!(!opens(&own, &sealed.field, &changed));
            prop_assert!(!opens(&own, &sealed.field, &sealed.bytes[..cut.index(sealed.bytes.len())]));
        }

        /// What a store makes up opens nothing and harms nobody.
        #[test]
        fn bytes_of_a_strangers_open_nothing(
            field in prop::collection::vec(any::<u8>(), 0..40),
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            prop_assert!(!opens(&scope("secret", "t", "a", None, "hello"), &field, &bytes));
        }
    }
}
