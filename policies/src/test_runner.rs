//! Runs the tests an organisation writes beside its rules, as `opa test` does: rules `test_*` in packages
//! `…_test`.
//!
//! The bundle's gates are not applied, because a test may mock what a served rule may not. Fixtures are not handled
//! here.

use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, Value};

use crate::coverage::{Collector, Coverage};
use crate::lexical;
use crate::plan::rule_path;
use crate::source::{Files, LoadError, Problem};
use crate::syntax::{Form, Syntax};

/// For one test.
const TEST_LIMIT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed,
    /// What the engine said.
    Error(String),
    /// Named `todo_test_*`.
    Skipped,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestCase {
    /// `policy.org.models_test.test_granted`.
    pub name: String,
    /// `org/models_test.rego:7`.
    pub at: String,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TestReport {
    pub cases: Vec<TestCase>,
}

impl TestReport {
    pub fn count(&self, wanted: impl Fn(&Outcome) -> bool) -> usize {
        self.cases.iter().filter(|case| wanted(&case.outcome)).count()
    }

    /// Whether there was a test and every one passed or was set aside.
    pub fn is_success(&self) -> bool {
        self.count(|outcome| *outcome == Outcome::Passed) > 0
            && self.cases.iter().all(|case| matches!(case.outcome, Outcome::Passed | Outcome::Skipped))
    }
}

/// Loads every module and `data.json` under a directory and runs its tests, in the order of files and lines.
pub fn run_tests(directory: &Path) -> Result<TestReport, LoadError> {
    Ok(run(&mut load(directory)?, None))
}

/// The same, and which lines of the rules the tests reached.
pub fn run_tests_with_coverage(directory: &Path) -> Result<(TestReport, Coverage), LoadError> {
    let mut engine = load(directory)?;
    engine.set_enable_coverage(true);
    let mut collector = Collector::new(engine.get_modules());
    let report = run(&mut engine, Some(&mut collector));
    Ok((report, collector.finish()))
}

fn load(directory: &Path) -> Result<Engine, LoadError> {
    let bundle = Files::all(directory)?.bundle()?;
    let mut engine = Engine::new();
    engine.set_strict_builtin_errors(true);
    // `print` is for authors, but the report is the only output.
    engine.set_gather_prints(true);
    let mut problems = Vec::new();
    for module in bundle.modules() {
        if let Some(problem) = lexical::problem(&module.path, &module.text) {
            problems.push(problem);
            continue;
        }
        if let Err(error) = engine.add_policy(module.path.clone(), module.text.clone()) {
            problems.push(Problem::new(&module.path, error.to_string()));
        }
    }
    let data = serde_json::to_string(bundle.data()).unwrap_or_default();
    if let Err(error) = engine.add_data_json(&data) {
        problems.push(Problem::new("data", error.to_string()));
    }
    if !problems.is_empty() {
        return Err(LoadError::Refused(problems));
    }
    let check_interval = NonZeroU32::MIN.saturating_add(63);
    engine.set_execution_timer_config(ExecutionTimerConfig { limit: TEST_LIMIT, check_interval });
    Ok(engine)
}

fn run(engine: &mut Engine, mut collector: Option<&mut Collector>) -> TestReport {
    let syntax = Syntax::read(engine.get_modules());
    let mut report = TestReport::default();
    for definition in &syntax.definitions {
        let in_test_package = definition.package.last().is_some_and(|name| name.ends_with("_test"));
        let is_test = definition.name().starts_with("test_");
        let is_todo = definition.name().starts_with("todo_test_");
        let is_value = matches!(definition.form, Form::Complete { .. } | Form::Partial);
        let name = definition.path.join(".");
        let seen = report.cases.iter().any(|case| case.name == name);
        if !in_test_package || !(is_test || is_todo) || !is_value || seen {
            continue;
        }
        let outcome = if is_todo {
            Outcome::Skipped
        } else {
            let is_partial = matches!(definition.form, Form::Partial);
            run_one(engine, &rule_path(&definition.path), is_partial, collector.as_deref_mut())
        };
        report.cases.push(TestCase { name, at: definition.at.clone(), outcome });
    }
    report
}

/// Each test gets its own clone, so that none can disturb another.
fn run_one(engine: &Engine, path: &str, is_partial: bool, collector: Option<&mut Collector>) -> Outcome {
    let mut engine = engine.clone();
    let answer = catch_unwind(AssertUnwindSafe(|| {
        if is_partial {
            // The engine takes only plain names as rule paths.
            engine.eval_query(path.to_owned(), false).map(|results| {
                let mut expressions = results.result.into_iter().flat_map(|result| result.expressions);
                expressions.next().map_or(Value::Undefined, |expression| expression.value)
            })
        } else {
            engine.eval_rule(path.to_owned())
        }
    }));
    if let Some(collector) = collector {
        collector.add(&engine);
    }
    match answer {
        Err(_) => Outcome::Error("the engine panicked".to_owned()),
        Ok(Err(error)) => Outcome::Error(error.to_string()),
        Ok(Ok(value)) if passes(&value) => Outcome::Passed,
        Ok(Ok(_)) => Outcome::Failed,
    }
}

/// True, or the cases of a parameterised test, all of them true.
fn passes(value: &Value) -> bool {
    match value {
        Value::Bool(passed) => *passed,
        Value::Object(cases) => !cases.is_empty() && cases.values().all(passes),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(modules: &[(&str, &str)]) -> Vec<(String, Outcome)> {
        let mut engine = Engine::new();
        for (path, text) in modules {
            engine.add_policy((*path).into(), (*text).into()).unwrap();
        }
        run(&mut engine, None).cases.into_iter().map(|case| (case.name, case.outcome)).collect()
    }

    #[test]
    fn the_shipped_policies_pass_their_own_tests() {
        let report = run_tests(&Path::new(env!("CARGO_MANIFEST_DIR")).join("rego")).unwrap();
        let failed = report.cases.iter().filter(|case| case.outcome != Outcome::Passed);
        let failed: Vec<&str> = failed.map(|case| case.name.as_str()).collect();
        assert!(failed.is_empty() && report.cases.len() > 50, "{failed:?}");
    }

    #[test]
    fn tests_pass_fail_and_err_by_name() {
        let rules = ("a.rego", "package policy.org.a\nallow if input.x == data.limit");
        let tests = "package policy.org.a_test\n\
            import data.policy.org.a\n\
            test_mocked if a.allow with input as {\"x\": 5} with data.limit as 5\n\
            test_undefined if a.allow\n\
            test_false := false\n\
            test_error if to_number(\"zz\") == 1\n\
            todo_test_later if false\n\
            helper if true";
        let found = outcomes(&[rules, ("a_test.rego", tests)]);
        let names: Vec<&str> = found.iter().map(|(name, _)| name.rsplit('.').next().unwrap()).collect();
        assert_eq!(names, ["test_mocked", "test_undefined", "test_false", "test_error", "todo_test_later"]);
        assert_eq!(found[0].1, Outcome::Passed);
        assert_eq!((&found[1].1, &found[2].1), (&Outcome::Failed, &Outcome::Failed));
        assert!(matches!(found[3].1, Outcome::Error(_)));
        assert_eq!(found[4].1, Outcome::Skipped);
    }

    #[test]
    fn lines_no_test_reaches_are_told() {
        let rules = "package policy.org.a\n\
            allow if {\n\
            input.x == 1\n\
            every item in input.list {\n\
            item > 0\n\
            }\n\
            }\n\
            deny contains {\n\
            \"code\": \"c\",\n\
            } if {\n\
            input.y\n\
            names := [name |\n\
            some name in input.names\n\
            name != \"\"\n\
            ]\n\
            count(names) > 0\n\
            }\n\
            unused if {\n\
            input.z\n\
            input.w\n\
            }";
        let tests = "package policy.org.a_test\nimport data.policy.org.a\n\
            test_a if a.allow with input as {\"x\": 1, \"list\": [1]}\n\
            test_b if count(a.deny) == 0 with input as {\"y\": 1, \"names\": []}";
        let mut engine = Engine::new();
        engine.add_policy("a.rego".into(), rules.into()).unwrap();
        engine.add_policy("a_test.rego".into(), tests.into()).unwrap();
        engine.set_enable_coverage(true);
        let mut collector = Collector::new(engine.get_modules());
        assert!(run(&mut engine, Some(&mut collector)).is_success());
        let coverage = collector.finish();
        assert_eq!(coverage.files.len(), 1, "tests are not covered themselves");
        let file = &coverage.files["a.rego"];
        assert_eq!(file.covered, [3, 4, 5, 11, 12, 13, 16, 19].into());
        assert_eq!(file.missed, [8, 14, 20].into());
        assert_eq!(coverage.permille(), 727);
    }

    #[test]
    fn the_shipped_policies_are_covered_by_their_tests() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("rego");
        let (report, coverage) = run_tests_with_coverage(&directory).unwrap();
        assert!(report.is_success());
        assert!(coverage.permille() >= 950, "{coverage:#?}");
    }

    #[test]
    fn rules_outside_test_packages_are_not_tests() {
        assert!(outcomes(&[("a.rego", "package policy.org.a\ntest_x if true")]).is_empty());
    }

    #[test]
    fn a_report_without_tests_is_no_success() {
        assert!(!TestReport::default().is_success());
    }

    #[test]
    fn the_shipped_tests_pass() {
        let report = run_tests(&Path::new(env!("CARGO_MANIFEST_DIR")).join("rego")).unwrap();
        let bad: Vec<&TestCase> =
            report.cases.iter().filter(|case| !matches!(case.outcome, Outcome::Passed)).collect();
        assert!(report.is_success(), "{bad:#?}");
    }
}
