//! What comes back from a question: verdict, the reasons with their place, and what must be done on the way.
//!
//! Messages are written by policy authors and may repeat what a rule read, so types that hold them keep them
//! out of `Debug`. How a decision becomes an HTTP answer is the proxy's business.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use hardpan_inference::codec::{Parameter, ParameterRange, RetrievalLimit};
use hardpan_inference::finding::{PiiType, RedactMode, RedactPlace};
use hardpan_inference::request::GuardrailRef;

use crate::evaluate::Mode;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Allow,
    Deny,
}

impl Verdict {
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Allow => "allow",
            Verdict::Deny => "deny",
        }
    }
}

/// Who wrote a rule, outermost first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    Org,
    Team,
    App,
}

impl Layer {
    pub fn name(self) -> &'static str {
        match self {
            Layer::Org => "org",
            Layer::Team => "team",
            Layer::App => "app",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub enum Severity {
    Low,
    #[default]
    Medium,
    High,
    Critical,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Severity> {
        [Severity::Low, Severity::Medium, Severity::High, Severity::Critical]
            .into_iter()
            .find(|severity| severity.name() == name)
    }
}

/// The answer to one question.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// A ULID, unique also where the answer was remembered.
    pub id: String,
    /// The name of an [`Action`](crate::input::Action).
    pub action: &'static str,
    pub verdict: Verdict,
    /// Why it is denied; empty when it is allowed.
    pub reasons: Vec<Reason>,
    pub allowed_by: Vec<Grant>,
    pub warnings: Vec<Reason>,
    /// What would have been a reason, were the mode not `shadow`.
    pub shadow: Vec<Reason>,
    pub obligations: Obligations,
    /// The rules could not be evaluated. Always a denial unless the mode is `shadow`; the fault is ours, not
    /// the caller's.
    pub error: Option<EvaluationError>,
    pub mode: Mode,
    /// The bundle's digest.
    pub revision: Arc<str>,
    /// Whether an earlier evaluation of the same facts was reused.
    pub remembered: bool,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Reason {
    pub code: String,
    /// For the caller.
    pub message: String,
    pub severity: Severity,
    pub package: String,
    pub layer: Layer,
    /// `org/models.rego:12`, where it is certain which rule spoke.
    pub at: Option<String>,
}

impl fmt::Debug for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Reason")
            .field("code", &self.code)
            .field("severity", &self.severity)
            .field("package", &self.package)
            .field("layer", &self.layer)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// A rule that allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub layer: Layer,
    pub code: String,
    pub package: String,
}

/// What the proxy must do if the request goes on. Everything here only tightens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Obligations {
    /// People who have to let it go on.
    pub approval: Option<ApprovalRule>,
    pub max_tokens: Option<u64>,
    pub redact: Option<Redact>,
    pub guardrail: Option<GuardrailRef>,
    /// A caller that names another guardrail than this one is refused, rather than given this one in its place.
    pub refuse_other_guardrail: bool,
    pub params: BTreeMap<Parameter, ParameterRange>,
    /// What holds for the searches of the knowledge base the question was about.
    pub retrieval: RetrievalLimit,
    /// Limits beside the configured ones.
    pub quotas: BTreeMap<QuotaKey, u64>,
    pub route: Option<Route>,
    pub cache: CacheRule,
    pub drop_tools: BTreeSet<String>,
    pub tags: BTreeMap<String, String>,
    /// Headers of the answer, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// What the conversation is marked with from now on.
    pub labels: BTreeSet<String>,
    /// For the whole request, from its first byte to the answer's last.
    pub timeout_ms: Option<u64>,
    /// How much content the record may hold; absent means the proxy's own default.
    pub log_content: Option<LogContent>,
}

/// A request or a call goes on once people have approved it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ApprovalRule {
    /// Groups, each of which has to approve.
    pub approvers: BTreeSet<String>,
    /// What rules say to those who approve.
    pub reasons: BTreeSet<String>,
    /// How long it can be approved, and the approval be used.
    pub ttl_s: Option<u64>,
    /// How long the caller is kept waiting for it.
    pub wait_s: Option<u64>,
}

impl fmt::Debug for ApprovalRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ApprovalRule")
            .field("approvers", &self.approvers)
            .field("ttl_s", &self.ttl_s)
            .field("wait_s", &self.wait_s)
            .finish_non_exhaustive()
    }
}

