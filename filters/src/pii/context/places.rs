//! Where a value stands when it does not follow its words: in the column of a table, among the values of a
//! database statement, or in the answer to a question. It finds places only; what a value must look like is
//! the business of whoever asks.

use super::super::field::Field;
use super::super::words::Words;
use super::{STOPS, is_any, is_token, token_end};

/// From where to where a cell's value goes, without quotes and spaces.
pub(super) type Cell = (usize, usize);

const HEADER_BYTES_MAX: usize = 512;
const NAME_BYTES_MAX: usize = 40;
const ROW_BYTES_MAX: usize = 4096;
const ROWS_MAX: usize = 256;
/// How much of tables one search reads, however many columns have names that ask.
const READ_BYTES_MIN: usize = 64 * 1024;
const READ_SHARE_MAX: usize = 8;

/// The cells below or behind the column that the words from `start` to `end` name. Nothing when they name
/// no column. `read` counts bytes over a whole search.
pub(super) fn cells(field: Field<'_>, start: usize, end: usize, read: &mut usize) -> Option<Vec<Cell>> {
    if *read > READ_BYTES_MIN + field.len().saturating_mul(READ_SHARE_MAX) {
        return None;
    }
    let cells = statement(field, start, end).or_else(|| table(field, start, end))?;
    *read += cells.last().map_or(HEADER_BYTES_MAX, |(_, last)| last.saturating_sub(start));
    Some(cells)
}

fn is_name(byte: u8) -> bool {
    NAMES.get(usize::from(byte)).is_some_and(|is_name| *is_name)
}

/// What names of columns are made of.
static NAMES: [bool; 256] = names();

#[expect(
    clippy::indexing_slicing,
    reason = "done while the program is built, and within the bounds asked for"
)]
const fn names() -> [bool; 256] {
    let mut names = [false; 256];
    let mut byte = 0;
    while byte < names.len() {
        let one = byte as u8;
        let sign = matches!(one, b'_' | b'-' | b' ' | b'.' | b'/' | b'#' | b'"' | b'\'' | b'*' | b'`');
        names[byte] = sign || one.is_ascii_alphanumeric() || one >= 0x80;
        byte += 1;
    }
    names
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b',' | b';' | b'\t' | b'|')
}

/// How many bytes the line break at `position` has, as such or as JSON writes it.
fn line_break(field: Field<'_>, position: usize) -> usize {
    match (field.at(position), field.at(position + 1)) {
        (b'\n', _) => 1,
        (b'\r', b'\n') | (b'\\', b'n') => 2,
        (b'\\', b'r') => 4,
        _ => 0,
    }
}

/// The end of the line from `start`, within bounds.
fn line_end(field: Field<'_>, start: usize) -> usize {
    line_end_within(field, start, ROW_BYTES_MAX)
}

fn line_end_within(field: Field<'_>, start: usize, bytes_max: usize) -> usize {
    let limit = field.len().min(start.saturating_add(bytes_max));
    let breaks = memchr::memchr3_iter(b'\n', b'\r', b'\\', field.slice(start, limit));
    breaks.map(|at| start + at).find(|position| line_break(field, *position) > 0).unwrap_or(limit)
}

fn line_start(field: Field<'_>, position: usize) -> usize {
    let floor = position.saturating_sub(HEADER_BYTES_MAX);
    // An escaped line break may begin before the window and end within it.
    let from = floor.saturating_sub(1);
    let breaks = memchr::memchr2_iter(b'\n', b'\\', field.slice(from, position)).rev();
    let mut starts = breaks.map(|at| match field.at(from + at) {
        b'\n' => from + at + 1,
        _ if field.at(from + at + 1) == b'n' => from + at + 2,
        _ => 0,
    });
    starts.find(|start| (floor + 1..=position).contains(start)).unwrap_or(floor)
}

