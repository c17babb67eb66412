//! Which rules answer a question: by action, by layer and by who asks. Built once per bundle from the
//! syntax.
//!
//! The package path is the binding: `policy.team.payments.x` is asked only when the principal's team is
//! `payments`, so a team cannot affect another. Nothing is evaluated here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hardpan_inference::principal::Principal;

use crate::decision::Layer;
use crate::input::Action;
use crate::syntax::{Definition, Form, Syntax};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    Deny,
    Allow,
    Warn,
    Apply,
}

impl Verb {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Verb::Deny => "deny",
            Verb::Allow => "allow",
            Verb::Warn => "warn",
            Verb::Apply => "apply",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Verb> {
        [Verb::Deny, Verb::Allow, Verb::Warn, Verb::Apply].into_iter().find(|verb| verb.name() == name)
    }
}

/// What a package is, by its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Home {
    /// `owner` is empty for the organisation.
    Layer { layer: Layer, owner: String },
    /// Under `policy`, but in no layer.
    Misplaced,
    /// Functions and values for others.
    Helper,
}

pub(crate) fn home(package: &[String]) -> Home {
    let parts: Vec<&str> = package.iter().map(String::as_str).collect();
    let (layer, owner) = match parts.as_slice() {
        ["policy", "org", ..] => (Layer::Org, ""),
        ["policy", "team", owner, ..] if !owner.is_empty() => (Layer::Team, *owner),
        ["policy", "app", owner, ..] if !owner.is_empty() => (Layer::App, *owner),
        ["policy", ..] => return Home::Misplaced,
        _ => return Home::Helper,
    };
    Home::Layer { layer, owner: owner.to_owned() }
}

/// The root of a layer's packages.
pub(crate) fn layer_root(layer: Layer, principal: &Principal) -> String {
    match layer {
        Layer::Org => "policy.org".to_owned(),
        Layer::Team => format!("policy.team.{}", principal.team),
        Layer::App => format!("policy.app.{}", principal.app),
    }
}

/// One verb of one package: all its rules are evaluated together.
pub(crate) struct VerbRule {
    /// As the engine wants it: `data.policy.org.models.deny`.
    pub(crate) path: String,
    pub(crate) package: String,
    pub(crate) layer: Layer,
    pub(crate) verb: Verb,
    pub(crate) owner: String,
    /// File and line of its first rule.
    pub(crate) begins: String,
    /// Whether it can speak about an action; `None` is all of them.
    actions: Option<BTreeSet<String>>,
    places: Places,
}

impl VerbRule {
    /// File and line of the rule that produced an item with this code or key, when only one can have.
    pub(crate) fn at(&self, label: &str) -> Option<String> {
        self.places.labelled.get(label).unwrap_or(&self.places.other).clone()
    }

    pub(crate) fn speaks_about(&self, action: Action) -> bool {
        self.actions.as_ref().is_none_or(|actions| actions.contains(action.name()))
    }

    fn absorb(&mut self, definition: &Definition) {
        match (&mut self.actions, &definition.actions) {
            (Some(all), Some(more)) => all.extend(more.iter().cloned()),
            (all, _) => *all = None,
        }
        self.places.absorb(self.verb, definition);
    }
}

#[derive(Default)]
struct Places {
    /// `None` where several rules carry the label.
    labelled: BTreeMap<String, Option<String>>,
    /// The only rule whose label is not literal.
    other: Option<String>,
    others: usize,
}

impl Places {
    fn absorb(&mut self, verb: Verb, definition: &Definition) {
        let at = Some(definition.at.clone());
        match label(verb, &definition.form) {
            Some(label) => {
                self.labelled.entry(label).and_modify(|place| *place = None).or_insert(at);
            }
            None => {
                self.others += 1;
                self.other = if self.others == 1 { at } else { None };
            }
        }
    }
}

fn label(verb: Verb, form: &Form) -> Option<String> {
    match (verb, form) {
        (Verb::Apply, Form::Set { keys, .. }) => keys.first().cloned(),
        (_, Form::Set { text, code, .. }) => text.clone().or_else(|| code.clone()),
        _ => None,
    }
}

/// Rules by action and asker.
pub(crate) struct Plans {
    /// Every verb of every package, in the order of evaluation.
    pub(crate) rules: Vec<Arc<VerbRule>>,
    actions: BTreeMap<Action, Plan>,
}

#[derive(Default)]
struct Plan {
    org: Vec<Arc<VerbRule>>,
    team: BTreeMap<String, Vec<Arc<VerbRule>>>,
    app: BTreeMap<String, Vec<Arc<VerbRule>>>,
}

impl Plans {
    pub(crate) fn new(syntax: &Syntax) -> Plans {
        let mut rules: BTreeMap<(Layer, Vec<String>, Verb), VerbRule> = BTreeMap::new();
        for definition in &syntax.definitions {
            let (Some(verb), Home::Layer { layer, owner }) =
                (Verb::from_name(definition.name()), home(&definition.package))
            else {
                continue;
            };
            // A default adds nothing to what the rules can say.
            if matches!(definition.form, Form::Default { .. }) {
                continue;
            }
            rules
                .entry((layer, definition.package.clone(), verb))
                .or_insert_with(|| VerbRule {
                    path: rule_path(&definition.path),
                    package: definition.package.join("."),
                    layer,
                    verb,
                    owner,
                    begins: definition.at.clone(),
                    actions: Some(BTreeSet::new()),
                    places: Places::default(),
                })
                .absorb(definition);
        }
        let rules: Vec<Arc<VerbRule>> = rules.into_values().map(Arc::new).collect();
        let actions = Action::ALL.iter().map(|action| (*action, Plan::new(*action, &rules))).collect();
        Plans { rules, actions }
    }

