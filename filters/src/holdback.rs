//! Putting masked values back into a text that arrives in pieces, and masking what the model wrote into it.
//!
//! The pieces belong to somebody else's frames, so nothing is cut out of them or moved between them: this module
//! says which bytes of which piece change, and until where all pieces are settled. A piece is unsettled only while
//! it ends in what may become a placeholder or, where answers are masked, in what may become a value; other text is
//! never held. The outcome is the same however the text was cut.

use std::ops::Range;

use crate::masking::{Found, Masker, Tally, beside};
use crate::stream_scan::{KEPT_BYTES, Reading, StreamScan};
use crate::vault::Vault;

/// A piece's number, in order of arrival over all lanes.
pub type PieceId = u64;

/// A change to one piece: the bytes of its decoded text, and what stands there instead.
#[derive(Clone, PartialEq, Eq)]
pub struct PieceEdit {
    pub piece: PieceId,
    pub range: Range<usize>,
    pub replacement: String,
}

/// What a lane is read for.
#[derive(Clone, Copy)]
pub struct Lookout<'a> {
    pub vault: &'a Vault,
    /// None: nothing is masked in this lane. The same for all of a lane's pieces.
    pub masker: Option<Masker<'a>>,
}

/// One lane of text: deltas that concatenate.
#[derive(Default)]
pub struct Holdback {
    /// Pieces with bytes that are held: where in the piece they begin and how many bytes of it they are.
    open: Vec<(PieceId, Range<usize>)>,
    /// Text that has left, as far as a detector may look back, and then the held text.
    text: String,
    held_from: usize,
    scan: StreamScan,
    /// Values to mask in the held text.
    found: Vec<Found>,
}

impl Holdback {
    /// Takes the next piece. Returns the changes now certain; afterwards every piece before
    /// [`Holdback::first_unsettled`] is settled.
    pub fn push(
        &mut self,
        lookout: Lookout<'_>,
        piece: PieceId,
        text: &str,
        tally: &mut Tally,
    ) -> Vec<PieceEdit> {
        self.open.push((piece, 0..text.len()));
        self.text.push_str(text);
        let decided = match lookout.masker {
            Some(masker) => {
                let found = &mut self.found;
                self.scan.read(&mut Reading { text: &self.text, masker, found, tally });
                self.scan.decided()
            }
            None => self.text.len(),
        };
        let decided_text = self.text.get(self.held_from..decided).unwrap_or_default();
        let until = lookout.vault.open_at(decided_text).map_or(decided, |at| self.held_from + at);
        self.release(lookout.vault, decided, until)
    }

    /// The first piece that may still change.
    pub fn first_unsettled(&self) -> Option<PieceId> {
        self.open.first().map(|(piece, _)| *piece)
    }

    /// The lane has ended: nothing that is open can go on.
    pub fn settle(&mut self, lookout: Lookout<'_>, tally: &mut Tally) -> Vec<PieceEdit> {
        if let Some(masker) = lookout.masker {
            let found = &mut self.found;
            self.scan.finish(&mut Reading { text: &self.text, masker, found, tally });
        }
        let end = self.text.len();
        let edits = self.release(lookout.vault, end, end);
        *self = Self::default();
        edits
    }

    /// Everything before `until` leaves. Placeholders end before `decided`.
    fn release(&mut self, vault: &Vault, decided: usize, until: usize) -> Vec<PieceEdit> {
        let mut edits = Vec::new();
        let from = self.held_from;
        let held = self.text.get(from..decided).unwrap_or_default();
        let restored: Vec<(Range<usize>, &str)> = vault
            .find(held)
            .into_iter()
            .map(|(range, value)| (range.start + from..range.end + from, value))
            .collect();
        for (range, value) in &restored {
            self.spread(range.clone(), value, &mut edits);
        }
        let mut later = Vec::new();
        for mut found in std::mem::take(&mut self.found) {
            let Some(replacement) = found.replacement.take() else { continue };
            if found.range.start >= until {
                later.push(Found { replacement: Some(replacement), ..found });
                continue;
            }
            let now = found.range.start..found.range.end.min(until);
            for (range, replacement) in beside(&now, &replacement, &restored) {
                self.spread(range, &replacement, &mut edits);
            }
            if found.range.end > until {
                let rest = until..found.range.end;
                later.push(Found { range: rest, replacement: Some(String::new()), ..found });
            }
        }
        self.found = later;
        self.keep_from(until);
        edits
    }

