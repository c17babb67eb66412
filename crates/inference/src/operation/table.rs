//! Every operation Hardpan knows, one row each: the one place that says what is governed, and how.
//!
//! Names, methods, paths and query members are those of AWS's service models; the OpenAI and Anthropic paths are
//! those of the Bedrock and SageMaker user guides. What has no row does not pass.

use super::{Asks, BodyShape, Governance, Row, Service, Streams};

macro_rules! operations {
    ($($variant:ident $name:literal $service:ident $method:literal [$($path:literal),+] [$($query:literal),*]
        $governance:ident $asks:ident $body:ident $streams:ident;)+) => {
        /// An operation of a service Hardpan stands in front of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Operation { $($variant),+ }

        impl Operation {
            pub const ALL: &'static [Operation] = &[$(Operation::$variant),+];

            pub(super) const fn row(self) -> &'static Row {
                match self {
                    $(Operation::$variant => &Row {
                        name: $name,
                        service: Service::$service,
                        method: $method,
                        paths: &[$($path),+],
                        query: &[$($query),*],
                        governance: Governance::$governance,
                        asks: Asks::$asks,
                        body: BodyShape::$body,
                        streams: Streams::$streams,
                    }),+
                }
            }
        }
    };
}

operations! {
    // Bedrock runtime
    Converse "Converse" BedrockRuntime "POST" ["/model/{modelId}/converse"] []
        Inspected ModelInvoke Converse Never;
    ConverseStream "ConverseStream" BedrockRuntime "POST" ["/model/{modelId}/converse-stream"] []
        Inspected ModelInvoke Converse Always;
    InvokeModel "InvokeModel" BedrockRuntime "POST" ["/model/{modelId}/invoke"] []
        Inspected ModelInvoke Native Never;
    InvokeModelWithResponseStream "InvokeModelWithResponseStream" BedrockRuntime "POST"
        ["/model/{modelId}/invoke-with-response-stream"] [] Inspected ModelInvoke Native Always;
    InvokeModelWithBidirectionalStream "InvokeModelWithBidirectionalStream" BedrockRuntime "POST"
        ["/model/{modelId}/invoke-with-bidirectional-stream"] [] Inspected ModelInvoke Events Both;
    CountTokens "CountTokens" BedrockRuntime "POST" ["/model/{modelId}/count-tokens"] []
        Inspected ModelInvoke CountTokens Never;
    ApplyGuardrail "ApplyGuardrail" BedrockRuntime "POST"
        ["/guardrail/{guardrailIdentifier}/version/{guardrailVersion}/apply"] [] Inspected ApiCall Json Never;
    InvokeGuardrailChecks "InvokeGuardrailChecks" BedrockRuntime "POST" ["/guardrail-checks/invoke"] []
        Inspected ApiCall Json Never;
    StartAsyncInvoke "StartAsyncInvoke" BedrockRuntime "POST" ["/async-invoke"] []
        Inspected ModelInvoke AsyncInvoke Never;
    GetAsyncInvoke "GetAsyncInvoke" BedrockRuntime "GET" ["/async-invoke/{invocationArn}"] []
        Decided ApiCall Empty Never;
    ListAsyncInvokes "ListAsyncInvokes" BedrockRuntime "GET" ["/async-invoke"]
        ["submitTimeAfter", "submitTimeBefore", "statusEquals", "maxResults", "nextToken", "sortBy", "sortOrder"]
        Decided ApiCall Empty Never;
    ChatCompletions "ChatCompletions" BedrockRuntime "POST"
        ["/openai/v1/chat/completions", "/v1/chat/completions"] [] Inspected ModelInvoke Chat OnRequest;
    Responses "Responses" BedrockRuntime "POST" ["/openai/v1/responses", "/v1/responses"] []
        Inspected ModelInvoke Responses OnRequest;
    ListModels "ListModels" BedrockRuntime "GET" ["/openai/v1/models", "/v1/models"] [] Decided ApiCall Empty Never;

    // Mantle
    MantleChatCompletions "ChatCompletions" Mantle "POST"
        ["/v1/chat/completions", "/openai/v1/chat/completions"] [] Inspected ModelInvoke Chat OnRequest;
    MantleResponses "Responses" Mantle "POST" ["/v1/responses", "/openai/v1/responses"] []
        Inspected ModelInvoke Responses OnRequest;
    MantleListModels "ListModels" Mantle "GET" ["/v1/models", "/openai/v1/models"] [] Decided ApiCall Empty Never;
    MantleMessages "Messages" Mantle "POST" ["/anthropic/v1/messages"] [] Inspected ModelInvoke Messages OnRequest;
    MantleCountTokens "MessagesCountTokens" Mantle "POST" ["/anthropic/v1/messages/count_tokens"] []
        Inspected ModelInvoke Messages Never;

    // SageMaker runtime and the inference router
    InvokeEndpoint "InvokeEndpoint" SagemakerRuntime "POST" ["/endpoints/{EndpointName}/invocations"] []
        Inspected EndpointInvoke Endpoint Never;
    InvokeEndpointWithResponseStream "InvokeEndpointWithResponseStream" SagemakerRuntime "POST"
        ["/endpoints/{EndpointName}/invocations-response-stream"] [] Inspected EndpointInvoke Endpoint Always;
    InvokeEndpointAsync "InvokeEndpointAsync" SagemakerRuntime "POST"
        ["/endpoints/{EndpointName}/async-invocations"] [] Inspected EndpointInvoke Endpoint Never;
    EndpointChatCompletions "ChatCompletions" SagemakerRuntime "POST"
        ["/endpoints/{EndpointName}/openai/v1/chat/completions"] [] Inspected EndpointInvoke Chat OnRequest;
    InvokeEndpointWithBidirectionalStream "InvokeEndpointWithBidirectionalStream" SagemakerRuntime "POST"
        ["/endpoints/{EndpointName}/invocations-bidirectional-stream"] [] Refused EndpointInvoke Events Both;
    InvokeInferenceRouter "InvokeInferenceRouter" InferenceRouter "POST"
        ["/inference-routers/{InferenceRouterName}/invocations"] [] Inspected EndpointInvoke Endpoint Never;
    InvokeInferenceRouterAsync "InvokeInferenceRouterAsync" InferenceRouter "POST"
        ["/inference-routers/{InferenceRouterName}/async-invocations"] [] Inspected EndpointInvoke Endpoint Never;

    // Bedrock agent runtime
    InvokeAgent "InvokeAgent" AgentRuntime "POST"
        ["/agents/{agentId}/agentAliases/{agentAliasId}/sessions/{sessionId}/text"] []
        Inspected ApiCall Agent Always;
    InvokeInlineAgent "InvokeInlineAgent" AgentRuntime "POST" ["/agents/{sessionId}"] []
        Inspected ModelInvoke Agent Always;
    InvokeFlow "InvokeFlow" AgentRuntime "POST" ["/flows/{flowIdentifier}/aliases/{flowAliasIdentifier}"] []
        Inspected ApiCall Agent Always;
    StartFlowExecution "StartFlowExecution" AgentRuntime "POST"
        ["/flows/{flowIdentifier}/aliases/{flowAliasIdentifier}/executions"] [] Inspected ApiCall Agent Never;
    Retrieve "Retrieve" AgentRuntime "POST" ["/knowledgebases/{knowledgeBaseId}/retrieve"] []
        Inspected KbRetrieve Agent Never;
    RetrieveAndGenerate "RetrieveAndGenerate" AgentRuntime "POST" ["/retrieveAndGenerate"] []
        Inspected KbRetrieve Agent Never;
    RetrieveAndGenerateStream "RetrieveAndGenerateStream" AgentRuntime "POST" ["/retrieveAndGenerateStream"] []
        Inspected KbRetrieve Agent Always;
    AgenticRetrieveStream "AgenticRetrieveStream" AgentRuntime "POST" ["/agenticRetrieveStream"] []
        Inspected KbRetrieve Agent Always;
    Rerank "Rerank" AgentRuntime "POST" ["/rerank"] [] Inspected ModelInvoke Agent Never;
    OptimizePrompt "OptimizePrompt" AgentRuntime "POST" ["/optimize-prompt"] [] Inspected ModelInvoke Agent Always;
    GenerateQuery "GenerateQuery" AgentRuntime "POST" ["/generateQuery"] [] Inspected ApiCall Agent Never;
    GetDocumentContent "GetDocumentContent" AgentRuntime "POST"
        ["/knowledgebases/{knowledgeBaseId}/datasources/{dataSourceId}/documents/{documentId}/content"] []
        Inspected ApiCall Json Never;
    CheckIngestedDocumentAcl "CheckIngestedDocumentAcl" AgentRuntime "POST"
        ["/knowledgebases/{knowledgeBaseId}/datasources/{dataSourceId}/check-ingested-document-acl"] []
        Inspected ApiCall Json Never;
    GetIngestedDocumentAcl "GetIngestedDocumentAcl" AgentRuntime "POST"
        ["/knowledgebases/{knowledgeBaseId}/datasources/{dataSourceId}/get-ingested-document-acl"] []
        Inspected ApiCall Json Never;
    CreateSession "CreateSession" AgentRuntime "PUT" ["/sessions/"] [] Inspected ApiCall Json Never;
    UpdateSession "UpdateSession" AgentRuntime "PUT" ["/sessions/{sessionIdentifier}/"] []
        Inspected ApiCall Json Never;
    GetSession "GetSession" AgentRuntime "GET" ["/sessions/{sessionIdentifier}/"] [] Decided ApiCall Empty Never;
    EndSession "EndSession" AgentRuntime "PATCH" ["/sessions/{sessionIdentifier}"] [] Decided ApiCall Empty Never;
    DeleteSession "DeleteSession" AgentRuntime "DELETE" ["/sessions/{sessionIdentifier}/"] []
        Decided ApiCall Empty Never;
    ListAgentSessions "ListSessions" AgentRuntime "POST" ["/sessions/"] ["maxResults", "nextToken"]
        Decided ApiCall Empty Never;
    CreateInvocation "CreateInvocation" AgentRuntime "PUT" ["/sessions/{sessionIdentifier}/invocations/"] []
        Inspected ApiCall Json Never;
    ListInvocations "ListInvocations" AgentRuntime "POST" ["/sessions/{sessionIdentifier}/invocations/"]
        ["maxResults", "nextToken"] Decided ApiCall Empty Never;
    PutInvocationStep "PutInvocationStep" AgentRuntime "PUT" ["/sessions/{sessionIdentifier}/invocationSteps/"] []
        Inspected ApiCall Json Never;
    GetInvocationStep "GetInvocationStep" AgentRuntime "POST"
        ["/sessions/{sessionIdentifier}/invocationSteps/{invocationStepId}"] [] Inspected ApiCall Json Never;
    ListInvocationSteps "ListInvocationSteps" AgentRuntime "POST"
        ["/sessions/{sessionIdentifier}/invocationSteps/"] ["maxResults", "nextToken"] Inspected ApiCall Json Never;
    GetAgentMemory "GetAgentMemory" AgentRuntime "GET"
        ["/agents/{agentId}/agentAliases/{agentAliasId}/memories"]
        ["maxItems", "memoryId", "memoryType", "nextToken"] Decided ApiCall Empty Never;
    DeleteAgentMemory "DeleteAgentMemory" AgentRuntime "DELETE"
        ["/agents/{agentId}/agentAliases/{agentAliasId}/memories"] ["memoryId", "sessionId"]
        Decided ApiCall Empty Never;
    GetFlowExecution "GetFlowExecution" AgentRuntime "GET"
        ["/flows/{flowIdentifier}/aliases/{flowAliasIdentifier}/executions/{executionIdentifier}"] []
        Decided ApiCall Empty Never;
    GetExecutionFlowSnapshot "GetExecutionFlowSnapshot" AgentRuntime "GET"
        ["/flows/{flowIdentifier}/aliases/{flowAliasIdentifier}/executions/{executionIdentifier}/flowsnapshot"] []
        Decided ApiCall Empty Never;
    ListFlowExecutions "ListFlowExecutions" AgentRuntime "GET" ["/flows/{flowIdentifier}/executions"]
        ["flowAliasIdentifier", "maxResults", "nextToken"] Decided ApiCall Empty Never;
    ListFlowExecutionEvents "ListFlowExecutionEvents" AgentRuntime "GET"
        ["/flows/{flowIdentifier}/aliases/{flowAliasIdentifier}/executions/{executionIdentifier}/events"]
        ["eventType", "maxResults", "nextToken"] Decided ApiCall Empty Never;
    StopFlowExecution "StopFlowExecution" AgentRuntime "POST"
        ["/flows/{flowIdentifier}/aliases/{flowAliasIdentifier}/executions/{executionIdentifier}/stop"] []
        Decided ApiCall Empty Never;
    ListTagsForResource "ListTagsForResource" AgentRuntime "GET" ["/tags/{resourceArn}"] []
        Decided ApiCall Empty Never;
    TagResource "TagResource" AgentRuntime "POST" ["/tags/{resourceArn}"] [] Inspected ApiCall Json Never;
    UntagResource "UntagResource" AgentRuntime "DELETE" ["/tags/{resourceArn}"] ["tagKeys"]
        Decided ApiCall Empty Never;

    // AgentCore: what carries prompts, runs things or hands out secrets
    InvokeAgentRuntime "InvokeAgentRuntime" AgentCore "POST" ["/runtimes/{agentRuntimeArn}/invocations"]
        ["qualifier", "accountId"] Inspected ApiCall Raw OnRequest;
    InvokeAgentRuntimeCommand "InvokeAgentRuntimeCommand" AgentCore "POST" ["/runtimes/{agentRuntimeArn}/commands"]
        ["qualifier", "accountId"] Inspected ApiCall Json Always;
    InvokeHarness "InvokeHarness" AgentCore "POST" ["/harnesses/invoke"] ["harnessArn", "qualifier"]
        Inspected ApiCall Json Always;
    InvokeCodeInterpreter "InvokeCodeInterpreter" AgentCore "POST"
        ["/code-interpreters/{codeInterpreterIdentifier}/tools/invoke"] [] Inspected ApiCall Json Always;
    InvokeBrowser "InvokeBrowser" AgentCore "POST" ["/browsers/{browserIdentifier}/sessions/invoke"] []
        Inspected ApiCall Json Never;
    InvokeWebSearch "InvokeWebSearch" AgentCore "POST" ["/web-search/{webSearchId}/invoke"] []
        Inspected ApiCall Json Never;
    CreateEvent "CreateEvent" AgentCore "POST" ["/memories/{memoryId}/events"] [] Inspected ApiCall Json Never;
    IngestData "IngestData" AgentCore "POST" ["/memories/{memoryId}/ingest"] [] Inspected ApiCall Json Never;
    RetrieveMemoryRecords "RetrieveMemoryRecords" AgentCore "POST" ["/memories/{memoryId}/retrieve"] []
        Inspected ApiCall Json Never;
    ListMemoryRecords "ListMemoryRecords" AgentCore "POST" ["/memories/{memoryId}/memoryRecords"] []
        Inspected ApiCall Json Never;
    BatchCreateMemoryRecords "BatchCreateMemoryRecords" AgentCore "POST"
        ["/memories/{memoryId}/memoryRecords/batchCreate"] [] Inspected ApiCall Json Never;
    BatchUpdateMemoryRecords "BatchUpdateMemoryRecords" AgentCore "POST"
        ["/memories/{memoryId}/memoryRecords/batchUpdate"] [] Inspected ApiCall Json Never;
    BatchDeleteMemoryRecords "BatchDeleteMemoryRecords" AgentCore "POST"
        ["/memories/{memoryId}/memoryRecords/batchDelete"] [] Inspected ApiCall Json Never;
    ListEvents "ListEvents" AgentCore "POST" ["/memories/{memoryId}/actor/{actorId}/sessions/{sessionId}"] []
        Inspected ApiCall Json Never;
    GetEvent "GetEvent" AgentCore "GET"
        ["/memories/{memoryId}/actor/{actorId}/sessions/{sessionId}/events/{eventId}"] []
        Decided ApiCall Empty Never;
    GetMemoryRecord "GetMemoryRecord" AgentCore "GET" ["/memories/{memoryId}/memoryRecord/{memoryRecordId}"]
        ["namespace"] Decided ApiCall Empty Never;
    GetAgentCard "GetAgentCard" AgentCore "GET"
        ["/runtimes/{agentRuntimeArn}/invocations/.well-known/agent-card.json"] ["qualifier"]
        Decided ApiCall Empty Never;
    StopRuntimeSession "StopRuntimeSession" AgentCore "POST" ["/runtimes/{agentRuntimeArn}/stopruntimesession"]
        ["qualifier"] Inspected ApiCall Json Never;
    StartCodeInterpreterSession "StartCodeInterpreterSession" AgentCore "PUT"
        ["/code-interpreters/{codeInterpreterIdentifier}/sessions/start"] [] Inspected ApiCall Json Never;
    StopCodeInterpreterSession "StopCodeInterpreterSession" AgentCore "PUT"
        ["/code-interpreters/{codeInterpreterIdentifier}/sessions/stop"] ["sessionId"] Inspected ApiCall Json Never;
    StartBrowserSession "StartBrowserSession" AgentCore "PUT" ["/browsers/{browserIdentifier}/sessions/start"] []
        Inspected ApiCall Json Never;
    StopBrowserSession "StopBrowserSession" AgentCore "PUT" ["/browsers/{browserIdentifier}/sessions/stop"]
        ["sessionId"] Inspected ApiCall Json Never;
    GetResourceApiKey "GetResourceApiKey" AgentCore "POST" ["/identities/api-key"] [] Decided ApiCall Secret Never;
    GetResourceOauth2Token "GetResourceOauth2Token" AgentCore "POST" ["/identities/oauth2/token"] []
        Decided ApiCall Secret Never;
    GetResourcePaymentToken "GetResourcePaymentToken" AgentCore "POST" ["/identities/payment/token"] []
        Refused ApiCall Secret Never;
    GetWorkloadAccessToken "GetWorkloadAccessToken" AgentCore "POST" ["/identities/GetWorkloadAccessToken"] []
        Decided ApiCall Secret Never;
    GetWorkloadAccessTokenForJwt "GetWorkloadAccessTokenForJWT" AgentCore "POST"
        ["/identities/GetWorkloadAccessTokenForJWT"] [] Decided ApiCall Secret Never;
    GetWorkloadAccessTokenForUserId "GetWorkloadAccessTokenForUserId" AgentCore "POST"
        ["/identities/GetWorkloadAccessTokenForUserId"] [] Decided ApiCall Secret Never;
    CompleteResourceTokenAuth "CompleteResourceTokenAuth" AgentCore "POST"
        ["/identities/CompleteResourceTokenAuth"] [] Decided ApiCall Secret Never;

    // Bedrock control plane: what applications call themselves
    CreateModelInvocationJob "CreateModelInvocationJob" Bedrock "POST" ["/model-invocation-job"] []
        Inspected ApiCall Job Never;
    GetModelInvocationJob "GetModelInvocationJob" Bedrock "GET" ["/model-invocation-job/{jobIdentifier}"] []
        Decided ApiCall Empty Never;
    ListModelInvocationJobs "ListModelInvocationJobs" Bedrock "GET" ["/model-invocation-jobs"]
        ["submitTimeAfter", "submitTimeBefore", "statusEquals", "nameContains", "maxResults", "nextToken", "sortBy",
         "sortOrder"] Decided ApiCall Empty Never;
    StopModelInvocationJob "StopModelInvocationJob" Bedrock "POST" ["/model-invocation-job/{jobIdentifier}/stop"] []
        Decided ApiCall Empty Never;
    GetInferenceProfile "GetInferenceProfile" Bedrock "GET" ["/inference-profiles/{inferenceProfileIdentifier}"] []
        Decided ApiCall Empty Never;
    ListInferenceProfiles "ListInferenceProfiles" Bedrock "GET" ["/inference-profiles"]
        ["maxResults", "nextToken", "type"] Decided ApiCall Empty Never;
    GetFoundationModel "GetFoundationModel" Bedrock "GET" ["/foundation-models/{modelIdentifier}"] []
        Decided ApiCall Empty Never;
    ListFoundationModels "ListFoundationModels" Bedrock "GET" ["/foundation-models"]
        ["byProvider", "byCustomizationType", "byOutputModality", "byInferenceType"] Decided ApiCall Empty Never;
    CreateInferenceProfile "CreateInferenceProfile" Bedrock "POST" ["/inference-profiles"] []
        Refused ApiCall Json Never;
    PutEnforcedGuardrailConfiguration "PutEnforcedGuardrailConfiguration" Bedrock "PUT"
        ["/enforcedGuardrailsConfiguration"] [] Refused ApiCall Json Never;
}
