//! How much larger than what it is given a value can be that rules make, and how deep.
//!
//! `x1 := [x0, x0]`, `x2 := [x1, x1]` and so on costs nothing to write and little to make, because the engine shares what
//! is equal; but comparing two such values, or writing one out, goes through every copy, in one step of the engine and so
//! past its clock. The same for a thousand brackets put around one another in turn: dropping them takes stack. Both are
//! bounds on what is written, so they are judged here, and erring towards more: what depends on data is taken for what it
//! could be. Texts are not counted: `guard` bounds what the builtins make of them.

use std::collections::{BTreeMap, BTreeSet};

use regorus::Value;
use regorus::unstable::{
    ArithOp, AssignOp, BUILTINS, Expr, Literal, Module, Query, Ref, Rule, RuleBody, RuleHead,
};

use crate::plan::rule_path;
use crate::source::Problem;
use crate::syntax::{Step, flatten, literal_text, place, static_path};
use crate::walk::parts;

/// Copies of one thing in a value, as a power of two.
const COPIES_MAX: f64 = 24.0;
/// Factors of one product, as a power of two: no clock stops one multiplication of numbers of millions of digits.
const FACTORS_MAX: f64 = 12.0;
/// Values around one another, beside those of input and data: JSON is read 128 deep.
const HEIGHT_MAX: u32 = 384;
/// Names that stand for one another, and rules that call one another, are followed by calls: hundreds, as `gates` permits.
const STACK_BYTES: usize = 32 << 20;
/// Looks at expressions in one rule. Names that stand for one another in circles could ask for any number.
const LOOKS_MAX: usize = 1 << 18;
/// Rounds of a loop over something that is known only later, as a power of two.
const ROUNDS: f64 = 5.0;

/// Rules that make too much. What calls itself is for others to find: here it counts as nothing.
pub(crate) fn problems(modules: &[Ref<Module>]) -> Vec<Problem> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let judged = thread.spawn_scoped(scope, || judged(modules)).map(|thread| thread.join());
        match judged {
            Ok(Ok(found)) => found,
            Ok(Err(_)) | Err(_) => vec![Problem::new("policy", "what the rules make could not be judged")],
        }
    })
}

fn judged(modules: &[Ref<Module>]) -> Vec<Problem> {
    let mut judge = Judge::new(modules);
    let mut found = Vec::new();
    for index in 0..judge.rules.len() {
        let growth = judge.worst(index);
        let Some(rule) = judge.rules.get(index) else { continue };
        let message = if growth.copies > COPIES_MAX {
            "can hold the same thing millions of times over; make it smaller before it is put together"
        } else if growth.height > HEIGHT_MAX {
            "can be nested hundreds deep"
        } else {
            continue;
        };
        // One that is made of it says no more.
        if found.is_empty() {
            found.push(Problem::new(place(rule.rule.span()), format!("what this makes {message}")));
        }
    }
    found
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Growth {
    copies: f64,
    /// In the largest of its members.
    member: f64,
    height: u32,
}

impl Growth {
    /// More than any bound.
    const UNKNOWN: Growth = Growth { copies: 1e9, member: 1e9, height: 0 };
    const SCALAR: Growth = Growth { copies: 0.0, member: 0.0, height: 0 };

    /// Both beside one another.
    fn and(self, other: Growth) -> Growth {
        let (less, more) = (self.copies.min(other.copies), self.copies.max(other.copies));
        // Copies add up; past some size only the larger matters.
        let copies = if more - less > 60.0 { more } else { more + (1.0 + (less - more).exp2()).log2() };
        Growth { copies, ..self.or(other) }
    }

    fn or(self, other: Growth) -> Growth {
        Growth {
            copies: self.copies.max(other.copies),
            member: self.member.max(other.member),
            height: self.height.max(other.height),
        }
    }

    /// A collection of this, whose members are no more than `member`.
    fn holding(self, member: Growth) -> Growth {
        Growth { member: member.copies, height: self.height.max(member.height).saturating_add(1), ..self }
    }

    /// One of its members.
    fn one(self) -> Growth {
        Growth { copies: self.member, ..self }
    }

    fn times(self, rounds: f64) -> Growth {
        Growth { copies: self.copies + rounds, ..self }
    }
}

struct RuleText<'m> {
    rule: &'m Rule,
    module: usize,
}

struct ModuleText {
    package: Vec<String>,
    aliases: BTreeMap<String, Vec<String>>,
}

