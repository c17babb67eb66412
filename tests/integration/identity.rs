//! Ways to be known beside SigV4 by a configured key, against the built binary.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hardpan_aws::bearer::{self, BearerService};
use hardpan_aws::signer::{Outgoing, sign_headers};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Hardpan, KEY, NOVA, Response, Setup, free_address, read_response, user, wait_a_little};

fn path() -> String {
    format!("/model/{NOVA}/converse")
}

/// A body no other request of this run has: two alike in one second would have the same signature.
fn body() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    user(&format!("hello {}", COUNT.fetch_add(1, Ordering::Relaxed)))
}

fn started(more: String) -> Hardpan {
    Hardpan::start(Setup { more: String::leak(more), ..Setup::default() })
}

/// Sends one request that shows what these headers say and nothing else.
fn ask(hardpan: &Hardpan, path: &str, headers: &[(&str, &str)]) -> Response {
    let body = body();
    let mut head =
        format!("POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n", hardpan.address);
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    hardpan.send(&head, body.as_bytes())
}

fn ask_bearer(hardpan: &Hardpan, token: &str) -> Response {
    ask(hardpan, &path(), &[("authorization", &format!("Bearer {token}"))])
}

/// A head signed by any key for any Region.
pub fn signed_by(
    hardpan: &Hardpan,
    (id, secret): (&str, &str),
    region: &str,
    path: &str,
    body: &str,
) -> String {
    let host = hardpan.address.to_string();
    let credentials = aws_credential_types::Credentials::new(id, secret, None, None, "test");
    let body_sha256: [u8; 32] = Sha256::digest(body).into();
    let outgoing = Outgoing { method: "POST", host: &host, path, headers: &[], body_sha256: &body_sha256 };
    let added = sign_headers(&outgoing, &credentials, region, "bedrock", SystemTime::now()).unwrap();
    let mut head = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\n");
    for (name, value) in &added {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    head
}

fn ask_signed(hardpan: &Hardpan, key: (&str, &str), region: &str, path: &str) -> Response {
    let body = body();
    hardpan.send(&signed_by(hardpan, key, region, path, &body), body.as_bytes())
}

fn unix_now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// Asks until an answer is as wanted: for what a running process takes over by itself.
fn until(what: &str, mut ask: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !ask() {
        assert!(Instant::now() < deadline, "{what}");
        wait_a_little();
    }
}

struct Folder(PathBuf);

impl Folder {
    fn make() -> Self {
        let folder = std::env::temp_dir().join(format!("hardpan-identity-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs the binary as an operator does.
fn command(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_hardpan")).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

#[test]
fn an_api_key_minted_from_an_issued_key_is_verified_and_never_forwarded() {
    let hardpan = Hardpan::start(Setup::default());
    let now = unix_now();
    let mint = |service, secret: &str, region: &str, at: i64| {
        bearer::mint(service, KEY.0, secret, region, at, 3600).unwrap()
    };
    let good = mint(BearerService::Bedrock, KEY.1, "us-east-1", now);
    assert_eq!(ask_bearer(&hardpan, &good).status, 200);
    assert_eq!(ask_bearer(&hardpan, &good).status, 200, "made to be used again");
    assert_eq!(ask(&hardpan, &path(), &[("x-api-key", &good)]).status, 200);
    let bearer = format!("Bearer {good}");
    let both = [("x-api-key", good.as_str()), ("authorization", bearer.as_str())];
    assert_eq!(ask(&hardpan, &path(), &both).error(), (403, "InvalidSignatureException"));
    for (token, expected) in [
        (
            mint(BearerService::Bedrock, "another-secret-0000000", "us-east-1", now),
            "UnrecognizedClientException",
        ),
        (mint(BearerService::Bedrock, KEY.1, "us-east-1", now - 7200), "UnrecognizedClientException"),
        (mint(BearerService::Bedrock, KEY.1, "eu-west-1", now), "InvalidSignatureException"),
        (mint(BearerService::Sagemaker, KEY.1, "us-east-1", now), "InvalidSignatureException"),
        ("ABSKQmVkcm9ja0FQSUtleQ".to_owned(), "UnrecognizedClientException"),
        ("anything".to_owned(), "UnrecognizedClientException"),
    ] {
        assert_eq!(ask_bearer(&hardpan, &token).error(), (403, expected));
    }
    let received = hardpan.received();
    assert_eq!(received.len(), 3);
    let values = received.iter().flat_map(|received| &received.headers).map(|(_, value)| value);
    assert!(values.clone().count() > 0 && values.clone().all(|value| !value.contains(&good)));
    let records = hardpan.records(10);
    assert_eq!(records[0]["principal"]["app"], "orders-bot");
    let text = std::fs::read_to_string(hardpan.folder().join("records.jsonl")).unwrap() + &hardpan.log();
    assert!(!text.contains(&good) && !text.contains("bedrock-api-key-"));
}

#[test]
fn a_signature_used_twice_is_refused_and_a_retry_signed_anew_is_not() {
    let hardpan = Hardpan::start(Setup::default());
    let body = body();
    let attempt = [("amz-sdk-invocation-id", "5a0b"), ("amz-sdk-request", "attempt=1")];
    let head = hardpan.signed("POST", &path(), body.as_bytes(), &attempt);
    assert_eq!(hardpan.send(&head, body.as_bytes()).status, 200);
    let again = hardpan.send(&head, body.as_bytes());
    assert_eq!(again.error(), (403, "InvalidSignatureException"));
    assert_eq!(hardpan.records(2)[1]["error"], "replayed");
    // An equal request of the same second has the same signature; a copy sent later has it too.
    let head = hardpan.signed("POST", &path(), body.as_bytes(), &[]);
    assert_eq!(hardpan.send(&head, body.as_bytes()).status, 200);
    until("a copy was never refused", || hardpan.send(&head, body.as_bytes()).status == 403);
    until("a retry signed a second later was refused", || {
        hardpan.send(&hardpan.signed("POST", &path(), body.as_bytes(), &[]), body.as_bytes()).status == 200
    });
}

#[test]
fn a_refused_signature_does_not_use_up_the_good_one() {
    let hardpan = Hardpan::start(Setup::default());
    let body = body();
    let head = hardpan.signed("POST", &path(), body.as_bytes(), &[]);
    let other = body.replace("hello", "jello");
    assert_eq!(hardpan.send(&head, other.as_bytes()).status, 403);
    assert_eq!(hardpan.send(&head, body.as_bytes()).status, 200);
}

#[test]
fn replays_pass_where_configuration_allows_them() {
    let hardpan = started("identity: { replay: allow }".to_owned());
    let body = body();
    let head = hardpan.signed("POST", &path(), body.as_bytes(), &[]);
    for _ in 0..2 {
        assert_eq!(hardpan.send(&head, body.as_bytes()).status, 200);
    }
}

/// A token issuer with one key of a name.
struct Issuer {
    id: String,
    key: EcdsaKeyPair,
}

impl Issuer {
    fn new(id: &str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        Self { id: id.to_owned(), key }
    }

    fn jwks(&self) -> String {
        let point = self.key.public_key().as_ref();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id,
            "x": encode(&point[1..33]), "y": encode(&point[33..])}]})
        .to_string()
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn token(&self) -> String {
        self.sign(&json!({"alg": "ES256", "kid": self.id}), &claims())
    }
}

fn claims() -> Value {
    json!({"iss": "https://issuer.example", "aud": "hardpan", "exp": unix_now() + 600, "sub": "s1",
        "app": "orders-bot", "team": "payments", "email": "a@example.com"})
}

fn jwt(source: &str) -> String {
    format!(
        "identity: {{ jwt: {{ issuer: \"https://issuer.example\", audience: hardpan, {source}, app_claim: app, \
         team_claim: team, user_claim: email }} }}"
    )
}

#[test]
fn a_token_of_the_issuer_is_believed_and_every_other_is_refused() {
    let folder = Folder::make();
    let issuer = Issuer::new("k1");
    let file = folder.file("jwks.json");
    std::fs::write(&file, issuer.jwks()).unwrap();
    let hardpan = started(jwt(&format!("jwks_file: \"{}\"", file.display())));
    assert_eq!(ask_bearer(&hardpan, &issuer.token()).status, 200);

    let header = json!({"alg": "ES256", "kid": "k1"});
    let with = |claim: &str, value: Value| {
        let mut claims = claims();
        claims[claim] = value;
        issuer.sign(&header, &claims)
    };
    let hs256 = {
        // The classic confusion: the public key as a shared secret.
        let message = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(json!({"alg": "HS256", "kid": "k1"}).to_string()),
            URL_SAFE_NO_PAD.encode(claims().to_string())
        );
        let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, issuer.key.public_key().as_ref());
        let tag = ring::hmac::sign(&secret, message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
    };
    let unsigned = issuer.sign(&json!({"alg": "none", "kid": "k1"}), &claims());
    let (unsigned_message, _) = unsigned.rsplit_once('.').unwrap();
    for (what, token) in [
        ("wrong audience", with("aud", json!("other"))),
        ("wrong issuer", with("iss", json!("https://other.example"))),
        ("expired", with("exp", json!(unix_now() - 3600))),
        ("no expiry", with("exp", Value::Null)),
        ("not yet", with("nbf", json!(unix_now() + 3600))),
        ("no app", with("app", Value::Null)),
        ("unknown key", Issuer::new("k2").token()),
        ("another issuer's key of the same name", Issuer::new("k1").token()),
        ("HS256", hs256),
        ("none", format!("{unsigned_message}.")),
        ("none with a signature", unsigned.clone()),
        ("cut", issuer.token()[..40].to_owned()),
    ] {
        let answer = ask_bearer(&hardpan, &token);
        assert_eq!(answer.error(), (403, "UnrecognizedClientException"), "{what}");
    }
    assert_eq!(hardpan.received().len(), 1);
    // Keys work beside tokens.
    assert_eq!(ask_signed(&hardpan, KEY, "us-east-1", &path()).status, 200);
}

/// Serves a key set that may change.
fn serve_jwks(set: Arc<Mutex<String>>) -> SocketAddr {
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
            let set = set.lock().unwrap().clone();
            let status = if set.is_empty() { "503 Service Unavailable" } else { "200 OK" };
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: \
                 close\r\n\r\n{set}",
                set.len()
            );
        }
    });
    address
}

