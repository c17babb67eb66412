//! The configuration as it runs: validated, with every default filled in and every path resolved. All mistakes are
//! reported together.

mod approvals;
mod detection;
mod identity;
mod policy;
mod quota;
mod records;
mod sharing;
mod telemetry;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, ToSocketAddrs};
use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hardpan_aws::credentials::CredentialSource;
use hardpan_filters::custom::Customisation;
use hardpan_inference::json::JsonLimits;
use hardpan_inference::model_id::ModelId;
use hardpan_inference::operation::Service;
use hardpan_inference::request::Dialect;
use hardpan_policies::{Settings, Verification};
use hardpan_pricing::{EndpointRate, NanoUsd, Throughput};
use hardpan_quotas::{Keeping, Limit};
use hardpan_telemetry::audit::Rotation;
use zeroize::Zeroizing;

use super::problem::{ConfigError, Problem};
use super::text::Text;
use super::written::{self, Written};
use crate::alarms::Webhook;
use crate::fetch::is_authority;
use crate::reload::BundleSource;
use crate::sharing::SharingConfig;
use crate::upstream::Endpoint;

pub struct Config {
    pub listen: SocketAddr,
    pub admin: Option<SocketAddr>,
    pub tls: Option<TlsFiles>,
    pub threads: usize,
    pub limits: Limits,
    pub keys: Vec<IssuedKey>,
    pub identity: IdentityConfig,
    pub region: String,
    /// None: any.
    pub regions: Option<BTreeSet<String>>,
    pub endpoints: Endpoints,
    pub http: HttpVersion,
    pub models: ModelsConfig,
    pub sagemaker: Vec<EndpointConfig>,
    pub credentials: CredentialSource,
    pub ca: Option<PathBuf>,
    pub policy: Option<Arc<PolicyConfig>>,
    pub guards: GuardSwitches,
    /// What is changed about the detectors.
    pub custom: Arc<Customisation>,
    /// None: one of this process alone.
    pub redaction_key: Option<Zeroizing<String>>,
    /// None: what tokens stand for is shared by nobody.
    pub sharing: Option<SharingConfig>,
    pub quota: QuotaConfig,
    pub cache: Option<CacheConfig>,
    pub price_book: Option<PathBuf>,
    pub unknown_model: UnknownModel,
    pub feedback: Option<FeedbackConfig>,
    pub records: RecordsConfig,
    /// None: nobody can approve, so what needs it is refused.
    pub approvals: Option<ApprovalsConfig>,
    pub telemetry: TelemetryConfig,
}

pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// The CA of callers' certificates, where they are asked for.
    pub clients: Option<(PathBuf, ClientCertificates)>,
}

/// Bounds. Each has a default that fits a sidecar of 512 MiB.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub body_bytes_max: usize,
    pub json: JsonLimits,
    pub head_timeout: Duration,
    pub body_timeout: Duration,
    pub write_timeout: Duration,
    pub upstream_connect_timeout: Duration,
    pub upstream_read_timeout: Duration,
    pub answer_bytes_max: usize,
    pub held_stream_bytes_max: usize,
    /// How much of a stream, and how long, is read on for its usage after the caller has left.
    pub drain_bytes_max: usize,
    pub drain_timeout: Duration,
    pub in_flight_max: usize,
    pub in_flight_bytes_max: usize,
    pub clock_skew_max_s: i64,
}

/// A key Hardpan issued. No `Debug`.
#[derive(Clone)]
pub struct IssuedKey {
    pub access_key_id: String,
    pub secret: Zeroizing<String>,
    pub app: String,
    pub team: String,
    pub env: Option<String>,
}

pub struct PolicyConfig {
    pub source: BundleSource,
    pub data: Vec<PathBuf>,
    /// None: bundles are not signed.
    pub verification: Option<Verification>,
    /// How often an address is asked.
    pub poll: Duration,
    pub last_good: Option<PathBuf>,
    pub settings: Settings,
    pub decision_log: Option<DecisionLogConfig>,
}

