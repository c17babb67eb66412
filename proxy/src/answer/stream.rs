//! A streamed answer, unit by unit.
//!
//! Units wait in one queue, in the order they came, and leave as soon as nothing can change them any more: a text
//! delta while it ends in what may become a placeholder or, where policy masks answers, a value; a tool call until
//! its arguments are whole and decided; the end of an answer that policy is asked about, until it has been. All others leave at once, byte for byte. How the bytes were cut on their way makes no difference.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::{Range, RangeInclusive};

use bytes::{Bytes, BytesMut};
use hardpan_filters::holdback::{Holdback, Lookout, PieceEdit, PieceId};
use hardpan_filters::masking::{Tally, changes};
use hardpan_inference::codec::{CallChange, ChangedEvent, Event, EventKind, Lane, TextDelta, change_event};
use hardpan_inference::edit::{self, Edit};
use hardpan_inference::json::{self, Document, JsonLimits, ValueId};
use hardpan_inference::request::Dialect;
use hardpan_inference::usage::Tokens;

use super::unit::{Content, Unit, Units};
use super::whole::{arguments_changes, changed_arguments, restored_arguments};
use super::{AnswerContext, Completion, Words, is_name_of_thing};
use crate::approvals::{self, Ticket};
use crate::config::Limits;
use crate::refusal::Refusal;
use crate::tools::{Origin, ProposedCall, ToolVerdict, decide};

/// How much deeper than a request its answer may be.
const ANSWER_DEPTH_MORE: usize = 16;

/// Units of one stream, on their way through.
pub struct StreamGovernor<'c, 'a> {
    context: &'c AnswerContext<'a>,
    units: Units,
    queue: VecDeque<Item>,
    next_id: PieceId,
    held_bytes: usize,
    lanes: HashMap<Lane, TextLane>,
    calls: BTreeMap<u64, OpenCall>,
    calls_seen: u64,
    /// What became of calls that have ended: some streams tell them again.
    decided: BTreeMap<u64, DecidedCall>,
    /// Calls that wait for people, and what was said of them, or of all calls, meanwhile.
    parked: Vec<ParkedCall>,
    echoes: Vec<Echo>,
    stops: Vec<(PieceId, String, ValueId)>,
    ended: bool,
    saw_last: bool,
    /// The unit with which the model stops: it and all after it wait for what policy says of the answer.
    ending: Option<PieceId>,
    words: Words,
    hour_writes: Tokens,
    /// The answer's head named the service tier, which counts before what a model's own events say.
    tier_is_told: bool,
    completion: Completion,
}

struct Item {
    id: PieceId,
    unit: Unit,
    /// Where the lanes that go through this unit stand in its JSON; None for a text that is all of it.
    lanes: Vec<(Lane, Option<ValueId>)>,
    changes: Vec<Change>,
}

impl Item {
    /// Stands where no unit is.
    fn nothing() -> Self {
        Self { id: PieceId::MAX, unit: Unit::empty(), lanes: Vec::new(), changes: Vec::new() }
    }
}

enum Change {
    /// Bytes of a decoded string of the unit's JSON, or of its text.
    Text {
        value: Option<ValueId>,
        range: Range<usize>,
        text: String,
    },
    Call {
        block: u64,
        change: CallChange,
    },
}

/// Deltas of one text.
#[derive(Default)]
struct TextLane {
    holdback: Holdback,
    /// The text is a piece of JSON.
    nested_json: bool,
    escape: Escape,
}

/// Where in an escape of a JSON string a piece ended.
#[derive(Default)]
enum Escape {
    #[default]
    None,
    Begun,
    /// So many digits of a code point are still to come.
    Digits(u8),
}

enum DecidedCall {
    Released {
        name: String,
        arguments: String,
    },
    /// The text in its place.
    Refused(String),
}

/// A call whose arguments are whole, and that goes on once people have approved it.
struct ParkedCall {
    block: u64,
    call: OpenCall,
    ticket: Box<Ticket>,
}

/// A call that was told again before it was decided.
struct Echo {
    id: PieceId,
    block: u64,
    name: Option<String>,
    arguments: String,
    was_last: bool,
}

/// A tool call whose arguments are still coming.
struct OpenCall {
    id: String,
    name: String,
    /// Where an agent returns control.
    group: Option<String>,
    start: PieceId,
    deltas: Vec<PieceId>,
    arguments: String,
    /// The arguments stood in the start event; deltas would replace them.
    seeded: bool,
    index: u64,
}

