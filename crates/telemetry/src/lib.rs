//! What Hardpan says about itself: metrics, and one audit record per request.
//!
//! Prompt and completion text is in neither. Spans and logs are the proxy's own business, by `tracing`.

pub mod audit;
pub mod lines;
pub mod metrics;
