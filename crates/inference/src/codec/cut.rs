//! Taking members and elements out of JSON with the commas that set them apart. Nothing else of the text changes,
//! so that edits inside what stays can be made at the same time.

use std::collections::HashSet;
use std::ops::Range;

use crate::edit::Edit;
use crate::json::{Document, ValueId};

/// The changes that take members out of an object, told by their values.
pub(super) fn members(document: &Document<'_>, object: ValueId, gone: &HashSet<ValueId>) -> Vec<Edit> {
    cut(document
        .members(object)
        .map(|(key, value)| (document.range(key).start..document.range(value).end, gone.contains(&value))))
}

/// The changes that take elements out of an array.
pub(super) fn elements(document: &Document<'_>, array: ValueId, gone: &HashSet<ValueId>) -> Vec<Edit> {
    cut(document.elements(array).map(|element| (document.range(element), gone.contains(&element))))
}

/// A run of neighbours goes up to the next one that stays; the last run begins where the last one that stays ends.
fn cut(items: impl Iterator<Item = (Range<usize>, bool)>) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut kept_end = None;
    let mut run: Option<Range<usize>> = None;
    for (range, is_gone) in items {
        if is_gone {
            let start = run.take().map_or(range.start, |run| run.start);
            run = Some(start..range.end);
        } else {
            if let Some(run) = run.take() {
                edits.push(Edit::replace(run.start..range.start, ""));
            }
            kept_end = Some(range.end);
        }
    }
    if let Some(run) = run {
        edits.push(Edit::replace(kept_end.unwrap_or(run.start)..run.end, ""));
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::JsonLimits;

    #[test]
    fn whatever_goes_what_stays_is_json() {
        let object = r#"{ "a" : 1 , "b":2,"c":3, "d":4 }"#;
        let array = r#"[ 10, 11 ,12,13 ]"#;
        for mask in 0..16_u32 {
            let stays = |index: usize| mask & (1 << index) == 0;
            for (text, is_object) in [(object, true), (array, false)] {
                let document = Document::parse(text.as_bytes(), JsonLimits::default()).unwrap();
                let root = document.root();
                let values: Vec<ValueId> = if is_object {
                    document.members(root).map(|(_, value)| value).collect()
                } else {
                    document.elements(root).collect()
                };
                let kept: Vec<&str> = values
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| stays(*at))
                    .map(|(_, id)| document.raw(*id))
                    .collect();
                let gone =
                    values.iter().enumerate().filter(|(at, _)| !stays(*at)).map(|(_, id)| *id).collect();
                let edits = if is_object {
                    members(&document, root, &gone)
                } else {
                    elements(&document, root, &gone)
                };
                let changed = crate::edit::apply(text.as_bytes(), edits).unwrap();
                let again = Document::parse(&changed, JsonLimits::default()).unwrap();
                let left: Vec<&str> = if is_object {
                    again.members(again.root()).map(|(_, value)| again.raw(value)).collect()
                } else {
                    again.elements(again.root()).map(|id| again.raw(id)).collect()
                };
                assert_eq!(left, kept, "{mask} {text}");
            }
        }
    }
}
