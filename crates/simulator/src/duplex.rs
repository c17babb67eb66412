//! InvokeModelWithBidirectionalStream: signed envelopes in, frames out, both at once over HTTP/2. Each event
//! that comes in goes back as text, or as the tool calls its text asks for, while the request is still open.
//! No speech is understood, and sessions have no limit.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::body::{Body, Frame as BodyFrame, Incoming};
use serde_json::{Value, json};

use hardpan_aws::event_signing::ChainVerifier;
use hardpan_inference::stream::event_stream::{Frame, FrameDecoder, exception};

use crate::answer::BYTES_PER_TOKEN;
use crate::body::{Broken, Watch};
use crate::directives::{self, Fault, StreamFault, ToolCall};
use crate::frames::{FrameKind, Frames};
use crate::server::Shared;
use crate::text::all_texts;

/// The only exception a damaged or unsigned stream gets.
const VALIDATION: &str = "validationException";

/// The answer's body, which reads the request's body as it is polled. Holds prompt text, so no `Debug`.
pub(crate) struct Duplex {
    incoming: Incoming,
    conversation: Conversation,
    ready: VecDeque<Bytes>,
    ending: Option<Ending>,
    shared: Arc<Shared>,
    /// Where the log keeps the request.
    record: Option<u64>,
    watch: Watch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Clean,
    Broken,
}

impl Duplex {
    pub(crate) fn new(
        incoming: Incoming,
        chain: Option<ChainVerifier>,
        shared: Arc<Shared>,
        record: Option<u64>,
    ) -> Self {
        let watch = Watch::new(Arc::clone(&shared.aborted));
        Duplex {
            incoming,
            conversation: Conversation::new(chain),
            ready: VecDeque::new(),
            ending: None,
            shared,
            record,
            watch,
        }
    }

    pub(crate) fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, Broken>>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(BodyFrame::data(bytes))));
            }
            match self.ending {
                Some(_) if self.watch.is_finished() => return Poll::Ready(None),
                Some(ending) => {
                    self.watch.finish();
                    return Poll::Ready((ending == Ending::Broken).then_some(Err(Broken)));
                }
                None => {}
            }
            match ready!(Pin::new(&mut self.incoming).poll_frame(context)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        let turn = self.conversation.hear(&data, self.shared.keyring.now_unix());
                        self.take(turn);
                    }
                }
                // The client left; the watch counts it when the body is dropped.
                Some(Err(_)) => return Poll::Ready(None),
                None => {
                    let turn = self.conversation.end();
                    self.take(turn);
                    self.ending.get_or_insert(Ending::Clean);
                }
            }
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.watch.is_finished()
    }

    fn take(&mut self, turn: Turn) {
        self.ready.extend(turn.frames);
        self.ending = self.ending.or(turn.ending);
        if let Some(record) = self.record.filter(|_| !turn.events.is_empty()) {
            self.shared.log.append(record, &turn.events);
        }
    }
}

/// Both sides of one session, without a socket.
struct Conversation {
    decoder: FrameDecoder,
    /// None where signatures are not checked.
    chain: Option<ChainVerifier>,
    has_ended: bool,
    input_bytes: u64,
    output_bytes: u64,
    number: u64,
}

/// What one piece of the request leads to.
#[derive(Default)]
struct Turn {
    frames: Vec<Bytes>,
    /// The events heard, each ended by a newline, for the log.
    events: Vec<u8>,
    ending: Option<Ending>,
}

impl Turn {
    fn refuse(&mut self, kind: &str, message: &str) {
        self.frames.push(exception(kind, message));
        self.ending = Some(Ending::Clean);
    }
}

impl Conversation {
    fn new(chain: Option<ChainVerifier>) -> Self {
        Conversation {
            decoder: FrameDecoder::default(),
            chain,
            has_ended: false,
            input_bytes: 0,
            output_bytes: 0,
            number: 0,
        }
    }

    fn hear(&mut self, bytes: &[u8], now_unix: i64) -> Turn {
        let mut turn = Turn::default();
        self.decoder.push(bytes);
        while turn.ending.is_none() {
            match self.decoder.next_frame() {
                Ok(None) => break,
                Ok(Some(envelope)) => self.open(&envelope, now_unix, &mut turn),
                Err(error) => turn.refuse(VALIDATION, &error.to_string()),
            }
        }
        turn
    }

    /// The request is over: an error unless its signed end came before.
    fn end(&mut self) -> Turn {
        let mut turn = Turn::default();
        if !self.has_ended {
            turn.refuse(VALIDATION, "The stream ended before its signed end.");
        }
        turn
    }

