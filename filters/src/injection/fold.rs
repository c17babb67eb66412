//! Brings text with characters outside ASCII to the form the phrases are written in: invisible characters
//! dropped, characters that smuggle ASCII read as what they carry, text under a bidi override turned round,
//! full-width, mathematical, enclosed, turned and accented letters made plain, Braille read, look-alikes from
//! other alphabets replaced in words that mix them.
//!
//! It is not Unicode normalisation: compatibility forms are undone only where they are used to hide Latin
//! words. It never touches words written wholly in one alphabet, so that Russian and Greek stay Russian and
//! Greek.

use std::sync::LazyLock;

use unicode_normalization::char::decompose_compatible;

/// What folding made of a text. It holds user text, hence no `Debug`.
pub(super) struct Folded {
    pub(super) text: String,
    /// Characters of the Unicode tag block that spelled text.
    pub(super) tags: usize,
    /// Characters that only make letters look different or hide between them.
    pub(super) disguised: usize,
    /// Bytes carried by variation selectors or by invisible characters read as bits.
    pub(super) carried: Vec<u8>,
}

const BLACK_FLAG: char = '\u{1F3F4}';
const CANCEL_TAG: char = '\u{E007F}';
const RIGHT_TO_LEFT_OVERRIDE: char = '\u{202E}';
const POP_DIRECTIONAL_FORMATTING: char = '\u{202C}';
/// Mixed words after which words made only of look-alikes count as disguised too.
const MIXED_WORDS_MIN: usize = 2;
/// Emoji carry one selector, and joined emoji one invisible character between two: longer rows carry data.
const CARRIER_ROW_MIN: usize = 4;
/// Invisible characters kept of one row.
const CARRIER_ROW_MAX: usize = 64 * 1024;

pub(super) fn fold(text: &str) -> Folded {
    let text_out = String::with_capacity(text.len());
    let mut folded = Folded { text: text_out, tags: 0, disguised: 0, carried: Vec::new() };
    let mut in_flag = false;
    let mut reversed_from = None;
    let mut row = CarrierRow::default();
    let mut rest = text;
    while !rest.is_empty() {
        // What a row of invisible characters hid between is told by the character behind it.
        let kept_bytes = if row.length == 0 { kept_prefix(rest) } else { ascii_prefix(rest.as_bytes()) };
        if kept_bytes > 0 {
            row.finish(&mut folded);
            let (kept, tail) = rest.split_at(kept_bytes);
            if reversed_from.is_some()
                && let Some((line, _)) = kept.split_once('\n')
            {
                folded.text.push_str(line);
                turn_round(&mut folded.text, reversed_from.take());
                folded.text.push_str(kept.get(line.len()..).unwrap_or_default());
            } else {
                folded.text.push_str(kept);
            }
            in_flag = false;
            rest = tail;
            continue;
        }
        let mut characters = rest.chars();
        let Some(character) = characters.next() else { break };
        rest = characters.as_str();
        match character {
            BLACK_FLAG => {
                in_flag = true;
                folded.text.push(' ');
                continue;
            }
            // Flags of regions are spelled in tags; other tags have no business in a text.
            '\u{E0020}'..='\u{E007E}' => {
                if !in_flag {
                    folded.tags += 1;
                    folded.text.extend(shifted(character, 0xE_0000));
                }
                continue;
            }
            RIGHT_TO_LEFT_OVERRIDE => reversed_from = Some(folded.text.len()),
            POP_DIRECTIONAL_FORMATTING => turn_round(&mut folded.text, reversed_from.take()),
            CANCEL_TAG => {}
            _ if row.takes(character) => continue,
            _ => push_plain(character, &mut folded),
        }
        row.finish(&mut folded);
        in_flag = false;
    }
    row.finish(&mut folded);
    turn_round(&mut folded.text, reversed_from);
    if !folded.text.is_ascii() {
        let (text, mixed) = unmix(&folded.text, false);
        folded.text = if mixed >= MIXED_WORDS_MIN { unmix(&folded.text, true).0 } else { text };
        folded.disguised += mixed;
    }
    folded
}

/// How many bytes at the start stay as they are.
fn kept_prefix(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut length = 0;
    loop {
        length += ascii_prefix(bytes.get(length..).unwrap_or_default());
        length += match bytes.get(length) {
            None => return length,
            // Cyrillic, Chinese, Korean.
            Some(0xD0 | 0xD1) => 2,
            Some(0xE5..=0xE9 | 0xEB | 0xEC) => 3,
            Some(_) => match text.get(length..).and_then(|rest| rest.chars().next()) {
                Some(character) if is_kept(character) => character.len_utf8(),
                _ => return length,
            },
        };
    }
}

