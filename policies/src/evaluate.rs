//! From a bundle to decisions: load once, evaluate rule by rule, combine.
//!
//! Any deny denies; every responsible layer must allow; obligations only tighten; what cannot be evaluated
//! is a denial. The engine is prepared once and cloned for each decision, so there is no lock and no shared
//! state but the memo; a panic in it costs one clone. Nothing here knows HTTP, and no message repeats what
//! the engine says about input.

use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hardpan_inference::principal::Principal;
use moka::sync::Cache;
use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, LimitError, Value};

use crate::decision::{Decision, EvaluationError, Grant, Layer, Obligations, Reason, Severity, Verdict};
use crate::decision_id;
use crate::decision_log::LogRules;
use crate::gates;
use crate::growth;
use crate::guard;
use crate::input::{self, Action, FieldSet, Question};
use crate::lexical;
use crate::obligation::{self, Applied, Obligation};
use crate::plan::{Plans, Verb, VerbRule, layer_root};
use crate::source::{Bundle, LoadError, Problem};
use crate::syntax::Syntax;

/// Reasons one decision names; a request denied for more is no more denied.
const REASONS_MAX: usize = 64;
/// Obligations one decision may have to merge.
const OBLIGATIONS_MAX: usize = 1024;
const MESSAGE_BYTES_MAX: usize = 1024;
const CODE_BYTES_MAX: usize = 128;
/// Evaluating one rule at load, cold. What makes values as fast as it can is stopped before it has filled the memory.
const PREPARE_LIMIT: Duration = Duration::from_secs(1);
/// All rules at load.
const PREPARE_TOTAL: Duration = Duration::from_secs(30);
/// A bundle has this many mistakes told at most.
const PROBLEMS_MAX: usize = 256;
/// How far over its limit an evaluation is tried once more.
const PASSING_TIMES: u32 = 10;
/// Steps between looks at the clock. A number that is squared in every step has doubled its length no more than a few
/// times by the next look.
const CHECK_INTERVAL: NonZeroU32 = NonZeroU32::MIN.saturating_add(7);

/// What a denial does, over all packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    #[default]
    Enforce,
    /// Denials become warnings. Obligations hold, and what cannot be evaluated or merged is still refused.
    Warn,
    /// Nothing has an effect; reasons are only told.
    Shadow,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub mode: Mode,
    /// For all rules of one decision together; a decision over it is tried once more.
    pub evaluation_limit: Duration,
    /// Decisions remembered; 0 remembers none.
    pub memo_entries_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            mode: Mode::Enforce,
            evaluation_limit: Duration::from_millis(50),
            memo_entries_max: 16_384,
        }
    }
}

/// A bundle that passed every check, ready to answer. Immutable: a new revision is a new set.
pub struct PolicySet {
    template: Engine,
    plans: Plans,
    /// Facts any rule reads, and so all a decision can depend on.
    read: FieldSet,
    /// Facts put before the rules.
    shown: FieldSet,
    pub(crate) log_rules: LogRules,
    settings: Settings,
    revision: Arc<str>,
    memo: Option<Cache<[u8; 32], Arc<Decision>>>,
}

impl PolicySet {
    pub fn new(bundle: Bundle, settings: Settings) -> Result<PolicySet, LoadError> {
        let mut template = engine(&bundle)?;
        let syntax = Syntax::read(template.get_modules());
        let mut problems = gates::problems(&syntax, bundle.data());
        // What calls itself has no bound to find.
        if problems.is_empty() {
            problems = growth::problems(template.get_modules());
        }
        if !problems.is_empty() {
            problems.truncate(PROBLEMS_MAX);
            return Err(LoadError::Refused(problems));
        }
        guard::install(&mut template, &syntax)
            .map_err(|reason| LoadError::Refused(vec![Problem::new("policy", reason)]))?;
        let plans = Plans::new(&syntax);
        let problems = prepare(&mut template, &plans);
        if !problems.is_empty() {
            return Err(LoadError::Refused(problems));
        }
        let read = FieldSet::reading(syntax.reads());
        let log_rules = LogRules::of(template.get_modules());
        Ok(PolicySet {
            log_rules,
            template,
            plans,
            read,
            shown: read.everything_but_unread_arguments(),
            revision: Arc::from(bundle.revision()),
            memo: (settings.memo_entries_max > 0).then(|| Cache::new(settings.memo_entries_max)),
            settings,
        })
    }

    /// The bundle's digest.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// Whether a rule could deny, warn of or mark an action for this caller. Where none can, nothing would come of asking
    /// about one that passes unless it is denied.
    pub fn speaks_about(&self, action: Action, principal: &Principal) -> bool {
        self.plans.applicable(action, principal).any(|rule| rule.verb != Verb::Allow)
    }

    pub fn decide(&self, question: &Question<'_>) -> Decision {
        let mut decision = self.recall_or_judge(question);
        decision.id = decision_id::fresh();
        decision
    }

    fn recall_or_judge(&self, question: &Question<'_>) -> Decision {
        if let Some(what) = question.oversized() {
            return self.too_large(question, what);
        }
        let Some(memo) = &self.memo else { return self.judge(question) };
        let key = input::key(question, self.read);
        if let Some(found) = memo.get(&key) {
            return Decision { remembered: true, ..Decision::clone(&found) };
        }
        let decision = self.judge(question);
        // A failure may be a passing one.
        if decision.error.is_none() && decision.shadow.iter().all(|reason| !is_failure(reason)) {
            memo.insert(key, Arc::new(decision.clone()));
        }
        decision
    }

    fn judge(&self, question: &Question<'_>) -> Decision {
        let (action, principal) = (question.action(), question.common.principal);
        let Ok(document) = input::document(question, self.shown) else {
            let mut findings = Findings::default();
            findings.fail("input.tool.args", "the arguments said to be valid are not JSON", None);
            return self.conclude(action, principal, findings);
        };
        self.judge_document(action, principal, &document)
    }

