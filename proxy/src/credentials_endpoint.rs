//! Where apps fetch short-lived keys, as the SDKs' container credentials provider asks for them.
//!
//! An app sets `AWS_CONTAINER_CREDENTIALS_FULL_URI` to `http://127.0.0.1:PORT/creds/APP` and
//! `AWS_CONTAINER_AUTHORIZATION_TOKEN` to its token. Nothing is stored and nothing is forwarded: the keys work with
//! this Hardpan alone.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hardpan_inference::json::quote;
use http::Response;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE};
use pingora_core::apps::ServerApp;
use pingora_core::apps::http_app::ServeHttp;
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::ServerSession;
use pingora_core::server::ShutdownWatch;
use pingora_timeout::fast_timeout::fast_timeout;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::Semaphore;

use crate::identity::{FetchError, TemporaryKey, TemporaryKeys, now_unix};

const CONNECTIONS_MAX: usize = 64;
/// SDKs give up after two seconds.
const CONNECTION_FOR: Duration = Duration::from_secs(5);

/// The endpoint, for a listening service: one request a connection, so many connections at once.
pub struct CredentialsEndpoint {
    answers: Arc<Answers>,
    places: Semaphore,
}

impl CredentialsEndpoint {
    pub fn new(keys: Arc<TemporaryKeys>) -> Self {
        Self { answers: Arc::new(Answers { keys }), places: Semaphore::new(CONNECTIONS_MAX) }
    }
}

#[async_trait]
impl ServerApp for CredentialsEndpoint {
    async fn process_new(self: &Arc<Self>, stream: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        let _place = self.places.try_acquire().ok()?;
        // Whatever comes of it, the connection ends here.
        let _ = fast_timeout(CONNECTION_FOR, self.answers.process_new(stream, shutdown)).await;
        None
    }
}

struct Answers {
    keys: Arc<TemporaryKeys>,
}

#[async_trait]
impl ServeHttp for Answers {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let request = session.req_header();
        let mut tokens = request.headers.get_all(AUTHORIZATION).iter();
        let token = tokens.next().filter(|_| tokens.next().is_none()).map(http::HeaderValue::as_bytes);
        answer(&self.keys, request.method.as_str(), request.uri.path(), token, now_unix())
    }
}

fn answer(
    keys: &TemporaryKeys,
    method: &str,
    path: &str,
    token: Option<&[u8]>,
    now_unix: i64,
) -> Response<Vec<u8>> {
    let app = path.strip_prefix("/creds/").filter(|_| method == "GET");
    let outcome = app.ok_or(FetchError::UnknownApp).and_then(|app| keys.fetch(app, token, now_unix));
    let (status, body) = match outcome {
        Ok(key) => (200, document(&key)),
        Err(FetchError::UnknownApp) => (404, refusal("NotFound", "No such app.")),
        Err(FetchError::NoToken) => (401, refusal("Unauthorized", "Send the app's token in Authorization.")),
        Err(FetchError::WrongToken) => (403, refusal("AccessDenied", "The token is not the app's.")),
        Err(FetchError::Unmade) => (500, refusal("InternalFailure", "No key could be made.")),
    };
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json")
        .header(CACHE_CONTROL, "no-store")
        .header(CONNECTION, "close")
        .header(CONTENT_LENGTH, body.len())
        .body(body.into_bytes())
        .unwrap_or_default()
}

fn document(key: &TemporaryKey) -> String {
    let ends = OffsetDateTime::from_unix_timestamp(key.ends_unix).ok();
    let expiration = ends.and_then(|ends| ends.format(&Rfc3339).ok()).unwrap_or_default();
    format!(
        "{{\"AccessKeyId\":{},\"SecretAccessKey\":{},\"Token\":{},\"Expiration\":{}}}",
        quote(&key.access_key_id),
        quote(&key.secret),
        quote(&key.token),
        quote(&expiration),
    )
}

/// As the SDKs' container credentials provider reads errors.
fn refusal(code: &str, message: &str) -> String {
    format!("{{\"code\":{},\"message\":{}}}", quote(code), quote(message))
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::config::{App, CredentialsClient, CredentialsEndpointConfig};

    fn keys() -> TemporaryKeys {
        TemporaryKeys::new(&CredentialsEndpointConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            ttl_s: 900,
            apps: vec![CredentialsClient {
                app: App { app: "billing".to_owned(), team: "payments".to_owned(), env: None },
                token: Zeroizing::new("token-billing-0001".to_owned()),
            }],
            master_secret: None,
        })
        .unwrap()
    }

    #[test]
    fn an_app_with_its_token_gets_keys_as_sdks_read_them() {
        let answer = answer(&keys(), "GET", "/creds/billing", Some(b"token-billing-0001"), 1_790_000_000);
        assert_eq!(answer.status(), 200);
        let document: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        assert!(document["AccessKeyId"].as_str().unwrap().starts_with("HPTMP"));
        assert!(document["SecretAccessKey"].as_str().unwrap().len() >= 32);
        assert!(document["Token"].as_str().is_some());
        assert_eq!(document["Expiration"], "2026-09-21T14:28:20Z");
    }

    #[test]
    fn everyone_else_gets_none() {
        for (method, path, token, status) in [
            ("GET", "/creds/billing", None, 401),
            ("GET", "/creds/billing", Some(&b"another"[..]), 403),
            ("GET", "/creds/nobody", Some(b"token-billing-0001"), 404),
            ("GET", "/", Some(b"token-billing-0001"), 404),
            ("POST", "/creds/billing", Some(b"token-billing-0001"), 404),
        ] {
            let answer = answer(&keys(), method, path, token, 1_790_000_000);
            assert_eq!(answer.status(), status, "{method} {path}");
            assert!(!answer.body().windows(5).any(|window| window == b"HPTMP"));
        }
    }
}
