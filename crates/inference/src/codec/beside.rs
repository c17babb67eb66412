//! What a call uses beside the tokens of text: units of guardrails as the service counts them, pictures, queries. Only
//! counts leave this module.

use super::plain::PlainFamily;
use super::request::Request;
use super::shape::{list, whole_number};
use crate::json::{Document, Kind, ValueId};
use crate::operation::Operation;
use crate::request::Dialect;
use crate::usage::{BesideText, GuardrailUnits, Picture};

/// Documents that are one query of a reranking; a begun hundred counts.
const DOCUMENTS_PER_QUERY: u64 = 100;
/// How deep assessments stand below the trace's members: by guardrail, and in a list.
const ASSESSMENT_DEPTH_MAX: u32 = 3;

/// The units guardrails counted, where an answer or an event says: ApplyGuardrail's and InvokeGuardrailChecks's own
/// `usage`, or the assessments of a trace.
pub(super) fn guardrail_units(document: &Document<'_>, root: ValueId) -> Option<GuardrailUnits> {
    let of_trace = [&["trace", "guardrail"][..], &["amazon-bedrock-trace", "guardrail"]]
        .into_iter()
        .filter_map(|path| document.path(root, path))
        .filter_map(|trace| units_of_trace(document, trace));
    let of_usage = document.get(root, "usage").and_then(|usage| units_of_usage(document, usage));
    of_trace.chain(of_usage).reduce(GuardrailUnits::and)
}

fn units_of_trace(document: &Document<'_>, trace: ValueId) -> Option<GuardrailUnits> {
    ["inputAssessment", "outputAssessments", "input", "outputs"]
        .into_iter()
        .filter_map(|name| units_below(document, document.get(trace, name)?, ASSESSMENT_DEPTH_MAX))
        .reduce(GuardrailUnits::and)
}

fn units_below(document: &Document<'_>, value: ValueId, depth: u32) -> Option<GuardrailUnits> {
    if let Some(usage) = document.path(value, &["invocationMetrics", "usage"]) {
        return units_of_usage(document, usage);
    }
    let deeper = depth.checked_sub(1)?;
    let below: Vec<ValueId> = match document.kind(value) {
        Kind::Array => document.elements(value).collect(),
        Kind::Object => document.members(value).map(|(_, member)| member).collect(),
        _ => return None,
    };
    below.into_iter().filter_map(|value| units_below(document, value, deeper)).reduce(GuardrailUnits::and)
}

fn units_of_usage(document: &Document<'_>, usage: ValueId) -> Option<GuardrailUnits> {
    let mut told = false;
    let mut count = |path: &[&str]| {
        let units = document.path(usage, path).and_then(|id| document.u64(id));
        told |= units.is_some();
        units.unwrap_or(0)
    };
    let units = GuardrailUnits {
        content: count(&["contentPolicyUnits"]),
        content_image: count(&["contentPolicyImageUnits"]),
        topic: count(&["topicPolicyUnits"]),
        word: count(&["wordPolicyUnits"]),
        sensitive_information: count(&["sensitiveInformationPolicyUnits"]),
        sensitive_information_free: count(&["sensitiveInformationPolicyFreeUnits"]),
        contextual_grounding: count(&["contextualGroundingPolicyUnits"]),
        automated_reasoning: count(&["automatedReasoningPolicyUnits"]),
        check_content: count(&["contentFilter", "textUnits"]),
        check_prompt_attack: count(&["promptAttack", "textUnits"]),
        check_sensitive_information: count(&["sensitiveInformation", "textUnits"]),
    };
    told.then_some(units)
}

/// Pictures a whole answer brings.
pub(super) fn pictures_made(dialect: Dialect, document: &Document<'_>, root: ValueId) -> u64 {
    if dialect != Dialect::Plain(PlainFamily::Image) {
        return 0;
    }
    let images = list(document, root, "images").into_iter();
    images.filter(|image| document.kind(*image) == Kind::String).count() as u64
}

impl Request<'_> {
    /// What the request asks for beside text.
    pub fn beside_text(&self) -> BesideText {
        let (document, root) = (&self.document, self.root);
        let mut beside = BesideText::default();
        match self.facts.dialect {
            Dialect::Plain(PlainFamily::Embeddings) => {
                let documents = documents_read(document, root);
                beside.pictures_read = pictures_read(document, root).saturating_sub(documents);
                beside.documents_read = documents;
                beside.clips_read = clips_read(document, root);
            }
            Dialect::Plain(PlainFamily::Image) => beside.picture = Some(picture(document, root)),
            Dialect::Plain(PlainFamily::Rerank) => {
                let documents =
                    list(document, root, "documents").len().max(list(document, root, "texts").len());
                beside.queries = queries(documents as u64);
            }
            _ if self.operation == Operation::Rerank => {
                let of_each = queries(list(document, root, "sources").len() as u64);
                let asked = (list(document, root, "queries").len() as u64).max(1);
                beside.queries = of_each.saturating_mul(asked);
            }
            _ => {}
        }
        beside
    }

    /// The service tier the body asks for. InvokeModel has a header for it.
    pub fn service_tier(&self) -> Option<String> {
        let (document, root) = (&self.document, self.root);
        let tier = document.string_at(root, &["serviceTier", "type"]);
        tier.or_else(|| document.string_at(root, &["service_tier"])).map(std::borrow::Cow::into_owned)
    }
}

