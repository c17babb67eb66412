//! E-mail addresses, expanded by hand to both sides of an at sign (or one of its encodings), and addresses
//! spelled out with "at" and "dot". It does not
//! accept quoted local parts, address literals or hosts without a dot.

use hardpan_inference::finding::{Finding, PiiType};

use super::field::{Field, is_unspaced};
use super::finding;

/// RFC 5321 allows 64 octets; twice as many leave room for local parts outside ASCII.
const LOCAL_BYTES_MAX: usize = 128;
const LOCAL_ASCII_BYTES_MAX: usize = 64;
/// Han, kana, Hangul and Thai letters that may stand in a row in a local part, as names do. More of them are a
/// sentence that the address touches.
pub(crate) const UNSPACED_LETTERS_MAX: usize = 8;
const DOMAIN_BYTES_MAX: usize = 255;
const TOP_LEVEL_BYTES_MAX: usize = 24;

/// File endings that follow an at sign in ordinary projects ("logo@2x.png") and are no top-level domains.
const FILE_ENDINGS: [&str; 10] = ["png", "jpg", "jpeg", "gif", "svg", "webp", "js", "ts", "css", "json"];

/// Examines the at sign (or "%40") at `start`, whose first domain character lies before `end`. Returns where
/// to go on.
pub(super) fn examine(
    field: Field<'_>,
    start: usize,
    end: usize,
    floor: &mut usize,
    candidates: &mut Vec<Finding>,
) -> usize {
    let sign = sign_bytes(field, start);
    let encoded = sign > 1;
    let domain_start = start + sign;
    let Some(local_start) = local_start(field, start, *floor, encoded) else {
        return end;
    };
    if is_user_information(field, local_start) {
        return end;
    }
    let Some(domain_end) = domain_end(field, domain_start) else {
        return end;
    };
    let remote = field.at(domain_end) == b':' && field.slice(local_start, start) == b"git";
    if remote {
        return domain_end;
    }
    candidates.push(finding(PiiType::Email, local_start, domain_end, 95));
    *floor = domain_end;
    domain_end
}

/// The length of the at sign: itself, percent-encoded, or an entity or escape of HTML and JSON.
fn sign_bytes(field: Field<'_>, start: usize) -> usize {
    match field.at(start) {
        b'%' => 3,
        b'&' if field.at(start + 1) == b'#' => 5,
        b'\\' => 6,
        _ => 1,
    }
}

/// Examines "dot" with spaces or brackets around it, from `start` to `end`: "ann at example dot com". The
/// words before it have to be an address written out.
pub(super) fn examine_spelled(
    field: Field<'_>,
    start: usize,
    end: usize,
    floor: &mut usize,
    candidates: &mut Vec<Finding>,
) -> usize {
    let limit = (*floor).max(start.saturating_sub(LOCAL_ASCII_BYTES_MAX));
    let found = spelled_local_start(field, start, limit).zip(spelled_domain_end(field, end));
    if let Some((local_start, domain_end)) = found {
        candidates.push(finding(PiiType::Email, local_start, domain_end, 85));
        *floor = domain_end;
        return domain_end;
    }
    end
}

/// The start of "ann at example" when that ends at `end`.
fn spelled_local_start(field: Field<'_>, end: usize, limit: usize) -> Option<usize> {
    let host = label_before(field, end, limit, false)?;
    let at = SPELLED_AT.iter().find_map(|spelling| {
        let start = host.checked_sub(spelling.len()).filter(|start| *start >= limit)?;
        field.slice(start, host).eq_ignore_ascii_case(spelling.as_bytes()).then_some(start)
    })?;
    let local = label_before(field, at, limit, true)?;
    let verb = SPELLED_VERBS.iter().any(|verb| field.slice(local, at).eq_ignore_ascii_case(verb.as_bytes()));
    (!verb).then_some(local)
}

