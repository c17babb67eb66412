//! Hardpan: the policy enforcement point in front of Amazon Bedrock. Start reading at [`exchange`].

pub mod admin;
pub mod answer;
pub mod clearance;
pub mod cli;
pub mod config;
pub mod credentials_endpoint;
pub mod downstream;
pub mod duplex;
pub mod exchange;
pub mod forward;
pub mod identity;
pub mod keys;
pub mod models;
pub mod payload;
pub mod record;
pub mod refusal;
pub mod reload;
pub mod respond;
pub mod route;
pub mod server;
pub mod service;
pub mod sessions;
pub mod settlement;
pub mod snapshot;
pub mod tools;
pub mod upstream;
