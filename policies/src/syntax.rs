//! What the rules of a bundle define, refer to, call and read, taken from the engine's own syntax tree.
//!
//! Facts only, all of them erring towards more: a reference too many refuses a policy or splits a memo
//! entry, one too few would let recursion through or answer one request with another's decision. `gates`
//! judges them. The typed tree is matched without a catch-all arm, so a new kind of expression in the engine
//! cannot go unseen.

use std::collections::{BTreeMap, BTreeSet};

use regorus::Value;
use regorus::unstable::{
    AssignOp, BUILTINS, BoolOp, Expr, Literal, LiteralStmt, Module, Query, Ref, Rule, RuleAssign, RuleBody,
    RuleHead, Span, WithModifier,
};

use crate::source::Problem;

/// Everything known about the modules of a bundle.
pub(crate) struct Syntax {
    pub(crate) modules: Vec<ModuleSyntax>,
    pub(crate) definitions: Vec<Definition>,
}

pub(crate) struct ModuleSyntax {
    pub(crate) package: Vec<String>,
    pub(crate) at: String,
    pub(crate) imports: Vec<ImportSyntax>,
}

pub(crate) struct ImportSyntax {
    /// With its root: `data`, `input`, `rego` or `future`.
    pub(crate) path: Vec<String>,
    pub(crate) at: String,
}

/// One rule as written. Several may share a path.
pub(crate) struct Definition {
    /// Package and name, as far as they are fixed.
    pub(crate) path: Vec<String>,
    pub(crate) package: Vec<String>,
    /// `org/models.rego:12`.
    pub(crate) at: String,
    pub(crate) form: Form,
    /// The only actions it can speak about; `None` when that is not certain.
    pub(crate) actions: Option<BTreeSet<String>>,
    pub(crate) uses: Uses,
    /// Statements of all its bodies, those inside of expressions among them.
    pub(crate) statements: usize,
    /// Expressions and bodies around one another.
    pub(crate) depth: usize,
}

impl Definition {
    /// The first name after the package.
    pub(crate) fn name(&self) -> &str {
        self.path.get(self.package.len()).map_or("", String::as_str)
    }
}

pub(crate) enum Form {
    Function {
        arguments: usize,
    },
    /// `name contains …`, with what is literal in the element.
    Set {
        text: Option<String>,
        code: Option<String>,
        keys: Vec<String>,
    },
    /// `name if …` or `name := …`.
    Complete {
        is_true: bool,
    },
    Default {
        is_false: bool,
        arguments: usize,
    },
    /// A head with more than a name: `name.part := …`, `name[part] if …`.
    Partial,
}

#[derive(Default)]
pub(crate) struct Uses {
    /// Paths under `data`, without it.
    pub(crate) references: BTreeSet<Vec<String>>,
    /// Paths under `input`, without it. The empty path is the whole input.
    pub(crate) reads: BTreeSet<Vec<String>>,
    pub(crate) calls: Vec<Call>,
    /// What a `with` puts in another's place, when it is a name: it may be a function.
    pub(crate) stand_ins: Vec<(String, String)>,
    pub(crate) problems: Vec<Problem>,
}

pub(crate) struct Call {
    /// As written, joined by dots.
    pub(crate) name: String,
    /// Paths under `data` the name may mean.
    pub(crate) targets: Vec<Vec<String>>,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) at: String,
}

/// An argument, as far as it is literal.
#[derive(PartialEq)]
pub(crate) enum Argument {
    Text(String),
    Number(i64),
    Texts(Vec<String>),
    Null,
    Other,
}

impl Syntax {
    pub(crate) fn read(modules: &[Ref<Module>]) -> Syntax {
        let mut rules: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
        for module in modules {
            let names =
                module.policy.iter().filter_map(|rule| static_path(rule_head(rule)).into_iter().next());
            rules.entry(static_path(&module.package.refr)).or_default().extend(names);
        }
        let mut syntax = Syntax { modules: Vec::new(), definitions: Vec::new() };
        for module in modules {
            let package = static_path(&module.package.refr);
            let imports: Vec<ImportSyntax> = module
                .imports
                .iter()
                .map(|import| ImportSyntax { path: static_path(&import.refr), at: place(&import.span) })
                .collect();
            let rules = rules.get(&package).cloned().unwrap_or_default();
            let scope = Scope { package: package.clone(), rules, aliases: aliases(module) };
            for rule in &module.policy {
                syntax.definitions.push(definition(rule, &scope));
            }
            syntax.modules.push(ModuleSyntax { package, at: place(&module.package.span), imports });
        }
        syntax
    }

