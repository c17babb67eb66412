//! Whole answers by key, in memory, bounded in bytes and in age. An entry's age counts from when it was
//! stored: reading it does not prolong it, or a wrong answer that is asked for often would live for ever.
//!
//! Only the caller knows whether an answer is complete and may be shared; nothing is checked here but its
//! size.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hardpan_inference::usage::TokenUsage;
use moka::Expiry;
use moka::sync::Cache;

use crate::key::CacheKey;

/// No entry lives longer, whatever the policy says.
pub const TTL_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Bytes an entry costs beside its texts: key, pointers and the store's own books.
const ENTRY_OVERHEAD_BYTES: usize = 512;
const HEADER_OVERHEAD_BYTES: usize = 64;

/// An answer as it was given. It holds model output, hence no `Debug`.
pub struct Entry {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// What the answer cost when it was made.
    pub usage: TokenUsage,
    pub stored_unix_ms: u64,
}

impl Entry {
    fn bytes(&self) -> usize {
        let headers: usize =
            self.headers.iter().map(|(name, value)| name.len() + value.len() + HEADER_OVERHEAD_BYTES).sum();
        self.body.len() + headers + ENTRY_OVERHEAD_BYTES
    }
}

pub struct ExactCache {
    entries: Cache<CacheKey, Stored>,
    entry_bytes_max: usize,
}

impl ExactCache {
    /// `bytes_max` bounds the sum of all entries, `entry_bytes_max` each of them, both with overhead.
    pub fn new(bytes_max: u64, entry_bytes_max: usize) -> Self {
        let entries = Cache::builder()
            .max_capacity(bytes_max)
            .weigher(|_key: &CacheKey, stored: &Stored| {
                u32::try_from(stored.entry.bytes()).unwrap_or(u32::MAX)
            })
            .expire_after(FixedLifetime)
            .build();
        // The store weighs in 32 bits: a larger entry would be counted as smaller than it is.
        let weight_max = usize::try_from(u32::MAX).unwrap_or(usize::MAX);
        let total_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        Self { entries, entry_bytes_max: entry_bytes_max.min(weight_max).min(total_max) }
    }

    pub fn get(&self, key: &CacheKey) -> Option<Arc<Entry>> {
        self.entries.get(key).map(|stored| stored.entry)
    }

    /// Keeps an answer, replacing the one under the same key. `false` when it is too large, or not to be
    /// kept for any time. Under pressure the store may still prefer entries that are read more often.
    pub fn put(&self, key: CacheKey, entry: Entry, ttl: Duration) -> bool {
        if ttl.is_zero() || entry.bytes() > self.entry_bytes_max {
            return false;
        }
        self.entries.insert(key, Stored { entry: Arc::new(entry), ttl: ttl.min(TTL_MAX) });
        true
    }

    /// Forgets every answer stored so far.
    pub fn purge(&self) {
        self.entries.invalidate_all();
    }

    /// Bytes held, overhead included; entries that expired may still be counted.
    pub fn bytes(&self) -> u64 {
        self.entries.weighted_size()
    }
}

#[derive(Clone)]
struct Stored {
    entry: Arc<Entry>,
    ttl: Duration,
}

/// Every entry lives for the time it came with, from when it was put.
struct FixedLifetime;

impl Expiry<CacheKey, Stored> for FixedLifetime {
    fn expire_after_create(
        &self,
        _key: &CacheKey,
        stored: &Stored,
        _created_at: Instant,
    ) -> Option<Duration> {
        Some(stored.ttl)
    }

