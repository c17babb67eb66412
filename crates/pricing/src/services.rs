//! What is not charged by the token of a model: guardrails by the text unit, flows by the step, and endpoints of one's
//! own by the hour.
//!
//! Figures come from the price book; an endpoint's hourly price comes from the configuration, and what is made of it
//! is an estimate and called one.

use std::num::{NonZeroU32, NonZeroU64};

use hardpan_inference::usage::GuardrailUnits;
use serde::Serialize;

use crate::book::{PriceBook, Unpriced};
use crate::money::{NanoUsd, charge_units};

/// Characters in one text unit of a guardrail (Bedrock pricing page: "up to 1,000 characters").
pub const CHARACTERS_PER_TEXT_UNIT: u64 = 1_000;

/// Something Bedrock sells by the piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceUnit {
    GuardrailContent,
    GuardrailContentImage,
    GuardrailTopic,
    GuardrailWord,
    GuardrailSensitiveInformation,
    /// Custom regular expressions: counted apart by the service, and free so far.
    GuardrailSensitiveInformationRegex,
    GuardrailGrounding,
    GuardrailAutomatedReasoning,
    CheckContent,
    CheckPromptAttack,
    CheckSensitiveInformation,
    FlowNodeTransition,
}

impl ServiceUnit {
    pub const ALL: [ServiceUnit; 12] = [
        ServiceUnit::GuardrailContent,
        ServiceUnit::GuardrailContentImage,
        ServiceUnit::GuardrailTopic,
        ServiceUnit::GuardrailWord,
        ServiceUnit::GuardrailSensitiveInformation,
        ServiceUnit::GuardrailSensitiveInformationRegex,
        ServiceUnit::GuardrailGrounding,
        ServiceUnit::GuardrailAutomatedReasoning,
        ServiceUnit::CheckContent,
        ServiceUnit::CheckPromptAttack,
        ServiceUnit::CheckSensitiveInformation,
        ServiceUnit::FlowNodeTransition,
    ];

    /// The name in the price book.
    pub fn name(self) -> &'static str {
        match self {
            ServiceUnit::GuardrailContent => "guardrail.content",
            ServiceUnit::GuardrailContentImage => "guardrail.content_image",
            ServiceUnit::GuardrailTopic => "guardrail.topic",
            ServiceUnit::GuardrailWord => "guardrail.word",
            ServiceUnit::GuardrailSensitiveInformation => "guardrail.sensitive_information",
            ServiceUnit::GuardrailSensitiveInformationRegex => "guardrail.sensitive_information_regex",
            ServiceUnit::GuardrailGrounding => "guardrail.contextual_grounding",
            ServiceUnit::GuardrailAutomatedReasoning => "guardrail.automated_reasoning",
            ServiceUnit::CheckContent => "guardrail_check.content",
            ServiceUnit::CheckPromptAttack => "guardrail_check.prompt_attack",
            ServiceUnit::CheckSensitiveInformation => "guardrail_check.sensitive_information",
            ServiceUnit::FlowNodeTransition => "flow.node_transition",
        }
    }

    pub fn from_name(name: &str) -> Option<ServiceUnit> {
        Self::ALL.into_iter().find(|unit| unit.name() == name)
    }
}

/// Text units a text of so many characters is: a begun unit counts, an empty text is none.
pub fn text_units(characters: u64) -> u64 {
    characters.div_ceil(CHARACTERS_PER_TEXT_UNIT)
}

/// What so many pieces cost. An unlisted price is said, and never zero; none of it costs nothing, listed or not.
pub fn service_cost(book: &PriceBook, unit: ServiceUnit, quantity: u64) -> Result<NanoUsd, Unpriced> {
    match (book.service(unit), quantity) {
        (_, 0) => Ok(NanoUsd(0)),
        (Some(rate), quantity) => Ok(charge_units(rate.0, quantity)),
        (None, _) => Err(Unpriced::Service),
    }
}

/// What guardrails cost: every policy is charged on its own, for its own units.
pub fn guardrail_cost(book: &PriceBook, units: &GuardrailUnits) -> Result<NanoUsd, Unpriced> {
    [
        (ServiceUnit::GuardrailContent, units.content),
        (ServiceUnit::GuardrailContentImage, units.content_image),
        (ServiceUnit::GuardrailTopic, units.topic),
        (ServiceUnit::GuardrailWord, units.word),
        (ServiceUnit::GuardrailSensitiveInformation, units.sensitive_information),
        (ServiceUnit::GuardrailSensitiveInformationRegex, units.sensitive_information_free),
        (ServiceUnit::GuardrailGrounding, units.contextual_grounding),
        (ServiceUnit::GuardrailAutomatedReasoning, units.automated_reasoning),
        (ServiceUnit::CheckContent, units.check_content),
        (ServiceUnit::CheckPromptAttack, units.check_prompt_attack),
        (ServiceUnit::CheckSensitiveInformation, units.check_sensitive_information),
    ]
    .into_iter()
    .map(|(unit, quantity)| service_cost(book, unit, quantity))
    .sum()
}

