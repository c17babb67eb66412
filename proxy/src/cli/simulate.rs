//! `hardpan simulate`.

use std::net::SocketAddr;
use std::time::Duration;

use hardpan_simulator::{Options, Simulator};

use super::{Outcome, runtime, say};

#[derive(clap::Args)]
pub struct Simulate {
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// A key it accepts, as ACCESS_KEY_ID:SECRET. May be given more than once.
    #[arg(long = "key", value_name = "ID:SECRET", value_parser = key)]
    keys: Vec<(String, String)>,
    /// Answer without looking at signatures.
    #[arg(long)]
    unsigned: bool,
    /// Received requests kept for inspection.
    #[arg(long, default_value_t = 0)]
    record: usize,
    /// Milliseconds before each answer.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// Milliseconds between the frames of a stream.
    #[arg(long, default_value_t = 0)]
    frame_interval_ms: u64,
}

fn key(text: &str) -> Result<(String, String), String> {
    let (id, secret) = text.split_once(':').ok_or("write ACCESS_KEY_ID:SECRET")?;
    Ok((id.to_owned(), secret.to_owned()))
}

impl Simulate {
    pub fn run(self) -> Outcome {
        runtime()?.block_on(async {
            let simulator = Simulator::start(Options {
                listen: self.listen,
                keys: self.keys,
                verify_signatures: !self.unsigned,
                record_max: self.record,
                latency: Duration::from_millis(self.latency_ms),
                frame_interval: Duration::from_millis(self.frame_interval_ms),
                ..Options::default()
            })
            .await?;
            say(&format!("listening on {}", simulator.url()));
            tokio::signal::ctrl_c().await?;
            simulator.shutdown().await;
            Ok(())
        })
    }
}
