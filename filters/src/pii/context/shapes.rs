//! The shapes of values that words announce: how many digits and letters, how grouped, and whatever check
//! their issuers built in. A shape alone proves little here; the words before it decide.

use std::ops::RangeInclusive;

use hardpan_inference::finding::{Finding, PiiType};

use super::super::field::{Field, is_unspaced};
use super::super::national::checks::us_bank_routing;
use super::super::secrets::contains_ignoring_case;
use super::super::words::Words;
use super::super::{Anchor, finding};
use super::dates::{self, date_end};
use super::{CardWords, Place, Shape};

const GROUPS_MAX: usize = 7;
/// How far before the words a bank's or a country's name is looked for.
const KIND_BYTES: usize = 80;
const QUALIFIER_BYTES: usize = 24;

/// Which characters and groups a code may have.
struct Code {
    characters: RangeInclusive<usize>,
    digits_min: usize,
    letters: RangeInclusive<usize>,
    separators: &'static [u8],
}

/// The end of the longest series of groups at `start` that fits `code`. Letters are capitals: small ones
/// make words.
fn code_end(field: Field<'_>, start: usize, code: &Code) -> Option<usize> {
    let mut ends = [(0usize, 0usize, 0usize); GROUPS_MAX];
    let (mut position, mut digits, mut letters, mut groups) = (start, 0, 0, 0);
    for place in &mut ends {
        let room = code.characters.end() + 2 - (digits + letters).min(code.characters.end() + 1);
        let window = field.slice(position, field.len().min(position + room));
        let group =
            window.iter().take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()).count();
        let group_digits = window.iter().take(group).filter(|byte| byte.is_ascii_digit()).count();
        let end = position + group;
        if group == 0 || field.at(end).is_ascii_lowercase() {
            break;
        }
        digits += group_digits;
        letters += group - group_digits;
        *place = (end, digits, letters);
        groups += 1;
        if !code.separators.contains(&field.at(end)) {
            break;
        }
        position = end + 1;
    }
    ends.iter().take(groups).rev().find_map(|(end, digits, letters)| {
        let fits = code.characters.contains(&(digits + letters))
            && *digits >= code.digits_min
            && code.letters.contains(letters);
        (fits && !goes_on(field, *end, code)).then_some(*end)
    })
}

/// Whether what ends at `end` is only the beginning of something longer.
fn goes_on(field: Field<'_>, end: usize, code: &Code) -> bool {
    let next = field.at(end);
    // A row of digits before a comma is no thousand: the next cell of a table begins there.
    const THOUSANDS_DIGITS: usize = 3;
    let row = field.slice(end.saturating_sub(THOUSANDS_DIGITS + 1), end);
    let is_row = row.len() > THOUSANDS_DIGITS && row.iter().all(u8::is_ascii_digit);
    let thousands = (next == b'.' || next == b',' && !is_row) && field.at(end + 1).is_ascii_digit();
    // With a space for a separator the digits behind it are another number.
    let joined = next != b' ' && code.separators.contains(&next) && field.at(end + 1).is_ascii_alphanumeric();
    thousands
        || joined
        || matches!(next, b'%' | b'@')
        || (field.glued_after(end) && next != b'-')
        || field.word_at(end)
}

fn shape(kind: PiiType, place: &Place<'_>, end: usize) -> Option<Shape> {
    Some(Shape { kind, start: place.start, end })
}

fn digits_of(field: Field<'_>, start: usize, end: usize) -> Vec<u32> {
    field
        .slice(start, end)
        .iter()
        .filter(|byte| byte.is_ascii_digit())
        .map(|byte| u32::from(byte - b'0'))
        .collect()
}

fn is_date(place: &Place<'_>) -> bool {
    date_end(place.field, place.start).is_some()
}

/// Three or four digits on their own.
pub(super) fn card_code(place: &Place<'_>) -> Option<Shape> {
    let code = Code { characters: 3..=4, digits_min: 3, letters: 0..=0, separators: b"" };
    let end = code_end(place.field, place.start, &code).filter(|end| !is_pieced(place.field, *end))?;
    // In tables and questions "cid" is somebody's customer.
    let label = place.field.slice(place.label_start, place.label_end);
    let alone = place.gap.cell || place.gap.answer || !place.gap.assigns;
    static CARDS: Words = Words::new(&["amex", "express", "card", "visa", "mastercard"]);
    let of_card = || {
        place.field.names_any(&CARDS, place.label_start, KIND_BYTES)
            || place.field.names_any_after(&CARDS, place.start, KIND_BYTES / 2)
    };
    (!(alone && label.eq_ignore_ascii_case(b"cid")) || of_card()).then_some(())?;
    shape(PiiType::CreditDebitCardCvv, place, end)
}

fn is_pieced(field: Field<'_>, end: usize) -> bool {
    matches!(field.at(end), b'/' | b'-' | b':') && field.at(end + 1).is_ascii_digit()
}

/// Four to six digits on their own. Far from the word a year is a year.
pub(super) fn pin(place: &Place<'_>) -> Option<Shape> {
    let code = Code { characters: 4..=6, digits_min: 4, letters: 0..=0, separators: b"" };
    let end = code_end(place.field, place.start, &code).filter(|end| !is_pieced(place.field, *end))?;
    let head = place.field.slice(place.start, place.start + 3);
    let dated =
        matches!(head, b"195" | b"196" | b"197" | b"198" | b"199" | b"200" | b"201" | b"202" | b"203");
    let year = end - place.start == 4 && dated;
    // A column of six digits called "pin" holds postal codes in India.
    let postal = place.gap.cell && end - place.start == 6;
    (!(postal || (year && place.gap.words > 1))).then_some(())?;
    shape(PiiType::Pin, place, end)
}

