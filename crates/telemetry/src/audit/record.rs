//! What is written about one request. No prompt and no completion: findings are counted, users are hashed.
//! Every field is always there, `null` where it does not apply, so that a reader needs no schema to tell
//! "none" from "older version".

use std::collections::BTreeMap;

use hardpan_inference::usage::{Tokens, UsageSource};
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::Sha256;

use super::chain::hex;

/// One request from head to end. The writer adds `prev_hash` and `hash`. The fields are written in this
/// order.
///
/// Names of tools, stop reasons and request metadata come from callers and models, hence no `Debug`.
#[derive(Serialize, Default)]
pub struct AuditRecord {
    pub request_id: String,
    pub aws_request_id: Option<String>,
    /// Of the trace the request belongs to, in hex.
    pub trace_id: Option<String>,
    /// RFC 3339, UTC.
    pub time: String,
    /// `None` when the caller was not verified.
    pub principal: Option<AuditPrincipal>,
    pub feature: Option<String>,
    pub prompt_version: Option<String>,
    /// By the name its SDK client has.
    pub service: Option<&'static str>,
    pub operation: Option<&'static str>,
    /// Whether the texts of the body were read.
    pub inspected: bool,
    /// Content of the request or its answer is in S3, behind a URL or kept by the service, where nobody read it.
    pub content_elsewhere: bool,
    pub model_requested: Option<String>,
    pub model_served: Option<String>,
    /// The id without ARN and geographic prefix.
    pub model_base: Option<String>,
    pub region: Option<String>,
    pub attempts: u32,
    /// Models of a route that were called before, and did not answer. What they used and cost is in no other member.
    pub earlier_attempts: Vec<AuditAttempt>,
    /// `None` when no decision was reached.
    pub decision: Option<AuditDecision>,
    /// Count by type.
    pub findings: BTreeMap<&'static str, u64>,
    /// The same of the answer, where answers are read.
    pub answer_findings: BTreeMap<&'static str, u64>,
    pub redactions: u64,
    /// `None` where nothing is shared.
    pub shared_values: Option<AuditSharedValues>,
    pub injection_score: Option<f32>,
    /// Where policy was asked about the answer.
    pub answer_injection_score: Option<f32>,
    pub guardrail_action: Option<&'static str>,
    /// `None` where no guardrail said what it counted.
    pub guardrail_units: Option<u64>,
    pub agent_tools_called: Vec<String>,
    pub tools_denied: Vec<String>,
    /// What people were asked about, and what they said.
    pub approvals: Vec<AuditApproval>,
    pub retrieved_documents: u64,
    pub cache: AuditCache,
    pub input_tokens: Tokens,
    pub output_tokens: Tokens,
    pub cache_read_tokens: Tokens,
    pub cache_write_tokens: AuditCacheWrites,
    pub usage_source: UsageSource,
    /// `counted` by CountTokens or `estimated`, before the call, as it was reserved. `None` where nothing was.
    pub input_basis: Option<&'static str>,
    /// The tier the answer says was used.
    pub service_tier: Option<String>,
    /// Decimal dollars as text, exact. `None` when there is no price: not the same as free.
    pub estimated_cost_usd: Option<String>,
    pub cost_breakdown: Option<AuditCost>,
    /// `reported`, `estimated`, `valued` or `endpoint_share`: whether what was used was counted by the service or
    /// estimated, was paid for ahead, or is a share of an endpoint's hour.
    pub cost_basis: Option<&'static str>,
    /// Where the price holds: `in_region`, `region:NAME`, `geo:PREFIX` or `global`.
    pub price_scope: Option<String>,
    pub price_as_of: Option<String>,
    /// The part without a price, which leaves the cost unknown.
    pub unpriced: Option<&'static str>,
    pub latency_ms: u64,
    pub time_to_first_token_ms: Option<u64>,
    /// Microseconds by stage.
    pub overhead_us: BTreeMap<&'static str, u64>,
    pub stop_reason: Option<String>,
    pub status: u16,
    pub error: Option<String>,
    /// Always `None`: feedback comes later, as records of its own.
    pub user_feedback: Option<String>,
}

