//! Which base model stands behind an id that does not say: by the configuration's map, else by asking Bedrock's
//! control plane, once in a while. What neither tells is refused, never guessed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hardpan_inference::json::{Document, JsonLimits};
use hardpan_inference::model_id::{ModelId, ModelKind};
use hardpan_inference::operation::{Asks, Operation, Service, Target};
use http::HeaderMap;
use moka::future::Cache;
use pingora_timeout::fast_timeout::fast_timeout;

use crate::config::{ModelsConfig, Resolve, Unresolved, matches};
use crate::forward;
use crate::refusal::Refusal;
use crate::snapshot::Snapshot;
use crate::upstream::Call;

const ANSWER_BYTES_MAX: usize = 1 << 20;
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const KEPT_MAX: u64 = 4096;

/// Answers of the control plane, kept for a while.
pub struct ModelDirectory {
    known: Cache<(String, String), Option<Arc<ModelId>>>,
}

impl ModelDirectory {
    pub fn new(config: &ModelsConfig) -> Self {
        let known = Cache::builder().max_capacity(KEPT_MAX).time_to_live(config.resolved_for).build();
        Self { known }
    }
}

/// What stands where a model would in an operation's path.
pub fn named_by(target: &Target) -> ModelId {
    let member = |name| target.member(name).unwrap_or_default();
    if let Some(model) = &target.model {
        return model.clone();
    }
    match target.operation {
        Operation::InvokeAgent => {
            let id = format!("agent/{}/{}", member("agentId"), member("agentAliasId"));
            ModelId::of_resource(ModelKind::Agent, id)
        }
        Operation::InvokeFlow | Operation::StartFlowExecution => {
            let id = format!("flow/{}/{}", member("flowIdentifier"), member("flowAliasIdentifier"));
            ModelId::of_resource(ModelKind::Flow, id)
        }
        operation if operation.asks() == Asks::EndpointInvoke => {
            let router = target.member("InferenceRouterName").map(|name| format!("inference-router/{name}"));
            let id = router.unwrap_or_else(|| format!("endpoint/{}", member("EndpointName")));
            ModelId::of_resource(ModelKind::Endpoint, id)
        }
        _ => ModelId::of_resource(ModelKind::None, String::new()),
    }
}

/// The model with its base filled in.
pub async fn resolve(snapshot: &Snapshot, model: ModelId, region: &str) -> Result<ModelId, Refusal> {
    let config = &snapshot.config.models;
    if !model.base().is_empty() || model.kind() == ModelKind::None {
        return Ok(model);
    }
    if let Some((_, base)) = config.map.iter().find(|(pattern, _)| matches(pattern, model.as_str())) {
        return Ok(model.resolved_to(base));
    }
    if !model.is_hidden() {
        return Ok(model);
    }
    if config.resolve == Resolve::ControlPlane
        && let Some(path) = control_plane_path(&model)
    {
        let key = (region.to_owned(), model.as_str().to_owned());
        let known = snapshot.models.known.try_get_with(key, ask(snapshot, path, region)).await;
        match known {
            Ok(Some(base)) => return Ok(model.resolved_to(&base)),
            Ok(None) => {}
            Err(refusal) if config.unresolved == Unresolved::Refuse => {
                tracing::warn!(reason = refusal.code(), "the control plane could not be asked for a model");
                return Err(Refusal::ModelLookup);
            }
            Err(_) => {}
        }
    }
    match config.unresolved {
        Unresolved::Allow => Ok(model),
        Unresolved::Refuse => Err(Refusal::HiddenModel),
    }
}

/// Where the control plane describes a model of this kind.
fn control_plane_path(model: &ModelId) -> Option<String> {
    let collection = match model.kind() {
        ModelKind::ApplicationInferenceProfile => "inference-profiles",
        ModelKind::PromptRouter => "prompt-routers",
        ModelKind::ProvisionedModel => "provisioned-model-throughput",
        ModelKind::CustomModelDeployment => "model-customization/custom-model-deployments",
        _ => return None,
    };
    Some(format!("/{collection}/{}", model.path_segment()))
}

/// None where the answer names no base model, or several.
async fn ask(snapshot: &Snapshot, path: String, region: &str) -> Result<Option<Arc<ModelId>>, Refusal> {
    let call = || Call {
        service: Service::Bedrock,
        method: "GET",
        path: path.clone(),
        region: region.to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
    };
    let asked = async {
        let answer = forward::ask(snapshot, call, ANSWER_BYTES_MAX).await?;
        let kind = answer.headers.get("x-amzn-errortype");
        let is_denied = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"AccessDenied"));
        match answer.status {
            200 => Ok(base_of(&answer.body).map(Arc::new)),
            400 | 404 => Ok(None),
            403 if is_denied => Ok(None),
            // A signature that AWS did not take, or a throttle, says nothing of the model: it is not remembered.
            _ => Err(Refusal::ModelLookup),
        }
    };
    fast_timeout(ANSWER_WITHIN, asked).await.map_err(|_| Refusal::ModelLookup)?
}