/// Six to seventeen digits. Accounts at a cloud or a network are no bank accounts.
pub(super) fn bank_account(place: &Place<'_>) -> Option<Shape> {
    static OTHER: Words = Words::new(&[
        "aws",
        "azure",
        "gcp",
        "google",
        "github",
        "twitter",
        "cloud",
        "steam",
        "service",
        "facebook",
        "instagram",
        "meta",
        "microsoft",
        "apple",
        "netflix",
        "ads",
        "linkedin",
    ]);
    static UNITED_STATES: Words =
        Words::new(&["routing", "aba", "ach", "checking", "savings", "chequing", "fdic", "us", "usa"]);
    let field = place.field;
    let code = Code { characters: 6..=17, digits_min: 6, letters: 0..=0, separators: b" -" };
    let long = Code { characters: 18..=26, digits_min: 18, letters: 0..=0, separators: b" -" };
    let end = code_end(field, place.start, &code).or_else(|| code_end(field, place.start, &long))?;
    let tail = field.slice(place.label_end, field.len().min(place.label_end + 4)).to_ascii_lowercase();
    // A column of account identifiers counts customers.
    let counts = tail.starts_with(b"_id") || tail.starts_with(b" id") || tail.starts_with(b"id");
    // Twelve digits are how a cloud counts them.
    if counts && (place.gap.cell || end - place.start == 12) {
        return None;
    }
    if is_date(place) || field.names_any(&OTHER, place.label_start, QUALIFIER_BYTES) {
        return None;
    }
    let american = field.names_any(&UNITED_STATES, place.start, KIND_BYTES);
    let kind = if american { PiiType::UsBankAccountNumber } else { PiiType::BankAccountNumber };
    shape(kind, place, end)
}

/// Whether `number` is a routing number that words before the account's announce: "routing/account: ...".
pub(super) fn is_routing(field: Field<'_>, label_start: usize, number: &[u8]) -> bool {
    static ROUTING: Words = Words::new(&["routing", "aba", "rtn", "transit", "rt"]);
    let named = || field.names_any_next(&ROUTING, label_start, QUALIFIER_BYTES);
    number.len() == 9 && us_bank_routing(number) && named()
}

/// Four letters, a country, two characters, and three more for a branch.
fn bank_code_end(field: Field<'_>, start: usize) -> Option<usize> {
    const LONG_BYTES: usize = 11;
    let window = field.slice(start, field.len().min(start + LONG_BYTES + 1));
    let length = window.iter().take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()).count();
    let end = start + length;
    let head = window.get(..6)?;
    // What forms say in capitals where a country would stand.
    static WORDS: Words = Words::new(&[
        "required",
        "customer",
        "document",
        "business",
        "language",
        "progress",
        "beneficiary",
        "transaction",
        "destination",
        "instruction",
        "institution",
        "requirement",
        "continental",
    ]);
    let fits = matches!(length, 8 | LONG_BYTES)
        && !WORDS.has(window.get(..length)?)
        && head.iter().all(u8::is_ascii_uppercase)
        && head.get(4..).is_some_and(is_country);
    // A particle or an ending may follow at once.
    let ends = field.char_at(end).is_some_and(is_unspaced) || !(field.glued_after(end) || field.word_at(end));
    (fits && ends).then_some(end)
}

/// Most head offices double a letter, and few words end so but in these.
fn is_unlike_words(code: &[u8]) -> bool {
    let (country, city) = (code.get(4..6).unwrap_or_default(), code.get(6..8).unwrap_or_default());
    let doubled =
        city.first() == city.last() && (country == b"SE" || !matches!(city, b"SS" | b"LL" | b"EE" | b"OO"));
    code.iter().any(u8::is_ascii_digit) || code.ends_with(b"XXX") || doubled
}

/// A code in small letters, as people type it.
fn small_bank_code_end(field: Field<'_>, start: usize) -> Option<usize> {
    let window = field.slice(start, field.len().min(start + 12));
    let length = window.iter().take_while(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()).count();
    let code = window.get(..length)?.to_ascii_uppercase();
    let fits = matches!(length, 8 | 11)
        && code.iter().take(6).all(u8::is_ascii_uppercase)
        && code.get(4..6).is_some_and(is_country)
        && is_unlike_words(&code);
    (fits && !field.glued_after(start + length) && !field.word_at(start + length)).then_some(start + length)
}

/// A bank's code near words about transfers: it must be unlike any word in capitals.
pub(super) fn bank_code(place: &Place<'_>) -> Option<Shape> {
    let field = place.field;
    let end = bank_code_end(field, place.start)?;
    let bytes = field.slice(place.start, end);
    let alone = !field.glued_before(place.start) && !field.word_before(place.start);
    // Letters alone are not waited for before the words.
    let behind = place.start >= place.label_end || bytes.iter().any(u8::is_ascii_digit);
    (is_unlike_words(bytes) && alone && behind).then_some(())?;
    shape(PiiType::SwiftCode, place, end)
}

/// A bank's code right behind the words for a bank, or unlike any word behind its name.
pub(super) fn swift_of_bank(place: &Place<'_>) -> Option<Shape> {
    if place.gap.words <= 1 && !place.gap.near { swift(place) } else { bank_code(place) }
}

/// A bank's code behind words that name it.
pub(super) fn swift(place: &Place<'_>) -> Option<Shape> {
    let field = place.field;
    let Some(end) = bank_code_end(field, place.start) else {
        let end = small_bank_code_end(field, place.start).filter(|_| place.gap.words == 0)?;
        return shape(PiiType::SwiftCode, place, end);
    };
    let bytes = field.slice(place.start, end);
    // "SWIFT LANGUAGE" has the shape of a code; a colon, the word "code" or a digit make it one.
    let label = field.slice(place.label_start, place.label_end);
    let between = field.slice(place.label_end, place.start);
    let coded = ["cod", "kod", "cód", "no.", "nr", "numb", "addr", "コー", "代码", "代碼", "코드"]
        .iter()
        .any(|part| contains_ignoring_case(between, part.as_bytes()))
        || field.names_any_next(const { &Words::new(&["código", "codice", "kod"]) }, place.label_start, 12);
    static OF_BANKS: Words = Words::new(&[
        "iban",
        "bank",
        "banque",
        "banco",
        "banca",
        "account",
        "transfer",
        "wire",
        "payment",
        "beneficiary",
        "konto",
        "compte",
        "cuenta",
        "conto",
        "branch",
        "banken",
        "bankens",
        "banka",
        "banku",
    ]);
    let of_bank = || {
        bytes.ends_with(b"XXX")
            || field.names_any(&OF_BANKS, place.start, KIND_BYTES)
            || field.names_any_after(&OF_BANKS, end, KIND_BYTES / 2)
    };
    let said = place.gap.assigns
        || coded
        || label == b"swift"
        || !label.eq_ignore_ascii_case(b"swift")
        || !label.is_ascii()
        || bytes.iter().any(u8::is_ascii_digit)
        || of_bank();
    said.then_some(())?;
    shape(PiiType::SwiftCode, place, end)
}

