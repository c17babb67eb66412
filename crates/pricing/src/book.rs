//! The price book: what a million tokens of each class cost, per model, scope and tier; what pictures, speech and
//! queries cost beside them; and what services cost by the piece.
//!
//! A cell that is not listed has no price. Nothing is multiplied up from a neighbouring scope or tier, as
//! the published exceptions make any such rule wrong for some model; the caller decides what an unpriced
//! call is. Only a cache class missing from a listed row is filled, see [`Rates`].

mod figures;
mod sources;
mod written;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use hardpan_inference::model_id::ModelId;
use hardpan_inference::usage::{Picture, Tokens};

use crate::day::{Day, InvalidDay};
use crate::money::{InvalidUsd, NanoUsd};
use crate::services::ServiceUnit;
use written::WrittenBook;

pub use figures::{Cell, Class, Piece};
pub use sources::Source;

/// Largest price book that is read.
pub const PRICE_BOOK_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Days after which a book is called stale.
pub const PRICE_BOOK_FRESH_DAYS: i64 = 7;
/// Steps of one row; no model has more than one so far.
const STEPS_MAX: usize = 8;

const SHIPPED: &str = include_str!("../data/prices.json");

/// Prices as they were on one day.
#[derive(Debug, Clone)]
pub struct PriceBook {
    written: WrittenBook,
    day: Day,
    models: HashMap<String, HashMap<Scope, ScopePrices>>,
    services: BTreeMap<ServiceUnit, NanoUsd>,
}

#[derive(Debug, thiserror::Error)]
pub enum PriceBookError {
    #[error("the price book is larger than {} bytes", PRICE_BOOK_BYTES_MAX)]
    TooLarge,
    #[error("the price book is not JSON of the expected shape: {0}")]
    Shape(#[from] serde_json::Error),
    #[error("the price book has schema {found:?}; this version reads {}", written::SCHEMAS.join(" and "))]
    Schema { found: String },
    #[error("the price book's as_of: {0}")]
    AsOf(#[from] InvalidDay),
    #[error("{model}, {scope}: no such scope")]
    Scope { model: String, scope: String },
    #[error("{model}, {scope}: {source}")]
    Rate { model: String, scope: String, source: InvalidUsd },
    #[error("{model}, {scope}: a row is two to five figures, the first two (input, output) not null")]
    Row { model: String, scope: String },
    #[error(
        "{model}, {scope}: long-context steps rise, are at most 8, and have figures for a tier of the row"
    )]
    Step { model: String, scope: String },
    #[error("{model}, {scope}: {name:?} is nothing that is metered")]
    Meter { model: String, scope: String, name: String },
    #[error("services, {name:?}: no such service, or its usd is no amount")]
    Service { name: String },
    #[error("{model}, {scope}: names a source that the book does not describe, or more than 8")]
    Source { model: String, scope: String },
    #[error("sources, {id:?}: a date is written 2026-07-24, or 2026-07 where the day is not known")]
    SourceDate { id: String },
}

/// Why a call has no price. Never to be taken for a price of zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unpriced {
    #[error("the price book does not have the model")]
    Model,
    #[error("the price book has the model, and no price for where the call may be served")]
    Scope,
    #[error("the price book has the model there, and no price for the service tier")]
    Tier,
    #[error("the price book has no price for a kind of content the model counted apart from text")]
    Meter,
    #[error("the price book has no price for pictures of that form")]
    Image,
    #[error("the price book has no price for the service")]
    Service,
}

impl Unpriced {
    /// A closed set, fit for metric labels.
    pub fn code(self) -> &'static str {
        match self {
            Unpriced::Model => "model",
            Unpriced::Scope => "scope",
            Unpriced::Tier => "tier",
            Unpriced::Meter => "meter",
            Unpriced::Image => "image",
            Unpriced::Service => "service",
        }
    }
}

/// A price, and the cell it stands in.
#[derive(Debug, Clone, Copy)]
pub struct Quote<'book> {
    pub price: &'book Price,
    pub scope: &'book Scope,
    pub tier: Tier,
}

