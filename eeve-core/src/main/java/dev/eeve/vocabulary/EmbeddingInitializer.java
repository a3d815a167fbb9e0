package dev.eeve.vocabulary;

import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.ModelFolder;
import dev.eeve.checkpoint.ModelFolderWriter;
import dev.eeve.checkpoint.ResolvedTensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/**
 * Rows of the wider embedding and head. A new token's input row is the mean of the rows of its
 * text's old tokens, summed in fp32 in their order, divided, and rounded once to the stored type;
 * its output row and bias are those of the first of them. Rows of no token keep what the old matrix
 * had there, or are the mean of all its rows. All other rows are copied, bit for bit.
 *
 * <p>Rows pass through in strips; memory does not grow with the model. Used by one thread.
 */
public final class EmbeddingInitializer {
  private static final int STRIP_BYTES = 1 << 22;

  private final int firstNewId;
  private final List<int[]> oldTokens;
  private final int rows;
  private final Optional<RandomRows> random;

  /**
   * A plan of rows.
   *
   * @param firstNewId where new ids start; rows before it are copied
   * @param oldTokens for each new id the old tokens of its text, at least one
   * @param rows rows of the wider matrices
   * @throws IllegalArgumentException if a token has no old ones, or there are too few rows
   */
  public EmbeddingInitializer(int firstNewId, List<int[]> oldTokens, int rows) {
    this(firstNewId, oldTokens, rows, Optional.empty());
  }

  /**
   * A plan of rows.
   *
   * @param firstNewId where new ids start; rows before it are copied
   * @param oldTokens for each new id the old tokens of its text, at least one
   * @param rows rows of the wider matrices
   * @param random new rows are these where given, whatever the rule
   * @throws IllegalArgumentException if a token has no old ones, or there are too few rows
   */
  public EmbeddingInitializer(
      int firstNewId, List<int[]> oldTokens, int rows, Optional<RandomRows> random) {
    if (rows < firstNewId + oldTokens.size()) {
      throw new IllegalArgumentException(
          "rows: " + rows + ", needed at least " + (firstNewId + oldTokens.size()));
    }
    for (int[] ids : oldTokens) {
      if (ids.length == 0) {
        throw new IllegalArgumentException("oldTokens: none for a new token, needed at least one");
      }
    }
    this.firstNewId = firstNewId;
    this.oldTokens = List.copyOf(oldTokens);
    this.rows = rows;
    this.random = random;
  }

  /** How a new row is made of the old tokens' rows. */
  public enum Rule {
    /** The mean of all, for the input embedding. */
    MEAN,
    /** The first one, for the head. */
    FIRST
  }

  /**
   * Random numbers instead of the rule: what sub-token initialization is compared with.
   *
   * @param deviation of a normal distribution about 0; biases of the head are 0
   * @param seed the same gives the same rows
   */
  public record RandomRows(double deviation, long seed) {
    private static final long STEP = 1_000_003;

    private float[] row(String tensor, int id, int columns) {
      float[] row = new float[columns];
      if (!tensor.endsWith("bias")) {
        SplittableRandom random = new SplittableRandom((seed * 31 + tensor.hashCode()) * STEP + id);
        for (int i = 0; i < columns; i++) {
          row[i] = (float) (random.nextGaussian() * deviation);
        }
      }
      return row;
    }
  }

  /**
   * Writes a matrix, or a bias, a row an id.
   *
   * @param base the old model
   * @param tensor the old matrix, of fewer rows or as many
   * @param rule how new rows are made
   * @param writer takes the wider one, under the tensor's name
   * @throws IOException as of reading and writing
   */
  public void write(ModelFolder base, ResolvedTensor tensor, Rule rule, ModelFolderWriter writer)
      throws IOException {
    new Source(base, tensor).write(rule, writer);
  }

  private final class Source {
    private final ModelFolder base;
    private final ResolvedTensor tensor;
    private final DType dtype;
    private final int columns;
    private final int rowBytes;
    private final ByteBuffer row;

