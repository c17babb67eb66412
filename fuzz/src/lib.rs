//! What must hold of every parser whatever bytes it is given, one function per property.
//!
//! A function panics where its property fails. The fuzz targets call these with libFuzzer's bytes, and the
//! integration tests include this very file and call them with bounded random ones, so that both mean the same.
//! Nothing here is a test of what a parser accepts: those tables stand with the parsers.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hardpan_aws::bearer;
use hardpan_aws::verifier::{self, SignedRequest};
use hardpan_inference::codec::{Parsing, Request};
use hardpan_inference::edit;
use hardpan_inference::json::{Document, JsonError, JsonLimits};
use hardpan_inference::model_id::ModelId;
use hardpan_inference::operation::{Governance, Operation, route};
use hardpan_inference::request::Dialect;
use hardpan_inference::stream::event_stream::{self, Frame, FrameDecoder, FrameError, Header};
use hardpan_inference::stream::lines::LineDecoder;
use hardpan_inference::stream::sse::{SseDecoder, SseEvent};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::de::IgnoredAny;
use serde_json::Value;

/// The tests that include this file look at parsers alone.
#[cfg(not(test))]
pub mod filters;

/// No seed is signed with it: whatever verifies is forged.
const SECRET: &str = "a-secret-that-signed-nothing";
/// The date of the published signing examples, which the seeds carry.
const NOW_UNIX: i64 = 1_440_938_160;

/// Cuts bytes into pieces, none of them empty: all at once for seed 0, single bytes for seed 1, else lengths that
/// the seed decides.
pub fn cut(bytes: &[u8], seed: u64) -> Vec<&[u8]> {
    match seed {
        0 if bytes.is_empty() => Vec::new(),
        0 => vec![bytes],
        1 => bytes.chunks(1).collect(),
        _ => {
            let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            let mut rest = bytes;
            let mut pieces = Vec::new();
            while !rest.is_empty() {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                // Mostly short, at times long enough to hold several frames.
                let longest = if state & 7 == 0 { 700 } else { 40 };
                let length = 1 + (state >> 33) as usize % longest;
                let (piece, tail) = rest.split_at(length.min(rest.len()));
                pieces.push(piece);
                rest = tail;
            }
            pieces
        }
    }
}

/// `data` is a selector of the signing name and a request line, `METHOD target`. What routes, routes to the same
/// target from its own canonical path, and is no operation that is always refused.
pub fn routing_is_canonical(data: &[u8]) {
    const SIGNING_NAMES: [Option<&str>; 5] =
        [None, Some("bedrock"), Some("bedrock-mantle"), Some("sagemaker"), Some("bedrock-agentcore")];
    let Some((selector, line)) = data.split_first() else { return };
    let signing_name = SIGNING_NAMES[usize::from(*selector) % SIGNING_NAMES.len()];
    let Some(space) = line.iter().position(|byte| *byte == b' ') else { return };
    let Ok(method) = std::str::from_utf8(&line[..space]) else { return };
    let Ok(target) = route(method, &line[space + 1..], signing_name) else { return };
    let path = target.path();
    assert!(target.operation.governance() != Governance::Refused, "{path}");
    assert!(path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()), "{path}");
    let again = route(method, path.as_bytes(), signing_name);
    assert_eq!(again.as_ref(), Ok(&target), "{path}");
    assert_eq!(again.map(|again| again.path()), Ok(path));
}

