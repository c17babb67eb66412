//! Finds personal data and credentials in one decoded text: e-mail addresses, telephone numbers, payment
//! cards, bank accounts and routing, network, crypto and vehicle addresses, identity numbers of some sixty
//! countries, credentials, and values that words announce.
//!
//! One pass names the places where something may start: [`suspicion`] by the classes of the characters there, and by
//! the first bytes of words. At those places alone automata try the anchors, the few bytes with which a value or the
//! words that announce it start. Everything that decides (checksums, number plans, neighbours, words nearby) is
//! ordinary code that runs on anchors only. Each anchor consumes at least one byte and looks at a bounded
//! neighbourhood, which keeps the work linear in the text.
//!
//! It deliberately does not decide what a finding means, does not look for names or addresses, and does not
//! decode anything: ranges are byte ranges of the text it was given.

use hardpan_inference::finding::{Finding, PiiType};
use regex_syntax::hir::Hir;

use self::field::Field;
use self::fold::Folded;
use self::numbers::Group;
use self::suspicion::{BLOCK_BYTES, Mask, Suspects, Suspicion};
use crate::anchored::{Automaton, Broken, Cache, parse};
use crate::known::Known;

mod aws;
mod beginnings;
mod card;
mod classes;
mod context;
mod crypto;
mod email;
mod field;
mod fold;
mod iban;
mod ip;
mod mac;
mod national;
mod numbers;
mod phone;
mod secrets;
mod social_security;
mod suspicion;
mod vehicle;
mod words;

pub(crate) use email::{UNSPACED_LETTERS_MAX, is_local};
pub(crate) use field::is_unspaced;
pub(crate) use fold::{Fold, fold};

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

