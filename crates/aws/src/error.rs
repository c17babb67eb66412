//! Errors as clients know them: AWS's names and statuses service by service, OpenAI's and Anthropic's forms, and what
//! says the same inside a stream that has already begun.
//!
//! Which error fits a situation is decided elsewhere; here it only gets its shape.

use bytes::Bytes;
use hardpan_inference::json::quote;
use hardpan_inference::operation::{Operation, Service};
use hardpan_inference::stream::event_stream;

/// An error as a client types it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorType {
    AccessDenied,
    Unauthorized,
    Validation,
    ResourceNotFound,
    Conflict,
    RequestEntityTooLarge,
    Throttling,
    ServiceQuotaExceeded,
    ServiceUnavailable,
    InternalServer,
    ModelTimeout,
    ModelError,
    ModelNotReady,
    DependencyFailed,
    BadGateway,
    InvalidSignature,
    IncompleteSignature,
    UnrecognizedClient,
    MissingAuthenticationToken,
    RequestExpired,
    ExpiredToken,
}

/// The form errors have on a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorDialect {
    Aws,
    OpenAi,
    Anthropic,
}

impl ErrorDialect {
    pub fn of(operation: Operation) -> Self {
        if operation.speaks_openai() {
            ErrorDialect::OpenAi
        } else if operation.speaks_anthropic() {
            ErrorDialect::Anthropic
        } else {
            ErrorDialect::Aws
        }
    }

    /// The form a client expects on a path, whether or not an operation is there.
    pub fn of_path(raw_target: &[u8]) -> Self {
        let starts = |prefixes: &[&[u8]]| prefixes.iter().any(|prefix| raw_target.starts_with(prefix));
        if starts(&[b"/anthropic/v1/"]) {
            ErrorDialect::Anthropic
        } else if starts(&[b"/openai/v1/", b"/v1/"])
            || raw_target.windows(11).any(|part| part == b"/openai/v1/")
        {
            ErrorDialect::OpenAi
        } else {
            ErrorDialect::Aws
        }
    }
}

/// Name and status of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorShape {
    /// The value of `x-amzn-errortype` in AWS's form, of `type` in the others.
    pub name: &'static str,
    pub status: u16,
}

const fn shape(name: &'static str, status: u16) -> ErrorShape {
    ErrorShape { name, status }
}

impl ErrorType {
    pub const ALL: [ErrorType; 21] = [
        ErrorType::AccessDenied,
        ErrorType::Unauthorized,
        ErrorType::Validation,
        ErrorType::ResourceNotFound,
        ErrorType::Conflict,
        ErrorType::RequestEntityTooLarge,
        ErrorType::Throttling,
        ErrorType::ServiceQuotaExceeded,
        ErrorType::ServiceUnavailable,
        ErrorType::InternalServer,
        ErrorType::ModelTimeout,
        ErrorType::ModelError,
        ErrorType::ModelNotReady,
        ErrorType::DependencyFailed,
        ErrorType::BadGateway,
        ErrorType::InvalidSignature,
        ErrorType::IncompleteSignature,
        ErrorType::UnrecognizedClient,
        ErrorType::MissingAuthenticationToken,
        ErrorType::RequestExpired,
        ErrorType::ExpiredToken,
    ];

