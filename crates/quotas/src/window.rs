//! Windows of time, in UTC, from milliseconds since 1970. Fixed windows: a caller can spend one window's
//! limit at its end and the next one's at its start. No clock here.

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    Minute,
    Hour,
    Day,
    /// Calendar month.
    Month,
    /// Never starts again.
    Total,
}

impl Window {
    pub const ALL: [Window; 5] = [Window::Minute, Window::Hour, Window::Day, Window::Month, Window::Total];

    pub fn name(self) -> &'static str {
        match self {
            Window::Minute => "minute",
            Window::Hour => "hour",
            Window::Day => "day",
            Window::Month => "month",
            Window::Total => "total",
        }
    }

    pub fn from_name(name: &str) -> Option<Window> {
        Window::ALL.into_iter().find(|window| window.name() == name)
    }

    /// Budgets a client cannot sensibly wait for: exceeding one is a refusal, not a throttle.
    pub fn is_hard(self) -> bool {
        matches!(self, Window::Month | Window::Total)
    }

    /// The number of the window this moment falls in. Later windows have greater numbers.
    pub fn index(self, now_ms: u64) -> u64 {
        match self {
            Window::Minute => now_ms / MINUTE_MS,
            Window::Hour => now_ms / HOUR_MS,
            Window::Day => now_ms / DAY_MS,
            Window::Month => month_index(now_ms / DAY_MS),
            Window::Total => 0,
        }
    }

    /// The window of a moment by its first millisecond and that of the next one; `end_max` where it never ends.
    pub fn bounds(self, now_ms: u64, end_max: u64) -> (u64, u64) {
        let Some(left) = self.resets_in_ms(now_ms) else { return (0, end_max) };
        let passed = match self {
            Window::Minute => now_ms % MINUTE_MS,
            Window::Hour => now_ms % HOUR_MS,
            Window::Day => now_ms % DAY_MS,
            Window::Month => now_ms % DAY_MS + days_into_month(now_ms / DAY_MS) * DAY_MS,
            Window::Total => now_ms,
        };
        (now_ms - passed, now_ms.saturating_add(left).min(end_max))
    }

    /// Milliseconds until the next window starts, at least 1. `None` when there is no next one.
    pub fn resets_in_ms(self, now_ms: u64) -> Option<u64> {
        let until = |length_ms: u64| length_ms - now_ms % length_ms;
        match self {
            Window::Minute => Some(until(MINUTE_MS)),
            Window::Hour => Some(until(HOUR_MS)),
            Window::Day => Some(until(DAY_MS)),
            Window::Month => Some(until_next_month(now_ms)),
            Window::Total => None,
        }
    }
}

/// Months since March of year 0, for days since 1970. The proleptic Gregorian calendar counted in eras of
/// 400 years that start in March, so that a leap day is the last of its year (Hinnant, "chrono-compatible
/// low-level date algorithms").
fn month_index(days: u64) -> u64 {
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_of_year = (5 * day_of_year + 2) / 153;
    (era * 400 + year_of_era) * 12 + month_of_year
}

fn days_into_month(today: u64) -> u64 {
    let month = month_index(today);
    (1..=31).find(|back| today < *back || month_index(today - back) != month).unwrap_or(1) - 1
}

fn until_next_month(now_ms: u64) -> u64 {
    let today = now_ms / DAY_MS;
    let month = month_index(today);
    // A month has at most 31 days.
    let days = (1..=31).find(|ahead| month_index(today + ahead) != month).unwrap_or(31);
    days * DAY_MS - now_ms % DAY_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-02-28T00:00:00Z.
    const LATE_FEBRUARY_2024: u64 = 1_709_078_400_000;

    #[test]
    fn a_window_ends_when_the_next_begins() {
        for (window, at, length) in [
            (Window::Minute, 1_700_000_000_123, MINUTE_MS),
            (Window::Hour, 1_700_000_000_123, HOUR_MS),
            (Window::Day, 1_700_000_000_123, DAY_MS),
            (Window::Month, LATE_FEBRUARY_2024 + 5, 31 * DAY_MS),
            (Window::Minute, 0, MINUTE_MS),
            (Window::Month, 0, 31 * DAY_MS),
        ] {
            let left = window.resets_in_ms(at).unwrap();
            assert!((1..=length).contains(&left), "{window:?}");
            assert_eq!(window.index(at + left - 1), window.index(at), "{window:?}");
            assert_eq!(window.index(at + left), window.index(at) + 1, "{window:?}");
            let (start, end) = window.bounds(at, u64::MAX);
            assert_eq!((window.index(start), end), (window.index(at), at + left), "{window:?}");
            assert!(start == 0 || window.index(start - 1) < window.index(at), "{window:?}");
        }
        assert_eq!(Window::Total.resets_in_ms(1), None);
        assert_eq!(Window::Total.index(0), Window::Total.index(u64::MAX));
    }

    #[test]
    fn months_are_calendar_months() {
        // Leap years: 2024 has a 29 February, 2023 and 2100 do not.
        assert_eq!(Window::Month.resets_in_ms(LATE_FEBRUARY_2024), Some(2 * DAY_MS));
        // 2023-02-28 and 2100-02-28.
        assert_eq!(Window::Month.resets_in_ms(1_677_542_400_000), Some(DAY_MS));
        assert_eq!(Window::Month.resets_in_ms(4_107_456_000_000), Some(DAY_MS));
        // 2025-12-31T23:59:59.999Z, the last millisecond of a year.
        assert_eq!(Window::Month.resets_in_ms(1_767_225_599_999), Some(1));
        // Every month of 1970 to 2099 is one further than the one before, 12 to a year.
        let last_day = 47_481;
        let months: Vec<u64> = (0..=last_day).map(|day| Window::Month.index(day * DAY_MS)).collect();
        assert!(months.windows(2).all(|pair| pair[1] == pair[0] || pair[1] == pair[0] + 1));
        assert_eq!(months.last().unwrap() - months.first().unwrap(), 130 * 12 - 1);
    }

    #[test]
    fn absurd_times_do_not_overflow() {
        for window in Window::ALL {
            let _ = (window.index(u64::MAX), window.resets_in_ms(u64::MAX), window.bounds(u64::MAX, 9));
        }
    }

    #[test]
    fn names_are_read_back() {
        for window in Window::ALL {
            assert_eq!(Window::from_name(window.name()), Some(window));
        }
        assert_eq!(Window::from_name("week"), None);
    }
}
