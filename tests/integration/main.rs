//! The built binary against the simulator, over real sockets. Each test starts its own pair on free ports.

mod adversarial;
mod answers;
mod bodies;
mod configuration;
mod guards;
mod records;
mod streams;
mod support;
