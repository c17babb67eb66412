//! Money as whole nano-dollars, and the cost of one call. There is no floating point anywhere: a sum of a
//! million small costs is exact. What a price is and where it comes from is `book`'s.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};
use std::str::FromStr;

use hardpan_inference::usage::{TokenUsage, Tokens};
use serde::{Serialize, Serializer};

use crate::book::{Meter, Price, Unpriced};

const NANOS_PER_USD: u64 = 1_000_000_000;
const DECIMALS: usize = 9;
const TOKENS_PER_RATE: u128 = 1_000_000;

/// Billionths of a US dollar. The largest value is above 18 billion dollars; sums saturate there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NanoUsd(pub u64);

impl NanoUsd {
    /// Dollars as a plain decimal number, exact, without trailing zeros: `0.0123`.
    pub fn to_usd_string(self) -> String {
        self.to_string()
    }
}

impl fmt::Display for NanoUsd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, nanos) = (self.0 / NANOS_PER_USD, self.0 % NANOS_PER_USD);
        if nanos == 0 {
            return write!(formatter, "{dollars}");
        }
        let fraction = format!("{nanos:09}");
        write!(formatter, "{dollars}.{}", fraction.trim_end_matches('0'))
    }
}

/// A text that is not an amount of dollars. The text itself is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an amount in USD is digits with at most nine decimals, such as 12.50, below 18 billion")]
pub struct InvalidUsd;

impl FromStr for NanoUsd {
    type Err = InvalidUsd;

    /// Reads what [`Display`](fmt::Display) writes: no sign, no exponent, no more precision than is kept.
    fn from_str(text: &str) -> Result<Self, InvalidUsd> {
        let (dollars, fraction) = match text.split_once('.') {
            Some((_, "")) => return Err(InvalidUsd),
            Some(parts) => parts,
            None => (text, ""),
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if dollars.is_empty() || !digits(dollars) || !digits(fraction) || fraction.len() > DECIMALS {
            return Err(InvalidUsd);
        }
        let dollars: u64 = dollars.parse().map_err(|_| InvalidUsd)?;
        let nanos: u64 = format!("{fraction:0<DECIMALS$}").parse().map_err(|_| InvalidUsd)?;
        dollars
            .checked_mul(NANOS_PER_USD)
            .and_then(|whole| whole.checked_add(nanos))
            .map(NanoUsd)
            .ok_or(InvalidUsd)
    }
}

/// A string, not a number: readers that keep numbers as doubles would round it.
impl Serialize for NanoUsd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Add for NanoUsd {
    type Output = NanoUsd;

    fn add(self, other: NanoUsd) -> NanoUsd {
        NanoUsd(self.0.saturating_add(other.0))
    }
}

impl AddAssign for NanoUsd {
    fn add_assign(&mut self, other: NanoUsd) {
        *self = *self + other;
    }
}

impl Sum for NanoUsd {
    fn sum<I: Iterator<Item = NanoUsd>>(amounts: I) -> NanoUsd {
        amounts.fold(NanoUsd::default(), Add::add)
    }
}

/// What one call cost. `total` is the sum of the four parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Cost {
    pub total: NanoUsd,
    pub input: NanoUsd,
    pub output: NanoUsd,
    pub cache_read: NanoUsd,
    pub cache_write: NanoUsd,
}

/// Prices each class of tokens on its own, rounded half up to the nano-dollar. A prompt above the model's
/// long-context step is charged at the step's rates in every class, as AWS bills it.
pub fn cost(price: &Price, usage: &TokenUsage) -> Cost {
    let prompt = usage.input + usage.cache_read + usage.cache_write();
    let rates = price.rates_for(prompt);
    let input = charge(rates.input, usage.input);
    let output = charge(rates.output, usage.output);
    let cache_read = charge(rates.cache_read, usage.cache_read);
    let cache_write = charge(rates.cache_write_5m, usage.cache_write_5m)
        + charge(rates.cache_write_1h, usage.cache_write_1h);
    Cost { total: input + output + cache_read + cache_write, input, output, cache_read, cache_write }
}

/// What a call used beside text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metered {
    pub tokens: TokenUsage,
    pub meters: Vec<(Meter, u64)>,
    /// Pictures made, by the form the service prices.
    pub images: Vec<(String, u64)>,
}

