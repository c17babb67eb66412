//! The queue records go into and the one thread that writes them out.
//!
//! Requests never wait for the disk: [`AuditLog::submit`] hands a record over or says that there is no
//! room. The thread writes in batches and makes them durable together. What it cannot write it keeps and
//! tries again, or drops and counts, as configured; either way [`AuditLog::healthy`] says so while it
//! lasts.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::chain::{GENESIS, Hash, LINE_BYTES_MAX, LINK_BYTES, append, head_after};
use super::record::AuditRecord;
use crate::metrics;

const BATCH_RECORDS_MAX: u64 = 256;
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long the first record of a batch waits for others.
const GATHER_FOR: Duration = Duration::from_millis(1);
/// Written records are made durable within this time: what a loss of power can cost.
const SYNC_EVERY: Duration = Duration::from_millis(10);
const RETRY_EVERY: Duration = Duration::from_millis(100);

/// Where records go.
pub enum AuditSink {
    /// One JSON line each, appended. A chain that is there already is continued; the file is created
    /// readable by its owner alone. A path that is not a regular file is written like a stream.
    File(PathBuf),
    Stdout,
    /// Anything else. A write that fails midway may leave part of a line behind.
    Writer(Box<dyn Write + Send>),
}

/// What to do when records cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFull {
    /// No record, no request: see [`AuditLog::must_refuse`].
    #[default]
    Refuse,
    /// Serve on, and count what is lost.
    DropAndCount,
}

pub struct AuditSettings {
    pub sink: AuditSink,
    pub on_full: OnFull,
    pub queue_records_max: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("the audit log {} cannot be opened: {source}", .path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("{} does not end in a record of an audit log; it is left as it is", .path.display())]
    NotALog { path: PathBuf },
    #[error("the audit writer's thread cannot be started: {0}")]
    Thread(#[source] io::Error),
}

/// There was no room for a record. It is lost, and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit queue is full")]
pub struct Full;

pub struct AuditLog {
    queue: SyncSender<Message>,
    state: Arc<State>,
    on_full: OnFull,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl AuditLog {
    /// Opens the sink and starts the writer.
    pub fn start(settings: AuditSettings) -> Result<Self, AuditError> {
        let (output, head) = Output::open(settings.sink)?;
        let capacity = settings.queue_records_max.max(1);
        let (queue, receiver) = sync_channel(capacity);
        let state = Arc::new(State {
            queued: AtomicUsize::new(0),
            high_water: (capacity / 4 * 3).max(1),
            writable: AtomicBool::new(true),
            closing: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
        });
        let writer = Writer {
            queue: receiver,
            output,
            state: Arc::clone(&state),
            on_full: settings.on_full,
            scratch: Vec::new(),
            lines: Vec::new(),
            records: 0,
            head,
            written_head: head,
            unsynced_since: None,
            sync_failed: false,
            flushes: Vec::new(),
            closed: false,
        };
        let thread = std::thread::Builder::new()
            .name("audit-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(AuditError::Thread)?;
        Ok(Self { queue, state, on_full: settings.on_full, writer: Mutex::new(Some(thread)) })
    }

    /// Hands a record over without waiting.
    pub fn submit(&self, record: AuditRecord) -> Result<(), Full> {
        self.state.queued.fetch_add(1, Ordering::SeqCst);
        if self.queue.try_send(Message::Record(Box::new(record))).is_err() {
            self.state.queued.fetch_sub(1, Ordering::SeqCst);
            self.state.count_dropped(1);
            return Err(Full);
        }
        Ok(())
    }

    /// Whether a record submitted now will very likely be written: the last write succeeded, and a quarter
    /// of the queue is free for the requests already under way.
    pub fn healthy(&self) -> bool {
        self.state.writable.load(Ordering::SeqCst)
            && self.state.queued.load(Ordering::SeqCst) < self.state.high_water
    }

    /// Whether new requests have to be turned away, because their records might be lost.
    pub fn must_refuse(&self) -> bool {
        self.on_full == OnFull::Refuse && !self.healthy()
    }

    /// Records lost since the start.
    pub fn dropped(&self) -> u64 {
        self.state.dropped.load(Ordering::SeqCst)
    }

    /// Waits until everything submitted before is written and durable; `false` when writing fails. Blocks:
    /// not for async threads.
    pub fn flush(&self) -> bool {
        let (done, wait) = sync_channel(1);
        self.queue.send(Message::Flush(done)).is_ok() && wait.recv().unwrap_or(false)
    }

    /// Writes what was submitted and ends the writer. Records it still cannot write are lost, and counted.
    /// Blocks: not for async threads.
    pub fn close(&self) {
        self.state.closing.store(true, Ordering::SeqCst);
        // An error means that the writer has ended already.
        let _ = self.queue.send(Message::Close);
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the audit writer ended by a panic");
        }
    }
}

enum Message {
    Record(Box<AuditRecord>),
    Flush(SyncSender<bool>),
    Close,
}

/// What the requests' side and the writer tell each other beside the queue.
struct State {
    queued: AtomicUsize,
    high_water: usize,
    writable: AtomicBool,
    closing: AtomicBool,
    dropped: AtomicU64,
}

impl State {
    fn count_dropped(&self, records: u64) {
        self.dropped.fetch_add(records, Ordering::SeqCst);
        metrics::records_dropped(records);
    }
}

struct Writer {
    queue: Receiver<Message>,
    output: Output,
    state: Arc<State>,
    on_full: OnFull,
    scratch: Vec<u8>,
    /// Lines not yet written, and how many.
    lines: Vec<u8>,
    records: u64,
    /// Hash of the last line in `lines`, and of the last one written.
    head: Hash,
    written_head: Hash,
    unsynced_since: Option<Instant>,
    sync_failed: bool,
    flushes: Vec<SyncSender<bool>>,
    closed: bool,
}

impl Writer {
    fn run(mut self) {
        while self.wait() {
            self.gather();
            self.write();
            self.sync();
            self.answer_flushes();
        }
        self.finish();
    }

