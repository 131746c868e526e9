'use strict'

const { CODECS } = require('./codecs')
const { PARTITIONS, makeRecord } = require('./records')

const BATCH = 1000

// Creates the topic unless it is there, and sends a range of records to it, a batch at a time.
async function produce(kafka, topic, first, count, codec, seed) {
  await createTopic(kafka, topic)
  const producer = kafka.producer({ allowAutoTopicCreation: false })
  await producer.connect()
  for (let start = first; start < first + count; start += BATCH) {
    const end = Math.min(start + BATCH, first + count)
    const messages = []
    for (let index = start; index < end; index++) messages.push(toKafka(seed, index))
    const answers = await producer.send({ topic, compression: CODECS[codec], messages })
    for (const { partition, baseOffset } of answers)
      checkOffset(partition, start, Number(baseOffset))
  }
  await producer.disconnect()
}

async function createTopic(kafka, topic) {
  const admin = kafka.admin()
  await admin.connect()
  const configEntries = [{ name: 'retention.ms', value: '-1' }]
  // answers false if the topic is there
  await admin.createTopics({
    topics: [{ topic, numPartitions: PARTITIONS, replicationFactor: 1, configEntries }],
  })
  await admin.disconnect()
}

function toKafka(seed, index) {
  const { timestamp, key, value, headers } = makeRecord(seed, index)
  return {
    partition: index % PARTITIONS,
    timestamp: String(timestamp),
    key,
    value,
    headers: groupByName(headers),
  }
}

function groupByName(headers) {
  const byName = {}
  for (const [name, value] of headers) (byName[name] ??= []).push(value)
  return byName
}

// The first record of the partition at or after `start` is the first of the batch.
function checkOffset(partition, start, baseOffset) {
  const skipped = (((partition - start) % PARTITIONS) + PARTITIONS) % PARTITIONS
  const index = start + skipped
  if (baseOffset !== Math.floor(index / PARTITIONS))
    throw new Error(`record ${index} got offset ${baseOffset}`)
}

module.exports = { produce }
