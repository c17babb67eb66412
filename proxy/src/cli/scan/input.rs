//! Reading what is to be scanned: rows, files, directories. Everything is bounded: the length of a row, the size of a
//! file, the depth and breadth of a walk, the size of a batch. It looks into no text.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::Format;

/// A batch is sent once it holds this much.
const BATCH_BYTES: usize = 256 << 10;
const BATCH_ITEMS_MAX: usize = 4096;
const WALK_DEPTH_MAX: usize = 64;
const DIRECTORY_ENTRIES_MAX: usize = 1 << 20;

const ROWS: [&str; 2] = ["jsonl", "ndjson"];
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One thing to scan. No `Debug`: it holds texts.
pub enum Item {
    /// A line of a file of rows, as it stands there.
    Row { file: Arc<str>, line: u64, bytes: Vec<u8> },
    /// A whole file. One met on a walk need not be text.
    Text { file: Arc<str>, bytes: Vec<u8>, met_on_walk: bool },
    /// Something that could not be read: where, and why.
    Bad { place: String, what: String },
}

pub struct Input {
    pub paths: Vec<PathBuf>,
    pub format: Format,
    pub text_bytes_max: usize,
}

impl Input {
    /// Sends batches to the threads in turn until all is read, or one of them takes no more.
    pub fn read(self, inboxes: &[SyncSender<Vec<Item>>]) {
        let mut batches = Batches { inboxes, turn: 0, items: Vec::new(), bytes: 0 };
        // What is left undone was told to nobody: nobody listens any more.
        let _ = self.read_all(&mut batches).and_then(|()| batches.send());
    }

    fn read_all(&self, batches: &mut Batches<'_>) -> Option<()> {
        if self.paths.is_empty() {
            return self.standard_input(batches);
        }
        for path in &self.paths {
            if path.as_os_str() == "-" {
                self.standard_input(batches)?;
            } else if path.is_dir() {
                self.walk(path, 0, batches)?;
            } else {
                self.file(path, false, batches)?;
            }
        }
        Some(())
    }

    fn standard_input(&self, batches: &mut Batches<'_>) -> Option<()> {
        let stdin = std::io::stdin().lock();
        match self.format {
            Format::Text => self.text("-".into(), stdin, false, batches),
            Format::Auto | Format::Jsonl => {
                self.rows("-".into(), BufReader::with_capacity(BATCH_BYTES, stdin), batches)
            }
        }
    }

    /// In the order of names. Hidden entries, symbolic links and what is neither file nor directory are passed by.
    fn walk(&self, directory: &Path, depth: usize, batches: &mut Batches<'_>) -> Option<()> {
        let place = || directory.display().to_string();
        if depth > WALK_DEPTH_MAX {
            return batches.bad(place(), format!("more than {WALK_DEPTH_MAX} directories deep"));
        }
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) => return batches.bad(place(), format!("could not be read: {}", error.kind())),
        };
        let mut names: Vec<(PathBuf, bool)> = Vec::new();
        for entry in entries {
            let (path, kind) = match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))) {
                Ok(entry) => entry,
                Err(error) => {
                    batches.bad(place(), format!("could not be read whole: {}", error.kind()))?;
                    continue;
                }
            };
            let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if hidden || !(kind.is_dir() || kind.is_file()) {
                continue;
            }
            if names.len() >= DIRECTORY_ENTRIES_MAX {
                batches.bad(place(), format!("more than {DIRECTORY_ENTRIES_MAX} entries"))?;
                break;
            }
            names.push((path, kind.is_dir()));
        }
        names.sort();
        for (path, is_directory) in names {
            if is_directory {
                self.walk(&path, depth + 1, batches)?;
            } else {
                self.file(&path, true, batches)?;
            }
        }
        Some(())
    }

    fn file(&self, path: &Path, met_on_walk: bool, batches: &mut Batches<'_>) -> Option<()> {
        let name: Arc<str> = path.display().to_string().into();
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) => {
                return batches.bad(name.to_string(), format!("could not be read: {}", error.kind()));
            }
        };
        let named_rows = path
            .extension()
            .and_then(|extension| extension.to_str())
            .is_some_and(|extension| ROWS.contains(&extension));
        match self.format {
            Format::Jsonl => self.rows(name, BufReader::with_capacity(BATCH_BYTES, file), batches),
            Format::Auto if named_rows => {
                self.rows(name, BufReader::with_capacity(BATCH_BYTES, file), batches)
            }
            Format::Auto | Format::Text => self.text(name, file, met_on_walk, batches),
        }
    }

    fn text(
        &self,
        file: Arc<str>,
        source: impl Read,
        met_on_walk: bool,
        batches: &mut Batches<'_>,
    ) -> Option<()> {
        let mut bytes = Vec::new();
        match source.take(one_more(self.text_bytes_max)).read_to_end(&mut bytes) {
            Err(error) => batches.bad(file.to_string(), format!("could not be read: {}", error.kind())),
            Ok(_) if bytes.len() > self.text_bytes_max => {
                batches.bad(file.to_string(), "larger than --max-bytes".to_owned())
            }
            Ok(_) => batches.push(bytes.len(), Item::Text { file, bytes, met_on_walk }),
        }
    }

    fn rows(
        &self,
        file: Arc<str>,
        mut source: BufReader<impl Read>,
        batches: &mut Batches<'_>,
    ) -> Option<()> {
        for line in 1.. {
            // The next row may be long in coming: what is there goes on its way.
            if source.buffer().is_empty() {
                batches.send()?;
            }
            let place = || format!("{file}:{line}");
            let mut bytes = Vec::new();
            let read = (&mut source).take(one_more(self.text_bytes_max)).read_until(b'\n', &mut bytes);
            match read {
                Err(error) => return batches.bad(place(), format!("could not be read: {}", error.kind())),
                Ok(0) => break,
                Ok(_) => {}
            }
            if bytes.last() == Some(&b'\n') {
                bytes.pop();
            } else if bytes.len() > self.text_bytes_max {
                batches.bad(place(), "longer than --max-bytes".to_owned())?;
                if source.skip_until(b'\n').is_err() {
                    break;
                }
                continue;
            }
            if line == 1 && bytes.starts_with(BYTE_ORDER_MARK) {
                bytes.drain(..BYTE_ORDER_MARK.len());
            }
            if !bytes.trim_ascii().is_empty() {
                batches.push(bytes.len(), Item::Row { file: Arc::clone(&file), line, bytes })?;
            }
        }
        Some(())
    }
}

