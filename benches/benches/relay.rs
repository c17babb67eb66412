//! Handing an event stream on: the decoder and the governor that no guard asks anything of, beside a pump that only
//! hands the same pieces on. First in memory, where the pump does next to nothing; then between two TCP sockets, a
//! frame per read and write as a model's stream arrives, in processor time of the one thread that relays.
#![allow(clippy::expect_used, reason = "a bench whose set-up fails has nothing to measure")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use cpu_time::ThreadTime;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use hardpan::answer::AnswerContext;
use hardpan::answer::stream::StreamGovernor;
use hardpan::clearance::Asker;
use hardpan::config::Config;
use hardpan::sessions::Session;
use hardpan::snapshot::{Parts, Snapshot};
use hardpan_filters::masking::AnswerRedaction;
use hardpan_filters::vault::Vault;
use hardpan_inference::json::quote;
use hardpan_inference::model_id::ModelId;
use hardpan_inference::operation::{Operation, route};
use hardpan_inference::principal::Principal;
use hardpan_inference::request::Dialect;
use hardpan_inference::stream::event_stream::{FrameDecoder, event};
use http::HeaderMap;

use hardpan_benches::bodies::{Dice, MODEL, prose};

// Frames are copied and freed: the allocator is the one of the `hardpan` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FRAMES: usize = 64;
const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";
/// Checksums, headers and the JSON around a delta's text.
const AROUND_TEXT_BYTES: usize = 160;

