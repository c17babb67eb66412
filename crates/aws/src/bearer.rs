//! Short-term API keys of Bedrock and SageMaker, minted from a key Hardpan issued: read, verified offline, minted.
//!
//! Such a key is a presigned URL in base64. It proves who minted it, not the request it travels with: over plain text
//! it can be taken and used again until it expires. Long-term keys, and keys minted from others' secrets, are foreign:
//! nothing here can verify them, and nothing is forwarded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;

use crate::canonical::{self, ALGORITHM, encode, hmac, percent_decode, signing_key};

/// The longest life of a short-term key.
pub const LIFE_MAX_S: i64 = 43_200;

/// Longest key that is read; real ones have some 440 characters.
const TOKEN_BYTES_MAX: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BearerError {
    #[error("the bearer token is not a short-term API key")]
    Foreign,
    #[error("the API key is malformed")]
    Malformed,
    #[error("the API key's life is not between 1 and 43200 seconds")]
    Life,
    #[error("the API key is dated in the future")]
    Date,
    #[error("the API key has expired")]
    Expired,
    #[error("the API key's signature does not match")]
    Mismatch,
}

/// The services that take short-term keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BearerService {
    Bedrock,
    Sagemaker,
}

impl BearerService {
    pub const ALL: [BearerService; 2] = [BearerService::Bedrock, BearerService::Sagemaker];

    pub fn prefix(self) -> &'static str {
        match self {
            BearerService::Bedrock => "bedrock-api-key-",
            BearerService::Sagemaker => "sagemaker-api-key-",
        }
    }

    /// The host in the presigned URL: the same in every Region.
    pub fn host(self) -> &'static str {
        match self {
            BearerService::Bedrock => "bedrock.amazonaws.com",
            BearerService::Sagemaker => "sagemaker.amazonaws.com",
        }
    }

    /// SigV4 service name in the credential scope.
    pub fn signing_name(self) -> &'static str {
        match self {
            BearerService::Bedrock => "bedrock",
            BearerService::Sagemaker => "sagemaker",
        }
    }
}

/// What a key says of itself. Nothing is verified yet. No `Debug`: its signature is the proof of its owner.
#[derive(Clone)]
pub struct BearerKey {
    pub access_key_id: String,
    pub region: String,
    pub service: BearerService,
    date_time: String,
    signed_unix: i64,
    life_s: i64,
    signature: String,
}

impl BearerKey {
    /// When the key ends, in seconds since the epoch.
    pub fn expires_unix(&self) -> i64 {
        self.signed_unix.saturating_add(self.life_s)
    }
}

/// Reads a token, the word `Bearer` already taken off.
pub fn parse(token: &str) -> Result<BearerKey, BearerError> {
    let of_service = |service: BearerService| Some((service, token.strip_prefix(service.prefix())?));
    let (service, encoded) =
        BearerService::ALL.into_iter().find_map(of_service).ok_or(BearerError::Foreign)?;
    if encoded.len() > TOKEN_BYTES_MAX {
        return Err(BearerError::Malformed);
    }
    let url = STANDARD.decode(encoded).map_err(|_| BearerError::Malformed)?;
    let url = String::from_utf8(url).map_err(|_| BearerError::Malformed)?;
    let query = url.strip_prefix(service.host()).and_then(|rest| rest.strip_prefix("/?"));
    read_query(service, query.ok_or(BearerError::Malformed)?).ok_or(BearerError::Malformed)?
}

/// Checks a key against the secret it claims to be minted from.
pub fn verify(key: &BearerKey, secret: &str, now_unix: i64, skew_max_s: i64) -> Result<(), BearerError> {
    if key.signed_unix.saturating_sub(now_unix) > skew_max_s {
        return Err(BearerError::Date);
    }
    if now_unix >= key.expires_unix() {
        return Err(BearerError::Expired);
    }
    let expected = sign(key, secret).ok_or(BearerError::Malformed)?;
    if bool::from(expected.as_bytes().ct_eq(key.signature.as_bytes())) {
        Ok(())
    } else {
        Err(BearerError::Mismatch)
    }
}

/// A key such as the AWS token generators mint. It is a credential: never log it.
pub fn mint(
    service: BearerService,
    access_key_id: &str,
    secret: &str,
    region: &str,
    now_unix: i64,
    life_s: i64,
) -> Result<String, BearerError> {
    if !(1..=LIFE_MAX_S).contains(&life_s) {
        return Err(BearerError::Life);
    }
    let in_scope = |text: &str| canonical::is_plain(text) && !text.contains('/');
    if !in_scope(access_key_id) || !in_scope(region) {
        return Err(BearerError::Malformed);
    }
    let mut key = BearerKey {
        access_key_id: access_key_id.to_owned(),
        region: region.to_owned(),
        service,
        date_time: canonical::date_time(now_unix).ok_or(BearerError::Date)?,
        signed_unix: now_unix,
        life_s,
        signature: String::new(),
    };
    key.signature = sign(&key, secret).ok_or(BearerError::Malformed)?;
    let query = signed_query(&key).ok_or(BearerError::Malformed)?;
    let url = format!("{}/?{query}&X-Amz-Signature={}&Version=1", service.host(), key.signature);
    Ok(format!("{}{}", service.prefix(), STANDARD.encode(url)))
}

