//! A day of the calendar, as a price book is dated. There is no clock and no time zone here: whoever asks how old a
//! book is says what day it is.

use std::fmt;

/// Days since 1970-01-01, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i64);

/// A text that is no day. The text itself is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a day is written YYYY-MM-DD, between 1970 and 9999")]
pub struct InvalidDay;

impl Day {
    /// Reads `2026-11-13`, and only a day there is.
    pub fn parse(text: &str) -> Result<Day, InvalidDay> {
        let well_formed = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !well_formed {
            return Err(InvalidDay);
        }
        let mut parts = text.split('-').map(str::parse::<i64>);
        let (Some(Ok(year)), Some(Ok(month)), Some(Ok(day))) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidDay);
        };
        let plausible = year >= 1970 && (1..=12).contains(&month) && (1..=31).contains(&day);
        let found = Day(days_before(year, month) + day - 1);
        // A 30th of February comes out as another day than it was read from.
        if plausible && found.to_string() == text { Ok(found) } else { Err(InvalidDay) }
    }

    pub fn from_unix_seconds(seconds: i64) -> Day {
        Day(seconds.div_euclid(86_400))
    }

    pub fn unix_seconds(self) -> i64 {
        self.0.saturating_mul(86_400)
    }

    /// Days from `earlier` to this one, negative where it is the later.
    pub fn days_since(self, earlier: Day) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Days from 1970-01-01 to the first of a month. Years are counted from March, so that the leap day comes last
/// (H. Hinnant, "chrono-compatible low-level date algorithms").
fn days_before(year: i64, month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shifted = self.0.saturating_add(719_468);
        let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        write!(formatter, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_and_written_back() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("1970-12-31", 364),
            ("2000-02-29", 11_016),
            ("2000-03-01", 11_017),
            ("2024-02-29", 19_782),
            ("2026-11-13", 20_770),
        ] {
            assert_eq!(Day::parse(text), Ok(Day(days)), "{text}");
            assert_eq!(Day(days).to_string(), text);
        }
        for days in (0..200_000).step_by(37) {
            assert_eq!(Day::parse(&Day(days).to_string()), Ok(Day(days)));
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2026",
            "2026-13-01",
            "2026-00-10",
            "2026-02-30",
            "2025-02-29",
            "2100-02-29",
            "2026-11-31",
            "2026-11-00",
            "2026-11-32",
            "26-11-13",
            "2026/11/13",
            "2026-1-013",
            "+026-11-13",
            "2026-11-13Z",
            "1969-12-31",
        ] {
            assert_eq!(Day::parse(text), Err(InvalidDay), "{text:?}");
        }
    }

    #[test]
    fn seconds_fall_on_their_day() {
        let day = Day::parse("2026-11-13").unwrap();
        assert_eq!(Day::from_unix_seconds(day.unix_seconds()), day);
        assert_eq!(Day::from_unix_seconds(day.unix_seconds() + 86_399), day);
        assert_eq!(Day::from_unix_seconds(day.unix_seconds() + 86_400).days_since(day), 1);
        assert_eq!(Day::from_unix_seconds(-1).days_since(Day(0)), -1);
    }
}
