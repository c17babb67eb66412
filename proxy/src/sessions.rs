//! What conversations were marked with by policy's `label`, for as long as they go on.
//!
//! A conversation is known by its caller and by the message it began with, or by the session a service keeps it under.
//! Marks only grow. They are kept in this process alone: another replica, or a restart, knows nothing of them, so a
//! rule that must not miss one marks again by what stands in the request itself, as `tool:result` does for every result
//! in a history.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use hardpan_inference::principal::Principal;
use hardpan_telemetry::metrics;
use moka::ops::compute::Op;
use moka::sync::Cache;
use sha2::{Digest, Sha256};

/// Conversations remembered; the one that was silent the longest goes first.
const SESSIONS_MAX: u64 = 100_000;
/// How long a conversation may be silent.
const SILENT_FOR_MAX: Duration = Duration::from_secs(24 * 3600);
/// Labels one conversation has.
const LABELS_MAX: usize = 64;

type Labels = Arc<[String]>;

/// Kept for the life of the process, not of a configuration: a reload must not wash a conversation clean.
static MARKS: LazyLock<Cache<[u8; 32], Labels>> =
    LazyLock::new(|| Cache::builder().max_capacity(SESSIONS_MAX).time_to_idle(SILENT_FOR_MAX).build());

/// One conversation of one caller.
#[derive(Clone, Copy)]
pub struct Session {
    key: [u8; 32],
}

impl Session {
    /// `conversation` is what it is known by.
    pub fn of(principal: &Principal, conversation: &str) -> Self {
        let mut hash = Sha256::new();
        let user = principal.user.as_deref().map_or(Cow::Borrowed(""), |user| Cow::Owned(format!("={user}")));
        for part in [principal.team.as_str(), principal.app.as_str(), &user, conversation] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self { key: hash.finalize().into() }
    }

    /// What tells it from all others.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// In order.
    pub fn labels(&self) -> Labels {
        MARKS.get(&self.key).unwrap_or_default()
    }

    pub fn mark(&self, labels: &BTreeSet<String>) {
        if labels.is_empty() {
            return;
        }
        let marked = |own: Option<Labels>| {
            let own = own.unwrap_or_default();
            let fresh: Vec<&String> = labels.iter().filter(|label| !own.contains(label)).collect();
            if fresh.is_empty() {
                return None;
            }
            let left = LABELS_MAX.saturating_sub(own.len());
            if fresh.len() > left {
                metrics::bound_hit("session_labels_max");
            }
            let mut all: Vec<String> = own.iter().chain(fresh.into_iter().take(left)).cloned().collect();
            all.sort();
            Some(Labels::from(all))
        };
        MARKS.entry(self.key).and_compute_with(|entry| match marked(entry.map(|entry| entry.into_value())) {
            Some(labels) => Op::Put(labels),
            None => Op::Nop,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(app: &str, user: Option<&str>) -> Principal {
        Principal { app: app.into(), user: user.map(str::to_owned), ..Principal::default() }
    }

    fn labels(names: &[String]) -> BTreeSet<String> {
        names.iter().cloned().collect()
    }

    #[test]
    fn marks_grow_and_stay_with_their_conversation() {
        let session = Session::of(&principal("sessions-one", None), "hello");
        assert!(session.labels().is_empty());
        session.mark(&labels(&["b".into()]));
        session.mark(&labels(&["a".into(), "b".into()]));
        assert_eq!(*session.labels(), ["a".to_owned(), "b".to_owned()]);
        assert_eq!(Session::of(&principal("sessions-one", None), "hello").labels().len(), 2);
        for other in [
            Session::of(&principal("sessions-one", None), "hello again"),
            Session::of(&principal("sessions-one", Some("")), "hello"),
            Session::of(&principal("sessions-one", Some("u")), "hello"),
            Session::of(&principal("sessions-two", None), "hello"),
        ] {
            assert!(other.labels().is_empty());
        }
    }

    #[test]
    fn labels_are_bounded_and_the_first_stay() {
        let session = Session::of(&principal("sessions-three", None), "hello");
        let names: Vec<String> = (0..LABELS_MAX).map(|index| format!("l{index}")).collect();
        session.mark(&labels(&names));
        session.mark(&labels(&["more".into()]));
        assert_eq!(session.labels().len(), LABELS_MAX);
        assert!(!session.labels().contains(&"more".to_owned()));
    }
}
