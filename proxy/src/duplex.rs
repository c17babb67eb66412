//! A conversation in both directions (InvokeModelWithBidirectionalStream): the caller's signed events come in while
//! the model's go out.
//!
//! Every event of the caller proves itself by the chain of signatures, is inspected and put to policy like a request
//! of its own, and leaves under a chain of Hardpan's own. Speech is not understood: audio passes. The model's events
//! are whole texts, so that each is restored, and masked where policy says so, by itself, and a call it proposes
//! stands in one event.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hardpan_aws::event_signing::{ChainSigner, ChainVerifier};
use hardpan_filters::masking::{AnswerRedaction, changes};
use hardpan_filters::vault::Vault;
use hardpan_inference::edit::{self, Edit};
use hardpan_inference::json::{self, Document, Kind, ValueId, quote};
use hardpan_inference::operation::Target;
use hardpan_inference::stream::event_stream::{self, Frame, FrameDecoder};
use hardpan_inference::usage::{SpeechTokens, TokenUsage, Tokens};
use hardpan_policies::Action;

use crate::answer::whole::arguments_changes;
use crate::answer::{AnswerContext, Completion, Words, is_name_of_thing};
use crate::clearance::{Asker, Clearance, ClearedRequest, DeclaredTool, carry_out};
use crate::downstream::{Downstream, end_to_end};
use crate::exchange::{self, reserve};
use crate::identity::{Claim, SignedBody};
use crate::payload::Payload;
use crate::record::Draft;
use crate::refusal::Refusal;
use crate::respond::{self, Outcome, add_own_headers};
use crate::sessions::Session as Marks;
use crate::snapshot::Snapshot;
use crate::tools::{Origin, ProposedCall, ToolVerdict, decide};
use crate::upstream::{Conversation, Said};
use crate::{forward, models, settlement};

/// What the service takes as one event.
const EVENT_BYTES_MAX: usize = 1_000_000;

/// Runs one conversation, from its verified head to its settlement.
pub async fn exchange(
    snapshot: &Snapshot,
    target: &Target,
    claim: &Claim,
    downstream: &mut Downstream<'_>,
    draft: &mut Draft,
) -> Result<(), Refusal> {
    let now = draft.unix_seconds();
    let config = &snapshot.config;
    let mut principal = exchange::verify(snapshot, claim, SignedBody::Events, downstream, draft)?;
    let (authorization, secret) = claim.event_signing().ok_or(Refusal::UnsignedEvents)?;
    let chain = ChainVerifier::new(secret, authorization, config.limits.clock_skew_max_s);

    let region = claim.region();
    let model = models::resolve(snapshot, models::named_by(target), region).await?;
    let payload = Payload::of(Bytes::new(), target.operation.body(), config.limits.json);
    let request = exchange::parse(snapshot, target, &model, &payload)?;
    draft.request(&model, &request.facts);
    // Before a user that the app names is taken for the caller.
    snapshot.feedback.iter().for_each(|desk| desk.remember(&draft.request_id, &principal));
    let metadata = exchange::label(&mut principal, claim, downstream, &request, draft);
    let headers = forward::passing(target.operation.service(), downstream.headers());
    let conversation = uuid::Uuid::new_v4().to_string();
    let request_id = draft.request_id.clone();
    let asker = Asker {
        snapshot,
        request_id: &request_id,
        body_sha256: [0; 32],
        operation: target.operation,
        target,
        region,
        principal: &principal,
        model: &model,
        model_behind: None,
        more_models: &[],
        headers: &headers,
        ip: downstream.ip(),
        now_unix: now,
        metadata: &metadata,
        // A conversation begins without a message to know it by again.
        session: Marks::of(&principal, &conversation),
        routed_from: None,
    };
    let inspection = Default::default();
    let clearance = asker.clear(&request, &inspection, draft)?;
    if clearance.logs_content() {
        snapshot.feedback.iter().for_each(|desk| desk.keep_comments(&draft.request_id));
    }
    if let Some(obligation) = clearance.beyond_streams_both_ways() {
        return Err(Refusal::Unenforceable { obligation });
    }
    let cleared =
        carry_out(&asker, &clearance, &request, &inspection, payload.clone(), &mut Vault::default())?;
    draft.stage("policy");
    let reservation = reserve(&asker, &clearance, &cleared, draft).await?;
    let mut session = Session {
        asker: &asker,
        begun: &clearance,
        max_tokens: cleared.max_tokens,
        chain,
        vault: Vault::new(asker.redaction_keys(&conversation)),
        redaction: crate::answer::redaction(&clearance),
        tools: Vec::new(),
        judged: asker.hears_of(Action::ModelRespond),
        words: Words::default(),
        completion: Completion { streamed: true, ..Completion::default() },
    };
    let ended = session.run(&clearance, &cleared, downstream, draft).await;
    session.judge(&ended);
    let outcome = ended.into_outcome(session.completion, downstream, draft).await;
    settlement::settle(&asker, &cleared, reservation, &outcome, draft);
    outcome.into_result()
}

