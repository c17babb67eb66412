//! A request body, understood: its facts, its texts, its tools, and the changes Hardpan can make to it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sha2::{Digest, Sha256};

use super::texts::{Collector, TextSpan};
use super::{anthropic, converse, opaque};
use crate::edit::Edit;
use crate::json::{Document, JsonError, JsonLimits, Kind, ValueId, quote};
use crate::model_id::{ModelId, ModelKind};
use crate::operation::Operation;
use crate::request::{Dialect, GuardrailRef, MessageCounts, Parameters, RequestFacts};

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RequestError {
    #[error("{0}")]
    Json(#[from] JsonError),
    #[error("the body is not a JSON object")]
    NotAnObject,
    #[error("the body has no messages array")]
    NoMessages,
}

/// A tool the caller declared.
#[derive(Debug, Clone)]
pub struct ToolDeclaration {
    pub name: String,
    pub schema: Option<ValueId>,
    element: ValueId,
}

/// A parsed request body.
pub struct Request<'a> {
    pub document: Document<'a>,
    pub facts: RequestFacts,
    /// In the order a model reads them.
    pub texts: Vec<TextSpan>,
    pub tools: Vec<ToolDeclaration>,
    model_takes_parameters: bool,
}

impl<'a> Request<'a> {
    pub fn parse(
        operation: Operation,
        model: &ModelId,
        body: &'a [u8],
        limits: JsonLimits,
    ) -> Result<Self, RequestError> {
        // An empty InvokeModel body holds no text to govern: it goes on, and the service says what it lacks.
        let text = if body.is_empty() && !operation.is_converse() { b"{}" } else { body };
        let document = Document::parse(text, limits)?;
        let root = document.root();
        if document.kind(root) != Kind::Object {
            return Err(RequestError::NotAnObject);
        }
        let dialect = dialect(operation, model, &document);
        if dialect != Dialect::Opaque
            && !messages_are_well_formed(&document, root)
            && model.kind() != ModelKind::Prompt
        {
            return Err(RequestError::NoMessages);
        }
        let mut collector = Collector::new(&document);
        match dialect {
            Dialect::Converse | Dialect::Nova => converse::collect(&mut collector, root),
            Dialect::Anthropic => anthropic::collect(&mut collector, root),
            Dialect::Opaque => opaque::collect(&mut collector, root),
        }
        let texts = collector.texts;
        let (counts, tools, tool_choice, guardrail) = match dialect {
            Dialect::Converse | Dialect::Nova => {
                let shape = converse::shape(&document, root);
                (shape.counts, shape.tools, shape.tool_choice, shape.guardrail)
            }
            Dialect::Anthropic => {
                let shape = anthropic::shape(&document, root);
                (shape.counts, shape.tools, shape.tool_choice, None)
            }
            Dialect::Opaque => (MessageCounts::default(), Vec::new(), None, None),
        };
        let (system_blocks, system_sha256) = system(&document, root);
        let facts = RequestFacts {
            dialect,
            stream: operation.is_stream(),
            body_bytes: body.len() as u64,
            est_tokens: 0,
            params: parameters(dialect, &document, root),
            messages: MessageCounts { text_bytes: text_bytes(&document, &texts), ..counts },
            system_blocks,
            system_sha256,
            tools: tools.iter().map(|(name, ..)| name.clone()).collect(),
            tool_choice,
            tools_unreadable: tools_unreadable(dialect, &document, root),
            guardrail,
            metadata: metadata(&document, root),
        };
        let tools = tools
            .into_iter()
            .map(|(name, schema, element)| ToolDeclaration { name, schema, element })
            .collect();
        let model_takes_parameters = model.kind() != ModelKind::Prompt;
        Ok(Self { document, facts, texts, tools, model_takes_parameters })
    }

