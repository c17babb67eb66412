//! Whether logs are what was written: each line against the one before, over all files of a log in order, and the
//! whole against what was signed about it. Every fault is reported with its file, line and record, and reading goes
//! on after it. It changes nothing, and reads one line at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::chain::{ChainFault, GENESIS, Hash, Heads, hex, inspect, previous_of, read_line};
use super::checkpoint::{Occasion, Position, PublicKey, Statement, StatementFault, read_head};
use super::files::{checkpoints_path, head_path, log_of, rotated};

/// Faults reported of one log; above it they are counted.
const FINDINGS_MAX: usize = 100;
const CHECKPOINTS_BYTES_MAX: u64 = 256 << 20;
const FILE_BUFFER_BYTES: usize = 256 << 10;

/// What was found about one log.
pub struct LogReport {
    pub log: PathBuf,
    pub files: usize,
    pub records: u64,
    /// Hash of the last record, in hex: to be compared with what is known elsewhere.
    pub head: String,
    pub checkpoints: u64,
    /// Records after the last signed statement: that their end is whole is not known.
    pub unsigned_records: u64,
    /// Keys the statements are signed with.
    pub keys: BTreeSet<String>,
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub findings_left_out: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub file: PathBuf,
    /// From 1.
    pub line: Option<u64>,
    /// Id of the record on that line, where it can be read.
    pub record: Option<String>,
    pub fault: Fault,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("{0}")]
    Chain(ChainFault),
    #[error("files {from} to {to} of the log are missing before this one")]
    FilesMissing { from: u64, to: u64 },
    #[error("the log does not begin here: records before the first one are missing")]
    BeginningMissing,
    #[error("checkpoint {sequence} of {time} says that there were {bytes} bytes: what followed was cut off")]
    CutShort { sequence: u64, time: String, bytes: u64 },
    #[error("checkpoint {sequence} of {time} says otherwise: up to here the log is not what was written")]
    NotAsSigned { sequence: u64, time: String },
    #[error("checkpoint {sequence} of {time} speaks of file {file}, which is missing")]
    SignedFileMissing { sequence: u64, time: String, file: u64 },
    #[error("{0}")]
    Checkpoint(StatementFault),
    #[error("checkpoints before this one were removed, inserted or moved")]
    CheckpointGap,
    #[error("checkpoints were cut off: the head names number {sequence}")]
    CheckpointsCutShort { sequence: u64 },
    #[error("it is signed with another key: {key}")]
    ForeignKey { key: String },
    #[error("there are no checkpoints signed with the key that was given")]
    NothingSigned,
}

#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read: {source}", .path.display())]
pub struct VerifyError {
    path: PathBuf,
    source: io::Error,
}

/// Checks the logs among these files and folders. Where keys are given, statements signed with others are faults;
/// where none are, that a signature is good says only that nobody without its key changed it. `partial`: the oldest
/// files may have been moved away.
pub fn verify(paths: &[PathBuf], keys: &[PublicKey], partial: bool) -> Result<Vec<LogReport>, VerifyError> {
    let mut logs: BTreeMap<PathBuf, BTreeMap<Option<u64>, PathBuf>> = BTreeMap::new();
    for path in paths {
        let found = files_at(path).map_err(|source| VerifyError { path: path.clone(), source })?;
        for file in found {
            let (log, number) = log_of(&file);
            logs.entry(log).or_default().insert(number, file);
        }
    }
    logs.into_iter().map(|(log, files)| Check::new(log, keys, partial).run(files)).collect()
}

/// The files a path stands for: those of all logs in a folder, a log with what was rotated away, or one file.
fn files_at(path: &Path) -> io::Result<Vec<PathBuf>> {
    if path.is_dir() {
        return logs_in(path);
    }
    let mut files = vec![path.to_owned()];
    if log_of(path).1.is_none() {
        files.extend(rotated(path)?.into_iter().map(|(_, path)| path));
    }
    Ok(files)
}

