package dev.eeve.vocabulary;

import dev.eeve.tokenizer.ByteMerger;
import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Steps 1 to 3 of the model card: learns merges and gives the target vocabulary its candidates. */
final class CandidateMerges {
  /** An intermediate tokenizer's merges come from pairs seen twice or more. */
  private static final long INDEPENDENT_MIN_FREQUENCY = 2;

  private final Tokenizer base;
  private final TargetVocabulary target;
  private final WordCounts words;
  private final ExpansionConfig config;

  /** The least count of the words to learn from, and room for words of just that count. */
  private long leastCount = 1;

  private long roomAtLeast;

  private int wordsTaken;
  private long bytesTaken;

  CandidateMerges(
      Tokenizer base, TargetVocabulary target, WordCounts words, ExpansionConfig config) {
    this.base = base;
    this.target = target;
    this.words = words;
    this.config = config;
  }

  ExpansionReport.Training learn(long minCount) throws IOException {
    findLeastCount();
    return config.merges() == ExpansionConfig.MergeSource.CONTINUED
        ? continued(minCount)
        : independent();
  }

  private boolean counts(byte[] data, int from, int to) {
    return config.merges() == ExpansionConfig.MergeSource.INDEPENDENT
        || KoreanText.isKorean(data, from, to);
  }

  /** Bytes by count decide; of the words that have the last count those that come first. */
  private void findLeastCount() throws IOException {
    TreeMap<Long, Long> bytes = new TreeMap<>();
    words.forEach(
        (data, from, to, count) -> {
          if (counts(data, from, to)) {
            bytes.merge(count, (long) to - from, Long::sum);
          }
        });
    long room = config.trainingBytes();
    roomAtLeast = Long.MAX_VALUE;
    for (Map.Entry<Long, Long> entry : bytes.descendingMap().entrySet()) {
      leastCount = entry.getKey();
      if (entry.getValue() > room) {
        roomAtLeast = room;
        break;
      }
      room -= entry.getValue();
    }
  }

  /** Hands the words to learn from to a visitor. */
  private void forEachWord(WordCounts.Visitor visitor) throws IOException {
    words.forEach(
        (data, from, to, count) -> {
          if (count < leastCount || !counts(data, from, to)) {
            return;
          }
          if (count == leastCount) {
            roomAtLeast -= to - from;
            if (roomAtLeast < 0) {
              return;
            }
          }
          wordsTaken++;
          bytesTaken += to - from;
          visitor.word(data, from, to, count);
        });
  }

  private ExpansionReport.Training continued(long minCount) throws IOException {
    BpeTrainer trainer = BpeTrainer.continuing(base);
    ByteMerger merger = target.baseMerger();
    ByteMerger.Scratch scratch = new ByteMerger.Scratch();
    int[] ids = new int[CorpusCounter.MAX_WORD_BYTES + Long.BYTES];
    forEachWord(
        (data, from, to, count) ->
            trainer.add(ids, merger.apply(data, from, to, ids, scratch), count));
    List<TrainedMerge> merges =
        trainer.train(base.vocabularySize() + config.intermediateVocabSize(), minCount);
    for (TrainedMerge merge : merges) {
      target.append(merge.left(), merge.right());
    }
    return new ExpansionReport.Training(
        wordsTaken, bytesTaken, leastCount, merges.size(), trainer.refusedRepeats(), 0, 0);
  }

  private ExpansionReport.Training independent() throws IOException {
    BpeTrainer trainer = BpeTrainer.fromBytes(List.of(), true);
    int[] ids = new int[CorpusCounter.MAX_WORD_BYTES + Long.BYTES];
    forEachWord(
        (data, from, to, count) -> {
          for (int i = from; i < to; i++) {
            ids[i - from] = data[i] & 0xFF;
          }
          trainer.add(ids, to - from, count);
        });
    List<TrainedMerge> merges =
        trainer.train(config.intermediateVocabSize(), INDEPENDENT_MIN_FREQUENCY);
    int candidates = 0;
    int repaired = 0;
    int unreachable = 0;
    for (TrainedMerge merge : merges) {
      byte[] token = trainer.token(merge.result());
      if (!KoreanText.isKorean(token) || target.has(token)) {
        continue;
      }
      candidates++;
      List<NewToken> appended = target.makeReachable(token);
      if (appended.isEmpty()) {
        unreachable++;
      } else if (appended.size() > 1 || !isOwnMerge(trainer, merge, appended.getLast())) {
        repaired++;
      }
    }
    return new ExpansionReport.Training(
        wordsTaken, bytesTaken, leastCount, candidates, 0, repaired, unreachable);
  }

  private boolean isOwnMerge(BpeTrainer trainer, TrainedMerge merge, NewToken token) {
    return Arrays.equals(trainer.token(merge.left()), target.bytes(token.left));
  }
}
