//! What hashes of users are made with. A salt that changes with time keeps what one user did from being joined over
//! longer than a period; the number of the period stands in the record, so that hashes of one period can be compared.
//! All salts follow from one secret: who holds it can recompute each of them.

use std::sync::{Mutex, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::record::user_id_hash;

/// No `Debug`: it holds a secret.
pub struct UserSalt {
    secret: Zeroizing<String>,
    /// None: the secret itself is the salt, for ever.
    period_s: Option<u64>,
    /// The salt of the period asked for last.
    current: Mutex<(u64, Zeroizing<[u8; 32]>)>,
}

impl UserSalt {
    pub fn new(secret: Zeroizing<String>, period_s: Option<u64>) -> Self {
        let period_s = period_s.filter(|period| *period > 0);
        let first = Zeroizing::new(salt(&secret, 0));
        Self { secret, period_s, current: Mutex::new((0, first)) }
    }

    /// The hash of a user at a time, and the number of the period, where there are periods.
    pub fn hash(&self, user: &str, unix_seconds: i64) -> (String, Option<u64>) {
        let Some(period_s) = self.period_s else {
            return (user_id_hash(self.secret.as_bytes(), user), None);
        };
        let epoch = u64::try_from(unix_seconds).unwrap_or_default() / period_s;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 != epoch {
            *current = (epoch, Zeroizing::new(salt(&self.secret, epoch)));
        }
        (user_id_hash(current.1.as_slice(), user), Some(epoch))
    }
}

fn salt(secret: &str, epoch: u64) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of every length");
    mac.update(b"hardpan user salt\n");
    mac.update(&epoch.to_be_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn salt_of(secret: &str, period_s: Option<u64>) -> UserSalt {
        UserSalt::new(Zeroizing::new(secret.to_owned()), period_s)
    }

    #[test]
    fn without_periods_the_secret_is_the_salt() {
        for period in [None, Some(0)] {
            let expected = (user_id_hash(b"salt", "anna"), None);
            assert_eq!(salt_of("salt", period).hash("anna", 5_000_000), expected);
        }
    }

    #[test]
    fn a_hash_holds_for_a_period_and_no_longer() {
        let salt = salt_of("salt", Some(100));
        let (first, epoch) = salt.hash("anna", 199);
        assert_eq!(epoch, Some(1));
        assert_eq!(salt.hash("anna", 100).0, first);
        assert_eq!(salt.hash("anna", 200).1, Some(2));
        assert_ne!(salt.hash("anna", 200).0, first);
        assert_ne!(salt.hash("bob", 150).0, first);
        // Going back gives the same again, in another process too.
        assert_eq!(salt.hash("anna", 150).0, first);
        assert_eq!(salt_of("salt", Some(100)).hash("anna", 150).0, first);
        assert_ne!(salt_of("other", Some(100)).hash("anna", 150).0, first);
        // A clock before 1970 is no reason to fail.
        assert_eq!(salt.hash("anna", -5).1, Some(0));
    }
}
