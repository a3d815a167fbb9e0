package dev.eeve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.util.RawValue;
import com.sun.management.ThreadMXBean;
import dev.eeve.internal.StrictJson;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** Makes broken JSON files out of a good one, the same ones for the same seed. */
public final class Mutator {
  private static final Pattern NUMBER = Pattern.compile("-?\\d+(\\.\\d+)?(e-?\\d+)?");

  private static final String[] NUMBERS = {
    "-1",
    "0",
    "1",
    "2",
    "3",
    "255",
    "65536",
    "2147483647",
    "2147483648",
    "4294967296",
    "4611686018427387904",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e999",
    "1.5",
    "-0",
    "00",
    "NaN",
    "null",
    "9".repeat(70)
  };

  private static final String[] TOKENS = {
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "null",
    "true",
    "{}",
    "[]",
    "\"\"",
    "\"..\"",
    "\"dtype\"",
    "\"__metadata__\"",
    "\0",
    "\u00ff",
    "한",
    "[[[[[[[[[[",
    "/*"
  };

  private static final String[] WORDS = {
    "",
    "F32",
    "I64",
    "F8_E5M2",
    "dtype",
    "shape",
    "data_offsets",
    "__metadata__",
    "../x",
    "/x",
    "weight_map",
    "model_type",
    "n_embd",
    "hidden_size",
    "rope_parameters",
    "default",
    "\0",
    "한"
  };

  private final Random random;

  /**
   * A sequence of mutations.
   *
   * @param seed decides all of them
   */
  public Mutator(long seed) {
    random = new Random(seed);
  }

  /**
   * One broken version, sometimes still a good one.
   *
   * @param json a good document
   * @return bytes that need not be JSON any more
   */
  public byte[] mutate(byte[] json) {
    byte[] out = json;
    for (int rounds = 1 + random.nextInt(3); rounds > 0; rounds--) {
      out =
          switch (random.nextInt(7)) {
            case 0 -> flip(out);
            case 1 -> Arrays.copyOf(out, random.nextInt(out.length + 1));
            case 2 -> splice(out, random.nextInt(out.length + 1), 0, pick(TOKENS));
            case 3 -> cutOut(out);
            case 4 -> replaceNumber(out);
            default -> restructure(out);
          };
    }
    return out;
  }

  /**
   * A random number below a bound.
   *
   * @param bound exclusive
   * @return 0 or more
   */
  public int nextInt(int bound) {
    return random.nextInt(bound);
  }

  private String pick(String[] choices) {
    return choices[random.nextInt(choices.length)];
  }

  private byte[] flip(byte[] in) {
    byte[] out = in.clone();
    for (int flips = random.nextInt(4); flips >= 0 && out.length > 0; flips--) {
      out[random.nextInt(out.length)] ^= (byte) (1 << random.nextInt(8));
    }
    return out;
  }

  private byte[] cutOut(byte[] in) {
    int at = random.nextInt(in.length + 1);
    return splice(in, at, Math.min(random.nextInt(20), in.length - at), "");
  }

  private static byte[] splice(byte[] in, int at, int removed, String inserted) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(in, 0, at);
    out.writeBytes(inserted.getBytes(StandardCharsets.UTF_8));
    out.write(in, at + removed, in.length - at - removed);
    return out.toByteArray();
  }

  private byte[] replaceNumber(byte[] in) {
    String text = new String(in, StandardCharsets.ISO_8859_1);
    List<MatchResult> numbers = NUMBER.matcher(text).results().toList();
    if (numbers.isEmpty()) {
      return in;
    }
    MatchResult number = numbers.get(random.nextInt(numbers.size()));
    return splice(in, number.start(), number.end() - number.start(), pick(NUMBERS));
  }

  /** Changes one place of the tree: the result is JSON again. */
  private byte[] restructure(byte[] in) {
    try {
      JsonNode root = StrictJson.parse("", in);
      List<JsonNode> containers = new ArrayList<>();
      collect(root, containers);
      if (containers.isEmpty()) {
        return in;
      }
      JsonNode container = containers.get(random.nextInt(containers.size()));
      JsonNode donor = containers.get(random.nextInt(containers.size())).deepCopy();
      if (container instanceof ObjectNode object) {
        change(object, donor);
      } else {
        change((ArrayNode) container, donor);
      }
      return StrictJson.MAPPER.writeValueAsBytes(root);
    } catch (IOException e) { // an earlier round has broken it
      return in;
    }
  }

  private static void collect(JsonNode node, List<JsonNode> containers) {
    if (node.isContainerNode()) {
      containers.add(node);
      node.forEach(child -> collect(child, containers));
    }
  }

  private void change(ObjectNode object, JsonNode donor) {
    List<Map.Entry<String, JsonNode>> entries = new ArrayList<>(object.properties());
    if (entries.isEmpty()) {
      object.set(pick(WORDS), donor);
      return;
    }
    Map.Entry<String, JsonNode> entry = entries.get(random.nextInt(entries.size()));
    switch (random.nextInt(6)) {
      case 0 -> object.remove(entry.getKey());
      case 1 -> object.set(entry.getKey(), donor);
      case 2 -> object.put(entry.getKey(), pick(WORDS));
      case 3 -> object.putRawValue(entry.getKey(), new RawValue(pick(NUMBERS)));
      case 4 -> {
        object.remove(entry.getKey());
        object.set(pick(WORDS), entry.getValue());
      }
      default -> object.set(entries.get(random.nextInt(entries.size())).getKey(), entry.getValue());
    }
  }

  private void change(ArrayNode array, JsonNode donor) {
    int at = array.isEmpty() ? 0 : random.nextInt(array.size());
    switch (random.nextInt(4)) {
      case 0 -> array.remove(at);
      case 1 -> array.insert(at, donor);
      case 2 -> array.insert(at, random.nextInt(10));
      default -> array.insert(at, pick(WORDS));
    }
  }

  /**
   * What the calling thread has allocated so far.
   *
   * @return in bytes
   */
  public static long allocatedBytes() {
    return ((ThreadMXBean) ManagementFactory.getThreadMXBean()).getCurrentThreadAllocatedBytes();
  }
}