impl<'c, 'a> StreamGovernor<'c, 'a> {
    /// The service tier the answer's head names.
    pub fn served_in(&mut self, tier: Option<String>) {
        self.tier_is_told = tier.is_some();
        self.completion.service_tier = tier;
    }

    pub fn new(context: &'c AnswerContext<'a>, content_type: &str) -> Self {
        Self {
            context,
            units: Units::new(content_type, answer_limits(context), context.is_transparent()),
            queue: VecDeque::new(),
            next_id: 0,
            held_bytes: 0,
            lanes: HashMap::new(),
            calls: BTreeMap::new(),
            calls_seen: 0,
            decided: BTreeMap::new(),
            parked: Vec::new(),
            echoes: Vec::new(),
            stops: Vec::new(),
            ended: false,
            saw_last: false,
            ending: None,
            words: Words::default(),
            hour_writes: Tokens(0),
            tier_is_told: false,
            completion: Completion { streamed: true, ..Completion::default() },
        }
    }

    /// Takes bytes as they arrive and returns what may leave.
    pub fn push(&mut self, bytes: &Bytes) -> Result<Bytes, Refusal> {
        self.units.push(bytes);
        let mut out = BytesMut::new();
        while let Some(unit) = self.units.next()? {
            self.unit(unit)?;
            self.overhear()?;
            self.release(&mut out)?;
        }
        let bytes_max = self.bytes_max();
        if self.units.buffered_bytes() > bytes_max {
            return Err(Refusal::HeldTooMuch { bytes_max });
        }
        Ok(out.freeze())
    }

    /// Calls that wait for people.
    pub fn parked(&self) -> impl Iterator<Item = &Ticket> {
        self.parked.iter().map(|parked| &*parked.ticket)
    }

    pub fn is_parked(&self) -> bool {
        !self.parked.is_empty()
    }

    /// Whether more can be taken in while calls wait.
    pub fn has_room(&self) -> bool {
        !self.is_parked() || self.held_bytes + self.units.buffered_bytes() <= self.bytes_max() / 2
    }

    /// Asks anew about calls that wait, and returns what may leave by now. With `give_up`, calls that still wait are
    /// replaced.
    pub fn resume(&mut self, give_up: bool) -> Result<Bytes, Refusal> {
        let asker = self.context.asker;
        let mut nothing = Item::nothing();
        for parked in std::mem::take(&mut self.parked) {
            let settled = approvals::resume(asker, &parked.ticket, &mut self.completion.approvals);
            let given_up = || {
                let approvals = asker.snapshot.approvals.as_ref().filter(|_| give_up)?;
                Some(ToolVerdict::Replace(parked.ticket.text(approvals)))
            };
            match settled.or_else(given_up) {
                None => self.parked.push(parked),
                Some(verdict) => {
                    let block = parked.block;
                    self.conclude_call(&mut nothing, block, parked.call, verdict);
                    self.settle_echoes(block)?;
                }
            }
        }
        if self.parked.is_empty() {
            for (id, reason, value) in std::mem::take(&mut self.stops) {
                if let Some(change) = self.true_reason(&reason, Some(value))
                    && let Some(item) = self.queued(id)
                {
                    item.changes.push(change);
                }
            }
        }
        let mut out = BytesMut::new();
        self.release(&mut out)?;
        Ok(out.freeze())
    }

    /// Why the stream ends here where nobody has approved a call in time.
    pub fn refuse_parked(&self) -> Option<Refusal> {
        let approvals = self.context.asker.snapshot.approvals.as_ref()?;
        let ticket = &self.parked.first()?.ticket;
        Some(Refusal::ApprovalRequired(Box::new(ticket.notice(approvals))))
    }

    /// The upstream has ended the stream, whole or not: what is open will not be continued. Calls may wait after it.
    pub fn end(&mut self) -> Result<(), Refusal> {
        if std::mem::replace(&mut self.ended, true) {
            return Ok(());
        }
        let mut torn = false;
        while let Some(unit) = self.units.finish()? {
            torn |= unit.is_event();
            self.unit(unit)?;
        }
        self.overhear()?;
        // A protocol without a last event that is known ends with its transport; nothing at all is no answer of any,
        // and neither is half an event or half a call.
        let torn = torn || !self.calls.is_empty();
        let may_end = self.saw_last || (!self.has_known_end() && self.next_id > 0 && !torn);
        if !may_end && self.completion.exception.is_none() {
            return Err(Refusal::StreamIncomplete);
        }
        self.settle_everything();
        Ok(())
    }

