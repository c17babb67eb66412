//! Where Hardpan's own credentials come from, each source against a local fake of what AWS puts there.
//!
//! Sources are configured by environment variables, which belong to a whole process: every case therefore runs in a
//! child, which is this same binary with one test and one environment. No case reaches beyond the loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::macros::format_description;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use zeroize::Zeroizing;

use hardpan_aws::credentials::{CredentialError, CredentialSource, CredentialStore};

const CASE: &str = "HARDPAN_CREDENTIALS_CASE";
const SCRATCH: &str = "HARDPAN_CREDENTIALS_SCRATCH";
/// Far above what any case needs: only a case that hangs gets here.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_container_endpoint_is_asked_with_its_token() {
    let fake = Fake::start(|_| (200, container("AKIDECS", 3600))).await;
    let url = fake.url("/v2/credentials/one");
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "opaque"),
    ];
    run_child("ecs", &variables, None).await;
    let seen = fake.seen();
    assert!(seen[0].starts_with("get /v2/credentials/one "));
    assert!(seen[0].contains("authorization: opaque"));
}

#[tokio::test]
async fn a_pod_identity_token_is_read_again_at_every_refresh() {
    let scratch = Scratch::new("pod");
    let token = scratch.write("token", "token-one");
    let rotated = token.clone();
    let fake = Fake::start(move |count| {
        std::fs::write(&rotated, "token-two").unwrap();
        (200, container(&format!("AKIDPOD{count}"), 3600))
    })
    .await;
    let url = fake.url("/v1/credentials");
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token.to_str().unwrap()),
    ];
    run_child("pod_identity", &variables, Some(&scratch)).await;
    let seen = fake.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen[0].contains("authorization: token-one") && seen[1].contains("authorization: token-two"));
}

#[tokio::test]
async fn instance_metadata_is_asked_with_a_session_token() {
    let fake = Fake::start_with(|_, request| {
        if request.starts_with("put /latest/api/token ") {
            return (200, "metadata-token".to_owned());
        }
        assert!(request.contains("x-aws-ec2-metadata-token: metadata-token"));
        if request.starts_with("get /latest/meta-data/iam/security-credentials/ ") {
            return (200, "the-role".to_owned());
        }
        assert!(request.starts_with("get /latest/meta-data/iam/security-credentials/the-role "));
        (200, container("AKIDIMDS", 3600))
    })
    .await;
    let url = fake.url("");
    run_child("imds", &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str())], None).await;
    assert!(fake.seen()[0].contains("x-aws-ec2-metadata-token-ttl-seconds:"));
}

#[tokio::test]
async fn a_web_identity_token_is_exchanged_at_sts() {
    let scratch = Scratch::new("irsa");
    let token = scratch.write("token", "header.payload.signature");
    let fake = Fake::start_with(|_, request| {
        assert!(request.contains("action=assumerolewithwebidentity"));
        assert!(request.contains("webidentitytoken=header.payload.signature"));
        (200, assumed("AKIDIRSA"))
    })
    .await;
    let url = fake.url("");
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/hardpan"),
        ("AWS_ENDPOINT_URL_STS", url.as_str()),
    ];
    run_child("web_identity", &variables, Some(&scratch)).await;
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn a_rotated_profile_is_seen_at_the_next_refresh() {
    let scratch = Scratch::new("profile");
    let file = scratch.write("credentials", &profile("AKIDONE"));
    let variables = [
        ("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap()),
        ("AWS_CONFIG_FILE", "/nonexistent"),
        // A named profile is asked alone, whatever else stands in the environment.
        ("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    run_child("profile", &variables, Some(&scratch)).await;
}

#[tokio::test]
async fn the_environment_comes_first_in_the_default_chain() {
    let variables = [("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    run_child("default_chain", &variables, None).await;
    run_child("environment", &variables, None).await;
    run_child("no_environment", &[], None).await;
}

#[tokio::test]
async fn credentials_are_refreshed_before_they_expire() {
    let fake =
        Fake::start(|count| (200, container(&format!("AKID{count}"), if count == 0 { 6 } else { 3600 })))
            .await;
    let url = fake.url("/");
    run_child("early", &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str())], None).await;
}

#[tokio::test]
async fn credentials_are_kept_while_their_endpoint_fails() {
    let fake = Fake::start(|count| match count {
        0 => (200, container("AKIDKEPT", 3600)),
        _ => (500, "{}".to_owned()),
    })
    .await;
    let url = fake.url("/");
    run_child("kept", &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str())], None).await;
}

#[tokio::test]
async fn credentials_that_expired_unrefreshed_are_not_handed_out() {
    let fake = Fake::start(|count| match count {
        0 => (200, container("AKIDSHORT", 3)),
        _ => (500, "{}".to_owned()),
    })
    .await;
    let url = fake.url("/");
    run_child("expires", &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str())], None).await;
}