fn queries(documents: u64) -> u64 {
    documents.div_ceil(DOCUMENTS_PER_QUERY).max(1)
}

/// Titan's one picture, Nova's, and Cohere's lists.
fn pictures_read(document: &Document<'_>, root: ValueId) -> u64 {
    let single = [&["inputImage"][..], &["singleEmbeddingParams", "image"]];
    let single = single.into_iter().filter(|path| document.path(root, path).is_some()).count();
    let parts = list(document, root, "inputs").into_iter().flat_map(|input| list(document, input, "content"));
    let parts = parts.filter(|part| document.get(*part, "image_url").is_some()).count();
    (single + parts + list(document, root, "images").len()) as u64
}

/// Nova's picture, where it is to be read as a page of a document. A detail that is not known is taken for that, as
/// the dearer of the two.
fn documents_read(document: &Document<'_>, root: ValueId) -> u64 {
    let detail = document.path(root, &["singleEmbeddingParams", "image", "detailLevel"]);
    let is_plain =
        detail.is_none_or(|detail| document.string(detail).is_some_and(|it| it == "STANDARD_IMAGE"));
    u64::from(!is_plain)
}

/// Nova's sound and video, one of each at most.
fn clips_read(document: &Document<'_>, root: ValueId) -> u64 {
    let clips = [["singleEmbeddingParams", "audio"], ["singleEmbeddingParams", "video"]];
    clips.into_iter().filter(|path| document.path(root, path).is_some()).count() as u64
}

