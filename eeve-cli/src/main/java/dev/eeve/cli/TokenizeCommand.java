package dev.eeve.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code eeve tokenize}. */
@Command(name = "tokenize", description = "Text to ids and back.", mixinStandardHelpOptions = true)
final class TokenizeCommand extends BaseCommand {
  @ArgGroup(multiplicity = "1")
  private Source source;

  @ArgGroup(multiplicity = "1")
  private Input input;

  /** Exactly one of them. */
  static final class Source {
    @Option(names = "--model", description = "A model folder with tokenizer.json.")
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
    Path file = source.model == null ? source.tokenizer : source.model.resolve("tokenizer.json");
    Tokenizer tokenizer = Tokenizer.read(file);
    if (input.ids != null) {
      int[] ids = ids("--decode", input.ids);
      for (int id : ids) {
        if (!tokenizer.isToken(id)) {
          throw new UsageException("--decode: id " + id + " is no token of " + file);
        }
      }
      output.line(tokenizer.decode(ids));
    } else if (input.text != null) {
      print(tokenizer, input.text);
    } else if (input.file != null) {
      TextFiles.forEachLine(input.file, (text, place) -> print(tokenizer, text));
    } else {
      ObjectMapper mapper = new ObjectMapper();
      TextFiles.forEachLine(
          input.jsonl, (line, place) -> print(tokenizer, text(mapper, line, place)));
    }
    return 0;
  }

  private static String text(ObjectMapper mapper, String line, String place) throws IOException {
    JsonNode text;
    try {
      text = mapper.readTree(line).path("text");
    } catch (IOException e) {
      throw new IOException(place + ": not valid JSON; needed {\"text\": …}", e);
    }
    if (!text.isTextual()) {
      throw new IOException(place + ": no \"text\", needed a JSON object with a string there");
    }
    return text.textValue();
  }

  private void print(Tokenizer tokenizer, String text) {
    output.json(Output.array(tokenizer.encode(text, addSpecialTokens)));
  }
}
