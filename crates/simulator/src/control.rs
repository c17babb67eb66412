//! What is not inference: lists of models, asynchronous and batch jobs, and the control plane's answers to
//! "which model stands behind this id". Four of those paths are no operation of the table, since only Hardpan
//! itself asks them; they are matched here by hand.

use http::StatusCode;
use serde_json::{Value, json};

use hardpan_inference::model_id::ModelId;
use hardpan_inference::operation::Operation;

use crate::chat::CREATED;
use crate::reply::{Asked, Content, Reply};
use crate::text::all_texts;

const TIME: &str = "2026-11-22T00:00:00Z";
const ARN: &str = "arn:aws:bedrock:us-east-1:123456789012";
/// What the lists name.
const MODELS: [&str; 3] = ["anthropic.claude-sonnet-4-20250514-v1:0", MODEL, "openai.gpt-oss-20b-1:0"];
const MODEL: &str = "amazon.nova-lite-v1:0";

/// A question for the model behind an id that is no operation of the table.
pub(crate) struct Lookup {
    kind: LookupKind,
    id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LookupKind {
    PromptRouter,
    ProvisionedModel,
    ImportedModel,
    ModelDeployment,
}

impl Lookup {
    pub(crate) fn read(method: &str, raw_target: &str) -> Option<Lookup> {
        if method != "GET" {
            return None;
        }
        let segments: Vec<&str> = raw_target.split('/').collect();
        let (kind, segment) = match segments.as_slice() {
            ["", "prompt-routers", id] => (LookupKind::PromptRouter, id),
            ["", "provisioned-model-throughput", id] => (LookupKind::ProvisionedModel, id),
            ["", "imported-models", id] => (LookupKind::ImportedModel, id),
            ["", "model-customization", "custom-model-deployments", id] => (LookupKind::ModelDeployment, id),
            _ => return None,
        };
        let id = ModelId::from_path_segment(segment.as_bytes()).ok()?;
        Some(Lookup { kind, id: id.as_str().to_owned() })
    }

    pub(crate) fn operation(&self) -> &'static str {
        match self.kind {
            LookupKind::PromptRouter => "GetPromptRouter",
            LookupKind::ProvisionedModel => "GetProvisionedModelThroughput",
            LookupKind::ImportedModel => "GetImportedModel",
            LookupKind::ModelDeployment => "GetCustomModelDeployment",
        }
    }

    /// `profiles` are ids or ARNs and the ARN of the model behind each.
    pub(crate) fn reply(&self, profiles: &[(String, String)]) -> Reply {
        let Some(base) = find(profiles, &self.id) else { return unknown() };
        let (id, name) = (self.id.as_str(), last_part(&self.id));
        let body = match self.kind {
            LookupKind::PromptRouter => json!({
                "promptRouterArn": arn("prompt-router", id), "promptRouterName": name, "status": "AVAILABLE",
                "type": "custom", "models": [{"modelArn": base}], "fallbackModel": {"modelArn": base},
                "routingCriteria": {"responseQualityDifference": 25.0}, "createdAt": TIME, "updatedAt": TIME
            }),
            LookupKind::ProvisionedModel => json!({
                "provisionedModelArn": arn("provisioned-model", id), "provisionedModelName": name,
                "modelArn": base, "desiredModelArn": base, "foundationModelArn": base, "modelUnits": 1,
                "desiredModelUnits": 1, "status": "InService", "creationTime": TIME, "lastModifiedTime": TIME
            }),
            LookupKind::ImportedModel => json!({
                "modelArn": arn("imported-model", id), "modelName": name, "jobName": "simulated",
                "modelArchitecture": last_part(base), "instructSupported": true, "creationTime": TIME
            }),
            LookupKind::ModelDeployment => json!({
                "customModelDeploymentArn": arn("custom-model-deployment", id), "modelDeploymentName": name,
                "modelArn": base, "status": "Active", "createdAt": TIME, "lastUpdatedAt": TIME
            }),
        };
        Reply::json(&body)
    }
}

fn unknown() -> Reply {
    Reply::refusal(
        StatusCode::NOT_FOUND,
        "ResourceNotFoundException",
        "The provided resource does not exist.",
    )
}

/// By the id as it is, or by an ARN's last part.
fn find<'a>(profiles: &'a [(String, String)], id: &str) -> Option<&'a str> {
    let same = |own: &str| own == id || last_part(own) == id || own == last_part(id);
    profiles.iter().find(|(own, _)| same(own)).map(|(_, base)| base.as_str())
}

