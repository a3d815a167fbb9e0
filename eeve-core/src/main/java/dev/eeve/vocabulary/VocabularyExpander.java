package dev.eeve.vocabulary;

import com.fasterxml.jackson.databind.JsonNode;
import dev.eeve.checkpoint.ModelFolderWriter;
import dev.eeve.internal.StrictJson;
import dev.eeve.model.PhiConfig;
import dev.eeve.tokenizer.ByteLevel;
import dev.eeve.tokenizer.ByteMerger;
import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Expands a model's vocabulary: a corpus in, a model folder with the wider vocabulary out, by the
 * eight steps of the EEVE-Korean model card but the last, which is the training's.
 *
 * <p>Every new token is reachable: encoding its text gives its id alone. Text without Korean
 * characters is tokenized as before, for no merge is added whose result could stand in such text
 * (special tokens spelled out in it apart). The same corpus gives the same folder, bit for bit,
 * with any number of threads and any memory.
 *
 * {@snippet :
 * VocabularyExpander expander = VocabularyExpander.open(phi2, ExpansionConfig.defaults());
 * ExpansionReport report = expander.expand(List.of(corpus), List.of(), output);
 * }
 */
public final class VocabularyExpander {
  private static final int MAX_TOKENIZER_BYTES = 256 << 20;

  private final Path model;
  private final ExpansionConfig config;
  private final PhiConfig phi;
  private final Tokenizer base;
  private final JsonNode tokenizerJson;
  private final String fingerprint;
  private final int firstNewId;
  private ExpansionProgress progress = ExpansionProgress.NONE;
  private Optional<Path> heldOut = Optional.empty();
  private Optional<EmbeddingInitializer.RandomRows> random = Optional.empty();
  private long maxShardBytes = ModelFolderWriter.MAX_SHARD_BYTES;

  private VocabularyExpander(Path model, ExpansionConfig config) throws IOException {
    this.model = model;
    this.config = config;
    phi = PhiConfig.read(model.resolve("config.json"));
    Path file = model.resolve("tokenizer.json");
    tokenizerJson = StrictJson.read(file, MAX_TOKENIZER_BYTES);
    byte[] bytes = Files.readAllBytes(file);
    base = Tokenizer.parse(file.toString(), bytes);
    fingerprint = CorpusCounter.sha256(bytes);
    if (tokenizerJson.path("model").path("ignore_merges").asBoolean()) {
      throw new IOException(
          file + ": ignore_merges: true, needed false; its ids are not its merges'");
    }
    if (base.vocabularySize() > phi.vocabSize()) {
      throw new IOException(
          "%s: %d tokens, but config.json's vocab_size is %d; take both from one model"
              .formatted(file, base.vocabularySize(), phi.vocabSize()));
    }
    firstNewId = config.firstNewId().orElse(base.vocabularySize());
    if (firstNewId < base.vocabularySize()) {
      throw new IllegalArgumentException(
          "first_new_id: %d, needed at least %d, the ids of the base tokenizer"
              .formatted(firstNewId, base.vocabularySize()));
    }
  }

  /**
   * Reads what an expansion needs of the base model but its weights.
   *
   * @param model a Hugging Face model folder with tokenizer.json
   * @param config the settings
   * @return an expander
   * @throws IOException names the file that is missing or wrong
   * @throws IllegalArgumentException if first_new_id is one of the base's ids
   */
  public static VocabularyExpander open(Path model, ExpansionConfig config) throws IOException {
    return new VocabularyExpander(model, config);
  }

  /**
   * Tells somebody how far it is.
   *
   * @param listener called from the thread that expands
   */
  public void onProgress(ExpansionProgress listener) {
    progress = listener;
  }

  /**
   * Measures on a text of one's own instead of the documents held out.
   *
   * @param file .txt, .jsonl, either one .gz
   */
  public void measureOn(Path file) {
    heldOut = Optional.of(file);
  }

  /**
   * Gives new tokens random rows, with the model's initializer_range, instead of those made of
   * their old tokens' rows: to measure what these are worth.
   *
   * @param seed of the random numbers
   */
  public void initializeRandomly(long seed) {
    random = Optional.of(new EmbeddingInitializer.RandomRows(phi.initializerRange(), seed));
  }

