//! Finds personal data and credentials in one decoded text: e-mail addresses, telephone numbers, payment
//! cards, US social security numbers, IBANs, IP addresses, credentials, and values that words announce.
//!
//! One fused multi-pattern pass finds anchors: the few bytes with which such a value starts. Everything that
//! decides (checksums, number plans, neighbours, words nearby) is ordinary code that runs on anchors only,
//! so that a text without candidates costs one pass of a lazy DFA. Each anchor consumes at least one byte
//! and looks at a bounded neighbourhood, which keeps the work linear in the text.
//!
//! It deliberately does not decide what a finding means, does not look for names or addresses, and does not
//! decode anything: ranges are byte ranges of the text it was given.

use regex_automata::meta::{Cache, Regex};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind};

use hardpan_inference::finding::{Finding, PiiType};

use self::field::Field;
use self::numbers::Group;

mod aws;
mod card;
mod context;
mod email;
mod field;
mod iban;
mod ip;
mod numbers;
mod phone;
mod secrets;
mod social_security;

/// One way a value announces itself, and the code that decides whether it is one.
struct Recogniser {
    /// ASCII, in byte mode, and few bytes: what a candidate or the word that promises one starts with.
    anchor: &'static str,
    examine: fn(&mut Search<'_, '_>, Anchor) -> usize,
}

/// Where an anchor was found.
#[derive(Clone, Copy)]
struct Anchor {
    start: usize,
    end: usize,
}

/// The order is the priority where two anchors start at the same byte. `examine` returns where to go on.
const RECOGNISERS: &[Recogniser] = &[
    // Seven digits with at most three separators between neighbours, or a dotted quad with fewer.
    Recogniser {
        anchor: r"[0-9](?:[ .()\-]{0,3}[0-9]){6}|[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}",
        examine: |search, anchor| numbers::examine(search.field, anchor.start, search.groups, search.found),
    },
    Recogniser {
        anchor: r"[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]",
        examine: |search, anchor| ip::examine_v6(search.field, anchor.start, search.found),
    },
    Recogniser {
        anchor: r"[A-Z]{2}[0-9]{2}[ \-]?[A-Z0-9]{4}",
        examine: |search, anchor| iban::examine(search.field, anchor.start, search.found),
    },
    Recogniser {
        anchor: r"A[KS]IA[A-Z2-7]{16}",
        examine: |search, anchor| {
            aws::examine_access_key(search.field, anchor.start, anchor.end, &mut search.secrets, search.found)
        },
    },
    Recogniser {
        anchor: r"(?:@|%40)[A-Za-z0-9\x80-\xFF]",
        examine: |search, anchor| {
            email::examine(search.field, anchor.start, anchor.end, &mut search.email_floor, search.found)
        },
    },
];

/// What one search keeps from anchor to anchor.
struct Search<'t, 's> {
    field: Field<'t>,
    groups: &'s mut Vec<Group>,
    found: &'s mut Vec<Finding>,
    secrets: aws::SecretSearch,
    cards: context::CardWords,
    email_floor: usize,
}

