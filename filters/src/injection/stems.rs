//! The prefilter: finds stems in a text without regard to ASCII case, at a few gigabytes a second on
//! ordinary text. Packed searchers are exact about case, so blocks of the text are copied in lower case,
//! small enough for the cache.

use std::collections::BTreeMap;

use aho_corasick::packed::{Config, MatchKind, Searcher};
use aho_corasick::{AhoCorasick, BuildError, Input, Span};

/// More patterns than this are too many for a packed searcher.
const STEMS_PER_SHARD: usize = 60;
const BLOCK_BYTES: usize = 16 * 1024;
/// How far into the next block a stem may reach. The longest stem is shorter.
pub(super) const STEM_BYTES_MAX: usize = 32;

/// Which of the callers' sets a stem belongs to: one bit each.
pub(super) type Sets = u32;

/// All stems, in searchers of a size that stays fast.
pub(super) struct StemSearch {
    ascii: Vec<Shard>,
    foreign: Vec<Shard>,
}

struct Shard {
    engine: Engine,
    sets: Vec<Sets>,
}

enum Engine {
    Packed(Searcher),
    /// Where the processor has no vector instructions for the packed form.
    Automaton(AhoCorasick),
}

impl StemSearch {
    pub(super) fn new<'s>(stems: impl Iterator<Item = (&'s str, Sets)>) -> Result<Self, BuildError> {
        let mut merged: BTreeMap<&str, Sets> = BTreeMap::new();
        for (stem, sets) in stems {
            *merged.entry(stem).or_default() |= sets;
        }
        // Descending order puts a stem before its own prefixes. Only one of them is reported at a place, so
        // the longer one stands for both.
        let complete: Vec<(&str, Sets)> = merged
            .iter()
            .rev()
            .map(|(stem, sets)| {
                let prefixes = merged.iter().filter(|(other, _)| stem.starts_with(**other));
                (*stem, prefixes.fold(*sets, |all, (_, sets)| all | sets))
            })
            .collect();
        let (ascii, foreign): (Vec<_>, Vec<_>) = complete.into_iter().partition(|(stem, _)| stem.is_ascii());
        Ok(Self { ascii: shards(&ascii)?, foreign: shards(&foreign)? })
    }

    /// Calls `on_hit` with the start and the sets of every stem in `text`, in no particular order.
    pub(super) fn search(&self, text: &[u8], mut on_hit: impl FnMut(usize, Sets)) {
        let foreign: &[Shard] = if text.is_ascii() { Default::default() } else { &self.foreign };
        let mut lower = Vec::with_capacity(text.len().min(BLOCK_BYTES + STEM_BYTES_MAX));
        for block_start in (0..text.len()).step_by(BLOCK_BYTES) {
            let block_end = text.len().min(block_start + BLOCK_BYTES + STEM_BYTES_MAX);
            lower.clear();
            lower.extend_from_slice(text.get(block_start..block_end).unwrap_or_default());
            lower.make_ascii_lowercase();
            for shard in self.ascii.iter().chain(foreign) {
                shard.search(&lower, |start, sets| on_hit(block_start + start, sets));
            }
        }
    }
}

impl Shard {
    fn search(&self, lower: &[u8], mut on_hit: impl FnMut(usize, Sets)) {
        let mut position = 0;
        while position < lower.len().min(BLOCK_BYTES) {
            let Some((pattern, start)) = self.engine.find(lower, position) else {
                return;
            };
            if start >= BLOCK_BYTES {
                // It belongs to the next block, which sees it whole.
                return;
            }
            on_hit(start, self.sets.get(pattern).copied().unwrap_or(0));
            position = start + 1;
        }
    }
}

impl Engine {
    fn find(&self, haystack: &[u8], start: usize) -> Option<(usize, usize)> {
        let found = match self {
            Engine::Packed(searcher) => searcher.find_in(haystack, Span { start, end: haystack.len() }),
            Engine::Automaton(automaton) => automaton.find(Input::new(haystack).range(start..)),
        };
        found.map(|found| (found.pattern().as_usize(), found.start()))
    }
}

fn shards(stems: &[(&str, Sets)]) -> Result<Vec<Shard>, BuildError> {
    stems
        .chunks(STEMS_PER_SHARD)
        .map(|part| {
            let patterns = || part.iter().map(|(stem, _)| *stem);
            let mut builder = Config::new().match_kind(MatchKind::LeftmostFirst).builder();
            builder.extend(patterns());
            let engine = match builder.build() {
                Some(searcher) => Engine::Packed(searcher),
                None => Engine::Automaton(
                    AhoCorasick::builder()
                        .match_kind(aho_corasick::MatchKind::LeftmostFirst)
                        .build(patterns())?,
                ),
            };
            Ok(Shard { engine, sets: part.iter().map(|(_, sets)| *sets).collect() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(text: &str) -> Vec<(usize, Sets)> {
        let stems = [("ignor", 1), ("norm", 2), ("ignorant", 4), ("忽略", 8), ("prompt", 1), ("prompt", 16)];
        let mut hits = Vec::new();
        StemSearch::new(stems.into_iter()).unwrap().search(text.as_bytes(), |at, sets| hits.push((at, sets)));
        hits.sort_unstable();
        hits
    }

    #[test]
    fn stems_are_found_in_any_case_with_all_their_sets() {
        assert_eq!(hits("IgNoRe the PROMPT"), vec![(0, 1), (11, 17)]);
        assert_eq!(hits("ignorant"), vec![(0, 5)]);
        assert_eq!(hits("请忽略"), vec![(3, 8)]);
        assert!(hits("nothing here").is_empty());
    }

    #[test]
    fn a_stem_across_blocks_is_found_once() {
        for offset in 0..8 {
            let text = format!("{}ignore", "x".repeat(BLOCK_BYTES - offset));
            assert_eq!(hits(&text), vec![(BLOCK_BYTES - offset, 1)]);
        }
    }
}
