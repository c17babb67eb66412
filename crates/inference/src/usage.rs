//! Tokens a model call used, in the five classes AWS bills apart.

use std::ops::{Add, AddAssign};

/// A count of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
#[serde(transparent)]
pub struct Tokens(pub u64);

impl Add for Tokens {
    type Output = Tokens;

    fn add(self, other: Tokens) -> Tokens {
        Tokens(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Tokens) {
        *self = *self + other;
    }
}

/// Where the figures came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageSource {
    /// The service's own count, in body, header or last stream event.
    Reported,
    /// No count arrived; bytes were counted instead.
    Estimated,
    /// Nothing was generated: refused, or answered from the cache.
    #[default]
    None,
}

/// `input` excludes cache reads and writes, as Bedrock reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct TokenUsage {
    pub input: Tokens,
    pub output: Tokens,
    pub cache_read: Tokens,
    pub cache_write_5m: Tokens,
    pub cache_write_1h: Tokens,
}

impl TokenUsage {
    pub fn cache_write(&self) -> Tokens {
        self.cache_write_5m + self.cache_write_1h
    }

    /// What Bedrock's token quota is charged in the end: input + cache writes + output × burndown; cache reads
    /// are free (Bedrock user guide, "Token burndown").
    pub fn quota_tokens(&self, output_burndown: u64) -> Tokens {
        let output = Tokens(self.output.0.saturating_mul(output_burndown));
        self.input + self.cache_write() + output
    }

    /// Figures that came later in a stream; what they leave out stays as it was known.
    pub fn after(self, known: TokenUsage) -> TokenUsage {
        let later = |new: Tokens, old: Tokens| if new.0 == 0 { old } else { new };
        TokenUsage {
            input: later(self.input, known.input),
            output: later(self.output, known.output),
            cache_read: later(self.cache_read, known.cache_read),
            cache_write_5m: later(self.cache_write_5m, known.cache_write_5m),
            cache_write_1h: later(self.cache_write_1h, known.cache_write_1h),
        }
    }

    /// The same, with so many of its cache writes known to be kept for an hour.
    pub fn with_hour_writes(mut self, hour: Tokens) -> TokenUsage {
        if self.cache_write_1h.0 == 0 && hour <= self.cache_write_5m {
            self.cache_write_5m = Tokens(self.cache_write_5m.0 - hour.0);
            self.cache_write_1h = hour;
        }
        self
    }

    pub fn is_zero(&self) -> bool {
        *self == TokenUsage::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quota_tokens_follow_bedrocks_formula() {
        let usage = TokenUsage {
            input: Tokens(100),
            output: Tokens(20),
            cache_read: Tokens(5000),
            cache_write_5m: Tokens(7),
            cache_write_1h: Tokens(3),
        };
        assert_eq!(usage.quota_tokens(5), Tokens(100 + 10 + 100));
        assert_eq!(usage.quota_tokens(1), Tokens(130));
        let told =
            TokenUsage { cache_write_5m: Tokens(10), ..TokenUsage::default() }.with_hour_writes(Tokens(4));
        assert_eq!((told.cache_write_5m, told.cache_write_1h), (Tokens(6), Tokens(4)));
        assert_eq!(usage.with_hour_writes(Tokens(1)), usage);
    }
}