/// The order is the priority where two anchors start at the same byte: what is longer or surer stands first.
/// `examine` returns where to go on. Anchors are short, begin with a class and count little, since what they
/// count multiplies the states of the lazy DFA.
const RECOGNISERS: &[Recogniser] = &[
    // A social security number as a scanner reads it.
    Recogniser {
        anchor: r"[0-9OoQDSsIliBZzbGgq]{3}-[0-9OoQDSsIliBZzbGgq]{2}-[0-9OoQDSsIliBZzbGgq]{4}",
        examine: |search, anchor| {
            social_security::examine_scanned(search.field, anchor.start, anchor.end, search.found)
                .unwrap_or_else(|| search.examine_numbers(anchor.start))
        },
    },
    Recogniser {
        anchor: r"[0-9A-Fa-f]{2}[:\-][0-9A-Fa-f]{2}[:\-][0-9A-Fa-f]{2}[:\-][0-9A-Fa-f]{2}|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}",
        examine: |search, anchor| {
            mac::examine(search.field, anchor.start, search.found)
                .unwrap_or_else(|| search.examine_hexadecimal(anchor.start))
        },
    },
    // Version bytes of base58check.
    Recogniser {
        anchor: r"\b[123LMmnDXTtr9A][1-9A-HJ-NP-Za-km-z]{24}",
        examine: |search, anchor| {
            crypto::examine_base58(search.field, anchor.start, search.found)
                .unwrap_or_else(|| search.examine_word(anchor.start))
        },
    },
    // A Finnish identity code with a letter for the century, a Czech birth number, a German insurance number.
    Recogniser {
        anchor: r"[0-9]{6}(?:[A-FU-Y+][0-9]{3}[0-9A-Za-z]|/[0-9]{4})|[0-9]{2} [0-9]{6} [A-Z] [0-9]{3}",
        examine: |search, anchor| search.examine_written(anchor),
    },
    Recogniser {
        anchor: r"0[1-9][0-9]{1,4} ?/ ?[0-9]{2}",
        examine: |search, anchor| {
            phone::examine_slashed(search.field, anchor.start, search.found)
                .unwrap_or_else(|| search.examine_numbers(anchor.start))
        },
    },
    // Seven digits with at most three separators between neighbours, or a dotted quad with fewer.
    Recogniser {
        anchor: r"[0-9](?:[ .()\-]{0,3}[0-9]){6}|[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}",
        examine: |search, anchor| search.examine_numbers(anchor.start),
    },
    Recogniser {
        anchor: r"[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]",
        examine: |search, anchor| ip::examine_v6(search.field, anchor.start, search.found),
    },
    // Whole, and before what four letters and four digits may begin.
    Recogniser {
        anchor: r"A[KS]IA[A-Z2-7]{16}",
        examine: |search, anchor| {
            aws::examine_access_key(search.field, anchor.start, anchor.end, &mut search.secrets, search.found)
        },
    },
    // A British national insurance number.
    Recogniser {
        anchor: r"[A-Za-z]{2}[ \-]?[0-9]{2}[ \-]?[0-9]{2}[ \-]?[0-9]{2}[ \-]?[A-Da-d]",
        examine: |search, anchor| match national::examine_written(search.field, anchor.start, anchor.end) {
            Some(finding) => search.keep(finding),
            None => search.examine_account(anchor.start),
        },
    },
    // An international bank account number: a country and check digits.
    Recogniser {
        anchor: r"\b[A-Za-z]{2}[0-9]{2}[ \-]?[A-Za-z0-9]",
        examine: |search, anchor| search.examine_account(anchor.start),
    },
    // Words of letters and digits: a codice fiscale, an Indian account number, a CURP.
    Recogniser {
        anchor: r"[A-Za-z]{4}[0-9]{4}|[A-Za-z]{2}[0-9]{2}[A-Za-z][0-9]{2}[A-Za-z]",
        examine: |search, anchor| search.examine_word(anchor.start),
    },
    // The serial number at the end of a vehicle's, identity cards, bare hardware addresses.
    Recogniser { anchor: r"[A-Za-z][0-9]{5}", examine: |search, anchor| search.examine_word(anchor.start) },
    Recogniser {
        anchor: r"0[xX][0-9A-Fa-f]{8}",
        examine: |search, anchor| {
            crypto::examine_ethereum(search.field, anchor.start, search.found).unwrap_or(anchor.end)
        },
    },
    Recogniser {
        anchor: r"(?i:bc|tb|bcrt|ltc|tltc|addr|stake|cosmos|osmo|terra|inj|celestia|kava|juno)1[02-9ac-hj-np-zAC-HJ-NP-Z]{6}",
        examine: |search, anchor| {
            crypto::examine_bech32(search.field, anchor.start, search.found).unwrap_or(anchor.end)
        },
    },
    Recogniser { anchor: r"@[A-Za-z0-9\x80-\xFF]", examine: examine_at_sign },
    Recogniser { anchor: r"(?:%40|&#64;|\\u0040)[A-Za-z0-9\x80-\xFF]", examine: examine_at_sign },
    Recogniser {
        anchor: r"(?i: dot | ?[\[({]dot[\])}] ?)[A-Za-z]",
        examine: |search, anchor| {
            email::examine_spelled(
                search.field,
                anchor.start,
                anchor.end - 1,
                &mut search.email_floor,
                search.found,
            )
        },
    },
];

fn examine_at_sign(search: &mut Search<'_, '_>, anchor: Anchor) -> usize {
    email::examine(search.field, anchor.start, anchor.end, &mut search.email_floor, search.found)
}

/// What one search keeps from anchor to anchor.
struct Search<'t, 's> {
    field: Field<'t>,
    groups: &'s mut Vec<Group>,
    found: &'s mut Vec<Finding>,
    secrets: aws::SecretSearch,
    cards: context::CardWords,
    email_floor: usize,
}

impl Search<'_, '_> {
    fn keep(&mut self, finding: Finding) -> usize {
        let end = finding.range.end;
        self.found.push(finding);
        end
    }

    fn examine_numbers(&mut self, start: usize) -> usize {
        if !self.field.at(start).is_ascii_digit() {
            return start + 1;
        }
        numbers::examine(self.field, start, self.groups, self.found)
    }

    fn examine_account(&mut self, start: usize) -> usize {
        if let Some(end) = iban::examine(self.field, start, self.found) {
            return end;
        }
        match context::british_plate(self.field, start) {
            Some(finding) => self.keep(finding),
            None => self.examine_word(start),
        }
    }

