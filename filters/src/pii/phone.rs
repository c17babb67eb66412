//! Telephone numbers: international with a plus sign, and national where the grouping of the United States,
//! of countries with a trunk zero or of Brazil shows, or where a word like "phone" stands before it. It
//! holds no full numbering plans; lengths per country are checked for the most common country codes only.

use hardpan_inference::finding::{Finding, PiiType};

use super::field::Field;
use super::finding;
use super::numbers::{Run, Step};
use super::words::Words;

const DIGITS_MAX: usize = 15;
/// Of a national number.
const DIGITS_MIN: usize = 7;
const GROUPS_MAX: usize = 8;
const NATIONAL_GROUPS_MAX: usize = 6;
const CONTEXT_BYTES: usize = 32;
const OTHER_NUMBER_BYTES: usize = 20;
const EXTENSION_DIGITS_MAX: usize = 6;

static CONTEXT_WORDS: Words = Words::new(&[
    "phone",
    "phones",
    "telephone",
    "tel",
    "tél",
    "téléphone",
    "telefon",
    "telefoon",
    "telefono",
    "teléfono",
    "telefone",
    "cell",
    "cellphone",
    "mobile",
    "mobil",
    "móvil",
    "movil",
    "handy",
    "portable",
    "celular",
    "cellulare",
    "fax",
    "whatsapp",
    "sms",
    "call",
    "text",
    "dial",
    "hotline",
    "phonenumber",
    "phoneno",
    "mobilephone",
    "contact",
    "contacted",
    "tlf",
    "reach",
    "appelez",
    "llame",
    "llámame",
    "bel",
    "bellen",
    "ring",
    "landline",
    "voicemail",
    "pager",
    "messages",
    "message",
    "texts",
    "texted",
    "calls",
    "called",
    "calling",
    "callback",
    "puhelin",
    "matkapuhelin",
    "telefonnummer",
    "rufnummer",
    "mobilnummer",
    "rufen",
    "chiamami",
    "chiamare",
    "komórka",
]);
const CONTEXT_PHRASES: [&str; 16] = [
    "電話",
    "电话",
    "手机",
    "携帯",
    "전화",
    "연락처",
    "телефон",
    "هاتف",
    "手機",
    "휴대폰",
    "तेलीफोन",
    "फोन",
    "โทร",
    "τηλ",
    "טלפון",
    "جوال",
];

/// "my number is": a number that is somebody's and announced as nothing else.
static OWNER_WORDS: Words = Words::new(&[
    "my", "mio", "mi", "mon", "mein", "meine", "meiner", "meu", "mijn", "mój", "min", "mitt", "his", "her",
    "their", "your",
]);
static NUMBER_WORDS: Words =
    Words::new(&["number", "numero", "número", "numéro", "nummer", "numer", "numeri", "no", "nr", "nbr"]);
const OWNER_BYTES: usize = 22;

/// Words behind a number in address blocks and signatures: "930.167.3943 fax".
static TRAILING_WORDS: Words = Words::new(&["fax", "mobile", "cell", "phone", "tel", "mob", "switchboard"]);
const TRAILING_BYTES: usize = 10;
/// Those that follow digits of other kinds as well, which then are in one piece.
static TRAILING_OF_GROUPS: Words = Words::new(&["office", "home", "work", "direct", "main"]);

/// Words of machines and games that stand before digits in one piece behind "call", "text" and the like.
static MACHINE_WORDS: Words = Words::new(&[
    "id",
    "ids",
    "error",
    "returned",
    "returns",
    "process",
    "thread",
    "pid",
    "tid",
    "duty",
    "seed",
    "hash",
    "offset",
    "row",
    "page",
    "exit",
    "status",
    "timestamp",
    "index",
    "stack",
    "handle",
    "token",
]);
const MACHINE_BYTES: usize = 14;

