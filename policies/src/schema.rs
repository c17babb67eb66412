//! JSON Schemas of the input document: one per question, and one that any question keeps to.
//!
//! For editors (`opa check --schema`, Regal): a rule that reads a path no question has is then marked where it is
//! written. One table says what each fact is; a test holds it against the list the documents are made from and against
//! the documents themselves. Documents are never validated with them at run time.

use serde_json::{Map, Value, json};

use crate::input::Action;

use Kind::{Flag, Number, Object, Text, Texts, Whole};
use Questions::{All, Answer, Api, Endpoint, Kb, Models, Requests, Tool, ToolResult};

/// What a fact is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Whole,
    Number,
    Flag,
    Texts,
    /// Of texts.
    Pairs,
    /// Of counts.
    Counts,
    /// Whatever a model wrote.
    Object,
}

/// Which questions have it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Questions {
    All,
    Api,
    Models,
    Endpoint,
    Kb,
    Requests,
    Tool,
    ToolResult,
    Answer,
}

impl Questions {
    fn has(self, action: Action) -> bool {
        match self {
            All => true,
            Api => action == Action::ApiCall,
            Models => !matches!(action, Action::EndpointInvoke | Action::KbRetrieve),
            Endpoint => action == Action::EndpointInvoke,
            Kb => action == Action::KbRetrieve,
            Requests => !matches!(action, Action::ToolUse | Action::ToolResult | Action::ModelRespond),
            Tool => action == Action::ToolUse,
            ToolResult => action == Action::ToolResult,
            Answer => action == Action::ModelRespond,
        }
    }
}

struct Fact {
    path: &'static str,
    kind: Kind,
    questions: Questions,
    /// Whether it is there wherever the object it is in is.
    always: bool,
}

const fn fact(path: &'static str, kind: Kind, questions: Questions) -> Fact {
    Fact { path, kind, questions, always: true }
}

const fn maybe(path: &'static str, kind: Kind, questions: Questions) -> Fact {
    Fact { path, kind, questions, always: false }
}

