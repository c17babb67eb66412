//! The configuration file: read as written, then turned into what runs. Nothing past [`Config`] sees a raw string.

mod problem;
mod ready;
mod text;
mod written;

pub use problem::{ConfigError, Problem};
pub use ready::{
    App, ApprovalsConfig, Approver, CacheConfig, ClientCertificates, Config, CountingConfig,
    CredentialsClient, CredentialsEndpointConfig, DecisionLogConfig, EndpointConfig, Endpoints,
    FeedbackConfig, GuardSwitches, HttpVersion, IdentityConfig, IssuedKey, Limits, ModelsConfig, OnFull,
    OpaqueBody, OtlpConfig, PolicyConfig, QuotaConfig, RecordsConfig, Resolve, Shown, TelemetryConfig,
    TlsFiles, Unapproved, UnknownModel, Unresolved, matches,
};
