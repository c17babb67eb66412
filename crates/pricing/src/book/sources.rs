//! Where the figures of a book are from: a table of sources, and for each row the names of those that state its
//! figures. What a source says is not read here; a book is only held to naming sources that it describes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::written::{WrittenBook, WrittenScope};
use super::{PriceBook, PriceBookError, Scope};
use crate::day::Day;
use crate::services::ServiceUnit;

/// Sources of one row; a row renewed again and again keeps the newest.
pub(super) const SOURCES_OF_ROW_MAX: usize = 8;

/// What states a figure, where it was read, and of which day it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub what: String,
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// `2026-07-24`, or `2026-08` where the day is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.what)?;
        if let Some(date) = &self.date {
            write!(formatter, ", {date}")?;
        }
        if let Some(place) = &self.place {
            write!(formatter, "; read in {place}")?;
        }
        if let Some(licence) = &self.licence {
            write!(formatter, "; {licence}")?;
        }
        Ok(())
    }
}

/// An entry of the table as written. Before the third schema it was a sentence, under the model it was about.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum WrittenSource {
    Told(Source),
    Text(String),
}

impl PriceBook {
    /// The sources of a row, in the order of their authority: a figure is by the first that states it. None where the
    /// book does not say; then its own [`source`](Self::source) is all there is.
    pub fn sources_of(&self, model: &str, scope: &Scope) -> Vec<&Source> {
        let row = self.written().models.get(model).and_then(|scopes| scopes.get(&scope.to_string()));
        let ids = row.map(|row| row.sources.as_slice()).unwrap_or_default();
        ids.iter().filter_map(|id| self.source_called(id)).collect()
    }

    /// The source of a service's price, as the table describes it or in the book's own words.
    pub fn source_of_service(&self, unit: ServiceUnit) -> Option<String> {
        let source = self.written().services.get(unit.name())?.source.as_ref()?;
        Some(self.source_called(source).map_or_else(|| source.clone(), Source::to_string))
    }

    fn source_called(&self, id: &str) -> Option<&Source> {
        match self.written().sources.get(id)? {
            WrittenSource::Told(source) => Some(source),
            WrittenSource::Text(_) => None,
        }
    }
}

impl WrittenBook {
    /// Brings the sentences of an older schema into the table, named by the rows they are about; and refuses a row
    /// that names a source the table does not have, or one without a day that can be read.
    pub(super) fn settle_sources(&mut self) -> Result<(), PriceBookError> {
        for (id, source) in &mut self.sources {
            if let WrittenSource::Text(what) = source {
                let rows = self.models.get_mut(id).into_iter().flat_map(BTreeMap::values_mut);
                rows.filter(|row| row.sources.is_empty()).for_each(|row| row.sources.push(id.clone()));
                let what = std::mem::take(what);
                *source = WrittenSource::Told(Source { what, place: None, date: None, licence: None });
            }
            let WrittenSource::Told(Source { date: Some(date), .. }) = source else { continue };
            if Day::parse(date).is_err() && Day::parse(&format!("{date}-01")).is_err() {
                return Err(PriceBookError::SourceDate { id: id.clone() });
            }
        }
        for (model, scopes) in &self.models {
            for (scope, row) in scopes {
                let is_known = row.sources.iter().all(|id| self.sources.contains_key(id));
                if !is_known || row.sources.len() > SOURCES_OF_ROW_MAX {
                    return Err(PriceBookError::Source { model: model.clone(), scope: scope.clone() });
                }
            }
        }
        Ok(())
    }

    /// Takes out what no row and no service names any more.
    pub(super) fn forget_unnamed_sources(&mut self) {
        let of_rows = self.models.values().flat_map(BTreeMap::values).flat_map(|row| &row.sources);
        let of_services = self.services.values().filter_map(|service| service.source.as_ref());
        let named: BTreeSet<String> = of_rows.chain(of_services).cloned().collect();
        self.sources.retain(|id, _| named.contains(id));
    }
}

