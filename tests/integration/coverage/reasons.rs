//! Why a cell has no proof of its own: each reason is a fact about the operation, never a promise for later.

use hardpan_inference::operation::{Asks, BodyShape, Governance, Operation, Service};

use super::cells::Column;

/// The reason a guard does not apply to an operation; none where it does and has to be proved.
pub fn why_not(operation: Operation, column: Column) -> Option<&'static str> {
    if operation.governance() == Governance::Refused {
        return None;
    }
    match column {
        Column::Identity | Column::Policy | Column::Quota | Column::Record => None,
        Column::PiiIn | Column::Injection => without_text(operation),
        Column::PiiOut => without_text(operation).or_else(|| without_echo(operation)),
        Column::Tools => without_calls(operation),
        Column::Cost => without_tokens(operation),
        Column::Cache => not_kept(operation),
        Column::Guardrail => without_guardrail(operation),
    }
}

/// Proofs that need more than one request and one answer, by the test that holds them.
pub fn proved_by(operation: Operation, column: Column) -> Option<&'static str> {
    if operation != Operation::InvokeModelWithBidirectionalStream {
        return None;
    }
    Some(match column {
        Column::Identity => "duplex::heads_and_events_that_prove_nothing_are_refused",
        Column::Policy => "duplex::a_team_without_a_grant_gets_no_conversation",
        Column::PiiIn => "duplex::personal_data_in_an_event_is_masked",
        Column::PiiOut => "duplex::masked_values_come_back_in_the_models_events",
        Column::Injection => "duplex::an_injection_ends_the_conversation_before_it_leaves",
        Column::Tools => "duplex::a_granted_call_is_released_and_a_forbidden_one_becomes_a_text",
        Column::Quota => "duplex::a_conversation_beyond_the_limit_is_refused",
        Column::Cost => "duplex::a_conversation_has_its_tokens_and_its_price",
        Column::Guardrail => "duplex::a_guardrail_that_cannot_be_attached_refuses_the_conversation",
        Column::Record => "duplex::a_conversation_leaves_one_record",
        Column::Cache => return None,
    })
}

/// Why tokens are counted but not priced.
pub fn unpriced(operation: Operation) -> Option<&'static str> {
    if operation.asks() == Asks::EndpointInvoke {
        return Some("an endpoint is paid by the hour of its instances, not by token");
    }
    match operation {
        Operation::InvokeAgent | Operation::InvokeFlow => {
            Some("the model is named on the server alone: tokens are counted, their price is not known")
        }
        Operation::OptimizePrompt => Some("optimising has a rate of its own: tokens are counted, not priced"),
        _ => None,
    }
}

fn without_text(operation: Operation) -> Option<&'static str> {
    match operation.body() {
        BodyShape::Empty => Some("no text in the request: it has no body"),
        BodyShape::Secret => Some("the body carries tokens and nothing else, and is not looked into"),
        _ => None,
    }
}

fn without_echo(operation: Operation) -> Option<&'static str> {
    Some(match operation {
        Operation::CountTokens | Operation::MantleCountTokens => "the answer is a number",
        Operation::ApplyGuardrail => "the answer holds what the guardrail made of the text, or nothing of it",
        Operation::InvokeGuardrailChecks => "the answer holds scores",
        Operation::Rerank => "the answer holds indices and scores",
        Operation::StartAsyncInvoke
        | Operation::InvokeEndpointAsync
        | Operation::InvokeInferenceRouterAsync
        | Operation::CreateModelInvocationJob => "answers go to S3",
        Operation::StartFlowExecution => {
            "the answer names the execution; its outputs are read by other calls"
        }
        Operation::CreateSession
        | Operation::UpdateSession
        | Operation::CreateInvocation
        | Operation::PutInvocationStep => "the answer holds identifiers and times",
        Operation::CheckIngestedDocumentAcl | Operation::GetIngestedDocumentAcl => {
            "the answer holds access rights of a document, not the request's text"
        }
        Operation::GetDocumentContent | Operation::GetInvocationStep | Operation::ListInvocationSteps => {
            "the answer was stored by another request, with that request's placeholders"
        }
        Operation::TagResource => "the answer is empty",
        _ => return None,
    })
}

