//! Names of accounts: `username: ...`, `db_user = "..."`, `?user=...`, `CREATE USER '...'`, "user ann70".
//! The bare word "user" speaks of people far more often than of account names, so it asks for an operator
//! and a quoted value, or for a value with a digit.

use hardpan_inference::finding::{Finding, PiiType};

use super::super::field::Field;
use super::super::words::Words;
use super::super::{Anchor, finding};
use super::{is_any, is_token, is_whole_label, places};

pub(super) const ANCHOR: &str = concat!(
    r"(?i:user[ _\-]?name|user[ _\-]?handle|nick[ _\-]?name|gamertag|sam_?account_?name|nazwa u(?:ż|z)ytkownika|mi usuario|(?:mon|meu|mein|mijn|m(?:ó|o)j|mio|mitt?) login",
    r"|anv(?:ä|a)ndarnamn|brugernavn|brukernavn|k(?:ä|a)ytt(?:ä|a)j(?:ä|a)tunnus|kullan(?:ı|i)c(?:ı|i) ad(?:ı|i)m?|u(?:ž|z)ivatelsk(?:é|e) jm(?:é|e)no|login[ _\-]?(?:name|id)|user[ _\-]?login|screen[ _\-]?name|(?:be)?nutzer(?:name|kennung)|nom d'utilisateur",
    r"|meu usu(?:á|a)rio|nombre de usuario|nome utente|nome de usu(?:á|a)rio|gebruikersnaam|identifiant)",
    r"|ユーザー名|ユーザーID|ログインID|ログイン名|登录名|账号名|계정|用户名|帳號名|帐号名|사용자 이름|(?:И|и)мя пользователя|(?:Л|л)огин|아이디",
    r#"|(?i:(?:pg|db)?user|login|usr|usuario|utilisateur|benutzer|gebruiker|utente|pseudo|apodo|nick)[\\"']{0,3}[ \t]{0,2}(?::=|=>|=|:)"#,
    r"|(?i:login|nick)(?:[,;|\t)]| \|)|(?i:handle)(?:: | is | was |, | @)|(?i:handle i)[^a-z]",
    r"|(?i:create user|alter user|drop user| to) '",
    r"|(?i:log(?:s|ged)? in as|login as|sign(?:s|ed)? (?:in|up) as|registered as|known as|goes by|log(?:ged)? in with|aka|a\.k\.a\.):? [A-Za-z]|(?i:nick is )",
    r#"|(?i:user) ["'][A-Za-z]"#,
    r"|(?i:(?:be)?nutzer|utilisateur|usuario|usu(?:á|a)rio|utente|gebruiker|u(?:ż|z)ytkownik|anv(?:ä|a)ndaren?|bruker(?:en)?|kullan(?:ı|i)c(?:ı|i)) [a-z]",
    r"|(?:П|п)ользователь [a-z]|(?i:anmeldename|loginname)",
    r"|(?i:user|login) [A-Za-z]"
);

const BYTES: std::ops::RangeInclusive<usize> = 2..=40;

const WORDS: [&str; 32] = [
    "password",
    "passwd",
    "string",
    "str",
    "null",
    "none",
    "true",
    "false",
    "name",
    "username",
    "user",
    "users",
    "login",
    "required",
    "the",
    "text",
    "id",
    "is",
    "a",
    "an",
    "your",
    "my",
    "not",
    "int",
    "varchar",
    "undefined",
    "self",
    "this",
    "and",
    "or",
    "for",
    "with",
];

/// Examines the words at `anchor`. Returns where to go on.
pub(super) fn examine(field: Field<'_>, anchor: Anchor, candidates: &mut Vec<Finding>) -> usize {
    let words = field.slice(anchor.start, anchor.end);
    let statement = words.ends_with(b"'") && !words.contains(&b'=') && !words.contains(&b':');
    let value = if statement { granted(field, anchor, words) } else { labelled(field, anchor, words) };
    if let Some((start, end)) = value.filter(|(start, end)| !is_role(field.slice(*start, *end))) {
        candidates.push(finding(PiiType::Username, start, end, 80));
    }
    anchor.start + 4
}

/// The account of a database statement: behind "to" only with the host it may come from.
fn granted(field: Field<'_>, anchor: Anchor, words: &[u8]) -> Option<(usize, usize)> {
    let (start, end) = quoted(field, anchor.end - 1)?;
    let hosted = field.slice(end, end + 2) == b"'@";
    (hosted || words.len() > 5).then_some((start, end))
}

