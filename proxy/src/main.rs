//! The `hardpan` binary.

use std::process::ExitCode;

use clap::Parser;
use hardpan::cli::Cli;

// The default allocator is the largest single cost of policy evaluation.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Cli::parse().run()
}
