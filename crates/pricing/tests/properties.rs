//! What holds for every price and every usage, tried on prices and usages made up at random.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use hardpan_inference::usage::{TokenUsage, Tokens};
use hardpan_pricing::price_list;
use hardpan_pricing::{Cost, LongContext, Metered, NanoUsd, Price, PriceBook, Rates, bill, cost};
use proptest::prelude::*;

fn rates(max: u64) -> impl Strategy<Value = Rates> {
    let rate = move || prop_oneof![0..=max, Just(0), Just(max)];
    (rate(), rate(), rate(), rate(), rate()).prop_map(
        |(input, output, cache_read, cache_write_5m, cache_write_1h)| Rates {
            input,
            output,
            cache_read,
            cache_write_5m,
            cache_write_1h,
        },
    )
}

/// Steps that rise in size and in price, as all published ones do.
fn price(max: u64) -> impl Strategy<Value = Price> {
    (rates(max), prop::collection::btree_map(0..1_000_000_u64, rates(max), 0..4)).prop_map(
        |(base, increments)| {
            let mut price = Price::flat(base);
            let mut last = base;
            for (above_input_tokens, more) in increments {
                last = Rates {
                    input: last.input.saturating_add(more.input),
                    output: last.output.saturating_add(more.output),
                    cache_read: last.cache_read.saturating_add(more.cache_read),
                    cache_write_5m: last.cache_write_5m.saturating_add(more.cache_write_5m),
                    cache_write_1h: last.cache_write_1h.saturating_add(more.cache_write_1h),
                };
                price.steps.push(LongContext { above_input_tokens, rates: last });
            }
            price
        },
    )
}

fn usage(max: u64) -> impl Strategy<Value = TokenUsage> {
    let count = move || prop_oneof![0..=max, 0..1_000_u64.min(max), Just(0), Just(max)];
    (count(), count(), count(), count(), count()).prop_map(|(input, output, read, five, hour)| TokenUsage {
        input: Tokens(input),
        output: Tokens(output),
        cache_read: Tokens(read),
        cache_write_5m: Tokens(five),
        cache_write_1h: Tokens(hour),
    })
}

fn parts(cost: &Cost) -> [u64; 4] {
    [cost.input.0, cost.output.0, cost.cache_read.0, cost.cache_write.0]
}

fn sum(left: &TokenUsage, right: &TokenUsage) -> TokenUsage {
    TokenUsage {
        input: left.input + right.input,
        output: left.output + right.output,
        cache_read: left.cache_read + right.cache_read,
        cache_write_5m: left.cache_write_5m + right.cache_write_5m,
        cache_write_1h: left.cache_write_1h + right.cache_write_1h,
    }
}

proptest! {
    #[test]
    fn more_usage_never_costs_less(price in price(u64::MAX), one in usage(u64::MAX), more in usage(u64::MAX)) {
        let (before, after) = (cost(&price, &one), cost(&price, &sum(&one, &more)));
        prop_assert!(parts(&before).iter().zip(parts(&after)).all(|(before, after)| *before <= after));
        prop_assert!(before.total <= after.total);
    }

    #[test]
    fn the_total_is_the_sum_of_its_parts(price in price(u64::MAX), usage in usage(u64::MAX)) {
        let found = cost(&price, &usage);
        let whole = parts(&found).iter().fold(0_u64, |sum, part| sum.saturating_add(*part));
        prop_assert_eq!(found.total, NanoUsd(whole));
    }

    #[test]
    fn two_calls_cost_what_one_of_both_would_but_for_rounding(
        base in rates(1_000_000_000_000),
        one in usage(1_000_000_000),
        other in usage(1_000_000_000),
    ) {
        let price = Price::flat(base);
        let apart = cost(&price, &one).total + cost(&price, &other).total;
        let together = cost(&price, &sum(&one, &other)).total;
        // Five classes are rounded, in each of three sums, by half a nano-dollar at most.
        prop_assert!(apart.0.abs_diff(together.0) <= 7, "{apart} {together}");
    }

    #[test]
    fn whole_nano_dollars_a_token_add_up_exactly(
        whole in rates(1_000_000), one in usage(1_000_000_000), other in usage(1_000_000_000),
    ) {
        let of_token = |rate: u64| rate * 1_000_000;
        let price = Price::flat(Rates {
            input: of_token(whole.input),
            output: of_token(whole.output),
            cache_read: of_token(whole.cache_read),
            cache_write_5m: of_token(whole.cache_write_5m),
            cache_write_1h: of_token(whole.cache_write_1h),
        });
        let apart = cost(&price, &one).total + cost(&price, &other).total;
        prop_assert_eq!(apart, cost(&price, &sum(&one, &other)).total);
        prop_assert_eq!(cost(&price, &one).input.0, whole.input * one.input.0);
    }

    #[test]
    fn nothing_used_costs_nothing(price in price(u64::MAX)) {
        prop_assert_eq!(cost(&price, &TokenUsage::default()), Cost::default());
        prop_assert_eq!(bill(&price, &Metered::default()).map(|bill| bill.total), Ok(NanoUsd(0)));
    }

    #[test]
    fn a_bill_of_text_is_its_cost(price in price(u64::MAX), usage in usage(u64::MAX)) {
        let metered = Metered { tokens: usage, ..Metered::default() };
        prop_assert_eq!(bill(&price, &metered).map(|bill| bill.total), Ok(cost(&price, &usage).total));
    }

    #[test]
    fn an_amount_is_read_as_it_is_written(nanos in any::<u64>()) {
        prop_assert_eq!(NanoUsd(nanos).to_string().parse(), Ok(NanoUsd(nanos)));
    }

    #[test]
    fn no_text_breaks_a_reader(text in ".{0,400}") {
        let _ = text.parse::<NanoUsd>();
        let _ = PriceBook::parse(&text);
        let book = PriceBook::shipped().unwrap();
        prop_assert!(price_list::update(&book, text.as_bytes()).is_err());
        let mut records: &[u8] = b"";
        let _ = hardpan_pricing::reconcile::reconcile(&book, &mut records, &mut text.as_bytes());
    }

    #[test]
    fn no_cell_breaks_the_join(usage_type in "[A-Za-z0-9:_.-]{0,60}", amount in "[0-9eE.+-]{0,12}", cost in "[0-9eE.+-]{0,12}") {
        let book = PriceBook::shipped().unwrap();
        let report = format!(
            "line_item_usage_type,line_item_usage_amount,line_item_unblended_cost,pricing_unit\n{usage_type},{amount},{cost},1K tokens\n"
        );
        let mut records: &[u8] = b"";
        let outcome = hardpan_pricing::reconcile::reconcile(&book, &mut records, &mut report.as_bytes());
        prop_assert!(outcome.is_ok_and(|outcome| outcome.recorded().0 == 0) || !cost.is_empty() || !amount.is_empty());
    }
}
