//! Builtins whose cost follows from what they are given, asked for at most so much.
//!
//! The engine looks at its clock between its own steps, and one call of a builtin is one step: replacing every letter of a
//! long argument by another takes gigabytes, however short the limit. What a rule may hand over is not known at load, so
//! these builtins are called through a look at their arguments. Over a bound is an error, and an error denies. What they
//! answer is the engine's own. Only those that a bundle calls are guarded, so that the others cost nothing.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regorus::unstable::{BUILTINS, BuiltinFcn, Expr, Ref, Rule, RuleHead, Span};
use regorus::{Engine, Value};

use crate::syntax::Syntax;

/// Bytes and values in the arguments of one call, those inside one another counted each time they occur.
const SIZE_MAX: usize = 4 << 20;
/// What one call may make.
const RESULT_BYTES_MAX: usize = 4 << 20;
/// Comparisons of one call.
const STEPS_MAX: usize = 1 << 24;
/// Values `walk` makes paths for.
const WALK_MAX: usize = 1 << 15;
/// What is searched again after every match.
const MATCHED_BYTES_MAX: usize = 8 << 10;
const PATTERN_BYTES_MAX: usize = 1 << 10;
/// Alternatives of a glob multiply.
const GLOB_BRACES_MAX: usize = 16;
const FACTORS_MAX: usize = 256;
const SHIFT_MAX: u64 = 1024;
const UNIT_BYTES_MAX: usize = 40;

type Check = fn(&[Value]) -> Result<(), Excess>;

/// Why a call is not made. Says nothing of what it was called with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Excess {
    #[error("the arguments are too large")]
    Arguments,
    #[error("the result would be too large")]
    Result,
    #[error("the arguments would have to be compared too often")]
    Steps,
    #[error("the pattern is too long")]
    Pattern,
    #[error("the number is too large")]
    Number,
    #[error("{0}")]
    Engine(String),
}

const GUARDED: &[(&str, Check)] = &[
    ("array.concat", sized),
    ("base64.decode", sized),
    ("base64.encode", sized),
    ("base64url.decode", sized),
    ("base64url.encode", sized),
    ("base64url.encode_no_pad", sized),
    ("bits.lsh", shift),
    ("concat", joined),
    ("format_int", sized),
    ("glob.match", glob),
    ("glob.quote_meta", sized),
    ("graph.reachable", sized),
    ("hex.decode", sized),
    ("hex.encode", sized),
    ("indexof", searched),
    ("indexof_n", searched),
    ("intersection", folded),
    ("json.filter", compared),
    ("json.marshal", sized),
    ("json.marshal_with_options", indented),
    ("json.patch", compared),
    ("json.remove", compared),
    ("json.unmarshal", sized),
    ("lower", sized),
    ("object.filter", compared),
    ("object.remove", compared),
    ("object.subset", compared),
    ("object.union", sized),
    ("object.union_n", folded),
    ("product", multiplied),
    ("regex.find_all_string_submatch_n", matched),
    ("regex.find_n", matched),
    ("regex.is_valid", pattern),
    ("regex.match", pattern),
    ("regex.replace", replaced_by_pattern),
    ("regex.split", matched),
    ("regex.template_match", pattern),
    ("replace", replaced),
    ("sort", sized),
    ("split", sized),
    ("sprintf", sized),
    ("strings.any_prefix_match", compared),
    ("strings.any_suffix_match", compared),
    ("strings.count", searched),
    ("strings.replace_n", replaced_in_turn),
    ("strings.reverse", sized),
    ("substring", sized),
    ("trim", searched),
    ("trim_left", searched),
    ("trim_right", searched),
    ("union", folded),
    ("units.parse", unit),
    ("units.parse_bytes", unit),
    ("upper", sized),
    ("walk", walked),
];

