//! Secrets without a form of their own, found by the name they are given to: `password: ...`,
//! `"client_secret": "..."`, `Authorization: Bearer ...`, `IDENTIFIED BY '...'`, "my password is ...".
//!
//! The name and the operator promise a secret; the value must then look like one. References to a secret
//! kept elsewhere, masks, placeholders, identifiers, digests and function calls do not.

use hardpan_inference::finding::{Finding, PiiType};

use super::super::context::{examine_option, is_whole_label, label_end};
use super::super::field::{Field, is_unspaced};
use super::super::finding;
use super::super::words::Words;
use super::formats::case_changes;
use super::{contains_ignoring_case, count, entropy_bits, is_stand_in, skip_while};

/// Names of passwords in several languages. The short ones need their operator at once.
pub(in super::super) const PASSWORD_ANCHOR: &str = concat!(
    r"(?i:passw(?:or)?d|passphrase|pass[ _\-]code|passcode|passwor[td]|pass?wrod|pasword|passowrd|p(?:s|as)swd|pswd|kennwort|mot de passe|contrase(?:ñ|n)a|senha|wachtwoord",
    r"|lozinka|parola|hasło|lösenord|l(?:ø|o)senord|adgangskode|passord|heslo|jelsz(?:ó|o)|salasana|(?:ş|Ş|s)ifre(?:m|niz|si)?|palavra-passe",
    r"|palavra passe|kata sandi|m(?:ậ|a)t kh(?:ẩ|a)u|identified (?:with [a-z0-9_]+ )?by|пароль|(?:wpa[23]?|wi-?fi|wlan|network|netzwerk)[ _\-](?:key|schl(?:ü|u)ssel)|clave (?:del? (?:la )?)?(?:wi-?fi|cuenta|acceso|usuario|correo|portal|router))|П(?:ароль|АРОЛЬ)|パスワード|密码|密碼|비밀번호|비번|암호",
    r#"|(?i:pass|pwd|psw|pw|mdp|psk|clave)(?:[\\"'\]]{0,3}[ \t]{0,2}(?::=|=>|=|:)|[,;|\t])"#
);

/// Names of tokens and keys.
pub(in super::super) const TOKEN_ANCHOR: &str = concat!(
    r"(?i:api[ _\-]?key|api[ _\-]?token|api[ _\-]?secret|cl(?:é|e) (?:d')?api|clave (?:de )?(?:la )?api|chave (?:de |da )?api",
    r"|chiave (?:dell')?api|api[ \-]schl(?:ü|u)ssel|api[ \-]?sleutel|klucz(?:a)? api|api[ \-]?anahtar|apikey|license[ _\-]key|access[ _\-]?(?:key|token)|client[ _\-]?secret",
    r"|auth[ _\-]?(?:key|token)|authorization|secret[ _\-]?(?:access[ _\-]?)?key|account[ _\-]?key",
    r"|(?:refresh|session|bot|bearer|private|app|service)[ _\-]?token|(?:signing|encryption|webhook|master|deploy|subscription|ingest)[ _\-]?(?:key|secret))",
    r"|APIキー|API密钥|API 密钥|アクセストークン|API 키|API-ключ|токен|(?i:jeton|token|secret|credentials?|creds)"
);

/// `Bearer` and the beginning of a token.
pub(in super::super) const BEARER_ANCHOR: &str = r"(?i:bearer|basic) [A-Za-z0-9+/_\-]{2}";

/// `pass` and the beginning of a word: prose speaks of other passes, so the word must look like a password.
pub(in super::super) const PASS_ANCHOR: &str = r"(?i:pass|pwd|pw) [A-Za-z0-9]";

const SCHEMES: [&[u8]; 9] =
    [b"token", b"apikey", b"api-key", b"key", b"splunk", b"sso-key", b"bot", b"geniekey", b"pat"];

const NAME_TAIL_BYTES_MAX: usize = 24;
const WORDS_MAX: usize = 6;
const PROSE_BYTES_MAX: usize = 48;
const PASSWORD_BYTES_MIN: usize = 4;
const PASSWORD_BYTES_MAX: usize = 128;
/// From its name to the end of a password that is a sentence.
pub(in super::super) const PASSWORD_WINDOW: usize = PROSE_BYTES_MAX + PASSWORD_BYTES_MAX;
const TOKEN_BYTES_MIN: usize = 16;
const TOKEN_BYTES_MAX: usize = 2048;
const TOKEN_ENTROPY_BITS_MIN: f64 = 3.3;
const DIGESTS_BYTES_MIN: usize = 32;

/// How a value is tied to its name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    /// `=`, `:`, `:=`, `=>`, or an element of XML.
    Assigns,
    /// "is", "was", "to".
    Says,
    /// Nothing but a space.
    Follows,
}

/// A value and the way it is written.
struct Value<'t> {
    start: usize,
    end: usize,
    bytes: &'t [u8],
    quoted: bool,
    operator: Operator,
    /// No space anywhere around the operator, as in minified code.
    dense: bool,
}

/// Examines what follows a password's name from `start` to `end`.
pub(in super::super) fn examine_password(
    field: Field<'_>,
    start: usize,
    end: usize,
    candidates: &mut Vec<Finding>,
) {
    let name_end = label_end(field, start, end);
    if !is_whole_label(field, start, name_end) && !joins_password(field, start) {
        return;
    }
    let Some(mut value) = value_after(field, name_end, is_password_tail) else {
        return;
    };
    // Among other scripts a word in Latin letters is no prose.
    let among_others = field.char_at(start).is_some_and(is_unspaced) && value.bytes.is_ascii();
    if value.operator == Operator::Says && among_others {
        value.operator = Operator::Assigns;
        value.quoted = true;
    }
    // "Mein Passwort Zt7-qqPx" says it as well.
    if value.operator == Operator::Follows && is_owned(field, start) {
        value.operator = Operator::Says;
    }
    let phrase = contains_ignoring_case(field.slice(start, name_end), b"phrase");
    if let Some(end) = words_end(field, &value).filter(|_| phrase) {
        candidates.push(finding(PiiType::Password, value.start, end, 85));
        return;
    }
    if is_password(field, &value, phrase) {
        let confidence = if value.operator == Operator::Assigns { 92 } else { 85 };
        candidates.push(finding(PiiType::Password, value.start, value.end, confidence));
    }
}

