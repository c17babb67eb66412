//! The model a request names, checked against AWS's own pattern and taken apart into the facts policy asks about.
//!
//! An id that hides its base model (application inference profile, prompt, provisioned or imported model) keeps
//! provider and family empty: nothing here guesses.

use std::fmt::Write as _;

/// Longest id AWS accepts in Converse.
pub const MODEL_ID_BYTES_MAX: usize = 2048;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModelKind {
    FoundationModel,
    InferenceProfile,
    ApplicationInferenceProfile,
    CustomModel,
    CustomModelDeployment,
    ImportedModel,
    ProvisionedModel,
    Prompt,
    PromptRouter,
    MarketplaceEndpoint,
    /// A SageMaker endpoint or inference router, by its name.
    Endpoint,
    Agent,
    Flow,
    /// The operation calls no model, or none that anybody names.
    None,
}

impl ModelKind {
    pub fn name(self) -> &'static str {
        match self {
            ModelKind::FoundationModel => "foundation_model",
            ModelKind::InferenceProfile => "inference_profile",
            ModelKind::ApplicationInferenceProfile => "application_inference_profile",
            ModelKind::CustomModel => "custom_model",
            ModelKind::CustomModelDeployment => "custom_model_deployment",
            ModelKind::ImportedModel => "imported_model",
            ModelKind::ProvisionedModel => "provisioned_model",
            ModelKind::Prompt => "prompt",
            ModelKind::PromptRouter => "prompt_router",
            ModelKind::MarketplaceEndpoint => "marketplace_endpoint",
            ModelKind::Endpoint => "endpoint",
            ModelKind::Agent => "agent",
            ModelKind::Flow => "flow",
            ModelKind::None => "none",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidModelId {
    #[error("it must be exactly one path segment")]
    Segments,
    #[error("it is empty or longer than 2048 bytes")]
    Length,
    #[error("its percent-encoding is broken or not UTF-8")]
    Encoding,
    #[error("it does not match the pattern of a Bedrock model id or ARN")]
    Pattern,
}

/// A model id or ARN that matches AWS's pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelId {
    id: String,
    /// The id without ARN and geographic prefix: `anthropic.claude-sonnet-4-20250514-v1:0`. Empty when hidden.
    base: String,
    kind: ModelKind,
    /// Geographic prefix of a cross-Region profile: `us`, `eu`, `global` ….
    scope: Option<String>,
    region: Option<String>,
    account: Option<String>,
}

/// Prefixes that mark a cross-Region inference profile.
const SCOPES: [&str; 9] = ["us-gov", "us", "eu", "apac", "jp", "au", "ca", "sa", "global"];

impl ModelId {
    /// Reads one raw path segment, still percent-encoded.
    pub fn from_path_segment(raw: &[u8]) -> Result<Self, InvalidModelId> {
        if raw.is_empty() || raw.len() > MODEL_ID_BYTES_MAX * 3 {
            return Err(InvalidModelId::Length);
        }
        Self::parse(&percent_decode(raw).ok_or(InvalidModelId::Encoding)?)
    }

    pub fn parse(id: &str) -> Result<Self, InvalidModelId> {
        if id.is_empty() || id.len() > MODEL_ID_BYTES_MAX {
            return Err(InvalidModelId::Length);
        }
        if id.starts_with("arn:") { Self::parse_arn(id) } else { Self::parse_bare(id) }
    }