/// Letters and signs of alphabets that are never taken for Latin, or only in words that mix both.
fn is_kept(character: char) -> bool {
    matches!(
        u32::from(character),
        0x0386..=0x0481 | 0x048A..=0x04FF | 0x05D0..=0x05EA | 0x0620..=0x064A | 0x0660..=0x06D3
            | 0x0900..=0x097F | 0x0E01..=0x0E5B | 0x3001..=0x3002 | 0x3041..=0x3163 | 0x4E00..=0x9FFF
            | 0xAC00..=0xD7A3
    )
}

/// How many bytes at the start are ASCII, looked at in steps that vectorise.
fn ascii_prefix(bytes: &[u8]) -> usize {
    const STEP_BYTES: usize = 32;
    let mut length = 0;
    while bytes.get(length..length + STEP_BYTES).is_some_and(<[u8]>::is_ascii) {
        length += STEP_BYTES;
    }
    let rest = bytes.get(length..).unwrap_or_default();
    length + rest.iter().take_while(|byte| byte.is_ascii()).count()
}

fn turn_round(text: &mut String, from: Option<usize>) {
    if let Some(from) = from {
        let tail = text.split_off(from);
        text.extend(tail.chars().rev());
    }
}

/// Invisible characters that follow one another.
#[derive(Default)]
struct CarrierRow {
    selectors: Vec<u8>,
    bits: Vec<bool>,
    length: usize,
}

impl CarrierRow {
    /// Whether the character is invisible and was kept as a possible carrier.
    fn takes(&mut self, character: char) -> bool {
        if let Some(byte) = selector_byte(character) {
            if self.selectors.len() < CARRIER_ROW_MAX {
                self.selectors.push(byte);
            }
        } else if !is_invisible(character) {
            return false;
        }
        if let Some(bit) = bit(character)
            && self.bits.len() < CARRIER_ROW_MAX
        {
            self.bits.push(bit);
        }
        self.length += 1;
        true
    }

    fn finish(&mut self, folded: &mut Folded) {
        if self.length == 0 {
            return;
        }
        let after_letter = folded.text.as_bytes().last().is_some_and(u8::is_ascii_alphabetic);
        folded.disguised += usize::from(after_letter && self.selectors.is_empty());
        if self.bits.len() >= 8 * CARRIER_ROW_MIN {
            folded.carried.extend(
                self.bits
                    .chunks_exact(8)
                    .map(|bits| bits.iter().fold(0u8, |byte, bit| (byte << 1) | u8::from(*bit))),
            );
        } else if self.selectors.len() >= CARRIER_ROW_MIN {
            folded.carried.append(&mut self.selectors);
        }
        *self = Self::default();
    }
}

/// Variation selectors carry a byte each when someone hides data in them.
fn selector_byte(character: char) -> Option<u8> {
    let code = u32::from(character);
    match code {
        0xFE00..=0xFE0F => u8::try_from(code - 0xFE00).ok(),
        0xE_0100..=0xE_01EF => u8::try_from(code - 0xE_0100 + 16).ok(),
        _ => None,
    }
}

/// Pairs of invisible characters in use as the digits nought and one.
fn bit(character: char) -> Option<bool> {
    match character {
        '\u{200B}' | '\u{2062}' | '\u{FE00}' => Some(false),
        '\u{200C}' | '\u{2063}' | '\u{2064}' | '\u{FE01}' => Some(true),
        _ => None,
    }
}

/// Format characters, fillers and combining marks.
fn is_invisible(character: char) -> bool {
    matches!(
        u32::from(character),
        0xAD | 0x0300..=0x036F | 0x0483..=0x0489 | 0x061C | 0x064B..=0x0652 | 0x115F..=0x1160
            | 0x17B4..=0x17B5 | 0x180B..=0x180F | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x200B..=0x200F
            | 0x202A..=0x202E | 0x2060..=0x206F | 0x20D0..=0x20FF | 0x3164 | 0xFE20..=0xFE2F | 0xFEFF
            | 0xFFA0 | 0xFFF9..=0xFFFB | 0x1_D173..=0x1_D17A | 0xE_0000..=0xE_007F
    )
}

