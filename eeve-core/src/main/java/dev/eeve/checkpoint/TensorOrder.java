package dev.eeve.checkpoint;

import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.function.LongUnaryOperator;

/** A file's tensors in the order of their data, which they must fill one after the other. */
final class TensorOrder {
  private TensorOrder() {}

  /** Says that a tensor does not begin where it should. */
  interface Misplaced {
    /**
     * What is wrong.
     *
     * @param at where the data before it ends
     * @param previous the tensor before it, quoted; empty for the first
     */
    String detail(TensorInfo tensor, long at, String previous);
  }

  /**
   * Sorts tensors by their data.
   *
   * @param tensors sorted in place
   * @param dataBytes size of the data section; negative where the file ends before it
   * @param next where a tensor begins when the data before it ends at some byte
   * @throws CheckpointException names a tensor past the end, inside another, misplaced or there
   *     twice, or says that bytes are left over
   */
  static SequencedMap<String, TensorInfo> of(
      Path file,
      List<TensorInfo> tensors,
      long dataBytes,
      LongUnaryOperator next,
      Misplaced misplaced)
      throws CheckpointException {
    tensors.sort(Comparator.comparingLong(TensorInfo::begin).thenComparingLong(TensorInfo::end));
    LinkedHashMap<String, TensorInfo> ordered = new LinkedHashMap<>();
    long at = 0;
    String previous = "";
    for (TensorInfo tensor : tensors) {
      if (tensor.end() > dataBytes) {
        throw tensor.failure(
            "ends at byte %d of the data, the file holds %d; it is cut off, download it again"
                .formatted(tensor.end(), Math.max(0, dataBytes)));
      }
      if (tensor.begin() < at) {
        throw tensor.failure("begins at byte " + tensor.begin() + ", inside tensor " + previous);
      }
      if (tensor.begin() != next.applyAsLong(at)) {
        throw tensor.failure(misplaced.detail(tensor, at, previous));
      }
      at = tensor.end();
      previous = CheckpointException.quote(tensor.name());
      if (ordered.put(tensor.name(), tensor) != null) {
        throw tensor.failure("there twice, needed once");
      }
    }
    if (dataBytes > next.applyAsLong(at)) {
      throw new CheckpointException(
          file, "holds " + dataBytes + " bytes of data, its tensors end at " + at);
    }
    return ordered;
  }
}