    /// Every path under `input` any rule reads.
    pub(crate) fn reads(&self) -> impl Iterator<Item = &[String]> {
        self.definitions.iter().flat_map(|definition| &definition.uses.reads).map(Vec::as_slice)
    }
}

struct Scope {
    package: Vec<String>,
    /// Rules of the package, from all its modules.
    rules: BTreeSet<String>,
    /// Name in this module to full path, root included.
    aliases: BTreeMap<String, Vec<String>>,
}

fn aliases(module: &Module) -> BTreeMap<String, Vec<String>> {
    let named = module.imports.iter().filter_map(|import| {
        let path = static_path(&import.refr);
        let name = match &import.r#as {
            Some(name) => name.text().to_owned(),
            None => path.last()?.clone(),
        };
        matches!(path.first().map(String::as_str), Some("data" | "input")).then_some((name, path))
    });
    named.collect()
}

pub(crate) fn rule_head(rule: &Rule) -> &Expr {
    match rule {
        Rule::Default { refr, .. } => refr,
        Rule::Spec { head, .. } => match head {
            RuleHead::Compr { refr, .. } | RuleHead::Set { refr, .. } | RuleHead::Func { refr, .. } => refr,
        },
    }
}

fn definition(rule: &Rule, scope: &Scope) -> Definition {
    let (head, form, actions) = match rule {
        Rule::Spec { head, bodies, .. } => {
            let (refr, form) = head_form(head);
            (refr, form, named_actions(bodies))
        }
        Rule::Default { refr, args, value, .. } => {
            let is_false = matches!(value.as_ref(), Expr::Bool { value: Value::Bool(false), .. });
            (refr, Form::Default { is_false, arguments: args.len() }, None)
        }
    };
    let (_, steps) = flatten(head);
    let form = if steps.is_empty() { form } else { widened(form) };
    let path = scope.package.iter().cloned().chain(static_path(head)).collect();

    // Names declared anywhere in the rule count everywhere in it, so they are collected before they are
    // used.
    let mut walk = Walk {
        scope,
        locals: BTreeSet::new(),
        loops: false,
        uses: Uses::default(),
        statements: 0,
        depth: 0,
        depth_max: 0,
    };
    walk.rule(rule);
    walk.loops = false;
    walk.uses = Uses::default();
    walk.statements = 0;
    walk.rule(rule);
    if walk.loops && outputs(rule).into_iter().any(|output| walk.may_vanish(output)) {
        let message = "what a loop produces here can be undefined, and the engine then drops what it \
            produced before; bind it in the body first, as in `value := x.y`";
        walk.uses.problems.push(Problem::new(place(rule.span()), message));
    }
    let package = scope.package.clone();
    let (statements, depth) = (walk.statements, walk.depth_max);
    Definition { path, package, at: place(rule.span()), form, actions, uses: walk.uses, statements, depth }
}

/// Expressions whose values a rule collects; a function yields one value and is not concerned.
fn outputs(rule: &Rule) -> Vec<&Expr> {
    let Rule::Spec { head, bodies, .. } = rule else { return Vec::new() };
    let (refr, value): (&Expr, Option<&Expr>) = match head {
        RuleHead::Compr { refr, assign, .. } => {
            (refr.as_ref(), assign.as_ref().map(|assign| assign.value.as_ref()))
        }
        RuleHead::Set { refr, key, .. } => (refr.as_ref(), key.as_ref().map(|key| key.as_ref())),
        RuleHead::Func { .. } => return Vec::new(),
    };
    let (_, steps) = flatten(refr);
    let keys = steps.into_iter().filter_map(|step| match step {
        Step::Dynamic(index) => Some(index),
        Step::Static(_) => None,
    });
    let otherwise = bodies.iter().filter_map(|body| body.assign.as_ref()).map(|assign| assign.value.as_ref());
    keys.chain(value).chain(otherwise).collect()
}