/// The files of all logs in a folder: those with checkpoints or rotated files, and what ends in `.jsonl`.
fn logs_in(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        let plain = file.extension().is_some_and(|extension| extension == "jsonl");
        let numbered = log_of(&file).1.is_some();
        let has_checkpoints = checkpoints_path(&file).is_file();
        if file.is_file() && (plain || numbered || has_checkpoints) {
            files.push(file);
        }
    }
    Ok(files)
}

struct Check<'a> {
    keys: &'a [PublicKey],
    partial: bool,
    report: LogReport,
    /// What was signed about each file, by position.
    signed: BTreeMap<u64, Vec<Signed>>,
}

struct Signed {
    sequence: u64,
    time: String,
    position: Position,
}

impl<'a> Check<'a> {
    fn new(log: PathBuf, keys: &'a [PublicKey], partial: bool) -> Self {
        let report = LogReport {
            log,
            files: 0,
            records: 0,
            head: String::new(),
            checkpoints: 0,
            unsigned_records: 0,
            keys: BTreeSet::new(),
            findings: Vec::new(),
            findings_left_out: 0,
        };
        Self { keys, partial, report, signed: BTreeMap::new() }
    }

    fn run(mut self, files: BTreeMap<Option<u64>, PathBuf>) -> Result<LogReport, VerifyError> {
        let log = self.report.log.clone();
        // What was signed is read before the records, which may be written to at this moment.
        self.statements(&log).map_err(|source| VerifyError { path: checkpoints_path(&log), source })?;
        let files = self.in_order(files);
        let first = files.first().map(|(number, _)| *number);
        let mut heads: Option<Heads> = Some([GENESIS, GENESIS]);
        let mut expected = first;
        for (number, path) in &files {
            match expected {
                Some(expected) if expected < *number => {
                    self.find(path, None, None, Fault::FilesMissing { from: expected, to: number - 1 });
                    heads = None;
                }
                _ => {}
            }
            let is_first = first == Some(*number);
            self.file(path, *number, &mut heads, is_first)
                .map_err(|source| VerifyError { path: path.clone(), source })?;
            expected = Some(number + 1);
        }
        let given: BTreeSet<u64> = files.iter().map(|(number, _)| *number).collect();
        self.missing_files(&log, &given, first.unwrap_or(1));
        self.report.files = files.len();
        Ok(self.report)
    }

    /// Numbers the file that is written: it comes after all others, and after what was signed last where those are gone.
    fn in_order(&self, files: BTreeMap<Option<u64>, PathBuf>) -> Vec<(u64, PathBuf)> {
        let mut ordered: Vec<(u64, PathBuf)> =
            files.iter().filter_map(|(number, path)| number.map(|number| (number, path.clone()))).collect();
        if let Some(active) = files.get(&None) {
            let beside = rotated(&self.report.log).unwrap_or_default();
            let rotated = ordered.last().or(beside.last()).map_or(0, |(number, _)| *number);
            let signed = self.signed.keys().next_back().copied().unwrap_or(1);
            ordered.push(((rotated + 1).max(signed), active.clone()));
        }
        ordered
    }

