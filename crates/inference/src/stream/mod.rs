//! The wire formats answers are streamed in.

pub mod event_stream;