pub struct DecisionLogConfig {
    pub path: PathBuf,
    pub on_full: OnFull,
    pub rotation: Rotation,
    pub files_max: Option<usize>,
}

/// Where each service is.
pub type Endpoints = BTreeMap<Service, Endpoint>;

pub struct ModelsConfig {
    /// By id; a `*` at the end of one stands for any rest.
    pub map: Vec<(String, ModelId)>,
    pub resolve: Resolve,
    pub resolved_for: Duration,
    pub unresolved: Unresolved,
}

/// What is known of a SageMaker endpoint.
pub struct EndpointConfig {
    pub name: String,
    pub dialect: Option<Dialect>,
    pub opaque_body: OpaqueBody,
    /// What a request's share of an hour is worth. `None`: its requests have no price.
    pub rate: Option<EndpointRate>,
}

/// Whether a name matches a pattern with an optional `*` at its end.
pub fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

/// Which guards look at a request.
#[derive(Debug, Clone, Copy)]
pub struct GuardSwitches {
    pub pii: bool,
    pub injection: bool,
    pub tools: bool,
}

pub struct QuotaConfig {
    pub on: bool,
    /// Reserved, and written, where neither caller nor policy set a limit.
    pub default_max_tokens: u64,
    /// Reserve what answers turned out to need, not what they may.
    pub learns_output: bool,
    /// Write, where nobody set a limit, less than the default once answers have turned out shorter.
    pub opens_by_what_was_learnt: bool,
    /// Ask CountTokens before reserving. None: input is estimated.
    pub counting: Option<CountingConfig>,
    /// Count answers from the cache as if they had been made anew.
    pub charges_cache_hits: bool,
    /// Say on answers what is left.
    pub tells_callers: bool,
    /// Where alarms go beside metrics and log.
    pub webhook: Option<Webhook>,
    pub keeping: Keeping,
    pub limits: Vec<Limit>,
}

/// When CountTokens is asked, and what if it does not answer.
#[derive(Debug, Clone, Copy)]
pub struct CountingConfig {
    /// Asked for a reservation that takes more than this of what a limit leaves.
    pub when_over_percent: u64,
    pub timeout: Duration,
    /// Refuse what could not be counted.
    pub denies_uncounted: bool,
    /// Put on the estimate of what could not be counted.
    pub margin_percent: u64,
    pub body_bytes_max: usize,
    /// How long a model that CountTokens does not know is not asked about.
    pub unsupported_for: Duration,
}

/// On which requests feedback may be given.
#[derive(Debug, Clone, Copy)]
pub struct FeedbackConfig {
    pub window: Duration,
    pub requests_max: usize,
}

pub struct CacheConfig {
    pub bytes_max: u64,
    pub entry_bytes_max: usize,
}

use identity::Beside;
pub use identity::{App, ClientCertificates, CredentialsClient, CredentialsEndpointConfig, IdentityConfig};

pub use approvals::{ApprovalsConfig, Approver};
pub use records::RecordsConfig;
pub use telemetry::{OtlpConfig, TelemetryConfig};

pub use super::written::{
    HttpVersion, OnFull, OpaqueBody, Resolve, Shown, Unapproved, UnknownModel, Unresolved,
};

impl Config {
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        // Neither the lines around a mistake nor the value it is about: both may be secrets.
        let options = serde_saphyr::options! { with_snippet: false };
        let written: Written = serde_saphyr::from_str_with_options(&text, options).map_err(|error| {
            ConfigError::Syntax { path: path.to_owned(), message: without_quoted(&error.to_string()) }
        })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut builder = Builder { folder, problems: Vec::new() };
        let config = builder.config(written);
        match config {
            Some(config) if builder.problems.is_empty() => Ok(config),
            _ => Err(ConfigError::Invalid { path: path.to_owned(), problems: builder.problems }),
        }
    }
}