/// A table with the words in its first row: values between delimiters, as a spreadsheet or a document
/// writes them.
fn table(field: Field<'_>, start: usize, end: usize) -> Option<Vec<Cell>> {
    // In prose names have no end: seen before a whole row is read.
    let near = field.slice(start.saturating_sub(NAME_BYTES_MAX + 2), start);
    if near.len() > NAME_BYTES_MAX + 1 && near.iter().all(|byte| is_name(*byte)) {
        return None;
    }
    let after = field.slice(end, field.len().min(end + NAME_BYTES_MAX));
    // No line break begins with a byte that names are made of.
    let name_end = end + after.iter().take_while(|byte| is_name(**byte)).count();
    let ends_row = name_end == field.len() || line_break(field, name_end) > 0;
    if !ends_row && !is_delimiter(field.at(name_end)) {
        return None;
    }
    let row = line_start(field, start);
    let before = field.slice(row, start);
    let name = before.iter().rev().take_while(|byte| is_name(**byte)).count();
    let name_start = start - name;
    let opening = name_start.checked_sub(1).filter(|_| name_start > row).map(|before| field.at(before));
    let delimiter = match opening {
        Some(byte) if !is_delimiter(byte) => return None,
        Some(byte) if ends_row => byte,
        None if ends_row => return None,
        _ => field.at(name_end),
    };
    let row_end = line_end_within(field, name_end, (row + HEADER_BYTES_MAX + 1).saturating_sub(name_end));
    let header = field.slice(row, row_end);
    if header.len() > HEADER_BYTES_MAX {
        return None;
    }
    let plain =
        header.iter().all(|byte| is_name(*byte) || is_delimiter(*byte) || matches!(byte, b'(' | b')'));
    let numbered = header.windows(3).any(|three| three.iter().all(u8::is_ascii_digit));
    if !plain || numbered || name > NAME_BYTES_MAX {
        return None;
    }
    let count = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == delimiter).count();
    let (index, columns) = (count(field.slice(row, name_start)), count(header));
    let mut next = row_end + line_break(field, row_end);
    let ruled = line_end(field, next);
    let rule = field.slice(next, ruled);
    let is_rule =
        rule.contains(&b'-') && rule.iter().all(|byte| matches!(byte, b'-' | b'|' | b':' | b'+' | b' '));
    if is_rule {
        next = ruled + line_break(field, ruled);
    } else if header.first() == Some(&b'|') || continues(field, row, delimiter, columns) {
        return None;
    }
    let mut cells = Vec::new();
    for _ in 0..ROWS_MAX {
        let end = line_end(field, next);
        let Some(cell) = cell(field, next, end, delimiter, index, columns) else { break };
        cells.push(cell);
        let width = line_break(field, end);
        if width == 0 {
            break;
        }
        next = end + width;
    }
    (!cells.is_empty()).then_some(cells)
}

/// Whether the row at `row` is not the first of its table.
fn continues(field: Field<'_>, row: usize, delimiter: u8, columns: usize) -> bool {
    let Some(end) = row.checked_sub(1) else { return false };
    let previous = field.slice(line_start(field, end), end);
    previous.iter().filter(|byte| **byte == delimiter).count() == columns
}

/// The cell with `index` in the row from `start` to `end`, if that has as many delimiters as the header.
fn cell(
    field: Field<'_>,
    start: usize,
    end: usize,
    delimiter: u8,
    index: usize,
    columns: usize,
) -> Option<Cell> {
    let (mut quoted, mut count) = (false, 0);
    let (mut cell_start, mut cell_end) = (start, end);
    for position in start..end {
        let byte = field.at(position);
        quoted ^= byte == b'"';
        if byte == delimiter && !quoted {
            count += 1;
            if count == index {
                cell_start = position + 1;
            } else if count == index + 1 {
                cell_end = position;
            }
        }
    }
    (count == columns).then(|| trimmed(field, cell_start, cell_end))
}

