//! Approvals on disk: one file each, written whole beside its name and then put in its place, so that a crash leaves
//! the one before or the one after. Files are the owner's alone, and the folder is one process's.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::Approval;

/// Far more than an approval has as a rule. What grows larger cannot be kept, and what it is for does not go on.
const FILE_BYTES_MAX: u64 = 64 << 10;
/// Ten times what may be configured.
const FILES_MAX: usize = 100_000;
const KEY_BYTES: usize = 32;
const EXTENSION: &str = "json";
/// What is written beside its name until it is whole.
const UNFINISHED: &str = "new";

pub struct Store {
    folder: PathBuf,
    /// Held for as long as the process lives.
    _lock: File,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} is used by another process", .path.display())]
    Taken { path: PathBuf },
    #[error("{} holds no key of approvals", .path.display())]
    Key { path: PathBuf },
    #[error("there are no random numbers to make a key of")]
    Random,
    #[error("{} holds more files than approvals are ever kept", .path.display())]
    TooMany { path: PathBuf },
}

impl Store {
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Io { path, source }
        };
        make_folder(folder).map_err(failed(folder))?;
        let path = folder.join("lock");
        let lock = owned(&path, false).map_err(failed(&path))?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(StoreError::Taken { path: folder.to_owned() }),
            // Some file systems know no locks; then it is on the operator to run one process per folder.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    /// What names are hashed with. It is made once and has to stay: approvals of another key name nothing.
    pub fn key(&self) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let path = self.folder.join("key");
        let failed = |source| StoreError::Io { path: path.clone(), source };
        match std::fs::read_to_string(&path).map(Zeroizing::new) {
            Ok(text) => {
                let key = HEXLOWER.decode(text.trim().as_bytes()).map(Zeroizing::new);
                let key = key.ok().filter(|key| key.len() == KEY_BYTES);
                key.ok_or_else(|| StoreError::Key { path: path.clone() })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut key = Zeroizing::new(vec![0; KEY_BYTES]);
                SystemRandom::new().fill(&mut key).map_err(|_| StoreError::Random)?;
                let text = Zeroizing::new(HEXLOWER.encode(&key));
                self.put("key", text.as_bytes()).map_err(failed)?;
                Ok(key)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// All that can be read. A file that cannot is left as it is, and told: what it was about has to be asked anew.
    /// What a crash left unfinished is removed: nobody would look at it again.
    pub fn load(&self) -> Result<Vec<Approval>, StoreError> {
        let failed = |source| StoreError::Io { path: self.folder.clone(), source };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if is_unfinished(&path) {
                std::fs::remove_file(&path).map_err(failed)?;
            }
            if path.extension().is_none_or(|extension| extension != EXTENSION) {
                continue;
            }
            if found.len() >= FILES_MAX {
                return Err(StoreError::TooMany { path: self.folder.clone() });
            }
            match read(&path) {
                Some(approval) => found.push(approval),
                None => tracing::warn!(file = %path.display(), "not an approval; it is left as it is"),
            }
        }
        Ok(found)
    }

    pub fn write(&self, approval: &Approval) -> io::Result<()> {
        let text = serde_json::to_vec(approval).map_err(io::Error::other)?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(io::Error::other("the approval is too large to be kept"));
        }
        self.put(&name_of(&approval.id), &text)
    }

    pub fn remove(&self, id: &str) -> io::Result<()> {
        match std::fs::remove_file(self.folder.join(name_of(id))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => sync(&self.folder),
        }
    }

    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let beside = self.folder.join(format!("{name}.{UNFINISHED}"));
        let mut file = owned(&beside, true)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, self.folder.join(name))?;
        sync(&self.folder)
    }
}

fn name_of(id: &str) -> String {
    format!("{id}.{EXTENSION}")
}

fn is_unfinished(path: &Path) -> bool {
    let ends_in = |path: &Path, wanted: &str| path.extension().is_some_and(|extension| extension == wanted);
    ends_in(path, UNFINISHED) && path.file_stem().is_some_and(|whole| ends_in(Path::new(whole), EXTENSION))
}

fn read(path: &Path) -> Option<Approval> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).ok()?;
    let approval: Approval = serde_json::from_slice(&text).ok()?;
    let is_own = path.file_stem().is_some_and(|stem| stem == approval.id.as_str());
    (is_own && approval.v == 1).then_some(approval)
}

/// Readable and writable by the owner alone.
fn owned(path: &Path, empty: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(empty);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
