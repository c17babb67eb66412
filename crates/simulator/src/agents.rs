//! Bedrock's agent runtime: agents, flows, knowledge bases, sessions. Nothing is remembered between two
//! calls; what would come out of a store is made up from the request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Value, json};

use hardpan_inference::operation::Operation;

use crate::answer::Stop;
use crate::directives::ToolCall;
use crate::frames::{FrameKind, Frames};
use crate::generation::generation;
use crate::reply::{Asked, Content};
use crate::text::{Sequence, all_texts, pieces};
use crate::vectors;

const TIME: &str = "2026-11-22T00:00:00Z";
const DOCUMENT: &str = "s3://simulated-knowledge/document-1.txt";
const ARN: &str = "arn:aws:bedrock:us-east-1:123456789012";

pub(crate) fn answer(asked: &Asked<'_>) -> Content {
    match asked.target.operation {
        Operation::InvokeAgent | Operation::InvokeInlineAgent => agent(asked),
        Operation::InvokeFlow => flow(asked),
        Operation::Retrieve => asked.json(&json!({"retrievalResults": [retrieved(asked)]})),
        Operation::RetrieveAndGenerate => retrieve_and_generate(asked),
        Operation::RetrieveAndGenerateStream => retrieve_and_generate_stream(asked),
        Operation::AgenticRetrieveStream => agentic_retrieve(asked),
        Operation::OptimizePrompt => optimize(asked),
        Operation::Rerank => rerank(asked),
        Operation::GenerateQuery => {
            let sql = format!("SELECT 1 /* {} */", generation(asked.answer));
            asked.json(&json!({"queries": [{"type": "REDSHIFT_SQL", "sql": sql}]}))
        }
        operation => stored(asked, operation),
    }
}

/// The answer is one chunk unless streaming was asked for, as with the service.
fn agent(asked: &Asked<'_>) -> Content {
    let text = generation(asked.answer);
    let mut frames = Frames::new(asked.prompt.seed);
    if asked.prompt.is_set("/enableTrace") {
        trace(asked, &text, &mut frames);
    }
    if asked.prompt.is_set("/streamingConfigurations/streamFinalResponse") {
        for piece in pieces(&text, &mut Sequence::new(asked.answer.seed)) {
            chunk(piece, &mut frames);
        }
    } else if !text.is_empty() {
        chunk(&text, &mut frames);
    }
    if !asked.directives.returns.is_empty() {
        let inputs: Vec<Value> = asked.directives.returns.iter().map(returned).collect();
        let control =
            json!({"invocationId": format!("{:016x}", asked.prompt.seed), "invocationInputs": inputs});
        frames.plain_event(FrameKind::Closing, "returnControl", &control);
    }
    let session = asked.target.member("sessionId").unwrap_or_default();
    asked
        .stream(frames)
        .with_header("x-amzn-bedrock-agent-content-type", "application/json")
        .with_header("x-amz-bedrock-agent-session-id", session)
}

fn chunk(text: &str, frames: &mut Frames) {
    frames.plain_event(FrameKind::Delta, "chunk", &json!({"bytes": STANDARD.encode(text)}));
}

/// What was asked of the model and what it used: the only place where an agent tells its tokens.
fn trace(asked: &Asked<'_>, text: &str, frames: &mut Frames) {
    let id = format!("{:016x}", asked.prompt.seed);
    let input = json!({
        "traceId": id, "type": "ORCHESTRATION", "text": asked.prompt.last_user_text,
        "foundationModel": asked.prompt.model
    });
    let output = json!({
        "traceId": id,
        "metadata": {
            "usage": {"inputTokens": asked.answer.input_tokens, "outputTokens": asked.answer.output_tokens}
        },
        "rawResponse": {"content": text}
    });
    for (name, part) in [("modelInvocationInput", input), ("modelInvocationOutput", output)] {
        let mut event = json!({
            "sessionId": asked.target.member("sessionId"),
            "trace": {"orchestrationTrace": {name: part}}
        });
        for member in ["agentId", "agentAliasId"] {
            if let (Some(event), Some(value)) = (event.as_object_mut(), asked.target.member(member)) {
                event.insert(member.to_owned(), json!(value));
            }
        }
        frames.plain_event(FrameKind::Opening, "trace", &event);
    }
}

