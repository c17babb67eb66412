//! A price book taken apart into its single figures, each with its place: what is listed, compared and replaced. What
//! a missing figure is filled with is not a figure, and is not here.

use std::collections::BTreeMap;
use std::fmt;

use super::sources::WrittenSource;
use super::written::{Row, WrittenBook, WrittenScope};
use super::{PriceBook, PriceBookError, Scope, Source, Tier};
use crate::money::NanoUsd;

/// A class of tokens, in the order a row lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    Input,
    Output,
    CacheRead,
    CacheWrite5m,
    CacheWrite1h,
}

impl Class {
    pub const ALL: [Class; 5] =
        [Class::Input, Class::Output, Class::CacheRead, Class::CacheWrite5m, Class::CacheWrite1h];

    pub fn name(self) -> &'static str {
        match self {
            Class::Input => "input",
            Class::Output => "output",
            Class::CacheRead => "cache_read",
            Class::CacheWrite5m => "cache_write_5m",
            Class::CacheWrite1h => "cache_write_1h",
        }
    }

    fn column(self) -> usize {
        match self {
            Class::Input => 0,
            Class::Output => 1,
            Class::CacheRead => 2,
            Class::CacheWrite5m => 3,
            Class::CacheWrite1h => 4,
        }
    }
}

/// The place of one figure for tokens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    pub model: String,
    pub scope: Scope,
    pub tier: Tier,
    /// The size of prompt the figure begins to hold above, where it is a step's.
    pub above_input_tokens: Option<u64>,
    pub class: Class,
}

/// The place of one figure for pictures, speech or queries, by the name the book has for it. Standard tier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Piece {
    pub model: String,
    pub scope: Scope,
    pub name: String,
}

impl fmt::Display for Piece {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {} {}", self.model, self.scope, Tier::Standard.name(), self.name)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {}", self.model, self.scope, self.tier.name())?;
        if let Some(above) = self.above_input_tokens {
            write!(formatter, " above {above}")?;
        }
        write!(formatter, " {}", self.class.name())
    }
}

impl PriceBook {
    /// Every figure for tokens, nano-dollars per million.
    pub fn cells(&self) -> BTreeMap<Cell, NanoUsd> {
        let mut cells = BTreeMap::new();
        for (model, scopes) in &self.written.models {
            for (scope, row) in scopes {
                let Some(scope) = Scope::from_name(scope) else { continue };
                cells_of(row, model, &scope, &mut cells);
            }
        }
        cells
    }

    /// Every figure of the book by its place in words, those for pictures, speech, queries and services included.
    pub fn figures(&self) -> BTreeMap<String, NanoUsd> {
        let cells = self.cells().into_iter().map(|(cell, usd)| (cell.to_string(), usd));
        let pieces = self.pieces().into_iter().map(|(piece, usd)| (piece.to_string(), usd));
        let services = self.services.iter().map(|(unit, usd)| (format!("service {}", unit.name()), *usd));
        cells.chain(pieces).chain(services).collect()
    }

    /// Every figure of a model that is not for text: nano-dollars each, or per million where the meter is.
    pub fn pieces(&self) -> BTreeMap<Piece, NanoUsd> {
        let mut pieces = BTreeMap::new();
        for (model, scopes) in &self.written.models {
            for (scope, row) in scopes {
                let Some(scope) = Scope::from_name(scope) else { continue };
                let each = row.meters.iter().chain(&row.images);
                pieces.extend(each.filter_map(|(name, usd)| {
                    let (model, scope, name) = (model.clone(), scope.clone(), name.clone());
                    Some((Piece { model, scope, name }, usd.parse().ok()?))
                }));
            }
        }
        pieces
    }

    /// The book with other figures in some cells, as of another day, and with the source that states them before the
    /// others of their rows. Refused where what comes out is no book, such as a row with an output price and none for
    /// input.
    pub fn with_cells(
        &self,
        cells: &BTreeMap<Cell, NanoUsd>,
        as_of: &str,
        source: &str,
        (id, of_cells): (&str, Source),
    ) -> Result<PriceBook, PriceBookError> {
        let mut written: WrittenBook = self.written().clone();
        written.as_of = as_of.to_owned();
        written.source = source.to_owned();
        written.sources.insert(id.to_owned(), WrittenSource::Told(of_cells));
        for (cell, usd) in cells {
            let scopes = written.models.entry(cell.model.clone()).or_default();
            let scope = scopes.entry(cell.scope.to_string()).or_default();
            scope.is_now_stated_by(id);
            let row = match cell.above_input_tokens {
                None => Some(scope.row_mut(cell.tier)),
                Some(above) => scope.long_context.row_mut(above, cell.tier),
            };
            let Some(row) = row.map(Option::get_or_insert_default) else { continue };
            while row.len() <= cell.class.column() {
                row.push(None);
            }
            if let Some(figure) = row.get_mut(cell.class.column()) {
                *figure = Some(usd.to_string());
            }
        }
        written.forget_unnamed_sources();
        PriceBook::from_written(written)
    }
}

