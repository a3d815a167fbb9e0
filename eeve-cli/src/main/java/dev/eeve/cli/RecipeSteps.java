package dev.eeve.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.CorpusSplit;
import dev.eeve.LanguageModel;
import dev.eeve.LoadOptions;
import dev.eeve.TextMeasurement;
import dev.eeve.generation.Generation;
import dev.eeve.generation.GenerationConfig;
import dev.eeve.vocabulary.BaseTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** Steps of a recipe that no other command does: calls of the public API, and their results. */
final class RecipeSteps {
  private final Recipe recipe;
  private final Path folder;
  private final Console console;
  private final int threads;

  RecipeSteps(Recipe recipe, Path folder, Console console, int threads) {
    this.recipe = recipe;
    this.folder = folder;
    this.console = console;
    this.threads = threads;
  }

  /** Runs one; gives what it found. */
  JsonNode run(Recipe.Step step) throws IOException {
    RecipeSettings settings = new RecipeSettings(step);
    JsonNode result =
        switch (step.kind()) {
          case "split" -> split(settings);
          case "tokenizer" -> tokenizer(settings);
          case "measure" -> measure(settings);
          case "sample" -> sample(settings);
          case "report" -> report(settings);
          default -> throw new IllegalStateException(step.kind());
        };
    settings.finish();
    return result;
  }

  private JsonNode split(RecipeSettings settings) throws IOException {
    ArrayNode result = RecipeRunner.JSON.createArrayNode();
    for (Path file : settings.paths("files")) {
      CorpusSplit split = CorpusSplit.write(file, folder);
      result
          .addObject()
          .put("file", file.getFileName().toString())
          .put("sha256", Sha256.of(file))
          .put("bytes", Files.size(file))
          .put("train_documents", split.trainDocuments())
          .put("held_out_documents", split.heldOutDocuments())
          .put("held_out_bytes", Files.size(split.heldOut()));
    }
    return result;
  }

  private JsonNode tokenizer(RecipeSettings settings) throws IOException {
    Path file = folder.resolve("tokenizer.json");
    int size =
        BaseTokenizer.train(settings.paths("corpus"), settings.count("vocab_size"), file, threads)
            .vocabularySize();
    return RecipeRunner.JSON.createObjectNode().put("vocabulary", size);
  }

  /** Every model on every text. */
  private JsonNode measure(RecipeSettings settings) throws IOException {
    Map<String, Path> models = settings.namedPaths("models");
    Map<String, Path> texts = settings.namedPaths("texts");
    ObjectNode result = RecipeRunner.JSON.createObjectNode();
    for (Map.Entry<String, Path> model : models.entrySet()) {
      try (LanguageModel language =
          LanguageModel.open(model.getValue(), LoadOptions.defaults().withThreads(threads))) {
        ObjectNode row = result.putObject(model.getKey());
        for (Map.Entry<String, Path> text : texts.entrySet()) {
          put(row.putObject(text.getKey()), TextMeasurement.of(language, text.getValue(), b -> {}));
        }
        console.err().print("eeve: " + model.getKey() + ": " + row + "\n");
      }
    }
    return result;
  }

  private static void put(ObjectNode json, TextMeasurement measured) {
    json.put("documents", measured.score().documents());
    json.put("tokens", measured.score().tokens());
    json.put("bytes", measured.score().bytes());
    put(json, "tokens_per_syllable", measured.tokensPerSyllable());
    put(json, "tokens_per_eojeol", measured.tokensPerEojeol());
    put(json, "bits_per_byte", measured.score().bitsPerByte());
  }

  private static void put(ObjectNode json, String key, OptionalDouble value) {
    if (value.isPresent()) {
      json.put(key, value.getAsDouble());
    } else {
      json.putNull(key);
    }
  }

  private static JsonNode report(RecipeSettings settings) throws IOException {
    Path page = settings.path("output");
    RecipeReport.write(page, settings.maps("sections"));
    return RecipeRunner.JSON.createObjectNode().put("page", page.toString());
  }

  /** Texts with the seeds 1, 2, 3…, every one kept; and the time they took. */
  private JsonNode sample(RecipeSettings settings) throws IOException {
    List<String> prompts = settings.texts("prompts");
    int count = settings.count("count");
    GenerationConfig config =
        GenerationConfig.greedy(settings.count("max_new_tokens"))
            .withTemperature((float) settings.number("temperature", 0))
            .withTopK((int) settings.number("top_k", 0))
            .withTopP((float) settings.number("top_p", 1))
            .withMinP((float) settings.number("min_p", 0))
            .withRepetitionPenalty((float) settings.number("repetition_penalty", 1))
            .withIgnoreEos(settings.number("ignore_eos", 0) != 0);
    ObjectNode result = RecipeRunner.JSON.createObjectNode();
    for (Map.Entry<String, Path> model : settings.namedPaths("models").entrySet()) {
      ArrayNode texts = result.putArray(model.getKey());
      LoadOptions options = LoadOptions.defaults().withThreads(threads);
      try (LanguageModel language = LanguageModel.open(model.getValue(), options)) {
        List<String> all = new ArrayList<>();
        for (int i = 0; i < count; i++) {
          all.add(prompts.get(i % prompts.size()));
        }
        for (int i = 0; i < all.size(); i++) {
          long start = System.nanoTime();
          Generation text = language.generate(all.get(i), config.withSeed(i + 1));
          texts
              .addObject()
              .put("seed", i + 1)
              .put("prompt", all.get(i))
              .put("text", text.text())
              .put("tokens", text.tokens().size())
              .put("seconds", (System.nanoTime() - start) / 1e9);
        }
      }
    }
    return result;
  }
}
