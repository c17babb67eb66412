//! Every way of tampering with a log, found at its place.

use std::time::Duration;

use super::super::checkpoint::{CheckpointKey, CheckpointSettings};
use super::super::files::rotated_path;
use super::super::log::{AuditLog, AuditSettings, AuditSink, OnFull};
use super::super::output::Rotation;
use super::super::tests::{Directory, record};
use super::*;

const PER_FILE: usize = 4;

fn settings(log: &Path, key: Option<&CheckpointKey>, bytes_max: Option<u64>) -> AuditSettings {
    AuditSettings {
        rotation: Rotation { bytes_max, age_max: None },
        checkpoints: key.map(|key| CheckpointSettings {
            key: key.clone(),
            every_records: 1_000_000,
            every: Duration::from_secs(3600),
        }),
        ..AuditSettings::plain(AuditSink::File(log.to_owned()), OnFull::Refuse, 1024)
    }
}

/// Writes records one by one, so that each is a group of its own; the log stays open.
fn write(
    log: &Path,
    key: Option<&CheckpointKey>,
    bytes_max: Option<u64>,
    ids: std::ops::Range<usize>,
) -> AuditLog {
    let writer = AuditLog::start(settings(log, key, bytes_max)).unwrap();
    for id in ids {
        writer.submit(record(&format!("r{id:02}"))).unwrap();
        assert!(writer.flush());
    }
    writer
}

fn line_bytes() -> u64 {
    let folder = Directory::new(&format!("line-{:?}", std::thread::current().id()));
    write(&folder.log(), None, None, 0..1).close();
    std::fs::metadata(folder.log()).unwrap().len()
}

/// Ten records in files of four, four and two.
fn three_files(folder: &Directory, key: Option<&CheckpointKey>) {
    write(&folder.log(), key, Some(line_bytes() * PER_FILE as u64), 0..10).close();
    assert!(rotated_path(&folder.log(), 1).is_file() && rotated_path(&folder.log(), 2).is_file());
}

fn check(folder: &Directory, key: Option<&CheckpointKey>, partial: bool) -> LogReport {
    let keys: Vec<PublicKey> = key.iter().map(|key| key.public()).collect();
    let mut reports = verify(std::slice::from_ref(&folder.0), &keys, partial).unwrap();
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

/// File name, line, record id and fault of each finding.
fn told(report: &LogReport) -> Vec<(String, Option<u64>, Option<String>, Fault)> {
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let one = |finding: &Finding| {
        (name(&finding.file), finding.line, finding.record.clone(), finding.fault.clone())
    };
    report.findings.iter().map(one).collect()
}

fn chain(
    file: &str,
    line: u64,
    record: &str,
    fault: ChainFault,
) -> (String, Option<u64>, Option<String>, Fault) {
    (file.to_owned(), Some(line), Some(record.to_owned()), Fault::Chain(fault))
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| format!("{line}\n")).collect()
}

fn copy(from: &Directory, name: &str) -> Directory {
    let to = Directory::new(name);
    for entry in std::fs::read_dir(&from.0).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.0.join(path.file_name().unwrap())).unwrap();
    }
    to
}

fn key() -> CheckpointKey {
    CheckpointKey::generate().unwrap().0
}

#[test]
fn a_log_as_written_is_good_over_files_and_restarts() {
    let (folder, key) = (Directory::new("verify-good"), key());
    three_files(&folder, Some(&key));
    write(&folder.log(), Some(&key), Some(line_bytes() * 4), 10..13).close();
    let report = check(&folder, Some(&key), false);
    assert_eq!(told(&report), []);
    assert_eq!((report.files, report.records, report.unsigned_records), (4, 13, 0));
    assert_eq!(report.keys, BTreeSet::from([key.public().to_string()]));
    // By the name of the file that is written, too.
    assert_eq!(verify(&[folder.log()], &[key.public()], false).unwrap()[0].records, 13);
    // Without a key the chain holds as well; nothing is known about its end.
    let plain = Directory::new("verify-plain");
    three_files(&plain, None);
    let report = check(&plain, None, false);
    assert_eq!((told(&report), report.unsigned_records), (vec![], 10));
}

#[test]
fn every_changed_byte_of_a_line_is_found_there() {
    let folder = Directory::new("verify-byte");
    write(&folder.log(), None, None, 0..3).close();
    let good = std::fs::read(folder.log()).unwrap();
    let length = good.len() / 3;
    for index in length..2 * length {
        for flip in [1, 0x20] {
            let mut changed = good.clone();
            changed[index] ^= flip;
            std::fs::write(folder.log(), changed).unwrap();
            let report = check(&folder, None, false);
            let first = report.findings.first().unwrap_or_else(|| panic!("byte {index} was changed unseen"));
            // The end of the line belongs to both.
            assert_eq!(first.line, Some(2), "byte {index}: {:?}", report.findings);
        }
    }
}