impl PriceBook {
    /// The book inside this binary.
    pub fn shipped() -> Result<PriceBook, PriceBookError> {
        PriceBook::parse(SHIPPED)
    }

    /// Reads a book of this schema or those before.
    pub fn parse(json: &str) -> Result<PriceBook, PriceBookError> {
        if json.len() > PRICE_BOOK_BYTES_MAX {
            return Err(PriceBookError::TooLarge);
        }
        PriceBook::from_written(WrittenBook::parse(json)?)
    }

    fn from_written(mut written: WrittenBook) -> Result<PriceBook, PriceBookError> {
        written.settle_sources()?;
        let day = Day::parse(&written.as_of)?;
        Ok(PriceBook { models: written.prices()?, services: written.service_prices()?, day, written })
    }

    fn written(&self) -> &WrittenBook {
        &self.written
    }

    /// The book as a file of the newest schema, rows and members in order, so that two books can be compared by line.
    pub fn to_json(&self) -> Result<String, PriceBookError> {
        self.written.to_json()
    }

    /// The day these prices were taken, `2026-11-13`.
    pub fn as_of(&self) -> &str {
        &self.written.as_of
    }

    pub fn day(&self) -> Day {
        self.day
    }

    /// Where the book as a whole is from; [`sources_of`](Self::sources_of) tells it of a row.
    pub fn source(&self) -> &str {
        &self.written.source
    }

    /// Whether the book is older than a week, or dated after today: a wrong date must not make a book look fresh.
    pub fn is_stale(&self, today: Day) -> bool {
        !(0..=PRICE_BOOK_FRESH_DAYS).contains(&today.days_since(self.day))
    }

    /// Base ids of all models with a price, in no order. A closed set, fit for metric labels.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.models.keys().map(String::as_str)
    }

    /// Whether the base model has a price in any scope.
    pub fn knows(&self, model: &ModelId) -> bool {
        self.models.contains_key(model.base())
    }

    /// The price of a call by this id, text being all it uses. `None` for an unknown model, scope or tier, and for a
    /// model that charges for more than text, whose cost [`quote`](Self::quote) and [`bill`](crate::bill) tell:
    /// never priced at zero. The region is the ARN's, where the id is one.
    pub fn price(&self, model: &ModelId, tier: Tier) -> Option<&Price> {
        let quote = self.find(model, tier, model.region()).ok()?;
        Some(quote.price).filter(|price| price.is_for_text_alone())
    }

    /// The same for a call sent to a known region: some in-region figures differ by region.
    pub fn price_in(&self, model: &ModelId, tier: Tier, region: &str) -> Option<&Price> {
        let quote = self.quote(model, tier, region).ok()?;
        Some(quote.price).filter(|price| price.is_for_text_alone())
    }

    /// The same, with the cell it was found in, or why there is none.
    pub fn quote(&self, model: &ModelId, tier: Tier, region: &str) -> Result<Quote<'_>, Unpriced> {
        self.find(model, tier, model.region().or(Some(region)))
    }

    /// What a piece of a service costs.
    pub fn service(&self, unit: ServiceUnit) -> Option<NanoUsd> {
        self.services.get(&unit).copied()
    }

    fn find(&self, model: &ModelId, tier: Tier, region: Option<&str>) -> Result<Quote<'_>, Unpriced> {
        let scopes = self.models.get(model.base()).ok_or(Unpriced::Model)?;
        let candidates = match model.scope() {
            Some("global") => [region.map(from_region(Scope::GlobalFrom)), Some(Scope::Global)],
            Some(prefix) => {
                let from = |region| Scope::GeographicFrom(prefix.to_owned(), region);
                [region.map(from_region(from)), Some(Scope::Geographic(prefix.to_owned()))]
            }
            None => [region.map(from_region(Scope::Region)), Some(Scope::InRegion)],
        };
        let mut is_served = false;
        for scope in candidates.into_iter().flatten() {
            let Some((scope, prices)) = scopes.get_key_value(&scope) else { continue };
            is_served = true;
            if let Some(price) = prices.tier(tier) {
                return Ok(Quote { price, scope, tier });
            }
        }
        Err(if is_served { Unpriced::Tier } else { Unpriced::Scope })
    }
}