  /** For tests: a model of 5 GB is too large for them. */
  void shardAt(long bytes) {
    maxShardBytes = bytes;
  }

  /**
   * Counts a share of a corpus into a file that {@link #expand} takes. What a run before this one
   * finished is kept beside the file, in a folder that is deleted in the end.
   *
   * @param corpus .txt, .jsonl, either one .gz
   * @param output the file of counts
   * @return what was counted
   * @throws IOException names the file and line that is wrong
   * @throws IllegalArgumentException if the output is a folder or one of the corpus
   */
  public CorpusTotals count(List<Path> corpus, Path output) throws IOException {
    if (corpus.isEmpty()) {
      throw new IllegalArgumentException("corpus: no file, needed one to count");
    }
    if (Files.isDirectory(output)) {
      throw new IllegalArgumentException("output: " + output + " is a folder, needed a file");
    }
    for (Path file : corpus) {
      if (Files.exists(output) && Files.isSameFile(output, file)) {
        throw new IllegalArgumentException(
            "output: " + output + " is a file of the corpus; pass another");
      }
    }
    CorpusCounter counter = counter(output);
    CorpusTotals totals = counter.addUp(countFiles(counter, corpus), output);
    CorpusCounter.delete(workFolder(output));
    return totals;
  }

  /**
   * Expands the vocabulary. What a run before this one counted is kept beside the output, in a
   * folder that is deleted in the end.
   *
   * @param corpus .txt, .jsonl, either one .gz; may be empty if there are counts
   * @param counts files that {@link #count} wrote, added up with the corpus
   * @param output the new model's folder, not the base's
   * @return the account, which is in the folder too
   * @throws IOException names the file that is wrong, or says that the corpus has no Korean
   */
  public ExpansionReport expand(List<Path> corpus, List<Path> counts, Path output)
      throws IOException {
    if (corpus.isEmpty() && counts.isEmpty()) {
      throw new IllegalArgumentException("corpus: no file, needed a corpus or counts of one");
    }
    if (Files.exists(output) && Files.isSameFile(output, model)) {
      throw new IllegalArgumentException(
          "output: " + output + " is the base model; pass another folder");
    }
    new ExpandedFolder(model, phi, phi.vocabSize(), firstNewId, Map.of()).check();
    CorpusCounter counter = counter(output);
    counter.totals(counts); // what is wrong with files is said before hours of counting
    if (heldOut.isPresent()) {
      CorpusFile.of(heldOut.get());
    }
    List<Path> all = new ArrayList<>(countFiles(counter, corpus));
    all.addAll(counts);
    Path folder = workFolder(output);
    Path sums = folder.resolve("sums.tmp");
    CorpusTotals totals = counter.addUp(all, sums);
    WordCounts words = new WordCounts(sums, config.threads());
    WordCounts measured = words;
    if (heldOut.isPresent()) {
      Path file = folder.resolve("held-out.tmp");
      CorpusCounter.Settings settings = new CorpusCounter.Settings(config.skipBadLines(), true);
      List<Path> own = counter.count(List.of(heldOut.get()), settings, ExpansionProgress.NONE);
      CorpusTotals ownTotals = counter.addUp(own, file);
      totals = totals.withHeldOut(ownTotals.heldOut());
      measured = new WordCounts(file, config.threads());
    }
    ExpansionReport report = expand(words, measured, totals, output);
    CorpusCounter.delete(folder);
    return report;
  }

  private CorpusCounter counter(Path output) throws IOException {
    return new CorpusCounter(base, fingerprint, workFolder(output), config.threads());
  }

  private List<Path> countFiles(CorpusCounter counter, List<Path> corpus) throws IOException {
    CorpusCounter.Settings settings = new CorpusCounter.Settings(config.skipBadLines(), false);
    return counter.count(corpus, settings, progress);
  }

