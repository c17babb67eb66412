//! The price book: what a million tokens of each class cost, per model, scope and tier, read from JSON.
//!
//! A cell that is not listed has no price. Nothing is multiplied up from a neighbouring scope or tier, as
//! the published exceptions make any such rule wrong for some model; the caller decides what an unpriced
//! call is. Only a cache class missing from a listed row is filled, see [`Rates`].

use std::collections::HashMap;

use hardpan_inference::model_id::ModelId;
use hardpan_inference::usage::Tokens;
use serde::Deserialize;

use crate::money::{InvalidUsd, NanoUsd};

/// Largest price book that is read.
pub const PRICE_BOOK_BYTES_MAX: usize = 4 * 1024 * 1024;

const SCHEMA: &str = "hardpan_prices/1";
const SHIPPED: &str = include_str!("../data/prices.json");

/// Prices as they were on one day.
#[derive(Debug, Clone)]
pub struct PriceBook {
    as_of: String,
    source: String,
    models: HashMap<String, HashMap<Scope, ScopePrices>>,
}

#[derive(Debug, thiserror::Error)]
pub enum PriceBookError {
    #[error("the price book is larger than {} bytes", PRICE_BOOK_BYTES_MAX)]
    TooLarge,
    #[error("the price book is not JSON of the expected shape: {0}")]
    Shape(#[from] serde_json::Error),
    #[error("the price book has schema {found:?}; this version reads {:?}", SCHEMA)]
    Schema { found: String },
    #[error("{model}, {scope}: no such scope")]
    Scope { model: String, scope: String },
    #[error("{model}, {scope}: {source}")]
    Rate { model: String, scope: String, source: InvalidUsd },
    #[error("{model}, {scope}: a row is two to five figures, the first two (input, output) not null")]
    Row { model: String, scope: String },
}

impl PriceBook {
    /// The book inside this binary.
    pub fn shipped() -> Result<PriceBook, PriceBookError> {
        PriceBook::parse(SHIPPED)
    }

    pub fn parse(json: &str) -> Result<PriceBook, PriceBookError> {
        if json.len() > PRICE_BOOK_BYTES_MAX {
            return Err(PriceBookError::TooLarge);
        }
        let written: WrittenBook = serde_json::from_str(json)?;
        if written.schema != SCHEMA {
            return Err(PriceBookError::Schema { found: written.schema.chars().take(64).collect() });
        }
        let mut models = HashMap::with_capacity(written.models.len());
        for (model, scopes) in written.models {
            let mut prices = HashMap::with_capacity(scopes.len());
            for (scope, row) in scopes {
                let Some(key) = Scope::from_name(&scope) else {
                    return Err(PriceBookError::Scope { model, scope });
                };
                let row = ScopePrices::from_written(&row).map_err(|fault| fault.at(&model, &scope))?;
                prices.insert(key, row);
            }
            models.insert(model, prices);
        }
        Ok(PriceBook { as_of: written.as_of, source: written.source, models })
    }

    /// The day these prices were taken, `2026-11-13`.
    pub fn as_of(&self) -> &str {
        &self.as_of
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    /// Base ids of all models with a price, in no order. A closed set, fit for metric labels.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.models.keys().map(String::as_str)
    }

    /// Whether the base model has a price in any scope.
    pub fn knows(&self, model: &ModelId) -> bool {
        self.models.contains_key(model.base())
    }

    /// The price of a call by this id. `None` for an unknown model, scope or tier: never priced at zero. The
    /// region is the ARN's, where the id is one.
    pub fn price(&self, model: &ModelId, tier: Tier) -> Option<&Price> {
        self.find(model, tier, model.region())
    }

    /// The same for a call sent to a known region: some in-region figures differ by region.
    pub fn price_in(&self, model: &ModelId, tier: Tier, region: &str) -> Option<&Price> {
        self.find(model, tier, model.region().or(Some(region)))
    }

