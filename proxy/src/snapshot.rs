//! Everything one request needs, built from one configuration: a request sees the same snapshot from head to record,
//! and with it one revision of the policies, whatever takes their place meanwhile.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hardpan_aws::credentials::{CredentialError, CredentialStore};
use hardpan_aws::skew::ClockSkew;
use hardpan_caches::ExactCache;
use hardpan_filters::inspection::{BuildError, Inspector};
use hardpan_filters::replacement::RedactionKey;
use hardpan_policies::PolicySet;
use hardpan_pricing::{PriceBook, PriceBookError};
use hardpan_quotas::{Ledger, LedgerError};
use hardpan_telemetry::audit::{
    AuditError, AuditLog, AuditSettings, AuditSink, CheckpointSettings, ShipSettings,
};
use hardpan_telemetry::lines::{LineError, LineLog, LineSettings};
use hardpan_telemetry::otlp::{Otlp, OtlpSettings};

use crate::approvals::{Approvals, StoreError};
use crate::config::{Config, DecisionLogConfig, OnFull, OtlpConfig, RecordsConfig};
use crate::counting::InputCounter;
use crate::feedback::FeedbackDesk;
use crate::identity::{Identity, IdentityError};
use crate::models::ModelDirectory;
use crate::refusal::Refusal;
use crate::reload::{Policies, ReloadError};
use crate::sharing::Sharing;
use crate::tools::SchemaCache;
use crate::upstream::Upstream;

/// Records waiting to be written; beyond three quarters of it new requests are refused or records dropped.
const RECORDS_QUEUED_MAX: usize = 8192;

/// What one request works with.
pub struct Snapshot {
    parts: Arc<Parts>,
    /// None: no policy is asked, by configuration.
    pub policy: Option<Arc<PolicySet>>,
}

