//! AgentCore: runtimes, harnesses, tools, memories, identities. Every text of a request comes back, so that
//! what was masked on the way can be seen to be restored. The secrets it hands out are made up.

use http::StatusCode;
use http::header::ACCEPT;
use serde_json::{Value, json};

use hardpan_inference::operation::Operation;

use crate::chat::CREATED;
use crate::converse;
use crate::frames::{FrameKind, Frames, Wire};
use crate::generation::generation;
use crate::reply::{Asked, Content};
use crate::text::{Quoted, Sequence, all_texts, pieces};

const RUNTIME_SESSION: &str = "x-amzn-bedrock-agentcore-runtime-session-id";
const INTERPRETER_SESSION: &str = "x-amzn-code-interpreter-session-id";

pub(crate) fn answer(asked: &Asked<'_>) -> Content {
    match asked.target.operation {
        Operation::InvokeAgentRuntime => with_session(asked, RUNTIME_SESSION, runtime(asked)),
        Operation::InvokeAgentRuntimeCommand => with_session(asked, RUNTIME_SESSION, command(asked)),
        Operation::InvokeHarness => {
            let mut frames = Frames::new(asked.prompt.seed);
            converse::stream(asked.answer, &mut frames);
            with_session(asked, RUNTIME_SESSION, asked.stream(frames))
        }
        Operation::InvokeCodeInterpreter => with_session(asked, INTERPRETER_SESSION, interpreter(asked)),
        operation => plain(asked, operation),
    }
}

fn with_session(asked: &Asked<'_>, name: &'static str, content: Content) -> Content {
    match asked.header(name) {
        Some(session) => content.with_header(name, session),
        None => content,
    }
}

fn runtime(asked: &Asked<'_>) -> Content {
    let text = generation(asked.answer);
    let accepts_events =
        asked.header(ACCEPT.as_str()).is_some_and(|accept| accept.contains("text/event-stream"));
    if !accepts_events && !asked.directives.sse {
        return asked.json(&json!({"output": text, "texts": all_texts(&asked.prompt.body)}));
    }
    let mut frames = Frames::on(Wire::Sse, asked.answer.seed);
    for piece in pieces(&text, &mut Sequence::new(asked.answer.seed)) {
        frames.data(FrameKind::Delta, format_args!("{}", Quoted(piece)));
    }
    asked.stream(frames)
}

fn command(asked: &Asked<'_>) -> Content {
    let mut frames = Frames::new(asked.prompt.seed);
    frames.plain_event(FrameKind::Opening, "chunk", &json!({"contentStart": {}}));
    for piece in pieces(&generation(asked.answer), &mut Sequence::new(asked.answer.seed)) {
        frames.plain_event(FrameKind::Delta, "chunk", &json!({"contentDelta": {"stdout": piece}}));
    }
    let stop = json!({"contentStop": {"exitCode": 0, "status": "COMPLETED"}});
    frames.plain_event(FrameKind::Closing, "chunk", &stop);
    asked.stream(frames)
}

fn interpreter(asked: &Asked<'_>) -> Content {
    let text = generation(asked.answer);
    let mut frames = Frames::new(asked.prompt.seed);
    let result = json!({
        "content": [{"type": "text", "text": text}],
        "structuredContent": {"stdout": text, "stderr": "", "exitCode": 0, "executionTime": 0.25},
        "isError": false
    });
    frames.plain_event(FrameKind::Delta, "result", &result);
    asked.stream(frames)
}

