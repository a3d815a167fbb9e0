package dev.eeve.vocabulary;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.internal.StrictJson;
import java.util.List;
import java.util.Locale;

/** The layout of {@code expansion.json}. */
final class ReportJson {
  private ReportJson() {}

  static byte[] of(ExpansionReport report) {
    ObjectNode json = StrictJson.MAPPER.createObjectNode();
    json.put("number_of_old_tokens", report.firstNewId());
    json.put("vocab_size", report.vocabSize());
    json.put("base_vocab_size", report.baseVocabSize());
    json.put("new_ids", report.newIds());
    json.put("part_of_character_ids", report.partTokens());
    json.put("merge_step_ids", report.stepTokens());
    json.put("fixpoint", report.fixpoint());
    json.set("settings", settings(report));
    json.set("corpus", corpus(report.corpus()));
    json.set("training", training(report));
    json.set("held_out", heldOut(report.heldOut()));
    ObjectNode special = json.putObject("special_tokens");
    report.specialTokens().forEach(special::put);
    ArrayNode rounds = json.putArray("rounds");
    report.rounds().forEach(round -> rounds.add(round(round)));
    json.set("unreachable_characters", changes(report.unreachableCharacters()));
    ArrayNode examples = json.putArray("examples");
    for (ExpansionReport.Example example : report.examples()) {
      examples
          .addObject()
          .put("text", example.text())
          .put("before", example.before())
          .put("after", example.after());
    }
    ArrayNode tokens = json.putArray("tokens");
    report.tokens().forEach(token -> tokens.add(token(token)));
    return ExpandedFolder.json(json);
  }

  private static ObjectNode settings(ExpansionReport report) {
    ExpansionConfig config = report.config();
    ObjectNode json = StrictJson.MAPPER.createObjectNode();
    json.put("merges", config.merges().name().toLowerCase(Locale.ROOT));
    json.put("intermediate_vocab_size", config.intermediateVocabSize());
    json.put("min_count", report.minCount()).put("min_char_count", report.minCharCount());
    config
        .maxAddedTokens()
        .ifPresentOrElse(
            limit -> json.put("max_added_tokens", limit), () -> json.putNull("max_added_tokens"));
    json.put("first_new_id", report.firstNewId());
    json.put("pad_to_multiple_of", config.padToMultipleOf());
    json.put("max_rounds", config.maxRounds());
    json.put("training_bytes", config.trainingBytes());
    json.put("bad_lines", config.skipBadLines() ? "skip" : "error");
    return json;
  }

  private static ObjectNode corpus(CorpusTotals totals) {
    ObjectNode json = StrictJson.MAPPER.createObjectNode();
    json.put("documents", totals.documents()).put("bytes", totals.bytes());
    json.put("bad_lines", totals.badLines()).put("tokenizer_sha256", totals.tokenizer());
    return json;
  }

  private static ObjectNode training(ExpansionReport report) {
    ExpansionReport.Training training = report.training();
    ObjectNode json = StrictJson.MAPPER.createObjectNode();
    json.put("words", training.words()).put("word_bytes", training.wordBytes());
    json.put("least_word_count", training.leastCount()).put("candidates", training.merges());
    json.put("refused_repeats", training.refusedRepeats());
    if (report.config().merges() == ExpansionConfig.MergeSource.INDEPENDENT) {
      json.put("repaired", training.repaired()).put("unreachable", training.unreachable());
    }
    return json;
  }

  private static ObjectNode heldOut(ExpansionReport.HeldOutFigures figures) {
    ObjectNode json = StrictJson.MAPPER.createObjectNode();
    json.put("documents", figures.documents()).put("bytes", figures.bytes());
    json.put("eojeols", figures.eojeols()).put("syllables", figures.syllables());
    json.set("before", tokens(figures, figures.tokensBefore()));
    json.set("after", tokens(figures, figures.tokensAfter()));
    return json;
  }

  private static ObjectNode tokens(ExpansionReport.HeldOutFigures figures, long tokens) {
    ObjectNode json = StrictJson.MAPPER.createObjectNode();
    json.put("tokens", tokens);
    ratio(json, "tokens_per_syllable", tokens, figures.syllables());
    ratio(json, "tokens_per_eojeol", tokens, figures.eojeols());
    ratio(json, "tokens_per_byte", tokens, figures.bytes());
    return json;
  }

  private static void ratio(ObjectNode json, String name, long tokens, long units) {
    if (units == 0) {
      json.putNull(name);
    } else {
      json.put(name, (double) tokens / units);
    }
  }

  private static ObjectNode round(ExpansionReport.Round round) {
    ObjectNode json = StrictJson.MAPPER.createObjectNode();
    json.put("round", round.round()).put("candidates", round.candidates());
    json.put("corpus_tokens", round.corpusTokens());
    json.put("tokens_per_syllable", round.tokensPerSyllable());
    json.put("dropped", round.dropped().size()).put("added", round.added().size());
    json.put("kept", round.kept());
    json.set("dropped_tokens", changes(round.dropped()));
    json.set("added_characters", changes(round.added()));
    return json;
  }

  private static ArrayNode changes(List<ExpansionReport.Change> changes) {
    ArrayNode json = StrictJson.MAPPER.createArrayNode();
    for (ExpansionReport.Change change : changes) {
      json.addObject()
          .put("token", change.token())
          .put("text", change.text())
          .put("count", change.count());
    }
    return json;
  }

  private static ObjectNode token(ExpansionReport.Token token) {
    ObjectNode json = StrictJson.MAPPER.createObjectNode();
    json.put("id", token.id()).put("token", token.token()).put("text", token.text());
    json.put("count", token.count());
    if (token.part()) {
      json.put("part_of_character", true);
    }
    if (token.step()) {
      json.put("merge_step", true);
      token.builtOnIt().forEach(json.putArray("built_on_it")::add);
    }
    return json;
  }
}
