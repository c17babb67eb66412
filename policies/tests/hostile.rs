//! Policies that would break the process, and that do not: each is refused at load with its file and line, or bounded
//! when it is asked, with a refusal. Whatever one of them does, the next question is answered rightly.
//!
//! Every case runs on a stack as small as that of the proxy's threads, because a stack that overflows ends the process
//! and with it this test. Bounds on time are those of the engine's clock, wide enough for a busy machine: what is told
//! apart is a tenth of a second from hours.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails has to say so"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use hardpan_policies::{
    Bundle, BundleFiles, Decision, InputDocument, LoadError, PolicySet, Settings, Source, Verdict,
};
use serde_json::{Value, json};

const PACKAGE: &str = "package policy.org.hostile\n";
const ALLOW: &str = "package policy.org.everything\nallow contains \"all\" if input.action";
/// As tokio gives its threads.
const STACK_BYTES: usize = 2 << 20;
/// For a load, and for a decision. Nothing here takes a second on a machine of its own.
const WITHIN: Duration = Duration::from_secs(60);

/// What has to become of a policy.
enum Fate {
    /// Refused at load; the words of the refusal, place included.
    Refused(&'static str),
    /// Loaded; asked, it could not be evaluated: 503.
    Failed,
    /// Loaded, asked, and refused by itself.
    Denied,
    /// Loaded, asked, and without effect: the `deny` it is in does not hold.
    Silent,
}

use Fate::{Denied, Failed, Refused, Silent};

fn settings() -> Settings {
    Settings { evaluation_limit: Duration::from_millis(200), ..Settings::default() }
}

fn load(modules: &[(&str, &str)], data: Value) -> Result<PolicySet, LoadError> {
    let modules = modules.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    PolicySet::new(Bundle::from_modules::<String, String>(modules, data), settings())
}

fn document(arguments: &Value) -> InputDocument {
    let text = json!({
        "v": 1, "action": "tool:use", "principal": {"team": "payments", "app": "orders-bot"},
        "tool": {"name": "http_get", "args": arguments},
    });
    InputDocument::parse(&text.to_string()).unwrap()
}

/// Arguments as large as they may be: 256 KiB of JSON.
fn hostile_arguments() -> Value {
    json!({
        "n": 3, "large": 1.7e308, "zero": 0, "text": "a".repeat(60_000), "other": "a".repeat(50_000),
        "list": vec!["a"; 15_000], "list2": vec!["b"; 15_000], "empty": "",
        "deep": (0..120).fold(json!(1), |inner, _| json!([inner])),
        "unicode": "\u{0}\u{feff}\u{202e}e\u{301}\u{1f468}\u{200d}\u{1f469}\u{fffd}",
    })
}

fn on_a_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work).unwrap().join().unwrap()
}

/// Loads a policy beside one that allows everything, asks it, and sees that another question is answered after it.
fn run(name: &str, text: &str, fate: &Fate) {
    let (owned, data) = (text.to_owned(), json!({"one": {"two": [1, 2, 3]}}));
    let started = Instant::now();
    let outcome: Result<(Decision, Decision), String> = on_a_small_stack(move || {
        let policies = load(&[("org/hostile.rego", &owned), ("org/everything.rego", ALLOW)], data);
        let policies = policies.map_err(|error| error.to_string())?;
        let hostile = policies.decide_document(&document(&hostile_arguments()));
        let next = load(&[("org/everything.rego", ALLOW)], json!({})).unwrap();
        Ok((hostile, next.decide_document(&document(&json!({})))))
    });
    let shown: String = text.chars().take(300).collect();
    assert!(started.elapsed() < WITHIN, "{name} took {:?}", started.elapsed());
    // Told only where the test fails.
    println!("{name}: {:?}", started.elapsed());
    match (outcome, fate) {
        (Err(error), Refused(expected)) => {
            assert!(error.contains(expected), "{name}: {error}\n{shown}");
            assert!(error.contains("org/hostile.rego:"), "{name} has no place: {error}");
        }
        (Err(error), _) => panic!("{name} was refused: {error}\n{shown}"),
        (Ok(_), Refused(_)) => panic!("{name} was loaded\n{shown}"),
        (Ok((hostile, next)), fate) => {
            let codes: Vec<&str> = hostile.reasons.iter().map(|reason| reason.code.as_str()).collect();
            let is_failure = hostile.error.is_some() || codes.contains(&"policy_conflict");
            match fate {
                Failed => {
                    assert!(is_failure && hostile.verdict == Verdict::Deny, "{name}: {codes:?}\n{shown}")
                }
                Denied => assert!(
                    !is_failure && hostile.verdict == Verdict::Deny,
                    "{name}: {codes:?} {:?}\n{shown}",
                    hostile.error
                ),
                Silent | Refused(_) => {
                    assert!(
                        hostile.verdict == Verdict::Allow,
                        "{name}: {codes:?} {:?}\n{shown}",
                        hostile.error
                    );
                }
            }
            assert_eq!(next.verdict, Verdict::Allow, "{name} changed the next question");
        }
    }
}

