//! The `pii` section: recognisers of the operator's own, values never reported, types that are on. Every recogniser is
//! compiled and held against its examples here, so that one which does not work is a mistake of the file and never a
//! gap while serving. What a detector does with them is no concern of this file.

use std::collections::BTreeSet;

use hardpan_filters::custom::{Customisation, Recogniser, RecogniserSettings, Validator};
use hardpan_inference::finding::{PiiType, TypeNameError};

use super::Builder;
use crate::config::text::Text;
use crate::config::written;

/// Between the certainty of a checksum and that of a mere shape.
const CONFIDENCE: u8 = 90;

impl Builder<'_> {
    /// Changes nothing where there was a mistake: the configuration is refused then.
    pub(super) fn customisation(&mut self, written: written::Pii) -> Customisation {
        let numbered = written.recognisers.into_iter().enumerate();
        let recognisers: Vec<Recogniser> =
            numbered.filter_map(|(index, recogniser)| self.recogniser(index, recogniser)).collect();
        let types = written.types.map(|names| self.types(&names));
        if let Some(types) = &types
            && let Some(off) = recognisers.iter().find(|recogniser| !types.contains(&recogniser.kind()))
        {
            let what = format!("{} has a recogniser and is not listed", off.kind().name());
            self.problem("pii.types", &what, "list it, or remove its recogniser");
        }
        if let Some(index) = written.allow.iter().position(|value| value.0.trim().is_empty()) {
            self.problem(format!("pii.allow[{index}]"), "empty", "write a whole value, or remove it");
        }
        let allowed: Vec<String> = written.allow.into_iter().map(|value| value.0).collect();
        Customisation::new(recognisers, &allowed, types).unwrap_or_else(|error| {
            self.problem("pii", &error.to_string(), "keep fewer or smaller ones");
            Customisation::default()
        })
    }

    fn recogniser(&mut self, index: usize, written: written::Recogniser) -> Option<Recogniser> {
        let place = format!("pii.recognisers[{index}]");
        let kind = self.own_type(&place, &written.kind);
        let validator = match written.validator {
            None => Some(Validator::None),
            Some(name) => Validator::from_name(&name.0),
        };
        if validator.is_none() {
            let known = Validator::ALL.map(Validator::name).join(", ");
            self.problem(format!("{place}.validator"), "no such validator", &format!("write one of {known}"));
        }
        let plain = |texts: Vec<Text>| texts.into_iter().map(|text| text.0).collect();
        let recogniser = Recogniser::new(RecogniserSettings {
            // A stand-in, so that the other mistakes are told as well.
            kind: kind.unwrap_or(PiiType::Username),
            pattern: written.pattern,
            context: plain(written.context),
            validator: validator?,
            confidence: written.confidence.unwrap_or(CONFIDENCE),
            denylist: plain(written.denylist),
            matches: written.examples.matches,
            no_matches: written.examples.no_matches,
        });
        match recogniser {
            Ok(recogniser) => kind.map(|_| recogniser),
            Err(error) => {
                self.problem(format!("{place}.{}", error.place()), &error.to_string(), error.fix());
                None
            }
        }
    }

    fn own_type(&mut self, place: &str, name: &Text) -> Option<PiiType> {
        let error = match PiiType::register(&name.0) {
            Ok(kind) => return Some(kind),
            Err(error) => error,
        };
        let fix = match error {
            TypeNameError::Shape => "write it like EMPLOYEE_ID",
            TypeNameError::Number => "end it with a letter, as in EMPLOYEE_ID_V2",
            TypeNameError::BuiltIn => "choose a name of your own",
            TypeNameError::Full => "let recognisers share types",
        };
        self.problem(format!("{place}.type"), &error.to_string(), fix);
        None
    }

    fn types(&mut self, names: &[Text]) -> BTreeSet<PiiType> {
        let mut types = BTreeSet::new();
        for (index, name) in names.iter().enumerate() {
            match PiiType::from_name(&name.0) {
                Some(kind) => {
                    types.insert(kind);
                }
                None => {
                    let fix = "write a type Hardpan has (docs/DETECTION.md) or one of pii.recognisers";
                    self.problem(format!("pii.types[{index}]"), "no such type", fix);
                }
            }
        }
        types
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Problem;

    fn load(pii: &str) -> (Customisation, Vec<Problem>) {
        let written: written::Pii = serde_saphyr::from_str(pii).unwrap();
        let mut builder = Builder { folder: Path::new("."), problems: Vec::new() };
        (builder.customisation(written), builder.problems)
    }

    #[test]
    fn a_section_that_works_is_taken_over() {
        let (custom, problems) = load(
            r#"
types: [EMAIL, STAFF_NUMBER]
allow: ["+1 800 555 0100"]
recognisers:
  - type: STAFF_NUMBER
    pattern: '\bS[0-9]{7}\b'
    context: [staff, personnel]
    validator: luhn
    confidence: 95
    denylist: [S0000000]
    examples: { match: ["staff no. S1234566"], no_match: ["staff S1234567", "S1234566", "staff S0000000"] }
"#,
        );
        assert_eq!(problems, []);
        assert_eq!(custom.recognisers().len(), 1);
        let mut findings = Vec::new();
        custom.refine("", "staff: S1234566", &mut findings);
        assert_eq!((findings[0].kind.name(), findings[0].confidence), ("STAFF_NUMBER", 95));
    }

    #[test]
    fn every_mistake_has_its_place_and_repeats_nothing() {
        let (custom, problems) = load(
            r#"
types: [EMAIL, SHOE_SIZE]
allow: [" "]
recognisers:
  - { type: EMAIL, pattern: "topsecret(" }
  - { type: staff, pattern: "topsecret" }
  - { type: STAFF_3, pattern: "topsecret*" }
  - { type: STAFF_A, pattern: "topsecret", validator: crc }
  - { type: STAFF_B, pattern: "(topsecret)?" }
  - { type: STAFF_C, pattern: "topsecret", examples: { match: ["topsecre"] } }
  - { type: STAFF_D, pattern: "topsecret", examples: { no_match: ["no", "a topsecret"] } }
  - { type: STAFF_E, pattern: "topsecret", confidence: 101 }
  - { type: STAFF_F, pattern: "topsecret", context: ["two words"] }
"#,
        );
        assert_eq!(
            problems.iter().map(|problem| problem.place.as_str()).collect::<Vec<_>>(),
            [
                "pii.recognisers[0].type",
                "pii.recognisers[0].pattern",
                "pii.recognisers[1].type",
                "pii.recognisers[2].type",
                "pii.recognisers[2].pattern",
                "pii.recognisers[3].validator",
                "pii.recognisers[4].pattern",
                "pii.recognisers[5].examples.match[0]",
                "pii.recognisers[6].examples.no_match[1]",
                "pii.recognisers[7].confidence",
                "pii.recognisers[8].context[0]",
                "pii.types[1]",
                "pii.allow[0]",
            ]
        );
        assert!(problems.iter().all(|problem| !problem.to_string().contains("topsecret")));
        assert!(custom.recognisers().is_empty());
    }

    #[test]
    fn a_recogniser_whose_type_is_off_is_a_mistake() {
        let (_, problems) =
            load("types: [EMAIL]\nrecognisers: [{ type: STAFF_NUMBER, pattern: \"S[0-9]{7}\" }]");
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].place, "pii.types");
    }
}
