//! What is masked in answers, and where in one text of an answer it stands.
//!
//! The model writes these texts, so nothing that is masked in them is ever put back: a value becomes the bare name of
//! its type, `{EMAIL}`, or nothing. That form has no number, so that it never meets a placeholder of the request.
//! Values of the request that are put back belong to the caller: they are looked for after the text was read, and
//! never masked. It decides nothing: policy says which types are masked where.

use std::collections::BTreeMap;
use std::ops::Range;

use hardpan_inference::edit::Edit;
use hardpan_inference::finding::{PiiType, RedactMode, RedactPlace};
use hardpan_inference::json::{Document, Kind, ValueId, quote};

use crate::inspection::Inspector;
use crate::vault::Vault;

/// Shorter numbers of a JSON document are counts and prices.
const NUMBER_BYTES_MIN: usize = 7;

/// Types and how they are masked, for the two places of an answer.
#[derive(Default)]
pub struct AnswerRedaction {
    response: BTreeMap<PiiType, RedactMode>,
    tool: BTreeMap<PiiType, RedactMode>,
}

impl AnswerRedaction {
    pub fn of(mode: impl Fn(RedactPlace, PiiType) -> Option<RedactMode>) -> Self {
        let modes = |place| PiiType::every().filter_map(|kind| Some((kind, mode(place, kind)?))).collect();
        Self { response: modes(RedactPlace::Response), tool: modes(RedactPlace::Tool) }
    }

    /// What either wants masked: the stricter of both.
    pub fn merge(&mut self, other: AnswerRedaction) {
        for (own, more) in [(&mut self.response, other.response), (&mut self.tool, other.tool)] {
            for (kind, mode) in more {
                let strictest = own.get(&kind).map_or(mode, |have| mode.max(*have));
                own.insert(kind, strictest);
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.response.is_empty() && self.tool.is_empty()
    }

    /// None where nothing is masked. What stands in a request is not masked here.
    pub fn masker<'a>(&'a self, place: RedactPlace, inspector: &'a Inspector) -> Option<Masker<'a>> {
        let modes = match place {
            RedactPlace::Request => return None,
            RedactPlace::Response => &self.response,
            RedactPlace::Tool => &self.tool,
        };
        (!modes.is_empty()).then_some(Masker { inspector, modes })
    }
}

/// How often something was found in an answer, and how much of it was masked.
#[derive(Default, Clone)]
pub struct Tally {
    pub findings: BTreeMap<PiiType, u64>,
    pub masked: u64,
}

impl Tally {
    pub(crate) fn count(&mut self, found: &Found) {
        *self.findings.entry(found.kind).or_default() += 1;
        self.masked += u64::from(found.replacement.is_some());
    }
}

/// The detectors and what is masked of that which they find.
#[derive(Clone, Copy)]
pub struct Masker<'a> {
    inspector: &'a Inspector,
    modes: &'a BTreeMap<PiiType, RedactMode>,
}

/// A value in a text. Without a replacement it stays.
pub(crate) struct Found {
    pub range: Range<usize>,
    pub kind: PiiType,
    pub replacement: Option<String>,
}

impl Masker<'_> {
    pub(crate) fn find(&self, key: &str, text: &str) -> Vec<Found> {
        let found = self.inspector.find(key, text).into_iter();
        found
            .map(|finding| Found {
                replacement: self.modes.get(&finding.kind).map(|mode| replacement(finding.kind, *mode)),
                range: finding.range,
                kind: finding.kind,
            })
            .collect()
    }

    /// See [`PiiDetector::announced`](crate::pii::PiiDetector::announced).
    pub(crate) fn announced(&self, text: &str, from: usize) -> Option<usize> {
        self.inspector.announced(text, from)
    }

    /// See [`Customisation::open_bytes`](crate::custom::Customisation::open_bytes).
    pub(crate) fn open_bytes(&self) -> Option<usize> {
        self.inspector.open_bytes()
    }
}

/// What stands in the place of a value the model wrote: all that could be put back is told by its type alone.
fn replacement(kind: PiiType, mode: RedactMode) -> String {
    match mode {
        RedactMode::Drop => String::new(),
        RedactMode::Mask | RedactMode::Fake | RedactMode::Hash | RedactMode::Token | RedactMode::Label => {
            format!("{{{}}}", kind.name())
        }
    }
}