    /// The same for facts that are a document already, past the memo and without an id.
    pub(crate) fn judge_document(&self, action: Action, principal: &Principal, document: &Value) -> Decision {
        let started = Instant::now();
        let mut findings = self.evaluate(action, principal, document);
        // The timer counts wall-clock time, so a busy machine is the likeliest cause. Rules are pure: try
        // again, unless a single step took longer than any busy machine explains.
        let is_passing = started.elapsed() < self.settings.evaluation_limit.saturating_mul(PASSING_TIMES);
        if is_passing && matches!(findings.error, Some(EvaluationError::Timeout { .. })) {
            findings = self.evaluate(action, principal, document);
        }
        self.conclude(action, principal, findings)
    }

    /// The document of a question whole, as it is written to a log.
    pub(crate) fn document(&self, question: &Question<'_>) -> Option<Value> {
        question.oversized().is_none().then(|| input::document(question, FieldSet::EVERYTHING).ok()).flatten()
    }

    /// A prepared engine with this input.
    pub(crate) fn engine(&self, document: &Value) -> Engine {
        let mut engine = self.template.clone();
        engine.set_input(document.clone());
        let limit = self.settings.evaluation_limit;
        engine.set_execution_timer_config(ExecutionTimerConfig { limit, check_interval: CHECK_INTERVAL });
        engine
    }

    pub(crate) fn plans(&self) -> &Plans {
        &self.plans
    }

    pub(crate) fn syntax(&self) -> Syntax {
        Syntax::read(self.template.clone().get_modules())
    }

    /// Asks every applicable rule.
    fn evaluate(&self, action: Action, principal: &Principal, document: &Value) -> Findings {
        let started = Instant::now();
        let mut findings = Findings::default();
        let mut engine = self.template.clone();
        engine.set_input(document.clone());
        for rule in self.plans.applicable(action, principal) {
            let left = self.settings.evaluation_limit.saturating_sub(started.elapsed());
            match ask(&mut engine, rule, left) {
                Ok(value) => findings.absorb(rule, action, &value),
                Err(Failure::Raised { at, .. }) => {
                    findings.fail(&rule.path, "evaluation raised an error", at)
                }
                Err(Failure::TimedOut) => {
                    findings.error = Some(EvaluationError::Timeout { rule: rule.path.clone() });
                    break;
                }
                Err(Failure::Panicked) => {
                    findings.fail(&rule.path, "evaluation panicked", None);
                    // The engine may be in any state.
                    break;
                }
            }
        }
        findings
    }

    fn conclude(&self, action: Action, principal: &Principal, findings: Findings) -> Decision {
        let mut refusals = findings.denies;
        if findings.error.is_none() {
            refusals.extend(self.missing_grants(action, principal, &findings.grants));
        }
        let mut failures: Vec<Reason> = findings.error.iter().map(failure_reason).collect();
        let obligations = obligation::merge(findings.applied).unwrap_or_else(|conflict| {
            failures.push(Reason {
                code: "policy_conflict".to_owned(),
                message: bounded(&conflict.message, MESSAGE_BYTES_MAX),
                severity: Severity::High,
                package: conflict.package,
                layer: conflict.layer,
                at: conflict.at,
            });
            Obligations::default()
        });
        let decision = self.allowed(action);
        match self.settings.mode {
            Mode::Enforce => {
                refusals.extend(failures);
                let warnings = findings.warnings;
                decision.with_reasons(refusals).with(findings.grants, warnings, obligations, findings.error)
            }
            Mode::Warn => {
                let warnings = findings.warnings.into_iter().chain(refusals).collect();
                decision.with_reasons(failures).with(findings.grants, warnings, obligations, findings.error)
            }
            Mode::Shadow => {
                refusals.extend(failures);
                Decision { shadow: refusals, ..decision }
            }
        }
    }

    fn missing_grants(&self, action: Action, principal: &Principal, grants: &[Grant]) -> Vec<Reason> {
        let responsible = self.plans.responsible(action, principal);
        let missing =
            responsible.into_iter().filter(|layer| !grants.iter().any(|grant| grant.layer == *layer));
        let reason = |layer: Layer| Reason {
            code: "no_allow".to_owned(),
            message: format!("no rule of layer {} allows {}", layer.name(), action.name()),
            severity: Severity::Medium,
            package: layer_root(layer, principal),
            layer,
            at: None,
        };
        missing.map(reason).collect()
    }

    fn too_large(&self, question: &Question<'_>, what: &str) -> Decision {
        let findings = Findings {
            denies: vec![Reason {
                code: "input_too_large".to_owned(),
                message: format!("the request carries more {what} than policies are asked about"),
                severity: Severity::Medium,
                package: "policy.org".to_owned(),
                layer: Layer::Org,
                at: None,
            }],
            ..Findings::default()
        };
        self.conclude(question.action(), question.common.principal, findings)
    }

    fn allowed(&self, action: Action) -> Decision {
        Decision {
            id: String::new(),
            action: action.name(),
            verdict: Verdict::Allow,
            reasons: Vec::new(),
            allowed_by: Vec::new(),
            warnings: Vec::new(),
            shadow: Vec::new(),
            obligations: Obligations::default(),
            error: None,
            mode: self.settings.mode,
            revision: Arc::clone(&self.revision),
            remembered: false,
        }
    }
}

impl Decision {
    /// Any reason denies.
    fn with_reasons(self, reasons: Vec<Reason>) -> Decision {
        let verdict = if reasons.is_empty() { Verdict::Allow } else { Verdict::Deny };
        Decision { verdict, reasons, ..self }
    }

