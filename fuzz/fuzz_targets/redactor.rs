//! Masking. States nothing itself: the property is in `hardpan_fuzz::filters`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| hardpan_fuzz::filters::masking_is_undone(data));
