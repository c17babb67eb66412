//! JSON Web Tokens of one issuer, verified against its key set.
//!
//! Only what is signed with a public-key algorithm is believed, and only with issuer, audience and expiry in it. A
//! token's key id that is not in the set asks for a fresh set in the background; the request that brought it is
//! refused meanwhile. Whether a token was withdrawn before its end is not known here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use hardpan_inference::principal::Principal;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde_json::{Map, Value};
use tokio::sync::Notify;

use super::jwks::{JwksError, JwksSource, KeySet};
use super::signature;

const TOKEN_BYTES_MAX: usize = 16 << 10;
const NAME_BYTES_MAX: usize = 64;
const CLAIMS_MAX: usize = 64;
const CLAIM_BYTES_MAX: usize = 1024;
const GROUPS_MAX: usize = 256;
/// Between two fetches that strangers' tokens ask for.
const WANTED_AT_MOST_EVERY: Duration = Duration::from_secs(10);
/// Between two tries while there is no key set at all.
const FIRST_TRIES_EVERY: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("it is not a JSON Web Token")]
    Malformed,
    #[error("its algorithm is not accepted")]
    Algorithm,
    #[error("its key is not one of the issuer's")]
    UnknownKey,
    #[error("its signature does not match")]
    Signature,
    #[error("it has expired")]
    Expired,
    #[error("it is not valid yet")]
    Early,
    #[error("it is from another issuer")]
    Issuer,
    #[error("it is for another audience")]
    Audience,
    #[error("it lacks a claim that is needed")]
    Claim,
    #[error("it has more or longer claims than are read")]
    TooLarge,
}

/// What tokens must be, and which claims say who the caller is.
pub struct JwtConfig {
    pub issuer: String,
    pub audience: String,
    pub source: JwksSource,
    pub refresh: Duration,
    pub algorithms: Vec<Algorithm>,
    pub app_claim: String,
    pub team_claim: String,
    pub user_claim: Option<String>,
    pub groups_claim: Option<String>,
    /// Clocks may differ by so much.
    pub leeway_s: u64,
}

pub struct JwtVerifier {
    config: Arc<JwtConfig>,
    keys: ArcSwap<KeySet>,
    loaded: AtomicBool,
    wanted: Notify,
}

impl JwtVerifier {
    /// Loads the key set once. A file must be readable then; an address may be out of reach for a while, during which
    /// [`JwtVerifier::ready`] says no.
    pub async fn load(config: Arc<JwtConfig>) -> Result<Arc<Self>, JwksError> {
        signature::install();
        let (keys, loaded) = match KeySet::load(&config.source).await {
            Ok(keys) => (keys, true),
            Err(error) if matches!(config.source, JwksSource::File(_)) => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "no token can be verified yet");
                (KeySet::default(), false)
            }
        };
        Ok(Arc::new(Self {
            config,
            keys: ArcSwap::from_pointee(keys),
            loaded: AtomicBool::new(loaded),
            wanted: Notify::new(),
        }))
    }

    pub fn ready(&self) -> bool {
        self.loaded.load(Ordering::Relaxed)
    }

    /// Loads the key set anew from time to time and when a token's key is missing, for as long as it is polled.
    pub async fn keep_fresh(self: Arc<Self>) {
        loop {
            let pause = if self.ready() { WANTED_AT_MOST_EVERY } else { FIRST_TRIES_EVERY };
            let pause = pause.min(self.config.refresh);
            tokio::time::sleep(pause).await;
            if self.ready() {
                let rest = self.config.refresh.saturating_sub(pause);
                // Either way it is time to look.
                let _ = tokio::time::timeout(rest, self.wanted.notified()).await;
            }
            match KeySet::load(&self.config.source).await {
                Ok(keys) => {
                    self.keys.store(Arc::new(keys));
                    self.loaded.store(true, Ordering::Relaxed);
                }
                Err(error) => tracing::warn!(%error, "the last good key set is kept"),
            }
        }
    }

    /// Who a token says the caller is. Needs no body and waits for nothing.
    pub fn verify(&self, token: &str) -> Result<Principal, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLarge);
        }
        // `none` and other unknown algorithms do not parse.
        let header = decode_header(token).map_err(|_| TokenError::Malformed)?;
        if !self.config.algorithms.contains(&header.alg) {
            return Err(TokenError::Algorithm);
        }
        // A token whose reader must understand something more is not for this reader.
        if header.crit.is_some() {
            return Err(TokenError::Malformed);
        }
        let keys = self.keys.load();
        let Some(key) = keys.find(header.kid.as_deref(), header.alg) else {
            self.wanted.notify_one();
            return Err(TokenError::UnknownKey);
        };
        let mut validation = Validation::new(header.alg);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(&[&self.config.issuer]);
        validation.set_audience(&[&self.config.audience]);
        validation.validate_nbf = true;
        validation.leeway = self.config.leeway_s;
        let decoded = decode::<Map<String, Value>>(token, &key.decoding, &validation);
        let claims = decoded.map_err(|error| token_error(error.kind()))?.claims;
        self.principal(claims)
    }

    fn principal(&self, claims: Map<String, Value>) -> Result<Principal, TokenError> {
        if claims.len() > CLAIMS_MAX {
            return Err(TokenError::TooLarge);
        }
        let config = &self.config;
        let app = name(&claims, &config.app_claim).ok_or(TokenError::Claim)?;
        let team = name(&claims, &config.team_claim).ok_or(TokenError::Claim)?;
        let user = config.user_claim.as_ref().and_then(|claim| text(claims.get(claim)?));
        let groups = match config.groups_claim.as_ref().and_then(|claim| claims.get(claim)) {
            None => Vec::new(),
            Some(value) => groups(value)?,
        };
        let key_id = ["jti", "sub"].iter().find_map(|claim| text(claims.get(*claim)?)).unwrap_or_default();
        let claims: BTreeMap<String, String> =
            claims.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect();
        let long = |text: &String| text.len() > CLAIM_BYTES_MAX;
        if claims.iter().any(|(name, value)| long(name) || long(value)) || groups.iter().any(long) {
            return Err(TokenError::TooLarge);
        }
        Ok(Principal { key_id, app, team, env: None, user, verified: vec!["jwt"], groups, claims })
    }
}