    /// The name at the Bedrock runtime, which is also what records and metrics call the error.
    pub fn name(self) -> &'static str {
        aws_shape(self, Service::BedrockRuntime).name
    }

    /// The status at the Bedrock runtime.
    pub fn status(self) -> u16 {
        aws_shape(self, Service::BedrockRuntime).status
    }

    pub fn shape(self, service: Service, dialect: ErrorDialect) -> ErrorShape {
        match dialect {
            ErrorDialect::Aws => aws_shape(self, service),
            ErrorDialect::OpenAi => openai_shape(self),
            ErrorDialect::Anthropic => anthropic_shape(self),
        }
    }

    /// Whether a client that tries again by itself can only do harm: the money stays spent, and an answer that took
    /// too long would be generated, and paid for, once more.
    pub fn forbids_retry(self) -> bool {
        matches!(self, ErrorType::ServiceQuotaExceeded | ErrorType::ModelTimeout)
    }

    /// The body of an error answer. `request_id` appears in Anthropic's form only.
    pub fn body(self, service: Service, dialect: ErrorDialect, message: &str, request_id: &str) -> String {
        let message = quote(message);
        match dialect {
            ErrorDialect::Aws => format!("{{\"{}\":{message}}}", message_member(service)),
            ErrorDialect::OpenAi => format!(
                "{{\"error\":{{\"message\":{message},\"type\":\"{}\",\"code\":\"{}\",\"param\":null}}}}",
                openai_shape(self).name,
                openai_code(self)
            ),
            ErrorDialect::Anthropic => format!(
                "{{\"type\":\"error\",\"error\":{{\"type\":\"{}\",\"message\":{message}}},\"request_id\":{}}}",
                anthropic_shape(self).name,
                quote(request_id)
            ),
        }
    }

    /// The member of the operation's stream union that carries this error. Clients drop the code and message of any
    /// other name, so an error the union lacks goes by the nearest one it has.
    pub fn stream_exception(self, operation: Operation) -> &'static str {
        let union = stream_union(operation);
        let nearest = stream_names(self).iter().copied().find(|name| union.contains(name));
        nearest.or_else(|| union.first().copied()).unwrap_or("internalServerException")
    }

    /// The same as a whole frame, in the operation's own payload.
    pub fn stream_exception_frame(self, operation: Operation, message: &str) -> Bytes {
        let name = self.stream_exception(operation);
        let message_json = quote(message);
        let payload = match name {
            "ModelStreamError" => {
                format!("{{\"Message\":{message_json},\"ErrorCode\":\"{}\"}}", stream_error_code(self))
            }
            "InternalStreamFailure" => format!("{{\"Message\":{message_json}}}"),
            _ => return event_stream::exception(name, message),
        };
        let headers = [
            (":exception-type", name),
            (":content-type", "application/json"),
            (":message-type", "exception"),
        ];
        let mut out = Vec::with_capacity(payload.len() + 128);
        event_stream::encode(&headers, payload.as_bytes(), &mut out);
        Bytes::from(out)
    }

    /// The same as a server-sent event. None where the dialect's streams are made of frames.
    pub fn stream_error_event(
        self,
        dialect: ErrorDialect,
        message: &str,
        request_id: &str,
    ) -> Option<String> {
        let body = self.body(Service::BedrockRuntime, dialect, message, request_id);
        match dialect {
            ErrorDialect::Aws => None,
            ErrorDialect::OpenAi => Some(format!("data: {body}\n\n")),
            ErrorDialect::Anthropic => Some(format!("event: error\ndata: {body}\n\n")),
        }
    }
}

