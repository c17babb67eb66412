//! Sampling parameters and the ranges policy sets for them, in every dialect's own spelling.
//!
//! What a body sets outside of its range is clamped to the range's nearer end. What it does not set is written down,
//! because nobody here knows what the model would take then. The output limit is no concern of this file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use super::agent;
use super::request::Request;
use crate::edit::Edit;
use crate::json::{Document, Kind, ValueId};
use crate::request::Dialect;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Parameter {
    Temperature,
    TopP,
    TopK,
}

impl Parameter {
    pub const ALL: [Parameter; 3] = [Parameter::Temperature, Parameter::TopP, Parameter::TopK];

    pub fn name(self) -> &'static str {
        match self {
            Parameter::Temperature => "temperature",
            Parameter::TopP => "top_p",
            Parameter::TopK => "top_k",
        }
    }

    pub fn from_name(name: &str) -> Option<Parameter> {
        Parameter::ALL.into_iter().find(|parameter| parameter.name() == name)
    }
}

/// A decimal number of at most six places, so that ends of ranges compare exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Decimal(i64);

const PLACES: usize = 6;
const ONE: i64 = 1_000_000;
/// Far beyond any parameter, and exact as a float.
const MAGNITUDE_MAX: f64 = 1e9;

impl Decimal {
    /// None for what is no number, is too large, or has more places.
    pub fn from_f64(number: f64) -> Option<Decimal> {
        if !number.is_finite() || number.abs() > MAGNITUDE_MAX {
            return None;
        }
        let scaled = number * ONE as f64;
        let rounded = scaled.round();
        ((scaled - rounded).abs() < 1e-3).then_some(Decimal(rounded as i64))
    }

    pub fn as_f64(self) -> f64 {
        self.0 as f64 / ONE as f64
    }

    pub fn is_whole(self) -> bool {
        self.0 % ONE == 0
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, rest) = (self.0.unsigned_abs() / ONE as u64, self.0.unsigned_abs() % ONE as u64);
        if rest == 0 {
            return write!(formatter, "{sign}{whole}");
        }
        let digits = format!("{rest:0PLACES$}");
        write!(formatter, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

/// At least one end is there, and they are in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterRange {
    min: Option<Decimal>,
    max: Option<Decimal>,
}

impl ParameterRange {
    pub fn new(min: Option<Decimal>, max: Option<Decimal>) -> Option<ParameterRange> {
        let in_order = match (min, max) {
            (None, None) => false,
            (Some(min), Some(max)) => min <= max,
            _ => true,
        };
        in_order.then_some(ParameterRange { min, max })
    }

    pub fn min(self) -> Option<Decimal> {
        self.min
    }

    pub fn max(self) -> Option<Decimal> {
        self.max
    }

    /// What lies in both; None where nothing does.
    pub fn and(self, other: ParameterRange) -> Option<ParameterRange> {
        let min = self.min.max(other.min);
        let max = match (self.max, other.max) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        ParameterRange::new(min, max)
    }

    /// The end that a number beyond it is moved to; None where it may stay.
    fn clamped(self, number: f64) -> Option<Decimal> {
        match (self.min, self.max) {
            (Some(min), _) if number < min.as_f64() => Some(min),
            (_, Some(max)) if number > max.as_f64() => Some(max),
            _ => None,
        }
    }

    /// What is written where nothing, or no number, stands.
    fn fallback(self) -> Option<Decimal> {
        self.max.or(self.min)
    }
}

type Path = &'static [&'static str];

/// Where readers of a dialect look for a parameter, and where one is put that is missing.
struct Places {
    read: &'static [Path],
    insert: Option<Path>,
}

const NOWHERE: Places = Places { read: &[], insert: None };

const fn flat(read: &'static [Path], insert: Path) -> Places {
    Places { read, insert: Some(insert) }
}

