package dev.eeve.evaluation;

import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.SafetensorsWriter;
import dev.eeve.checkpoint.TensorSpec;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.model.Session;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** A safetensors file of one tensor, {@code logits}: F32, a row of V per token. */
public final class LogitsFile {
  /** The tensor's name. */
  public static final String TENSOR = "logits";

  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private LogitsFile() {}

  /**
   * Writes the logits after each token, a few rows at a time.
   *
   * @param session a context that holds nothing yet and has room for all tokens
   * @param tokens the tokens, at least one
   * @param file appears whole, or not at all
   * @throws IOException names the file
   */
  public static void write(Session session, int[] tokens, Path file) throws IOException {
    session.checkTokens(tokens, 0, tokens.length);
    long rows = tokens.length;
    TensorSpec tensor =
        new TensorSpec(TENSOR, DType.F32, List.of(rows, (long) session.vocabSize()));
    try (SafetensorsWriter writer = SafetensorsWriter.create(file, List.of(tensor), Map.of())) {
      session.appendForLogits(tokens, 0, tokens.length, logits -> write(writer, logits));
      writer.finish();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private static void write(SafetensorsWriter writer, FloatMatrix logits) {
    try (Arena arena = Arena.ofConfined()) {
      int floats = logits.rows() * logits.columns();
      MemorySegment bytes = arena.allocate(floats * 4L);
      MemorySegment.copy(logits.data(), logits.offset(), bytes, FLOAT, 0, floats);
      writer.write(TENSOR, bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