/// The end of a passphrase of a few words that fill the rest of a line, none of which joins others to a sentence.
fn words_end(field: Field<'_>, value: &Value<'_>) -> Option<usize> {
    const WORDS: std::ops::RangeInclusive<usize> = 3..=8;
    const WORD_BYTES: std::ops::RangeInclusive<usize> = 3..=10;
    static JOINS: Words = Words::new(&[
        "the", "your", "for", "and", "not", "any", "from", "with", "that", "this", "use", "used", "enter",
        "must", "should", "has", "have", "was", "are", "can", "will", "when", "key", "private", "optional",
        "required",
    ]);
    let end =
        skip_while(field, value.start, PASSWORD_BYTES_MAX, |byte| byte.is_ascii_lowercase() || byte == b' ');
    let ends = end == field.len() || field.at(end) == b'\n';
    let words = || field.slice(value.start, end).trim_ascii_end().split(|byte| *byte == b' ');
    let fits = value.operator == Operator::Assigns
        && !value.quoted
        && WORDS.contains(&words().count())
        && words().all(|word| WORD_BYTES.contains(&word.len()) && !JOINS.has(word));
    (ends && fits).then(|| value.start + field.slice(value.start, end).trim_ascii_end().len())
}

/// Examines what follows a token's name from `start` to `end`.
pub(in super::super) fn examine_token(
    field: Field<'_>,
    start: usize,
    end: usize,
    candidates: &mut Vec<Finding>,
) {
    let name_start = start
        - field
            .slice(start.saturating_sub(NAME_TAIL_BYTES_MAX), start)
            .iter()
            .rev()
            .take_while(|byte| is_name(**byte))
            .count();
    let label_end = label_end(field, start, token_name_end(field, start, end));
    let joined =
        start > 0 && field.at(start - 1).is_ascii_lowercase() && field.at(start).is_ascii_lowercase();
    if joined {
        return;
    }
    if field.slice(start, end).get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"cred")) {
        candidates.extend(paired_password(field, label_end));
    }
    let tied = |value: &Value<'_>| value.operator != Operator::Follows;
    let Some(mut value) = value_after(field, label_end, is_token_tail).filter(tied) else {
        return;
    };
    // "Authorization: Token ..." names a scheme before the token.
    if SCHEMES.iter().any(|scheme| value.bytes.eq_ignore_ascii_case(scheme)) && field.at(value.end) == b' ' {
        let start = value.end + 1;
        let end = skip_while(field, start, TOKEN_BYTES_MAX, is_token_byte);
        value = Value { start, end, bytes: field.slice(start, end), quoted: true, ..value };
    }
    if is_token(field, &value) && !is_public(field.slice(name_start, label_end)) {
        candidates.push(finding(PiiType::ApiKey, value.start, value.end, 80));
    }
}

/// The password behind an account's name: "credentials: ann:Zt7-qqPx", "creds: ann / Zt7-qqPx".
fn paired_password(field: Field<'_>, label_end: usize) -> Option<Finding> {
    const NAME_BYTES_MAX: usize = 40;
    const PASSWORD_BYTES_STRONG: usize = 6;
    let start = skip_while(field, label_end + 1, 1, |byte| byte == b' ');
    let name = skip_while(field, start, NAME_BYTES_MAX, |byte| is_name(byte) || matches!(byte, b'.' | b'@'));
    let gap =
        [&b" / "[..], b":", b"/"].into_iter().find(|gap| field.slice(name, name + gap.len()) == *gap)?;
    let start_of_password = name + gap.len();
    let value = value_at(field, start_of_password, Operator::Says, false)?;
    let bytes = value.bytes;
    let strong = bytes.len() >= PASSWORD_BYTES_STRONG
        && count(bytes, u8::is_ascii_digit) > 0
        && count(bytes, u8::is_ascii_lowercase) > 0
        && (count(bytes, u8::is_ascii_uppercase) > 0
            || bytes.iter().any(|byte| b"!@#$%^&*?+".contains(byte)))
        && !bytes.contains(&b'/');
    let named = field.at(label_end) == b':' && name > start;
    (named && strong && is_password(field, &value, false))
        .then(|| finding(PiiType::Password, value.start, value.end, 80))
}

/// Examines the credentials behind `Bearer` or `Basic`.
pub(in super::super) fn examine_bearer(
    field: Field<'_>,
    start: usize,
    end: usize,
    candidates: &mut Vec<Finding>,
) {
    // The last space stands before the two bytes of the token.
    let name_end = end - 3;
    if !is_whole_label(field, start, name_end) {
        return;
    }
    let value_start = name_end + 1;
    let value_end = skip_while(field, value_start, TOKEN_BYTES_MAX, is_token_byte);
    let bytes = field.slice(value_start, value_end);
    let value = Value {
        start: value_start,
        end: value_end,
        bytes,
        quoted: true,
        operator: Operator::Assigns,
        dense: false,
    };
    if is_token(field, &value) {
        candidates.push(finding(PiiType::ApiKey, value_start, value_end, 80));
    }
}

/// The password in a cell of a column called so.
pub(in super::super) fn password_cell(field: Field<'_>, start: usize, end: usize) -> Option<Finding> {
    let bytes = field.slice(start, end);
    let value = Value { start, end, bytes, quoted: false, operator: Operator::Assigns, dense: false };
    is_password(field, &value, false).then(|| finding(PiiType::Password, start, end, 88))
}

