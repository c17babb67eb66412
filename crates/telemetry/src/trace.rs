//! W3C trace context: what a caller's `traceparent` and `tracestate` say, where one request stands in its trace, and
//! the headers that carry the trace on.
//!
//! Reading follows the recommendation: what is not valid is ignored, and the trace begins anew. Nothing here exports
//! spans, and nothing of a caller's but these two headers is looked at. `baggage` is not passed on: it is free text.

use std::fmt;
use std::time::Duration;

use uuid::Uuid;

/// `tracestate` travels on up to this length, as the recommendation asks for at least.
pub const STATE_BYTES_MAX: usize = 512;
/// Members a list may have.
const STATE_MEMBERS_MAX: usize = 32;
/// Longer members are the first to go when a list is too long.
const STATE_MEMBER_BYTES_KEPT: usize = 128;
/// What is read of a caller's `tracestate` at all.
const STATE_BYTES_READ_MAX: usize = 8 << 10;
/// Calls of one request that get a span of their own.
const CALLS_MAX: usize = 16;

const SAMPLED: u8 = 0x01;
/// Flags that are defined: sampled, and that the id is random.
const FLAGS: u8 = 0x03;

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceId([u8; 16]);

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SpanId([u8; 8]);

impl TraceId {
    fn random() -> Self {
        Self(Uuid::new_v4().into_bytes())
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl SpanId {
    fn random() -> Self {
        let [.., a, b, c, d, e, f, g, h] = Uuid::new_v4().into_bytes();
        // The variant's bits, which are never zero, are among these.
        Self([a, b, c, d, e, f, g, h])
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

/// The span of the caller that a request belongs to. No `Debug`: the state is the caller's own text.
#[derive(Clone, PartialEq, Eq)]
pub struct Parent {
    trace: TraceId,
    span: SpanId,
    flags: u8,
    state: Option<String>,
}

impl Parent {
    /// From all values of both headers, in their order. None where there is no `traceparent`, more than one, or one
    /// that is not valid; the state alone is dropped where it is not valid.
    pub fn read<'a>(
        mut parents: impl Iterator<Item = &'a [u8]>,
        states: impl Iterator<Item = &'a [u8]>,
    ) -> Option<Self> {
        let value = parents.next()?;
        if parents.next().is_some() {
            return None;
        }
        let (trace, span, flags) = read_parent(value)?;
        Some(Self { trace, span, flags, state: read_state(states) })
    }

    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    pub fn without_state(self) -> Self {
        Self { state: None, ..self }
    }
}

fn read_parent(value: &[u8]) -> Option<(TraceId, SpanId, u8)> {
    let (fields, rest) = value.split_at_checked(55)?;
    let version = hex_bytes::<1>(fields.get(..2)?)?;
    match version {
        [0xff] => return None,
        [0] if !rest.is_empty() => return None,
        // A later version may say more behind a dash, which is not understood.
        _ if rest.first().is_some_and(|byte| *byte != b'-') => return None,
        _ => {}
    }
    if [2, 35, 52].iter().any(|at| fields.get(*at) != Some(&b'-')) {
        return None;
    }
    let trace = hex_bytes::<16>(fields.get(3..35)?)?;
    let span = hex_bytes::<8>(fields.get(36..52)?)?;
    let [flags] = hex_bytes::<1>(fields.get(53..55)?)?;
    let named = trace != [0; 16] && span != [0; 8];
    named.then_some((TraceId(trace), SpanId(span), flags & FLAGS))
}

/// Lower case alone, as the recommendation has it.
fn hex_bytes<const LENGTH: usize>(text: &[u8]) -> Option<[u8; LENGTH]> {
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; LENGTH];
    if text.len() != LENGTH * 2 {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(digits.first()?)? << 4 | digit(digits.last()?)?;
    }
    Some(bytes)
}

fn read_state<'a>(values: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let mut members: Vec<&str> = Vec::new();
    let mut read = 0;
    for value in values {
        read += value.len();
        if read > STATE_BYTES_READ_MAX {
            return None;
        }
        let value = std::str::from_utf8(value).ok()?;
        for member in value.split(',').map(|member| member.trim_matches([' ', '\t'])) {
            // Empty members are allowed, and say nothing.
            if member.is_empty() {
                continue;
            }
            let (key, text) = member.split_once('=')?;
            let twice = members.iter().any(|other| other.split('=').next() == Some(key));
            if !is_state_key(key) || !is_state_value(text) || twice || members.len() == STATE_MEMBERS_MAX {
                return None;
            }
            members.push(member);
        }
    }
    let length = |members: &[&str]| members.iter().map(|member| member.len() + 1).sum::<usize>();
    if length(&members) > STATE_BYTES_MAX + 1 {
        members.retain(|member| member.len() <= STATE_MEMBER_BYTES_KEPT);
    }
    while length(&members) > STATE_BYTES_MAX + 1 {
        members.pop();
    }
    (!members.is_empty()).then(|| members.join(","))
}

fn is_state_key(key: &str) -> bool {
    let inner = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@');
    let first = key.bytes().next();
    key.len() <= 256
        && first.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && key.bytes().all(inner)
}

fn is_state_value(value: &str) -> bool {
    let plain = |byte: u8| matches!(byte, 0x20..=0x7e) && byte != b',' && byte != b'=';
    (1..=256).contains(&value.len()) && value.bytes().all(plain) && !value.ends_with(' ')
}

/// Which requests get spans.
#[derive(Debug, Clone, Copy)]
pub struct Sampler {
    /// Of 2^56: traces whose id ends below it.
    below: u64,
}

impl Sampler {
    /// `ratio`: 0 to 1, of the traces that begin here. Others were decided on by their caller.
    pub fn new(ratio: f64) -> Self {
        const WHOLE: f64 = (1_u64 << 56) as f64;
        Self { below: (ratio.clamp(0.0, 1.0) * WHOLE) as u64 }
    }

