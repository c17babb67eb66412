//! `.signatures.json`: one JWT that lists every file of the bundle with its hash, as `opa sign` writes it.
//!
//! Whoever configures a key gets signed bundles only; a signed bundle without a key is refused as well, since nobody
//! would have checked it. The algorithm is the configuration's, never the token's. Hashes weaker than SHA-256 and
//! ES512 are not known here.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hardpan_inference::json::{Document, JsonLimits, Kind, ValueId};
use ring::hmac;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::FILES_MAX;

/// A shared secret has at least the strength of the hash.
pub const SECRET_BYTES_MIN: usize = 32;
/// Of `.signatures.json`: a path and a hash for every file.
pub(crate) const SIGNATURES_BYTES_MAX: u64 = 8 << 20;
const LIMITS: JsonLimits = JsonLimits { depth_max: 128, values_max: 4_000_000 };

const RSA: &str = "1.2.840.113549.1.1.1";
const ELLIPTIC_CURVE: &str = "1.2.840.10045.2.1";
const ED25519_KEY: &str = "1.3.101.112";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the bundle is not signed, and policy.signature asks for a signature")]
    Missing,
    #[error("the bundle is signed, and policy.signature names no key to check it with")]
    Unverified,
    #[error(".signatures.json does not hold one token")]
    Syntax,
    #[error("the signature's algorithm is not the configured one")]
    Algorithm,
    #[error("the signature names another key")]
    KeyId,
    #[error("the signature names another scope")]
    Scope,
    #[error("the signature does not verify")]
    Invalid,
    #[error("the signature's list of files cannot be read")]
    Payload,
    #[error("{path}: is not covered by the signature")]
    Unlisted { path: String },
    #[error("{path}: is covered by the signature, and missing")]
    Absent { path: String },
    #[error("{path}: its hash algorithm is not SHA-256, SHA-384 or SHA-512")]
    HashAlgorithm { path: String },
    #[error("{path}: is not what was signed")]
    Hash { path: String },
    #[error("{path}: cannot be hashed as JSON without ambiguity")]
    Json { path: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("not an algorithm for signatures of bundles")]
    Algorithm,
    #[error("not a PEM public key")]
    Pem,
    #[error("a key of another kind than the algorithm needs")]
    Kind,
    #[error("shorter than 32 bytes")]
    Short,
}

/// Algorithms that can be configured.
pub const ALGORITHMS: [&str; 12] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "HS256", "HS384",
    "HS512",
];

/// What a bundle's signature is checked with. No `Debug`: it may hold a secret.
pub struct Verification {
    algorithm: &'static str,
    key: Key,
    key_id: Option<String>,
    /// Empty: the signature must name none.
    scope: String,
}

enum Key {
    Public(UnparsedPublicKey<Vec<u8>>),
    Secret(hmac::Key),
}

impl Verification {
    /// `key` is a PEM public key, or the secret itself of the algorithms `HS…`.
    pub fn new(
        algorithm: &str,
        key: &str,
        key_id: Option<String>,
        scope: Option<String>,
    ) -> Result<Self, KeyError> {
        let known = ALGORITHMS.into_iter().find(|known| *known == algorithm);
        let algorithm = known.ok_or(KeyError::Algorithm)?;
        let key = match algorithm {
            "HS256" => secret(hmac::HMAC_SHA256, key)?,
            "HS384" => secret(hmac::HMAC_SHA384, key)?,
            "HS512" => secret(hmac::HMAC_SHA512, key)?,
            "RS256" => public(&RSA_PKCS1_2048_8192_SHA256, RSA, key)?,
            "RS384" => public(&RSA_PKCS1_2048_8192_SHA384, RSA, key)?,
            "RS512" => public(&RSA_PKCS1_2048_8192_SHA512, RSA, key)?,
            "PS256" => public(&RSA_PSS_2048_8192_SHA256, RSA, key)?,
            "PS384" => public(&RSA_PSS_2048_8192_SHA384, RSA, key)?,
            "PS512" => public(&RSA_PSS_2048_8192_SHA512, RSA, key)?,
            "ES256" => public(&ECDSA_P256_SHA256_FIXED, ELLIPTIC_CURVE, key)?,
            "ES384" => public(&ECDSA_P384_SHA384_FIXED, ELLIPTIC_CURVE, key)?,
            _ => public(&ED25519, ED25519_KEY, key)?,
        };
        Ok(Verification { algorithm, key, key_id, scope: scope.unwrap_or_default() })
    }

