//! What was recorded against what was billed: records of this proxy and a Cost and Usage Report (CUR 2.0, Data
//! Exports) of the same time, compared by model, tier and class of tokens, the difference taken apart into tokens and
//! prices.
//!
//! Both sides are summed as they are: which days the two files cover is for whoever exported them. Credits, refunds and
//! taxes are left out of the comparison and summed apart.

mod csv;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{BufRead, Read as _};

use hardpan_inference::model_id::ModelId;
use serde::Deserialize;
use serde_json::Value;

use crate::book::{Class, PriceBook, Tier};
use crate::decimal::Decimal;
use crate::names::Names;
use crate::price_list::tokens_per_unit;
use crate::usage_type;

pub use csv::CsvError;

/// Longest line of either file.
const LINE_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// A CUR export in one JSON array is held whole.
const JSON_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Usage types that are kept by name where they could not be joined.
const UNJOINED_MAX: usize = 1_000;

#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    #[error("it could not be read: {0}")]
    Read(#[from] std::io::Error),
    #[error("line {line} is longer than {} bytes", LINE_BYTES_MAX)]
    Line { line: u64 },
    #[error("line {line} is no record: it is not the JSON that is expected")]
    Record { line: u64 },
    #[error("the report: {0}")]
    Csv(#[from] CsvError),
    #[error("the report has no column {column}")]
    Column { column: &'static str },
    #[error("the report is JSON larger than {} bytes; export it as CSV", JSON_BYTES_MAX)]
    TooLarge,
    #[error("the report, row {row}: {column} is no number")]
    Number { row: u64, column: &'static str },
    #[error("the report is in {currency}, not in USD")]
    Currency { currency: String },
}

/// What is compared. The two cache writes are one class, as a record's cost knows them together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub model: String,
    pub tier: Tier,
    pub class: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Input,
    Output,
    CacheRead,
    CacheWrite,
    /// Units of guardrails, of all policies and models together.
    Guardrail,
}

impl Kind {
    pub const ALL: [Kind; 5] =
        [Kind::Input, Kind::Output, Kind::CacheRead, Kind::CacheWrite, Kind::Guardrail];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Input => "input",
            Kind::Output => "output",
            Kind::CacheRead => "cache_read",
            Kind::CacheWrite => "cache_write",
            Kind::Guardrail => "units",
        }
    }

    fn of(class: Class) -> Kind {
        match class {
            Class::Input => Kind::Input,
            Class::Output => Kind::Output,
            Class::CacheRead => Kind::CacheRead,
            Class::CacheWrite5m | Class::CacheWrite1h => Kind::CacheWrite,
        }
    }
}

/// Nano-dollars that may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Nanos(pub i128);

impl std::fmt::Display for Nanos {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let size = self.0.unsigned_abs();
        write!(formatter, "{sign}{}.{:09}", size / 1_000_000_000, size % 1_000_000_000)
    }
}

/// Tokens and their cost, of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Side {
    pub tokens: i128,
    /// Of the cache writes, those kept for an hour.
    pub hour_tokens: i128,
    pub cost: Nanos,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Row {
    pub recorded: Side,
    pub billed: Side,
}

impl Row {
    /// Billed less recorded.
    pub fn difference(&self) -> Nanos {
        Nanos(self.billed.cost.0.saturating_sub(self.recorded.cost.0))
    }

    /// The part of the difference that other counts make, at the recorded price. Where nothing was recorded all of it
    /// is; where tokens were recorded at no cost, none of it is known to be.
    pub fn by_tokens(&self) -> Nanos {
        if self.recorded.tokens == 0 {
            return self.difference();
        }
        let more = self.billed.tokens.saturating_sub(self.recorded.tokens);
        let exact = more.checked_mul(self.recorded.cost.0);
        Nanos(exact.map_or(0, |exact| exact / self.recorded.tokens))
    }

    /// The rest: the same tokens at another price.
    pub fn by_price(&self) -> Nanos {
        Nanos(self.difference().0.saturating_sub(self.by_tokens().0))
    }
}