    fn find(&self, model: &ModelId, tier: Tier, region: Option<&str>) -> Option<&Price> {
        let scopes = self.models.get(model.base())?;
        let cell = |scope: &Scope| scopes.get(scope).and_then(|prices| prices.tier(tier));
        match model.scope() {
            Some("global") => cell(&Scope::Global),
            Some(prefix) => cell(&Scope::Geographic(prefix.to_owned())),
            None => region
                .and_then(|region| cell(&Scope::Region(region.to_owned())))
                .or_else(|| cell(&Scope::InRegion)),
        }
    }
}

/// The service tier a call was made in. The one really used is in the answer: bill by that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tier {
    Standard,
    Priority,
    Flex,
    /// Capacity bought ahead has no price per token; its calls are valued at the standard rate, so that they
    /// still count against a budget.
    Reserved,
    Batch,
}

impl Tier {
    /// Reads the service's names; `batch` is ours, as a batch job has no tier.
    pub fn from_name(name: &str) -> Option<Tier> {
        match name {
            "default" => Some(Tier::Standard),
            "priority" => Some(Tier::Priority),
            "flex" => Some(Tier::Flex),
            "reserved" => Some(Tier::Reserved),
            "batch" => Some(Tier::Batch),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Tier::Standard => "default",
            Tier::Priority => "priority",
            Tier::Flex => "flex",
            Tier::Reserved => "reserved",
            Tier::Batch => "batch",
        }
    }
}

/// One cell of the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    pub rates: Rates,
    /// Rates of a prompt above a size, where the model has such a step.
    pub long_context: Option<LongContext>,
}

impl Price {
    /// The rates for a prompt of this many tokens, cached ones included.
    pub fn rates_for(&self, prompt: Tokens) -> &Rates {
        match &self.long_context {
            Some(step) if prompt.0 > step.above_input_tokens => &step.rates,
            _ => &self.rates,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LongContext {
    pub above_input_tokens: u64,
    pub rates: Rates,
}

/// Nano-dollars per 1,000,000 tokens. A cache class the row does not list is charged as plain input, except
/// that a missing one-hour write beside a listed five-minute write is twice input (AWS's general multiple):
/// what a service counts is never free by omission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write_5m: u64,
    pub cache_write_1h: u64,
}

impl Rates {
    fn from_written(figures: &[Option<String>]) -> Result<Rates, Fault> {
        if !(2..=5).contains(&figures.len()) {
            return Err(Fault::Row);
        }
        let figure = |class: usize| -> Result<Option<u64>, Fault> {
            match figures.get(class) {
                Some(Some(text)) => Ok(Some(text.parse::<NanoUsd>().map_err(Fault::Rate)?.0)),
                _ => Ok(None),
            }
        };
        let input = figure(0)?.ok_or(Fault::Row)?;
        let output = figure(1)?.ok_or(Fault::Row)?;
        let cache_read = figure(2)?.unwrap_or(input);
        let write_5m = figure(3)?;
        let write_1h = figure(4)?.unwrap_or(if write_5m.is_some() { input.saturating_mul(2) } else { input });
        Ok(Rates {
            input,
            output,
            cache_read,
            cache_write_5m: write_5m.unwrap_or(input),
            cache_write_1h: write_1h,
        })
    }
}

/// Where a call may be served, as its id says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Scope {
    /// A bare id.
    InRegion,
    /// A bare id in a region with its own figures.
    Region(String),
    /// A geographic profile, by its prefix.
    Geographic(String),
    Global,
}

impl Scope {
    fn from_name(name: &str) -> Option<Scope> {
        match (name, name.split_once(':')) {
            ("in_region", _) => Some(Scope::InRegion),
            ("global", _) => Some(Scope::Global),
            (_, Some(("geo", prefix))) if !prefix.is_empty() => Some(Scope::Geographic(prefix.to_owned())),
            (_, Some(("region", region))) if !region.is_empty() => Some(Scope::Region(region.to_owned())),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Default)]
struct ScopePrices {
    standard: Option<Price>,
    priority: Option<Price>,
    flex: Option<Price>,
    batch: Option<Price>,
}

impl ScopePrices {
    fn tier(&self, tier: Tier) -> Option<&Price> {
        match tier {
            Tier::Standard | Tier::Reserved => self.standard.as_ref(),
            Tier::Priority => self.priority.as_ref(),
            Tier::Flex => self.flex.as_ref(),
            Tier::Batch => self.batch.as_ref(),
        }
    }