impl WrittenScope {
    /// Puts a source before the others: it states what was written last.
    pub(super) fn is_now_stated_by(&mut self, id: &str) {
        self.sources.retain(|other| other != id);
        self.sources.insert(0, id.to_owned());
        self.sources.truncate(SOURCES_OF_ROW_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(schema: u8, sources: &str, row: &str) -> Result<PriceBook, PriceBookError> {
        PriceBook::parse(&format!(
            r#"{{"schema":"hardpan_prices/{schema}","as_of":"2026-01-01","source":"s","unit":"u","sources":{sources},
                "services":{{"guardrail.topic":{{"usd":"1","source":"list"}},"guardrail.word":{{"usd":"0","source":"a page"}}}},
                "models":{{"a.b":{{"global":{{"standard":["1","2"]{row}}},"geo:us":{{"standard":["3","4"]}}}}}}}}"#
        ))
    }

    const LIST: &str = r#"{"list":{"what":"The list","where":"a copy","date":"2026-07-24","licence":"MIT"},
        "page":{"what":"The page","date":"2026-08"}}"#;

    fn told(book: &PriceBook, scope: &str) -> Vec<String> {
        let scope = Scope::from_name(scope).unwrap();
        book.sources_of("a.b", &scope).into_iter().map(Source::to_string).collect()
    }

    #[test]
    fn a_row_tells_its_sources_in_order() {
        let book = book(3, LIST, r#","sources":["page","list"]"#).unwrap();
        assert_eq!(told(&book, "global"), ["The page, 2026-08", "The list, 2026-07-24; read in a copy; MIT"]);
        assert!(told(&book, "geo:us").is_empty());
        assert!(told(&book, "geo:eu").is_empty());
        let of_service = |unit| book.source_of_service(unit);
        assert_eq!(
            of_service(ServiceUnit::GuardrailTopic).unwrap(),
            "The list, 2026-07-24; read in a copy; MIT"
        );
        assert_eq!(of_service(ServiceUnit::GuardrailWord).unwrap(), "a page");
        assert_eq!(of_service(ServiceUnit::FlowNodeTransition), None);
        let again = PriceBook::parse(&book.to_json().unwrap()).unwrap();
        assert_eq!(told(&again, "global"), told(&book, "global"));
    }

    #[test]
    fn a_sentence_of_an_older_schema_is_the_source_of_its_model() {
        let book = book(2, r#"{"a.b":"a listing of 2026-01"}"#, "").unwrap();
        assert_eq!(told(&book, "global"), ["a listing of 2026-01"]);
        assert_eq!(told(&book, "geo:us"), ["a listing of 2026-01"]);
        let again = PriceBook::parse(&book.to_json().unwrap()).unwrap();
        assert_eq!(told(&again, "geo:us"), ["a listing of 2026-01"]);
    }

    #[test]
    fn a_source_that_is_not_described_or_of_no_day_is_refused() {
        let nine = format!(r#","sources":[{}]"#, [r#""list""#; SOURCES_OF_ROW_MAX + 1].join(","));
        for (sources, row) in
            [(LIST, r#","sources":["paper"]"#), (LIST, nine.as_str()), ("{}", r#","sources":["list"]"#)]
        {
            assert!(matches!(book(3, sources, row), Err(PriceBookError::Source { .. })), "{row}");
        }
        for date in ["", "soon", "2026", "2026-13", "2026-02-30", "2026-8"] {
            let sources = format!(r#"{{"list":{{"what":"w","date":"{date}"}}}}"#);
            assert!(matches!(book(3, &sources, ""), Err(PriceBookError::SourceDate { .. })), "{date}");
        }
        assert!(matches!(
            book(3, r#"{"list":{"what":"w","when":"now"}}"#, ""),
            Err(PriceBookError::Shape(_))
        ));
    }
}
