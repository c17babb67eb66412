//! Lines that go to a file by one thread: the decision log. No chain binds them and nothing is signed; where every
//! request must have its proof, that is the audit log.
//!
//! Requests never wait for the disk. What waits is bounded in lines and bytes; what cannot be written is tried again
//! while there is room, and then lost and counted, or requests are turned away, as configured.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use crate::audit::files::{rotated, rotated_path, suffixed, sync_folder};
use crate::audit::output::{OpenFault, open_locked};
use crate::audit::{Full, OnFull, Rotation};
use crate::metrics;

/// A line and its end; longer ones are lost and counted.
pub const LINE_BYTES_MAX: usize = 1 << 20;
const QUEUED_LINES_MAX: usize = 8192;
const QUEUED_BYTES_MAX: usize = 64 << 20;
const BATCH_BYTES_MAX: usize = 4 << 20;
/// Written lines are made durable within this time.
const SYNC_EVERY: Duration = Duration::from_secs(1);
const RETRY_EVERY: Duration = Duration::from_millis(100);

pub struct LineSettings {
    pub path: PathBuf,
    pub rotation: Rotation,
    /// Of files that were put aside, so many are kept; the oldest go. None: all.
    pub files_max: Option<usize>,
    pub on_full: OnFull,
}

#[derive(Debug, thiserror::Error)]
pub enum LineError {
    #[error("{} cannot be opened: {source}", .path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("{} is written by another process", .path.display())]
    Taken { path: PathBuf },
    #[error("the writer's thread cannot be started: {0}")]
    Thread(#[source] io::Error),
}

pub struct LineLog {
    queue: SyncSender<Message>,
    state: Arc<State>,
    on_full: OnFull,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What the requests' side and the writer tell each other beside the queue.
struct State {
    lines: AtomicUsize,
    bytes: AtomicUsize,
    writable: AtomicBool,
    closing: AtomicBool,
}

enum Message {
    Line(Vec<u8>),
    Close,
}

impl LineLog {
    pub fn start(settings: LineSettings) -> Result<Self, LineError> {
        let (queue, receiver) = sync_channel(QUEUED_LINES_MAX);
        let state = Arc::new(State {
            lines: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            writable: AtomicBool::new(true),
            closing: AtomicBool::new(false),
        });
        let file = LineFile::open(&settings.path)?;
        let on_full = settings.on_full;
        let writer = Writer {
            queue: receiver,
            state: Arc::clone(&state),
            settings,
            file,
            batch: Vec::new(),
            batch_lines: 0,
            unsynced_since: None,
            closed: false,
        };
        let thread = std::thread::Builder::new()
            .name("line-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(LineError::Thread)?;
        Ok(Self { queue, state, on_full, writer: Mutex::new(Some(thread)) })
    }

    /// Hands a line over, without its end, and without waiting.
    pub fn submit(&self, mut line: Vec<u8>) -> Result<(), Full> {
        line.push(b'\n');
        let bytes = line.len();
        let queued = self.state.bytes.fetch_add(bytes, Ordering::SeqCst);
        let fits = bytes <= LINE_BYTES_MAX && queued.saturating_add(bytes) <= QUEUED_BYTES_MAX;
        if !fits || self.queue.try_send(Message::Line(line)).is_err() {
            self.state.bytes.fetch_sub(bytes, Ordering::SeqCst);
            metrics::decision_log_lines("lost", 1);
            return Err(Full);
        }
        self.state.lines.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// Whether a line submitted now will very likely be written: the last write succeeded, and a quarter of the queue
    /// is free for the requests already under way.
    pub fn healthy(&self) -> bool {
        let State { lines, bytes, writable, .. } = &*self.state;
        writable.load(Ordering::SeqCst)
            && lines.load(Ordering::SeqCst) < QUEUED_LINES_MAX / 4 * 3
            && bytes.load(Ordering::SeqCst) < QUEUED_BYTES_MAX / 4 * 3
    }

    /// Whether new requests have to be turned away.
    pub fn must_refuse(&self) -> bool {
        self.on_full == OnFull::Refuse && !self.healthy()
    }

    /// Writes what was submitted and ends the writer. Blocks: not for async threads.
    pub fn close(&self) {
        self.state.closing.store(true, Ordering::SeqCst);
        // An error means that the writer has ended already.
        let _ = self.queue.send(Message::Close);
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the writer of the decision log ended by a panic");
        }
    }
}

struct Writer {
    queue: Receiver<Message>,
    state: Arc<State>,
    settings: LineSettings,
    file: LineFile,
    /// Lines not yet written, and how many.
    batch: Vec<u8>,
    batch_lines: u64,
    unsynced_since: Option<Instant>,
    closed: bool,
}

impl Writer {
    fn run(mut self) {
        while !self.closed {
            match self.queue.recv_timeout(self.wait_at_most()) {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.closed = true,
            }
            while self.batch.len() < BATCH_BYTES_MAX
                && let Ok(message) = self.queue.try_recv()
            {
                self.take(message);
            }
            self.write();
            self.sync();
            self.rotate();
        }
        if let Err(error) = self.file.file.sync_data() {
            tracing::error!(kind = ?error.kind(), "the decision log cannot be made durable");
        }
        if self.batch_lines > 0 {
            metrics::decision_log_lines("lost", self.batch_lines);
        }
    }

