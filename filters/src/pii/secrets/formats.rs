//! Tokens whose issuer gave them a form of their own: a prefix, an alphabet and a length. One table holds
//! them; a new issuer is one line. A few forms announce themselves in the middle and are examined by hand.
//!
//! The forms are those their issuers document. A checksum makes a token certain where there is one; its
//! absence does not excuse a token, since issuers change such details and keep the prefix.

use hardpan_inference::finding::{Finding, PiiType};

use super::super::field::Field;
use super::super::finding;
use super::{count, entropy_bits, is_stand_in, skip_while, starts_token};

/// The bytes a token goes on with after its prefix.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    Hexadecimal,
    Alphanumeric,
    Upper,
    /// Letters, digits, hyphen and underscore.
    Base64Url,
    /// The same and dots.
    Dotted,
    Base64,
    /// The same as in URLs, with a checksum behind an equals sign.
    Token,
    /// A path or query behind a webhook's host.
    Path,
}

use Alphabet::{Alphanumeric, Base64, Base64Url, Dotted, Hexadecimal, Path, Token, Upper};

impl Alphabet {
    fn has(self, byte: u8) -> bool {
        match self {
            Hexadecimal => byte.is_ascii_hexdigit(),
            Alphanumeric => byte.is_ascii_alphanumeric(),
            Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Base64Url => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
            Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
            Token => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'='),
            Path => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/' | b'.' | b'@' | b'='),
        }
    }

    /// Bits per byte below which a body was not drawn at random.
    fn entropy_bits_min(self) -> f64 {
        match self {
            Hexadecimal => 2.6,
            _ => 3.0,
        }
    }
}

struct Format {
    prefix: &'static str,
    alphabet: Alphabet,
    /// How many bytes follow the prefix.
    bytes_min: usize,
    bytes_max: usize,
}

/// How what follows a prefix begins: digests have no shorter form, and their prefixes begin many words.
macro_rules! begins {
    (Hexadecimal) => {
        "[0-9A-Fa-f]{8}"
    };
    ($alphabet:ident) => {
        r"[A-Za-z0-9_/+\-]{2}"
    };
}

macro_rules! formats {
    ($($prefix:literal $alphabet:ident $min:literal $max:literal;)+) => {
        /// In the order of examination: longer prefixes stand before their beginnings.
        const FORMATS: &[Format] = &[$(
            Format { prefix: $prefix, alphabet: $alphabet, bytes_min: $min, bytes_max: $max },
        )+];

        /// A dot in a prefix stands for any byte here; the table decides.
        pub(in super::super) const ANCHOR: &str =
            concat!("(?:", $($prefix, begins!($alphabet), "|",)+ r"AKCp[A-Za-z0-9_/+\-]{2})");
    };
}

