//! Putting the parts on sockets: the traffic port, the admin port, and the tasks that keep things fresh.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hardpan_telemetry::metrics;
use hardpan_telemetry::otlp::Otlp;
use metrics_exporter_prometheus::PrometheusHandle;
use pingora_core::server::configuration::ServerConf;
use pingora_core::server::{RunArgs, Server, ShutdownSignal, ShutdownSignalWatch, ShutdownWatch};
use pingora_core::services::background::{BackgroundService, background_service};
use pingora_core::services::listening::Service;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::admin::Admin;
use crate::alarms;
use crate::credentials_endpoint::CredentialsEndpoint;
use crate::identity::certificate::{TlsError, tls_settings};
use crate::prices::Watch;
use crate::service::Edge;
use crate::snapshot::Parts;

/// Histograms that nobody scrapes would grow without this.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// How long requests under way may take to end once the process is told to stop.
const DRAIN_WITHIN: Duration = Duration::from_secs(30);
const DRAIN_LOOK_EVERY: Duration = Duration::from_millis(50);
/// For requests that came in while listeners were closing.
const GRACE_SECONDS: u64 = 1;

/// Serves until the process is told to stop: SIGTERM lets requests under way end, SIGINT stops at once.
pub fn serve(snapshot: &Arc<Parts>, metrics: PrometheusHandle) -> Result<(), TlsError> {
    let config = &snapshot.config;
    let conf = ServerConf {
        threads: config.threads,
        work_stealing: true,
        grace_period_seconds: Some(GRACE_SECONDS),
        graceful_shutdown_timeout_seconds: Some(5),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut traffic = Service::new("traffic".to_owned(), Edge::new(snapshot.clone()));
    match &config.tls {
        None => traffic.add_tcp(&config.listen.to_string()),
        Some(files) => traffic.add_tls_with_settings(&config.listen.to_string(), None, tls_settings(files)?),
    }
    server.add_service(traffic);
    if let Some(admin) = config.admin {
        let app = Admin { snapshot: snapshot.clone(), metrics: metrics.clone() };
        let mut service = Service::new("admin".to_owned(), app);
        service.add_tcp(&admin.to_string());
        server.add_service(service);
    }
    if let (Some(endpoint), Some(keys)) = (&config.identity.credentials, snapshot.identity.temporary()) {
        let mut service = Service::new("credentials".to_owned(), CredentialsEndpoint::new(keys));
        service.add_tcp(&endpoint.listen.to_string());
        server.add_service(service);
    }
    let upkeep = Upkeep { snapshot: snapshot.clone(), metrics };
    server.add_service(background_service("upkeep", upkeep));
    server.run(RunArgs { shutdown_signal: Box::new(Signals { snapshot: snapshot.clone() }) });
    snapshot.ledger.close();
    snapshot.records.close();
    snapshot.otlp.iter().for_each(Otlp::close);
    Ok(())
}

/// Turns signals into shutdowns. Draining comes first: until the last request under way has ended, or its time is
/// up, the process still serves, but is not ready and keeps no connection.
struct Signals {
    snapshot: Arc<Parts>,
}

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        let listen = |kind: SignalKind| signal(kind).ok();
        let (mut terminate, mut interrupt) =
            (listen(SignalKind::terminate()), listen(SignalKind::interrupt()));
        tokio::select! {
            () = received(&mut terminate) => {}
            () = received(&mut interrupt) => return ShutdownSignal::FastShutdown,
        }
        tracing::info!("draining");
        self.snapshot.admission.begin_draining();
        let drained = async {
            while self.snapshot.admission.requests() > 0 {
                tokio::time::sleep(DRAIN_LOOK_EVERY).await;
            }
        };
        tokio::select! {
            _ = tokio::time::timeout(DRAIN_WITHIN, drained) => ShutdownSignal::GracefulTerminate,
            () = received(&mut interrupt) => ShutdownSignal::FastShutdown,
        }
    }
}

/// Never, where the signal cannot be listened for.
async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

struct Upkeep {
    snapshot: Arc<Parts>,
    metrics: PrometheusHandle,
}

#[async_trait]
impl BackgroundService for Upkeep {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let upkeep = async {
            loop {
                tokio::time::sleep(UPKEEP_EVERY).await;
                self.metrics.run_upkeep();
                let ledger = &self.snapshot.ledger;
                metrics::quota_overshoots(ledger.overshoot());
                metrics::quota_store_failures(ledger.store_failures());
                metrics::quota_alarms_lost(ledger.alarms_lost());
                self.snapshot.cache.iter().for_each(|cache| metrics::cache_bytes(cache.bytes()));
            }
        };
        tokio::select! {
            () = upkeep => {}
            () = alarms::keep_telling(&self.snapshot) => {}
            () = self.snapshot.credentials.clone().keep_fresh() => {}
            () = self.snapshot.identity.clone().keep_fresh() => {}
            () = self.snapshot.policies.clone().keep_fresh() => {}
            () = Watch::default().keep(&self.snapshot.prices) => {}
            _ = shutdown.changed() => {}
        }
    }
}
