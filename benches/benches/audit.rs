//! The audit log: records written and made durable per second, with and without signatures; logs verified and read.
#![allow(clippy::expect_used, reason = "a bench whose set-up fails has nothing to measure")]

use std::path::PathBuf;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hardpan_telemetry::audit::query::{Records, shorthand};
use hardpan_telemetry::audit::{
    AuditDecision, AuditLog, AuditPrincipal, AuditRecord, AuditSettings, AuditSink, CheckpointKey,
    CheckpointSettings, OnFull, Rotation, verify,
};

/// Written between two waits for the disk.
const RECORDS: usize = 4096;
const RECORDS_READ: usize = 100_000;
/// A day of twelve requests a second.
const RECORDS_ASKED: usize = 1_000_000;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hardpan-bench-audit-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn log(&self) -> PathBuf {
        self.0.join("records.jsonl")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn record(number: usize) -> AuditRecord {
    AuditRecord {
        request_id: format!("00000000-0000-4000-8000-{number:012}"),
        time: format!("2026-03-01T12:{:02}:{:02}Z", number / 60 % 60, number % 60),
        principal: Some(AuditPrincipal {
            app: format!("app-{}", number % 40),
            team: format!("team-{}", number % 10),
            ..AuditPrincipal::default()
        }),
        operation: Some("Converse"),
        model_served: Some(format!("model-{}", number % 6)),
        decision: Some(AuditDecision { action: "allow", ..AuditDecision::default() }),
        estimated_cost_usd: Some("0.000123456".to_owned()),
        status: 200,
        ..AuditRecord::default()
    }
}

fn start(folder: &Folder, key: Option<&CheckpointKey>) -> AuditLog {
    AuditLog::start(AuditSettings {
        rotation: Rotation { bytes_max: Some(256 << 20), age_max: None },
        checkpoints: key.map(|key| CheckpointSettings {
            key: key.clone(),
            every_records: 10_000,
            every: Duration::from_secs(60),
        }),
        ..AuditSettings::plain(AuditSink::File(folder.log()), OnFull::Refuse, 2 * RECORDS)
    })
    .expect("a log")
}

fn write(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("audit/write");
    group.sample_size(20).throughput(Throughput::Elements(RECORDS as u64));
    let key = CheckpointKey::generate().expect("a key").0;
    for (name, key) in [("chained", None), ("signed", Some(&key))] {
        let folder = Folder::new(name);
        let log = start(&folder, key);
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| {
                (0..RECORDS).for_each(|number| log.submit(record(number)).expect("room"));
                assert!(log.flush());
            });
        });
        log.close();
    }
    group.finish();
    // One record alone, until it is durable: what the others of its group wait for.
    let folder = Folder::new("alone");
    let log = start(&folder, None);
    criterion.bench_function("audit/acknowledge", |bencher| {
        bencher.iter(|| {
            log.submit(record(0)).expect("room");
            assert!(log.flush());
        });
    });
    log.close();
}

fn written(name: &str, records: usize) -> Folder {
    let folder = Folder::new(name);
    let log = start(&folder, None);
    for number in 0..records {
        log.submit(record(number)).expect("room");
        if number % RECORDS == 0 {
            assert!(log.flush());
        }
    }
    log.close();
    folder
}

fn read(criterion: &mut Criterion) {
    let folder = written("read", RECORDS_READ);
    let mut group = criterion.benchmark_group("audit/read");
    group.sample_size(10).throughput(Throughput::Elements(RECORDS_READ as u64));
    let paths = [folder.log()];
    group.bench_function("verify", |bencher| {
        bencher.iter(|| verify(&paths, &[], false).expect("a log"));
    });
    group.finish();
    drop(folder);

    let folder = written("asked", RECORDS_ASKED);
    let paths = [folder.log()];
    let mut group = criterion.benchmark_group("audit/query");
    group.sample_size(10).throughput(Throughput::Elements(RECORDS_ASKED as u64));
    let by = ["team", "model"].map(str::to_owned);
    let sql = shorthand(&by, &["cost".to_owned()]).expect("a question");
    group.bench_function("read and asked", |bencher| {
        bencher.iter(|| {
            let records = Records::load(&paths, None).expect("a log");
            records.ask(&sql).expect("an answer");
        });
    });
    let records = Records::load(&paths, None).expect("a log");
    group.bench_function("asked again", |bencher| {
        bencher.iter(|| records.ask(&sql).expect("an answer"));
    });
    group.finish();
}

criterion_group!(benches, write, read);
criterion_main!(benches);