fn returned(call: &ToolCall) -> Value {
    let input: Value = serde_json::from_str(&call.json).unwrap_or_default();
    let parameters: Vec<Value> = input
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            json!({"name": name, "type": "string", "value": text})
        })
        .collect();
    json!({
        "functionInvocationInput": {
            "actionGroup": "simulated", "actionInvocationType": "RESULT", "function": call.name,
            "parameters": parameters
        }
    })
}

fn flow(asked: &Asked<'_>) -> Content {
    let mut frames = Frames::new(asked.prompt.seed);
    let document = json!({"document": generation(asked.answer)});
    if asked.prompt.is_set("/enableTrace") {
        let fields = json!([{"nodeOutputName": "document", "content": document}]);
        let output = json!({"nodeName": "Prompt_1", "timestamp": TIME, "fields": fields});
        let trace = json!({"trace": {"nodeOutputTrace": output}});
        frames.plain_event(FrameKind::Opening, "flowTraceEvent", &trace);
    }
    let output = json!({"nodeName": "FlowOutputNode", "nodeType": "FlowOutputNode", "content": document});
    frames.plain_event(FrameKind::Delta, "flowOutputEvent", &output);
    let completion = json!({"completionReason": "SUCCESS"});
    frames.plain_event(FrameKind::Closing, "flowCompletionEvent", &completion);
    let execution = format!("{:016x}", asked.prompt.seed);
    asked.stream(frames).with_header("x-amz-bedrock-flow-execution-id", &execution)
}

fn retrieved(asked: &Asked<'_>) -> Value {
    json!({
        "content": {"type": "TEXT", "text": generation(asked.answer)},
        "location": {"type": "S3", "s3Location": {"uri": DOCUMENT}},
        "score": 0.75,
        "metadata": {}
    })
}

fn citation(asked: &Asked<'_>, text: &str) -> Value {
    let end = text.chars().count();
    let reference = json!({
        "content": {"type": "TEXT", "text": asked.directives.echo},
        "location": {"type": "S3", "s3Location": {"uri": DOCUMENT}},
        "metadata": {}
    });
    json!({
        "generatedResponsePart": {"textResponsePart": {"text": text, "span": {"start": 0, "end": end}}},
        "retrievedReferences": [reference]
    })
}

fn session(asked: &Asked<'_>) -> String {
    match asked.prompt.text_member("/sessionId") {
        Some(session) => session.to_owned(),
        None => format!("{:016x}", asked.prompt.seed),
    }
}

fn retrieve_and_generate(asked: &Asked<'_>) -> Content {
    let text = generation(asked.answer);
    let is_stopped = asked.answer.stop == Stop::Guardrail;
    asked.json(&json!({
        "sessionId": session(asked),
        "citations": [citation(asked, &text)],
        "guardrailAction": if is_stopped { "INTERVENED" } else { "NONE" },
        "output": {"text": text}
    }))
}

fn retrieve_and_generate_stream(asked: &Asked<'_>) -> Content {
    let text = generation(asked.answer);
    let mut frames = Frames::new(asked.prompt.seed);
    for piece in pieces(&text, &mut Sequence::new(asked.answer.seed)) {
        frames.plain_event(FrameKind::Delta, "output", &json!({"text": piece}));
    }
    // The members stand in `citation` and, as older clients read them, beside it.
    let mut event = citation(asked, &text);
    let inner = event.clone();
    if let Some(members) = event.as_object_mut() {
        members.insert("citation".to_owned(), inner);
    }
    frames.plain_event(FrameKind::Closing, "citation", &event);
    if asked.answer.stop == Stop::Guardrail {
        frames.plain_event(FrameKind::Closing, "guardrail", &json!({"action": "INTERVENED"}));
    }
    asked.stream(frames).with_header("x-amzn-bedrock-knowledge-base-session-id", &session(asked))
}

