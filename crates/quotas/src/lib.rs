//! How much a caller may still use: limits, the estimate made before a call, and the ledger that reserves
//! and settles.
//!
//! The ledger keeps its counters in memory, so limits hold per process and start afresh with it. There is no
//! clock, no price and no I/O in here: time and money come in as arguments.

pub mod estimate;
pub mod ledger;
pub mod limit;
pub mod window;

pub use estimate::{
    MaxTokens, bound, burndown, estimate_input_tokens, reservation_tokens, reservation_tokens_max,
};
pub use ledger::{Demand, Ledger, LimitStatus, QuotaExceeded, Reservation, Spend};
pub use limit::{Limit, Scope, Unit};
pub use window::Window;
