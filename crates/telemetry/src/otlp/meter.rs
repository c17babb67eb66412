//! The metrics that leave by OTLP: histograms of the conventions for generative AI, kept from the start of the process
//! and sent whole each time. What Prometheus reads is in [`crate::metrics`] and stays there.
//!
//! Attributes come from closed sets, as labels do, and the sets of them are bounded besides.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hardpan_inference::operation::Operation;
use hardpan_inference::usage::TokenUsage;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Histogram as HistogramData, HistogramDataPoint, Metric, metric,
};

use super::names::{self, Instrument};
use super::span::{truth, word};

/// Sets of attributes kept apart; one more holds the rest.
const SETS_MAX: usize = 2000;

/// One request that was answered, or not.
pub struct Measured<'a> {
    pub operation: Operation,
    /// The base id of a priced model, or `other`.
    pub model: &'a str,
    pub status: u16,
    pub failed: bool,
    pub duration: Duration,
    pub first_byte: Option<Duration>,
    pub usage: &'a TokenUsage,
}

pub(super) struct Meter {
    started_unix_nanos: u64,
    sets: Mutex<BTreeMap<Key, Set>>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Clone)]
enum Key {
    Named { operation: &'static str, provider: &'static str, model: String, error: Option<u16> },
    Rest,
}

/// The status of an error that has none of its own.
const NO_STATUS: u16 = 0;

#[derive(Default)]
struct Set {
    duration: Histogram,
    first_chunk: Histogram,
    input: Histogram,
    output: Histogram,
}

#[derive(Default)]
struct Histogram {
    count: u64,
    sum: f64,
    buckets: Vec<u64>,
}

impl Histogram {
    fn record(&mut self, instrument: &Instrument, value: f64) {
        self.buckets.resize(instrument.bounds.len() + 1, 0);
        let at = instrument.bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.buckets.get_mut(at) {
            *bucket += 1;
        }
        self.count += 1;
        self.sum += value;
    }
}

impl Meter {
    pub fn new(started_unix_nanos: u64) -> Self {
        Self { started_unix_nanos, sets: Mutex::new(BTreeMap::new()) }
    }

    pub fn record(&self, measured: &Measured<'_>) {
        let Some(operation) = names::operation_name(measured.operation, measured.model) else { return };
        let error = match measured.status {
            status @ 400.. => Some(status),
            _ => measured.failed.then_some(NO_STATUS),
        };
        let provider = names::provider(measured.operation.service());
        let key = |error| Key::Named { operation, provider, model: measured.model.to_owned(), error };
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        set(&mut sets, key(error))
            .duration
            .record(&names::OPERATION_DURATION, measured.duration.as_secs_f64());
        // Only the duration is kept apart by error.
        let answered = set(&mut sets, key(None));
        if let Some(first) = measured.first_byte {
            answered.first_chunk.record(&names::TIME_TO_FIRST_CHUNK, first.as_secs_f64());
        }
        if !measured.usage.is_zero() {
            let (input, output) = totals(measured.usage);
            answered.input.record(&names::TOKEN_USAGE, input as f64);
            answered.output.record(&names::TOKEN_USAGE, output as f64);
        }
    }

    /// Everything from the start until now, one metric for each instrument.
    pub fn metrics(&self, now_unix_nanos: u64) -> Vec<Metric> {
        let sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        let point = |attributes: Vec<KeyValue>, histogram: &Histogram, instrument: &Instrument| {
            (histogram.count > 0).then(|| HistogramDataPoint {
                attributes,
                start_time_unix_nano: self.started_unix_nanos,
                time_unix_nano: now_unix_nanos,
                count: histogram.count,
                sum: Some(histogram.sum),
                bucket_counts: histogram.buckets.clone(),
                explicit_bounds: instrument.bounds.to_vec(),
                ..HistogramDataPoint::default()
            })
        };
        let of = |instrument: &'static Instrument, points: Vec<HistogramDataPoint>| Metric {
            name: instrument.name.to_owned(),
            unit: instrument.unit.to_owned(),
            description: instrument.about.to_owned(),
            data: Some(metric::Data::Histogram(HistogramData {
                data_points: points,
                aggregation_temporality: AggregationTemporality::Cumulative.into(),
            })),
            ..Metric::default()
        };
        let duration = sets
            .iter()
            .filter_map(|(key, set)| point(key.attributes(), &set.duration, &names::OPERATION_DURATION));
        let first = sets
            .iter()
            .filter_map(|(key, set)| point(key.attributes(), &set.first_chunk, &names::TIME_TO_FIRST_CHUNK));
        let tokens = sets.iter().flat_map(|(key, set)| {
            [(names::TOKEN_TYPE_INPUT, &set.input), (names::TOKEN_TYPE_OUTPUT, &set.output)].map(
                |(class, histogram)| {
                    let mut attributes = key.attributes();
                    attributes.push(word(names::GEN_AI_TOKEN_TYPE, class));
                    point(attributes, histogram, &names::TOKEN_USAGE)
                },
            )
        });
        let metrics = [
            of(&names::OPERATION_DURATION, duration.collect()),
            of(&names::TIME_TO_FIRST_CHUNK, first.collect()),
            of(&names::TOKEN_USAGE, tokens.flatten().collect()),
        ];
        let filled = |metric: &Metric| matches!(&metric.data, Some(metric::Data::Histogram(data)) if !data.data_points.is_empty());
        metrics.into_iter().filter(filled).collect()
    }
}