/// Words that announce a number of another kind.
/// What stores count, right before a number that is grouped like a telephone's.
static PART_WORDS: Words = Words::new(&[
    "part",
    "sku",
    "kit",
    "item",
    "model",
    "catalog",
    "catalogue",
    "lot",
    "batch",
    "drawing",
    "article",
    "component",
    "product",
    "valve",
    "filter",
    "cartridge",
]);
const PART_BYTES: usize = 12;
static OTHER_NUMBER_WORDS: Words = Words::new(&[
    "nhs", "utr", "steuer", "iban", "isbn", "issn", "doi", "sin", "mrn", "tfn", "abn", "vat", "ref", "order",
    "invoice", "ticket", "account", "npi", "tracking", "imei", "serial", "license", "licence", "pesel",
]);

/// How national numbers with a trunk zero are grouped.
const TRUNK_SHAPES: [&[usize]; 24] = [
    &[2, 2, 2, 2, 2],
    &[2, 4, 4],
    &[2, 7],
    &[2, 8],
    &[3, 3, 3],
    &[3, 3, 2, 2],
    &[3, 3, 4],
    &[3, 4, 3],
    &[3, 4, 4],
    &[3, 6],
    &[3, 7],
    &[3, 8],
    &[4, 2, 2, 2],
    &[4, 3, 3],
    &[4, 3, 4],
    &[4, 4, 3],
    &[4, 6],
    &[4, 7],
    &[4, 8],
    &[5, 3, 3],
    &[5, 4],
    &[5, 5],
    &[5, 6],
    &[5, 7],
];
const LONG_TRUNK_SHAPES: [&[usize]; 2] = [&[6, 5], &[6, 6]];

/// A telephone number starting with the group at `index`.
pub(super) fn examine(run: Run<'_, '_>, index: usize) -> Option<Step> {
    let group = run.group(index)?;
    let field = run.field();
    let parenthesis = group.start > 0 && field.at(group.start - 1) == b'(';
    let outside = if parenthesis { group.start - 1 } else { group.start };
    if outside > 0 && field.at(outside - 1) == b'+' {
        let start = outside - 1;
        return if field.word_before(start) { None } else { international(run, index, start) };
    }
    let plus =
        outside.checked_sub(3).filter(|start| field.slice(*start, outside).eq_ignore_ascii_case(b"%2b"));
    if let Some(start) = plus {
        return international(run, index, start);
    }
    // "(212) 555-0147" begins with its parenthesis, "(212-555-0147)" stands in one.
    let area = parenthesis && run.separator(index + 1).is_some_and(|separator| separator.starts_with(b")"));
    let start = if area { outside } else { group.start };
    let long = run.count_digits(index, NATIONAL_GROUPS_MAX) >= DIGITS_MIN;
    if !long || run.is_joined(index) || field.glued_before(start) {
        return None;
    }
    national(run, index, start, area)
}

/// The lengths of the groups that one number may have, kept on the stack: this runs for every group of
/// digits.
struct Lengths {
    values: [usize; GROUPS_MAX],
    count: usize,
}

impl Lengths {
    /// The groups from `index` on, as far as separators and length allow.
    fn of(run: Run<'_, '_>, index: usize, groups_max: usize) -> Self {
        let mut lengths = Self { values: [0; GROUPS_MAX], count: 0 };
        let mut total = 0;
        for (offset, place) in lengths.values.iter_mut().take(groups_max).enumerate() {
            let Some(group) = run.group(index + offset) else {
                break;
            };
            let joins = run.separator(index + offset).is_some_and(is_phone_separator);
            if offset > 0 && (!joins || total + group.len() > DIGITS_MAX) {
                break;
            }
            total += group.len();
            *place = group.len();
            lengths.count = offset + 1;
        }
        lengths
    }

    fn first(&self, count: usize) -> &[usize] {
        self.values.get(..count).unwrap_or_default()
    }
}

