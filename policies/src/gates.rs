//! Checks a bundle must pass before any of it is evaluated: what the engine accepts and a proxy must not.
//!
//! Recursion aborts the whole process, some builtins run for seconds whatever the timer says, unknown
//! functions surface only when reached. All of that is visible in the syntax, so it is refused at load with
//! file and line. Style is not judged here.

use std::collections::{BTreeMap, BTreeSet};

use regorus::unstable::BUILTINS;
use serde_json::{Map, Value};

use crate::input::Action;
use crate::obligation;
use crate::plan::{Home, Verb, home};
use crate::source::Problem;
use crate::syntax::{Argument, Call, Definition, Form, ModuleSyntax, Syntax};

/// Rules and functions in a chain of calls: each costs stack.
pub(crate) const CALL_DEPTH_MAX: usize = 64;
/// Statements, and expressions inside one another, of such a chain together: a loop within a loop costs stack too.
const STACK_MAX: usize = 1024;
/// Statements of one rule: the engine's time to put them in order grows with their square.
const STATEMENTS_MAX: usize = 256;
/// Numbers one `numbers.range` may make.
const RANGE_LENGTH_MAX: u64 = 10_000;
/// Width and precision in a format.
const FORMAT_WIDTH_MAX: u64 = 256;
/// `net.cidr_expand` makes at most 4096 addresses.
const CIDR_HOST_BITS_MAX: u32 = 12;

/// Builtins no served rule may call, and why.
pub(crate) const BANNED: &[(&str, &str)] = &[
    ("graph.reachable_paths", "its cost is exponential and no timer stops it"),
    ("http.send", "policies do not talk to the network"),
    ("opa.runtime", "its answer is not a function of the input"),
    ("print", "it would write facts about requests to the log"),
    ("rand.intn", "its answer is not a function of the input"),
    ("time.now_ns", "use input.time, so that decisions can be replayed"),
    ("trace", "it would write facts about requests to the log"),
    ("uuid.rfc4122", "its answer is not a function of the input"),
];

/// Every mistake at once; an empty list is a pass.
pub(crate) fn problems(syntax: &Syntax, data: &Map<String, Value>) -> Vec<Problem> {
    let functions = functions(syntax);
    let mut problems = Vec::new();
    for module in &syntax.modules {
        module_problems(module, data, &mut problems);
    }
    for definition in &syntax.definitions {
        if definition.statements > STATEMENTS_MAX {
            let message = format!("a rule may have at most {STATEMENTS_MAX} statements");
            problems.push(Problem::new(&definition.at, message));
        }
        problems.extend(definition.uses.problems.iter().cloned());
        verb_problems(definition, &mut problems);
        for (stand_in, at) in &definition.uses.stand_ins {
            banned(stand_in, at, &mut problems);
        }
        for call in &definition.uses.calls {
            call_problems(call, &functions, &mut problems);
        }
    }
    mixed_allow_problems(syntax, &mut problems);
    recursion_problems(syntax, &mut problems);
    problems
}

fn module_problems(module: &ModuleSyntax, data: &Map<String, Value>, problems: &mut Vec<Problem>) {
    if matches!(home(&module.package), Home::Misplaced) {
        let message = "a package under policy must be policy.org, policy.team.<team> or policy.app.<app>";
        problems.push(Problem::new(&module.at, message));
    }
    // The engine copies an object that holds rules for every evaluation, and data could pose as a rule's
    // value.
    if let Some(root) = module.package.first().filter(|root| data.contains_key(*root)) {
        let message = format!("data.{root} is data and a package at once; keep data under a key of its own");
        problems.push(Problem::new(&module.at, message));
    }
    for import in &module.imports {
        let path: Vec<&str> = import.path.iter().map(String::as_str).collect();
        let known = match path.as_slice() {
            ["rego", version] => *version == "v1",
            ["future", "keywords"] => true,
            ["future", "keywords", keyword] => matches!(*keyword, "contains" | "every" | "if" | "in"),
            ["data", _, ..] | ["input", _, ..] => true,
            _ => false,
        };
        if !known {
            let message = format!("import {} is not supported; policies are Rego v1", path.join("."));
            problems.push(Problem::new(&import.at, message));
        }
    }
}