/// `data` is a JSON text or not. The span parser takes what serde_json takes, but for what it refuses on purpose, and
/// decodes the same strings; a string changed in place leaves JSON with that string changed.
pub fn spans_agree_with_serde(data: &[u8]) {
    let limits = JsonLimits { depth_max: 100, values_max: 10_000 };
    let parsed = Document::parse(data, limits);
    let text = match std::str::from_utf8(data) {
        Ok(text) => text,
        Err(error) => {
            assert_eq!(parsed.err(), Some(JsonError::Utf8 { at: error.valid_up_to() }));
            return;
        }
    };
    // Reading without keeping: no recursion limit, no number too large, no objection to lone surrogates.
    let accepted = serde_json::from_str::<IgnoredAny>(text).is_ok();
    let document = match parsed {
        Ok(document) => document,
        Err(JsonError::Syntax { at }) => {
            assert!(!accepted, "serde_json takes what is refused at byte {at}");
            return;
        }
        Err(JsonError::Utf8 { at }) => panic!("valid UTF-8 was refused at byte {at}"),
        Err(
            JsonError::DuplicateKey { .. }
            | JsonError::Depth { .. }
            | JsonError::Values { .. }
            | JsonError::Length,
        ) => return,
    };
    assert!(accepted, "serde_json refuses what was taken");
    // serde_json gives names of its own that begin so a meaning.
    if let Ok(value) = serde_json::from_str::<Value>(text)
        && !text.contains("$serde_json")
    {
        let mut expected = Vec::new();
        strings(&value, &mut expected);
        let ids = document.descendants(document.root());
        let decoded: Vec<_> = ids.filter_map(|id| document.string(id)).collect();
        assert_eq!(decoded, expected);
    }
    strings_change_in_place(data, &document, limits);
}

fn strings<'v>(value: &'v Value, out: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => out.push(text),
        Value::Array(elements) => elements.iter().for_each(|element| strings(element, out)),
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            out.push(name);
            strings(member, out);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn strings_change_in_place(data: &[u8], document: &Document<'_>, limits: JsonLimits) {
    const WORDS: &str = "\"other\\ words\"\n\u{1}é";
    let values = document.descendants(document.root()).filter(|id| !document.is_key(*id));
    for (id, decoded) in values.filter_map(|id| Some((id, document.string(id)?))).take(8) {
        let change = document.edit_in_string(id, 0..decoded.len(), WORDS).expect("a string can be changed");
        let changed = edit::apply(data, vec![change]).expect("the change lies inside");
        let again = Document::parse(&changed, limits).expect("a changed document is a document");
        assert_eq!(again.string(id).as_deref(), Some(WORDS));
    }
}

/// `data` is a mode and bytes: a stream as it stands, or headers and payloads to put into frames with right
/// checksums, which random bytes never have. Frames and errors are the same however the stream is cut.
pub fn frames_do_not_depend_on_cuts(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    let stream = if mode % 2 == 0 { rest.to_vec() } else { framed(rest) };
    let (frames, end) = decoded_frames(&stream, 0);
    let whole: Vec<u8> = frames.iter().flat_map(|frame| frame.raw().iter().copied()).collect();
    assert!(stream.starts_with(&whole), "frames are the bytes that came");
    assert!(end.is_err() || whole.len() == stream.len(), "a tidy end leaves nothing over");
    let parts = |frames: &[Frame]| -> Vec<(Vec<u8>, Vec<Header>, Vec<u8>)> {
        let part = |frame: &Frame| (frame.raw().to_vec(), frame.headers(), frame.payload().to_vec());
        frames.iter().map(part).collect()
    };
    for seed in [1, 2, 3 + u64::from(*mode)] {
        let (others, other_end) = decoded_frames(&stream, seed);
        assert!(parts(&others) == parts(&frames) && other_end == end, "cut by seed {seed}");
    }
    for frame in &frames {
        assert!(frame.with_payload(frame.payload()).raw() == frame.raw(), "the same payload, the same frame");
    }
}

fn decoded_frames(stream: &[u8], seed: u64) -> (Vec<Frame>, Result<(), FrameError>) {
    let mut decoder = FrameDecoder::default();
    let mut frames = Vec::new();
    for piece in cut(stream, seed) {
        decoder.push(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Err(error)),
            }
        }
    }
    (frames, decoder.finish())
}

