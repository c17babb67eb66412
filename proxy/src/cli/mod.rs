//! The command line: one file per command.

mod audit;
mod ca;
mod check;
mod demo;
mod keys;
mod policy;
mod prices;
mod run;
mod scan;
mod simulate;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Policy enforcement point in front of Amazon Bedrock.
#[derive(Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve.
    Run(run::Run),
    /// Report every mistake of a configuration, with place and fix.
    Check(check::Check),
    /// Check, test, try, explain and replay policies.
    Policy(policy::Policy),
    /// Find personal data, secrets and prompt injection in files, and write texts without them.
    Scan(scan::Scan),
    /// Verify the log of records, and ask it questions.
    Audit(audit::Audit),
    /// Issue, list and revoke callers' keys, and mint API keys from them.
    Keys(keys::Keys),
    /// Make a local certificate authority and certificates for the listener and its callers.
    Ca(ca::Ca),
    /// Show, compare and renew price books, and reconcile records with a bill.
    Prices(prices::Prices),
    /// Run a local Bedrock that verifies signatures and answers.
    Simulate(simulate::Simulate),
    /// Simulator, sidecar and sample traffic, printed as a tour; keeps serving.
    Demo(demo::Demo),
}

/// The configuration file.
#[derive(clap::Args)]
struct ConfigFile {
    #[arg(short, long, value_name = "FILE", env = "HARDPAN_CONFIG")]
    config: PathBuf,
}

impl Cli {
    pub fn run(self) -> ExitCode {
        let outcome = match self.command {
            Command::Run(run) => run.run(),
            Command::Check(check) => check.run(),
            Command::Policy(policy) => policy.run(),
            // It tells bad input from failure by its exit status.
            Command::Scan(scan) => return scan.run(),
            // It tells findings from failure by its exit status.
            Command::Audit(audit) => return audit.run(),
            Command::Keys(keys) => keys.run(),
            Command::Ca(ca) => ca.run(),
            Command::Prices(prices) => prices.run(),
            Command::Simulate(simulate) => simulate.run(),
            Command::Demo(demo) => demo.run(),
        };
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // Nothing is left to do where standard error is closed.
                let _ = writeln!(std::io::stderr(), "hardpan: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Prints a line for the person at the terminal.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}
