//! How a line of the log is bound to the line before it: `hash = SHA-256(prev_hash || record)`, where
//! `record` is the JSON object as written, without `prev_hash` and `hash`. The two are always the last
//! members of a line in the same form, so a line is checked byte for byte and never parsed.

use std::io::BufRead;

use sha2::{Digest, Sha256};

/// Longest line that is written or read, without its end.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// What the first record is chained to.
pub(super) const GENESIS: Hash = [0; 32];

pub(super) type Hash = [u8; 32];

const PREVIOUS: &[u8] = b",\"prev_hash\":\"";
const OWN: &[u8] = b"\",\"hash\":\"";
const END: &[u8] = b"\"}";
const HEX_DIGITS: usize = 64;

/// Bytes the chain adds to a record, whose closing brace moves to the end.
pub(super) const LINK_BYTES: usize = PREVIOUS.len() + OWN.len() + END.len() + 2 * HEX_DIGITS - 1;

/// The first line at which the log is not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct ChainError {
    /// From 1.
    pub line: u64,
    pub fault: ChainFault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    #[error("it could not be read")]
    Unreadable,
    #[error("it is longer than a record can be")]
    TooLong,
    #[error("it does not end in a newline: the writer stopped in the middle, or the file was cut")]
    Torn,
    #[error("it is not a chained record")]
    Malformed,
    #[error("it does not follow the record before it: records were removed, inserted or moved")]
    Gap,
    #[error("its hash is not that of its content: it was changed")]
    Changed,
}

/// Checks a whole log from its first record, and counts the records.
pub fn verify_chain(mut reader: impl BufRead) -> Result<u64, ChainError> {
    let mut head = GENESIS;
    let mut line = Vec::new();
    for number in 1_u64.. {
        let at = |fault| ChainError { line: number, fault };
        match read_line(&mut reader, &mut line).map_err(at)? {
            false => return Ok(number - 1),
            true => head = check(&line, &head).map_err(at)?,
        }
    }
    // More records than can be counted.
    Ok(u64::MAX)
}

/// Reads one line without its end; `false` when there is none left.
pub(super) fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> Result<bool, ChainFault> {
    line.clear();
    loop {
        let available = match reader.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return Err(ChainFault::Unreadable),
        };
        if available.is_empty() {
            return if line.is_empty() { Ok(false) } else { Err(ChainFault::Torn) };
        }
        let (part, ended) = match available.iter().position(|byte| *byte == b'\n') {
            Some(end) => (available.get(..end).unwrap_or_default(), true),
            None => (available, false),
        };
        if line.len() + part.len() > LINE_BYTES_MAX {
            return Err(ChainFault::TooLong);
        }
        line.extend_from_slice(part);
        let used = part.len() + usize::from(ended);
        reader.consume(used);
        if ended {
            return Ok(true);
        }
    }
}

/// Checks one line against the head of the chain, and gives the new head.
fn check(line: &[u8], head: &Hash) -> Result<Hash, ChainFault> {
    let link = split(line).ok_or(ChainFault::Malformed)?;
    if link.previous != hex(head).as_bytes() {
        return Err(ChainFault::Gap);
    }
    let own = digest(head, link.open_record);
    if link.own != hex(&own).as_bytes() { Err(ChainFault::Changed) } else { Ok(own) }
}

/// A line against the chain, for a reader that goes on after a fault.
pub(super) struct Seen {
    /// What is wrong with the line, if anything.
    pub fault: Option<ChainFault>,
    /// What the next line may be chained to: one hash, or two where this line's own hash is not that of its content.
    pub heads: Heads,
}

pub(super) type Heads = [Hash; 2];

