//! One request for every operation and form, with a slot for the text a guard is shown.
//!
//! Paths are filled from the operation table itself, so that a new row gets a path of its own; bodies are the
//! smallest that their operation takes. The `match` over operations is exhaustive: a row without a sample does not
//! compile.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardpan_inference::operation::{Operation, Service};

use super::cells::Form;
use crate::support::{CLAUDE, NOVA};

const OPENAI: &str = "openai.gpt-oss-20b-1%3A0";
const OPENAI_DECODED: &str = "openai.gpt-oss-20b-1:0";
const CLAUDE_DECODED: &str = "us.anthropic.claude-sonnet-4-20250514-v1:0";
/// Where the text goes, already escaped for a JSON string.
const TEXT: &str = "%TEXT%";
/// A body template between these goes in as base64.
const BASE64: (&str, &str) = ("%BASE64<", ">64%");
const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

pub struct Sample {
    pub operation: Operation,
    /// The operation's name, and the body's family where there are several.
    pub name: String,
    pub target: String,
    pub headers: &'static [(&'static str, &'static str)],
    template: String,
}

impl Sample {
    pub fn body(&self, text: &str) -> Vec<u8> {
        let quoted = serde_json::Value::from(text).to_string();
        let escaped = quoted.trim_start_matches('"').strip_suffix('"').unwrap_or_default();
        let filled = self.template.replace(TEXT, escaped);
        let Some((before, rest)) = filled.split_once(BASE64.0) else { return filled.into_bytes() };
        let (inner, after) = rest.split_once(BASE64.1).unwrap_or((rest, ""));
        format!("{before}{}{after}", STANDARD.encode(inner)).into_bytes()
    }

    pub fn has_text(&self) -> bool {
        self.template.contains(TEXT)
    }

    pub fn is_json(&self) -> bool {
        self.headers.iter().any(|(name, value)| *name == "content-type" && *value == "application/json")
    }
}

/// `Service.Operation` of every row, as policy data grants them.
pub fn every_operation() -> Vec<String> {
    let both = |one: &Operation| [one.name().to_owned(), format!("{}.{}", one.service().name(), one.name())];
    Operation::ALL.iter().flat_map(both).collect()
}

/// The operation's samples in one form: more than one where bodies of several families are read.
pub fn of(operation: Operation, form: Form) -> Vec<Sample> {
    let families: &[&str] = match operation {
        Operation::InvokeModel | Operation::InvokeModelWithResponseStream => {
            &["anthropic", "nova", "openai", "titan", "llama"]
        }
        Operation::CountTokens => &["converse", "invokeModel"],
        Operation::InvokeEndpoint
        | Operation::InvokeEndpointWithResponseStream
        | Operation::InvokeEndpointAsync
        | Operation::InvokeInferenceRouter => &["tgi", "chat"],
        _ => &[""],
    };
    families.iter().map(|family| sample(operation, form, family, body(operation, form, family))).collect()
}

/// Samples that offer two tools, where answers can hold calls for the application to run.
pub fn with_tools(operation: Operation, form: Form) -> Vec<Sample> {
    let families: &[&str] = match operation {
        Operation::InvokeModel | Operation::InvokeModelWithResponseStream => &["anthropic", "openai"],
        Operation::InvokeEndpoint
        | Operation::InvokeEndpointWithResponseStream
        | Operation::InvokeInferenceRouter => &["chat"],
        _ => &[""],
    };
    let offering = |family: &&str| {
        let body = offering_tools(operation, form, family)?;
        Some(sample(operation, form, family, body))
    };
    families.iter().filter_map(offering).collect()
}

fn sample(operation: Operation, form: Form, family: &str, template: String) -> Sample {
    let separator = if family.is_empty() { "" } else { "/" };
    Sample {
        operation,
        name: format!("{}{separator}{family} {}", operation.name(), form.name()),
        target: target(operation, family),
        headers: headers(operation, form),
        template,
    }
}