/// ISO 3166-1, and Kosovo.
fn is_country(code: &[u8]) -> bool {
    const COUNTRIES: &str = concat!(
        "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY ",
        "BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK ",
        "FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR ",
        "IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ",
        "ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM ",
        "PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF ",
        "TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW"
    );
    COUNTRIES.as_bytes().split(|byte| *byte == b' ').any(|country| country == code)
}

/// Six to ten characters, at least four of them digits.
pub(super) fn passport(place: &Place<'_>) -> Option<Shape> {
    static OTHER_COUNTRIES: Words = Words::new(&[
        "uk",
        "british",
        "gb",
        "german",
        "french",
        "canadian",
        "indian",
        "spanish",
        "italian",
        "australian",
        "polish",
        "dutch",
        "irish",
        "chinese",
        "japanese",
        "korean",
        "mexican",
        "brazilian",
        "portuguese",
        "swiss",
        "austrian",
        "swedish",
        "turkish",
        "russian",
        "eu",
        "canada",
        "germany",
        "france",
        "india",
        "italy",
        "spain",
        "japan",
        "china",
        "australia",
    ]);
    let field = place.field;
    let code = Code { characters: 6..=10, digits_min: 4, letters: 0..=5, separators: b"" };
    let spaced = Code { characters: 8..=9, digits_min: 6, letters: 0..=2, separators: b" " };
    // A series of four digits and a number of six.
    let series = Code { characters: 10..=10, digits_min: 10, letters: 0..=0, separators: b" " };
    let is_series = |end: &usize| !field.at(place.label_start).is_ascii() && end - place.start > 10;
    // Some countries write nine characters of which one digit alone is certain: the last.
    let lettered = Code { characters: 9..=9, digits_min: 1, letters: 1..=8, separators: b"" };
    let checked = |end: &usize| place.gap.assigns && field.at(end - 1).is_ascii_digit();
    // Germany's leave out the vowels and a few letters that look like others.
    const GERMAN: &[u8] = b"0123456789CFGHJKLMNPRTVWXYZ";
    let german = |end: &usize| {
        let bytes = field.slice(place.start, *end);
        bytes.first().is_some_and(|first| b"CFGHJK".contains(first))
            && bytes.iter().all(|byte| GERMAN.contains(byte))
    };
    let end = code_end(field, place.start, &code)
        .or_else(|| code_end(field, place.start, &spaced))
        .or_else(|| code_end(field, place.start, &series).filter(is_series))
        .or_else(|| code_end(field, place.start, &lettered).filter(|end| checked(end) || german(end)))?;
    if is_date(place) || is_pieced(field, end) {
        return None;
    }
    let bytes = field.slice(place.start, end);
    let american = bytes.len() == 9 && bytes.iter().skip(1).all(u8::is_ascii_digit);
    let english = field.slice(place.label_start, place.label_end).eq_ignore_ascii_case(b"passport");
    let elsewhere = field.names_any(&OTHER_COUNTRIES, place.start, KIND_BYTES / 2);
    let kind =
        if american && english && !elsewhere { PiiType::UsPassportNumber } else { PiiType::PassportNumber };
    shape(kind, place, end)
}

/// Two to nine characters in up to four groups, letters and digits both.
pub(super) fn plate(place: &Place<'_>) -> Option<Shape> {
    let mixed = |letters: RangeInclusive<usize>, characters: RangeInclusive<usize>| Code {
        characters,
        digits_min: 1,
        letters,
        separators: b" -",
    };
    let field = place.field;
    if place.gap.near {
        return plate_as_issued(place);
    }
    static OTHER_PLATES: Words = Words::new(&[
        "hot", "steel", "metal", "base", "back", "dinner", "glass", "copper", "face", "name", "floor",
        "tectonic", "heat", "cover",
    ]);
    let label = field.slice(place.label_start, place.label_end);
    if label.to_ascii_lowercase().starts_with(b"plate")
        && field.names_any_next(&OTHER_PLATES, place.label_start, 10)
    {
        return None;
    }
    if let Some(end) =
        east_asian_plate_end(field, place.start).or_else(|| umlaut_plate_end(field, place.start))
    {
        return shape(PiiType::LicensePlate, place, end);
    }
    let end = code_end(field, place.start, &mixed(1..=6, 4..=8))
        .or_else(|| code_end(field, place.start, &mixed(3..=5, 9..=10)))?;
    (!is_date(place)).then_some(())?;
    shape(PiiType::LicensePlate, place, end)
}

/// How plates are written: letters, digits and separators in the order of some country's.
const ISSUED: [&str; 30] = [
    "AA99 AAA",
    "AA99AAA",
    "A999 AAA",
    "A99 AAA",
    "AAA 999A",
    "AAA 99A",
    "AA-999-AA",
    "AA 999 AA",
    "AA999AA",
    "9999 AAA",
    "9999-AAA",
    "AAA9A99",
    "AAA-9999",
    "AAA 9999",
    "9AAA999",
    "AA-99-AA-9999",
    "AA 99 AA 9999",
    "AA99AA9999",
    "99-AAA-9",
    "A-999-AA",
    "AA-999-A",
    "9-AAA-99",
    "A-A 999",
    "A-A 9999",
    "A-AA 999",
    "A-AA 9999",
    "AA-A 999",
    "AA-AA 99",
    "AA-AA 999",
    "AA-AA 9999",
];

/// A value that is written as plates are, wherever it stands.
pub(super) fn plate_as_issued(place: &Place<'_>) -> Option<Shape> {
    let end = issued_plate_end(place.field, place.start)?;
    shape(PiiType::LicensePlate, place, end)
}

fn issued_plate_end(field: Field<'_>, start: usize) -> Option<usize> {
    let ends = ISSUED.iter().filter(|form| is_written(field, start, form)).map(|form| start + form.len());
    let end = ends.max()?;
    (!field.word_at(end) && !field.glued_before(start) && !field.glued_after(end)).then_some(end)
}

/// Whether what stands at `start` is written so: `A` stands for a capital, `9` for a digit.
fn is_written(field: Field<'_>, start: usize, form: &str) -> bool {
    let written = field.slice(start, start + form.len());
    written.len() == form.len()
        && form.bytes().zip(written).all(|(class, byte)| match class {
            b'A' => byte.is_ascii_uppercase(),
            b'9' => byte.is_ascii_digit(),
            sign => *byte == sign,
        })
}

