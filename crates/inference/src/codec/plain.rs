//! Families whose prompt stands in a member of its own, without messages and tools (Bedrock user guide, "Inference
//! request parameters and response fields"; the providers' own references for SageMaker containers). A row says
//! where the words and the limits are. Every member no row names is still a text to inspect.

use super::shape::{channel_of, word};
use super::texts::{Collector, is_media};
use crate::finding::Channel;
use crate::json::{Kind, ValueId};

type Path = &'static [&'static str];

struct Row {
    name: &'static str,
    /// In the order a model reads them.
    texts: &'static [(Path, Channel)],
    max_tokens: &'static [Path],
    /// Where a limit is put when there is none. None for families that generate no text.
    insert: Option<Path>,
    temperature: &'static [Path],
    top_p: &'static [Path],
}

macro_rules! families {
    ($($variant:ident $name:literal texts $texts:expr, limit $max_tokens:expr, at $insert:expr,
        temperature $temperature:expr, top_p $top_p:expr;)+) => {
        /// A family without messages.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum PlainFamily { $($variant),+ }

        impl PlainFamily {
            pub const ALL: &'static [PlainFamily] = &[$(PlainFamily::$variant),+];

            const fn row(self) -> &'static Row {
                match self {
                    $(PlainFamily::$variant => &Row {
                        name: $name,
                        texts: $texts,
                        max_tokens: $max_tokens,
                        insert: $insert,
                        temperature: $temperature,
                        top_p: $top_p,
                    }),+
                }
            }
        }
    };
}

families! {
    AnthropicText "anthropic.text" texts &[(&["prompt"], Channel::User)],
        limit &[&["max_tokens_to_sample"]], at Some(&["max_tokens_to_sample"]),
        temperature &[&["temperature"]], top_p &[&["top_p"]];
    TitanText "titan.text" texts &[(&["inputText"], Channel::User)],
        limit &[&["textGenerationConfig", "maxTokenCount"]],
        at Some(&["textGenerationConfig", "maxTokenCount"]),
        temperature &[&["textGenerationConfig", "temperature"]], top_p &[&["textGenerationConfig", "topP"]];
    Llama "llama" texts &[(&["prompt"], Channel::User)],
        limit &[&["max_gen_len"]], at Some(&["max_gen_len"]),
        temperature &[&["temperature"]], top_p &[&["top_p"]];
    MistralText "mistral.text" texts &[(&["prompt"], Channel::User)],
        limit &[&["max_tokens"]], at Some(&["max_tokens"]),
        temperature &[&["temperature"]], top_p &[&["top_p"]];
    CohereCommand "cohere.command" texts &[(&["prompt"], Channel::User)],
        limit &[&["max_tokens"]], at Some(&["max_tokens"]),
        temperature &[&["temperature"]], top_p &[&["p"]];
    Completions "openai.completions" texts &[(&["prompt"], Channel::User), (&["suffix"], Channel::User)],
        limit &[&["max_tokens"]], at Some(&["max_tokens"]),
        temperature &[&["temperature"]], top_p &[&["top_p"]];
    Jurassic "ai21.j2" texts &[(&["prompt"], Channel::User)],
        limit &[&["maxTokens"]], at Some(&["maxTokens"]),
        temperature &[&["temperature"]], top_p &[&["topP"]];
    TextGeneration "tgi" texts &[(&["inputs"], Channel::User)],
        limit &[&["parameters", "max_new_tokens"]], at Some(&["parameters", "max_new_tokens"]),
        temperature &[&["parameters", "temperature"]], top_p &[&["parameters", "top_p"]];
    Embeddings "embeddings" texts &[
        (&["inputText"], Channel::User),
        (&["texts"], Channel::User),
        (&["inputs"], Channel::User),
        (&["input"], Channel::User),
        (&["singleEmbeddingParams", "text", "value"], Channel::User),
        (&["segmentedEmbeddingParams", "text", "value"], Channel::User)
    ], limit &[], at None, temperature &[], top_p &[];
    Rerank "rerank" texts &[
        (&["query"], Channel::User),
        (&["documents"], Channel::Tool),
        (&["texts"], Channel::Tool)
    ], limit &[], at None, temperature &[], top_p &[];
    Image "image" texts &[
        (&["prompt"], Channel::User),
        (&["text_prompts"], Channel::User),
        (&["negative_prompt"], Channel::User),
        (&["textToImageParams", "text"], Channel::User)
    ], limit &[], at None, temperature &[], top_p &[];
    Pegasus "pegasus" texts &[(&["inputPrompt"], Channel::User)],
        limit &[&["maxOutputTokens"]], at Some(&["maxOutputTokens"]),
        temperature &[&["temperature"]], top_p &[];
}

impl PlainFamily {
    pub fn name(self) -> &'static str {
        self.row().name
    }

    pub(super) fn max_tokens_paths(self) -> &'static [Path] {
        self.row().max_tokens
    }

    pub(super) fn max_tokens_insert(self) -> Option<Path> {
        self.row().insert
    }

    pub(super) fn temperature_paths(self) -> &'static [Path] {
        self.row().temperature
    }

    pub(super) fn top_p_paths(self) -> &'static [Path] {
        self.row().top_p
    }
}

pub(super) fn collect(collector: &mut Collector<'_, '_>, root: ValueId, family: PlainFamily) {
    let document = collector.document;
    let mut taken = Vec::new();
    for (path, channel) in family.row().texts {
        let Some(value) = document.path(root, path) else { continue };
        collect_prompt(collector, value, *channel);
        taken.push(value);
    }
    collector.rest(root, Channel::User, &taken, is_media);
}