formats! {
    // Code hosting.
    "ghp_" Alphanumeric 36 36;
    "gho_" Alphanumeric 36 36;
    "ghu_" Alphanumeric 36 36;
    "ghs_" Alphanumeric 36 36;
    "ghr_" Alphanumeric 36 76;
    "github_pat_" Base64Url 50 100;
    "glpat-" Dotted 20 64;
    "gldt-" Base64Url 20 64;
    "glrt-" Dotted 20 64;
    "glrtr-" Dotted 20 64;
    "glptt-" Hexadecimal 40 40;
    "glft-" Base64Url 20 64;
    "glsoat-" Base64Url 20 64;
    "glcbt-" Base64Url 20 80;
    "glimt-" Base64Url 25 64;
    "glagent-" Base64Url 50 64;
    "glffct-" Base64Url 20 64;
    "gloas-" Hexadecimal 64 64;
    "GR1348941" Base64Url 20 24;
    "ATATT3" Token 100 260;
    "ATCTT3" Token 100 260;
    "ATTA" Hexadecimal 60 76;
    "ATBB" Alphanumeric 32 32;
    "sgp_local_" Hexadecimal 40 40;
    "sgp_" Hexadecimal 40 40;
    // Messaging.
    "https://hooks.slack.com/services/T" Path 30 90;
    "https://hooks.slack.com/workflows/T" Path 30 120;
    "https://discord.com/api/webhooks/" Path 70 120;
    "https://discordapp.com/api/webhooks/" Path 70 120;
    "xoxb-" Base64Url 24 160;
    "xoxp-" Base64Url 24 160;
    "xoxa-" Base64Url 24 160;
    "xoxo-" Base64Url 24 160;
    "xoxr-" Base64Url 24 160;
    "xoxs-" Base64Url 24 160;
    "xoxe-" Base64Url 24 240;
    "xoxc-" Base64Url 24 240;
    "xoxd-" Base64Url 24 240;
    "xoxe.xoxb-" Base64Url 40 260;
    "xoxe.xoxp-" Base64Url 40 260;
    "xapp-" Base64Url 40 200;
    "SG." Dotted 50 90;
    "key-" Hexadecimal 32 32;
    "xkeysib-" Base64Url 70 90;
    "re_" Base64Url 32 36;
    "AC" Hexadecimal 32 32;
    "SK" Hexadecimal 32 32;
    // Payment.
    "sk_live_" Alphanumeric 10 120;
    "sk_test_" Alphanumeric 10 120;
    "sk_prod_" Alphanumeric 10 120;
    "rk_live_" Alphanumeric 10 120;
    "rk_test_" Alphanumeric 10 120;
    "whsec_" Base64 24 80;
    "sq0atp-" Base64Url 22 60;
    "sq0csp-" Base64Url 40 60;
    "sq0idp-" Base64Url 22 60;
    "EAAA" Base64Url 58 64;
    "shpat_" Hexadecimal 32 32;
    "shpca_" Hexadecimal 32 32;
    "shppa_" Hexadecimal 32 32;
    "shpss_" Hexadecimal 32 32;
    "EZAK" Alphanumeric 54 54;
    "EZTK" Alphanumeric 54 54;
    "FLWSECK-" Base64Url 32 64;
    "FLWSECK_TEST-" Base64Url 12 64;
    "rzp_live_" Alphanumeric 14 14;
    "rzp_test_" Alphanumeric 14 14;
    "shippo_live_" Hexadecimal 40 40;
    "shippo_test_" Hexadecimal 40 40;
    // Models.
    "sk-ant-" Base64Url 60 160;
    "sk-proj-" Base64Url 40 240;
    "sk-svcacct-" Base64Url 40 240;
    "sk-admin-" Base64Url 40 240;
    "sk-or-v1-" Hexadecimal 64 64;
    "sk-" Base64Url 20 200;
    "hf_" Alphanumeric 34 40;
    "api_org_" Alphanumeric 34 34;
    "gsk_" Alphanumeric 48 60;
    "xai-" Alphanumeric 70 90;
    "pplx-" Alphanumeric 40 64;
    "r8_" Alphanumeric 37 40;
    "nvapi-" Base64Url 60 70;
    "lsv2_pt_" Base64Url 40 60;
    "lsv2_sk_" Base64Url 40 60;
    "pcsk_" Base64Url 50 90;
    "tvly-" Base64Url 30 60;
    "fc-" Hexadecimal 32 32;
    "ABSK" Base64 60 300;
    "bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t" Base64 0 4000;
    "sk-lf-" Base64Url 30 50;
    "sk-helicone-" Base64Url 20 60;
    "csk-" Alphanumeric 40 60;
    "jina_" Base64Url 40 80;
    "tgp_v1_" Base64Url 36 60;
    "fw_" Alphanumeric 20 40;
    "apify_api_" Alphanumeric 30 50;
    "esecret_" Alphanumeric 24 40;
    "wandb_v1_" Base64Url 40 120;
    "KGAT_" Hexadecimal 32 32;
    "pa-" Base64Url 40 50;
    "sk_" Hexadecimal 48 48;
    // Cloud.
    "AIza" Base64Url 35 36;
    "ya29." Dotted 30 400;
    "GOCSPX-" Base64Url 28 28;
    "1//0" Base64Url 40 120;
    "IQoJb3JpZ2lu" Base64 100 4000;
    "FwoGZXIvYXdz" Base64 100 4000;
    "FQoGZXIvYXdz" Base64 100 4000;
    "LTAI" Alphanumeric 12 24;
    "AKID" Alphanumeric 32 32;
    "AKLT" Alphanumeric 30 60;
    "bce-v3/ALTAK-" Path 40 100;
    "AQVN" Base64Url 35 38;
    "y0_" Base64Url 50 70;
    "t1.9eu" Dotted 100 300;
    "dop_v1_" Hexadecimal 64 64;
    "doo_v1_" Hexadecimal 64 64;
    "dor_v1_" Hexadecimal 64 64;
    "HRKU-" Base64Url 36 70;
    "fo1_" Base64Url 43 43;
    "fm1r_" Base64 80 800;
    "fm2_" Base64 80 800;
    "nfp_" Alphanumeric 36 40;
    "vercel_blob_rw_" Base64Url 30 70;
    "vcp_" Alphanumeric 24 64;
    "sbp_" Hexadecimal 40 40;
    "sb_secret_" Base64Url 20 60;
    "pscale_tkn_" Dotted 32 64;
    "pscale_oauth_" Dotted 32 64;
    "pscale_pw_" Dotted 32 64;
    "napi_" Alphanumeric 48 70;
    "rnd_" Alphanumeric 28 40;
    "tskey-" Base64Url 20 90;
    "v1.0-" Base64Url 150 200;
    "CCIPAT_" Base64Url 40 80;
    "CCIPRJ_" Base64Url 40 80;
    "bkua_" Hexadecimal 40 40;
    "bkct_" Alphanumeric 30 60;
    "mdb_sa_sk_" Base64Url 30 60;
    "dbtc_" Base64Url 30 60;
    "dbtu_" Base64Url 30 60;
    "hcaik_" Alphanumeric 50 64;
    "hcaic_" Alphanumeric 50 64;
    "xaat-" Base64Url 36 36;
    "xapt-" Base64Url 36 36;
    "alcht_" Alphanumeric 28 36;
    "os_v2_app_" Alphanumeric 60 120;
    "APP_USR-" Base64Url 40 90;
    "access-production-" Base64Url 36 36;
    "access-sandbox-" Base64Url 36 36;
    "access-development-" Base64Url 36 36;
    "secret-live-" Base64Url 36 60;
    "secret-test-" Base64Url 36 60;
    "md-" Base64Url 22 22;
    "xsmtpsib-" Base64Url 70 90;
    "sktsec_" Base64Url 30 60;
    "snyk_" Dotted 36 100;
    "chpt_" Alphanumeric 10 20;
    "cfut_" Alphanumeric 40 60;
    "cfat_" Alphanumeric 40 60;
    "pul-" Hexadecimal 40 40;
    "pnu_" Alphanumeric 36 36;
    "tk-us-" Base64Url 48 48;
    "dapi" Hexadecimal 32 32;
    "hvs." Base64Url 24 160;
    "hvb." Base64Url 100 300;
    "hvr." Base64Url 24 300;
    "dp.pt." Alphanumeric 40 44;
    "dp.st." Dotted 40 64;
    "dp.ct." Alphanumeric 40 44;
    "dp.sa." Alphanumeric 40 44;
    "dp.scim." Alphanumeric 40 44;
    "dp.audit." Alphanumeric 40 44;
    "ops_eyJ" Base64 100 2000;
    "sha256~" Base64Url 43 43;
    "A3-" Upper 30 40;
    // Packages.
    "npm_" Alphanumeric 36 36;
    "pypi-AgE" Base64Url 50 220;
    "dckr_pat_" Base64Url 27 32;
    "dckr_oat_" Base64Url 27 36;
    "rubygems_" Hexadecimal 48 48;
    "oy2" Alphanumeric 43 43;
    "CLOJARS_" Alphanumeric 60 60;
    "AKCp" Alphanumeric 69 69;
    "cio" Alphanumeric 32 32;
    "API-" Upper 26 26;
    // Monitoring.
    "glsa_" Base64Url 41 41;
    "glc_" Base64 32 400;
    "eyJrIjoi" Base64 60 400;
    "NRAK-" Upper 27 27;
    "NRII-" Base64Url 32 32;
    "NRJS-" Hexadecimal 19 19;
    "NRAA-" Hexadecimal 27 27;
    "sntrys_" Base64 60 400;
    "sntryu_" Hexadecimal 64 64;
    "dt0c01." Dotted 80 90;
    "dt0s01." Dotted 80 90;
    "sqp_" Hexadecimal 40 40;
    "squ_" Hexadecimal 40 40;
    "sqa_" Hexadecimal 40 40;
    "phx_" Alphanumeric 40 50;
    "ico-" Alphanumeric 32 32;
    // Work.
    "lin_api_" Alphanumeric 40 40;
    "lin_oauth_" Hexadecimal 64 64;
    "secret_" Alphanumeric 43 43;
    "ntn_" Alphanumeric 43 50;
    "PMAK-" Base64Url 59 59;
    "PMAT-" Alphanumeric 26 26;
    "CFPAT-" Base64Url 43 43;
    "figd_" Base64Url 36 60;
    "fio-u-" Base64Url 60 70;
    "duffel_live_" Base64Url 40 50;
    "duffel_test_" Base64Url 40 50;
    "rdme_" Alphanumeric 70 70;
    "tfp_" Dotted 40 64;
    "pat-na1-" Base64Url 36 36;
    "pat-eu1-" Base64Url 36 36;
    "dnkey-" Base64Url 50 90;
    "aio_" Alphanumeric 28 28;
    "p8e-" Alphanumeric 32 32;
    "AQW" Base64Url 60 400;
    "EAAG" Alphanumeric 100 300;
    "EAAC" Alphanumeric 100 300;
    "EAAD" Alphanumeric 100 300;
    "tr_prod_" Alphanumeric 20 40;
    "sm_pat_" Alphanumeric 16 40;
    "AGE-SECRET-KEY-1" Upper 58 58;
}