/// A stream in the pieces it arrives in: a frame each.
fn stream(frame_bytes: usize) -> Vec<Bytes> {
    let mut dice = Dice::new(9);
    let mut pieces = vec![event("messageStart", br#"{"role":"assistant"}"#)];
    pieces.extend((0..FRAMES).map(|_| {
        let text = quote(&prose(frame_bytes - AROUND_TEXT_BYTES, &mut dice));
        let payload = format!("{{\"contentBlockIndex\":0,\"delta\":{{\"text\":{text}}},\"p\":\"abcdef\"}}");
        event("contentBlockDelta", payload.as_bytes())
    }));
    pieces.push(event("contentBlockStop", br#"{"contentBlockIndex":0}"#));
    pieces.push(event("messageStop", br#"{"stopReason":"end_turn"}"#));
    let usage = br#"{"usage":{"inputTokens":9,"outputTokens":8,"totalTokens":17},"metrics":{"latencyMs":5}}"#;
    pieces.push(event("metadata", usage));
    pieces
}

fn pumped(pieces: &[Bytes]) -> usize {
    pieces.iter().map(|piece| black_box(piece.clone()).len()).sum()
}

fn copied(pieces: &[Bytes]) -> usize {
    let copy = |piece: &Bytes| {
        let mut out = BytesMut::new();
        out.extend_from_slice(piece);
        black_box(out.freeze()).len()
    };
    pieces.iter().map(copy).sum()
}

fn decoded(pieces: &[Bytes]) -> usize {
    let mut decoder = FrameDecoder::default();
    let mut bytes = 0;
    for piece in pieces {
        decoder.push(piece);
        while let Some(frame) = decoder.next_frame().expect("the frames are whole") {
            bytes += black_box(frame.raw().clone()).len();
        }
    }
    bytes
}

fn governed(context: &AnswerContext<'_>, pieces: &[Bytes]) -> usize {
    let mut governor = StreamGovernor::new(context, CONTENT_TYPE);
    let mut bytes = 0;
    for piece in pieces {
        bytes += black_box(governor.push(piece).expect("nothing is refused")).len();
    }
    bytes + black_box(governor.finish().expect("the stream is whole")).len()
}

/// Relays the stream from one connection to another as often as asked, and says what processor time that took.
fn between_sockets(pieces: &[Bytes], rounds: u64, mut relay: impl FnMut(&Bytes) -> Bytes) -> Duration {
    let (mut source, mut reader) = connection();
    let (mut writer, mut sink) = connection();
    let whole = pieces.concat();
    let total = whole.len() as u64 * rounds;
    let feeder = std::thread::spawn(move || (0..rounds).try_for_each(|_| source.write_all(&whole)));
    let drain = std::thread::spawn(move || std::io::copy(&mut (&mut sink).take(total), &mut std::io::sink()));
    let start = ThreadTime::now();
    for _ in 0..rounds {
        for piece in pieces {
            let mut arrived = BytesMut::zeroed(piece.len());
            reader.read_exact(&mut arrived).expect("the source feeds");
            writer.write_all(&relay(&arrived.freeze())).expect("the sink drains");
        }
    }
    let taken = start.elapsed();
    assert_eq!(drain.join().expect("the sink's thread").expect("the sink reads"), total);
    feeder.join().expect("the source's thread").expect("the source writes");
    taken
}

fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let near = TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
    let (far, _) = listener.accept().expect("the connection");
    near.set_nodelay(true).expect("an option of TCP");
    (near, far)
}

fn relay(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let snapshot = runtime.block_on(without_guards());
    let (principal, metadata) = (Principal::default(), BTreeMap::new());
    let redaction = AnswerRedaction::default();
    let (vault, model) = (Vault::default(), ModelId::parse(MODEL).expect("a model id"));
    let path = format!("/model/{}/converse-stream", MODEL.replace(':', "%3A"));
    let target = route("POST", path.as_bytes(), None).expect("a governed path");
    let headers = HeaderMap::new();
    let asker = Asker {
        snapshot: &snapshot,
        request_id: "",
        body_sha256: [0; 32],
        operation: Operation::ConverseStream,
        target: &target,
        region: "us-east-1",
        principal: &principal,
        model: &model,
        model_behind: None,
        more_models: &[],
        headers: &headers,
        ip: None,
        now_unix: 0,
        metadata: &metadata,
        session: Session::of(&principal, ""),
        routed_from: None,
    };
    let context = AnswerContext {
        asker: &asker,
        dialect: Dialect::Converse,
        vault: &vault,
        redaction: &redaction,
        tools: &[],
        unreadable_tools: false,
        judged: false,
        parking: None,
        deadline: None,
    };
    for (name, frame_bytes) in [("1 KB", 1 << 10), ("16 KB", 16 << 10)] {
        let pieces = stream(frame_bytes);
        let whole = pumped(&pieces);
        assert!(
            copied(&pieces) == whole && decoded(&pieces) == whole && governed(&context, &pieces) == whole
        );
        let mut group = criterion.benchmark_group(format!("relay/{name} frames"));
        group.throughput(Throughput::BytesDecimal(whole as u64));
        let mut measure = |name: &str, work: &dyn Fn(&[Bytes]) -> usize| {
            group.bench_with_input(BenchmarkId::from_parameter(name), &pieces, |bencher, pieces| {
                bencher.iter(|| work(black_box(pieces)));
            });
        };
        measure("pump", &pumped);
        measure("pump that copies", &copied);
        measure("decoder", &decoded);
        measure("decoder and governor", &|pieces| governed(&context, pieces));
        group.bench_function("sockets: pump", |bencher| {
            bencher.iter_custom(|rounds| between_sockets(&pieces, rounds, Bytes::clone));
        });
        group.bench_function("sockets: decoder and governor", |bencher| {
            bencher.iter_custom(|rounds| {
                let mut governor = StreamGovernor::new(&context, CONTENT_TYPE);
                let mut left = 0;
                between_sockets(&pieces, rounds, |piece| {
                    if left == 0 {
                        governor = StreamGovernor::new(&context, CONTENT_TYPE);
                        left = pieces.len();
                    }
                    left -= 1;
                    governor.push(piece).expect("nothing is refused")
                })
            });
        });
        group.finish();
    }
}

/// What serves a request when every guard is off. Nothing listens and nothing is sent.
async fn without_guards() -> Snapshot {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join("relay.yaml");
    let off = "{ mode: off }";
    let text = format!(
        "listen: 127.0.0.1:9\nkeys:\n  - {{ access_key_id: AKIDBENCH, secret_access_key: \
         bench-secret-0123456789abcdef, app: bench, team: bench }}\naws: {{ region: us-east-1, endpoint: \
         \"http://127.0.0.1:9\", credentials: environment }}\npolicy: {off}\npii: {off}\ninjection: {off}\n\
         tools: {off}\nquota: {off}\ncache: {{ exact: {off} }}\nrecords: {{ path: relay.jsonl }}\n"
    );
    std::fs::write(&file, text).expect("a file that can be written");
    let config = Config::load(&file).expect("a valid configuration");
    Parts::build(config).await.expect("its parts").now()
}

criterion_group!(benches, relay);

/// A snapshot has AWS credentials, and takes them from the environment, which a process cannot safely change for
/// itself: it starts itself once more with some that are good for nothing.
fn main() -> ExitCode {
    if std::env::var_os("AWS_ACCESS_KEY_ID").is_some() {
        benches();
        Criterion::default().configure_from_args().final_summary();
        return ExitCode::SUCCESS;
    }
    let again = Command::new(std::env::current_exe().expect("the path of this bench"))
        .args(std::env::args_os().skip(1))
        .envs([("AWS_ACCESS_KEY_ID", "AKIDNOBODY"), ("AWS_SECRET_ACCESS_KEY", "nothing")])
        .status();
    if again.is_ok_and(|status| status.success()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
