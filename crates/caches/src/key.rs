//! When two requests are the same: SHA-256 over everything that shapes an answer or a right to it. What is
//! not in the key can leak one caller's answer to another, so whoever adds a thing that shapes an answer
//! adds it here. Nothing is normalised beyond the order of headers: a needless difference only costs a
//! miss.

use hardpan_inference::model_id::ModelId;
use hardpan_inference::operation::Operation;
use sha2::{Digest, Sha256};

/// Changed whenever the meaning of a part changes, so that old keys match nothing.
const VERSION: &str = "hardpan-cache-key/1";

/// Names one answer. It is derived from the prompt without a secret, hence no `Debug`: a short prompt could
/// be guessed from it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheKey([u8; 32]);

/// Everything that shapes an answer, or the right to it.
#[derive(Clone, Copy)]
pub struct KeyParts<'a> {
    /// A stream and a whole answer are two operations, hence two entries.
    pub operation: Operation,
    /// The exact id asked for: profiles of one model answer from different places.
    pub model: &'a ModelId,
    pub region: &'a str,
    /// Headers that shape the answer: service tier, performance, guardrail, accept and content type. Their
    /// order does not matter; names are compared as given.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body, cut where members that shape no answer were left out. A body cut elsewhere is another body.
    pub body: &'a [&'a [u8]],
    /// Who shares entries: `team:payments`.
    pub scope: &'a str,
    /// An answer admitted under one policy or guardrail says nothing about the next.
    pub policy_revision: &'a str,
    /// Revision of the data the policy reads.
    pub data_revision: &'a str,
    /// The guardrail Hardpan enforces around the call, id and version.
    pub guardrail: Option<&'a str>,
}

impl KeyParts<'_> {
    pub fn key(&self) -> CacheKey {
        let mut headers = self.headers.to_vec();
        headers.sort_unstable();
        let mut builder = KeyBuilder::new()
            .part("operation", self.operation.name())
            .part("model", self.model.as_str())
            .part("region", self.region)
            .part("scope", self.scope)
            .part("policy_revision", self.policy_revision)
            .part("data_revision", self.data_revision);
        if let Some(guardrail) = self.guardrail {
            builder = builder.part("guardrail", guardrail);
        }
        for (name, value) in headers {
            builder = builder.part("header_name", name).part("header_value", value);
        }
        for segment in self.body {
            builder = builder.part("body", segment);
        }
        builder.finish()
    }
}

/// Hashes labelled parts. Label and value each go in behind their length, so no two lists of parts are ever
/// the same bytes.
pub struct KeyBuilder {
    hash: Sha256,
}

impl KeyBuilder {
    pub fn new() -> Self {
        Self { hash: Sha256::new() }.part("version", VERSION)
    }

    pub fn part(mut self, label: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.update(label.as_bytes());
        self.update(value.as_ref());
        self
    }

    pub fn finish(self) -> CacheKey {
        CacheKey(self.hash.finalize().into())
    }

    fn update(&mut self, bytes: &[u8]) {
        // A usize is at most 64 bits on every target, so this never loses a length.
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.hash.update(length.to_be_bytes());
        self.hash.update(bytes);
    }
}

impl Default for KeyBuilder {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_parts<T>(check: impl FnOnce(KeyParts<'_>, &ModelId) -> T) -> T {
        let model = ModelId::parse("us.amazon.nova-lite-v1:0").unwrap();
        let other = ModelId::parse("eu.amazon.nova-lite-v1:0").unwrap();
        let parts = KeyParts {
            operation: Operation::Converse,
            model: &model,
            region: "us-east-1",
            headers: &[("accept", "application/json"), ("x-amzn-bedrock-service-tier", "flex")],
            body: &[b"{\"messages\":[", b"]}"],
            scope: "team:payments",
            policy_revision: "p1",
            data_revision: "d1",
            guardrail: Some("g:1"),
        };
        check(parts, &other)
    }

    #[test]
    fn the_same_parts_give_the_same_key() {
        with_parts(|parts, _| {
            let again = parts;
            assert!(parts.key() == again.key());
        });
    }

    #[test]
    fn a_difference_in_any_part_gives_another_key() {
        with_parts(|parts, other_model| {
            let variants = [
                parts,
                KeyParts { operation: Operation::ConverseStream, ..parts },
                KeyParts { operation: Operation::InvokeModel, ..parts },
                KeyParts { model: other_model, ..parts },
                KeyParts { region: "us-west-2", ..parts },
                KeyParts { headers: &[], ..parts },
                KeyParts { headers: &[("accept", "application/json")], ..parts },
                KeyParts {
                    headers: &[("accept", "application/json"), ("x-amzn-bedrock-service-tier", "default")],
                    ..parts
                },
                KeyParts { body: &[], ..parts },
                KeyParts { body: &[b"{\"messages\":["], ..parts },
                KeyParts { body: &[b"{\"messages\":[", b"] }"], ..parts },
                KeyParts { scope: "team:fraud", ..parts },
                KeyParts { scope: "", ..parts },
                KeyParts { policy_revision: "p2", ..parts },
                KeyParts { data_revision: "d2", ..parts },
                KeyParts { guardrail: None, ..parts },
                KeyParts { guardrail: Some("g:2"), ..parts },
            ];
            for (at, left) in variants.iter().enumerate() {
                for (other_at, right) in variants.iter().enumerate() {
                    assert_eq!(left.key() == right.key(), at == other_at, "{at} {other_at}");
                }
            }
        });
    }

    #[test]
    fn the_order_of_headers_does_not_matter() {
        with_parts(|parts, _| {
            let turned = KeyParts {
                headers: &[("x-amzn-bedrock-service-tier", "flex"), ("accept", "application/json")],
                ..parts
            };
            assert!(parts.key() == turned.key());
        });
    }

    #[test]
    fn bytes_never_move_from_one_part_to_the_next() {
        with_parts(|parts, _| {
            for (left, right) in [
                (
                    KeyParts { scope: "ab", policy_revision: "c", ..parts },
                    KeyParts { scope: "a", policy_revision: "bc", ..parts },
                ),
                (KeyParts { body: &[b"ab", b"c"], ..parts }, KeyParts { body: &[b"a", b"bc"], ..parts }),
                (KeyParts { body: &[b"abc"], ..parts }, KeyParts { body: &[b"ab", b"c"], ..parts }),
                (KeyParts { body: &[b"abc"], ..parts }, KeyParts { body: &[b"abc", b""], ..parts }),
                (
                    KeyParts { headers: &[("a", "bc")], ..parts },
                    KeyParts { headers: &[("ab", "c")], ..parts },
                ),
                (
                    KeyParts { headers: &[("a", "b"), ("c", "d")], ..parts },
                    KeyParts { headers: &[("a", "d"), ("c", "b")], ..parts },
                ),
                (KeyParts { guardrail: Some(""), ..parts }, KeyParts { guardrail: None, ..parts }),
                // A part that spells out the encoding of the next.
                (
                    KeyParts { body: &[b"a\0\0\0\0\0\0\0\x04body\0\0\0\0\0\0\0\x01b"], ..parts },
                    KeyParts { body: &[b"a", b"b"], ..parts },
                ),
            ] {
                assert!(left.key() != right.key());
            }
        });
    }

    #[test]
    fn a_label_is_part_of_the_key() {
        let key = |label| KeyBuilder::new().part(label, "x").finish();
        assert!(key("a") != key("b"));
        assert!(KeyBuilder::new().finish() != KeyBuilder::new().part("", "").finish());
    }
}
