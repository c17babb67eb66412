//! Bodies of the agent runtime: agents, flows, knowledge bases, reranking, prompt optimisation (Agents for Amazon
//! Bedrock runtime API reference). The model that answers is often named on the server alone; what the body names
//! is told here.

use std::collections::HashSet;

use super::facts::has_member;
use super::opaque::is_filled;
use super::retrieval::Base;
use super::shape::{channel_of, list, word};
use super::texts::{Collector, is_identifier, is_media, is_text_type};
use crate::finding::Channel;
use crate::json::{Document, Kind, ValueId};
use crate::operation::Operation;
use crate::request::{GuardrailRef, KnowledgeBaseFacts};

const GENERATE: &str = "retrieveAndGenerateConfiguration";
pub(super) const KNOWLEDGE_BASE: &str = "knowledgeBaseConfiguration";
const SOURCES: &str = "externalSourcesConfiguration";
const GENERATION: &str = "generationConfiguration";

/// Every text of the body; members of the service's own schema say whose words they hold.
pub(super) fn collect(collector: &mut Collector<'_, '_>, root: ValueId) {
    collect_known(collector, root, Channel::User);
}

fn collect_known(collector: &mut Collector<'_, '_>, id: ValueId, channel: Channel) {
    let document = collector.document;
    match document.kind(id) {
        Kind::Array => {
            for element in document.elements(id) {
                collect_known(collector, element, channel);
            }
        }
        Kind::Object => {
            for (name, key, value) in collector.named(id) {
                collect_member(collector, &name, (key, value), channel);
            }
        }
        _ => collector.text(id, None, channel),
    }
}

fn collect_member(
    collector: &mut Collector<'_, '_>,
    name: &str,
    (key, value): (ValueId, ValueId),
    channel: Channel,
) {
    let document = collector.document;
    match name {
        "guardrailConfiguration" | "bedrockGuardrailConfiguration" | "performanceConfig" => {}
        // What the application wrote.
        "instruction"
        | "actionGroups"
        | "promptOverrideConfiguration"
        | "promptTemplate"
        | "collaborators"
        | "collaboratorInstruction" => {
            collector.rest(value, Channel::System, &[], is_identifier);
        }
        // What came from outside.
        "returnControlInvocationResults" => collector.free_json(value, Channel::Tool),
        "files" | "sources" => collect_known(collector, value, Channel::Tool),
        "byteContent" => collect_bytes(collector, value),
        "jsonDocument" | "textDocument" => collector.free_json(value, channel),
        "messages" if document.kind(value) == Kind::Array => {
            for message in document.elements(value) {
                let channel = channel_of(&word(document, message, "role"));
                let role = document.get(message, "role");
                collector.rest(message, channel, role.as_slice(), |_, _| false);
            }
        }
        // JSON whose shape the caller chose: no name in it gives its words another author.
        "sessionAttributes"
        | "promptSessionAttributes"
        | "document"
        | "filter"
        | "additionalModelRequestFields"
        | "retrievalConfiguration" => {
            collector.text(key, None, channel);
            collector.rest(value, channel, &[], is_search_word);
        }
        _ => match document.string(value) {
            Some(text) if is_identifier(name, &text) || is_word_of_schema(name) => {}
            Some(text) if name == "inlineContent" && is_media("image", &text) => {}
            Some(_) => collector.text(value, Some(key), channel),
            None if is_known(name) => collect_known(collector, value, channel),
            None => {
                collector.text(key, None, channel);
                collect_known(collector, value, channel);
            }
        },
    }
}

/// Documents and files in base64; those of texts are read.
fn collect_bytes(collector: &mut Collector<'_, '_>, content: ValueId) {
    let document = collector.document;
    let media_type = document
        .string_at(content, &["mediaType"])
        .or_else(|| document.string_at(content, &["contentType"]))
        .unwrap_or_default();
    let data = document.get(content, "data");
    if let Some(data) = data
        && is_text_type(&media_type)
    {
        collector.base64_text(data, Channel::Tool);
    }
    collector.rest(content, Channel::Tool, data.as_slice(), |_, _| false);
}