/// How a conversation ended.
enum End {
    Whole,
    /// Before anything went out.
    Refused(Refusal),
    Left,
    Failed(Refusal),
}

impl End {
    async fn into_outcome(
        self,
        mut completion: Completion,
        downstream: &mut Downstream<'_>,
        draft: &mut Draft,
    ) -> Outcome {
        match self {
            End::Whole => {
                completion.complete = true;
                Outcome::of(completion)
            }
            End::Refused(refusal) => Outcome::refused(refusal),
            End::Left => respond::left(completion, draft),
            End::Failed(refusal) => {
                if downstream.head_written() {
                    draft.refused(&refusal);
                    let told = refusal.answer();
                    let frame = draft
                        .operation
                        .map(|operation| told.error.stream_exception_frame(operation, &told.message));
                    if let Some(frame) = frame {
                        // Whoever has left by now gets no reason.
                        let _ = downstream.write(frame).await;
                    }
                    let _ = downstream.finish().await;
                }
                Outcome { completion, reached_model: true, failure: Some(refusal) }
            }
        }
    }
}

struct Session<'a> {
    asker: &'a Asker<'a>,
    /// What policy said when it began.
    begun: &'a Clearance,
    /// How long one answer may be: written into the session's start.
    max_tokens: u64,
    chain: ChainVerifier,
    vault: Vault,
    redaction: AnswerRedaction,
    /// As the session's prompt declares them.
    tools: Vec<DeclaredTool>,
    /// Policy is asked about the model's answers.
    judged: bool,
    words: Words,
    completion: Completion,
}

