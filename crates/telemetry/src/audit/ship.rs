//! Getting the log to S3 or Firehose. The log itself is the spool: a shipper reads what is durable, oldest first,
//! sends it, and only then notes how far it got, in a file beside the log. So nothing is lost by a restart, and what
//! was sent without an answer is sent again: readers tell records apart by `request_id` and `hash`.
//!
//! What waits is bounded. Above the bound new requests are refused, or the oldest waiting files are passed over,
//! as `on_full` says; they stay in the log either way. Files are never removed here.

mod client;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hardpan_aws::credentials::CredentialStore;
use serde::{Deserialize, Serialize};

use super::files::{checkpoints_path, rotated, rotated_path, shipped_path, suffixed};
use crate::metrics;
use client::{Client, Object, SendError};

const LOOK_EVERY: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// How long the end of the process waits for what is still to be sent. The rest is sent by the next one.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);

/// Where records go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// An object for each part of the log: `PREFIX/records/YYYY/MM/DD/INSTANCE-FILE-OFFSET.jsonl`.
    S3 {
        bucket: String,
        prefix: String,
        instance: String,
    },
    Firehose {
        stream: String,
    },
}

pub struct ShipSettings {
    /// Names the file that says how far it got: letters, digits, `-`.
    pub name: String,
    pub destination: Destination,
    pub region: String,
    /// `http://HOST:PORT` or `https://HOST` in place of AWS's own.
    pub endpoint: Option<String>,
    pub credentials: Arc<CredentialStore>,
    pub backlog_bytes_max: u64,
    /// How long a record may wait for others.
    pub every: Duration,
}

/// How far the log is durable: the number of the file that is written, and its bytes.
#[derive(Default)]
pub(super) struct Progress(Mutex<(u64, u64)>);

impl Progress {
    pub fn set(&self, file: u64, bytes: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (file, bytes);
    }

