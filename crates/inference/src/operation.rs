//! Which operation a request line names, and the model it names. Routing only: nothing here reads a body.
//!
//! The raw path is split on `/` first and each segment is percent-decoded once, so that Hardpan and the service
//! behind it can never read two different models out of one path.

use crate::model_id::{InvalidModelId, ModelId};

/// An operation Hardpan governs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    Converse,
    ConverseStream,
    InvokeModel,
    InvokeModelWithResponseStream,
}

impl Operation {
    pub const ALL: [Operation; 4] = [
        Operation::Converse,
        Operation::ConverseStream,
        Operation::InvokeModel,
        Operation::InvokeModelWithResponseStream,
    ];

    /// The name in AWS's API reference.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Converse => "Converse",
            Operation::ConverseStream => "ConverseStream",
            Operation::InvokeModel => "InvokeModel",
            Operation::InvokeModelWithResponseStream => "InvokeModelWithResponseStream",
        }
    }

    /// The last path segment.
    pub fn action(self) -> &'static str {
        match self {
            Operation::Converse => "converse",
            Operation::ConverseStream => "converse-stream",
            Operation::InvokeModel => "invoke",
            Operation::InvokeModelWithResponseStream => "invoke-with-response-stream",
        }
    }

    pub fn is_stream(self) -> bool {
        matches!(self, Operation::ConverseStream | Operation::InvokeModelWithResponseStream)
    }

    /// Whether the body is the Converse API's, rather than the model provider's own.
    pub fn is_converse(self) -> bool {
        matches!(self, Operation::Converse | Operation::ConverseStream)
    }

    /// SigV4 service name in the credential scope.
    pub fn signing_service(self) -> &'static str {
        "bedrock"
    }
}

/// What a request line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub operation: Operation,
    pub model: ModelId,
}