fn trimmed(field: Field<'_>, start: usize, end: usize) -> Cell {
    let is_edge = |byte: &u8| matches!(byte, b' ' | b'\t' | b'"' | b'\'' | b'\\' | b'`' | b'\r');
    let bytes = field.slice(start, end);
    let before = bytes.iter().take_while(|byte| is_edge(byte)).count();
    let after = bytes.iter().skip(before).rev().take_while(|byte| is_edge(byte)).count();
    (start + before, end.max(start + before + after) - after)
}

/// Where the value starts whose label, which ends at `end`, stands in a member or an element of its own:
/// `{"label":"MRN"},"value":"..."`, `<dt>MRN</dt><dd>...`.
pub(super) fn wrapped(field: Field<'_>, end: usize) -> Option<usize> {
    const WRAPPING_BYTES_MAX: usize = 96;
    const MEMBERS: [&str; 5] = ["value", "val", "answer", "text", "content"];
    let limit = field.len().min(end + WRAPPING_BYTES_MAX);
    let after = |mut position: usize| {
        while position < limit && matches!(field.at(position), b' ' | b'\t' | b'\n' | b'\r') {
            position += 1;
        }
        position
    };
    let mut position = after(end + usize::from(field.at(end) == b':'));
    if field.at(position) == b'<' {
        let mut opened = false;
        while field.at(position) == b'<' && position < limit {
            opened |= field.at(position + 1) != b'/';
            let tag = field.slice(position, limit).iter().position(|byte| *byte == b'>')?;
            position = after(position + tag + 1);
        }
        return (opened && position < limit).then_some(position);
    }
    if field.at(position) != b'"' {
        return None;
    }
    position = after(position + 1);
    while matches!(field.at(position), b'}' | b',' | b']') {
        position = after(position + 1);
    }
    if field.at(position) != b'"' {
        return None;
    }
    let name = token_end(field, position + 1);
    let is_value = field.at(name) == b'"' && is_any(field.slice(position + 1, name), &MEMBERS);
    let colon = after(name + 1);
    let start = after(colon + 1);
    (is_value && field.at(colon) == b':' && field.at(start) == b'"' && start + 1 < limit).then_some(start + 1)
}

/// `INSERT INTO people (name, column) VALUES ('...', '...')`, or `COPY people (name, column) FROM stdin;` and rows.
fn statement(field: Field<'_>, start: usize, end: usize) -> Option<Vec<Cell>> {
    let is_list = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'_' | b',' | b' ' | b'`' | b'"' | b'[' | b']' | b'\n' | b'\t')
    };
    let before = field.slice(start.saturating_sub(HEADER_BYTES_MAX), start);
    let listed = before.get(memchr::memrchr(b'(', before)? + 1..).unwrap_or_default();
    let opening = start - listed.len() - 1;
    if !listed.iter().all(|byte| is_list(*byte)) {
        return None;
    }
    let after = field.slice(end, field.len().min(end + HEADER_BYTES_MAX));
    let closing = end + after.iter().take_while(|byte| is_list(**byte)).count();
    let index = field.slice(opening, start).iter().filter(|byte| **byte == b',').count();
    let values = skip_space(field, closing + 1);
    if field.at(closing) != b')' {
        return None;
    }
    if field.slice(values, values + 10).eq_ignore_ascii_case(b"from stdin") {
        let columns = field.slice(opening, closing).iter().filter(|byte| **byte == b',').count();
        return copied(field, line_end(field, values), index, columns);
    }
    if !field.slice(values, values + 6).eq_ignore_ascii_case(b"values") {
        return None;
    }
    let mut position = skip_space(field, values + 6);
    let mut cells = Vec::new();
    while field.at(position) == b'(' && cells.len() < ROWS_MAX {
        let (cell, end) = tuple(field, position + 1, index)?;
        cells.push(cell);
        let next = skip_space(field, end + 1);
        if field.at(next) != b',' {
            break;
        }
        position = skip_space(field, next + 1);
    }
    (!cells.is_empty()).then_some(cells)
}

