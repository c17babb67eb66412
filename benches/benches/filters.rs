//! Inspecting a request, masking what was found, and putting it back into a streamed answer.
//!
//! `inspect` runs every detector over every text, as a request with all guards on does. `regexes` runs patterns as
//! other proxies have them over the same texts, one after the other: what a list of regexes costs before anything is
//! validated. The texts under `attack` are made to cost time; ten times the text shall cost ten times the time, no
//! more, and the table of `scaling` says so in one line each. `frames` times each delta of a stream by itself.
#![allow(clippy::expect_used, reason = "a bench whose set-up fails has nothing to measure")]

use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use hardpan_filters::holdback::{Holdback, Lookout};
use hardpan_filters::inspection::{Inspector, redact};
use hardpan_filters::masking::{AnswerRedaction, Tally};
use hardpan_filters::replacement::Treatment;
use hardpan_filters::vault::Vault;
use hardpan_inference::codec::{Parsing, Request};
use hardpan_inference::edit;
use hardpan_inference::finding::{PiiType, RedactMode, RedactPlace};
use hardpan_inference::json::JsonLimits;
use hardpan_inference::model_id::ModelId;
use hardpan_inference::operation::Operation;
use regex::Regex;

use hardpan_benches::bodies::{MODEL, conversation, dense_with_personal_data, repeated, tool_results};

/// Bytes of one streamed delta, as models send them.
const DELTA_BYTES: usize = 12;
/// Long enough that caches of automata are warm and a text does not fit into the processor's own.
const LONG_BYTES: usize = 400 << 10;
const SCALED_BYTES: [usize; 2] = [1 << 20, 10 << 20];
/// Runs of one scaled text, of which the quickest counts.
const SCALED_RUNS: usize = 3;

/// What lists of patterns look for elsewhere, in the `regex` crate's default mode: `\b` and `\d` are Unicode's.
const PATTERNS: [&str; 14] = [
    r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}\b",
    r"\b(?:\+?1[-. ]?)?\(?\d{3}\)?[-. ]?\d{3}[-. ]?\d{4}\b",
    r"\b\d{3}-\d{2}-\d{4}\b",
    r"\b(?:\d[ -]?){13,19}\b",
    r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b",
    r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b",
    r"\b(?:[0-9A-Fa-f]{1,4}:){2,7}[0-9A-Fa-f]{1,4}\b",
    r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    r"(?i)\baws.{0,20}secret.{0,20}[A-Za-z0-9/+]{40}\b",
    r"\bgh[pousr]_[A-Za-z0-9]{36}\b",
    r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\b",
    r"(?i)\b(?:password|passwd|pwd)\s*(?:is|[:=])\s*\S+",
    r"(?i)\bignore\s+(?:all\s+)?(?:previous|prior)\s+instructions\b",
];

/// Near-matches: each begins what some detector looks for, and is it not.
const ATTACKS: [(&str, &str); 20] = [
    ("digits", "1 "),
    ("separated digits", "4111-1111 1111.111 "),
    ("rows of digits", "123 456 789 "),
    ("at signs", "@a"),
    ("colons", "::"),
    ("countries", "GB11"),
    ("accounts", "DE12 "),
    ("access keys", "AKIA"),
    ("secret keys", "secret key "),
    ("passwords", "password password "),
    ("labels", "born on "),
    ("labels and digits", "pin 1 "),
    ("overrides", "ignore previous instructions "),
    ("base64", "aWdub3JlIHByZXZpb3Vz "),
    // Base64 of base64 of the base64 of something harmless.
    ("base64 nested", "WkVobGNHRnlZMlZzSUdseklHeGhkR1U9 "),
    ("percent signs", "%41%"),
    ("entities", "&#x41;&#"),
    ("backwards", "snoitcurtsni "),
    ("full width", "ｉｇｎｏｒｅ "),
    ("zero width", "\u{200B}"),
];

fn request(body: &str) -> Request<'_> {
    let model = ModelId::parse(MODEL).expect("a model id");
    let parsing = Parsing {
        operation: Operation::Converse,
        model: Some(&model),
        dialect: None,
        // Ten megabytes of small values are more than a request may hold.
        limits: JsonLimits { values_max: 10_000_000, ..JsonLimits::default() },
    };
    let request = Request::parse(&parsing, body.as_bytes());
    request.expect("the body is a request")
}

fn detectors(pii: bool, injection: bool) -> Inspector {
    Inspector::new(pii, injection).expect("the detectors compile")
}

