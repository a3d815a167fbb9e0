package dev.eeve.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.eeve.LanguageModel;
import dev.eeve.TextDocuments;
import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.LongConsumer;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code eeve tokenize}. */
@Command(name = "tokenize", description = "Text to ids and back.", mixinStandardHelpOptions = true)
final class TokenizeCommand extends BaseCommand {
  @ArgGroup private Source source;

  @ArgGroup(multiplicity = "1")
  private Input input;

  /** At most one of them; the tokenizer of the model that ships with the tool without. */
  static final class Source {
    @Option(names = "--model", description = "A model folder with tokenizer.json or a .gguf file.")
    private Path model;

    @Option(names = "--tokenizer", description = "A tokenizer.json.")
    private Path tokenizer;
  }

  /** Exactly one of them. */
  static final class Input {
    @Option(names = "--text", description = "The text.")
    private String text;

    @Option(names = "--file", description = "A file, a document a line.")
    private Path file;

    @Option(names = "--jsonl", description = "A file with a JSON object with \"text\" a line.")
    private Path jsonl;

    @Option(names = "--decode", description = "Token ids to turn to text, as 1,2,3.")
    private String ids;
  }

  @Option(names = "--add-special-tokens", description = "As the tokenizer's post-processor does.")
  private boolean addSpecialTokens;

  @Override
  public Integer call() throws IOException {
    int[] ids = input.ids == null ? null : ids("--decode", input.ids);
    options("auto"); // checks --threads, though encoding uses one
    Tokenizer tokenizer =
        source != null && source.tokenizer != null
            ? Tokenizer.read(source.tokenizer)
            : withModel(
                source == null ? null : source.model,
                file ->
                    LanguageModel.readTokenizer(file)
                        .orElseThrow(() -> new IOException(file + ": no tokenizer, needed one")));
    if (ids != null) {
      for (int id : ids) {
        if (!tokenizer.isToken(id)) {
          throw new IllegalArgumentException("--decode: id " + id + " has no token in " + name());
        }
      }
      String text = tokenizer.decode(ids);
      if (json) {
        output.json(JsonNodeFactory.instance.objectNode().put("text", text));
      } else {
        output.line(text);
      }
    } else if (input.text != null) {
      print(tokenizer, input.text);
    } else {
      printDocuments(tokenizer);
    }
    return 0;
  }

  private String name() {
    if (source == null) {
      return "the model that ships with the tool";
    }
    return String.valueOf(source.model == null ? source.tokenizer : source.model);
  }

  private void printDocuments(Tokenizer tokenizer) throws IOException {
    boolean alone = !System.getProperty(Main.TERMINALS, "").contains("1"); // no results between
    Console quiet = new Console(output, console.err(), console.progress() && alone);
    Path file = input.file != null ? input.file : input.jsonl;
    try (Progress progress = new Progress(quiet)) {
      LongConsumer shown = done -> progress.update("encoding", done, file.toFile().length());
      TextDocuments.Visitor visitor = (text, place) -> print(tokenizer, text);
      if (input.file != null) {
        TextDocuments.forEachLine(file, shown, visitor);
      } else {
        TextDocuments.forEachJsonText(file, shown, visitor);
      }
    }
  }

  private void print(Tokenizer tokenizer, String text) {
    output.json(Output.array(tokenizer.encode(text, addSpecialTokens)));
  }
}
