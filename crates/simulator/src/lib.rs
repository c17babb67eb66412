//! A local Bedrock runtime: verifies signatures, answers the four governed operations deterministically,
//! streams, throttles, guards, and breaks on request. It serves `hardpan demo`, the tests and the benches.
//!
//! It is not a model and not a copy of AWS: it answers by echoing, counts tokens by bytes, and knows only
//! the operations Hardpan governs. Directives in the last user text choose everything else; see
//! `directives`.

mod answer;
mod anthropic;
mod body;
mod converse;
mod directives;
mod exchange;
mod frames;
mod generation;
mod keyring;
mod nova;
mod prompt;
mod received;
mod reply;
mod server;
mod text;

pub use received::{Received, SignatureCheck};
pub use server::{Options, Simulator};
