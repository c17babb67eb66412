//! `hardpan audit`: whether the log of records is what was written, what it says, and the keys it is signed with.
//!
//! It reads files and never changes them; only `keygen` writes one. `verify` ends with 1 where it found something and
//! with 2 where it could not look, so that a script can tell tampering from a wrong path.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use hardpan_telemetry::audit::query::{self, COLUMNS, FEEDBACK_COLUMNS, Records};
use hardpan_telemetry::audit::{CheckpointKey, Finding, LogReport, PublicKey, verify};

use super::{Outcome, say};
use crate::identity::now_unix;

const EXIT_FINDINGS: u8 = 1;
const EXIT_FAILURE: u8 = 2;

#[derive(clap::Args)]
pub struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check logs against their chain and what was signed about them. Ends with 1 where something is wrong.
    Verify(Verify),
    /// Ask records a question: SQL over the table `records`, or --by, --sum and --since.
    Query(Query),
    /// List the columns of the tables `records` and `feedback`.
    Columns,
    /// Make a key that signs checkpoints, and print its public key.
    Keygen {
        /// The file to write; it must not be there.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Print the public key of a key file.
    Key { file: PathBuf },
}

#[derive(clap::Args)]
struct Verify {
    /// Logs, with what was rotated away beside them, single files, or folders of logs.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The public key checkpoints are to be signed with; several where it was changed.
    #[arg(long = "key", value_name = "PUBLIC KEY")]
    keys: Vec<String>,
    /// The oldest files may have been moved away.
    #[arg(long)]
    partial: bool,
}

#[derive(clap::Args)]
struct Query {
    /// A question in SQL, unless it is given by --by or --sum; then logs, files or folders.
    #[arg(required = true)]
    rest: Vec<String>,
    /// Columns to group by: team,model.
    #[arg(long, value_delimiter = ',')]
    by: Vec<String>,
    /// Columns to sum; `cost` is exact, in US dollars.
    #[arg(long, value_delimiter = ',')]
    sum: Vec<String>,
    /// Only requests of the last 90m, 12h, 1d or 2w.
    #[arg(long)]
    since: Option<String>,
    #[arg(long, default_value = "table")]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
}

impl Audit {
    pub fn run(self) -> ExitCode {
        let outcome = match self.command {
            Command::Verify(verify) => verify.run(),
            Command::Query(query) => query.run().map(|()| true),
            Command::Columns => {
                COLUMNS.iter().for_each(|(name, kind)| say(&format!("{name}  {kind}")));
                FEEDBACK_COLUMNS.iter().for_each(|(name, kind)| say(&format!("feedback.{name}  {kind}")));
                Ok(true)
            }
            Command::Keygen { out } => keygen(&out).map(|()| true),
            Command::Key { file } => key(&file).map(|()| true),
        };
        match outcome {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(EXIT_FINDINGS),
            Err(error) => {
                // Nothing is left to do where standard error is closed.
                let _ = writeln!(std::io::stderr(), "hardpan: {error}");
                ExitCode::from(EXIT_FAILURE)
            }
        }
    }
}

impl Verify {
    /// Whether all is as it was written.
    fn run(&self) -> Result<bool, Box<dyn std::error::Error>> {
        let keys = self.keys.iter().map(|key| PublicKey::parse(key)).collect::<Result<Vec<_>, _>>()?;
        let reports = verify(&self.paths, &keys, self.partial)?;
        if reports.is_empty() {
            return Err("there is no log".into());
        }
        for report in &reports {
            self.tell(report);
        }
        Ok(reports.iter().all(|report| report.findings.is_empty()))
    }

    fn tell(&self, report: &LogReport) {
        let LogReport { records, files, checkpoints, unsigned_records, .. } = report;
        for finding in &report.findings {
            say(&line(finding));
        }
        if report.findings_left_out > 0 {
            say(&format!("and {} more", report.findings_left_out));
        }
        let verdict = if report.findings.is_empty() { "good" } else { "NOT AS WRITTEN" };
        let log = report.log.display();
        say(&format!(
            "{log}: {verdict}: {records} record(s) in {files} file(s), {checkpoints} checkpoint(s)"
        ));
        if !report.head.is_empty() {
            say(&format!("  the last hash is {}", report.head));
        }
        if *unsigned_records > 0 {
            say(&format!(
                "  {unsigned_records} record(s) at the end are not signed: more may have been cut off"
            ));
        }
        if self.keys.is_empty() {
            for key in &report.keys {
                say(&format!("  signed with {key}, which was not compared with any: give --key"));
            }
        }
    }
}

fn line(finding: &Finding) -> String {
    let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
    let record = finding.record.as_ref().map(|record| format!(" record {record}")).unwrap_or_default();
    format!("{}{line}:{record} {}", finding.file.display(), finding.fault)
}

impl Query {
    fn run(self) -> Outcome {
        let mut rest = self.rest.into_iter();
        let sql = match self.by.is_empty() && self.sum.is_empty() {
            true => rest.next().unwrap_or_default(),
            false => query::shorthand(&self.by, &self.sum)?,
        };
        let paths: Vec<PathBuf> = rest.map(PathBuf::from).collect();
        if paths.is_empty() {
            return Err("name the logs after the question".into());
        }
        let since = self.since.as_deref().map(query::length_ms).transpose()?;
        let since = since.map(|length| now_unix().saturating_mul(1000).saturating_sub(length));
        let records = Records::load(&paths, since)?;
        let answer = records.ask(&sql)?;
        let text = match self.format {
            Format::Table => answer.table(),
            Format::Csv => answer.csv(),
            Format::Json => answer.json() + "\n",
        };
        // A reader that has seen enough closes the pipe.
        let _ = std::io::stdout().write_all(text.as_bytes());
        if answer.cut {
            let _ = writeln!(std::io::stderr(), "hardpan: there are more rows than are shown");
        }
        Ok(())
    }
}

fn keygen(out: &PathBuf) -> Outcome {
    let (key, pem) = CheckpointKey::generate()?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(out).map_err(|error| format!("{}: {error}", out.display()))?;
    file.write_all(pem.as_bytes())?;
    file.sync_all()?;
    say(&key.public().to_string());
    Ok(())
}

fn key(file: &Path) -> Outcome {
    say(&CheckpointKey::read(file)?.public().to_string());
    Ok(())
}