/// The lazy DFA thrashes on texts dense with digits under the default of 2 MiB. Memory is taken as states
/// are met, so ordinary traffic stays far below this.
const LAZY_DFA_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The anchors could not be compiled; it means this build is broken, not that the text is bad.
#[derive(Debug, thiserror::Error)]
#[error("the patterns of the PII detector do not compile")]
pub struct BuildError(#[source] Box<regex_automata::meta::BuildError>);

/// The detector: immutable, built once, shared by all requests.
pub struct PiiDetector {
    anchors: Regex,
}

/// Search state that one thread or one request reuses from text to text.
pub struct Scratch {
    cache: Cache,
    groups: Vec<Group>,
    candidates: Vec<Finding>,
}

impl PiiDetector {
    pub fn new() -> Result<Self, BuildError> {
        let config = Regex::config()
            .match_kind(MatchKind::LeftmostFirst)
            .utf8_empty(false)
            .which_captures(WhichCaptures::Implicit)
            .hybrid_cache_capacity(LAZY_DFA_BYTES_MAX);
        let labels = context::RULES.iter().map(|rule| rule.anchor);
        let patterns: Vec<_> = RECOGNISERS.iter().map(|recogniser| recogniser.anchor).chain(labels).collect();
        // ASCII classes and byte mode: Unicode word boundaries alone would cost a factor of ten, and
        // neighbours are looked at by hand where it matters.
        let anchors = Regex::builder()
            .configure(config)
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .build_many(&patterns)
            .map_err(|error| BuildError(Box::new(error)))?;
        Ok(Self { anchors })
    }

    pub fn scratch(&self) -> Scratch {
        Scratch { cache: self.anchors.create_cache(), groups: Vec::new(), candidates: Vec::new() }
    }

    /// Appends the findings in `text`, sorted by start and never overlapping.
    pub fn find(&self, text: &str, scratch: &mut Scratch, out: &mut Vec<Finding>) {
        self.find_keyed("", text, scratch, out);
    }

    /// As [`find`](Self::find), where `text` is the value of a JSON member named `key`: the name counts as
    /// context.
    pub fn find_keyed(&self, key: &str, text: &str, scratch: &mut Scratch, out: &mut Vec<Finding>) {
        if key.is_empty() && !may_contain_candidates(text.as_bytes()) {
            return;
        }
        let Scratch { cache, groups, candidates } = scratch;
        candidates.clear();
        self.collect(Field::new(key, text), cache, groups, candidates);
        append_without_overlaps(candidates, out);
    }

    fn collect(
        &self,
        field: Field<'_>,
        cache: &mut Cache,
        groups: &mut Vec<Group>,
        found: &mut Vec<Finding>,
    ) {
        let secrets = aws::SecretSearch::default();
        let cards = context::CardWords::default();
        let mut search = Search { field, groups, found, secrets, cards, email_floor: 0 };
        search.secrets.examine_keyed(field, search.found);
        self.collect_keyed(&mut search, cache);
        if may_contain_candidates(field.bytes()) {
            self.examine_anchors(&mut search, cache, field.len());
        }
    }

    /// What a JSON key announces is found where its value begins, as if both stood in one text.
    fn collect_keyed(&self, search: &mut Search<'_, '_>, cache: &mut Cache) {
        if search.field.key().is_empty() {
            return;
        }
        let (composed, value_start) = context::compose(search.field);
        let mut found = Vec::new();
        let mut keyed = Search {
            field: Field::new("", &composed),
            groups: search.groups,
            found: &mut found,
            secrets: aws::SecretSearch::default(),
            cards: context::CardWords::default(),
            email_floor: 0,
        };
        self.examine_anchors(&mut keyed, cache, value_start);
        let value_end = composed.len() - 1;
        let whole = value_end - value_start == search.field.len();
        for finding in found {
            let (start, end) = (finding.range.start, finding.range.end);
            if start >= value_start && end <= value_end && (whole || end < value_end) {
                search.found.push(Finding { range: start - value_start..end - value_start, ..finding });
            }
        }
    }

    /// Examines every anchor that starts before `until`.
    fn examine_anchors(&self, search: &mut Search<'_, '_>, cache: &mut Cache, until: usize) {
        const LOOK_AHEAD_BYTES: usize = 16;
        let field = search.field;
        let limit = field.len().min(until.saturating_add(LOOK_AHEAD_BYTES));
        let mut position = 0;
        while position < until {
            let input = Input::new(field.bytes()).range(position..limit);
            let Some(anchor) =
                self.anchors.search_with(cache, &input).filter(|anchor| anchor.start() < until)
            else {
                break;
            };
            let place = Anchor { start: anchor.start(), end: anchor.end() };
            let pattern = anchor.pattern().as_usize();
            let next = match RECOGNISERS.get(pattern) {
                Some(recogniser) => (recogniser.examine)(search, place),
                None => context::RULES
                    .get(pattern - RECOGNISERS.len())
                    .map_or(place.end, |rule| context::examine(rule, search, place)),
            };
            position = next.max(place.start + 1);
        }
    }
}

/// Without a digit, an at sign or the start of an access key there is nothing to find: an AWS secret key of
/// forty characters without any digit is too rare to pay for. Blocks let the compiler use vector
/// instructions.
fn may_contain_candidates(bytes: &[u8]) -> bool {
    const BLOCK_BYTES: usize = 256;
    let digit_or_at = bytes
        .chunks(BLOCK_BYTES)
        .any(|block| block.iter().fold(false, |found, byte| found | byte.is_ascii_digit() | (*byte == b'@')));
    digit_or_at || WORDS_WITHOUT_DIGITS.iter().any(|word| memchr::memmem::find(bytes, word).is_some())
}

/// What announces a value that may have neither a digit nor an at sign: keys, passwords, names, bank codes.
const WORDS_WITHOUT_DIGITS: [&[u8]; 12] = [
    b"AKIA",
    b"ASIA",
    b"passw",
    b"Passw",
    b"PASSW",
    b"PASS",
    b"Pass",
    b"_pass",
    b"pwd",
    b"PRIVATE KEY",
    b"sername",
    b"BIC",
];

/// Of two candidates that overlap the more certain one stays; between equals the one that starts first, then
/// the longer one.
fn append_without_overlaps(candidates: &mut Vec<Finding>, out: &mut Vec<Finding>) {
    candidates.sort_by(|left, right| {
        left.range.start.cmp(&right.range.start).then(right.range.end.cmp(&left.range.end))
    });
    let mut kept: Option<Finding> = None;
    for candidate in candidates.drain(..) {
        match kept.take() {
            Some(last) if candidate.range.start < last.range.end => {
                kept = Some(if candidate.confidence > last.confidence { candidate } else { last });
            }
            Some(last) => {
                out.push(last);
                kept = Some(candidate);
            }
            None => kept = Some(candidate),
        }
    }
    out.extend(kept);
}

/// The one way a candidate is recorded, so that every range is made the same way.
fn finding(kind: PiiType, start: usize, end: usize, confidence: u8) -> Finding {
    Finding { kind, range: start..end, confidence }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found_keyed(key: &str, text: &str) -> Vec<(PiiType, String)> {
        let detector = PiiDetector::new().unwrap();
        let mut scratch = detector.scratch();
        let mut out = Vec::new();
        detector.find_keyed(key, text, &mut scratch, &mut out);
        out.into_iter().map(|finding| (finding.kind, text[finding.range].to_string())).collect()
    }

    fn found(text: &str) -> Vec<(PiiType, String)> {
        found_keyed("", text)
    }

    fn assert_found(cases: &[(PiiType, &str, &str)]) {
        for (kind, text, value) in cases {
            assert_eq!(found(text), vec![(*kind, (*value).to_string())], "in {text:?}");
        }
    }

    fn assert_nothing(texts: &[&str]) {
        for text in texts {
            let found = found(text);
            assert!(found.is_empty(), "in {text:?}: {found:?}");
        }
    }

    #[test]
    fn email_addresses_are_found_with_their_exact_bounds() {
        assert_found(&[
            (PiiType::Email, "write to ann.lee+x@mail.example.org.", "ann.lee+x@mail.example.org"),
            (PiiType::Email, "GET /u?mail=bob%40example.com&x=1", "bob%40example.com"),
            (PiiType::Email, "Kontakt: jörg.weiß@beispiel.de!", "jörg.weiß@beispiel.de"),
            (PiiType::Email, "メールはkim@example.co.jpです", "kim@example.co.jp"),
            (PiiType::Email, "<A_B@SUB.EXAMPLE.CO.UK>", "A_B@SUB.EXAMPLE.CO.UK"),
        ]);
    }

    #[test]
    fn at_signs_that_are_no_email_are_left_alone() {
        assert_nothing(&[
            "npm i @scope/name@1.20.3 left@2.0.0",
            "@app.route and @dataclass",
            "icons/logo@2x.png",
            "git@github.com:owner/name.git",
            "postgres://user:password@db.example.com/x",
            "https://user@host.example.com/",
            "@@@@@@ a@b @x.y",
        ]);
    }

    #[test]
    fn cards_need_luhn_issuer_and_length() {
        let card = PiiType::CreditDebitCardNumber;
        assert_found(&[
            (card, "paid with 4111111111111111 today", "4111111111111111"),
            (card, "4111 1111 1111 1111", "4111 1111 1111 1111"),
            (card, "5500-0055-5555-5559 exp 12", "5500-0055-5555-5559"),
            (card, "amex 3782 822463 10005", "3782 822463 10005"),
            (card, "2223000048400011", "2223000048400011"),
            (card, "6011111111111117,6", "6011111111111117"),
        ]);
        assert_nothing(&[
            "4111111111111112",
            "1700000000000 1672531199000",
            "94111111111111111119",
            "0.4111111111111111",
            "4111111111111111.5",
            "id_4111111111111111",
            "4111 1111-1111 1111",
            "a4111111111111111",
            "0000000000000000",
            "EAN 4006381333931",
        ]);
    }

    #[test]
    fn social_security_numbers_follow_area_group_and_serial_rules() {
        let number = PiiType::UsSocialSecurityNumber;
        assert_found(&[
            (number, "SSN 536-22-8472", "536-22-8472"),
            (number, "it is 536-22-8472.", "536-22-8472"),
            (number, "social security 536 22 8472", "536 22 8472"),
            (number, "ssn: 536228472", "536228472"),
        ]);
        assert_nothing(&[
            "SSN 000-22-8472",
            "SSN 666-22-8472",
            "SSN 912-22-8472",
            "SSN 536-00-8472",
            "SSN 536-22-0000",
            "part 536-22-8472-100",
            "536228472",
        ]);
    }

    #[test]
    fn the_json_key_is_context_for_bare_values() {
        let number = vec![(PiiType::UsSocialSecurityNumber, "536228472".to_string())];
        assert_eq!(found_keyed("ssn", "536228472"), number);
        assert!(found_keyed("order", "536228472").is_empty());
        let phone = vec![(PiiType::Phone, "2125550147".to_string())];
        assert_eq!(found_keyed("phoneNumber", "2125550147"), phone);
        let secret = "wJa1rXUtnF3MIbK7MDENGbPxRfiCYzzKq9+/Ab3d";
        let expected = vec![(PiiType::AwsSecretKey, secret.to_string())];
        assert_eq!(found_keyed("secret_access_key", secret), expected);
        assert!(found_keyed("checksum", secret).is_empty());
    }

    #[test]
    fn phones_are_found_in_international_and_national_forms() {
        let phone = PiiType::Phone;
        assert_found(&[
            (phone, "call +1 (212) 555-0147 now", "+1 (212) 555-0147"),
            (phone, "+442079460958", "+442079460958"),
            (phone, "+49 30 901820", "+49 30 901820"),
            (phone, "(212) 555-0147", "(212) 555-0147"),
            (phone, "212-555-0147", "212-555-0147"),
            (phone, "212.555.0147", "212.555.0147"),
            (phone, "01 42 68 53 00", "01 42 68 53 00"),
            (phone, "tel. 612 34 56 78", "612 34 56 78"),
            (phone, "電話は03-1234-5678です", "03-1234-5678"),
            (phone, "phone=%2B442079460958&x", "%2B442079460958"),
        ]);
    }

    #[test]
    fn digits_that_are_no_phone_are_left_alone() {
        assert_nothing(&[
            "5d41402a-bc4b-4e76-9971-1d911017c592",
            "from 2024-01-31 to 2024-02-28",
            "created 31.12.2024 23:59",
            "id 1480032214567890944 not found",
            "3.141592653589793",
            "version 10.4.2 build 20240131",
            "order 704-221-118-90 shipped",
            "sha 3f786850e387550fdab836ed7e6dc881de23001b",
        ]);
    }

    #[test]
    fn ibans_need_the_country_length_and_mod_97() {
        let iban = PiiType::InternationalBankAccountNumber;
        assert_found(&[
            (iban, "GB82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 32"),
            (iban, "to DE89370400440532013000.", "DE89370400440532013000"),
            (iban, "NL91ABNA0417164300", "NL91ABNA0417164300"),
        ]);
        assert_nothing(&["GB83 WEST 1234 5698 7654 32", "DE8937040044053201300", "XDE89370400440532013000"]);
    }

    #[test]
    fn ip_addresses_are_found_and_versions_are_not() {
        let address = PiiType::IpAddress;
        assert_found(&[
            (address, "from 203.0.113.9:443", "203.0.113.9"),
            (address, "host 10.1.2.3.", "10.1.2.3"),
            (address, "http://198.51.100.7/x", "198.51.100.7"),
            (address, "2001:db8:0:1::70ab is up", "2001:db8:0:1::70ab"),
            (address, "[fe80::1ff:fe23:4567:890a]", "fe80::1ff:fe23:4567:890a"),
            (address, "::ffff:192.0.2.33", "::ffff:192.0.2.33"),
        ]);
        assert_nothing(&[
            "1.2.3.4.5",
            "256.1.2.3",
            "version 1.2.3.4",
            "Browser/98.0.44.12",
            "127.0.0.1 0.0.0.0 255.255.255.255 ::1 ::",
            "std::vec a::b d::e",
            "12:34:56 and aa:bb:cc:dd:ee:ff",
        ]);
    }

    #[test]
    fn aws_keys_are_found_whole_and_secrets_only_in_context() {
        let (key, secret) = ("AKIAQ7PLM3ZK2VWX5TNR", "wJa1rXUtnF3MIbK7MDENGbPxRfiCYzzKq9+/Ab3d");
        assert_eq!(
            found(&format!("AWS_ACCESS_KEY_ID={key}\nAWS_SECRET_ACCESS_KEY={secret}")),
            vec![(PiiType::AwsAccessKey, key.to_string()), (PiiType::AwsSecretKey, secret.to_string())]
        );
        assert_found(&[(PiiType::AwsAccessKey, "(ASIAQABCDEFGHIJKLMNO)", "ASIAQABCDEFGHIJKLMNO")]);
        assert_nothing(&[
            "XAKIAQ7PLM3ZK2VWX5TNR",
            "AKIAQ7PLM3ZK2VWX5TNRA",
            "wJa1rXUtnF3MIbK7MDENGbPxRfiCYzzKq9+/Ab3d",
            "aws commit 3f786850e387550fdab836ed7e6dc881de23001b",
        ]);
    }

    #[test]
    fn a_failed_candidate_does_not_hide_the_next_one() {
        assert_eq!(
            found("99 4111 1111 1111 1111"),
            vec![(PiiType::CreditDebitCardNumber, "4111 1111 1111 1111".to_string())]
        );
        assert_eq!(found("1.2.3 10.1.2.3"), vec![(PiiType::IpAddress, "10.1.2.3".to_string())]);
        assert_eq!(
            found("DE00 4111 1111 1111 1111"),
            vec![(PiiType::CreditDebitCardNumber, "4111 1111 1111 1111".to_string())]
        );
        assert_eq!(
            found("a:b:4111111111111111"),
            vec![(PiiType::CreditDebitCardNumber, "4111111111111111".to_string())]
        );
        assert_eq!(
            found("5551234567@example.com"),
            vec![(PiiType::Email, "5551234567@example.com".to_string())]
        );
    }

    #[test]
    fn findings_are_sorted_and_never_overlap_and_are_appended() {
        let detector = PiiDetector::new().unwrap();
        let mut scratch = detector.scratch();
        let text = "aws key wJa1rXUtnF3MIbK7MDENGbPxRfiCYzzKq9+/Ab3d, a@b.example, +1 212-555-0147, 10.9.8.7";
        let mut out = Vec::new();
        detector.find(text, &mut scratch, &mut out);
        detector.find("b@c.example", &mut scratch, &mut out);
        assert_eq!(out.len(), 5);
        let (first, last) = out.split_at(4);
        assert!(first.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start));
        assert_eq!(last[0].range, 0..11);
    }

    #[test]
    fn text_without_candidates_is_skipped_and_long_runs_end() {
        assert!(!may_contain_candidates("no numbers here".as_bytes()));
        assert!(may_contain_candidates("AKIA".as_bytes()));
        for piece in ["1", "1 ", "::", "@a", "secretkey", "1.", "AA11", "é@", "(+1", "a."] {
            let text = piece.repeat(5000);
            assert!(found(&text).len() <= text.len());
        }
    }
}