    /// A match over several pieces: its first piece gets the value, the others lose their part.
    fn spread(&self, range: Range<usize>, value: &str, edits: &mut Vec<PieceEdit>) {
        let mut at = self.held_from;
        let mut replacement = Some(value.to_owned());
        for (piece, own) in &self.open {
            let end = at + own.len();
            let (from, to) = (range.start.max(at), range.end.min(end));
            if from < to {
                let inside = own.start + (from - at)..own.start + (to - at);
                let replacement = replacement.take().unwrap_or_default();
                edits.push(PieceEdit { piece: *piece, range: inside, replacement });
            }
            at = end;
        }
    }

    fn keep_from(&mut self, until: usize) {
        let mut before = self.held_from;
        self.open.retain_mut(|(_, own)| {
            let length = own.len();
            let cut = until.saturating_sub(before).min(length);
            before += length;
            own.start += cut;
            own.start < own.end
        });
        self.held_from = until;
        // Not with every piece, so that each byte is moved few times.
        if until > KEPT_BYTES * 4 {
            let mut bytes = until - KEPT_BYTES;
            while !self.text.is_char_boundary(bytes) {
                bytes -= 1;
            }
            self.text.drain(..bytes);
            self.held_from -= bytes;
            self.scan.forget(bytes);
            for found in &mut self.found {
                found.range = found.range.start - bytes..found.range.end - bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, LazyLock};

    use hardpan_inference::finding::{PiiType, RedactMode, RedactPlace};
    use proptest::prelude::*;

    use super::*;
    use crate::custom::{Customisation, Recogniser, RecogniserSettings, Validator};
    use crate::inspection::Inspector;
    use crate::masking::{AnswerRedaction, changes};
    use crate::stream_scan::REGION_BYTES_MAX;

    /// Built once: that takes longer than most of what is done with it.
    static INSPECTOR: LazyLock<Inspector> = LazyLock::new(|| Inspector::new(true, false).unwrap());

    fn vault() -> Vault {
        let mut vault = Vault::default();
        vault.placeholder(PiiType::Email, "ann@example.org");
        vault.placeholder(PiiType::Email, "{EMAIL_1}");
        vault.placeholder(PiiType::Phone, "+1 212 555 0100");
        vault
    }

    /// Cuts a text at the given places and runs it through one lane. Returns what comes out, how many bytes were
    /// held at most, and how much was masked.
    fn run(vault: &Vault, masker: Option<Masker<'_>>, text: &str, cuts: &[usize]) -> (String, usize, Tally) {
        let mut pieces: Vec<String> = Vec::new();
        let mut at = 0;
        for cut in cuts.iter().copied().chain([text.len()]) {
            let cut = (at..=cut.clamp(at, text.len())).rev().find(|cut| text.is_char_boundary(*cut)).unwrap();
            pieces.push(text[at..cut].to_owned());
            at = cut;
        }
        let mut lane = Holdback::default();
        let mut edits: Vec<PieceEdit> = Vec::new();
        let mut held_max = 0;
        let mut tally = Tally::default();
        let lookout = Lookout { vault, masker };
        for (index, piece) in pieces.iter().enumerate() {
            edits.extend(lane.push(lookout, index as u64, piece, &mut tally));
            held_max = held_max.max(lane.text.len() - lane.held_from);
        }
        edits.extend(lane.settle(lookout, &mut tally));
        assert_eq!(lane.first_unsettled(), None);
        let mut out = String::new();
        for (index, piece) in pieces.iter().enumerate() {
            let mut own: Vec<&PieceEdit> = edits.iter().filter(|edit| edit.piece == index as u64).collect();
            own.sort_by_key(|edit| edit.range.start);
            let mut at = 0;
            for edit in own {
                out.push_str(&piece[at..edit.range.start]);
                out.push_str(&edit.replacement);
                at = edit.range.end;
            }
            out.push_str(&piece[at..]);
        }
        (out, held_max, tally)
    }

    /// As a whole text is changed.
    fn whole(vault: &Vault, masker: Option<Masker<'_>>, text: &str) -> String {
        let mut out = String::new();
        let mut at = 0;
        for (range, replacement) in changes(vault, masker, "", text, &mut Tally::default()) {
            out.push_str(&text[at..range.start]);
            out.push_str(&replacement);
            at = range.end;
        }
        out + &text[at..]
    }

    proptest! {
        #[test]
        fn the_outcome_does_not_depend_on_the_cuts(
            parts in prop::collection::vec(prop::sample::select(vec![
                "{EMAIL_1}", "{EMAIL_2}", "{PHONE_1}", "{EMAIL_9}", "{", "}", "{EM", "text ", "é", "{{EMAIL_1}}", "_1}",
            ]), 0..12),
            mut cuts in prop::collection::vec(0usize..120, 0..20),
        ) {
            let text = parts.concat();
            cuts.sort_unstable();
            let vault = vault();
            let whole = vault.restore(&text).unwrap_or_else(|| text.clone());
            let (pieces, held_max, _) = run(&vault, None, &text, &cuts);
            prop_assert_eq!(pieces, whole);
            prop_assert!(held_max <= crate::vault::PLACEHOLDER_BYTES_MAX);
        }
    }

    /// Values, what looks like values, and words between them.
    const PARTS: &[&str] = &[
        "ann.lee@mail.example.org",
        "bob%40example.com",
        "+1 (212) 555-0147",
        "212-555-0147",
        "+49 30 901820",
        "4111 1111 1111 1111",
        "5500-0055-5555-5559",
        "378282246310005",
        "SSN 536-22-8472",
        "ssn: 536228472",
        "GB82 WEST 1234 5698 7654 32",
        "DE89370400440532013000",
        "203.0.113.9",
        "2001:db8:0:1::70ab",
        "AKIAQ7PLM3ZK2VWX5TNR",
        "secret key wJa1rXUtnF3MIbK7MDENGbPxRfiCYzzKq9+/Ab3d",
        "電話は03-1234-5678です",
        "メールはkim@example.co.jpです",
        "jörg.weiß@beispiel.de",
        "勇.徐34@example.org",
        "用户@example.org",
        "邮箱123456@example.org",
        "๐๘๑-๒๓๔-๕๖๗๘",
        "𝟐𝟏𝟐-𝟓𝟓𝟓-𝟎𝟏𝟒𝟕",
        "４１１１ １１１１ １１１１ １１１１",
        "这是一个没有空格的很长的句子",
        "ประโยคนี้ยาวมาก",
        "a\u{200B}b",
        "ann at example dot com",
        "at",
        "[dot] com",
        "born on",
        "March 3, 1980",
        "user ann_lee",
        "\n| user | password |\n|---|---|\n| bob | hunterTWOx |\n",
        "curl -u",
        "aabb.ccdd.eeff",
        "{EMAIL_1}",
        "{PHONE_1}",
        "{EMAIL_2}",
        "the",
        "call",
        "and then we went home",
        "of 2024",
        "3.14159",
        "12",
        "version 1.2.3.4",
        "2024-01-31",
        "|",
        "order",
        "A1B2",
        "| 12 | 34 |",
        "password",
        "https://example.com/a/b?c=d",
        "x",
        "5",
        "(",
        ")",
        "été",
        "GB",
        "std::vec",
        "a:b",
        "logo@2x.png",
        "npm i @scope/name@1.20.3",
        "ICAO",
        "[1]",
        "99%",
        "{",
        "}",
        "😀",
    ];
    const BETWEEN: &[&str] = &[" ", " ", " ", " ", "\n", ", ", ". ", ": ", " - ", "", "\n\n"];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn masks_do_not_depend_on_the_cuts(
            parts in prop::collection::vec(
                (prop::sample::select(PARTS.to_vec()), prop::sample::select(BETWEEN.to_vec())), 0..40),
            mut cuts in prop::collection::vec(0usize..1200, 0..60),
        ) {
            let text: String = parts.iter().map(|(part, between)| format!("{part}{between}")).collect();
            cuts.sort_unstable();
            let vault = vault();
            let redaction = AnswerRedaction::of(|_, _| Some(RedactMode::Mask));
            let masker = redaction.masker(RedactPlace::Response, &INSPECTOR);
            let every: Vec<usize> = (0..text.len()).collect();
            let (at_once, _, _) = run(&vault, masker, &text, &[]);
            let (by_bytes, held_max, _) = run(&vault, masker, &text, &every);
            let (pieces, _, _) = run(&vault, masker, &text, &cuts);
            prop_assert_eq!(&pieces, &at_once);
            prop_assert_eq!(&by_bytes, &at_once);
            prop_assert!(held_max <= REGION_BYTES_MAX + 512);
            // As the detector sees the whole text.
            prop_assert_eq!(&at_once, &whole(&vault, masker, &text));
        }
    }

    fn masked(text: &str) -> (String, usize) {
        let redaction = AnswerRedaction::of(|_, _| Some(RedactMode::Mask));
        let masker = redaction.masker(RedactPlace::Response, &INSPECTOR);
        let every: Vec<usize> = (0..text.len()).collect();
        let (out, held_max, _) = run(&Vault::default(), masker, text, &every);
        (out, held_max)
    }

    #[test]
    fn ordinary_words_are_held_no_longer_than_themselves() {
        let prose =
            "The quick brown fox jumps over a lazy dog, and nobody knows why it would do that twice. ";
        let (out, held_max) = masked(&prose.repeat(50));
        assert_eq!(out, prose.repeat(50));
        assert!(held_max <= 8, "{held_max}");
        let (_, held_max) = masked(&"| 12 | 34 | 56 |\n".repeat(200));
        assert!(held_max <= 256, "{held_max}");
        let (_, held_max) = masked(&"1 2 3 4 5 6 7 8 9 ".repeat(500));
        assert!(held_max <= 2048, "{held_max}");
        let (_, held_max) = masked(&"A1b2C3d4".repeat(4000));
        assert!(held_max <= REGION_BYTES_MAX + 512, "{held_max}");
    }

    #[test]
    fn values_leave_masked_whatever_stands_around_them() {
        for (text, expected) in [
            ("ann@example.org", "{EMAIL}"),
            ("Write to ann@example.org", "Write to {EMAIL}"),
            ("Write to ann@example.org.\nBye", "Write to {EMAIL}.\nBye"),
            ("4111 1111 1111 1111 is it", "{CREDIT_DEBIT_CARD_NUMBER} is it"),
            ("a card 4111 1111 1111 1112 is not", "a card 4111 1111 1111 1112 is not"),
            ("ssn then 536228472", "ssn then {US_SOCIAL_SECURITY_NUMBER}"),
            ("電話は03-1234-5678です", "電話は{PHONE}です"),
            ("", ""),
        ] {
            assert_eq!(masked(text).0, expected, "{text}");
        }
        let filler = "words that say nothing of any value at all and go on for long. ".repeat(40);
        let (out, _) = masked(&format!("{filler}ann@example.org {filler}+1 212-555-0147"));
        assert_eq!(out, format!("{filler}{{EMAIL}} {filler}{{PHONE}}"));
    }

    #[test]
    fn values_of_every_form_are_found_as_in_the_whole_text() {
        let redaction = AnswerRedaction::of(|_, _| Some(RedactMode::Mask));
        let masker = redaction.masker(RedactPlace::Response, &INSPECTOR);
        let vault = Vault::default();
        for text in [
            "His password: hunter2, and he was born on March 3, 1980 in a small town by the sea.",
            "the password is correcthorse and nobody knew of it for many years",
            "Log in with username tanaka, then wait for it.",
            "She is 42 years old and drives with plate ABC 1234 to the office every day",
            "My national insurance number is AB 12 34 56 C as they told me on the day",
            "passport no. X 1234567 was lost near the station and never came back",
            "SWIFT code is DEUTDEFF for that transfer, they said without any doubt",
            "passwd=Tr0ub4dor&3\nexport TOKEN=ghp_0123456789abcdefghijABCDEFGHIJ012345\nthen go on with it",
            "パスワードは hunter2 です。",
            "MAC 00:1A:2B:3C:4D:5E and VIN 1HGCM82633A004352 were in the log of that car there",
            "-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu\n\
             KUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQJAIJLixBy2qpFoS4DSmoEm\n-----END RSA PRIVATE KEY-----\nand more",
            "write to ann at example dot com please, or to bob [at] example [dot] co [dot] uk for the rest of it",
            "she was born on March 3, 1980 and June 4, 1990 is when he was born, they said over the phone",
            "he signs up as correcthorse on that forum and nobody has ever heard of him under that name",
            "the interface at aabb.ccdd.eeff went down and nobody noticed it for a very long time",
            "Mi cuenta es CH93 0076 2011 6238 5295 7 y nada, and DE89 3704 0044 0532 0130 00 is the other account",
            "curl -s -o /dev/null --retry 5 --user \"deploy:verysecretthing\" https://example.com/a and so on",
            "我的邮箱是勇.徐34@example.org，电话是13912345678，密码是hunterhunter，谢谢你的帮助。",
            &format!(
                "| name | username | country |\n|---|---|---|\n{}",
                "| Ann Lee | annlee | the country of Ann |\n".repeat(20)
            ),
            &format!("name,passport,city\n{}", "Ann Lee,X12345678,the city of Ann\n".repeat(20)),
            "8412 is the new PIN of her card and nobody else knows it, she said to them on that day",
            "X12345678 is my passport number. 123 (the CVV on the back) and 12/27 is when it expires",
            "536228472 and then we went home: SSN 536-22-8472 and nothing more was said of that",
            "7384920 was my medical record number, and ABC 1234 was the plate of the car that was seen",
            "Reach her under 2125550147 during the day or in the evening on that mobile of hers",
            "is my passport number, as kim@example.co.jp said, the new one\nann at example dot com wrote of it",
            "aabb.ccdd.eeff ann at example dot com and a word more to close what is open",
            "電話は03-1234-5678です212-555-0147ann.lee@mail.example.org",
            "2001:db8:0:1::70abssn: 536228472 ( - SSN 536-22-8472 ",
            "Please wire it to the bank that they named in the letter, NWBKHKHH, and tell nobody about it then",
            "銀行のSWIFTコードはMZSKJPJTです。パスワードは「hunterhunterX」です。そして彼は行きました。",
            "swift: kblxdehh is what they gave me for the transfer that I asked them to make on that day",
            "passphrase: correct lantern walnut orbit\nand then they went home and slept until the next day",
            "my son is 7 and my wife, 38, has 7015 338 264 LM for an Ontario health card as they said",
            "contraseña temporal: azul-mar-verde-Q1 and his github handle is @octolars as everybody knows",
            "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U ok",
        ] {
            let every: Vec<usize> = (0..text.len()).collect();
            let (out, _, _) = run(&vault, masker, text, &every);
            assert_eq!(out, whole(&vault, masker, text));
        }
    }

    /// Texts of any kind: those of the folder that other checks read, where it is, and those the detectors are trained on.
    #[test]
    fn texts_are_masked_in_streams_as_they_are_whole() {
        let shared = std::env::var("HARDPAN_SHARED").ok();
        let own = concat!(env!("CARGO_MANIFEST_DIR"), "/training/texts.jsonl").to_owned();
        let corpora = shared.map(|shared| format!("{shared}/corpora/pii_dev.jsonl"));
        let redaction = AnswerRedaction::of(|_, _| Some(RedactMode::Mask));
        let masker = redaction.masker(RedactPlace::Response, &INSPECTOR);
        for file in corpora.into_iter().chain([own]) {
            for line in std::fs::read_to_string(file).unwrap().lines() {
                let row: serde_json::Value = serde_json::from_str(line).unwrap();
                let text = row["text"].as_str().unwrap();
                let cuts: Vec<usize> = (0..text.len()).step_by(7).collect();
                let (out, _, _) = run(&Vault::default(), masker, text, &cuts);
                assert_eq!(out, whole(&Vault::default(), masker, text));
            }
        }
    }

    #[test]
    fn values_that_operators_describe_are_found_as_in_the_whole_text() {
        let described = |pattern: &str| {
            let recogniser = Recogniser::new(RecogniserSettings {
                kind: PiiType::Username,
                pattern: pattern.to_owned(),
                context: Vec::new(),
                validator: Validator::None,
                confidence: 90,
                denylist: Vec::new(),
                matches: Vec::new(),
                no_matches: Vec::new(),
            });
            let custom = Customisation::new(vec![recogniser.unwrap()], &[], None).unwrap();
            Inspector::new(true, false).unwrap().customised(Arc::new(custom))
        };
        let filler = "words that say nothing of any value at all and go on for long. ".repeat(8);
        let text = format!(
            "{filler}Project Blue Heron began, then EMP-1234567 left. {filler}Project Red Fox {filler}"
        );
        let redaction = AnswerRedaction::of(|_, _| Some(RedactMode::Mask));
        let every: Vec<usize> = (0..text.len()).collect();
        for (pattern, is_held) in
            [(r"Project [A-Z][a-z]{1,9} [A-Z][a-z]{1,9}", true), (r"\bEMP-\d{7}\b", false)]
        {
            let inspector = described(pattern);
            let masker = redaction.masker(RedactPlace::Response, &inspector);
            let (out, held_max, _) = run(&Vault::default(), masker, &text, &every);
            assert!(out.contains("{USERNAME}"));
            assert_eq!(out, whole(&Vault::default(), masker, &text));
            assert_eq!(held_max > 32, is_held, "{held_max}");
            assert!(held_max <= 256, "{held_max}");
        }
    }

    #[test]
    fn what_is_put_back_is_not_looked_at() {
        let redaction = AnswerRedaction::of(|_, _| Some(RedactMode::Mask));
        let masker = redaction.masker(RedactPlace::Response, &INSPECTOR);
        let text = "To {EMAIL_1}, {PHONE_1} and bob@example.org: {EMAIL_2}";
        for cuts in [Vec::new(), (0..text.len()).collect::<Vec<usize>>(), vec![5, 6, 30]] {
            let (out, _, tally) = run(&vault(), masker, text, &cuts);
            assert_eq!(out, "To ann@example.org, +1 212 555 0100 and {EMAIL}: {EMAIL_1}");
            assert_eq!((tally.masked, tally.findings.get(&PiiType::Email)), (1, Some(&1)));
        }
    }

    #[test]
    fn nothing_is_held_when_no_match_is_open() {
        let vault = vault();
        let lookout = Lookout { vault: &vault, masker: None };
        let mut tally = Tally::default();
        let mut lane = Holdback::default();
        for (index, text) in ["hello ", "{\"a\":", "1} {EMAIL_1", "} bye {"].into_iter().enumerate() {
            lane.push(lookout, index as u64, text, &mut tally);
            let held = matches!(index, 2 | 3);
            assert_eq!(lane.first_unsettled().is_some(), held, "{text}");
        }
        assert_eq!(lane.first_unsettled(), Some(3));
        lane.settle(lookout, &mut tally);
        assert_eq!(lane.first_unsettled(), None);
    }
}