fn from_region(scope: impl FnOnce(String) -> Scope) -> impl FnOnce(&str) -> Scope {
    |region| scope(region.to_owned())
}

/// The service tier a call was made in. The one really used is in the answer: bill by that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    Standard,
    Priority,
    Flex,
    Ultrafast,
    /// Capacity bought ahead has no price per token; its calls are valued at the standard rate, so that they
    /// still count against a budget.
    Reserved,
    Batch,
}

impl Tier {
    /// Tiers that have figures of their own.
    pub const PRICED: [Tier; 5] = [Tier::Standard, Tier::Priority, Tier::Flex, Tier::Ultrafast, Tier::Batch];

    /// Reads the service's names; `batch` is ours, as a batch job has no tier.
    pub fn from_name(name: &str) -> Option<Tier> {
        match name {
            // Anthropic's bodies say `standard`.
            "default" | "standard" => Some(Tier::Standard),
            "priority" => Some(Tier::Priority),
            "flex" => Some(Tier::Flex),
            "ultrafast" => Some(Tier::Ultrafast),
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
            Tier::Ultrafast => "ultrafast",
            Tier::Reserved => "reserved",
            Tier::Batch => "batch",
        }
    }
}

/// One cell of the book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    pub rates: Rates,
    /// Rates of a prompt above a size, by rising size, where the model has such steps.
    pub steps: Vec<LongContext>,
    /// Nano-dollars per million tokens of speech, per picture, per query.
    pub meters: BTreeMap<Meter, NanoUsd>,
    /// Nano-dollars per picture made, by the form the service prices: `1024x1024/standard` is any picture of that
    /// quality with no more pixels, `1024x1024` one of any quality, `any` every picture.
    pub images: BTreeMap<String, NanoUsd>,
}

impl Price {
    /// A price of text alone, the same for every size of prompt.
    pub fn flat(rates: Rates) -> Price {
        Price { rates, steps: Vec::new(), meters: BTreeMap::new(), images: BTreeMap::new() }
    }

    /// Whether nothing but text is charged for: else text's tokens tell a part of the cost.
    pub fn is_for_text_alone(&self) -> bool {
        self.meters.is_empty() && self.images.is_empty()
    }

    /// The form a picture is priced as: of those it fits, the smallest. `None` where the book has none.
    pub fn form_of(&self, picture: Picture) -> Option<&str> {
        let pixels = u128::from(picture.width) * u128::from(picture.height);
        let quality = if picture.is_premium { "premium" } else { "standard" };
        let fits = |form: &str| -> Option<u128> {
            if form == "any" {
                return Some(u128::MAX);
            }
            let (size, own) = form.split_once('/').unwrap_or((form, quality));
            let (width, height) = size.split_once('x')?;
            let most = u128::from(width.parse::<u64>().ok()?) * u128::from(height.parse::<u64>().ok()?);
            (own == quality && pixels <= most).then_some(most)
        };
        let forms = self.images.keys().filter_map(|form| Some((fits(form)?, form)));
        forms.min_by_key(|(most, _)| *most).map(|(_, form)| form.as_str())
    }