fn last_part(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

fn arn(kind: &str, id: &str) -> String {
    if id.starts_with("arn:") { id.to_owned() } else { format!("{ARN}:{kind}/{id}") }
}

pub(crate) fn profile(asked: &Asked<'_>) -> Reply {
    let id = asked.target.member("inferenceProfileIdentifier").unwrap_or_default();
    match find(asked.profiles, id) {
        Some(base) => Reply::json(&profile_body(id, base)),
        None => unknown(),
    }
}

fn profile_body(id: &str, base: &str) -> Value {
    let is_own = id.contains("application-inference-profile") || !id.contains('.');
    let (kind, of) = if is_own {
        ("application-inference-profile", "APPLICATION")
    } else {
        ("inference-profile", "SYSTEM_DEFINED")
    };
    json!({
        "inferenceProfileName": last_part(id), "inferenceProfileArn": arn(kind, id),
        "inferenceProfileId": last_part(id), "models": [{"modelArn": base}], "status": "ACTIVE", "type": of,
        "createdAt": TIME, "updatedAt": TIME
    })
}

pub(crate) fn answer(asked: &Asked<'_>) -> Content {
    let member = |name: &str| asked.target.member(name).unwrap_or("simulated");
    let made = || format!("{:012x}", asked.prompt.seed & 0xffff_ffff_ffff);
    let body = match asked.target.operation {
        Operation::ListModels | Operation::MantleListModels => {
            let model =
                |id: &&str| json!({"id": id, "object": "model", "created": CREATED, "owned_by": "simulated"});
            json!({"object": "list", "data": MODELS.iter().map(model).collect::<Vec<Value>>()})
        }
        Operation::StartAsyncInvoke => json!({"invocationArn": format!("{ARN}:async-invoke/{}", made())}),
        Operation::GetAsyncInvoke => json!({
            "invocationArn": member("invocationArn"), "modelArn": foundation_model(MODEL),
            "status": "Completed", "submitTime": TIME, "lastModifiedTime": TIME, "endTime": TIME,
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://simulated/"}}
        }),
        Operation::ListAsyncInvokes => json!({"asyncInvokeSummaries": []}),
        Operation::CreateModelInvocationJob => {
            json!({"jobArn": format!("{ARN}:model-invocation-job/{}", made())})
        }
        Operation::GetModelInvocationJob => json!({
            "jobArn": arn("model-invocation-job", member("jobIdentifier")), "jobName": "simulated",
            "modelId": MODEL, "roleArn": "arn:aws:iam::123456789012:role/simulated",
            "status": "Completed", "submitTime": TIME,
            "inputDataConfig": {"s3InputDataConfig": {"s3Uri": "s3://simulated/in.jsonl"}},
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://simulated/out/"}}
        }),
        Operation::ListModelInvocationJobs => json!({"invocationJobSummaries": []}),
        Operation::ListInferenceProfiles => {
            let summaries: Vec<Value> =
                asked.profiles.iter().map(|(id, base)| profile_body(id, base)).collect();
            json!({"inferenceProfileSummaries": summaries})
        }
        Operation::GetFoundationModel => {
            let id = last_part(member("modelIdentifier"));
            json!({"modelDetails": {"modelArn": foundation_model(id), "modelId": id}})
        }
        Operation::ListFoundationModels => {
            let model = |id: &&str| json!({"modelArn": foundation_model(id), "modelId": id});
            json!({"modelSummaries": MODELS.iter().map(model).collect::<Vec<Value>>()})
        }
        Operation::StopModelInvocationJob => json!({}),
        // Whatever is added to the table before it is added here.
        _ => json!({"echo": all_texts(&asked.prompt.body)}),
    };
    asked.json(&body)
}

fn foundation_model(id: &str) -> String {
    format!("arn:aws:bedrock:us-east-1::foundation-model/{id}")
}

#[cfg(test)]
mod tests {
    use crate::reply::tests::{ask, status, whole_body};

    use super::*;

    #[test]
    fn the_model_behind_an_id_is_told_and_unknown_ids_are_not_found() {
        let profiles = vec![
            ("abcd1234efgh".to_owned(), "arn:aws:bedrock:us-east-1::foundation-model/base-1".to_owned()),
            (
                "arn:aws:bedrock:us-east-1:123456789012:prompt-router/r1".to_owned(),
                "arn:aws:bedrock:us-east-1::foundation-model/base-2".to_owned(),
            ),
        ];
        let encoded = "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aprovisioned-model%2Fabcd1234efgh";
        for (path, contains) in [
            ("/prompt-routers/r1".to_owned(), Some("base-2")),
            ("/provisioned-model-throughput/abcd1234efgh".to_owned(), Some("base-1")),
            (format!("/provisioned-model-throughput/{encoded}"), Some("base-1")),
            ("/imported-models/abcd1234efgh".to_owned(), Some("\"modelArchitecture\":\"base-1\"")),
            ("/model-customization/custom-model-deployments/abcd1234efgh".to_owned(), Some("base-1")),
            ("/prompt-routers/other".to_owned(), None),
        ] {
            let reply = Lookup::read("GET", &path).unwrap().reply(&profiles);
            match contains {
                Some(contains) => assert!(whole_body(reply).contains(contains), "{path}"),
                None => assert_eq!(status(&reply), 404, "{path}"),
            }
        }
        assert!(Lookup::read("POST", "/prompt-routers/r1").is_none());
        assert!(Lookup::read("GET", "/prompt-routers/r1/x").is_none());
    }

    #[test]
    fn profiles_come_from_the_options() {
        let reply = ask("GET", "/inference-profiles/abcd1234efgh", "");
        let body: Value = serde_json::from_str(&whole_body(reply)).unwrap();
        assert_eq!(body["models"][0]["modelArn"], "arn:aws:bedrock:us-east-1::foundation-model/base");
        assert_eq!(status(&ask("GET", "/inference-profiles/other", "")), 404);
    }

    #[test]
    fn lists_and_jobs_answer() {
        for (method, path, body, contains) in [
            ("GET", "/v1/models", "", "\"object\":\"list\""),
            ("POST", "/async-invoke", r#"{"modelId": "m", "modelInput": {"a": "b"}}"#, ":async-invoke/"),
            ("GET", "/async-invoke", "", "asyncInvokeSummaries"),
            ("POST", "/model-invocation-job", r#"{"jobName": "j"}"#, ":model-invocation-job/"),
            ("GET", "/foundation-models", "", "modelSummaries"),
        ] {
            let answer = whole_body(ask(method, path, body));
            assert!(answer.contains(contains), "{answer}");
        }
    }
}
