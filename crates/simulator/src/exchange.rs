//! One request, from its head to the answer on the wire. The answer itself is a value made in `reply`; here
//! are only the reading, the keys, the log, the waiting and the headers.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, DATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use time::OffsetDateTime;
use time::macros::format_description;

use hardpan_inference::operation::{self, Operation, RouteError, Target};

use crate::body::AnswerBody;
use crate::control::Lookup;
use crate::duplex::Duplex;
use crate::frames::Wire;
use crate::keyring::{Keyring, Verdict, scoped_service};
use crate::received::Received;
use crate::reply::{BODY_BYTES_MAX, Content, Reply, Setting, reply};
use crate::server::Shared;
use crate::tls::AskedFor;

/// Of a body that is too large, so much is read and thrown away, so that the client gets to read its
/// refusal.
const DISCARDED_BYTES_MAX: usize = 4 * BODY_BYTES_MAX;

const REQUEST_ID: &str = "x-amzn-requestid";
const ERROR_TYPE: &str = "x-amzn-errortype";
const JSON: &str = "application/json";
/// The service that signs for paths nothing here knows.
const USUAL_SIGNING_NAME: &str = "bedrock";

/// Makes hyper close the connection (or reset the stream) without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection was closed without an answer")]
pub(crate) struct Hangup;

pub(crate) async fn respond(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Hangup> {
    shared.requests.fetch_add(1, Ordering::Relaxed);
    let (head, body) = request.into_parts();
    let call = Call::read(&head);
    if let Ok(Call::Operation(target)) = &call
        && target.operation == Operation::InvokeModelWithBidirectionalStream
    {
        return converse_both_ways(shared, &head, &call, body).await;
    }
    let body = receive(body).await.map_err(|_| Hangup)?;
    let reply = decide(&shared, &head, call, body);
    if !reply.latency.is_zero() {
        tokio::time::sleep(reply.latency).await;
    }
    answer(&shared, reply)
}

/// What a request line asks for.
enum Call {
    Operation(Target),
    Lookup(Lookup),
}

type Routed = Result<Call, RouteError>;

impl Call {
    /// A credential scoped to another service still reaches the operation, whose check of signatures then
    /// says what is wrong.
    fn read(head: &Parts) -> Routed {
        let (method, raw_target) = (head.method.as_str(), raw_target(head));
        if let Some(lookup) = Lookup::read(method, raw_target) {
            return Ok(Call::Lookup(lookup));
        }
        let route = |service: Option<&str>| operation::route(method, raw_target.as_bytes(), service);
        let scoped = scoped_service(&head.headers);
        route(scoped).or_else(|error| route(None).map_err(|_| error)).map(Call::Operation)
    }

    fn signing_name(&self) -> &'static str {
        match self {
            Call::Operation(target) => target.operation.signing_service(),
            Call::Lookup(_) => USUAL_SIGNING_NAME,
        }
    }
}

fn raw_target(head: &Parts) -> &str {
    head.uri.path_and_query().map_or("", |target| target.as_str())
}

/// The answer begins before the request has ended, so nothing is read here.
async fn converse_both_ways(
    shared: Arc<Shared>,
    head: &Parts,
    call: &Routed,
    body: Incoming,
) -> Result<Response<AnswerBody>, Hangup> {
    let service = call.as_ref().map_or(USUAL_SIGNING_NAME, Call::signing_name);
    let (verdict, chain) = shared.keyring.check_seed(head, raw_target(head), service);
    let record = shared.log.record(|| received(head, None, call, &verdict));
    if head.version != Version::HTTP_2 {
        return answer(&shared, Reply::validation("This operation needs HTTP/2."));
    }
    if shared.verify_signatures
        && let Some(refusal) = verdict.refusal()
    {
        return answer(&shared, refusal);
    }
    if !shared.latency.is_zero() {
        tokio::time::sleep(shared.latency).await;
    }
    let mut headers = HeaderMap::with_capacity(3);
    date(&mut headers, &shared.keyring);
    insert_text(&mut headers, REQUEST_ID, &request_id(shared.answers.fetch_add(1, Ordering::Relaxed)));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(Wire::Events.content_type()));
    let duplex = Duplex::new(body, chain, shared, record);
    let mut response = Response::new(AnswerBody::Duplex(Box::new(duplex)));
    *response.headers_mut() = headers;
    Ok(response)
}

