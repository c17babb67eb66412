//! Values hidden as policy says, seen from outside: what arrived at AWS, and what the caller got back.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{CLAUDE, Hardpan, NOVA, Setup};

/// A running Hardpan with the demonstration's data under other settings, or with policies of its own.
struct Running {
    hardpan: Hardpan,
    folder: PathBuf,
}

impl Running {
    fn with_settings(settings: &Value) -> Self {
        let folder = folder();
        let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/examples/data/demo.json");
        let mut data: Value = serde_json::from_str(&std::fs::read_to_string(demo).unwrap()).unwrap();
        for (name, value) in settings.as_object().unwrap() {
            data["settings"][name] = value.clone();
        }
        let file = folder.join("data.json");
        std::fs::write(&file, data.to_string()).unwrap();
        Self::start(folder, format!("{{ mode: enforce, bundle: library, data: [\"{}\"] }}", file.display()))
    }

    fn with_policy(rules: &str) -> Self {
        let folder = folder();
        std::fs::create_dir_all(folder.join("org")).unwrap();
        let allow = "allow contains \"all\" if input.action in {\"model:invoke\", \"tool:use\"}";
        let module = format!("package policy.org.redaction\n\n{allow}\n\n{rules}\n");
        std::fs::write(folder.join("org/redaction.rego"), module).unwrap();
        let policy = format!("{{ mode: enforce, bundle: \"{}\" }}", folder.display());
        Self::start(folder, policy)
    }

    fn start(folder: PathBuf, policy: String) -> Self {
        let more = "pii: { mode: on, key: \"a key for the tests of redaction alone\" }";
        Self { hardpan: Hardpan::start(Setup { policy: policy.leak(), more, ..Setup::default() }), folder }
    }

    fn converse(&self, body: &Value) -> crate::support::Response {
        self.hardpan.post(&format!("/model/{NOVA}/converse"), body.to_string().as_bytes())
    }