    fn takes(self, trace: TraceId) -> bool {
        let [.., a, b, c, d, e, f, g] = trace.0;
        u64::from_be_bytes([0, a, b, c, d, e, f, g]) < self.below
    }
}

/// Where one request stands in its trace. No `Debug`: the state is the caller's own text.
pub struct RequestTrace {
    trace: TraceId,
    parent: Option<SpanId>,
    /// None where no spans are made here: then the caller's own is passed on.
    own: Option<SpanId>,
    flags: u8,
    state: Option<String>,
    passes_on: bool,
    calls: Vec<Call>,
}

/// One call to a service, as a span. Times count from the request's head.
pub struct Call {
    pub span: SpanId,
    pub began: Duration,
    /// None: with the request.
    pub ended: Option<Duration>,
    pub address: String,
    pub status: Option<u16>,
    pub error: Option<&'static str>,
    /// How often it went out until it was answered.
    pub sent: u32,
}

impl RequestTrace {
    /// None where there is nothing to carry on and nothing to begin. Without a sampler no spans are made.
    pub fn begin(parent: Option<Parent>, sampler: Option<Sampler>, passes_on: bool) -> Option<Self> {
        let calls = Vec::new();
        let own = sampler.map(|_| SpanId::random());
        if let Some(Parent { trace, span, flags, state }) = parent {
            return Some(Self { trace, parent: Some(span), own, flags, state, passes_on, calls });
        }
        let sampler = sampler?;
        let trace = TraceId::random();
        let flags = if sampler.takes(trace) { SAMPLED } else { 0 };
        Some(Self { trace, parent: None, own, flags, state: None, passes_on, calls })
    }

    pub fn id(&self) -> TraceId {
        self.trace
    }

    pub fn parent(&self) -> Option<SpanId> {
        self.parent
    }

    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// The span of this request, where it shall be exported.
    pub fn sampled_span(&self) -> Option<SpanId> {
        self.own.filter(|_| self.flags & SAMPLED != 0)
    }

