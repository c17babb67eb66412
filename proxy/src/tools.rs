//! One tool call the model proposes: are its arguments what the caller declared, and does policy let it through?
//!
//! Arguments are checked as the caller will get them, after masked values are put back. A call whose arguments
//! cannot be checked counts as invalid; policy decides what that means.

use std::collections::HashMap;
use std::sync::Arc;

use hardpan_inference::request::Signals;
use hardpan_policies::ToolFacts;
use hardpan_telemetry::audit::AuditApproval;
use jsonschema::{PatternOptions, Validator};
use moka::sync::Cache;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::approvals::{self, Ticket};
use crate::clearance::{Asker, DeclaredTool, first_reason, refusal_of};
use crate::refusal::Refusal;

/// Compiled schemas kept, and the largest one that is compiled.
const SCHEMAS_KEPT_MAX: u64 = 1024;
const SCHEMA_BYTES_MAX: usize = 256 << 10;
/// Sub-schemas after every local reference is followed, and that number times the size of arguments: both grow
/// exponentially for a few kilobytes of hostile schema, and checking runs where requests are served.
const SCHEMA_PARTS_MAX: u64 = 20_000;
const CHECK_COST_MAX: u64 = 20_000_000;
const REFERENCE_DEPTH_MAX: usize = 64;
const ARGUMENTS_BYTES_MAX: usize = 256 << 10;
/// What policy is told of invalid arguments.
const ERRORS_MAX: usize = 8;

struct Compiled {
    validator: Validator,
    parts: u64,
}

/// Compiled once per schema text.
pub struct SchemaCache {
    compiled: Cache<[u8; 32], Option<Arc<Compiled>>>,
}

impl Default for SchemaCache {
    fn default() -> Self {
        Self { compiled: Cache::new(SCHEMAS_KEPT_MAX) }
    }
}

impl SchemaCache {
    /// None when the text is no schema that can be compiled.
    fn compiled(&self, schema: &str) -> Option<Arc<Compiled>> {
        if schema.len() > SCHEMA_BYTES_MAX {
            return None;
        }
        let key = Sha256::digest(schema.as_bytes()).into();
        self.compiled.get_with(key, || {
            let schema: Value = serde_json::from_str(schema).ok()?;
            let parts = Expansion::of(&schema);
            if parts > SCHEMA_PARTS_MAX {
                return None;
            }
            // Linear-time patterns: a schema comes from the caller.
            let options = jsonschema::options().with_pattern_options(PatternOptions::regex());
            options.build(&schema).ok().map(|validator| Arc::new(Compiled { validator, parts }))
        })
    }
}

/// A call as the model proposed it.
pub struct ProposedCall<'a> {
    pub id: &'a str,
    pub name: &'a str,
    /// Raw JSON, masked values put back.
    pub arguments: &'a str,
    /// Its place among the calls of this answer, from 1, and how many are known so far.
    pub index: u64,
    pub of: u64,
    pub origin: Origin<'a>,
}

/// Who proposed a call, and so where its tool is declared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Origin<'a> {
    /// The caller declared the tools.
    Model,
    /// An agent that returns control. Its actions are declared at the service, which proposes no other.
    Agent { group: &'a str },
}

pub enum ToolVerdict {
    Release,
    /// The text that stands in the call's place.
    Replace(String),
    /// People have to decide first.
    Park(Box<Ticket>),
}

/// Decides one call. What people have to say to it is noted.
pub fn decide(
    asker: &Asker<'_>,
    declared: &[DeclaredTool],
    call: &ProposedCall<'_>,
    notes: &mut Vec<AuditApproval>,
) -> ToolVerdict {
    let tool = declared.iter().find(|tool| tool.name == call.name);
    let group = match call.origin {
        Origin::Model => None,
        Origin::Agent { group } => Some(group),
    };
    let errors = argument_errors(&asker.snapshot.schemas, tool, call.arguments);
    let signals: Signals = asker.snapshot.inspector.signals(call.arguments);
    let facts = ToolFacts {
        id: call.id,
        name: call.name,
        group,
        index: call.index,
        of: call.of,
        declared: tool.is_some() || group.is_some(),
        args_json: call.arguments,
        args_valid: errors.is_empty(),
        args_errors: &errors,
        signals: &signals,
    };
    let Some(decision) = asker.decide_tool(facts) else { return ToolVerdict::Release };
    match refusal_of(&decision) {
        None => approvals::decide_call(asker, call, &decision, &signals, notes),
        Some(Refusal::PolicyUnavailable { decision_id }) => ToolVerdict::Replace(format!(
            "[policy_error] The tool call was withheld because policy could not decide (decision {decision_id})."
        )),
        Some(_) => {
            let (code, message) = first_reason(&decision).unwrap_or(("denied", "policy denied the call"));
            ToolVerdict::Replace(format!("[{code}] {message} (decision {})", decision.id))
        }
    }
}