    /// What else may start with hexadecimal digits and a separator.
    fn examine_hexadecimal(&mut self, start: usize) -> usize {
        let colon = (start..start + 5).find(|position| !self.field.at(*position).is_ascii_hexdigit());
        match colon.map(|position| self.field.at(position)) {
            Some(b':') => ip::examine_v6(self.field, start, self.found),
            _ => self.examine_numbers(start),
        }
    }

    fn examine_written(&mut self, anchor: Anchor) -> usize {
        match national::examine_written(self.field, anchor.start, anchor.end) {
            Some(finding) => self.keep(finding),
            None => self.examine_numbers(anchor.start),
        }
    }

    /// The whole word of ASCII letters and digits around `position`.
    fn examine_word(&mut self, position: usize) -> usize {
        let (start, end) = self.field.word_around(position);
        if position < start {
            return start;
        }
        let alone =
            end - start <= WORD_BYTES_MAX && !self.field.glued_before(start) && !self.field.word_at(end);
        let finding = || {
            let (field, end) = (self.field, end);
            vehicle::examine(field, start, end)
                .or_else(|| mac::examine_bare(field, start, end))
                .or_else(|| national::examine_token(field, start, end))
                .or_else(|| national::examine_parenthesised(field, start, end))
        };
        match alone.then(finding).flatten() {
            Some(finding) => self.keep(finding),
            None if self.field.at(start).is_ascii_digit() && start == position => {
                self.examine_numbers(start).max(end)
            }
            None => end,
        }
    }
}

/// The longest word that any detector but those of secrets accepts.
const WORD_BYTES_MAX: usize = 24;

