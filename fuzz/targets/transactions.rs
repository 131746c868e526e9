#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| thalweg_transactions::fuzz(data));
