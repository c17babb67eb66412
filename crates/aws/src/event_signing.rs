//! The chain of signatures over a signed event stream: each frame's signature covers the one before it, the first one
//! the signature of the request's head.
//!
//! A frame travels as the payload of an envelope that carries its date and signature. What frames mean is not looked at
//! here, and the answer's frames are not signed by anybody.

use bytes::Bytes;
use hardpan_inference::stream::event_stream::{Frame, FrameError, Header, HeaderValue, encode_headers};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::canonical::{self, hex, hmac, signing_key};
use crate::verifier::Authorization;

const ALGORITHM: &str = "AWS4-HMAC-SHA256-PAYLOAD";
const DATE: &str = ":date";
const SIGNATURE: &str = ":chunk-signature";

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    #[error("a frame of the signed stream has no date and signature")]
    Unsigned,
    #[error("a frame's date cannot be read")]
    Date,
    #[error("a frame is dated too early or too late")]
    Expired,
    #[error("a frame's signature does not match")]
    Mismatch,
    #[error("the signed stream has ended")]
    Ended,
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// Verifies a caller's frames, in their order. One frame that fails ends the stream.
pub struct ChainVerifier {
    chain: Chain,
    skew_max_s: i64,
    ended: bool,
}

impl ChainVerifier {
    /// Starts from a head that `verifier::verify_streaming_seed` has verified.
    pub fn new(secret: &str, authorization: &Authorization, skew_max_s: i64) -> Self {
        let Authorization { region, service, .. } = authorization;
        Self {
            chain: Chain::new(secret, region, service, authorization.signature()),
            skew_max_s,
            ended: false,
        }
    }

    /// Checks one frame by the date and signature of its envelope. An empty payload is the stream's signed end.
    pub fn verify(
        &mut self,
        date_ms: i64,
        signature: &[u8],
        payload: &[u8],
        now_unix: i64,
    ) -> Result<(), ChainError> {
        if self.ended {
            return Err(ChainError::Ended);
        }
        // Until this frame has proved itself, nothing can follow it.
        self.ended = true;
        if date_ms.div_euclid(1000).saturating_sub(now_unix).saturating_abs() > self.skew_max_s {
            return Err(ChainError::Expired);
        }
        let expected = self.chain.signature(date_ms, payload).ok_or(ChainError::Date)?;
        if !bool::from(expected.as_slice().ct_eq(signature)) {
            return Err(ChainError::Mismatch);
        }
        self.chain.advance(&expected);
        self.ended = payload.is_empty();
        Ok(())
    }

    /// Opens one envelope: the frame within, or None at the stream's signed end.
    pub fn open(&mut self, envelope: &Frame, now_unix: i64) -> Result<Option<Frame>, ChainError> {
        let (Some(HeaderValue::Timestamp(date_ms)), Some(HeaderValue::Bytes(signature))) =
            (envelope.header_value(DATE), envelope.header_value(SIGNATURE))
        else {
            self.ended = true;
            return Err(ChainError::Unsigned);
        };
        self.verify(date_ms, &signature, envelope.payload(), now_unix)?;
        if envelope.payload().is_empty() {
            return Ok(None);
        }
        Ok(Some(Frame::parse(Bytes::copy_from_slice(envelope.payload()))?))
    }

    /// Whether nothing more is accepted: the signed end came, or a frame failed.
    pub fn has_ended(&self) -> bool {
        self.ended
    }
}

/// Signs the frames Hardpan sends on, in their order.
pub struct ChainSigner {
    chain: Chain,
}

impl ChainSigner {
    /// `seed` is the signature of the head that was sent, 64 digits of hex.
    pub fn new(secret: &str, region: &str, service: &str, seed: &str) -> Self {
        Self { chain: Chain::new(secret, region, service, seed) }
    }

    /// The signature of the next frame. None where the date is none a signature can carry.
    pub fn sign(&mut self, date_ms: i64, payload: &[u8]) -> Option<[u8; 32]> {
        let signature = self.chain.signature(date_ms, payload)?;
        self.chain.advance(&signature);
        Some(signature)
    }