fn agentic_retrieve(asked: &Asked<'_>) -> Content {
    let text = generation(asked.answer);
    let mut frames = Frames::new(asked.prompt.seed);
    let id = format!("{:016x}", asked.prompt.seed);
    let attributes = json!({"step": "Planning", "status": "SUCCEEDED", "message": asked.directives.echo});
    let trace = json!({"id": id, "timestamp": 1_795_305_600_u64, "attributes": attributes});
    frames.plain_event(FrameKind::Opening, "traceEvent", &trace);
    for piece in pieces(&text, &mut Sequence::new(asked.answer.seed)) {
        frames.plain_event(FrameKind::Delta, "responseEvent", &json!({"text": piece}));
    }
    let found = json!({
        "content": {"mimeType": "text/plain", "text": text},
        "metadata": {},
        "sourceRetriever": {"identifier": "simulated"}
    });
    let result = json!({"results": [found], "generatedResponse": {"answer": text, "citations": []}});
    frames.plain_event(FrameKind::Closing, "result", &result);
    asked.stream(frames)
}

fn optimize(asked: &Asked<'_>) -> Content {
    let mut frames = Frames::new(asked.prompt.seed);
    let analysis = json!({"message": format!("The prompt was read: {}", asked.directives.echo)});
    frames.plain_event(FrameKind::Delta, "analyzePromptEvent", &analysis);
    let optimized = json!({"optimizedPrompt": {"textPrompt": {"text": generation(asked.answer)}}});
    frames.plain_event(FrameKind::Closing, "optimizedPromptEvent", &optimized);
    asked.stream(frames)
}

fn rerank(asked: &Asked<'_>) -> Content {
    let body = &asked.prompt.body;
    let sources = body.get("sources").unwrap_or(&Value::Null);
    let count = "/rerankingConfiguration/bedrockRerankingConfiguration/numberOfResults";
    let count_max = body.pointer(count).and_then(Value::as_u64);
    let results: Vec<Value> = vectors::ranks(sources, count_max)
        .into_iter()
        .map(|(index, score)| {
            let document = sources.get(index).and_then(|source| source.get("inlineDocumentSource"));
            json!({"index": index, "relevanceScore": score, "document": document})
        })
        .collect();
    asked.json(&json!({"results": results}))
}

