//! SageMaker: what a container behind an endpoint or an inference router answers, whole, streamed or later.
//! The container is guessed from the body, as in `prompt`.

use http::StatusCode;
use serde_json::json;

use hardpan_inference::operation::Operation;

use crate::frames::{FrameKind, Frames, Wire};
use crate::generation::generation;
use crate::prompt::Family;
use crate::reply::{Asked, Content};
use crate::text::{Sequence, pieces};
use crate::{chat, native, vectors};

const ATTRIBUTES: &str = "x-amzn-sagemaker-custom-attributes";
const SESSION: &str = "x-amzn-sagemaker-session-id";
const INFERENCE_ID: &str = "x-amzn-sagemaker-inference-id";
const BUCKET: &str = "s3://simulated-endpoint";

pub(crate) fn answer(asked: &Asked<'_>) -> Content {
    match asked.target.operation {
        Operation::InvokeEndpointAsync | Operation::InvokeInferenceRouterAsync => later(asked),
        Operation::InvokeEndpointWithResponseStream => with_variant(asked, stream(asked)),
        Operation::InvokeInferenceRouter => {
            let arn = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/simulated";
            with_variant(asked, whole(asked))
                .with_header("x-amzn-sagemaker-invoked-routed-resource-arn", arn)
                .with_header("x-amzn-sagemaker-invoked-routing-reason", "TargetSelected")
        }
        _ => with_variant(asked, whole(asked)),
    }
}

fn with_variant(asked: &Asked<'_>, content: Content) -> Content {
    let mut content = content.with_header("x-amzn-invoked-production-variant", "AllTraffic");
    if let Some(attributes) = asked.header(ATTRIBUTES) {
        content = content.with_header(ATTRIBUTES, attributes);
    }
    if asked.header(SESSION) == Some("NEW_SESSION") {
        let session = format!("{:016x}; Expires=2026-11-23T00:00:00Z", asked.prompt.seed);
        content = content.with_header("x-amzn-sagemaker-new-session-id", &session);
    }
    content
}

fn whole(asked: &Asked<'_>) -> Content {
    let (answer, prompt) = (asked.answer, asked.prompt);
    match prompt.family {
        Family::Chat => asked.text("application/json", chat::body(answer, &prompt.model)),
        Family::Completions => asked.text("application/json", chat::completion_body(answer, &prompt.model)),
        Family::Tgi => {
            let with_details = prompt.is_set("/parameters/details");
            asked.text("application/json", native::tgi_body(answer, with_details))
        }
        Family::Embeddings => asked.json(&vectors::container_embeddings(prompt, answer.input_tokens)),
        Family::Rerank => asked.json(&vectors::rerank(prompt)),
        Family::Predictions => asked.json(&json!({"predictions": [generation(answer)]})),
        Family::Table => asked.text("text/csv", table(asked)),
        _ if prompt.body.is_null() => asked.text("text/plain; charset=utf-8", generation(answer)),
        _ => asked.json(&json!({"output": generation(answer)})),
    }
}

/// Each row again, with its number before it for a prediction.
fn table(asked: &Asked<'_>) -> String {
    let rows = asked.directives.say.as_ref().unwrap_or(&asked.directives.echo);
    rows.lines().enumerate().map(|(index, row)| format!("{index},{row}\n")).collect()
}

fn stream(asked: &Asked<'_>) -> Content {
    let (answer, prompt) = (asked.answer, asked.prompt);
    let lines = |wire: Wire| if asked.directives.json_lines { Wire::JsonLines } else { wire };
    let mut frames = match prompt.family {
        Family::Tgi => Frames::on(lines(Wire::TightSse), answer.seed),
        _ => Frames::on(lines(Wire::Sse), answer.seed),
    };
    let mut content_type = frames.wire().content_type();
    match prompt.family {
        Family::Chat => {
            let with_usage = prompt.is_set("/stream_options/include_usage");
            chat::stream(answer, &prompt.model, with_usage, &mut frames);
        }
        Family::Completions => chat::completion_stream(answer, &prompt.model, &mut frames),
        Family::Tgi => native::tgi_stream(answer, &mut frames),
        _ => {
            content_type = "text/plain; charset=utf-8";
            for piece in pieces(&generation(answer), &mut Sequence::new(answer.seed)) {
                frames.raw(FrameKind::Delta, piece);
            }
        }
    }
    asked.stream(frames.into_parts()).with_header("x-amzn-sagemaker-content-type", content_type)
}

