//! What calls cost, to the nano-dollar, from the answer of the service to the record; and price books from the command
//! line. All prices here are made up.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use hardpan_aws::signer::{Outgoing, sign_headers};
use hardpan_inference::stream::event_stream::event;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::support::{CLAUDE, Hardpan, KEY, NOVA, PROFILE, Setup, scripted_upstream, user, wait_a_little};

const MODELS: &str = r#""anthropic.claude-sonnet-4-20250514-v1:0": {"geo:us": {
        "standard": ["3.3", "16.5", "0.33", "4.125", "6.6"], "flex": ["1.65", "8.25", "0.165", "2.0625", "3.3"],
        "priority": ["5.775", "28.875", "0.5775", "7.21875", "11.55"],
        "long_context": [{"above_input_tokens": 200000, "standard": ["6.6", "24.75", "0.66", "8.25", "13.2"]}]}},
    "amazon.nova-lite-v1:0": {"in_region": {"standard": ["0.06", "0.24", "0.015"]}, "global": {"standard": ["0.05", "0.2"]}},
    "amazon.nova-canvas-v1:0": {"in_region": {"standard": ["0", "0"],
        "images": {"1024x1024/standard": "0.04", "1024x1024/premium": "0.06", "2048x2048/premium": "0.08"}}},
    "amazon.titan-embed-image-v1": {"in_region": {"standard": ["0.8", "0"], "meters": {"image_input": "0.00006"}}},
    "amazon.titan-embed-text-v2:0": {"in_region": {"standard": ["0.02", "0"]}},
    "cohere.rerank-v3-5:0": {"in_region": {"standard": ["0", "0"], "meters": {"query": "0.002"}}}"#;

const SERVICES: &str = r#""guardrail.content": {"usd": "0.00015"}, "guardrail.topic": {"usd": "0.00015"},
    "guardrail.word": {"usd": "0"}, "guardrail.sensitive_information": {"usd": "0.0001"},
    "guardrail_check.prompt_attack": {"usd": "0.00008"}"#;

/// A folder of files, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("hardpan-costs-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn book(&self, as_of: &str) -> String {
        let book = format!(
            r#"{{"schema":"hardpan_prices/2","as_of":"{as_of}","source":"made up","unit":"u","services":{{{SERVICES}}},"models":{{{MODELS}}}}}"#
        );
        self.file("book.json", book)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A Hardpan that prices by a book of its own and answers what the upstream is to say.
fn start(book: &str, prices: &str, more: &str, upstream: Option<SocketAddr>) -> Hardpan {
    let more = format!("prices: {{ book: {book}{prices} }}\n{more}");
    Hardpan::start(Setup {
        policy: "{ mode: off }",
        more: Box::leak(more.into_boxed_str()),
        upstream,
        ..Setup::default()
    })
}

fn answering(kind: &str, headers: &str, body: &[u8]) -> SocketAddr {
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    scripted_upstream(Box::leak(answer.into_boxed_slice()))
}

fn assessed(units: Value) -> Value {
    json!({"topicPolicy": {"topics": []}, "invocationMetrics": {"guardrailProcessingLatency": 3, "usage": units}})
}

fn of(record: &Value, members: &[&str]) -> Value {
    members.iter().map(|member| record[*member].clone()).collect()
}

