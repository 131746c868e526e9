//! Bytes to meaning and back: what each request costs before and after the broker.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use thalweg_kafka_wire::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use thalweg_kafka_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use thalweg_kafka_wire::messages::{FetchRequest, FetchResponse, ProduceRequest};
use thalweg_kafka_wire::{Decoder, Message, Segments, encode_request, encode_response};
use thalweg_micro::{SHAPES, batch};
use thalweg_records::{BatchMut, RecordPolicy};

const PRODUCE: i16 = 11;
const FETCH: i16 = 12;
const HEADER_LEN: usize = 4;

fn validate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("validate");
    let policy =
        RecordPolicy { keys_required: false, create_time: None, decompressed_max: 64 << 20 };
    for (value, size) in SHAPES {
        let bytes = batch(value, size);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(BenchmarkId::new(format!("{value} B"), size), |bencher| {
            bencher.iter_batched(
                || bytes.clone(),
                |bytes| {
                    let mut batch = BatchMut::from_client(bytes, 2 << 20).expect("valid");
                    let _ = black_box(batch.check_records(&policy).expect("valid"));
                    batch
                },
                BatchSize::LargeInput,
            );
        });
    }
}

fn decode_produce(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode produce");
    for partitions in [1, 16, 128] {
        let frame = produce_frame(partitions);
        group.bench_function(BenchmarkId::from_parameter(partitions), |bencher| {
            bencher.iter_batched(
                || frame.clone(),
                |frame| {
                    let mut input = Decoder::new(frame);
                    black_box(ProduceRequest::decode(&mut input, PRODUCE).expect("valid"))
                },
                BatchSize::LargeInput,
            );
        });
    }
}

/// The body of a request with a small batch for each partition.
fn produce_frame(partitions: i32) -> BytesMut {
    let records = batch(100, 1 << 10);
    let partition = |index| PartitionProduceData {
        index,
        records: Some(records.clone()),
        ..Default::default()
    };
    let topic = TopicProduceData {
        name: "orders".into(),
        partition_data: (0..partitions).map(partition).collect(),
        ..Default::default()
    };
    let request = ProduceRequest {
        acks: -1,
        timeout_ms: 1000,
        topic_data: vec![topic],
        ..Default::default()
    };
    let frame = encode_request(PRODUCE, 1, "bench", &request).expect("valid");
    let frame = frame.to_bytes().expect("in memory");
    let mut body = BytesMut::from(&frame[HEADER_LEN..]);
    let mut input = Decoder::new(body.clone());
    thalweg_kafka_wire::decode_request_header(&mut input).expect("valid");
    let header = body.len() - input.remaining();
    body.split_off(header)
}

fn encode_fetch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode fetch");
    for partitions in [1, 16, 128] {
        let response = fetch_response(partitions);
        group.bench_function(BenchmarkId::from_parameter(partitions), |bencher| {
            bencher.iter(|| {
                black_box(encode_response::<FetchRequest>(FETCH, 1, &response).expect("valid"))
            });
        });
    }
}

fn fetch_response(partitions: i32) -> FetchResponse {
    let records: Bytes = batch(1024, 64 << 10).freeze();
    let partition = |partition_index| PartitionData {
        partition_index,
        records: Some(Segments::from(records.clone())),
        ..Default::default()
    };
    let topic = FetchableTopicResponse {
        topic: "orders".into(),
        partitions: (0..partitions).map(partition).collect(),
        ..Default::default()
    };
    FetchResponse { responses: vec![topic], ..Default::default() }
}

criterion_group!(words, validate, decode_produce, encode_fetch);
criterion_main!(words);
