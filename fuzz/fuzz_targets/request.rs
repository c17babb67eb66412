//! Request bodies. States nothing itself: the property is in `hardpan_fuzz`, where the tests share it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| hardpan_fuzz::edited_requests_stay_requests(data));