/// A British plate beside words about cars. Returns its end.
pub(in super::super) fn british_plate(field: Field<'_>, start: usize) -> Option<Finding> {
    const BRITISH: &str = "AA99 AAA";
    let end = start + BRITISH.len();
    let is_alike = |form: &&&str| form.len() == BRITISH.len() && form.as_bytes().get(4) == Some(&b' ');
    let mut alike = ISSUED.iter().filter(is_alike);
    if field.at(start + 4) != b' '
        || !alike.any(|form| is_written(field, start, form))
        || issued_plate_end(field, start) != Some(end)
    {
        return None;
    }
    let near =
        field.names_any(&CARS, start, KIND_BYTES / 2) || field.names_any_after(&CARS, end, KIND_BYTES / 2);
    let other = || {
        field.names_any_next(
            const { &Words::new(&["model", "part", "type", "code", "sku", "postcode", "serial", "ref"]) },
            start,
            12,
        )
    };
    (near && !other()).then(|| finding(PiiType::LicensePlate, start, end, 80))
}

/// Behind "tag" and "reg", which name other things too: a car or what one does with it must stand before them.
pub(super) fn plate_of_a_car(place: &Place<'_>) -> Option<Shape> {
    let about_cars = place.field.names_any(&CARS, place.label_start, KIND_BYTES);
    if about_cars { plate(place) } else { plate_as_issued(place) }
}

static CARS: Words = Words::new(&[
    "car",
    "cars",
    "lorry",
    "hatchback",
    "vauxhall",
    "volkswagen",
    "golf",
    "fiesta",
    "focus",
    "parked",
    "plate",
    "plates",
    "tesla",
    "vehicle",
    "parking",
    "driver",
    "driver's",
    "truck",
    "van",
    "suv",
    "sedan",
    "toyota",
    "ford",
    "honda",
    "bmw",
    "audi",
    "corolla",
    "towed",
    "garage",
    "dmv",
    "motorcycle",
    "permit",
    "taxi",
    "license",
]);

/// Up to three letters with umlauts, a gap, up to two letters and four digits.
fn umlaut_plate_end(field: Field<'_>, start: usize) -> Option<usize> {
    let mut position = start;
    let mut letters = 0;
    while let Some(letter) =
        field.char_at(position).filter(|letter| letter.is_ascii_uppercase() || "ÄÖÜ".contains(*letter))
    {
        letters += 1;
        position += letter.len_utf8();
        if letters > 3 {
            return None;
        }
    }
    let rest = Code { characters: 2..=6, digits_min: 1, letters: 1..=2, separators: b" -" };
    let gap = matches!(field.at(position), b' ' | b'-');
    (gap && position - start > letters).then(|| code_end(field, position + 1, &rest)).flatten()
}

fn east_asian_plate_end(field: Field<'_>, start: usize) -> Option<usize> {
    japanese_plate_end(field, start)
        .or_else(|| chinese_plate_end(field, start))
        .or_else(|| korean_plate_end(field, start))
}

/// A province in Han and six or seven letters and digits.
fn chinese_plate_end(field: Field<'_>, start: usize) -> Option<usize> {
    let province = field.char_at(start).filter(|character| ('\u{4E00}'..='\u{9FFF}').contains(character))?;
    let code = start + province.len_utf8();
    let rest = Code { characters: 6..=7, digits_min: 2, letters: 1..=4, separators: "·".as_bytes() };
    field.at(code).is_ascii_uppercase().then(|| code_end(field, code, &rest)).flatten()
}