/// What a call cost that used more than text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Bill {
    pub total: NanoUsd,
    pub tokens: Cost,
    pub meters: NanoUsd,
    pub images: NanoUsd,
}

/// Prices text and everything else. What was used and has no price makes the whole bill unknown: a sum that leaves
/// something out would be taken for the cost.
pub fn bill(price: &Price, usage: &Metered) -> Result<Bill, Unpriced> {
    let tokens = cost(price, &usage.tokens);
    let mut meters = NanoUsd(0);
    for (meter, quantity) in usage.meters.iter().filter(|(_, quantity)| *quantity > 0) {
        let rate = price.meters.get(meter).ok_or(Unpriced::Meter)?;
        meters += if meter.is_per_million() {
            charge(rate.0, Tokens(*quantity))
        } else {
            charge_units(rate.0, *quantity)
        };
    }
    let mut images = NanoUsd(0);
    for (form, quantity) in usage.images.iter().filter(|(_, quantity)| *quantity > 0) {
        let rate = price.images.get(form).ok_or(Unpriced::Image)?;
        images += charge_units(rate.0, *quantity);
    }
    Ok(Bill { total: tokens.total + meters + images, tokens, meters, images })
}

/// Pieces at a price each.
pub(crate) fn charge_units(nano_usd_each: u64, quantity: u64) -> NanoUsd {
    NanoUsd(nano_usd_each.saturating_mul(quantity))
}