fn labelled(field: Field<'_>, anchor: Anchor, words: &[u8]) -> Option<(usize, usize)> {
    let bare = words.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let operated = words.iter().any(|byte| matches!(byte, b'=' | b':'));
    // "user name" and "login ID" are no bare words.
    let is_bare =
        (operated || words.len() <= bare + 2) && is_any(words.get(..bare).unwrap_or_default(), &BARE);
    let adjacent = is_bare && !operated && words.len() == bare + 2;
    if words.last().is_some_and(u8::is_ascii_alphabetic)
        && words.get(..words.len().saturating_sub(2)).is_some_and(|words| {
            PROFESSES.iter().any(|end| words.strip_suffix(b":").unwrap_or(words).ends_with(end))
        })
    {
        // "Signed in as ...", with the first letter of the name.
        let (start, end) = plain(field, anchor.end - 1)?;
        let fits = !field.word_before(anchor.start) && is_marked(field.slice(start, end));
        return (fits && !is_code(field, end)).then_some((start, end));
    }
    if words.len() > 7 && words.get(..8).is_some_and(|words| words.eq_ignore_ascii_case(b"handle i")) {
        return hinted(field, anchor.start, anchor.end);
    }
    if words.get(..6).is_some_and(|word| word.eq_ignore_ascii_case(b"handle")) && operated_or_said(words) {
        return handled(field, anchor);
    }
    if words.get(4..6).is_some_and(|marks| matches!(marks, [b' ', b'"' | b'\''])) {
        // "User 'ann' not found".
        let (start, end) = quoted(field, anchor.end - 2)?;
        let speaks = is_any(word_at(field, end + 2), &HAPPENS) && field.at(end + 1) == b' ';
        let fits = !field.word_before(anchor.start) && (speaks || is_marked(field.slice(start, end)));
        return (fits && !is_any(field.slice(start, end), &MACHINES)).then_some((start, end));
    }
    let foreign = words.last().is_some_and(u8::is_ascii_alphabetic)
        && words.iter().rposition(|byte| *byte == b' ') == words.len().checked_sub(2)
        && !is_bare;
    if foreign {
        let (start, end) = plain(field, anchor.end - 1)?;
        let fits = !field.word_before(anchor.start)
            && (has_digit_at_end(field, start, end)
                || !words.is_ascii() && is_marked(field.slice(start, end)));
        return (fits && !is_code(field, end)).then_some((start, end));
    }
    let named = anchor.end - usize::from(words.last() == Some(&b' '));
    let name_end = if is_bare && (operated || adjacent) { anchor.start + bare } else { named };
    if !is_whole_label(field, anchor.start, name_end) {
        return None;
    }
    // A speaker in a conversation: "user: ...".
    let opens_line = anchor.start == 0
        || field.at(anchor.start - 1) == b'\n'
        || anchor.start > 1 && field.slice(anchor.start - 2, anchor.start) == b"\\n";
    let spoken = is_bare
        && opens_line
        && words.ends_with(b":")
        && field.names_any(const { &Words::new(&["assistant", "agent", "bot", "model"]) }, anchor.start, 160);
    if spoken {
        return None;
    }
    if adjacent {
        let is_account = |(start, end): &(usize, usize)| {
            has_digit_at_end(field, *start, *end) || logs_in(field, *start, *end)
        };
        return plain(field, name_end + 1).filter(is_account).or_else(|| {
            // "The user is ..." speaks of people.
            let is_login = field.slice(anchor.start, name_end).eq_ignore_ascii_case(b"login");
            if is_login { said(field, anchor.start, name_end) } else { None }
        });
    }
    let Some((operator, position)) = operator_after(field, name_end) else {
        if let Some(found) = quoted(field, name_end + 1).filter(|_| field.at(name_end) == b' ' && !is_bare) {
            return Some(found);
        }
        return said(field, anchor.start, name_end)
            .or_else(|| {
                places::answer(field, name_end, |start| {
                    let (start, end) = plain(field, start)?;
                    let fits = is_marked(field.slice(start, end)) || fills_turn(field, start, end);
                    fits.then_some(((start, end), end))
                })
            })
            .or_else(|| enclosed(field, name_end))
            .or_else(|| before(field, anchor.start, name_end))
            .or_else(|| hinted(field, anchor.start, name_end));
    };
    if let Some(found) = quoted(field, position) {
        return Some(found);
    }
    let (start, end) = plain(field, position)?;
    let marked = field
        .slice(start, end)
        .iter()
        .any(|byte| byte.is_ascii_digit() || matches!(byte, b'_' | b'.' | b'-'));
    let in_query = matches!(anchor.start.checked_sub(1).map(|before| field.at(before)), Some(b'?' | b'&'));
    if operator == b' ' {
        if let Some(found) = said(field, anchor.start, name_end) {
            return Some(found);
        }
        if is_any(field.slice(start, end), &STATES) {
            return None;
        }
    }
    let owned = || field.names_any(&OWNERS, anchor.start, 8) && follows_name(field, end);
    let sure = if is_bare {
        in_query
            || fills_form(field, anchor.start, words, (start, end), opens_line)
            || fills_record(field, anchor.start, (start, end), position == anchor.end)
            || (marked && operator != b' ')
            || (operator != b' ' && owned())
    } else {
        marked || ends_there(field, end)
    };
    (sure && !is_code(field, end)).then_some((start, end))
}

/// "login: annlee" on a line of its own: what speaks of people before a colon is left out.
fn fills_form(
    field: Field<'_>,
    label_start: usize,
    words: &[u8],
    name: (usize, usize),
    opens_line: bool,
) -> bool {
    let (start, end) = name;
    let speaks = ["user", "nick"]
        .iter()
        .any(|word| words.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes())));
    let dense = words.ends_with(b"=") && start == label_start + words.len();
    let ends = matches!(field.at(end), 0 | b'\n') || field.slice(end, end + 3) == b" / ";
    opens_line && !speaks && ends && (dense || words.ends_with(b":")) && is_lone_name(field.slice(start, end))
}