impl Session<'_> {
    async fn run(
        &mut self,
        clearance: &Clearance,
        cleared: &ClearedRequest,
        downstream: &mut Downstream<'_>,
        draft: &mut Draft,
    ) -> End {
        let snapshot = self.asker.snapshot;
        downstream.be_patient(snapshot.config.limits.upstream_read_timeout);
        draft.attempts = 1;
        let opened = forward::open(self.asker, clearance, cleared, draft).await;
        let (mut upstream, mut signer) = match opened {
            Ok(opened) => opened,
            Err(refusal) => {
                draft.call_failed(&refusal);
                return End::Refused(refusal);
            }
        };
        let (mut said, mut heard) = (FrameDecoder::default(), FrameDecoder::default());
        let mut speaking = true;
        loop {
            tokio::select! {
                biased;
                piece = upstream.next() => match piece {
                    Ok(Said::Head { status, headers }) if status == 200 => {
                        draft.call_answered(status, 1);
                        let mut headers = end_to_end(&headers);
                        add_own_headers(&mut headers, draft);
                        draft.status = status;
                        if downstream.begin(status, headers).await.is_err() {
                            return End::Left;
                        }
                    }
                    Ok(Said::Head { status, headers }) => {
                        draft.call_answered(status, 1);
                        return self.turned_away(status, &headers, upstream, downstream, draft).await;
                    }
                    Ok(Said::Piece(piece)) => {
                        draft.first_byte = draft.first_byte.or_else(|| Some(draft.elapsed()));
                        heard.push(&piece);
                        let frames = match self.answer(&mut heard) {
                            Ok(frames) => frames,
                            Err(refusal) => return End::Failed(refusal),
                        };
                        if !frames.is_empty() && downstream.write(frames).await.is_err() {
                            return End::Left;
                        }
                    }
                    Ok(Said::End) => {
                        let torn = heard.finish().is_err();
                        if torn && self.completion.exception.is_none() {
                            return End::Failed(Refusal::StreamIncomplete);
                        }
                        return if downstream.finish().await.is_ok() { End::Whole } else { End::Left };
                    }
                    Err(error) => return End::Failed(error.into()),
                },
                piece = downstream.read_piece_or_left(speaking) => match piece {
                    Ok(Some(piece)) => {
                        said.push(&piece);
                        if said.buffered_bytes() > EVENT_BYTES_MAX * 2 {
                            return End::Failed(Refusal::HeldTooMuch { bytes_max: EVENT_BYTES_MAX * 2 });
                        }
                        let sealed = match self.question(&mut said, &mut signer, draft) {
                            Ok(sealed) => sealed,
                            Err(refusal) => return End::Failed(refusal),
                        };
                        if !sealed.is_empty() && upstream.write(sealed).await.is_err() {
                            return End::Failed(crate::upstream::UpstreamError::Broken.into());
                        }
                    }
                    // The signed end has been passed on; without it nobody knows that the caller was done.
                    Ok(None) if self.chain.has_ended() => {
                        speaking = false;
                        if upstream.finish().await.is_err() {
                            return End::Failed(crate::upstream::UpstreamError::Broken.into());
                        }
                    }
                    Ok(None) | Err(_) => return End::Left,
                },
            }
        }
    }

    /// The service did not begin a conversation: its error goes back untouched.
    async fn turned_away(
        &mut self,
        status: u16,
        headers: &http::HeaderMap,
        mut upstream: Conversation,
        downstream: &mut Downstream<'_>,
        draft: &mut Draft,
    ) -> End {
        let bytes_max = self.asker.snapshot.config.limits.answer_bytes_max;
        let mut body = Vec::new();
        while let Ok(Said::Piece(piece)) = upstream.next().await {
            if body.len() + piece.len() > bytes_max {
                return End::Failed(Refusal::AnswerTooLarge { bytes_max });
            }
            body.extend_from_slice(&piece);
        }
        let mut headers = end_to_end(headers);
        add_own_headers(&mut headers, draft);
        draft.status = status;
        draft.error = Some("upstream_error".to_owned());
        if downstream.respond(status, headers, Bytes::from(body)).await.is_err() {
            End::Left
        } else {
            End::Whole
        }
    }

    /// What the caller said, verified, inspected, decided and signed anew.
    fn question(
        &mut self,
        said: &mut FrameDecoder,
        signer: &mut ChainSigner,
        draft: &mut Draft,
    ) -> Result<Bytes, Refusal> {
        let mut out = Vec::new();
        while let Some(envelope) = said.next_frame()? {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let now_unix = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
            let opened = self.chain.open(&envelope, now_unix).map_err(Refusal::EventSignature)?;
            let inner = match opened {
                None => Bytes::new(),
                Some(frame) => self.cleared_event(&frame, draft)?,
            };
            let millis = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
            out.extend(signer.seal(millis, &inner).map_err(|_| Refusal::Signing)?);
        }
        Ok(Bytes::from(out))
    }

    /// One event of the caller, as it may leave.
    fn cleared_event(&mut self, frame: &Frame, draft: &mut Draft) -> Result<Bytes, Refusal> {
        let snapshot = self.asker.snapshot;
        let event = event_bytes(frame).ok_or(Refusal::UnknownEvent)?;
        let payload = Payload::of(event, self.asker.operation.body(), snapshot.config.limits.json);
        let request = self.asker.parse(&payload)?;
        let document = &request.document;
        let Some(body) = document.get(document.root(), "event") else { return Err(Refusal::UnknownEvent) };
        // One member says what an event is; a second one could be the one that counts.
        if document.members(body).count() != 1 {
            return Err(Refusal::UnknownEvent);
        }
        if document.get(body, "audioInput").is_some() {
            return Ok(frame.raw().clone());
        }
        self.learn_tools(document, body);
        let mut edits = self.session_limits(document, body);
        let inspection = snapshot.inspector.inspect(&request, None);
        if !inspection.signals.findings.is_empty() || inspection.signals.injection > 0.0 {
            draft.inspection(&inspection, snapshot.config.guards.injection);
            let clearance = self.asker.clear(&request, &inspection, draft)?;
            if let Some(obligation) = clearance.beyond_a_conversation(self.max_tokens, self.begun) {
                return Err(Refusal::Unenforceable { obligation });
            }
            self.redaction.merge(crate::answer::redaction(&clearance));
            let redacted = clearance.redacted(&mut self.vault, &request, &inspection)?;
            draft.redactions += redacted.count;
            edits.extend(redacted.edits);
        }
        if edits.is_empty() {
            return Ok(frame.raw().clone());
        }
        let changed = edit::apply(payload.json(), request.joined(edits))?;
        Ok(reframed(frame, &changed))
    }

    /// The tools the prompt offers: calls are judged by their schemas.
    fn learn_tools(&mut self, document: &Document<'_>, event: ValueId) {
        let tools = document.path(event, &["promptStart", "toolConfiguration", "tools"]);
        for tool in tools.into_iter().flat_map(|list| document.elements(list)) {
            let Some(name) = document.string_at(tool, &["toolSpec", "name"]) else { continue };
            let schema = document.path(tool, &["toolSpec", "inputSchema", "json"]);
            let schema = schema.map(|id| match document.string(id) {
                Some(text) => text.into_owned(),
                None => document.raw(id).to_owned(),
            });
            self.tools.push(DeclaredTool { name: name.into_owned(), schema });
        }
    }

    /// The output limit stands where a session starts.
    fn session_limits(&self, document: &Document<'_>, event: ValueId) -> Vec<Edit> {
        let Some(start) = document.get(event, "sessionStart") else { return Vec::new() };
        let limit = self.max_tokens.to_string();
        let config = document.get(start, "inferenceConfiguration");
        let Some(config) = config.filter(|config| document.kind(*config) == Kind::Object) else {
            let range = document.range(start);
            let comma = if document.members(start).next().is_some() { "," } else { "" };
            let text = format!("\"inferenceConfiguration\":{{\"maxTokens\":{limit}}}{comma}");
            return vec![Edit::insert(range.start + 1, text)];
        };
        match document.get(config, "maxTokens") {
            Some(own) if document.u64(own).is_some_and(|own| own <= self.max_tokens) => Vec::new(),
            Some(own) => vec![Edit::replace(document.range(own), limit)],
            None => {
                let comma = if document.members(config).next().is_some() { "," } else { "" };
                let at = document.range(config).start + 1;
                vec![Edit::insert(at, format!("\"maxTokens\":{limit}{comma}"))]
            }
        }
    }

    /// What the model says, as the caller may hear it.
    fn answer(&mut self, heard: &mut FrameDecoder) -> Result<Bytes, Refusal> {
        let mut out = Vec::new();
        while let Some(frame) = heard.next_frame()? {
            if frame.header(":message-type") != Some("event") {
                let code = frame.header(":exception-type").or(frame.header(":error-code"));
                self.completion.exception = Some(code.unwrap_or("error").to_owned());
                out.extend_from_slice(frame.raw());
                continue;
            }
            out.extend_from_slice(&self.heard_event(&frame)?);
        }
        Ok(Bytes::from(out))
    }

    fn heard_event(&mut self, frame: &Frame) -> Result<Bytes, Refusal> {
        let limits = self.asker.snapshot.config.limits.json;
        let Some(event) = event_bytes(frame) else { return Ok(frame.raw().clone()) };
        let document = Document::parse(&event, limits).map_err(|_| Refusal::AnswerMalformed)?;
        let Some(body) = document.get(document.root(), "event") else { return Ok(frame.raw().clone()) };
        if document.get(body, "audioOutput").is_some() && document.members(body).count() == 1 {
            self.completion.content_bytes += event.len() as u64 / 64;
            return Ok(frame.raw().clone());
        }
        if let Some(usage) = document.get(body, "usageEvent") {
            let count = |name: &str| document.get(usage, name).and_then(|id| document.u64(id)).map(Tokens);
            let speech = |side: &str| {
                let told = document.path(usage, &["details", "total", side, "speechTokens"]);
                told.and_then(|id| document.u64(id)).map(Tokens)
            };
            self.completion.speech = speech("input")
                .zip(speech("output"))
                .map(|(heard, spoken)| SpeechTokens { heard, spoken })
                .or(self.completion.speech);
            self.completion.usage = Some(TokenUsage {
                input: count("totalInputTokens").unwrap_or_default(),
                output: count("totalOutputTokens").unwrap_or_default(),
                ..TokenUsage::default()
            });
        }
        if let Some(call) = document.get(body, "toolUse")
            && let Some(text) = self.refused_call(&document, call)
        {
            return Ok(reframed(frame, refusal_event(&document, call, &text).as_bytes()));
        }
        let call_content = document.path(body, &["toolUse", "content"]);
        let mut edits = Vec::new();
        for id in document.descendants(body) {
            let Some(text) = document.string(id).filter(|_| !document.is_key(id)) else { continue };
            self.completion.content_bytes += text.len() as u64;
            let own_name = document.name_of(id).unwrap_or_default();
            if self.judged && Some(id) != call_content && !is_name_of_thing(&own_name) {
                self.words.hear_whole(&text);
            }
            let mut tally = std::mem::take(&mut self.completion.tally);
            let changed = if Some(id) == call_content {
                arguments_changes(&self.context(), &text, &mut tally)
            } else {
                let name = document.name_of(id).unwrap_or_default();
                let lookout = self.context().lookout(&name, false);
                changes(lookout.vault, lookout.masker, "", &text, &mut tally)
            };
            self.completion.tally = tally;
            let changed = changed.into_iter();
            edits.extend(changed.filter_map(|(range, text)| document.edit_in_string(id, range, &text)));
        }
        if edits.is_empty() {
            return Ok(frame.raw().clone());
        }
        Ok(reframed(frame, &edit::apply(&event, edits)?))
    }

    /// What the inspectors of the model's events need to know.
    fn context(&self) -> AnswerContext<'_> {
        AnswerContext {
            asker: self.asker,
            dialect: hardpan_inference::request::Dialect::Opaque,
            vault: &self.vault,
            redaction: &self.redaction,
            tools: &self.tools,
            unreadable_tools: false,
            judged: self.judged,
            parking: None,
            deadline: None,
        }
    }

    /// Asks about what the model said, when all of it was said and heard: the answer is on record, and nothing of it can
    /// be taken back.
    fn judge(&mut self, ended: &End) {
        if !self.judged {
            return;
        }
        let mut completion = std::mem::take(&mut self.completion);
        completion.complete = matches!(ended, End::Whole);
        let words = std::mem::take(&mut self.words);
        let _ = self.context().judge(&mut completion, &words);
        self.completion = completion;
    }

    /// The text in a refused call's place. None lets it go on.
    fn refused_call(&mut self, document: &Document<'_>, call: ValueId) -> Option<String> {
        let text = |name: &str| document.string_at(call, &[name]).unwrap_or_default().into_owned();
        let (name, written) = (text("toolName"), text("content"));
        let context = self.context();
        if !context.guards_tools() {
            self.completion.tools_called.push(name);
            return None;
        }
        let arguments = crate::answer::whole::restored_arguments(&context, &written);
        let index = (self.completion.tools_called.len() + self.completion.tools_denied.len()) as u64 + 1;
        let origin = Origin::Model;
        let id = text("toolUseId");
        let proposed = ProposedCall { id: &id, name: &name, arguments: &arguments, index, of: index, origin };
        let withheld = match decide(self.asker, &self.tools, &proposed, &mut self.completion.approvals) {
            ToolVerdict::Release => None,
            ToolVerdict::Replace(text) => Some(text),
            // Speech does not wait. Once people have approved it, the model may propose it again.
            ToolVerdict::Park(ticket) => {
                let approvals = self.asker.snapshot.approvals.as_ref();
                Some(approvals.map(|approvals| ticket.text(approvals)).unwrap_or_default())
            }
        };
        match withheld {
            None => self.completion.tools_called.push(name),
            Some(_) => self.completion.tools_denied.push(name),
        }
        withheld
    }
}

