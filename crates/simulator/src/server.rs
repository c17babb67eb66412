//! The listener: one port for HTTP/1.1 and HTTP/2, by prior knowledge or over TLS, and the handle tests hold on
//! to. What is answered is decided in `exchange`; nothing here reads a request.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::exchange;
use crate::keyring::Keyring;
use crate::received::{Log, Received};
use crate::tls::{self, AskedFor, Tls};

/// Connections served at once; one more is closed unanswered.
const CONNECTIONS_MAX: usize = 16_384;
/// Streams one HTTP/2 connection may have open.
const H2_STREAMS_MAX: u32 = 1_024;
/// Receive windows for HTTP/2: a large prompt shall not wait for window updates.
const H2_STREAM_WINDOW_BYTES: u32 = 1 << 20;
const H2_CONNECTION_WINDOW_BYTES: u32 = 8 << 20;
/// Rest after a failed accept (out of descriptors, mostly), so that the loop does not spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(10);

/// How the simulator behaves. Holds secrets, so it has no `Debug`.
#[derive(Clone)]
pub struct Options {
    /// Port 0 picks a free one; see [`Simulator::addr`].
    pub listen: SocketAddr,
    /// Access key ids and secrets accepted for SigV4.
    pub keys: Vec<(String, String)>,
    /// Whether a request without a valid signature is refused.
    pub verify_signatures: bool,
    /// How many received requests are kept, the oldest dropped first; 0 keeps none.
    pub record_max: usize,
    /// Wait before the head of every answer.
    pub latency: Duration,
    /// Wait between two frames of a stream.
    pub frame_interval: Duration,
    /// Cuts a stream's body into pieces of so many bytes, whatever the frames; the cuts are deterministic.
    pub transport_chunk: Option<RangeInclusive<usize>>,
    /// Ids or ARNs of inference profiles, prompt routers, provisioned, imported and deployed models, and the
    /// ARN of the model behind each. Others are not found.
    pub profiles: Vec<(String, String)>,
    /// Serves TLS, and nothing in plain text.
    pub tls: Option<Tls>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            keys: Vec::new(),
            verify_signatures: true,
            record_max: 0,
            latency: Duration::ZERO,
            frame_interval: Duration::ZERO,
            transport_chunk: None,
            profiles: Vec::new(),
            tls: None,
        }
    }
}

/// A running simulator. Dropping it stops it as well, without waiting.
pub struct Simulator {
    addr: SocketAddr,
    is_tls: bool,
    shared: Arc<Shared>,
    stop: oneshot::Sender<()>,
    accepting: JoinHandle<()>,
}

impl Simulator {
    pub async fn start(options: Options) -> io::Result<Simulator> {
        let listener = TcpListener::bind(options.listen).await?;
        let addr = listener.local_addr()?;
        let acceptor = options.tls.as_ref().map(tls::acceptor).transpose()?;
        let is_tls = acceptor.is_some();
        let shared = Arc::new(Shared::new(options));
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept(listener, acceptor, Arc::clone(&shared), stopped));
        Ok(Simulator { addr, is_tls, shared, stop, accepting })
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub fn url(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.addr)
    }

    /// Sets the clock so many seconds ahead of the machine's, or behind it: signatures are judged and answers dated
    /// by it.
    pub fn set_clock_ahead_s(&self, seconds: i64) {
        self.shared.keyring.set_ahead_s(seconds);
    }

    /// Accepts one more key from now on.
    pub fn accept_key(&self, access_key_id: &str, secret: &str) {
        self.shared.keyring.accept(access_key_id, secret);
    }

    /// Refuses a key from now on as one that has expired.
    pub fn expire_key(&self, access_key_id: &str) {
        self.shared.keyring.expire(access_key_id);
    }

    /// The requests kept, oldest first.
    pub fn received(&self) -> Vec<Received> {
        self.shared.log.kept()
    }

    /// Requests whose head arrived, kept or not, since the start or the last [`Simulator::clear`].
    pub fn request_count(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Streams whose client went away before the end.
    pub fn aborted_count(&self) -> u64 {
        self.shared.aborted.load(Ordering::Relaxed)
    }

    /// Forgets the requests kept and sets both counts to zero.
    pub fn clear(&self) {
        self.shared.log.clear();
        self.shared.requests.store(0, Ordering::Relaxed);
        self.shared.aborted.store(0, Ordering::Relaxed);
    }

    /// Stops accepting and closes every connection at once.
    pub async fn shutdown(self) {
        let Simulator { stop, accepting, .. } = self;
        drop(stop);
        // The loop only ends early if it was cancelled with the runtime; there is nothing left to do then.
        let _ = accepting.await;
    }
}

