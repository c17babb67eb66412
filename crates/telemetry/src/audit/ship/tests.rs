//! Shipping against an endpoint of our own, which answers as each test wants.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::log::{AuditLog, AuditSettings, AuditSink, OnFull};
use super::super::output::Rotation;
use super::super::tests::{Directory, record};
use super::super::{CheckpointKey, CheckpointSettings};
use super::*;

#[derive(Clone)]
struct Received {
    line: String,
    headers: String,
    body: Vec<u8>,
}

/// An HTTP/1.1 server: what it answers is decided by a function of what it received, and how much before.
#[derive(Clone)]
struct Endpoint {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Endpoint {
    fn start(answer: impl Fn(&Received, usize) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (Arc::clone(&received), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream.unwrap(), &kept, answer.as_ref()));
            }
        });
        Self { address, received }
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Waits for a number of calls.
    fn await_calls(&self, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.received().len() < count {
            assert!(Instant::now() < deadline, "{} of {count} calls came", self.received().len());
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

fn serve(
    mut stream: TcpStream,
    kept: &Mutex<Vec<Received>>,
    answer: &(impl Fn(&Received, usize) -> (u16, String) + ?Sized),
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut headers = String::new();
        while !headers.ends_with("\r\n\r\n") {
            let mut header = String::new();
            if reader.read_line(&mut header).unwrap() == 0 {
                return;
            }
            if header == "\r\n" {
                break;
            }
            headers.push_str(&header.to_ascii_lowercase());
        }
        let length = headers.lines().find_map(|header| header.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.trim().parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        let received = Received { line: line.trim().to_owned(), headers, body };
        let mut kept = kept.lock().unwrap();
        let (status, text) = answer(&received, kept.len());
        kept.push(received);
        drop(kept);
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", text.len());
        if stream.write_all([head, text].concat().as_bytes()).is_err() {
            return;
        }
    }
}

fn ship(endpoint: SocketAddr, destination: Destination) -> ShipSettings {
    ShipSettings {
        name: "test".to_owned(),
        destination,
        region: "us-east-1".to_owned(),
        endpoint: Some(format!("http://{endpoint}")),
        credentials: CredentialStore::fixed("AKIDSHIP", "ship-secret-000000"),
        backlog_bytes_max: 1 << 30,
        every: Duration::from_millis(1),
    }
}

fn s3() -> Destination {
    Destination::S3 { bucket: "logs".to_owned(), prefix: "hardpan/eu".to_owned(), instance: "one".to_owned() }
}

fn firehose() -> Destination {
    Destination::Firehose { stream: "records".to_owned() }
}

fn start(folder: &Directory, ship: ShipSettings, on_full: OnFull, bytes_max: Option<u64>) -> AuditLog {
    AuditLog::start(AuditSettings {
        rotation: Rotation { bytes_max, age_max: None },
        ship: vec![ship],
        ..AuditSettings::plain(AuditSink::File(folder.log()), on_full, 1024)
    })
    .unwrap()
}

fn write(log: &AuditLog, ids: std::ops::Range<usize>) {
    for id in ids {
        log.submit(record(&format!("r{id:02}"))).unwrap();
        assert!(log.flush());
    }
}

fn log_text(folder: &Directory) -> Vec<u8> {
    let mut text = Vec::new();
    for (_, path) in rotated(&folder.log()).unwrap() {
        text.extend(std::fs::read(path).unwrap());
    }
    text.extend(std::fs::read(folder.log()).unwrap());
    text
}

/// The lines of all calls to Firehose that were answered with 200.
fn fired(received: &[Received]) -> Vec<Vec<u8>> {
    received
        .iter()
        .flat_map(|one| {
            let body: serde_json::Value = serde_json::from_slice(&one.body).unwrap();
            assert_eq!(body["DeliveryStreamName"], "records");
            body["Records"].as_array().unwrap().clone()
        })
        .map(|record| STANDARD.decode(record["Data"].as_str().unwrap()).unwrap())
        .collect()
}

#[test]
fn all_files_arrive_in_s3_in_order_and_once() {
    let folder = Directory::new("ship-s3");
    let endpoint = Endpoint::start(|_, _| (200, String::new()));
    let log = start(&folder, ship(endpoint.address, s3()), OnFull::Refuse, Some(2_000));
    write(&log, 0..10);
    log.close();
    let received = endpoint.received();
    let text: Vec<u8> = received.iter().flat_map(|one| one.body.clone()).collect();
    assert!(text == log_text(&folder));
    assert!(!rotated(&folder.log()).unwrap().is_empty());
    for one in &received {
        assert!(one.line.starts_with("PUT /logs/hardpan/eu/records/2"), "{}", one.line);
        assert!(one.headers.contains("/us-east-1/s3/aws4_request"), "{}", one.headers);
        assert!(one.headers.contains("x-amz-content-sha256: "));
        assert!(!one.headers.contains("ship-secret"));
    }
    let mut names: Vec<&String> = received.iter().map(|one| &one.line).collect();
    names.dedup();
    assert_eq!(names.len(), received.len(), "each part has its own name");
}

#[test]
fn an_outage_and_a_restart_lose_nothing() {
    let folder = Directory::new("ship-outage");
    let down = Endpoint::start(|_, _| (503, String::new()));
    let log = start(&folder, ship(down.address, s3()), OnFull::Refuse, Some(2_000));
    write(&log, 0..6);
    down.await_calls(1);
    assert!(log.healthy(), "what waits is within its bound");
    log.close();
    assert!(!shipped_path(&folder.log(), "test").exists(), "nothing has arrived");
    let up = Endpoint::start(|_, _| (200, String::new()));
    let log = start(&folder, ship(up.address, s3()), OnFull::Refuse, Some(2_000));
    write(&log, 6..8);
    log.close();
    let text: Vec<u8> = up.received().iter().flat_map(|one| one.body.clone()).collect();
    assert!(text == log_text(&folder));
    // And what has arrived is not sent again.
    let again = Endpoint::start(|_, _| (200, String::new()));
    start(&folder, ship(again.address, s3()), OnFull::Refuse, Some(2_000)).close();
    assert_eq!(again.received().len(), 0);
}

#[test]
fn a_log_begun_anew_is_shipped_from_its_beginning() {
    let folder = Directory::new("ship-anew");
    let endpoint = Endpoint::start(|_, _| (200, String::new()));
    let log = start(&folder, ship(endpoint.address, s3()), OnFull::Refuse, None);
    write(&log, 0..5);
    log.close();
    std::fs::remove_file(folder.log()).unwrap();
    let again = Endpoint::start(|_, _| (200, String::new()));
    let log = start(&folder, ship(again.address, s3()), OnFull::Refuse, None);
    write(&log, 5..7);
    log.close();
    let text: Vec<u8> = again.received().iter().flat_map(|one| one.body.clone()).collect();
    assert!(text == log_text(&folder));
}

#[test]
fn checkpoints_go_to_s3_too() {
    let folder = Directory::new("ship-checkpoints");
    let endpoint = Endpoint::start(|_, _| (200, String::new()));
    let key = CheckpointKey::generate().unwrap().0;
    let log = AuditLog::start(AuditSettings {
        checkpoints: Some(CheckpointSettings { key, every_records: 1, every: Duration::from_secs(60) }),
        ship: vec![ship(endpoint.address, s3())],
        ..AuditSettings::plain(AuditSink::File(folder.log()), OnFull::Refuse, 64)
    })
    .unwrap();
    write(&log, 0..3);
    log.close();
    let received = endpoint.received();
    let sent = received.iter().filter(|one| one.line.starts_with("PUT /logs/hardpan/eu/checkpoints/"));
    let text: Vec<u8> = sent.flat_map(|one| one.body.clone()).collect();
    assert_eq!(text, std::fs::read(checkpoints_path(&folder.log())).unwrap());
}

#[test]
fn firehose_gets_each_record_and_only_what_it_refused_again() {
    let folder = Directory::new("ship-firehose");
    // Of the first call the second record is refused.
    let endpoint = Endpoint::start(|received, before| {
        let body: serde_json::Value = serde_json::from_slice(&received.body).unwrap();
        let count = body["Records"].as_array().unwrap().len();
        let outcomes: Vec<&str> = (0..count)
            .map(|index| match (before, index) {
                (0, 1) => r#"{"ErrorCode":"ServiceUnavailableException","ErrorMessage":"slow down"}"#,
                _ => r#"{"RecordId":"1"}"#,
            })
            .collect();
        let failed = u8::from(before == 0);
        (200, format!("{{\"FailedPutCount\":{failed},\"RequestResponses\":[{}]}}", outcomes.join(",")))
    });
    let mut settings = ship(endpoint.address, firehose());
    // All at once, at the end.
    settings.every = Duration::from_secs(3600);
    let log = start(&folder, settings, OnFull::Refuse, None);
    write(&log, 0..4);
    log.close();
    let received = endpoint.received();
    assert_eq!(received.len(), 2);
    for one in &received {
        assert_eq!(one.line, "POST / HTTP/1.1");
        assert!(one.headers.contains("x-amz-target: firehose_20150804.putrecordbatch"), "{}", one.headers);
        assert!(one.headers.contains("/us-east-1/firehose/aws4_request"));
    }
    let (all, text) = (fired(&received), log_text(&folder));
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let expected: Vec<&[u8]> = lines.iter().copied().chain([lines[1]]).collect();
    assert!(all == expected);
}

#[test]
fn firehose_that_goes_on_refusing_is_an_outage() {
    let folder = Directory::new("ship-firehose-down");
    let endpoint = Endpoint::start(|_, _| {
        (
            200,
            r#"{"FailedPutCount":1,"RequestResponses":[{"ErrorCode":"ServiceUnavailableException"}]}"#
                .to_owned(),
        )
    });
    let mut settings = ship(endpoint.address, firehose());
    settings.every = Duration::from_secs(3600);
    let log = start(&folder, settings, OnFull::Refuse, None);
    write(&log, 0..1);
    log.close();
    assert_eq!(endpoint.received().len(), 3);
    assert!(!shipped_path(&folder.log(), "test").exists());
}

#[test]
fn above_its_bound_a_backlog_refuses_requests_until_it_is_sent() {
    let folder = Directory::new("ship-behind");
    let up = Arc::new(AtomicBool::new(false));
    let is_up = Arc::clone(&up);
    let endpoint =
        Endpoint::start(move |_, _| (if is_up.load(Ordering::SeqCst) { 200 } else { 503 }, String::new()));
    let mut settings = ship(endpoint.address, s3());
    settings.backlog_bytes_max = 10;
    let log = start(&folder, settings, OnFull::Refuse, None);
    write(&log, 0..1);
    let until = |healthy: bool| {
        let deadline = Instant::now() + Duration::from_secs(30);
        while log.healthy() != healthy {
            assert!(Instant::now() < deadline, "never healthy: {healthy}");
            std::thread::park_timeout(Duration::from_millis(5));
        }
    };
    until(false);
    assert!(log.must_refuse());
    up.store(true, Ordering::SeqCst);
    until(true);
    assert!(!log.must_refuse());
    log.close();
    assert!(endpoint.received().last().unwrap().body == log_text(&folder));
}

#[test]
fn above_its_bound_the_oldest_files_are_passed_over_where_that_is_wanted() {
    let folder = Directory::new("ship-skip");
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let log = start(&folder, ship(nowhere, s3()), OnFull::DropAndCount, Some(2_000));
    write(&log, 0..10);
    log.close();
    let endpoint = Endpoint::start(|_, _| (200, String::new()));
    let mut settings = ship(endpoint.address, s3());
    settings.backlog_bytes_max = 4_000;
    start(&folder, settings, OnFull::DropAndCount, Some(2_000)).close();
    let sent: Vec<u8> = endpoint.received().iter().flat_map(|one| one.body.clone()).collect();
    let all = log_text(&folder);
    assert!(!sent.is_empty() && sent.len() <= 4_000 && all.ends_with(&sent));
    assert_eq!(all.iter().filter(|byte| **byte == b'\n').count(), 10, "the log has them all");
}

#[test]
fn what_cannot_be_shipped_is_refused_at_the_start() {
    let folder = Directory::new("ship-refused");
    let address = "127.0.0.1:1".parse().unwrap();
    let stream = AuditSettings {
        ship: vec![ship(address, s3())],
        ..AuditSettings::plain(AuditSink::Writer(Box::new(Vec::new())), OnFull::Refuse, 64)
    };
    assert!(AuditLog::start(stream).is_err());
    let mut wrong = ship(address, s3());
    wrong.endpoint = Some("ftp://here".to_owned());
    let file = AuditSettings {
        ship: vec![wrong],
        ..AuditSettings::plain(AuditSink::File(folder.log()), OnFull::Refuse, 64)
    };
    assert!(AuditLog::start(file).is_err());
}