/// A string, a list of them, or a conversation in the shape `[[{"role", "content"}]]`.
fn collect_prompt(collector: &mut Collector<'_, '_>, prompt: ValueId, channel: Channel) {
    let document = collector.document;
    match document.kind(prompt) {
        Kind::Array => {
            for element in document.elements(prompt) {
                collect_prompt(collector, element, channel);
            }
        }
        Kind::Object if channel == Channel::User && document.get(prompt, "role").is_some() => {
            let channel = channel_of(&word(document, prompt, "role"));
            let role = document.get(prompt, "role");
            collector.rest(prompt, channel, role.as_slice(), is_media);
        }
        _ => collector.rest(prompt, channel, &[], is_media),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing::{self, applied, channels};
    use crate::request::Dialect;
    use PlainFamily::*;

    /// One body a family with every text slot named after its channel.
    const BODIES: [(PlainFamily, &str, &str); 12] = [
        (AnthropicText, "anthropic.claude-v2", r#"{"prompt":"user1","stop_sequences":["user2"]}"#),
        (TitanText, "amazon.titan-text-express-v1", r#"{"inputText":"user1"}"#),
        (Llama, "meta.llama3-8b-instruct-v1:0", r#"{"prompt":"user1"}"#),
        (MistralText, "mistral.mistral-7b-instruct-v0:2", r#"{"prompt":"user1","stop":["user2"]}"#),
        (CohereCommand, "cohere.command-text-v14", r#"{"prompt":"user1"}"#),
        (Completions, "deepseek.r1-v1:0", r#"{"prompt":["user1","user2"],"suffix":"user3"}"#),
        (Jurassic, "ai21.j2-ultra-v1", r#"{"prompt":"user1"}"#),
        (TextGeneration, "", r#"{"inputs":["user1","user2"],"parameters":{"stop":["user3"]}}"#),
        (Embeddings, "cohere.embed-english-v3", r#"{"texts":["user1","user2"],"input_type":"user3"}"#),
        (Rerank, "amazon.rerank-v1:0", r#"{"query":"user1","documents":["tool1",{"text":"tool2"}]}"#),
        (Image, "amazon.nova-canvas-v1:0", r#"{"taskType":"user2","textToImageParams":{"text":"user1"}}"#),
        (
            Pegasus,
            "twelvelabs.pegasus-1-2-v1:0",
            r#"{"inputPrompt":"user1","mediaSource":{"base64String":""}}"#,
        ),
    ];

    #[test]
    fn every_text_of_every_family_is_found_with_its_channel() {
        for (family, model, body) in BODIES {
            let request = testing::native(model, family, body);
            assert_eq!(request.facts.dialect, Dialect::Plain(family), "{body}");
            let marked = body.split('"').filter(|word| word.starts_with("user") || word.starts_with("tool"));
            let found = channels(&request);
            for word in marked {
                let channel = if word.starts_with("tool") { Channel::Tool } else { Channel::User };
                assert!(found.contains(&(word.to_owned(), channel)), "{word} {body}");
            }
        }
    }

    #[test]
    fn a_limit_is_inserted_and_replaced_wherever_the_family_reads_it() {
        for (family, model, body) in BODIES {
            let request = testing::native(model, family, body);
            let Some(path) = family.max_tokens_insert() else {
                assert!(request.set_max_tokens(7).is_empty(), "{body}");
                continue;
            };
            let pointer = format!("/{}", path.join("/"));
            let inserted = applied(body, request.set_max_tokens(7));
            assert_eq!(inserted.pointer(&pointer), Some(&serde_json::json!(7)), "{body}");
            let written = inserted.to_string();
            let again = testing::native(model, family, &written);
            assert_eq!(again.facts.params.max_tokens, Some(7), "{written}");
            let replaced = applied(&written, again.set_max_tokens(5));
            assert_eq!(replaced.pointer(&pointer), Some(&serde_json::json!(5)), "{written}");
        }
    }

    #[test]
    fn a_member_no_row_names_is_still_a_text() {
        for (family, model, body) in BODIES {
            let body = format!("{},\"unknown1\":{{\"unknown2\":[\"unknown3\"]}}}}", &body[..body.len() - 1]);
            let found = channels(&testing::native(model, family, &body));
            for word in ["unknown1", "unknown2", "unknown3"] {
                assert!(found.contains(&(word.to_owned(), Channel::User)), "{word} {body}");
            }
        }
    }

    #[test]
    fn images_are_no_text_but_words_in_their_place_are() {
        let image = "iVBORw0KGgo".repeat(20);
        let body = format!("{{\"inputText\":\"user1\",\"inputImage\":\"{image}\"}}");
        let found = channels(&testing::native("amazon.titan-embed-image-v1", Embeddings, &body));
        assert!(!found.iter().any(|(text, _)| *text == image));
        let body = r#"{"inputText":"user1","inputImage":"call me at home"}"#;
        let found = channels(&testing::native("amazon.titan-embed-image-v1", Embeddings, body));
        assert!(found.contains(&("call me at home".to_owned(), Channel::User)));
    }

    #[test]
    fn a_conversation_in_inputs_keeps_its_roles() {
        let body = r#"{"inputs":[[{"role":"system","content":"s1"},{"role":"assistant","content":"a1"}]]}"#;
        let found = channels(&testing::native("", TextGeneration, body));
        assert!(found.contains(&("s1".to_owned(), Channel::System)));
        assert!(found.contains(&("a1".to_owned(), Channel::Assistant)));
        assert!(!found.iter().any(|(text, _)| text == "system"));
    }
}