/// What an endpoint does in an hour when it is busy, as its owner measured it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throughput {
    TokensPerHour(NonZeroU64),
    RequestsPerHour(NonZeroU64),
}

/// The price of a SageMaker endpoint, by the hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointRate {
    pub per_instance_hour: NanoUsd,
    pub instances: NonZeroU32,
    pub throughput: Throughput,
}

/// A share of something that was paid for anyway. It is on nobody's bill, and is kept apart from what is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Estimate {
    #[serde(rename = "estimated_usd")]
    pub cost: NanoUsd,
}

impl EndpointRate {
    /// One request's share of the hour: its tokens, or itself, over what the endpoint does in an hour. Idle time is
    /// in no request's share, so that shares add up to the bill only where the endpoint is busy.
    pub fn share(&self, tokens: u64) -> Estimate {
        let per_hour = u128::from(self.per_instance_hour.0) * u128::from(self.instances.get());
        let (part, whole) = match self.throughput {
            Throughput::TokensPerHour(whole) => (tokens, whole),
            Throughput::RequestsPerHour(whole) => (1, whole),
        };
        let whole = u128::from(whole.get());
        let exact = per_hour.checked_mul(u128::from(part));
        let rounded = exact.map_or(u128::MAX, |exact| exact.saturating_add(whole / 2) / whole);
        Estimate { cost: NanoUsd(u64::try_from(rounded).unwrap_or(u64::MAX)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_begun_text_unit_counts() {
        for (characters, units) in [(0, 0), (1, 1), (999, 1), (1_000, 1), (1_001, 2), (2_000, 2), (2_001, 3)]
        {
            assert_eq!(text_units(characters), units, "{characters}");
        }
        assert_eq!(text_units(u64::MAX), 18_446_744_073_709_552);
    }

    #[test]
    fn names_are_read_back() {
        for unit in ServiceUnit::ALL {
            assert_eq!(ServiceUnit::from_name(unit.name()), Some(unit));
        }
        assert_eq!(ServiceUnit::from_name("guardrail"), None);
    }

    #[test]
    fn a_guardrail_is_charged_policy_by_policy() {
        let book = PriceBook::shipped().unwrap();
        let units = GuardrailUnits {
            content: 3,
            topic: 2,
            word: 9,
            sensitive_information: 1,
            sensitive_information_free: 4,
            contextual_grounding: 5,
            check_prompt_attack: 1,
            ..GuardrailUnits::default()
        };
        assert_eq!(units.total(), 25);
        // 3 x 0.00015 + 2 x 0.00015 + 9 x 0 + 1 x 0.0001 + 4 x 0 + 5 x 0.0001 + 1 x 0.00008
        assert_eq!(guardrail_cost(&book, &units).unwrap().to_usd_string(), "0.00143");
        assert_eq!(guardrail_cost(&book, &GuardrailUnits::default()), Ok(NanoUsd(0)));
    }

    #[test]
    fn a_service_without_a_price_is_said_to_have_none() {
        let bare = r#"{"schema":"hardpan_prices/2","as_of":"2026-01-01","source":"","unit":"","models":{}}"#;
        let book = PriceBook::parse(bare).unwrap();
        for unit in ServiceUnit::ALL {
            assert_eq!(service_cost(&book, unit, 1), Err(Unpriced::Service));
            assert_eq!(service_cost(&book, unit, 0), Ok(NanoUsd(0)));
        }
        let units = GuardrailUnits { topic: 1, ..GuardrailUnits::default() };
        assert_eq!(guardrail_cost(&book, &units), Err(Unpriced::Service));
    }

    #[test]
    fn an_endpoints_hour_is_shared_out_by_throughput() {
        let rate = |throughput| EndpointRate {
            per_instance_hour: NanoUsd(1_408_000_000),
            instances: NonZeroU32::new(2).unwrap(),
            throughput,
        };
        let by_token = rate(Throughput::TokensPerHour(NonZeroU64::new(4_000_000).unwrap()));
        // 2 x 1.408 USD / 4,000,000 = 704 nano-dollars a token.
        for (tokens, nanos) in [(0, 0), (1, 704), (1_000, 704_000), (4_000_000, 2_816_000_000)] {
            assert_eq!(by_token.share(tokens).cost, NanoUsd(nanos));
        }
        let by_request = rate(Throughput::RequestsPerHour(NonZeroU64::new(3).unwrap()));
        assert_eq!(by_request.share(0).cost, NanoUsd(938_666_667));
        assert_eq!(by_request.share(u64::MAX), by_request.share(0));
        assert_eq!(by_token.share(u64::MAX).cost, NanoUsd(u64::MAX));
        let written = serde_json::to_string(&by_token.share(1)).unwrap();
        assert_eq!(written, r#"{"estimated_usd":"0.000000704"}"#);
    }
}
