//! Headers that say what a caller may still use: `RateLimit-Policy` and `RateLimit`, as the IETF's draft has them.
//!
//! They are told on answers and on refusals, as far as this process knows at the moment of the reservation. Nothing
//! is decided here.

use hardpan_quotas::{LimitStatus, Unit, Window};

/// Limits told at most.
const LIMITS_MAX: usize = 8;
const NAME_CHARACTERS_MAX: usize = 64;
/// The largest integer a structured field can have.
const INTEGER_MAX: u64 = 999_999_999_999_999;

/// The two headers, by lower-case name; none where no limit applies.
pub fn headers(limits: &[LimitStatus]) -> Vec<(&'static str, String)> {
    if limits.is_empty() {
        return Vec::new();
    }
    let told = || limits.iter().take(LIMITS_MAX);
    let list = |items: Vec<String>| items.join(", ");
    vec![
        ("ratelimit-policy", list(told().map(policy).collect())),
        ("ratelimit", list(told().map(standing).collect())),
    ]
}

fn policy(limit: &LimitStatus) -> String {
    let unit = match limit.unit {
        Unit::Requests => "requests",
        Unit::Tokens => "tokens",
        Unit::NanoUsd => "nano-usd",
    };
    let window = seconds(limit.window).map_or(String::new(), |seconds| format!(";w={seconds}"));
    format!("{};q={};qu=\"{unit}\"{window}", name(limit), limit.limit.min(INTEGER_MAX))
}

fn standing(limit: &LimitStatus) -> String {
    let reset = limit.resets_in_ms.map_or(String::new(), |millis| format!(";t={}", millis.div_ceil(1000)));
    format!("{};r={}{reset}", name(limit), limit.remaining.min(INTEGER_MAX))
}

/// Calendar months differ, and what never starts again has no length.
fn seconds(window: Window) -> Option<u64> {
    match window {
        Window::Minute => Some(60),
        Window::Hour => Some(3_600),
        Window::Day => Some(86_400),
        Window::Month | Window::Total => None,
    }
}

/// A structured field's string: printable ASCII.
fn name(limit: &LimitStatus) -> String {
    let mut quoted = String::with_capacity(limit.name.len() + 2);
    quoted.push('"');
    for character in limit.name.chars().take(NAME_CHARACTERS_MAX) {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ => quoted.push('_'),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(
        name: &str,
        unit: Unit,
        window: Window,
        remaining: u64,
        resets_in_ms: Option<u64>,
    ) -> LimitStatus {
        LimitStatus { name: name.into(), unit, window, limit: u64::MAX / 2, remaining, resets_in_ms }
    }

    #[test]
    fn limits_are_told_as_structured_fields() {
        let limits = [
            LimitStatus { limit: 100, ..limit("rpm", Unit::Requests, Window::Minute, 7, Some(1_001)) },
            limit("größe \"x\"\r\n", Unit::NanoUsd, Window::Total, u64::MAX, None),
        ];
        assert_eq!(
            headers(&limits),
            [
                (
                    "ratelimit-policy",
                    r#""rpm";q=100;qu="requests";w=60, "gr__e \"x\"__";q=999999999999999;qu="nano-usd""#
                        .to_owned()
                ),
                ("ratelimit", r#""rpm";r=7;t=2, "gr__e \"x\"__";r=999999999999999"#.to_owned()),
            ]
        );
        assert_eq!(headers(&[]), []);
    }

    #[test]
    fn the_number_and_length_of_what_is_told_are_bounded() {
        let long = "n".repeat(1_000);
        let limits = vec![limit(&long, Unit::Tokens, Window::Day, 1, Some(1)); 100];
        let told = headers(&limits);
        assert_eq!(told[1].1.matches(";r=").count(), LIMITS_MAX);
        assert!(told.iter().all(|(_, value)| value.len() < LIMITS_MAX * (NAME_CHARACTERS_MAX + 60)));
    }
}
