//! Requests that two parsers could read in two ways, from callers who hold a valid key and sign whatever they send.
//!
//! Each is refused, or forwarded with exactly one meaning: the upstream saw nothing, or the canonical path and the
//! body that was sent. Policy is off here, so that nothing but the reading of the request stands in the way.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use hardpan_inference::operation::{Governance, Operation, route};
use sha2::{Digest, Sha256};

use crate::coverage::cells::forms;
use crate::coverage::samples;
use crate::support::{Hardpan, KEY, Response, Setup, read_response, user};

const PATH: &str = "/model/amazon.nova-lite-v1%3A0/converse";
/// Headers by which some servers change the request after it was checked.
const OVERRIDES: [&str; 8] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
    "x-forwarded-host",
    "x-forwarded-prefix",
    "forwarded",
];

fn start() -> Hardpan {
    let limits = "{ body_timeout_ms: 1000, head_timeout_ms: 2000 }";
    Hardpan::start(Setup { policy: "{ mode: off }", limits, ..Setup::default() })
}

fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::digest([block.map(|byte| byte ^ 0x36).as_slice(), data].concat());
    Sha256::digest([block.map(|byte| byte ^ 0x5c).as_slice(), inner.as_slice()].concat()).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn encode(bytes: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: &u8| if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
    bytes.iter().map(one).collect()
}

/// The path as SigV4 wants it: dot segments resolved, each segment encoded once more.
fn canonical_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    let mut out: String = segments.iter().map(|segment| format!("/{}", encode(segment.as_bytes()))).collect();
    if segments.is_empty() || path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..") {
        out.push('/');
    }
    out
}

/// `x-amz-date` and `authorization` for any target at all, which no SDK's signer would take.
fn sign(method: &str, target: &str, host: &str, service: &str, body: &[u8]) -> [(String, String); 2] {
    let now = time::OffsetDateTime::now_utc();
    let day = format!("{:04}{:02}{:02}", now.year(), u8::from(now.month()), now.day());
    let date = format!("{day}T{:02}{:02}{:02}Z", now.hour(), now.minute(), now.second());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut pairs: Vec<String> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") })
        .collect();
    pairs.sort();
    let canonical = format!(
        "{method}\n{}\n{}\nhost:{host}\nx-amz-date:{date}\n\nhost;x-amz-date\n{}",
        canonical_path(path),
        pairs.join("&"),
        hex(&Sha256::digest(body)),
    );
    let scope = format!("{day}/us-east-1/{service}/aws4_request");
    let to_sign =
        format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let mut key = hmac(format!("AWS4{}", KEY.1).as_bytes(), day.as_bytes());
    for part in ["us-east-1", service, "aws4_request"] {
        key = hmac(&key, part.as_bytes());
    }
    let signature = hex(&hmac(&key, to_sign.as_bytes()));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders=host;x-amz-date, Signature={signature}",
        KEY.0
    );
    [("x-amz-date".to_owned(), date), ("authorization".to_owned(), authorization)]
}

/// A head for a raw target, correctly signed for it.
fn head(hardpan: &Hardpan, method: &str, target: &str, service: &str, body: &[u8]) -> String {
    let host = hardpan.address.to_string();
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\n");
    for (name, value) in sign(method, target, &host, service, body) {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head + &format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len())
}

fn exchange(hardpan: &Hardpan, head: &[u8], body: &[u8]) -> Option<Response> {
    let mut stream = hardpan.connect();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let _ = stream.write_all(head);
    let _ = stream.write_all(body);
    read_response(&mut stream)
}

/// The upstream saw nothing, or one request that is its own canonical form and carries the body that was sent.
fn assert_one_meaning(hardpan: &Hardpan, name: &str, operation: Operation, body: &[u8]) {
    let received = hardpan.received();
    assert!(received.len() <= 1, "{name}: one request became {}", received.len());
    for seen in received {
        let service = Some(operation.signing_service());
        let target = route(&seen.method, seen.target.as_bytes(), service);
        let target = target.unwrap_or_else(|error| panic!("{name}: {} went out: {error}", seen.target));
        assert_eq!((target.operation, target.path()), (operation, seen.target.clone()), "{name}");
        assert_eq!(seen.body, body, "{name}: the body changed");
        let count = |wanted: &str| seen.headers.iter().filter(|(own, _)| own == wanted).count();
        for single in ["host", "authorization", "content-length", "x-amz-date"] {
            assert!(count(single) <= 1, "{name}: {single} went out twice");
        }
        for other in OVERRIDES {
            assert_eq!(count(other), 0, "{name}: {other} went out");
        }
    }
    hardpan.simulator().clear();
}

