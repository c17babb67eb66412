//! The log of records from outside: killed under load, rotated, signed, tampered with, asked, and shipped.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hardpan_simulator::{Options, Simulator};
use serde_json::Value;

use crate::support::{NOVA, UPSTREAM_KEY, free_address, get, read_response, user, wait_a_little};

const KILLS: usize = 20;
const CLIENTS: usize = 4;

/// A folder with a configuration and a key, and a simulator; Hardpan is started and killed in it as a test wants.
struct Place {
    folder: PathBuf,
    address: SocketAddr,
    admin: SocketAddr,
    simulator: Option<Simulator>,
    runtime: tokio::runtime::Runtime,
}

impl Place {
    fn new(records: &str) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let options = Options {
            keys: vec![(UPSTREAM_KEY.0.to_owned(), UPSTREAM_KEY.1.to_owned())],
            ..Options::default()
        };
        let simulator = runtime.block_on(Simulator::start(options)).unwrap();
        let folder = std::env::temp_dir().join(format!("hardpan-test-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        let (address, admin) = (free_address(), free_address());
        let config = format!(
            "listen: {address}\nadmin: {{ listen: \"{admin}\" }}\nidentity: {{ fixed: {{ app: orders-bot, team: payments }} }}\n\
             aws: {{ region: us-east-1, endpoint: \"http://{}\", credentials: environment }}\npolicy: {{ mode: off }}\n\
             pii: {{ mode: off }}\ninjection: {{ mode: off }}\ncache: {{ exact: {{ mode: off }} }}\n\
             records: {{ path: records.jsonl, user_salt: salt, user_salt_days: 30{records} }}\n",
            simulator.addr(),
        );
        std::fs::write(folder.join("hardpan.yaml"), config).unwrap();
        let place = Self { folder, address, admin, simulator: Some(simulator), runtime };
        let made = place.audit(&["keygen", "--out", "key.pem"]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        place
    }

    fn start(&self) -> Child {
        self.start_by(Command::new(env!("CARGO_BIN_EXE_hardpan")))
    }

    /// As on a disk without room: no file grows beyond this, until [`Place::make_room`].
    fn start_without_room(&self, kib: u32) -> Child {
        let mut shell = Command::new("bash");
        let program = env!("CARGO_BIN_EXE_hardpan");
        // An ignored signal stays ignored in what is executed, so that a write fails as it does on a full disk.
        shell.args(["-c", &format!("trap '' XFSZ; ulimit -S -f {kib}; exec \"$0\" \"$@\""), program]);
        self.start_by(shell)
    }

    fn make_room(child: &Child) {
        let id = child.id().to_string();
        let done = Command::new("prlimit").args(["--pid", &id, "--fsize=unlimited:unlimited"]).status();
        assert!(done.unwrap().success());
    }

    fn start_by(&self, mut command: Command) -> Child {
        let log = std::fs::File::options().create(true).append(true).open(self.folder.join("log")).unwrap();
        let child = command
            .args(["run", "-c"])
            .arg(self.folder.join("hardpan.yaml"))
            .env("AWS_ACCESS_KEY_ID", UPSTREAM_KEY.0)
            .env("AWS_SECRET_ACCESS_KEY", UPSTREAM_KEY.1)
            .env_remove("AWS_SESSION_TOKEN")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while get(self.admin, "/readyz").is_none_or(|response| response.status != 200)
            || TcpStream::connect(self.address).is_err()
        {
            let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "not ready: {log}");
            wait_a_little();
        }
        child
    }

    fn stop(child: &mut Child) {
        assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
        child.wait().unwrap();
    }

    fn converse(&self) -> Option<u16> {
        let body = user("hello");
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        let head = format!(
            "POST /model/{NOVA}/converse HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             connection: close\r\ncontent-length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body.as_bytes()).ok()?;
        read_response(&mut stream).map(|response| response.status)
    }

    /// Records Hardpan says it has written since it started.
    fn written(&self) -> Option<u64> {
        let metrics = String::from_utf8(get(self.admin, "/metrics")?.body).ok()?;
        let line = metrics.lines().find(|line| line.starts_with("hardpan_audit_records_written_total "));
        line.map_or(Some(0), |line| line.rsplit(' ').next()?.parse().ok())
    }

    fn audit(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_hardpan"))
            .arg("audit")
            .args(arguments)
            .current_dir(&self.folder)
            .output()
            .unwrap()
    }

    fn public_key(&self) -> String {
        String::from_utf8(self.audit(&["key", "key.pem"]).stdout).unwrap().trim().to_owned()
    }

    /// Exit status and what was said.
    fn verify(&self) -> (i32, String) {
        let output = self.audit(&["verify", ".", "--key", &self.public_key()]);
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    }

    fn log(&self) -> PathBuf {
        self.folder.join("records.jsonl")
    }

    fn lines(&self) -> u64 {
        let mut count = 0;
        for entry in std::fs::read_dir(&self.folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let numbered =
                name.strip_prefix("records.jsonl.").is_some_and(|rest| rest.parse::<u64>().is_ok());
            if name == "records.jsonl" || numbered {
                let text = std::fs::read(path).unwrap();
                count += text.iter().filter(|byte| **byte == b'\n').count() as u64;
            }
        }
        count
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(simulator) = self.simulator.take() {
            self.runtime.block_on(simulator.shutdown());
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

const SIGNED: &str =
    ", rotate: { bytes_max: 1048576 }, checkpoints: { key_file: key.pem, every_records: 20 }";

/// More than the records of one request, and less than those of a hundred.
const ROOM_KIB: u32 = 24;

#[test]
fn a_full_disk_refuses_requests_and_loses_no_record() {
    let place = Place::new(SIGNED);
    let mut child = place.start_without_room(ROOM_KIB);
    let mut answered = 0;
    loop {
        match place.converse() {
            Some(200) => answered += 1,
            other => {
                assert_eq!(other, Some(503));
                break;
            }
        }
        assert!(answered < 1000, "the disk is never full");
    }
    assert!(answered > 1);
    let ready = get(place.admin, "/readyz").unwrap();
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["records"], "not_ready");
    Place::make_room(&child);
    let deadline = Instant::now() + Duration::from_secs(30);
    while place.converse() != Some(200) {
        assert!(Instant::now() < deadline, "it does not recover");
        wait_a_little();
    }
    Place::stop(&mut child);
    let text = std::fs::read_to_string(place.log()).unwrap();
    let of = |status: &str| text.lines().filter(|line| line.contains(status)).count();
    assert_eq!(of("\"status\":200"), answered + 1);
    assert!(of("\"error\":\"records_unavailable\"") > 0);
    let (status, said) = place.verify();
    assert_eq!(status, 0, "{said}");
}

#[test]
fn a_full_disk_costs_records_where_that_is_asked_for() {
    let place = Place::new(", on_full: drop_and_count, checkpoints: { key_file: key.pem }");
    let mut child = place.start_without_room(ROOM_KIB);
    let lost = || {
        let metrics = String::from_utf8(get(place.admin, "/metrics").unwrap().body).unwrap();
        let line = metrics.lines().find_map(|line| line.strip_prefix("hardpan_audit_records_dropped_total "));
        line.map_or(0, |count| count.parse::<usize>().unwrap())
    };
    let mut answered = 0;
    while lost() == 0 {
        assert_eq!(place.converse(), Some(200));
        answered += 1;
        assert!(answered < 1000, "the disk is never full");
    }
    Place::make_room(&child);
    let before = place.written().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while place.written().unwrap() == before {
        assert_eq!(place.converse(), Some(200));
        answered += 1;
        assert!(Instant::now() < deadline, "it does not recover");
        wait_a_little();
    }
    let dropped = lost();
    Place::stop(&mut child);
    assert_eq!(place.lines() as usize + dropped, answered);
    let (status, said) = place.verify();
    assert_eq!(status, 0, "{said}");
}

/// A record is acknowledged when it is counted as written.
#[test]
fn killed_under_load_the_log_is_good_and_has_all_that_was_acknowledged() {
    let place = Place::new(SIGNED);
    for round in 0..KILLS {
        let before = place.lines();
        let mut child = place.start();
        let stop = AtomicBool::new(false);
        let answered = AtomicUsize::new(0);
        let acknowledged = std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    while !stop.load(Ordering::SeqCst) {
                        if place.converse() == Some(200) {
                            answered.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                });
            }
            let deadline = Instant::now() + Duration::from_secs(30);
            while answered.load(Ordering::SeqCst) < 10 + round * 3 {
                assert!(Instant::now() < deadline, "round {round}: no answers");
                wait_a_little();
            }
            let acknowledged = place.written().unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
            stop.store(true, Ordering::SeqCst);
            acknowledged
        });
        let written = place.lines() - before;
        assert!(written >= acknowledged, "round {round}: {acknowledged} acknowledged, {written} there");
    }
    // What was being written at the last kill is cut off by the next start.
    Place::stop(&mut place.start());
    let (status, said) = place.verify();
    assert_eq!(status, 0, "{said}");
    assert!(!said.contains("not signed"), "{said}");
}

#[test]
fn tampering_is_told_by_the_command_with_its_place() {
    let place = Place::new(SIGNED);
    let mut child = place.start();
    for _ in 0..5 {
        assert_eq!(place.converse(), Some(200));
    }
    Place::stop(&mut child);
    let (status, said) = place.verify();
    assert!(status == 0 && said.contains("good: 5 record(s)"), "{said}");
    let good = std::fs::read_to_string(place.log()).unwrap();
    let lines: Vec<&str> = good.split_inclusive('\n').collect();
    let id = |line: &str| -> String {
        let record: Value = serde_json::from_str(line).unwrap();
        record["request_id"].as_str().unwrap().to_owned()
    };
    for (what, content, place_told) in [
        (
            "changed",
            good.replacen("\"attempts\":1", "\"attempts\":2", 1),
            format!("records.jsonl:1: record {}", id(lines[0])),
        ),
        (
            "dropped",
            [lines[0], lines[2], lines[3], lines[4]].concat(),
            format!("records.jsonl:2: record {}", id(lines[2])),
        ),
        (
            "swapped",
            [lines[0], lines[2], lines[1], lines[3], lines[4]].concat(),
            format!("records.jsonl:2: record {}", id(lines[2])),
        ),
        ("cut", lines[..3].concat(), format!("records.jsonl:3: record {}", id(lines[2]))),
        ("emptied", String::new(), "records.jsonl:".to_owned()),
    ] {
        std::fs::write(place.log(), content).unwrap();
        let (status, said) = place.verify();
        assert!(status == 1 && said.contains(&place_told), "{what}: {status} {said}");
    }
    std::fs::write(place.log(), &good).unwrap();
    let other = place.audit(&["keygen", "--out", "other.pem"]);
    let other = String::from_utf8(other.stdout).unwrap();
    let foreign = place.audit(&["verify", "records.jsonl", "--key", other.trim()]);
    assert_eq!(foreign.status.code(), Some(1));
    // A path that is wrong is no finding, and a key is not written over.
    assert_eq!(place.audit(&["verify", "missing.jsonl"]).status.code(), Some(2));
    assert_eq!(place.audit(&["keygen", "--out", "key.pem"]).status.code(), Some(2));
}

#[test]
fn records_answer_questions() {
    let place = Place::new("");
    let mut child = place.start();
    for _ in 0..3 {
        assert_eq!(place.converse(), Some(200));
    }
    Place::stop(&mut child);
    let asked = place.audit(&[
        "query",
        "--by",
        "team,model",
        "--sum",
        "cost,output_tokens",
        "--since",
        "1d",
        "--format",
        "json",
        "records.jsonl",
    ]);
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    let rows: Value = serde_json::from_slice(&asked.stdout).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 1);
    assert_eq!((&rows[0]["team"], &rows[0]["requests"]), (&"payments".into(), &3.into()));
    let nanos: i64 = std::fs::read_to_string(place.log())
        .unwrap()
        .lines()
        .map(|line| {
            let record: Value = serde_json::from_str(line).unwrap();
            let cost: f64 = record["estimated_cost_usd"].as_str().unwrap().parse().unwrap();
            (cost * 1e9).round() as i64
        })
        .sum();
    let expected = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    assert_eq!(rows[0]["cost_usd"], expected.as_str());
    let sql = place.audit(&["query", "SELECT COUNT(*) AS n FROM records WHERE status = 200", "."]);
    assert_eq!(String::from_utf8(sql.stdout).unwrap(), "n\n-\n3\n");
    assert_eq!(place.audit(&["query", "SELECT", "."]).status.code(), Some(2));
}