    fn wait_at_most(&self) -> Duration {
        if self.batch_lines > 0 { RETRY_EVERY } else { SYNC_EVERY }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Line(line) => {
                self.state.lines.fetch_sub(1, Ordering::SeqCst);
                self.batch.extend_from_slice(&line);
                self.batch_lines += 1;
            }
            Message::Close => self.closed = true,
        }
    }

    /// What fails stays for the next time. While it does, the queue fills, which is bounded.
    fn write(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let written = self.file.write(&self.batch);
        self.state.writable.store(written.is_ok(), Ordering::SeqCst);
        match written {
            Ok(()) => {
                self.state.bytes.fetch_sub(self.batch.len(), Ordering::SeqCst);
                metrics::decision_log_lines("written", self.batch_lines);
                self.batch.clear();
                self.batch_lines = 0;
                self.unsynced_since.get_or_insert_with(Instant::now);
            }
            Err(error) => {
                metrics::decision_log_lines("failed", 1);
                tracing::error!(kind = ?error.kind(), "the decision log cannot be written");
                if !self.state.closing.load(Ordering::SeqCst) {
                    std::thread::park_timeout(RETRY_EVERY);
                }
            }
        }
    }

    fn sync(&mut self) {
        if self.unsynced_since.is_some_and(|since| since.elapsed() >= SYNC_EVERY) {
            self.unsynced_since = None;
            if let Err(error) = self.file.file.sync_data() {
                tracing::error!(kind = ?error.kind(), "the decision log cannot be made durable");
            }
        }
    }