/// What a user thought of an answer: a record of its own kind, joined to the request's by its id.
///
/// The comment is content, hence no `Debug`.
#[derive(Serialize, Default)]
pub struct FeedbackRecord {
    /// The request it is about.
    pub request_id: String,
    pub kind: FeedbackKind,
    pub feedback_id: String,
    /// RFC 3339, UTC.
    pub time: String,
    pub principal: AuditPrincipal,
    /// From -1 to 1.
    pub score: f64,
    pub label: Option<String>,
    pub comment_bytes: u64,
    /// Count by type of what was found in the comment.
    pub comment_findings: BTreeMap<&'static str, u64>,
    /// Masked. `None` where policy did not ask for the request's content.
    pub comment: Option<String>,
}

/// Always `feedback`: what tells these records from those of requests.
#[derive(Serialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum FeedbackKind {
    #[default]
    Feedback,
}

#[derive(Serialize, Default)]
pub struct AuditPrincipal {
    pub app: String,
    pub team: String,
    /// See [`user_id_hash`].
    pub user_id_hash: Option<String>,
    /// The period whose salt the hash was made with: hashes of two periods cannot be compared. `None` where the salt
    /// does not change.
    pub user_id_epoch: Option<u64>,
}

#[derive(Serialize, Default)]
pub struct AuditDecision {
    /// What the caller was told.
    pub id: String,
    pub action: &'static str,
    pub rules: Vec<String>,
    pub reasons: Vec<String>,
    pub warnings: Vec<String>,
    pub bundle_revision: Option<String>,
    /// Rules that would have acted, were they enforced.
    pub shadow: Vec<String>,
}

/// What the request had to do with values that its conversation shares: counts, and why a store was of no use.
#[derive(Serialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditSharedValues {
    /// Shared by former requests.
    pub loaded: u64,
    /// Held by the store under this conversation and not sealed for it.
    pub unopened: u64,
    /// Shared by this request.
    pub kept: u64,
    pub not_kept: u64,
    /// `away`, `timeout`, `overloaded`, `refused` or `paused`.
    pub load_error: Option<&'static str>,
    pub keep_error: Option<&'static str>,
}

#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
pub struct AuditApproval {
    pub id: String,
    /// The question it is about.
    pub action: String,
    /// `pending`, `granted`, `denied` or `expired` as a request met it; `approved` or `denied` where somebody decided.
    pub state: &'static str,
    /// Who decided, as configured. `None` in the record of a request.
    pub by: Option<String>,
}

#[derive(Serialize)]
pub struct AuditCache {
    /// `exact`, `semantic`, `miss` or `bypass`.
    pub result: &'static str,
    pub similarity: Option<f32>,
}

impl Default for AuditCache {
    fn default() -> Self {
        Self { result: "bypass", similarity: None }
    }
}

#[derive(Serialize, Default)]
pub struct AuditCacheWrites {
    #[serde(rename = "5m")]
    pub for_5m: Tokens,
    #[serde(rename = "1h")]
    pub for_1h: Tokens,
}

/// A call to a model of a route after which another was called. The members are named as the record's own.
#[derive(Serialize, Default)]
pub struct AuditAttempt {
    pub model: String,
    pub model_base: Option<String>,
    pub aws_request_id: Option<String>,
    pub attempts: u32,
    /// 0 where no answer came.
    pub status: u16,
    pub error: Option<String>,
    pub input_tokens: Tokens,
    pub output_tokens: Tokens,
    pub usage_source: UsageSource,
    pub input_basis: Option<&'static str>,
    pub estimated_cost_usd: Option<String>,
    pub cost_breakdown: Option<AuditCost>,
    pub cost_basis: Option<&'static str>,
    pub unpriced: Option<&'static str>,
}

