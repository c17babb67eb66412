//! Who is calling, once verified.

/// A verified caller. `app` scopes policy, quota, cache and audit; `user` is only what the app claims.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Principal {
    /// The access key id the caller signed with.
    pub key_id: String,
    pub app: String,
    pub team: String,
    pub env: Option<String>,
    /// End user named by the app; hashed before it reaches a record.
    pub user: Option<String>,
    /// How the caller was verified: `sigv4`.
    pub verified: &'static str,
}