    fn rotate(&mut self) {
        let Rotation { bytes_max, age_max } = self.settings.rotation;
        let large = bytes_max.is_some_and(|bytes| self.file.bytes >= bytes);
        let old = age_max.is_some_and(|age| self.file.began.elapsed().unwrap_or_default() >= age);
        if self.file.bytes == 0 || !(large || old) {
            return;
        }
        if let Err(error) = self.file.rotate(&self.settings.path, self.settings.files_max) {
            // Lines go on in the file they went to.
            tracing::error!(kind = ?error.kind(), "the decision log cannot be rotated");
            self.file.began = SystemTime::now();
        }
    }
}

/// A file that ends in a whole line, whatever fails.
struct LineFile {
    file: File,
    bytes: u64,
    /// A write failed and may have left part of its lines behind.
    torn: bool,
    began: SystemTime,
}

impl LineFile {
    fn open(path: &Path) -> Result<Self, LineError> {
        let failed = |source| LineError::Open { path: path.to_owned(), source };
        let mut file = locked(path)?;
        let bytes = whole_bytes(&mut file).map_err(failed)?;
        file.set_len(bytes).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let began = if bytes == 0 { None } else { metadata.created().or_else(|_| metadata.modified()).ok() };
        sync_folder(path).map_err(failed)?;
        Ok(Self { file, bytes, torn: false, began: began.unwrap_or_else(SystemTime::now) })
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.bytes)?;
        }
        if self.bytes == 0 {
            self.began = SystemTime::now();
        }
        self.torn = true;
        self.file.write_all(lines)?;
        self.torn = false;
        self.bytes += u64::try_from(lines.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    fn rotate(&mut self, path: &Path, files_max: Option<usize>) -> io::Result<()> {
        self.file.sync_data()?;
        let before = rotated(path)?;
        let number = before.last().map_or(1, |(number, _)| number + 1);
        let next = suffixed(path, "next");
        let file = locked(&next).map_err(io::Error::other)?;
        file.set_len(0)?;
        std::fs::rename(path, rotated_path(path, number))?;
        std::fs::rename(&next, path)?;
        *self = Self { file, bytes: 0, torn: false, began: SystemTime::now() };
        if let Some(files_max) = files_max {
            let gone = (before.len() + 1).saturating_sub(files_max);
            for (_, oldest) in before.iter().take(gone) {
                std::fs::remove_file(oldest)?;
            }
        }
        sync_folder(path)
    }
}

fn locked(path: &Path) -> Result<File, LineError> {
    open_locked(path).map_err(|fault| match fault {
        OpenFault::Io(source) => LineError::Open { path: path.to_owned(), source },
        OpenFault::Taken | OpenFault::NotALog => LineError::Taken { path: path.to_owned() },
    })
}

/// How far the file goes up to the end of its last whole line.
fn whole_bytes(file: &mut File) -> io::Result<u64> {
    let bytes = file.metadata()?.len();
    let start = bytes.saturating_sub(u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX));
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(bytes - start).read_to_end(&mut tail)?;
    match memchr::memrchr(b'\n', &tail) {
        Some(end) => Ok(start + u64::try_from(end + 1).unwrap_or(u64::MAX)),
        // Nothing of ours is longer: what is there is left, and a line begins behind it.
        None if start > 0 => Ok(bytes),
        None => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("hardpan-lines-{}-{name}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn log(&self) -> PathBuf {
            self.0.join("decisions.jsonl")
        }

        fn settings(&self) -> LineSettings {
            LineSettings {
                path: self.log(),
                rotation: Rotation::NEVER,
                files_max: None,
                on_full: OnFull::Refuse,
            }
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn lines_are_appended_over_restarts_and_a_torn_one_is_cut_off() {
        let folder = Folder::new("append");
        for (line, before) in [("one", ""), ("two", "one\n"), ("three", "one\ntwo\n")] {
            assert_eq!(std::fs::read_to_string(folder.log()).unwrap_or_default().replace("torn", ""), before);
            let log = LineLog::start(folder.settings()).unwrap();
            log.submit(line.as_bytes().to_vec()).unwrap();
            assert!(matches!(LineLog::start(folder.settings()), Err(LineError::Taken { .. })));
            log.close();
            let mut file = std::fs::OpenOptions::new().append(true).open(folder.log()).unwrap();
            file.write_all(b"torn").unwrap();
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new("mode");
        let log = LineLog::start(folder.settings()).unwrap();
        log.close();
        let mode = std::fs::metadata(folder.log()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn files_are_put_aside_and_the_oldest_go() {
        let folder = Folder::new("rotate");
        let rotation = Rotation { bytes_max: Some(1), age_max: None };
        for number in 0..5 {
            let log =
                LineLog::start(LineSettings { rotation, files_max: Some(2), ..folder.settings() }).unwrap();
            log.submit(format!("line {number}").into_bytes()).unwrap();
            log.close();
        }
        let kept: Vec<String> = rotated(&folder.log())
            .unwrap()
            .into_iter()
            .map(|(_, path)| std::fs::read_to_string(path).unwrap())
            .collect();
        assert_eq!(kept, ["line 3\n", "line 4\n"]);
        assert_eq!(std::fs::read_to_string(folder.log()).unwrap(), "");
    }

    #[test]
    fn what_is_too_much_is_lost_and_said_so() {
        let folder = Folder::new("bounds");
        let log = LineLog::start(folder.settings()).unwrap();
        assert!(log.submit(vec![b'x'; LINE_BYTES_MAX]).is_err());
        assert!(log.submit(vec![b'x'; LINE_BYTES_MAX - 1]).is_ok());
        log.close();
        assert_eq!(std::fs::metadata(folder.log()).unwrap().len(), LINE_BYTES_MAX as u64);
        assert_eq!(log.state.bytes.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_full_queue_turns_requests_away_where_lines_may_not_be_lost() {
        let folder = Folder::new("full");
        let log = LineLog::start(folder.settings()).unwrap();
        log.close();
        assert!(!log.must_refuse());
        // The writer has ended: what waits from now on is never written.
        let mut lost = false;
        for _ in 0..QUEUED_LINES_MAX + 1 {
            lost |= log.submit(vec![b'x'; QUEUED_BYTES_MAX / QUEUED_LINES_MAX]).is_err();
        }
        assert!(lost && log.state.bytes.load(Ordering::SeqCst) <= QUEUED_BYTES_MAX);
        log.state.writable.store(false, Ordering::SeqCst);
        assert!(log.must_refuse());
        let lenient = LineLog { on_full: OnFull::DropAndCount, ..log };
        assert!(!lenient.must_refuse() && !lenient.healthy());
    }
}
