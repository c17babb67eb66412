//! The builtins a served rule may call, in the format of OPA's `capabilities.json`, so that stock OPA and Regal mark
//! in the editor what would be refused at load.
//!
//! The names are the engine's own less those the gates ban; a test holds the table of types against both. Types are
//! for OPA's type checker alone: the engine knows only how many arguments there are.

use regorus::unstable::BUILTINS;
use serde_json::{Value, json};

use crate::gates::BANNED;

/// Name, and the types of arguments and result: `s`tring, `n`umber, `b`oolean, `a`ny, `o`bject, `[…]` array of,
/// `{…}` set of, `|` either.
const TYPES: &[(&str, &str)] = &[
    ("abs", "n -> n"),
    ("array.concat", "[a] [a] -> [a]"),
    ("array.reverse", "[a] -> [a]"),
    ("array.slice", "[a] n n -> [a]"),
    ("base64.decode", "s -> s"),
    ("base64.encode", "s -> s"),
    ("base64.is_valid", "s -> b"),
    ("base64url.decode", "s -> s"),
    ("base64url.encode", "s -> s"),
    ("base64url.encode_no_pad", "s -> s"),
    ("bits.and", "n n -> n"),
    ("bits.lsh", "n n -> n"),
    ("bits.negate", "n -> n"),
    ("bits.or", "n n -> n"),
    ("bits.rsh", "n n -> n"),
    ("bits.xor", "n n -> n"),
    ("ceil", "n -> n"),
    ("concat", "s [s]|{s} -> s"),
    ("contains", "s s -> b"),
    ("count", "s|[a]|o|{a} -> n"),
    ("endswith", "s s -> b"),
    ("floor", "n -> n"),
    ("format_int", "n n -> s"),
    ("glob.match", "s 0|[s] s -> b"),
    ("glob.quote_meta", "s -> s"),
    ("graph.reachable", "o [a]|{a} -> {a}"),
    ("hex.decode", "s -> s"),
    ("hex.encode", "s -> s"),
    ("indexof", "s s -> n"),
    ("indexof_n", "s s -> [n]"),
    ("intersection", "{{a}} -> {a}"),
    ("is_array", "a -> b"),
    ("is_boolean", "a -> b"),
    ("is_null", "a -> b"),
    ("is_number", "a -> b"),
    ("is_object", "a -> b"),
    ("is_set", "a -> b"),
    ("is_string", "a -> b"),
    ("json.filter", "o [s|[a]]|{s|[a]} -> a"),
    ("json.is_valid", "s -> b"),
    ("json.marshal", "a -> s"),
    ("json.marshal_with_options", "a o -> s"),
    ("json.patch", "a [o] -> a"),
    ("json.remove", "o [s|[a]]|{s|[a]} -> a"),
    ("json.unmarshal", "s -> a"),
    ("lower", "s -> s"),
    ("max", "[a]|{a} -> a"),
    ("min", "[a]|{a} -> a"),
    ("net.cidr_contains", "s s -> b"),
    ("net.cidr_expand", "s -> {s}"),
    ("net.cidr_is_valid", "s -> b"),
    ("numbers.range", "n n -> [n]"),
    ("numbers.range_step", "n n n -> [n]"),
    ("object.filter", "o [a]|{a}|o -> a"),
    ("object.get", "o a a -> a"),
    ("object.keys", "o -> {a}"),
    ("object.remove", "o [a]|{a}|o -> a"),
    ("object.subset", "o|{a}|[a] o|{a}|[a] -> a"),
    ("object.union", "o o -> a"),
    ("object.union_n", "[o] -> a"),
    ("product", "[n]|{n} -> n"),
    ("regex.find_all_string_submatch_n", "s s n -> [[s]]"),
    ("regex.find_n", "s s n -> [s]"),
    ("regex.is_valid", "s -> b"),
    ("regex.match", "s s -> b"),
    ("regex.replace", "s s s -> s"),
    ("regex.split", "s s -> [s]"),
    ("regex.template_match", "s s s s -> b"),
    ("replace", "s s s -> s"),
    ("round", "n -> n"),
    ("semver.compare", "s s -> n"),
    ("semver.is_valid", "a -> b"),
    ("sort", "[a]|{a} -> [a]"),
    ("split", "s s -> [s]"),
    ("sprintf", "s [a] -> s"),
    ("startswith", "s s -> b"),
    ("strings.any_prefix_match", "s|[s]|{s} s|[s]|{s} -> b"),
    ("strings.any_suffix_match", "s|[s]|{s} s|[s]|{s} -> b"),
    ("strings.count", "s s -> n"),
    ("strings.replace_n", "o s -> s"),
    ("strings.reverse", "s -> s"),
    ("substring", "s n n -> s"),
    ("sum", "[n]|{n} -> n"),
    ("time.add_date", "n n n n -> n"),
    ("time.clock", "n|[a] -> [n]"),
    ("time.date", "n|[a] -> [n]"),
    ("time.diff", "n|[a] n|[a] -> [n]"),
    ("time.format", "n|[a] -> s"),
    ("time.parse_duration_ns", "s -> n"),
    ("time.parse_ns", "s s -> n"),
    ("time.parse_rfc3339_ns", "s -> n"),
    ("time.weekday", "n|[a] -> s"),
    ("to_number", "0|b|n|s -> n"),
    ("trim", "s s -> s"),
    ("trim_left", "s s -> s"),
    ("trim_prefix", "s s -> s"),
    ("trim_right", "s s -> s"),
    ("trim_space", "s -> s"),
    ("trim_suffix", "s s -> s"),
    ("type_name", "a -> s"),
    ("union", "{{a}} -> {a}"),
    ("units.parse", "s -> n"),
    ("units.parse_bytes", "s -> n"),
    ("upper", "s -> s"),
    ("walk", "a -> [a]"),
];