/// Two or three digits, a syllable and four digits.
fn korean_plate_end(field: Field<'_>, start: usize) -> Option<usize> {
    let count = |from: usize| {
        field.slice(from, field.len().min(from + 5)).iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let class = count(start);
    let syllable =
        field.char_at(start + class).filter(|character| ('\u{AC00}'..='\u{D7A3}').contains(character))?;
    let after = start + class + syllable.len_utf8();
    let number = after + usize::from(field.at(after) == b' ');
    (matches!(class, 2 | 3) && count(number) == 4).then_some(number + 4)
}

/// An office in Han, a class, a kana and up to four digits.
fn japanese_plate_end(field: Field<'_>, start: usize) -> Option<usize> {
    const PLATE_CHARACTERS_MAX: usize = 20;
    let rest = field.bytes().get(start..).and_then(|_| field.char_at(start))?;
    if !('\u{4E00}'..='\u{9FFF}').contains(&rest) {
        return None;
    }
    let mut position = start;
    let (mut han, mut class, mut kana, mut digits) = (0, 0, 0, 0);
    for _ in 0..PLATE_CHARACTERS_MAX {
        let Some(character) = field.char_at(position) else { break };
        match character {
            ' ' if digits == 0 => {}
            '\u{4E00}'..='\u{9FFF}' if class == 0 => han += 1,
            '0'..='9' if kana == 0 && han > 0 => class += 1,
            '\u{3041}'..='\u{3096}' if kana == 0 && class > 0 => kana += 1,
            '-' | '・' if kana > 0 => {}
            '0'..='9' if kana > 0 => digits += 1,
            _ => break,
        }
        position += character.len_utf8();
    }
    let fits = (1..=4).contains(&han) && (2..=3).contains(&class) && kana == 1 && (1..=4).contains(&digits);
    fits.then_some(position)
}

/// The licences of the United States' states, of the United Kingdom and of other countries: a few letters,
/// many digits, groups.
pub(super) fn driver(place: &Place<'_>) -> Option<Shape> {
    let field = place.field;
    let code = Code { characters: 6..=19, digits_min: 4, letters: 0..=9, separators: b"-" };
    let spaced = Code { characters: 7..=16, digits_min: 6, letters: 0..=3, separators: b" -" };
    let slashed = Code { characters: 11..=13, digits_min: 11, letters: 0..=0, separators: b"/" };
    // Washington's begin with three letters and go on at random.
    let washington = Code { characters: 12..=12, digits_min: 1, letters: 3..=11, separators: b"" };
    let in_washington = field.slice(place.start, place.start + 3) == b"WDL";
    let end = code_end(field, place.start, &spaced)
        .or_else(|| in_washington.then(|| code_end(field, place.start, &washington)).flatten())
        .or_else(|| code_end(field, place.start, &code))
        .or_else(|| code_end(field, place.start, &slashed))?;
    let starred = skip_stars(field, end);
    (!is_date(place)).then_some(())?;
    shape(PiiType::DriverId, place, starred)
}

/// A British licence shows its holder's name and date of birth and needs no words.
pub(super) const BRITISH_LICENCE_ANCHOR: &str =
    r"[A-Z][A-Z9]{4}[0-9][0156][0-9][0-3][0-9]{2}[A-Z9]{2}[A-Z0-9][A-Z]{2}";

/// Examines a British licence. Returns where to go on.
pub(super) fn examine_british_licence(
    field: Field<'_>,
    anchor: Anchor,
    candidates: &mut Vec<Finding>,
) -> usize {
    let two = |from: usize| {
        let digits = digits_of(field, anchor.start + from, anchor.start + from + 2);
        digits.iter().fold(0, |value, digit| value * 10 + digit)
    };
    // Fifty is added to the month of women.
    let dated = matches!(two(6), 1..=12 | 51..=62) && matches!(two(8), 1..=31);
    if dated && !field.glued_before(anchor.start) && !field.word_at(anchor.end) {
        candidates.push(finding(PiiType::DriverId, anchor.start, anchor.end, 92));
    }
    anchor.start + 1
}

/// Short names are filled up with asterisks in some states.
fn skip_stars(field: Field<'_>, end: usize) -> usize {
    end + field.slice(end, field.len().min(end + 6)).iter().take_while(|byte| **byte == b'*').count()
}

/// Behind the bare word "license": programs have licences too, with words and versions for names.
pub(super) fn licence(place: &Place<'_>) -> Option<Shape> {
    let code = Code { characters: 6..=17, digits_min: 5, letters: 0..=5, separators: b"-" };
    let end = code_end(place.field, place.start, &code)?;
    (!is_date(place)).then_some(())?;
    shape(PiiType::DriverId, place, end)
}

/// Behind "license number": programs and trades have these too, so a state must stand before the words.
pub(super) fn state_licence(place: &Place<'_>) -> Option<Shape> {
    const STATES: &[u8] = concat!(
        "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH ",
        "OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DMV ON BC AB QC"
    )
    .as_bytes();
    static NAMES: Words = Words::new(&[
        "california",
        "texas",
        "florida",
        "york",
        "jersey",
        "illinois",
        "ohio",
        "michigan",
        "georgia",
        "carolina",
        "virginia",
        "washington",
        "massachusetts",
        "pennsylvania",
        "arizona",
        "maryland",
        "wisconsin",
        "colorado",
        "minnesota",
        "ontario",
        "alberta",
        "driver",
        "driver's",
        "drivers",
    ]);
    let field = place.field;
    let before = field.slice(place.label_start.saturating_sub(QUALIFIER_BYTES), place.label_start);
    let word = before.trim_ascii_end().rsplit(|byte| !byte.is_ascii_alphabetic()).next().unwrap_or_default();
    let stated = !word.is_empty() && STATES.split(|byte| *byte == b' ').any(|state| state == word);
    (stated || field.names_any(&NAMES, place.label_start, QUALIFIER_BYTES)).then_some(())?;
    driver(place)
}

/// Ten digits, also five and five.
pub(super) fn taxpayer_reference(place: &Place<'_>) -> Option<Shape> {
    let code = Code { characters: 10..=10, digits_min: 10, letters: 0..=0, separators: b" -" };
    let suffixed = Code { characters: 11..=11, digits_min: 10, letters: 1..=1, separators: b"" };
    let end = code_end(place.field, place.start, &code)
        .or_else(|| code_end(place.field, place.start, &suffixed))?;
    shape(PiiType::UkUniqueTaxpayerReferenceNumber, place, end)
}

/// Two digits that name an office, a hyphen, seven digits; or nine digits at once.
pub(super) fn employer(place: &Place<'_>) -> Option<Shape> {
    let field = place.field;
    let code = Code { characters: 9..=9, digits_min: 9, letters: 0..=0, separators: b"-" };
    let end = code_end(field, place.start, &code)?;
    let grouped = end - place.start == 10 && field.at(place.start + 2) == b'-';
    let bare = end - place.start == 9 && place.gap.words <= 1 && !place.gap.near;
    let digits = digits_of(field, place.start, end);
    let prefix = digits.first().zip(digits.get(1)).map(|(tens, ones)| tens * 10 + ones)?;
    // Prefixes the tax office never gave out.
    let given = !matches!(prefix, 0 | 7..=9 | 17..=19 | 28 | 29 | 49 | 69 | 70 | 78 | 79 | 89 | 96 | 97);
    ((grouped && prefix > 0) || (bare && given)).then_some(())?;
    shape(PiiType::TaxId, place, end)
}

/// Ten digits and up to two letters in Ontario, four letters and eight digits in Quebec, nine to twelve
/// digits elsewhere.
pub(super) fn canadian_health(place: &Place<'_>) -> Option<Shape> {
    let field = place.field;
    let versioned = Code { characters: 10..=12, digits_min: 10, letters: 0..=2, separators: b" -" };
    let quebec = Code { characters: 12..=12, digits_min: 8, letters: 4..=4, separators: b" -" };
    let other = Code { characters: 9..=9, digits_min: 9, letters: 0..=0, separators: b" -" };
    let island = Code { characters: 8..=8, digits_min: 8, letters: 0..=0, separators: b" -" };
    let of_island = || {
        field.names_any(const { &Words::new(&["pei", "prince", "île", "ile"]) }, place.start, KIND_BYTES / 2)
    };
    let end = [versioned, quebec, other]
        .iter()
        .find_map(|code| code_end(field, place.start, code))
        .or_else(|| code_end(field, place.start, &island).filter(|_| of_island()))?;
    if place.gap.near {
        // Telephones are grouped alike in some countries.
        let grouped =
            is_written(field, place.start, "9999 999 999") || is_written(field, place.start, "9999-999-999");
        let named = place.label_end - place.label_start > 4;
        let other = matches!(field.slice(place.start, place.start + 4), [b'0', ..] | b"1300" | b"1800");
        let stated = grouped && !other || field.at(place.start).is_ascii_uppercase();
        (named && stated).then_some(())?;
    }
    // An installer and a protocol have the same short names.
    let label = field.slice(place.label_start, place.label_end);
    let short = label.eq_ignore_ascii_case(b"msi") || label.eq_ignore_ascii_case(b"mcp");
    (!short
        || field.names_any(
            const { &Words::new(&["nova", "scotia", "newfoundland", "nl", "health", "card", "patient"]) },
            place.start,
            KIND_BYTES,
        )
        || place.gap.assigns && !label.eq_ignore_ascii_case(b"mcp"))
    .then_some(())?;
    (!is_date(place) && !field.names_any(const { &Words::new(&["nhs"]) }, place.start, KIND_BYTES / 2))
        .then_some(())?;
    shape(PiiType::CaHealthNumber, place, end)
}

/// Five to sixteen characters, at least four of them digits; "MRN-" belongs to the number it begins.
pub(super) fn medical_record(place: &Place<'_>) -> Option<Shape> {
    let field = place.field;
    let code = Code { characters: 5..=16, digits_min: 4, letters: 0..=6, separators: b"-" };
    let end = code_end(field, place.start, &code)?;
    (!is_date(place) && !is_pieced(field, end)).then_some(())?;
    let attached = place.start == place.label_end + 1 && field.at(place.label_end) == b'-';
    let prefixed =
        attached && field.slice(place.label_start, place.label_end).iter().all(u8::is_ascii_uppercase);
    let start = if prefixed { place.label_start } else { place.start };
    Some(Shape { kind: PiiType::MedicalRecordNumber, start, end })
}

/// Behind "record number": rows of databases have these too, so the text must speak of medicine.
pub(super) fn filed_record(place: &Place<'_>) -> Option<Shape> {
    static MEDICINE: Words = Words::new(&[
        "patient",
        "patients",
        "hospital",
        "clinic",
        "medical",
        "radiology",
        "pathology",
        "ward",
        "dr",
        "admission",
        "discharge",
        "diagnosis",
        "referral",
        "surgery",
        "health",
        "oncology",
    ]);
    let field = place.field;
    let near = field.names_any(&MEDICINE, place.label_start, KIND_BYTES)
        || field.names_any_after(&MEDICINE, place.start + 12, KIND_BYTES / 2)
        || field
            .slice(place.start, field.len().min(place.start + KIND_BYTES))
            .split(|byte| !byte.is_ascii_alphabetic())
            .any(|word| MEDICINE.has(word));
    near.then_some(())?;
    medical_record(place)
}

/// Ten digits from 1 or 2 that pass Luhn's check behind 80840.
pub(super) fn provider(place: &Place<'_>) -> Option<Shape> {
    let code = Code { characters: 10..=10, digits_min: 10, letters: 0..=0, separators: b"" };
    let end = code_end(place.field, place.start, &code)?;
    let digits = digits_of(place.field, place.start, end);
    (matches!(digits.first(), Some(1 | 2)) && passes_provider_luhn(&digits)).then_some(())?;
    shape(PiiType::MedicalId, place, end)
}

/// The prefix 80840 adds 24 to the sum.
fn passes_provider_luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match place % 2 {
            0 => *digit,
            _ if *digit > 4 => digit * 2 - 9,
            _ => digit * 2,
        })
        .sum();
    (sum + 24).is_multiple_of(10)
}