    /// The files a token lists, once everything about the token itself holds.
    fn listed(&self, signatures: &str) -> Result<BTreeMap<String, Listed>, SignatureError> {
        let token = token(signatures)?;
        let (signed, signature) = token.rsplit_once('.').ok_or(SignatureError::Syntax)?;
        let (header, payload) = signed.split_once('.').ok_or(SignatureError::Syntax)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| SignatureError::Syntax);
        let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);
        let header = Document::parse(&header, LIMITS).map_err(|_| SignatureError::Syntax)?;
        let root = header.root();
        if header.string_at(root, &["alg"]).as_deref() != Some(self.algorithm) {
            return Err(SignatureError::Algorithm);
        }
        // An extension that must be understood is not.
        if header.get(root, "crit").is_some() {
            return Err(SignatureError::Syntax);
        }
        let holds = match &self.key {
            Key::Public(key) => key.verify(signed.as_bytes(), &signature).is_ok(),
            Key::Secret(key) => hmac::verify(key, signed.as_bytes(), &signature).is_ok(),
        };
        if !holds {
            return Err(SignatureError::Invalid);
        }
        let payload = Document::parse(&payload, LIMITS).map_err(|_| SignatureError::Payload)?;
        let named = header.string_at(root, &["kid"]).or(payload.string_at(payload.root(), &["keyid"]));
        if self.key_id.is_some() && named.as_deref() != self.key_id.as_deref() {
            return Err(SignatureError::KeyId);
        }
        let scope = payload.string_at(payload.root(), &["scope"]).unwrap_or_default();
        if scope != self.scope.as_str() {
            return Err(SignatureError::Scope);
        }
        files(&payload)
    }
}

fn secret(algorithm: hmac::Algorithm, key: &str) -> Result<Key, KeyError> {
    if key.len() < SECRET_BYTES_MIN {
        return Err(KeyError::Short);
    }
    Ok(Key::Secret(hmac::Key::new(algorithm, key.as_bytes())))
}

fn public(algorithm: &'static dyn VerificationAlgorithm, kind: &str, pem: &str) -> Result<Key, KeyError> {
    let (_, pem) = parse_x509_pem(pem.as_bytes()).map_err(|_| KeyError::Pem)?;
    if pem.label == "RSA PUBLIC KEY" && kind == RSA {
        return Ok(Key::Public(UnparsedPublicKey::new(algorithm, pem.contents)));
    }
    if pem.label != "PUBLIC KEY" {
        return Err(KeyError::Pem);
    }
    let (rest, info) = SubjectPublicKeyInfo::from_der(&pem.contents).map_err(|_| KeyError::Pem)?;
    if !rest.is_empty() {
        return Err(KeyError::Pem);
    }
    if info.algorithm.algorithm.to_id_string() != kind {
        return Err(KeyError::Kind);
    }
    let bytes = info.subject_public_key.data.to_vec();
    // Of the two curves the length of a point tells which it is.
    let fits = |length: usize| kind != ELLIPTIC_CURVE || bytes.len() == length;
    let is_p256 = std::ptr::addr_eq(algorithm, std::ptr::from_ref(&ECDSA_P256_SHA256_FIXED));
    if !fits(if is_p256 { 65 } else { 97 }) {
        return Err(KeyError::Kind);
    }
    Ok(Key::Public(UnparsedPublicKey::new(algorithm, bytes)))
}

/// The one token of `.signatures.json`.
fn token(signatures: &str) -> Result<String, SignatureError> {
    let document = Document::parse(signatures.as_bytes(), LIMITS).map_err(|_| SignatureError::Syntax)?;
    let list = document.get(document.root(), "signatures").ok_or(SignatureError::Syntax)?;
    let mut tokens = document.elements(list);
    match (tokens.next(), tokens.next()) {
        (Some(one), None) => {
            document.string(one).map(|token| token.into_owned()).ok_or(SignatureError::Syntax)
        }
        _ => Err(SignatureError::Syntax),
    }
}

struct Listed {
    hash: String,
    algorithm: String,
}

fn files(payload: &Document<'_>) -> Result<BTreeMap<String, Listed>, SignatureError> {
    let list = payload.get(payload.root(), "files").ok_or(SignatureError::Payload)?;
    let mut files = BTreeMap::new();
    for file in payload.elements(list) {
        let text = |name: &str| {
            payload.string_at(file, &[name]).map(|text| text.into_owned()).ok_or(SignatureError::Payload)
        };
        let path = text("name")?.trim_start_matches('/').to_owned();
        let listed = Listed { hash: text("hash")?, algorithm: text("algorithm")? };
        if files.insert(path, listed).is_some() || files.len() > FILES_MAX {
            return Err(SignatureError::Payload);
        }
    }
    Ok(files)
}