/// A `deny` with this body. `input.tool` keeps what follows from being evaluated at load, when there is none.
fn asked(body: &str) -> String {
    format!("{PACKAGE}deny contains \"x\" if {{\ninput.tool\n{body}\n}}\n")
}

fn rules(text: &str) -> String {
    format!("{PACKAGE}{text}")
}

fn chain(first: &str, link: impl Fn(usize) -> String, length: usize) -> String {
    (0..length).fold(first.to_owned(), |text, at| format!("{text}\n{}", link(at)))
}

#[test]
fn recursion_is_refused() {
    for (name, text) in [
        ("a function of itself", "f(x) := f(x - 1) if x > 0\ndeny contains \"x\" if f(input.tool.args.n)"),
        ("functions of one another", "f(x) := g(x)\ng(x) := h(x)\nh(x) := f(x)"),
        ("rules of one another", "a if b\nb if a"),
        ("by a path", "f(x) := data.policy.org.hostile.f(x)"),
        ("by a name that is looked up", "r := data.policy.org[input.tool.name]"),
        ("by all of data", "r := data"),
        ("in a comprehension", "f(x) := [y | some i in x; y := f(i)]"),
        ("in an else", "r := 1 if input.a else := r"),
        ("in a default's neighbour", "default r := 1\nr := 2 if not r == 1"),
        ("of a set of denials", "deny contains \"x\" if count(deny) > 1"),
        ("through a with", "r := 1 if { q with input.a as 1 }\nq := 2 if r == 1"),
        ("through every", "f(x) if { every y in x { f(y) } }"),
    ] {
        run(name, &rules(text), &Refused("recursion is not allowed"));
    }
}

#[test]
fn what_the_parser_or_a_stack_could_not_bear_is_refused() {
    let brackets = |open: &str, close: &str, count: usize| {
        rules(&format!("x := {}1{}", open.repeat(count), close.repeat(count)))
    };
    let nested =
        |inner: &str| (0..10).fold(inner.to_owned(), |text, at| format!("[z{at} | z{at} := {text}]"));
    for (name, text, expected) in [
        ("sets in sets", brackets("{", "}", 31), "nested more than 16 deep"),
        ("arrays in arrays", brackets("[", "]", 400), "nested more than 16 deep"),
        ("objects in objects", brackets("{\"a\":", "}", 31), "nested more than 16 deep"),
        ("parentheses", brackets("(", ")", 400), "nested more than 16 deep"),
        ("every in every", brackets("every x in y {\n", "}\n", 3000), "nested more than 16 deep"),
        ("half a megabyte of brackets", brackets("[", "]", 250), "nested more than 16 deep"),
        (
            "many brackets of the permitted depth",
            rules(&"x := [[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]\n".repeat(3000)),
            "too much inside of brackets",
        ),
        ("a long sum", rules(&format!("x := 1{}", " +\n1".repeat(15_000))), "more than 512 operators"),
        (
            "a long union",
            rules(&format!("x := {{1}}{}", " |\n{1}".repeat(10_000))),
            "more than 512 operators",
        ),
        ("many signs", rules(&format!("x := {}1", "-".repeat(900))), "more than 512 operators"),
        (
            "a long reference",
            rules(&format!("x := input[\n0{}]", "][\n0".repeat(15_000))),
            "more than 512 operators",
        ),
        (
            "long membership",
            rules(&format!("x if 1{}", " in\n[1]".repeat(10_000))),
            "more than 512 operators",
        ),
        (
            "a body of many statements",
            asked(&chain("x0 := 1", |at| format!("x{} := x{at}", at + 1), 15_000)),
            "at most 256 statements",
        ),
        (
            "loops in loops",
            asked(&(0..15_000).map(|at| format!("some x{at} in [1]\n")).collect::<String>()),
            "at most 256 statements",
        ),
        (
            "a chain of rules",
            rules(&chain("r0 := 1", |at| format!("r{} := r{at}", at + 1), 3000)),
            "deep; at most 64",
        ),
        (
            "a chain of functions, each of brackets",
            rules(&chain(
                "f0(x) := x",
                |at| format!("f{}(x) := {}", at + 1, nested(&format!("f{at}(x)"))),
                60,
            )),
            "too many statements and brackets inside one another",
        ),
        (
            "a chain of functions, each of loops",
            rules(&chain(
                "f0(x) := x",
                |at| {
                    format!(
                        "f{}(x) := y if {{ {} y := f{at}(x) }}",
                        at + 1,
                        (0..40).map(|z| format!("some z{z} in [1];")).collect::<String>()
                    )
                },
                60,
            )),
            "too many statements and brackets inside one another",
        ),
        (
            "brackets put around one another in turn",
            rules(&chain("x0 := [1]", |at| format!("x{} := [[[[[[[[[[x{at}]]]]]]]]]]", at + 1), 60)),
            "can be nested hundreds deep",
        ),
    ] {
        run(name, &text, &Refused(expected));
    }
}

