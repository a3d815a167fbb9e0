package dev.eeve.internal;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.PrettyPrinter;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;

/** JSON as other people's files must be read: no duplicate keys, nothing after the end, bounded. */
public final class StrictJson {
  /** Deeper than any file of ours nests; stops stack exhaustion by hostile input. */
  private static final int MAX_NESTING = 64;

  /** The longest number a config or header needs has 20 digits. */
  private static final int MAX_NUMBER_LENGTH = 64;

  /** As long as a line of documents may be. */
  private static final int MAX_STRING_LENGTH = 1 << 28;

  /** A mapper with these rules, for trees and for writing; thread-safe. */
  public static final ObjectMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(MAX_NESTING)
                          .maxNumberLength(MAX_NUMBER_LENGTH)
                          .maxStringLength(MAX_STRING_LENGTH)
                          .build())
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  /** Writes as Python's {@code json.dumps(…, indent=2)} does. */
  public static final PrettyPrinter INDENTED =
      new DefaultPrettyPrinter()
          .withArrayIndenter(DefaultIndenter.SYSTEM_LINEFEED_INSTANCE.withLinefeed("\n"))
          .withObjectIndenter(DefaultIndenter.SYSTEM_LINEFEED_INSTANCE.withLinefeed("\n"))
          .withSeparators(
              Separators.createDefaultInstance()
                  .withObjectFieldValueSpacing(Separators.Spacing.AFTER));

  /** Longer than any message of the parser's own, shorter than a name it may quote. */
  private static final int MAX_REASON = 300;

  private StrictJson() {}

  /**
   * What the parser says is wrong, fit for one line.
   *
   * @param e as thrown by it
   * @return without the place
   */
  public static String reason(JsonProcessingException e) {
    return FileFailure.printable(e.getOriginalMessage().lines().findFirst().orElse(""), MAX_REASON);
  }

  /**
   * Reads one JSON file.
   *
   * @param file a regular file, or a link to one
   * @param maxBytes what no honest file exceeds; bounds the memory a hostile one can take
   * @return its tree; never null or missing
   * @throws IOException names the file, the place and what is wrong there
   */
  public static JsonNode read(Path file, int maxBytes) throws IOException {
    byte[] utf8;
    try {
      FileFailure.checkRegular(file);
      if (Files.size(file) > maxBytes) {
        throw new IOException(
            file + ": " + Files.size(file) + " bytes, needed at most " + maxBytes);
      }
      utf8 = Files.readAllBytes(file);
    } catch (FileSystemException e) { // its message is often just the file's name
      throw FileFailure.of(file, e);
    }
    return parse(file.toString(), utf8);
  }

  /**
   * Reads one JSON document.
   *
   * @param name the file, as errors shall name it
   * @param utf8 the document
   * @return its tree; never null or missing
   * @throws IOException names the file, the place and what is wrong there
   */
  public static JsonNode parse(String name, byte[] utf8) throws IOException {
    JsonNode root;
    try {
      root = MAPPER.readTree(utf8);
    } catch (JsonProcessingException e) {
      JsonLocation at = e.getLocation();
      String place =
          at == null ? "" : "line " + at.getLineNr() + ", column " + at.getColumnNr() + ": ";
      throw new IOException(name + ": not valid JSON: " + place + reason(e), e);
    } catch (IOException e) { // Jackson reports broken UTF-8 as a plain IOException
      throw new IOException(name + ": not valid JSON: " + e.getMessage(), e);
    }
    if (root.isMissingNode()) {
      throw new IOException(name + ": not valid JSON: the document is empty");
    }
    return root;
  }
}
