//! Reading a body of about 100 KB of each family, to spans and facts and then to every text decoded, beside what the
//! least reader does with the same bytes: `serde_json` into a tree, and then a walk that collects every string of it.
#![allow(clippy::expect_used, reason = "a bench whose set-up fails has nothing to measure")]

use std::borrow::Cow;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hardpan_inference::codec::{Parsing, Request};
use hardpan_inference::json::{JsonLimits, quote};
use hardpan_inference::model_id::ModelId;
use hardpan_inference::operation::Operation;
use serde_json::Value;

use hardpan_benches::bodies::{Dice, MODEL, conversation, prose};

// Both readers allocate: the allocator is the one of the `hardpan` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BYTES: usize = 100 << 10;
const TURNS: usize = 48;

/// A family, by an operation and a model whose bodies are of it.
struct Family {
    name: &'static str,
    operation: Operation,
    model: Option<&'static str>,
    body: String,
}

fn families() -> Vec<Family> {
    let native =
        |name, model, body| Family { name, operation: Operation::InvokeModel, model: Some(model), body };
    vec![
        Family {
            name: "Converse",
            operation: Operation::Converse,
            model: Some(MODEL),
            body: conversation(BYTES, 1),
        },
        native(
            "Anthropic",
            MODEL,
            format!(
                "{{\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":512,\"system\":{},\"messages\":[{}]}}",
                text(400),
                turns(|role, text| format!(
                    "{{\"role\":\"{role}\",\"content\":[{{\"type\":\"text\",\"text\":{text}}}]}}"
                ))
            ),
        ),
        native("Nova", "amazon.nova-lite-v1:0", conversation(BYTES, 2)),
        Family {
            name: "OpenAI chat",
            operation: Operation::ChatCompletions,
            model: None,
            body: format!(
                "{{\"model\":\"openai.gpt-oss-20b-1:0\",\"max_completion_tokens\":512,\"messages\":[{}]}}",
                turns(|role, text| format!("{{\"role\":\"{role}\",\"content\":{text}}}"))
            ),
        },
        Family {
            name: "TGI",
            operation: Operation::InvokeEndpoint,
            model: None,
            body: format!("{{\"inputs\":{},\"parameters\":{{\"max_new_tokens\":512}}}}", text(BYTES)),
        },
        native(
            "Titan",
            "amazon.titan-text-express-v1",
            format!(
                "{{\"inputText\":{},\"textGenerationConfig\":{{\"maxTokenCount\":512,\"temperature\":0.2}}}}",
                text(BYTES)
            ),
        ),
        native(
            "Llama prompt",
            "meta.llama3-70b-instruct-v1:0",
            format!("{{\"prompt\":{},\"max_gen_len\":512}}", text(BYTES)),
        ),
        native(
            "Cohere chat",
            "cohere.command-r-v1:0",
            format!(
                "{{\"message\":{},\"max_tokens\":512,\"chat_history\":[{}]}}",
                text(400),
                turns(|role, text| {
                    let role = if role == "user" { "USER" } else { "CHATBOT" };
                    format!("{{\"role\":\"{role}\",\"message\":{text}}}")
                })
            ),
        ),
        native(
            "opaque",
            "nobody.unheard-of-v1:0",
            format!(
                "{{\"rows\":[{}]}}",
                turns(|role, text| format!("{{\"by\":\"{role}\",\"n\":[1,2.5,true],\"note\":{text}}}"))
            ),
        ),
    ]
}

/// Turns of user and assistant that together make a body's size.
fn turns(turn: impl Fn(&str, &str) -> String) -> String {
    let mut dice = Dice::new(3);
    let each = BYTES / TURNS - 60;
    let turns = (0..TURNS).map(|number| {
        let role = if number % 2 == 0 { "user" } else { "assistant" };
        turn(role, &quote(&prose(each, &mut dice)))
    });
    turns.collect::<Vec<_>>().join(",")
}

fn text(bytes: usize) -> String {
    quote(&prose(bytes, &mut Dice::new(5)))
}

fn bytes_of_strings(value: &Value) -> usize {
    let mut strings: Vec<&str> = Vec::new();
    collect(value, &mut strings);
    strings.iter().map(|text| text.len()).sum()
}

fn collect<'v>(value: &'v Value, out: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => out.push(text),
        Value::Array(elements) => elements.iter().for_each(|element| collect(element, out)),
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            out.push(name);
            collect(member, out);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn codecs(criterion: &mut Criterion) {
    for family in families() {
        let model = family.model.map(|model| ModelId::parse(model).expect("a model id"));
        let operation = family.operation;
        let body = family.body.as_bytes();
        let mut group = criterion.benchmark_group(format!("codecs/{}", family.name));
        group.throughput(Throughput::BytesDecimal(body.len() as u64));
        let limits = JsonLimits::default();
        let parsing = Parsing { operation, model: model.as_ref(), dialect: None, limits };
        let request = |body| Request::parse(&parsing, body).expect("the body is a request");
        let tree = |body| serde_json::from_slice::<Value>(body).expect("the body is JSON");
        group.bench_function("hardpan", |bencher| {
            bencher.iter(|| black_box(request(black_box(body)).texts.len()));
        });
        group.bench_function("serde_json", |bencher| bencher.iter(|| black_box(tree(black_box(body)))));
        group.bench_function("hardpan, texts decoded", |bencher| {
            bencher.iter(|| {
                let request = request(black_box(body));
                let texts = request.texts.iter().filter_map(|text| text.read(&request.document));
                let texts: Vec<Cow<'_, str>> = texts.collect();
                black_box(texts.iter().map(|text| text.len()).sum::<usize>())
            });
        });
        group.bench_function("serde_json, strings collected", |bencher| {
            bencher.iter(|| black_box(bytes_of_strings(&tree(black_box(body)))));
        });
        group.finish();
    }
}

criterion_group!(benches, codecs);
criterion_main!(benches);
