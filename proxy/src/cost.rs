//! What a call cost: every part of what it used at its own price, at the tier that was really used. A part without a
//! price makes the whole unknown, and is named; it is never taken for nothing.
//!
//! Here are figures alone. What is reserved and settled with them is [`crate::settlement`]'s.

use hardpan_inference::model_id::{ModelId, ModelKind};
use hardpan_inference::usage::{BesideText, GuardrailUnits, SpeechTokens, TokenUsage, Tokens, UsageSource};
use hardpan_pricing::{
    Cost, EndpointRate, Meter, Metered, NanoUsd, Price, PriceBook, Tier, Unpriced, bill, cost, guardrail_cost,
};

/// Everything of a call that is charged.
#[derive(Debug, Clone, Copy, Default)]
pub struct Used<'a> {
    pub tokens: TokenUsage,
    pub source: UsageSource,
    /// As the answer names it; the standard tier where it names none.
    pub tier: Option<&'a str>,
    /// How many of the tokens were speech. `None` where nobody said, which matters to models that charge for it.
    pub speech: Option<SpeechTokens>,
    pub beside: BesideText,
    pub pictures_made: u64,
    pub guardrail: Option<GuardrailUnits>,
}

/// How a cost came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Published prices of what the service counted.
    Reported,
    /// Published prices of what was estimated.
    Estimated,
    /// Capacity that is paid for ahead, at the price its use would have had.
    Valued,
    /// A share of an endpoint's hour.
    EndpointShare,
}