fn head_form(head: &RuleHead) -> (&Ref<Expr>, Form) {
    match head {
        RuleHead::Compr { refr, assign, .. } => {
            let is_true = match assign {
                None => true,
                Some(assign) => {
                    matches!(assign.value.as_ref(), Expr::Bool { value: Value::Bool(true), .. })
                }
            };
            (refr, Form::Complete { is_true })
        }
        RuleHead::Set { refr, key, .. } => {
            (refr, key.as_ref().map_or(Form::Partial, |element| set_form(element)))
        }
        RuleHead::Func { refr, args, .. } => (refr, Form::Function { arguments: args.len() }),
    }
}

/// A head of several components is partial, unless it is a function's.
fn widened(form: Form) -> Form {
    match form {
        Form::Function { arguments } => Form::Function { arguments },
        Form::Default { is_false, arguments } if arguments > 0 => Form::Default { is_false, arguments },
        Form::Set { .. } | Form::Complete { .. } | Form::Default { .. } | Form::Partial => Form::Partial,
    }
}

fn set_form(element: &Expr) -> Form {
    let mut keys = Vec::new();
    let mut code = None;
    if let Expr::Object { fields, .. } = element {
        for (_, key, value) in fields {
            let Some(key) = literal_text(key) else { continue };
            if key == "code" {
                code = literal_text(value);
            }
            keys.push(key);
        }
    }
    Form::Set { text: literal_text(element), code, keys }
}

/// Actions named by every body, as `input.action == "…"` or `input.action in {"…", …}`.
pub(crate) fn named_actions(bodies: &[RuleBody]) -> Option<BTreeSet<String>> {
    if bodies.is_empty() {
        return None;
    }
    let mut actions = BTreeSet::new();
    for body in bodies {
        actions.extend(body.query.stmts.iter().find_map(statement_actions)?);
    }
    Some(actions)
}

fn statement_actions(statement: &LiteralStmt) -> Option<Vec<String>> {
    let Literal::Expr { expr, .. } = &statement.literal else { return None };
    if !statement.with_mods.is_empty() {
        return None;
    }
    match expr.as_ref() {
        Expr::BoolExpr { op: BoolOp::Eq, lhs, rhs, .. }
        | Expr::AssignExpr { op: AssignOp::Eq, lhs, rhs, .. } => {
            let text = match (is_action(lhs), is_action(rhs)) {
                (true, false) => literal_text(rhs),
                (false, true) => literal_text(lhs),
                _ => None,
            };
            text.map(|text| vec![text])
        }
        Expr::Membership { key: None, value, collection, .. } if is_action(value) => {
            literal_texts(collection)
        }
        _ => None,
    }
}

fn is_action(expression: &Expr) -> bool {
    let (root, steps) = flatten(expression);
    matches!(root, Expr::Var { span, .. } if span.text() == "input")
        && matches!(steps.as_slice(), [Step::Static(name)] if name == "action")
}

/// Walks one rule and notes what it uses.
struct Walk<'s> {
    scope: &'s Scope,
    locals: BTreeSet<String>,
    /// Whether the rule itself may produce more than once.
    loops: bool,
    uses: Uses,
    statements: usize,
    depth: usize,
    depth_max: usize,
}