fn assert_nothing_left(hardpan: &Hardpan, name: &str) {
    assert_eq!(hardpan.simulator().request_count(), 0, "{name} reached the upstream");
}

/// After whatever came before, an ordinary request is understood as one.
fn assert_still_serving(hardpan: &Hardpan) {
    hardpan.simulator().clear();
    let body = user("still there?");
    let head = head(hardpan, "POST", PATH, "bedrock", body.as_bytes());
    assert_eq!(exchange(hardpan, head.as_bytes(), body.as_bytes()).unwrap().status, 200);
    assert_one_meaning(hardpan, "ordinary", Operation::Converse, body.as_bytes());
    assert!(!hardpan.log().contains("panicked"), "{}", hardpan.log());
}

#[test]
fn the_signer_of_these_tests_is_believed() {
    assert_still_serving(&start());
}

/// Ways to write a path member that must not pass on any path.
const MEMBERS: [&str; 12] = [
    "",
    ".",
    "..",
    "%2e%2e",
    "%2E",
    "a%2F..%2Fb",
    "a%252Fb",
    "a;x=y",
    "a%3Bx",
    "a%00",
    "a%5Cb",
    "a%0D%0Ahost%3Ax",
];

#[test]
fn no_path_member_of_any_operation_takes_structure() {
    let hardpan = start();
    let governed = |one: &Operation| one.governance() != Governance::Refused;
    for operation in Operation::ALL.iter().copied().filter(governed) {
        let form = forms(operation)[0];
        let body = samples::of(operation, form)[0].body("hi");
        for template in operation.paths() {
            for (at, _) in template.match_indices('{') {
                for member in MEMBERS {
                    let end = at + template[at..].find('}').unwrap() + 1;
                    let path = [&template[..at], member, &template[end..]].concat();
                    let path = fill(&path);
                    // Without its last member a path may be another operation's.
                    let of_another =
                        |other: &Operation| other.paths().iter().any(|template| fill(template) == path);
                    if Operation::ALL.iter().any(of_another) {
                        continue;
                    }
                    let name = format!("{} {path}", operation.name());
                    let (method, service) = (operation.method(), operation.signing_service());
                    let head = head(&hardpan, method, &path, service, &body);
                    let response = exchange(&hardpan, head.as_bytes(), &body);
                    let refused = response.is_none_or(|response| (400..500).contains(&response.status));
                    assert!(refused, "{name}");
                    assert_nothing_left(&hardpan, &name);
                }
            }
        }
    }
    assert_still_serving(&hardpan);
}

/// The members that are left, with a plain value.
fn fill(path: &str) -> String {
    let word = |word: &str| if word.starts_with('{') { "abc-0123456789".to_owned() } else { word.to_owned() };
    path.split('/').map(word).collect::<Vec<_>>().join("/")
}

#[test]
fn no_path_of_any_operation_can_be_dressed_up() {
    let hardpan = start();
    let governed = |one: &Operation| one.governance() != Governance::Refused;
    for operation in Operation::ALL.iter().copied().filter(governed) {
        let form = forms(operation)[0];
        let sample = &samples::of(operation, form)[0];
        let body = sample.body("hi");
        let path = sample.target.split('?').next().unwrap();
        for dressed in [
            format!("/{path}"),
            format!("{path}//"),
            format!("{path}/."),
            format!("{path}/.."),
            format!("{path};x=y"),
            format!("{path}?x=1"),
            format!("{path}?maxResults=1&maxResults=2"),
            format!("{path}%2F"),
            format!("{path}%00"),
            format!("{path}%20"),
            format!("/.{path}"),
            format!("/x/..{path}"),
            format!("/%2e{path}"),
            path.replacen('/', "/%2F", 1),
            path.replacen('/', "\\", 1),
            path.replacen('/', "%2F", 1),
            path.to_uppercase(),
        ] {
            let name = format!("{} {dressed}", operation.name());
            let head = head(&hardpan, operation.method(), &dressed, operation.signing_service(), &body);
            let response = exchange(&hardpan, head.as_bytes(), &body);
            let refused = response.is_none_or(|response| (400..500).contains(&response.status));
            // A member at the end may take some of these for a part of its value.
            assert!(refused || !hardpan.received().is_empty(), "{name}");
            assert_one_meaning(&hardpan, &name, operation, &body);
        }
        // A fragment never travels: it is refused or dropped.
        let head =
            head(&hardpan, operation.method(), &format!("{path}#f"), operation.signing_service(), &body);
        exchange(&hardpan, head.as_bytes(), &body);
        assert!(hardpan.received().iter().all(|seen| !seen.target.contains('#')));
        assert_one_meaning(&hardpan, "fragment", operation, &body);
    }
    assert_still_serving(&hardpan);
}