    fn open(&mut self, envelope: &Frame, now_unix: i64, turn: &mut Turn) {
        if self.has_ended {
            return turn.refuse(VALIDATION, "A frame follows the signed end.");
        }
        let opened = match &mut self.chain {
            Some(chain) => chain.open(envelope, now_unix).map_err(|error| error.to_string()),
            None if envelope.payload().is_empty() => Ok(None),
            None => Frame::parse(Bytes::copy_from_slice(envelope.payload()))
                .map(Some)
                .map_err(|error| error.to_string()),
        };
        match opened {
            Ok(Some(inner)) => self.answer(&inner, turn),
            Ok(None) => self.close(turn),
            Err(reason) => turn.refuse(VALIDATION, &reason),
        }
    }

    fn answer(&mut self, inner: &Frame, turn: &mut Turn) {
        let Some(event) = read_event(inner) else {
            return turn.refuse(VALIDATION, "A chunk holds no JSON object.");
        };
        turn.events.extend_from_slice(event.to_string().as_bytes());
        turn.events.push(b'\n');
        let said = event.pointer("/event/textInput/content").and_then(Value::as_str);
        let text = said.map_or_else(|| all_texts(&event), str::to_owned);
        self.input_bytes = self.input_bytes.saturating_add(text.len() as u64);
        let directives = directives::parse(&text);
        match &directives.fault {
            Some(Fault::Stream(StreamFault::Exception(name))) => {
                return turn.refuse(name, "The simulator was asked for this exception.");
            }
            Some(Fault::Close | Fault::Stream(StreamFault::Cut)) => {
                turn.ending = Some(Ending::Broken);
                return;
            }
            _ => {}
        }
        // Only what a user says asks for a call: a text that travels in any other event is data.
        let calls: &[ToolCall] = if said.is_some() { &directives.tools } else { &[] };
        if directives.say.is_some() || !directives.echo.is_empty() || calls.is_empty() {
            let content = match &directives.say {
                Some(say) => say.clone(),
                None => format!("You said: {}", directives.echo),
            };
            self.speak(&event, said.is_some(), &content, turn);
        }
        for call in calls {
            self.call(&event, call, turn);
        }
    }

    fn speak(&mut self, event: &Value, is_answer: bool, content: &str, turn: &mut Turn) {
        self.output_bytes = self.output_bytes.saturating_add(content.len() as u64);
        let output = if is_answer {
            json!({"textOutput": {
                "promptName": event.pointer("/event/textInput/promptName"),
                "contentId": format!("{:016x}", self.number),
                "content": content,
                "role": "ASSISTANT"
            }})
        } else {
            // An event no client knows, so that none takes it for speech.
            json!({"echoOutput": {"content": content}})
        };
        self.send(&output, turn);
    }

    /// A call in one event, its arguments a text of JSON as they were given.
    fn call(&mut self, event: &Value, call: &ToolCall, turn: &mut Turn) {
        self.output_bytes = self.output_bytes.saturating_add(call.json.len() as u64);
        let output = json!({"toolUse": {
            "promptName": event.pointer("/event/textInput/promptName"),
            "contentId": format!("{:016x}", self.number),
            "toolUseId": format!("tooluse_{:016x}", self.number),
            "toolName": call.name,
            "content": call.json
        }});
        self.send(&output, turn);
    }

    fn close(&mut self, turn: &mut Turn) {
        self.has_ended = true;
        let input = self.input_bytes.div_ceil(BYTES_PER_TOKEN);
        let output = self.output_bytes.div_ceil(BYTES_PER_TOKEN);
        let usage = json!({"usageEvent": {
            "totalInputTokens": input, "totalOutputTokens": output,
            "totalTokens": input.saturating_add(output)
        }});
        self.send(&usage, turn);
        self.send(&json!({"completionEnd": {"stopReason": "END_TURN"}}), turn);
    }

    fn send(&mut self, event: &Value, turn: &mut Turn) {
        let mut frames = Frames::new(self.number);
        self.number += 1;
        frames.object(FrameKind::Delta, &json!({"event": event}), "");
        turn.frames.push(frames.finish(None).bytes);
    }
}

/// The JSON object inside a chunk.
fn read_event(inner: &Frame) -> Option<Value> {
    let chunk: Value = serde_json::from_slice(inner.payload()).ok()?;
    let bytes = STANDARD.decode(chunk.get("bytes")?.as_str()?).ok()?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object)
}

#[cfg(test)]
mod tests {
    use hardpan_aws::event_signing::{ChainSigner, envelope};
    use hardpan_aws::verifier;
    use hardpan_inference::stream::event_stream::event;
    use http::{HeaderMap, HeaderValue};

    use crate::frames::tests::{chunks, split};

    use super::*;