/// Names and statuses of the service models; where a service has no such error, AWS's common name, or the modelled
/// error that its clients treat alike.
fn aws_shape(error: ErrorType, service: Service) -> ErrorShape {
    use ErrorType as E;
    use Service as S;
    match (error, service) {
        (E::AccessDenied, _) => shape("AccessDeniedException", 403),
        (E::Unauthorized, S::AgentCore) => shape("UnauthorizedException", 401),
        (E::Unauthorized | E::UnrecognizedClient, _) => shape("UnrecognizedClientException", 403),
        (E::Validation | E::ResourceNotFound | E::Conflict, S::SagemakerRuntime) => {
            shape("ValidationError", 400)
        }
        (E::ResourceNotFound | E::Conflict, S::InferenceRouter) => shape("ValidationException", 400),
        (E::Validation, _) => shape("ValidationException", 400),
        (E::ResourceNotFound, _) => shape("ResourceNotFoundException", 404),
        (E::Conflict, S::AgentRuntime | S::AgentCore) => shape("ConflictException", 409),
        (E::Conflict, _) => shape("ConflictException", 400),
        (E::RequestEntityTooLarge, _) => shape("RequestEntityTooLarge", 413),
        (E::Throttling, _) => shape("ThrottlingException", 429),
        (E::ServiceQuotaExceeded, S::AgentCore) => shape("ServiceQuotaExceededException", 402),
        (E::ServiceQuotaExceeded, _) => shape("ServiceQuotaExceededException", 400),
        (E::BadGateway, S::AgentRuntime) => shape("BadGatewayException", 502),
        (E::ModelNotReady, S::AgentRuntime) => shape("ModelNotReadyException", 424),
        (E::ServiceUnavailable | E::BadGateway, S::SagemakerRuntime) => shape("ServiceUnavailable", 503),
        (E::ServiceUnavailable | E::BadGateway, _) | (E::ModelNotReady, S::AgentCore | S::Bedrock) => {
            shape("ServiceUnavailableException", 503)
        }
        (E::ModelNotReady, _) => shape("ModelNotReadyException", 429),
        (E::InternalServer, S::SagemakerRuntime | S::InferenceRouter) => shape("InternalFailure", 500),
        (E::InternalServer, _) => shape("InternalServerException", 500),
        (E::DependencyFailed, S::SagemakerRuntime | S::InferenceRouter) => {
            shape("InternalDependencyException", 530)
        }
        (E::ModelTimeout | E::ModelError, S::SagemakerRuntime | S::InferenceRouter) => {
            shape("ModelError", 424)
        }
        (E::ModelTimeout | E::ModelError | E::DependencyFailed, S::AgentRuntime) => {
            shape("DependencyFailedException", 424)
        }
        (E::ModelTimeout | E::ModelError | E::DependencyFailed, S::AgentCore) => {
            shape("RuntimeClientError", 424)
        }
        (E::ModelTimeout, _) => shape("ModelTimeoutException", 408),
        (E::ModelError | E::DependencyFailed, _) => shape("ModelErrorException", 424),
        (E::InvalidSignature, _) => shape("InvalidSignatureException", 403),
        (E::IncompleteSignature, _) => shape("IncompleteSignatureException", 400),
        (E::MissingAuthenticationToken, _) => shape("MissingAuthenticationTokenException", 403),
        (E::RequestExpired, _) => shape("RequestExpired", 403),
        (E::ExpiredToken, _) => shape("ExpiredTokenException", 403),
    }
}

fn openai_shape(error: ErrorType) -> ErrorShape {
    use ErrorType as E;
    match error {
        E::AccessDenied => shape("permission_error", 403),
        E::Unauthorized
        | E::InvalidSignature
        | E::IncompleteSignature
        | E::UnrecognizedClient
        | E::MissingAuthenticationToken
        | E::RequestExpired
        | E::ExpiredToken => shape("authentication_error", 401),
        E::Validation => shape("invalid_request_error", 400),
        E::ResourceNotFound => shape("invalid_request_error", 404),
        E::Conflict => shape("invalid_request_error", 409),
        E::RequestEntityTooLarge => shape("invalid_request_error", 413),
        E::Throttling => shape("rate_limit_error", 429),
        E::ServiceQuotaExceeded => shape("insufficient_quota", 429),
        E::InternalServer => shape("server_error", 500),
        E::ModelTimeout => shape("server_error", 504),
        E::ModelError | E::DependencyFailed | E::BadGateway => shape("server_error", 502),
        E::ServiceUnavailable | E::ModelNotReady => shape("server_error", 503),
    }
}

