//! Finding personal data, secrets and prompt injection in texts, and masking what was found so that it can be put
//! back. Detectors report; what a finding means is policy's to say.

mod anchored;
pub mod custom;
pub mod holdback;
pub mod injection;
pub mod inspection;
mod known;
pub mod masking;
pub mod pii;
mod prefixes;
pub mod replacement;
mod required;
pub mod scan;
pub mod stream_scan;
pub mod vault;