    /// Waits for the next message, or until something is due. `false` when it is time to end.
    fn wait(&mut self) -> bool {
        let failing = !self.state.writable.load(Ordering::SeqCst);
        if self.closed || (failing && self.state.closing.load(Ordering::SeqCst)) {
            return false;
        }
        let next = if !self.has_room() {
            pause(RETRY_EVERY);
            Err(RecvTimeoutError::Timeout)
        } else if self.records > 0 || (failing && self.unsynced_since.is_some()) {
            self.queue.recv_timeout(RETRY_EVERY)
        } else if let Some(since) = self.unsynced_since {
            self.queue.recv_timeout(SYNC_EVERY.saturating_sub(since.elapsed()))
        } else {
            self.queue.recv().map_err(|_| RecvTimeoutError::Disconnected)
        };
        match next {
            Ok(message) => {
                self.take(message);
                if self.flushes.is_empty() && !self.closed {
                    // One awakening then serves all records of the next moment.
                    pause(GATHER_FOR);
                }
                !self.closed
            }
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => false,
        }
    }

    /// Takes what is in the queue, up to a batch.
    fn gather(&mut self) -> bool {
        let mut any = false;
        while self.has_room() {
            let Ok(message) = self.queue.try_recv() else {
                break;
            };
            self.take(message);
            any = true;
        }
        any
    }

    fn has_room(&self) -> bool {
        self.records < BATCH_RECORDS_MAX && self.lines.len() < BATCH_BYTES_MAX
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Record(record) => {
                self.state.queued.fetch_sub(1, Ordering::SeqCst);
                self.encode(&record);
            }
            Message::Flush(done) => self.flushes.push(done),
            Message::Close => self.closed = true,
        }
    }

    fn encode(&mut self, record: &AuditRecord) {
        self.scratch.clear();
        let written = serde_json::to_writer(&mut self.scratch, record);
        if written.is_err() || self.scratch.len() + LINK_BYTES > LINE_BYTES_MAX {
            metrics::bound_hit("audit_line_bytes_max");
            self.scratch = short_form(record);
        }
        match append(&mut self.lines, &self.scratch, &self.head) {
            Some(head) => {
                self.head = head;
                self.records += 1;
            }
            None => self.state.count_dropped(1),
        }
    }

    fn write(&mut self) {
        if self.records == 0 {
            return;
        }
        if let Err(error) = self.output.write(&self.lines) {
            self.failed(&error);
            if self.on_full == OnFull::DropAndCount {
                self.forget_lines();
            }
            return;
        }
        metrics::records_written(self.records);
        self.lines.clear();
        self.records = 0;
        self.written_head = self.head;
        self.unsynced_since.get_or_insert_with(Instant::now);
        self.state.writable.store(true, Ordering::SeqCst);
    }