fn is_phone_separator(separator: &[u8]) -> bool {
    matches!(separator, b" " | b"-" | b"." | b" (" | b"(" | b") " | b")" | b")-" | b"-(" | b" - ")
}

/// Whether the number may end with the group before `next`: nothing that makes it longer follows.
fn may_end(run: Run<'_, '_>, next: usize, end: usize) -> bool {
    !run.is_joined(next) && (!run.field().glued_after(end) || extension_end(run.field(), end) > end)
}

/// "555-0147x123": the end of an extension written right after the number, or `end`.
fn extension_end(field: Field<'_>, end: usize) -> usize {
    if !matches!(field.at(end), b'x' | b'X') {
        return end;
    }
    let window = field.slice(end + 1, field.len().min(end + 2 + EXTENSION_DIGITS_MAX));
    let digits = window.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let after = end + 1 + digits;
    if (1..=EXTENSION_DIGITS_MAX).contains(&digits) && !field.word_at(after) { after } else { end }
}

fn international(run: Run<'_, '_>, index: usize, start: usize) -> Option<Step> {
    let lengths = Lengths::of(run, index, GROUPS_MAX);
    (1..=lengths.count).rev().find_map(|count| {
        let end = run.group(index + count - 1)?.end;
        let digits = run.joined_digits(index, count);
        // "+44 (0)20": the trunk zero is written but not dialled.
        let trunk = memchr::memmem::find(run.field().slice(start, end), b"(0)").is_some();
        let valid = is_international(digits.as_bytes(), usize::from(trunk));
        (valid && may_end(run, index + count, end)).then(|| step(run.field(), index + count, start, end, 90))
    })
}

/// Whether a country code starts `digits` and the rest has a length that country uses.
fn is_international(digits: &[u8], trunk_digits: usize) -> bool {
    let Some(code_length) = country_code_length(digits) else {
        return false;
    };
    let (Some(code), Some(rest)) = (digits.get(..code_length), digits.get(code_length..)) else {
        return false;
    };
    let (shortest, longest) = national_lengths(code);
    digits.len() <= DIGITS_MAX && (shortest..=longest + trunk_digits).contains(&rest.len())
}

fn country_code_length(digits: &[u8]) -> Option<usize> {
    match digits {
        [b'1' | b'7', ..] => Some(1),
        [b'2', b'0' | b'7', ..]
        | [b'3', b'0'..=b'4' | b'6' | b'9', ..]
        | [b'4', b'0' | b'1' | b'3'..=b'9', ..]
        | [b'5', b'1'..=b'8', ..]
        | [b'6', b'0'..=b'6', ..]
        | [b'8', b'1' | b'2' | b'4' | b'6', ..]
        | [b'9', b'0'..=b'5' | b'8', ..] => Some(2),
        [b'2'..=b'9', _, _, ..] => Some(3),
        _ => None,
    }
}

/// The shortest and longest national number of a country, without the trunk prefix.
fn national_lengths(code: &[u8]) -> (usize, usize) {
    match code {
        b"1" | b"7" | b"91" => (10, 10),
        b"31" | b"33" | b"34" | b"41" | b"48" | b"61" | b"351" => (9, 9),
        b"32" => (8, 9),
        b"44" | b"81" => (9, 10),
        b"52" | b"55" => (10, 11),
        b"86" => (9, 11),
        b"39" => (6, 11),
        b"49" => (6, 12),
        _ => (7, 12),
    }
}