/// The anchors could not be compiled; it means this build is broken, not that the text is bad.
#[derive(Debug, thiserror::Error)]
#[error("the patterns of the PII detector do not compile")]
pub struct BuildError(#[source] Broken);

/// The detector: immutable, built once, shared by all requests.
pub struct PiiDetector {
    suspicion: Suspicion,
    values: Automaton,
    /// The words of [`context::RULES`]. In one automaton with the others their states would multiply.
    rules: Automaton,
}

/// Search state that one thread or one request reuses from text to text.
pub struct Scratch {
    caches: Caches,
    groups: Vec<Group>,
    candidates: Vec<Finding>,
    folded: Folded,
    composed: String,
}

struct Caches {
    suspects: Vec<Suspects>,
    /// Names of members behind which no value is announced: a tool's rows have the same ones.
    silent_keys: Known,
    values: Cache,
    rules: Cache,
}

impl PiiDetector {
    pub fn new() -> Result<Self, BuildError> {
        let values = parsed(RECOGNISERS.iter().map(|recogniser| recogniser.anchor))?;
        let rules = parsed(context::RULES.iter().map(|rule| rule.anchor))?;
        let inside: Vec<bool> = context::RULES.iter().map(|rule| rule.inside).collect();
        Ok(Self {
            suspicion: Suspicion::new(&values, &rules, &inside).map_err(BuildError)?,
            values: Automaton::of_first(&values).map_err(BuildError)?,
            rules: Automaton::of_first(&rules).map_err(BuildError)?,
        })
    }

    pub fn scratch(&self) -> Scratch {
        Scratch {
            caches: Caches {
                suspects: Vec::new(),
                silent_keys: Known::default(),
                values: self.values.cache(),
                rules: self.rules.cache(),
            },
            groups: Vec::new(),
            candidates: Vec::new(),
            folded: Folded::default(),
            composed: String::new(),
        }
    }

    /// Appends the findings in `text`, sorted by start and never overlapping.
    pub fn find(&self, text: &str, scratch: &mut Scratch, out: &mut Vec<Finding>) {
        self.find_keyed("", text, scratch, out);
    }

    /// As [`find`](Self::find), where `text` is the value of a JSON member named `key`: the name counts as
    /// context.
    pub fn find_keyed(&self, key: &str, text: &str, scratch: &mut Scratch, out: &mut Vec<Finding>) {
        let Scratch { caches, groups, candidates, folded, composed } = scratch;
        let departs = !text.is_ascii() && folded.fill(text);
        let plain = if departs { folded.text() } else { text };
        candidates.clear();
        self.collect(Field::new(key, plain), composed, caches, groups, candidates);
        if candidates.is_empty() && !departs {
            return;
        }
        let first = out.len();
        append_without_overlaps(candidates, out);
        if departs {
            for finding in out.iter_mut().skip(first) {
                finding.range = folded.original(&finding.range);
            }
            folded.forget();
        }
    }

    /// Whether the end of `text` announces a value, and how many bytes behind it one may stand that is of letters alone.
    /// Words that end before `from` do not count.
    pub fn announced(&self, text: &str, from: usize, scratch: &mut Scratch) -> Option<usize> {
        let Scratch { caches, folded, .. } = scratch;
        let departs = !text.is_ascii() && folded.fill(text);
        let plain = if departs { folded.text() } else { text };
        self.suspicion.suspects(plain.as_bytes(), plain.len(), &mut caches.suspects);
        let Caches { suspects, rules, .. } = caches;
        let (mut position, mut announced) = (0, None);
        while let Some(start) = suspicion::next(suspects, |suspects| suspects.rules, position) {
            position = start + 1;
            let found = self.rules.match_at(rules, plain.as_bytes(), start, plain.len());
            let Some((pattern, end)) = found else { continue };
            let is_before = || match departs {
                true => folded.original(&(end..end)).start <= from,
                false => end <= from,
            };
            if let Some(rule) = context::RULES.get(pattern).filter(|_| !is_before()) {
                announced = announced.max(Some(rule.announces));
            }
        }
        if departs {
            folded.forget();
        }
        announced
    }

    fn collect(
        &self,
        field: Field<'_>,
        composed: &mut String,
        caches: &mut Caches,
        groups: &mut Vec<Group>,
        found: &mut Vec<Finding>,
    ) {
        let secrets = aws::SecretSearch::default();
        let cards = context::CardWords::default();
        let mut search = Search { field, groups, found, secrets, cards, email_floor: 0 };
        if !field.key().is_empty() {
            let key = caches.silent_keys.hash(0, field.key());
            if !caches.silent_keys.has(key) {
                self.collect_keyed(&mut search, key, composed, caches);
            }
        }
        self.suspicion.suspects(field.bytes(), field.len(), &mut caches.suspects);
        if !caches.suspects.iter().all(Suspects::is_none) {
            self.examine_anchors(&mut search, caches, field.len());
        }
    }

    /// What a JSON key announces is found where its value begins, as if both stood in one text.
    fn collect_keyed(
        &self,
        search: &mut Search<'_, '_>,
        key: u64,
        composed: &mut String,
        caches: &mut Caches,
    ) {
        let announces_secret = aws::announces_secret(search.field.key());
        if announces_secret {
            search.secrets.examine_keyed(search.field, search.found);
        }
        let value_start = context::compose_key(search.field, composed);
        self.suspicion.suspects(composed.as_bytes(), value_start, &mut caches.suspects);
        // Nothing begins with the signs that close the name.
        let name_end = value_start.saturating_sub(context::KEY_CLOSE.len());
        caches.suspects.iter_mut().zip((0..).step_by(BLOCK_BYTES)).for_each(|(suspects, start)| {
            suspects.keep_first(name_end.saturating_sub(start));
        });
        if caches.suspects.iter().all(Suspects::is_none) {
            if !announces_secret {
                caches.silent_keys.add(key);
            }
            return;
        }
        context::compose_value(search.field, composed);
        let mut found = Vec::new();
        let mut keyed = Search {
            field: Field::new("", composed),
            groups: search.groups,
            found: &mut found,
            secrets: aws::SecretSearch::default(),
            cards: context::CardWords::default(),
            email_floor: 0,
        };
        self.examine_anchors(&mut keyed, caches, value_start);
        let value_end = composed.len() - 1;
        let whole = value_end - value_start == search.field.len();
        for finding in found {
            let (start, end) = (finding.range.start, finding.range.end);
            if start >= value_start && end <= value_end && (whole || end < value_end) {
                search.found.push(Finding { range: start - value_start..end - value_start, ..finding });
            }
        }
        fold::wipe(composed);
    }

    /// Examines every anchor and every label that starts at a suspect place before `until`.
    fn examine_anchors(&self, search: &mut Search<'_, '_>, caches: &mut Caches, until: usize) {
        let Caches { suspects, values, rules, .. } = caches;
        let places = (suspects.as_slice(), until);
        each_match(
            &self.values,
            values,
            places,
            |suspects| suspects.values,
            search,
            |search, pattern, place| {
                RECOGNISERS.get(pattern).map_or(place.end, |recogniser| (recogniser.examine)(search, place))
            },
        );
        // Labels stand before what was searched for the sake of an access key behind them.
        search.secrets = aws::SecretSearch::default();
        each_match(
            &self.rules,
            rules,
            places,
            |suspects| suspects.rules,
            search,
            |search, pattern, place| {
                context::RULES.get(pattern).map_or(place.end, |rule| context::examine(rule, search, place))
            },
        );
    }
}

fn parsed<'p>(anchors: impl Iterator<Item = &'p str>) -> Result<Vec<Hir>, BuildError> {
    anchors.map(|anchor| parse(anchor, false)).collect::<Result<_, _>>().map_err(BuildError)
}

