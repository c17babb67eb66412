//! The keys Hardpan issued: those of the configuration and those of the keys file, which is read again when it
//! changes, so that a revoked key stops working without a restart.
//!
//! The last good table is kept while the file is missing or does not parse. Nothing here decides who may issue keys:
//! whoever may write the file may.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use hardpan_inference::json::quote;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use crate::config::IssuedKey;

const FILE_BYTES_MAX: u64 = 16 << 20;
const KEYS_MAX: usize = 100_000;
const LOOK_EVERY: Duration = Duration::from_secs(1);
const SECRET_BYTES_MIN: usize = 16;
const NAME_BYTES_MAX: usize = 64;

#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("the keys file could not be read or written: {0}")]
    Io(#[from] std::io::Error),
    /// Never quotes the file: its lines hold secrets.
    #[error("the keys file is not a list of keys as `hardpan keys new` writes it")]
    Syntax,
    #[error("key number {number} of the keys file has a bad {member}")]
    Entry { number: usize, member: &'static str },
    #[error("key number {number} of the keys file has an id that is already used")]
    Duplicate { number: usize },
    #[error("the keys file is too large")]
    TooLarge,
    #[error("no key has this id")]
    NoSuchKey,
    #[error("the key is already revoked")]
    AlreadyRevoked,
    #[error("no randomness is to be had")]
    Random,
}

/// Every key that works at the moment.
pub struct KeyStore {
    inline: Vec<Arc<IssuedKey>>,
    file: Option<PathBuf>,
    table: ArcSwap<Table>,
}

struct Table {
    keys: HashMap<String, Arc<IssuedKey>>,
    stamp: Option<Stamp>,
}

impl KeyStore {
    pub fn load(inline: &[IssuedKey], file: Option<&Path>) -> Result<Self, KeysError> {
        let inline: Vec<Arc<IssuedKey>> = inline.iter().cloned().map(Arc::new).collect();
        let stamp = file.and_then(|file| Stamp::of(file).ok());
        let keys = table(&inline, file)?;
        if stamp.is_some_and(|stamp| stamp.mode & 0o077 != 0) {
            tracing::warn!("the keys file can be read by other users; its mode should be 0600");
        }
        let table = ArcSwap::from_pointee(Table { keys, stamp });
        Ok(Self { inline, file: file.map(Path::to_owned), table })
    }

    /// A key that is issued and not revoked.
    pub fn find(&self, access_key_id: &str) -> Option<Arc<IssuedKey>> {
        self.table.load().keys.get(access_key_id).cloned()
    }

    /// Looks at the file every second, for as long as it is polled.
    pub async fn keep_fresh(self: Arc<Self>) {
        if self.file.is_none() {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let store = self.clone();
            // Small as it is, the file may lie on a slow disk.
            let looked = tokio::task::spawn_blocking(move || store.look()).await;
            match looked {
                Ok(Ok(true)) => tracing::info!("the keys file was read again"),
                Ok(Ok(false)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the last good keys are kept"),
                Err(_) => tracing::error!("the keys file could not be looked at"),
            }
        }
    }

    /// Reads the file again if it has changed. True when its keys were taken over.
    pub fn look(&self) -> Result<bool, KeysError> {
        let Some(file) = &self.file else { return Ok(false) };
        let now = self.table.load();
        // Taken before reading: a write in between is seen at the next look.
        let stamp = Stamp::of(file).ok();
        if stamp == now.stamp {
            return Ok(false);
        }
        match table(&self.inline, Some(file)) {
            Ok(keys) => {
                self.table.store(Arc::new(Table { keys, stamp }));
                Ok(true)
            }
            Err(error) => {
                // Said once, not every second.
                self.table.store(Arc::new(Table { keys: now.keys.clone(), stamp }));
                Err(error)
            }
        }
    }
}

/// What changes when a file is written or replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    seconds: i64,
    nanoseconds: i64,
    bytes: u64,
    inode: u64,
    mode: u32,
}

impl Stamp {
    fn of(file: &Path) -> std::io::Result<Self> {
        let metadata = std::fs::metadata(file)?;
        Ok(Self {
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec(),
            bytes: metadata.size(),
            inode: metadata.ino(),
            mode: metadata.mode(),
        })
    }
}

fn table(
    inline: &[Arc<IssuedKey>],
    file: Option<&Path>,
) -> Result<HashMap<String, Arc<IssuedKey>>, KeysError> {
    let mut keys: HashMap<String, Arc<IssuedKey>> =
        inline.iter().map(|key| (key.access_key_id.clone(), key.clone())).collect();
    let Some(file) = file else { return Ok(keys) };
    for (index, entry) in read(file)?.into_iter().enumerate() {
        // A revoked key of the same id as one of the configuration would otherwise seem to be revoked and work.
        if keys.contains_key(&entry.access_key_id) {
            return Err(KeysError::Duplicate { number: index + 1 });
        }
        if !entry.revoked {
            keys.insert(entry.access_key_id.clone(), Arc::new(entry.into_key()));
        }
    }
    Ok(keys)
}

/// A key as it stands in the file. No `Debug`: it holds a secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub access_key_id: String,
    #[serde(deserialize_with = "secret")]
    pub secret_access_key: Zeroizing<String>,
    pub app: String,
    pub team: String,
    #[serde(default)]
    pub env: Option<String>,
    #[serde(default)]
    pub created: Option<String>,
    #[serde(default)]
    pub revoked: bool,
    #[serde(default)]
    pub revoked_at: Option<String>,
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(deserializer).map(Zeroizing::new)
}