#[test]
fn what_doubles_with_every_line_is_refused_or_stopped() {
    let doubling = |link: &str, count: usize| {
        chain(
            "x0 := [1]\ny0 := [1]",
            |at| {
                let line = link.replace('@', &at.to_string()).replace('#', &(at + 1).to_string());
                format!("{line}\n{}", line.replace('x', "y"))
            },
            count,
        )
    };
    let copies = "can hold the same thing millions of times over";
    for (name, text, fate) in [
        (
            "arrays compared",
            asked(&format!("{}\nx60 == y60", doubling("x# := [x@, x@]", 60))),
            Refused(copies),
        ),
        (
            "arrays compared at load",
            rules(&format!("deny contains \"x\" if {{\n{}\nx60 == y60\n}}", doubling("x# := [x@, x@]", 60))),
            Refused(copies),
        ),
        ("arrays of rules", rules(&doubling("x# := [x@, x@]", 50)), Refused(copies)),
        (
            "arrays in a set",
            asked(&format!("{}\ncount({{x40, y40}}) == 1", doubling("x# := [x@, x@]", 40))),
            Refused(copies),
        ),
        (
            "arrays walked",
            asked(&format!("{}\nwalk(x40, [p, v])\nv == 7", doubling("x# := [x@, x@]", 40))),
            Refused(copies),
        ),
        (
            "arrays printed",
            asked(&format!("{}\nsprintf(\"%v\", [x40]) == \"\"", doubling("x# := [x@, x@]", 40))),
            Refused(copies),
        ),
        (
            "objects",
            asked(&format!("{}\nx40 == y40", doubling("x# := {\"a\": x@, \"b\": x@}", 40))),
            Refused(copies),
        ),
        (
            "joined arrays",
            asked(&format!("{}\nx40 == y40", doubling("x# := array.concat(x@, x@)", 40))),
            Refused(copies),
        ),
        (
            "by a function",
            rules(
                "f(x) := [x, x, x, x, x, x, x, x]\ng(x) := f(f(f(f(x))))\ndeny contains \"x\" if { input.tool; g(g(g(1))) == 1 }",
            ),
            Refused(copies),
        ),
        (
            "comprehensions",
            asked(&format!(
                "r := numbers.range(1, 9000)\n{}\nx4 == y4",
                doubling("x# := [x@ | some i in r]", 4)
            )),
            Refused(copies),
        ),
        (
            "printed, a permitted number of times",
            asked(&format!("{}\nsprintf(\"%v\", [x23]) == \"\"", doubling("x# := [x@, x@]", 23))),
            Failed,
        ),
        (
            "walked, a permitted number of times",
            asked(&format!("{}\nwalk(x20, [p, v])\nv == 7", doubling("x# := [x@, x@]", 20))),
            Failed,
        ),
        (
            "text",
            asked(&format!(
                "{}\nx60 == \"\"",
                chain(
                    "x0 := input.tool.args.text",
                    |at| format!("x{} := concat(\"\", [x{at}, x{at}])", at + 1),
                    60
                )
            )),
            Refused(copies),
        ),
        (
            "text by sprintf",
            asked(&format!(
                "{}\nx20 == \"\"",
                chain(
                    "x0 := input.tool.args.text",
                    |at| format!("x{} := sprintf(\"%s%s\", [x{at}, x{at}])", at + 1),
                    20
                )
            )),
            Failed,
        ),
        (
            "text by escapes",
            asked(&format!(
                "{}\nx60 == \"\"",
                chain("x0 := \"\\\"\\\"\"", |at| format!("x{} := json.marshal(x{at})", at + 1), 60)
            )),
            Failed,
        ),
        (
            "text by digits",
            asked(&format!(
                "{}\nx60 == \"\"",
                chain("x0 := input.tool.args.text", |at| format!("x{} := hex.encode(x{at})", at + 1), 60)
            )),
            Failed,
        ),
        (
            "text at load",
            rules(&format!(
                "deny contains \"x\" if {{\n{}\nx60 == \"\"\n}}",
                chain("x0 := \"abcdefgh\"", |at| format!("x{} := base64.encode(x{at})", at + 1), 60)
            )),
            Refused("too large"),
        ),
        (
            "numbers",
            asked(&format!(
                "{}\nx60 == 1",
                chain("x0 := 12345678", |at| format!("x{} := x{at} * x{at}", at + 1), 60)
            )),
            Refused(copies),
        ),
        (
            "numbers past a permitted number of times",
            asked(&format!(
                "{}\nx23 == 1",
                chain("x0 := 12345678", |at| format!("x{} := x{at} * x{at}", at + 1), 23)
            )),
            Refused(copies),
        ),
    ] {
        run(name, &text, &fate);
    }
}