    const NOW: i64 = 1_795_305_600;
    const SECRET: &str = "secret";

    fn inner(text: &str) -> Bytes {
        let said = json!({"event": {"textInput": {"promptName": "p", "content": text}}}).to_string();
        event("chunk", json!({"bytes": STANDARD.encode(said)}).to_string().as_bytes())
    }

    fn chain_and_signer() -> (ChainVerifier, ChainSigner) {
        let seed = "ab".repeat(32);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKID/20261122/us-east-1/bedrock/aws4_request, \
             SignedHeaders=host, Signature={seed}"
        );
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_str(&authorization).unwrap());
        let authorization = verifier::parse(&headers, b"/").unwrap();
        let signer = ChainSigner::new(SECRET, "us-east-1", "bedrock", &seed);
        (ChainVerifier::new(SECRET, &authorization, 300), signer)
    }

    fn bytes_of(turn: &Turn) -> Vec<u8> {
        turn.frames.concat()
    }

    #[test]
    fn every_event_comes_back_before_the_request_ends() {
        let (chain, mut signer) = chain_and_signer();
        let mut conversation = Conversation::new(Some(chain));
        for text in ["hello", "mail {EMAIL_1}"] {
            let turn = conversation.hear(&signer.seal(NOW * 1000, &inner(text)).unwrap(), NOW);
            let answer = chunks(&bytes_of(&turn));
            assert_eq!(answer[0]["event"]["textOutput"]["content"], format!("You said: {text}"));
            assert!(turn.ending.is_none() && String::from_utf8(turn.events).unwrap().contains(text));
        }
        let turn = conversation.hear(&signer.seal(NOW * 1000, b"").unwrap(), NOW);
        let answer = chunks(&bytes_of(&turn));
        assert_eq!(answer[0]["event"]["usageEvent"]["totalInputTokens"], 5);
        assert!(answer[1]["event"]["completionEnd"].is_object());
        assert!(conversation.end().frames.is_empty());
    }

    #[test]
    fn a_frame_outside_the_chain_ends_the_stream_with_an_exception() {
        let (chain, _) = chain_and_signer();
        let mut conversation = Conversation::new(Some(chain));
        let forged = envelope(NOW * 1000, &[7; 32], &inner("hello")).unwrap();
        let turn = conversation.hear(&forged, NOW);
        assert_eq!(turn.ending, Some(Ending::Clean));
        let frames = split(&bytes_of(&turn));
        assert!(frames.len() == 1 && frames[0].0.contains(VALIDATION));
    }

    #[test]
    fn a_text_may_ask_for_calls_and_other_events_may_not() {
        let mut conversation = Conversation::new(None);
        let call = r#"[sim:tool get_weather {"city": "Oslo"}]"#;
        let sealed = |inner: &Bytes| envelope(NOW * 1000, &[0; 32], inner).unwrap();
        let turn = conversation.hear(&sealed(&inner(call)), NOW);
        let answer = chunks(&bytes_of(&turn));
        assert_eq!(answer.len(), 1);
        let called = &answer[0]["event"]["toolUse"];
        assert_eq!(called["toolName"], "get_weather");
        assert_eq!(called["content"], r#"{"city": "Oslo"}"#);
        let turn = conversation.hear(&sealed(&inner(&format!("look {call}"))), NOW);
        let answer = chunks(&bytes_of(&turn));
        assert_eq!(answer[0]["event"]["textOutput"]["content"], "You said: look");
        assert!(answer[1]["event"]["toolUse"]["toolUseId"].is_string());
        let other = json!({"event": {"promptStart": {"promptName": call}}}).to_string();
        let other = event("chunk", json!({"bytes": STANDARD.encode(other)}).to_string().as_bytes());
        let turn = conversation.hear(&sealed(&other), NOW);
        assert!(chunks(&bytes_of(&turn))[0]["event"]["echoOutput"].is_object());
    }

    #[test]
    fn an_end_without_its_signature_is_an_exception() {
        let mut conversation = Conversation::new(None);
        let turn = conversation.end();
        assert!(split(&bytes_of(&turn))[0].0.contains(VALIDATION));
    }

    #[test]
    fn directives_break_the_session() {
        for (text, ending, frames) in [
            ("[sim:exception throttlingException]", Ending::Clean, 1),
            ("[sim:close]", Ending::Broken, 0),
            ("[sim:cut]", Ending::Broken, 0),
        ] {
            let mut conversation = Conversation::new(None);
            let turn = conversation.hear(&envelope(NOW * 1000, &[0; 32], &inner(text)).unwrap(), NOW);
            assert_eq!((turn.ending, turn.frames.len()), (Some(ending), frames), "{text}");
        }
    }
}