/// The model that answers in place of the one that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub model: String,
    /// Tried in order where a model before them does not answer.
    pub fallback: Vec<String>,
}

impl Route {
    pub fn candidates(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.model).chain(&self.fallback).map(String::as_str)
    }
}

/// What a limit of policy's own counts. Requests whose limits have equal keys share a counter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuotaKey {
    pub key: String,
    pub unit: QuotaUnit,
    pub window: QuotaWindow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum QuotaUnit {
    Requests,
    Tokens,
    /// Written in dollars, counted in billionths.
    NanoUsd,
}

impl QuotaUnit {
    pub fn name(self) -> &'static str {
        match self {
            QuotaUnit::Requests => "requests",
            QuotaUnit::Tokens => "tokens",
            QuotaUnit::NanoUsd => "nano_usd",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<QuotaUnit> {
        match name {
            "requests" => Some(QuotaUnit::Requests),
            "tokens" => Some(QuotaUnit::Tokens),
            "usd" => Some(QuotaUnit::NanoUsd),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum QuotaWindow {
    Minute,
    Hour,
    Day,
    Month,
    Total,
}

impl QuotaWindow {
    pub fn name(self) -> &'static str {
        match self {
            QuotaWindow::Minute => "minute",
            QuotaWindow::Hour => "hour",
            QuotaWindow::Day => "day",
            QuotaWindow::Month => "month",
            QuotaWindow::Total => "total",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<QuotaWindow> {
        match name {
            "minute" => Some(QuotaWindow::Minute),
            "hour" => Some(QuotaWindow::Hour),
            "day" => Some(QuotaWindow::Day),
            "month" => Some(QuotaWindow::Month),
            "total" => Some(QuotaWindow::Total),
            _ => None,
        }
    }
}

/// Two decisions about one request pick different values for something only one of can be had. Names what it
/// is, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the decisions about this request do not agree on {what}")]
pub struct Conflict {
    pub what: String,
}

/// What becomes of the values that are found, by type and place. Where rules differ the strictest holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Redact {
    /// By place and type, in the order both are declared in.
    modes: [[Option<RedactMode>; TYPES]; PLACES.len()],
    /// Types whose values do not come back.
    withheld: [bool; TYPES],
}

const TYPES: usize = PiiType::COUNT;
const PLACES: [RedactPlace; 3] = [RedactPlace::Request, RedactPlace::Response, RedactPlace::Tool];

impl Redact {
    /// One mode for some types in some places.
    pub fn new(
        kinds: impl IntoIterator<Item = PiiType>,
        places: &[RedactPlace],
        mode: RedactMode,
        restore: bool,
    ) -> Self {
        let mut redact = Self { modes: [[None; TYPES]; PLACES.len()], withheld: [false; TYPES] };
        for kind in kinds {
            for place in places {
                let row = redact.modes.get_mut(*place as usize);
                row.and_then(|row| row.get_mut(kind.index())).into_iter().for_each(|own| *own = Some(mode));
            }
            redact.withheld.get_mut(kind.index()).into_iter().for_each(|own| *own = !restore);
        }
        redact
    }

    /// How values of a type are hidden in a place; None where they stay. A tool result on its way to the model is in
    /// two places, and the stricter mode holds.
    pub fn mode(&self, place: RedactPlace, kind: PiiType) -> Option<RedactMode> {
        *self.modes.get(place as usize)?.get(kind.index())?
    }

    /// Whether an answer gets values of this type back, where their mode permits it.
    pub fn restores(&self, kind: PiiType) -> bool {
        !self.withheld.get(kind.index()).copied().unwrap_or(true)
    }

    /// Whether anything is hidden in a place.
    pub fn any(&self, place: RedactPlace) -> bool {
        self.modes.get(place as usize).is_some_and(|row| row.iter().any(Option::is_some))
    }

    /// The stricter of both everywhere.
    pub(crate) fn and(mut self, other: &Redact) -> Self {
        for (own, others) in self.modes.iter_mut().flatten().zip(other.modes.iter().flatten()) {
            // No mode is less than any.
            *own = (*own).max(*others);
        }
        for (own, others) in self.withheld.iter_mut().zip(other.withheld) {
            *own |= others;
        }
        self
    }
}

/// By place the types that are hidden, and how: a table with every empty field in it says nothing.
impl fmt::Debug for Redact {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |place: RedactPlace| {
            PiiType::every().filter_map(move |kind| {
                Some((place, kind.name(), self.mode(place, kind)?, self.restores(kind)))
            })
        };
        formatter.debug_list().entries(PLACES.into_iter().flat_map(hidden)).finish()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CacheRule {
    /// No rule spoke of the cache: it is not used.
    #[default]
    Absent,
    /// A rule forbade it.
    Off,
    On {
        scope: CacheScope,
        ttl_s: u64,
    },
}

/// Who may be given a cached answer, narrowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CacheScope {
    User,
    App,
    Team,
    Org,
}

impl CacheScope {
    pub fn name(self) -> &'static str {
        match self {
            CacheScope::User => "user",
            CacheScope::App => "app",
            CacheScope::Team => "team",
            CacheScope::Org => "org",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<CacheScope> {
        [CacheScope::User, CacheScope::App, CacheScope::Team, CacheScope::Org]
            .into_iter()
            .find(|scope| scope.name() == name)
    }
}

/// How much text a record may hold, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogContent {
    None,
    Redacted,
    Full,
}

impl LogContent {
    pub fn name(self) -> &'static str {
        match self {
            LogContent::None => "none",
            LogContent::Redacted => "redacted",
            LogContent::Full => "full",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<LogContent> {
        [LogContent::None, LogContent::Redacted, LogContent::Full]
            .into_iter()
            .find(|content| content.name() == name)
    }
}

/// Why there is no proper answer. The engine's own words are left out, because they can quote the input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    #[error("{rule}: {why}{}", near(.at.as_deref()))]
    PolicyError { rule: String, why: &'static str, at: Option<String> },
    #[error("{rule}: the evaluation ran over its limit twice")]
    Timeout { rule: String },
}

fn near(at: Option<&str>) -> String {
    at.map_or_else(String::new, |at| format!(" at {at}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_holds_no_message() {
        let reason = Reason {
            code: "no_card".into(),
            message: "4111 1111 1111 1111".into(),
            severity: Severity::High,
            package: "policy.org.x".into(),
            layer: Layer::Org,
            at: None,
        };
        let shown = format!("{reason:?}");
        assert!(shown.contains("no_card") && !shown.contains("4111"));
    }

    #[test]
    fn every_type_and_place_has_a_field_of_its_own() {
        for (index, kind) in PiiType::every().enumerate() {
            assert_eq!(kind.index(), index);
        }
        for (index, place) in PLACES.into_iter().enumerate() {
            assert_eq!(place as usize, index);
        }
        for kind in PiiType::ALL {
            for place in PLACES {
                let redact = Redact::new([*kind], &[place], RedactMode::Hash, false);
                assert_eq!(format!("{redact:?}"), format!("[({place:?}, {:?}, Hash, false)]", kind.name()));
            }
        }
    }

    #[test]
    fn the_strictest_mode_holds_by_type_and_place() {
        let (email, phone) = (PiiType::Email, PiiType::Phone);
        let (request, tool) = (RedactPlace::Request, RedactPlace::Tool);
        let order = [
            RedactMode::Mask,
            RedactMode::Fake,
            RedactMode::Hash,
            RedactMode::Token,
            RedactMode::Label,
            RedactMode::Drop,
        ];
        assert!(order.is_sorted());
        for (weak, weaker) in order.iter().enumerate() {
            for (strong, stronger) in order.iter().enumerate() {
                let one = Redact::new([email], &[request], *weaker, true);
                let two = Redact::new([email, phone], &[request, tool], *stronger, true);
                let both = one.clone().and(&two);
                assert_eq!(both, two.clone().and(&one));
                assert_eq!(both, both.clone().and(&both));
                assert_eq!(both.mode(request, email), order.get(weak.max(strong)).copied());
                assert_eq!(both.mode(tool, email), Some(*stronger));
                assert_eq!(both.mode(RedactPlace::Response, email), None);
            }
        }
        let kept = Redact::new([email], &[request], RedactMode::Mask, false);
        let back = Redact::new([email, phone], &[request], RedactMode::Mask, true);
        let both = back.and(&kept);
        assert!(!both.restores(email) && both.restores(phone) && both.any(request) && !both.any(tool));
    }

    #[test]
    fn orders_put_the_tighter_value_first() {
        assert!(
            CacheScope::User < CacheScope::Org
                && LogContent::None < LogContent::Full
                && Layer::Org < Layer::App
        );
    }
}
