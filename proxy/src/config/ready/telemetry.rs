//! The `telemetry` section: what becomes of a caller's trace, and the collector that traces and metrics are sent to. No
//! connection is opened here.

use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};
use zeroize::Zeroizing;

use super::Builder;
use crate::config::text::Text;
use crate::config::written::{self, TraceContext};

const TIMEOUT_MS: u64 = 10_000;
const TIMEOUT_MS_MAX: u64 = 60_000;
const METRICS_EVERY_S: u64 = 60;
const HEADERS_MAX: usize = 16;
const SERVICE_NAME: &str = "hardpan";
const SERVICE_NAME_BYTES_MAX: usize = 255;
/// Headers that each message has anyway.
const OWN_HEADERS: [&str; 7] = [
    "content-type",
    "content-encoding",
    "content-length",
    "host",
    "user-agent",
    "transfer-encoding",
    "connection",
];

pub struct TelemetryConfig {
    /// A caller's trace context travels on.
    pub passes_context: bool,
    pub otlp: Option<OtlpConfig>,
}

/// No `Debug`: headers are credentials.
pub struct OtlpConfig {
    /// Without a slash at its end.
    pub endpoint: String,
    pub headers: Vec<(String, Zeroizing<String>)>,
    pub ca: Option<PathBuf>,
    pub compresses: bool,
    pub timeout: Duration,
    pub sampling: f64,
    pub metrics_every: Duration,
    pub service_name: String,
}

impl Builder<'_> {
    pub(super) fn telemetry(&mut self, written: written::Telemetry) -> TelemetryConfig {
        TelemetryConfig {
            passes_context: written.trace_context == TraceContext::Pass,
            otlp: written.otlp.map(|otlp| self.otlp(otlp)),
        }
    }

    fn otlp(&mut self, written: written::Otlp) -> OtlpConfig {
        let endpoint = written.endpoint.0.trim_end_matches('/').to_owned();
        if !is_base_url(&endpoint) {
            let fix = "write http://HOST:PORT or https://HOST, without /v1/traces";
            self.problem("telemetry.otlp.endpoint", "not a URL to send to", fix);
        }
        if written.timeout_ms.is_some_and(|ms| ms == 0 || ms > TIMEOUT_MS_MAX) {
            self.problem("telemetry.otlp.timeout_ms", "out of bounds", "write 1 to 60000");
        }
        let sampling = written.sampling.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&sampling) {
            self.problem("telemetry.otlp.sampling", "not a share", "write a number from 0.0 to 1.0");
        }
        if written.metrics_every_s == Some(0) {
            let fix = "write at least 1, or leave it out";
            self.problem("telemetry.otlp.metrics_every_s", "zero", fix);
        }
        let service_name = written.service_name.map_or(SERVICE_NAME.to_owned(), |name| name.0);
        if !(1..=SERVICE_NAME_BYTES_MAX).contains(&service_name.len()) {
            let fix = "write up to 255 bytes, or leave it out";
            self.problem("telemetry.otlp.service_name", "empty or too long", fix);
        }
        OtlpConfig {
            endpoint,
            headers: self.otlp_headers(written.headers),
            ca: written.ca.as_ref().map(|ca| self.authority("telemetry.otlp.ca", ca)),
            compresses: written.compression == written::Compression::Gzip,
            timeout: Duration::from_millis(written.timeout_ms.unwrap_or(TIMEOUT_MS)),
            sampling,
            metrics_every: Duration::from_secs(written.metrics_every_s.unwrap_or(METRICS_EVERY_S)),
            service_name,
        }
    }

    fn otlp_headers(
        &mut self,
        written: std::collections::BTreeMap<String, Text>,
    ) -> Vec<(String, Zeroizing<String>)> {
        if written.len() > HEADERS_MAX {
            self.problem("telemetry.otlp.headers", "too many", "write at most 16");
        }
        let mut headers = Vec::with_capacity(written.len());
        for (name, value) in written {
            let name = name.to_ascii_lowercase();
            let value = Zeroizing::new(value.0);
            let is_free =
                HeaderName::try_from(name.as_str()).is_ok() && !OWN_HEADERS.contains(&name.as_str());
            if !is_free {
                let fix = "name a header of the collector's own, such as authorization";
                self.problem("telemetry.otlp.headers", "not a header that can be set", fix);
            } else if HeaderValue::from_str(&value).is_err() {
                let fix = "write printable text";
                self.problem(format!("telemetry.otlp.headers.{name}"), "not a header's value", fix);
            } else {
                headers.push((name, value));
            }
        }
        headers
    }
}

fn is_base_url(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    matches!(uri.scheme_str(), Some("http" | "https"))
        && !authority.is_empty()
        && !authority.contains('@')
        && uri.query().is_none()
        && !url.contains('#')
        && ["/v1/traces", "/v1/metrics"].iter().all(|path| !uri.path().ends_with(path))
}
