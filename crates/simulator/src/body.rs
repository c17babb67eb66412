//! The body of an answer as hyper polls it: whole, or in paced pieces with an end that may be a break. Also
//! notices when a client leaves a stream early. Decides nothing about content.

use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::duplex::Duplex;
use crate::frames::FrameStream;
use crate::text::Sequence;

/// Wait before a transport is broken: what was written before shall reach the peer, and hyper drops what it
/// has not flushed when a body fails.
const BREAK_DELAY: Duration = Duration::from_millis(20);
/// Where the cuts of the transport start from; any number serves.
const TRANSPORT_SEED: u64 = 20_261_122;

pub(crate) enum AnswerBody {
    Whole(Option<Bytes>),
    Pieces(Pieces),
    Duplex(Box<Duplex>),
}

/// A body in pieces. Not `Debug`: it holds completion text.
pub(crate) struct Pieces {
    data: Bytes,
    pieces: std::vec::IntoIter<Piece>,
    /// Where the next piece begins.
    start: usize,
    interval: Duration,
    pause: Option<Pin<Box<Sleep>>>,
    /// The pause before the next step is over.
    has_paused: bool,
    is_broken: bool,
    declared_bytes: Option<u64>,
    watch: Watch,
}

/// Counts the stream as aborted when it is dropped unfinished: that is all hyper tells of a client that
/// left.
pub(crate) struct Watch {
    is_finished: bool,
    aborted: Arc<AtomicU64>,
}

impl Watch {
    pub(crate) fn new(aborted: Arc<AtomicU64>) -> Self {
        Watch { is_finished: false, aborted }
    }

    pub(crate) fn finish(&mut self) {
        self.is_finished = true;
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.is_finished
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    end: usize,
    /// A frame other than the first begins here.
    is_paced: bool,
}

/// Makes hyper break the transport.
#[derive(Debug, thiserror::Error)]
#[error("the transport was broken on request")]
pub(crate) struct Broken;

impl AnswerBody {
    pub(crate) fn whole(body: String) -> Self {
        AnswerBody::Whole(Some(Bytes::from(body)))
    }

    /// Half of the body under the length of the whole, then a break.
    pub(crate) fn cut(body: String, aborted: Arc<AtomicU64>) -> Self {
        let data = Bytes::from(body);
        let pieces = vec![Piece { end: data.len() / 2, is_paced: false }];
        AnswerBody::Pieces(Pieces {
            declared_bytes: Some(data.len() as u64),
            is_broken: true,
            ..Pieces::new(data, pieces, Duration::ZERO, aborted)
        })
    }

    pub(crate) fn stream(
        stream: FrameStream,
        interval: Duration,
        transport_chunk: Option<&RangeInclusive<usize>>,
        aborted: Arc<AtomicU64>,
    ) -> Self {
        let pieces = cut(&stream.ends, stream.bytes.len(), transport_chunk);
        AnswerBody::Pieces(Pieces {
            is_broken: stream.is_broken,
            ..Pieces::new(stream.bytes, pieces, interval, aborted)
        })
    }
}

impl Pieces {
    fn new(data: Bytes, pieces: Vec<Piece>, interval: Duration, aborted: Arc<AtomicU64>) -> Self {
        Pieces {
            data,
            pieces: pieces.into_iter(),
            start: 0,
            interval,
            pause: None,
            has_paused: false,
            is_broken: false,
            declared_bytes: None,
            watch: Watch::new(aborted),
        }
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            if let Some(pause) = self.pause.as_mut() {
                ready!(pause.as_mut().poll(context));
                self.pause = None;
                self.has_paused = true;
            }
            let wait = self.wait_before_next();
            if self.has_paused || wait.is_zero() {
                self.has_paused = false;
                return Poll::Ready(self.next_piece());
            }
            self.pause = Some(Box::pin(tokio::time::sleep(wait)));
        }
    }

    fn wait_before_next(&self) -> Duration {
        match self.pieces.as_slice().first() {
            Some(piece) if piece.is_paced => self.interval,
            Some(_) => Duration::ZERO,
            None if self.is_broken && !self.watch.is_finished => BREAK_DELAY,
            None => Duration::ZERO,
        }
    }

