//! Watching how old the price book is. A book that nobody renews goes on pricing calls, as an old price is nearer the
//! truth than none; but it says so, at start and every day from then on, in the log and as metrics.
//!
//! Nothing is fetched here: `hardpan prices update` makes a new book.

use std::time::Duration;

use hardpan_pricing::{Day, PRICE_BOOK_FRESH_DAYS, PriceBook};
use hardpan_telemetry::metrics;

use crate::identity::now_unix;

const LOOK_EVERY: Duration = Duration::from_secs(600);

/// Remembers the day of the last warning, so that there is one a day.
#[derive(Default)]
pub struct Watch {
    warned: Option<Day>,
}

impl Watch {
    /// Notes whether the book is stale. True when that has to be said now.
    fn look(&mut self, book: &PriceBook, today: Day) -> bool {
        let is_stale = book.is_stale(today);
        metrics::price_book(book.day().unix_seconds(), is_stale);
        is_stale && self.warned.replace(today) != Some(today)
    }

    /// Looks for as long as it is polled, at once to begin with.
    pub async fn keep(mut self, book: &PriceBook) {
        loop {
            let today = Day::from_unix_seconds(now_unix());
            if self.look(book, today) {
                tracing::warn!(
                    as_of = book.as_of(),
                    days = today.days_since(book.day()),
                    fresh_days = PRICE_BOOK_FRESH_DAYS,
                    "the price book is stale: make a new one with `hardpan prices update` and name it in prices.book"
                );
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_book_is_told_once_a_day_for_as_long_as_it_is_stale() {
        let book = r#"{"schema":"hardpan_prices/2","as_of":"2026-01-10","source":"","unit":"","models":{}}"#;
        let book = PriceBook::parse(book).unwrap();
        let mut watch = Watch::default();
        for (today, is_told) in [
            ("2026-01-10", false),
            ("2026-01-17", false),
            ("2026-01-18", true),
            ("2026-01-18", false),
            ("2026-01-19", true),
            ("2026-01-19", false),
            // The clock was wrong, or the book is dated ahead.
            ("2026-01-09", true),
            ("2026-01-12", false),
        ] {
            assert_eq!(watch.look(&book, Day::parse(today).unwrap()), is_told, "{today}");
        }
    }
}
