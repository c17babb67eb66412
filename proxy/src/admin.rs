//! The admin port: metrics and health, and what people say to approvals. It serves no traffic. It shows no content but
//! the redacted arguments of calls, and those to approvers alone.

use std::sync::Arc;

use async_trait::async_trait;
use hardpan_telemetry::lines::LineLog;
use http::Response;
use metrics_exporter_prometheus::PrometheusHandle;
use pingora_core::apps::http_app::ServeHttp;
use pingora_core::protocols::http::ServerSession;

use crate::approvals;
use crate::snapshot::Parts;

pub struct Admin {
    pub snapshot: Arc<Parts>,
    pub metrics: PrometheusHandle,
}

#[async_trait]
impl ServeHttp for Admin {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        if let Some(answer) = approvals::answer_call(&self.snapshot, session).await {
            return answer;
        }
        let request = session.req_header();
        let (status, kind, body) = match (request.method.as_str(), request.uri.path()) {
            ("GET", "/metrics") => (200, "text/plain; version=0.0.4", self.metrics.render()),
            ("GET", "/healthz") => (200, "application/json", "{\"status\":\"alive\"}".to_owned()),
            ("GET", "/readyz") => self.readiness(),
            _ => (404, "application/json", "{\"message\":\"not found\"}".to_owned()),
        };
        let length = body.len();
        Response::builder()
            .status(status)
            .header(http::header::CONTENT_TYPE, kind)
            .header(http::header::CONTENT_LENGTH, length)
            .body(body.into_bytes())
            .unwrap_or_default()
    }
}

impl Admin {
    /// Ready means that a request sent now would be served, each dependency named.
    fn readiness(&self) -> (u16, &'static str, String) {
        let credentials = self.snapshot.credentials.current().is_some();
        let records = self.snapshot.records.healthy()
            && !self.snapshot.decisions.as_ref().is_some_and(LineLog::must_refuse);
        let serving = !self.snapshot.admission.is_draining();
        let identity = self.snapshot.identity.ready();
        let ready = serving && credentials && records && identity;
        let word = |ready: bool| if ready { "ready" } else { "not_ready" };
        let body = format!(
            "{{\"status\":\"{}\",\"serving\":\"{}\",\"credentials\":\"{}\",\"records\":\"{}\",\"identity\":\"{}\",\"policy_revision\":{}}}",
            word(ready),
            word(serving),
            word(credentials),
            word(records),
            word(identity),
            hardpan_inference::json::quote(self.snapshot.now().policy_revision()),
        );
        (if ready { 200 } else { 503 }, "application/json", body)
    }
}
