//! Short-lived keys that nobody stores: the secret of an id follows from the id and a master key.
//!
//! An id names its app and its end; whoever signs with the secret proves that Hardpan gave both out, so a process
//! that knows the master key verifies keys it did not issue itself. A key cannot be revoked before its end: take the
//! app off the list, or change the master secret.

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use ring::hmac;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::config::{App, CredentialsEndpointConfig, IssuedKey};
use crate::keys::{KeysError, random};

/// What every id starts with; ids of the configuration and the keys file cannot collide by accident.
const MARK: &str = "HPTMP";
const APP_BYTES: usize = 8;
const END_BYTES: usize = 4;
const RANDOM_BYTES: usize = 8;

pub struct TemporaryKeys {
    master: hmac::Key,
    apps: Vec<Client>,
    ttl_s: u32,
}

/// An app that may fetch keys. No `Debug`: it holds a token.
struct Client {
    tag: [u8; APP_BYTES],
    app: App,
    token_sha256: [u8; 32],
}

/// Keys as an SDK fetches them. No `Debug`.
pub struct TemporaryKey {
    pub access_key_id: String,
    pub secret: Zeroizing<String>,
    /// Opaque, and not looked at again: the secret alone proves the key.
    pub token: Zeroizing<String>,
    pub ends_unix: i64,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FetchError {
    #[error("no such app")]
    UnknownApp,
    #[error("no token was sent")]
    NoToken,
    #[error("the token is not the app's")]
    WrongToken,
    #[error("no key could be made")]
    Unmade,
}

/// What an access key id of this kind stands for.
pub enum Found {
    Key(IssuedKey),
    Expired,
    Unknown,
}

impl TemporaryKeys {
    pub fn new(config: &CredentialsEndpointConfig) -> Result<Self, KeysError> {
        let master = match &config.master_secret {
            Some(secret) => hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
            None => hmac::Key::new(hmac::HMAC_SHA256, &*random::<32>()?),
        };
        let client = |client: &crate::config::CredentialsClient| Client {
            tag: tag(&client.app),
            app: client.app.clone(),
            token_sha256: Sha256::digest(client.token.as_bytes()).into(),
        };
        Ok(Self { master, apps: config.apps.iter().map(client).collect(), ttl_s: config.ttl_s })
    }

    /// Whether an id is of this kind at all.
    pub fn is_temporary(access_key_id: &str) -> bool {
        access_key_id.starts_with(MARK)
    }

    /// New keys for an app that shows its token.
    pub fn fetch(&self, app: &str, token: Option<&[u8]>, now_unix: i64) -> Result<TemporaryKey, FetchError> {
        let client = self.apps.iter().find(|client| client.app.app == app).ok_or(FetchError::UnknownApp)?;
        let shown: [u8; 32] = Sha256::digest(token.ok_or(FetchError::NoToken)?).into();
        if !bool::from(shown.ct_eq(&client.token_sha256)) {
            return Err(FetchError::WrongToken);
        }
        let ends_unix = now_unix.saturating_add(i64::from(self.ttl_s));
        let end = u32::try_from(ends_unix).map_err(|_| FetchError::Unmade)?;
        let nonce = random::<RANDOM_BYTES>().map_err(|_| FetchError::Unmade)?;
        let id = [&client.tag[..], &end.to_be_bytes(), &nonce[..]].concat();
        let access_key_id = format!("{MARK}{}", BASE32_NOPAD.encode(&id));
        Ok(TemporaryKey {
            secret: self.derive("secret", &access_key_id),
            token: self.derive("token", &access_key_id),
            access_key_id,
            ends_unix,
        })
    }

    /// The key an id stands for at this time.
    pub fn find(&self, access_key_id: &str, now_unix: i64) -> Found {
        let Some((client, end)) = self.read(access_key_id) else { return Found::Unknown };
        if now_unix >= i64::from(end) {
            return Found::Expired;
        }
        Found::Key(IssuedKey {
            access_key_id: access_key_id.to_owned(),
            secret: self.derive("secret", access_key_id),
            app: client.app.app.clone(),
            team: client.app.team.clone(),
            env: client.app.env.clone(),
        })
    }