fn openai_code(error: ErrorType) -> &'static str {
    use ErrorType as E;
    match error {
        E::AccessDenied => "access_denied",
        E::Unauthorized
        | E::InvalidSignature
        | E::IncompleteSignature
        | E::UnrecognizedClient
        | E::MissingAuthenticationToken
        | E::RequestExpired
        | E::ExpiredToken => "invalid_api_key",
        E::Validation => "invalid_request",
        E::ResourceNotFound => "not_found",
        E::Conflict => "conflict",
        E::RequestEntityTooLarge => "request_too_large",
        E::Throttling => "rate_limit_exceeded",
        E::ServiceQuotaExceeded => "insufficient_quota",
        E::InternalServer => "internal_error",
        E::ModelTimeout => "timeout",
        E::ModelError | E::DependencyFailed | E::BadGateway => "upstream_error",
        E::ServiceUnavailable | E::ModelNotReady => "service_unavailable",
    }
}

fn anthropic_shape(error: ErrorType) -> ErrorShape {
    use ErrorType as E;
    match error {
        E::AccessDenied => shape("permission_error", 403),
        E::Unauthorized
        | E::InvalidSignature
        | E::IncompleteSignature
        | E::UnrecognizedClient
        | E::MissingAuthenticationToken
        | E::RequestExpired
        | E::ExpiredToken => shape("authentication_error", 401),
        E::Validation | E::Conflict => shape("invalid_request_error", 400),
        E::ResourceNotFound => shape("not_found_error", 404),
        E::RequestEntityTooLarge => shape("request_too_large", 413),
        E::Throttling => shape("rate_limit_error", 429),
        E::ServiceQuotaExceeded => shape("billing_error", 402),
        E::ModelTimeout => shape("timeout_error", 504),
        E::InternalServer | E::ModelError | E::DependencyFailed | E::BadGateway => shape("api_error", 500),
        E::ServiceUnavailable | E::ModelNotReady => shape("overloaded_error", 529),
    }
}

/// SageMaker's models spell it with a capital.
fn message_member(service: Service) -> &'static str {
    match service {
        Service::SagemakerRuntime | Service::InferenceRouter => "Message",
        Service::BedrockRuntime
        | Service::Mantle
        | Service::AgentRuntime
        | Service::AgentCore
        | Service::Bedrock => "message",
    }
}

/// Members that carry an error in the stream unions, the best one first.
fn stream_names(error: ErrorType) -> &'static [&'static str] {
    use ErrorType as E;
    match error {
        E::AccessDenied
        | E::Unauthorized
        | E::InvalidSignature
        | E::IncompleteSignature
        | E::UnrecognizedClient
        | E::MissingAuthenticationToken
        | E::RequestExpired
        | E::ExpiredToken => &["accessDeniedException", "validationException", "ModelStreamError"],
        E::Validation | E::RequestEntityTooLarge => &["validationException", "ModelStreamError"],
        E::ResourceNotFound => &["resourceNotFoundException", "validationException", "ModelStreamError"],
        E::Conflict => &["conflictException", "validationException", "ModelStreamError"],
        E::Throttling => &["throttlingException", "ModelStreamError"],
        E::ServiceQuotaExceeded => {
            &["serviceQuotaExceededException", "validationException", "ModelStreamError"]
        }
        E::ServiceUnavailable => {
            &["serviceUnavailableException", "internalServerException", "InternalStreamFailure"]
        }
        E::BadGateway => &[
            "badGatewayException",
            "serviceUnavailableException",
            "internalServerException",
            "ModelStreamError",
        ],
        E::InternalServer => &["internalServerException", "InternalStreamFailure"],
        E::ModelTimeout => &[
            "modelTimeoutException",
            "modelStreamErrorException",
            "dependencyFailedException",
            "runtimeClientError",
            "ModelStreamError",
        ],
        E::ModelError | E::DependencyFailed => &[
            "modelStreamErrorException",
            "dependencyFailedException",
            "runtimeClientError",
            "ModelStreamError",
        ],
        E::ModelNotReady => &[
            "modelNotReadyException",
            "serviceUnavailableException",
            "dependencyFailedException",
            "internalServerException",
            "ModelStreamError",
        ],
    }
}

