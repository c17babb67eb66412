//! What Hardpan tells others about its requests: traces and metrics at a collector that decodes them, the trace context
//! that callers send, and the number of series that callers can make.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hardpan_simulator::SignatureCheck;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message as _;

use crate::support::{Hardpan, NOVA, Response, Setup, free_address, user, wait_a_little};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// What a collector answers with.
#[derive(Clone, Copy)]
enum Answer {
    Good,
    Rejecting(i64),
    Status(&'static str),
    /// It reads and says nothing.
    Silence,
}

#[derive(Default)]
struct Got {
    spans: Vec<Span>,
    metrics: Vec<Metric>,
    services: BTreeSet<String>,
    heads: Vec<String>,
    /// Of messages, uncompressed.
    bytes: Vec<u8>,
    sent_bytes: usize,
}

/// An OTLP collector: HTTP on loopback, messages decoded by the types of OpenTelemetry.
struct Collector {
    address: SocketAddr,
    got: Arc<Mutex<Got>>,
    answer: Arc<Mutex<Answer>>,
}

impl Collector {
    fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let collector = Self { address, got: Arc::default(), answer: Arc::new(Mutex::new(answer)) };
        let (got, answer) = (Arc::clone(&collector.got), Arc::clone(&collector.answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let (got, answer) = (Arc::clone(&got), Arc::clone(&answer));
                std::thread::spawn(move || collect(stream, &got, &answer));
            }
        });
        collector
    }

    fn configuration(&self, more: &str) -> String {
        format!("telemetry: {{ otlp: {{ endpoint: \"http://{}\"{more} }} }}", self.address)
    }

    fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// Waits for something that came.
    fn until<T>(&self, what: &str, found: impl Fn(&Got) -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(found) = found(&self.got.lock().unwrap()) {
                return found;
            }
            assert!(Instant::now() < deadline, "{what} did not come");
            wait_a_little();
        }
    }

    fn spans(&self, count: usize) -> Vec<Span> {
        self.until(&format!("{count} spans"), |got| (got.spans.len() >= count).then(|| got.spans.clone()))
    }
}

fn collect(mut stream: TcpStream, got: &Mutex<Got>, answer: &Mutex<Answer>) {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16 << 10];
    loop {
        let head_end = loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            match stream.read(&mut chunk) {
                Ok(count) if count > 0 => bytes.extend_from_slice(&chunk[..count]),
                _ => return,
            }
        };
        let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap().to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let length: usize = length.trim().parse().unwrap();
        while bytes.len() < head_end + length {
            match stream.read(&mut chunk) {
                Ok(count) if count > 0 => bytes.extend_from_slice(&chunk[..count]),
                _ => return,
            }
        }
        let body = bytes[head_end..head_end + length].to_vec();
        bytes.drain(..head_end + length);
        let answer = *answer.lock().unwrap();
        let (status, body) = match answer {
            Answer::Good => {
                got.lock().unwrap().take(&head, &body);
                ("200 OK", Vec::new())
            }
            Answer::Rejecting(rejected_spans) => {
                let partial = ExportTracePartialSuccess { rejected_spans, error_message: String::new() };
                let partial_success = Some(partial);
                ("200 OK", ExportTraceServiceResponse { partial_success }.encode_to_vec())
            }
            Answer::Status(status) => (status, b"what a collector says is not logged".to_vec()),
            Answer::Silence => {
                // Until the other side leaves.
                let _ = stream.read(&mut chunk);
                return;
            }
        };
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        if stream.write_all(&[head.as_bytes(), &body].concat()).is_err() {
            return;
        }
    }
}

