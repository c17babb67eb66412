//! The names of the files of one log. The file that is written has the configured name; each one before it has that
//! name and a number, `records.jsonl.000001` being the oldest. What belongs to the log as a whole stands beside it.
//! Nothing here reads what is in a file.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

const DIGITS_MIN: usize = 6;
const DIGITS_MAX: usize = 12;
/// More files of one log than anybody lists on purpose.
const FILES_MAX: usize = 100_000;

/// The name of a file that was rotated away.
pub(crate) fn rotated_path(log: &Path, number: u64) -> PathBuf {
    suffixed(log, &format!("{number:0DIGITS_MIN$}"))
}

/// Statements about the log, signed.
pub(super) fn checkpoints_path(log: &Path) -> PathBuf {
    suffixed(log, "checkpoints")
}

/// The last of those statements, overwritten with each group of records.
pub(super) fn head_path(log: &Path) -> PathBuf {
    suffixed(log, "head")
}

/// How far the log was shipped to one destination.
pub(super) fn shipped_path(log: &Path, name: &str) -> PathBuf {
    suffixed(log, &format!("shipped-{name}"))
}

pub(crate) fn suffixed(log: &Path, suffix: &str) -> PathBuf {
    let mut name = log.file_name().map(OsString::from).unwrap_or_default();
    name.push(".");
    name.push(suffix);
    log.with_file_name(name)
}

/// The files that were rotated away, oldest first, by their numbers.
pub(crate) fn rotated(log: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let Some(name) = log.file_name() else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder(log))? {
        let path = entry?.path();
        if let Some((base, number)) = path.file_name().and_then(|own| own.to_str()).and_then(split_number)
            && name == base
        {
            found.push((number, path));
            if found.len() > FILES_MAX {
                return Err(io::Error::other("too many files of one log"));
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The log a file belongs to, and its number where it was rotated away.
pub(super) fn log_of(path: &Path) -> (PathBuf, Option<u64>) {
    match path.file_name().and_then(|name| name.to_str()).and_then(split_number) {
        Some((base, number)) => (path.with_file_name(base), Some(number)),
        None => (path.to_owned(), None),
    }
}

fn split_number(name: &str) -> Option<(&str, u64)> {
    let (base, digits) = name.rsplit_once('.')?;
    let plain =
        (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    (plain && !base.is_empty()).then_some(())?;
    Some((base, digits.parse().ok()?))
}

/// Makes renames in the log's folder durable.
pub(crate) fn sync_folder(log: &Path) -> io::Result<()> {
    File::open(folder(log))?.sync_all()
}

pub(crate) fn folder(log: &Path) -> &Path {
    log.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotated_file_is_told_by_its_number_alone() {
        for (path, log, number) in [
            ("/a/records.jsonl", "/a/records.jsonl", None),
            ("/a/records.jsonl.000001", "/a/records.jsonl", Some(1)),
            ("/a/records.jsonl.1234567", "/a/records.jsonl", Some(1_234_567)),
            ("/a/records.jsonl.12345", "/a/records.jsonl.12345", None),
            ("/a/records.jsonl.00000a", "/a/records.jsonl.00000a", None),
            ("/a/records.jsonl.checkpoints", "/a/records.jsonl.checkpoints", None),
            ("/a/.000001", "/a/.000001", None),
        ] {
            assert_eq!(log_of(Path::new(path)), (PathBuf::from(log), number), "{path}");
        }
        let log = Path::new("/a/records.jsonl");
        for number in [1, 999_999, 1_000_000] {
            assert_eq!(log_of(&rotated_path(log, number)), (log.to_owned(), Some(number)));
        }
    }
}
