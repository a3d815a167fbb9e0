package dev.eeve.vocabulary;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.eeve.internal.StrictJson;
import dev.eeve.tokenizer.ByteLevel;
import dev.eeve.tokenizer.Tokenizer;
import dev.eeve.tokenizer.TokenizerFiles;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class BpeTrainerTest {
  /** What Hugging Face's tokenizers 0.23.2 learnt from 60 random corpora, ties and repeats too. */
  @Test
  void mergesAndIdsAreThoseOfHuggingFacesTrainer() throws IOException {
    JsonNode cases;
    try (InputStream in =
        BpeTrainerTest.class.getResourceAsStream("/bpe-trainer/hugging-face.json")) {
      cases = StrictJson.parse("hugging-face.json", in.readAllBytes());
    }
    assertEquals(60, cases.size());
    for (int n = 0; n < cases.size(); n++) {
      JsonNode each = cases.get(n);
      List<String> special = new ArrayList<>();
      each.get("special_tokens").forEach(token -> special.add(token.textValue()));
      boolean whole = each.get("whole_alphabet").booleanValue();
      BpeTrainer trainer = BpeTrainer.fromBytes(special, whole);
      each.get("words")
          .properties()
          .forEach(word -> add(trainer, word.getKey(), word.getValue().longValue()));
      List<TrainedMerge> merges =
          trainer.train(each.get("vocab_size").intValue(), each.get("min_frequency").longValue());
      List<String> expected = new ArrayList<>();
      each.get("merges")
          .forEach(m -> expected.add(m.get(0).textValue() + " " + m.get(1).textValue()));
      assertEquals(expected, spell(trainer, merges), "case " + n);
      List<String> tokens = new ArrayList<>();
      for (int id = whole ? 256 + special.size() : 0; id < trainer.vocabularySize(); id++) {
        tokens.add(id < special.size() ? special.get(id) : ByteLevel.spell(trainer.token(id)));
      }
      List<String> expectedTokens = new ArrayList<>();
      each.get("tokens").forEach(token -> expectedTokens.add(token.textValue()));
      assertEquals(expectedTokens, tokens, "case " + n);
    }
  }

  private static void add(BpeTrainer trainer, String word, long count) {
    byte[] bytes = word.getBytes(StandardCharsets.UTF_8);
    int[] symbols = new int[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      symbols[i] = bytes[i] & 0xFF;
    }
    trainer.add(symbols, symbols.length, count);
  }

  private static List<String> spell(BpeTrainer trainer, List<TrainedMerge> merges) {
    return merges.stream()
        .map(
            m ->
                ByteLevel.spell(trainer.token(m.left()))
                    + " "
                    + ByteLevel.spell(trainer.token(m.right())))
        .toList();
  }

  /** Merges every count anew at every step. */
  private static List<String> recountEverything(
      Tokenizer base, Map<String, Long> words, int merges, long minFrequency) {
    List<byte[]> tokens = new ArrayList<>();
    Set<String> spellings = new HashSet<>();
    for (int id = 0; id < base.vocabularySize(); id++) {
      tokens.add(base.bytes(id));
      spellings.add(base.token(id));
    }
    List<List<Integer>> symbols = new ArrayList<>();
    List<Long> counts = new ArrayList<>();
    words.forEach(
        (word, count) -> {
          symbols.add(new ArrayList<>(Arrays.stream(base.encode(word, false)).boxed().toList()));
          counts.add(count);
        });
    List<String> learnt = new ArrayList<>();
    while (learnt.size() < merges) {
      Map<List<Integer>, Long> pairs = new HashMap<>();
      for (int w = 0; w < symbols.size(); w++) {
        for (int i = 0; i + 1 < symbols.get(w).size(); i++) {
          pairs.merge(List.copyOf(symbols.get(w).subList(i, i + 2)), counts.get(w), Long::sum);
        }
      }
      List<Integer> best = null;
      for (List<Integer> pair : pairs.keySet()) {
        byte[] result = TargetVocabulary.concat(tokens.get(pair.get(0)), tokens.get(pair.get(1)));
        if (!KoreanText.isKorean(result)
            || spellings.contains(ByteLevel.spell(result))
            || pairs.get(pair) < minFrequency) {
          continue;
        }
        int order = best == null ? -1 : Long.compare(pairs.get(best), pairs.get(pair));
        order = order != 0 ? order : pair.get(0) - best.get(0);
        order = order != 0 ? order : pair.get(1) - best.get(1);
        best = order < 0 ? pair : best;
      }
      if (best == null) {
        break;
      }
      byte[] result = TargetVocabulary.concat(tokens.get(best.get(0)), tokens.get(best.get(1)));
      learnt.add(best.get(0) + " " + best.get(1) + " " + pairs.get(best));
      tokens.add(result);
      spellings.add(ByteLevel.spell(result));
      for (List<Integer> word : symbols) {
        for (int i = 0; i + 1 < word.size(); i++) {
          if (word.subList(i, i + 2).equals(best)) {
            word.set(i, tokens.size() - 1);
            word.remove(i + 1);
          }
        }
      }
    }
    return learnt;
  }

  @Test
  void continuedTrainingEqualsRecountingEverythingOnRandomCorporaWithTies() throws IOException {
    var root = TokenizerFiles.bytesOnly();
    TokenizerFiles.merge(root, "Ġ", "ì"); // a space and EC, as in GPT-2
    TokenizerFiles.merge(root, "a", "b");
    TokenizerFiles.merge(root, "ê", "°");
    Tokenizer base = Tokenizer.parse("base", StrictJson.MAPPER.writeValueAsBytes(root));
    Random random = new Random(3);
    int learnt = 0;
    for (int round = 0; round < 120; round++) {
      String alphabet = round % 2 == 0 ? "가각나ㅋab" : "영화관람ᄀꀀ ab";
      Map<String, Long> words = new TreeMap<>();
      for (int i = 0; i < 3 + random.nextInt(40); i++) {
        StringBuilder word = new StringBuilder(random.nextBoolean() ? " " : "");
        for (int k = 0; k < 1 + random.nextInt(8); k++) {
          word.append(alphabet.charAt(random.nextInt(alphabet.length())));
        }
        if (base.encode(word.toString(), false).length > 0 && word.lastIndexOf(" ") <= 0) {
          words.merge(word.toString(), 1L + random.nextInt(3), Long::sum);
        }
      }
      long minFrequency = 1 + random.nextInt(3);
      int size = 1 + random.nextInt(60);
      BpeTrainer trainer = BpeTrainer.continuing(base);
      words.forEach(
          (word, count) -> {
            int[] ids = base.encode(word, false);
            trainer.add(ids, ids.length, count);
          });
      List<String> ours =
          trainer.train(base.vocabularySize() + size, minFrequency).stream()
              .map(m -> m.left() + " " + m.right() + " " + m.count())
              .toList();
      assertEquals(recountEverything(base, words, size, minFrequency), ours, "round " + round);
      learnt += ours.size();
    }
    assertTrue(learnt > 1000, learnt + " merges");
  }

  @Test
  void aTrainerTrainsOnce() {
    BpeTrainer trainer = BpeTrainer.fromBytes(List.of(), true);
    trainer.train(300, 1);
    assertThrows(IllegalStateException.class, () -> trainer.train(300, 1));
    assertThrows(IllegalStateException.class, () -> trainer.add(new int[] {1}, 1, 1));
  }
}
