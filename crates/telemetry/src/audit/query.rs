//! Questions to records: they are read into a table of an embedded SQLite, which lives as long as the command, and
//! asked in SQL. Money is an integer there (`cost_nano_usd`), so sums are exact. It does not verify the log.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::PathBuf;

use rusqlite::limits::Limit;
use rusqlite::types::{ToSql, Value, ValueRef};
use rusqlite::{Connection, Transaction};
use serde::Deserialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::chain::{ChainFault, read_line};
use super::verify::files_of;

/// Answers of more rows are cut off: they are for reading, not for exports.
const ROWS_MAX: usize = 100_000;
const FILE_BUFFER_BYTES: usize = 256 << 10;
const NANOS_PER_USD: i128 = 1_000_000_000;

/// The columns of the table `records`, with their SQL types.
pub const COLUMNS: [(&str, &str); 54] = [
    ("request_id", "TEXT"),
    ("aws_request_id", "TEXT"),
    ("trace_id", "TEXT"),
    ("time", "TEXT"),
    ("unix_ms", "INTEGER"),
    ("day", "TEXT"),
    ("hour", "TEXT"),
    ("app", "TEXT"),
    ("team", "TEXT"),
    ("user_id_hash", "TEXT"),
    ("user_id_epoch", "INTEGER"),
    ("feature", "TEXT"),
    ("prompt_version", "TEXT"),
    ("service", "TEXT"),
    ("operation", "TEXT"),
    ("inspected", "INTEGER"),
    ("content_elsewhere", "INTEGER"),
    ("model", "TEXT"),
    ("model_requested", "TEXT"),
    ("model_served", "TEXT"),
    ("region", "TEXT"),
    ("attempts", "INTEGER"),
    ("decision_id", "TEXT"),
    ("action", "TEXT"),
    ("rules", "TEXT"),
    ("reasons", "TEXT"),
    ("warnings", "TEXT"),
    ("shadow", "TEXT"),
    ("bundle_revision", "TEXT"),
    ("findings", "TEXT"),
    ("findings_count", "INTEGER"),
    ("answer_findings", "TEXT"),
    ("redactions", "INTEGER"),
    ("injection_score", "REAL"),
    ("answer_injection_score", "REAL"),
    ("guardrail_action", "TEXT"),
    ("tools_called", "TEXT"),
    ("tools_denied", "TEXT"),
    ("approvals", "TEXT"),
    ("cache", "TEXT"),
    ("input_tokens", "INTEGER"),
    ("output_tokens", "INTEGER"),
    ("cache_read_tokens", "INTEGER"),
    ("cache_write_tokens", "INTEGER"),
    ("usage_source", "TEXT"),
    ("input_basis", "TEXT"),
    ("cost_nano_usd", "INTEGER"),
    ("cost_usd", "REAL"),
    ("latency_ms", "INTEGER"),
    ("time_to_first_token_ms", "INTEGER"),
    ("overhead_us", "INTEGER"),
    ("stop_reason", "TEXT"),
    ("status", "INTEGER"),
    ("error", "TEXT"),
];

/// Those that are a call's own in the view `calls`: a request has several calls where models of a route did not answer.
const OF_A_CALL: [&str; 14] = [
    "aws_request_id",
    "model",
    "model_served",
    "attempts",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "usage_source",
    "input_basis",
    "cost_nano_usd",
    "cost_usd",
    "status",
    "error",
];

/// The calls of requests that made several, and then all calls.
const CALLS: &str = "CREATE VIEW calls AS SELECT * FROM records WHERE request_id NOT IN \
     (SELECT request_id FROM several) UNION ALL SELECT * FROM several";

/// The columns of the table `feedback`, which `request_id` joins to the records.
pub const FEEDBACK_COLUMNS: [(&str, &str); 12] = [
    ("request_id", "TEXT"),
    ("feedback_id", "TEXT"),
    ("time", "TEXT"),
    ("unix_ms", "INTEGER"),
    ("app", "TEXT"),
    ("team", "TEXT"),
    ("user_id_hash", "TEXT"),
    ("score", "REAL"),
    ("label", "TEXT"),
    ("comment_bytes", "INTEGER"),
    ("comment_findings", "TEXT"),
    ("comment", "TEXT"),
];