#[test]
fn builtins_that_no_clock_stops_are_refused() {
    for (name, body, expected) in [
        ("a long range", "numbers.range(1, 100000000)", "at most 10000 apart"),
        ("a range of the caller's", "numbers.range(1, input.tool.args.n)", "at most 10000 apart"),
        ("a stepped range", "numbers.range_step(1, 1000000000, 1)", "at most 10000 apart"),
        ("a large network", "net.cidr_expand(\"10.0.0.0/8\")", "at most 4096 addresses"),
        ("a network of the caller's", "net.cidr_expand(input.tool.args.text)", "at most 4096 addresses"),
        ("a wide format", "sprintf(\"%900000000d\", [1])", "widths of at most 256"),
        ("a format of the caller's", "sprintf(input.tool.args.text, [1])", "widths of at most 256"),
        (
            "paths of a graph",
            "graph.reachable_paths({\"a\": [\"b\"]}, [\"a\"])",
            "graph.reachable_paths may not be used",
        ),
        ("the clock", "time.now_ns() > 0", "time.now_ns may not be used"),
        ("dice", "rand.intn(\"a\", 6) == 1", "rand.intn may not be used"),
        ("the network", "http.send({\"url\": \"http://127.0.0.1\"})", "http.send may not be used"),
        ("the environment", "opa.runtime().env", "opa.runtime may not be used"),
        ("an identifier", "uuid.rfc4122(\"a\")", "uuid.rfc4122 may not be used"),
        ("the log", "print(input.tool.args)", "print may not be used"),
        ("a name server", "net.lookup_ip_addr(\"localhost\")", "does not exist"),
        ("a digest", "crypto.sha256(input.tool.args.text)", "does not exist"),
        ("a certificate", "crypto.x509.parse_certificates(\"\")", "does not exist"),
        ("a token", "io.jwt.decode_verify(\"\", {})", "does not exist"),
        ("YAML", "yaml.unmarshal(\"a: &a [*a]\")", "does not exist"),
        ("a schema", "json.match_schema({}, {})", "does not exist"),
        ("a query language", "graphql.parse(\"{a}\", \"\")", "does not exist"),
        ("rules as text", "rego.parse_module(\"a\", \"package a\")", "does not exist"),
        ("a builtin that panics", "strings.count(input.tool.args.text, \"\") > 1", "not empty"),
        ("one that may panic", "strings.count(input.tool.args.text, input.tool.args.empty) > 1", "not empty"),
        ("a glob over colons", "glob.match(\"arn:*\", [\":\"], \"arn:a:b\")", "without \":\""),
        (
            "a builtin under another name",
            "count([1]) == 1 with count as time.now_ns",
            "`with` may replace only input and data",
        ),
    ] {
        run(name, &asked(body), &Refused(expected));
    }
}

#[test]
fn builtins_are_asked_for_at_most_so_much() {
    let replacements: Vec<String> =
        (b'a'..=b'y').map(|at| format!("\"{0}\": \"{1}{1}\"", char::from(at), char::from(at + 1))).collect();
    let braces =
        format!("glob.match(\"{}b{}\", null, input.tool.args.text)", "{a,".repeat(60), "}".repeat(60));
    let long_pattern = format!("regex.match(\"{}\", input.tool.args.text)", "a?".repeat(400));
    let replace_in_turn = format!("strings.replace_n({{{}}}, \"aaaa\") == \"\"", replacements.join(","));
    for (name, body, fate) in [
        (
            "every letter replaced",
            "replace(input.tool.args.text, \"a\", input.tool.args.other) == \"\"",
            Failed,
        ),
        (
            "put between all letters",
            "replace(input.tool.args.text, \"\", input.tool.args.other) == \"\"",
            Failed,
        ),
        ("replaced in turn", replace_in_turn.as_str(), Failed),
        ("joined by much", "concat(input.tool.args.text, input.tool.args.list) == \"\"", Failed),
        ("lists by lists", "strings.any_prefix_match(input.tool.args.list, input.tool.args.list2)", Failed),
        (
            "lists in lists",
            "object.subset(array.concat(input.tool.args.list, [\"z\"]), array.concat(input.tool.args.list, [\"b\"]))",
            Failed,
        ),
        (
            "a text in a text",
            "indexof(input.tool.args.text, sprintf(\"%sb\", [input.tool.args.other])) == 1",
            Failed,
        ),
        (
            "letters trimmed",
            "trim(input.tool.args.text, sprintf(\"%sb\", [input.tool.args.other])) == \"\"",
            Failed,
        ),
        ("a large pattern", "regex.match(\"(a?){900}a{900}b\", input.tool.args.text)", Failed),
        ("a long pattern", long_pattern.as_str(), Denied),
        ("a pattern of the caller's", "regex.match(input.tool.args.text, \"a\")", Failed),
        ("no pattern", "regex.match(\"(\", input.tool.args.text)", Failed),
        (
            "a pattern that runs away elsewhere",
            "regex.match(\"^(a+)+$\", sprintf(\"%sb\", [input.tool.args.text]))",
            Silent,
        ),
        (
            "every match found",
            "count(regex.find_n(\".*[^a-z]|[a-z]\", input.tool.args.text, -1)) == 1",
            Failed,
        ),
        (
            "every match replaced",
            "regex.replace(input.tool.args.text, \".*[^a-z]|[a-z]\", \"$0$0$0\") == \"\"",
            Failed,
        ),
        ("split at every match", "count(regex.split(\".*[^a-z]|[a-z]\", input.tool.args.text)) == 1", Failed),
        ("braces in braces", braces.as_str(), Failed),
        ("no glob", "glob.match(\"[\", null, \"a\")", Failed),
        ("shifted far", "bits.lsh(1, 4000000000) == 1", Failed),
        ("a unit of many digits", "units.parse(\"1e2000000000\") == 1", Failed),
        ("bytes of many digits", "units.parse_bytes(\"1e2000000000KB\") == 1", Failed),
        ("a product", "product(numbers.range(1, 10000)) == 1", Failed),
        (
            "many objects in one",
            "object.union_n([{sprintf(\"%d\", [k]): k} | some k in numbers.range(1, 5000)]) == {}",
            Failed,
        ),
        ("many sets in one", "union({{k} | some k in numbers.range(1, 5000)}) == {}", Failed),
        (
            "JSON as deep as it is long",
            "x := concat(\"\", [\"[\" | some i in numbers.range(1, 10000)])\njson.unmarshal(x) == 1",
            Failed,
        ),
        (
            "JSON indented much",
            "json.marshal_with_options(input.tool.args.deep, {\"indent\": input.tool.args.text, \"pretty\": true}) == \"\"",
            Failed,
        ),
        ("a deep value walked", "walk(input.tool.args.deep, [path, value])\ncount(path) > 1000", Silent),
        (
            "a large graph",
            "g := {k: numbers.range(1, 200) | some k in numbers.range(1, 200)}\ncount(graph.reachable(g, [1])) == 7",
            Silent,
        ),
    ] {
        run(name, &asked(body), &fate);
    }
}