/// "user=annlee action=login", as programs log.
fn fills_record(field: Field<'_>, label_start: usize, name: (usize, usize), dense: bool) -> bool {
    let (start, end) = name;
    let rest = field.slice(end, field.len().min(end + 24));
    let next = rest.strip_prefix(b" ").unwrap_or_default();
    let key = next.iter().take_while(|byte| byte.is_ascii_lowercase() || **byte == b'_').count();
    let apart = label_start == 0 || matches!(field.at(label_start - 1), b' ' | b'\n');
    dense && apart && key > 0 && next.get(key) == Some(&b'=') && is_lone_name(field.slice(start, end))
}

/// "user annlee logged in".
fn logs_in(field: Field<'_>, start: usize, end: usize) -> bool {
    const ADVERBS: [&str; 10] = [
        "already",
        "currently",
        "never",
        "first",
        "successfully",
        "session",
        "still",
        "being",
        "after",
        "automatically",
    ];
    let name = field.slice(start, end);
    let follows = [&b" logged in"[..], b" logged out", b" logged on", b" logged off"];
    is_lone_name(name)
        && !is_any(name, &ADVERBS)
        && follows.iter().any(|words| field.slice(end, end + words.len()) == *words)
}

/// Small letters that are no word about accounts.
fn is_lone_name(name: &[u8]) -> bool {
    const NAME_BYTES_MIN: usize = 5;
    const SETTINGS: [&str; 16] = [
        "prompt", "local", "value", "enabled", "optional", "manual", "native", "basic", "email", "google",
        "github", "oauth", "shell", "token", "remote", "async",
    ];
    name.len() >= NAME_BYTES_MIN
        && name.iter().all(u8::is_ascii_lowercase)
        && !is_any(name, &SETTINGS)
        && !is_any(name, &STATES)
        && !is_any(name, &REPLIES)
        && !is_role(name)
}

/// "Which handle I signed up with, maybe ann_lee7?": a name that stands for nothing else, in the same sentence.
fn hinted(field: Field<'_>, label_start: usize, label_end: usize) -> Option<(usize, usize)> {
    const HINT_BYTES_MAX: usize = 48;
    static PERSONS: Words =
        Words::new(&["my", "i", "which", "your", "his", "her", "their", "our", "mein", "mi"]);
    let window = field.slice(label_end, field.len().min(label_end + HINT_BYTES_MAX));
    let sentence =
        window.iter().take_while(|byte| !matches!(byte, b'\n' | b'!' | b'=' | b'{' | b'(' | b';')).count();
    let limit = label_end + sentence;
    let personal = field.names_any(&PERSONS, label_start, 24)
        || field.names_any(const { &Words::new(&["maybe", "perhaps"]) }, limit, sentence);
    let mut position = label_end;
    while personal && position < limit {
        if !field.at(position).is_ascii_alphanumeric() {
            position += 1;
            continue;
        }
        let Some((start, end)) = plain(field, position) else {
            position +=
                1 + field.slice(position + 1, limit).iter().take_while(|byte| is_token(**byte)).count();
            continue;
        };
        let name = field.slice(start, end);
        let chosen = is_marked(name) && !name.contains(&b'.') && name.len() >= 6;
        if chosen && name.first().is_some_and(u8::is_ascii_lowercase) && !is_code(field, end) {
            return Some((start, end));
        }
        if matches!(field.at(end), b'.' | b'?') && !field.at(end + 1).is_ascii_alphanumeric() {
            return None;
        }
        position = end.max(position + 1);
    }
    None
}

/// Examines what an account is called: "an account under ann_lee", "the account annlee70".
pub(super) fn examine_account(
    field: Field<'_>,
    label_start: usize,
    label_end: usize,
    candidates: &mut Vec<Finding>,
) {
    const CALLED: [&str; 7] = [" under ", " called ", " named ", " of ", " name ", " name: ", " name is "];
    if !is_any(field.slice(label_start, label_end), &["account", "acct"]) || field.at(label_end) != b' ' {
        return;
    }
    let rest = field.slice(label_end, field.len().min(label_end + 8));
    let called = CALLED.iter().find(|words| rest.starts_with(words.as_bytes()));
    let Some((start, end)) = plain(field, label_end + called.map_or(1, |words| words.len())) else { return };
    let name = field.slice(start, end);
    let named = is_marked(name) || called.is_some() && is_hyphenated_person(name);
    if named
        && name.first().is_some_and(u8::is_ascii_lowercase)
        && !is_code(field, end)
        && field.at(end) != b'/'
    {
        candidates.push(finding(PiiType::Username, start, end, 78));
    }
}

/// "User name (ann_lee)".
fn enclosed(field: Field<'_>, label_end: usize) -> Option<(usize, usize)> {
    let (start, end) = plain(field, label_end + 2)?;
    let opened = field.slice(label_end, label_end + 2) == b" (";
    (opened && field.at(end) == b')' && is_marked(field.slice(start, end))).then_some((start, end))
}

