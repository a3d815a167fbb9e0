package dev.eeve.generation;

import dev.eeve.kernels.FloatMatrix;
import dev.eeve.model.Session;
import java.util.Optional;

/**
 * Reads a growing text into a context and gives the logits after its last token. With a {@link
 * PromptLookup} it reads drafts along with that token, in one block; a product's rows have the bits
 * of single steps, so nothing but time depends on them.
 */
final class ContextReader {
  private final Session session;
  private final Optional<PromptLookup> lookup;
  private final int[] block = new int[PromptLookup.MAX_ROWS];
  private FloatMatrix rows;
  private float[] logits;

  /** Drafts of the last block, and how many of them came. */
  private int drafts;

  private int accepted;
  private int allDrafts;
  private int allAccepted;

  /**
   * A reader of a text from the context's first position on, of which the session holds the
   * beginning.
   */
  ContextReader(Session session, Optional<PromptLookup> lookup) {
    this.session = session;
    this.lookup = lookup;
  }

  /**
   * Reads on.
   *
   * @param tokens the text
   * @param count its length; it has grown by one since logits were given, or not been read before
   * @param most tokens that will be asked for at most, from this one on; at least 1
   * @return V logits after the last token, valid until the next call; null where the text is long
   *     and there is more to read
   */
  float[] read(int[] tokens, int count, int most) {
    boolean predicted = lookup.isPresent() && lookup.get().came(tokens[count - 1]);
    if (predicted && accepted < drafts) {
      accepted++;
      allAccepted++;
      return row(accepted);
    }
    forgetDrafts(count - 1);
    int from = session.position();
    if (count - from > 1) {
      int to = session.endOfBlock(from, count);
      session.append(tokens, from, to);
      return to == count ? session.logits() : null;
    }
    int room = Math.min(most - 1, session.capacity() - session.position() - 1);
    drafts = lookup.isPresent() ? lookup.get().predict(tokens, count, room) : 0;
    if (drafts == 0) {
      session.append(tokens, from, count);
      return session.logits();
    }
    block[0] = tokens[count - 1];
    for (int i = 0; i < drafts; i++) {
      block[1 + i] = lookup.get().draft(i);
    }
    allDrafts += drafts;
    rows = session.appendForLogits(block, 0, drafts + 1);
    return row(0);
  }

  private float[] row(int index) {
    if (logits == null) {
      logits = new float[rows.columns()];
    }
    System.arraycopy(rows.data(), rows.index(index), logits, 0, logits.length);
    return logits;
  }

  /** Takes what is not among the first {@code count} tokens out of the context. */
  private void forgetDrafts(int count) {
    if (drafts > 0) {
      session.rewind(Math.min(session.position(), count));
    }
    drafts = 0;
    accepted = 0;
  }

  /** Makes the context hold exactly the text, its last token as a step of its own. */
  void hold(int[] tokens, int count) {
    forgetDrafts(count - 1);
    int held = session.position();
    if (held < count) {
      session.append(tokens, held, count);
    }
  }

  /** Drafts that were read. */
  int drafts() {
    return allDrafts;
  }

  /** Of these, how many were the token that came. */
  int accepted() {
    return allAccepted;
  }
}
