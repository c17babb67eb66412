//! Why a document is decided as it is: for every `allow` and `deny` that was asked, the first condition that does not
//! hold, with what it read.
//!
//! Found by asking the engine for longer and longer beginnings of each body, in a module of the rule's own package and
//! imports, so that several conditions on one line are told apart. A tool for authors: it shows values of the input it
//! was given, is never part of serving, and asks a bounded number of questions.

use std::cell::Cell;

use regorus::unstable::{
    AssignOp, Expr, Import, Literal, LiteralStmt, Module, Ref, Rule, RuleBody, RuleHead,
};
use regorus::{Engine, Value};

use crate::decision::Decision;
use crate::document::InputDocument;
use crate::evaluate::PolicySet;
use crate::plan::{Verb, VerbRule, rule_path};
use crate::syntax::{named_actions, place, rule_head, static_path};
use crate::walk::{expression_text, parts, statement_text};

/// Questions to the engine for one explanation. The library takes some hundred.
const PROBES_MAX: usize = 20_000;
/// Rules a condition depends on, one behind the other, that are explained as well.
const DEPTH_MAX: usize = 4;
/// Values shown of one reference, and characters of each.
const VALUES_MAX: usize = 3;
const VALUE_CHARACTERS_MAX: usize = 160;

/// Holds what the input holds, hence no `Debug`.
pub struct Explanation {
    pub decision: Decision,
    /// In the order of evaluation; a rule about another action is left out.
    pub rules: Vec<RuleExplanation>,
}

pub struct RuleExplanation {
    /// `org/models.rego:14`.
    pub at: String,
    /// `data.policy.org.models.allow`.
    pub path: String,
    /// The value of the head, as written.
    pub head: String,
    pub outcome: Outcome,
}

pub enum Outcome {
    Held,
    Stopped(Condition),
    /// The engine does not say.
    Unknown,
}

/// The first condition that does not hold.
pub struct Condition {
    pub at: String,
    /// As written.
    pub text: String,
    pub finding: Finding,
    /// What it refers to and what that is, as JSON; `undefined` where there is nothing.
    pub values: Vec<(String, String)>,
    /// The rules it depends on.
    pub because: Vec<RuleExplanation>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    False,
    Undefined,
    /// Behind a `not`, and it holds.
    Holds,
    /// `some … in`: there is nothing that satisfies it.
    Nothing,
    /// `every`: there is something that does not satisfy it.
    NotEvery,
    Error,
}

impl Finding {
    pub fn name(self) -> &'static str {
        match self {
            Finding::False => "is false",
            Finding::Undefined => "is undefined",
            Finding::Holds => "holds behind its not",
            Finding::Nothing => "finds nothing",
            Finding::NotEvery => "is not true of every one",
            Finding::Error => "raises an error",
        }
    }
}

pub fn explain(policies: &PolicySet, document: &InputDocument) -> Explanation {
    let decision = policies.decide_document(document);
    let mut engine = policies.engine(&document.value);
    let modules = engine.get_modules().clone();
    let explainer = Explainer { engine, modules, probes: Cell::new(0) };
    let wanted = |rule: &&VerbRule| matches!(rule.verb, Verb::Allow | Verb::Deny);
    let asked: Vec<&VerbRule> =
        policies.plans().applicable(document.action, &document.principal).filter(wanted).collect();
    let mut rules = Vec::new();
    for rule in asked {
        let (package, verb) = (rule.package.as_str(), rule.verb.name());
        for module in &explainer.modules {
            let own = static_path(&module.package.refr);
            if own.join(".") != package {
                continue;
            }
            for written in module.policy.iter().filter(|written| static_path(rule_head(written)) == [verb]) {
                if speaks_about(written, document.action.name()) {
                    rules.extend(explainer.rule(module, &own, written, 0));
                }
            }
        }
    }
    Explanation { decision, rules }
}

fn speaks_about(rule: &Rule, action: &str) -> bool {
    match rule {
        Rule::Spec { bodies, .. } => named_actions(bodies).is_none_or(|actions| actions.contains(action)),
        Rule::Default { .. } => false,
    }
}

struct Explainer {
    /// Prepared, with the input.
    engine: Engine,
    modules: Vec<Ref<Module>>,
    probes: Cell<usize>,
}

