//! What the simulated model answers, before any family's shape is given to it: blocks, stop, tokens,
//! guardrail. A pure function of prompt and directives.

use std::time::Duration;

use serde_json::{Value, json};

use crate::directives::{Directives, ToolCall};
use crate::frames::Wire;
use crate::prompt::Prompt;
use crate::text::truncated;

/// In a request that carries a guardrail, this word makes it intervene.
pub(crate) const GUARDED_WORD: &str = "forbidden-topic";
pub(crate) const BLOCKED_MESSAGE: &str = "Sorry, the model cannot answer this question.";
const FILLER: &str = "Lorem ipsum dolor sit amet, consectetur adipiscing elit. ";
/// The simulator's whole tokenizer.
pub(crate) const BYTES_PER_TOKEN: u64 = 4;

/// Holds completion text, so it has no `Debug`.
pub(crate) struct Answer {
    pub(crate) blocks: Vec<Block>,
    pub(crate) stop: Stop,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    pub(crate) latency_ms: u128,
    pub(crate) guardrail: Guardrail,
    pub(crate) seed: u64,
}

pub(crate) enum Block {
    Text(String),
    Tool(ToolUse),
}

pub(crate) struct ToolUse {
    /// Makes the tool use id; differs between the calls of one answer and between turns.
    pub(crate) number: u64,
    pub(crate) name: String,
    /// The input, a JSON object as text.
    pub(crate) json: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    EndTurn,
    ToolUse,
    MaxTokens,
    Guardrail,
}

pub(crate) enum Guardrail {
    NotAsked,
    Passed,
    Intervened { assessment: Value },
}

pub(crate) fn compose(prompt: &Prompt, directives: &Directives, latency: Duration) -> Answer {
    let guarded = prompt.guardrail.is_some();
    if directives.guardrail || (guarded && prompt.last_user_text.contains(GUARDED_WORD)) {
        return blocked(prompt, latency);
    }
    let bytes_max = prompt.max_tokens.map_or(u64::MAX, |tokens| tokens.saturating_mul(BYTES_PER_TOKEN));
    let (blocks, answer_bytes, is_cut) = fit(blocks(prompt, directives), bytes_max);
    let calls_tools = blocks.iter().any(|block| matches!(block, Block::Tool(_)));
    Answer {
        blocks,
        stop: match (is_cut, calls_tools) {
            (true, _) => Stop::MaxTokens,
            (false, true) => Stop::ToolUse,
            (false, false) => Stop::EndTurn,
        },
        input_tokens: prompt.text_bytes.div_ceil(BYTES_PER_TOKEN),
        output_tokens: answer_bytes.div_ceil(BYTES_PER_TOKEN),
        latency_ms: latency.as_millis(),
        guardrail: if guarded { Guardrail::Passed } else { Guardrail::NotAsked },
        seed: prompt.seed,
    }
}

/// A guardrail that blocks the input leaves nothing for the model to count.
fn blocked(prompt: &Prompt, latency: Duration) -> Answer {
    let id = prompt.guardrail.as_deref().unwrap_or("simulated");
    Answer {
        blocks: vec![Block::Text(BLOCKED_MESSAGE.to_owned())],
        stop: Stop::Guardrail,
        input_tokens: 0,
        output_tokens: 0,
        latency_ms: latency.as_millis(),
        guardrail: Guardrail::Intervened {
            assessment: assessment(id, prompt.last_user_text.chars().count()),
        },
        seed: prompt.seed,
    }
}

/// The guardrail's findings, keyed by its id as in `inputAssessment`.
fn assessment(id: &str, characters: usize) -> Value {
    let mut by_id = serde_json::Map::new();
    by_id.insert(
        id.to_owned(),
        json!({
            "topicPolicy": {
                "topics": [{"name": GUARDED_WORD, "type": "DENY", "action": "BLOCKED", "detected": true}]
            },
            "invocationMetrics": {
                "guardrailProcessingLatency": 3,
                "usage": {
                    "topicPolicyUnits": 1,
                    "contentPolicyUnits": 0,
                    "wordPolicyUnits": 0,
                    "sensitiveInformationPolicyUnits": 0,
                    "sensitiveInformationPolicyFreeUnits": 0,
                    "contextualGroundingPolicyUnits": 0
                },
                "guardrailCoverage": {"textCharacters": {"guarded": characters, "total": characters}}
            }
        }),
    );
    Value::Object(by_id)
}

