//! The configuration as written: one struct per section, unknown members refused. Meaning is given in `ready`.

use serde::Deserialize;

use super::text::Text;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    pub listen: Text,
    pub admin: Option<Admin>,
    pub tls: Option<Tls>,
    #[serde(default)]
    pub threads: Option<usize>,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub keys: Vec<Key>,
    pub aws: Aws,
    #[serde(default)]
    pub policy: Policy,
    #[serde(default)]
    pub pii: Switchable,
    #[serde(default)]
    pub injection: Switchable,
    #[serde(default)]
    pub tools: Switchable,
    #[serde(default)]
    pub quota: Quota,
    #[serde(default)]
    pub cache: Cache,
    #[serde(default)]
    pub prices: Prices,
    pub records: Records,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    pub listen: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    pub certificate: Text,
    pub key: Text,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    pub body_bytes_max: Option<usize>,
    pub json_depth_max: Option<usize>,
    pub json_values_max: Option<usize>,
    pub head_timeout_ms: Option<u64>,
    pub body_timeout_ms: Option<u64>,
    pub write_timeout_ms: Option<u64>,
    pub upstream_connect_timeout_ms: Option<u64>,
    pub upstream_read_timeout_ms: Option<u64>,
    pub answer_bytes_max: Option<usize>,
    pub held_stream_bytes_max: Option<usize>,
    pub in_flight_max: Option<usize>,
    pub in_flight_bytes_max: Option<usize>,
    pub clock_skew_max_s: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    pub access_key_id: Text,
    pub secret_access_key: Text,
    pub app: Text,
    pub team: Text,
    pub env: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aws {
    pub region: Text,
    /// Regions callers may sign for; `*` for any. Defaults to `region` alone.
    pub regions: Option<Vec<Text>>,
    /// One URL for every service. Defaults to AWS's public endpoint of the region.
    pub endpoint: Option<Text>,
    #[serde(default)]
    pub credentials: Credentials,
    pub ca: Option<Text>,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Credentials {
    #[default]
    Default,
    Environment,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    #[default]
    On,
    Off,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Switchable {
    pub mode: Switch,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "snake_case")]
pub enum PolicyMode {
    #[default]
    Enforce,
    Shadow,
    Off,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    pub mode: PolicyMode,
    /// `library`, or a directory of Rego files.
    pub bundle: Option<Text>,
    pub data: Vec<Text>,
    pub evaluation_limit_ms: Option<u64>,
    pub memo_entries_max: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    pub mode: Switch,
    pub default_max_tokens: Option<u64>,
    pub limits: Vec<QuotaLimit>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaLimit {
    pub name: Text,
    pub scope: QuotaScope,
    pub of: Option<Text>,
    pub model: Option<Text>,
    pub unit: QuotaUnit,
    pub window: QuotaWindow,
    pub limit: u64,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub enum QuotaScope {
    Org,
    Team,
    App,
    User,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub enum QuotaUnit {
    Requests,
    Tokens,
    NanoUsd,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub enum QuotaWindow {
    Minute,
    Hour,
    Day,
    Month,
    Total,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    pub exact: ExactCache,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct ExactCache {
    pub mode: Switch,
    pub bytes_max: Option<u64>,
    pub entry_bytes_max: Option<usize>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Prices {
    /// `shipped`, or a price book file.
    pub book: Option<Text>,
    pub unknown_model: UnknownModel,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub enum UnknownModel {
    Refuse,
    #[default]
    Flag,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Records {
    /// A file, or `stdout`.
    pub path: Text,
    #[serde(default)]
    pub on_full: OnFull,
    /// Keys the hash of user ids.
    pub user_salt: Option<Text>,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub enum OnFull {
    #[default]
    Refuse,
    DropAndCount,
}