    /// What waits leaves, unless the stream is not whole.
    pub fn finish(&mut self) -> Result<Bytes, Refusal> {
        self.end()?;
        if let Some(refusal) = self.refuse_parked() {
            return Err(refusal);
        }
        let ended_well = self.completion.exception.is_none();
        // Of a protocol without a last event that is known, all there is has come.
        self.completion.complete = ended_well && (self.saw_last || !self.has_known_end());
        let refusal = self.context.judge(&mut self.completion, &self.words);
        if let Some(refusal) = refusal.filter(|_| ended_well) {
            return Err(refusal);
        }
        self.ending = None;
        let mut out = BytesMut::new();
        self.release(&mut out)?;
        self.completion.complete = self.saw_last && ended_well;
        Ok(out.freeze())
    }

    /// The stream ends before its time: texts that wait for more leave, as far as no undecided call stands before
    /// them.
    pub fn flush(&mut self) -> Bytes {
        let mut nothing = Item::nothing();
        self.settle_lanes(&mut nothing, |_| true);
        let mut out = BytesMut::new();
        // A unit that cannot be written ends what can be said.
        let _ = self.release(&mut out);
        out.freeze()
    }

    /// What is known of the answer, whole or not. Policy is asked about one that broke off, too: there is nothing left to
    /// refuse, but it goes on record.
    pub fn into_completion(mut self) -> Completion {
        if self.words.is_heard() {
            let _ = self.context.judge(&mut self.completion, &self.words);
        }
        self.completion
    }

    /// Whether a stream of this kind has an event that nothing follows.
    fn has_known_end(&self) -> bool {
        use hardpan_inference::operation::Service;
        let of_bedrock =
            matches!(self.context.asker.operation.service(), Service::BedrockRuntime | Service::Mantle);
        of_bedrock
            && matches!(
                self.context.dialect,
                Dialect::Converse
                    | Dialect::Nova
                    | Dialect::Anthropic
                    | Dialect::OpenAiChat
                    | Dialect::OpenAiResponses
            )
    }

    /// Whether the caller offered tools, whose calls must not go by unseen.
    fn expects_calls(&self) -> bool {
        self.context.guards_tools() && !self.context.tools.is_empty()
    }

    fn bytes_max(&self) -> usize {
        self.limits().held_stream_bytes_max
    }

    fn unit(&mut self, unit: Unit) -> Result<(), Refusal> {
        let id = self.next_id;
        self.next_id += 1;
        self.held_bytes += unit.raw.len();
        let mut item = Item { id, unit, lanes: Vec::new(), changes: Vec::new() };
        self.read(&mut item)?;
        self.queue.push_back(item);
        let bytes_max = self.bytes_max();
        if self.held_bytes > bytes_max && self.settled_until() != PieceId::MAX {
            return Err(self.refuse_parked().unwrap_or(Refusal::HeldTooMuch { bytes_max }));
        }
        Ok(())
    }

    /// Units inside frames that go by whole: read for what they say of usage.
    fn overhear(&mut self) -> Result<(), Refusal> {
        while let Some(unit) = self.units.overheard() {
            self.read(&mut Item { unit, ..Item::nothing() })?;
        }
        Ok(())
    }

    fn read(&mut self, item: &mut Item) -> Result<(), Refusal> {
        let (dialect, limits) = (self.context.dialect, answer_limits(self.context));
        let unit = std::mem::replace(&mut item.unit, Unit::empty());
        let read = match unit.content(dialect, limits) {
            Some(Content::Json(json)) => self.event(item, unit.event_type(), &json),
            // A call could hide in JSON that is cut where it cannot be read.
            Some(Content::Text { nested_json: true, .. }) if self.expects_calls() => {
                Err(Refusal::AnswerMalformed)
            }
            Some(Content::Text { text, nested_json }) => {
                self.completion.content_bytes += text.len() as u64;
                if self.context.judged {
                    self.words.hear("text", &text);
                }
                self.delta(item, Lane::Path(String::new()), None, nested_json, &text);
                Ok(())
            }
            Some(Content::Done) => {
                self.saw_last = true;
                self.settle_everything();
                Ok(())
            }
            Some(Content::Exception(code)) => {
                self.completion.exception = Some(code);
                self.settle_everything();
                Ok(())
            }
            Some(Content::Nothing) => Ok(()),
            // What cannot be read must not slip past a guard that would have to.
            None if self.context.is_transparent() => Ok(()),
            None => Err(Refusal::AnswerMalformed),
        };
        item.unit = unit;
        read
    }

