//! Policies that change while traffic runs: one revision per request, no request lost, the last good kept.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::support::{
    Hardpan, NOVA, Setup, UPSTREAM_KEY, get, read_response, user_with_tools, wait_a_little,
};

const ALLOW: &str = "package policy.org.all\nallow contains \"all\" if input.action";
const DENY_TOOLS: &str = "package policy.org.all\nallow contains \"all\" if input.action\n\
    deny contains {\"code\": \"no_tools\", \"msg\": \"no tools\"} if input.action == \"tool:use\"";
const GATE: &str = "package policy.org.all\nallow contains \"all\" if input.action\n\
    deny contains {\"code\": \"closed\", \"msg\": \"closed\"} if not data.gate.open";
const SECRET: &str = "a secret of thirty-two characters";
const DEADLINE: Duration = Duration::from_secs(60);

struct Folder(PathBuf);

impl Folder {
    fn make() -> Self {
        let folder = std::env::temp_dir().join(format!("hardpan-reload-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Replaces a file whole, as whoever publishes would.
    fn put(&self, name: &str, bytes: &[u8]) {
        let fresh = self.0.join("fresh");
        std::fs::write(&fresh, bytes).unwrap();
        std::fs::rename(fresh, self.0.join(name)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A gzipped tar.
fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (path, text) in files {
        let mut header = [0; 512];
        header[..path.len()].copy_from_slice(path.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", text.len()).as_bytes());
        header[156] = b'0';
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        tar.extend_from_slice(&header);
        tar.extend_from_slice(text.as_bytes());
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&tar).unwrap();
    encoder.finish().unwrap()
}

fn bundle(revision: &str, rules: &str) -> Vec<u8> {
    archive(&[(".manifest", &format!(r#"{{"revision":"{revision}"}}"#)), ("org/all.rego", rules)])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn signed_bundle(revision: &str, rules: &str, secret: &str) -> Vec<u8> {
    let manifest = format!(r#"{{"revision":"{revision}"}}"#);
    let files = [(".manifest", manifest.as_str()), ("org/all.rego", rules)];
    let listed: Vec<serde_json::Value> = files
        .iter()
        .map(|(path, text)| {
            let hash = hex(&Sha256::digest(text.as_bytes()));
            serde_json::json!({"name": path, "hash": hash, "algorithm": "SHA-256"})
        })
        .collect();
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signing = format!(
        "{}.{}",
        part(serde_json::json!({"alg": "HS256"})),
        part(serde_json::json!({"files": listed}))
    );
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, signing.as_bytes()));
    let signatures = serde_json::json!({"signatures": [format!("{signing}.{signature}")]}).to_string();
    archive(&[files[0], files[1], (".signatures.json", &signatures)])
}

fn start(policy: String) -> Hardpan {
    Hardpan::start(Setup { policy: Box::leak(policy.into_boxed_str()), ..Setup::default() })
}

fn hang_up(hardpan: &Hardpan) {
    let id = hardpan.process_id().to_string();
    assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
}

fn revision(hardpan: &Hardpan) -> String {
    let answer = get(hardpan.admin, "/readyz").map(|response| response.json());
    answer.and_then(|json| Some(json["policy_revision"].as_str()?.to_owned())).unwrap_or_default()
}

fn wait_for(hardpan: &Hardpan, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} never came: {}", hardpan.log());
        wait_a_little();
    }
}

fn wait_for_revision(hardpan: &Hardpan, name: &str) {
    let begins = format!("{name}+sha256:");
    wait_for(hardpan, name, || revision(hardpan).starts_with(&begins));
}

fn wait_for_metric(hardpan: &Hardpan, line: &str) {
    wait_for(hardpan, line, || hardpan.metrics().lines().any(|found| found == line));
}

/// 100, or what `HARDPAN_SWAPS` says.
fn swaps() -> usize {
    std::env::var("HARDPAN_SWAPS").ok().and_then(|text| text.parse().ok()).unwrap_or(100)
}

#[test]
fn bundles_are_swapped_under_load_and_no_request_notices() {
    let folder = Folder::make();
    folder.put("bundle.tar.gz", &bundle("swap-0", ALLOW));
    let hardpan = start(format!("{{ bundle: {} }}", folder.0.join("bundle.tar.gz").display()));
    let (stop, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut known = BTreeSet::from([revision(&hardpan)]);
    let path = format!("/model/{NOVA}/converse");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut stream = hardpan.connect();
                while !stop.load(Ordering::Relaxed) {
                    let number = sent.fetch_add(1, Ordering::Relaxed);
                    let body =
                        user_with_tools(&format!("[sim:tool get_weather {{\"city\":\"Oslo {number}\"}}]"));
                    stream.write_all(hardpan.signed("POST", &path, body.as_bytes(), &[]).as_bytes()).unwrap();
                    stream.write_all(body.as_bytes()).unwrap();
                    let response = read_response(&mut stream).expect("an answer");
                    assert_eq!(response.status, 200, "{}", String::from_utf8_lossy(&response.body));
                    assert_eq!(response.json()["stopReason"], "tool_use");
                }
            });
        }
        for number in 1..=swaps() {
            let name = format!("swap-{number}");
            folder.put("bundle.tar.gz", &bundle(&name, ALLOW));
            hang_up(&hardpan);
            wait_for_revision(&hardpan, &name);
            known.insert(revision(&hardpan));
        }
        stop.store(true, Ordering::Relaxed);
    });
    let records = hardpan.records(sent.into_inner());
    let used: BTreeSet<String> = records
        .iter()
        .map(|record| {
            assert_eq!(record["status"], 200);
            assert_eq!(record["agent_tools_called"][0], "get_weather");
            record["decision"]["bundle_revision"].as_str().expect("a revision").to_owned()
        })
        .collect();
    assert_eq!(known.len(), swaps() + 1);
    assert!(used.is_subset(&known));
    assert!(used.len() > 1, "traffic must have met a swap");
    let activated = format!("hardpan_policy_bundle_loads_total{{result=\"activated\"}} {}", swaps() + 1);
    assert!(hardpan.metrics().lines().any(|line| line == activated));
}

#[test]
fn a_stream_ends_under_the_policies_it_began_with() {
    let folder = Folder::make();
    folder.put("bundle.tar.gz", &bundle("before", ALLOW));
    let hardpan = start(format!("{{ bundle: {} }}", folder.0.join("bundle.tar.gz").display()));
    let path = format!("/model/{NOVA}/converse-stream");
    let call = "[sim:tool get_weather {\"city\":\"Oslo\"}]";
    let words = "word ".repeat(8);
    let body = user_with_tools(&format!("[sim:say {words}][sim:pace 300]{call}"));
    let mut stream = hardpan.connect();
    stream.write_all(hardpan.signed("POST", &path, body.as_bytes(), &[]).as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    assert!(stream.peek(&mut [0]).unwrap() > 0, "the stream has begun");
    folder.put("bundle.tar.gz", &bundle("after", DENY_TOOLS));
    hang_up(&hardpan);
    wait_for_revision(&hardpan, "after");
    let response = read_response(&mut stream).expect("an answer");
    let stopped = |response: &crate::support::Response| {
        let frames = response.frames();
        let stop = frames.iter().find(|frame| frame.header(":event-type") == Some("messageStop")).unwrap();
        serde_json::from_slice::<serde_json::Value>(stop.payload()).unwrap()["stopReason"].clone()
    };
    assert_eq!(stopped(&response), "tool_use", "decided by the policies of its beginning");
    let later = hardpan.post(&path, user_with_tools(call).as_bytes());
    assert_eq!(stopped(&later), "end_turn", "decided by those of now");
    let records = hardpan.records(2);
    let revision = |at: usize| records[at]["decision"]["bundle_revision"].as_str().unwrap().to_owned();
    assert!(revision(0).starts_with("before+") && revision(1).starts_with("after+"));
}

#[test]
fn a_bundle_that_is_refused_leaves_the_last_good_in_place() {
    let folder = Folder::make();
    folder.put("bundle.tar.gz", &signed_bundle("good", ALLOW, SECRET));
    let hardpan = start(format!(
        "{{ bundle: {}, signature: {{ algorithm: HS256, secret: {SECRET} }} }}",
        folder.0.join("bundle.tar.gz").display()
    ));
    let recursion = "package policy.org.all\nallow contains \"x\" if f(input.action)\nf(x) if f(x)";
    for (reason, bytes) in [
        ("archive", b"no archive at all, whatever its name".to_vec()),
        ("archive", signed_bundle("cut", ALLOW, SECRET)[..200].to_vec()),
        ("signature", bundle("unsigned", ALLOW)),
        ("signature", signed_bundle("forged", ALLOW, "another secret of this very length")),
        ("refused", signed_bundle("recursive", recursion, SECRET)),
    ] {
        let count = |text: &str| {
            let begins = format!("hardpan_policy_bundle_failures_total{{reason=\"{reason}\"}} ");
            let line = text.lines().find_map(|line| line.strip_prefix(begins.as_str()));
            line.map_or(0, |count| count.parse::<u32>().unwrap())
        };
        let before = count(&hardpan.metrics());
        folder.put("bundle.tar.gz", &bytes);
        hang_up(&hardpan);
        wait_for(&hardpan, reason, || count(&hardpan.metrics()) > before);
        assert!(revision(&hardpan).starts_with("good+"));
        assert_eq!(hardpan.converse(&format!("still {before} {reason}")).status, 200);
    }
    let log = hardpan.log();
    assert!(log.contains("the last good policies are kept") && log.contains("recursion"), "{log}");
    assert!(!log.contains(SECRET));
    folder.put("bundle.tar.gz", &signed_bundle("better", ALLOW, SECRET));
    hang_up(&hardpan);
    wait_for_revision(&hardpan, "better");
    assert!(hardpan.records(5).iter().all(|record| record["status"] == 200));
}

#[test]
fn directories_and_data_are_taken_over_without_being_told() {
    let folder = Folder::make();
    std::fs::create_dir_all(folder.0.join("rules/org")).unwrap();
    folder.put("rules/org/all.rego", GATE.as_bytes());
    folder.put("data.json", br#"{"gate": {"open": true}}"#);
    let data = folder.0.join("data.json");
    let hardpan =
        start(format!("{{ bundle: {}, data: [{}] }}", folder.0.join("rules").display(), data.display()));
    assert_eq!(hardpan.converse("open").status, 200);
    let first = revision(&hardpan);
    folder.put("data.json", br#"{"gate": {"open": false}}"#);
    wait_for(&hardpan, "the data", || revision(&hardpan) != first);
    let refused = hardpan.converse("closed");
    assert_eq!(refused.error(), (403, "AccessDeniedException"));
    let second = revision(&hardpan);
    // What is no JSON changes nothing.
    folder.put("data.json", b"{");
    wait_for_metric(&hardpan, "hardpan_policy_bundle_failures_total{reason=\"data\"} 1");
    assert_eq!(revision(&hardpan), second);
    folder.put("data.json", br#"{"gate": {"open": false}}"#);
    folder.put("rules/org/all.rego", ALLOW.as_bytes());
    wait_for(&hardpan, "the rules", || revision(&hardpan) != second);
    assert_eq!(hardpan.converse("open again").status, 200);
}

#[test]
fn a_directory_that_is_refused_leaves_its_last_good_in_place() {
    let folder = Folder::make();
    let rules = folder.0.join("rules");
    std::fs::create_dir_all(rules.join("org")).unwrap();
    folder.put("rules/org/all.rego", GATE.as_bytes());
    folder.put("data.json", br#"{"gate": {"open": true}}"#);
    let data = folder.0.join("data.json");
    let policy = format!("{{ bundle: {}, data: [{}] }}", rules.display(), data.display());
    let hardpan = start(policy.clone());
    let good = revision(&hardpan);
    let failures = |reason: &str| {
        let begins = format!("hardpan_policy_bundle_failures_total{{reason=\"{reason}\"}} ");
        let metrics = hardpan.metrics();
        let count = metrics.lines().find_map(|line| line.strip_prefix(begins.as_str()));
        count.map_or(0, |count| count.parse::<u32>().unwrap())
    };
    let recursion = "package policy.org.all\nallow contains \"x\" if f(input.action)\nf(x) if f(x)";
    for (name, text, reason) in [
        ("rules/org/all.rego", recursion, "refused"),
        ("rules/org/all.rego", "package policy.org.all\nallow contains {", "refused"),
        ("rules/org/all.rego", "", "refused"),
        ("rules/org/data.yaml", "a: 1", "refused"),
        ("rules/data.json", "{", "data"),
        ("rules/.manifest", r#"{"roots": ["elsewhere"]}"#, "refused"),
        ("rules/.signatures.json", "{}", "signature"),
    ] {
        let before = failures(reason);
        folder.put(name, text.as_bytes());
        wait_for(&hardpan, name, || failures(reason) > before);
        assert_eq!(revision(&hardpan), good, "{name}: {text}");
        assert_eq!(hardpan.converse(&format!("still {name} {before}")).status, 200);
        std::fs::remove_file(folder.0.join(name)).unwrap();
        folder.put("rules/org/all.rego", GATE.as_bytes());
    }
    // A directory that is gone is no directory without rules.
    let before = failures("read");
    std::fs::rename(&rules, folder.0.join("moved")).unwrap();
    wait_for(&hardpan, "a missing directory", || failures("read") > before);
    assert_eq!((revision(&hardpan), hardpan.converse("gone").status), (good.clone(), 200));
    // New data is merged with the last good rules, since it may take something back.
    folder.put("data.json", br#"{"gate": {"open": false}}"#);
    wait_for(&hardpan, "the data", || revision(&hardpan) != good);
    assert_eq!(hardpan.converse("closed").error(), (403, "AccessDeniedException"));
    // Nothing is left to serve after a start.
    let (valid, error) = check(&folder.0, &policy);
    assert!(!valid && error.contains("policy.bundle: no such directory"), "{error}");
    std::fs::create_dir_all(rules.join("org")).unwrap();
    folder.put("rules/org/all.rego", recursion.as_bytes());
    let (valid, error) = check(&folder.0, &policy);
    assert!(!valid && error.contains("org/all.rego:3: recursion"), "{error}");
    let closed = revision(&hardpan);
    folder.put("rules/org/all.rego", ALLOW.as_bytes());
    wait_for(&hardpan, "the directory", || revision(&hardpan) != closed);
    assert_eq!(hardpan.converse("whole again").status, 200);
}

#[test]
fn hostile_policies_are_refused_or_bounded_and_the_process_stays_up() {
    let folder = Folder::make();
    std::fs::create_dir_all(folder.0.join("rules/org")).unwrap();
    folder.put("rules/org/all.rego", ALLOW.as_bytes());
    let hardpan = start(format!("{{ bundle: {} }}", folder.0.join("rules").display()));
    let good = revision(&hardpan);
    let failed = "hardpan_policy_bundle_loads_total{result=\"failed\"} ";
    let failures = || {
        let metrics = hardpan.metrics();
        let count = metrics.lines().find_map(|line| line.strip_prefix(failed));
        count.map_or(0, |count| count.parse::<u32>().unwrap())
    };
    let doubled = |link: &str| {
        let line = |at: usize| link.replace('#', &(at + 1).to_string()).replace('@', &at.to_string());
        (0..60).fold("x0 := [input.action]".to_owned(), |text, at| format!("{text}\n{}", line(at)))
    };
    let package = "package policy.org.hostile\n";
    for (name, rules) in [
        ("recursion", "f(x) := f(x)\ndeny contains \"x\" if f(1)".to_owned()),
        ("signs", format!("x := {}1", "-".repeat(900))),
        ("a sum", format!("x := 1{}", " +\n1".repeat(15_000))),
        ("brackets", format!("x := {}1{}", "{".repeat(31), "}".repeat(31))),
        ("copies", format!("deny contains \"x\" if {{\n{}\nx60 == 1\n}}", doubled("x# := [x@, x@]"))),
        ("statements", format!("deny contains \"x\" if {{\n{}\n}}", "input.action\n".repeat(5000))),
        ("a range", "deny contains \"x\" if numbers.range(1, 1000000000)[_] == 0".to_owned()),
        ("a loop", "deny contains \"x\" if { some a in numbers.range(1, 9999); some b in numbers.range(1, 9999); a + b < 0 }".to_owned()),
    ] {
        let before = failures();
        folder.put("rules/org/hostile.rego", format!("{package}{rules}").as_bytes());
        hang_up(&hardpan);
        wait_for(&hardpan, name, || failures() > before);
        assert_eq!((revision(&hardpan), hardpan.converse(name).status), (good.clone(), 200), "{name}");
    }
    assert!(hardpan.log().contains("org/hostile.rego:"));
    // What only a question brings to light denies that question, and no other.
    let mut served = good;
    for (name, condition) in [
        (
            "letters",
            "x := concat(\"\", [\"a\" | some i in numbers.range(1, 9999)]); replace(x, \"a\", concat(\"\", [x, x, x])) == \"\"",
        ),
        ("loops", "some a in numbers.range(1, 9999); some b in numbers.range(1, 9999); a + b < 0"),
        ("digits", "bits.lsh(1, 4000000000) == 1"),
        ("a unit", "units.parse(\"1e2000000000\") == 1"),
    ] {
        let rules = format!(
            "{package}deny contains \"x\" if {{ input.principal.app; input.request.stream; {condition} }}"
        );
        folder.put("rules/org/hostile.rego", rules.as_bytes());
        hang_up(&hardpan);
        wait_for(&hardpan, name, || revision(&hardpan) != served);
        served = revision(&hardpan);
        assert_eq!(hardpan.converse_stream(name).error(), (503, "ServiceUnavailableException"), "{name}");
        assert_eq!(hardpan.converse(name).status, 200, "{name}");
    }
}

/// Serves one archive, as a bundle server or S3 would.
struct BundleServer {
    address: SocketAddr,
    held: Arc<Mutex<Held>>,
}

#[derive(Default)]
struct Held {
    archive: Vec<u8>,
    /// Accepts and closes.
    down: bool,
    not_modified: usize,
    refused: usize,
}

impl BundleServer {
    /// `admits` looks at the request's first line and its header lines.
    fn start(archive: Vec<u8>, admits: fn(&str, &[(String, String)]) -> bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let held = Arc::new(Mutex::new(Held { archive, ..Held::default() }));
        let shared = held.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(&mut stream.unwrap(), &shared, admits);
            }
        });
        Self { address, held }
    }

    fn hold(&self, change: impl FnOnce(&mut Held)) {
        change(&mut self.held.lock().unwrap());
    }

    fn held<T>(&self, look: impl FnOnce(&Held) -> T) -> T {
        look(&self.held.lock().unwrap())
    }
}

fn answer(stream: &mut TcpStream, held: &Mutex<Held>, admits: fn(&str, &[(String, String)]) -> bool) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if held.lock().unwrap().down || !matches!(stream.read(&mut byte), Ok(1)) {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let first = lines.next().unwrap().to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut held = held.lock().unwrap();
    let etag = format!("\"{}\"", hex(&Sha256::digest(&held.archive)));
    let known = headers.iter().any(|(name, value)| name == "if-none-match" && *value == etag);
    let answer = if !admits(&first, &headers) {
        held.refused += 1;
        b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n".to_vec()
    } else if known {
        held.not_modified += 1;
        format!("HTTP/1.1 304 Not Modified\r\netag: {etag}\r\n\r\n").into_bytes()
    } else {
        let length = held.archive.len();
        let head = format!("HTTP/1.1 200 OK\r\netag: {etag}\r\ncontent-length: {length}\r\n\r\n");
        [head.into_bytes(), held.archive.clone()].concat()
    };
    let _ = stream.write_all(&answer);
}

fn has_token(first: &str, headers: &[(String, String)]) -> bool {
    let token = ("authorization".to_owned(), "Bearer bundle-token".to_owned());
    first == "GET /acme.tar.gz?env=test HTTP/1.1" && headers.contains(&token)
}

#[test]
fn a_fetched_bundle_is_polled_and_outlives_its_source() {
    let folder = Folder::make();
    let server = BundleServer::start(bundle("one", ALLOW), has_token);
    let policy = format!(
        "{{ bundle: \"http://{}/acme.tar.gz?env=test\", fetch: {{ token: bundle-token, poll_s: 1 }}, last_good: {} }}",
        server.address,
        folder.0.join("last-good.tar.gz").display()
    );
    let hardpan = start(policy.clone());
    assert!(revision(&hardpan).starts_with("one+"));
    wait_for(&hardpan, "an unchanged bundle", || server.held(|held| held.not_modified) > 1);
    server.hold(|held| held.archive = bundle("two", ALLOW));
    wait_for_revision(&hardpan, "two");
    // A bundle that is refused is fetched once, and what is served stays.
    server.hold(|held| held.archive = bundle("broken", "package policy.org.all\nallow if {"));
    wait_for_metric(&hardpan, "hardpan_policy_bundle_failures_total{reason=\"refused\"} 1");
    let asked = server.held(|held| held.not_modified);
    wait_for(&hardpan, "more polls", || server.held(|held| held.not_modified) > asked + 1);
    assert!(hardpan.metrics().contains("hardpan_policy_bundle_failures_total{reason=\"refused\"} 1\n"));
    server.hold(|held| held.down = true);
    wait_for(&hardpan, "a failure", || hardpan.metrics().contains("reason=\"unreachable\""));
    assert_eq!(hardpan.converse("hello").status, 200);
    drop(hardpan);
    let hardpan = start(policy);
    assert!(revision(&hardpan).starts_with("two+"), "served from the copy");
    assert!(hardpan.metrics().contains("hardpan_policy_bundle_restored 1\n"));
    assert_eq!(hardpan.converse("hello").status, 200);
    server.hold(|held| (held.down, held.archive) = (false, bundle("three", ALLOW)));
    wait_for_revision(&hardpan, "three");
    wait_for_metric(&hardpan, "hardpan_policy_bundle_restored 0");
    assert_eq!(server.held(|held| held.refused), 0);
}

/// Whether a request is signed for S3 with Hardpan's own credentials.
fn is_signed(first: &str, headers: &[(String, String)]) -> bool {
    use hardpan_aws::verifier;
    let path = "/acme-policies/hardpan/bundle.tar.gz";
    if first != format!("GET {path} HTTP/1.1") {
        return false;
    }
    let mut map = http::HeaderMap::new();
    for (name, value) in headers {
        map.append(http::HeaderName::try_from(name).unwrap(), http::HeaderValue::try_from(value).unwrap());
    }
    let body_sha256: [u8; 32] = Sha256::digest([]).into();
    let Ok(authorization) = verifier::parse(&map, path.as_bytes()) else { return false };
    let request = verifier::SignedRequest {
        method: "GET",
        raw_target: path.as_bytes(),
        headers: &map,
        authority: None,
        body_sha256: &body_sha256,
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    authorization.service == "s3"
        && authorization.region == "eu-west-1"
        && authorization.access_key_id == UPSTREAM_KEY.0
        && authorization.signs("x-amz-content-sha256")
        && verifier::verify(&authorization, UPSTREAM_KEY.1, &request, i64::try_from(now).unwrap(), 60).is_ok()
}

#[test]
fn a_bundle_in_s3_is_fetched_with_the_proxys_own_credentials() {
    let server = BundleServer::start(bundle("one", ALLOW), is_signed);
    let hardpan = start(format!(
        "{{ bundle: \"s3://acme-policies/hardpan/bundle.tar.gz\", fetch: {{ endpoint: \"http://{}\", region: eu-west-1, poll_s: 1 }} }}",
        server.address
    ));
    assert!(revision(&hardpan).starts_with("one+"));
    wait_for(&hardpan, "an unchanged bundle", || server.held(|held| held.not_modified) > 0);
    server.hold(|held| held.archive = bundle("two", ALLOW));
    wait_for_revision(&hardpan, "two");
    assert_eq!(server.held(|held| held.refused), 0);
    assert_eq!(hardpan.converse("hello").status, 200);
}

fn check(folder: &Path, policy: &str) -> (bool, String) {
    let file = folder.join("hardpan.yaml");
    let text = format!(
        "listen: 127.0.0.1:1\nkeys:\n  - {{ access_key_id: A, secret_access_key: 0123456789abcdef, app: a, team: t }}\naws: {{ \
         region: us-east-1 }}\npolicy: {policy}\nrecords: {{ path: r.jsonl }}\n"
    );
    std::fs::write(&file, text).unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_hardpan")).args(["check", "-c"]).arg(&file).output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn mistakes_about_bundles_are_told() {
    let folder = Folder::make();
    folder.put("bundle.tar.gz", &bundle("one", ALLOW));
    folder.put("signed.tgz", &signed_bundle("one", ALLOW, SECRET));
    folder.put("not.pem", b"no key");
    for (policy, told) in [
        ("{ bundle: missing }", "policy.bundle: no such directory or file"),
        ("{ bundle: \"http://bundles.example/x\" }", "policy.bundle: not a URL"),
        ("{ bundle: \"s3://acme\" }", "policy.bundle: not an object"),
        ("{ bundle: \"s3://acme/a b\" }", "policy.bundle: not an object"),
        ("{ bundle: \"s3://acme/b\", fetch: { token: t } }", "policy.fetch.token: not for S3"),
        ("{ bundle: \"s3://acme/b\", fetch: { endpoint: \"http://s3.example\" } }", "policy.fetch.endpoint"),
        ("{ bundle: \"https://x.example/b\", fetch: { region: r } }", "policy.fetch: not a bundle in S3"),
        ("{ bundle: \"https://x.example/b\", fetch: { token: \"a b\" } }", "policy.fetch.token: not a token"),
        ("{ bundle: \"https://x.example/b\", fetch: { poll_s: 0 } }", "policy.fetch.poll_s"),
        ("{ bundle: \"https://x.example/b\", fetch: { ca: not.pem } }", "policy.fetch.ca"),
        ("{ bundle: library, fetch: {} }", "policy.fetch: nothing is fetched"),
        ("{ bundle: library, last_good: x }", "policy.last_good: only an archive"),
        ("{ signature: { algorithm: HS256 } }", "policy.signature: not one key"),
        ("{ signature: { algorithm: none, secret: topsecret } }", "policy.signature"),
        ("{ signature: { algorithm: HS256, secret: topsecret } }", "policy.signature.secret: shorter"),
        ("{ signature: { algorithm: RS256, secret: topsecret } }", "policy.signature.secret: not a key of"),
        ("{ signature: { algorithm: RS256, key_file: not.pem } }", "policy.signature.key_file: not a PEM"),
        ("{ signature: { algorithm: HS256, key_file: not.pem } }", "policy.signature.key_file: not a key of"),
        ("{ bundle: signed.tgz }", "the bundle is signed, and policy.signature names no key"),
        (
            "{ bundle: bundle.tar.gz, signature: { algorithm: HS256, secret: a secret of thirty-two characters } }",
            "the bundle is not signed",
        ),
    ] {
        let (valid, error) = check(&folder.0, policy);
        assert!(!valid && error.contains(told), "{policy}: {error}");
        assert!(!error.contains("topsecret"), "{error}");
    }
    let signed = format!("{{ bundle: signed.tgz, signature: {{ algorithm: HS256, secret: {SECRET} }} }}");
    for policy in ["{ bundle: bundle.tar.gz, last_good: kept.tar.gz }", signed.as_str()] {
        let (valid, error) = check(&folder.0, policy);
        assert!(valid, "{policy}: {error}");
    }
}