/// Objects of the schema, whose own names are no words of the caller's.
fn is_known(name: &str) -> bool {
    name.ends_with("Configuration")
        || name.ends_with("Configurations")
        || name.ends_with("Config")
        || name.ends_with("State")
        || name.ends_with("Query")
        || name.ends_with("Input")
        || matches!(name, "input" | "inputs" | "queries" | "content" | "source" | "textPrompt" | "retrievers")
}

/// Words the schema chooses among.
fn is_word_of_schema(name: &str) -> bool {
    matches!(name, "type" | "sourceType" | "useCase" | "agentCollaboration" | "orchestrationType" | "latency")
}

fn is_search_word(name: &str, text: &str) -> bool {
    matches!(name, "overrideSearchType" | "type") || (name.ends_with("Arn") && is_identifier(name, text))
}

pub(super) const MAX_TOKENS_PATHS: &[&[&str]] = &[
    KNOWLEDGE_BASE_LIMIT,
    SOURCES_LIMIT,
    &[
        GENERATE,
        KNOWLEDGE_BASE,
        "orchestrationConfiguration",
        "inferenceConfig",
        "textInferenceConfig",
        "maxTokens",
    ],
];

const KNOWLEDGE_BASE_LIMIT: &[&str] =
    &[GENERATE, KNOWLEDGE_BASE, GENERATION, "inferenceConfig", "textInferenceConfig", "maxTokens"];

const SOURCES_LIMIT: &[&str] =
    &[GENERATE, SOURCES, GENERATION, "inferenceConfig", "textInferenceConfig", "maxTokens"];

/// Members of the same objects that hold the output limits.
macro_rules! beside_the_limits {
    ($name:literal) => {
        [
            &[GENERATE, KNOWLEDGE_BASE, GENERATION, "inferenceConfig", "textInferenceConfig", $name],
            &[GENERATE, SOURCES, GENERATION, "inferenceConfig", "textInferenceConfig", $name],
            &[
                GENERATE,
                KNOWLEDGE_BASE,
                "orchestrationConfiguration",
                "inferenceConfig",
                "textInferenceConfig",
                $name,
            ],
        ]
    };
}

pub(super) static TEMPERATURE_PATHS: [&[&str]; 3] = beside_the_limits!("temperature");
pub(super) static TOP_P_PATHS: [&[&str]; 3] = beside_the_limits!("topP");

/// What an answer is generated from: a knowledge base or sources of the caller's.
pub(super) fn generation(document: &Document<'_>, root: ValueId) -> Option<&'static str> {
    let has = |name: &str| document.path(root, &[GENERATE, name]).is_some();
    match (has(KNOWLEDGE_BASE), has(SOURCES)) {
        (true, false) => Some(KNOWLEDGE_BASE),
        (false, true) => Some(SOURCES),
        _ => None,
    }
}

pub(super) fn max_tokens_insert(document: &Document<'_>, root: ValueId) -> Option<&'static [&'static str]> {
    generation(document, root)
        .map(|generation| if generation == KNOWLEDGE_BASE { KNOWLEDGE_BASE_LIMIT } else { SOURCES_LIMIT })
}

/// Where a body names its guardrail, and what the identifier is called there.
pub(super) struct GuardrailMember {
    pub path: &'static [&'static str],
    pub identifier: &'static str,
}

/// None where the operation takes no guardrail, or where one would not cover all that the body starts.
pub(super) fn guardrail_member(
    operation: Operation,
    document: &Document<'_>,
    root: ValueId,
) -> Option<GuardrailMember> {
    let (path, identifier): (&'static [&'static str], _) = match operation {
        Operation::Retrieve => (&["guardrailConfiguration"], "guardrailId"),
        Operation::RetrieveAndGenerate | Operation::RetrieveAndGenerateStream => {
            let path: &'static [&'static str] = match *max_tokens_insert(document, root)?.get(1)? {
                KNOWLEDGE_BASE => &[GENERATE, KNOWLEDGE_BASE, GENERATION, "guardrailConfiguration"],
                _ => &[GENERATE, SOURCES, GENERATION, "guardrailConfiguration"],
            };
            (path, "guardrailId")
        }
        Operation::AgenticRetrieveStream => {
            (&["policyConfiguration", "bedrockGuardrailConfiguration"], "guardrailId")
        }
        // Each collaborator has a guardrail of its own.
        Operation::InvokeInlineAgent if list(document, root, "collaborators").is_empty() => {
            (&["guardrailConfiguration"], "guardrailIdentifier")
        }
        _ => return None,
    };
    Some(GuardrailMember { path, identifier })
}

