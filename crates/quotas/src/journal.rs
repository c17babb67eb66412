//! The journal of accounts in memory: for each grant, what a restart has to count as spent. It is written before
//! the grant is used, so that no restart, however sudden, lowers what was spent. Leases make that cheap: it is
//! written once per lease, not once per request.
//!
//! Records have one size and a checksum each; the last one of an account counts. A file that ends within a
//! record, or in a batch of damaged ones, was cut off by the end of a machine and is repaired; damage further up is
//! refused, because what it hid cannot be known. No names are in it, only digests.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::central::AccountId;
use crate::leases::LINES_MAX;
use crate::store::Fsync;

const MAGIC: &[u8; 8] = b"HPQUOTA1";
/// Account, used, keep until, now, checksum.
const RECORD_BYTES: usize = 16 + 8 + 8 + 8 + 4;
/// Files are read whole; compaction keeps them far below this.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// Below this many records compaction is not worth it.
const RECORDS_MIN: usize = 8_192;

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("the journal of quotas {path}: {error}")]
    Io { path: PathBuf, error: std::io::Error },
    #[error("the journal of quotas {0} is in use by another process")]
    InUse(PathBuf),
    #[error("{0} is no journal of quotas, or one of a later version")]
    Foreign(PathBuf),
    #[error(
        "the journal of quotas {path} is damaged in record {record}; what was spent is not known: restore it, or \
         move it away to begin anew"
    )]
    Damaged { path: PathBuf, record: usize },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    pub account: AccountId,
    pub used: u64,
    pub keep_until_ms: u64,
    pub now_ms: u64,
}

pub struct Journal {
    path: PathBuf,
    file: File,
    /// Held as long as the journal is.
    _lock: File,
    fsync: Fsync,
    synced: Instant,
    /// Where the last whole record ends.
    good_bytes: u64,
    records_written: usize,
    live: BTreeMap<AccountId, Record>,
    live_records: usize,
}

impl Journal {
    /// Opens or begins the journal in a directory, which is made where it is missing.
    pub fn open(directory: &Path, fsync: Fsync) -> Result<Self, JournalError> {
        let path = directory.join("quotas.journal");
        let io = |error| JournalError::Io { path: path.clone(), error };
        std::fs::create_dir_all(directory).map_err(io)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(directory.join("quotas.lock"))
            .map_err(io)?;
        lock.try_lock().map_err(|_| JournalError::InUse(path.clone()))?;
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .append(true)
            .open(&path)
            .map_err(io)?;
        if file.metadata().map_err(io)?.len() > FILE_BYTES_MAX {
            return Err(JournalError::Foreign(path));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        let (live, records_written) = read(&bytes, &path)?;
        let good_bytes = if bytes.len() < MAGIC.len() {
            file.set_len(0).map_err(io)?;
            file.write_all(MAGIC).map_err(io)?;
            MAGIC.len() as u64
        } else {
            (MAGIC.len() + records_written * RECORD_BYTES) as u64
        };
        file.set_len(good_bytes).map_err(io)?;
        file.sync_all().map_err(io)?;
        sync_directory(directory).map_err(io)?;
        let live_records = live.len();
        Ok(Self {
            path,
            file,
            _lock: lock,
            fsync,
            synced: Instant::now(),
            good_bytes,
            records_written,
            live,
            live_records,
        })
    }

    /// What the journal said when it was opened.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.live.values()
    }

    /// Writes how accounts stand: name, used, and how long that matters.
    pub fn append(
        &mut self,
        accounts: impl Iterator<Item = (AccountId, u64, u64)>,
        now_ms: u64,
    ) -> Result<(), JournalError> {
        let mut bytes = Vec::new();
        let mut count = 0;
        for (account, used, keep_until_ms) in accounts {
            bytes.extend_from_slice(&encode(&Record { account, used, keep_until_ms, now_ms }));
            count += 1;
        }
        let written = self.file.write_all(&bytes).and_then(|()| self.sync());
        if let Err(error) = written {
            // Half a record would make all that follow unreadable.
            let _ = self.file.set_len(self.good_bytes);
            return Err(JournalError::Io { path: self.path.clone(), error });
        }
        self.good_bytes += bytes.len() as u64;
        self.records_written += count;
        Ok(())
    }

