//! The wire formats answers are streamed in.

pub mod event_stream;
pub mod lines;
pub mod sse;