    /// The next frame in its envelope, ready to be sent; an empty payload makes the signed end.
    pub fn seal(&mut self, date_ms: i64, payload: &[u8]) -> Result<Vec<u8>, ChainError> {
        // Whole seconds, since the signature's own date has no finer ones.
        let date_ms = date_ms.div_euclid(1000).saturating_mul(1000);
        let signature = self.sign(date_ms, payload).ok_or(ChainError::Date)?;
        Ok(envelope(date_ms, &signature, payload)?)
    }
}

/// An envelope around a frame's bytes.
pub fn envelope(date_ms: i64, signature: &[u8; 32], payload: &[u8]) -> Result<Vec<u8>, FrameError> {
    let headers = [
        Header { name: DATE.to_owned(), value: HeaderValue::Timestamp(date_ms) },
        Header { name: SIGNATURE.to_owned(), value: HeaderValue::Bytes(Bytes::copy_from_slice(signature)) },
    ];
    let mut out = Vec::with_capacity(83 + payload.len());
    encode_headers(&headers, payload, &mut out)?;
    Ok(out)
}

/// What signer and verifier have in common. The key is made anew when a session passes midnight.
struct Chain {
    secret: Zeroizing<String>,
    region: String,
    service: String,
    prior: String,
    key: Option<(String, Zeroizing<[u8; 32]>)>,
}

impl Chain {
    fn new(secret: &str, region: &str, service: &str, seed: &str) -> Self {
        Self {
            secret: Zeroizing::new(secret.to_owned()),
            region: region.to_owned(),
            service: service.to_owned(),
            prior: seed.to_owned(),
            key: None,
        }
    }

    fn signature(&mut self, date_ms: i64, payload: &[u8]) -> Option<[u8; 32]> {
        let date_time = canonical::date_time(date_ms.div_euclid(1000))?;
        let day = date_time.get(..8)?;
        let scope = canonical::scope(day, &self.region, &self.service);
        let date_header = [b"\x05:date\x08".as_slice(), date_ms.to_be_bytes().as_slice()].concat();
        let to_sign = format!(
            "{ALGORITHM}\n{date_time}\n{scope}\n{}\n{}\n{}",
            self.prior,
            hex(&Sha256::digest(&date_header)),
            hex(&Sha256::digest(payload))
        );
        if self.key.as_ref().is_none_or(|(of_day, _)| of_day != day) {
            let key = signing_key(&self.secret, day, &self.region, &self.service);
            self.key = Some((day.to_owned(), key));
        }
        let (_, key) = self.key.as_ref()?;
        Some(hmac(key.as_slice(), to_sign.as_bytes()))
    }

    fn advance(&mut self, signature: &[u8; 32]) {
        self.prior = hex(signature);
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue as Value};

    use super::*;
    use crate::verifier;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const SEED: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    /// Computed with Python's hmac and struct by the published formula; the session passes midnight.
    const FRAMES: [(i64, &[u8], &str); 3] = [
        (
            1_795_358_455_123,
            b"inner frame one",
            "e0d939aff53f96b256c2193128c2e9e79c735a1c7e6499bb8627c2f8002494c2",
        ),
        (
            1_795_391_999_999,
            b"inner frame two",
            "7314dc3d2ed94dced01808fc703873ce0282f1c66f5d1643b0ff583ff7ac8125",
        ),
        (1_795_392_000_000, b"", "2c1427c6ce793e5218cc528d7b14584813c1aaf70ed0b173260a7effc1fd764c"),
    ];

    fn checker(skew_max_s: i64) -> ChainVerifier {
        let mut headers = HeaderMap::new();
        let value = format!(
            "AWS4-HMAC-SHA256 Credential=AKID/20261122/us-east-1/bedrock/aws4_request, SignedHeaders=host, \
             Signature={SEED}"
        );
        headers.insert("authorization", Value::from_str(&value).unwrap());
        ChainVerifier::new(SECRET, &verifier::parse(&headers, b"/").unwrap(), skew_max_s)
    }

    fn signer() -> ChainSigner {
        ChainSigner::new(SECRET, "us-east-1", "bedrock", SEED)
    }

