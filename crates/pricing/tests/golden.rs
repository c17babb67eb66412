//! Usage and its cost, case by case, from tables a person can check with a pocket calculator. The tables hold the
//! rates as well, so that a wrong row of the book shows as one, and not as a wrong sum.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use hardpan_inference::model_id::ModelId;
use hardpan_inference::usage::{Picture, TokenUsage, Tokens};
use hardpan_pricing::{
    Meter, Metered, NanoUsd, PriceBook, ServiceUnit, Tier, bill, cost, service_cost, text_units,
};

const BOOK: &str = include_str!("golden_book.json");
const CASES: &str = include_str!("golden.csv");
const UNITS: &str = include_str!("golden_units.csv");
const SHIPPED: &str = include_str!("golden_shipped.csv");

/// The cells of every row behind the header.
fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().filter(|line| !line.starts_with('#')).skip(1).map(|line| line.split(',').collect())
}

fn figure(cell: &str) -> u64 {
    cell.parse().unwrap_or_else(|_| panic!("{cell:?} is no figure"))
}

#[test]
fn every_case_costs_what_the_table_says_to_the_nano_dollar() {
    let book = PriceBook::parse(BOOK).unwrap();
    let mut count = 0;
    for row in rows(CASES) {
        let [case, model, tier, region, counts @ .., total] = row.as_slice() else { panic!("{row:?}") };
        let place = format!("{case} ({model} {tier} {region})");
        let model = ModelId::parse(model).unwrap();
        let quote = book.quote(&model, Tier::from_name(tier).unwrap(), region);
        count += 1;
        if let Some(why) = total.strip_prefix("unpriced:") {
            assert_eq!(quote.unwrap_err().code(), why, "{place}");
            continue;
        }
        let quote = quote.unwrap_or_else(|why| panic!("{place}: {why}"));
        let usage = TokenUsage {
            input: Tokens(figure(counts[0])),
            output: Tokens(figure(counts[1])),
            cache_read: Tokens(figure(counts[2])),
            cache_write_5m: Tokens(figure(counts[3])),
            cache_write_1h: Tokens(figure(counts[4])),
        };
        assert_eq!(quote.scope.to_string(), counts[5], "{place}");
        let prompt = usage.input + usage.cache_read + usage.cache_write();
        let rates = quote.price.rates_for(prompt);
        let reached = quote.price.steps.iter().rev().find(|step| prompt.0 > step.above_input_tokens);
        assert_eq!(reached.map_or(0, |step| step.above_input_tokens), figure(counts[6]), "{place}");
        assert_eq!(
            [rates.input, rates.output, rates.cache_read, rates.cache_write_5m, rates.cache_write_1h],
            [7, 8, 9, 10, 11].map(|at| figure(counts[at])),
            "{place}"
        );
        let found = cost(quote.price, &usage);
        assert_eq!(
            [found.input, found.output, found.cache_read, found.cache_write].map(|usd| usd.0),
            [12, 13, 14, 15].map(|at| figure(counts[at])),
            "{place}"
        );
        assert_eq!(found.total, NanoUsd(figure(total)), "{place}");
    }
    assert!(count >= 300, "{count} cases");
}

#[test]
fn every_piece_of_a_service_costs_what_the_table_says() {
    let book = PriceBook::parse(BOOK).unwrap();
    let mut count = 0;
    for row in rows(UNITS) {
        let [unit, characters, quantity, each, nano] = row.as_slice() else { panic!("{row:?}") };
        let unit = ServiceUnit::from_name(unit).unwrap();
        if *characters != "-" {
            assert_eq!(text_units(figure(characters)), figure(quantity), "{row:?}");
        }
        let listed = (*each != "-").then(|| NanoUsd(figure(each)));
        assert_eq!(book.service(unit), listed, "{row:?}");
        let found = service_cost(&book, unit, figure(quantity));
        let expected = (*nano != "unpriced").then(|| NanoUsd(figure(nano)));
        assert_eq!(found.ok(), expected, "{row:?}");
        count += 1;
    }
    assert!(count >= 60, "{count} cases");
}

#[test]
fn what_the_shipped_book_prices_by_the_piece_costs_what_the_table_says() {
    let book = PriceBook::shipped().unwrap();
    let mut count = 0;
    for row in rows(SHIPPED) {
        let [called, region, what, quantity, scope, nano] = row.as_slice() else { panic!("{row:?}") };
        let model = ModelId::parse(called).unwrap();
        let quote = book.quote(&model, Tier::Standard, region);
        count += 1;
        if let Some(why) = nano.strip_prefix("unpriced:")
            && let Err(unpriced) = &quote
        {
            assert_eq!(unpriced.code(), why, "{row:?}");
            continue;
        }
        let quote = quote.unwrap_or_else(|why| panic!("{row:?}: {why}"));
        assert_eq!(quote.scope.to_string(), *scope, "{row:?}");
        let mut used = Metered::default();
        let quantity = figure(quantity);
        match (*what, what.split_once('x')) {
            ("input", _) => used.tokens.input = Tokens(quantity),
            ("output", _) => used.tokens.output = Tokens(quantity),
            (_, Some((width, rest))) => {
                let (height, quality) = rest.split_once('/').unwrap();
                let is_premium = quality == "premium";
                let picture = Picture { width: figure(width), height: figure(height), is_premium };
                let form = quote.price.form_of(picture).unwrap_or("none").to_owned();
                used.images.push((form, quantity));
            }
            (meter, None) => used.meters.push((Meter::from_name(meter).unwrap(), quantity)),
        }
        match (bill(quote.price, &used), nano.strip_prefix("unpriced:")) {
            (Ok(bill), None) => assert_eq!(bill.total, NanoUsd(figure(nano)), "{row:?}"),
            (Err(unpriced), Some(why)) => assert_eq!(unpriced.code(), why, "{row:?}"),
            (found, _) => panic!("{row:?}: {found:?}"),
        }
    }
    assert!(count >= 40, "{count} cases");
}