fn one_more(bytes_max: usize) -> u64 {
    u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1)
}

struct Batches<'a> {
    inboxes: &'a [SyncSender<Vec<Item>>],
    turn: usize,
    items: Vec<Item>,
    bytes: usize,
}

/// None: nobody takes what is read.
impl Batches<'_> {
    fn bad(&mut self, place: String, what: String) -> Option<()> {
        self.push(0, Item::Bad { place, what })
    }

    fn push(&mut self, bytes: usize, item: Item) -> Option<()> {
        self.items.push(item);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes >= BATCH_BYTES || self.items.len() >= BATCH_ITEMS_MAX { self.send() } else { Some(()) }
    }

    fn send(&mut self) -> Option<()> {
        if self.items.is_empty() {
            return Some(());
        }
        let inbox = self.inboxes.get(self.turn % self.inboxes.len().max(1))?;
        self.turn += 1;
        self.bytes = 0;
        inbox.send(std::mem::take(&mut self.items)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8], text_bytes_max: usize) -> Vec<String> {
        let input = Input { paths: Vec::new(), format: Format::Auto, text_bytes_max };
        let (inbox, batches) = std::sync::mpsc::sync_channel(64);
        let inboxes = [inbox];
        let mut sending = Batches { inboxes: &inboxes, turn: 0, items: Vec::new(), bytes: 0 };
        input.rows("f".into(), BufReader::new(text), &mut sending).unwrap();
        sending.send().unwrap();
        drop(inboxes);
        let items = batches.into_iter().flatten().map(|item| match item {
            Item::Row { file, line, bytes } => format!("{file}:{line} {}", String::from_utf8(bytes).unwrap()),
            Item::Text { .. } => panic!("a row is no text"),
            Item::Bad { place, what } => format!("{place} {what}"),
        });
        items.collect()
    }

    #[test]
    fn rows_are_numbered_blank_ones_too_and_a_mark_is_no_part_of_them() {
        assert_eq!(rows(b"\xEF\xBB\xBF{}\n\n \r\n[]", 100), ["f:1 {}", "f:4 []"]);
        assert!(rows(b"", 100).is_empty());
    }

    #[test]
    fn a_row_over_the_bound_is_told_and_the_next_one_read() {
        assert_eq!(rows(b"12345\n123456\n1\n", 5), ["f:1 12345", "f:2 longer than --max-bytes", "f:3 1"]);
        assert_eq!(rows(b"123456", 5), ["f:1 longer than --max-bytes"]);
        assert_eq!(rows(b"12345", 5), ["f:1 12345"]);
    }
}