#[test]
fn a_key_set_behind_a_url_is_fetched_refreshed_and_kept_while_it_is_away() {
    let (first, second) = (Issuer::new("k1"), Issuer::new("k2"));
    let set = Arc::new(Mutex::new(first.jwks()));
    let address = serve_jwks(set.clone());
    let hardpan = started(jwt(&format!("jwks_url: \"http://{address}/keys\", jwks_refresh_s: 1")));
    assert_eq!(ask_bearer(&hardpan, &first.token()).status, 200, "fetched before it is ready");
    assert_eq!(ask_bearer(&hardpan, &second.token()).error(), (403, "UnrecognizedClientException"));
    *set.lock().unwrap() = second.jwks();
    until("the new key was not fetched", || ask_bearer(&hardpan, &second.token()).status == 200);
    assert_eq!(ask_bearer(&hardpan, &first.token()).status, 403, "the old key is gone");
    *set.lock().unwrap() = String::new();
    until("the failed fetch was not logged", || hardpan.log().contains("the last good key set is kept"));
    assert_eq!(ask_bearer(&hardpan, &second.token()).status, 200);
}

#[test]
fn a_fixed_principal_is_whoever_calls() {
    let hardpan = started("identity: { fixed: { app: orders-bot, team: payments } }".to_owned());
    assert_eq!(ask(&hardpan, &path(), &[]).status, 200);
    assert_eq!(ask_bearer(&hardpan, "anything").status, 200);
    assert_eq!(ask_signed(&hardpan, ("AKIDANY", "any"), "us-east-1", &path()).status, 200);
    // The scope chooses among the Regions that are served, unverified as it is.
    assert_eq!(
        ask_signed(&hardpan, ("AKIDANY", "any"), "eu-west-1", &path()).error(),
        (403, "InvalidSignatureException")
    );
    let records = hardpan.records(4);
    assert!(records[..3].iter().all(|record| record["principal"]["app"] == "orders-bot"));
}