impl Entry {
    /// A new key with an id and a secret of its own.
    pub fn generate(
        app: &str,
        team: &str,
        env: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Self, KeysError> {
        let id = random::<10>()?;
        let secret = random::<30>()?;
        Ok(Self {
            access_key_id: format!("HPAK{}", BASE32_NOPAD.encode(&*id)),
            secret_access_key: Zeroizing::new(BASE64URL_NOPAD.encode(&*secret)),
            app: app.to_owned(),
            team: team.to_owned(),
            env: env.map(str::to_owned),
            created: now.format(&Rfc3339).ok(),
            revoked: false,
            revoked_at: None,
        })
    }

    fn into_key(self) -> IssuedKey {
        IssuedKey {
            access_key_id: self.access_key_id,
            secret: self.secret_access_key,
            app: self.app,
            team: self.team,
            env: self.env,
        }
    }

    /// The member that cannot stand, if any.
    fn bad_member(&self) -> Option<&'static str> {
        let name = |text: &str| !text.is_empty() && text.len() <= NAME_BYTES_MAX;
        let id = &self.access_key_id;
        let id_stands = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let checks = [
            ("access_key_id", id_stands),
            ("secret_access_key", self.secret_access_key.len() >= SECRET_BYTES_MIN),
            ("app", name(&self.app)),
            ("team", name(&self.team)),
            ("env", self.env.as_deref().is_none_or(name)),
        ];
        checks.into_iter().find(|(_, stands)| !stands).map(|(member, _)| member)
    }

    fn write(&self, out: &mut String) {
        let mut member = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                out.push_str(if out.ends_with("- ") { "" } else { "  " });
                out.push_str(&format!("{name}: {}\n", quote(value)));
            }
        };
        member("access_key_id", Some(&self.access_key_id));
        member("secret_access_key", Some(&self.secret_access_key));
        member("app", Some(&self.app));
        member("team", Some(&self.team));
        member("env", self.env.as_deref());
        member("created", self.created.as_deref());
        if self.revoked {
            member("revoked_at", self.revoked_at.as_deref());
            out.push_str("  revoked: true\n");
        }
    }
}

/// Random bytes, wiped when dropped.
pub fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, KeysError> {
    let mut bytes = Zeroizing::new([0; N]);
    SystemRandom::new().fill(&mut *bytes).map_err(|_| KeysError::Random)?;
    Ok(bytes)
}

/// All keys of a file, revoked ones included.
pub fn read(file: &Path) -> Result<Vec<Entry>, KeysError> {
    let mut text = Zeroizing::new(String::new());
    std::fs::File::open(file)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(KeysError::TooLarge);
    }
    parse(&text)
}

fn parse(text: &str) -> Result<Vec<Entry>, KeysError> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Vec::new());
    }
    let options = serde_saphyr::options! { with_snippet: false };
    let entries: Vec<Entry> =
        serde_saphyr::from_str_with_options(text, options).map_err(|_| KeysError::Syntax)?;
    if entries.len() > KEYS_MAX {
        return Err(KeysError::TooLarge);
    }
    let mut seen = std::collections::HashSet::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let number = index + 1;
        if let Some(member) = entry.bad_member() {
            return Err(KeysError::Entry { number, member });
        }
        if !seen.insert(entry.access_key_id.as_str()) {
            return Err(KeysError::Duplicate { number });
        }
    }
    Ok(entries)
}

