//! Tables of what was measured, in Markdown.
//!
//! A figure that a shared machine moves from minute to minute is given as the median over rounds, and a
//! ratio is taken inside each round, between targets that ran seconds apart, before its median is.

use std::fmt::Write as _;
use std::time::Duration;

use crate::client::Turn;

/// One target's share of one round.
pub struct Measured {
    pub turn: Turn,
    /// None for a target that is no process of its own.
    pub cpu: Option<Duration>,
}

impl Measured {
    fn cpu_ms_per_1000(&self, things: usize) -> Option<f64> {
        let cpu = self.cpu.filter(|_| things > 0)?;
        Some(milliseconds(cpu) * 1000.0 / things as f64)
    }

    fn cpu_per_1000_requests(&self) -> Option<f64> {
        self.cpu_ms_per_1000(self.turn.latencies.len())
    }

    fn cpu_per_1000_frames(&self) -> Option<f64> {
        self.cpu_ms_per_1000(self.turn.frames())
    }

    fn requests_per_second(&self) -> Option<f64> {
        let seconds = self.turn.elapsed.as_secs_f64();
        (seconds > 0.0).then(|| self.turn.latencies.len() as f64 / seconds)
    }
}

/// What one target did, round by round.
pub struct Series {
    pub target: &'static str,
    pub rounds: Vec<Measured>,
}

impl Series {
    pub fn new(target: &'static str) -> Self {
        Self { target, rounds: Vec::new() }
    }

    pub fn failed(&self) -> usize {
        self.rounds.iter().map(|round| round.turn.failed).sum()
    }

    fn median(&self, figure: impl Fn(&Measured) -> Option<f64>) -> Option<f64> {
        median(self.rounds.iter().filter_map(figure).collect())
    }

    /// The median over rounds of this target's figure by another's.
    fn ratio(&self, other: &Series, figure: impl Fn(&Measured) -> Option<f64>) -> Option<f64> {
        let pairs = self.rounds.iter().zip(&other.rounds);
        median(pairs.filter_map(|(own, other)| Some(figure(own)? / figure(other)?)).collect())
    }

    fn latencies(&self) -> Distribution {
        Distribution::of(self.rounds.iter().flat_map(|round| &round.turn.latencies))
    }

    fn gaps(&self) -> Distribution {
        Distribution::of(self.rounds.iter().flat_map(|round| &round.turn.gaps))
    }
}

/// All targets under one load.
pub struct Section {
    /// `1 KB`, or what else the load was.
    pub load: String,
    pub series: Vec<Series>,
}

impl Section {
    fn find(&self, target: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.target == target)
    }
}

/// Memory of one target, in KiB.
pub struct Memory {
    pub target: &'static str,
    pub idle_kib: u64,
    pub after_kib: u64,
}

/// Whole answers: one row per body size and target.
pub fn load_table(sections: &[Section], yardstick: &str) -> String {
    let mut table = String::from(
        "| body | target | CPU ms per 1,000 requests | times the pass-through | requests/s | p50 ms | \
         p99 ms |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for section in sections {
        for series in &section.series {
            let ratio = section
                .find(yardstick)
                .and_then(|other| series.ratio(other, Measured::cpu_per_1000_requests));
            let latencies = series.latencies();
            // Writing to a string cannot fail.
            let _ = writeln!(
                table,
                "| {} | {} | {} | {} | {} | {} | {} |",
                section.load,
                series.target,
                figure(series.median(Measured::cpu_per_1000_requests), 1),
                figure(ratio, 2),
                figure(series.median(Measured::requests_per_second), 0),
                figure(latencies.percentile(50).map(milliseconds), 2),
                figure(latencies.percentile(99).map(milliseconds), 2),
            );
        }
    }
    table
}

/// Streams: one row per target, with what it adds to `direct`.
pub fn stream_table(section: &Section, direct: &str) -> String {
    let mut table = String::from(
        "| target | first frame p50 ms | p99 ms | added p50 ms | added p99 ms | frame gap p50 ms | p99 ms | \
         added p99 µs | CPU ms per 1,000 frames |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    let direct = section.find(direct);
    for series in &section.series {
        let (first, gaps) = (series.latencies(), series.gaps());
        let added_first = |rank| {
            let base = direct?.latencies().percentile(rank)?;
            Some(milliseconds(first.percentile(rank)?) - milliseconds(base))
        };
        let added_gap = || {
            let base = direct?.gaps().percentile(99)?;
            Some((milliseconds(gaps.percentile(99)?) - milliseconds(base)) * 1000.0)
        };
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            series.target,
            figure(first.percentile(50).map(milliseconds), 2),
            figure(first.percentile(99).map(milliseconds), 2),
            figure(added_first(50), 2),
            figure(added_first(99), 2),
            figure(gaps.percentile(50).map(milliseconds), 2),
            figure(gaps.percentile(99).map(milliseconds), 2),
            figure(added_gap(), 0),
            figure(series.median(Measured::cpu_per_1000_frames), 1),
        );
    }
    table
}

