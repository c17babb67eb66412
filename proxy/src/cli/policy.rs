//! `hardpan policy`: what authors of rules need before the rules are served.
//!
//! Every command reads files and prints; none talks to a running Hardpan. What they show of an input is what was put
//! in.

mod evaluate;
mod replay;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use hardpan_policies::{
    Action, Bundle, Coverage, Matrix, PolicySet, Settings, TestOutcome, TestReport, capabilities, check,
    input_schema, run_tests, run_tests_with_coverage, source_of,
};

use super::{Outcome, say};

/// Nobody waits for an answer here, and machines that build are busy.
const EVALUATION_LIMIT: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
pub struct Policy {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Subcommand)]
enum PolicyCommand {
    /// Report what keeps a bundle from being served, what is probably a mistake, and which layer speaks about what.
    Check(Check),
    /// Run the `test_…` rules of a directory.
    Test(Test),
    /// Decide about an input document, or ask any query over it.
    Eval(evaluate::Eval),
    /// Show for each rule the first condition that does not hold.
    Explain(evaluate::Explain),
    /// Compare recorded decisions with what another bundle would decide.
    Replay(replay::Replay),
    /// Print the builtins rules may call, in the format of OPA's capabilities.json.
    Capabilities,
    /// Print the JSON Schema of the input.
    Schema {
        /// The question, as in `model:invoke`; without it the schema fits all of them.
        #[arg(value_parser = action)]
        action: Option<Action>,
    },
}

fn action(text: &str) -> Result<Action, String> {
    let names = || Action::ALL.iter().map(|action| action.name()).collect::<Vec<_>>().join(", ");
    Action::from_name(text).ok_or_else(|| format!("there are {}", names()))
}

/// Where rules come from.
#[derive(clap::Args)]
struct Rules {
    /// Directory of the bundle; without it the library in the binary.
    directory: Option<PathBuf>,
    /// JSON file that is merged into `data`. May be given more than once.
    #[arg(long, value_name = "FILE")]
    data: Vec<PathBuf>,
}

impl Rules {
    fn load(&self) -> Result<PolicySet, Box<dyn std::error::Error>> {
        load(self.directory.as_deref(), &self.data)
    }
}

fn load(directory: Option<&Path>, data: &[PathBuf]) -> Result<PolicySet, Box<dyn std::error::Error>> {
    let settings =
        Settings { evaluation_limit: EVALUATION_LIMIT, memo_entries_max: 0, ..Settings::default() };
    Ok(PolicySet::new(Bundle::load(&source_of(directory), data)?, settings)?)
}

#[derive(clap::Args)]
struct Check {
    #[command(flatten)]
    rules: Rules,
    /// Fail on warnings too.
    #[arg(long)]
    strict: bool,
}

impl Check {
    fn run(self) -> Outcome {
        let report = check(&source_of(self.rules.directory.as_deref()), &self.rules.data)?;
        for warning in &report.warnings {
            say(&format!("warning: {warning}"));
        }
        for line in table(&report.matrix) {
            say(&line);
        }
        let (modules, warnings) = (report.modules, report.warnings.len());
        say(&format!(
            "policy: {modules} module(s) may be served as {}, {warnings} warning(s)",
            report.revision
        ));
        if self.strict && warnings > 0 { Err("there are warnings".into()) } else { Ok(()) }
    }
}

/// Actions down, layers across; in each cell the verbs that can speak about the action.
fn table(matrix: &Matrix) -> Vec<String> {
    let head = ["action".to_owned()].into_iter().chain(matrix.owners.iter().cloned());
    let mut rows = vec![head.collect::<Vec<_>>()];
    for (action, cells) in &matrix.rows {
        let cell = |verbs: &Vec<&str>| if verbs.is_empty() { "-".to_owned() } else { verbs.join(" ") };
        rows.push([action.name().to_owned()].into_iter().chain(cells.iter().map(cell)).collect());
    }
    aligned(&rows)
}

/// Columns as wide as what is in them.
fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| Some(row.get(column)?.chars().count())).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}", width = *width));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[derive(clap::Args)]
struct Test {
    directory: PathBuf,
    /// Report the lines of rules no test reaches.
    #[arg(long)]
    coverage: bool,
    /// Fail below this share of lines, in percent. Reports coverage too.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    threshold: Option<u8>,
}

impl Test {
    fn run(self) -> Outcome {
        if !self.coverage && self.threshold.is_none() {
            return told(&run_tests(&self.directory)?);
        }
        let (report, coverage) = run_tests_with_coverage(&self.directory)?;
        tell_coverage(&coverage);
        told(&report)?;
        let permille_min = usize::from(self.threshold.unwrap_or_default()) * 10;
        if coverage.permille() < permille_min {
            return Err(format!("less than {} % of the lines are covered", permille_min / 10).into());
        }
        Ok(())
    }
}

fn told(report: &TestReport) -> Outcome {
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

fn tell_coverage(coverage: &Coverage) {
    for (path, file) in &coverage.files {
        let missed: Vec<String> = file.missed.iter().map(u32::to_string).collect();
        if !missed.is_empty() {
            say(&format!("{path}: no test reaches line(s) {}", missed.join(", ")));
        }
    }
    let (covered, lines, permille) = (coverage.covered(), coverage.lines(), coverage.permille());
    say(&format!("coverage: {covered} of {lines} lines, {}.{} %", permille / 10, permille % 10));
}

impl Policy {
    pub fn run(self) -> Outcome {
        match self.command {
            PolicyCommand::Check(check) => check.run(),
            PolicyCommand::Test(test) => test.run(),
            PolicyCommand::Eval(eval) => eval.run(),
            PolicyCommand::Explain(explain) => explain.run(),
            PolicyCommand::Replay(replay) => replay.run(),
            PolicyCommand::Capabilities => print_json(&capabilities()),
            PolicyCommand::Schema { action } => print_json(&input_schema(action)),
        }
    }
}

fn print_json(value: &serde_json::Value) -> Outcome {
    say(&serde_json::to_string_pretty(value)?);
    Ok(())
}
