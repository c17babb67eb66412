//! What each body shape means: which texts stand in it and who wrote them, which parameters and tools it sets,
//! what an answer and a streamed event say. Codecs add roles to what [`crate::json`] has read; a member none of
//! them knows is still a text to inspect.

mod answer;
mod anthropic;
mod converse;
mod event;
mod opaque;
mod request;
mod texts;

pub use answer::{Answer, ToolCall};
pub use event::{Event, EventKind, Lane, TextDelta, text_delta, tool_input_delta};
pub use request::{Request, RequestError, ToolDeclaration};
pub use texts::TextSpan;