    fn with(
        self,
        allowed_by: Vec<Grant>,
        warnings: Vec<Reason>,
        obligations: Obligations,
        error: Option<EvaluationError>,
    ) -> Decision {
        Decision { allowed_by, warnings, obligations, error, ..self }
    }
}

const POLICY_ERROR: &str = "policy_error";
const POLICY_TIMEOUT: &str = "policy_timeout";

fn failure_reason(error: &EvaluationError) -> Reason {
    let (code, at) = match error {
        EvaluationError::PolicyError { at, .. } => (POLICY_ERROR, at.clone()),
        EvaluationError::Timeout { .. } => (POLICY_TIMEOUT, None),
    };
    Reason {
        code: code.to_owned(),
        message: "the policy could not be evaluated".to_owned(),
        severity: Severity::High,
        package: "policy".to_owned(),
        layer: Layer::Org,
        at,
    }
}

fn is_failure(reason: &Reason) -> bool {
    reason.package == "policy" && [POLICY_ERROR, POLICY_TIMEOUT].contains(&reason.code.as_str())
}

/// What the rules said, before it is combined.
#[derive(Default)]
struct Findings {
    denies: Vec<Reason>,
    warnings: Vec<Reason>,
    grants: Vec<Grant>,
    applied: Vec<Applied>,
    /// The first failure.
    error: Option<EvaluationError>,
}

impl Findings {
    fn fail(&mut self, rule: &str, why: &'static str, at: Option<String>) {
        let error = EvaluationError::PolicyError { rule: rule.to_owned(), why, at };
        self.error.get_or_insert(error);
    }

    fn absorb(&mut self, rule: &VerbRule, action: Action, value: &Value) {
        let read = match rule.verb {
            Verb::Deny => reasons(rule, value, &mut self.denies),
            Verb::Warn => reasons(rule, value, &mut self.warnings),
            Verb::Allow => grants(rule, value, &mut self.grants),
            Verb::Apply => obligations(rule, action, value, &mut self.applied),
        };
        if let Err(why) = read {
            self.fail(&rule.path, why, None);
        }
    }
}

fn reasons(rule: &VerbRule, value: &Value, into: &mut Vec<Reason>) -> Result<(), &'static str> {
    for item in elements(value)? {
        if into.len() < REASONS_MAX {
            into.push(reason(rule, item));
        }
    }
    Ok(())
}

/// Whatever shape an item has, it is a reason: a malformed denial still denies.
fn reason(rule: &VerbRule, item: &Value) -> Reason {
    let code = field(item, "code").map_or_else(|| rule.package.clone(), |code| bounded(code, CODE_BYTES_MAX));
    let message = text(item).or_else(|| field(item, "msg")).unwrap_or("refused by policy");
    let label = text(item).unwrap_or(&code);
    Reason {
        message: bounded(message, MESSAGE_BYTES_MAX),
        severity: field(item, "severity").and_then(Severity::from_name).unwrap_or_default(),
        package: rule.package.clone(),
        layer: rule.layer,
        at: rule.at(label),
        code,
    }
}

fn grants(rule: &VerbRule, value: &Value, into: &mut Vec<Grant>) -> Result<(), &'static str> {
    let grant = |code: &str| Grant {
        layer: rule.layer,
        code: bounded(code, CODE_BYTES_MAX),
        package: rule.package.clone(),
    };
    if let Value::Bool(allowed) = value {
        into.extend(allowed.then(|| grant("allow")));
        return Ok(());
    }
    for item in elements(value)? {
        let code = text(item).or_else(|| field(item, "code"));
        let code = code.ok_or("an element of allow is neither text nor an object with a code")?;
        if into.len() < REASONS_MAX {
            into.push(grant(code));
        }
    }
    Ok(())
}

fn obligations(
    rule: &VerbRule,
    action: Action,
    value: &Value,
    into: &mut Vec<Applied>,
) -> Result<(), &'static str> {
    for item in elements(value)? {
        let Value::Object(object) = item else { return Err("an element of apply is not an object") };
        if object.is_empty() {
            return Err("an element of apply is empty");
        }
        for (key, value) in object.iter_sorted() {
            let key = text(key).ok_or("a key of apply is not text")?;
            let obligation = Obligation::read(key, value);
            let obligation = obligation.ok_or("apply asks for something unknown or of the wrong shape")?;
            // A rule that does not say which action it means, means those that take what it asks for.
            if !obligation::takes(key, action) {
                continue;
            }
            if into.len() >= OBLIGATIONS_MAX {
                return Err("apply asks for too much");
            }
            into.push(Applied {
                layer: rule.layer,
                package: rule.package.clone(),
                at: rule.at(key),
                obligation,
            });
        }
    }
    Ok(())
}

fn elements(value: &Value) -> Result<Vec<&Value>, &'static str> {
    match value {
        Value::Undefined => Ok(Vec::new()),
        Value::Set(set) => Ok(set.iter_sorted().collect()),
        _ => Err("the value is not a set"),
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text.as_ref()),
        _ => None,
    }
}

fn field<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    match value {
        Value::Object(object) => object.get(&Value::from(name)).and_then(text),
        _ => None,
    }
}

fn bounded(text: &str, bytes_max: usize) -> String {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default().to_owned()
}

enum Failure {
    TimedOut,
    Panicked,
    /// `text` is the engine's, which can quote values: only for errors at load.
    Raised {
        at: Option<String>,
        text: String,
    },
}