#[test]
fn a_converse_call_costs_what_cache_tier_and_guardrail_say() {
    let folder = Folder::new();
    let answer = json!({
        "output": {"message": {"role": "assistant", "content": [{"text": "hi"}]}}, "stopReason": "end_turn",
        "usage": {"inputTokens": 1000, "outputTokens": 200, "totalTokens": 6500, "cacheReadInputTokens": 5000,
            "cacheWriteInputTokens": 300,
            "cacheDetails": [{"ttl": "5m", "inputTokens": 200}, {"ttl": "1h", "inputTokens": 100}]},
        "metrics": {"latencyMs": 1}, "serviceTier": {"type": "priority"},
        "trace": {"guardrail": {
            "inputAssessment": {"g": assessed(json!({"topicPolicyUnits": 2, "contentPolicyUnits": 2, "wordPolicyUnits": 2}))},
            "outputAssessments": {"g": [assessed(json!({"sensitiveInformationPolicyUnits": 1}))]}}}
    });
    let upstream = answering("application/json", "", answer.to_string().as_bytes());
    let hardpan = start(&folder.book("2026-01-01"), "", "", Some(upstream));
    // What is asked for is one thing, what was used another: the answer counts.
    let body = user("hello").replacen('{', r#"{"serviceTier":{"type":"default"},"#, 1);
    assert_eq!(hardpan.post(&format!("/model/{CLAUDE}/converse"), body.as_bytes()).status, 200);
    let record = &hardpan.records(1)[0];
    assert_eq!(record["cache_write_tokens"], json!({"5m": 200, "1h": 100}));
    assert_eq!(
        record["cost_breakdown"],
        json!({
            "input": "0.005775", "output": "0.005775", "cache_read": "0.0028875",
            // 200 x 7.21875 and 100 x 11.55, per million.
            "cache_write": "0.00259875",
            // Of topics and content 2 units each at 0.00015, of personal data 1 at 0.0001.
            "guardrail": "0.0007", "other": "0"
        })
    );
    assert_eq!(
        of(
            record,
            &[
                "estimated_cost_usd",
                "guardrail_units",
                "service_tier",
                "price_scope",
                "cost_basis",
                "unpriced"
            ]
        ),
        json!(["0.01773625", 7, "priority", "geo:us", "reported", null])
    );
    assert_eq!(
        of(record, &["model_base", "price_as_of", "usage_source"]),
        json!(["anthropic.claude-sonnet-4-20250514-v1:0", "2026-01-01", "reported"])
    );
    assert!(hardpan.metrics().contains("17736250"), "the metric counts nano-dollars");
}

#[test]
fn a_streamed_invocation_costs_what_its_events_and_head_say() {
    let folder = Folder::new();
    let mut stream = Vec::new();
    for said in [
        json!({"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "content": [],
            "usage": {"input_tokens": 12, "cache_creation_input_tokens": 3000, "cache_read_input_tokens": 800,
                "cache_creation": {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 2000},
                "output_tokens": 1, "service_tier": "standard"}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 40, "cache_creation_input_tokens": 3000}}),
        json!({"type": "message_stop",
            "amazon-bedrock-invocationMetrics": {"inputTokenCount": 12, "outputTokenCount": 40,
                "invocationLatency": 5, "firstByteLatency": 2, "cacheReadInputTokenCount": 800,
                "cacheWriteInputTokenCount": 3000},
            "amazon-bedrock-trace": {"guardrail": {"outputs": [{"g": assessed(json!({"topicPolicyUnits": 1}))}]}},
            "amazon-bedrock-guardrailAction": "NONE"}),
    ] {
        let chunk = json!({"bytes": STANDARD.encode(said.to_string()), "p": "ab"});
        stream.extend_from_slice(&event("chunk", chunk.to_string().as_bytes()));
    }
    let upstream = answering(
        "application/vnd.amazon.eventstream",
        "x-amzn-bedrock-content-type: application/json\r\nx-amzn-bedrock-service-tier: flex\r\n",
        &stream,
    );
    let hardpan = start(&folder.book("2026-01-01"), "", "", Some(upstream));
    let body = r#"{"anthropic_version":"bedrock-2023-05-31","max_tokens":64,"messages":[{"role":"user","content":"hi"}]}"#;
    let path = format!("/model/{CLAUDE}/invoke-with-response-stream");
    assert_eq!(hardpan.post(&path, body.as_bytes()).status, 200);
    let record = &hardpan.records(1)[0];
    // 12 x 1.65, 40 x 8.25, 800 x 0.165, 1000 x 2.0625 and 2000 x 3.3 per million; one unit of topics.
    assert_eq!(
        record["cost_breakdown"],
        json!({"input": "0.0000198", "output": "0.00033", "cache_read": "0.000132", "cache_write": "0.0086625",
            "guardrail": "0.00015", "other": "0"})
    );
    assert_eq!(
        of(record, &["estimated_cost_usd", "service_tier", "guardrail_units", "cache_write_tokens", "error"]),
        json!(["0.0092943", "flex", 1, {"5m": 1000, "1h": 2000}, null])
    );
}