    /// The texts of the last message that arrived.
    fn seen(&self) -> String {
        let sent: Value = serde_json::from_str(&self.hardpan.last_received_text()).unwrap();
        let content =
            sent["messages"].as_array().unwrap().last().unwrap()["content"].as_array().unwrap().clone();
        content.iter().filter_map(|block| block["text"].as_str()).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("hardpan-redaction-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A Converse body whose messages, of the user and the assistant in turn, are these texts.
fn turns(texts: &[&str]) -> Value {
    let role = |index: usize| if index.is_multiple_of(2) { "user" } else { "assistant" };
    let message = |(index, text): (usize, &&str)| json!({"role": role(index), "content": [{"text": text}]});
    json!({"messages": texts.iter().enumerate().map(message).collect::<Vec<_>>(), "inferenceConfig": {"maxTokens": 200}})
}

/// Where a form with this beginning stands in a text, up to the brace that ends it.
fn form<'t>(text: &'t str, start: &str) -> &'t str {
    let at = text.find(start).unwrap_or_else(|| panic!("no {start} in {text}"));
    let end = text[at..].find('}').unwrap();
    &text[at..=at + end]
}

#[test]
fn each_mode_hides_the_value_and_only_some_give_it_back() {
    let text = "Write to ann@mail.test, or once more to ann@mail.test today";
    for (mode, comes_back) in
        [("mask", true), ("fake", true), ("token", true), ("hash", false), ("label", false), ("drop", false)]
    {
        let running = Running::with_settings(&json!({"redact_mode": mode}));
        let answer = running.hardpan.converse(text);
        let seen = running.seen();
        assert!(!running.hardpan.last_received_text().contains("mail.test"), "{mode} {seen}");
        let value = match mode {
            "mask" => "{EMAIL_1}".to_owned(),
            "fake" => {
                let value = seen.split_whitespace().nth(2).unwrap().trim_end_matches(',');
                assert!(value.contains("@example."), "{seen}");
                value.to_owned()
            }
            "token" => form(&seen, "{EMAIL:").to_owned(),
            "hash" => form(&seen, "{EMAIL#").to_owned(),
            "label" => "{EMAIL}".to_owned(),
            _ => String::new(),
        };
        let hidden = text.replace("ann@mail.test", &value);
        assert_eq!(seen, hidden, "{mode}");
        let expected = format!("You said: {}", if comes_back { text } else { hidden.as_str() });
        assert_eq!(answer.text(), expected, "{mode}");
        assert_eq!(running.hardpan.converse_stream(text).streamed_text(), expected, "{mode}");
        let record = &running.hardpan.records(2)[0];
        assert_eq!((&record["findings"]["EMAIL"], &record["redactions"]), (&2.into(), &2.into()), "{mode}");
    }
}

#[test]
fn tokens_and_made_up_values_keep_through_a_conversation_and_hashes_beyond_it() {
    for (mode, start) in [("token", "{EMAIL:"), ("hash", "{EMAIL#"), ("fake", "@example.")] {
        let running = Running::with_settings(&json!({"redact_mode": mode}));
        let value_in = |text: &str| match mode {
            "fake" => text.split_whitespace().find(|word| word.contains(start)).unwrap().to_owned(),
            _ => form(text, start).to_owned(),
        };
        let seen_of = |texts: &[&str]| {
            assert_eq!(running.converse(&turns(texts)).status, 200);
            value_in(&running.seen())
        };
        let first = seen_of(&["I am ann@mail.test now"]);
        let later = seen_of(&[
            "I am ann@mail.test now",
            "Hello",
            "Bob is bob@mail.test",
            "Well",
            "Ask ann@mail.test then",
        ]);
        assert_eq!(first, later, "{mode}");
        let elsewhere = seen_of(&["Another talk of ann@mail.test begins"]);
        assert_eq!(first == elsewhere, mode == "hash", "{mode}");
        // Another process with the same key makes the same.
        let again = Running::with_settings(&json!({"redact_mode": mode}));
        assert_eq!(again.converse(&turns(&["I am ann@mail.test now"])).status, 200);
        assert_eq!(first, value_in(&again.seen()), "{mode}");
    }
}

#[test]
fn types_and_places_are_hidden_each_in_their_way() {
    let running = Running::with_policy(
        r#"asked if input.action == "model:invoke"

apply contains {"redact": {"types": ["EMAIL"]}} if asked

apply contains {"redact": {"types": ["EMAIL"], "where": ["tool"], "mode": "drop"}} if asked

apply contains {"redact": {"types": ["PHONE"], "mode": "token", "restore": false}} if asked

apply contains {"redact": {"types": ["PHONE", "IP_ADDRESS"], "mode": "hash"}} if asked"#,
    );
    let text = "mail ann@mail.test, call +1 212-555-0147";
    let answer = running.hardpan.converse(text);
    let seen = running.seen();
    let token = form(&seen, "{PHONE:").to_owned();
    assert_eq!(seen, format!("mail {{EMAIL_1}}, call {token}"));
    assert_eq!(answer.text(), format!("You said: mail ann@mail.test, call {token}"));
    let body = json!({"messages": [
        {"role": "user", "content": [{"text": "who is it?"}]},
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t1", "name": "look_up", "input": {"of": "bob@mail.test"}}}]},
        {"role": "user", "content": [
            {"toolResult": {"toolUseId": "t1", "content": [{"text": "it is <ann@mail.test>"}]}},
            {"text": "so ann@mail.test?"}]},
    ]});
    assert_eq!(running.converse(&body).status, 200);
    let sent: Value = serde_json::from_str(&running.hardpan.last_received_text()).unwrap();
    assert_eq!(sent.pointer("/messages/2/content/0/toolResult/content/0/text").unwrap(), "it is <>");
    assert_eq!(sent.pointer("/messages/1/content/0/toolUse/input/of").unwrap(), "{EMAIL_1}");
    assert_eq!(sent.pointer("/messages/2/content/1/text").unwrap(), "so {EMAIL_2}?");
}

#[test]
fn a_number_is_hidden_where_it_can_be_and_refuses_the_request_where_not() {
    let number = 4_111_111_111_111_111_u64;
    let in_result = json!({"messages": [{"role": "user", "content": [
        {"toolResult": {"toolUseId": "t1", "content": [{"json": {"card": number}}]}}, {"text": "and now?"}]}]});
    let in_parameter = json!({"messages": [{"role": "user", "content": [{"text": "hello"}]}],
        "additionalModelRequestFields": {"card_number": number}});
    for (mode, sent) in [("mask", 1), ("drop", 1), ("fake", 2)] {
        let running = Running::with_settings(&json!({"redact_mode": mode}));
        assert_eq!(running.converse(&in_result).status, 200, "{mode}");
        let seen: Value = serde_json::from_str(&running.hardpan.last_received_text()).unwrap();
        let card = seen.pointer("/messages/0/content/0/toolResult/content/0/json/card").unwrap().clone();
        match mode {
            "mask" => assert_eq!(card, "{CREDIT_DEBIT_CARD_NUMBER_1}"),
            "drop" => assert_eq!(card, ""),
            _ => assert!(card.as_u64().is_some_and(|card| card != number), "{card}"),
        }
        let answer = running.converse(&in_parameter);
        assert_eq!(running.hardpan.simulator().request_count(), sent, "{mode}");
        assert!(
            running
                .hardpan
                .received()
                .iter()
                .all(|received| { !String::from_utf8_lossy(&received.body).contains(&number.to_string()) })
        );
        if mode != "fake" {
            assert_eq!(answer.error(), (403, "AccessDeniedException"), "{mode}");
            assert_eq!(running.hardpan.records(2)[1]["error"], "obligation_unenforceable");
        }
    }
}

#[test]
fn signed_reasoning_that_holds_a_value_is_left_out_or_refused() {
    let running = Running::with_settings(&json!({}));
    let reasoning =
        |text: &str| json!({"reasoningContent": {"reasoningText": {"text": text, "signature": "c2ln"}}});
    let body = |content: Value| {
        json!({"messages": [{"role": "user", "content": [{"text": "I am ann@mail.test"}]},
            {"role": "assistant", "content": content}, {"role": "user", "content": [{"text": "go on"}]}]})
    };
    let told = body(json!([reasoning("greet ann@mail.test"), {"text": "Hello"}]));
    assert_eq!(running.converse(&told).status, 200);
    let sent: Value = serde_json::from_str(&running.hardpan.last_received_text()).unwrap();
    assert_eq!(sent.pointer("/messages/1/content").unwrap(), &json!([{"text": "Hello"}]));
    // With a placeholder in it, as the model writes it, it stays byte for byte.
    let kept = body(json!([reasoning("greet {EMAIL_1}"), {"text": "Hello"}]));
    assert_eq!(running.converse(&kept).status, 200);
    assert!(running.hardpan.last_received_text().contains(&reasoning("greet {EMAIL_1}").to_string()));
    let alone = body(json!([reasoning("greet ann@mail.test")]));
    assert_eq!(running.converse(&alone).error(), (403, "AccessDeniedException"));
    let thinking = json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 50, "messages": [
        {"role": "user", "content": "I am ann@mail.test"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "greet ann@mail.test", "signature": "c2ln"},
            {"type": "text", "text": "Hello"}]},
        {"role": "user", "content": "go on"}]});
    let answer = running.hardpan.post(&format!("/model/{CLAUDE}/invoke"), thinking.to_string().as_bytes());
    assert_eq!(answer.status, 200);
    let sent: Value = serde_json::from_str(&running.hardpan.last_received_text()).unwrap();
    assert_eq!(sent.pointer("/messages/1/content").unwrap(), &json!([{"type": "text", "text": "Hello"}]));
    assert_eq!(running.hardpan.simulator().request_count(), 3);
}

