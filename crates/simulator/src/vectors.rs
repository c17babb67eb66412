//! Answers of the models that give numbers for texts: embeddings and ranks. The numbers are made from the
//! texts and mean nothing, but the same text always has the same ones.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Value, json};

use crate::prompt::Prompt;
use crate::text::{Sequence, all_texts};

const DIMENSIONS_DEFAULT: usize = 8;
const DIMENSIONS_MAX: usize = 4_096;
/// Texts of one request that get a vector or a rank.
const TEXTS_MAX: usize = 2_048;

/// An InvokeModel body, in the shape its request asks for.
pub(crate) fn embeddings(prompt: &Prompt, input_tokens: u64) -> Value {
    let body = &prompt.body;
    if prompt.model.contains("cohere") || body.get("texts").is_some() {
        return cohere(prompt);
    }
    let vector = vector(&prompt.last_user_text, dimensions(body));
    if body.get("singleEmbeddingParams").is_some() {
        return json!({"embeddings": [{"embeddingType": "TEXT", "embedding": vector}]});
    }
    json!({
        "embedding": vector, "embeddingsByType": {"float": vector}, "inputTextTokenCount": input_tokens
    })
}

/// What an embedding container answers: OpenAI's shape to `input`, else a vector a text and nothing around.
pub(crate) fn container_embeddings(prompt: &Prompt, input_tokens: u64) -> Value {
    let body = &prompt.body;
    let dimensions = dimensions(body);
    let Some(input) = body.get("input") else {
        let inputs = body.get("inputs").or_else(|| body.get("texts")).unwrap_or(&Value::Null);
        return texts(inputs).iter().map(|text| vector(text, dimensions)).collect();
    };
    let data: Vec<Value> = texts(input)
        .iter()
        .enumerate()
        .map(|(index, text)| {
            json!({"object": "embedding", "index": index, "embedding": vector(text, dimensions)})
        })
        .collect();
    json!({
        "object": "list", "data": data, "model": prompt.model,
        "usage": {"prompt_tokens": input_tokens, "total_tokens": input_tokens}
    })
}

fn cohere(prompt: &Prompt) -> Value {
    let body = &prompt.body;
    let named = ["texts", "inputs", "images"].iter().find_map(|name| body.get(*name));
    let texts = texts(named.unwrap_or(&Value::Null));
    let vectors: Vec<Value> = texts.iter().map(|text| vector(text, dimensions(body))).collect();
    let id = format!("{:016x}", prompt.seed);
    if body.get("embedding_types").is_some() {
        return json!({
            "id": id, "texts": texts, "embeddings": {"float": vectors}, "response_type": "embeddings_by_type"
        });
    }
    json!({"id": id, "texts": texts, "embeddings": vectors, "response_type": "embeddings_floats"})
}

/// Index and score of each document, the best first.
pub(crate) fn ranks(documents: &Value, count_max: Option<u64>) -> Vec<(usize, f64)> {
    let mut ranks: Vec<(usize, u64)> =
        texts(documents).iter().map(|text| hash(text) % 1_000).enumerate().collect();
    ranks.sort_by_key(|(index, score)| (std::cmp::Reverse(*score), *index));
    let kept = usize::try_from(count_max.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    ranks.into_iter().take(kept).map(|(index, score)| (index, score as f64 / 1_000.0)).collect()
}

/// The body of a rerank model or container.
pub(crate) fn rerank(prompt: &Prompt) -> Value {
    let documents = ["documents", "texts"].iter().find_map(|name| prompt.body.get(*name));
    let count_max = prompt.body.get("top_n").and_then(Value::as_u64);
    let results: Vec<Value> = ranks(documents.unwrap_or(&Value::Null), count_max)
        .into_iter()
        .map(|(index, score)| json!({"index": index, "relevance_score": score}))
        .collect();
    json!({"id": format!("{:016x}", prompt.seed), "results": results})
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().take(TEXTS_MAX).map(all_texts).collect(),
        other => vec![all_texts(other)],
    }
}

fn dimensions(body: &Value) -> usize {
    let asked = [
        "/dimensions",
        "/output_dimension",
        "/embeddingConfig/outputEmbeddingLength",
        "/singleEmbeddingParams/embeddingDimension",
    ]
    .iter()
    .find_map(|pointer| body.pointer(pointer)?.as_u64());
    asked
        .map_or(DIMENSIONS_DEFAULT, |asked| usize::try_from(asked).unwrap_or(DIMENSIONS_MAX))
        .min(DIMENSIONS_MAX)
}

fn vector(text: &str, dimensions: usize) -> Value {
    let mut sequence = Sequence::new(hash(text));
    (0..dimensions).map(|_| json!(sequence.within(0, 2_000) as f64 / 1_000.0 - 1.0)).collect()
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use crate::answer::tests::prompt;

    use super::*;

    fn asked(model: &str, body: Value) -> Prompt {
        Prompt { model: model.to_owned(), body, ..prompt("hello") }
    }

    #[test]
    fn each_request_gets_its_own_shape() {
        for (model, body, pointer, length) in [
            ("amazon.titan-embed-text-v2:0", json!({"inputText": "a", "dimensions": 256}), "/embedding", 256),
            ("amazon.titan-embed-text-v1", json!({"inputText": "a"}), "/embeddingsByType/float", 8),
            ("cohere.embed-english-v3", json!({"texts": ["a", "b"]}), "/embeddings", 2),
            (
                "cohere.embed-v4:0",
                json!({"texts": ["a"], "embedding_types": ["float"]}),
                "/embeddings/float",
                1,
            ),
            (
                "amazon.nova-embed",
                json!({"singleEmbeddingParams": {"text": {"value": "a"}}}),
                "/embeddings",
                1,
            ),
        ] {
            let answer = embeddings(&asked(model, body), 1);
            assert_eq!(answer.pointer(pointer).unwrap().as_array().unwrap().len(), length, "{model}");
        }
    }

    #[test]
    fn containers_answer_openais_shape_or_bare_vectors() {
        let answer = container_embeddings(&asked("", json!({"input": ["a", "b"]})), 3);
        assert_eq!(answer["data"][1]["index"], 1);
        assert_eq!(answer["usage"]["prompt_tokens"], 3);
        let answer = container_embeddings(&asked("", json!({"inputs": ["a", "a", "b"]})), 3);
        assert_eq!(answer[0], answer[1]);
        assert_ne!(answer[0], answer[2]);
    }

    #[test]
    fn ranks_fall_and_are_cut() {
        let body = json!({"query": "q", "documents": ["a", {"text": "b"}, "c"], "top_n": 2});
        let answer = rerank(&asked("cohere.rerank-v3-5:0", body));
        let results = answer["results"].as_array().unwrap();
        assert_eq!(results.len(), 2);
        assert!(results[0]["relevance_score"].as_f64() >= results[1]["relevance_score"].as_f64());
    }

    #[test]
    fn dimensions_are_bounded() {
        assert_eq!(dimensions(&json!({"dimensions": u64::MAX})), DIMENSIONS_MAX);
        assert_eq!(dimensions(&json!({})), DIMENSIONS_DEFAULT);
    }
}