    pub fn is_long(&self) -> bool {
        self.records_written > RECORDS_MIN && self.records_written > 4 * self.live_records
    }

    /// Writes the journal anew with one record per account, beside the old one and then in its place.
    pub fn compact(
        &mut self,
        accounts: impl Iterator<Item = (AccountId, u64, u64)>,
        now_ms: u64,
    ) -> Result<(), JournalError> {
        let mut bytes = MAGIC.to_vec();
        for (account, used, keep_until_ms) in accounts {
            bytes.extend_from_slice(&encode(&Record { account, used, keep_until_ms, now_ms }));
        }
        let beside = self.path.with_extension("journal.new");
        let replace = || {
            let mut file = File::create(&beside)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            std::fs::rename(&beside, &self.path)?;
            sync_directory(self.path.parent().unwrap_or(Path::new(".")))?;
            OpenOptions::new().read(true).append(true).open(&self.path)
        };
        self.file = replace().map_err(|error| JournalError::Io { path: self.path.clone(), error })?;
        self.good_bytes = bytes.len() as u64;
        self.records_written = (bytes.len() - MAGIC.len()) / RECORD_BYTES;
        self.live_records = self.records_written;
        self.live = BTreeMap::new();
        Ok(())
    }

    fn sync(&mut self) -> std::io::Result<()> {
        let due = match self.fsync {
            Fsync::Always => true,
            Fsync::Every(interval) => self.synced.elapsed() >= interval,
            Fsync::Never => false,
        };
        if due {
            self.file.sync_data()?;
            self.synced = Instant::now();
        }
        Ok(())
    }
}

/// The last record of each account, and how many records are whole.
fn read(bytes: &[u8], path: &Path) -> Result<(BTreeMap<AccountId, Record>, usize), JournalError> {
    if bytes.len() < MAGIC.len() {
        // Cut off while it was begun.
        let begun = MAGIC.starts_with(bytes);
        return if begun { Ok((BTreeMap::new(), 0)) } else { Err(JournalError::Foreign(path.to_owned())) };
    }
    let Some(records) = bytes.strip_prefix(MAGIC) else {
        return Err(JournalError::Foreign(path.to_owned()));
    };
    let mut live = BTreeMap::new();
    let whole = records.len() / RECORD_BYTES;
    for (number, record) in records.chunks_exact(RECORD_BYTES).enumerate() {
        let Some(record) = decode(record) else {
            if whole - number > LINES_MAX {
                return Err(JournalError::Damaged { path: path.to_owned(), record: number });
            }
            return Ok((live, number));
        };
        live.insert(record.account, record);
    }
    Ok((live, whole))
}