/// What stays while policies come and go.
pub struct Parts {
    pub config: Config,
    pub upstream: Upstream,
    pub credentials: Arc<CredentialStore>,
    /// How far Hardpan's clock is from AWS's.
    pub skew: ClockSkew,
    pub identity: Arc<Identity>,
    pub models: ModelDirectory,
    pub inspector: Inspector,
    /// What tokens, hashes and made-up values follow from.
    pub redaction: RedactionKey,
    /// None: what tokens stand for is shared by nobody.
    pub sharing: Option<Sharing>,
    pub policies: Arc<Policies>,
    pub ledger: Ledger,
    /// None: input is estimated, never counted.
    pub counter: Option<InputCounter>,
    pub cache: Option<ExactCache>,
    pub prices: PriceBook,
    pub schemas: SchemaCache,
    /// None: feedback is not taken, by configuration.
    pub feedback: Option<FeedbackDesk>,
    pub records: AuditLog,
    /// Where decisions are written with what they were about.
    pub decisions: Option<LineLog>,
    /// None: nobody can approve.
    pub approvals: Option<Approvals>,
    /// None: nothing is sent to a collector.
    pub otlp: Option<Otlp>,
    pub admission: Admission,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Detectors(#[from] BuildError),
    #[error("no policies could be loaded:\n{0}")]
    Policy(#[from] ReloadError),
    #[error("the price book was refused: {0}")]
    Prices(#[from] PriceBookError),
    #[error("the price book could not be read: {0}")]
    PricesRead(std::io::Error),
    #[error("records cannot be written: {0}")]
    Records(#[from] AuditError),
    #[error("the decision log cannot be written: {0}")]
    Decisions(#[from] LineError),
    #[error("approvals cannot be kept: {0}")]
    Approvals(#[from] StoreError),
    #[error("values cannot be shared: {0}")]
    Sharing(std::io::Error),
    #[error("traces cannot be sent: {0}")]
    Otlp(std::io::Error),
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    #[error(transparent)]
    Quotas(#[from] LedgerError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

fn audit_settings(records: &RecordsConfig, credentials: &Arc<CredentialStore>) -> AuditSettings {
    let ship = records.ship.iter().map(|ship| ShipSettings {
        name: ship.name.clone(),
        destination: ship.destination.clone(),
        region: ship.region.clone(),
        endpoint: ship.endpoint.clone(),
        credentials: Arc::clone(credentials),
        backlog_bytes_max: ship.backlog_bytes_max,
        every: ship.every,
    });
    AuditSettings {
        sink: records.path.clone().map_or(AuditSink::Stdout, AuditSink::File),
        form: records.form.clone(),
        on_full: on_full(records.on_full),
        queue_records_max: RECORDS_QUEUED_MAX,
        rotation: records.rotation,
        checkpoints: records.checkpoints.as_ref().map(|checkpoints| CheckpointSettings {
            key: checkpoints.key.clone(),
            every_records: checkpoints.every_records,
            every: checkpoints.every,
        }),
        ship: ship.collect(),
    }
}

fn line_settings(log: &DecisionLogConfig) -> LineSettings {
    LineSettings {
        path: log.path.clone(),
        rotation: log.rotation,
        files_max: log.files_max,
        on_full: on_full(log.on_full),
    }
}

fn on_full(written: OnFull) -> hardpan_telemetry::audit::OnFull {
    match written {
        OnFull::Refuse => hardpan_telemetry::audit::OnFull::Refuse,
        OnFull::DropAndCount => hardpan_telemetry::audit::OnFull::DropAndCount,
    }
}

fn otlp(otlp: &OtlpConfig) -> std::io::Result<Otlp> {
    Otlp::start(OtlpSettings {
        endpoint: otlp.endpoint.clone(),
        headers: otlp.headers.clone(),
        authorities: otlp.ca.as_ref().map(std::fs::read).transpose()?,
        compresses: otlp.compresses,
        timeout: otlp.timeout,
        sampling: otlp.sampling,
        metrics_every: otlp.metrics_every,
        service_name: otlp.service_name.clone(),
    })
}

impl Parts {
    /// Builds all parts. Fails rather than start with a guard that does not work.
    pub async fn build(config: Config) -> Result<Arc<Self>, StartError> {
        let inspector = Inspector::new(config.guards.pii, config.guards.injection)?
            .customised(Arc::clone(&config.custom));
        let prices = match &config.price_book {
            None => PriceBook::shipped()?,
            Some(path) => PriceBook::parse(&std::fs::read_to_string(path).map_err(StartError::PricesRead)?)?,
        };
        let credentials = CredentialStore::load(config.credentials.clone(), &config.region).await?;
        let records = AuditLog::start(audit_settings(&config.records, &credentials))?;
        let decision_log = config.policy.as_ref().and_then(|policy| policy.decision_log.as_ref());
        let decisions = decision_log.map(|log| LineLog::start(line_settings(log))).transpose()?;
        let mut config = config;
        let approvals = config.approvals.take().map(Approvals::open).transpose()?;
        let policies = Policies::load(config.policy.clone(), &credentials).await?;
        // Limits that policy sets are kept all the same.
        let limits = if config.quota.on { config.quota.limits.clone() } else { Vec::new() };
        // Another one with each start: what an earlier run had leased is not this one's.
        let (replica, _) = uuid::Uuid::new_v4().as_u64_pair();
        let ledger = Ledger::open(limits, config.quota.keeping.clone(), replica)?;
        let cache =
            config.cache.as_ref().map(|cache| ExactCache::new(cache.bytes_max, cache.entry_bytes_max));
        Ok(Arc::new(Self {
            upstream: Upstream::new(
                config.endpoints.clone(),
                config.http,
                config.ca.as_deref(),
                config.limits,
            ),
            credentials,
            skew: ClockSkew::new(),
            identity: Identity::load(&config).await?,
            models: ModelDirectory::new(&config.models),
            inspector,
            redaction: match &config.redaction_key {
                Some(key) => RedactionKey::new(key),
                None => RedactionKey::random(),
            },
            sharing: config.sharing.clone().map(Sharing::open).transpose().map_err(StartError::Sharing)?,
            policies,
            ledger,
            counter: config.quota.counting.map(InputCounter::new),
            cache,
            prices,
            schemas: SchemaCache::default(),
            feedback: config.feedback.map(FeedbackDesk::new),
            records,
            decisions,
            approvals,
            otlp: config.telemetry.otlp.as_ref().map(otlp).transpose().map_err(StartError::Otlp)?,
            admission: Admission::new(config.limits.in_flight_max, config.limits.in_flight_bytes_max),
            config,
        }))
    }

    /// These with the policies of this moment, for a request that begins. Nobody keeps one for longer: it would keep
    /// its policies and their data in memory.
    pub fn now(self: &Arc<Self>) -> Snapshot {
        Snapshot { parts: Arc::clone(self), policy: self.policies.current() }
    }
}

impl Snapshot {
    pub fn policy_revision(&self) -> &str {
        self.policy.as_ref().map_or("none", |policy| policy.revision())
    }
}

impl Deref for Snapshot {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

/// How much is in flight: requests, and bytes of their bodies.
pub struct Admission {
    requests: AtomicUsize,
    bytes: AtomicUsize,
    requests_max: usize,
    bytes_max: usize,
    draining: AtomicBool,
}

/// A place among the requests in flight, given back when dropped.
pub struct Place<'a> {
    admission: &'a Admission,
    bytes: usize,
}

impl Admission {
    fn new(requests_max: usize, bytes_max: usize) -> Self {
        Self {
            requests: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            requests_max,
            bytes_max,
            draining: AtomicBool::new(false),
        }
    }

    /// Takes a place for a request whose body may be `bytes` long.
    pub fn enter(&self, bytes: usize) -> Result<Place<'_>, Refusal> {
        let place = Place { admission: self, bytes };
        let requests = self.requests.fetch_add(1, Ordering::Relaxed);
        let in_flight = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if requests >= self.requests_max {
            hardpan_telemetry::metrics::bound_hit("in_flight_max");
            return Err(Refusal::Overloaded);
        }
        if in_flight.saturating_add(bytes) > self.bytes_max {
            hardpan_telemetry::metrics::bound_hit("in_flight_bytes_max");
            return Err(Refusal::Overloaded);
        }
        Ok(place)
    }

    /// From now on connections are not kept and readiness says so.
    pub fn begin_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.admission.requests.fetch_sub(1, Ordering::Relaxed);
        self.admission.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bounds_hold_and_places_come_back() {
        let admission = Admission::new(2, 100);
        let first = admission.enter(40).unwrap();
        let second = admission.enter(60).unwrap();
        assert!(admission.enter(0).is_err());
        drop(first);
        assert!(admission.enter(41).is_err());
        let third = admission.enter(40).unwrap();
        drop((second, third));
        assert_eq!((admission.requests(), admission.bytes.load(Ordering::Relaxed)), (0, 0));
    }
}
