//! One decision as a line of OPA's decision log, without what the organisation masks.
//!
//! `data.system.log.mask` names members to take out or to overwrite, `data.system.log.drop` keeps a line from being
//! written, both asked with the line as their input, as OPA asks them. Fails closed: where masking cannot be evaluated
//! or asks for something unreadable, the line has no input at all. Where lines go is the caller's business.

use regorus::unstable::{Module, Ref};
use serde_json::{Map, Value, json};

use crate::decision::Decision;
use crate::document::InputDocument;
use crate::evaluate::PolicySet;
use crate::input::Question;

/// Members one line may have masked.
const MASKS_MAX: usize = 256;

const MASK: &str = "data.system.log.mask";
const DROP: &str = "data.system.log.drop";

/// What a line tells beside decision and input.
pub struct LogContext<'a> {
    /// The request as the caller knows it: the request id.
    pub request_id: &'a str,
    /// RFC 3339, UTC.
    pub timestamp: &'a str,
    /// The name of the bundle.
    pub bundle: &'a str,
}

impl PolicySet {
    /// A line for a question that was decided; `None` where policy drops it.
    pub fn log_line(
        &self,
        question: &Question<'_>,
        decision: &Decision,
        context: &LogContext<'_>,
    ) -> Option<Value> {
        let input = self.document(question).and_then(|document| serde_json::to_value(&document).ok());
        self.masked_line(input, decision, context)
    }

    /// The same for a document that was decided.
    pub fn log_document(
        &self,
        document: &InputDocument,
        decision: &Decision,
        context: &LogContext<'_>,
    ) -> Option<Value> {
        self.masked_line(serde_json::to_value(&document.value).ok(), decision, context)
    }

    fn masked_line(
        &self,
        input: Option<Value>,
        decision: &Decision,
        context: &LogContext<'_>,
    ) -> Option<Value> {
        let mut line = Map::new();
        let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
        put("decision_id", json!(decision.id));
        put("req_id", json!(context.request_id));
        put("timestamp", json!(context.timestamp));
        put("labels", json!({"app": "hardpan", "version": env!("CARGO_PKG_VERSION")}));
        put("bundles", json!({context.bundle: {"revision": decision.revision.as_ref()}}));
        put("path", json!(format!("policy/{}", decision.action)));
        put("input", input.unwrap_or_else(|| json!({})));
        put("result", decision.document());
        let line = Value::Object(line);
        match self.masks(&line) {
            Ok(None) => None,
            Ok(Some(masks)) => Some(masked(line, &masks)),
            Err(()) => Some(masked(line, &[Mask::remove("/input")])),
        }
    }

    /// What to mask, or `None` to drop the line.
    fn masks(&self, line: &Value) -> Result<Option<Vec<Mask>>, ()> {
        let document = regorus::Value::from_json_str(&line.to_string()).map_err(drop)?;
        let mut engine = self.engine(&document);
        let mut ask = |path: &str| {
            let ask = std::panic::AssertUnwindSafe(|| engine.eval_rule(path.to_owned()));
            match std::panic::catch_unwind(ask) {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(_)) | Err(_) => Err(()),
            }
        };
        if self.log_rules.drop && ask(DROP)? == regorus::Value::Bool(true) {
            return Ok(None);
        }
        if !self.log_rules.mask {
            return Ok(Some(Vec::new()));
        }
        match ask(MASK)? {
            regorus::Value::Undefined => Ok(Some(Vec::new())),
            regorus::Value::Set(items) if items.len() <= MASKS_MAX => {
                let items: Vec<Value> =
                    items.iter_sorted().map(serde_json::to_value).collect::<Result<_, _>>().map_err(drop)?;
                items.iter().map(Mask::read).collect::<Option<Vec<_>>>().map(Some).ok_or(())
            }
            _ => Err(()),
        }
    }
}

