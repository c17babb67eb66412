//! A simulator and a Hardpan in front of it, both as processes of the built binary, and clients of theirs.
//!
//! The configuration is that of the other SDK suites. Nothing here knows what is tested.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::{Config, Credentials, Region};
use serde_json::Value;

const UPSTREAM_KEY: (&str, &str) = ("AKIDUPSTREAM", "upstream-secret-000000");
const CONFIGURATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../conformance/config/hardpan.yaml");
const PATIENCE: Duration = Duration::from_secs(30);

/// A process that ends with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub struct Stack {
    address: SocketAddr,
    folder: PathBuf,
    _hardpan: Program,
    _simulator: Program,
    /// Held open, so that the simulator can go on writing to it.
    _announcements: BufReader<ChildStdout>,
}

impl Stack {
    pub fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("hardpan-sdk-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        let (simulator, announcements, upstream) = start_simulator();
        let (address, admin) = (free_address(), free_address());
        let hardpan = start_hardpan(&folder, address, admin, &upstream);
        let stack =
            Self { address, folder, _hardpan: hardpan, _simulator: simulator, _announcements: announcements };
        stack.await_ready(admin);
        stack
    }

    pub fn client(&self) -> Client {
        self.client_with("AKIDCONFORMANCE", "conformance-secret-000000")
    }

    pub fn client_with(&self, key: &str, secret: &str) -> Client {
        let configuration = Config::builder()
            .behavior_version_latest()
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(key, secret, None, None, "issued"))
            .endpoint_url(format!("http://{}", self.address))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        Client::from_conf(configuration)
    }

    /// The statuses of all requests so far, one record each, in the order the requests began. Waits for them:
    /// a record is written after its answer.
    pub fn statuses(&self, count: usize) -> Vec<u64> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = std::fs::read_to_string(self.folder.join("records.jsonl")).unwrap_or_default();
            let complete = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
            let mut records: Vec<Value> =
                complete.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            if records.len() >= count {
                records.sort_by_key(|record| record["time"].as_str().unwrap().to_owned());
                return records.iter().map(|record| record["status"].as_u64().unwrap()).collect();
            }
            assert!(Instant::now() < deadline, "{} of {count} records came", records.len());
            wait_a_little();
        }
    }

    fn await_ready(&self, admin: SocketAddr) {
        let deadline = Instant::now() + PATIENCE;
        while !is_ready(admin) || TcpStream::connect(self.address).is_err() {
            let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "not ready: {log}");
            wait_a_little();
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn start_simulator() -> (Program, BufReader<ChildStdout>, String) {
    let mut child = Command::new(binary())
        .args(["simulate", "--listen", "127.0.0.1:0", "--key"])
        .arg(format!("{}:{}", UPSTREAM_KEY.0, UPSTREAM_KEY.1))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut announcements = BufReader::new(child.stdout.take().unwrap());
    let simulator = Program(child);
    loop {
        let mut line = String::new();
        assert!(announcements.read_line(&mut line).unwrap() > 0, "the simulator ended");
        if let Some((_, url)) = line.split_once("listening on ") {
            return (simulator, announcements, url.trim().to_owned());
        }
    }
}

fn start_hardpan(folder: &Path, address: SocketAddr, admin: SocketAddr, upstream: &str) -> Program {
    let child = Command::new(binary())
        .args(["run", "-c", CONFIGURATION])
        .env("HARDPAN_LISTEN", address.to_string())
        .env("HARDPAN_ADMIN", admin.to_string())
        .env("HARDPAN_UPSTREAM", upstream)
        .env("HARDPAN_RECORDS", folder.join("records.jsonl"))
        .env("AWS_ACCESS_KEY_ID", UPSTREAM_KEY.0)
        .env("AWS_SECRET_ACCESS_KEY", UPSTREAM_KEY.1)
        .env_remove("AWS_SESSION_TOKEN")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(folder.join("log")).unwrap())
        .spawn()
        .unwrap();
    Program(child)
}

/// The binary of this build: the one named, else the one cargo put two folders above this test.
fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("HARDPAN_BIN") {
        return PathBuf::from(named);
    }
    let own = std::env::current_exe().unwrap();
    let path = own.ancestors().nth(2).unwrap().join("hardpan");
    assert!(path.exists(), "build the binaries first, or name one in HARDPAN_BIN");
    path
}

fn is_ready(admin: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(admin)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn wait_a_little() {
    std::thread::park_timeout(Duration::from_millis(20));
}