/// What is wrong with the arguments. Messages name places and rules, never values.
fn argument_errors(schemas: &SchemaCache, tool: Option<&DeclaredTool>, arguments: &str) -> Vec<String> {
    let error = |what: &str| vec![what.to_owned()];
    if arguments.len() > ARGUMENTS_BYTES_MAX {
        return error("the arguments are too long to be checked");
    }
    let Ok(value) = serde_json::from_str::<Value>(arguments) else {
        return error("the arguments are not valid JSON");
    };
    let Some(schema) = tool.and_then(|tool| tool.schema.as_deref()) else { return Vec::new() };
    let Some(compiled) = schemas.compiled(schema) else {
        return error("the declared inputSchema cannot be used");
    };
    if compiled.parts.saturating_mul(arguments.len() as u64) > CHECK_COST_MAX {
        return error("the arguments are too long for the declared inputSchema to be checked");
    }
    if compiled.validator.is_valid(&value) {
        return Vec::new();
    }
    let errors = compiled.validator.iter_errors(&value).take(ERRORS_MAX);
    errors.map(|error| format!("{} breaks {}", place(&error), error.kind().keyword())).collect()
}

/// How large a schema is with its local references written out.
struct Expansion<'s> {
    root: &'s Value,
    /// By reference; None while it is being followed.
    known: HashMap<&'s str, Option<u64>>,
}

impl<'s> Expansion<'s> {
    fn of(schema: &'s Value) -> u64 {
        Self { root: schema, known: HashMap::new() }.size(schema, 0)
    }

    fn size(&mut self, node: &'s Value, depth: usize) -> u64 {
        if depth > REFERENCE_DEPTH_MAX {
            return u64::MAX;
        }
        match node {
            Value::Object(members) => members.iter().fold(1, |sum: u64, (name, value)| {
                let own = match value {
                    Value::String(target) if name.ends_with("$ref") || name == "$dynamicRef" => {
                        self.referenced(target, depth + 1)
                    }
                    value => self.size(value, depth + 1),
                };
                sum.saturating_add(own)
            }),
            Value::Array(elements) => {
                elements.iter().fold(1, |sum: u64, element| sum.saturating_add(self.size(element, depth + 1)))
            }
            _ => 1,
        }
    }

    /// A reference back into what is being followed costs nothing more: it is followed along the arguments.
    fn referenced(&mut self, target: &'s str, depth: usize) -> u64 {
        match self.known.get(target) {
            Some(size) => size.unwrap_or(1),
            None => {
                self.known.insert(target, None);
                let node = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
                let size = node.map_or(1, |node| self.size(node, depth));
                self.known.insert(target, Some(size));
                size
            }
        }
    }
}

fn place(error: &jsonschema::ValidationError<'_>) -> String {
    let path = error.instance_path().to_string();
    if path.is_empty() { "the arguments".to_owned() } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_checked_against_the_declared_schema() {
        let schemas = SchemaCache::default();
        let tool = |schema: &str| DeclaredTool { name: "f".into(), schema: Some(schema.into()) };
        let schema = r#"{"type":"object","properties":{"city":{"type":"string","pattern":"^[A-Z]"},"n":{"type":"integer"}},"required":["city"],"additionalProperties":false}"#;
        for (arguments, valid) in [
            (r#"{"city":"Oslo"}"#, true),
            (r#"{"city":"Oslo","n":3}"#, true),
            (r#"{"city":"oslo"}"#, false),
            (r#"{"n":"3"}"#, false),
            (r#"{"city":"Oslo","x":1}"#, false),
            (r#"{"city":"#, false),
            ("", false),
        ] {
            let errors = argument_errors(&schemas, Some(&tool(schema)), arguments);
            assert_eq!(errors.is_empty(), valid, "{arguments} {errors:?}");
            assert!(!errors.iter().any(|error| error.contains("oslo")), "{errors:?}");
        }
        let broken = argument_errors(&schemas, Some(&tool(r#"{"type":7}"#)), "{}");
        assert_eq!(broken, ["the declared inputSchema cannot be used"]);
        let defs: Vec<String> = (0..40)
            .map(|n| {
                format!(
                    r##""n{n}":{{"allOf":[{{"$ref":"#/$defs/n{0}"}},{{"$ref":"#/$defs/n{0}"}}]}}"##,
                    n + 1
                )
            })
            .collect();
        let bomb = tool(&format!(
            r##"{{"$ref":"#/$defs/n0","$defs":{{{},"n40":{{"type":"object"}}}}}}"##,
            defs.join(",")
        ));
        assert_eq!(argument_errors(&schemas, Some(&bomb), "{}"), ["the declared inputSchema cannot be used"]);
        let recursive = tool(r##"{"type":"object","properties":{"next":{"$ref":"#"}}}"##);
        assert!(argument_errors(&schemas, Some(&recursive), r#"{"next":{"next":{}}}"#).is_empty());
        let remote = tool(r#"{"$ref":"http://169.254.169.254/schema.json"}"#);
        assert!(!argument_errors(&schemas, Some(&remote), "{}").is_empty());
    }
}
