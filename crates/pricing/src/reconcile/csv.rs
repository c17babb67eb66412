//! Rows of a CSV file as RFC 4180 has them, one at a time and bounded. Nothing is known here of what the columns mean.

use std::io::{BufRead, Read as _};

/// Largest row, its quoted line breaks included.
const ROW_BYTES_MAX: usize = 1024 * 1024;
const COLUMNS_MAX: usize = 4_096;

#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    #[error("it could not be read: {0}")]
    Read(#[from] std::io::Error),
    #[error("row {row} is longer than {} bytes or has more than {} columns", ROW_BYTES_MAX, COLUMNS_MAX)]
    TooLong { row: u64 },
    #[error("row {row} has a quote that is not closed, or one inside an unquoted cell")]
    Quote { row: u64 },
    #[error("row {row} is not UTF-8")]
    Text { row: u64 },
}

pub(super) struct Reader<'input> {
    input: &'input mut dyn BufRead,
    row: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the beginning of a cell.
    Begin,
    Plain,
    Quoted,
    /// Behind a quote inside a quoted cell: its end, or the first of two.
    Closing,
}

impl<'input> Reader<'input> {
    pub(super) fn new(input: &'input mut dyn BufRead) -> Self {
        Self { input, row: 0 }
    }

    /// The next row that is not empty.
    pub(super) fn row(&mut self) -> Result<Option<Vec<String>>, CsvError> {
        loop {
            self.row += 1;
            let Some(cells) = self.cells()? else { return Ok(None) };
            if cells.len() > 1 || cells.first().is_some_and(|cell| !cell.is_empty()) {
                return Ok(Some(cells));
            }
        }
    }

    fn cells(&mut self) -> Result<Option<Vec<String>>, CsvError> {
        let row = self.row;
        let (mut cells, mut cell) = (Vec::new(), Vec::new());
        let mut state = State::Begin;
        let mut line = Vec::new();
        let mut bytes_left = ROW_BYTES_MAX;
        let mut is_first = true;
        loop {
            line.clear();
            let taken = (&mut *self.input).take(bytes_left as u64 + 1).read_until(b'\n', &mut line)?;
            if taken == 0 {
                return match state {
                    _ if is_first => Ok(None),
                    State::Quoted => Err(CsvError::Quote { row }),
                    _ => finish(cells, cell, row).map(Some),
                };
            }
            bytes_left = bytes_left.checked_sub(taken).ok_or(CsvError::TooLong { row })?;
            is_first = false;
            for byte in &line {
                state = match (state, *byte) {
                    (State::Begin, b'"') => State::Quoted,
                    (State::Closing, b'"') => {
                        cell.push(b'"');
                        State::Quoted
                    }
                    (State::Quoted, b'"') => State::Closing,
                    (State::Quoted, byte) => {
                        cell.push(byte);
                        State::Quoted
                    }
                    (_, b',') => {
                        if cells.len() >= COLUMNS_MAX {
                            return Err(CsvError::TooLong { row });
                        }
                        cells.push(std::mem::take(&mut cell));
                        State::Begin
                    }
                    (state, b'\r' | b'\n') => state,
                    (State::Begin | State::Plain, byte) if byte != b'"' => {
                        cell.push(byte);
                        State::Plain
                    }
                    _ => return Err(CsvError::Quote { row }),
                };
            }
            if state != State::Quoted {
                return finish(cells, cell, row).map(Some);
            }
        }
    }
}

fn finish(mut cells: Vec<Vec<u8>>, last: Vec<u8>, row: u64) -> Result<Vec<String>, CsvError> {
    cells.push(last);
    let text = |cell| String::from_utf8(cell).map_err(|_| CsvError::Text { row });
    cells.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8]) -> Result<Vec<Vec<String>>, CsvError> {
        let mut input = text;
        let mut reader = Reader::new(&mut input);
        let mut rows = Vec::new();
        while let Some(row) = reader.row()? {
            rows.push(row);
        }
        Ok(rows)
    }

    #[test]
    fn rows_are_read_as_rfc_4180_has_them() {
        for (text, expected) in [
            ("", vec![]),
            ("\n\r\n", vec![]),
            ("a,b\n1,2", vec![vec!["a", "b"], vec!["1", "2"]]),
            ("a,b\r\n1,2\r\n", vec![vec!["a", "b"], vec!["1", "2"]]),
            ("\"a,b\",c\n", vec![vec!["a,b", "c"]]),
            ("\"a\"\"b\",\"\"\n", vec![vec!["a\"b", ""]]),
            ("\"two\nlines\",x\n", vec![vec!["two\nlines", "x"]]),
            (",\n", vec![vec!["", ""]]),
            ("\"a\"", vec![vec!["a"]]),
        ] {
            assert_eq!(rows(text.as_bytes()).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn broken_rows_are_refused() {
        for text in ["\"open", "\"open\n", "a\"b\n", "\"a\"b\n"] {
            assert!(matches!(rows(text.as_bytes()), Err(CsvError::Quote { row: 1 })), "{text:?}");
        }
        assert!(matches!(rows(b"a\n\xff\n"), Err(CsvError::Text { row: 2 })));
        assert!(matches!(rows(&vec![b'a'; ROW_BYTES_MAX + 1]), Err(CsvError::TooLong { row: 1 })));
        assert!(rows(&vec![b'a'; ROW_BYTES_MAX]).is_ok());
        assert!(matches!(rows(&vec![b','; COLUMNS_MAX + 1]), Err(CsvError::TooLong { row: 1 })));
        let endless = [b"\"".as_slice(), &b"a\n".repeat(ROW_BYTES_MAX)].concat();
        assert!(matches!(rows(&endless), Err(CsvError::TooLong { row: 1 })));
    }
}
