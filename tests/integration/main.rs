//! The built binary against the simulator, over real sockets. Each test starts its own pair on free ports.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod adversarial;
mod answers;
mod answers_redacted;
mod approvals;
mod attempts;
mod audit;
mod bodies;
mod configuration;
mod costs;
mod coverage;
mod drain;
mod duplex;
mod errors;
mod feedback;
mod guards;
mod identity;
mod leak;
mod obligations;
mod policy_tools;
mod properties;
mod quotas;
mod quotas_counted;
mod quotas_teams;
mod records;
mod redaction;
mod reload;
mod scan;
mod shared_values;
mod smuggling;
mod streams;
mod support;
mod telemetry;
mod upstream_faults;
mod upstream_tls;
mod vectors;
