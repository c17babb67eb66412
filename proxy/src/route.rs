//! The models that policy lets answer in place of the one that was asked for.
//!
//! Each is a request of its own to policy, asked once more with `request.routed_from`, so that a route never escapes
//! authorisation. The body stays as it is but for the model it names: a model that would read it as another dialect, or
//! a body and path that name no model, are out of reach. Which of them is called is decided where requests are sent.

use std::collections::BTreeMap;

use hardpan_filters::inspection::Inspection;
use hardpan_inference::codec::Request;
use hardpan_inference::edit;
use hardpan_inference::model_id::ModelId;
use hardpan_inference::operation::Target;
use hardpan_telemetry::audit::AuditDecision;

use crate::clearance::{Asker, Clearance};
use crate::models;
use crate::payload::Payload;
use crate::record::Draft;
use crate::refusal::Refusal;

const UNENFORCEABLE: Refusal = Refusal::Unenforceable { obligation: "route" };

/// A model that policy let answer, and the request to it.
pub struct Candidate {
    pub target: Target,
    pub model: ModelId,
    pub payload: Payload,
    /// What both decisions demand.
    pub clearance: Clearance,
    decision: Option<AuditDecision>,
    decision_id: Option<String>,
    headers: BTreeMap<String, String>,
}

impl Candidate {
    /// What policy said of this one is what the record tells.
    pub fn note(&mut self, draft: &mut Draft) {
        draft.decision = self.decision.take();
        draft.decision_id = self.decision_id.take();
        draft.headers = std::mem::take(&mut self.headers);
    }
}

/// Asks about every model of a route. The first one's refusal is the request's; of the others only those come along
/// that nothing speaks against.
pub async fn candidates(
    asker: &Asker<'_>,
    clearance: Clearance,
    request: &Request<'_>,
    inspection: &Inspection,
    payload: &Payload,
    draft: &mut Draft,
) -> Result<Vec<Candidate>, Refusal> {
    let names: Vec<String> =
        clearance.route().into_iter().flat_map(|route| route.candidates()).map(str::to_owned).collect();
    let headers = draft.headers.clone();
    let mut candidates: Vec<Candidate> = Vec::with_capacity(names.len());
    for name in names {
        draft.headers.clone_from(&headers);
        match candidate(asker, &clearance, &name, request, inspection, payload, draft).await {
            Ok(candidate) => candidates.push(candidate),
            Err(refusal) if candidates.is_empty() => return Err(refusal),
            Err(refusal) => tracing::info!(reason = refusal.code(), "a fallback of a route is out of reach"),
        }
    }
    Ok(candidates)
}

async fn candidate(
    asker: &Asker<'_>,
    clearance: &Clearance,
    name: &str,
    request: &Request<'_>,
    inspection: &Inspection,
    payload: &Payload,
    draft: &mut Draft,
) -> Result<Candidate, Refusal> {
    let named = ModelId::parse(name).map_err(|_| UNENFORCEABLE)?;
    let model = models::resolve(asker.snapshot, named, asker.region).await?;
    let (target, payload) = addressed(asker, &model, request, payload)?;
    let routed = asker.of(&target, &model);
    let rerouted = {
        let reread = routed.parse(&payload).map_err(|_| UNENFORCEABLE)?;
        if reread.facts.dialect != request.facts.dialect {
            return Err(UNENFORCEABLE);
        }
        routed.clear(&reread, inspection, draft)?
    };
    // A rule may say again what it said; another route would be a third question.
    if rerouted.route().is_some_and(|route| Some(route) != clearance.route()) {
        return Err(UNENFORCEABLE);
    }
    let clearance = clearance.clone().without_route().and(rerouted.without_route())?;
    Ok(Candidate {
        clearance,
        decision: draft.decision.take(),
        decision_id: draft.decision_id.clone(),
        headers: draft.headers.clone(),
        target,
        model,
        payload,
    })
}

/// The same request to another model: in the path, or in the body.
fn addressed(
    asker: &Asker<'_>,
    model: &ModelId,
    request: &Request<'_>,
    payload: &Payload,
) -> Result<(Target, Payload), Refusal> {
    if let Some(target) = asker.target.with_model(model) {
        return Ok((target, payload.clone()));
    }
    let edit = request.set_model(model.as_str()).ok_or(UNENFORCEABLE)?;
    let payload = payload.with_json(edit::apply(payload.json(), vec![edit])?)?;
    Ok((asker.target.clone(), payload))
}
