//! What tools returned, on its way to the model: which blocks of a body hold it, and which call each answers. The
//! texts in them are collected with all others.

use std::collections::HashMap;

use super::request::Request;
use super::returned::api_name;
use super::shape::{list, word};
use crate::json::{Document, Kind, ValueId};
use crate::request::Dialect;

/// One result of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolResult {
    /// The call it answers; empty where the dialect has no ids.
    pub id: String,
    /// The tool, where the body says which it was.
    pub name: Option<String>,
    /// Whether the caller marked it as a failure.
    pub failed: bool,
    /// All of it.
    pub block: ValueId,
    pub bytes: u64,
}

/// Results and the names of calls, as they are met.
struct Found<'d, 'a> {
    document: &'d Document<'a>,
    names: HashMap<String, String>,
    results: Vec<ToolResult>,
}

impl Request<'_> {
    /// Every result of a tool in the body, in order. Dialects without a place for them have none.
    pub fn tool_results(&self) -> Vec<ToolResult> {
        let (document, root) = (&self.document, self.root);
        let mut found = Found { document, names: HashMap::new(), results: Vec::new() };
        match self.facts.dialect {
            Dialect::Converse | Dialect::Nova => found.in_converse(root),
            Dialect::Anthropic => found.in_anthropic(root),
            Dialect::OpenAiChat => found.in_chat(root),
            Dialect::OpenAiResponses => found.in_responses(root),
            Dialect::CohereChat => found.in_cohere(root),
            Dialect::Agent => found.in_agent(root),
            Dialect::Plain(_) | Dialect::Opaque | Dialect::Text | Dialect::Bytes => {}
        }
        found.results
    }
}

impl Found<'_, '_> {
    fn add(&mut self, block: ValueId, id: &str, name: Option<String>, failed: bool) {
        let known = name.filter(|name| !name.is_empty()).or_else(|| self.names.get(id).cloned());
        let bytes = self.document.raw(block).len() as u64;
        self.results.push(ToolResult { id: id.to_owned(), name: known, failed, block, bytes });
    }

    fn call(&mut self, id: &str, name: &str) {
        if !id.is_empty() && !name.is_empty() {
            self.names.insert(id.to_owned(), name.to_owned());
        }
    }

    /// The blocks of all messages, in order.
    fn blocks(&self, root: ValueId) -> Vec<ValueId> {
        let messages = list(self.document, root, "messages");
        messages.into_iter().flat_map(|message| list(self.document, message, "content")).collect()
    }

    fn in_converse(&mut self, root: ValueId) {
        let document = self.document;
        for block in self.blocks(root) {
            if let Some(call) = document.get(block, "toolUse") {
                self.call(&word(document, call, "toolUseId"), &word(document, call, "name"));
            }
            if let Some(result) = document.get(block, "toolResult") {
                let failed = word(document, result, "status") == "error";
                self.add(result, &word(document, result, "toolUseId"), None, failed);
            }
        }
    }

    fn in_anthropic(&mut self, root: ValueId) {
        let document = self.document;
        for block in self.blocks(root) {
            match &*word(document, block, "type") {
                "tool_use" => self.call(&word(document, block, "id"), &word(document, block, "name")),
                "tool_result" => {
                    let failed =
                        document.get(block, "is_error").is_some_and(|id| document.kind(id) == Kind::True);
                    self.add(block, &word(document, block, "tool_use_id"), None, failed);
                }
                _ => {}
            }
        }
    }

    fn in_chat(&mut self, root: ValueId) {
        let document = self.document;
        for message in list(document, root, "messages") {
            for call in list(document, message, "tool_calls") {
                let name = document.string_at(call, &["function", "name"]).unwrap_or_default();
                self.call(&word(document, call, "id"), &name);
            }
            if matches!(&*word(document, message, "role"), "tool" | "function") {
                let name = Some(word(document, message, "name").into_owned());
                self.add(message, &word(document, message, "tool_call_id"), name, false);
            }
        }
    }