#[test]
fn what_was_done_to_a_log_is_told_with_its_place() {
    let (good, key) = (Directory::new("verify-tamper"), key());
    three_files(&good, Some(&key));
    let (first, second) = ("audit.jsonl.000001", "audit.jsonl.000002");
    type Tamper = fn(&Directory);
    let cases: [(&str, Tamper, Vec<_>); 5] = [
        (
            "changed",
            |folder| {
                let path = rotated_path(&folder.log(), 1);
                let text = std::fs::read_to_string(&path).unwrap();
                std::fs::write(&path, text.replacen("\"status\":200", "\"status\":201", 2)).unwrap();
            },
            vec![chain(first, 1, "r00", ChainFault::Changed), chain(first, 2, "r01", ChainFault::Changed)],
        ),
        (
            "moved",
            |folder| {
                let path = rotated_path(&folder.log(), 1);
                let mut all = lines(&path);
                all.swap(1, 2);
                std::fs::write(&path, all.concat()).unwrap();
            },
            vec![
                chain(first, 2, "r02", ChainFault::Gap),
                chain(first, 3, "r01", ChainFault::Gap),
                chain(first, 4, "r03", ChainFault::Gap),
            ],
        ),
        (
            "not a record",
            |folder| {
                let path = rotated_path(&folder.log(), 2);
                let mut all = lines(&path);
                all[2] = format!("{{\"request_id\":\"r06\"{}}}\n", " ".repeat(all[2].len() - 22));
                std::fs::write(&path, all.concat()).unwrap();
            },
            vec![chain(second, 3, "r06", ChainFault::Malformed)],
        ),
        (
            "a record cut short",
            |folder| {
                let path = folder.log();
                let text = std::fs::read(&path).unwrap();
                std::fs::write(&path, &text[..text.len() - 10]).unwrap();
            },
            vec![chain("audit.jsonl", 2, "r09", ChainFault::Torn)],
        ),
        (
            "a file taken away",
            |folder| std::fs::remove_file(rotated_path(&folder.log(), 2)).unwrap(),
            vec![("audit.jsonl".to_owned(), None, None, Fault::FilesMissing { from: 2, to: 2 })],
        ),
    ];
    for (what, tamper, expected) in cases {
        let folder = copy(&good, "verify-tampered");
        tamper(&folder);
        let report = check(&folder, Some(&key), false);
        // What was signed may say the same in its own words, after that.
        let chained: Vec<_> = told(&report)
            .into_iter()
            .filter(|(_, _, _, fault)| matches!(fault, Fault::Chain(_) | Fault::FilesMissing { .. }))
            .collect();
        assert_eq!(chained, expected, "{what}");
    }
}

#[test]
fn a_dropped_record_shows_at_the_one_after_it() {
    for key in [None, Some(key())] {
        let folder = Directory::new("verify-dropped");
        write(&folder.log(), key.as_ref(), None, 0..4).close();
        let mut all = lines(&folder.log());
        all.remove(1);
        std::fs::write(folder.log(), all.concat()).unwrap();
        let report = check(&folder, key.as_ref(), false);
        assert_eq!(told(&report)[0], chain("audit.jsonl", 2, "r02", ChainFault::Gap));
    }
}

#[test]
fn a_cut_tail_is_found_as_far_as_it_was_signed() {
    let (open, key) = (Directory::new("verify-cut-open"), key());
    // The log is not closed: what covers its end is the head alone, as after a kill.
    let writer = write(&open.log(), Some(&key), None, 0..5);
    let killed = copy(&open, "verify-cut");
    writer.close();
    assert_eq!(told(&check(&killed, Some(&key), false)), []);
    let all = lines(&killed.log());
    for left in 0..5 {
        std::fs::write(killed.log(), all[..left].concat()).unwrap();
        let report = check(&killed, Some(&key), false);
        let [finding] = report.findings.as_slice() else { panic!("{left}: {:?}", report.findings) };
        assert!(matches!(finding.fault, Fault::CutShort { .. }), "{left}: {finding:?}");
        assert_eq!(finding.line, (left > 0).then_some(left as u64));
    }
    // A start on what is left does not make it good.
    write(&killed.log(), Some(&key), None, 10..12).close();
    let report = check(&killed, Some(&key), false);
    assert!(matches!(told(&report)[0].3, Fault::NotAsSigned { .. }), "{:?}", report.findings);
    // Without any signature the same cut is not to be seen.
    let plain = Directory::new("verify-cut-plain");
    write(&plain.log(), None, None, 0..5).close();
    std::fs::write(plain.log(), lines(&plain.log())[..3].concat()).unwrap();
    assert_eq!(told(&check(&plain, None, false)), []);
}