/// The guardrail the caller asked for by itself.
pub(super) fn guardrail(
    operation: Operation,
    document: &Document<'_>,
    root: ValueId,
) -> Option<GuardrailRef> {
    let member = guardrail_member(operation, document, root)?;
    let config = document.path(root, member.path)?;
    Some(GuardrailRef {
        id: document.string_at(config, &[member.identifier])?.into_owned(),
        version: word(document, config, "guardrailVersion").into_owned(),
    })
}

/// The model the body names for the operation itself, and all others it names.
pub(super) fn models(
    operation: Operation,
    document: &Document<'_>,
    root: ValueId,
) -> (Option<String>, Vec<String>) {
    let own = match operation {
        Operation::InvokeInlineAgent => document.get(root, "foundationModel"),
        Operation::RetrieveAndGenerate | Operation::RetrieveAndGenerateStream => document
            .path(root, &[GENERATE, KNOWLEDGE_BASE, "modelArn"])
            .or_else(|| document.path(root, &[GENERATE, SOURCES, "modelArn"])),
        Operation::Rerank => document.path(
            root,
            &["rerankingConfiguration", "bedrockRerankingConfiguration", "modelConfiguration", "modelArn"],
        ),
        Operation::OptimizePrompt => document.get(root, "targetModelId"),
        Operation::AgenticRetrieveStream => {
            let config =
                document.path(root, &["agenticRetrieveConfiguration", "foundationModelConfiguration"]);
            let models = ["bedrockFoundationModelConfiguration", "mantleFoundationModelConfiguration"];
            models
                .into_iter()
                .find_map(|name| document.path(config?, &[name, "modelConfiguration", "modelArn"]))
        }
        _ => None,
    };
    let mut others = Vec::new();
    find_models(document, root, &mut others);
    let named = |id: ValueId| document.string(id).map(std::borrow::Cow::into_owned);
    let own_name = own.and_then(named).filter(|name| !name.is_empty());
    let mut also = Vec::new();
    for name in others.into_iter().filter_map(named) {
        if Some(&name) != own_name.as_ref() && !name.is_empty() && !also.contains(&name) {
            also.push(name);
        }
    }
    (own_name, also)
}

/// Values of members that name a model, wherever the schema allows one.
fn find_models(document: &Document<'_>, id: ValueId, found: &mut Vec<ValueId>) {
    for element in document.elements(id) {
        find_models(document, element, found);
    }
    for (key, value) in document.members(id) {
        match &*document.string(key).unwrap_or_default() {
            "foundationModel" | "modelArn" => found.push(value),
            "sessionAttributes" | "promptSessionAttributes" | "returnControlInvocationResults" => {}
            "document" | "filter" | "additionalModelRequestFields" | "jsonDocument" | "parameters" => {}
            _ => find_models(document, value, found),
        }
    }
}

pub(super) fn knowledge_base(
    operation: Operation,
    document: &Document<'_>,
    root: ValueId,
) -> Option<KnowledgeBaseFacts> {
    match operation {
        Operation::Retrieve => {
            let query = document.path(root, &["retrievalQuery", "text"]);
            Some(searched(document, Some(root), query, KnowledgeBaseFacts::default()))
        }
        Operation::RetrieveAndGenerate | Operation::RetrieveAndGenerateStream => {
            let config = document.path(root, &[GENERATE, KNOWLEDGE_BASE]);
            let id = config.and_then(|config| document.string_at(config, &["knowledgeBaseId"]));
            let ids = id.into_iter().map(std::borrow::Cow::into_owned).collect();
            let query = document.path(root, &["input", "text"]);
            let facts = KnowledgeBaseFacts { ids, generate: true, ..KnowledgeBaseFacts::default() };
            Some(searched(document, config, query, facts))
        }
        Operation::AgenticRetrieveStream => Some(agentic(document, root)),
        Operation::InvokeAgent | Operation::InvokeInlineAgent => agents_own(document, root),
        _ => None,
    }
}