/// Examines what starts at `start` with a known prefix. Returns where to go on.
pub(in super::super) fn examine(field: Field<'_>, start: usize, candidates: &mut Vec<Finding>) -> usize {
    let Some(end) = end(field, start) else {
        return start + 1;
    };
    let confidence = if has_valid_checksum(field.slice(start, end)) { 99 } else { 97 };
    candidates.push(finding(PiiType::ApiKey, start, end, confidence));
    end
}

fn end(field: Field<'_>, start: usize) -> Option<usize> {
    if !starts_token(field, start) {
        return None;
    }
    let rest = field.bytes().get(start..)?;
    // The first byte alone rules out nearly all.
    let begins = |prefix: &[u8]| prefix.first() == rest.first() && rest.starts_with(prefix);
    FORMATS.iter().filter(|format| begins(format.prefix.as_bytes())).find_map(|format| {
        let body_start = start + format.prefix.len();
        let limit = format.bytes_max.saturating_add(1);
        let mut end = skip_while(field, body_start, limit, |byte| format.alphabet.has(byte));
        // The full stop of a sentence and the hyphen of a dash are not the token's.
        end -=
            field.slice(body_start, end).iter().rev().take_while(|byte| matches!(byte, b'.' | b'-')).count();
        let body = field.slice(body_start, end);
        let fits = (format.bytes_min..=format.bytes_max).contains(&body.len());
        (fits && !goes_on(field, end) && looks_issued(format, body)).then_some(end)
    })
}