/// The token in a cell of a column called so.
pub(in super::super) fn token_cell(field: Field<'_>, start: usize, end: usize) -> Option<Finding> {
    let bytes = field.slice(start, end);
    let value = Value { start, end, bytes, quoted: true, operator: Operator::Assigns, dense: false };
    is_token(field, &value).then(|| finding(PiiType::ApiKey, start, end, 80))
}

/// Whether the name may be that of a secret access key, and not some other issuer's.
pub(in super::super) fn may_name_secret_key(name: &[u8]) -> bool {
    const OTHERS: [&[u8]; 8] =
        [b"api", b"client", b"webhook", b"signing", b"token", b"license", b"encryption", b"subscription"];
    !OTHERS.iter().any(|part| contains_ignoring_case(name, part)) && name.is_ascii()
}

/// Passwords that commands take: `mysql -pSECRET`, `sshpass -p SECRET`, `curl -u ann:SECRET`.
pub(in super::super) const COMMAND_ANCHOR: &str = concat!(
    r"(?:mysql|mysqldump|mysqladmin|mariadb|sshpass|redis-cli|mongo|mongosh|mongodump|sqlcmd|sqlplus|docker login|htpasswd",
    r"|ldapsearch|ipmitool|smbclient|curl|wget|net use|xfreerdp|openssl|unzip|7z|zip|rpcclient|bcp|az login|plink|pscp|psql|pg_dump|pg_restore) "
);

const COMMAND_BYTES_MAX: usize = 160;
/// To the end of the last password that is looked for.
pub(in super::super) const COMMAND_WINDOW: usize = COMMAND_BYTES_MAX + PASSWORD_BYTES_MAX;

/// Examines the options behind a command's name.
pub(in super::super) fn examine_command(
    field: Field<'_>,
    start: usize,
    end: usize,
    candidates: &mut Vec<Finding>,
) {
    if field.word_before(start) {
        return;
    }
    let command = field.slice(start, end).trim_ascii_end();
    // With a space behind it `-p` is a port or a profile for most commands.
    let glued: bool =
        [&b"mysql"[..], b"mysqldump", b"mysqladmin", b"mariadb", b"7z", b"sshpass"].contains(&command);
    let options: &[&[u8]] = match command {
        b"sshpass" | b"mongo" | b"mongosh" | b"mongodump" | b"docker login" | b"az login" => &[b"-p"],
        b"redis-cli" => &[b"-a"],
        b"sqlcmd" | b"bcp" | b"ipmitool" | b"unzip" | b"zip" => &[b"-P"],
        b"ldapsearch" => &[b"-w"],
        b"plink" | b"pscp" => &[b"-pw"],
        b"curl" => &[b"-u", b"--user"],
        b"smbclient" | b"rpcclient" => &[b"-U"],
        b"xfreerdp" => &[],
        _ => &[],
    };
    let limit = field.len().min(end + COMMAND_BYTES_MAX);
    let mut position = end;
    while position < limit && !matches!(field.at(position), b'\n' | b'|' | b';') {
        let word_end = skip_while(field, position, limit - position, |byte| !byte.is_ascii_whitespace());
        let word = field.slice(position, word_end);
        match (command, word) {
            (b"zip" | b"unzip" | b"7z" | b"openssl" | b"bcp", _) => {}
            (_, b"-u" | b"-U" | b"--user" | b"--username") if field.at(word_end) == b' ' => {
                examine_option(field, word_end + 1, candidates);
            }
            (_, [b'-', b'-', b'u', b's', b'e', b'r', b'=', ..]) => {
                examine_option(field, position + 7, candidates);
            }
            _ => {}
        }
        let option = options.iter().find(|option| word == **option);
        let value_start = match option {
            Some(_) => Some(word_end + 1),
            None if glued && word.starts_with(b"-p") && word.len() > 3 => Some(position + 2),
            None if command == b"xfreerdp" && word.starts_with(b"/p:") => Some(position + 3),
            None => None,
        };
        if let Some(value_start) = value_start {
            let first = field.at(value_start);
            let quoted = usize::from(matches!(first, b'"' | b'\''));
            let value_start = value_start + quoted;
            let value_end = skip_while(field, value_start, PASSWORD_BYTES_MAX, |byte| {
                if quoted == 1 {
                    byte != first && byte != b'\n'
                } else {
                    !byte.is_ascii_whitespace() && byte != b'`'
                }
            });
            let written = field.slice(value_start, value_end);
            let paired = matches!(option, Some(&b"-u" | &b"--user" | &b"-U"));
            let user = written.iter().position(|byte| matches!(byte, b':' | b'%'));
            let secret_start = match (paired, user) {
                (true, None) => return,
                (true, Some(user)) => value_start + user + 1,
                (false, _) => value_start,
            };
            let bytes = field.slice(secret_start, value_end);
            let operator = Operator::Assigns;
            let value =
                Value { start: secret_start, end: value_end, bytes, quoted: true, operator, dense: false };
            if is_password(field, &value, false) && !bytes.starts_with(b"-") {
                candidates.push(finding(PiiType::Password, secret_start, value_end, 90));
            }
            return;
        }
        position = word_end + 1;
    }
}

/// Short names are matched with what follows them up to the operator; that tail is judged by itself.
fn token_name_end(field: Field<'_>, start: usize, end: usize) -> usize {
    let name = field.slice(start, end);
    let starts =
        |word: &str| name.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()));
    ["credentials", "credential", "secret", "token"]
        .into_iter()
        .find(|word| starts(word) && !matches!(name.get(word.len() + 1), Some(b'k' | b'K')))
        .map_or(end, |word| start + word.len())
}