/// The cells with `index` in the lines behind `end`, until one has another number of tabs.
fn copied(field: Field<'_>, end: usize, index: usize, columns: usize) -> Option<Vec<Cell>> {
    let mut cells = Vec::new();
    let mut next = end + line_break(field, end);
    for _ in 0..ROWS_MAX {
        let end = line_end(field, next);
        let Some(cell) = cell(field, next, end, b'\t', index, columns) else { break };
        cells.push(cell);
        let width = line_break(field, end);
        if width == 0 {
            break;
        }
        next = end + width;
    }
    (!cells.is_empty()).then_some(cells)
}

fn skip_space(field: Field<'_>, start: usize) -> usize {
    let mut position = start;
    for _ in 0..16 {
        position += match field.at(position) {
            b' ' | b'\t' => 1,
            _ => match line_break(field, position) {
                0 => break,
                width => width,
            },
        };
    }
    position
}

/// The value with `index` of the tuple that begins at `start`, and where the tuple is closed.
fn tuple(field: Field<'_>, start: usize, index: usize) -> Option<(Cell, usize)> {
    let (mut quoted, mut count) = (false, 0);
    let (mut cell_start, mut cell_end) = (start, None);
    for position in start..field.len().min(start + ROW_BYTES_MAX) {
        match field.at(position) {
            b'\'' => quoted = !quoted,
            b',' if !quoted => {
                count += 1;
                if count == index {
                    cell_start = position + 1;
                } else if count == index + 1 {
                    cell_end = Some(position);
                }
            }
            b')' if !quoted => {
                let end = cell_end.unwrap_or(position);
                return (count >= index).then(|| (trimmed(field, cell_start, end), position));
            }
            _ => {}
        }
    }
    None
}

/// Words that tie a value to what it is, and whose it may be.
const COPULAS: [&str; 20] = [
    "is", "was", "are", "were", "ist", "war", "sind", "est", "es", "era", "è", "é", "to", "jest", "är", "er",
    "on", "as", "als", "comme",
];
const DETERMINERS: [&str; 44] = [
    "my", "the", "his", "her", "their", "our", "your", "its", "a", "an", "this", "mein", "meine", "das",
    "die", "der", "sein", "ihr", "mon", "ma", "le", "la", "son", "mi", "el", "su", "il", "mio", "mia", "lo",
    "o", "meu", "minha", "mijn", "het", "de", "mój", "moje", "min", "mitt", "mit", "det", "one", "l'",
];
const NEGATIONS: [&str; 6] = ["not", "no", "never", "without", "kein", "nicht"];
static TIES: Words = Words::new(&COPULAS);
static DETERMINES: Words = Words::new(&DETERMINERS);
static NEGATES: Words = Words::new(&NEGATIONS);
const BEFORE_BYTES_MAX: usize = 40;

/// Where the value ends that stands before the words from `start` to `end`: "X is my ...", "X as the new ...",
/// "X (...)". Between may stand two words besides whose it is.
pub(super) fn before(field: Field<'_>, start: usize, end: usize) -> Option<usize> {
    const WORDS_MAX: usize = 4;
    let floor = start.saturating_sub(BEFORE_BYTES_MAX);
    let mut position = start;
    let mut behind: &[u8] = &[];
    for _ in 0..=WORDS_MAX {
        position = spaces_before(field, position);
        if position <= floor {
            return None;
        }
        if field.at(position - 1) == b'(' {
            let value_end = spaces_before(field, position - 1);
            return (ends_phrase(field, end) && !is_counted(field, value_end)).then_some(value_end);
        }
        let word_start = word_before(field, position);
        let word = field.slice(word_start, position);
        if word.is_empty() || word.iter().any(u8::is_ascii_digit) || NEGATES.has(word) {
            return None;
        }
        if TIES.has(word) && (DETERMINES.has(behind) || behind.ends_with(b"'s")) {
            let value_end = spaces_before(field, word_start);
            return (ends_phrase(field, end) && !is_counted(field, value_end)).then_some(value_end);
        }
        behind = word;
        position = word_start;
    }
    None
}