/// Reads the whole body; none when it is larger than allowed.
async fn receive(mut body: Incoming) -> Result<Option<Bytes>, hyper::Error> {
    let mut pieces: Vec<Bytes> = Vec::new();
    let mut bytes = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        bytes = bytes.saturating_add(data.len());
        if bytes > DISCARDED_BYTES_MAX {
            break;
        }
        if bytes > BODY_BYTES_MAX {
            pieces.clear();
        } else if !data.is_empty() {
            pieces.push(data);
        }
    }
    if bytes > BODY_BYTES_MAX {
        return Ok(None);
    }
    if pieces.len() == 1 {
        return Ok(pieces.pop());
    }
    let mut whole = BytesMut::with_capacity(bytes);
    for piece in &pieces {
        whole.extend_from_slice(piece);
    }
    Ok(Some(whole.freeze()))
}

fn decide(shared: &Shared, head: &Parts, call: Routed, body: Option<Bytes>) -> Reply {
    let service = call.as_ref().map_or(USUAL_SIGNING_NAME, Call::signing_name);
    let verdict = match &body {
        // Checked for the log too, where it is kept; a bench without either pays nothing.
        Some(body) if shared.verify_signatures || shared.log.is_on() => {
            shared.keyring.check(head, raw_target(head), body, service)
        }
        Some(_) => Verdict::Absent,
        None => Verdict::Invalid("the body is too large to be checked".to_owned()),
    };
    shared.log.record(|| received(head, body.clone(), &call, &verdict));
    let call = match call {
        Ok(call) => call,
        Err(error) => return Reply::unroutable(&error),
    };
    let refused = |reply: Reply| match &call {
        Call::Operation(target) => reply.for_operation(target.operation),
        Call::Lookup(_) => reply,
    };
    let Some(body) = body else {
        return refused(Reply::validation("The request body is larger than 25000000 bytes."));
    };
    if shared.verify_signatures
        && let Some(refusal) = verdict.refusal()
    {
        return refused(refusal);
    }
    match &call {
        Call::Lookup(lookup) => Reply { latency: shared.latency, ..lookup.reply(&shared.profiles) },
        Call::Operation(target) => {
            let setting = Setting { latency: shared.latency, profiles: &shared.profiles };
            reply(target, &head.headers, &body, setting)
        }
    }
}

fn received(head: &Parts, body: Option<Bytes>, call: &Routed, verdict: &Verdict) -> Received {
    let authority = head.uri.authority().map(|authority| (":authority".to_owned(), authority.to_string()));
    let headers = head.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let (service, operation, model) = match call {
        Ok(Call::Operation(target)) => {
            (target.operation.service().name(), target.operation.name(), target.model.as_ref())
        }
        Ok(Call::Lookup(lookup)) => ("bedrock", lookup.operation(), None),
        Err(_) => ("unknown", "unknown", None),
    };
    Received {
        method: head.method.as_str().to_owned(),
        target: raw_target(head).to_owned(),
        version: head.version,
        headers: authority.into_iter().chain(headers).collect(),
        body: body.unwrap_or_default(),
        service,
        operation,
        model: model.map(|model| model.as_str().to_owned()).unwrap_or_default(),
        signature: verdict.as_check(),
        server_name: head.extensions.get::<AskedFor>().map(|AskedFor(name)| name.to_string()),
    }
}

/// Puts the reply into a response.
fn answer(shared: &Shared, reply: Reply) -> Result<Response<AnswerBody>, Hangup> {
    let mut headers = HeaderMap::with_capacity(8);
    date(&mut headers, &shared.keyring);
    insert_text(&mut headers, REQUEST_ID, &request_id(shared.answers.fetch_add(1, Ordering::Relaxed)));
    let aborted = || Arc::clone(&shared.aborted);
    let (status, body) = match reply.content {
        Content::Hangup => return Err(Hangup),
        Content::Refusal { status, kind, message, dialect } => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
            insert_text(&mut headers, ERROR_TYPE, &kind);
            (status, AnswerBody::whole(dialect.body(&kind, &message)))
        }
        Content::Whole { status, content_type, headers: own, body, is_cut } => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            for (name, value) in &own {
                insert_text(&mut headers, name, value);
            }
            let body = if is_cut { AnswerBody::cut(body, aborted()) } else { AnswerBody::whole(body) };
            (status, body)
        }
        Content::Stream { content_type, headers: own, stream, pace } => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            for (name, value) in &own {
                insert_text(&mut headers, name, value);
            }
            let interval = pace.unwrap_or(shared.frame_interval);
            let chunk = shared.transport_chunk.as_ref();
            (StatusCode::OK, AnswerBody::stream(stream, interval, chunk, aborted()))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Dates an answer where the clock is set wrong; hyper dates the others.
