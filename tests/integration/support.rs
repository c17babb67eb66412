//! A running Hardpan with its simulator, and a small client that signs like an SDK.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant, SystemTime};

use hardpan_aws::signer::{Outgoing, sign_headers};
use hardpan_inference::stream::event_stream::{Frame, FrameDecoder};
use hardpan_simulator::{Options, Received, Simulator};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub const KEY: (&str, &str) = ("AKIDTEST", "integration-secret-000000");
pub const UPSTREAM_KEY: (&str, &str) = ("AKIDUPSTREAM", "upstream-secret-000000");
pub const NOVA: &str = "amazon.nova-lite-v1%3A0";
pub const CLAUDE: &str = "us.anthropic.claude-sonnet-4-20250514-v1%3A0";

/// Sections of the configuration that differ from test to test.
/// What the agents and flows of the tests run on.
const MODELS_BEHIND: &str =
    "models: { map: { \"agent/*\": \"amazon.nova-lite-v1:0\", \"flow/*\": \"amazon.nova-lite-v1:0\" } }";

/// An application inference profile the simulator's control plane knows, and the model behind it.
pub const PROFILE: (&str, &str) = (
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcd1234efgh",
    "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
);

pub struct Setup {
    pub policy: &'static str,
    pub quota: &'static str,
    pub limits: &'static str,
    pub more: &'static str,
    pub upstream: Option<SocketAddr>,
    /// Where AWS is, in place of the simulator.
    pub endpoint: Option<String>,
    /// More of the section `aws`: a comma before each member.
    pub aws: &'static str,
    /// Take AWS credentials from a profile by the default chain, rather than from the environment alone.
    pub profile: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            policy: "{ mode: enforce, bundle: library, data: [EXAMPLES/data/demo.json] }",
            quota: "{ mode: on, limits: [] }",
            limits: "{}",
            more: MODELS_BEHIND,
            upstream: None,
            endpoint: None,
            aws: "",
            profile: false,
        }
    }
}

pub struct Hardpan {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    child: Child,
    simulator: Option<Simulator>,
    runtime: tokio::runtime::Runtime,
    folder: PathBuf,
    profile: bool,
}

/// The built binary with the configuration in a folder.
fn run(folder: &Path, profile: bool) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    Command::new(env!("CARGO_BIN_EXE_hardpan"))
        .args(["run", "-c"])
        .arg(folder.join("hardpan.yaml"))
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .envs(upstream_credentials(folder, profile))
        .env_remove("AWS_SESSION_TOKEN")
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

impl Hardpan {
    pub fn start(setup: Setup) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let simulator = (setup.upstream.is_none() && setup.endpoint.is_none()).then(|| {
            let options = Options {
                keys: vec![(UPSTREAM_KEY.0.to_owned(), UPSTREAM_KEY.1.to_owned())],
                record_max: 64,
                profiles: vec![(PROFILE.0.to_owned(), PROFILE.1.to_owned())],
                ..Options::default()
            };
            runtime.block_on(Simulator::start(options)).unwrap()
        });
        let upstream = setup.endpoint.unwrap_or_else(|| {
            let address = setup.upstream.unwrap_or_else(|| simulator.as_ref().unwrap().addr());
            format!("http://{address}")
        });
        let folder = std::env::temp_dir().join(format!("hardpan-test-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        let (address, admin) = (free_address(), free_address());
        let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/examples");
        let credentials = if setup.profile { "default" } else { "environment" };
        let config = format!(
            "listen: {address}\nadmin: {{ listen: \"{admin}\" }}\nlimits: {}\nkeys:\n  - {{ access_key_id: {}, \
             secret_access_key: {}, app: orders-bot, team: payments }}\naws: {{ region: us-east-1, endpoint: \
             \"{upstream}\", credentials: {credentials}{} }}\npolicy: {}\nquota: {}\nrecords: {{ path: \
             records.jsonl, user_salt: salt }}\n{}\n",
            setup.limits,
            KEY.0,
            KEY.1,
            setup.aws,
            setup.policy.replace("EXAMPLES", examples),
            setup.quota,
            setup.more,
        );
        std::fs::write(folder.join("hardpan.yaml"), config).unwrap();
        let child = run(&folder, setup.profile);
        let profile = setup.profile;
        let hardpan = Self { address, admin, child, simulator, runtime, folder, profile };
        hardpan.await_ready();
        hardpan
    }

    /// Kills the process, without a word to it, and starts another with the same configuration.
    pub fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = run(&self.folder, self.profile);
        self.await_ready();
    }

    fn await_ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while get(self.admin, "/readyz").is_none_or(|response| response.status != 200) {
            assert!(Instant::now() < deadline, "not ready: {}", self.log());
            wait_a_little();
        }
        while TcpStream::connect(self.address).is_err() {
            assert!(Instant::now() < deadline, "not listening");
            wait_a_little();
        }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn simulator(&self) -> &Simulator {
        self.simulator.as_ref().unwrap()
    }