    /// Rules to ask, outermost layer first.
    pub(crate) fn applicable(
        &self,
        action: Action,
        principal: &Principal,
    ) -> impl Iterator<Item = &VerbRule> {
        let plan = self.actions.get(&action);
        let org = plan.map(|plan| plan.org.as_slice());
        let team = plan.and_then(|plan| plan.team.get(&principal.team)).map(Vec::as_slice);
        let app = plan.and_then(|plan| plan.app.get(&principal.app)).map(Vec::as_slice);
        [org, team, app].into_iter().flatten().flatten().map(Arc::as_ref)
    }

    /// Layers that must each allow: the organisation always, others where they have an `allow` for the
    /// action. None of them where the action passes unless it is denied.
    pub(crate) fn responsible(&self, action: Action, principal: &Principal) -> BTreeSet<Layer> {
        if action.passes_unless_denied() {
            return BTreeSet::new();
        }
        let allows = self.applicable(action, principal).filter(|rule| rule.verb == Verb::Allow);
        allows.map(|rule| rule.layer).chain([Layer::Org]).collect()
    }
}

impl Plan {
    fn new(action: Action, rules: &[Arc<VerbRule>]) -> Plan {
        let mut plan = Plan::default();
        for rule in rules.iter().filter(|rule| rule.speaks_about(action)) {
            let place = match rule.layer {
                Layer::Org => &mut plan.org,
                Layer::Team => plan.team.entry(rule.owner.clone()).or_default(),
                Layer::App => plan.app.entry(rule.owner.clone()).or_default(),
            };
            place.push(Arc::clone(rule));
        }
        plan
    }
}

/// A path under `data` in the engine's notation.
pub(crate) fn rule_path(components: &[String]) -> String {
    let mut path = "data".to_owned();
    for component in components {
        let mut bytes = component.bytes();
        let starts = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        if starts && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            path.push('.');
            path.push_str(component);
        } else {
            path.push('[');
            path.push_str(&serde_json::Value::from(component.as_str()).to_string());
            path.push(']');
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use regorus::Engine;

    use super::*;

    fn plans(modules: &[&str]) -> Plans {
        let mut engine = Engine::new();
        for (index, text) in modules.iter().enumerate() {
            engine.add_policy(format!("{index}.rego"), (*text).into()).unwrap();
        }
        Plans::new(&Syntax::read(engine.get_modules()))
    }

    fn principal(team: &str, app: &str) -> Principal {
        Principal { team: team.into(), app: app.into(), ..Principal::default() }
    }

    #[test]
    fn a_package_is_asked_only_about_its_own_team_or_app() {
        let plans = plans(&[
            "package policy.org.a\ndeny contains \"x\"",
            "package policy.team.red.a\ndeny contains \"x\"",
            "package policy.app[\"red-bot\"].a\ndeny contains \"x\"",
            "package lib.x\nr := 1",
        ]);
        let asked = |team: &str, app: &str| {
            let principal = principal(team, app);
            let rules = plans.applicable(Action::ModelInvoke, &principal);
            rules.map(|rule| rule.path.clone()).collect::<Vec<_>>()
        };
        let org = "data.policy.org.a.deny";
        assert_eq!(asked("blue", "x"), [org]);
        assert_eq!(asked("", ""), [org]);
        assert_eq!(asked("red", "x"), [org, "data.policy.team.red.a.deny"]);
        assert_eq!(asked("blue", "red-bot"), [org, "data.policy.app[\"red-bot\"].a.deny"]);
    }

    #[test]
    fn rules_that_name_another_action_are_left_out() {
        let plans = plans(&[
            "package policy.org.a\ndeny contains \"x\" if input.action == \"tool:use\"",
            "package policy.org.b\ndeny contains \"x\" if input.action == \"tool:use\"\ndeny contains \"y\"",
        ]);
        let principal = principal("t", "a");
        let count = |action| plans.applicable(action, &principal).count();
        assert_eq!((count(Action::ModelInvoke), count(Action::ToolUse)), (1, 2));
    }

    #[test]
    fn a_layer_is_responsible_where_it_can_allow() {
        let plans = plans(&[
            "package policy.org.a\ndeny contains \"x\"",
            "package policy.team.red.a\nallow contains \"x\" if input.action == \"tool:use\"",
            "package policy.app.bot.a\ndefault allow := false\nallow if input.x",
        ]);
        let responsible = |action, team: &str, app: &str| plans.responsible(action, &principal(team, app));
        assert_eq!(responsible(Action::ModelInvoke, "red", "x"), BTreeSet::from([Layer::Org]));
        assert_eq!(responsible(Action::ToolUse, "red", "x"), BTreeSet::from([Layer::Org, Layer::Team]));
        assert_eq!(responsible(Action::ModelInvoke, "blue", "bot"), BTreeSet::from([Layer::Org, Layer::App]));
        for action in [Action::ToolResult, Action::ModelRespond] {
            assert_eq!(responsible(action, "blue", "bot"), BTreeSet::new());
        }
    }

    #[test]
    fn places_are_given_only_when_certain() {
        let plans = plans(&["package policy.org.a\n\
            deny contains \"one\" if input.a\n\
            deny contains {\"code\": \"two\", \"msg\": \"m\"} if input.b\n\
            deny contains {\"code\": \"twice\"} if input.c\n\
            deny contains {\"code\": \"twice\"} if input.d\n\
            deny contains x if some x in input.e"]);
        let rule = &plans.rules[0];
        let at = |line: u32| Some(format!("0.rego:{line}"));
        assert_eq!((rule.at("one"), rule.at("two"), rule.at("twice")), (at(2), at(3), None));
        assert_eq!(rule.at("anything else"), at(6));
    }
}