/// Knowledge bases the body gives to an agent and its collaborators. None where it names none: those the agent was
/// made with are not known here.
fn agents_own(document: &Document<'_>, root: ValueId) -> Option<KnowledgeBaseFacts> {
    let bases = agents_bases(document, root);
    if bases.is_empty() {
        return None;
    }
    let query_chars = document.get(root, "inputText").map_or(0, |text| chars(document, text));
    let mut facts =
        KnowledgeBaseFacts { query_chars, has_filter: true, generate: true, ..KnowledgeBaseFacts::default() };
    let mut seen = HashSet::new();
    for base in bases {
        let id = document.string_at(base, &["knowledgeBaseId"]).map(std::borrow::Cow::into_owned);
        facts.ids.extend(id.filter(|id| seen.insert(id.clone())));
        let own = searched(document, Some(base), None, KnowledgeBaseFacts::default());
        facts.results = facts.results.max(own.results);
        facts.search = facts.search.or(own.search);
        facts.has_filter &= own.has_filter;
        facts.implicit_filter |= own.implicit_filter;
        facts.rerank |= own.rerank;
    }
    Some(facts)
}

fn agents_bases(document: &Document<'_>, root: ValueId) -> Vec<ValueId> {
    let mut bases = list(document, root, "knowledgeBases");
    for collaborator in list(document, root, "collaborators") {
        bases.extend(list(document, collaborator, "knowledgeBases"));
    }
    for state in ["sessionState", "inlineSessionState"] {
        let state = document.get(root, state);
        bases
            .extend(state.into_iter().flat_map(|state| list(document, state, "knowledgeBaseConfigurations")));
    }
    bases
}

/// Every knowledge base the body gives a search to.
pub(super) fn bases(operation: Operation, document: &Document<'_>, root: ValueId) -> Vec<Base> {
    let holders = match operation {
        Operation::RetrieveAndGenerate | Operation::RetrieveAndGenerateStream => {
            document.path(root, &[GENERATE, KNOWLEDGE_BASE]).into_iter().collect()
        }
        Operation::AgenticRetrieveStream => list(document, root, "retrievers")
            .into_iter()
            .filter_map(|retriever| document.path(retriever, &["configuration", "knowledgeBase"]))
            .collect(),
        Operation::InvokeAgent | Operation::InvokeInlineAgent => agents_bases(document, root),
        _ => Vec::new(),
    };
    let id = |holder| document.string_at(holder, &["knowledgeBaseId"]).map(std::borrow::Cow::into_owned);
    holders.into_iter().map(|holder| Base { id: id(holder), holder }).collect()
}

/// The Bedrock model a harness is to answer with, where the body names one instead of the harness's own.
pub(super) fn harness_model(document: &Document<'_>, root: ValueId) -> Option<String> {
    let named = document.string_at(root, &["model", "bedrockModelConfig", "modelId"]);
    named.map(std::borrow::Cow::into_owned).filter(|name| !name.is_empty())
}

/// Whether a harness is to answer with a model of another provider, or behind an address of the caller's choice.
pub(super) fn harness_leaves_bedrock(document: &Document<'_>, root: ValueId) -> bool {
    let Some(model) = document.get(root, "model").filter(|model| document.kind(*model) != Kind::Null) else {
        return false;
    };
    let is_other = |(key, value): (ValueId, ValueId)| {
        document.string(key).is_none_or(|name| name != "bedrockModelConfig")
            && document.kind(value) != Kind::Null
    };
    document.kind(model) != Kind::Object
        || document.members(model).any(is_other)
        || ["apiBase", "api_base"].iter().any(|name| has_member(document, model, name))
}

