//! `hardpan run`.

use tracing_subscriber::EnvFilter;

use super::{ConfigFile, Outcome, runtime};
use crate::config::Config;
use crate::server;
use crate::snapshot::Parts;

#[derive(clap::Args)]
pub struct Run {
    #[command(flatten)]
    file: ConfigFile,
}

impl Run {
    pub fn run(self) -> Outcome {
        start_logging();
        keep_panics_quiet();
        let config = Config::load(&self.file.config)?;
        let metrics = hardpan_telemetry::metrics::install()?;
        // The server brings its own runtimes; this one only loads credentials and the like.
        let snapshot = runtime()?.block_on(Parts::build(config))?;
        hardpan_telemetry::metrics::configuration_loaded("loaded");
        tracing::info!(
            listen = %snapshot.config.listen,
            policy_revision = snapshot.now().policy_revision(),
            "serving"
        );
        server::serve(&snapshot, metrics)?;
        Ok(())
    }
}

/// Logs go to standard error, as JSON, at `info` unless `HARDPAN_LOG` says otherwise. pingora logs request heads of
/// malformed requests above `error`, which could hold secrets: its level is not raised here.
pub fn start_logging() {
    let filter =
        EnvFilter::try_from_env("HARDPAN_LOG").unwrap_or_else(|_| EnvFilter::new("info,pingora=off"));
    // The signer traces the whole head it signs, caller's headers and path among it.
    let filter = match "aws_sigv4=off".parse() {
        Ok(quiet) => filter.add_directive(quiet),
        Err(_) => filter,
    };
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// A panic's message can quote what it choked on, so only its place is logged.
fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}
