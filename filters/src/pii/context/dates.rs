//! Dates of birth: a date in any of the usual orders behind words that speak of birth. Dates on their own
//! are nobody's secret and are not looked for.

use hardpan_inference::finding::PiiType;

use super::super::field::Field;
use super::{Place, Shape};

const YEARS: std::ops::RangeInclusive<u32> = 1880..=2035;
/// Bytes of the longest name of a month that is known, and a little more.
const NAME_BYTES_MAX: usize = 20;

/// How names of months begin, in a dozen languages, lower case, with what tells them apart.
const MONTHS: [&[&str]; 12] = [
    &["jan", "januar", "jän", "ene", "gen", "sty", "led", "tammi", "oca", "янв"],
    &["feb", "fév", "fev", "lut", "úno", "helmi", "şub", "фев"],
    &["mar", "mär", "maer", "mrt", "maa", "bře", "мар"],
    &["apr", "avr", "abr", "kwi", "dub", "huhti", "nis", "апр"],
    &["may", "mai", "mei", "mag", "maj", "kvě", "touko", "ма"],
    &["jun", "juin", "giu", "cze", "kesä", "haz", "июн"],
    &["jul", "juil", "lug", "lip", "heinä", "tem", "июл"],
    &["aug", "août", "aout", "ago", "sie", "srp", "elo", "ağu", "авг"],
    &["sep", "set", "wrz", "zář", "syys", "eyl", "сен"],
    &["oct", "okt", "out", "ott", "paź", "říj", "loka", "eki", "окт"],
    &["nov", "lis", "marras", "kas", "ноя"],
    &["dec", "dez", "déc", "dic", "gru", "pro", "joulu", "ara", "дек"],
];

/// A date of birth at `place`.
pub(super) fn birth(place: &Place<'_>) -> Option<Shape> {
    let end = date_end(place.field, place.start)
        .or_else(|| compact_end(place.field, place.start).filter(|_| place.gap.words == 0))?;
    Some(Shape { kind: PiiType::DateOfBirth, start: place.start, end })
}

/// Whether these words of birth may follow the date.
pub(super) fn is_birth_verb(words: &[u8]) -> bool {
    const VERBS: [&str; 6] = ["geboren", "született", "szuletett", "doğumlu", "dogumlu", "syntynyt"];
    VERBS.iter().any(|verb| words.eq_ignore_ascii_case(verb.as_bytes()))
}

/// The end of a date with separators or a named month at `start`.
pub(super) fn date_end(field: Field<'_>, start: usize) -> Option<usize> {
    let first = number(field, start)?;
    if first.is_none() {
        return month_first(field, start);
    }
    numeric(field, start).or_else(|| named(field, start))
}

struct Number {
    value: u32,
    digits: usize,
    end: usize,
}

/// Digits at `start`: nothing when they are too many for a date, an empty answer when there are none.
fn number(field: Field<'_>, start: usize) -> Option<Option<Number>> {
    let window = field.slice(start, field.len().min(start + 5));
    let digits = window.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let value = window.iter().take(digits).fold(0, |value, byte| value * 10 + u32::from(byte - b'0'));
    match digits {
        0 => Some(None),
        1 | 2 | 4 => Some(Some(Number { value, digits, end: start + digits })),
        _ => None,
    }
}

fn some_number(field: Field<'_>, start: usize) -> Option<Number> {
    number(field, start)?
}

/// Three numbers: year first or last, with one separator throughout.
fn numeric(field: Field<'_>, start: usize) -> Option<usize> {
    let first = some_number(field, start)?;
    let (width, separator) = separator(field, first.end)?;
    let second = some_number(field, first.end + width)?;
    let (second_width, second_separator) = separator_after(field, second.end, separator)?;
    let third = some_number(field, second.end + second_width)?;
    let year_first = first.digits == 4;
    let (year, month, day) = if year_first { (&first, &second, &third) } else { (&third, &second, &first) };
    // Month and day come in either order when the year stands last.
    let ordered = is_month(month) && is_day(day) || !year_first && is_month(day) && is_day(month);
    let known_year = year.digits == 4 && YEARS.contains(&year.value)
        || year.digits == 2 && !year_first && second_separator != b' ';
    let mut end = third.end;
    if separator == EAST_ASIAN {
        end += closing_day(field, end);
    }
    let goes_on = field.at(end).is_ascii_digit()
        || (matches!(field.at(end), b'-' | b'/' | b'.') && field.at(end + 1).is_ascii_digit());
    (ordered && known_year && !goes_on).then_some(end)
}