fn charge(nano_usd_per_million: u64, tokens: Tokens) -> NanoUsd {
    let exact = u128::from(nano_usd_per_million) * u128::from(tokens.0);
    let rounded = exact.saturating_add(TOKENS_PER_RATE / 2) / TOKENS_PER_RATE;
    NanoUsd(u64::try_from(rounded).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::{LongContext, Rates};

    fn rates(input: u64, output: u64) -> Rates {
        Rates {
            input,
            output,
            cache_read: input / 10,
            cache_write_5m: input.saturating_mul(5) / 4,
            cache_write_1h: input.saturating_mul(2),
        }
    }

    fn usage(input: u64, output: u64, read: u64, write_5m: u64, write_1h: u64) -> TokenUsage {
        TokenUsage {
            input: Tokens(input),
            output: Tokens(output),
            cache_read: Tokens(read),
            cache_write_5m: Tokens(write_5m),
            cache_write_1h: Tokens(write_1h),
        }
    }

    #[test]
    fn dollars_are_written_exactly_and_read_back() {
        for (nanos, text) in [
            (0, "0"),
            (1, "0.000000001"),
            (10, "0.00000001"),
            (1_500_000_000, "1.5"),
            (3_000_000_000, "3"),
            (12_345_678_901, "12.345678901"),
            (u64::MAX, "18446744073.709551615"),
        ] {
            assert_eq!(NanoUsd(nanos).to_usd_string(), text);
            assert_eq!(text.parse::<NanoUsd>(), Ok(NanoUsd(nanos)), "{text}");
        }
        assert_eq!("2.50".parse::<NanoUsd>(), Ok(NanoUsd(2_500_000_000)));
    }

    #[test]
    fn anything_but_a_plain_amount_is_refused() {
        for text in [
            "",
            ".",
            ".5",
            "1.",
            "-1",
            "+1",
            "1e3",
            "1,5",
            " 1",
            "1 ",
            "0x1",
            "NaN",
            "1.0000000001",
            "1.2.3",
            "18446744074",
            "99999999999999999999",
            "١",
        ] {
            assert_eq!(text.parse::<NanoUsd>(), Err(InvalidUsd), "{text:?}");
        }
    }

    #[test]
    fn sums_saturate_rather_than_wrap() {
        assert_eq!(NanoUsd(u64::MAX) + NanoUsd(1), NanoUsd(u64::MAX));
        assert_eq!([NanoUsd(1), NanoUsd(2)].into_iter().sum::<NanoUsd>(), NanoUsd(3));
    }

    #[test]
    fn every_class_is_priced_at_its_own_rate() {
        // 3 USD in, 15 USD out per million: the figures of Claude Sonnet.
        let price = Price::flat(rates(3_000_000_000, 15_000_000_000));
        let cost = cost(&price, &usage(1_000, 200, 10_000, 400, 50));
        assert_eq!(cost.input.to_usd_string(), "0.003");
        assert_eq!(cost.output.to_usd_string(), "0.003");
        assert_eq!(cost.cache_read.to_usd_string(), "0.003");
        // 400 x 3.75 / 1e6 + 50 x 6 / 1e6
        assert_eq!(cost.cache_write.to_usd_string(), "0.0018");
        assert_eq!(cost.total.to_usd_string(), "0.0108");
    }

    #[test]
    fn each_class_rounds_half_up_to_the_nano_dollar() {
        let price = |input| Price::flat(rates(input, 0));
        for (rate, tokens, nanos) in [(499_999, 1, 0), (500_000, 1, 1), (1_500_000, 1, 2), (1_499_999, 1, 1)]
        {
            assert_eq!(cost(&price(rate), &usage(tokens, 0, 0, 0, 0)).input, NanoUsd(nanos), "{rate}");
        }
    }

    #[test]
    fn a_prompt_above_the_step_is_charged_at_the_steps_rates_in_full() {
        let price = Price {
            steps: vec![LongContext {
                above_input_tokens: 200_000,
                rates: rates(6_000_000_000, 22_500_000_000),
            }],
            ..Price::flat(rates(3_000_000_000, 15_000_000_000))
        };
        let at = cost(&price, &usage(150_000, 1_000, 50_000, 0, 0));
        assert_eq!(
            (at.input.to_usd_string().as_str(), at.output.to_usd_string().as_str()),
            ("0.45", "0.015")
        );
        let above = cost(&price, &usage(150_001, 1_000, 50_000, 0, 0));
        assert_eq!(above.input.to_usd_string(), "0.900006");
        assert_eq!(above.output.to_usd_string(), "0.0225");
    }

    #[test]
    fn absurd_counts_saturate() {
        let price = Price::flat(rates(u64::MAX / 2, 0));
        assert_eq!(cost(&price, &usage(u64::MAX, 0, 0, 0, 0)).total, NanoUsd(u64::MAX));
    }

    #[test]
    fn what_is_not_text_is_billed_beside_it_or_not_at_all() {
        let price = Price {
            meters: [(Meter::AudioInput, NanoUsd(3_000_000_000)), (Meter::Query, NanoUsd(2_000_000))].into(),
            images: [("1024x1024".to_owned(), NanoUsd(40_000_000))].into(),
            ..Price::flat(rates(1_000_000_000, 2_000_000_000))
        };
        let used = |meters: &[(Meter, u64)], images: &[(&str, u64)]| Metered {
            tokens: usage(1_000, 0, 0, 0, 0),
            meters: meters.to_vec(),
            images: images.iter().map(|(form, count)| ((*form).to_owned(), *count)).collect(),
        };
        let all = used(&[(Meter::AudioInput, 500), (Meter::Query, 3)], &[("1024x1024", 2)]);
        let bill_of_all = bill(&price, &all).unwrap();
        // 1,000 x 1 / 1e6; 500 x 3 / 1e6 + 3 x 0.002; 2 x 0.04
        assert_eq!(bill_of_all.tokens.total.to_usd_string(), "0.001");
        assert_eq!(bill_of_all.meters.to_usd_string(), "0.0075");
        assert_eq!(bill_of_all.images.to_usd_string(), "0.08");
        assert_eq!(bill_of_all.total.to_usd_string(), "0.0885");
        for (usage, outcome) in [
            (used(&[(Meter::AudioOutput, 1)], &[]), Err(Unpriced::Meter)),
            (used(&[], &[("2048x2048", 1)]), Err(Unpriced::Image)),
            (used(&[(Meter::AudioOutput, 0)], &[("2048x2048", 0)]), Ok(NanoUsd(1_000_000))),
            (used(&[(Meter::Query, u64::MAX)], &[]), Ok(NanoUsd(u64::MAX))),
        ] {
            assert_eq!(bill(&price, &usage).map(|bill| bill.total), outcome);
        }
    }

    #[test]
    fn money_is_serialized_as_a_string() {
        assert_eq!(serde_json::to_string(&NanoUsd(1_230_000_000)).unwrap(), "\"1.23\"");
    }
}
