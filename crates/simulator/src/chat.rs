//! An answer in the shape of OpenAI Chat Completions, and of the older text completions beside it. The same
//! objects go over server-sent events, lines, and InvokeModel chunks.

use serde_json::{Value, json};

use crate::answer::{Answer, Stop, ToolUse};
use crate::frames::{FrameKind, Frames, Wire};
use crate::generation::generation;
use crate::text::{Sequence, object_with, pieces};

/// Every answer was made at the same second: 2026-11-22, midnight.
pub(crate) const CREATED: u64 = 1_795_305_600;

pub(crate) fn body(answer: &Answer, model: &str) -> String {
    let calls: Vec<Value> = answer.tools().map(call).collect();
    let mut message = json!({"role": "assistant", "content": answer.text(), "refusal": null});
    if let Some(members) = message.as_object_mut().filter(|_| !calls.is_empty()) {
        members.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    let body = json!({
        "id": id(answer),
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [
            {"index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason(answer.stop)}
        ],
        "usage": usage(answer),
    });
    object_with(&body, &answer.invoke_guardrail_members())
}

/// The usage comes in a chunk of its own, when it was asked for; in InvokeModel chunks it always comes.
pub(crate) fn stream(answer: &Answer, model: &str, with_usage: bool, frames: &mut Frames) {
    let mut sequence = Sequence::new(answer.seed);
    let mut emit = |kind: FrameKind, delta: Value, finish: Value| {
        let choices = json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]);
        let chunk = chunk(answer, model, choices);
        frames.object(kind, &chunk, if with_usage { ",\"usage\":null" } else { "" });
    };
    emit(FrameKind::Opening, json!({"role": "assistant", "content": ""}), Value::Null);
    for piece in pieces(&answer.text().unwrap_or_default(), &mut sequence) {
        emit(FrameKind::Delta, json!({"content": piece}), Value::Null);
    }
    for (index, tool) in answer.tools().enumerate() {
        let start = json!({
            "index": index, "id": call_id(tool), "type": "function",
            "function": {"name": tool.name, "arguments": ""}
        });
        emit(FrameKind::Boundary, json!({"tool_calls": [start]}), Value::Null);
        for piece in pieces(&tool.json, &mut sequence) {
            let delta = json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]});
            emit(FrameKind::Delta, delta, Value::Null);
        }
    }
    emit(FrameKind::Closing, json!({}), json!(finish_reason(answer.stop)));
    if with_usage || frames.wire() == Wire::Events {
        let mut last = chunk(answer, model, json!([]));
        if let Some(members) = last.as_object_mut() {
            members.insert("usage".to_owned(), usage(answer));
        }
        let more = answer.closing_members(frames.wire());
        frames.object(FrameKind::Closing, &last, &more);
    }
    frames.done();
}

fn chunk(answer: &Answer, model: &str, choices: Value) -> Value {
    json!({
        "id": id(answer),
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": model,
        "choices": choices,
    })
}

pub(crate) fn completion_body(answer: &Answer, model: &str) -> String {
    let choice = json!({
        "index": 0, "text": generation(answer), "logprobs": null, "finish_reason": finish_reason(answer.stop)
    });
    let body = json!({
        "id": id(answer), "object": "text_completion", "created": CREATED, "model": model,
        "choices": [choice], "usage": usage(answer)
    });
    object_with(&body, &answer.invoke_guardrail_members())
}

pub(crate) fn completion_stream(answer: &Answer, model: &str, frames: &mut Frames) {
    let object = |text: &str, finish: Value| {
        json!({
            "id": id(answer), "object": "text_completion", "created": CREATED, "model": model,
            "choices": [{"index": 0, "text": text, "logprobs": null, "finish_reason": finish}]
        })
    };
    let mut sequence = Sequence::new(answer.seed);
    for piece in pieces(&generation(answer), &mut sequence) {
        frames.object(FrameKind::Delta, &object(piece, Value::Null), "");
    }
    let more = answer.closing_members(frames.wire());
    frames.object(FrameKind::Closing, &object("", json!(finish_reason(answer.stop))), &more);
    frames.done();
}

