//! What each body shape means: which texts stand in it and who wrote them, which parameters and tools it sets,
//! what an answer and a streamed event say. Codecs add roles to what [`crate::json`] has read; a member none of
//! them knows is still a text to inspect.

mod agent;
mod answer;
mod anthropic;
mod beside;
mod cohere;
mod converse;
mod cut;
mod event;
mod event_change;
mod facts;
mod native;
mod opaque;
mod openai;
mod parameters;
mod plain;
mod reasoning;
mod request;
mod results;
mod retrieval;
mod returned;
mod rewrite;
mod shape;
#[cfg(test)]
mod testing;
mod texts;
mod usage;

pub use answer::{Answer, Restorable, ToolCall};
pub use event::{Event, EventKind, Lane, TextDelta};
pub use event_change::{CallChange, ChangedEvent, change_event};
pub use parameters::{Decimal, Parameter, ParameterRange};
pub use plain::PlainFamily;
pub use request::{Parsing, Request, RequestError};
pub use results::ToolResult;
pub use retrieval::RetrievalLimit;
pub use rewrite::GuardrailPlace;
pub use shape::ToolDeclaration;
pub use texts::TextSpan;
