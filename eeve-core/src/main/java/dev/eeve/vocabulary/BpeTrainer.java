package dev.eeve.vocabulary;

import dev.eeve.tokenizer.ByteLevel;
import dev.eeve.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;

/**
 * Learns byte-pair merges from words and their counts, as Hugging Face's {@code BpeTrainer} does:
 * the pair that stands in the words most often becomes a token, of equal ones the pair with the
 * smaller left id, then the smaller right id; and so on until the vocabulary is full or no pair is
 * frequent enough.
 *
 * <p>Two ways to begin. {@linkplain #fromBytes From bytes}, words are sequences of the 256 bytes,
 * and merges and ids are those of Hugging Face's trainer with the same settings, its treatment of
 * tokens that two merges make included. {@linkplain #continuing Continuing}, words are what an
 * existing tokenizer makes of them, and a pair is merged only if its result is {@linkplain
 * KoreanText Korean} and no token yet: so each new token has exactly one merge.
 *
 * <p>Memory: 4 bytes a symbol of a distinct word, about as much again for the places of the pairs.
 * Used by one thread; trains once.
 */
public final class BpeTrainer {
  private static final int MAX_SYMBOLS = Integer.MAX_VALUE - 64;

  /** Spellings of all tokens in tokenizer.json's alphabet, by id. */
  private final List<String> tokens = new ArrayList<>();

  private final Map<String, Integer> ids = new HashMap<>();

  /** Null from bytes: then any pair may be merged. */
  private final Tokenizer base;

  private final BitSet korean = new BitSet();
  private final int[] byteIds = new int[256];

  private int[] symbols = new int[1024];
  private int[] starts = new int[256];
  private int[] lengths = new int[256];
  private long[] counts = new long[256];
  private int words;
  private int end;

  private long minFrequency;
  private long refusedRepeats;
  private final PairTable pairs = new PairTable();
  private long[] pairCounts = new long[1024];
  private final PriorityQueue<Candidate> queue = new PriorityQueue<>();

  /** Pairs that the merge at hand makes or unmakes. */
  private final Changes changes = new Changes();

  private boolean trained;

  private BpeTrainer(Tokenizer base) {
    this.base = base;
  }

  /**
   * A trainer whose words are sequences of bytes.
   *
   * @param specialTokens get the first ids
   * @param wholeAlphabet whether each of the 256 bytes gets an id; else those that occur
   * @return without words
   */
  public static BpeTrainer fromBytes(List<String> specialTokens, boolean wholeAlphabet) {
    BpeTrainer trainer = new BpeTrainer(null);
    specialTokens.forEach(trainer::addToken);
    Arrays.fill(trainer.byteIds, -1);
    if (wholeAlphabet) {
      BitSet all = new BitSet();
      all.set(0, 256);
      trainer.addAlphabet(all);
    }
    return trainer;
  }

  /**
   * A trainer whose words are sequences of an existing tokenizer's tokens.
   *
   * @param base the tokenizer; new ids follow its last one
   * @return without words
   */
  public static BpeTrainer continuing(Tokenizer base) {
    BpeTrainer trainer = new BpeTrainer(base);
    for (int id = 0; id < base.vocabularySize(); id++) {
      String token = base.isToken(id) ? base.token(id) : null;
      trainer.tokens.add(token);
      if (token != null && ByteLevel.isSpelled(token)) {
        trainer.ids.put(token, id);
        trainer.korean.set(id, KoreanText.isKorean(ByteLevel.bytes(token)));
      }
    }
    return trainer;
  }

  private int addToken(String spelling) {
    return ids.computeIfAbsent(
        spelling,
        token -> {
          korean.set(tokens.size(), base != null);
          tokens.add(token);
          return tokens.size() - 1;
        });
  }

  /** By the characters that spell them, as Hugging Face's trainer sorts its alphabet. */
  private void addAlphabet(BitSet bytes) {
    bytes.stream()
        .mapToObj(b -> String.valueOf(ByteLevel.character(b)))
        .sorted()
        .forEach(this::addToken);
    bytes.stream().forEach(b -> byteIds[b] = ids.get(String.valueOf(ByteLevel.character(b))));
  }

