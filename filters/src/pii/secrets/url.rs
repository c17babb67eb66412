//! Passwords in the user information of URLs: `scheme://user:password@host`. User names without one are not
//! reported, and neither are templates in the password's place.

use hardpan_inference::finding::{Finding, PiiType};

use super::super::field::Field;
use super::super::finding;
use super::assignment::is_reference;
use super::{is_stand_in, skip_while};

/// Short, since every byte a pattern counts multiplies the states of the pass over the text.
pub(in super::super) const ANCHOR: &str = "://";

const USER_BYTES_MAX: usize = 64;
const PASSWORD_BYTES_MIN: usize = 3;
const PASSWORD_BYTES_MAX: usize = 256;

/// Words that documentation writes in the password's place.
const STAND_INS: [&str; 12] = [
    "password", "passwd", "pass", "pwd", "secret", "token", "user", "username", "test", "changeme", "key",
    "pw",
];
/// User names that say the password is a token.
const TOKEN_USERS: [&str; 8] =
    ["oauth2", "x-access-token", "x-token-auth", "token", "oauth", "apikey", "api", "gitlab-ci-token"];

/// Examines the user information behind the `://` at `start`. Returns where to go on.
pub(in super::super) fn examine(
    field: Field<'_>,
    start: usize,
    anchor_end: usize,
    candidates: &mut Vec<Finding>,
) -> usize {
    if let Some(found) = read(field, start + 3) {
        candidates.extend(account(field, start + 3, &found));
        candidates.push(found);
    }
    anchor_end
}

/// The account before a password, unless it is one that every installation has.
fn account(field: Field<'_>, start: usize, password: &Finding) -> Option<Finding> {
    const SHARED: [&str; 24] = [
        "root",
        "admin",
        "administrator",
        "postgres",
        "mysql",
        "user",
        "username",
        "guest",
        "test",
        "default",
        "sa",
        "app",
        "service",
        "svc",
        "api",
        "token",
        "oauth2",
        "oauth",
        "x-access-token",
        "x-token-auth",
        "git",
        "deploy",
        "db",
        "dbuser",
    ];
    let end = password.range.start.checked_sub(1).filter(|end| *end > start)?;
    let user = field.slice(start, end);
    let named = user.len() > 2
        && user.first().is_some_and(u8::is_ascii_alphabetic)
        && user.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        && !SHARED.iter().any(|shared| user.eq_ignore_ascii_case(shared.as_bytes()));
    (named && password.kind == PiiType::Password).then(|| finding(PiiType::Username, start, end, 70))
}

fn read(field: Field<'_>, user_start: usize) -> Option<Finding> {
    let is_user = |byte: u8| !byte.is_ascii_whitespace() && !b"/@:\"'<>[]?#,".contains(&byte);
    let user_end = skip_while(field, user_start, USER_BYTES_MAX, is_user);
    if field.at(user_end) != b':' {
        return None;
    }
    let start = user_end + 1;
    let stop =
        |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'"' | b'\'' | b'<' | b'>' | b'`');
    let mut end = skip_while(field, start, PASSWORD_BYTES_MAX, |byte| byte != b'@' && !stop(byte));
    // An at sign in the password itself is against the rules and common.
    let longer =
        skip_while(field, end + 1, PASSWORD_BYTES_MAX, |byte| byte != b'@' && !stop(byte) && byte != b',');
    if field.at(longer) == b'@' && field.at(end) == b'@' && !field.slice(end + 1, longer).contains(&b':') {
        end = longer;
    }
    let host = field.at(end + 1);
    let (user, password) = (field.slice(user_start, user_end), field.slice(start, end));
    let whole = field.at(end) == b'@' && (host.is_ascii_alphanumeric() || matches!(host, b'[' | b'$' | b'{'));
    let is_word =
        |words: &[&str], value: &[u8]| words.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()));
    if !whole
        || !(PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&password.len())
        || is_reference(password)
        || is_stand_in(password)
        || is_word(&STAND_INS, password)
        || user.eq_ignore_ascii_case(password)
            && is_word(&["postgres", "root", "admin", "guest", "mysql"], user)
    {
        return None;
    }
    // Package registries give out a pair of short hexadecimal halves instead of a token.
    if is_hexadecimal_pair(user, password)
        && field.slice(end, field.len().min(end + 40)).windows(10).any(|part| part == b"contribsys")
    {
        return Some(finding(PiiType::ApiKey, user_start, end, 96));
    }
    let is_token = is_word(&TOKEN_USERS, user) && password.len() >= 16;
    let kind = if is_token { PiiType::ApiKey } else { PiiType::Password };
    // The end of a password and the host behind it look like an address of mail.
    Some(finding(kind, start, end, 97))
}

fn is_hexadecimal_pair(user: &[u8], password: &[u8]) -> bool {
    let is_half = |value: &[u8]| value.len() == 8 && value.iter().all(u8::is_ascii_hexdigit);
    is_half(user) && is_half(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<(PiiType, &str)> {
        let start = text.find("://").unwrap();
        let mut candidates = Vec::new();
        examine(Field::new("", text), start, start + 4, &mut candidates);
        candidates.pop().map(|finding| (finding.kind, &text[finding.range]))
    }

    #[test]
    fn passwords_are_taken_between_user_and_host() {
        for (text, password) in [
            ("postgres://app:k3Rv-9xQ@db.internal:5432/prod", "k3Rv-9xQ"),
            ("redis://:s3cr3tPw@cache:6379", "s3cr3tPw"),
            ("amqp://svc:a@b9!c@rabbit.example.org", "a@b9!c"),
        ] {
            assert_eq!(found(text), Some((PiiType::Password, password)), "{text}");
        }
        assert_eq!(
            found("https://oauth2:Zk39fjwQm20dkXmAq81x@git.example.org/a.git").map(|found| found.0),
            Some(PiiType::ApiKey)
        );
    }

    #[test]
    fn ports_templates_and_words_are_no_passwords() {
        for text in [
            "http://host.example.org:8080/a@b",
            "https://user@host.example.org:443/",
            "mysql://root:${DB_PASSWORD}@localhost",
            "mysql://user:password@localhost",
            "ftp://user:<password>@host",
            "http://user:xxxxxxxx@host",
            "http://a:b c@d",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
