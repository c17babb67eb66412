//! What Hardpan says about itself: metrics, traces, and one audit record per request.
//!
//! Prompt and completion text is in none of them. Logs are the proxy's own business, by `tracing`.

pub mod audit;
mod labels;
pub mod metrics;
pub mod otlp;
pub mod trace;