/// Operations whose answers can hold calls that the application is to run, in a form codecs read.
fn without_calls(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::Converse
        | Operation::ConverseStream
        | Operation::InvokeModel
        | Operation::InvokeModelWithResponseStream
        | Operation::ChatCompletions
        | Operation::MantleChatCompletions
        | Operation::EndpointChatCompletions
        | Operation::InvokeEndpoint
        | Operation::InvokeEndpointWithResponseStream
        | Operation::InvokeInferenceRouter
        | Operation::Responses
        | Operation::MantleResponses
        | Operation::MantleMessages
        | Operation::InvokeAgent
        | Operation::InvokeInlineAgent
        | Operation::InvokeModelWithBidirectionalStream => None,
        Operation::InvokeHarness => Some("the harness runs its tools itself"),
        Operation::InvokeCodeInterpreter
        | Operation::InvokeBrowser
        | Operation::InvokeAgentRuntimeCommand => {
            Some("the request is itself the call, and policy decides on it as an operation")
        }
        _ if operation.service() == Service::SagemakerRuntime
            || operation.service() == Service::InferenceRouter =>
        {
            Some("answers go to S3")
        }
        _ if operation.body() == BodyShape::Empty => Some("a control-plane call without a model's answer"),
        _ => Some("the answer holds no calls for the application to run"),
    }
}

fn without_tokens(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::CountTokens | Operation::MantleCountTokens => {
            return Some("counting tokens is free of charge");
        }
        Operation::ApplyGuardrail | Operation::InvokeGuardrailChecks => {
            return Some("paid by text units, not by tokens");
        }
        Operation::StartAsyncInvoke | Operation::CreateModelInvocationJob => {
            return Some("the tokens are used later, and counted in S3 beside the answers");
        }
        Operation::InvokeEndpointAsync | Operation::InvokeInferenceRouterAsync => {
            return Some("an endpoint is paid by the hour, and the answer goes to S3");
        }
        Operation::StartFlowExecution => {
            return Some("the flow runs after the answer, with models it names itself");
        }
        Operation::Retrieve | Operation::AgenticRetrieveStream | Operation::GenerateQuery => {
            return Some("paid by query; the models behind it are the service's own");
        }
        Operation::Rerank => return Some("paid by query and document, not by tokens"),
        _ => {}
    }
    if operation.service() == Service::AgentCore {
        return Some("paid by the runtime's seconds or by call, not by tokens of a model Hardpan can see");
    }
    match (operation.asks(), operation.body()) {
        (_, BodyShape::Empty) => Some("no tokens: a control-plane read or change"),
        (Asks::ApiCall, BodyShape::Json) => Some("no tokens: storage of sessions, tags and documents"),
        _ => None,
    }
}

/// Answers are kept only of generations at temperature 0, by policy's rule for model:invoke.
fn not_kept(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::Converse
        | Operation::ConverseStream
        | Operation::InvokeModel
        | Operation::InvokeModelWithResponseStream
        | Operation::ChatCompletions
        | Operation::MantleChatCompletions
        | Operation::Responses
        | Operation::MantleResponses
        | Operation::MantleMessages => None,
        Operation::InvokeModelWithBidirectionalStream => {
            Some("a conversation both ways has no single answer")
        }
        Operation::CountTokens | Operation::MantleCountTokens => {
            Some("nothing is paid for, so nothing is saved")
        }
        Operation::StartAsyncInvoke | Operation::CreateModelInvocationJob => Some("answers go to S3"),
        Operation::InvokeInlineAgent | Operation::InvokeAgent | Operation::InvokeFlow => {
            Some("the answer depends on a session kept by the service")
        }
        Operation::Rerank | Operation::OptimizePrompt => {
            Some("the request has no temperature, so policy cannot know its answer to repeat")
        }
        _ if operation.asks() == Asks::EndpointInvoke => {
            Some("policy's cache rule speaks of models: an endpoint's container may be changed at any time")
        }
        _ if operation.asks() == Asks::KbRetrieve => {
            Some("documents change, and so do the caller's rights to them")
        }
        _ if operation.body() == BodyShape::Secret => Some("credentials are never kept"),
        _ => Some("the call reads or changes state of the service"),
    }
}

fn without_guardrail(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::ApplyGuardrail | Operation::InvokeGuardrailChecks => {
            return Some("the operation is the guardrail");
        }
        Operation::InvokeAgent | Operation::InvokeFlow | Operation::StartFlowExecution => {
            return Some("agents and flows carry the guardrail they were built with on the server");
        }
        Operation::CountTokens | Operation::MantleCountTokens => {
            return Some("counting generates nothing a guardrail could assess");
        }
        Operation::CreateModelInvocationJob => return Some("a batch job has no place for a guardrail"),
        _ => {}
    }
    match operation.asks() {
        Asks::ModelInvoke => None,
        Asks::EndpointInvoke => Some("Bedrock guardrails do not act on SageMaker endpoints"),
        Asks::KbRetrieve => None,
        Asks::ApiCall => Some("no Bedrock model is invoked by the call itself"),
    }
}