/// What a rule's value can be, and the most that is made on the way to it.
#[derive(Clone, Copy)]
struct Judged {
    value: Growth,
    worst: Growth,
}

struct Judge<'m> {
    modules: Vec<ModuleText>,
    rules: Vec<RuleText<'m>>,
    /// Rules by path.
    by_path: BTreeMap<Vec<String>, Vec<usize>>,
    known: Vec<Option<Judged>>,
    /// Rules whose growth is being found.
    open: BTreeSet<usize>,
}

impl<'m> Judge<'m> {
    fn new(modules: &'m [Ref<Module>]) -> Self {
        let mut judge = Judge {
            modules: Vec::new(),
            rules: Vec::new(),
            by_path: BTreeMap::new(),
            known: Vec::new(),
            open: BTreeSet::new(),
        };
        for (index, module) in modules.iter().enumerate() {
            let package = static_path(&module.package.refr);
            let aliases = module.imports.iter().filter_map(|import| {
                let path = static_path(&import.refr);
                let name = import.r#as.as_ref().map(|name| name.text().to_owned());
                Some((name.or_else(|| path.last().cloned())?, path))
            });
            for rule in &module.policy {
                let path = [package.clone(), static_path(crate::syntax::rule_head(rule))].concat();
                judge.by_path.entry(path).or_default().push(judge.rules.len());
                judge.rules.push(RuleText { rule: rule.as_ref(), module: index });
            }
            judge.modules.push(ModuleText { package, aliases: aliases.collect() });
        }
        judge.known = vec![None; judge.rules.len()];
        judge
    }

    fn rule(&mut self, index: usize) -> Growth {
        self.judged(index).map_or(Growth::SCALAR, |judged| judged.value)
    }

    fn worst(&mut self, index: usize) -> Growth {
        self.judged(index).map_or(Growth::SCALAR, |judged| judged.worst)
    }

    fn judged(&mut self, index: usize) -> Option<Judged> {
        if let Some(Some(judged)) = self.known.get(index) {
            return Some(*judged);
        }
        let RuleText { rule, module } = self.rules.get(index)?;
        let (rule, module) = (*rule, *module);
        if !self.open.insert(index) {
            return None;
        }
        let mut local = Local::new(rule, module, self);
        let value = local.rule(self);
        let parts = std::mem::take(&mut local.parts);
        let worst = parts.into_iter().fold(value, |worst, part| {
            let growth = local.growth(part, self);
            let is_product = matches!(part, Expr::ArithExpr { op: ArithOp::Mul, .. });
            let excess = if is_product && growth.copies > FACTORS_MAX { COPIES_MAX } else { 0.0 };
            worst.or(growth.times(excess))
        });
        self.open.remove(&index);
        let judged = Judged { value, worst };
        if let Some(known) = self.known.get_mut(index) {
            *known = Some(judged);
        }
        Some(judged)
    }

    /// How many arguments a function of this path takes.
    fn arguments(&self, path: &[String]) -> Option<usize> {
        let rule = self.by_path.get(path)?.first().and_then(|index| self.rules.get(*index))?;
        match rule.rule {
            Rule::Spec { head: RuleHead::Func { args, .. }, .. } => Some(args.len()),
            Rule::Spec { .. } | Rule::Default { .. } => None,
        }
    }

    /// Everything a path under `data` may stand for.
    fn data(&mut self, path: &[String]) -> Growth {
        let mut reached: BTreeSet<usize> = BTreeSet::new();
        for length in 1..=path.len() {
            let prefix = path.get(..length).unwrap_or_default();
            reached.extend(self.by_path.get(prefix).into_iter().flatten());
        }
        let below = self.by_path.range(path.to_vec()..).take_while(|(name, _)| name.starts_with(path));
        reached.extend(below.flat_map(|(_, rules)| rules));
        reached.into_iter().fold(Growth::SCALAR, |growth, index| growth.or(self.rule(index)))
    }
}