/// Two letters and seven digits. Its check digit is wrong in too many forms to insist on it behind the word.
pub(super) fn narcotics(place: &Place<'_>) -> Option<Shape> {
    let field = place.field;
    let code = Code { characters: 9..=9, digits_min: 7, letters: 1..=2, separators: b"" };
    let end = code_end(field, place.start, &code)?;
    let registrant = field.at(place.start).is_ascii_uppercase();
    let digits = field.slice(place.start + 2, end).iter().all(u8::is_ascii_digit);
    (registrant && digits).then_some(())?;
    shape(PiiType::MedicalId, place, end)
}

/// The number on a Medicare card, compact or in three groups.
pub(super) fn beneficiary(place: &Place<'_>) -> Option<Shape> {
    let code = Code { characters: 11..=11, digits_min: 5, letters: 4..=6, separators: b"- " };
    let end = code_end(place.field, place.start, &code)?;
    is_beneficiary(place.field.slice(place.start, end)).then_some(())?;
    shape(PiiType::MedicalId, place, end)
}

/// Behind "Medicare", which is New Brunswick's health insurance too.
pub(super) fn medicare(place: &Place<'_>) -> Option<Shape> {
    let canadian = || {
        place.field.names_any(
            const { &Words::new(&["brunswick", "nb", "canada", "canadian"]) },
            place.start,
            KIND_BYTES / 2,
        )
    };
    beneficiary(place).or_else(|| canadian().then(|| canadian_health(place)).flatten())
}

/// In three groups the number is unlike anything else and needs no words.
pub(super) const BENEFICIARY_ANCHOR: &str =
    r"[1-9][A-Z][A-Z0-9][0-9]-[A-Z][A-Z0-9][0-9]-[A-Z][A-Z][0-9][0-9]";

/// Examines a grouped number. Returns where to go on.
pub(super) fn examine_beneficiary(field: Field<'_>, anchor: Anchor, candidates: &mut Vec<Finding>) -> usize {
    let alone =
        !field.glued_before(anchor.start) && !field.word_at(anchor.end) && field.at(anchor.end) != b'-';
    if alone && is_beneficiary(field.slice(anchor.start, anchor.end)) {
        candidates.push(finding(PiiType::MedicalId, anchor.start, anchor.end, 95));
    }
    anchor.start + 1
}

/// Digits, letters and either in fixed places; letters that look like digits are never used.
fn is_beneficiary(number: &[u8]) -> bool {
    let is_letter =
        |byte: u8| byte.is_ascii_uppercase() && !matches!(byte, b'S' | b'L' | b'O' | b'I' | b'B' | b'Z');
    let characters = number.iter().filter(|byte| byte.is_ascii_alphanumeric());
    characters.zip(b"caen_aen_aann".iter().filter(|class| **class != b'_')).all(|(byte, class)| match class {
        b'c' => matches!(byte, b'1'..=b'9'),
        b'a' => is_letter(*byte),
        b'n' => byte.is_ascii_digit(),
        _ => is_letter(*byte) || byte.is_ascii_digit(),
    })
}

