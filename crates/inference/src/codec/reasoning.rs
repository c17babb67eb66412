//! Taking the model's signed reasoning out of a request. A service checks such a block against its signature, so that
//! it can go as a whole or stay as it is, and never be changed inside.

use std::collections::HashSet;

use super::cut;
use super::request::Request;
use crate::edit::Edit;
use crate::json::{Document, ValueId};
use crate::request::Dialect;

impl Request<'_> {
    /// The changes that take out the reasoning blocks these texts stand in. None where a text stands in no block of
    /// its own, or where a message would be left without content, which no service takes.
    pub fn without_reasoning(&self, texts: &[ValueId]) -> Option<Vec<Edit>> {
        let document = &self.document;
        let has_blocks = matches!(self.facts.dialect, Dialect::Converse | Dialect::Nova | Dialect::Anthropic);
        let mut starts: Vec<usize> = texts.iter().map(|text| document.range(*text).start).collect();
        starts.sort_unstable();
        let mut starts = starts.into_iter().peekable();
        let mut edits = Vec::new();
        let messages = document.get(self.root, "messages").filter(|_| has_blocks);
        for message in messages.into_iter().flat_map(|messages| document.elements(messages)) {
            let Some(content) = document.get(message, "content") else { continue };
            let mut gone = HashSet::new();
            let mut count = 0_usize;
            // Blocks and texts come in the order of the body: one walk finds them all.
            for block in document.elements(content) {
                count += 1;
                let range = document.range(block);
                while starts.next_if(|start| range.contains(start)).is_some() {
                    if !is_reasoning(document, block) {
                        return None;
                    }
                    gone.insert(block);
                }
            }
            if !gone.is_empty() && gone.len() == count {
                return None;
            }
            edits.extend(cut::elements(document, content, &gone));
        }
        starts.peek().is_none().then_some(edits)
    }
}

fn is_reasoning(document: &Document<'_>, block: ValueId) -> bool {
    document.get(block, "reasoningContent").is_some()
        || document.string_at(block, &["type"]).is_some_and(|kind| kind == "thinking")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing::{applied, parse};
    use crate::operation::Operation;

    fn signed(request: &Request<'_>) -> Vec<ValueId> {
        request.texts.iter().filter(|text| !text.editable).map(|text| text.value).collect()
    }

    #[test]
    fn signed_reasoning_goes_as_a_whole_block() {
        for (operation, model, body, left) in [
            (
                Operation::Converse,
                "amazon.nova-lite-v1:0",
                r#"{"messages":[{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"r","signature":"s"}}},
                {"text":"a"}]},{"role":"assistant","content":[{"text":"b"},{"reasoningContent":{"reasoningText":{"text":"q","signature":"s"}}}]}]}"#,
                serde_json::json!([[{"text": "a"}], [{"text": "b"}]]),
            ),
            (
                Operation::InvokeModel,
                "anthropic.claude-3",
                r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"thinking","thinking":"r","signature":"s"},
                {"type":"text","text":"a"}]}]}"#,
                serde_json::json!(["x", [{"type": "text", "text": "a"}]]),
            ),
        ] {
            let request = parse(operation, model, body);
            let changed = applied(body, request.without_reasoning(&signed(&request)).unwrap());
            let messages = changed["messages"].as_array().unwrap();
            let contents: Vec<_> = messages.iter().map(|message| message["content"].clone()).collect();
            assert_eq!(serde_json::Value::from(contents), left);
            assert!(request.without_reasoning(&[]).unwrap().is_empty());
        }
    }

    #[test]
    fn reasoning_that_cannot_go_is_told() {
        for (operation, model, body) in [
            (
                Operation::Converse,
                "amazon.nova-lite-v1:0",
                r#"{"messages":[{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"r","signature":"s"}}}]}]}"#,
            ),
            (
                Operation::Converse,
                "amazon.nova-lite-v1:0",
                r#"{"messages":[{"role":"user","content":[{"text":"a"},{"toolResult":{"toolUseId":"t","content":[
                {"reasoningContent":{"reasoningText":{"text":"r","signature":"s"}}}]}}]}]}"#,
            ),
            (
                Operation::Responses,
                "",
                r#"{"input":[{"type":"reasoning","summary":[{"type":"summary_text","text":"r"}],"encrypted_content":"e"}]}"#,
            ),
        ] {
            let request = parse(operation, model, body);
            let texts = signed(&request);
            assert!(!texts.is_empty() && request.without_reasoning(&texts).is_none(), "{body}");
        }
    }
}
