package clients;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/** The records that every client produces and expects, as tests/clients/README.md defines them. */
final class Records {
  static final int PARTITIONS = 4;

  private static final int POOL_SIZE = 128 * 1024;
  private static final int LARGE_VALUE = 100_000;
  private static final long EPOCH_MS = 1_700_000_000_000L;
  private static final int DAY_MS = 86_400_000;
  private static final String[] HEADER_NAMES = {"id", "größe", "trace", ""};
  private static final byte[] POOL = makePool();

  /** A null array is a null field, which is not the same as an empty one. */
  record Made(long timestamp, byte[] key, byte[] value, List<Header> headers) {}

  private Records() {}

  static Made make(int seed, int index) {
    var random = new Random((long) seed << 32 | index);
    boolean allKinds = seed % 2 == 1;
    long timestamp = EPOCH_MS + random.below(DAY_MS);
    byte[] key = random.below(8) == 0 ? null : random.takeUpTo(32);
    byte[] value = makeValue(random, index, allKinds || key != null);
    List<Header> headers = new ArrayList<>();
    int count = random.below(4);
    int name = 0;
    for (int i = 0; i < count; i++) {
      name += random.below(2);
      boolean isNull = allKinds && random.below(8) == 0;
      headers.add(new RecordHeader(HEADER_NAMES[name], isNull ? null : random.takeUpTo(64)));
    }
    return new Made(timestamp, key, value, headers);
  }

  private static byte[] makeValue(Random random, int index, boolean nullable) {
    if (index % 5000 == 2500) {
      return random.take(LARGE_VALUE);
    }
    return nullable && random.below(16) == 0 ? null : random.takeUpTo(2048);
  }

  private static byte[] makePool() {
    var pool = ByteBuffer.allocate(POOL_SIZE).order(ByteOrder.LITTLE_ENDIAN);
    var random = new Random(0);
    for (int word = 0; word < POOL_SIZE / 8; word++) {
      long mask = word / 8 % 2 == 0 ? 0x0F0F0F0F0F0F0F0FL : -1L;
      pool.putLong(random.next() & mask);
    }
    return pool.array();
  }

  /** The generator splitmix64. */
  private static final class Random {
    private long state;

    Random(long state) {
      this.state = state;
    }

    long next() {
      state += 0x9E3779B97F4A7C15L;
      long z = state;
      z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
      z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
      return z ^ z >>> 31;
    }

    int below(int bound) {
      return (int) Long.remainderUnsigned(next(), bound);
    }

    byte[] take(int size) {
      int start = below(POOL_SIZE - size + 1);
      return Arrays.copyOfRange(POOL, start, start + size);
    }

    byte[] takeUpTo(int maxSize) {
      return take(below(maxSize + 1));
    }
  }
}