/// "dbpassword" and "userpass" name passwords as well as "db_password" does.
fn joins_password(field: Field<'_>, start: usize) -> bool {
    let before = field.slice(start.saturating_sub(6), start);
    [
        "db", "user", "admin", "root", "my", "login", "ssh", "ftp", "mail", "smtp", "app", "pg", "redis",
        "sql", "vnc", "zip", "-d",
    ]
    .iter()
    .any(|part| before.to_ascii_lowercase().ends_with(part.as_bytes()))
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Names of tokens that are meant to be seen, or to guard one page for a minute.
fn is_public(name: &[u8]) -> bool {
    const PARTS: [&str; 16] = [
        "public",
        "publish",
        "csrf",
        "xsrf",
        "authenticity",
        "next",
        "page",
        "cursor",
        "continuation",
        "cancel",
        "nonce",
        "idempotency",
        "tokenizer",
        "sync",
        "verification",
        "site",
    ];
    PARTS.iter().any(|part| contains_ignoring_case(name, part.as_bytes()))
}

/// What a password's name may go on with and still name the password itself.
fn is_password_tail(tail: &[u8]) -> bool {
    const TAILS: [&str; 9] =
        ["value", "text", "string", "plain", "new", "old", "confirm", "confirmation", "again"];
    let tail = tail.strip_prefix(b"_").or_else(|| tail.strip_prefix(b"-")).unwrap_or(tail);
    tail.iter().all(u8::is_ascii_digit) || TAILS.iter().any(|part| tail.eq_ignore_ascii_case(part.as_bytes()))
}

/// What a token's name may not go on with: it then names something about the token.
fn is_token_tail(tail: &[u8]) -> bool {
    const OTHERS: [&str; 24] = [
        "id", "name", "count", "length", "file", "path", "url", "uri", "type", "size", "expir", "hash",
        "limit", "usage", "per", "manager", "arn", "version", "audience", "issuer", "field", "header",
        "endpoint", "s",
    ];
    if tail.is_empty() {
        return true;
    }
    let parts = tail.split(|byte| matches!(byte, b'_' | b'-'));
    !parts.into_iter().any(|part| OTHERS.iter().any(|other| part.eq_ignore_ascii_case(other.as_bytes())))
        && !contains_ignoring_case(tail, b"expir")
        && !contains_ignoring_case(tail, b"name")
}

/// The value tied to the name that ends at `name_end`.
fn value_after<'t>(field: Field<'t>, name_end: usize, accept_tail: fn(&[u8]) -> bool) -> Option<Value<'t>> {
    let tail_end = skip_while(field, name_end, NAME_TAIL_BYTES_MAX, is_name);
    if !accept_tail(field.slice(name_end, tail_end)) {
        return None;
    }
    if let Some(start) = paired_start(field, tail_end) {
        return value_at(field, start, Operator::Assigns, false);
    }
    let closed =
        skip_while(field, tail_end, 4, |byte| matches!(byte, b'"' | b'\'' | b'`' | b']' | b'\\' | b'*'));
    let spaced = skip_while(field, closed, 4, |byte| matches!(byte, b' ' | b'\t'));
    let (operator, after) = operator_at(field, tail_end, closed, spaced)?;
    // Bold type in a document ends behind the colon: "**Password:** ...".
    let bold = if field.slice(after, after + 2) == b"**" { after + 2 } else { after };
    let value_start = skip_while(field, bold, 4, |byte| matches!(byte, b' ' | b'\t'));
    value_at(field, value_start, operator, spaced == tail_end && value_start == after)
}

/// Where the value begins that stands apart from its name: `id="password" value="..."`, `"key": "password",
/// "value": "..."`, `variable "password" { default = "..." }`.
fn paired_start(field: Field<'_>, name_end: usize) -> Option<usize> {
    const APART_BYTES_MAX: usize = 72;
    const WORDS: [&[u8]; 4] = [b"value", b"default", b"content", b"secret_string"];
    let closed = skip_while(field, name_end, 2, |byte| matches!(byte, b'"' | b'\'' | b'\\'));
    if closed == name_end && field.at(name_end) != b'\n' {
        return None;
    }
    let between = field.at(skip_while(field, closed, 2, |byte| byte == b' '));
    if !(matches!(between, b',' | b'{' | b'\n') || between.is_ascii_alphabetic() && field.at(closed) == b' ')
    {
        return None;
    }
    let window = field.slice(closed, field.len().min(closed + APART_BYTES_MAX));
    let stop = window.iter().position(|byte| matches!(byte, b'>' | b'}' | b';')).unwrap_or(window.len());
    let lines = window.iter().take(stop).enumerate().filter(|(_, byte)| **byte == b'\n').nth(1);
    let window = window.get(..lines.map_or(stop, |(index, _)| index))?;
    let (index, word) = WORDS.iter().find_map(|word| {
        let index = window.windows(word.len()).position(|part| part.eq_ignore_ascii_case(word))?;
        Some((index, word))
    })?;
    let before = index.checked_sub(1).and_then(|before| window.get(before));
    let whole = !before.is_some_and(|byte| is_name(*byte));
    let end = closed + index + word.len();
    let operator = skip_while(field, end, 4, |byte| matches!(byte, b'"' | b'\'' | b'\\' | b' '));
    (whole && matches!(field.at(operator), b'=' | b':'))
        .then(|| skip_while(field, operator + 1, 2, |byte| byte == b' '))
}