/// Both sides, and what belongs to neither.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reconciliation {
    pub rows: BTreeMap<Key, Row>,
    pub records: u64,
    /// Records that nobody is billed for by use: shares of an endpoint's hour, and capacity bought ahead. They are not
    /// compared.
    pub records_by_the_hour: u64,
    /// Records with tokens and without a price: their cost is missing on the recorded side.
    pub unpriced_records: u64,
    /// Records whose tokens are an estimate.
    pub estimated_records: u64,
    /// Records that do not say what tier was used are taken for the standard tier.
    pub records_without_tier: u64,
    /// Lines of Bedrock's that are for no text token, or could not be joined: by usage type.
    pub unjoined: BTreeMap<String, Nanos>,
    pub unjoined_cost: Nanos,
    /// Credits, refunds, taxes and fees.
    pub apart: BTreeMap<String, Nanos>,
}

impl Reconciliation {
    pub fn recorded(&self) -> Nanos {
        Nanos(self.rows.values().fold(0, |sum, row| sum.saturating_add(row.recorded.cost.0)))
    }

    pub fn billed(&self) -> Nanos {
        Nanos(self.rows.values().fold(0, |sum, row| sum.saturating_add(row.billed.cost.0)))
    }

    /// Billed less recorded, in parts per 100,000 of what was billed. `None` where nothing was billed.
    pub fn drift_per_100k(&self) -> Option<i128> {
        let (recorded, billed) = (self.recorded().0, self.billed().0);
        billed.checked_sub(recorded)?.checked_mul(100_000)?.checked_div(billed)
    }

    /// What the figures say for themselves, in words; the largest differences first.
    pub fn explanations(&self) -> Vec<String> {
        let mut rows: Vec<(&Key, &Row)> =
            self.rows.iter().filter(|(_, row)| row.difference().0 != 0).collect();
        rows.sort_by_key(|(_, row)| std::cmp::Reverse(row.difference().0.unsigned_abs()));
        let mut told: Vec<String> = rows.into_iter().map(|(key, row)| explain(key, row)).collect();
        if self.records_without_tier > 0 && self.rows.keys().any(|key| key.tier != Tier::Standard) {
            told.push(format!(
                "{} record(s) do not say which tier was used and are counted as default; compare the tiers of a model \
                 together",
                self.records_without_tier
            ));
        }
        if self.unpriced_records > 0 {
            told.push(format!("{} record(s) have tokens and no price", self.unpriced_records));
        }
        if self.records_by_the_hour > 0 {
            told.push(format!(
                "{} record(s) are of capacity paid for by the hour, and not compared",
                self.records_by_the_hour
            ));
        }
        if self.estimated_records > 0 {
            told.push(format!("{} record(s) have estimated tokens", self.estimated_records));
        }
        if self.unjoined_cost.0 != 0 {
            told.push(format!(
                "{} USD are billed for lines that are compared with nothing",
                self.unjoined_cost
            ));
        }
        told
    }
}

fn explain(key: &Key, row: &Row) -> String {
    let what = format!("{} {} {}", key.model, key.tier.name(), key.class.name());
    let (recorded, billed) = (&row.recorded, &row.billed);
    let mut text = if recorded.tokens == 0 {
        format!("{what}: billed {} USD, nothing recorded", billed.cost)
    } else if billed.tokens == 0 && billed.cost.0 == 0 {
        format!("{what}: recorded {} USD, nothing billed", recorded.cost)
    } else {
        format!(
            "{what}: {} USD, of it {} for {} tokens and {} for the price",
            row.difference(),
            row.by_tokens(),
            billed.tokens.saturating_sub(recorded.tokens),
            row.by_price()
        )
    };
    if recorded.hour_tokens != billed.hour_tokens {
        text.push_str(&format!(
            "; one-hour writes: {} recorded, {} billed",
            recorded.hour_tokens, billed.hour_tokens
        ));
    }
    text
}