    fn event(&mut self, item: &mut Item, event_type: &str, json: &[u8]) -> Result<(), Refusal> {
        let event = match Event::parse(self.context.dialect, event_type, json, answer_limits(self.context)) {
            Ok(event) => event,
            // An event nobody knows goes on unchanged; so does one that no guard has to read.
            Err(_) if self.context.is_transparent() => return Ok(()),
            Err(_) => return Err(Refusal::AnswerMalformed),
        };
        self.note(&event);
        self.settle_lanes_left_behind(item, &event);
        for text in &event.texts {
            let decoded = event.document.string(text.value).unwrap_or_default();
            self.completion.content_bytes += decoded.len() as u64;
            self.hear(&event, text, &decoded);
            match &text.lane {
                Some(lane) => self.delta(item, lane.clone(), Some(text.value), text.nested_json, &decoded),
                None => self.whole_text(item, &event.document, text, &decoded),
            }
        }
        for kind in event.kinds {
            match kind {
                EventKind::ToolStart { block, id, name, arguments } => {
                    self.open_call(item, block, id, name, arguments)?;
                }
                EventKind::ToolInput { block, fragment } => self.extend_call(item, block, &fragment)?,
                EventKind::BlockStop { block } => self.end_block(item, block),
                EventKind::ReturnedCall { block, id, group, name, arguments } => {
                    self.returned_call(item, block, id, group, name, arguments);
                }
                EventKind::ToolEcho { block, name, arguments } => {
                    self.echo(item, block, name.as_deref(), &arguments)?;
                }
                EventKind::UnreadableCall
                    if self.context.guards_tools() && !self.context.unreadable_tools =>
                {
                    return Err(Refusal::AnswerMalformed);
                }
                EventKind::UnreadableCall => {}
                EventKind::Stop { reason, value, blocks } => self.stop(item, &reason, value, &blocks),
            }
        }
        Ok(())
    }

    /// Keeps the model's words for the question about the answer.
    fn hear(&mut self, event: &Event<'_>, text: &TextDelta, decoded: &str) {
        let name = event.document.name_of(text.value).unwrap_or_default();
        if !self.context.judged || text.in_call || is_name_of_thing(&name) {
            return;
        }
        match &text.lane {
            Some(Lane::Block(block)) => self.words.hear(&block.to_string(), decoded),
            Some(Lane::Path(path)) => self.words.hear(path, decoded),
            // What a stream of these tells as a whole it has told in pieces before.
            None if self.context.dialect == Dialect::OpenAiResponses => {}
            None => self.words.hear_whole(decoded),
        }
    }

    fn note(&mut self, event: &Event<'_>) {
        self.hour_writes = event.hour_writes.unwrap_or(self.hour_writes);
        if let Some(usage) = event.usage {
            let known = self.completion.usage.unwrap_or_default();
            self.completion.usage = Some(usage.after(known).with_hour_writes(self.hour_writes));
        }
        self.completion.guardrail_intervened |= event.guardrail_intervened;
        if let Some(units) = event.guardrail_units {
            let known = self.completion.guardrail_units.unwrap_or_default();
            self.completion.guardrail_units = Some(known.and(units));
        }
        if event.service_tier.is_some() && !self.tier_is_told {
            self.completion.service_tier.clone_from(&event.service_tier);
        }
        self.saw_last |= event.is_last;
    }

    /// A text that stands in one event.
    fn whole_text(&mut self, item: &mut Item, document: &Document<'_>, text: &TextDelta, decoded: &str) {
        // What a stream of these tells as a whole it has told in pieces before.
        let mut told_again = Tally::default();
        let tally = match self.context.dialect {
            Dialect::OpenAiResponses => &mut told_again,
            _ => &mut self.completion.tally,
        };
        let changed = if text.nested_json {
            arguments_changes(self.context, decoded, tally)
        } else {
            let name = document.name_of(text.value).unwrap_or_default();
            let lookout = self.context.lookout(&name, text.in_call);
            changes(lookout.vault, lookout.masker, "", decoded, tally)
        };
        let value = Some(text.value);
        item.changes.extend(changed.into_iter().map(|(range, text)| Change::Text { value, range, text }));
    }