/// What every exchange needs.
pub(crate) struct Shared {
    pub(crate) keyring: Keyring,
    pub(crate) verify_signatures: bool,
    pub(crate) latency: Duration,
    pub(crate) frame_interval: Duration,
    pub(crate) transport_chunk: Option<RangeInclusive<usize>>,
    pub(crate) profiles: Vec<(String, String)>,
    pub(crate) log: Log,
    pub(crate) requests: AtomicU64,
    /// Shared with stream bodies, which outlive their exchange.
    pub(crate) aborted: Arc<AtomicU64>,
    /// Numbers the answers; unlike `requests` it never goes back, so request ids stay unique.
    pub(crate) answers: AtomicU64,
}

impl Shared {
    pub(crate) fn new(options: Options) -> Self {
        Shared {
            keyring: Keyring::new(options.keys),
            verify_signatures: options.verify_signatures,
            latency: options.latency,
            frame_interval: options.frame_interval,
            transport_chunk: options.transport_chunk,
            profiles: options.profiles,
            log: Log::new(options.record_max),
            requests: AtomicU64::new(0),
            aborted: Arc::new(AtomicU64::new(0)),
            answers: AtomicU64::new(0),
        }
    }
}

/// Accepts until told to stop; leaving drops the set, which ends every connection with it.
async fn accept(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    mut stopped: oneshot::Receiver<()>,
) {
    let builder = Arc::new(connection_builder());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < CONNECTIONS_MAX => {
                    let (builder, shared) = (Arc::clone(&builder), Arc::clone(&shared));
                    connections.spawn(serve(stream, acceptor.clone(), builder, shared));
                }
                Ok(_) => {}
                Err(_) => tokio::time::sleep(ACCEPT_RETRY).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    connections.shutdown().await;
}

fn connection_builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http2()
        .max_concurrent_streams(H2_STREAMS_MAX)
        .initial_stream_window_size(H2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(H2_CONNECTION_WINDOW_BYTES);
    builder
}

async fn serve(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    builder: Arc<Builder<TokioExecutor>>,
    shared: Arc<Shared>,
) {
    // Frames are small and each matters at once: none may wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = acceptor else { return speak(stream, None, &builder, shared).await };
    // Who cannot agree on a handshake gets no answer, and is no request.
    if let Some((stream, asked_for)) = tls::shake_hands(&acceptor, stream).await {
        speak(stream, asked_for, &builder, shared).await;
    }
}

async fn speak<S>(
    stream: S,
    asked_for: Option<AskedFor>,
    builder: &Builder<TokioExecutor>,
    shared: Arc<Shared>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        if let Some(asked_for) = asked_for.clone() {
            request.extensions_mut().insert(asked_for);
        }
        exchange::respond(Arc::clone(&shared), request)
    });
    // A connection that ends badly is the client's affair, or was asked for by a directive.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

#[cfg(test)]
mod tests {
    use http::Version;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use crate::SignatureCheck;

    use super::*;

    const CONVERSE: &str = "/model/amazon.nova-lite-v1%3A0/converse";
    const CONVERSE_STREAM: &str = "/model/amazon.nova-lite-v1%3A0/converse-stream";

    fn unsigned() -> Options {
        Options { verify_signatures: false, record_max: 4, ..Options::default() }
    }