fn is_month(number: &Number) -> bool {
    number.digits < 3 && (1..=12).contains(&number.value)
}

fn is_day(number: &Number) -> bool {
    number.digits < 3 && (1..=31).contains(&number.value)
}

/// Stands for the characters for year and month.
const EAST_ASIAN: u8 = 0xFF;

fn separator(field: Field<'_>, position: usize) -> Option<(usize, u8)> {
    let byte = field.at(position);
    let escaped = byte == b'\\' && field.at(position + 1) == b'/';
    match byte {
        _ if escaped => Some((2, b'/')),
        b'-' | b'/' | b'.' => {
            let space = usize::from(field.at(position + 1) == b' ');
            Some((1 + space, byte))
        }
        b' ' if matches!(field.at(position + 1), b'/' | b'-') && field.at(position + 2) == b' ' => {
            Some((3, field.at(position + 1)))
        }
        b' ' => Some((1, byte)),
        _ => east_asian(field, position, &["年", "년"]).map(|width| (width, EAST_ASIAN)),
    }
}

fn separator_after(field: Field<'_>, position: usize, first: u8) -> Option<(usize, u8)> {
    if first == EAST_ASIAN {
        return east_asian(field, position, &["月", "월"]).map(|width| (width, EAST_ASIAN));
    }
    separator(field, position).filter(|(_, second)| *second == first)
}

fn east_asian(field: Field<'_>, position: usize, characters: &[&str]) -> Option<usize> {
    let rest = field.bytes().get(position..)?;
    let found = characters.iter().find(|character| rest.starts_with(character.as_bytes()))?;
    Some(found.len() + usize::from(rest.get(found.len()) == Some(&b' ')))
}

fn closing_day(field: Field<'_>, position: usize) -> usize {
    let rest = field.bytes().get(position..).unwrap_or_default();
    if rest.starts_with("日".as_bytes()) || rest.starts_with("일".as_bytes()) { 3 } else { 0 }
}

/// "12 March 1985", "12th of March, 1985", "12-Mar-1985", "12 de marzo de 1985", "1985-Mar-12".
fn named(field: Field<'_>, start: usize) -> Option<usize> {
    let first = some_number(field, start)?;
    let month = skip_between(field, skip_ordinal(field, first.end));
    let month_end = month_end(field, month)?;
    let third = some_number(field, skip_between(field, month_end))?;
    let day_first = is_day(&first) && (is_year(&third) || third.digits == 2 && field.at(first.end) == b'-');
    let year_first = is_year(&first) && is_day(&third);
    ((day_first || year_first) && !field.at(third.end).is_ascii_digit()).then_some(third.end)
}

/// "March 12th, 1985".
fn month_first(field: Field<'_>, start: usize) -> Option<usize> {
    let day = some_number(field, skip_between(field, month_end(field, start)?))?;
    let year = some_number(field, skip_between(field, skip_ordinal(field, day.end)))?;
    (is_day(&day) && is_year(&year) && !field.at(year.end).is_ascii_digit()).then_some(year.end)
}

/// The end of the month's name and a year: "April 2028".
pub(super) fn month_and_year_end(field: Field<'_>, start: usize) -> Option<usize> {
    if !field.at(start).is_ascii_alphabetic() {
        return None;
    }
    let year = some_number(field, skip_between(field, month_end(field, start)?))?;
    let alone = !field.at(year.end).is_ascii_alphanumeric();
    (year.digits == 4 && (2015..=2049).contains(&year.value) && alone).then_some(year.end)
}

fn is_year(number: &Number) -> bool {
    number.digits == 4 && YEARS.contains(&number.value)
}

fn skip_ordinal(field: Field<'_>, position: usize) -> usize {
    let two = field.slice(position, position + 2).to_ascii_lowercase();
    let ordinal = matches!(two.as_slice(), b"st" | b"nd" | b"rd" | b"th" | b"er");
    let sign = field.bytes().get(position..).is_some_and(|rest| rest.starts_with("º".as_bytes()));
    position + if ordinal || sign { 2 } else { 0 }
}

const PARTICLES: [&[u8]; 4] = [b"of ", b"de ", b"del ", b"den "];

/// Spaces, a comma, a dot, hyphens and the "of" of several languages.
fn skip_between(field: Field<'_>, start: usize) -> usize {
    let mut position = start;
    for _ in 0..4 {
        let rest = field.slice(position, field.len().min(position + 4));
        let particle = PARTICLES.iter().find(|word| rest.starts_with(word));
        position += match (particle, rest.first()) {
            (Some(particle), _) => particle.len(),
            (None, Some(b' ' | b',' | b'.' | b'-' | b'/')) => 1,
            _ => return position,
        };
    }
    position
}