fn each_match(
    automaton: &Automaton,
    cache: &mut Cache,
    (suspects, until): (&[Suspects], usize),
    of: fn(&Suspects) -> Mask,
    search: &mut Search<'_, '_>,
    mut examine: impl FnMut(&mut Search<'_, '_>, usize, Anchor) -> usize,
) {
    const LOOK_AHEAD_BYTES: usize = 16;
    let field = search.field;
    let limit = field.len().min(until.saturating_add(LOOK_AHEAD_BYTES));
    let mut position = 0;
    while let Some(start) = suspicion::next(suspects, of, position).filter(|start| *start < until) {
        position = start + 1;
        if let Some((pattern, end)) = automaton.match_at(cache, field.bytes(), start, limit) {
            position = position.max(examine(search, pattern, Anchor { start, end }));
        }
    }
}

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
            "Boston, MA 02110-1301 USA",
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
            "allow 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/24",
            "as an example, ping 192.0.2.44",
            "std::vec a::b d::e",
            "12:34:56 and aa:bb:cc",
        ]);
    }

    #[test]
    fn aws_keys_are_found_whole_and_secrets_only_in_context() {
        let (key, secret) = ("AKIAQ7PLM3ZK2VWX5TNR", "wJa1rXUtnF3MIbK7MDENGbPxRfiCYzzKq9+/Ab3d");
        assert_eq!(
            found(&format!("AWS_ACCESS_KEY_ID={key}\nAWS_SECRET_ACCESS_KEY={secret}")),
            vec![(PiiType::AwsAccessKey, key.to_string()), (PiiType::AwsSecretKey, secret.to_string())]
        );
        assert_found(&[
            (PiiType::AwsAccessKey, "(ASIAQABCDEFGHIJKLMNO)", "ASIAQABCDEFGHIJKLMNO"),
            (PiiType::AwsAccessKey, "key AKIA2345ABCDEFGHIJKL", "AKIA2345ABCDEFGHIJKL"),
            (PiiType::AwsAccessKey, "key ASIA23456723ABCDEFGH", "ASIA23456723ABCDEFGH"),
        ]);
        assert_nothing(&[
            "XAKIAQ7PLM3ZK2VWX5TNR",
            "AKIAQ7PLM3ZK2VWX5TNRA",
            "wJa1rXUtnF3MIbK7MDENGbPxRfiCYzzKq9+/Ab3d",
            "aws commit 3f786850e387550fdab836ed7e6dc881de23001b",
        ]);
    }

    #[test]
    fn identity_numbers_are_found_by_checksum_and_words() {
        let id = PiiType::NationalId;
        assert_found(&[
            (id, "mi DNI es 12345678-Z.", "12345678-Z"),
            (id, "Extranjero X1234567L", "X1234567L"),
            (id, "codice fiscale RSSMRA85T10A562S", "RSSMRA85T10A562S"),
            (id, "CPF 529.982.247-25", "529.982.247-25"),
            (id, "meine Steuer-ID lautet 86 095 742 719", "86 095 742 719"),
            (id, "SV-Nummer 65 170839 J 003", "65 170839 J 003"),
            (id, "BSN: 111222333", "111222333"),
            (id, "numer PESEL 44051401359", "44051401359"),
            (id, "Aadhaar 2341 2341 2346", "2341 2341 2346"),
            (id, "PAN ABCPE1234F", "ABCPE1234F"),
            (id, "11010519491231002X", "11010519491231002X"),
            (id, "身份证号码：11010519491231002X", "11010519491231002X"),
            (id, "NRIC S1234567D", "S1234567D"),
            (id, "HKID G123456(A)", "G123456(A)"),
            (id, "hetu 131052-308T", "131052-308T"),
            (id, "hetu 131052A308T", "131052A308T"),
            (id, "rodné číslo 710319/2745", "710319/2745"),
            (id, "AHV 756.9217.0769.85", "756.9217.0769.85"),
            (id, "personnummer 19811228-9874", "19811228-9874"),
            (id, "CURP HEGG560427MVZRRL04", "HEGG560427MVZRRL04"),
            (id, "СНИЛС 112-233-445 95", "112-233-445 95"),
            (id, "SA ID 8001015009087", "8001015009087"),
            (PiiType::CaSocialInsuranceNumber, "social insurance number 130 692 544", "130 692 544"),
            (PiiType::UkNationalHealthServiceNumber, "NHS 943 476 5919", "943 476 5919"),
            (PiiType::UkNationalHealthServiceNumber, "943 476 5919 is the NHS number", "943 476 5919"),
            (PiiType::UkNationalInsuranceNumber, "NI no. AB 12 34 56 C", "AB 12 34 56 C"),
            (PiiType::UsIndividualTaxIdentificationNumber, "ITIN 912-78-1234", "912-78-1234"),
            (PiiType::UsBankRoutingNumber, "routing no. 111000025", "111000025"),
        ]);
        assert_nothing(&[
            "mi DNI es 12345678A",
            "order 86 095 742 719",
            "Aadhaar 2341 2341 2347",
            "created_at 8001015009087",
            "NHS 943 476 5918 is wrong",
            "NI no. BG 12 34 56 C",
            "routing no. 111000026",
            "Ticket ref 972-78-1170",
            "131052A308X",
            "RSSMRA85T10A562T",
            "order 536-22-8472 has shipped",
            "Bestellnummer: 536-22-8472",
            "social media post 536228472",
        ]);
    }

    #[test]
    fn values_stand_before_their_words_and_in_lists() {
        assert_found(&[
            (PiiType::PassportNumber, "X1928374 is my passport number.", "X1928374"),
            (PiiType::Pin, "4418 is my PIN", "4418"),
            (PiiType::CreditDebitCardCvv, "418 is the CVV", "418"),
            (PiiType::MedicalRecordNumber, "4471982 is the patient's MRN", "4471982"),
            (PiiType::LicensePlate, "they towed JRT-2204 (my license plate) at noon", "JRT-2204"),
            (PiiType::LicensePlate, "HB-TT 12 fuhr davon, das Kennzeichen habe ich notiert", "HB-TT 12"),
            (PiiType::LicensePlate, "a white van, BD51 SMR, hit my parked car", "BD51 SMR"),
            (PiiType::DateOfBirth, "Ich wurde am 1. August 1973 geboren", "1. August 1973"),
            (PiiType::DateOfBirth, "Ich bin am 3.5.1990 in Kassel geboren.", "3.5.1990"),
            (PiiType::TaxId, "Send the W-9 with your FEIN. We have 38-1188372 for the firm", "38-1188372"),
            (PiiType::SwiftCode, "NEDSZAJJ is the bank's SWIFT code", "NEDSZAJJ"),
            (PiiType::CaHealthNumber, "check 4819 226 301 DF (OHIP)", "4819 226 301 DF"),
            (PiiType::Username, "ahaddad71 is my username", "ahaddad71"),
        ]);
        for (text, values) in [
            ("passports X1928374 and X1928375", ["X1928374", "X1928375"]),
            ("change the PIN from 4418 to 9021", ["4418", "9021"]),
            ("MRNs 4471982, 4471990", ["4471982", "4471990"]),
            ("Routing/account: 026009593 / 4839201742", ["026009593", "4839201742"]),
            ("plates KLM 482 and RTE 991.", ["KLM 482", "RTE 991"]),
        ] {
            let found: Vec<_> = found(text).into_iter().map(|(_, value)| value).collect();
            assert_eq!(found, values, "{text}");
        }
        assert_nothing(&[
            "ticket 4471982 is the one about the MRN import",
            "section 418 is the CVV section of the manual",
            "commit 4471982 (account page) was reverted",
            "1984 is my favourite book",
            "4418 is not my PIN",
            "car model XJ40 SER is rare",
            "at least 18 years of age",
            "thread 2389232347 in main exited",
        ]);
    }

    #[test]
    fn a_card_is_read_with_what_stands_behind_it() {
        for text in ["visa 4111111111111111, 02/31, 081", "4111111111111111|02|31|081"] {
            let kinds: Vec<_> = found(text).into_iter().map(|(kind, _)| kind).collect();
            let expected =
                [PiiType::CreditDebitCardNumber, PiiType::CreditDebitCardExpiry, PiiType::CreditDebitCardCvv];
            assert_eq!(kinds, expected, "{text}");
        }
    }

    #[test]
    fn accounts_go_by_names_of_many_kinds() {
        assert_found(&[
            (PiiType::Username, "my handle is @mapleleaf_jo", "mapleleaf_jo"),
            (PiiType::Username, "which handle I signed up with, maybe pixelwolf43?", "pixelwolf43"),
            (PiiType::Username, "I see an account under quartzrider90, with another mail", "quartzrider90"),
            (PiiType::Username, "[audit] actor=elif59 action=export", "elif59"),
            (PiiType::Username, "mysql -u beaumont404 -h db orders", "beaumont404"),
            (PiiType::Username, "user 'mbauer' not found", "mbauer"),
            (PiiType::Username, "logged in as mbauer42", "mbauer42"),
            (PiiType::Username, "Benutzer mbauer42 wurde gesperrt", "mbauer42"),
            (PiiType::Username, "on Discord as wintermoth#4412", "wintermoth#4412"),
            (PiiType::Username, r#""login": "soren-k","#, "soren-k"),
        ]);
        assert_nothing(&[
            "the file handle is closed",
            "handle: on_click_2,",
            "account under review, reference 88",
            "actor=api-gateway actor=system",
            "mysql -u root -p",
            "logged in as administrator",
            "sudo: apt : not found",
            "What is your username?\ncustomer: sorry",
        ]);
    }

    #[test]
    fn addresses_of_machines_vehicles_and_coins_are_found() {
        assert_found(&[
            (PiiType::MacAddress, "MAC 00:1a:2B:3c:4d:5e.", "00:1a:2B:3c:4d:5e"),
            (PiiType::MacAddress, "device A4-A7-C3-31-1C-85,", "A4-A7-C3-31-1C-85"),
            (PiiType::MacAddress, "0a1b.2c3d.4e5f", "0a1b.2c3d.4e5f"),
            (PiiType::VehicleIdentificationNumber, "2024 1M8GDM9AXKP042788", "1M8GDM9AXKP042788"),
            (PiiType::VehicleIdentificationNumber, "VIN: WVWZZZ1JZ3W386752", "WVWZZZ1JZ3W386752"),
            (
                PiiType::CryptoAddress,
                "to 1BoatSLRHtKNngkdXEeobR76b53LETtpyT now",
                "1BoatSLRHtKNngkdXEeobR76b53LETtpyT",
            ),
            (
                PiiType::CryptoAddress,
                "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
                "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            ),
            (
                PiiType::CryptoAddress,
                "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
                "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            ),
        ]);
        assert_nothing(&[
            "sha1 3f:78:68:50:e3:87:55:0f:da:b8:36:ed",
            "tx 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed5aAeb6053F3E94C9b9A09f33",
            "tracking 1ZU04IRN5WX4YUSRDD",
        ]);
    }

    #[test]
    fn labels_are_read_to_their_end() {
        assert_found(&[
            (PiiType::DateOfBirth, "Data de nascimento: 12/05/1970", "12/05/1970"),
            (PiiType::DateOfBirth, "Fecha de nacimiento: 9 de marzo de 1979.", "9 de marzo de 1979"),
            (PiiType::DateOfBirth, "Date de naissance : 19 juin 1948", "19 juin 1948"),
            (PiiType::DateOfBirth, "F. nac. 12/05/1970", "12/05/1970"),
            (PiiType::CreditDebitCardCvv, "The Amex has a four-digit CID, 1391, right?", "1391"),
        ]);
        assert_nothing(&["for cid 1391 of the sales team"]);
    }

    #[test]
    fn disguises_do_not_hide_a_value() {
        assert_found(&[
            (
                PiiType::CreditDebitCardNumber,
                "４１１１　１１１１　１１１１　１１１１",
                "４１１１　１１１１　１１１１　１１１１",
            ),
            (
                PiiType::CreditDebitCardNumber,
                "4111\u{200B}1111\u{200B}11111111 x",
                "4111\u{200B}1111\u{200B}11111111",
            ),
            (
                PiiType::Phone,
                "+33\u{A0}1\u{202F}42\u{A0}68\u{A0}53\u{A0}00",
                "+33\u{A0}1\u{202F}42\u{A0}68\u{A0}53\u{A0}00",
            ),
            (PiiType::UsSocialSecurityNumber, "SSN 536\u{2011}22\u{2011}8472", "536\u{2011}22\u{2011}8472"),
            (PiiType::UsSocialSecurityNumber, "SSN 418-71-3S3O", "418-71-3S3O"),
            (PiiType::Email, "ann＠example.com", "ann＠example.com"),
            (PiiType::Email, "ann&#64;example.com", "ann&#64;example.com"),
            (PiiType::Email, "mail ann at example dot com", "ann at example dot com"),
            (
                PiiType::Email,
                "ann.lee [at] example [dot] co [dot] uk",
                "ann.lee [at] example [dot] co [dot] uk",
            ),
            (PiiType::Phone, "Tel. 0171 / 1234567", "0171 / 1234567"),
            (PiiType::CreditDebitCardNumber, "card%3A4111111111111111", "4111111111111111"),
            (PiiType::CreditDebitCardNumber, r"card:\n4111111111111111\n", "4111111111111111"),
        ]);
        assert_nothing(&["look at example dot com", "dot dot dot", "connect the dot at once", "SOS-IS-BOSS"]);
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
    fn nothing_begins_with_the_signs_that_close_a_name() {
        let detector = PiiDetector::new().unwrap();
        let mut caches = detector.scratch().caches;
        let ahead = [
            "", "1", "12 34", "5A:", "dot a", "a@b", "[dot]", "'x", ":", "::1", "\"", " ", "//a", "é", "密码",
        ];
        for (text, start) in ahead
            .iter()
            .flat_map(|ahead| (0..4).map(move |start| (format!("{}{ahead}", context::KEY_CLOSE), start)))
        {
            let matched = |automaton: &Automaton, cache: &mut Cache| {
                automaton.match_at(cache, text.as_bytes(), start, text.len())
            };
            assert!(matched(&detector.values, &mut caches.values).is_none(), "{text}");
            assert!(matched(&detector.rules, &mut caches.rules).is_none(), "{text}");
        }
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
    fn long_runs_end() {
        for piece in [
            "1",
            "1 ",
            "::",
            "@a",
            "secretkey",
            "1.",
            "AA11",
            "é@",
            "(+1",
            "a.",
            " dot a",
            "a at b dot ",
            "DE12 ",
            "aa:",
            "1A",
            "０",
        ] {
            let text = piece.repeat(5000);
            assert!(found(&text).len() <= text.len());
        }
    }
}