/// The one base model all ARNs of the answer lead to.
fn base_of(body: &[u8]) -> Option<ModelId> {
    let document = Document::parse(body, JsonLimits::default()).ok()?;
    let root = document.root();
    let listed = document.get(root, "models").into_iter().flat_map(|list| document.elements(list));
    let mut arns: Vec<String> =
        listed.filter_map(|model| Some(document.string_at(model, &["modelArn"])?.into_owned())).collect();
    if arns.is_empty() {
        let single = ["foundationModelArn", "modelArn"];
        arns.extend(single.iter().find_map(|name| Some(document.string_at(root, &[name])?.into_owned())));
    }
    let mut bases = arns.iter().map(|arn| ModelId::parse(arn).ok());
    let first = bases.next()??;
    let same = bases.all(|other| other.is_some_and(|other| other.base() == first.base()));
    if !same || first.base().is_empty() {
        return None;
    }
    match scope_of(&arns) {
        Some(scope) => ModelId::parse(&format!("{scope}.{}", first.base())).ok(),
        None => Some(first),
    }
}

/// The geography a profile sends calls to, which its price follows: the ARN without a Region is the global one's, and
/// several Regions are a geography's. None for a profile of one Region.
fn scope_of(arns: &[String]) -> Option<&'static str> {
    let regions: BTreeSet<&str> = arns.iter().filter_map(|arn| arn.split(':').nth(3)).collect();
    if regions.contains("") {
        return Some("global");
    }
    if regions.len() < 2 {
        return None;
    }
    let all =
        |starts: &[&str]| regions.iter().all(|region| starts.iter().any(|start| region.starts_with(start)));
    let geographies: [(&str, &[&str]); 8] = [
        ("us-gov", &["us-gov-"]),
        ("us", &["us-"]),
        ("eu", &["eu-"]),
        ("jp", &["ap-northeast-1", "ap-northeast-3"]),
        ("au", &["ap-southeast-2", "ap-southeast-4"]),
        ("apac", &["ap-"]),
        ("ca", &["ca-"]),
        ("sa", &["sa-"]),
    ];
    geographies.into_iter().find(|(_, starts)| all(starts)).map(|(scope, _)| scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_base_model_is_taken_and_two_are_none() {
        let one = r#"{"models":[{"modelArn":"arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"},{"modelArn":"arn:aws:bedrock:us-west-2::foundation-model/amazon.nova-lite-v1:0"}]}"#;
        assert_eq!(base_of(one.as_bytes()).unwrap().base(), "amazon.nova-lite-v1:0");
        let two = r#"{"models":[{"modelArn":"arn:aws:bedrock:us-east-1::foundation-model/a.b-v1:0"},{"modelArn":"arn:aws:bedrock:us-west-2::foundation-model/a.c-v1:0"}]}"#;
        assert!(base_of(two.as_bytes()).is_none());
        let provisioned = r#"{"modelArn":"arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.nova-lite-v1:0/abcd1234efgh"}"#;
        assert_eq!(base_of(provisioned.as_bytes()).unwrap().base(), "amazon.nova-lite-v1:0");
        for nothing in [
            "{}",
            "x",
            r#"{"models":[]}"#,
            r#"{"modelArn":"arn:aws:bedrock:us-east-1:123456789012:imported-model/abcd1234efgh"}"#,
        ] {
            assert!(base_of(nothing.as_bytes()).is_none(), "{nothing}");
        }
    }

    #[test]
    fn a_profile_is_of_the_geography_its_regions_are_of() {
        for (regions, scope) in [
            (&["us-east-1"][..], None),
            (&["us-east-1", "us-east-1"], None),
            (&["us-east-1", "us-west-2"], Some("us")),
            (&["us-gov-east-1", "us-gov-west-1"], Some("us-gov")),
            (&["eu-west-1", "eu-central-1"], Some("eu")),
            (&["ap-northeast-1", "ap-northeast-3"], Some("jp")),
            (&["ap-northeast-1", "ap-south-1"], Some("apac")),
            (&["us-east-1", ""], Some("global")),
            // No geography is known that holds both.
            (&["us-east-1", "eu-west-1"], None),
        ] {
            let arns = regions.iter().map(|region| {
                format!(r#"{{"modelArn":"arn:aws:bedrock:{region}::foundation-model/a.b-v1:0"}}"#)
            });
            let body = format!(r#"{{"models":[{}]}}"#, arns.collect::<Vec<_>>().join(","));
            let base = base_of(body.as_bytes()).unwrap();
            assert_eq!((base.base(), base.scope()), ("a.b-v1:0", scope), "{regions:?}");
        }
    }

    #[test]
    fn what_a_path_names_stands_where_a_model_would() {
        let named = |method, path: &str| {
            let target = hardpan_inference::operation::route(method, path.as_bytes(), None).unwrap();
            named_by(&target).as_str().to_owned()
        };
        assert_eq!(named("POST", "/endpoints/llama/invocations"), "endpoint/llama");
        assert_eq!(named("POST", "/agents/A1/agentAliases/B2/sessions/s/text"), "agent/A1/B2");
        assert_eq!(named("POST", "/rerank"), "");
    }
}
