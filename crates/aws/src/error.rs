//! AWS error types with the status and the names clients know them by (restJson1 protocol; Bedrock runtime API
//! reference, "Common errors").

/// An error as an AWS client types it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorType {
    AccessDenied,
    Validation,
    Throttling,
    ServiceQuotaExceeded,
    ServiceUnavailable,
    InternalServer,
    ModelTimeout,
    InvalidSignature,
    IncompleteSignature,
    UnrecognizedClient,
    MissingAuthenticationToken,
    RequestExpired,
}

impl ErrorType {
    /// The value of `x-amzn-errortype`.
    pub fn name(self) -> &'static str {
        match self {
            ErrorType::AccessDenied => "AccessDeniedException",
            ErrorType::Validation => "ValidationException",
            ErrorType::Throttling => "ThrottlingException",
            ErrorType::ServiceQuotaExceeded => "ServiceQuotaExceededException",
            ErrorType::ServiceUnavailable => "ServiceUnavailableException",
            ErrorType::InternalServer => "InternalServerException",
            ErrorType::ModelTimeout => "ModelTimeoutException",
            ErrorType::InvalidSignature => "InvalidSignatureException",
            ErrorType::IncompleteSignature => "IncompleteSignatureException",
            ErrorType::UnrecognizedClient => "UnrecognizedClientException",
            ErrorType::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            ErrorType::RequestExpired => "RequestExpired",
        }
    }

    pub fn status(self) -> u16 {
        match self {
            ErrorType::Validation | ErrorType::ServiceQuotaExceeded | ErrorType::IncompleteSignature => 400,
            ErrorType::AccessDenied
            | ErrorType::InvalidSignature
            | ErrorType::UnrecognizedClient
            | ErrorType::MissingAuthenticationToken
            | ErrorType::RequestExpired => 403,
            ErrorType::ModelTimeout => 408,
            ErrorType::Throttling => 429,
            ErrorType::InternalServer => 500,
            ErrorType::ServiceUnavailable => 503,
        }
    }

    /// The member of a stream's exception union that carries this error. Unions have no access-denied member, and
    /// clients drop the code and message of any other name.
    pub fn stream_exception(self) -> &'static str {
        match self {
            ErrorType::Throttling => "throttlingException",
            ErrorType::ServiceUnavailable => "serviceUnavailableException",
            ErrorType::InternalServer | ErrorType::ModelTimeout => "internalServerException",
            ErrorType::AccessDenied
            | ErrorType::Validation
            | ErrorType::ServiceQuotaExceeded
            | ErrorType::InvalidSignature
            | ErrorType::IncompleteSignature
            | ErrorType::UnrecognizedClient
            | ErrorType::MissingAuthenticationToken
            | ErrorType::RequestExpired => "validationException",
        }
    }
}
