package dev.eeve.tokenizer;

import java.util.Arrays;
import java.util.List;

/** The longest of a set of strings at a place of a text: a trie over UTF-16 units. */
final class TokenTrie {
  private static final int PAIRS = 4096;

  /** One bit for each unit a string begins with. */
  private final long[] beginnings = new long[0x10000 / Long.SIZE];

  /** One bit for each hash of the first two units: few texts get past it. */
  private final long[] pairs = new long[PAIRS / Long.SIZE];

  /** Whether a string of one unit makes {@link #pairs} useless. */
  private boolean single;

  /** Open addressing: node << 16 | unit, plus one, to the next node; empty is 0. */
  private long[] edges = new long[64];

  private int[] targets = new int[64];

  /** Id of the string that ends at a node, else -1. */
  private int[] ids = {-1};

  private int nodes = 1;

  TokenTrie(List<AddedToken> tokens) {
    for (AddedToken token : tokens) {
      String content = token.content();
      char first = content.charAt(0);
      beginnings[first >>> 6] |= 1L << first;
      if (content.length() > 1) {
        int pair = pair(first, content.charAt(1));
        pairs[pair >>> 6] |= 1L << pair;
      } else {
        single = true;
      }
      int node = 0;
      for (int i = 0; i < content.length(); i++) {
        node = child(node, content.charAt(i));
      }
      if (ids[node] < 0) { // of equal strings the first counts
        ids[node] = token.id();
      }
    }
  }

  /** The first place at or after {@code from} where some string may begin; {@code to} if none. */
  int next(char[] text, int from, int to) {
    int i = from;
    if (single) {
      while (i < to && (beginnings[text[i] >>> 6] >>> text[i] & 1) == 0) {
        i++;
      }
      return i;
    }
    for (; i < to - 1; i++) {
      int pair = pair(text[i], text[i + 1]);
      if ((pairs[pair >>> 6] >>> pair & 1) != 0) {
        return i;
      }
    }
    return to;
  }

  private static int pair(char first, char second) {
    return first * 31 + second & PAIRS - 1;
  }

  /** The longest string at {@code at}, for {@link #end} and {@link #id}; negative if none. */
  long longest(char[] text, int at, int to) {
    long best = -1;
    int node = 0;
    for (int i = at; i < to; i++) {
      int slot = slot(node, text[i]);
      if (edges[slot] == 0) {
        break;
      }
      node = targets[slot];
      if (ids[node] >= 0) {
        best = (long) (i + 1) << 32 | ids[node];
      }
    }
    return best;
  }

  static int end(long match) {
    return (int) (match >>> 32);
  }

  static int id(long match) {
    return (int) match;
  }

  private int child(int node, char unit) {
    int slot = slot(node, unit);
    if (edges[slot] != 0) {
      return targets[slot];
    }
    if (nodes * 2 > edges.length) {
      grow();
      slot = slot(node, unit);
    }
    edges[slot] = ((long) node << 16 | unit) + 1;
    targets[slot] = nodes;
    if (nodes == ids.length) {
      ids = Arrays.copyOf(ids, nodes * 2);
    }
    ids[nodes] = -1;
    return nodes++;
  }

  private int slot(int node, char unit) {
    long edge = ((long) node << 16 | unit) + 1;
    int mask = edges.length - 1;
    int slot = (int) (edge * 0x9E3779B97F4A7C15L >>> 32) & mask;
    while (edges[slot] != 0 && edges[slot] != edge) {
      slot = slot + 1 & mask;
    }
    return slot;
  }

  private void grow() {
    long[] oldEdges = edges;
    int[] oldTargets = targets;
    edges = new long[oldEdges.length * 2];
    targets = new int[edges.length];
    for (int i = 0; i < oldEdges.length; i++) {
      if (oldEdges[i] != 0) {
        long edge = oldEdges[i] - 1;
        int slot = slot((int) (edge >>> 16), (char) edge);
        edges[slot] = oldEdges[i];
        targets[slot] = oldTargets[i];
      }
    }
  }
}