#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("{}: {source}", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}, line {line}: not a record", .path.display())]
    NotARecord { path: PathBuf, line: u64 },
    #[error("{0}")]
    Sql(#[from] rusqlite::Error),
    #[error("`{0}` is no column of records; see `hardpan audit columns`")]
    NoSuchColumn(String),
    #[error("`{0}` is not a length of time: write 90m, 12h, 1d or 2w")]
    NotALength(String),
    #[error("say what to count or sum, or what by")]
    Nothing,
}

/// Records in a table.
pub struct Records {
    connection: Connection,
    pub count: u64,
    /// Lines that were cut short, as the last one of a log that is being written may be.
    pub torn: u64,
}

/// What a question brought.
pub struct Answer {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
    /// There were more rows than are given.
    pub cut: bool,
}

impl Records {
    /// Reads the logs at these paths; of each record that began at `since_unix_ms` or later.
    pub fn load(paths: &[PathBuf], since_unix_ms: Option<i64>) -> Result<Self, QueryError> {
        // A file of SQLite's own, gone with the connection: it spills there what memory should not hold.
        let mut connection = Connection::open("")?;
        connection.execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -131072; \
             PRAGMA temp_store = MEMORY;",
        )?;
        let tables = [("records", &COLUMNS[..]), ("several", &COLUMNS), ("feedback", &FEEDBACK_COLUMNS)];
        for (table, columns) in tables {
            let columns: Vec<String> = columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
            connection.execute_batch(&format!("CREATE TABLE {table} ({})", columns.join(", ")))?;
        }
        connection.execute_batch(CALLS)?;
        let (mut count, mut torn) = (0, 0);
        let at_fault = PathBuf::new();
        let files = files_of(paths).map_err(|source| QueryError::Read {
            path: paths.first().cloned().unwrap_or(at_fault),
            source,
        })?;
        let transaction = connection.transaction()?;
        for path in files {
            let (read, cut) = load_file(&transaction, path, since_unix_ms)?;
            count += read;
            torn += u64::from(cut);
        }
        transaction.commit()?;
        // A question reads, and touches no other file.
        connection.execute_batch("PRAGMA query_only = ON")?;
        connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        Ok(Self { connection, count, torn })
    }

    pub fn ask(&self, sql: &str) -> Result<Answer, QueryError> {
        let mut statement = self.connection.prepare(sql)?;
        let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
        let width = columns.len();
        let mut answer = Answer { columns, rows: Vec::new(), cut: false };
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if answer.rows.len() == ROWS_MAX {
                answer.cut = true;
                break;
            }
            let cells: Result<Vec<Value>, _> = (0..width)
                .map(|index| row.get_ref(index).map(Value::try_from))
                .collect::<Result<Vec<_>, _>>()?
                .into_iter()
                .collect();
            answer
                .rows
                .push(cells.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?);
        }
        Ok(answer)
    }
}

/// A question by its parts: `--by team,model --sum cost,input_tokens`. Each group has its number of requests.
pub fn shorthand(by: &[String], sum: &[String]) -> Result<String, QueryError> {
    if by.is_empty() && sum.is_empty() {
        return Err(QueryError::Nothing);
    }
    let known = |name: &str| -> Result<&'static str, QueryError> {
        let column = COLUMNS.iter().find(|(column, _)| *column == name);
        column.map(|(column, _)| *column).ok_or_else(|| QueryError::NoSuchColumn(name.to_owned()))
    };
    let groups = by.iter().map(|name| known(name)).collect::<Result<Vec<_>, _>>()?;
    let mut select: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
    select.push("COUNT(*) AS requests".to_owned());
    for name in sum {
        select.push(match name.as_str() {
            // Exact, as decimal dollars.
            "cost" => "nano_usd(SUM(cost_nano_usd)) AS cost_usd".to_owned(),
            name => format!("SUM({0}) AS {0}", known(name)?),
        });
    }
    let order = if sum.is_empty() { "requests".to_owned() } else { order_of(sum) };
    // What a model used is its own, also where another one answered in the end.
    let is_by_model = groups.iter().any(|group| matches!(*group, "model" | "model_served"));
    let is_of_calls = sum.iter().all(|name| name == "cost" || OF_A_CALL.contains(&name.as_str()));
    let table = if is_by_model && is_of_calls && !sum.is_empty() { "calls" } else { "records" };
    let mut sql = format!("SELECT {} FROM {table}", select.join(", "));
    if !groups.is_empty() {
        // Infallible on a string.
        let _ = write!(sql, " GROUP BY {} ORDER BY {order} DESC, {}", groups.join(", "), groups.join(", "));
    }
    Ok(sql.replace("nano_usd(SUM(cost_nano_usd))", DECIMAL_COST))
}