fn date(headers: &mut HeaderMap, keyring: &Keyring) {
    if !keyring.is_off() {
        return;
    }
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let now = OffsetDateTime::from_unix_timestamp(keyring.now_unix());
    if let Some(text) = now.ok().and_then(|now| now.format(format).ok()) {
        headers.extend(HeaderValue::try_from(text).ok().map(|value| (DATE, value)));
    }
}

/// Inserts a text that can stand in a header; another is left out.
fn insert_text(headers: &mut HeaderMap, name: &'static str, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

/// An id that looks like AWS's and differs for each number.
fn request_id(number: u64) -> String {
    let (high, low) = (scramble(number), scramble(number ^ u64::MAX));
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0x0fff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}

/// SplitMix64's last step: one to one, and every bit of the number moves all of the result.
fn scramble(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use http_body_util::BodyExt;

    use crate::server::Options;

    use super::*;

    #[test]
    fn request_ids_look_like_uuids_and_differ() {
        let ids: HashSet<String> = (0..1_000).map(request_id).collect();
        assert_eq!(ids.len(), 1_000);
        for id in ids {
            let lengths: Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
        }
    }

    fn ask(options: Options, request: Request<()>, body: Option<&'static str>) -> Reply {
        let (head, ()) = request.into_parts();
        decide(&Shared::new(options), &head, Call::read(&head), body.map(Bytes::from))
    }

    #[test]
    fn refusals_come_in_the_order_path_size_signature_body() {
        let open = || Options { verify_signatures: false, ..Options::default() };
        for (options, path, body, expected) in [
            (Options::default(), "/unknown", None, (404, "UnknownOperationException")),
            (Options::default(), "/model/m/converse", None, (400, "ValidationException")),
            (
                Options::default(),
                "/model/m/converse",
                Some("{"),
                (403, "MissingAuthenticationTokenException"),
            ),
            (open(), "/model/m/converse", Some("{"), (400, "ValidationException")),
        ] {
            let request = Request::post(path).body(()).unwrap();
            let Content::Refusal { status, kind, .. } = ask(options, request, body).content else {
                panic!("{path}");
            };
            assert_eq!((status.as_u16(), kind.as_str()), expected, "{path}");
        }
    }

    #[tokio::test]
    async fn an_error_has_type_id_and_message() {
        let shared = Shared::new(Options::default());
        let refusal = Reply::refusal(StatusCode::FORBIDDEN, "SomeException", "a \"message\"");
        let response = answer(&shared, refusal).unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert_eq!(response.headers()[ERROR_TYPE], "SomeException");
        assert!(response.headers().contains_key(REQUEST_ID));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "{\"message\":\"a \\\"message\\\"\"}");
    }

    #[test]
    fn answers_are_dated_by_a_clock_that_is_off() {
        let shared = Shared::new(Options::default());
        let dated = || {
            let response = answer(&shared, Reply::validation("no")).unwrap();
            response.headers().get(DATE).map(|date| date.to_str().unwrap().to_owned())
        };
        assert_eq!(dated(), None);
        // 30 October 2003, whenever this runs.
        shared.keyring.set_ahead_s(1_067_500_000 - shared.keyring.now_unix());
        let date = dated().unwrap();
        assert!(date.ends_with(" GMT") && date.contains(" Oct 2003 "), "{date}");
    }

    #[test]
    fn invoke_answers_count_tokens_in_headers_and_converse_does_not() {
        for (path, counted) in [("/model/m/invoke", true), ("/model/m/converse", false)] {
            let options = Options { verify_signatures: false, ..Options::default() };
            let request = Request::post(path).body(()).unwrap();
            let reply = ask(options, request, Some("{\"prompt\":\"hello\"}"));
            let response = answer(&Shared::new(Options::default()), reply).unwrap();
            for name in ["x-amzn-bedrock-input-token-count", "x-amzn-bedrock-output-token-count"] {
                assert_eq!(response.headers().contains_key(name), counted, "{path}");
            }
        }
    }

    #[test]
    fn a_path_of_two_services_goes_by_the_scope() {
        for (scope, expected) in [("bedrock", "bedrock-runtime"), ("bedrock-mantle", "bedrock-mantle")] {
            let authorization =
                format!("AWS4-HMAC-SHA256 Credential=A/20261122/us-east-1/{scope}/aws4_request");
            let request = Request::post("/v1/chat/completions").header("authorization", authorization);
            let (head, ()) = request.body(()).unwrap().into_parts();
            let Ok(Call::Operation(target)) = Call::read(&head) else { panic!("{scope}") };
            assert_eq!(target.operation.service().name(), expected);
        }
    }
}
