//! Signed statements about a log: at this byte of this file the chain has this hash. They stand in a file of their
//! own, each naming the one before it, so that they can be sent elsewhere and show what was cut off or taken away.
//!
//! One more such statement, the head, is overwritten with every group of records: it covers what came after the last
//! checkpoint. Who holds the key can make any statement, and who puts back old copies of all files together cannot
//! be told from a log that ended then, unless a later statement is known elsewhere.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use super::chain::{GENESIS, Hash, hex, unhex};
use super::files::{checkpoints_path, head_path};

/// What a signature is about, so that it is of use nowhere else.
const DOMAIN: &[u8] = b"hardpan audit checkpoint 1\n";
/// Longest statement; one has about 500 bytes.
const STATEMENT_BYTES_MAX: usize = 2048;
const KEY_FILE_BYTES_MAX: u64 = 4096;
const SIGNATURE: &[u8] = b",\"signature\":\"";
const END: &[u8] = b"\"}";
const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// The key statements are signed with. No `Debug`: it is a secret.
#[derive(Clone)]
pub struct CheckpointKey(Arc<Ed25519KeyPair>);

/// What its signatures are checked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the key cannot be read: {0}")]
    Read(#[source] io::Error),
    #[error("not an Ed25519 private key in PEM (PKCS#8)")]
    NotAKey,
    #[error("not an Ed25519 public key: write its 64 hex digits")]
    NotAPublicKey,
    #[error("no key could be made")]
    Unmade,
}

impl CheckpointKey {
    /// A new key, and the PEM text to keep it in.
    pub fn generate() -> Result<(Self, Zeroizing<String>), KeyError> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyError::Unmade)?;
        let pem = format!("{PEM_BEGIN}\n{}\n{PEM_END}\n", STANDARD.encode(document.as_ref()));
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).map_err(|_| KeyError::Unmade)?;
        Ok((Self(Arc::new(pair)), Zeroizing::new(pem)))
    }

    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let mut pem = Zeroizing::new(String::new());
        let file = File::open(path).map_err(KeyError::Read)?;
        file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut pem).map_err(KeyError::Read)?;
        Self::parse(&pem)
    }

    /// As `hardpan audit keygen` and `openssl genpkey -algorithm ed25519` write it.
    pub fn parse(pem: &str) -> Result<Self, KeyError> {
        let (_, rest) = pem.split_once(PEM_BEGIN).ok_or(KeyError::NotAKey)?;
        let (body, _) = rest.split_once(PEM_END).ok_or(KeyError::NotAKey)?;
        let body: Zeroizing<String> =
            Zeroizing::new(body.chars().filter(|character| !character.is_ascii_whitespace()).collect());
        let document = Zeroizing::new(STANDARD.decode(body.as_bytes()).map_err(|_| KeyError::NotAKey)?);
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&document).map_err(|_| KeyError::NotAKey)?;
        Ok(Self(Arc::new(pair)))
    }

    pub fn public(&self) -> PublicKey {
        let mut key = [0; 32];
        key.iter_mut().zip(self.0.public_key().as_ref()).for_each(|(to, from)| *to = *from);
        PublicKey(key)
    }
}

impl PublicKey {
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        unhex(text.trim().as_bytes()).map(Self).ok_or(KeyError::NotAPublicKey)
    }
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&hex(&self.0))
    }
}

/// When statements are made, beside those at opening, rotation and close.
pub struct CheckpointSettings {
    pub key: CheckpointKey,
    pub every_records: u64,
    pub every: Duration,
}

/// How far a log has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    /// The number the file has, or will have once it is rotated away.
    pub file: u64,
    /// Length of the file up to a whole line.
    pub bytes: u64,
    /// Hash of that line; where it is the first of its file, of the last line of the file before.
    pub head: Hash,
}

/// Why a statement was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    Opened,
    /// The last head of a process before this one, which ended without closing the log.
    Resumed,
    Due,
    Rotated,
    Closed,
    Head,
}

#[derive(Serialize, Deserialize)]
struct Written {
    sequence: u64,
    time: String,
    occasion: Occasion,
    file: u64,
    bytes: u64,
    head: String,
    /// SHA-256 of the checkpoint before this one, as a line without its end.
    previous: String,
    key: String,
}

/// A statement whose signature is good under the key it names.
pub(super) struct Statement {
    pub sequence: u64,
    pub time: String,
    pub occasion: Occasion,
    pub position: Position,
    pub previous: Hash,
    pub key: PublicKey,
    /// What the next one names.
    pub own: Hash,
}

/// What is wrong with a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatementFault {
    #[error("it is not a checkpoint")]
    Malformed,
    #[error("its signature is not good: it was changed, or made without the key")]
    BadSignature,
}