    fn expire_after_update(
        &self,
        _key: &CacheKey,
        stored: &Stored,
        _updated_at: Instant,
        _duration_until_expiry: Option<Duration>,
    ) -> Option<Duration> {
        Some(stored.ttl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::KeyBuilder;

    const HOUR: Duration = Duration::from_secs(3600);

    fn key(name: &str) -> CacheKey {
        KeyBuilder::new().part("test", name).finish()
    }

    fn entry(body: &[u8]) -> Entry {
        Entry {
            status: 200,
            headers: vec![("content-type".into(), "application/json".into())],
            body: Bytes::copy_from_slice(body),
            usage: TokenUsage::default(),
            stored_unix_ms: 7,
        }
    }

    fn body(cache: &ExactCache, name: &str) -> Option<Bytes> {
        cache.get(&key(name)).map(|entry| entry.body.clone())
    }

    #[test]
    fn an_answer_comes_back_under_its_key_alone() {
        let cache = ExactCache::new(1 << 20, 1 << 16);
        assert!(cache.put(key("a"), entry(b"one"), HOUR));
        let found = cache.get(&key("a")).unwrap();
        assert_eq!((found.status, found.stored_unix_ms, found.headers.len()), (200, 7, 1));
        assert_eq!(body(&cache, "a").as_deref(), Some(b"one".as_slice()));
        assert_eq!(body(&cache, "b"), None);
        assert!(cache.put(key("a"), entry(b"two"), HOUR));
        assert_eq!(body(&cache, "a").as_deref(), Some(b"two".as_slice()));
    }

    #[test]
    fn an_answer_that_has_had_its_time_is_gone() {
        let cache = ExactCache::new(1 << 20, 1 << 16);
        assert!(cache.put(key("a"), entry(b"one"), Duration::from_nanos(1)));
        let gone = (0..10_000_000).any(|_| cache.get(&key("a")).is_none());
        assert!(gone);
        assert!(!cache.put(key("b"), entry(b"one"), Duration::ZERO));
        assert_eq!(body(&cache, "b"), None);
    }

    #[test]
    fn reading_does_not_prolong_an_entry_and_replacing_it_does() {
        let stored = Stored { entry: Arc::new(entry(b"")), ttl: HOUR };
        let (key, now) = (key("a"), Instant::now());
        let left = Some(Duration::from_secs(5));
        assert_eq!(FixedLifetime.expire_after_create(&key, &stored, now), Some(HOUR));
        assert_eq!(FixedLifetime.expire_after_read(&key, &stored, now, left, now), left);
        assert_eq!(FixedLifetime.expire_after_update(&key, &stored, now, left), Some(HOUR));
    }

    #[test]
    fn a_longer_time_than_the_bound_is_cut() {
        let cache = ExactCache::new(1 << 20, 1 << 16);
        assert!(cache.put(key("a"), entry(b"one"), Duration::MAX));
        assert_eq!(cache.entries.get(&key("a")).unwrap().ttl, TTL_MAX);
    }

    #[test]
    fn an_entry_is_kept_up_to_its_bound_and_not_above() {
        let size = entry(b"1234").bytes();
        for (total, each, kept) in [
            (1 << 20, size, true),
            (1 << 20, size - 1, false),
            (u64::try_from(size).unwrap(), 1 << 16, true),
            (u64::try_from(size).unwrap() - 1, 1 << 16, false),
            (0, 0, false),
        ] {
            let cache = ExactCache::new(total, each);
            assert_eq!(cache.put(key("a"), entry(b"1234"), HOUR), kept, "{total} {each}");
            assert_eq!(cache.get(&key("a")).is_some(), kept, "{total} {each}");
        }
    }

    #[test]
    fn all_entries_together_stay_within_the_bound() {
        const BYTES_MAX: u64 = 100_000;
        let cache = ExactCache::new(BYTES_MAX, 10_000);
        for number in 0..500 {
            assert!(cache.put(key(&number.to_string()), entry(&[b'x'; 2_000]), HOUR));
        }
        cache.entries.run_pending_tasks();
        assert!(cache.bytes() <= BYTES_MAX);
        assert!(cache.bytes() > 0);
    }

    #[test]
    fn a_purge_forgets_everything() {
        let cache = ExactCache::new(1 << 20, 1 << 16);
        assert!(cache.put(key("a"), entry(b"one"), HOUR));
        assert!(cache.put(key("b"), entry(b"two"), HOUR));
        cache.purge();
        assert!(cache.get(&key("a")).is_none() && cache.get(&key("b")).is_none());
    }
}