/// The exceptions in the operation's stream union, as its service model has them. The first one is the catch-all.
fn stream_union(operation: Operation) -> &'static [&'static str] {
    const CONVERSE: &[&str] = &[
        "internalServerException",
        "modelStreamErrorException",
        "validationException",
        "throttlingException",
        "serviceUnavailableException",
    ];
    const INVOKE: &[&str] = &[
        "internalServerException",
        "modelStreamErrorException",
        "validationException",
        "throttlingException",
        "modelTimeoutException",
        "serviceUnavailableException",
    ];
    const SAGEMAKER: &[&str] = &["InternalStreamFailure", "ModelStreamError"];
    const AGENT: &[&str] = &[
        "internalServerException",
        "accessDeniedException",
        "badGatewayException",
        "conflictException",
        "dependencyFailedException",
        "resourceNotFoundException",
        "serviceQuotaExceededException",
        "throttlingException",
        "validationException",
    ];
    const INVOKE_AGENT: &[&str] = &[
        "internalServerException",
        "accessDeniedException",
        "badGatewayException",
        "conflictException",
        "dependencyFailedException",
        "modelNotReadyException",
        "resourceNotFoundException",
        "serviceQuotaExceededException",
        "throttlingException",
        "validationException",
    ];
    const OPTIMIZE: &[&str] = &[
        "internalServerException",
        "accessDeniedException",
        "badGatewayException",
        "dependencyFailedException",
        "throttlingException",
        "validationException",
    ];
    const COMMAND: &[&str] = &[
        "internalServerException",
        "accessDeniedException",
        "resourceNotFoundException",
        "serviceQuotaExceededException",
        "throttlingException",
        "validationException",
        "runtimeClientError",
    ];
    const INTERPRETER: &[&str] = &[
        "internalServerException",
        "accessDeniedException",
        "conflictException",
        "resourceNotFoundException",
        "serviceQuotaExceededException",
        "throttlingException",
        "validationException",
    ];
    const HARNESS: &[&str] = &["internalServerException", "validationException", "runtimeClientError"];
    match operation {
        Operation::InvokeModelWithResponseStream | Operation::InvokeModelWithBidirectionalStream => INVOKE,
        Operation::InvokeAgent => INVOKE_AGENT,
        Operation::OptimizePrompt => OPTIMIZE,
        Operation::InvokeAgentRuntimeCommand => COMMAND,
        Operation::InvokeCodeInterpreter => INTERPRETER,
        _ => match operation.service() {
            Service::BedrockRuntime | Service::Mantle | Service::Bedrock => CONVERSE,
            Service::SagemakerRuntime | Service::InferenceRouter => SAGEMAKER,
            Service::AgentRuntime => AGENT,
            Service::AgentCore => HARNESS,
        },
    }
}

/// `ErrorCode` of SageMaker's `ModelStreamError`: the two codes it documents, else the error's own name.
fn stream_error_code(error: ErrorType) -> &'static str {
    match error {
        ErrorType::ModelTimeout => "ModelInvocationTimeExceeded",
        ErrorType::ModelError | ErrorType::DependencyFailed | ErrorType::BadGateway => "StreamBroken",
        _ => error.name(),
    }
}

#[cfg(test)]
mod tests {
    use hardpan_inference::stream::event_stream::Frame;

    use super::*;

    const DIALECTS: [ErrorDialect; 3] = [ErrorDialect::Aws, ErrorDialect::OpenAi, ErrorDialect::Anthropic];

