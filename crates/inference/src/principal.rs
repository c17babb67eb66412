//! Who is calling, once verified.

use std::collections::BTreeMap;

/// A verified caller. `app` scopes policy, quota, cache and audit; where only the app was verified, `user` is what
/// the app claims.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Principal {
    /// What the caller showed: the access key id it signed with, the id of its token, or the name of its certificate.
    pub key_id: String,
    pub app: String,
    pub team: String,
    pub env: Option<String>,
    /// End user named by the app or by a token; hashed before it reaches a record.
    pub user: Option<String>,
    /// Every way the caller was verified, the deciding one first: `sigv4`, `api_key`, `jwt`, `mtls`, `fixed`,
    /// `prefix`.
    pub verified: Vec<&'static str>,
    /// Groups a token names.
    pub groups: Vec<String>,
    /// The token's other claims that are plain values, as text.
    pub claims: BTreeMap<String, String>,
}
