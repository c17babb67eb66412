//! One limit as the configuration states it, and whom it applies to. Counting is the ledger's.

use hardpan_inference::model_id::ModelId;
use hardpan_inference::principal::Principal;

use crate::window::Window;

/// "No more than `limit` of `unit` per `window`", for each member of a scope or for one named member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Unique; what refusals, headers and metrics call it.
    pub name: String,
    pub scope: Scope,
    /// Only this team, app or user. `None`: each has a counter of its own.
    pub of: Option<String>,
    /// Only this model, by family (`claude-sonnet-4`), base id or exact id. `None`: all models together.
    pub model: Option<String>,
    pub unit: Unit,
    pub window: Window,
    pub limit: u64,
}

impl Limit {
    pub fn applies_to(&self, principal: &Principal, model: &ModelId) -> bool {
        self.names_principal(principal) && self.names_model(model)
    }

    fn names_principal(&self, principal: &Principal) -> bool {
        let Some(of) = &self.of else {
            return true;
        };
        match self.scope {
            Scope::Org => true,
            Scope::Team => *of == principal.team,
            Scope::App => *of == principal.app,
            Scope::User => Some(of) == principal.user.as_ref(),
        }
    }

    fn names_model(&self, model: &ModelId) -> bool {
        match self.model.as_deref() {
            None => true,
            // A hidden model has an empty base and family: an empty name must not match those.
            Some("") => false,
            Some(name) => name == model.as_str() || name == model.base() || name == model.family(),
        }
    }
}

/// Who shares a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    Org,
    Team,
    App,
    /// The end user an app names. Users of two apps are two users, and calls that name none share a counter
    /// per app, so that leaving the name out never escapes the limit.
    User,
}

impl Scope {
    pub const ALL: [Scope; 4] = [Scope::Org, Scope::Team, Scope::App, Scope::User];

    pub fn name(self) -> &'static str {
        match self {
            Scope::Org => "org",
            Scope::Team => "team",
            Scope::App => "app",
            Scope::User => "user",
        }
    }

    pub fn from_name(name: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    Requests,
    /// Tokens as Bedrock's own quota counts them, see [`crate::estimate`].
    Tokens,
    NanoUsd,
}

impl Unit {
    pub const ALL: [Unit; 3] = [Unit::Requests, Unit::Tokens, Unit::NanoUsd];

    pub fn name(self) -> &'static str {
        match self {
            Unit::Requests => "requests",
            Unit::Tokens => "tokens",
            Unit::NanoUsd => "nano_usd",
        }
    }

    pub fn from_name(name: &str) -> Option<Unit> {
        Unit::ALL.into_iter().find(|unit| unit.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(team: &str, app: &str, user: Option<&str>) -> Principal {
        Principal {
            team: team.into(),
            app: app.into(),
            user: user.map(str::to_owned),
            ..Principal::default()
        }
    }

    #[test]
    fn a_limit_applies_to_whom_and_what_it_names() {
        let anna = principal("payments", "chat", Some("anna"));
        let sonnet = ModelId::parse("us.anthropic.claude-sonnet-4-20250514-v1:0").unwrap();
        for (scope, of, model, applies) in [
            (Scope::Org, None, None, true),
            (Scope::Org, Some("whatever"), None, true),
            (Scope::Team, None, None, true),
            (Scope::Team, Some("payments"), None, true),
            (Scope::Team, Some("chat"), None, false),
            (Scope::App, Some("chat"), None, true),
            (Scope::App, Some("other"), None, false),
            (Scope::User, Some("anna"), None, true),
            (Scope::User, Some("bob"), None, false),
            (Scope::Org, None, Some("claude-sonnet-4"), true),
            (Scope::Org, None, Some("anthropic.claude-sonnet-4-20250514-v1:0"), true),
            (Scope::Org, None, Some("us.anthropic.claude-sonnet-4-20250514-v1:0"), true),
            (Scope::Org, None, Some("eu.anthropic.claude-sonnet-4-20250514-v1:0"), false),
            (Scope::Org, None, Some("claude-sonnet"), false),
            (Scope::Org, None, Some(""), false),
        ] {
            let limit = Limit {
                name: "test".into(),
                scope,
                of: of.map(str::to_owned),
                model: model.map(str::to_owned),
                unit: Unit::Requests,
                window: Window::Minute,
                limit: 1,
            };
            assert_eq!(limit.applies_to(&anna, &sonnet), applies, "{scope:?} {of:?} {model:?}");
        }
    }

    #[test]
    fn a_limit_on_one_user_does_not_apply_to_calls_without_a_user() {
        let limit = Limit {
            name: "test".into(),
            scope: Scope::User,
            of: Some("anna".into()),
            model: None,
            unit: Unit::Requests,
            window: Window::Minute,
            limit: 1,
        };
        let model = ModelId::parse("amazon.nova-lite-v1:0").unwrap();
        assert!(!limit.applies_to(&principal("payments", "chat", None), &model));
    }

    #[test]
    fn names_are_read_back() {
        for scope in Scope::ALL {
            assert_eq!(Scope::from_name(scope.name()), Some(scope));
        }
        for unit in Unit::ALL {
            assert_eq!(Unit::from_name(unit.name()), Some(unit));
        }
        assert_eq!((Scope::from_name("Org"), Unit::from_name("usd")), (None, None));
    }
}
