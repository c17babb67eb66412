//! What the tests of the codecs share: parsing a body as one operation or one model's own, and reading back what
//! was found. Test code only.

use super::plain::PlainFamily;
use super::request::{Parsing, Request, RequestError};
use crate::edit::{self, Edit};
use crate::finding::Channel;
use crate::json::JsonLimits;
use crate::model_id::ModelId;
use crate::operation::Operation;
use crate::request::Dialect;

/// A Converse body with something in every place.
pub(super) const CONVERSE: &str = r#"{"messages": [
        {"role": "user", "content": [{"text": "u1"}, {"image": {"format": "png", "source": {"bytes": "aGk="}}},
            {"document": {"format": "txt", "name": "d1", "source": {"text": "d2", "bytes": "aGk="}}}]},
        {"role": "assistant", "content": [{"text": "a1"},
            {"reasoningContent": {"reasoningText": {"text": "r1", "signature": "sig"}}},
            {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"k1": "v1", "n": [1, "v2"]}}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "t1", "content": [{"text": "x1"},
            {"json": {"k2": "v3"}}], "status": "success"}}, {"cachePoint": {"type": "default"}}]}],
        "system": [{"text": "s1"}], "inferenceConfig": {"maxTokens": 10, "temperature": 0.5},
        "toolConfig": {"tools": [{"toolSpec": {"name": "f", "description": "fd", "inputSchema": {"json": {"type": "object"}}}},
            {"toolSpec": {"name": "g", "inputSchema": {"json": {}}}}], "toolChoice": {"tool": {"name": "f"}}},
        "requestMetadata": {"project": "x"}, "somethingNew": {"deep": ["n1"]}}"#;

/// `model` is empty where none is known.
pub(super) fn try_parse<'a>(
    operation: Operation,
    model: &str,
    body: &'a str,
) -> Result<Request<'a>, RequestError> {
    try_parse_as(operation, model, None, body)
}

pub(super) fn try_parse_as<'a>(
    operation: Operation,
    model: &str,
    dialect: Option<Dialect>,
    body: &'a str,
) -> Result<Request<'a>, RequestError> {
    let model = (!model.is_empty()).then(|| ModelId::parse(model).unwrap());
    let limits = JsonLimits::default();
    Request::parse(&Parsing { operation, model: model.as_ref(), dialect, limits }, body.as_bytes())
}

pub(super) fn parse<'a>(operation: Operation, model: &str, body: &'a str) -> Request<'a> {
    try_parse(operation, model, body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

/// A body of InvokeModel; of a SageMaker endpoint where no model is named.
pub(super) fn native<'a>(model: &str, family: PlainFamily, body: &'a str) -> Request<'a> {
    if model.is_empty() {
        let dialect = Some(Dialect::Plain(family));
        return try_parse_as(Operation::InvokeEndpoint, model, dialect, body).unwrap();
    }
    parse(Operation::InvokeModel, model, body)
}

pub(super) fn channels(request: &Request<'_>) -> Vec<(String, Channel)> {
    let texts = request.texts.iter();
    texts.map(|text| (text.read(&request.document).unwrap().into_owned(), text.channel)).collect()
}

pub(super) fn applied(body: &str, edits: Vec<Edit>) -> serde_json::Value {
    let changed = edit::apply(body.as_bytes(), edits).unwrap();
    serde_json::from_slice(&changed).unwrap()
}

/// Every text that is marked with its channel in its first letters stands in that channel, and all are there.
pub(super) fn assert_marked(request: &Request<'_>, body: &str) {
    let found = channels(request);
    let mut count = 0;
    for word in body.split(['"', '\\']) {
        let channel = match word.trim_end_matches(|last: char| last.is_ascii_digit()) {
            "SYSTEM" => Channel::System,
            "USER" => Channel::User,
            "ASSISTANT" => Channel::Assistant,
            "TOOL" => Channel::Tool,
            _ => continue,
        };
        count += 1;
        let holds = |(text, own): &(String, Channel)| *own == channel && text.contains(word);
        assert!(found.iter().any(holds), "{word} in {channel:?}: {found:?}");
    }
    assert!(count > 0, "{body}");
}
