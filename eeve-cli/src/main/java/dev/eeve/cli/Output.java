package dev.eeve.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.PrintStream;
import picocli.CommandLine;

/** Where results go: UTF-8, lines end in \n only. */
final class Output {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private final PrintStream out;

  Output(PrintStream out) {
    this.out = out;
  }

  void text(String text) {
    out.print(text);
  }

  void line(String text) {
    out.print(text + "\n");
  }

  void json(JsonNode node) {
    try {
      line(MAPPER.writeValueAsString(node));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a tree of plain values is always JSON", e);
    }
  }

  void flush() {
    out.flush();
    if (out.checkError()) {
      throw new IllegalStateException("standard output is closed");
    }
  }

  static ArrayNode array(int[] ids) {
    ArrayNode array = JsonNodeFactory.instance.arrayNode();
    for (int id : ids) {
      array.add(id);
    }
    return array;
  }

  /** Gives every command its output. */
  static final class Factory implements CommandLine.IFactory {
    private final Output output;

    Factory(PrintStream out) {
      output = new Output(out);
    }

    @Override
    public <K> K create(Class<K> type) throws Exception {
      K made = CommandLine.defaultFactory().create(type);
      if (made instanceof BaseCommand command) {
        command.output = output;
      }
      return made;
    }
  }
}