/// "Annlee70 is my user name".
fn before(field: Field<'_>, label_start: usize, label_end: usize) -> Option<(usize, usize)> {
    let name_end = places::before(field, label_start, label_end)?;
    let start = places::starts_before(field, name_end).into_iter().next().flatten()?;
    let (start, end) = plain(field, start)?;
    (end == name_end && is_marked(field.slice(start, end))).then_some((start, end))
}

/// The account that a command takes behind an option, or before the colon of a pair.
pub(in super::super) fn examine_option(field: Field<'_>, start: usize, candidates: &mut Vec<Finding>) {
    let quoted = usize::from(matches!(field.at(start), b'"' | b'\''));
    if let Some((start, end)) = plain(field, start + quoted)
        && !is_any(field.slice(start, end), &MACHINES)
        && field.slice(start, end).iter().any(u8::is_ascii_lowercase)
        && matches!(field.at(end), b' ' | b'\n' | b':' | b'"' | b'\'' | b'%' | 0)
    {
        candidates.push(finding(PiiType::Username, start, end, 80));
    }
}

/// How what somebody goes by is introduced.
const PROFESSES: [&[u8]; 6] = [b" as", b" by", b" with", b"aka", b"AKA", b".k.a."];
const BARE: [&str; 13] = [
    "nick",
    "user",
    "login",
    "usr",
    "usuario",
    "utilisateur",
    "benutzer",
    "gebruiker",
    "utente",
    "pguser",
    "dbuser",
    "pseudo",
    "apodo",
];
/// What happens to accounts.
const HAPPENS: [&str; 22] = [
    "logged",
    "not",
    "does",
    "has",
    "is",
    "was",
    "could",
    "cannot",
    "can't",
    "failed",
    "created",
    "deleted",
    "already",
    "added",
    "removed",
    "locked",
    "disabled",
    "connected",
    "authenticated",
    "signed",
    "doesn't",
    "exists",
];

fn word_at(field: Field<'_>, start: usize) -> &[u8] {
    let window = field.slice(start, field.len().min(start + 16));
    let length = window.iter().take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'\'').count();
    window.get(..length).unwrap_or_default()
}

fn operated_or_said(words: &[u8]) -> bool {
    words.len() > 7 && words.get(6).is_some_and(|byte| matches!(byte, b':' | b' ' | b','))
}

/// "My handle is @ann_lee", "handle: ann.lee": handles of files and doors have no such names.
fn handled(field: Field<'_>, anchor: Anchor) -> Option<(usize, usize)> {
    let at_sign = usize::from(field.at(anchor.end - 1) != b'@' && field.at(anchor.end) == b'@');
    let is_at = at_sign == 1 || field.at(anchor.end - 1) == b'@';
    let (start, end) = plain(field, anchor.end + at_sign)?;
    let owned = field.names_any(&OWNERS, anchor.start, 16) && follows_name(field, end);
    const REACTIONS: [&[u8]; 4] = [b"on_", b"on-", b"handle", b"event"];
    let reacts = REACTIONS.iter().any(|reaction| field.slice(start, end).starts_with(reaction))
        || field.slice(end, end + 2) == b"::";
    let fits =
        !reacts && !field.word_before(anchor.start) && (is_at || is_marked(field.slice(start, end)) || owned);
    (fits && !is_code(field, end)).then_some((start, end))
}

/// Words that come between "login" and an account in a sentence.
const VERBS: [&str; 10] = ["is", "was", "est", "es", "ist", "lautet", "jest", "to", "er", "az"];
/// Those that are no ASCII, with the space behind them.
const ACCENTED_VERBS: [&str; 2] = ["é ", "è "];
/// Whether the name is all that a speaker says: "customer: annlee".
fn fills_turn(field: Field<'_>, start: usize, end: usize) -> bool {
    const NAME_BYTES_MIN: usize = 5;
    let name = field.slice(start, end);
    let before = field.slice(start.saturating_sub(2), start);
    let ends = field.at(end) == b'\n' || end == field.len();
    before == b": "
        && ends
        && name.len() >= NAME_BYTES_MIN
        && name.iter().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'.' | b'_'))
        && !is_any(name, &STATES)
        && !is_any(name, &REPLIES)
}

const REPLIES: [&str; 25] = [
    "hello",
    "sorry",
    "thanks",
    "thank",
    "sure",
    "maybe",
    "please",
    "never",
    "nothing",
    "don't",
    "forgot",
    "unknown",
    "okay",
    "right",
    "exactly",
    "correct",
    "really",
    "cancel",
    "agent",
    "wait",
    "again",
    "what",
    "which",
    "where",
    "forgotten",
];