    #[test]
    fn every_service_is_answered_in_its_own_names() {
        use ErrorType as E;
        use Service as S;
        for (error, service, name, status) in [
            (E::AccessDenied, S::BedrockRuntime, "AccessDeniedException", 403),
            (E::AccessDenied, S::SagemakerRuntime, "AccessDeniedException", 403),
            (E::Validation, S::BedrockRuntime, "ValidationException", 400),
            (E::Validation, S::SagemakerRuntime, "ValidationError", 400),
            (E::Validation, S::InferenceRouter, "ValidationException", 400),
            (E::Throttling, S::AgentCore, "ThrottlingException", 429),
            (E::ServiceQuotaExceeded, S::BedrockRuntime, "ServiceQuotaExceededException", 400),
            (E::ServiceQuotaExceeded, S::AgentCore, "ServiceQuotaExceededException", 402),
            (E::Conflict, S::BedrockRuntime, "ConflictException", 400),
            (E::Conflict, S::AgentRuntime, "ConflictException", 409),
            (E::ServiceUnavailable, S::SagemakerRuntime, "ServiceUnavailable", 503),
            (E::ServiceUnavailable, S::InferenceRouter, "ServiceUnavailableException", 503),
            (E::InternalServer, S::SagemakerRuntime, "InternalFailure", 500),
            (E::InternalServer, S::InferenceRouter, "InternalFailure", 500),
            (E::ModelTimeout, S::BedrockRuntime, "ModelTimeoutException", 408),
            (E::ModelTimeout, S::SagemakerRuntime, "ModelError", 424),
            (E::ModelError, S::BedrockRuntime, "ModelErrorException", 424),
            (E::ModelNotReady, S::BedrockRuntime, "ModelNotReadyException", 429),
            (E::ModelNotReady, S::AgentRuntime, "ModelNotReadyException", 424),
            (E::DependencyFailed, S::AgentRuntime, "DependencyFailedException", 424),
            (E::DependencyFailed, S::SagemakerRuntime, "InternalDependencyException", 530),
            (E::BadGateway, S::AgentRuntime, "BadGatewayException", 502),
            (E::ResourceNotFound, S::BedrockRuntime, "ResourceNotFoundException", 404),
            (E::RequestEntityTooLarge, S::InferenceRouter, "RequestEntityTooLarge", 413),
            (E::Unauthorized, S::AgentCore, "UnauthorizedException", 401),
            (E::Unauthorized, S::BedrockRuntime, "UnrecognizedClientException", 403),
            (E::ExpiredToken, S::Bedrock, "ExpiredTokenException", 403),
        ] {
            let found = error.shape(service, ErrorDialect::Aws);
            assert_eq!(found, ErrorShape { name, status }, "{error:?} {service:?}");
        }
    }

    #[test]
    fn every_error_has_a_body_that_reads_as_json_in_every_dialect() {
        for error in ErrorType::ALL {
            for service in Service::ALL {
                for dialect in DIALECTS {
                    assert!((400..600).contains(&error.shape(service, dialect).status));
                    let body = error.body(service, dialect, "a \"quoted\"\nmessage", "id-1");
                    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
                    let message = match dialect {
                        ErrorDialect::Aws => &body[message_member(service)],
                        ErrorDialect::OpenAi | ErrorDialect::Anthropic => &body["error"]["message"],
                    };
                    assert_eq!(message, "a \"quoted\"\nmessage");
                }
            }
        }
    }