/// Nano dollars as a decimal, by integers alone.
const DECIMAL_COST: &str =
    "printf('%d.%09d', SUM(cost_nano_usd) / 1000000000, SUM(cost_nano_usd) % 1000000000)";

fn order_of(sum: &[String]) -> String {
    match sum.first().map(String::as_str) {
        Some("cost") | None => "SUM(cost_nano_usd)".to_owned(),
        Some(name) => format!("SUM({name})"),
    }
}

/// `90m`, `12h`, `1d`, `2w`, in milliseconds.
pub fn length_ms(text: &str) -> Result<i64, QueryError> {
    let wrong = || QueryError::NotALength(text.to_owned());
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(wrong()),
    };
    let count: i64 = text.strip_suffix(unit).and_then(|digits| digits.parse().ok()).ok_or_else(wrong)?;
    if count < 0 {
        return Err(wrong());
    }
    count.checked_mul(seconds * 1000).ok_or_else(wrong)
}

/// Reads one file, and whether its last line was cut short.
fn load_file(
    transaction: &Transaction<'_>,
    path: PathBuf,
    since_unix_ms: Option<i64>,
) -> Result<(u64, bool), QueryError> {
    let opened = File::open(&path).map_err(|source| QueryError::Read { path: path.clone(), source })?;
    let mut reader = BufReader::with_capacity(FILE_BUFFER_BYTES, opened);
    let places = vec!["?"; COLUMNS.len()].join(", ");
    let mut insert = transaction.prepare(&format!("INSERT INTO records VALUES ({places})"))?;
    let mut insert_call = transaction.prepare(&format!("INSERT INTO several VALUES ({places})"))?;
    let places = vec!["?"; FEEDBACK_COLUMNS.len()].join(", ");
    let mut insert_feedback = transaction.prepare(&format!("INSERT INTO feedback VALUES ({places})"))?;
    let (mut line, mut count) = (Vec::new(), 0);
    for row in 1_u64.. {
        match read_line(&mut reader, &mut line) {
            Ok(true) => {}
            Ok(false) => break,
            Err(ChainFault::Torn) => return Ok((count, true)),
            Err(_) => return Err(QueryError::NotARecord { path, line: row }),
        }
        if is_feedback(&line) {
            let Ok(feedback) = serde_json::from_slice::<FeedbackRow<'_>>(&line) else {
                return Err(QueryError::NotARecord { path, line: row });
            };
            feedback.insert(&mut insert_feedback, since_unix_ms)?;
            continue;
        }
        let Ok(record) = serde_json::from_slice::<Row<'_>>(&line) else {
            return Err(QueryError::NotARecord { path, line: row });
        };
        let unix_ms = unix_ms(&record.time);
        if since_unix_ms.is_some_and(|since| unix_ms.is_none_or(|at| at < since)) {
            continue;
        }
        record.insert(&mut insert, unix_ms, &record.whole())?;
        if !record.earlier_attempts.is_empty() {
            for earlier in &record.earlier_attempts {
                record.insert(&mut insert_call, unix_ms, &earlier.call())?;
            }
            record.insert(&mut insert_call, unix_ms, &record.last())?;
        }
        count += 1;
    }
    Ok((count, false))
}

fn unix_ms(time: &str) -> Option<i64> {
    let at = OffsetDateTime::parse(time, &Rfc3339).ok()?;
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
}

/// Whether a line is of the other kind of record: its second member says so, and no request's does.
fn is_feedback(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"{\"request_id\":\"") else { return false };
    let Some(end) = rest.iter().position(|byte| *byte == b'"') else { return false };
    rest.get(end..).is_some_and(|rest| rest.starts_with(b"\",\"kind\":\"feedback\""))
}

/// Feedback as it is read.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct FeedbackRow<'a> {
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    #[serde(borrow)]
    feedback_id: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow)]
    principal: Principal<'a>,
    score: f64,
    #[serde(borrow, default)]
    label: Option<Cow<'a, str>>,
    #[serde(default)]
    comment_bytes: u64,
    #[serde(borrow, default)]
    comment_findings: Option<&'a RawValue>,
    #[serde(borrow, default)]
    comment: Option<Cow<'a, str>>,
}