fn verb_problems(definition: &Definition, problems: &mut Vec<Problem>) {
    let Some(verb) = Verb::from_name(definition.name()) else { return };
    let name = verb.name();
    let mut refuse = |message: String| problems.push(Problem::new(&definition.at, message));
    if !matches!(home(&definition.package), Home::Layer { .. }) {
        refuse(format!(
            "`{name}` is never asked for here; verbs belong in policy.org, policy.team or policy.app"
        ));
        return;
    }
    match (&definition.form, verb) {
        (Form::Set { keys, .. }, Verb::Apply) => {
            for key in keys.iter().filter(|key| !obligation::KEYS.contains(&key.as_str())) {
                refuse(format!("`{key}` is not an obligation; there are {}", obligation::KEYS.join(", ")));
            }
            for key in keys.iter().filter(|key| obligation::KEYS.contains(&key.as_str())) {
                let named = |action: &&Action| {
                    definition.actions.as_ref().is_none_or(|names| names.contains(action.name()))
                };
                let mut actions = Action::ALL.iter().filter(named).peekable();
                if actions.peek().is_some() && !actions.any(|action| obligation::takes(key, *action)) {
                    refuse(format!("`{key}` means nothing for the actions this rule names"));
                }
            }
        }
        (Form::Set { .. }, _) | (Form::Complete { is_true: true }, Verb::Allow) => {}
        (Form::Default { is_false: true, arguments: 0 }, Verb::Allow) => {}
        (_, Verb::Allow) => {
            refuse("`allow` must be written `allow contains \"code\" if …` or `allow if …`".into())
        }
        (_, Verb::Deny | Verb::Warn | Verb::Apply) => {
            refuse(format!("`{name}` must be written `{name} contains … if …`"));
        }
    }
}

/// Both forms of `allow` in one package make the engine fail on every request.
fn mixed_allow_problems(syntax: &Syntax, problems: &mut Vec<Problem>) {
    let mut as_set: BTreeMap<&[String], bool> = BTreeMap::new();
    for definition in syntax.definitions.iter().filter(|definition| definition.name() == Verb::Allow.name()) {
        let is_set = matches!(definition.form, Form::Set { .. });
        if *as_set.entry(&definition.package).or_insert(is_set) != is_set {
            let message = "`allow` is a set and a value in one package; use one form";
            problems.push(Problem::new(&definition.at, message));
        }
    }
}

/// Path of every function and the number of its arguments.
fn functions(syntax: &Syntax) -> BTreeMap<&[String], usize> {
    let function = |definition: &Definition| match definition.form {
        Form::Function { arguments } => Some(arguments),
        Form::Default { arguments, .. } if arguments > 0 => Some(arguments),
        _ => None,
    };
    syntax
        .definitions
        .iter()
        .filter_map(|definition| Some((definition.path.as_slice(), function(definition)?)))
        .collect()
}

fn call_problems(call: &Call, functions: &BTreeMap<&[String], usize>, problems: &mut Vec<Problem>) {
    let own = call.targets.iter().find_map(|target| functions.get(target.as_slice()).copied());
    let builtin = || BUILTINS.get(call.name.as_str()).map(|(_, arguments)| usize::from(*arguments));
    if own.is_none() && banned(&call.name, &call.at, problems) {
        return;
    }
    let Some(expected) = own.or_else(builtin) else {
        problems.push(Problem::new(&call.at, format!("function {} does not exist", call.name)));
        return;
    };
    // One argument more receives the result.
    if call.arguments.len() != expected && call.arguments.len() != expected + 1 {
        let message = format!("{} takes {expected} arguments, not {}", call.name, call.arguments.len());
        problems.push(Problem::new(&call.at, message));
    }
    if own.is_none()
        && let Some(message) = costly(&call.name, &call.arguments)
    {
        problems.push(Problem::new(&call.at, format!("{}: {message}", call.name)));
    }
}

fn banned(name: &str, at: &str, problems: &mut Vec<Problem>) -> bool {
    let found = BANNED.iter().find(|(banned, _)| *banned == name);
    if let Some((name, why)) = found {
        problems.push(Problem::new(at, format!("{name} may not be used: {why}")));
    }
    found.is_some()
}

