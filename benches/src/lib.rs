//! What the benches share: request bodies, the client that sends them, the processes it sends them to, and
//! the tables of what was measured. Nothing here judges a figure: a slow run is reported, never failed.

pub mod bodies;
pub mod client;
pub mod processes;
pub mod report;