/// Which rules about the log there are: the engine has no word for one that is not there but an error.
pub(crate) struct LogRules {
    mask: bool,
    drop: bool,
}

impl LogRules {
    pub(crate) fn of(modules: &[Ref<Module>]) -> Self {
        Self { mask: has_rule(modules, MASK), drop: has_rule(modules, DROP) }
    }
}

fn has_rule(modules: &[Ref<Module>], path: &str) -> bool {
    modules.iter().any(|module| {
        let package = crate::syntax::static_path(&module.package.refr);
        module.policy.iter().any(|rule| {
            let name = crate::syntax::static_path(crate::syntax::rule_head(rule));
            let full: Vec<&str> = ["data"]
                .into_iter()
                .chain(package.iter().map(String::as_str))
                .chain(name.iter().take(1).map(String::as_str))
                .collect();
            full.join(".") == path
        })
    })
}

struct Mask {
    /// Names from the line's root.
    path: Vec<String>,
    pointer: String,
    /// What stands in its place; nothing where it is removed.
    value: Option<Value>,
}

impl Mask {
    fn remove(pointer: &str) -> Mask {
        Mask { path: names(pointer), pointer: pointer.to_owned(), value: None }
    }

    /// A JSON pointer, or `{"op": "remove" | "upsert", "path": pointer, "value": …}`. Only what is said and what is
    /// answered may be masked: the rest names the decision.
    fn read(item: &Value) -> Option<Mask> {
        let mask = match item {
            Value::String(pointer) => Mask::remove(pointer),
            Value::Object(members) => {
                let pointer = members.get("path")?.as_str()?;
                let value = match members.get("op")?.as_str()? {
                    "remove" => None,
                    "upsert" => Some(members.get("value")?.clone()),
                    _ => return None,
                };
                Mask { value, ..Mask::remove(pointer) }
            }
            _ => return None,
        };
        let is_own = mask.pointer.starts_with('/')
            && matches!(mask.path.first().map(String::as_str), Some("input" | "result"));
        is_own.then_some(mask)
    }
}

/// Names of a JSON pointer.
pub(crate) fn names(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|name| name.replace("~1", "/").replace("~0", "~")).collect()
}

fn masked(mut line: Value, masks: &[Mask]) -> Value {
    let (mut erased, mut replaced) = (Vec::new(), Vec::new());
    for mask in masks {
        if apply(&mut line, mask) {
            if mask.value.is_some() { &mut replaced } else { &mut erased }.push(mask.pointer.clone());
        }
    }
    if let Some(members) = line.as_object_mut() {
        if !erased.is_empty() {
            members.insert("erased".to_owned(), json!(erased));
        }
        if !replaced.is_empty() {
            members.insert("masked".to_owned(), json!(replaced));
        }
    }
    line
}

