//! The configuration file: read as written, then turned into what runs. Nothing past [`Config`] sees a raw string.

mod problem;
mod ready;
mod text;
mod written;

pub use problem::{ConfigError, Problem};
pub use ready::{
    App, CacheConfig, ClientCertificates, Config, CredentialsClient, CredentialsEndpointConfig,
    EndpointConfig, Endpoints, GuardSwitches, HttpVersion, IdentityConfig, IssuedKey, Limits, ModelsConfig,
    OnFull, OpaqueBody, OtlpConfig, PolicyConfig, QuotaConfig, RecordsConfig, Resolve, TelemetryConfig,
    TlsFiles, UnknownModel, Unresolved, matches,
};