fn searched(
    document: &Document<'_>,
    holder: Option<ValueId>,
    query: Option<ValueId>,
    mut facts: KnowledgeBaseFacts,
) -> KnowledgeBaseFacts {
    let config = holder.and_then(|holder| document.get(holder, "retrievalConfiguration"));
    let searches: Vec<ValueId> = config
        .into_iter()
        .flat_map(|config| document.members(config))
        .map(|(_, search)| search)
        .filter(|search| document.kind(*search) == Kind::Object)
        .collect();
    let has =
        |search: ValueId, name: &str| document.get(search, name).is_some_and(|id| is_filled(document, id));
    let numbers =
        searches.iter().filter_map(|search| document.u64(document.get(*search, "numberOfResults")?));
    facts.results = numbers.max();
    let mut kinds = searches.iter().filter_map(|search| document.string_at(*search, &["overrideSearchType"]));
    facts.search = kinds.next().map(std::borrow::Cow::into_owned);
    facts.has_filter = !searches.is_empty() && searches.iter().all(|search| has(*search, "filter"));
    facts.implicit_filter = searches.iter().any(|search| has(*search, "implicitFilterConfiguration"));
    facts.rerank = searches.iter().any(|search| has(*search, "rerankingConfiguration"));
    facts.query_chars = query.map_or(0, |query| chars(document, query));
    facts
}

fn agentic(document: &Document<'_>, root: ValueId) -> KnowledgeBaseFacts {
    let retrievers: Vec<ValueId> = list(document, root, "retrievers")
        .into_iter()
        .filter_map(|retriever| document.path(retriever, &["configuration", "knowledgeBase"]))
        .collect();
    let overrides = |retriever: &ValueId| document.get(*retriever, "retrievalOverrides");
    let ids = retrievers.iter().filter_map(|retriever| document.string_at(*retriever, &["knowledgeBaseId"]));
    let numbers = retrievers
        .iter()
        .filter_map(overrides)
        .filter_map(|overrides| document.u64(document.get(overrides, "maxNumberOfResults")?));
    let is_filtered = |retriever: &ValueId| {
        let filter = overrides(retriever).and_then(|overrides| document.get(overrides, "filter"));
        filter.is_some_and(|filter| is_filled(document, filter))
    };
    let messages = list(document, root, "messages");
    let questions = messages.iter().filter_map(|message| document.path(*message, &["content", "text"]));
    let generates = document.get(root, "generateResponse");
    KnowledgeBaseFacts {
        ids: ids.map(std::borrow::Cow::into_owned).collect(),
        results: numbers.max(),
        search: None,
        query_chars: questions.map(|question| chars(document, question)).sum(),
        has_filter: !retrievers.is_empty() && retrievers.iter().all(is_filtered),
        implicit_filter: false,
        rerank: document
            .path(root, &["agenticRetrieveConfiguration", "rerankingConfiguration"])
            .is_some_and(|config| is_filled(document, config)),
        // Left out, the service decides.
        generate: generates.is_none_or(|generates| document.kind(generates) != Kind::False),
    }
}