impl Explainer {
    /// One explanation for each body.
    fn rule(&self, module: &Module, package: &[String], rule: &Rule, depth: usize) -> Vec<RuleExplanation> {
        let Rule::Spec { head, bodies, span } = rule else { return Vec::new() };
        let name = static_path(rule_head(rule));
        let path = rule_path(&package.iter().chain(&name).cloned().collect::<Vec<_>>());
        let one = |outcome, at| RuleExplanation {
            at,
            path: path.clone(),
            head: head_value(head).map_or_else(String::new, |value| shortened(expression_text(value))),
            outcome,
        };
        if bodies.is_empty() {
            return vec![one(self.body(module, head, None, depth), place(span))];
        }
        bodies.iter().map(|body| one(self.body(module, head, Some(body), depth), place(span))).collect()
    }

    fn body(&self, module: &Module, head: &RuleHead, body: Option<&RuleBody>, depth: usize) -> Outcome {
        let statements: &[LiteralStmt] = body.map_or(&[], |body| &body.query.stmts);
        let texts: Vec<&str> = statements.iter().map(statement_text).collect();
        for (index, statement) in statements.iter().enumerate() {
            let upto = texts.get(..=index).unwrap_or_default();
            let before = texts.get(..index).unwrap_or_default();
            match self.holds(module, upto) {
                Some(Ok(true)) => {}
                Some(Ok(false)) => return Outcome::Stopped(self.condition(module, before, statement, depth)),
                Some(Err(())) => {
                    let condition = self.condition(module, before, statement, depth);
                    return Outcome::Stopped(Condition { finding: Finding::Error, ..condition });
                }
                // A beginning can bind less than the whole needs.
                None => {}
            }
        }
        let Some(value) = body.and_then(|body| Some(&body.assign.as_ref()?.value)).or(head_value(head))
        else {
            return Outcome::Held;
        };
        match self.values(module, &texts, expression_text(value)) {
            Some(values) if values.is_empty() => Outcome::Stopped(Condition {
                at: place(value.span()),
                text: shortened(expression_text(value)),
                finding: Finding::Undefined,
                values: self.shown(module, &texts, references(value)),
                because: Vec::new(),
            }),
            Some(_) => Outcome::Held,
            None => Outcome::Unknown,
        }
    }

    fn condition(
        &self,
        module: &Module,
        before: &[&str],
        statement: &LiteralStmt,
        depth: usize,
    ) -> Condition {
        let (finding, subject) = match &statement.literal {
            Literal::Expr { expr, .. } => (self.finding(module, before, statement, expr), Some(expr)),
            Literal::NotExpr { expr, .. } => (Finding::Holds, Some(expr)),
            Literal::SomeIn { collection, .. } => (Finding::Nothing, Some(collection)),
            Literal::Every { domain, .. } => (Finding::NotEvery, Some(domain)),
            Literal::SomeVars { .. } => (Finding::Undefined, None),
        };
        let references = subject.map(|subject| references(subject)).unwrap_or_default();
        let because = if depth < DEPTH_MAX && finding != Finding::Holds {
            references.iter().flat_map(|reference| self.because(module, before, reference, depth)).collect()
        } else {
            Vec::new()
        };
        Condition {
            at: place(&statement.span),
            text: shortened(statement_text(statement)),
            finding,
            values: self.shown(module, before, references),
            because,
        }
    }

    fn finding(
        &self,
        module: &Module,
        before: &[&str],
        statement: &LiteralStmt,
        expression: &Expr,
    ) -> Finding {
        let assigns = matches!(expression, Expr::AssignExpr { op: AssignOp::ColEq | AssignOp::Eq, .. });
        if assigns || !statement.with_mods.is_empty() {
            return Finding::Undefined;
        }
        match self.values(module, before, expression_text(expression)) {
            Some(values) if values.contains(&Value::Bool(false)) => Finding::False,
            _ => Finding::Undefined,
        }
    }

