//! The configuration file: read as written, then turned into what runs. Nothing past [`Config`] sees a raw string.

mod problem;
mod ready;
mod text;
mod written;

pub use problem::{ConfigError, Problem};
pub use ready::{App, ClientCertificates, CredentialsClient, CredentialsEndpointConfig, IdentityConfig};
pub use ready::{
    CacheConfig, Config, GuardSwitches, IssuedKey, Limits, OnFull, PolicyConfig, QuotaConfig, RecordsConfig,
    TlsFiles, UnknownModel,
};
