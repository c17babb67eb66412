//! The changes Hardpan can make to a request body: limits, guardrails, labels, tools. Each is a list of edits;
//! nothing is applied here, and every byte outside the edits stays.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::{Map, Value};

use super::request::Request;
use super::shape::ToolDeclaration;
use super::{agent, cut, facts};
use crate::edit::Edit;
use crate::json::{Kind, ValueId, quote};
use crate::operation::{BodyShape, Service};
use crate::request::{Dialect, GuardrailRef};

/// Where a guardrail that policy sets has to be named.
#[derive(Clone, PartialEq, Eq)]
pub enum GuardrailPlace {
    Body(Edit),
    /// In headers of the request.
    Header,
    /// The service would not apply it: there is no place.
    Nowhere,
}

impl Request<'_> {
    /// The changes that make `max_tokens` the output limit wherever the body names one; none where it has no place.
    pub fn set_max_tokens(&self, max_tokens: u64) -> Vec<Edit> {
        if !self.model_takes_parameters || !self.is_written {
            return Vec::new();
        }
        let value = max_tokens.to_string();
        let named = facts::max_tokens_members(self.facts.dialect, &self.document, self.root);
        if !named.is_empty() {
            let ranges = named.into_iter().map(|id| self.document.range(id));
            return ranges.map(|range| Edit::replace(range, value.as_str())).collect();
        }
        let insert = self.max_tokens_insert.and_then(|path| self.set_path(self.root, path, &value));
        insert.into_iter().collect()
    }

    /// Whether the body narrows what a guardrail looks at: tagged parts of a Converse body, a tag suffix or a mode
    /// of its own elsewhere. A guardrail that policy sets would then see less than policy means.
    pub fn narrows_guardrail(&self) -> bool {
        self.document.get(self.root, "amazon-bedrock-guardrailConfig").is_some()
            || (self.facts.dialect == Dialect::Converse
                && facts::has_member(&self.document, self.root, "guardContent"))
    }

    /// The place of a guardrail, over the caller's own. A caller's trace and processing mode go with the guardrail
    /// they were meant for.
    pub fn set_guardrail(&self, guardrail: &GuardrailRef) -> GuardrailPlace {
        let config = |identifier: &str| {
            let (id, version) = (quote(&guardrail.id), quote(&guardrail.version));
            format!("{{{}:{id},\"guardrailVersion\":{version}}}", quote(identifier))
        };
        let edit = match self.operation.body() {
            BodyShape::Native | BodyShape::Chat | BodyShape::Responses
                if self.operation.service() == Service::BedrockRuntime =>
            {
                return GuardrailPlace::Header;
            }
            BodyShape::Converse => {
                Some(self.set_member(self.root, "guardrailConfig", &config("guardrailIdentifier")))
            }
            BodyShape::Agent if self.is_written => {
                agent::guardrail_member(self.operation, &self.document, self.root)
                    .and_then(|member| self.set_path(self.root, member.path, &config(member.identifier)))
            }
            _ => None,
        };
        edit.map_or(GuardrailPlace::Nowhere, GuardrailPlace::Body)
    }

    /// The changes that add labels to a Converse body's metadata, over the caller's own of the same name. No other
    /// body has a place for them.
    pub fn set_metadata(&self, labels: &BTreeMap<String, String>) -> Vec<Edit> {
        if !self.operation.is_converse() {
            return Vec::new();
        }
        let own = self.document.get(self.root, "requestMetadata");
        let filled = own.filter(|own| self.document.members(*own).next().is_some());
        match filled {
            Some(own) => {
                let labels = labels.iter();
                labels.map(|(name, value)| self.set_member(own, name, &quote(value))).collect()
            }
            None if labels.is_empty() => Vec::new(),
            None => {
                let pairs = labels.iter().map(|(name, value)| format!("{}:{}", quote(name), quote(value)));
                let text = format!("{{{}}}", pairs.collect::<Vec<_>>().join(","));
                vec![self.set_member(self.root, "requestMetadata", &text)]
            }
        }
    }

    /// The changes that take tools out of the declaration; the whole declaration, and what speaks of it, when none
    /// is left.
    pub fn drop_tools(&self, names: &BTreeSet<String>) -> Vec<Edit> {
        let root = self.root;
        let (holders, list): (&[&str], Option<ValueId>) = match self.facts.dialect {
            Dialect::Converse | Dialect::Nova => {
                (&["toolConfig"], self.document.path(root, &["toolConfig", "tools"]))
            }
            Dialect::Anthropic => (&["tools", "tool_choice"], self.document.get(root, "tools")),
            Dialect::OpenAiChat | Dialect::OpenAiResponses => {
                (&["tools", "tool_choice", "parallel_tool_calls"], self.document.get(root, "tools"))
            }
            _ => (&[], None),
        };
        let Some(list) = list else { return Vec::new() };
        let dropped: Vec<&ToolDeclaration> =
            self.tools.iter().filter(|tool| names.contains(&tool.name)).collect();
        if dropped.is_empty() {
            return Vec::new();
        }
        if dropped.len() == self.tools.len() {
            let gone = holders.iter().filter_map(|name| self.document.get(root, name)).collect();
            return cut::members(&self.document, root, &gone);
        }
        let gone = dropped.iter().map(|tool| tool.element).collect();
        let mut edits = cut::elements(&self.document, list, &gone);
        edits.extend(self.drop_choice_of(&dropped));
        edits
    }

    /// A choice that forces a tool which is no longer there would make the service refuse the request.
    fn drop_choice_of(&self, dropped: &[&ToolDeclaration]) -> Vec<Edit> {
        let chosen = self.facts.tool_choice.as_ref();
        let is_gone = chosen.is_some_and(|chosen| dropped.iter().any(|tool| tool.name == *chosen));
        let (holder, name) = match self.facts.dialect {
            Dialect::Converse | Dialect::Nova => (self.document.get(self.root, "toolConfig"), "toolChoice"),
            _ => (Some(self.root), "tool_choice"),
        };
        let choice = holder.and_then(|holder| self.document.get(holder, name)).filter(|_| is_gone);
        match (holder, choice) {
            (Some(holder), Some(choice)) => cut::members(&self.document, holder, &HashSet::from([choice])),
            _ => Vec::new(),
        }
    }

    /// The body's byte ranges that shape an answer: all but the metadata that only labels the request.
    pub fn shaping_ranges(&self) -> Vec<std::ops::Range<usize>> {
        if !self.is_written {
            let length = usize::try_from(self.facts.body_bytes).unwrap_or(usize::MAX);
            return std::iter::once(0..length).collect();
        }
        let root = self.document.root();
        let whole = self.document.range(root);
        let metadata = self.document.get(root, "requestMetadata").filter(|_| self.operation.is_converse());
        let gone = metadata.into_iter().collect();
        match cut::members(&self.document, root, &gone).into_iter().next() {
            Some(Edit { range, .. }) => vec![whole.start..range.start, range.end..whole.end],
            None => vec![whole],
        }
    }

    /// Makes one of all members that are put into the same object. Each alone leaves the text valid JSON, but two of
    /// them could name the same object on their way, or stand in an empty one without a comma between them. Whoever
    /// applies the edits of several changes at once passes them through here first.
    pub fn joined(&self, edits: Vec<Edit>) -> Vec<Edit> {
        let mut out: Vec<Edit> = Vec::with_capacity(edits.len());
        for edit in edits {
            let inserts = edit.range.is_empty();
            let same = out.iter_mut().filter(|_| inserts).find(|other| other.range == edit.range);
            let both = same.and_then(|other| Some((together(&other.replacement, &edit.replacement)?, other)));
            match both {
                Some((members, other)) => other.replacement = members,
                None => out.push(edit),
            }
        }
        out
    }

    /// The change that names another model in a body that names one itself.
    pub fn set_model(&self, model: &str) -> Option<Edit> {
        let root = self.document.root();
        let has_model =
            matches!(self.operation.body(), BodyShape::Chat | BodyShape::Responses | BodyShape::Messages);
        has_model.then(|| self.set_member(root, "model", &quote(model)))
    }

    /// The change that puts a value at a path, with the objects on the way there that do not exist yet.
    pub(super) fn set_path(&self, from: ValueId, path: &[&str], value: &str) -> Option<Edit> {
        let (name, rest) = path.split_first()?;
        match self.document.get(from, name) {
            Some(inner) if !rest.is_empty() && self.document.kind(inner) == Kind::Object => {
                self.set_path(inner, rest, value)
            }
            _ => {
                let wrap = |inner: String, name: &&str| format!("{{{}:{inner}}}", quote(name));
                Some(self.set_member(from, name, &rest.iter().rev().fold(value.to_owned(), wrap)))
            }
        }
    }

    pub(super) fn set_member(&self, object: ValueId, name: &str, value: &str) -> Edit {
        if let Some(member) = self.document.get(object, name) {
            return Edit::replace(self.document.range(member), value);
        }
        let comma = if self.document.members(object).next().is_some() { "," } else { "" };
        let at = self.document.range(object).start + 1;
        Edit::insert(at, format!("{}:{value}{comma}", quote(name)))
    }
}