impl Got {
    fn take(&mut self, head: &str, sent: &[u8]) {
        assert!(head.contains("content-type: application/x-protobuf"), "{head}");
        let mut plain = Vec::new();
        let body = match head.contains("content-encoding: gzip") {
            true => {
                flate2::read::GzDecoder::new(sent).read_to_end(&mut plain).unwrap();
                plain.as_slice()
            }
            false => sent,
        };
        self.sent_bytes += sent.len();
        let mut resources = Vec::new();
        if head.starts_with("post /v1/traces ") {
            for of_resource in ExportTraceServiceRequest::decode(body).unwrap().resource_spans {
                resources.extend(of_resource.resource);
                self.spans.extend(of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
            }
        } else if head.starts_with("post /v1/metrics ") {
            for of_resource in ExportMetricsServiceRequest::decode(body).unwrap().resource_metrics {
                resources.extend(of_resource.resource);
                self.metrics.extend(of_resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics));
            }
        } else {
            panic!("{head}");
        }
        self.services.extend(resources.iter().filter_map(|one| text(&one.attributes, "service.name")));
        self.heads.push(head.to_owned());
        self.bytes.extend_from_slice(body);
    }
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let mut found = attributes.iter().filter(|attribute| attribute.key == key);
    let value = found.next()?.value.as_ref()?.value.as_ref();
    assert!(found.next().is_none(), "{key} is there twice");
    value
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    match value(attributes, key)? {
        Value::StringValue(text) => Some(text.clone()),
        other => panic!("{key} is {other:?}"),
    }
}

