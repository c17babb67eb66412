//! The section `pii.shared`: where requests share what tokens stand for, and under which keys.

use std::time::Duration;

use hardpan_quotas::Keeping;
use zeroize::Zeroizing;

use super::super::written;
use super::Builder;
use crate::sharing::{SharingConfig, StoreSettings, VALUES_MOST};

const TTL_S_MAX: u64 = 604_800;

impl Builder<'_> {
    pub(super) fn sharing(
        &mut self,
        written: written::PiiShared,
        key: Option<&Zeroizing<String>>,
        quotas: &Keeping,
    ) -> Option<SharingConfig> {
        if key.is_none() {
            let fix = "give pii.key, the same for all replicas: with one of each process nobody else could open a value";
            self.problem("pii.shared", "no key to seal values with", fix);
        }
        let of_quotas = match quotas {
            Keeping::Valkey { store, .. } => Some(store),
            Keeping::Memory | Keeping::Journal { .. } => None,
        };
        let urls = match of_quotas.filter(|_| written.urls.is_empty()) {
            Some(store) => store.urls.clone(),
            None if written.urls.is_empty() => {
                let fix = "name Valkey or Redis here or in quota.shared.urls, as in redis://HOST:6379";
                self.problem("pii.shared.urls", "no store to share values in", fix);
                Vec::new()
            }
            None => self.store_urls("pii.shared.urls", written.urls),
        };
        let namespace = match (written.namespace, of_quotas) {
            (None, Some(store)) => store.namespace.clone(),
            (namespace, _) => self.namespace("pii.shared.namespace", namespace),
        };
        let timeout = self.store_timeout("pii.shared.timeout_ms", written.timeout_ms);
        let ttl_s = written.ttl_s.unwrap_or(3_600);
        if !(1..=TTL_S_MAX).contains(&ttl_s) {
            self.problem("pii.shared.ttl_s", "not within 1 to 604800", "leave it out for 3600, an hour");
        }
        let values_max = written.values_max.unwrap_or(256);
        if !(1..=VALUES_MOST).contains(&values_max) {
            self.problem("pii.shared.values_max", "not within 1 to 4096", "leave it out for 256");
        }
        let previous_key = self.redaction_key("pii.shared.previous_key", written.previous_key);
        if previous_key.is_some() && previous_key.as_ref() == key {
            let fix = "write the key that pii.key was before, or leave it out";
            self.problem("pii.shared.previous_key", "the same as pii.key", fix);
        }
        Some(SharingConfig {
            store: StoreSettings { urls, timeout },
            namespace,
            ttl: Duration::from_secs(ttl_s),
            values_max,
            refuses_unshared: written.on_error == written::PiiUnshared::Refuse,
            previous_key,
        })
    }
}