  private static Path workFolder(Path output) throws IOException {
    Path absolute = output.toAbsolutePath().normalize();
    if (absolute.getParent() == null || !Files.isDirectory(absolute.getParent())) {
      throw new IOException(output + ": its folder does not exist; make it");
    }
    return absolute.resolveSibling("." + absolute.getFileName() + ".counting");
  }

  private ExpansionReport expand(
      WordCounts words, WordCounts measured, CorpusTotals totals, Path output) throws IOException {
    long minCount = config.minCount().orElse(ExpansionConfig.defaultCount(totals.bytes()));
    long minCharCount = config.minCharCount().orElse(ExpansionConfig.defaultCount(totals.bytes()));
    List<String> special =
        config.specialTokens().stream().filter(token -> base.id(token).isEmpty()).toList();
    int maxTokens = config.maxAddedTokens().orElse(Integer.MAX_VALUE) - special.size();
    progress.update("learning", 0, 1);
    TargetVocabulary target = new TargetVocabulary(base);
    ExpansionReport.Training training =
        new CandidateMerges(base, target, words, config).learn(minCount);
    Refinement loop = new Refinement(target, words, minCount, minCharCount, maxTokens);
    loop.run(config.maxRounds(), progress);
    if (!loop.hasKorean()) {
      throw new IOException(
          "corpus: no Korean character in %d documents, needed Korean text; nothing can be added"
              .formatted(totals.documents()));
    }

    List<NewToken> kept = target.kept();
    Map<Integer, Integer> finalIds = new HashMap<>();
    kept.forEach(token -> finalIds.put(token.id, firstNewId + finalIds.size()));
    Map<String, Integer> specialIds = new LinkedHashMap<>();
    for (String token : config.specialTokens()) {
      int next = firstNewId + kept.size() + special.indexOf(token);
      specialIds.put(token, base.id(token).orElse(next));
    }
    int lastId = firstNewId + kept.size() + special.size();
    int multiple = config.padToMultipleOf();
    int vocabSize = Math.ceilDiv(Math.max(lastId, phi.vocabSize()), multiple) * multiple;
    byte[] json = ExpandedTokenizer.json(tokenizerJson, base, entries(target), specialIds);
    Tokenizer after = Tokenizer.parse(output.resolve("tokenizer.json").toString(), json);
    checkReachable(after, target, kept);

    ExpansionReport report =
        new ExpansionReport(
            config,
            totals,
            minCount,
            minCharCount,
            firstNewId,
            vocabSize,
            phi.vocabSize(),
            training,
            loop.rounds(),
            loop.fixpoint(),
            loop.unreachableCharacters(),
            tokens(kept, finalIds, minCount),
            specialIds,
            figures(measured, totals.heldOut(), target),
            examples(totals.heldOut(), after));
    EmbeddingInitializer rows =
        new EmbeddingInitializer(
            firstNewId, oldTokens(target, kept, special.size()), vocabSize, random);
    new ExpandedFolder(model, phi, vocabSize, firstNewId, specialIds)
        .write(output, json, report.toJson(), rows, maxShardBytes, progress);
    return report;
  }

  private List<ExpandedTokenizer.Entry> entries(TargetVocabulary target) {
    List<ExpandedTokenizer.Entry> entries = new ArrayList<>();
    for (NewToken token : target.kept()) {
      entries.add(
          new ExpandedTokenizer.Entry(
              firstNewId + entries.size(),
              ByteLevel.spell(target.bytes(token.left)),
              ByteLevel.spell(target.bytes(token.right))));
    }
    return entries;
  }

  /** A proof by trial: each token's text gives its id alone, parts of characters by their bytes. */
  private void checkReachable(Tokenizer after, TargetVocabulary target, List<NewToken> kept) {
    ByteMerger merger = target.merger();
    for (int i = 0; i < kept.size(); i++) {
      NewToken token = kept.get(i);
      int[] own = merger.apply(token.bytes);
      boolean reached = own.length == 1 && own[0] == token.id;
      if (reached && !NewToken.isPart(token.bytes)) {
        int[] ids = after.encode(new String(token.bytes, StandardCharsets.UTF_8), false);
        reached = ids.length == 1 && ids[0] == firstNewId + i;
      }
      if (!reached) {
        throw new IllegalStateException("token " + token.spelling + ": kept, but not reachable");
      }
    }
  }