/// Compares records (one JSON object a line) with a report (CSV with a header, JSON lines, or one JSON array).
pub fn reconcile(
    book: &PriceBook,
    records: &mut dyn BufRead,
    report: &mut dyn BufRead,
) -> Result<Reconciliation, ReconcileError> {
    let mut outcome = Reconciliation::default();
    lines(records, &mut |line, text| {
        let record: Record = serde_json::from_str(text).map_err(|_| ReconcileError::Record { line })?;
        // The log holds records of other kinds too.
        if record.kind.is_none() {
            outcome.record(&record);
        }
        Ok(())
    })?;
    let names = Names::new(book.models());
    let first = loop {
        let Some(byte) = report.fill_buf()?.first().copied() else { break None };
        if !byte.is_ascii_whitespace() {
            break Some(byte);
        }
        report.consume(1);
    };
    match first {
        Some(b'{') => lines(report, &mut |line, text| {
            let row: Value = serde_json::from_str(text).map_err(|_| ReconcileError::Record { line })?;
            outcome.line(&names, line, &Line::from_json(&row))
        })?,
        Some(b'[') => {
            let mut text = Vec::new();
            report.take(JSON_BYTES_MAX + 1).read_to_end(&mut text)?;
            if text.len() as u64 > JSON_BYTES_MAX {
                return Err(ReconcileError::TooLarge);
            }
            let rows: Vec<Value> =
                serde_json::from_slice(&text).map_err(|_| ReconcileError::Record { line: 1 })?;
            for (row, at) in rows.iter().zip(1..) {
                outcome.line(&names, at, &Line::from_json(row))?;
            }
        }
        _ => {
            let mut reader = csv::Reader::new(report);
            let header = reader.row()?.unwrap_or_default();
            let columns = Columns::of(&header)?;
            let mut at = 1;
            while let Some(row) = reader.row()? {
                outcome.line(&names, at, &columns.line(&row))?;
                at += 1;
            }
        }
    }
    Ok(outcome)
}

/// Calls with every line that is not empty and its number.
fn lines(
    input: &mut dyn BufRead,
    take: &mut dyn FnMut(u64, &str) -> Result<(), ReconcileError>,
) -> Result<(), ReconcileError> {
    let mut text = String::new();
    for line in 1.. {
        text.clear();
        if (&mut *input).take(LINE_BYTES_MAX + 1).read_line(&mut text)? == 0 {
            break;
        }
        if text.len() as u64 > LINE_BYTES_MAX {
            return Err(ReconcileError::Line { line });
        }
        if !text.trim().is_empty() {
            take(line, text.trim())?;
        }
    }
    Ok(())
}

/// The members of an audit record that are compared.
#[derive(Deserialize)]
struct Record {
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    model_served: Option<String>,
    #[serde(default)]
    model_base: Option<String>,
    #[serde(default)]
    service_tier: Option<String>,
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
    #[serde(default)]
    cache_read_tokens: u64,
    #[serde(default)]
    cache_write_tokens: Writes,
    #[serde(default)]
    usage_source: Option<String>,
    #[serde(default)]
    guardrail_units: Option<u64>,
    #[serde(default)]
    cost_basis: Option<String>,
    #[serde(default)]
    cost_breakdown: Option<Breakdown>,
    /// Models that were called before and did not answer, as the record has them.
    #[serde(default)]
    earlier_attempts: Vec<Record>,
}

#[derive(Deserialize, Default)]
struct Writes {
    #[serde(rename = "5m", default)]
    for_5m: u64,
    #[serde(rename = "1h", default)]
    for_1h: u64,
}

#[derive(Deserialize, Default)]
struct Breakdown {
    input: String,
    output: String,
    cache_read: String,
    cache_write: String,
    #[serde(default)]
    guardrail: String,
}

/// What stands in a model's place for guardrails, which are billed whatever the model.
const GUARDRAILS: &str = "(guardrails)";

impl Reconciliation {
    fn record(&mut self, record: &Record) {
        self.records += 1;
        record.earlier_attempts.iter().chain([record]).for_each(|call| self.call(call));
    }