fn later(asked: &Asked<'_>) -> Content {
    let id = match asked.header(INFERENCE_ID) {
        Some(id) => id.to_owned(),
        None => format!("{:016x}", asked.prompt.seed),
    };
    asked
        .json(&json!({"InferenceId": id}))
        .with_status(StatusCode::ACCEPTED)
        .with_header("x-amzn-sagemaker-outputlocation", &format!("{BUCKET}/output/{id}.out"))
        .with_header("x-amzn-sagemaker-failurelocation", &format!("{BUCKET}/failure/{id}.out"))
}

#[cfg(test)]
mod tests {
    use crate::reply::tests::{ask, header, stream_bytes, whole_body};

    const INVOKE: &str = "/endpoints/e/invocations";
    const STREAM: &str = "/endpoints/e/invocations-response-stream";

    /// The container's bytes inside the parts.
    fn joined(stream: &[u8]) -> String {
        let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap()) as usize;
        let (mut bytes, mut rest) = (Vec::new(), stream);
        while !rest.is_empty() {
            let (frame, tail) = rest.split_at(number(&rest[..4]));
            bytes.extend_from_slice(&frame[12 + number(&frame[4..8])..frame.len() - 4]);
            rest = tail;
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn every_container_answers_in_its_own_shape() {
        for (body, expected) in [
            (r#"{"inputs": "hello"}"#, r#"[{"generated_text":"You said: hello"}]"#),
            (r#"{"messages": [{"role": "user", "content": "hello"}]}"#, r#""content":"You said: hello""#),
            (r#"{"prompt": "hello"}"#, r#""text":"You said: hello""#),
            (r#"{"instances": ["hello"]}"#, r#"{"predictions":["You said: hello"]}"#),
            (r#"{"anything": {"x": "hello"}}"#, r#"{"output":"You said: hello"}"#),
            ("1,hello\n2,you", "0,1,hello\n1,2,you\n"),
            ("hello", "You said: hello"),
        ] {
            let answer = whole_body(ask("POST", INVOKE, body));
            assert!(answer.contains(expected), "{answer}");
        }
        let vectors: serde_json::Value =
            serde_json::from_str(&whole_body(ask("POST", INVOKE, r#"{"inputs": ["a", "b"]}"#))).unwrap();
        assert_eq!(vectors.as_array().unwrap().len(), 2);
    }

    #[test]
    fn streams_are_parts_of_the_containers_own_lines() {
        for (body, begins, contains) in [
            (r#"{"inputs": "hello"}"#, "data:{", r#""generated_text":"You said: hello""#),
            (r#"{"inputs": "hello [sim:jsonlines]"}"#, "{", r#""generated_text":"You said: hello""#),
            (r#"{"messages": [{"role": "user", "content": "hello"}]}"#, "data: {", "data: [DONE]"),
            ("hello", "You said: hello", ""),
        ] {
            let text = joined(&stream_bytes(ask("POST", STREAM, body)));
            assert!(text.starts_with(begins) && text.contains(contains), "{text}");
        }
    }

    #[test]
    fn a_stream_tells_the_containers_content_type_in_its_own_header() {
        let reply = ask("POST", STREAM, r#"{"inputs": "hello"}"#);
        assert_eq!(header(&reply, "x-amzn-sagemaker-content-type"), Some("text/event-stream"));
        assert_eq!(header(&reply, "x-amzn-invoked-production-variant"), Some("AllTraffic"));
    }

    #[test]
    fn asynchronous_answers_name_places_only() {
        for path in ["/endpoints/e/async-invocations", "/inference-routers/r/async-invocations"] {
            let reply = ask("POST", path, r#"{"inputs": "hello"}"#);
            assert!(
                header(&reply, "x-amzn-sagemaker-outputlocation").unwrap().starts_with("s3://"),
                "{path}"
            );
            assert!(!whole_body(reply).contains("hello"), "{path}");
        }
    }

    #[test]
    fn a_router_names_what_it_chose() {
        let reply = ask("POST", "/inference-routers/r/invocations", r#"{"inputs": "hello"}"#);
        assert!(header(&reply, "x-amzn-sagemaker-invoked-routed-resource-arn").is_some());
    }
}
