//! Asking the shipped library, with the data of ten thousand teams: one evaluation, and one remembered
//! answer. Criterion tells how long one takes; before that each kind is asked in turn, evaluated and from the memo, and
//! the medians and 99th percentiles of that one run are printed beside one another.
#![allow(clippy::expect_used, reason = "a bench whose set-up fails has nothing to measure")]
#![allow(clippy::print_stdout, reason = "percentiles are not among what criterion prints")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use hardpan_inference::model_id::ModelId;
use hardpan_inference::operation::Operation;
use hardpan_inference::principal::Principal;
use hardpan_inference::request::{Dialect, MessageCounts, Parameters, RequestFacts, Signals};
use hardpan_policies::{Bundle, Common, PolicySet, Question, Settings, Source, Subject, ToolFacts, Verdict};
use serde_json::{Map, Value, json};

use hardpan_benches::bodies::MODEL;

// Evaluation allocates: the allocator is the one of the `hardpan` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TEAMS: usize = 10_000;
/// Teams that ask in turn, so that no rule finds the same data warm each time.
const TEAMS_ASKING: usize = 64;
/// Of each kind of question, evaluated and remembered.
const SAMPLES: usize = 20_000;

fn data() -> Value {
    let team = |number: usize| {
        let grants = json!({
            "models": [MODEL, "amazon.nova-lite-v1:0", "anthropic.claude-3-haiku-20240307-v1:0"],
            "regions": ["us-east-1", "us-west-2"],
            "geographies": ["us"],
            "tools": ["get_weather", "db_query"],
            "max_tokens": 2048,
        });
        (format!("team-{number}"), grants)
    };
    let teams: Map<String, Value> = (0..TEAMS).map(team).collect();
    json!({
        "teams": teams,
        "tools": {"db_query": {"read_only": true}},
        "settings": {"secrets": "mask", "injection": "deny", "injection_deny_at": 0.8},
    })
}

fn bundle() -> Bundle {
    let library = Bundle::load(&Source::Library, &[]).expect("the library is compiled in");
    let modules = library.modules().iter().map(|module| (module.path.clone(), module.text.clone()));
    Bundle::from_modules(modules.collect::<Vec<_>>(), data())
}

fn policy(memo_entries_max: u64) -> PolicySet {
    let settings = Settings { memo_entries_max, ..Settings::default() };
    PolicySet::new(bundle(), settings).expect("the library passes its own checks")
}

/// What the questions speak of.
struct Asker {
    principals: Vec<Principal>,
    model: ModelId,
    signals: Signals,
    facts: RequestFacts,
    metadata: BTreeMap<String, String>,
}

impl Asker {
    fn new() -> Self {
        let principal = |number: usize| Principal {
            key_id: format!("AKID{number}"),
            app: "orders-bot".to_owned(),
            team: format!("team-{}", number * (TEAMS / TEAMS_ASKING)),
            env: Some("prod".to_owned()),
            user: None,
            verified: vec!["sigv4"],
            ..Principal::default()
        };
        let facts = RequestFacts {
            dialect: Dialect::Converse,
            stream: false,
            body_bytes: 8192,
            est_tokens: 2600,
            params: Parameters { max_tokens: Some(512), temperature: Some(0.2), top_p: None },
            messages: MessageCounts {
                count: 5,
                user: 3,
                assistant: 2,
                text_bytes: 7800,
                ..Default::default()
            },
            system_blocks: 1,
            system_sha256: Some("0".repeat(64)),
            tools: vec!["get_weather".to_owned(), "db_query".to_owned()],
            tool_choice: None,
            tools_unreadable: false,
            guardrail: None,
            metadata: BTreeMap::new(),
            parsed: true,
            choices: 1,
            content_elsewhere: false,
            knowledge_base: None,
        };
        Self {
            principals: (0..TEAMS_ASKING).map(principal).collect(),
            model: ModelId::parse(MODEL).expect("a model id"),
            signals: Signals::default(),
            facts,
            metadata: BTreeMap::new(),
        }
    }