/// Changes a file under a lock, so that two commands at once lose nothing, and replaces it whole, so that a reader
/// never sees half of it.
pub fn change<T>(
    file: &Path,
    change: impl FnOnce(&mut Vec<Entry>) -> Result<T, KeysError>,
) -> Result<T, KeysError> {
    let lock = private().create(true).truncate(false).open(beside(file, "lock"))?;
    lock.lock()?;
    let mut entries = match read(file) {
        Err(KeysError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        read => read?,
    };
    let changed = change(&mut entries)?;
    let mut text = Zeroizing::new(String::from("# Keys Hardpan issued. Written by `hardpan keys`.\n"));
    for entry in &entries {
        text.push_str("- ");
        entry.write(&mut text);
    }
    // What could not be read again is not written.
    parse(&text)?;
    let fresh = beside(file, "new");
    let mut out = private().create(true).truncate(true).open(&fresh)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    std::fs::rename(&fresh, file)?;
    Ok(changed)
}

/// Marks a key as revoked; it stays in the file for audit.
pub fn revoke(entries: &mut [Entry], access_key_id: &str, now: OffsetDateTime) -> Result<(), KeysError> {
    let entry =
        entries.iter_mut().find(|entry| entry.access_key_id == access_key_id).ok_or(KeysError::NoSuchKey)?;
    if entry.revoked {
        return Err(KeysError::AlreadyRevoked);
    }
    entry.revoked = true;
    entry.revoked_at = now.format(&Rfc3339).ok();
    Ok(())
}

fn private() -> std::fs::OpenOptions {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn make() -> Self {
            let folder = std::env::temp_dir().join(format!("hardpan-keys-{}", uuid::Uuid::new_v4()));
            std::fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn add(file: &Path, app: &str) -> String {
        change(file, |entries| {
            let entry = Entry::generate(app, "payments", Some("p\"1"), OffsetDateTime::now_utc())?;
            let id = entry.access_key_id.clone();
            entries.push(entry);
            Ok(id)
        })
        .unwrap()
    }

    #[test]
    fn a_key_added_works_and_a_key_revoked_does_not_without_a_restart() {
        let folder = Folder::make();
        let file = folder.0.join("keys.yaml");
        let (first, second) = (add(&file, "billing"), add(&file, "search"));
        let store = KeyStore::load(&[], Some(&file)).unwrap();
        assert!(!store.look().unwrap(), "nothing has changed");
        assert_eq!(store.find(&first).unwrap().env.as_deref(), Some("p\"1"));
        change(&file, |entries| revoke(entries, &first, OffsetDateTime::now_utc())).unwrap();
        assert!(store.find(&first).is_some(), "not looked yet");
        assert!(store.look().unwrap());
        assert!(store.find(&first).is_none());
        assert_eq!(store.find(&second).unwrap().app, "search");
        assert_eq!(read(&file).unwrap().len(), 2, "kept for audit");
        let again = change(&file, |entries| revoke(entries, &first, OffsetDateTime::now_utc()));
        assert!(matches!(again, Err(KeysError::AlreadyRevoked)));
        let nobody = change(&file, |entries| revoke(entries, "HPAKNOBODY", OffsetDateTime::now_utc()));
        assert!(matches!(nobody, Err(KeysError::NoSuchKey)));
    }

    #[test]
    fn the_last_good_keys_are_kept_while_the_file_is_damaged() {
        let folder = Folder::make();
        let file = folder.0.join("keys.yaml");
        let id = add(&file, "billing");
        let store = KeyStore::load(&[], Some(&file)).unwrap();
        std::fs::write(&file, "- {").unwrap();
        assert!(store.look().is_err());
        assert!(!store.look().unwrap(), "said once");
        assert!(store.find(&id).is_some());
        std::fs::remove_file(&file).unwrap();
        assert!(store.look().is_err());
        assert!(store.find(&id).is_some());
    }

    #[test]
    fn the_file_is_private_to_its_owner() {
        let folder = Folder::make();
        let file = folder.0.join("keys.yaml");
        add(&file, "billing");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn bad_files_are_refused_and_their_secrets_not_repeated() {
        let key = |id: &str, secret: &str, app: &str| {
            format!("- {{ access_key_id: {id}, secret_access_key: {secret}, app: {app}, team: t }}\n")
        };
        let long = "s".repeat(16);
        for (text, refused) in [
            (String::new(), false),
            ("# none yet\n".to_owned(), false),
            (key("A", &long, "a"), false),
            (key("A", &long, "a") + &key("A", &long, "b"), true),
            (key("A", "short", "a"), true),
            (key("A-B", &long, "a"), true),
            (key("A", &long, "\"\""), true),
            ("- { access_key_id: A, surprise: hidden-value }".to_owned(), true),
        ] {
            let outcome = parse(&text);
            assert_eq!(outcome.is_err(), refused, "{text}");
            if let Err(error) = outcome {
                assert!(!error.to_string().contains("short") && !error.to_string().contains("hidden"));
            }
        }
    }

    #[test]
    fn an_id_in_both_configuration_and_file_is_refused() {
        let folder = Folder::make();
        let file = folder.0.join("keys.yaml");
        let id = add(&file, "billing");
        let inline = IssuedKey {
            access_key_id: id,
            secret: Zeroizing::new("s".repeat(16)),
            app: "a".into(),
            team: "t".into(),
            env: None,
        };
        assert!(matches!(KeyStore::load(&[inline], Some(&file)), Err(KeysError::Duplicate { number: 1 })));
    }
}