    fn call(&mut self, record: &Record) {
        let Writes { for_5m, for_1h } = record.cache_write_tokens;
        let tokens = |kind: Kind| match kind {
            Kind::Input => i128::from(record.input_tokens),
            Kind::Output => i128::from(record.output_tokens),
            Kind::CacheRead => i128::from(record.cache_read_tokens),
            Kind::CacheWrite => i128::from(for_5m) + i128::from(for_1h),
            Kind::Guardrail => i128::from(record.guardrail_units.unwrap_or(0)),
        };
        if matches!(record.cost_basis.as_deref(), Some("endpoint_share" | "valued")) {
            self.records_by_the_hour += 1;
            return;
        }
        if Kind::ALL.into_iter().all(|kind| tokens(kind) == 0) {
            return;
        }
        if record.usage_source.as_deref() == Some("estimated") {
            self.estimated_records += 1;
        }
        let free = Breakdown::default();
        let costs = record.cost_breakdown.as_ref().unwrap_or_else(|| {
            self.unpriced_records += 1;
            &free
        });
        let tier = record.service_tier.as_deref().and_then(Tier::from_name);
        if tier.is_none() {
            self.records_without_tier += 1;
        }
        let named = record.model_base.clone().filter(|base| !base.is_empty());
        let model = named.or_else(|| {
            let id = ModelId::parse(record.model_served.as_deref()?).ok()?;
            Some(if id.base().is_empty() { id.as_str().to_owned() } else { id.base().to_owned() })
        });
        let model = model.unwrap_or_else(|| "(none)".to_owned());
        for kind in Kind::ALL.into_iter().filter(|kind| tokens(*kind) > 0) {
            let cost = match kind {
                Kind::Input => &costs.input,
                Kind::Output => &costs.output,
                Kind::CacheRead => &costs.cache_read,
                Kind::CacheWrite => &costs.cache_write,
                Kind::Guardrail => &costs.guardrail,
            };
            let key = match kind {
                Kind::Guardrail => guardrails(),
                _ => Key { model: model.clone(), tier: tier.unwrap_or(Tier::Standard), class: kind },
            };
            let side = &mut self.rows.entry(key).or_default().recorded;
            side.tokens = side.tokens.saturating_add(tokens(kind));
            if kind == Kind::CacheWrite {
                side.hour_tokens = side.hour_tokens.saturating_add(i128::from(for_1h));
            }
            side.cost.0 = side.cost.0.saturating_add(nanos(cost).unwrap_or(0));
        }
    }

    fn line(&mut self, names: &Names, row: u64, line: &Line<'_>) -> Result<(), ReconcileError> {
        if !line.is_bedrocks() {
            return Ok(());
        }
        if !matches!(&*line.currency, "" | "USD") {
            return Err(ReconcileError::Currency { currency: line.currency.chars().take(16).collect() });
        }
        let cost = nanos(&line.cost).ok_or(ReconcileError::Number { row, column: COST })?;
        if !matches!(&*line.kind, "" | "Usage" | "DiscountedUsage" | "SavingsPlanCoveredUsage") {
            add(&mut self.apart, &line.kind, cost);
            return Ok(());
        }
        if line.is_guardrails() {
            let units = Decimal::parse(&line.amount).and_then(|amount| amount.times(1));
            let units = units.ok_or(ReconcileError::Number { row, column: AMOUNT })?;
            let side = &mut self.rows.entry(guardrails()).or_default().billed;
            side.tokens = side.tokens.saturating_add(units);
            side.cost.0 = side.cost.0.saturating_add(cost);
            return Ok(());
        }
        let joined = usage_type::parse(&line.usage_type).ok().and_then(|usage| {
            let model = line.model(names, &usage)?;
            Some((model, usage, tokens_per_unit(&line.unit, &line.usage_type)?))
        });
        let Some((model, usage, per_unit)) = joined else {
            self.unjoined_cost.0 = self.unjoined_cost.0.saturating_add(cost);
            add(&mut self.unjoined, &line.usage_type, cost);
            return Ok(());
        };
        let amount = Decimal::parse(&line.amount).and_then(|amount| amount.times(i128::from(per_unit)));
        let tokens = amount.ok_or(ReconcileError::Number { row, column: AMOUNT })?;
        let key = Key { model, tier: usage.tier, class: Kind::of(usage.class) };
        let side = &mut self.rows.entry(key).or_default().billed;
        side.tokens = side.tokens.saturating_add(tokens);
        if usage.class == Class::CacheWrite1h {
            side.hour_tokens = side.hour_tokens.saturating_add(tokens);
        }
        side.cost.0 = side.cost.0.saturating_add(cost);
        Ok(())
    }
}

fn guardrails() -> Key {
    Key { model: GUARDRAILS.to_owned(), tier: Tier::Standard, class: Kind::Guardrail }
}

fn add(sums: &mut BTreeMap<String, Nanos>, name: &str, cost: i128) {
    let name: String = name.chars().take(200).collect();
    let is_full = sums.len() >= UNJOINED_MAX && !sums.contains_key(&name);
    let sum = sums.entry(if is_full { "(others)".to_owned() } else { name }).or_default();
    sum.0 = sum.0.saturating_add(cost);
}

fn nanos(text: &str) -> Option<i128> {
    if text.is_empty() { Some(0) } else { Decimal::parse(text)?.times(1_000_000_000) }
}

const COST: &str = "line_item_unblended_cost";
const AMOUNT: &str = "line_item_usage_amount";
const USAGE_TYPE: &str = "line_item_usage_type";

