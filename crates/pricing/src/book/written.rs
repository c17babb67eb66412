//! The price book's file: its three schemas, and how a row of figures becomes a price. What is asked of the prices
//! afterwards is the parent module's.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::sources::WrittenSource;
use super::{LongContext, Meter, Price, PriceBookError, Rates, STEPS_MAX, Scope, ScopePrices, Tier};
use crate::money::{InvalidUsd, NanoUsd};
use crate::services::ServiceUnit;

/// Schemas that are read, the newest last. A book of an older one is one of the newest that uses less.
pub(super) const SCHEMAS: [&str; 3] = ["hardpan_prices/1", "hardpan_prices/2", SCHEMA];
const SCHEMA: &str = "hardpan_prices/3";

pub(crate) type Row = Vec<Option<String>>;

/// The file as written. Figures are strings, so that a decimal is read exactly.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenBook {
    /// Read and judged before the rest.
    #[serde(rename = "schema")]
    _schema: IgnoredAny,
    pub as_of: String,
    pub source: String,
    /// For the reader of the file; the schema fixes it.
    pub unit: String,
    /// What the rows name as stating their figures.
    #[serde(default)]
    pub sources: BTreeMap<String, WrittenSource>,
    #[serde(default)]
    pub services: BTreeMap<String, WrittenService>,
    pub models: BTreeMap<String, BTreeMap<String, WrittenScope>>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenService {
    pub usd: String,
    /// A name of the table, or words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WrittenScope {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard: Option<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flex: Option<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ultrafast: Option<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<Row>,
    #[serde(skip_serializing_if = "WrittenSteps::is_empty")]
    pub long_context: WrittenSteps,
    /// USD per million tokens, or each; see [`Meter`]. Standard tier.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub meters: BTreeMap<String, String>,
    /// USD for each picture made, by the form the service prices. Standard tier.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, String>,
    /// Names of the table, in the order of authority: a figure is by the first that states it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
}

/// One step as an object in the first schema, any number of them in the second.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum WrittenSteps {
    Many(Vec<WrittenStep>),
    One(Box<WrittenStep>),
}

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenStep {
    pub above_input_tokens: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard: Option<Row>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Row>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flex: Option<Row>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ultrafast: Option<Row>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<Row>,
}

impl WrittenBook {
    pub(super) fn parse(json: &str) -> Result<WrittenBook, PriceBookError> {
        /// Read first, so that a book of another schema is refused for that and not for its shape.
        #[derive(Deserialize)]
        struct Header {
            schema: String,
        }
        let Header { schema } = serde_json::from_str(json)?;
        if !SCHEMAS.contains(&schema.as_str()) {
            return Err(PriceBookError::Schema { found: schema.chars().take(64).collect() });
        }
        Ok(serde_json::from_str(json)?)
    }

    pub(super) fn prices(&self) -> Result<HashMap<String, HashMap<Scope, ScopePrices>>, PriceBookError> {
        let mut models = HashMap::with_capacity(self.models.len());
        for (model, scopes) in &self.models {
            let mut prices = HashMap::with_capacity(scopes.len());
            for (scope, row) in scopes {
                let Some(key) = Scope::from_name(scope) else {
                    return Err(PriceBookError::Scope { model: model.clone(), scope: scope.clone() });
                };
                let wider = key.wider().and_then(|wider| scopes.get(&wider.to_string()));
                let row = row.prices(wider).map_err(|fault| fault.at(model, scope))?;
                prices.insert(key, row);
            }
            models.insert(model.clone(), prices);
        }
        Ok(models)
    }

    pub(super) fn service_prices(&self) -> Result<BTreeMap<ServiceUnit, NanoUsd>, PriceBookError> {
        let price = |(name, service): (&String, &WrittenService)| {
            let unit = ServiceUnit::from_name(name);
            unit.zip(service.usd.parse().ok()).ok_or_else(|| PriceBookError::Service { name: name.clone() })
        };
        self.services.iter().map(price).collect()
    }