  /**
   * Adds a word.
   *
   * @param ids what it consists of: bytes 0 to 255, or, continuing, ids of the tokenizer
   * @param length how many of them count
   * @param count how often the word stands in the text
   * @throws IllegalStateException after training, or where the words exceed two billion symbols
   */
  public void add(int[] ids, int length, long count) {
    if (trained || end > MAX_SYMBOLS - length) {
      throw new IllegalStateException(
          trained ? "a word came after training" : "more than 2^31 symbols; train on fewer words");
    }
    if (words == starts.length) {
      starts = Arrays.copyOf(starts, words * 2);
      lengths = Arrays.copyOf(lengths, words * 2);
      counts = Arrays.copyOf(counts, words * 2);
    }
    if (end + length > symbols.length) {
      long wanted = Math.max(end + (long) length, symbols.length * 3L / 2);
      symbols = Arrays.copyOf(symbols, (int) Math.min(MAX_SYMBOLS, wanted));
    }
    System.arraycopy(ids, 0, symbols, end, length);
    starts[words] = end;
    lengths[words] = length;
    counts[words++] = count;
    end += length;
  }

  /**
   * Learns merges.
   *
   * @param vocabularySize stop at so many ids, those there were before included
   * @param minFrequency the least count of a pair that is merged; at least 1
   * @return in the order of their ranks; from bytes, a pair that is learnt again stands in its last
   *     place only, as in the files Hugging Face's library writes
   * @throws IllegalStateException at the second call
   */
  public List<TrainedMerge> train(int vocabularySize, long minFrequency) {
    if (trained) {
      throw new IllegalStateException("trained already; make a new trainer");
    }
    trained = true;
    this.minFrequency = Math.max(1, minFrequency);
    if (base == null) {
      bytesToIds();
    }
    countPairs();
    Map<Long, TrainedMerge> merges = new LinkedHashMap<>();
    while (tokens.size() < vocabularySize && !queue.isEmpty()) {
      Candidate top = queue.poll();
      long count = pairCounts[pairs.find(top.pair)];
      if (count != top.count) {
        if (count >= this.minFrequency) {
          queue.add(new Candidate(top.pair, count, top.words));
        }
        continue;
      }
      if (count < this.minFrequency) {
        break;
      }
      int left = PairTable.left(top.pair);
      int right = PairTable.right(top.pair);
      String spelling = tokens.get(left).concat(tokens.get(right));
      if (base != null && ids.containsKey(spelling)) {
        refusedRepeats++;
        continue;
      }
      int result = addToken(spelling);
      merges.remove(top.pair);
      merges.put(top.pair, new TrainedMerge(left, right, result, count));
      merge(left, right, result, top.words);
    }
    return List.copyOf(merges.values());
  }

  /**
   * A token, old or new.
   *
   * @param id its id
   * @return its bytes
   */
  public byte[] token(int id) {
    return ByteLevel.bytes(tokens.get(id));
  }

  /**
   * How many ids there are.
   *
   * @return one more than the last id
   */
  public int vocabularySize() {
    return tokens.size();
  }

  /**
   * Pairs that were frequent enough but make a token there is already.
   *
   * @return 0 from bytes, where they are merged to that token
   */
  public long refusedRepeats() {
    return refusedRepeats;
  }

  private void bytesToIds() {
    BitSet occurring = new BitSet();
    for (int i = 0; i < end; i++) {
      occurring.set(symbols[i]);
    }
    if (byteIds[0] < 0) {
      addAlphabet(occurring);
    }
    for (int i = 0; i < end; i++) {
      symbols[i] = byteIds[symbols[i]];
    }
  }

  private void countPairs() {
    for (int word = 0; word < words; word++) {
      for (int i = starts[word] + 1; i < starts[word] + lengths[word]; i++) {
        if (admits(symbols[i - 1], symbols[i])) {
          changes.add(PairTable.pair(symbols[i - 1], symbols[i]), counts[word], word);
        }
      }
    }
    takeChanges();
  }

