package main

import "encoding/binary"

// The records that every client produces and expects, as tests/clients/README.md defines them.

const (
	partitions = 4

	poolSize   = 128 * 1024
	largeValue = 100_000
	epochMs    = 1_700_000_000_000
	dayMs      = 86_400_000
)

var (
	headerNames = [...]string{"id", "größe", "trace", ""}
	pool        = newPool()
)

type header struct {
	name  string
	value []byte
}

// A nil slice is a null field, which is not the same as an empty one.
type record struct {
	timestamp int64
	key       []byte
	value     []byte
	headers   []header
}

// random is splitmix64.
type random uint64

func (r *random) next() uint64 {
	*r += 0x9E3779B97F4A7C15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

func (r *random) below(bound int) int { return int(r.next() % uint64(bound)) }

func (r *random) take(size int) []byte {
	start := r.below(poolSize - size + 1)
	return pool[start : start+size : start+size]
}

func (r *random) takeUpTo(maxSize int) []byte { return r.take(r.below(maxSize + 1)) }

func newPool() []byte {
	bytes := make([]byte, 0, poolSize)
	var r random
	for word := range poolSize / 8 {
		bits := r.next()
		if word/8%2 == 0 {
			bits &= 0x0F0F0F0F0F0F0F0F
		}
		bytes = binary.LittleEndian.AppendUint64(bytes, bits)
	}
	return bytes
}

func makeRecord(seed uint32, index int64) record {
	r := random(uint64(seed)<<32 | uint64(index))
	allKinds := seed%2 == 1
	made := record{timestamp: epochMs + int64(r.below(dayMs))}
	if r.below(8) != 0 {
		made.key = r.takeUpTo(32)
	}
	if index%5000 == 2500 {
		made.value = r.take(largeValue)
	} else if (made.key == nil && !allKinds) || r.below(16) != 0 {
		made.value = r.takeUpTo(2048)
	}
	name := 0
	for range r.below(4) {
		name += r.below(2)
		h := header{name: headerNames[name]}
		if !allKinds || r.below(8) != 0 {
			h.value = r.takeUpTo(64)
		}
		made.headers = append(made.headers, h)
	}
	return made
}