    /// A line for each scope, so that a change of one figure is a change of one line.
    pub(super) fn to_json(&self) -> Result<String, PriceBookError> {
        let text = |text: &str| serde_json::to_string(text);
        let mut json = String::new();
        let _ = write!(
            json,
            "{{\n \"schema\": {},\n \"as_of\": {},\n \"source\": {},\n \"unit\": {},\n",
            text(SCHEMA)?,
            text(&self.as_of)?,
            text(&self.source)?,
            text(&self.unit)?,
        );
        object(&mut json, "sources", &self.sources)?;
        object(&mut json, "services", &self.services)?;
        json.push_str(" \"models\": {");
        for (at, (model, scopes)) in self.models.iter().enumerate() {
            let _ = write!(json, "{}\n  {}: {{", if at > 0 { "," } else { "" }, text(model)?);
            for (at, (scope, row)) in scopes.iter().enumerate() {
                let comma = if at > 0 { "," } else { "" };
                let _ = write!(json, "{comma}\n   {}: {}", text(scope)?, serde_json::to_string(row)?);
            }
            json.push_str("\n  }");
        }
        json.push_str("\n }\n}\n");
        Ok(json)
    }
}

fn object<V: Serialize>(
    json: &mut String,
    name: &str,
    members: &BTreeMap<String, V>,
) -> Result<(), PriceBookError> {
    if members.is_empty() {
        return Ok(());
    }
    let _ = write!(json, " \"{name}\": {{");
    for (at, (key, value)) in members.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        let _ = write!(json, "{comma}\n  {}: {}", serde_json::to_string(key)?, serde_json::to_string(value)?);
    }
    json.push_str("\n },\n");
    Ok(())
}

impl WrittenScope {
    pub(crate) fn row(&self, tier: Tier) -> Option<&Row> {
        match tier {
            Tier::Standard | Tier::Reserved => self.standard.as_ref(),
            Tier::Priority => self.priority.as_ref(),
            Tier::Flex => self.flex.as_ref(),
            Tier::Ultrafast => self.ultrafast.as_ref(),
            Tier::Batch => self.batch.as_ref(),
        }
    }

    pub(crate) fn row_mut(&mut self, tier: Tier) -> &mut Option<Row> {
        match tier {
            Tier::Standard | Tier::Reserved => &mut self.standard,
            Tier::Priority => &mut self.priority,
            Tier::Flex => &mut self.flex,
            Tier::Ultrafast => &mut self.ultrafast,
            Tier::Batch => &mut self.batch,
        }
    }

    /// The row's prices, with the cache classes it does not list from the row it narrows.
    fn prices(&self, wider: Option<&WrittenScope>) -> Result<ScopePrices, Fault> {
        let steps = self.long_context.steps();
        let rise = steps.windows(2).all(|pair| match pair {
            [lower, upper] => lower.above_input_tokens < upper.above_input_tokens,
            _ => true,
        });
        let fits = |step: &WrittenStep| {
            let of_step = Tier::PRICED.into_iter().filter(|tier| step.row(*tier).is_some());
            of_step.clone().count() > 0 && of_step.into_iter().all(|tier| self.row(tier).is_some())
        };
        if !rise || steps.len() > STEPS_MAX || !steps.iter().all(fits) {
            return Err(Fault::Step);
        }
        if self.standard.is_none() && !(self.meters.is_empty() && self.images.is_empty()) {
            return Err(Fault::Row);
        }
        let mut prices = BTreeMap::new();
        for tier in Tier::PRICED {
            let Some(row) = self.row(tier) else { continue };
            let wider = wider.and_then(|wider| wider.row(tier));
            let mut price = Price::flat(Rates::from_written(row, wider)?);
            for step in steps {
                if let Some(row) = step.row(tier) {
                    let rates = Rates::from_written(row, None)?;
                    price.steps.push(LongContext { above_input_tokens: step.above_input_tokens, rates });
                }
            }
            if tier == Tier::Standard {
                for (name, usd) in &self.meters {
                    let meter = Meter::from_name(name).ok_or_else(|| Fault::Meter(name.clone()))?;
                    price.meters.insert(meter, usd.parse()?);
                }
                for (form, usd) in &self.images {
                    price.images.insert(form.clone(), usd.parse()?);
                }
            }
            prices.insert(tier, price);
        }
        Ok(ScopePrices(prices))
    }
}

