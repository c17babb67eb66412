//! `hardpan check`.

use super::{ConfigFile, Outcome, say};
use crate::config::Config;
use crate::snapshot::load_policy;

#[derive(clap::Args)]
pub struct Check {
    #[command(flatten)]
    file: ConfigFile,
}

impl Check {
    pub fn run(self) -> Outcome {
        let config = Config::load(&self.file.config)?;
        let policy = load_policy(&config)?;
        say(&format!(
            "{} is valid: {} key(s), policy {}",
            self.file.config.display(),
            config.keys.len(),
            policy.as_ref().map_or("off", |policy| policy.revision()),
        ));
        Ok(())
    }
}