fn id(answer: &Answer) -> String {
    format!("chatcmpl-{:016x}", answer.seed)
}

fn call(tool: &ToolUse) -> Value {
    json!({
        "id": call_id(tool), "type": "function", "function": {"name": tool.name, "arguments": tool.json}
    })
}

pub(crate) fn call_id(tool: &ToolUse) -> String {
    format!("call_{:016x}", tool.number)
}

fn finish_reason(stop: Stop) -> &'static str {
    match stop {
        Stop::EndTurn => "stop",
        Stop::ToolUse => "tool_calls",
        Stop::MaxTokens => "length",
        Stop::Guardrail => "content_filter",
    }
}

fn usage(answer: &Answer) -> Value {
    json!({
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.total_tokens(),
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    })
}

#[cfg(test)]
mod tests {
    use crate::answer::tests::answer;
    use crate::frames::tests::{chunks, objects};

    use super::*;

    const TWO_CALLS: &str = "hi [sim:tool send {\"to\": \"{EMAIL_1}\"}] [sim:tool stop]";

    fn read_stream(text: &str, with_usage: bool) -> Vec<Value> {
        let mut frames = Frames::on(Wire::Sse, 1);
        stream(&answer(text), "m", with_usage, &mut frames);
        let bytes = frames.finish(None).bytes;
        assert!(bytes.ends_with(b"data: [DONE]\n\n"));
        objects(&bytes).into_iter().map(|(_, object)| object).collect()
    }

    #[test]
    fn the_body_is_a_chat_completion() {
        let body: Value = serde_json::from_str(&body(&answer(TWO_CALLS), "m")).unwrap();
        assert_eq!((body["object"].as_str(), body["model"].as_str()), (Some("chat.completion"), Some("m")));
        let message = &body["choices"][0]["message"];
        assert_eq!(message["content"], "You said: hi");
        assert_eq!(message["tool_calls"][0]["function"]["arguments"], "{\"to\": \"{EMAIL_1}\"}");
        assert_ne!(message["tool_calls"][0]["id"], message["tool_calls"][1]["id"]);
        assert_eq!(body["choices"][0]["finish_reason"], "tool_calls");
        assert_eq!(body["usage"]["prompt_tokens"], 3);
    }

    #[test]
    fn the_stream_joins_to_the_body() {
        let chunks = read_stream(TWO_CALLS, false);
        let text: String =
            chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
        assert_eq!(text, "You said: hi");
        let mut arguments = [String::new(), String::new()];
        for chunk in &chunks {
            if let Some(call) = chunk.pointer("/choices/0/delta/tool_calls/0") {
                let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
                arguments[index].push_str(call["function"]["arguments"].as_str().unwrap());
            }
        }
        assert_eq!(arguments, ["{\"to\": \"{EMAIL_1}\"}", "{}"]);
        assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
        assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none()));
    }

    #[test]
    fn usage_is_streamed_only_when_asked_for() {
        let chunks = read_stream("hello", true);
        let last = chunks.last().unwrap();
        assert_eq!((&last["choices"], &last["usage"]["completion_tokens"]), (&json!([]), &json!(4)));
        assert!(chunks.first().unwrap()["usage"].is_null());
    }

    #[test]
    fn invoke_chunks_end_with_the_metrics() {
        let mut frames = Frames::new(1);
        stream(&answer("hello"), "m", false, &mut frames);
        let chunks = chunks(&frames.finish(None).bytes);
        assert_eq!(chunks.last().unwrap()["amazon-bedrock-invocationMetrics"]["outputTokenCount"], 4);
    }

    #[test]
    fn completions_have_texts() {
        let body: Value = serde_json::from_str(&completion_body(&answer("hello"), "m")).unwrap();
        assert_eq!(body["choices"][0]["text"], "You said: hello");
        let mut frames = Frames::on(Wire::Sse, 1);
        completion_stream(&answer("hello"), "m", &mut frames);
        let joined: String = objects(&frames.finish(None).bytes)
            .iter()
            .filter_map(|(_, object)| object["choices"][0]["text"].as_str())
            .collect();
        assert_eq!(joined, "You said: hello");
    }
}