#[test]
fn a_prompt_above_the_step_costs_the_steps_price() {
    let folder = Folder::new();
    for (read, cost) in [(199_990, "0.0661947"), (199_991, "0.13230756")] {
        let answer = json!({
            "output": {"message": {"role": "assistant", "content": [{"text": "hi"}]}}, "stopReason": "end_turn",
            "usage": {"inputTokens": 10, "outputTokens": 10, "totalTokens": 20, "cacheReadInputTokens": read},
        });
        let upstream = answering("application/json", "", answer.to_string().as_bytes());
        let hardpan = start(&folder.book("2026-01-01"), "", "", Some(upstream));
        hardpan.post(&format!("/model/{CLAUDE}/converse"), user("hello").as_bytes());
        // 10 x 3.3 + 10 x 16.5 + 199,990 x 0.33, or 10 x 6.6 + 10 x 24.75 + 199,991 x 0.66, per million.
        assert_eq!(hardpan.records(1)[0]["estimated_cost_usd"], cost, "{read}");
    }
}

#[test]
fn what_is_no_text_is_charged_by_the_piece() {
    let folder = Folder::new();
    let book = folder.book("2026-01-01");
    for (model, body, answer, cost, unpriced) in [
        (
            "amazon.nova-canvas-v1%3A0",
            json!({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a cat"},
                "imageGenerationConfig": {"numberOfImages": 3, "width": 1280, "height": 720, "quality": "premium"}}),
            json!({"images": ["aGk=", "aGk="]}),
            json!("0.12"),
            json!(null),
        ),
        (
            "amazon.nova-canvas-v1%3A0",
            json!({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a cat"},
                "imageGenerationConfig": {"width": 2048, "height": 2048, "quality": "standard"}}),
            json!({"images": ["aGk="]}),
            json!(null),
            json!("image"),
        ),
        (
            "amazon.titan-embed-image-v1",
            json!({"inputText": "a cat", "inputImage": "aGk="}),
            json!({"embedding": [0.1, 0.2], "inputTextTokenCount": 5}),
            // 5 x 0.8 per million and one picture.
            json!("0.000064"),
            json!(null),
        ),
        (
            "amazon.titan-embed-text-v2%3A0",
            json!({"inputText": "a cat"}),
            json!({"embedding": [0.1], "inputTextTokenCount": 5}),
            json!("0.0000001"),
            json!(null),
        ),
        (
            "cohere.rerank-v3-5%3A0",
            json!({"query": "cats", "documents": vec!["d"; 101], "api_version": 2}),
            json!({"results": [{"index": 0, "relevance_score": 0.5}]}),
            json!("0.004"),
            json!(null),
        ),
    ] {
        let upstream = answering("application/json", "", answer.to_string().as_bytes());
        let hardpan = start(&book, "", "", Some(upstream));
        assert_eq!(hardpan.post(&format!("/model/{model}/invoke"), body.to_string().as_bytes()).status, 200);
        let record = &hardpan.records(1)[0];
        assert_eq!(of(record, &["estimated_cost_usd", "unpriced"]), json!([cost, unpriced]), "{model}");
        // Vectors, ranks and pictures are no text that would count against a limit of tokens.
        assert_eq!(record["output_tokens"], 0, "{model}");
    }
}