/// Checks one line against what may come before it; `None` where anything may. Several heads come from a line that was
/// found changed: which of its hashes is the true one, only the next line tells.
pub(super) fn inspect(line: &[u8], heads: Option<&Heads>) -> Option<Seen> {
    let link = split(line)?;
    let (claimed, previous) = (unhex(link.own), unhex(link.previous));
    if let Some(previous) = previous.filter(|previous| heads.is_none_or(|heads| heads.contains(previous))) {
        let own = digest(&previous, link.open_record);
        let fault = (claimed != Some(own)).then_some(ChainFault::Changed);
        return Some(Seen { fault, heads: [own, claimed.unwrap_or(own)] });
    }
    // Its link does not fit: either that alone was changed, or other records stood here.
    let fits = |head: &Hash| claimed == Some(digest(head, link.open_record));
    let relinked = heads.is_some_and(|heads| heads.iter().any(fits));
    let fault = if relinked { ChainFault::Changed } else { ChainFault::Gap };
    let own = claimed.or_else(|| previous.map(|previous| digest(&previous, link.open_record)))?;
    Some(Seen { fault: Some(fault), heads: [own, own] })
}

/// What a line says it follows.
pub(super) fn previous_of(line: &[u8]) -> Option<Hash> {
    unhex(split(line)?.previous)
}

/// Checks a line by itself, and gives its hash: what a log that is continued goes on from.
pub(super) fn head_after(line: &[u8]) -> Option<Hash> {
    let link = split(line)?;
    let previous = unhex(link.previous)?;
    let own = digest(&previous, link.open_record);
    (link.own == hex(&own).as_bytes()).then_some(own)
}

/// Appends a record to `out` as a line, and gives the new head. `record` is a JSON object with at least one
/// member; `None` if it is not.
pub(super) fn append(out: &mut Vec<u8>, record: &[u8], head: &Hash) -> Option<Hash> {
    let open_record = record.strip_suffix(b"}").filter(|open| open.len() > 1)?;
    let own = digest(head, open_record);
    out.reserve(record.len() + LINK_BYTES);
    out.extend_from_slice(open_record);
    out.extend_from_slice(PREVIOUS);
    out.extend_from_slice(hex(head).as_bytes());
    out.extend_from_slice(OWN);
    out.extend_from_slice(hex(&own).as_bytes());
    out.extend_from_slice(END);
    out.push(b'\n');
    Some(own)
}

struct Link<'a> {
    /// The record without its closing brace.
    open_record: &'a [u8],
    previous: &'a [u8],
    own: &'a [u8],
}

fn split(line: &[u8]) -> Option<Link<'_>> {
    let rest = line.strip_suffix(END)?;
    let (rest, own) = split_hex(rest)?;
    let (rest, previous) = split_hex(rest.strip_suffix(OWN)?)?;
    let open_record = rest.strip_suffix(PREVIOUS)?;
    open_record.starts_with(b"{").then_some(Link { open_record, previous, own })
}

/// Splits the last 64 bytes off. Whether they are hex shows when they are compared.
fn split_hex(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(bytes.len().checked_sub(HEX_DIGITS)?)
}