/// Whether the words that end at `end` are not the beginning of a longer name: "the CVV section".
fn ends_phrase(field: Field<'_>, end: usize) -> bool {
    const GO_ON: [&str; 40] = [
        "of", "for", "on", "in", "from", "and", "at", "to", "with", "which", "that", "you", "i", "is", "was",
        "but", "by", "if", "so", "now", "please", "not", "von", "für", "und", "der", "des", "de", "du",
        "pour", "del", "para", "di", "per", "y", "e", "et", "van", "voor", "we",
    ];
    const SAME: [&str; 14] = [
        "number",
        "no",
        "nr",
        "num",
        "code",
        "id",
        "card",
        "identifier",
        "nummer",
        "numero",
        "número",
        "numéro",
        "numer",
        "reference",
    ];
    let mut position = end;
    for _ in 0..2 {
        let next = position + usize::from(matches!(field.at(position), b' ' | b'_' | b'-'));
        if next == position || !is_token(field.at(next)) {
            return true;
        }
        let word_end = token_end(field, next);
        let word = field.slice(next, word_end);
        if is_any(word, &GO_ON) {
            return true;
        }
        if !is_any(word, &SAME) {
            return false;
        }
        position = word_end;
    }
    true
}

/// Whether the number that ends at `end` is one of a row of things: "ticket 4417", "section 418".
fn is_counted(field: Field<'_>, end: usize) -> bool {
    const THINGS: [&str; 34] = [
        "ticket",
        "step",
        "commit",
        "section",
        "chapter",
        "table",
        "figure",
        "room",
        "page",
        "line",
        "version",
        "route",
        "flight",
        "order",
        "item",
        "issue",
        "pr",
        "patch",
        "build",
        "release",
        "article",
        "paragraph",
        "model",
        "part",
        "invoice",
        "case",
        "bug",
        "port",
        "error",
        "row",
        "column",
        "field",
        "test",
        "question",
    ];
    let before = field.slice(end.saturating_sub(BEFORE_BYTES_MAX), end);
    let value = before.iter().rev().take_while(|byte| !byte.is_ascii_whitespace()).count();
    let start = spaces_before(field, end - value);
    let word = field.slice(word_before(field, start), start);
    is_any(word, &THINGS)
}

/// Where the text ends that stands so many words before `start`.
pub(super) fn words_before(field: Field<'_>, start: usize, words: usize) -> Option<usize> {
    let mut position = spaces_before(field, start);
    for _ in 0..words {
        let word_start = word_before(field, position);
        let word = field.slice(word_start, position);
        if word.is_empty() || word.iter().any(u8::is_ascii_digit) {
            return None;
        }
        position = spaces_before(field, word_start);
    }
    (position > 0).then_some(position)
}

fn spaces_before(field: Field<'_>, position: usize) -> usize {
    let before = field.slice(position.saturating_sub(BEFORE_BYTES_MAX), position);
    let is_space = |byte: &&u8| matches!(**byte, b' ' | b'"' | b'\'' | b'*' | b'`');
    position - before.iter().rev().take_while(is_space).count()
}

fn word_before(field: Field<'_>, position: usize) -> usize {
    let before = field.slice(position.saturating_sub(BEFORE_BYTES_MAX), position);
    position - before.iter().rev().take_while(|byte| is_token(**byte) || **byte == b'\'').count()
}

const STARTS_MAX: usize = 5;