/// Sessions, executions, tags, memories: what the service would have stored is made up on the spot. All texts
/// of the request are in `echo`, a member no client knows.
fn stored(asked: &Asked<'_>, operation: Operation) -> Content {
    let member = |name: &str| asked.target.member(name).unwrap_or("simulated").to_owned();
    let session = || {
        let id = member("sessionIdentifier");
        json!({
            "sessionId": id, "sessionArn": format!("{ARN}:session/{id}"), "sessionStatus": "ACTIVE",
            "createdAt": TIME, "lastUpdatedAt": TIME
        })
    };
    let execution = || {
        let (flow, id) = (member("flowIdentifier"), member("executionIdentifier"));
        let alias = member("flowAliasIdentifier");
        json!({
            "executionArn": format!("{ARN}:flow/{flow}/alias/{alias}/execution/{id}"),
            "flowIdentifier": flow, "flowAliasIdentifier": alias,
            "flowVersion": "1", "startedAt": TIME, "status": "Succeeded"
        })
    };
    let invocation = || json!(asked.prompt.text_member("/invocationIdentifier").unwrap_or("simulated"));
    let (status, mut body) = match operation {
        Operation::CreateSession => (StatusCode::CREATED, session()),
        Operation::UpdateSession | Operation::GetSession | Operation::EndSession => {
            (StatusCode::OK, session())
        }
        Operation::CreateInvocation => {
            let body = json!({
                "sessionId": member("sessionIdentifier"), "invocationId": "simulated", "createdAt": TIME
            });
            (StatusCode::CREATED, body)
        }
        Operation::PutInvocationStep => {
            let id = asked.prompt.text_member("/invocationStepId").unwrap_or("simulated");
            (StatusCode::CREATED, json!({"invocationStepId": id}))
        }
        Operation::GetInvocationStep => {
            let block = json!({"text": generation(asked.answer)});
            let step = json!({
                "sessionId": member("sessionIdentifier"), "invocationId": invocation(),
                "invocationStepId": member("invocationStepId"), "invocationStepTime": TIME,
                "payload": {"contentBlocks": [block]}
            });
            (StatusCode::OK, json!({"invocationStep": step}))
        }
        Operation::DeleteAgentMemory => (StatusCode::ACCEPTED, json!({})),
        Operation::ListAgentSessions => (StatusCode::OK, json!({"sessionSummaries": []})),
        Operation::ListInvocations => (StatusCode::OK, json!({"invocationSummaries": []})),
        Operation::ListInvocationSteps => (StatusCode::OK, json!({"invocationStepSummaries": []})),
        Operation::GetAgentMemory => (StatusCode::OK, json!({"memoryContents": []})),
        Operation::StartFlowExecution | Operation::GetFlowExecution => (StatusCode::OK, execution()),
        Operation::StopFlowExecution => {
            let arn = execution().get("executionArn").cloned();
            (StatusCode::OK, json!({"executionArn": arn, "status": "Aborted"}))
        }
        Operation::GetExecutionFlowSnapshot => {
            let snapshot = json!({
                "flowIdentifier": member("flowIdentifier"), "flowVersion": "1",
                "flowAliasIdentifier": member("flowAliasIdentifier"), "definition": "{}",
                "executionRoleArn": "arn:aws:iam::123456789012:role/simulated"
            });
            (StatusCode::OK, snapshot)
        }
        Operation::ListFlowExecutions => (StatusCode::OK, json!({"flowExecutionSummaries": []})),
        Operation::ListFlowExecutionEvents => (StatusCode::OK, json!({"flowExecutionEvents": []})),
        Operation::ListTagsForResource => (StatusCode::OK, json!({"tags": {"simulated": "yes"}})),
        Operation::GetDocumentContent => {
            let url = "https://simulated.example/document-1.txt";
            (StatusCode::OK, json!({"mimeType": "text/plain", "presignedUrl": url}))
        }
        _ => (StatusCode::OK, json!({})),
    };
    let texts = all_texts(&asked.prompt.body);
    if let Some(members) = body.as_object_mut().filter(|_| !texts.is_empty()) {
        members.insert("echo".to_owned(), json!(texts));
    }
    asked.json(&body).with_status(status)
}

#[cfg(test)]
mod tests {
    use crate::frames::tests::{chunks_text, split};
    use crate::reply::tests::{ask, header, status, stream_bytes, whole_body};

    use super::*;

    const AGENT: &str = "/agents/A/agentAliases/B/sessions/s1/text";

    fn events(path: &str, body: &str) -> Vec<(String, Value)> {
        split(&stream_bytes(ask("POST", path, body)))
    }

    fn joined(events: &[(String, Value)], name: &str, pointer: &str) -> String {
        let wanted = events.iter().filter(|(headers, _)| headers.contains(name));
        wanted.filter_map(|(_, payload)| payload.pointer(pointer)?.as_str()).collect()
    }