fn shifted(character: char, distance: u32) -> Option<char> {
    char::from_u32(u32::from(character).checked_sub(distance)?)
}

/// Writes the plain letters behind a styled or accented one; other characters as they are.
fn push_plain(character: char, folded: &mut Folded) {
    let out = &mut folded.text;
    let code = u32::from(character);
    if let Some(letter) = drawn_letter(character) {
        folded.disguised += 1;
        out.push(letter);
        return;
    }
    match code {
        0x2018 | 0x2019 | 0x201B | 0x2032 => out.push('\''),
        0x201C | 0x201D | 0x201F | 0x2033 => out.push('"'),
        0x2010..=0x2015 | 0x2212 => out.push('-'),
        // Styled alphabets: enclosed, full-width and mathematical letters, super- and subscripts.
        0x2070..=0x209F
        | 0x2100..=0x214F
        | 0x2460..=0x24FF
        | 0xFF00..=0xFF60
        | 0x1_D400..=0x1_D7FF
        | 0x1_F100..=0x1_F12F
        | 0x1D2C..=0x1DBF => {
            folded.disguised += 1;
            decompose_compatible(character, |part| {
                if !is_invisible(part) {
                    out.push(part);
                }
            });
        }
        // Latin with accents, ligatures, spaces. Alphabets whose letters are built of marks stay whole.
        0xA0..=0x2AF
        | 0x1E00..=0x1EFF
        | 0x2000..=0x200A
        | 0x2024..=0x205F
        | 0x2160..=0x217F
        | 0x3000
        | 0xFB00..=0xFB06 => decompose_compatible(character, |part| match part {
            _ if is_invisible(part) => {}
            'ø' | 'Ø' => out.push('o'),
            'ł' | 'Ł' => out.push('l'),
            'đ' | 'Đ' | 'ð' => out.push('d'),
            'ı' => out.push('i'),
            'ß' => out.push_str("ss"),
            'æ' | 'Æ' => out.push_str("ae"),
            'œ' | 'Œ' => out.push_str("oe"),
            _ => out.push(part),
        }),
        0x1_F130..=0x1_F149 | 0x1_F150..=0x1_F169 | 0x1_F170..=0x1_F189 => {
            folded.disguised += 1;
            out.extend(char::from_u32(u32::from('A') + (code - 0x1_F130) % 32));
        }
        _ => out.push(character),
    }
}

const DRAWN: [(&str, &str); 3] = [
    ("ɐɔǝɟƃɓɥᴉɾʞʅɯɹʇʌʍʎ∀ᗺƆᗡƎℲ⅁⋊⅂Ԁᴚ┴∩⅄", "acefgghijklmrtvwyabcdefgklprtuy"),
    ("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnopqrstuvwyz"),
    ("⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵⠀", "abcdefghijklmnopqrstuvwxyz "),
];

/// The same in order, each with the letter it is taken for.
static DRAWN_LETTERS: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
    let letters = DRAWN.iter().flat_map(|(drawn, plain)| drawn.chars().zip(plain.chars()));
    let mut letters: Vec<(char, char)> = letters.collect();
    letters.sort_by_key(|(drawn, _)| *drawn);
    letters.dedup_by_key(|(drawn, _)| *drawn);
    letters
});

/// Letters that only look like letters: turned, small capitals, Braille.
fn drawn_letter(character: char) -> Option<char> {
    let code = u32::from(character);
    let may_be_drawn = matches!(
        code,
        0x183..=0x18E
            | 0x1DD
            | 0x250..=0x29F
            | 0x500..=0x51F
            | 0x1438..=0x15FF
            | 0x1D00..=0x1D2B
            | 0x2132
            | 0x2141..=0x2144
            | 0x2200..=0x22FF
            | 0x2534
            | 0x2800..=0x283F
            | 0xA730..=0xA7AF
    );
    if !may_be_drawn {
        return None;
    }
    let place = DRAWN_LETTERS.binary_search_by_key(&character, |(drawn, _)| *drawn).ok()?;
    DRAWN_LETTERS.get(place).map(|(_, plain)| *plain)
}