fn places(dialect: Dialect, parameter: Parameter, document: &Document<'_>, root: ValueId) -> Places {
    use Parameter::{Temperature, TopK, TopP};
    match (dialect, parameter) {
        (Dialect::Converse | Dialect::Nova, Temperature) => flat(
            &[
                &["inferenceConfig", "temperature"],
                &["additionalModelRequestFields", "temperature"],
                &["additionalModelRequestFields", "inferenceConfig", "temperature"],
            ],
            &["inferenceConfig", "temperature"],
        ),
        (Dialect::Converse | Dialect::Nova, TopP) => flat(
            &[
                &["inferenceConfig", "topP"],
                &["inferenceConfig", "top_p"],
                &["additionalModelRequestFields", "top_p"],
                &["additionalModelRequestFields", "topP"],
                &["additionalModelRequestFields", "p"],
                &["additionalModelRequestFields", "inferenceConfig", "topP"],
                &["additionalModelRequestFields", "inferenceConfig", "top_p"],
            ],
            &["inferenceConfig", "topP"],
        ),
        (Dialect::Converse, TopK) => Places { read: CONVERSE_TOP_K, insert: None },
        (Dialect::Nova, TopK) => flat(CONVERSE_TOP_K, &["inferenceConfig", "topK"]),
        (
            Dialect::Anthropic | Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::CohereChat,
            Temperature,
        ) => flat(&[&["temperature"]], &["temperature"]),
        (Dialect::Anthropic | Dialect::OpenAiChat | Dialect::OpenAiResponses, TopP) => {
            flat(&[&["top_p"]], &["top_p"])
        }
        (Dialect::CohereChat, TopP) => flat(&[&["p"]], &["p"]),
        (Dialect::Anthropic, TopK) => flat(&[&["top_k"]], &["top_k"]),
        (Dialect::CohereChat, TopK) => flat(&[&["k"]], &["k"]),
        // Containers know it, OpenAI's own service does not.
        (Dialect::OpenAiChat | Dialect::OpenAiResponses, TopK) => {
            Places { read: &[&["top_k"]], insert: None }
        }
        (Dialect::Plain(family), parameter) => {
            let read: &'static [Path] = match parameter {
                Temperature => family.temperature_paths(),
                TopP => family.top_p_paths(),
                TopK => &[&["top_k"], &["topK"], &["k"], &["parameters", "top_k"]],
            };
            let writes = family.max_tokens_insert().is_some() && parameter != TopK;
            Places { read, insert: read.first().copied().filter(|_| writes) }
        }
        (Dialect::Agent, Temperature) => agent_places(&agent::TEMPERATURE_PATHS, document, root),
        (Dialect::Agent, TopP) => agent_places(&agent::TOP_P_PATHS, document, root),
        (Dialect::Agent, TopK) => NOWHERE,
        (Dialect::Opaque | Dialect::Text | Dialect::Bytes, Temperature) => Places {
            read: &[
                &["temperature"],
                &["textGenerationConfig", "temperature"],
                &["inferenceConfig", "temperature"],
                &["parameters", "temperature"],
            ],
            insert: None,
        },
        (Dialect::Opaque | Dialect::Text | Dialect::Bytes, TopP) => Places {
            read: &[
                &["top_p"],
                &["textGenerationConfig", "topP"],
                &["inferenceConfig", "topP"],
                &["parameters", "top_p"],
            ],
            insert: None,
        },
        (Dialect::Opaque | Dialect::Text | Dialect::Bytes, TopK) => {
            Places { read: &[&["top_k"], &["topK"], &["parameters", "top_k"]], insert: None }
        }
    }
}

const CONVERSE_TOP_K: &[Path] = &[
    &["inferenceConfig", "topK"],
    &["inferenceConfig", "top_k"],
    &["additionalModelRequestFields", "top_k"],
    &["additionalModelRequestFields", "topK"],
    &["additionalModelRequestFields", "k"],
    &["additionalModelRequestFields", "inferenceConfig", "topK"],
    &["additionalModelRequestFields", "inferenceConfig", "top_k"],
];

/// The places of a knowledge base, of sources, and of orchestration, in this order.
fn agent_places(paths: &'static [Path; 3], document: &Document<'_>, root: ValueId) -> Places {
    let [knowledge_base, sources, _] = paths;
    let insert = agent::generation(document, root)
        .map(|generation| if generation == agent::KNOWLEDGE_BASE { *knowledge_base } else { *sources });
    Places { read: paths, insert }
}

