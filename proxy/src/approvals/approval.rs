//! One approval: what it is about, who said what, and the state that follows from both and the time.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// A used approval of a call answers the same once more for this long: the answer may have been lost on its way.
const RETRY_FOR_S: i64 = 300;

/// As it stands in its file. Holds redacted arguments and notes of people, hence no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    pub v: u8,
    pub id: String,
    /// Names what may go on, by a keyed hash.
    pub key: String,
    /// The question whose answer demands it.
    pub action: String,
    pub created_unix: i64,
    pub expires_unix: i64,
    pub team: String,
    pub app: String,
    /// The end user, as the request named one.
    pub user: Option<String>,
    pub operation: String,
    pub model: Option<String>,
    pub region: String,
    pub request_id: String,
    pub decision_id: String,
    pub policy_revision: String,
    /// Each of them has to approve.
    pub groups: BTreeSet<String>,
    /// In policy's words.
    pub reasons: BTreeSet<String>,
    pub subject: Subject,
    pub votes: Vec<Vote>,
    pub used: Option<Use>,
    pub expiry_told: bool,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Subject {
    Tool {
        name: String,
        id: String,
        /// Without personal data and secrets; None where nothing could tell them, or nobody shall see any.
        arguments: Option<String>,
        /// There was more than is shown.
        cut: bool,
        arguments_bytes: u64,
        /// What was found in the arguments, by type.
        findings: BTreeMap<String, u64>,
    },
    Request {
        /// Members of path and query by AWS's names.
        resource: BTreeMap<String, String>,
        bytes: u64,
        messages: u64,
        tools: Vec<String>,
        findings: BTreeMap<String, u64>,
    },
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    pub by: String,
    /// For whom they spoke.
    pub groups: BTreeSet<String>,
    pub approve: bool,
    pub at_unix: i64,
    pub note: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Use {
    pub at_unix: i64,
    pub request_id: String,
    /// Names the asking that used it.
    pub bound: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Pending,
    Approved,
    Denied,
    /// It was approved, and what it was for has gone on.
    Used,
    Expired,
}

impl State {
    pub const ALL: [State; 5] = [State::Pending, State::Approved, State::Denied, State::Used, State::Expired];

    pub fn name(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Approved => "approved",
            State::Denied => "denied",
            State::Used => "used",
            State::Expired => "expired",
        }
    }
}

impl Approval {
    /// One denial denies, and every group has to approve.
    pub fn state(&self, now: i64) -> State {
        if self.used.is_some() {
            return State::Used;
        }
        if self.votes.iter().any(|vote| !vote.approve) {
            return State::Denied;
        }
        if now >= self.expires_unix {
            return State::Expired;
        }
        if super::missing(self).is_empty() { State::Approved } else { State::Pending }
    }

    /// Whether this is the answer to an asking, rather than a new approval.
    pub fn answers(&self, bound: &str, now: i64) -> bool {
        now < self.ends_unix() && self.used.as_ref().is_none_or(|used| used.bound == bound)
    }

    pub fn take(&mut self, bound: &str, request_id: &str, now: i64) {
        let (bound, request_id) = (bound.to_owned(), request_id.to_owned());
        self.used = Some(Use { at_unix: now, request_id, bound });
    }

    /// Whether it was that asking which had used it.
    pub fn give_back(&mut self, bound: &str) -> bool {
        self.used.take_if(|used| used.bound == bound).is_some()
    }

    /// From when on it answers nobody.
    pub fn ends_unix(&self) -> i64 {
        match &self.used {
            Some(used) => used.at_unix.saturating_add(RETRY_FOR_S),
            None => self.expires_unix,
        }
    }
}
