//! What a reservation costs: four limits in memory, held and settled; and a shared store's batch, as its rules work
//! it out in memory, without the way there and back.
#![allow(clippy::expect_used, reason = "a bench whose set-up fails has nothing to measure")]

use std::hint::black_box;
use std::task::{Context, Poll, Waker};

use criterion::{Criterion, criterion_group, criterion_main};
use hardpan_inference::model_id::ModelId;
use hardpan_inference::principal::Principal;
use hardpan_inference::usage::Tokens;
use hardpan_quotas::central::{AccountId, Accounts, Batch, COUNT_MAX, Line, Period, Totals};
use hardpan_quotas::{Demand, Ledger, Limit, Scope, Spend, Unit, Window};

const NOW_MS: u64 = 1_700_000_000_000;
const REPLICAS: u64 = 200;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn ledger() -> Ledger {
    let limit = |name: &str, scope, unit, window| Limit {
        name: name.to_owned(),
        scope,
        of: None,
        model: None,
        unit,
        window,
        limit: COUNT_MAX,
    };
    Ledger::new(vec![
        limit("budget", Scope::Org, Unit::NanoUsd, Window::Month),
        limit("team", Scope::Team, Unit::NanoUsd, Window::Day),
        limit("tokens", Scope::App, Unit::Tokens, Window::Minute),
        limit("calls", Scope::User, Unit::Requests, Window::Minute),
    ])
}

fn reserve_and_settle(ledger: &Ledger, principal: &Principal, model: &ModelId, request: &str) {
    let demand =
        Demand { principal, model, tokens: Tokens(5_000), nano_usd: 100_000_000, request, extra: &[] };
    let reserved =
        match std::pin::pin!(ledger.reserve(&demand, NOW_MS)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(reserved) => reserved,
            Poll::Pending => return,
        };
    let held = reserved.expect("the limits are out of reach");
    ledger.settle(held, Spend { tokens: Tokens(900), nano_usd: 20_000_000 });
}

fn reservations(criterion: &mut Criterion) {
    let ledger = ledger();
    let principal = Principal {
        team: "payments".to_owned(),
        app: "chat".to_owned(),
        user: Some("anna".to_owned()),
        ..Principal::default()
    };
    let model = ModelId::parse("us.anthropic.claude-sonnet-4-20250514-v1:0").expect("a model id");
    criterion.bench_function("ledger/reserve_and_settle_four_limits", |bencher| {
        bencher.iter(|| reserve_and_settle(&ledger, black_box(&principal), &model, ""));
    });
    let mut number = 0_u64;
    criterion.bench_function("ledger/reserve_and_settle_with_request_id", |bencher| {
        bencher.iter(|| {
            number += 1;
            reserve_and_settle(&ledger, black_box(&principal), &model, &number.to_string());
        });
    });
}

fn store(criterion: &mut Criterion) {
    let mut accounts = Accounts::default();
    let mut number = 0_u64;
    criterion.bench_function("ledger/store_line_of_200_replicas", |bencher| {
        bencher.iter(|| {
            number += 1;
            let used = number / REPLICAS;
            let line = Line {
                account: AccountId([1; 16]),
                period: Period { start_ms: 0, end_ms: COUNT_MAX },
                limit: COUNT_MAX,
                epoch: 1,
                seq: used + 1,
                totals: Totals { granted: 10 * used, settled: used, ..Totals::default() },
                acked: Totals::default(),
                acked_seq: 0,
                floor: 0,
                need: 10,
                least: 10,
                want: 10,
            };
            let replica = number % REPLICAS;
            let batch = Batch { replica, sent_at_ms: NOW_MS, ttl_ms: 60_000, lines: vec![line] };
            black_box(accounts.run(&batch, NOW_MS))
        });
    });
}

criterion_group!(benches, reservations, store);
criterion_main!(benches);
