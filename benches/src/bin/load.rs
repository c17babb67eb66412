//! The load bench: the same signed requests to a simulator directly, through a bare pingora proxy, and
//! through Hardpan with every guard off and every guard on.
//!
//! Targets take turns inside each round, and rounds begin with another target each time, so that what the
//! machine does beside hits all alike. It fails only when requests fail; whether a figure is good is for the
//! reader to say.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use bytes::Bytes;
use clap::Parser;

use hardpan_benches::bodies::conversation;
use hardpan_benches::client::{AnswerKind, ClientError, Pool, run_turn, sign_all};
use hardpan_benches::processes::{CpuAccount, Folder, Process, ProcessError, free_address};
use hardpan_benches::report::{
    Measured, Memory, Section, Series, load_table, machine, memory_table, stream_table,
};

const CONVERSE: &str = "/model/us.anthropic.claude-sonnet-4-20250514-v1%3A0/converse";
const CONVERSE_STREAM: &str = "/model/us.anthropic.claude-sonnet-4-20250514-v1%3A0/converse-stream";

const DIRECT: &str = "direct";
const PASS_THROUGH: &str = "pass-through";
const GUARDS_OFF: &str = "hardpan-off";
const GUARDS_ON: &str = "hardpan-on";
/// As before, and every question is put to the rules anew.
const ASKING: &str = "hardpan-asking";

/// Bodies per size: enough that no target sees one body only.
const BODIES: u64 = 64;
const SIZES_KB: [usize; 3] = [1, 8, 100];
const STREAM_BODY_KB: usize = 8;
/// Between two frames. With the bodies' last question an answer has about forty frames.
const FRAME_INTERVAL_MS: u32 = 5;
/// Sent to each target before anything of its load is measured.
const WARM_UP_REQUESTS: usize = 200;
/// Lets a target finish what it does after an answer, its record above all, before its account is read.
const SETTLE: Duration = Duration::from_millis(100);
const BENCH_WITHIN: Duration = Duration::from_secs(3600);

/// A copy of a configuration in which no decision is remembered.
fn without_memo(examples: &Path, config: &Path, folder: &Folder) -> Result<PathBuf, BenchError> {
    const DATA: &str = "data/replay.json";
    let written = |path: PathBuf| move |source| BenchError::Path { path, source };
    let text = std::fs::read_to_string(config).map_err(written(config.to_owned()))?;
    let copy = folder.path().join("replay-asking.yaml");
    std::fs::write(&copy, text.replace("policy: { ", "policy: { memo_entries_max: 0, "))
        .map_err(written(copy.clone()))?;
    let data = folder.path().join(DATA);
    std::fs::create_dir_all(folder.path().join("data")).map_err(written(data.clone()))?;
    std::fs::copy(examples.join(DATA), &data).map_err(written(data))?;
    Ok(copy)
}

/// Compares Hardpan with a bare pingora proxy and with no proxy.
#[derive(Parser)]
struct Arguments {
    /// A short run, to see that it works.
    #[arg(long)]
    quick: bool,
    /// Requests to each target in each round.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    requests: Option<u32>,
    /// Streams from each target in each round.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    streams: Option<u32>,
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: Option<u32>,
    /// Connections, each with one request at a time.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    concurrency: u32,
    /// The folder with replay-off.yaml and replay-on.yaml.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/examples"))]
    examples: PathBuf,
}

/// How much is sent.
struct Plan {
    requests: usize,
    streams: usize,
    rounds: usize,
    concurrency: usize,
}