/// The members of a presigned URL, each once, and no others. None where the form is wrong.
fn read_query(service: BearerService, query: &str) -> Option<Result<BearerKey, BearerError>> {
    const NAMES: [&str; 8] = [
        "Action",
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
        "Version",
    ];
    let mut values: [Option<String>; 8] = Default::default();
    for member in query.split('&') {
        let (name, value) = member.split_once('=')?;
        let at = NAMES.iter().position(|known| *known == name)?;
        let value = String::from_utf8(percent_decode(value.as_bytes())).ok()?;
        if values.get_mut(at)?.replace(value).is_some() {
            return None;
        }
    }
    let [
        Some(action),
        Some(algorithm),
        Some(credential),
        Some(date_time),
        Some(life),
        Some(signed_headers),
        Some(signature),
        Some(version),
    ] = values
    else {
        return None;
    };
    let constants = [action.as_str(), algorithm.as_str(), signed_headers.as_str(), version.as_str()];
    if constants != ["CallWithBearerToken", ALGORITHM, "host", "1"] || !canonical::is_signature(&signature) {
        return None;
    }
    let scope: Vec<&str> = credential.split('/').collect();
    let [access_key_id, day, region, service_name, "aws4_request"] = scope.as_slice() else { return None };
    let plain = canonical::is_plain(access_key_id) && canonical::is_plain(region);
    if !plain || *service_name != service.signing_name() || date_time.get(..8) != Some(*day) {
        return None;
    }
    let signed_unix = canonical::unix_seconds(&date_time)?;
    if life.is_empty() || !life.bytes().all(|byte| byte.is_ascii_digit()) || life.starts_with('0') {
        return None;
    }
    let Some(life_s) = life.parse::<i64>().ok().filter(|life_s| *life_s <= LIFE_MAX_S) else {
        return Some(Err(BearerError::Life));
    };
    Some(Ok(BearerKey {
        access_key_id: (*access_key_id).to_owned(),
        region: (*region).to_owned(),
        service,
        date_time,
        signed_unix,
        life_s,
        signature,
    }))
}

fn sign(key: &BearerKey, secret: &str) -> Option<String> {
    let (host, service) = (key.service.host(), key.service.signing_name());
    let query = signed_query(key)?;
    let canonical = format!("POST\n/\n{query}\nhost:{host}\n\nhost\n{}", canonical::EMPTY_SHA256);
    let day = key.date_time.get(..8)?;
    let scope = canonical::scope(day, &key.region, service);
    let to_sign = canonical::string_to_sign(&key.date_time, &scope, &canonical);
    let signing_key = signing_key(secret, day, &key.region, service);
    Some(canonical::hex(&hmac(&*signing_key, to_sign.as_bytes())))
}

