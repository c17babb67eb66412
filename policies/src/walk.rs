//! The parts of an expression, for tools that look at rules as written.
//!
//! Matched without a catch-all arm, like `syntax`, so that a new kind of expression in the engine cannot go unseen.

use regorus::unstable::{Expr, Literal, LiteralStmt, Query, Ref, Span};

/// Expressions and queries directly inside an expression.
pub(crate) fn parts(expression: &Expr) -> (Vec<&Ref<Expr>>, Vec<&Ref<Query>>) {
    match expression {
        Expr::String { .. }
        | Expr::RawString { .. }
        | Expr::Number { .. }
        | Expr::Bool { .. }
        | Expr::Null { .. }
        | Expr::Var { .. } => (vec![], vec![]),
        Expr::Array { items, .. } | Expr::Set { items, .. } => (items.iter().collect(), vec![]),
        Expr::Object { fields, .. } => {
            (fields.iter().flat_map(|(_, key, value)| [key, value]).collect(), vec![])
        }
        Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
            (vec![term], vec![query])
        }
        Expr::ObjectCompr { key, value, query, .. } => (vec![key, value], vec![query]),
        Expr::Call { params, .. } => (params.iter().collect(), vec![]),
        Expr::UnaryExpr { expr, .. } => (vec![expr], vec![]),
        Expr::RefDot { refr, .. } => (vec![refr], vec![]),
        Expr::RefBrack { refr, index, .. } => (vec![refr, index], vec![]),
        Expr::BinExpr { lhs, rhs, .. }
        | Expr::BoolExpr { lhs, rhs, .. }
        | Expr::ArithExpr { lhs, rhs, .. }
        | Expr::AssignExpr { lhs, rhs, .. } => (vec![lhs, rhs], vec![]),
        Expr::Membership { key, value, collection, .. } => {
            (key.iter().chain([value, collection]).collect(), vec![])
        }
    }
}

/// The expression a statement stands or falls with.
pub(crate) fn subject(literal: &Literal) -> Option<&Ref<Expr>> {
    match literal {
        Literal::SomeVars { .. } => None,
        Literal::SomeIn { collection, .. } => Some(collection),
        Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => Some(expr),
        Literal::Every { domain, .. } => Some(domain),
    }
}

/// An expression as written. The engine's own places leave out the quotes around a text, and an object's begin within
/// it, so they are widened.
pub(crate) fn expression_text(expression: &Expr) -> &str {
    let span = expression.span();
    source_between(span, beginning(expression), span.end)
}

pub(crate) fn statement_text(statement: &LiteralStmt) -> &str {
    let span = &statement.span;
    let first = match &statement.literal {
        Literal::Expr { expr, .. } => beginning(expr).min(span.start),
        Literal::SomeVars { .. }
        | Literal::SomeIn { .. }
        | Literal::NotExpr { .. }
        | Literal::Every { .. } => span.start,
    };
    source_between(span, first, span.end).trim()
}

/// The line an expression begins on.
pub(crate) fn first_line(expression: &Expr) -> u32 {
    match expression {
        Expr::Object { span, fields, .. } => {
            fields.first().map_or(span.line, |(_, key, _)| first_line(key).min(span.line))
        }
        Expr::BinExpr { lhs, span, .. }
        | Expr::BoolExpr { lhs, span, .. }
        | Expr::ArithExpr { lhs, span, .. }
        | Expr::AssignExpr { lhs, span, .. } => first_line(lhs).min(span.line),
        _ => expression.span().line,
    }
}

fn beginning(expression: &Expr) -> u32 {
    let span = expression.span();
    let bracket_before = |inner: &Expr, bracket: char| {
        let source = span.source.contents();
        let before = usize::try_from(beginning(inner)).ok().and_then(|end| source.get(..end));
        before.and_then(|before| before.rfind(bracket)).and_then(|at| u32::try_from(at).ok())
    };
    let first = match expression {
        Expr::String { .. } | Expr::RawString { .. } => Some(span.start.saturating_sub(1)),
        Expr::Object { fields, .. } => fields.first().and_then(|(_, key, _)| bracket_before(key, '{')),
        Expr::Set { items, .. } => items.first().and_then(|item| bracket_before(item, '{')),
        Expr::Array { items, .. } => items.first().and_then(|item| bracket_before(item, '[')),
        Expr::RefDot { refr, .. } | Expr::RefBrack { refr, .. } => Some(beginning(refr)),
        Expr::BinExpr { lhs, .. }
        | Expr::BoolExpr { lhs, .. }
        | Expr::ArithExpr { lhs, .. }
        | Expr::AssignExpr { lhs, .. } => Some(beginning(lhs)),
        Expr::Membership { key, value, .. } => Some(beginning(key.as_ref().unwrap_or(value))),
        Expr::Number { .. }
        | Expr::Bool { .. }
        | Expr::Null { .. }
        | Expr::Var { .. }
        | Expr::ArrayCompr { .. }
        | Expr::SetCompr { .. }
        | Expr::ObjectCompr { .. }
        | Expr::Call { .. }
        | Expr::UnaryExpr { .. } => None,
    };
    first.map_or(span.start, |first| first.min(span.start))
}

fn source_between(span: &Span, start: u32, end: u32) -> &str {
    let source = span.source.contents().as_str();
    let (start, end) =
        (usize::try_from(start).unwrap_or(usize::MAX), usize::try_from(end).unwrap_or(usize::MAX));
    // Nothing but its own closing quote can follow an expression at once.
    let is_quoted = source.as_bytes().get(end).is_some_and(|byte| matches!(byte, b'"' | b'`'));
    source.get(start..end.saturating_add(usize::from(is_quoted))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use regorus::Engine;
    use regorus::unstable::Rule;

    use super::*;

    #[test]
    fn statements_are_read_back_as_written() {
        let statements = [
            "input.a == \"x\"",
            "\"x\" == input.a",
            "`raw` in {\"b\", \"c\"}",
            "not input.b[\"c\"]",
            "x := {\"a\": 1, \"b\": [\"c\", \"d\"]}",
            "{\"a\": 1, \"b\": 2} == input.o",
            "some i, y in [\"é\", \"z\"]",
            "every z in [1] { z == \"q\" }",
            "startswith(\"ab\", \"a\")",
            "(1 + 2) * 3 == input.n",
            "count([w | some w in input.list; w != \"\"]) > 0",
            "input.m == \"n\" with input.m as \"n\"",
        ];
        let text = format!("package a\nr if {{\n{}\n}}", statements.join("\n"));
        let mut engine = Engine::new();
        engine.add_policy("a.rego".into(), text).unwrap();
        let modules = engine.get_modules();
        let Rule::Spec { bodies, .. } = modules[0].policy[0].as_ref() else { panic!() };
        let read: Vec<&str> = bodies[0].query.stmts.iter().map(statement_text).collect();
        assert_eq!(read, statements);
        let parts: Vec<&str> = bodies[0]
            .query
            .stmts
            .iter()
            .filter_map(|one| subject(&one.literal))
            .map(|one| expression_text(one))
            .collect();
        assert_eq!(&parts[3..5], ["input.b[\"c\"]", statements[4]]);
        assert_eq!((parts[5], parts[6]), (statements[5], "[\"é\", \"z\"]"));
    }
}