/// Text first, then the tools, as the models do. A call for tools alone says nothing beside it.
fn blocks(prompt: &Prompt, directives: &Directives) -> Vec<Block> {
    let text = match (&directives.say, directives.bytes) {
        (Some(say), _) => Some(say.clone()),
        (None, Some(bytes)) => Some(FILLER.chars().cycle().take(bytes).collect()),
        (None, None) if directives.echo.is_empty() && calls_only(directives) => None,
        (None, None) => Some(format!("You said: {}", directives.echo)),
    };
    let tools = (0_u64..).zip(&directives.tools).map(|(index, call)| tool_use(prompt.seed, index, call));
    text.map(Block::Text).into_iter().chain(tools.map(Block::Tool)).collect()
}

fn calls_only(directives: &Directives) -> bool {
    !directives.tools.is_empty() || !directives.returns.is_empty()
}

fn tool_use(seed: u64, index: u64, call: &ToolCall) -> ToolUse {
    ToolUse { number: seed.wrapping_add(index), name: call.name.clone(), json: call.json.clone() }
}

/// Keeps what fits: a text is cut, a tool call that does not fit is left out whole, and nothing follows
/// either. Returns the blocks, their bytes and whether anything was lost.
fn fit(blocks: Vec<Block>, bytes_max: u64) -> (Vec<Block>, u64, bool) {
    let mut kept = Vec::with_capacity(blocks.len());
    let mut used = 0_u64;
    for block in blocks {
        let room = bytes_max.saturating_sub(used);
        let bytes = block.bytes();
        if bytes <= room {
            used = used.saturating_add(bytes);
            kept.push(block);
            continue;
        }
        if let Block::Text(text) = block {
            let text = truncated(&text, usize::try_from(room).unwrap_or(usize::MAX)).to_owned();
            used = used.saturating_add(text.len() as u64);
            kept.push(Block::Text(text));
        }
        return (kept, used, true);
    }
    (kept, used, false)
}

impl Block {
    fn bytes(&self) -> u64 {
        match self {
            Block::Text(text) => text.len() as u64,
            Block::Tool(tool) => (tool.name.len() + tool.json.len()) as u64,
        }
    }
}

impl Answer {
    /// All that is said, without the calls; none when nothing is said.
    pub(crate) fn text(&self) -> Option<String> {
        let texts: Vec<&str> = self
            .blocks
            .iter()
            .filter_map(|block| match block {
                Block::Text(text) => Some(text.as_str()),
                Block::Tool(_) => None,
            })
            .collect();
        (!texts.is_empty()).then(|| texts.join("\n"))
    }

