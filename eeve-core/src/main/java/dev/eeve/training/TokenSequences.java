package dev.eeve.training;

import com.fasterxml.jackson.databind.JsonNode;
import dev.eeve.internal.DocumentLines;
import dev.eeve.internal.StrictJson;
import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.OptionalInt;

/** Collects the sequences of a {@link TokenDataset}. */
final class TokenSequences {
  private static final int MAX_TOKENS = Integer.MAX_VALUE - 64;

  private int[] ids = new int[1 << 12];
  private int[] labels = {};
  private int[] starts = new int[1 << 8];
  private float[] weights = new float[1 << 8];
  private int tokens;
  private int sequences;

  void addTexts(
      DataSource source, Tokenizer tokenizer, OptionalInt eos, int vocabSize, int sequenceLen)
      throws IOException {
    DocumentLines.forEachText(
        source.path(),
        (text, place) -> {
          int[] encoded = tokenizer.encode(text);
          int length = encoded.length;
          int[] document = Arrays.copyOf(encoded, length + (eos.isPresent() ? 1 : 0));
          eos.ifPresent(id -> document[length] = id);
          checkIds(document, vocabSize, place);
          for (int from = 0; from < document.length; from += sequenceLen) {
            int[] chunk =
                Arrays.copyOfRange(document, from, Math.min(document.length, from + sequenceLen));
            if (chunk.length > 1) {
              add(chunk, chunk, source.weight(), place);
            }
          }
        });
  }

  void addTokens(DataSource source, int vocabSize, int sequenceLen) throws IOException {
    DocumentLines.forEachLine(
        source.path(),
        (line, place) -> {
          JsonNode root = StrictJson.parse(place, line.getBytes(StandardCharsets.UTF_8));
          int[] sequence = ints(root.path("input_ids"), "input_ids", place);
          if (sequence.length > sequenceLen) {
            throw new IOException(
                "%s: %d tokens, sequence_len is %d; cut the line or raise sequence_len"
                    .formatted(place, sequence.length, sequenceLen));
          }
          checkIds(sequence, vocabSize, place);
          int[] wanted = sequence;
          if (root.has("labels")) {
            wanted = ints(root.get("labels"), "labels", place);
            if (wanted.length != sequence.length) {
              throw new IOException(
                  "%s: %d labels, needed one for each of %d input_ids"
                      .formatted(place, wanted.length, sequence.length));
            }
            checkLabels(wanted, vocabSize, place);
          }
          add(sequence, wanted, source.weight(), place);
        });
  }

  private static int[] ints(JsonNode array, String key, String place) throws IOException {
    if (!array.isArray()) {
      throw new IOException(place + ": no array \"" + key + "\", needed {\"input_ids\": [1, 2]}");
    }
    int[] values = new int[array.size()];
    for (int i = 0; i < values.length; i++) {
      if (!array.get(i).isInt()) {
        throw new IOException(place + ": " + key + ": " + array.get(i) + ", needed a token id");
      }
      values[i] = array.get(i).intValue();
    }
    return values;
  }

  private static void checkIds(int[] sequence, int vocabSize, String place) throws IOException {
    for (int id : sequence) {
      if (id < 0 || id >= vocabSize) {
        throw new IOException(
            place + ": token " + id + ", needed 0 to " + (vocabSize - 1) + ", inside vocab_size");
      }
    }
  }

  private static void checkLabels(int[] labels, int vocabSize, String place) throws IOException {
    for (int label : labels) {
      if (label != TokenDataset.IGNORED && (label < 0 || label >= vocabSize)) {
        throw new IOException(
            place + ": label " + label + ", needed -100 or 0 to " + (vocabSize - 1));
      }
    }
  }

  /** Adds a sequence; the same array twice where every token is its own label. */
  void add(int[] sequence, int[] wanted, double weight, String place) {
    int count = sequence.length;
    if (count < 2) {
      throw new IllegalArgumentException(
          place + ": " + count + " tokens, needed at least 2 for one to predict the other");
    }
    if (count > MAX_TOKENS - tokens) {
      throw new IllegalArgumentException(
          place + ": more than " + MAX_TOKENS + " tokens in all; train on parts of the data");
    }
    if (wanted != sequence && labels.length == 0) {
      labels = ids.clone();
    }
    ids = grown(ids, tokens + count);
    System.arraycopy(sequence, 0, ids, tokens, count);
    if (labels.length > 0) {
      labels = grown(labels, tokens + count);
      System.arraycopy(wanted, 0, labels, tokens, count);
    }
    if (sequences + 1 == starts.length) {
      starts = grown(starts, starts.length + 1);
      weights = Arrays.copyOf(weights, starts.length);
    }
    tokens += count;
    weights[sequences++] = (float) weight;
    starts[sequences] = tokens;
  }

  private static int[] grown(int[] values, int needed) {
    if (values.length >= needed) {
      return values;
    }
    return Arrays.copyOf(values, (int) Math.min(MAX_TOKENS, Math.max(needed, values.length * 2L)));
  }

  TokenDataset dataset(String name) {
    if (sequences == 0) {
      throw new IllegalArgumentException(name + ": no sequence of two tokens, needed at least one");
    }
    return new TokenDataset(
        Arrays.copyOf(ids, tokens),
        labels.length == 0 ? labels : Arrays.copyOf(labels, tokens),
        Arrays.copyOf(starts, sequences + 1),
        Arrays.copyOf(weights, sequences));
  }
}
