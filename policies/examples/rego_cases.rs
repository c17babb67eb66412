//! Evaluates cases of a conformance suite with the engine as Hardpan builds it: a case per line in, an outcome per line
//! out. Which outcome is right is for `tests/rego/conformance.py` to say.
//!
//! A case is `{"modules": [..], "data": {..}, "input": .., "query": "..", "strict": bool}`; an outcome is
//! `{"results": [bindings, ..]}` or `{"error": ".."}`.

#![allow(clippy::print_stdout, reason = "outcomes are the output")]

use std::io::BufRead;
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, Value as Rego};
use serde_json::{Value, json};

const CASE_LIMIT: Duration = Duration::from_secs(5);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A panic is an outcome like any other.
    std::panic::set_hook(Box::new(|_| {}));
    for line in std::io::stdin().lock().lines() {
        let case: Value = serde_json::from_str(&line?)?;
        let outcome = catch_unwind(AssertUnwindSafe(|| evaluate(&case)));
        let outcome = match outcome {
            Ok(Ok(results)) => json!({ "results": results }),
            Ok(Err(error)) => json!({ "error": error }),
            Err(_) => json!({"error": "panic"}),
        };
        println!("{outcome}");
    }
    Ok(())
}

fn evaluate(case: &Value) -> Result<Vec<Value>, String> {
    let mut engine = Engine::new();
    engine.set_strict_builtin_errors(case.get("strict").and_then(Value::as_bool).unwrap_or(false));
    let check_interval = NonZeroU32::MIN.saturating_add(63);
    engine.set_execution_timer_config(ExecutionTimerConfig { limit: CASE_LIMIT, check_interval });
    let modules = case.get("modules").and_then(Value::as_array).into_iter().flatten();
    for (index, module) in modules.enumerate() {
        let text = module.as_str().unwrap_or_default().to_owned();
        engine.add_policy(format!("{index}.rego"), text).map_err(|error| error.to_string())?;
    }
    if let Some(data) = case.get("data").filter(|data| data.is_object()) {
        engine.add_data_json(&data.to_string()).map_err(|error| error.to_string())?;
    }
    if let Some(input) = case.get("input") {
        engine.set_input(Rego::from_json_str(&input.to_string()).map_err(|error| error.to_string())?);
    }
    let query = case.get("query").and_then(Value::as_str).unwrap_or_default().to_owned();
    let answer = engine.eval_query(query, false).map_err(|error| error.to_string())?;
    let bindings = answer.result.iter().map(|result| serde_json::to_value(&result.bindings));
    bindings.collect::<Result<_, _>>().map_err(|error| error.to_string())
}