impl Statement {
    pub fn parse(line: &[u8]) -> Result<Self, StatementFault> {
        let open = line.strip_suffix(END).ok_or(StatementFault::Malformed)?;
        let at = open.len().checked_sub(128).ok_or(StatementFault::Malformed)?;
        let (open, digits) = open.split_at_checked(at).ok_or(StatementFault::Malformed)?;
        let open = open.strip_suffix(SIGNATURE).ok_or(StatementFault::Malformed)?;
        let (first, second) = digits.split_at_checked(64).ok_or(StatementFault::Malformed)?;
        let halves = unhex(first).zip(unhex(second)).ok_or(StatementFault::Malformed)?;
        let signature = [halves.0, halves.1].concat();
        let written: Written =
            serde_json::from_slice(&[open, b"}"].concat()).map_err(|_| StatementFault::Malformed)?;
        let key = PublicKey::parse(&written.key).map_err(|_| StatementFault::Malformed)?;
        let signed = [DOMAIN, open, b"}"].concat();
        UnparsedPublicKey::new(&ED25519, key.0)
            .verify(&signed, &signature)
            .map_err(|_| StatementFault::BadSignature)?;
        let head = unhex(written.head.as_bytes()).ok_or(StatementFault::Malformed)?;
        Ok(Self {
            sequence: written.sequence,
            time: written.time,
            occasion: written.occasion,
            position: Position { file: written.file, bytes: written.bytes, head },
            previous: unhex(written.previous.as_bytes()).ok_or(StatementFault::Malformed)?,
            key,
            own: Sha256::digest(line).into(),
        })
    }
}

/// Makes statements and keeps them.
pub(super) struct Checkpoints {
    settings: CheckpointSettings,
    path: PathBuf,
    file: File,
    whole_bytes: u64,
    head: File,
    head_bytes: usize,
    sequence: u64,
    previous: Hash,
    /// What a process before this one said last, where its file of checkpoints says less.
    resumed: Option<Position>,
    newest: Option<u64>,
}

impl Checkpoints {
    pub fn open(log: &Path, settings: CheckpointSettings) -> io::Result<Self> {
        let path = checkpoints_path(log);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path)?;
        let mut head = options.open(head_path(log))?;
        let (last, whole_bytes) = last_statement(&mut file)?;
        file.set_len(whole_bytes)?;
        file.seek(SeekFrom::Start(whole_bytes))?;
        let own = settings.key.public();
        let said = read_head(&mut head)?.filter(|said| said.key == own);
        let checked = last.as_ref().map(|last| last.position);
        let resumed = said.map(|said| said.position).filter(|said| checked.is_none_or(|last| *said != last));
        let newest = resumed.into_iter().chain(checked).map(|position| position.file).max();
        Ok(Self {
            settings,
            path,
            file,
            whole_bytes,
            head,
            head_bytes: usize::MAX,
            sequence: last.as_ref().map_or(0, |last| last.sequence),
            previous: last.as_ref().map_or(GENESIS, |last| last.own),
            resumed,
            newest,
        })
    }

    /// The number of the newest file a statement speaks of.
    pub fn newest_file(&self) -> Option<u64> {
        self.newest
    }

    pub fn every_records(&self) -> u64 {
        self.settings.every_records.max(1)
    }

    pub fn every(&self) -> Duration {
        self.settings.every
    }

    /// The first statements of a process: what was said last, and where the log is now. Where the two disagree, a
    /// reader of the checkpoints will find it.
    pub fn begin(&mut self, position: Position) -> io::Result<()> {
        if let Some(resumed) = self.resumed.take() {
            self.add(Occasion::Resumed, resumed)?;
        }
        self.add(Occasion::Opened, position)
    }

    /// Adds a durable checkpoint. It goes to the process's log too, so that a copy leaves the machine with it.
    pub fn add(&mut self, occasion: Occasion, position: Position) -> io::Result<()> {
        let line = self.statement(self.sequence + 1, occasion, position)?;
        self.file.seek(SeekFrom::Start(self.whole_bytes))?;
        // A failure may leave a line behind, or part of one; the next attempt writes over it.
        self.file.write_all(&line)?;
        let whole_bytes = self.whole_bytes + u64::try_from(line.len()).unwrap_or(u64::MAX);
        self.file.set_len(whole_bytes)?;
        self.file.sync_data()?;
        self.whole_bytes = whole_bytes;
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        self.sequence += 1;
        self.previous = Sha256::digest(text).into();
        tracing::info!(checkpoint = %String::from_utf8_lossy(text), "audit checkpoint");
        self.say(position)
    }

    /// Overwrites the head. It is not made durable: what is older than the log is still true of it.
    pub fn say(&mut self, position: Position) -> io::Result<()> {
        let line = self.statement(self.sequence, Occasion::Head, position)?;
        self.head.seek(SeekFrom::Start(0))?;
        self.head.write_all(&line)?;
        if line.len() < self.head_bytes {
            self.head.set_len(u64::try_from(line.len()).unwrap_or(u64::MAX))?;
        }
        self.head_bytes = line.len();
        Ok(())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn statement(&self, sequence: u64, occasion: Occasion, position: Position) -> io::Result<Vec<u8>> {
        let written = Written {
            sequence,
            time: OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
            occasion,
            file: position.file,
            bytes: position.bytes,
            head: hex(&position.head),
            previous: hex(&self.previous),
            key: self.settings.key.public().to_string(),
        };
        let mut line = serde_json::to_vec(&written)?;
        let signed = [DOMAIN, &line].concat();
        let signature = self.settings.key.0.sign(&signed);
        line.pop();
        line.extend_from_slice(SIGNATURE);
        line.extend_from_slice(hex(signature.as_ref()).as_bytes());
        line.extend_from_slice(END);
        line.push(b'\n');
        Ok(line)
    }
}

