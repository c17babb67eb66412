//! A gzipped tar, read front to back within bounds: regular files with plain relative paths, and nothing else.
//!
//! Links, devices, sparse files and paths that lead out are refused rather than skipped: an archive that needs them is
//! not a bundle. Nothing is written to disk. Only what `opa build`, GNU and BSD tar write is understood.

use std::io::Read;

use flate2::bufread::GzDecoder;

use super::{ARCHIVE_BYTES_MAX, FILES_MAX, PATH_BYTES_MAX, RATIO_BYTES_MIN, RATIO_MAX, UNPACKED_BYTES_MAX};
use crate::source::{DIRECTORY_DEPTH_MAX, LoadError};

const BLOCK: usize = 512;
/// Of an extended header or a long name.
const EXTENSION_BYTES_MAX: u64 = 64 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    #[error("the archive is larger than {max} bytes", max = ARCHIVE_BYTES_MAX)]
    TooLarge,
    #[error("the archive unpacks to more than it may: {bytes_max} bytes")]
    Bomb { bytes_max: u64 },
    #[error("the archive holds more than {max} files", max = FILES_MAX)]
    TooMany,
    #[error("the archive is not gzip, or is damaged")]
    Gzip,
    #[error("the archive ends too early")]
    Cut,
    #[error("bytes follow the end of the archive")]
    Trailing,
    #[error("the archive is no tar: a header's {0} is wrong")]
    Header(&'static str),
    #[error("the archive holds something other than files and directories")]
    Kind,
    #[error("the archive holds a path that is not plain and relative")]
    Path,
    #[error("the archive holds a path nested more than {max} deep", max = DIRECTORY_DEPTH_MAX)]
    Depth,
    #[error("the archive holds a path twice")]
    Twice,
}

/// Hands over every file, its path without a leading slash, in the archive's order.
pub(crate) fn unpack(
    archive: &[u8],
    mut each: impl FnMut(String, Vec<u8>) -> Result<(), LoadError>,
) -> Result<(), LoadError> {
    let length = u64::try_from(archive.len()).unwrap_or(u64::MAX);
    if length > ARCHIVE_BYTES_MAX {
        return Err(ArchiveError::TooLarge.into());
    }
    let bytes_max = length.saturating_mul(RATIO_MAX).clamp(RATIO_BYTES_MIN, UNPACKED_BYTES_MAX);
    let mut tar = Tar { inside: GzDecoder::new(archive), left: bytes_max, bytes_max };
    let mut seen = std::collections::HashSet::new();
    let mut entries = 0;
    let mut extended = Extended::default();
    while let Some(header) = tar.header()? {
        entries += 1;
        if entries > FILES_MAX {
            return Err(ArchiveError::TooMany.into());
        }
        match header.kind {
            b'x' => extended.read(&tar.content(header.size, EXTENSION_BYTES_MAX)?)?,
            b'L' => {
                let name = tar.content(header.size, EXTENSION_BYTES_MAX)?;
                extended.path = Some(name.split(|byte| *byte == 0).next().unwrap_or_default().to_vec());
            }
            b'g' => {
                // Such headers hold for all that follow; a comment is all that may.
                let mut global = Extended::default();
                global.read(&tar.content(header.size, EXTENSION_BYTES_MAX)?)?;
                if global.path.is_some() || global.size.is_some() {
                    return Err(ArchiveError::Header("global extension").into());
                }
            }
            b'0' | 0 | b'5' => {
                let Extended { path, size } = std::mem::take(&mut extended);
                let raw = path.unwrap_or(header.path);
                let is_directory = header.kind == b'5' || raw.ends_with(b"/");
                let size = size.unwrap_or(header.size);
                let bytes = tar.content(size, UNPACKED_BYTES_MAX)?;
                let Some(path) = plain(&raw)? else { continue };
                if is_directory {
                    continue;
                }
                if !seen.insert(path.clone()) {
                    return Err(ArchiveError::Twice.into());
                }
                each(path, bytes)?;
            }
            _ => return Err(ArchiveError::Kind.into()),
        }
    }
    Ok(tar.end()?)
}

