package clients;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** A member of a group that compares what it reads, commits it, and leaves when its input ends. */
final class Member implements AutoCloseable, ConsumerRebalanceListener {
  private static final Duration POLL = Duration.ofMillis(100);

  private final String topic;
  private final int seed;
  private final String name;
  private final KafkaConsumer<byte[], byte[]> consumer;
  private volatile boolean toldToLeave;

  Member(String bootstrap, String topic, String group, int seed, String name) {
    this.topic = topic;
    this.seed = seed;
    this.name = name;
    Map<String, Object> config =
        Map.of(
            "bootstrap.servers",
            bootstrap,
            "group.id",
            group,
            "client.id",
            name,
            "auto.offset.reset",
            "earliest",
            "enable.auto.commit",
            false,
            "session.timeout.ms",
            10_000,
            "heartbeat.interval.ms",
            500);
    var bytes = new ByteArrayDeserializer();
    consumer = new KafkaConsumer<>(config, bytes, bytes);
  }

  void run() {
    var input = new Thread(this::awaitEndOfInput);
    input.setDaemon(true);
    input.start();
    consumer.subscribe(List.of(topic), this);
    while (!toldToLeave) {
      ConsumerRecords<byte[], byte[]> records = consumer.poll(POLL);
      if (!records.isEmpty()) {
        read(records);
        commit(records.nextOffsets());
      }
    }
    printEnds();
  }

  private void awaitEndOfInput() {
    try {
      System.in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      toldToLeave = true;
    }
  }

  private void read(ConsumerRecords<byte[], byte[]> records) {
    for (TopicPartition partition : records.partitions()) {
      var batch = records.records(partition);
      batch.forEach(this::compare);
      long next = batch.get(batch.size() - 1).offset() + 1;
      print("read", partition, batch.get(0).offset() + " " + next);
    }
  }

  private void compare(ConsumerRecord<byte[], byte[]> got) {
    int index = (int) got.offset() * Records.PARTITIONS + got.partition();
    Records.Made expected = Records.make(seed, index);
    String field;
    if (!Arrays.equals(got.key(), expected.key())) {
      field = "key";
    } else if (!Arrays.equals(got.value(), expected.value())) {
      field = "value";
    } else if (!Arrays.asList(got.headers().toArray()).equals(expected.headers())) {
      field = "headers";
    } else if (got.timestamp() != expected.timestamp()
        || got.timestampType() != TimestampType.CREATE_TIME) {
      field = "timestamp";
    } else {
      return;
    }
    throw new IllegalStateException("mismatch: record " + index + ", " + field);
  }

  private void commit(Map<TopicPartition, OffsetAndMetadata> offsets) {
    try {
      consumer.commitSync(offsets);
    } catch (CommitFailedException | RebalanceInProgressException e) {
      return; // a rebalance overtook it, so it is not claimed; the next owner reads those records
              // again
    }
    offsets.forEach((partition, next) -> print("commit", partition, Long.toString(next.offset())));
  }

  private void printEnds() {
    var partitions =
        IntStream.range(0, Records.PARTITIONS).mapToObj(p -> new TopicPartition(topic, p)).toList();
    var committed = consumer.committed(new LinkedHashSet<>(partitions));
    var ends = consumer.endOffsets(partitions);
    for (TopicPartition partition : partitions) {
      var offset = committed.get(partition);
      print("end", partition, (offset == null ? -1 : offset.offset()) + " " + ends.get(partition));
    }
  }

  @Override
  public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
    partitions.forEach(partition -> print("assign", partition, ""));
  }

  @Override
  public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
    partitions.forEach(partition -> print("revoke", partition, ""));
  }

  private void print(String event, TopicPartition partition, String offsets) {
    // one write, since the members of a group share a pipe
    System.out.println(
        String.join(" ", name, event, Integer.toString(partition.partition()), offsets));
  }

  @Override
  public void close() {
    consumer.close();
  }
}
