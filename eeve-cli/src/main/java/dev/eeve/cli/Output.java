package dev.eeve.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.Locale;

/** Where results go: UTF-8 whatever the locale, lines end in \n only. */
final class Output {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private final BufferedOutputStream out;

  Output(OutputStream out) {
    this.out = new BufferedOutputStream(out, 1 << 16);
  }

  /** Standard output cannot be written. */
  static final class Failure extends RuntimeException {
    private static final long serialVersionUID = 1;

    Failure(IOException cause) {
      super("standard output: " + cause.getMessage(), cause);
    }

    /** Whether whoever reads the results has gone, as {@code head} does: no fault of anybody. */
    boolean isReaderGone() {
      String reason = String.valueOf(getCause().getMessage()).toLowerCase(Locale.ROOT);
      return reason.contains("pipe") || reason.contains("connection reset");
    }
  }

  void text(String text) {
    try {
      out.write(text.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new Failure(e);
    }
  }

  void line(String text) {
    text(text);
    text("\n");
  }

  void json(JsonNode node) {
    try {
      line(MAPPER.writeValueAsString(node));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a tree of plain values is always JSON", e);
    }
  }

  void flush() {
    try {
      out.flush();
    } catch (IOException e) {
      throw new Failure(e);
    }
  }

  static ArrayNode array(int[] ids) {
    ArrayNode array = JsonNodeFactory.instance.arrayNode();
    for (int id : ids) {
      array.add(id);
    }
    return array;
  }

  static ArrayNode array(Collection<Integer> ids) {
    ArrayNode array = JsonNodeFactory.instance.arrayNode();
    ids.forEach(array::add);
    return array;
  }
}
