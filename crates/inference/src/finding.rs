//! What a detector found in a text. Findings are facts; policy says what they mean.
//!
//! Types of the operator's own are known by name for the life of the process, in a register of fixed size: a type
//! stays a small `Copy` value, and metrics labelled with its name stay bounded. How such a value looks is no concern
//! of this file.

use std::ops::Range;
use std::sync::OnceLock;

macro_rules! pii_types {
    ($($(#[$note:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// A kind of personal or secret value, named as Bedrock Guardrails names it where it has the type.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum PiiType {
            $($(#[$note])* $variant,)+
            /// Of the operator's own, by configuration.
            Custom(CustomType),
        }

        /// The types without the operator's own, which can be numbered.
        enum OwnIndex { $($variant),+ }

        impl PiiType {
            /// Those Hardpan brings along.
            pub const ALL: &[PiiType] = &[$(PiiType::$variant),+];

            pub fn name(self) -> &'static str {
                match self {
                    $(PiiType::$variant => $name,)+
                    PiiType::Custom(custom) => custom.name(),
                }
            }

            /// A number below [`PiiType::COUNT`], another one for every type.
            pub fn index(self) -> usize {
                match self {
                    PiiType::Custom(CustomType(place)) => PiiType::ALL.len() + usize::from(place),
                    $(PiiType::$variant => OwnIndex::$variant as usize,)+
                }
            }

            /// By name, those of the operator's own after Hardpan's.
            pub fn from_name(name: &str) -> Option<PiiType> {
                match name {
                    $($name => Some(PiiType::$variant),)+
                    _ => CustomType::registered(name).map(PiiType::Custom),
                }
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
    /// How many types there can be.
    pub const COUNT: usize = PiiType::ALL.len() + CUSTOM_TYPES_MAX;

    /// All there can be, those of the operator's own that have no name yet among them: what holds for all types holds
    /// for one that is registered later.
    pub fn every() -> impl Iterator<Item = PiiType> {
        let custom = (0..CUSTOM_TYPES_MAX as u8).map(|place| PiiType::Custom(CustomType(place)));
        PiiType::ALL.iter().copied().chain(custom)
    }

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

/// A type of the operator's own: its place in the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CustomType(u8);

/// Types of the operator's own in one process.
pub const CUSTOM_TYPES_MAX: usize = 64;
/// With a number and braces, a name must fit a placeholder.
pub const TYPE_NAME_BYTES_MAX: usize = 48;
const _: () = assert!(CUSTOM_TYPES_MAX <= u8::MAX as usize);

/// Filled from the front and never emptied.
static CUSTOM_NAMES: [OnceLock<String>; CUSTOM_TYPES_MAX] = [const { OnceLock::new() }; CUSTOM_TYPES_MAX];

/// Why a name cannot be that of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TypeNameError {
    #[error("not a name in upper-case snake case of at most {} characters", TYPE_NAME_BYTES_MAX)]
    Shape,
    /// `{BADGE_2}` would be both the type and the second value of `BADGE`.
    #[error("a name that ends in a number")]
    Number,
    #[error("the name of a type Hardpan has")]
    BuiltIn,
    #[error("over {} types of your own", CUSTOM_TYPES_MAX)]
    Full,
}

impl PiiType {
    /// The type of this name, registered if it was not yet.
    pub fn register(name: &str) -> Result<PiiType, TypeNameError> {
        match PiiType::from_name(name) {
            Some(custom @ PiiType::Custom(_)) => return Ok(custom),
            Some(_) => return Err(TypeNameError::BuiltIn),
            None => check_name(name)?,
        }
        for (place, slot) in (0u8..).zip(&CUSTOM_NAMES) {
            // Whoever comes second to a free place finds the other's name there, and goes on.
            if slot.get_or_init(|| name.to_owned()) == name {
                return Ok(PiiType::Custom(CustomType(place)));
            }
        }
        Err(TypeNameError::Full)
    }
}

impl CustomType {
    fn registered(name: &str) -> Option<CustomType> {
        let known = CUSTOM_NAMES.iter().map_while(OnceLock::get);
        (0u8..).zip(known).find(|(_, known)| *known == name).map(|(place, _)| CustomType(place))
    }

    fn name(self) -> &'static str {
        CUSTOM_NAMES.get(usize::from(self.0)).and_then(OnceLock::get).map_or("CUSTOM", String::as_str)
    }
}

fn check_name(name: &str) -> Result<(), TypeNameError> {
    let upper = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let parts = || name.split('_');
    let shaped = name.len() <= TYPE_NAME_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_uppercase())
        && parts().all(|part| !part.is_empty() && part.bytes().all(upper));
    if !shaped {
        return Err(TypeNameError::Shape);
    }
    let numbered = parts().next_back().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    if numbered { Err(TypeNameError::Number) } else { Ok(()) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_of_ones_own_keeps_its_name_and_its_place() {
        let badge = PiiType::register("BADGE_NUMBER").unwrap();
        assert_eq!(PiiType::register("BADGE_NUMBER"), Ok(badge));
        assert_eq!(badge.name(), "BADGE_NUMBER");
        assert_eq!(PiiType::from_name("BADGE_NUMBER"), Some(badge));
        assert_ne!(PiiType::register("COST_CENTRE").unwrap(), badge);
        assert!(badge > PiiType::Password && !badge.is_secret());
        assert_eq!(PiiType::from_name("NEVER_REGISTERED"), None);
    }

    #[test]
    fn names_that_would_mislead_are_refused() {
        let long = "A".repeat(TYPE_NAME_BYTES_MAX + 1);
        for (name, error) in [
            ("", TypeNameError::Shape),
            ("badge", TypeNameError::Shape),
            ("BADGE NUMBER", TypeNameError::Shape),
            ("BADGE__NUMBER", TypeNameError::Shape),
            ("_BADGE", TypeNameError::Shape),
            ("BADGE_", TypeNameError::Shape),
            ("2BADGE", TypeNameError::Shape),
            ("AUSWEISGRÖSSE", TypeNameError::Shape),
            (&long, TypeNameError::Shape),
            ("BADGE_2", TypeNameError::Number),
            ("EMAIL", TypeNameError::BuiltIn),
        ] {
            assert_eq!(PiiType::register(name), Err(error), "{name}");
        }
        assert!(PiiType::register(&long[1..]).is_ok());
        assert!(PiiType::register("BADGE_V2").is_ok());
    }
}