/// The largest number a body sets for a parameter.
pub(super) fn largest(
    dialect: Dialect,
    parameter: Parameter,
    document: &Document<'_>,
    root: ValueId,
) -> Option<f64> {
    let places = places(dialect, parameter, document, root);
    let found = places.read.iter().filter_map(|path| document.f64(document.path(root, path)?));
    found.reduce(f64::max)
}

impl Request<'_> {
    /// The changes that keep parameters within their ranges. An error names the parameter that has no place in this
    /// body.
    pub fn keep_within(&self, ranges: &BTreeMap<Parameter, ParameterRange>) -> Result<Vec<Edit>, Parameter> {
        let mut edits = Vec::new();
        for (parameter, range) in ranges {
            if !self.model_takes_parameters || !self.is_written {
                return Err(*parameter);
            }
            edits.extend(self.keep_one(*parameter, *range).ok_or(*parameter)?);
        }
        Ok(edits)
    }

    fn keep_one(&self, parameter: Parameter, range: ParameterRange) -> Option<Vec<Edit>> {
        let places = places(self.facts.dialect, parameter, &self.document, self.root);
        let named: Vec<ValueId> =
            places.read.iter().filter_map(|path| self.document.path(self.root, path)).collect();
        if named.is_empty() {
            let value = range.fallback()?.to_string();
            return Some(vec![self.set_path(self.root, places.insert?, &value)?]);
        }
        let edits = named.into_iter().filter_map(|id| {
            let end = match self.lenient_number(id) {
                Some(number) => range.clamped(number)?,
                None => range.fallback()?,
            };
            Some(Edit::replace(self.document.range(id), end.to_string()))
        });
        Some(edits.collect())
    }

    /// A number, or a string that some readers take for one.
    fn lenient_number(&self, id: ValueId) -> Option<f64> {
        let text = match self.document.kind(id) {
            Kind::Number => Cow::Borrowed(self.document.raw(id)),
            _ => self.document.string(id)?,
        };
        text.trim().parse().ok().filter(|number: &f64| number.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::codec::testing::{applied, parse};
    use crate::operation::Operation;

    fn range(min: Option<f64>, max: Option<f64>) -> ParameterRange {
        let end = |end: Option<f64>| end.map(|end| Decimal::from_f64(end).unwrap());
        ParameterRange::new(end(min), end(max)).unwrap()
    }

    #[test]
    fn decimals_are_exact_and_read_back() {
        for (number, text) in
            [(0.7, "0.7"), (1.0, "1"), (-0.25, "-0.25"), (0.000001, "0.000001"), (40.0, "40")]
        {
            let decimal = Decimal::from_f64(number).unwrap();
            assert_eq!((decimal.to_string().as_str(), decimal.as_f64()), (text, number));
        }
        for number in [f64::NAN, f64::INFINITY, 1e10, 0.00000015] {
            assert_eq!(Decimal::from_f64(number), None, "{number}");
        }
    }

    #[test]
    fn ranges_meet_or_exclude_each_other() {
        let both = range(Some(0.1), Some(0.9)).and(range(None, Some(0.5)));
        assert_eq!(both, Some(range(Some(0.1), Some(0.5))));
        assert_eq!(range(Some(0.1), None).and(range(None, Some(0.5))), both);
        assert_eq!(range(Some(0.6), None).and(range(None, Some(0.5))), None);
        assert_eq!(ParameterRange::new(None, None), None);
    }

    #[test]
    fn numbers_are_clamped_wherever_a_dialect_has_them() {
        let temperature = BTreeMap::from([(Parameter::Temperature, range(Some(0.2), Some(0.7)))]);
        for (operation, model, body, pointer, expected) in [
            (
                Operation::Converse,
                "m.x",
                r#"{"messages":[],"inferenceConfig":{"temperature":1}}"#,
                "/inferenceConfig/temperature",
                json!(0.7),
            ),
            (
                Operation::Converse,
                "m.x",
                r#"{"messages":[],"inferenceConfig":{"temperature":0.5}}"#,
                "/inferenceConfig/temperature",
                json!(0.5),
            ),
            (
                Operation::Converse,
                "m.x",
                r#"{"messages":[],"additionalModelRequestFields":{"temperature":"1.5"}}"#,
                "/additionalModelRequestFields/temperature",
                json!(0.7),
            ),
            (Operation::Converse, "m.x", r#"{"messages":[]}"#, "/inferenceConfig/temperature", json!(0.7)),
            (
                Operation::InvokeModel,
                "anthropic.claude-3",
                r#"{"messages":[],"temperature":0}"#,
                "/temperature",
                json!(0.2),
            ),
            (
                Operation::InvokeModel,
                "anthropic.claude-3",
                r#"{"messages":[],"temperature":null}"#,
                "/temperature",
                json!(0.7),
            ),
            (Operation::ChatCompletions, "", r#"{"messages":[]}"#, "/temperature", json!(0.7)),
            (Operation::Responses, "", r#"{"input":"x","temperature":2}"#, "/temperature", json!(0.7)),
            (Operation::InvokeModel, "meta.llama3", r#"{"prompt":"x"}"#, "/temperature", json!(0.7)),
            (
                Operation::InvokeModel,
                "amazon.titan-text-express-v1",
                r#"{"inputText":"x","textGenerationConfig":{"temperature":0.9}}"#,
                "/textGenerationConfig/temperature",
                json!(0.7),
            ),
            (
                Operation::RetrieveAndGenerate,
                "",
                r#"{"input":{"text":"x"},"retrieveAndGenerateConfiguration":{"type":"KNOWLEDGE_BASE","knowledgeBaseConfiguration":{"knowledgeBaseId":"KB1"}}}"#,
                "/retrieveAndGenerateConfiguration/knowledgeBaseConfiguration/generationConfiguration/inferenceConfig/textInferenceConfig/temperature",
                json!(0.7),
            ),
        ] {
            let request = parse(operation, model, body);
            let edits = request.keep_within(&temperature).unwrap();
            assert_eq!(applied(body, edits).pointer(pointer), Some(&expected), "{body}");
        }
    }

    #[test]
    fn a_body_without_a_place_is_named() {
        let ranges = |parameter| BTreeMap::from([(parameter, range(None, Some(1.0)))]);
        for (operation, model, body, parameter) in [
            (Operation::Converse, "m.x", r#"{"messages":[]}"#, Parameter::TopK),
            (Operation::InvokeModel, "acme.model-v1", r#"{"prompt":"x"}"#, Parameter::Temperature),
            (Operation::InvokeModel, "meta.llama3", "", Parameter::Temperature),
            (
                Operation::Converse,
                "arn:aws:bedrock:us-east-1:123456789012:prompt/ABCDEFGHIJ",
                "{}",
                Parameter::Temperature,
            ),
            (Operation::InvokeAgent, "", r#"{"inputText":"x"}"#, Parameter::TopP),
        ] {
            let request = parse(operation, model, body);
            assert_eq!(request.keep_within(&ranges(parameter)).err(), Some(parameter), "{body}");
        }
    }

    #[test]
    fn several_missing_numbers_and_a_limit_share_one_object() {
        let ranges = BTreeMap::from([
            (Parameter::Temperature, range(None, Some(0.7))),
            (Parameter::TopP, range(None, Some(0.9))),
        ]);
        for body in [r#"{"messages":[]}"#, r#"{"messages":[],"inferenceConfig":{}}"#] {
            let request = parse(Operation::Converse, "m.x", body);
            let mut edits = request.set_max_tokens(7);
            edits.extend(request.keep_within(&ranges).unwrap());
            let changed = applied(body, request.joined(edits));
            let expected = json!({"maxTokens": 7, "temperature": 0.7, "topP": 0.9});
            assert_eq!(changed["inferenceConfig"], expected, "{body}");
        }
    }
}