#[test]
fn loops_end_with_their_time() {
    let range = "numbers.range(1, 10000)";
    for (name, text, fate) in [
        (
            "three loops",
            asked(&format!("some a in {range}\nsome b in {range}\nsome c in {range}\na + b + c < 0")),
            Failed,
        ),
        (
            "three loops at load",
            rules(&format!(
                "deny contains \"x\" if {{ some a in {range}; some b in {range}; some c in {range}; a + b + c < 0 }}"
            )),
            Refused("takes seconds"),
        ),
        (
            "comprehensions in one another",
            asked(&format!(
                "x := [[[c | some c in {range}] | some b in {range}] | some a in {range}]\nx == 1"
            )),
            Failed,
        ),
        (
            "a million denials",
            rules(&format!(
                "deny contains z if {{ input.tool; some x in {range}; some y in {range}; z := (x * 10000) + y }}"
            )),
            Failed,
        ),
        (
            "a million warnings",
            rules(&format!(
                "warn contains z if {{ input.tool; some x in {range}; some y in {range}; z := (x * 10000) + y }}"
            )),
            Failed,
        ),
        (
            "a million obligations",
            rules(&format!(
                "apply contains z if {{ input.tool; some x in {range}; some y in {range}; z := {{\"max_tokens\": (x * 10000) + y}} }}"
            )),
            Failed,
        ),
        (
            "every in every",
            asked(&format!("every a in {range} {{ every b in {range} {{ a + b > 0 }} }}")),
            Failed,
        ),
        (
            "lists of the caller's",
            asked("some a in input.tool.args.list\nsome b in input.tool.args.list2\na == b"),
            Failed,
        ),
        ("an index nobody bound", asked("input.tool.args.list[i] == input.tool.args.list2[j]"), Failed),
        (
            "a pattern anew each time",
            asked(&format!("some a in {range}\nregex.match(sprintf(\"^%d(x?){{100}}$\", [a]), \"y\")")),
            Failed,
        ),
    ] {
        run(name, &text, &fate);
    }
}