    /// The rules behind a reference that is not there, is false or is empty.
    fn because(
        &self,
        module: &Module,
        before: &[&str],
        reference: &Expr,
        depth: usize,
    ) -> Vec<RuleExplanation> {
        let lacks = |value: &Value| match value {
            Value::Bool(holds) => !holds,
            Value::Set(items) => items.is_empty(),
            Value::Array(items) => items.is_empty(),
            _ => false,
        };
        let Some(values) = self.values(module, before, expression_text(reference)) else { return Vec::new() };
        if !values.iter().all(lacks) {
            return Vec::new();
        }
        let target = absolute(module, reference);
        let mut found = Vec::new();
        for module in &self.modules {
            let package = static_path(&module.package.refr);
            for rule in &module.policy {
                let path: Vec<String> = package.iter().cloned().chain(static_path(rule_head(rule))).collect();
                let is_function = matches!(rule.as_ref(), Rule::Spec { head: RuleHead::Func { args, .. }, .. } if !args.is_empty());
                if target.starts_with(&path) && path.len() > package.len() && !is_function {
                    found.extend(self.rule(module, &package, rule, depth + 1));
                }
            }
        }
        // Where one of them holds, what is missing is below it.
        if found.iter().any(|rule| matches!(rule.outcome, Outcome::Held)) { Vec::new() } else { found }
    }

    fn shown(&self, module: &Module, before: &[&str], references: Vec<&Expr>) -> Vec<(String, String)> {
        let mut shown: Vec<(String, String)> = Vec::new();
        for reference in references {
            let text = expression_text(reference);
            if shown.iter().any(|(other, _)| other == text) {
                continue;
            }
            if let Some(values) = self.values(module, before, text) {
                shown.push((text.to_owned(), written(&values)));
            }
        }
        shown
    }

    /// Whether there is a way to satisfy the conditions; `None` where they cannot be asked alone.
    fn holds(&self, module: &Module, conditions: &[&str]) -> Option<Result<bool, ()>> {
        let body = conditions.join("\n");
        match self.ask(module, &format!("if {{\n{body}\n}}"))? {
            Ok(value) => Some(Ok(value == Value::Bool(true))),
            Err(()) => Some(Err(())),
        }
    }

    /// What an expression is, for every way to satisfy the conditions before it.
    fn values(&self, module: &Module, before: &[&str], expression: &str) -> Option<Vec<Value>> {
        let before = before.join("\n");
        let probe = format!(":= [{PROBE}_value |\n{before}\n{PROBE}_value := {expression}\n]");
        match self.ask(module, &probe)? {
            Ok(Value::Array(values)) => Some(values.iter().cloned().collect()),
            Ok(_) | Err(()) => None,
        }
    }

    /// A rule beside those of the module. `None` where it is not Rego by itself; an error is one of evaluation.
    fn ask(&self, module: &Module, rule: &str) -> Option<Result<Value, ()>> {
        if self.probes.get() >= PROBES_MAX {
            return None;
        }
        self.probes.set(self.probes.get() + 1);
        let package = module.package.refr.span().text();
        let imports: String = module.imports.iter().map(import_text).collect();
        let text = format!("package {package}\n{imports}{PROBE} {rule}\n");
        let mut engine = self.engine.clone();
        engine.add_policy(format!("{PROBE}.rego"), text).ok()?;
        let path = format!("{}.{PROBE}", rule_path(&static_path(&module.package.refr)));
        let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| engine.eval_rule(path)));
        match answer {
            Ok(Ok(value)) => Some(Ok(value)),
            // What the engine says of a name that is bound later.
            Ok(Err(error)) if error.to_string().contains("unsafe") => None,
            Ok(Err(_)) | Err(_) => Some(Err(())),
        }
    }
}

const PROBE: &str = "hardpan_explains";

fn import_text(import: &Import) -> String {
    let name = import.r#as.as_ref().map_or_else(String::new, |name| format!(" as {}", name.text()));
    format!("import {}{name}\n", import.refr.span().text())
}

fn head_value(head: &RuleHead) -> Option<&Ref<Expr>> {
    match head {
        RuleHead::Compr { assign, .. } | RuleHead::Func { assign, .. } => {
            assign.as_ref().map(|assign| &assign.value)
        }
        RuleHead::Set { key, .. } => key.as_ref(),
    }
}

/// What an expression refers to: its longest references, outside of comprehensions, which bind names of their own.
fn references(expression: &Expr) -> Vec<&Expr> {
    match expression {
        Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. } => vec![expression],
        Expr::ArrayCompr { .. } | Expr::SetCompr { .. } | Expr::ObjectCompr { .. } => Vec::new(),
        Expr::AssignExpr { op: AssignOp::ColEq, rhs, .. } => references(rhs),
        _ => parts(expression).0.into_iter().flat_map(|part| references(part)).collect(),
    }
}