#[test]
fn methods_are_taken_from_the_request_line_alone() {
    let hardpan = start();
    let body = user("hi");
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "post", "POSTX", "P OST"] {
        let head = head(&hardpan, method, PATH, "bedrock", body.as_bytes());
        exchange(&hardpan, head.as_bytes(), body.as_bytes());
        assert_nothing_left(&hardpan, method);
    }
    for name in OVERRIDES {
        let value = if name.contains("method") { "DELETE" } else { "/model/x/invoke" };
        let signed = head(&hardpan, "POST", PATH, "bedrock", body.as_bytes());
        let dressed = signed.replacen("\r\nhost:", &format!("\r\n{name}: {value}\r\nhost:"), 1);
        exchange(&hardpan, dressed.as_bytes(), body.as_bytes());
        assert_one_meaning(&hardpan, name, Operation::Converse, body.as_bytes());
    }
    assert_still_serving(&hardpan);
}

#[test]
fn heads_that_say_a_thing_twice_or_in_two_ways_have_one_meaning() {
    let hardpan = start();
    let body = user("hi");
    let length = format!("content-length: {}", body.len());
    let host = format!("host: {}", hardpan.address);
    let (length, host) = (length.as_str(), host.as_str());
    // What stands in the head, what it becomes, and whether nothing at all may leave.
    let cases: Vec<(&str, &str, String, bool)> = vec![
        ("two hosts", host, format!("{host}\r\nhost: elsewhere.example"), true),
        ("the other host first", host, format!("host: elsewhere.example\r\n{host}"), true),
        ("no host", host, "x-nothing: here".to_owned(), true),
        ("an empty host", host, "host: ".to_owned(), true),
        ("two different lengths", length, format!("{length}\r\ncontent-length: 3"), true),
        ("a list of lengths", length, format!("{length}, 3"), true),
        ("the same length twice", length, format!("{length}\r\n{length}"), false),
        ("a hexadecimal length", length, "content-length: 0x10".to_owned(), true),
        ("a signed length", length, format!("content-length: +{}", body.len()), true),
        ("a length with a blank inside", length, "content-length: 1 0".to_owned(), true),
        ("an empty length", length, "content-length: ".to_owned(), true),
        ("a huge length", length, "content-length: 18446744073709551617".to_owned(), true),
        ("a blank before the colon", length, format!("content-length : {}", body.len()), true),
        ("a folded header", host, format!("x-folded: a\r\n {host}"), true),
        ("a header folded by a tab", length, format!("x-folded: a\r\n\t{length}"), true),
        ("length and chunks", length, format!("{length}\r\ntransfer-encoding: chunked"), true),
        ("chunks and length", length, format!("transfer-encoding: chunked\r\n{length}"), true),
        ("identity beside a length", length, format!("{length}\r\ntransfer-encoding: identity"), true),
        ("an unknown coding", length, "transfer-encoding: xchunked".to_owned(), true),
        ("chunked not last", length, "transfer-encoding: chunked, gzip".to_owned(), true),
        ("chunked with a parameter", length, "transfer-encoding: chunked;x=y".to_owned(), true),
        ("two codings", length, "transfer-encoding: gzip\r\ntransfer-encoding: chunked".to_owned(), true),
        ("a coding after a form feed", length, format!("{length}\r\ntransfer-encoding: \x0cchunked"), true),
        ("an underscore for a dash", length, format!("{length}\r\ncontent_length: 3"), false),
        ("another underscore", length, format!("{length}\r\ntransfer_encoding: chunked"), false),
        ("a NUL in a name", length, format!("{length}\r\nx-a\0b: c"), true),
        ("a NUL in a value", length, format!("{length}\r\nx-a: b\0c"), true),
        ("a bare CR in a value", length, format!("{length}\r\nx-a: b\rhost: elsewhere"), true),
        ("a bare LF between headers", length, format!("{length}\nx-a: b"), false),
        ("a name without a colon", length, format!("{length}\r\nx-a"), true),
        ("an empty name", length, format!("{length}\r\n: b"), true),
        ("connection names the date", length, format!("{length}\r\nconnection: x-amz-date"), false),
        ("connection names the length", length, format!("{length}\r\nconnection: content-length"), false),
        ("an upgrade", length, format!("{length}\r\nconnection: upgrade\r\nupgrade: h2c"), false),
        ("another protocol", " HTTP/1.1", " HTTP/1.2".to_owned(), false),
        ("no protocol", " HTTP/1.1", String::new(), true),
        ("two blanks", " HTTP/1.1", "  HTTP/1.1".to_owned(), false),
        ("more after the protocol", " HTTP/1.1", " HTTP/1.1 x".to_owned(), true),
    ];
    for (name, from, to, nothing_may_leave) in cases {
        let signed = head(&hardpan, "POST", PATH, "bedrock", body.as_bytes());
        assert!(signed.contains(from), "{name}");
        exchange(&hardpan, signed.replacen(from, &to, 1).as_bytes(), body.as_bytes());
        if nothing_may_leave {
            assert_nothing_left(&hardpan, name);
        }
        assert_one_meaning(&hardpan, name, Operation::Converse, body.as_bytes());
    }
    let signed = head(&hardpan, "POST", PATH, "bedrock", body.as_bytes());
    let line = signed.lines().find(|line| line.starts_with("authorization:")).unwrap();
    for second in [line, "authorization: Bearer x"] {
        for twice in [format!("{line}\r\n{second}"), format!("{second}\r\n{line}")] {
            exchange(&hardpan, signed.replacen(line, &twice, 1).as_bytes(), body.as_bytes());
            assert_nothing_left(&hardpan, "two authorizations");
        }
    }
    assert_still_serving(&hardpan);
}