/// "Look at example dot com" is about a site.
const SPELLED_VERBS: [&str; 24] = [
    "look",
    "looking",
    "looked",
    "us",
    "me",
    "it",
    "is",
    "are",
    "was",
    "found",
    "visit",
    "online",
    "site",
    "website",
    "available",
    "check",
    "shop",
    "buy",
    "here",
    "hosted",
    "live",
    "out",
    "more",
    "them",
];

const SPELLED_AT: [&str; 7] = [" at ", " [at] ", "[at]", " (at) ", "(at)", " {at} ", "{at}"];

/// The start of the label that ends at `end`.
fn label_before(field: Field<'_>, end: usize, limit: usize, local: bool) -> Option<usize> {
    let window = field.slice(limit, end);
    let accepts = |byte: &&u8| {
        byte.is_ascii_alphanumeric() || **byte == b'-' || (local && matches!(**byte, b'.' | b'_' | b'+'))
    };
    let length = window.iter().rev().take_while(accepts).count();
    (length > 0).then_some(end - length)
}

/// The end of "com", or of "co dot uk", when it starts at `start`.
fn spelled_domain_end(field: Field<'_>, start: usize) -> Option<usize> {
    let (mut start, mut accepted) = (start, None);
    for _ in 0..SPELLED_LABELS_MAX {
        let window = field.slice(start, field.len().min(start + TOP_LEVEL_BYTES_MAX + 1));
        let length = window.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let top = window.get(..length)?;
        let end = start + length;
        if SPELLED_TOP_LEVEL.iter().any(|name| top.eq_ignore_ascii_case(name.as_bytes()))
            && !field.word_at(end)
        {
            accepted = Some(end);
        }
        let next = SPELLED_DOTS.iter().find_map(|spelling| {
            let next = end + spelling.len();
            field.slice(end, next).eq_ignore_ascii_case(spelling.as_bytes()).then_some(next)
        });
        let Some(next) = next.filter(|_| length > 0) else { break };
        start = next;
    }
    accepted
}

/// "mail dot example dot co dot uk" has fewer.
const SPELLED_LABELS_MAX: usize = 4;
const SPELLED_DOTS: [&str; 7] = [" dot ", " [dot] ", "[dot]", " (dot) ", "(dot)", " {dot} ", "{dot}"];

/// What domains end in when people spell their addresses out.
const SPELLED_TOP_LEVEL: [&str; 28] = [
    "com", "org", "net", "edu", "gov", "info", "io", "co", "uk", "de", "fr", "es", "it", "nl", "ca", "au",
    "in", "eu", "us", "biz", "me", "dev", "ai", "ch", "at", "pl", "br", "jp",
];

fn local_start(field: Field<'_>, at: usize, floor: usize, encoded: bool) -> Option<usize> {
    let limit = floor.max(at.saturating_sub(LOCAL_BYTES_MAX));
    let mut start = at;
    while start > limit {
        let byte = field.at(start - 1);
        if byte.is_ascii() {
            let allowed = byte.is_ascii_alphanumeric()
                || matches!(byte, b'.' | b'_' | b'+' | b'-')
                || (byte == b'\'' && is_apostrophe(field, start - 1, limit))
                || (byte == b'%' && !encoded);
            if !allowed {
                break;
            }
            start -= 1;
            continue;
        }
        let Some(character) = field.char_before(start) else {
            break;
        };
        if is_unspaced(character) {
            // Where text without spaces touches a Latin local part, the address starts at the Latin letter.
            let touches = field.at(start).is_ascii_alphabetic();
            let row = unspaced_row(field, start).filter(|row| *row < start && *row >= limit);
            let Some(row) = row.filter(|_| !touches) else { break };
            start = row;
            continue;
        }
        if !is_local(character) || start - character.len_utf8() < limit {
            break;
        }
        start -= character.len_utf8();
    }
    while start < at && matches!(field.at(start), b'.' | b'-' | b'%' | b'+') {
        start += 1;
    }
    let local = field.slice(start, at);
    let too_long = local.len() > LOCAL_ASCII_BYTES_MAX && local.is_ascii();
    (!local.is_empty() && local.last() != Some(&b'.') && !too_long).then_some(start)
}

