//! What an organisation's Rego says about one question: may this principal do this, and on which terms.
//!
//! A [`Bundle`] is read and checked once, becomes an immutable [`PolicySet`], and answers [`Question`]s with
//! [`Decision`]s. Nothing here enforces anything, talks to a network or keeps state beyond a bounded memo of
//! earlier answers: the proxy hands in facts and carries out what comes back.

pub mod decision;
mod decision_id;
pub mod evaluate;
mod gates;
pub mod input;
mod library;
mod obligation;
mod plan;
#[cfg(test)]
mod samples;
pub mod source;
mod syntax;
pub mod test_runner;

pub use crate::decision::{
    CacheRule, CacheScope, Conflict, Decision, EvaluationError, Grant, Layer, LogContent, Obligations,
    QuotaKey, QuotaUnit, QuotaWindow, Reason, Redact, Route, Severity, Verdict,
};
pub use crate::evaluate::{Mode, PolicySet, Settings};
pub use crate::input::{
    Action, ApiFacts, Common, EndpointFacts, KbFacts, Question, ResponseFacts, Subject, ToolFacts,
    ToolResultFacts,
};
pub use crate::source::{Bundle, LoadError, Problem, Source};
pub use crate::test_runner::{Outcome as TestOutcome, TestCase, TestReport, run_tests};
