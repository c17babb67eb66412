//! A streamed answer, frame by frame.
//!
//! Frames wait in one queue, in the order they came, and leave as soon as nothing can change them any more: a text
//! delta while it ends in what may become a placeholder, a tool call until its arguments are whole and decided.
//! All others leave at once, byte for byte. How the bytes were cut on their way makes no difference.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use hardpan_filters::holdback::{Holdback, PieceEdit, PieceId};
use hardpan_inference::codec::{Event, EventKind, Lane, text_delta, tool_input_delta};
use hardpan_inference::edit;
use hardpan_inference::json::{Document, JsonLimits, ValueId, quote};
use hardpan_inference::request::Dialect;
use hardpan_inference::stream::event_stream::{self, Frame, FrameDecoder};
use hardpan_inference::usage::Tokens;

use super::whole::restored_arguments;
use super::{AnswerContext, Completion};
use crate::refusal::Refusal;
use crate::tools::{ProposedCall, ToolVerdict, decide};

/// Frames of one stream, on their way through.
pub struct StreamGovernor<'c, 'a> {
    context: &'c AnswerContext<'a>,
    decoder: FrameDecoder,
    queue: VecDeque<Item>,
    next_id: PieceId,
    held_bytes: usize,
    lanes: HashMap<Lane, Holdback>,
    calls: BTreeMap<u64, OpenCall>,
    calls_seen: u64,
    saw_last: bool,
    hour_writes: Tokens,
    completion: Completion,
}

struct Item {
    id: PieceId,
    frame: Frame,
    outcome: Outcome,
}

enum Outcome {
    AsItCame,
    /// Changes to strings of the event's JSON, in decoded bytes.
    Edited(Vec<(ValueId, Range<usize>, String)>),
    /// Other events in the frame's place; none drops it.
    Replaced(Vec<String>),
}

/// A tool call whose arguments are still coming.
struct OpenCall {
    id: String,
    name: String,
    start: PieceId,
    deltas: Vec<PieceId>,
    arguments: String,
    /// The arguments stood in the start event; deltas would replace them.
    seeded: bool,
    index: u64,
}

impl OpenCall {
    fn begin(start: PieceId, id: String, name: String, arguments: String, index: u64) -> Self {
        Self { id, name, start, deltas: Vec::new(), seeded: !arguments.is_empty(), arguments, index }
    }
}

impl<'c, 'a> StreamGovernor<'c, 'a> {
    pub fn new(context: &'c AnswerContext<'a>) -> Self {
        Self {
            context,
            decoder: FrameDecoder::default(),
            queue: VecDeque::new(),
            next_id: 0,
            held_bytes: 0,
            lanes: HashMap::new(),
            calls: BTreeMap::new(),
            calls_seen: 0,
            saw_last: false,
            hour_writes: Tokens(0),
            completion: Completion::default(),
        }
    }

