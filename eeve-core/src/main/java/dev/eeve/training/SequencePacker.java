package dev.eeve.training;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Puts several sequences into one of at most {@code sequenceLen} tokens, and sequences into the
 * rows of a batch. Every sequence stays a document of its own: it attends only to itself, its
 * positions start at 0 and its last token has no target.
 */
public final class SequencePacker {
  /** Packs that still take sequences; more would search longer and fill little better. */
  private static final int OPEN = 32;

  private SequencePacker() {}

  /**
   * Fills packs: each sequence goes into the oldest open pack with room, 32 being open at most.
   *
   * @param data the sequences
   * @param order indices of sequences, in the order they are taken
   * @param sequenceLen tokens of a pack
   * @return packs of indices, in the order they were opened
   */
  public static List<int[]> pack(TokenDataset data, int[] order, int sequenceLen) {
    List<Pack> packs = new ArrayList<>();
    int firstOpen = 0;
    for (int sequence : order) {
      int length = data.length(sequence);
      int at = firstOpen;
      while (at < packs.size() && packs.get(at).tokens + length > sequenceLen) {
        at++;
      }
      if (at == packs.size()) {
        packs.add(new Pack());
        firstOpen = Math.max(firstOpen, packs.size() - OPEN);
      }
      packs.get(at).add(sequence, length);
    }
    return packs.stream().map(Pack::toArray).toList();
  }

  /**
   * The rows of a batch.
   *
   * @param data the sequences
   * @param sequences indices of those in the batch
   * @return a document for each of them, one after the other
   */
  public static TrainingBatch batch(TokenDataset data, int... sequences) {
    int rows = 0;
    int[] documents = new int[sequences.length];
    for (int i = 0; i < sequences.length; i++) {
      documents[i] = rows;
      rows = Math.addExact(rows, data.length(sequences[i]));
    }
    int[] ids = new int[rows];
    int[] targets = new int[rows];
    for (int i = 0; i < sequences.length; i++) {
      data.copy(sequences[i], ids, targets, documents[i]);
    }
    return new TrainingBatch(ids, targets, documents);
  }

  private static final class Pack {
    private int[] sequences = new int[2];
    private int count;
    private int tokens;

    void add(int sequence, int length) {
      if (count == sequences.length) {
        sequences = Arrays.copyOf(sequences, 2 * count);
      }
      sequences[count++] = sequence;
      tokens += length;
    }

    int[] toArray() {
      return Arrays.copyOf(sequences, count);
    }
  }
}
