//! `hardpan demo`: the real sidecar in front of the simulator, and a tour that shows each guard at work.
//!
//! The sidecar is this same binary as a child process, with the example configuration; requests are signed and sent
//! over a socket. Nothing is staged: what is printed as seen by AWS is what the simulator received.

mod client;
mod tour;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use hardpan_simulator::{Options, Simulator};
use tokio::process::{Child, Command};

use super::{Outcome, runtime, say};

const UPSTREAM_KEY: (&str, &str) = ("AKIDDEMOUPSTREAM", "demo-upstream-secret");
const CONFIG: &str = include_str!("../../../../deploy/examples/demo.yaml");
const DATA: &str = include_str!("../../../../deploy/examples/data/demo.json");
const READY_WITHIN: Duration = Duration::from_secs(20);

#[derive(clap::Args)]
pub struct Demo {
    /// Where the sidecar listens; another port is taken when this one is in use.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Stop after the tour instead of serving on.
    #[arg(long)]
    once: bool,
}

impl Demo {
    pub fn run(self) -> Outcome {
        runtime()?.block_on(self.show())
    }

    async fn show(self) -> Outcome {
        let folder = Folder::make()?;
        let simulator = Simulator::start(Options {
            keys: vec![(UPSTREAM_KEY.0.to_owned(), UPSTREAM_KEY.1.to_owned())],
            record_max: 16,
            ..Options::default()
        })
        .await?;
        let listen = free_address(self.listen)?;
        let admin = free_address(SocketAddr::new(listen.ip(), 9901))?;
        let mut sidecar = start_sidecar(&folder, &simulator, listen, admin)?;
        await_ready(admin, &mut sidecar).await?;
        tour::run(listen, &simulator, &folder.records()).await?;
        tour::print_invitation(listen, admin);
        if !self.once {
            stop_requested(&mut sidecar).await?;
        }
        sidecar.kill().await?;
        simulator.shutdown().await;
        Ok(())
    }
}

/// Configuration and records of one demonstration, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn make() -> std::io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("hardpan-demo-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(folder.join("data"))?;
        std::fs::write(folder.join("demo.yaml"), CONFIG)?;
        std::fs::write(folder.join("data/demo.json"), DATA)?;
        Ok(Self(folder))
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn records(&self) -> PathBuf {
        self.0.join("records.jsonl")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn start_sidecar(
    folder: &Folder,
    simulator: &Simulator,
    listen: SocketAddr,
    admin: SocketAddr,
) -> std::io::Result<Child> {
    Command::new(std::env::current_exe()?)
        .args(["run", "-c"])
        .arg(folder.path().join("demo.yaml"))
        .env("HARDPAN_LISTEN", listen.to_string())
        .env("HARDPAN_ADMIN", admin.to_string())
        .env("HARDPAN_UPSTREAM", simulator.url())
        .env("HARDPAN_RECORDS", folder.records())
        .env("HARDPAN_LOG", "error,pingora=off")
        .env("AWS_ACCESS_KEY_ID", UPSTREAM_KEY.0)
        .env("AWS_SECRET_ACCESS_KEY", UPSTREAM_KEY.1)
        .env_remove("AWS_SESSION_TOKEN")
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
}

async fn await_ready(admin: SocketAddr, sidecar: &mut Child) -> Outcome {
    let ready = async {
        while client::get(admin, "/readyz").await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        ready = tokio::time::timeout(READY_WITHIN, ready) => Ok(ready?),
        status = sidecar.wait() => Err(format!("the sidecar ended at once ({})", status?).into()),
    }
}

async fn stop_requested(sidecar: &mut Child) -> Outcome {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
        status = sidecar.wait() => say(&format!("the sidecar ended ({})", status?)),
    }
    Ok(())
}

/// The wanted address, or one with a free port where it is taken.
fn free_address(wanted: SocketAddr) -> std::io::Result<SocketAddr> {
    let listener =
        TcpListener::bind(wanted).or_else(|_| TcpListener::bind(SocketAddr::new(wanted.ip(), 0)))?;
    listener.local_addr()
}