/// The starts of the last words before `end`, nearest first: a value may have several.
pub(super) fn starts_before(field: Field<'_>, end: usize) -> [Option<usize>; STARTS_MAX] {
    const VALUE_BYTES_MAX: usize = 32;
    let mut starts = [None; STARTS_MAX];
    let floor = end.saturating_sub(VALUE_BYTES_MAX);
    let mut position = end;
    for place in &mut starts {
        let before = field.slice(floor, position);
        let run = before.iter().rev().take_while(|byte| !byte.is_ascii_whitespace()).count();
        let word = field.slice(position - run, position);
        let marks =
            word.iter().take_while(|byte| matches!(byte, b'(' | b'[' | b'"' | b'\'' | b'*' | b'`')).count();
        if run == marks || !word.get(marks).is_some_and(|byte| is_token(*byte)) {
            break;
        }
        *place = Some(position - run + marks);
        let spaced = field.slice(floor, position - run).ends_with(b" ");
        if !spaced || marks > 0 {
            break;
        }
        position -= run + 1;
    }
    starts
}

/// Where the value starts that is listed behind the one that ends at `end`, and whether it takes its place: "X and
/// Y", "X, Y", "X / Y", "from X to Y".
pub(super) fn listed(field: Field<'_>, end: usize) -> Option<(usize, bool)> {
    const SEPARATORS: [&str; 29] = [
        "\", \"", "\",\"", ", and ", ", or ", " and ", " or ", " & ", " und ", " oder ", " et ", " ou ",
        " y ", " e ", " i ", " og ", " och ", " en ", ", ", "; ", " / ", "/", " | ", ",", "、", "和", " to ",
        " auf ", " naar ", " na ",
    ];
    const CHANGES: [&str; 4] = [" to ", " auf ", " naar ", " na "];
    let rest = field.bytes().get(end..)?;
    let separator = SEPARATORS.iter().find(|separator| rest.starts_with(separator.as_bytes()))?;
    Some((end + separator.len(), CHANGES.contains(separator)))
}

/// Whether both have letters, digits and signs in the same places.
pub(super) fn is_written_alike(one: &[u8], other: &[u8]) -> bool {
    let class = |byte: &u8| match byte {
        b'0'..=b'9' => b'9',
        b'A'..=b'Z' => b'A',
        b'a'..=b'z' => b'a',
        sign => *sign,
    };
    one.len() == other.len() && one.iter().map(class).eq(other.iter().map(class))
}

const QUESTION_BYTES_MAX: usize = 96;
const TURNS_MAX: usize = 3;
const TURN_BYTES_MAX: usize = 120;
const ANSWER_WORDS_MAX: usize = 6;
const ROLES: [&str; 14] = [
    "user",
    "human",
    "customer",
    "client",
    "caller",
    "patient",
    "me",
    "a",
    "assistant",
    "agent",
    "bot",
    "support",
    "operator",
    "answer",
];
/// Words after which an answer speaks of something else.
const ELSEWHERE: [&str; 8] = ["call", "phone", "tel", "at", "ticket", "case", "order", "ref"];
/// Words with which a statement gives what the one before it asked for.
const GIVES: [&str; 9] = ["mine", "it's", "its", "here", "here's", "that's", "meine", "meiner", "meines"];
/// What is as long as that needs no end of a sentence behind it.
const LONG_ANSWER_BYTES: usize = 9;

