//! AWS on the wire: verifying what callers signed, signing what Hardpan sends, where its own credentials come from,
//! and the shapes errors take. It opens no connection to a model: that is the proxy's part.

pub mod bearer;
mod canonical;
pub mod credentials;
pub mod error;
pub mod event_signing;
pub mod replay;
pub mod signer;
pub mod skew;
pub mod verifier;
