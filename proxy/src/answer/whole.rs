//! A whole answer: JSON as a rule, else text.

use std::ops::Range;

use bytes::Bytes;
use hardpan_filters::masking::{Tally, changes, value_edits};
use hardpan_inference::codec::{Answer, Restorable};
use hardpan_inference::edit::{self, Edit};
use hardpan_inference::json::{self, Document, Kind, ValueId};
use hardpan_inference::operation::BodyShape;
use hardpan_telemetry::audit::AuditApproval;

use super::{AnswerContext, Completion, Words, is_name_of_thing};
use crate::approvals::{self, Approvals, Ticket};
use crate::payload::Payload;
use crate::refusal::Refusal;
use crate::tools::{Origin, ProposedCall, ToolVerdict, decide};

/// What is said about the calls of one answer, in their order. Each is asked about once, however often the answer is
/// read: people may take their time over one.
#[derive(Default)]
pub struct Verdicts {
    calls: Vec<ToolVerdict>,
    notes: Vec<AuditApproval>,
}

impl Verdicts {
    /// Calls that wait for people.
    pub fn parked(&self) -> impl Iterator<Item = &Ticket> {
        self.calls.iter().filter_map(|verdict| match verdict {
            ToolVerdict::Park(ticket) => Some(&**ticket),
            ToolVerdict::Release | ToolVerdict::Replace(_) => None,
        })
    }

    /// Asks anew about calls that wait.
    pub fn resume(&mut self, context: &AnswerContext<'_>) {
        for verdict in &mut self.calls {
            if let ToolVerdict::Park(ticket) = verdict
                && let Some(settled) = approvals::resume(context.asker, ticket, &mut self.notes)
            {
                *verdict = settled;
            }
        }
    }

    /// What the record says of people who were asked.
    pub fn into_notes(self) -> Vec<AuditApproval> {
        self.notes
    }

    /// Calls that still wait are replaced.
    pub fn give_up(&mut self, approvals: &Approvals) {
        for verdict in &mut self.calls {
            if let ToolVerdict::Park(ticket) = verdict {
                *verdict = ToolVerdict::Replace(ticket.text(approvals));
            }
        }
    }
}

/// Reads an answer of success and changes what must be changed. Bytes outside the changes stay as they came. The words
/// are the model's own, where policy is asked about them. Where calls wait for people it is read again after them.
pub fn process(
    context: &AnswerContext<'_>,
    body: &Bytes,
    verdicts: &mut Verdicts,
) -> Result<(Bytes, Completion, Words), Refusal> {
    let limits = context.asker.snapshot.config.limits.json;
    // Only containers and agents may answer with something else than JSON.
    let shape = context.asker.operation.body();
    let may_be_anything = matches!(shape, BodyShape::Endpoint | BodyShape::Raw | BodyShape::Json);
    let shape = if may_be_anything { BodyShape::Raw } else { shape };
    let payload = Payload::of(body.clone(), shape, limits);
    let answer = match Answer::parse(payload.dialect().unwrap_or(context.dialect), payload.json(), limits) {
        Ok(answer) => answer,
        // Nothing was masked and no call is guarded: an answer that is not JSON can hide nothing from either.
        Err(_) if context.is_transparent() => {
            let completion =
                Completion { content_bytes: body.len() as u64, complete: true, ..Completion::default() };
            return Ok((body.clone(), completion, Words::default()));
        }
        Err(_) => return Err(Refusal::AnswerMalformed),
    };
    // Words may stand where a caller expects JSON that could hold calls; calls may be spelt so that nobody can judge
    // them, or in two ways at once.
    let hides_calls = answer.ambiguous_calls
        || (answer.unreadable_calls && !context.unreadable_tools)
        || (payload.dialect().is_some() && !context.tools.is_empty());
    if context.guards_tools() && hides_calls {
        return Err(Refusal::AnswerMalformed);
    }
    let mut completion = Completion {
        usage: answer.usage,
        stop_reason: answer.stop_reason.clone(),
        service_tier: answer.service_tier.clone(),
        guardrail_intervened: answer.guardrail_intervened,
        guardrail_units: answer.guardrail_units,
        pictures_made: answer.pictures_made,
        content_bytes: body.len() as u64,
        complete: true,
        ..Completion::default()
    };
    let refused = refused_calls(context, &answer, verdicts, &mut completion);
    let mut edits = answer.replace_calls(&refused);
    let mut words = Words::default();
    for text in answer.restorable() {
        if context.judged {
            hear(&answer, &text, &mut words);
        }
        let inside_refused = refused.iter().any(|(block, _)| answer.document.contains(*block, text.value));
        if !inside_refused {
            edits.extend(changed_text(context, &answer, text, &mut completion.tally));
        }
    }
    if let Some(masker) = context.masker(true) {
        let inputs =
            answer.tool_calls.iter().filter(|call| !refused.iter().any(|(block, _)| *block == call.block));
        for input in inputs.filter_map(|call| call.input) {
            if answer.document.kind(input) != Kind::String {
                let tally = &mut completion.tally;
                edits.extend(value_edits(&answer.document, input, context.vault, Some(masker), tally));
            }
        }
    }
    if edits.is_empty() {
        return Ok((body.clone(), completion, words));
    }
    Ok((payload.with_json(edit::apply(payload.json(), edits)?)?.raw, completion, words))
}

