package dev.eeve.vocabulary;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.internal.AtomicFile;
import dev.eeve.internal.StrictJson;
import dev.eeve.tokenizer.AddedToken;
import dev.eeve.tokenizer.ByteLevel;
import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Trains a byte-level BPE tokenizer with GPT-2's pattern: what a base model needs before its
 * vocabulary can be expanded. The merges are those of Hugging Face's trainer. Documents whose
 * SHA-256 begins with 00 are held out, as everywhere.
 *
 * <p>Ids: {@value #END_OF_TEXT} is 0, the 256 bytes follow, then the results of the merges. Every
 * text starts with {@value #END_OF_TEXT}, so that a model trained with the tokenizer learns how
 * texts begin.
 */
public final class BaseTokenizer {
  /** Begins and ends a text. */
  public static final String END_OF_TEXT = "<|endoftext|>";

  private static final long MIN_FREQUENCY = 2;

  private BaseTokenizer() {}

  /**
   * Trains a tokenizer and writes its tokenizer.json.
   *
   * @param corpus .txt, .jsonl, either one .gz
   * @param vocabSize ids, at least 257; fewer where the corpus has no more pairs seen twice
   * @param output the file, whole or not at all
   * @param threads how many count
   * @return the tokenizer
   * @throws IOException names the file and line that is wrong
   */
  public static Tokenizer train(List<Path> corpus, int vocabSize, Path output, int threads)
      throws IOException {
    if (corpus.isEmpty()) {
      throw new IllegalArgumentException("corpus: no file, needed a text to learn from");
    }
    if (vocabSize < 257) {
      throw new IllegalArgumentException(
          "vocab_size: " + vocabSize + ", needed at least 257: the bytes and " + END_OF_TEXT);
    }
    BpeTrainer trainer = BpeTrainer.fromBytes(List.of(END_OF_TEXT), true);
    addWords(trainer, corpus, output, threads);
    List<TrainedMerge> merges = trainer.train(vocabSize, MIN_FREQUENCY);
    List<String> spelled = new ArrayList<>();
    for (int id = 1; id < trainer.vocabularySize(); id++) {
      spelled.add(ByteLevel.spell(trainer.token(id)));
    }
    byte[] json = json(spelled, merges);
    Tokenizer tokenizer = Tokenizer.parse(output.toString(), json);
    AtomicFile.write(output, json);
    return tokenizer;
  }

  private static void addWords(BpeTrainer trainer, List<Path> corpus, Path output, int threads)
      throws IOException {
    List<String> alphabet = new ArrayList<>();
    for (int b = 0; b < 256; b++) {
      alphabet.add(String.valueOf(ByteLevel.character(b)));
    }
    byte[] bytesOnly = json(alphabet, List.of());
    Tokenizer splitter = Tokenizer.parse("the alphabet of bytes", bytesOnly);
    Path folder = output.toAbsolutePath().resolveSibling("." + output.getFileName() + ".counting");
    CorpusCounter counter =
        new CorpusCounter(splitter, CorpusCounter.sha256(bytesOnly), folder, threads);
    CorpusCounter.Settings settings = new CorpusCounter.Settings(false, false);
    List<Path> counts = counter.count(corpus, settings, ExpansionProgress.NONE);
    Path sums = folder.resolve("sums.tmp");
    counter.addUp(counts, sums);
    int[] bytes = new int[CorpusCounter.MAX_WORD_BYTES + Long.BYTES];
    new WordCounts(sums, threads)
        .forEach(
            (data, from, to, count) -> {
              for (int i = from; i < to; i++) {
                bytes[i - from] = data[i] & 0xFF;
              }
              trainer.add(bytes, to - from, count);
            });
    CorpusCounter.delete(folder);
  }

  /** A tokenizer.json; spelled tokens have ids from 1 on. */
  private static byte[] json(List<String> spelled, List<TrainedMerge> merges) {
    ObjectNode root = StrictJson.MAPPER.createObjectNode();
    root.put("version", "1.0").putNull("truncation").putNull("padding");
    root.putArray("added_tokens")
        .add(
            ExpandedTokenizer.entry(
                new AddedToken(0, END_OF_TEXT, false, false, false, false, true)));
    root.putNull("normalizer");
    root.set("pre_tokenizer", byteLevel());
    ObjectNode template = root.putObject("post_processor").put("type", "TemplateProcessing");
    ArrayNode single = template.putArray("single");
    single.addObject().putObject("SpecialToken").put("id", END_OF_TEXT).put("type_id", 0);
    single.addObject().putObject("Sequence").put("id", "A").put("type_id", 0);
    template.putArray("pair").addAll(single.deepCopy());
    ((ArrayNode) template.get("pair"))
        .addObject()
        .putObject("Sequence")
        .put("id", "B")
        .put("type_id", 1);
    ObjectNode special = template.putObject("special_tokens").putObject(END_OF_TEXT);
    special.put("id", END_OF_TEXT).putArray("ids").add(0);
    special.putArray("tokens").add(END_OF_TEXT);
    root.set("decoder", byteLevel());
    ObjectNode model = root.putObject("model").put("type", "BPE").putNull("dropout");
    model.putNull("unk_token").put("continuing_subword_prefix", "").put("end_of_word_suffix", "");
    model.put("fuse_unk", false).put("byte_fallback", false);
    ObjectNode vocab = model.putObject("vocab").put(END_OF_TEXT, 0);
    for (String token : spelled) {
      vocab.put(token, vocab.size());
    }
    ArrayNode list = model.putArray("merges");
    for (TrainedMerge merge : merges) {
      list.add(spelled.get(merge.left() - 1) + " " + spelled.get(merge.right() - 1));
    }
    return ExpandedFolder.json(root);
  }

  private static ObjectNode byteLevel() {
    return StrictJson.MAPPER
        .createObjectNode()
        .put("type", "ByteLevel")
        .put("add_prefix_space", false)
        .put("trim_offsets", true)
        .put("use_regex", true);
  }
}