impl FeedbackRow<'_> {
    fn insert(
        &self,
        insert: &mut rusqlite::Statement<'_>,
        since_unix_ms: Option<i64>,
    ) -> rusqlite::Result<()> {
        let unix_ms = unix_ms(&self.time);
        if since_unix_ms.is_some_and(|since| unix_ms.is_none_or(|at| at < since)) {
            return Ok(());
        }
        let comment_bytes = i64::try_from(self.comment_bytes).unwrap_or(i64::MAX);
        let cells: [&dyn ToSql; FEEDBACK_COLUMNS.len()] = [
            &self.request_id.as_ref(),
            &self.feedback_id.as_ref(),
            &self.time.as_ref(),
            &unix_ms,
            &self.principal.app.as_ref(),
            &self.principal.team.as_ref(),
            &self.principal.user_id_hash.as_deref(),
            &self.score,
            &self.label.as_deref(),
            &comment_bytes,
            &self.comment_findings.map(|findings| findings.get().to_owned()),
            &self.comment.as_deref(),
        ];
        insert.execute(cells.as_slice()).map(|_| ())
    }
}

/// A record as it is read: what is not there, in records of another version too, is null.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Row<'a> {
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    #[serde(borrow, default)]
    aws_request_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    trace_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow, default)]
    principal: Option<Principal<'a>>,
    #[serde(borrow, default)]
    feature: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    prompt_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    service: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    operation: Option<Cow<'a, str>>,
    #[serde(default)]
    inspected: Option<bool>,
    #[serde(default)]
    content_elsewhere: Option<bool>,
    #[serde(borrow, default)]
    model_requested: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    model_served: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    region: Option<Cow<'a, str>>,
    #[serde(default)]
    attempts: Option<u32>,
    #[serde(borrow, default)]
    earlier_attempts: Vec<Attempt<'a>>,
    #[serde(borrow, default)]
    decision: Option<Decision<'a>>,
    #[serde(borrow, default)]
    findings: Option<&'a RawValue>,
    #[serde(borrow, default)]
    answer_findings: Option<&'a RawValue>,
    #[serde(default)]
    redactions: Option<u64>,
    #[serde(default)]
    injection_score: Option<f64>,
    #[serde(default)]
    answer_injection_score: Option<f64>,
    #[serde(borrow, default)]
    guardrail_action: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    agent_tools_called: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tools_denied: Option<&'a RawValue>,
    #[serde(borrow, default)]
    approvals: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cache: Option<Cache<'a>>,
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(default)]
    cache_read_tokens: Option<u64>,
    #[serde(default)]
    cache_write_tokens: Option<CacheWrites>,
    #[serde(borrow, default)]
    usage_source: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    input_basis: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    estimated_cost_usd: Option<Cow<'a, str>>,
    #[serde(default)]
    latency_ms: Option<u64>,
    #[serde(default)]
    time_to_first_token_ms: Option<u64>,
    #[serde(borrow, default)]
    overhead_us: Option<BTreeMap<&'a str, u64>>,
    #[serde(borrow, default)]
    stop_reason: Option<Cow<'a, str>>,
    status: u16,
    #[serde(borrow, default)]
    error: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Principal<'a> {
    #[serde(borrow)]
    app: Cow<'a, str>,
    #[serde(borrow)]
    team: Cow<'a, str>,
    #[serde(borrow, default)]
    user_id_hash: Option<Cow<'a, str>>,
    #[serde(default)]
    user_id_epoch: Option<u64>,
}

#[derive(Deserialize)]
struct Decision<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    action: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    rules: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasons: Option<&'a RawValue>,
    #[serde(borrow, default)]
    warnings: Option<&'a RawValue>,
    #[serde(borrow, default)]
    shadow: Option<&'a RawValue>,
    #[serde(borrow, default)]
    bundle_revision: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Cache<'a> {
    #[serde(borrow, default)]
    result: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct CacheWrites {
    #[serde(rename = "5m", default)]
    for_5m: u64,
    #[serde(rename = "1h", default)]
    for_1h: u64,
}

/// A model of a route that did not answer.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Attempt<'a> {
    #[serde(borrow, default)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    aws_request_id: Option<Cow<'a, str>>,
    #[serde(default)]
    attempts: Option<u32>,
    #[serde(default)]
    status: u16,
    #[serde(borrow, default)]
    error: Option<Cow<'a, str>>,
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(borrow, default)]
    usage_source: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    input_basis: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    estimated_cost_usd: Option<Cow<'a, str>>,
}

