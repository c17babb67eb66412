//! The client: requests signed like an SDK's, sent over kept connections, timed.
//!
//! It runs in the process of the load bench, so none of its work is counted as a target's. It does not
//! retry: a request that fails is counted, and its connection replaced.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use bytes::Bytes;
use hardpan_aws::signer::{Outgoing, SignError, sign_headers};
use hardpan_inference::stream::event_stream::{FrameDecoder, FrameError};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};

/// The key that `deploy/examples/replay-*.yaml` issue.
const ACCESS_KEY_ID: &str = "AKIDHARDPANREPLAY";
const SECRET_ACCESS_KEY: &str = "hardpan-replay-secret-0123456789";
const REGION: &str = "us-east-1";
/// One name for all targets, so that one signature fits all.
const HOST: &str = "bedrock-runtime.us-east-1.amazonaws.com";

const REQUEST_WITHIN: Duration = Duration::from_secs(30);
/// After so many a worker gives up: the figures are void anyway.
const FAILURES_MAX: usize = 10;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error("the request could not be built: {0}")]
    Build(#[from] http::Error),
    #[error("no connection: {0}")]
    Connect(#[from] std::io::Error),
    #[error("the exchange broke: {0}")]
    Exchange(#[from] hyper::Error),
    #[error("the answer was {0}")]
    Status(StatusCode),
    #[error("the stream is damaged: {0}")]
    Frame(#[from] FrameError),
    #[error("the stream held no frame")]
    NoFrame,
    #[error("no answer within {} s", REQUEST_WITHIN.as_secs())]
    Timeout,
}

/// Signed requests, used in turn.
pub type Pool = Arc<[Request<Full<Bytes>>]>;

/// Signs one request per body. Signatures are good for five minutes.
pub fn sign_all(path: &str, bodies: &[Bytes]) -> Result<Pool, ClientError> {
    bodies.iter().map(|body| signed(path, body)).collect()
}

fn signed(path: &str, body: &Bytes) -> Result<Request<Full<Bytes>>, ClientError> {
    let credentials = Credentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None, None, "bench");
    let body_sha256: [u8; 32] = Sha256::digest(body).into();
    let headers = [("content-type", "application/json")];
    let outgoing =
        Outgoing { method: "POST", host: HOST, path, headers: &headers, body_sha256: &body_sha256 };
    let added = sign_headers(&outgoing, &credentials, REGION, "bedrock", SystemTime::now())?;
    let mut request = Request::post(path)
        .header("host", HOST)
        .header("content-type", "application/json")
        .header("user-agent", "hardpan-bench");
    for (name, value) in added {
        request = request.header(name, value);
    }
    Ok(request.body(Full::new(body.clone()))?)
}

/// How an answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerKind {
    Whole,
    /// Frame by frame.
    Stream,
}

/// What one target did with one batch of requests.
#[derive(Default)]
pub struct Turn {
    /// To the end of a whole answer, or to the first frame of a stream.
    pub latencies: Vec<Duration>,
    /// Between two frames of one stream.
    pub gaps: Vec<Duration>,
    pub failed: usize,
    pub first_failure: Option<String>,
    pub elapsed: Duration,
}

impl Turn {
    /// Frames of all streams.
    pub fn frames(&self) -> usize {
        self.gaps.len() + self.latencies.len()
    }

    fn fail(&mut self, error: &ClientError) {
        self.failed += 1;
        self.first_failure.get_or_insert_with(|| error.to_string());
    }

    fn absorb(&mut self, part: Turn) {
        self.latencies.extend(part.latencies);
        self.gaps.extend(part.gaps);
        self.failed += part.failed;
        self.first_failure = self.first_failure.take().or(part.first_failure);
    }
}

/// Sends `requests` requests over `concurrency` connections, each of which has one request open at a time.
pub async fn run_turn(
    address: SocketAddr,
    pool: &Pool,
    kind: AnswerKind,
    requests: usize,
    concurrency: usize,
) -> Turn {
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    let begun = Instant::now();
    for _ in 0..concurrency {
        workers.spawn(work(address, Arc::clone(pool), kind, Arc::clone(&next), requests));
    }
    let mut turn = Turn::default();
    while let Some(part) = workers.join_next().await {
        match part {
            Ok(part) => turn.absorb(part),
            Err(_) => turn.failed += 1,
        }
    }
    turn.elapsed = begun.elapsed();
    // Requests nobody sent, because their worker gave up, are no successes.
    turn.failed = turn.failed.max(requests.saturating_sub(turn.latencies.len()));
    turn
}

async fn work(
    address: SocketAddr,
    pool: Pool,
    kind: AnswerKind,
    next: Arc<AtomicUsize>,
    requests: usize,
) -> Turn {
    let mut turn = Turn::default();
    let mut connection = None;
    while turn.failed < FAILURES_MAX {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(request) = pool.get(index % pool.len().max(1)).filter(|_| index < requests) else { break };
        let exchange = exchange(&mut connection, address, request.clone(), kind, &mut turn);
        let outcome = tokio::time::timeout(REQUEST_WITHIN, exchange).await;
        if let Err(error) = outcome.unwrap_or(Err(ClientError::Timeout)) {
            turn.fail(&error);
        }
    }
    turn
}

/// One request and its answer. The connection is put back only after an answer that came whole.
async fn exchange(
    connection: &mut Option<Connection>,
    address: SocketAddr,
    request: Request<Full<Bytes>>,
    kind: AnswerKind,
    turn: &mut Turn,
) -> Result<(), ClientError> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => Connection::open(address).await?,
    };
    let begun = Instant::now();
    let body = open.send(request).await?.into_body();
    match kind {
        AnswerKind::Whole => {
            read_whole(body).await?;
            turn.latencies.push(begun.elapsed());
        }
        AnswerKind::Stream => {
            let (first, gaps) = read_stream(body).await?;
            turn.latencies.push(first - begun);
            turn.gaps.extend(gaps);
        }
    }
    *connection = Some(open);
    Ok(())
}

