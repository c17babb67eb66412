//! Answers in the shapes of the smaller text families: Titan, Mistral, Cohere Command, and Hugging Face's
//! text generation containers. None of them has more than text, but for Command R's tool calls.

use serde_json::{Value, json};

use crate::answer::{Answer, Stop};
use crate::frames::{FrameKind, Frames};
use crate::generation::generation;
use crate::text::{Sequence, object_with, pieces};

pub(crate) fn titan_body(answer: &Answer) -> String {
    let body = json!({
        "inputTextTokenCount": answer.input_tokens,
        "results": [{
            "tokenCount": answer.output_tokens,
            "outputText": generation(answer),
            "completionReason": titan_reason(answer.stop)
        }]
    });
    object_with(&body, &answer.invoke_guardrail_members())
}

pub(crate) fn titan_stream(answer: &Answer, frames: &mut Frames) {
    let object = |text: &str, total: Value, reason: Value| {
        json!({
            "outputText": text, "index": 0, "totalOutputTextTokenCount": total, "completionReason": reason,
            "inputTextTokenCount": answer.input_tokens
        })
    };
    for piece in pieces(&generation(answer), &mut Sequence::new(answer.seed)) {
        frames.object(FrameKind::Delta, &object(piece, Value::Null, Value::Null), "");
    }
    let last = object("", json!(answer.output_tokens), json!(titan_reason(answer.stop)));
    let more = answer.closing_members(frames.wire());
    frames.object(FrameKind::Closing, &last, &more);
}

fn titan_reason(stop: Stop) -> &'static str {
    match stop {
        Stop::EndTurn | Stop::ToolUse => "FINISH",
        Stop::MaxTokens => "LENGTH",
        Stop::Guardrail => "CONTENT_FILTERED",
    }
}

pub(crate) fn mistral_body(answer: &Answer) -> String {
    let body = json!({"outputs": [{"text": generation(answer), "stop_reason": mistral_reason(answer.stop)}]});
    object_with(&body, &answer.invoke_guardrail_members())
}

pub(crate) fn mistral_stream(answer: &Answer, frames: &mut Frames) {
    for piece in pieces(&generation(answer), &mut Sequence::new(answer.seed)) {
        let object = json!({"outputs": [{"text": piece, "stop_reason": null}]});
        frames.object(FrameKind::Delta, &object, "");
    }
    let last = json!({"outputs": [{"text": "", "stop_reason": mistral_reason(answer.stop)}]});
    let more = answer.closing_members(frames.wire());
    frames.object(FrameKind::Closing, &last, &more);
}

fn mistral_reason(stop: Stop) -> &'static str {
    if stop == Stop::MaxTokens { "length" } else { "stop" }
}

pub(crate) fn command_body(answer: &Answer) -> String {
    let generation = json!({
        "id": id(answer), "text": generation(answer), "finish_reason": command_reason(answer.stop)
    });
    let body = json!({"id": id(answer), "generations": [generation], "prompt": ""});
    object_with(&body, &answer.invoke_guardrail_members())
}

pub(crate) fn command_stream(answer: &Answer, frames: &mut Frames) {
    for piece in pieces(&generation(answer), &mut Sequence::new(answer.seed)) {
        frames.object(FrameKind::Delta, &json!({"text": piece, "is_finished": false}), "");
    }
    let last = json!({"text": "", "is_finished": true, "finish_reason": command_reason(answer.stop)});
    let more = answer.closing_members(frames.wire());
    frames.object(FrameKind::Closing, &last, &more);
}

pub(crate) fn command_r_body(answer: &Answer) -> String {
    object_with(&command_r_response(answer), &answer.invoke_guardrail_members())
}

pub(crate) fn command_r_stream(answer: &Answer, frames: &mut Frames) {
    let start = json!({"event_type": "stream-start", "is_finished": false, "generation_id": id(answer)});
    frames.object(FrameKind::Opening, &start, "");
    for piece in pieces(&answer.text().unwrap_or_default(), &mut Sequence::new(answer.seed)) {
        let object = json!({"event_type": "text-generation", "text": piece, "is_finished": false});
        frames.object(FrameKind::Delta, &object, "");
    }
    let calls = command_calls(answer);
    if !calls.is_empty() {
        let object =
            json!({"event_type": "tool-calls-generation", "tool_calls": calls, "is_finished": false});
        frames.object(FrameKind::Boundary, &object, "");
    }
    let last = json!({
        "event_type": "stream-end", "is_finished": true, "finish_reason": command_reason(answer.stop),
        "response": command_r_response(answer)
    });
    let more = answer.closing_members(frames.wire());
    frames.object(FrameKind::Closing, &last, &more);
}

