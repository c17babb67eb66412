//! The first row of a table whose rows are coming: it says what stands in their columns, however far above them.
//! It deliberately does not say what a table is: the detector does, and reads rows behind their first one.

use super::Reading;

/// A longer row names no columns.
const HEADER_BYTES_MAX: usize = 512;
/// A longer name is a sentence.
const NAME_BYTES_MAX: usize = 40;
const DELIMITERS: [char; 4] = ['|', ',', ';', '\t'];

/// What is known of the lines so far.
#[derive(Default)]
pub(super) struct Table {
    /// The first row, and the line under it that rules it off.
    header: String,
    /// Where it stood, and where what follows it begins.
    starts: usize,
    rows_from: usize,
    delimiter: usize,
    columns: usize,
    line_start: usize,
    /// Whether the cells of a column may be values that its name alone tells.
    announces: bool,
    /// How many of each delimiter are in the line that is coming.
    counts: [usize; DELIMITERS.len()],
}

impl Table {
    pub fn extend(&mut self, character: char) {
        let count = DELIMITERS.iter().position(|delimiter| *delimiter == character);
        count.and_then(|index| self.counts.get_mut(index)).into_iter().for_each(|count| *count += 1);
    }

    /// Whether the line that is coming may be a row whose cells are told by names above them.
    pub fn may_be_row(&self) -> bool {
        self.announces && self.counts.get(self.delimiter).is_some_and(|count| *count <= self.columns)
    }

    /// A line ends before `next`. Says whether it is a row whose cells are told by names above them.
    pub fn end_line(&mut self, reading: &Reading<'_, '_>, next: usize) -> bool {
        let counts = std::mem::take(&mut self.counts);
        let start = std::mem::replace(&mut self.line_start, next);
        let line = reading.text.get(start..next).unwrap_or_default();
        let fits = |bytes: usize| line.len() + bytes <= HEADER_BYTES_MAX;
        if !self.header.is_empty() {
            if is_rule(line) && self.rows_from == start && fits(self.header.len()) {
                self.header.push_str(line);
                self.rows_from = next;
                return self.announces;
            }
            if counts.get(self.delimiter) == Some(&self.columns) {
                return self.announces;
            }
            self.header.clear();
            self.announces = false;
        }
        let most = (0..).zip(counts).max_by_key(|(_, count)| *count).filter(|(_, count)| *count > 0);
        if let Some((delimiter, columns)) = most.filter(|_| fits(0) && names_columns(line)) {
            self.header.push_str(line);
            (self.starts, self.rows_from) = (start, next);
            (self.delimiter, self.columns) = (delimiter, columns);
            self.announces = reading.masker.announced(line, 0).is_some();
        }
        false
    }

    /// What rows from `row` on are read behind if nothing before `context` is read with them; empty where they are in
    /// no table.
    pub fn header_before(&self, context: usize, row: usize) -> &str {
        if self.starts < context && self.rows_from <= row { &self.header } else { "" }
    }

    pub fn forget(&mut self, bytes: usize) {
        for place in [&mut self.starts, &mut self.rows_from, &mut self.line_start] {
            *place = place.saturating_sub(bytes);
        }
    }
}

/// Short names between delimiters, as the detector has them.
fn names_columns(line: &str) -> bool {
    let line = line.trim_end();
    let is_part = |character: char| {
        DELIMITERS.contains(&character)
            || character.is_ascii_alphanumeric()
            || !character.is_ascii()
            || "_- ./#\"'*`()".contains(character)
    };
    line.chars().all(is_part)
        && line.split(DELIMITERS).all(|name| name.trim().len() <= NAME_BYTES_MAX)
        && !line.as_bytes().windows(3).any(|three| three.iter().all(u8::is_ascii_digit))
}

/// "|---|:--|".
fn is_rule(line: &str) -> bool {
    line.contains('-') && line.trim_end().chars().all(|sign| matches!(sign, '-' | '|' | ':' | '+' | ' '))
}