    fn next_piece(&mut self) -> Option<Result<Frame<Bytes>, Broken>> {
        if let Some(piece) = self.pieces.next() {
            let end = piece.end.min(self.data.len());
            let data = self.data.slice(self.start.min(end)..end);
            self.start = end;
            // hyper asks `is_end_stream` after the last piece and then need not poll again.
            self.watch.is_finished = self.pieces.as_slice().is_empty() && !self.is_broken;
            return Some(Ok(Frame::data(data)));
        }
        let breaks_now = self.is_broken && !self.watch.is_finished;
        self.watch.is_finished = true;
        breaks_now.then_some(Err(Broken))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            AnswerBody::Whole(body) => Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            AnswerBody::Pieces(pieces) => pieces.poll_piece(context),
            AnswerBody::Duplex(duplex) => duplex.poll_piece(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            AnswerBody::Whole(body) => body.is_none(),
            AnswerBody::Pieces(pieces) => pieces.watch.is_finished,
            AnswerBody::Duplex(duplex) => duplex.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let bytes = match self {
            AnswerBody::Whole(body) => Some(body.as_ref().map_or(0, |body| body.len() as u64)),
            AnswerBody::Pieces(pieces) => pieces.declared_bytes,
            AnswerBody::Duplex(_) => None,
        };
        bytes.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.is_finished {
            self.aborted.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// One piece per frame, or pieces of the sizes asked for, blind to the frames.
fn cut(ends: &[usize], bytes: usize, transport_chunk: Option<&RangeInclusive<usize>>) -> Vec<Piece> {
    let Some(sizes) = transport_chunk else {
        return ends
            .iter()
            .enumerate()
            .map(|(index, end)| Piece { end: *end, is_paced: index > 0 })
            .collect();
    };
    let smallest = (*sizes.start()).max(1);
    let largest = (*sizes.end()).max(smallest);
    let mut sequence = Sequence::new(TRANSPORT_SEED);
    // Where a frame ends the next one begins.
    let mut beginnings = ends.iter().copied().peekable();
    let mut pieces = Vec::new();
    let mut start = 0_usize;
    while start < bytes {
        let end = start.saturating_add(sequence.within(smallest, largest)).min(bytes);
        let mut has_beginning = false;
        while beginnings.next_if(|beginning| *beginning < end).is_some() {
            has_beginning = true;
        }
        pieces.push(Piece { end, is_paced: has_beginning && start > 0 });
        start = end;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn stream(is_broken: bool) -> FrameStream {
        FrameStream { bytes: Bytes::from_static(b"aaabbbccc"), ends: vec![3, 6, 9], is_broken }
    }

    async fn drain(mut body: AnswerBody) -> (Vec<Bytes>, bool) {
        let mut pieces = Vec::new();
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => pieces.push(frame.into_data().unwrap()),
                Err(Broken) => return (pieces, true),
            }
        }
        (pieces, false)
    }

    #[test]
    fn pieces_follow_frames_or_the_sizes_asked_for() {
        let by_frame = cut(&[3, 6, 9], 9, None);
        let ends: Vec<(usize, bool)> = by_frame.iter().map(|piece| (piece.end, piece.is_paced)).collect();
        assert_eq!(ends, [(3, false), (6, true), (9, true)]);
        let by_size = cut(&[3, 6, 9], 9, Some(&(2..=2)));
        let ends: Vec<(usize, bool)> = by_size.iter().map(|piece| (piece.end, piece.is_paced)).collect();
        assert_eq!(ends, [(2, false), (4, true), (6, false), (8, true), (9, false)]);
        assert_eq!(cut(&[9], 9, Some(&(0..=0))).len(), 9);
        assert_eq!(cut(&[9], 9, Some(&(1..=usize::MAX))).last().unwrap().end, 9);
        assert!(cut(&[], 0, Some(&(1..=2))).is_empty());
    }

    #[tokio::test]
    async fn bodies_keep_their_bytes_and_break_when_told() {
        for (is_broken, chunk) in [(false, None), (true, None), (false, Some(1..=4)), (true, Some(1..=4))] {
            let aborted = Arc::new(AtomicU64::new(0));
            let body = AnswerBody::stream(
                stream(is_broken),
                Duration::from_millis(1),
                chunk.as_ref(),
                Arc::clone(&aborted),
            );
            let (pieces, broke) = drain(body).await;
            assert_eq!((pieces.concat().as_slice(), broke), (b"aaabbbccc".as_slice(), is_broken));
            assert_eq!(aborted.load(Ordering::Relaxed), 0);
        }
    }

    #[tokio::test]
    async fn a_body_dropped_early_is_counted_once() {
        let aborted = Arc::new(AtomicU64::new(0));
        let mut body = AnswerBody::stream(stream(false), Duration::ZERO, None, Arc::clone(&aborted));
        body.frame().await.unwrap().unwrap();
        drop(body);
        assert_eq!(aborted.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_cut_body_declares_more_than_it_sends() {
        let body = AnswerBody::cut("0123456789".to_owned(), Arc::default());
        assert_eq!(body.size_hint().exact(), Some(10));
        let (pieces, broke) = drain(body).await;
        assert_eq!((pieces.concat().as_slice(), broke), (b"01234".as_slice(), true));
    }

    #[tokio::test]
    async fn a_whole_body_is_one_piece() {
        let body = AnswerBody::whole("{}".to_owned());
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(2), false));
        assert_eq!(drain(body).await.0.concat(), b"{}");
    }
}
