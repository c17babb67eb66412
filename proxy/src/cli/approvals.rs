//! `hardpan approvals`: what waits for people, and their say, as a client of a running Hardpan's admin port.
//!
//! The approver's token comes from the environment or a file, never from the command line, where others could read it.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::Subcommand;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use super::{Outcome, runtime, say};

const ANSWER_BYTES_MAX: usize = 64 << 20;
const WITHIN: Duration = Duration::from_secs(30);
/// Of arguments in a list.
const SHOWN_CHARACTERS: usize = 60;

#[derive(clap::Args)]
pub struct Approvals {
    #[command(subcommand)]
    command: Command,
    /// The admin port of a running Hardpan.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "HARDPAN_APPROVALS_URL",
        default_value = "http://127.0.0.1:9090"
    )]
    url: String,
    /// A file with the approver's token, in place of HARDPAN_APPROVER_TOKEN.
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Send the token to another host than this one, in plain text.
    #[arg(long, global = true)]
    beyond_loopback: bool,
    /// Print what the admin port answers.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// List what waits for one of your groups.
    List {
        /// `pending`, `approved`, `denied`, `used`, `expired` or `all`.
        #[arg(long, default_value = "pending")]
        state: String,
    },
    /// Everything about one approval.
    Show { id: String },
    /// Let it go on.
    Approve {
        id: String,
        /// For the log, and for other approvers.
        #[arg(long)]
        note: Option<String>,
    },
    /// Do not let it go on.
    Deny {
        id: String,
        /// For the log, and for other approvers.
        #[arg(long)]
        note: Option<String>,
    },
}

impl Approvals {
    pub fn run(self) -> Outcome {
        let (method, path, body) = match &self.command {
            Command::List { state } => ("GET", format!("/v1/approvals?state={}", plain(state)?), None),
            Command::Show { id } => ("GET", format!("/v1/approvals/{}", plain(id)?), None),
            Command::Approve { id, note } => {
                ("POST", format!("/v1/approvals/{}/approve", plain(id)?), Some(json!({"note": note})))
            }
            Command::Deny { id, note } => {
                ("POST", format!("/v1/approvals/{}/deny", plain(id)?), Some(json!({"note": note})))
            }
        };
        let token = self.token()?;
        let (status, answer) = runtime()?.block_on(self.call(method, &path, body, &token))?;
        if status != 200 {
            let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
            return Err(format!("{} [{}] ({status})", text("message"), text("code")).into());
        }
        if self.json {
            return print_document(&answer);
        }
        match &self.command {
            Command::List { .. } => tell_list(&answer),
            Command::Show { .. } => return print_document(&answer),
            Command::Approve { .. } | Command::Deny { .. } => tell_decision(&answer),
        }
        Ok(())
    }

    fn token(&self) -> Result<Zeroizing<String>, Box<dyn std::error::Error>> {
        let token = match &self.token_file {
            Some(file) => {
                std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?
            }
            None => std::env::var("HARDPAN_APPROVER_TOKEN")
                .map_err(|_| "set HARDPAN_APPROVER_TOKEN, or give --token-file")?,
        };
        let token = Zeroizing::new(token);
        Ok(Zeroizing::new(token.trim().to_owned()))
    }

    async fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        token: &str,
    ) -> Result<(u16, Value), Box<dyn std::error::Error>> {
        let host = self.url.strip_prefix("http://").map(|host| host.trim_end_matches('/'));
        let host = host.filter(|host| !host.is_empty() && !host.contains('/'));
        let host = host.ok_or("write --url as http://HOST:PORT")?;
        let address = tokio::net::lookup_host(host).await?.next().ok_or("the host has no address")?;
        if !address.ip().is_loopback() && !self.beyond_loopback {
            return Err(
                "the token would cross the network in plain text: use a tunnel, or --beyond-loopback".into(),
            );
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", host)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .header("content-length", body.len())
            .body(Full::new(Bytes::from(body)))?;
        tokio::time::timeout(WITHIN, send(address, request)).await.map_err(|_| "no answer in time")?
    }
}

async fn send(
    address: std::net::SocketAddr,
    request: http::Request<Full<Bytes>>,
) -> Result<(u16, Value), Box<dyn std::error::Error>> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| format!("the answer could not be read: {error}"))?.to_bytes();
        let answer = serde_json::from_slice(&body).map_err(|_| "that is no admin port of Hardpan")?;
        Ok((status, answer))
    };
    tokio::pin!(exchange, connection);
    // The connection does its work while the exchange is awaited; it may end first, with the answer already read.
    tokio::select! {
        reply = &mut exchange => reply,
        _ = &mut connection => exchange.await,
    }
}

/// A word that needs no escape in a path.
fn plain(word: &str) -> Result<&str, &'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if !word.is_empty() && word.bytes().all(plain) { Ok(word) } else { Err("not an approval's id or state") }
}

fn tell_list(answer: &Value) {
    let listed = answer.get("approvals").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if listed.is_empty() {
        say("nothing");
    }
    for one in listed {
        let text = |pointer: &str| one.pointer(pointer).and_then(Value::as_str).map(printable);
        let id = text("/id").unwrap_or_default();
        let app = text("/app").unwrap_or_default();
        let what = match text("/tool/name") {
            Some(name) => {
                let arguments = text("/tool/arguments").unwrap_or_default();
                let shown: String = arguments.chars().take(SHOWN_CHARACTERS).collect();
                format!("{name} {shown}")
            }
            None => text("/operation").unwrap_or_default(),
        };
        let state = text("/state").unwrap_or_default();
        let expires = text("/expires").unwrap_or_default();
        let note = text("/objection").map(|objection| format!(" ({objection})")).unwrap_or_default();
        say(&format!("{id}  {state} until {expires}  app={app}  {what}{note}"));
    }
}

fn tell_decision(answer: &Value) {
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let missing = answer.get("missing").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let missing: Vec<&str> = missing.iter().filter_map(Value::as_str).collect();
    let rest = match (text("state"), missing.is_empty()) {
        ("pending", false) => format!("; still to approve: {}", missing.join(", ")),
        _ => String::new(),
    };
    say(&format!("{} is {}{rest}", text("id"), text("state")));
}

/// A model wrote some of this: nothing of it may move the cursor of whoever decides, or turn words around.
fn printable(text: &str) -> String {
    text.chars().map(|character| if is_tricky(character) { '?' } else { character }).collect()
}

fn is_tricky(character: char) -> bool {
    let unseen = matches!(
        character,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
    );
    character.is_control() || unseen
}

/// What is shown on several lines.
fn print_document(document: &Value) -> Outcome {
    let text = serde_json::to_string_pretty(document)?;
    text.lines().for_each(|line| say(&printable(line)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_turns_words_around() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}c\u{200b}d\te"), "a?[2Jb?c?d?e");
        assert_eq!(printable("Zürich 東京"), "Zürich 東京");
    }

    #[test]
    fn words_of_a_path_need_no_escape() {
        for (word, is_plain) in
            [("apr-1f", true), ("", false), ("../x", false), ("a?b", false), ("a b", false)]
        {
            assert_eq!(plain(word).is_ok(), is_plain, "{word}");
        }
    }
}
