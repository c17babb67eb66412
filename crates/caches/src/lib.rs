//! Answers kept to be given again: the key that says when two requests are the same, and a store in memory.
//!
//! Whether a request may be answered from here, and whether an answer may be kept, is policy's to say.
//! Answers taken from here pass the same inspection as live ones. Only exact repetition is recognised.

pub mod exact;
pub mod key;

pub use exact::{Entry, ExactCache, TTL_MAX};
pub use key::{CacheKey, KeyBuilder, KeyParts};