    fn from_written(row: &WrittenScope) -> Result<ScopePrices, Fault> {
        let long_context = match &row.long_context {
            Some(step) => Some(LongContext {
                above_input_tokens: step.above_input_tokens,
                rates: Rates::from_written(&step.standard)?,
            }),
            None => None,
        };
        let cell = |figures: &Option<Vec<Option<String>>>, long_context: Option<LongContext>| match figures {
            Some(figures) => Rates::from_written(figures).map(|rates| Some(Price { rates, long_context })),
            None => Ok(None),
        };
        Ok(ScopePrices {
            standard: cell(&row.standard, long_context)?,
            priority: cell(&row.priority, None)?,
            flex: cell(&row.flex, None)?,
            batch: cell(&row.batch, None)?,
        })
    }
}

/// What is wrong with a row, before its place is known.
enum Fault {
    Row,
    Rate(InvalidUsd),
}

impl Fault {
    fn at(self, model: &str, scope: &str) -> PriceBookError {
        let (model, scope) = (model.to_owned(), scope.to_owned());
        match self {
            Fault::Row => PriceBookError::Row { model, scope },
            Fault::Rate(source) => PriceBookError::Rate { model, scope, source },
        }
    }
}

/// The file as written. Figures are strings, so that a decimal is read exactly.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBook {
    schema: String,
    as_of: String,
    source: String,
    /// For the reader of the file; the schema fixes it.
    #[serde(rename = "unit")]
    _unit: String,
    models: HashMap<String, HashMap<String, WrittenScope>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenScope {
    standard: Option<Vec<Option<String>>>,
    priority: Option<Vec<Option<String>>>,
    flex: Option<Vec<Option<String>>>,
    batch: Option<Vec<Option<String>>>,
    long_context: Option<WrittenLongContext>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLongContext {
    above_input_tokens: u64,
    standard: Vec<Option<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(id: &str) -> ModelId {
        ModelId::parse(id).unwrap()
    }

    fn book(models: &str) -> Result<PriceBook, PriceBookError> {
        PriceBook::parse(&format!(
            r#"{{"schema":"hardpan_prices/1","as_of":"2026-01-01","source":"","unit":"","models":{models}}}"#
        ))
    }

    /// Input and output in USD per million tokens.
    fn in_and_out(price: Option<&Price>) -> Option<(String, String)> {
        price.map(|price| (NanoUsd(price.rates.input).to_string(), NanoUsd(price.rates.output).to_string()))
    }

    #[test]
    fn the_shipped_book_carries_the_published_figures() {
        let book = PriceBook::shipped().unwrap();
        assert_eq!(book.as_of(), "2026-11-13");
        assert!(!book.source().is_empty());
        for (id, tier, input, output) in [
            ("global.anthropic.claude-opus-4-5-20251101-v1:0", Tier::Standard, "5", "25"),
            ("anthropic.claude-opus-4-5-20251101-v1:0", Tier::Standard, "5.5", "27.5"),
            ("us.anthropic.claude-opus-4-5-20251101-v1:0", Tier::Standard, "5.5", "27.5"),
            ("global.anthropic.claude-opus-5-5", Tier::Standard, "4", "20"),
            ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", Tier::Standard, "3", "15"),
            ("anthropic.claude-sonnet-4-5-20250929-v1:0", Tier::Standard, "3.3", "16.5"),
            ("global.anthropic.claude-sonnet-5-5", Tier::Standard, "2", "10"),
            ("global.anthropic.claude-haiku-4-5-20251001-v1:0", Tier::Standard, "1", "5"),
            ("global.anthropic.claude-haiku-4-5-20251001-v1:0", Tier::Batch, "0.5", "2.5"),
            ("global.anthropic.claude-haiku-5-5", Tier::Standard, "0.1", "0.5"),
            ("global.anthropic.claude-fable-5", Tier::Standard, "10", "50"),
            ("us.anthropic.claude-sonnet-4-20250514-v1:0", Tier::Standard, "3", "15"),
            ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", Tier::Standard, "3", "15"),
            ("anthropic.claude-3-5-sonnet-20240620-v1:0", Tier::Standard, "3", "15"),
            ("anthropic.claude-3-haiku-20240307-v1:0", Tier::Standard, "0.25", "1.25"),
            ("amazon.nova-micro-v1:0", Tier::Standard, "0.035", "0.14"),
            ("amazon.nova-lite-v1:0", Tier::Standard, "0.06", "0.24"),
            ("eu.amazon.nova-lite-v1:0", Tier::Standard, "0.078", "0.312"),
            ("us.amazon.nova-pro-v1:0", Tier::Standard, "0.8", "3.2"),
            ("us.amazon.nova-pro-v1:0", Tier::Flex, "0.4", "1.6"),
            ("us.amazon.nova-pro-v1:0", Tier::Priority, "1.4", "5.6"),
            ("us.amazon.nova-pro-v1:0", Tier::Reserved, "0.8", "3.2"),
            ("global.amazon.nova-2-lite-v1:0", Tier::Standard, "0.3", "2.5"),
            ("openai.gpt-oss-120b-1:0", Tier::Standard, "0.15", "0.6"),
            ("openai.gpt-oss-20b-1:0", Tier::Standard, "0.07", "0.3"),
            ("deepseek.v3.2", Tier::Standard, "0.62", "1.85"),
            ("us.meta.llama4-maverick-17b-instruct-v1:0", Tier::Standard, "0.24", "0.97"),
            ("qwen.qwen3-32b-v1:0", Tier::Standard, "0.15", "0.6"),
            ("amazon.titan-embed-text-v2:0", Tier::Standard, "0.02", "0"),
            ("cohere.embed-v4:0", Tier::Standard, "0.12", "0"),
        ] {
            assert_eq!(
                in_and_out(book.price(&model(id), tier)),
                Some((input.to_owned(), output.to_owned())),
                "{id} {tier:?}"
            );
        }
    }

    #[test]
    fn unknown_models_scopes_and_tiers_have_no_price() {
        let book = PriceBook::shipped().unwrap();
        for (id, tier) in [
            ("anthropic.claude-unheard-of-9", Tier::Standard),
            ("global.amazon.nova-lite-v1:0", Tier::Standard),
            ("amazon.nova-micro-v1:0", Tier::Priority),
            ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcd1234", Tier::Standard),
            ("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abcd1234", Tier::Standard),
        ] {
            assert_eq!(book.price(&model(id), tier), None, "{id} {tier:?}");
        }
        assert!(book.knows(&model("global.amazon.nova-lite-v1:0")));
        assert!(!book.knows(&model("anthropic.claude-unheard-of-9")));
    }

    #[test]
    fn no_chat_model_of_the_shipped_book_is_free() {
        let book = PriceBook::shipped().unwrap();
        for (id, scopes) in &book.models {
            for prices in scopes.values() {
                for price in
                    [&prices.standard, &prices.priority, &prices.flex, &prices.batch].into_iter().flatten()
                {
                    let rates = &price.rates;
                    assert!(rates.input > 0 && rates.cache_read > 0, "{id}");
                    assert!(rates.output > 0 || id.contains("embed"), "{id}");
                    assert!(rates.cache_write_5m >= rates.input, "{id}");
                    assert!(rates.cache_write_1h >= rates.cache_write_5m, "{id}");
                }
            }
        }
        assert!(book.models().count() > 60);
    }

    #[test]
    fn an_in_region_call_takes_the_regions_own_figure_where_there_is_one() {
        let book = PriceBook::shipped().unwrap();
        let lite = model("amazon.nova-lite-v1:0");
        let input = |price: Option<&Price>| price.map(|price| NanoUsd(price.rates.input).to_string());
        assert_eq!(input(book.price_in(&lite, Tier::Standard, "us-gov-west-1")).as_deref(), Some("0.072"));
        assert_eq!(input(book.price_in(&lite, Tier::Standard, "us-east-1")).as_deref(), Some("0.06"));
        // A profile's price does not depend on where it is called from, and an ARN's own region wins.
        let profile = model("us.amazon.nova-lite-v1:0");
        assert_eq!(input(book.price_in(&profile, Tier::Standard, "us-gov-west-1")).as_deref(), Some("0.06"));
        let arn = model("arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/amazon.nova-lite-v1:0");
        assert_eq!(input(book.price(&arn, Tier::Standard)).as_deref(), Some("0.072"));
        assert_eq!(input(book.price_in(&arn, Tier::Standard, "us-east-1")).as_deref(), Some("0.072"));
    }

    #[test]
    fn cache_classes_that_are_not_listed_are_charged_as_input() {
        let book = book(
            r#"{"a.b": {"in_region": {"standard": ["1", "2"], "flex": ["1", "2", null, "1.25"]},
                "global": {"standard": ["1", "2", "0.1", "1.25", "2"]}}}"#,
        )
        .unwrap();
        let caches = |id: &str, tier| {
            let rates = book.price(&model(id), tier).unwrap().rates;
            [rates.cache_read, rates.cache_write_5m, rates.cache_write_1h].map(|rate| rate / 10_000_000)
        };
        assert_eq!(caches("a.b", Tier::Standard), [100, 100, 100]);
        assert_eq!(caches("a.b", Tier::Flex), [100, 125, 200]);
        assert_eq!(caches("global.a.b", Tier::Standard), [10, 125, 200]);
    }

