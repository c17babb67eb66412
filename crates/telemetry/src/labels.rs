//! A last bound on label values that others give out: teams and apps of a token's claims, models of a price book.
//!
//! Each such set is closed by somebody, but not by us, and a series never goes away. The first names seen keep their
//! own series until the process ends; whatever comes after them is counted under `other`, so that sums stay true and
//! memory stays bounded. Names are not ranked: that would make a series change its meaning.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use metrics::SharedString;

use crate::metrics::{OTHER, label_overflowed};

/// Pairs of team and app with series of their own.
pub const CALLERS_NAMED_MAX: usize = 500;
/// Models with series of their own.
pub const MODELS_NAMED_MAX: usize = 500;

static CALLERS: Callers = Callers::new();
static MODELS: Models = Models::new();

/// Team and app as label values.
pub(crate) fn caller(team: &str, app: &str) -> (SharedString, SharedString) {
    CALLERS.named(team, app).unwrap_or_else(|| {
        label_overflowed("caller");
        (SharedString::const_str(OTHER), SharedString::const_str(OTHER))
    })
}

/// A model as a label value.
pub(crate) fn model(model: &str) -> SharedString {
    if model == OTHER {
        return SharedString::const_str(OTHER);
    }
    MODELS.named(model).unwrap_or_else(|| {
        label_overflowed("model");
        SharedString::const_str(OTHER)
    })
}

fn shared(text: &str) -> SharedString {
    SharedString::from_shared(Arc::from(text))
}

type Pair = (SharedString, SharedString);

/// By team, then by app, so that a look-up copies no name.
struct Callers(RwLock<Option<(Teams, usize)>>);

type Teams = HashMap<String, HashMap<String, Pair>>;

impl Callers {
    const fn new() -> Self {
        Self(RwLock::new(None))
    }

    /// None where there are too many.
    fn named(&self, team: &str, app: &str) -> Option<Pair> {
        {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some((teams, count)) = known.as_ref() {
                if let Some(pair) = teams.get(team).and_then(|apps| apps.get(app)) {
                    return Some(pair.clone());
                }
                if *count >= CALLERS_NAMED_MAX {
                    return None;
                }
            }
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let (teams, count) = known.get_or_insert_default();
        if let Some(pair) = teams.get(team).and_then(|apps| apps.get(app)) {
            return Some(pair.clone());
        }
        if *count >= CALLERS_NAMED_MAX {
            return None;
        }
        *count += 1;
        let pair = (shared(team), shared(app));
        teams.entry(team.to_owned()).or_default().insert(app.to_owned(), pair.clone());
        Some(pair)
    }
}

struct Models(RwLock<Option<HashMap<String, SharedString>>>);

impl Models {
    const fn new() -> Self {
        Self(RwLock::new(None))
    }

    fn named(&self, model: &str) -> Option<SharedString> {
        {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(models) = known.as_ref() {
                if let Some(own) = models.get(model) {
                    return Some(own.clone());
                }
                if models.len() >= MODELS_NAMED_MAX {
                    return None;
                }
            }
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let models = known.get_or_insert_default();
        if models.len() >= MODELS_NAMED_MAX && !models.contains_key(model) {
            return None;
        }
        Some(models.entry(model.to_owned()).or_insert_with(|| shared(model)).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_callers_keep_their_names_and_the_rest_share_one() {
        let callers = Callers::new();
        for number in 0..CALLERS_NAMED_MAX {
            let (team, app) = (format!("team-{}", number % 7), format!("app-{number}"));
            let (named, own) = callers.named(&team, &app).unwrap();
            assert_eq!((named.as_ref(), own.as_ref()), (team.as_str(), app.as_str()));
        }
        assert!(callers.named("team-0", "one-more").is_none());
        assert!(callers.named("one-more", "app-0").is_none());
        assert!(callers.named("team-3", "app-3").is_some());
    }

    #[test]
    fn the_first_models_keep_their_names_and_the_rest_share_one() {
        let models = Models::new();
        for number in 0..MODELS_NAMED_MAX {
            let model = format!("model-{number}");
            assert_eq!(models.named(&model).as_deref(), Some(model.as_str()));
        }
        assert!(models.named("one-more").is_none());
        assert_eq!(models.named("model-9").as_deref(), Some("model-9"));
    }
}