/// Operators: part of the language, builtins to OPA.
const OPERATORS: &[(&str, Option<&str>, &str)] = &[
    ("and", Some("&"), "{a} {a} -> {a}"),
    ("assign", Some(":="), "a a -> b"),
    ("div", Some("/"), "n n -> n"),
    ("eq", Some("="), "a a -> b"),
    ("equal", Some("=="), "a a -> b"),
    ("gt", Some(">"), "a a -> b"),
    ("gte", Some(">="), "a a -> b"),
    ("internal.member_2", Some("in"), "a a -> b"),
    ("internal.member_3", Some("in"), "a a a -> b"),
    ("lt", Some("<"), "a a -> b"),
    ("lte", Some("<="), "a a -> b"),
    ("minus", Some("-"), "n|{a} n|{a} -> n|{a}"),
    ("mul", Some("*"), "n n -> n"),
    ("neq", Some("!="), "a a -> b"),
    ("or", Some("|"), "{a} {a} -> {a}"),
    ("plus", Some("+"), "n n -> n"),
    ("rem", Some("%"), "n n -> n"),
];

/// Registered by the engine for itself, or answering nothing without a feature that is not built in.
const INTERNAL: &[&str] = &["__builtin_sets.intersection", "__builtin_sets.union"];

pub fn capabilities() -> Value {
    let operators = OPERATORS.iter().map(|(name, infix, types)| {
        let mut builtin = declaration(name, types);
        if let (Some(members), Some(infix)) = (builtin.as_object_mut(), infix) {
            members.insert("infix".to_owned(), json!(infix));
        }
        builtin
    });
    let offered = offered();
    let called = offered.iter().map(|name| {
        let types = TYPES.iter().find(|(typed, _)| typed == name).map(|(_, types)| *types);
        let mut builtin = declaration(name, types.unwrap_or_default());
        if *name == "walk"
            && let Some(members) = builtin.as_object_mut()
        {
            members.insert("relation".to_owned(), json!(true));
        }
        builtin
    });
    json!({
        "builtins": operators.chain(called).collect::<Vec<_>>(),
        "future_keywords": ["contains", "every", "if", "in"],
        "features": ["rego_v1"],
        "wasm_abi_versions": [],
        "allow_net": [],
    })
}

/// What the engine has and the gates let pass, by name.
fn offered() -> Vec<&'static str> {
    let is_banned = |name: &str| BANNED.iter().any(|(banned, _)| *banned == name);
    let mut names: Vec<&'static str> =
        BUILTINS.keys().copied().filter(|name| !is_banned(name) && !INTERNAL.contains(name)).collect();
    names.sort_unstable();
    names
}

fn declaration(name: &str, types: &str) -> Value {
    let (arguments, result) = types.split_once(" -> ").unwrap_or(("", "a"));
    let arguments: Vec<Value> = arguments.split_whitespace().map(kind).collect();
    json!({"name": name, "decl": {"type": "function", "args": arguments, "result": kind(result)}})
}

fn kind(text: &str) -> Value {
    let parts = alternatives(text);
    if parts.len() > 1 {
        return json!({"type": "any", "of": parts.into_iter().map(kind).collect::<Vec<_>>()});
    }
    let inside = |open, close| text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    if let Some(item) = inside('[', ']') {
        return json!({"type": "array", "dynamic": kind(item)});
    }
    if let Some(item) = inside('{', '}') {
        return json!({"type": "set", "of": kind(item)});
    }
    match text {
        "s" => json!({"type": "string"}),
        "n" => json!({"type": "number"}),
        "b" => json!({"type": "boolean"}),
        "0" => json!({"type": "null"}),
        "o" => json!({"type": "object", "dynamic": {"key": {"type": "any"}, "value": {"type": "any"}}}),
        _ => json!({"type": "any"}),
    }
}

/// Split at bars that are in no bracket.
fn alternatives(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    text.split(|letter: char| {
        match letter {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            _ => {}
        }
        letter == '|' && depth == 0
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_table_has_exactly_what_may_be_called() {
        let typed: Vec<&str> = TYPES.iter().map(|(name, _)| *name).collect();
        assert_eq!(typed, offered());
        for (name, types) in TYPES {
            let arguments = types.split_once(" -> ").unwrap().0.split_whitespace().count();
            assert_eq!(BUILTINS.get(name).unwrap().1 as usize, arguments, "{name}");
        }
    }

    #[test]
    fn types_are_written_as_opa_reads_them() {
        assert_eq!(kind("s"), json!({"type": "string"}));
        assert_eq!(
            kind("[s|[a]]|{n}"),
            json!({"type": "any", "of": [
                {"type": "array", "dynamic": {"type": "any", "of": [
                    {"type": "string"}, {"type": "array", "dynamic": {"type": "any"}}]}},
                {"type": "set", "of": {"type": "number"}}]})
        );
    }

    #[test]
    fn banned_builtins_are_not_offered() {
        let text = capabilities().to_string();
        for (name, _) in BANNED {
            assert!(!text.contains(&format!("\"name\":\"{name}\"")), "{name}");
        }
        assert!(text.contains("\"name\":\"startswith\""));
    }

    /// With `HARDPAN_WRITE=1` the file is written anew.
    #[test]
    fn the_committed_capabilities_are_the_generated_ones() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("capabilities.json");
        let text = format!("{}\n", serde_json::to_string_pretty(&capabilities()).unwrap());
        if std::env::var_os("HARDPAN_WRITE").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), text);
    }
}
