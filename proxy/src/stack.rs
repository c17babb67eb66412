//! Wipes what a request leaves on the stacks of the threads that serve it: hashes keep the last bytes of what they
//! read, searches keep pieces of texts, and an idle thread would keep them until it is deep in another request.
//!
//! The heap is the allocator's matter. What lies deeper than [`WIPED_BYTES`] below the request's own frame stays;
//! nothing that reads texts is known to reach as deep.

use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::pin::pin;

/// Hashes and searches stand 10 to 40 KB below the frame that polls a request; frames that are not optimised are
/// several times as large.
const WIPED_BYTES: usize = if cfg!(debug_assertions) { 256 << 10 } else { 64 << 10 };

/// Runs `future`, and wipes the stack below it whenever it waits or ends: it may go on on another thread.
pub async fn wiped<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        let polled = future.as_mut().poll(context);
        wipe();
        polled
    })
    .await
}

// A frame of its own, where the frames of what was called before stood.
#[inline(never)]
fn wipe() {
    black_box(&mut [0u8; WIPED_BYTES]);
}