fn long_bodies() -> [(&'static str, String); 3] {
    [
        ("400 KB prose", conversation(LONG_BYTES, 1)),
        ("400 KB tool JSON", tool_results(LONG_BYTES, 1)),
        ("400 KB dense with PII", dense_with_personal_data(LONG_BYTES, 1)),
    ]
}

/// Ten samples of half a second: enough for a ratio of two.
fn quick<'c>(criterion: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(500));
    group
}

fn inspect(criterion: &mut Criterion) {
    let inspectors = [
        ("all", detectors(true, true).without_memory()),
        ("pii", detectors(true, false).without_memory()),
        ("injection", detectors(false, true).without_memory()),
        ("seen before", detectors(true, true)),
    ];
    let short = [("1 KB prose", conversation(1 << 10, 1)), ("8 KB prose", conversation(8 << 10, 1))];
    let bodies: Vec<(&str, String)> = short.into_iter().chain(long_bodies()).collect();
    for (guard, inspector) in inspectors {
        let mut group = quick(criterion, &format!("filters/inspect/{guard}"));
        for (name, body) in &bodies {
            let request = request(body);
            group.throughput(Throughput::BytesDecimal(body.len() as u64));
            group.bench_with_input(BenchmarkId::from_parameter(name), &request, |bencher, request| {
                bencher.iter(|| black_box(inspector.inspect(request, None).findings.len()));
            });
        }
        group.finish();
    }
}