/// Puts a guard before every builtin in need of one that the rules call. The engine looks for a name among these first.
pub(crate) fn install(engine: &mut Engine, syntax: &Syntax) -> Result<(), String> {
    let calls = syntax.definitions.iter().flat_map(|definition| &definition.uses.calls);
    let called: BTreeSet<&str> = calls.map(|call| call.name.as_str()).collect();
    for (name, check) in GUARDED.iter().filter(|(name, _)| called.contains(name)) {
        let Some((name, builtin)) = BUILTINS.get_key_value(name) else { continue };
        let (builtin, check) = (*builtin, *check);
        let guarded = move |arguments: Vec<Value>| Ok(call(builtin, check, &arguments)?);
        engine
            .add_extension((*name).to_owned(), builtin.1, Box::new(guarded))
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn call(builtin: BuiltinFcn, check: Check, arguments: &[Value]) -> Result<Value, Excess> {
    check(arguments)?;
    let unknown = || Excess::Engine("the call could not be made".to_owned());
    let place = PLACE.as_ref().ok_or_else(unknown)?;
    let expressions = place.expressions.get(..arguments.len()).ok_or_else(unknown)?;
    let answer = (builtin.0)(&place.span, expressions, arguments, true);
    // The engine adds the true place; its words about this one would only be confusing.
    answer.map_err(|error| {
        let text = error.to_string();
        Excess::Engine(text.rsplit("error: ").next().unwrap_or_default().trim().to_owned())
    })
}

/// Builtins want to know where they are called, to say so in their errors.
struct Place {
    span: Span,
    expressions: Vec<Ref<Expr>>,
}

static PLACE: LazyLock<Option<Place>> = LazyLock::new(|| {
    let mut engine = Engine::new();
    engine.add_policy("builtin".to_owned(), "package a\nf(a, b, c, d, e, g) := 1".to_owned()).ok()?;
    let module = engine.get_modules().first()?;
    match module.policy.first()?.as_ref() {
        Rule::Spec { head: RuleHead::Func { args, .. }, span, .. } => {
            Some(Place { span: span.clone(), expressions: args.clone() })
        }
        Rule::Spec { .. } | Rule::Default { .. } => None,
    }
});

fn sized(arguments: &[Value]) -> Result<(), Excess> {
    sizes(arguments, SIZE_MAX).map(|_| ())
}

fn walked(arguments: &[Value]) -> Result<(), Excess> {
    let mut left = WALK_MAX;
    arguments.iter().try_for_each(|argument| count(argument, &mut left, &|_| 1))
}

/// The larger of two arguments may be gone through for every part of the other.
fn compared(arguments: &[Value]) -> Result<(), Excess> {
    sizes(arguments, SIZE_MAX)?;
    let parts = arguments.iter().map(parts);
    if parts.fold(1, usize::saturating_mul) > STEPS_MAX { Err(Excess::Steps) } else { Ok(()) }
}

/// Each member is merged with all before it.
fn folded(arguments: &[Value]) -> Result<(), Excess> {
    let size = sizes(arguments, SIZE_MAX)?;
    let members = arguments.first().map_or(1, parts);
    if size.saturating_mul(members) > STEPS_MAX { Err(Excess::Steps) } else { Ok(()) }
}

fn searched(arguments: &[Value]) -> Result<(), Excess> {
    let (text, search) = (length(arguments, 0), length(arguments, 1));
    if text.saturating_mul(search) > STEPS_MAX { Err(Excess::Steps) } else { sized(arguments) }
}

fn joined(arguments: &[Value]) -> Result<(), Excess> {
    sizes(arguments, SIZE_MAX)?;
    made(length(arguments, 0).saturating_mul(arguments.get(1).map_or(0, parts)))
}

fn replaced(arguments: &[Value]) -> Result<(), Excess> {
    sizes(arguments, SIZE_MAX)?;
    let (Some(text), Some(old)) = (text(arguments, 0), text(arguments, 1)) else { return Ok(()) };
    made(text.matches(old).count().saturating_mul(length(arguments, 2)))
}

/// Each pattern finds what the one before it made.
fn replaced_in_turn(arguments: &[Value]) -> Result<(), Excess> {
    sizes(arguments, SIZE_MAX)?;
    let (Some(Value::Object(patterns)), Some(start)) = (arguments.first(), text(arguments, 1)) else {
        return Ok(());
    };
    let mut now = start.to_owned();
    let mut steps = 0_usize;
    for (old, new) in patterns.iter_sorted() {
        let (Value::String(old), Value::String(new)) = (old, new) else { return Ok(()) };
        made(now.matches(old.as_ref()).count().saturating_mul(new.len()))?;
        now = now.replace(old.as_ref(), new);
        steps = steps.saturating_add(now.len());
        if steps > STEPS_MAX {
            return Err(Excess::Steps);
        }
    }
    Ok(())
}

fn indented(arguments: &[Value]) -> Result<(), Excess> {
    let size = sizes(arguments, SIZE_MAX)?;
    let Some(Value::Object(options)) = arguments.get(1) else { return Ok(()) };
    let option = |name: &str| match options.get(&Value::from(name)) {
        Some(Value::String(text)) => text.len(),
        _ => 1,
    };
    // A value may lie as deep as there are values around it, and is indented as often.
    let depth = arguments.first().map_or(0, depth);
    made(size.saturating_mul(option("prefix") + option("indent").saturating_mul(depth)))
}

fn pattern(arguments: &[Value]) -> Result<(), Excess> {
    if length(arguments, 0) > PATTERN_BYTES_MAX { Err(Excess::Pattern) } else { sized(arguments) }
}

fn matched(arguments: &[Value]) -> Result<(), Excess> {
    pattern(arguments)?;
    if length(arguments, 1) > MATCHED_BYTES_MAX { Err(Excess::Arguments) } else { Ok(()) }
}

fn replaced_by_pattern(arguments: &[Value]) -> Result<(), Excess> {
    let (text, pattern, with) = (length(arguments, 0), length(arguments, 1), length(arguments, 2));
    match () {
        () if pattern.max(with) > PATTERN_BYTES_MAX => Err(Excess::Pattern),
        () if text > MATCHED_BYTES_MAX => Err(Excess::Arguments),
        // Every byte may be a match, and a match may be put in for every two letters.
        () => made(text.saturating_mul(with.max(1)) / 2),
    }
}

fn glob(arguments: &[Value]) -> Result<(), Excess> {
    pattern(arguments)?;
    let braces = text(arguments, 0).map_or(0, |text| text.matches('{').count());
    if braces > GLOB_BRACES_MAX { Err(Excess::Pattern) } else { Ok(()) }
}

fn multiplied(arguments: &[Value]) -> Result<(), Excess> {
    sizes(arguments, SIZE_MAX)?;
    if arguments.first().map_or(0, parts) > FACTORS_MAX { Err(Excess::Arguments) } else { Ok(()) }
}

fn shift(arguments: &[Value]) -> Result<(), Excess> {
    sizes(arguments, SIZE_MAX)?;
    match arguments.get(1) {
        Some(Value::Number(by)) if by.as_u64().is_none_or(|by| by > SHIFT_MAX) => Err(Excess::Number),
        _ => Ok(()),
    }
}

/// An exponent asks for as many digits as it says.
fn unit(arguments: &[Value]) -> Result<(), Excess> {
    let Some(text) = text(arguments, 0) else { return Ok(()) };
    let is_exponent = |pair: &[u8]| matches!(pair, [b'e' | b'E', after] if after.is_ascii_digit() || matches!(after, b'+' | b'-'));
    if text.len() > UNIT_BYTES_MAX || text.as_bytes().windows(2).any(is_exponent) {
        return Err(Excess::Number);
    }
    Ok(())
}

fn made(bytes: usize) -> Result<(), Excess> {
    if bytes > RESULT_BYTES_MAX { Err(Excess::Result) } else { Ok(()) }
}

fn text(arguments: &[Value], at: usize) -> Option<&str> {
    match arguments.get(at) {
        Some(Value::String(text)) => Some(text.as_ref()),
        _ => None,
    }
}

fn length(arguments: &[Value], at: usize) -> usize {
    text(arguments, at).map_or(0, str::len)
}

fn parts(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.len(),
        Value::Set(items) => items.len(),
        Value::Object(members) => members.len(),
        _ => 1,
    }
}

fn depth(value: &Value) -> usize {
    let deepest = |inner: &mut dyn Iterator<Item = &Value>| 1 + inner.map(depth).max().unwrap_or_default();
    match value {
        Value::Array(items) => deepest(&mut items.iter()),
        Value::Set(items) => deepest(&mut items.iter()),
        Value::Object(members) => deepest(&mut members.values()),
        _ => 0,
    }
}

/// How much the arguments hold together.
fn sizes(arguments: &[Value], size_max: usize) -> Result<usize, Excess> {
    let mut left = size_max;
    for argument in arguments {
        count(argument, &mut left, &|scalar| match scalar {
            Value::String(text) => text.len() + 1,
            _ => 8,
        })?;
    }
    Ok(size_max - left)
}

/// Counts down, and stops where nothing is left: a value may stand in another a million times over.
fn count(value: &Value, left: &mut usize, cost: &dyn Fn(&Value) -> usize) -> Result<(), Excess> {
    if let Value::Number(number) = value {
        // Past the machine's numbers there are others of any length.
        let large = |bound: f64| Value::from(bound).as_number().is_ok_and(|bound| number > bound);
        let small = |bound: f64| Value::from(bound).as_number().is_ok_and(|bound| number < bound);
        if number.as_i64().is_none() && (large(f64::MAX) || small(f64::MIN)) {
            return Err(Excess::Number);
        }
    }
    *left = left.checked_sub(cost(value)).ok_or(Excess::Arguments)?;
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| count(item, left, cost)),
        Value::Set(items) => items.iter().try_for_each(|item| count(item, left, cost)),
        Value::Object(members) => members.iter().try_for_each(|(key, value)| {
            count(key, left, cost)?;
            count(value, left, cost)
        }),
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null | Value::Undefined => Ok(()),
    }
}