fn set(sets: &mut BTreeMap<Key, Set>, key: Key) -> &mut Set {
    let key = if sets.len() < SETS_MAX || sets.contains_key(&key) { key } else { Key::Rest };
    sets.entry(key).or_default()
}

/// All input, cached or not, and all output: the conventions count what was cached as input too.
pub(super) fn totals(usage: &TokenUsage) -> (u64, u64) {
    let input = [usage.input, usage.cache_read, usage.cache_write_5m, usage.cache_write_1h];
    (input.into_iter().fold(0, |sum, tokens| sum.saturating_add(tokens.0)), usage.output.0)
}

impl Key {
    fn attributes(&self) -> Vec<KeyValue> {
        let Key::Named { operation, provider, model, error } = self else {
            return vec![truth(names::METRIC_OVERFLOW, true)];
        };
        let mut attributes = vec![
            word(names::GEN_AI_OPERATION_NAME, *operation),
            word(names::GEN_AI_PROVIDER_NAME, *provider),
            word(names::GEN_AI_REQUEST_MODEL, model.as_str()),
        ];
        match error {
            None => {}
            Some(NO_STATUS) => attributes.push(word(names::ERROR_TYPE, names::ERROR_OTHER)),
            Some(status) => attributes.push(word(names::ERROR_TYPE, status.to_string())),
        }
        attributes
    }
}

#[cfg(test)]
mod tests {
    use hardpan_inference::usage::Tokens;

    use super::*;

    fn measured<'a>(model: &'a str, status: u16, usage: &'a TokenUsage) -> Measured<'a> {
        Measured {
            operation: Operation::Converse,
            model,
            status,
            failed: status >= 400,
            duration: Duration::from_millis(30),
            first_byte: Some(Duration::from_millis(20)),
            usage,
        }
    }

    fn points(metrics: &[Metric], name: &str) -> Vec<HistogramDataPoint> {
        let metric = metrics.iter().find(|metric| metric.name == name).unwrap();
        let Some(metric::Data::Histogram(data)) = &metric.data else { panic!("{name} is no histogram") };
        data.data_points.clone()
    }

    #[test]
    fn values_are_counted_in_their_buckets_under_their_attributes() {
        let meter = Meter::new(7);
        assert!(meter.metrics(8).is_empty());
        let usage = TokenUsage {
            input: Tokens(10),
            output: Tokens(64),
            cache_read: Tokens(2),
            cache_write_5m: Tokens(3),
            cache_write_1h: Tokens(1),
        };
        meter.record(&measured("m", 200, &usage));
        meter.record(&measured("m", 200, &usage));
        meter.record(&measured("m", 429, &TokenUsage::default()));
        meter.record(&Measured { operation: Operation::ListModels, ..measured("m", 200, &usage) });
        let metrics = meter.metrics(9);
        let durations = points(&metrics, "gen_ai.client.operation.duration");
        assert_eq!(durations.iter().map(|point| point.count).collect::<Vec<_>>(), [2, 1]);
        let good = &durations[0];
        assert_eq!((good.start_time_unix_nano, good.time_unix_nano), (7, 9));
        assert_eq!(good.bucket_counts[2], 2);
        assert_eq!(good.bucket_counts.len(), good.explicit_bounds.len() + 1);
        assert!(durations[1].attributes.contains(&word("error.type", "429")));
        let tokens = points(&metrics, "gen_ai.client.token.usage");
        let sums: Vec<_> = tokens.iter().map(|point| point.sum).collect();
        assert_eq!(sums, [Some(32.0), Some(128.0)]);
        // A bound is the upper end of its own bucket.
        assert_eq!(tokens[1].bucket_counts[3], 2);
    }

    #[test]
    fn the_sets_of_attributes_are_bounded() {
        let meter = Meter::new(0);
        for number in 0..SETS_MAX * 3 {
            meter.record(&measured(&format!("model-{number}"), 200, &TokenUsage::default()));
        }
        let durations = points(&meter.metrics(1), "gen_ai.client.operation.duration");
        assert_eq!(durations.len(), SETS_MAX + 1);
        let rest = durations.iter().find(|point| point.count > 1).unwrap();
        assert_eq!(rest.attributes, [truth("otel.metric.overflow", true)]);
        assert_eq!(rest.count as usize, SETS_MAX * 2);
    }
}