fn national(run: Run<'_, '_>, index: usize, start: usize, area: bool) -> Option<Step> {
    let lengths = Lengths::of(run, index, NATIONAL_GROUPS_MAX);
    let mut named = None;
    for count in (1..=lengths.count).rev() {
        let shape = lengths.first(count);
        let end = run.group(index + count - 1)?.end;
        let total: usize = shape.iter().sum();
        if total < DIGITS_MIN {
            break;
        }
        if !may_end(run, index + count, end) {
            continue;
        }
        let digits = run.joined_digits(index, count);
        let form = NationalForm { run, index, shape, digits: digits.as_bytes(), area };
        let mut confidence = form.confidence();
        if confidence.is_none() && total <= 13 && !form.is_date() && !(count == 1 && total < 9) && count <= 5
        {
            let field = run.field();
            let in_one_piece = count == 1;
            let named = *named.get_or_insert_with(|| is_named(field, start))
                && !(in_one_piece && field.names_any_next(&MACHINE_WORDS, start, MACHINE_BYTES))
                || (run.group(index + count).is_none() && is_named_after(field, end, in_one_piece));
            confidence = named.then_some(75);
        }
        let Some(confidence) = confidence else {
            continue;
        };
        if run.field().names_any(&OTHER_NUMBER_WORDS, start, OTHER_NUMBER_BYTES)
            || run.field().names_any_next(&PART_WORDS, start, PART_BYTES)
        {
            return None;
        }
        return Some(step(run.field(), index + count, start, end, confidence));
    }
    None
}

fn is_named_after(field: Field<'_>, end: usize, in_one_piece: bool) -> bool {
    // The line's end belongs to the next number.
    field.names_any_after(&TRAILING_WORDS, end, TRAILING_BYTES)
        || !in_one_piece && field.names_any_after(&TRAILING_OF_GROUPS, end, TRAILING_BYTES)
}

fn is_named(field: Field<'_>, start: usize) -> bool {
    let owned = || field.names_pair(&OWNER_WORDS, &NUMBER_WORDS, start, OWNER_BYTES);
    field.names_any(&CONTEXT_WORDS, start, CONTEXT_BYTES)
        || owned()
        || field.mentions_any(&CONTEXT_PHRASES, start, CONTEXT_BYTES)
}

/// The groups of a number without a plus sign.
struct NationalForm<'a, 'r, 't> {
    run: Run<'r, 't>,
    index: usize,
    shape: &'a [usize],
    digits: &'a [u8],
    /// Whether the first group stands in parentheses.
    area: bool,
}

impl NationalForm<'_, '_, '_> {
    /// How sure the grouping alone makes it, if it says anything.
    fn confidence(&self) -> Option<u8> {
        let trunk = matches!(self.digits, [b'0', b'1'..=b'9', ..]);
        let total = self.digits.len();
        if self.is_north_american() {
            let spaced = self.separator(1) == b" " && self.separator(2) == b" ";
            return Some(if spaced { 70 } else { 80 });
        }
        if self.has_north_american_trunk() || (self.area && self.is_shaped(&[&[2, 4, 4], &[2, 5, 4]])) {
            return Some(75);
        }
        if self.area && trunk && (9..=12).contains(&total) {
            return Some(75);
        }
        // Five digits, a hyphen and four more are a postal code of the United States.
        if self.is_shaped(&[&[5, 4]]) && self.separator(1) == b"-" {
            return None;
        }
        let trunk_shape = || self.is_shaped(&TRUNK_SHAPES) || self.is_shaped(&LONG_TRUNK_SHAPES);
        if !self.area && trunk && (9..=12).contains(&total) && !self.has_dots() && trunk_shape() {
            return Some(70);
        }
        if !self.area && self.shape.len() > 1 && self.is_dialled_abroad() {
            return Some(75);
        }
        // Spanish numbers: nothing but the grouping and a first digit from six to nine.
        let spanish = !self.area && matches!(self.digits, [b'6'..=b'9', ..]);
        (spanish && self.is_shaped(&[&[3, 2, 2, 2]]) && self.is_spaced()).then_some(60)
    }

    fn separator(&self, offset: usize) -> &[u8] {
        self.run.separator(self.index + offset).unwrap_or_default()
    }

    fn is_shaped(&self, shapes: &[&[usize]]) -> bool {
        shapes.contains(&self.shape)
    }

    fn has_dots(&self) -> bool {
        (1..self.shape.len()).any(|offset| self.separator(offset) == b".")
    }

    fn is_spaced(&self) -> bool {
        (1..self.shape.len()).all(|offset| self.separator(offset) == b" ")
    }

    /// Area code and exchange begin with two to nine. With the area in parentheses or hyphens all through,
    /// what people make up counts as well.
    fn is_north_american(&self) -> bool {
        if !matches!(self.digits, [b'2'..=b'9', ..]) || self.shape != [3, 3, 4] {
            return false;
        }
        let exchange = matches!(self.digits, [_, _, _, b'2'..=b'9', ..]);
        let (first, second) = (self.separator(1), self.separator(2));
        let consistent = first == second || (first == b" " && second == b"-");
        let made_up = self.area || (first == b"-" && second == b"-");
        (self.area || consistent) && (exchange || made_up)
    }

    /// "1-212-555-0147".
    fn has_north_american_trunk(&self) -> bool {
        let plan = matches!(self.digits, [b'1', b'2'..=b'9', ..]);
        let separated = || matches!(self.separator(1), b"-" | b"." | b" " | b" (" | b"-(");
        plan && self.shape == [1, 3, 3, 4] && separated()
    }

    /// "0049 30 901820".
    fn is_dialled_abroad(&self) -> bool {
        self.digits.strip_prefix(b"00").is_some_and(|digits| is_international(digits, 0))
    }

    fn is_date(&self) -> bool {
        match self.shape {
            [4, 2, 2] | [2, 2, 4] => true,
            [4, 4] => matches!(self.digits, [b'1', b'9', ..] | [b'2', b'0', ..]),
            _ => false,
        }
    }
}