/// Words that make an account somebody's own, and what is said of accounts besides their names.
static OWNERS: Words = Words::new(&[
    "my", "mi", "mon", "mein", "mijn", "mio", "meu", "moja", "moje", "mój", "min", "mitt", "benim", "our",
    "his", "her", "their",
]);
const STATES: [&str; 39] = [
    "wrong",
    "invalid",
    "taken",
    "locked",
    "blocked",
    "missing",
    "incorrect",
    "correct",
    "still",
    "already",
    "gone",
    "being",
    "now",
    "same",
    "different",
    "case",
    "too",
    "also",
    "unknown",
    "expired",
    "disabled",
    "valid",
    "available",
    "incorrecto",
    "inválido",
    "obligatorio",
    "obligatoire",
    "obbligatorio",
    "erforderlich",
    "bereits",
    "nicht",
    "requis",
    "vereist",
    "verplicht",
    "wymagana",
    "errato",
    "mandatory",
    "falsch",
    "incorrect",
];

/// A name that people choose for accounts and prose has no word for: with a digit, an underscore or a dot in it.
fn is_marked(name: &[u8]) -> bool {
    let letters = name.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let dots = name.iter().filter(|byte| **byte == b'.').count();
    letters >= 3
        && (name.last().is_some_and(u8::is_ascii_digit) || name.contains(&b'_') || dots == 1 && letters >= 6)
}

/// "My login is ann_lee", "user name annlee70", "my user name is annlee and": no sign between the words and the name.
fn said(field: Field<'_>, label_start: usize, label_end: usize) -> Option<(usize, usize)> {
    let rest = field.bytes().get(label_end..)?;
    let particle = ["是", "は", "는", "은"].iter().find(|particle| rest.starts_with(particle.as_bytes()));
    let mut start = label_end + particle.map_or(0, |particle| particle.len());
    start += usize::from(field.at(start) == b' ');
    let delimited = matches!(field.at(label_end.saturating_sub(1)), b',' | b';' | b'|' | b')' | b'\t');
    if start == label_end || delimited {
        return None;
    }
    let verb = field.slice(start, field.len().min(start + 8));
    let verb =
        verb.get(..verb.iter().take_while(|byte| byte.is_ascii_alphabetic()).count()).unwrap_or_default();
    let accented = ACCENTED_VERBS
        .iter()
        .find(|verb| field.bytes().get(start..).is_some_and(|rest| rest.starts_with(verb.as_bytes())));
    let is_said = is_any(verb, &VERBS) && field.at(start + verb.len()) == b' ' || accented.is_some();
    if is_said {
        start += accented.map_or(verb.len() + 1, |verb| verb.len());
    }
    let (start, end) = plain(field, start)?;
    let name = field.slice(start, end);
    let first = field.slice(label_start, label_end).split(|byte| *byte == b' ').next().unwrap_or_default();
    let owned = is_said
        && (OWNERS.has(first) || field.names_any(&OWNERS, label_start, 12))
        && name.len() >= 5
        && !is_any(name, &STATES);
    let sure = is_said
        || !field.at(label_start).is_ascii()
        || name.last().is_some_and(u8::is_ascii_digit)
        || name.contains(&b'_') && label_end - label_start > 5;
    let fits = sure && is_marked(name)
        || owned && name.iter().all(u8::is_ascii_lowercase) && follows_name(field, end);
    (fits && !is_code(field, end)).then_some((start, end))
}

/// Whether a list, a clause or nothing follows.
fn follows_name(field: Field<'_>, end: usize) -> bool {
    let rest = field.slice(end, field.len().min(end + 5));
    matches!(rest.first(), None | Some(b',' | b';' | b'\n' | b'!' | b'?'))
        || [&b" and "[..], b" y ", b" et ", b" und ", b" e ", b" en ", b" i ", b" og ", b" och "]
            .iter()
            .any(|word| rest.starts_with(word))
        || rest.starts_with(b".") && !rest.get(1).is_some_and(u8::is_ascii_alphanumeric)
}

/// Places where people are known by names of their own choice.
pub(super) const PLATFORM_ANCHOR: &str = concat!(
    r"(?i:psn|github|gitlab|steam|discord|twitch|instagram|snapchat|tiktok|twitter|telegram|reddit|skype|xbox|linkedin|bluesky|ig|insta|mastodon|roblox|minecraft|the forums?|this forum)",
    r"[ :,.!?\n]"
);

/// Examines the words at `anchor`: "discord: ann_lee", "my steam name is annlee7", "find ann_lee on twitch". Returns
/// where to go on.
pub(super) fn examine_platform(field: Field<'_>, anchor: Anchor, candidates: &mut Vec<Finding>) -> usize {
    let label_end = anchor.end - 1;
    if !is_whole_label(field, anchor.start, label_end) {
        return anchor.end;
    }
    let found = known_on(field, anchor.start).or_else(|| called(field, anchor.start, label_end));
    if let Some((start, end)) = found {
        candidates.push(finding(PiiType::Username, start, end, 80));
    }
    label_end
}

/// The name before " on " and the platform.
fn known_on(field: Field<'_>, platform: usize) -> Option<(usize, usize)> {
    let before = field.slice(platform.saturating_sub(BYTES.end() + 4), platform);
    let name_end = platform - before.len() + before.strip_suffix(b" on ")?.len();
    let head = field.slice(name_end.saturating_sub(*BYTES.end()), name_end);
    let length = head
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        .count();
    let (start, end) = plain(field, name_end - length)?;
    (end == name_end && is_marked(field.slice(start, end))).then_some((start, end))
}

