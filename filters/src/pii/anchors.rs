//! The anchors of a detector in one automaton, tried at one place at a time.
//!
//! Trying at given places only keeps the automaton small: an anchor that counts multiplies the states of a search
//! that may begin anywhere, but not of one whose beginning is known. It deliberately does not look for the places.

use regex_automata::hybrid::dfa::{self, DFA};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::Hir;

use super::BuildError;

/// States are made as they are met; all that the anchors have fit in here.
const CACHE_BYTES_MAX: usize = 16 * 1024 * 1024;

pub(super) struct Automaton {
    dfa: DFA,
}

/// The states met so far. They say which beginnings of anchors were seen, and nothing of what stood behind.
pub(super) type Cache = dfa::Cache;

impl Automaton {
    /// The order of `patterns` is their priority where two match at the same place.
    pub(super) fn new(patterns: &[&str]) -> Result<Self, BuildError> {
        let config = dfa::Config::new().match_kind(MatchKind::LeftmostFirst).cache_capacity(CACHE_BYTES_MAX);
        let dfa = dfa::Builder::new()
            .configure(config)
            .syntax(syntax())
            .thompson(thompson::Config::new().utf8(false).which_captures(WhichCaptures::None))
            .build_many(patterns)
            .map_err(|error| BuildError(error.into()))?;
        Ok(Self { dfa })
    }

    pub(super) fn cache(&self) -> Cache {
        self.dfa.create_cache()
    }

    /// Which pattern matches at `start`, and where it ends. Nothing behind `limit` is read.
    pub(super) fn match_at(
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
}

/// ASCII classes and byte mode: Unicode word boundaries alone would cost a factor of ten, and neighbours are looked
/// at by hand where it matters.
fn syntax() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false)
}

/// The same reading of a pattern for those who look into it.
pub(super) fn parse(pattern: &str) -> Result<Hir, BuildError> {
    ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .build()
        .parse(pattern)
        .map_err(|error| BuildError(error.into()))
}
