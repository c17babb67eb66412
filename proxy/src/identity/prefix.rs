//! Path prefixes of the endpoint URL: a second factor, and a way to say which service is meant.
//!
//! SDKs put the path of a configured endpoint URL in front of every request's own, and sign it. A prefix is matched
//! byte for byte and taken off before routing; a path that only resembles one is left alone and routes nowhere.

use hardpan_inference::operation::Service;

/// A configured prefix: `/app/billing`, without a slash at its end.
pub struct Prefix {
    pub prefix: String,
    /// The app that must be the caller behind it.
    pub app: Option<String>,
    pub team: Option<String>,
    /// The service meant behind it.
    pub service: Option<Service>,
}

/// The longest prefix a raw request target stands behind, and the target without it.
pub fn strip<'c, 't>(prefixes: &'c [Prefix], raw_target: &'t [u8]) -> (Option<&'c Prefix>, &'t [u8]) {
    let behind = |prefix: &'c Prefix| {
        let rest = raw_target.strip_prefix(prefix.prefix.as_bytes())?;
        rest.starts_with(b"/").then_some((prefix, rest))
    };
    let longest = prefixes.iter().filter_map(behind).max_by_key(|(prefix, _)| prefix.prefix.len());
    longest.map_or((None, raw_target), |(prefix, rest)| (Some(prefix), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_whole_prefix_is_taken_off_and_nothing_else() {
        let prefix =
            |prefix: &str| Prefix { prefix: prefix.to_owned(), app: None, team: None, service: None };
        let prefixes = [prefix("/app"), prefix("/app/billing")];
        for (target, expected, rest) in [
            ("/app/billing/model/x/converse?a=b", Some("/app/billing"), "/model/x/converse?a=b"),
            ("/app/billings/model/x", Some("/app"), "/billings/model/x"),
            ("/app%2Fbilling/model/x", None, "/app%2Fbilling/model/x"),
            ("//app/billing/model/x", None, "//app/billing/model/x"),
            ("/application/model/x", None, "/application/model/x"),
            ("/app", None, "/app"),
            ("/app?x", None, "/app?x"),
            ("/model/x", None, "/model/x"),
        ] {
            let (found, left) = strip(&prefixes, target.as_bytes());
            assert_eq!(found.map(|prefix| prefix.prefix.as_str()), expected, "{target}");
            assert_eq!(left, rest.as_bytes(), "{target}");
        }
    }
}