#[test]
fn an_absolute_target_names_nobody_else() {
    let hardpan = start();
    let body = user("hi");
    for target in [
        format!("http://elsewhere.example{PATH}"),
        format!("https://bedrock-runtime.us-east-1.amazonaws.com{PATH}"),
        format!("http://{}{PATH}", hardpan.address),
        format!("//elsewhere.example{PATH}"),
        format!("http://user@{}{PATH}", hardpan.address),
        "*".to_owned(),
        "elsewhere.example:443".to_owned(),
    ] {
        for signed_for in [target.as_str(), PATH] {
            let head = head(&hardpan, "POST", signed_for, "bedrock", body.as_bytes());
            let dressed = head.replacen(signed_for, &target, 1);
            exchange(&hardpan, dressed.as_bytes(), body.as_bytes());
            for seen in hardpan.received() {
                assert!(seen.headers.iter().all(|(_, value)| !value.contains("elsewhere")), "{target}");
            }
            assert_one_meaning(&hardpan, &target, Operation::Converse, body.as_bytes());
        }
    }
    assert_still_serving(&hardpan);
}

#[test]
fn a_request_behind_a_request_is_its_own_and_proves_itself() {
    let hardpan = start();
    let body = user("first");
    let mut bytes = head(&hardpan, "POST", PATH, "bedrock", body.as_bytes()).into_bytes();
    bytes.extend_from_slice(body.as_bytes());
    bytes.extend_from_slice(b"POST /model/amazon.nova-pro-v1%3A0/converse HTTP/1.1\r\nhost: x\r\n\r\n");
    let mut stream = hardpan.connect();
    stream.write_all(&bytes).unwrap();
    assert_eq!(read_response(&mut stream).unwrap().status, 200);
    if let Some(second) = read_response(&mut stream) {
        assert!(matches!(second.status, 400 | 401 | 403), "{}", second.status);
    }
    assert_one_meaning(&hardpan, "pipelined", Operation::Converse, body.as_bytes());
    // Hidden in a chunked body, behind the last chunk.
    let hidden = "0\r\n\r\nPOST /model/amazon.nova-pro-v1%3A0/converse HTTP/1.1\r\nhost: x\r\n\r\n";
    let signed = head(&hardpan, "POST", PATH, "bedrock", b"");
    let chunked = signed.replacen("content-length: 0", "transfer-encoding: chunked", 1);
    exchange(&hardpan, chunked.as_bytes(), hidden.as_bytes());
    assert_nothing_left(&hardpan, "hidden behind the last chunk");
    assert_still_serving(&hardpan);
}