/// The columns of CUR 2.0 that are read. Only the first three have to be there.
const COLUMNS: [&str; 13] = [
    USAGE_TYPE,
    AMOUNT,
    COST,
    "line_item_line_item_type",
    "line_item_product_code",
    "line_item_currency_code",
    "line_item_resource_id",
    "pricing_unit",
    "product_servicecode",
    "product_servicename",
    "product_product_name",
    "product_model",
    "product",
];

/// One line of the report. Columns it does not have are empty.
#[derive(Default)]
struct Line<'row> {
    usage_type: Cow<'row, str>,
    amount: Cow<'row, str>,
    cost: Cow<'row, str>,
    kind: Cow<'row, str>,
    currency: Cow<'row, str>,
    resource: Cow<'row, str>,
    unit: Cow<'row, str>,
    /// Codes of the product, and names of the model, wherever the report has them.
    codes: Vec<Cow<'row, str>>,
    names: Vec<Cow<'row, str>>,
}

struct Columns([Option<usize>; COLUMNS.len()]);

impl Columns {
    fn of(header: &[String]) -> Result<Columns, ReconcileError> {
        let place = |name: &str| {
            header.iter().position(|column| {
                let column = column.trim_start_matches('\u{feff}').trim();
                // The older report writes `lineItem/UsageType`; its columns are the same.
                column == name || snake(column) == name
            })
        };
        let columns = COLUMNS.map(place);
        let missing = COLUMNS.iter().zip(columns).take(3).find(|(_, found)| found.is_none());
        match missing {
            Some((column, _)) => Err(ReconcileError::Column { column }),
            None => Ok(Columns(columns)),
        }
    }

    fn line<'row>(&self, row: &'row [String]) -> Line<'row> {
        let cell = |name: &str| {
            let at = COLUMNS.iter().zip(self.0).find(|(column, _)| **column == name).and_then(|(_, at)| at);
            Cow::Borrowed(at.and_then(|at| row.get(at)).map_or("", String::as_str))
        };
        Line::from_cells(&cell)
    }
}

/// `lineItem/UsageType` is `line_item_usage_type`.
fn snake(column: &str) -> String {
    let mut name = String::with_capacity(column.len() + 4);
    for character in column.chars() {
        if character == '/' {
            name.push('_');
            continue;
        }
        if character.is_ascii_uppercase() && !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        name.push(character.to_ascii_lowercase());
    }
    name
}