async fn read_whole(mut body: Incoming) -> Result<(), ClientError> {
    while let Some(piece) = body.frame().await {
        piece?;
    }
    Ok(())
}

/// When the first frame was whole, and the time between the others. Frames that arrive together have none.
async fn read_stream(mut body: Incoming) -> Result<(Instant, Vec<Duration>), ClientError> {
    let mut decoder = FrameDecoder::default();
    let mut first = None;
    let mut last: Option<Instant> = None;
    let mut gaps = Vec::new();
    while let Some(piece) = body.frame().await {
        let Ok(data) = piece?.into_data() else { continue };
        let now = Instant::now();
        decoder.push(&data);
        while decoder.next_frame()?.is_some() {
            first.get_or_insert(now);
            gaps.extend(last.map(|before| now - before));
            last = Some(now);
        }
    }
    decoder.finish()?;
    Ok((first.ok_or(ClientError::NoFrame)?, gaps))
}

/// A connection that is kept from request to request.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self, ClientError> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // How a connection ends shows in the exchange it ends.
        let driver = tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Self { sender, driver })
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, ClientError> {
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        if answer.status() == StatusCode::OK { Ok(answer) } else { Err(ClientError::Status(answer.status())) }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const PATH: &str = "/model/amazon.nova-lite-v1%3A0/converse";

    /// Answers every connection's first bytes with the same text, then closes it.
    async fn server(answer: &'static str) -> (SocketAddr, JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = [0_u8; 4096];
                assert!(stream.read(&mut head).await.unwrap() > 0);
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
                // Closing with bytes unread would reset the connection under the answer.
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
        });
        (address, tasks)
    }

    fn pool() -> Pool {
        sign_all(PATH, &[Bytes::from_static(b"{}"), Bytes::from_static(b"{ }")]).unwrap()
    }

    #[test]
    fn requests_carry_a_signature_and_the_host_it_covers() {
        let pool = pool();
        let request = &pool[0];
        assert_eq!(request.uri().path(), PATH);
        assert_eq!(request.headers()["host"], HOST);
        let authorization = request.headers()["authorization"].to_str().unwrap();
        assert!(
            authorization.contains(ACCESS_KEY_ID)
                && authorization.contains("SignedHeaders=content-type;host")
        );
        assert_ne!(authorization, pool[1].headers()["authorization"].to_str().unwrap());
    }

    #[tokio::test]
    async fn every_answer_is_counted_once() {
        let (address, _tasks) =
            server("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}").await;
        let turn = run_turn(address, &pool(), AnswerKind::Whole, 1, 1).await;
        assert_eq!((turn.latencies.len(), turn.failed), (1, 0), "{:?}", turn.first_failure);
    }

    #[tokio::test]
    async fn refusals_are_failures_and_end_a_turn_that_only_fails() {
        let (address, _tasks) =
            server("HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
        let turn = run_turn(address, &pool(), AnswerKind::Whole, 1000, 2).await;
        assert_eq!((turn.latencies.len(), turn.failed), (0, 1000));
        assert!(turn.first_failure.unwrap().contains("403"));
    }

    #[tokio::test]
    async fn a_stream_without_frames_is_a_failure() {
        let (address, _tasks) =
            server("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
        let turn = run_turn(address, &pool(), AnswerKind::Stream, 1, 1).await;
        assert_eq!((turn.frames(), turn.failed), (0, 1));
    }
}
