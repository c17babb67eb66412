//! Running the detectors over every text of a request, and turning what policy wants masked into edits of its bytes.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use hardpan_inference::codec::{Request, TextSpan};
use hardpan_inference::edit::Edit;
use hardpan_inference::finding::{Channel, Finding, InjectionScore, PiiType};
use hardpan_inference::request::Signals;
use moka::sync::Cache;
use sha2::{Digest, Sha256};

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
    /// Types found in labels that travel beside the body.
    pub label_findings: BTreeSet<PiiType>,
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
    /// What was found in texts seen before: a chat sends its history again with every turn.
    seen: Cache<[u8; 32], Arc<Seen>>,
    /// Keys the memo, so that nobody can make two texts look alike.
    secret: [u8; 32],
}

/// What the detectors said of one text. It holds places and names, nothing of the text.
struct Seen {
    findings: Vec<Finding>,
    injection: InjectionScore,
}

/// Shorter texts are read again sooner than looked up.
const REMEMBERED_BYTES_MIN: usize = 256;
/// Bounds the memo, counted in findings and entries.
const REMEMBERED_WEIGHT_MAX: u64 = 200_000;

/// Idle search states kept; more are made when more requests run at once.
const SCRATCH_KEPT_MAX: usize = 16;

impl Inspector {
    pub fn new(pii: bool, injection: bool) -> Result<Self, BuildError> {
        let pii = pii.then(PiiDetector::new).transpose().map_err(|error| BuildError(error.to_string()))?;
        let injection = injection
            .then(InjectionScorer::new)
            .transpose()
            .map_err(|error| BuildError(error.to_string()))?;
        let seen = Cache::builder()
            .max_capacity(REMEMBERED_WEIGHT_MAX)
            .weigher(|_, seen: &Arc<Seen>| {
                u32::try_from(seen.findings.len()).unwrap_or(u32::MAX).saturating_add(1)
            })
            .build();
        let secret = [uuid::Uuid::new_v4().into_bytes(), uuid::Uuid::new_v4().into_bytes()];
        let secret = Sha256::digest(secret.concat()).into();
        Ok(Self { pii, injection, scratch: Mutex::new(Vec::new()), seen, secret })
    }

    /// The same detectors without a memo of texts seen before.
    pub fn without_memory(self) -> Self {
        Self { seen: Cache::new(0), ..self }
    }

    pub fn is_off(&self) -> bool {
        self.pii.is_none() && self.injection.is_none()
    }

    /// Reads every text of the request, and the labels that travel beside its body.
    pub fn inspect(&self, request: &Request<'_>, labels: Option<&str>) -> Inspection {
        let mut inspection = Inspection::default();
        let mut families = BTreeSet::new();
        for text in &request.texts {
            let Some(decoded) = text.read(&request.document) else { continue };
            let key = text.key.and_then(|key| request.document.string(key));
            let seen = self.look_at(&decoded, key.as_deref(), text.channel);
            for finding in &seen.findings {
                *inspection.signals.findings.entry(finding.kind).or_default() += 1;
                inspection.findings.push(Located { text: *text, finding: finding.clone() });
            }
            inspection.signals.injection = inspection.signals.injection.max(seen.injection.score);
            families.extend(seen.injection.families.iter().copied());
        }
        inspection.signals.injection_families = families.into_iter().collect();
        for (kind, count) in labels.map(|labels| self.signals(labels).findings).unwrap_or_default() {
            *inspection.signals.findings.entry(kind).or_default() += count;
            inspection.label_findings.insert(kind);
        }
        inspection
    }

    fn look_at(&self, text: &str, key: Option<&str>, channel: Channel) -> Arc<Seen> {
        if text.len() < REMEMBERED_BYTES_MIN {
            return Arc::new(self.examine(text, key, channel));
        }
        let mut hash = Sha256::new_with_prefix(self.secret);
        hash.update([channel as u8, u8::from(key.is_some())]);
        hash.update(Sha256::digest(key.unwrap_or_default()));
        hash.update(text);
        self.seen.get_with(hash.finalize().into(), || Arc::new(self.examine(text, key, channel)))
    }