    #[test]
    fn a_broken_book_is_refused() {
        for (models, what) in [
            (r#"{"a.b": {"nowhere": {"standard": ["1", "2"]}}}"#, "scope"),
            (r#"{"a.b": {"geo:": {"standard": ["1", "2"]}}}"#, "scope"),
            (r#"{"a.b": {"global": {"standard": ["1"]}}}"#, "row"),
            (r#"{"a.b": {"global": {"standard": ["1", null]}}}"#, "row"),
            (r#"{"a.b": {"global": {"standard": ["1", "2", "3", "4", "5", "6"]}}}"#, "row"),
            (r#"{"a.b": {"global": {"standard": ["-1", "2"]}}}"#, "rate"),
            (r#"{"a.b": {"global": {"standard": ["1e9", "2"]}}}"#, "rate"),
            (r#"{"a.b": {"global": {"standard": [1, 2]}}}"#, "shape"),
            (r#"{"a.b": {"global": {"standart": ["1", "2"]}}}"#, "shape"),
        ] {
            let found = match book(models).unwrap_err() {
                PriceBookError::Scope { .. } => "scope",
                PriceBookError::Row { .. } => "row",
                PriceBookError::Rate { .. } => "rate",
                PriceBookError::Shape(_) => "shape",
                PriceBookError::Schema { .. } | PriceBookError::TooLarge => "other",
            };
            assert_eq!(found, what, "{models}");
        }
        assert!(matches!(
            PriceBook::parse(&" ".repeat(PRICE_BOOK_BYTES_MAX + 1)),
            Err(PriceBookError::TooLarge)
        ));
        let other = r#"{"schema":"x/2","as_of":"","source":"","unit":"","models":{}}"#;
        assert!(matches!(PriceBook::parse(other), Err(PriceBookError::Schema { .. })));
    }
}
