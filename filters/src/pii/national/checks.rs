//! The arithmetic of identity numbers: check digits, and dates written into numbers. Every function takes
//! the number without separators and with letters in upper case, in the form its table entry promises, and
//! answers false to anything else. It knows nothing of texts.

/// The digit at `place`, or a value that fails every check.
fn at(value: &[u8], place: usize) -> u32 {
    value.get(place).map_or(1000, |byte| u32::from(byte.wrapping_sub(b'0')))
}

/// The number that the digits of `range` make.
fn number(value: &[u8], start: usize, end: usize) -> u64 {
    let digits = value.get(start..end).unwrap_or_default();
    digits
        .iter()
        .fold(0, |number, byte| number.wrapping_mul(10).wrapping_add(u64::from(byte.wrapping_sub(b'0'))))
}

fn weighted(value: &[u8], weights: &[u32]) -> u32 {
    weights.iter().enumerate().map(|(place, weight)| at(value, place) * weight).sum()
}

fn is_repeated(value: &[u8]) -> bool {
    value.iter().zip(value.iter().skip(1)).all(|(left, right)| left == right)
}

/// Luhn's check over digits, refusing one digit repeated.
pub(in crate::pii) fn luhn(value: &[u8]) -> bool {
    let sum: u32 = value
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit.saturating_sub(b'0'));
            match place % 2 {
                0 => digit,
                _ if digit > 4 => digit * 2 - 9,
                _ => digit * 2,
            }
        })
        .sum();
    !is_repeated(value) && sum.is_multiple_of(10)
}