    /// The changes that make `max_tokens` the output limit wherever the body names one; none where it has no place.
    pub fn set_max_tokens(&self, max_tokens: u64) -> Vec<Edit> {
        let root = self.document.root();
        if !self.model_takes_parameters {
            return Vec::new();
        }
        let value = max_tokens.to_string();
        let named: Vec<ValueId> = max_tokens_members(self.facts.dialect, &self.document, root).collect();
        if !named.is_empty() {
            let ranges = named.into_iter().map(|id| self.document.range(id));
            return ranges.map(|range| Edit::replace(range, value.as_str())).collect();
        }
        match self.facts.dialect {
            Dialect::Anthropic => vec![self.set_member(root, "max_tokens", &value)],
            Dialect::Converse | Dialect::Nova => {
                let config = self.document.get(root, "inferenceConfig");
                match config.filter(|config| self.document.kind(*config) == Kind::Object) {
                    Some(config) => vec![self.set_member(config, "maxTokens", &value)],
                    None => {
                        vec![self.set_member(root, "inferenceConfig", &format!("{{\"maxTokens\":{value}}}"))]
                    }
                }
            }
            Dialect::Opaque => Vec::new(),
        }
    }

    /// Whether the body narrows what a guardrail looks at: tagged parts of a Converse body, a tag suffix or a mode
    /// of its own elsewhere. A guardrail that policy sets would then see less than policy means.
    pub fn narrows_guardrail(&self) -> bool {
        let root = self.document.root();
        self.document.get(root, "amazon-bedrock-guardrailConfig").is_some()
            || (self.facts.dialect == Dialect::Converse && has_member(&self.document, root, "guardContent"))
    }

    /// The change that names a guardrail in a Converse body. Other bodies carry it in headers.
    pub fn set_guardrail(&self, guardrail: &GuardrailRef) -> Option<Edit> {
        if self.facts.dialect != Dialect::Converse {
            return None;
        }
        let root = self.document.root();
        let (id, version) = (quote(&guardrail.id), quote(&guardrail.version));
        match self.document.get(root, "guardrailConfig") {
            None => {
                let config = format!("{{\"guardrailIdentifier\":{id},\"guardrailVersion\":{version}}}");
                Some(self.set_member(root, "guardrailConfig", &config))
            }
            // The caller's own trace and processing mode go with the guardrail they were meant for.
            Some(config) => {
                let text = format!("{{\"guardrailIdentifier\":{id},\"guardrailVersion\":{version}}}");
                Some(Edit::replace(self.document.range(config), text))
            }
        }
    }