fn plain(asked: &Asked<'_>, operation: Operation) -> Content {
    let texts = all_texts(&asked.prompt.body);
    let member = |name: &str| asked.target.member(name).unwrap_or("simulated").to_owned();
    let record = || {
        json!({
            "memoryRecordId": "simulated", "content": {"text": texts}, "memoryStrategyId": "simulated",
            "namespaces": [], "createdAt": CREATED
        })
    };
    let event = || {
        json!({
            "memoryId": member("memoryId"), "actorId": member("actorId"), "sessionId": member("sessionId"),
            "eventId": member("eventId"), "eventTimestamp": CREATED, "payload": []
        })
    };
    let session = |kind: &str| {
        let id = asked.target.member("sessionId").unwrap_or("simulated");
        let name = format!("{kind}Identifier");
        let identifier = member(&name);
        json!({name: identifier, "sessionId": id, "createdAt": CREATED})
    };
    let (status, mut body) = match operation {
        Operation::CreateEvent => (StatusCode::CREATED, json!({"event": event()})),
        Operation::GetEvent => (StatusCode::OK, json!({"event": event()})),
        Operation::ListEvents => (StatusCode::OK, json!({"events": []})),
        Operation::IngestData => (StatusCode::ACCEPTED, json!({})),
        Operation::RetrieveMemoryRecords | Operation::ListMemoryRecords => {
            (StatusCode::OK, json!({"memoryRecordSummaries": [record()]}))
        }
        Operation::GetMemoryRecord => (StatusCode::OK, json!({"memoryRecord": record()})),
        Operation::BatchCreateMemoryRecords => (StatusCode::CREATED, batch()),
        Operation::BatchUpdateMemoryRecords | Operation::BatchDeleteMemoryRecords => {
            (StatusCode::OK, batch())
        }
        Operation::InvokeBrowser => {
            let result = json!({"keyType": {"status": "SUCCESS"}});
            (StatusCode::OK, json!({"result": result, "sessionId": "simulated"}))
        }
        Operation::InvokeWebSearch => {
            let found = json!({"title": "Simulated", "url": "https://simulated.example/", "text": texts});
            (StatusCode::OK, json!({"results": [found]}))
        }
        Operation::GetAgentCard => {
            let card = json!({"name": "simulated", "version": "1", "skills": [], "capabilities": {}});
            (StatusCode::OK, card)
        }
        Operation::StartCodeInterpreterSession | Operation::StopCodeInterpreterSession => {
            (StatusCode::OK, session("codeInterpreter"))
        }
        Operation::StartBrowserSession | Operation::StopBrowserSession => {
            (StatusCode::OK, session("browser"))
        }
        Operation::GetResourceApiKey => (StatusCode::OK, json!({"apiKey": "simulated-api-key"})),
        Operation::GetResourceOauth2Token => {
            (StatusCode::OK, json!({"accessToken": "simulated-access-token"}))
        }
        Operation::GetWorkloadAccessToken
        | Operation::GetWorkloadAccessTokenForJwt
        | Operation::GetWorkloadAccessTokenForUserId => {
            (StatusCode::OK, json!({"workloadAccessToken": "simulated-workload-token"}))
        }
        Operation::CompleteResourceTokenAuth => (StatusCode::OK, json!({})),
        _ => (StatusCode::OK, json!({})),
    };
    if let Some(members) = body.as_object_mut().filter(|_| !asked.prompt.last_user_text.is_empty()) {
        members.insert("echo".to_owned(), json!(texts));
    }
    asked.json(&body).with_status(status)
}

fn batch() -> Value {
    json!({"successfulRecords": [], "failedRecords": []})
}

#[cfg(test)]
mod tests {
    use crate::frames::tests::split;
    use crate::reply::tests::{ask, ask_with, status, stream_bytes, whole_body};

    const RUNTIME: &str = "/runtimes/arn%3Aaws%3Aa%3Ab/invocations";

    #[test]
    fn a_runtime_echoes_as_json_or_as_events() {
        let body = r#"{"prompt": "hello {EMAIL_1}"}"#;
        assert!(whole_body(ask("POST", RUNTIME, body)).contains("You said: hello {EMAIL_1}"));
        for reply in [
            ask_with("POST", RUNTIME, body, &[("accept", "application/json, text/event-stream")]),
            ask("POST", RUNTIME, r#"{"prompt": "hello {EMAIL_1} [sim:sse]"}"#),
        ] {
            let bytes = stream_bytes(reply);
            let joined: String = std::str::from_utf8(&bytes)
                .unwrap()
                .lines()
                .filter_map(|line| serde_json::from_str::<String>(line.strip_prefix("data: ")?).ok())
                .collect();
            assert_eq!(joined, "You said: hello {EMAIL_1}");
        }
        assert!(whole_body(ask("POST", RUNTIME, "plain words")).contains("plain words"));
    }

    #[test]
    fn tools_answer_in_their_events() {
        for (path, body, pointer, expected) in [
            ("/runtimes/r/commands", r#"{"command": "ls"}"#, "/contentDelta/stdout", "You said: ls"),
            (
                "/code-interpreters/c/tools/invoke",
                r#"{"name": "executeCode", "arguments": {"code": "x"}}"#,
                "/structuredContent/stdout",
                "You said: executeCode\nx",
            ),
            (
                "/harnesses/invoke?harnessArn=arn%3Ax",
                r#"{"messages": [{"role": "user", "content": [{"text": "hello"}]}]}"#,
                "/delta/text",
                "You said: hello",
            ),
        ] {
            let joined: String = split(&stream_bytes(ask("POST", path, body)))
                .iter()
                .filter_map(|(_, payload)| payload.pointer(pointer)?.as_str())
                .collect();
            assert_eq!(joined, expected, "{path}");
        }
    }

    #[test]
    fn secrets_are_made_up_and_requests_for_them_are_not_echoed() {
        let answer = whole_body(ask("POST", "/identities/api-key", r#"{"workloadIdentityToken": "t0ken"}"#));
        assert!(answer.contains("simulated-api-key") && !answer.contains("t0ken"), "{answer}");
    }

    #[test]
    fn memories_echo_their_texts() {
        let reply = ask("POST", "/memories/m/events", r#"{"payload": [{"x": "hello"}]}"#);
        assert_eq!(status(&reply), 201);
        assert!(whole_body(reply).contains(r#""echo":"hello""#));
    }
}
