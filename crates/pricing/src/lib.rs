//! What a model call costs: integer money, a price book that is data, and the arithmetic between them.
//!
//! Nothing here knows who pays or how much is left (that is `quotas`), and nothing here fetches prices: the
//! shipped book is a snapshot with its date, and a newer one is read with [`PriceBook::parse`].

mod book;
mod money;

pub use book::{LongContext, PRICE_BOOK_BYTES_MAX, Price, PriceBook, PriceBookError, Rates, Tier};
pub use money::{Cost, InvalidUsd, NanoUsd, cost};
