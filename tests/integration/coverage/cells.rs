//! The columns and rows of the table, and the notes a test leaves of what it proved. The notes of a test that died
//! on its way have no last line and count for nothing.

use std::path::PathBuf;

use hardpan_inference::operation::{Operation, Streams};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    Identity,
    Policy,
    PiiIn,
    PiiOut,
    Injection,
    Tools,
    Quota,
    Cost,
    Cache,
    Guardrail,
    Record,
}

impl Column {
    pub const ALL: [Column; 11] = [
        Column::Identity,
        Column::Policy,
        Column::PiiIn,
        Column::PiiOut,
        Column::Injection,
        Column::Tools,
        Column::Quota,
        Column::Cost,
        Column::Cache,
        Column::Guardrail,
        Column::Record,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Column::Identity => "identity",
            Column::Policy => "policy",
            Column::PiiIn => "PII in",
            Column::PiiOut => "PII out",
            Column::Injection => "injection",
            Column::Tools => "tools",
            Column::Quota => "quota",
            Column::Cost => "cost",
            Column::Cache => "cache",
            Column::Guardrail => "guardrail",
            Column::Record => "record",
        }
    }
}

/// Whether the answer comes whole or in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Plain,
    Stream,
}

impl Form {
    pub fn name(self) -> &'static str {
        match self {
            Form::Plain => "plain",
            Form::Stream => "stream",
        }
    }
}

/// The forms an operation has.
pub fn forms(operation: Operation) -> &'static [Form] {
    match operation.streams() {
        Streams::Never => &[Form::Plain],
        Streams::Always | Streams::Both => &[Form::Stream],
        Streams::OnRequest => &[Form::Plain, Form::Stream],
    }
}

/// Where notes are kept, beside the build.
pub fn folder() -> PathBuf {
    let folder = match std::env::var_os("HARDPAN_COVERAGE") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("coverage"),
    };
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// What one test proves.
pub struct Cells {
    test: &'static str,
    pub column: Column,
    lines: Vec<String>,
    failures: Vec<String>,
}

impl Cells {
    pub fn new(test: &'static str, column: Column) -> Self {
        Self { test, column, lines: Vec::new(), failures: Vec::new() }
    }

    pub fn note(&mut self, operation: Operation, form: Form, outcome: Result<&'static str, String>) {
        let (service, name) = (operation.service().name(), operation.name());
        if let Err(problem) = &outcome {
            self.failures.push(format!("{service} {name} {}: {problem}", form.name()));
        }
        let line = serde_json::json!({
            "test": self.test,
            "column": self.column.name(),
            "service": service,
            "operation": name,
            "form": form.name(),
            "proof": outcome.as_ref().ok(),
            "problem": outcome.as_ref().err(),
        });
        self.lines.push(line.to_string());
    }

    /// Writes the notes, then fails with everything that is not proved.
    pub fn finish(mut self) {
        let last = serde_json::json!({"test": self.test, "ended": true, "failures": self.failures.len()});
        self.lines.push(last.to_string());
        let file = folder().join(format!("{}.jsonl", self.test.replace("::", ".")));
        std::fs::write(file, self.lines.join("\n") + "\n").unwrap();
        assert!(self.failures.is_empty(), "not proved:\n{}", self.failures.join("\n"));
    }
}