/// The changes to one whole text: values put back, and values masked, in order.
pub fn changes(
    vault: &Vault,
    masker: Option<Masker<'_>>,
    key: &str,
    text: &str,
    tally: &mut Tally,
) -> Vec<(Range<usize>, String)> {
    let restored = vault.find(text);
    let mut changes: Vec<(Range<usize>, String)> = Vec::new();
    for found in masker.map(|masker| masker.find(key, text)).unwrap_or_default() {
        tally.count(&found);
        if let Some(replacement) = &found.replacement {
            changes.extend(beside(&found.range, replacement, &restored));
        }
    }
    changes.extend(restored.into_iter().map(|(range, value)| (range, value.to_owned())));
    changes.sort_by_key(|(range, _)| range.start);
    changes
}

/// The parts of a masked range beside those that are put back: the first one gets the replacement.
pub(crate) fn beside(
    range: &Range<usize>,
    replacement: &str,
    restored: &[(Range<usize>, &str)],
) -> Vec<(Range<usize>, String)> {
    let first = restored.partition_point(|(taken, _)| taken.end <= range.start);
    let mut parts = Vec::new();
    let mut at = range.start;
    let mut replacement = Some(replacement.to_owned());
    for (taken, _) in restored.iter().skip(first).take_while(|(taken, _)| taken.start < range.end) {
        if at < taken.start {
            parts.push((at..taken.start, replacement.take().unwrap_or_default()));
        }
        at = at.max(taken.end);
    }
    if at < range.end {
        parts.push((at..range.end, replacement.take().unwrap_or_default()));
    }
    parts
}

/// The same for every string under a JSON value, member names included, and for numbers that are values of a person:
/// a masked number becomes a string.
pub fn value_edits(
    document: &Document<'_>,
    root: ValueId,
    vault: &Vault,
    masker: Option<Masker<'_>>,
    tally: &mut Tally,
) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut scalar = |id: ValueId, key: &str| match document.kind(id) {
        Kind::String => {
            let Some(text) = document.string(id) else { return };
            let changed = changes(vault, masker, key, &text, tally).into_iter();
            edits.extend(changed.filter_map(|(range, text)| document.edit_in_string(id, range, &text)));
        }
        Kind::Number => edits.extend(number_edit(document, id, masker, key, tally)),
        _ => {}
    };
    let mut key = None;
    for id in document.descendants(root) {
        if document.is_key(id) {
            scalar(id, "");
            key = document.string(id);
        } else {
            scalar(id, key.as_deref().unwrap_or_default());
        }
    }
    edits
}

fn number_edit(
    document: &Document<'_>,
    id: ValueId,
    masker: Option<Masker<'_>>,
    key: &str,
    tally: &mut Tally,
) -> Option<Edit> {
    let raw = document.raw(id);
    if raw.len() < NUMBER_BYTES_MIN {
        return None;
    }
    let mut masked = None;
    for found in masker?.find(key, raw) {
        tally.count(&found);
        masked = masked.or(found.replacement);
    }
    masked.map(|text| Edit::replace(document.range(id), quote(&text)))
}

#[cfg(test)]
mod tests {
    use hardpan_inference::edit;
    use hardpan_inference::json::JsonLimits;

    use super::*;

    fn everything(mode: RedactMode) -> AnswerRedaction {
        AnswerRedaction::of(|_, _| Some(mode))
    }

    fn changed(mode: RedactMode, vault: &Vault, text: &str) -> String {
        let inspector = Inspector::new(true, false).unwrap();
        let redaction = everything(mode);
        let masker = redaction.masker(RedactPlace::Response, &inspector);
        let mut tally = Tally::default();
        let edits = changes(vault, masker, "", text, &mut tally);
        let edits = edits.into_iter().map(|(range, text)| Edit::replace(range, text)).collect();
        String::from_utf8(edit::apply(text.as_bytes(), edits).unwrap()).unwrap()
    }

    #[test]
    fn values_become_their_types_name_or_nothing() {
        let text = "mail ann@example.org, or bob@example.org.";
        for mode in
            [RedactMode::Mask, RedactMode::Fake, RedactMode::Hash, RedactMode::Token, RedactMode::Label]
        {
            assert_eq!(changed(mode, &Vault::default(), text), "mail {EMAIL}, or {EMAIL}.");
        }
        assert_eq!(changed(RedactMode::Drop, &Vault::default(), text), "mail , or .");
    }