/// Reads `data` as lengths, header blocks and payloads, and writes a frame of each.
fn framed(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = data;
    while let [headers_length, payload_length, tail @ ..] = rest {
        let (headers, tail) = tail.split_at(usize::from(*headers_length).min(tail.len()));
        let (payload, tail) = tail.split_at(usize::from(*payload_length).min(tail.len()));
        let begin = out.len();
        for length in [16 + headers.len() + payload.len(), headers.len()] {
            out.extend_from_slice(&(length as u32).to_be_bytes());
        }
        out.extend_from_slice(&crc32(&out[begin..]).to_be_bytes());
        out.extend_from_slice(headers);
        out.extend_from_slice(payload);
        out.extend_from_slice(&crc32(&out[begin..]).to_be_bytes());
        rest = tail;
    }
    out
}

/// Bit by bit, so that the frames here owe nothing to the code they test.
fn crc32(bytes: &[u8]) -> u32 {
    let bit = |state: u32| (state >> 1) ^ (0xEDB8_8320 & (state & 1).wrapping_neg());
    !bytes.iter().fold(u32::MAX, |state, byte| (0..8).fold(state ^ u32::from(*byte), |state, _| bit(state)))
}

/// `data` is a stream of server-sent events. They are the same however it is cut, and their bytes are those of the
/// stream, none lost and none added.
pub fn sse_events_do_not_depend_on_cuts(data: &[u8]) {
    let events = sse_events(&cut(data, 0));
    let whole: Vec<u8> = events.iter().flat_map(|event| event.raw.iter().copied()).collect();
    assert!(whole == data, "events are the bytes that came");
    for seed in 1..5 {
        assert!(sse_events(&cut(data, seed)) == events, "cut by seed {seed}");
    }
}

/// An event as it was read. No `Debug`: it may hold content of a finding somebody shares.
#[derive(PartialEq)]
struct ReadEvent {
    raw: Vec<u8>,
    name: String,
    data: Option<Vec<u8>>,
}

fn sse_events(pieces: &[&[u8]]) -> Vec<ReadEvent> {
    let mut decoder = SseDecoder::default();
    let mut events = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        events.extend(std::iter::from_fn(|| decoder.next_event()));
    }
    events.extend(decoder.finish());
    let read = |event: &SseEvent| ReadEvent {
        raw: event.raw().to_vec(),
        name: event.event_name().into_owned(),
        data: event.data().map(Cow::into_owned),
    };
    events.iter().map(read).collect()
}

fn lines(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut decoder = LineDecoder::default();
    let mut lines = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        lines.extend(std::iter::from_fn(|| decoder.next_line()));
    }
    lines.extend(decoder.finish());
    lines.iter().map(|line| line.to_vec()).collect()
}

/// `data` is a seed and what a container wrote. Where SageMaker cuts it into parts, and the network the parts into
/// pieces, changes nothing in it: neither its bytes nor its events nor its lines.
pub fn payload_parts_do_not_depend_on_cuts(data: &[u8]) {
    let Some((seed, written)) = data.split_first() else { return };
    let seed = u64::from(*seed);
    let mut stream = Vec::new();
    for part in cut(written, seed) {
        let headers = [
            (":event-type", "PayloadPart"),
            (":content-type", "application/octet-stream"),
            (":message-type", "event"),
        ];
        event_stream::encode(&headers, part, &mut stream);
    }
    let (frames, end) = decoded_frames(&stream, seed ^ 0x55);
    assert_eq!(end, Ok(()));
    let parts: Vec<&[u8]> = frames.iter().map(Frame::payload).collect();
    assert!(parts.concat() == written, "parts are the bytes that were written");
    let whole = cut(written, 0);
    assert!(sse_events(&parts) == sse_events(&whole), "events of parts");
    let read = lines(&parts);
    assert!(read == lines(&whole), "lines of parts");
    assert!(read.concat() == written, "lines are the bytes that were written");
}