#[test]
fn guardrails_alone_cost_what_they_say_they_counted() {
    let folder = Folder::new();
    let hardpan = start(&folder.book("2026-01-01"), "", "", None);
    let text = "x".repeat(1_001);
    let apply = json!({"source": "INPUT", "content": [{"text": {"text": text}}]}).to_string();
    assert_eq!(hardpan.post("/guardrail/g/version/1/apply", apply.as_bytes()).status, 200);
    let check = json!({"messages": [{"role": "user", "content": [{"text": text}]}],
        "checks": {"promptAttack": {"categories": [{"category": "JAILBREAK"}]}}})
    .to_string();
    assert_eq!(hardpan.post("/guardrail-checks/invoke", check.as_bytes()).status, 200);
    let records = hardpan.records(2);
    // 1,001 characters are two units, of topics and of personal data.
    let told = ["estimated_cost_usd", "guardrail_units", "cost_basis", "usage_source"];
    assert_eq!(of(&records[0], &told), json!(["0.0005", 4, "reported", "none"]));
    assert_eq!(of(&records[1], &told), json!(["0.00016", 2, "reported", "none"]));
}

#[test]
fn an_input_that_a_guardrail_blocks_costs_no_tokens() {
    let folder = Folder::new();
    let hardpan = start(&folder.book("2026-01-01"), "", "", None);
    assert_eq!(hardpan.converse("[sim:guardrail] hello").status, 200);
    let record = &hardpan.records(1)[0];
    assert_eq!(
        of(
            record,
            &["estimated_cost_usd", "guardrail_units", "input_tokens", "usage_source", "guardrail_action"]
        ),
        json!(["0.00015", 1, 0, "reported", "intervened"])
    );
}

#[test]
fn a_model_without_a_price_is_flagged_or_refused_and_never_free() {
    let folder = Folder::new();
    let book = folder.book("2026-01-01");
    let unknown = "amazon.nova-micro-v1%3A0";
    let hardpan = start(&book, ", unknown_model: flag", "", None);
    for path in [unknown, "eu.amazon.nova-lite-v1%3A0"] {
        assert_eq!(hardpan.post(&format!("/model/{path}/converse"), user("hi").as_bytes()).status, 200);
    }
    let records = hardpan.records(2);
    for (record, why) in records.iter().zip(["model", "scope"]) {
        assert_eq!(
            of(record, &["estimated_cost_usd", "cost_breakdown", "cost_basis", "price_as_of", "unpriced"]),
            json!([null, null, null, null, why])
        );
        let metrics = hardpan.metrics();
        assert!(metrics.contains(&format!("reason=\"{why}\"")), "{metrics}");
    }

    let hardpan = start(&book, ", unknown_model: refuse", "", None);
    let refused = hardpan.post(&format!("/model/{unknown}/converse"), user("hi").as_bytes());
    assert_eq!(refused.error(), (403, "AccessDeniedException"));
    assert_eq!(hardpan.converse("hi").status, 200);
    let records = hardpan.records(2);
    assert_eq!(of(&records[0], &["error", "estimated_cost_usd"]), json!(["unpriced_model", null]));
    assert!(hardpan.received().len() == 1, "the refused call was not sent");
}

#[test]
fn a_tier_without_a_price_is_flagged() {
    let folder = Folder::new();
    for tier in ["flex", "warp"] {
        let answer = json!({
            "output": {"message": {"role": "assistant", "content": [{"text": "hi"}]}}, "stopReason": "end_turn",
            "usage": {"inputTokens": 10, "outputTokens": 10, "totalTokens": 20}, "serviceTier": {"type": tier},
        });
        let upstream = answering("application/json", "", answer.to_string().as_bytes());
        let hardpan = start(&folder.book("2026-01-01"), ", unknown_model: refuse", "", Some(upstream));
        assert_eq!(hardpan.converse("hello").status, 200);
        let record = &hardpan.records(1)[0];
        let told = of(record, &["estimated_cost_usd", "service_tier", "unpriced"]);
        assert_eq!(told, json!([null, tier, "tier"]));
    }
}

