//! The section `policy`: where bundles come from, what their signature is checked with, and how they are asked.

use std::path::Path;
use std::time::Duration;

use hardpan_policies::{KeyError, Mode, Settings, Source, Verification};
use hardpan_telemetry::audit::Rotation;
use zeroize::Zeroizing;

use super::super::text::Text;
use super::super::written;
use super::{Builder, DecisionLogConfig, PolicyConfig};
use crate::fetch::Address;
use crate::reload::{Access, BundleSource, Remote, object_address};

const POLL_S: u64 = 60;
const ROTATE_BYTES_MIN: u64 = 1 << 20;
const POLL_S_MAX: u64 = 86_400;

impl Builder<'_> {
    pub(super) fn policy(&mut self, written: written::Policy, region: &str) -> Option<PolicyConfig> {
        let mode = match written.mode {
            written::PolicyMode::Off => return None,
            written::PolicyMode::Enforce => Mode::Enforce,
            written::PolicyMode::Shadow => Mode::Shadow,
        };
        let bundle = written.bundle.map_or_else(|| "library".to_owned(), |bundle| bundle.0);
        let last_good = written.last_good.map(|path| self.folder_path(&path.0));
        let poll_s = written.fetch.as_ref().and_then(|fetch| fetch.poll_s).unwrap_or(POLL_S);
        if !(1..=POLL_S_MAX).contains(&poll_s) {
            self.problem("policy.fetch.poll_s", "not between 1 and 86400", "leave it out for 60");
        }
        let source = self.bundle(&bundle, written.fetch, last_good.is_some(), region);
        let is_archive =
            matches!(&source, Some(BundleSource::Local(Source::Archive(_)) | BundleSource::Remote(_)) | None);
        if last_good.is_some() && !is_archive {
            let fix = "leave it out, or serve an archive";
            self.problem("policy.last_good", "only an archive is kept", fix);
        }
        let verification = written.signature.and_then(|signature| self.signature(signature));
        let data = written
            .data
            .iter()
            .enumerate()
            .map(|(index, path)| self.file(&format!("policy.data[{index}]"), path))
            .collect();
        let settings = Settings {
            mode,
            evaluation_limit: Duration::from_millis(written.evaluation_limit_ms.unwrap_or(50)),
            memo_entries_max: written.memo_entries_max.unwrap_or(10_000),
        };
        let poll = Duration::from_secs(poll_s);
        let decision_log = written.decision_log.map(|log| self.decision_log(log));
        Some(PolicyConfig { source: source?, data, verification, poll, last_good, settings, decision_log })
    }

    fn decision_log(&mut self, written: written::DecisionLog) -> DecisionLogConfig {
        let path = self.folder_path(&written.path.0);
        if written.path.0.is_empty() || written.path.0 == "stdout" {
            self.problem("policy.decision_log.path", "not a file", "name a file in a folder that exists");
        }
        let rotate = written.rotate;
        let place = |member: &str| format!("policy.decision_log.rotate.{member}");
        if let Some(rotate) = &rotate {
            if rotate.bytes_max.is_some_and(|bytes| bytes < ROTATE_BYTES_MIN) {
                self.problem(place("bytes_max"), "under 1 MiB", "write at least 1048576");
            }
            if rotate.hours_max == Some(0) {
                self.problem(place("hours_max"), "zero", "write at least 1, or leave it out");
            }
            if rotate.files_max == Some(0) {
                self.problem(place("files_max"), "zero", "write at least 1, or leave it out to keep all");
            }
            if rotate.bytes_max.is_none() && rotate.hours_max.is_none() {
                let fix = "write bytes_max, hours_max or both";
                self.problem("policy.decision_log.rotate", "says not when", fix);
            }
        }
        let hours = |hours: u32| Duration::from_secs(u64::from(hours) * 3600);
        DecisionLogConfig {
            path,
            on_full: written.on_full,
            rotation: Rotation {
                bytes_max: rotate.as_ref().and_then(|rotate| rotate.bytes_max),
                age_max: rotate.as_ref().and_then(|rotate| rotate.hours_max).map(hours),
            },
            files_max: rotate.and_then(|rotate| rotate.files_max),
        }
    }

    /// None where a problem was noted.
    fn bundle(
        &mut self,
        bundle: &str,
        fetch: Option<written::BundleFetch>,
        has_copy: bool,
        region: &str,
    ) -> Option<BundleSource> {
        let is_object = bundle.starts_with("s3://");
        if is_object || bundle.starts_with("https://") || bundle.starts_with("http://") {
            return self.remote(bundle, is_object, fetch.unwrap_or_default(), region);
        }
        if fetch.is_some() {
            let fix = "leave policy.fetch out, or give policy.bundle as an https or s3 URL";
            self.problem("policy.fetch", "nothing is fetched", fix);
        }
        if bundle == "library" {
            return Some(BundleSource::Local(Source::Library));
        }
        let path = self.folder_path(bundle);
        let named_as_archive = bundle.ends_with(".tar.gz") || bundle.ends_with(".tgz");
        if path.is_file() || (named_as_archive && has_copy && !path.is_dir()) {
            return Some(BundleSource::Local(Source::Archive(path)));
        }
        if !path.is_dir() {
            let fix = "name a directory of .rego files, an OPA bundle, or `library`";
            self.problem("policy.bundle", "no such directory or file", fix);
        }
        Some(BundleSource::Local(Source::Directory(path)))
    }

    fn remote(
        &mut self,
        bundle: &str,
        is_object: bool,
        fetch: written::BundleFetch,
        region: &str,
    ) -> Option<BundleSource> {
        let ca = fetch.ca.as_ref().map(|ca| self.authority("policy.fetch.ca", ca));
        let token = fetch.token.map(|token| Zeroizing::new(token.0)).filter(|token| !token.is_empty());
        if token.as_ref().is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            self.problem("policy.fetch.token", "not a token", "use visible ASCII characters alone");
        }
        if !is_object {
            if fetch.region.is_some() || fetch.endpoint.is_some() {
                let fix = "leave region and endpoint out, or give policy.bundle as s3://BUCKET/KEY";
                self.problem("policy.fetch", "not a bundle in S3", fix);
            }
            let Some(address) = Address::parse(bundle) else {
                let fix = "write an https URL; http is taken for a loopback host only";
                self.problem("policy.bundle", "not a URL rules can be trusted from", fix);
                return None;
            };
            let access = token.map_or(Access::Open, Access::Token);
            return Some(BundleSource::Remote(Remote { address, ca, access }));
        }
        if token.is_some() {
            let fix = "leave it out: S3 is asked with the credentials of the section aws";
            self.problem("policy.fetch.token", "not for S3", fix);
        }
        let region = fetch.region.map_or_else(|| region.to_owned(), |region| region.0);
        let endpoint = fetch.endpoint.as_ref().map(|endpoint| Address::parse(&endpoint.0));
        if matches!(endpoint, Some(None)) {
            let fix = "write an https URL; http is taken for a loopback host only";
            self.problem("policy.fetch.endpoint", "not a URL rules can be trusted from", fix);
            return None;
        }
        let Some(address) = object_address(bundle, &region, endpoint.flatten().as_ref()) else {
            let fix =
                "write s3://BUCKET/KEY, the key of letters, digits and -._~/, and an endpoint without a path";
            self.problem("policy.bundle", "not an object in S3", fix);
            return None;
        };
        Some(BundleSource::Remote(Remote { address, ca, access: Access::Signed { region } }))
    }

    fn signature(&mut self, written: written::BundleSignature) -> Option<Verification> {
        let (place, key) = match (&written.key_file, written.secret) {
            (Some(file), None) => ("policy.signature.key_file", self.key_text(file)?),
            (None, Some(secret)) => ("policy.signature.secret", Zeroizing::new(secret.0)),
            (Some(_), Some(_)) | (None, None) => {
                self.problem(
                    "policy.signature",
                    "not one key",
                    "give key_file, or secret for HS256 and its like",
                );
                return None;
            }
        };
        let algorithm = &written.algorithm.0;
        if algorithm.starts_with("HS") == written.key_file.is_some() {
            let fix = "give a secret to HS256, HS384 and HS512, and a key_file to the others";
            self.problem(place, "not a key of this algorithm", fix);
            return None;
        }
        let text = |text: Option<Text>| text.map(|text| text.0).filter(|text| !text.is_empty());
        match Verification::new(algorithm, &key, text(written.key_id), text(written.scope)) {
            Ok(verification) => Some(verification),
            Err(error) => {
                let (place, fix) = match error {
                    KeyError::Algorithm => {
                        ("policy.signature.algorithm", "write one such as RS256, ES256, EdDSA or HS256")
                    }
                    KeyError::Pem | KeyError::Kind => {
                        (place, "name a file that begins with -----BEGIN PUBLIC KEY-----")
                    }
                    KeyError::Short => (place, "use at least 32 characters, from a generator"),
                };
                self.problem(place, &error.to_string(), fix);
                None
            }
        }
    }

    fn key_text(&mut self, file: &Text) -> Option<Zeroizing<String>> {
        let path = self.file("policy.signature.key_file", file);
        if !Path::is_file(&path) {
            return None;
        }
        match std::fs::read_to_string(&path) {
            Ok(text) => Some(Zeroizing::new(text)),
            Err(_) => {
                self.problem("policy.signature.key_file", "cannot be read", "name a PEM public key");
                None
            }
        }
    }
}