/// The name behind the platform.
fn called(field: Field<'_>, label_start: usize, label_end: usize) -> Option<(usize, usize)> {
    const NOUNS: [&str; 9] = ["name", "handle", "tag", "id", "user", "username", "login", "nick", "account"];
    let mut end = label_end;
    let noun = field.slice(end + 1, field.len().min(end + 12));
    let noun =
        noun.get(..noun.iter().take_while(|byte| byte.is_ascii_alphabetic()).count()).unwrap_or_default();
    // The words of this family are read on their own.
    if is_any(noun, &["user", "username", "login"]) {
        return None;
    }
    if is_any(noun, &NOUNS) {
        end += 1 + noun.len();
    }
    if field.at(end) == b':' {
        let start = end + 1 + usize::from(field.at(end + 1) == b' ');
        // What kind of account it is may stand before its name.
        let start = if field.slice(start, start + 5) == b"live:" { start + 5 } else { start };
        let addressed = field.at(start) == b'@';
        let (start, end) = plain(field, start + usize::from(addressed))?;
        let name = field.slice(start, end);
        let fits = is_marked(name) || addressed && name.len() >= 5;
        return (fits && !is_code(field, end)).then_some((start, end));
    }
    let is_stated = field.slice(end, end + 4) == b" is ";
    if end > label_end && !is_stated && field.at(end) == b' ' {
        // "PSN ID ann_lee7".
        let (start, end) = plain(field, end + 1)?;
        return (is_marked(field.slice(start, end)) && !is_code(field, end)).then_some((start, end));
    }
    if is_stated && field.at(end + 4) != b'@' {
        return said(field, label_start, end);
    }
    // "On Discord as ann_lee#0412", "twitter handle @annlee".
    let known_as = field.slice(end, end + 4) == b" as ";
    if field.slice(end, end + 3) == b" u/" {
        return plain(field, end + 3);
    }
    let addressed = is_stated || field.slice(end, end + 2) == b" @";
    if !known_as && !addressed && field.at(end) != b' ' {
        return None;
    }
    let skipped = match (known_as || is_stated, addressed) {
        (true, _) => end + 4,
        (false, true) => end + 2,
        (false, false) => end + 1,
    };
    let (start, name_end) = plain(field, skipped + usize::from(field.at(skipped) == b'@'))?;
    let tag = field.slice(name_end, field.len().min(name_end + 5));
    let tagged = tag.len() == 5 && tag.first() == Some(&b'#') && tag.iter().skip(1).all(u8::is_ascii_digit);
    let end = if tagged { name_end + 5 } else { name_end };
    let fits =
        addressed && name_end - start >= 5 || tagged || known_as && is_marked(field.slice(start, name_end));
    (fits && !is_code(field, end)).then_some((start, end))
}

/// The operator behind a name and where the value starts.
fn operator_after(field: Field<'_>, name_end: usize) -> Option<(u8, usize)> {
    let window = field.slice(name_end, field.len().min(name_end + 12));
    let mut operator = 0;
    let mut width = 0;
    for byte in window {
        match byte {
            b'=' | b':' | b'>' => operator = *byte,
            b'"' | b'\'' if operator != 0 => break,
            b' ' | b'\t' | b'"' | b'\'' | b'\\' | b'*' => {}
            _ => break,
        }
        width += 1;
    }
    // The colon of Chinese and Japanese texts.
    let position = name_end + width;
    if operator == 0 && field.bytes().get(position..).is_some_and(|rest| rest.starts_with("：".as_bytes())) {
        return Some((b':', position + 3));
    }
    const SAYS: [&[u8]; 12] = [
        b" is ",
        b" was ",
        b" est ",
        b" es ",
        b" lautet ",
        b" ist ",
        b" to ",
        b" jest ",
        b" er ",
        "\u{20}è ".as_bytes(),
        "\u{20}é ".as_bytes(),
        "\u{20}är ".as_bytes(),
    ];
    if operator == 0
        && let Some(says) = SAYS.iter().find(|says| window.starts_with(says))
    {
        return Some((b' ', name_end + says.len()));
    }
    // A backslash before the quote belongs to an escaped quote.
    let backslash = usize::from(width > 0 && field.at(position - 1) == b'\\');
    (operator != 0).then_some((operator, position - backslash))
}

fn quoted(field: Field<'_>, position: usize) -> Option<(usize, usize)> {
    let escaped = usize::from(field.at(position) == b'\\');
    let quote = field.at(position + escaped);
    if !matches!(quote, b'"' | b'\'') {
        return None;
    }
    let (start, end) = plain(field, position + escaped + 1)?;
    let closed = field.at(end) == quote || (escaped == 1 && field.at(end) == b'\\');
    closed.then_some((start, end))
}

/// A word that may be an account's name at `start`.
fn plain(field: Field<'_>, start: usize) -> Option<(usize, usize)> {
    let window = field.slice(start, field.len().min(start + BYTES.end() + 1));
    let run = window
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        .count();
    let trailing = window.iter().take(run).rev().take_while(|byte| matches!(byte, b'.' | b'-')).count();
    let end = start + run - trailing;
    let name = field.slice(start, end);
    let named = BYTES.contains(&name.len())
        && name.iter().any(u8::is_ascii_alphabetic)
        && name.first().is_some_and(u8::is_ascii_alphanumeric)
        && !is_any(name, &WORDS)
        && field.at(end) != b'@';
    named.then_some((start, end))
}