    /// The changes that add labels to a Converse body's metadata, over the caller's own of the same name. Other bodies
    /// carry them in a header.
    pub fn set_metadata(&self, labels: &BTreeMap<String, String>) -> Vec<Edit> {
        let root = self.document.root();
        let own = self.document.get(root, "requestMetadata");
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
                vec![self.set_member(root, "requestMetadata", &text)]
            }
        }
    }

    /// The changes that take tools out of the declaration; the whole declaration when none is left.
    pub fn drop_tools(&self, names: &BTreeSet<String>) -> Vec<Edit> {
        let root = self.document.root();
        let (holder, list) = match self.facts.dialect {
            Dialect::Converse | Dialect::Nova => {
                (self.document.get(root, "toolConfig"), self.document.path(root, &["toolConfig", "tools"]))
            }
            Dialect::Anthropic => (self.document.get(root, "tools"), self.document.get(root, "tools")),
            Dialect::Opaque => (None, None),
        };
        let (Some(holder), Some(list)) = (holder, list) else { return Vec::new() };
        let dropped: Vec<&ToolDeclaration> =
            self.tools.iter().filter(|tool| names.contains(&tool.name)).collect();
        if dropped.is_empty() {
            return Vec::new();
        }
        if dropped.len() == self.tools.len() {
            let mut edits: Vec<Edit> = self.remove_member(root, holder).into_iter().collect();
            if self.facts.dialect == Dialect::Anthropic
                && let Some(choice) = self.document.get(root, "tool_choice")
            {
                edits.extend(self.remove_member(root, choice));
            }
            return edits;
        }
        let gone: HashSet<ValueId> = dropped.iter().map(|tool| tool.element).collect();
        let elements = self.document.elements(list);
        let kept: Vec<&str> = elements
            .filter(|element| !gone.contains(element))
            .map(|element| self.document.raw(element))
            .collect();
        let mut edits = vec![Edit::replace(self.document.range(list), format!("[{}]", kept.join(",")))];
        edits.extend(self.drop_choice_of(&dropped));
        edits
    }

    /// A choice that forces a tool which is no longer there would make the service refuse the request.
    fn drop_choice_of(&self, dropped: &[&ToolDeclaration]) -> Option<Edit> {
        let root = self.document.root();
        let chosen = self.facts.tool_choice.as_ref()?;
        dropped.iter().find(|tool| tool.name == *chosen)?;
        let (holder, name) = match self.facts.dialect {
            Dialect::Anthropic => (root, "tool_choice"),
            _ => (self.document.get(root, "toolConfig")?, "toolChoice"),
        };
        self.remove_member(holder, self.document.get(holder, name)?)
    }

    /// The body's byte ranges that shape an answer: all but the metadata that only labels the request.
    pub fn shaping_ranges(&self) -> Vec<std::ops::Range<usize>> {
        let root = self.document.root();
        let whole = self.document.range(root);
        let metadata =
            self.document.get(root, "requestMetadata").filter(|_| self.facts.dialect == Dialect::Converse);
        match metadata.and_then(|metadata| self.remove_member(root, metadata)) {
            Some(Edit { range, .. }) => vec![whole.start..range.start, range.end..whole.end],
            None => vec![whole],
        }
    }

    fn set_member(&self, object: ValueId, name: &str, value: &str) -> Edit {
        if let Some(member) = self.document.get(object, name) {
            return Edit::replace(self.document.range(member), value);
        }
        let comma = if self.document.members(object).next().is_some() { "," } else { "" };
        let at = self.document.range(object).start + 1;
        Edit::insert(at, format!("{}:{value}{comma}", quote(name)))
    }

    /// Takes a member out with the comma that sets it apart.
    fn remove_member(&self, object: ValueId, member: ValueId) -> Option<Edit> {
        let members: Vec<(ValueId, ValueId)> = self.document.members(object).collect();
        let at = members.iter().position(|(_, value)| *value == member)?;
        let (key, value) = members.get(at)?;
        let range = match (members.get(at + 1), at.checked_sub(1).and_then(|before| members.get(before))) {
            (Some((next, _)), _) => self.document.range(*key).start..self.document.range(*next).start,
            (None, Some((_, before))) => self.document.range(*before).end..self.document.range(*value).end,
            (None, None) => self.document.range(*key).start..self.document.range(*value).end,
        };
        Some(Edit::replace(range, ""))
    }
}

/// Told by the model id where it says, else by members no other family has.
fn dialect(operation: Operation, model: &ModelId, document: &Document<'_>) -> Dialect {
    let root = document.root();
    let has = |name: &str| document.get(root, name).is_some();
    if operation.is_converse() {
        return Dialect::Converse;
    }
    match model.provider() {
        "anthropic" if has("messages") => Dialect::Anthropic,
        "amazon" if model.family().starts_with("nova") && has("messages") => Dialect::Nova,
        "" if has("anthropic_version") && has("messages") => Dialect::Anthropic,
        "" if document
            .string_at(root, &["schemaVersion"])
            .is_some_and(|version| version == "messages-v1") =>
        {
            Dialect::Nova
        }
        _ => Dialect::Opaque,
    }
}

fn messages_are_well_formed(document: &Document<'_>, root: ValueId) -> bool {
    document.get(root, "messages").is_some_and(|messages| {
        document.kind(messages) == Kind::Array
            && document.elements(messages).all(|message| document.kind(message) == Kind::Object)
    })
}

/// Every member of the body that some model reads as its output limit.
fn max_tokens_members<'d>(
    dialect: Dialect,
    document: &'d Document<'_>,
    root: ValueId,
) -> impl Iterator<Item = ValueId> + 'd {
    let paths: &[&[&str]] = match dialect {
        Dialect::Converse | Dialect::Nova => &CONVERSE_MAX_TOKENS_PATHS,
        Dialect::Anthropic => &[&["max_tokens"]],
        Dialect::Opaque => &opaque::MAX_TOKENS_PATHS,
    };
    paths.iter().filter_map(move |path| document.path(root, path))
}

