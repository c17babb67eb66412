//! `hardpan policy replay`.

use std::path::PathBuf;

use clap::ValueEnum;
use hardpan_policies::{Change, LINE_BYTES_MAX, Replay as Replaying, ReplayReport};
use serde_json::{Map, Value, json};

use super::super::{Outcome, say};
use super::evaluate::for_lines;
use super::{aligned, load, print_json};

#[derive(clap::Args)]
pub struct Replay {
    /// Lines of a decision log; `-` is standard input.
    records: PathBuf,
    /// Directory of the bundle to try.
    #[arg(long, value_name = "DIR")]
    bundle: PathBuf,
    /// Directory of the bundle to compare with; without it what was recorded.
    #[arg(long, value_name = "DIR")]
    old: Option<PathBuf>,
    /// JSON file that is merged into `data` of both. May be given more than once.
    #[arg(long, value_name = "FILE")]
    data: Vec<PathBuf>,
    /// Fail where any decision is of this kind. May be given more than once.
    #[arg(long, value_name = "CHANGE")]
    fail_on: Vec<Kind>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Looser,
    Other,
    Stricter,
    Inconclusive,
}

impl Kind {
    fn change(self) -> Change {
        match self {
            Kind::Looser => Change::Looser,
            Kind::Other => Change::Other,
            Kind::Stricter => Change::Stricter,
            Kind::Inconclusive => Change::Inconclusive,
        }
    }
}

impl Replay {
    pub fn run(self) -> Outcome {
        let new = load(Some(&self.bundle), &self.data)?;
        let old = self.old.as_deref().map(|old| load(Some(old), &self.data)).transpose()?;
        let mut replay = Replaying::new(&new, old.as_ref());
        for_lines(&self.records, LINE_BYTES_MAX, |line| {
            replay.line(line);
            Ok(())
        })?;
        let report = replay.finish();
        if self.json {
            print_json(&document(&report))?
        } else {
            tell(&report)
        }
        let unwanted = self.fail_on.iter().map(|kind| kind.change()).find(|change| report.count(*change) > 0);
        match unwanted {
            Some(change) => Err(format!("{} decision(s) are {}", report.count(change), change.name()).into()),
            None if report.total() == 0 => Err("there is nothing to replay".into()),
            None => Ok(()),
        }
    }
}

fn tell(report: &ReplayReport) {
    let head = ["team"].into_iter().chain(Change::ALL.map(Change::name)).map(str::to_owned).collect();
    let mut rows: Vec<Vec<String>> = vec![head];
    for (team, counts) in &report.teams {
        let count = |change: Change| counts.get(&change).copied().unwrap_or_default().to_string();
        let team = if team.is_empty() { "-" } else { team };
        rows.push([team.to_owned()].into_iter().chain(Change::ALL.map(count)).collect());
    }
    let total = Change::ALL.map(|change| report.count(change).to_string());
    rows.push(["all".to_owned()].into_iter().chain(total).collect());
    for line in aligned(&rows) {
        say(&line);
    }
    for (change, examples) in &report.examples {
        for example in examples {
            let (name, id, action) = (change.name(), &example.request_id, &example.action);
            say(&format!("{name}: {id} {action} of team {}: {}", example.team, example.why));
        }
    }
}

fn document(report: &ReplayReport) -> Value {
    let counts = |count: &dyn Fn(Change) -> u64| -> Value {
        let counts: Map<String, Value> =
            Change::ALL.iter().map(|change| (change.name().to_owned(), json!(count(*change)))).collect();
        Value::Object(counts)
    };
    let teams: Map<String, Value> = report
        .teams
        .iter()
        .map(|(team, own)| (team.clone(), counts(&|change| own.get(&change).copied().unwrap_or_default())))
        .collect();
    let examples = report.examples.iter().flat_map(|(change, examples)| {
        examples.iter().map(|example| {
            json!({
                "change": change.name(),
                "request_id": example.request_id,
                "team": example.team,
                "action": example.action,
                "why": example.why,
            })
        })
    });
    json!({
        "total": counts(&|change| report.count(change)),
        "teams": teams,
        "examples": examples.collect::<Vec<_>>(),
    })
}
