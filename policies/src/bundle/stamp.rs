//! What changes when policy files are written or replaced: enough to tell that something should be read again,
//! without reading it.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::FILES_MAX;
use crate::source::DIRECTORY_DEPTH_MAX;

/// Names, times, sizes and inodes of everything below these paths. What is missing is part of the stamp as well.
pub type Stamp = [u8; 32];

pub fn stamp(paths: &[PathBuf]) -> Stamp {
    let mut walk = Walk { hasher: Sha256::new(), files_left: FILES_MAX };
    for path in paths {
        walk.visit(path, 0);
    }
    walk.hasher.finalize().into()
}

struct Walk {
    hasher: Sha256,
    files_left: usize,
}

impl Walk {
    fn visit(&mut self, path: &Path, depth: usize) {
        if self.files_left == 0 || depth > DIRECTORY_DEPTH_MAX + 1 {
            return;
        }
        self.files_left -= 1;
        let name = path.as_os_str().as_encoded_bytes();
        self.hasher.update(u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.hasher.update(name);
        // Through links: what they lead to is what is read.
        let Ok(metadata) = std::fs::metadata(path) else {
            self.hasher.update([0]);
            return;
        };
        self.hasher.update([1]);
        let times = [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()];
        for number in times {
            self.hasher.update(number.to_be_bytes());
        }
        for number in [metadata.size(), metadata.ino(), metadata.dev()] {
            self.hasher.update(number.to_be_bytes());
        }
        if metadata.is_dir()
            && let Ok(entries) = std::fs::read_dir(path)
        {
            let mut inside: Vec<PathBuf> =
                entries.take(FILES_MAX).filter_map(|entry| Some(entry.ok()?.path())).collect();
            inside.sort_unstable();
            for path in inside {
                self.visit(&path, depth + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_write_below_a_path_changes_the_stamp() {
        let folder = std::env::temp_dir().join(format!("hardpan-stamp-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("org")).unwrap();
        let paths = [folder.clone()];
        let mut stamps = vec![stamp(&paths)];
        assert_eq!(stamps[0], stamp(&paths));
        std::fs::write(folder.join("org/a.rego"), "1").unwrap();
        stamps.push(stamp(&paths));
        std::fs::write(folder.join("org/a.rego"), "12").unwrap();
        stamps.push(stamp(&paths));
        std::fs::rename(folder.join("org/a.rego"), folder.join("org/b.rego")).unwrap();
        stamps.push(stamp(&paths));
        std::fs::remove_dir_all(&folder).unwrap();
        stamps.push(stamp(&paths));
        stamps.push(stamp(&[]));
        let different: std::collections::BTreeSet<&Stamp> = stamps.iter().collect();
        assert_eq!(different.len(), stamps.len());
    }
}