fn number(span: &Span, key: &str) -> Option<i64> {
    match value(&span.attributes, key)? {
        Value::IntValue(number) => Some(*number),
        other => panic!("{key} is {other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_failed(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
}

fn start(more: String) -> Hardpan {
    let more = format!("{}\n{more}", Setup::default().more);
    Hardpan::start(Setup { more: Box::leak(more.into_boxed_str()), ..Setup::default() })
}

fn ask(hardpan: &Hardpan, operation: &str, words: &str, headers: &[(&str, &str)]) -> Response {
    let body = user(words);
    let head = hardpan.signed("POST", &format!("/model/{NOVA}/{operation}"), body.as_bytes(), headers);
    hardpan.send(&head, body.as_bytes())
}

/// The server span of a status, and its children.
fn family(spans: &[Span], status: i64) -> (Span, Vec<Span>) {
    let is_it = |span: &&Span| {
        span.kind() == SpanKind::Server && number(span, "http.response.status_code") == Some(status)
    };
    let server = spans.iter().find(is_it).unwrap().clone();
    let children = spans.iter().filter(|span| span.parent_span_id == server.span_id).cloned().collect();
    (server, children)
}

#[test]
fn a_request_is_a_span_of_its_callers_trace_and_each_call_a_child_of_it() {
    let collector = Collector::start(Answer::Good);
    let hardpan = start(collector.configuration(", headers: { X-Key: collector-key-0001 }"));
    let context = [("traceparent", PARENT), ("tracestate", "rojo=00f067aa0ba902b7")];
    let phrase = "quinces ripen late in cold valleys";
    assert_eq!(ask(&hardpan, "converse", phrase, &context).status, 200);
    let spans = collector.spans(2);
    assert_eq!(spans.len(), 2);
    let (server, calls) = family(&spans, 200);
    assert_eq!(hex(&server.trace_id), TRACE);
    assert_eq!(hex(&server.parent_span_id), "b7ad6b7169203331");
    assert_eq!(server.trace_state, "rojo=00f067aa0ba902b7");
    assert_eq!(server.name, "POST /model/{modelId}/converse");
    let record = &hardpan.records(1)[0];
    assert_eq!(record["trace_id"], TRACE);
    for (key, expected) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "aws.bedrock"),
        ("gen_ai.request.model", "amazon.nova-lite-v1:0"),
        ("gen_ai.response.model", "amazon.nova-lite-v1:0"),
        ("hardpan.team", "payments"),
        ("hardpan.request_id", record["request_id"].as_str().unwrap()),
        ("hardpan.decision.id", record["decision"]["id"].as_str().unwrap()),
        ("hardpan.cost.usd", record["estimated_cost_usd"].as_str().unwrap()),
        ("aws.request_id", record["aws_request_id"].as_str().unwrap()),
    ] {
        assert_eq!(text(&server.attributes, key).as_deref(), Some(expected), "{key}");
    }
    assert_eq!(number(&server, "gen_ai.usage.output_tokens"), record["output_tokens"].as_i64());
    assert_eq!(number(&server, "gen_ai.usage.input_tokens"), record["input_tokens"].as_i64());
    assert!(text(&server.attributes, "error.type").is_none() && !is_failed(&server));
    let [call] = calls.as_slice() else { panic!("{} calls", calls.len()) };
    assert_eq!((call.kind(), call.name.as_str()), (SpanKind::Client, "chat amazon.nova-lite-v1:0"));
    assert_eq!(text(&call.attributes, "server.address").as_deref(), Some("127.0.0.1"));
    assert!(server.start_time_unix_nano <= call.start_time_unix_nano);
    assert!(call.end_time_unix_nano <= server.end_time_unix_nano);
    assert!(call.start_time_unix_nano <= call.end_time_unix_nano);
    // AWS is told the call's span, outside of the signature.
    let received = hardpan.received().pop().unwrap();
    let header = |name: &str| {
        let found = received.headers.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    assert_eq!(header("traceparent"), format!("00-{TRACE}-{}-01", hex(&call.span_id)));
    assert_eq!(header("tracestate"), "rojo=00f067aa0ba902b7");
    assert_eq!(received.signature, SignatureCheck::Valid);
    assert!(!header("authorization").contains("trace"));
    let got = collector.got.lock().unwrap();
    assert_eq!(got.services, BTreeSet::from(["hardpan".to_owned()]));
    assert!(got.heads.iter().all(|head| head.contains("x-key: collector-key-0001")));
    let sent = String::from_utf8_lossy(&got.bytes);
    assert!(!sent.contains("quinces") && !sent.contains("collector-key"));
    assert!(!hardpan.log().contains("collector-key"));
}

#[test]
fn streams_errors_and_refusals_are_told_as_what_they_were() {
    let collector = Collector::start(Answer::Good);
    let hardpan = start(collector.configuration(""));
    assert_eq!(ask(&hardpan, "converse-stream", "hello", &[]).status, 200);
    let (server, calls) = family(&collector.spans(2), 200);
    assert_eq!(server.name, "POST /model/{modelId}/converse-stream");
    assert!(server.parent_span_id.is_empty());
    assert!(number(&server, "hardpan.time_to_first_byte_ms").is_some());
    assert!(number(&calls[0], "gen_ai.usage.output_tokens").unwrap() > 0);

    assert_eq!(ask(&hardpan, "converse", "[sim:throttle]", &[]).status, 429);
    let (server, calls) = family(&collector.spans(4), 429);
    // A caller's problem is no failure of the server, and one of the call all the same.
    assert!(!is_failed(&server) && is_failed(&calls[0]));
    assert_eq!(text(&server.attributes, "error.type").as_deref(), Some("ThrottlingException"));
    assert_eq!(text(&calls[0].attributes, "error.type").as_deref(), Some("429"));

    assert_eq!(ask(&hardpan, "converse", "[sim:close]", &[]).status, 503);
    let (server, calls) = family(&collector.spans(6), 503);
    assert!(is_failed(&server) && is_failed(&calls[0]));
    assert!(number(&calls[0], "http.response.status_code").is_none());
    assert_eq!(text(&calls[0].attributes, "error.type").as_deref(), Some("reset"));

    let body = user("hello");
    let head = format!(
        "POST /model/{NOVA}/converse HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n\r\n",
        hardpan.address,
        body.len()
    );
    assert_eq!(hardpan.send(&head, body.as_bytes()).status, 403);
    let (server, calls) = family(&collector.spans(7), 403);
    assert!(calls.is_empty() && text(&server.attributes, "hardpan.team").is_none());
    assert_eq!(text(&server.attributes, "error.type").as_deref(), Some("signature_refused"));

    let damaged = "[sim:say some words that take a few frames][sim:badcrc]";
    ask(&hardpan, "converse-stream", damaged, &[]);
    let spans = collector.spans(9);
    let broken: Vec<&Span> = spans
        .iter()
        .filter(|span| text(&span.attributes, "error.type").as_deref() == Some("stream_damaged"))
        .collect();
    assert!(broken.len() == 2 && broken.iter().all(|span| is_failed(span)));
}

#[test]
fn context_that_is_not_valid_begins_a_new_trace_and_what_is_found_in_a_state_stays() {
    let collector = Collector::start(Answer::Good);
    let hardpan = start(collector.configuration(""));
    let upper = PARENT.to_uppercase();
    let cases: [&[(&str, &str)]; 4] = [
        &[("traceparent", &upper), ("tracestate", "a=1")],
        &[("traceparent", PARENT), ("traceparent", PARENT)],
        &[("traceparent", PARENT), ("tracestate", "mail=anna.lindqvist@example.com")],
        &[("traceparent", PARENT), ("tracestate", "a=1,a=2"), ("baggage", "user=anna")],
    ];
    for headers in cases {
        assert_eq!(ask(&hardpan, "converse", "hello there", headers).status, 200);
    }
    let received = hardpan.received();
    let header = |at: usize, name: &str| {
        let found = received[at].headers.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.clone())
    };
    for (at, kept) in [false, false, true, true].into_iter().enumerate() {
        let parent = header(at, "traceparent").unwrap();
        assert_eq!(parent.starts_with(&format!("00-{TRACE}-")), kept, "{at} {parent}");
        assert_eq!((header(at, "tracestate"), header(at, "baggage")), (None, None), "{at}");
    }
    let spans = collector.spans(8);
    assert!(spans.iter().all(|span| span.trace_state.is_empty()));
    let ids: BTreeSet<&[u8]> = spans.iter().map(|span| span.trace_id.as_slice()).collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn without_a_collector_the_context_passes_as_it_came_or_stops_here() {
    let context = [("traceparent", PARENT), ("tracestate", "a=1")];
    for (more, passed) in [("", Some(PARENT)), ("telemetry: { trace_context: stop }", None)] {
        let hardpan = start(more.to_owned());
        assert_eq!(ask(&hardpan, "converse", "hello", &context).status, 200);
        assert_eq!(ask(&hardpan, "converse", "hello again", &[]).status, 200);
        let received = hardpan.received();
        let header = |at: usize, name: &str| {
            let found = received[at].headers.iter().find(|(own, _)| own == name);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(header(0, "traceparent"), passed);
        assert_eq!(header(0, "tracestate"), passed.map(|_| "a=1"));
        assert_eq!(header(1, "traceparent"), None);
        let records = hardpan.records(2);
        assert_eq!((&records[0]["trace_id"], records[1]["trace_id"].is_null()), (&TRACE.into(), true));
    }
}

fn counted(hardpan: &Hardpan, series: &str, count: u64) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let metrics = hardpan.metrics();
        let found = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        if found == Some(count.to_string().as_str()) {
            return;
        }
        assert!(Instant::now() < deadline, "{series} is {found:?}, not {count}");
        wait_a_little();
    }
}

