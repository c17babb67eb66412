//! Directives in the last user text, `[sim:NAME ARGUMENTS]`: a test or a demo says with them how the answer
//! shall look or fail. They are taken out of the text that is echoed. What is not a well-formed directive
//! stays text.
//!
//! | directive | effect |
//! |---|---|
//! | `tool NAME {json}` | a tool use block; may occur more than once |
//! | `return NAME {json}` | agents: control returns to the caller for that function |
//! | `sse` | agent runtimes: answers as server-sent events |
//! | `jsonlines` | endpoint streams: lines of JSON instead of server-sent events |
//! | `say TEXT` | answers TEXT instead of the echo |
//! | `bytes N` | answers N bytes of filler text |
//! | `guardrail` | the guardrail intervened |
//! | `throttle` | 429 ThrottlingException |
//! | `error STATUS TYPE` | that error |
//! | `close` | the connection closes before any answer byte |
//! | `exception NAME` | stream: an exception frame after two deltas, then the end |
//! | `cut` | transport broken inside a frame after two deltas; without a stream, inside the body |
//! | `badcrc` | stream: the third frame's message checksum is wrong |
//! | `end-early` | stream: ends cleanly before the message stops |
//! | `latency MS` | wait before the head |
//! | `pace MS` | stream: wait between frames |

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

const OPENING: &str = "[sim:";
/// Openings looked at in one text; the rest stays text. Counts failed readings too: each may scan to the
/// end.
const DIRECTIVES_MAX: usize = 64;
/// Longest wait a directive can ask for.
const WAIT_MS_MAX: u64 = 600_000;
/// Longest answer `bytes` can ask for.
const ANSWER_BYTES_MAX: usize = 4_000_000;
/// Longest tool name, exception name or error type.
const NAME_BYTES_MAX: usize = 64;

/// What the text asked for. Holds prompt text, so it has no `Debug`.
#[derive(Default)]
pub(crate) struct Directives {
    /// The text without its directives.
    pub(crate) echo: String,
    pub(crate) tools: Vec<ToolCall>,
    /// Functions an agent hands back to its caller.
    pub(crate) returns: Vec<ToolCall>,
    pub(crate) sse: bool,
    pub(crate) json_lines: bool,
    pub(crate) say: Option<String>,
    pub(crate) bytes: Option<usize>,
    pub(crate) guardrail: bool,
    /// The first one asked for.
    pub(crate) fault: Option<Fault>,
    pub(crate) latency: Duration,
    pub(crate) pace: Option<Duration>,
}