    /// Reads one file; `heads` is what its first record may be chained to, then what the next file's may.
    fn file(
        &mut self,
        path: &Path,
        number: u64,
        heads: &mut Option<Heads>,
        first_file: bool,
    ) -> io::Result<()> {
        let mut reader = BufReader::with_capacity(FILE_BUFFER_BYTES, File::open(path)?);
        let mut signed = self.signed.remove(&number).unwrap_or_default().into_iter().peekable();
        let (mut line, mut bytes, mut told) = (Vec::new(), 0_u64, false);
        let mut last: Option<(u64, Option<String>)> = None;
        for row in 1_u64.. {
            while let Some(said) = signed.next_if(|said| said.position.bytes <= bytes) {
                self.report.unsigned_records = 0;
                let at_line_end = said.position.bytes == bytes;
                let as_signed = heads.is_none_or(|heads| heads.contains(&said.position.head));
                let unknown_before = bytes == 0 && first_file;
                if !told && !(at_line_end && (as_signed || unknown_before)) {
                    told = true;
                    let (line, record) = last.clone().unzip();
                    let fault = Fault::NotAsSigned { sequence: said.sequence, time: said.time };
                    self.find(path, line, record.flatten(), fault);
                }
            }
            match read_line(&mut reader, &mut line) {
                Ok(false) => break,
                Ok(true) => {}
                Err(fault) => {
                    self.find(path, Some(row), record_id(&line), Fault::Chain(fault));
                    if fault != ChainFault::TooLong {
                        break;
                    }
                    // The rest of it is read as lines of its own.
                    *heads = None;
                    bytes += u64::try_from(line.len()).unwrap_or(u64::MAX);
                    continue;
                }
            }
            bytes += u64::try_from(line.len()).unwrap_or(u64::MAX) + 1;
            self.report.records += 1;
            self.report.unsigned_records += 1;
            let opening = first_file && row == 1;
            self.line(path, row, &line, heads, opening);
            last = Some((row, record_id(&line)));
        }
        if let Some(said) = signed.next() {
            let (line, record) = last.unzip();
            let bytes = said.position.bytes;
            let fault = Fault::CutShort { sequence: said.sequence, time: said.time, bytes };
            self.find(path, line, record.flatten(), fault);
        }
        Ok(())
    }

    fn line(&mut self, path: &Path, row: u64, line: &[u8], heads: &mut Option<Heads>, opening: bool) {
        if opening && previous_of(line).is_some_and(|previous| previous != GENESIS) {
            if !self.partial {
                self.find(path, Some(row), record_id(line), Fault::BeginningMissing);
            }
            *heads = None;
        }
        let Some(seen) = inspect(line, heads.as_ref()) else {
            self.find(path, Some(row), record_id(line), Fault::Chain(ChainFault::Malformed));
            *heads = None;
            return;
        };
        if let Some(fault) = seen.fault {
            self.find(path, Some(row), record_id(line), Fault::Chain(fault));
        }
        let [own, _] = seen.heads;
        self.report.head = hex(&own);
        *heads = Some(seen.heads);
    }

