//! A ledger with a journal, cut off at any moment and started again from what was on the disk: what was spent stays
//! spent, and hardly more than that. An orderly end loses nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::path::{Path, PathBuf};

use hardpan_inference::model_id::ModelId;
use hardpan_inference::principal::Principal;
use hardpan_inference::usage::Tokens;
use hardpan_quotas::{
    Demand, Fsync, Keeping, Ledger, LedgerError, Limit, QuotaExceeded, Reservation, Scope, Spend, Unit,
    Window,
};

const NOW_MS: u64 = 1_700_000_000_000;
const LIMIT: u64 = 100_000;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hardpan-restart-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    /// What a machine that lost its power at this moment would find.
    fn copy(&self, name: &str) -> Folder {
        let copy = Folder::new(name);
        std::fs::create_dir_all(&copy.0).unwrap();
        std::fs::copy(self.0.join("quotas.journal"), copy.0.join("quotas.journal")).unwrap();
        copy
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open(directory: &Path, replica: u64) -> Result<Ledger, LedgerError> {
    let limit = |name: &str, window| Limit {
        name: name.to_owned(),
        scope: Scope::Team,
        of: None,
        model: None,
        unit: Unit::Tokens,
        window,
        limit: LIMIT,
    };
    let limits = vec![limit("total", Window::Total), limit("day", Window::Day)];
    let keeping = Keeping::Journal { directory: directory.to_owned(), fsync: Fsync::Always };
    Ledger::open(limits, keeping, replica)
}

async fn take(ledger: &Ledger, tokens: u64, now_ms: u64) -> Result<Reservation, QuotaExceeded> {
    let principal = Principal { team: "t".into(), app: "a".into(), ..Principal::default() };
    let model = ModelId::parse("amazon.nova-lite-v1:0").unwrap();
    let demand = Demand {
        principal: &principal,
        model: &model,
        tokens: Tokens(tokens),
        nano_usd: 0,
        request: "",
        extra: &[],
    };
    ledger.reserve(&demand, now_ms).await
}

/// How much can still be reserved, one token after another would tell: by halves, it is quicker.
async fn left(ledger: &Ledger, now_ms: u64) -> u64 {
    let (mut fits, mut too_much) = (0, LIMIT + 1);
    while too_much - fits > 1 {
        let tokens = fits + (too_much - fits) / 2;
        match take(ledger, tokens, now_ms).await {
            Ok(held) => {
                ledger.release(held);
                fits = tokens;
            }
            Err(_) => too_much = tokens,
        }
    }
    fits
}

#[tokio::test]
async fn a_sudden_end_lowers_nothing_and_costs_little() {
    let folder = Folder::new("sudden");
    let ledger = open(&folder.0, 1).unwrap();
    let mut spent = 0;
    for round in 0..60_u64 {
        for _ in 0..10 {
            let held = take(&ledger, 200, NOW_MS).await.unwrap();
            ledger.settle(held, Spend { tokens: Tokens(100), nano_usd: 0 });
            spent += 100;
        }
        let in_flight = take(&ledger, 500, NOW_MS).await.unwrap();
        let copy = folder.copy(&format!("sudden-{round}"));
        let again = open(&copy.0, 2).unwrap();
        let left = left(&again, NOW_MS).await;
        assert!(left + spent + 500 <= LIMIT, "{round}: {left} left of {spent} spent");
        assert!(left + spent + 500 + LIMIT / 40 >= LIMIT, "{round}: {left} left of {spent} spent");
        ledger.release(in_flight);
    }
}

#[tokio::test]
async fn an_orderly_end_loses_nothing_and_the_day_after_is_new() {
    let folder = Folder::new("orderly");
    for replica in 1..4 {
        let ledger = open(&folder.0, replica).unwrap();
        assert!(matches!(open(&folder.0, 9), Err(LedgerError::Journal(_))), "one process at a time");
        let held = take(&ledger, 1_000, NOW_MS).await.unwrap();
        ledger.settle(held, Spend { tokens: Tokens(700), nano_usd: 0 });
        drop(ledger);
        let ledger = open(&folder.0, 10 + replica).unwrap();
        assert_eq!(left(&ledger, NOW_MS).await, LIMIT - 700 * replica);
        // A clock set back by a day does not bring the day before again.
        assert_eq!(left(&ledger, NOW_MS - 86_400_000).await, LIMIT - 700 * replica);
    }
    let ledger = open(&folder.0, 20).unwrap();
    assert_eq!(left(&ledger, NOW_MS + 86_400_000).await, LIMIT - 2_100);
    drop(take(&ledger, LIMIT - 2_100, NOW_MS + 86_400_000).await.unwrap());
    let refused = take(&ledger, 1, NOW_MS + 86_400_000).await.err().unwrap();
    assert_eq!((refused.limit.as_str(), refused.hard, refused.gone), ("total", true, false));
}