pub(crate) struct ToolCall {
    pub(crate) name: String,
    /// A JSON object, spelled as it was given.
    pub(crate) json: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Error { status: StatusCode, kind: String },
    Close,
    Stream(StreamFault),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StreamFault {
    Exception(String),
    Cut,
    BadChecksum,
    EndEarly,
}

enum Directive {
    Tool(ToolCall),
    Return(ToolCall),
    Sse,
    JsonLines,
    Say(String),
    Bytes(usize),
    Guardrail,
    Fault(Fault),
    Latency(Duration),
    Pace(Duration),
}

pub(crate) fn parse(text: &str) -> Directives {
    let mut directives = Directives::default();
    let mut tried = 0;
    let mut obeyed = false;
    let mut rest = text;
    while let Some((before, tail)) = rest.find(OPENING).and_then(|at| rest.split_at_checked(at)) {
        directives.echo.push_str(before);
        tried += 1;
        let found = if tried <= DIRECTIVES_MAX { read(tail) } else { None };
        if let Some((directive, after)) = found {
            directives.obey(directive);
            obeyed = true;
            rest = after;
        } else {
            directives.echo.push_str(OPENING);
            rest = tail.strip_prefix(OPENING).unwrap_or_default();
        }
    }
    directives.echo.push_str(rest);
    if obeyed {
        // Only what stood around a directive is trimmed; an ordinary text is echoed to the byte.
        directives.echo = directives.echo.trim().to_owned();
    }
    directives
}

impl Directives {
    fn obey(&mut self, directive: Directive) {
        match directive {
            Directive::Tool(tool) => self.tools.push(tool),
            Directive::Return(call) => self.returns.push(call),
            Directive::Sse => self.sse = true,
            Directive::JsonLines => self.json_lines = true,
            Directive::Say(text) => self.say = Some(text),
            Directive::Bytes(bytes) => self.bytes = Some(bytes),
            Directive::Guardrail => self.guardrail = true,
            Directive::Fault(fault) => {
                self.fault.get_or_insert(fault);
            }
            Directive::Latency(latency) => self.latency = latency,
            Directive::Pace(pace) => self.pace = Some(pace),
        }
    }
}

/// Reads the directive `tail` begins with, and returns what follows it.
fn read(tail: &str) -> Option<(Directive, &str)> {
    let inner = tail.strip_prefix(OPENING)?;
    if let Some(arguments) = inner.strip_prefix("tool ") {
        return read_tool(arguments).map(|(tool, after)| (Directive::Tool(tool), after));
    }
    if let Some(arguments) = inner.strip_prefix("return ") {
        return read_tool(arguments).map(|(call, after)| (Directive::Return(call), after));
    }
    let (inner, after) = split_at_closing_bracket(inner)?;
    let (name, arguments) = inner.split_once(' ').unwrap_or((inner, ""));
    let arguments = arguments.trim();
    let directive = match name {
        "say" => Directive::Say(arguments.to_owned()),
        "bytes" => Directive::Bytes(arguments.parse::<usize>().ok()?.min(ANSWER_BYTES_MAX)),
        "guardrail" => Directive::Guardrail,
        "sse" => Directive::Sse,
        "jsonlines" => Directive::JsonLines,
        "throttle" => Directive::Fault(Fault::Error {
            status: StatusCode::TOO_MANY_REQUESTS,
            kind: "ThrottlingException".to_owned(),
        }),
        "error" => Directive::Fault(read_error(arguments)?),
        "close" => Directive::Fault(Fault::Close),
        "exception" => {
            Directive::Fault(Fault::Stream(StreamFault::Exception(name_of(arguments)?.to_owned())))
        }
        "cut" => Directive::Fault(Fault::Stream(StreamFault::Cut)),
        "badcrc" => Directive::Fault(Fault::Stream(StreamFault::BadChecksum)),
        "end-early" => Directive::Fault(Fault::Stream(StreamFault::EndEarly)),
        "latency" => Directive::Latency(read_wait(arguments)?),
        "pace" => Directive::Pace(read_wait(arguments)?),
        _ => return None,
    };
    Some((directive, after))
}

/// `NAME {json}]`. The JSON is read as JSON, so brackets and braces inside its strings mean nothing.
fn read_tool(arguments: &str) -> Option<(ToolCall, &str)> {
    let arguments = arguments.trim_start();
    let end = arguments.find(|character: char| character.is_whitespace() || character == ']')?;
    let (name, rest) = arguments.split_at_checked(end)?;
    let name = name_of(name)?;
    let rest = rest.trim_start();
    let (json, rest) = if rest.starts_with(']') { ("{}", rest) } else { split_after_object(rest)? };
    let after = rest.trim_start().strip_prefix(']')?;
    Some((ToolCall { name: name.to_owned(), json: json.to_owned() }, after))
}

fn split_after_object(text: &str) -> Option<(&str, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let value = values.next()?.ok()?;
    let end = values.byte_offset();
    if value.is_object() { text.split_at_checked(end) } else { None }
}

/// Splits before and after the bracket that closes the directive, stepping over balanced ones.
fn split_at_closing_bracket(text: &str) -> Option<(&str, &str)> {
    let mut open = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' => open += 1,
            b']' if open == 0 => return Some((text.get(..at)?, text.get(at + 1..)?)),
            b']' => open -= 1,
            _ => {}
        }
    }
    None
}

fn read_error(arguments: &str) -> Option<Fault> {
    let (status, kind) = arguments.split_once(' ')?;
    let status = StatusCode::from_bytes(status.as_bytes()).ok()?;
    let kind = name_of(kind.trim())?.to_owned();
    (status.is_client_error() || status.is_server_error()).then_some(Fault::Error { status, kind })
}

fn read_wait(arguments: &str) -> Option<Duration> {
    let milliseconds: u64 = arguments.parse().ok()?;
    Some(Duration::from_millis(milliseconds.min(WAIT_MS_MAX)))
}

