//! An issuer's public keys: read from a file or an address, and kept.
//!
//! A key set that cannot be fetched or read never replaces a good one. The fetch is bounded in size and time and happens
//! off the request path; how it is made is in `crate::fetch`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};

use crate::fetch::{Address, Call, CallError};

const SET_BYTES_MAX: usize = 1 << 20;
const KEYS_MAX: usize = 256;
const FETCH_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    #[error("the key set could not be read: {0}")]
    Read(#[from] std::io::Error),
    #[error("the key set could not be fetched: {0}")]
    Fetch(&'static str),
    #[error("the key set is not a JSON Web Key Set with a usable key")]
    Unusable,
    #[error("the key set is larger than 1 MiB or has more than 256 keys")]
    TooLarge,
}

/// Where the keys are.
pub enum JwksSource {
    File(PathBuf),
    Url { url: Address, ca: Option<PathBuf> },
}

/// Keys that can verify a token.
#[derive(Default)]
pub struct KeySet {
    keys: Vec<Key>,
}

pub struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    pub decoding: DecodingKey,
}

impl KeySet {
    pub async fn load(source: &JwksSource) -> Result<Self, JwksError> {
        let bytes = match source {
            JwksSource::File(path) => read(path).await?,
            JwksSource::Url { url, ca } => fetch(url, ca.as_deref()).await?,
        };
        Self::parse(&bytes)
    }

    pub fn parse(bytes: &[u8]) -> Result<Self, JwksError> {
        #[derive(serde::Deserialize)]
        struct Written {
            keys: Vec<serde_json::Value>,
        }
        let written: Written = serde_json::from_slice(bytes).map_err(|_| JwksError::Unusable)?;
        if written.keys.len() > KEYS_MAX {
            return Err(JwksError::TooLarge);
        }
        // Keys of other kinds stand beside those that are meant here.
        let keys: Vec<Key> = written
            .keys
            .into_iter()
            .filter_map(|key| serde_json::from_value::<Jwk>(key).ok())
            .filter_map(|key| Key::of(&key))
            .collect();
        if keys.is_empty() { Err(JwksError::Unusable) } else { Ok(Self { keys }) }
    }

    /// The key of an id that may be used with an algorithm. A token without an id needs a set of one key.
    pub fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&Key> {
        let fits = |key: &&Key| key.algorithms.contains(&algorithm);
        match id {
            Some(id) => self.keys.iter().filter(|key| key.id.as_deref() == Some(id)).find(fits),
            None => self.keys.first().filter(|_| self.keys.len() == 1).filter(fits),
        }
    }
}

impl Key {
    /// None where a key is not for verifying signatures, or of a kind not known here.
    fn of(jwk: &Jwk) -> Option<Self> {
        use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
        if jwk.common.public_key_use.as_ref().is_some_and(|of| *of != PublicKeyUse::Signature) {
            return None;
        }
        let of_kind: &[Algorithm] = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => &[RS256, RS384, RS512, PS256, PS384, PS512],
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => &[ES256],
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => &[ES384],
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[EdDSA],
            _ => return None,
        };
        let own = jwk.common.key_algorithm.as_ref().map(named);
        let algorithms: Vec<Algorithm> = of_kind
            .iter()
            .copied()
            .filter(|algorithm| own.is_none_or(|own| own == Some(*algorithm)))
            .collect();
        if algorithms.is_empty() {
            return None;
        }
        Some(Self { id: jwk.common.key_id.clone(), algorithms, decoding: DecodingKey::from_jwk(jwk).ok()? })
    }
}

fn named(algorithm: &KeyAlgorithm) -> Option<Algorithm> {
    algorithm.to_string().parse().ok()
}

async fn read(path: &Path) -> Result<Vec<u8>, JwksError> {
    if tokio::fs::metadata(path).await?.len() > SET_BYTES_MAX as u64 {
        return Err(JwksError::TooLarge);
    }
    Ok(tokio::fs::read(path).await?)
}

async fn fetch(address: &Address, ca: Option<&Path>) -> Result<Vec<u8>, JwksError> {
    let call = Call {
        address,
        ca,
        accept: "application/jwk-set+json, application/json",
        headers: &[],
        body_bytes_max: SET_BYTES_MAX,
        within: FETCH_WITHIN,
    };
    let answer = call.get().await.map_err(|error| match error {
        CallError::Unreachable(why) => JwksError::Fetch(why),
        CallError::TooLarge => JwksError::TooLarge,
    })?;
    if answer.status == 200 { Ok(answer.body) } else { Err(JwksError::Fetch("the answer was not 200")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_keys_for_signatures_are_taken() {
        let point = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4";
        let other = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM";
        let curve = |more: &str| {
            format!(r#"{{"kty":"EC","crv":"P-256","x":"{point}","y":"{other}","kid":"a"{more}}}"#)
        };
        for (keys, usable) in [
            (curve(""), true),
            (curve(r#","use":"sig","alg":"ES256""#), true),
            (curve(r#","use":"enc""#), false),
            (curve(r#","alg":"ES384""#), false),
            (r#"{"kty":"oct","k":"c2VjcmV0","kid":"a","alg":"HS256"}"#.to_owned(), false),
            (r#"{"kty":"unknown"}"#.to_owned(), false),
            (format!("{},{}", r#"{"kty":"oct","k":"c2VjcmV0"}"#, curve("")), true),
        ] {
            let set = KeySet::parse(format!(r#"{{"keys":[{keys}]}}"#).as_bytes());
            assert_eq!(set.is_ok(), usable, "{keys}");
            if let Ok(set) = set {
                assert!(set.find(Some("a"), Algorithm::ES256).is_some());
                assert!(set.find(None, Algorithm::ES256).is_some(), "the only key needs no id");
                assert!(set.find(Some("b"), Algorithm::ES256).is_none());
                assert!(set.find(Some("a"), Algorithm::RS256).is_none());
                assert!(set.find(Some("a"), Algorithm::HS256).is_none());
            }
        }
        for bytes in [&b""[..], b"[]", br#"{"keys":[]}"#] {
            assert!(KeySet::parse(bytes).is_err());
        }
    }
}