#[test]
fn an_application_inference_profile_costs_what_its_model_does() {
    let folder = Folder::new();
    let hardpan = start(&folder.book("2026-01-01"), ", unknown_model: refuse", "", None);
    let path = format!("/model/{}/converse", PROFILE.0.replace(':', "%3A").replace('/', "%2F"));
    assert_eq!(hardpan.post(&path, user("hello").as_bytes()).status, 200);
    let record = &hardpan.records(1)[0];
    assert_eq!(record["model_requested"], PROFILE.0);
    assert_eq!(of(record, &["model_base", "price_scope"]), json!(["amazon.nova-lite-v1:0", "in_region"]));
    let tokens = |name: &str| record[name].as_u64().unwrap();
    let nanos = tokens("input_tokens") * 60 + tokens("output_tokens") * 240;
    let cost: f64 = record["estimated_cost_usd"].as_str().unwrap().parse().unwrap();
    assert_eq!((cost * 1e9).round() as u64, nanos);
}

fn signed_for_sagemaker(hardpan: &Hardpan, path: &str, body: &[u8]) -> String {
    let host = hardpan.address.to_string();
    let credentials = aws_credential_types::Credentials::new(KEY.0, KEY.1, None, None, "test");
    let headers = [("content-type", "application/json")];
    let body_sha256: [u8; 32] = Sha256::digest(body).into();
    let outgoing =
        Outgoing { method: "POST", host: &host, path, headers: &headers, body_sha256: &body_sha256 };
    let added = sign_headers(&outgoing, &credentials, "us-east-1", "sagemaker", SystemTime::now()).unwrap();
    let added: String = added.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n{added}content-length: {length}\r\n\r\n"
    )
}

#[test]
fn an_endpoint_is_given_its_share_of_the_hour_as_an_estimate() {
    let folder = Folder::new();
    let more = "endpoints:\n  - { name: \"tgi*\", usd_per_instance_hour: \"1.5\", instances: 2, requests_per_hour: 6000 }\n";
    let hardpan = start(&folder.book("2026-01-01"), "", more, None);
    let body = br#"{"inputs":"hello","parameters":{"max_new_tokens":8}}"#;
    for endpoint in ["tgi-one", "other"] {
        let path = format!("/endpoints/{endpoint}/invocations");
        assert_eq!(hardpan.send(&signed_for_sagemaker(&hardpan, &path, body), body).status, 200);
    }
    let records = hardpan.records(2);
    let told = ["estimated_cost_usd", "cost_basis", "cost_breakdown", "price_as_of", "unpriced"];
    // 2 x 1.5 USD / 6,000 requests.
    assert_eq!(of(&records[0], &told), json!(["0.0005", "endpoint_share", null, null, null]));
    assert_eq!(of(&records[1], &told), json!([null, null, null, null, "model"]));
}

#[test]
fn a_stale_book_is_told_at_start_and_prices_all_the_same() {
    let folder = Folder::new();
    let hardpan = start(&folder.book("2026-01-01"), "", "", None);
    let said = "the price book is stale";
    while !hardpan.log().contains(said) {
        wait_a_little();
    }
    assert_eq!(hardpan.log().matches(said).count(), 1);
    assert!(hardpan.metrics().contains("hardpan_price_book_stale 1"));
    assert_eq!(hardpan.converse("hello").status, 200);
    assert!(hardpan.records(1)[0]["estimated_cost_usd"].is_string());

    let today = OffsetDateTime::now_utc().date().to_string();
    let hardpan = start(&folder.book(&today), "", "", None);
    while !hardpan.metrics().contains("hardpan_price_book_stale 0") {
        wait_a_little();
    }
    assert!(!hardpan.log().contains(said));
}

