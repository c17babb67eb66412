//! Who is calling: the key a request claims, then the signature that proves it.
//!
//! The claim is checked before the body is read, so that a stranger gets no buffer; the proof needs the body's hash.
//! What a caller sent as credentials stays here: nothing of it is forwarded.

use hardpan_aws::verifier::{self, Authorization, SignedRequest};
use hardpan_inference::operation::Operation;
use hardpan_inference::principal::Principal;

use crate::config::{Config, IssuedKey};
use crate::downstream::Downstream;
use crate::refusal::Refusal;

/// A caller that names an issued key. Nothing is proved yet.
pub struct Claim<'c> {
    authorization: Authorization,
    key: &'c IssuedKey,
}

impl Claim<'_> {
    /// The Region the caller signed for, which is the Region it wants to call.
    pub fn region(&self) -> &str {
        &self.authorization.region
    }

    /// Whether the signature covers a header.
    pub fn signs(&self, header: &str) -> bool {
        self.authorization.signs(header)
    }
}

/// Reads the signature's claim and looks its key up.
pub fn claim<'c>(
    config: &'c Config,
    downstream: &Downstream<'_>,
    operation: Operation,
) -> Result<Claim<'c>, Refusal> {
    let authorization = verifier::parse(downstream.headers(), downstream.raw_target())?;
    let key = config
        .keys
        .iter()
        .find(|key| key.access_key_id == authorization.access_key_id)
        .ok_or(Refusal::UnknownKey)?;
    let region_served = config.regions.as_ref().is_none_or(|regions| regions.contains(&authorization.region));
    let plain = |region: &str| region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if authorization.service != operation.signing_service() || !region_served || !plain(&authorization.region)
    {
        return Err(Refusal::SignedScope);
    }
    Ok(Claim { authorization, key })
}

/// Proves the claim by the signature over head and body.
pub fn verify(
    claim: &Claim<'_>,
    config: &Config,
    downstream: &Downstream<'_>,
    body_sha256: &[u8; 32],
    now_unix: i64,
) -> Result<Principal, Refusal> {
    let request = SignedRequest {
        method: downstream.method(),
        raw_target: downstream.raw_target(),
        headers: downstream.headers(),
        authority: downstream.authority(),
        body_sha256,
    };
    verifier::verify(
        &claim.authorization,
        &claim.key.secret,
        &request,
        now_unix,
        config.limits.clock_skew_max_s,
    )?;
    Ok(Principal {
        key_id: claim.key.access_key_id.clone(),
        app: claim.key.app.clone(),
        team: claim.key.team.clone(),
        env: claim.key.env.clone(),
        user: None,
        verified: "sigv4",
    })
}
