//! The two documents people see: the input a question becomes, read back from a file or a log, and the decision as
//! JSON.
//!
//! Both are stable and versioned by `v`. Nothing is decided here. An input read back is taken as it stands: only what
//! says who is asked about what has to be there, so that authors can try documents that are not complete.

use std::collections::BTreeMap;

use hardpan_inference::codec::ParameterRange;
use hardpan_inference::finding::{PiiType, RedactMode, RedactPlace};
use hardpan_inference::principal::Principal;
use regorus::Value;
use serde_json::{Map, Value as Json, json};

use crate::decision::{ApprovalRule, CacheRule, Decision, Grant, Obligations, QuotaKey, Reason, Redact};
use crate::evaluate::{Mode, PolicySet};
use crate::input::Action;

/// One input document, as tools take it.
pub const DOCUMENT_BYTES_MAX: usize = 1 << 20;

/// An input document from outside. Holds what callers sent, hence no `Debug`.
pub struct InputDocument {
    pub(crate) action: Action,
    /// Team and app alone, which choose the packages.
    pub(crate) principal: Principal,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    #[error("the input is larger than {DOCUMENT_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the input is not a JSON object")]
    NotAnObject,
    #[error("input.action must be one of {}", Action::ALL.iter().map(|action| action.name()).collect::<Vec<_>>().join(", "))]
    Action,
}

impl InputDocument {
    pub fn parse(text: &str) -> Result<InputDocument, DocumentError> {
        if text.len() > DOCUMENT_BYTES_MAX {
            return Err(DocumentError::TooLarge);
        }
        let value = Value::from_json_str(text).map_err(|_| DocumentError::NotAnObject)?;
        if !matches!(value, Value::Object(_)) {
            return Err(DocumentError::NotAnObject);
        }
        let action = text_at(&value, &["action"]).and_then(Action::from_name).ok_or(DocumentError::Action)?;
        let member = |name| text_at(&value, &["principal", name]).unwrap_or_default().to_owned();
        let principal = Principal { team: member("team"), app: member("app"), ..Principal::default() };
        Ok(InputDocument { action, principal, value })
    }

    pub fn action(&self) -> Action {
        self.action
    }

    pub fn team(&self) -> &str {
        &self.principal.team
    }

    /// When the question was asked, as it says itself.
    pub fn time_utc(&self) -> Option<&str> {
        text_at(&self.value, &["time", "utc"])
    }
}

fn text_at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    let found = path.iter().try_fold(value, |value, name| match value {
        Value::Object(members) => members.get(&Value::from(*name)),
        _ => None,
    })?;
    match found {
        Value::String(text) => Some(text.as_ref()),
        _ => None,
    }
}

impl PolicySet {
    /// Decides about a document. It has no id, because nobody was told one.
    pub fn decide_document(&self, document: &InputDocument) -> Decision {
        self.judge_document(document.action, &document.principal, &document.value)
    }

    /// What every verb of every package says, by its path: a value, or what the engine said. For comparing engines,
    /// so packages of other teams are asked too.
    pub fn verb_values(&self, document: &InputDocument) -> BTreeMap<String, Result<Json, String>> {
        let ask = |path: &str| {
            let answer = self.ask(document, path);
            let answer = answer.map(|value| match value {
                Value::Undefined => json!([]),
                value => serde_json::to_value(&value).unwrap_or(Json::Null),
            });
            (path.to_owned(), answer)
        };
        self.plans().rules.iter().map(|rule| ask(&rule.path)).collect()
    }

    fn ask(&self, document: &InputDocument, path: &str) -> Result<Value, String> {
        let mut engine = self.engine(&document.value);
        let ask = std::panic::AssertUnwindSafe(|| engine.eval_rule(path.to_owned()));
        match std::panic::catch_unwind(ask) {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err("the engine panicked".to_owned()),
        }
    }

    /// Any query over the bundle and a document, as `opa eval` answers it: a list of results, each with its
    /// expressions and bindings.
    pub fn query(&self, document: &InputDocument, query: &str) -> Result<Json, String> {
        let mut engine = self.engine(&document.value);
        let ask = std::panic::AssertUnwindSafe(|| engine.eval_query(query.to_owned(), false));
        match std::panic::catch_unwind(ask) {
            Ok(Ok(results)) => serde_json::to_value(&results).map_err(|error| error.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the engine panicked".to_owned()),
        }
    }
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Mode::Enforce => "enforce",
            Mode::Warn => "warn",
            Mode::Shadow => "shadow",
        }
    }
}

impl Decision {
    /// The decision as JSON, for logs and tools. Messages are in it, the input is not.
    pub fn document(&self) -> Json {
        let reasons = |reasons: &[Reason], effect: &str| {
            reasons.iter().map(|one| reason(one, effect)).collect::<Vec<_>>()
        };
        json!({
            "v": 1,
            "id": self.id,
            "action": self.action,
            "verdict": self.verdict.name(),
            "enforced": self.mode == Mode::Enforce,
            "mode": self.mode.name(),
            "reasons": reasons(&self.reasons, "deny"),
            "allowed_by": self.allowed_by.iter().map(grant).collect::<Vec<_>>(),
            "warnings": reasons(&self.warnings, "warn"),
            "shadow": reasons(&self.shadow, "deny"),
            "obligations": obligations(&self.obligations),
            "policy": {"digest": self.revision.as_ref()},
            "eval": {"remembered": self.remembered, "error": self.error.as_ref().map(ToString::to_string)},
        })
    }
}