#[test]
fn a_fixed_principal_needs_a_loopback_listener() {
    let folder = Folder::make();
    let file = folder.file("hardpan.yaml");
    std::fs::write(
        &file,
        "listen: 0.0.0.0:0\nidentity: { fixed: { app: a, team: t } }\naws: { region: us-east-1 }\npolicy: { mode: \
         off }\nrecords: { path: stdout }\n",
    )
    .unwrap();
    let refused = command(&["check", "-c", &file.display().to_string()]).unwrap_err();
    assert!(refused.contains("identity.fixed"), "{refused}");
}

#[test]
fn a_prefix_is_taken_off_and_its_app_must_be_the_caller() {
    let hardpan = started(
        "identity: { prefixes: [{ prefix: /app/orders, app: orders-bot }, { prefix: /app/other, app: other }] }"
            .to_owned(),
    );
    let ask = |prefix: &str| ask_signed(&hardpan, KEY, "us-east-1", &format!("{prefix}{}", path()));
    assert_eq!(ask("/app/orders").status, 200);
    assert_eq!(ask("").status, 200);
    assert_eq!(ask("/app/other").error(), (403, "AccessDeniedException"));
    assert_eq!(ask("/app/unknown").error(), (403, "AccessDeniedException"));
    let records = hardpan.records(4);
    assert_eq!(records[2]["error"], "prefix_mismatch");
    assert_eq!(records[3]["error"], "operation_not_governed");
    // Signed without the prefix, sent with it.
    let body = body();
    let head = signed_by(&hardpan, KEY, "us-east-1", &path(), &body).replace(" /model", " /app/orders/model");
    assert_eq!(hardpan.send(&head, body.as_bytes()).error(), (403, "InvalidSignatureException"));
}

