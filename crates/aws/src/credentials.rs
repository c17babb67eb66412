//! Hardpan's own AWS credentials: fetched once at start, refreshed early, kept while a refresh fails.
//!
//! A request never waits for a credential service: it takes what is current, or is told that nothing is. The one
//! exception is `refresh_now`, for credentials AWS has just called expired. Where sources are found (endpoints, files)
//! is said by the environment variables every AWS SDK reads; nothing is counted here that telemetry could not read
//! from `status`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwapOption;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio::sync::Mutex;
use uuid::Uuid;
use zeroize::Zeroizing;

/// A refresh begins this long before expiry, or a quarter of the life before it where that is shorter.
const AHEAD_MAX: Duration = Duration::from_secs(300);
const RETRY_MIN: Duration = Duration::from_secs(5);
const RETRY_MAX: Duration = Duration::from_secs(60);
/// The shortest pause before a refresh that is due: a source of ever expiring credentials is not asked in a loop.
const PAUSE_MIN: Duration = Duration::from_millis(500);
/// Sources without an expiry are asked again this often, so that a rotated file is seen.
const RECHECK: Duration = Duration::from_secs(900);
/// The longest a source may take, its own retries included.
const FETCH_MAX: Duration = Duration::from_secs(30);
/// Characters of a source's error that are kept.
const REASON_CHARACTERS_MAX: usize = 400;

/// Where credentials come from.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum CredentialSource {
    /// The AWS default chain: environment, profile, web identity, container endpoint, instance metadata.
    #[default]
    DefaultChain,
    /// Only `AWS_ACCESS_KEY_ID` and its companions.
    Environment,
    /// Keys of the configuration.
    Static {
        access_key_id: String,
        secret_access_key: Zeroizing<String>,
        session_token: Option<Zeroizing<String>>,
    },
    /// A profile of the shared files, roles and SSO included.
    Profile(String),
    /// The container endpoint of ECS and of EKS Pod Identity.
    Ecs,
    /// EC2 instance metadata, version 2.
    Imds,
    /// STS with a web identity token: IAM roles for service accounts.
    WebIdentity,
}

impl CredentialSource {
    pub fn name(&self) -> &'static str {
        match self {
            CredentialSource::DefaultChain => "default",
            CredentialSource::Environment => "environment",
            CredentialSource::Static { .. } => "static",
            CredentialSource::Profile(_) => "profile",
            CredentialSource::Ecs => "ecs",
            CredentialSource::Imds => "imds",
            CredentialSource::WebIdentity => "web_identity",
        }
    }
}

/// Its name alone, since it may hold a secret.
impl fmt::Debug for CredentialSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    #[error("no AWS credentials could be loaded: {0}")]
    Source(String),
    #[error("no AWS credentials could be loaded: the source did not answer in time")]
    TimedOut,
    #[error("the credential source gave credentials that have already expired")]
    Expired,
    #[error("the credential source gave the same credentials again")]
    Unchanged,
    #[error("the credential source was asked a moment ago")]
    TooSoon,
}

/// What an operator may want to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CredentialStatus {
    /// Whether requests can be signed now.
    pub usable: bool,
    pub fetched_at: Option<SystemTime>,
    pub expires_at: Option<SystemTime>,
    pub refreshes: u64,
    pub failures: u64,
    /// Failures since the last success.
    pub failures_in_a_row: u64,
}

/// The current credentials, swapped as they are refreshed.
pub struct CredentialStore {
    source: CredentialSource,
    region: Region,
    client: SharedHttpClient,
    held: ArcSwapOption<Held>,
    /// Held during a fetch, so that there is one at a time; when the last one failed or brought nothing new.
    flight: Mutex<Option<Instant>>,
    refreshes: AtomicU64,
    failures: AtomicU64,
    failures_in_a_row: AtomicU64,
}

struct Held {
    credentials: Arc<Credentials>,
    fetched_at: SystemTime,
}

impl CredentialStore {
    /// Loads the first credentials.
    pub async fn load(source: CredentialSource, region: &str) -> Result<Arc<Self>, CredentialError> {
        let store = Arc::new(Self::empty(source, region));
        store.refresh().await?;
        Ok(store)
    }

    /// Fixed credentials, for tests and the demonstration.
    pub fn fixed(access_key_id: &str, secret: &str) -> Arc<Self> {
        let source = CredentialSource::Static {
            access_key_id: access_key_id.to_owned(),
            secret_access_key: Zeroizing::new(secret.to_owned()),
            session_token: None,
        };
        let store = Self::empty(source, "us-east-1");
        store.hold(Credentials::new(access_key_id, secret, None, None, "fixed"), SystemTime::now());
        Arc::new(store)
    }

    /// None when the last known credentials have expired and no refresh succeeded. Never waits.
    pub fn current(&self) -> Option<Arc<Credentials>> {
        let held = self.held.load();
        let credentials = &held.as_ref()?.credentials;
        let expired = credentials.expiry().is_some_and(|expiry| expiry <= SystemTime::now());
        (!expired).then(|| Arc::clone(credentials))
    }