  private static List<ExpansionReport.Token> tokens(
      List<NewToken> kept, Map<Integer, Integer> finalIds, long minCount) {
    Map<Integer, List<Integer>> builtOn = new HashMap<>();
    for (NewToken token : kept) {
      builtOn.computeIfAbsent(token.left, id -> new ArrayList<>()).add(finalIds.get(token.id));
      if (token.right != token.left) {
        builtOn.computeIfAbsent(token.right, id -> new ArrayList<>()).add(finalIds.get(token.id));
      }
    }
    List<ExpansionReport.Token> tokens = new ArrayList<>();
    for (NewToken token : kept) {
      tokens.add(
          new ExpansionReport.Token(
              finalIds.get(token.id),
              token.spelling,
              ExpansionReport.show(token.bytes),
              token.count,
              NewToken.isPart(token.bytes),
              token.count < minCount || token.returned,
              builtOn.getOrDefault(token.id, List.of())));
    }
    return tokens;
  }

  /** The old tokens of every new id's text; of special tokens, the end of text's. */
  private List<int[]> oldTokens(TargetVocabulary target, List<NewToken> kept, int special) {
    ByteMerger merger = target.baseMerger();
    List<int[]> old = new ArrayList<>();
    kept.forEach(token -> old.add(merger.apply(token.bytes)));
    if (special > 0) {
      int end =
          base.id("<|endoftext|>")
              .orElseGet(
                  () ->
                      phi.eosTokenIds().stream()
                          .findFirst()
                          .orElseThrow(
                              () ->
                                  new IllegalArgumentException(
                                      "special_tokens: the base has neither <|endoftext|> nor"
                                          + " eos_token_id to copy rows from; pass none")));
      for (int i = 0; i < special; i++) {
        old.add(new int[] {end});
      }
    }
    return old;
  }

  /** Sums of one thread. */
  private static final class TokenTotals implements WordCounts.Visitor {
    private final ByteMerger before;
    private final ByteMerger after;
    private final ByteMerger.Scratch scratch = new ByteMerger.Scratch();
    private final int[] ids = new int[CorpusCounter.MAX_WORD_BYTES + Long.BYTES];
    private long tokensBefore;
    private long tokensAfter;

    TokenTotals(ByteMerger before, ByteMerger after) {
      this.before = before;
      this.after = after;
    }

    @Override
    public void word(byte[] data, int from, int to, long count) {
      tokensBefore += before.apply(data, from, to, ids, scratch) * count;
      tokensAfter += after.apply(data, from, to, ids, scratch) * count;
    }
  }

  private ExpansionReport.HeldOutFigures figures(
      WordCounts words, CorpusTotals.HeldOut totals, TargetVocabulary target) throws IOException {
    ByteMerger before = target.baseMerger();
    ByteMerger after = target.merger();
    long tokensBefore = totals.addedTokens();
    long tokensAfter = totals.addedTokens();
    for (TokenTotals part : words.forEach(true, () -> new TokenTotals(before, after))) {
      tokensBefore += part.tokensBefore;
      tokensAfter += part.tokensAfter;
    }
    return new ExpansionReport.HeldOutFigures(
        totals.documents(),
        totals.bytes(),
        totals.eojeols(),
        totals.syllables(),
        tokensBefore,
        tokensAfter);
  }

  private List<ExpansionReport.Example> examples(CorpusTotals.HeldOut totals, Tokenizer after) {
    return totals.examples().stream()
        .map(
            example ->
                new ExpansionReport.Example(
                    example.text(), cut(base, example.text()), cut(after, example.text())))
        .toList();
  }

  private static String cut(Tokenizer tokenizer, String text) {
    StringBuilder shown = new StringBuilder();
    for (int id : tokenizer.encode(text, false)) {
      shown.append(shown.isEmpty() ? "" : "|").append(ExpansionReport.show(tokenizer.bytes(id)));
    }
    return shown.toString();
  }
}
