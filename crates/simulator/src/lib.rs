//! A local AWS: Bedrock's runtimes, SageMaker's, AgentCore's, and as much of the control plane as Hardpan
//! asks. It verifies signatures, answers every operation of the table deterministically, streams, throttles,
//! guards, and breaks on request. It serves `hardpan demo`, the tests and the benches.
//!
//! It is not a model and not a copy of AWS: it answers by echoing, counts tokens by bytes, remembers nothing
//! between two requests, and knows only the operations Hardpan knows. Directives in the last user text choose
//! everything else; see `directives`.

mod agentcore;
mod agents;
mod answer;
mod anthropic;
mod body;
mod chat;
mod control;
mod converse;
mod directives;
mod duplex;
mod endpoints;
mod exchange;
mod frames;
mod generation;
mod guardrail;
mod keyring;
mod native;
mod nova;
mod prompt;
mod received;
mod reply;
mod responses;
mod server;
mod text;
mod tls;
mod vectors;

pub use received::{Received, SignatureCheck};
pub use server::{Options, Simulator};
pub use tls::Tls;
