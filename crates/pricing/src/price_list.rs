//! AWS's Price List (bulk API, one offer file) joined to the cells of a price book.
//!
//! The list has no model ids and no documented grammar. A row is joined where its model's name spells an id of the
//! book (or is an id) and its usage type is understood whole; every other row is counted with the reason. Nothing is
//! guessed, and nothing is applied here: what comes out is a new book beside the old one, to be looked at.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::book::{Cell, Class, PriceBook, PriceBookError, Scope, Source, Tier};
use crate::day::{Day, InvalidDay};
use crate::decimal::Decimal;
use crate::money::NanoUsd;
use crate::names::{Names, NoModel};
use crate::usage_type::{self, NotText, Served, UsageType};

/// Largest offer file that is read.
pub const OFFER_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Rows of one offer file.
const PRODUCTS_MAX: usize = 500_000;
/// Skipped usage types that are kept by name; the counts go on.
const SKIPPED_MAX: usize = 10_000;
/// The region whose figure stands for those that are not listed.
const LEADING_REGIONS: [&str; 2] = ["us-east-1", "us-west-2"];

#[derive(Debug, thiserror::Error)]
pub enum PriceListError {
    #[error("the offer file is larger than {} bytes", OFFER_BYTES_MAX)]
    TooLarge,
    #[error("the offer file has more than {} products", PRODUCTS_MAX)]
    TooMany,
    #[error("the offer file is not JSON of the Price List's shape: {0}")]
    Shape(#[from] serde_json::Error),
    #[error("the offer file's publicationDate: {0}")]
    Published(#[from] InvalidDay),
    #[error("prices of {offer:?} are not Bedrock's")]
    Offer { offer: String },
    #[error("no row of the offer file could be joined to a model")]
    Nothing,
    #[error("the book that comes out: {0}")]
    Book(#[from] PriceBookError),
}

/// Why a row of the list has no part in the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Skip {
    NotText(NotText),
    /// No id of the book is spelt by the row's name.
    UnknownModel,
    AmbiguousModel,
    /// The price is for a unit that is no number of tokens.
    Unit,
    /// No single on-demand price in USD from the first token on.
    Price,
    /// No region.
    Region,
    /// Rows of one cell do not agree.
    Conflict,
    /// A long-context price of a model for which the book has no step.
    NoStep,
    /// A row of the `bedrock-mantle` endpoint for what `bedrock-runtime` has a price of its own for.
    OtherEndpoint,
    /// A row for input without one for output, or the reverse.
    HalfRow,
}

impl Skip {
    pub fn name(self) -> &'static str {
        match self {
            Skip::NotText(NotText::NotTokens) => "not tokens",
            Skip::NotText(NotText::Modality) => "tokens of speech, pictures or video",
            Skip::NotText(NotText::Custom) => "customised models",
            Skip::NotText(NotText::Reserved) => "reserved capacity",
            Skip::NotText(NotText::Latency) => "latency-optimised",
            Skip::NotText(NotText::CacheTime) => "a cache time without a class",
            Skip::NotText(NotText::Qualifier) => "a word that is not known",
            Skip::UnknownModel => "no id for the model's name",
            Skip::AmbiguousModel => "several models of the name",
            Skip::Unit => "a unit that is not tokens",
            Skip::Price => "no single price",
            Skip::Region => "no region",
            Skip::Conflict => "rows that do not agree",
            Skip::NoStep => "long context without a step in the book",
            Skip::OtherEndpoint => "the other endpoint's",
            Skip::HalfRow => "input or output missing",
        }
    }

    /// Whether the row was for text on demand and ought to have been joined.
    pub fn is_missed(self) -> bool {
        match self {
            Skip::NotText(NotText::Qualifier | NotText::CacheTime) => true,
            Skip::NotText(_) | Skip::OtherEndpoint => false,
            Skip::UnknownModel
            | Skip::AmbiguousModel
            | Skip::Unit
            | Skip::Price
            | Skip::Region
            | Skip::Conflict
            | Skip::NoStep
            | Skip::HalfRow => true,
        }
    }
}

/// A row that was not taken, by what the list calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    pub usage_type: String,
    pub name: String,
    pub why: Skip,
}

/// What an offer file makes of a book.
#[derive(Debug)]
pub struct Update {
    pub book: PriceBook,
    /// Rows of text on demand that have a place in the new book.
    pub joined: usize,
    /// By reason; a row counts once.
    pub skipped: BTreeMap<Skip, usize>,
    /// The first of them, in the order of the file.
    pub examples: Vec<Skipped>,
    /// Figures of the old book that no row of the list speaks of: they stand, unconfirmed.
    pub unconfirmed: usize,
}