/// The path without `./` and a leading slash; None where nothing remains, as for the root itself.
fn plain(raw: &[u8]) -> Result<Option<String>, ArchiveError> {
    let text = std::str::from_utf8(raw).map_err(|_| ArchiveError::Path)?;
    if text.len() > PATH_BYTES_MAX || text.contains('\\') || text.chars().any(char::is_control) {
        return Err(ArchiveError::Path);
    }
    // `opa build` writes every path with a slash in front.
    let text = text.strip_prefix('/').unwrap_or(text);
    let text = text.strip_prefix("./").unwrap_or(text);
    let text = text.strip_suffix('/').unwrap_or(text);
    if matches!(text, "" | ".") {
        return Ok(None);
    }
    if text.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(ArchiveError::Path);
    }
    if text.split('/').count() > DIRECTORY_DEPTH_MAX + 1 {
        return Err(ArchiveError::Depth);
    }
    Ok(Some(text.to_owned()))
}

struct Header {
    path: Vec<u8>,
    size: u64,
    kind: u8,
}

/// What an extended header says of the entry after it.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Extended {
    /// Records of the form `LENGTH KEY=VALUE\n`, the length counting itself.
    fn read(&mut self, mut records: &[u8]) -> Result<(), ArchiveError> {
        let broken = ArchiveError::Header("extension");
        while !records.is_empty() {
            let space = records.iter().position(|byte| *byte == b' ').ok_or(broken)?;
            let digits = records.get(..space).and_then(|digits| std::str::from_utf8(digits).ok());
            let length: usize = digits.and_then(|digits| digits.parse().ok()).ok_or(broken)?;
            let record = records.get(space + 1..length).and_then(|record| record.strip_suffix(b"\n"));
            let record = record.ok_or(broken)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or(broken)?;
            let (key, value) = (record.get(..equals), record.get(equals + 1..).unwrap_or_default());
            match key.unwrap_or_default() {
                b"path" => self.path = Some(value.to_vec()),
                b"size" => {
                    let value = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
                    self.size = Some(value.ok_or(broken)?);
                }
                key if key.starts_with(b"GNU.sparse") => return Err(ArchiveError::Kind),
                _ => {}
            }
            records = records.get(length..).unwrap_or_default();
        }
        Ok(())
    }
}

struct Tar<'a> {
    inside: GzDecoder<&'a [u8]>,
    left: u64,
    bytes_max: u64,
}

impl Tar<'_> {
    /// The next entry's header; None at the end.
    fn header(&mut self) -> Result<Option<Header>, ArchiveError> {
        let block = self.block()?;
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let part = |from: usize, to: usize| block.get(from..to).unwrap_or_default();
        let text = |from: usize, to: usize| {
            part(from, to).split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
        };
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(at, byte)| u64::from(if (148..156).contains(&at) { b' ' } else { *byte }))
            .sum();
        if octal(part(148, 156)) != Some(sum) {
            return Err(ArchiveError::Header("checksum"));
        }
        let size = octal(part(124, 136)).ok_or(ArchiveError::Header("size"))?;
        let mut path = text(0, 100);
        // GNU keeps times where others keep the front of a long path.
        if part(257, 263) == b"ustar\0" {
            let prefix = text(345, 500);
            if !prefix.is_empty() {
                path = [prefix, path].join(&b'/');
            }
        }
        Ok(Some(Header { path, size, kind: block.get(156).copied().unwrap_or_default() }))
    }

    /// An entry's content, its padding read and dropped.
    fn content(&mut self, size: u64, bytes_max: u64) -> Result<Vec<u8>, ArchiveError> {
        if size > bytes_max {
            return Err(ArchiveError::Header("size"));
        }
        if size > self.left {
            return Err(ArchiveError::Bomb { bytes_max: self.bytes_max });
        }
        // Grown as it comes: what a header claims is no reason to set memory aside.
        let mut bytes = Vec::new();
        let read = (&mut self.inside).take(size).read_to_end(&mut bytes).map_err(|_| ArchiveError::Gzip)?;
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        if read < size {
            return Err(ArchiveError::Cut);
        }
        self.left -= read;
        let padding = usize::try_from(size.next_multiple_of(BLOCK as u64) - size).unwrap_or_default();
        let mut rest = [0; BLOCK];
        self.fill(rest.get_mut(..padding).unwrap_or_default())?;
        Ok(bytes)
    }

    fn block(&mut self) -> Result<[u8; BLOCK], ArchiveError> {
        let mut block = [0; BLOCK];
        self.fill(&mut block)?;
        Ok(block)
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), ArchiveError> {
        let length = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(length).ok_or(ArchiveError::Bomb { bytes_max: self.bytes_max })?;
        self.inside.read_exact(buffer).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => ArchiveError::Cut,
            _ => ArchiveError::Gzip,
        })
    }

    /// Only zeros may follow the first empty block; reading them also checks the compressed stream's own sum.
    fn end(mut self) -> Result<(), ArchiveError> {
        let mut buffer = [0; BLOCK];
        loop {
            let read = self.inside.read(&mut buffer).map_err(|_| ArchiveError::Gzip)?;
            if read == 0 {
                break;
            }
            let length = u64::try_from(read).unwrap_or(u64::MAX);
            let over = ArchiveError::Bomb { bytes_max: self.bytes_max };
            self.left = self.left.checked_sub(length).ok_or(over)?;
            if buffer.iter().take(read).any(|byte| *byte != 0) {
                return Err(ArchiveError::Trailing);
            }
        }
        if self.inside.get_ref().is_empty() { Ok(()) } else { Err(ArchiveError::Trailing) }
    }
}

