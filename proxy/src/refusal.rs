//! Every way a request can be turned away, and the one place that says what the caller is told.
//!
//! The caller reads a typed AWS error with a short message; the operator reads the code in metrics and record. No
//! message repeats a byte of the request beyond a position in it.

use std::time::Duration;

use hardpan_aws::bearer::BearerError;
use hardpan_aws::error::ErrorType;
use hardpan_aws::event_signing::ChainError;
use hardpan_aws::verifier::VerifyError;
use hardpan_inference::codec::RequestError;
use hardpan_inference::edit::ConflictingEdits;
use hardpan_inference::operation::RouteError;
use hardpan_inference::stream::event_stream::FrameError;
use hardpan_quotas::QuotaExceeded;

use crate::downstream::BodyError;
use crate::identity::TokenError;
use crate::upstream::UpstreamError;

/// A policy's refusal, as the caller may read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    pub code: String,
    pub message: String,
    pub decision_id: String,
}

/// What a caller is told of an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalNotice {
    pub id: String,
    /// Where approvers find it, as configured.
    pub url: Option<String>,
    pub decision_id: String,
}

impl ApprovalNotice {
    /// `what` waits: the request, or a call.
    pub fn required(&self, what: &str) -> String {
        let at = self.url.as_ref().map(|url| format!(" at {url}")).unwrap_or_default();
        format!(
            "[approval_required] {what} waits for people to approve it: approval {}{at}. Send the same request again \
             once it is approved (decision {}).",
            self.id, self.decision_id
        )
    }

