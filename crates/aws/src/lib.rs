//! AWS on the wire: verifying what callers signed, signing what Hardpan sends, where its own credentials come from,
//! and the shapes errors take. It opens no connection to a model: that is the proxy's part.

pub mod credentials;
pub mod error;
pub mod signer;
pub mod verifier;
