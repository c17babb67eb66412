//! Every name that leaves Hardpan by OTLP, and how operations map to OpenTelemetry's words. The conventions for
//! generative AI are still in development, so that a change of theirs is a change of this file alone.

use hardpan_inference::operation::{Operation, Service};

pub const SCOPE: &str = "hardpan";

pub const SERVICE_NAME: &str = "service.name";
pub const SERVICE_VERSION: &str = "service.version";
pub const SERVICE_INSTANCE_ID: &str = "service.instance.id";

pub const GEN_AI_OPERATION_NAME: &str = "gen_ai.operation.name";
pub const GEN_AI_PROVIDER_NAME: &str = "gen_ai.provider.name";
pub const GEN_AI_REQUEST_MODEL: &str = "gen_ai.request.model";
pub const GEN_AI_RESPONSE_MODEL: &str = "gen_ai.response.model";
pub const GEN_AI_RESPONSE_FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
pub const GEN_AI_USAGE_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
pub const GEN_AI_USAGE_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
pub const GEN_AI_USAGE_CACHE_READ: &str = "gen_ai.usage.cache_read.input_tokens";
pub const GEN_AI_USAGE_CACHE_CREATION: &str = "gen_ai.usage.cache_creation.input_tokens";
pub const GEN_AI_TOKEN_TYPE: &str = "gen_ai.token.type";
pub const TOKEN_TYPE_INPUT: &str = "input";
pub const TOKEN_TYPE_OUTPUT: &str = "output";

pub const HTTP_REQUEST_METHOD: &str = "http.request.method";
pub const HTTP_RESPONSE_STATUS_CODE: &str = "http.response.status_code";
pub const HTTP_ROUTE: &str = "http.route";
pub const HTTP_RESEND_COUNT: &str = "http.request.resend_count";
pub const SERVER_ADDRESS: &str = "server.address";
pub const SERVER_PORT: &str = "server.port";
pub const ERROR_TYPE: &str = "error.type";
/// The conventions' word for an error that no closed set names.
pub const ERROR_OTHER: &str = "_OTHER";
pub const CLOUD_REGION: &str = "cloud.region";
pub const RPC_SYSTEM: &str = "rpc.system";
pub const RPC_SYSTEM_AWS: &str = "aws-api";
pub const RPC_SERVICE: &str = "rpc.service";
pub const RPC_METHOD: &str = "rpc.method";
pub const AWS_REQUEST_ID: &str = "aws.request_id";
pub const METRIC_OVERFLOW: &str = "otel.metric.overflow";

pub const REQUEST_ID: &str = "hardpan.request_id";
pub const TEAM: &str = "hardpan.team";
pub const APP: &str = "hardpan.app";
pub const DECISION_ID: &str = "hardpan.decision.id";
pub const DECISION_ACTION: &str = "hardpan.decision.action";
pub const GUARDRAIL_ACTION: &str = "hardpan.guardrail.action";
pub const CACHE_RESULT: &str = "hardpan.cache.result";
pub const REDACTIONS: &str = "hardpan.redactions";
pub const COST_USD: &str = "hardpan.cost.usd";
pub const FIRST_BYTE: &str = "hardpan.time_to_first_byte_ms";
pub const OVERHEAD: &str = "hardpan.overhead_us";

/// The span of a request whose path names no operation.
pub const SPAN_UNKNOWN: &str = "HTTP";

/// One instrument: name, unit, what it counts, and the upper ends of its buckets.
pub struct Instrument {
    pub name: &'static str,
    pub unit: &'static str,
    pub about: &'static str,
    pub bounds: &'static [f64],
}

const SECONDS: &[f64] =
    &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const TOKENS: &[f64] = &[
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

pub const OPERATION_DURATION: Instrument = Instrument {
    name: "gen_ai.client.operation.duration",
    unit: "s",
    about: "Time from the head of a request to the end of its answer.",
    bounds: SECONDS,
};
pub const TIME_TO_FIRST_CHUNK: Instrument = Instrument {
    name: "gen_ai.client.operation.time_to_first_chunk",
    unit: "s",
    about: "Time from the head of a request to the first byte of its answer.",
    bounds: SECONDS,
};
pub const TOKEN_USAGE: Instrument = Instrument {
    name: "gen_ai.client.token.usage",
    unit: "{token}",
    about: "Input and output tokens used.",
    bounds: TOKENS,
};

/// What the operation does, in the words of the conventions. None for one that asks no model.
pub fn operation_name(operation: Operation, model: &str) -> Option<&'static str> {
    match operation {
        Operation::InvokeAgent
        | Operation::InvokeInlineAgent
        | Operation::InvokeAgentRuntime
        | Operation::InvokeHarness => Some("invoke_agent"),
        Operation::InvokeFlow | Operation::StartFlowExecution => Some("invoke_workflow"),
        Operation::Retrieve
        | Operation::RetrieveAndGenerate
        | Operation::RetrieveAndGenerateStream
        | Operation::AgenticRetrieveStream => Some("retrieval"),
        Operation::Rerank => Some("rerank"),
        _ if !operation.generates() => None,
        Operation::InvokeEndpoint
        | Operation::InvokeEndpointWithResponseStream
        | Operation::InvokeEndpointAsync
        | Operation::InvokeInferenceRouter
        | Operation::InvokeInferenceRouterAsync
        | Operation::StartAsyncInvoke
        | Operation::OptimizePrompt
        | Operation::GenerateQuery => Some("generate_content"),
        Operation::InvokeModel | Operation::InvokeModelWithResponseStream => Some(native_name(model)),
        _ => Some("chat"),
    }
}

/// InvokeModel takes whatever its model takes.
fn native_name(model: &str) -> &'static str {
    if model.contains("embed") {
        "embeddings"
    } else if model.contains("rerank") {
        "rerank"
    } else if model.contains("titan-text") {
        "text_completion"
    } else {
        "chat"
    }
}

pub fn provider(service: Service) -> &'static str {
    match service {
        Service::SagemakerRuntime | Service::InferenceRouter => "aws.sagemaker",
        Service::BedrockRuntime
        | Service::Mantle
        | Service::AgentRuntime
        | Service::AgentCore
        | Service::Bedrock => "aws.bedrock",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_have_the_words_of_the_conventions() {
        for (operation, model, name) in [
            (Operation::Converse, "amazon.nova-lite-v1:0", Some("chat")),
            (Operation::MantleMessages, "", Some("chat")),
            (Operation::InvokeModel, "anthropic.claude-sonnet-4-20250514-v1:0", Some("chat")),
            (Operation::InvokeModel, "amazon.titan-embed-text-v2:0", Some("embeddings")),
            (Operation::InvokeModel, "amazon.titan-text-express-v1", Some("text_completion")),
            (Operation::InvokeAgent, "", Some("invoke_agent")),
            (Operation::Retrieve, "", Some("retrieval")),
            (Operation::InvokeEndpoint, "", Some("generate_content")),
            (Operation::CountTokens, "amazon.nova-lite-v1:0", None),
            (Operation::ListModels, "", None),
            (Operation::GetResourceApiKey, "", None),
        ] {
            assert_eq!(operation_name(operation, model), name, "{operation:?}");
        }
    }

    #[test]
    fn the_words_are_a_small_set() {
        let mut words: Vec<_> = Operation::ALL
            .iter()
            .flat_map(|operation| ["", "x.embed", "x.rerank", "titan-text"].map(|model| (*operation, model)))
            .filter_map(|(operation, model)| operation_name(operation, model))
            .collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), 8, "{words:?}");
    }
}
