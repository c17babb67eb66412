//! The trace a request belongs to: what of the caller's trace context is taken over, and what of it reaches AWS.
//!
//! `traceparent` has a fixed form and says nothing but ids. `tracestate` is text of the caller's, and no policy is asked
//! about it: one in which a detector finds something stays behind, which the recommendation allows. Neither is signed
//! on the way to AWS, as SDKs do not sign them either.

use hardpan_telemetry::trace::{Parent, RequestTrace};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::snapshot::Snapshot;

const PARENT: HeaderName = HeaderName::from_static("traceparent");
const STATE: HeaderName = HeaderName::from_static("tracestate");

/// None where the caller sent none and no spans are made here.
pub fn begin(snapshot: &Snapshot, headers: &HeaderMap) -> Option<RequestTrace> {
    let values = |name: &HeaderName| headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
    let mut parent = Parent::read(values(&PARENT), values(&STATE));
    let tells = |state: &str| !snapshot.inspector.signals(state).findings.is_empty();
    if parent.as_ref().and_then(Parent::state).is_some_and(tells) {
        parent = parent.map(Parent::without_state);
    }
    let sampler = snapshot.otlp.as_ref().map(hardpan_telemetry::otlp::Otlp::sampler);
    RequestTrace::begin(parent, sampler, snapshot.config.telemetry.passes_context)
}

/// The trace context of one call.
#[derive(Default)]
pub struct Carried {
    parent: Option<HeaderValue>,
    state: Option<HeaderValue>,
}

impl Carried {
    pub fn of(context: Option<(String, Option<&str>)>) -> Self {
        let Some((parent, state)) = context else { return Self::default() };
        Self {
            parent: HeaderValue::try_from(parent).ok(),
            state: state.and_then(|state| HeaderValue::from_str(state).ok()),
        }
    }

    pub fn add_to(self, headers: &mut HeaderMap) {
        for (name, value) in [(PARENT, self.parent), (STATE, self.state)] {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
    }
}