/// A number whose area code ends in a slash, as in Germany: "030/901820", "0171 / 1234567". Returns where to
/// go on, or nothing when it is none.
pub(super) fn examine_slashed(
    field: Field<'_>,
    start: usize,
    candidates: &mut Vec<Finding>,
) -> Option<usize> {
    let window = field.slice(start, field.len().min(start + SLASHED_BYTES_MAX));
    let (mut digits, mut slashes, mut end) = (0, 0, 0);
    for (place, byte) in window.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                end = place + 1;
            }
            b'/' => slashes += 1,
            b' ' | b'-' if place == end || window.get(end..place).is_some_and(|gap| gap.len() < 3) => {}
            _ => break,
        }
        if end > 0 && place + 1 > end + 3 {
            break;
        }
    }
    let end = start + end;
    let whole = !field.glued_before(start) && !field.glued_after(end) && field.at(end) != b'/';
    let other = || field.names_any(&OTHER_NUMBER_WORDS, start, OTHER_NUMBER_BYTES);
    if slashes == 1 && (9..=12).contains(&digits) && whole && !other() {
        candidates.push(finding(PiiType::Phone, start, end, 72));
        return Some(end);
    }
    None
}

const SLASHED_BYTES_MAX: usize = 24;

fn step(field: Field<'_>, next: usize, start: usize, end: usize, confidence: u8) -> Step {
    let end = extension_end(field, end);
    Step { next, finding: Some(finding(PiiType::Phone, start, end, confidence)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn international_numbers_need_a_country_code_and_its_length() {
        for (digits, expected) in [
            ("12125550147", true),
            ("1212555014", false),
            ("442079460958", true),
            ("4930901820", true),
            ("0442079460958", false),
            ("33142685300", true),
            ("331426853001", false),
            ("35312345678", true),
            ("9999", false),
        ] {
            assert_eq!(is_international(digits.as_bytes(), 0), expected, "{digits}");
        }
    }

    #[test]
    fn an_extension_belongs_to_the_number() {
        for (text, end) in [("1x123", 5), ("1x", 1), ("1x1234567", 1), ("1x12y", 1), ("1 x12", 1)] {
            assert_eq!(extension_end(Field::new("", text), 1), end, "{text}");
        }
    }
}