fn ask(engine: &mut Engine, rule: &VerbRule, left: Duration) -> Result<Value, Failure> {
    if left.is_zero() {
        return Err(Failure::TimedOut);
    }
    engine.set_execution_timer_config(ExecutionTimerConfig { limit: left, check_interval: CHECK_INTERVAL });
    let Ok(answer) = catch_unwind(AssertUnwindSafe(|| engine.eval_rule(rule.path.clone()))) else {
        return Err(Failure::Panicked);
    };
    answer.map_err(|error| {
        let text = error.to_string();
        // Inside a function the engine passes its errors on as text.
        let timed_out =
            matches!(error.downcast_ref::<LimitError>(), Some(LimitError::TimeLimitExceeded { .. }))
                || text.contains("execution exceeded time limit");
        if timed_out { Failure::TimedOut } else { Failure::Raised { at: place(&text), text } }
    })
}

/// `org/models.rego:12:3` from the engine's excerpt, and nothing of the excerpt itself.
fn place(text: &str) -> Option<String> {
    let excerpt = text.trim_start().strip_prefix("--> ")?;
    excerpt.lines().next().map(|line| bounded(line.trim(), CODE_BYTES_MAX))
}

/// Modules and data in an engine, parsed but not yet prepared. Every file that does not parse is named.
fn engine(bundle: &Bundle) -> Result<Engine, LoadError> {
    let mut engine = Engine::new();
    // An error in a deny must not make it vanish.
    engine.set_strict_builtin_errors(true);
    let mut problems = Vec::new();
    for module in bundle.modules() {
        if let Some(problem) = lexical::problem(&module.path, &module.text) {
            problems.push(problem);
            continue;
        }
        if let Err(error) = engine.add_policy(module.path.clone(), module.text.clone()) {
            problems.push(Problem::new(&module.path, error.to_string()));
        }
    }
    if bundle.modules().is_empty() {
        return Err(LoadError::Empty);
    }
    let added = serde_json::to_string(bundle.data())
        .map_err(|error| error.to_string())
        .and_then(|json| engine.add_data_json(&json).map_err(|error| error.to_string()));
    if let Err(reason) = added {
        problems.push(Problem::new("data", reason));
    }
    if problems.is_empty() { Ok(engine) } else { Err(LoadError::Refused(problems)) }
}

