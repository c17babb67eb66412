//! A string of the configuration in which `${NAME}` and `${NAME:-default}` stand for environment variables.
//! Interpolation happens inside single values, never in the file's text: a value cannot change its structure.

use serde::Deserialize;
use serde::de::Error as _;

/// An interpolated string. No `Debug`: it may be a secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Text(pub String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = String::deserialize(deserializer)?;
        interpolate(&raw, |name| std::env::var(name).ok()).map(Text).map_err(D::Error::custom)
    }
}

fn interpolate(raw: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let (expression, after) =
            after.split_once('}').ok_or_else(|| "a `${` without its `}`; close it".to_owned())?;
        let (name, default) = match expression.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (expression, None),
        };
        let value = lookup(name).filter(|value| !value.is_empty()).or_else(|| default.map(str::to_owned));
        out.push_str(&value.ok_or_else(|| {
            format!("the environment variable {name} is not set; set it or write ${{{name}:-default}}")
        })?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_defaults_are_put_in() {
        let lookup = |name: &str| (name == "A").then(|| "x: {y}".to_owned());
        for (raw, expected) in
            [("plain", "plain"), ("<${A}>", "<x: {y}>"), ("${B:-d}${A}", "dx: {y}"), ("${B:-}", "")]
        {
            assert_eq!(interpolate(raw, lookup).as_deref(), Ok(expected), "{raw}");
        }
        assert!(interpolate("${B}", lookup).unwrap_err().contains("B is not set"));
        assert!(interpolate("${A", lookup).is_err());
    }
}