/// The canonical query: sorted, without the signature and the version, which are added after signing.
fn signed_query(key: &BearerKey) -> Option<String> {
    let scope = canonical::scope(key.date_time.get(..8)?, &key.region, key.service.signing_name());
    let mut credential = String::with_capacity(96);
    encode(format!("{}/{scope}", key.access_key_id).as_bytes(), false, &mut credential);
    Some(format!(
        "Action=CallWithBearerToken&X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={credential}&X-Amz-Date={}\
         &X-Amz-Expires={}&X-Amz-SignedHeaders=host",
        key.date_time, key.life_s
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const ACCESS_KEY_ID: &str = "HPAPPBILLING";
    /// 2026-11-22 14:40:55.
    const NOW: i64 = 1_795_358_455;

    /// Signatures made by aws-bedrock-token-generator 1.1.0 on botocore 1.44.5 with the values above.
    const BEDROCK: &str = "bedrock.amazonaws.com/?Action=CallWithBearerToken&X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=HPAPPBILLING%2F20261122%2Fus-east-1%2Fbedrock%2Faws4_request\
        &X-Amz-Date=20261122T144055Z&X-Amz-Expires=43200&X-Amz-SignedHeaders=host\
        &X-Amz-Signature=bd54cbdf9b32982a5c6350d4694285f6b870ef7415bef511dbfc8c516a139d6e&Version=1";
    const SAGEMAKER: &str = "sagemaker.amazonaws.com/?Action=CallWithBearerToken\
        &X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=HPAPPBILLING%2F20261122%2Fus-east-1%2Fsagemaker%2Faws4_request\
        &X-Amz-Date=20261122T144055Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host\
        &X-Amz-Signature=14cf2c279f8b28e26176cb2851f2a99ae0ee9af50de0f785e0671485fd03b682&Version=1";

    fn bedrock(url: &str) -> String {
        format!("bedrock-api-key-{}", STANDARD.encode(url))
    }

    fn check(token: &str, secret: &str, now_unix: i64) -> Result<(), BearerError> {
        verify(&parse(token)?, secret, now_unix, 300)
    }

    #[test]
    fn keys_are_those_the_published_generator_mints() {
        for (service, url, life_s) in
            [(BearerService::Bedrock, BEDROCK, 43_200), (BearerService::Sagemaker, SAGEMAKER, 3600)]
        {
            let token = format!("{}{}", service.prefix(), STANDARD.encode(url));
            let minted = mint(service, ACCESS_KEY_ID, SECRET, "us-east-1", NOW, life_s);
            assert!(minted.as_deref() == Ok(token.as_str()), "{service:?}");
            let key = parse(&token).ok().unwrap();
            assert_eq!((key.access_key_id.as_str(), key.region.as_str()), (ACCESS_KEY_ID, "us-east-1"));
            assert_eq!((key.service, key.expires_unix()), (service, NOW + life_s));
            assert_eq!(verify(&key, SECRET, NOW, 300), Ok(()));
        }
    }

    #[test]
    fn a_key_holds_for_its_life_and_for_its_secret_only() {
        let token = bedrock(BEDROCK);
        for (secret, now, verdict) in [
            (SECRET, NOW - 300, Ok(())),
            (SECRET, NOW - 301, Err(BearerError::Date)),
            (SECRET, NOW + 43_199, Ok(())),
            (SECRET, NOW + 43_200, Err(BearerError::Expired)),
            ("other", NOW, Err(BearerError::Mismatch)),
        ] {
            assert_eq!(check(&token, secret, now), verdict, "{now}");
        }
    }

    #[test]
    fn any_change_of_a_member_is_refused() {
        for (from, to, refusal) in [
            ("us-east-1", "us-west-2", BearerError::Mismatch),
            ("HPAPPBILLING", "HPAPPOTHER", BearerError::Mismatch),
            ("Expires=43200", "Expires=43199", BearerError::Mismatch),
            ("Expires=43200", "Expires=43201", BearerError::Life),
            ("Expires=43200", "Expires=99999999999999999999", BearerError::Life),
            ("Expires=43200", "Expires=0", BearerError::Malformed),
            ("Expires=43200", "Expires=-1", BearerError::Malformed),
            ("Expires=43200", "Expires=043200", BearerError::Malformed),
            ("20261122T144055Z", "20261122T144056Z", BearerError::Mismatch),
            ("20261122T", "20261123T", BearerError::Malformed),
            ("%2Fbedrock%2F", "%2Fsagemaker%2F", BearerError::Malformed),
            ("bedrock.amazonaws.com", "bedrock.example.com", BearerError::Malformed),
            ("CallWithBearerToken", "ListModels", BearerError::Malformed),
            ("SignedHeaders=host", "SignedHeaders=host%3Bdate", BearerError::Malformed),
            ("&Version=1", "", BearerError::Malformed),
            ("&Version=1", "&Version=2", BearerError::Malformed),
            ("&Version=1", "&Version=1&Version=1", BearerError::Malformed),
            ("&Version=1", "&Version=1&X-Amz-Security-Token=t", BearerError::Malformed),
            ("Signature=bd", "Signature=bD", BearerError::Malformed),
            ("Signature=bd", "Signature=be", BearerError::Mismatch),
            ("Action=", "Action", BearerError::Malformed),
        ] {
            let changed = BEDROCK.replace(from, to);
            assert_ne!(changed, BEDROCK);
            assert_eq!(check(&bedrock(&changed), SECRET, NOW), Err(refusal), "{from} -> {to}");
        }
    }

    #[test]
    fn what_is_no_short_term_key_is_foreign_or_malformed() {
        for (token, refusal) in [
            ("ABSKQmVkcm9ja0FQSUtleS1leGFtcGxl", BearerError::Foreign),
            ("", BearerError::Foreign),
            ("sk-something", BearerError::Foreign),
            ("bedrock-api-key-", BearerError::Malformed),
            ("bedrock-api-key-%%%", BearerError::Malformed),
            ("bedrock-api-key-////", BearerError::Malformed),
        ] {
            assert_eq!(parse(token).err(), Some(refusal), "{token}");
        }
        let crossed = format!("sagemaker-api-key-{}", STANDARD.encode(BEDROCK));
        assert_eq!(parse(&crossed).err(), Some(BearerError::Malformed));
        let long = format!("bedrock-api-key-{}", "A".repeat(TOKEN_BYTES_MAX + 4));
        assert_eq!(parse(&long).err(), Some(BearerError::Malformed));
    }

    #[test]
    fn nothing_is_minted_beyond_twelve_hours() {
        let minted = |life_s| mint(BearerService::Bedrock, ACCESS_KEY_ID, SECRET, "us-east-1", NOW, life_s);
        assert!(minted(LIFE_MAX_S).is_ok());
        assert_eq!(minted(LIFE_MAX_S + 1).err(), Some(BearerError::Life));
        assert_eq!(minted(0).err(), Some(BearerError::Life));
        let slashed = mint(BearerService::Bedrock, "A/B", SECRET, "us-east-1", NOW, 60);
        assert_eq!(slashed.err(), Some(BearerError::Malformed));
    }
}