/// Each text of a whole answer is a text of its own.
fn hear(answer: &Answer<'_>, text: &Restorable, words: &mut Words) {
    let name = text.key.and_then(|key| answer.document.string(key)).unwrap_or_default();
    if !text.in_call
        && !is_name_of_thing(&name)
        && let Some(decoded) = answer.document.string(text.value)
    {
        words.hear_whole(&decoded);
    }
}

fn changed_text(
    context: &AnswerContext<'_>,
    answer: &Answer<'_>,
    text: Restorable,
    tally: &mut Tally,
) -> Vec<Edit> {
    let document = &answer.document;
    // Arguments that are an object are changed as one, numbers included.
    if text.in_call && !text.nested_json && context.masker(true).is_some() {
        return Vec::new();
    }
    let Some(decoded) = document.string(text.value) else { return Vec::new() };
    let changed = if text.nested_json {
        arguments_changes(context, &decoded, tally)
    } else {
        let name = text.key.and_then(|key| document.string(key)).unwrap_or_default();
        let lookout = context.lookout(&name, text.in_call);
        changes(lookout.vault, lookout.masker, "", &decoded, tally)
    };
    let edits = changed.into_iter();
    edits.filter_map(|(range, changed)| document.edit_in_string(text.value, range, &changed)).collect()
}

/// The changes to the JSON of a call's arguments: values put back, escaped for the strings they stand in, and values
/// masked.
pub fn arguments_changes(
    context: &AnswerContext<'_>,
    arguments: &str,
    tally: &mut Tally,
) -> Vec<(Range<usize>, String)> {
    let masker = context.masker(true);
    let limits = context.asker.snapshot.config.limits.json;
    match Document::parse(arguments.as_bytes(), limits) {
        Ok(document) if masker.is_some() => {
            let edits = value_edits(&document, document.root(), context.vault, masker, tally).into_iter();
            edits.filter_map(|edit| Some((edit.range, String::from_utf8(edit.replacement).ok()?))).collect()
        }
        // What is no JSON is masked as the text it is.
        _ => {
            let changed = changes(context.vault, masker, "", arguments, tally).into_iter();
            changed.map(|(range, text)| (range, json::escape(&text).into_owned())).collect()
        }
    }
}

/// Arguments as the caller gets them.
pub fn changed_arguments(context: &AnswerContext<'_>, arguments: &str, tally: &mut Tally) -> String {
    let mut out = String::with_capacity(arguments.len());
    let mut at = 0;
    let mut changed = arguments_changes(context, arguments, tally);
    changed.sort_by_key(|(range, _)| range.start);
    for (range, text) in changed {
        out.push_str(arguments.get(at..range.start).unwrap_or_default());
        out.push_str(&text);
        at = range.end;
    }
    out.push_str(arguments.get(at..).unwrap_or_default());
    out
}

fn refused_calls(
    context: &AnswerContext<'_>,
    answer: &Answer<'_>,
    verdicts: &mut Verdicts,
    completion: &mut Completion,
) -> Vec<(ValueId, String)> {
    let mut refused = Vec::new();
    let of = answer.tool_calls.len() as u64;
    for (index, call) in answer.tool_calls.iter().enumerate() {
        if !context.guards_tools() {
            completion.tools_called.push(call.name.clone());
            continue;
        }
        if verdicts.calls.len() <= index {
            let written = if call.arguments.trim().is_empty() { "{}" } else { call.arguments.as_str() };
            let arguments = restored_arguments(context, written);
            let proposed = ProposedCall {
                id: &call.id,
                name: &call.name,
                arguments: &arguments,
                index: index as u64 + 1,
                of,
                origin: Origin::Model,
            };
            let verdict = decide(context.asker, context.tools, &proposed, &mut verdicts.notes);
            verdicts.calls.push(verdict);
        }
        let text = match verdicts.calls.get(index) {
            Some(ToolVerdict::Release) => None,
            Some(ToolVerdict::Replace(text)) => Some(text.clone()),
            // What still waits is not given away.
            Some(ToolVerdict::Park(_)) | None => Some(String::new()),
        };
        match text {
            None => completion.tools_called.push(call.name.clone()),
            Some(text) => {
                completion.tools_denied.push(call.name.clone());
                refused.push((call.block, text));
            }
        }
    }
    completion.approvals.clone_from(&verdicts.notes);
    refused
}

/// Arguments as policy judges them: what the model proposed, with values put back and none masked. A placeholder
/// stands inside a string of the arguments' JSON, so the value is escaped for one.
pub fn restored_arguments(context: &AnswerContext<'_>, arguments: &str) -> String {
    let mut out = String::with_capacity(arguments.len());
    let mut at = 0;
    for (range, value) in context.vault.find(arguments) {
        out.push_str(arguments.get(at..range.start).unwrap_or_default());
        out.push_str(&json::escape(value));
        at = range.end;
    }
    out.push_str(arguments.get(at..).unwrap_or_default());
    out
}