fn reason(reason: &Reason, effect: &str) -> Json {
    let mut document = json!({
        "effect": effect,
        "code": reason.code,
        "msg": reason.message,
        "severity": reason.severity.name(),
        "package": reason.package,
        "layer": reason.layer.name(),
    });
    if let (Some(members), Some(at)) = (document.as_object_mut(), &reason.at) {
        members.insert("at".to_owned(), json!(at));
    }
    document
}

fn grant(grant: &Grant) -> Json {
    json!({"layer": grant.layer.name(), "code": grant.code, "package": grant.package})
}

/// By the keys of `apply`; what no rule asked for is absent.
fn obligations(obligations: &Obligations) -> Map<String, Json> {
    // Named one by one, so that a new obligation cannot be left out unseen.
    let Obligations {
        approval,
        max_tokens,
        redact,
        guardrail,
        refuse_other_guardrail,
        params,
        retrieval,
        quotas,
        route,
        cache,
        drop_tools,
        tags,
        headers,
        labels,
        timeout_ms,
        log_content,
    } = obligations;
    let cache = match cache {
        CacheRule::Absent => None,
        CacheRule::Off => Some(json!(false)),
        CacheRule::On { scope, ttl_s } => Some(json!({"scope": scope.name(), "ttl_s": ttl_s})),
    };
    let guardrail = guardrail.as_ref().map(|one| {
        let mut document = json!({"id": one.id, "version": one.version});
        if let (true, Some(members)) = (*refuse_other_guardrail, document.as_object_mut()) {
            members.insert("caller".to_owned(), json!("refuse"));
        }
        document
    });
    let params: Map<String, Json> =
        params.iter().map(|(parameter, range)| (parameter.name().to_owned(), range_of(range))).collect();
    let filters: Vec<Json> =
        retrieval.filters.iter().filter_map(|filter| serde_json::from_str(filter).ok()).collect();
    let quotas: Vec<Json> = quotas.iter().map(|(key, limit)| quota(key, *limit)).collect();
    let members = [
        ("approval", approval.as_ref().map(approval_of)),
        ("max_tokens", max_tokens.map(|tokens| json!(tokens))),
        ("redact", redact.as_ref().map(redactions)),
        ("guardrail", guardrail),
        ("params", (!params.is_empty()).then(|| json!(params))),
        ("filter", (!filters.is_empty()).then(|| json!(filters))),
        ("max_results", retrieval.results_max.map(|results| json!(results))),
        ("quota", (!quotas.is_empty()).then(|| json!(quotas))),
        ("route", route.as_ref().map(|route| json!({"model": route.model, "fallback": route.fallback}))),
        ("cache", cache),
        ("drop_tools", (!drop_tools.is_empty()).then(|| json!(drop_tools))),
        ("tags", (!tags.is_empty()).then(|| json!(tags))),
        ("headers", (!headers.is_empty()).then(|| json!(headers))),
        ("label", (!labels.is_empty()).then(|| json!(labels))),
        ("timeout_ms", timeout_ms.map(|limit| json!(limit))),
        ("log", log_content.map(|content| json!({"content": content.name()}))),
    ];
    members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

fn approval_of(rule: &ApprovalRule) -> Json {
    let ApprovalRule { approvers, reasons, ttl_s, wait_s } = rule;
    let mut document = json!({"approvers": approvers, "reasons": reasons});
    if let Some(members) = document.as_object_mut() {
        members.extend(ttl_s.map(|ttl_s| ("ttl_s".to_owned(), json!(ttl_s))));
        members.extend(wait_s.map(|wait_s| ("wait_s".to_owned(), json!(wait_s))));
    }
    document
}

fn range_of(range: &ParameterRange) -> Json {
    let ends = [("min", range.min()), ("max", range.max())];
    let written = ends.into_iter().filter_map(|(name, end)| Some((name.to_owned(), json!(end?.as_f64()))));
    Json::Object(written.collect())
}

/// A limit in dollars is written in billionths, as it is counted.
fn quota(key: &QuotaKey, limit: u64) -> Json {
    let QuotaKey { key, unit, window } = key;
    json!({"key": key, "unit": unit.name(), "limit": limit, "window": window.name()})
}

/// One entry for all types that are treated alike in a place.
fn redactions(redact: &Redact) -> Json {
    let mut alike: BTreeMap<(RedactPlace, RedactMode, bool), Vec<&'static str>> = BTreeMap::new();
    for place in [RedactPlace::Request, RedactPlace::Response, RedactPlace::Tool] {
        for kind in PiiType::every() {
            if let Some(mode) = redact.mode(place, kind) {
                alike.entry((place, mode, redact.restores(kind))).or_default().push(kind.name());
            }
        }
    }
    let entry = |((place, mode, restore), types): ((RedactPlace, RedactMode, bool), Vec<&str>)| json!({"types": types, "where": [place_name(place)], "mode": mode_name(mode), "restore": restore});
    alike.into_iter().map(entry).collect()
}

fn place_name(place: RedactPlace) -> &'static str {
    match place {
        RedactPlace::Request => "request",
        RedactPlace::Response => "response",
        RedactPlace::Tool => "tool",
    }
}