fn issue(file: &Path) -> (String, String) {
    let file = file.display().to_string();
    let printed =
        command(&["keys", "new", "--app", "orders-bot", "--team", "payments", "--file", &file]).unwrap();
    let value = |name: &str| {
        printed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap().to_owned()
    };
    (value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"))
}

#[test]
fn keys_are_issued_listed_and_revoked_while_the_process_runs() {
    let folder = Folder::make();
    let file = folder.file("keys.yaml");
    let name = file.display().to_string();
    let first = issue(&file);
    let hardpan = started(format!("keys_file: \"{name}\""));
    let ask = |key: &(String, String)| ask_signed(&hardpan, (&key.0, &key.1), "us-east-1", &path());
    assert_eq!(ask(&first).status, 200);
    let second = issue(&file);
    until("the new key was not taken over", || ask(&second).status == 200);

    let listed = command(&["keys", "list", "--file", &name]).unwrap();
    assert!(listed.contains(&first.0) && listed.contains(&second.0) && listed.contains("active"));
    assert!(!listed.contains(&first.1) && !listed.contains(&second.1), "secrets are shown once");

    let token =
        command(&["keys", "token", &first.0, "--hours", "1", "--region", "us-east-1", "--file", &name]);
    let token = token.unwrap().trim().to_owned();
    assert_eq!(ask_bearer(&hardpan, &token).status, 200);

    command(&["keys", "revoke", &first.0, "--file", &name]).unwrap();
    until("the revoked key still works", || ask(&first).error() == (403, "UnrecognizedClientException"));
    assert_eq!(ask_bearer(&hardpan, &token).error(), (403, "UnrecognizedClientException"));
    assert_eq!(ask(&second).status, 200);
    assert!(command(&["keys", "list", "--file", &name]).unwrap().contains("revoked"));
    assert!(command(&["keys", "token", &first.0, "--file", &name]).is_err());
    assert!(command(&["keys", "revoke", "HPAKNOBODY", "--file", &name]).is_err());

    std::fs::write(&file, "- {").unwrap();
    until("the damage was not logged", || hardpan.log().contains("the last good keys are kept"));
    assert_eq!(ask(&second).status, 200);
    assert!(!hardpan.log().contains(&second.1));
}

fn fetch(address: SocketAddr, app: &str, token: Option<&str>) -> Option<Response> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let token = token.map(|token| format!("authorization: {token}\r\n")).unwrap_or_default();
    write!(stream, "GET /creds/{app} HTTP/1.1\r\nhost: {address}\r\n{token}\r\n").ok()?;
    read_response(&mut stream)
}

#[test]
fn an_app_fetches_short_lived_keys_and_signs_with_them() {
    let address = free_address();
    let hardpan = started(format!(
        "credentials_endpoint: {{ listen: \"{address}\", ttl_s: 900, apps: [{{ app: orders-bot, team: payments, \
         token: token-orders-0001 }}] }}"
    ));
    until("the endpoint does not answer", || fetch(address, "orders-bot", None).is_some());
    assert_eq!(fetch(address, "orders-bot", None).unwrap().status, 401);
    assert_eq!(fetch(address, "orders-bot", Some("wrong")).unwrap().status, 403);
    assert_eq!(fetch(address, "nobody", Some("token-orders-0001")).unwrap().status, 404);
    let answer = fetch(address, "orders-bot", Some("token-orders-0001")).unwrap();
    assert_eq!(answer.status, 200);
    let keys = answer.json();
    let member = |name: &str| keys[name].as_str().unwrap().to_owned();
    let (id, secret) = (member("AccessKeyId"), member("SecretAccessKey"));
    assert_eq!(ask_signed(&hardpan, (&id, &secret), "us-east-1", &path()).status, 200);
    let wrong = ask_signed(&hardpan, (&id, "another"), "us-east-1", &path());
    assert_eq!(wrong.error(), (403, "InvalidSignatureException"));
    let unknown = ask_signed(&hardpan, ("HPTMPAAAA", &secret), "us-east-1", &path());
    assert_eq!(unknown.error(), (403, "UnrecognizedClientException"));
    let other = fetch(address, "orders-bot", Some("token-orders-0001")).unwrap().json();
    assert!(other["AccessKeyId"] != keys["AccessKeyId"], "keys rotate");
    assert!(!hardpan.log().contains(&secret));
}