impl Walk<'_> {
    fn rule(&mut self, rule: &Rule) {
        match rule {
            Rule::Spec { head, bodies, .. } => {
                self.head(head);
                for body in bodies {
                    self.assign(body.assign.as_ref());
                    self.query(&body.query);
                }
            }
            Rule::Default { args, value, .. } => {
                for argument in args {
                    self.declare(argument);
                }
                self.expression(value);
            }
        }
    }

    fn head(&mut self, head: &RuleHead) {
        let refr = match head {
            RuleHead::Compr { refr, assign, .. } => {
                self.assign(assign.as_ref());
                refr
            }
            RuleHead::Set { refr, key, .. } => {
                if let Some(key) = key {
                    self.expression(key);
                }
                refr
            }
            RuleHead::Func { refr, args, assign, .. } => {
                for argument in args {
                    self.declare(argument);
                    self.expression(argument);
                }
                self.assign(assign.as_ref());
                refr
            }
        };
        let (_, steps) = flatten(refr);
        self.dynamic_steps(&steps);
    }

    fn assign(&mut self, assign: Option<&RuleAssign>) {
        if let Some(assign) = assign {
            self.expression(&assign.value);
        }
    }

    fn query(&mut self, query: &Query) {
        self.statements += query.stmts.len();
        for statement in &query.stmts {
            self.literal(&statement.literal);
            for modifier in &statement.with_mods {
                self.modifier(modifier);
            }
        }
    }

    fn literal(&mut self, literal: &Literal) {
        match literal {
            Literal::SomeVars { vars, .. } => {
                self.loops = true;
                for name in vars {
                    self.locals.insert(name.text().to_owned());
                }
            }
            Literal::SomeIn { key, value, collection, .. } => {
                self.loops = true;
                for pattern in key.iter().chain([value]) {
                    self.declare(pattern);
                    self.expression(pattern);
                }
                self.expression(collection);
            }
            Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => self.expression(expr),
            Literal::Every { key, value, domain, query, .. } => {
                for name in key.iter().chain([value]) {
                    self.locals.insert(name.text().to_owned());
                }
                self.expression(domain);
                self.nested(query);
            }
        }
    }

    /// Loops inside produce nothing of the rule's own.
    fn nested(&mut self, query: &Query) {
        let loops = self.loops;
        self.query(query);
        self.loops = loops;
    }

    /// `with` may mock functions in tests; in a served rule it would hide a call from every check here.
    fn modifier(&mut self, modifier: &WithModifier) {
        let (root, _) = flatten(&modifier.refr);
        let replaces_document =
            matches!(root, Expr::Var { span, .. } if matches!(span.text(), "input" | "data"));
        if !replaces_document {
            let message = "`with` may replace only input and data outside tests";
            self.uses.problems.push(Problem::new(place(&modifier.span), message));
        }
        let stand_in = static_path(&modifier.r#as).join(".");
        if !stand_in.is_empty() {
            self.uses.stand_ins.push((stand_in, place(&modifier.span)));
        }
        self.expression(&modifier.refr);
        self.expression(&modifier.r#as);
    }

    fn expression(&mut self, expression: &Expr) {
        self.depth += 1;
        self.depth_max = self.depth_max.max(self.depth);
        self.expression_inside(expression);
        self.depth -= 1;
    }

    fn expression_inside(&mut self, expression: &Expr) {
        match expression {
            Expr::String { .. }
            | Expr::RawString { .. }
            | Expr::Number { .. }
            | Expr::Bool { .. }
            | Expr::Null { .. } => {}
            Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. } => self.reference(expression),
            Expr::Array { items, .. } | Expr::Set { items, .. } => {
                for item in items {
                    self.expression(item);
                }
            }
            Expr::Object { fields, .. } => {
                for (_, key, value) in fields {
                    self.expression(key);
                    self.expression(value);
                }
            }
            Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
                self.nested(query);
                self.expression(term);
            }
            Expr::ObjectCompr { key, value, query, .. } => {
                self.nested(query);
                self.expression(key);
                self.expression(value);
            }
            Expr::Call { span, fcn, params, .. } => self.call(span, fcn, params),
            Expr::UnaryExpr { expr, .. } => self.expression(expr),
            Expr::AssignExpr { op, lhs, rhs, .. } => {
                if *op == AssignOp::ColEq {
                    self.declare(lhs);
                }
                self.expression(lhs);
                self.expression(rhs);
            }
            Expr::BinExpr { lhs, rhs, .. }
            | Expr::BoolExpr { lhs, rhs, .. }
            | Expr::ArithExpr { lhs, rhs, .. } => {
                self.expression(lhs);
                self.expression(rhs);
            }
            Expr::Membership { key, value, collection, .. } => {
                for part in key.iter().chain([value, collection]) {
                    self.expression(part);
                }
            }
        }
    }

    fn reference(&mut self, expression: &Expr) {
        let (root, steps) = flatten(expression);
        // The engine goes through the steps one inside the other.
        self.depth_max = self.depth_max.max(self.depth + steps.len());
        self.dynamic_steps(&steps);
        if let Expr::Var { span, .. } = root {
            self.name(span.text(), static_prefix(steps));
        } else {
            self.expression(root);
        }
    }

    fn name(&mut self, name: &str, steps: Vec<String>) {
        match name {
            "input" => {
                self.uses.reads.insert(steps);
            }
            "data" => {
                self.uses.references.insert(steps);
            }
            _ => {
                let scope = self.scope;
                if let Some((root, target)) = scope.aliases.get(name).and_then(|path| path.split_first()) {
                    let path: Vec<String> = target.iter().chain(&steps).cloned().collect();
                    if root == "input" {
                        self.uses.reads.insert(path);
                    } else {
                        self.uses.references.insert(path);
                    }
                }
                if !self.locals.contains(name) {
                    let path = self.in_package(name, steps);
                    self.uses.references.insert(path);
                }
            }
        }
    }

    fn call(&mut self, span: &Span, function: &Expr, parameters: &[Ref<Expr>]) {
        let (root, steps) = flatten(function);
        self.dynamic_steps(&steps);
        let fixed = steps.iter().all(|step| matches!(step, Step::Static(_)));
        match root {
            Expr::Var { span: name, .. } if fixed => {
                let steps = static_prefix(steps);
                let targets = self.call_targets(name.text(), &steps);
                let written: Vec<&str> =
                    [name.text()].into_iter().chain(steps.iter().map(String::as_str)).collect();
                let arguments = parameters.iter().map(|parameter| argument(parameter)).collect();
                let name = written.join(".");
                self.loops |= name == "walk";
                self.uses.calls.push(Call { name, targets, arguments, at: place(span) });
            }
            _ => {
                let message = "a function must be called by its name";
                self.uses.problems.push(Problem::new(place(span), message));
            }
        }
        for parameter in parameters {
            self.expression(parameter);
        }
    }

    fn call_targets(&self, name: &str, steps: &[String]) -> Vec<Vec<String>> {
        let aliased: Option<Vec<String>> =
            self.scope.aliases.get(name).and_then(|path| match path.split_first() {
                Some((root, target)) if root == "data" => Some(target.iter().chain(steps).cloned().collect()),
                _ => None,
            });
        let absolute = (name == "data").then(|| steps.to_vec());
        aliased.into_iter().chain(absolute).chain([self.in_package(name, steps.to_vec())]).collect()
    }

    fn in_package(&self, name: &str, steps: Vec<String>) -> Vec<String> {
        self.scope.package.iter().cloned().chain([name.to_owned()]).chain(steps).collect()
    }

    fn dynamic_steps(&mut self, steps: &[Step<'_>]) {
        for step in steps {
            if let Step::Dynamic(index) = *step {
                // A name nobody bound, or a pattern, is what runs over the collection.
                self.loops |= match index {
                    Expr::Var { span, .. } => {
                        !self.locals.contains(span.text()) && !self.is_fixed(span.text())
                    }
                    Expr::Array { .. } | Expr::Object { .. } => true,
                    _ => false,
                };
                self.expression(index);
            }
        }
    }

    /// Whether an expression can be undefined in one round of a loop and defined in another: anything looked
    /// up through a name of the rule's own. The engine (`eval_output_expr_in_loop` of 0.14.1) resets what
    /// earlier rounds collected when one ends undefined, so a denial could erase another.
    fn may_vanish(&self, expression: &Expr) -> bool {
        let any = |parts: &[Ref<Expr>]| parts.iter().any(|part| self.may_vanish(part));
        match expression {
            Expr::String { .. }
            | Expr::RawString { .. }
            | Expr::Number { .. }
            | Expr::Bool { .. }
            | Expr::Null { .. }
            | Expr::Var { .. }
            | Expr::ArrayCompr { .. }
            | Expr::SetCompr { .. }
            | Expr::ObjectCompr { .. } => false,
            Expr::RefDot { .. } | Expr::RefBrack { .. } => self.varies(expression),
            Expr::Array { items, .. } | Expr::Set { items, .. } => any(items),
            Expr::Object { fields, .. } => {
                fields.iter().any(|(_, key, value)| self.may_vanish(key) || self.may_vanish(value))
            }
            // A builtin answers or raises an error; a function of the policy may be undefined.
            Expr::Call { fcn, params, .. } => {
                let builtin = BUILTINS.contains_key(static_path(fcn).join(".").as_str());
                any(params) || (!builtin && params.iter().any(|parameter| self.varies(parameter)))
            }
            Expr::UnaryExpr { expr, .. } => self.may_vanish(expr),
            Expr::BinExpr { lhs, rhs, .. }
            | Expr::BoolExpr { lhs, rhs, .. }
            | Expr::ArithExpr { lhs, rhs, .. }
            | Expr::AssignExpr { lhs, rhs, .. } => self.may_vanish(lhs) || self.may_vanish(rhs),
            Expr::Membership { key, value, collection, .. } => {
                key.iter().chain([value, collection]).any(|part| self.may_vanish(part))
            }
        }
    }

    /// Whether an expression can differ from one round of a loop to the next.
    fn varies(&self, expression: &Expr) -> bool {
        match expression {
            Expr::String { .. }
            | Expr::RawString { .. }
            | Expr::Number { .. }
            | Expr::Bool { .. }
            | Expr::Null { .. } => false,
            Expr::Var { span, .. } => self.locals.contains(span.text()) || !self.is_fixed(span.text()),
            Expr::RefDot { .. } | Expr::RefBrack { .. } => {
                let (root, steps) = flatten(expression);
                self.varies(root)
                    || steps.iter().any(|step| match step {
                        Step::Static(_) => false,
                        Step::Dynamic(index) => self.varies(index),
                    })
            }
            Expr::Call { params, .. } => params.iter().any(|parameter| self.varies(parameter)),
            _ => true,
        }
    }

    /// Names that mean the same throughout an evaluation.
    fn is_fixed(&self, name: &str) -> bool {
        matches!(name, "input" | "data")
            || self.scope.rules.contains(name)
            || self.scope.aliases.contains_key(name)
    }

    /// Notes the names a pattern binds.
    fn declare(&mut self, pattern: &Expr) {
        match pattern {
            Expr::Var { span, .. } => {
                self.locals.insert(span.text().to_owned());
            }
            Expr::Array { items, .. } => {
                for item in items {
                    self.declare(item);
                }
            }
            Expr::Object { fields, .. } => {
                for (_, _, value) in fields {
                    self.declare(value);
                }
            }
            _ => {}
        }
    }
}

