//! The configuration as written: one struct per section, unknown members refused. Meaning is given in `ready`.

use std::collections::BTreeMap;

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
    /// Written by `hardpan keys`; read again when it changes.
    pub keys_file: Option<Text>,
    #[serde(default)]
    pub identity: Identity,
    pub credentials_endpoint: Option<CredentialsEndpoint>,
    pub aws: Aws,
    #[serde(default)]
    pub models: Models,
    #[serde(default)]
    pub endpoints: Vec<EndpointEntry>,
    #[serde(default)]
    pub policy: Policy,
    #[serde(default)]
    pub pii: Pii,
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
    #[serde(default)]
    pub feedback: Feedback,
    pub records: Records,
    #[serde(default)]
    pub telemetry: Telemetry,
    pub approvals: Option<Approvals>,
}

/// People who let requests and calls go on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approvals {
    pub folder: Text,
    pub approvers: Vec<ApproverEntry>,
    pub ttl_s: Option<u64>,
    pub wait_s: Option<u64>,
    pub wait_s_max: Option<u64>,
    pub waiting_max: Option<usize>,
    pub kept_max: Option<usize>,
    pub pending_per_app_max: Option<usize>,
    #[serde(default)]
    pub unapproved: Unapproved,
    #[serde(default)]
    pub arguments: Shown,
    /// Where approvers find an approval; `{id}` stands for it.
    pub url: Option<Text>,
    /// Lets the admin port be another address than loopback.
    #[serde(default)]
    pub beyond_loopback: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApproverEntry {
    pub name: Text,
    pub token: Text,
    pub groups: Vec<Text>,
    /// The end users they are, whose calls they cannot approve.
    #[serde(default)]
    pub users: Vec<Text>,
    /// The apps they speak for, whose calls they cannot approve.
    #[serde(default)]
    pub apps: Vec<Text>,
}

/// What becomes of an answer with a call nobody has approved in time.
#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Unapproved {
    /// It is refused, and kept for when it is asked for again.
    #[default]
    Refuse,
    /// A text stands in the call's place.
    Replace,
}

/// What approvers are shown of a call's arguments.
#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    #[default]
    Redacted,
    None,
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
    /// Callers' certificates are asked for, and must be of this CA.
    pub client_ca: Option<Text>,
    #[serde(default)]
    pub client: ClientCertificates,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificates {
    #[default]
    Required,
    Optional,
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
    pub drain_bytes_max: Option<usize>,
    pub drain_timeout_ms: Option<u64>,
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

/// How callers are known, beside keys.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Identity {
    pub replay: Replay,
    pub replay_signatures_max: Option<usize>,
    pub jwt: Option<Jwt>,
    pub mtls: Vec<Certificate>,
    /// Whoever calls is this app.
    pub fixed: Option<AppName>,
    pub prefixes: Vec<Prefix>,
    /// What the keys of the credentials endpoint follow from. Defaults to one of this process alone.
    pub master_secret: Option<Text>,
}

/// What becomes of a request whose signature was seen before.
#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Replay {
    #[default]
    Refuse,
    Allow,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppName {
    pub app: Text,
    pub team: Text,
    pub env: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwt {
    pub issuer: Text,
    pub audience: Text,
    pub jwks_file: Option<Text>,
    pub jwks_url: Option<Text>,
    /// The CA of `jwks_url`, where it is a private one.
    pub jwks_ca: Option<Text>,
    pub jwks_refresh_s: Option<u64>,
    pub algorithms: Option<Vec<Text>>,
    pub app_claim: Text,
    pub team_claim: Text,
    pub user_claim: Option<Text>,
    pub groups_claim: Option<Text>,
}

/// Which certificate is which app, by one of its names.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    pub subject_cn: Option<Text>,
    pub san_dns: Option<Text>,
    pub san_uri: Option<Text>,
    pub app: Text,
    pub team: Text,
    pub env: Option<Text>,
}

/// A path in front of every operation's own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prefix {
    pub prefix: Text,
    pub app: Option<Text>,
    pub team: Option<Text>,
    /// By the name its SDK client has: `bedrock-mantle`.
    pub service: Option<Text>,
}

