#![no_main]
#![allow(dead_code)] // each target takes what it needs

// The sources themselves: the addon's crate has to be linked with Node.
#[path = "../../src/codec/mod.rs"]
mod codec;
#[path = "../../src/difference/mod.rs"]
mod difference;
#[path = "../../src/promises.rs"]
mod promises;

libfuzzer_sys::fuzz_target!(|input: &[u8]| promises::to_json_holds(input));
