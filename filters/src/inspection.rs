//! Running the detectors over every text of a request, and turning what policy wants masked into edits of its bytes.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use hardpan_inference::codec::{Request, TextSpan};
use hardpan_inference::edit::Edit;
use hardpan_inference::finding::{Finding, PiiType};
use hardpan_inference::request::Signals;

use crate::injection::InjectionScorer;
use crate::pii::{PiiDetector, Scratch};
use crate::vault::Vault;

/// A finding and the text it stands in.
pub struct Located {
    pub text: TextSpan,
    pub finding: Finding,
}

/// What the detectors say of one request.
#[derive(Default)]
pub struct Inspection {
    pub signals: Signals,
    /// In the order a model reads the texts.
    pub findings: Vec<Located>,
}

#[derive(Debug, thiserror::Error)]
#[error("a detector could not be built: {0}")]
pub struct BuildError(String);

/// The detectors that are switched on.
pub struct Inspector {
    pii: Option<PiiDetector>,
    injection: Option<InjectionScorer>,
    /// Search state kept between requests: it is large and warm.
    scratch: Mutex<Vec<Scratch>>,
}

/// Idle search states kept; more are made when more requests run at once.
const SCRATCH_KEPT_MAX: usize = 16;

impl Inspector {
    pub fn new(pii: bool, injection: bool) -> Result<Self, BuildError> {
        let pii = pii.then(PiiDetector::new).transpose().map_err(|error| BuildError(error.to_string()))?;
        let injection = injection
            .then(InjectionScorer::new)
            .transpose()
            .map_err(|error| BuildError(error.to_string()))?;
        Ok(Self { pii, injection, scratch: Mutex::new(Vec::new()) })
    }

    pub fn is_off(&self) -> bool {
        self.pii.is_none() && self.injection.is_none()
    }

    /// Reads every text of the request.
    pub fn inspect(&self, request: &Request<'_>) -> Inspection {
        let mut inspection = Inspection::default();
        self.find_pii(request, &mut inspection);
        self.score_injection(request, &mut inspection);
        inspection
    }

    /// The signals of one text alone, for a tool's arguments.
    pub fn signals(&self, text: &str) -> Signals {
        let mut signals = Signals::default();
        self.with_scratch(|detector, scratch| {
            let mut found = Vec::new();
            detector.find(text, scratch, &mut found);
            for finding in found {
                *signals.findings.entry(finding.kind).or_default() += 1;
            }
        });
        signals
    }

    fn find_pii(&self, request: &Request<'_>, inspection: &mut Inspection) {
        self.with_scratch(|detector, scratch| {
            let mut found = Vec::new();
            for text in &request.texts {
                let Some(decoded) = request.document.string(text.value) else { continue };
                match text.key.and_then(|key| request.document.string(key)) {
                    Some(key) => detector.find_keyed(&key, &decoded, scratch, &mut found),
                    None => detector.find(&decoded, scratch, &mut found),
                }
                for finding in found.drain(..) {
                    *inspection.signals.findings.entry(finding.kind).or_default() += 1;
                    inspection.findings.push(Located { text: *text, finding });
                }
            }
        });
    }

    fn score_injection(&self, request: &Request<'_>, inspection: &mut Inspection) {
        let Some(scorer) = &self.injection else { return };
        let mut families = BTreeSet::new();
        for text in request.texts.iter().filter(|text| text.is_untrusted()) {
            let Some(decoded) = request.document.string(text.value) else { continue };
            let score = scorer.score(&decoded, text.channel);
            inspection.signals.injection = inspection.signals.injection.max(score.score);
            families.extend(score.families);
        }
        inspection.signals.injection_families = families.into_iter().collect();
    }

    fn with_scratch(&self, work: impl FnOnce(&PiiDetector, &mut Scratch)) {
        let Some(detector) = &self.pii else { return };
        let kept = self.scratch.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut scratch = kept.unwrap_or_else(|| detector.scratch());
        work(detector, &mut scratch);
        let mut kept = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < SCRATCH_KEPT_MAX {
            kept.push(scratch);
        }
    }
}