    fn common(&self, turn: usize) -> Common<'_> {
        Common {
            operation: Operation::Converse,
            region: "us-east-1",
            principal: self.principals.get(turn % TEAMS_ASKING).expect("one of those that ask"),
            signals: &self.signals,
            ip: None,
            time_unix: 1_795_356_000,
            metadata: &self.metadata,
            labels: &[],
            routed_from: None,
        }
    }

    fn may_invoke(&self, turn: usize) -> Question<'_> {
        let subject = Subject::ModelInvoke { model: &self.model, request: &self.facts };
        Question { common: self.common(turn), subject }
    }

    fn may_use_tool(&self, turn: usize) -> Question<'_> {
        let tool = ToolFacts {
            id: "tooluse_1",
            name: "db_query",
            group: None,
            index: 1,
            of: 1,
            declared: true,
            args_json: r#"{"query":"select count(*) from orders where late"}"#,
            args_valid: true,
            args_errors: &[],
            signals: &self.signals,
        };
        Question { common: self.common(turn), subject: Subject::ToolUse { model: Some(&self.model), tool } }
    }
}

type Ask = fn(&Asker, usize) -> Question<'_>;

const KINDS: [(&str, Ask); 2] = [("model:invoke", Asker::may_invoke), ("tool:use", Asker::may_use_tool)];

/// In turns, so that what the machine does beside hits all of them.
fn percentiles(_: &mut Criterion) {
    let asker = Asker::new();
    let ways = [("evaluated", policy(0)), ("remembered", policy(16_384))];
    let mut taken: BTreeMap<(&str, &str), Vec<Duration>> = BTreeMap::new();
    for turn in 0..SAMPLES + TEAMS_ASKING {
        for (name, question) in KINDS {
            for (how, policy) in &ways {
                let started = Instant::now();
                black_box(policy.decide(&question(&asker, turn)).verdict);
                let took = started.elapsed();
                // The first round fills the memo.
                if turn >= TEAMS_ASKING {
                    taken.entry((name, how)).or_default().push(took);
                }
            }
        }
    }
    let started = Instant::now();
    (0..SAMPLES).for_each(|_| {
        black_box(Instant::now().elapsed());
    });
    let clock = started.elapsed() / u32::try_from(SAMPLES).expect("few");
    println!(
        "policy, {TEAMS} teams, {SAMPLES} questions of each kind in turn; the clock itself takes {clock:?}"
    );
    for ((name, how), mut all) in taken {
        all.sort_unstable();
        let at = |permille: usize| all.get(all.len() * permille / 1000).copied().unwrap_or_default();
        println!(
            "  {name:14} {how:10} p50 {:>9.2?}  p99 {:>9.2?}  p99.9 {:>9.2?}",
            at(500),
            at(990),
            at(999)
        );
    }
}

fn questions(criterion: &mut Criterion) {
    let asker = Asker::new();
    for (how, memo_entries_max) in [("evaluated", 0), ("remembered", 16_384)] {
        let policy = policy(memo_entries_max);
        let mut group = criterion.benchmark_group(format!("policy/{how}"));
        for (name, question) in KINDS {
            // A denial would be another, shorter way through the rules. This also fills the memo.
            for turn in 0..TEAMS_ASKING {
                let decision = policy.decide(&question(&asker, turn));
                assert!(
                    decision.verdict == Verdict::Allow && decision.error.is_none(),
                    "{name} is not allowed"
                );
            }
            let mut turn = 0;
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    turn += 1;
                    black_box(policy.decide(&question(&asker, turn)).verdict)
                });
            });
        }
        group.finish();
    }
}

/// From texts to a set that answers: what a start or a reload waits for.
fn loading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("policy/load");
    group.sample_size(10);
    let bundle = bundle();
    group.bench_function("library and 10,000 teams", |bencher| {
        bencher.iter_batched(
            || bundle.clone(),
            |bundle| PolicySet::new(bundle, Settings::default()).expect("the library passes its own checks"),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, percentiles, questions, loading);
criterion_main!(benches);
