package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	maxPoll     = 1000
	pollTimeout = 200 * time.Millisecond
)

type member struct {
	name   string
	topic  string
	seed   uint32
	client *kgo.Client
	// uncommitted has the last record read of each partition, as long as it is owned and not committed
	uncommitted map[int32]*kgo.Record
}

func consume(bootstrap, topic, group string, seed uint32, name string) error {
	m := member{name: name, topic: topic, seed: seed, uncommitted: map[int32]*kgo.Record{}}
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
		kgo.OnPartitionsAssigned(m.onAssigned),
		kgo.OnPartitionsRevoked(m.onRevoked),
		kgo.OnPartitionsLost(m.onRevoked),
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

func (m *member) onAssigned(_ context.Context, _ *kgo.Client, assigned map[string][]int32) {
	for _, partition := range assigned[m.topic] {
		fmt.Printf("%s assign %d\n", m.name, partition)
	}
}

func (m *member) onRevoked(_ context.Context, _ *kgo.Client, revoked map[string][]int32) {
	for _, partition := range revoked[m.topic] {
		fmt.Printf("%s revoke %d\n", m.name, partition)
		delete(m.uncommitted, partition)
	}
}

// poll reads, compares and commits once; no rebalance comes in between.
func (m *member) poll(polling context.Context) error {
	ctx, cancel := context.WithTimeout(polling, pollTimeout)
	defer cancel()
	fetches := m.client.PollRecords(ctx, maxPoll)
	defer m.client.AllowRebalance()
	if err := fetches.Err(); err != nil && ctx.Err() == nil {
		return err
	}
	for _, r := range fetches.Records() {
		if err := compare(r, m.seed); err != nil {
			return err
		}
	}
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if n := len(p.Records); n > 0 {
			first, last := p.Records[0], p.Records[n-1]
			fmt.Printf("%s read %d %d %d\n", m.name, p.Partition, first.Offset, last.Offset+1)
			m.uncommitted[p.Partition] = last
		}
	})
	m.commit()
	return nil
}

// commit claims nothing when a rebalance overtakes it: what stays owned is tried again with the next poll,
// and the next owner of what does not reads those records again.
func (m *member) commit() {
	records := slices.Collect(maps.Values(m.uncommitted))
	if len(records) == 0 || m.client.CommitRecords(context.Background(), records...) != nil {
		return
	}
	for _, r := range records {
		fmt.Printf("%s commit %d %d\n", m.name, r.Partition, r.Offset+1)
	}
	clear(m.uncommitted)
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