/// A name as AWS writes tools, exceptions and error types: it can stand in a header as it is.
fn name_of(text: &str) -> Option<&str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    ((1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_directives_is_echoed_to_the_byte() {
        for text in
            ["", "hello", "  spaces \n", "[sim]", "[sim:", "[sim:unknown]", "[sim:say unclosed", "a [b] [c"]
        {
            let directives = parse(text);
            assert_eq!(directives.echo, text);
            assert!(directives.fault.is_none() && directives.tools.is_empty() && directives.say.is_none());
        }
    }

    #[test]
    fn malformed_directives_stay_text() {
        for text in [
            "[sim:tool]",
            "[sim:tool a/b {}]",
            "[sim:tool a [1]]",
            "[sim:tool a {\"x\":]",
            "[sim:tool a {} trailing]",
            "[sim:bytes many]",
            "[sim:latency -1]",
            "[sim:error 200 Fine]",
            "[sim:error 999999 Fine]",
            "[sim:error 400 bad type]",
            "[sim:error 400 bad\r\ntype]",
            "[sim:exception]",
        ] {
            assert_eq!(parse(text).echo, text);
        }
    }

    #[test]
    fn tools_keep_their_json_as_given() {
        let json = "{\"to\": \"{EMAIL_1}\", \"note\": \"a ] b } c\"}";
        let directives = parse(&format!("go [sim:tool send_mail {json}] and [sim:tool noop] then"));
        let calls: Vec<(&str, &str)> =
            directives.tools.iter().map(|tool| (tool.name.as_str(), tool.json.as_str())).collect();
        assert_eq!(calls, [("send_mail", json), ("noop", "{}")]);
        assert_eq!(directives.echo, "go  and  then");
    }

    #[test]
    fn a_returned_function_and_the_forms_of_a_stream_are_read() {
        let directives =
            parse("[sim:return book {\"day\": \"{DATE_1}\"}] [sim:sse][sim:jsonlines] [sim:guard]");
        let calls: Vec<(&str, &str)> =
            directives.returns.iter().map(|call| (call.name.as_str(), call.json.as_str())).collect();
        assert_eq!(calls, [("book", "{\"day\": \"{DATE_1}\"}")]);
        assert!(directives.sse && directives.json_lines && directives.tools.is_empty());
        assert_eq!(directives.echo, "[sim:guard]");
    }

    #[test]
    fn every_fault_is_read() {
        let exception = StreamFault::Exception("throttlingException".to_owned());
        let error = |status, kind: &str| Fault::Error { status, kind: kind.to_owned() };
        for (text, expected) in [
            ("[sim:throttle]", error(StatusCode::TOO_MANY_REQUESTS, "ThrottlingException")),
            (
                "[sim:error 424 ModelErrorException]",
                error(StatusCode::FAILED_DEPENDENCY, "ModelErrorException"),
            ),
            ("[sim:close]", Fault::Close),
            ("x [sim:exception throttlingException] y", Fault::Stream(exception)),
            ("[sim:cut]", Fault::Stream(StreamFault::Cut)),
            ("[sim:badcrc]", Fault::Stream(StreamFault::BadChecksum)),
            ("[sim:end-early]", Fault::Stream(StreamFault::EndEarly)),
            ("[sim:close] [sim:cut]", Fault::Close),
        ] {
            assert_eq!(parse(text).fault, Some(expected), "{text}");
        }
    }

    #[test]
    fn say_takes_balanced_brackets_and_waits_are_bounded() {
        let directives =
            parse("[sim:say see [1] and [2]][sim:latency 5] [sim:pace 999999999][sim:bytes 99999999]");
        assert_eq!(directives.say.as_deref(), Some("see [1] and [2]"));
        assert_eq!(directives.latency, Duration::from_millis(5));
        assert_eq!(directives.pace, Some(Duration::from_millis(WAIT_MS_MAX)));
        assert_eq!(directives.bytes, Some(ANSWER_BYTES_MAX));
        assert_eq!(directives.echo, "");
    }

    #[test]
    fn no_more_than_the_bound_are_obeyed() {
        let directives = parse(&"[sim:tool a]".repeat(DIRECTIVES_MAX + 1));
        assert_eq!(directives.tools.len(), DIRECTIVES_MAX);
        assert_eq!(directives.echo, "[sim:tool a]");
    }
}