#[test]
fn what_is_wrong_denies() {
    for (name, text, fate) in [
        ("a name that is not bound", rules("deny contains x if input.tool"), Failed),
        (
            "two values of a rule",
            rules("r := 1 if input.tool\nr := 2 if input.tool\ndeny contains \"x\" if r == 3"),
            Failed,
        ),
        (
            "two values of a function",
            rules("f(x) := 1\nf(x) := 2 if input.tool\ndeny contains \"x\" if f(1) == 3"),
            Failed,
        ),
        (
            "two values of a key",
            rules(
                "o[k] := v if { some k in [\"a\"]; some v in [1, input.tool.args.n] }\ndeny contains \"x\" if o.a == 7",
            ),
            Failed,
        ),
        (
            "two values of a comprehension's key",
            asked("x := {k: v | some k in [\"a\"]; some v in [1, input.tool.args.n]}\nx.a == 7"),
            Failed,
        ),
        ("a division by zero", asked("1 / input.tool.args.zero == 1"), Failed),
        ("a remainder by zero", asked("1 % input.tool.args.zero == 1"), Failed),
        ("a number past all others", asked("input.tool.args.large * 10 == 1"), Failed),
        ("the least number, negated", asked("abs(-9223372036854775808) == -9223372036854775808"), Silent),
        ("the least number, divided", asked("x := -9223372036854775808 / -1\nx < 0"), Silent),
        ("the least number, its remainder", asked("x := -9223372036854775808 % -1\nx == 1"), Silent),
        ("numbers past 64 bits", asked("x := 9223372036854775807 * 9223372036854775807\nx < 0"), Silent),
        ("time past its end", asked("time.add_date(9223372036854775807, 100000, 1, 1) == 1"), Failed),
        ("a time zone that is none", asked("time.clock([1, \"Nowhere/Land\"]) == 1"), Failed),
        ("a duration past its end", asked("time.parse_duration_ns(\"99999999999999999999h\") == 1"), Failed),
        (
            "part of a text past its end",
            asked("substring(\"h\u{e9}llo\", 9223372036854775807, 9223372036854775807) == \"x\""),
            Silent,
        ),
        (
            "part of a list past its end",
            asked("array.slice([1, 2], -9223372036854775808, 9223372036854775807) == []"),
            Silent,
        ),
        ("a step of nothing", asked("numbers.range_step(1, 10, 0) == []"), Failed),
        ("a list where a number belongs", asked("abs(input.tool.args.list) == 1"), Failed),
        ("a loop over a text", asked("some x in input.tool.args.text"), Failed),
        ("a number of no text", asked("to_number(input.tool.args.text) == 1"), Failed),
        ("a network that is none", asked("net.cidr_contains(\"10.0.0.0/99\", \"10.0.0.1\")"), Failed),
        ("a version that is none", asked("semver.compare(\"1.2.3\", \"x\") == 1"), Failed),
        ("text that is not in base 64", asked("base64.decode(\"!\") == \"\""), Failed),
        (
            "a patch of what is not there",
            asked(
                "json.patch({\"a\": [1]}, [{\"op\": \"add\", \"path\": \"/a/99999999999999999999\", \"value\": 1}]) == {}",
            ),
            Silent,
        ),
        (
            "an alarm over what is missing",
            rules("deny contains \"x\" if not input.tool.args.nothing.at.all"),
            Denied,
        ),
        (
            "letters that are several",
            asked("count(input.tool.args.unicode) == 1\nupper(input.tool.args.unicode) == \"\""),
            Silent,
        ),
        (
            "names that look like others",
            rules("\u{430}llow := true\ndeny contains \"x\" if input.tool"),
            Refused("org/hostile.rego:2"),
        ),
        ("a text of control characters", asked("contains(input.tool.args.unicode, \"\\u0000\")"), Denied),
        ("a deep value compared", asked("input.tool.args.deep == [input.tool.args.deep]"), Silent),
    ] {
        run(name, &text, &fate);
    }
}

#[test]
fn a_verb_that_says_something_else_is_refused_or_denies() {
    for (name, text, fate) in [
        ("a denial that is a value", "deny := true if input.tool", Refused("`deny` must be written")),
        ("an allow that is a text", "allow := \"yes\" if input.tool", Refused("`allow` must be written")),
        ("an allow that is always", "default allow := true", Refused("`allow` must be written")),
        ("a warning that is a function", "warn(x) := x", Refused("`warn` must be written")),
        (
            "an obligation by another name",
            "apply contains {\"max_token\": 1} if input.tool",
            Refused("is not an obligation"),
        ),
        ("a verb of a helper", "deny.more contains 1 if input.tool", Refused("`deny` must be written")),
        ("a denial of a number", "deny contains 1 if input.tool", Denied),
        ("a denial of nothing", "deny contains {} if input.tool", Denied),
        ("a denial of null", "deny contains null if input.tool", Denied),
        (
            "a denial of a million bytes",
            "deny contains concat(\"\", [\"aaaaaaaaaa\" | some i in numbers.range(1, 10000)]) if input.tool",
            Denied,
        ),
        ("an obligation that is a text", "apply contains \"max_tokens\" if input.tool", Failed),
        ("an obligation of nothing", "apply contains {} if input.tool", Failed),
        ("an obligation by a number", "apply contains {1: 2} if input.tool", Failed),
        ("a negative number of tokens", "apply contains {\"max_tokens\": -1} if input.tool", Failed),
        (
            "a number of tokens past 64 bits",
            "apply contains {\"max_tokens\": 99999999999999999999999} if input.tool",
            Failed,
        ),
        ("a text for a number", "apply contains {\"max_tokens\": \"1\"} if input.tool", Failed),
        (
            "types that are none",
            "apply contains {\"redact\": {\"types\": [\"NOTHING\"], \"where\": [\"request\"], \"mode\": \"mask\"}} if input.tool",
            Failed,
        ),
        (
            "a mode that is none",
            "apply contains {\"redact\": {\"types\": \"*\", \"mode\": \"show\"}} if input.tool",
            Failed,
        ),
        (
            "a header of another's",
            "apply contains {\"headers\": {\"set-cookie\": \"a\"}} if input.tool",
            Failed,
        ),
        (
            "a header of two lines",
            "apply contains {\"headers\": {\"x-hardpan-policy-a\": \"a\\r\\nb: c\"}} if input.tool",
            Failed,
        ),
        (
            "a cache for ever",
            "apply contains {\"cache\": {\"scope\": \"org\", \"ttl_s\": 99999999999}} if input.tool",
            Silent,
        ),
        ("a list for a guardrail", "apply contains {\"guardrail\": []} if input.tool", Failed),
        ("a route to nowhere", "apply contains {\"route\": {}} if input.tool", Failed),
        ("a filter that is a text", "apply contains {\"filter\": \"all\"} if input.tool", Failed),
        ("a label that is a number", "apply contains {\"label\": [1]} if input.tool", Failed),
        ("tags of lists", "apply contains {\"tags\": {\"a\": []}} if input.tool", Failed),
        ("a quota of nothing", "apply contains {\"quota\": {}} if input.tool", Failed),
        (
            "parameters of texts",
            "apply contains {\"params\": {\"temperature\": \"hot\"}} if input.tool",
            Failed,
        ),
        ("a time of nothing", "apply contains {\"timeout_ms\": 0} if input.tool", Failed),
        ("tools by number", "apply contains {\"drop_tools\": [1]} if input.tool", Failed),
        (
            "a log of everything",
            "apply contains {\"log\": {\"content\": \"everything\"}} if input.tool",
            Failed,
        ),
    ] {
        run(name, &rules(text), &fate);
    }
}