    pub fn denied(&self, what: &str) -> String {
        format!(
            "[approval_denied] {what} was not approved: approval {} (decision {}).",
            self.id, self.decision_id
        )
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("the request head is malformed")]
    Head,
    #[error("the request has both Content-Length and Transfer-Encoding")]
    Framing,
    #[error("the request body is compressed")]
    ContentEncoding,
    #[error(transparent)]
    Route(#[from] RouteError),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("too many requests are in flight")]
    Overloaded,
    #[error(transparent)]
    Signature(#[from] VerifyError),
    #[error("the access key is not one Hardpan issued")]
    UnknownKey,
    #[error("the short-lived access key has expired")]
    ExpiredKey,
    #[error(transparent)]
    Bearer(#[from] BearerError),
    #[error("the token was refused: {0}")]
    Token(#[from] TokenError),
    #[error("the signature was used before")]
    Replayed,
    #[error("too many signatures are remembered to tell whether this one was used before")]
    ReplaysUnknown,
    #[error("the request shows two credentials that do not agree")]
    ConflictingCredentials,
    #[error("the path prefix is for another app or service")]
    PrefixMismatch,
    #[error("the client certificate is not one of an app")]
    Unidentified,
    #[error("the request is signed for another service or Region")]
    SignedScope,
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("policy refused: {}", .0.code)]
    Policy(Denial),
    #[error("policy could not decide")]
    PolicyUnavailable { decision_id: String },
    #[error("the obligation {obligation} cannot be carried out on this body")]
    Unenforceable { obligation: &'static str },
    #[error("approval {} is needed", .0.id)]
    ApprovalRequired(Box<ApprovalNotice>),
    #[error("approval {} was denied", .0.id)]
    ApprovalDenied(Box<ApprovalNotice>),
    #[error("approvals cannot be kept")]
    ApprovalsUnavailable,
    #[error("the caller left before anything was sent")]
    CallerLeft,
    #[error("quota {} is used up", .0.name_told())]
    Quota(QuotaExceeded),
    #[error("what the request replaced by tokens could not be shared")]
    SharedValuesUnavailable,
    #[error("AWS would not count the input's tokens")]
    InputUncountable,
    #[error("the input's tokens could not be counted")]
    InputUncounted,
    #[error("the model's id hides which model it is")]
    HiddenModel,
    #[error("the control plane did not say which model it is")]
    ModelLookup,
    #[error("the body names no model")]
    NoModel,
    #[error("the body is neither JSON nor text")]
    OpaqueBody,
    #[error("only a signed stream of events can be verified")]
    UnsignedEvents,
    #[error(transparent)]
    EventSignature(ChainError),
    #[error("an event of the conversation could not be understood")]
    UnknownEvent,
    #[error("the model has no price")]
    UnpricedModel,
    #[error(transparent)]
    Edits(#[from] ConflictingEdits),
    #[error("no AWS credentials are at hand")]
    Credentials,
    #[error("the request could not be signed")]
    Signing,
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    #[error("the upstream's answer is longer than {bytes_max} bytes")]
    AnswerTooLarge { bytes_max: usize },
    #[error("the upstream's answer could not be read")]
    AnswerMalformed,
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("the stream ended before its last event")]
    StreamIncomplete,
    #[error("a tool call in the stream is longer than {bytes_max} bytes")]
    HeldTooMuch { bytes_max: usize },
    #[error("the feedback was refused: {0}")]
    FeedbackMalformed(&'static str),
    #[error("no request of the caller has the id, or it was too long ago")]
    FeedbackUnknown,
    #[error("feedback on the request was given too often")]
    FeedbackRepeated,
    #[error("records cannot be written")]
    RecordsUnavailable,
    #[error("an internal error")]
    Panicked,
}

/// Whose doing a refusal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    Client,
    Upstream,
    Hardpan,
}

/// What the caller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub error: ErrorType,
    pub message: String,
    /// When to come back.
    pub retry_after: Option<Duration>,
    /// False tells SDKs that know the header not to try again by themselves.
    pub should_retry: Option<bool>,
}

/// The longest wait SDKs take on themselves; beyond it they are told not to retry.
const SDK_WAIT_MAX: Duration = Duration::from_secs(5);

impl Refusal {
    pub fn answer(&self) -> Answer {
        use ErrorType as E;
        match self {
            Refusal::Head => says(E::Validation, "The request head is malformed."),
            Refusal::Framing => says(
                E::Validation,
                "The request carries both Content-Length and Transfer-Encoding. Send one of them.",
            ),
            Refusal::ContentEncoding => says(
                E::Validation,
                "The request body is compressed (Content-Encoding). Hardpan reads only identity-encoded bodies.",
            ),
            Refusal::Route(RouteError::Ungoverned { operation }) => says(
                E::AccessDenied,
                format!(
                    "Operation {operation} is not governed by this Hardpan and is refused by default. Point the client \
                     of other operations (AWS_ENDPOINT_URL_<SERVICE>) at AWS, or use a governed operation; \
                     docs/COVERAGE.md lists them."
                ),
            ),
            Refusal::Route(RouteError::Scope) => Refusal::SignedScope.answer(),
            Refusal::Route(error) => says(E::Validation, format!("The request was refused: {error}.")),
            Refusal::Body(error) => says(E::Validation, format!("The request body was refused: {error}.")),
            Refusal::Overloaded => {
                later(E::ServiceUnavailable, "Hardpan has reached its limit of requests in flight.", 1000)
            }
            Refusal::Signature(VerifyError::Missing) => {
                says(E::MissingAuthenticationToken, "Missing Authentication Token")
            }
            Refusal::Signature(
                VerifyError::Malformed | VerifyError::Presigned | VerifyError::AbsentHeader,
            ) => says(
                E::IncompleteSignature,
                "The request's signature is incomplete or not header-based SigV4.",
            ),
            Refusal::Signature(VerifyError::Expired | VerifyError::Date) => {
                says(E::RequestExpired, "The request's date is missing, inconsistent or too far from now.")
            }
            Refusal::Signature(error @ VerifyError::UnsignedHeader) => {
                says(E::InvalidSignature, format!("The signature was refused: {error}."))
            }
            Refusal::Signature(VerifyError::PayloadHash | VerifyError::Mismatch) => says(
                E::InvalidSignature,
                "The request signature we calculated does not match the signature you provided. Check the secret \
                 access key issued by Hardpan and the signing method.",
            ),
            Refusal::UnknownKey => {
                says(E::UnrecognizedClient, "The access key id is not one this Hardpan issued.")
            }
            Refusal::ExpiredKey => says(
                E::ExpiredToken,
                "The access key has expired. Fetch new ones from the credentials endpoint.",
            ),
            Refusal::Bearer(error) => {
                says(E::UnrecognizedClient, format!("The API key was refused: {error}."))
            }
            Refusal::Token(error) => says(E::UnrecognizedClient, format!("The token was refused: {error}.")),
            Refusal::Replayed => {
                says(E::InvalidSignature, "The request's signature was used before. Sign each request anew.")
            }
            Refusal::ReplaysUnknown => {
                later(E::ServiceUnavailable, "Hardpan has reached its limit of remembered signatures.", 1000)
            }
            Refusal::ConflictingCredentials => says(
                E::InvalidSignature,
                "The request shows two credentials, or one of another app than its client certificate. Show one.",
            ),
            Refusal::PrefixMismatch => {
                says(E::AccessDenied, "The path prefix of the endpoint URL is for another app or service.")
            }
            Refusal::Unidentified => says(
                E::MissingAuthenticationToken,
                "The client certificate is not one of an app, and the request shows nothing else.",
            ),
            Refusal::SignedScope => says(
                E::InvalidSignature,
                "The credential scope names a service or Region this Hardpan does not serve.",
            ),
            Refusal::Request(error) => says(E::Validation, format!("The request body was refused: {error}.")),
            Refusal::Policy(denial) => says(
                E::AccessDenied,
                format!("[{}] {} (decision {})", denial.code, denial.message, denial.decision_id),
            ),
            Refusal::PolicyUnavailable { decision_id } => later(
                E::ServiceUnavailable,
                &format!(
                    "Policy could not decide, so the request was not forwarded (decision {decision_id})."
                ),
                1000,
            ),
            Refusal::Unenforceable { obligation } => says(
                E::AccessDenied,
                format!(
                    "Policy sets {obligation} for this request, and this body would not keep to it: use Converse, name \
                     a token limit in the body, and leave guardContent and guardrail settings out."
                ),
            ),
            Refusal::ApprovalRequired(notice) => {
                Answer { should_retry: Some(false), ..says(E::AccessDenied, notice.required("The request")) }
            }
            Refusal::ApprovalDenied(notice) => says(E::AccessDenied, notice.denied("The request")),
            Refusal::ApprovalsUnavailable => {
                later(E::ServiceUnavailable, "Hardpan cannot keep approvals at the moment.", 5000)
            }
            Refusal::CallerLeft => says(E::Validation, "The caller has left."),
            Refusal::Quota(exceeded) if exceeded.gone => later(
                E::ServiceUnavailable,
                "How much is left of this Hardpan's limits is not known at the moment.",
                exceeded.retry_after_ms.unwrap_or(1000),
            ),
            Refusal::Quota(exceeded) if exceeded.hard => says(
                E::ServiceQuotaExceeded,
                format!(
                    "The budget {} ({}) does not cover this request.",
                    exceeded.limit,
                    exceeded.window.name()
                ),
            ),
            Refusal::Quota(exceeded) => later(
                E::Throttling,
                &format!("The limit {} is reached for this {}.", exceeded.limit, exceeded.window.name()),
                exceeded.retry_after_ms.unwrap_or(1000),
            ),
            Refusal::SharedValuesUnavailable => later(
                E::ServiceUnavailable,
                "Hardpan cannot share the values it masked at the moment, and by its configuration a request whose values \
                 are not shared is not forwarded.",
                1000,
            ),
            Refusal::InputUncountable => says(
                E::Validation,
                "The tokens of this input cannot be counted, and by this Hardpan's configuration a request has to be \
                 counted where it takes much of what a limit leaves.",
            ),
            Refusal::InputUncounted => later(
                E::ServiceUnavailable,
                "The tokens of the input could not be counted at the moment.",
                1000,
            ),
            Refusal::HiddenModel => says(
                E::AccessDenied,
                "The id does not say which model is called, and neither the control plane nor models.map of Hardpan's \
                 configuration does.",
            ),
            Refusal::ModelLookup => later(
                E::ServiceUnavailable,
                "The control plane could not be asked which model is called.",
                1000,
            ),
            Refusal::NoModel => says(E::Validation, "The request body names no model."),
            Refusal::OpaqueBody => says(
                E::AccessDenied,
                "The request body is neither JSON nor text, and Hardpan is not configured to pass such bodies to this \
                 endpoint (endpoints[].opaque_body).",
            ),
            Refusal::UnsignedEvents => says(
                E::InvalidSignature,
                "A conversation is verified event by event: sign it with SigV4 by a key this Hardpan issued.",
            ),
            Refusal::EventSignature(error) => says(E::Validation, format!("The event was refused: {error}.")),
            Refusal::UnknownEvent => {
                says(E::Validation, "An event of the conversation could not be understood.")
            }
            Refusal::UnpricedModel => says(
                E::AccessDenied,
                "The model has no price in the price book and is refused by configuration.",
            ),
            Refusal::Edits(_) | Refusal::Signing | Refusal::Panicked => {
                says(E::InternalServer, "Hardpan could not process the request.")
            }
            Refusal::Credentials => {
                later(E::ServiceUnavailable, "Hardpan has no AWS credentials at the moment.", 1000)
            }
            Refusal::Upstream(UpstreamError::Timeout) => Answer {
                should_retry: Some(false),
                ..says(E::ModelTimeout, "The model did not answer in time.")
            },
            Refusal::Upstream(
                UpstreamError::Resolve
                | UpstreamError::Connect
                | UpstreamError::Unsent
                | UpstreamError::Broken,
            ) => later(E::ServiceUnavailable, "The model service could not be reached.", 1000),
            Refusal::AnswerTooLarge { .. } | Refusal::AnswerMalformed => {
                says(E::ServiceUnavailable, "The model service's answer could not be read and was withheld.")
            }
            Refusal::Frame(_) | Refusal::StreamIncomplete => {
                says(E::ServiceUnavailable, "The model service's stream was damaged and was cut off.")
            }
            Refusal::HeldTooMuch { .. } => {
                says(E::Validation, "A tool call was too long to be checked and the stream was cut off.")
            }
            Refusal::FeedbackMalformed(what) => {
                says(E::Validation, format!("The feedback was refused: {what}."))
            }
            Refusal::FeedbackUnknown => says(
                E::ResourceNotFound,
                "No request of yours has this id, or it is too long ago for feedback.",
            ),
            Refusal::FeedbackRepeated => {
                says(E::Conflict, "Feedback on this request was given as often as it may be.")
            }
            Refusal::RecordsUnavailable => {
                later(E::ServiceUnavailable, "Hardpan cannot write its records and refuses requests.", 5000)
            }
        }
    }

    /// The label of metrics and records: from a closed set.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Head => "malformed_head",
            Refusal::Framing => "ambiguous_framing",
            Refusal::ContentEncoding => "compressed_body",
            Refusal::Route(RouteError::Ungoverned { .. }) => "operation_not_governed",
            Refusal::Route(RouteError::Scope) => "scope_refused",
            Refusal::Route(_) => "invalid_path",
            Refusal::Body(BodyError::TooLarge { .. }) => "body_too_large",
            Refusal::Body(BodyError::Timeout) => "body_timeout",
            Refusal::Body(BodyError::Broken) => "body_broken",
            Refusal::Overloaded => "overloaded",
            Refusal::Signature(_) => "signature_refused",
            Refusal::UnknownKey => "unknown_key",
            Refusal::ExpiredKey => "expired_key",
            Refusal::Bearer(_) => "api_key_refused",
            Refusal::Token(_) => "token_refused",
            Refusal::Replayed => "replayed",
            Refusal::ReplaysUnknown => "replays_unknown",
            Refusal::ConflictingCredentials => "conflicting_credentials",
            Refusal::PrefixMismatch => "prefix_mismatch",
            Refusal::Unidentified => "unidentified",
            Refusal::SignedScope => "scope_refused",
            Refusal::Request(_) => "invalid_body",
            Refusal::Policy(_) => "policy_denied",
            Refusal::PolicyUnavailable { .. } => "policy_unavailable",
            Refusal::Unenforceable { .. } => "obligation_unenforceable",
            Refusal::ApprovalRequired(_) => "approval_required",
            Refusal::ApprovalDenied(_) => "approval_denied",
            Refusal::ApprovalsUnavailable => "approvals_unavailable",
            Refusal::CallerLeft => "client_left",
            Refusal::Quota(exceeded) if exceeded.gone => "quotas_unavailable",
            Refusal::Quota(exceeded) if exceeded.hard => "budget_spent",
            Refusal::Quota(_) => "rate_limited",
            Refusal::SharedValuesUnavailable => "shared_values_unavailable",
            Refusal::InputUncountable => "input_uncountable",
            Refusal::InputUncounted => "input_uncounted",
            Refusal::HiddenModel => "hidden_model",
            Refusal::ModelLookup => "model_lookup_failed",
            Refusal::NoModel => "no_model",
            Refusal::OpaqueBody => "opaque_body",
            Refusal::UnsignedEvents => "unsigned_events",
            Refusal::EventSignature(_) => "event_signature_refused",
            Refusal::UnknownEvent => "invalid_event",
            Refusal::UnpricedModel => "unpriced_model",
            Refusal::Edits(_) => "edits_conflict",
            Refusal::Credentials => "no_credentials",
            Refusal::Signing => "signing_failed",
            Refusal::Upstream(UpstreamError::Timeout) => "upstream_timeout",
            Refusal::Upstream(_) => "upstream_unreachable",
            Refusal::AnswerTooLarge { .. } => "answer_too_large",
            Refusal::AnswerMalformed => "answer_malformed",
            Refusal::Frame(_) => "stream_damaged",
            Refusal::StreamIncomplete => "stream_incomplete",
            Refusal::HeldTooMuch { .. } => "held_stream_too_long",
            Refusal::FeedbackMalformed(_) => "invalid_feedback",
            Refusal::FeedbackUnknown => "feedback_unknown",
            Refusal::FeedbackRepeated => "feedback_repeated",
            Refusal::RecordsUnavailable => "records_unavailable",
            Refusal::Panicked => "internal_error",
        }
    }

    pub fn blame(&self) -> Blame {
        match self {
            Refusal::Quota(exceeded) if exceeded.gone => Blame::Hardpan,
            Refusal::Head
            | Refusal::Framing
            | Refusal::ContentEncoding
            | Refusal::Route(_)
            | Refusal::Body(_)
            | Refusal::Signature(_)
            | Refusal::UnknownKey
            | Refusal::ExpiredKey
            | Refusal::Bearer(_)
            | Refusal::Token(_)
            | Refusal::Replayed
            | Refusal::ConflictingCredentials
            | Refusal::PrefixMismatch
            | Refusal::Unidentified
            | Refusal::SignedScope
            | Refusal::Request(_)
            | Refusal::Policy(_)
            | Refusal::Unenforceable { .. }
            | Refusal::ApprovalRequired(_)
            | Refusal::ApprovalDenied(_)
            | Refusal::CallerLeft
            | Refusal::Quota(_)
            | Refusal::InputUncountable
            | Refusal::HiddenModel
            | Refusal::NoModel
            | Refusal::OpaqueBody
            | Refusal::UnsignedEvents
            | Refusal::EventSignature(_)
            | Refusal::UnknownEvent
            | Refusal::UnpricedModel
            | Refusal::FeedbackMalformed(_)
            | Refusal::FeedbackUnknown
            | Refusal::FeedbackRepeated => Blame::Client,
            Refusal::Upstream(_)
            | Refusal::ModelLookup
            | Refusal::InputUncounted
            | Refusal::AnswerTooLarge { .. }
            | Refusal::AnswerMalformed
            | Refusal::Frame(_)
            | Refusal::StreamIncomplete
            | Refusal::HeldTooMuch { .. } => Blame::Upstream,
            Refusal::Overloaded
            | Refusal::ReplaysUnknown
            | Refusal::PolicyUnavailable { .. }
            | Refusal::ApprovalsUnavailable
            | Refusal::SharedValuesUnavailable
            | Refusal::Edits(_)
            | Refusal::Credentials
            | Refusal::Signing
            | Refusal::RecordsUnavailable
            | Refusal::Panicked => Blame::Hardpan,
        }
    }

    /// The bound that was hit, by its name in the configuration.
    pub fn bound(&self) -> Option<&'static str> {
        use hardpan_inference::json::JsonError;
        match self {
            Refusal::Body(BodyError::TooLarge { .. }) => Some("body_bytes_max"),
            Refusal::Body(BodyError::Timeout) => Some("body_timeout_ms"),
            Refusal::Request(RequestError::Json(JsonError::Depth { .. })) => Some("json_depth_max"),
            Refusal::Request(RequestError::Json(JsonError::Values { .. })) => Some("json_values_max"),
            Refusal::AnswerTooLarge { .. } => Some("answer_bytes_max"),
            Refusal::HeldTooMuch { .. } => Some("held_stream_bytes_max"),
            Refusal::ReplaysUnknown => Some("replay_signatures_max"),
            Refusal::Upstream(UpstreamError::Timeout) => Some("upstream_read_timeout_ms"),
            _ => None,
        }
    }

