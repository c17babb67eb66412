//! An answer in the shape of OpenAI Responses. Nothing is stored: a response cannot be asked for again.

use serde_json::{Value, json};

use crate::answer::{Answer, Stop, ToolUse};
use crate::chat::{CREATED, call_id};
use crate::frames::{FrameKind, Frames};
use crate::text::{Sequence, object_with, pieces};

pub(crate) fn body(answer: &Answer, model: &str) -> String {
    object_with(&response(answer, model, Progress::Over), &answer.invoke_guardrail_members())
}

pub(crate) fn stream(answer: &Answer, model: &str, frames: &mut Frames) {
    let mut events = Events { frames, number: 0 };
    let mut sequence = Sequence::new(answer.seed);
    for name in ["response.created", "response.in_progress"] {
        let response = response(answer, model, Progress::Begun);
        events.emit(FrameKind::Opening, name, json!({"response": response}));
    }
    let mut output_index = 0_u64;
    if let Some(text) = answer.text() {
        stream_message(answer, &text, &mut sequence, &mut events);
        output_index += 1;
    }
    for tool in answer.tools() {
        stream_call(output_index, tool, &mut sequence, &mut events);
        output_index += 1;
    }
    let response = response(answer, model, Progress::Over);
    let name = if is_complete(answer) { "response.completed" } else { "response.incomplete" };
    events.emit(FrameKind::Closing, name, json!({"response": response}));
}

/// The events of one stream, numbered.
struct Events<'a> {
    frames: &'a mut Frames,
    number: u64,
}

impl Events<'_> {
    fn emit(&mut self, kind: FrameKind, name: &str, members: Value) {
        let mut event = json!({"type": name, "sequence_number": self.number});
        if let (Some(event), Value::Object(members)) = (event.as_object_mut(), members) {
            event.extend(members);
        }
        self.frames.object(kind, &event, "");
        self.number += 1;
    }
}

fn stream_message(answer: &Answer, text: &str, sequence: &mut Sequence, events: &mut Events<'_>) {
    let id = message_id(answer);
    let at = |mut members: Value| {
        if let Some(members) = members.as_object_mut() {
            members.insert("item_id".to_owned(), json!(id));
            members.insert("output_index".to_owned(), json!(0));
            members.insert("content_index".to_owned(), json!(0));
        }
        members
    };
    let begun = json!({
        "type": "message", "id": id, "status": "in_progress", "role": "assistant", "content": []
    });
    let added = json!({"output_index": 0, "item": begun});
    events.emit(FrameKind::Boundary, "response.output_item.added", added);
    let part = at(json!({"part": output_text("")}));
    events.emit(FrameKind::Boundary, "response.content_part.added", part);
    for piece in pieces(text, sequence) {
        let delta = at(json!({"delta": piece, "logprobs": []}));
        events.emit(FrameKind::Delta, "response.output_text.delta", delta);
    }
    let done = at(json!({"text": text, "logprobs": []}));
    events.emit(FrameKind::Boundary, "response.output_text.done", done);
    let part = at(json!({"part": output_text(text)}));
    events.emit(FrameKind::Boundary, "response.content_part.done", part);
    let done = json!({"output_index": 0, "item": message(answer, text)});
    events.emit(FrameKind::Boundary, "response.output_item.done", done);
}

fn stream_call(output_index: u64, tool: &ToolUse, sequence: &mut Sequence, events: &mut Events<'_>) {
    let added = json!({"output_index": output_index, "item": function_call(tool, "", "in_progress")});
    events.emit(FrameKind::Boundary, "response.output_item.added", added);
    let id = item_id(tool);
    for piece in pieces(&tool.json, sequence) {
        let delta = json!({"item_id": id, "output_index": output_index, "delta": piece});
        events.emit(FrameKind::Delta, "response.function_call_arguments.delta", delta);
    }
    let done = json!({
        "item_id": id, "output_index": output_index, "name": tool.name, "arguments": tool.json
    });
    events.emit(FrameKind::Boundary, "response.function_call_arguments.done", done);
    let done = json!({"output_index": output_index, "item": function_call(tool, &tool.json, "completed")});
    events.emit(FrameKind::Boundary, "response.output_item.done", done);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Begun,
    Over,
}