/// The edits that mask the findings whose type is wanted, and the vault that undoes them.
pub fn mask(
    request: &Request<'_>,
    inspection: &Inspection,
    wanted: impl Fn(PiiType) -> bool,
) -> (Vec<Edit>, Vault) {
    let mut vault = Vault::default();
    let masked: Vec<&Located> = inspection
        .findings
        .iter()
        .filter(|located| located.text.editable && wanted(located.finding.kind))
        .collect();
    if masked.is_empty() {
        return (Vec::new(), vault);
    }
    for text in &request.texts {
        if let Some(decoded) = request.document.string(text.value) {
            vault.keep_clear_of(&decoded);
        }
    }
    let edits = masked
        .into_iter()
        .filter_map(|located| {
            let decoded = request.document.string(located.text.value)?;
            let value = decoded.get(located.finding.range.clone())?;
            let placeholder = vault.placeholder(located.finding.kind, value).to_owned();
            request.document.edit_in_string(located.text.value, located.finding.range.clone(), &placeholder)
        })
        .collect();
    (edits, vault)
}

#[cfg(test)]
mod tests {
    use hardpan_inference::json::JsonLimits;
    use hardpan_inference::model_id::ModelId;
    use hardpan_inference::operation::Operation;

    use super::*;

    fn masked(body: &str) -> (String, Vault, Inspection) {
        let model = ModelId::parse("amazon.nova-lite-v1:0").unwrap();
        let request =
            Request::parse(Operation::Converse, &model, body.as_bytes(), JsonLimits::default()).unwrap();
        let inspector = Inspector::new(true, true).unwrap();
        let inspection = inspector.inspect(&request);
        let (edits, vault) = mask(&request, &inspection, |_| true);
        let changed = hardpan_inference::edit::apply(body.as_bytes(), edits).unwrap();
        (String::from_utf8(changed).unwrap(), vault, inspection)
    }

    #[test]
    fn values_are_masked_in_every_place_and_come_back() {
        let body = r#"{"messages":[{"role":"user","content":[{"text":"Mail ann@example.org or bob@example.org,\u0020then ann@example.org"},
            {"toolResult":{"toolUseId":"t","content":[{"json":{"contact":"bob@example.org"}}]}}]}],
            "system":[{"text":"Owner: carl@example.org"}]}"#;
        let (changed, vault, inspection) = masked(body);
        assert!(!changed.contains("@example.org"), "{changed}");
        assert!(changed.contains(r#""Owner: {EMAIL_1}""#));
        assert!(changed.contains(r#""Mail {EMAIL_2} or {EMAIL_3},\u0020then {EMAIL_2}""#), "{changed}");
        assert!(changed.contains(r#"{"contact":"{EMAIL_3}"}"#));
        assert_eq!(inspection.signals.findings.get(&PiiType::Email), Some(&5));
        assert_eq!(vault.restore(&changed).unwrap().replace("\\u0020", " "), body.replace("\\u0020", " "));
    }

    #[test]
    fn a_growing_history_keeps_its_placeholders() {
        let turn = |texts: &[&str]| {
            let messages: Vec<String> = texts
                .iter()
                .map(|text| format!(r#"{{"role":"user","content":[{{"text":"{text}"}}]}}"#))
                .collect();
            masked(&format!(r#"{{"messages":[{}]}}"#, messages.join(","))).0
        };
        let first = turn(&["I am ann@example.org"]);
        let second = turn(&["I am ann@example.org", "call +1 212-555-0147 or zoe@example.org"]);
        let shared = first.trim_end_matches("]}");
        assert!(second.starts_with(shared), "{second}");
    }

    #[test]
    fn nothing_found_changes_nothing() {
        let body = r#"{ "messages" : [ {"role":"user","content":[{"text":"What is 2 + 2 at 10:30?"}]} ] , "x": [1, 2] }"#;
        let (changed, vault, inspection) = masked(body);
        assert_eq!(changed, body);
        assert!(vault.is_empty() && inspection.findings.is_empty());
    }
}