/// Where apps fetch short-lived keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialsEndpoint {
    pub listen: Text,
    #[serde(default)]
    pub beyond_loopback: bool,
    pub ttl_s: Option<u32>,
    pub apps: Vec<CredentialsClient>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialsClient {
    pub app: Text,
    pub team: Text,
    pub env: Option<Text>,
    pub token: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aws {
    pub region: Text,
    /// Regions callers may sign for; `*` for any. Defaults to `region` alone.
    pub regions: Option<Vec<Text>>,
    /// One URL for every service. Defaults to AWS's public endpoint of the region.
    pub endpoint: Option<Text>,
    /// A URL for one service, by the name its SDK client has: `sagemaker-runtime`.
    #[serde(default)]
    pub endpoints: BTreeMap<String, Text>,
    #[serde(default)]
    pub fips: bool,
    #[serde(default)]
    pub http: HttpVersion,
    #[serde(default)]
    pub credentials: Credentials,
    pub profile: Option<Text>,
    pub ca: Option<Text>,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Credentials {
    /// The first source of AWS's default chain that has some.
    #[default]
    Default,
    Environment,
    /// ECS tasks and EKS Pod Identity.
    Ecs,
    /// EKS service accounts (IRSA).
    WebIdentity,
    /// EC2 instances.
    Imds,
    /// A profile of the shared configuration files, by the name in `aws.profile`.
    Profile,
}

/// What is spoken to AWS.
#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum HttpVersion {
    #[default]
    H1,
    /// Over TLS by ALPN, HTTP/1.1 where the other side has no HTTP/2; over plain text by prior knowledge.
    H2,
}

/// Models whose ids do not say what they are.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Models {
    /// From an id or ARN, `agent/ID/ALIAS`, `flow/ID/ALIAS` or `endpoint/NAME` to a base model id. A `*` at the end
    /// stands for any rest.
    pub map: BTreeMap<String, Text>,
    pub resolve: Resolve,
    pub resolved_for_s: Option<u64>,
    pub unresolved: Unresolved,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Resolve {
    #[default]
    ControlPlane,
    Off,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Unresolved {
    #[default]
    Refuse,
    /// Policy decides without knowing the base model.
    Allow,
}

/// What is known of a SageMaker endpoint.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointEntry {
    /// A name; a `*` at the end stands for any rest.
    pub name: Text,
    /// The dialect of its bodies, where it shall not be told by looking at them.
    pub dialect: Option<Text>,
    /// Bodies that are not text.
    #[serde(default)]
    pub opaque_body: OpaqueBody,
    /// What an instance costs in an hour, in US dollars.
    pub usd_per_instance_hour: Option<Text>,
    pub instances: Option<u32>,
    /// What the endpoint does in an hour when it is busy: one of the two.
    pub tokens_per_hour: Option<u64>,
    pub requests_per_hour: Option<u64>,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum OpaqueBody {
    #[default]
    Deny,
    /// Policy decides without an inspection.
    Pass,
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

/// What counts as personal data or a secret.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Pii {
    pub mode: Switch,
    /// Which types are reported. Defaults to all.
    pub types: Option<Vec<Text>>,
    /// Whole values that are never reported.
    pub allow: Vec<Text>,
    pub recognisers: Vec<Recogniser>,
    /// What tokens, hashes and made-up values follow from. Defaults to one of this process alone.
    pub key: Option<Text>,
    /// Where requests share what tokens stand for. Absent, each knows its own alone.
    pub shared: Option<PiiShared>,
}

/// A store of what tokens stand for.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct PiiShared {
    /// Defaults to those of `quota.shared`, as does the namespace.
    pub urls: Vec<Text>,
    pub namespace: Option<Text>,
    pub timeout_ms: Option<u64>,
    pub ttl_s: Option<u64>,
    pub values_max: Option<usize>,
    pub on_error: PiiUnshared,
    /// The key before `pii.key`.
    pub previous_key: Option<Text>,
}

/// What becomes of a request whose values cannot be shared.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "snake_case")]
pub enum PiiUnshared {
    #[default]
    Continue,
    Refuse,
}

/// A recogniser of the operator's own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recogniser {
    #[serde(rename = "type")]
    pub kind: Text,
    /// Without interpolation: `$` means something else here.
    pub pattern: String,
    #[serde(default)]
    pub context: Vec<Text>,
    pub validator: Option<Text>,
    pub confidence: Option<u8>,
    #[serde(default)]
    pub denylist: Vec<Text>,
    #[serde(default)]
    pub examples: Examples,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Examples {
    #[serde(rename = "match")]
    pub matches: Vec<String>,
    #[serde(rename = "no_match")]
    pub no_matches: Vec<String>,
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
    /// `library`, a directory, an archive, an https URL or `s3://BUCKET/KEY`.
    pub bundle: Option<Text>,
    pub data: Vec<Text>,
    pub fetch: Option<BundleFetch>,
    pub signature: Option<BundleSignature>,
    /// Where a copy of the last good archive is kept, for a start without its source.
    pub last_good: Option<Text>,
    pub evaluation_limit_ms: Option<u64>,
    pub memo_entries_max: Option<u64>,
    pub decision_log: Option<DecisionLog>,
}

/// Where decisions are written with what they were about.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionLog {
    pub path: Text,
    #[serde(default)]
    pub on_full: OnFull,
    pub rotate: Option<DecisionLogRotate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionLogRotate {
    pub bytes_max: Option<u64>,
    pub hours_max: Option<u32>,
    /// Files put aside that are kept.
    pub files_max: Option<usize>,
}

/// How a bundle that is not on this machine is fetched.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct BundleFetch {
    pub poll_s: Option<u64>,
    pub ca: Option<Text>,
    pub token: Option<Text>,
    /// Of S3. Defaults to `aws.region`.
    pub region: Option<Text>,
    /// In place of S3's public one.
    pub endpoint: Option<Text>,
}