    /// Takes bytes as they arrive and returns what may leave.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Bytes, Refusal> {
        self.decoder.push(bytes);
        let mut out = BytesMut::new();
        while let Some(frame) = self.decoder.next_frame()? {
            self.frame(frame)?;
            self.release(&mut out)?;
        }
        Ok(out.freeze())
    }

    /// The upstream has ended the stream: what waits leaves, unless the stream is not whole.
    pub fn finish(&mut self) -> Result<Bytes, Refusal> {
        self.decoder.finish()?;
        // A family without a codec may have no last event that is known; nothing at all is no answer of any.
        let may_end = self.saw_last || (self.context.dialect == Dialect::Opaque && self.next_id > 0);
        if !may_end && self.completion.exception.is_none() {
            return Err(Refusal::StreamIncomplete);
        }
        self.settle_everything();
        let mut out = BytesMut::new();
        self.release(&mut out)?;
        self.completion.complete = self.saw_last && self.completion.exception.is_none();
        Ok(out.freeze())
    }

    /// What is known of the answer, whole or not.
    pub fn into_completion(self) -> Completion {
        self.completion
    }

    fn frame(&mut self, frame: Frame) -> Result<(), Refusal> {
        let id = self.next_id;
        self.next_id += 1;
        self.held_bytes += frame.raw().len();
        let mut item = Item { id, frame, outcome: Outcome::AsItCame };
        if item.frame.header(":message-type") == Some("event") {
            self.event(&mut item)?;
        } else {
            let code = item.frame.header(":exception-type").or(item.frame.header(":error-code"));
            self.completion.exception = Some(code.unwrap_or("error").to_owned());
            self.settle_everything();
        }
        self.queue.push_back(item);
        let bytes_max = self.context.asker.snapshot.config.limits.held_stream_bytes_max;
        if self.held_bytes > bytes_max && self.settled_until() != PieceId::MAX {
            return Err(Refusal::HeldTooMuch { bytes_max });
        }
        Ok(())
    }

    fn event(&mut self, item: &mut Item) -> Result<(), Refusal> {
        let event_type = item.frame.header(":event-type").unwrap_or_default().to_owned();
        let Some(json) = event_json(&event_type, &item.frame) else {
            // A chunk that cannot be read must not slip past a guard that would have to.
            return if self.context.is_transparent() { Ok(()) } else { Err(Refusal::AnswerMalformed) };
        };
        let dialect = self.context.dialect;
        let event = match Event::parse(dialect, &event_type, &json, self.limits()) {
            Ok(event) => event,
            // An event nobody knows goes on unchanged; so does one that no guard has to read.
            Err(_) if self.context.is_transparent() || !is_known_event(&event_type) => return Ok(()),
            Err(_) => return Err(Refusal::AnswerMalformed),
        };
        self.note(&event);
        self.settle_lanes_left_behind(&event);
        for text in &event.texts {
            let decoded = event.document.string(text.value).unwrap_or_default();
            self.completion.content_bytes += decoded.len() as u64;
            self.text(item, text.lane.clone(), text.value, &decoded);
        }
        match event.kind {
            EventKind::ToolStart { block, id, name, arguments } => {
                self.open_call(block, OpenCall::begin(item.id, id, name, arguments, self.calls_seen + 1));
            }
            EventKind::ToolInput { block, fragment } => self.extend_call(item.id, block, &fragment)?,
            EventKind::BlockStop { block } => self.end_block(block),
            EventKind::Stop { reason, value } => self.stop(item, &reason, value),
            EventKind::Other => {}
        }
        Ok(())
    }

    fn note(&mut self, event: &Event<'_>) {
        self.hour_writes = event.hour_writes.unwrap_or(self.hour_writes);
        if let Some(usage) = event.usage {
            self.completion.usage = Some(usage.with_hour_writes(self.hour_writes));
        }
        self.completion.guardrail_intervened |= event.guardrail_intervened;
        if event.service_tier.is_some() {
            self.completion.service_tier.clone_from(&event.service_tier);
        }
        self.saw_last |= event.is_last;
    }

    /// A text delta: the changes it makes certain may concern earlier frames too.
    fn text(&mut self, item: &mut Item, lane: Lane, value: ValueId, decoded: &str) {
        if self.context.vault.is_empty() {
            return;
        }
        let edits = self.lanes.entry(lane.clone()).or_default().push(self.context.vault, item.id, decoded);
        for PieceEdit { piece, range, replacement } in edits {
            if piece == item.id {
                add_edit(&mut item.outcome, value, range, replacement);
            } else if let Some(earlier) = self.queue.iter_mut().find(|earlier| earlier.id == piece) {
                // The same lane stands at the same place in every event of its kind, but its index may differ.
                if let Some(value) = lane_value(self.context.dialect, earlier, &lane) {
                    add_edit(&mut earlier.outcome, value, range, replacement);
                }
            }
        }
    }

    fn open_call(&mut self, block: u64, call: OpenCall) {
        self.calls_seen += 1;
        if self.context.is_transparent() {
            self.completion.tools_called.push(call.name);
            return;
        }
        if let Some(unfinished) = self.calls.insert(block, call) {
            self.decide_call(block, unfinished);
        }
    }

    /// Arguments of a call that never began, or has been decided, cannot be judged.
    fn extend_call(&mut self, delta: PieceId, block: u64, fragment: &str) -> Result<(), Refusal> {
        self.completion.content_bytes += fragment.len() as u64;
        if self.context.is_transparent() {
            return Ok(());
        }
        let call = self.calls.get_mut(&block).ok_or(Refusal::AnswerMalformed)?;
        if std::mem::take(&mut call.seeded) {
            call.arguments.clear();
        }
        call.deltas.push(delta);
        call.arguments.push_str(fragment);
        Ok(())
    }

    /// A family without block events says by its next chunk that a text has ended.
    fn settle_lanes_left_behind(&mut self, event: &Event<'_>) {
        if self.context.dialect == Dialect::Opaque {
            for (lane, holdback) in &mut self.lanes {
                if !event.texts.iter().any(|text| text.lane == *lane) {
                    holdback.settle();
                }
            }
        }
    }

    fn end_block(&mut self, block: u64) {
        if let Some(lane) = self.lanes.get_mut(&Lane::Block(block)) {
            lane.settle();
        }
        if let Some(call) = self.calls.remove(&block) {
            self.decide_call(block, call);
        }
    }

    fn stop(&mut self, item: &mut Item, reason: &str, value: ValueId) {
        self.settle_everything();
        let denied = self.completion.tools_denied.len() as u64;
        if reason == "tool_use" && denied > 0 && denied == self.calls_seen {
            add_edit(&mut item.outcome, value, 0..reason.len(), "end_turn".to_owned());
        }
        self.completion.stop_reason = Some(reason.to_owned());
    }

    /// Whatever is still open will not be continued.
    fn settle_everything(&mut self) {
        self.lanes.values_mut().for_each(Holdback::settle);
        for (block, call) in std::mem::take(&mut self.calls) {
            self.decide_call(block, call);
        }
    }

    /// The arguments are whole: release the call, with masked values put back, or put a text in its place.
    fn decide_call(&mut self, block: u64, call: OpenCall) {
        let dialect = self.context.dialect;
        let written = if call.arguments.trim().is_empty() { "{}" } else { call.arguments.as_str() };
        let arguments = restored_arguments(self.context, written);
        let verdict = if self.context.guards_tools() {
            let proposed = ProposedCall {
                id: &call.id,
                name: &call.name,
                arguments: &arguments,
                index: call.index,
                of: self.calls_seen,
            };
            decide(self.context.asker, self.context.tools, &proposed)
        } else {
            ToolVerdict::Release
        };
        match verdict {
            ToolVerdict::Release => {
                self.completion.tools_called.push(call.name);
                if arguments == written {
                    return;
                }
                let mut whole = Some(tool_input_delta(dialect, block, &arguments));
                self.replace(&call.deltas, || whole.take().into_iter().collect());
            }
            ToolVerdict::Replace(text) => {
                self.completion.tools_denied.push(call.name);
                let (start, delta) = text_delta(dialect, block, &text);
                let mut first = Some(start.into_iter().chain([delta]).collect());
                self.replace(&[call.start], || first.take().unwrap_or_default());
                self.replace(&call.deltas, Vec::new);
            }
        }
    }

    fn replace(&mut self, pieces: &[PieceId], mut events: impl FnMut() -> Vec<String>) {
        for piece in pieces {
            if let Some(item) = self.queue.iter_mut().find(|item| item.id == *piece) {
                item.outcome = Outcome::Replaced(events());
            }
        }
    }

    /// The first frame that may still change.
    fn settled_until(&self) -> PieceId {
        let lanes = self.lanes.values().filter_map(Holdback::first_unsettled);
        let calls = self.calls.values().map(|call| call.start);
        lanes.chain(calls).min().unwrap_or(PieceId::MAX)
    }

    fn release(&mut self, out: &mut BytesMut) -> Result<(), Refusal> {
        let until = self.settled_until();
        while self.queue.front().is_some_and(|item| item.id < until) {
            let Some(item) = self.queue.pop_front() else { break };
            self.held_bytes = self.held_bytes.saturating_sub(item.frame.raw().len());
            self.write(&item, out)?;
        }
        Ok(())
    }

    fn write(&self, item: &Item, out: &mut BytesMut) -> Result<(), Refusal> {
        match &item.outcome {
            Outcome::AsItCame => out.extend_from_slice(item.frame.raw()),
            Outcome::Edited(edits) => {
                let event_type = item.frame.header(":event-type").unwrap_or_default();
                let json = event_json(event_type, &item.frame).ok_or(Refusal::AnswerMalformed)?;
                let document = Document::parse(&json, self.limits()).map_err(|_| Refusal::AnswerMalformed)?;
                let edits = edits
                    .iter()
                    .filter_map(|(value, range, text)| document.edit_in_string(*value, range.clone(), text))
                    .collect();
                let changed = edit::apply(&json, edits)?;
                out.extend_from_slice(reframed(event_type, &item.frame, &changed, self.limits())?.raw());
            }
            Outcome::Replaced(events) => {
                for event in events {
                    out.extend_from_slice(&self.new_event(item, event));
                }
            }
        }
        Ok(())
    }

    /// An event of Hardpan's own, in the stream's shape.
    fn new_event(&self, item: &Item, json: &str) -> Bytes {
        match item.frame.header(":event-type") {
            Some("chunk") => {
                let payload = format!("{{\"bytes\":{}}}", quote(&STANDARD.encode(json)));
                event_stream::event("chunk", payload.as_bytes())
            }
            _ => event_stream::event("contentBlockDelta", json.as_bytes()),
        }
    }

    fn limits(&self) -> JsonLimits {
        self.context.asker.snapshot.config.limits.json
    }
}

