//! The `hardpan` binary.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use zeroizing_alloc::ZeroAlloc;

use hardpan::cli::Cli;

// The default allocator is the largest single cost of policy evaluation. What is given back is wiped first, so that
// prompts, masked values and keys do not outlive their request in memory: a core dump holds what is in flight, and
// nothing of what has ended. It costs a memset of every block and a copy for every block that grows.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<MiMalloc> = ZeroAlloc(MiMalloc);

fn main() -> ExitCode {
    Cli::parse().run()
}