/// The operator at `position` and where it ends.
fn operator_at(
    field: Field<'_>,
    name_end: usize,
    closed: usize,
    position: usize,
) -> Option<(Operator, usize)> {
    let rest = field.slice(position, field.len().min(position + 3));
    for written in [":==", ":=", "=>", "===", "==", "!=", "||", "=", ":", "：", "->"] {
        if rest.starts_with(written.as_bytes()) {
            let assigns = written != "||" && written != "!=";
            let after = typed_end(field, position + written.len(), written);
            return assigns.then_some((Operator::Assigns, after));
        }
    }
    let element = rest.first() == Some(&b'>') && closed == name_end;
    let argument = rest.first() == Some(&b',') && closed > name_end;
    // `PASSWORD('...')` hashes what stands in it.
    let hashed =
        rest.first() == Some(&b'(') && closed == name_end && matches!(rest.get(1), Some(b'\'' | b'"'));
    if element || argument || hashed {
        return Some((Operator::Assigns, position + 1));
    }
    if closed > name_end {
        return None;
    }
    // "Password - Zt7-qqPx", set apart on both sides.
    let dash = ["- ", "– ", "— ", "→ "]
        .iter()
        .find(|dash| field.bytes().get(position..).is_some_and(|rest| rest.starts_with(dash.as_bytes())));
    if let Some(dash) = dash.filter(|_| position > name_end) {
        return Some((Operator::Says, position + dash.len()));
    }
    operator_in_prose(field, position)
}

/// Behind the type in `name: String = "..."`.
fn typed_end(field: Field<'_>, after: usize, written: &str) -> usize {
    if written != ":" {
        return after;
    }
    let start = skip_while(field, after, 2, |byte| byte == b' ');
    let end = skip_while(field, start, 24, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'&' | b'<' | b'>')
    });
    let spaced = skip_while(field, end, 2, |byte| byte == b' ');
    let assigned = end > start && spaced > end && field.at(spaced) == b'=' && field.at(spaced + 1) != b'=';
    if assigned { spaced + 1 } else { after }
}

/// "for the admin is", "to", or nothing at all. Words after which no operator comes lead nowhere.
fn operator_in_prose(field: Field<'_>, start: usize) -> Option<(Operator, usize)> {
    static QUALIFIES: Words = Words::new(&[
        "temporal",
        "provisoire",
        "provisional",
        "provisoria",
        "provisória",
        "inicial",
        "initiale",
        "temporaneo",
        "temporanea",
        "tymczasowe",
        "dell'account",
        "dell'utente",
        "d'ordine",
        "wifi",
    ]);
    const PARTICLES: [&str; 6] = ["是", "为", "為", "は", "는", "은"];
    let limit = field.len().min(start + PROSE_BYTES_MAX);
    let mut position = start;
    let rest = field.bytes().get(start..).unwrap_or_default();
    if let Some(particle) = PARTICLES.iter().find(|particle| rest.starts_with(particle.as_bytes())) {
        let after = start + particle.len();
        return Some((Operator::Says, after + usize::from(field.at(after) == b' ')));
    }
    for words in 0..WORDS_MAX {
        let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte >= 0x80;
        let mut end = skip_while(field, position, limit.saturating_sub(position), is_letter);
        // "Dell'account", "d'ordine".
        if end > position && field.at(end) == b'\'' && is_letter(field.at(end + 1)) {
            end = skip_while(field, end + 1, limit.saturating_sub(end + 1), is_letter);
        }
        let word = field.slice(position, end);
        let next = field.at(end);
        let says =
            matches!(word, b"is" | b"was" | b"to" | b"as" | b"est" | b"ist" | b"es" | b"lautet" | b"are")
                || matches!(
                    word,
                    b"jest" | b"er" | b"era" | b"wordt" | b"war" | b"adalah" | b"on" | b"je" | b"olan"
                )
                || ["é", "è", "är", "là", "は", "是"].iter().any(|says| word == says.as_bytes());
        if says && next == b' ' {
            return Some((Operator::Says, end + 1));
        }
        if (words > 0 || QUALIFIES.has(word)) && matches!(next, b':' | b'=') && !word.is_empty() {
            return Some((Operator::Assigns, end + 1));
        }
        if word.is_empty() || next != b' ' || end >= limit {
            break;
        }
        position = end + 1;
    }
    Some((Operator::Follows, start))
}

/// Whether the name at `start` is that of somebody's own password.
fn is_owned(field: Field<'_>, start: usize) -> bool {
    const BEFORE_BYTES: usize = 24;
    static OWNERS: Words = Words::new(&[
        "my", "mi", "mon", "mein", "meine", "mijn", "mio", "mia", "meu", "minha", "moja", "moje", "min",
        "mitt", "мой",
    ]);
    field.names_any_next(&OWNERS, start, BEFORE_BYTES)
}

