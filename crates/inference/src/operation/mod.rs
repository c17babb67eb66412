//! Which operation a request line names, and the model it names. Routing only: nothing here reads a body.
//!
//! The raw path is split on `/` first and each segment is percent-decoded once, so that Hardpan and the service
//! behind it can never read two different resources out of one path. What is sent on is written anew from what was
//! understood.

mod table;

use std::fmt::Write as _;

use crate::model_id::{InvalidModelId, ModelId};

pub use table::Operation;

/// A service of AWS, by the name its SDK clients have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    BedrockRuntime,
    Mantle,
    SagemakerRuntime,
    InferenceRouter,
    AgentRuntime,
    AgentCore,
    Bedrock,
}

impl Service {
    pub const ALL: [Service; 7] = [
        Service::BedrockRuntime,
        Service::Mantle,
        Service::SagemakerRuntime,
        Service::InferenceRouter,
        Service::AgentRuntime,
        Service::AgentCore,
        Service::Bedrock,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Service::BedrockRuntime => "bedrock-runtime",
            Service::Mantle => "bedrock-mantle",
            Service::SagemakerRuntime => "sagemaker-runtime",
            Service::InferenceRouter => "sagemaker-inference-router-runtime",
            Service::AgentRuntime => "bedrock-agent-runtime",
            Service::AgentCore => "bedrock-agentcore",
            Service::Bedrock => "bedrock",
        }
    }

    pub fn from_name(name: &str) -> Option<Service> {
        Service::ALL.into_iter().find(|service| service.name() == name)
    }

    /// SigV4 service name in the credential scope.
    pub fn signing_name(self) -> &'static str {
        match self {
            Service::BedrockRuntime | Service::AgentRuntime | Service::Bedrock => "bedrock",
            Service::Mantle => "bedrock-mantle",
            Service::SagemakerRuntime | Service::InferenceRouter => "sagemaker",
            Service::AgentCore => "bedrock-agentcore",
        }
    }

    /// AWS's public endpoint, `{region}` left open.
    pub fn public_endpoint(self, fips: bool) -> &'static str {
        match (self, fips) {
            (Service::BedrockRuntime, false) => "https://bedrock-runtime.{region}.amazonaws.com",
            (Service::BedrockRuntime, true) => "https://bedrock-runtime-fips.{region}.amazonaws.com",
            (Service::Mantle, _) => "https://bedrock-mantle.{region}.api.aws",
            (Service::SagemakerRuntime, false) => "https://runtime.sagemaker.{region}.amazonaws.com",
            (Service::SagemakerRuntime, true) => "https://runtime-fips.sagemaker.{region}.amazonaws.com",
            (Service::InferenceRouter, _) => {
                "https://inferencerouter-runtime.sagemaker.{region}.amazonaws.com"
            }
            (Service::AgentRuntime, false) => "https://bedrock-agent-runtime.{region}.amazonaws.com",
            (Service::AgentRuntime, true) => "https://bedrock-agent-runtime-fips.{region}.amazonaws.com",
            (Service::AgentCore, _) => "https://bedrock-agentcore.{region}.amazonaws.com",
            (Service::Bedrock, false) => "https://bedrock.{region}.amazonaws.com",
            (Service::Bedrock, true) => "https://bedrock-fips.{region}.amazonaws.com",
        }
    }
}

/// What becomes of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Governance {
    /// Every text of the body is read, policy decides.
    Inspected,
    /// Policy decides without a body to read.
    Decided,
    /// Known, and refused whatever policy says.
    Refused,
}

/// The question policy is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asks {
    ModelInvoke,
    EndpointInvoke,
    KbRetrieve,
    ApiCall,
}

/// What the body is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BodyShape {
    /// None, or JSON without members.
    Empty,
    /// The Converse API's own.
    Converse,
    /// The model provider's own (InvokeModel).
    Native,
    /// OpenAI Chat Completions; `model` in the body.
    Chat,
    /// OpenAI Responses; `model` in the body.
    Responses,
    /// Anthropic Messages; `model` in the body.
    Messages,
    /// A Converse or base64 InvokeModel body inside `input`.
    CountTokens,
    /// A provider's body inside `modelInput`; `modelId` beside it, the answer goes to S3.
    AsyncInvoke,
    /// Whatever a SageMaker container takes: JSON of some dialect, CSV, or bytes.
    Endpoint,
    /// Bodies of the agent runtime: agents, flows, knowledge bases.
    Agent,
    /// JSON of which every string is text.
    Json,
    /// JSON whose texts are in S3, named by the body.
    Job,
    /// Any bytes, JSON as a rule.
    Raw,
    /// JSON that carries tokens and nothing else: not looked into, and never recorded.
    Secret,
    /// Signed event-stream frames.
    Events,
}