/// Builtins that are safe with some literal arguments only.
fn costly(name: &str, arguments: &[Argument]) -> Option<&'static str> {
    let safe = match (name, arguments) {
        ("numbers.range", [Argument::Number(from), Argument::Number(to), ..])
        | ("numbers.range_step", [Argument::Number(from), Argument::Number(to), ..]) => {
            from.abs_diff(*to) <= RANGE_LENGTH_MAX
        }
        ("net.cidr_expand", [Argument::Text(network), ..]) => is_small_network(network),
        ("sprintf", [Argument::Text(format), ..]) => has_small_widths(format),
        ("glob.match", [_, Argument::Texts(delimiters), ..]) => !delimiters.iter().any(|mark| mark == ":"),
        ("glob.match", [_, Argument::Null, ..]) => true,
        ("strings.count", [_, Argument::Text(search), ..]) => !search.is_empty(),
        ("numbers.range" | "numbers.range_step" | "net.cidr_expand" | "sprintf", _) => false,
        ("glob.match" | "strings.count", _) => false,
        _ => true,
    };
    if safe {
        return None;
    }
    Some(match name {
        "numbers.range" | "numbers.range_step" => "both ends must be literals at most 10000 apart",
        "net.cidr_expand" => "the network must be a literal of at most 4096 addresses",
        "sprintf" => "the format must be a literal with widths of at most 256",
        "glob.match" => "the delimiters must be literals without \":\", which the engine does not honour",
        _ => "the text to search for must be a literal that is not empty",
    })
}

fn is_small_network(network: &str) -> bool {
    let Some((address, length)) = network.rsplit_once('/') else { return false };
    let bits: u32 = if address.contains(':') { 128 } else { 32 };
    length.parse::<u32>().is_ok_and(|length| length <= bits && bits - length <= CIDR_HOST_BITS_MAX)
}

fn has_small_widths(format: &str) -> bool {
    let mut parts = format.split('%');
    parts.next();
    parts.all(|part| {
        let flags = part.trim_start_matches(['+', '-', '#', ' ']);
        let end = flags.find(|letter: char| !letter.is_ascii_digit() && !matches!(letter, '.' | '*' | '['));
        let widths = flags.get(..end.unwrap_or(flags.len())).unwrap_or_default();
        widths.split('.').all(|width| {
            width.is_empty() || width.parse::<u64>().is_ok_and(|width| width <= FORMAT_WIDTH_MAX)
        })
    })
}

fn recursion_problems(syntax: &Syntax, problems: &mut Vec<Problem>) {
    let mut nodes: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    let mut places: BTreeMap<usize, (String, &str)> = BTreeMap::new();
    for definition in &syntax.definitions {
        let next = nodes.len();
        let node = *nodes.entry(definition.path.clone()).or_insert(next);
        places.entry(node).or_insert_with(|| (definition.path.join("."), definition.at.as_str()));
    }
    let mut edges: BTreeMap<usize, BTreeSet<usize>> =
        places.keys().map(|node| (*node, BTreeSet::new())).collect();
    for definition in &syntax.definitions {
        let Some(targets) = nodes.get(&definition.path).and_then(|node| edges.get_mut(node)) else {
            continue;
        };
        let called = definition.uses.calls.iter().flat_map(|call| &call.targets);
        for path in definition.uses.references.iter().chain(called) {
            reach(&nodes, path, targets);
        }
    }
    let mut stack: BTreeMap<usize, usize> = BTreeMap::new();
    for definition in &syntax.definitions {
        if let Some(node) = nodes.get(&definition.path) {
            let own = stack.entry(*node).or_default();
            *own = (*own).max(definition.statements + definition.depth);
        }
    }
    let at = |node: usize| places.get(&node).map_or("policy", |(_, at)| *at);
    if let Ok((stack, node)) = longest_chain(&edges, |node| stack.get(&node).copied().unwrap_or_default())
        && stack > STACK_MAX
    {
        let message = "this and what it calls have too many statements and brackets inside one another";
        problems.push(Problem::new(at(node), message));
    }
    match longest_chain(&edges, |_| 1) {
        Ok((depth, node)) if depth > CALL_DEPTH_MAX => {
            let message = format!("rules call one another {depth} deep; at most {CALL_DEPTH_MAX} is allowed");
            problems.push(Problem::new(at(node), message));
        }
        Ok(_) => {}
        Err(cycle) => {
            let named: Vec<&(String, &str)> = cycle.iter().filter_map(|node| places.get(node)).collect();
            let at = named.first().map_or("policy", |(_, at)| *at);
            let circle = named.iter().chain(named.first());
            let names: Vec<&str> = circle.map(|(name, _)| name.as_str()).collect();
            problems.push(Problem::new(at, format!("recursion is not allowed: {}", names.join(" -> "))));
        }
    }
}

