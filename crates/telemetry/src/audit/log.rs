//! The queue records go into and the one thread that writes them out.
//!
//! Requests never wait for the disk: [`AuditLog::submit`] hands a record over or says that there is no
//! room. The thread writes in batches and makes them durable together. What it cannot write it keeps and
//! tries again, or drops and counts, as configured; either way [`AuditLog::healthy`] says so while it
//! lasts. Files, checkpoints and shipping are other modules'; here is when each has its turn.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::chain::{GENESIS, Hash, LINE_BYTES_MAX, LINK_BYTES, append};
use super::checkpoint::{CheckpointSettings, Checkpoints, Occasion, Position};
use super::emf;
use super::files::checkpoints_path;
use super::output::{OpenFault, Output, Rotation};
use super::record::{AuditRecord, FeedbackRecord};
use super::ship::{Progress, ShipSettings, Shipper};
use crate::metrics;

const BATCH_RECORDS_MAX: u64 = 256;
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long the first record of a batch waits for others.
const GATHER_FOR: Duration = Duration::from_millis(1);
/// Written records are made durable within this time: what a loss of power can cost.
const SYNC_EVERY: Duration = Duration::from_millis(10);
const RETRY_EVERY: Duration = Duration::from_millis(100);
/// After a checkpoint or a rotation failed. Records are written all the same.
const HOUSEKEEPING_RETRY_AFTER: Duration = Duration::from_secs(10);

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

/// What a line is beside a record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LineForm {
    #[default]
    Record,
    /// With the members CloudWatch makes metrics of (embedded metric format), under this namespace.
    Emf { namespace: String },
}

pub struct AuditSettings {
    pub sink: AuditSink,
    pub form: LineForm,
    pub on_full: OnFull,
    pub queue_records_max: usize,
    pub rotation: Rotation,
    pub checkpoints: Option<CheckpointSettings>,
    pub ship: Vec<ShipSettings>,
}