    /// A delta of a text: the changes it makes certain may concern earlier units too.
    fn delta(
        &mut self,
        item: &mut Item,
        lane: Lane,
        value: Option<ValueId>,
        nested_json: bool,
        decoded: &str,
    ) {
        let lookout = lookout(self.context, &lane);
        if lookout.vault.is_empty() && lookout.masker.is_none() {
            return;
        }
        item.lanes.push((lane.clone(), value));
        let own = self.lanes.entry(lane.clone()).or_default();
        own.nested_json = nested_json;
        let decoded = if nested_json { own.escape.blank(decoded) } else { Cow::Borrowed(decoded) };
        let edits = own.holdback.push(lookout, item.id, &decoded, &mut self.completion.tally);
        self.change_texts(item, &lane, nested_json, edits);
    }

    /// Writes down what a lane says of its pieces, `current` or earlier ones.
    fn change_texts(&mut self, current: &mut Item, lane: &Lane, nested_json: bool, edits: Vec<PieceEdit>) {
        for PieceEdit { piece, range, replacement } in edits {
            let text = if nested_json { json::escape(&replacement).into_owned() } else { replacement };
            let item = if piece == current.id { Some(&mut *current) } else { self.queued(piece) };
            if let Some(item) = item
                && let Some((_, value)) = item.lanes.iter().find(|(own, _)| own == lane)
            {
                let value = *value;
                item.changes.push(Change::Text { value, range, text });
            }
        }
    }

    /// The units in the queue are numbered without a gap.
    fn queued(&mut self, id: PieceId) -> Option<&mut Item> {
        let first = self.queue.front()?.id;
        self.queue.get_mut(usize::try_from(id.checked_sub(first)?).ok()?)
    }

    /// The texts of these lanes have ended.
    fn settle_lanes(&mut self, current: &mut Item, has_ended: impl Fn(&Lane) -> bool) {
        let ended: Vec<Lane> = self.lanes.keys().filter(|lane| has_ended(lane)).cloned().collect();
        for lane in ended {
            let Some(mut own) = self.lanes.remove(&lane) else { continue };
            let edits = own.holdback.settle(lookout(self.context, &lane), &mut self.completion.tally);
            self.change_texts(current, &lane, own.nested_json, edits);
        }
    }

    fn open_call(
        &mut self,
        item: &mut Item,
        block: u64,
        id: String,
        name: String,
        arguments: String,
    ) -> Result<(), Refusal> {
        // Some servers name the call again with every fragment; another name would be a call nobody has judged.
        if let Some(open) = self.calls.get_mut(&block)
            && (open.id == id || id.is_empty())
        {
            open.deltas.push(item.id);
            return if open.name == name { Ok(()) } else { Err(Refusal::AnswerMalformed) };
        }
        self.calls_seen += 1;
        if self.context.is_transparent() {
            self.completion.tools_called.push(name);
            return Ok(());
        }
        let index = self.calls_seen;
        let seeded = !arguments.is_empty();
        let (start, deltas) = (item.id, Vec::new());
        let call = OpenCall { id, name, group: None, start, deltas, arguments, seeded, index };
        if let Some(unfinished) = self.calls.insert(block, call) {
            self.decide_call(item, block, unfinished);
        }
        Ok(())
    }

    /// An agent asks its caller to carry an action out: the call is whole in one event.
    fn returned_call(
        &mut self,
        item: &mut Item,
        block: u64,
        id: String,
        group: String,
        name: String,
        arguments: String,
    ) {
        self.calls_seen += 1;
        if self.context.is_transparent() {
            self.completion.tools_called.push(name);
            return;
        }
        let (start, index, deltas) = (item.id, self.calls_seen, Vec::new());
        let group = Some(group);
        self.decide_call(
            item,
            block,
            OpenCall { id, name, group, start, deltas, arguments, seeded: false, index },
        );
    }

    /// Arguments of a call that never began, or has been decided, cannot be judged.
    fn extend_call(&mut self, item: &Item, block: u64, fragment: &str) -> Result<(), Refusal> {
        self.completion.content_bytes += fragment.len() as u64;
        if self.context.is_transparent() {
            return Ok(());
        }
        let call = self.calls.get_mut(&block).ok_or(Refusal::AnswerMalformed)?;
        if std::mem::take(&mut call.seeded) {
            call.arguments.clear();
        }
        call.deltas.push(item.id);
        call.arguments.push_str(fragment);
        Ok(())
    }