/// A header list as it goes on the wire: nothing checks it on this side.
type Fields = Vec<(Vec<u8>, Vec<u8>)>;

fn field(name: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    (name.as_bytes().to_vec(), value.as_bytes().to_vec())
}

/// A head over HTTP/2, correctly signed for its `:path`.
fn fields(hardpan: &Hardpan, path: &str, body: &[u8]) -> Fields {
    let host = hardpan.address.to_string();
    let mut fields = vec![
        field(":method", "POST"),
        field(":scheme", "http"),
        field(":authority", &host),
        field(":path", path),
        field("content-type", "application/json"),
    ];
    for (name, value) in sign("POST", path, &host, "bedrock", body) {
        fields.push(field(&name, &value));
    }
    fields
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut out = length[1..].to_vec();
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

/// An HPACK string without Huffman coding.
fn hpack_string(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text.len();
    if rest < 127 {
        out.push(u8::try_from(rest).unwrap());
    } else {
        out.push(127);
        rest -= 127;
        while rest >= 128 {
            out.push(u8::try_from(rest % 128).unwrap() | 0x80);
            rest /= 128;
        }
        out.push(u8::try_from(rest).unwrap());
    }
    out.extend_from_slice(text);
}

/// Sends one stream as it is and reads until it or the connection ends. True for an answer of status 200.
fn exchange_h2(hardpan: &Hardpan, fields: &Fields, body: &[u8]) -> bool {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    const GOAWAY: u8 = 7;
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        hpack_string(name, &mut block);
        hpack_string(value, &mut block);
    }
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes.extend(frame(HEADERS, 0x4, 1, &block));
    bytes.extend(frame(DATA, 0x1, 1, body));
    let mut stream = hardpan.connect();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let _ = stream.write_all(&bytes);
    let mut succeeded = false;
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).is_err() {
            return succeeded;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        if stream.read_exact(&mut payload).is_err() {
            return succeeded;
        }
        let of_ours = head[8] == 1;
        match head[3] {
            // 0x88 is `:status 200` in the static table.
            HEADERS if of_ours && payload.first() == Some(&0x88) => succeeded = true,
            RST_STREAM if of_ours => return succeeded,
            GOAWAY => return succeeded,
            SETTINGS if head[4] & 1 == 0 => {
                let _ = stream.write_all(&frame(SETTINGS, 1, 0, &[]));
            }
            _ => {}
        }
        if matches!(head[3], DATA | HEADERS) && of_ours && head[4] & 1 == 1 {
            return succeeded;
        }
    }
}

#[test]
fn paths_over_http_2_have_one_meaning() {
    let hardpan = start();
    let body = user("hi");
    assert!(
        exchange_h2(&hardpan, &fields(&hardpan, PATH, body.as_bytes()), body.as_bytes()),
        "the plain one"
    );
    assert_one_meaning(&hardpan, "plain", Operation::Converse, body.as_bytes());
    for path in [
        "",
        "*",
        "model/amazon.nova-lite-v1%3A0/converse",
        "/model/amazon.nova-lite-v1%3A0/converse ",
        " /model/amazon.nova-lite-v1%3A0/converse",
        "/model/amazon nova/converse",
        "/model/amazon.nova-lite-v1%3A0/converse HTTP/1.1\r\nx: y",
        "/model/amazon.nova-lite-v1%3A0\r\n/converse",
        "/model/amazon.nova-lite-v1%3A0\0/converse",
        "//model/amazon.nova-lite-v1%3A0/converse",
        "/x/../model/amazon.nova-lite-v1%3A0/converse",
        "/model/a%2F..%2Fb/converse",
        "/model/amazon.nova-lite-v1%3A0;x/converse",
        "\\model\\amazon.nova-lite-v1%3A0\\converse",
        "/model/amazon.nova-lite-v1%3A0/converse?x=1",
    ] {
        let answered = exchange_h2(&hardpan, &fields(&hardpan, path, body.as_bytes()), body.as_bytes());
        assert!(!answered, "{path:?}");
        assert_nothing_left(&hardpan, path);
    }
    // These two may be read as the path they hold, and as nothing else.
    for path in [format!("{PATH}#fragment"), format!("http://elsewhere.example{PATH}")] {
        exchange_h2(&hardpan, &fields(&hardpan, &path, body.as_bytes()), body.as_bytes());
        assert_one_meaning(&hardpan, &path, Operation::Converse, body.as_bytes());
    }
    assert_still_serving(&hardpan);
}