/// What `read` makes of the answer to the question that asks for what the words before `end` name.
pub(super) fn answer<T>(
    field: Field<'_>,
    end: usize,
    mut read: impl FnMut(usize) -> Option<(T, usize)>,
) -> Option<T> {
    let window = field.slice(end, field.len().min(end + QUESTION_BYTES_MAX));
    let sentence = memchr::memchr3(b'?', b'.', b'!', window);
    let before = window.get(..sentence.unwrap_or(window.len())).unwrap_or_default();
    let asked = memchr::memchr2(b'\n', b';', before).or(sentence)?;
    if window.iter().take(asked).any(u8::is_ascii_digit) {
        return None;
    }
    let mut position = end + asked + 1;
    let question = window.get(asked) == Some(&b'?');
    let mut turned = false;
    for _ in 0..TURNS_MAX {
        let (start, marked) = skip_to_turn(field, position, &mut turned)?;
        let first = field.slice(start, token_end(field, start));
        let gives =
            is_any(first, &GIVES) || first.eq_ignore_ascii_case(b"it") && field.at(start + 2) == b'\'';
        // A request needs no question mark when another speaker answers it.
        if !question && !marked && !gives {
            return None;
        }
        let lead_in = if turned || gives { ANSWER_WORDS_MAX } else { 0 };
        let limit = field.len().min(start + TURN_BYTES_MAX);
        let mut words = 0;
        position = start;
        let mut again = false;
        while position < limit && line_break(field, position) == 0 {
            let byte = field.at(position);
            if !is_token(byte) {
                again |= byte == b'?';
                position += 1;
                continue;
            }
            if words <= lead_in
                && !again
                && let Some((value, value_end)) = read(position)
                && (ends_answer(field, value_end) || turned && value_end - position >= LONG_ANSWER_BYTES)
            {
                return Some(value);
            }
            let token_end = token_end(field, position);
            let word = field.slice(position, token_end);
            if word.iter().any(u8::is_ascii_digit) || STOPS.has(word) || is_any(word, &ELSEWHERE) {
                return None;
            }
            words += 1;
            position = token_end;
        }
        if !again {
            return None;
        }
    }
    None
}

/// Where the words of the next turn begin, and whether its speaker is named.
fn skip_to_turn(field: Field<'_>, start: usize, turned: &mut bool) -> Option<(usize, bool)> {
    let mut position = start;
    for _ in 0..16 {
        let width = line_break(field, position);
        if width > 0 {
            *turned = true;
            position += width;
        } else if matches!(field.at(position), b' ' | b'\t' | b'-' | b'>' | b'*' | b'"' | b')' | b'[') {
            position += 1;
        } else {
            break;
        }
    }
    // "[10:04] Customer: ..." tells the time of a turn.
    let time = field.slice(position, field.len().min(position + 8));
    let clock = time.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b':').count();
    if *turned && clock >= 4 && time.contains(&b':') && matches!(field.at(position + clock), b']' | b' ') {
        position += clock + 1 + usize::from(field.at(position + clock + 1) == b' ');
    }
    if !is_token(field.at(position)) && field.at(position) != b'\'' {
        return None;
    }
    let end = token_end(field, position);
    let closed =
        end + usize::from(matches!(field.at(end), b']' | b'*')) + usize::from(field.at(end + 1) == b'*');
    let named = field.at(closed) == b':' && is_any(field.slice(position, end), &ROLES);
    Some(if named { (closed + 1, *turned) } else { (position, false) })
}