#[test]
fn a_collector_that_is_gone_silent_or_refusing_costs_no_request() {
    let gone = Collector {
        address: free_address(),
        got: Arc::default(),
        answer: Arc::new(Mutex::new(Answer::Good)),
    };
    for (collector, result, tries) in [
        (gone, "dropped", true),
        (Collector::start(Answer::Silence), "dropped", true),
        (Collector::start(Answer::Status("503 Service Unavailable")), "dropped", true),
        (Collector::start(Answer::Status("429 Too Many Requests\r\nretry-after: 0")), "dropped", true),
        (Collector::start(Answer::Status("400 Bad Request")), "refused", false),
        (Collector::start(Answer::Status("301 Moved\r\nlocation: http://127.0.0.1:1/")), "refused", false),
    ] {
        let hardpan = start(collector.configuration(", timeout_ms: 300"));
        for _ in 0..4 {
            assert_eq!(ask(&hardpan, "converse", "hello", &[]).status, 200);
        }
        hardpan.records(4);
        counted(&hardpan, &format!("hardpan_otlp_spans_total{{result=\"{result}\"}}"), 8);
        let failures = "hardpan_otlp_export_failures_total{signal=\"traces\"} ";
        let failed = hardpan.metrics();
        let failed = failed.lines().find_map(|line| line.strip_prefix(failures)).unwrap();
        assert_eq!(failed.parse::<u64>().unwrap() >= 3, tries);
        // Once, and in nobody else's words.
        let log = hardpan.log();
        assert_eq!(log.matches("does not take data").count(), 1, "{log}");
        assert!(!log.contains("is not logged"));
    }
}

#[test]
fn what_a_collector_rejects_is_counted_and_one_that_is_back_gets_what_comes() {
    let collector = Collector::start(Answer::Rejecting(1));
    let hardpan = start(collector.configuration(""));
    assert_eq!(ask(&hardpan, "converse", "hello", &[]).status, 200);
    counted(&hardpan, "hardpan_otlp_spans_total{result=\"refused\"}", 1);
    counted(&hardpan, "hardpan_otlp_spans_total{result=\"sent\"}", 1);
    collector.answers(Answer::Status("400 Bad Request"));
    assert_eq!(ask(&hardpan, "converse", "hello", &[]).status, 200);
    counted(&hardpan, "hardpan_otlp_spans_total{result=\"refused\"}", 3);
    collector.answers(Answer::Good);
    assert_eq!(ask(&hardpan, "converse", "hello", &[]).status, 200);
    assert_eq!(collector.spans(2).len(), 2);
    counted(&hardpan, "hardpan_otlp_spans_total{result=\"sent\"}", 3);
    assert!(hardpan.log().contains("takes data again"));
}