fn chars(document: &Document<'_>, id: ValueId) -> u64 {
    document.string(id).map_or(0, |text| text.chars().count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing::{applied, assert_marked, channels, parse};
    use crate::codec::{GuardrailPlace, Request};

    const AGENT: &str = r#"{"inputText":"USER1","enableTrace":true,"memoryId":"m-1","sessionState":{
        "conversationHistory":{"messages":[{"role":"user","content":[{"text":"USER2"}]},
            {"role":"assistant","content":[{"text":"ASSISTANT1"}]}]},
        "returnControlInvocationResults":[{"functionResult":{"responseBody":{"TEXT":{"body":"TOOL1"}}}}],
        "files":[{"name":"TOOL2","source":{"byteContent":{"mediaType":"text/csv","data":"VE9PTA=="},"sourceType":"BYTE_CONTENT"}}],
        "sessionAttributes":{"instruction":"USER3"},"promptSessionAttributes":{"USER4":"USER5"}},
        "unknown":{"USER6":["USER7"]}}"#;

    const INLINE: &str = r#"{"foundationModel":"amazon.nova-lite-v1:0","instruction":"SYSTEM1","inputText":"USER1",
        "actionGroups":[{"description":"SYSTEM2","functionSchema":{"functions":[{"description":"SYSTEM3"}]}}],
        "promptOverrideConfiguration":{"promptConfigurations":[{"basePromptTemplate":"SYSTEM4",
            "foundationModel":"amazon.nova-pro-v1:0"}]}}"#;

    const GENERATED: &str = r#"{"input":{"text":"USER1"},"retrieveAndGenerateConfiguration":{"type":"KNOWLEDGE_BASE",
        "knowledgeBaseConfiguration":{"knowledgeBaseId":"KB1","modelArn":"arn:aws:bedrock:us-east-1::foundation-model/m.x",
        "generationConfiguration":{"promptTemplate":{"textPromptTemplate":"SYSTEM1"}},
        "retrievalConfiguration":{"vectorSearchConfiguration":{"numberOfResults":7,"overrideSearchType":"HYBRID",
            "filter":{"equals":{"key":"USER2","value":"USER3"}}}}}}}"#;

    const SOURCED: &str = r#"{"input":{"text":"USER1"},"retrieveAndGenerateConfiguration":{"type":"EXTERNAL_SOURCES",
        "externalSourcesConfiguration":{"modelArn":"m.x","sources":[{"sourceType":"BYTE_CONTENT","byteContent":
            {"identifier":"TOOL1","contentType":"text/plain","data":"VE9PTA=="}}]}}}"#;

    const RERANK: &str = r#"{"queries":[{"type":"TEXT","textQuery":{"text":"USER1"}}],
        "sources":[{"type":"INLINE","inlineDocumentSource":{"type":"TEXT","textDocument":{"text":"TOOL1"}}},
            {"inlineDocumentSource":{"jsonDocument":{"TOOL2":"TOOL3"}}}],
        "rerankingConfiguration":{"bedrockRerankingConfiguration":{"modelConfiguration":{"modelArn":"cohere.rerank-v3-5:0"}}}}"#;

    const AGENTIC: &str = r#"{"messages":[{"role":"user","content":{"text":"USER1"}}],"generateResponse":false,
        "retrievers":[{"configuration":{"knowledgeBase":{"knowledgeBaseId":"KB1","retrievalOverrides":
            {"maxNumberOfResults":3,"filter":{"equals":{"key":"k","value":"v"}}}}}},
            {"configuration":{"knowledgeBase":{"knowledgeBaseId":"KB2"}},"description":"USER2"}]}"#;

    const BODIES: [(Operation, &str); 9] = [
        (Operation::InvokeAgent, AGENT),
        (Operation::InvokeInlineAgent, INLINE),
        (Operation::RetrieveAndGenerate, GENERATED),
        (Operation::RetrieveAndGenerateStream, SOURCED),
        (Operation::Rerank, RERANK),
        (Operation::AgenticRetrieveStream, AGENTIC),
        (Operation::Retrieve, r#"{"retrievalQuery":{"text":"USER1"}}"#),
        (
            Operation::InvokeFlow,
            r#"{"inputs":[{"nodeName":"x","content":{"document":{"instruction":"USER1"}}}]}"#,
        ),
        (Operation::OptimizePrompt, r#"{"input":{"textPrompt":{"text":"USER1"}},"targetModelId":"m.x"}"#),
    ];

    #[test]
    fn every_text_is_found_with_its_channel() {
        for (operation, body) in BODIES {
            assert_marked(&parse(operation, "", body), body);
        }
        for (operation, body) in [(Operation::InvokeAgent, AGENT), (Operation::RetrieveAndGenerate, SOURCED)]
        {
            let found = channels(&parse(operation, "", body));
            assert!(found.contains(&("TOOL".to_owned(), Channel::Tool)), "{found:?}");
        }
    }

    #[test]
    fn the_models_a_body_names_are_told() {
        for (operation, body, own, also) in [
            (Operation::InvokeAgent, AGENT, None, vec![]),
            (
                Operation::InvokeInlineAgent,
                INLINE,
                Some("amazon.nova-lite-v1:0"),
                vec!["amazon.nova-pro-v1:0"],
            ),
            (
                Operation::RetrieveAndGenerate,
                GENERATED,
                Some("arn:aws:bedrock:us-east-1::foundation-model/m.x"),
                vec![],
            ),
            (Operation::RetrieveAndGenerate, SOURCED, Some("m.x"), vec![]),
            (Operation::Rerank, RERANK, Some("cohere.rerank-v3-5:0"), vec![]),
            (
                Operation::InvokeAgent,
                r#"{"sessionState":{"sessionAttributes":{"modelArn":"x"}}}"#,
                None,
                vec![],
            ),
            (
                Operation::InvokeInlineAgent,
                r#"{"collaborators":[{"foundationModel":"m.y"},{"foundationModel":"m.y"}]}"#,
                None,
                vec!["m.y"],
            ),
        ] {
            let request = parse(operation, "", body);
            assert_eq!(request.model_named.as_deref(), own, "{body}");
            assert_eq!(request.models_also_named, also, "{body}");
        }
    }

    #[test]
    fn what_a_knowledge_base_is_asked_is_told() {
        let facts = |operation, body| parse(operation, "", body).facts.knowledge_base;
        let generated = facts(Operation::RetrieveAndGenerate, GENERATED).unwrap();
        let expected = KnowledgeBaseFacts {
            ids: vec!["KB1".to_owned()],
            results: Some(7),
            search: Some("HYBRID".to_owned()),
            query_chars: 5,
            has_filter: true,
            implicit_filter: false,
            rerank: false,
            generate: true,
        };
        assert_eq!(generated, expected);
        let agentic = facts(Operation::AgenticRetrieveStream, AGENTIC).unwrap();
        assert_eq!((agentic.ids.len(), agentic.results, agentic.query_chars), (2, Some(3), 5));
        assert!(!agentic.has_filter && !agentic.generate);
        let plain = facts(
            Operation::Retrieve,
            r#"{"retrievalQuery":{"text":"é?"},"retrievalConfiguration":
            {"vectorSearchConfiguration":{"filter":{},"rerankingConfiguration":{"type":"x"}}}}"#,
        )
        .unwrap();
        assert_eq!(
            (plain.query_chars, plain.has_filter, plain.rerank, plain.generate),
            (2, false, true, false)
        );
        assert!(facts(Operation::InvokeAgent, AGENT).is_none());
    }

    #[test]
    fn the_knowledge_bases_given_to_an_agent_are_told() {
        const SEARCH: &str = r#""retrievalConfiguration":{"vectorSearchConfiguration":{"numberOfResults":4,"filter":{"x":1}}}"#;
        let facts = |operation, body| parse(operation, "", body).facts.knowledge_base;
        let inline = format!(
            r#"{{"inputText":"é?","knowledgeBases":[{{"knowledgeBaseId":"KB1",{SEARCH}}}],
            "collaborators":[{{"knowledgeBases":[{{"knowledgeBaseId":"KB2",{SEARCH}}},{{"knowledgeBaseId":"KB1",{SEARCH}}}]}}],
            "inlineSessionState":{{"knowledgeBaseConfigurations":[{{"knowledgeBaseId":"KB3",{SEARCH}}}]}}}}"#
        );
        let told = facts(Operation::InvokeInlineAgent, inline.as_str()).unwrap();
        let expected = KnowledgeBaseFacts {
            ids: ["KB1", "KB2", "KB3"].map(str::to_owned).to_vec(),
            results: Some(4),
            query_chars: 2,
            has_filter: true,
            generate: true,
            ..KnowledgeBaseFacts::default()
        };
        assert_eq!(told, expected);
        let state = r#"{"inputText":"x","sessionState":{"knowledgeBaseConfigurations":[
            {"knowledgeBaseId":"KB4","retrievalConfiguration":{"vectorSearchConfiguration":{"filter":{"x":1}}}},
            {"knowledgeBaseId":"KB5","retrievalConfiguration":{"vectorSearchConfiguration":{"overrideSearchType":"HYBRID",
            "implicitFilterConfiguration":{"modelArn":"m"},"rerankingConfiguration":{"type":"x"}}}}]}}"#;
        for operation in [Operation::InvokeAgent, Operation::InvokeInlineAgent] {
            let told = facts(operation, state).unwrap();
            assert_eq!((told.ids.join(" "), told.has_filter), ("KB4 KB5".to_owned(), false));
            assert_eq!(
                (told.search.as_deref(), told.implicit_filter, told.rerank),
                (Some("HYBRID"), true, true)
            );
        }
        for none in ["{}", r#"{"knowledgeBases":[],"sessionState":{}}"#] {
            assert!(facts(Operation::InvokeInlineAgent, none).is_none(), "{none}");
        }
    }

    #[test]
    fn a_harness_tells_its_model_and_whether_it_is_bedrocks() {
        for (model, named, elsewhere) in [
            ("null", None, false),
            ("{}", None, false),
            (
                r#"{"bedrockModelConfig":{"modelId":"amazon.nova-lite-v1:0"}}"#,
                Some("amazon.nova-lite-v1:0"),
                false,
            ),
            (r#"{"bedrockModelConfig":{"modelId":"m.x"},"openAiModelConfig":null}"#, Some("m.x"), false),
            (r#"{"bedrockModelConfig":{"modelId":"m.x","apiBase":"https://x"}}"#, Some("m.x"), true),
            (r#"{"openAiModelConfig":{"modelId":"gpt","apiKeyArn":"a"}}"#, None, true),
            (r#"{"geminiModelConfig":{"modelId":"gemini","apiKeyArn":"a"}}"#, None, true),
            (r#"{"liteLlmModelConfig":{"modelId":"x/y","apiBase":"https://x"}}"#, None, true),
            (r#"{"someNewModelConfig":{"modelId":"x"}}"#, None, true),
            (r#""gpt""#, None, true),
        ] {
            let body = format!(r#"{{"messages":[],"model":{model}}}"#);
            let request = parse(Operation::InvokeHarness, "", &body);
            assert_eq!(request.model_named.as_deref(), named, "{body}");
            assert_eq!(request.facts.content_elsewhere, elsewhere, "{body}");
        }
        assert!(parse(Operation::InvokeAgentRuntimeCommand, "", r#"{"model":"x"}"#).model_named.is_none());
    }

    #[test]
    fn a_guardrail_is_put_where_the_operation_reads_it() {
        let guardrail = GuardrailRef { id: "g".to_owned(), version: "1".to_owned() };
        let pointer = "/retrieveAndGenerateConfiguration/knowledgeBaseConfiguration/generationConfiguration/\
                       guardrailConfiguration/guardrailId";
        for (operation, body, pointer) in [
            (Operation::RetrieveAndGenerate, GENERATED, pointer),
            (Operation::Retrieve, "{}", "/guardrailConfiguration/guardrailId"),
            (Operation::InvokeInlineAgent, INLINE, "/guardrailConfiguration/guardrailIdentifier"),
            (
                Operation::InvokeInlineAgent,
                r#"{"guardrailConfiguration":{"guardrailIdentifier":"other","guardrailVersion":"9"}}"#,
                "/guardrailConfiguration/guardrailIdentifier",
            ),
            (
                Operation::AgenticRetrieveStream,
                AGENTIC,
                "/policyConfiguration/bedrockGuardrailConfiguration/guardrailId",
            ),
        ] {
            let request: Request<'_> = parse(operation, "", body);
            let GuardrailPlace::Body(edit) = request.set_guardrail(&guardrail) else { panic!("{body}") };
            let changed = applied(body, vec![edit]);
            assert_eq!(changed.pointer(pointer).unwrap(), "g", "{body}");
            let written = changed.to_string();
            let again = parse(operation, "", &written);
            assert_eq!(again.facts.guardrail, Some(guardrail.clone()), "{written}");
        }
        for (operation, body) in [
            (Operation::InvokeAgent, AGENT),
            (Operation::InvokeInlineAgent, r#"{"collaborators":[{"agentName":"x"}]}"#),
            (Operation::RetrieveAndGenerate, r#"{"input":{"text":"x"}}"#),
        ] {
            let place = parse(operation, "", body).set_guardrail(&guardrail);
            assert!(matches!(place, GuardrailPlace::Nowhere), "{body}");
        }
    }

    #[test]
    fn the_limit_of_a_generated_answer_is_inserted_and_replaced() {
        let pointer = "/retrieveAndGenerateConfiguration/knowledgeBaseConfiguration/generationConfiguration/\
                       inferenceConfig/textInferenceConfig/maxTokens";
        let inserted =
            applied(GENERATED, parse(Operation::RetrieveAndGenerate, "", GENERATED).set_max_tokens(7));
        assert_eq!(inserted.pointer(pointer).unwrap(), 7);
        let written = inserted.to_string();
        let request = parse(Operation::RetrieveAndGenerate, "", &written);
        assert_eq!(request.facts.params.max_tokens, Some(7));
        assert_eq!(applied(&written, request.set_max_tokens(5)).pointer(pointer).unwrap(), 5);
        assert!(parse(Operation::InvokeAgent, "", AGENT).set_max_tokens(7).is_empty());
    }
}