    #[test]
    fn an_agent_answers_in_base64_and_traces_when_asked() {
        let reply = ask("POST", AGENT, r#"{"inputText": "hello"}"#);
        assert_eq!(header(&reply, "x-amz-bedrock-agent-session-id"), Some("s1"));
        assert_eq!(chunks_text(&stream_bytes(reply)), "You said: hello");
        let body = r#"{"inputText": "hello", "enableTrace": true,
            "streamingConfigurations": {"streamFinalResponse": true}}"#;
        let events = events(AGENT, body);
        let usage = "/trace/orchestrationTrace/modelInvocationOutput/metadata/usage/outputTokens";
        assert!(events.iter().any(|(_, payload)| payload.pointer(usage) == Some(&json!(4))));
        assert!(events.iter().filter(|(headers, _)| headers.contains("chunk")).count() > 1);
    }

    #[test]
    fn an_agent_hands_control_back() {
        let events = events("/agents/s1", r#"{"inputText": "[sim:return book {\"day\": \"{DATE_1}\"}]"}"#);
        assert_eq!(events.len(), 1);
        let function = &events[0].1["invocationInputs"][0]["functionInvocationInput"];
        assert_eq!(function["function"], "book");
        assert_eq!(function["parameters"][0]["value"], "{DATE_1}");
    }

    #[test]
    fn flows_and_knowledge_bases_echo() {
        let flow = events("/flows/F/aliases/A", r#"{"inputs": [{"content": {"document": "hello"}}]}"#);
        assert_eq!(joined(&flow, "flowOutputEvent", "/content/document"), "You said: hello");
        assert_eq!(flow.last().unwrap().1["completionReason"], "SUCCESS");
        let found = ask("POST", "/knowledgebases/K/retrieve", r#"{"retrievalQuery": {"text": "hello"}}"#);
        assert!(whole_body(found).contains("You said: hello"));
        let input = r#"{"input": {"text": "hello"}}"#;
        assert!(
            whole_body(ask("POST", "/retrieveAndGenerate", input))
                .contains(r#""output":{"text":"You said: hello"}"#)
        );
        let streamed = events("/retrieveAndGenerateStream", input);
        assert_eq!(joined(&streamed, "output", "/text"), "You said: hello");
        let messages = r#"{"messages": [{"role": "user", "content": {"text": "hello"}}]}"#;
        let agentic = events("/agenticRetrieveStream", messages);
        assert_eq!(joined(&agentic, "responseEvent", "/text"), "You said: hello");
        let optimized = events("/optimize-prompt", r#"{"input": {"textPrompt": {"text": "hello"}}}"#);
        assert_eq!(
            joined(&optimized, "optimizedPromptEvent", "/optimizedPrompt/textPrompt/text"),
            "You said: hello"
        );
    }

    #[test]
    fn sources_are_ranked() {
        let body = r#"{"queries": [{"textQuery": {"text": "q"}}], "sources": [
            {"inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": "a"}}},
            {"inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": "b"}}}]}"#;
        let answer: Value = serde_json::from_str(&whole_body(ask("POST", "/rerank", body))).unwrap();
        assert_eq!(answer["results"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn stored_things_have_the_services_status_and_echo_their_texts() {
        for (method, path, body, expected, contains) in [
            ("PUT", "/sessions/", r#"{"sessionMetadata": {"a": "hello"}}"#, 201, r#""echo":"hello""#),
            ("GET", "/sessions/s1/", "", 200, r#""sessionId":"s1""#),
            ("DELETE", "/sessions/s1/", "", 200, "{}"),
            ("POST", "/tags/arn%3Ax", r#"{"tags": {"k": "v"}}"#, 200, r#""echo":"v""#),
            ("DELETE", "/agents/A/agentAliases/B/memories", "", 202, "{}"),
            ("GET", "/flows/F/executions", "", 200, "flowExecutionSummaries"),
        ] {
            let reply = ask(method, path, body);
            assert_eq!(status(&reply), expected, "{method} {path}");
            let answer = whole_body(reply);
            assert!(answer.contains(contains), "{answer}");
        }
    }
}