    Source(ModelFolder base, ResolvedTensor tensor) {
      this.base = base;
      this.tensor = tensor;
      dtype = tensor.source().dtype();
      columns = Math.toIntExact(tensor.source().columns());
      rowBytes = columns * dtype.bytes();
      row = ByteBuffer.allocate(rowBytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    void write(Rule rule, ModelFolderWriter writer) throws IOException {
      copy(0, Math.min(firstNewId, (int) tensor.rows()), writer);
      int lastNewId = firstNewId + oldTokens.size();
      byte[] average = tensor.rows() < Math.max(rows, firstNewId) ? average() : null;
      for (int id = (int) tensor.rows(); id < firstNewId; id++) {
        put(average, writer);
      }
      for (int i = 0; i < oldTokens.size(); i++) {
        put(newRow(rule, i), writer);
      }
      if (lastNewId < tensor.rows()) {
        copy(lastNewId, (int) tensor.rows(), writer);
      }
      for (int id = Math.max(lastNewId, (int) tensor.rows()); id < rows; id++) {
        put(average, writer);
      }
    }

    private byte[] newRow(Rule rule, int index) throws IOException {
      int[] ids = oldTokens.get(index);
      if (random.isPresent()) {
        return rounded(random.get().row(tensor.name(), firstNewId + index, columns));
      }
      return rule == Rule.MEAN && ids.length > 1 ? mean(ids) : read(ids[0]);
    }

    private void copy(int from, int to, ModelFolderWriter writer) throws IOException {
      ExpandedFolder.copy(
          base,
          tensor.source(),
          tensor.byteOffset() + (long) from * rowBytes,
          (long) (to - from) * rowBytes,
          tensor.name(),
          writer);
    }

    private void put(byte[] bytes, ModelFolderWriter writer) throws IOException {
      writer.write(tensor.name(), MemorySegment.ofArray(bytes));
    }

    private byte[] read(int id) throws IOException {
      byte[] bytes = new byte[rowBytes];
      base.read(
          tensor.source(), tensor.byteOffset() + (long) id * rowBytes, ByteBuffer.wrap(bytes));
      return bytes;
    }

    private byte[] mean(int[] ids) throws IOException {
      float[] sum = new float[columns];
      for (int id : ids) {
        row.clear();
        base.read(tensor.source(), tensor.byteOffset() + (long) id * rowBytes, row);
        for (int i = 0; i < columns; i++) {
          sum[i] += get(row, i);
        }
      }
      for (int i = 0; i < columns; i++) {
        sum[i] /= ids.length;
      }
      return rounded(sum);
    }

    private byte[] rounded(float[] values) {
      byte[] bytes = new byte[rowBytes];
      ByteBuffer out = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      for (int i = 0; i < columns; i++) {
        put(out, i, values[i]);
      }
      return bytes;
    }

    /** The mean of all old rows, in fp64. */
    private byte[] average() throws IOException {
      double[] sum = new double[columns];
      int strip = Math.max(1, STRIP_BYTES / rowBytes);
      ByteBuffer block = ByteBuffer.allocate(strip * rowBytes).order(ByteOrder.LITTLE_ENDIAN);
      for (long first = 0; first < tensor.rows(); first += strip) {
        int count = (int) Math.min(strip, tensor.rows() - first);
        block.clear().limit(count * rowBytes);
        base.read(tensor.source(), tensor.byteOffset() + first * rowBytes, block);
        for (int i = 0; i < count * columns; i++) {
          sum[i % columns] += get(block, i);
        }
      }
      float[] mean = new float[columns];
      for (int i = 0; i < columns; i++) {
        mean[i] = (float) (sum[i] / tensor.rows());
      }
      return rounded(mean);
    }

    private float get(ByteBuffer from, int i) {
      return switch (dtype) {
        case F32 -> from.getFloat(i * 4);
        case F16 -> Float.float16ToFloat(from.getShort(i * 2));
        case BF16 -> Float.intBitsToFloat(from.getShort(i * 2) << 16);
        default -> throw new IllegalArgumentException("dtype: " + dtype + ", needed a weight's");
      };
    }

    private void put(ByteBuffer to, int i, float value) {
      switch (dtype) {
        case F32 -> to.putFloat(i * 4, value);
        case F16 -> to.putShort(i * 2, Float.floatToFloat16(value));
        case BF16 -> to.putShort(i * 2, bfloat16(value));
        default -> throw new IllegalArgumentException("dtype: " + dtype + ", needed a weight's");
      }
    }
  }

  /** To nearest, ties to even; NaN stays NaN. */
  static short bfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) (bits >>> 16 | 0x40);
    }
    return (short) (bits + 0x7FFF + (bits >>> 16 & 1) >>> 16);
  }
}