fn add_edit(outcome: &mut Outcome, value: ValueId, range: Range<usize>, text: String) {
    match outcome {
        Outcome::Edited(edits) => edits.push((value, range, text)),
        Outcome::AsItCame => *outcome = Outcome::Edited(vec![(value, range, text)]),
        Outcome::Replaced(_) => {}
    }
}

/// Where a lane's text stands in a frame that came earlier.
fn lane_value(dialect: Dialect, item: &Item, lane: &Lane) -> Option<ValueId> {
    let event_type = item.frame.header(":event-type").unwrap_or_default();
    let json = event_json(event_type, &item.frame)?;
    let event = Event::parse(dialect, event_type, &json, JsonLimits::default()).ok()?;
    event.texts.iter().find(|text| text.lane == *lane).map(|text| text.value)
}

fn is_known_event(event_type: &str) -> bool {
    matches!(
        event_type,
        "chunk"
            | "messageStart"
            | "contentBlockStart"
            | "contentBlockDelta"
            | "contentBlockStop"
            | "messageStop"
            | "metadata"
    )
}

/// The JSON an event carries: a chunk's in base64, any other's as it stands. None for a chunk without bytes.
fn event_json(event_type: &str, frame: &Frame) -> Option<Vec<u8>> {
    if event_type != "chunk" {
        return Some(frame.payload().to_vec());
    }
    let document = Document::parse(frame.payload(), JsonLimits::default()).ok()?;
    let encoded = document.string_at(document.root(), &["bytes"])?;
    STANDARD.decode(encoded.as_bytes()).ok()
}

fn reframed(event_type: &str, frame: &Frame, json: &[u8], limits: JsonLimits) -> Result<Frame, Refusal> {
    if event_type != "chunk" {
        return Ok(frame.with_payload(json));
    }
    let document = Document::parse(frame.payload(), limits).map_err(|_| Refusal::AnswerMalformed)?;
    let bytes = document.get(document.root(), "bytes").ok_or(Refusal::AnswerMalformed)?;
    let change = edit::Edit::replace(document.range(bytes), quote(&STANDARD.encode(json)));
    Ok(frame.with_payload(&edit::apply(frame.payload(), vec![change])?))
}
