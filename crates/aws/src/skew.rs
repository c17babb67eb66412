//! How far AWS's clock is from this machine's, learned from answers that say a signature's date was wrong.
//!
//! Only such an answer moves it, and only within a day: a clock that is further off is for an operator to set right.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::PrimitiveDateTime;
use time::macros::format_description;

/// A difference that no signature is refused for, and that the coarse date of an answer cannot tell from none.
const NOTICED_MIN_S: i64 = 30;
const CORRECTION_MAX_S: i64 = 86_400;

/// Whether an AWS error may mean that the signature's date was wrong.
pub fn is_skew_error(error_type: &str) -> bool {
    matches!(error_type, "RequestExpired" | "InvalidSignatureException" | "RequestTimeTooSkewed")
}

/// Seconds to add to this machine's clock before signing.
#[derive(Debug, Default)]
pub struct ClockSkew {
    seconds: AtomicI64,
}

impl ClockSkew {
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns from the `Date` header of an answer for which `is_skew_error` holds, to a request that was signed with a
    /// correction of `signed_with_s`. True when one signed anew would fare better: the correction has changed enough
    /// since, be it that another answer changed it.
    pub fn observe(&self, date_header: &str, now: SystemTime, signed_with_s: i64) -> bool {
        let Some(server) = http_date(date_header) else { return false };
        let offset = server.saturating_sub(unix(now));
        if offset.abs() > CORRECTION_MAX_S {
            return false;
        }
        let offset = if offset.abs() < NOTICED_MIN_S { 0 } else { offset };
        self.seconds.store(offset, Ordering::Relaxed);
        signed_with_s.abs_diff(offset) >= NOTICED_MIN_S.unsigned_abs()
    }

    /// The time to sign with, and the correction in it.
    pub fn corrected(&self, now: SystemTime) -> (SystemTime, i64) {
        let seconds = self.seconds();
        let by = Duration::from_secs(seconds.unsigned_abs());
        let moved = if seconds < 0 { now.checked_sub(by) } else { now.checked_add(by) };
        moved.map_or((now, 0), |moved| (moved, seconds))
    }

    /// The correction in use.
    pub fn seconds(&self) -> i64 {
        self.seconds.load(Ordering::Relaxed)
    }
}

fn http_date(text: &str) -> Option<i64> {
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    PrimitiveDateTime::parse(text, format).ok().map(|at| at.assume_utc().unix_timestamp())
}

fn unix(at: SystemTime) -> i64 {
    let after = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    i64::try_from(after).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tue, 15 Nov 1994 08:12:31 GMT.
    const DATE: &str = "Tue, 15 Nov 1994 08:12:31 GMT";
    const DATE_UNIX: u64 = 784_887_151;

    fn at(unix_seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(unix_seconds)
    }

    #[test]
    fn a_clock_ahead_or_behind_is_corrected_and_corrected_back() {
        let skew = ClockSkew::new();
        assert_eq!(skew.corrected(at(5)), (at(5), 0));
        assert!(skew.observe(DATE, at(DATE_UNIX - 600), 0));
        assert_eq!(skew.corrected(at(DATE_UNIX - 600)), (at(DATE_UNIX), 600));
        assert!(!skew.observe(DATE, at(DATE_UNIX - 601), 600), "nothing new");
        assert!(skew.observe(DATE, at(DATE_UNIX + 900), 601));
        assert_eq!(skew.corrected(at(DATE_UNIX + 900)), (at(DATE_UNIX), -900));
        assert!(skew.observe(DATE, at(DATE_UNIX), -900));
        assert_eq!(skew.seconds(), 0);
    }

    #[test]
    fn requests_refused_side_by_side_all_learn_of_the_correction() {
        let skew = ClockSkew::new();
        for _ in 0..3 {
            assert!(skew.observe(DATE, at(DATE_UNIX - 600), 0));
        }
        assert!(!skew.observe(DATE, at(DATE_UNIX - 600), 600), "signed anew, and refused all the same");
    }

    #[test]
    fn dates_that_cannot_be_read_or_believed_change_nothing() {
        let skew = ClockSkew::new();
        for (date, now) in [
            ("", DATE_UNIX),
            ("1994-11-15T08:12:31Z", DATE_UNIX - 600),
            (DATE, DATE_UNIX - 86_401),
            (DATE, DATE_UNIX + 86_401),
            (DATE, DATE_UNIX + 29),
        ] {
            assert!(!skew.observe(date, at(now), 0), "{date}");
            assert_eq!(skew.seconds(), 0);
        }
        assert!(skew.observe(DATE, at(DATE_UNIX - 86_400), 0));
    }

    #[test]
    fn only_errors_about_dates_and_signatures_are_asked() {
        assert!(is_skew_error("RequestTimeTooSkewed"));
        assert!(!is_skew_error("AccessDeniedException"));
    }
}