/// For each first letter of a month, its second ones, as far as five bits of each tell.
static SECOND_LETTERS: [u32; 32] = second_letters();

#[expect(
    clippy::indexing_slicing,
    reason = "done while the program is built, and within the bounds asked for"
)]
const fn second_letters() -> [u32; 32] {
    let mut letters = [0; 32];
    let mut month = 0;
    while month < MONTHS.len() {
        let mut stem = 0;
        while stem < MONTHS[month].len() {
            let bytes = MONTHS[month][stem].as_bytes();
            letters[(bytes[0] & 0x1F) as usize] |= 1 << (bytes[1] & 0x1F);
            stem += 1;
        }
        month += 1;
    }
    letters
}

fn month_end(field: Field<'_>, start: usize) -> Option<usize> {
    let window = field.slice(start, field.len().min(start + NAME_BYTES_MAX));
    let length = window.iter().take_while(|byte| byte.is_ascii_alphabetic() || **byte >= 0x80).count();
    let name = window.get(..length).unwrap_or_default();
    let begins = name.first_chunk().is_some_and(|[first, second]| {
        let seconds = SECOND_LETTERS.get(usize::from(first & 0x1F)).copied().unwrap_or(0);
        seconds >> (second & 0x1F) & 1 == 1
    });
    // Letters outside ASCII may have another length in lower case.
    if name.is_ascii() && (name.len() < 3 || !begins) {
        return None;
    }
    let name = field.str(start, start + length).to_lowercase();
    let known = name.len() >= 3 && MONTHS.iter().any(|stems| stems.iter().any(|stem| name.starts_with(stem)));
    (known && length < NAME_BYTES_MAX).then_some(start + length)
}

/// YYYYMMDD or DDMMYYYY without separators.
pub(super) fn compact_end(field: Field<'_>, start: usize) -> Option<usize> {
    let digits = field.slice(start, start + 8);
    if digits.len() != 8
        || !digits.iter().all(u8::is_ascii_digit)
        || field.at(start + 8).is_ascii_alphanumeric()
    {
        return None;
    }
    let value = |from: usize, to: usize| {
        digits
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .fold(0, |value, byte| value * 10 + u32::from(byte - b'0'))
    };
    let fits = |year: u32, month: u32, day: u32| {
        YEARS.contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)
    };
    let known = fits(value(0, 4), value(4, 6), value(6, 8))
        || fits(value(4, 8), value(2, 4), value(0, 2))
        || fits(value(4, 8), value(0, 2), value(2, 4));
    known.then_some(start + 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_month_is_known_by_its_stem_in_any_case() {
        for stem in MONTHS.iter().flat_map(|stems| stems.iter()).filter(|stem| stem.len() >= 3) {
            for written in [(*stem).to_owned(), stem.to_uppercase(), format!("{stem}x")] {
                let end = month_end(Field::new("", &written), 0);
                assert_eq!(end, Some(written.len()), "{written}");
            }
        }
        for word in ["", "ja", "jxn", "yan", "11"] {
            assert_eq!(month_end(Field::new("", word), 0), None, "{word}");
        }
    }

    #[test]
    fn dates_are_read_in_the_usual_orders() {
        for date in [
            "1985-03-12",
            "1985/3/12",
            "12/03/1985",
            "3/12/85",
            "12.03.1985",
            "12. 3. 1985",
            "12 March 1985",
            "12th of March, 1985",
            "March 12, 1985",
            "Mar. 12th 1985",
            "12-Mar-1985",
            "12 de marzo de 1985",
            "1er août 1985",
            "12. März 1985",
            "1985年3月12日",
            "1985년 3월 12일",
        ] {
            for text in [date.to_string(), format!("{date}, and"), format!("{date}T00:00:00Z")] {
                assert_eq!(date_end(Field::new("", &text), 0), Some(date.len()), "{text}");
            }
        }
    }

    #[test]
    fn other_numbers_are_no_dates() {
        for text in [
            "1985",
            "13/13/1985",
            "1985-13-01",
            "1.2.3.4",
            "12/03/1585",
            "12 apples 1985",
            "555-01-1234",
            "march on",
        ] {
            assert_eq!(date_end(Field::new("", text), 0), None, "{text}");
        }
        assert_eq!(compact_end(Field::new("", "19850312"), 0), Some(8));
        assert_eq!(compact_end(Field::new("", "99999999"), 0), None);
    }
}