/// `data` is a request target and header lines. Reading never panics; what is read has plain parts, which nothing
/// further on can take for structure; and nothing verifies against a secret that signed nothing.
pub fn signatures_parse_into_plain_parts(data: &[u8]) {
    let mut fields = data.split(|byte| *byte == b'\n');
    let raw_target = fields.next().unwrap_or_default();
    let mut headers = HeaderMap::new();
    for field in fields.take(64) {
        let Some(colon) = field.iter().skip(1).position(|byte| *byte == b':') else { continue };
        let (name, value) = field.split_at(colon + 1);
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(&value[1..])) {
            headers.append(name, value);
        }
    }
    let Ok(authorization) = verifier::parse(&headers, raw_target) else { return };
    for part in [&authorization.access_key_id, &authorization.region, &authorization.service] {
        assert!(is_plain(part));
    }
    let request = SignedRequest {
        method: "POST",
        raw_target,
        headers: &headers,
        authority: Some("localhost"),
        body_sha256: &[0; 32],
    };
    // Any date is near enough, so that what follows the date is reached.
    assert!(verifier::verify(&authorization, SECRET, &request, NOW_UNIX, i64::MAX).is_err());
}

/// `data` is a token, or what stands in one. As for signatures.
pub fn bearer_tokens_parse_into_plain_parts(data: &[u8]) {
    let mut tokens: Vec<String> = std::str::from_utf8(data).map(str::to_owned).into_iter().collect();
    for prefix in ["bedrock-api-key-", "sagemaker-api-key-"] {
        tokens.push(format!("{prefix}{}", STANDARD.encode(data)));
    }
    for token in tokens {
        let Ok(key) = bearer::parse(&token) else { continue };
        assert!(is_plain(&key.access_key_id) && is_plain(&key.region));
        assert!(bearer::verify(&key, SECRET, NOW_UNIX, 300).is_err());
    }
}

fn is_plain(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
}

/// An operation, the model its path names, and the dialect configuration gives its endpoint.
type Body = (Operation, Option<&'static str>, Option<&'static str>);

/// One row for each way to read a body. The seeds name rows by their place: add at the end.
const BODIES: &[Body] = &[
    (Operation::Converse, Some("amazon.nova-lite-v1:0"), None),
    (Operation::ConverseStream, Some("us.anthropic.claude-sonnet-4-20250514-v1:0"), None),
    (Operation::InvokeModel, Some("anthropic.claude-3-haiku-20240307-v1:0"), None),
    (Operation::InvokeModel, Some("amazon.nova-lite-v1:0"), None),
    (Operation::InvokeModel, Some("openai.gpt-oss-20b-1:0"), None),
    (Operation::InvokeModel, Some("cohere.command-r-v1:0"), None),
    (Operation::InvokeModel, Some("amazon.titan-text-express-v1"), None),
    (Operation::InvokeModel, Some("meta.llama3-8b-instruct-v1:0"), None),
    (Operation::InvokeModel, Some("mistral.mistral-7b-instruct-v0:2"), None),
    (Operation::InvokeModel, Some("mistral.mistral-large-2407-v1:0"), None),
    (Operation::InvokeModel, Some("anthropic.claude-v2:1"), None),
    (Operation::InvokeModel, Some("deepseek.r1-v1:0"), None),
    (Operation::InvokeModel, Some("ai21.jamba-1-5-large-v1:0"), None),
    (Operation::InvokeModel, Some("amazon.titan-embed-text-v2:0"), None),
    (Operation::InvokeModel, Some("cohere.rerank-v3-5:0"), None),
    (Operation::InvokeModel, Some("stability.sd3-large-v1:0"), None),
    (Operation::InvokeModel, Some("twelvelabs.pegasus-1-2-v1:0"), None),
    (Operation::InvokeModel, Some("nobody.unheard-of-v1:0"), None),
    (Operation::ChatCompletions, None, None),
    (Operation::Responses, None, None),
    (Operation::MantleMessages, None, None),
    (Operation::CountTokens, Some("amazon.nova-lite-v1:0"), None),
    (Operation::StartAsyncInvoke, None, None),
    (Operation::ApplyGuardrail, None, None),
    (Operation::InvokeEndpoint, None, None),
    (Operation::InvokeEndpoint, None, Some("tgi")),
    (Operation::InvokeEndpoint, None, Some("openai.chat")),
    (Operation::InvokeEndpoint, None, Some("openai.completions")),
    (Operation::InvokeEndpoint, None, Some("embeddings")),
    (Operation::InvokeEndpoint, None, Some("llama")),
    (Operation::InvokeEndpoint, None, Some("anthropic")),
    (Operation::InvokeEndpoint, None, Some("cohere.chat")),
    (Operation::InvokeEndpoint, None, Some("text")),
    (Operation::InvokeEndpoint, None, Some("bytes")),
    (Operation::InvokeEndpoint, None, Some("opaque")),
    (Operation::InvokeAgent, None, None),
    (Operation::InvokeInlineAgent, None, None),
    (Operation::InvokeFlow, None, None),
    (Operation::Retrieve, None, None),
    (Operation::RetrieveAndGenerate, None, None),
    (Operation::Rerank, None, None),
    (Operation::InvokeAgentRuntime, None, None),
    (Operation::GetResourceApiKey, None, None),
    (Operation::GetAsyncInvoke, None, None),
];

