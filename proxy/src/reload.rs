//! The policies that answer at the moment, and how others take their place: built and checked beside them, then
//! swapped in at once. A request keeps those it began with.
//!
//! Whatever fails, the last good policies go on answering; only a start without any policies at all fails. The rest of
//! the configuration is read at the start alone, and the keys file and key sets look after themselves.

pub mod fetch;

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use hardpan_aws::credentials::CredentialStore;
use hardpan_aws::skew::ClockSkew;
use hardpan_policies::bundle::stamp::{Stamp, stamp};
use hardpan_policies::{BundleFiles, LoadError, PolicySet, Source, read_archive};
use hardpan_telemetry::metrics::{self, ServedRevision};
use time::OffsetDateTime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Mutex;

pub use fetch::{Access, FetchError, Remote, object_address};

use crate::config::PolicyConfig;
use fetch::{Fetched, Signer};

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How soon a source is asked again while only its copy is served.
const RESTORED_RETRY: Duration = Duration::from_secs(5);
/// How often files that change while they are read are read again at once.
const READ_AGAIN_MAX: u32 = 3;

/// Where a configuration's bundle is.
pub enum BundleSource {
    Local(Source),
    Remote(Remote),
}

impl BundleSource {
    /// What is looked at for changes.
    fn path(&self) -> Option<&Path> {
        match self {
            BundleSource::Local(Source::Directory(path) | Source::Archive(path)) => Some(path),
            BundleSource::Local(Source::Library) | BundleSource::Remote(_) => None,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("building the policies panicked")]
    Panicked,
}

impl ReloadError {
    fn reason(&self) -> &'static str {
        match self {
            ReloadError::Load(error) => error.reason(),
            ReloadError::Fetch(error) => error.reason(),
            ReloadError::Panicked => "panicked",
        }
    }
}

/// Builds the policies of a configuration once, for a check. None where no policy is asked.
pub async fn check(
    config: Option<Arc<PolicyConfig>>,
    credentials: Option<Arc<CredentialStore>>,
) -> Result<Option<Arc<PolicySet>>, ReloadError> {
    let policies = Policies::empty(config, credentials);
    let Some(config) = &policies.config else { return Ok(None) };
    let fetched = policies.fetch(config, None).await?.map(|fetched| Content::Archive(fetched.bytes));
    Ok(Some(build(config, fetched).await?.policies))
}

/// Whoever serves asks [`Policies::current`] once per request.
pub struct Policies {
    config: Option<Arc<PolicyConfig>>,
    signer: Option<Signer>,
    current: ArcSwapOption<PolicySet>,
    state: Mutex<State>,
}

struct State {
    /// The local files as they were when last built from.
    built: Stamp,
    /// And as they were at the last look: what is still being written is left to settle.
    seen: Stamp,
    /// The newest archive that was fetched, good or not.
    fetched: Option<Fetched>,
    /// What is served, to be merged with other data.
    good: Option<Content>,
    /// The archive whose copy is on disk.
    kept: Option<Arc<[u8]>>,
    /// The newest content was not taken over.
    refused: bool,
    /// Only the copy on disk is served, the source has not answered yet.
    restored: bool,
    fetch_at: Instant,
    served: ServedRevision,
}

/// What policies are built from, but for the operator's data.
#[derive(Clone)]
enum Content {
    /// Packed, because that is the smaller form, and the one a copy on disk has.
    Archive(Arc<[u8]>),
    /// What a directory held when it was last fit to be served.
    Files(Arc<BundleFiles>),
}

struct Built {
    policies: Arc<PolicySet>,
    content: Content,
}

impl Built {
    fn archive(&self) -> Option<Arc<[u8]>> {
        match &self.content {
            Content::Archive(archive) => Some(archive.clone()),
            Content::Files(_) => None,
        }
    }
}

impl Policies {
    /// Loads the first policies: those of the source, else the last good copy of them.
    pub async fn load(
        config: Option<Arc<PolicyConfig>>,
        credentials: &Arc<CredentialStore>,
    ) -> Result<Arc<Self>, ReloadError> {
        // From here on SIGHUP asks for something: by default it would end the process.
        let _ = signal(SignalKind::hangup());
        let policies = Arc::new(Self::empty(config, Some(credentials.clone())));
        let Some(config) = &policies.config else { return Ok(policies) };
        let mut state = policies.state.lock().await;
        state.built = look_at(config).await;
        state.seen = state.built;
        state.fetch_at = Instant::now() + jittered(config.poll);
        let first = match policies.fetch(config, None).await {
            Ok(fetched) => {
                state.fetched = fetched;
                let fetched = state.fetched.as_ref().map(|fetched| Content::Archive(fetched.bytes.clone()));
                build(config, fetched).await
            }
            Err(error) => Err(error.into()),
        };
        match (first, config.last_good.as_deref()) {
            (Ok(built), _) => policies.activate(&mut state, built, config).await,
            (Err(error), None) => return Err(error),
            (Err(error), Some(copy)) => {
                let Ok(built) = restore(config, copy).await else { return Err(error) };
                failed(&error);
                state.kept = built.archive();
                state.refused = true;
                state.restored = true;
                state.fetch_at = Instant::now() + jittered(config.poll.min(RESTORED_RETRY));
                policies.activate(&mut state, built, config).await;
                tracing::warn!("the last good copy of the policy bundle is served");
            }
        }
        state.confirm();
        drop(state);
        Ok(policies)
    }

