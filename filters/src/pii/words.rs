//! Lists of words that are asked for often. Nearly every word of a text is in none of them, and is known not to be by
//! one bit: its length and its first two letters mark it. It deliberately knows no words itself.

const MARKS: usize = 1024;

/// Words in any case.
pub(super) struct Words {
    list: &'static [&'static str],
    marks: [u64; MARKS / 64],
}

impl Words {
    #[expect(
        clippy::indexing_slicing,
        reason = "done while the program is built, and within the bounds asked for"
    )]
    pub(super) const fn new(list: &'static [&'static str]) -> Self {
        let mut marks = [0; MARKS / 64];
        let mut at = 0;
        while at < list.len() {
            let word = list[at].as_bytes();
            let second = if word.len() > 1 { word[1] } else { 0 };
            let mark = mark(word.len(), word[0], second);
            marks[mark / 64] |= 1 << (mark % 64);
            at += 1;
        }
        Self { list, marks }
    }

    pub(super) fn has(&self, word: &[u8]) -> bool {
        let Some((first, rest)) = word.split_first() else { return false };
        let mark = mark(word.len(), *first, rest.first().copied().unwrap_or(0));
        let marked = self.marks.get(mark / 64).is_some_and(|marks| marks >> (mark % 64) & 1 == 1);
        marked && self.list.iter().any(|listed| word.eq_ignore_ascii_case(listed.as_bytes()))
    }
}

const fn mark(length: usize, first: u8, second: u8) -> usize {
    ((first | 0x20) as usize * 5 + (second | 0x20) as usize * 33 + length * 7) % MARKS
}

#[cfg(test)]
mod tests {
    use super::super::context::{FILLERS, STOP_WORDS};
    use super::*;

    #[test]
    fn a_list_has_its_words_in_any_case_and_no_others() {
        for list in [&FILLERS[..], &STOP_WORDS[..]] {
            let words = Words::new(list);
            for word in list {
                assert!(
                    words.has(word.as_bytes()) && words.has(word.to_ascii_uppercase().as_bytes()),
                    "{word}"
                );
            }
            for word in ["", "x", "unlisted", "nu", "numberss", "Ω"] {
                assert!(!words.has(word.as_bytes()), "{word}");
            }
        }
    }
}
