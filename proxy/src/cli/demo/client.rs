//! The demonstration's app: a client that signs as an AWS SDK does and reads whole answers.

use std::error::Error;
use std::net::SocketAddr;
use std::time::SystemTime;

use bytes::Bytes;
use hardpan_aws::signer::{Outgoing, sign_headers};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;

/// A key Hardpan issued to an app.
#[derive(Clone, Copy)]
pub struct Key {
    pub id: &'static str,
    pub secret: &'static str,
}

pub struct Reply {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

pub async fn post(address: SocketAddr, key: Key, path: &str, body: &str) -> Result<Reply, Box<dyn Error>> {
    let host = address.to_string();
    let credentials = aws_credential_types::Credentials::new(key.id, key.secret, None, None, "demo");
    let body_sha256 = Sha256::digest(body.as_bytes()).into();
    let outgoing = Outgoing {
        method: "POST",
        host: &host,
        path,
        headers: &[("content-type", "application/json")],
        body_sha256: &body_sha256,
    };
    let signed = sign_headers(&outgoing, &credentials, "us-east-1", "bedrock", SystemTime::now())?;
    let mut request =
        http::Request::post(path).header("host", &host).header("content-type", "application/json");
    for (name, value) in signed {
        request = request.header(name, value);
    }
    send(address, request.body(Full::new(Bytes::from(body.to_owned())))?).await
}

/// An error unless the answer is 200.
pub async fn get(address: SocketAddr, path: &str) -> Result<Reply, Box<dyn Error>> {
    let request =
        http::Request::get(path).header("host", address.to_string()).body(Full::new(Bytes::new()))?;
    let reply = send(address, request).await?;
    if reply.status == 200 { Ok(reply) } else { Err("not ready".into()) }
}

async fn send(address: SocketAddr, request: http::Request<Full<Bytes>>) -> Result<Reply, Box<dyn Error>> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok::<_, hyper::Error>(Reply { status: head.status.as_u16(), headers: head.headers, body })
    };
    tokio::pin!(exchange, connection);
    // The connection does its work while the exchange is awaited; it may end first, with the answer already read.
    tokio::select! {
        reply = &mut exchange => Ok(reply?),
        _ = &mut connection => Ok(exchange.await?),
    }
}