fn response(answer: &Answer, model: &str, progress: Progress) -> Value {
    let (status, details) = match (progress, is_complete(answer)) {
        (Progress::Begun, _) => ("in_progress", Value::Null),
        (Progress::Over, true) => ("completed", Value::Null),
        (Progress::Over, false) => ("incomplete", json!({"reason": incomplete_reason(answer.stop)})),
    };
    let is_over = progress == Progress::Over;
    json!({
        "id": format!("resp_{:024x}", answer.seed),
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": null,
        "incomplete_details": details,
        "instructions": null,
        "metadata": {},
        "model": model,
        "output": if is_over { output(answer) } else { Vec::new() },
        "parallel_tool_calls": true,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": if is_over { usage(answer) } else { Value::Null },
    })
}

fn is_complete(answer: &Answer) -> bool {
    matches!(answer.stop, Stop::EndTurn | Stop::ToolUse)
}

fn incomplete_reason(stop: Stop) -> &'static str {
    if stop == Stop::Guardrail { "content_filter" } else { "max_output_tokens" }
}

fn output(answer: &Answer) -> Vec<Value> {
    let message = answer.text().map(|text| message(answer, &text));
    let calls = answer.tools().map(|tool| function_call(tool, &tool.json, "completed"));
    message.into_iter().chain(calls).collect()
}

fn message(answer: &Answer, text: &str) -> Value {
    json!({
        "type": "message", "id": message_id(answer), "status": "completed", "role": "assistant",
        "content": [output_text(text)]
    })
}

fn message_id(answer: &Answer) -> String {
    format!("msg_{:024x}", answer.seed)
}

fn output_text(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn function_call(tool: &ToolUse, arguments: &str, status: &str) -> Value {
    json!({
        "type": "function_call", "id": item_id(tool), "call_id": call_id(tool), "name": tool.name,
        "arguments": arguments, "status": status
    })
}

fn item_id(tool: &ToolUse) -> String {
    format!("fc_{:016x}", tool.number)
}

fn usage(answer: &Answer) -> Value {
    json!({
        "input_tokens": answer.input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": answer.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": answer.total_tokens(),
    })
}

#[cfg(test)]
mod tests {
    use crate::answer::tests::answer;
    use crate::frames::Wire;
    use crate::frames::tests::objects;

    use super::*;

    const TEXT: &str = "hi [sim:tool send {\"to\": \"{EMAIL_1}\"}]";

    #[test]
    fn the_body_has_message_and_call() {
        let body: Value = serde_json::from_str(&body(&answer(TEXT), "m")).unwrap();
        assert_eq!((body["object"].as_str(), body["status"].as_str()), (Some("response"), Some("completed")));
        assert_eq!(body["output"][0]["content"][0]["text"], "You said: hi");
        assert_eq!(body["output"][1]["arguments"], "{\"to\": \"{EMAIL_1}\"}");
        assert_eq!(body["usage"]["input_tokens"], 3);
    }

    #[test]
    fn events_are_named_numbered_and_join_to_the_body() {
        let mut frames = Frames::on(Wire::NamedSse, 1);
        stream(&answer(TEXT), "m", &mut frames);
        let events = objects(&frames.finish(None).bytes);
        for (number, (name, event)) in events.iter().enumerate() {
            assert_eq!(event["type"], name.as_str());
            assert_eq!(event["sequence_number"], number);
        }
        let joined = |wanted: &str| -> String {
            events
                .iter()
                .filter(|(name, _)| name == wanted)
                .filter_map(|(_, event)| event["delta"].as_str())
                .collect()
        };
        assert_eq!(joined("response.output_text.delta"), "You said: hi");
        assert_eq!(joined("response.function_call_arguments.delta"), "{\"to\": \"{EMAIL_1}\"}");
        let (first, last) = (events.first().unwrap(), events.last().unwrap());
        assert_eq!((first.0.as_str(), last.0.as_str()), ("response.created", "response.completed"));
        assert!(first.1["response"]["usage"].is_null());
        assert_eq!(last.1["response"]["output"][0]["content"][0]["text"], "You said: hi");
    }

    #[test]
    fn a_guardrail_leaves_the_response_incomplete() {
        let body: Value = serde_json::from_str(&body(&answer("[sim:guardrail]"), "m")).unwrap();
        assert_eq!(body["status"], "incomplete");
        assert_eq!(body["incomplete_details"]["reason"], "content_filter");
    }
}