    /// The rates for a prompt of this many tokens, cached ones included.
    pub fn rates_for(&self, prompt: Tokens) -> &Rates {
        let reached = self.steps.iter().rev().find(|step| prompt.0 > step.above_input_tokens);
        reached.map_or(&self.rates, |step| &step.rates)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LongContext {
    pub above_input_tokens: u64,
    pub rates: Rates,
}

/// Content that is counted apart from text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Meter {
    /// Tokens of speech heard, priced per million.
    AudioInput,
    /// Tokens of speech spoken, priced per million.
    AudioOutput,
    /// Tokens of pictures read, priced per million, where a model prices them apart.
    ImageTokens,
    /// Pictures read, priced each.
    ImageInput,
    /// Pictures read as pages of documents, in finer detail, priced each.
    DocumentInput,
    /// Sound and video read, each: by the second, so that no public figure fits one.
    ClipInput,
    /// Queries of a reranking, priced each (Bedrock: up to 100 documents a query).
    Query,
}

impl Meter {
    pub const ALL: [Meter; 7] = [
        Meter::AudioInput,
        Meter::AudioOutput,
        Meter::ImageTokens,
        Meter::ImageInput,
        Meter::DocumentInput,
        Meter::ClipInput,
        Meter::Query,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Meter::AudioInput => "audio_input",
            Meter::AudioOutput => "audio_output",
            Meter::ImageTokens => "image_tokens",
            Meter::ImageInput => "image_input",
            Meter::DocumentInput => "document_input",
            Meter::ClipInput => "clip_input",
            Meter::Query => "query",
        }
    }

    pub fn from_name(name: &str) -> Option<Meter> {
        Self::ALL.into_iter().find(|meter| meter.name() == name)
    }

    /// Whether its figure is for a million, as tokens' are.
    pub fn is_per_million(self) -> bool {
        matches!(self, Meter::AudioInput | Meter::AudioOutput | Meter::ImageTokens)
    }
}

/// Nano-dollars per 1,000,000 tokens. A cache class the row does not list is that of the row it narrows, where it is one
/// for a single region; else it is charged as plain input, except that a missing one-hour write beside a listed
/// five-minute write is twice input (AWS's general multiple): what a service counts is never free by omission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write_5m: u64,
    pub cache_write_1h: u64,
}

/// Where a call may be served, as its id says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// A bare id.
    InRegion,
    /// A bare id in a region with its own figures.
    Region(String),
    /// A geographic profile, by its prefix.
    Geographic(String),
    /// The same called from a region with its own figures.
    GeographicFrom(String, String),
    Global,
    /// The same called from a region with its own figures.
    GlobalFrom(String),
}

impl Scope {
    pub fn from_name(name: &str) -> Option<Scope> {
        let (profile, from) = name.split_once('@').map_or((name, None), |(name, from)| (name, Some(from)));
        let from = from.map(str::to_owned);
        if from.as_ref().is_some_and(String::is_empty) {
            return None;
        }
        match (profile, profile.split_once(':'), from) {
            ("in_region", _, None) => Some(Scope::InRegion),
            ("global", _, None) => Some(Scope::Global),
            ("global", _, Some(from)) => Some(Scope::GlobalFrom(from)),
            (_, Some((_, "")), _) => None,
            (_, Some(("geo", prefix)), None) => Some(Scope::Geographic(prefix.to_owned())),
            (_, Some(("geo", prefix)), Some(from)) => Some(Scope::GeographicFrom(prefix.to_owned(), from)),
            (_, Some(("region", region)), None) => Some(Scope::Region(region.to_owned())),
            _ => None,
        }
    }

    /// The scope that one for a single region narrows.
    pub fn wider(&self) -> Option<Scope> {
        match self {
            Scope::Region(_) => Some(Scope::InRegion),
            Scope::GeographicFrom(prefix, _) => Some(Scope::Geographic(prefix.clone())),
            Scope::GlobalFrom(_) => Some(Scope::Global),
            Scope::InRegion | Scope::Geographic(_) | Scope::Global => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::InRegion => formatter.write_str("in_region"),
            Scope::Region(region) => write!(formatter, "region:{region}"),
            Scope::Geographic(prefix) => write!(formatter, "geo:{prefix}"),
            Scope::GeographicFrom(prefix, region) => write!(formatter, "geo:{prefix}@{region}"),
            Scope::Global => formatter.write_str("global"),
            Scope::GlobalFrom(region) => write!(formatter, "global@{region}"),
        }
    }
}

#[derive(Debug, Clone, Default)]
struct ScopePrices(BTreeMap<Tier, Price>);

