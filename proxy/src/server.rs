//! Putting the parts on sockets: the traffic port, the admin port, and the tasks that keep things fresh.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use metrics_exporter_prometheus::PrometheusHandle;
use pingora_core::listeners::tls::TlsSettings;
use pingora_core::server::configuration::ServerConf;
use pingora_core::server::{RunArgs, Server, ShutdownWatch};
use pingora_core::services::background::{BackgroundService, background_service};
use pingora_core::services::listening::Service;

use crate::admin::Admin;
use crate::config::TlsFiles;
use crate::service::Edge;
use crate::snapshot::Snapshot;

/// Histograms that nobody scrapes would grow without this.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
#[error("the TLS certificate or key could not be used: {0}")]
pub struct TlsError(String);

/// Serves until the process is told to stop: SIGTERM drains, SIGINT stops at once.
pub fn serve(snapshot: &Arc<Snapshot>, metrics: PrometheusHandle) -> Result<(), TlsError> {
    let config = &snapshot.config;
    let conf = ServerConf {
        threads: config.threads,
        work_stealing: true,
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(30),
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
    let upkeep = Upkeep { snapshot: snapshot.clone(), metrics };
    server.add_service(background_service("upkeep", upkeep));
    server.run(RunArgs::default());
    snapshot.records.close();
    Ok(())
}

fn tls_settings(files: &TlsFiles) -> Result<TlsSettings, TlsError> {
    let (certificate, key) = (files.certificate.to_string_lossy(), files.key.to_string_lossy());
    let mut settings =
        TlsSettings::intermediate(&certificate, &key).map_err(|error| TlsError(error.to_string()))?;
    settings.enable_h2();
    Ok(settings)
}

struct Upkeep {
    snapshot: Arc<Snapshot>,
    metrics: PrometheusHandle,
}

#[async_trait]
impl BackgroundService for Upkeep {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let upkeep = async {
            loop {
                tokio::time::sleep(UPKEEP_EVERY).await;
                self.metrics.run_upkeep();
            }
        };
        tokio::select! {
            () = upkeep => {}
            () = self.snapshot.credentials.clone().keep_fresh() => {}
            _ = shutdown.changed() => {}
        }
    }
}