fn value_at(field: Field<'_>, start: usize, operator: Operator, dense: bool) -> Option<Value<'_>> {
    let opens =
        |quote: &&str| field.bytes().get(start..).is_some_and(|rest| rest.starts_with(quote.as_bytes()));
    let start =
        start + ["「", "『", "“", "„"].iter().find(|quote| opens(quote)).map_or(0, |quote| quote.len());
    let escaped = field.at(start) == b'\\' && matches!(field.at(start + 1), b'"' | b'\'');
    let quote_at = start + usize::from(escaped);
    let quote = field.at(quote_at);
    let quoted = matches!(quote, b'"' | b'\'' | b'`');
    let start = if quoted { quote_at + 1 } else { start };
    let end = if quoted {
        let closes = |byte: u8| byte == quote || byte == b'\n';
        let end = skip_while(field, start, TOKEN_BYTES_MAX, |byte| !closes(byte));
        if field.at(end) != quote {
            return None;
        }
        if escaped && field.at(end - 1) == b'\\' { end - 1 } else { end }
    } else {
        // Scripts without spaces go on behind what stands in their sentences.
        let ascii = field.at(start).is_ascii();
        let closes = |byte: u8| {
            byte.is_ascii_whitespace()
                || matches!(byte, b'"' | b'\'' | b'<' | b'`')
                || ascii && matches!(byte, 0xE2..=0xED | 0xEF)
        };
        let end = skip_while(field, start, TOKEN_BYTES_MAX, |byte| !closes(byte));
        end - field
            .slice(start, end)
            .iter()
            .rev()
            .take_while(|byte| matches!(byte, b',' | b';' | b'.' | b'\\'))
            .count()
    };
    let bytes = field.slice(start, end);
    // In a query or a connection string the next parameter begins at the separator.
    let separator = (!quoted && dense)
        .then(|| bytes.iter().position(|byte| matches!(byte, b'&' | b';' | b',')))
        .flatten()
        .filter(|index| bytes.get(*index..).is_some_and(|rest| rest.contains(&b'=') || rest.contains(&b':')));
    let end = separator.map_or(end, |index| start + index);
    let bytes = field.slice(start, end);
    (!bytes.is_empty()).then_some(Value { start, end, bytes, quoted, operator, dense })
}

/// Whether `value` names a place where the secret is kept instead of being it.
pub(super) fn is_reference(value: &[u8]) -> bool {
    let first = value.first().copied().unwrap_or(0);
    let template = matches!(first, b'<' | b'{' | b'[' | b'(')
        || value.starts_with(b"${")
        || value.starts_with(b"$(")
        || value.starts_with(b"%(")
        || value.starts_with(b"#{")
        || value.starts_with(b"!Ref")
        || contains_ignoring_case(value, b"{{")
        || contains_ignoring_case(value, b"${")
        || contains_ignoring_case(value, b"://");
    let variable = matches!(first, b'$' | b'%' | b'&' | b'@')
        && value.len() > 1
        && value.iter().skip(1).all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'_' | b'%'));
    let path = (first == b'/' || value.starts_with(b"./")) && count(value, |byte| *byte == b'/') > 1;
    template || variable || path
}

fn is_password(field: Field<'_>, value: &Value<'_>, phrase: bool) -> bool {
    static WORDS: Words = Words::new(&[
        "null",
        "none",
        "true",
        "false",
        "nil",
        "undefined",
        "string",
        "password",
        "passwd",
        "pass",
        "pwd",
        "secret",
        "changeme",
        "required",
        "optional",
        "hidden",
        "redacted",
        "masked",
        "example",
        "test",
        "todo",
        "empty",
        "invalid",
        "incorrect",
        "wrong",
        "correct",
        "reset",
        "expired",
        "username",
        "text",
        "admin",
        "root",
        "user",
        "mypassword",
        "newpassword",
        "oldpassword",
        "password1",
        "default",
        "prompt",
        "encrypted",
        "plain",
        "bcrypt",
    ]);
    let bytes = value.bytes;
    let length = bytes.len();
    // Nearly always what follows is a word of prose.
    let is_prose = || !value.quoted && !phrase && bytes.iter().all(u8::is_ascii_lowercase);
    if !(PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&length)
        || is_prose()
        || WORDS.has(bytes)
        || is_reference(bytes)
        || is_masked(bytes)
        || is_call(field, value)
        || (!value.quoted && is_identifier(bytes))
        || (!phrase && bytes.contains(&b' '))
    {
        return false;
    }
    let letters = count(bytes, u8::is_ascii_alphabetic);
    let digits = count(bytes, u8::is_ascii_digit);
    let others = length - letters - digits;
    let follows = value.operator == Operator::Follows;
    if letters == length || (digits == 0 && bytes.iter().all(|byte| is_name(*byte) || *byte == b'.')) {
        let random = letters == length && case_changes(bytes) >= 3 && length >= 6;
        let written_out =
            value.quoted && value.operator == Operator::Assigns && letters == length && length >= 5;
        return random || (written_out && !is_camel(bytes)) || (phrase && value.quoted && length >= 12);
    }
    if digits == length {
        return length >= 6 && value.operator == Operator::Assigns && (value.quoted || !value.dense);
    }
    if letters + digits == 0 {
        return false;
    }
    // "12-character", "2FA," and the like in prose; "password v2.0", "password 1Password".
    let strong = length >= 6 && (digits > 0 && letters > 0 || digits + letters > 0 && others > 0);
    let signed = bytes.iter().any(|byte| b"!@#$%^&*?+".contains(byte));
    match value.operator {
        _ if value.quoted => true,
        Operator::Assigns => digits > 0 || others > 0 && length >= 6,
        Operator::Says => strong && !is_measure(bytes),
        Operator::Follows => {
            follows
                && strong
                && (digits > 0 || signed && case_changes(bytes) >= 3)
                && letters > 1
                && length >= 8
                && !is_measure(bytes)
                && (!is_hyphenated(bytes) || signed && digits > 0 && bytes.iter().any(u8::is_ascii_uppercase))
        }
    }
}

/// "camelCase" and "PascalCase" without digits name something else.
fn is_camel(bytes: &[u8]) -> bool {
    bytes.iter().any(u8::is_ascii_uppercase)
        && bytes.iter().any(u8::is_ascii_lowercase)
        && case_changes(bytes) < 5
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && !bytes.windows(3).any(|three| three.iter().all(u8::is_ascii_uppercase))
}

/// "CFTypeRef", "kAccessPassword", "Attribute::Password", "pw[:-1]", "String)": names of types and values of programs.
fn is_identifier(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_suffix(b")").unwrap_or(bytes);
    if bytes.windows(2).any(|two| two == b"::" || two == b"[:") {
        return true;
    }
    let letters = bytes.iter().all(u8::is_ascii_alphabetic);
    let mut words = 0;
    let mut rest = bytes;
    while let Some(start) = rest.iter().position(u8::is_ascii_uppercase) {
        let capitals = rest.iter().skip(start).take_while(|byte| byte.is_ascii_uppercase()).count();
        let lower = rest.iter().skip(start + capitals).take_while(|byte| byte.is_ascii_lowercase()).count();
        if lower < 2 && start + capitals + lower < rest.len() || lower == 1 {
            return false;
        }
        words += usize::from(lower >= 2);
        rest = rest.get(start + capitals + lower..).unwrap_or_default();
    }
    letters && words > 0 && words * 9 >= bytes.len()
}

