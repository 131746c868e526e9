import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;

/**
 * Writes sample batches with the code of the Java client, and reads those of this crate with it.
 * The sample records are defined a second time in ../../tests/sample/mod.rs.
 */
public class Batches {
    static final int RECORDS = 300;
    static final long EPOCH = 1_700_000_000_000L;

    public static void main(String[] args) throws IOException {
        switch (args[0]) {
            case "write" -> write(Path.of(args[1]));
            case "read" -> read(ByteBuffer.wrap(System.in.readAllBytes()));
            default -> throw new IllegalArgumentException("write DIRECTORY, or read < BATCHES");
        }
    }

    static void write(Path to) throws IOException {
        Compression[] codecs = {
            Compression.NONE, Compression.gzip().build(), Compression.snappy().build(),
            Compression.lz4().build(), Compression.zstd().build(),
        };
        for (Compression codec : codecs) {
            MemoryRecordsBuilder builder = builder(codec, TimestampType.CREATE_TIME, -1);
            for (int i = 0; i < RECORDS; i++) {
                builder.append(timestamp(i), key(i), value(i), headers(i));
            }
            save(to, codec.type().name, builder.build());
        }
        // More than one block of LZ4 and Snappy, and blocks that LZ4 stores as they are.
        for (Compression codec : new Compression[] {codecs[2], codecs[3]}) {
            MemoryRecordsBuilder builder = builder(codec, TimestampType.CREATE_TIME, -1);
            builder.append(EPOCH, null, noise(80_000));
            save(to, codec.type().name + "-noise", builder.build());
        }
        MemoryRecordsBuilder appended = builder(Compression.NONE, TimestampType.LOG_APPEND_TIME, EPOCH + 5);
        appended.append(timestamp(1), key(1), value(1), headers(1));
        save(to, "log-append-time", appended.build());

        save(to, "commit", MemoryRecords.withEndTransactionMarker(
            42, EPOCH, 3, 1_000, (short) 2, new EndTransactionMarker(ControlRecordType.COMMIT, 9)));

        ByteBuffer empty = ByteBuffer.allocate(61);
        org.apache.kafka.common.record.internal.DefaultRecordBatch.writeEmptyHeader(empty, (byte) 2,
            1_000, (short) 2, 10, 100, 104, 3, TimestampType.CREATE_TIME, EPOCH, false, false);
        empty.flip();
        Files.write(to.resolve("empty.batch"), empty.array());
    }

    static MemoryRecordsBuilder builder(Compression codec, TimestampType type, long appendTime) {
        return MemoryRecords.builder(ByteBuffer.allocate(1 << 16), RecordBatch.MAGIC_VALUE_V2, codec,
            type, 0, appendTime, 1_000, (short) 2, 10, false, 3);
    }

    static void save(Path to, String name, MemoryRecords records) throws IOException {
        byte[] bytes = new byte[records.sizeInBytes()];
        records.buffer().duplicate().get(bytes);
        Files.write(to.resolve(name + ".batch"), bytes);
    }

    /** Each batch on standard input holds the sample records, but for the last, which holds noise. */
    static void read(ByteBuffer bytes) {
        Iterator<MutableRecordBatch> batches = MemoryRecords.readableRecords(bytes).batchIterator();
        while (batches.hasNext()) {
            MutableRecordBatch batch = batches.next();
            batch.ensureValid();
            int i = 0;
            for (Record record : batch) {
                boolean noise = batch.countOrNull() == 1;
                check(record.offset() == batch.baseOffset() + i, "offset", i);
                check(record.timestamp() == (noise ? EPOCH : timestamp(i)), "timestamp", i);
                check(Arrays.equals(bytes(record.key()), noise ? null : key(i)), "key", i);
                check(Arrays.equals(bytes(record.value()), noise ? noise(80_000) : value(i)), "value", i);
                check(noise || Arrays.equals(record.headers(), headers(i)), "headers", i);
                i++;
            }
            check(i == batch.countOrNull(), "count", i);
            System.out.println(batch.compressionType() + ": " + i + " records agree, "
                + batch.sizeInBytes() + " bytes");
        }
    }

    static void check(boolean holds, String what, int record) {
        if (!holds) {
            throw new IllegalStateException(what + " of record " + record + " differs");
        }
    }

    static byte[] bytes(ByteBuffer buffer) {
        if (buffer == null) {
            return null;
        }
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return bytes;
    }

    static long timestamp(int i) {
        return EPOCH + 3L * i - 10L * (i % 5);
    }

    static byte[] key(int i) {
        return i % 7 == 0 ? null : utf8("key-" + i);
    }

    static byte[] value(int i) {
        return i % 11 == 0 ? null : utf8(("value " + i + " ").repeat(i % 40));
    }

    static Header[] headers(int i) {
        Header[] headers = {
            new RecordHeader("same", utf8("a" + i)), new RecordHeader("same", null),
        };
        return Arrays.copyOf(headers, i % 3);
    }

    static byte[] noise(int length) {
        byte[] noise = new byte[length];
        int state = 1;
        for (int i = 0; i < length; i++) {
            state = state * 1_664_525 + 1_013_904_223;
            noise[i] = (byte) (state >>> 24);
        }
        return noise;
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