fn target(operation: Operation, family: &str) -> String {
    let template = operation.paths().first().copied().unwrap_or_default();
    let mut path: Vec<String> = Vec::new();
    for word in template.split('/') {
        let member = word.strip_prefix('{').and_then(|word| word.strip_suffix('}'));
        path.push(member.map_or_else(|| word.to_owned(), |name| member_value(operation, family, name)));
    }
    path.join("/") + query(operation)
}

fn query(operation: Operation) -> &'static str {
    match operation {
        Operation::InvokeHarness => {
            "?harnessArn=arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aharness%2Fhelp-0123456789"
        }
        Operation::UntagResource => "?tagKeys=stage",
        Operation::StopCodeInterpreterSession | Operation::StopBrowserSession => {
            "?sessionId=0123456789abcdef"
        }
        _ => "",
    }
}

fn member_value(operation: Operation, family: &str, name: &str) -> String {
    let value = match name {
        "modelId" => match family {
            "anthropic" => CLAUDE,
            "openai" => OPENAI,
            "titan" => "amazon.titan-text-express-v1",
            "llama" => "meta.llama3-8b-instruct-v1%3A0",
            "invokeModel" => "anthropic.claude-3-haiku-20240307-v1%3A0",
            _ => NOVA,
        },
        "modelIdentifier" => NOVA,
        "inferenceProfileIdentifier" => {
            "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fabcd1234efgh"
        }
        "guardrailVersion" => "1",
        "invocationArn" => "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aasync-invoke%2F0123456789ab",
        "agentRuntimeArn" => {
            "arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fhelp-0123456789"
        }
        "resourceArn" => "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Asession%2F0123456789ab",
        "EndpointName" => "summaries",
        "InferenceRouterName" => "summaries-router",
        _ if operation.service() == Service::AgentRuntime => "ABCDE12345",
        _ => "help-0123456789",
    };
    value.to_owned()
}

fn headers(operation: Operation, form: Form) -> &'static [(&'static str, &'static str)] {
    match (operation, form) {
        (Operation::InvokeAgentRuntime, Form::Stream) => &[
            ("content-type", "application/json"),
            ("accept", "text/event-stream"),
            ("x-amzn-bedrock-agentcore-runtime-session-id", "0123456789abcdef0123456789abcdef0"),
        ],
        (Operation::InvokeAgentRuntime, Form::Plain) => &[
            ("content-type", "application/json"),
            ("accept", "application/json"),
            ("x-amzn-bedrock-agentcore-runtime-session-id", "0123456789abcdef0123456789abcdef0"),
        ],
        (Operation::InvokeAgentRuntimeCommand | Operation::InvokeHarness, _) => &[
            ("content-type", "application/json"),
            ("x-amzn-bedrock-agentcore-runtime-session-id", "0123456789abcdef0123456789abcdef0"),
        ],
        (Operation::InvokeCodeInterpreter, _) => &[
            ("content-type", "application/json"),
            ("x-amzn-code-interpreter-session-id", "0123456789abcdef"),
        ],
        (Operation::InvokeBrowser, _) => {
            &[("content-type", "application/json"), ("x-amzn-browser-session-id", "0123456789abcdef")]
        }
        _ => JSON,
    }
}