/// The last whole statement and where it ends.
fn last_statement(file: &mut File) -> io::Result<(Option<Statement>, u64)> {
    let bytes = file.metadata()?.len();
    let start = bytes.saturating_sub(2 * STATEMENT_BYTES_MAX as u64);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(bytes - start).read_to_end(&mut tail)?;
    let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let lines = tail.get(..whole).unwrap_or_default();
    if lines.is_empty() && bytes > 0 && !b"{\"sequence\":".starts_with(tail.get(..12).unwrap_or(&tail)) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the file of checkpoints holds something else",
        ));
    }
    let last = lines.strip_suffix(b"\n").and_then(|lines| lines.rsplit(|byte| *byte == b'\n').next());
    let statement = last.map(Statement::parse).transpose().map_err(|fault| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the last checkpoint cannot be continued: {fault}"),
        )
    })?;
    Ok((statement, start + u64::try_from(whole).unwrap_or(u64::MAX)))
}

/// None when there is none, or none that is whole.
pub(super) fn read_head(head: &mut File) -> io::Result<Option<Statement>> {
    let mut bytes = Vec::new();
    head.seek(SeekFrom::Start(0))?;
    head.take(STATEMENT_BYTES_MAX as u64).read_to_end(&mut bytes)?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(Statement::parse(line).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> CheckpointKey {
        CheckpointKey::generate().unwrap().0
    }

    fn settings(key: &CheckpointKey) -> CheckpointSettings {
        CheckpointSettings { key: key.clone(), every_records: 10, every: Duration::from_secs(60) }
    }

    fn at(bytes: u64) -> Position {
        Position { file: 1, bytes, head: [7; 32] }
    }

    fn lines(log: &Path) -> Vec<Vec<u8>> {
        let text = std::fs::read(checkpoints_path(log)).unwrap();
        text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn a_key_survives_its_file_and_a_wrong_one_is_refused() {
        let (key, pem) = CheckpointKey::generate().unwrap();
        assert_eq!(CheckpointKey::parse(&pem).unwrap().public(), key.public());
        assert_eq!(PublicKey::parse(&key.public().to_string()).unwrap(), key.public());
        for wrong in [
            "",
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        ] {
            assert!(CheckpointKey::parse(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "00", "zz00000000000000000000000000000000000000000000000000000000000000"] {
            assert!(PublicKey::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_changed_byte_of_a_statement_is_found() {
        let folder = super::super::tests::Directory::new("statement");
        let log = folder.log();
        let mut checkpoints = Checkpoints::open(&log, settings(&key())).unwrap();
        checkpoints.add(Occasion::Due, at(100)).unwrap();
        let line = lines(&log).remove(0);
        assert_eq!(Statement::parse(&line).unwrap().position, at(100));
        for index in 0..line.len() {
            let mut changed = line.clone();
            changed[index] ^= 1;
            let Ok(statement) = Statement::parse(&changed) else { continue };
            panic!("byte {index} can be changed unseen, giving {}", statement.sequence);
        }
    }

    #[test]
    fn statements_are_chained_over_restarts_and_the_last_head_is_kept() {
        let folder = super::super::tests::Directory::new("checkpoints");
        let (log, key) = (folder.log(), key());
        let mut first = Checkpoints::open(&log, settings(&key)).unwrap();
        first.begin(at(0)).unwrap();
        first.say(at(50)).unwrap();
        drop(first);
        // A checkpoint that was not written to its end.
        let mut torn = std::fs::read(checkpoints_path(&log)).unwrap();
        torn.extend_from_slice(b"{\"sequence\":2,\"ti");
        std::fs::write(checkpoints_path(&log), torn).unwrap();
        let mut second = Checkpoints::open(&log, settings(&key)).unwrap();
        second.begin(at(70)).unwrap();
        let read: Vec<Statement> = lines(&log).iter().map(|line| Statement::parse(line).unwrap()).collect();
        let told: Vec<(u64, Occasion, u64)> =
            read.iter().map(|one| (one.sequence, one.occasion, one.position.bytes)).collect();
        assert_eq!(told, [(1, Occasion::Opened, 0), (2, Occasion::Resumed, 50), (3, Occasion::Opened, 70)]);
        assert_eq!((read[1].previous, read[2].previous), (read[0].own, read[1].own));
    }

    #[test]
    fn what_is_no_file_of_checkpoints_is_left_alone() {
        let folder = super::super::tests::Directory::new("foreign-checkpoints");
        for content in ["listen: here\n", "something"] {
            std::fs::write(checkpoints_path(&folder.log()), content).unwrap();
            assert!(Checkpoints::open(&folder.log(), settings(&key())).is_err());
            assert_eq!(std::fs::read_to_string(checkpoints_path(&folder.log())).unwrap(), content);
        }
    }
}