const FACTS: &[Fact] = &[
    fact("v", Whole, All),
    fact("action", Text, All),
    fact("api.service", Text, All),
    maybe("api.operation", Text, All),
    maybe("api.region", Text, All),
    fact("api.inspected", Flag, Api),
    fact("api.content_elsewhere", Flag, Api),
    fact("api.resource", Kind::Pairs, Api),
    maybe("principal.id", Text, All),
    maybe("principal.team", Text, All),
    maybe("principal.app", Text, All),
    maybe("principal.env", Text, All),
    maybe("principal.user", Text, All),
    maybe("principal.groups", Texts, All),
    maybe("principal.claims", Kind::Pairs, All),
    fact("principal.verified", Texts, All),
    fact("signals.pii", Kind::Counts, All),
    fact("signals.secrets", Whole, All),
    fact("signals.injection", Number, All),
    maybe("net.ip", Text, All),
    fact("time.unix", Whole, All),
    maybe("time.utc", Text, All),
    maybe("time.hour", Whole, All),
    maybe("time.weekday", Text, All),
    maybe("metadata", Kind::Pairs, All),
    fact("session.labels", Texts, All),
    fact("model.id", Text, Models),
    maybe("model.provider", Text, Models),
    maybe("model.family", Text, Models),
    fact("model.kind", Text, Models),
    maybe("model.scope", Text, Models),
    maybe("model.region", Text, Models),
    maybe("model.account", Text, Models),
    fact("endpoint.name", Text, Endpoint),
    maybe("endpoint.component", Text, Endpoint),
    maybe("endpoint.variant", Text, Endpoint),
    maybe("endpoint.target_model", Text, Endpoint),
    fact("endpoint.router", Flag, Endpoint),
    fact("kb.id", Text, Kb),
    maybe("kb.results", Whole, Kb),
    maybe("kb.search", Text, Kb),
    fact("kb.query_chars", Whole, Kb),
    fact("kb.has_filter", Flag, Kb),
    fact("kb.implicit_filter", Flag, Kb),
    fact("kb.rerank", Flag, Kb),
    fact("kb.generate", Flag, Kb),
    fact("request.parsed", Flag, Requests),
    fact("request.dialect", Text, Requests),
    fact("request.stream", Flag, Requests),
    fact("request.bytes", Whole, Requests),
    fact("request.est_tokens", Whole, Requests),
    fact("request.content_elsewhere", Flag, Requests),
    fact("request.choices", Whole, Requests),
    maybe("request.params.max_tokens", Whole, Requests),
    maybe("request.params.temperature", Number, Requests),
    maybe("request.params.top_p", Number, Requests),
    fact("request.messages.count", Whole, Requests),
    fact("request.messages.by_role.user", Whole, Requests),
    fact("request.messages.by_role.assistant", Whole, Requests),
    fact("request.messages.chars", Whole, Requests),
    fact("request.messages.images", Whole, Requests),
    fact("request.messages.documents", Whole, Requests),
    fact("request.messages.tool_results", Whole, Requests),
    fact("request.system.count", Whole, Requests),
    maybe("request.system.sha256", Text, Requests),
    fact("request.tools", Texts, Requests),
    maybe("request.tool_choice", Text, Requests),
    fact("request.tools_unreadable", Flag, Requests),
    maybe("request.guardrail.id", Text, Requests),
    maybe("request.guardrail.version", Text, Requests),
    maybe("request.metadata", Kind::Pairs, Requests),
    maybe("request.routed_from", Text, Requests),
    fact("tool.id", Text, Tool),
    fact("tool.name", Text, Tool),
    maybe("tool.group", Text, Tool),
    fact("tool.index", Whole, Tool),
    fact("tool.of", Whole, Tool),
    fact("tool.declared", Flag, Tool),
    maybe("tool.args", Object, Tool),
    fact("tool.args_valid", Flag, Tool),
    fact("tool.args_errors", Texts, Tool),
    fact("tool.args_bytes", Whole, Tool),
    fact("tool.signals.pii", Kind::Counts, Tool),
    fact("tool.signals.secrets", Whole, Tool),
    fact("tool.signals.injection", Number, Tool),
    maybe("tool_result.id", Text, ToolResult),
    maybe("tool_result.name", Text, ToolResult),
    maybe("tool_result.status", Text, ToolResult),
    fact("tool_result.bytes", Whole, ToolResult),
    fact("tool_result.signals.pii", Kind::Counts, ToolResult),
    fact("tool_result.signals.secrets", Whole, ToolResult),
    fact("tool_result.signals.injection", Number, ToolResult),
    maybe("response.stop_reason", Text, Answer),
    maybe("response.usage.input", Whole, Answer),
    maybe("response.usage.output", Whole, Answer),
    fact("response.text_chars", Whole, Answer),
    fact("response.tools", Texts, Answer),
    fact("response.tools_denied", Texts, Answer),
    fact("response.guardrail.action", Text, Answer),
    fact("response.partial", Flag, Answer),
    fact("response.stream", Flag, Answer),
    fact("response.signals.pii", Kind::Counts, Answer),
    fact("response.signals.secrets", Whole, Answer),
    fact("response.signals.injection", Number, Answer),
];

/// Objects that may be absent as a whole, though some of their members are always in them.
fn is_optional(path: &str, action: Option<Action>) -> bool {
    match path {
        "net" | "request.guardrail" | "response.usage" => true,
        "model" => action != Some(Action::ModelInvoke),
        "request" => matches!(action, None | Some(Action::ApiCall)),
        "endpoint" | "kb" | "tool" | "tool_result" | "response" => action.is_none(),
        _ => false,
    }
}

