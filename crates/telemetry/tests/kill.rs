//! A writer that is killed under load, again and again: nothing it acknowledged is lost, and the log is good.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed; the child speaks to its parent"
)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hardpan_telemetry::audit::{
    AuditLog, AuditRecord, AuditSettings, AuditSink, CheckpointKey, CheckpointSettings, Fault, OnFull,
    Rotation, verify,
};

/// Two hundred kills in all: logs, one beside the other, and how often the writer of each is killed.
const LOGS: usize = 10;
const ROUNDS: usize = 20;
const LOGS_AT_ONCE: usize = 2;
const LOG: &str = "HARDPAN_TEST_AUDIT_LOG";

/// What the killed process runs: the parent starts this test alone, with the place of the log.
#[test]
fn writer() {
    let Some(log) = std::env::var_os(LOG).map(PathBuf::from) else { return };
    let audit = AuditLog::start(AuditSettings {
        rotation: Rotation { bytes_max: Some(100_000), age_max: None },
        checkpoints: Some(CheckpointSettings {
            key: CheckpointKey::read(&log.with_file_name("key.pem")).unwrap(),
            every_records: 50,
            every: Duration::from_secs(60),
        }),
        ..AuditSettings::plain(AuditSink::File(log), OnFull::Refuse, 4096)
    })
    .unwrap();
    let run = uuid::Uuid::new_v4();
    // It ends by being killed.
    for group in 0_u64.. {
        for number in 0..group % 7 + 1 {
            let request_id = format!("{run}-{group}-{number}");
            let record = AuditRecord { request_id, status: 200, ..AuditRecord::default() };
            audit.submit(record).unwrap();
        }
        assert!(audit.flush());
        // Everything up to here is acknowledged.
        println!("acknowledged {run}-{group}-{}", group % 7);
    }
}

fn run_and_kill(log: &Path, groups: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writer", "--nocapture", "--test-threads=1"])
        .env(LOG, log)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let acknowledged = |line: String| line.rsplit_once("acknowledged ").map(|(_, id)| id.to_owned());
    let mut all: Vec<String> = lines.by_ref().filter_map(acknowledged).take(groups).collect();
    // On unix this is SIGKILL: nothing of the process runs after it.
    child.kill().unwrap();
    child.wait().unwrap();
    // A line that was not written to its end acknowledges nothing.
    let left: Vec<String> = lines.filter_map(acknowledged).collect();
    all.extend(left.into_iter().rev().skip(1).rev());
    all
}

#[test]
fn a_killed_writer_loses_nothing_it_acknowledged() {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..LOGS_AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= LOGS {
                        return;
                    }
                    kill_the_writers_of(number);
                }
            });
        }
    });
}

fn kill_the_writers_of(number: usize) {
    let folder = std::env::temp_dir().join(format!("hardpan-audit-kill-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (key, pem) = CheckpointKey::generate().unwrap();
    std::fs::write(folder.join("key.pem"), pem.as_bytes()).unwrap();
    let log = folder.join("records.jsonl");
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        acknowledged.extend(run_and_kill(&log, 3 + round * 2 + number % 3));
        let report = verify(std::slice::from_ref(&log), &[key.public()], false).unwrap().remove(0);
        // What was being written at that moment may be there in part, and then the next start cuts it off.
        let torn = |fault: &Fault| fault.to_string().contains("newline");
        let faults: Vec<_> = report.findings.iter().filter(|finding| !torn(&finding.fault)).collect();
        assert!(faults.is_empty(), "round {round}: {faults:?}");
        assert!(report.checkpoints > 0);
    }
    let mut text = String::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.to_str().unwrap().contains("records.jsonl") {
            text.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap()));
        }
    }
    assert!(acknowledged.len() >= ROUNDS * 3);
    for id in &acknowledged {
        assert!(text.contains(&format!("{{\"request_id\":\"{id}\",")), "{id} was acknowledged and is lost");
    }
    let _ = std::fs::remove_dir_all(&folder);
}