fn cells_of(row: &WrittenScope, model: &str, scope: &Scope, cells: &mut BTreeMap<Cell, NanoUsd>) {
    for tier in Tier::PRICED {
        let mut take = |row: Option<&Row>, above_input_tokens: Option<u64>| {
            for class in Class::ALL {
                let figure = row.and_then(|row| row.get(class.column())).and_then(Option::as_ref);
                let Some(usd) = figure.and_then(|figure| figure.parse().ok()) else { continue };
                let (model, scope) = (model.to_owned(), scope.clone());
                cells.insert(Cell { model, scope, tier, above_input_tokens, class }, usd);
            }
        };
        take(row.row(tier), None);
        for step in row.long_context.steps() {
            take(step.row(tier), Some(step.above_input_tokens));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOK: &str = r#"{"schema":"hardpan_prices/2","as_of":"2026-01-01","source":"s","unit":"u",
        "services": {"guardrail.topic": {"usd": "0.00015"}},
        "models": {"a.b": {"global": {"standard": ["1", "2", null, "1.25"],
            "long_context": [{"above_input_tokens": 9, "standard": ["3", "4"]}],
            "meters": {"query": "0.002"}, "images": {"big": "0.04"}}}}}"#;

    #[test]
    fn every_listed_figure_has_its_place() {
        let figures = PriceBook::parse(BOOK).unwrap().figures();
        let listed: Vec<String> = figures.iter().map(|(place, usd)| format!("{place} = {usd}")).collect();
        assert_eq!(
            listed,
            [
                "a.b global default above 9 input = 3",
                "a.b global default above 9 output = 4",
                "a.b global default big = 0.04",
                "a.b global default cache_write_5m = 1.25",
                "a.b global default input = 1",
                "a.b global default output = 2",
                "a.b global default query = 0.002",
                "service guardrail.topic = 0.00015",
            ]
        );
    }

    #[test]
    fn figures_are_replaced_and_rows_made() {
        let book = PriceBook::parse(BOOK).unwrap();
        let cell = |scope: &str, above_input_tokens, class| Cell {
            model: "a.b".to_owned(),
            scope: Scope::from_name(scope).unwrap(),
            tier: Tier::Standard,
            above_input_tokens,
            class,
        };
        let new = BTreeMap::from([
            (cell("global", None, Class::Input), NanoUsd(5)),
            (cell("global", Some(4), Class::Input), NanoUsd(6)),
            (cell("global", Some(4), Class::Output), NanoUsd(7)),
            (cell("geo:eu", None, Class::Input), NanoUsd(8)),
            (cell("geo:eu", None, Class::Output), NanoUsd(9)),
            (cell("geo:eu", None, Class::CacheWrite1h), NanoUsd(10)),
        ]);
        let list = || Source { what: "list".to_owned(), place: None, date: None, licence: None };
        let with = |cells, as_of| book.with_cells(cells, as_of, "t", ("list", list()));
        let changed = with(&new, "2026-02-01").unwrap();
        let cells = changed.cells();
        assert!(new.iter().all(|(cell, usd)| cells.get(cell) == Some(usd)));
        assert_eq!(cells.len(), book.cells().len() + 5);
        assert_eq!((changed.as_of(), changed.source()), ("2026-02-01", "t"));
        assert_eq!(PriceBook::parse(&changed.to_json().unwrap()).unwrap().figures(), changed.figures());
        let half = BTreeMap::from([(cell("geo:jp", None, Class::Output), NanoUsd(9))]);
        assert!(matches!(with(&half, "2026-02-01"), Err(PriceBookError::Row { .. })));
        assert!(matches!(with(&new, "soon"), Err(PriceBookError::AsOf(_))));
    }
}
