//! Signed heads. States nothing itself: the property is in `hardpan_fuzz`, where the tests share it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| hardpan_fuzz::signatures_parse_into_plain_parts(data));