/// The start of the row of unspaced letters that ends at `end`, if it is no sentence.
fn unspaced_row(field: Field<'_>, end: usize) -> Option<usize> {
    let mut start = end;
    for _ in 0..=UNSPACED_LETTERS_MAX {
        match field.char_before(start) {
            Some(character) if is_unspaced(character) && is_local(character) => start -= character.len_utf8(),
            _ => return Some(start),
        }
    }
    None
}

/// Letters, digits and the marks that scripts put on them.
pub(crate) fn is_local(character: char) -> bool {
    const VIRAMAS: [char; 12] = [
        '\u{94D}', '\u{9CD}', '\u{A4D}', '\u{ACD}', '\u{B4D}', '\u{BCD}', '\u{C4D}', '\u{CCD}', '\u{D4D}',
        '\u{DCA}', '\u{93C}', '\u{1039}',
    ];
    character.is_alphanumeric()
        || ('\u{300}'..='\u{36F}').contains(&character)
        || VIRAMAS.contains(&character)
}

/// "o'neill@example.com", but not a quotation mark that opens.
fn is_apostrophe(field: Field<'_>, position: usize, limit: usize) -> bool {
    position > limit
        && field.at(position - 1).is_ascii_alphabetic()
        && field.at(position + 1).is_ascii_alphabetic()
        && !field.slice(limit, position).contains(&b'\'')
}

/// "scheme://user:password@host" is a credential in a URL, not an address.
fn is_user_information(field: Field<'_>, local_start: usize) -> bool {
    let before = field.slice(local_start.saturating_sub(64), local_start);
    if before.ends_with(b"//") {
        return true;
    }
    if !before.ends_with(b":") {
        return false;
    }
    let token = before.rsplit(u8::is_ascii_whitespace).next().unwrap_or_default();
    memchr::memmem::find(token, b"://").is_some()
}

/// The end of the domain at `start`, if it has two labels and ends in something like a top-level domain.
fn domain_end(field: Field<'_>, start: usize) -> Option<usize> {
    if field.at(start) == b'-' {
        return None;
    }
    let limit = field.len().min(start + DOMAIN_BYTES_MAX);
    let (mut labels, mut label_start, mut position) = (0usize, start, start);
    let mut last = (start, start);
    loop {
        position = label_end(field, position, limit);
        if position == label_start {
            break;
        }
        labels += 1;
        last = (label_start, position);
        if position >= limit || field.at(position) != b'.' {
            break;
        }
        position += 1;
        label_start = position;
    }
    let label = field.slice(last.0, last.1);
    let hyphens = label.iter().rev().take_while(|byte| **byte == b'-').count();
    let end = last.1 - hyphens;
    (labels >= 2 && is_top_level(field.slice(last.0, end))).then_some(end)
}

fn label_end(field: Field<'_>, start: usize, limit: usize) -> usize {
    let mut position = start;
    while position < limit {
        let byte = field.at(position);
        if byte.is_ascii() {
            if !byte.is_ascii_alphanumeric() && byte != b'-' {
                break;
            }
            position += 1;
            continue;
        }
        match field.char_at(position) {
            Some(character) if is_local(character) && !is_unspaced(character) => {
                position += character.len_utf8();
            }
            _ => break,
        }
    }
    position
}

fn is_top_level(label: &[u8]) -> bool {
    let shape = label.iter().all(u8::is_ascii_alphabetic)
        || !label.is_ascii()
        || label.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"xn--"));
    (2..=TOP_LEVEL_BYTES_MAX).contains(&label.len())
        && shape
        && !FILE_ENDINGS.iter().any(|ending| label.eq_ignore_ascii_case(ending.as_bytes()))
}
