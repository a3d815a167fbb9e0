package dev.eeve.vocabulary;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.internal.StrictJson;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * What a corpus, or a share of it, amounts to.
 *
 * @param tokenizer SHA-256 of the tokenizer.json whose words were counted
 * @param documents documents counted
 * @param bytes their UTF-8 bytes
 * @param badLines lines that were skipped, being no UTF-8 or no JSON
 * @param heldOut the documents that were not counted
 */
public record CorpusTotals(
    String tokenizer, long documents, long bytes, long badLines, HeldOut heldOut) {
  /** Enough to look at. */
  private static final int MAX_EXAMPLES = 5;

  /**
   * Documents kept apart to measure on.
   *
   * @param documents how many
   * @param bytes their UTF-8 bytes
   * @param eojeols runs of characters without white space
   * @param syllables Hangul syllables
   * @param addedTokens tokens the tokenizer finds in the text before it splits it into words
   * @param examples some of them, those with the lowest SHA-256
   */
  public record HeldOut(
      long documents,
      long bytes,
      long eojeols,
      long syllables,
      long addedTokens,
      List<Example> examples) {
    /** None. */
    public static final HeldOut NONE = new HeldOut(0, 0, 0, 0, 0, List.of());

    /** Keeps its own list. */
    public HeldOut {
      examples = List.copyOf(examples);
    }

    HeldOut plus(HeldOut other) {
      List<Example> all = new ArrayList<>(examples);
      all.addAll(other.examples);
      return new HeldOut(
          documents + other.documents,
          bytes + other.bytes,
          eojeols + other.eojeols,
          syllables + other.syllables,
          addedTokens + other.addedTokens,
          all.stream()
              .sorted(Comparator.comparing(Example::sha256).thenComparing(Example::text))
              .distinct()
              .limit(MAX_EXAMPLES)
              .toList());
    }
  }

  /**
   * A document to show.
   *
   * @param sha256 of its UTF-8, in hexadecimal
   * @param text all of it
   */
  public record Example(String sha256, String text) {}

  static CorpusTotals none(String tokenizer) {
    return new CorpusTotals(tokenizer, 0, 0, 0, HeldOut.NONE);
  }

  CorpusTotals plus(CorpusTotals other) {
    return new CorpusTotals(
        tokenizer,
        documents + other.documents,
        bytes + other.bytes,
        badLines + other.badLines,
        heldOut.plus(other.heldOut));
  }

  CorpusTotals withHeldOut(HeldOut other) {
    return new CorpusTotals(tokenizer, documents, bytes, badLines, other);
  }

  ObjectNode toJson() {
    ObjectNode json = StrictJson.MAPPER.createObjectNode();
    json.put("tokenizer", tokenizer).put("documents", documents).put("bytes", bytes);
    json.put("bad_lines", badLines);
    ObjectNode held = json.putObject("held_out");
    held.put("documents", heldOut.documents).put("bytes", heldOut.bytes);
    held.put("eojeols", heldOut.eojeols).put("syllables", heldOut.syllables);
    held.put("added_tokens", heldOut.addedTokens);
    for (Example example : heldOut.examples) {
      held.withArray("examples")
          .addObject()
          .put("sha256", example.sha256)
          .put("text", example.text);
    }
    return json;
  }

  static CorpusTotals parse(String name, byte[] utf8) throws IOException {
    JsonNode json = StrictJson.parse(name, utf8);
    JsonNode held = json.path("held_out");
    List<Example> examples = new ArrayList<>();
    for (JsonNode example : held.path("examples")) {
      examples.add(new Example(example.path("sha256").asText(), example.path("text").asText()));
    }
    return new CorpusTotals(
        json.path("tokenizer").asText(),
        number(name, json, "documents"),
        number(name, json, "bytes"),
        number(name, json, "bad_lines"),
        new HeldOut(
            number(name, held, "documents"),
            number(name, held, "bytes"),
            number(name, held, "eojeols"),
            number(name, held, "syllables"),
            number(name, held, "added_tokens"),
            examples));
  }

  private static long number(String name, JsonNode json, String key) throws IOException {
    JsonNode value = json.path(key);
    if (!value.isIntegralNumber() || !value.canConvertToLong() || value.longValue() < 0) {
      throw new IOException(
          name + ": " + key + ": " + value + " found, needed a count; count the corpus again");
    }
    return value.longValue();
  }
}