    fn in_responses(&mut self, root: ValueId) {
        let document = self.document;
        for item in list(document, root, "input") {
            let kind = word(document, item, "type");
            let id = word(document, item, "call_id");
            if kind.ends_with("_call") {
                self.call(&id, &word(document, item, "name"));
            } else if kind.ends_with("_output") {
                let failed = word(document, item, "status") == "incomplete";
                self.add(item, &id, None, failed);
            }
        }
    }

    fn in_cohere(&mut self, root: ValueId) {
        let document = self.document;
        let turns = list(document, root, "chat_history").into_iter().chain([root]);
        for result in turns.flat_map(|turn| list(document, turn, "tool_results")) {
            let name = document.string_at(result, &["call", "name"]).map(|name| name.into_owned());
            self.add(result, "", name, false);
        }
    }

    /// What an action group that returned control was given back.
    fn in_agent(&mut self, root: ValueId) {
        let document = self.document;
        for state in ["sessionState", "inlineSessionState"].map(|name| document.get(root, name)) {
            let Some(state) = state else { continue };
            for result in list(document, state, "returnControlInvocationResults") {
                let inner = ["functionResult", "apiResult"]
                    .into_iter()
                    .find_map(|name| document.get(result, name))
                    .unwrap_or(result);
                let api = document.string_at(inner, &["apiPath"]);
                let api = api.map(|path| api_name(&word(document, inner, "httpMethod"), &path));
                let named = |name| document.string_at(inner, &[name]).map(|name| name.into_owned());
                let name = named("function").or(api).or_else(|| named("actionGroup"));
                let failed = word(document, inner, "responseState") == "FAILURE";
                self.add(result, "", name, failed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::codec::testing::parse;
    use crate::operation::Operation;

    #[test]
    fn results_are_found_with_their_tools_in_every_dialect() {
        for (operation, model, body, expected) in [
            (
                Operation::Converse,
                "m.x",
                r#"{"messages":[{"role":"assistant","content":[{"toolUse":{"toolUseId":"t1","name":"f","input":{}}}]},
                {"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"text":"x"}]}},
                {"toolResult":{"toolUseId":"t2","status":"error","content":[]}}]}]}"#,
                vec![("t1", Some("f"), false), ("t2", None, true)],
            ),
            (
                Operation::InvokeModel,
                "anthropic.claude-3",
                r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"i","name":"f","input":{}}]},
                {"role":"user","content":[{"type":"tool_result","tool_use_id":"i","is_error":true,"content":"x"}]},
                {"role":"user","content":"tool_result"}]}"#,
                vec![("i", Some("f"), true)],
            ),
            (
                Operation::ChatCompletions,
                "",
                r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},
                {"role":"tool","tool_call_id":"c","content":"x"},{"role":"function","name":"g","content":"y"}]}"#,
                vec![("c", Some("f"), false), ("", Some("g"), false)],
            ),
            (
                Operation::Responses,
                "",
                r#"{"input":[{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
                {"type":"function_call_output","call_id":"c","output":"x"}]}"#,
                vec![("c", Some("f"), false)],
            ),
            (
                Operation::InvokeAgent,
                "",
                r#"{"sessionState":{"returnControlInvocationResults":[{"functionResult":{"actionGroup":"a","function":"f",
                "responseState":"FAILURE","responseBody":{"TEXT":{"body":"x"}}}}]}}"#,
                vec![("", Some("f"), true)],
            ),
            (Operation::InvokeModel, "meta.llama3", r#"{"prompt":"toolResult"}"#, vec![]),
        ] {
            let results = parse(operation, model, body).tool_results();
            let found: Vec<(&str, Option<&str>, bool)> = results
                .iter()
                .map(|result| (result.id.as_str(), result.name.as_deref(), result.failed))
                .collect();
            assert_eq!(found, expected, "{body}");
            assert!(results.iter().all(|result| result.bytes > 0));
        }
    }
}
