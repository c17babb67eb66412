//! `hardpan policy eval` and `hardpan policy explain`.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use hardpan_policies::{
    DOCUMENT_BYTES_MAX, Explanation, InputDocument, LogContext, PolicySet, RuleExplanation, RuleOutcome,
    explain,
};
use serde_json::{Value, json};

use super::super::{Outcome, say};
use super::{Rules, print_json};

#[derive(clap::Args)]
pub struct Eval {
    #[command(flatten)]
    rules: Rules,
    /// The input document; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Answer this query, as `opa eval` does, in place of deciding.
    #[arg(long, value_name = "REGO", conflicts_with_all = ["verbs", "log"])]
    query: Option<String>,
    /// Print what each verb of each package says, in place of deciding.
    #[arg(long, conflicts_with = "log")]
    verbs: bool,
    /// Print the line a decision log would have.
    #[arg(long)]
    log: bool,
    /// The input has one document on each line, and so has the output.
    #[arg(long)]
    batch: bool,
}

impl Eval {
    pub fn run(self) -> Outcome {
        let policies = self.rules.load()?;
        if !self.batch {
            let document = InputDocument::parse(&read(&self.input)?)?;
            let answer = self.answer(&policies, &document, 1)?;
            if self.log {
                // A log has one line for a decision, and so has what reads it.
                say(&answer.to_string());
                return Ok(());
            }
            return print_json(&answer);
        }
        let mut number = 0;
        for_lines(&self.input, DOCUMENT_BYTES_MAX, |line| {
            number += 1;
            let answer = InputDocument::parse(line)
                .map_err(Into::into)
                .and_then(|document| self.answer(&policies, &document, number));
            match answer {
                Ok(answer) => {
                    say(&answer.to_string());
                    Ok(())
                }
                Err(error) => Err(format!("line {number}: {error}").into()),
            }
        })
    }

    fn answer(
        &self,
        policies: &PolicySet,
        document: &InputDocument,
        number: u64,
    ) -> Result<Value, Box<dyn std::error::Error>> {
        if let Some(query) = &self.query {
            return Ok(policies.query(document, query)?);
        }
        if self.verbs {
            let values = policies.verb_values(document).into_iter().map(|(path, value)| {
                let value =
                    value.map_or_else(|error| json!({"error": error}), |value| json!({"value": value}));
                (path, value)
            });
            return Ok(Value::Object(values.collect()));
        }
        let decision = policies.decide_document(document);
        if !self.log {
            return Ok(decision.document());
        }
        let request_id = format!("line-{number}");
        let timestamp = document.time_utc().unwrap_or_default();
        let context = LogContext { request_id: &request_id, timestamp, bundle: "policy" };
        Ok(policies.log_document(document, &decision, &context).unwrap_or(Value::Null))
    }
}

#[derive(clap::Args)]
pub struct Explain {
    #[command(flatten)]
    rules: Rules,
    /// The input document; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
}

impl Explain {
    pub fn run(self) -> Outcome {
        let policies = self.rules.load()?;
        let document = InputDocument::parse(&read(&self.input)?)?;
        for line in lines(&explain(&policies, &document)) {
            say(&line);
        }
        Ok(())
    }
}

fn lines(explanation: &Explanation) -> Vec<String> {
    let decision = &explanation.decision;
    let mut lines = vec![format!("{} {}", decision.verdict.name(), decision.action)];
    for reason in &decision.reasons {
        let at = reason.at.as_deref().unwrap_or(&reason.package);
        lines.push(format!("  [{}] {} ({at})", reason.code, reason.message));
    }
    for grant in &decision.allowed_by {
        lines.push(format!("  allowed by {} of {}", grant.code, grant.package));
    }
    if let Some(error) = &decision.error {
        lines.push(format!("  error: {error}"));
    }
    for rule in &explanation.rules {
        rule_lines(rule, 0, &mut lines);
    }
    lines
}

fn rule_lines(rule: &RuleExplanation, depth: usize, lines: &mut Vec<String>) {
    let margin = "    ".repeat(depth);
    let (path, head) = (&rule.path, &rule.head);
    let head = if head.is_empty() { String::new() } else { format!(" {head}") };
    let (mark, condition) = match &rule.outcome {
        RuleOutcome::Held => ("holds", None),
        RuleOutcome::Stopped(condition) => ("fails", Some(condition)),
        RuleOutcome::Unknown => ("unknown", None),
    };
    lines.push(format!("{margin}{} {mark}: {path}{head}", rule.at));
    let Some(condition) = condition else { return };
    lines.push(format!("{margin}  {} {}: {}", condition.at, condition.finding.name(), condition.text));
    for (name, value) in &condition.values {
        lines.push(format!("{margin}    {name} = {value}"));
    }
    for rule in &condition.because {
        rule_lines(rule, depth + 1, lines);
    }
}

fn read(path: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let mut text = String::new();
    let limit = u64::try_from(DOCUMENT_BYTES_MAX)? + 1;
    std::io::Read::read_to_string(&mut std::io::Read::take(open(path)?, limit), &mut text)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text)
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, String> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    let file = std::fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Box::new(std::io::BufReader::new(file)))
}

/// Lines that are not empty. Of one that is too long its beginning is handed on, which is one byte too long as well.
pub fn for_lines(path: &Path, bytes_max: usize, mut each: impl FnMut(&str) -> Outcome) -> Outcome {
    let mut reader = open(path)?;
    let mut line = Vec::new();
    let mut whole = true;
    loop {
        let available = reader.fill_buf().map_err(|error| format!("{}: {error}", path.display()))?;
        if available.is_empty() {
            break;
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(available.len());
        let room = (bytes_max + 1).saturating_sub(line.len());
        line.extend(available.iter().take(taken.min(room)));
        reader.consume(end.map_or(taken, |end| end + 1));
        whole = end.is_some();
        if whole {
            hand_on(&mut line, &mut each)?;
        }
    }
    if whole { Ok(()) } else { hand_on(&mut line, &mut each) }
}

fn hand_on(line: &mut Vec<u8>, each: &mut impl FnMut(&str) -> Outcome) -> Outcome {
    let text = String::from_utf8_lossy(line);
    let outcome = if text.trim().is_empty() { Ok(()) } else { each(&text) };
    line.clear();
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_empty_ones_skipped() {
        let path = std::env::temp_dir().join(format!("hardpan-lines-{}", uuid::Uuid::new_v4()));
        std::fs::write(&path, "one\n\n  \nfour and more\nlast").unwrap();
        let mut seen = Vec::new();
        for_lines(&path, 4, |line| {
            seen.push(line.to_owned());
            Ok(())
        })
        .unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(seen, ["one", "four ", "last"]);
    }
}
