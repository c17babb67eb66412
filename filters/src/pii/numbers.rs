//! Runs of digit groups ("+1 (212) 555-0147", "4111 1111 1111 1111", "10.1.2.3"): cuts them into groups and
//! asks each kind of number, strongest validator first, whether it starts at a group. Trying every group
//! means that a refused candidate never hides the one behind it.

use hardpan_inference::finding::Finding;

use super::field::Field;
use super::{card, ip, national, phone, social_security};

/// Groups cut at once. Every group but those in the margin is tried with its followers in sight; the margin
/// is tried in the next window.
const GROUPS_MAX: usize = 64;
const GROUPS_MARGIN: usize = 16;
const SEPARATOR_BYTES_MAX: usize = 3;

/// Digits in the longest number any detector accepts, with room to see that a number is longer.
const DIGITS_MAX: usize = 24;

/// Consecutive digits: where they start and end in the text.
#[derive(Clone, Copy)]
pub(super) struct Group {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The one byte between it and the group before it, or nought where there is none or there are more.
    separator: u8,
    /// Digits from the first group to the end of this one.
    digits_so_far: usize,
}

impl Group {
    pub(super) fn len(self) -> usize {
        self.end - self.start
    }
}

/// What a detector made of the groups at an index: the index to go on at, and a finding unless it only
/// stepped over.
pub(super) struct Step {
    pub(super) next: usize,
    pub(super) finding: Option<Finding>,
}

/// Groups and what separates them.
#[derive(Clone, Copy)]
pub(super) struct Run<'r, 't> {
    field: Field<'t>,
    groups: &'r [Group],
}

impl<'t> Run<'_, 't> {
    pub(super) fn field(self) -> Field<'t> {
        self.field
    }

    pub(super) fn len(self) -> usize {
        self.groups.len()
    }

    pub(super) fn group(self, index: usize) -> Option<Group> {
        self.groups.get(index).copied()
    }

    pub(super) fn digits(self, index: usize) -> &'t [u8] {
        self.group(index).map(|group| self.field.slice(group.start, group.end)).unwrap_or_default()
    }

    /// What stands between the group at `index` and the one before it, if both are in the run.
    pub(super) fn separator(self, index: usize) -> Option<&'t [u8]> {
        let before = self.group(index.checked_sub(1)?)?;
        let group = self.group(index)?;
        Some(self.field.slice(before.end, group.start))
    }

    /// Whether exactly `byte` separates the group at `index` from the one before it.
    pub(super) fn is_separated_by(self, index: usize, byte: u8) -> bool {
        index > 0 && self.group(index).is_some_and(|group| group.separator == byte)
    }

    /// Whether the group at `index` is tied to the one before it by a hyphen or dot, as inside a longer
    /// number.
    pub(super) fn is_joined(self, index: usize) -> bool {
        index > 0 && self.group(index).is_some_and(|group| matches!(group.separator, b'-' | b'.'))
    }

    /// How many digits there are in up to `count` groups from `index`.
    pub(super) fn count_digits(self, index: usize, count: usize) -> usize {
        let last =
            (index + count).min(self.groups.len()).checked_sub(1).and_then(|last| self.groups.get(last));
        let before = index.checked_sub(1).and_then(|before| self.groups.get(before));
        let so_far = |group: Option<&Group>| group.map_or(0, |group| group.digits_so_far);
        so_far(last).saturating_sub(so_far(before))
    }

    /// The digits of `count` groups from `index` in one piece.
    pub(super) fn joined_digits(self, index: usize, count: usize) -> Digits {
        let mut digits = Digits { bytes: [0; DIGITS_MAX], len: 0 };
        for group in self.groups.iter().skip(index).take(count) {
            let room = digits.bytes.get_mut(digits.len..).unwrap_or_default();
            let written = self.field.slice(group.start, group.end);
            let length = written.len().min(room.len());
            room.iter_mut().zip(written).for_each(|(place, byte)| *place = *byte);
            digits.len += length;
        }
        digits
    }
}