pub fn memory_table(memory: &[Memory]) -> String {
    let mut table =
        String::from("| target | resident, idle MB | resident, after the load MB |\n|---|---|---|\n");
    for row in memory {
        let megabytes = |kib: u64| kib as f64 * 1024.0 / 1e6;
        let (idle, after) = (megabytes(row.idle_kib), megabytes(row.after_kib));
        let _ = writeln!(table, "| {} | {idle:.1} | {after:.1} |", row.target);
    }
    table
}

/// A line that says where and when, from what the kernel tells of itself.
pub fn machine(cpuinfo: &str, kernel: &str, cores: usize, date: &str) -> String {
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|line| line.split_once(':'))
        .map_or("unknown CPU", |(_, model)| model.trim());
    let build =
        if cfg!(debug_assertions) { "debug build: the figures mean nothing" } else { "release build" };
    format!("{model}, {cores} cores, Linux {}, {build}, {date}", kernel.trim())
}

/// Durations in order.
struct Distribution(Vec<Duration>);

impl Distribution {
    fn of<'d>(durations: impl Iterator<Item = &'d Duration>) -> Self {
        let mut durations: Vec<Duration> = durations.copied().collect();
        durations.sort_unstable();
        Self(durations)
    }

    /// The smallest duration that `percent` of all do not exceed.
    fn percentile(&self, percent: usize) -> Option<Duration> {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0.get(rank.saturating_sub(1)).copied()
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn figure(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(cpu_ms: Option<u64>, latencies_ms: &[u64]) -> Measured {
        let latencies = latencies_ms.iter().map(|ms| Duration::from_millis(*ms)).collect();
        let turn = Turn { latencies, elapsed: Duration::from_secs(2), ..Turn::default() };
        Measured { turn, cpu: cpu_ms.map(Duration::from_millis) }
    }

    fn series(target: &'static str, rounds: Vec<Measured>) -> Series {
        Series { target, rounds }
    }

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let durations: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        let distribution = Distribution::of(durations.iter().rev());
        for (percent, expected) in [(0, 1), (50, 100), (99, 198), (100, 200)] {
            assert_eq!(distribution.percentile(percent), Some(Duration::from_millis(expected)), "{percent}");
        }
        assert_eq!(Distribution::of([].iter()).percentile(50), None);
    }

    #[test]
    fn a_median_stands_in_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0]), Some(3.0));
        assert_eq!(median(vec![9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 9.0]), Some(3.0));
    }

    #[test]
    fn ratios_are_taken_inside_a_round() {
        let yardstick = series("bare", vec![round(Some(10), &[1, 1]), round(Some(20), &[1, 1])]);
        let own = series("own", vec![round(Some(20), &[1, 1]), round(Some(40), &[1, 1])]);
        assert_eq!(own.ratio(&yardstick, Measured::cpu_per_1000_requests), Some(2.0));
        assert_eq!(own.median(Measured::cpu_per_1000_requests), Some(15_000.0));
        let direct = series("direct", vec![round(None, &[1])]);
        assert_eq!(direct.ratio(&yardstick, Measured::cpu_per_1000_requests), None);
    }

    #[test]
    fn every_target_has_its_row_and_what_is_unknown_a_dash() {
        let section = Section {
            load: "1 KB".to_owned(),
            series: vec![
                series("direct", vec![round(None, &[1, 3])]),
                series("bare", vec![round(Some(1), &[2, 4])]),
            ],
        };
        let table = load_table(&[section], "bare");
        assert!(table.contains("| 1 KB | direct | – | – | 1 | 1.00 | 3.00 |"), "{table}");
        assert!(table.contains("| 1 KB | bare | 500.0 | 1.00 | 1 | 2.00 | 4.00 |"), "{table}");
        let width = |line: &str| line.matches('|').count();
        assert!(table.lines().all(|line| width(line) == 8), "{table}");
    }

    #[test]
    fn streams_show_what_is_added() {
        let mut own = round(Some(4), &[3]);
        own.turn.gaps = vec![Duration::from_millis(6)];
        let mut direct = round(None, &[1]);
        direct.turn.gaps = vec![Duration::from_millis(5)];
        let section = Section {
            load: "stream".to_owned(),
            series: vec![series("direct", vec![direct]), series("own", vec![own])],
        };
        let table = stream_table(&section, "direct");
        assert!(
            table.contains("| own | 3.00 | 3.00 | 2.00 | 2.00 | 6.00 | 6.00 | 1000 | 2000.0 |"),
            "{table}"
        );
        assert!(table.lines().all(|line| line.matches('|').count() == 10), "{table}");
    }

    #[test]
    fn the_machine_is_named_even_where_the_kernel_says_little() {
        let cpuinfo = "processor : 0\nmodel name\t: Some CPU 9\nflags : a\n";
        assert!(machine(cpuinfo, "6.1\n", 2, "2026-01-31").starts_with("Some CPU 9, 2 cores, Linux 6.1, "));
        assert!(machine("", "", 1, "2026-01-31").starts_with("unknown CPU, 1 cores"));
    }
}
