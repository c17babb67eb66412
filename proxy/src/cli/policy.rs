//! `hardpan policy`.

use std::path::PathBuf;

use clap::Subcommand;
use hardpan_policies::{TestOutcome, run_tests};

use super::{Outcome, say};

#[derive(clap::Args)]
pub struct Policy {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Subcommand)]
enum PolicyCommand {
    /// Run the `test_…` rules of a directory.
    Test { directory: PathBuf },
}

impl Policy {
    pub fn run(self) -> Outcome {
        let PolicyCommand::Test { directory } = self.command;
        let report = run_tests(&directory)?;
        for case in &report.cases {
            match &case.outcome {
                TestOutcome::Passed => {}
                TestOutcome::Failed => say(&format!("FAIL  {} ({})", case.name, case.at)),
                TestOutcome::Error(what) => say(&format!("ERROR {} ({}): {what}", case.name, case.at)),
                TestOutcome::Skipped => say(&format!("SKIP  {} ({})", case.name, case.at)),
            }
        }
        let passed = report.count(|outcome| *outcome == TestOutcome::Passed);
        let skipped = report.count(|outcome| *outcome == TestOutcome::Skipped);
        let failed = report.cases.len() - passed - skipped;
        say(&format!("policy: {passed} passed, {failed} failed, {skipped} skipped"));
        if report.is_success() { Ok(()) } else { Err("policy tests failed".into()) }
    }
}