#[test]
fn text_that_is_no_policy_is_refused_with_its_file() {
    for (name, text) in [
        ("an empty file", "".to_owned()),
        ("no package", "allow if true".to_owned()),
        ("another language", "package main\nfunc main() { for {} }".to_owned()),
        ("half a rule", format!("{PACKAGE}deny contains \"x\" if {{")),
        ("a text that does not end", format!("{PACKAGE}x := \"abc")),
        ("a raw text that does not end", format!("{PACKAGE}x := `abc")),
        ("brackets that only close", format!("{PACKAGE}x := ]]]]]]")),
        ("a byte order mark", "\u{feff}package policy.org.hostile\nx := 1".to_owned()),
        ("text from right to left", "package policy.org.hostile\nx := \u{202e}1".to_owned()),
        ("a long line", format!("{PACKAGE}x := \"{}\"", "a".repeat(2000))),
        ("many lines", format!("{PACKAGE}{}", "\n".repeat(30_000))),
        ("too many bytes", format!("{PACKAGE}{}", "# aaaaaaaaaaaaaaa\n".repeat(70_000))),
        ("a number of a thousand million digits", format!("{PACKAGE}x := 1e1000000000")),
        ("a package of many parts", format!("package policy.org{}\nx := 1", ".a".repeat(200))),
        ("the language to come", format!("{PACKAGE}import rego.v2\nx := 1")),
        ("the language as it was", format!("{PACKAGE}deny[x] {{ x := 1 }}")),
        ("a name of the engine's", format!("{PACKAGE}input := 3")),
        ("a package in no layer", "package policy.everyone\nx := 1".to_owned()),
        ("data as a package", "package one\nx := 1".to_owned()),
    ] {
        let error = on_a_small_stack(move || {
            load(&[("org/hostile.rego", &text)], json!({"one": 1})).err().map(|error| error.to_string())
        });
        assert!(error.is_some_and(|error| error.contains("org/hostile.rego")), "{name}");
    }
}

/// A directory that is removed with the test.
struct Folder(std::path::PathBuf);