/// ISO 7064 mod 11,10.
fn mod_11_10(value: &[u8]) -> bool {
    let Some((check, digits)) = value.split_last() else { return false };
    let product = digits.iter().fold(10, |product, byte| {
        let sum = (product + u32::from(byte.wrapping_sub(b'0'))) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == u32::from(check.wrapping_sub(b'0'))
}

/// Verhoeff's check in the dihedral group of ten elements.
fn verhoeff(value: &[u8]) -> bool {
    const PERMUTATION: [usize; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let multiply = |left: usize, right: usize| match (left < 5, right < 5) {
        (true, true) => (left + right) % 5,
        (true, false) => (left + right - 5) % 5 + 5,
        (false, true) => (left + 5 - right) % 5 + 5,
        (false, false) => (left + 5 - right) % 5,
    };
    let check = value.iter().rev().enumerate().fold(0, |check, (place, byte)| {
        let permuted = (0..place % 8).fold(usize::from(byte.wrapping_sub(b'0')), |digit, _| {
            PERMUTATION.get(digit).copied().unwrap_or(0)
        });
        multiply(check, permuted)
    });
    check == 0
}

fn is_date(month: u64, day: u64) -> bool {
    let last = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return false,
    };
    (1..=last).contains(&day)
}

/// YYMMDD at `start`.
fn year_month_day(value: &[u8], start: usize) -> bool {
    is_date(number(value, start + 2, start + 4), number(value, start + 4, start + 6))
}

/// DDMMYY at `start`.
fn day_month_year(value: &[u8], start: usize) -> bool {
    is_date(number(value, start + 2, start + 4), number(value, start, start + 2))
}

/// YYYYMMDD at `start`, in the lifetime of people alive.
fn full_date(value: &[u8], start: usize) -> bool {
    (1900..=2049).contains(&number(value, start, start + 4)) && year_month_day(value, start + 2)
}

// United States, Canada, United Kingdom.

/// The groups the Internal Revenue Service gives out.
pub(super) fn us_individual_taxpayer(value: &[u8]) -> bool {
    value.first() == Some(&b'9') && matches!(number(value, 3, 5), 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

/// The Federal Reserve's prefixes and weights 3, 7, 1.
pub(in super::super) fn us_bank_routing(value: &[u8]) -> bool {
    matches!(number(value, 0, 2), 1..=12 | 21..=32 | 61..=72 | 80)
        && weighted(value, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
}

pub(super) fn us_bank_routing_with_zero(value: &[u8]) -> bool {
    value.first() == Some(&b'0') && us_bank_routing(value)
}

pub(super) fn ca_social_insurance(value: &[u8]) -> bool {
    !matches!(value.first(), Some(b'0' | b'8')) && luhn(value)
}

pub(super) fn uk_national_health(value: &[u8]) -> bool {
    let sum = weighted(value, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    !is_repeated(value) && sum.is_multiple_of(11)
}

/// As above, where the number cannot be one of the North American telephone plan as well.
pub(super) fn uk_national_health_undialled(value: &[u8]) -> bool {
    let dialled = matches!(value, [b'2'..=b'9', _, _, b'2'..=b'9', ..]);
    !dialled && uk_national_health(value)
}

/// The prefixes that His Majesty's Revenue and Customs gives out; the suffix is A to D.
pub(super) fn uk_national_insurance(value: &[u8]) -> bool {
    let Some(&[first, second]) = value.first_chunk::<2>() else { return false };
    let barred = matches!(first, b'D' | b'F' | b'I' | b'Q' | b'U' | b'V')
        || matches!(second, b'D' | b'F' | b'I' | b'O' | b'Q' | b'U' | b'V')
        || matches!(&[first, second], b"BG" | b"GB" | b"NK" | b"KN" | b"TN" | b"NT" | b"ZZ");
    !barred && matches!(value.last(), Some(b'A'..=b'D'))
}

// Europe.

fn control_letter(number: u64) -> Option<u8> {
    b"TRWAGMYFPDXBNJZSQVHLCKE".get(usize::try_from(number % 23).ok()?).copied()
}

pub(super) fn es_nif(value: &[u8]) -> bool {
    let number = number(value, 0, 8);
    number > 0 && value.get(8).copied() == control_letter(number)
}

pub(super) fn es_nie(value: &[u8]) -> bool {
    let prefix = match value.first() {
        Some(b'X') => 0,
        Some(b'Y') => 10_000_000,
        Some(b'Z') => 20_000_000,
        _ => return false,
    };
    value.get(8).copied() == control_letter(prefix + number(value, 1, 8))
}

/// Codice fiscale: the last three digits may be the letters that tell namesakes apart.
pub(super) fn it_codice_fiscale(value: &[u8]) -> bool {
    const ODD: &[u8; 26] =
        &[1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let Some((check, rest)) = value.split_last() else { return false };
    let month = matches!(value.get(8), Some(byte) if b"ABCDEHLMPRST".contains(byte));
    let day = matches!(number(value, 9, 11), 1..=31 | 41..=71) || value.get(9..11).is_some_and(is_omocode);
    let place = value.get(12..15).is_some_and(is_omocode);
    let sum: u32 = rest
        .iter()
        .enumerate()
        .map(|(index, byte)| {
            let ordinal = if byte.is_ascii_digit() { byte - b'0' } else { byte.wrapping_sub(b'A') };
            if index % 2 == 1 {
                u32::from(ordinal)
            } else {
                ODD.get(usize::from(ordinal)).map_or(1000, |value| u32::from(*value))
            }
        })
        .sum();
    month && day && place && u32::from(check.wrapping_sub(b'A')) == sum % 26
}

fn is_omocode(digits: &[u8]) -> bool {
    digits.iter().all(|byte| byte.is_ascii_digit() || b"LMNPQRSTUV".contains(byte))
}

/// A printed identity card; the form is all there is.
pub(super) fn any(_value: &[u8]) -> bool {
    true
}

pub(super) fn pl_pesel(value: &[u8]) -> bool {
    let month = number(value, 2, 4);
    month / 20 < 5
        && is_date(month % 20, number(value, 4, 6))
        && weighted(value, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_multiple_of(10)
}

/// PESEL's arithmetic without its date, for numbers that a word announces.
pub(super) fn pl_nip(value: &[u8]) -> bool {
    !is_repeated(value) && weighted(value, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == at(value, 9)
}

/// One digit stands twice or three times among the first ten, the rest at most once.
pub(super) fn de_tax(value: &[u8]) -> bool {
    let mut counts = [0u8; 10];
    for byte in value.iter().take(10) {
        if let Some(count) = counts.get_mut(usize::from(byte.wrapping_sub(b'0'))) {
            *count += 1;
        }
    }
    let more = counts.iter().filter(|count| **count > 1).count();
    value.first() != Some(&b'0') && more <= 1 && counts.iter().all(|count| *count <= 3) && mod_11_10(value)
}

/// As above without the rule of repetition, which test numbers ignore.
pub(super) fn de_tax_loose(value: &[u8]) -> bool {
    value.first() != Some(&b'0') && mod_11_10(value)
}

/// Area, date of birth, initial, serial and check digit.
pub(super) fn de_social_security(value: &[u8]) -> bool {
    const WEIGHTS: [u32; 12] = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
    let Some((check, rest)) = value.split_last() else { return false };
    let Some(letter) = value.get(8).map(|byte| u32::from(byte.wrapping_sub(b'A')) + 1) else { return false };
    let (head, tail) = (rest.get(..8).unwrap_or_default(), rest.get(9..).unwrap_or_default());
    let digits = head
        .iter()
        .map(|byte| u32::from(byte.wrapping_sub(b'0')))
        .chain([letter / 10, letter % 10])
        .chain(tail.iter().map(|byte| u32::from(byte.wrapping_sub(b'0'))));
    let sum: u32 = digits.zip(WEIGHTS).map(|(digit, weight)| digit_sum(digit * weight)).sum();
    let (day, month) = (number(value, 2, 4), number(value, 4, 6));
    is_date(month, day) && sum % 10 == u32::from(check.wrapping_sub(b'0'))
}

fn digit_sum(number: u32) -> u32 {
    number / 10 + number % 10
}

pub(super) fn de_health_insurance(value: &[u8]) -> bool {
    let Some((check, rest)) = value.split_last() else { return false };
    let Some(letter) = value.first().map(|byte| u32::from(byte.wrapping_sub(b'A')) + 1) else { return false };
    let digits = [letter / 10, letter % 10]
        .into_iter()
        .chain(rest.iter().skip(1).map(|byte| u32::from(byte.wrapping_sub(b'0'))));
    let sum: u32 =
        digits.zip([1, 2].into_iter().cycle()).map(|(digit, weight)| digit_sum(digit * weight)).sum();
    sum % 10 == u32::from(check.wrapping_sub(b'0'))
}

/// The serial and check digit of a German identity card, weights 7, 3, 1.
pub(super) fn de_identity_card(value: &[u8]) -> bool {
    let Some((check, rest)) = value.split_last() else { return false };
    let sum: u32 = rest
        .iter()
        .zip([7, 3, 1].into_iter().cycle())
        .map(|(byte, weight)| {
            let value = if byte.is_ascii_digit() { byte - b'0' } else { byte.wrapping_sub(b'A') + 10 };
            u32::from(value) * weight
        })
        .sum();
    u32::from(check.wrapping_sub(b'0')) == sum % 10
}

/// The nine characters without check digit: begins with a letter, no vowels.
pub(super) fn de_identity_card_serial(value: &[u8]) -> bool {
    value.iter().all(|byte| byte.is_ascii_digit() || b"CFGHJKLMNPRTVWXYZ".contains(byte))
}

/// Sex, year, month, department, commune and order, with the complement to 97.
pub(super) fn fr_nir(value: &[u8]) -> bool {
    let month = matches!(number(value, 3, 5), 1..=12 | 20..=42 | 50..=99);
    let number = match value.get(5..7) {
        Some(b"2A") => with_corsica(value, 19),
        Some(b"2B") => with_corsica(value, 18),
        _ if value.iter().all(u8::is_ascii_digit) => number(value, 0, 13),
        _ => return false,
    };
    let key = value
        .get(13..15)
        .unwrap_or_default()
        .iter()
        .fold(0, |key, byte| key * 10 + u64::from(byte.wrapping_sub(b'0')));
    matches!(value.first(), Some(b'1'..=b'4' | b'7' | b'8')) && month && 97 - number % 97 == key
}

fn with_corsica(value: &[u8], department: u64) -> u64 {
    (number(value, 0, 5) * 100 + department) * 1_000_000 + number(value, 7, 13)
}

pub(super) fn nl_bsn(value: &[u8]) -> bool {
    let sum = weighted(value, &[9, 8, 7, 6, 5, 4, 3, 2]);
    !is_repeated(value) && sum % 11 == at(value, 8)
}

pub(super) fn pt_nif(value: &[u8]) -> bool {
    let remainder = weighted(value, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if remainder < 2 { 0 } else { 11 - remainder };
    matches!(value.first(), Some(b'1'..=b'3' | b'4' | b'5' | b'6' | b'8' | b'9')) && check == at(value, 8)
}

pub(super) fn be_national(value: &[u8]) -> bool {
    let (body, check) = (number(value, 0, 9), number(value, 9, 11));
    let date = is_date(number(value, 2, 4) % 20, number(value, 4, 6)) && number(value, 2, 4) < 60;
    date && (97 - body % 97 == check || 97 - (2_000_000_000 + body) % 97 == check)
}

pub(super) fn dk_cpr(value: &[u8]) -> bool {
    day_month_year(value, 0) && weighted(value, &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// Numbers given out since 2007 carry no check digit.
pub(super) fn dk_cpr_date(value: &[u8]) -> bool {
    day_month_year(value, 0)
}

pub(super) fn no_birth_number(value: &[u8]) -> bool {
    let day = number(value, 0, 2);
    let date = is_date(number(value, 2, 4) % 40, if day > 40 { day - 40 } else { day });
    date && weighted(value, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11)
        && weighted(value, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

pub(super) fn se_personal(value: &[u8]) -> bool {
    let day = number(value, 4, 6);
    is_date(number(value, 2, 4), if day > 60 { day - 60 } else { day }) && luhn(value)
}

pub(super) fn se_personal_long(value: &[u8]) -> bool {
    matches!(value.get(..2), Some(b"18" | b"19" | b"20")) && value.get(2..).is_some_and(se_personal)
}

pub(super) fn fi_personal(value: &[u8]) -> bool {
    let number = number(value, 0, 6) * 1000 + self::number(value, 7, 10);
    let check =
        usize::try_from(number % 31).ok().and_then(|index| b"0123456789ABCDEFHJKLMNPRSTUVWXY".get(index));
    day_month_year(value, 0) && value.get(10) == check
}

/// The same without the century sign, when that was a hyphen.
pub(super) fn fi_personal_hyphen(value: &[u8]) -> bool {
    let number = number(value, 0, 9);
    let check =
        usize::try_from(number % 31).ok().and_then(|index| b"0123456789ABCDEFHJKLMNPRSTUVWXY".get(index));
    day_month_year(value, 0) && value.get(9) == check
}

pub(super) fn cz_birth_number(value: &[u8]) -> bool {
    let month = number(value, 2, 4);
    let month = if month > 70 {
        month - 70
    } else if month > 50 {
        month - 50
    } else {
        month % 20
    };
    let whole = number(value, 0, 10);
    is_date(month, number(value, 4, 6))
        && (whole.is_multiple_of(11) || (number(value, 0, 9) % 11 == 10 && at(value, 9) == 0))
}

pub(super) fn ro_cnp(value: &[u8]) -> bool {
    let remainder = weighted(value, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    let check = if remainder == 10 { 1 } else { remainder };
    matches!(value.first(), Some(b'1'..=b'9'))
        && year_month_day(value, 1)
        && matches!(number(value, 7, 9), 1..=52 | 70)
        && check == at(value, 12)
}

pub(super) fn bg_egn(value: &[u8]) -> bool {
    let month = number(value, 2, 4);
    let month = if month > 40 {
        month - 40
    } else if month > 20 {
        month - 20
    } else {
        month
    };
    is_date(month, number(value, 4, 6))
        && weighted(value, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == at(value, 9)
}

pub(super) fn hr_oib(value: &[u8]) -> bool {
    !is_repeated(value) && mod_11_10(value)
}

/// Estonia and Lithuania share the form.
pub(super) fn baltic_personal(value: &[u8]) -> bool {
    let first = weighted(value, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = weighted(value, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
    let check = if first < 10 { first } else { second % 10 };
    matches!(value.first(), Some(b'1'..=b'8')) && year_month_day(value, 1) && check == at(value, 10)
}

/// Those beginning with 32 carry no date.
pub(super) fn lv_personal(value: &[u8]) -> bool {
    let sum = weighted(value, &[1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    let check = (1101 - sum.min(1101)) % 11 % 10;
    value.starts_with(b"32") || (day_month_year(value, 0) && check == at(value, 10))
}

pub(super) fn at_social_insurance(value: &[u8]) -> bool {
    let sum = weighted(value, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11;
    value.first() != Some(&b'0')
        && is_date(number(value, 6, 8).min(12), number(value, 4, 6))
        && sum == at(value, 3)
}

/// The Swiss number is an EAN with the country's code.
pub(super) fn ch_social_insurance(value: &[u8]) -> bool {
    value.starts_with(b"756") && weighted(value, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

pub(super) fn ie_public_service(value: &[u8]) -> bool {
    let second = value.get(8).map_or(0, |byte| u32::from(byte.wrapping_sub(b'A')) + 1);
    let sum = weighted(value, &[8, 7, 6, 5, 4, 3, 2]) + second * 9;
    let check = match sum % 23 {
        0 => b'W',
        remainder => b'A' + u8::try_from(remainder - 1).unwrap_or(0),
    };
    value.get(7) == Some(&check) && second <= 9
}

pub(super) fn gr_tax(value: &[u8]) -> bool {
    !is_repeated(value) && weighted(value, &[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10 == at(value, 8)
}

pub(super) fn hu_social_insurance(value: &[u8]) -> bool {
    !is_repeated(value) && weighted(value, &[3, 7, 3, 7, 3, 7, 3, 7]) % 10 == at(value, 8)
}

pub(super) fn is_kennitala(value: &[u8]) -> bool {
    day_month_year(value, 0)
        && weighted(value, &[3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
        && matches!(value.get(9), Some(b'0' | b'8' | b'9'))
}

/// The successor states of Yugoslavia.
pub(super) fn jmbg(value: &[u8]) -> bool {
    let sum = weighted(value, &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if sum == 0 { 0 } else { 11 - sum };
    day_month_year(value, 0) && matches!(value.get(4), Some(b'0' | b'9')) && check == at(value, 12)
}

pub(super) fn ru_snils(value: &[u8]) -> bool {
    weighted(value, &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101 % 100 == at(value, 9) * 10 + at(value, 10)
        && !is_repeated(value)
}

pub(super) fn ru_inn(value: &[u8]) -> bool {
    weighted(value, &[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10 == at(value, 10)
        && weighted(value, &[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10 == at(value, 11)
}

pub(super) fn ua_tax(value: &[u8]) -> bool {
    const WEIGHTS: [i64; 9] = [-1, 5, 7, 9, 4, 6, 10, 5, 7];
    let sum: i64 =
        WEIGHTS.iter().enumerate().map(|(place, weight)| i64::from(at(value, place)) * weight).sum();
    !is_repeated(value) && sum.rem_euclid(11) % 10 == i64::from(at(value, 9))
}

pub(super) fn tr_identity(value: &[u8]) -> bool {
    let odd: u32 = [0, 2, 4, 6, 8].iter().map(|place| at(value, *place)).sum();
    let even: u32 = [1, 3, 5, 7].iter().map(|place| at(value, *place)).sum();
    let all: u32 = (0..10).map(|place| at(value, place)).sum();
    value.first() != Some(&b'0')
        && (odd * 7 + 100_000 - even) % 10 == at(value, 9)
        && all % 10 == at(value, 10)
}

// Asia and the Pacific.

pub(super) fn cn_resident(value: &[u8]) -> bool {
    let sum = weighted(value, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    let check = usize::try_from(sum % 11).ok().and_then(|index| b"10X98765432".get(index));
    matches!(value.first(), Some(b'1'..=b'6' | b'8')) && full_date(value, 6) && value.get(17) == check
}

/// The last digit follows from the others.
pub(super) fn kr_resident(value: &[u8]) -> bool {
    let sum = weighted(value, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11;
    let check = at(value, 12);
    let century = matches!(value.get(6), Some(b'1'..=b'4'));
    let foreigner = matches!(value.get(6), Some(b'5'..=b'8'));
    let date = year_month_day(value, 0);
    date && ((century && (11 - sum) % 10 == check) || (foreigner && (13 - sum) % 10 == check))
}

/// Numbers given out since October 2020 carry no check digit.
pub(super) fn kr_resident_date(value: &[u8]) -> bool {
    year_month_day(value, 0) && matches!(value.get(6), Some(b'1'..=b'8'))
}

pub(super) fn sg_identity(value: &[u8]) -> bool {
    let sum = weighted(value.get(1..).unwrap_or_default(), &[2, 7, 6, 5, 4, 3, 2]);
    let (table, offset): (&[u8; 11], u32) = match value.first() {
        Some(b'S') => (b"JZIHGFEDCBA", 0),
        Some(b'T') => (b"JZIHGFEDCBA", 4),
        Some(b'F') => (b"XWUTRQPNMLK", 0),
        Some(b'G') => (b"XWUTRQPNMLK", 4),
        Some(b'M') => (b"XWUTRQPNJLK", 3),
        _ => return false,
    };
    let check = usize::try_from((sum + offset) % 11).ok().and_then(|index| table.get(index));
    // M numbers count their table from the other end.
    let mirrored = usize::try_from(10 - (sum + offset) % 11).ok().and_then(|index| table.get(index));
    value.get(8) == check || (value.first() == Some(&b'M') && value.get(8) == mirrored)
}

pub(super) fn au_tax_file(value: &[u8]) -> bool {
    !is_repeated(value) && weighted(value, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11)
}

pub(super) fn au_medicare(value: &[u8]) -> bool {
    matches!(value.first(), Some(b'2'..=b'6'))
        && value.get(9) != Some(&b'0')
        && weighted(value, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == at(value, 8)
}

pub(super) fn in_aadhaar(value: &[u8]) -> bool {
    matches!(value.first(), Some(b'2'..=b'9')) && !is_repeated(value) && verhoeff(value)
}

/// The fourth letter tells what sort of holder it is.
pub(super) fn in_pan(value: &[u8]) -> bool {
    matches!(value.get(3), Some(byte) if b"ABCFGHJLPT".contains(byte))
}

pub(super) fn in_pan_of_person(value: &[u8]) -> bool {
    value.get(3) == Some(&b'P')
}

pub(super) fn th_identity(value: &[u8]) -> bool {
    let sum = weighted(value, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    matches!(value.first(), Some(b'1'..=b'8')) && !is_repeated(value) && (11 - sum) % 10 == at(value, 12)
}

pub(super) fn jp_my_number(value: &[u8]) -> bool {
    let remainder = weighted(value, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if remainder < 2 { 0 } else { 11 - remainder };
    !is_repeated(value) && check == at(value, 11)
}

/// Month and day of birth, then a place of birth; there is no check digit.
pub(super) fn my_identity(value: &[u8]) -> bool {
    year_month_day(value, 0) && !matches!(number(value, 6, 8), 0 | 17..=20 | 69..=70 | 73 | 80..=81)
}

pub(super) fn kz_individual(value: &[u8]) -> bool {
    let first = weighted(value, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) % 11;
    let second = weighted(value, &[3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2]) % 11;
    let check = if first == 10 { second } else { first };
    year_month_day(value, 0) && check == at(value, 11)
}

/// District, date of birth (women's days count from 41) and serial.
pub(super) fn id_nik(value: &[u8]) -> bool {
    let day = number(value, 6, 8);
    matches!(number(value, 0, 2), 11..=99)
        && is_date(number(value, 8, 10), if day > 40 { day - 40 } else { day })
}

pub(super) fn hk_identity(value: &[u8]) -> bool {
    let letters = value.iter().take_while(|byte| byte.is_ascii_uppercase()).count().min(2);
    let letter = |index: usize| value.get(index).map_or(36, |byte| u32::from(byte.wrapping_sub(b'A')) + 10);
    let head = if letters == 2 { letter(0) * 9 + letter(1) * 8 } else { 36 * 9 + letter(0) * 8 };
    let digits = weighted(value.get(letters..).unwrap_or_default(), &[7, 6, 5, 4, 3, 2]);
    let check = match value.last() {
        Some(b'A') => 10,
        Some(byte) => u32::from(byte.wrapping_sub(b'0')),
        None => return false,
    };
    (head + digits + check).is_multiple_of(11)
}

pub(super) fn tw_identity(value: &[u8]) -> bool {
    const CODES: [u32; 26] = [
        10, 11, 12, 13, 14, 15, 16, 17, 34, 18, 19, 20, 21, 22, 35, 23, 24, 25, 26, 27, 28, 29, 32, 30, 31,
        33,
    ];
    let code = value.first().and_then(|byte| CODES.get(usize::from(byte.wrapping_sub(b'A')))).copied();
    let Some(code) = code else { return false };
    let sum = code / 10
        + code % 10 * 9
        + weighted(value.get(1..).unwrap_or_default(), &[8, 7, 6, 5, 4, 3, 2, 1, 1]);
    matches!(value.get(1), Some(b'1' | b'2' | b'8' | b'9')) && sum.is_multiple_of(10)
}

pub(super) fn nz_inland_revenue(value: &[u8]) -> bool {
    let padded = |weights: &[u32; 8]| {
        let skip = 9usize.saturating_sub(value.len());
        let sum = weighted(value, weights.get(skip..).unwrap_or_default()) % 11;
        if sum == 0 { 0 } else { 11 - sum }
    };
    let first = padded(&[3, 2, 7, 6, 5, 4, 3, 2]);
    let check = if first == 10 { padded(&[7, 4, 3, 2, 5, 2, 7, 6]) } else { first };
    (10_000_000..=150_000_000).contains(&number(value, 0, value.len())) && check == at(value, value.len() - 1)
}

// Africa and the Middle East.

pub(super) fn za_identity(value: &[u8]) -> bool {
    year_month_day(value, 0) && matches!(value.get(10), Some(b'0'..=b'2')) && luhn(value)
}

pub(super) fn il_identity(value: &[u8]) -> bool {
    luhn(value)
}

pub(super) fn eg_identity(value: &[u8]) -> bool {
    matches!(value.first(), Some(b'2' | b'3'))
        && year_month_day(value, 1)
        && matches!(number(value, 7, 9), 1..=35 | 88)
}

pub(super) fn ae_identity(value: &[u8]) -> bool {
    value.starts_with(b"784") && (1900..=2049).contains(&number(value, 3, 7)) && luhn(value)
}

pub(super) fn sa_identity(value: &[u8]) -> bool {
    matches!(value.first(), Some(b'1' | b'2')) && luhn(value)
}

pub(super) fn ir_identity(value: &[u8]) -> bool {
    let sum = weighted(value, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if sum < 2 { sum } else { 11 - sum };
    !is_repeated(value) && check == at(value, 9)
}

// The Americas.

pub(super) fn br_cpf(value: &[u8]) -> bool {
    let check = |sum: u32| if sum % 11 < 2 { 0 } else { 11 - sum % 11 };
    !is_repeated(value)
        && check(weighted(value, &[10, 9, 8, 7, 6, 5, 4, 3, 2])) == at(value, 9)
        && check(weighted(value, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2])) == at(value, 10)
}

pub(super) fn ar_cuit(value: &[u8]) -> bool {
    let check = (11 - weighted(value, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    matches!(value.get(..2), Some(b"20" | b"23" | b"24" | b"25" | b"26" | b"27" | b"30" | b"33" | b"34"))
        && check == at(value, 10)
}

/// Seven or eight digits and a check digit that may be K.
pub(super) fn cl_rut(value: &[u8]) -> bool {
    let Some((check, digits)) = value.split_last() else { return false };
    let sum: u32 = digits
        .iter()
        .rev()
        .zip([2, 3, 4, 5, 6, 7].into_iter().cycle())
        .map(|(byte, weight)| u32::from(byte.wrapping_sub(b'0')) * weight)
        .sum();
    let expected = match 11 - sum % 11 {
        11 => b'0',
        10 => b'K',
        value => b'0' + u8::try_from(value).unwrap_or(0),
    };
    *check == expected
}

pub(super) fn ec_identity(value: &[u8]) -> bool {
    matches!(number(value, 0, 2), 1..=24 | 30) && at(value, 2) < 6 && luhn(value)
}

pub(super) fn mx_curp(value: &[u8]) -> bool {
    let Some((check, rest)) = value.split_last() else { return false };
    let ordinal = |byte: u8| match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        // The Spanish alphabet counts an N with tilde after N.
        b'A'..=b'N' => u32::from(byte - b'A') + 10,
        _ => u32::from(byte.wrapping_sub(b'A')) + 11,
    };
    let sum: u32 = rest.iter().zip((2..=18).rev()).map(|(byte, weight)| ordinal(*byte) * weight).sum();
    year_month_day(value, 4)
        && matches!(value.get(10), Some(b'H' | b'M' | b'X'))
        && (10 - sum % 10) % 10 == u32::from(check.wrapping_sub(b'0'))
}

/// A person's tax number begins as the CURP does.
pub(super) fn mx_rfc(value: &[u8]) -> bool {
    year_month_day(value, 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Check = fn(&[u8]) -> bool;

    /// Published examples; each must fail once its last character is another.
    const VALID: &[(&str, Check, &str)] = &[
        ("us routing", us_bank_routing, "111000025"),
        ("ca sin", ca_social_insurance, "130692544"),
        ("uk nhs", uk_national_health, "9434765919"),
        ("es nif", es_nif, "12345678Z"),
        ("es nie", es_nie, "X1234567L"),
        ("it", it_codice_fiscale, "RSSMRA85T10A562S"),
        ("pl pesel", pl_pesel, "44051401359"),
        ("de tax", de_tax, "86095742719"),
        ("de social", de_social_security, "65170839J003"),
        ("de health", de_health_insurance, "A123456780"),
        ("nl", nl_bsn, "111222333"),
        ("pt", pt_nif, "123456789"),
        ("be", be_national, "85073003328"),
        ("se", se_personal, "8112289874"),
        ("se long", se_personal_long, "198112289874"),
        ("fi", fi_personal, "131052-308T"),
        ("fi without sign", fi_personal_hyphen, "131052308T"),
        ("ro", ro_cnp, "1630615123457"),
        ("bg", bg_egn, "7523169263"),
        ("hr", hr_oib, "33392005961"),
        ("ee", baltic_personal, "37605030299"),
        ("ch", ch_social_insurance, "7569217076985"),
        ("ie", ie_public_service, "1234567T"),
        ("tr", tr_identity, "10000000146"),
        ("cn", cn_resident, "11010519491231002X"),
        ("sg", sg_identity, "S1234567D"),
        ("sg foreign", sg_identity, "F1234567N"),
        ("in aadhaar", in_aadhaar, "234123412346"),
        ("th", th_identity, "1101700230708"),
        ("tw", tw_identity, "A123456789"),
        ("hk", hk_identity, "G123456A"),
        ("za", za_identity, "8001015009087"),
        ("ir", ir_identity, "0013542419"),
        ("br", br_cpf, "52998224725"),
        ("ar", ar_cuit, "20123456786"),
        ("cl", cl_rut, "123456785"),
        ("cl k", cl_rut, "20347878K"),
        ("mx", mx_curp, "HEGG560427MVZRRL04"),
        ("jp", jp_my_number, "123456789018"),
        ("ru snils", ru_snils, "11223344595"),
        ("ru inn", ru_inn, "500100732259"),
        ("ae", ae_identity, "784198012345678"),
        ("au tax", au_tax_file, "876543210"),
    ];

    #[test]
    fn published_examples_hold() {
        for (name, check, value) in VALID {
            assert!(check(value.as_bytes()), "{name}");
        }
    }

    #[test]
    fn a_changed_last_character_is_refused() {
        for (name, check, value) in VALID {
            let mut changed = value.as_bytes().to_vec();
            let last = changed.last_mut().unwrap();
            *last = match *last {
                b'9' => b'0',
                b'Z' => b'A',
                other => other + 1,
            };
            assert!(!check(&changed), "{name}");
        }
    }

    #[test]
    fn input_of_any_length_and_byte_never_panics() {
        for (name, check, _) in VALID {
            assert!(!check(b""), "{name}");
            for byte in [0, b'/', b'0', b'9', b':', b'A', b'Z', 0x7F, 0xFF] {
                for length in 1..20 {
                    let mut input = vec![byte; length];
                    let same = check(&input);
                    assert_eq!(check(&input), same, "{name}");
                    if let Some(first) = input.first_mut() {
                        *first = b'1';
                    }
                    check(&input);
                }
            }
        }
    }
}
