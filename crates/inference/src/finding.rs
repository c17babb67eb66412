//! What a detector found in a text. Findings are facts; policy says what they mean.

use std::ops::Range;

macro_rules! pii_types {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// A kind of personal or secret value, named as Bedrock Guardrails names it where it has the type.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum PiiType { $($variant),+ }

        impl PiiType {
            pub const ALL: &[PiiType] = &[$(PiiType::$variant),+];

            pub fn name(self) -> &'static str {
                match self { $(PiiType::$variant => $name),+ }
            }

            pub fn from_name(name: &str) -> Option<PiiType> {
                match name { $($name => Some(PiiType::$variant),)+ _ => None }
            }
        }
    };
}

pii_types! {
    Email = "EMAIL",
    Phone = "PHONE",
    CreditDebitCardNumber = "CREDIT_DEBIT_CARD_NUMBER",
    UsSocialSecurityNumber = "US_SOCIAL_SECURITY_NUMBER",
    InternationalBankAccountNumber = "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    IpAddress = "IP_ADDRESS",
    AwsAccessKey = "AWS_ACCESS_KEY",
    AwsSecretKey = "AWS_SECRET_KEY",
}

impl PiiType {
    /// Credentials rather than personal data: policy counts them apart.
    pub fn is_secret(self) -> bool {
        matches!(self, PiiType::AwsAccessKey | PiiType::AwsSecretKey)
    }
}

/// A value found in one decoded text; `range` is in bytes of that text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub kind: PiiType,
    pub range: Range<usize>,
    /// 0..=100.
    pub confidence: u8,
}

/// How far a text's author is trusted. Injection scores weigh the same words differently by channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// Written by the application: system prompt, tool descriptions.
    System,
    /// Written by the end user.
    User,
    /// Written earlier by the model.
    Assistant,
    /// Came from outside through a tool or a document.
    Tool,
}

/// The injection scorer's verdict on one text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct InjectionScore {
    /// 0.0 (nothing) to 1.0 (certain).
    pub score: f32,
    /// Names of the families that matched, sorted.
    pub families: Vec<&'static str>,
}