impl Folder {
    fn of(files: &[(&str, &[u8])]) -> Folder {
        let name = files.first().map_or("", |(path, _)| path).replace('/', "-");
        let folder = std::env::temp_dir().join(format!("hardpan-hostile-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        for (path, bytes) in files {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        Folder(folder)
    }

    fn load(&self) -> Result<Bundle, LoadError> {
        let source = Source::Directory(self.0.clone());
        on_a_small_stack(move || BundleFiles::read(&source, None)?.with_data(&[]))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn directories_and_data_are_bounded() {
    let rule = b"package policy.org.a\nallow contains \"a\" if input.action".as_slice();
    let deep = |depth: usize| format!("{{\"a\": {}1{}}}", "[".repeat(depth), "]".repeat(depth));
    let (deep_data, bearable) = (deep(100_000), deep(100));
    let large = format!("{{\"a\": \"{}\"}}", "a".repeat(100 << 20));
    let repeated = format!("{{{}\"a\": 1}}", "\"a\": 2,".repeat(1000));
    for (files, expected) in [
        (vec![("1/org/a.rego", rule), ("1/data.json", large.as_bytes())], Some("data.json: is larger than")),
        (
            vec![("2/org/a.rego", rule), ("2/data.json", deep_data.as_bytes())],
            Some("data.json: is not a JSON object"),
        ),
        (
            vec![("3/org/a.rego", rule), ("3/data.json", b"{\"a\": 1e999}".as_slice())],
            Some("data.json: is not a JSON object"),
        ),
        (
            vec![("4/org/a.rego", rule), ("4/data.json", b"\xff\xfe{}".as_slice())],
            Some("data.json: cannot be read"),
        ),
        (vec![("5/org/a.rego", rule), ("5/data.json", repeated.as_bytes())], None),
        (vec![("6/org/a.rego", rule), ("6/data.json", bearable.as_bytes())], None),
        (vec![("7/org/a.rego", b"package a \xff".as_slice())], Some("org/a.rego: cannot be read")),
        (vec![("8/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s.rego", rule)], Some("nested more than")),
        (vec![("9/README.md", rule)], Some("there is no Rego file")),
    ] {
        let folder = Folder::of(&files);
        let root = files.first().and_then(|(path, _)| path.split('/').next()).unwrap();
        let source = Folder(folder.0.join(root));
        let outcome = source.load().map(|bundle| PolicySet::new(bundle, settings()).map(|_| ()));
        match (outcome, expected) {
            (Ok(outcome), None) => outcome.unwrap(),
            (Err(error), Some(expected)) => assert!(error.to_string().contains(expected), "{root}: {error}"),
            (Ok(_), Some(expected)) => panic!("{root} was read, not refused as {expected}"),
            (Err(error), None) => panic!("{root}: {error}"),
        }
    }
}

#[test]
fn the_number_and_size_of_modules_are_bounded() {
    let modules = |count: usize, bytes: usize| {
        let text = |at: usize| format!("package policy.org.p{at}\n{}", "# aaaa\n".repeat(bytes / 7));
        (0..count).map(|at| (format!("m/org/p{at}.rego"), text(at))).collect::<Vec<_>>()
    };
    for (name, texts, expected) in [
        ("many", modules(4200, 0), Some("more than 4096 Rego files")),
        ("large", modules(12, 900_000), Some("the Rego files together are larger than")),
        ("one", modules(1, 2 << 20), Some("is larger than")),
        ("fine", modules(300, 1000), None),
    ] {
        let files: Vec<(&str, &[u8])> =
            texts.iter().map(|(path, text)| (path.as_str(), text.as_bytes())).collect();
        let folder = Folder::of(&[[(name, b"".as_slice())].as_slice(), files.as_slice()].concat());
        let outcome = Folder(folder.0.join("m")).load();
        match expected {
            Some(expected) => {
                let error = outcome.err().unwrap_or_else(|| panic!("{name} was read")).to_string();
                assert!(error.contains(expected), "{name}: {error}");
            }
            None => assert_eq!(outcome.unwrap().modules().len(), 300),
        }
    }
}

#[test]
fn packages_may_be_in_several_files_and_still_say_one_thing() {
    let (one, other) =
        (rules("deny contains \"one\" if input.tool"), rules("deny contains \"two\" if input.tool"));
    let same = load(&[("a.rego", &one), ("b.rego", &other), ("c.rego", &one)], json!({})).unwrap();
    let decision = same.decide_document(&document(&json!({})));
    assert_eq!((decision.verdict, decision.reasons.len()), (Verdict::Deny, 3), "two denials and no allow");
    let conflict = load(
        &[
            ("a.rego", &rules("r := 1\ndeny contains \"x\" if { input.tool; r == 1 }")),
            ("b.rego", &rules("r := 2")),
        ],
        json!({}),
    );
    match conflict {
        Err(error) => assert!(error.to_string().contains(".rego"), "{error}"),
        Ok(policies) => assert!(policies.decide_document(&document(&json!({}))).error.is_some()),
    }
}

#[test]
fn much_that_is_not_hostile_is_served() {
    let many: String =
        (0..2000).map(|at| format!("deny contains \"d{at}\" if input.tool.name == \"n{at}\"\n")).collect();
    let table: String =
        (0..3000).map(|at| format!("\t\"k{at}\": {{\"a\": [1, 2, 3], \"b\": \"text\"}},\n")).collect();
    let packages: Vec<(String, String)> = (0..500)
        .map(|at| {
            (
                format!("team/t{at}.rego"),
                format!("package policy.team.t{at}.a\nallow contains \"x\" if input.action"),
            )
        })
        .collect();
    for (name, text) in [
        ("many denials", rules(&many)),
        (
            "a table in a rule",
            rules(&format!(
                "table := {{\n{table}}}\ndeny contains \"x\" if table[input.tool.name].b == \"x\""
            )),
        ),
        ("a long text searched", asked("regex.match(\"[Dd]rop +table\", input.tool.args.text)")),
        ("words replaced", asked("replace(lower(input.tool.args.text), \"b\", \" \") == \"x\"")),
        (
            "lists searched",
            asked(
                "strings.any_prefix_match(input.tool.args.text, [\"x\", \"y\"])\n\"z\" in input.tool.args.list",
            ),
        ),
    ] {
        let patient = Settings { evaluation_limit: Duration::from_secs(30), ..Settings::default() };
        let modules =
            vec![("org/a.rego".to_owned(), text), ("org/everything.rego".to_owned(), ALLOW.to_owned())];
        let modules = modules.into_iter().chain(packages.clone()).collect();
        let policies = PolicySet::new(Bundle::from_modules(modules, json!({})), patient);
        let policies = policies.unwrap_or_else(|error| panic!("{name}: {error}"));
        let decision = policies.decide_document(&document(&hostile_arguments()));
        assert_eq!(
            (decision.verdict, &decision.error),
            (Verdict::Allow, &None),
            "{name}: {:?}",
            policies.verb_values(&document(&hostile_arguments()))
        );
    }
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("rego");
    let bundle = Bundle::load(&Source::Directory(library), &[]).unwrap();
    on_a_small_stack(move || PolicySet::new(bundle, settings()).map(|_| ())).unwrap();
}
