//! Patterns in one automaton, tried at one place at a time.
//!
//! Trying at given places only keeps the automaton small: a pattern that counts, or that leaves a gap, multiplies the
//! states of a search that may begin anywhere, but not of one whose beginning is known. It deliberately does not look
//! for the places.

use regex_automata::hybrid::dfa::{self, DFA};
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_automata::{Anchored, Input, MatchKind, PatternSet};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::Hir;

/// A pattern that does not compile.
pub(crate) type Broken = Box<dyn std::error::Error + Send + Sync>;

/// States are made as they are met, up to this.
const CACHE_BYTES_MAX: usize = 16 * 1024 * 1024;

pub(crate) struct Automaton {
    dfa: DFA,
}

/// The states met so far. They say which beginnings were seen, and nothing of what stood behind.
pub(crate) type Cache = dfa::Cache;

impl Automaton {
    /// Where several patterns match at one place, the first of them is found, as far as it prefers to reach.
    pub(crate) fn of_first(patterns: &[Hir]) -> Result<Self, Broken> {
        Self::new(patterns, MatchKind::LeftmostFirst)
    }

    /// Where several patterns match at one place, all of them are found.
    pub(crate) fn of_all(patterns: &[Hir]) -> Result<Self, Broken> {
        Self::new(patterns, MatchKind::All)
    }

    fn new(patterns: &[Hir], kind: MatchKind) -> Result<Self, Broken> {
        let nfa = NFA::compiler()
            .configure(thompson::Config::new().utf8(false).which_captures(WhichCaptures::None))
            .build_many_from_hir(patterns)?;
        let config = dfa::Config::new().match_kind(kind).cache_capacity(CACHE_BYTES_MAX);
        let dfa = dfa::Builder::new().configure(config).build_from_nfa(nfa)?;
        Ok(Self { dfa })
    }

    pub(crate) fn cache(&self) -> Cache {
        self.dfa.create_cache()
    }

    /// Which pattern matches at `start`, and where it ends. Nothing behind `limit` is read.
    pub(crate) fn match_at(
        &self,
        cache: &mut Cache,
        text: &[u8],
        start: usize,
        limit: usize,
    ) -> Option<(usize, usize)> {
        let input = Input::new(text).range(start..limit).anchored(Anchored::Yes);
        // It fails on bytes it was told to stop at, or when told to give up: it was told neither.
        let found = self.dfa.try_search_fwd(cache, &input).ok().flatten()?;
        Some((found.pattern().as_usize(), found.offset()))
    }

    /// Adds the patterns that match at `start` and end before `limit`.
    pub(crate) fn all_at(
        &self,
        cache: &mut Cache,
        text: &[u8],
        start: usize,
        limit: usize,
        matched: &mut PatternSet,
    ) {
        let input = Input::new(text).range(start..limit).anchored(Anchored::Yes);
        // As above.
        let _ = self.dfa.try_which_overlapping_matches(cache, &input, matched);
    }
}

/// Reads a pattern in byte mode with ASCII classes: Unicode word boundaries alone would cost a factor of ten, and
/// neighbours are looked at by hand where it matters.
pub(crate) fn parse(pattern: &str, ignore_case: bool) -> Result<Hir, Broken> {
    let mut parser = ParserBuilder::new().unicode(false).utf8(false).case_insensitive(ignore_case).build();
    Ok(parser.parse(pattern)?)
}