/// Answers every call with 200 and keeps the bodies.
fn bucket() -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let kept = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&kept);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
            let head_end = loop {
                if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                    break at + 4;
                }
                match stream.read(&mut chunk) {
                    Ok(count) if count > 0 => bytes.extend_from_slice(&chunk[..count]),
                    _ => break 0,
                }
            };
            let head = String::from_utf8_lossy(&bytes[..head_end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
            let length: usize = length.trim().parse().unwrap();
            while bytes.len() < head_end + length {
                match stream.read(&mut chunk) {
                    Ok(count) if count > 0 => bytes.extend_from_slice(&chunk[..count]),
                    _ => break,
                }
            }
            if head.contains("/records/") {
                to.lock().unwrap().extend_from_slice(&bytes[head_end..]);
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    (address, kept)
}

#[test]
fn records_that_could_not_be_shipped_arrive_after_a_restart() {
    let nowhere = free_address();
    let ship = format!(", ship: [{{ to: s3, bucket: logs, endpoint: \"http://{nowhere}\", every_s: 1 }}]");
    let place = Place::new(&ship);
    let mut child = place.start();
    assert_eq!(place.converse(), Some(200));
    Place::stop(&mut child);
    let (address, kept) = bucket();
    change(&place.folder, &nowhere.to_string(), &address.to_string());
    let mut child = place.start();
    assert_eq!(place.converse(), Some(200));
    Place::stop(&mut child);
    let sent = kept.lock().unwrap().clone();
    assert_eq!(String::from_utf8(sent).unwrap(), std::fs::read_to_string(place.log()).unwrap());
    assert_eq!(place.lines(), 2);
}

fn change(folder: &Path, from: &str, to: &str) {
    let path = folder.join("hardpan.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from));
    std::fs::write(&path, text.replace(from, to)).unwrap();
}

#[test]
fn every_mistake_about_records_is_told() {
    for (records, place_told) in [
        ("path: stdout, rotate: { hours_max: 1 }", "records.rotate"),
        ("path: stdout, ship: [{ to: s3, bucket: logs }]", "records.ship"),
        ("path: r.jsonl, format: emf", "records.format"),
        ("path: stdout, emf_namespace: X", "records.emf_namespace"),
        ("path: stdout, format: emf, emf_namespace: \"a b\"", "records.emf_namespace"),
        ("path: r.jsonl, rotate: {}", "records.rotate"),
        ("path: r.jsonl, rotate: { bytes_max: 1 }", "records.rotate.bytes_max"),
        ("path: r.jsonl, user_salt_days: 0", "records.user_salt_days"),
        ("path: r.jsonl, checkpoints: { key_file: missing.pem }", "records.checkpoints.key_file"),
        ("path: r.jsonl, checkpoints: { key_file: hardpan.yaml }", "records.checkpoints.key_file"),
        ("path: r.jsonl, ship: [{ to: s3 }]", "records.ship[0]"),
        ("path: r.jsonl, ship: [{ to: s3, bucket: No }]", "records.ship[0].bucket"),
        ("path: r.jsonl, ship: [{ to: s3, bucket: logs, prefix: \"a//b\" }]", "records.ship[0].prefix"),
        ("path: r.jsonl, ship: [{ to: s3, bucket: logs, prefix: \"../b\" }]", "records.ship[0].prefix"),
        ("path: r.jsonl, ship: [{ to: firehose, bucket: logs }]", "records.ship[0]"),
        ("path: r.jsonl, ship: [{ to: firehose, stream: \"a b\" }]", "records.ship[0].stream"),
        ("path: r.jsonl, ship: [{ to: firehose, stream: a, endpoint: x }]", "records.ship[0].endpoint"),
        (
            "path: r.jsonl, ship: [{ to: firehose, stream: a }, { to: firehose, stream: a }]",
            "records.ship[1]",
        ),
        ("path: r.jsonl, instance: \"a/b\"", "records.instance"),
    ] {
        let folder = std::env::temp_dir().join(format!("hardpan-test-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = format!(
            "listen: 127.0.0.1:0\nidentity: {{ fixed: {{ app: a, team: t }} }}\naws: {{ region: us-east-1 }}\n\
             policy: {{ mode: off }}\nrecords: {{ {records} }}\n"
        );
        std::fs::write(folder.join("hardpan.yaml"), config).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_hardpan"))
            .args(["check", "-c"])
            .arg(folder.join("hardpan.yaml"))
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(&format!("{place_told}:")), "{records}: {said}");
        let _ = std::fs::remove_dir_all(&folder);
    }
}