    /// A call goes out; an earlier one that is still open has ended. Gives `traceparent` and `tracestate` for it.
    pub fn call_began(&mut self, at: Duration, address: &str) -> Option<(String, Option<&str>)> {
        self.call_ended(at);
        let mut span = self.own.or(self.parent)?;
        if self.sampled_span().is_some() && self.calls.len() < CALLS_MAX {
            span = SpanId::random();
            self.calls.push(Call {
                span,
                began: at,
                ended: None,
                address: address.to_owned(),
                status: None,
                error: None,
                sent: 1,
            });
        }
        let header = || format!("00-{}-{span}-{:02x}", self.trace, self.flags);
        self.passes_on.then(|| (header(), self.state.as_deref()))
    }

    /// The answer's head has come.
    pub fn call_answered(&mut self, status: u16, sent: u32) {
        if let Some(call) = self.open_call() {
            call.status = Some(status);
            call.sent = sent;
        }
    }

    /// No answer came, for a reason of a closed set.
    pub fn call_failed(&mut self, at: Duration, reason: &'static str) {
        if let Some(call) = self.open_call() {
            call.error = Some(reason);
            call.ended = Some(at);
        }
    }

    pub fn call_ended(&mut self, at: Duration) {
        if let Some(call) = self.open_call() {
            call.ended = Some(at);
        }
    }