pub(crate) enum Step<'e> {
    Static(String),
    Dynamic(&'e Expr),
}

/// A reference as its root and what follows it.
pub(crate) fn flatten(expression: &Expr) -> (&Expr, Vec<Step<'_>>) {
    let mut steps = Vec::new();
    let mut root = expression;
    loop {
        match root {
            Expr::RefDot { refr, field, .. } => {
                steps.push(Step::Static(field.0.text().to_owned()));
                root = refr;
            }
            Expr::RefBrack { refr, index, .. } => {
                steps.push(literal_text(index).map_or(Step::Dynamic(index), Step::Static));
                root = refr;
            }
            _ => break,
        }
    }
    steps.reverse();
    (root, steps)
}

fn static_prefix(steps: Vec<Step<'_>>) -> Vec<String> {
    steps
        .into_iter()
        .map_while(|step| match step {
            Step::Static(name) => Some(name),
            Step::Dynamic(_) => None,
        })
        .collect()
}

/// Root and fixed steps of a reference; empty when it is not one.
pub(crate) fn static_path(expression: &Expr) -> Vec<String> {
    let (root, steps) = flatten(expression);
    match root {
        Expr::Var { span, .. } => [span.text().to_owned()].into_iter().chain(static_prefix(steps)).collect(),
        _ => Vec::new(),
    }
}

