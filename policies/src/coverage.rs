//! Which lines of rules the tests reached.
//!
//! A line counts where a condition, or the value of a rule's head, begins on it. Lines are what the engine can tell:
//! of two conditions on one line it is enough that one was evaluated, and a package is evaluated as a whole when a test
//! names it, so that first conditions count for little. Tests themselves are left out.

use std::collections::{BTreeMap, BTreeSet};

use regorus::Engine;
use regorus::unstable::{Expr, Literal, Module, Query, Ref, Rule, RuleHead};

use crate::syntax::static_path;
use crate::walk::{first_line, parts, subject};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// By path.
    pub files: BTreeMap<String, FileCoverage>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileCoverage {
    pub covered: BTreeSet<u32>,
    pub missed: BTreeSet<u32>,
}

impl Coverage {
    pub fn covered(&self) -> usize {
        self.files.values().map(|file| file.covered.len()).sum()
    }

    pub fn lines(&self) -> usize {
        self.files.values().map(|file| file.covered.len() + file.missed.len()).sum()
    }

    /// Tenths of a percent, rounded down so that a line missed is never a hundred. Of nothing everything is covered.
    pub fn permille(&self) -> usize {
        (self.covered() * 1000).checked_div(self.lines()).unwrap_or(1000)
    }
}

/// Gathers what several engines reached.
pub(crate) struct Collector {
    lines: BTreeMap<String, BTreeSet<u32>>,
    reached: BTreeMap<String, BTreeSet<u32>>,
}

impl Collector {
    pub(crate) fn new(modules: &[Ref<Module>]) -> Collector {
        let mut lines = BTreeMap::new();
        for module in modules {
            let is_test =
                static_path(&module.package.refr).last().is_some_and(|name| name.ends_with("_test"));
            if !is_test {
                let mut found = BTreeSet::new();
                for rule in &module.policy {
                    rule_lines(rule, &mut found);
                }
                lines.insert(module.package.span.source.file().clone(), found);
            }
        }
        Collector { lines, reached: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, engine: &Engine) {
        let Ok(report) = engine.get_coverage_report() else { return };
        for file in report.files {
            self.reached.entry(file.path).or_default().extend(file.covered);
        }
    }

    pub(crate) fn finish(self) -> Coverage {
        let Collector { lines, reached } = self;
        let nothing = BTreeSet::new();
        let files = lines.into_iter().map(|(path, lines)| {
            let reached = reached.get(&path).unwrap_or(&nothing);
            let (covered, missed) = lines.into_iter().partition(|line| reached.contains(line));
            (path, FileCoverage { covered, missed })
        });
        Coverage { files: files.collect() }
    }
}

fn rule_lines(rule: &Rule, lines: &mut BTreeSet<u32>) {
    let Rule::Spec { head, bodies, .. } = rule else { return };
    let value = match head {
        RuleHead::Compr { assign, .. } | RuleHead::Func { assign, .. } => {
            assign.as_ref().map(|assign| &assign.value)
        }
        RuleHead::Set { key, .. } => key.as_ref(),
    };
    for value in value.into_iter().chain(bodies.iter().filter_map(|body| Some(&body.assign.as_ref()?.value)))
    {
        expression_lines(value, lines);
    }
    for body in bodies {
        query_lines(&body.query, lines);
    }
}

fn query_lines(query: &Query, lines: &mut BTreeSet<u32>) {
    for statement in &query.stmts {
        if let Some(subject) = subject(&statement.literal) {
            expression_lines(subject, lines);
        }
        if let Literal::Every { query, .. } = &statement.literal {
            query_lines(query, lines);
        }
    }
}

/// Where it begins, and the conditions of comprehensions within it.
fn expression_lines(expression: &Expr, lines: &mut BTreeSet<u32>) {
    lines.insert(first_line(expression));
    comprehension_lines(expression, lines);
}

fn comprehension_lines(expression: &Expr, lines: &mut BTreeSet<u32>) {
    let (inner, queries) = parts(expression);
    for part in inner {
        comprehension_lines(part, lines);
    }
    for query in queries {
        query_lines(query, lines);
    }
}