/// Members from two insertions at one place as one, objects of the same name among them made one too. None where one
/// of them is no list of members.
fn together(one: &[u8], two: &[u8]) -> Option<Vec<u8>> {
    let ends_with_comma = [one, two].iter().any(|text| text.ends_with(b","));
    let mut members = members_of(one)?;
    merge(&mut members, members_of(two)?);
    let text = serde_json::to_string(&members).ok()?;
    let inside = text.strip_prefix('{')?.strip_suffix('}')?;
    let comma = if ends_with_comma { "," } else { "" };
    Some(format!("{inside}{comma}").into_bytes())
}

fn members_of(text: &[u8]) -> Option<Map<String, Value>> {
    let text = std::str::from_utf8(text).ok()?;
    let members = text.strip_suffix(',').unwrap_or(text);
    if !members.starts_with('"') {
        return None;
    }
    serde_json::from_str(&format!("{{{members}}}")).ok()
}

fn merge(into: &mut Map<String, Value>, more: Map<String, Value>) {
    for (name, value) in more {
        match (into.get_mut(&name), value) {
            (Some(Value::Object(own)), Value::Object(more)) => merge(own, more),
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing::{CONVERSE, applied, parse};
    use crate::operation::Operation;

    #[test]
    fn max_tokens_are_set_wherever_they_belong() {
        for (operation, model, body, pointer) in [
            (Operation::Converse, "m.x", r#"{"messages":[]}"#, "/inferenceConfig/maxTokens"),
            (
                Operation::Converse,
                "m.x",
                r#"{"inferenceConfig":{},"messages":[]}"#,
                "/inferenceConfig/maxTokens",
            ),
            (
                Operation::Converse,
                "m.x",
                r#"{"inferenceConfig":{"topP":1,"maxTokens":9999},"messages":[]}"#,
                "/inferenceConfig/maxTokens",
            ),
            (Operation::InvokeModel, "anthropic.claude-3", r#"{"messages":[]}"#, "/max_tokens"),
            (
                Operation::InvokeModel,
                "anthropic.claude-3",
                r#"{"messages":[],"max_tokens":1}"#,
                "/max_tokens",
            ),
            (
                Operation::InvokeModel,
                "amazon.nova-lite-v1:0",
                r#"{"messages":[],"inferenceConfig":{"max_new_tokens":5}}"#,
                "/inferenceConfig/max_new_tokens",
            ),
            (Operation::InvokeModel, "meta.llama3", r#"{"prompt":"x","max_gen_len":7}"#, "/max_gen_len"),
        ] {
            let request = parse(operation, model, body);
            let changed = applied(body, request.set_max_tokens(77));
            assert_eq!(changed.pointer(pointer), Some(&serde_json::json!(77)), "{body}");
        }
        assert!(
            parse(Operation::InvokeModel, "acme.model-v1", r#"{"prompt":"x"}"#).set_max_tokens(7).is_empty()
        );
    }

    #[test]
    fn every_spelling_of_the_limit_counts_and_is_set() {
        for (operation, model, body, pointers) in [
            (
                Operation::InvokeModel,
                "openai.gpt-oss-20b-1:0",
                r#"{"max_tokens":5,"max_completion_tokens":900}"#,
                ["/max_tokens", "/max_completion_tokens"],
            ),
            (
                Operation::InvokeModel,
                "amazon.nova-lite-v1:0",
                r#"{"messages":[],"inferenceConfig":{"maxTokens":5,"max_new_tokens":900}}"#,
                ["/inferenceConfig/maxTokens", "/inferenceConfig/max_new_tokens"],
            ),
            (
                Operation::Converse,
                "anthropic.claude-3",
                r#"{"messages":[],"inferenceConfig":{"maxTokens":5},"additionalModelRequestFields":{"max_tokens":900}}"#,
                ["/inferenceConfig/maxTokens", "/additionalModelRequestFields/max_tokens"],
            ),
        ] {
            let request = parse(operation, model, body);
            assert_eq!(request.facts.params.max_tokens, Some(900), "{body}");
            let changed = applied(body, request.set_max_tokens(70));
            assert!(
                pointers.iter().all(|pointer| changed.pointer(pointer) == Some(&serde_json::json!(70))),
                "{body}"
            );
        }
    }

    #[test]
    fn a_narrowed_guardrail_is_told() {
        for (operation, body, narrows) in [
            (
                Operation::InvokeModel,
                r#"{"messages":[],"amazon-bedrock-guardrailConfig":{"tagSuffix":"x"}}"#,
                true,
            ),
            (Operation::Converse, r#"{"messages":[{"role":"user","content":[{"guardContent":{}}]}]}"#, true),
            (
                Operation::Converse,
                r#"{"messages":[{"role":"user","content":[{"text":"guardContent"}]}]}"#,
                false,
            ),
        ] {
            assert_eq!(parse(operation, "anthropic.claude-3", body).narrows_guardrail(), narrows, "{body}");
        }
    }

    #[test]
    fn labels_are_added_to_the_callers_own() {
        let labels =
            BTreeMap::from([("a".to_owned(), "1".to_owned()), ("project".to_owned(), "y \"q\"".to_owned())]);
        for (body, expected) in [
            (r#"{"messages":[]}"#, serde_json::json!({"a": "1", "project": "y \"q\""})),
            (r#"{"messages":[],"requestMetadata":{}}"#, serde_json::json!({"a": "1", "project": "y \"q\""})),
            (
                r#"{"messages":[],"requestMetadata":{"project":"x","own":"z"}}"#,
                serde_json::json!({"a": "1", "project": "y \"q\"", "own": "z"}),
            ),
        ] {
            let request = parse(Operation::Converse, "m.x", body);
            assert_eq!(applied(body, request.set_metadata(&labels))["requestMetadata"], expected);
            assert!(request.set_metadata(&BTreeMap::new()).is_empty());
        }
    }

    #[test]
    fn tools_are_dropped_and_the_rest_stays() {
        let request = parse(Operation::Converse, "amazon.nova-lite-v1:0", CONVERSE);
        let one = applied(CONVERSE, request.drop_tools(&BTreeSet::from(["g".to_owned()])));
        assert_eq!(one.pointer("/toolConfig/tools").unwrap().as_array().unwrap().len(), 1);
        let chosen = applied(CONVERSE, request.drop_tools(&BTreeSet::from(["f".to_owned()])));
        assert!(
            chosen.pointer("/toolConfig/toolChoice").is_none()
                && chosen.pointer("/toolConfig/tools/0").is_some()
        );
        let both = applied(CONVERSE, request.drop_tools(&BTreeSet::from(["f".to_owned(), "g".to_owned()])));
        assert!(both.get("toolConfig").is_none() && both.get("messages").is_some());
        let last = r#"{"messages":[],"tools":[{"name":"f","input_schema":{}}]}"#;
        let request = parse(Operation::InvokeModel, "anthropic.claude-3", last);
        assert_eq!(
            applied(last, request.drop_tools(&BTreeSet::from(["f".to_owned()]))),
            serde_json::json!({"messages": []})
        );
    }

    #[test]
    fn metadata_does_not_shape_an_answer() {
        let one = r#"{"messages":[],"requestMetadata":{"u":"1"},"system":[]}"#;
        let two = r#"{"messages":[],"requestMetadata":{"u":"2"},"system":[]}"#;
        let none = r#"{"messages":[],"system":[]}"#;
        let last = r#"{"messages":[],"system":[],"requestMetadata":{}}"#;
        let cut = |body: &'static str| -> String {
            parse(Operation::Converse, "m.x", body)
                .shaping_ranges()
                .into_iter()
                .map(|range| &body[range])
                .collect()
        };
        assert_eq!([cut(one), cut(two), cut(last)], [none, none, none]);
    }

    #[test]
    fn several_insertions_into_an_empty_object_stay_json() {
        let prompt = "arn:aws:bedrock:us-east-1:123456789012:prompt/ABCDEFGHIJ";
        let labels = BTreeMap::from([("team".to_owned(), "x".to_owned())]);
        let guardrail = GuardrailRef { id: "g".to_owned(), version: "1".to_owned() };
        for body in ["{}", " { }\n", r#"{"promptVariables":{}}"#] {
            let request = parse(Operation::Converse, prompt, body);
            let mut edits = request.set_metadata(&labels);
            let GuardrailPlace::Body(edit) = request.set_guardrail(&guardrail) else { panic!("{body}") };
            edits.push(edit);
            let changed = applied(body, request.joined(edits));
            assert_eq!(changed.pointer("/requestMetadata/team").unwrap(), "x", "{body}");
            assert_eq!(changed.pointer("/guardrailConfig/guardrailIdentifier").unwrap(), "g", "{body}");
        }
    }

    #[test]
    fn a_guardrail_goes_where_the_service_looks() {
        let guardrail = GuardrailRef { id: "g".to_owned(), version: "1".to_owned() };
        for (operation, body, place) in [
            (Operation::InvokeModel, "{}", "header"),
            (Operation::ChatCompletions, r#"{"messages":[]}"#, "header"),
            (Operation::Responses, r#"{"input":"x"}"#, "header"),
            (Operation::Converse, r#"{"messages":[]}"#, "body"),
            (Operation::MantleChatCompletions, r#"{"messages":[]}"#, "nowhere"),
            (Operation::MantleMessages, r#"{"messages":[]}"#, "nowhere"),
            (Operation::InvokeEndpoint, r#"{"inputs":"x"}"#, "nowhere"),
            (Operation::EndpointChatCompletions, r#"{"messages":[]}"#, "nowhere"),
            (Operation::StartAsyncInvoke, "{}", "nowhere"),
        ] {
            let found = match parse(operation, "", body).set_guardrail(&guardrail) {
                GuardrailPlace::Body(_) => "body",
                GuardrailPlace::Header => "header",
                GuardrailPlace::Nowhere => "nowhere",
            };
            assert_eq!(found, place, "{operation:?}");
        }
    }

    #[test]
    fn neighbours_are_dropped_together() {
        let body = r#"{"messages":[],"tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"tool","name":"f"}}"#;
        let request = parse(Operation::InvokeModel, "anthropic.claude-3", body);
        let changed = applied(body, request.drop_tools(&BTreeSet::from(["f".to_owned()])));
        assert_eq!(changed, serde_json::json!({"messages": []}));
    }

    #[test]
    fn an_empty_body_has_no_place_for_a_limit() {
        assert!(parse(Operation::InvokeModel, "meta.llama3", "").set_max_tokens(7).is_empty());
    }
}
