//! The processes under load: started on free ports, watched from outside through `/proc`, ended by their own
//! handle.
//!
//! CPU time comes from the kernel's account of each thread in nanoseconds. Where the kernel keeps none, from
//! `/proc/PID/stat`, which counts in hundredths of a second (`getconf CLK_TCK` is 100 on every Linux this
//! runs on).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, io};

use tokio::net::TcpStream;

const READY_WITHIN: Duration = Duration::from_secs(30);
const READY_POLL: Duration = Duration::from_millis(20);
/// Of a log, so much is shown when its process did not start.
const LOG_BYTES_SHOWN: usize = 2000;
const TICK: Duration = Duration::from_millis(10);

#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error("{} could not be started: {source}", .program.display())]
    Spawn { program: PathBuf, source: io::Error },
    #[error("{name} is not listening; it said:\n{log}")]
    NotReady { name: &'static str, log: String },
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("/proc says nothing of {name}: {source}")]
    Account { name: &'static str, source: io::Error },
}

/// A folder for logs and records, removed in the end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Result<Self, ProcessError> {
        let path = std::env::temp_dir().join(format!("hardpan-bench-{}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An address nobody listens on.
pub fn free_address() -> Result<SocketAddr, ProcessError> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// A child that listens on an address.
pub struct Process {
    pub name: &'static str,
    pub address: SocketAddr,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts the command and waits until it listens.
    pub async fn start(
        name: &'static str,
        address: SocketAddr,
        command: &mut Command,
        folder: &Folder,
    ) -> Result<Self, ProcessError> {
        let log = folder.path().join(format!("{name}.log"));
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?).spawn().map_err(
                |source| ProcessError::Spawn { program: PathBuf::from(command.get_program()), source },
            )?;
        let mut process = Self { name, address, child, log };
        process.listening().await?;
        Ok(process)
    }

    async fn listening(&mut self) -> Result<(), ProcessError> {
        let deadline = Instant::now() + READY_WITHIN;
        while TcpStream::connect(self.address).await.is_err() {
            if self.child.try_wait()?.is_some() || Instant::now() > deadline {
                return Err(ProcessError::NotReady { name: self.name, log: self.end_of_log() });
            }
            tokio::time::sleep(READY_POLL).await;
        }
        Ok(())
    }

    fn end_of_log(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let from = log.len().saturating_sub(LOG_BYTES_SHOWN);
        String::from_utf8_lossy(log.get(from..).unwrap_or_default()).into_owned()
    }

    pub fn cpu(&self) -> Result<CpuAccount, ProcessError> {
        CpuAccount::of(self.child.id()).map_err(|source| ProcessError::Account { name: self.name, source })
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> Result<u64, ProcessError> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .map_err(|source| ProcessError::Account { name: self.name, source })?;
        Ok(resident_kib(&status).unwrap_or(0))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CPU time of a process up to a moment, by thread.
pub struct CpuAccount(BTreeMap<OsString, Duration>);

impl CpuAccount {
    fn of(pid: u32) -> io::Result<Self> {
        let mut threads = BTreeMap::new();
        for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
            let entry = entry?;
            // A thread may end between being listed and being read.
            let text = fs::read_to_string(entry.path().join("schedstat")).unwrap_or_default();
            threads.extend(time_on_cpu(&text).map(|time| (entry.file_name(), time)));
        }
        if threads.values().all(Duration::is_zero) {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
            let ticks = ticks(&stat).ok_or(io::ErrorKind::InvalidData)?;
            return Ok(Self(BTreeMap::from([(OsString::from("all"), TICK * ticks)])));
        }
        Ok(Self(threads))
    }

    /// CPU time spent since an earlier account. What a thread did that has ended since is not in it; servers
    /// keep their threads.
    pub fn since(&self, earlier: &CpuAccount) -> Duration {
        let spent = |(thread, now): (&OsString, &Duration)| {
            now.saturating_sub(earlier.0.get(thread).copied().unwrap_or_default())
        };
        self.0.iter().map(spent).sum()
    }
}

/// The first number of a `schedstat`: nanoseconds on a CPU.
fn time_on_cpu(schedstat: &str) -> Option<Duration> {
    schedstat.split_ascii_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// User and system ticks of a `stat`. The command's name stands in parentheses and may hold anything.
fn ticks(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let (user, system): (u32, u32) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    user.checked_add(system)
}

fn resident_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_texts_are_read() {
        assert_eq!(time_on_cpu("905253 1315895 3\n"), Some(Duration::from_nanos(905_253)));
        assert_eq!(time_on_cpu(""), None);
        let stat = "7 (a) b) R 1 7 7 0 -1 4194304 100 0 0 0 12 30 0 0 20 0 1 0 489169";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("7 (a) R 1"), None);
        assert_eq!(resident_kib("VmHWM:\t  2100 kB\nVmRSS:\t    2076 kB\n"), Some(2076));
        assert_eq!(resident_kib("Name:\tx\n"), None);
    }

    #[test]
    fn time_is_counted_for_old_and_new_threads_and_never_backwards() {
        let account = |threads: &[(&str, u64)]| {
            CpuAccount(
                threads.iter().map(|(name, ns)| (OsString::from(name), Duration::from_nanos(*ns))).collect(),
            )
        };
        let before = account(&[("1", 100), ("2", 50), ("3", 9)]);
        let after = account(&[("1", 130), ("2", 50), ("4", 7)]);
        assert_eq!(after.since(&before), Duration::from_nanos(37));
        assert_eq!(before.since(&after), Duration::from_nanos(9));
    }

    #[tokio::test]
    async fn a_process_that_ends_at_once_is_told_with_its_log() {
        let folder = Folder::new().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such configuration >&2; exit 1"]);
        let started = Process::start("target", free_address().unwrap(), &mut command, &folder).await;
        let message = started.err().unwrap().to_string();
        assert!(message.contains("target") && message.contains("no such configuration"), "{message}");
        let mut command = Command::new("/no/such/program");
        let started = Process::start("target", free_address().unwrap(), &mut command, &folder).await;
        assert!(matches!(started.err().unwrap(), ProcessError::Spawn { .. }));
    }
}