/// Every rule a path reaches: those it passes through, and those below it.
fn reach(nodes: &BTreeMap<Vec<String>, usize>, path: &[String], found: &mut BTreeSet<usize>) {
    for length in 1..=path.len() {
        if let Some(node) = path.get(..length).and_then(|prefix| nodes.get(prefix)) {
            found.insert(*node);
        }
    }
    let below = nodes.range(path.to_vec()..).take_while(|(name, _)| name.starts_with(path));
    found.extend(below.map(|(_, node)| *node));
}

/// The heaviest chain and where it begins, or the nodes of one cycle. Iterative, because the chain may be long.
fn longest_chain(
    edges: &BTreeMap<usize, BTreeSet<usize>>,
    weight: impl Fn(usize) -> usize,
) -> Result<(usize, usize), Vec<usize>> {
    let mut incoming: BTreeMap<usize, usize> = edges.keys().map(|node| (*node, 0)).collect();
    for target in edges.values().flatten() {
        *incoming.entry(*target).or_default() += 1;
    }
    let mut ready: Vec<usize> =
        incoming.iter().filter(|(_, count)| **count == 0).map(|(node, _)| *node).collect();
    // Of what calls a node the heaviest chain, and its beginning.
    let mut above: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    let mut longest = (0, 0);
    while let Some(node) = ready.pop() {
        incoming.remove(&node);
        let (before, start) = above.get(&node).copied().unwrap_or((0, node));
        let chain = (before + weight(node), start);
        longest = longest.max(chain);
        for target in edges.get(&node).into_iter().flatten() {
            let before = above.entry(*target).or_default();
            *before = chain.max(*before);
            if let Some(count) = incoming.get_mut(target) {
                *count -= 1;
                if *count == 0 {
                    ready.push(*target);
                }
            }
        }
    }
    match incoming.keys().next() {
        None => Ok(longest),
        Some(start) => Err(cycle(edges, &incoming, *start)),
    }
}

/// Every node left over has a caller left over, so walking up from any of them must come round.
fn cycle(
    edges: &BTreeMap<usize, BTreeSet<usize>>,
    left: &BTreeMap<usize, usize>,
    start: usize,
) -> Vec<usize> {
    let mut callers: BTreeMap<usize, usize> = BTreeMap::new();
    for (node, targets) in edges.iter().filter(|(node, _)| left.contains_key(node)) {
        callers.extend(targets.iter().map(|target| (*target, *node)));
    }
    let mut trail = vec![start];
    let mut node = start;
    while let Some(caller) = callers.get(&node) {
        if let Some(from) = trail.iter().position(|seen| seen == caller) {
            let mut found = trail.split_off(from);
            found.reverse();
            return found;
        }
        trail.push(*caller);
        node = *caller;
    }
    trail
}

#[cfg(test)]
mod tests {
    use regorus::Engine;
    use serde_json::json;

    use super::*;

    fn problems_of(modules: &[(&str, &str)], data: Value) -> Vec<String> {
        let mut engine = Engine::new();
        for (path, text) in modules {
            engine.add_policy((*path).into(), (*text).into()).unwrap();
        }
        let data = data.as_object().unwrap();
        problems(&Syntax::read(engine.get_modules()), data).iter().map(Problem::to_string).collect()
    }

    fn assert_refused(rules: &str, expected: &str) {
        let text = format!("package policy.org.a\n{rules}");
        let problems = problems_of(&[("a.rego", text.as_str())], json!({}));
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{rules}\n{problems:?}");
    }

    fn assert_accepted(rules: &str) {
        let text = format!("package policy.org.a\n{rules}");
        assert_eq!(problems_of(&[("a.rego", text.as_str())], json!({})), Vec::<String>::new(), "{rules}");
    }