    fn request(path: &str, text: &str) -> Vec<u8> {
        let body =
            serde_json::json!({"messages": [{"role": "user", "content": [{"text": text}]}]}).to_string();
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nhost: simulator\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    async fn send(simulator: &Simulator, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(simulator.addr()).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        // A broken transport may surface as a reset; what arrived before it is what counts.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn converse_is_answered_and_recorded_up_to_the_bound() {
        let simulator = Simulator::start(unsigned()).await.unwrap();
        for number in 0..6 {
            let answer = send(&simulator, &request(CONVERSE, &format!("hello {number}"))).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            assert!(answer.contains("\r\nx-amzn-requestid: "), "{answer}");
            assert!(answer.contains(&format!("You said: hello {number}")), "{answer}");
        }
        let received = simulator.received();
        assert_eq!((simulator.request_count(), received.len()), (6, 4));
        let first = received.first().unwrap();
        assert_eq!(
            (
                first.method.as_str(),
                first.target.as_str(),
                first.operation,
                first.model.as_str(),
                first.version
            ),
            ("POST", CONVERSE, "Converse", "amazon.nova-lite-v1:0", Version::HTTP_11)
        );
        assert!(first.signature == SignatureCheck::Absent);
        assert!(String::from_utf8_lossy(&first.body).contains("hello 2"));
        simulator.clear();
        assert_eq!((simulator.request_count(), simulator.received().len()), (0, 0));
        simulator.shutdown().await;
    }

    #[tokio::test]
    async fn other_services_are_answered_and_recorded_by_name() {
        let simulator = Simulator::start(unsigned()).await.unwrap();
        let answer = send(&simulator, &request("/endpoints/e/invocations", "hello")).await;
        assert!(answer.contains("x-amzn-invoked-production-variant: AllTraffic\r\n"), "{answer}");
        assert!(answer.contains("You said: hello"), "{answer}");
        let received = simulator.received();
        let received = received.first().unwrap();
        assert_eq!((received.service, received.operation), ("sagemaker-runtime", "InvokeEndpoint"));
        simulator.shutdown().await;
    }

    #[tokio::test]
    async fn a_stream_in_both_directions_needs_http_2() {
        let simulator = Simulator::start(unsigned()).await.unwrap();
        let path = "/model/amazon.nova-sonic-v1%3A0/invoke-with-bidirectional-stream";
        let answer = send(&simulator, &request(path, "hello")).await;
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
        simulator.shutdown().await;
    }

    #[tokio::test]
    async fn requests_without_a_known_signature_are_refused() {
        let simulator = Simulator::start(Options::default()).await.unwrap();
        let answer = send(&simulator, &request(CONVERSE, "hello")).await;
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
        assert!(answer.contains("x-amzn-errortype: MissingAuthenticationTokenException\r\n"), "{answer}");
        assert!(simulator.received().is_empty());
        simulator.shutdown().await;
    }

    #[tokio::test]
    async fn unknown_paths_and_close_are_told_apart_on_the_wire() {
        let simulator = Simulator::start(unsigned()).await.unwrap();
        let answer = send(&simulator, &request("/model/m/unknown", "hello")).await;
        assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{answer}");
        assert!(answer.contains("x-amzn-errortype: UnknownOperationException\r\n"), "{answer}");
        assert_eq!(send(&simulator, &request(CONVERSE, "[sim:close]")).await, "");
        simulator.shutdown().await;
    }

    #[tokio::test]
    async fn a_stream_ends_with_the_terminating_chunk_unless_it_is_cut() {
        for transport_chunk in [None, Some(1..=7)] {
            let simulator = Simulator::start(Options { transport_chunk, ..unsigned() }).await.unwrap();
            let whole = send(&simulator, &request(CONVERSE_STREAM, "hello")).await;
            assert!(whole.contains("content-type: application/vnd.amazon.eventstream\r\n"), "{whole}");
            assert!(whole.ends_with("\r\n0\r\n\r\n"), "{whole}");
            let cut = send(&simulator, &request(CONVERSE_STREAM, "hello [sim:cut]")).await;
            assert!(cut.starts_with("HTTP/1.1 200 OK\r\n"), "{cut}");
            assert!(!cut.ends_with("\r\n0\r\n\r\n"), "{cut}");
            assert_eq!(simulator.aborted_count(), 0);
            simulator.shutdown().await;
        }
    }

    #[tokio::test]
    async fn a_client_that_leaves_a_stream_is_counted() {
        let simulator = Simulator::start(unsigned()).await.unwrap();
        let mut stream = TcpStream::connect(simulator.addr()).await.unwrap();
        stream.write_all(&request(CONVERSE_STREAM, "hello there [sim:pace 50]")).await.unwrap();
        let mut head = [0_u8; 16];
        stream.read_exact(&mut head).await.unwrap();
        drop(stream);
        let counted = async {
            while simulator.aborted_count() == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), counted).await.unwrap();
        simulator.shutdown().await;
    }
}
