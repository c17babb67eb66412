//! What differs between two price books, figure by figure. Which of them is right is not decided here.

use std::collections::BTreeSet;
use std::fmt;

use crate::book::PriceBook;
use crate::money::NanoUsd;

/// One figure that is not the same in both books; one side is `None` where the figure is new or gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub place: String,
    pub before: Option<NanoUsd>,
    pub after: Option<NanoUsd>,
}

/// All changes, in the order of their places.
pub fn diff(before: &PriceBook, after: &PriceBook) -> Vec<Change> {
    let (before, after) = (before.figures(), after.figures());
    let places: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let change = |place: &String| {
        let (before, after) = (before.get(place).copied(), after.get(place).copied());
        (before != after).then(|| Change { place: place.clone(), before, after })
    };
    places.into_iter().filter_map(change).collect()
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.before, self.after) {
            (Some(before), Some(after)) => {
                write!(formatter, "~ {}: {before} -> {after}", self.place)?;
                if before.0 == 0 {
                    return Ok(());
                }
                let tenths = (i128::from(after.0) - i128::from(before.0)) * 1_000 / i128::from(before.0);
                let sign = if tenths < 0 { '-' } else { '+' };
                let size = tenths.unsigned_abs();
                write!(formatter, " ({sign}{}.{} %)", size / 10, size % 10)
            }
            (None, Some(after)) => write!(formatter, "+ {}: {after}", self.place),
            (Some(before), None) => write!(formatter, "- {}: {before}", self.place),
            (None, None) => write!(formatter, "  {}", self.place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(models: &str) -> PriceBook {
        PriceBook::parse(&format!(
            r#"{{"schema":"hardpan_prices/2","as_of":"2026-01-01","source":"","unit":"","models":{models}}}"#
        ))
        .unwrap()
    }

    #[test]
    fn every_changed_figure_is_told_and_no_other() {
        let before = book(r#"{"a.b": {"global": {"standard": ["1", "2", "0.1"], "flex": ["0", "1"]}}}"#);
        let after = book(
            r#"{"a.b": {"global": {"standard": ["1.5", "2"], "flex": ["3", "0.999"]},
            "geo:eu": {"standard": ["1", "2"]}}}"#,
        );
        let lines: Vec<String> = diff(&before, &after).iter().map(Change::to_string).collect();
        assert_eq!(
            lines,
            [
                "+ a.b geo:eu default input: 1",
                "+ a.b geo:eu default output: 2",
                "- a.b global default cache_read: 0.1",
                "~ a.b global default input: 1 -> 1.5 (+50.0 %)",
                "~ a.b global flex input: 0 -> 3",
                "~ a.b global flex output: 1 -> 0.999 (-0.1 %)",
            ]
        );
        assert!(diff(&after, &after).is_empty());
    }
}