impl Plan {
    fn of(arguments: &Arguments) -> Self {
        let (requests, streams, rounds) = if arguments.quick { (300, 8, 2) } else { (2000, 40, 5) };
        Self {
            requests: arguments.requests.unwrap_or(requests) as usize,
            streams: arguments.streams.unwrap_or(streams) as usize,
            rounds: arguments.rounds.unwrap_or(rounds) as usize,
            concurrency: arguments.concurrency as usize,
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error("{}: {source}", .path.display())]
    Path { path: PathBuf, source: std::io::Error },
    #[error("no {}; build with `cargo build --release -p hardpan -p hardpan-benches --bins`", .0.display())]
    NotBuilt(PathBuf),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{count} request(s) failed; the first: {first}")]
    Failed { count: usize, first: String },
    #[error("the bench took longer than {} s", BENCH_WITHIN.as_secs())]
    Timeout,
}

fn main() -> ExitCode {
    match bench(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(arguments: &Arguments) -> Result<(), BenchError> {
    // One thread: the client shall leave the cores to the targets.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let plan = Plan::of(arguments);
    runtime.block_on(async {
        let run = run(&plan, &arguments.examples);
        tokio::time::timeout(BENCH_WITHIN, run).await.unwrap_or(Err(BenchError::Timeout))
    })
}

async fn run(plan: &Plan, examples: &Path) -> Result<(), BenchError> {
    let targets = Targets::start(examples).await?;
    let idle = targets.resident_kib()?;
    let mut sections = Vec::new();
    for size in SIZES_KB {
        let load = Load {
            name: format!("{size} KB"),
            path: CONVERSE,
            kind: AnswerKind::Whole,
            body_bytes: size << 10,
            requests: plan.requests,
        };
        sections.push(targets.measure(&load, plan).await?);
    }
    let load = Load {
        name: "paced stream".to_owned(),
        path: CONVERSE_STREAM,
        kind: AnswerKind::Stream,
        body_bytes: STREAM_BODY_KB << 10,
        requests: plan.streams,
    };
    let streams = targets.measure(&load, plan).await?;
    let after = targets.resident_kib()?;
    let memory = idle.into_iter().zip(after).map(|((target, idle_kib), (_, after_kib))| Memory {
        target,
        idle_kib,
        after_kib,
    });
    print(plan, &sections, &streams, &memory.collect::<Vec<_>>())?;
    sections.push(streams);
    refuse_failures(&sections)
}

/// One kind of request, and how many of it each target gets in each round.
struct Load {
    name: String,
    path: &'static str,
    kind: AnswerKind,
    body_bytes: usize,
    requests: usize,
}

/// Everything that runs. The simulator also is the target of the direct requests. Fields are dropped in this
/// order.
struct Targets {
    proxies: Vec<Process>,
    simulator: Process,
    _folder: Folder,
}

impl Targets {
    async fn start(examples: &Path) -> Result<Self, BenchError> {
        let programs = std::env::current_exe()?;
        let program = |name: &str| {
            let path = programs.with_file_name(name);
            if path.is_file() { Ok(path) } else { Err(BenchError::NotBuilt(path)) }
        };
        let (hardpan, pass_through) = (program("hardpan")?, program("pass_through")?);
        let folder = Folder::new()?;
        let address = free_address()?;
        let mut command = Command::new(&hardpan);
        command.args(["simulate", "--unsigned", "--listen", &address.to_string()]);
        command.args(["--frame-interval-ms", &FRAME_INTERVAL_MS.to_string()]);
        let simulator = Process::start("simulator", address, &mut command, &folder).await?;
        let upstream = simulator.address.to_string();

        let address = free_address()?;
        let mut command = Command::new(pass_through);
        command.args(["--listen", &address.to_string(), "--upstream", &upstream]);
        let mut proxies = vec![Process::start(PASS_THROUGH, address, &mut command, &folder).await?];
        let (off, on) = (examples.join("replay-off.yaml"), examples.join("replay-on.yaml"));
        let asking = without_memo(examples, &on, &folder)?;
        for (name, path) in [(GUARDS_OFF, off), (GUARDS_ON, on), (ASKING, asking)] {
            let config = path.canonicalize().map_err(|source| BenchError::Path { path, source })?;
            let address = free_address()?;
            let mut command = Command::new(&hardpan);
            command
                .args(["run", "-c"])
                .arg(config)
                .env("HARDPAN_LISTEN", address.to_string())
                .env("HARDPAN_UPSTREAM", format!("http://{upstream}"))
                .env("HARDPAN_RECORDS", folder.path().join(format!("{name}.jsonl")))
                // The simulator looks at no signature; Hardpan makes one all the same.
                .env("AWS_ACCESS_KEY_ID", "AKIDBENCH")
                .env("AWS_SECRET_ACCESS_KEY", "bench-secret-0000000000")
                .env_remove("AWS_SESSION_TOKEN");
            proxies.push(Process::start(name, address, &mut command, &folder).await?);
        }
        Ok(Self { proxies, simulator, _folder: folder })
    }

    /// Where each target listens, and the process whose CPU time is its cost: none for the way without a
    /// proxy.
    fn all(&self) -> Vec<(&'static str, &Process, bool)> {
        let proxies = self.proxies.iter().map(|process| (process.name, process, true));
        std::iter::once((DIRECT, &self.simulator, false)).chain(proxies).collect()
    }

    fn resident_kib(&self) -> Result<Vec<(&'static str, u64)>, BenchError> {
        self.proxies.iter().map(|process| Ok((process.name, process.resident_kib()?))).collect()
    }

    /// Puts one load on all targets, round by round.
    async fn measure(&self, load: &Load, plan: &Plan) -> Result<Section, BenchError> {
        let bodies: Vec<Bytes> =
            (0..BODIES).map(|seed| Bytes::from(conversation(load.body_bytes, seed))).collect();
        let targets = self.all();
        let mut series: Vec<Series> = targets.iter().map(|&(name, ..)| Series::new(name)).collect();
        let pool = sign_all(load.path, &bodies)?;
        for (_, process, _) in &targets {
            let requests = load.requests.min(WARM_UP_REQUESTS);
            run_turn(process.address, &pool, load.kind, requests, plan.concurrency).await;
        }
        for round in 0..plan.rounds {
            tell(&format!("{}: round {} of {}", load.name, round + 1, plan.rounds));
            // Signed anew: a signature is good for five minutes.
            let pool = sign_all(load.path, &bodies)?;
            let mut order: Vec<_> = targets.iter().zip(&mut series).collect();
            order.rotate_left(round % targets.len().max(1));
            for ((_, process, has_cost), series) in order {
                series.rounds.push(take_turn(process, *has_cost, &pool, load, plan).await?);
            }
        }
        Ok(Section { load: load.name.clone(), series })
    }
}

async fn take_turn(
    process: &Process,
    has_cost: bool,
    pool: &Pool,
    load: &Load,
    plan: &Plan,
) -> Result<Measured, BenchError> {
    let before: Option<CpuAccount> = has_cost.then(|| process.cpu()).transpose()?;
    let turn = run_turn(process.address, pool, load.kind, load.requests, plan.concurrency).await;
    tokio::time::sleep(SETTLE).await;
    let cpu = match before {
        Some(before) => Some(process.cpu()?.since(&before)),
        None => None,
    };
    Ok(Measured { turn, cpu })
}

fn print(plan: &Plan, sections: &[Section], streams: &Section, memory: &[Memory]) -> Result<(), BenchError> {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let date = time::OffsetDateTime::now_utc().date().to_string();
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}\n", machine(&cpuinfo, &kernel, cores, &date))?;
    writeln!(
        out,
        "{} rounds of {} requests to each target, {} connections, {BODIES} bodies of each size.\n",
        plan.rounds, plan.requests, plan.concurrency
    )?;
    writeln!(out, "{}", load_table(sections, PASS_THROUGH))?;
    writeln!(
        out,
        "ConverseStream, {STREAM_BODY_KB} KB body, a frame every {FRAME_INTERVAL_MS} ms: {} rounds of {} \
         streams.\n",
        plan.rounds, plan.streams
    )?;
    writeln!(out, "{}", stream_table(streams, DIRECT))?;
    writeln!(out, "{}", memory_table(memory))?;
    Ok(())
}

/// Figures of failed requests mean nothing.
fn refuse_failures(sections: &[Section]) -> Result<(), BenchError> {
    let series = || sections.iter().flat_map(|section| &section.series);
    let count: usize = series().map(Series::failed).sum();
    if count == 0 {
        return Ok(());
    }
    let first = series()
        .flat_map(|series| series.rounds.iter().map(move |round| (series.target, round)))
        .find_map(|(target, round)| Some(format!("{target}: {}", round.turn.first_failure.as_ref()?)));
    Err(BenchError::Failed { count, first: first.unwrap_or_else(|| "unknown".to_owned()) })
}

/// Progress, for the person at the terminal: standard output holds the tables alone.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