    #[test]
    fn recursion_is_refused_with_its_circle() {
        for (rules, circle) in [
            (
                "f(x) := f(x - 1) if x > 0",
                "a.rego:2: recursion is not allowed: policy.org.a.f -> policy.org.a.f",
            ),
            ("f(x) := g(x)\ng(x) := f(x)", "policy.org.a.f"),
            ("f(x) := data.policy.org.a.f(x)", "recursion"),
            ("a if b\nb if a", "recursion"),
            ("f(x) := r if x\nr := f(1)", "recursion"),
            ("r := data.policy.org[input.name]", "recursion"),
            ("r := data", "recursion"),
            ("deny contains \"x\" if count(deny) > 1", "recursion"),
            ("f(x) := y if y := [z | some i in x; z := f(i)]", "recursion"),
            ("f(x) := 1 if not f(x)", "recursion"),
        ] {
            assert_refused(rules, circle);
        }
    }

    #[test]
    fn sharing_names_and_helpers_is_not_recursion() {
        for rules in [
            "a if b\nb if c\nc if input.x\nd if { b; c }",
            "f(x) := x + 1\ng(x) := f(f(x))",
            "team := data.teams[input.principal.team]\nf(team) := team.x\nr := f(team)",
            "r := x if { some r in [1]; x := r }",
        ] {
            assert_accepted(rules);
        }
    }

    #[test]
    fn chains_are_bounded() {
        let chain = |length: usize| {
            (1..length).map(|index| format!("r{} if r{index}", index - 1)).collect::<Vec<_>>().join("\n")
        };
        assert_accepted(&format!("{}\nr{} if input.x", chain(CALL_DEPTH_MAX), CALL_DEPTH_MAX - 1));
        assert_refused(&format!("{}\nr{} if input.x", chain(CALL_DEPTH_MAX + 1), CALL_DEPTH_MAX), "65 deep");
    }

    #[test]
    fn functions_must_exist_and_be_permitted() {
        for (rules, expected) in [
            ("r if { false; nonesuch(1) }", "a.rego:2: function nonesuch does not exist"),
            ("f(x) := x\nr if f(1, 2, 3)", "f takes 1 arguments, not 3"),
            ("r if startswith(\"a\")", "takes 2 arguments, not 1"),
            ("r := time.now_ns()", "time.now_ns may not be used"),
            ("r := http.send({})", "http.send may not be used"),
            ("r if print(input)", "print may not be used"),
            ("r if count([1]) with count as rand.intn", "rand.intn may not be used"),
            ("r := graph.reachable_paths(input.g, [1])", "graph.reachable_paths"),
            ("f(x) := x\nr if f(1) with f as 2", "`with` may replace only input and data"),
            ("r := numbers.range(1, 20000000)", "at most 10000 apart"),
            ("r := numbers.range(1, input.n)", "at most 10000 apart"),
            ("r := net.cidr_expand(\"10.0.0.0/10\")", "at most 4096 addresses"),
            ("r := net.cidr_expand(input.net)", "at most 4096 addresses"),
            ("r := sprintf(\"%500000000d\", [1])", "widths of at most 256"),
            ("r := sprintf(\"%.999999f\", [1])", "widths of at most 256"),
            ("r := sprintf(\"%*d\", [1, 2])", "widths of at most 256"),
            ("r := sprintf(input.format, [1])", "widths of at most 256"),
            ("r if glob.match(\"arn:*\", [\":\"], input.arn)", "without \":\""),
            ("r if glob.match(\"arn:*\", input.marks, input.arn)", "without \":\""),
            ("r := strings.count(input.s, \"\")", "not empty"),
            ("r := strings.count(input.s, input.t)", "not empty"),
        ] {
            assert_refused(rules, expected);
        }
        for rules in [
            "r := sprintf(\"%s %v %5.2f %03d %%\", [1, 2, 3, 4])",
            "r := numbers.range(1, 100)",
            "r if glob.match(\"a.*\", [\".\"], input.s)",
            "r if glob.match(\"a*\", null, input.s)",
            "r := strings.count(input.s, \"x\")",
            "r if { split(input.s, \",\", parts); count(parts) > 1 }",
            "r if { walk(input.tree, [path, leaf]); leaf == 1 }",
            "allow if input.x with input.x as data.y",
        ] {
            assert_accepted(rules);
        }
    }

