//! Requests for which several models are called: the record holds what each call used and cost, once, and record,
//! metrics, quota and questions to the log agree.
//!
//! The upstream is a server of the test: one model is silent, one is down, the others answer.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;

use serde_json::{Value, json};

use crate::quotas::{Folder, limit, quota, read_request};
use crate::support::{Hardpan, Response, Setup, user};

const ROUTE: &str = r#"apply contains {"route": {"model": "amazon.nova-pro-v1:0", "fallback": ["amazon.nova-premier-v1:0", "amazon.nova-micro-v1:0"]}} if {
	input.action == "model:invoke"
	input.model.id == "amazon.nova-lite-v1:0"
}"#;

const ANSWER: &str = r#"{"output":{"message":{"role":"assistant","content":[{"text":"here"}]}},"stopReason":"end_turn","usage":{"inputTokens":50,"outputTokens":5,"totalTokens":55},"metrics":{"latencyMs":1}}"#;

fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut silenced = Vec::new();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let Some((head, _)) = read_request(&mut stream) else { continue };
            let path = head.split(' ').nth(1).unwrap_or_default();
            if path.contains("nova-pro") {
                silenced.push(stream);
                continue;
            }
            let (status, body) = if path.contains("nova-premier") {
                (
                    "503 Down\r\nx-amzn-errortype: ServiceUnavailableException:http://x/",
                    r#"{"message":"down"}"#,
                )
            } else {
                ("200 OK", ANSWER)
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\nx-amzn-requestid: own-id\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

fn serving(folder: &Folder, limits: &str) -> Hardpan {
    Hardpan::start(Setup {
        policy: folder.as_policy(),
        quota: quota(&format!("limits: [ {limits} ]")),
        limits: "{ upstream_read_timeout_ms: 400 }",
        upstream: Some(upstream()),
        ..Setup::default()
    })
}

fn ask(hardpan: &Hardpan, model: &str) -> Response {
    hardpan.post(&format!("/model/{model}/converse"), user("hi there").as_bytes())
}

/// A recorded cost in nano dollars; 0 for none.
fn nanos(call: &Value) -> u64 {
    let usd = call["estimated_cost_usd"].as_str().map_or(0.0, |usd| usd.parse::<f64>().unwrap());
    (usd * 1e9).round() as u64
}

fn query(hardpan: &Hardpan, question: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_hardpan"))
        .args(["audit", "query"])
        .args(question)
        .arg(hardpan.folder().join("records.jsonl"))
        .args(["--format", "json"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn left(response: &Response) -> u64 {
    let told = response.header("ratelimit").unwrap();
    told.split("r=").nth(1).unwrap().split([';', ',']).next().unwrap().parse().unwrap()
}

#[test]
fn every_call_of_a_route_is_on_record_and_paid_for_once() {
    let folder = Folder::of_rules("attempts", ROUTE);
    let hardpan = serving(&folder, &limit("money", "org", "nano_usd", "total", 1_000_000_000));
    let plain = || left(&ask(&hardpan, "amazon.nova-micro-v1%3A0"));
    let before = plain();
    hardpan.records(1);
    assert_eq!(ask(&hardpan, "amazon.nova-lite-v1%3A0").status, 200);
    let records = hardpan.records(2);
    let after = plain();
    let record = &records[1];
    let earlier = record["earlier_attempts"].as_array().unwrap();
    assert_eq!(earlier.len(), 2, "{record}");
    let silent = &earlier[0];
    assert_eq!(
        (&silent["model"], &silent["model_base"], &silent["status"], &silent["error"]),
        (
            &json!("amazon.nova-pro-v1:0"),
            &json!("amazon.nova-pro-v1:0"),
            &json!(0),
            &json!("upstream_timeout")
        )
    );
    // It may have answered as much as it was allowed to: 0.8 and 3.2 USD per million.
    assert_eq!((&silent["output_tokens"], &silent["usage_source"]), (&json!(200), &json!("estimated")));
    assert_eq!((&silent["cost_basis"], &silent["input_basis"]), (&json!("estimated"), &json!("estimated")));
    assert_eq!(nanos(silent), silent["input_tokens"].as_u64().unwrap() * 800 + 200 * 3_200);
    assert_eq!(silent["cost_breakdown"]["output"], "0.00064");
    let down = &earlier[1];
    assert_eq!(
        (&down["model"], &down["status"], &down["error"], &down["aws_request_id"]),
        (
            &json!("amazon.nova-premier-v1:0"),
            &json!(503),
            &json!("ServiceUnavailableException"),
            &json!("own-id")
        )
    );
    let nothing = (&json!(0), &json!(0), &json!("none"), &Value::Null);
    let told =
        (&down["input_tokens"], &down["output_tokens"], &down["usage_source"], &down["estimated_cost_usd"]);
    assert_eq!(told, nothing);
    assert_eq!(
        (&record["model_requested"], &record["model_served"], &record["attempts"], &record["error"]),
        (&json!("amazon.nova-lite-v1:0"), &json!("amazon.nova-micro-v1:0"), &json!(1), &Value::Null)
    );
    assert_eq!(
        (&record["input_tokens"], &record["output_tokens"], &record["usage_source"]),
        (&json!(50), &json!(5), &json!("reported"))
    );
    assert_eq!(records[0]["earlier_attempts"], json!([]));
    // The limit was charged with the same.
    let all = nanos(silent) + nanos(record);
    assert!(nanos(silent) > 0 && nanos(record) > 0);
    assert_eq!(before - after, nanos(&records[0]) + all);
    let records = hardpan.records(3);
    let metrics = hardpan.metrics();
    let of = |model: &str| -> u64 {
        let cost = metrics.lines().filter(|line| line.starts_with("hardpan_cost_nano_usd_total{"));
        let of_model = cost.filter(|line| line.contains(&format!("model=\"{model}\"")));
        of_model.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    };
    let micro = nanos(&records[0]) + nanos(&records[1]) + nanos(&records[2]);
    assert_eq!(of("amazon.nova-pro-v1:0"), nanos(silent), "{metrics}");
    assert_eq!((of("amazon.nova-micro-v1:0"), of("amazon.nova-premier-v1:0")), (micro, 0), "{metrics}");
    let usd = |nanos: u64| format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    assert_eq!(
        query(&hardpan, &["--by", "team", "--sum", "cost"]),
        json!([{"team": "payments", "requests": 3, "cost_usd": usd(micro + nanos(silent))}])
    );
    let by_model = query(&hardpan, &["--by", "model", "--sum", "cost"]);
    let row = |model: &str, cost: u64, requests: u64| json!({"model": model, "requests": requests, "cost_usd": usd(cost)});
    let rows = by_model.as_array().unwrap();
    assert!(rows.contains(&row("amazon.nova-pro-v1:0", nanos(silent), 1)), "{by_model}");
    assert!(rows.contains(&row("amazon.nova-micro-v1:0", micro, 3)), "{by_model}");
}

#[test]
fn what_a_call_cost_is_on_record_also_where_the_next_one_is_over_a_limit() {
    let folder = Folder::of_rules("attempts-limit", ROUTE);
    let hardpan = serving(&folder, &limit("calls", "app", "requests", "day", 1));
    let refused = ask(&hardpan, "amazon.nova-lite-v1%3A0");
    assert_eq!(refused.error(), (429, "ThrottlingException"));
    let record = &hardpan.records(1)[0];
    assert_eq!(
        (&record["error"], &record["model_served"], &record["estimated_cost_usd"], &record["attempts"]),
        (&json!("rate_limited"), &Value::Null, &Value::Null, &json!(0))
    );
    let no_use = (&json!(0), &json!(0), &json!("none"));
    assert_eq!((&record["input_tokens"], &record["output_tokens"], &record["usage_source"]), no_use);
    let earlier = record["earlier_attempts"].as_array().unwrap();
    assert_eq!((earlier.len(), &earlier[0]["error"]), (1, &json!("upstream_timeout")));
    let sum = query(&hardpan, &["SELECT SUM(cost_nano_usd) AS n, SUM(output_tokens) AS o FROM records"]);
    assert_eq!(sum, json!([{"n": nanos(&earlier[0]), "o": 200}]));
    assert!(nanos(&earlier[0]) > 0);
}
