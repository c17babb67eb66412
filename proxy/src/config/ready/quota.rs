//! The section `quota`: limits, where they are kept, and what is told of them.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use hardpan_quotas::central::COUNT_MAX;
use hardpan_quotas::{Fsync, Keeping, Limit, Scope, Unit, ValkeySettings, Window};
use zeroize::Zeroizing;

use super::super::text::Text;
use super::super::written;
use super::{Builder, CountingConfig, QuotaConfig};
use crate::alarms::Webhook;
use crate::fetch::Address;

impl Builder<'_> {
    pub(super) fn quota(&mut self, written: written::Quota) -> QuotaConfig {
        let mut names = BTreeSet::new();
        let mut limits = Vec::with_capacity(written.limits.len());
        for (index, limit) in written.limits.into_iter().enumerate() {
            if limit.name.0.is_empty() || !names.insert(limit.name.0.clone()) {
                let fix = "give each limit its own name";
                self.problem(format!("quota.limits[{index}].name"), "empty or already used", fix);
            }
            if limit.limit > COUNT_MAX {
                let fix = "2^53 - 1 is the most that is counted: 9,007,199 USD as nano_usd";
                self.problem(format!("quota.limits[{index}].limit"), "over 9007199254740991", fix);
            }
            limits.push(Limit {
                name: limit.name.0,
                scope: match limit.scope {
                    written::QuotaScope::Org => Scope::Org,
                    written::QuotaScope::Team => Scope::Team,
                    written::QuotaScope::App => Scope::App,
                    written::QuotaScope::User => Scope::User,
                },
                of: limit.of.map(|of| of.0),
                model: limit.model.map(|model| model.0),
                unit: match limit.unit {
                    written::QuotaUnit::Requests => Unit::Requests,
                    written::QuotaUnit::Tokens => Unit::Tokens,
                    written::QuotaUnit::NanoUsd => Unit::NanoUsd,
                },
                window: match limit.window {
                    written::QuotaWindow::Minute => Window::Minute,
                    written::QuotaWindow::Hour => Window::Hour,
                    written::QuotaWindow::Day => Window::Day,
                    written::QuotaWindow::Month => Window::Month,
                    written::QuotaWindow::Total => Window::Total,
                },
                limit: limit.limit,
            });
        }
        let default_max_tokens = written.default_max_tokens.unwrap_or(4096);
        if default_max_tokens == 0 {
            self.problem("quota.default_max_tokens", "zero", "leave it out for 4096");
        }
        if written.journal.is_some() && written.shared.is_some() {
            let fix = "keep quotas in a journal of this process, or in a store of all replicas";
            self.problem("quota.journal", "beside quota.shared", fix);
        }
        let keeping = match (written.journal, written.shared) {
            (_, Some(shared)) => self.shared_quotas(shared),
            (Some(journal), None) => Keeping::Journal {
                directory: self.folder_path(&journal.directory.0),
                fsync: match journal.fsync {
                    written::QuotaFsync::Always => Fsync::Always,
                    written::QuotaFsync::Every => {
                        Fsync::Every(Duration::from_millis(journal.fsync_every_ms.unwrap_or(100)))
                    }
                    written::QuotaFsync::Never => Fsync::Never,
                },
            },
            (None, None) => Keeping::Memory,
        };
        QuotaConfig {
            on: written.mode == written::Switch::On,
            default_max_tokens,
            learns_output: written.output == written::QuotaBound::Learnt,
            opens_by_what_was_learnt: written.open_max_tokens == written::QuotaOpen::Learnt,
            counting: self.counting(written.input, written.counting),
            charges_cache_hits: written.cache_hits == written::QuotaCacheHits::Charged,
            tells_callers: written.headers == written::Switch::On,
            webhook: written.alarms.webhook.and_then(|webhook| self.webhook(webhook)),
            keeping,
            limits,
        }
    }

    fn counting(
        &mut self,
        input: written::QuotaInput,
        written: Option<written::QuotaCounting>,
    ) -> Option<CountingConfig> {
        if input == written::QuotaInput::Estimated {
            if written.is_some() {
                let fix = "write quota.input: counted, or leave it out";
                self.problem("quota.counting", "nothing is counted", fix);
            }
            return None;
        }
        let written = written.unwrap_or_default();
        let mut within = |member: &str, value: Option<u64>, default: u64, range: RangeInclusive<u64>| {
            let value = value.unwrap_or(default);
            if !range.contains(&value) {
                let wrong = format!("not within {} to {}", range.start(), range.end());
                let fix = format!("leave it out for {default}");
                self.problem(format!("quota.counting.{member}"), &wrong, &fix);
            }
            value
        };
        let when_over_percent = within("when_over_percent", written.when_over_percent, 10, 0..=100);
        let timeout_ms = within("timeout_ms", written.timeout_ms, 1_000, 1..=10_000);
        let margin_percent = within("margin_percent", written.margin_percent, 20, 0..=1_000);
        let unsupported_for_s = within("unsupported_for_s", written.unsupported_for_s, 3_600, 1..=86_400);
        let body_bytes_max = written.body_bytes_max.unwrap_or(1_000_000);
        if body_bytes_max == 0 {
            self.problem("quota.counting.body_bytes_max", "zero", "leave it out for 1000000");
        }
        Some(CountingConfig {
            when_over_percent,
            timeout: Duration::from_millis(timeout_ms),
            denies_uncounted: written.on_error == written::QuotaUncounted::Deny,
            margin_percent,
            body_bytes_max,
            unsupported_for: Duration::from_secs(unsupported_for_s),
        })
    }

    fn webhook(&mut self, written: written::QuotaWebhook) -> Option<Webhook> {
        let address = Address::parse(&written.url.0);
        if address.is_none() {
            let fix = "write an https URL; http is taken for a loopback host only";
            self.problem("quota.alarms.webhook.url", "not a URL alarms can be sent to", fix);
        }
        let authorization = written.authorization.map(|value| Zeroizing::new(value.0));
        let is_sendable = |value: &Zeroizing<String>| http::HeaderValue::from_str(value).is_ok();
        if authorization.as_ref().is_some_and(|value| value.is_empty() || !is_sendable(value)) {
            let fix = "give the header's whole value, such as `Bearer ${TOKEN}`, or leave it out";
            self.problem("quota.alarms.webhook.authorization", "not a header's value", fix);
        }
        let ca = written.ca.map(|ca| self.authority("quota.alarms.webhook.ca", &ca));
        Some(Webhook { address: address?, ca, authorization })
    }

    fn shared_quotas(&mut self, written: written::QuotaShared) -> Keeping {
        let urls = self.store_urls("quota.shared.urls", written.urls);
        let namespace = self.namespace("quota.shared.namespace", written.namespace);
        let timeout = self.store_timeout("quota.shared.timeout_ms", written.timeout_ms);
        let lease_s = written.lease_s.unwrap_or(120);
        if !(10..=3_600).contains(&lease_s) {
            self.problem("quota.shared.lease_s", "not within 10 to 3600", "leave it out for 120");
        }
        let percent = match (written.when_gone, written.local_share_percent) {
            (written::QuotaGone::Deny, None) => 0,
            (written::QuotaGone::LocalShare, Some(percent)) if (1..=100).contains(&percent) => percent,
            _ => {
                let fix = "give 1 to 100 with when_gone: local_share, and nothing with deny";
                self.problem("quota.shared.local_share_percent", "missing or out of place", fix);
                0
            }
        };
        Keeping::Valkey {
            store: ValkeySettings { urls, namespace, timeout, confirmations: written.confirmations },
            lease: Duration::from_secs(lease_s),
            local_share_ppm: percent * 10_000,
        }
    }

    /// Addresses of Valkey or Redis.
    pub(super) fn store_urls(&mut self, place: &str, written: Vec<Text>) -> Vec<String> {
        let schemes = ["redis://", "rediss://", "unix://"];
        // Never echoed: there may be a password in it.
        let is_known = |url: &Text| schemes.iter().any(|scheme| url.0.starts_with(scheme));
        if written.is_empty() || !written.iter().all(is_known) {
            let fix = "name at least one address that begins with redis://, rediss:// or unix://";
            self.problem(place, "none, or of another kind", fix);
        }
        written.into_iter().map(|url| url.0).collect()
    }

    pub(super) fn namespace(&mut self, place: &str, written: Option<Text>) -> String {
        let namespace = written.map_or_else(|| "hardpan".to_owned(), |namespace| namespace.0);
        if namespace.is_empty() || namespace.len() > 64 || namespace.contains(['{', '}']) {
            self.problem(place, "not a namespace", "take 1 to 64 bytes without braces");
        }
        namespace
    }

    pub(super) fn store_timeout(&mut self, place: &str, written: Option<u64>) -> Duration {
        let timeout_ms = written.unwrap_or(250);
        if !(1..=5_000).contains(&timeout_ms) {
            self.problem(place, "not within 1 to 5000", "leave it out for 250");
        }
        Duration::from_millis(timeout_ms)
    }
}