/// Whether a word goes on behind a token, which makes it an identifier that only begins like one.
fn goes_on(field: Field<'_>, end: usize) -> bool {
    let byte = field.at(end);
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'#' | b'*') || field.slice(end, end + 3) == b"..."
}

fn looks_issued(format: &Format, body: &[u8]) -> bool {
    if is_stand_in(body) {
        return false;
    }
    if body.is_empty() {
        return format.bytes_min == 0;
    }
    let digits = count(body, u8::is_ascii_digit);
    let enough = match format.alphabet {
        // Half a digest after two letters must not mix cases.
        Hexadecimal => !(count(body, u8::is_ascii_uppercase) > 0 && count(body, u8::is_ascii_lowercase) > 0),
        Upper => digits > 1,
        Path => body.contains(&b'/') && digits > 2,
        // Words joined by hyphens begin like tokens; random bodies have digits or many changes of case.
        Base64Url | Dotted if digits < 2 => case_changes(body) * 3 > body.len(),
        _ if digits == 0 => case_changes(body) * 4 > body.len(),
        _ => true,
    };
    let segmented = !format.prefix.starts_with("xox") || has_slack_segments(body);
    let whole = format.prefix != "sk-" || longest_segment(body) >= 16;
    let dots = format.prefix != "SG." || count(body, |byte| *byte == b'.') == 1;
    enough && segmented && whole && dots && entropy_bits(body) >= format.alphabet.entropy_bits_min()
}

