//! Decimals as AWS writes them in exports (signs, exponents, more digits than a nano-dollar has), held as whole
//! numbers. No float takes part.

/// Digits kept behind the point.
pub(crate) const SCALE: u32 = 15;
const ONE: i128 = 1_000_000_000_000_000;
const DIGITS_MAX: usize = 64;
/// Beyond it a number is none that money or tokens are counted in.
const SIZE_MAX: i128 = 1_000_000_000_000_000_000_000_000_000_000_000;

/// A number of 10^-15. Further digits are cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Decimal(pub i128);

impl Decimal {
    pub(crate) fn parse(text: &str) -> Option<Decimal> {
        let text = text.trim();
        if text.len() > DIGITS_MAX {
            return None;
        }
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, digits) = match mantissa.strip_prefix(['-', '+']) {
            Some(rest) => (mantissa.starts_with('-'), rest),
            None => (false, mantissa),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !is_number(whole) || !is_number(fraction) {
            return None;
        }
        let mut value: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            value = value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
        }
        let shift =
            i32::try_from(SCALE).ok()?.checked_add(exponent)?.checked_sub(fraction.len().try_into().ok()?)?;
        let power = 10_i128.checked_pow(shift.unsigned_abs());
        let value = match (shift >= 0, power) {
            (true, Some(power)) => value.checked_mul(power)?,
            (false, Some(power)) => value / power,
            (true, None) if value != 0 => return None,
            (_, None) => 0,
        };
        (value <= SIZE_MAX).then_some(Decimal(if negative { -value } else { value }))
    }

    /// Times a whole number, rounded half away from zero to a whole number.
    pub(crate) fn times(self, factor: i128) -> Option<i128> {
        let exact = self.0.checked_mul(factor)?;
        let half = if exact < 0 { -(ONE / 2) } else { ONE / 2 };
        Some(exact.checked_add(half)? / ONE)
    }

    /// Nano-units, where it is not negative.
    pub(crate) fn nanos(self, factor: i128) -> Option<u64> {
        u64::try_from(self.times(factor.checked_mul(1_000_000_000)?)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_as_exports_write_them() {
        for (text, femto) in [
            ("0", 0),
            ("1", ONE),
            ("-1.5", -3 * ONE / 2),
            ("+2", 2 * ONE),
            (".5", ONE / 2),
            ("5.", 5 * ONE),
            ("0.0000600000", 60_000_000_000),
            ("3.3E-7", 330_000_000),
            ("1e3", 1_000 * ONE),
            ("1e-40", 0),
            ("0e40", 0),
            ("0.0000000000000019", 1),
            (" 1 ", ONE),
        ] {
            assert_eq!(Decimal::parse(text), Some(Decimal(femto)), "{text}");
        }
        for text in ["", "-", ".", "1,5", "1.2.3", "NaN", "inf", "1e", "1e400", "--1", "0x1", "1e99999999999"]
        {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
        assert_eq!(Decimal::parse(&"9".repeat(65)), None);
        assert_eq!(Decimal::parse(&"9".repeat(40)), None);
    }

    #[test]
    fn products_are_rounded_once() {
        let decimal = |text| Decimal::parse(text).unwrap();
        assert_eq!(decimal("0.0000005").times(1_000_000), Some(1));
        assert_eq!(decimal("0.0000004").times(1_000_000), Some(0));
        assert_eq!(decimal("-0.0000005").times(1_000_000), Some(-1));
        assert_eq!(decimal("0.00006").nanos(1_000), Some(60_000_000));
        assert_eq!(decimal("-0.00006").nanos(1_000), None);
        assert_eq!(decimal("1e17").times(i128::MAX), None);
    }
}