/// Whether an answer comes in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Streams {
    Never,
    Always,
    /// Where the body says `stream: true`, or the service chooses.
    OnRequest,
    /// In both directions.
    Both,
}

/// A row of the table.
struct Row {
    name: &'static str,
    service: Service,
    method: &'static str,
    paths: &'static [&'static str],
    query: &'static [&'static str],
    governance: Governance,
    asks: Asks,
    body: BodyShape,
    streams: Streams,
}

impl Operation {
    /// The name in AWS's API reference.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    pub fn service(self) -> Service {
        self.row().service
    }

    pub fn method(self) -> &'static str {
        self.row().method
    }

    /// Path templates, the first one the usual one.
    pub fn paths(self) -> &'static [&'static str] {
        self.row().paths
    }

    pub fn governance(self) -> Governance {
        self.row().governance
    }

    pub fn asks(self) -> Asks {
        self.row().asks
    }

    pub fn body(self) -> BodyShape {
        self.row().body
    }

    pub fn streams(self) -> Streams {
        self.row().streams
    }

    /// Whether every answer of the operation is a stream.
    pub fn is_stream(self) -> bool {
        matches!(self.streams(), Streams::Always | Streams::Both)
    }

    /// Whether the body is the Converse API's, rather than the model provider's own.
    pub fn is_converse(self) -> bool {
        self.body() == BodyShape::Converse
    }

    /// SigV4 service name in the credential scope.
    pub fn signing_service(self) -> &'static str {
        self.service().signing_name()
    }

    /// Whether a model writes something that is paid for.
    pub fn generates(self) -> bool {
        match self {
            Operation::CountTokens | Operation::MantleCountTokens | Operation::Retrieve => false,
            Operation::InvokeAgent
            | Operation::InvokeFlow
            | Operation::StartFlowExecution
            | Operation::GenerateQuery
            | Operation::InvokeHarness
            | Operation::InvokeAgentRuntime => true,
            _ => self.asks() != Asks::ApiCall,
        }
    }

    /// Whether the answer, or what the call is about, is put into S3 where nobody reads it.
    pub fn answers_elsewhere(self) -> bool {
        matches!(
            self,
            Operation::StartAsyncInvoke
                | Operation::InvokeEndpointAsync
                | Operation::InvokeInferenceRouterAsync
                | Operation::CreateModelInvocationJob
        )
    }

    /// Whether Hardpan reads the texts of its bodies.
    pub fn reads_body(self) -> bool {
        self.governance() == Governance::Inspected
    }

    /// Errors on these paths have OpenAI's form.
    pub fn speaks_openai(self) -> bool {
        matches!(self.body(), BodyShape::Chat | BodyShape::Responses)
            || matches!(self, Operation::ListModels | Operation::MantleListModels)
    }

    /// Errors on these paths have Anthropic's form.
    pub fn speaks_anthropic(self) -> bool {
        self.body() == BodyShape::Messages
    }
}

/// What a request line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub operation: Operation,
    /// The model the path names.
    pub model: Option<ModelId>,
    template: &'static str,
    /// Decoded path members in the order of the path, then query members in the order they came.
    named: Vec<(&'static str, String)>,
    /// How many of them the path has.
    in_path: usize,
}

impl Target {
    /// The canonical request target: every segment in RFC 3986 unreserved characters, hex in upper case.
    pub fn path(&self) -> String {
        let mut out = String::with_capacity(self.template.len() + 64);
        let mut members = self.named.iter().take(self.in_path);
        for segment in self.template.split('/').skip(1) {
            out.push('/');
            let member = if segment.starts_with('{') { members.next() } else { None };
            match member {
                Some((_, value)) => encode(value, &mut out),
                None => out.push_str(segment),
            }
        }
        for (index, (name, value)) in self.named.iter().skip(self.in_path).enumerate() {
            out.push(if index == 0 { '?' } else { '&' });
            out.push_str(name);
            out.push('=');
            encode(value, &mut out);
        }
        out
    }