    fn parse_bare(id: &str) -> Result<Self, InvalidModelId> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'.' | b'_');
        if !id.bytes().all(plain) || id.contains("..") || !id.bytes().any(|byte| byte.is_ascii_alphanumeric())
        {
            return Err(InvalidModelId::Pattern);
        }
        let (scope, base) = split_scope(id);
        let kind = if scope.is_some() { ModelKind::InferenceProfile } else { ModelKind::FoundationModel };
        Ok(Self {
            id: id.to_owned(),
            base: base.to_owned(),
            kind,
            scope: scope.map(str::to_owned),
            region: None,
            account: None,
        })
    }

    fn parse_arn(id: &str) -> Result<Self, InvalidModelId> {
        let bad = InvalidModelId::Pattern;
        let parts: Vec<&str> = id.splitn(6, ':').collect();
        let [_, partition, service, region, account, resource] = parts.as_slice() else {
            return Err(bad);
        };
        let (resource_type, rest) = resource.split_once('/').ok_or(bad)?;
        let word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'.' | b'_' | b'/');
        let account_ok =
            account.is_empty() || (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()));
        let rest_ok =
            rest.bytes().all(allowed) && !rest.contains("..") && !rest.split('/').any(str::is_empty);
        if !partition.starts_with("aws") || !word(partition) || !word(region) || !account_ok || !rest_ok {
            return Err(bad);
        }
        let kind = match (*service, resource_type) {
            ("bedrock", "foundation-model") => ModelKind::FoundationModel,
            ("bedrock", "inference-profile") => ModelKind::InferenceProfile,
            ("bedrock", "application-inference-profile") => ModelKind::ApplicationInferenceProfile,
            ("bedrock", "custom-model") => ModelKind::CustomModel,
            ("bedrock", "custom-model-deployment") => ModelKind::CustomModelDeployment,
            ("bedrock", "imported-model") => ModelKind::ImportedModel,
            ("bedrock", "provisioned-model") => ModelKind::ProvisionedModel,
            ("bedrock", "prompt") => ModelKind::Prompt,
            ("bedrock", "prompt-router" | "default-prompt-router") => ModelKind::PromptRouter,
            ("sagemaker", "endpoint") => ModelKind::MarketplaceEndpoint,
            _ => return Err(bad),
        };
        let named = match kind {
            ModelKind::FoundationModel | ModelKind::InferenceProfile => rest,
            // A custom model's ARN names the base model it was trained from.
            ModelKind::CustomModel => rest.split_once('/').map_or("", |(base, _)| base),
            _ => "",
        };
        let (scope, base) = split_scope(named);
        Ok(Self {
            id: id.to_owned(),
            base: base.to_owned(),
            kind,
            scope: scope.map(str::to_owned),
            region: (!region.is_empty()).then(|| (*region).to_owned()),
            account: (!account.is_empty()).then(|| (*account).to_owned()),
        })
    }

    /// What stands where a model would: an endpoint, an agent, a flow, or nothing.
    pub fn of_resource(kind: ModelKind, id: String) -> Self {
        Self { id, base: String::new(), kind, scope: None, region: None, account: None }
    }

    /// The same id, its base model now known.
    pub fn resolved_to(&self, base: &ModelId) -> Self {
        Self {
            base: base.base.clone(),
            scope: self.scope.clone().or_else(|| base.scope.clone()),
            ..self.clone()
        }
    }

    /// Whether the id says nothing of the model behind it.
    pub fn is_hidden(&self) -> bool {
        self.base.is_empty() && !matches!(self.kind, ModelKind::None | ModelKind::Endpoint)
    }

    /// The id as the caller means it, decoded.
    pub fn as_str(&self) -> &str {
        &self.id
    }

    /// The id without ARN and geographic prefix; empty when the ARN hides the model.
    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn kind(&self) -> ModelKind {
        self.kind
    }

    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// Region and account an ARN carries.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// `anthropic` in `anthropic.claude-…`; empty when hidden.
    pub fn provider(&self) -> &str {
        self.base.split_once('.').map_or("", |(provider, _)| provider)
    }

    /// The model line without version and date: `claude-sonnet-4`, `nova-lite`, `titan-text-express`.
    pub fn family(&self) -> &str {
        let name = self.base.split_once('.').map_or(self.base.as_str(), |(_, name)| name);
        let name = name.split(':').next().unwrap_or(name);
        let mut end = name.len();
        for (at, _) in name.match_indices('-') {
            let rest = name.get(at + 1..).unwrap_or_default();
            let part = rest.split('-').next().unwrap_or_default();
            let is_date = part.len() == 8 && part.bytes().all(|byte| byte.is_ascii_digit());
            let is_version = part.len() > 1
                && part.starts_with('v')
                && part.bytes().skip(1).all(|byte| byte.is_ascii_digit())
                && part.len() == rest.len();
            if is_date || is_version {
                end = at;
                break;
            }
        }
        name.get(..end).unwrap_or(name)
    }

    /// The id as one path segment: everything outside RFC 3986 unreserved characters percent-encoded.
    pub fn path_segment(&self) -> String {
        let mut out = String::with_capacity(self.id.len() + 16);
        for byte in self.id.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                out.push(char::from(byte));
            } else {
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    }
}