const CONVERSE_MAX_TOKENS_PATHS: [&[&str]; 5] = [
    &["inferenceConfig", "maxTokens"],
    &["inferenceConfig", "max_new_tokens"],
    &["additionalModelRequestFields", "max_tokens"],
    &["additionalModelRequestFields", "max_completion_tokens"],
    &["additionalModelRequestFields", "max_gen_len"],
];

/// Whether an object inside `id` has a member of this name.
fn has_member(document: &Document<'_>, id: ValueId, name: &str) -> bool {
    document
        .descendants(id)
        .any(|id| document.is_key(id) && document.string(id).is_some_and(|own| own == name))
}

/// Tools in places or shapes whose calls could not be governed.
fn tools_unreadable(dialect: Dialect, document: &Document<'_>, root: ValueId) -> bool {
    let any = |list: Option<ValueId>, unreadable: &dyn Fn(ValueId) -> bool| {
        list.into_iter().flat_map(|list| document.elements(list)).any(unreadable)
    };
    match dialect {
        Dialect::Opaque => opaque::offers_tools(document, root),
        Dialect::Converse | Dialect::Nova => {
            let more = document.get(root, "additionalModelRequestFields");
            let messages = document.get(root, "messages");
            more.is_some_and(|more| {
                opaque::offers_tools(document, more) || document.get(more, "mcp_servers").is_some()
            }) || messages.is_some_and(|messages| has_member(document, messages, "toolAddition"))
                || any(document.path(root, &["toolConfig", "tools"]), &|tool| {
                    document.path(tool, &["toolSpec", "name"]).is_none()
                        && document.get(tool, "cachePoint").is_none()
                })
        }
        Dialect::Anthropic => {
            document.get(root, "mcp_servers").is_some()
                || any(document.get(root, "tools"), &|tool| document.get(tool, "name").is_none())
        }
    }
}

fn parameters(dialect: Dialect, document: &Document<'_>, root: ValueId) -> Parameters {
    let number = |path: &[&str]| document.path(root, path);
    let (temperature, top_p) = match dialect {
        Dialect::Converse | Dialect::Nova => (
            number(&["inferenceConfig", "temperature"]),
            number(&["inferenceConfig", "topP"]).or(number(&["inferenceConfig", "top_p"])),
        ),
        Dialect::Anthropic => (number(&["temperature"]), number(&["top_p"])),
        Dialect::Opaque => (
            number(&["temperature"]).or(number(&["textGenerationConfig", "temperature"])),
            number(&["top_p"]).or(number(&["textGenerationConfig", "topP"])),
        ),
    };
    Parameters {
        // The largest of them is what may be generated.
        max_tokens: max_tokens_members(dialect, document, root).filter_map(|id| document.u64(id)).max(),
        temperature: temperature.and_then(|id| document.f64(id)),
        top_p: top_p.and_then(|id| document.f64(id)),
    }
}

/// Counts the system blocks and hashes their raw JSON, so that policy can pin a system prompt without seeing it.
fn system(document: &Document<'_>, root: ValueId) -> (u64, Option<String>) {
    let Some(system) = document.get(root, "system") else { return (0, None) };
    let blocks = match document.kind(system) {
        Kind::Array => document.elements(system).count() as u64,
        _ => 1,
    };
    let mut hash = Sha256::new();
    for id in document.descendants(system) {
        if !document.is_key(id)
            && let Some(text) = document.string(id)
        {
            hash.update(text.as_bytes());
            hash.update([0]);
        }
    }
    let hex = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    (blocks, Some(hex))
}

fn metadata(document: &Document<'_>, root: ValueId) -> BTreeMap<String, String> {
    let metadata = document.get(root, "requestMetadata");
    metadata
        .into_iter()
        .flat_map(|metadata| document.members(metadata))
        .take(16)
        .filter_map(|(key, value)| {
            Some((document.string(key)?.into_owned(), document.string(value)?.into_owned()))
        })
        .collect()
}

