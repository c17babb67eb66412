//! An issuer's public keys: read from a file or an address, and kept.
//!
//! A key set that cannot be fetched or read never replaces a good one. The fetch is bounded in size and time, follows
//! no redirect, and happens off the request path.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Uri;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use pingora_core::connectors::ConnectorOptions;
use pingora_core::connectors::http::Connector;
use pingora_core::protocols::ALPN;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_http::RequestHeader;

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
    Url { url: JwksUrl, ca: Option<PathBuf> },
}

/// An https address, or one of plain http on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwksUrl {
    tls: bool,
    host: String,
    port: u16,
    authority: String,
    path: String,
}

impl JwksUrl {
    /// None for anything but an https URL, or an http URL whose host is this machine: keys fetched in the clear over a
    /// network are whoever's.
    pub fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let authority = uri.authority()?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() || authority.as_str().contains('@') {
            return None;
        }
        let local = host == "localhost"
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        let tls = match uri.scheme_str()? {
            "https" => true,
            "http" if local => false,
            _ => return None,
        };
        Some(Self {
            tls,
            host,
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            authority: authority.as_str().to_owned(),
            path: uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned(),
        })
    }
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
            JwksSource::Url { url, ca } => {
                let fetched = tokio::time::timeout(FETCH_WITHIN, fetch(url, ca.as_deref())).await;
                fetched.map_err(|_| JwksError::Fetch("it took too long"))??
            }
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

async fn fetch(url: &JwksUrl, ca: Option<&Path>) -> Result<Vec<u8>, JwksError> {
    let address = tokio::net::lookup_host((url.host.as_str(), url.port)).await?.next();
    let address = address.ok_or(JwksError::Fetch("the host has no address"))?;
    let mut options = ConnectorOptions::new(1);
    options.ca_file = ca.map(|ca| ca.to_string_lossy().into_owned());
    let connector: Connector = Connector::new(Some(options));
    let mut peer = HttpPeer::new(address, url.tls, url.host.clone());
    peer.options.alpn = ALPN::H1;
    let connected = connector.get_http_session(&peer).await;
    let (mut session, _) = connected.map_err(|_| JwksError::Fetch("the host could not be reached"))?;
    let broken = |_| JwksError::Fetch("the connection broke");
    let mut head = RequestHeader::build("GET", url.path.as_bytes(), Some(4)).map_err(broken)?;
    for (name, value) in [
        ("host", url.authority.as_str()),
        ("accept", "application/json"),
        ("accept-encoding", "identity"),
        ("connection", "close"),
    ] {
        head.append_header(name, value).map_err(broken)?;
    }
    session.set_read_timeout(Some(FETCH_WITHIN));
    session.set_write_timeout(Some(FETCH_WITHIN));
    session.write_request_header(Box::new(head)).await.map_err(broken)?;
    session.finish_request_body().await.map_err(broken)?;
    session.read_response_header().await.map_err(broken)?;
    if session.response_header().is_none_or(|head| head.status != http::StatusCode::OK) {
        return Err(JwksError::Fetch("the answer was not 200"));
    }
    let mut bytes = Vec::new();
    while let Some(piece) = session.read_response_body().await.map_err(broken)? {
        if bytes.len() + piece.len() > SET_BYTES_MAX {
            return Err(JwksError::TooLarge);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_fetched_by_tls_or_from_this_machine_only() {
        for (url, authority) in [
            ("https://issuer.example/keys?v=1", Some("issuer.example")),
            ("https://issuer.example:8443/keys", Some("issuer.example:8443")),
            ("http://127.0.0.1:9000/keys", Some("127.0.0.1:9000")),
            ("http://localhost/keys", Some("localhost")),
            ("http://issuer.example/keys", None),
            ("https://user@issuer.example/keys", None),
            ("ftp://localhost/keys", None),
            ("/keys", None),
        ] {
            let parsed = JwksUrl::parse(url);
            assert_eq!(parsed.as_ref().map(|url| url.authority.as_str()), authority, "{url}");
        }
    }

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
