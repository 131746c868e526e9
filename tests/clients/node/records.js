// The records that every client produces and expects, as tests/clients/README.md defines them.
'use strict'

const PARTITIONS = 4

const POOL_SIZE = 128 * 1024
const LARGE_VALUE = 100_000
const EPOCH_MS = 1_700_000_000_000
const DAY_MS = 86_400_000
const HEADER_NAMES = ['id', 'größe', 'trace', '']

// splitmix64
class Random {
  constructor(state) {
    this.state = state
  }

  next() {
    this.state = BigInt.asUintN(64, this.state + 0x9e3779b97f4a7c15n)
    let z = this.state
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n)
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn)
    return z ^ (z >> 31n)
  }

  below(bound) {
    return Number(this.next() % BigInt(bound))
  }

  take(size) {
    const start = this.below(POOL_SIZE - size + 1)
    return POOL.subarray(start, start + size)
  }

  takeUpTo(maxSize) {
    return this.take(this.below(maxSize + 1))
  }
}

function makePool() {
  const pool = Buffer.alloc(POOL_SIZE)
  const random = new Random(0n)
  for (let word = 0; word < POOL_SIZE / 8; word++) {
    const mask = Math.floor(word / 8) % 2 === 0 ? 0x0f0f0f0f0f0f0f0fn : 0xffffffffffffffffn
    pool.writeBigUInt64LE(random.next() & mask, word * 8)
  }
  return pool
}

const POOL = makePool()

function makeRecord(seed, index) {
  const random = new Random((BigInt(seed) << 32n) | BigInt(index))
  const allKinds = seed % 2 === 1
  const timestamp = EPOCH_MS + random.below(DAY_MS)
  const key = random.below(8) === 0 ? null : random.takeUpTo(32)
  const value = makeValue(random, index, allKinds || key !== null)
  const headers = []
  const count = random.below(4)
  let name = 0
  for (let i = 0; i < count; i++) {
    name += random.below(2)
    const isNull = allKinds && random.below(8) === 0
    headers.push([HEADER_NAMES[name], isNull ? null : random.takeUpTo(64)])
  }
  return { timestamp, key, value, headers }
}

function makeValue(random, index, nullable) {
  if (index % 5000 === 2500) return random.take(LARGE_VALUE)
  return nullable && random.below(16) === 0 ? null : random.takeUpTo(2048)
}

module.exports = { PARTITIONS, makeRecord }
