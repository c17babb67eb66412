//! Accounts kept in Valkey or Redis, version 5 or later, without a module: one script does everything, by the
//! server's time. A connection of its own, used by one thread; whatever goes wrong with it, it is made anew.
//!
//! Several addresses may be given: the first that is a primary is used, so that a failover is followed. Nothing
//! here decides what may be spent while none of them answers.

use std::time::{Duration, Instant};

use redis::{Connection, RedisError};

use crate::central::{Batch, Figures, Kind, Line, Reply, Verdict};
use crate::store::{Gone, Store};

const SCRIPT: &str = include_str!("central/central.lua");
const FIGURES_PER_VERDICT: usize = 8;
/// Between attempts to connect.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// No `Debug`: addresses may carry a password.
#[derive(Clone)]
pub struct ValkeySettings {
    /// `redis://`, `rediss://` or `unix://`, each tried in turn.
    pub urls: Vec<String>,
    /// Ledgers of one namespace share their accounts.
    pub namespace: String,
    /// For connecting, for writing and for the answer, each.
    pub timeout: Duration,
    /// So many replicas must have a grant before it is used; 0 where a failover may lose some.
    pub confirmations: u32,
}

pub struct ValkeyStore {
    settings: ValkeySettings,
    connection: Option<Connection>,
    script: String,
    retry_at: Option<Instant>,
    retry_after: Duration,
}

impl ValkeyStore {
    /// Does not connect: a store that is away at the start is one that is away later.
    pub fn new(settings: ValkeySettings) -> Self {
        Self { settings, connection: None, script: String::new(), retry_at: None, retry_after: RETRY_FIRST }
    }

    fn connect(&mut self) -> Result<(), Gone> {
        if self.connection.is_some() {
            return Ok(());
        }
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return Err(Gone::Unreachable("waiting to try again".to_owned()));
        }
        let mut failure = Gone::Unreachable("no address".to_owned());
        for url in &self.settings.urls {
            match open(url, self.settings.timeout) {
                Ok((connection, script)) => {
                    (self.connection, self.script) = (Some(connection), script);
                    (self.retry_at, self.retry_after) = (None, RETRY_FIRST);
                    return Ok(());
                }
                Err(gone) => failure = gone,
            }
        }
        self.retry_at = Some(Instant::now() + self.retry_after);
        self.retry_after = (self.retry_after * 2).min(RETRY_MAX);
        Err(failure)
    }

    fn ask(&mut self, batch: &Batch) -> Result<Reply, Gone> {
        let Some(connection) = &mut self.connection else {
            return Err(Gone::Unreachable("not connected".to_owned()));
        };
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.script).arg(batch.lines.len());
        for line in &batch.lines {
            command.arg(key(&self.settings.namespace, line));
        }
        command.arg(batch.replica).arg(batch.sent_at_ms).arg(batch.ttl_ms);
        for line in &batch.lines {
            for figure in figures(line) {
                command.arg(figure);
            }
        }
        let figures: Vec<i64> = match command.query(connection) {
            // A server that was restarted knows no scripts.
            Err(error) if error.code() == Some("NOSCRIPT") => {
                self.script = load(connection)?;
                return Err(Gone::Unreachable("the script was gone".to_owned()));
            }
            answer => answer.map_err(unreachable)?,
        };
        let reply = read(batch, &figures)
            .ok_or_else(|| Gone::Unreachable("an answer of another shape".to_owned()))?;
        let grants = batch.lines.iter().zip(&reply.verdicts);
        let has_grants = grants.into_iter().any(|(line, verdict)| verdict.granted > line.totals.granted);
        if has_grants && self.settings.confirmations > 0 {
            let timeout_ms = u64::try_from(self.settings.timeout.as_millis() / 2).unwrap_or(100).max(1);
            let confirmed: u32 = redis::cmd("WAIT")
                .arg(self.settings.confirmations)
                .arg(timeout_ms)
                .query(connection)
                .map_err(unreachable)?;
            if confirmed < self.settings.confirmations {
                return Err(Gone::Unconfirmed);
            }
        }
        Ok(reply)
    }
}

