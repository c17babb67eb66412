//! A record with the members CloudWatch Logs makes metrics of (embedded metric format, EMF). Dimensions are teams and
//! operations alone: each tuple of values is a metric to pay for, and any caller can make up a model's name. Models
//! stay a property to search by.

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::record::AuditRecord;

/// A dimension has to have a value.
const NONE: &str = "none";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Members<'a> {
    #[serde(rename = "_aws")]
    metadata: Metadata<'a>,
    team: &'a str,
    operation: &'a str,
    requests: u64,
    errors: u64,
    latency: u64,
    input_tokens: u64,
    output_tokens: u64,
    cost_usd: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    /// Unix milliseconds.
    timestamp: i64,
    cloud_watch_metrics: [Directive<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'a str,
    dimensions: [&'static [&'static str]; 2],
    metrics: [Metric; 6],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: &'static str,
}

const METRICS: [(&str, &str); 6] = [
    ("Requests", "Count"),
    ("Errors", "Count"),
    ("Latency", "Milliseconds"),
    ("InputTokens", "Count"),
    ("OutputTokens", "Count"),
    ("CostUsd", "None"),
];

/// Adds the members to a record as it was written: a JSON object.
pub(super) fn extend(line: &mut Vec<u8>, record: &AuditRecord, namespace: &str) -> serde_json::Result<()> {
    let at = OffsetDateTime::parse(&record.time, &Rfc3339).unwrap_or_else(|_| OffsetDateTime::now_utc());
    let team = record.principal.as_ref().map(|principal| principal.team.as_str());
    let usd = |text: &Option<String>| -> f64 {
        text.as_deref().and_then(|usd| usd.parse().ok()).unwrap_or_default()
    };
    let earlier = &record.earlier_attempts;
    let members = Members {
        metadata: Metadata {
            timestamp: i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or_default(),
            cloud_watch_metrics: [Directive {
                namespace,
                dimensions: [&["Team"], &["Team", "Operation"]],
                metrics: METRICS.map(|(name, unit)| Metric { name, unit }),
            }],
        },
        team: team.filter(|team| !team.is_empty()).unwrap_or(NONE),
        operation: record.operation.unwrap_or(NONE),
        requests: 1,
        // Nobody was answered, or with an error.
        errors: u64::from(record.status == 0 || record.status >= 400),
        latency: record.latency_ms,
        input_tokens: record.input_tokens.0 + earlier.iter().map(|call| call.input_tokens.0).sum::<u64>(),
        output_tokens: record.output_tokens.0 + earlier.iter().map(|call| call.output_tokens.0).sum::<u64>(),
        cost_usd: usd(&record.estimated_cost_usd)
            + earlier.iter().map(|call| usd(&call.estimated_cost_usd)).sum::<f64>(),
    };
    let members = serde_json::to_vec(&members)?;
    line.pop();
    line.push(b',');
    line.extend_from_slice(members.get(1..).unwrap_or_default());
    Ok(())
}

#[cfg(test)]
mod tests {
    use hardpan_inference::usage::Tokens;

    use super::super::tests::record;
    use super::super::{AuditAttempt, AuditPrincipal};
    use super::*;

    #[test]
    fn models_of_a_route_that_did_not_answer_are_counted_in() {
        let earlier = |usd: &str| AuditAttempt {
            input_tokens: Tokens(10),
            output_tokens: Tokens(1),
            estimated_cost_usd: Some(usd.to_owned()),
            ..AuditAttempt::default()
        };
        let record = AuditRecord {
            input_tokens: Tokens(5),
            output_tokens: Tokens(7),
            estimated_cost_usd: Some("0.5".to_owned()),
            earlier_attempts: vec![earlier("0.25"), AuditAttempt::default(), earlier("1")],
            ..record("a")
        };
        let mut line = serde_json::to_vec(&record).unwrap();
        extend(&mut line, &record, "Hardpan").unwrap();
        let line: serde_json::Value = serde_json::from_slice(&line).unwrap();
        let told =
            ["Requests", "InputTokens", "OutputTokens", "CostUsd"].map(|name| line[name].as_f64().unwrap());
        assert_eq!(told, [1.0, 25.0, 9.0, 1.75]);
    }

    #[test]
    fn every_metric_and_dimension_is_a_member_of_the_line() {
        let principal = AuditPrincipal { team: "payments".to_owned(), ..AuditPrincipal::default() };
        for (record, team, errors) in [
            (AuditRecord { principal: Some(principal), ..record("a") }, "payments", 0),
            (AuditRecord { status: 429, ..record("a") }, "none", 1),
            (AuditRecord { status: 0, principal: Some(AuditPrincipal::default()), ..record("a") }, "none", 1),
        ] {
            let mut line = serde_json::to_vec(&record).unwrap();
            extend(&mut line, &record, "Hardpan").unwrap();
            let line: serde_json::Value = serde_json::from_slice(&line).unwrap();
            assert_eq!((&line["request_id"], &line["Team"]), (&"a".into(), &team.into()));
            assert_eq!(line["Errors"], errors);
            let metadata = &line["_aws"];
            assert_eq!(metadata["Timestamp"], 1_772_366_400_000_i64);
            let directive = &metadata["CloudWatchMetrics"][0];
            assert_eq!(directive["Namespace"], "Hardpan");
            let metrics = directive["Metrics"].as_array().unwrap();
            assert!(metrics.iter().all(|metric| line[metric["Name"].as_str().unwrap()].is_number()));
            let dimensions = directive["Dimensions"].as_array().unwrap();
            assert_eq!(dimensions.len(), 2);
            for dimension in dimensions.iter().flat_map(|tuple| tuple.as_array().unwrap()) {
                assert!(!line[dimension.as_str().unwrap()].as_str().unwrap().is_empty());
            }
        }
    }
}
