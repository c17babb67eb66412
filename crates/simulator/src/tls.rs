//! TLS for the listener: what it shows, and which protocols it offers by ALPN. Asks for no client certificate.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The longest a handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// What the listener shows.
#[derive(Debug, Clone)]
pub struct Tls {
    /// PEM, the listener's own certificate first.
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// The protocols offered, `h2` or `http/1.1`, the preferred one first. With none ALPN is not spoken.
    pub protocols: Vec<&'static str>,
}

/// The name a handshake asked for; it travels with the connection's requests.
#[derive(Clone)]
pub(crate) struct AskedFor(pub(crate) Arc<str>);

pub(crate) fn acceptor(tls: &Tls) -> io::Result<TlsAcceptor> {
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(&tls.certificate).map_err(io::Error::other)?.collect();
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain.map_err(io::Error::other)?, key)
        .map_err(io::Error::other)?;
    config.alpn_protocols = tls.protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// None where the client did not agree, or not in time.
pub(crate) async fn shake_hands(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> Option<(TlsStream<TcpStream>, Option<AskedFor>)> {
    let stream = tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await.ok()?.ok()?;
    let (_, connection) = stream.get_ref();
    let asked_for = connection.server_name().map(|name| AskedFor(Arc::from(name)));
    Some((stream, asked_for))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, RootCertStore};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_rustls::TlsConnector;

    use crate::{Options, Simulator};

    use super::*;

    /// A folder with a certificate of its own for a name.
    fn certified(name: &str) -> (PathBuf, CertificateDer<'static>) {
        let folder = std::env::temp_dir().join(format!("simulator-tls-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
        std::fs::write(folder.join("certificate.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
        (folder, certificate.der().clone())
    }

    fn shown(folder: &std::path::Path, protocols: &[&'static str]) -> Tls {
        let file = |name: &str| folder.join(name);
        Tls { certificate: file("certificate.pem"), key: file("key.pem"), protocols: protocols.to_vec() }
    }

    #[tokio::test]
    async fn the_protocol_is_agreed_on_and_the_name_is_kept() {
        let (folder, root) = certified("simulator.test");
        for (offered, agreed) in
            [(&["h2", "http/1.1"][..], Some(&b"h2"[..])), (&["http/1.1"], Some(b"http/1.1")), (&[], None)]
        {
            let options = Options {
                verify_signatures: false,
                record_max: 1,
                tls: Some(shown(&folder, offered)),
                ..Options::default()
            };
            let simulator = Simulator::start(options).await.unwrap();
            assert!(simulator.url().starts_with("https://"));
            let mut roots = RootCertStore::empty();
            roots.add(root.clone()).unwrap();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let mut config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            let connector = TlsConnector::from(Arc::new(config));
            let stream = TcpStream::connect(simulator.addr()).await.unwrap();
            let name = ServerName::try_from("simulator.test").unwrap();
            let mut stream = connector.connect(name, stream).await.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol(), agreed);
            if agreed != Some(b"h2") {
                let body = r#"{"messages":[{"role":"user","content":[{"text":"hello"}]}]}"#;
                let head = format!(
                    "POST /model/m/converse HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
                let mut answer = Vec::new();
                let _ = stream.read_to_end(&mut answer).await;
                assert!(answer.starts_with(b"HTTP/1.1 200 "));
                let received = simulator.received();
                assert_eq!(received.first().unwrap().server_name.as_deref(), Some("simulator.test"));
            }
            simulator.shutdown().await;
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn plain_text_is_no_request_and_a_missing_file_is_an_error() {
        let (folder, _) = certified("simulator.test");
        let tls = shown(&folder, &["h2"]);
        let options = Options { tls: Some(tls.clone()), ..Options::default() };
        let simulator = Simulator::start(options).await.unwrap();
        let mut stream = TcpStream::connect(simulator.addr()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/"));
        assert_eq!(simulator.request_count(), 0);
        simulator.shutdown().await;
        let missing = Tls { key: folder.join("missing.pem"), ..tls };
        let options = Options { tls: Some(missing), ..Options::default() };
        assert!(Simulator::start(options).await.is_err());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