/// How a name gets its value.
#[derive(Clone, Copy)]
enum Binding<'m> {
    Whole(&'m Expr),
    /// One of the members, in turn.
    Member(&'m Expr),
    /// By the caller, or by being an index.
    Given,
}

struct Local<'m> {
    rule: &'m Rule,
    module: usize,
    bindings: BTreeMap<&'m str, Vec<Binding<'m>>>,
    known: BTreeMap<&'m str, Growth>,
    open: BTreeSet<&'m str>,
    /// By address, because a comprehension's parts are looked at for itself and for what is around it.
    seen: BTreeMap<usize, Growth>,
    /// Every expression of the rule that is looked at for itself.
    parts: Vec<&'m Expr>,
    /// Both sides of every `=`: which of them gets its value from the other is known when all names are.
    equations: Vec<(&'m Expr, &'m Expr)>,
    /// Something was left out because it is being looked at already, so what came out holds here alone.
    is_partial: bool,
    looks: usize,
}

impl<'m> Local<'m> {
    fn new(rule: &'m Rule, module: usize, judge: &Judge<'m>) -> Self {
        let mut local = Local {
            rule,
            module,
            bindings: BTreeMap::new(),
            known: BTreeMap::new(),
            open: BTreeSet::new(),
            seen: BTreeMap::new(),
            parts: Vec::new(),
            equations: Vec::new(),
            is_partial: false,
            looks: 0,
        };
        match rule {
            Rule::Spec { head, bodies, .. } => {
                match head {
                    RuleHead::Func { args, .. } => {
                        args.iter().for_each(|argument| local.bind(argument, Binding::Given));
                    }
                    RuleHead::Compr { refr, assign, .. } => {
                        local.expression(refr, judge);
                        assign.iter().for_each(|assign| local.expression(&assign.value, judge));
                    }
                    RuleHead::Set { refr, key, .. } => {
                        local.expression(refr, judge);
                        key.iter().for_each(|key| local.expression(key, judge));
                    }
                }
                if let RuleHead::Func { assign: Some(assign), .. } = head {
                    local.expression(&assign.value, judge);
                }
                for body in bodies {
                    body.assign.iter().for_each(|assign| local.expression(&assign.value, judge));
                    local.query(&body.query, judge);
                }
            }
            Rule::Default { args, value, .. } => {
                args.iter().for_each(|argument| local.bind(argument, Binding::Given));
                local.expression(value, judge);
            }
        }
        local.solve();
        local
    }

    /// Collects what names are bound to.
    fn query(&mut self, query: &'m Query, judge: &Judge<'m>) {
        for statement in &query.stmts {
            match &statement.literal {
                Literal::SomeVars { vars, .. } => {
                    for name in vars {
                        self.bindings.entry(name.text()).or_default().push(Binding::Given);
                    }
                }
                Literal::SomeIn { key, value, collection, .. } => {
                    for pattern in key.iter().chain([value]) {
                        self.bind(pattern, Binding::Member(collection));
                    }
                    self.expression(collection, judge);
                }
                Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => self.expression(expr, judge),
                Literal::Every { key, value, domain, query, .. } => {
                    for name in key.iter().chain([value]) {
                        self.bindings.entry(name.text()).or_default().push(Binding::Member(domain));
                    }
                    self.expression(domain, judge);
                    self.query(query, judge);
                }
            }
        }
    }

