//! An answer in the shape of Amazon Nova's own bodies: Converse's message, with other names in the usage and
//! each event wrapped in a chunk.

use crate::answer::Answer;
use crate::converse::{message_events, message_members};
use crate::frames::{FrameKind, Frames};

pub(crate) fn body(answer: &Answer) -> String {
    format!("{{{},{}{}}}", message_members(answer), usage(answer), answer.invoke_guardrail_members())
}

pub(crate) fn stream(answer: &Answer, frames: &mut Frames) {
    message_events(answer, |kind, name, members| {
        frames.chunk(kind, format_args!("\"{name}\":{{{members}}}"));
    });
    let more = answer.closing_members(frames.wire());
    frames
        .chunk(FrameKind::Closing, format_args!("\"metadata\":{{{},\"metrics\":{{}}}}{more}", usage(answer)));
}

fn usage(answer: &Answer) -> String {
    format!(
        "\"usage\":{{\"inputTokens\":{},\"outputTokens\":{},\"totalTokens\":{},\
         \"cacheReadInputTokenCount\":0,\"cacheWriteInputTokenCount\":0}}",
        answer.input_tokens,
        answer.output_tokens,
        answer.total_tokens()
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::answer::tests::answer;
    use crate::frames::tests::chunks;

    use super::*;

    #[test]
    fn the_body_has_nova_names() {
        let body: Value = serde_json::from_str(&body(&answer("hello"))).unwrap();
        assert_eq!(body["output"]["message"]["content"][0]["text"], "You said: hello");
        assert_eq!(body["usage"]["cacheReadInputTokenCount"], 0);
        assert_eq!(body["usage"]["totalTokens"], 7);
        assert!(body.get("amazon-bedrock-guardrailAction").is_none());
    }

    #[test]
    fn the_stream_wraps_events_in_chunks_and_ends_with_the_metrics() {
        let mut frames = Frames::new(1);
        stream(&answer("hi [sim:tool send {\"a\": 1}]"), &mut frames);
        let chunks = chunks(&frames.finish(None).bytes);
        assert_eq!(chunks[0]["messageStart"]["role"], "assistant");
        let joined = |pointer: &str| -> String {
            chunks.iter().filter_map(|chunk| chunk.pointer(pointer)?.as_str()).collect()
        };
        assert_eq!(joined("/contentBlockDelta/delta/text"), "You said: hi");
        assert_eq!(joined("/contentBlockDelta/delta/toolUse/input"), "{\"a\": 1}");
        assert_eq!(joined("/messageStop/stopReason"), "tool_use");
        let last = chunks.last().unwrap();
        assert_eq!(last["metadata"]["usage"]["inputTokens"], 3);
        assert_eq!(last["amazon-bedrock-invocationMetrics"]["inputTokenCount"], 3);
    }
}
