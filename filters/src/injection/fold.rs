//! Brings text with characters outside ASCII to the form the phrases are written in: invisible characters
//! dropped, characters that smuggle ASCII read as what they carry, text under a bidi override turned round,
//! full-width, mathematical and accented letters made plain, look-alikes from other alphabets replaced in
//! words that mix them.
//!
//! It is not Unicode normalisation: a table covers what is used to hide words, nothing else changes. It
//! never touches words written wholly in one alphabet, so that Russian and Greek stay Russian and Greek.

/// What folding made of a text. It holds user text, hence no `Debug`.
pub(super) struct Folded {
    pub(super) text: String,
    /// Characters of the Unicode tag block that spelled text.
    pub(super) tags: usize,
    /// Bytes carried by variation selectors.
    pub(super) carried: Vec<u8>,
}

const BLACK_FLAG: char = '\u{1F3F4}';
const CANCEL_TAG: char = '\u{E007F}';
const RIGHT_TO_LEFT_OVERRIDE: char = '\u{202E}';
const POP_DIRECTIONAL_FORMATTING: char = '\u{202C}';
/// Mixed words after which words made only of look-alikes count as disguised too.
const MIXED_WORDS_MIN: usize = 2;

pub(super) fn fold(text: &str) -> Folded {
    let mut folded = Folded { text: String::with_capacity(text.len()), tags: 0, carried: Vec::new() };
    let mut in_flag = false;
    let mut reversed_from = None;
    for character in text.chars() {
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
            '\n' => {
                turn_round(&mut folded.text, reversed_from.take());
                folded.text.push('\n');
            }
            CANCEL_TAG => {}
            _ if character.is_ascii() => folded.text.push(character),
            _ => match selector_byte(character) {
                Some(byte) => folded.carried.push(byte),
                None if is_invisible(character) => {}
                None => folded.text.push(plain(character)),
            },
        }
        in_flag = false;
    }
    turn_round(&mut folded.text, reversed_from);
    if !folded.text.is_ascii() {
        let (text, mixed) = unmix(&folded.text, false);
        folded.text = if mixed >= MIXED_WORDS_MIN { unmix(&folded.text, true).0 } else { text };
    }
    folded
}