    #[test]
    fn bodies_are_those_the_sdks_read() {
        let body = |error: ErrorType, service, dialect| error.body(service, dialect, "no", "id-1");
        for (error, service, dialect, expected) in [
            (ErrorType::AccessDenied, Service::BedrockRuntime, ErrorDialect::Aws, r#"{"message":"no"}"#),
            (ErrorType::AccessDenied, Service::SagemakerRuntime, ErrorDialect::Aws, r#"{"Message":"no"}"#),
            (
                ErrorType::InternalServer,
                Service::Mantle,
                ErrorDialect::OpenAi,
                r#"{"error":{"message":"no","type":"server_error","code":"internal_error","param":null}}"#,
            ),
            (
                ErrorType::AccessDenied,
                Service::Mantle,
                ErrorDialect::Anthropic,
                r#"{"type":"error","error":{"type":"permission_error","message":"no"},"request_id":"id-1"}"#,
            ),
        ] {
            assert_eq!(body(error, service, dialect), expected);
        }
    }

    #[test]
    fn stream_exceptions_are_members_of_the_operations_union() {
        use ErrorType as E;
        use Operation as O;
        for (error, operation, member) in [
            (E::AccessDenied, O::ConverseStream, "validationException"),
            (E::AccessDenied, O::InvokeAgent, "accessDeniedException"),
            (E::AccessDenied, O::InvokeHarness, "validationException"),
            (E::ModelTimeout, O::ConverseStream, "modelStreamErrorException"),
            (E::ModelTimeout, O::InvokeModelWithResponseStream, "modelTimeoutException"),
            (E::ModelTimeout, O::InvokeModelWithBidirectionalStream, "modelTimeoutException"),
            (E::ModelTimeout, O::InvokeFlow, "dependencyFailedException"),
            (E::ModelError, O::InvokeAgentRuntimeCommand, "runtimeClientError"),
            (E::Conflict, O::OptimizePrompt, "validationException"),
            (E::ServiceUnavailable, O::ConverseStream, "serviceUnavailableException"),
            (E::ServiceUnavailable, O::InvokeInlineAgent, "internalServerException"),
            (E::ModelNotReady, O::InvokeAgent, "modelNotReadyException"),
            (E::ServiceQuotaExceeded, O::InvokeCodeInterpreter, "serviceQuotaExceededException"),
            (E::Throttling, O::InvokeHarness, "internalServerException"),
            (E::AccessDenied, O::InvokeEndpointWithResponseStream, "ModelStreamError"),
            (E::InternalServer, O::InvokeEndpointWithResponseStream, "InternalStreamFailure"),
        ] {
            assert_eq!(error.stream_exception(operation), member, "{error:?} {operation:?}");
        }
        for error in ErrorType::ALL {
            for operation in Operation::ALL.iter().copied() {
                assert!(stream_union(operation).contains(&error.stream_exception(operation)));
            }
        }
    }

    #[test]
    fn exception_frames_have_the_payload_of_their_service() {
        for (error, operation, payload) in [
            (ErrorType::AccessDenied, Operation::ConverseStream, r#"{"message":"no"}"#),
            (
                ErrorType::ModelTimeout,
                Operation::InvokeEndpointWithResponseStream,
                r#"{"Message":"no","ErrorCode":"ModelInvocationTimeExceeded"}"#,
            ),
            (ErrorType::InternalServer, Operation::InvokeEndpointWithResponseStream, r#"{"Message":"no"}"#),
        ] {
            let frame = Frame::parse(error.stream_exception_frame(operation, "no")).unwrap();
            assert_eq!(frame.header(":message-type"), Some("exception"));
            assert_eq!(frame.header(":exception-type"), Some(error.stream_exception(operation)));
            assert_eq!(frame.payload(), payload.as_bytes());
        }
    }

    #[test]
    fn server_sent_streams_end_in_their_own_error_event() {
        let event = |dialect| ErrorType::Throttling.stream_error_event(dialect, "slow\ndown", "id-1");
        assert_eq!(event(ErrorDialect::Aws), None);
        let openai = event(ErrorDialect::OpenAi).unwrap();
        assert!(openai.starts_with("data: {\"error\":{") && openai.ends_with("}\n\n"));
        let anthropic = event(ErrorDialect::Anthropic).unwrap();
        assert!(anthropic.starts_with("event: error\ndata: {\"type\":\"error\","));
        assert_eq!(anthropic.matches('\n').count(), 3, "a line break in a message cannot end the event");
        assert_eq!(ErrorDialect::of(Operation::MantleMessages), ErrorDialect::Anthropic);
        assert_eq!(ErrorDialect::of(Operation::ChatCompletions), ErrorDialect::OpenAi);
        assert_eq!(ErrorDialect::of(Operation::Converse), ErrorDialect::Aws);
    }
}
