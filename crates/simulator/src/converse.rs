//! An answer in the shape of Converse and ConverseStream. Nova's own bodies are nearly the same, so the
//! message and its events are shared with `nova`.

use std::fmt;

use crate::answer::{Answer, Block, Guardrail, Stop};
use crate::frames::{FrameKind, Frames};
use crate::text::{Quoted, Sequence, pieces};

pub(crate) fn body(answer: &Answer) -> String {
    format!(
        "{{{},{},\"metrics\":{{\"latencyMs\":{}}}{}}}",
        message_members(answer),
        usage(answer),
        answer.latency_ms,
        trace(answer)
    )
}

pub(crate) fn stream(answer: &Answer, frames: &mut Frames) {
    message_events(answer, |kind, name, members| frames.event(kind, name, members));
    frames.event(
        FrameKind::Closing,
        "metadata",
        format_args!(
            "{},\"metrics\":{{\"latencyMs\":{}}}{}",
            usage(answer),
            answer.latency_ms,
            trace(answer)
        ),
    );
}

/// `output` and `stopReason`, without braces around them.
pub(crate) fn message_members(answer: &Answer) -> String {
    let content: Vec<String> = answer.blocks.iter().map(content_block).collect();
    format!(
        "\"output\":{{\"message\":{{\"role\":\"assistant\",\"content\":[{}]}}}},\"stopReason\":\"{}\"",
        content.join(","),
        stop_reason(answer.stop)
    )
}

fn content_block(block: &Block) -> String {
    match block {
        Block::Text(text) => format!("{{\"text\":{}}}", Quoted(text)),
        Block::Tool(tool) => format!(
            "{{\"toolUse\":{{\"toolUseId\":\"tooluse_{:016x}\",\"name\":\"{}\",\"input\":{}}}}}",
            tool.number, tool.name, tool.json
        ),
    }
}

/// The events from `messageStart` to `messageStop`; a text block has no start event. Usage comes after, and
/// differs between the dialects.
pub(crate) fn message_events(answer: &Answer, mut emit: impl FnMut(FrameKind, &str, fmt::Arguments<'_>)) {
    let mut sequence = Sequence::new(answer.seed);
    emit(FrameKind::Opening, "messageStart", format_args!("\"role\":\"assistant\""));
    for (index, block) in answer.blocks.iter().enumerate() {
        match block {
            Block::Text(text) => {
                for piece in pieces(text, &mut sequence) {
                    let piece = Quoted(piece);
                    emit(
                        FrameKind::Delta,
                        "contentBlockDelta",
                        format_args!("\"contentBlockIndex\":{index},\"delta\":{{\"text\":{piece}}}"),
                    );
                }
            }
            Block::Tool(tool) => {
                emit(
                    FrameKind::Boundary,
                    "contentBlockStart",
                    format_args!(
                        "\"contentBlockIndex\":{index},\"start\":{{\"toolUse\":\
                         {{\"toolUseId\":\"tooluse_{:016x}\",\"name\":\"{}\"}}}}",
                        tool.number, tool.name
                    ),
                );
                for piece in pieces(&tool.json, &mut sequence) {
                    let piece = Quoted(piece);
                    emit(
                        FrameKind::Delta,
                        "contentBlockDelta",
                        format_args!(
                            "\"contentBlockIndex\":{index},\"delta\":{{\"toolUse\":{{\"input\":{piece}}}}}"
                        ),
                    );
                }
            }
        }
        emit(FrameKind::Boundary, "contentBlockStop", format_args!("\"contentBlockIndex\":{index}"));
    }
    emit(FrameKind::Closing, "messageStop", format_args!("\"stopReason\":\"{}\"", stop_reason(answer.stop)));
}

fn stop_reason(stop: Stop) -> &'static str {
    match stop {
        Stop::EndTurn => "end_turn",
        Stop::ToolUse => "tool_use",
        Stop::MaxTokens => "max_tokens",
        Stop::Guardrail => "guardrail_intervened",
    }
}

fn usage(answer: &Answer) -> String {
    format!(
        "\"usage\":{{\"inputTokens\":{},\"outputTokens\":{},\"totalTokens\":{},\
         \"cacheReadInputTokens\":0,\"cacheWriteInputTokens\":0}}",
        answer.input_tokens,
        answer.output_tokens,
        answer.total_tokens()
    )
}