    pub(crate) fn tools(&self) -> impl Iterator<Item = &ToolUse> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Text(_) => None,
            Block::Tool(tool) => Some(tool),
        })
    }

    /// What the last chunk of an InvokeModel stream carries whatever the family, each member with a leading
    /// comma; nothing on a provider's own wire.
    pub(crate) fn closing_members(&self, wire: Wire) -> String {
        match wire {
            Wire::Events => format!(",{}{}", self.invocation_metrics(), self.invoke_guardrail_members()),
            _ => String::new(),
        }
    }

    pub(crate) fn total_tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    /// Members InvokeModel bodies and last chunks get from a guardrail, with a leading comma; empty without
    /// one.
    pub(crate) fn invoke_guardrail_members(&self) -> String {
        match &self.guardrail {
            Guardrail::NotAsked => String::new(),
            Guardrail::Passed => ",\"amazon-bedrock-guardrailAction\":\"NONE\"".to_owned(),
            Guardrail::Intervened { assessment } => format!(
                ",\"amazon-bedrock-guardrailAction\":\"INTERVENED\",\
                 \"amazon-bedrock-trace\":{{\"guardrail\":{{\"input\":{assessment}}}}}"
            ),
        }
    }

    /// The member every last InvokeModel chunk carries, whatever the family.
    fn invocation_metrics(&self) -> String {
        format!(
            "\"amazon-bedrock-invocationMetrics\":{{\"inputTokenCount\":{},\"outputTokenCount\":{},\
             \"invocationLatency\":{latency},\"firstByteLatency\":{latency},\
             \"cacheReadInputTokenCount\":0,\"cacheWriteInputTokenCount\":0}}",
            self.input_tokens,
            self.output_tokens,
            latency = self.latency_ms
        )
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::directives;
    use crate::prompt::Family;

    use super::*;

    pub(crate) fn prompt(text: &str) -> Prompt {
        Prompt {
            family: Family::Converse,
            last_user_text: text.to_owned(),
            text_bytes: 10,
            max_tokens: None,
            guardrail: None,
            model: "model".to_owned(),
            body: Value::Null,
            seed: 7,
        }
    }

    pub(crate) fn answer(text: &str) -> Answer {
        answer_to(&prompt(text))
    }

    fn answer_to(prompt: &Prompt) -> Answer {
        compose(prompt, &directives::parse(&prompt.last_user_text), Duration::from_millis(2))
    }

    fn texts(answer: &Answer) -> Vec<&str> {
        answer
            .blocks
            .iter()
            .filter_map(|block| match block {
                Block::Text(text) => Some(text.as_str()),
                Block::Tool(_) => None,
            })
            .collect()
    }

    #[test]
    fn the_last_user_text_comes_back() {
        let answer = answer("write to {EMAIL_1}");
        assert_eq!(texts(&answer), ["You said: write to {EMAIL_1}"]);
        assert_eq!((answer.stop, answer.input_tokens, answer.output_tokens), (Stop::EndTurn, 3, 7));
    }

    #[test]
    fn directives_choose_the_blocks() {
        for (text, expected, tools, stop) in [
            ("[sim:say other]", vec!["other"], 0, Stop::EndTurn),
            ("[sim:bytes 7]", vec!["Lorem i"], 0, Stop::EndTurn),
            ("[sim:tool a {}][sim:tool b {}]", vec![], 2, Stop::ToolUse),
            ("hi [sim:tool a {}]", vec!["You said: hi"], 1, Stop::ToolUse),
            ("[sim:say x] [sim:tool a {}]", vec!["x"], 1, Stop::ToolUse),
            ("[sim:pace 1]", vec!["You said: "], 0, Stop::EndTurn),
        ] {
            let answer = answer(text);
            assert_eq!(texts(&answer), expected, "{text}");
            assert_eq!((answer.blocks.len() - expected.len(), answer.stop), (tools, stop), "{text}");
        }
    }

    #[test]
    fn the_token_limit_cuts_text_and_drops_tools() {
        for (text, max_tokens, expected, blocks, tokens, stop) in [
            ("[sim:say 12345678]", 2, "12345678", 1, 2, Stop::EndTurn),
            ("[sim:say 123456789]", 2, "12345678", 1, 2, Stop::MaxTokens),
            ("[sim:say abc€x]", 1, "abc", 1, 1, Stop::MaxTokens),
            ("[sim:say 1234] [sim:tool abc {}]", 2, "1234", 1, 1, Stop::MaxTokens),
            ("[sim:say 1234] [sim:tool ab {}]", 2, "1234", 2, 2, Stop::ToolUse),
        ] {
            let answer = answer_to(&Prompt { max_tokens: Some(max_tokens), ..prompt(text) });
            assert_eq!(texts(&answer), [expected], "{text}");
            assert_eq!(
                (answer.blocks.len(), answer.output_tokens, answer.stop),
                (blocks, tokens, stop),
                "{text}"
            );
        }
    }

    #[test]
    fn a_guardrail_intervenes_when_told_or_when_configured_and_provoked() {
        for (text, guardrail, expected) in [
            ("[sim:guardrail]", None, Stop::Guardrail),
            ("about forbidden-topic", Some("g1"), Stop::Guardrail),
            ("about forbidden-topic", None, Stop::EndTurn),
            ("about allowed things", Some("g1"), Stop::EndTurn),
        ] {
            let answer = answer_to(&Prompt { guardrail: guardrail.map(str::to_owned), ..prompt(text) });
            assert_eq!(answer.stop, expected, "{text}");
            let members = answer.invoke_guardrail_members();
            assert_eq!(members.contains("INTERVENED"), expected == Stop::Guardrail, "{text}");
            assert_eq!(members.is_empty(), guardrail.is_none() && expected != Stop::Guardrail, "{text}");
        }
    }
}