    /// Reads what was signed, and checks it for itself.
    fn statements(&mut self, log: &Path) -> io::Result<()> {
        let path = checkpoints_path(log);
        let mut said_head = None;
        if let Ok(mut head) = File::open(head_path(log)) {
            said_head = read_head(&mut head)?;
            if said_head.is_none() && head.metadata()?.len() > 0 {
                self.find(&head_path(log), Some(1), None, Fault::Checkpoint(StatementFault::BadSignature));
            }
        }
        let mut text = Vec::new();
        match File::open(&path) {
            Ok(file) => {
                file.take(CHECKPOINTS_BYTES_MAX).read_to_end(&mut text)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut before: Option<(u64, Hash)> = None;
        let mut own_keys = 0_u64;
        let mut any: Vec<(u64, Signed)> = Vec::new();
        for (row, line) in (1_u64..).zip(text.split_inclusive(|byte| *byte == b'\n')) {
            let torn = !line.ends_with(b"\n");
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let statement = match Statement::parse(line) {
                // It was being written when the process ended; the next start cuts it off.
                Err(_) if torn => {
                    self.find(&path, Some(row), None, Fault::Chain(ChainFault::Torn));
                    break;
                }
                Err(fault) => {
                    self.find(&path, Some(row), None, Fault::Checkpoint(fault));
                    before = None;
                    continue;
                }
                Ok(statement) => statement,
            };
            let follows = match before {
                Some((sequence, own)) => statement.sequence == sequence + 1 && statement.previous == own,
                // After a fault of its own, or at the start.
                None => row > 1 || (statement.sequence == 1 && statement.previous == GENESIS),
            };
            if !follows {
                self.find(&path, Some(row), None, Fault::CheckpointGap);
            }
            before = Some((statement.sequence, statement.own));
            self.report.checkpoints += 1;
            own_keys += u64::from(self.known(&path, Some(row), &statement));
            any.push((statement.position.file, signed_of(statement)));
        }
        if let Some(head) = said_head {
            let named = head.sequence;
            if named > before.map_or(0, |(sequence, _)| sequence) {
                self.find(&path, None, None, Fault::CheckpointsCutShort { sequence: named });
            }
            own_keys += u64::from(self.known(&head_path(log), Some(1), &head));
            if head.occasion == Occasion::Head {
                any.push((head.position.file, signed_of(head)));
            }
        }
        if !self.keys.is_empty() && own_keys == 0 {
            self.find(&path, None, None, Fault::NothingSigned);
        }
        for (file, signed) in any {
            self.signed.entry(file).or_default().push(signed);
        }
        self.signed.values_mut().for_each(|about| about.sort_by_key(|one| one.position.bytes));
        Ok(())
    }

    fn known(&mut self, path: &Path, line: Option<u64>, statement: &Statement) -> bool {
        self.report.keys.insert(statement.key.to_string());
        let known = self.keys.contains(&statement.key);
        if !known && !self.keys.is_empty() {
            self.find(path, line, None, Fault::ForeignKey { key: statement.key.to_string() });
        }
        known
    }

    /// Files that statements speak of and that were not there to be read.
    fn missing_files(&mut self, log: &Path, given: &BTreeSet<u64>, first: u64) {
        let missing: Vec<Signed> = std::mem::take(&mut self.signed)
            .into_iter()
            .filter(|(number, _)| !given.contains(number) && (*number > first || !self.partial))
            .filter_map(|(_, about)| about.into_iter().next_back())
            .collect();
        for said in missing {
            let (sequence, time, file) = (said.sequence, said.time, said.position.file);
            self.find(log, None, None, Fault::SignedFileMissing { sequence, time, file });
        }
    }

    fn find(&mut self, file: &Path, line: Option<u64>, record: Option<String>, fault: Fault) {
        if self.report.findings.len() == FINDINGS_MAX {
            self.report.findings_left_out += 1;
            return;
        }
        self.report.findings.push(Finding { file: file.to_owned(), line, record, fault });
    }
}

fn signed_of(statement: Statement) -> Signed {
    Signed { sequence: statement.sequence, time: plain(&statement.time), position: statement.position }
}

/// It goes to a terminal.
fn plain(text: &str) -> String {
    const BYTES_MAX: usize = 64;
    text.chars().filter(char::is_ascii_graphic).take(BYTES_MAX).collect()
}

/// The id of a record, as far as it can be told from a line that may not be whole.
fn record_id(line: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Id {
        request_id: String,
    }
    const START: &[u8] = b"{\"request_id\":\"";
    let id = match serde_json::from_slice::<Id>(line) {
        Ok(id) => id.request_id,
        Err(_) => {
            let rest = line.strip_prefix(START)?;
            let end = rest.iter().position(|byte| *byte == b'"')?;
            String::from_utf8_lossy(rest.get(..end)?).into_owned()
        }
    };
    Some(plain(&id))
}

/// The files of the logs at these paths, oldest first, for readers that do not verify.
#[cfg(feature = "query")]
pub(super) fn files_of(paths: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let mut files = BTreeSet::new();
    for path in paths {
        for file in files_at(path)? {
            let (log, number) = log_of(&file);
            files.insert((log, number.unwrap_or(u64::MAX), file));
        }
    }
    Ok(files.into_iter().map(|(_, _, file)| file).collect())
}

#[cfg(test)]
mod tests;