#[test]
fn heads_over_http_2_have_one_meaning() {
    let hardpan = start();
    let body = user("hi");
    let extra = |name: &str, value: &str| -> Fields {
        let mut fields = fields(&hardpan, PATH, body.as_bytes());
        fields.push(field(name, value));
        fields
    };
    let first = |name: &str, value: &str| -> Fields {
        let mut fields = fields(&hardpan, PATH, body.as_bytes());
        fields.insert(0, field(name, value));
        fields
    };
    let without = |name: &str| -> Fields {
        let mut fields = fields(&hardpan, PATH, body.as_bytes());
        fields.retain(|(own, _)| own.as_slice() != name.as_bytes());
        fields
    };
    let changed = |name: &str, value: &str| -> Fields {
        let mut fields = fields(&hardpan, PATH, body.as_bytes());
        for (own, old) in &mut fields {
            if own.as_slice() == name.as_bytes() {
                *old = value.as_bytes().to_vec();
            }
        }
        fields
    };
    let (longer, shorter) = ((body.len() + 1).to_string(), (body.len() - 1).to_string());
    // The name, the head, and whether nothing at all may leave.
    let cases: Vec<(&str, Fields, bool)> = vec![
        ("two paths", first(":path", "/model/x/invoke"), true),
        ("two methods", first(":method", "GET"), true),
        ("two authorities", first(":authority", "elsewhere.example"), true),
        ("a pseudo-header at the end", extra(":path", "/model/x/invoke"), true),
        ("an unknown pseudo-header", first(":target", "/model/x/invoke"), true),
        ("a status in a request", first(":status", "200"), true),
        ("no path", without(":path"), true),
        ("no method", without(":method"), true),
        ("no scheme", without(":scheme"), true),
        ("no authority and no host", without(":authority"), true),
        ("another authority", changed(":authority", "elsewhere.example"), true),
        ("an authority with a user", changed(":authority", "user@elsewhere.example"), true),
        ("an authority with a path", changed(":authority", "elsewhere.example/x"), true),
        ("a host that differs from the authority", extra("host", "elsewhere.example"), true),
        ("another method", changed(":method", "GET"), true),
        ("a method with a blank", changed(":method", "POST /x"), true),
        ("a method in lower case", changed(":method", "post"), true),
        ("another scheme", changed(":scheme", "file"), false),
        ("a tunnel", changed(":method", "CONNECT"), true),
        ("a length beyond the data", extra("content-length", &longer), true),
        ("a length below the data", extra("content-length", &shorter), true),
        ("a length that is no number", extra("content-length", "ten"), true),
        ("chunks", extra("transfer-encoding", "chunked"), true),
        ("a connection header", extra("connection", "close"), true),
        ("an upgrade", extra("upgrade", "h2c"), true),
        ("a name in upper case", extra("X-Upper", "a"), true),
        ("a NUL in a name", extra("x-a\0b", "c"), true),
        ("a line break in a name", extra("x-a\r\nhost: elsewhere", "c"), true),
        ("a colon in a name", extra("x-a: b", "c"), true),
        ("an empty name", extra("", "c"), true),
        ("a NUL in a value", extra("x-a", "b\0c"), true),
        ("a line break in a value", extra("x-a", "b\r\ntransfer-encoding: chunked"), true),
        ("an underscore for a dash", extra("content_length", "3"), false),
        ("two authorizations", extra("authorization", "Bearer x"), true),
        ("a method override", extra("x-http-method-override", "DELETE"), false),
        ("a path override", extra("x-original-url", "/model/x/invoke"), false),
    ];
    for (name, fields, nothing_may_leave) in cases {
        let answered = exchange_h2(&hardpan, &fields, body.as_bytes());
        if nothing_may_leave {
            assert!(!answered, "{name}");
            assert_nothing_left(&hardpan, name);
        }
        assert_one_meaning(&hardpan, name, Operation::Converse, body.as_bytes());
    }
    assert_still_serving(&hardpan);
}