fn encode(record: &Record) -> [u8; RECORD_BYTES] {
    let mut bytes = [0; RECORD_BYTES];
    let parts: [&[u8]; 4] = [
        &record.account.0,
        &record.used.to_le_bytes(),
        &record.keep_until_ms.to_le_bytes(),
        &record.now_ms.to_le_bytes(),
    ];
    let mut rest = bytes.as_mut_slice();
    for part in parts {
        let (here, after) = rest.split_at_mut(part.len());
        here.copy_from_slice(part);
        rest = after;
    }
    let (body, checksum) = bytes.split_at_mut(RECORD_BYTES - 4);
    checksum.copy_from_slice(&crc32fast::hash(body).to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Record> {
    let (account, rest) = bytes.split_first_chunk::<16>()?;
    let (used, rest) = rest.split_first_chunk::<8>()?;
    let (keep_until, rest) = rest.split_first_chunk::<8>()?;
    let (now, rest) = rest.split_first_chunk::<8>()?;
    let (checksum, _) = rest.split_first_chunk::<4>()?;
    (crc32fast::hash(bytes.get(..RECORD_BYTES - 4)?) == u32::from_le_bytes(*checksum)).then(|| Record {
        account: AccountId(*account),
        used: u64::from_le_bytes(*used),
        keep_until_ms: u64::from_le_bytes(*keep_until),
        now_ms: u64::from_le_bytes(*now),
    })
}

/// A rename is on the disk when its directory is.
fn sync_directory(directory: &Path) -> std::io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("hardpan-journal-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            Self(path)
        }

        fn open(&self) -> Result<Journal, JournalError> {
            Journal::open(&self.0, Fsync::Always)
        }

        fn used(&self) -> Vec<(u8, u64)> {
            self.open().unwrap().records().map(|record| (record.account.0[0], record.used)).collect()
        }

        fn file(&self) -> PathBuf {
            self.0.join("quotas.journal")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn account(number: u8) -> AccountId {
        AccountId([number; 16])
    }

    #[test]
    fn the_last_record_of_an_account_counts_after_a_restart() {
        let folder = Folder::new("last");
        let mut journal = folder.open().unwrap();
        journal.append([(account(1), 10, 99), (account(2), 5, 99)].into_iter(), 7).unwrap();
        journal.append([(account(1), 30, 99)].into_iter(), 8).unwrap();
        drop(journal);
        assert_eq!(folder.used(), [(1, 30), (2, 5)]);
        assert!(folder.open().unwrap().records().any(|record| record.now_ms == 8));
    }

    #[test]
    fn a_torn_tail_is_cut_at_any_byte_and_writing_goes_on() {
        let folder = Folder::new("torn");
        let mut journal = folder.open().unwrap();
        journal.append([(account(1), 10, 99)].into_iter(), 7).unwrap();
        journal.append([(account(1), 30, 99)].into_iter(), 8).unwrap();
        drop(journal);
        let whole = std::fs::read(folder.file()).unwrap();
        for length in 0..whole.len() {
            std::fs::write(folder.file(), &whole[..length]).unwrap();
            let records = length.saturating_sub(MAGIC.len()) / RECORD_BYTES;
            let expected: Vec<(u8, u64)> = (records == 1).then_some((1, 10)).into_iter().collect();
            assert_eq!(folder.used(), expected, "{length}");
            folder.open().unwrap().append([(account(3), 4, 99)].into_iter(), 9).unwrap();
            assert!(folder.used().contains(&(3, 4)), "{length}");
        }
    }

    #[test]
    fn damage_is_repaired_at_the_end_only() {
        let folder = Folder::new("damage");
        let mut journal = folder.open().unwrap();
        for used in 0..2 * LINES_MAX as u64 {
            journal.append([(account(1), used, 99)].into_iter(), 7).unwrap();
        }
        drop(journal);
        let whole = std::fs::read(folder.file()).unwrap();
        for (record, repaired) in
            [(0, false), (LINES_MAX - 1, false), (LINES_MAX, true), (LINES_MAX + 9, true)]
        {
            let mut damaged = whole.clone();
            damaged[MAGIC.len() + record * RECORD_BYTES + 20] ^= 1;
            std::fs::write(folder.file(), damaged).unwrap();
            assert_eq!(folder.open().is_ok(), repaired, "{record}");
        }
        std::fs::write(folder.file(), b"something else").unwrap();
        assert!(matches!(folder.open(), Err(JournalError::Foreign(_))));
    }

    #[test]
    fn compaction_keeps_every_account_and_two_processes_are_not_let_in() {
        let folder = Folder::new("compact");
        let mut journal = folder.open().unwrap();
        assert!(matches!(folder.open(), Err(JournalError::InUse(_))));
        for used in 0..=RECORDS_MIN as u64 {
            journal.fsync = Fsync::Never;
            journal.append([(account(1), used, 99)].into_iter(), 7).unwrap();
        }
        assert!(journal.is_long());
        journal.compact([(account(1), 50, 99), (account(2), 60, 99)].into_iter(), 8).unwrap();
        assert!(!journal.is_long());
        journal.append([(account(2), 61, 99)].into_iter(), 9).unwrap();
        drop(journal);
        assert_eq!(std::fs::metadata(folder.file()).unwrap().len(), (MAGIC.len() + 3 * RECORD_BYTES) as u64);
        assert_eq!(folder.used(), [(1, 50), (2, 61)]);
    }
}
