//! OPA bundles: what comes in one archive, how it is read within bounds, what its manifest promises and whether its
//! signature holds.
//!
//! Nothing here fetches anything or judges rules: bytes come in, files go out, and whatever is not understood refuses
//! the bundle whole. Delta bundles, WebAssembly and YAML are such things.

pub(crate) mod archive;
pub(crate) mod manifest;
pub(crate) mod signature;
pub mod stamp;

/// Compressed.
pub const ARCHIVE_BYTES_MAX: u64 = 32 << 20;
/// All files of a bundle together.
pub const UNPACKED_BYTES_MAX: u64 = 256 << 20;
/// How many times its size an archive may become; rules and data stay far below.
pub const RATIO_MAX: u64 = 256;
/// Below this much the ratio is nobody's matter.
pub const RATIO_BYTES_MIN: u64 = 1 << 20;
/// Files of all kinds, directories included.
pub const FILES_MAX: usize = 8192;
pub const PATH_BYTES_MAX: usize = 512;

const _: () = assert!(RATIO_BYTES_MIN < UNPACKED_BYTES_MAX && ARCHIVE_BYTES_MAX < UNPACKED_BYTES_MAX);