fn split_scope(id: &str) -> (Option<&str>, &str) {
    match id.split_once('.') {
        Some((first, rest)) if SCOPES.contains(&first) && !rest.is_empty() => (Some(first), rest),
        _ => (None, id),
    }
}

/// Decodes once. None for a broken escape, a control byte or invalid UTF-8.
pub(crate) fn percent_decode(raw: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().copied();
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            u8::try_from(high * 16 + low).ok()?
        } else {
            byte
        };
        if byte.is_ascii_control() {
            return None;
        }
        out.push(byte);
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_taken_apart() {
        for (id, base, provider, family, scope, kind) in [
            (
                "us.anthropic.claude-sonnet-4-20250514-v1:0",
                "anthropic.claude-sonnet-4-20250514-v1:0",
                "anthropic",
                "claude-sonnet-4",
                Some("us"),
                ModelKind::InferenceProfile,
            ),
            (
                "amazon.nova-lite-v1:0",
                "amazon.nova-lite-v1:0",
                "amazon",
                "nova-lite",
                None,
                ModelKind::FoundationModel,
            ),
            (
                "global.anthropic.claude-opus-4-6-v1",
                "anthropic.claude-opus-4-6-v1",
                "anthropic",
                "claude-opus-4-6",
                Some("global"),
                ModelKind::InferenceProfile,
            ),
            (
                "arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.amazon.nova-pro-v1:0",
                "amazon.nova-pro-v1:0",
                "amazon",
                "nova-pro",
                Some("eu"),
                ModelKind::InferenceProfile,
            ),
            (
                "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcd1234efgh",
                "",
                "",
                "",
                None,
                ModelKind::ApplicationInferenceProfile,
            ),
            (
                "arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.nova-lite-v1:0/abcd1234efgh",
                "amazon.nova-lite-v1:0",
                "amazon",
                "nova-lite",
                None,
                ModelKind::CustomModel,
            ),
        ] {
            let model = ModelId::parse(id).unwrap();
            assert_eq!(
                (model.base(), model.provider(), model.family(), model.scope(), model.kind()),
                (base, provider, family, scope, kind),
                "{id}"
            );
        }
    }

    #[test]
    fn region_and_account_of_an_arn_are_kept() {
        let model =
            ModelId::parse("arn:aws:bedrock:eu-west-1:123456789012:provisioned-model/abcd1234efgh").unwrap();
        assert_eq!((model.region(), model.account()), (Some("eu-west-1"), Some("123456789012")));
    }

    #[test]
    fn ids_outside_the_pattern_are_refused() {
        for id in [
            "",
            "..",
            "a b",
            "a/b",
            "a;b",
            "a?b",
            "a#b",
            "a%b",
            "a\\b",
            "arn:aws:bedrock:us-east-1",
            "é",
            "arn:aws:s3:us-east-1:123456789012:bucket/x",
            "arn:aws:bedrock:us-east-1:12:prompt/x",
            "arn:aws:bedrock:us-east-1:123456789012:prompt/",
            "arn:aws:bedrock:us-east-1:123456789012:prompt/a//b",
        ] {
            assert!(ModelId::parse(id).is_err(), "{id}");
        }
    }
}
