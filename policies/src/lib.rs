//! What an organisation's Rego says about one question: may this principal do this, and on which terms.
//!
//! A [`Bundle`] is read and checked once, becomes an immutable [`PolicySet`], and answers [`Question`]s with
//! [`Decision`]s. Nothing here enforces anything, talks to a network or keeps state beyond a bounded memo of
//! earlier answers: the proxy hands in facts and carries out what comes back.

pub mod bundle;
mod capabilities;
mod check;
mod coverage;
pub mod decision;
mod decision_id;
mod decision_log;
mod document;
pub mod evaluate;
mod explain;
mod gates;
mod growth;
mod guard;
pub mod input;
mod lexical;
mod library;
mod obligation;
mod plan;
mod replay;
#[cfg(test)]
mod samples;
mod schema;
pub mod source;
mod syntax;
pub mod test_runner;
mod walk;

pub use crate::bundle::signature::{KeyError, Verification};
pub use crate::capabilities::capabilities;
pub use crate::check::{CheckReport, Matrix, check, source_of};
pub use crate::coverage::{Coverage, FileCoverage};
pub use crate::decision::{
    ApprovalRule, CacheRule, CacheScope, Conflict, Decision, EvaluationError, Grant, Layer, LogContent,
    Obligations, QuotaKey, QuotaUnit, QuotaWindow, Reason, Redact, Route, Severity, Verdict,
};
pub use crate::decision_log::LogContext;
pub use crate::document::{DOCUMENT_BYTES_MAX, DocumentError, InputDocument};
pub use crate::evaluate::{Mode, PolicySet, Settings};
pub use crate::explain::{Condition, Explanation, Finding, Outcome as RuleOutcome, RuleExplanation, explain};
pub use crate::input::{
    Action, ApiFacts, Common, EndpointFacts, KbFacts, Question, ResponseFacts, Subject, ToolFacts,
    ToolResultFacts,
};
pub use crate::replay::{Change, Example, LINE_BYTES_MAX, Replay, ReplayReport};
pub use crate::schema::{input_schema, schema_files};
pub use crate::source::{Bundle, BundleFiles, LoadError, Problem, Source, read_archive};
pub use crate::test_runner::{
    Outcome as TestOutcome, TestCase, TestReport, run_tests, run_tests_with_coverage,
};
