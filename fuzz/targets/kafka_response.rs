#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| thalweg_kafka_wire::fuzz_response(data));