#[test]
fn the_beginning_may_be_missing_when_that_is_said() {
    let (folder, key) = (Directory::new("verify-beginning"), key());
    three_files(&folder, Some(&key));
    std::fs::remove_file(rotated_path(&folder.log(), 1)).unwrap();
    let report = check(&folder, Some(&key), false);
    assert_eq!(told(&report)[0].3, Fault::BeginningMissing);
    assert_eq!(told(&check(&folder, Some(&key), true)), []);
    // The newest file is not the beginning.
    std::fs::remove_file(folder.log()).unwrap();
    let report = check(&folder, Some(&key), true);
    assert!(matches!(told(&report)[0].3, Fault::SignedFileMissing { file: 3, .. }), "{:?}", report.findings);
}

#[test]
fn checkpoints_are_checked_themselves() {
    let (good, key) = (Directory::new("verify-checkpoints"), key());
    three_files(&good, Some(&key));
    let path = |folder: &Directory| checkpoints_path(&folder.log());
    let all = lines(&path(&good));
    assert_eq!(all.len(), 4, "opened, rotated twice, closed");
    let without = |index: usize| {
        let mut left = all.clone();
        left.remove(index);
        left.concat()
    };
    for (what, content, expected) in [
        ("first removed", without(0), Fault::CheckpointGap),
        ("middle removed", without(1), Fault::CheckpointGap),
        ("last removed", without(3), Fault::CheckpointsCutShort { sequence: 4 }),
        ("all removed", String::new(), Fault::CheckpointsCutShort { sequence: 4 }),
        (
            "changed",
            all.concat().replacen("\"rotated\"", "\"closed\"", 1),
            Fault::Checkpoint(StatementFault::BadSignature),
        ),
    ] {
        let folder = copy(&good, "verify-checkpoints-tampered");
        std::fs::write(path(&folder), content).unwrap();
        let report = check(&folder, Some(&key), false);
        assert_eq!(told(&report)[0].3, expected, "{what}");
    }
    // Good signatures, but not of the key that is trusted.
    let other = CheckpointKey::generate().unwrap().0;
    let report = check(&good, Some(&other), false);
    assert_eq!(told(&report)[0].3, Fault::ForeignKey { key: key.public().to_string() });
    // None at all.
    let plain = Directory::new("verify-unsigned");
    write(&plain.log(), None, None, 0..2).close();
    assert_eq!(told(&check(&plain, Some(&key), false))[0].3, Fault::NothingSigned);
}

#[test]
fn checkpoints_come_with_so_many_records() {
    let (folder, key) = (Directory::new("verify-every"), key());
    let mut settings = settings(&folder.log(), Some(&key), None);
    settings.checkpoints.as_mut().unwrap().every_records = 2;
    let log = AuditLog::start(settings).unwrap();
    for id in 0..6 {
        log.submit(record(&format!("r{id}"))).unwrap();
        assert!(log.flush());
    }
    log.close();
    // Opened, three times two records, closed.
    assert_eq!(check(&folder, Some(&key), false).checkpoints, 5);
}

#[test]
fn one_process_at_a_time_writes_a_log() {
    let folder = Directory::new("verify-lock");
    let first = write(&folder.log(), None, None, 0..1);
    let second = AuditLog::start(settings(&folder.log(), None, None));
    assert!(matches!(second, Err(super::super::log::AuditError::Taken { .. })));
    first.close();
    write(&folder.log(), None, None, 1..2).close();
    assert_eq!(check(&folder, None, false).records, 2);
}

#[test]
fn a_log_whose_last_file_was_just_put_aside_is_continued() {
    let (folder, key) = (Directory::new("verify-aside"), key());
    write(&folder.log(), Some(&key), None, 0..3).close();
    // As a kill between two renames leaves it.
    std::fs::rename(folder.log(), rotated_path(&folder.log(), 1)).unwrap();
    std::fs::write(folder.0.join("audit.jsonl.next"), "").unwrap();
    write(&folder.log(), Some(&key), None, 3..5).close();
    let report = check(&folder, Some(&key), false);
    assert_eq!((told(&report), report.records, report.files), (vec![], 5, 2));
}