    /// Makes what was written durable when it is due, or when somebody waits for it.
    fn sync(&mut self) {
        let due = self.unsynced_since.is_some_and(|since| since.elapsed() >= SYNC_EVERY);
        let waited_for = self.closed || !self.flushes.is_empty();
        let wanted = due || (waited_for && self.unsynced_since.is_some());
        if !wanted {
            return;
        }
        match self.output.sync() {
            Ok(()) => {
                self.unsynced_since = None;
                // A failed write is made good by a write alone.
                if std::mem::take(&mut self.sync_failed) && self.records == 0 {
                    self.state.writable.store(true, Ordering::SeqCst);
                }
            }
            Err(error) => {
                self.sync_failed = true;
                self.failed(&error);
            }
        }
    }

    fn answer_flushes(&mut self) {
        let done =
            self.records == 0 && self.unsynced_since.is_none() && self.state.writable.load(Ordering::SeqCst);
        for flush in self.flushes.drain(..) {
            // Nobody waits any more: nothing to do.
            let _ = flush.send(done);
        }
    }

    fn failed(&self, error: &io::Error) {
        metrics::record_write_failed();
        if self.state.writable.swap(false, Ordering::SeqCst) {
            tracing::error!(%error, "audit records cannot be written");
        }
    }

    /// Gives up on the lines in hand; the chain goes on from the last line written.
    fn forget_lines(&mut self) {
        self.state.count_dropped(self.records);
        self.lines.clear();
        self.records = 0;
        self.head = self.written_head;
    }

    /// Writes what is left. What cannot be written now never will be.
    fn finish(&mut self) {
        self.closed = true;
        while self.gather() || self.records > 0 {
            self.write();
            if self.records > 0 {
                self.forget_lines();
            }
        }
        self.sync();
        self.answer_flushes();
    }
}

/// What is written in place of a record above the bound: that there was one, and how it ended.
fn short_form(record: &AuditRecord) -> Vec<u8> {
    let start = |text: &str| text.chars().take(128).collect::<String>();
    serde_json::json!({
        "request_id": start(&record.request_id),
        "time": start(&record.time),
        "operation": record.operation,
        "status": record.status,
        "error": "the audit record was larger than its bound",
    })
    .to_string()
    .into_bytes()
}

enum Output {
    File {
        file: File,
        /// Length of the file up to its last whole line.
        whole_bytes: u64,
        /// A write failed and may have left part of its lines behind.
        torn: bool,
    },
    Stream(Box<dyn Write + Send>),
}

impl Output {
    fn open(sink: AuditSink) -> Result<(Self, Hash), AuditError> {
        match sink {
            AuditSink::Stdout => Ok((Output::Stream(Box::new(io::stdout())), GENESIS)),
            AuditSink::Writer(writer) => Ok((Output::Stream(writer), GENESIS)),
            AuditSink::File(path) => {
                let opened = Self::open_file(&path);
                opened.map_err(|error| match error {
                    Some(source) => AuditError::Open { path, source },
                    None => AuditError::NotALog { path },
                })
            }
        }
    }

    /// The error is `None` when the file holds something else than an audit log.
    fn open_file(path: &Path) -> Result<(Self, Hash), Option<io::Error>> {
        if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            let stream = OpenOptions::new().append(true).open(path)?;
            return Ok((Output::Stream(Box::new(stream)), GENESIS));
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        let Some((head, whole_bytes)) = last_record(&mut file)? else {
            return Err(None);
        };
        let bytes = file.metadata()?.len();
        if whole_bytes < bytes {
            tracing::warn!(
                bytes = bytes - whole_bytes,
                "the audit log ended in part of a record; it is cut off"
            );
            file.set_len(whole_bytes)?;
        }
        Ok((Output::File { file, whole_bytes, torn: false }, head))
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Output::File { file, whole_bytes, torn } => {
                if *torn {
                    file.set_len(*whole_bytes)?;
                }
                *torn = true;
                file.write_all(lines)?;
                *torn = false;
                *whole_bytes += u64::try_from(lines.len()).unwrap_or(u64::MAX);
                Ok(())
            }
            Output::Stream(stream) => {
                stream.write_all(lines)?;
                stream.flush()
            }
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        match self {
            Output::File { file, .. } => file.sync_data(),
            Output::Stream(_) => Ok(()),
        }
    }
}

/// The hash of the last whole line and where that line ends. `None` when the file does not end like a log.
fn last_record(file: &mut File) -> io::Result<Option<(Hash, u64)>> {
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
        return Ok((start == 0).then_some((GENESIS, 0)));
    };
    let last = lines.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let end = start + u64::try_from(whole).unwrap_or(u64::MAX);
    Ok(head_after(last).map(|head| (head, end)))
}