/// Numbers of a workspace and a user, then a secret.
fn has_slack_segments(body: &[u8]) -> bool {
    let mut segments = body.split(|byte| *byte == b'-');
    let numbered = segments.next().is_some_and(|first| first.iter().all(u8::is_ascii_digit));
    let secret = segments.next_back();
    numbered && secret.is_some_and(|secret| secret.len() >= 16 && entropy_bits(secret) >= 2.6)
}

fn longest_segment(body: &[u8]) -> usize {
    body.split(|byte| !byte.is_ascii_alphanumeric()).map(<[u8]>::len).max().unwrap_or(0)
}

pub(super) fn case_changes(body: &[u8]) -> usize {
    let is_change = |(left, right): &(&u8, &u8)| left.is_ascii_uppercase() != right.is_ascii_uppercase();
    body.iter().zip(body.iter().skip(1)).filter(is_change).count()
}

/// GitHub's and npm's tokens end in six base62 digits of the CRC-32 of the thirty before them.
fn has_valid_checksum(token: &[u8]) -> bool {
    let Some(body) = token.get(4..40).filter(|_| token.len() == 40) else {
        return false;
    };
    let (Some(entropy), Some(check)) = (body.get(..30), body.get(30..)) else {
        return false;
    };
    let decoded = check.iter().try_fold(0u64, |value, byte| Some(value * 62 + base62(*byte)?));
    decoded == Some(u64::from(crc32(entropy)))
}

fn base62(byte: u8) -> Option<u64> {
    let value = match byte {
        b'0'..=b'9' => byte - b'0',
        b'A'..=b'Z' => byte - b'A' + 10,
        b'a'..=b'z' => byte - b'a' + 36,
        _ => return None,
    };
    Some(u64::from(value))
}

/// CRC-32 as in zip files, bit by bit: it runs over thirty bytes of what already looks like a token.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

/// Forms that announce themselves behind their first bytes.
pub(in super::super) const INFIX_ANCHOR: &str =
    r"[0-9]Q~|:AA[A-Za-z0-9_\-]|\.atlasv1\.|[?&;]sig=|-us[0-9]{1,2}";

/// The shortest token with an infix.
const INFIX_BYTES_MIN: usize = 37;

/// Examines an infix. Returns where to go on.
pub(in super::super) fn examine_infix(
    field: Field<'_>,
    start: usize,
    anchor_end: usize,
    candidates: &mut Vec<Finding>,
) -> usize {
    let found = match field.at(start + 1) {
        b'Q' => directory_secret(field, start),
        b'A' => bot_token(field, start),
        b'u' => return mailing_key(field, start, anchor_end, candidates),
        b'a' => team_token(field, start),
        _ => Some((start + 5, skip_while(field, start + 5, 120, |byte| Base64.has(byte) || byte == b'%'))),
    };
    let found = found.filter(|(start, end)| {
        let body = field.slice(*start, *end);
        body.len() >= INFIX_BYTES_MIN && !is_stand_in(body) && entropy_bits(body) >= 3.5
    });
    let Some((start, end)) = found else {
        return start + 1;
    };
    candidates.push(finding(PiiType::ApiKey, start, end, 97));
    end.max(anchor_end)
}

/// Keys of a mailing service: a digest and the data centre behind a hyphen.
fn mailing_key(field: Field<'_>, hyphen: usize, anchor_end: usize, candidates: &mut Vec<Finding>) -> usize {
    const DIGEST_BYTES: usize = 32;
    let start = hyphen.saturating_sub(DIGEST_BYTES);
    let digest = field.slice(start, hyphen);
    let whole = digest.len() == DIGEST_BYTES
        && digest.iter().all(u8::is_ascii_hexdigit)
        && entropy_bits(digest) >= 2.6
        && starts_token(field, start)
        && !field.word_at(anchor_end);
    if whole {
        candidates.push(finding(PiiType::ApiKey, start, anchor_end, 97));
    }
    anchor_end
}

/// Client secrets of Microsoft's directory: three characters, a digit, `Q~`, then 31 to 34.
fn directory_secret(field: Field<'_>, digit: usize) -> Option<(usize, usize)> {
    let is_body = |byte: u8| Dotted.has(byte) || byte == b'~';
    let start = digit.checked_sub(3)?;
    let end = skip_while(field, digit + 3, 36, is_body);
    let head = field.slice(start, digit);
    let body_bytes = end - (digit + 3);
    let before = start.checked_sub(1).map_or(0, |before| field.at(before));
    let stands_alone = !is_body(before) && !matches!(before, b'/' | b'@');
    (stands_alone && head.iter().all(|byte| is_body(*byte)) && (31..=34).contains(&body_bytes))
        .then_some((start, end))
}