/// Words of expiry.
pub(super) const EXPIRY_ANCHOR: &str = concat!(
    r"(?i:exp(?:ir(?:y|es|ation|ed|e|ing)|iration|[^a-z0-9])(?:[ _\-]?(?:date|month|mm/?yy))?|valid (?:thru|through|until|to)",
    r"|good thru|g(?:ü|ue)ltig bis|g(?:ü|ue)ltigkeit|ablaufdatum|verfallsdatum|verf(?:ä|a)llt|l(?:ä|ae)uft|date d'expiration",
    r"|caduca|caducidad|vence|vencimiento|scadenza|scade|validade|vervaldatum|geldig tot|verloopt|data? wa(?:ż|z)no(?:ś|s)ci",
    r"|wa(?:ż|z)na do|plat(?:í|i) do|platnost|g(?:ä|a)ller till|utg(?:å|a)ngsdatum|utl(?:ø|o)bsdato|utl(?:ø|o)psdato|son kullanma",
    r"|v(?:á|a)lid[ao] (?:hasta|at(?:é|e))|valable jusqu|valevole fino)",
    r"|有効期限|有效期|유효기간|срок действия|действительна до"
);

/// A month and a year.
pub(super) fn expiry(place: &Place<'_>) -> Option<Shape> {
    let end = month_and_year(place.field, place.start).or_else(|| compact_expiry_end(place))?;
    shape(PiiType::CreditDebitCardExpiry, place, end)
}

/// "0428", right behind the word.
fn compact_expiry_end(place: &Place<'_>) -> Option<usize> {
    let field = place.field;
    let digits = digits_of(field, place.start, place.start + 4);
    let two = |from: usize| digits.iter().skip(from).take(2).fold(0, |value, digit| value * 10 + digit);
    let label = field.slice(place.label_start, place.label_end);
    let short = label.len() <= 6 && label.to_ascii_lowercase().starts_with(b"exp") && place.gap.words == 0;
    let end = place.start + 4;
    let alone = !field.glued_after(end) && !matches!(field.at(end), b'/' | b'-' | b':');
    (short && digits.len() == 4 && (1..=12).contains(&two(0)) && (15..=49).contains(&two(2)) && alone)
        .then_some(end)
}

/// Of the findings from `first` on, only those of cards stay: the text speaks of cards, or the words are a
/// JSON key.
pub(super) fn keep_expiry_of_cards(
    field: Field<'_>,
    words_start: usize,
    first: usize,
    cards: &mut CardWords,
    candidates: &mut Vec<Finding>,
) {
    let mut kept = first;
    for index in first..candidates.len() {
        let Some(finding) = candidates.get(index) else { break };
        let (start, end) = (finding.range.start, finding.range.end);
        let before = field.slice(words_start.saturating_sub(KIND_BYTES), words_start);
        let beside_code = [&b"digits on the"[..], b"digits at the", b"code on the"]
            .iter()
            .any(|words| memchr::memmem::find(before, words).is_some());
        if beside_code || cards.are_near(field, start) || is_member(field, words_start, end) {
            candidates.swap(kept, index);
            kept += 1;
        }
    }
    candidates.truncate(kept);
}

/// Whether the words are a JSON key and the date all of its value.
fn is_member(field: Field<'_>, words_start: usize, end: usize) -> bool {
    let quoted = words_start == 0 || field.at(words_start - 1) == b'"' || field.at(words_start - 1) == b'_';
    quoted && field.at(end) == b'"' && field.slice(words_start, end).windows(2).any(|part| part == b"\":")
}