#[test]
fn sampling_leaves_spans_out_and_metrics_whole() {
    let collector = Collector::start(Answer::Good);
    let hardpan = start(collector.configuration(", sampling: 0.0, metrics_every_s: 1"));
    assert_eq!(ask(&hardpan, "converse", "hello", &[]).status, 200);
    assert_eq!(ask(&hardpan, "converse", "hello", &[("traceparent", PARENT)]).status, 200);
    assert_eq!(ask(&hardpan, "converse", "[sim:throttle]", &[]).status, 429);
    let points = |got: &Got, name: &str| {
        let metric = got.metrics.iter().rfind(|metric| metric.name == name)?;
        let Some(metric::Data::Histogram(data)) = &metric.data else { panic!("{name} is no histogram") };
        Some(data.data_points.clone())
    };
    let durations = collector.until("three durations", |got| {
        let points = points(got, "gen_ai.client.operation.duration")?;
        (points.iter().map(|point| point.count).sum::<u64>() == 3).then_some(points)
    });
    let errors: Vec<_> = durations.iter().map(|point| text(&point.attributes, "error.type")).collect();
    assert_eq!(errors, [None, Some("429".to_owned())]);
    // Without a price of its own, that is all that is known of a call that failed.
    let models: Vec<_> =
        durations.iter().filter_map(|point| text(&point.attributes, "gen_ai.request.model")).collect();
    assert_eq!(models, ["amazon.nova-lite-v1:0", "other"]);
    let tokens = collector.until("tokens", |got| points(got, "gen_ai.client.token.usage"));
    let kinds: Vec<_> =
        tokens.iter().filter_map(|point| text(&point.attributes, "gen_ai.token.type")).collect();
    assert_eq!(kinds, ["input", "output"]);
    // Only the caller's own wish made spans.
    let spans = collector.spans(2);
    assert!(spans.len() == 2 && spans.iter().all(|span| hex(&span.trace_id) == TRACE));
}

#[test]
fn what_waits_is_sent_on_the_way_out() {
    let collector = Collector::start(Answer::Good);
    let hardpan = start(collector.configuration(", metrics_every_s: 3600"));
    assert_eq!(ask(&hardpan, "converse", "hello", &[]).status, 200);
    hardpan.terminate();
    collector.until("the last metrics", |got| (!got.metrics.is_empty()).then_some(()));
    assert_eq!(collector.spans(2).len(), 2);
}