/// Whether there was something to mask. An upsert makes the last member, not those above it.
fn apply(line: &mut Value, mask: &Mask) -> bool {
    let Some((last, above)) = mask.path.split_last() else { return false };
    let holder = above.iter().try_fold(line, |value, name| match value {
        Value::Object(members) => members.get_mut(name),
        Value::Array(items) => items.get_mut(name.parse::<usize>().ok()?),
        _ => None,
    });
    match (holder, &mask.value) {
        (Some(Value::Object(members)), None) => members.remove(last).is_some(),
        (Some(Value::Object(members)), Some(value)) => {
            members.insert(last.clone(), value.clone());
            true
        }
        // Removing would move the others, so that a second mask hit the wrong one.
        (Some(Value::Array(items)), value) => {
            let item = last.parse::<usize>().ok().and_then(|index| items.get_mut(index));
            item.is_some_and(|item| {
                *item = value.clone().unwrap_or(Value::Null);
                true
            })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Settings;
    use crate::samples::Sample;
    use crate::source::Bundle;

    fn policies(log: &str) -> PolicySet {
        let rules = "package policy.org.a\nallow contains \"x\"\n\
            deny contains {\"code\": \"c\", \"msg\": \"m\"} if input.tool.args.city == \"Rome\"";
        let modules = vec![("org/a.rego", rules), ("system/log.rego", log)];
        let settings =
            Settings { evaluation_limit: std::time::Duration::from_secs(30), ..Settings::default() };
        PolicySet::new(Bundle::from_modules(modules, json!({})), settings).unwrap()
    }

    fn line(log: &str) -> Option<Value> {
        let policies = policies(log);
        let sample = Sample::tool_use();
        let decision = policies.decide(&sample.question());
        let context = LogContext { request_id: "r-1", timestamp: "2026-11-22T14:00:00Z", bundle: "policy" };
        policies.log_line(&sample.question(), &decision, &context)
    }

    #[test]
    fn a_line_has_the_members_of_opas_decision_log() {
        let line = line("package system.log").unwrap();
        let names: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        for name in ["decision_id", "req_id", "timestamp", "labels", "bundles", "path", "input", "result"] {
            assert!(names.contains(&name), "{name}");
        }
        assert_eq!(names.len(), 8);
        assert_eq!((&line["req_id"], &line["path"]), (&json!("r-1"), &json!("policy/tool:use")));
        assert_eq!(line["decision_id"], line["result"]["id"]);
        assert_eq!(line["bundles"]["policy"]["revision"], line["result"]["policy"]["digest"]);
        assert_eq!(line["input"]["tool"]["args"]["city"], "Oslo");
    }

    #[test]
    fn masked_members_are_gone_and_named() {
        let log = "package system.log\n\
            mask contains \"/input/tool/args\" if input.input.action == \"tool:use\"\n\
            mask contains \"/input/absent\"\n\
            mask contains {\"op\": \"upsert\", \"path\": \"/input/principal/app\", \"value\": \"**\"}";
        let line = line(log).unwrap();
        assert_eq!(line["input"]["tool"].get("args"), None);
        assert_eq!(line["input"]["principal"]["app"], "**");
        assert_eq!(
            (&line["erased"], &line["masked"]),
            (&json!(["/input/tool/args"]), &json!(["/input/principal/app"]))
        );
        assert!(!line.to_string().contains("Oslo"));
    }

    #[test]
    fn a_line_can_be_dropped() {
        assert_eq!(line("package system.log\ndrop if input.result.verdict == \"allow\""), None);
        assert!(line("package system.log\ndrop if input.result.verdict == \"deny\"").is_some());
    }

    #[test]
    fn what_cannot_be_masked_is_not_written() {
        for rule in [
            "mask contains 5",
            "mask contains \"input/tool\"",
            "mask contains \"/decision_id\"",
            "mask contains {\"op\": \"move\", \"path\": \"/input/tool\"}",
            "mask contains {\"op\": \"upsert\", \"path\": \"/input/tool\"}",
            "mask := {\"/input/tool\": true}",
            "mask contains \"/input/tool\" if to_number(input.input.tool.name) == 1",
            "drop if to_number(input.input.tool.name) == 1",
        ] {
            let line = line(&format!("package system.log\n{rule}")).unwrap();
            assert_eq!((line.get("input"), &line["erased"]), (None, &json!(["/input"])), "{rule}");
            assert!(!line.to_string().contains("Oslo"), "{rule}");
        }
    }

    #[test]
    fn items_of_lists_are_emptied_in_place() {
        let log = "package system.log\nmask contains pointer if some pointer in \
            [\"/input/principal/verified/0\", \"/result/allowed_by/0/code\"]";
        let line = line(log).unwrap();
        assert_eq!(line["input"]["principal"]["verified"], json!([null]));
        assert_eq!(line["result"]["allowed_by"][0].get("code"), None);
    }

    #[test]
    fn pointers_are_unescaped() {
        assert_eq!(names("/input/a~1b/c~0d"), ["input", "a/b", "c~d"]);
    }
}