impl Basis {
    pub fn name(self) -> &'static str {
        match self {
            Basis::Reported => "reported",
            Basis::Estimated => "estimated",
            Basis::Valued => "valued",
            Basis::EndpointShare => "endpoint_share",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallCost {
    /// `None` where a part has no price.
    pub total: Option<NanoUsd>,
    /// What is known of it, for a ledger that has to count something. A tier without a price counts as the standard one.
    pub known: NanoUsd,
    pub tokens: Cost,
    /// Speech, pictures and queries.
    pub other: NanoUsd,
    pub guardrail: NanoUsd,
    pub basis: Basis,
    /// Where the price holds that was found.
    pub scope: Option<String>,
    pub unpriced: Option<Unpriced>,
}

impl CallCost {
    /// One request's share of an endpoint's hour.
    pub fn of_endpoint(rate: &EndpointRate, tokens: &TokenUsage) -> CallCost {
        let all = tokens.input + tokens.output + tokens.cache_read + tokens.cache_write();
        let share = rate.share(all.0).cost;
        CallCost { total: Some(share), known: share, ..CallCost::nothing(Basis::EndpointShare) }
    }

    /// What a call to a model cost, its guardrails among it.
    pub fn of_model(book: &PriceBook, model: &ModelId, region: &str, used: &Used<'_>) -> CallCost {
        let is_bought_ahead = model.kind() == ModelKind::ProvisionedModel
            || used.tier.and_then(Tier::from_name) == Some(Tier::Reserved);
        let basis = match used.source {
            _ if is_bought_ahead => Basis::Valued,
            UsageSource::Estimated => Basis::Estimated,
            UsageSource::Reported | UsageSource::None => Basis::Reported,
        };
        let mut call = CallCost::nothing(basis);
        if used.needs_model() {
            call.charge_model(book, model, region, used);
        }
        if let Some(units) = &used.guardrail {
            match guardrail_cost(book, units) {
                Ok(cost) => call.guardrail = cost,
                Err(why) => call.unpriced = call.unpriced.or(Some(why)),
            }
        }
        call.known = call.tokens.total + call.other + call.guardrail;
        call.total = call.unpriced.is_none().then_some(call.known);
        call
    }

    fn nothing(basis: Basis) -> CallCost {
        CallCost {
            total: None,
            known: NanoUsd(0),
            tokens: Cost::default(),
            other: NanoUsd(0),
            guardrail: NanoUsd(0),
            basis,
            scope: None,
            unpriced: None,
        }
    }

    fn charge_model(&mut self, book: &PriceBook, model: &ModelId, region: &str, used: &Used<'_>) {
        let quoted = match used.tier.map_or(Some(Tier::Standard), Tier::from_name) {
            Some(tier) => book.quote(model, tier, region),
            None => Err(Unpriced::Tier),
        };
        let quote = match quoted {
            Ok(quote) => quote,
            Err(why) => {
                self.unpriced = Some(why);
                match book.quote(model, Tier::Standard, region) {
                    Ok(quote) => quote,
                    Err(_) => return,
                }
            }
        };
        self.scope = Some(quote.scope.to_string());
        let (metered, is_guessed) = used.metered(quote.price);
        if is_guessed && self.basis == Basis::Reported {
            self.basis = Basis::Estimated;
        }
        let billed = metered.and_then(|metered| bill(quote.price, &metered));
        match billed {
            Ok(bill) => {
                self.tokens = bill.tokens;
                self.other = bill.meters + bill.images;
            }
            Err(why) => {
                self.tokens = cost(quote.price, &used.tokens);
                self.unpriced = self.unpriced.or(Some(why));
            }
        }
    }
}

impl Used<'_> {
    /// Whether there is something that only the model's price can tell the cost of.
    fn needs_model(&self) -> bool {
        let BesideText { pictures_read, documents_read, clips_read, queries, picture: _ } = self.beside;
        let is_asked = [pictures_read, documents_read, clips_read, queries].iter().any(|count| *count > 0);
        !self.tokens.is_zero() || is_asked || self.pictures_made > 0
    }

    /// The parts as this price counts them, and whether one had to be guessed.
    fn metered(&self, price: &Price) -> (Result<Metered, Unpriced>, bool) {
        let is_spoken_to =
            [Meter::AudioInput, Meter::AudioOutput].iter().any(|m| price.meters.contains_key(m));
        let (speech, is_guessed) = match self.speech {
            Some(speech) => (speech, false),
            // Speech is the dearer of the two.
            None if is_spoken_to => {
                (SpeechTokens { heard: self.tokens.input, spoken: self.tokens.output }, true)
            }
            None => (SpeechTokens::default(), false),
        };
        let less = |all: Tokens, part: Tokens| Tokens(all.0.saturating_sub(part.0));
        let tokens = TokenUsage {
            input: less(self.tokens.input, speech.heard),
            output: less(self.tokens.output, speech.spoken),
            ..self.tokens
        };
        let meters = vec![
            (Meter::AudioInput, speech.heard.0),
            (Meter::AudioOutput, speech.spoken.0),
            (Meter::ImageInput, self.beside.pictures_read),
            (Meter::DocumentInput, self.beside.documents_read),
            (Meter::ClipInput, self.beside.clips_read),
            (Meter::Query, self.beside.queries),
        ];
        let images = match (self.pictures_made, self.beside.picture) {
            (0, _) => Ok(Vec::new()),
            (made, picture) => {
                let form = picture.and_then(|picture| price.form_of(picture));
                form.map(|form| vec![(form.to_owned(), made)]).ok_or(Unpriced::Image)
            }
        };
        (images.map(|images| Metered { tokens, meters, images }), is_guessed)
    }
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU32, NonZeroU64};

    use hardpan_inference::usage::Picture;
    use hardpan_pricing::Throughput;

    use super::*;