#[test]
fn what_the_caller_wrote_himself_is_never_taken_for_a_replacement() {
    for mode in ["mask", "token", "fake"] {
        let running = Running::with_settings(&json!({"redact_mode": mode}));
        let first = running.converse(&turns(&["I am ann@mail.test now"]));
        assert_eq!(first.text(), "You said: I am ann@mail.test now", "{mode}");
        let seen = running.seen();
        let own = seen.split_whitespace().nth(2).unwrap().to_owned();
        // The same conversation, in which the caller now writes what stood in the value's place.
        let last = format!("is ann@mail.test the same as <{own}>?");
        let answer = running.converse(&turns(&["I am ann@mail.test now", "Yes", &last]));
        assert_eq!(answer.text(), format!("You said: {last}"), "{mode}");
        assert!(!running.hardpan.last_received_text().contains("ann@mail.test"), "{mode}");
    }
}

#[test]
fn a_mode_nobody_knows_refuses_what_has_to_be_hidden() {
    let running = Running::with_settings(&json!({"redact_mode": "maks"}));
    assert_eq!(running.hardpan.converse("I am ann@mail.test").error(), (503, "ServiceUnavailableException"));
    assert_eq!(running.hardpan.simulator().request_count(), 0);
    assert_eq!(running.hardpan.converse("Nothing is hidden here").status, 200);
}
