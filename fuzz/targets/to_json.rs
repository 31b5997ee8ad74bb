#![no_main]

use session_bytes::promises;

libfuzzer_sys::fuzz_target!(|input: &[u8]| promises::to_json_holds(input));
