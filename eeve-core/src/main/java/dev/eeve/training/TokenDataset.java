package dev.eeve.training;

import static java.util.stream.Collectors.joining;

import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.zip.CRC32C;

/**
 * Token sequences to train on, in memory: four bytes a token, eight where any file gives labels.
 * Immutable.
 *
 * <p>A sequence is a document of its own: its positions start at 0, it attends to nothing outside
 * it and its last token predicts nothing. The label of a token says what the one before it should
 * have predicted; {@link #IGNORED} leaves it out of the loss.
 */
public final class TokenDataset {
  /** The label of a token that is not to be predicted. */
  public static final int IGNORED = -100;

  private final int[] ids;

  /** As long as {@link #ids}; empty where every token is its own label. */
  private final int[] labels;

  /** Where each sequence starts, and the end of the last. */
  private final int[] starts;

  /** Of each sequence. */
  private final float[] weights;

  TokenDataset(int[] ids, int[] labels, int[] starts, float[] weights) {
    this.ids = ids;
    this.labels = labels;
    this.starts = starts;
    this.weights = weights;
  }

  /**
   * Sequences that are in memory already, each used as it is.
   *
   * @param sequences token ids, at least two a sequence
   * @return the dataset
   */
  public static TokenDataset of(List<int[]> sequences) {
    TokenSequences all = new TokenSequences();
    sequences.forEach(sequence -> all.add(sequence, sequence, 1, "sequences"));
    return all.dataset("sequences");
  }

  /**
   * Reads files. A text document is tokenized whole, eos is appended, and it is cut into chunks of
   * sequence_len; a chunk of one token predicts nothing and is left out. A line of a tokens file is
   * one sequence, used as it is.
   *
   * @param sources the files, at least one
   * @param tokenizer for text
   * @param eos the token that ends a document; none is appended where the model has none
   * @param vocabSize ids are below it
   * @param sequenceLen tokens a sequence may have
   * @return all sequences, in file order
   * @throws IOException names the file, the line and what is wrong there
   */
  public static TokenDataset read(
      List<DataSource> sources,
      Optional<Tokenizer> tokenizer,
      OptionalInt eos,
      int vocabSize,
      int sequenceLen)
      throws IOException {
    return read("datasets", sources, tokenizer, eos, vocabSize, sequenceLen);
  }

  /** As above, of what another key names. */
  static TokenDataset read(
      String key,
      List<DataSource> sources,
      Optional<Tokenizer> tokenizer,
      OptionalInt eos,
      int vocabSize,
      int sequenceLen)
      throws IOException {
    TokenSequences all = new TokenSequences();
    for (DataSource source : sources) {
      switch (source.type()) {
        case TEXT -> {
          if (tokenizer.isEmpty()) {
            throw new IllegalArgumentException(
                key
                    + ": "
                    + source.path()
                    + ": text, but the model has no tokenizer.json; add one or use type: tokens");
          }
          all.addTexts(source, tokenizer.get(), eos, vocabSize, sequenceLen);
        }
        case TOKENS -> all.addTokens(source, vocabSize, sequenceLen);
      }
    }
    String files = sources.stream().map(one -> one.path().toString()).collect(joining(", "));
    return all.dataset(key + ": " + files);
  }

  /**
   * Sequences.
   *
   * @return their number, at least 1
   */
  public int size() {
    return weights.length;
  }

  /**
   * Tokens of all sequences.
   *
   * @return their number
   */
  public int tokens() {
    return ids.length;
  }

  /** Whether any token is to be predicted. */
  boolean hasTargets() {
    for (int sequence = 0; labels.length > 0 && sequence < size(); sequence++) {
      for (int i = starts[sequence] + 1; i < starts[sequence + 1]; i++) {
        if (labels[i] != IGNORED) {
          return true;
        }
      }
    }
    return labels.length == 0;
  }

  /**
   * Tokens of one sequence.
   *
   * @param sequence its index
   * @return at least 2
   */
  public int length(int sequence) {
    return starts[sequence + 1] - starts[sequence];
  }

  /**
   * One sequence's tokens.
   *
   * @param sequence its index
   * @return a copy
   */
  public int[] ids(int sequence) {
    return Arrays.copyOfRange(ids, starts[sequence], starts[sequence + 1]);
  }

  /**
   * One sequence's labels.
   *
   * @param sequence its index
   * @return a copy; {@link #IGNORED} where a token is not to be predicted
   */
  public int[] labels(int sequence) {
    int[] from = labels.length == 0 ? ids : labels;
    return Arrays.copyOfRange(from, starts[sequence], starts[sequence + 1]);
  }

  /**
   * How often an epoch sees a sequence, as its file's weight says.
   *
   * @param sequence its index
   * @return more than 0
   */
  public double weight(int sequence) {
    return weights[sequence];
  }

  /**
   * The share of a sequence's tokens that are in a set.
   *
   * @param sequence its index
   * @param tokens the set
   * @return 0 to 1
   */
  public double share(int sequence, RowSet tokens) {
    int found = 0;
    for (int i = starts[sequence]; i < starts[sequence + 1]; i++) {
      if (tokens.contains(ids[i])) {
        found++;
      }
    }
    return (double) found / length(sequence);
  }

  /** Writes a sequence's tokens and, for each, what should follow; nothing follows the last. */
  void copy(int sequence, int[] toIds, int[] toTargets, int at) {
    int count = length(sequence);
    int start = starts[sequence];
    System.arraycopy(ids, start, toIds, at, count);
    int[] from = labels.length == 0 ? ids : labels;
    System.arraycopy(from, start + 1, toTargets, at, count - 1);
    toTargets[at + count - 1] = IGNORED;
  }

  /** Bytes of tokens, labels, boundaries and weights. */
  long byteSize() {
    return 4L * ids.length + 4L * labels.length + 4L * starts.length + 4L * weights.length;
  }

  /** Changes with any token, label, boundary or weight. */
  long checksum() {
    CRC32C crc = new CRC32C();
    update(crc, ids);
    update(crc, labels);
    update(crc, starts);
    for (float weight : weights) {
      update(crc, new int[] {Float.floatToRawIntBits(weight)});
    }
    return crc.getValue();
  }

  private static void update(CRC32C crc, int[] values) {
    int step = 1 << 14;
    ByteBuffer bytes = ByteBuffer.allocate(4 * step).order(ByteOrder.LITTLE_ENDIAN);
    IntBuffer ints = bytes.asIntBuffer();
    for (int i = 0; i < values.length; i += step) {
      int count = Math.min(step, values.length - i);
      ints.put(0, values, i, count);
      crc.update(bytes.array(), 0, 4 * count);
    }
  }
}