fn body(operation: Operation, form: Form, family: &str) -> String {
    let streams = form == Form::Stream;
    match operation {
        Operation::Converse | Operation::ConverseStream => converse(""),
        Operation::InvokeModel | Operation::InvokeModelWithResponseStream => native(family),
        // The events themselves are signed one by one; what stands here only gives the row its text.
        Operation::InvokeModelWithBidirectionalStream => r#"{"event":{"textInput":{"content":"%TEXT%"}}}"#.into(),
        Operation::CountTokens if family == "invokeModel" => format!(
            r#"{{"input":{{"invokeModel":{{"body":"{}{}{}"}}}}}}"#,
            BASE64.0,
            native("anthropic"),
            BASE64.1
        ),
        Operation::CountTokens => {
            r#"{"input":{"converse":{"messages":[{"role":"user","content":[{"text":"%TEXT%"}]}]}}}"#.into()
        }
        Operation::ApplyGuardrail => r#"{"source":"INPUT","content":[{"text":{"text":"%TEXT%"}}]}"#.into(),
        Operation::InvokeGuardrailChecks => {
            r#"{"messages":[{"role":"user","content":[{"text":"%TEXT%"}]}],"checks":{"promptAttack":{}}}"#.into()
        }
        Operation::StartAsyncInvoke => format!(
            r#"{{"modelId":"{}","modelInput":{},"outputDataConfig":{{"s3OutputDataConfig":{{"s3Uri":"s3://answers/async"}}}}}}"#,
            "amazon.nova-lite-v1:0",
            native("nova")
        ),
        Operation::ChatCompletions | Operation::MantleChatCompletions => {
            chat(&format!(r#""model":"{OPENAI_DECODED}","#), streams, "")
        }
        Operation::EndpointChatCompletions => chat(r#""model":"","#, streams, ""),
        Operation::Responses | Operation::MantleResponses => responses(streams, ""),
        Operation::MantleMessages => messages(streams, ""),
        Operation::MantleCountTokens => {
            format!(r#"{{"model":"{CLAUDE_DECODED}","messages":[{{"role":"user","content":"%TEXT%"}}]}}"#)
        }
        Operation::InvokeEndpoint
        | Operation::InvokeEndpointWithResponseStream
        | Operation::InvokeEndpointAsync
        | Operation::InvokeInferenceRouter => match family {
            "chat" => chat("", streams, ""),
            _ => format!(r#"{{"inputs":"%TEXT%","parameters":{{"max_new_tokens":200}},"stream":{streams}}}"#),
        },
        Operation::InvokeInferenceRouterAsync => {
            r#"{"inputs":"%TEXT%","parameters":{"max_new_tokens":200}}"#.into()
        }
        Operation::InvokeAgent => r#"{"inputText":"%TEXT%","enableTrace":true}"#.into(),
        Operation::InvokeInlineAgent => format!(
            r#"{{"foundationModel":"{CLAUDE_DECODED}","instruction":"Answer the questions of our staff, briefly and politely.","inputText":"%TEXT%","enableTrace":true}}"#
        ),
        Operation::InvokeFlow | Operation::StartFlowExecution => {
            r#"{"inputs":[{"content":{"document":"%TEXT%"},"nodeName":"FlowInput","nodeOutputName":"document"}]}"#
                .into()
        }
        Operation::Retrieve => r#"{"retrievalQuery":{"text":"%TEXT%"}}"#.into(),
        Operation::RetrieveAndGenerate | Operation::RetrieveAndGenerateStream => format!(
            r#"{{"input":{{"text":"%TEXT%"}},"retrieveAndGenerateConfiguration":{{"type":"KNOWLEDGE_BASE","knowledgeBaseConfiguration":{{"knowledgeBaseId":"ABCDE12345","modelArn":"{CLAUDE_DECODED}"}}}}}}"#
        ),
        Operation::AgenticRetrieveStream => concat!(
            r#"{"messages":[{"role":"user","content":{"text":"%TEXT%"}}],"#,
            r#""retrievers":[{"configuration":{"knowledgeBase":{"knowledgeBaseId":"ABCDE12345"}}}],"#,
            r#""agenticRetrieveConfiguration":{"foundationModelType":"MANAGED"},"generateResponse":true}"#
        )
        .into(),
        Operation::Rerank => concat!(
            r#"{"queries":[{"type":"TEXT","textQuery":{"text":"%TEXT%"}}],"#,
            r#""sources":[{"type":"INLINE","inlineDocumentSource":{"type":"TEXT","textDocument":{"text":"one"}}}],"#,
            r#""rerankingConfiguration":{"type":"BEDROCK_RERANKING_MODEL","bedrockRerankingConfiguration":"#,
            r#"{"modelConfiguration":{"modelArn":"#,
            r#""arn:aws:bedrock:us-east-1::foundation-model/cohere.rerank-v3-5:0"}}}}"#
        )
        .into(),
        Operation::OptimizePrompt => {
            format!(r#"{{"input":{{"textPrompt":{{"text":"%TEXT%"}}}},"targetModelId":"{CLAUDE_DECODED}"}}"#)
        }
        Operation::GenerateQuery => concat!(
            r#"{"queryGenerationInput":{"type":"TEXT","text":"%TEXT%"},"transformationConfiguration":{"mode":"#,
            r#""TEXT_TO_SQL","textToSqlConfiguration":{"type":"KNOWLEDGE_BASE","knowledgeBaseConfiguration":"#,
            r#"{"knowledgeBaseArn":"arn:aws:bedrock:us-east-1:123456789012:knowledge-base/ABCDE12345"}}}}"#
        )
        .into(),
        Operation::GetDocumentContent => r#"{"userContext":{"userId":"%TEXT%"}}"#.into(),
        Operation::CheckIngestedDocumentAcl => {
            r#"{"documentId":"doc-1","userContext":{"userId":"%TEXT%"}}"#.into()
        }
        Operation::GetIngestedDocumentAcl => r#"{"documentId":"%TEXT%"}"#.into(),
        Operation::CreateSession | Operation::UpdateSession => {
            r#"{"sessionMetadata":{"purpose":"%TEXT%"}}"#.into()
        }
        Operation::CreateInvocation => r#"{"description":"%TEXT%"}"#.into(),
        Operation::PutInvocationStep => concat!(
            r#"{"invocationIdentifier":"0123456789ab","invocationStepTime":"2026-11-22T00:00:00Z","#,
            r#""payload":{"contentBlocks":[{"text":"%TEXT%"}]}}"#
        )
        .into(),
        Operation::GetInvocationStep | Operation::ListInvocationSteps => {
            r#"{"invocationIdentifier":"%TEXT%"}"#.into()
        }
        Operation::TagResource => r#"{"tags":{"purpose":"%TEXT%"}}"#.into(),
        Operation::InvokeAgentRuntime => r#"{"prompt":"%TEXT%"}"#.into(),
        Operation::InvokeAgentRuntimeCommand => r#"{"command":"echo %TEXT%","timeout":30}"#.into(),
        Operation::InvokeHarness => r#"{"messages":[{"role":"user","content":[{"text":"%TEXT%"}]}]}"#.into(),
        Operation::InvokeCodeInterpreter => {
            r#"{"name":"executeCode","arguments":{"language":"python","code":"%TEXT%"}}"#.into()
        }
        Operation::InvokeBrowser => r#"{"action":{"keyType":{"text":"%TEXT%"}}}"#.into(),
        Operation::InvokeWebSearch => r#"{"query":"%TEXT%"}"#.into(),
        Operation::CreateEvent => concat!(
            r#"{"actorId":"actor-1","eventTimestamp":1790000000,"#,
            r#""payload":[{"conversational":{"content":{"text":"%TEXT%"},"role":"USER"}}]}"#
        )
        .into(),
        Operation::IngestData => r#"{"namespace":"/facts","content":{"text":"%TEXT%"}}"#.into(),
        Operation::RetrieveMemoryRecords => {
            r#"{"namespace":"/facts","searchCriteria":{"searchQuery":"%TEXT%"}}"#.into()
        }
        Operation::ListMemoryRecords => r#"{"namespace":"%TEXT%"}"#.into(),
        Operation::BatchCreateMemoryRecords | Operation::BatchUpdateMemoryRecords => {
            r#"{"records":[{"requestIdentifier":"r1","content":{"text":"%TEXT%"}}]}"#.into()
        }
        Operation::BatchDeleteMemoryRecords => r#"{"records":[{"memoryRecordId":"%TEXT%"}]}"#.into(),
        Operation::ListEvents => r#"{"filter":{"eventMetadata":[{"left":{"metadataKey":"%TEXT%"}}]}}"#.into(),
        Operation::StopRuntimeSession => r#"{"clientToken":"%TEXT%"}"#.into(),
        Operation::StartCodeInterpreterSession | Operation::StartBrowserSession => r#"{"name":"%TEXT%"}"#.into(),
        Operation::StopCodeInterpreterSession | Operation::StopBrowserSession => {
            r#"{"clientToken":"%TEXT%"}"#.into()
        }
        Operation::CreateModelInvocationJob => concat!(
            r#"{"jobName":"nightly","roleArn":"arn:aws:iam::123456789012:role/batch","#,
            r#""modelId":"amazon.nova-lite-v1:0","tags":[{"key":"purpose","value":"%TEXT%"}],"#,
            r#""inputDataConfig":{"s3InputDataConfig":{"s3Uri":"s3://prompts/in.jsonl","s3InputFormat":"JSONL"}},"#,
            r#""outputDataConfig":{"s3OutputDataConfig":{"s3Uri":"s3://answers/out"}}}"#
        )
        .into(),
        Operation::GetResourceApiKey => r#"{"workloadIdentityToken":"t","resourceCredentialProviderName":"p"}"#.into(),
        Operation::GetResourceOauth2Token => concat!(
            r#"{"workloadIdentityToken":"t","resourceCredentialProviderName":"p","scopes":[],"#,
            r#""oauth2Flow":"M2M"}"#
        )
        .into(),
        Operation::GetResourcePaymentToken => "{}".into(),
        Operation::GetWorkloadAccessToken => r#"{"workloadName":"help"}"#.into(),
        Operation::GetWorkloadAccessTokenForJwt => r#"{"workloadName":"help","userToken":"t"}"#.into(),
        Operation::GetWorkloadAccessTokenForUserId => r#"{"workloadName":"help","userId":"u"}"#.into(),
        Operation::CompleteResourceTokenAuth => r#"{"sessionUri":"urn:s","userIdentifier":{"userId":"u"}}"#.into(),
        Operation::CreateInferenceProfile | Operation::PutEnforcedGuardrailConfiguration => "{}".into(),
        Operation::InvokeEndpointWithBidirectionalStream
        | Operation::GetAsyncInvoke
        | Operation::ListAsyncInvokes
        | Operation::ListModels
        | Operation::MantleListModels
        | Operation::GetSession
        | Operation::EndSession
        | Operation::DeleteSession
        | Operation::ListAgentSessions
        | Operation::ListInvocations
        | Operation::GetAgentMemory
        | Operation::DeleteAgentMemory
        | Operation::GetFlowExecution
        | Operation::GetExecutionFlowSnapshot
        | Operation::ListFlowExecutions
        | Operation::ListFlowExecutionEvents
        | Operation::StopFlowExecution
        | Operation::ListTagsForResource
        | Operation::UntagResource
        | Operation::GetEvent
        | Operation::GetMemoryRecord
        | Operation::GetAgentCard
        | Operation::GetModelInvocationJob
        | Operation::ListModelInvocationJobs
        | Operation::StopModelInvocationJob
        | Operation::GetInferenceProfile
        | Operation::ListInferenceProfiles
        | Operation::GetFoundationModel
        | Operation::ListFoundationModels => String::new(),
    }
}

/// A body with `get_weather` and `db_query` offered; none for operations without calls for the caller to run.
fn offering_tools(operation: Operation, form: Form, family: &str) -> Option<String> {
    // An agent's actions are declared at the service. Its trace would show again what was asked for.
    if matches!(operation, Operation::InvokeAgent | Operation::InvokeInlineAgent) {
        return Some(body(operation, form, family).replace(r#","enableTrace":true"#, ""));
    }
    let streams = form == Form::Stream;
    let tools = |schema: &str, one: fn(&str, &str, &str) -> String| {
        let offered = [("get_weather", "city"), ("db_query", "query")];
        offered.map(|(name, argument)| one(schema, name, argument)).join(",")
    };
    let anthropic = || format!(r#","tools":[{}]"#, tools("input_schema", flat_tool));
    let chat_tools = || format!(r#","tools":[{}]"#, tools("parameters", function_tool));
    Some(match operation {
        Operation::Converse | Operation::ConverseStream => {
            converse(&format!(r#","toolConfig":{{"tools":[{}]}}"#, tools("json", converse_tool)))
        }
        Operation::InvokeModel | Operation::InvokeModelWithResponseStream if family == "anthropic" => {
            native_anthropic(&anthropic())
        }
        Operation::InvokeModel | Operation::InvokeModelWithResponseStream => chat("", false, &chat_tools()),
        Operation::ChatCompletions | Operation::MantleChatCompletions => {
            chat(&format!(r#""model":"{OPENAI_DECODED}","#), streams, &chat_tools())
        }
        Operation::EndpointChatCompletions => chat(r#""model":"","#, streams, &chat_tools()),
        Operation::InvokeEndpoint
        | Operation::InvokeEndpointWithResponseStream
        | Operation::InvokeInferenceRouter
            if family == "chat" =>
        {
            chat("", streams, &chat_tools())
        }
        Operation::Responses | Operation::MantleResponses => {
            responses(streams, &format!(r#","tools":[{}]"#, tools("parameters", typed_tool)))
        }
        Operation::MantleMessages => messages(streams, &anthropic()),
        _ => return None,
    })
}

fn schema_of(argument: &str) -> String {
    format!(
        r#"{{"type":"object","properties":{{"{argument}":{{"type":"string"}}}},"required":["{argument}"],"additionalProperties":false}}"#
    )
}

fn converse_tool(schema: &str, name: &str, argument: &str) -> String {
    let input = schema_of(argument);
    format!(r#"{{"toolSpec":{{"name":"{name}","inputSchema":{{"{schema}":{input}}}}}}}"#)
}

fn flat_tool(schema: &str, name: &str, argument: &str) -> String {
    format!(r#"{{"name":"{name}","{schema}":{}}}"#, schema_of(argument))
}

fn function_tool(schema: &str, name: &str, argument: &str) -> String {
    format!(r#"{{"type":"function","function":{}}}"#, flat_tool(schema, name, argument))
}

fn typed_tool(schema: &str, name: &str, argument: &str) -> String {
    format!(r#"{{"type":"function","name":"{name}","{schema}":{}}}"#, schema_of(argument))
}

fn converse(more: &str) -> String {
    format!(
        r#"{{"messages":[{{"role":"user","content":[{{"text":"%TEXT%"}}]}}],"inferenceConfig":{{"maxTokens":400,"temperature":0}}{more}}}"#
    )
}

fn native(family: &str) -> String {
    match family {
        "nova" => {
            r#"{"messages":[{"role":"user","content":[{"text":"%TEXT%"}]}],"inferenceConfig":{"maxTokens":400,"temperature":0}}"#.into()
        }
        "openai" => chat("", false, ""),
        "titan" => r#"{"inputText":"%TEXT%","textGenerationConfig":{"maxTokenCount":400,"temperature":0}}"#.into(),
        "llama" => r#"{"prompt":"%TEXT%","max_gen_len":400,"temperature":0}"#.into(),
        _ => native_anthropic(""),
    }
}

fn native_anthropic(more: &str) -> String {
    format!(
        r#"{{"anthropic_version":"bedrock-2023-05-31","max_tokens":400,"temperature":0,"messages":[{{"role":"user","content":"%TEXT%"}}]{more}}}"#
    )
}

/// `model` is a whole member with its comma, or nothing where the path names the model.
fn chat(model: &str, streams: bool, more: &str) -> String {
    let stream = if streams { r#","stream":true,"stream_options":{"include_usage":true}"# } else { "" };
    format!(
        r#"{{{model}"messages":[{{"role":"user","content":"%TEXT%"}}],"max_completion_tokens":400,"temperature":0{stream}{more}}}"#
    )
}

fn responses(streams: bool, more: &str) -> String {
    let stream = if streams { r#","stream":true"# } else { "" };
    format!(
        r#"{{"model":"{OPENAI_DECODED}","input":"%TEXT%","max_output_tokens":400,"temperature":0,"store":false{stream}{more}}}"#
    )
}

fn messages(streams: bool, more: &str) -> String {
    let stream = if streams { r#","stream":true"# } else { "" };
    format!(
        r#"{{"model":"{CLAUDE_DECODED}","max_tokens":400,"temperature":0,"messages":[{{"role":"user","content":"%TEXT%"}}]{stream}{more}}}"#
    )
}
