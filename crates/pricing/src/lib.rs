//! What a model call costs: integer money, a price book that is data, and the arithmetic between them; and how a book
//! is renewed from AWS's Price List and a bill compared with what was recorded.
//!
//! Nothing here knows who pays or how much is left (that is `quotas`), and nothing here fetches prices or opens files:
//! the shipped book is a snapshot with its date, and a newer one is read with [`PriceBook::parse`].

mod book;
mod day;
mod decimal;
pub mod diff;
mod money;
mod names;
pub mod price_list;
pub mod reconcile;
mod services;
mod usage_type;

pub use book::{
    Cell, Class, LongContext, Meter, PRICE_BOOK_BYTES_MAX, PRICE_BOOK_FRESH_DAYS, Piece, Price, PriceBook,
    PriceBookError, Quote, Rates, Scope, Source, Tier, Unpriced,
};
pub use day::{Day, InvalidDay};
pub use money::{Bill, Cost, InvalidUsd, Metered, NanoUsd, bill, cost};
pub use services::{
    CHARACTERS_PER_TEXT_UNIT, EndpointRate, Estimate, ServiceUnit, Throughput, guardrail_cost, service_cost,
    text_units,
};
pub use usage_type::NotText;