    fn expression(&mut self, expression: &'m Expr, judge: &Judge<'m>) {
        match expression {
            Expr::AssignExpr { op: AssignOp::ColEq, lhs, rhs, .. } => self.bind(lhs, Binding::Whole(rhs)),
            Expr::AssignExpr { op: AssignOp::Eq, lhs, rhs, .. } => self.equations.push((lhs, rhs)),
            _ => {}
        }
        // One argument more receives the result, as in `walk(x, [path, value])`.
        if let Expr::Call { fcn, params, .. } = expression
            && let Some(last) = params.last()
        {
            let path = static_path(fcn);
            let own = self.targets(&path, judge).iter().find_map(|target| judge.arguments(target));
            let builtin = || BUILTINS.get(path.join(".").as_str()).map(|(_, count)| usize::from(*count));
            if own.or_else(builtin).is_none_or(|count| params.len() > count) {
                self.bind(last, Binding::Whole(expression));
            }
        }
        if !matches!(expression, Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. }) {
            self.parts.push(expression);
        }
        let (parts, queries) = parts(expression);
        parts.into_iter().for_each(|part| self.expression(part, judge));
        queries.into_iter().for_each(|query| self.query(query, judge));
    }

    /// A name alone on a side may get its value from the other side; names inside of a side that get none anywhere else
    /// get theirs from it.
    fn solve(&mut self) {
        let equations = std::mem::take(&mut self.equations);
        for (one, other) in &equations {
            for (name, value) in [(one, other), (other, one)] {
                if matches!(name, Expr::Var { .. }) {
                    self.bind(name, Binding::Whole(value));
                }
            }
        }
        let known: BTreeSet<&str> = self.bindings.keys().copied().collect();
        for (one, other) in equations {
            for (pattern, value) in [(one, other), (other, one)] {
                let mut names = BTreeMap::new();
                bind(pattern, Binding::Whole(value), &mut names);
                for (name, bindings) in names.into_iter().filter(|(name, _)| !known.contains(name)) {
                    self.bindings.entry(name).or_default().extend(bindings);
                }
            }
        }
    }

    /// Parts of a pattern are bound to all of the value, which is more than they are.
    fn bind(&mut self, pattern: &'m Expr, binding: Binding<'m>) {
        bind(pattern, binding, &mut self.bindings);
    }

    fn rule(&mut self, judge: &mut Judge<'m>) -> Growth {
        match self.rule {
            Rule::Default { value, .. } => self.growth(value, judge),
            Rule::Spec { head, bodies, .. } => {
                let (values, collects): (Vec<&'m Expr>, bool) = match head {
                    RuleHead::Compr { refr, assign, .. } => {
                        let (_, steps) = flatten(refr);
                        let is_partial = steps.iter().any(|step| matches!(step, Step::Dynamic(_)));
                        (assign.iter().map(|assign| assign.value.as_ref()).collect(), is_partial)
                    }
                    RuleHead::Set { key, .. } => (key.iter().map(|key| key.as_ref()).collect(), true),
                    RuleHead::Func { assign, .. } => {
                        (assign.iter().map(|assign| assign.value.as_ref()).collect(), false)
                    }
                };
                let otherwise = bodies.iter().filter_map(|body: &RuleBody| body.assign.as_ref());
                let values: Vec<&Expr> =
                    values.into_iter().chain(otherwise.map(|assign| assign.value.as_ref())).collect();
                let mut growth = Growth::SCALAR;
                for value in values {
                    let one = self.growth(value, judge);
                    growth = growth.or(if collects { one.holding(one) } else { one });
                    for body in bodies.iter().filter(|_| collects) {
                        growth = growth.or(self.collected(value, &body.query, judge).holding(one));
                    }
                }
                growth
            }
        }
    }

    fn growth(&mut self, expression: &'m Expr, judge: &mut Judge<'m>) -> Growth {
        let address = std::ptr::from_ref(expression).addr();
        if let Some(growth) = self.seen.get(&address) {
            return *growth;
        }
        self.looks += 1;
        if self.looks > LOOKS_MAX {
            return Growth::UNKNOWN;
        }
        let was_partial = std::mem::replace(&mut self.is_partial, false);
        let growth = self.growth_anew(expression, judge);
        if !self.is_partial {
            self.seen.insert(address, growth);
        }
        self.is_partial |= was_partial;
        growth
    }

    fn growth_anew(&mut self, expression: &'m Expr, judge: &mut Judge<'m>) -> Growth {
        match expression {
            Expr::String { .. }
            | Expr::RawString { .. }
            | Expr::Number { .. }
            | Expr::Bool { .. }
            | Expr::Null { .. }
            | Expr::UnaryExpr { .. }
            | Expr::BoolExpr { .. }
            | Expr::AssignExpr { .. }
            | Expr::Membership { .. } => Growth::SCALAR,
            Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. } => {
                self.reference(expression, judge)
            }
            Expr::Array { items, .. } | Expr::Set { items, .. } => {
                let largest =
                    items.iter().map(|item| self.growth(item, judge)).fold(Growth::SCALAR, Growth::or);
                self.together(items.iter().map(|item| item.as_ref()), judge).holding(largest)
            }
            Expr::Object { fields, .. } => {
                let both = || fields.iter().flat_map(|(_, key, value)| [key.as_ref(), value.as_ref()]);
                let largest = both().map(|part| self.growth(part, judge)).fold(Growth::SCALAR, Growth::or);
                self.together(both(), judge).holding(largest)
            }
            Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
                let own = self.growth(term, judge);
                own.or(self.collected(term, query, judge)).holding(own)
            }
            Expr::ObjectCompr { key, value, query, .. } => {
                let own = self.growth(key, judge).and(self.growth(value, judge));
                let collected = self.collected(key, query, judge).and(self.collected(value, query, judge));
                own.or(collected).holding(own)
            }
            Expr::Call { fcn, params, .. } => {
                let given = self.together(params.iter().map(|parameter| parameter.as_ref()), judge);
                let made = self.called(fcn, judge);
                let copies = made.copies + given.copies;
                let height = made.height.saturating_add(given.height);
                Growth { copies, member: copies, height }
            }
            Expr::BinExpr { lhs, rhs, .. } | Expr::ArithExpr { lhs, rhs, .. } => {
                self.together([lhs.as_ref(), rhs.as_ref()].into_iter(), judge)
            }
        }
    }

    fn together(&mut self, parts: impl Iterator<Item = &'m Expr>, judge: &mut Judge<'m>) -> Growth {
        let growths = parts.map(|part| self.growth(part, judge));
        growths.reduce(Growth::and).unwrap_or(Growth::SCALAR)
    }

    /// What a function makes of arguments that are nothing much. A builtin makes at most what it is given, or is guarded.
    fn called(&mut self, function: &'m Expr, judge: &mut Judge<'m>) -> Growth {
        let path = static_path(function);
        let targets = self.targets(&path, judge);
        let mut growth = Growth::SCALAR;
        for target in targets {
            let rules = judge.by_path.get(&target).cloned().unwrap_or_default();
            growth = rules.into_iter().fold(growth, |growth, index| growth.or(judge.rule(index)));
        }
        growth
    }

    fn targets(&self, path: &[String], judge: &Judge<'m>) -> Vec<Vec<String>> {
        let Some(((first, rest), module)) = path.split_first().zip(judge.modules.get(self.module)) else {
            return Vec::new();
        };
        let aliased =
            module.aliases.get(first).filter(|path| path.first().is_some_and(|root| root == "data"));
        let aliased = aliased.map(|path| [path.get(1..).unwrap_or_default(), rest].concat());
        let absolute = (first == "data").then(|| rest.to_vec());
        let own = [module.package.as_slice(), path].concat();
        [Some(own), absolute, aliased].into_iter().flatten().collect()
    }

    fn reference(&mut self, expression: &'m Expr, judge: &mut Judge<'m>) -> Growth {
        let (root, _) = flatten(expression);
        let Expr::Var { span, .. } = root else { return self.growth(root, judge) };
        let name = span.text();
        if self.bindings.contains_key(name) {
            return self.local(name, judge);
        }
        if name == "input" {
            return Growth::SCALAR;
        }
        let path = static_path(expression);
        let targets = self.targets(&path, judge);
        // A path of the package's own that is no rule reaches nothing.
        targets.iter().fold(Growth::SCALAR, |growth, target| growth.or(judge.data(target)))
    }

    fn local(&mut self, name: &'m str, judge: &mut Judge<'m>) -> Growth {
        if let Some(growth) = self.known.get(name) {
            return *growth;
        }
        if !self.open.insert(name) {
            self.is_partial = true;
            return Growth::SCALAR;
        }
        let was_partial = std::mem::replace(&mut self.is_partial, false);
        let mut growth = Growth::SCALAR;
        for binding in self.bindings.get(name).cloned().unwrap_or_default() {
            growth = growth.or(match binding {
                Binding::Whole(value) => self.growth(value, judge),
                Binding::Member(value) => self.growth(value, judge).one(),
                Binding::Given => Growth::SCALAR,
            });
        }
        self.open.remove(name);
        // Nothing is left out of what began here.
        self.is_partial &= !self.open.is_empty();
        if !self.is_partial {
            self.known.insert(name, growth);
        }
        self.is_partial |= was_partial;
        growth
    }

    /// What is collected over a body's loops: a part that does not come from the loop stands in each of its rounds.
    fn collected(&mut self, term: &'m Expr, query: &'m Query, judge: &mut Judge<'m>) -> Growth {
        let loops: Vec<&'m Expr> = loops(query);
        let Some(rounds) = loops.iter().map(|over| self.rounds(over, 0)).reduce(|one, other| one + other)
        else {
            return Growth::SCALAR;
        };
        let inner = bound_in(query);
        match self.unvarying(term, &inner, loops.len(), judge, 0) {
            Some(outside) => outside.times(rounds),
            None => Growth::SCALAR,
        }
    }

    /// What in a term is the same in every round; None where nothing is.
    fn unvarying(
        &mut self,
        term: &'m Expr,
        inner: &BTreeMap<&'m str, Vec<Binding<'m>>>,
        loops: usize,
        judge: &mut Judge<'m>,
        depth: u32,
    ) -> Option<Growth> {
        // Names bound to one another in a circle.
        if depth > HEIGHT_MAX {
            return None;
        }
        self.looks += 1;
        if self.looks > LOOKS_MAX {
            return Some(Growth::UNKNOWN);
        }
        match term {
            Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. } => {
                let (root, steps) = flatten(term);
                let Expr::Var { span, .. } = root else {
                    return self.unvarying(root, inner, loops, judge, depth + 1);
                };
                let Some(bindings) = inner.get(span.text()) else {
                    // Looked up by something of the round, it differs from round to round.
                    let varies = steps.iter().any(|step| match step {
                        Step::Dynamic(Expr::Var { span, .. }) => inner.contains_key(span.text()),
                        Step::Dynamic(_) | Step::Static(_) => false,
                    });
                    return (!varies).then(|| self.reference(term, judge));
                };
                let outside = bindings.iter().filter_map(|binding| match binding {
                    Binding::Whole(value) => self.unvarying(value, inner, loops, judge, depth + 1),
                    // With one loop every member comes once.
                    Binding::Member(over) if loops > 1 => {
                        self.unvarying(over, inner, loops, judge, depth + 1).map(Growth::one)
                    }
                    Binding::Member(_) | Binding::Given => None,
                });
                outside.reduce(Growth::or)
            }
            Expr::String { .. }
            | Expr::RawString { .. }
            | Expr::Number { .. }
            | Expr::Bool { .. }
            | Expr::Null { .. }
            | Expr::UnaryExpr { .. }
            | Expr::BoolExpr { .. }
            | Expr::AssignExpr { .. }
            | Expr::Membership { .. } => None,
            // Made anew in every round, at the price of its own steps; what it is made of may be from outside.
            Expr::ArrayCompr { .. } | Expr::SetCompr { .. } | Expr::ObjectCompr { .. } => {
                let (parts, queries) = parts(term);
                let mut inner = inner.clone();
                for query in queries {
                    inner.extend(bound_in(query));
                }
                let outside = parts
                    .into_iter()
                    .filter_map(|part| self.unvarying(part, &inner, loops, judge, depth + 1));
                outside.reduce(Growth::and).map(|outside| outside.or(self.growth(term, judge)))
            }
            Expr::Array { .. }
            | Expr::Set { .. }
            | Expr::Object { .. }
            | Expr::Call { .. }
            | Expr::BinExpr { .. }
            | Expr::ArithExpr { .. } => {
                let (parts, _) = parts(term);
                let outside =
                    parts.into_iter().filter_map(|part| self.unvarying(part, inner, loops, judge, depth + 1));
                outside.reduce(Growth::and)
            }
        }
    }

    /// How often a loop over something goes round, as a power of two.
    fn rounds(&self, over: &'m Expr, depth: u32) -> f64 {
        if depth > 3 {
            return ROUNDS;
        }
        match over {
            Expr::Array { items, .. } | Expr::Set { items, .. } => power(items.len()),
            Expr::Object { fields, .. } => power(fields.len()),
            Expr::Call { fcn, params, .. } => {
                let name = rule_path(&static_path(fcn));
                let number = |at: usize| match params.get(at).map(|parameter| parameter.as_ref()) {
                    Some(Expr::Number { value: Value::Number(number), .. }) => number.as_i64(),
                    _ => None,
                };
                match (name.as_str(), number(0), number(1)) {
                    ("data.numbers.range", Some(from), Some(to)) => {
                        power(usize::try_from(from.abs_diff(to)).unwrap_or(usize::MAX))
                    }
                    _ => ROUNDS,
                }
            }
            Expr::ArrayCompr { query, .. }
            | Expr::SetCompr { query, .. }
            | Expr::ObjectCompr { query, .. } => {
                loops(query).into_iter().map(|over| self.rounds(over, depth + 1)).sum()
            }
            Expr::Var { span, .. } => {
                let bindings = self.bindings.get(span.text()).map(Vec::as_slice).unwrap_or_default();
                let rounds = bindings.iter().map(|binding| match binding {
                    Binding::Whole(value) => self.rounds(value, depth + 1),
                    Binding::Member(_) | Binding::Given => ROUNDS,
                });
                rounds.reduce(f64::max).unwrap_or(ROUNDS)
            }
            _ => ROUNDS,
        }
    }
}