const FEEDBACK_WINDOW_S: u64 = 86_400;
const FEEDBACK_WINDOW_S_MAX: u64 = 604_800;
/// At about 120 bytes each.
const FEEDBACK_REQUESTS_MAX: usize = 50_000;
const FEEDBACK_REQUESTS_MOST: usize = 1_000_000;

/// Values are few enough to be tried out: only the key keeps a hash from being undone.
const REDACTION_KEY_CHARACTERS_MIN: usize = 32;

/// Without a salt of the operator's own, one of this process: hashes then cannot be undone, nor joined over restarts.
fn user_salt(written: Option<Text>) -> String {
    let own = written.map(|salt| salt.0).filter(|salt| !salt.is_empty());
    own.unwrap_or_else(|| uuid::Uuid::new_v4().to_string())
}

/// The message with everything between double quotes left out: serde quotes values there, and names in backticks.
fn without_quoted(message: &str) -> String {
    let parts = message.split('"').enumerate();
    parts.map(|(index, part)| if index % 2 == 0 { part } else { "\"…\"" }).collect()
}

/// Collects every mistake on the way.
struct Builder<'a> {
    folder: &'a Path,
    problems: Vec<Problem>,
}

impl Builder<'_> {
    fn config(&mut self, written: Written) -> Option<Config> {
        let listen = self.address("listen", &written.listen);
        let admin = written.admin.map(|admin| self.address("admin.listen", &admin.listen));
        let tls = written.tls.map(|tls| TlsFiles {
            certificate: self.file("tls.certificate", &tls.certificate),
            key: self.file("tls.key", &tls.key),
            clients: tls.client_ca.map(|ca| (self.authority("tls.client_ca", &ca), tls.client)),
        });
        let endpoints = self.endpoints(&written.aws);
        let models = self.models(written.models);
        let sagemaker = self.sagemaker(written.endpoints);
        let known_otherwise = written.keys_file.is_some()
            || written.credentials_endpoint.is_some()
            || written.identity.jwt.is_some()
            || written.identity.fixed.is_some()
            || !written.identity.mtls.is_empty();
        let keys = self.keys(written.keys, known_otherwise);
        let regions = self.regions(&written.aws);
        let limits = self.limits(&written.limits);
        let beside = Beside {
            listen,
            asks_certificates: tls.as_ref().is_some_and(|tls| tls.clients.is_some()),
            clock_skew_max_s: limits.clock_skew_max_s,
        };
        let identity =
            self.identity(written.identity, written.keys_file, written.credentials_endpoint, &beside);
        let quota = self.quota(written.quota);
        let policy = self.policy(written.policy, &written.aws.region.0).map(Arc::new);
        let guards = GuardSwitches {
            pii: written.pii.mode == written::Switch::On,
            injection: written.injection.mode == written::Switch::On,
            tools: written.tools.mode == written::Switch::On,
        };
        let mut pii = written.pii;
        let redaction_key = self.redaction_key("pii.key", pii.key.take());
        let sharing =
            pii.shared.take().and_then(|shared| self.sharing(shared, redaction_key.as_ref(), &quota.keeping));
        let custom = Arc::new(self.customisation(pii));
        let exact = written.cache.exact;
        let cache = (exact.mode == written::Switch::On).then(|| CacheConfig {
            bytes_max: exact.bytes_max.unwrap_or(64 << 20),
            entry_bytes_max: exact.entry_bytes_max.unwrap_or(1 << 20),
        });
        let book = written.prices.book.filter(|book| book.0 != "shipped");
        let price_book = book.map(|book| self.file("prices.book", &book));
        let feedback = self.feedback(&written.feedback);
        let ca = written.aws.ca.as_ref().map(|ca| self.authority("aws.ca", ca));
        let approvals =
            written.approvals.and_then(|approvals| self.approvals(approvals, admin.flatten(), &keys));
        let records = self.records(written.records, &written.aws.region.0);
        let telemetry = self.telemetry(written.telemetry);
        Some(Config {
            listen: listen?,
            admin: admin.flatten(),
            tls,
            threads: written
                .threads
                .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get)),
            limits,
            keys,
            identity,
            region: written.aws.region.0,
            regions,
            endpoints,
            http: written.aws.http,
            models,
            sagemaker,
            credentials: match written.aws.credentials {
                written::Credentials::Default => CredentialSource::DefaultChain,
                written::Credentials::Environment => CredentialSource::Environment,
                written::Credentials::Ecs => CredentialSource::Ecs,
                written::Credentials::WebIdentity => CredentialSource::WebIdentity,
                written::Credentials::Imds => CredentialSource::Imds,
                written::Credentials::Profile => {
                    CredentialSource::Profile(written.aws.profile.map_or("default".to_owned(), |name| name.0))
                }
            },
            ca,
            policy,
            guards,
            custom,
            redaction_key,
            sharing,
            quota,
            cache,
            price_book,
            unknown_model: written.prices.unknown_model,
            feedback,
            records,
            approvals,
            telemetry,
        })
    }

    fn feedback(&mut self, written: &written::Feedback) -> Option<FeedbackConfig> {
        let window_s = written.window_s.unwrap_or(FEEDBACK_WINDOW_S);
        let requests_max = written.requests_max.unwrap_or(FEEDBACK_REQUESTS_MAX);
        if !(1..=FEEDBACK_WINDOW_S_MAX).contains(&window_s) {
            self.problem("feedback.window_s", "out of range", "write 1 to 604800, which is a week");
        }
        if !(1..=FEEDBACK_REQUESTS_MOST).contains(&requests_max) {
            self.problem("feedback.requests_max", "out of range", "write 1 to 1000000");
        }
        let window = Duration::from_secs(window_s);
        (written.mode == written::Switch::On).then_some(FeedbackConfig { window, requests_max })
    }

    fn problem(&mut self, place: impl Into<String>, what: &str, fix: &str) {
        self.problems.push(Problem { place: place.into(), what: what.to_owned(), fix: fix.to_owned() });
    }

    fn redaction_key(&mut self, place: &str, written: Option<Text>) -> Option<Zeroizing<String>> {
        let key = written.map(|key| Zeroizing::new(key.0)).filter(|key| !key.is_empty());
        if key.as_ref().is_some_and(|key| key.len() < REDACTION_KEY_CHARACTERS_MIN) {
            let fix =
                "use at least 32 characters, from a generator, or leave it out for one of this process alone";
            self.problem(place, "too short", fix);
        }
        key
    }

    fn address(&mut self, place: &str, text: &Text) -> Option<SocketAddr> {
        let address = text.0.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
        if address.is_none() {
            self.problem(place, "not an address to listen on", "write HOST:PORT, as in 127.0.0.1:8080");
        }
        address
    }

    /// Relative to the configuration file, so that an example works from any directory.
    fn folder_path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    fn file(&mut self, place: &str, text: &Text) -> PathBuf {
        let path = self.folder_path(&text.0);
        if !path.is_file() {
            self.problem(
                place,
                "no such file",
                "name a file that exists, relative to the configuration file",
            );
        }
        path
    }

    /// A file of certificates and nothing else, each of them usable.
    fn authority(&mut self, place: &str, text: &Text) -> PathBuf {
        let path = self.file(place, text);
        if path.is_file() && !is_authority(&path) {
            let fix = "name a PEM file of CA certificates, without keys";
            self.problem(place, "not a file of certificates", fix);
        }
        path
    }

    fn endpoints(&mut self, aws: &written::Aws) -> Endpoints {
        let mut endpoints = Endpoints::new();
        for service in Service::ALL {
            let own = aws.endpoints.get(service.name());
            let (place, url) = match (own, &aws.endpoint) {
                (Some(own), _) => (format!("aws.endpoints.{}", service.name()), own.0.as_str()),
                (None, Some(all)) => ("aws.endpoint".to_owned(), all.0.as_str()),
                (None, None) => ("aws.fips".to_owned(), service.public_endpoint(aws.fips)),
            };
            match Endpoint::parse(url) {
                Ok(endpoint) => {
                    endpoints.insert(service, endpoint);
                }
                Err(error) if !self.problems.iter().any(|problem| problem.place == place) => {
                    self.problem(place, &error.to_string(), "write http://HOST:PORT or https://HOST");
                }
                Err(_) => {}
            }
        }
        for name in aws.endpoints.keys().filter(|name| Service::from_name(name).is_none()) {
            let known: Vec<&str> = Service::ALL.into_iter().map(Service::name).collect();
            let fix = format!("write one of {}", known.join(", "));
            self.problem(format!("aws.endpoints.{name}"), "no such service", &fix);
        }
        endpoints
    }

    fn models(&mut self, written: written::Models) -> ModelsConfig {
        let mut map = Vec::with_capacity(written.map.len());
        for (id, base) in written.map {
            match ModelId::parse(&base.0) {
                Ok(base) if !base.base().is_empty() => map.push((id, base)),
                _ => {
                    let fix = "write a base model id, such as anthropic.claude-sonnet-4-20250514-v1:0";
                    self.problem(format!("models.map.{id}"), "not a base model id", fix);
                }
            }
        }
        ModelsConfig {
            map,
            resolve: written.resolve,
            resolved_for: Duration::from_secs(written.resolved_for_s.unwrap_or(300)),
            unresolved: written.unresolved,
        }
    }

    fn sagemaker(&mut self, written: Vec<written::EndpointEntry>) -> Vec<EndpointConfig> {
        let mut endpoints = Vec::with_capacity(written.len());
        for (index, entry) in written.into_iter().enumerate() {
            let dialect = entry.dialect.as_ref().and_then(|name| Dialect::from_name(&name.0));
            if dialect.is_none() && entry.dialect.is_some() {
                let fix = "write the name of a dialect, such as openai.chat or tgi";
                self.problem(format!("endpoints[{index}].dialect"), "no such dialect", fix);
            }
            let rate = self.endpoint_rate(index, &entry);
            let opaque_body = entry.opaque_body;
            endpoints.push(EndpointConfig { name: entry.name.0, dialect, opaque_body, rate });
        }
        endpoints
    }

    fn endpoint_rate(&mut self, index: usize, entry: &written::EndpointEntry) -> Option<EndpointRate> {
        let place = |member: &str| format!("endpoints[{index}].{member}");
        let count = |count: Option<u64>| count.and_then(NonZeroU64::new);
        let throughput = match (entry.tokens_per_hour, entry.requests_per_hour) {
            (tokens @ Some(_), None) => count(tokens).map(Throughput::TokensPerHour),
            (None, requests @ Some(_)) => count(requests).map(Throughput::RequestsPerHour),
            _ => None,
        };
        let Some(usd) = &entry.usd_per_instance_hour else {
            if entry.tokens_per_hour.or(entry.requests_per_hour).or(entry.instances.map(u64::from)).is_some()
            {
                let fix = "add usd_per_instance_hour, or leave out what belongs to it";
                self.problem(place("usd_per_instance_hour"), "throughput without a price", fix);
            }
            return None;
        };
        let Ok(per_instance_hour) = usd.0.parse::<NanoUsd>() else {
            let fix = "write US dollars as text, such as \"1.408\"";
            self.problem(place("usd_per_instance_hour"), "not an amount", fix);
            return None;
        };
        let Some(instances) = NonZeroU32::new(entry.instances.unwrap_or(1)) else {
            self.problem(place("instances"), "no instance", "write how many there are");
            return None;
        };
        if throughput.is_none() {
            let fix = "write tokens_per_hour or requests_per_hour, one of them and above 0";
            self.problem(place("tokens_per_hour"), "a price without a throughput", fix);
        }
        Some(EndpointRate { per_instance_hour, instances, throughput: throughput? })
    }

    fn regions(&mut self, aws: &written::Aws) -> Option<BTreeSet<String>> {
        let listed = aws.regions.as_ref();
        let regions: BTreeSet<String> = match listed {
            None => BTreeSet::from([aws.region.0.clone()]),
            Some(regions) => regions.iter().map(|region| region.0.clone()).collect(),
        };
        let plain = |region: &String| region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if regions.contains("*") {
            return None;
        }
        if aws.region.0.is_empty() || !regions.iter().all(plain) {
            self.problem("aws.regions", "not a Region name", "write names such as us-east-1, or \"*\"");
        }
        Some(regions)
    }

    fn keys(&mut self, written: Vec<written::Key>, known_otherwise: bool) -> Vec<IssuedKey> {
        if written.is_empty() && !known_otherwise {
            self.problem("keys", "no key is issued, so nobody could call", "add at least one key");
        }
        let mut seen = BTreeSet::new();
        let mut keys = Vec::with_capacity(written.len());
        for (index, key) in written.into_iter().enumerate() {
            let place = |member: &str| format!("keys[{index}].{member}");
            let id = &key.access_key_id.0;
            if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                self.problem(place("access_key_id"), "not an access key id", "use letters, digits and _");
            }
            if !seen.insert(id.clone()) {
                self.problem(
                    place("access_key_id"),
                    "already used by another key",
                    "give each key its own id",
                );
            }
            if key.secret_access_key.0.len() < 16 {
                let fix = "use at least 16 characters, from a generator";
                self.problem(place("secret_access_key"), "too short", fix);
            }
            for (member, text) in [("app", &key.app), ("team", &key.team)] {
                if text.0.is_empty() || text.0.len() > 64 {
                    self.problem(place(member), "empty or over 64 bytes", "name the app and its team");
                }
            }
            keys.push(IssuedKey {
                access_key_id: key.access_key_id.0,
                secret: Zeroizing::new(key.secret_access_key.0),
                app: key.app.0,
                team: key.team.0,
                env: key.env.map(|env| env.0),
            });
        }
        keys
    }

    fn limits(&mut self, written: &written::Limits) -> Limits {
        let millis = |value: Option<u64>, default: u64| Duration::from_millis(value.unwrap_or(default));
        let json = JsonLimits::default();
        let limits = Limits {
            body_bytes_max: written.body_bytes_max.unwrap_or(25_000_000),
            json: JsonLimits {
                depth_max: written.json_depth_max.unwrap_or(json.depth_max),
                values_max: written.json_values_max.unwrap_or(json.values_max),
            },
            head_timeout: millis(written.head_timeout_ms, 10_000),
            body_timeout: millis(written.body_timeout_ms, 30_000),
            write_timeout: millis(written.write_timeout_ms, 60_000),
            upstream_connect_timeout: millis(written.upstream_connect_timeout_ms, 5_000),
            upstream_read_timeout: millis(written.upstream_read_timeout_ms, 300_000),
            answer_bytes_max: written.answer_bytes_max.unwrap_or(64 << 20),
            held_stream_bytes_max: written.held_stream_bytes_max.unwrap_or(1 << 20),
            drain_bytes_max: written.drain_bytes_max.unwrap_or(1 << 20),
            drain_timeout: millis(written.drain_timeout_ms, 1_000),
            in_flight_max: written.in_flight_max.unwrap_or(1024),
            in_flight_bytes_max: written.in_flight_bytes_max.unwrap_or(256 << 20),
            clock_skew_max_s: i64::from(written.clock_skew_max_s.unwrap_or(300)),
        };
        if limits.body_bytes_max > 100_000_000 {
            self.problem("limits.body_bytes_max", "over 100,000,000", "no AWS operation takes more");
        }
        if limits.json.depth_max > 512 {
            self.problem("limits.json_depth_max", "over 512", "deeper bodies cannot be read safely");
        }
        if limits.in_flight_bytes_max < limits.body_bytes_max {
            let fix = "make it at least limits.body_bytes_max";
            self.problem("limits.in_flight_bytes_max", "smaller than one body", fix);
        }
        if limits.in_flight_max == 0 {
            self.problem("limits.in_flight_max", "zero", "allow at least one request");
        }
        limits
    }
}