#[expect(clippy::disallowed_methods, reason = "the writer is a thread of its own, on no async worker")]
fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

#[cfg(test)]
mod tests {
    use super::super::chain::{ChainError, verify_chain};
    use super::*;

    /// A sink that can be looked into, made to fail, and made to wait.
    #[derive(Clone, Default)]
    struct Shared {
        bytes: Arc<Mutex<Vec<u8>>>,
        failing: Arc<AtomicBool>,
        gate: Arc<Mutex<()>>,
        at_gate: Arc<AtomicBool>,
    }

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.at_gate.store(true, Ordering::SeqCst);
            let _passed = self.gate.lock().unwrap();
            if self.failing.load(Ordering::SeqCst) {
                return Err(io::Error::other("no space left"));
            }
            self.bytes.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Shared {
        fn log(&self, on_full: OnFull, queue_records_max: usize) -> AuditLog {
            let sink = AuditSink::Writer(Box::new(self.clone()));
            AuditLog::start(AuditSettings { sink, on_full, queue_records_max }).unwrap()
        }

        fn fail(&self, failing: bool) {
            self.failing.store(failing, Ordering::SeqCst);
        }

        fn verify(&self) -> Result<u64, ChainError> {
            verify_chain(self.bytes.lock().unwrap().as_slice())
        }

        fn text(&self) -> String {
            String::from_utf8(self.bytes.lock().unwrap().clone()).unwrap()
        }
    }

    /// A directory of this test's own, gone when the test is.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("hardpan-audit-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn log(&self) -> PathBuf {
            self.0.join("audit.jsonl")
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn record(id: &str) -> AuditRecord {
        AuditRecord { request_id: id.to_owned(), status: 200, ..AuditRecord::default() }
    }

    fn start(path: &Path) -> Result<AuditLog, AuditError> {
        let sink = AuditSink::File(path.to_owned());
        AuditLog::start(AuditSettings { sink, on_full: OnFull::Refuse, queue_records_max: 64 })
    }

    /// Opens the log, writes these records, closes it.
    fn write(path: &Path, ids: &[&str]) {
        let log = start(path).unwrap();
        for id in ids {
            log.submit(record(id)).unwrap();
        }
        log.close();
        assert_eq!(log.dropped(), 0);
    }

    fn verify_file(path: &Path) -> Result<u64, ChainError> {
        verify_chain(std::fs::read(path).unwrap().as_slice())
    }

    #[test]
    fn every_record_is_one_chained_line_in_order() {
        let sink = Shared::default();
        let log = sink.log(OnFull::Refuse, 2_000);
        for number in 0..1_000 {
            log.submit(record(&number.to_string())).unwrap();
        }
        assert!(log.flush());
        assert_eq!(sink.verify(), Ok(1_000));
        for (number, line) in sink.text().lines().enumerate() {
            assert!(line.starts_with(&format!("{{\"request_id\":\"{number}\",")), "{line}");
        }
        log.close();
        assert!(log.healthy());
    }

    #[test]
    fn a_log_is_continued_where_it_ended() {
        let directory = Directory::new("continued");
        let path = directory.log();
        write(&path, &["a", "b"]);
        write(&path, &[]);
        write(&path, &["c"]);
        assert_eq!(verify_file(&path), Ok(3));
    }