impl<'row> Line<'row> {
    fn from_json(row: &'row Value) -> Line<'row> {
        let cell = |name: &str| match row.get(name) {
            Some(Value::String(text)) => Cow::Borrowed(text.as_str()),
            None | Some(Value::Null) => Cow::Borrowed(""),
            Some(other) => Cow::Owned(other.to_string()),
        };
        Line::from_cells(&cell)
    }

    fn from_cells(cell: &dyn Fn(&str) -> Cow<'row, str>) -> Line<'row> {
        let mut names =
            vec![cell("product_model"), cell("product_servicename"), cell("product_product_name")];
        // CUR 2.0 gathers what it has no column for in a map.
        if let Ok(Value::Object(product)) = serde_json::from_str::<Value>(&cell("product")) {
            for name in ["model", "servicename", "product_name"] {
                names.extend(product.get(name).and_then(Value::as_str).map(|text| text.to_owned().into()));
            }
        }
        Line {
            usage_type: cell(USAGE_TYPE),
            amount: cell(AMOUNT),
            cost: cell(COST),
            kind: cell("line_item_line_item_type"),
            currency: cell("line_item_currency_code"),
            resource: cell("line_item_resource_id"),
            unit: cell("pricing_unit"),
            codes: vec![cell("line_item_product_code"), cell("product_servicecode")],
            names,
        }
    }

    /// Models sold through the marketplace have a code of their own and Bedrock in their name or resource.
    fn is_bedrocks(&self) -> bool {
        self.codes.iter().any(|code| code.starts_with("AmazonBedrock"))
            || self.names.iter().any(|name| name.contains("Bedrock"))
            || self.resource.contains(":bedrock:")
            || self.codes.iter().all(|code| code.is_empty())
    }

    /// `USE1-Guardrail-TopicPolicyUnitsConsumed`.
    fn is_guardrails(&self) -> bool {
        self.usage_type.contains("Guardrail") && self.usage_type.contains("PolicyUnits")
    }

    /// The resource says it best, then the product's names, then the usage type.
    fn model(&self, names: &Names, usage: &usage_type::UsageType) -> Option<String> {
        if let Some(id) = ModelId::parse(&self.resource)
            .ok()
            .filter(|id| self.resource.starts_with("arn:") && !id.base().is_empty())
        {
            return Some(id.base().to_owned());
        }
        let by_name = self.names.iter().map(|name| &**name).chain([usage.model.as_str()]);
        let found = by_name.filter(|name| !name.is_empty()).find_map(|name| names.find(name).ok());
        found.and_then(|ids| ids.into_iter().next()).or_else(|| usage.mantle.then(|| usage.model.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDS: &str = r#"
{"model_served":"us.amazon.nova-lite-v1:0","input_tokens":1000000,"output_tokens":200000,"cache_read_tokens":0,"cache_write_tokens":{"5m":0,"1h":0},"usage_source":"reported","cost_breakdown":{"input":"0.06","output":"0.048","cache_read":"0","cache_write":"0"},"request_id":"x"}
{"model_served":"amazon.nova-lite-v1:0","input_tokens":500000,"output_tokens":0,"cache_write_tokens":{"5m":0,"1h":0},"usage_source":"estimated","service_tier":"flex","cost_breakdown":{"input":"0.03","output":"0","cache_read":"0","cache_write":"0"}}
{"model_served":"global.anthropic.claude-opus-4-8","input_tokens":0,"output_tokens":0,"cache_read_tokens":100,"cache_write_tokens":{"5m":300000,"1h":0},"usage_source":"reported","cost_breakdown":{"input":"0","output":"0","cache_read":"0.00005","cache_write":"1.875"}}
{"model_served":"endpoint/one","input_tokens":7,"output_tokens":1,"cache_write_tokens":{"5m":0,"1h":0},"usage_source":"reported","cost_breakdown":null}
{"model_served":null,"input_tokens":0,"output_tokens":0,"cache_write_tokens":{"5m":0,"1h":0},"usage_source":"none","cost_breakdown":null}
{"model_base":"amazon.nova-lite-v1:0","input_tokens":0,"output_tokens":0,"service_tier":"default","guardrail_units":8,"cost_basis":"reported","cost_breakdown":{"input":"0","output":"0","cache_read":"0","cache_write":"0","guardrail":"0.0012","other":"0"}}
{"request_id":"x","kind":"feedback","score":1,"input_tokens":5}
{"model_served":"endpoint/two","input_tokens":7,"output_tokens":1,"cost_basis":"endpoint_share","cost_breakdown":null}
{"model_base":"amazon.nova-lite-v1:0","input_tokens":7,"output_tokens":1,"service_tier":"reserved","cost_basis":"valued","cost_breakdown":{"input":"1","output":"1","cache_read":"0","cache_write":"0","guardrail":"0","other":"0"}}
"#;

    const REPORT: &str = "line_item_line_item_type,line_item_usage_type,line_item_usage_amount,\
line_item_unblended_cost,line_item_product_code,pricing_unit,line_item_resource_id,product,line_item_currency_code\n\
Usage,USE1-NovaLite-input-tokens,1100,0.066,AmazonBedrock,1K tokens,arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0,,USD\n\
Usage,USE1-NovaLite-output-tokens,200,0.052,AmazonBedrock,1K tokens,,\"{\"\"model\"\":\"\"Nova Lite\"\"}\",USD\n\
Usage,USE1-NovaLite-input-tokens-flex,500,1.5E-2,AmazonBedrock,1K tokens,,,USD\n\
Usage,USE1-MP:USE1_CacheWriteInputTokenCount_Global-Units,0.1,0.625,7g37zhparap7,Units,,\"{\"\"product_name\"\":\"\"Claude Opus 4.8 (Amazon Bedrock Edition)\"\"}\",USD\n\
Usage,USE1-MP:USE1_CacheWrite1hInputTokenCount_Global-Units,0.2,2.0,7g37zhparap7,Units,,\"{\"\"product_name\"\":\"\"Claude Opus 4.8 (Amazon Bedrock Edition)\"\"}\",USD\n\
Usage,USE1-Guardrail-TopicPolicyUnitsConsumed,10,0.0015,AmazonBedrock,Units,,,USD\n\
Usage,USE1-KnowledgeBase-Parsing,3,0.0015,AmazonBedrock,Pages,,,USD\n\
Usage,USE1-BoxUsage,1,99,AmazonEC2,Hrs,,,USD\n\
Credit,USE1-NovaLite-input-tokens,0,-0.01,AmazonBedrock,,,,USD\n";

    fn run(records: &str, report: &str) -> Result<Reconciliation, ReconcileError> {
        reconcile(&PriceBook::shipped().unwrap(), &mut records.as_bytes(), &mut report.as_bytes())
    }

    fn row(outcome: &Reconciliation, model: &str, tier: Tier, class: Kind) -> Row {
        outcome.rows[&Key { model: model.to_owned(), tier, class }]
    }

    #[test]
    fn calls_that_brought_no_answer_are_compared_under_their_own_model() {
        let records = r#"{"model_base":"amazon.nova-micro-v1:0","input_tokens":1000,"usage_source":"reported","cost_breakdown":{"input":"0.1","output":"0","cache_read":"0","cache_write":"0"},"earlier_attempts":[{"model":"us.amazon.nova-lite-v1:0","model_base":"amazon.nova-lite-v1:0","status":0,"input_tokens":2000,"usage_source":"estimated","cost_breakdown":{"input":"0.2","output":"0","cache_read":"0","cache_write":"0","guardrail":"0","other":"0"}},{"model":"amazon.nova-pro-v1:0","model_base":"amazon.nova-pro-v1:0","status":503,"input_tokens":0,"usage_source":"none","cost_breakdown":null}]}"#;
        let outcome = run(records, REPORT).unwrap();
        let lite = row(&outcome, "amazon.nova-lite-v1:0", Tier::Standard, Kind::Input);
        assert_eq!((lite.recorded.tokens, lite.recorded.cost), (2_000, Nanos(200_000_000)));
        let micro = row(&outcome, "amazon.nova-micro-v1:0", Tier::Standard, Kind::Input);
        assert_eq!((micro.recorded.tokens, micro.recorded.cost), (1_000, Nanos(100_000_000)));
        assert_eq!((outcome.records, outcome.estimated_records, outcome.unpriced_records), (1, 1, 0));
    }

    #[test]
    fn a_difference_is_taken_apart_into_tokens_and_price() {
        let outcome = run(RECORDS, REPORT).unwrap();
        let nova = "amazon.nova-lite-v1:0";
        let input = row(&outcome, nova, Tier::Standard, Kind::Input);
        assert_eq!((input.recorded.tokens, input.billed.tokens), (1_000_000, 1_100_000));
        assert_eq!(
            (input.by_tokens(), input.by_price()),
            (Nanos(6_000_000), Nanos(0)),
            "more tokens, same price"
        );
        let output = row(&outcome, nova, Tier::Standard, Kind::Output);
        assert_eq!((output.by_tokens(), output.by_price()), (Nanos(0), Nanos(4_000_000)), "another price");
        let flex = row(&outcome, nova, Tier::Flex, Kind::Input);
        assert_eq!((flex.by_tokens(), flex.by_price()), (Nanos(0), Nanos(-15_000_000)), "priced as standard");
        let write = row(&outcome, "anthropic.claude-opus-4-8", Tier::Standard, Kind::CacheWrite);
        assert_eq!((write.recorded.tokens, write.billed.tokens), (300_000, 300_000));
        assert_eq!((write.recorded.hour_tokens, write.billed.hour_tokens), (0, 200_000));
        assert_eq!((write.by_tokens(), write.by_price()), (Nanos(0), Nanos(750_000_000)));
        let read = row(&outcome, "anthropic.claude-opus-4-8", Tier::Standard, Kind::CacheRead);
        assert_eq!((read.difference(), read.billed.tokens), (Nanos(-50_000), 0));
        let guardrails = row(&outcome, GUARDRAILS, Tier::Standard, Kind::Guardrail);
        assert_eq!((guardrails.recorded.tokens, guardrails.billed.tokens), (8, 10));
        assert_eq!((guardrails.by_tokens(), guardrails.by_price()), (Nanos(300_000), Nanos(0)));
        assert_eq!((outcome.records, outcome.unpriced_records, outcome.estimated_records), (8, 1, 1));
        assert_eq!(outcome.records_by_the_hour, 2);
        assert_eq!(outcome.records_without_tier, 3);
        assert_eq!(outcome.unjoined_cost, Nanos(1_500_000));
        assert_eq!(outcome.apart, BTreeMap::from([("Credit".to_owned(), Nanos(-10_000_000))]));
        assert_eq!(outcome.recorded().to_string(), "2.014250000");
        assert_eq!(outcome.billed().to_string(), "2.759500000");
        assert_eq!(outcome.drift_per_100k(), Some(27_006));
    }

    #[test]
    fn the_largest_difference_is_explained_first() {
        let told = run(RECORDS, REPORT).unwrap().explanations();
        assert_eq!(
            told.first().map(String::as_str),
            Some(
                "anthropic.claude-opus-4-8 default cache_write: 0.750000000 USD, of it 0.000000000 for 0 tokens and \
                 0.750000000 for the price; one-hour writes: 0 recorded, 200000 billed"
            )
        );
        assert!(
            told.iter().any(|line| line.ends_with("cache_read: recorded 0.000050000 USD, nothing billed"))
        );
        assert!(told.iter().any(|line| line.starts_with("3 record(s) do not say which tier")));
        assert!(told.iter().any(|line| line.starts_with("0.001500000 USD are billed for lines")));
    }

    #[test]
    fn a_report_in_json_says_the_same() {
        let rows: Vec<Value> = {
            let mut reader = REPORT.as_bytes();
            let mut reader = csv::Reader::new(&mut reader);
            let header = reader.row().unwrap().unwrap();
            let mut rows = Vec::new();
            while let Some(row) = reader.row().unwrap() {
                let members = header.iter().cloned().zip(row.into_iter().map(Value::from));
                rows.push(Value::Object(members.collect()));
            }
            rows
        };
        let expected = run(RECORDS, REPORT).unwrap();
        assert_eq!(run(RECORDS, &Value::Array(rows.clone()).to_string()).unwrap(), expected);
        let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
        assert_eq!(run(RECORDS, &lines).unwrap(), expected);
        let legacy = REPORT.replacen("line_item_usage_type", "lineItem/UsageType", 1);
        assert_eq!(run(RECORDS, &legacy).unwrap(), expected);
    }

    #[test]
    fn files_of_another_shape_are_refused() {
        let header = "line_item_usage_type,line_item_usage_amount,line_item_unblended_cost,line_item_currency_code,pricing_unit\n";
        for (records, report, what) in [
            ("not json", REPORT.to_owned(), "line 1 is no record"),
            ("{}\n[1]", REPORT.to_owned(), "line 2 is no record"),
            ("", String::new(), "no column line_item_usage_type"),
            ("", "a,b\n1,2\n".to_owned(), "no column line_item_usage_type"),
            ("", "[1".to_owned(), "line 1 is no record"),
            ("", "{\"a\"".to_owned(), "line 1 is no record"),
            (
                "",
                format!("{header}NovaLite-input-tokens,1,much,USD,1K tokens\n"),
                "row 1: line_item_unblended_cost",
            ),
            (
                "",
                format!("{header}NovaLite-input-tokens,x,1,USD,1K tokens\n"),
                "row 1: line_item_usage_amount",
            ),
            ("", format!("{header}NovaLite-input-tokens,1,1,EUR,1K tokens\n"), "in EUR"),
            ("", format!("{header}\"open"), "quote"),
        ] {
            let error = run(records, &report).unwrap_err().to_string();
            assert!(error.contains(what), "{error} / {what}");
        }
        assert_eq!(run("", header).unwrap(), Reconciliation::default());
        assert_eq!(run("", header).unwrap().drift_per_100k(), None);
    }

    #[test]
    fn a_line_without_end_is_not_read_whole() {
        let long = "x".repeat(LINE_BYTES_MAX as usize + 1);
        assert!(matches!(run(&long, REPORT), Err(ReconcileError::Line { line: 1 })));
        assert!(matches!(run("", &long), Err(ReconcileError::Csv(CsvError::TooLong { .. }))));
    }

    #[test]
    fn what_was_recorded_nowhere_is_a_matter_of_tokens() {
        let row = Row { billed: Side { tokens: 5, cost: Nanos(9), ..Side::default() }, ..Row::default() };
        assert_eq!((row.by_tokens(), row.by_price()), (Nanos(9), Nanos(0)));
        let row = Row { recorded: Side { tokens: 5, ..Side::default() }, ..row };
        assert_eq!((row.by_tokens(), row.by_price()), (Nanos(0), Nanos(9)));
    }
}
