//! What must hold of a module's text before the engine's parser sees it.
//!
//! The parser tries one reading of a bracket after another, so its time doubles with each bracket inside another, and what
//! it makes of `1 + 1 + 1 …` is a tree as deep as that is long: walking it, even dropping it, takes stack. Both are
//! visible in the tokens. Whether the text is Rego is the parser's business.

use crate::source::Problem;

/// Brackets inside one another.
const NESTING_MAX: usize = 16;
/// Operators, dots and indices in one expression, those of the expressions around it included.
const CHAIN_MAX: usize = 512;
/// Tokens of a module, each counted twice as often for every bracket around it: how often the parser looks at them.
const EFFORT_MAX: u64 = 1 << 22;

/// The first thing wrong with a module.
pub(crate) fn problem(path: &str, text: &str) -> Option<Problem> {
    let mut scan = Scan { line: 1, chains: vec![0], after: After::Nothing, effort: 0 };
    let mut rest = text.char_indices().peekable();
    while let Some((start, letter)) = rest.next() {
        match letter {
            '\n' => {
                scan.line += 1;
                scan.after = scan.after.apart();
            }
            letter if letter.is_whitespace() => scan.after = scan.after.apart(),
            '#' => while rest.next_if(|(_, letter)| *letter != '\n').is_some() {},
            '"' => {
                // A text ends with its line, whatever the parser then says of it.
                let mut escaped = false;
                while let Some((_, letter)) = rest.next_if(|(_, letter)| *letter != '\n') {
                    if letter == '"' && !escaped {
                        break;
                    }
                    escaped = letter == '\\' && !escaped;
                }
                scan.operand();
            }
            '`' => {
                for (_, letter) in rest.by_ref() {
                    scan.line += usize::from(letter == '\n');
                    if letter == '`' {
                        break;
                    }
                }
                scan.operand();
            }
            letter if is_word(letter) => {
                let mut end = start + letter.len_utf8();
                while let Some((at, letter)) = rest.next_if(|(_, letter)| is_word(*letter)) {
                    end = at + letter.len_utf8();
                }
                match text.get(start..end) {
                    Some("in") => scan.operator(),
                    _ => scan.operand(),
                }
            }
            '(' | '[' | '{' => scan.open(letter),
            ')' | ']' | '}' => scan.close(),
            ',' | ';' => scan.separate(),
            _ => scan.operator(),
        }
        if let Some(message) = scan.excess() {
            return Some(Problem::new(format!("{path}:{}", scan.line), message));
        }
    }
    None
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[derive(Clone, Copy, PartialEq)]
enum After {
    /// An operator or the beginning: what follows belongs to it.
    Nothing,
    /// The end of an operand.
    Operand,
    /// The end of an operand, and space: a bracket is then no index.
    Space,
}

impl After {
    fn apart(self) -> After {
        if self == After::Operand { After::Space } else { self }
    }
}

struct Scan {
    line: usize,
    /// For every bracket that is open, and the whole, the length of the expression that is being read.
    chains: Vec<usize>,
    after: After,
    effort: u64,
}

impl Scan {
    fn operand(&mut self) {
        // Two operands in a row are two expressions.
        if self.after != After::Nothing {
            self.set_chain(0);
        }
        self.after = After::Operand;
        self.count();
    }

    fn operator(&mut self) {
        self.set_chain(self.chain() + 1);
        self.after = After::Nothing;
        self.count();
    }

    fn separate(&mut self) {
        self.set_chain(0);
        self.after = After::Nothing;
        self.count();
    }

    fn open(&mut self, bracket: char) {
        match (self.after, bracket) {
            (After::Operand, '[' | '(') | (After::Space, '(') => self.set_chain(self.chain() + 1),
            (After::Operand | After::Space, _) => self.set_chain(0),
            (After::Nothing, _) => {}
        }
        self.count();
        self.chains.push(0);
        self.after = After::Nothing;
    }

    fn close(&mut self) {
        if self.chains.len() > 1 {
            self.chains.pop();
        }
        self.after = After::Operand;
        self.count();
    }

    fn count(&mut self) {
        let nesting = u32::try_from(self.nesting().min(NESTING_MAX)).unwrap_or(0);
        self.effort = self.effort.saturating_add(1 << nesting);
    }

    fn nesting(&self) -> usize {
        self.chains.len() - 1
    }

    fn chain(&self) -> usize {
        self.chains.last().copied().unwrap_or_default()
    }

    fn set_chain(&mut self, length: usize) {
        if let Some(chain) = self.chains.last_mut() {
            *chain = length;
        }
    }

    fn excess(&self) -> Option<String> {
        if self.nesting() > NESTING_MAX {
            return Some(format!("brackets are nested more than {NESTING_MAX} deep"));
        }
        if self.chains.iter().sum::<usize>() > CHAIN_MAX {
            return Some(format!("an expression has more than {CHAIN_MAX} operators, dots and indices"));
        }
        (self.effort > EFFORT_MAX)
            .then(|| "there is too much inside of brackets; split the file, or move it to data".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<String> {
        problem("a.rego", text).map(|problem| problem.to_string())
    }

    #[test]
    fn what_the_parser_could_not_bear_is_refused_with_its_line() {
        let nested =
            |open: &str, close: &str| format!("package a\nx := {}1{}", open.repeat(17), close.repeat(17));
        let chain = |link: &str| format!("package a\n\nx := y{}", link.repeat(600));
        for (text, expected) in [
            (nested("[", "]"), "a.rego:2: brackets are nested more than 16 deep"),
            (nested("{", "}"), "a.rego:2: brackets are nested"),
            (nested("{\"a\":", "}"), "a.rego:2: brackets are nested"),
            (nested("f(", ")"), "a.rego:2: brackets are nested"),
            (nested("[x | x := ", "]"), "a.rego:2: brackets are nested"),
            (nested("every x in y {\n", "}"), "a.rego:18: brackets are nested"),
            (chain("+1"), "a.rego:3: an expression has more than 512"),
            (chain(" +\n1"), "a.rego:513: an expression has more than 512"),
            (chain("-"), "a.rego:3: an expression"),
            (chain(".a"), "a.rego:3: an expression"),
            (chain("[0]"), "a.rego:3: an expression"),
            (chain("[\n0]"), "an expression"),
            (chain("| {x | some x in y}"), "a.rego:3: an expression"),
            (chain(" in z"), "a.rego:3: an expression"),
            (
                format!("x := {}", "[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]\n".repeat(100)),
                "too much inside of brackets",
            ),
        ] {
            let found = at(&text).unwrap_or_default();
            assert!(found.contains(expected), "{expected}: {found:?}");
        }
    }

    #[test]
    fn ordinary_text_passes_however_long_it_is() {
        let body = |line: &str| format!("package a\nr if {{\n{}}}\n", line.repeat(2000));
        for text in [
            body("\tinput.a.b[0].c == \"[[[[[[[[[[[[[[[[[[[[\"\n"),
            body("\t[a, b] := f(x)\n"),
            body("\t{\"a\", \"b\"} == y # ((((((((((((((((((((((((\n"),
            body("\tx := `{{{{{{{{{{{{{{{{{{{{{{{{\n{{{`\n"),
            body("\tsome x in input.y; x == \"\\\"{[(\"\n"),
            body("\tevery x in [1, 2] { x in data.y }\n"),
            format!("package a\nx := [{}]", "{\"a\": [1, -2.5]},\n".repeat(5000)),
            format!("package a\nx := {}1{}", "[".repeat(16), "]".repeat(16)),
            // Not Rego at all, which is for the parser to say.
            ")]}\"\n`".to_owned(),
            String::new(),
        ] {
            assert_eq!(at(&text), None, "{}", text.chars().take(60).collect::<String>());
        }
        for (path, text) in crate::library::MODULES {
            assert!(problem(path, text).is_none(), "{path}");
        }
    }
}
