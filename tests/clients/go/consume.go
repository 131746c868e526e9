package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const maxPoll = 1000

type member struct {
	name   string
	topic  string
	seed   uint32
	client *kgo.Client
}

func consume(bootstrap, topic, group string, seed uint32, name string) error {
	m := member{name: name, topic: topic, seed: seed}
	var err error
	m.client, err = kgo.NewClient(
		kgo.SeedBrokers(bootstrap),
		kgo.ClientID(name),
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.SessionTimeout(10*time.Second),
		kgo.HeartbeatInterval(500*time.Millisecond),
		kgo.OnPartitionsAssigned(m.reporter("assign")),
		kgo.OnPartitionsRevoked(m.reporter("revoke")),
		kgo.OnPartitionsLost(m.reporter("revoke")),
	)
	if err != nil {
		return err
	}
	defer m.client.CloseAllowingRebalance()
	polling, leave := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		leave()
	}()
	for polling.Err() == nil {
		if err := m.poll(polling); err != nil {
			return err
		}
	}
	return m.printEnds(group)
}

func (m *member) reporter(event string) func(context.Context, *kgo.Client, map[string][]int32) {
	return func(_ context.Context, _ *kgo.Client, assignment map[string][]int32) {
		for _, partition := range assignment[m.topic] {
			fmt.Printf("%s %s %d\n", m.name, event, partition)
		}
	}
}

// poll reads, compares and commits once; no rebalance comes in between.
func (m *member) poll(polling context.Context) error {
	fetches := m.client.PollRecords(polling, maxPoll)
	defer m.client.AllowRebalance()
	if err := fetches.Err(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	records := fetches.Records()
	if len(records) == 0 {
		return nil
	}
	for _, r := range records {
		if err := compare(r, m.seed); err != nil {
			return err
		}
	}
	m.report("read", fetches, func(first, next int64) string { return fmt.Sprintf("%d %d", first, next) })
	// A commit that a rebalance overtook is not claimed; the next owner then reads those records again.
	if m.client.CommitRecords(context.Background(), records...) == nil {
		m.report("commit", fetches, func(_, next int64) string { return fmt.Sprint(next) })
	}
	return nil
}

func (m *member) report(event string, fetches kgo.Fetches, describe func(first, next int64) string) {
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if n := len(p.Records); n > 0 {
			offsets := describe(p.Records[0].Offset, p.Records[n-1].Offset+1)
			fmt.Printf("%s %s %d %s\n", m.name, event, p.Partition, offsets)
		}
	})
}

func compare(r *kgo.Record, seed uint32) error {
	index := r.Offset*partitions + int64(r.Partition)
	expected := makeRecord(seed, index)
	field := ""
	switch {
	case !same(r.Key, expected.key):
		field = "key"
	case !same(r.Value, expected.value):
		field = "value"
	case !sameHeaders(r.Headers, expected.headers):
		field = "headers"
	case r.Timestamp.UnixMilli() != expected.timestamp || r.Attrs.TimestampType() != 0:
		field = "timestamp"
	default:
		return nil
	}
	return fmt.Errorf("mismatch: record %d, %s", index, field)
}

func same(got, expected []byte) bool {
	return (got == nil) == (expected == nil) && bytes.Equal(got, expected)
}

func sameHeaders(got []kgo.RecordHeader, expected []header) bool {
	if len(got) != len(expected) {
		return false
	}
	for i, h := range expected {
		if got[i].Key != h.name || !same(got[i].Value, h.value) {
			return false
		}
	}
	return true
}

func (m *member) printEnds(group string) error {
	ctx := context.Background()
	admin := kadm.NewClient(m.client)
	committed, err := admin.FetchOffsets(ctx, group)
	if err != nil {
		return err
	}
	ends, err := admin.ListEndOffsets(ctx, m.topic)
	if err != nil {
		return err
	}
	for partition := range int32(partitions) {
		offset, _ := committed.Lookup(m.topic, partition)
		end, _ := ends.Lookup(m.topic, partition)
		fmt.Printf("%s end %d %d %d\n", m.name, partition, offset.At, end.Offset)
	}
	return nil
}