impl Update {
    pub fn missed(&self) -> usize {
        self.skipped.iter().filter(|(why, _)| why.is_missed()).map(|(_, count)| count).sum()
    }

    /// Of a thousand rows of text on demand, how many were joined.
    pub fn joined_per_mille(&self) -> usize {
        let rows = self.joined + self.missed();
        (self.joined * 1_000).checked_div(rows).unwrap_or(0)
    }
}

/// Reads an offer file and makes the book it asks for out of an old one.
pub fn update(old: &PriceBook, offer: &[u8]) -> Result<Update, PriceListError> {
    if offer.len() > OFFER_BYTES_MAX {
        return Err(PriceListError::TooLarge);
    }
    let offer: Offer = serde_json::from_slice(offer)?;
    if !offer.offer_code.starts_with("AmazonBedrock") {
        return Err(PriceListError::Offer { offer: offer.offer_code.chars().take(64).collect() });
    }
    if offer.products.len() > PRODUCTS_MAX {
        return Err(PriceListError::TooMany);
    }
    let published = Day::parse(offer.publication_date.get(..10).unwrap_or_default())?;
    let mut join = Join { names: Names::new(old.models()), ..Join::default() };
    for (sku, product) in &offer.products {
        if let Err(why) = join.row(&offer, sku, product) {
            join.skip(product, why);
        }
    }
    let old_cells = old.cells();
    let (cells, joined) = join.cells(&old_cells);
    if cells.is_empty() {
        return Err(PriceListError::Nothing);
    }
    let what = format!("AWS Price List, {}, version {}", clip(&offer.offer_code), clip(&offer.version));
    let unconfirmed = old_cells.keys().filter(|cell| !cells.contains_key(cell)).count();
    let source = if unconfirmed == 0 {
        what.clone()
    } else {
        format!("{what}; figures it does not list are of {}: {}", old.as_of(), clip(old.source()))
    };
    let of_cells = Source { what, place: None, date: Some(published.to_string()), licence: None };
    let id = format!("{}-{published}", clip(&offer.offer_code));
    let book = old.with_cells(&cells, &published.to_string(), &source, (&id, of_cells))?;
    Ok(Update { book, joined, skipped: join.skipped, examples: join.examples, unconfirmed })
}

fn clip(text: &str) -> String {
    text.chars().take(400).collect()
}

/// A price as a row gives it, its model and region known.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    model: String,
    served: Served,
    long_context: bool,
    tier: Tier,
    class: Class,
}

#[derive(Default)]
struct Prices {
    by_region: BTreeMap<String, BTreeSet<NanoUsd>>,
    rows: usize,
}

#[derive(Default)]
struct Join {
    names: Names,
    runtime: BTreeMap<Place, Prices>,
    /// The `bedrock-mantle` endpoint has rows of its own, used where the other has none.
    mantle: BTreeMap<Place, Prices>,
    skipped: BTreeMap<Skip, usize>,
    examples: Vec<Skipped>,
}

impl Join {
    fn row(&mut self, offer: &Offer, sku: &str, product: &Product) -> Result<(), Skip> {
        let attributes = &product.attributes;
        let usage = usage_type::parse(&attributes.usagetype).map_err(Skip::NotText)?;
        let models = self.models(attributes, &usage)?;
        let usd = offer.price(sku, &attributes.usagetype)?;
        if attributes.region_code.is_empty() {
            return Err(Skip::Region);
        }
        for model in models {
            let UsageType { class, tier, served, long_context, mantle, .. } = usage;
            let rows = if mantle { &mut self.mantle } else { &mut self.runtime };
            let prices = rows.entry(Place { model, served, long_context, tier, class }).or_default();
            prices.by_region.entry(attributes.region_code.clone()).or_default().insert(usd);
            prices.rows += 1;
        }
        Ok(())
    }

    fn models(&self, attributes: &Attributes, usage: &UsageType) -> Result<Vec<String>, Skip> {
        if usage.mantle {
            // This endpoint's rows carry the id itself, so that a new model needs no name.
            let is_id = usage.model.contains('.') && !usage.model.contains(' ');
            return if is_id { Ok(vec![usage.model.clone()]) } else { Err(Skip::UnknownModel) };
        }
        let mut why = Skip::UnknownModel;
        for name in [&attributes.model, &attributes.servicename, &usage.model] {
            match self.names.find(name) {
                Ok(ids) => return Ok(ids),
                Err(NoModel::Ambiguous) => why = Skip::AmbiguousModel,
                Err(NoModel::Unknown) => {}
            }
        }
        Err(why)
    }