/// Everything in a scrape but values.
fn series(text: &str) -> BTreeSet<String> {
    let samples = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    samples.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

#[test]
fn messages_are_compressed_where_that_is_configured() {
    for (written, is_compressed) in
        [("", false), (", compression: none", false), (", compression: gzip", true)]
    {
        let collector = Collector::start(Answer::Good);
        let hardpan = start(collector.configuration(&format!("{written}, metrics_every_s: 1")));
        for _ in 0..30 {
            assert_eq!(ask(&hardpan, "converse", "hello", &[]).status, 200);
        }
        assert_eq!(collector.spans(60).len(), 60);
        collector.until("metrics", |got| (!got.metrics.is_empty()).then_some(()));
        collector.until("both signals", |got| {
            ["post /v1/traces ", "post /v1/metrics "].iter().try_for_each(|path| {
                let head = got.heads.iter().find(|head| head.starts_with(path))?;
                assert_eq!(head.contains("content-encoding: gzip"), is_compressed, "{written}: {head}");
                Some(())
            })
        });
        let got = collector.got.lock().unwrap();
        assert_eq!(
            got.sent_bytes < got.bytes.len() / 2,
            is_compressed,
            "{} {}",
            got.sent_bytes,
            got.bytes.len()
        );
    }
}

#[test]
fn a_compressed_message_is_tried_again_as_it_was() {
    let collector = Collector::start(Answer::Status("503 Later"));
    let hardpan = start(collector.configuration(", compression: gzip"));
    assert_eq!(ask(&hardpan, "converse", "hello", &[]).status, 200);
    let failed = "hardpan_otlp_export_failures_total{signal=\"traces\"}";
    let deadline = Instant::now() + Duration::from_secs(30);
    while !hardpan.metrics().contains(failed) {
        assert!(Instant::now() < deadline, "nothing failed");
        wait_a_little();
    }
    collector.answers(Answer::Good);
    assert_eq!(collector.spans(2).len(), 2);
}

#[test]
fn made_up_users_and_models_leave_a_constant_number_of_series() {
    let hardpan = Hardpan::start(Setup::default());
    let one = |number: usize| {
        let body = user("hello").replacen(
            '{',
            &format!(r#"{{"requestMetadata":{{"user":"user-{number}","feature":"feature-{number}"}},"#),
            1,
        );
        let path = match number % 3 {
            0 => format!("/model/{NOVA}/converse"),
            1 => format!("/model/made-up.model-{number}-v1/converse"),
            _ => format!("/model/amazon.nova-lite-v1%3A0%3A{number}/converse"),
        };
        let name = format!("user-{number}");
        let head = hardpan.signed("POST", &path, body.as_bytes(), &[("x-hardpan-user", &name)]);
        hardpan.send(&head, body.as_bytes()).status
    };
    let first: BTreeSet<u16> = (0..30).map(one).collect();
    assert!(first.contains(&200) && first.len() > 1, "{first:?}");
    // What is set every few seconds is there from now on.
    counted(&hardpan, "hardpan_quota_overshoots_total", 0);
    let before = hardpan.metrics();
    (30..2400).map(one).for_each(drop);
    let after = hardpan.metrics();
    assert_eq!(series(&before), series(&after));
    assert!(!after.contains("user-") && !after.contains("made-up"));
}

#[test]
fn every_mistake_about_telemetry_is_told() {
    for (telemetry, place_told) in [
        ("otlp: { endpoint: collector }", "telemetry.otlp.endpoint"),
        ("otlp: { endpoint: \"http://h:4318/v1/traces\" }", "telemetry.otlp.endpoint"),
        ("otlp: { endpoint: \"http://a@h:4318\" }", "telemetry.otlp.endpoint"),
        ("otlp: { endpoint: \"http://h:4318?x=1\" }", "telemetry.otlp.endpoint"),
        ("otlp: { endpoint: \"http://h\", timeout_ms: 0 }", "telemetry.otlp.timeout_ms"),
        ("otlp: { endpoint: \"http://h\", timeout_ms: 60001 }", "telemetry.otlp.timeout_ms"),
        ("otlp: { endpoint: \"http://h\", sampling: 1.1 }", "telemetry.otlp.sampling"),
        ("otlp: { endpoint: \"http://h\", sampling: .nan }", "telemetry.otlp.sampling"),
        ("otlp: { endpoint: \"http://h\", metrics_every_s: 0 }", "telemetry.otlp.metrics_every_s"),
        ("otlp: { endpoint: \"http://h\", service_name: \"\" }", "telemetry.otlp.service_name"),
        ("otlp: { endpoint: \"http://h\", ca: missing.pem }", "telemetry.otlp.ca"),
        ("otlp: { endpoint: \"http://h\", headers: { Content-Encoding: x } }", "telemetry.otlp.headers"),
        ("otlp: { endpoint: \"http://h\", headers: { \"a b\": x } }", "telemetry.otlp.headers"),
        ("otlp: { endpoint: \"http://h\", headers: { Content-Type: x } }", "telemetry.otlp.headers"),
        (
            "otlp: { endpoint: \"http://h\", headers: { x-key: \"secret\\nkey\" } }",
            "telemetry.otlp.headers.x-key",
        ),
    ] {
        let folder = std::env::temp_dir().join(format!("hardpan-test-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = format!(
            "listen: 127.0.0.1:0\nidentity: {{ fixed: {{ app: a, team: t }} }}\naws: {{ region: us-east-1 }}\n\
             policy: {{ mode: off }}\nrecords: {{ path: r.jsonl }}\ntelemetry: {{ {telemetry} }}\n"
        );
        std::fs::write(folder.join("hardpan.yaml"), config).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_hardpan"))
            .args(["check", "-c"])
            .arg(folder.join("hardpan.yaml"))
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(&format!("{place_told}:")), "{telemetry}: {said}");
        assert!(!said.contains("secret"), "{said}");
        let _ = std::fs::remove_dir_all(&folder);
    }
}