    /// A member of path or query, decoded: `member("EndpointName")`.
    pub fn member(&self, name: &str) -> Option<&str> {
        self.named.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str())
    }

    /// The same call of another model. None where the path names no model.
    pub fn with_model(&self, model: &ModelId) -> Option<Target> {
        self.model.as_ref()?;
        let mut target = Target { model: Some(model.clone()), ..self.clone() };
        let (_, value) = target.named.iter_mut().find(|(name, _)| *name == "modelId")?;
        model.as_str().clone_into(value);
        Some(target)
    }

    /// What path and query name, in their order.
    pub fn named(&self) -> &[(&'static str, String)] {
        &self.named
    }
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RouteError {
    /// A path no governed operation has. Carries the AWS operation's name where it is a known one.
    #[error("operation {operation} is not governed")]
    Ungoverned { operation: &'static str },
    #[error("the model id in the path is not valid: {0}")]
    ModelId(#[from] InvalidModelId),
    #[error("the path member {name} is not valid")]
    Member { name: &'static str },
    /// The path is another service's than the one in the credential scope.
    #[error("the credential scope names another service than the path")]
    Scope,
    #[error("the query string has a member this operation does not take")]
    Query,
}

/// Longest decoded path or query member.
const MEMBER_BYTES_MAX: usize = 2048;

/// Reads method and raw request target (as it stood in the request line, still percent-encoded, any configured prefix
/// taken off). `signing_name` is the service in the caller's credential scope, where there is one: some paths exist on
/// two services.
pub fn route(method: &str, raw_target: &[u8], signing_name: Option<&str>) -> Result<Target, RouteError> {
    let (path, query) = match raw_target.iter().position(|byte| *byte == b'?') {
        Some(at) => (raw_target.get(..at).unwrap_or_default(), raw_target.get(at + 1..)),
        None => (raw_target, None),
    };
    let mut segments = path.split(|byte| *byte == b'/');
    if segments.next() != Some(b"") {
        return Err(RouteError::Ungoverned { operation: "unknown" });
    }
    let segments: Vec<&[u8]> = segments.collect();
    let signed_for =
        |operation: Operation| signing_name.is_none_or(|name| name == operation.signing_service());
    let mut out_of_scope = false;
    for operation in Operation::ALL.iter().copied().filter(|operation| operation.method() == method) {
        let Some(template) = operation.paths().iter().find(|template| fits(template, &segments)) else {
            continue;
        };
        if operation.governance() == Governance::Refused {
            return Err(RouteError::Ungoverned { operation: operation.name() });
        }
        if !signed_for(operation) {
            out_of_scope = true;
            continue;
        }
        let (members, model) = read_members(template, &segments)?;
        let mut named = members;
        let in_path = named.len();
        named.extend(read_query(operation, query.unwrap_or_default())?);
        return Ok(Target { operation, model, template, named, in_path });
    }
    if out_of_scope {
        return Err(RouteError::Scope);
    }
    // No segment, or more than one, where a model id stands: an empty id, or a slash in it.
    if let [b"model", _, .., action] = segments.as_slice() {
        let meant = |operation: &Operation| {
            let mut paths = operation.paths().iter();
            operation.method() == method
                && paths.any(|path| path.starts_with("/model/") && last_segment(path) == *action)
        };
        if Operation::ALL.iter().any(meant) {
            return Err(InvalidModelId::Segments.into());
        }
    }
    Err(RouteError::Ungoverned { operation: "unknown" })
}

fn last_segment(template: &str) -> &[u8] {
    template.rsplit('/').next().unwrap_or_default().as_bytes()
}

/// Whether the path has the template's words at the template's places.
fn fits(template: &str, segments: &[&[u8]]) -> bool {
    let mut words = template.split('/').skip(1);
    let mut own = segments.iter();
    loop {
        match (words.next(), own.next()) {
            (None, None) => return true,
            (Some(word), Some(segment)) if word.starts_with('{') && !segment.is_empty() => {}
            (Some(word), Some(segment)) if word.as_bytes() == *segment => {}
            _ => return false,
        }
    }
}

type Members = Vec<(&'static str, String)>;

fn read_members(
    template: &'static str,
    segments: &[&[u8]],
) -> Result<(Members, Option<ModelId>), RouteError> {
    let mut members = Vec::new();
    let mut model = None;
    for (word, segment) in template.split('/').skip(1).zip(segments) {
        let Some(name) = word.strip_prefix('{').and_then(|word| word.strip_suffix('}')) else { continue };
        if name == "modelId" {
            let id = ModelId::from_path_segment(segment)?;
            members.push((name, id.as_str().to_owned()));
            model = Some(id);
            continue;
        }
        let value = percent_decode(segment).filter(|value| is_plain_member(value));
        members.push((name, value.ok_or(RouteError::Member { name })?));
    }
    Ok((members, model))
}

/// Names, ids and ARNs: nothing that another parser could take for structure.
fn is_plain_member(value: &str) -> bool {
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':' | b'/' | b'@' | b'+' | b'=')
    };
    let segment = |part: &str| !part.is_empty() && part != "." && part != "..";
    !value.is_empty()
        && value.len() <= MEMBER_BYTES_MAX
        && value.bytes().all(plain)
        && value.split('/').all(segment)
}

fn read_query(operation: Operation, query: &[u8]) -> Result<Members, RouteError> {
    let mut members: Members = Vec::new();
    for pair in query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let name = pair.get(..at).unwrap_or_default();
        let value = pair.get(at + 1..).unwrap_or_default();
        let known = operation.row().query.iter().copied().find(|known| known.as_bytes() == name);
        let name = known.ok_or(RouteError::Query)?;
        let repeated = members.iter().any(|(own, _)| *own == name) && name != "tagKeys";
        let value = percent_decode(value).filter(|value| value.len() <= MEMBER_BYTES_MAX && !repeated);
        members.push((name, value.ok_or(RouteError::Query)?));
    }
    Ok(members)
}

/// Decodes once. None for a broken escape, a control byte or invalid UTF-8.
fn percent_decode(raw: &[u8]) -> Option<String> {
    crate::model_id::percent_decode(raw)
}

fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
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
            let target = route("POST", path.as_bytes(), Some("bedrock")).unwrap();
            assert_eq!(target.operation, Operation::Converse);
            assert_eq!(
                target.model.as_ref().unwrap().as_str(),
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
            );
            assert_eq!(target.path(), "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse");
        }
    }

    #[test]
    fn every_other_path_is_ungoverned_and_named() {
        for (method, path, operation) in [
            ("GET", "/model/m/converse", "unknown"),
            ("PUT", "/enforcedGuardrailsConfiguration", "PutEnforcedGuardrailConfiguration"),
            (
                "POST",
                "/endpoints/e/invocations-bidirectional-stream",
                "InvokeEndpointWithBidirectionalStream",
            ),
            ("POST", "/", "unknown"),
            ("POST", "model/m/converse", "unknown"),
            ("POST", "/MODEL/m/converse", "unknown"),
            ("POST", "/model/m/converse/", "unknown"),
            ("POST", "//model/m/converse", "unknown"),
        ] {
            assert_eq!(
                route(method, path.as_bytes(), None),
                Err(RouteError::Ungoverned { operation }),
                "{method} {path}"
            );
        }
        assert_eq!(route("POST", b"/model/m/converse", Some("sagemaker")), Err(RouteError::Scope));
    }

    #[test]
    fn every_row_routes_to_itself_and_back() {
        for operation in Operation::ALL.iter().copied() {
            for template in operation.paths() {
                let filled: Vec<String> = template
                    .split('/')
                    .map(|word| if word.starts_with('{') { "a%3Ab".to_owned() } else { word.to_owned() })
                    .collect();
                let path = filled.join("/");
                let routed = route(operation.method(), path.as_bytes(), Some(operation.signing_service()));
                if operation.governance() == Governance::Refused {
                    assert_eq!(routed, Err(RouteError::Ungoverned { operation: operation.name() }), "{path}");
                } else {
                    let target = routed.unwrap();
                    assert_eq!((target.operation, target.path()), (operation, path));
                }
            }
        }
    }

    #[test]
    fn the_scope_tells_two_services_with_one_path_apart() {
        for (signing_name, operation) in
            [("bedrock", Operation::ChatCompletions), ("bedrock-mantle", Operation::MantleChatCompletions)]
        {
            let target = route("POST", b"/v1/chat/completions", Some(signing_name)).unwrap();
            assert_eq!((target.operation, target.path().as_str()), (operation, "/v1/chat/completions"));
        }
    }

    #[test]
    fn query_members_are_those_of_the_operation() {
        let target = route("GET", b"/async-invoke?maxResults=5&nextToken=a%2Fb", None).unwrap();
        assert_eq!(target.path(), "/async-invoke?maxResults=5&nextToken=a%2Fb");
        assert_eq!(target.member("nextToken"), Some("a/b"));
        for path in
            ["/async-invoke?x=1", "/async-invoke?maxResults=1&maxResults=2", "/async-invoke?maxResults=%00"]
        {
            assert_eq!(route("GET", path.as_bytes(), None), Err(RouteError::Query), "{path}");
        }
        for path in ["/endpoints/a%2F..%2Fb/invocations", "/endpoints/a%3Fb/invocations"] {
            let refused = Err(RouteError::Member { name: "EndpointName" });
            assert_eq!(route("POST", path.as_bytes(), None), refused, "{path}");
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
            assert!(
                matches!(route("POST", path.as_bytes(), Some("bedrock")), Err(RouteError::ModelId(_))),
                "{path}"
            );
        }
    }
}