    #[test]
    fn a_chain_is_the_one_the_formula_gives() {
        let (mut signer, mut checker) = (signer(), checker(300));
        for (date_ms, payload, signature) in FRAMES {
            let signed = signer.sign(date_ms, payload).unwrap();
            assert_eq!(hex(&signed), signature, "{date_ms}");
            assert_eq!(checker.verify(date_ms, &signed, payload, date_ms / 1000), Ok(()));
        }
        assert!(checker.has_ended());
        let more = signer.sign(1_795_392_001_000, b"more").unwrap();
        let late = checker.verify(1_795_392_001_000, &more, b"more", 1_795_392_001);
        assert_eq!(late, Err(ChainError::Ended));
    }

    #[test]
    fn a_frame_changed_dropped_repeated_or_moved_ends_the_stream() {
        let mut signer = signer();
        let [one, two, _] =
            FRAMES.map(|(date_ms, payload, _)| (date_ms, payload, signer.sign(date_ms, payload)));
        let now = one.0 / 1000;
        let apply = |chain: &mut ChainVerifier,
                     (date_ms, payload, signature): (i64, &[u8], Option<[u8; 32]>)| {
            chain.verify(date_ms, &signature.unwrap(), payload, now)
        };
        let day = 86_400;
        assert_eq!(apply(&mut checker(day), (one.0, b"inner frame 0ne", one.2)), Err(ChainError::Mismatch));
        assert_eq!(apply(&mut checker(day), (one.0 + 1, one.1, one.2)), Err(ChainError::Mismatch));
        assert_eq!(apply(&mut checker(day), two), Err(ChainError::Mismatch), "the first is missing");
        let mut repeated = checker(day);
        assert_eq!(apply(&mut repeated, one), Ok(()));
        assert_eq!(apply(&mut repeated, one), Err(ChainError::Mismatch));
        assert_eq!(apply(&mut repeated, two), Err(ChainError::Ended), "nothing follows a frame that failed");
        let mut short = checker(day);
        assert_eq!(short.verify(one.0, &one.2.unwrap()[..31], one.1, now), Err(ChainError::Mismatch));
    }

    #[test]
    fn dates_outside_the_skew_are_refused_and_the_chain_keeps_the_order() {
        for (now, verdict) in [(-301, false), (-300, true), (300, true), (301, false)] {
            let (date_ms, payload, _) = FRAMES[0];
            let signed = signer().sign(date_ms, payload).unwrap();
            let checked = checker(300).verify(date_ms, &signed, payload, date_ms / 1000 + now);
            assert_eq!(checked, if verdict { Ok(()) } else { Err(ChainError::Expired) }, "{now}");
        }
        // Clients do not date their frames in order; the chain says which comes after which.
        let (mut signer, mut checker) = (signer(), checker(300));
        for date_ms in [2_000_000, 2_000_000, 1_999_999] {
            let signed = signer.sign(date_ms, b"x").unwrap();
            assert_eq!(checker.verify(date_ms, &signed, b"x", 2000), Ok(()));
        }
        assert_eq!(signer.sign(i64::MAX, b"x"), None);
    }

    #[test]
    fn what_is_sealed_opens_and_the_end_is_83_bytes() {
        let (mut signer, mut checker) = (signer(), checker(300));
        let inner = hardpan_inference::stream::event_stream::event("chunk", b"{\"bytes\":\"\"}");
        let sealed = signer.seal(1_795_358_455_999, &inner).unwrap();
        let sealed = Frame::parse(Bytes::from(sealed)).unwrap();
        assert_eq!(sealed.header_value(DATE), Some(HeaderValue::Timestamp(1_795_358_455_000)));
        let opened = checker.open(&sealed, 1_795_358_455).unwrap().unwrap();
        assert_eq!(opened.raw(), &inner);
        let end = signer.seal(1_795_358_456_000, b"").unwrap();
        assert_eq!(end.len(), 83);
        assert!(checker.open(&Frame::parse(Bytes::from(end)).unwrap(), 1_795_358_456).unwrap().is_none());
        assert!(checker.has_ended());
    }

    #[test]
    fn an_envelope_without_date_or_signature_is_refused() {
        let bare = Frame::parse(hardpan_inference::stream::event_stream::event("chunk", b"{}")).unwrap();
        let mut checker = checker(300);
        assert_eq!(checker.open(&bare, 0).err(), Some(ChainError::Unsigned));
        assert!(checker.has_ended());
    }
}
