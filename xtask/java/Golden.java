import java.lang.reflect.Field;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;

import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.message.ConsumerProtocolAssignment;
import org.apache.kafka.common.message.ConsumerProtocolSubscription;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.record.internal.MemoryRecords;

/**
 * Prints what Kafka's own classes make of filled messages: a line per message, version and filling,
 * as `name version hex`.
 *
 * The values follow from a counter, so that no two fields of a message have the same.
 */
public final class Golden {
    /** How a message is filled. */
    enum Filling {
        /** Every field has a value of its own, tagged ones too; arrays have two elements. */
        FULL,
        /** What can be null is null, arrays are empty, tagged fields are absent. */
        SPARSE
    }

    private final Filling filling;
    private int counter = 0;

    private Golden(Filling filling) {
        this.filling = filling;
    }

    public static void main(String[] arguments) throws Exception {
        for (ApiMessageType api : ApiMessageType.values()) {
            if (api.listeners().contains(ApiMessageType.ListenerType.BROKER)) {
                write(api.newRequest().getClass(), api.requestSchemas());
                write(api.newResponse().getClass(), api.responseSchemas());
            }
        }
        write(RequestHeaderData.class, RequestHeaderData.SCHEMAS);
        write(ResponseHeaderData.class, ResponseHeaderData.SCHEMAS);
        write(ConsumerProtocolSubscription.class, ConsumerProtocolSubscription.SCHEMAS);
        write(ConsumerProtocolAssignment.class, ConsumerProtocolAssignment.SCHEMAS);
    }

    private static void write(Class<?> type, Schema[] schemas) throws Exception {
        String name = type.getSimpleName().replaceAll("Data$", "");
        for (short version = 0; version < schemas.length; version++) {
            if (schemas[version] == null) {
                continue;
            }
            for (Filling filling : Filling.values()) {
                Message message = (Message) type.getDeclaredConstructor().newInstance();
                new Golden(filling).fill(message, schemas[version]);
                System.out.println(name + " " + version + " " + hex(message, version));
            }
        }
    }

    private static String hex(Message message, short version) {
        ByteBuffer buffer = MessageUtil.toByteBufferAccessor(message, version).buffer();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    /** Sets the fields that the schema of a version has; the others keep their defaults. */
    private void fill(Object struct, Schema schema) throws Exception {
        for (BoundField bound : schema.fields()) {
            if (bound.def.type instanceof TaggedFields tagged) {
                fillTagged(struct, tagged);
            } else {
                set(struct, bound.def.name, bound.def.type);
            }
        }
    }

    private void fillTagged(Object struct, TaggedFields tagged) throws Exception {
        if (filling == Filling.SPARSE) {
            return;
        }
        Field fields = TaggedFields.class.getDeclaredField("fields");
        fields.setAccessible(true);
        for (Object field : ((Map<?, ?>) fields.get(tagged)).values()) {
            var known = (org.apache.kafka.common.protocol.types.Field) field;
            set(struct, known.name, known.type);
        }
    }

    private void set(Object struct, String name, org.apache.kafka.common.protocol.types.Type type)
            throws Exception {
        Field field = field(struct.getClass(), name);
        field.setAccessible(true);
        boolean isNull = filling == Filling.SPARSE && type.isNullable();
        field.set(struct, isNull ? null : value(field.getType(), field.getGenericType(), type));
    }

    /** The schema says `topic_id` where the class says `topicId`. */
    private static Field field(Class<?> type, String name) {
        for (Field field : type.getDeclaredFields()) {
            if (field.getName().toLowerCase(Locale.ROOT).equals(name.replace("_", ""))) {
                return field;
            }
        }
        throw new IllegalStateException(type + " has no field " + name);
    }

    private Object value(
            Class<?> type, Type generic, org.apache.kafka.common.protocol.types.Type schema)
            throws Exception {
        if (Collection.class.isAssignableFrom(type)) {
            return collection(type, generic, schema.arrayElementType().orElseThrow());
        }
        if (Message.class.isAssignableFrom(type)) {
            Object struct = type.getDeclaredConstructor().newInstance();
            fill(struct, (Schema) schema);
            return struct;
        }
        return leaf(type);
    }

    private Object collection(
            Class<?> type, Type generic, org.apache.kafka.common.protocol.types.Type schema)
            throws Exception {
        boolean isList = type == List.class;
        @SuppressWarnings("unchecked")
        Collection<Object> elements = isList
                ? new ArrayList<>()
                : (Collection<Object>) type.getDeclaredConstructor().newInstance();
        Type parent = isList ? generic : type.getGenericSuperclass();
        Class<?> element = (Class<?>) ((ParameterizedType) parent).getActualTypeArguments()[0];
        for (int count = filling == Filling.FULL ? 2 : 0; count > 0; count--) {
            elements.add(value(element, element, schema));
        }
        return elements;
    }

    private Object leaf(Class<?> type) {
        int next = ++counter;
        if (type == boolean.class) {
            return filling == Filling.FULL;
        } else if (type == byte.class || type == Byte.class) {
            return (byte) next;
        } else if (type == short.class || type == Short.class) {
            return (short) (0x100 + next);
        } else if (type == int.class || type == Integer.class) {
            return 0x1000 + next;
        } else if (type == long.class || type == Long.class) {
            return 0x1000_0000_0000L + next;
        } else if (type == double.class) {
            return next + 0.5;
        } else if (type == String.class) {
            return "s" + next;
        } else if (type == Uuid.class) {
            return new Uuid(0x1000_0000_0000L + next, next);
        } else if (type == byte[].class) {
            return new byte[] {(byte) next, 1, 2};
        } else if (type == ByteBuffer.class) {
            return ByteBuffer.wrap(new byte[] {(byte) next, 1, 2, 3});
        }
        return MemoryRecords.readableRecords(ByteBuffer.wrap(new byte[] {(byte) next, 1, 2, 3, 4}));
    }
}