#[tokio::test]
async fn credentials_that_come_expired_are_refused() {
    let fake = Fake::start(|_| (200, container("AKIDPAST", -60))).await;
    let url = fake.url("/");
    run_child("past", &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str())], None).await;
}

#[tokio::test]
async fn many_requests_with_rejected_credentials_ask_the_source_once() {
    let fake = Fake::start(|count| (200, container(&format!("AKID{count}"), 3600))).await;
    let url = fake.url("/");
    run_child("single_flight", &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str())], None).await;
    assert_eq!(fake.seen().len(), 2, "the first fetch and one refresh");
}

#[tokio::test]
async fn configured_keys_are_used_as_they_stand() {
    let source = CredentialSource::Static {
        access_key_id: "AKIDSTATIC".to_owned(),
        secret_access_key: Zeroizing::new("secret".to_owned()),
        session_token: Some(Zeroizing::new("session".to_owned())),
    };
    let store = CredentialStore::load(source, "us-east-1").await.unwrap();
    let current = store.current().unwrap();
    assert_eq!((current.access_key_id(), current.session_token()), ("AKIDSTATIC", Some("session")));
    assert_eq!(store.refresh_now(&current).await.err(), Some(CredentialError::Unchanged));
    assert_eq!(store.refresh_now(&current).await.err(), Some(CredentialError::TooSoon));
    assert!(store.current().is_some());
}

/// What a child does; nothing where no case is asked for.
#[tokio::test]
async fn child() {
    let Ok(case) = std::env::var(CASE) else { return };
    match case.as_str() {
        "ecs" => loads(CredentialSource::Ecs, "AKIDECS").await,
        "imds" => loads(CredentialSource::Imds, "AKIDIMDS").await,
        "web_identity" => loads(CredentialSource::WebIdentity, "AKIDIRSA").await,
        "default_chain" => loads(CredentialSource::DefaultChain, "AKIDENVIRONMENT").await,
        "environment" => loads(CredentialSource::Environment, "AKIDENVIRONMENT").await,
        "no_environment" => {
            let loaded = CredentialStore::load(CredentialSource::Environment, "us-east-1").await;
            assert!(matches!(loaded.err(), Some(CredentialError::Source(_))));
        }
        "pod_identity" => {
            let store = load(CredentialSource::Ecs).await;
            let first = store.current().unwrap();
            let second = store.refresh_now(&first).await.unwrap();
            assert_eq!((first.access_key_id(), second.access_key_id()), ("AKIDPOD0", "AKIDPOD1"));
        }
        "profile" => {
            let store = load(CredentialSource::Profile("billing".to_owned())).await;
            let first = store.current().unwrap();
            let scratch = PathBuf::from(std::env::var(SCRATCH).unwrap());
            std::fs::write(scratch.join("credentials"), profile("AKIDTWO")).unwrap();
            let second = store.refresh_now(&first).await.unwrap();
            assert_eq!((first.access_key_id(), second.access_key_id()), ("AKIDONE", "AKIDTWO"));
            let none =
                CredentialStore::load(CredentialSource::Profile("other".to_owned()), "us-east-1").await;
            assert!(none.is_err());
        }
        "early" => {
            let store = load(CredentialSource::Ecs).await;
            tokio::select! {
                () = store.clone().keep_fresh() => {}
                () = until(|| {
                    let current = store.current().expect("never without credentials");
                    current.access_key_id() == "AKID1"
                }) => {}
            }
            assert_eq!((store.status().refreshes, store.status().failures), (2, 0));
        }
        "kept" => {
            let store = load(CredentialSource::Ecs).await;
            let current = store.current().unwrap();
            let refused = store.refresh_now(&current).await.err();
            assert!(matches!(refused, Some(CredentialError::Source(_))));
            assert_eq!(store.current().unwrap().access_key_id(), "AKIDKEPT");
            assert_eq!((store.status().usable, store.status().failures_in_a_row), (true, 1));
        }
        "expires" => {
            let store = load(CredentialSource::Ecs).await;
            tokio::select! {
                () = store.clone().keep_fresh() => {}
                () = until(|| store.current().is_none()) => {}
            }
            assert!(!store.status().usable);
        }
        "past" => {
            let loaded = CredentialStore::load(CredentialSource::Ecs, "us-east-1").await;
            assert_eq!(loaded.err(), Some(CredentialError::Expired));
        }
        "single_flight" => {
            let store = load(CredentialSource::Ecs).await;
            let rejected = store.current().unwrap();
            let refresh = || store.refresh_now(&rejected);
            let (one, two, three) = tokio::join!(refresh(), refresh(), refresh());
            for fresh in [one, two, three] {
                assert_eq!(fresh.unwrap().access_key_id(), "AKID1");
            }
        }
        other => panic!("no case {other}"),
    }
}

