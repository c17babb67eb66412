//! Where a bundle is fetched from and how one proves to be allowed to: with nothing, a token, or a signature for S3.
//!
//! How a GET is made and bounded is in `crate::fetch`. Nothing is kept here but what the clock of S3 was found to be.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use hardpan_aws::credentials::CredentialStore;
use hardpan_aws::signer::{Outgoing, sign_headers};
use hardpan_aws::skew::{ClockSkew, is_skew_error};
use hardpan_policies::bundle::ARCHIVE_BYTES_MAX;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::fetch::{Address, Answer, Call, CallError};

/// The whole of one fetch.
const FETCH_WITHIN: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("the bundle could not be fetched: {0}")]
    Unreachable(&'static str),
    #[error("the bundle could not be fetched: the answer was {0}")]
    Status(u16),
    #[error("the bundle is larger than {max} bytes", max = ARCHIVE_BYTES_MAX)]
    TooLarge,
    #[error("the bundle could not be fetched: there are no AWS credentials to sign with")]
    Credentials,
}

impl FetchError {
    /// One word for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            FetchError::Unreachable(_) => "unreachable",
            FetchError::Status(_) => "status",
            FetchError::TooLarge => "too_large",
            FetchError::Credentials => "credentials",
        }
    }
}

/// Where `s3://BUCKET/KEY` is. A bucket with a dot in its name has no certificate of its own.
pub fn object_address(url: &str, region: &str, endpoint: Option<&Address>) -> Option<Address> {
    let (bucket, key) = url.strip_prefix("s3://")?.split_once('/')?;
    let of_bucket = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    // Characters that are signed and sent as they stand.
    let of_key = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/');
    let parts_stand = key.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !(3..=63).contains(&bucket.len())
        || !bucket.bytes().all(of_bucket)
        || !key.bytes().all(of_key)
        || !parts_stand
    {
        return None;
    }
    let base = match endpoint {
        Some(endpoint) if endpoint.path() == "/" => {
            return Some(endpoint.with_path(format!("/{bucket}/{key}")));
        }
        Some(_) => return None,
        None if bucket.contains('.') => format!("https://s3.{region}.amazonaws.com/{bucket}"),
        None => format!("https://{bucket}.s3.{region}.amazonaws.com"),
    };
    Address::parse(&format!("{base}/{key}"))
}

/// Where an archive is fetched from. No `Debug`: it may hold a token.
pub struct Remote {
    pub address: Address,
    /// The CA of the address, where it is a private one.
    pub ca: Option<PathBuf>,
    pub access: Access,
}

pub enum Access {
    Open,
    Token(Zeroizing<String>),
    /// Signed for S3 in this Region.
    Signed {
        region: String,
    },
}

/// What is signed with.
pub struct Signer {
    pub credentials: Arc<CredentialStore>,
    pub skew: ClockSkew,
}

/// An archive that differs from the one whose ETag was shown.
pub struct Fetched {
    pub bytes: Arc<[u8]>,
    pub etag: Option<String>,
}

impl Remote {
    /// None where the archive is still the one of this ETag.
    pub async fn fetch(
        &self,
        etag: Option<&str>,
        signer: Option<&Signer>,
    ) -> Result<Option<Fetched>, FetchError> {
        let fetched = tokio::time::timeout(FETCH_WITHIN, self.ask(etag, signer)).await;
        let answer = fetched.map_err(|_| FetchError::Unreachable("it took too long"))??;
        match answer.status {
            200 => Ok(Some(Fetched { bytes: answer.body.into(), etag: answer.etag })),
            304 if etag.is_some() => Ok(None),
            status => Err(FetchError::Status(status)),
        }
    }

    async fn ask(&self, etag: Option<&str>, signer: Option<&Signer>) -> Result<Answer, FetchError> {
        let mut headers: Vec<(String, String)> = Vec::with_capacity(8);
        headers.extend(etag.map(|etag| ("if-none-match".to_owned(), etag.to_owned())));
        match &self.access {
            Access::Open => self.get(&headers).await,
            Access::Token(token) => {
                headers.push(("authorization".to_owned(), format!("Bearer {}", token.as_str())));
                self.get(&headers).await
            }
            Access::Signed { region } => {
                let signer = signer.ok_or(FetchError::Credentials)?;
                let (credentials, skew_s, added) = signer.sign(&self.address, region)?;
                let signed = [headers.clone(), added].concat();
                let answer = self.get(&signed).await?;
                if !signer.repaired(&answer, &credentials, skew_s).await {
                    return Ok(answer);
                }
                let (_, _, added) = signer.sign(&self.address, region)?;
                self.get(&[headers, added].concat()).await
            }
        }
    }
}

impl Remote {
    async fn get(&self, headers: &[(String, String)]) -> Result<Answer, FetchError> {
        let call = Call {
            address: &self.address,
            ca: self.ca.as_deref(),
            accept: "application/gzip, application/octet-stream, */*",
            headers,
            body_bytes_max: usize::try_from(ARCHIVE_BYTES_MAX).unwrap_or(usize::MAX),
            within: FETCH_WITHIN,
        };
        call.get().await.map_err(|error| match error {
            CallError::Unreachable(why) => FetchError::Unreachable(why),
            CallError::TooLarge => FetchError::TooLarge,
        })
    }
}