/// Weakest first, as [`RedactMode`] is ordered.
pub(crate) const MODE_NAMES: [&str; 6] = ["mask", "fake", "hash", "token", "label", "drop"];

fn mode_name(mode: RedactMode) -> &'static str {
    match mode {
        RedactMode::Mask => "mask",
        RedactMode::Fake => "fake",
        RedactMode::Hash => "hash",
        RedactMode::Token => "token",
        RedactMode::Label => "label",
        RedactMode::Drop => "drop",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Settings;
    use crate::samples::Sample;
    use crate::source::Bundle;

    pub(crate) fn policies(module: &str) -> PolicySet {
        let settings =
            Settings { evaluation_limit: std::time::Duration::from_secs(30), ..Settings::default() };
        PolicySet::new(Bundle::from_modules(vec![("org/a.rego", module)], json!({})), settings).unwrap()
    }

    #[test]
    fn documents_without_an_action_are_refused() {
        for (text, expected) in [
            ("[]", DocumentError::NotAnObject),
            ("{", DocumentError::NotAnObject),
            ("{}", DocumentError::Action),
            (r#"{"action": "model:invke"}"#, DocumentError::Action),
            (&" ".repeat(DOCUMENT_BYTES_MAX + 1), DocumentError::TooLarge),
        ] {
            assert_eq!(InputDocument::parse(text).err(), Some(expected));
        }
        let document = InputDocument::parse(r#"{"action": "api:call", "principal": {"team": "t"}}"#).unwrap();
        assert_eq!((document.action(), document.team()), (Action::ApiCall, "t"));
    }

    #[test]
    fn a_written_question_is_decided_like_the_question() {
        let module = "package policy.org.a\n\
            allow contains \"x\" if input.principal.team == \"payments\"\n\
            deny contains {\"code\": \"c\", \"msg\": \"m\"} if input.tool.args.city == \"Oslo\"\n\
            apply contains {\"max_tokens\": 9}";
        let policies = policies(module);
        for sample in Sample::each() {
            let question = sample.question();
            let written = policies.document(&question).unwrap();
            let text = serde_json::to_string(&written).unwrap();
            let document = InputDocument::parse(&text).unwrap();
            let (asked, read) = (policies.decide(&question), policies.decide_document(&document));
            assert_eq!(Decision { id: String::new(), remembered: false, ..asked }, read);
        }
    }

    #[test]
    fn a_decision_is_written_by_the_keys_of_apply() {
        let module = "package policy.org.a\n\
            allow contains \"x\"\n\
            warn contains {\"code\": \"w\", \"msg\": \"careful\"}\n\
            apply contains {\"max_tokens\": 9}\n\
            apply contains {\"cache\": false}\n\
            apply contains {\"approval\": {\"approvers\": [\"s\"], \"reason\": \"r\", \"ttl_s\": 60}}\n\
            apply contains {\"log\": {\"content\": \"none\"}}\n\
            apply contains {\"tags\": {\"a\": \"b\"}}\n\
            apply contains {\"drop_tools\": [\"t\"]}\n\
            apply contains {\"guardrail\": {\"id\": \"g\", \"version\": \"1\"}}\n\
            apply contains {\"redact\": {\"types\": [\"EMAIL\"], \"where\": [\"tool\"], \"mode\": \"drop\"}}";
        let decision = policies(module).decide(&Sample::invoke().question()).document();
        assert_eq!(decision["verdict"], "allow");
        assert_eq!(decision["allowed_by"][0]["code"], "x");
        let warned = json!({"effect": "warn", "code": "w", "msg": "careful", "severity": "medium",
            "package": "policy.org.a", "layer": "org", "at": "org/a.rego:3"});
        assert_eq!(decision["warnings"], json!([warned]));
        let expected = json!({
            "approval": {"approvers": ["s"], "reasons": ["r"], "ttl_s": 60},
            "max_tokens": 9, "cache": false, "log": {"content": "none"}, "tags": {"a": "b"}, "drop_tools": ["t"],
            "guardrail": {"id": "g", "version": "1"},
            "redact": [{"types": ["EMAIL"], "where": ["tool"], "mode": "drop", "restore": true}],
        });
        assert_eq!(decision["obligations"], expected);
    }

    #[test]
    fn modes_are_named_in_their_order() {
        let all = [
            RedactMode::Mask,
            RedactMode::Fake,
            RedactMode::Hash,
            RedactMode::Token,
            RedactMode::Label,
            RedactMode::Drop,
        ];
        assert!(all.is_sorted());
        assert_eq!(all.map(mode_name), MODE_NAMES);
    }
}