impl Target {
    /// The canonical request path: the id in RFC 3986 unreserved characters, hex in upper case.
    pub fn path(&self) -> String {
        format!("/model/{}/{}", self.model.path_segment(), self.operation.action())
    }
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RouteError {
    /// A path no governed operation has. Carries the AWS operation's name where it is a known one.
    #[error("operation {operation} is not governed")]
    Ungoverned { operation: &'static str },
    #[error("the model id in the path is not valid: {0}")]
    ModelId(#[from] InvalidModelId),
    #[error("the request path carries a query string, which this operation does not take")]
    Query,
}

/// Reads method and raw request target (as it stood in the request line, still percent-encoded).
pub fn route(method: &str, raw_target: &[u8]) -> Result<Target, RouteError> {
    let (path, query) = match raw_target.iter().position(|byte| *byte == b'?') {
        Some(at) => (raw_target.get(..at).unwrap_or_default(), raw_target.get(at + 1..)),
        None => (raw_target, None),
    };
    let mut segments = path.split(|byte| *byte == b'/');
    let lead = segments.next();
    let segments: Vec<&[u8]> = segments.collect();
    let ungoverned = || RouteError::Ungoverned { operation: known_operation(method, &segments) };
    if lead != Some(b"") {
        return Err(ungoverned());
    }
    let [b"model", id @ .., action] = segments.as_slice() else {
        return Err(ungoverned());
    };
    let operation = Operation::ALL
        .into_iter()
        .find(|operation| operation.action().as_bytes() == *action)
        .filter(|_| method == "POST")
        .ok_or_else(ungoverned)?;
    let [id] = id else {
        return Err(InvalidModelId::Segments.into());
    };
    let model = ModelId::from_path_segment(id)?;
    match query {
        None | Some(b"") => Ok(Target { operation, model }),
        Some(_) => Err(RouteError::Query),
    }
}

/// The AWS operation a path most likely means, for the refusal's message.
fn known_operation(method: &str, segments: &[&[u8]]) -> &'static str {
    match (method, segments) {
        ("POST", [b"model", .., b"count-tokens"]) => "CountTokens",
        ("POST", [b"model", .., b"invoke-with-bidirectional-stream"]) => "InvokeModelWithBidirectionalStream",
        ("POST", [b"guardrail", .., b"apply"]) => "ApplyGuardrail",
        ("POST", [b"guardrail-checks", b"invoke"]) => "InvokeGuardrailChecks",
        ("POST", [b"async-invoke"]) => "StartAsyncInvoke",
        ("GET", [b"async-invoke"]) => "ListAsyncInvokes",
        ("GET", [b"async-invoke", ..]) => "GetAsyncInvoke",
        ("POST", [b"openai", b"v1", ..]) => "the OpenAI-compatible API",
        ("POST", [b"v1", b"chat", b"completions"]) => "the OpenAI-compatible API",
        ("POST", [b"anthropic", b"v1", ..]) => "the Anthropic Messages API",
        ("POST", [b"endpoints", _, b"invocations"]) => "InvokeEndpoint",
        ("POST", [b"endpoints", _, b"invocations-response-stream"]) => "InvokeEndpointWithResponseStream",
        ("POST", [b"endpoints", _, b"async-invocations"]) => "InvokeEndpointAsync",
        ("POST", [b"agents", _, b"agentAliases", _, b"sessions", _, b"text"]) => "InvokeAgent",
        ("POST", [b"agents", _]) => "InvokeInlineAgent",
        ("POST", [b"knowledgebases", _, b"retrieve"]) => "Retrieve",
        ("POST", [b"retrieveAndGenerate"]) => "RetrieveAndGenerate",
        ("POST", [b"retrieveAndGenerateStream"]) => "RetrieveAndGenerateStream",
        ("POST", [b"flows", _, b"aliases", _]) => "InvokeFlow",
        ("POST", [b"runtimes", _, b"invocations"]) => "InvokeAgentRuntime",
        ("POST", [b"model-invocation-job"]) => "CreateModelInvocationJob",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_colon_name_the_same_model() {
        for path in [
            "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
            "/model/us.anthropic.claude-sonnet-4-5-20250929-v1:0/converse",
        ] {
            let target = route("POST", path.as_bytes()).unwrap();
            assert_eq!(target.operation, Operation::Converse);
            assert_eq!(target.model.as_str(), "us.anthropic.claude-sonnet-4-5-20250929-v1:0");
            assert_eq!(target.path(), "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse");
        }
    }

    #[test]
    fn every_other_path_is_ungoverned_and_named() {
        for (method, path, operation) in [
            ("POST", "/model/m/count-tokens", "CountTokens"),
            ("GET", "/model/m/converse", "unknown"),
            ("POST", "/guardrail/g/version/1/apply", "ApplyGuardrail"),
            ("POST", "/openai/v1/chat/completions", "the OpenAI-compatible API"),
            ("POST", "/", "unknown"),
            ("POST", "model/m/converse", "unknown"),
            ("POST", "/MODEL/m/converse", "unknown"),
            ("POST", "/model/m/converse/", "unknown"),
            ("POST", "//model/m/converse", "unknown"),
        ] {
            assert_eq!(
                route(method, path.as_bytes()),
                Err(RouteError::Ungoverned { operation }),
                "{method} {path}"
            );
        }
    }

    #[test]
    fn path_tricks_are_refused() {
        for path in [
            "/model//converse",
            "/model/../converse",
            "/model/a/b/converse",
            "/model/a/../b/converse",
            "/model/a;b/converse",
            "/model/a%3Bb/converse",
            "/model/a%2F..%2Fb/converse",
            "/model/a%252Fb/converse",
            "/model/%00/converse",
            "/model/a%/converse",
            "/model/%ff/converse",
            "/model/%2e%2e/converse",
            "/model/a%5Cb/converse",
        ] {
            assert!(matches!(route("POST", path.as_bytes()), Err(RouteError::ModelId(_))), "{path}");
        }
    }
}
