//! What a request to a model means, from its bytes: operation, model, principal, texts, parameters, tools, usage,
//! and the wire formats they travel in. No I/O and no clock: everything here is a function of its arguments.

pub mod codec;
pub mod edit;
pub mod finding;
pub mod json;
pub mod model_id;
pub mod operation;
pub mod principal;
pub mod request;
mod stops;
pub mod stream;
pub mod usage;