    fn examine(&self, text: &str, key: Option<&str>, channel: Channel) -> Seen {
        let mut findings = Vec::new();
        self.with_scratch(|detector, scratch| match key {
            Some(key) => detector.find_keyed(key, text, scratch, &mut findings),
            None => detector.find(text, scratch, &mut findings),
        });
        let untrusted = matches!(channel, Channel::User | Channel::Tool);
        let scorer = self.injection.as_ref().filter(|_| untrusted);
        Seen { findings, injection: scorer.map(|scorer| scorer.score(text, channel)).unwrap_or_default() }
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

    /// The findings of one text of an answer; `key` names the JSON member it is the value of, or is empty.
    pub fn find_in(&self, key: &str, text: &str) -> Vec<Finding> {
        let mut found = Vec::new();
        self.with_scratch(|detector, scratch| detector.find_keyed(key, text, scratch, &mut found));
        found
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
    let edits = mask_into(&mut vault, request, inspection, wanted);
    (edits, vault)
}

/// The same for one of several requests that share their placeholders.
pub fn mask_into(
    vault: &mut Vault,
    request: &Request<'_>,
    inspection: &Inspection,
    wanted: impl Fn(PiiType) -> bool,
) -> Vec<Edit> {
    let masked: Vec<&Located> = inspection
        .findings
        .iter()
        .filter(|located| located.text.editable && wanted(located.finding.kind))
        .collect();
    if masked.is_empty() {
        return Vec::new();
    }
    // Not of earlier answers: what stands there was put back, or is reasoning that keeps its placeholders.
    for text in request.texts.iter().filter(|text| text.channel != Channel::Assistant) {
        if let Some(decoded) = text.read(&request.document) {
            vault.keep_clear_of(&decoded);
        }
    }
    // Findings of one text stand together: its changes are made together.
    masked
        .chunk_by(|one, other| one.text.value == other.text.value)
        .filter_map(|findings| {
            let text = findings.first()?.text;
            let decoded = text.read(&request.document)?;
            let changes: Vec<(Range<usize>, String)> = findings
                .iter()
                .filter_map(|located| {
                    let Finding { kind, range, .. } = &located.finding;
                    let placeholder = vault.placeholder(*kind, decoded.get(range.clone())?);
                    Some((
                        range.clone(),
                        if text.label { label(placeholder) } else { placeholder.to_owned() },
                    ))
                })
                .collect();
            Some(text.edits(&request.document, &changes))
        })
        .flatten()
        .collect()
}

/// A placeholder in the characters a label may have.
fn label(placeholder: &str) -> String {
    placeholder.trim_matches(['{', '}']).replace('_', "-")
}

#[cfg(test)]
mod tests {
    use hardpan_inference::codec::Parsing;
    use hardpan_inference::json::JsonLimits;
    use hardpan_inference::model_id::ModelId;
    use hardpan_inference::operation::Operation;

    use super::*;

    fn masked(body: &str) -> (String, Vault, Inspection) {
        let model = ModelId::parse("amazon.nova-lite-v1:0").unwrap();
        let parsing = Parsing {
            operation: Operation::Converse,
            model: Some(&model),
            dialect: None,
            limits: JsonLimits::default(),
        };
        let request = Request::parse(&parsing, body.as_bytes()).unwrap();
        let inspector = Inspector::new(true, true).unwrap();
        let inspection = inspector.inspect(&request, None);
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
    fn text_documents_in_base64_are_read_and_changed() {
        use base64::Engine as _;
        let engine = base64::engine::general_purpose::STANDARD;
        for (document, expected) in [
            (b"caf\xc3\xa9: ann@example.org".as_slice(), b"caf\xc3\xa9: {EMAIL_1}".as_slice()),
            (b"caf\xe9: ann@example.org".as_slice(), b"caf\xe9: {EMAIL_1}".as_slice()),
        ] {
            let body = format!(
                r#"{{"messages":[{{"role":"user","content":[{{"document":{{"format":"txt","name":"n","source":{{"bytes":"{}"}}}}}}]}}]}}"#,
                engine.encode(document)
            );
            let changed: serde_json::Value = serde_json::from_str(&masked(&body).0).unwrap();
            let bytes =
                changed.pointer("/messages/0/content/0/document/source/bytes").unwrap().as_str().unwrap();
            assert_eq!(engine.decode(bytes).unwrap(), expected);
        }
        let picture = r#"{"messages":[{"role":"user","content":[{"image":{"format":"png","source":{"bytes":"YW5uQGV4YW1wbGUub3Jn"}}}]}]}"#;
        assert_eq!(masked(picture).0, picture);
    }

    #[test]
    fn labels_get_placeholders_the_service_takes() {
        let body = r#"{"messages":[],"requestMetadata":{"user":"ann@example.org"}}"#;
        assert!(masked(body).0.contains(r#""user":"EMAIL-1""#));
    }

    #[test]
    fn reasoning_that_keeps_a_placeholder_does_not_renumber_it() {
        let body = r#"{"messages":[{"role":"user","content":[{"text":"I am ann@example.org"}]},{"role":"assistant","content":[
            {"reasoningContent":{"reasoningText":{"text":"greet {EMAIL_1}","signature":"s"}}}]}]}"#;
        assert!(masked(body).0.contains("I am {EMAIL_1}"));
    }

    #[test]
    fn a_text_seen_before_is_found_in_again() {
        let long = "words before the address ".repeat(20);
        let body = format!(
            r#"{{"messages":[{{"role":"user","content":[{{"text":"{long} ann@example.org"}},{{"text":"{long} ann@example.org"}}]}}]}}"#
        );
        let (changed, _, inspection) = masked(&body);
        assert_eq!(inspection.signals.findings.get(&PiiType::Email), Some(&2));
        assert!(!changed.contains("example.org"));
    }

    #[test]
    fn nothing_found_changes_nothing() {
        let body = r#"{ "messages" : [ {"role":"user","content":[{"text":"What is 2 + 2 at 10:30?"}]} ] , "x": [1, 2] }"#;
        let (changed, vault, inspection) = masked(body);
        assert_eq!(changed, body);
        assert!(vault.is_empty() && inspection.findings.is_empty());
    }
}
