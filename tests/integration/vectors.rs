//! The published event-stream vectors, where they are at hand. Those for signatures are checked beside the verifier.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hardpan_inference::stream::event_stream::{Frame, FrameDecoder, FrameError, HeaderValue};
use serde_json::Value;

fn decode(bytes: &[u8]) -> Result<Frame, FrameError> {
    let mut decoder = FrameDecoder::default();
    decoder.push(bytes);
    let frame = decoder.next_frame()?;
    decoder.finish()?;
    frame.ok_or(FrameError::Truncated)
}

fn files(folder: &str) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn published_event_streams_decode_or_are_refused() {
    let Ok(shared) = std::env::var("HARDPAN_SHARED") else { return };
    let vectors = format!("{shared}/vectors/eventstream");
    if !std::path::Path::new(&vectors).is_dir() {
        return;
    }
    let (mut valid, mut refused) = (0, 0);
    for path in files(&format!("{vectors}/smithy-rs")) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = std::fs::read(&path).unwrap();
        if name.starts_with("valid_") {
            let frame = decode(&bytes).unwrap();
            assert_eq!(frame.raw(), &Bytes::from(bytes));
            valid += 1;
        } else if name.starts_with("invalid_") {
            assert!(decode(&bytes).is_err(), "{name}");
            refused += 1;
        }
    }
    let typescript = format!("{vectors}/smithy-typescript");
    for path in files(&format!("{typescript}/encoded/positive")) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let frame = decode(&std::fs::read(&path).unwrap()).unwrap();
        let text = std::fs::read_to_string(format!("{typescript}/decoded/positive/{name}")).unwrap();
        compare(&name, &frame, &serde_json::from_str(&text).unwrap());
        valid += 1;
    }
    for path in files(&format!("{typescript}/encoded/negative")) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let expected = std::fs::read_to_string(format!("{typescript}/decoded/negative/{name}")).unwrap();
        let error = decode(&std::fs::read(&path).unwrap()).err().unwrap();
        assert_eq!(error.to_string(), expected.trim(), "{name}");
        refused += 1;
    }
    assert_eq!((valid, refused), (8, 12), "3 + 5 valid, 8 + 4 corrupted");
}

fn compare(name: &str, frame: &Frame, expected: &Value) {
    let payload = expected["payload"].as_str().unwrap_or_default();
    assert_eq!(frame.payload(), STANDARD.decode(payload).unwrap(), "{name}");
    let headers = expected["headers"].as_array().unwrap();
    assert_eq!(frame.headers().len(), headers.len(), "{name}");
    for (header, expected) in frame.headers().iter().zip(headers) {
        assert_eq!(header.name, expected["name"].as_str().unwrap(), "{name}");
        let value = &expected["value"];
        let base64 = || STANDARD.decode(value.as_str().unwrap()).unwrap();
        match &header.value {
            HeaderValue::Bool(flag) => assert_eq!(Some(*flag), value.as_bool()),
            HeaderValue::Byte(number) => assert_eq!(Some(i64::from(*number)), value.as_i64()),
            HeaderValue::Short(number) => assert_eq!(Some(i64::from(*number)), value.as_i64()),
            HeaderValue::Integer(number) => assert_eq!(Some(i64::from(*number)), value.as_i64()),
            HeaderValue::Long(number) | HeaderValue::Timestamp(number) => {
                assert_eq!(Some(*number), value.as_i64(), "{name} {}", header.name);
            }
            HeaderValue::Bytes(bytes) => assert_eq!(bytes.as_ref(), base64()),
            HeaderValue::String(text) => assert_eq!(text.as_bytes(), base64()),
            HeaderValue::Uuid(bytes) => {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                let spelled = value.as_str().unwrap_or_default();
                assert!(
                    spelled.replace('-', "") == hex || STANDARD.decode(spelled).is_ok_and(|own| own == bytes),
                    "{name}"
                );
            }
        }
    }
}