    /// For credentials AWS has just called expired: fetches others, once for all requests that ask. An error means that
    /// a retry would fare no better.
    pub async fn refresh_now(&self, rejected: &Credentials) -> Result<Arc<Credentials>, CredentialError> {
        let mut barren = self.flight.lock().await;
        if let Some(current) = self.current().filter(|current| !same(current, rejected)) {
            return Ok(current);
        }
        if barren.is_some_and(|at| at.elapsed() < RETRY_MIN) {
            return Err(CredentialError::TooSoon);
        }
        let fetched = self.fetch_and_hold().await;
        let outcome = fetched.and_then(|()| {
            let current = self.current().ok_or(CredentialError::Expired)?;
            if same(&current, rejected) { Err(CredentialError::Unchanged) } else { Ok(current) }
        });
        *barren = outcome.is_err().then(Instant::now);
        outcome
    }

    /// Keeps the credentials fresh until the task is dropped.
    pub async fn keep_fresh(self: Arc<Self>) {
        loop {
            let wait = match self.held.load().as_ref() {
                Some(held) => self.wait(held, SystemTime::now()),
                None => RETRY_MIN,
            };
            tokio::time::sleep(wait).await;
            if let Err(error) = self.refresh().await {
                tracing::warn!(%error, "AWS credentials were not refreshed; the last ones stay in use");
            }
        }
    }

    pub fn status(&self) -> CredentialStatus {
        let held = self.held.load();
        CredentialStatus {
            usable: self.current().is_some(),
            fetched_at: held.as_ref().map(|held| held.fetched_at),
            expires_at: held.as_ref().and_then(|held| held.credentials.expiry()),
            refreshes: self.refreshes.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            failures_in_a_row: self.failures_in_a_row.load(Ordering::Relaxed),
        }
    }

    fn empty(source: CredentialSource, region: &str) -> Self {
        let tls = Provider::Rustls(CryptoMode::Ring);
        Self {
            source,
            region: Region::new(region.to_owned()),
            client: aws_smithy_http_client::Builder::new().tls_provider(tls).build_https(),
            held: ArcSwapOption::empty(),
            flight: Mutex::new(None),
            refreshes: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            failures_in_a_row: AtomicU64::new(0),
        }
    }

    fn wait(&self, held: &Held, now: SystemTime) -> Duration {
        let jitter = u8::try_from(Uuid::new_v4().as_u128() & 0xff).unwrap_or_default();
        match self.failures_in_a_row.load(Ordering::Relaxed) {
            0 => refresh_wait(held, now, jitter),
            failures => retry_wait(failures, jitter),
        }
    }

    async fn refresh(&self) -> Result<(), CredentialError> {
        let _flight = self.flight.lock().await;
        self.fetch_and_hold().await
    }