fn power(count: usize) -> f64 {
    // Precision is of no matter here.
    f64::from(u32::try_from(count.max(1)).unwrap_or(u32::MAX)).log2()
}

/// What the loops of a body run over.
fn loops(query: &Query) -> Vec<&Expr> {
    let mut found = Vec::new();
    for statement in &query.stmts {
        match &statement.literal {
            Literal::SomeIn { collection, .. } => found.push(collection.as_ref()),
            Literal::SomeVars { .. } => {}
            Literal::Expr { expr, .. } => indexed(expr, &mut found),
            Literal::NotExpr { .. } | Literal::Every { .. } => {}
        }
    }
    found
}

/// Collections that are gone through by an index of a name: `x[_]`, `x[i]`. A name with a value is no loop, but may count.
fn indexed<'m>(expression: &'m Expr, found: &mut Vec<&'m Expr>) {
    if let Expr::RefBrack { refr, index, .. } = expression
        && literal_text(index).is_none()
        && matches!(index.as_ref(), Expr::Var { .. })
    {
        found.push(refr);
    }
    if let Expr::Call { fcn, params, .. } = expression
        && static_path(fcn).first().is_some_and(|name| name == "walk")
    {
        found.extend(params.first().map(|parameter| parameter.as_ref()));
    }
    let (parts, _) = parts(expression);
    parts.into_iter().for_each(|part| indexed(part, found));
}

