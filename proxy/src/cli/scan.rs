//! `hardpan scan`: the detectors over files, outside of any request. Rows or whole files in, one prediction each out,
//! in the order they came; or the texts themselves with every value masked.
//!
//! One thread reads, several scan, this one writes. A batch goes to each scanning thread in turn and its answer is
//! taken in turn, so that order costs no memory and every queue is bounded.
//!
//! It changes no file, asks no policy, and prints nothing of a text but what `--redact` asks for: an error names a
//! file and a line, an explanation a place and a length.

mod input;
mod output;

use std::collections::BTreeMap;
use std::io::{BufWriter, ErrorKind, IsTerminal as _, Write};
use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use hardpan_filters::scan::{Scanner, Unit};
use hardpan_inference::finding::PiiType;

use self::input::{Input, Item};
use self::output::{Form, Rendered};
use crate::config::Config;

/// Batches that wait for one thread, and answers that wait for their turn.
const BATCHES_QUEUED_MAX: usize = 2;
const JOBS_MAX: usize = 64;
/// Further problems are counted and not told.
const PROBLEMS_TOLD_MAX: u64 = 20;
const PROGRESS_EVERY: Duration = Duration::from_millis(200);
/// Some input was bad; failures of another kind exit with 1.
const EXIT_BAD_INPUT: u8 = 2;

#[derive(clap::Args)]
pub struct Scan {
    /// Files, directories, or `-` for standard input, which is also read where none is named. Files that end in
    /// .jsonl or .ndjson, and standard input, hold rows with `id`, `text` and perhaps `channel` (user, tool, system,
    /// output); others are one text each.
    paths: Vec<PathBuf>,
    /// What the inputs hold, where their names do not say.
    #[arg(long, default_value = "auto")]
    format: Format,
    /// What offsets count.
    #[arg(long, default_value = "char")]
    unit: OffsetUnit,
    /// Write the rows or texts with every value masked, as {EMAIL_1}, instead of predictions.
    #[arg(long)]
    redact: bool,
    /// Say of each finding what rule found it; never the value.
    #[arg(long, conflicts_with = "redact")]
    explain: bool,
    /// From which injection score on a text is called an attack.
    #[arg(long, default_value_t = 0.5, value_parser = threshold)]
    threshold: f32,
    /// One detector alone.
    #[arg(long)]
    only: Option<Only>,
    /// A configuration whose switches, types, allowed values and recognisers hold.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Threads that scan. Defaults to what the machine has.
    #[arg(long, value_name = "N")]
    jobs: Option<NonZero<usize>>,
    /// The largest text, and the longest row.
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20)]
    max_bytes: usize,
    /// Go on after bad input. It is told and counted, and the exit status is 2 either way.
    #[arg(long)]
    keep_going: bool,
    /// Neither progress nor summary.
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Auto,
    Jsonl,
    Text,
}

#[derive(Clone, Copy, ValueEnum)]
enum OffsetUnit {
    Byte,
    Char,
    Utf16,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Only {
    Pii,
    Injection,
}

fn threshold(text: &str) -> Result<f32, String> {
    text.parse()
        .ok()
        .filter(|value| (0.0..=1.0).contains(value))
        .ok_or("write a number from 0 to 1".to_owned())
}

/// What was read and found, over all threads.
#[derive(Default)]
struct Tally {
    texts: u64,
    bytes: u64,
    attacks: u64,
    findings: BTreeMap<PiiType, u64>,
    /// Files met on a walk that hold no text.
    skipped: u64,
    bad: u64,
}

impl Scan {
    pub fn run(self) -> ExitCode {
        let outcome = self.scanner().and_then(|scanner| self.scan(&scanner).map_err(Into::into));
        match outcome {
            Ok(tally) if tally.bad == 0 => ExitCode::SUCCESS,
            Ok(_) => ExitCode::from(EXIT_BAD_INPUT),
            Err(error) => {
                tell(&error.to_string());
                ExitCode::FAILURE
            }
        }
    }

    fn scanner(&self) -> Result<Scanner, Box<dyn std::error::Error>> {
        let config = self.config.as_deref().map(Config::load).transpose()?;
        let guards = config.as_ref().map(|config| (config.guards.pii, config.guards.injection));
        let (pii, injection) = guards.unwrap_or((true, true));
        let (pii, injection) =
            (pii && self.only != Some(Only::Injection), injection && self.only != Some(Only::Pii));
        if !pii && (self.redact || !injection) {
            return Err(
                "there is nothing to look for: detectors are off by --only or the configuration".into()
            );
        }
        let custom = config.map(|config| Arc::clone(&config.custom)).unwrap_or_default();
        // What a redacted text says about injection has no place to stand.
        Ok(Scanner::new(pii, injection && !self.redact, custom)?)
    }

