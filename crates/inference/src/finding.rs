//! What a detector found in a text. Findings are facts; policy says what they mean.

use std::ops::Range;

macro_rules! pii_types {
    ($($(#[$note:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// A kind of personal or secret value, named as Bedrock Guardrails names it where it has the type.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum PiiType { $($(#[$note])* $variant),+ }

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
    // Format or checksum decides.
    Email = "EMAIL",
    Phone = "PHONE",
    CreditDebitCardNumber = "CREDIT_DEBIT_CARD_NUMBER",
    UsSocialSecurityNumber = "US_SOCIAL_SECURITY_NUMBER",
    UsIndividualTaxIdentificationNumber = "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER",
    InternationalBankAccountNumber = "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    IpAddress = "IP_ADDRESS",
    MacAddress = "MAC_ADDRESS",
    UsBankRoutingNumber = "US_BANK_ROUTING_NUMBER",
    CaSocialInsuranceNumber = "CA_SOCIAL_INSURANCE_NUMBER",
    UkNationalHealthServiceNumber = "UK_NATIONAL_HEALTH_SERVICE_NUMBER",
    UkNationalInsuranceNumber = "UK_NATIONAL_INSURANCE_NUMBER",
    /// A national identity or tax number of a person outside the US, Canada and the UK.
    NationalId = "NATIONAL_ID",
    CryptoAddress = "CRYPTO_ADDRESS",
    VehicleIdentificationNumber = "VEHICLE_IDENTIFICATION_NUMBER",
    // Words nearby decide.
    UsBankAccountNumber = "US_BANK_ACCOUNT_NUMBER",
    /// Not of the US.
    BankAccountNumber = "BANK_ACCOUNT_NUMBER",
    UsPassportNumber = "US_PASSPORT_NUMBER",
    /// Not of the US.
    PassportNumber = "PASSPORT_NUMBER",
    DriverId = "DRIVER_ID",
    LicensePlate = "LICENSE_PLATE",
    CreditDebitCardCvv = "CREDIT_DEBIT_CARD_CVV",
    CreditDebitCardExpiry = "CREDIT_DEBIT_CARD_EXPIRY",
    Pin = "PIN",
    UkUniqueTaxpayerReferenceNumber = "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER",
    CaHealthNumber = "CA_HEALTH_NUMBER",
    SwiftCode = "SWIFT_CODE",
    MedicalRecordNumber = "MEDICAL_RECORD_NUMBER",
    /// A number of a medical provider or insured person: NPI, DEA, MBI.
    MedicalId = "MEDICAL_ID",
    DateOfBirth = "DATE_OF_BIRTH",
    /// An employer's or company's tax number, such as an EIN.
    TaxId = "TAX_ID",
    Age = "AGE",
    Username = "USERNAME",
    // Credentials.
    AwsAccessKey = "AWS_ACCESS_KEY",
    AwsSecretKey = "AWS_SECRET_KEY",
    ApiKey = "API_KEY",
    Jwt = "JWT",
    PrivateKey = "PRIVATE_KEY",
    Password = "PASSWORD",
}

impl PiiType {
    /// Credentials rather than personal data: policy counts them apart.
    pub fn is_secret(self) -> bool {
        matches!(
            self,
            PiiType::AwsAccessKey
                | PiiType::AwsSecretKey
                | PiiType::ApiKey
                | PiiType::Jwt
                | PiiType::PrivateKey
                | PiiType::Password
        )
    }
}

/// What stands in a value's place, weakest first: where rules differ the strictest holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RedactMode {
    /// A numbered placeholder, `{EMAIL_1}`; put back in the answer.
    Mask,
    /// A made-up value of the same format; put back in the answer.
    Fake,
    /// A keyed hash, the same for the same value and app: can be joined on, never put back.
    Hash,
    /// A token that is the same for the same value within a conversation; put back in the answer.
    Token,
    /// The bare name of the type, `{EMAIL}`, as Bedrock Guardrails writes it: never put back.
    Label,
    /// Nothing at all.
    Drop,
}

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RedactPlace {
    /// Any text on its way to the model, tool results among them.
    Request,
    /// The model's text on its way to the app.
    Response,
    /// Arguments of tool calls on their way to the app, and tool results on their way to the model.
    Tool,
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