    /// A stream without block events says by its next event that a text has ended.
    fn settle_lanes_left_behind(&mut self, item: &mut Item, event: &Event<'_>) {
        let goes_on = |lane: &Lane| event.texts.iter().any(|text| text.lane.as_ref() == Some(lane));
        self.settle_lanes(item, |lane| !matches!(lane, Lane::Block(_)) && !goes_on(lane));
    }

    fn end_block(&mut self, item: &mut Item, block: u64) {
        self.settle_lanes(item, |lane| *lane == Lane::Block(block));
        if let Some(call) = self.calls.remove(&block) {
            self.decide_call(item, block, call);
        }
    }

    /// What was refused is not told again, and what is told again must be what was judged.
    fn echo(
        &mut self,
        item: &mut Item,
        block: u64,
        name: Option<&str>,
        arguments: &str,
    ) -> Result<(), Refusal> {
        if self.context.is_transparent() {
            return Ok(());
        }
        let was_last = self.saw_last;
        if self.parked.iter().any(|parked| parked.block == block) {
            let (name, arguments) = (name.map(str::to_owned), arguments.to_owned());
            self.echoes.push(Echo { id: item.id, block, name, arguments, was_last });
            return Ok(());
        }
        item.changes.extend(self.echoed(block, name, arguments, was_last)?);
        Ok(())
    }

    fn echoed(
        &self,
        block: u64,
        name: Option<&str>,
        arguments: &str,
        was_last: bool,
    ) -> Result<Option<Change>, Refusal> {
        match self.decided.get(&block) {
            Some(DecidedCall::Refused(text)) => {
                let change = if was_last { CallChange::Text(text.clone()) } else { CallChange::Gone };
                Ok(Some(Change::Call { block, change }))
            }
            Some(DecidedCall::Released { name: judged, arguments: of_judged })
                if name.is_none_or(|name| name == judged) && same_json(arguments, of_judged) =>
            {
                Ok(None)
            }
            _ => Err(Refusal::AnswerMalformed),
        }
    }

    /// What was told again of a call while it waited.
    fn settle_echoes(&mut self, block: u64) -> Result<(), Refusal> {
        let (own, others) =
            std::mem::take(&mut self.echoes).into_iter().partition(|echo| echo.block == block);
        self.echoes = others;
        let own: Vec<Echo> = own;
        for Echo { id, block, name, arguments, was_last } in own {
            let change = self.echoed(block, name.as_deref(), &arguments, was_last)?;
            if let (Some(change), Some(item)) = (change, self.queued(id)) {
                item.changes.push(change);
            }
        }
        Ok(())
    }

    fn stop(&mut self, item: &mut Item, reason: &str, value: Option<ValueId>, blocks: &RangeInclusive<u64>) {
        self.settle_before(item, blocks);
        if self.context.judged && item.id != PieceId::MAX {
            self.ending = self.ending.or(Some(item.id));
        }
        match value {
            // Whether any call is left is not known yet.
            Some(value) if self.is_parked() => self.stops.push((item.id, reason.to_owned(), value)),
            value => item.changes.extend(self.true_reason(reason, value)),
        }
        self.completion.stop_reason = Some(reason.to_owned());
    }

    /// The change that keeps a stop reason true where every call was refused.
    fn true_reason(&self, reason: &str, value: Option<ValueId>) -> Option<Change> {
        let denied = self.completion.tools_denied.len() as u64;
        let truth = match reason {
            "tool_use" => "end_turn",
            "tool_calls" => "stop",
            _ => return None,
        };
        let value = Some(value.filter(|_| denied > 0 && denied == self.calls_seen)?);
        Some(Change::Text { value, range: 0..reason.len(), text: truth.to_owned() })
    }

    /// Whatever is still open will not be continued.
    fn settle_everything(&mut self) {
        let mut nothing = Item::nothing();
        self.settle_before(&mut nothing, &(0..=u64::MAX));
    }

    fn settle_before(&mut self, item: &mut Item, blocks: &RangeInclusive<u64>) {
        self.settle_lanes(item, |lane| !matches!(lane, Lane::Block(block) if !blocks.contains(block)));
        let ended =
            std::mem::take(&mut self.calls).into_iter().partition(|(block, _)| blocks.contains(block));
        let (ended, open): (BTreeMap<_, _>, BTreeMap<_, _>) = ended;
        self.calls = open;
        for (block, call) in ended {
            self.decide_call(item, block, call);
        }
    }

