// Drives kafkajs through the contract of tests/clients/README.md.
'use strict'

const { Kafka, logLevel } = require('kafkajs')
const kafkajs = require('kafkajs/package.json')
const { registerCodecs } = require('./codecs')
const { Member } = require('./consume')
const { produce } = require('./produce')

const USAGE =
  'usage: driver version | produce BOOTSTRAP TOPIC FIRST COUNT CODEC SEED | consume BOOTSTRAP TOPIC GROUP SEED NAME'

async function main([verb, bootstrap, topic, ...rest]) {
  if (verb === 'version') return console.log(kafkajs.version)
  await registerCodecs()
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.ERROR })
  if (verb === 'produce' && rest.length === 4) {
    const [first, count, codec, seed] = rest
    return produce(kafka, topic, Number(first), Number(count), codec, Number(seed))
  }
  if (verb === 'consume' && rest.length === 3) {
    const [group, seed, name] = rest
    return new Member(kafka, topic, group, Number(seed), name).run()
  }
  throw new Error(USAGE)
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error) => {
    console.error(String(error))
    process.exit(1)
  },
)