/// The cells of a row that are a call's own.
#[derive(Clone, Copy)]
struct Call<'r> {
    aws_request_id: Option<&'r str>,
    model: Option<&'r str>,
    model_served: Option<&'r str>,
    attempts: Option<u32>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
    usage_source: Option<&'r str>,
    input_basis: Option<&'r str>,
    nanos: Option<i64>,
    status: u16,
    error: Option<&'r str>,
}

impl Attempt<'_> {
    fn call(&self) -> Call<'_> {
        let usage_source = self.usage_source.as_deref();
        Call {
            aws_request_id: self.aws_request_id.as_deref(),
            model: self.model.as_deref(),
            model_served: self
                .model
                .as_deref()
                .filter(|_| usage_source.is_some_and(|source| source != "none")),
            attempts: self.attempts,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            cache_read_tokens: Some(0),
            cache_write_tokens: Some(0),
            usage_source,
            input_basis: self.input_basis.as_deref(),
            nanos: self.estimated_cost_usd.as_deref().and_then(nano_usd),
            status: self.status,
            error: self.error.as_deref(),
        }
    }
}

impl Row<'_> {
    /// The call that the record is of.
    fn last(&self) -> Call<'_> {
        let writes = self.cache_write_tokens.as_ref();
        Call {
            aws_request_id: self.aws_request_id.as_deref(),
            model: self.model_served.as_deref().or(self.model_requested.as_deref()),
            model_served: self.model_served.as_deref(),
            attempts: self.attempts,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            cache_read_tokens: self.cache_read_tokens,
            cache_write_tokens: writes.map(|writes| writes.for_5m.saturating_add(writes.for_1h)),
            usage_source: self.usage_source.as_deref(),
            input_basis: self.input_basis.as_deref(),
            nanos: self.estimated_cost_usd.as_deref().and_then(nano_usd),
            status: self.status,
            error: self.error.as_deref(),
        }
    }

    /// The same, with what earlier calls used and cost.
    fn whole(&self) -> Call<'_> {
        self.earlier_attempts.iter().map(Attempt::call).fold(self.last(), |whole, earlier| Call {
            input_tokens: sum(whole.input_tokens, earlier.input_tokens, u64::saturating_add),
            output_tokens: sum(whole.output_tokens, earlier.output_tokens, u64::saturating_add),
            nanos: sum(whole.nanos, earlier.nanos, i64::saturating_add),
            ..whole
        })
    }

    fn insert(
        &self,
        insert: &mut rusqlite::Statement<'_>,
        unix_ms: Option<i64>,
        call: &Call<'_>,
    ) -> rusqlite::Result<()> {
        let raw = |value: Option<&RawValue>| value.map(|value| value.get().to_owned());
        let principal = self.principal.as_ref();
        let decision = self.decision.as_ref();
        let part = |end: usize| self.time.get(..end);
        let count = |value: Option<u64>| value.map(|value| i64::try_from(value).unwrap_or(i64::MAX));
        let counts: Option<BTreeMap<&str, u64>> =
            self.findings.and_then(|findings| serde_json::from_str(findings.get()).ok());
        let findings_count = counts.map(|counts| counts.values().sum::<u64>());
        let overhead = self.overhead_us.as_ref().map(|stages| stages.values().sum::<u64>());
        // Near enough to sort by; sums are made of the other column.
        let usd = call.nanos.map(|nanos| nanos as f64 / 1e9);
        let cells: [&dyn ToSql; COLUMNS.len()] = [
            &self.request_id.as_ref(),
            &call.aws_request_id,
            &self.trace_id.as_deref(),
            &self.time.as_ref(),
            &unix_ms,
            &part(10),
            &part(13),
            &principal.map(|principal| principal.app.as_ref()),
            &principal.map(|principal| principal.team.as_ref()),
            &principal.and_then(|principal| principal.user_id_hash.as_deref()),
            &count(principal.and_then(|principal| principal.user_id_epoch)),
            &self.feature.as_deref(),
            &self.prompt_version.as_deref(),
            &self.service.as_deref(),
            &self.operation.as_deref(),
            &self.inspected,
            &self.content_elsewhere,
            &call.model,
            &self.model_requested.as_deref(),
            &call.model_served,
            &self.region.as_deref(),
            &call.attempts,
            &decision.and_then(|decision| decision.id.as_deref()),
            &decision.and_then(|decision| decision.action.as_deref()),
            &raw(decision.and_then(|decision| decision.rules)),
            &raw(decision.and_then(|decision| decision.reasons)),
            &raw(decision.and_then(|decision| decision.warnings)),
            &raw(decision.and_then(|decision| decision.shadow)),
            &decision.and_then(|decision| decision.bundle_revision.as_deref()),
            &raw(self.findings),
            &count(findings_count),
            &raw(self.answer_findings),
            &count(self.redactions),
            &self.injection_score,
            &self.answer_injection_score,
            &self.guardrail_action.as_deref(),
            &raw(self.agent_tools_called),
            &raw(self.tools_denied),
            &raw(self.approvals),
            &self.cache.as_ref().and_then(|cache| cache.result.as_deref()),
            &count(call.input_tokens),
            &count(call.output_tokens),
            &count(call.cache_read_tokens),
            &count(call.cache_write_tokens),
            &call.usage_source,
            &call.input_basis,
            &call.nanos,
            &usd,
            &count(self.latency_ms),
            &count(self.time_to_first_token_ms),
            &count(overhead),
            &self.stop_reason.as_deref(),
            &call.status,
            &call.error,
        ];
        insert.execute(cells.as_slice()).map(|_| ())
    }
}

