//! An answer in the shape of Anthropic Messages: InvokeModel bodies and chunks, and the Messages API's own
//! server-sent events.

use std::fmt;

use crate::answer::{Answer, Block, Stop, ToolUse};
use crate::frames::{FrameKind, Frames};
use crate::text::{Quoted, Sequence, pieces};

pub(crate) fn body(answer: &Answer, model: &str) -> String {
    let content: Vec<String> = answer.blocks.iter().map(content_block).collect();
    format!(
        "{{{},\"content\":[{}],\"stop_reason\":\"{}\",\"stop_sequence\":null,\"usage\":{}{}}}",
        head_members(answer, model),
        content.join(","),
        stop_reason(answer.stop),
        usage(answer, answer.output_tokens),
        answer.invoke_guardrail_members()
    )
}

pub(crate) fn stream(answer: &Answer, model: &str, frames: &mut Frames) {
    let mut sequence = Sequence::new(answer.seed);
    frames.chunk(
        FrameKind::Opening,
        format_args!(
            "\"type\":\"message_start\",\"message\":{{{},\"content\":[],\"stop_reason\":null,\
             \"stop_sequence\":null,\"usage\":{}}}",
            head_members(answer, model),
            // The first token is out when the message starts.
            usage(answer, answer.output_tokens.min(1))
        ),
    );
    for (index, block) in answer.blocks.iter().enumerate() {
        stream_block(index, block, &mut sequence, frames);
    }
    frames.chunk(
        FrameKind::Closing,
        format_args!(
            "\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"{}\",\"stop_sequence\":null}},\
             \"usage\":{{\"output_tokens\":{}}}",
            stop_reason(answer.stop),
            answer.output_tokens
        ),
    );
    let closing_members = answer.closing_members(frames.wire());
    frames.chunk(FrameKind::Closing, format_args!("\"type\":\"message_stop\"{closing_members}"));
}

fn stream_block(index: usize, block: &Block, sequence: &mut Sequence, frames: &mut Frames) {
    match block {
        Block::Text(text) => {
            stream_block_start(index, format_args!("\"type\":\"text\",\"text\":\"\""), frames);
            for piece in pieces(text, sequence) {
                let piece = Quoted(piece);
                stream_delta(index, format_args!("\"type\":\"text_delta\",\"text\":{piece}"), frames);
            }
        }
        Block::Tool(tool) => {
            stream_block_start(index, format_args!("{},\"input\":{{}}", tool_members(tool)), frames);
            for piece in pieces(&tool.json, sequence) {
                let piece = Quoted(piece);
                stream_delta(
                    index,
                    format_args!("\"type\":\"input_json_delta\",\"partial_json\":{piece}"),
                    frames,
                );
            }
        }
    }
    frames.chunk(FrameKind::Boundary, format_args!("\"type\":\"content_block_stop\",\"index\":{index}"));
}

fn stream_block_start(index: usize, members: fmt::Arguments<'_>, frames: &mut Frames) {
    frames.chunk(
        FrameKind::Boundary,
        format_args!("\"type\":\"content_block_start\",\"index\":{index},\"content_block\":{{{members}}}"),
    );
}

fn stream_delta(index: usize, members: fmt::Arguments<'_>, frames: &mut Frames) {
    frames.chunk(
        FrameKind::Delta,
        format_args!("\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{{{members}}}"),
    );
}

fn head_members(answer: &Answer, model: &str) -> String {
    format!(
        "\"model\":{},\"id\":\"msg_bdrk_{:024x}\",\"type\":\"message\",\"role\":\"assistant\"",
        Quoted(model),
        answer.seed
    )
}

/// Anthropic's own name of a model on Bedrock: the id without provider and version. A hidden model stays
/// hidden.
pub(crate) fn model_name(base: &str) -> &str {
    let name = base.split_once('.').map_or(base, |(_, name)| name);
    let name = name.rsplit_once("-v").map_or(name, |(name, _)| name);
    if name.is_empty() { "claude" } else { name }
}

fn content_block(block: &Block) -> String {
    match block {
        Block::Text(text) => format!("{{\"type\":\"text\",\"text\":{}}}", Quoted(text)),
        Block::Tool(tool) => format!("{{{},\"input\":{}}}", tool_members(tool), tool.json),
    }
}

fn tool_members(tool: &ToolUse) -> String {
    format!("\"type\":\"tool_use\",\"id\":\"toolu_bdrk_{:016x}\",\"name\":\"{}\"", tool.number, tool.name)
}