/// The schema of one question's input, or of any.
pub fn input_schema(action: Option<Action>) -> Value {
    let mut root = Node::default();
    let wanted = |fact: &&Fact| action.is_none_or(|action| fact.questions.has(action));
    for fact in FACTS.iter().filter(wanted) {
        let own = action.is_some() || fact.questions == All || !fact.path.starts_with("api.");
        root.insert(fact.path, Leaf { schema: leaf(fact, action), always: fact.always && own });
    }
    let mut schema = root.schema("", action);
    if let Some(members) = schema.as_object_mut() {
        let title = action.map_or_else(
            || "the input of any question".to_owned(),
            |action| format!("the input of {}", action.name()),
        );
        members.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
        members.insert("title".to_owned(), json!(title));
    }
    schema
}

/// Files under `policies/schemas` and what is in them.
pub fn schema_files() -> Vec<(String, Value)> {
    let one =
        |action: &Action| (format!("{}.json", action.name().replace(':', "-")), input_schema(Some(*action)));
    let any = ("input.json".to_owned(), input_schema(None));
    [any].into_iter().chain(Action::ALL.iter().map(one)).collect()
}

/// Every path rules may read, and whether there is more below it.
pub(crate) fn known_paths() -> impl Iterator<Item = (Vec<&'static str>, bool)> {
    FACTS.iter().map(|fact| {
        let open = matches!(fact.kind, Kind::Pairs | Kind::Counts | Kind::Texts | Kind::Object);
        (fact.path.split('.').collect(), open)
    })
}

fn leaf(fact: &Fact, action: Option<Action>) -> Value {
    if fact.path == "action" {
        let names: Vec<&str> = match action {
            Some(action) => vec![action.name()],
            None => Action::ALL.iter().map(|action| action.name()).collect(),
        };
        return json!({"type": "string", "enum": names});
    }
    match fact.kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Whole => json!({"type": "integer"}),
        Kind::Number => json!({"type": "number"}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Kind::Pairs => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        Kind::Counts => json!({"type": "object", "additionalProperties": {"type": "integer"}}),
        Kind::Object => json!({}),
    }
}

struct Leaf {
    schema: Value,
    always: bool,
}

#[derive(Default)]
struct Node {
    leaf: Option<Leaf>,
    members: Vec<(&'static str, Node)>,
}

impl Node {
    fn insert(&mut self, path: &'static str, leaf: Leaf) {
        let mut node = self;
        for name in path.split('.') {
            let place = node.members.iter().position(|(member, _)| *member == name);
            let place = place.unwrap_or_else(|| {
                node.members.push((name, Node::default()));
                node.members.len() - 1
            });
            let Some((_, below)) = node.members.get_mut(place) else { return };
            node = below;
        }
        node.leaf = Some(leaf);
    }

    fn is_required(&self, path: &str, action: Option<Action>) -> bool {
        match &self.leaf {
            Some(leaf) => leaf.always,
            None => !is_optional(path, action),
        }
    }

    fn schema(self, path: &str, action: Option<Action>) -> Value {
        if let Some(leaf) = self.leaf {
            return leaf.schema;
        }
        let mut properties = Map::new();
        let mut required = Vec::new();
        for (name, node) in self.members {
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            if node.is_required(&path, action) {
                required.push(name);
            }
            properties.insert(name.to_owned(), node.schema(&path, action));
        }
        json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::evaluate::{PolicySet, Settings};
    use crate::input;
    use crate::samples::{Dice, Sample};
    use crate::source::Bundle;

    #[test]
    fn every_fact_has_a_place_in_the_schemas() {
        let listed: BTreeSet<String> = FACTS.iter().map(|fact| fact.path.to_owned()).collect();
        let written: BTreeSet<String> = input::paths().map(|path| path.join(".")).collect();
        assert_eq!(listed, written);
        assert_eq!(listed.len(), FACTS.len());
    }

    /// As much of JSON Schema as the schemas use.
    fn mistakes(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
        let is_of_type = match schema["type"].as_str() {
            None => true,
            Some("string") => value.is_string(),
            Some("integer") => value.is_u64() || value.is_i64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            Some(other) => panic!("{other}"),
        };
        if !is_of_type {
            found.push(format!("{path} is not {}", schema["type"]));
        }
        if let Some(values) = schema["enum"].as_array()
            && !values.contains(value)
        {
            found.push(format!("{path} is another value"));
        }
        for item in value.as_array().into_iter().flatten() {
            mistakes(&schema["items"], item, &format!("{path}[]"), found);
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            if value.get(name.as_str().unwrap()).is_none() {
                found.push(format!("{path}.{name} is missing"));
            }
        }
        for (name, member) in value.as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            match (schema["properties"].get(name), &schema["additionalProperties"]) {
                (Some(schema), _) => mistakes(schema, member, &path, found),
                (None, Value::Bool(false)) => found.push(format!("{path} is unknown")),
                (None, Value::Null) => {}
                (None, schema) => mistakes(schema, member, &path, found),
            }
        }
    }