fn token_error(kind: &ErrorKind) -> TokenError {
    match kind {
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::ExpiredSignature => TokenError::Expired,
        ErrorKind::ImmatureSignature => TokenError::Early,
        ErrorKind::InvalidIssuer => TokenError::Issuer,
        ErrorKind::InvalidAudience => TokenError::Audience,
        ErrorKind::MissingRequiredClaim(_) => TokenError::Claim,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidKeyFormat => TokenError::Algorithm,
        _ => TokenError::Malformed,
    }
}

/// The name of an app or a team.
fn name(claims: &Map<String, Value>, claim: &str) -> Option<String> {
    let name = claims.get(claim)?.as_str()?;
    (!name.is_empty() && name.len() <= NAME_BYTES_MAX).then(|| name.to_owned())
}

/// A plain value as text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A list of names, or a single one.
fn groups(value: &Value) -> Result<Vec<String>, TokenError> {
    let groups: Vec<String> = match value {
        Value::String(group) => vec![group.clone()],
        Value::Array(groups) => {
            let names = groups.iter().map(|group| group.as_str().map(str::to_owned));
            names.collect::<Option<Vec<String>>>().ok_or(TokenError::Claim)?
        }
        _ => return Err(TokenError::Claim),
    };
    if groups.len() > GROUPS_MAX { Err(TokenError::TooLarge) } else { Ok(groups) }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::json;

    use super::*;

    fn encode(bytes: impl AsRef<[u8]>) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// An issuer with one key, and a verifier that knows it.
    struct Issuer {
        key: EcdsaKeyPair,
        verifier: JwtVerifier,
    }

    impl Issuer {
        fn new() -> Self {
            signature::install();
            let random = SystemRandom::new();
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
            let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random);
            let key = key.unwrap();
            let point = key.public_key().as_ref();
            let set = json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "k1",
                "x": encode(&point[1..33]), "y": encode(&point[33..])}]});
            let keys = KeySet::parse(set.to_string().as_bytes()).unwrap();
            let config = JwtConfig {
                issuer: "https://issuer.example".to_owned(),
                audience: "hardpan".to_owned(),
                source: JwksSource::File("none".into()),
                refresh: Duration::from_secs(300),
                algorithms: signature::ALGORITHMS.to_vec(),
                app_claim: "app".to_owned(),
                team_claim: "team".to_owned(),
                user_claim: Some("email".to_owned()),
                groups_claim: Some("groups".to_owned()),
                leeway_s: 60,
            };
            let verifier = JwtVerifier {
                config: Arc::new(config),
                keys: ArcSwap::from_pointee(keys),
                loaded: AtomicBool::new(true),
                wanted: Notify::new(),
            };
            Self { key, verifier }
        }

        fn token(&self, header: &Value, claims: &Value) -> String {
            let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
            let signature = self.key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
            format!("{message}.{}", encode(signature))
        }

        fn verify(&self, header: &Value, claims: &Value) -> Result<Principal, TokenError> {
            self.verifier.verify(&self.token(header, claims))
        }
    }

    fn header() -> Value {
        json!({"alg": "ES256", "kid": "k1"})
    }

    fn claims() -> Value {
        let now = jsonwebtoken::get_current_timestamp();
        json!({"iss": "https://issuer.example", "aud": ["other", "hardpan"], "exp": now + 300, "sub": "s1",
            "app": "billing", "team": "payments", "email": "a@example.com", "groups": ["g1", "g2"],
            "tenant": "t7", "clearance": 3, "nested": {"a": 1}})
    }

    fn with(claim: &str, value: Value) -> Value {
        let mut claims = claims();
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(claim),
            value => claims.as_object_mut().unwrap().insert(claim.to_owned(), value),
        };
        claims
    }

    #[test]
    fn a_good_token_names_app_team_user_groups_and_plain_claims() {
        let principal = Issuer::new().verify(&header(), &claims()).unwrap();
        assert_eq!((principal.app.as_str(), principal.team.as_str()), ("billing", "payments"));
        assert_eq!((principal.key_id.as_str(), principal.user.as_deref()), ("s1", Some("a@example.com")));
        assert_eq!(
            (principal.groups, principal.verified),
            (vec!["g1".to_owned(), "g2".to_owned()], vec!["jwt"])
        );
        assert_eq!(principal.claims.get("tenant").map(String::as_str), Some("t7"));
        assert_eq!(principal.claims.get("clearance").map(String::as_str), Some("3"));
        assert!(!principal.claims.contains_key("nested"));
    }

    #[test]
    fn tokens_with_wrong_or_missing_claims_are_refused() {
        let issuer = Issuer::new();
        let now = jsonwebtoken::get_current_timestamp();
        for (claim, value, expected) in [
            ("exp", json!(now - 61), TokenError::Expired),
            ("exp", Value::Null, TokenError::Claim),
            ("exp", json!("soon"), TokenError::Claim),
            ("nbf", json!(now + 120), TokenError::Early),
            ("aud", json!("other"), TokenError::Audience),
            ("aud", Value::Null, TokenError::Claim),
            ("iss", json!("https://other.example"), TokenError::Issuer),
            ("iss", Value::Null, TokenError::Claim),
            ("app", Value::Null, TokenError::Claim),
            ("app", json!(""), TokenError::Claim),
            ("team", json!(["payments"]), TokenError::Claim),
            ("groups", json!([1]), TokenError::Claim),
            ("tenant", json!("x".repeat(CLAIM_BYTES_MAX + 1)), TokenError::TooLarge),
        ] {
            assert_eq!(issuer.verify(&header(), &with(claim, value)).err(), Some(expected), "{claim}");
        }
        assert!(issuer.verify(&header(), &with("nbf", json!(now))).is_ok());
    }

    #[test]
    fn tokens_of_other_keys_and_algorithms_are_refused() {
        let issuer = Issuer::new();
        for (header, expected) in [
            (json!({"alg": "none", "kid": "k1"}), TokenError::Malformed),
            (json!({"alg": "HS256", "kid": "k1"}), TokenError::Algorithm),
            (json!({"alg": "RS256", "kid": "k1"}), TokenError::UnknownKey),
            (json!({"alg": "ES256", "kid": "k2"}), TokenError::UnknownKey),
            (json!({"alg": "ES256", "kid": "k1", "crit": ["b64"], "b64": false}), TokenError::Malformed),
        ] {
            assert_eq!(issuer.verify(&header, &claims()).err(), Some(expected), "{header}");
        }
        assert!(issuer.verify(&json!({"alg": "ES256"}), &claims()).is_ok(), "the only key needs no id");
        let other = Issuer::new();
        assert_eq!(other.verifier.verify(&issuer.token(&header(), &claims())), Err(TokenError::Signature));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let issuer = Issuer::new();
        let token = issuer.token(&header(), &claims());
        let (message, _) = token.rsplit_once('.').unwrap();
        assert_eq!(issuer.verifier.verify(&format!("{message}.")), Err(TokenError::Signature));
        for text in ["", "a", "a.b", "a.b.c", message, &format!("{token}.x")] {
            assert!(issuer.verifier.verify(text).is_err(), "{text}");
        }
        assert_eq!(issuer.verifier.verify(&"a".repeat(TOKEN_BYTES_MAX + 1)), Err(TokenError::TooLarge));
    }
}