/// Anthropic has no stop reason for a guardrail; the blocked message looks like an ordinary one.
fn stop_reason(stop: Stop) -> &'static str {
    match stop {
        Stop::EndTurn | Stop::Guardrail => "end_turn",
        Stop::ToolUse => "tool_use",
        Stop::MaxTokens => "max_tokens",
    }
}

fn usage(answer: &Answer, output_tokens: u64) -> String {
    format!(
        "{{\"input_tokens\":{},\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\
         \"cache_creation\":{{\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0}},\
         \"output_tokens\":{output_tokens}}}",
        answer.input_tokens
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::answer::tests::answer;
    use crate::frames::Wire;
    use crate::frames::tests::{chunks, objects};

    use super::*;

    const MODEL: &str = "claude-sonnet-4-20250514";

    fn read_body(text: &str) -> Value {
        serde_json::from_str(&body(&answer(text), MODEL)).unwrap()
    }

    fn read_stream(text: &str) -> Vec<Value> {
        let mut frames = Frames::new(1);
        stream(&answer(text), MODEL, &mut frames);
        chunks(&frames.finish(None).bytes)
    }

    #[test]
    fn the_body_is_a_message() {
        let body = read_body("hello");
        assert_eq!(body["type"], "message");
        assert_eq!(body["model"], "claude-sonnet-4-20250514");
        assert!(body["id"].as_str().unwrap().starts_with("msg_bdrk_"));
        assert_eq!(body["content"], json!([{"type": "text", "text": "You said: hello"}]));
        assert_eq!(body["stop_reason"], "end_turn");
        assert_eq!(body["usage"]["input_tokens"], 3);
        assert_eq!(body["usage"]["output_tokens"], 4);
    }

    #[test]
    fn tools_are_blocks_of_the_body() {
        let body = read_body("[sim:tool send {\"to\": \"{EMAIL_1}\"}]");
        assert_eq!(body["stop_reason"], "tool_use");
        assert_eq!(body["content"][0]["type"], "tool_use");
        assert_eq!(body["content"][0]["input"], json!({"to": "{EMAIL_1}"}));
    }

    #[test]
    fn a_guardrail_shows_in_the_action_member() {
        let body = read_body("[sim:guardrail]");
        assert_eq!(body["amazon-bedrock-guardrailAction"], "INTERVENED");
        assert!(body["amazon-bedrock-trace"]["guardrail"]["input"]["simulated"].is_object());
        let chunks = read_stream("[sim:guardrail]");
        assert_eq!(chunks.last().unwrap()["amazon-bedrock-guardrailAction"], "INTERVENED");
    }

    #[test]
    fn the_stream_has_anthropics_events_and_the_metrics_last() {
        let chunks = read_stream("hi [sim:tool send {\"a\": 1}]");
        let mut types: Vec<&str> = chunks.iter().filter_map(|chunk| chunk["type"].as_str()).collect();
        types.dedup();
        assert_eq!(
            types,
            [
                "message_start",
                "content_block_start",
                "content_block_delta",
                "content_block_stop",
                "content_block_start",
                "content_block_delta",
                "content_block_stop",
                "message_delta",
                "message_stop"
            ]
        );
        let joined = |pointer: &str| -> String {
            chunks.iter().filter_map(|chunk| chunk.pointer(pointer)?.as_str()).collect()
        };
        assert_eq!(joined("/delta/text"), "You said: hi");
        assert_eq!(joined("/delta/partial_json"), "{\"a\": 1}");
        assert_eq!(joined("/delta/stop_reason"), "tool_use");
        let metrics = &chunks.last().unwrap()["amazon-bedrock-invocationMetrics"];
        assert_eq!(
            (metrics["inputTokenCount"].as_u64(), metrics["outputTokenCount"].as_u64()),
            (Some(3), Some(6))
        );
    }

    #[test]
    fn a_model_has_anthropics_name_and_a_hidden_one_a_neutral_name() {
        assert_eq!(model_name("anthropic.claude-sonnet-4-20250514-v1:0"), MODEL);
        let hidden = "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abcd1234efgh";
        let hidden = hardpan_inference::model_id::ModelId::parse(hidden).unwrap();
        assert_eq!(model_name(hidden.base()), "claude");
    }

    #[test]
    fn server_sent_events_have_names_and_no_metrics() {
        let mut frames = Frames::on(Wire::NamedSse, 1);
        stream(&answer("hello"), MODEL, &mut frames);
        let events = objects(&frames.finish(None).bytes);
        assert!(events.iter().all(|(name, event)| event["type"] == name.as_str()));
        assert_eq!(events.first().unwrap().1["message"]["model"], MODEL);
        assert_eq!(events.last().unwrap().1, json!({"type": "message_stop"}));
    }
}
