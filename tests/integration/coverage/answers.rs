//! What a caller can read in an answer, and what an upstream can read in a request, whatever their form: JSON, event
//! stream, raw payload parts, server-sent events, base64 inside any of them. It judges nothing.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardpan_inference::operation::{Operation, Service};
use hardpan_inference::stream::event_stream::FrameDecoder;
use serde_json::Value;

use crate::support::Response;

/// Bodies inside bodies looked into.
const DEPTH_MAX: usize = 8;

/// Every string of an answer by its place, the pieces of a stream joined place by place.
#[derive(Default)]
pub struct Strings {
    by_place: BTreeMap<String, String>,
}

impl Strings {
    pub fn of(response: &Response) -> Result<Self, String> {
        let mut strings = Self::default();
        let kind = response.header("content-type").unwrap_or_default();
        if kind.starts_with("application/vnd.amazon.eventstream") {
            strings.add_frames(&response.body)?;
        } else {
            strings.add_bytes("", &response.body, 0);
        }
        Ok(strings)
    }

    pub fn contain(&self, needle: &str) -> bool {
        self.by_place.values().any(|text| text.contains(needle))
    }

    fn add_frames(&mut self, body: &[u8]) -> Result<(), String> {
        let mut decoder = FrameDecoder::default();
        decoder.push(body);
        let mut raw = Vec::new();
        while let Some(frame) = decoder.next_frame().map_err(|error| error.to_string())? {
            if let Some(exception) = frame.header(":exception-type") {
                return Err(format!("the stream ended in {exception}"));
            }
            let kind = frame.header(":event-type").unwrap_or_default().to_owned();
            match serde_json::from_slice::<Value>(frame.payload()) {
                // A payload part may look like JSON too: a number, or a piece of a larger text.
                Ok(value) if kind != "PayloadPart" => self.add(&kind, &value, 0),
                _ => raw.extend_from_slice(frame.payload()),
            }
        }
        decoder.finish().map_err(|error| error.to_string())?;
        self.add_bytes("payload", &raw, 0);
        Ok(())
    }

    /// JSON, server-sent events, JSON lines, or text.
    fn add_bytes(&mut self, place: &str, bytes: &[u8], depth: usize) {
        if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
            return self.add(place, &value, depth);
        }
        let text = String::from_utf8_lossy(bytes);
        for line in text.lines() {
            let data = line.strip_prefix("data:").unwrap_or(line).trim();
            match serde_json::from_str::<Value>(data) {
                Ok(value @ (Value::Object(_) | Value::Array(_))) => self.add(place, &value, depth),
                _ => self.append(place, data),
            }
        }
    }

    fn add(&mut self, place: &str, value: &Value, depth: usize) {
        match value {
            Value::String(text) => {
                let name = place.rsplit('/').next().unwrap_or_default();
                let decoded = (name == "bytes" && depth < DEPTH_MAX).then(|| STANDARD.decode(text).ok());
                match decoded.flatten() {
                    Some(inner) => self.add_bytes(place, &inner, depth + 1),
                    None => self.append(place, text),
                }
            }
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.add(&format!("{place}/{at}"), item, depth);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    self.append(&format!("{place}/(names)"), name);
                    self.add(&format!("{place}/{name}"), member, depth);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn append(&mut self, place: &str, text: &str) {
        self.by_place.entry(place.to_owned()).or_default().push_str(text);
    }
}

/// Everything an upstream could read in a body: the bytes, the decoded strings, and what those hold in base64.
pub fn visible(body: &[u8]) -> String {
    let mut out = String::from_utf8_lossy(body).into_owned();
    read_into(body, 0, &mut out);
    out
}

fn read_into(body: &[u8], depth: usize, out: &mut String) {
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return };
    let mut pending = vec![&value];
    while let Some(value) = pending.pop() {
        match value {
            Value::String(text) => {
                out.push('\n');
                out.push_str(text);
                if depth >= DEPTH_MAX {
                    continue;
                }
                if let Ok(inner) = STANDARD.decode(text)
                    && let Ok(inner) = String::from_utf8(inner)
                {
                    out.push('\n');
                    out.push_str(&inner);
                    read_into(inner.as_bytes(), depth + 1, out);
                }
                // JSON inside a string: arguments of tools.
                if text.starts_with(['{', '[']) {
                    read_into(text.as_bytes(), depth + 1, out);
                }
            }
            Value::Array(items) => pending.extend(items),
            Value::Object(members) => {
                for (name, member) in members {
                    out.push('\n');
                    out.push_str(name);
                    pending.push(member);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// The message of an error in the form that clients of the operation read.
pub fn error_message(operation: Operation, response: &Response) -> Result<String, String> {
    let body: Value =
        serde_json::from_slice(&response.body).map_err(|_| "the error is no JSON".to_owned())?;
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let message = if operation.speaks_openai() {
        text(&body["error"]["type"]).and_then(|_| text(&body["error"]["message"]))
    } else if operation.speaks_anthropic() {
        text(&body["error"]["message"])
            .filter(|_| body["type"] == "error" && body["error"]["type"].is_string())
    } else if matches!(operation.service(), Service::SagemakerRuntime | Service::InferenceRouter) {
        text(&body["Message"]).or_else(|| text(&body["message"]))
    } else {
        text(&body["message"])
    };
    let own_form = operation.speaks_openai() || operation.speaks_anthropic();
    if !own_form && response.header("x-amzn-errortype").is_none() {
        return Err("the error has no x-amzn-errortype".to_owned());
    }
    message.ok_or_else(|| "the error does not have its service's form".to_owned())
}

/// An unexpected answer, for the list of failures. Samples hold no secrets.
pub fn complaint(response: &Response) -> String {
    let text: String = String::from_utf8_lossy(&response.body).chars().take(200).collect();
    format!("status {}: {text}", response.status)
}
