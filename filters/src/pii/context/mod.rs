//! Values that only their surroundings give away: a passport number is nine digits until somebody writes
//! "passport" before it. One table names, per kind of value, the words that announce it, how far behind them
//! it may stand, and the shape it must have; adding a kind is one entry. A JSON key counts as such words.
//!
//! Words count whole only ("pin" is not in "spin"), and the nearest words win. Between the words and the
//! value stand punctuation, words that say nothing ("number", "is", "no."), and few others; another number,
//! another label or the end of the sentence ends the search. It deliberately knows no checksums of national
//! identity numbers: those announce themselves.

mod age;
mod dates;
mod shapes;
mod username;

use hardpan_inference::finding::{Finding, PiiType};

use super::field::{Field, is_unspaced};
use super::secrets::{assignment, formats, jwt, pem, url};
use super::{Anchor, Search, finding};

/// Words that announce a value, and how to read it.
pub(super) struct Rule {
    /// In byte mode and case-insensitive where it says so; short words bring the byte behind them along.
    pub(super) anchor: &'static str,
    reading: Reading,
}

enum Reading {
    /// The value stands behind the words.
    Behind(Behind),
    /// Code of its own, which returns where to go on.
    Own(fn(&mut Search<'_, '_>, Anchor) -> usize),
}

struct Behind {
    /// Bytes between the words and the value's start.
    window: usize,
    /// Words between them, not counting those that say nothing.
    words_max: usize,
    confidence: u8,
    shape: fn(&Place<'_>) -> Option<Shape>,
}

/// Where a value might start, and what led there.
struct Place<'t> {
    field: Field<'t>,
    label_start: usize,
    label_end: usize,
    start: usize,
    gap: Gap,
}

/// What a shape made of a place.
struct Shape {
    kind: PiiType,
    start: usize,
    end: usize,
}

/// What stands between the words and the value.
#[derive(Clone, Copy, Default)]
struct Gap {
    words: usize,
    lines: usize,
    /// A colon, an equals sign or a number sign.
    assigns: bool,
    comma: bool,
}