    fn skip(&mut self, product: &Product, why: Skip) {
        *self.skipped.entry(why).or_default() += 1;
        if why.is_missed() && self.examples.len() < SKIPPED_MAX {
            let attributes = &product.attributes;
            let name = if attributes.model.is_empty() { &attributes.servicename } else { &attributes.model };
            self.examples.push(Skipped { usage_type: clip(&attributes.usagetype), name: clip(name), why });
        }
    }

    fn drop_rows(&mut self, place: &Place, rows: usize, why: Skip) {
        *self.skipped.entry(why).or_default() += rows;
        if self.examples.len() < SKIPPED_MAX {
            let usage_type = format!("{} {}", place.tier.name(), place.class.name());
            self.examples.push(Skipped { usage_type, name: place.model.clone(), why });
        }
    }

    /// The cells all rows come to, and the number of rows behind them.
    fn cells(&mut self, old_cells: &BTreeMap<Cell, NanoUsd>) -> (BTreeMap<Cell, NanoUsd>, usize) {
        let mut places = std::mem::take(&mut self.runtime);
        let at_runtime: BTreeSet<(String, Tier)> =
            places.keys().map(|place| (place.model.clone(), place.tier)).collect();
        for (place, prices) in std::mem::take(&mut self.mantle) {
            if at_runtime.contains(&(place.model.clone(), place.tier)) {
                *self.skipped.entry(Skip::OtherEndpoint).or_default() += prices.rows;
                continue;
            }
            places.insert(place, prices);
        }
        let scopes: BTreeSet<(String, Scope)> =
            old_cells.keys().map(|cell| (cell.model.clone(), cell.scope.clone())).collect();
        let mut cells = BTreeMap::new();
        let mut rows_of: BTreeMap<Place, usize> = BTreeMap::new();
        for (place, prices) in places {
            if prices.by_region.values().any(|of_region| of_region.len() > 1) {
                self.drop_rows(&place, prices.rows, Skip::Conflict);
                continue;
            }
            let by_region: BTreeMap<&str, NanoUsd> = prices
                .by_region
                .iter()
                .filter_map(|(region, usd)| Some((region.as_str(), *usd.first()?)))
                .collect();
            let step = match (place.long_context, step_of(&place.model, old_cells)) {
                (false, _) => None,
                (true, Some(step)) => Some(step),
                (true, None) => {
                    self.drop_rows(&place, prices.rows, Skip::NoStep);
                    continue;
                }
            };
            let figures = scoped(&place, &by_region, &scopes);
            if figures.is_empty() {
                self.drop_rows(&place, prices.rows, Skip::Conflict);
                continue;
            }
            for (scope, usd) in figures {
                let Place { model, tier, class, .. } = place.clone();
                cells.insert(Cell { model, scope, tier, above_input_tokens: step, class }, usd);
            }
            rows_of.insert(place, prices.rows);
        }
        self.without_half_rows(&mut cells, old_cells);
        let joined = rows_of
            .into_iter()
            .filter(|(place, _)| {
                cells.keys().any(|cell| {
                    cell.model == place.model && cell.tier == place.tier && cell.class == place.class
                })
            })
            .map(|(_, rows)| rows)
            .sum();
        (cells, joined)
    }

    /// A row needs input and output, from the list or from before. A model that only embeds has no output price in the
    /// list: it must stand in the old book, at zero.
    fn without_half_rows(
        &mut self,
        cells: &mut BTreeMap<Cell, NanoUsd>,
        old_cells: &BTreeMap<Cell, NanoUsd>,
    ) {
        let is_whole = |cell: &Cell, cells: &BTreeMap<Cell, NanoUsd>| {
            [Class::Input, Class::Output].into_iter().all(|class| {
                let half = Cell { class, ..cell.clone() };
                cells.contains_key(&half) || old_cells.contains_key(&half)
            })
        };
        let step_has_base = |cell: &Cell, cells: &BTreeMap<Cell, NanoUsd>| {
            let base = Cell { above_input_tokens: None, class: Class::Input, ..cell.clone() };
            cell.above_input_tokens.is_none() || cells.contains_key(&base) || old_cells.contains_key(&base)
        };
        let halves: Vec<Cell> = cells
            .keys()
            .filter(|cell| !is_whole(cell, cells) || !step_has_base(cell, cells))
            .cloned()
            .collect();
        for cell in halves {
            cells.remove(&cell);
            let place = Place {
                model: cell.model.clone(),
                served: Served::Regional,
                long_context: cell.above_input_tokens.is_some(),
                tier: cell.tier,
                class: cell.class,
            };
            self.drop_rows(&place, 1, Skip::HalfRow);
        }
    }
}