impl WrittenStep {
    pub(crate) fn row(&self, tier: Tier) -> Option<&Row> {
        match tier {
            Tier::Standard | Tier::Reserved => self.standard.as_ref(),
            Tier::Priority => self.priority.as_ref(),
            Tier::Flex => self.flex.as_ref(),
            Tier::Ultrafast => self.ultrafast.as_ref(),
            Tier::Batch => self.batch.as_ref(),
        }
    }

    fn row_mut(&mut self, tier: Tier) -> &mut Option<Row> {
        match tier {
            Tier::Standard | Tier::Reserved => &mut self.standard,
            Tier::Priority => &mut self.priority,
            Tier::Flex => &mut self.flex,
            Tier::Ultrafast => &mut self.ultrafast,
            Tier::Batch => &mut self.batch,
        }
    }
}

impl Default for WrittenSteps {
    fn default() -> Self {
        WrittenSteps::Many(Vec::new())
    }
}

impl WrittenSteps {
    pub(crate) fn steps(&self) -> &[WrittenStep] {
        match self {
            WrittenSteps::Many(steps) => steps,
            WrittenSteps::One(step) => std::slice::from_ref(step),
        }
    }

    /// The row of a step, made where there is none.
    pub(crate) fn row_mut(&mut self, above_input_tokens: u64, tier: Tier) -> Option<&mut Option<Row>> {
        self.make(above_input_tokens);
        match self {
            WrittenSteps::Many(steps) => steps
                .iter_mut()
                .find(|step| step.above_input_tokens == above_input_tokens)
                .map(|step| step.row_mut(tier)),
            WrittenSteps::One(step) => Some(step.row_mut(tier)),
        }
    }

    fn make(&mut self, above_input_tokens: u64) {
        let mut steps = self.steps().to_vec();
        let at = steps.partition_point(|step| step.above_input_tokens < above_input_tokens);
        if steps.get(at).is_none_or(|step| step.above_input_tokens != above_input_tokens) {
            steps.insert(at, WrittenStep { above_input_tokens, ..WrittenStep::default() });
        }
        *self = WrittenSteps::Many(steps);
    }

    fn is_empty(&self) -> bool {
        self.steps().is_empty()
    }
}

impl Rates {
    fn from_written(row: &Row, wider: Option<&Row>) -> Result<Rates, Fault> {
        if !(2..=5).contains(&row.len()) {
            return Err(Fault::Row);
        }
        let figure = |row: &Row, class: usize| -> Result<Option<u64>, Fault> {
            match row.get(class) {
                Some(Some(text)) => Ok(Some(text.parse::<NanoUsd>()?.0)),
                _ => Ok(None),
            }
        };
        let input = figure(row, 0)?.ok_or(Fault::Row)?;
        let output = figure(row, 1)?.ok_or(Fault::Row)?;
        let cached = |class: usize| -> Result<Option<u64>, Fault> {
            if let Some(listed) = figure(row, class)? {
                return Ok(Some(listed));
            }
            let of_wider = wider.map(|wider| figure(wider, class)).transpose()?.flatten();
            // A write costs no less than reading the same anew.
            Ok(of_wider.map(|usd| if class == 2 { usd } else { usd.max(input) }))
        };
        let cache_read = cached(2)?.unwrap_or(input);
        let write_5m = cached(3)?;
        let write_1h = cached(4)?.unwrap_or(if write_5m.is_some() { input.saturating_mul(2) } else { input });
        Ok(Rates {
            input,
            output,
            cache_read,
            cache_write_5m: write_5m.unwrap_or(input),
            cache_write_1h: write_1h,
        })
    }
}

/// What is wrong with a row, before its place is known.
enum Fault {
    Row,
    Step,
    Meter(String),
    Rate(InvalidUsd),
}

impl From<InvalidUsd> for Fault {
    fn from(source: InvalidUsd) -> Fault {
        Fault::Rate(source)
    }
}

impl Fault {
    fn at(self, model: &str, scope: &str) -> PriceBookError {
        let (model, scope) = (model.to_owned(), scope.to_owned());
        match self {
            Fault::Row => PriceBookError::Row { model, scope },
            Fault::Step => PriceBookError::Step { model, scope },
            Fault::Meter(name) => PriceBookError::Meter { model, scope, name },
            Fault::Rate(source) => PriceBookError::Rate { model, scope, source },
        }
    }
}