/// A chat bot's number, then `:AA` and 33 characters.
fn bot_token(field: Field<'_>, colon: usize) -> Option<(usize, usize)> {
    let digits = field.slice(colon.saturating_sub(11), colon);
    let length = digits.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let end = skip_while(field, colon + 1, 40, |byte| Base64Url.has(byte));
    let start = colon - length;
    let named = field.slice(start.saturating_sub(3), start) == b"bot";
    ((8..=10).contains(&length) && end - colon == 36 && (named || starts_token(field, start)))
        .then_some((start, end))
}

/// Fourteen characters, `.atlasv1.`, then sixty or more.
fn team_token(field: Field<'_>, dot: usize) -> Option<(usize, usize)> {
    let start = dot.checked_sub(14)?;
    let head = field.slice(start, dot);
    let end = skip_while(field, dot + 9, 80, |byte| Base64Url.has(byte) || byte == b'=');
    (head.iter().all(u8::is_ascii_alphanumeric) && starts_token(field, start) && end - dot > 60)
        .then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<&str> {
        let start = FORMATS.iter().filter_map(|format| text.find(format.prefix)).min().unwrap();
        end(Field::new("", text), start).map(|end| &text[start..end])
    }

    #[test]
    fn tokens_are_taken_whole() {
        let body = "kT9xQ2mV7bLw4Zr8NcYp3HsJ6fGd1AeUiOqX";
        for (prefix, length) in
            [("ghp_", 36), ("npm_", 36), ("hf_", 34), ("AIza", 35), ("glpat-", 20), ("sk-", 32)]
        {
            let token = format!("{prefix}{}", &body[..length]);
            assert_eq!(found(&format!("x={token}\n")), Some(token.as_str()), "{prefix}");
            assert_eq!(found(&format!("\"{token}\", ")), Some(token.as_str()), "{prefix}");
            assert_eq!(found(&format!("uses {token}.")), Some(token.as_str()), "{prefix}");
        }
    }

    #[test]
    fn identifiers_masks_and_pieces_are_no_tokens() {
        for text in [
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "ghp_kT9xQ2mV7bLw4Zr8NcYp3HsJ6fGd1A",
            "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",
            "sk-learn-like-estimators-and-pipelines",
            "task-runner sk-9x",
            "xoxb-not-a-real-token-at-all-here",
            "dapi0123456789abcdef0123456789abcdef",
            "desk-kT9xQ2mV7bLw4Zr8NcYp3HsJ",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn a_checksum_makes_certain() {
        let entropy = "abcDEF123ghiJKL456mnoPQR789stu";
        let mut check = u64::from(crc32(entropy.as_bytes()));
        let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut tail = vec![b'0'; 6];
        for place in tail.iter_mut().rev() {
            *place = digits[(check % 62) as usize];
            check /= 62;
        }
        let token = format!("ghp_{entropy}{}", String::from_utf8(tail).unwrap());
        assert!(has_valid_checksum(token.as_bytes()));
        assert!(!has_valid_checksum(token.replace("abc", "abd").as_bytes()));
    }

    #[test]
    fn crc32_agrees_with_its_published_check_value() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn infixes_are_taken_with_what_stands_before_them() {
        let tail = "kT9xQ2mV7bLw4Zr8NcYp3HsJ6fGd1AeUi_";
        let cases = [
            (format!("secret=aZ18Q~{}", &tail[..32]), 7),
            (format!("/bot716283945:AA{}", &tail[..33]), 4),
            (format!("x kT9xQ2mV7bLw4Z.atlasv1.{tail}{tail}"), 2),
        ];
        for (text, start) in cases {
            let infix = ["8Q~", ":AA", ".atlas"].iter().find_map(|infix| text.find(infix)).unwrap();
            let mut candidates = Vec::new();
            examine_infix(Field::new("", &text), infix, infix, &mut candidates);
            assert_eq!(candidates.pop().map(|finding| finding.range), Some(start..text.len()), "{start}");
        }
    }
}