/// Digits in base eight, with blanks and zero bytes around them.
fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches([' ', '\0']);
    if !text.bytes().all(|byte| matches!(byte, b'0'..=b'7')) {
        return None;
    }
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write as _;

    use super::*;

    pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    pub(crate) fn entry(kind: u8, path: &str, content: &[u8]) -> Vec<u8> {
        let mut header = vec![0; BLOCK];
        header[..path.len().min(100)].copy_from_slice(&path.as_bytes()[..path.len().min(100)]);
        header[100..107].copy_from_slice(b"0000644");
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[156] = kind;
        header[257..263].copy_from_slice(b"ustar\0");
        header[148..156].fill(b' ');
        let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        header.extend_from_slice(content);
        header.resize(header.len().next_multiple_of(BLOCK), 0);
        header
    }

    /// An archive of these files, as `opa build` writes one.
    pub(crate) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let entries = files.iter().map(|(path, text)| entry(b'0', &format!("/{path}"), text.as_bytes()));
        tar(&entries.collect::<Vec<_>>())
    }

    fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = entries.concat();
        bytes.resize(bytes.len() + 2 * BLOCK, 0);
        gzip(&bytes)
    }

    fn files(archive: &[u8]) -> Result<Vec<(String, Vec<u8>)>, ArchiveError> {
        let mut files = Vec::new();
        let unpacked = unpack(archive, |path, bytes| {
            files.push((path, bytes));
            Ok(())
        });
        match unpacked {
            Ok(()) => Ok(files),
            Err(LoadError::Archive(error)) => Err(error),
            Err(other) => panic!("{other}"),
        }
    }

    fn pax(key: &str, value: &str) -> Vec<u8> {
        let record = format!(" {key}={value}\n");
        let mut length = record.len() + 1;
        while format!("{length}{record}").len() != length {
            length += 1;
        }
        format!("{length}{record}").into_bytes()
    }

    #[test]
    fn files_come_out_with_relative_paths() {
        let long = format!("{}/x.rego", "d".repeat(120));
        let archive = tar(&[
            entry(b'g', "pax_global_header", &pax("comment", "0123")),
            entry(b'5', "./", b""),
            entry(b'5', "org/", b""),
            entry(b'0', "/.manifest", b"{}"),
            entry(b'0', "./org/a.rego", b"package policy.org.a"),
            entry(0, "data.json", &[b'x'; 1024]),
            entry(b'x', "PaxHeader", &pax("path", &long)),
            entry(b'0', "cut off", b"1"),
            entry(b'L', "././@LongLink", format!("/{long}2\0").as_bytes()),
            entry(b'0', "cut off", b"2"),
            entry(b'0', "empty", b""),
        ]);
        let found = files(&archive).unwrap();
        let names: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
        let second = format!("{long}2");
        assert_eq!(names, [".manifest", "org/a.rego", "data.json", &long, &second, "empty"]);
        assert_eq!((found[1].1.as_slice(), found[2].1.len()), (&b"package policy.org.a"[..], 1024));
        assert_eq!((found[3].1.as_slice(), found[4].1.as_slice()), (&b"1"[..], &b"2"[..]));
    }

    #[test]
    fn what_is_no_plain_file_is_refused() {
        for (entry, error) in [
            (entry(b'2', "link", b""), ArchiveError::Kind),
            (entry(b'1', "link", b""), ArchiveError::Kind),
            (entry(b'3', "device", b""), ArchiveError::Kind),
            (entry(b'S', "sparse", b""), ArchiveError::Kind),
            (entry(b'x', "p", &pax("GNU.sparse.major", "1")), ArchiveError::Kind),
            (entry(b'0', "../x.rego", b""), ArchiveError::Path),
            (entry(b'0', "a/../../x.rego", b""), ArchiveError::Path),
            (entry(b'0', "a//x.rego", b""), ArchiveError::Path),
            (entry(b'0', "a/./x.rego", b""), ArchiveError::Path),
            (entry(b'0', "//etc/x.rego", b""), ArchiveError::Path),
            (entry(b'0', "a\\..\\x.rego", b""), ArchiveError::Path),
            (entry(b'0', "a\nb.rego", b""), ArchiveError::Path),
            (entry(b'5', "../", b""), ArchiveError::Path),
            (entry(b'0', &"a/".repeat(18), b""), ArchiveError::Depth),
            (entry(b'g', "g", &pax("path", "x")), ArchiveError::Header("global extension")),
            (entry(b'x', "p", b"99 path=x\n"), ArchiveError::Header("extension")),
            (entry(b'x', "p", b"no record"), ArchiveError::Header("extension")),
        ] {
            assert_eq!(files(&tar(&[entry])), Err(error));
        }
        let long = tar(&[entry(b'x', "p", &pax("path", &"x".repeat(600))), entry(b'0', "x", b"")]);
        assert_eq!(files(&long), Err(ArchiveError::Path));
        let twice = tar(&[entry(b'0', "a.rego", b""), entry(b'0', "./a.rego", b"")]);
        assert_eq!(files(&twice), Err(ArchiveError::Twice));
    }

    #[test]
    fn damage_and_what_follows_the_end_are_refused() {
        let good = archive(&[("a.rego", "package policy.org.a")]);
        assert_eq!(files(&good).unwrap().len(), 1);
        assert_eq!(files(b"no gzip, though as long as a header"), Err(ArchiveError::Gzip));
        assert!(files(&good[..good.len() / 2]).is_err());
        let mut sum = good.clone();
        let at = sum.len() - 6;
        sum[at] ^= 1;
        assert_eq!(files(&sum), Err(ArchiveError::Gzip));
        assert_eq!(files(&[good.clone(), b"x".to_vec()].concat()), Err(ArchiveError::Trailing));
        let mut bytes = entry(b'0', "a", b"");
        bytes.resize(bytes.len() + BLOCK, 0);
        bytes.extend_from_slice(&entry(b'0', "hidden.rego", b"x"));
        assert_eq!(files(&gzip(&bytes)), Err(ArchiveError::Trailing));
        let mut header = entry(b'0', "a", b"");
        header[0] = b'b';
        assert_eq!(files(&gzip(&header)), Err(ArchiveError::Header("checksum")));
        assert_eq!(files(&gzip(&entry(b'0', "a", b"x")[..BLOCK])), Err(ArchiveError::Cut));
        assert_eq!(files(&gzip(b"")), Err(ArchiveError::Cut));
    }

    #[test]
    fn no_byte_of_a_header_makes_the_reader_fail_otherwise_than_with_an_error() {
        let entries =
            [entry(b'x', "p", &pax("path", "org/a.rego")), entry(b'0', "a", b"x"), vec![0; 2 * BLOCK]];
        let tar = entries.concat();
        let (mut read, mut refused) = (0, 0);
        for at in 0..4 * BLOCK {
            for byte in [0, b' ', b'/', b'0', b'7', b'9', b'x', 0x80, 0xff] {
                let mut changed = tar.clone();
                changed[at] = byte;
                // With sums that fit, so that what comes after them is reached.
                for header in [0, 2 * BLOCK] {
                    let block = &mut changed[header..header + BLOCK];
                    block[148..156].fill(b' ');
                    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
                    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
                }
                match files(&gzip(&changed)) {
                    Ok(_) => read += 1,
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(read > 1000 && refused > 100, "{read} read, {refused} refused");
    }

    #[test]
    fn an_archive_that_grows_too_much_is_refused_before_it_has() {
        let zeros = vec![b'0'; 3 << 20];
        let bomb = tar(&[entry(b'0', "data.json", &zeros)]);
        assert!(bomb.len() < 8192, "it must compress well to be one");
        assert!(matches!(files(&bomb), Err(ArchiveError::Bomb { .. })));
        // The same bytes beside something that does not compress stay within the ratio.
        let mut state = 1u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(32 << 10)
        .collect();
        assert!(files(&tar(&[entry(b'0', "data.json", &zeros), entry(b'0', "noise", &noise)])).is_ok());
        let many: Vec<Vec<u8>> = (0..=FILES_MAX).map(|at| entry(b'0', &format!("f{at}"), b"")).collect();
        assert_eq!(files(&tar(&many[..FILES_MAX])).map(|files| files.len()), Ok(FILES_MAX));
        assert_eq!(files(&tar(&many)), Err(ArchiveError::TooMany));
    }
}