/// The size a model's long context begins above, where the book knows one.
fn step_of(model: &str, old_cells: &BTreeMap<Cell, NanoUsd>) -> Option<u64> {
    old_cells.keys().filter(|cell| cell.model == model).find_map(|cell| cell.above_input_tokens)
}

/// The scopes a price holds in. Empty where the regions contradict one another and no scope is left.
fn scoped(
    place: &Place,
    by_region: &BTreeMap<&str, NanoUsd>,
    scopes: &BTreeSet<(String, Scope)>,
) -> BTreeMap<Scope, NanoUsd> {
    let mut figures = BTreeMap::new();
    let in_book = |scope: &Scope| scopes.contains(&(place.model.clone(), scope.clone()));
    let from = |wider: Option<NanoUsd>, scope: Scope, usd: NanoUsd| {
        // A region's own row is made where it differs, and kept where it was made before.
        (wider != Some(usd) || in_book(&scope)).then_some((scope, usd))
    };
    if place.served == Served::Global {
        let leading = LEADING_REGIONS.iter().find_map(|region| by_region.get(region)).copied();
        let global = leading.or_else(|| agreed(by_region.values().copied()));
        figures.extend(global.map(|usd| (Scope::Global, usd)));
        figures.extend(by_region.iter().filter_map(|(region, usd)| {
            from(global, Scope::GlobalFrom((*region).to_owned()), *usd).filter(|_| global.is_some())
        }));
        return figures;
    }
    if place.served == Served::Regional {
        let leading = LEADING_REGIONS.iter().find_map(|region| by_region.get(region));
        let Some(leading) = leading.or_else(|| by_region.values().next()).copied() else { return figures };
        figures.insert(Scope::InRegion, leading);
        figures.extend(
            by_region
                .iter()
                .filter_map(|(region, usd)| from(Some(leading), Scope::Region((*region).to_owned()), *usd)),
        );
    }
    for prefix in ["us", "us-gov", "eu", "apac", "jp", "au", "ca", "sa"] {
        let scope = Scope::Geographic(prefix.to_owned());
        let inside: Vec<(&str, NanoUsd)> = by_region
            .iter()
            .filter(|(region, _)| geographies(region).contains(&prefix))
            .map(|(region, usd)| (*region, *usd))
            .collect();
        if !(place.served == Served::Geographic || in_book(&scope)) {
            continue;
        }
        // AWS prices a profile by the region it is called from.
        let all = agreed(inside.iter().map(|(_, usd)| *usd));
        figures.extend(all.map(|usd| (scope, usd)));
        figures.extend(inside.into_iter().filter_map(|(region, usd)| {
            from(all, Scope::GeographicFrom(prefix.to_owned(), region.to_owned()), usd)
        }));
    }
    figures
}

fn agreed(mut figures: impl Iterator<Item = NanoUsd>) -> Option<NanoUsd> {
    let first = figures.next()?;
    figures.all(|usd| usd == first).then_some(first)
}

/// Prefixes of the profiles that can be called from a region.
fn geographies(region: &str) -> &'static [&'static str] {
    match region {
        "ap-northeast-1" | "ap-northeast-3" => &["apac", "jp"],
        "ap-southeast-2" | "ap-southeast-4" => &["apac", "au"],
        _ if region.starts_with("us-gov-") => &["us-gov"],
        _ if region.starts_with("us-") => &["us"],
        _ if region.starts_with("eu-") => &["eu"],
        _ if region.starts_with("ap-") => &["apac"],
        _ if region.starts_with("ca-") => &["ca"],
        _ if region.starts_with("sa-") => &["sa"],
        _ => &[],
    }
}

/// The parts of an offer file that are read. Maps are ordered, so that one file gives one result.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Offer {
    offer_code: String,
    #[serde(default)]
    version: String,
    publication_date: String,
    products: BTreeMap<String, Product>,
    terms: Terms,
}