/// What a bundle's signature is checked with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleSignature {
    pub algorithm: Text,
    /// A PEM public key.
    pub key_file: Option<Text>,
    /// Of the algorithms `HS…`.
    pub secret: Option<Text>,
    pub key_id: Option<Text>,
    pub scope: Option<Text>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    pub mode: Switch,
    pub default_max_tokens: Option<u64>,
    pub output: QuotaBound,
    pub open_max_tokens: QuotaOpen,
    pub input: QuotaInput,
    pub counting: Option<QuotaCounting>,
    pub cache_hits: QuotaCacheHits,
    pub headers: Switch,
    pub alarms: QuotaAlarms,
    pub journal: Option<QuotaJournal>,
    pub shared: Option<QuotaShared>,
    pub limits: Vec<QuotaLimit>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "snake_case")]
pub enum QuotaBound {
    #[default]
    Hard,
    Learnt,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "snake_case")]
pub enum QuotaOpen {
    #[default]
    Default,
    Learnt,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "snake_case")]
pub enum QuotaInput {
    #[default]
    Estimated,
    /// By CountTokens, where it matters.
    Counted,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct QuotaCounting {
    pub when_over_percent: Option<u64>,
    pub timeout_ms: Option<u64>,
    pub on_error: QuotaUncounted,
    pub margin_percent: Option<u64>,
    pub body_bytes_max: Option<usize>,
    pub unsupported_for_s: Option<u64>,
}

/// What becomes of a request whose input could not be counted.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "snake_case")]
pub enum QuotaUncounted {
    /// The estimate stands, with a margin.
    #[default]
    Estimate,
    Deny,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "snake_case")]
pub enum QuotaCacheHits {
    #[default]
    Free,
    Charged,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct QuotaAlarms {
    pub webhook: Option<QuotaWebhook>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaWebhook {
    pub url: Text,
    /// The value of the header.
    pub authorization: Option<Text>,
    pub ca: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaJournal {
    pub directory: Text,
    #[serde(default)]
    pub fsync: QuotaFsync,
    pub fsync_every_ms: Option<u64>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "snake_case")]
pub enum QuotaFsync {
    #[default]
    Always,
    Every,
    Never,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaShared {
    pub urls: Vec<Text>,
    pub namespace: Option<Text>,
    pub timeout_ms: Option<u64>,
    pub lease_s: Option<u64>,
    #[serde(default)]
    pub confirmations: u32,
    #[serde(default)]
    pub when_gone: QuotaGone,
    pub local_share_percent: Option<u64>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "snake_case")]
pub enum QuotaGone {
    #[default]
    Deny,
    LocalShare,
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

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Feedback {
    pub mode: Switch,
    /// How long, and on how many requests, feedback may be given.
    pub window_s: Option<u64>,
    pub requests_max: Option<usize>,
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
    /// How long the same user has the same hash.
    pub user_salt_days: Option<u32>,
    #[serde(default)]
    pub format: RecordFormat,
    pub emf_namespace: Option<Text>,
    pub rotate: Option<Rotate>,
    pub checkpoints: Option<Checkpoints>,
    #[serde(default)]
    pub ship: Vec<Ship>,
    /// Names this process in the objects it ships.
    pub instance: Option<Text>,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum RecordFormat {
    #[default]
    Record,
    /// With the members CloudWatch makes metrics of.
    Emf,
}

/// When the file of records is put aside.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotate {
    pub bytes_max: Option<u64>,
    pub hours_max: Option<u32>,
}

/// Signed statements about the file of records.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoints {
    pub key_file: Text,
    pub every_records: Option<u64>,
    pub every_s: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ship {
    pub to: ShipTo,
    pub bucket: Option<Text>,
    pub prefix: Option<Text>,
    pub stream: Option<Text>,
    /// Defaults to `aws.region`.
    pub region: Option<Text>,
    pub endpoint: Option<Text>,
    pub backlog_bytes_max: Option<u64>,
    pub every_s: Option<u64>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ShipTo {
    S3,
    Firehose,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub enum OnFull {
    #[default]
    Refuse,
    DropAndCount,
}

/// Traces and metrics for others.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    pub trace_context: TraceContext,
    pub otlp: Option<Otlp>,
}

/// What becomes of a caller's `traceparent` and `tracestate`.
#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum TraceContext {
    #[default]
    Pass,
    /// AWS gets none of it.
    Stop,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Otlp {
    /// `http://HOST:PORT`, without the paths of the signals.
    pub endpoint: Text,
    #[serde(default)]
    pub headers: BTreeMap<String, Text>,
    pub ca: Option<Text>,
    #[serde(default)]
    pub compression: Compression,
    pub timeout_ms: Option<u64>,
    pub sampling: Option<f64>,
    pub metrics_every_s: Option<u64>,
    pub service_name: Option<Text>,
}

/// By the names OpenTelemetry's exporters have for it.
#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    #[default]
    None,
    Gzip,
}