/// Up to [`DIGITS_MAX`] ASCII digits. They are user data, hence no `Debug`.
pub(super) struct Digits {
    bytes: [u8; DIGITS_MAX],
    len: usize,
}

impl Digits {
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Examines the digits at `start` and the groups after them. Returns where to go on.
pub(super) fn examine(
    field: Field<'_>,
    start: usize,
    groups: &mut Vec<Group>,
    candidates: &mut Vec<Finding>,
) -> usize {
    let run_end = cut_into_groups(field, start, groups);
    let run = Run { field, groups };
    let full = run.len() == GROUPS_MAX;
    let limit = if full { GROUPS_MAX - GROUPS_MARGIN } else { run.len() };
    let (mut index, mut consumed) = (0, 0);
    while index < limit {
        match classify(run, index) {
            Some(step) => {
                candidates.extend(step.finding);
                index = step.next;
                consumed = step.next;
            }
            None => index += 1,
        }
    }
    if full {
        return run.group(index).map_or(run_end, |group| group.start);
    }
    // The last group may belong to what follows: "5 2001:db8::1", "2024 1HGBH41JXMN109186".
    let follows = field.at(run_end) == b':' || field.at(run_end).is_ascii_alphanumeric();
    match run.group(run.len() - 1) {
        Some(last) if run.len() > 1 && consumed < run.len() && last.len() <= 6 && follows => last.start,
        _ => run_end,
    }
}

fn classify(run: Run<'_, '_>, index: usize) -> Option<Step> {
    ip::examine_v4(run, index)
        .or_else(|| card::examine(run, index))
        .or_else(|| social_security::examine(run, index))
        .or_else(|| national::examine(run, index))
        .or_else(|| phone::examine(run, index))
}

/// Fills `groups` from `start` and returns the end of the last one.
fn cut_into_groups(field: Field<'_>, start: usize, groups: &mut Vec<Group>) -> usize {
    groups.clear();
    let (mut position, mut separator, mut digits_so_far) = (start, 0, 0);
    loop {
        let end = skip_while(field, position, usize::MAX, |byte| byte.is_ascii_digit());
        digits_so_far += end - position;
        groups.push(Group { start: position, end, separator, digits_so_far });
        let next = skip_while(field, end, SEPARATOR_BYTES_MAX, is_separator);
        if groups.len() == GROUPS_MAX || !field.at(next).is_ascii_digit() {
            return end;
        }
        separator = if next == end + 1 { field.at(end) } else { 0 };
        position = next;
    }
}

fn skip_while(field: Field<'_>, start: usize, bytes_max: usize, accept: fn(u8) -> bool) -> usize {
    let end = field.len().min(start.saturating_add(bytes_max));
    let rest = field.slice(start, end);
    start + rest.iter().take_while(|byte| accept(**byte)).count()
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'.' | b'(' | b')' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_where_the_separators_are_too_long_or_foreign() {
        for (text, expected) in [
            ("12 34", vec![(0, 2), (3, 5)]),
            ("1 (23) 4", vec![(0, 1), (3, 5), (7, 8)]),
            ("1    2", vec![(0, 1)]),
            ("1,2", vec![(0, 1)]),
        ] {
            let mut groups = Vec::new();
            cut_into_groups(Field::new("", text), 0, &mut groups);
            let cut: Vec<_> = groups.iter().map(|group| (group.start, group.end)).collect();
            assert_eq!(cut, expected, "{text}");
        }
    }

    #[test]
    fn a_number_behind_the_window_is_found_in_the_next_one() {
        let text = format!("{}4111 1111 1111 1111", "9 ".repeat(GROUPS_MAX - 2));
        let (mut groups, mut candidates) = (Vec::new(), Vec::new());
        let next = examine(Field::new("", &text), 0, &mut groups, &mut candidates);
        assert!(candidates.is_empty() && next < text.len() - 19);
        let end = examine(Field::new("", &text), next, &mut groups, &mut candidates);
        assert_eq!((candidates.len(), end), (1, text.len()));
    }
}