/// Replaces look-alikes in words that also hold Latin letters (and, with `all`, in words of look-alikes
/// only), and writes what stays foreign in lower case. Returns how many words were mixed.
fn unmix(text: &str, all: bool) -> (String, usize) {
    let mut out = String::with_capacity(text.len());
    let mut mixed = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let ascii = ascii_prefix(rest.as_bytes());
        // Whole ASCII words need no look; the last one may go on in another alphabet.
        let whole = rest.get(..ascii).unwrap_or_default();
        let whole = if ascii == rest.len() {
            whole.len()
        } else {
            whole.rfind(|character: char| !character.is_ascii_alphabetic()).map_or(0, |last| last + 1)
        };
        let (plain, tail) = rest.split_at(whole);
        out.push_str(plain);
        let end = tail.find(|character: char| !is_alphabetic(character)).unwrap_or(tail.len());
        let (word, tail) = tail.split_at(end);
        let disguised = !word.is_empty() && {
            let latin = word.bytes().any(|byte| byte.is_ascii());
            let alike = |character: char| character.is_ascii() || look_alike(character).is_some();
            let is_mixed = latin && word.chars().any(|character| look_alike(character).is_some());
            mixed += usize::from(is_mixed);
            is_mixed || (all && word.chars().all(alike))
        };
        for character in word.chars() {
            match disguised.then(|| look_alike(character)).flatten() {
                Some(latin) => out.push(latin),
                None if character.is_ascii() => out.push(character),
                None => push_small(character, &mut out),
            }
        }
        let mut characters = tail.chars();
        out.extend(characters.next());
        rest = characters.as_str();
    }
    (out, mixed)
}

/// Whether a character is a letter; the commonest need no table.
fn is_alphabetic(character: char) -> bool {
    match u32::from(character) {
        0x0400..=0x0481 | 0x4E00..=0x9FFF | 0xAC00..=0xD7A3 => true,
        _ => character.is_alphabetic(),
    }
}

/// Writes a letter in lower case; the commonest need no table.
fn push_small(character: char, out: &mut String) {
    let code = u32::from(character);
    match code {
        0x0410..=0x042F => out.extend(char::from_u32(code + 0x20)),
        0x0430..=0x045F | 0x4E00..=0x9FFF | 0xAC00..=0xD7A3 => out.push(character),
        _ => out.extend(character.to_lowercase()),
    }
}