async fn load(source: CredentialSource) -> Arc<CredentialStore> {
    CredentialStore::load(source, "us-east-1").await.unwrap_or_else(|error| panic!("{error}"))
}

async fn loads(source: CredentialSource, access_key_id: &str) {
    assert_eq!(load(source).await.current().unwrap().access_key_id(), access_key_id);
}

async fn until(done: impl Fn() -> bool) {
    while !done() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Runs one case in a child that has these variables and no others.
async fn run_child(case: &str, variables: &[(&str, &str)], scratch: Option<&Scratch>) {
    let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).env_clear().env(CASE, case).kill_on_drop(true);
    command.env("HOME", "/nonexistent").envs(variables.iter().copied());
    if !variables.iter().any(|(name, _)| *name == "AWS_EC2_METADATA_SERVICE_ENDPOINT") {
        command.env("AWS_EC2_METADATA_DISABLED", "true");
    }
    if let Some(scratch) = scratch {
        command.env(SCRATCH, &scratch.0);
    }
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("the child hangs").unwrap();
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{case}: {}", String::from_utf8_lossy(&text));
}

/// An HTTP server that answers by a function of the request's number, and remembers what it was asked.
struct Fake {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Fake {
    async fn start(answer: impl Fn(usize) -> (u16, String) + Send + Sync + 'static) -> Self {
        Self::start_with(move |count, _| answer(count)).await
    }

    async fn start_with(answer: impl Fn(usize, &str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        let answer = Arc::new(answer);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Each in a task of its own: a client may open a connection it never uses.
                tokio::spawn(serve(stream, Arc::clone(&record), Arc::clone(&answer)));
            }
        });
        Self { port, seen, task }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Requests so far, in lower case.
    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    record: Arc<Mutex<Vec<String>>>,
    answer: Arc<impl Fn(usize, &str) -> (u16, String)>,
) {
    let Some(request) = read_request(&mut stream).await else { return };
    let count = {
        let mut seen = record.lock().unwrap();
        seen.push(request.clone());
        seen.len() - 1
    };
    let (status, body) = answer(count, &request);
    let head = format!(
        "HTTP/1.1 {status} Fake\r\ncontent-length: {}\r\nconnection: close\r\n\
         x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\r\n",
        body.len()
    );
    // A client that has gone needs no answer.
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if let Some(request) = whole_request(&bytes) {
            return Some(request);
        }
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).await.ok().filter(|length| *length > 0)?;
        bytes.extend_from_slice(&piece[..length]);
        assert!(bytes.len() < 65_536);
    }
}

fn whole_request(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?.to_ascii_lowercase();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    (body.len() >= length).then_some(text)
}

/// A folder of a case's own, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("hardpan-credentials-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = Path::join(&self.0, name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn profile(access_key_id: &str) -> String {
    format!("[billing]\naws_access_key_id = {access_key_id}\naws_secret_access_key = secret\n")
}

fn container(access_key_id: &str, life_s: i64) -> String {
    let expiration = expiration(life_s);
    format!(
        r#"{{"Code":"Success","AccessKeyId":"{access_key_id}","SecretAccessKey":"secret","Token":"session",
        "Expiration":"{expiration}"}}"#
    )
}

fn assumed(access_key_id: &str) -> String {
    let expiration = expiration(3600);
    format!(
        r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
        <AssumeRoleWithWebIdentityResult>
        <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/hardpan/session</Arn>
        <AssumedRoleId>AROAEXAMPLE:session</AssumedRoleId></AssumedRoleUser>
        <Credentials><AccessKeyId>{access_key_id}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
        <SessionToken>session</SessionToken><Expiration>{expiration}</Expiration></Credentials>
        </AssumeRoleWithWebIdentityResult>
        <ResponseMetadata><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ResponseMetadata>
        </AssumeRoleWithWebIdentityResponse>"#
    )
}

fn expiration(life_s: i64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    let at = OffsetDateTime::from(SystemTime::now()) + time::Duration::seconds(life_s);
    at.format(format).unwrap()
}