    fn empty(config: Option<Arc<PolicyConfig>>, credentials: Option<Arc<CredentialStore>>) -> Self {
        let signer = credentials.map(|credentials| Signer { credentials, skew: ClockSkew::new() });
        let state = State {
            built: Stamp::default(),
            seen: Stamp::default(),
            fetched: None,
            good: None,
            kept: None,
            refused: false,
            restored: false,
            fetch_at: Instant::now(),
            served: ServedRevision::new(),
        };
        Self { config, signer, current: ArcSwapOption::empty(), state: Mutex::new(state) }
    }

    /// The policies to ask from now on. None where no policy is asked, by configuration.
    pub fn current(&self) -> Option<Arc<PolicySet>> {
        self.current.load_full()
    }

    /// Looks at files and addresses, and at once when SIGHUP comes, for as long as it is polled.
    pub async fn keep_fresh(self: Arc<Self>) {
        let mut hangup = signal(SignalKind::hangup()).ok();
        loop {
            let told = async {
                match &mut hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            let at_once = tokio::select! {
                _ = told => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
            };
            self.look(at_once).await;
        }
    }

    /// Takes over what is new. `at_once`: asks and reads now, though nothing seems to have changed or to be due.
    pub async fn look(&self, at_once: bool) {
        let Some(config) = &self.config else { return };
        let mut state = self.state.lock().await;
        let news = self.look_at_address(&mut state, config, at_once).await;
        for _ in 0..READ_AGAIN_MAX {
            let now = look_at(config).await;
            let changed = now != state.built;
            if !news && !changed && !at_once {
                if matches!(config.source, BundleSource::Local(_)) {
                    state.confirm();
                }
                return;
            }
            // A bundle half written must not act: it is read when nothing has moved for a look.
            let settled = now == std::mem::replace(&mut state.seen, now);
            if !settled && !news && !at_once {
                return;
            }
            let content = match config.source {
                BundleSource::Local(_) => None,
                BundleSource::Remote(_) => {
                    let newest =
                        state.fetched.as_ref().map(|fetched| Content::Archive(fetched.bytes.clone()));
                    newest.or_else(|| state.good.clone())
                }
            };
            let built = build(config, content).await;
            if look_at(config).await != now {
                continue;
            }
            state.built = now;
            self.conclude(&mut state, built, config, changed).await;
            return;
        }
    }

    /// True when another archive came.
    async fn look_at_address(&self, state: &mut State, config: &PolicyConfig, at_once: bool) -> bool {
        if matches!(config.source, BundleSource::Local(_)) || !(at_once || Instant::now() >= state.fetch_at) {
            return false;
        }
        let pause = if state.restored { config.poll.min(RESTORED_RETRY) } else { config.poll };
        state.fetch_at = Instant::now() + jittered(pause);
        let etag = state.fetched.as_ref().and_then(|fetched| fetched.etag.clone());
        match self.fetch(config, etag.as_deref()).await {
            Ok(Some(fetched)) => {
                let same = state.fetched.as_ref().is_some_and(|before| before.bytes == fetched.bytes);
                if same {
                    metrics::policy_bundle_loaded("unchanged");
                    state.confirm();
                }
                state.fetched = Some(fetched);
                !same
            }
            Ok(None) => {
                metrics::policy_bundle_loaded("unchanged");
                state.confirm();
                false
            }
            Err(error) => {
                failed(&error.into());
                false
            }
        }
    }

    /// None where nothing is fetched, or nothing new was.
    async fn fetch(&self, config: &PolicyConfig, etag: Option<&str>) -> Result<Option<Fetched>, FetchError> {
        match &config.source {
            BundleSource::Local(_) => Ok(None),
            BundleSource::Remote(remote) => remote.fetch(etag, self.signer.as_ref()).await,
        }
    }

    async fn conclude(
        &self,
        state: &mut State,
        built: Result<Built, ReloadError>,
        config: &Arc<PolicyConfig>,
        changed: bool,
    ) {
        match built {
            Ok(built) => {
                // A copy that is served in the absence of its source stays one until the source has spoken.
                let from_source = matches!(config.source, BundleSource::Local(_)) || state.fetched.is_some();
                if from_source {
                    state.refused = false;
                    state.restored = false;
                }
                self.activate(state, built, config).await;
                state.confirm();
            }
            Err(error) => {
                failed(&error);
                state.refused = true;
                // New data must not wait for a bundle that cannot be served: it may revoke something.
                if changed
                    && let Some(good) = state.good.clone()
                    && let Ok(built) = build(config, Some(good)).await
                {
                    self.activate(state, built, config).await;
                }
            }
        }
    }

    /// From here on every new request is answered by these.
    async fn activate(&self, state: &mut State, built: Built, config: &PolicyConfig) {
        metrics::policy_bundle_restored(state.restored);
        let archive = built.archive();
        state.good = Some(built.content);
        let before = self.current.load_full();
        if before.as_ref().is_some_and(|before| before.revision() == built.policies.revision()) {
            metrics::policy_bundle_loaded("unchanged");
        } else {
            let revision = built.policies.revision().to_owned();
            self.current.store(Some(built.policies));
            metrics::policy_bundle_loaded("activated");
            state.served.is(&revision, now_unix());
            let before = before.as_ref().map(|before| before.revision());
            tracing::info!(revision, before, "policies were activated");
        }
        if let (Some(copy), Some(archive)) = (&config.last_good, archive)
            && state.kept.as_ref() != Some(&archive)
        {
            let (copy, bytes) = (copy.clone(), archive.clone());
            match tokio::task::spawn_blocking(move || keep(&copy, &bytes)).await {
                Ok(Ok(())) => state.kept = Some(archive),
                Ok(Err(error)) => {
                    metrics::policy_bundle_failed("keep");
                    tracing::warn!(%error, "the policy bundle could not be kept for a restart");
                }
                Err(_) => metrics::policy_bundle_failed("keep"),
            }
        }
    }
}

impl State {
    /// What is served is what the source holds.
    fn confirm(&self) {
        if !self.refused {
            metrics::policy_bundle_confirmed(now_unix());
        }
    }
}

/// Told once for each content that fails, and each time an address does.
fn failed(error: &ReloadError) {
    metrics::policy_bundle_loaded("failed");
    metrics::policy_bundle_failed(error.reason());
    tracing::warn!(reason = error.reason(), %error, "the last good policies are kept");
}

/// Reads, verifies, merges and compiles, off the event loop. Content that is at hand, fetched or the last good, is handed
/// over; else the source is read.
async fn build(config: &Arc<PolicyConfig>, content: Option<Content>) -> Result<Built, ReloadError> {
    let config = config.clone();
    let built = tokio::task::spawn_blocking(move || {
        let verification = config.verification.as_ref();
        let content = match (content, &config.source) {
            (Some(content), _) => content,
            (None, BundleSource::Local(Source::Archive(path))) => {
                Content::Archive(read_archive(path)?.into())
            }
            (None, BundleSource::Local(source)) => {
                Content::Files(Arc::new(BundleFiles::read(source, verification)?))
            }
            (None, BundleSource::Remote(_)) => return Err(LoadError::Empty),
        };
        let bundle = match &content {
            Content::Archive(archive) => {
                BundleFiles::from_archive(archive, verification)?.with_data(&config.data)?
            }
            Content::Files(files) => files.with_data(&config.data)?,
        };
        let policies = Arc::new(PolicySet::new(bundle, config.settings.clone())?);
        Ok(Built { policies, content })
    });
    Ok(built.await.map_err(|_| ReloadError::Panicked)??)
}

/// The copy on disk is verified like any other bundle.
async fn restore(config: &Arc<PolicyConfig>, copy: &Path) -> Result<Built, ReloadError> {
    let copy = copy.to_owned();
    let bytes = tokio::task::spawn_blocking(move || read_archive(&copy)).await;
    let bytes = bytes.map_err(|_| ReloadError::Panicked)??;
    build(config, Some(Content::Archive(bytes.into()))).await
}

/// Replaces the copy whole, so that a crash leaves the old one.
fn keep(copy: &Path, archive: &[u8]) -> std::io::Result<()> {
    let mut fresh = copy.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(archive)?;
    file.sync_all()?;
    std::fs::rename(&fresh, copy)
}

/// The local files a configuration's policies are made of.
async fn look_at(config: &Arc<PolicyConfig>) -> Stamp {
    let own = config.source.path().map(Path::to_owned);
    let paths: Vec<PathBuf> = own.into_iter().chain(config.data.iter().cloned()).collect();
    // A directory may lie on a slow disk.
    tokio::task::spawn_blocking(move || stamp(&paths)).await.unwrap_or_default()
}

/// Four fifths to six fifths, so that a fleet started together does not ask together.
fn jittered(pause: Duration) -> Duration {
    let random = crate::keys::random::<1>().map_or(128, |bytes| bytes.iter().copied().map(u32::from).sum());
    pause * 4 / 5 + pause * random * 2 / (5 * 255)
}

fn now_unix() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_spread_around_what_is_configured() {
        let pauses: Vec<Duration> = (0..200).map(|_| jittered(Duration::from_secs(60))).collect();
        assert!(pauses.iter().all(|pause| (48..=72).contains(&pause.as_secs())));
        assert!(pauses.iter().collect::<std::collections::BTreeSet<_>>().len() > 10);
    }

    #[test]
    fn a_copy_is_replaced_whole_and_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let copy = std::env::temp_dir().join(format!("hardpan-kept-{}", uuid::Uuid::new_v4()));
        for bytes in [&b"first and longer"[..], b"second"] {
            keep(&copy, bytes).unwrap();
            assert_eq!(std::fs::read(&copy).unwrap(), bytes);
        }
        assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::remove_file(&copy).unwrap();
        assert!(keep(&copy.join("no directory"), b"x").is_err());
    }
}