/// MM/YY, MM/YYYY or YYYY-MM, and nothing longer.
pub(super) fn month_and_year(field: Field<'_>, start: usize) -> Option<usize> {
    let number = |from: usize| {
        let window = field.slice(from, field.len().min(from + 5));
        let digits = window.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let value = window.iter().take(digits).fold(0u32, |value, byte| value * 10 + u32::from(byte - b'0'));
        (value, digits)
    };
    let spaces = |from: usize| usize::from(field.at(from) == b' ');
    if let Some(end) = dates::month_and_year_end(field, start) {
        return Some(end);
    }
    let (first, first_digits) = number(start);
    let separator = start + first_digits + spaces(start + first_digits);
    if !matches!(field.at(separator), b'/' | b'-' | b'.') {
        return None;
    }
    let second_start = separator + 1 + spaces(separator + 1);
    let (second, second_digits) = number(second_start);
    let is_year = |year: u32, digits: usize| {
        digits == 2 && (15..=49).contains(&year) || digits == 4 && (2015..=2049).contains(&year)
    };
    let month_first = (1..=12).contains(&first) && first_digits <= 2 && is_year(second, second_digits);
    let year_first =
        first_digits == 4 && is_year(first, 4) && (1..=12).contains(&second) && second_digits == 2;
    let end = second_start + second_digits;
    let longer = matches!(field.at(end), b'/' | b'-' | b'.') && field.at(end + 1).is_ascii_digit();
    ((month_first || year_first) && !longer && !field.word_at(end)).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pii::PiiDetector;
    use crate::pii::context::Gap;

    type Reader = fn(&Place<'_>) -> Option<Shape>;

    fn read(shape: fn(&Place<'_>) -> Option<Shape>, text: &str) -> Option<&str> {
        let gap = Gap { assigns: true, ..Gap::default() };
        let place = Place { field: Field::new("", text), label_start: 0, label_end: 0, start: 0, gap };
        shape(&place).map(|shape| &text[shape.start..shape.end])
    }

    #[test]
    fn shapes_take_their_values_whole() {
        let cases: &[(Reader, &str, &str)] = &[
            (card_code, "123 please", "123"),
            (pin, "4821,", "4821"),
            (bank_account, "12-3456-7890123.", "12-3456-7890123"),
            (swift, "DEUTDEFF500)", "DEUTDEFF500"),
            (passport, "X1234567\"", "X1234567"),
            (passport, "NXAB6C1D7", "NXAB6C1D7"),
            (plate, "AB12 CDE VIN", "AB12 CDE"),
            (plate, "M-AB 1234,", "M-AB 1234"),
            (plate, "LÖ AB 123;", "LÖ AB 123"),
            (driver, "D123-4567-8901, issued", "D123-4567-8901"),
            (driver, "MORGA753116SM9IJ", "MORGA753116SM9IJ"),
            (licence, "DL-B24925-25 |", "DL-B24925-25"),
            (taxpayer_reference, "12345 67890", "12345 67890"),
            (employer, "12-3456789", "12-3456789"),
            (canadian_health, "1234-567-890-AB for", "1234-567-890-AB"),
            (canadian_health, "ABCD 1234 5678", "ABCD 1234 5678"),
            (medical_record, "MRN-1829141)", "MRN-1829141"),
            (provider, "1234567893", "1234567893"),
            (narcotics, "AB1234563", "AB1234563"),
            (beneficiary, "1EG4-TE5-MK73", "1EG4-TE5-MK73"),
        ];
        for (shape, text, value) in cases {
            assert_eq!(read(*shape, text), Some(*value), "{text}");
        }
    }

    #[test]
    fn other_shapes_are_refused() {
        let cases: &[(Reader, &str)] = &[
            (card_code, "12"),
            (card_code, "123456"),
            (card_code, "123/45"),
            (pin, "1,234"),
            (pin, "1234567"),
            (bank_account, "2024-01-31"),
            (bank_account, "12345"),
            (swift, "DEUTZZFF"),
            (swift, "DEUTDEFF5"),
            (passport, "1234"),
            (passport, "renewal"),
            (passport, "AVAILABLE"),
            (plate, "ABCDEF"),
            (plate, "2024"),
            (driver, "A1"),
            (driver, "policy"),
            (licence, "MIT-2"),
            (taxpayer_reference, "123456789"),
            (employer, "00-1234567"),
            (employer, "123-45-6789"),
            (canadian_health, "12345678"),
            (medical_record, "2024-01-31"),
            (provider, "1234567890"),
            (narcotics, "A12345678X"),
            (beneficiary, "1EG4-TE5-MI73"),
        ];
        for (shape, text) in cases {
            assert_eq!(read(*shape, text), None, "{text}");
        }
    }

    #[test]
    fn expiry_is_a_month_and_a_year() {
        for (text, end) in [("12/28", 5), ("01/2030\"", 7), ("2029-07", 7), ("09 / 31", 7)] {
            assert_eq!(month_and_year(Field::new("", text), 0), Some(end), "{text}");
        }
        for text in ["13/28", "12/99", "12/28/2030", "1/2", "12:28", "2030-13"] {
            assert_eq!(month_and_year(Field::new("", text), 0), None, "{text}");
        }
    }

    #[test]
    fn values_of_countries_and_columns_are_told_from_what_looks_like_them() {
        let detector = PiiDetector::new().unwrap();
        let mut scratch = detector.scratch();
        let mut kinds = |text: &str| {
            let mut found = Vec::new();
            detector.find(text, &mut scratch, &mut found);
            found.iter().map(|finding| finding.kind).collect::<Vec<_>>()
        };
        for (text, kind) in [
            ("Die Nummer meines Reisepasses ist C4J9K2LMT, bitte eintragen.", PiiType::PassportNumber),
            ("driver license number WDLABCD456DG, expires soon", PiiType::DriverId),
            ("Our bank's SWIFT DEUTDEFFXXX applies to the transfer.", PiiType::SwiftCode),
            ("name,account_no,amount\nAnn Lee,5544332211,10.50", PiiType::BankAccountNumber),
            ("Meu usuário é annalee e não consigo entrar.", PiiType::Username),
            ("Meine Mutter ist 80 Jahre alt.", PiiType::Age),
            ("For parts call 555-656-3423.", PiiType::Phone),
            ("Bitte an die Volksbank Lindtal, GENODE61MTL, zahlen.", PiiType::SwiftCode),
            ("密码是hunterhunter，谢谢", PiiType::Password),
            ("Wire it to CHNYUS33XXX today, please.", PiiType::SwiftCode),
            ("Intermediary bank: Chestnut Bank NY (CHNYUS33XXX)", PiiType::SwiftCode),
            ("收款银行的SWIFT Code为CNLNCNSH300,请尽快汇款。", PiiType::SwiftCode),
            ("El código SWIFT del banco es BVLNESMM y nada más.", PiiType::SwiftCode),
            ("銀行のSWIFTコードはMZSKJPJTです。", PiiType::SwiftCode),
            ("swift: kblxdehh", PiiType::SwiftCode),
            ("<BICFI>STGKDE7S</BICFI>", PiiType::SwiftCode),
            ("Care card number 9402 775 318 please update chart", PiiType::CaHealthNumber),
            ("7015 338 264 LM – Ontario health card, still valid", PiiType::CaHealthNumber),
            ("Newfoundland MCP 618204977305", PiiType::CaHealthNumber),
            ("My son is 7 and he loves trains.", PiiType::Age),
            ("Mein Vater ist 79 und wohnt in Kassel.", PiiType::Age),
            ("Herr Vogel (58) wurde aufgenommen.", PiiType::Age),
            ("Ålder: 65", PiiType::Age),
            ("Возраст: 51", PiiType::Age),
            ("mon fils a 6 ans", PiiType::Age),
            ("en 34-årig kvinna", PiiType::Age),
            ("Age/Sex: 27/F", PiiType::Age),
            ("I (27F) need advice.", PiiType::Age),
            ("credentials: ann:Zt7-qqPx", PiiType::Password),
            ("a 34-year-old software engineer from Leeds", PiiType::Age),
        ] {
            assert_eq!(kinds(text), [kind], "{text}");
        }
        for text in [
            "SWIFT LANGUAGE is easy to learn.",
            "swift: language",
            "IBAN, BIC and REFERENCE are REQUIRED fields.",
            "mit einer 10-jährige Garantie, und der Knoten child is 5",
            "The legal drinking age is 21 there.",
            "The file (27M) is too large.",
            "Wire the DOCUMENT and the BUSINESS plan to them.",
            "MCP 618204977305 tokens were used.",
            "a 12-year-old single malt, and cheese aged 24 months",
            "His sister is 6 years older than he.",
            "The median age 38 was given by Smith (12) and others.",
            "Das Haus ist 80 Jahre alt.",
            "The company turned 25 this year.",
            "Replace part 555-656-3423 with kit 586-656-3423.",
            "<path d=\"M12.5 30.2c-4.1 7.594 362-25-1167 0z\"/>",
        ] {
            assert_eq!(kinds(text), [], "{text}");
        }
    }
}