    #[test]
    fn what_could_erase_other_denials_is_refused() {
        for rules in [
            "deny contains x.code if some x in input.list",
            "deny contains {\"code\": \"c\", \"msg\": input.names[k]} if some k in input.list",
            "deny contains input.list[_].code",
            "deny contains f(x) if some x in input.list\nf(x) := 1 if x > 1",
            "deny contains sprintf(\"%v\", [x.y]) if { some i; x := input.list[i] }",
            "codes contains x.code if some x in input.list",
            "names[x.id] := x.name if some x in input.list",
        ] {
            assert_refused(rules, "can be undefined");
        }
        for rules in [
            "deny contains code if { some x in input.list; code := x.code }",
            "deny contains {\"code\": x, \"msg\": sprintf(\"%v\", [input.model.id])} if some x in input.list",
            "deny contains {\"msg\": spec.msg} if spec := data.specs[input.model.id]",
            "tier := input.tier\nlimit := data.limits[tier]",
            "limit := data.limits[tier] if tier := input.tier",
            "deny contains f(input.y) if some x in input.list\nf(x) := 1 if x > 1",
            "deny contains [y | some z in x; y := z.y] if some x in input.list",
            "deny contains {\"msg\": spec.msg} if { spec := data.s; every x in spec.list { x > 1 } }",
        ] {
            assert_accepted(rules);
        }
    }

    #[test]
    fn verbs_have_one_form_and_one_place() {
        for (rules, expected) in [
            ("deny if input.x", "`deny` must be written"),
            ("deny := \"x\" if input.x", "`deny` must be written"),
            ("deny[\"x\"] if input.x", "`deny` must be written"),
            ("deny.x contains 1 if input.x", "`deny` must be written"),
            ("deny(x) if x", "`deny` must be written"),
            ("default deny := false", "`deny` must be written"),
            ("allow := false if input.x", "`allow` must be written"),
            ("allow := input.x", "`allow` must be written"),
            ("default allow := true", "`allow` must be written"),
            ("allow contains \"x\"\nallow if input.x", "a set and a value"),
            ("apply contains {\"max_token\": 1}", "`max_token` is not an obligation"),
            ("apply contains {\"approve\": {}}", "`approve` is not an obligation"),
            (
                "apply contains {\"filter\": input.x} if input.action == \"model:invoke\"",
                "`filter` means nothing for the actions",
            ),
            (
                "apply contains {\"route\": {\"model\": \"m\"}} if input.action == \"tool:use\"",
                "`route` means nothing for the actions",
            ),
        ] {
            assert_refused(rules, expected);
        }
        for rules in [
            "allow if input.x",
            "default allow := false\nallow if input.x",
            "allow contains \"x\" if input.x\nallow contains \"y\"",
            "deny contains \"x\" if input.x",
            "deny contains problem if some problem in input.problems",
            "apply contains {key: 1} if some key in input.keys",
            "apply contains {\"filter\": input.x}",
            "apply contains {\"filter\": input.x} if input.action == \"kb:retrieve\"",
            "apply contains {\"max_results\": 5} if input.action in {\"kb:retrieve\", \"model:invoke\"}",
        ] {
            assert_accepted(rules);
        }
        let misplaced = problems_of(&[("lib.rego", "package lib.x\ndeny contains \"x\"")], json!({}));
        assert!(misplaced[0].contains("lib.rego:2: `deny` is never asked for here"));
        for package in ["policy", "policy.orgs.x", "policy.team", "policy.app"] {
            let text = format!("package {package}\nr := 1");
            let problems = problems_of(&[("x.rego", text.as_str())], json!({}));
            assert!(problems[0].contains("must be policy.org"), "{package}");
        }
    }

    #[test]
    fn other_versions_of_the_language_are_refused() {
        assert_refused("import rego.v2\nr := 1", "import rego.v2 is not supported");
        assert_accepted("import rego.v1\nr := 1");
    }

    #[test]
    fn data_may_not_pose_as_a_package() {
        let module = ("a.rego", "package policy.org.a\nr := 1");
        let problems = problems_of(&[module], json!({"policy": {"org": {"a": {"deny": []}}}}));
        assert!(problems[0].contains("data and a package at once"));
    }
}