/// With a leading comma; empty unless the guardrail intervened.
fn trace(answer: &Answer) -> String {
    match &answer.guardrail {
        Guardrail::NotAsked | Guardrail::Passed => String::new(),
        Guardrail::Intervened { assessment } => format!(
            ",\"trace\":{{\"guardrail\":{{\"inputAssessment\":{assessment},\
             \"actionReason\":\"Guardrail blocked.\"}}}}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::answer::tests::answer;
    use crate::frames::tests::split;

    use super::*;

    fn read_body(text: &str) -> Value {
        serde_json::from_str(&body(&answer(text))).unwrap()
    }

    fn read_stream(text: &str) -> Vec<(String, Value)> {
        let mut frames = Frames::new(1);
        stream(&answer(text), &mut frames);
        split(&frames.finish(None).bytes)
    }

    fn joined(events: &[(String, Value)], pointer: &str) -> String {
        events.iter().filter_map(|(_, payload)| payload.pointer(pointer)?.as_str()).collect()
    }

    #[test]
    fn the_body_has_message_stop_usage_and_metrics() {
        assert_eq!(
            read_body("say \"hi\"\n"),
            json!({
                "output": {"message": {"role": "assistant", "content": [{"text": "You said: say \"hi\"\n"}]}},
                "stopReason": "end_turn",
                "usage": {
                    "inputTokens": 3, "outputTokens": 5, "totalTokens": 8,
                    "cacheReadInputTokens": 0, "cacheWriteInputTokens": 0
                },
                "metrics": {"latencyMs": 2}
            })
        );
    }

    #[test]
    fn tools_are_blocks_of_the_body() {
        let body = read_body("[sim:tool send {\"to\": \"{EMAIL_1}\"}] [sim:tool stop]");
        assert_eq!(body["stopReason"], "tool_use");
        let content = body["output"]["message"]["content"].as_array().unwrap();
        assert_eq!(content[0]["toolUse"]["name"], "send");
        assert_eq!(content[0]["toolUse"]["input"], json!({"to": "{EMAIL_1}"}));
        assert_eq!(content[1]["toolUse"]["input"], json!({}));
        assert_ne!(content[0]["toolUse"]["toolUseId"], content[1]["toolUse"]["toolUseId"]);
    }

    #[test]
    fn events_come_in_order_with_usage_last() {
        let events = read_stream("hello");
        let first = &events.first().unwrap().0;
        let last = events.last().unwrap();
        assert!(first.contains("messageStart"));
        assert!(last.0.contains("metadata"));
        assert_eq!(last.1["usage"]["outputTokens"], 4);
        assert!(events[events.len() - 2].0.contains("messageStop"));
        assert!(!events.iter().any(|(headers, _)| headers.contains("contentBlockStart")));
        assert_eq!(joined(&events, "/delta/text"), "You said: hello");
    }

    #[test]
    fn a_placeholder_is_cut_across_events() {
        let events = read_stream("mail {EMAIL_1} now");
        assert_eq!(joined(&events, "/delta/text"), "You said: mail {EMAIL_1} now");
        assert!(!events.iter().any(|(_, payload)| payload.to_string().contains("{EMAIL_1}")));
    }

    #[test]
    fn tool_input_is_streamed_in_fragments() {
        let events = read_stream("[sim:tool send {\"to\": \"{EMAIL_1}\"}]");
        let start = events.iter().find(|(headers, _)| headers.contains("contentBlockStart")).unwrap();
        assert_eq!(start.1["start"]["toolUse"]["name"], "send");
        assert_eq!(joined(&events, "/delta/toolUse/input"), "{\"to\": \"{EMAIL_1}\"}");
        assert_eq!(joined(&events, "/stopReason"), "tool_use");
    }

    #[test]
    fn a_guardrail_shows_in_stop_reason_and_trace() {
        let body = read_body("[sim:guardrail]");
        assert_eq!(body["stopReason"], "guardrail_intervened");
        assert_eq!(body["usage"]["totalTokens"], 0);
        let topic = "/trace/guardrail/inputAssessment/simulated/topicPolicy/topics/0/action";
        assert_eq!(body.pointer(topic).unwrap(), "BLOCKED");
        let events = read_stream("[sim:guardrail]");
        assert_eq!(joined(&events, "/stopReason"), "guardrail_intervened");
        assert_eq!(joined(&events, topic), "BLOCKED");
    }
}