    /// The arguments are whole: release the call, with masked values put back, or put a text in its place.
    fn decide_call(&mut self, current: &mut Item, block: u64, call: OpenCall) {
        let written = if call.arguments.trim().is_empty() { "{}" } else { call.arguments.as_str() };
        let arguments = restored_arguments(self.context, written);
        let verdict = if self.context.guards_tools() {
            let proposed = ProposedCall {
                id: &call.id,
                name: &call.name,
                arguments: &arguments,
                index: call.index,
                of: self.calls_seen,
                origin: call.group.as_deref().map_or(Origin::Model, |group| Origin::Agent { group }),
            };
            decide(self.context.asker, self.context.tools, &proposed, &mut self.completion.approvals)
        } else {
            ToolVerdict::Release
        };
        self.conclude_call(current, block, call, verdict);
    }

    fn conclude_call(&mut self, current: &mut Item, block: u64, call: OpenCall, verdict: ToolVerdict) {
        let written = if call.arguments.trim().is_empty() { "{}" } else { call.arguments.as_str() };
        match verdict {
            ToolVerdict::Park(ticket) => self.parked.push(ParkedCall { block, call, ticket }),
            // What it says is put back and masked like the texts of any event.
            ToolVerdict::Release if call.group.is_some() => self.completion.tools_called.push(call.name),
            ToolVerdict::Release => {
                self.completion.tools_called.push(call.name.clone());
                let released = changed_arguments(self.context, written, &mut self.completion.tally);
                let unchanged = released == written;
                let (name, judged) = (call.name, written.to_owned());
                self.decided.insert(block, DecidedCall::Released { name, arguments: judged });
                if unchanged {
                    return;
                }
                let mut whole = Some(CallChange::Arguments(released));
                for piece in call.deltas {
                    let change = whole.take().unwrap_or(CallChange::NoArguments);
                    self.change_call(current, piece, block, change);
                }
            }
            ToolVerdict::Replace(text) => {
                self.completion.tools_denied.push(call.name);
                self.decided.insert(block, DecidedCall::Refused(text.clone()));
                self.change_call(current, call.start, block, CallChange::Text(text));
                for piece in call.deltas.into_iter().filter(|piece| *piece != call.start) {
                    self.change_call(current, piece, block, CallChange::Gone);
                }
            }
        }
    }

    fn change_call(&mut self, current: &mut Item, piece: PieceId, block: u64, change: CallChange) {
        if current.id == piece {
            current.changes.push(Change::Call { block, change });
        } else if let Some(item) = self.queued(piece) {
            item.changes.push(Change::Call { block, change });
        }
    }

    /// The first unit that may still change.
    fn settled_until(&self) -> PieceId {
        let lanes = self.lanes.values().filter_map(|lane| lane.holdback.first_unsettled());
        let calls = self.calls.values().map(|call| call.start);
        let parked = self.parked.iter().map(|parked| parked.call.start);
        lanes.chain(calls).chain(parked).chain(self.ending).min().unwrap_or(PieceId::MAX)
    }

    fn release(&mut self, out: &mut BytesMut) -> Result<(), Refusal> {
        let until = self.settled_until();
        let mut inside = BytesMut::new();
        while self.queue.front().is_some_and(|item| item.id < until) {
            let Some(item) = self.queue.pop_front() else { break };
            self.held_bytes = self.held_bytes.saturating_sub(item.unit.raw.len());
            if item.unit.is_frame() {
                self.units.wrap(&inside.split(), out);
                self.write(item, out)?;
            } else {
                self.write(item, &mut inside)?;
            }
        }
        self.units.wrap(&inside, out);
        Ok(())
    }

    fn write(&self, item: Item, out: &mut BytesMut) -> Result<(), Refusal> {
        if item.changes.is_empty() {
            out.extend_from_slice(&item.unit.raw);
            return Ok(());
        }
        let (dialect, limits) = (self.context.dialect, answer_limits(self.context));
        let changed = match item.unit.content(dialect, limits) {
            Some(Content::Json(json)) => {
                let document = Document::parse(&json, limits).map_err(|_| Refusal::AnswerMalformed)?;
                match changed_event(dialect, &document, item.changes) {
                    ChangedEvent::Edited(edits) => edit::apply(&json, edits)?,
                    ChangedEvent::Replaced(events) => {
                        for event in events {
                            out.extend_from_slice(&item.unit.replacement(&event));
                        }
                        return Ok(());
                    }
                }
            }
            Some(Content::Text { text, .. }) => edit::apply(text.as_bytes(), text_edits(item.changes))?,
            _ => return Err(Refusal::AnswerMalformed),
        };
        out.extend_from_slice(&item.unit.with_content(&changed, limits)?);
        Ok(())
    }