/// The form of picture that is asked for; what is not said is as the models take it.
fn picture(document: &Document<'_>, root: ValueId) -> Picture {
    let config = |name: &str| document.path(root, &["imageGenerationConfig", name]);
    let size = |name: &str| config(name).and_then(|id| whole_number(document, id)).unwrap_or(1024);
    let quality = config("quality").and_then(|id| document.string(id));
    Picture {
        width: size("width"),
        height: size("height"),
        is_premium: quality.is_some_and(|quality| quality == "premium"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Parsing;
    use crate::json::JsonLimits;
    use crate::model_id::ModelId;

    fn units(body: &str) -> Option<GuardrailUnits> {
        let document = Document::parse(body.as_bytes(), JsonLimits::default()).unwrap();
        guardrail_units(&document, document.root())
    }

    #[test]
    fn units_are_read_wherever_a_service_counts_them() {
        let one = r#"{"topicPolicy":{},"invocationMetrics":{"usage":{"topicPolicyUnits":2,"contentPolicyUnits":1}}}"#;
        for (body, topic, content) in [
            (r#"{"action":"NONE","usage":{"topicPolicyUnits":2,"contentPolicyUnits":1}}"#.to_owned(), 2, 1),
            (format!(r#"{{"trace":{{"guardrail":{{"inputAssessment":{{"g":{one}}}}}}}}}"#), 2, 1),
            (
                format!(
                    r#"{{"trace":{{"guardrail":{{"inputAssessment":{{"g":{one}}},"outputAssessments":{{"g":[{one},{one}]}}}}}}}}"#
                ),
                6,
                3,
            ),
            (
                format!(
                    r#"{{"amazon-bedrock-trace":{{"guardrail":{{"input":{{"g":{one}}},"outputs":[{{"g":{one}}}]}}}}}}"#
                ),
                4,
                2,
            ),
            // Of two guardrails on one call each is charged.
            (format!(r#"{{"trace":{{"guardrail":{{"inputAssessment":{{"g":{one},"h":{one}}}}}}}}}"#), 4, 2),
        ] {
            let units = units(&body).unwrap();
            assert_eq!(
                (units.topic, units.content, units.total()),
                (topic, content, topic + content),
                "{body}"
            );
        }
        let checks = r#"{"usage":{"contentFilter":{"textUnits":3},"promptAttack":{"textUnits":4},"sensitiveInformation":{"textUnits":5}}}"#;
        let checks = units(checks).unwrap();
        assert_eq!(
            (checks.check_content, checks.check_prompt_attack, checks.check_sensitive_information),
            (3, 4, 5)
        );
    }

    #[test]
    fn an_answer_that_says_nothing_of_units_counts_none() {
        for body in [
            "{}",
            r#"{"usage":{"inputTokens":3,"outputTokens":4}}"#,
            r#"{"trace":{"guardrail":{"inputAssessment":{"g":{"topicPolicy":{}}}}}}"#,
            r#"{"trace":{"guardrail":{"inputAssessment":{"g":[[[[{"invocationMetrics":{"usage":{"topicPolicyUnits":2}}}]]]]}}}}"#,
            r#"{"usage":{"topicPolicyUnits":-2}}"#,
            r#"{"usage":{"topicPolicyUnits":"2"}}"#,
            r#"{"trace":"guardrail"}"#,
            "[]",
        ] {
            assert_eq!(units(body), None, "{body}");
        }
    }

    #[test]
    fn what_is_asked_for_beside_text_is_counted() {
        let picture = |width, height, is_premium| Some(Picture { width, height, is_premium });
        let documents = |count: usize| vec![r#""d""#; count].join(",");
        let nova =
            |input: &str| format!(r#"{{"taskType":"SINGLE_EMBEDDING","singleEmbeddingParams":{{{input}}}}}"#);
        for (model, body, expected) in [
            (
                "amazon.nova-canvas-v1:0",
                r#"{"taskType":"TEXT_IMAGE","textToImageParams":{"text":"x"}}"#.to_owned(),
                BesideText { picture: picture(1024, 1024, false), ..BesideText::default() },
            ),
            (
                "amazon.nova-canvas-v1:0",
                r#"{"textToImageParams":{"text":"x"},"imageGenerationConfig":{"width":512,"height":2048,"quality":"premium"}}"#
                    .to_owned(),
                BesideText { picture: picture(512, 2048, true), ..BesideText::default() },
            ),
            (
                "amazon.titan-embed-image-v1",
                r#"{"inputText":"x","inputImage":"aGk="}"#.to_owned(),
                BesideText { pictures_read: 1, ..BesideText::default() },
            ),
            ("amazon.titan-embed-text-v2:0", r#"{"inputText":"x"}"#.to_owned(), BesideText::default()),
            (
                "cohere.embed-v4:0",
                r#"{"inputs":[{"content":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"data:x"}}]}]}"#
                    .to_owned(),
                BesideText { pictures_read: 1, ..BesideText::default() },
            ),
            (
                "amazon.nova-2-multimodal-embeddings-v1:0",
                nova(r#""image":{"detailLevel":"STANDARD_IMAGE"}"#),
                BesideText { pictures_read: 1, ..BesideText::default() },
            ),
            (
                "amazon.nova-2-multimodal-embeddings-v1:0",
                nova(r#""image":{"format":"png"}"#),
                BesideText { pictures_read: 1, ..BesideText::default() },
            ),
            (
                "amazon.nova-2-multimodal-embeddings-v1:0",
                nova(r#""image":{"detailLevel":"DOCUMENT_IMAGE"}"#),
                BesideText { documents_read: 1, ..BesideText::default() },
            ),
            (
                "amazon.nova-2-multimodal-embeddings-v1:0",
                nova(r#""image":{"detailLevel":["SOMETHING"]}"#),
                BesideText { documents_read: 1, ..BesideText::default() },
            ),
            (
                "amazon.nova-2-multimodal-embeddings-v1:0",
                nova(r#""audio":{"format":"wav"},"video":{"format":"mp4"}"#),
                BesideText { clips_read: 2, ..BesideText::default() },
            ),
            (
                "cohere.rerank-v3-5:0",
                format!(r#"{{"query":"x","documents":[{}]}}"#, documents(100)),
                BesideText { queries: 1, ..BesideText::default() },
            ),
            (
                "cohere.rerank-v3-5:0",
                format!(r#"{{"query":"x","documents":[{}]}}"#, documents(101)),
                BesideText { queries: 2, ..BesideText::default() },
            ),
            ("amazon.rerank-v1:0", r#"{"query":"x"}"#.to_owned(), BesideText { queries: 1, ..BesideText::default() }),
        ] {
            let model = ModelId::parse(model).unwrap();
            let parsing = Parsing {
                operation: Operation::InvokeModel,
                model: Some(&model),
                dialect: None,
                limits: JsonLimits::default(),
            };
            let request = Request::parse(&parsing, body.as_bytes()).unwrap();
            assert_eq!(request.beside_text(), expected, "{body}");
        }
    }

    #[test]
    fn pictures_are_counted_where_a_model_makes_them() {
        let body = r#"{"images":["aGk=","aGk=",null]}"#;
        let document = Document::parse(body.as_bytes(), JsonLimits::default()).unwrap();
        let made = |dialect| pictures_made(dialect, &document, document.root());
        assert_eq!((made(Dialect::Plain(PlainFamily::Image)), made(Dialect::Opaque)), (2, 0));
    }
}
