//! The ledger against a real server: the script against the rules it repeats, replicas that share a limit, and a
//! server that is killed, paused, started again empty, and replaced by its replica.
//!
//! Servers are processes of this test on free ports. Without `redis-server` on the path (`make redis`) the tests
//! that only need a server take the one at `HARDPAN_REDIS`, and the others say that they did not run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hardpan_inference::model_id::ModelId;
use hardpan_inference::principal::Principal;
use hardpan_inference::usage::Tokens;
use hardpan_quotas::central::{AccountId, Accounts, Batch, COUNT_MAX, Kind, Line, Period, Totals};
use hardpan_quotas::store::Store;
use hardpan_quotas::valkey::ValkeyStore;
use hardpan_quotas::{
    Demand, Keeping, Ledger, Limit, QuotaExceeded, Reservation, Scope, Spend, Unit, ValkeySettings, Window,
};

/// Far beyond what any of this takes.
const PATIENCE: Duration = Duration::from_secs(20);

struct Server {
    port: u16,
    process: Option<Child>,
    /// Its own: what one left there, another one would begin with.
    folder: PathBuf,
}

impl Server {
    fn start() -> Option<Server> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("hardpan-redis-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut server = Server { port, process: None, folder };
        server.run(&[]).then_some(server)
    }

    fn start_replica(&self) -> Server {
        let mut replica = Server::start().unwrap();
        replica.kill();
        replica.run(&["--replicaof", "127.0.0.1", &self.port.to_string(), "--repl-diskless-sync-delay", "0"]);
        replica.until("the replica is in step", |info| info.contains("master_link_status:up"));
        self.until("the primary counts it in", |info| info.contains("state=online"));
        replica
    }

    fn run(&mut self, more: &[&str]) -> bool {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--save", "", "--appendonly", "no"]);
        command.current_dir(&self.folder);
        command.args(["--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0"]).args(more);
        let Ok(process) = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
            return false;
        };
        self.process = Some(process);
        self.until("the server answers", |_| true);
        true
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn connection(&self) -> Option<redis::Connection> {
        redis::Client::open(self.url()).unwrap().get_connection_with_timeout(Duration::from_millis(500)).ok()
    }