    pub fn limits(&self) -> Limits {
        self.context.asker.snapshot.config.limits
    }

    /// Whether the stream is made of event-stream frames.
    pub fn is_framed(&self) -> bool {
        self.units.is_framed()
    }
}

/// What a lane is read for: the last name on the way to its text says what that is.
fn lookout<'a>(context: &AnswerContext<'a>, lane: &Lane) -> Lookout<'a> {
    let name = match lane {
        Lane::Block(_) => "",
        Lane::Path(path) => path.rsplit('/').next().unwrap_or_default().trim_matches('"'),
    };
    context.lookout(name, false)
}

impl Escape {
    /// A piece of JSON with blanks for the escapes in it, as long as it was: what stands behind a line's end is a
    /// word of its own.
    fn blank<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        if matches!(self, Escape::None) && !text.contains('\\') {
            return Cow::Borrowed(text);
        }
        let blanked = text.chars().map(|character| {
            let (next, seen) = match (&*self, character) {
                (Escape::None, '\\') => (Escape::Begun, ' '),
                (Escape::None, _) => (Escape::None, character),
                (Escape::Begun, 'u') => (Escape::Digits(4), ' '),
                (Escape::Begun, 'b' | 'f' | 'n' | 'r' | 't') => (Escape::None, ' '),
                (Escape::Begun, _) => (Escape::None, character),
                (Escape::Digits(left), digit) if digit.is_ascii_hexdigit() && *left > 1 => {
                    (Escape::Digits(*left - 1), ' ')
                }
                (Escape::Digits(_), digit) => {
                    (Escape::None, if digit.is_ascii_hexdigit() { ' ' } else { digit })
                }
            };
            *self = next;
            seen
        });
        Cow::Owned(blanked.collect())
    }
}

/// An answer may say again what the request said, one level further down.
fn answer_limits(context: &AnswerContext<'_>) -> JsonLimits {
    let limits = context.asker.snapshot.config.limits.json;
    JsonLimits { depth_max: limits.depth_max + ANSWER_DEPTH_MORE, ..limits }
}

/// Whether two texts of arguments say the same; an empty one says as much as an empty object.
fn same_json(one: &str, other: &str) -> bool {
    let value = |text: &str| {
        let text = if text.trim().is_empty() { "{}" } else { text };
        serde_json::from_str::<serde_json::Value>(text).ok()
    };
    one == other || value(one).is_some_and(|one| Some(one) == value(other))
}

/// All changes of one event together.
fn changed_event(dialect: Dialect, document: &Document<'_>, changes: Vec<Change>) -> ChangedEvent {
    let mut edits: Vec<Edit> = Vec::new();
    let mut calls = Vec::new();
    for change in changes {
        match change {
            Change::Text { value: Some(value), range, text } => {
                edits.extend(document.edit_in_string(value, range, &text));
            }
            Change::Text { value: None, .. } => {}
            Change::Call { block, change } => calls.push((block, change)),
        }
    }
    change_event(dialect, document, &calls, edits)
}

fn text_edits(changes: Vec<Change>) -> Vec<Edit> {
    let edits = changes.into_iter().filter_map(|change| match change {
        Change::Text { range, text, .. } => Some(Edit::replace(range, text)),
        Change::Call { .. } => None,
    });
    edits.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_blanks_wherever_a_piece_ends() {
        for (text, expected) in [
            (r#"{"a":"b"}"#, r#"{"a":"b"}"#),
            (r#"\n536-22-8472\t\r"#, "  536-22-8472    "),
            (r#"a\"b\\c\/d"#, r#"a "b \c /d"#),
            (r#"\u00e9t\u00E9!"#, "      t      !"),
            (r#"\u00zz"#, "    zz"),
        ] {
            for at in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
                let mut escape = Escape::default();
                let (one, two) = text.split_at(at);
                let blanked = format!("{}{}", escape.blank(one), escape.blank(two));
                assert_eq!(blanked, expected, "{text} cut at {at}");
                assert_eq!(blanked.len(), text.len());
            }
        }
    }
}