impl Signer {
    fn sign(&self, address: &Address, region: &str) -> Result<SignedWith, FetchError> {
        let credentials = self.credentials.current().ok_or(FetchError::Credentials)?;
        let (now, skew_s) = self.skew.corrected(SystemTime::now());
        let body_sha256: [u8; 32] = Sha256::digest([]).into();
        let content = ("x-amz-content-sha256", hardpan_aws::verifier::hex(&body_sha256));
        let outgoing = Outgoing {
            method: "GET",
            host: address.authority(),
            path: address.path(),
            headers: &[(content.0, content.1.as_str())],
            body_sha256: &body_sha256,
        };
        let added = sign_headers(&outgoing, &credentials, region, "s3", now);
        let mut added = added.map_err(|_| FetchError::Credentials)?;
        added.push((content.0.to_owned(), content.1));
        Ok((credentials, skew_s, added))
    }

    /// Whether S3 refused the signature for a reason that passes, and what can be done about it is done.
    async fn repaired(&self, answer: &Answer, credentials: &Credentials, skew_s: i64) -> bool {
        if !matches!(answer.status, 400 | 403) {
            return false;
        }
        let body = String::from_utf8_lossy(&answer.body);
        let code = body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
        let code = code.map_or("", |(code, _)| code);
        if code == "ExpiredToken" {
            return self.credentials.refresh_now(credentials).await.is_ok();
        }
        is_skew_error(code) && self.skew.observe(&answer.date, SystemTime::now(), skew_s)
    }
}

/// What a request was signed with, when, and the headers that say so.
type SignedWith = (Arc<Credentials>, i64, Vec<(String, String)>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_where_s3_has_them() {
        let endpoint = Address::parse("http://127.0.0.1:9000").unwrap();
        for (url, own, authority, path) in [
            ("s3://acme/hardpan/b.tar.gz", None, "acme.s3.eu-west-1.amazonaws.com", "/hardpan/b.tar.gz"),
            ("s3://acme.policy/b.tar.gz", None, "s3.eu-west-1.amazonaws.com", "/acme.policy/b.tar.gz"),
            ("s3://acme/b.tar.gz", Some(&endpoint), "127.0.0.1:9000", "/acme/b.tar.gz"),
        ] {
            let address = object_address(url, "eu-west-1", own).unwrap();
            assert_eq!((address.authority(), address.path()), (authority, path), "{url}");
        }
        for url in [
            "s3://acme",
            "s3://acme/",
            "s3://a/b",
            "s3://Acme/b",
            "s3://acme/a b",
            "s3://acme/a//b",
            "s3://acme/../b",
            "s3://acme/b?x",
            "s3://acme/b%2f",
            "s3://acme@evil/b",
            "https://acme/b",
        ] {
            assert_eq!(object_address(url, "eu-west-1", None), None, "{url}");
        }
        let with_path = Address::parse("http://127.0.0.1:9000/x").unwrap();
        assert_eq!(object_address("s3://acme/b", "eu-west-1", Some(&with_path)), None);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn only_the_configured_authority_vouches_for_the_host() {
        let folder = std::env::temp_dir().join(format!("hardpan-fetch-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        let write = |name: &str| {
            let key = rcgen::KeyPair::generate().unwrap();
            let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            let certificate = folder.join(format!("{name}.pem"));
            std::fs::write(&certificate, params.self_signed(&key).unwrap().pem()).unwrap();
            let key_file = folder.join(format!("{name}.key"));
            std::fs::write(&key_file, key.serialize_pem()).unwrap();
            (certificate, key_file)
        };
        let ((certificate, key), (other, _)) = (write("own"), write("other"));
        let tls =
            hardpan_simulator::Tls { certificate: certificate.clone(), key, protocols: vec!["http/1.1"] };
        let options = hardpan_simulator::Options { tls: Some(tls), ..hardpan_simulator::Options::default() };
        let simulator = hardpan_simulator::Simulator::start(options).await.unwrap();
        let url = format!("https://localhost:{}/bundle.tar.gz", simulator.addr().port());
        for (ca, reason) in
            [(Some(certificate), "status"), (Some(other), "unreachable"), (None, "unreachable")]
        {
            let remote = Remote { address: Address::parse(&url).unwrap(), ca, access: Access::Open };
            let error = remote.fetch(None, None).await.err().unwrap();
            assert_eq!(error.reason(), reason, "{error}");
        }
        let signed = Remote {
            address: Address::parse(&url).unwrap(),
            ca: None,
            access: Access::Signed { region: "us-east-1".into() },
        };
        assert_eq!(signed.fetch(None, None).await.err().unwrap().reason(), "credentials");
        simulator.shutdown().await;
        std::fs::remove_dir_all(folder).unwrap();
    }
}
