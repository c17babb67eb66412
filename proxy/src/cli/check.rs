//! `hardpan check`.

use std::sync::Arc;

use hardpan_aws::credentials::CredentialStore;
use hardpan_policies::PolicySet;

use super::{ConfigFile, Outcome, runtime, say};
use crate::config::Config;
use crate::reload::{self, Access, BundleSource};

#[derive(clap::Args)]
pub struct Check {
    #[command(flatten)]
    file: ConfigFile,
}

impl Check {
    pub fn run(self) -> Outcome {
        let config = Config::load(&self.file.config)?;
        let policy = runtime()?.block_on(policy(&config))?;
        say(&format!(
            "{} is valid: {} key(s), policy {}",
            self.file.config.display(),
            config.keys.len(),
            policy.as_ref().map_or("off", |policy| policy.revision()),
        ));
        Ok(())
    }
}

/// Fetches where there is something to fetch; only S3 takes AWS credentials.
async fn policy(config: &Config) -> Result<Option<Arc<PolicySet>>, Box<dyn std::error::Error>> {
    let signed = config.policy.as_ref().is_some_and(|policy| match &policy.source {
        BundleSource::Remote(remote) => matches!(remote.access, Access::Signed { .. }),
        BundleSource::Local(_) => false,
    });
    let credentials = match signed {
        true => Some(CredentialStore::load(config.credentials.clone(), &config.region).await?),
        false => None,
    };
    Ok(reload::check(config.policy.clone(), credentials).await?)
}
