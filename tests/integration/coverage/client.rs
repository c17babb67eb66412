//! Sends samples, signed for whichever service they belong to, and reads the records they leave.

use std::io::Write as _;
use std::time::{Duration, Instant, SystemTime};

use hardpan_aws::signer::{Outgoing, sign_headers};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::samples::Sample;
use crate::support::{Hardpan, KEY, Response, read_response, wait_a_little};

pub struct Session<'h> {
    pub hardpan: &'h Hardpan,
    /// Requests sent, each of which leaves one record.
    asked: usize,
}

impl<'h> Session<'h> {
    pub fn new(hardpan: &'h Hardpan) -> Self {
        Self { hardpan, asked: 0 }
    }

    pub fn ask(&mut self, sample: &Sample, text: &str) -> Result<Response, String> {
        self.ask_as(sample, text, KEY.1, &[])
    }

    /// Signed with a secret, with headers beside the sample's own.
    pub fn ask_as(
        &mut self,
        sample: &Sample,
        text: &str,
        secret: &str,
        more: &[(&str, &str)],
    ) -> Result<Response, String> {
        let body = sample.body(text);
        let headers: Vec<(&str, &str)> = sample.headers.iter().copied().chain(more.iter().copied()).collect();
        let signed = self.sign(sample, &body, secret, &headers)?;
        let signed = signed.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let all: Vec<(&str, &str)> = headers.iter().copied().chain(signed).collect();
        self.exchange(sample, &all, &body)
    }

    pub fn ask_unsigned(&mut self, sample: &Sample, text: &str) -> Result<Response, String> {
        let body = sample.body(text);
        self.exchange(sample, sample.headers, &body)
    }

    fn sign(
        &self,
        sample: &Sample,
        body: &[u8],
        secret: &str,
        headers: &[(&str, &str)],
    ) -> Result<Vec<(String, String)>, String> {
        let host = self.hardpan.address.to_string();
        let body_sha256: [u8; 32] = Sha256::digest(body).into();
        let operation = sample.operation;
        let outgoing = Outgoing {
            method: operation.method(),
            host: &host,
            path: &sample.target,
            headers,
            body_sha256: &body_sha256,
        };
        let credentials = aws_credential_types::Credentials::new(KEY.0, secret, None, None, "test");
        let service = operation.signing_service();
        sign_headers(&outgoing, &credentials, "us-east-1", service, SystemTime::now())
            .map_err(|error| error.to_string())
    }

    fn exchange(
        &mut self,
        sample: &Sample,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response, String> {
        let (method, target) = (sample.operation.method(), &sample.target);
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {}\r\n", self.hardpan.address);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        self.asked += 1;
        let mut stream = self.hardpan.connect();
        stream.write_all(head.as_bytes()).map_err(|error| error.to_string())?;
        // An early refusal may close the connection while the body is still being written.
        let _ = stream.write_all(body);
        read_response(&mut stream).ok_or_else(|| "no answer came".to_owned())
    }

    /// The record of the last request, once every request has left its own.
    pub fn next_record(&mut self) -> Result<Value, String> {
        let file = self.hardpan.folder().join("records.jsonl");
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            if text.ends_with('\n') && lines.len() >= self.asked {
                return last_of(&lines, self.asked);
            }
            if Instant::now() > deadline {
                return Err(format!("{} records of {} requests", lines.len(), self.asked));
            }
            wait_a_little();
        }
    }
}

/// Records of two requests may stand the other way round: the one that began last is the last.
fn last_of(lines: &[&str], asked: usize) -> Result<Value, String> {
    if lines.len() != asked {
        return Err(format!("{} records of {asked} requests", lines.len()));
    }
    let records: Result<Vec<Value>, _> = lines.iter().map(|line| serde_json::from_str(line)).collect();
    let records = records.map_err(|error| error.to_string())?;
    let last =
        records.into_iter().max_by_key(|record| record["time"].as_str().unwrap_or_default().to_owned());
    last.ok_or_else(|| "no record".to_owned())
}