    fn read(&self, access_key_id: &str) -> Option<(&Client, u32)> {
        let text = access_key_id.strip_prefix(MARK)?;
        let bytes = BASE32_NOPAD.decode(text.as_bytes()).ok()?;
        if bytes.len() != APP_BYTES + END_BYTES + RANDOM_BYTES {
            return None;
        }
        let (tag, rest) = bytes.split_first_chunk::<APP_BYTES>()?;
        let (end, _) = rest.split_first_chunk::<END_BYTES>()?;
        let client = self.apps.iter().find(|client| client.tag == *tag)?;
        Some((client, u32::from_be_bytes(*end)))
    }

    fn derive(&self, what: &str, access_key_id: &str) -> Zeroizing<String> {
        let mut context = hmac::Context::with_key(&self.master);
        context.update(what.as_bytes());
        context.update(b"\0");
        context.update(access_key_id.as_bytes());
        Zeroizing::new(BASE64URL_NOPAD.encode(context.sign().as_ref()))
    }
}

/// An app, shortened. Team and env are part of it: a key of one does not become another's when the list changes.
fn tag(app: &App) -> [u8; APP_BYTES] {
    let mut hash = Sha256::new();
    for part in [Some(&app.app), Some(&app.team), app.env.as_ref()] {
        hash.update(part.map_or("", String::as_str).as_bytes());
        hash.update(b"\0");
    }
    let digest: [u8; 32] = hash.finalize().into();
    digest.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CredentialsClient;

    const NOW: i64 = 1_790_000_000;

    fn keys(master: Option<&str>, apps: &[(&str, &str)]) -> TemporaryKeys {
        let client = |(app, token): &(&str, &str)| CredentialsClient {
            app: App { app: (*app).to_owned(), team: "payments".to_owned(), env: None },
            token: Zeroizing::new((*token).to_owned()),
        };
        TemporaryKeys::new(&CredentialsEndpointConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            ttl_s: 900,
            apps: apps.iter().map(client).collect(),
            master_secret: master.map(|master| Zeroizing::new(master.to_owned())),
        })
        .unwrap()
    }

    #[test]
    fn a_fetched_key_is_found_until_its_end_and_by_every_process_with_the_master_secret() {
        let apps = [("billing", "token-billing-0001"), ("search", "token-search-00002")];
        let issuer = keys(Some("master"), &apps);
        let key = issuer.fetch("billing", Some(b"token-billing-0001"), NOW).ok().unwrap();
        assert_eq!(key.ends_unix, NOW + 900);
        let other = keys(Some("master"), &apps);
        let Found::Key(found) = other.find(&key.access_key_id, NOW + 899) else { panic!("not found") };
        assert_eq!((found.app.as_str(), &found.secret), ("billing", &key.secret));
        assert!(matches!(other.find(&key.access_key_id, NOW + 900), Found::Expired));
        let stranger = keys(None, &apps);
        let Found::Key(found) = stranger.find(&key.access_key_id, NOW) else { panic!("not found") };
        assert!(found.secret != key.secret, "another master key gives another secret");
        let without = keys(Some("master"), &apps[1..]);
        assert!(matches!(without.find(&key.access_key_id, NOW), Found::Unknown));
    }

    #[test]
    fn an_id_with_another_app_or_end_has_another_secret() {
        let issuer = keys(Some("master"), &[("billing", "token-billing-0001")]);
        let key = issuer.fetch("billing", Some(b"token-billing-0001"), NOW).ok().unwrap();
        let mut bytes = BASE32_NOPAD.decode(&key.access_key_id.as_bytes()[MARK.len()..]).unwrap();
        bytes[APP_BYTES] += 1;
        let longer = format!("{MARK}{}", BASE32_NOPAD.encode(&bytes));
        let Found::Key(found) = issuer.find(&longer, NOW) else { panic!("not found") };
        assert!(found.secret != key.secret);
        for id in ["HPTMP", "HPTMPAAAA", "HPAKAAAAAAAAAAAA", ""] {
            assert!(matches!(issuer.find(id, NOW), Found::Unknown), "{id}");
        }
    }

    #[test]
    fn keys_are_given_only_for_the_apps_own_token() {
        let issuer = keys(None, &[("billing", "token-billing-0001"), ("search", "token-search-00002")]);
        for (app, token, expected) in [
            ("billing", Some(&b"token-search-00002"[..]), FetchError::WrongToken),
            ("billing", Some(b""), FetchError::WrongToken),
            ("billing", None, FetchError::NoToken),
            ("nobody", Some(b"token-billing-0001"), FetchError::UnknownApp),
        ] {
            assert_eq!(issuer.fetch(app, token, NOW).err(), Some(expected));
        }
    }
}