/// The names a pattern binds.
fn bind<'m>(pattern: &'m Expr, binding: Binding<'m>, found: &mut BTreeMap<&'m str, Vec<Binding<'m>>>) {
    match pattern {
        Expr::Var { span, .. } => found.entry(span.text()).or_default().push(binding),
        Expr::Array { items, .. } => items.iter().for_each(|item| bind(item, binding, found)),
        Expr::Object { fields, .. } => {
            fields.iter().for_each(|(_, _, value)| bind(value, binding, found));
        }
        _ => {}
    }
}

/// Names a body binds itself.
fn bound_in<'m>(query: &'m Query) -> BTreeMap<&'m str, Vec<Binding<'m>>> {
    let mut found: BTreeMap<&'m str, Vec<Binding<'m>>> = BTreeMap::new();
    for statement in &query.stmts {
        match &statement.literal {
            Literal::SomeVars { vars, .. } => {
                vars.iter().for_each(|name| found.entry(name.text()).or_default().push(Binding::Given));
            }
            Literal::SomeIn { key, value, collection, .. } => {
                for pattern in key.iter().chain([value]) {
                    bind(pattern, Binding::Member(collection), &mut found);
                }
            }
            Literal::Expr { expr, .. } => {
                if let Expr::AssignExpr { op, lhs, rhs, .. } = expr.as_ref() {
                    if *op == AssignOp::ColEq || matches!(lhs.as_ref(), Expr::Var { .. }) {
                        bind(lhs, Binding::Whole(rhs), &mut found);
                    }
                    if *op == AssignOp::Eq && matches!(rhs.as_ref(), Expr::Var { .. }) {
                        bind(rhs, Binding::Whole(lhs), &mut found);
                    }
                }
            }
            Literal::NotExpr { .. } | Literal::Every { .. } => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use regorus::Engine;

    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut engine = Engine::new();
        engine.add_policy("a.rego".into(), format!("package policy.org.a\n{text}")).unwrap();
        problems(engine.get_modules()).iter().map(Problem::to_string).collect()
    }

    fn chain(first: &str, link: impl Fn(usize) -> String, length: usize) -> String {
        (0..length).fold(first.to_owned(), |text, at| format!("{text}\n{}", link(at)))
    }

    #[test]
    fn what_could_be_copied_without_end_is_refused() {
        let doubled = |at: usize| format!("x{} := [x{at}, x{at}]", at + 1);
        let in_body = format!("r := x40 if {{\n{}\n}}", chain("x0 := input.a", doubled, 40));
        let range = "numbers.range(1, 9000)";
        for (text, expected) in [
            (in_body.as_str(), "a.rego:2: what this makes can hold the same thing millions of times"),
            (
                format!("r if {{\n{}\nx40 == 1\n}}", chain("x0 := input.a", doubled, 40)).as_str(),
                "a.rego:2: what this makes",
            ),
            (
                format!(
                    "r if {{\n{}\nx40 == 1\n}}",
                    chain("x0 = input.a", |at| format!("x{} = [x{at}, x{at}]", at + 1), 40)
                )
                .as_str(),
                "a.rego:2: what this makes",
            ),
            (
                format!(
                    "r if {{\n{}\nx40 == 1\n}}",
                    chain(
                        "x0 := input.a",
                        |at| format!(
                            "[p{at}, q{at}] = y{at}\ny{at} = [x{at}, 1]\nx{} := [p{at}, p{at}]",
                            at + 1
                        ),
                        40
                    )
                )
                .as_str(),
                "a.rego:2: what this makes",
            ),
            (chain("x0 := 1", doubled, 40).as_str(), "a.rego:27: what this makes"),
            (
                chain("x0 := {1}", |at| format!("x{} := {{1: x{at}, 2: x{at}}}", at + 1), 40).as_str(),
                "what this",
            ),
            (
                "f(x) := [x, x, x, x, x, x, x, x]\nr := f(f(f(f(f(f(f(f(f(1)))))))))",
                "a.rego:3: what this makes",
            ),
            (
                chain("x0 := 1", |at| format!("x{} := array.concat(x{at}, x{at})", at + 1), 40).as_str(),
                "what this makes",
            ),
            (
                &format!(
                    "x0 := 1\nx1 := [x0 | some i in {range}]\nx2 := [x1 | some i in {range}]\n\
                     x3 := [x2 | some i in {range}]"
                ),
                "a.rego:4: what this makes",
            ),
            (
                &format!(
                    "r := z if {{ n := [i | some i in {range}]; x := [input.a | some i in n]; y := [x | some i in n]; \
                     z := [y | some i in n] }}"
                ),
                "a.rego:2: what this makes",
            ),
            (
                &format!(
                    "r := z if {{ x := [a | some i in {range}; a := input.a]; z := [y | some i in {range}; y := x; i > 1] }}"
                ),
                "a.rego:2: what this makes",
            ),
            (
                &format!(
                    "a contains [i, input.b] if some i in {range}\nb contains [i, a] if some i in {range}"
                ),
                "a.rego:3: what this makes",
            ),
            (
                format!(
                    "r := [x60 | some i in input.a; x0 := i;\n{}]",
                    (0..60).map(|at| format!("x{} := [x{at}, x{at}]", at + 1)).collect::<Vec<_>>().join("\n")
                )
                .as_str(),
                "a.rego:2: what this makes",
            ),
            (
                &format!(
                    "r := {{k: x | x := input.a; some k in {range}}}\nq := {{k: r | some k in {range}}}"
                ),
                "a.rego:3: what this makes",
            ),
            (
                format!(
                    "r := x600 if {{\n{}\n}}",
                    chain("x0 := 1", |at| format!("x{} := [x{at}]", at + 1), 600)
                )
                .as_str(),
                "a.rego:2: what this makes can be nested hundreds deep",
            ),
        ] {
            let problems = found(text);
            assert!(
                problems.first().is_some_and(|problem| problem.contains(expected)),
                "{text}\n{problems:?}"
            );
        }
    }

    #[test]
    fn ordinary_rules_are_no_growth() {
        let table = format!(
            "table := {{{}}}",
            (0..2000).map(|at| format!("\"k{at}\": [1, 2]")).collect::<Vec<_>>().join(",\n")
        );
        for text in [
            "a := {t | some team in data.teams; some t in team.tools}\n\
             b := {[x, y] | some x in a; some y in data.groups[x]}\n\
             c := [{\"x\": x, \"env\": input.principal.env} | some x in b]\n\
             d := {x.x: x | some x in c}\n\
             deny contains {\"code\": \"c\", \"msg\": sprintf(\"%v\", [x])} if some x in d",
            "names := [name | some name in input.names]\n\
             lower_names := [lower(name) | some name in names]\n\
             sorted := sort(lower_names)\n\
             pairs := [[one, two] | some one in sorted; some two in sorted]",
            "f(x) := [x, 1]\nr := f(f(f(f(f(1)))))",
            "x := 1\ny := [x, x]\nz := [y, y, y]",
            table.as_str(),
        ] {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
        let mut engine = Engine::new();
        for (path, text) in crate::library::MODULES {
            engine.add_policy((*path).into(), (*text).into()).unwrap();
        }
        assert_eq!(problems(engine.get_modules()), []);
    }
}