const fn behind(
    anchor: &'static str,
    window: usize,
    words_max: usize,
    confidence: u8,
    shape: fn(&Place<'_>) -> Option<Shape>,
) -> Rule {
    Rule { anchor, reading: Reading::Behind(Behind { window, words_max, confidence, shape }) }
}

const fn own(anchor: &'static str, examine: fn(&mut Search<'_, '_>, Anchor) -> usize) -> Rule {
    Rule { anchor, reading: Reading::Own(examine) }
}

/// The order is the priority where two start at the same byte: longer words stand first.
pub(super) const RULES: &[Rule] = &[
    own(assignment::PASSWORD_ANCHOR, |search, anchor| {
        assignment::examine_password(search.field, anchor.start, anchor.end, search.found);
        label_end(search.field, anchor.start, anchor.end)
    }),
    own(assignment::TOKEN_ANCHOR, |search, anchor| {
        assignment::examine_token(search.field, anchor.start, anchor.end, search.found);
        search.secrets.examine_after(search.field, anchor.end, search.found)
    }),
    own(r"(?i:aws)", |search, anchor| search.secrets.examine_after(search.field, anchor.end, search.found)),
    own(assignment::BEARER_ANCHOR, |search, anchor| {
        assignment::examine_bearer(search.field, anchor.start, anchor.end, search.found);
        anchor.start + 6
    }),
    // Born on a date.
    behind(
        concat!(
            r"(?i:date[ _\-]?of[ _\-]?birth|birth[ _\-]?date|birth[ _\-]?day|born(?: on)?|dob[^a-z0-9]|d\.o\.b",
            r"|geburtsdatum|geboren(?: am)?|geb\. |geburtstag|geboortedatum|geb\.datum",
            r"|date de naissance|n(?:é|e)e? le |né\(e\) le|ddn[^a-z]|fecha de (?:nacimiento|nac)|nacid[oa]|nacimiento",
            r"|data di nascita|nat[oa] il|data de nascimento|nascid[oa]|nascimento|data urodzenia|ur\. |urodz",
            r"|f(?:ø|o)dselsdato|f(?:ö|o)delsedatum|f(?:ö|ø)dd? |syntym(?:ä|a)aika|do(?:ğ|g)um tarihi)",
            r"|дата рождения|родил|生年月日|出生日期|出生|생년월일|تاريخ الميلاد"
        ),
        56,
        4,
        95,
        dates::birth,
    ),
    // Cards.
    behind(
        concat!(
            r"(?i:cvv2?[^a-z0-9]|cvc2?[^a-z0-9]|cvn2?[^a-z0-9]|cid[^a-z0-9]|csc[^a-z0-9]",
            r"|(?:card )?(?:security|verification)[ _\-](?:code|value|number)|cryptogramme",
            r"|kartenpr(?:ü|u)fnummer|pr(?:ü|u)fziffer|c(?:ó|o)digo de seguridad|c(?:ó|o)digo de seguran(?:ç|c)a",
            r"|codice di sicurezza|code de s(?:é|e)curit(?:é|e))|セキュリティコード|安全码"
        ),
        40,
        3,
        93,
        shapes::card_code,
    ),
    own(shapes::EXPIRY_ANCHOR, |search, anchor| {
        let Search { field, found, cards, .. } = search;
        shapes::examine_expiry(*field, anchor, cards, found)
    }),
    behind(
        concat!(
            r"(?i:pin[^a-z0-9]|pin(?:code|number)|passcode|geheimzahl|geheimnummer|code secret|code confidentiel",
            r"|nip[^a-z0-9]|c(?:ó|o)digo pin|pincode)|暗証番号|密码是|비밀번호"
        ),
        56,
        5,
        92,
        shapes::pin,
    ),
    // Banks.
    behind(
        concat!(
            r"(?i:account|acct|a/c[^a-z]|kontonummer|konto[^a-z]|kto[^a-z]|num(?:é|e)ro de compte|compte|rib[^a-z]",
            r"|n(?:ú|u)mero de cuenta|cuenta|conto corrente|numero di conto|conta[^a-z]|rekeningnummer|rekening",
            r"|clabe|numer konta)|口座番号|账号|账户|帳號|계좌번호|номер счета"
        ),
        40,
        3,
        92,
        shapes::bank_account,
    ),
    behind(r"(?i:swift|bic[^a-z]|bank identifier code)", 32, 3, 96, shapes::swift),
    // Documents.
    behind(
        concat!(
            r"(?i:passport|passeport|reisepass|passnummer|pass-?nr|pasaporte|passaporto|passaporte|paspoort",
            r"|paszport|pasaport|passnr)|护照|護照|パスポート|旅券|여권|паспорт|جواز"
        ),
        56,
        4,
        94,
        shapes::passport,
    ),
    behind(
        concat!(
            r"(?i:licen[cs]e[ _\-]plate|number[ _\-]plate|plate(?: no| number|[^a-z])|registration plate|vehicle reg",
            r"|(?:car|vehicle)[ _\-]registration|reg(?:istration)?\.? (?:no\.?|number|mark)|(?:kfz-?)?kennzeichen",
            r"|immatriculation|matr(?:í|i)cula|targa[^a-z]|placas?[^a-z]|kenteken|nummerplaat|rejestracyjny",
            r"|nummerpl(?:å|a)t|rekisterinumero|plaka)|车牌|車牌|ナンバープレート|번호판"
        ),
        40,
        3,
        93,
        shapes::plate,
    ),
    behind(
        concat!(
            r"(?i:driv(?:er|ing)(?:'?s?|’s)[ _\-]?(?:licen[cs]e|permit|id)|driv(?:er|ing)[ _\-]?licen[cs]e",
            r"|dl(?:n|[ _\-]?(?:no|num|number|id))?[^a-z0-9]",
            r"|f(?:ü|ue)hrerschein(?:nummer|nr)?|fahrerlaubnis|permis de conduire|permis",
            r"|licencia de conduc(?:ir|ci(?:ó|o)n)|carn(?:é|e)t? de conducir|permiso de conducir|patente(?: di guida)?",
            r"|carteira de (?:motorista|habilita)|cnh[^a-z]|rijbewijs|prawo jazdy|k(?:ö|o)rkort|ajokortti",
            r"|carta de condu(?:ç|c)(?:ã|a)o)|運転免許|驾驶证|駕照|운전면허|водительск"
        ),
        56,
        4,
        94,
        shapes::driver,
    ),
    behind(
        r"(?i:licen[cs]e)(?i:[ _\-]?(?:no\.?|nr\.?|num|number|id))?[\x22'\\]{0,3}[ \t]{0,2}[:#]",
        12,
        0,
        88,
        shapes::licence,
    ),
    own(shapes::BRITISH_LICENCE_ANCHOR, |search, anchor| {
        shapes::examine_british_licence(search.field, anchor, search.found)
    }),
    // Taxes.
    behind(
        r"(?i:utr[^a-z0-9]|unique tax(?:payer)?(?:'?s)? reference|tax reference|self assessment reference)",
        40,
        3,
        96,
        shapes::taxpayer_reference,
    ),
    behind(
        concat!(
            r"(?i:f?ein[^a-z0-9]|employer(?:'?s)?[ _\-](?:identification|id)|(?:federal|business|company)[ _\-]tax",
            r"|tax(?:payer)?[ _\-]?(?:id|identification)|irs (?:number|no)|tin[^a-z0-9])"
        ),
        48,
        4,
        93,
        shapes::employer,
    ),
    // Health.
    behind(
        concat!(
            r"(?i:health[ _\-]?(?:insurance )?(?:card|number)|ohip|hcn[^a-z0-9]|phn[^a-z0-9]|personal health",
            r"|provincial health|ramq|carte (?:sant(?:é|e)|d'assurance maladie)|num(?:é|e)ro d'assurance maladie",
            r"|health[ _\-]?no)"
        ),
        48,
        4,
        95,
        shapes::canadian_health,
    ),
    behind(
        concat!(
            r"(?i:mrn|medical[ _\-]?rec(?:ord)?|(?:patient|hospital|chart|medical chart|health record)[ _\-]?",
            r"(?:id|no|num|number|#|identifier|mrn)|patient[ _\-]?file|health[ _\-]?id|med[ _\-]?rec|chart #",
            r"|patienten(?:nummer|-?nr|-?id)|num(?:é|e)ro de dossier|dossier (?:patient|m(?:é|e)dical)",
            r"|historia cl(?:í|i)nica|expediente m(?:é|e)dico|cartella clinica|prontu(?:á|a)rio|pati(?:ë|e)ntnummer",
            r"|fallnummer)|病历号|病歴番号|カルテ番号|診察券番号|患者番号|차트번호|医療記録番号|患者id"
        ),
        48,
        4,
        93,
        shapes::medical_record,
    ),
    behind(
        r"(?i:npi[^a-z0-9]|national provider|provider (?:id|identifier|number)|prescriber (?:id|npi|number))",
        48,
        4,
        97,
        shapes::provider,
    ),
    behind(r"(?i:dea[^a-z])", 32, 3, 96, shapes::narcotics),
    behind(r"(?i:mbi[^a-z]|medicare|beneficiary (?:id|number|identifier))", 48, 4, 96, shapes::beneficiary),
    own(shapes::BENEFICIARY_ANCHOR, |search, anchor| {
        shapes::examine_beneficiary(search.field, anchor, search.found)
    }),
    // Persons.
    own(age::BEFORE_ANCHOR, |search, anchor| age::examine_before(search.field, anchor, search.found)),
    own(age::BEHIND_ANCHOR, |search, anchor| age::examine_behind(search.field, anchor, search.found)),
    own(username::ANCHOR, |search, anchor| username::examine(search.field, anchor, search.found)),
    // Credentials with a form of their own stand last: "secret_key" must be read as a name first.
    own(jwt::ANCHOR, |search, anchor| jwt::examine(search.field, anchor.start, search.found)),
    own(pem::ANCHOR, |search, anchor| pem::examine(search.field, anchor.start, anchor.end, search.found)),
    own(url::ANCHOR, |search, anchor| url::examine(search.field, anchor.start, anchor.end, search.found)),
    own(formats::INFIX_ANCHOR, |search, anchor| {
        formats::examine_infix(search.field, anchor.start, anchor.end, search.found)
    }),
    own(formats::ANCHOR, |search, anchor| formats::examine(search.field, anchor.start, search.found)),
];

/// Examines what `rule` announces at `anchor`. Returns where to go on: right behind the words, since the
/// value may announce itself as well.
pub(super) fn examine(rule: &Rule, search: &mut Search<'_, '_>, anchor: Anchor) -> usize {
    match &rule.reading {
        Reading::Own(examine) => examine(search, anchor),
        Reading::Behind(behind) => {
            let label_end = label_end(search.field, anchor.start, anchor.end);
            if is_whole_label(search.field, anchor.start, label_end) {
                search.found.extend(behind.find(search.field, anchor.start, label_end));
            }
            label_end
        }
    }
}

impl Behind {
    fn find(&self, field: Field<'_>, label_start: usize, label_end: usize) -> Option<Finding> {
        let limit = field.len().min(label_end.saturating_add(self.window));
        let mut gap = Gap::default();
        let mut position = label_end;
        while position < limit {
            let byte = field.at(position);
            if !is_token(byte) {
                position += punctuation(field, position, &mut gap)?;
                continue;
            }
            let place = Place { field, label_start, label_end, start: position, gap };
            if let Some(shape) = (self.shape)(&place) {
                let distance = u8::try_from(gap.words + gap.lines).unwrap_or(u8::MAX);
                let confidence = self.confidence.saturating_sub(distance);
                return Some(finding(shape.kind, shape.start, shape.end, confidence));
            }
            let end = token_end(field, position);
            self.skip(field, position, end, &mut gap)?;
            position = end;
        }
        None
    }

    /// Counts the word from `start` to `end`, or nothing when the value cannot stand behind it.
    fn skip(&self, field: Field<'_>, start: usize, end: usize, gap: &mut Gap) -> Option<()> {
        let word = field.slice(start, end);
        if word.iter().any(u8::is_ascii_digit) || is_any(word, &STOP_WORDS) {
            return None;
        }
        if is_any(word, &FILLERS) {
            return Some(());
        }
        gap.words += 1;
        // A word with a colon of its own is the next label.
        let closed = end + usize::from(matches!(field.at(end), b'"' | b'\''));
        let next_label =
            matches!(field.at(closed), b':' | b'=') && (gap.assigns || gap.comma || gap.lines > 0);
        (gap.words <= self.words_max && gap.lines == 0 && !next_label).then_some(())
    }
}

/// How many bytes of punctuation stand at `position`, or nothing when the search ends there.
fn punctuation(field: Field<'_>, position: usize, gap: &mut Gap) -> Option<usize> {
    let next = field.at(position + 1);
    match field.at(position) {
        b'\n' => {
            gap.lines += 1;
            (gap.lines <= 2).then_some(1)
        }
        b'\\' if next == b'n' => {
            gap.lines += 1;
            (gap.lines <= 2).then_some(2)
        }
        b'\\' if matches!(next, b't' | b'r') => Some(2),
        b':' | b'=' | b'#' => {
            gap.assigns = true;
            Some(1)
        }
        b',' => {
            gap.comma = true;
            gap.words += 1;
            Some(1)
        }
        // The full stop of "no." goes on; that of a sentence does not.
        b'.' if matches!(next, b' ' | b'\n') && !is_abbreviated(field, position) => None,
        b'<' if next == b'/' => None,
        b';' | b'!' | b'}' | b'$' | b'@' | b'+' => None,
        _ => Some(1),
    }
}

fn is_abbreviated(field: Field<'_>, dot: usize) -> bool {
    let start = dot
        - field.slice(dot.saturating_sub(8), dot).iter().rev().take_while(|byte| is_token(**byte)).count();
    let word = field.slice(start, dot);
    word.len() <= 3 || is_any(word, &["numb", "acct"])
}

/// Words between a label and its value that say nothing.
const FILLERS: [&str; 76] = [
    "a", "an", "the", "my", "his", "her", "their", "our", "your", "its", "no", "nr", "num", "number",
    "numbers", "numero", "número", "numéro", "nummer", "numer", "nº", "n°", "n", "id", "code", "is", "was",
    "are", "of", "for", "on", "in", "as", "be", "has", "with", "value", "s", "to", "del", "de", "da", "do",
    "di", "du", "la", "le", "el", "il", "o", "die", "der", "das", "am", "den", "vom", "est", "es", "ist",
    "lautet", "è", "é", "et", "und", "and", "nbr", "q", "ref", "digits", "reads", "card", "date", "番号",
    "号码", "は", "是",
];

/// Words after which a number is something else.
const STOP_WORDS: [&str; 30] = [
    "expires",
    "expired",
    "expiry",
    "expiration",
    "valid",
    "issued",
    "dated",
    "page",
    "pages",
    "cost",
    "costs",
    "fee",
    "fees",
    "price",
    "balance",
    "amount",
    "total",
    "version",
    "since",
    "until",
    "order",
    "invoice",
    "phone",
    "zip",
    "null",
    "none",
    "years",
    "days",
    "per",
    "limit",
];

fn is_any(word: &[u8], words: &[&str]) -> bool {
    words.iter().any(|candidate| word.eq_ignore_ascii_case(candidate.as_bytes()))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

fn token_end(field: Field<'_>, start: usize) -> usize {
    let window = field.slice(start, field.len().min(start + 64));
    start + window.iter().take_while(|byte| is_token(**byte)).count().max(1)
}

/// Where the words of an anchor end: short ones bring the byte behind them along.
pub(super) fn label_end(field: Field<'_>, start: usize, end: usize) -> usize {
    let label = field.slice(start, end);
    if !label.first().is_some_and(u8::is_ascii) {
        return end;
    }
    end - label.iter().rev().take_while(|byte| !byte.is_ascii_alphanumeric()).count()
}

/// Whether the words from `start` to `end` are whole words, or whole parts of a camelCase name.
pub(super) fn is_whole_label(field: Field<'_>, start: usize, end: usize) -> bool {
    let is_letter = |character: char| character.is_alphabetic() && !is_unspaced(character);
    let before = field.char_before(start).filter(|character| is_letter(*character));
    let escaped =
        start > 1 && field.at(start - 2) == b'\\' && matches!(field.at(start - 1), b'n' | b't' | b'r');
    let humped = before.is_some_and(char::is_lowercase) && field.at(start).is_ascii_uppercase();
    let after = field.char_at(end).filter(|character| is_letter(*character));
    let unspaced = !field.at(start).is_ascii();
    let hump_follows =
        after.is_some_and(char::is_uppercase) && !field.at(end.saturating_sub(1)).is_ascii_uppercase();
    (before.is_none() || escaped || humped || unspaced) && (after.is_none() || hump_follows || unspaced)
}

/// A JSON member written out as `key": "value` for the rules to read, and where the value starts in it.
/// Only the beginning of a long value is written out: what a key announces stands there.
pub(super) fn compose(field: Field<'_>) -> (String, usize) {
    let key = std::str::from_utf8(field.key()).unwrap_or_default();
    let key_start =
        (key.len().saturating_sub(KEY_BYTES_MAX)..key.len()).find(|index| key.is_char_boundary(*index));
    let key = key.get(key_start.unwrap_or(0)..).unwrap_or_default();
    let end = (0..=field.len().min(VALUE_BYTES_MAX)).rev().find(|index| field.str(0, *index).len() == *index);
    let value = field.str(0, end.unwrap_or(0));
    let mut composed = String::with_capacity(key.len() + KEY_CLOSE.len() + value.len() + 1);
    composed.push_str(key);
    composed.push_str(KEY_CLOSE);
    let start = composed.len();
    composed.push_str(value);
    composed.push('"');
    (composed, start)
}

const KEY_CLOSE: &str = "\": \"";
const KEY_BYTES_MAX: usize = 64;
/// Longer than any value a key announces but keys and tokens that announce themselves.
const VALUE_BYTES_MAX: usize = 512;

/// Where words about payment cards stand. Every byte is looked at once, however many dates ask.
#[derive(Default)]
pub(super) struct CardWords {
    scanned_to: usize,
    last: Option<usize>,
}

impl CardWords {
    const BEFORE_BYTES: usize = 120;
    const AFTER_BYTES: usize = 60;
    const WORDS: [&str; 26] = [
        "card",
        "cards",
        "cardnumber",
        "creditcard",
        "cvv",
        "cvc",
        "cvv2",
        "visa",
        "mastercard",
        "amex",
        "pan",
        "debit",
        "credit",
        "maestro",
        "discover",
        "carte",
        "karte",
        "kreditkarte",
        "tarjeta",
        "carta",
        "cartao",
        "cartão",
        "kaart",
        "creditcardnumber",
        "cardholder",
        "ccnum",
    ];

    /// Whether a word about cards or a number as long as a card's stands around `start`.
    fn are_near(&mut self, field: Field<'_>, start: usize) -> bool {
        let mut position = self.scanned_to.max(start.saturating_sub(Self::BEFORE_BYTES));
        let limit = field.len().min(start.saturating_add(Self::AFTER_BYTES));
        while position < limit {
            let end = token_end(field, position);
            if is_token(field.at(position)) && self.is_about_cards(field.slice(position, end)) {
                self.last = Some(position);
            }
            position = end;
        }
        self.scanned_to = self.scanned_to.max(position);
        self.last.is_some_and(|last| last.saturating_add(Self::BEFORE_BYTES) >= start)
            || is_any(field.key(), &Self::WORDS)
    }

    fn is_about_cards(&self, word: &[u8]) -> bool {
        let long = word.len() >= 13 && word.iter().all(u8::is_ascii_digit);
        long || is_any(word, &Self::WORDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_whole_words_or_parts_of_camel_case() {
        for (text, label, expected) in [
            ("the pin is", "pin", true),
            ("userPin", "Pin", true),
            ("pinCode", "pin", true),
            ("user_pin_1", "pin", true),
            ("spin", "pin", false),
            ("pinned", "pin", false),
            ("SPIN", "PIN", false),
            ("line\\npin", "pin", true),
            ("私のpinは", "pin", true),
        ] {
            let start = text.find(label).unwrap();
            assert_eq!(is_whole_label(Field::new("", text), start, start + label.len()), expected, "{text}");
        }
    }

    #[test]
    fn a_member_is_composed_within_its_bounds() {
        let (composed, start) = compose(Field::new("pin", "1234"));
        assert_eq!((composed.as_str(), start), ("pin\": \"1234\"", 7));
        let (key, value) = ("é".repeat(100), "ü".repeat(1000));
        let (composed, start) = compose(Field::new(&key, &value));
        assert!(composed.len() <= KEY_BYTES_MAX + 5 + VALUE_BYTES_MAX + 1);
        assert!(composed.is_char_boundary(start));
        assert_eq!(compose(Field::new("k", "")).0, "k\": \"\"");
    }

    #[test]
    fn card_words_are_seen_once_and_on_both_sides() {
        let text = format!("my visa {} 12/30 {} 12/31 cvv", "a".repeat(20), "b ".repeat(100));
        let mut cards = CardWords::default();
        let field = Field::new("", &text);
        assert!(cards.are_near(field, text.find("12/30").unwrap()));
        assert!(cards.are_near(field, text.find("12/31").unwrap()));
        assert!(!CardWords::default().are_near(Field::new("", "until 12/30"), 6));
    }
}