fn argument(expression: &Expr) -> Argument {
    match expression {
        Expr::Number { value, .. } => value.as_i64().map_or(Argument::Other, Argument::Number),
        Expr::Null { .. } => Argument::Null,
        Expr::Array { .. } => literal_texts(expression).map_or(Argument::Other, Argument::Texts),
        _ => literal_text(expression).map_or(Argument::Other, Argument::Text),
    }
}

pub(crate) fn literal_text(expression: &Expr) -> Option<String> {
    match expression {
        Expr::String { value: Value::String(text), .. }
        | Expr::RawString { value: Value::String(text), .. } => Some(text.to_string()),
        _ => None,
    }
}

fn literal_texts(expression: &Expr) -> Option<Vec<String>> {
    match expression {
        Expr::Array { items, .. } | Expr::Set { items, .. } => {
            items.iter().map(|item| literal_text(item)).collect()
        }
        _ => None,
    }
}

pub(crate) fn place(span: &Span) -> String {
    format!("{}:{}", span.source.get_path(), span.line)
}

#[cfg(test)]
mod tests {
    use regorus::Engine;

    use super::*;

    fn read(text: &str) -> Syntax {
        let mut engine = Engine::new();
        engine.add_policy("a.rego".into(), text.into()).unwrap();
        Syntax::read(engine.get_modules())
    }

