//! Hardpan's own AWS credentials: fetched once at start, refreshed early, kept while a refresh fails.
//!
//! A request never waits for a credential service: it takes what is current, or is told that nothing is.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// How long before expiry a refresh begins.
const REFRESH_AHEAD: Duration = Duration::from_secs(300);
const RETRY_MIN: Duration = Duration::from_secs(5);
/// Sources without an expiry are asked again this often, so that a rotated file is seen.
const RECHECK: Duration = Duration::from_secs(900);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CredentialSource {
    /// The AWS default chain: environment, profile, web identity, container endpoint, instance metadata.
    #[default]
    DefaultChain,
    /// Only `AWS_ACCESS_KEY_ID` and its companions.
    Environment,
}

#[derive(Debug, thiserror::Error)]
#[error("no AWS credentials could be loaded: {0}")]
pub struct CredentialError(String);

/// The current credentials, swapped as they are refreshed.
pub struct CredentialStore {
    provider: SharedCredentialsProvider,
    current: ArcSwapOption<Credentials>,
}

impl CredentialStore {
    /// Loads the first credentials.
    pub async fn load(source: CredentialSource, region: &str) -> Result<Arc<Self>, CredentialError> {
        let provider = match source {
            CredentialSource::Environment => {
                SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new())
            }
            CredentialSource::DefaultChain => {
                let tls = Provider::Rustls(CryptoMode::Ring);
                let client = aws_smithy_http_client::Builder::new().tls_provider(tls).build_https();
                // The Region is configured, so that nobody has to be asked for it.
                let loader = aws_config::defaults(BehaviorVersion::latest());
                let config = loader.http_client(client).region(Region::new(region.to_owned())).load().await;
                config
                    .credentials_provider()
                    .ok_or_else(|| CredentialError("the chain is empty".to_owned()))?
            }
        };
        let store = Arc::new(Self { provider, current: ArcSwapOption::empty() });
        store.refresh().await?;
        Ok(store)
    }

    /// Fixed credentials, for tests and the demonstration.
    pub fn fixed(access_key_id: &str, secret: &str) -> Arc<Self> {
        let credentials = Credentials::new(access_key_id, secret, None, None, "fixed");
        let provider = SharedCredentialsProvider::new(credentials.clone());
        Arc::new(Self { provider, current: ArcSwapOption::from_pointee(credentials) })
    }

    /// None when the last known credentials have expired and no refresh succeeded.
    pub fn current(&self) -> Option<Arc<Credentials>> {
        let credentials = self.current.load_full()?;
        let expired = credentials.expiry().is_some_and(|expiry| expiry <= SystemTime::now());
        (!expired).then_some(credentials)
    }

    /// Keeps the credentials fresh until the task is dropped.
    pub async fn keep_fresh(self: Arc<Self>) {
        loop {
            let wait = match self.current.load_full().and_then(|credentials| credentials.expiry()) {
                Some(expiry) => expiry
                    .duration_since(SystemTime::now())
                    .unwrap_or_default()
                    .saturating_sub(REFRESH_AHEAD)
                    .max(RETRY_MIN),
                None => RECHECK,
            };
            tokio::time::sleep(wait).await;
            if let Err(error) = self.refresh().await {
                tracing::warn!(%error, "AWS credentials were not refreshed; the last ones stay in use");
            }
        }
    }

    async fn refresh(&self) -> Result<(), CredentialError> {
        let fresh = self.provider.provide_credentials().await;
        let fresh = fresh.map_err(|error| CredentialError(error.to_string()))?;
        self.current.store(Some(Arc::new(fresh)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expired_credentials_are_not_handed_out() {
        let store = CredentialStore::fixed("AKID", "secret");
        assert!(store.current().is_some());
        let past = SystemTime::now() - Duration::from_secs(1);
        store.current.store(Some(Arc::new(Credentials::new("AKID", "secret", None, Some(past), "test"))));
        assert!(store.current().is_none());
    }
}