fn sum<T>(one: Option<T>, other: Option<T>, add: fn(T, T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(add(one, other)),
        (one, other) => one.or(other),
    }
}

/// Decimal dollars as nano dollars; what is below is cut off, and what is no amount is none.
fn nano_usd(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(&digits) {
        return None;
    }
    let (whole, digits): (i128, i128) = (whole.parse().ok()?, digits.parse().ok()?);
    i64::try_from(whole.checked_mul(NANOS_PER_USD)?.checked_add(digits)?).ok()
}

impl Answer {
    /// For reading: columns side by side, numbers to the right.
    pub fn table(&self) -> String {
        let cells: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(|cell| printable(&text(cell))).collect()).collect();
        let mut widths: Vec<usize> = self.columns.iter().map(|name| name.chars().count()).collect();
        for row in &cells {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut out = String::new();
        let heads: Vec<String> =
            self.columns.iter().zip(&widths).map(|(name, width)| format!("{name:width$}")).collect();
        push_line(&mut out, &heads);
        push_line(&mut out, &widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>());
        for (row, values) in cells.iter().zip(&self.rows) {
            let padded: Vec<String> = row
                .iter()
                .zip(values)
                .zip(&widths)
                .map(|((cell, value), width)| match value {
                    Value::Integer(_) | Value::Real(_) => format!("{cell:>width$}"),
                    _ => format!("{cell:width$}"),
                })
                .collect();
            push_line(&mut out, &padded);
        }
        out
    }

    /// As RFC 4180 has it. A cell that a spreadsheet would take for a formula begins with an apostrophe.
    pub fn csv(&self) -> String {
        let quoted = |cell: &str| {
            let risky = cell.starts_with(['=', '+', '@', '\t'])
                || (cell.starts_with('-') && cell.parse::<f64>().is_err());
            let cell = if risky { format!("'{cell}") } else { cell.to_owned() };
            if cell.contains([',', '"', '\n', '\r']) {
                format!("\"{}\"", cell.replace('"', "\"\""))
            } else {
                cell
            }
        };
        let mut out = String::new();
        let mut push = |cells: Vec<String>| {
            out.push_str(&cells.join(","));
            out.push_str("\r\n");
        };
        push(self.columns.iter().map(|name| quoted(name)).collect());
        for row in &self.rows {
            push(
                row.iter()
                    .map(|cell| if *cell == Value::Null { String::new() } else { quoted(&text(cell)) })
                    .collect(),
            );
        }
        out
    }

    /// One array of objects.
    pub fn json(&self) -> String {
        let rows: Vec<serde_json::Value> = self
            .rows
            .iter()
            .map(|row| {
                let members = self.columns.iter().cloned().zip(row.iter().map(json_value));
                serde_json::Value::Object(members.collect())
            })
            .collect();
        serde_json::Value::Array(rows).to_string()
    }
}

fn push_line(out: &mut String, cells: &[String]) {
    out.push_str(cells.join("  ").trim_end());
    out.push('\n');
}

fn text(value: &Value) -> String {
    match ValueRef::from(value) {
        ValueRef::Null => "-".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(_) => "(bytes)".to_owned(),
    }
}

/// Labels are callers' own words: none of them is to steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

fn json_value(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Integer(number) => (*number).into(),
        Value::Real(number) => (*number).into(),
        Value::Text(text) => text.as_str().into(),
        Value::Blob(_) => "(bytes)".into(),
    }
}

#[cfg(test)]
mod tests;