impl AuditSettings {
    /// Records as they are, one file without end, no signatures.
    pub fn plain(sink: AuditSink, on_full: OnFull, queue_records_max: usize) -> Self {
        Self {
            sink,
            form: LineForm::Record,
            on_full,
            queue_records_max,
            rotation: Rotation::NEVER,
            checkpoints: None,
            ship: Vec::new(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("the audit log {} cannot be opened: {source}", .path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("{} does not end in a record of an audit log; it is left as it is", .path.display())]
    NotALog { path: PathBuf },
    #[error("{} is written by another process", .path.display())]
    Taken { path: PathBuf },
    #[error("checkpoints cannot be kept in {}: {source}", .path.display())]
    Checkpoints { path: PathBuf, source: io::Error },
    #[error("checkpoints and shipping need a log that is a file")]
    NeedsFile,
    #[error("records cannot be shipped: {0}")]
    Ship(#[source] io::Error),
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
    shippers: Mutex<Vec<Shipper>>,
    /// For each of them, whether more waits than may.
    behind: Vec<Arc<AtomicBool>>,
}

impl AuditLog {
    /// Opens the sink and starts the writer.
    pub fn start(settings: AuditSettings) -> Result<Self, AuditError> {
        let path = match &settings.sink {
            AuditSink::File(path) => Some(path.clone()),
            _ => None,
        };
        let (mut output, head) = open(settings.sink)?;
        let checkpoints = match settings.checkpoints {
            Some(wanted) => Some(begin_checkpoints(path.as_ref(), &mut output, head, wanted)?),
            None => None,
        };
        let capacity = settings.queue_records_max.max(1);
        let (queue, receiver) = sync_channel(capacity);
        let state = Arc::new(State {
            queued: AtomicUsize::new(0),
            high_water: (capacity / 4 * 3).max(1),
            writable: AtomicBool::new(true),
            closing: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
        });
        let progress = Arc::new(Progress::default());
        if let Some(file) = output.file() {
            progress.set(file.number, file.whole_bytes);
        }
        let skips = settings.on_full == OnFull::DropAndCount;
        let mut shippers = Vec::with_capacity(settings.ship.len());
        for ship in settings.ship {
            let (Some(path), Some(_)) = (&path, output.file()) else { return Err(AuditError::NeedsFile) };
            let shipper = Shipper::start(path, ship, Arc::clone(&progress), skips);
            shippers.push(shipper.map_err(AuditError::Ship)?);
        }
        let writer = Writer {
            queue: receiver,
            output,
            form: settings.form,
            state: Arc::clone(&state),
            on_full: settings.on_full,
            rotation: settings.rotation,
            checkpoints,
            unsigned_records: 0,
            checked: Instant::now(),
            housekeeping_after: None,
            progress,
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
        Ok(Self {
            queue,
            state,
            on_full: settings.on_full,
            writer: Mutex::new(Some(thread)),
            behind: shippers.iter().map(Shipper::behind).collect(),
            shippers: Mutex::new(shippers),
        })
    }

    /// Hands a record over without waiting.
    pub fn submit(&self, record: AuditRecord) -> Result<(), Full> {
        self.enqueue(Message::Record(Box::new(record)))
    }

    /// The same for what was thought of an answer.
    pub fn submit_feedback(&self, record: FeedbackRecord) -> Result<(), Full> {
        self.enqueue(Message::Feedback(Box::new(record)))
    }

    fn enqueue(&self, message: Message) -> Result<(), Full> {
        self.state.queued.fetch_add(1, Ordering::SeqCst);
        if self.queue.try_send(message).is_err() {
            self.state.queued.fetch_sub(1, Ordering::SeqCst);
            self.state.count_dropped(1);
            return Err(Full);
        }
        Ok(())
    }

    /// Whether a record submitted now will very likely be written and shipped: the last write succeeded, a quarter
    /// of the queue is free for the requests already under way, and what waits to be shipped is within its bound.
    pub fn healthy(&self) -> bool {
        self.state.writable.load(Ordering::SeqCst)
            && self.state.queued.load(Ordering::SeqCst) < self.state.high_water
            && !self.shipping_behind()
    }

    /// Whether more waits to be shipped than may.
    fn shipping_behind(&self) -> bool {
        self.behind.iter().any(|behind| behind.load(Ordering::Relaxed))
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
        // Only now is everything there that can be shipped.
        let shippers = std::mem::take(&mut *self.shippers.lock().unwrap_or_else(PoisonError::into_inner));
        shippers.into_iter().for_each(Shipper::close);
    }
}

fn open(sink: AuditSink) -> Result<(Output, Hash), AuditError> {
    let path = match sink {
        AuditSink::Stdout => return Ok((Output::Stream(Box::new(io::stdout())), GENESIS)),
        AuditSink::Writer(writer) => return Ok((Output::Stream(writer), GENESIS)),
        AuditSink::File(path) => path,
    };
    Output::open(path.clone()).map_err(|fault| match fault {
        OpenFault::Io(source) => AuditError::Open { path, source },
        OpenFault::NotALog => AuditError::NotALog { path },
        OpenFault::Taken => AuditError::Taken { path },
    })
}

fn begin_checkpoints(
    path: Option<&PathBuf>,
    output: &mut Output,
    head: Hash,
    settings: CheckpointSettings,
) -> Result<Checkpoints, AuditError> {
    let (Some(path), Some(file)) = (path, output.file()) else { return Err(AuditError::NeedsFile) };
    let failed = |source| AuditError::Checkpoints { path: checkpoints_path(path), source };
    let mut checkpoints = Checkpoints::open(path, settings).map_err(failed)?;
    // Files that are gone were numbered all the same.
    file.number = checkpoints.newest_file().unwrap_or(1).max(file.number);
    checkpoints.begin(Position { file: file.number, bytes: file.whole_bytes, head }).map_err(failed)?;
    Ok(checkpoints)
}

enum Message {
    Record(Box<AuditRecord>),
    Feedback(Box<FeedbackRecord>),
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
    form: LineForm,
    state: Arc<State>,
    on_full: OnFull,
    rotation: Rotation,
    checkpoints: Option<Checkpoints>,
    /// Written since the last checkpoint, and when that was.
    unsigned_records: u64,
    checked: Instant,
    /// When a checkpoint or rotation that failed is tried again.
    housekeeping_after: Option<Instant>,
    progress: Arc<Progress>,
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
            self.rotate();
            self.checkpoint();
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
        } else {
            match self.wait_at_most(failing) {
                Some(at_most) => self.queue.recv_timeout(at_most),
                None => self.queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
            }
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

    /// Until something is due that no message brings about.
    fn wait_at_most(&mut self, failing: bool) -> Option<Duration> {
        if self.records > 0 || (failing && self.unsynced_since.is_some()) {
            return Some(RETRY_EVERY);
        }
        if let Some(since) = self.unsynced_since {
            return Some(SYNC_EVERY.saturating_sub(since.elapsed()));
        }
        let unsigned = self.checkpoints.as_ref().filter(|_| self.unsigned_records > 0);
        let checkpoint =
            unsigned.map(|checkpoints| checkpoints.every().saturating_sub(self.checked.elapsed()));
        let age_max = self.rotation.age_max;
        let file = self.output.file().filter(|file| file.whole_bytes > 0);
        let rotation = file.zip(age_max).map(|(file, age_max)| age_max.saturating_sub(file.age()));
        let retry = self.housekeeping_after.map(|after| after.saturating_duration_since(Instant::now()));
        let due = checkpoint.into_iter().chain(rotation).min()?;
        Some(due.max(retry.unwrap_or_default()))
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
            Message::Feedback(record) => {
                self.state.queued.fetch_sub(1, Ordering::SeqCst);
                self.encode_feedback(&record);
            }
            Message::Flush(done) => self.flushes.push(done),
            Message::Close => self.closed = true,
        }
    }

    fn encode(&mut self, record: &AuditRecord) {
        self.scratch.clear();
        let mut written = serde_json::to_writer(&mut self.scratch, record);
        if let (Ok(()), LineForm::Emf { namespace }) = (&written, &self.form) {
            written = emf::extend(&mut self.scratch, record, namespace);
        }
        if written.is_err() || self.scratch.len() + LINK_BYTES > LINE_BYTES_MAX {
            metrics::bound_hit("audit_line_bytes_max");
            self.scratch = short_form(record);
        }
        self.append();
    }

    /// Its parts are bounded, so that it always fits. No metrics are made of it.
    fn encode_feedback(&mut self, record: &FeedbackRecord) {
        self.scratch.clear();
        if serde_json::to_writer(&mut self.scratch, record).is_err() {
            self.scratch.clear();
        }
        self.append();
    }

    fn append(&mut self) {
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
        self.unsigned_records += self.records;
        self.lines.clear();
        self.records = 0;
        self.written_head = self.head;
        self.unsynced_since.get_or_insert_with(Instant::now);
        self.state.writable.store(true, Ordering::SeqCst);
    }

    /// Makes what was written durable when it is due, or when somebody waits for it.
    fn sync(&mut self) {
        let due = self.unsynced_since.is_some_and(|since| since.elapsed() >= SYNC_EVERY);
        let waited_for = self.closed || !self.flushes.is_empty() || self.rotation_is_due();
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
                self.became_durable();
            }
            Err(error) => {
                self.sync_failed = true;
                self.failed(&error);
            }
        }
    }

    /// What is durable may be spoken of.
    fn became_durable(&mut self) {
        let Some(position) = self.position() else { return };
        self.progress.set(position.file, position.bytes);
        let said = self.checkpoints.as_mut().map_or(Ok(()), |checkpoints| checkpoints.say(position));
        if let Err(error) = said {
            self.housekeeping_failed("the head of the audit log cannot be written", &error);
        }
    }

    /// Where the log ends. To be asked for when all of it is durable.
    fn position(&mut self) -> Option<Position> {
        let head = self.written_head;
        let file = self.output.file()?;
        Some(Position { file: file.number, bytes: file.whole_bytes, head })
    }

    fn rotation_is_due(&mut self) -> bool {
        let rotation = self.rotation;
        self.may_keep_house() && self.output.file().is_some_and(|file| file.is_due(&rotation))
    }

    fn may_keep_house(&self) -> bool {
        self.housekeeping_after.is_none_or(|after| after <= Instant::now())
    }

    fn rotate(&mut self) {
        if self.unsynced_since.is_some() || !self.rotation_is_due() {
            return;
        }
        let Some(end) = self.position() else { return };
        match self.output.file().map_or(Ok(()), |file| file.rotate()) {
            Ok(()) => {
                self.progress.set(end.file + 1, 0);
                self.add_checkpoint(Occasion::Rotated, end);
            }
            Err(error) => self.housekeeping_failed("the audit log cannot be rotated", &error),
        }
    }

    fn checkpoint(&mut self) {
        let Some(checkpoints) = &self.checkpoints else { return };
        let many = self.unsigned_records >= checkpoints.every_records();
        let long = self.unsigned_records > 0 && self.checked.elapsed() >= checkpoints.every();
        if (many || long)
            && self.unsynced_since.is_none()
            && self.may_keep_house()
            && let Some(position) = self.position()
        {
            self.add_checkpoint(Occasion::Due, position);
        }
    }

    fn add_checkpoint(&mut self, occasion: Occasion, position: Position) {
        let Some(checkpoints) = self.checkpoints.as_mut() else { return };
        match checkpoints.add(occasion, position) {
            Ok(()) => {
                self.unsigned_records = 0;
                self.checked = Instant::now();
                self.housekeeping_after = None;
            }
            Err(error) => {
                tracing::error!(path = %checkpoints.path().display(), "a checkpoint is missing");
                self.housekeeping_failed("a checkpoint of the audit log cannot be written", &error);
            }
        }
    }

    /// Records are still written; it is tried again in a while.
    fn housekeeping_failed(&mut self, what: &'static str, error: &io::Error) {
        metrics::record_write_failed();
        self.housekeeping_after = Some(Instant::now() + HOUSEKEEPING_RETRY_AFTER);
        tracing::error!(%error, what, "the audit log goes on, but not as it should");
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
        if self.unsynced_since.is_none()
            && let Some(end) = self.position()
        {
            self.add_checkpoint(Occasion::Closed, end);
        }
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

#[expect(clippy::disallowed_methods, reason = "the writer is a thread of its own, on no async worker")]
fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::chain::{ChainError, verify_chain};
    use super::super::tests::{Directory, record};
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
            AuditLog::start(AuditSettings::plain(sink, on_full, queue_records_max)).unwrap()
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

    fn start(path: &Path) -> Result<AuditLog, AuditError> {
        let sink = AuditSink::File(path.to_owned());
        AuditLog::start(AuditSettings::plain(sink, OnFull::Refuse, 64))
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
            sink.text()
                .starts_with("{\"request_id\":\"a\",\"time\":\"2026-03-01T12:00:00Z\",\"operation\":null,")
        );
    }
}