/// The JSON inside a `chunk` frame.
fn event_bytes(frame: &Frame) -> Option<Bytes> {
    let document = Document::parse(frame.payload(), json::JsonLimits::default()).ok()?;
    let encoded = document.string_at(document.root(), &["bytes"])?;
    STANDARD.decode(encoded.as_bytes()).ok().map(Bytes::from)
}

fn reframed(frame: &Frame, event: &[u8]) -> Bytes {
    let payload = format!("{{\"bytes\":{}}}", quote(&STANDARD.encode(event)));
    match frame.header(":event-type") {
        Some("chunk") => frame.with_payload(payload.as_bytes()).raw().clone(),
        _ => event_stream::event("chunk", payload.as_bytes()),
    }
}

/// A text of the assistant's where its call stood: the call's own members but for the call.
fn refusal_event(document: &Document<'_>, call: ValueId, text: &str) -> String {
    let mut members = vec![format!("\"role\":\"ASSISTANT\",\"content\":{}", quote(text))];
    for (key, value) in document.members(call) {
        let name = document.string(key).unwrap_or_default();
        if !matches!(name.as_ref(), "toolName" | "toolUseId" | "content" | "role") {
            members.push(format!("{}:{}", document.raw(key), document.raw(value)));
        }
    }
    format!("{{\"event\":{{\"textOutput\":{{{}}}}}}}", members.join(","))
}
