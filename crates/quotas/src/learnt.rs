//! How long answers turn out to be, learnt per app and model, so that a reservation need not assume the longest
//! that is allowed. A bound learnt from the past is no promise: what goes beyond it is booked as overshoot. The
//! hard bound stays the cap, and stands alone until enough answers came.
//!
//! Counts in a histogram of four steps to an octave, halved now and then so that the past fades. Nothing about
//! the answers themselves is kept.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Answers before a bound is believed.
const ANSWERS_MIN: u32 = 200;
/// Answers after which all counts are halved.
const ANSWERS_MAX: u32 = 4_000;
/// Pairs of app and model; later ones keep to the hard bound.
const PAIRS_MAX: usize = 10_000;
/// Four to an octave, up to 2^24 tokens.
const STEPS: usize = 96;
/// Of a thousand answers, so many are within the bound.
const WITHIN: u64 = 990;

#[derive(Default)]
pub struct OutputBounds {
    pairs: Mutex<HashMap<(String, String, String), Lengths>>,
}

struct Lengths {
    counts: [u32; STEPS],
    total: u32,
}

impl OutputBounds {
    /// What to reserve for an answer that may have `hard` tokens.
    pub fn bound(&self, team: &str, app: &str, model: &str, hard: u64) -> u64 {
        let pairs = self.lock();
        let lengths = pairs.get(&(team.to_owned(), app.to_owned(), model.to_owned()));
        lengths.and_then(Lengths::within).map_or(hard, |learnt| learnt.min(hard))
    }

    /// What to let an answer have whose caller set no bound: twice what was learnt, so that hardly any is cut short,
    /// and `most` at most. Where answers are cut short after all, they are as long as that, and the next bound is
    /// twice as high.
    pub fn open(&self, team: &str, app: &str, model: &str, most: u64) -> u64 {
        let learnt = self.bound(team, app, model, most);
        if learnt == most { most } else { learnt.saturating_mul(2).min(most) }
    }

    /// What the service counted, not what was estimated.
    pub fn observe(&self, team: &str, app: &str, model: &str, tokens: u64) {
        let mut pairs = self.lock();
        let pair = (team.to_owned(), app.to_owned(), model.to_owned());
        if pairs.len() >= PAIRS_MAX && !pairs.contains_key(&pair) {
            return;
        }
        pairs.entry(pair).or_insert(Lengths { counts: [0; STEPS], total: 0 }).add(tokens);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String, String), Lengths>> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lengths {
    fn add(&mut self, tokens: u64) {
        if self.total >= ANSWERS_MAX {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().sum();
        }
        if let Some(count) = self.counts.get_mut(step(tokens)) {
            *count += 1;
            self.total += 1;
        }
    }

    fn within(&self) -> Option<u64> {
        if self.total < ANSWERS_MIN {
            return None;
        }
        let wanted = (u64::from(self.total) * WITHIN).div_ceil(1_000);
        let mut seen = 0;
        let at = self.counts.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        });
        at.map(upper_end)
    }
}

/// The step whose upper end is the first not below a length.
fn step(tokens: u64) -> usize {
    (0..STEPS - 1).find(|step| tokens <= upper_end(*step)).unwrap_or(STEPS - 1)
}

/// Steps of an octave end at 1.25, 1.5, 1.75 and 2 times its beginning.
fn upper_end(step: usize) -> u64 {
    let (octave, quarter) = (step / 4, step as u64 % 4 + 1);
    if step == STEPS - 1 {
        return u64::MAX;
    }
    ((1_u64 << octave) * (4 + quarter)).div_ceil(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_falls_under_the_end_of_its_step() {
        for tokens in (0..5_000).chain([1 << 20, u64::MAX]) {
            let at = step(tokens);
            assert!(tokens <= upper_end(at), "{tokens}");
            assert!(at == 0 || tokens > upper_end(at - 1), "{tokens}");
            assert!(at == STEPS - 1 || tokens < 8 || upper_end(at) <= tokens + tokens / 4 + 1, "{tokens}");
        }
    }

    #[test]
    fn the_hard_bound_stands_until_enough_came_and_caps_what_was_learnt() {
        let bounds = OutputBounds::default();
        for number in 0..1_000 {
            let expected = if number < ANSWERS_MIN { 4_096 } else { 320 };
            assert_eq!(bounds.bound("t", "a", "m", 4_096), expected, "{number}");
            bounds.observe("t", "a", "m", 300);
        }
        assert_eq!(bounds.bound("t", "a", "m", 100), 100);
        for other in [("u", "a", "m"), ("t", "b", "m"), ("t", "a", "n")] {
            assert_eq!(bounds.bound(other.0, other.1, other.2, 4_096), 4_096);
        }
    }

    #[test]
    fn a_bound_left_open_is_twice_what_was_learnt_and_grows_when_answers_reach_it() {
        let bounds = OutputBounds::default();
        assert_eq!(bounds.open("t", "a", "m", 4_096), 4_096);
        for _ in 0..1_000 {
            bounds.observe("t", "a", "m", 300);
        }
        assert_eq!(bounds.open("t", "a", "m", 4_096), 640);
        assert_eq!(bounds.open("t", "a", "m", 500), 500);
        for _ in 0..100 {
            bounds.observe("t", "a", "m", 640);
        }
        assert_eq!(bounds.open("t", "a", "m", 4_096), 1_280);
    }

    #[test]
    fn one_in_a_hundred_is_left_out_and_the_past_fades() {
        let bounds = OutputBounds::default();
        for number in 0..10_000 {
            bounds.observe("t", "a", "m", if number % 200 == 0 { 4_000 } else { 100 });
        }
        assert_eq!(bounds.bound("t", "a", "m", 8_192), 112);
        for _ in 0..10_000 {
            bounds.observe("t", "a", "m", 2_000);
        }
        assert_eq!(bounds.bound("t", "a", "m", 8_192), 2_048);
    }

    #[test]
    fn pairs_are_bounded() {
        let bounds = OutputBounds::default();
        for number in 0..=PAIRS_MAX {
            bounds.observe("t", &number.to_string(), "m", 1);
        }
        assert_eq!(bounds.lock().len(), PAIRS_MAX);
    }
}