/// A number with a unit or a range behind it.
fn is_measure(bytes: &[u8]) -> bool {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = bytes.get(digits..).unwrap_or_default();
    digits > 0
        && rest.iter().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'+' | b'/' | b'.'))
}

fn is_hyphenated(bytes: &[u8]) -> bool {
    bytes.contains(&b'-') || bytes.contains(&b'/') || bytes.contains(&b'_') || bytes.contains(&b'.')
}

fn is_masked(bytes: &[u8]) -> bool {
    let masks = count(bytes, |byte| matches!(byte, b'*' | b'.' | b'#' | b'_' | b'-' | b'?'));
    let crosses = count(bytes, |byte| matches!(byte, b'x' | b'X'));
    masks * 2 > bytes.len() || crosses == bytes.len() || is_stand_in_word(bytes)
}

/// People do choose passwords like "abcd1234"; what counts here are words about passwords.
fn is_stand_in_word(bytes: &[u8]) -> bool {
    const PARTS: [&str; 12] = [
        "example",
        "placeholder",
        "changeme",
        "redacted",
        "your_",
        "your-",
        "yourpass",
        "process.env",
        "os.environ",
        "getenv",
        "_here",
        "xxxx",
    ];
    PARTS.iter().any(|part| contains_ignoring_case(bytes, part.as_bytes()))
}

/// `getpass()`, `config.password`, `env["X"]`: code that fetches a value. Quoted text is never code.
fn is_call(field: Field<'_>, value: &Value<'_>) -> bool {
    if value.quoted || value.operator != Operator::Assigns {
        return false;
    }
    let bytes = value.bytes;
    let name = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':'))
        .count();
    let after = bytes.get(name).copied().unwrap_or_else(|| field.at(value.end));
    let named = bytes.first().is_some_and(u8::is_ascii_alphabetic) && name > 1;
    let subscript =
        after == b'[' && matches!(bytes.get(name + 1), Some(b'\'' | b'"')) || bytes.ends_with(b"[");
    let dotted =
        bytes.get(..name).is_some_and(|name| name.contains(&b'.') && !name.iter().any(u8::is_ascii_digit));
    named
        && ((after == b'(' && (bytes.ends_with(b")") || bytes.ends_with(b"(")))
            || subscript
            || (dotted && name == bytes.len()))
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'~' | b'+' | b'/' | b'=')
}

fn is_token(field: Field<'_>, value: &Value<'_>) -> bool {
    let bytes = value.bytes;
    let length = bytes.len();
    if !(TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&length)
        || !bytes.iter().all(|byte| is_token_byte(*byte))
        || is_reference(bytes)
        || is_stand_in(bytes)
        || is_call(field, value)
        || (is_uuid(bytes) && !is_registry_token(field, value.start))
    {
        return false;
    }
    if is_uuid(bytes) {
        return true;
    }
    let letters = count(bytes, u8::is_ascii_alphabetic);
    let digits = count(bytes, u8::is_ascii_digit);
    let hexadecimal = bytes.iter().all(u8::is_ascii_hexdigit);
    if hexadecimal {
        let mixed = count(bytes, u8::is_ascii_uppercase) > 0 && count(bytes, u8::is_ascii_lowercase) > 0;
        // Bundles of pages ship search keys that are public; they write no spaces.
        let bundled = value.dense && value.quoted && field.at(value.start - 2) == b':';
        return length >= DIGESTS_BYTES_MIN && digits > 3 && letters > 3 && !mixed && !bundled;
    }
    let longest = bytes.split(|byte| !byte.is_ascii_alphanumeric()).map(<[u8]>::len).max().unwrap_or(0);
    let dotted = !value.quoted && bytes.contains(&b'.') && length < 30;
    // Words joined by hyphens, dots or slashes have short pieces; a token has a long one, or many digits.
    let pieced = longest <= 12 && (digits * 4 < length || bytes.starts_with(b"sk-"));
    let enough =
        digits >= 2 && letters >= 2 || digits == 0 && length >= 24 && case_changes(bytes) * 3 > length;
    enough && !dotted && !pieced && entropy_bits(bytes) >= TOKEN_ENTROPY_BITS_MIN
}

