//! Where lines are written: a file that is continued, made durable and rotated, or a stream. It keeps the file at its
//! last whole line whatever fails; when to sync and when to rotate is the writer's decision.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::chain::{GENESIS, Hash, LINE_BYTES_MAX, head_after};
use super::files::{rotated, rotated_path, suffixed, sync_folder};

/// When the file is put aside and the next one begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// A file passes this by one batch at most.
    pub bytes_max: Option<u64>,
    pub age_max: Option<Duration>,
}

impl Rotation {
    pub const NEVER: Self = Self { bytes_max: None, age_max: None };
}

pub(super) enum Output {
    File(LogFile),
    Stream(Box<dyn Write + Send>),
}

/// Why a file was not opened as a log.
pub(crate) enum OpenFault {
    Io(io::Error),
    /// It holds something else; it is left as it is.
    NotALog,
    /// Another process writes to it.
    Taken,
}

impl From<io::Error> for OpenFault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    /// The number it will have once it is rotated away.
    pub number: u64,
    /// Its length up to the last whole line.
    pub whole_bytes: u64,
    /// A write failed and may have left part of its lines behind.
    torn: bool,
    began: SystemTime,
}

impl Output {
    /// Opens a file and gives the hash its chain goes on from.
    pub fn open(path: PathBuf) -> Result<(Self, Hash), OpenFault> {
        if std::fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
            let stream = OpenOptions::new().append(true).open(&path)?;
            return Ok((Output::Stream(Box::new(stream)), GENESIS));
        }
        let (file, head) = LogFile::open(path)?;
        Ok((Output::File(file), head))
    }

    pub fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Output::File(log) => log.write(lines),
            Output::Stream(stream) => {
                stream.write_all(lines)?;
                stream.flush()
            }
        }
    }

    pub fn sync(&mut self) -> io::Result<()> {
        match self {
            Output::File(log) => log.file.sync_data(),
            Output::Stream(_) => Ok(()),
        }
    }

    pub fn file(&mut self) -> Option<&mut LogFile> {
        match self {
            Output::File(log) => Some(log),
            Output::Stream(_) => None,
        }
    }
}

impl LogFile {
    fn open(path: PathBuf) -> Result<(Self, Hash), OpenFault> {
        let mut file = open_locked(&path)?;
        let before = rotated(&path)?;
        let number = before.last().map_or(1, |(number, _)| number + 1);
        let (own, whole_bytes) = last_record(&mut file)?.ok_or(OpenFault::NotALog)?;
        let bytes = file.metadata()?.len();
        if whole_bytes < bytes {
            tracing::warn!(
                bytes = bytes - whole_bytes,
                "the audit log ended in part of a record; it is cut off"
            );
            file.set_len(whole_bytes)?;
            file.sync_all()?;
        }
        let head = match (own, before.last()) {
            (Some(own), _) => own,
            // The file before was put aside, and nothing was written since.
            (None, Some((_, before))) => {
                let last = last_record(&mut File::open(before)?)?;
                last.and_then(|(head, _)| head).ok_or(OpenFault::NotALog)?
            }
            (None, None) => GENESIS,
        };
        let metadata = file.metadata()?;
        let began = if whole_bytes == 0 { SystemTime::now() } else { birth(&metadata) };
        sync_folder(&path)?;
        Ok((Self { path, file, number, whole_bytes, torn: false, began }, head))
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.whole_bytes)?;
        }
        if self.whole_bytes == 0 {
            self.began = SystemTime::now();
        }
        self.torn = true;
        self.file.write_all(lines)?;
        self.torn = false;
        self.whole_bytes += u64::try_from(lines.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    pub fn is_due(&self, rotation: &Rotation) -> bool {
        let large = rotation.bytes_max.is_some_and(|bytes| self.whole_bytes >= bytes);
        let old = rotation.age_max.is_some_and(|age| self.age() >= age);
        self.whole_bytes > 0 && !self.torn && (large || old)
    }

    pub fn age(&self) -> Duration {
        self.began.elapsed().unwrap_or_default()
    }

    /// Puts the file aside and goes on in a new one. What was written is to be durable before. Nothing is lost by a
    /// failure: the file is written on, or found again at the next start.
    pub fn rotate(&mut self) -> io::Result<()> {
        let (next, aside) = (suffixed(&self.path, "next"), rotated_path(&self.path, self.number));
        if aside.exists() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "a file of that number is there already",
            ));
        }
        let file = match open_locked(&next) {
            Ok(file) => file,
            Err(OpenFault::Io(error)) => return Err(error),
            Err(_) => return Err(io::Error::other("the next file of the log is in use")),
        };
        file.set_len(0)?;
        std::fs::rename(&self.path, &aside)?;
        if let Err(error) = std::fs::rename(&next, &self.path) {
            std::fs::rename(&aside, &self.path)?;
            return Err(error);
        }
        self.file = file;
        self.number += 1;
        self.whole_bytes = 0;
        self.began = SystemTime::now();
        sync_folder(&self.path)
    }
}

/// Opens for appending, readable by the owner alone, and for this process alone.
pub(crate) fn open_locked(path: &Path) -> Result<File, OpenFault> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(OpenFault::Taken),
        // Some file systems know no locks; then it is on the operator to run one process per log.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// When a file was begun, as well as its file system knows.
fn birth(metadata: &std::fs::Metadata) -> SystemTime {
    metadata.created().or_else(|_| metadata.modified()).unwrap_or_else(|_| SystemTime::now())
}

/// The hash of the last whole line, if there is one, and where that line ends. `None` when the file does not end like
/// a log.
fn last_record(file: &mut File) -> io::Result<Option<(Option<Hash>, u64)>> {
    // A whole line, its end, the end of the line before it, and part of a line after it.
    const TAIL_BYTES: usize = 2 * LINE_BYTES_MAX + 2;
    const RECORD_START: &[u8] = b"{\"request_id\":";

    let bytes = file.metadata()?.len();
    let start = bytes.saturating_sub(u64::try_from(TAIL_BYTES).unwrap_or(u64::MAX));
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(bytes - start).read_to_end(&mut tail)?;

    let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let (lines, torn) = tail.split_at_checked(whole).unwrap_or_default();
    // Only what looks like our own is ever cut off.
    if !torn.starts_with(RECORD_START) && !RECORD_START.starts_with(torn) {
        return Ok(None);
    }
    let Some(lines) = lines.strip_suffix(b"\n") else {
        return Ok((start == 0).then_some((None, 0)));
    };
    let last = lines.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let end = start + u64::try_from(whole).unwrap_or(u64::MAX);
    Ok(head_after(last).map(|head| (Some(head), end)))
}