/// Decimal dollars as text, like the total.
#[derive(Serialize, Default)]
pub struct AuditCost {
    pub input: String,
    pub output: String,
    pub cache_read: String,
    pub cache_write: String,
    pub guardrail: String,
    /// Speech, pictures and queries.
    pub other: String,
}

/// The same user under the same salt gives the same 32 hex digits; without the salt they tell nothing, not
/// even by trying out names.
pub fn user_id_hash(salt: &[u8], user: &str) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(salt).expect("HMAC takes keys of every length");
    mac.update(user.as_bytes());
    let full: [u8; 32] = mac.finalize().into_bytes().into();
    let (half, _) = full.split_at(16);
    hex(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_every_field_in_the_documented_order() {
        let written: serde_json::Value = serde_json::to_value(AuditRecord {
            principal: Some(AuditPrincipal::default()),
            decision: Some(AuditDecision::default()),
            cost_breakdown: Some(AuditCost::default()),
            earlier_attempts: vec![AuditAttempt::default()],
            shared_values: Some(AuditSharedValues::default()),
            ..AuditRecord::default()
        })
        .unwrap();
        let keys = |value: &serde_json::Value| -> Vec<String> {
            value.as_object().unwrap().keys().cloned().collect()
        };
        assert_eq!(
            keys(&written).join(" "),
            "request_id aws_request_id trace_id time principal feature prompt_version service operation \
             inspected content_elsewhere model_requested model_served model_base region attempts earlier_attempts decision findings answer_findings redactions shared_values injection_score answer_injection_score guardrail_action \
             guardrail_units agent_tools_called tools_denied approvals retrieved_documents cache input_tokens \
             output_tokens cache_read_tokens cache_write_tokens usage_source input_basis service_tier estimated_cost_usd \
             cost_breakdown cost_basis price_scope price_as_of unpriced latency_ms time_to_first_token_ms overhead_us stop_reason status \
             error user_feedback"
        );
        for (member, expected) in [
            ("principal", "app team user_id_hash user_id_epoch"),
            ("decision", "id action rules reasons warnings bundle_revision shadow"),
            ("shared_values", "loaded unopened kept not_kept load_error keep_error"),
            ("cache", "result similarity"),
            ("cache_write_tokens", "5m 1h"),
            ("cost_breakdown", "input output cache_read cache_write guardrail other"),
        ] {
            assert_eq!(keys(&written[member]).join(" "), expected, "{member}");
        }
        assert_eq!(
            keys(&written["earlier_attempts"][0]).join(" "),
            "model model_base aws_request_id attempts status error input_tokens output_tokens usage_source \
             input_basis estimated_cost_usd cost_breakdown cost_basis unpriced"
        );
    }

    #[test]
    fn what_does_not_apply_is_null() {
        let written = serde_json::to_value(AuditRecord::default()).unwrap();
        for member in ["principal", "decision", "estimated_cost_usd", "time_to_first_token_ms", "error"] {
            assert!(written[member].is_null(), "{member}");
        }
        assert_eq!(written["usage_source"], "none");
        assert_eq!(written["cache"]["result"], "bypass");
    }

    #[test]
    fn a_user_hash_depends_on_user_and_salt() {
        let hash = user_id_hash(b"salt", "anna");
        assert_eq!(hash.len(), 32);
        assert!(hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(hash, user_id_hash(b"salt", "anna"));
        for (salt, user) in [("salt", "bob"), ("pepper", "anna"), ("", "anna"), ("salt", "")] {
            assert_ne!(hash, user_id_hash(salt.as_bytes(), user));
        }
    }

    #[test]
    fn a_user_hash_is_hmac_sha256() {
        // RFC 4231, test case 2, first half.
        assert_eq!(user_id_hash(b"Jefe", "what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c7");
    }
}