/// The Latin letter a Cyrillic, Greek or other letter is taken for.
fn look_alike(character: char) -> Option<char> {
    let latin = match character {
        'а' | 'α' | 'ɑ' | 'Ꭺ' => 'a',
        'А' | 'Α' => 'A',
        'В' | 'Β' | 'Ᏼ' => 'B',
        'Ь' | 'ь' => 'b',
        'с' | 'ϲ' | 'ᴄ' => 'c',
        'С' => 'C',
        'ԁ' | 'ժ' => 'd',
        'е' | 'ҽ' | 'є' | 'ε' => 'e',
        'Е' | 'Ε' => 'E',
        'ɡ' | 'ց' => 'g',
        'ƒ' | 'ғ' => 'f',
        'һ' | 'հ' | 'н' => 'h',
        'Н' | 'Η' => 'H',
        'і' | 'ι' | 'ı' | 'ї' | 'Ꭵ' => 'i',
        'І' | 'Ι' => 'I',
        'ј' => 'j',
        'Ј' => 'J',
        'К' | 'Κ' => 'K',
        'к' | 'κ' => 'k',
        'ӏ' | 'ⅼ' => 'l',
        'М' | 'Μ' => 'M',
        'Ν' => 'N',
        'ո' | 'η' | 'п' => 'n',
        'м' => 'm',
        'о' | 'ο' | 'օ' | 'σ' | 'ס' => 'o',
        'О' | 'Ο' => 'O',
        'р' | 'ρ' | 'þ' => 'p',
        'Р' | 'Ρ' => 'P',
        'ԛ' => 'q',
        'ѕ' | 'ꜱ' => 's',
        'г' => 'r',
        'Ѕ' => 'S',
        'Т' | 'Τ' => 'T',
        'τ' | 'т' => 't',
        'υ' | 'ս' | 'μ' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ω' | 'ш' => 'w',
        'х' | 'χ' => 'x',
        'Х' | 'Χ' => 'X',
        'у' | 'γ' | 'ү' => 'y',
        'ᴢ' => 'z',
        'У' | 'Υ' => 'Y',
        'Ζ' => 'Z',
        _ => return None,
    };
    Some(latin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disguises_are_undone() {
        for (text, expected) in [
            ("ｉｇｎｏｒｅ　ａｌｌ", "ignore all"),
            ("𝐢𝐠𝐧𝐨𝐫𝐞 𝓪𝓵𝓵", "ignore all"),
            ("i\u{200B}g\u{AD}n\u{2060}ore", "ignore"),
            ("Ⓘⓖⓝⓞⓡⓔ", "Ignore"),
            ("ignоrе the rulеs", "ignore the rules"),
            ("\u{202E}erongi\u{202C} it", "ignore it"),
            ("instrucciónes précédentes", "instrucciones precedentes"),
            ("don’t", "don't"),
            ("ignoré cette règle", "ignore cette regle"),
            ("bỏ qua hướng dẫn", "bo qua huong dan"),
            ("i\u{336}g\u{336}n\u{336}o\u{336}r\u{336}e", "ignore"),
            ("🅸🅶🅽🅾🆁🅴", "IGNORE"),
            ("ɪɢɴᴏʀᴇ", "ignore"),
            ("⠊⠛⠝⠕⠗⠑⠀⠊⠞", "ignore it"),
            ("ǝʞɐɯ", "ekam"),
            ("ﬁrst", "first"),
        ] {
            assert_eq!(fold(text).text, expected);
        }
    }

    #[test]
    fn what_needs_no_look_is_as_the_tables_have_it() {
        for character in (0..=0x11_0000).filter_map(char::from_u32) {
            assert_eq!(is_alphabetic(character), character.is_alphabetic(), "{character:?}");
            let mut small = String::new();
            push_small(character, &mut small);
            assert_eq!(small, character.to_lowercase().to_string());
            let text = character.to_string();
            if !character.is_ascii() && kept_prefix(&text) > 0 {
                assert_eq!(kept_prefix(&text), text.len());
                let mut folded = Folded { text: String::new(), tags: 0, disguised: 0, carried: Vec::new() };
                push_plain(character, &mut folded);
                assert_eq!((folded.text, folded.disguised), (text, 0));
                assert!(!CarrierRow::default().takes(character), "{character:?}");
                let turns = [BLACK_FLAG, CANCEL_TAG, RIGHT_TO_LEFT_OVERRIDE, POP_DIRECTIONAL_FORMATTING];
                assert!(!turns.contains(&character) && !('\u{E0020}'..='\u{E007E}').contains(&character));
            }
        }
        for (drawn, plain) in DRAWN {
            for (drawn, plain) in drawn.chars().zip(plain.chars()) {
                assert_eq!(drawn_letter(drawn), Some(plain));
            }
        }
    }

    #[test]
    fn text_of_one_alphabet_keeps_its_letters() {
        for (text, expected) in
            [("Привет, как дела", "привет, как дела"), ("Καλημέρα", "καλημέρα"), ("请忽略", "请忽略")]
        {
            assert_eq!(fold(text).text, expected);
        }
    }

    #[test]
    fn tags_are_read_but_not_those_of_flags() {
        let smuggled: String =
            "hi".chars().filter_map(|letter| char::from_u32(0xE_0000 + u32::from(letter))).collect();
        let folded = fold(&format!("a{smuggled}"));
        assert_eq!((folded.text.as_str(), folded.tags), ("ahi", 2));
        let flag = fold("\u{1F3F4}\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}");
        assert_eq!((flag.text.as_str(), flag.tags), (" ", 0));
    }

    #[test]
    fn variation_selectors_give_up_their_bytes() {
        let carried: String =
            "ok".bytes().filter_map(|byte| char::from_u32(0xE_0100 + u32::from(byte) - 16)).collect();
        assert!(fold(&format!("\u{1F600}{carried}")).carried.is_empty(), "a row too short");
        let long: String = carried.repeat(2);
        assert_eq!(fold(&format!("\u{1F600}{long}")).carried, b"okok");
        assert!(fold(&"\u{2764}\u{FE0F} ".repeat(40)).carried.is_empty(), "emoji");
    }

    #[test]
    fn invisible_bits_are_read() {
        let bits: String = b"hide"
            .iter()
            .flat_map(|byte| (0..8).rev().map(move |place| (byte >> place) & 1))
            .map(|bit| if bit == 0 { '\u{200B}' } else { '\u{200C}' })
            .collect();
        assert_eq!(fold(&format!("a{bits}b")).carried, b"hide");
        assert_eq!(fold("a\u{200B}b\u{200C}c").text, "abc");
    }
}