impl Store for ValkeyStore {
    fn run(&mut self, batch: &Batch) -> Result<Reply, Gone> {
        self.connect()?;
        let had_script = self.script.clone();
        match self.ask(batch) {
            // The script is loaded by now. A batch asked twice changes nothing twice.
            Err(_) if self.connection.is_some() && self.script != had_script => self.ask(batch),
            Err(Gone::Unconfirmed) => Err(Gone::Unconfirmed),
            Err(gone) => {
                self.connection = None;
                Err(gone)
            }
            reply => reply,
        }
    }
}

/// A connection to a primary that knows the script, and the script's name.
fn open(url: &str, timeout: Duration) -> Result<(Connection, String), Gone> {
    let mut connection = connect(url, timeout)?;
    let script = load(&mut connection)?;
    Ok((connection, script))
}

/// A connection to a primary. Connecting, writing and each answer may take so long.
pub fn connect(url: &str, timeout: Duration) -> Result<Connection, Gone> {
    let client = redis::Client::open(url).map_err(unreachable)?;
    let mut connection = client.get_connection_with_timeout(timeout).map_err(unreachable)?;
    connection.set_read_timeout(Some(timeout)).map_err(unreachable)?;
    connection.set_write_timeout(Some(timeout)).map_err(unreachable)?;
    // Managed servers may not say; then the first write will.
    let role: Result<redis::Value, RedisError> = redis::cmd("ROLE").query(&mut connection);
    if let Ok(redis::Value::Array(parts)) = role
        && let Some(redis::Value::BulkString(role)) = parts.first()
        && role.as_slice() != b"master"
    {
        return Err(Gone::Unreachable("it is a replica".to_owned()));
    }
    Ok(connection)
}

fn load(connection: &mut Connection) -> Result<String, Gone> {
    redis::cmd("SCRIPT").arg("LOAD").arg(SCRIPT).query(connection).map_err(unreachable)
}

/// The kind of an error alone: its text may repeat what was configured.
fn unreachable(error: RedisError) -> Gone {
    Gone::Unreachable(match error.code() {
        Some(code) => code.to_owned(),
        None => error.category().to_owned(),
    })
}

/// The braces keep the keys of a namespace in one slot of a cluster.
fn key(namespace: &str, line: &Line) -> String {
    use std::fmt::Write as _;
    let mut key = format!("{{{namespace}}}:quota:");
    for byte in line.account.0 {
        let _ = write!(key, "{byte:02x}");
    }
    key
}

fn figures(line: &Line) -> [u64; 17] {
    [
        line.period.start_ms,
        line.period.end_ms,
        line.limit,
        line.epoch,
        line.seq,
        line.totals.granted,
        line.totals.settled,
        line.totals.returned,
        line.totals.over,
        line.acked.settled,
        line.acked.returned,
        line.acked.over,
        line.acked_seq,
        line.floor,
        line.need,
        line.least,
        line.want,
    ]
}

fn read(batch: &Batch, figures: &[i64]) -> Option<Reply> {
    let unsigned = |figure: &i64| u64::try_from(*figure).ok();
    let (now, rest) = figures.split_first()?;
    if rest.len() != batch.lines.len() * FIGURES_PER_VERDICT {
        return None;
    }
    let verdicts = rest.chunks_exact(FIGURES_PER_VERDICT).map(|figures| {
        let figures: Vec<u64> = figures.iter().map(unsigned).collect::<Option<_>>()?;
        let [kind, granted, expires_ms, spent, over, leased, lost, alarm] = figures.try_into().ok()?;
        let kind = match kind {
            0 => Kind::Open,
            1 => Kind::Closed,
            2 => Kind::Outside,
            3 => Kind::Stale,
            _ => return None,
        };
        Some(Verdict { kind, granted, expires_ms, figures: Figures { spent, over, leased, lost }, alarm })
    });
    Some(Reply { now_ms: unsigned(now)?, verdicts: verdicts.collect::<Option<_>>()? })
}
