//! An answer in Llama's shape, given for every text family that has none of its own. It has no tool blocks:
//! a tool call stands in the text, as Llama writes it.

use crate::answer::{Answer, Block, Stop};
use crate::frames::{FrameKind, Frames};
use crate::text::{Quoted, Sequence, pieces};

pub(crate) fn body(answer: &Answer) -> String {
    format!(
        "{{\"generation\":{},\"prompt_token_count\":{},\"generation_token_count\":{},\
         \"stop_reason\":\"{}\"{}}}",
        Quoted(&generation(answer)),
        answer.input_tokens,
        answer.output_tokens,
        stop_reason(answer.stop),
        answer.invoke_guardrail_members()
    )
}

pub(crate) fn stream(answer: &Answer, frames: &mut Frames) {
    let mut sequence = Sequence::new(answer.seed);
    for (index, piece) in pieces(&generation(answer), &mut sequence).into_iter().enumerate() {
        let piece = Quoted(piece);
        frames.chunk(
            FrameKind::Delta,
            format_args!(
                "\"generation\":{piece},\"prompt_token_count\":null,\
                 \"generation_token_count\":{},\"stop_reason\":null",
                index + 1
            ),
        );
    }
    let more = answer.closing_members(frames.wire());
    frames.chunk(
        FrameKind::Closing,
        format_args!(
            "\"generation\":\"\",\"prompt_token_count\":{},\"generation_token_count\":{},\
             \"stop_reason\":\"{}\"{}",
            answer.input_tokens,
            answer.output_tokens,
            stop_reason(answer.stop),
            more
        ),
    );
}

/// All of the answer as one text.
pub(crate) fn generation(answer: &Answer) -> String {
    let texts: Vec<String> = answer
        .blocks
        .iter()
        .map(|block| match block {
            Block::Text(text) => text.clone(),
            Block::Tool(tool) => {
                format!("{{\"name\": \"{}\", \"parameters\": {}}}", tool.name, tool.json)
            }
        })
        .collect();
    texts.join("\n")
}

fn stop_reason(stop: Stop) -> &'static str {
    match stop {
        Stop::EndTurn | Stop::ToolUse | Stop::Guardrail => "stop",
        Stop::MaxTokens => "length",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::answer::tests::answer;
    use crate::frames::tests::chunks;

    use super::*;

    #[test]
    fn the_body_is_llamas() {
        let body: Value = serde_json::from_str(&body(&answer("hello"))).unwrap();
        assert_eq!(
            body,
            json!({
                "generation": "You said: hello", "prompt_token_count": 3, "generation_token_count": 4,
                "stop_reason": "stop"
            })
        );
    }

    #[test]
    fn the_stream_joins_to_the_text_and_ends_with_the_metrics() {
        let mut frames = Frames::new(1);
        stream(&answer("hello"), &mut frames);
        let chunks = chunks(&frames.finish(None).bytes);
        let joined: String = chunks.iter().filter_map(|chunk| chunk["generation"].as_str()).collect();
        assert_eq!(joined, "You said: hello");
        let last = chunks.last().unwrap();
        assert_eq!(last["stop_reason"], "stop");
        assert_eq!(last["amazon-bedrock-invocationMetrics"]["outputTokenCount"], 4);
    }
}