fn command_r_response(answer: &Answer) -> Value {
    let mut response = json!({
        "response_id": id(answer),
        "generation_id": id(answer),
        "text": answer.text().unwrap_or_default(),
        "chat_history": [],
        "finish_reason": command_reason(answer.stop)
    });
    let calls = command_calls(answer);
    if let Some(members) = response.as_object_mut().filter(|_| !calls.is_empty()) {
        members.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    response
}

fn command_calls(answer: &Answer) -> Vec<Value> {
    let input = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    answer.tools().map(|tool| json!({"name": tool.name, "parameters": input(&tool.json)})).collect()
}

fn command_reason(stop: Stop) -> &'static str {
    if stop == Stop::MaxTokens { "MAX_TOKENS" } else { "COMPLETE" }
}

fn id(answer: &Answer) -> String {
    format!("{:016x}", answer.seed)
}

/// TGI answers a list for a list of inputs; one text is answered as a list of one too.
pub(crate) fn tgi_body(answer: &Answer, with_details: bool) -> String {
    let mut generated = json!({"generated_text": generation(answer)});
    if let Some(members) = generated.as_object_mut().filter(|_| with_details) {
        members.insert("details".to_owned(), tgi_details(answer));
    }
    json!([generated]).to_string()
}

/// The last token carries the whole text and the details.
pub(crate) fn tgi_stream(answer: &Answer, frames: &mut Frames) {
    let text = generation(answer);
    let mut pieces = pieces(&text, &mut Sequence::new(answer.seed));
    let last = pieces.pop().unwrap_or_default();
    let object = |index: usize, piece: &str, whole: Value, details: Value| {
        json!({
            "index": index,
            "token": {"id": index, "text": piece, "logprob": -0.25, "special": false},
            "generated_text": whole,
            "details": details
        })
    };
    let count = pieces.len();
    for (index, piece) in pieces.into_iter().enumerate() {
        frames.object(FrameKind::Delta, &object(index, piece, Value::Null, Value::Null), "");
    }
    let last = object(count, last, json!(text), tgi_details(answer));
    frames.object(FrameKind::Closing, &last, "");
}

fn tgi_details(answer: &Answer) -> Value {
    let reason = if answer.stop == Stop::MaxTokens { "length" } else { "eos_token" };
    json!({
        "finish_reason": reason, "generated_tokens": answer.output_tokens, "seed": null,
        "input_length": answer.input_tokens
    })
}

#[cfg(test)]
mod tests {
    use crate::answer::tests::answer;
    use crate::frames::Wire;
    use crate::frames::tests::{chunks, objects};

    use super::*;

    type Body = fn(&Answer) -> String;
    type Stream = fn(&Answer, &mut Frames);

    #[test]
    fn every_family_says_the_same_whole_and_in_chunks() {
        let cases: [(Body, Stream, &str, &str); 4] = [
            (titan_body, titan_stream, "/results/0/outputText", "/outputText"),
            (mistral_body, mistral_stream, "/outputs/0/text", "/outputs/0/text"),
            (command_body, command_stream, "/generations/0/text", "/text"),
            (command_r_body, command_r_stream, "/text", "/text"),
        ];
        for (body, stream, in_body, in_chunk) in cases {
            let answer = answer("mail {EMAIL_1}");
            let read: Value = serde_json::from_str(&body(&answer)).unwrap();
            assert_eq!(read.pointer(in_body).unwrap(), "You said: mail {EMAIL_1}");
            let mut frames = Frames::new(1);
            stream(&answer, &mut frames);
            let chunks = chunks(&frames.finish(None).bytes);
            let joined: String =
                chunks.iter().filter_map(|chunk| chunk.pointer(in_chunk)?.as_str()).collect();
            assert_eq!(joined, "You said: mail {EMAIL_1}");
            assert!(chunks.last().unwrap()["amazon-bedrock-invocationMetrics"].is_object());
        }
    }

    #[test]
    fn command_r_calls_tools() {
        let read: Value = serde_json::from_str(&command_r_body(&answer("[sim:tool a {\"x\": 1}]"))).unwrap();
        assert_eq!(read["tool_calls"], json!([{"name": "a", "parameters": {"x": 1}}]));
    }

    #[test]
    fn a_containers_last_token_has_the_whole_text() {
        let mut frames = Frames::on(Wire::TightSse, 1);
        tgi_stream(&answer("hello"), &mut frames);
        let bytes = frames.finish(None).bytes;
        assert!(bytes.starts_with(b"data:{"));
        let objects = objects(&bytes);
        let joined: String =
            objects.iter().filter_map(|(_, object)| object["token"]["text"].as_str()).collect();
        assert_eq!(joined, "You said: hello");
        let last = &objects.last().unwrap().1;
        assert_eq!(
            (&last["generated_text"], &last["details"]["generated_tokens"]),
            (&json!(joined), &json!(4))
        );
        let body: Value = serde_json::from_str(&tgi_body(&answer("hello"), true)).unwrap();
        assert_eq!(body[0]["generated_text"], "You said: hello");
        assert_eq!(body[0]["details"]["finish_reason"], "eos_token");
    }
}