    fn open_call(&mut self) -> Option<&mut Call> {
        self.calls.last_mut().filter(|call| call.ended.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn read(parents: &[&str], states: &[&str]) -> Option<Parent> {
        Parent::read(
            parents.iter().map(|value| value.as_bytes()),
            states.iter().map(|value| value.as_bytes()),
        )
    }

    #[test]
    fn a_valid_parent_is_read_and_anything_else_is_ignored() {
        let parent = read(&[VALID], &[]).unwrap();
        assert_eq!(parent.trace.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(parent.span.to_string(), "b7ad6b7169203331");
        assert_eq!(parent.flags, 1);
        let unknown_flags = VALID.replace("-01", "-fe");
        assert_eq!(read(&[&unknown_flags], &[]).unwrap().flags, 2);
        for later in
            ["01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", &VALID.replace("00-", "cc-")]
        {
            assert!(read(&[later], &[]).is_some(), "{later}");
        }
        for refused in [
            "",
            "00",
            &VALID[1..],
            &format!("{VALID}-"),
            &format!("{VALID} "),
            &VALID.replace("00-", "ff-"),
            &VALID.replace("00-", "0g-"),
            &VALID.to_uppercase(),
            &VALID.replace("b7ad6b7169203331", "0000000000000000"),
            &VALID.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            &VALID.replace("0af7651916cd43dd8448eb211c80319c", "0af7651916cd43dd8448eb211c80319C"),
            &VALID.replacen('-', "_", 2),
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0é",
        ] {
            assert!(read(&[refused], &[]).is_none(), "{refused}");
        }
        assert!(read(&[VALID, VALID], &[]).is_none());
        assert!(read(&[], &["a=1"]).is_none());
    }

    #[test]
    fn a_state_travels_on_when_it_is_valid_and_within_its_bounds() {
        let state = |states: &[&str]| read(&[VALID], states).unwrap().state;
        for (given, kept) in [
            (vec!["rojo=00f067aa0ba902b7"], Some("rojo=00f067aa0ba902b7")),
            (vec!["a=1 , b@c=2", "d/*-_=3"], Some("a=1,b@c=2,d/*-_=3")),
            (vec!["a=1,,\t,b=2"], Some("a=1,b=2")),
            (vec!["1a=x y"], Some("1a=x y")),
            (vec![""], None),
            (vec!["a"], None),
            (vec!["a="], None),
            (vec!["A=1"], None),
            (vec!["=1"], None),
            (vec!["a=1,a=2"], None),
            (vec!["a=b=c"], None),
            (vec!["a=\u{7f}"], None),
            (vec!["a=é"], None),
            (vec!["good=1", "b c=2"], None),
        ] {
            assert_eq!(state(&given).as_deref(), kept, "{given:?}");
        }
        let list = |count: usize| (0..count).map(|at| format!("k{at}=v")).collect::<Vec<_>>().join(",");
        assert_eq!(state(&[&list(32)]), Some(list(32)));
        assert_eq!(state(&[&list(33)]), None);
        let long = format!("long={}", "x".repeat(200));
        let short = |at: usize| format!("s{at}={}", "y".repeat(100));
        // The long one goes first, then from the end.
        let given = [long, short(1), short(2), short(3), short(4), short(5)].join(",");
        assert_eq!(state(&[&given]), Some([short(1), short(2), short(3), short(4)].join(",")));
        assert_eq!(state(&[&format!("a={}", "x".repeat(257))]), None);
        assert_eq!(state(&[&" ".repeat(STATE_BYTES_READ_MAX), "a=1"]), None);
    }

    #[test]
    fn without_spans_a_trace_is_passed_on_as_it_came_or_not_at_all() {
        assert!(RequestTrace::begin(None, None, true).is_none());
        let parent = read(&[VALID], &["a=1"]);
        let mut trace = RequestTrace::begin(parent.clone(), None, true).unwrap();
        assert_eq!(trace.call_began(Duration::ZERO, "host"), Some((VALID.to_owned(), Some("a=1"))));
        assert!(trace.sampled_span().is_none() && trace.calls().is_empty());
        let mut kept = RequestTrace::begin(parent, None, false).unwrap();
        assert_eq!(kept.call_began(Duration::ZERO, "host"), None);
        assert_eq!(kept.id().to_string(), "0af7651916cd43dd8448eb211c80319c");
    }

    #[test]
    fn each_call_is_a_child_of_its_own() {
        let mut trace = RequestTrace::begin(read(&[VALID], &[]), Some(Sampler::new(0.0)), true).unwrap();
        let at = Duration::from_millis;
        let (first, _) = trace.call_began(at(1), "one").unwrap();
        trace.call_failed(at(2), "connect");
        let (second, _) = trace.call_began(at(3), "two").unwrap();
        trace.call_answered(200, 2);
        let spans: Vec<String> = trace.calls().iter().map(|call| call.span.to_string()).collect();
        assert_eq!([&first[36..52], &second[36..52]], [spans[0].as_str(), spans[1].as_str()]);
        assert_ne!(first, second);
        assert!(!spans.contains(&trace.sampled_span().unwrap().to_string()));
        assert!(first.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && first.ends_with("-01"));
        let calls: Vec<_> =
            trace.calls().iter().map(|call| (call.status, call.error, call.ended, call.sent)).collect();
        assert_eq!(calls, [(None, Some("connect"), Some(at(2)), 1), (Some(200), None, None, 2)]);
    }

    #[test]
    fn the_caller_decides_on_its_trace_and_the_ratio_on_ours() {
        let unsampled = VALID.replace("-01", "-00");
        let begin = |parent: &str, ratio: f64| {
            RequestTrace::begin(read(&[parent], &[]), Some(Sampler::new(ratio)), true).unwrap()
        };
        assert!(begin(VALID, 0.0).sampled_span().is_some());
        assert!(begin(&unsampled, 1.0).sampled_span().is_none());
        let own = |ratio: f64| {
            let begin = || RequestTrace::begin(None, Some(Sampler::new(ratio)), true).unwrap();
            (0..4000).filter(|_| begin().sampled_span().is_some()).count()
        };
        assert_eq!((own(0.0), own(1.0)), (0, 4000));
        // More than ten standard deviations to either side.
        assert!((600..1400).contains(&own(0.25)));
        let mut unsampled = begin(&unsampled, 1.0);
        assert!(unsampled.call_began(Duration::ZERO, "host").unwrap().0.ends_with("-00"));
        assert!(unsampled.calls().is_empty());
    }

    #[test]
    fn the_calls_of_a_request_are_bounded() {
        let mut trace = RequestTrace::begin(read(&[VALID], &[]), Some(Sampler::new(1.0)), true).unwrap();
        for _ in 0..CALLS_MAX * 2 {
            assert!(trace.call_began(Duration::ZERO, "host").is_some());
        }
        assert_eq!(trace.calls().len(), CALLS_MAX);
    }
}
