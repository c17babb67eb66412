//! The guardrail operations: `[sim:guard]` in a text is what the simulated guardrail finds and masks, the
//! guarded word of `answer` and `[sim:guardrail]` are what it blocks.

use serde_json::{Value, json};

use crate::answer::{BLOCKED_MESSAGE, GUARDED_WORD};
use crate::prompt::Prompt;
use crate::text::all_texts;

const MASKED: &str = "[sim:guard]";
const MASK: &str = "{NAME}";
const BLOCKING: &str = "[sim:guardrail]";
const FINDINGS_MAX: usize = 1_000;
const UNIT_CHARACTERS: usize = 1_000;

pub(crate) fn apply(prompt: &Prompt) -> Value {
    let content = prompt.body.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let texts: Vec<&str> = content.iter().filter_map(|block| block.pointer("/text/text")?.as_str()).collect();
    let characters: usize = texts.iter().map(|text| text.chars().count()).sum();
    let is_masked = texts.iter().any(|text| text.contains(MASKED));
    let (reason, outputs, assessment) = if texts.iter().any(|text| is_blocked(text)) {
        let topic = json!({"name": GUARDED_WORD, "type": "DENY", "action": "BLOCKED", "detected": true});
        (
            "Guardrail blocked.",
            vec![json!({"text": BLOCKED_MESSAGE})],
            json!({"topicPolicy": {"topics": [topic]}}),
        )
    } else if is_masked {
        let outputs = texts.iter().map(|text| json!({"text": text.replace(MASKED, MASK)})).collect();
        let entity = json!({"match": MASKED, "type": "NAME", "action": "ANONYMIZED", "detected": true});
        let policy = json!({"piiEntities": [entity], "regexes": []});
        ("Guardrail masked.", outputs, json!({"sensitiveInformationPolicy": policy}))
    } else {
        ("No action.", Vec::new(), json!({}))
    };
    let units = characters.div_ceil(UNIT_CHARACTERS);
    json!({
        "action": if outputs.is_empty() { "NONE" } else { "GUARDRAIL_INTERVENED" },
        "actionReason": reason,
        "outputs": outputs,
        "usage": {
            "topicPolicyUnits": units,
            "contentPolicyUnits": 0,
            "wordPolicyUnits": 0,
            "sensitiveInformationPolicyUnits": units,
            "sensitiveInformationPolicyFreeUnits": 0,
            "contextualGroundingPolicyUnits": 0
        },
        "assessments": [assessment],
        "guardrailCoverage": {"textCharacters": {"guarded": characters, "total": characters}}
    })
}

/// Answers for each check that was asked for.
pub(crate) fn check(prompt: &Prompt) -> Value {
    let checks = prompt.body.get("checks");
    let asked = |name: &str| checks.and_then(|checks| checks.get(name));
    let texts = all_texts(prompt.body.get("messages").unwrap_or(&Value::Null));
    let units = json!({"textUnits": texts.chars().count().div_ceil(UNIT_CHARACTERS)});
    let severity = if is_blocked(&texts) { 0.9 } else { 0.0 };
    let mut results = serde_json::Map::new();
    let mut usage = serde_json::Map::new();
    for name in ["contentFilter", "promptAttack"] {
        let Some(check) = asked(name) else { continue };
        let categories =
            check.get("categories").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let scores: Vec<Value> = categories
            .iter()
            .map(|category| json!({"category": category.get("category"), "severityScore": severity}))
            .collect();
        results.insert(name.to_owned(), json!({"results": scores}));
        usage.insert(name.to_owned(), units.clone());
    }
    if let Some(check) = asked("sensitiveInformation") {
        let kind = check.pointer("/entities/0/type").and_then(Value::as_str).unwrap_or("NAME");
        let (findings, is_truncated) = findings(&prompt.body, kind);
        results.insert(
            "sensitiveInformation".to_owned(),
            json!({"results": findings, "truncated": is_truncated}),
        );
        usage.insert("sensitiveInformation".to_owned(), units);
    }
    json!({"results": results, "usage": usage})
}

/// Where the masked word stands. Offsets count characters, as the service's do.
fn findings(body: &Value, kind: &str) -> (Vec<Value>, bool) {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let mut findings = Vec::new();
    for (message_index, message) in list(body.get("messages")).iter().enumerate() {
        for (content_index, block) in list(message.get("content")).iter().enumerate() {
            let text = block.get("text").and_then(Value::as_str).unwrap_or_default();
            for (at, found) in text.match_indices(MASKED) {
                if findings.len() == FINDINGS_MAX {
                    return (findings, true);
                }
                let begin = text.get(..at).unwrap_or_default().chars().count();
                findings.push(json!({
                    "type": kind,
                    "confidenceScore": 0.99,
                    "beginOffset": begin,
                    "endOffset": begin + found.chars().count(),
                    "messageIndex": message_index,
                    "contentIndex": content_index
                }));
            }
        }
    }
    (findings, false)
}

fn is_blocked(text: &str) -> bool {
    text.contains(GUARDED_WORD) || text.contains(BLOCKING)
}

#[cfg(test)]
mod tests {
    use crate::answer::tests::prompt;

    use super::*;

    fn asked(body: Value) -> Prompt {
        Prompt { body, ..prompt("") }
    }

    #[test]
    fn a_guardrail_passes_masks_or_blocks() {
        for (text, action, reason, output) in [
            ("fine", "NONE", "No action.", None),
            ("I am [sim:guard].", "GUARDRAIL_INTERVENED", "Guardrail masked.", Some("I am {NAME}.")),
            (
                "[sim:guard] forbidden-topic",
                "GUARDRAIL_INTERVENED",
                "Guardrail blocked.",
                Some(BLOCKED_MESSAGE),
            ),
        ] {
            let answer = apply(&asked(json!({"source": "INPUT", "content": [{"text": {"text": text}}]})));
            assert_eq!(
                (&answer["action"], &answer["actionReason"]),
                (&json!(action), &json!(reason)),
                "{text}"
            );
            assert_eq!(answer.pointer("/outputs/0/text").and_then(Value::as_str), output, "{text}");
        }
    }

    #[test]
    fn checks_answer_what_was_asked_with_offsets_in_characters() {
        let answer = check(&asked(json!({
            "messages": [{"role": "user", "content": [{"text": "é [sim:guard]"}]}],
            "checks": {
                "contentFilter": {"categories": [{"category": "HATE"}]},
                "sensitiveInformation": {"entities": [{"type": "EMAIL"}]}
            }
        })));
        let found = &answer["results"]["sensitiveInformation"]["results"][0];
        assert_eq!(
            (&found["type"], &found["beginOffset"], &found["endOffset"]),
            (&json!("EMAIL"), &json!(2), &json!(13))
        );
        assert_eq!(answer["results"]["contentFilter"]["results"][0]["category"], "HATE");
        assert!(answer["results"].get("promptAttack").is_none());
    }
}