fn ends_answer(field: Field<'_>, end: usize) -> bool {
    let next = field.at(end);
    end >= field.len()
        || matches!(next, b',' | b';' | b'"' | b')' | b'!' | b'<')
        || line_break(field, end) > 0
        || (next == b'.' && !field.at(end + 1).is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column<'t>(text: &'t str, name: &str) -> Option<Vec<&'t str>> {
        let start = text.find(name).unwrap();
        let found = cells(Field::new("", text), start, start + name.len(), &mut 0)?;
        Some(found.into_iter().map(|(start, end)| &text[start..end]).collect())
    }

    #[test]
    fn lines_begin_and_end_where_a_plain_loop_says_so() {
        let pieces = ["\n", "\\n", "\r\n", "\\r\\n", "n", "\\", "ab", "c, d", "\r"];
        for seed in 0..2000_usize {
            let chosen = (0..seed % 7).map(|at| pieces[(seed / (at + 1) + at * 5) % pieces.len()]);
            let text = format!("{}{}", "x".repeat(seed % 3 * 255), chosen.collect::<String>());
            let field = Field::new("", &text);
            for place in 0..=text.len() {
                let floor = place.saturating_sub(HEADER_BYTES_MAX);
                let is_start =
                    |start: &usize| text[..*start].ends_with('\n') || text[..*start].ends_with("\\n");
                let start = (floor + 1..=place).rev().find(is_start).unwrap_or(floor);
                assert_eq!(line_start(field, place), start, "{text:?}");
                let end = (place..text.len()).find(|end| line_break(field, *end) > 0);
                assert_eq!(line_end(field, place), end.unwrap_or(text.len()), "{text:?}");
                let near = (place + 2).min(text.len());
                let end = (place..near).find(|end| line_break(field, *end) > 0);
                assert_eq!(line_end_within(field, place, 2), end.unwrap_or(near), "{text:?}");
            }
        }
    }

    #[test]
    fn columns_are_read_below_their_names() {
        for (text, name, values) in [
            ("id,utr,x\n1,22,a\n2,33,b", "utr", vec!["22", "33"]),
            ("id;utr\r\n1;\"22\"\r\n", "utr", vec!["22"]),
            ("utr_number\tname\n22\tann\n", "utr", vec!["22"]),
            (r"id,utr\n1,22\n2,33", "utr", vec!["22", "33"]),
            ("id,\"utr\"\n\"a, b\",22", "utr", vec!["22"]),
            ("| Name | UTR |\n|---|---|\n| Ann | 22 |\n", "UTR", vec!["22"]),
            ("INSERT INTO p (name, utr) VALUES ('a, b', '22'), ('c', '33');", "utr", vec!["22", "33"]),
            ("COPY p (name, utr, x) FROM stdin;\na\t22\tb\nc\t33\td\n\\.", "utr", vec!["22", "33"]),
        ] {
            assert_eq!(column(text, name), Some(values), "{text}");
        }
        for text in [
            "utr 22",
            "my utr, please\nthanks",
            "utr: 22, a\n1,2",
            "| utr | 22 |\n| b | c |",
            "a(utr) b",
            "1,a\nutr,b\n",
        ] {
            assert_eq!(column(text, "utr"), None, "{text}");
        }
    }

    #[test]
    fn values_stand_in_members_and_elements_of_their_own() {
        for (text, value) in [
            ("{\"type\":{\"text\":\"utr\"},\"value\":\"22\"}", Some("22\"}")),
            ("{\"label\": \"utr\", \"value\": \"22\"}", Some("22\"}")),
            ("<dt>utr</dt>\n<dd>22</dd>", Some("22</dd>")),
            ("<b>utr:</b> <i>22", Some("22")),
            ("<td>utr</td>", None),
            ("{\"label\":\"utr\",\"unit\":\"22\"}", None),
            ("utr is 22", None),
        ] {
            let end = text.find("utr").unwrap() + 3;
            assert_eq!(wrapped(Field::new("", text), end).map(|start| &text[start..]), value, "{text}");
        }
    }

    #[test]
    fn answers_stand_in_the_next_turns() {
        let read = |text: &str| {
            let field = Field::new("", text);
            answer(field, text.find("code").unwrap() + 4, |start| {
                let end = token_end(field, start);
                (field.slice(start, end) == b"4711").then_some((start, end))
            })
        };
        for text in [
            "your code? 4711",
            "your code?\n4711.",
            "your code.\n[10:04] Customer: 4711, thanks",
            "your code on file?\nassistant: what is the new one?\nuser: it's 4711",
            "tell me your code.\nuser: 4711",
        ] {
            assert_eq!(read(text), text.find("4711"), "{text}");
        }
        for text in [
            "code 4711",
            "code? I have 4711",
            "code.\n4711",
            "code?\ncall 4711",
            "code?\n12 4711",
            "code?\n4711 x",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