    #[test]
    fn only_the_types_policy_names_are_masked_and_all_are_counted() {
        let inspector = Inspector::new(true, false).unwrap();
        let redaction = AnswerRedaction::of(|place, kind| {
            (place == RedactPlace::Response && kind == PiiType::Phone).then_some(RedactMode::Mask)
        });
        assert!(redaction.masker(RedactPlace::Tool, &inspector).is_none());
        assert!(redaction.masker(RedactPlace::Request, &inspector).is_none());
        assert!(!redaction.is_empty() && AnswerRedaction::default().is_empty());
        let masker = redaction.masker(RedactPlace::Response, &inspector);
        let mut tally = Tally::default();
        let text = "ann@example.org or +1 212-555-0147";
        let edits = changes(&Vault::default(), masker, "", text, &mut tally);
        assert_eq!(edits, [(19..34, "{PHONE}".to_owned())]);
        assert_eq!(tally.findings, BTreeMap::from([(PiiType::Email, 1), (PiiType::Phone, 1)]));
        assert_eq!(tally.masked, 1);
    }

    #[test]
    fn of_two_wishes_the_stricter_one_holds() {
        let one = |mode, place| AnswerRedaction::of(move |own, _| (own == place).then_some(mode));
        let mut both = one(RedactMode::Mask, RedactPlace::Response);
        both.merge(one(RedactMode::Drop, RedactPlace::Response));
        both.merge(one(RedactMode::Label, RedactPlace::Response));
        both.merge(one(RedactMode::Label, RedactPlace::Tool));
        assert_eq!(both.response.get(&PiiType::Email), Some(&RedactMode::Drop));
        assert_eq!(both.tool.get(&PiiType::Email), Some(&RedactMode::Label));
    }

    #[test]
    fn what_is_put_back_is_never_masked() {
        let mut vault = Vault::default();
        vault.placeholder(PiiType::Email, "ann@example.org");
        let text = "{EMAIL_1} and bob@example.org";
        assert_eq!(changed(RedactMode::Mask, &vault, text), "ann@example.org and {EMAIL}");
        let restored = [(4..8, "value")];
        assert_eq!(
            beside(&(2..12), "{EMAIL}", &restored),
            [(2..4, "{EMAIL}".to_owned()), (8..12, String::new())]
        );
        assert_eq!(beside(&(4..8), "{EMAIL}", &restored), []);
        assert_eq!(beside(&(5..12), "{EMAIL}", &restored), [(8..12, "{EMAIL}".to_owned())]);
        assert_eq!(beside(&(8..12), "{EMAIL}", &restored), [(8..12, "{EMAIL}".to_owned())]);
    }

    #[test]
    fn arguments_are_masked_in_strings_names_and_numbers() {
        let inspector = Inspector::new(true, false).unwrap();
        let redaction = everything(RedactMode::Mask);
        let masker = redaction.masker(RedactPlace::Tool, &inspector);
        let mut vault = Vault::default();
        vault.placeholder(PiiType::Email, "a\"b@example.org");
        for (json, expected) in [
            (r#"{"to":"ann\u0040example.org"}"#, r#"{"to":"{EMAIL}"}"#),
            (r#"{"ssn": 536228472, "n": 12}"#, r#"{"ssn": "{US_SOCIAL_SECURITY_NUMBER}", "n": 12}"#),
            (
                r#"{"ann@example.org": [1, "\n536-22-8472"]}"#,
                "{\"{EMAIL}\": [1, \"\\n{US_SOCIAL_SECURITY_NUMBER}\"]}",
            ),
            (
                r#"["{EMAIL_1}", {"x": {"y": "bob@example.org"}}]"#,
                r#"["a\"b@example.org", {"x": {"y": "{EMAIL}"}}]"#,
            ),
            (r#""ann@example.org""#, r#""{EMAIL}""#),
            (r#"{"order": 536228472}"#, r#"{"order": 536228472}"#),
        ] {
            let document = Document::parse(json.as_bytes(), JsonLimits::default()).unwrap();
            let mut tally = Tally::default();
            let edits = value_edits(&document, document.root(), &vault, masker, &mut tally);
            let changed = edit::apply(json.as_bytes(), edits).unwrap();
            assert_eq!(String::from_utf8(changed).unwrap(), expected);
        }
    }
}
