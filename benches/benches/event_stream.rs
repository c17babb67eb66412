//! Frames of a streamed answer: cut out of the bytes as they arrive, read, and built anew.
#![allow(clippy::expect_used, reason = "a bench whose set-up fails has nothing to measure")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hardpan_inference::codec::Event;
use hardpan_inference::json::JsonLimits;
use hardpan_inference::request::Dialect;
use hardpan_inference::stream::event_stream::{Frame, FrameDecoder, event};

const FRAMES: usize = 400;
const OTHER: &[u8] = br#"{"contentBlockIndex":0,"delta":{"text":" a letter"}}"#;
const DELTA: &[u8] =
    br#"{"contentBlockIndex":0,"delta":{"text":" the parcel"},"p":"abcdefghijklmnopqrstuvwxyz"}"#;

fn stream() -> Vec<u8> {
    (0..FRAMES).flat_map(|_| event("contentBlockDelta", DELTA)).collect()
}

/// Whole frames in the bytes, given in pieces of `piece` bytes.
fn decoded(bytes: &[u8], piece: usize) -> usize {
    let mut decoder = FrameDecoder::default();
    let mut frames = 0;
    for piece in bytes.chunks(piece) {
        decoder.push(piece);
        while decoder.next_frame().expect("the stream is whole").is_some() {
            frames += 1;
        }
    }
    decoder.finish().expect("the stream ends between frames");
    frames
}

fn decode(criterion: &mut Criterion) {
    let bytes = stream();
    let mut group = criterion.benchmark_group("event_stream/decode");
    group.throughput(Throughput::Elements(FRAMES as u64));
    let frame = bytes.len() / FRAMES;
    for (name, piece) in [("at once", bytes.len()), ("frame by frame", frame), ("in pieces of 16 bytes", 16)]
    {
        group.bench_with_input(BenchmarkId::from_parameter(name), &piece, |bencher, piece| {
            bencher.iter(|| assert_eq!(decoded(black_box(&bytes), *piece), FRAMES));
        });
    }
    group.finish();
}

fn read_and_build(criterion: &mut Criterion) {
    let frame = Frame::parse(event("contentBlockDelta", DELTA)).expect("a frame of our own");
    let mut group = criterion.benchmark_group("event_stream");
    group.throughput(Throughput::Elements(1));
    group.bench_function("read an event", |bencher| {
        bencher.iter(|| {
            let payload = black_box(frame.payload());
            let event = Event::parse(Dialect::Converse, "contentBlockDelta", payload, JsonLimits::default());
            black_box(event.expect("the payload is JSON").texts.len())
        });
    });
    group.bench_function("encode an event", |bencher| {
        bencher.iter(|| event("contentBlockDelta", black_box(DELTA)));
    });
    group.bench_function("change a payload", |bencher| {
        bencher.iter(|| black_box(frame.with_payload(black_box(OTHER)).raw().len()));
    });
    group.finish();
}

criterion_group!(benches, decode, read_and_build);
criterion_main!(benches);
