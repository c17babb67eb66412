//! Traces and metrics to an OpenTelemetry collector, by OTLP over HTTP in protobuf.
//!
//! A thread of its own makes spans of what requests leave in a bounded queue, and sends them. A request never waits for
//! it: what finds the queue full, or the collector gone, is dropped and counted. No text of a prompt or an answer comes
//! here, and nothing that a collector answers is logged.

mod export;
mod meter;
pub mod names;
mod span;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, watch};
use zeroize::Zeroizing;

use crate::metrics;
use crate::trace::Sampler;
use export::Exporter;
pub use meter::Measured;
use meter::Meter;
pub use span::FinishedRequest;

/// Requests that may wait to be sent.
pub const QUEUE_REQUESTS_MAX: usize = 2048;

/// No `Debug`: headers are credentials.
pub struct OtlpSettings {
    /// `http://HOST:PORT` or `https://HOST`, with a path in front of the signals' own where there is one; no slash at
    /// its end.
    pub endpoint: String,
    pub headers: Vec<(String, Zeroizing<String>)>,
    /// PEM, in place of the system's authorities.
    pub authorities: Option<Vec<u8>>,
    /// Send messages compressed by gzip.
    pub compresses: bool,
    /// Of one attempt to send.
    pub timeout: Duration,
    /// 0 to 1, of the traces that begin here.
    pub sampling: f64,
    pub metrics_every: Duration,
    pub service_name: String,
}

pub struct Otlp {
    sampler: Sampler,
    meter: Arc<Meter>,
    queue: mpsc::Sender<FinishedRequest>,
    stop: watch::Sender<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Otlp {
    pub fn start(settings: OtlpSettings) -> io::Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE_REQUESTS_MAX);
        let (stop, stopped) = watch::channel(false);
        let meter = Arc::new(Meter::new(unix_nanos()));
        let sampler = Sampler::new(settings.sampling);
        let mut exporter = Exporter::new(settings, Arc::clone(&meter), waiting, stopped)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let run = move || runtime.block_on(exporter.run());
        let thread = std::thread::Builder::new().name("otlp".to_owned()).spawn(run)?;
        Ok(Self { sampler, meter, queue, stop, thread: Mutex::new(Some(thread)) })
    }

    pub fn sampler(&self) -> Sampler {
        self.sampler
    }

    /// Hands a request over, or drops it. Never waits.
    pub fn finished(&self, request: FinishedRequest) {
        if request.trace.sampled_span().is_none() {
            return;
        }
        let spans = 1 + request.trace.calls().len() as u64;
        if self.queue.try_send(request).is_err() {
            metrics::spans_exported("dropped", spans);
        }
    }

    pub fn measure(&self, measured: &Measured<'_>) {
        self.meter.record(measured);
    }

    /// Sends what waits, within a bound of time. Blocks.
    pub fn close(&self) {
        self.stop.send_replace(true);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the OTLP exporter ended by a panic");
        }
    }
}

fn unix_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use hardpan_inference::operation::Operation;
    use hardpan_inference::usage::TokenUsage;

    use super::*;
    use crate::trace::RequestTrace;

    fn request(sampler: Sampler) -> FinishedRequest {
        FinishedRequest {
            trace: RequestTrace::begin(None, Some(sampler), true).unwrap(),
            began_unix_nanos: 1,
            duration: Duration::from_millis(5),
            operation: Some(Operation::Converse),
            request_id: String::new(),
            aws_request_id: None,
            caller: None,
            region: None,
            model_requested: None,
            model_served: None,
            decision: None,
            guardrail_action: None,
            cache: "bypass",
            redactions: 0,
            usage: TokenUsage::default(),
            cost_usd: None,
            stop_reason: None,
            first_byte: None,
            overhead: Duration::ZERO,
            status: 200,
            error: None,
        }
    }

    #[test]
    fn a_full_queue_drops_and_never_waits() {
        // It takes connections and says nothing.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let otlp = Otlp::start(OtlpSettings {
            endpoint: format!("http://{}", silent.local_addr().unwrap()),
            headers: Vec::new(),
            authorities: None,
            compresses: false,
            timeout: Duration::from_secs(60),
            sampling: 1.0,
            metrics_every: Duration::from_secs(60),
            service_name: "test".to_owned(),
        })
        .unwrap();
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let handed_over = QUEUE_REQUESTS_MAX * 2;
        ::metrics::with_local_recorder(&recorder, || {
            (0..handed_over).for_each(|_| otlp.finished(request(otlp.sampler())));
        });
        let text = recorder.handle().render();
        let dropped =
            text.lines().find_map(|line| line.strip_prefix("hardpan_otlp_spans_total{result=\"dropped\"} "));
        let dropped: usize = dropped.unwrap().parse().unwrap();
        // All but what waits and the batch that is being sent.
        assert!((QUEUE_REQUESTS_MAX / 2..=QUEUE_REQUESTS_MAX).contains(&dropped), "{dropped}");
        otlp.close();
        // What comes after the end goes nowhere, and harms nobody.
        otlp.finished(request(otlp.sampler()));
        otlp.close();
    }
}