    pub fn received(&self) -> Vec<Received> {
        self.simulator().received()
    }

    pub fn last_received_text(&self) -> String {
        String::from_utf8(self.received().last().unwrap().body.to_vec()).unwrap()
    }

    /// Waits for a number of records and returns them in the order in which their requests began; a record is
    /// written after its answer, so those of two requests may stand the other way round.
    pub fn records(&self, count: usize) -> Vec<Value> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let text = std::fs::read_to_string(self.folder.join("records.jsonl")).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            if lines.len() >= count && text.ends_with('\n') {
                assert_eq!(lines.len(), count, "one record per request");
                let mut records: Vec<Value> =
                    lines.into_iter().map(|line| serde_json::from_str(line).unwrap()).collect();
                records.sort_by_key(|record| record["time"].as_str().unwrap().to_owned());
                return records;
            }
            assert!(Instant::now() < deadline, "{} of {count} records came; {}", lines.len(), self.log());
            wait_a_little();
        }
    }

    /// Waits until the simulator has seen a number of streams given up.
    pub fn await_aborted(&self, count: u64) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.simulator().aborted_count() < count {
            assert!(Instant::now() < deadline, "the upstream call was not stopped");
            wait_a_little();
        }
    }

    pub fn metrics(&self) -> String {
        String::from_utf8(get(self.admin, "/metrics").unwrap().body).unwrap()
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Asks the process to stop, as an orchestrator does.
    pub fn terminate(&self) {
        let id = self.process_id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    pub fn post(&self, path: &str, body: &[u8]) -> Response {
        self.send(&self.signed("POST", path, body, &[]), body)
    }

    pub fn converse(&self, text: &str) -> Response {
        self.post(&format!("/model/{NOVA}/converse"), user(text).as_bytes())
    }

    pub fn converse_stream(&self, text: &str) -> Response {
        self.post(&format!("/model/{NOVA}/converse-stream"), user(text).as_bytes())
    }

    /// A signed head, Content-Length included.
    pub fn signed(&self, method: &str, path: &str, body: &[u8], extra: &[(&str, &str)]) -> String {
        self.signed_for("bedrock", method, path, body, extra)
    }

    /// The same for any service.
    pub fn signed_for(
        &self,
        service: &str,
        method: &str,
        path: &str,
        body: &[u8],
        extra: &[(&str, &str)],
    ) -> String {
        let host = self.address.to_string();
        let credentials = aws_credential_types::Credentials::new(KEY.0, KEY.1, None, None, "test");
        let body_sha256: [u8; 32] = Sha256::digest(body).into();
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(extra.iter().copied().filter(|(name, _)| name.starts_with("x-amz")));
        let outgoing = Outgoing { method, host: &host, path, headers: &headers, body_sha256: &body_sha256 };
        let added = sign_headers(&outgoing, &credentials, "us-east-1", service, SystemTime::now()).unwrap();
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n");
        for (name, value) in extra {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        for (name, value) in &added {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        head
    }

    pub fn send(&self, head: &str, body: &[u8]) -> Response {
        let mut stream = self.connect();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        read_response(&mut stream).expect("an answer")
    }
}

impl Drop for Hardpan {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(simulator) = self.simulator.take() {
            self.runtime.block_on(simulator.shutdown());
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Hardpan's own credentials: in the environment, or in a profile that the default chain has to find.
fn upstream_credentials(folder: &Path, profile: bool) -> Vec<(&'static str, String)> {
    if !profile {
        return vec![
            ("AWS_ACCESS_KEY_ID", UPSTREAM_KEY.0.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", UPSTREAM_KEY.1.to_owned()),
        ];
    }
    let (id, secret) = UPSTREAM_KEY;
    let file = folder.join("credentials");
    std::fs::write(&file, format!("[work]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n"))
        .unwrap();
    vec![
        ("AWS_PROFILE", "work".to_owned()),
        ("AWS_SHARED_CREDENTIALS_FILE", file.display().to_string()),
        ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ]
}

/// A Converse body with one user message.
pub fn user(text: &str) -> String {
    format!(
        r#"{{"messages":[{{"role":"user","content":[{{"text":{}}}]}}],"inferenceConfig":{{"maxTokens":200}}}}"#,
        Value::from(text)
    )
}

/// A Converse body that offers the tools of the demonstration policy.
pub fn user_with_tools(text: &str) -> String {
    format!(
        r#"{{"messages":[{{"role":"user","content":[{{"text":{}}}]}}],"inferenceConfig":{{"maxTokens":400}},"toolConfig":{{"tools":[
        {{"toolSpec":{{"name":"get_weather","inputSchema":{{"json":{{"type":"object","properties":{{"city":{{"type":"string"}}}},"required":["city"],"additionalProperties":false}}}}}}}},
        {{"toolSpec":{{"name":"db_query","inputSchema":{{"json":{{"type":"object","properties":{{"query":{{"type":"string"}}}},"required":["query"]}}}}}}}}]}}}}"#,
        Value::from(text)
    )
}

pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// False when the transport broke before the body's end.
    pub complete: bool,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn error(&self) -> (u16, &str) {
        (self.status, self.header("x-amzn-errortype").unwrap_or_default())
    }

    pub fn text(&self) -> String {
        self.json().pointer("/output/message/content/0/text").unwrap().as_str().unwrap().to_owned()
    }

    pub fn frames(&self) -> Vec<Frame> {
        let mut decoder = FrameDecoder::default();
        decoder.push(&self.body);
        let mut frames = Vec::new();
        while let Some(frame) = decoder.next_frame().unwrap() {
            frames.push(frame);
        }
        decoder.finish().unwrap();
        frames
    }

    /// The text of a streamed answer, all blocks joined.
    pub fn streamed_text(&self) -> String {
        self.frames()
            .iter()
            .filter(|frame| frame.header(":event-type") == Some("contentBlockDelta"))
            .filter_map(|frame| {
                let event: Value = serde_json::from_slice(frame.payload()).unwrap();
                Some(event.pointer("/delta/text")?.as_str()?.to_owned())
            })
            .collect()
    }

    /// The kinds of a stream's frames, deltas left out.
    pub fn kinds(&self) -> Vec<String> {
        let kind = |frame: &Frame| {
            frame.header(":event-type").or(frame.header(":exception-type")).unwrap_or_default().to_owned()
        };
        self.frames().iter().map(kind).filter(|kind| kind != "contentBlockDelta").collect()
    }
}

