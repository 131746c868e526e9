'use strict'

const { PARTITIONS, makeRecord } = require('./records')

const CREATE_TIME = 0

// A member of a group that compares what it reads, commits it, and leaves when its input ends.
class Member {
  constructor(kafka, topic, group, seed, name) {
    Object.assign(this, { kafka, topic, group, seed, name, owned: new Set() })
    this.consumer = kafka.consumer({
      groupId: group,
      sessionTimeout: 10_000,
      heartbeatInterval: 500,
      maxWaitTimeInMs: 100,
      allowAutoTopicCreation: false,
    })
  }

  async run() {
    const { consumer, topic } = this
    const failed = new Promise((_, reject) =>
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error)),
    )
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) =>
      this.assign(payload.memberAssignment[topic] ?? []),
    )
    consumer.on(consumer.events.REBALANCING, () => this.revoke())
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({ autoCommit: false, eachBatch: (payload) => this.take(payload) })
    await Promise.race([endOfInput(), failed])
    await consumer.stop()
    this.revoke()
    await consumer.disconnect()
    await this.reportEnds()
  }

  assign(partitions) {
    this.revoke()
    for (const partition of partitions) {
      this.owned.add(partition)
      this.report('assign', partition)
    }
  }

  revoke() {
    for (const partition of this.owned) this.report('revoke', partition)
    this.owned.clear()
  }

  async take({ batch, isStale, heartbeat }) {
    const { partition, messages } = batch
    if (isStale() || !this.owned.has(partition)) return
    for (const message of messages) compare(this.seed, partition, message)
    const next = Number(messages.at(-1).offset) + 1
    this.report('read', partition, Number(messages[0].offset), next)
    await this.consumer.commitOffsets([{ topic: this.topic, partition, offset: String(next) }])
    // kafkajs answers a commit also while it gives its partitions up
    if (this.owned.has(partition)) this.report('commit', partition, next)
    await heartbeat()
  }

  async reportEnds() {
    const admin = this.kafka.admin()
    await admin.connect()
    const [committed] = await admin.fetchOffsets({ groupId: this.group, topics: [this.topic] })
    const ends = await admin.fetchTopicOffsets(this.topic)
    for (const { partition, offset } of committed.partitions) {
      const end = ends.find((candidate) => candidate.partition === partition)
      this.report('end', partition, Number(offset), Number(end.high))
    }
    await admin.disconnect()
  }

  report(event, partition, ...offsets) {
    console.log([this.name, event, partition, ...offsets].join(' '))
  }
}

function endOfInput() {
  return new Promise((resolve) => process.stdin.on('end', resolve).resume())
}

function compare(seed, partition, message) {
  const index = Number(message.offset) * PARTITIONS + partition
  const expected = makeRecord(seed, index)
  const fields = []
  if (!same(message.key, expected.key)) fields.push('key')
  if (!same(message.value, expected.value)) fields.push('value')
  if (!sameHeaders(flatten(message.headers), expected.headers)) fields.push('headers')
  const { timestampType } = message.batchContext
  if (Number(message.timestamp) !== expected.timestamp || timestampType !== CREATE_TIME)
    fields.push('timestamp')
  if (fields.length > 0) throw new Error(`mismatch: record ${index}, ${fields}`)
}

function same(got, expected) {
  return got === null || expected === null ? got === expected : got.equals(expected)
}

function flatten(headers) {
  return Object.entries(headers).flatMap(([name, values]) =>
    [values].flat().map((value) => [name, value]),
  )
}

function sameHeaders(got, expected) {
  return (
    got.length === expected.length &&
    got.every(([name, value], i) => name === expected[i][0] && same(value, expected[i][1]))
  )
}

module.exports = { Member }
