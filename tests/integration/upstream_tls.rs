//! AWS behind TLS: which protocol is agreed on, whose certificate is believed, and that nothing is sent to a peer that
//! cannot prove its name.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::process::Command;

use hardpan_simulator::{Options, Received, SignatureCheck, Simulator, Tls};
use http::Version;

use crate::support::{Hardpan, Setup, UPSTREAM_KEY};

const BOTH: &[&str] = &["h2", "http/1.1"];

/// A folder with an authority and a certificate, as `hardpan ca` makes them.
struct Authority {
    folder: PathBuf,
}

impl Authority {
    fn new(names: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("hardpan-upstream-{}", uuid::Uuid::new_v4()));
        let made = command(&["ca", "new", "--name", names, "--dir", &folder.display().to_string()]);
        assert!(made.0, "{}", made.1);
        Self { folder }
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Whether the binary succeeded, and all it said.
fn command(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_hardpan")).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// The simulator behind TLS.
struct Aws {
    simulator: Option<Simulator>,
    runtime: tokio::runtime::Runtime,
}

impl Aws {
    fn start(authority: &Authority, protocols: &[&'static str]) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let options = Options {
            listen: SocketAddr::new(localhost(), 0),
            keys: vec![(UPSTREAM_KEY.0.to_owned(), UPSTREAM_KEY.1.to_owned())],
            record_max: 64,
            tls: Some(Tls {
                certificate: authority.folder.join("server.pem"),
                key: authority.folder.join("server.key"),
                protocols: protocols.to_vec(),
            }),
            ..Options::default()
        };
        let simulator = runtime.block_on(Simulator::start(options)).unwrap();
        Self { simulator: Some(simulator), runtime }
    }

    fn simulator(&self) -> &Simulator {
        self.simulator.as_ref().unwrap()
    }

    fn authority(&self, host: &str) -> String {
        format!("{host}:{}", self.simulator().addr().port())
    }

    fn hardpan(&self, host: &str, aws: String) -> Hardpan {
        let endpoint = Some(format!("https://{}", self.authority(host)));
        let quota =
            "{ mode: on, limits: [ { name: m, scope: app, unit: tokens, window: day, limit: 1000 } ] }";
        Hardpan::start(Setup {
            policy: "{ mode: off }",
            quota,
            endpoint,
            aws: String::leak(aws),
            ..Setup::default()
        })
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        if let Some(simulator) = self.simulator.take() {
            self.runtime.block_on(simulator.shutdown());
        }
    }
}

/// The address this machine knows `localhost` by.
fn localhost() -> IpAddr {
    ("localhost", 0).to_socket_addrs().unwrap().next().unwrap().ip()
}

fn addressed_to(received: &Received) -> Option<&str> {
    let mut names = received.headers.iter();
    names.find(|(name, _)| name == ":authority" || name == "host").map(|(_, value)| value.as_str())
}

#[test]
fn the_protocol_is_agreed_on_by_alpn_under_an_authority_of_the_configuration() {
    let address = localhost().to_string();
    let authority = Authority::new(&format!("localhost,{address}"));
    for (host, http, protocols, version) in [
        ("localhost", "h2", BOTH, Version::HTTP_2),
        ("localhost", "h2", &["http/1.1"], Version::HTTP_11),
        ("localhost", "h2", &[], Version::HTTP_11),
        ("localhost", "h1", BOTH, Version::HTTP_11),
        (address.as_str(), "h2", BOTH, Version::HTTP_2),
    ] {
        if host.contains(':') {
            // Addresses of IPv6 are no hosts of endpoints.
            continue;
        }
        let aws = Aws::start(&authority, protocols);
        let hardpan = aws.hardpan(host, format!(", http: {http}, ca: \"{}\"", authority.file("ca.pem")));
        assert_eq!(hardpan.converse("hello").text(), "You said: hello", "{http} {protocols:?}");
        let streamed = hardpan.converse_stream("hello again");
        assert!(streamed.complete, "{http} {protocols:?}");
        assert_eq!(streamed.streamed_text(), "You said: hello again", "{http} {protocols:?}");
        let received = aws.simulator().received();
        assert_eq!(received.len(), 2, "{http} {protocols:?}");
        let named = aws.authority(host);
        for received in &received {
            assert_eq!(received.version, version, "{http} {protocols:?}");
            // The host that is configured is the one that is asked for, named, and signed.
            assert_eq!(received.server_name.as_deref(), Some(host).filter(|host| *host != address));
            assert_eq!(addressed_to(received), Some(named.as_str()));
            assert_eq!(received.signature, SignatureCheck::Valid);
        }
        for record in hardpan.records(2) {
            assert_eq!((&record["status"], &record["usage_source"]), (&200.into(), &"reported".into()));
        }
    }
}

#[test]
fn a_peer_that_cannot_prove_its_name_is_sent_nothing() {
    let (authority, other) = (Authority::new("localhost"), Authority::new("localhost,127.0.0.1"));
    let address = localhost().to_string();
    for (what, host, ca) in [
        ("another authority", "localhost", format!(", ca: \"{}\"", other.file("ca.pem"))),
        ("no authority of ours", "localhost", String::new()),
        ("another name", address.as_str(), format!(", ca: \"{}\"", authority.file("ca.pem"))),
    ] {
        if host.contains(':') {
            // Addresses of IPv6 are no hosts of endpoints.
            continue;
        }
        let aws = Aws::start(&authority, BOTH);
        for http in ["h1", "h2"] {
            let hardpan = aws.hardpan(host, format!(", http: {http}{ca}"));
            // More requests than their reservations would leave room for, were they kept.
            for number in 0..6 {
                let text = format!("hello {number}");
                let response =
                    if number % 2 == 0 { hardpan.converse(&text) } else { hardpan.converse_stream(&text) };
                assert_eq!(response.error(), (503, "ServiceUnavailableException"), "{what} {http}");
                assert!(response.header("x-amz-retry-after").is_some(), "{what} {http}");
            }
            for record in hardpan.records(6) {
                assert_eq!(record["error"], "upstream_unreachable", "{what} {http}");
                assert_eq!(
                    (&record["status"], &record["attempts"]),
                    (&503.into(), &1.into()),
                    "{what} {http}"
                );
                assert_eq!(record["usage_source"], "none", "{what} {http}");
            }
        }
        assert_eq!(aws.simulator().request_count(), 0, "{what}");
    }
}

#[test]
fn plain_text_is_not_spoken_where_tls_was_configured() {
    let authority = Authority::new("localhost");
    let plain = Hardpan::start(Setup { policy: "{ mode: off }", ..Setup::default() });
    let endpoint = Some(format!("https://127.0.0.1:{}", plain.simulator().addr().port()));
    let aws = String::leak(format!(", ca: \"{}\"", authority.file("ca.pem")));
    let hardpan = Hardpan::start(Setup { policy: "{ mode: off }", endpoint, aws, ..Setup::default() });
    assert_eq!(hardpan.converse("hello").error(), (503, "ServiceUnavailableException"));
    assert_eq!(plain.simulator().request_count(), 0);
    assert_eq!(hardpan.records(1)[0]["error"], "upstream_unreachable");
}

#[test]
fn a_file_that_holds_no_authority_is_a_mistake_of_configuration() {
    let authority = Authority::new("localhost");
    let write = |name: &str, text: &str| std::fs::write(authority.folder.join(name), text).unwrap();
    let read = |name: &str| std::fs::read_to_string(authority.folder.join(name)).unwrap();
    write("empty.pem", "");
    write("text.pem", "no certificate");
    write("both.pem", &(read("ca.pem") + &read("ca.key")));
    write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for (ca, is_good) in [
        ("ca.pem", true),
        ("empty.pem", false),
        ("text.pem", false),
        ("both.pem", false),
        ("broken.pem", false),
        ("server.key", false),
        ("missing.pem", false),
    ] {
        write(
            "hardpan.yaml",
            &format!(
                "listen: 127.0.0.1:0\nkeys: [{{ access_key_id: AKID, secret_access_key: secret-of-a-check-0000, app: \
                 a, team: t }}]\naws: {{ region: us-east-1, ca: {ca} }}\npolicy: {{ mode: off }}\nrecords: {{ path: \
                 stdout }}\n"
            ),
        );
        let (succeeded, said) = command(&["check", "-c", &authority.file("hardpan.yaml")]);
        assert_eq!(succeeded, is_good, "{ca}: {said}");
        assert!(is_good || said.contains("aws.ca"), "{ca}: {said}");
        assert!(!said.contains("PRIVATE KEY"), "{ca}");
    }
}