    fn scan(&self, scanner: &Scanner) -> std::io::Result<Tally> {
        let form = Form {
            unit: match self.unit {
                OffsetUnit::Byte => Unit::Byte,
                OffsetUnit::Char => Unit::Char,
                OffsetUnit::Utf16 => Unit::Utf16,
            },
            redact: self.redact,
            explain: self.explain,
            threshold: self.threshold,
            keep_going: self.keep_going,
        };
        std::thread::scope(|scope| {
            let (mut inboxes, mut answers) = (Vec::new(), Vec::new());
            for _ in 0..self.jobs() {
                let (inbox, batches) = sync_channel(BATCHES_QUEUED_MAX);
                let (outbox, answer) = sync_channel(BATCHES_QUEUED_MAX);
                scope.spawn(move || work(scanner, form, &batches, &outbox));
                inboxes.push(inbox);
                answers.push(answer);
            }
            let input =
                Input { paths: self.paths.clone(), format: self.format, text_bytes_max: self.max_bytes };
            // Outside of the scope: it may wait for a terminal or a pipe when all else is over, and the process
            // shall end then.
            std::thread::spawn(move || input.read(&inboxes));
            self.write(&answers)
        })
    }

    fn jobs(&self) -> usize {
        let wanted = self.jobs.map(NonZero::get);
        let of_machine = || std::thread::available_parallelism().map_or(1, NonZero::get);
        wanted.unwrap_or_else(of_machine).min(JOBS_MAX)
    }

    /// Writes the answers in the order of their batches until there are no more, or nobody reads on.
    fn write(&self, answers: &[Receiver<Rendered>]) -> std::io::Result<Tally> {
        let mut tally = Tally::default();
        let mut out = BufWriter::new(std::io::stdout().lock());
        let mut progress = Progress::new(self.quiet);
        let mut outcome = Ok(());
        for answer in answers.iter().cycle() {
            let Ok(rendered) = answer.recv() else { break };
            // Rows may come one by one, and their reader may wait for each.
            outcome = out.write_all(&rendered.out).and_then(|()| out.flush());
            tally.add(&rendered);
            progress.show(&tally);
            for problem in &rendered.problems {
                tally.bad += 1;
                if tally.bad <= PROBLEMS_TOLD_MAX {
                    progress.clear();
                    tell(problem);
                }
            }
            if outcome.is_err() || (tally.bad > 0 && !self.keep_going) {
                break;
            }
        }
        progress.clear();
        match outcome {
            // `head` has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(tally),
            Err(error) => return Err(error),
            Ok(()) => {}
        }
        if !self.quiet {
            tally.summarise(progress.started.elapsed());
        } else if tally.bad > PROBLEMS_TOLD_MAX {
            tell(&format!("scan: {} bad", tally.bad));
        }
        Ok(tally)
    }
}

/// One scanning thread: answers each batch until there are no more, or nobody takes its answers.
fn work(scanner: &Scanner, form: Form, batches: &Receiver<Vec<Item>>, outbox: &SyncSender<Rendered>) {
    let mut scratch = scanner.scratch();
    for batch in batches {
        if outbox.send(form.render(scanner, &mut scratch, batch)).is_err() {
            return;
        }
    }
}

fn tell(line: &str) {
    // Nothing is left to do where standard error is closed.
    let _ = writeln!(std::io::stderr(), "hardpan: {line}");
}

impl Tally {
    fn add(&mut self, rendered: &Rendered) {
        let other = &rendered.tally;
        self.texts += other.texts;
        self.bytes += other.bytes;
        self.attacks += other.attacks;
        self.skipped += other.skipped;
        for (kind, count) in &other.findings {
            *self.findings.entry(*kind).or_default() += count;
        }
    }

    fn megabytes(&self) -> f64 {
        self.bytes as f64 / 1e6
    }

    fn summarise(&self, elapsed: Duration) {
        let (megabytes, seconds) = (self.megabytes(), elapsed.as_secs_f64());
        tell(&format!(
            "scan: {} texts, {megabytes:.2} MB in {seconds:.2} s, {:.1} MB/s; {} bad, {} skipped",
            self.texts,
            megabytes / seconds.max(f64::EPSILON),
            self.bad,
            self.skipped,
        ));
        let counts = self.findings.iter().map(|(kind, count)| format!("{} {count}", kind.name()));
        let counts: Vec<String> = counts.collect();
        let counts = if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
        tell(&format!("scan: findings: {counts}; attacks: {}", self.attacks));
    }
}

/// A line that is written over again and again, where a person looks at it.
struct Progress {
    started: Instant,
    shown: Option<Instant>,
    wanted: bool,
}

impl Progress {
    fn new(quiet: bool) -> Self {
        Self { started: Instant::now(), shown: None, wanted: !quiet && std::io::stderr().is_terminal() }
    }

    fn show(&mut self, tally: &Tally) {
        let last = self.shown.unwrap_or(self.started);
        if !self.wanted || last.elapsed() < PROGRESS_EVERY {
            return;
        }
        let rate = tally.megabytes() / self.started.elapsed().as_secs_f64().max(f64::EPSILON);
        let (texts, megabytes) = (tally.texts, tally.megabytes());
        let line = format!("\r\x1b[K{texts} texts, {megabytes:.1} MB, {rate:.1} MB/s, {} bad", tally.bad);
        let _ = std::io::stderr().write_all(line.as_bytes());
        self.shown = Some(Instant::now());
    }

    fn clear(&mut self) {
        if self.shown.take().is_some() {
            let _ = std::io::stderr().write_all(b"\r\x1b[K");
        }
    }
}
