package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const produceTimeout = 2 * time.Minute

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

func produce(bootstrap, topic string, first, count int64, codecName string, seed uint32) error {
	codec, ok := codecs[codecName]
	if !ok {
		return fmt.Errorf("unknown codec %q", codecName)
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(bootstrap),
		kgo.ProducerBatchCompression(codec),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	// not a record timeout: that one counts from the record's timestamp, which here lies in the past
	ctx, cancel := context.WithTimeout(context.Background(), produceTimeout)
	defer cancel()
	if err := createTopic(ctx, client, topic); err != nil {
		return err
	}
	var failure firstError
	for index := first; index < first+count; index++ {
		client.Produce(ctx, toKafka(topic, seed, index), func(r *kgo.Record, err error) {
			if err == nil && r.Offset != index/partitions {
				err = fmt.Errorf("record %d got offset %d", index, r.Offset)
			}
			failure.set(err)
		})
	}
	return errors.Join(client.Flush(ctx), failure.err)
}

func createTopic(ctx context.Context, client *kgo.Client, topic string) error {
	forever := "-1"
	configs := map[string]*string{"retention.ms": &forever}
	_, err := kadm.NewClient(client).CreateTopic(ctx, partitions, 1, configs, topic)
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	return err
}

func toKafka(topic string, seed uint32, index int64) *kgo.Record {
	made := makeRecord(seed, index)
	result := &kgo.Record{
		Topic:     topic,
		Partition: int32(index % partitions),
		Timestamp: time.UnixMilli(made.timestamp),
		Key:       made.key,
		Value:     made.value,
	}
	for _, h := range made.headers {
		result.Headers = append(result.Headers, kgo.RecordHeader{Key: h.name, Value: h.value})
	}
	return result
}

type firstError struct {
	once sync.Once
	err  error
}

func (f *firstError) set(err error) {
	if err != nil {
		f.once.Do(func() { f.err = err })
	}
}