impl ScopePrices {
    fn tier(&self, tier: Tier) -> Option<&Price> {
        self.0.get(if tier == Tier::Reserved { &Tier::Standard } else { &tier })
    }
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
            for price in scopes.values().flat_map(|prices| prices.0.values()) {
                let rates = &price.rates;
                let is_by_the_piece = !price.is_for_text_alone();
                assert!(rates.input > 0 && rates.cache_read > 0 || is_by_the_piece, "{id}");
                assert!(rates.output > 0 || id.contains("embed") || is_by_the_piece, "{id}");
                assert!(rates.cache_write_5m >= rates.input, "{id}");
                assert!(rates.cache_write_1h >= rates.cache_write_5m, "{id}");
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
        assert_eq!(input(book.price_in(&lite, Tier::Standard, "eu-central-1")).as_deref(), Some("0.078"));
        assert_eq!(input(book.price_in(&lite, Tier::Standard, "xx-test-1")).as_deref(), Some("0.06"));
        // So does a profile, where it is called from; and an ARN's own region wins.
        let profile = model("us.amazon.nova-lite-v1:0");
        assert_eq!(input(book.price_in(&profile, Tier::Standard, "us-gov-west-1")).as_deref(), Some("0.06"));
        let arn = model("arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/amazon.nova-lite-v1:0");
        assert_eq!(input(book.price(&arn, Tier::Standard)).as_deref(), Some("0.072"));
        assert_eq!(input(book.price_in(&arn, Tier::Standard, "us-east-1")).as_deref(), Some("0.072"));
    }

