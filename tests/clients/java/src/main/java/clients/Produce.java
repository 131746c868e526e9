package clients;

import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Creates the topic unless it is there, and sends a range of records to it. */
final class Produce {
  private static final int MAX_IN_FLIGHT = 10_000;

  private record Sent(int index, Future<RecordMetadata> answer) {
    void check() throws ExecutionException, InterruptedException {
      long offset = answer.get().offset();
      if (offset != index / Records.PARTITIONS) {
        throw new IllegalStateException("record " + index + " got offset " + offset);
      }
    }
  }

  private Produce() {}

  static void run(String bootstrap, String topic, int first, int count, String codec, int seed)
      throws ExecutionException, InterruptedException {
    createTopic(bootstrap, topic);
    Map<String, Object> config = Map.of("bootstrap.servers", bootstrap, "compression.type", codec);
    var bytes = new ByteArraySerializer();
    try (var producer = new KafkaProducer<>(config, bytes, bytes)) {
      Queue<Sent> unchecked = new ArrayDeque<>();
      for (int index = first; index < first + count; index++) {
        unchecked.add(new Sent(index, producer.send(toKafka(topic, seed, index))));
        if (unchecked.size() > MAX_IN_FLIGHT) {
          unchecked.remove().check();
        }
      }
      producer.flush();
      for (Sent sent : unchecked) {
        sent.check();
      }
    }
  }

  private static ProducerRecord<byte[], byte[]> toKafka(String topic, int seed, int index) {
    Records.Made made = Records.make(seed, index);
    int partition = index % Records.PARTITIONS;
    return new ProducerRecord<>(
        topic, partition, made.timestamp(), made.key(), made.value(), made.headers());
  }

  private static void createTopic(String bootstrap, String topic)
      throws ExecutionException, InterruptedException {
    var wanted =
        new NewTopic(topic, Records.PARTITIONS, (short) 1).configs(Map.of("retention.ms", "-1"));
    try (var admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      admin.createTopics(List.of(wanted)).all().get();
    } catch (ExecutionException e) {
      if (!(e.getCause() instanceof TopicExistsException)) {
        throw e;
      }
    }
  }
}