/// The same texts by a list of patterns: finding alone, without checksums, context or decoding.
fn regexes(criterion: &mut Criterion) {
    let patterns = PATTERNS.map(|pattern| Regex::new(pattern).expect("the pattern compiles"));
    let mut group = quick(criterion, "filters/regexes one by one");
    for (name, body) in &long_bodies() {
        let request = request(body);
        let texts: Vec<String> = request
            .texts
            .iter()
            .filter_map(|text| Some(text.read(&request.document)?.into_owned()))
            .collect();
        group.throughput(Throughput::BytesDecimal(body.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(name), &texts, |bencher, texts| {
            bencher.iter(|| {
                let each =
                    texts.iter().flat_map(|text| patterns.iter().map(|one| one.find_iter(text).count()));
                black_box(each.sum::<usize>())
            });
        });
    }
    group.finish();
}

fn attack(criterion: &mut Criterion) {
    let inspector = detectors(true, true).without_memory();
    let mut group = quick(criterion, "filters/attack");
    for (name, piece) in ATTACKS {
        let body = repeated(piece, SCALED_BYTES[0]);
        let request = request(&body);
        group.throughput(Throughput::BytesDecimal(body.len() as u64));
        group.bench_with_input(BenchmarkId::new(name, "1 MB"), &request, |bencher, request| {
            bencher.iter(|| black_box(inspector.inspect(request, None).signals.injection));
        });
    }
    group.finish();
}

/// Throughput at 10 MB over throughput at 1 MB: about one where the work is linear. Each is run a few times by hand,
/// since ten samples of a text that is slow would take minutes.
fn scaling(_: &mut Criterion) {
    let inspector = detectors(true, true).without_memory();
    type Body = fn(usize, u64) -> String;
    let ordinary: [(&str, Body); 3] =
        [("prose", conversation), ("tool JSON", tool_results), ("dense with PII", dense_with_personal_data)];
    let make = |size: usize| {
        let attacks = ATTACKS.iter().map(move |(name, piece)| (*name, repeated(piece, size)));
        ordinary.iter().map(move |(name, body)| (*name, body(size, 1))).chain(attacks)
    };
    let [small, large] = SCALED_BYTES;
    let mut table = String::from("filters/scaling: MB/s at 1 MB, at 10 MB, ratio\n");
    for ((name, one), (_, ten)) in make(small).zip(make(large)) {
        let (one, ten) = (megabytes_per_second(&inspector, &one), megabytes_per_second(&inspector, &ten));
        table.push_str(&format!("  {name:<18} {one:>8.1} {ten:>8.1} {:>6.2}\n", ten / one));
    }
    say(&table);
}

fn megabytes_per_second(inspector: &Inspector, body: &str) -> f64 {
    let request = request(body);
    let once = |_| {
        let start = Instant::now();
        black_box(inspector.inspect(&request, None).findings.len());
        start.elapsed()
    };
    let quickest = (0..SCALED_RUNS).map(once).min().unwrap_or_default();
    body.len() as f64 / 1e6 / quickest.as_secs_f64()
}

fn masking(criterion: &mut Criterion) {
    let inspector = detectors(true, false);
    let body = dense_with_personal_data(8 << 10, 1);
    let request = request(&body);
    let inspection = inspector.inspect(&request, None);
    let mut group = quick(criterion, "filters/mask");
    group.throughput(Throughput::BytesDecimal(body.len() as u64));
    group.bench_function("8 KB dense with PII", |bencher| {
        bencher.iter(|| {
            let mut vault = Vault::default();
            let masked = redact(&mut vault, &request, &inspection, |_, _| Some(Treatment::MASK));
            let edits = masked.expect("every text can be changed").edits;
            let changed = edit::apply(body.as_bytes(), edits).expect("findings do not overlap");
            black_box((changed.len(), vault.len()))
        });
    });
    group.finish();
}

fn vault() -> Vault {
    let mut vault = Vault::default();
    vault.placeholder(PiiType::Email, "ann.lee@mail.example.org");
    vault.placeholder(PiiType::Phone, "+1 212-555-0147");
    vault
}

/// What a model says, and whether it is read for values of the model's own. The third one opens a placeholder with
/// every delta and finishes none.
const ANSWERS: [(&str, &str, bool); 5] = [
    ("without placeholders", "The parcel left on Monday and will arrive in 3 days. ", false),
    ("with placeholders", "Write to {EMAIL_1} or call {PHONE_1} before Monday. ", false),
    ("near placeholders", "{EMAIL_{PHONE_{EMA{{{EMAIL_ ", false),
    ("without values, masked", "The parcel left on Monday and will arrive in 3 days. ", true),
    ("with values, masked", "Write to bob@example.org or call +44 20 7946 0958 before Monday. ", true),
];

/// Deltas of one block, with and without a placeholder or a value among them.
fn restoring(criterion: &mut Criterion) {
    let vault = vault();
    let inspector = Inspector::new(true, false).expect("the detectors compile");
    let redaction = AnswerRedaction::of(|_, _| Some(RedactMode::Mask));
    let mut group = quick(criterion, "filters/restore");
    for (name, sentence, masked) in ANSWERS {
        let masker = redaction.masker(RedactPlace::Response, &inspector).filter(|_| masked);
        let lookout = Lookout { vault: &vault, masker };
        let text = sentence.repeat(40);
        let deltas = cut(&text);
        group.throughput(Throughput::Elements(deltas.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                Holdback::default,
                |mut lane| {
                    let mut tally = Tally::default();
                    let pushed = (0..)
                        .zip(&deltas)
                        .map(|(piece, delta)| lane.push(lookout, piece, delta, &mut tally).len());
                    black_box(pushed.sum::<usize>())
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// The time of each delta by itself, the clock's own included.
fn frames(_: &mut Criterion) {
    let vault = vault();
    let inspector = Inspector::new(true, false).expect("the detectors compile");
    let redaction = AnswerRedaction::of(|_, _| Some(RedactMode::Mask));
    let mut table = String::from("filters/frames: nanoseconds per delta, p50 and p99\n");
    for (name, sentence, masked) in ANSWERS {
        let masker = redaction.masker(RedactPlace::Response, &inspector).filter(|_| masked);
        let lookout = Lookout { vault: &vault, masker };
        let text = sentence.repeat(4000);
        let (mut lane, mut tally) = (Holdback::default(), Tally::default());
        let mut nanoseconds: Vec<u128> = (0..)
            .zip(cut(&text))
            .map(|(piece, delta)| {
                let start = Instant::now();
                black_box(lane.push(lookout, piece, delta, &mut tally).len());
                start.elapsed().as_nanos()
            })
            .collect();
        nanoseconds.sort_unstable();
        let percentile =
            |of: usize| nanoseconds.get(nanoseconds.len() * of / 100).copied().unwrap_or_default();
        table.push_str(&format!("  {name:<22} {:>6} {:>6}\n", percentile(50), percentile(99)));
    }
    say(&table);
}

/// Beside criterion's own lines.
fn say(table: &str) {
    let _ = std::io::stdout().write_all(table.as_bytes());
}

/// ASCII only, so every cut is between characters.
fn cut(text: &str) -> Vec<&str> {
    let starts = (0..text.len()).step_by(DELTA_BYTES);
    starts.filter_map(|at| text.get(at..text.len().min(at + DELTA_BYTES))).collect()
}

criterion_group!(benches, inspect, regexes, attack, masking, restoring, scaling, frames);
criterion_main!(benches);