/// `data` is a row of [`BODIES`] and a body. Whatever Hardpan changes in a body that it took, the outcome is a body of
/// the same kind, says what was asked for, and every text of it can be read and changed.
pub fn edited_requests_stay_requests(data: &[u8]) {
    const MAX_TOKENS: u64 = 77;
    const LABEL: &str = "hardpan_label";
    let Some((row, body)) = data.split_first() else { return };
    let (operation, model, dialect) = BODIES[usize::from(*row) % BODIES.len()];
    let model = model.map(|model| ModelId::parse(model).expect("the rows name models"));
    let dialect = dialect.map(|name| Dialect::from_name(name).expect("the rows name dialects"));
    let parsing = |limits: JsonLimits| Parsing { operation, model: model.as_ref(), dialect, limits };
    let limits = JsonLimits { depth_max: 64, values_max: 10_000 };
    // A change may add members, and must not be held to the bounds the caller was held to.
    let wider = parsing(JsonLimits { depth_max: 80, values_max: 20_000 });
    let Ok(request) = Request::parse(&parsing(limits), body) else { return };

    let limited = request.set_max_tokens(MAX_TOKENS);
    let labelled = request.set_metadata(&BTreeMap::from([(LABEL.to_owned(), "\"value\"".to_owned())]));
    let (is_limited, is_labelled) = (!limited.is_empty(), !labelled.is_empty());
    let changed = edit::apply(body, limited.into_iter().chain(labelled).collect());
    let changed = changed.expect("the changes lie apart and inside the body");
    let again = Request::parse(&wider, &changed).expect("a changed body is a body");
    assert!(again.facts.dialect == request.facts.dialect, "a change alters what a body is taken for");
    assert!(!is_limited || again.facts.params.max_tokens == Some(MAX_TOKENS), "the limit does not hold");
    let label = again.facts.metadata.get(LABEL);
    assert!(!is_labelled || label.is_none_or(|label| label == "\"value\""), "the label is another");
    assert!(!is_labelled || label.is_some() || again.facts.metadata.len() >= 16, "the label is not there");

    let all: BTreeSet<String> = request.facts.tools.iter().cloned().collect();
    let without = edit::apply(body, request.drop_tools(&all)).expect("the changes lie apart");
    let again = Request::parse(&wider, &without).expect("a body without tools is a body");
    assert!(again.facts.dialect == request.facts.dialect, "tools are not what tells a body");

    for range in request.shaping_ranges() {
        assert!(range.start <= range.end && range.end <= body.len().max(2), "a range outside the body");
    }
    for text in request.texts.iter().take(32) {
        let Some(read) = text.read(&request.document) else { continue };
        let end = read.chars().next().map_or(0, char::len_utf8);
        let edits = text.edits(&request.document, &[(0..end, "other \"words\"".to_owned())]);
        // A name that is changed may become one that stands beside it already.
        if text.editable && !request.document.is_key(text.value) {
            let changed = edit::apply(body, edits).expect("the change lies inside");
            assert!(Document::parse(&changed, limits).is_ok(), "a changed text breaks the body");
        }
    }
}