    fn until(&self, what: &str, is_so: impl Fn(&str) -> bool) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let info = self.connection().and_then(|mut connection| {
                redis::cmd("INFO").arg("replication").query::<String>(&mut connection).ok()
            });
            if info.is_some_and(|info| is_so(&info)) {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
        panic!("not within reason: {what}");
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    fn signal(&self, signal: &str) {
        let process = self.process.as_ref().unwrap();
        let sent = Command::new("kill").args([signal, &process.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[expect(clippy::print_stderr, reason = "a test that did not run has to say so")]
fn did_not_run() {
    eprintln!("did not run: no redis-server on the path (make redis)");
}

fn settings(urls: Vec<String>, namespace: &str, confirmations: u32) -> ValkeySettings {
    ValkeySettings {
        urls,
        namespace: format!("{namespace}-{}", std::process::id()),
        timeout: Duration::from_millis(400),
        confirmations,
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A line as a careless replica might write it.
fn any_line(dice: &mut Dice, number: u64, now_ms: u64) -> Line {
    let figure = |dice: &mut Dice| [0, 3, 40, 700][dice.below(4) as usize];
    let totals = |dice: &mut Dice| Totals {
        granted: figure(dice),
        settled: figure(dice),
        returned: figure(dice),
        over: figure(dice) / 40,
    };
    let period = match dice.below(8) {
        0 => Period { start_ms: now_ms + 60_000, end_ms: now_ms + 120_000 },
        1 => Period { start_ms: 0, end_ms: now_ms },
        _ => Period { start_ms: 0, end_ms: COUNT_MAX },
    };
    Line {
        account: AccountId([dice.below(6) as u8; 16]),
        period,
        limit: [0, 7, 1_000, 5_001, COUNT_MAX][dice.below(5) as usize],
        epoch: 1 + dice.below(2),
        seq: (number + 1).saturating_sub(dice.below(20)),
        totals: totals(dice),
        acked: totals(dice),
        acked_seq: dice.below(2),
        floor: if dice.below(4) == 0 { figure(dice) } else { 0 },
        need: figure(dice),
        least: dice.below(30),
        want: figure(dice),
    }
}

#[test]
fn the_script_does_to_accounts_what_the_rules_say() {
    let own = Server::start();
    let Some(url) = own.as_ref().map(Server::url).or_else(|| std::env::var("HARDPAN_REDIS").ok()) else {
        return did_not_run();
    };
    let mut store = ValkeyStore::new(settings(vec![url], "rules", 0));
    let mut accounts = Accounts::default();
    let mut dice = Dice(7);
    let empty = Batch { replica: 1, sent_at_ms: 0, ttl_ms: 0, lines: Vec::new() };
    let mut now_ms = store.run(&empty).unwrap().now_ms;
    let mut seen = [0; 4];
    let mut lost = 0;
    for number in 0..4_000 {
        let lines = (0..1 + dice.below(4)).map(|_| any_line(&mut dice, number, now_ms)).collect();
        let ttl_ms = 15;
        let sent_at_ms = if dice.below(30) == 0 { now_ms - 1_000 } else { now_ms };
        let batch = Batch { replica: 1 + dice.below(5), sent_at_ms, ttl_ms, lines };
        let reply = store.run(&batch).unwrap();
        assert_eq!(reply, accounts.run(&batch, reply.now_ms), "{number} {batch:?}");
        now_ms = reply.now_ms;
        for verdict in &reply.verdicts {
            let kinds = [Kind::Open, Kind::Closed, Kind::Outside, Kind::Stale];
            seen[kinds.iter().position(|kind| *kind == verdict.kind).unwrap()] += 1;
            lost += u64::from(verdict.figures.lost > 0);
        }
    }
    assert!(seen.iter().all(|count| *count > 20) && lost > 20, "{seen:?} {lost}");
}

fn ledger(store: ValkeySettings, replica: u64, limit: u64) -> Ledger {
    let limits = vec![Limit {
        name: "budget".into(),
        scope: Scope::Org,
        of: None,
        model: None,
        unit: Unit::Tokens,
        window: Window::Total,
        limit,
    }];
    let keeping = Keeping::Valkey { store, lease: Duration::from_secs(60), local_share_ppm: 0 };
    Ledger::open(limits, keeping, replica).unwrap()
}

async fn take(ledger: &Ledger, tokens: u64) -> Result<Reservation, QuotaExceeded> {
    let principal = Principal { team: "t".into(), app: "a".into(), ..Principal::default() };
    let model = ModelId::parse("amazon.nova-lite-v1:0").unwrap();
    let demand = Demand {
        principal: &principal,
        model: &model,
        tokens: Tokens(tokens),
        nano_usd: 0,
        request: "",
        extra: &[],
    };
    // The wall clock is wrong by decades, and nobody minds.
    ledger.reserve(&demand, 1_000).await
}

/// Reserves and settles one token at a time, until refused for good or so often.
async fn spend(ledger: &Ledger, times: u64) -> (u64, Option<QuotaExceeded>) {
    let mut spent = 0;
    while spent < times {
        match take(ledger, 1).await {
            Ok(held) => ledger.settle(held, Spend { tokens: Tokens(1), nano_usd: 0 }),
            Err(refused) => return (spent, Some(refused)),
        }
        spent += 1;
    }
    (spent, None)
}

/// As above, until the store is back.
async fn spend_again(ledger: &Ledger, times: u64) -> (u64, Option<QuotaExceeded>) {
    let began = Instant::now();
    let mut spent = 0;
    loop {
        let (more, refused) = spend(ledger, times - spent).await;
        spent += more;
        match refused {
            Some(refused) if refused.gone && began.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            refused => return (spent, refused),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replicas_share_one_limit_and_use_it_up() {
    let own = Server::start();
    let Some(url) = own.as_ref().map(Server::url).or_else(|| std::env::var("HARDPAN_REDIS").ok()) else {
        return did_not_run();
    };
    let settings = settings(vec![url], "share", 0);
    let mut tasks = tokio::task::JoinSet::new();
    for replica in 1..=4 {
        let settings = settings.clone();
        tasks.spawn(async move {
            let ledger = ledger(settings, replica, 20_000);
            let (spent, refused) = spend(&ledger, u64::MAX).await;
            let refused = refused.unwrap();
            assert!(!refused.gone && refused.hard, "{refused:?}");
            assert_eq!(refused.limit, "budget");
            spent
        });
    }
    let spent: u64 = tasks.join_all().await.into_iter().sum();
    assert!((19_000..=20_000).contains(&spent), "{spent}");
    // What the others gave back when they ended is there for one who comes later, to the last token.
    let last = ledger(settings, 9, 20_000);
    let (rest, _) = spend(&last, u64::MAX).await;
    assert_eq!(spent + rest, 20_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_leaves_the_leases_and_comes_back_empty_without_refilling_the_limit() {
    let Some(mut server) = Server::start() else { return did_not_run() };
    let ledger = ledger(settings(vec![server.url()], "killed", 0), 1, 10_000);
    let (mut spent, _) = spend(&ledger, 2_000).await;
    server.kill();
    let (on_leases, refused) = spend(&ledger, u64::MAX).await;
    spent += on_leases;
    assert!(refused.unwrap().gone);
    assert!(ledger.store_failures() > 0);
    // The new process remembers nothing; the replica does.
    assert!(server.run(&[]));
    let (after, refused) = spend_again(&ledger, u64::MAX).await;
    assert!(!refused.unwrap().gone);
    assert_eq!(spent + after, 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_empty_hears_of_every_replica_that_is_at_work() {
    let Some(mut server) = Server::start() else { return did_not_run() };
    let ledgers: Vec<Ledger> =
        (1..=3).map(|number| ledger(settings(vec![server.url()], "empty", 0), number, 10_000)).collect();
    let mut spent = 0;
    for ledger in &ledgers {
        spent += spend(ledger, 1_000).await.0;
    }
    server.kill();
    assert!(server.run(&[]));
    // Nobody asks for anything meanwhile: each notices by itself.
    let began = Instant::now();
    let leases = || -> usize {
        let mut connection = server.connection().unwrap();
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
        let fields = |key: &String| -> Vec<String> {
            redis::cmd("HKEYS").arg(key).query(&mut server.connection().unwrap()).unwrap()
        };
        keys.iter().flat_map(fields).filter(|field| field.starts_with('L')).count()
    };
    while leases() < ledgers.len() {
        assert!(began.elapsed() < PATIENCE, "not all replicas told what they know");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for ledger in &ledgers {
        let (more, refused) = spend_again(ledger, u64::MAX).await;
        spent += more;
        assert!(!refused.unwrap().gone);
    }
    assert_eq!(spent, 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_server_holds_nobody_up_and_goes_on() {
    let Some(server) = Server::start() else { return did_not_run() };
    let ledger = ledger(settings(vec![server.url()], "paused", 0), 1, 5_000);
    let (mut spent, _) = spend(&ledger, 100).await;
    server.signal("-STOP");
    let (on_leases, refused) = spend(&ledger, u64::MAX).await;
    spent += on_leases;
    assert!(refused.unwrap().gone);
    server.signal("-CONT");
    let (after, refused) = spend_again(&ledger, u64::MAX).await;
    assert!(!refused.unwrap().gone);
    assert_eq!(spent + after, 5_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_takes_over_knows_every_grant_that_was_used() {
    let Some(mut primary) = Server::start() else { return did_not_run() };
    let replica = primary.start_replica();
    let urls = vec![primary.url(), replica.url()];
    let ledgers: Vec<Ledger> =
        (1..=2).map(|number| ledger(settings(urls.clone(), "failover", 1), number, 8_000)).collect();
    let mut spent = 0;
    for ledger in &ledgers {
        // On a busy machine a confirmation may come too late.
        spent += spend_again(ledger, 1_500).await.0;
    }
    assert_eq!(spent, 3_000);
    primary.kill();
    let mut connection = replica.connection().unwrap();
    let () = redis::cmd("REPLICAOF").arg("NO").arg("ONE").query(&mut connection).unwrap();
    // Alone, it cannot confirm: what is leased may be used, and no more.
    for ledger in &ledgers {
        let (more, refused) = spend(ledger, u64::MAX).await;
        spent += more;
        assert!(refused.unwrap().gone);
    }
    assert!(spent < 8_000);
    let _second = replica.start_replica();
    // Twice: one that was refused may be told later of what was granted to it without a confirmation.
    for ledger in ledgers.iter().chain(&ledgers) {
        let (more, refused) = spend_again(ledger, u64::MAX).await;
        spent += more;
        assert!(!refused.unwrap().gone);
    }
    assert!((6_000..=8_000).contains(&spent), "{spent}");
}