    #[cfg(unix)]
    #[test]
    fn a_new_log_is_readable_by_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = Directory::new("mode");
        write(&directory.log(), &["a"]);
        assert_eq!(std::fs::metadata(directory.log()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn part_of_a_record_at_the_end_is_cut_off() {
        let directory = Directory::new("torn");
        let path = directory.log();
        write(&path, &["a", "b"]);
        let whole = std::fs::read(&path).unwrap();
        for torn in ["{", "{\"request_id\":\"c\",\"aws", "{\"request_id\":"] {
            std::fs::write(&path, [whole.as_slice(), torn.as_bytes()].concat()).unwrap();
            write(&path, &["c"]);
            assert_eq!(verify_file(&path), Ok(3), "{torn}");
            // Also when it is all there is.
            std::fs::write(&path, torn).unwrap();
            write(&path, &["c"]);
            assert_eq!(verify_file(&path), Ok(1), "{torn}");
        }
    }

    #[test]
    fn a_file_that_is_not_a_log_is_refused_and_left_alone() {
        let directory = Directory::new("foreign");
        let path = directory.log();
        write(&path, &["a"]);
        let log = std::fs::read_to_string(&path).unwrap();
        for content in [
            "listen: 0.0.0.0\n".to_owned(),
            "no newline".to_owned(),
            "{\"request_id\":\"a\"}\n".to_owned(),
            log.replace("\"status\":200", "\"status\":201"),
            format!("{log}something else"),
        ] {
            std::fs::write(&path, &content).unwrap();
            assert!(matches!(start(&path), Err(AuditError::NotALog { .. })), "{content}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
        assert!(matches!(start(&directory.0.join("missing/audit.jsonl")), Err(AuditError::Open { .. })));
    }

    #[test]
    fn a_full_queue_refuses_and_counts() {
        let sink = Shared::default();
        let log = sink.log(OnFull::Refuse, 8);
        let closed_gate = sink.gate.lock().unwrap();
        log.submit(record("a")).unwrap();
        // From here on the writer takes nothing from the queue.
        while !sink.at_gate.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        for already in 0..8 {
            assert_eq!(log.healthy(), already < 6, "{already}");
            log.submit(record("a")).unwrap();
        }
        assert_eq!(log.submit(record("a")), Err(Full));
        assert!(log.must_refuse());
        assert_eq!(log.dropped(), 1);
        drop(closed_gate);
        log.close();
        assert_eq!(sink.verify(), Ok(9));
    }

    #[test]
    fn under_refuse_records_wait_for_the_disk() {
        let sink = Shared::default();
        let log = sink.log(OnFull::Refuse, 64);
        sink.fail(true);
        for id in ["a", "b", "c"] {
            log.submit(record(id)).unwrap();
        }
        assert!(!log.flush());
        assert!(!log.healthy() && log.must_refuse());
        sink.fail(false);
        assert!(log.flush());
        assert!(log.healthy() && !log.must_refuse());
        log.close();
        assert_eq!((sink.verify(), log.dropped()), (Ok(3), 0));
    }

    #[test]
    fn under_drop_and_count_the_chain_goes_on_without_what_was_lost() {
        let sink = Shared::default();
        let log = sink.log(OnFull::DropAndCount, 64);
        log.submit(record("a")).unwrap();
        assert!(log.flush());
        sink.fail(true);
        log.submit(record("b")).unwrap();
        log.submit(record("c")).unwrap();
        assert!(!log.flush());
        assert_eq!((log.dropped(), log.healthy(), log.must_refuse()), (2, false, false));
        sink.fail(false);
        log.submit(record("d")).unwrap();
        assert!(log.flush());
        assert!(log.healthy());
        log.close();
        assert_eq!(sink.verify(), Ok(2));
    }

    #[test]
    fn closing_gives_up_on_what_cannot_be_written() {
        let sink = Shared::default();
        let log = sink.log(OnFull::Refuse, 64);
        sink.fail(true);
        log.submit(record("a")).unwrap();
        log.close();
        assert_eq!((log.dropped(), sink.verify()), (1, Ok(0)));
        assert_eq!(log.submit(record("b")), Err(Full));
        assert!(!log.flush());
        log.close();
    }

    #[test]
    fn a_record_above_the_bound_is_written_in_short() {
        let sink = Shared::default();
        let log = sink.log(OnFull::Refuse, 64);
        let long = AuditRecord { error: Some("x".repeat(LINE_BYTES_MAX)), ..record("a") };
        log.submit(long).unwrap();
        log.submit(record("b")).unwrap();
        log.close();
        assert_eq!(sink.verify(), Ok(2));
        assert!(
            sink.text().starts_with("{\"request_id\":\"a\",\"time\":\"\",\"operation\":null,\"status\":200,")
        );
    }
}