/// Evaluates every rule with nothing but an action. That leaves the template prepared and warm, and what
/// fails without any facts would fail on every request.
fn prepare(template: &mut Engine, plans: &Plans) -> Vec<Problem> {
    let started = Instant::now();
    let mut problems: Vec<Problem> = Vec::new();
    'actions: for action in Action::ALL {
        template.set_input(input::bare_document(*action));
        for rule in &plans.rules {
            if problems.len() >= PROBLEMS_MAX {
                break 'actions;
            }
            if started.elapsed() > PREPARE_TOTAL {
                let message = "evaluating every rule once takes more than half a minute";
                problems.push(Problem::new("policy", message));
                break 'actions;
            }
            // The timer counts wall-clock time, so a busy machine may be the cause.
            let answer = match ask(template, rule, PREPARE_LIMIT) {
                Err(Failure::TimedOut) => ask(template, rule, PREPARE_LIMIT),
                answer => answer,
            };
            let message = match &answer {
                Ok(_) => continue,
                Err(Failure::TimedOut) => "takes seconds",
                Err(Failure::Panicked) => "makes the engine panic",
                Err(Failure::Raised { text, .. }) => text,
            };
            let problem = Problem::new(rule.begins.as_str(), format!("{} {message}", rule.path));
            if !problems.contains(&problem) {
                problems.push(problem);
            }
            // Such a rule takes as long for every action, and after a panic the engine may be in any state.
            if matches!(answer, Err(Failure::TimedOut | Failure::Panicked)) {
                break 'actions;
            }
        }
    }
    template.set_input(Value::new_object());
    problems
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use hardpan_inference::finding::{PiiType, RedactMode, RedactPlace};
    use serde_json::json;

    use super::*;
    use crate::decision::{CacheRule, Redact};
    use crate::samples::{Dice, Sample};
    use crate::source::Source;

    fn load(modules: &[&str], data: serde_json::Value, settings: Settings) -> Result<PolicySet, LoadError> {
        let modules =
            modules.iter().enumerate().map(|(index, text)| (format!("{index}.rego"), *text)).collect();
        PolicySet::new(Bundle::from_modules(modules, data), settings)
    }

    fn patient() -> Settings {
        // Tests share busy machines; only the tests of the limit have a short one.
        Settings { evaluation_limit: Duration::from_secs(30), ..Settings::default() }
    }

    fn policies(modules: &[&str]) -> PolicySet {
        load(modules, json!({}), patient()).unwrap()
    }

    fn codes(reasons: &[Reason]) -> Vec<&str> {
        reasons.iter().map(|reason| reason.code.as_str()).collect()
    }

    fn decide(modules: &[&str]) -> Decision {
        policies(modules).decide(&Sample::invoke().question())
    }

    const ALLOW: &str = "package policy.org.allow\nallow contains \"everyone\"";

    #[test]
    fn policy_sets_are_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<PolicySet>();
    }

    #[test]
    fn nothing_is_allowed_unless_the_organisation_allows_it() {
        for module in [
            "package policy.org.a",
            "package policy.org.a\nallow contains \"x\" if input.action == \"tool:use\"",
            "package policy.org.a\nallow if input.absent",
            "package policy.org.a\nallow := true if false",
            "package policy.org.a\ndefault allow := false\nallow if input.absent",
            "package policy.team.payments.a\nallow contains \"x\"",
            "package policy.app[\"orders-bot\"].a\nallow contains \"x\"",
        ] {
            let decision = decide(&[module]);
            assert_eq!(decision.verdict, Verdict::Deny, "{module}");
            assert_eq!(codes(&decision.reasons), ["no_allow"], "{module}");
            let reason = &decision.reasons[0];
            assert_eq!((reason.layer, reason.package.as_str()), (Layer::Org, "policy.org"));
            assert_eq!(reason.message, "no rule of layer org allows model:invoke");
        }
    }

    #[test]
    fn both_forms_of_allow_allow() {
        for (module, code) in [
            (ALLOW, "everyone"),
            ("package policy.org.a\nallow if input.action == \"model:invoke\"", "allow"),
            ("package policy.org.a\nallow := true", "allow"),
            ("package policy.org.a\nallow contains {\"code\": \"c\"}", "c"),
        ] {
            let decision = decide(&[module]);
            assert_eq!((decision.verdict, decision.error), (Verdict::Allow, None), "{module}");
            assert_eq!(decision.allowed_by[0].code, code);
        }
    }

    #[test]
    fn a_team_or_app_that_can_allow_must_allow() {
        let team = "package policy.team.payments.a\nallow contains \"t\" if input.principal.env == \"prod\"";
        let app =
            "package policy.app[\"orders-bot\"].a\nallow contains \"a\" if input.principal.env == \"prod\"";
        let policies = policies(&[ALLOW, team, app]);
        let mut sample = Sample::invoke();
        let decision = policies.decide(&sample.question());
        let layers: Vec<Layer> = decision.reasons.iter().map(|reason| reason.layer).collect();
        assert_eq!(layers, [Layer::Team, Layer::App]);
        assert_eq!(decision.reasons[0].package, "policy.team.payments");
        sample.principal.env = Some("prod".into());
        assert_eq!(policies.decide(&sample.question()).verdict, Verdict::Allow);
        sample.principal.env = None;
        sample.principal.team = "search".into();
        sample.principal.app = "other".into();
        assert_eq!(policies.decide(&sample.question()).verdict, Verdict::Allow);
    }

    #[test]
    fn any_deny_wins_and_carries_its_place() {
        let deny = "package policy.team.payments.a\n\
            deny contains {\"code\": \"late\", \"msg\": \"too late\", \"severity\": \"high\"}\n\
            deny contains \"only EU regions\" if input.api.region == \"us-east-1\"";
        let decision = decide(&[ALLOW, deny]);
        assert_eq!(decision.verdict, Verdict::Deny);
        let mut reasons = decision.reasons;
        reasons.sort_by(|one, other| one.code.cmp(&other.code));
        assert_eq!(codes(&reasons), ["late", "policy.team.payments.a"]);
        assert_eq!((reasons[0].message.as_str(), reasons[0].severity), ("too late", Severity::High));
        assert_eq!((reasons[1].message.as_str(), reasons[1].severity), ("only EU regions", Severity::Medium));
        assert_eq!(reasons[0].at.as_deref(), Some("1.rego:2"));
        assert_eq!(reasons[1].at.as_deref(), Some("1.rego:3"));
    }

    #[test]
    fn a_malformed_deny_still_denies() {
        for item in ["1", "false", "null", "[]", "{}", "{\"code\": 7}", "{\"msg\": [\"x\"]}"] {
            let deny = format!("package policy.org.a\ndeny contains {item}");
            let decision = decide(&[ALLOW, deny.as_str()]);
            assert_eq!(decision.verdict, Verdict::Deny, "{item}");
            assert_eq!(codes(&decision.reasons), ["policy.org.a"], "{item}");
        }
    }

    #[test]
    fn warnings_do_not_deny() {
        let decision =
            decide(&[ALLOW, "package policy.org.a\nwarn contains {\"code\": \"w\", \"msg\": \"m\"}"]);
        assert_eq!(decision.verdict, Verdict::Allow);
        assert_eq!(codes(&decision.warnings), ["w"]);
    }

    #[test]
    fn an_error_while_evaluating_is_a_denial_of_our_making() {
        for rule in [
            "deny contains \"x\" if to_number(input.principal.app) > 5",
            "warn contains \"x\" if to_number(input.principal.app) > 5",
            "allow contains \"x\" if to_number(input.principal.app) > 5",
            "apply contains {\"max_tokens\": to_number(input.principal.app)}",
            "r := 1 if input.principal.app\nr := 2 if input.principal.app\ndeny contains \"x\" if r == 3",
            "deny contains \"x\" if count({k: v | some k in [\"a\"]; some v in [input.api.region, 2]}) > 5",
        ] {
            let module = format!("package policy.org.a\n{rule}");
            let decision = decide(&[ALLOW, module.as_str()]);
            assert_eq!(decision.verdict, Verdict::Deny, "{rule}");
            assert_eq!(codes(&decision.reasons), ["policy_error"], "{rule}");
            let error = decision.error.unwrap();
            assert!(matches!(error, EvaluationError::PolicyError { .. }), "{rule}");
            assert!(!error.to_string().contains("orders-bot"), "{error}");
        }
    }

    #[test]
    fn what_is_missing_never_satisfies_an_allow() {
        // Where another engine of the same family answers yes, and where this one must raise rather than
        // guess.
        for rule in [
            "allow if { v := input.absent; not bad(v) }\nbad(x) if x == 1",
            "allow if { v := input.absent; v != 1 }",
            "allow if some v in input.principal.app",
            "allow if { some k, p in {\"a\": 1}; v := input.request.params[k]; not v == p }",
            "allow if input.request.params.temperature == 0",
            "allow if data.absent[input.principal.team]",
        ] {
            let module = format!("package policy.org.a\n{rule}");
            let decision = decide(&[module.as_str()]);
            assert_eq!(decision.verdict, Verdict::Deny, "{rule}");
        }
    }

    #[test]
    fn obligations_of_all_layers_are_merged() {
        let org = "package policy.org.a\n\
            apply contains {\"max_tokens\": 100}\n\
            apply contains {\"redact\": {\"types\": \"*\", \"where\": [\"request\"], \"mode\": \"mask\"}}";
        let team = "package policy.team.payments.a\n\
            apply contains {\"max_tokens\": 50}\n\
            apply contains {\"drop_tools\": [name]} if some name in input.request.tools\n\
            apply contains {\"cache\": false}";
        let obligations = decide(&[ALLOW, org, team]).obligations;
        assert_eq!(obligations.max_tokens, Some(50));
        let all = PiiType::every();
        let expected = Redact::new(all, &[RedactPlace::Request], RedactMode::Mask, true);
        assert_eq!(obligations.redact, Some(expected));
        assert_eq!(obligations.drop_tools, BTreeSet::from(["get_weather".to_owned()]));
        assert_eq!(obligations.cache, CacheRule::Off);
    }

    #[test]
    fn obligations_that_cannot_be_carried_out_are_denied() {
        for (rule, code) in [
            ("apply contains {key: 1} if some key in [\"approval\"]", "policy_error"),
            ("apply contains {\"max_tokens\": \"many\"}", "policy_error"),
            ("apply contains \"max_tokens\"", "policy_error"),
            ("apply contains {}", "policy_error"),
            (
                "apply contains {\"guardrail\": {\"id\": \"g\", \"version\": \"1\"}}\n\
                 apply contains {\"guardrail\": {\"id\": \"h\", \"version\": \"1\"}}",
                "policy_conflict",
            ),
        ] {
            let module = format!("package policy.org.a\n{rule}");
            let decision = decide(&[ALLOW, module.as_str()]);
            assert_eq!(decision.verdict, Verdict::Deny, "{rule}");
            assert_eq!(codes(&decision.reasons), [code], "{rule}");
            assert_eq!(decision.error.is_some(), code == "policy_error", "{rule}");
            assert_eq!(decision.obligations, Obligations::default());
        }
    }

    #[test]
    fn over_the_limit_is_a_timeout_and_not_remembered() {
        let settings = Settings { evaluation_limit: Duration::ZERO, ..Settings::default() };
        let policies = load(&[ALLOW], json!({}), settings).unwrap();
        for _ in 0..2 {
            let decision = policies.decide(&Sample::invoke().question());
            assert_eq!(decision.verdict, Verdict::Deny);
            assert_eq!(codes(&decision.reasons), ["policy_timeout"]);
            assert!(matches!(decision.error, Some(EvaluationError::Timeout { .. })));
            assert!(!decision.remembered);
        }
    }

    #[test]
    fn an_endless_rule_is_stopped() {
        let endless = "package policy.org.a\n\
            deny contains \"x\" if { input.api.region; some a in n; some b in n; some c in n; a + b + c < 0 }\n\
            n := numbers.range(1, 3000)";
        let settings = Settings { evaluation_limit: Duration::from_millis(20), ..Settings::default() };
        let policies = load(&[endless], json!({}), settings).unwrap();
        let decision = policies.decide(&Sample::invoke().question());
        assert!(matches!(decision.error, Some(EvaluationError::Timeout { .. })));
    }

    #[test]
    fn modes_soften_denials_but_warn_does_not_soften_failures() {
        let with = |mode, rule: &str| {
            let module = format!("package policy.org.a\n{rule}");
            let settings = Settings { mode, ..patient() };
            load(&[module.as_str()], json!({}), settings).unwrap().decide(&Sample::invoke().question())
        };
        let deny = "deny contains \"x\"\napply contains {\"max_tokens\": 5}";
        let warned = with(Mode::Warn, deny);
        assert_eq!((warned.verdict, warned.obligations.max_tokens), (Verdict::Allow, Some(5)));
        assert_eq!(codes(&warned.warnings), ["policy.org.a", "no_allow"]);
        let shadowed = with(Mode::Shadow, deny);
        assert_eq!((shadowed.verdict, shadowed.obligations.max_tokens), (Verdict::Allow, None));
        assert_eq!(codes(&shadowed.shadow), ["policy.org.a", "no_allow"]);
        let broken = "deny contains \"x\" if to_number(input.principal.app) > 5";
        assert_eq!(with(Mode::Warn, broken).verdict, Verdict::Deny);
        let shadowed = with(Mode::Shadow, broken);
        assert_eq!((shadowed.verdict, shadowed.error), (Verdict::Allow, None));
        assert_eq!(codes(&shadowed.shadow), ["policy_error"]);
    }

    #[test]
    fn results_and_answers_pass_unless_denied() {
        let policies = policies(&["package policy.org.a\n\
            allow contains \"ok\" if input.action == \"model:invoke\"\n\
            deny contains {\"code\": \"injected\", \"msg\": \"m\"} if input.tool_result.signals.injection >= 0.5\n\
            apply contains {\"label\": [\"seen\"]} if input.action == \"tool:result\""]);
        let mut sample = Sample::tool_result();
        let decision = policies.decide(&sample.question());
        assert_eq!((decision.verdict, decision.allowed_by.len()), (Verdict::Allow, 0));
        assert_eq!(decision.obligations.labels, BTreeSet::from(["seen".to_owned()]));
        sample.tool_signals.injection = 0.9;
        let decision = policies.decide(&sample.question());
        assert_eq!((decision.verdict, codes(&decision.reasons)), (Verdict::Deny, vec!["injected"]));
        assert_eq!(policies.decide(&Sample::respond().question()).verdict, Verdict::Allow);
        let broken = "package policy.org.a\ndeny contains \"x\" if to_number(input.principal.app) > 5";
        let decision = super::tests::policies(&[broken]).decide(&Sample::respond().question());
        assert_eq!(codes(&decision.reasons), ["policy_error"]);
    }

    #[test]
    fn only_rules_that_may_say_something_make_asking_worth_while() {
        let policies = policies(&[
            "package policy.org.a\nallow contains \"x\"",
            "package policy.team.payments.a\nwarn contains \"x\" if input.action == \"model:respond\"",
        ]);
        let mut sample = Sample::respond();
        let asks = |sample: &Sample, action| policies.speaks_about(action, &sample.principal);
        assert!(asks(&sample, Action::ModelRespond) && !asks(&sample, Action::ToolResult));
        sample.principal.team = "search".into();
        assert!(!asks(&sample, Action::ModelRespond));
    }

    #[test]
    fn an_obligation_is_left_out_where_it_means_nothing() {
        let rules = "package policy.org.a\n\
            apply contains {\"filter\": {\"equals\": {\"key\": \"tenant\", \"value\": \"t\"}}}\n\
            apply contains {\"max_results\": 5}\n\
            apply contains {\"timeout_ms\": 500}";
        let policies = policies(&[ALLOW, rules]);
        let of = |sample: &Sample| policies.decide(&sample.question()).obligations;
        let retrieval = of(&Sample::retrieve());
        assert_eq!((retrieval.retrieval.filters.len(), retrieval.retrieval.results_max), (1, Some(5)));
        assert_eq!(retrieval.timeout_ms, Some(500));
        let invoke = of(&Sample::invoke());
        assert_eq!((invoke.retrieval.filters.len(), invoke.timeout_ms), (0, Some(500)));
        assert_eq!(of(&Sample::tool_use()), Obligations::default());
    }

    #[test]
    fn tool_calls_are_asked_about_with_their_arguments() {
        let module = "package policy.org.a\n\
            allow contains \"ok\" if { input.action == \"tool:use\"; input.tool.args.city == \"Oslo\" }";
        let policies = policies(&[module]);
        let mut sample = Sample::tool_use();
        assert_eq!(policies.decide(&sample.question()).verdict, Verdict::Allow);
        sample.args_json = r#"{"city":"Rome"}"#.into();
        assert_eq!(policies.decide(&sample.question()).verdict, Verdict::Deny);
        sample.args_json = "{".into();
        assert_eq!(codes(&policies.decide(&sample.question()).reasons), ["policy_error"]);
        sample.args_valid = false;
        assert_eq!(codes(&policies.decide(&sample.question()).reasons), ["no_allow"]);
    }

    #[test]
    fn what_is_too_large_is_denied_unasked() {
        let policies = policies(&[ALLOW]);
        let mut sample = Sample::invoke();
        sample.request.tools = vec!["t".into(); input::TOOLS_MAX + 1];
        let decision = policies.decide(&sample.question());
        assert!(codes(&decision.reasons).contains(&"input_too_large"));
    }

    #[test]
    fn a_bundle_with_a_mistake_is_refused_whole() {
        for (module, expected) in [
            ("package policy.org.a\nallow if {", "0.rego"),
            ("package policy.org.a\nf(x) := f(x)", "recursion"),
            ("package policy.org.a\nimport rego.v2\nallow if input.x", "rego.v2"),
            ("package policy.org.a\nallow if nonesuch(1)", "does not exist"),
            (
                "package policy.org.a\ndeny contains \"x\" if strings.count(input.s, \"\") > 1",
                "strings.count",
            ),
            ("package policy.org.a\ndeny contains \"x\" if 1 / 0 == 1", "data.policy.org.a.deny"),
        ] {
            let error = load(&[module], json!({}), patient()).err().unwrap().to_string();
            assert!(error.contains(expected), "{module}\n{error}");
        }
        assert!(matches!(load(&[], json!({}), patient()), Err(LoadError::Empty)));
    }

    #[test]
    fn a_panic_in_the_engine_is_contained() {
        // The builtin known to panic is refused at load, so the engine is built here without the gates.
        let module = "package policy.org.a\ndeny contains \"x\" if strings.count(input.s, input.t) > 1";
        let bundle = Bundle::from_modules(vec![("a.rego", module)], json!({}));
        let mut engine = engine(&bundle).unwrap();
        let plans = Plans::new(&Syntax::read(engine.get_modules()));
        engine.set_input(Value::from_json_str(r#"{"s": "dummy", "t": ""}"#).unwrap());
        let answer = ask(&mut engine, &plans.rules[0], Duration::from_secs(30));
        assert!(matches!(answer, Err(Failure::Panicked)));
    }

    const MEMO_RULES: &str = "package policy.org.a\n\
        allow contains \"m\" if { input.action == \"model:invoke\"; input.principal.team == \"payments\" }\n\
        allow contains \"t\" if { input.action == \"tool:use\"; input.tool.declared; input.tool.args.city }\n\
        deny contains \"pii\" if { some kind, n in input.signals.pii; n > 0; input.principal.user }\n\
        deny contains {\"code\": \"invalid\", \"msg\": \"m\"} if input.tool.args_valid == false\n\
        warn contains \"large\" if input.request.bytes > 1500\n\
        apply contains {\"cache\": false} if input.request.params.temperature == 0\n\
        apply contains {\"drop_tools\": input.request.tools} if input.time.hour > 14\n\
        deny contains \"number\" if to_number(input.principal.app) == 8";

    /// Sets of rules that read little, much, everything, the time, arguments, and what other layers say.
    fn memo_rule_sets() -> Vec<(Vec<String>, serde_json::Value)> {
        let one = |rules: &str| (vec![format!("package policy.org.a\n{rules}")], json!({}));
        let grants = json!({
            "teams": {"payments": {
                "models": ["*"], "regions": ["*"], "tools": ["get_weather"], "endpoints": ["*"],
                "knowledge_bases": ["KB12345678"], "operations": ["InvokeAgent"], "max_tokens": 1024,
            }, "search": {"model_families": ["nova-lite"], "regions": ["us-east-1"], "cache": {"ttl_s": 60}}},
            "settings": {"injection": "deny", "secrets": "deny"},
            "exemptions": {"injection_suspected": [
                {"principal": {"team": "payments", "app": "7"}, "expires": 1_795_356_000 + 3600},
            ]},
        });
        let library = crate::library::MODULES.iter().map(|(_, text)| (*text).to_owned());
        vec![
            (vec![MEMO_RULES.to_owned()], json!({})),
            (library.collect(), grants),
            one("allow contains \"x\" if input.time.unix % 7200 < 3600"),
            one("allow contains input.action if count(input) > 3\nwarn contains sprintf(\"%v\", [input])"),
            one(
                "allow contains \"x\" if { walk(input, [path, value]); path[_] == \"injection\"; value > 0.5 }",
            ),
            one(
                "allow contains \"x\" if { some name, part in input; name in {\"tool\", \"model\"}; part.id }",
            ),
            one("import input.tool.args as given\nallow contains \"x\" if given.city == \"Oslo\""),
            one(
                "allow contains \"x\" if input[input.principal.app]\ndeny contains \"y\" if input[\"kb\"].rerank == false",
            ),
            (
                vec![
                    "package policy.org.a\nallow contains \"x\" if data.lib.a.f(input.session)".to_owned(),
                    "package lib.a\nf(session) if count(session.labels) == 0".to_owned(),
                    "package policy.team.payments.a\nallow contains \"t\" if input.principal.user".to_owned(),
                    "package policy.app[\"7\"].a\napply contains {\"label\": [input.model.id]}".to_owned(),
                ],
                json!({}),
            ),
        ]
    }

    #[test]
    fn remembered_decisions_equal_evaluated_ones() {
        for (number, (modules, data)) in memo_rule_sets().into_iter().enumerate() {
            let modules: Vec<&str> = modules.iter().map(String::as_str).collect();
            let load_with = |memo_entries_max| {
                load(&modules, data.clone(), Settings { memo_entries_max, ..patient() }).unwrap()
            };
            let (with, without) = (load_with(10_000), load_with(0));
            let mut dice = Dice(3 + u64::try_from(number).unwrap());
            let (mut remembered, mut ids) = (0, BTreeSet::new());
            for _ in 0..2000 {
                let sample = Sample::random(&mut dice);
                let one = with.decide(&sample.question());
                let other = without.decide(&sample.question());
                remembered += u32::from(one.remembered);
                assert!(!other.remembered);
                assert!(ids.insert(one.id.clone()), "an id came twice");
                let one = Decision { id: String::new(), remembered: false, ..one };
                assert_eq!(one, Decision { id: String::new(), ..other }, "{number}");
            }
            assert!(remembered > 10, "of {number} only {remembered} were remembered");
        }
    }

    #[test]
    fn failures_are_not_remembered() {
        let policies =
            policies(&["package policy.org.a\ndeny contains \"x\" if to_number(input.principal.app) == 8"]);
        for _ in 0..2 {
            let decision = policies.decide(&Sample::invoke().question());
            assert!(decision.error.is_some() && !decision.remembered);
        }
    }

    #[test]
    fn the_shipped_library_loads_and_allows_nobody_by_itself() {
        let bundle = Bundle::load(&Source::Library, &[]).unwrap();
        let policies = PolicySet::new(bundle, patient()).unwrap();
        for sample in Sample::each() {
            let decision = policies.decide(&sample.question());
            assert_eq!((decision.verdict, &decision.error), (Verdict::Deny, &None));
            assert!(codes(&decision.reasons).contains(&"no_allow"));
        }
    }

    #[test]
    fn the_shipped_library_grants_what_the_data_says() {
        let data = json!({"teams": {"payments": {
            "models": ["us.anthropic.claude-sonnet-4-20250514-v1:0"],
            "regions": ["us-east-1"],
            "tools": ["get_weather"],
            "max_tokens": 1024
        }}});
        let library: Vec<(&str, &str)> = crate::library::MODULES.to_vec();
        let policies = PolicySet::new(Bundle::from_modules(library, data), patient()).unwrap();
        let mut sample = Sample::invoke();
        sample.signals.injection = 0.0;
        let decision = policies.decide(&sample.question());
        assert_eq!((decision.verdict, codes(&decision.reasons)), (Verdict::Allow, vec![]));
        assert_eq!(decision.obligations.max_tokens, Some(1024));
        assert!(decision.obligations.redact.is_some());
        let mut sample = Sample::tool_use();
        assert_eq!(policies.decide(&sample.question()).verdict, Verdict::Allow);
        sample.tool_name = "db_query".into();
        assert_eq!(policies.decide(&sample.question()).verdict, Verdict::Deny);
    }

    #[test]
    fn the_shipped_library_grants_endpoints_knowledge_bases_and_operations() {
        let grants = [
            ("endpoints", json!(["llama-*"]), Sample::invoke_endpoint()),
            ("knowledge_bases", json!(["KB12345678"]), Sample::retrieve()),
            ("operations", json!(["bedrock-agent-runtime.InvokeAgent"]), Sample::call_api()),
        ];
        let library: Vec<(&str, &str)> = crate::library::MODULES.to_vec();
        for (key, list, mut sample) in grants {
            sample.signals.injection = 0.0;
            for (key, verdict) in [(key, Verdict::Allow), ("models", Verdict::Deny)] {
                let data = json!({"teams": {"payments": {"regions": ["us-east-1"], key: list.clone()}}});
                let bundle = Bundle::from_modules(library.clone(), data);
                let decision = PolicySet::new(bundle, patient()).unwrap().decide(&sample.question());
                assert_eq!((decision.verdict, &decision.error), (verdict, &None), "{:?}", decision.reasons);
                assert!(decision.obligations.redact.is_some());
            }
        }
    }

    #[test]
    fn a_directory_loads_like_the_library() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("rego");
        let bundle = Bundle::load(&Source::Directory(directory), &[]).unwrap();
        let revision = bundle.revision().to_owned();
        assert_eq!(PolicySet::new(bundle, Settings::default()).unwrap().revision(), revision);
    }
}