#[derive(Deserialize)]
struct Product {
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Attributes {
    usagetype: String,
    #[serde(rename = "regionCode")]
    region_code: String,
    model: String,
    servicename: String,
}

#[derive(Deserialize)]
struct Terms {
    #[serde(rename = "OnDemand", default)]
    on_demand: BTreeMap<String, BTreeMap<String, Term>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Term {
    price_dimensions: BTreeMap<String, Dimension>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dimension {
    unit: String,
    #[serde(default)]
    begin_range: String,
    price_per_unit: BTreeMap<String, String>,
}

impl Offer {
    /// The one price of a product, for a million tokens.
    fn price(&self, sku: &str, usage_type: &str) -> Result<NanoUsd, Skip> {
        let terms = self.terms.on_demand.get(sku).ok_or(Skip::Price)?;
        let mut dimensions = terms.values().flat_map(|term| term.price_dimensions.values());
        let (Some(dimension), None) = (dimensions.next(), dimensions.next()) else { return Err(Skip::Price) };
        if !matches!(dimension.begin_range.as_str(), "" | "0") {
            return Err(Skip::Price);
        }
        let units_per_million = 1_000_000 / tokens_per_unit(&dimension.unit, usage_type).ok_or(Skip::Unit)?;
        let usd =
            dimension.price_per_unit.get("USD").and_then(|usd| Decimal::parse(usd)).ok_or(Skip::Price)?;
        usd.nanos(i128::from(units_per_million)).map(NanoUsd).ok_or(Skip::Price)
    }
}

/// The marketplace counts in millions and calls them units.
pub(crate) fn tokens_per_unit(unit: &str, usage_type: &str) -> Option<u64> {
    match unit.trim().to_ascii_lowercase().as_str() {
        "1k tokens" | "1000 tokens" => Some(1_000),
        "1m tokens" | "million tokens" | "1000000 tokens" => Some(1_000_000),
        "tokens" | "token" => Some(1),
        "units" | "" if usage_type.contains("MP:") && usage_type.ends_with("-Units") => Some(1_000_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const BOOK: &str = r#"{"schema":"hardpan_prices/3","as_of":"2026-01-01","source":"before","unit":"u",
        "sources":{"page":{"what":"a page","date":"2026-01"},"gone":{"what":"named by nothing"}},"models":{
        "amazon.nova-lite-v1:0": {"in_region": {"standard": ["0.06", "0.24", "0.015"], "sources": ["page"]},
            "geo:eu": {"standard": ["0.078", "0.312"]},
            "region:us-gov-west-1": {"standard": ["0.072", "0.288"], "sources": ["page"]}},
        "anthropic.claude-sonnet-4-5-20250929-v1:0": {"global": {"standard": ["3", "15"],
            "long_context": [{"above_input_tokens": 200000, "standard": ["6", "22.5"]}]}},
        "anthropic.claude-opus-4-8": {"global": {"standard": ["5", "25"]}},
        "one.twin-v1:0": {"in_region": {"standard": ["1", "1"]}},
        "other.twin-v1:0": {"in_region": {"standard": ["1", "1"]}}}}"#;

    /// usage type, region, model, service, unit, USD.
    type Row<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str, &'a str);

    fn offer(rows: &[Row<'_>]) -> Vec<u8> {
        let mut products = serde_json::Map::new();
        let mut terms = serde_json::Map::new();
        for (at, (usagetype, region, model, service, unit, usd)) in rows.iter().enumerate() {
            let sku = format!("SKU{at:04}");
            let attributes = json!({"servicecode": "AmazonBedrock", "usagetype": usagetype, "regionCode": region,
                "model": model, "servicename": service});
            products.insert(sku.clone(), json!({"sku": sku, "attributes": attributes}));
            let dimension = json!({"unit": unit, "beginRange": "0", "endRange": "Inf", "description": "",
                "pricePerUnit": {"USD": usd}, "appliesTo": []});
            let term = json!({"sku": sku, "priceDimensions": {format!("{sku}.J.6"): dimension}});
            terms.insert(sku.clone(), json!({format!("{sku}.J"): term}));
        }
        document(Value::Object(products), Value::Object(terms))
    }

    fn document(products: Value, terms: Value) -> Vec<u8> {
        json!({"formatVersion": "v1.0", "offerCode": "AmazonBedrock", "version": "20260201000000",
            "publicationDate": "2026-02-01T10:00:00Z", "products": products,
            "terms": {"OnDemand": terms, "Reserved": {}}})
        .to_string()
        .into_bytes()
    }

    fn updated(rows: &[Row<'_>]) -> Update {
        update(&PriceBook::parse(BOOK).unwrap(), &offer(rows)).unwrap()
    }

    fn figure(update: &Update, place: &str) -> Option<String> {
        update.book.figures().get(place).map(NanoUsd::to_string)
    }

    const SONNET: &str = "Claude Sonnet 4.5 (Amazon Bedrock Edition)";

    #[test]
    fn rows_of_all_three_forms_find_their_cells() {
        let update = updated(&[
            (
                "USE1-NovaLite-input-tokens",
                "us-east-1",
                "Nova Lite",
                "Amazon Bedrock",
                "1K tokens",
                "0.0000610000",
            ),
            (
                "USE1-NovaLite-output-tokens",
                "us-east-1",
                "Nova Lite",
                "Amazon Bedrock",
                "1K tokens",
                "0.000244",
            ),
            (
                "EUC1-NovaLite-input-tokens",
                "eu-central-1",
                "Nova Lite",
                "Amazon Bedrock",
                "1K tokens",
                "0.00008",
            ),
            (
                "EUC1-NovaLite-output-tokens",
                "eu-central-1",
                "Nova Lite",
                "Amazon Bedrock",
                "1K tokens",
                "0.00032",
            ),
            (
                "USE1-NovaLite-input-tokens-batch",
                "us-east-1",
                "Nova Lite",
                "Amazon Bedrock",
                "1K tokens",
                "0.00003",
            ),
            ("USE1-NovaLite-output-tokens-batch", "us-east-1", "", "Amazon Bedrock", "1K tokens", "0.00012"),
            ("USE1-MP:USE1_InputTokenCount_Global-Units", "us-east-1", "", SONNET, "Units", "3.1"),
            ("USE1-MP:USE1_OutputTokenCount_Global-Units", "us-east-1", "", SONNET, "Units", "15.5"),
            (
                "USE1-MP:USE1_CacheWrite1hInputTokenCount_Global-Units",
                "us-east-1",
                "",
                SONNET,
                "Units",
                "6.2",
            ),
            ("USE1-MP:USE1_InputTokenCount_LCtx_Global-Units", "us-east-1", "", SONNET, "Units", "6.2"),
            ("USE1-new.model-9-mantle-input-tokens-standard", "us-east-1", "", "", "1M tokens", "0.5"),
            ("USE1-new.model-9-mantle-output-tokens-standard", "us-east-1", "", "", "1M tokens", "1.5"),
        ]);
        for (place, usd) in [
            ("amazon.nova-lite-v1:0 in_region default input", "0.061"),
            ("amazon.nova-lite-v1:0 in_region default output", "0.244"),
            // Not in the list: it stands.
            ("amazon.nova-lite-v1:0 in_region default cache_read", "0.015"),
            ("amazon.nova-lite-v1:0 region:us-gov-west-1 default input", "0.072"),
            ("amazon.nova-lite-v1:0 region:eu-central-1 default input", "0.08"),
            // The book has this profile, and one price holds in the region and its geography.
            ("amazon.nova-lite-v1:0 geo:eu default input", "0.08"),
            ("amazon.nova-lite-v1:0 in_region batch output", "0.12"),
            ("anthropic.claude-sonnet-4-5-20250929-v1:0 global default input", "3.1"),
            ("anthropic.claude-sonnet-4-5-20250929-v1:0 global default output", "15.5"),
            ("anthropic.claude-sonnet-4-5-20250929-v1:0 global default cache_write_1h", "6.2"),
            ("anthropic.claude-sonnet-4-5-20250929-v1:0 global default above 200000 input", "6.2"),
            ("anthropic.claude-sonnet-4-5-20250929-v1:0 global default above 200000 output", "22.5"),
            ("anthropic.claude-opus-4-8 global default input", "5"),
            ("new.model-9 in_region default output", "1.5"),
        ] {
            assert_eq!(figure(&update, place).as_deref(), Some(usd), "{place}");
        }
        assert_eq!(
            figure(&update, "amazon.nova-lite-v1:0 geo:us default input"),
            None,
            "no profile is made up"
        );
        assert_eq!((update.joined, update.missed(), update.joined_per_mille()), (12, 0, 1_000));
        assert_eq!(update.book.as_of(), "2026-02-01");
        assert!(
            update
                .book
                .source()
                .starts_with("AWS Price List, AmazonBedrock, version 20260201000000; figures")
        );
        assert!(update.unconfirmed > 0);
        // What the list states is by the list from now on; rows it does not speak of are by whom they were.
        let told = |scope: &str| {
            let sources = update.book.sources_of("amazon.nova-lite-v1:0", &Scope::from_name(scope).unwrap());
            sources.into_iter().map(Source::to_string).collect::<Vec<_>>()
        };
        let list = "AWS Price List, AmazonBedrock, version 20260201000000, 2026-02-01";
        assert_eq!(told("in_region"), [list, "a page, 2026-01"]);
        assert_eq!(told("region:eu-central-1"), [list]);
        assert_eq!(told("region:us-gov-west-1"), ["a page, 2026-01"]);
        let again = PriceBook::parse(&update.book.to_json().unwrap()).unwrap();
        assert_eq!(again.sources_of("new.model-9", &Scope::InRegion).len(), 1);
    }

    #[test]
    fn what_cannot_be_joined_is_counted_and_changes_nothing() {
        let good: [Row<'_>; 2] = [
            ("USE1-NovaLite-input-tokens", "us-east-1", "Nova Lite", "", "1K tokens", "0.00006"),
            ("USE1-NovaLite-output-tokens", "us-east-1", "Nova Lite", "", "1K tokens", "0.00024"),
        ];
        for (row, why, is_missed) in [
            (
                ("USE1-Guardrail-TopicPolicyUnitsConsumed", "us-east-1", "", "", "Units", "1"),
                Skip::NotText(NotText::NotTokens),
                false,
            ),
            (
                ("USE1-NovaLite-input-tokens-custom-model", "us-east-1", "Nova Lite", "", "1K tokens", "1"),
                Skip::NotText(NotText::Custom),
                false,
            ),
            (
                ("USE1-NovaLite-input-tokens-soon", "us-east-1", "Nova Lite", "", "1K tokens", "1"),
                Skip::NotText(NotText::Qualifier),
                true,
            ),
            (
                ("USE1-Nobody-input-tokens", "us-east-1", "Nobody", "", "1K tokens", "1"),
                Skip::UnknownModel,
                true,
            ),
            (
                ("USE1-Twin-input-tokens", "us-east-1", "Twin", "", "1K tokens", "1"),
                Skip::AmbiguousModel,
                true,
            ),
            (
                ("USE1-NovaLite-input-tokens-flex", "us-east-1", "Nova Lite", "", "hours", "1"),
                Skip::Unit,
                true,
            ),
            (
                ("USE1-NovaLite-input-tokens-flex", "us-east-1", "Nova Lite", "", "1K tokens", "-1"),
                Skip::Price,
                true,
            ),
            (
                ("USE1-NovaLite-input-tokens-flex", "us-east-1", "Nova Lite", "", "1K tokens", "free"),
                Skip::Price,
                true,
            ),
            (("USE1-NovaLite-input-tokens-flex", "", "Nova Lite", "", "1K tokens", "1"), Skip::Region, true),
            (
                ("USE1-NovaLite-input-tokens-flex", "us-east-1", "Nova Lite", "", "1K tokens", "1"),
                Skip::HalfRow,
                true,
            ),
            (
                (
                    "USE1-MP:USE1_InputTokenCount_LCtx_Global-Units",
                    "us-east-1",
                    "",
                    "Claude Opus 4.8",
                    "Units",
                    "1",
                ),
                Skip::NoStep,
                true,
            ),
        ] {
            let update = updated(&[good[0], good[1], row]);
            assert_eq!(update.skipped, BTreeMap::from([(why, 1)]), "{row:?}");
            assert_eq!((update.joined, update.missed()), (2, usize::from(is_missed)), "{row:?}");
            assert_eq!(update.examples.len(), usize::from(is_missed), "{row:?}");
            assert_eq!(update.book.figures(), PriceBook::parse(BOOK).unwrap().figures(), "{row:?}");
            assert!(!why.name().is_empty());
        }
    }

    #[test]
    fn rows_that_do_not_agree_leave_the_old_figure() {
        let row = |usage_type, usd| (usage_type, "us-east-1", "Nova Lite", "", "1K tokens", usd);
        let update = updated(&[
            row("USE1-NovaLite-output-tokens", "0.0003"),
            row("USE1-NovaLite-input-tokens", "0.00007"),
            row("USE1-NovaLite-input-tokens", "0.00008"),
        ]);
        assert_eq!(figure(&update, "amazon.nova-lite-v1:0 in_region default input").as_deref(), Some("0.06"));
        assert_eq!(figure(&update, "amazon.nova-lite-v1:0 in_region default output").as_deref(), Some("0.3"));
        assert_eq!(update.skipped, BTreeMap::from([(Skip::Conflict, 2)]));
    }

    #[test]
    fn a_profile_is_priced_by_the_region_it_is_called_from() {
        let row = |usage_type, region, usd| (usage_type, region, "Nova Lite", "", "1K tokens", usd);
        let update = updated(&[
            row("USE1-NovaLite-input-tokens", "us-east-1", "0.00006"),
            row("USE1-NovaLite-output-tokens", "us-east-1", "0.00024"),
            row("EUC1-NovaLite-input-tokens", "eu-central-1", "0.00008"),
            row("EUC1-NovaLite-output-tokens", "eu-central-1", "0.00032"),
            row("EUW1-NovaLite-input-tokens", "eu-west-1", "0.00007"),
            row("EUW1-NovaLite-output-tokens", "eu-west-1", "0.00028"),
            row("USE1-NovaLite-input-tokens-cross-region-global", "us-east-1", "0.00005"),
            row("USE1-NovaLite-output-tokens-cross-region-global", "us-east-1", "0.0002"),
            row("EUW1-NovaLite-input-tokens-cross-region-global", "eu-west-1", "0.000065"),
            row("EUW1-NovaLite-output-tokens-cross-region-global", "eu-west-1", "0.00026"),
        ]);
        for (place, usd) in [
            // The regions do not agree: the old figure stands for those that are not listed.
            ("geo:eu default input", Some("0.078")),
            ("geo:eu@eu-central-1 default input", Some("0.08")),
            ("geo:eu@eu-west-1 default output", Some("0.28")),
            ("geo:us@us-east-1 default input", None),
            ("global default input", Some("0.05")),
            ("global@eu-west-1 default output", Some("0.26")),
            ("global@us-east-1 default input", None),
            ("region:eu-west-1 default input", Some("0.07")),
        ] {
            let found = figure(&update, &format!("amazon.nova-lite-v1:0 {place}"));
            assert_eq!(found.as_deref(), usd, "{place}");
        }
        // Once they are there, such rows are renewed where the regions agree again.
        let same = [
            row("EUC1-NovaLite-input-tokens", "eu-central-1", "0.00009"),
            row("EUC1-NovaLite-output-tokens", "eu-central-1", "0.00036"),
            row("EUW1-NovaLite-input-tokens", "eu-west-1", "0.00009"),
            row("EUW1-NovaLite-output-tokens", "eu-west-1", "0.00036"),
        ];
        let update = super::update(&update.book, &offer(&same)).unwrap();
        for place in ["geo:eu", "geo:eu@eu-central-1", "geo:eu@eu-west-1"] {
            let found = figure(&update, &format!("amazon.nova-lite-v1:0 {place} default input"));
            assert_eq!(found.as_deref(), Some("0.09"), "{place}");
        }
    }

    #[test]
    fn a_file_that_is_no_offer_of_bedrock_is_refused() {
        let old = PriceBook::parse(BOOK).unwrap();
        assert!(matches!(update(&old, b"{}"), Err(PriceListError::Shape(_))));
        assert!(matches!(update(&old, b""), Err(PriceListError::Shape(_))));
        assert!(matches!(update(&old, &offer(&[])), Err(PriceListError::Nothing)));
        let text = String::from_utf8(offer(&[])).unwrap();
        let other = text.replace("\"AmazonBedrock\"", "\"AmazonEC2\"");
        assert!(matches!(update(&old, other.as_bytes()), Err(PriceListError::Offer { .. })));
        let undated = text.replace("2026-02-01T", "February");
        assert!(matches!(update(&old, undated.as_bytes()), Err(PriceListError::Published(_))));
    }

    #[test]
    fn tiered_prices_are_not_taken_for_one() {
        let products = json!({"S": {"attributes": {"usagetype": "USE1-NovaLite-input-tokens",
            "regionCode": "us-east-1", "model": "Nova Lite"}}});
        let dimension = |begin: &str, usd: &str| json!({"unit": "1K tokens", "beginRange": begin, "pricePerUnit": {"USD": usd}});
        let old = PriceBook::parse(BOOK).unwrap();
        for dimensions in [
            json!({"a": dimension("0", "1"), "b": dimension("100", "2")}),
            json!({"a": dimension("100", "2")}),
            json!({}),
        ] {
            let terms = json!({"S": {"S.J": {"priceDimensions": dimensions}}});
            assert!(matches!(update(&old, &document(products.clone(), terms)), Err(PriceListError::Nothing)));
        }
    }
}