    fn get(&self) -> (u64, u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running shipper.
pub(super) struct Shipper {
    behind: Arc<AtomicBool>,
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Shipper {
    /// `skips`: what is above the bound is passed over.
    pub fn start(
        log: &Path,
        settings: ShipSettings,
        progress: Arc<Progress>,
        skips: bool,
    ) -> io::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let behind = Arc::new(AtomicBool::new(false));
        let cursor_path = shipped_path(log, &settings.name);
        let mut cursor = Cursor::read(&cursor_path)?;
        let (active, durable) = progress.get();
        if cursor.file > active || (cursor.file == active && cursor.bytes > durable) {
            tracing::warn!("the audit log is not the one that was shipped so far; all of it is shipped");
            cursor = Cursor::default();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut work = Work {
            log: log.to_owned(),
            cursor,
            cursor_path,
            progress,
            backlog_bytes_max: settings.backlog_bytes_max,
            every: settings.every,
            skips,
            behind: Arc::clone(&behind),
            waiting_since: None,
            failures: 0,
            name: settings.name.clone(),
            client: Client::new(settings)?,
        };
        let run = move || work.run(&runtime, &stopped);
        let thread = std::thread::Builder::new().name("audit-shipper".to_owned()).spawn(run)?;
        Ok(Self { behind, stop, thread })
    }

    pub fn behind(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.behind)
    }

    /// Sends what can be sent within a bound of time. Blocks.
    pub fn close(self) {
        // An error means that it has ended already.
        let _ = self.stop.try_send(());
        if self.thread.join().is_err() {
            tracing::error!("an audit shipper ended by a panic");
        }
    }
}

/// Up to where everything has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Cursor {
    file: u64,
    bytes: u64,
    checkpoint_bytes: u64,
}

impl Cursor {
    fn read(path: &Path) -> io::Result<Self> {
        match std::fs::read(path) {
            Ok(written) => Ok(serde_json::from_slice(&written)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    fn write(self, path: &Path) -> io::Result<()> {
        let next = suffixed(path, "next");
        std::fs::write(&next, serde_json::to_vec(&self)?)?;
        std::fs::rename(&next, path)
    }
}

struct Work {
    log: PathBuf,
    cursor: Cursor,
    cursor_path: PathBuf,
    progress: Arc<Progress>,
    backlog_bytes_max: u64,
    every: Duration,
    skips: bool,
    behind: Arc<AtomicBool>,
    /// Since when there is something to send that is not worth sending yet.
    waiting_since: Option<Instant>,
    failures: u32,
    /// The label of its metrics.
    name: String,
    client: Client,
}

/// A part of the log, whole lines.
struct Part {
    lines: Vec<u8>,
    after: Cursor,
}

impl Work {
    fn run(&mut self, runtime: &tokio::runtime::Runtime, stopped: &Receiver<()>) {
        let mut not_before = Instant::now();
        loop {
            let stopping = stopped.recv_timeout(LOOK_EVERY.min(self.every));
            let closing = !matches!(stopping, Err(RecvTimeoutError::Timeout));
            if !closing && Instant::now() < not_before {
                // How much waits is looked at during an outage too. A folder that cannot be read is told below.
                let _ = self.keep_within_bound();
                continue;
            }
            let until = closing.then(|| Instant::now() + CLOSE_WITHIN);
            if let Err(error) = self.send_all(runtime, until) {
                let pause = BACKOFF_MAX.min(Duration::from_secs(1 << self.failures.min(10)));
                not_before = Instant::now() + pause;
                self.failures = self.failures.saturating_add(1);
                metrics::record_write_failed();
                metrics::audit_ship_failed(&self.name);
                // Once for an outage, not at every attempt.
                if self.failures == 1 {
                    tracing::error!(%error, "audit records cannot be shipped; they are kept");
                }
            } else if std::mem::take(&mut self.failures) > 0 {
                tracing::info!("audit records are shipped again");
            }
            if closing {
                return;
            }
        }
    }

    /// Sends until nothing is left that is worth sending.
    fn send_all(
        &mut self,
        runtime: &tokio::runtime::Runtime,
        until: Option<Instant>,
    ) -> Result<(), SendError> {
        loop {
            self.keep_within_bound()?;
            let Some(part) = self.next_part(until.is_some())? else { break };
            let object = Object { file: self.cursor.file, offset: self.cursor.bytes, kind: "records" };
            runtime.block_on(self.client.send(&object, &part.lines, until))?;
            metrics::audit_shipped(&self.name, part.lines.len() as u64);
            self.advance(part.after)?;
        }
        if let Some((lines, after)) = self.new_checkpoints()? {
            let object = Object { file: 0, offset: self.cursor.checkpoint_bytes, kind: "checkpoints" };
            runtime.block_on(self.client.send(&object, &lines, until))?;
            self.advance(after)?;
        }
        Ok(())
    }

    fn advance(&mut self, after: Cursor) -> io::Result<()> {
        self.cursor = after;
        self.waiting_since = None;
        after.write(&self.cursor_path)
    }

    /// Says whether too much waits, or passes over what is too much.
    fn keep_within_bound(&mut self) -> io::Result<()> {
        let mut files = self.backlog()?;
        let mut waiting: u64 = files.iter().map(|(_, bytes)| bytes).sum();
        metrics::audit_ship_backlog(&self.name, waiting);
        let behind = waiting > self.backlog_bytes_max;
        if behind {
            metrics::bound_hit("audit_ship_backlog_bytes_max");
        }
        if !self.skips {
            self.behind.store(behind, Ordering::Relaxed);
            return Ok(());
        }
        files.reverse();
        while waiting > self.backlog_bytes_max
            && let Some((file, bytes)) = files.pop()
        {
            let after = match files.last() {
                Some((next, _)) => Cursor { file: *next, bytes: 0, ..self.cursor },
                None => Cursor { file, bytes: self.cursor_in(file) + bytes, ..self.cursor },
            };
            tracing::warn!(
                file,
                bytes,
                "audit records were not shipped: too many waited. They are in the log"
            );
            waiting -= bytes;
            self.advance(after)?;
        }
        Ok(())
    }

    fn cursor_in(&self, file: u64) -> u64 {
        if self.cursor.file == file { self.cursor.bytes } else { 0 }
    }

    /// The files that still hold something to send, oldest first, and how much.
    fn backlog(&self) -> io::Result<Vec<(u64, u64)>> {
        let (active, bytes) = self.progress.get();
        let mut files = Vec::new();
        for (number, path) in rotated(&self.log)? {
            if number >= self.cursor.file && number < active {
                let length = std::fs::metadata(path)?.len();
                files.push((number, length.saturating_sub(self.cursor_in(number))));
            }
        }
        files.push((active, bytes.saturating_sub(self.cursor_in(active))));
        Ok(files)
    }

    /// What is to be sent next, if there is enough of it or it has waited for long enough.
    fn next_part(&mut self, at_once: bool) -> io::Result<Option<Part>> {
        let (active, durable) = self.progress.get();
        let files = self.backlog()?;
        let Some((number, waiting)) = files.into_iter().find(|(_, waiting)| *waiting > 0) else {
            return Ok(None);
        };
        let start = self.cursor_in(number);
        let full = self.client.part_bytes_max();
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let worth = at_once || number < active || waiting >= full || since.elapsed() >= self.every;
        if !worth {
            return Ok(None);
        }
        let path = if number == active { self.log.clone() } else { rotated_path(&self.log, number) };
        let mut file = File::open(path)?;
        // It may have been rotated in the meantime, and the path may mean another file.
        let (now_active, _) = self.progress.get();
        if now_active != active {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(start))?;
        let end = if number == active { durable } else { start + waiting };
        let mut lines = Vec::new();
        file.take(full.min(end.saturating_sub(start))).read_to_end(&mut lines)?;
        let whole = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        lines.truncate(whole);
        if lines.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the log holds no whole line there"));
        }
        // Where the part begins is part of its name.
        self.cursor = Cursor { file: number, bytes: start, ..self.cursor };
        let bytes = start + u64::try_from(whole).unwrap_or(u64::MAX);
        Ok(Some(Part { lines, after: Cursor { bytes, ..self.cursor } }))
    }

    /// Checkpoints that were not sent yet, for a destination that takes them.
    fn new_checkpoints(&self) -> io::Result<Option<(Vec<u8>, Cursor)>> {
        let mut file = match File::open(checkpoints_path(&self.log)) {
            Ok(file) if self.client.takes_checkpoints() => file,
            _ => return Ok(None),
        };
        file.seek(SeekFrom::Start(self.cursor.checkpoint_bytes))?;
        let mut lines = Vec::new();
        file.take(self.client.part_bytes_max()).read_to_end(&mut lines)?;
        let whole = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        lines.truncate(whole);
        let checkpoint_bytes = self.cursor.checkpoint_bytes + u64::try_from(whole).unwrap_or(u64::MAX);
        Ok((whole > 0).then_some((lines, Cursor { checkpoint_bytes, ..self.cursor })))
    }
}

#[cfg(test)]
mod tests;