fn text_bytes(document: &Document<'_>, texts: &[TextSpan]) -> u64 {
    texts.iter().map(|text| document.raw(text.value).len().saturating_sub(2) as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Channel;

    fn parse<'a>(operation: Operation, model: &str, body: &'a str) -> Request<'a> {
        Request::parse(operation, &ModelId::parse(model).unwrap(), body.as_bytes(), JsonLimits::default())
            .unwrap()
    }

    fn texts(request: &Request<'_>) -> Vec<(String, Channel)> {
        request
            .texts
            .iter()
            .map(|text| (text.read(&request.document).unwrap().into_owned(), text.channel))
            .collect()
    }

    fn applied(body: &str, edits: Vec<Edit>) -> serde_json::Value {
        serde_json::from_slice(&crate::edit::apply(body.as_bytes(), edits).unwrap()).unwrap()
    }

    const CONVERSE: &str = r#"{"messages": [
        {"role": "user", "content": [{"text": "u1"}, {"image": {"format": "png", "source": {"bytes": "aGk="}}},
            {"document": {"format": "txt", "name": "d1", "source": {"text": "d2", "bytes": "aGk="}}}]},
        {"role": "assistant", "content": [{"text": "a1"},
            {"reasoningContent": {"reasoningText": {"text": "r1", "signature": "sig"}}},
            {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"k1": "v1", "n": [1, "v2"]}}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "t1", "content": [{"text": "x1"},
            {"json": {"k2": "v3"}}], "status": "success"}}, {"cachePoint": {"type": "default"}}]}],
        "system": [{"text": "s1"}], "inferenceConfig": {"maxTokens": 10, "temperature": 0.5},
        "toolConfig": {"tools": [{"toolSpec": {"name": "f", "description": "fd", "inputSchema": {"json": {"type": "object"}}}},
            {"toolSpec": {"name": "g", "inputSchema": {"json": {}}}}], "toolChoice": {"tool": {"name": "f"}}},
        "requestMetadata": {"project": "x"}, "somethingNew": {"deep": ["n1"]}}"#;

    #[test]
    fn converse_texts_come_in_prompt_order_with_their_channel() {
        use Channel::{Assistant, System, Tool, User};
        let request = parse(Operation::Converse, "amazon.nova-lite-v1:0", CONVERSE);
        let expected = [
            ("s1", System),
            ("fd", System),
            ("object", System),
            ("u1", User),
            ("d1", Tool),
            ("hi", Tool),
            ("d2", Tool),
            ("a1", Assistant),
            ("r1", Assistant),
            ("k1", Assistant),
            ("v1", Assistant),
            ("n", Assistant),
            ("v2", Assistant),
            ("x1", Tool),
            ("k2", Tool),
            ("v3", Tool),
        ];
        let found = texts(&request);
        for (at, (text, channel)) in expected.into_iter().enumerate() {
            assert_eq!(found[at], (text.to_owned(), channel));
        }
        let rest: Vec<&str> = found[expected.len()..].iter().map(|(text, _)| text.as_str()).collect();
        assert!(rest.contains(&"n1") && rest.contains(&"deep") && rest.contains(&"x"), "{rest:?}");
        assert!(!rest.contains(&"aGk=") && !rest.contains(&"t1"));
        let signed = request.texts.iter().filter(|text| !text.editable).count();
        assert_eq!(signed, 1);
    }

    #[test]
    fn facts_are_read() {
        let facts = parse(Operation::ConverseStream, "amazon.nova-lite-v1:0", CONVERSE).facts;
        assert_eq!(facts.params, Parameters { max_tokens: Some(10), temperature: Some(0.5), top_p: None });
        assert_eq!((facts.messages.count, facts.messages.user, facts.messages.assistant), (3, 2, 1));
        assert_eq!((facts.messages.images, facts.messages.documents, facts.messages.tool_results), (1, 1, 1));
        assert_eq!(facts.tools, ["f", "g"]);
        assert_eq!(facts.tool_choice.as_deref(), Some("f"));
        assert_eq!(facts.metadata.get("project").map(String::as_str), Some("x"));
        assert!(facts.stream && !facts.tools_unreadable && facts.system_blocks == 1);
    }

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
            parse(Operation::InvokeModel, "meta.llama3", r#"{"prompt":"x"}"#).set_max_tokens(7).is_empty()
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
    fn tools_in_other_places_are_told() {
        for (operation, model, body) in [
            (
                Operation::Converse,
                "m.x",
                r#"{"messages":[],"additionalModelRequestFields":{"tools":[{"type":"computer"}]}}"#,
            ),
            (
                Operation::Converse,
                "m.x",
                r#"{"messages":[{"role":"user","content":[{"toolAddition":{"tool":{}}}]}]}"#,
            ),
            (
                Operation::Converse,
                "m.x",
                r#"{"messages":[],"toolConfig":{"tools":[{"systemTool":{"name":"web"}}]}}"#,
            ),
            (Operation::InvokeModel, "anthropic.claude-3", r#"{"messages":[],"tools":[{"type":"x"}]}"#),
            (Operation::InvokeModel, "anthropic.claude-3", r#"{"messages":[],"mcp_servers":[{}]}"#),
        ] {
            assert!(parse(operation, model, body).facts.tools_unreadable, "{body}");
        }
        assert!(!parse(Operation::Converse, "amazon.nova-lite-v1:0", CONVERSE).facts.tools_unreadable);
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
    fn anthropic_texts_come_with_their_channel() {
        let body = r#"{"anthropic_version":"bedrock-2023-05-31","system":"s1","max_tokens":5,"messages":[
            {"role":"user","content":"u1"},
            {"role":"assistant","content":[{"type":"thinking","thinking":"h1","signature":"x"},
                {"type":"tool_use","id":"i","name":"f","input":{"a":"b1"}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"i","content":[{"type":"text","text":"x1"}]},
                {"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}},
                {"type":"document","source":{"type":"text","media_type":"text/plain","data":"d1"}}]}],
            "tools":[{"name":"f","description":"fd","input_schema":{"type":"object"}}]}"#;
        let request = parse(Operation::InvokeModel, "us.anthropic.claude-sonnet-4-20250514-v1:0", body);
        let found = texts(&request);
        for (text, channel) in [
            ("s1", Channel::System),
            ("fd", Channel::System),
            ("u1", Channel::User),
            ("h1", Channel::Assistant),
            ("b1", Channel::Assistant),
            ("x1", Channel::Tool),
            ("d1", Channel::Tool),
        ] {
            assert!(found.contains(&(text.to_owned(), channel)), "{text} {found:?}");
        }
        assert!(!found.iter().any(|(text, _)| text == "aGk=" || text == "i"));
        assert_eq!(request.facts.tools, ["f"]);
    }

    #[test]
    fn a_family_without_codec_is_inspected_whole() {
        let body = r#"{"prompt":"p1","tools":[{"x":"y1"}],"k":{"l":["m1"]}}"#;
        let request = parse(Operation::InvokeModel, "meta.llama3-8b-instruct-v1:0", body);
        let found: Vec<String> = texts(&request).into_iter().map(|(text, _)| text).collect();
        assert_eq!(found, ["prompt", "p1", "tools", "x", "y1", "k", "l", "m1"]);
        assert!(request.facts.tools_unreadable);
    }

    #[test]
    fn bodies_that_are_not_understood_are_refused() {
        let model = ModelId::parse("amazon.nova-lite-v1:0").unwrap();
        for (body, error) in [
            ("[]", RequestError::NotAnObject),
            ("{}", RequestError::NoMessages),
            (r#"{"messages":{}}"#, RequestError::NoMessages),
            (r#"{"messages":["x"]}"#, RequestError::NoMessages),
        ] {
            let outcome = Request::parse(Operation::Converse, &model, body.as_bytes(), JsonLimits::default());
            assert_eq!(outcome.err(), Some(error), "{body}");
        }
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
}
