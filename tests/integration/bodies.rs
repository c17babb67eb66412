//! Bodies of every size pass whole; one byte too many is refused in the caller's own protocol.

use std::io::Write as _;

use hardpan_simulator::Received;

use crate::support::{Hardpan, NOVA, Setup, read_response, user};

fn sized(bytes: usize) -> String {
    let frame = user("").len();
    user(&"lorem ipsum ".repeat(bytes / 12 + 1)[..bytes - frame])
}

fn last_received(hardpan: &Hardpan) -> Received {
    hardpan.received().pop().unwrap()
}

#[test]
fn bodies_of_70_kib_1_mib_and_20_mib_pass_whole() {
    let hardpan = Hardpan::start(Setup::default());
    for bytes in [100, 70 << 10, 1 << 20, 20 << 20] {
        let body = sized(bytes);
        assert_eq!(body.len(), bytes);
        let response = hardpan.post(&format!("/model/{NOVA}/converse"), body.as_bytes());
        assert_eq!(response.status, 200, "{bytes}");
        let received = last_received(&hardpan);
        assert_eq!(received.body.len(), bytes);
        assert!(received.body == body.as_bytes(), "{bytes} bytes arrived changed");
    }
    assert_eq!(hardpan.records(4).len(), 4);
}

#[test]
fn a_body_of_25_000_001_bytes_is_refused_and_the_answer_is_readable() {
    let hardpan = Hardpan::start(Setup::default());
    let body = vec![b' '; 25_000_001];
    let response = hardpan.post(&format!("/model/{NOVA}/converse"), &body);
    assert_eq!(response.error(), (400, "ValidationException"));
    assert_eq!(hardpan.simulator().request_count(), 0);
    assert_eq!(hardpan.records(1)[0]["error"], "body_too_large");
}

#[test]
fn a_chunked_body_passes_and_has_the_same_bound() {
    let hardpan = Hardpan::start(Setup { limits: "{ body_bytes_max: 2000 }", ..Setup::default() });
    let path = format!("/model/{NOVA}/converse");
    for (bytes, status) in [(2000, 200), (2001, 400)] {
        let body = sized(bytes);
        let head = hardpan.signed("POST", &path, body.as_bytes(), &[]);
        let length = format!("content-length: {}\r\n", body.len());
        let mut stream = hardpan.connect();
        stream.write_all(head.replace(&length, "transfer-encoding: chunked\r\n").as_bytes()).unwrap();
        for chunk in body.as_bytes().chunks(333) {
            let _ = stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes());
            let _ = stream.write_all(chunk);
            let _ = stream.write_all(b"\r\n");
        }
        let _ = stream.write_all(b"0\r\n\r\n");
        assert_eq!(read_response(&mut stream).unwrap().status, status, "{bytes}");
    }
}

#[test]
fn a_caller_that_waits_for_100_continue_gets_it() {
    let hardpan = Hardpan::start(Setup::default());
    let body = user("hello");
    let head = hardpan.signed(
        "POST",
        &format!("/model/{NOVA}/converse"),
        body.as_bytes(),
        &[("expect", "100-continue")],
    );
    let mut stream = hardpan.connect();
    stream.write_all(head.as_bytes()).unwrap();
    let mut interim = [0; 25];
    std::io::Read::read_exact(&mut stream, &mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).unwrap();
    assert_eq!(read_response(&mut stream).unwrap().status, 200);
}

#[test]
fn one_connection_serves_many_requests() {
    let hardpan = Hardpan::start(Setup::default());
    let mut stream = hardpan.connect();
    for number in 0..20 {
        let body = user(&format!("number {number}"));
        // Every third one is refused by policy, which costs the caller no connection.
        let model = if number % 3 == 0 { "meta.llama3" } else { NOVA };
        let head = hardpan.signed("POST", &format!("/model/{model}/converse"), body.as_bytes(), &[]);
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let response = read_response(&mut stream).unwrap();
        assert_eq!(response.status, if number % 3 == 0 { 403 } else { 200 });
    }
    hardpan.records(20);
}