/// Reads one HTTP/1.1 answer. None when the connection ended before a head.
pub fn read_response(stream: &mut TcpStream) -> Option<Response> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16 << 10];
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    if status == 100 {
        let rest = bytes[head_end..].to_vec();
        assert!(rest.is_empty());
        return read_response(stream);
    }
    let mut response = Response { status, headers, body: bytes[head_end..].to_vec(), complete: true };
    let length = response.header("content-length").map(|length| length.parse::<usize>().unwrap());
    let mut read_more = |body: &mut Vec<u8>| match stream.read(&mut chunk) {
        Ok(0) | Err(_) => false,
        Ok(count) => {
            body.extend_from_slice(&chunk[..count]);
            true
        }
    };
    match length {
        Some(length) => {
            while response.body.len() < length && response.complete {
                response.complete = read_more(&mut response.body);
            }
        }
        None => loop {
            if let Some(body) = unchunk(&response.body) {
                response.body = body;
                break;
            }
            if !read_more(&mut response.body) {
                response.complete = false;
                break;
            }
        },
    }
    Some(response)
}

/// The content of a whole chunked body.
fn unchunk(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = bytes;
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        let chunk = rest.get(end + 2..end + 2 + size)?;
        rest = rest.get(end + 2 + size + 2..)?;
        if size == 0 {
            return Some(out);
        }
        out.extend_from_slice(chunk);
    }
}

pub fn get(address: SocketAddr, path: &str) -> Option<Response> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").ok()?;
    read_response(&mut stream)
}

/// An address nobody listens on at the moment. It is below those the system gives out by itself, and each process has
/// a range of its own: nobody else may take it before a child listens there.
pub fn free_address() -> SocketAddr {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    const FIRST: u32 = 10_000;
    const EACH: u32 = 16;
    const RANGES: u32 = 1_400;
    loop {
        let place = u32::from(TAKEN.fetch_add(1, Ordering::Relaxed)) % (EACH * RANGES);
        let port = FIRST + (std::process::id() % RANGES * EACH + place) % (EACH * RANGES);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port).unwrap()));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// Between two looks at a condition.
pub fn wait_a_little() {
    std::thread::park_timeout(Duration::from_millis(10));
}

/// An upstream that answers each connection with fixed bytes and then closes it.
pub fn scripted_upstream(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut seen = Vec::new();
            let mut chunk = [0; 4096];
            while !seen.windows(4).any(|window| window == b"\r\n\r\n") {
                match stream.read(&mut chunk) {
                    Ok(0) | Err(_) => break,
                    Ok(count) => seen.extend_from_slice(&chunk[..count]),
                }
            }
            let _ = stream.write_all(answer);
        }
    });
    address
}

impl Hardpan {
    /// A connection with a small request under way.
    pub fn connect_and_ask(&self, text: &str) -> TcpStream {
        let body = user(text);
        let mut stream = self.connect();
        stream
            .write_all(
                self.signed("POST", &format!("/model/{NOVA}/converse"), body.as_bytes(), &[]).as_bytes(),
            )
            .unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        stream
    }
}