    /// A caller whose transport is already broken gets no answer.
    pub fn has_nobody_to_tell(&self) -> bool {
        matches!(self, Refusal::Body(BodyError::Broken) | Refusal::CallerLeft)
    }
}

fn says(error: ErrorType, message: impl Into<String>) -> Answer {
    Answer { error, message: message.into(), retry_after: None, should_retry: None }
}

fn later(error: ErrorType, message: &str, after_ms: u64) -> Answer {
    let wait = Duration::from_millis(after_ms);
    let should_retry = (wait > SDK_WAIT_MAX).then_some(false);
    Answer { retry_after: Some(wait), should_retry, ..says(error, message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts that SDK wrappers take for a context overflow, after which they trim history and call again.
    const OVERFLOW_TEXTS: [&str; 5] = [
        "input is too long for requested model",
        "exceed context limit",
        "too many total text bytes",
        "prompt is too long",
        "maximum context length",
    ];

    #[test]
    fn no_message_reads_as_a_context_overflow() {
        for refusal in [
            Refusal::Body(BodyError::TooLarge { bytes_max: 25_000_000 }),
            Refusal::HeldTooMuch { bytes_max: 1 },
            Refusal::AnswerTooLarge { bytes_max: 1 },
            Refusal::Overloaded,
        ] {
            let message = refusal.answer().message.to_lowercase();
            assert!(!OVERFLOW_TEXTS.iter().any(|text| message.contains(text)), "{message}");
        }
    }

    #[test]
    fn long_waits_tell_sdks_not_to_retry() {
        assert_eq!(later(ErrorType::Throttling, "", 60_000).should_retry, Some(false));
        assert_eq!(later(ErrorType::Throttling, "", 1_000).should_retry, None);
    }
}
