package dev.eeve.vocabulary;

import dev.eeve.internal.TextUnits;
import dev.eeve.tokenizer.ByteMerger;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;

/**
 * The loop of the model card's steps 4 to 7: count every token, drop the rare new ones, add
 * characters that are missing, until nothing changes.
 *
 * <p>Tokens are dropped from the rarest, and only while nothing kept is built on them; what a
 * dropped token counted falls to its two parts until the next round counts anew. A character is
 * missing if the tokens of now spell it in two or more, and one that was dropped once is not added
 * again: so every round but the last drops or adds something for good, and the loop ends.
 */
final class Refinement {
  private final TargetVocabulary target;
  private final WordCounts words;
  private final long minCount;
  private final long minCharCount;
  private final int maxTokens;

  private final List<ExpansionReport.Round> rounds = new ArrayList<>();
  private final List<ExpansionReport.Change> unreachable = new ArrayList<>();
  private long[] characters;
  private long syllables;
  private boolean fixpoint;

  Refinement(
      TargetVocabulary target, WordCounts words, long minCount, long minCharCount, int maxTokens) {
    this.target = target;
    this.words = words;
    this.minCount = minCount;
    this.minCharCount = minCharCount;
    this.maxTokens = maxTokens;
  }

  List<ExpansionReport.Round> rounds() {
    return List.copyOf(rounds);
  }

  boolean fixpoint() {
    return fixpoint;
  }

  /** Frequent characters no admitted merges can make. */
  List<ExpansionReport.Change> unreachableCharacters() {
    return List.copyOf(unreachable);
  }

  /** Runs to the fixpoint, or to the bound. */
  void run(int maxRounds, ExpansionProgress progress) throws IOException {
    countCharacters();
    for (int round = 1; round <= maxRounds && !fixpoint; round++) {
      int candidates = target.keptCount();
      long total = countTokens();
      List<ExpansionReport.Change> dropped = drop();
      List<ExpansionReport.Change> added = addCharacters();
      double perSyllable = syllables == 0 ? 0 : (double) total / syllables;
      rounds.add(
          new ExpansionReport.Round(
              round, candidates, total, perSyllable, dropped, added, target.keptCount()));
      fixpoint = dropped.isEmpty() && added.isEmpty();
      progress.update("refining", round, maxRounds);
    }
    if (!fixpoint) {
      countTokens();
    }
  }

  /** Sums of one thread. */
  private static final class TokenCounts implements WordCounts.Visitor {
    private final ByteMerger merger;
    private final ByteMerger.Scratch scratch = new ByteMerger.Scratch();
    private final long[] counts;
    private int[] ids = new int[256];

    TokenCounts(ByteMerger merger, int size) {
      this.merger = merger;
      counts = new long[size];
    }

    @Override
    public void word(byte[] data, int from, int to, long count) {
      if (ids.length < to - from) {
        ids = new int[(to - from) * 2];
      }
      int n = merger.apply(data, from, to, ids, scratch);
      for (int i = 0; i < n; i++) {
        counts[ids[i]] += count;
      }
    }
  }

  /** Counts the new tokens; returns how many tokens the corpus has in all. */
  private long countTokens() throws IOException {
    ByteMerger merger = target.merger();
    long[] sums = new long[target.size()];
    for (TokenCounts part : words.forEach(false, () -> new TokenCounts(merger, target.size()))) {
      for (int id = 0; id < sums.length; id++) {
        sums[id] += part.counts[id];
      }
    }
    long total = 0;
    for (long sum : sums) {
      total += sum;
    }
    target.kept().forEach(token -> token.count = sums[token.id]);
    return total;
  }

  private static final Comparator<NewToken> RAREST_FIRST =
      Comparator.comparing((NewToken token) -> !token.returned)
          .thenComparingLong(token -> token.count)
          .thenComparing(token -> token.id, Comparator.reverseOrder());

  private List<ExpansionReport.Change> drop() {
    List<ExpansionReport.Change> dropped = new ArrayList<>();
    PriorityQueue<NewToken> leaves = new PriorityQueue<>(RAREST_FIRST);
    for (NewToken token : target.kept()) {
      if (token.builtOnIt == 0) {
        leaves.add(token);
      }
    }
    while (!leaves.isEmpty()) {
      NewToken token = leaves.poll();
      boolean rare = token.returned || token.count < minCount;
      if (!rare && target.keptCount() <= maxTokens) {
        break;
      }
      target.drop(token);
      dropped.add(ExpansionReport.Change.of(token.bytes, token.count));
      inherit(token, token.left, leaves);
      if (token.right != token.left) {
        inherit(token, token.right, leaves);
      }
    }
    return dropped;
  }

  /** What a dropped token counted, its part counts from now on. */
  private void inherit(NewToken dropped, int id, PriorityQueue<NewToken> leaves) {
    if (id >= target.firstNew()) {
      NewToken part = target.token(id);
      part.count += dropped.left == dropped.right ? 2 * dropped.count : dropped.count;
      if (part.builtOnIt == 0) {
        leaves.add(part);
      }
    }
  }

  /** Korean characters by frequency; once is enough. */
  private static final class CharacterCounts implements WordCounts.Visitor {
    private final long[] counts = new long[0x10000];

    @Override
    public void word(byte[] data, int from, int to, long count) {
      for (int i = from; i + 2 < to; i++) {
        int lead = data[i] & 0xFF;
        if (lead >= 0xE1 && lead <= 0xED) { // of three bytes, as all Korean characters are
          int c = (lead & 0xF) << 12 | (data[i + 1] & 0x3F) << 6 | data[i + 2] & 0x3F;
          counts[c] += count;
        }
      }
    }
  }

  private void countCharacters() throws IOException {
    characters = new long[0x10000];
    for (CharacterCounts part : words.forEach(false, CharacterCounts::new)) {
      for (int c = 0; c < characters.length; c++) {
        characters[c] += KoreanText.isKorean(c) ? part.counts[c] : 0;
      }
    }
    for (int c = 0; c < characters.length; c++) {
      syllables += TextUnits.isSyllable(c) ? characters[c] : 0;
    }
  }

  /** Whether the corpus has any Korean character; to be asked after the run. */
  boolean hasKorean() {
    return Arrays.stream(characters).anyMatch(count -> count > 0);
  }

  private List<ExpansionReport.Change> addCharacters() {
    List<Integer> frequent = new ArrayList<>();
    for (int c = 0; c < characters.length; c++) {
      if (characters[c] > minCharCount) {
        frequent.add(c);
      }
    }
    frequent.sort(Comparator.comparingLong((Integer c) -> -characters[c]).thenComparing(c -> c));
    List<ExpansionReport.Change> added = new ArrayList<>();
    unreachable.clear();
    for (int c : frequent) {
      byte[] bytes = Character.toString(c).getBytes(StandardCharsets.UTF_8);
      if (target.encode(bytes).length < 2 || target.wasDropped(bytes)) {
        continue;
      }
      if (target.makeReachable(bytes).isEmpty()) {
        unreachable.add(ExpansionReport.Change.of(bytes, characters[c]));
      } else {
        added.add(ExpansionReport.Change.of(bytes, characters[c]));
      }
    }
    return added;
  }
}