/// Asks over TLS; None where the handshake is refused.
fn ask_tls(hardpan: &Hardpan, folder: &Folder, client: Option<&str>, head: &str, body: &str) -> Option<u16> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.file("ca.pem")).unwrap()).unwrap();
    let builder =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let certificate = CertificateDer::from_pem_file(folder.file(&format!("{client}.pem"))).unwrap();
            let key = PrivateKeyDer::from_pem_file(folder.file(&format!("{client}.key"))).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = rustls::StreamOwned::new(connection, hardpan.connect());
    let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()?;
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    while !answer.windows(2).any(|window| window == b"\r\n") {
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(count) => answer.extend_from_slice(&chunk[..count]),
        }
    }
    String::from_utf8_lossy(&answer).split(' ').nth(1)?.parse().ok()
}

fn unsigned(hardpan: &Hardpan, body: &str) -> String {
    format!(
        "POST {} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        path(),
        hardpan.address,
        body.len()
    )
}

#[test]
fn a_local_authority_serves_tls_and_knows_callers_by_certificate() {
    let folder = Folder::make();
    let dir = folder.0.display().to_string();
    let printed = command(&["ca", "new", "--dir", &dir]).unwrap();
    assert!(printed.contains("AWS_CA_BUNDLE=") && printed.contains("tls:"));
    assert!(command(&["ca", "new", "--dir", &dir]).is_err(), "nothing is overwritten");
    for client in ["orders", "stranger"] {
        command(&["ca", "issue", "--dir", &dir, "--out", client, "--client", client]).unwrap();
    }
    let tls = |client: &str| {
        format!(
            "tls: {{ certificate: \"{dir}/server.pem\", key: \"{dir}/server.key\", client_ca: \"{dir}/ca.pem\", \
             client: {client} }}\nidentity: {{ mtls: [{{ subject_cn: orders, app: orders-bot, team: payments }}, \
             {{ subject_cn: other, app: other, team: payments }}] }}"
        )
    };
    let optional = started(tls("optional"));
    let body = body();
    let asked = |client: Option<&str>, head: &str| ask_tls(&optional, &folder, client, head, &body);
    assert_eq!(asked(Some("orders"), &unsigned(&optional, &body)), Some(200));
    assert_eq!(asked(Some("stranger"), &unsigned(&optional, &body)), Some(403));
    assert_eq!(asked(None, &unsigned(&optional, &body)), Some(403));
    let signed = signed_by(&optional, KEY, "us-east-1", &path(), &body);
    assert_eq!(asked(Some("orders"), &signed), Some(200), "both name the same app");
    assert_eq!(optional.records(4)[0]["principal"]["app"], "orders-bot");

    let required = started(tls("required"));
    assert_eq!(ask_tls(&required, &folder, None, &unsigned(&required, &body), &body), None);
    assert_eq!(ask_tls(&required, &folder, Some("orders"), &unsigned(&required, &body), &body), Some(200));
}

#[test]
fn a_certificate_and_a_signature_must_name_the_same_app() {
    let folder = Folder::make();
    let dir = folder.0.display().to_string();
    command(&["ca", "new", "--dir", &dir]).unwrap();
    command(&["ca", "issue", "--dir", &dir, "--out", "other", "--client", "other"]).unwrap();
    let hardpan = started(format!(
        "tls: {{ certificate: \"{dir}/server.pem\", key: \"{dir}/server.key\", client_ca: \"{dir}/ca.pem\" \
         }}\nidentity: {{ mtls: [{{ subject_cn: other, app: other, team: payments }}] }}"
    ));
    let body = body();
    let signed = signed_by(&hardpan, KEY, "us-east-1", &path(), &body);
    assert_eq!(ask_tls(&hardpan, &folder, Some("other"), &signed, &body), Some(403));
    assert_eq!(hardpan.records(1)[0]["error"], "conflicting_credentials");
}