    fn check(schema: &Value, value: &Value) -> Vec<String> {
        let mut found = Vec::new();
        mistakes(schema, value, "input", &mut found);
        found
    }

    #[test]
    fn what_questions_become_keeps_to_their_schema() {
        let module = ("a.rego", "package policy.org.a\nallow if input.tool.args.x");
        let policies =
            PolicySet::new(Bundle::from_modules(vec![module], json!({})), Settings::default()).unwrap();
        let any = input_schema(None);
        let mut dice = Dice(11);
        let samples = Sample::each().into_iter().chain((0..500).map(|_| Sample::random(&mut dice)));
        for sample in samples {
            let question = sample.question();
            // Arguments that are not JSON, said to be valid, are no document.
            let Some(document) = policies.document(&question) else { continue };
            let document = serde_json::to_value(&document).unwrap();
            let own = input_schema(Some(question.action()));
            assert_eq!((check(&own, &document), check(&any, &document)), (vec![], vec![]), "{document}");
        }
    }

    /// By an implementation of others, as editors and stock OPA would read them.
    #[test]
    fn the_schemas_are_valid_and_hold_for_documents() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
        let mut dice = Dice(12);
        let samples: Vec<Sample> = (0..100).map(|_| Sample::random(&mut dice)).collect();
        let policies = PolicySet::new(
            Bundle::from_modules(vec![("a.rego", "package policy.org.a\nallow if input.x")], json!({})),
            Settings::default(),
        )
        .unwrap();
        for (name, _) in schema_files() {
            let text = std::fs::read_to_string(directory.join(&name)).unwrap();
            let schema: Value = serde_json::from_str(&text).unwrap();
            jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
            let validator = jsonschema::validator_for(&schema).unwrap();
            let mut held = 0;
            for sample in &samples {
                let question = sample.question();
                let own = format!("{}.json", question.action().name().replace(':', "-"));
                let Some(document) = policies.document(&question) else { continue };
                let mut document = serde_json::to_value(&document).unwrap();
                if name == "input.json" || name == own {
                    assert!(validator.is_valid(&document), "{name}: {document}");
                    document["principal"]["tem"] = json!("x");
                    assert!(!validator.is_valid(&document), "{name} takes what is in no question");
                    held += 1;
                }
            }
            assert!(held > 0, "{name}");
        }
    }

    #[test]
    fn the_shipped_fixtures_keep_to_their_schema() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("rego/fixtures");
        let mut seen = 0;
        for entry in std::fs::read_dir(directory).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let mut document: Value = serde_json::from_str(&text).unwrap();
            // Fixtures are written by hand and may leave out what is always there.
            let mistakes = check(&input_schema(None), &document);
            assert!(mistakes.iter().all(|mistake| mistake.ends_with("is missing")), "{mistakes:?}");
            document["principal"]["tem"] = json!("x");
            assert!(
                check(&input_schema(None), &document).contains(&"input.principal.tem is unknown".to_owned())
            );
            seen += 1;
        }
        assert!(seen > 5);
    }

    /// With `HARDPAN_WRITE=1` the files are written anew.
    #[test]
    fn the_committed_schemas_are_the_generated_ones() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
        for (name, schema) in schema_files() {
            let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
            let path = directory.join(&name);
            if std::env::var_os("HARDPAN_WRITE").is_some() {
                std::fs::write(&path, &text).unwrap();
            }
            assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), text, "{name}");
        }
    }
}