/// The account in a cell of a column called so.
pub(super) fn cell(field: Field<'_>, start: usize, end: usize) -> Option<Finding> {
    let (_, name_end) = plain(field, start)?;
    (name_end == end && !is_role(field.slice(start, end))).then(|| finding(PiiType::Username, start, end, 80))
}

/// What servers log when somebody logs in, with the first letter of the account.
pub(super) const LOG_ANCHOR: &str = concat!(
    r"(?i:(?:accepted|failed) (?:publickey|password|none|keyboard-interactive/pam) for (?:invalid user )?",
    r"|session (?:opened|closed) for user |authentication failure for |invalid user |password check failed for user \(",
    r"|(?:actor|principal|suser|duser|src_?user|dst_?user|uname|logname|acct|account_?name|actor_?name)[=:]\x22?)[a-z]",
    r"|uid=[0-9]{1,6}\([a-z]|uid=[a-z]|sudo: {1,4}[a-z]|(?:ssh|sftp|scp|mosh) [a-z]"
);

/// Accounts that belong to a machine and to nobody.
const MACHINES: [&str; 24] = [
    "system",
    "daemon",
    "anonymous",
    "nginx",
    "apache",
    "jenkins",
    "default",
    "scheduler",
    "root",
    "admin",
    "administrator",
    "postgres",
    "mysql",
    "user",
    "guest",
    "test",
    "ubuntu",
    "nobody",
    "www-data",
    "oracle",
    "git",
    "service",
    "from",
    "for",
];

/// Examines the account that ends the anchor. Returns where to go on.
pub(super) fn examine_log(field: Field<'_>, anchor: Anchor, candidates: &mut Vec<Finding>) -> usize {
    // What acts may be a program as well, and "sudo" a word.
    let words = field.slice(anchor.start, anchor.end);
    let acts = words.iter().any(|byte| matches!(byte, b'=' | b':')) && !words.starts_with(b"uid");
    let spoken = words.starts_with(b"sudo");
    let named = words.starts_with(b"uid=") && !words.contains(&b'(');
    if [&b"ssh "[..], b"sftp", b"scp ", b"mosh"].iter().any(|command| words.starts_with(command)) {
        candidates
            .extend(remote(field, anchor).map(|(start, end)| finding(PiiType::Username, start, end, 78)));
        return anchor.end;
    }
    if let Some((start, end)) = plain(field, anchor.end - 1)
        && !is_any(field.slice(start, end), &MACHINES)
        && (!acts
            || spoken
            || is_marked(field.slice(start, end))
            || is_hyphenated_person(field.slice(start, end)))
        && (!spoken || field.slice(end, end + 7) == b" : TTY=")
        && (!named || field.at(end) == b',')
        && !field.word_before(anchor.start)
    {
        candidates.push(finding(PiiType::Username, start, end, 80));
    }
    anchor.end
}

/// The account before the host that a command connects to: "ssh annlee@gate".
fn remote(field: Field<'_>, anchor: Anchor) -> Option<(usize, usize)> {
    let start = anchor.end - 1;
    let window = field.slice(start, field.len().min(start + BYTES.end()));
    let length = window
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        .count();
    let name = window.get(..length)?;
    let host = field.at(start + length + 1);
    let fits = field.at(start + length) == b'@'
        && host.is_ascii_alphanumeric()
        && name.len() >= 4
        && !field.word_before(anchor.start)
        && !is_role(name);
    fits.then_some((start, start + length))
}

/// Accounts that belong to a machine, to whoever has a task, or to a reader who is to write his own there.
fn is_role(name: &[u8]) -> bool {
    const ROLES: [&str; 26] = [
        "user1",
        "user2",
        "user01",
        "user123",
        "testuser",
        "test1",
        "example",
        "myuser",
        "newuser",
        "someuser",
        "admin1",
        "deploy",
        "ec2-user",
        "centos",
        "debian",
        "vagrant",
        "hadoop",
        "remote",
        "remoteuser",
        "username1",
        "foo",
        "bar",
        "demo",
        "operator",
        "support",
        "root",
    ];
    const STAND_INS: [&[u8]; 5] = [b"your-", b"your_", b"yourname", b"youruser", b"my_user"];
    is_any(name, &MACHINES)
        || is_any(name, &ROLES)
        || STAND_INS
            .iter()
            .any(|start| name.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start)))
}