/// Package registries give out tokens that look like any identifier.
fn is_registry_token(field: Field<'_>, start: usize) -> bool {
    field.slice(start.saturating_sub(14), start).windows(10).any(|part| part == b"_authToken")
}

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Option<&str> {
        let name = [
            "passphrase",
            "password",
            "PASSWORD",
            "Password",
            "passwd",
            "Pass",
            "pass",
            "PASS",
            "IDENTIFIED BY",
            "pwd",
        ];
        let start = name.iter().find_map(|name| Some((text.find(name)?, name.len()))).unwrap();
        let mut candidates = Vec::new();
        examine_password(Field::new("", text), start.0, start.0 + start.1, &mut candidates);
        candidates.pop().map(|finding| &text[finding.range])
    }

    fn token(text: &str) -> Option<&str> {
        let names = ["api_key", "API_KEY", "apiKey", "api-key", "client_secret", "token", "TOKEN", "API key"];
        let start = names.iter().find_map(|name| Some((text.find(name)?, name.len()))).unwrap();
        let mut candidates = Vec::new();
        examine_token(Field::new("", text), start.0, start.0 + start.1, &mut candidates);
        candidates.pop().map(|finding| &text[finding.range])
    }

    #[test]
    fn passwords_are_found_behind_their_names() {
        for (text, value) in [
            ("password: k3Rv-9xQ", "k3Rv-9xQ"),
            ("DB_PASS = \"qyEDgHaSL\"", "qyEDgHaSL"),
            ("{\"password\":\"letmein\"}", "letmein"),
            ("dbPass: 'a#b$c9'", "a#b$c9"),
            ("pass := \"t#aLPLoh\"", "t#aLPLoh"),
            ("IDENTIFIED BY 'q7zi43Lq'", "q7zi43Lq"),
            ("my password is Winter2031!, thanks", "Winter2031!"),
            ("the password for the admin account is Zt7-qqPx", "Zt7-qqPx"),
            ("{\\\"password\\\": \\\"Zt7qqPx\\\"}", "Zt7qqPx"),
            ("<password>Zt7qqPx</password>", "Zt7qqPx"),
            ("?user=a&password=Zt7qqPx&x=1", "Zt7qqPx"),
            ("let password: &str = \"Zt7qqPx\";", "Zt7qqPx"),
            ("Password: *Eov4_x!R", "*Eov4_x!R"),
            ("<input id=\"password\" value=\"Zt7qqPx\">", "Zt7qqPx"),
            ("{\"key\": \"db_password\", \"value\": \"Zt7qqPx\"}", "Zt7qqPx"),
            ("variable \"db_password\" {\n  default = \"Zt7qqPx\"\n}", "Zt7qqPx"),
            ("UPDATE u SET hash = PASSWORD('Zt7qqPx')", "Zt7qqPx"),
            ("my password \u{e9} Zt7-qqPx", "Zt7-qqPx"),
            ("my password Zt7_qqPx keeps failing", "Zt7_qqPx"),
            ("password dell'account: Zt7-qqPx", "Zt7-qqPx"),
            ("Password - Zt7-qqPx", "Zt7-qqPx"),
            ("passwordは「Zt7-qqPx」です", "Zt7-qqPx"),
            ("passphrase: correct lantern walnut orbit\n", "correct lantern walnut orbit"),
        ] {
            assert_eq!(password(text), Some(value), "{text}");
        }
    }

    #[test]
    fn references_masks_and_prose_are_no_passwords() {
        for text in [
            "password must be at least 12 characters",
            "password: ********",
            "password = getpass.getpass()",
            "password = os.environ['DB_PASSWORD']",
            "PASSWORD=${DB_PASSWORD}",
            "PASSWORD=$DB_PASSWORD",
            "password: <your password>",
            "\"password\": \"changeme\"",
            "\"password\": {\"type\": \"string\"}",
            "password: string;",
            "fn new(password: String) -> Self",
            "passphrase: CFTypeRef,",
            "const PASSWORD = kAccessControlApplicationPassword",
            "the password is incorrect",
            "forgot password? Click here",
            "password = self.config.password",
            "password_hash: 5f4dcc3b5aa765d61d8327deb882cf99",
            "pass: 12",
            "passphrase: used for the private key",
            "password - required",
            "compass: k3Rv-9xQ",
        ] {
            assert_eq!(password(text), None, "{text}");
        }
    }

    #[test]
    fn tokens_are_found_behind_their_names() {
        let value = "kT9xQ2mV7bLw4Zr8NcYp3HsJ";
        for text in [
            format!("api_key = {value}"),
            format!("\"apiKey\": \"{value}\""),
            format!("X-api-key: {value}"),
            format!("client_secret={value}&grant_type=x"),
            format!("The API key for the backend: {value}."),
            format!("export MY_TOKEN={value}"),
        ] {
            assert_eq!(token(&text), Some(value), "{text}");
        }
    }

    #[test]
    fn commands_take_passwords() {
        let found = |text: &str, command: &str| {
            let start = text.find(command).unwrap();
            let mut candidates = Vec::new();
            examine_command(Field::new("", text), start, start + command.len(), &mut candidates);
            candidates.retain(|finding| finding.kind == PiiType::Password);
            candidates.pop().map(|finding| text[finding.range].to_string())
        };
        for (text, command, value) in [
            ("mysql -u root -pZt7qqPx9 shop", "mysql ", "Zt7qqPx9"),
            ("sshpass -p 'Zt7qqPx9!' ssh host", "sshpass ", "Zt7qqPx9!"),
            ("curl -s -u ann:Zt7qqPx9 https://x.example", "curl ", "Zt7qqPx9"),
            ("redis-cli -h cache -a Zt7qqPx9", "redis-cli ", "Zt7qqPx9"),
        ] {
            assert_eq!(found(text, command).as_deref(), Some(value), "{text}");
        }
        for (text, command) in [
            ("mysql -p shop", "mysql "),
            ("mysql -u root -p$DB_PASSWORD", "mysql "),
            ("curl -u ann https://x.example", "curl "),
            ("docker login -u ann", "docker login "),
        ] {
            assert_eq!(found(text, command), None, "{text}");
        }
    }

    #[test]
    fn counts_identifiers_and_references_are_no_tokens() {
        for text in [
            "token_count=6526600000000000000 max",
            "TOKEN_AUDIENCE = \"9f5ab1c2-0000-4703-b647-22ec53f3683c\"",
            "api_key = os.environ['API_KEY_FOR_SERVICE_1']",
            "api_key: \"YOUR_API_KEY_HERE_12345\"",
            "publictoken = \"kT9xQ2mV7bLw4Zr8NcYp3HsJ\"",
            "csrf-token=kT9xQ2mV7bLw4Zr8NcYp3HsJ",
            "api_key: my-service-name-2-for-api",
            "token = tokenizer.next_token(stream)",
            ",apiKey:\"0123a567b9abcdef0f23456789ab1def\"",
            "the API key is required for all requests",
        ] {
            assert_eq!(token(text), None, "{text}");
        }
    }
}