fn turn_round(text: &mut String, from: Option<usize>) {
    if let Some(from) = from {
        let tail = text.split_off(from);
        text.extend(tail.chars().rev());
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

/// Format characters, fillers and combining marks.
fn is_invisible(character: char) -> bool {
    matches!(
        u32::from(character),
        0xAD | 0x0300..=0x036F | 0x061C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F
            | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F
            | 0x20D0..=0x20FF | 0x3164 | 0xFE20..=0xFE2F | 0xFEFF | 0xFFA0 | 0xFFF9..=0xFFFB
            | 0x1_D173..=0x1_D17A | 0xE_0000..=0xE_007F
    )
}

fn shifted(character: char, distance: u32) -> Option<char> {
    char::from_u32(u32::from(character).checked_sub(distance)?)
}

/// The plain letter behind a styled or accented one; other characters as they are.
fn plain(character: char) -> char {
    let code = u32::from(character);
    let letter = |first: char, offset: u32| char::from_u32(u32::from(first) + offset).unwrap_or(character);
    match code {
        0xA0 | 0x2000..=0x200A | 0x202F | 0x205F | 0x3000 => ' ',
        0x2018 | 0x2019 | 0x201B | 0x2032 => '\'',
        0x201C | 0x201D | 0x201F | 0x2033 => '"',
        0xFF01..=0xFF5E => letter('!', code - 0xFF01),
        0x24B6..=0x24CF => letter('A', code - 0x24B6),
        0x24D0..=0x24E9 => letter('a', code - 0x24D0),
        0x1_F130..=0x1_F149 => letter('A', code - 0x1_F130),
        0x1_F150..=0x1_F169 => letter('A', code - 0x1_F150),
        0x1_F170..=0x1_F189 => letter('A', code - 0x1_F170),
        0x1_D400..=0x1_D6A3 => match (code - 0x1_D400) % 52 {
            capital @ 0..=25 => letter('A', capital),
            small => letter('a', small - 26),
        },
        0x1_D7CE..=0x1_D7FF => letter('0', (code - 0x1_D7CE) % 10),
        0x210E => 'h',
        0x212F => 'e',
        0x2134 => 'o',
        0x210A => 'g',
        0xC0..=0x17E => without_accent(character),
        _ => character,
    }
}

fn without_accent(character: char) -> char {
    match character {
        'À'..='Å' | 'à'..='å' | 'Ā'..='ą' => 'a',
        'Ç' | 'ç' | 'Ć'..='č' => 'c',
        'Ď' | 'ď' => 'd',
        'È'..='Ë' | 'è'..='ë' | 'Ē'..='ě' => 'e',
        'Ĝ'..='ģ' => 'g',
        'Ì'..='Ï' | 'ì'..='ï' | 'Ĩ'..='į' => 'i',
        'Ł' | 'ł' | 'Ĺ'..='ľ' => 'l',
        'Ñ' | 'ñ' | 'Ń'..='ň' => 'n',
        'Ò'..='Ö' | 'Ø' | 'ò'..='ö' | 'ø' | 'Ō'..='ő' => 'o',
        'Ŕ'..='ř' => 'r',
        'Ś'..='š' => 's',
        'Ţ'..='ť' => 't',
        'Ù'..='Ü' | 'ù'..='ü' | 'Ũ'..='ų' => 'u',
        'Ý' | 'ý' | 'ÿ' => 'y',
        'Ź'..='ž' => 'z',
        _ => character,
    }
}

/// Replaces look-alikes in words that also hold Latin letters (and, with `all`, in words of look-alikes
/// only), and writes what stays foreign in lower case. Returns how many words were mixed.
fn unmix(text: &str, all: bool) -> (String, usize) {
    let mut out = String::with_capacity(text.len());
    let mut mixed = 0;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = first.is_alphabetic();
        let end = rest.find(|character: char| character.is_alphabetic() != is_word).unwrap_or(rest.len());
        let (piece, tail) = rest.split_at(end);
        rest = tail;
        let disguised = is_word && !piece.is_ascii() && {
            let latin = piece.chars().any(|character| character.is_ascii());
            let alike = |character: char| character.is_ascii() || look_alike(character).is_some();
            let is_mixed = latin && piece.chars().any(|character| look_alike(character).is_some());
            mixed += usize::from(is_mixed);
            is_mixed || (all && piece.chars().all(alike))
        };
        for character in piece.chars() {
            match look_alike(character).filter(|_| disguised) {
                Some(latin) => out.push(latin),
                None if character.is_ascii() => out.push(character),
                None => out.extend(character.to_lowercase()),
            }
        }
    }
    (out, mixed)
}

/// The Latin letter a Cyrillic, Greek or other letter is taken for.
fn look_alike(character: char) -> Option<char> {
    let latin = match character {
        'а' | 'α' | 'ɑ' => 'a',
        'А' | 'Α' => 'A',
        'В' | 'Β' => 'B',
        'с' | 'ϲ' => 'c',
        'С' => 'C',
        'ԁ' => 'd',
        'е' | 'ҽ' => 'e',
        'Е' | 'Ε' => 'E',
        'ɡ' => 'g',
        'һ' | 'հ' => 'h',
        'Н' | 'Η' => 'H',
        'і' | 'ι' | 'ı' => 'i',
        'І' | 'Ι' => 'I',
        'ј' => 'j',
        'Ј' => 'J',
        'К' | 'Κ' => 'K',
        'к' | 'κ' => 'k',
        'ӏ' | 'ⅼ' => 'l',
        'М' | 'Μ' => 'M',
        'Ν' => 'N',
        'ո' => 'n',
        'о' | 'ο' | 'օ' => 'o',
        'О' | 'Ο' => 'O',
        'р' | 'ρ' => 'p',
        'Р' | 'Ρ' => 'P',
        'ԛ' => 'q',
        'ѕ' => 's',
        'Ѕ' => 'S',
        'Т' | 'Τ' => 'T',
        'τ' => 't',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' => 'w',
        'х' | 'χ' => 'x',
        'Х' | 'Χ' => 'X',
        'у' => 'y',
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
        ] {
            assert_eq!(fold(text).text, expected);
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
        assert_eq!(fold(&format!("\u{1F600}{carried}")).carried, b"ok");
    }
}