  /** Without a base all pairs; else those whose result is Korean. */
  private boolean admits(int left, int right) {
    if (base == null || korean.get(left) || korean.get(right)) {
      return true;
    }
    String before = tokens.get(left);
    String after = tokens.get(right);
    byte[] joint = // two bytes on each side: no lead and its followers are longer
        ByteLevel.bytes(
            before.substring(Math.max(0, before.length() - 2))
                + after.substring(0, Math.min(2, after.length())));
    return KoreanText.isKorean(joint);
  }

  /** Enters what {@link #changes} holds into the counts, and new places into the queue. */
  private void takeChanges() {
    for (int i = 0; i < changes.pairs.size(); i++) {
      long pair = changes.pairs.pair(i);
      int number = pairs.find(pair);
      boolean more = changes.sizes[i] > 0;
      if (number < 0) {
        // continuing, a count never rises again: rare pairs may be forgotten
        if (!more || base != null && changes.deltas[i] < minFrequency) {
          continue;
        }
        number = pairs.add(pair);
        if (number == pairCounts.length) {
          pairCounts = Arrays.copyOf(pairCounts, number * 2);
        }
        pairCounts[number] = 0;
      }
      pairCounts[number] += changes.deltas[i];
      if (more && pairCounts[number] > 0) {
        int[] places = Arrays.copyOf(changes.words[i], changes.sizes[i]);
        queue.add(new Candidate(pair, pairCounts[number], places));
      }
    }
    changes.clear();
  }

  private void merge(int left, int right, int result, int[] places) {
    for (int word : places) {
      merge(left, right, result, word);
    }
    takeChanges();
  }

  /** Merges within a word, left to right, and notes what that does to the pairs around. */
  private void merge(int left, int right, int result, int word) {
    int from = starts[word];
    int to = from + lengths[word];
    long count = counts[word];
    int kept = from;
    for (int i = from; i < to; i++, kept++) {
      if (i + 1 == to || symbols[i] != left || symbols[i + 1] != right) {
        symbols[kept] = symbols[i];
        continue;
      }
      if (kept > from) {
        int before = symbols[kept - 1];
        change(before, left, -count, word);
        change(before, result, count, word);
      }
      if (i + 2 < to) {
        int after = symbols[i + 2];
        change(right, after, -count, word);
        change(result, after, count, word);
      }
      symbols[kept] = result;
      i++;
    }
    lengths[word] = kept - from;
  }

  private void change(int left, int right, long delta, int word) {
    if (admits(left, right)) {
      changes.add(PairTable.pair(left, right), delta, word);
    }
  }

  /** A pair as it was counted when it entered the queue, and the words it then stood in. */
  private record Candidate(long pair, long count, int[] words) implements Comparable<Candidate> {
    @Override
    public int compareTo(Candidate other) {
      return count != other.count
          ? Long.compare(other.count, count)
          : Long.compare(pair, other.pair);
    }
  }

  /** Sums of changes by pair, and the words in which a pair came up. */
  private static final class Changes {
    private final PairTable pairs = new PairTable();
    private long[] deltas = new long[64];
    private int[] sizes = new int[64];
    private int[][] words = new int[64][];

    void add(long pair, long delta, int word) {
      int number = pairs.find(pair);
      if (number < 0) {
        number = pairs.add(pair);
        if (number == sizes.length) {
          deltas = Arrays.copyOf(deltas, number * 2);
          sizes = Arrays.copyOf(sizes, number * 2);
          words = Arrays.copyOf(words, number * 2);
        }
        deltas[number] = 0;
        sizes[number] = 0;
      }
      deltas[number] += delta;
      if (delta > 0) {
        int size = sizes[number];
        if (words[number] == null) {
          words[number] = new int[4];
        }
        if (size > 0 && words[number][size - 1] == word) {
          return;
        }
        if (size == words[number].length) {
          words[number] = Arrays.copyOf(words[number], size * 2);
        }
        words[number][size] = word;
        sizes[number] = size + 1;
      }
    }

    /** Keeps short lists for the next merge. */
    void clear() {
      for (int i = 0; i < pairs.size(); i++) {
        if (words[i] != null && words[i].length > 64) {
          words[i] = null;
        }
      }
      pairs.clear();
    }
  }
}