    async fn fetch_and_hold(&self) -> Result<(), CredentialError> {
        let fetched = tokio::time::timeout(FETCH_MAX, self.fetch()).await;
        let now = SystemTime::now();
        let fresh = fetched.unwrap_or(Err(CredentialError::TimedOut)).and_then(|fresh| {
            let expired = fresh.expiry().is_some_and(|expiry| expiry <= now);
            if expired { Err(CredentialError::Expired) } else { Ok(fresh) }
        });
        match fresh {
            Ok(fresh) => {
                self.hold(fresh, now);
                self.refreshes.fetch_add(1, Ordering::Relaxed);
                self.failures_in_a_row.store(0, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                self.failures_in_a_row.fetch_add(1, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    fn hold(&self, credentials: Credentials, fetched_at: SystemTime) {
        self.held.store(Some(Arc::new(Held { credentials: Arc::new(credentials), fetched_at })));
    }

    async fn fetch(&self) -> Result<Credentials, CredentialError> {
        let provider = self.provider().await?;
        provider.provide_credentials().await.map_err(|error| CredentialError::Source(reason(&error)))
    }

    /// The source's provider, made anew for each fetch: those of the SDK keep what files and profiles once said.
    async fn provider(&self) -> Result<SharedCredentialsProvider, CredentialError> {
        // The Region is configured, so that nobody has to be asked for it.
        let config = ProviderConfig::without_region()
            .with_region(Some(self.region.clone()))
            .with_http_client(self.client.clone());
        Ok(match &self.source {
            CredentialSource::DefaultChain => {
                let loader = aws_config::defaults(BehaviorVersion::latest());
                let loader = loader.http_client(self.client.clone()).region(self.region.clone());
                let chain = loader.load().await.credentials_provider();
                chain.ok_or_else(|| CredentialError::Source("the chain is empty".to_owned()))?
            }
            CredentialSource::Environment => {
                SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new())
            }
            CredentialSource::Static { access_key_id, secret_access_key, session_token } => {
                let token = session_token.as_ref().map(|token| token.as_str().to_owned());
                let secret = secret_access_key.as_str();
                SharedCredentialsProvider::new(Credentials::new(access_key_id, secret, token, None, "static"))
            }
            CredentialSource::Profile(name) => SharedCredentialsProvider::new(
                ProfileFileCredentialsProvider::builder().configure(&config).profile_name(name).build(),
            ),
            CredentialSource::Ecs => {
                SharedCredentialsProvider::new(EcsCredentialsProvider::builder().configure(&config).build())
            }
            CredentialSource::Imds => {
                SharedCredentialsProvider::new(ImdsCredentialsProvider::builder().configure(&config).build())
            }
            CredentialSource::WebIdentity => SharedCredentialsProvider::new(
                WebIdentityTokenCredentialsProvider::builder().configure(&config).build(),
            ),
        })
    }
}

/// Whether two sets are the same to AWS.
fn same(one: &Credentials, other: &Credentials) -> bool {
    one.access_key_id() == other.access_key_id() && one.session_token() == other.session_token()
}

/// How long fresh credentials are used before the next fetch. `jitter` spreads a fleet's fetches.
fn refresh_wait(held: &Held, now: SystemTime, jitter: u8) -> Duration {
    let Some(expiry) = held.credentials.expiry() else {
        return RECHECK - spread(RECHECK / 4, jitter);
    };
    let life = expiry.duration_since(held.fetched_at).unwrap_or_default();
    let ahead = AHEAD_MAX.min(life / 4);
    let left = expiry.duration_since(now).unwrap_or_default();
    left.saturating_sub(ahead + spread(ahead / 4, jitter)).max(PAUSE_MIN)
}

fn retry_wait(failures_in_a_row: u64, jitter: u8) -> Duration {
    let doublings = u32::try_from(failures_in_a_row.saturating_sub(1)).unwrap_or(u32::MAX).min(8);
    let wait = RETRY_MAX.min(RETRY_MIN * 2_u32.pow(doublings));
    wait - spread(wait / 4, jitter)
}

fn spread(range: Duration, jitter: u8) -> Duration {
    range * u32::from(jitter) / 256
}

/// An SDK error with its causes, on one line and cut: the SDK's own text names no cause.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        if text.len() > REASON_CHARACTERS_MAX {
            break;
        }
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    let plain = |character: char| if character.is_control() { ' ' } else { character };
    text.chars().take(REASON_CHARACTERS_MAX).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(life_s: u64, fetched_at: SystemTime) -> Held {
        let expiry = Some(fetched_at + Duration::from_secs(life_s));
        Held { credentials: Arc::new(Credentials::new("AKID", "secret", None, expiry, "test")), fetched_at }
    }

    #[test]
    fn expired_credentials_are_not_handed_out() {
        let store = CredentialStore::fixed("AKID", "secret");
        assert!(store.current().is_some());
        assert!(store.status().usable);
        let past = SystemTime::now() - Duration::from_secs(1);
        store.hold(Credentials::new("AKID", "secret", None, Some(past), "test"), past);
        assert!(store.current().is_none());
        assert_eq!((store.status().usable, store.status().expires_at), (false, Some(past)));
    }

    #[test]
    fn a_refresh_begins_five_minutes_or_a_quarter_of_the_life_ahead() {
        let now = SystemTime::now();
        for (life_s, age_s, jitter, wait_s) in [
            (3600, 0, 0, 3300),
            (21_600, 0, 0, 21_300),
            (3600, 3000, 0, 300),
            (800, 0, 0, 600),
            (1024, 0, 128, 736),
        ] {
            let fetched_at = now - Duration::from_secs(age_s);
            let wait = refresh_wait(&held(life_s, fetched_at), now, jitter);
            assert_eq!(wait, Duration::from_secs(wait_s), "{life_s} {age_s}");
        }
        assert_eq!(refresh_wait(&held(10, now - Duration::from_secs(60)), now, 0), PAUSE_MIN);
        for jitter in [0, 1, 255] {
            let wait = refresh_wait(&held(3600, now), now, jitter);
            assert!(wait <= Duration::from_secs(3300) && wait > Duration::from_secs(3225));
        }
    }

    #[test]
    fn failed_refreshes_are_tried_again_more_and_more_rarely() {
        for (failures, wait_s) in [(1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (u64::MAX, 60)] {
            assert_eq!(retry_wait(failures, 0), Duration::from_secs(wait_s), "{failures}");
            assert!(retry_wait(failures, 255) > Duration::from_secs(wait_s * 3 / 4));
        }
    }

    #[test]
    fn a_source_shows_its_name_and_no_secret() {
        let source = CredentialSource::Static {
            access_key_id: "AKID".to_owned(),
            secret_access_key: Zeroizing::new("very-secret".to_owned()),
            session_token: None,
        };
        assert_eq!(format!("{source:?}"), "static");
    }
}
