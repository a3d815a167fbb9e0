package dev.eeve.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.LanguageModel;
import dev.eeve.checkpoint.DType;
import dev.eeve.checkpoint.SafetensorsWriter;
import dev.eeve.checkpoint.TensorSpec;
import dev.eeve.model.Session;
import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code eeve score}. */
@Command(
    name = "score",
    description = "Log-probabilities of a text's tokens.",
    mixinStandardHelpOptions = true)
final class ScoreCommand extends BaseCommand {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  @Option(names = "--model", description = "A Hugging Face model folder.")
  private Path model;

  @ArgGroup(multiplicity = "1")
  private Input input;

  /** Exactly one of them. */
  static final class Input {
    @Option(names = "--text", description = "The text.")
    private String text;

    @Option(names = "--file", description = "A file, a document a line.")
    private Path file;

    @Option(names = "--tokens", description = "Token ids, scored as given.")
    private String tokens;
  }

  @Option(names = "--logits", description = "Write tensor logits, F32 (T, V), to this file.")
  private Path logits;

  @Option(names = "--dtype", defaultValue = "auto", description = "auto, f32, f16 or bf16.")
  private String dtype;

  /** Sums over documents. */
  private static final class Totals {
    private long documents;
    private long tokens;
    private long bytes;
    private double nats;

    private ObjectNode addTo(ObjectNode root, boolean withBytes) {
      if (tokens == 0) {
        root.putNull("nll").putNull("perplexity").putNull("bits_per_byte");
        return root;
      }
      root.put("nll", nats / tokens);
      root.put("perplexity", Math.exp(nats / tokens));
      if (withBytes && bytes > 0) {
        root.put("bits_per_byte", nats / Math.log(2) / bytes);
      } else {
        root.putNull("bits_per_byte");
      }
      return root;
    }
  }

  @Override
  public Integer call() throws IOException {
    if (logits != null && input.file != null) {
      throw new UsageException("--logits: goes with --text or --tokens, not with --file");
    }
    int[] given = input.tokens == null ? null : ids("--tokens", input.tokens);
    try (LanguageModel language = open(model, dtype)) {
      if (input.file != null) {
        Totals totals = new Totals();
        TextFiles.forEachLine(input.file, (text, place) -> score(language, text, totals));
        ObjectNode root = JsonNodeFactory.instance.objectNode();
        root.put("documents", totals.documents);
        root.put("tokens", totals.tokens);
        root.put("bytes", totals.bytes);
        print(totals.addTo(root, true));
        return 0;
      }
      Totals totals = new Totals();
      ObjectNode root = JsonNodeFactory.instance.objectNode();
      int[] ids = given == null ? withStart(language, input.text) : given;
      double[] scores = language.logProbabilities(ids);
      int skipped = given == null ? 1 : 0; // the start token is not part of the text
      ArrayNode tokens = root.putArray("tokens");
      ArrayNode logprobs = root.putArray("logprobs");
      for (int i = skipped; i < ids.length; i++) {
        tokens.add(ids[i]);
        if (i == 0) {
          logprobs.addNull();
        } else {
          logprobs.add(scores[i]);
        }
      }
      add(totals, scores);
      totals.bytes = given == null ? input.text.getBytes(StandardCharsets.UTF_8).length : 0;
      if (logits != null) {
        writeLogits(language, ids);
      }
      print(totals.addTo(root, given == null));
    }
    return 0;
  }

  private static void add(Totals totals, double[] scores) {
    for (int i = 1; i < scores.length; i++) {
      totals.nats -= scores[i];
      totals.tokens++;
    }
  }

  private static void score(LanguageModel language, String text, Totals totals) {
    add(totals, language.logProbabilities(withStart(language, text)));
    totals.documents++;
    totals.bytes += text.getBytes(StandardCharsets.UTF_8).length;
  }

  private static int[] withStart(LanguageModel language, String text) {
    Tokenizer tokenizer =
        language
            .tokenizer()
            .orElseThrow(
                () ->
                    new UsageException(
                        "--text: the model has no tokenizer.json; pass --tokens instead"));
    int start =
        language
            .startToken()
            .orElseThrow(
                () -> new UsageException("--text: the model names neither bos nor eos token"));
    int[] ids = tokenizer.encode(text, false);
    int[] all = new int[ids.length + 1];
    all[0] = start;
    System.arraycopy(ids, 0, all, 1, ids.length);
    return all;
  }

  private void print(ObjectNode root) {
    if (json) {
      output.json(root);
      return;
    }
    root.properties()
        .forEach(
            entry -> {
              if (entry.getValue().isDouble()) {
                output.line(
                    String.format(
                        Locale.ROOT, "%s %.6f", entry.getKey(), entry.getValue().doubleValue()));
              } else {
                output.line(entry.getKey() + " " + entry.getValue());
              }
            });
  }

  private void writeLogits(LanguageModel language, int[] ids) throws IOException {
    int context = language.phi().config().maxPositionEmbeddings();
    if (ids.length > context) {
      throw new UsageException(
          "--logits: %d tokens, the context holds %d; shorten the text"
              .formatted(ids.length, context));
    }
    int vocabulary = language.phi().config().vocabSize();
    TensorSpec tensor =
        new TensorSpec("logits", DType.F32, List.of((long) ids.length, (long) vocabulary));
    try (Session session = language.session(ids.length);
        SafetensorsWriter writer = SafetensorsWriter.create(logits, List.of(tensor), Map.of())) {
      session.appendForLogits(
          ids,
          0,
          ids.length,
          rows -> {
            try (Arena arena = Arena.ofConfined()) {
              long floats = (long) rows.rows() * vocabulary;
              MemorySegment bytes = arena.allocate(floats * 4);
              MemorySegment.copy(rows.data(), rows.offset(), bytes, FLOAT, 0, (int) floats);
              writer.write("logits", bytes);
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });
      writer.finish();
    }
  }
}