/// "ann-lee", and not "api-gateway" or "cron-job-runner".
fn is_hyphenated_person(name: &[u8]) -> bool {
    const PROGRAMS: [&str; 32] = [
        "service",
        "system",
        "api",
        "bot",
        "worker",
        "admin",
        "gateway",
        "job",
        "cron",
        "scheduler",
        "lambda",
        "daemon",
        "agent",
        "account",
        "server",
        "client",
        "controller",
        "operator",
        "manager",
        "runner",
        "proxy",
        "sync",
        "app",
        "web",
        "db",
        "prod",
        "dev",
        "test",
        "ci",
        "user",
        "role",
        "team",
    ];
    let mut parts = name.split(|byte| *byte == b'-');
    let letters = |part: &[u8]| part.len() >= 2 && part.iter().all(u8::is_ascii_lowercase);
    let people = parts.by_ref().take(3).filter(|part| letters(part) && !is_any(part, &PROGRAMS)).count();
    name.iter().filter(|byte| **byte == b'-').count() == 1 && people == 2
}

fn has_digit_at_end(field: Field<'_>, start: usize, end: usize) -> bool {
    let name = field.slice(start, end);
    let letters = name.iter().filter(|byte| byte.is_ascii_lowercase()).count();
    name.last().is_some_and(u8::is_ascii_digit) && letters >= 3
}

/// Whether nothing but the end of a line or a list follows: prose does not name accounts.
fn ends_there(field: Field<'_>, end: usize) -> bool {
    let next = field.at(end);
    let letter_follows = next == b' ' && field.at(end + 1).is_ascii_alphanumeric();
    !letter_follows && !matches!(next, b'(' | b'[' | b'{')
}

fn is_code(field: Field<'_>, end: usize) -> bool {
    matches!(field.at(end), b'(' | b'[' | b'{')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'t>(text: &'t str, words: &str) -> Option<&'t str> {
        let start = text.find(words).unwrap();
        let mut candidates = Vec::new();
        examine(Field::new("", text), Anchor { start, end: start + words.len() }, &mut candidates);
        candidates.pop().map(|finding| &text[finding.range])
    }

    #[test]
    fn names_of_accounts_are_found() {
        for (text, words, name) in [
            ("Username: ann.lee\nPassword", "Username", "ann.lee"),
            ("Username: annlee\n", "Username", "annlee"),
            ("\"username\": \"ann_lee\"", "username", "ann_lee"),
            ("{\\\"username\\\": \\\"ann_lee\\\"}", "username", "ann_lee"),
            ("db_user = \"ops_17\"", "user =", "ops_17"),
            ("?user=annlee17&x", "user=", "annlee17"),
            ("came in, user annlee70.", "user a", "annlee70"),
            ("my login is ann_lee, help", "login i", "ann_lee"),
            ("your user name?\ncustomer: sure, ann_lee\nagent: thanks", "user name", "ann_lee"),
            ("the user name annlee70 is locked", "user name", "annlee70"),
            ("mi nombre de usuario es annlee y no entra", "nombre de usuario", "annlee"),
            ("我的用户名是 ann_lee,密码", "用户名", "ann_lee"),
            ("Мой логин annlee70, помогите", "логин", "annlee70"),
            ("CREATE USER 'dev_9'@'10.0.0.1'", "CREATE USER '", "dev_9"),
            ("the username \"annlee\" is not known", "username", "annlee"),
            ("아이디는 annlee70 이고", "아이디", "annlee70"),
            ("login: annlee\n", "login:", "annlee"),
            ("user=annlee action=login", "user=", "annlee"),
            ("user annlee logged in from home", "user a", "annlee"),
        ] {
            assert_eq!(found(text, words), Some(name), "{text}");
        }
    }

    #[test]
    fn names_on_platforms_are_found() {
        for (text, words, name) in [
            ("add ann_lee7 on psn", "psn", Some("ann_lee7")),
            ("Discord: annlee70\n", "Discord", Some("annlee70")),
            ("my steam name is ann.leeson, add me", "steam", Some("ann.leeson")),
            ("Discord brambleking#4471", "Discord", Some("brambleking#4471")),
            ("his github handle is @octo-lars", "github", Some("octo-lars")),
            ("played it on steam last night", "steam", None),
            ("works on discord: nothing to do", "discord", None),
            ("patch 1.2 on steam", "steam", None),
        ] {
            let start = text.find(words).unwrap();
            let padded = format!("{text} ");
            let mut candidates = Vec::new();
            let anchor = Anchor { start, end: start + words.len() + 1 };
            examine_platform(Field::new("", &padded), anchor, &mut candidates);
            assert_eq!(candidates.pop().map(|finding| &padded[finding.range]), name, "{text}");
        }
    }

    #[test]
    fn people_roles_and_code_are_no_account_names() {
        for (text, words) in [
            ("user: hello there", "user:"),
            ("user already logged in", "user a"),
            ("login: handleLogin\n", "login:"),
            ("username: root", "username"),
            ("username: your-username", "username"),
            ("le nom d'utilisateur est obligatoire", "nom d'utilisateur"),
            ("username: The name of the account", "username"),
            ("user = User.objects.get(id=1)", "user ="),
            ("\"username\": {\"type\": \"string\"}", "username"),
            ("username: string", "username"),
            ("username: ann@example.org", "username"),
            ("superuser: ops_17", "user:"),
            ("my username is wrong, help", "username"),
            ("the login is broken", "login i"),
            ("nombre de usuario es obligatorio para entrar", "nombre de usuario"),
        ] {
            assert_eq!(found(text, words), None, "{text}");
        }
    }
}