    #[test]
    fn a_row_for_one_region_is_taken_first_and_completed_from_the_one_it_narrows() {
        let book = book(
            r#"{"a.b": {
                "in_region": {"standard": ["1", "2", "0.1", "1.25"], "flex": ["0.5", "1"]},
                "region:eu-west-1": {"standard": ["3", "4"]},
                "geo:eu": {"standard": ["5", "6", "0.5", null, "10"]}, "geo:eu@eu-west-1": {"standard": ["7", "8", "0.9"]},
                "global": {"standard": ["9", "10"]}, "global@eu-west-1": {"standard": ["11", "12"]},
                "geo:jp@ap-northeast-1": {"standard": ["13", "14"]}}}"#,
        )
        .unwrap();
        for (id, tier, region, scope, rates) in [
            ("a.b", Tier::Standard, "us-east-1", "in_region", ["1", "0.1", "1.25", "2"]),
            // The writes of the wider row are below what reading anew costs here.
            ("a.b", Tier::Standard, "eu-west-1", "region:eu-west-1", ["3", "0.1", "3", "6"]),
            ("a.b", Tier::Flex, "eu-west-1", "in_region", ["0.5", "0.5", "0.5", "0.5"]),
            ("eu.a.b", Tier::Standard, "eu-west-3", "geo:eu", ["5", "0.5", "5", "10"]),
            ("eu.a.b", Tier::Standard, "eu-west-1", "geo:eu@eu-west-1", ["7", "0.9", "7", "10"]),
            ("global.a.b", Tier::Standard, "us-east-1", "global", ["9", "9", "9", "9"]),
            ("global.a.b", Tier::Standard, "eu-west-1", "global@eu-west-1", ["11", "11", "11", "11"]),
            ("jp.a.b", Tier::Standard, "ap-northeast-1", "geo:jp@ap-northeast-1", ["13", "13", "13", "13"]),
        ] {
            let quote = book.quote(&model(id), tier, region).unwrap();
            let Rates { input, cache_read, cache_write_5m, cache_write_1h, .. } = quote.price.rates;
            assert_eq!(quote.scope.to_string(), scope, "{id} {region}");
            let found =
                [input, cache_read, cache_write_5m, cache_write_1h].map(|usd| NanoUsd(usd).to_string());
            assert_eq!(found, rates, "{id} {region}");
        }
        let elsewhere = book.quote(&model("jp.a.b"), Tier::Standard, "us-east-1");
        assert_eq!(elsewhere.unwrap_err(), Unpriced::Scope);
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
            (r#"{"a.b": {"global": {"standard": ["1", "2"], "meters": {"smell": "1"}}}}"#, "meter"),
            (r#"{"a.b": {"global": {"standard": ["1", "2"], "meters": {"query": "x"}}}}"#, "rate"),
            (r#"{"a.b": {"global": {"standard": ["1", "2"], "images": {"big": "-1"}}}}"#, "rate"),
            (r#"{"a.b": {"global": {"flex": ["1", "2"], "images": {"big": "1"}}}}"#, "row"),
            (
                r#"{"a.b": {"global": {"standard": ["1", "2"], "long_context": [{"above_input_tokens": 5, "flex": ["1", "2"]}]}}}"#,
                "step",
            ),
            (
                r#"{"a.b": {"global": {"standard": ["1", "2"], "long_context": [{"above_input_tokens": 5}]}}}"#,
                "step",
            ),
            (
                r#"{"a.b": {"global": {"standard": ["1", "2"], "long_context": [
                    {"above_input_tokens": 5, "standard": ["1", "2"]},
                    {"above_input_tokens": 5, "standard": ["3", "4"]}]}}}"#,
                "step",
            ),
        ] {
            let found = match book(models).unwrap_err() {
                PriceBookError::Scope { .. } => "scope",
                PriceBookError::Row { .. } => "row",
                PriceBookError::Rate { .. } => "rate",
                PriceBookError::Shape(_) => "shape",
                PriceBookError::Step { .. } => "step",
                PriceBookError::Meter { .. } => "meter",
                PriceBookError::AsOf(_)
                | PriceBookError::Service { .. }
                | PriceBookError::Source { .. }
                | PriceBookError::SourceDate { .. }
                | PriceBookError::Schema { .. }
                | PriceBookError::TooLarge => "other",
            };
            assert_eq!(found, what, "{models}");
        }
        assert!(matches!(
            PriceBook::parse(&" ".repeat(PRICE_BOOK_BYTES_MAX + 1)),
            Err(PriceBookError::TooLarge)
        ));
        for (as_of, is_read) in [("2026-01-01", true), ("2026-1-1", false), ("", false)] {
            let dated = format!(
                r#"{{"schema":"hardpan_prices/1","as_of":"{as_of}","source":"","unit":"","models":{{}}}}"#
            );
            assert_eq!(PriceBook::parse(&dated).is_ok(), is_read, "{as_of:?}");
        }
        for services in [r#"{"guardrail.smell":{"usd":"1"}}"#, r#"{"guardrail.word":{"usd":"free"}}"#] {
            let json = format!(
                r#"{{"schema":"hardpan_prices/2","as_of":"2026-01-01","source":"","unit":"","models":{{}},"services":{services}}}"#
            );
            assert!(matches!(PriceBook::parse(&json), Err(PriceBookError::Service { .. })), "{services}");
        }
        let other = r#"{"schema":"x/2","as_of":"","source":"","unit":"","models":{}}"#;
        assert!(matches!(PriceBook::parse(other), Err(PriceBookError::Schema { .. })));
    }

    #[test]
    fn the_schema_before_is_still_read() {
        let old = r#"{"a.b": {"global": {"standard": ["1", "2"], "flex": ["0.5", "1"],
            "long_context": {"above_input_tokens": 200000, "standard": ["2", "3"]}}}}"#;
        let book = book(old).unwrap();
        let id = model("global.a.b");
        let standard = book.price(&id, Tier::Standard).unwrap();
        assert_eq!(standard.rates_for(Tokens(200_000)).input, 1_000_000_000);
        assert_eq!(standard.rates_for(Tokens(200_001)).input, 2_000_000_000);
        // The step names no figure for flex; its price is what the row says.
        assert_eq!(book.price(&id, Tier::Flex).unwrap().rates_for(Tokens(200_001)).input, 500_000_000);
        let json = book.to_json().unwrap();
        assert!(json.contains(r#""schema": "hardpan_prices/3""#));
        let again = PriceBook::parse(&json).unwrap();
        assert_eq!(again.price(&id, Tier::Standard), Some(standard));
    }

    #[test]
    fn several_steps_are_climbed_one_by_one() {
        let book = book(
            r#"{"a.b": {"global": {"standard": ["1", "1"], "priority": ["2", "2"], "long_context": [
                {"above_input_tokens": 100, "standard": ["3", "3"], "priority": ["6", "6"]},
                {"above_input_tokens": 1000, "standard": ["5", "5"]}]}}}"#,
        )
        .unwrap();
        let input =
            |tier, prompt| book.price(&model("global.a.b"), tier).unwrap().rates_for(Tokens(prompt)).input;
        for (tier, prompt, usd) in [
            (Tier::Standard, 0, 1),
            (Tier::Standard, 100, 1),
            (Tier::Standard, 101, 3),
            (Tier::Standard, 1_000, 3),
            (Tier::Standard, 1_001, 5),
            (Tier::Standard, u64::MAX, 5),
            (Tier::Priority, 100, 2),
            (Tier::Priority, 1_001, 6),
        ] {
            assert_eq!(input(tier, prompt), usd * 1_000_000_000, "{tier:?} {prompt}");
        }
    }

    #[test]
    fn why_there_is_no_price_is_told() {
        let book = book(r#"{"a.b": {"geo:eu": {"standard": ["1", "2"]}}}"#).unwrap();
        for (id, tier, why) in [
            ("a.c", Tier::Standard, Unpriced::Model),
            ("a.b", Tier::Standard, Unpriced::Scope),
            ("global.a.b", Tier::Standard, Unpriced::Scope),
            ("eu.a.b", Tier::Flex, Unpriced::Tier),
            ("eu.a.b", Tier::Ultrafast, Unpriced::Tier),
        ] {
            assert_eq!(book.quote(&model(id), tier, "eu-west-1").unwrap_err(), why, "{id}");
        }
        let quote = book.quote(&model("eu.a.b"), Tier::Reserved, "eu-west-1").unwrap();
        assert_eq!((quote.scope.to_string().as_str(), quote.tier), ("geo:eu", Tier::Reserved));
    }

    #[test]
    fn a_model_that_charges_for_more_than_text_has_no_price_of_text_alone() {
        let book = book(
            r#"{"a.speech": {"in_region": {"standard": ["1", "2"], "meters": {"audio_input": "3", "audio_output": "12"}}},
                "a.rank": {"in_region": {"standard": ["0", "0"], "meters": {"query": "0.001"}}},
                "a.paint": {"in_region": {"standard": ["0", "0"], "images": {"any": "0.04"}}}}"#,
        )
        .unwrap();
        for (id, meter, usd) in [
            ("a.speech", Some(Meter::AudioInput), "3"),
            ("a.speech", Some(Meter::AudioOutput), "12"),
            ("a.rank", Some(Meter::Query), "0.001"),
            ("a.paint", None, "0.04"),
        ] {
            let id = model(id);
            assert_eq!(book.price(&id, Tier::Standard), None);
            assert_eq!(book.price_in(&id, Tier::Standard, "us-east-1"), None);
            let price = book.quote(&id, Tier::Standard, "us-east-1").unwrap().price;
            let figure = meter.map_or_else(|| price.images.get("any"), |meter| price.meters.get(&meter));
            assert_eq!(figure.map(|usd| usd.to_string()).as_deref(), Some(usd), "{id:?}");
        }
    }

    #[test]
    fn a_picture_is_priced_as_the_smallest_form_it_fits() {
        let book = book(
            r#"{"a.paint": {"in_region": {"standard": ["0", "0"], "images": {"512x512/standard": "1",
                    "1024x1024/standard": "2", "1024x1024/premium": "3", "2048x2048": "4", "nonsense": "9"}}},
                "a.any": {"in_region": {"standard": ["0", "0"], "images": {"any": "5"}}}}"#,
        )
        .unwrap();
        for (id, width, height, is_premium, form) in [
            ("a.paint", 512, 512, false, Some("512x512/standard")),
            ("a.paint", 513, 512, false, Some("1024x1024/standard")),
            ("a.paint", 256, 1024, false, Some("512x512/standard")),
            ("a.paint", 512, 512, true, Some("1024x1024/premium")),
            ("a.paint", 1025, 1024, false, Some("2048x2048")),
            ("a.paint", 1025, 1024, true, Some("2048x2048")),
            ("a.paint", 2049, 2048, false, None),
            ("a.paint", u64::MAX, u64::MAX, true, None),
            ("a.any", u64::MAX, 1, true, Some("any")),
        ] {
            let price = book.quote(&model(id), Tier::Standard, "us-east-1").unwrap().price;
            let picture = Picture { width, height, is_premium };
            assert_eq!(price.form_of(picture), form, "{id} {picture:?}");
        }
    }

    #[test]
    fn every_model_of_the_shipped_book_is_priced_somewhere() {
        let book = PriceBook::shipped().unwrap();
        let (cells, pieces) = (book.cells(), book.pieces());
        for id in book.models() {
            let is_priced = cells.iter().any(|(cell, usd)| cell.model == id && usd.0 > 0)
                || pieces.iter().any(|(piece, usd)| piece.model == id && usd.0 > 0);
            assert!(is_priced, "{id} would be free");
        }
        for unit in ServiceUnit::ALL {
            assert!(book.service(unit).is_some(), "{unit:?}");
        }
    }

    #[test]
    fn every_row_of_the_shipped_book_has_sources_with_a_date() {
        let book = PriceBook::shipped().unwrap();
        let mut rows = 0;
        for (id, scopes) in &book.models {
            for scope in scopes.keys() {
                let sources = book.sources_of(id, scope);
                assert!(!sources.is_empty(), "{id} {scope}");
                for source in sources {
                    assert!(!source.what.is_empty() && source.date.is_some(), "{id} {scope}: {source}");
                    // Figures of a table under a licence say so wherever they stand.
                    assert_eq!(source.what.contains("litellm"), source.licence.is_some(), "{source}");
                }
                rows += 1;
            }
        }
        assert!(rows > 800, "{rows}");
        for unit in ServiceUnit::ALL {
            let source = book.source_of_service(unit).unwrap();
            assert!(source.contains("pricing page, US East (N. Virginia), 202"), "{unit:?}: {source}");
        }
        // The book is as old as its newest source, and no older.
        let written = &book.written;
        let newest = written.sources.values().filter_map(|source| match source {
            sources::WrittenSource::Told(source) => source.date.as_deref(),
            sources::WrittenSource::Text(_) => None,
        });
        assert_eq!(newest.max(), Some(book.as_of()));
    }

    #[test]
    fn a_book_is_stale_after_a_week_and_when_it_is_of_tomorrow() {
        let book = book("{}").unwrap();
        for (today, stale) in [
            ("2025-12-31", true),
            ("2026-01-01", false),
            ("2026-01-08", false),
            ("2026-01-09", true),
            ("2030-01-01", true),
        ] {
            assert_eq!(book.is_stale(Day::parse(today).unwrap()), stale, "{today}");
        }
    }

    #[test]
    fn names_of_tiers_scopes_and_meters_are_read_back() {
        for tier in Tier::PRICED.into_iter().chain([Tier::Reserved]) {
            assert_eq!(Tier::from_name(tier.name()), Some(tier));
        }
        assert_eq!(Tier::from_name("Flex"), None);
        for scope in
            ["in_region", "global", "geo:us-gov", "region:eu-west-1", "geo:eu@eu-west-1", "global@us-east-2"]
        {
            assert_eq!(Scope::from_name(scope).unwrap().to_string(), scope);
        }
        for meter in Meter::ALL {
            assert_eq!(Meter::from_name(meter.name()), Some(meter));
        }
    }
}
