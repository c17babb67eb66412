//! What a reservation costs: four limits in memory, held and settled; a shared store's batch, as its rules work it
//! out in memory, without the way there and back; and the percentiles of reserving and settling in memory, with a
//! journal, out of a lease and with a round trip to a `redis-server` on this machine, where there is one (`make redis`).
#![allow(clippy::expect_used, reason = "a bench whose set-up fails has nothing to measure")]

use std::hint::black_box;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use hardpan_inference::model_id::ModelId;
use hardpan_inference::principal::Principal;
use hardpan_inference::usage::Tokens;
use hardpan_quotas::central::{AccountId, Accounts, Batch, COUNT_MAX, Line, Period, Totals};
use hardpan_quotas::{Demand, Fsync, Keeping, Ledger, Limit, Scope, Spend, Unit, ValkeySettings, Window};

const NOW_MS: u64 = 1_700_000_000_000;
const REPLICAS: u64 = 200;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn limits(figure: u64) -> Vec<Limit> {
    let limit = |name: &str, scope, unit, window| Limit {
        name: name.to_owned(),
        scope,
        of: None,
        model: None,
        unit,
        window,
        limit: figure,
    };
    vec![
        limit("budget", Scope::Org, Unit::NanoUsd, Window::Month),
        limit("team", Scope::Team, Unit::NanoUsd, Window::Day),
        limit("tokens", Scope::App, Unit::Tokens, Window::Month),
        limit("calls", Scope::User, Unit::Requests, Window::Month),
    ]
}

fn ledger() -> Ledger {
    Ledger::new(limits(COUNT_MAX))
}

fn reserve_and_settle(ledger: &Ledger, principal: &Principal, model: &ModelId, request: &str) {
    let demand =
        Demand { principal, model, tokens: Tokens(5_000), nano_usd: 100_000_000, request, extra: &[] };
    let reserved =
        match std::pin::pin!(ledger.reserve(&demand, NOW_MS)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(reserved) => reserved,
            Poll::Pending => return,
        };
    let held = reserved.expect("the limits are out of reach");
    ledger.settle(held, Spend { tokens: Tokens(900), nano_usd: 20_000_000 });
}

fn reservations(criterion: &mut Criterion) {
    let ledger = ledger();
    let (principal, model) = caller();
    criterion.bench_function("ledger/reserve_and_settle_four_limits", |bencher| {
        bencher.iter(|| reserve_and_settle(&ledger, black_box(&principal), &model, ""));
    });
    let mut number = 0_u64;
    criterion.bench_function("ledger/reserve_and_settle_with_request_id", |bencher| {
        bencher.iter(|| {
            number += 1;
            reserve_and_settle(&ledger, black_box(&principal), &model, &number.to_string());
        });
    });
}

fn store(criterion: &mut Criterion) {
    let mut accounts = Accounts::default();
    let mut number = 0_u64;
    criterion.bench_function("ledger/store_line_of_200_replicas", |bencher| {
        bencher.iter(|| {
            number += 1;
            let used = number / REPLICAS;
            let line = Line {
                account: AccountId([1; 16]),
                period: Period { start_ms: 0, end_ms: COUNT_MAX },
                limit: COUNT_MAX,
                epoch: 1,
                seq: used + 1,
                totals: Totals { granted: 10 * used, settled: used, ..Totals::default() },
                acked: Totals::default(),
                acked_seq: 0,
                floor: 0,
                need: 10,
                least: 10,
                want: 10,
            };
            let replica = number % REPLICAS;
            let batch = Batch { replica, sent_at_ms: NOW_MS, ttl_ms: 60_000, lines: vec![line] };
            black_box(accounts.run(&batch, NOW_MS))
        });
    });
}

/// A server of this bench's own.
struct Server {
    port: u16,
    process: Child,
}

impl Server {
    fn start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() && began.elapsed() < Duration::from_secs(10) {
            std::thread::yield_now();
        }
        Some(Self { port, process })
    }

    fn keeping(&self, namespace: &str) -> Keeping {
        let store = ValkeySettings {
            urls: vec![format!("redis://127.0.0.1:{}", self.port)],
            namespace: namespace.to_owned(),
            timeout: Duration::from_secs(2),
            confirmations: 0,
        };
        Keeping::Valkey { store, lease: Duration::from_secs(120), local_share_ppm: 0 }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Percentiles of one reservation with its settlement, one after the other, under four limits.
#[expect(clippy::print_stderr, reason = "the figures of a bench are its result")]
fn percentiles(what: &str, ledger: &Ledger, rounds: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (principal, model) = caller();
    let mut times = Vec::with_capacity(rounds);
    for round in 0..rounds + rounds / 10 {
        let demand = Demand {
            principal: &principal,
            model: &model,
            tokens: Tokens(50),
            nano_usd: 50,
            request: "",
            extra: &[],
        };
        let began = Instant::now();
        let held = runtime.block_on(ledger.reserve(&demand, NOW_MS)).expect("the limits are out of reach");
        ledger.settle(held, Spend { tokens: Tokens(10), nano_usd: 10 });
        if round >= rounds / 10 {
            times.push(began.elapsed());
        }
    }
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 1_000).copied().unwrap_or_default();
    eprintln!("ledger/{what}: p50 {:?}, p99 {:?}, p99.9 {:?}", at(500), at(990), at(999));
}

/// Uses up so much of limits of this figure that nobody keeps a stock of them any more.
fn nearly_used_up(ledger: &Ledger, figure: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (principal, model) = caller();
    let most = figure / 100 * 99;
    let demand = Demand {
        principal: &principal,
        model: &model,
        tokens: Tokens(most),
        nano_usd: most,
        request: "",
        extra: &[],
    };
    drop(runtime.block_on(ledger.reserve(&demand, NOW_MS)).expect("the limits are out of reach"));
}

fn caller() -> (Principal, ModelId) {
    let principal = Principal {
        team: "payments".to_owned(),
        app: "chat".to_owned(),
        user: Some("anna".to_owned()),
        ..Principal::default()
    };
    (principal, ModelId::parse("us.anthropic.claude-sonnet-4-20250514-v1:0").expect("a model id"))
}

fn latencies(_: &mut Criterion) {
    percentiles("memory", &ledger(), 200_000);
    let folder: PathBuf = std::env::temp_dir().join(format!("hardpan-bench-ledger-{}", std::process::id()));
    let keeping = Keeping::Journal { directory: folder.clone(), fsync: Fsync::Always };
    percentiles("journal", &Ledger::open(limits(COUNT_MAX), keeping, 1).expect("a journal"), 200_000);
    let _ = std::fs::remove_dir_all(folder);
    let Some(server) = Server::start() else { return };
    let lease = Ledger::open(limits(COUNT_MAX), server.keeping("lease"), 1).expect("a ledger");
    percentiles("lease", &lease, 200_000);
    let figure = 1 << 40;
    let central = Ledger::open(limits(figure), server.keeping("central"), 2).expect("a ledger");
    nearly_used_up(&central, figure);
    percentiles("central", &central, 20_000);
}

criterion_group!(benches, latencies, reservations, store);
criterion_main!(benches);