/// Path under `data` of what a reference of a module names.
fn absolute(module: &Module, reference: &Expr) -> Vec<String> {
    let path = static_path(reference);
    let Some((root, below)) = path.split_first() else { return Vec::new() };
    if root == "data" {
        return below.to_vec();
    }
    let imported = module.imports.iter().find_map(|import| {
        let target = static_path(&import.refr);
        let name =
            import.r#as.as_ref().map(|name| name.text().to_owned()).or_else(|| target.last().cloned())?;
        (name == *root && target.first().is_some_and(|root| root == "data")).then_some(target)
    });
    match imported {
        Some(target) => target.iter().skip(1).chain(below).cloned().collect(),
        None => static_path(&module.package.refr).into_iter().chain(path).collect(),
    }
}

fn written(values: &[Value]) -> String {
    if values.is_empty() {
        return "undefined".to_owned();
    }
    let mut texts: Vec<String> = Vec::new();
    for value in values {
        let text = shortened(&value.to_string());
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    let more = texts.len() > VALUES_MAX;
    texts.truncate(VALUES_MAX);
    if more {
        texts.push("…".to_owned());
    }
    texts.join(" or ")
}

/// On one line, and not too long for one.
fn shortened(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(VALUE_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::evaluate::Settings;
    use crate::source::Bundle;

    fn policies(modules: &[(&str, &str)], data: serde_json::Value) -> PolicySet {
        let settings =
            Settings { evaluation_limit: std::time::Duration::from_secs(30), ..Settings::default() };
        PolicySet::new(Bundle::from_modules(modules.to_vec(), data), settings).unwrap()
    }

    const INPUT: &str = r#"{"action": "model:invoke", "principal": {"team": "payments"},
        "model": {"id": "m-1", "region": "ap-south-1"}, "request": {"tools": ["a", "b"], "stream": false}}"#;

    fn one(rules: &str) -> Condition {
        let text = format!("package policy.org.a\nimport data.lib.helper as h\n{rules}");
        let helper =
            "package lib.helper\nlisted contains name if some name in data.none\nf(x) := y if y := x.z";
        let data = json!({"teams": {"payments": {"regions": ["us-east-1"]}}, "none": []});
        let policies = policies(&[("org/a.rego", &text), ("lib/helper.rego", helper)], data);
        let explanation = explain(&policies, &InputDocument::parse(INPUT).unwrap());
        let rule = explanation.rules.into_iter().next().unwrap();
        match rule.outcome {
            Outcome::Stopped(condition) => condition,
            Outcome::Held => panic!("{rules} held"),
            Outcome::Unknown => panic!("{rules} is unknown"),
        }
    }

    #[test]
    fn the_first_condition_that_fails_is_named() {
        for (rules, at, text, finding) in [
            (
                "allow contains \"x\" if {\ninput.action == \"model:invoke\"\ninput.model.region == \"eu\"\nfalse\n}",
                "org/a.rego:5",
                "input.model.region == \"eu\"",
                Finding::False,
            ),
            (
                "allow if { input.model.id; input.absent.x; true }",
                "org/a.rego:3",
                "input.absent.x",
                Finding::Undefined,
            ),
            (
                "allow if { input.model.id; not input.model.region }",
                "org/a.rego:3",
                "not input.model.region",
                Finding::Holds,
            ),
            ("allow if { some n in data.none; n }", "org/a.rego:3", "some n in data.none", Finding::Nothing),
            ("allow if { some n in [1, 2]; n > 1; n > 2; n > 0 }", "org/a.rego:3", "n > 2", Finding::False),
            (
                "allow if every t in input.request.tools { t == \"a\" }",
                "org/a.rego:3",
                "every t in input.request.tools { t == \"a\" }",
                Finding::NotEvery,
            ),
            ("allow if input.request.stream", "org/a.rego:3", "input.request.stream", Finding::False),
            (
                "allow if to_number(input.model.id) == 1",
                "org/a.rego:3",
                "to_number(input.model.id) == 1",
                Finding::Error,
            ),
            (
                "allow if input.model.id == \"m-2\" with input.model.id as \"m-3\"",
                "org/a.rego:3",
                "input.model.id == \"m-2\" with input.model.id as \"m-3\"",
                Finding::Undefined,
            ),
            (
                "deny contains {\"code\": \"c\", \"msg\": input.absent} if input.model.id",
                "org/a.rego:3",
                "{\"code\": \"c\", \"msg\": input.absent}",
                Finding::Undefined,
            ),
            (
                "allow if { x := h.f(input.model); x }",
                "org/a.rego:3",
                "x := h.f(input.model)",
                Finding::Undefined,
            ),
        ] {
            let found = one(rules);
            assert_eq!(
                (found.at.as_str(), found.text.as_str(), found.finding),
                (at, text, finding),
                "{rules}"
            );
        }
    }

    #[test]
    fn what_a_condition_read_is_shown() {
        let found = one("team := data.teams[input.principal.team]\n\
            allow if { regions := team.regions; input.model.region in regions }");
        let expected = [("input.model.region", "\"ap-south-1\""), ("regions", "[\"us-east-1\"]")];
        let values: Vec<(&str, &str)> =
            found.values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(values, expected);
        let found = one("allow if { some t in input.request.tools; t == input.absent }");
        assert_eq!(found.values[0], ("t".to_owned(), "\"a\" or \"b\"".to_owned()));
        assert_eq!(found.values[1], ("input.absent".to_owned(), "undefined".to_owned()));
    }

    #[test]
    fn rules_behind_a_condition_are_explained_too() {
        let found = one("allow if { input.model.id; granted }\n\
            granted if input.model.id == \"m-2\"\n\
            granted if deeper\n\
            deeper if input.absent");
        let because: Vec<&str> = found.because.iter().map(|rule| rule.at.as_str()).collect();
        assert_eq!(because, ["org/a.rego:4", "org/a.rego:5"]);
        let Outcome::Stopped(second) = &found.because[1].outcome else { panic!() };
        let Outcome::Stopped(third) = &second.because[0].outcome else { panic!() };
        assert_eq!((third.at.as_str(), third.text.as_str()), ("org/a.rego:6", "input.absent"));
        let found = one("allow if count(h.listed) > 0");
        assert_eq!(found.because[0].path, "data.lib.helper.listed");
    }

    #[test]
    fn rules_that_hold_and_rules_about_other_actions() {
        let rules = "package policy.org.a\n\
            allow contains \"x\" if { some t in input.request.tools; t == \"b\" }\n\
            allow contains \"z\" if input.action == \"api:call\"\n\
            deny contains {\"code\": \"y\", \"msg\": \"m\"}";
        let policies = policies(&[("org/a.rego", rules)], json!({}));
        let explanation = explain(&policies, &InputDocument::parse(INPUT).unwrap());
        let told: Vec<(&str, &str)> =
            explanation.rules.iter().map(|rule| (rule.at.as_str(), rule.head.as_str())).collect();
        assert_eq!(told, [("org/a.rego:4", "{\"code\": \"y\", \"msg\": \"m\"}"), ("org/a.rego:2", "\"x\"")]);
        assert!(explanation.rules.iter().all(|rule| matches!(rule.outcome, Outcome::Held)));
        assert_eq!(explanation.decision.reasons[0].code, "y");
    }

    #[test]
    fn the_library_explains_every_fixture() {
        let policies = PolicySet::new(
            Bundle::load(&crate::source::Source::Library, &[]).unwrap(),
            Settings { evaluation_limit: std::time::Duration::from_secs(30), ..Settings::default() },
        )
        .unwrap();
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("rego/fixtures");
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let document = InputDocument::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let explanation = explain(&policies, &document);
            let allows = explanation.rules.iter().filter(|rule| rule.path.ends_with(".allow"));
            // Nobody is granted anything by rules alone.
            assert!(allows.clone().count() > 0, "{}", path.display());
            for rule in allows {
                assert!(matches!(rule.outcome, Outcome::Stopped(_)), "{} {}", path.display(), rule.at);
            }
            let unknown = explanation.rules.iter().filter(|rule| matches!(rule.outcome, Outcome::Unknown));
            assert_eq!(unknown.count(), 0, "{}", path.display());
            // A rule that holds is a reason, and the other way round.
            let held = explanation
                .rules
                .iter()
                .any(|rule| rule.path.ends_with(".deny") && matches!(rule.outcome, Outcome::Held));
            let denied = explanation.decision.reasons.iter().any(|reason| reason.code != "no_allow");
            assert_eq!(held, denied, "{}", path.display());
        }
    }
}