    fn reads_of(body: &str) -> Vec<String> {
        let syntax = read(&format!("package p\nimport input.request as req\nr if {{ {body} }}"));
        let reads: BTreeSet<String> = syntax.reads().map(|path| path.join(".")).collect();
        reads.into_iter().collect()
    }

    #[test]
    fn every_way_to_read_the_input_is_seen() {
        for (body, reads) in [
            ("input.a.b == 1", vec!["a.b"]),
            (r#"input["a"]["b"].c"#, vec!["a.b.c"]),
            ("input.a[0].b", vec!["a"]),
            ("input.a[input.k]", vec!["a", "k"]),
            ("x := input; x.y", vec![""]),
            ("input[_].y", vec![""]),
            ("req.tools", vec!["request.tools"]),
            ("count(req) > 0", vec!["request"]),
            ("some req in [1]; req == 1", vec!["request"]),
            ("not input.a", vec!["a"]),
            ("every k, v in input.m { v == input.n[k] }", vec!["m", "n"]),
            ("x := {v | some v in input.a}", vec!["a"]),
            ("x := {k: v | some k, v in input.a; input.b}", vec!["a", "b"]),
            ("object.get(input.claims, \"x\", input.d) == 1", vec!["claims", "d"]),
            ("data.t[input.a] with input.b as input.c", vec!["a", "b", "c"]),
            ("walk(input, [p, v])", vec![""]),
        ] {
            assert_eq!(reads_of(body), reads, "{body}");
        }
    }

    #[test]
    fn actions_are_named_only_where_every_body_names_them() {
        let one = |action: &str| Some(BTreeSet::from([action.to_owned()]));
        for (rule, actions) in [
            (r#"deny contains "x" if input.action == "tool:use""#, one("tool:use")),
            (r#"deny contains "x" if { input.a; "tool:use" = input["action"] }"#, one("tool:use")),
            (r#"deny contains "x" if { input.action in {"tool:use"}; input.a }"#, one("tool:use")),
            (r#"deny contains "x" if not input.action == "tool:use""#, None),
            (r#"deny contains "x" if input.action != "tool:use""#, None),
            (r#"deny contains "x" if input.action in data.actions"#, None),
            (r#"deny contains "x" if { input.action == "tool:use" with input as {} }"#, None),
            (r#"deny contains "x" if input.a"#, None),
            (r#"deny contains "x""#, None),
            (r#"v := 1 if { input.action == "tool:use" } else := 2 if { input.a }"#, None),
        ] {
            let syntax = read(&format!("package p\n{rule}"));
            assert_eq!(syntax.definitions[0].actions, actions, "{rule}");
        }
    }

    #[test]
    fn calls_and_references_know_their_targets() {
        let syntax =
            read("package p.q\nimport data.lib.exempt\nr if { exempt.active(1); other; some x in [1]; x }");
        let uses = &syntax.definitions[0].uses;
        let path = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(uses.calls[0].name, "exempt.active");
        assert_eq!(uses.calls[0].targets, [path("lib.exempt.active"), path("p.q.exempt.active")]);
        assert_eq!(uses.references, BTreeSet::from([path("p.q.other")]));
    }
}