fn prices(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hardpan")).arg("prices").args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", told(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// An offer file as the Price List Bulk API shapes it.
fn offer(rows: &[(&str, &str, &str, &str)]) -> String {
    let mut products = serde_json::Map::new();
    let mut terms = serde_json::Map::new();
    for (at, (usage_type, model, unit, usd)) in rows.iter().enumerate() {
        let sku = format!("SKU{at}");
        let attributes = json!({"servicecode": "AmazonBedrock", "usagetype": usage_type, "regionCode": "us-east-1",
            "model": model, "servicename": "Amazon Bedrock"});
        products.insert(
            sku.clone(),
            json!({"sku": sku, "productFamily": "Amazon Bedrock", "attributes": attributes}),
        );
        let dimension = json!({"rateCode": "r", "description": "", "beginRange": "0", "endRange": "Inf", "unit": unit,
            "pricePerUnit": {"USD": usd}, "appliesTo": []});
        let term = json!({"offerTermCode": "J", "sku": sku, "effectiveDate": "2026-02-01T00:00:00Z",
            "priceDimensions": {format!("{sku}.J.6"): dimension}, "termAttributes": {}});
        terms.insert(sku.clone(), json!({format!("{sku}.J"): term}));
    }
    json!({"formatVersion": "v1.0", "disclaimer": "", "offerCode": "AmazonBedrock", "version": "20260201000000",
        "publicationDate": "2026-02-01T10:00:00Z", "products": products, "terms": {"OnDemand": terms}})
    .to_string()
}

#[test]
fn a_book_is_renewed_from_a_price_list_and_never_in_silence() {
    let folder = Folder::new();
    let book = folder.book("2026-01-01");
    let list = offer(&[
        ("USE1-NovaLite-input-tokens", "Nova Lite", "1K tokens", "0.00007"),
        ("USE1-NovaLite-output-tokens", "Nova Lite", "1K tokens", "0.00024"),
        ("USE1-NovaLite-input-tokens-warp", "Nova Lite", "1K tokens", "0.5"),
        ("USE1-Nobody-input-tokens", "Nobody", "1K tokens", "0.5"),
    ]);
    let from = folder.file("offer.json", &list);
    let out = folder.path("new.json");
    let said = text(&prices(&["update", "--book", &book, "--from", &from, "--out", &out]));
    assert!(said.contains("amazon.nova-lite-v1:0 in_region default input: 0.06 -> 0.07"), "{said}");
    assert!(said.contains("2 row(s) joined, 50.0 %") && said.contains("nothing uses it yet"), "{said}");
    assert!(
        said.contains("a word that is not known") && said.contains("no id for the model's name"),
        "{said}"
    );
    let differing = text(&prices(&["diff", &book, &out]));
    assert!(differing.contains("in_region default input: 0.06 -> 0.07"), "{differing}");
    assert!(differing.contains("1 figure(s) differ"), "{differing}");
    let shown =
        text(&prices(&["show", "--book", &out, "--model", "amazon.nova-lite-v1:0", "--region", "us-east-1"]));
    assert!(shown.contains("as of 2026-02-01, from AWS Price List, AmazonBedrock"), "{shown}");
    assert!(shown.contains("input 0.07  output 0.24  cache read 0.015"), "{shown}");
    let of_list = "amazon.nova-lite-v1:0 in_region is from AWS Price List, AmazonBedrock, version";
    assert!(shown.contains(of_list) && shown.contains(", 2026-02-01\n"), "{shown}");

    // What is there is not written over, by a URL neither.
    let again = prices(&["update", "--book", &book, "--from", &from, "--out", &out]);
    assert!(!again.status.success());
    let address = answering("application/json", "", list.as_bytes());
    let (url, second) = (format!("http://{address}/offers/index.json"), folder.path("second.json"));
    text(&prices(&["update", "--book", &book, "--from", &url, "--out", &second]));
    assert_eq!(std::fs::read(&second).unwrap(), std::fs::read(&out).unwrap());
    for (from, why) in [
        ("http://example.com/index.json", "fetched by https"),
        ("https://user@example.com/index.json", "fetched by https"),
        (folder.file("other.json", "{}").as_str(), "not JSON of the Price List's shape"),
        ("/nowhere.json", "/nowhere.json"),
    ] {
        let output =
            prices(&["update", "--book", &book, "--from", from, "--out", &folder.path("third.json")]);
        assert!(!output.status.success() && told(&output).contains(why), "{from}: {}", told(&output));
        assert!(!Path::new(&folder.path("third.json")).exists());
    }
}

#[test]
fn prices_are_shown_as_a_call_would_have_them() {
    let folder = Folder::new();
    let book = folder.book("2026-01-01");
    let show = |more: &[&str]| prices(&[&["show", "--book", &book], more].concat());
    let claude = "us.anthropic.claude-sonnet-4-20250514-v1:0";
    let shown = text(&show(&["--model", claude, "--region", "us-east-1", "--tier", "priority"]));
    assert!(shown.contains("geo:us priority") && shown.contains("1h 11.55"), "{shown}");
    assert!(shown.contains("stale: not of the last 7 days"), "{shown}");
    let shown = text(&show(&["--model", "amazon.nova-canvas-v1:0", "--region", "us-east-1"]));
    assert!(shown.contains("picture 2048x2048/premium 0.08 each"), "{shown}");
    assert!(shown.contains("amazon.nova-canvas-v1:0 in_region is from made up\n"), "{shown}");
    for (model, tier, why) in [
        ("us.amazon.nova-lite-v1:0", "default", "where the call may be served"),
        ("amazon.nova-lite-v1:0", "flex", "for the service tier"),
        ("amazon.nova-micro-v1:0", "default", "does not have the model"),
    ] {
        let output = show(&["--model", model, "--region", "us-east-1", "--tier", tier]);
        assert!(!output.status.success() && told(&output).contains(why), "{model}: {}", told(&output));
    }
}

#[test]
fn the_shipped_prices_tell_where_they_are_from() {
    let shown = text(&prices(&["show", "--model", "amazon.rerank-v1:0"]));
    assert!(shown.contains("amazon.rerank-v1:0 in_region default query: 0.001\n"), "{shown}");
    let page = "amazon.rerank-v1:0 in_region is from Amazon Bedrock pricing page";
    assert!(shown.contains(page) && shown.contains("2026-07-24; read in github.com/"), "{shown}");
    let opus = ["show", "--model", "us.anthropic.claude-opus-4-8", "--region", "us-east-1"];
    let shown = text(&prices(&opus));
    assert!(shown.contains("anthropic.claude-opus-4-8 geo:us is from AWS Price List"), "{shown}");
    // A tier that has no pieces shows none; without a model the services are shown.
    let shown = text(&prices(&["show", "--model", "amazon.nova-canvas-v1:0", "--tier", "batch"]));
    assert!(!shown.contains("1024x1024"), "{shown}");
    let shown = text(&prices(&["show"]));
    assert!(shown.contains("service flow.node_transition: 0.000035 each, from Amazon Bedrock pricing page"));
    assert!(
        shown.contains("amazon.nova-canvas-v1:0 in_region default 1024x1024/standard: 0.04\n"),
        "{shown}"
    );
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn records_are_reconciled_with_a_bill() {
    let folder = Folder::new();
    let book = folder.book("2026-01-01");
    let answer = json!({
        "output": {"message": {"role": "assistant", "content": [{"text": "hi"}]}}, "stopReason": "end_turn",
        "usage": {"inputTokens": 1000, "outputTokens": 200, "totalTokens": 1200, "cacheWriteInputTokens": 1000,
            "cacheDetails": [{"ttl": "1h", "inputTokens": 1000}]}, "serviceTier": {"type": "priority"},
    });
    let upstream = answering("application/json", "", answer.to_string().as_bytes());
    let hardpan = start(&book, "", "", Some(upstream));
    assert_eq!(hardpan.post(&format!("/model/{CLAUDE}/converse"), user("hello").as_bytes()).status, 200);
    hardpan.records(1);
    let records = std::fs::read_to_string(hardpan.folder().join("records.jsonl")).unwrap();
    let header = "line_item_line_item_type,line_item_usage_type,line_item_usage_amount,line_item_unblended_cost,\
                  line_item_product_code,pricing_unit,line_item_resource_id\n";
    let arn =
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0";
    let line = |usage_type: &str, millions: &str, cost: &str| {
        format!("Usage,USE1-MP:USE1_{usage_type}-Units,{millions},{cost},AmazonBedrockService,Units,{arn}\n")
    };
    let same = [
        header.to_owned(),
        line("InputTokenCount_Priority", "0.001", "0.005775"),
        line("OutputTokenCount_Priority", "0.0002", "0.005775"),
        line("CacheWrite1hInputTokenCount_Priority", "0.001", "0.01155"),
    ]
    .concat();
    let (recorded, billed) =
        (folder.file("records.gz", gzip(&records)), folder.file("cur.csv.gz", gzip(&same)));
    let said = text(&prices(&["reconcile", "--book", &book, &recorded, &billed]));
    assert!(
        said.contains("1 record(s): recorded 0.023100000 USD, billed 0.023100000 USD, drift 0.000 %"),
        "{said}"
    );

    // Billed as kept for five minutes, and more tokens of output.
    let other = [
        header.to_owned(),
        line("InputTokenCount_Priority", "0.001", "0.005775"),
        line("OutputTokenCount_Priority", "0.0004", "0.01155"),
        line("CacheWriteInputTokenCount_Priority", "0.001", "0.00721875"),
    ]
    .concat();
    let said = text(&prices(&["reconcile", "--book", &book, &recorded, &folder.file("cur.csv", other)]));
    let model = "anthropic.claude-sonnet-4-20250514-v1:0 priority";
    assert!(
        said.contains(&format!(
            "{model} output: 0.005775000 USD, of it 0.005775000 for 200 tokens and 0.000000000 for the price"
        )),
        "{said}"
    );
    assert!(
        said.contains(&format!("{model} cache_write: -0.004331250 USD, of it 0.000000000 for 0 tokens and -0.004331250 for the price; one-hour writes: 1000 recorded, 0 billed")),
        "{said}"
    );
    let parquet = folder.file("cur.parquet", b"PAR1xxxx");
    let output = prices(&["reconcile", "--book", &book, &recorded, &parquet]);
    assert!(!output.status.success() && told(&output).contains("Parquet is not read"), "{}", told(&output));
}

#[test]
fn what_an_endpoint_costs_is_written_whole_or_not_at_all() {
    let folder = Folder::new();
    for (written, place) in [
        ("usd_per_instance_hour: \"1.5\"", "endpoints[0].tokens_per_hour"),
        ("usd_per_instance_hour: \"1.5\", tokens_per_hour: 0", "endpoints[0].tokens_per_hour"),
        (
            "usd_per_instance_hour: \"1.5\", tokens_per_hour: 1, requests_per_hour: 1",
            "endpoints[0].tokens_per_hour",
        ),
        ("usd_per_instance_hour: \"1.5\", tokens_per_hour: 1, instances: 0", "endpoints[0].instances"),
        ("usd_per_instance_hour: cheap, tokens_per_hour: 1", "endpoints[0].usd_per_instance_hour"),
        ("tokens_per_hour: 1", "endpoints[0].usd_per_instance_hour"),
    ] {
        let config = format!(
            "listen: 127.0.0.1:0\nkeys:\n  - {{ access_key_id: AKIDX, secret_access_key: \"a-secret-of-the-test-0\", app: a, team: t }}\n\
             aws: {{ region: us-east-1 }}\npolicy: {{ mode: off }}\nrecords: {{ path: records.jsonl }}\n\
             endpoints:\n  - {{ name: one, {written} }}\n"
        );
        let file = folder.file("hardpan.yaml", config);
        let output =
            Command::new(env!("CARGO_BIN_EXE_hardpan")).args(["check", "-c", &file]).output().unwrap();
        assert!(!output.status.success() && told(&output).contains(place), "{written}: {}", told(&output));
    }
}

#[test]
fn counting_tokens_has_no_cost() {
    let folder = Folder::new();
    let book = folder.book("2026-01-01");
    let hardpan = start(&book, "", "", None);
    let path = format!("/model/{NOVA}/count-tokens");
    let body = json!({"input": {"converse": {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}}})
        .to_string();
    assert_eq!(hardpan.post(&path, body.as_bytes()).status, 200);
    let record = &hardpan.records(1)[0];
    // Counting is free, which is not the same as unknown.
    assert_eq!(of(record, &["estimated_cost_usd", "unpriced", "cost_basis"]), json!([null, null, null]));
}
