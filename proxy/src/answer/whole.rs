//! A whole JSON answer.

use bytes::Bytes;
use hardpan_inference::codec::Answer;
use hardpan_inference::edit::{self, Edit};
use hardpan_inference::json;

use super::{AnswerContext, Completion};
use crate::refusal::Refusal;
use crate::tools::{ProposedCall, ToolVerdict, decide};

/// Reads an answer of status 200 and changes what must be changed. Bytes outside the changes stay as they came.
pub fn process(context: &AnswerContext<'_>, body: &Bytes) -> Result<(Bytes, Completion), Refusal> {
    let limits = context.asker.snapshot.config.limits.json;
    let answer = match Answer::parse(context.dialect, body, limits) {
        Ok(answer) => answer,
        // Nothing was masked and no call is guarded: an answer that is not JSON can hide nothing from either.
        Err(_) if context.is_transparent() => {
            let completion =
                Completion { content_bytes: body.len() as u64, complete: true, ..Completion::default() };
            return Ok((body.clone(), completion));
        }
        Err(_) => return Err(Refusal::AnswerMalformed),
    };
    let mut completion = Completion {
        usage: answer.usage,
        stop_reason: answer.stop_reason.clone(),
        service_tier: answer.service_tier.clone(),
        guardrail_intervened: answer.guardrail_intervened,
        content_bytes: body.len() as u64,
        complete: true,
        ..Completion::default()
    };
    let refused = refused_calls(context, &answer, &mut completion);
    let mut edits = answer.replace_calls(&refused);
    for text in answer.restorable() {
        let inside_refused = refused.iter().any(|(block, _)| answer.document.contains(*block, text));
        if !inside_refused && let Some(decoded) = answer.document.string(text) {
            edits.extend(restore(context, &answer, text, &decoded));
        }
    }
    if edits.is_empty() {
        return Ok((body.clone(), completion));
    }
    Ok((Bytes::from(edit::apply(body, edits)?), completion))
}

fn restore(
    context: &AnswerContext<'_>,
    answer: &Answer<'_>,
    text: hardpan_inference::json::ValueId,
    decoded: &str,
) -> Vec<Edit> {
    let found = context.vault.find(decoded);
    found
        .into_iter()
        .filter_map(|(range, value)| answer.document.edit_in_string(text, range, value))
        .collect()
}

fn refused_calls(
    context: &AnswerContext<'_>,
    answer: &Answer<'_>,
    completion: &mut Completion,
) -> Vec<(json::ValueId, String)> {
    let mut refused = Vec::new();
    let of = answer.tool_calls.len() as u64;
    for (index, call) in answer.tool_calls.iter().enumerate() {
        if !context.guards_tools() {
            completion.tools_called.push(call.name.clone());
            continue;
        }
        let arguments = call.input.map_or("{}", |input| answer.document.raw(input));
        let arguments = restored_arguments(context, arguments);
        let proposed = ProposedCall {
            id: &call.id,
            name: &call.name,
            arguments: &arguments,
            index: index as u64 + 1,
            of,
        };
        match decide(context.asker, context.tools, &proposed) {
            ToolVerdict::Release => completion.tools_called.push(call.name.clone()),
            ToolVerdict::Replace(text) => {
                completion.tools_denied.push(call.name.clone());
                refused.push((call.block, text));
            }
        }
    }
    refused
}

/// Arguments as the caller will get them. A placeholder stands inside a string of the arguments' JSON, so the value
/// is escaped for one.
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
