import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.sink.TransactionNamingStrategy;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * Writes the numbers below a count into the topic "first", and copies what is committed there into the topic
 * "second", both exactly once. It does not end: whoever started it looks at the topics.
 */
public final class FlinkJob {
    private final String address;
    private final TransactionNamingStrategy naming;
    private final StreamExecutionEnvironment environment;

    private FlinkJob(String address, TransactionNamingStrategy naming, Configuration settings) {
        this.address = address;
        this.naming = naming;
        environment = StreamExecutionEnvironment.getExecutionEnvironment(settings);
    }

    /** Arguments: an address, a count, how many a second, how transactions are named; then settings, NAME=VALUE. */
    public static void main(String[] arguments) throws Exception {
        Configuration settings = new Configuration();
        for (int index = 4; index < arguments.length; index++) {
            String[] setting = arguments[index].split("=", 2);
            settings.setString(setting[0], setting[1]);
        }
        var job = new FlinkJob(arguments[0], TransactionNamingStrategy.valueOf(arguments[3]), settings);
        job.copy(numbers(Long.parseLong(arguments[1]), Double.parseDouble(arguments[2])), "first");
        job.copy(job.committed("first"), "second");
        job.environment.execute();
    }

    private static Source<String, ?, ?> numbers(long count, double perSecond) {
        var rate = RateLimiterStrategy.perSecond(perSecond);
        return new DataGeneratorSource<>(number -> Long.toString(number), count, rate, Types.STRING);
    }

    private Source<String, ?, ?> committed(String topic) {
        return KafkaSource.<String>builder()
                .setBootstrapServers(address)
                .setTopics(topic)
                .setGroupId("flink")
                .setProperty("isolation.level", "read_committed")
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setValueOnlyDeserializer(new SimpleStringSchema())
                .build();
    }

    private void copy(Source<String, ?, ?> source, String topic) {
        var serializer = KafkaRecordSerializationSchema.<String>builder()
                .setTopic(topic)
                .setValueSerializationSchema(new SimpleStringSchema())
                .build();
        var sink = KafkaSink.<String>builder()
                .setBootstrapServers(address)
                .setRecordSerializer(serializer)
                .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
                .setTransactionalIdPrefix(topic)
                .setTransactionNamingStrategy(naming)
                .build();
        environment.fromSource(source, WatermarkStrategy.noWatermarks(), "to " + topic)
                .uid("source " + topic)
                .sinkTo(sink)
                .uid("sink " + topic);
    }
}