    const BOOK: &str = r#"{"schema":"hardpan_prices/2","as_of":"2026-01-01","source":"s","unit":"u",
        "services": {"guardrail.topic": {"usd": "0.00015"}, "guardrail.word": {"usd": "0"}},
        "models": {
            "a.talk": {
                "in_region": {"standard": ["3.3", "16.5", "0.33", "4.125", "6.6"], "flex": ["1.65", "8.25"],
                    "long_context": [{"above_input_tokens": 1000, "standard": ["6.6", "33", "0.66", "8.25", "13.2"]}]},
                "global": {"standard": ["3", "15", "0.3", "3.75", "6"], "priority": ["5.25", "26.25"]}},
            "a.speech": {"in_region": {"standard": ["1", "2"], "meters": {"audio_input": "3", "audio_output": "12"}}},
            "a.rank": {"in_region": {"standard": ["0", "0"], "meters": {"query": "0.002"}}},
            "a.embed": {"in_region": {"standard": ["0.8", "0"], "meters": {"image_input": "0.00006"}}},
            "a.words": {"in_region": {"standard": ["0.02", "0"]}},
            "a.paint": {"in_region": {"standard": ["0", "0"],
                "images": {"1024x1024/standard": "0.04", "1024x1024/premium": "0.06"}}}}}"#;

    fn tokens(input: u64, output: u64, read: u64, five: u64, hour: u64) -> TokenUsage {
        TokenUsage {
            input: Tokens(input),
            output: Tokens(output),
            cache_read: Tokens(read),
            cache_write_5m: Tokens(five),
            cache_write_1h: Tokens(hour),
        }
    }

    fn of(model: &str, used: Used<'_>) -> CallCost {
        let book = PriceBook::parse(BOOK).unwrap();
        CallCost::of_model(&book, &ModelId::parse(model).unwrap(), "us-east-1", &used)
    }

    fn reported(tokens: TokenUsage) -> Used<'static> {
        Used { tokens, source: UsageSource::Reported, ..Used::default() }
    }

    #[test]
    fn every_part_is_charged_at_its_own_price() {
        let topics = |topic| Some(GuardrailUnits { topic, ..GuardrailUnits::default() });
        let picture = |is_premium| BesideText {
            picture: Some(Picture { width: 1024, height: 768, is_premium }),
            ..BesideText::default()
        };
        for (what, model, used, nanos) in [
            // 10 x 3300 + 2 x 16500 + 100 x 330 + 8 x 4125 + 4 x 6600
            ("all classes", "a.talk", reported(tokens(10, 2, 100, 8, 4)), 158_400),
            ("another scope", "global.a.talk", reported(tokens(10, 2, 100, 8, 4)), 144_000),
            // The prompt, cached parts included, is above the step.
            ("a long prompt", "a.talk", reported(tokens(1, 1, 1_000, 0, 0)), 6_600 + 33_000 + 660_000),
            ("flex", "a.talk", Used { tier: Some("flex"), ..reported(tokens(10, 2, 0, 0, 0)) }, 33_000),
            (
                "priority",
                "global.a.talk",
                Used { tier: Some("priority"), ..reported(tokens(10, 2, 0, 0, 0)) },
                105_000,
            ),
            (
                "named default",
                "a.talk",
                Used { tier: Some("default"), ..reported(tokens(1, 0, 0, 0, 0)) },
                3_300,
            ),
            (
                "a guardrail beside the model",
                "a.talk",
                Used { guardrail: topics(3), ..reported(tokens(1, 0, 0, 0, 0)) },
                3_300 + 450_000,
            ),
            ("a guardrail alone", "no.model", Used { guardrail: topics(2), ..Used::default() }, 300_000),
            (
                "speech",
                "a.speech",
                Used {
                    speech: Some(SpeechTokens { heard: Tokens(30), spoken: Tokens(10) }),
                    ..reported(tokens(50, 20, 0, 0, 0))
                },
                20 * 1_000 + 10 * 2_000 + 30 * 3_000 + 10 * 12_000,
            ),
            (
                "queries",
                "a.rank",
                Used { beside: BesideText { queries: 3, ..BesideText::default() }, ..Used::default() },
                6_000_000,
            ),
            (
                "a picture read",
                "a.embed",
                Used {
                    beside: BesideText { pictures_read: 2, ..BesideText::default() },
                    ..reported(tokens(10, 0, 0, 0, 0))
                },
                8_000 + 120_000,
            ),
            (
                "pictures made",
                "a.paint",
                Used { beside: picture(false), pictures_made: 2, ..Used::default() },
                80_000_000,
            ),
            (
                "dearer ones",
                "a.paint",
                Used { beside: picture(true), pictures_made: 1, ..Used::default() },
                60_000_000,
            ),
            ("none made", "a.paint", Used { beside: picture(true), ..Used::default() }, 0),
        ] {
            let call = of(model, used);
            assert_eq!(call.total, Some(NanoUsd(nanos)), "{what}");
            assert_eq!((call.known, call.unpriced), (NanoUsd(nanos), None), "{what}");
        }
    }

    #[test]
    fn a_part_without_a_price_makes_the_whole_unknown_and_is_named() {
        let units = |units: GuardrailUnits| Some(units);
        let one = || reported(tokens(1, 0, 0, 0, 0));
        for (what, model, used, why, known) in [
            ("the model", "a.nobody", one(), Unpriced::Model, 0),
            ("the scope", "eu.a.talk", one(), Unpriced::Scope, 0),
            ("the tier", "a.talk", Used { tier: Some("priority"), ..one() }, Unpriced::Tier, 3_300),
            ("a tier nobody knows", "a.talk", Used { tier: Some("warp"), ..one() }, Unpriced::Tier, 3_300),
            (
                "pictures",
                "a.words",
                Used { beside: BesideText { pictures_read: 1, ..BesideText::default() }, ..one() },
                Unpriced::Meter,
                20,
            ),
            (
                "pages",
                "a.embed",
                Used { beside: BesideText { documents_read: 1, ..BesideText::default() }, ..one() },
                Unpriced::Meter,
                800,
            ),
            (
                "sound",
                "a.embed",
                Used { beside: BesideText { clips_read: 1, ..BesideText::default() }, ..Used::default() },
                Unpriced::Meter,
                0,
            ),
            ("pictures made", "a.words", Used { pictures_made: 1, ..one() }, Unpriced::Image, 20),
            (
                "a policy of the guardrail",
                "a.talk",
                Used {
                    guardrail: units(GuardrailUnits { content: 1, ..GuardrailUnits::default() }),
                    ..one()
                },
                Unpriced::Service,
                3_300,
            ),
        ] {
            let call = of(model, used);
            assert_eq!((call.total, call.unpriced), (None, Some(why)), "{what}");
            assert_eq!(call.known, NanoUsd(known), "{what}");
        }
    }

    #[test]
    fn how_a_cost_came_about_is_told() {
        let used = reported(tokens(1, 1, 0, 0, 0));
        let provisioned = "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abcd1234efgh";
        for (model, used, basis) in [
            ("a.talk", used, Basis::Reported),
            ("a.talk", Used { source: UsageSource::Estimated, ..used }, Basis::Estimated),
            ("a.talk", Used { tier: Some("reserved"), ..used }, Basis::Valued),
            (provisioned, used, Basis::Valued),
            // Nobody said which tokens were speech.
            ("a.speech", used, Basis::Estimated),
        ] {
            assert_eq!(of(model, used).basis, basis, "{model}");
        }
        assert_eq!(of("a.speech", used).total, Some(NanoUsd(15_000)));
        assert_eq!(of("a.talk", used).scope.as_deref(), Some("in_region"));
        let rate = EndpointRate {
            per_instance_hour: NanoUsd(2_000_000_000),
            instances: NonZeroU32::MIN,
            throughput: Throughput::TokensPerHour(NonZeroU64::new(1_000_000).unwrap()),
        };
        let share = CallCost::of_endpoint(&rate, &tokens(400, 100, 0, 0, 0));
        assert_eq!((share.total, share.basis), (Some(NanoUsd(1_000_000)), Basis::EndpointShare));
    }
}
