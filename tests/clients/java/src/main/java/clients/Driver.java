package clients;

import java.io.IOException;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;

/** Drives the Java client through the contract of tests/clients/README.md. */
public final class Driver {
  private static final String USAGE =
      "usage: driver version | produce BOOTSTRAP TOPIC FIRST COUNT CODEC SEED"
          + " | consume BOOTSTRAP TOPIC GROUP SEED NAME";

  private Driver() {}

  public static void main(String[] args) {
    try {
      run(args);
    } catch (Exception e) {
      e.printStackTrace();
      System.err.println(e); // the last line says why
      System.exit(1);
    }
  }

  private static void run(String[] args) throws Exception {
    switch (args.length == 0 ? "" : args[0] + "/" + (args.length - 1)) {
      case "version/0" -> printVersion();
      case "produce/6" -> {
        int first = Integer.parseInt(args[3]);
        int count = Integer.parseInt(args[4]);
        Produce.run(args[1], args[2], first, count, args[5], Integer.parseInt(args[6]));
      }
      case "consume/5" -> {
        try (var member =
            new Member(args[1], args[2], args[3], Integer.parseInt(args[4]), args[5])) {
          member.run();
        }
      }
      default -> throw new IllegalArgumentException(USAGE);
    }
  }

  private static void printVersion() throws IOException {
    var properties = new Properties();
    try (var resource =
        KafkaProducer.class.getResourceAsStream("/kafka/kafka-version.properties")) {
      properties.load(resource);
    }
    System.out.println(properties.getProperty("version"));
  }
}