fn digest(head: &Hash, open_record: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    hash.update(head);
    hash.update(open_record);
    hash.update(b"}");
    hash.finalize().into()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

pub(super) fn unhex(digits: &[u8]) -> Option<Hash> {
    let mut hash = GENESIS;
    let (pairs, rest) = digits.as_chunks::<2>();
    if pairs.len() != hash.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
        // Lower case alone: a hash has one spelling, or a changed letter would go unseen.
        let value = |digit: u8| char::from(digit).to_digit(16).filter(|_| !digit.is_ascii_uppercase());
        *byte = u8::try_from(value(*high)? * 16 + value(*low)?).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(records: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut head = GENESIS;
        for record in records {
            head = append(&mut out, record.as_bytes(), &head).unwrap();
        }
        out
    }

    fn lines(log: &[u8]) -> Vec<String> {
        String::from_utf8(log.to_vec()).unwrap().lines().map(|line| format!("{line}\n")).collect()
    }

    fn verify(log: &str) -> Result<u64, (u64, ChainFault)> {
        verify_chain(log.as_bytes()).map_err(|error| (error.line, error.fault))
    }

    #[test]
    fn a_log_as_written_is_good() {
        assert_eq!(verify_chain(&b""[..]), Ok(0));
        let log = log(&[r#"{"a":1}"#, r#"{"a":"}\",\"hash\":\""}"#, r#"{"a":"é"}"#]);
        assert_eq!(verify_chain(log.as_slice()), Ok(3));
        // However it is read.
        assert_eq!(verify_chain(std::io::BufReader::with_capacity(1, log.as_slice())), Ok(3));
    }

    #[test]
    fn a_line_is_still_json_and_ends_in_its_link() {
        let log = log(&[r#"{"a":1}"#]);
        let line: serde_json::Value = serde_json::from_slice(&log).unwrap();
        assert_eq!(line["a"], 1);
        assert_eq!(line["prev_hash"], "0".repeat(64));
        // SHA-256 of 32 zero bytes followed by the record.
        let mut expected = Sha256::new();
        expected.update([0_u8; 32]);
        expected.update(br#"{"a":1}"#);
        let expected: Hash = expected.finalize().into();
        assert_eq!(line["hash"], hex(&expected));
        assert_eq!(head_after(log.strip_suffix(b"\n").unwrap()), Some(expected));
    }

    #[test]
    fn every_change_to_a_log_is_found_at_its_line() {
        let good = lines(&log(&[r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":3}"#]));
        let [one, two, three] = good.as_slice() else { panic!("three lines") };
        let other = lines(&log(&[r#"{"a":9}"#])).concat();
        for (what, log, expected) in [
            (
                "changed content",
                format!("{one}{}{three}", two.replace("\"a\":2", "\"a\":7")),
                (2, ChainFault::Changed),
            ),
            ("removed first", format!("{two}{three}"), (1, ChainFault::Gap)),
            ("removed middle", format!("{one}{three}"), (2, ChainFault::Gap)),
            ("swapped", format!("{one}{three}{two}"), (2, ChainFault::Gap)),
            ("repeated", format!("{one}{one}{two}"), (2, ChainFault::Gap)),
            ("another chain's record", format!("{one}{other}"), (2, ChainFault::Gap)),
            ("blank line", format!("{one}\n{two}"), (2, ChainFault::Malformed)),
            ("not a record", format!("{one}{{}}\n"), (2, ChainFault::Malformed)),
            ("cut", format!("{one}{}", two.trim_end()), (2, ChainFault::Torn)),
            ("trailing space", format!("{} \n", one.trim_end()), (1, ChainFault::Malformed)),
        ] {
            assert_eq!(verify(&log), Err(expected), "{what}");
        }
        assert_eq!(verify(&format!("{one}{two}")), Ok(2), "a chain cannot show that its end is missing");
    }

    #[test]
    fn a_line_is_read_up_to_its_bound_and_not_above() {
        let record = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - LINK_BYTES - 8));
        assert_eq!(verify_chain(log(&[&record(LINE_BYTES_MAX)]).as_slice()), Ok(1));
        assert_eq!(
            verify_chain(log(&[&record(LINE_BYTES_MAX + 1)]).as_slice()),
            Err(ChainError { line: 1, fault: ChainFault::TooLong })
        );
    }

    #[test]
    fn what_is_not_an_object_with_members_is_not_appended() {
        for record in ["", "{", "}", "{}", "[1]"] {
            let mut out = Vec::new();
            assert!(append(&mut out, record.as_bytes(), &GENESIS).is_none(), "{record}");
            assert!(out.is_empty());
        }
    }

    #[test]
    fn a_last_line_that_does_not_fit_its_hash_is_not_continued() {
        let good = log(&[r#"{"a":1}"#]);
        let line = good.strip_suffix(b"\n").unwrap();
        assert!(head_after(line).is_some());
        let changed = String::from_utf8(line.to_vec()).unwrap().replace("\"a\":1", "\"a\":2");
        for line in [changed.as_str(), "", "{}", "{\"a\":1}"] {
            assert!(head_after(line.as_bytes()).is_none(), "{line}");
        }
    }
}