/// Checks that these are exactly the files that were signed.
pub(crate) fn check<'f>(
    signatures: Option<&str>,
    verification: Option<&Verification>,
    present: impl Iterator<Item = (&'f str, &'f [u8])>,
) -> Result<(), SignatureError> {
    let (signatures, verification) = match (signatures, verification) {
        (None, None) => return Ok(()),
        (None, Some(_)) => return Err(SignatureError::Missing),
        (Some(_), None) => return Err(SignatureError::Unverified),
        (Some(signatures), Some(verification)) => (signatures, verification),
    };
    let mut listed = verification.listed(signatures)?;
    for (path, bytes) in present {
        let Some(file) = listed.remove(path) else {
            return Err(SignatureError::Unlisted { path: path.to_owned() });
        };
        if !file.hash.eq_ignore_ascii_case(&hash(path, bytes, &file.algorithm)?) {
            return Err(SignatureError::Hash { path: path.to_owned() });
        }
    }
    match listed.into_keys().next() {
        Some(path) => Err(SignatureError::Absent { path }),
        None => Ok(()),
    }
}

fn hash(path: &str, bytes: &[u8], algorithm: &str) -> Result<String, SignatureError> {
    let canonical;
    let name = path.rsplit('/').next().unwrap_or(path);
    let bytes = if matches!(name, "data.json" | ".manifest") {
        canonical = canonical_json(bytes).ok_or_else(|| SignatureError::Json { path: path.to_owned() })?;
        canonical.as_bytes()
    } else {
        bytes
    };
    match algorithm {
        "SHA-256" => Ok(hex(&Sha256::digest(bytes))),
        "SHA-384" => Ok(hex(&Sha384::digest(bytes))),
        "SHA-512" => Ok(hex(&Sha512::digest(bytes))),
        _ => Err(SignatureError::HashAlgorithm { path: path.to_owned() }),
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// JSON with sorted members and nothing between tokens, numbers as they were written: what OPA hashes.
fn canonical_json(bytes: &[u8]) -> Option<String> {
    let document = Document::parse(bytes, LIMITS).ok()?;
    let mut out = String::with_capacity(bytes.len());
    write(&document, document.root(), &mut out)?;
    Some(out)
}

/// Recursion is bounded by the document's depth.
fn write(document: &Document<'_>, id: ValueId, out: &mut String) -> Option<()> {
    match document.kind(id) {
        Kind::Object => {
            let mut members = Vec::new();
            for (key, value) in document.members(id) {
                members.push((document.string(key)?, value));
            }
            members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
            out.push('{');
            for (at, (key, value)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_string(&key, out);
                out.push(':');
                write(document, value, out)?;
            }
            out.push('}');
        }
        Kind::Array => {
            out.push('[');
            for (at, element) in document.elements(id).enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(document, element, out)?;
            }
            out.push(']');
        }
        Kind::String => write_string(&document.string(id)?, out),
        Kind::Number | Kind::True | Kind::False | Kind::Null => out.push_str(document.raw(id)),
    }
    Some(())
}

/// As Go's encoder has it when it does not escape for HTML.
fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
                out.push_str("\\u");
                for shift in [12, 8, 4, 0] {
                    let nibble = u32::from(character) >> shift & 15;
                    out.push(char::from_digit(nibble, 16).unwrap_or('0'));
                }
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

#[cfg(test)]
pub(crate) mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
    use serde_json::{Value, json};

    use super::*;

    pub(crate) const SECRET: &str = "a secret of thirty-two characters";

    pub(crate) fn verification() -> Verification {
        Verification::new("HS256", SECRET, None, None).unwrap()
    }

    fn listing(files: &[(&str, &str)]) -> Value {
        let entry = |(path, text): &(&str, &str)| json!({"name": path, "hash": hash(path, text.as_bytes(), "SHA-256").unwrap(), "algorithm": "SHA-256"});
        Value::Array(files.iter().map(entry).collect())
    }

    fn signed_with(header: &Value, payload: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signing = format!("{}.{}", part(header), part(payload));
        let signature = URL_SAFE_NO_PAD.encode(sign(signing.as_bytes()));
        json!({"signatures": [format!("{signing}.{signature}")]}).to_string()
    }

    fn by_secret(message: &[u8]) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        hmac::sign(&key, message).as_ref().to_vec()
    }

    /// `.signatures.json` of these files.
    pub(crate) fn signatures(files: &[(&str, &str)]) -> String {
        signed_with(&json!({"alg": "HS256"}), &json!({"files": listing(files)}), by_secret)
    }

    const FILES: [(&str, &str); 3] = [
        ("org/a.rego", "package policy.org.a"),
        ("data.json", r#"{"b": 1.50, "a": [true, null, "x"]}"#),
        (".manifest", r#"{"roots": [""]}"#),
    ];

    fn checked(
        signatures: &str,
        verification: &Verification,
        files: &[(&str, &str)],
    ) -> Result<(), SignatureError> {
        let files = files.iter().map(|(path, text)| (*path, text.as_bytes()));
        check(Some(signatures), Some(verification), files)
    }

    #[test]
    fn a_signed_bundle_is_exactly_what_was_signed() {
        let (signatures, verification) = (signatures(&FILES), verification());
        assert_eq!(checked(&signatures, &verification, &FILES), Ok(()));
        let with = |path: &'static str, text: &'static str| {
            FILES.map(|file| if file.0 == path { (path, text) } else { file })
        };
        // Blanks and the order of members are no part of JSON, the spelling of numbers is.
        let same = with("data.json", r#"{"a":[true,null,"\u0078"],"b":1.50}"#);
        assert_eq!(checked(&signatures, &verification, &same), Ok(()));
        for (path, text) in [
            ("data.json", r#"{"b": 1.5, "a": [true, null, "x"]}"#),
            ("data.json", r#"{"b": 1.50, "a": [null, true, "x"]}"#),
            ("org/a.rego", "package policy.org.a "),
        ] {
            let error = SignatureError::Hash { path: path.to_owned() };
            assert_eq!(checked(&signatures, &verification, &with(path, text)), Err(error), "{text}");
        }
        let twice = with("data.json", r#"{"b": 1.50, "a": [true, null, "x"], "a": 1}"#);
        let error = SignatureError::Json { path: "data.json".into() };
        assert_eq!(checked(&signatures, &verification, &twice), Err(error));
        let more = [FILES.as_slice(), &[("org/b.rego", "package policy.org.b")]].concat();
        let error = SignatureError::Unlisted { path: "org/b.rego".into() };
        assert_eq!(checked(&signatures, &verification, &more), Err(error));
        let error = SignatureError::Absent { path: "org/a.rego".into() };
        assert_eq!(checked(&signatures, &verification, &FILES[1..]), Err(error));
    }

    #[test]
    fn a_token_that_does_not_hold_is_refused() {
        let payload = json!({"files": listing(&FILES)});
        let header = json!({"alg": "HS256"});
        let good = signatures(&FILES);
        let token = serde_json::from_str::<Value>(&good).unwrap()["signatures"][0].clone();
        for (signatures, error) in [
            (signed_with(&json!({"alg": "none"}), &payload, |_| Vec::new()), SignatureError::Algorithm),
            (signed_with(&json!({"alg": "HS512"}), &payload, by_secret), SignatureError::Algorithm),
            (
                signed_with(&json!({"alg": "HS256", "crit": ["x"]}), &payload, by_secret),
                SignatureError::Syntax,
            ),
            (signed_with(&header, &payload, |_| vec![0; 32]), SignatureError::Invalid),
            (signed_with(&header, &payload, |_| Vec::new()), SignatureError::Invalid),
            (signed_with(&header, &json!({}), by_secret), SignatureError::Payload),
            (signed_with(&header, &json!({"files": [{"name": "a"}]}), by_secret), SignatureError::Payload),
            (
                signed_with(&header, &json!({"files": listing(&FILES), "scope": "read"}), by_secret),
                SignatureError::Scope,
            ),
            (json!({"signatures": []}).to_string(), SignatureError::Syntax),
            (json!({"signatures": [token, token]}).to_string(), SignatureError::Syntax),
            (json!({"signatures": ["a.b"]}).to_string(), SignatureError::Syntax),
            ("[]".to_owned(), SignatureError::Syntax),
            ("{".to_owned(), SignatureError::Syntax),
        ] {
            assert_eq!(checked(&signatures, &verification(), &FILES), Err(error), "{signatures}");
        }
        let weak = json!({"files": [{"name": "a.rego", "hash": "00", "algorithm": "MD5"}]});
        let weak = signed_with(&header, &weak, by_secret);
        let error = SignatureError::HashAlgorithm { path: "a.rego".into() };
        assert_eq!(checked(&weak, &verification(), &[("a.rego", "")]), Err(error));
    }

    #[test]
    fn neither_unsigned_nor_unverified_bundles_pass() {
        let none = std::iter::empty::<(&str, &[u8])>;
        assert_eq!(check(None, None, none()), Ok(()));
        assert_eq!(check(None, Some(&verification()), none()), Err(SignatureError::Missing));
        assert_eq!(check(Some("{}"), None, none()), Err(SignatureError::Unverified));
    }

    #[test]
    fn the_key_id_and_scope_are_those_of_the_configuration() {
        let named = |key_id: Option<&str>, scope: Option<&str>| {
            Verification::new("HS256", SECRET, key_id.map(str::to_owned), scope.map(str::to_owned)).unwrap()
        };
        let by_header = signed_with(
            &json!({"alg": "HS256", "kid": "one"}),
            &json!({"files": listing(&FILES), "scope": "read"}),
            by_secret,
        );
        let by_payload = signed_with(
            &json!({"alg": "HS256"}),
            &json!({"files": listing(&FILES), "keyid": "one"}),
            by_secret,
        );
        assert_eq!(checked(&by_header, &named(Some("one"), Some("read")), &FILES), Ok(()));
        assert_eq!(checked(&by_header, &named(None, Some("read")), &FILES), Ok(()));
        assert_eq!(
            checked(&by_header, &named(Some("two"), Some("read")), &FILES),
            Err(SignatureError::KeyId)
        );
        assert_eq!(checked(&by_header, &named(None, Some("write")), &FILES), Err(SignatureError::Scope));
        assert_eq!(checked(&by_payload, &named(Some("one"), None), &FILES), Ok(()));
        assert_eq!(
            checked(&signatures(&FILES), &named(Some("one"), None), &FILES),
            Err(SignatureError::KeyId)
        );
    }

    fn pem(prefix: &[u8], key: &[u8]) -> String {
        use base64::engine::general_purpose::STANDARD;
        let body = STANDARD.encode([prefix, key].concat());
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    }

    /// What stands before an uncompressed point of P-256, and before a key of Ed25519.
    const P256_PREFIX: [u8; 26] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    const ED25519_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

    #[test]
    fn public_keys_verify_what_their_private_keys_signed() {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        let p256 = pem(&P256_PREFIX, pair.public_key().as_ref());
        let payload = json!({"files": listing(&FILES)});
        let signatures = signed_with(&json!({"alg": "ES256"}), &payload, |message| {
            pair.sign(&random, message).unwrap().as_ref().to_vec()
        });
        let verification = Verification::new("ES256", &p256, None, None).unwrap();
        assert_eq!(checked(&signatures, &verification, &FILES), Ok(()));
        let document = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let ed25519 = pem(&ED25519_PREFIX, pair.public_key().as_ref());
        let by_other =
            signed_with(&json!({"alg": "ES256"}), &payload, |message| pair.sign(message).as_ref().to_vec());
        assert_eq!(checked(&by_other, &verification, &FILES), Err(SignatureError::Invalid));
        // The public key as a secret, as a forger would try it.
        let forged = signed_with(&json!({"alg": "HS256"}), &payload, |message| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, p256.as_bytes()), message).as_ref().to_vec()
        });
        assert_eq!(checked(&forged, &verification, &FILES), Err(SignatureError::Algorithm));
        let by_pair =
            signed_with(&json!({"alg": "EdDSA"}), &payload, |message| pair.sign(message).as_ref().to_vec());
        let verification = Verification::new("EdDSA", &ed25519, None, None).unwrap();
        assert_eq!(checked(&by_pair, &verification, &FILES), Ok(()));
        for (algorithm, key, error) in [
            ("none", SECRET, KeyError::Algorithm),
            ("HS256", "short", KeyError::Short),
            ("ES256", SECRET, KeyError::Pem),
            ("ES256", ed25519.as_str(), KeyError::Kind),
            ("ES384", p256.as_str(), KeyError::Kind),
            ("RS256", p256.as_str(), KeyError::Kind),
            ("EdDSA", p256.as_str(), KeyError::Kind),
        ] {
            assert_eq!(Verification::new(algorithm, key, None, None).err(), Some(error), "{algorithm}");
        }
    }

    #[test]
    fn strings_are_written_as_go_writes_them() {
        for (json, canonical) in [
            (r#" {"b":[1.0,-0,1E5], "a" : {} } "#, r#"{"a":{},"b":[1.0,-0,1E5]}"#),
            (
                r#""<&> \/ é \u00e9 \u2028 \u0001 \b\f\n\r\t\" \\ \ud83d\ude00""#,
                "\"<&> / é é \\u2028 \\u0001 \\b\\f\\n\\r\\t\\\" \\\\ 😀\"",
            ),
            ("[]", "[]"),
        ] {
            assert_eq!(canonical_json(json.as_bytes()).as_deref(), Some(canonical));
        }
        assert_eq!(canonical_json(b"{\"a\":1,\"a\":2}"), None);
    }
}
