package dev.eeve.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.internal.StrictJson;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class TokenTableTest {
  static Stream<Path> files() {
    return Stream.concat(
        Stream.of(TokenizerFiles.rebuiltPhi2()), TokenizerFiles.sharedPhi2().stream());
  }

  @ParameterizedTest
  @MethodSource("files")
  void aTableGivesTheIdsOfTheFileItIsFrom(Path file) throws IOException {
    Tokenizer tokenizer = Tokenizer.read(file);
    TokenTable table = tokenizer.table(51_200);
    assertEquals(TokenTable.Kind.SPECIAL, table.kinds().get(50_256));
    assertEquals(TokenTable.Kind.ADDED, table.kinds().get(50_284));
    assertEquals("    ", table.tokens().get(50_284));
    assertEquals("[PAD50295]", table.tokens().get(50_295));
    Tokenizer again = Tokenizer.of("x.gguf", table);
    assertEquals(tokenizer.merges(), again.merges());
    assertEquals(50_295, again.vocabularySize());
    assertFalse(again.isToken(50_295));
    assertTrue(again.isSpecial(50_256));
    List<String> texts = new ArrayList<>(TokenizerIdentityTest.texts());
    for (int n = 1; n <= 40; n++) {
      texts.add("a" + " ".repeat(n) + "b" + "\t".repeat(n) + "c" + " ".repeat(n) + "\n");
    }
    for (String text : texts) {
      int[] ids = tokenizer.encode(text);
      assertArrayEquals(ids, again.encode(text), text);
      assertEquals(tokenizer.decode(ids, true), again.decode(ids, true), text);
    }
    assertEquals(table, again.table(51_200));
  }

  @Test
  void idsAroundATextGoWithTheTable() throws IOException {
    TokenTable bytes = bytes();
    Tokenizer tokenizer =
        Tokenizer.of(
            "x", new TokenTable(bytes.tokens(), bytes.kinds(), List.of(), List.of(7), List.of(8)));
    assertArrayEquals(new int[] {7, 'a', 8}, tokenizer.encode("a"));
    assertEquals(List.of(7), tokenizer.table(256).before());
  }

  @Test
  void aTokenizerWithoutAllBytesIsNoTable() throws IOException {
    String json =
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]},"
            + "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},\"decoder\":{\"type\":\"ByteLevel\"}}";
    Tokenizer few = Tokenizer.parse("t", json.getBytes(StandardCharsets.UTF_8));
    String message = assertThrows(IllegalArgumentException.class, () -> few.table(3)).getMessage();
    assertTrue(message.contains("no token for some of the 256 bytes"), message);
  }

  private static TokenTable bytes() throws IOException {
    return Tokenizer.parse("t", StrictJson.MAPPER.writeValueAsBytes(TokenizerFiles.bytesOnly()))
        .table(256);
  }

  @Test
  void brokenTablesAreRefusedByName() throws IOException {
    TokenTable good = bytes();
    List<String> twice = new ArrayList<>(good.tokens());
    twice.set(5, twice.get(200));
    refused(new TokenTable(twice, good.kinds(), List.of(), List.of(), List.of()), "ids 5 and 200");
    List<String> empty = new ArrayList<>(good.tokens());
    empty.set(5, "");
    refused(new TokenTable(empty, good.kinds(), List.of(), List.of(), List.of()), "id 5 is empty");
    List<TokenTable.Kind> unused = new ArrayList<>(good.kinds());
    unused.set(5, TokenTable.Kind.UNUSED);
    refused(
        new TokenTable(good.tokens(), unused, List.of(), List.of(), List.of()), "the 256 bytes");
    for (String merge : List.of("a", "a b c", "a zz", "a b")) {
      refused(
          new TokenTable(good.tokens(), good.kinds(), List.of(merge), List.of(), List.of()),
          "merges: 0 is \"" + merge + "\"");
    }
    refused(
        new TokenTable(good.tokens(), good.kinds(), List.of(), List.of(999), List.of()), "id 999");
    assertThrows(
        IllegalArgumentException.class,
        () -> new TokenTable(List.of("a"), List.of(), List.of(), List.of(), List.of()));
  }

  private static void refused(TokenTable table, String says) {
    String message =
        assertThrows(IOException.class, () -> Tokenizer.of("x.gguf", table)).getMessage();
    assertTrue(message.startsWith("x.gguf: ") && message.contains(says), message);
  }

  @Test
  void rulesThatATableCannotHoldAreNamed() throws IOException {
    ObjectNode prefix = TokenizerFiles.bytesOnly();
    ((ObjectNode) prefix.get("pre_tokenizer")).put("add_prefix_space", true);
    ObjectNode whole = TokenizerFiles.bytesOnly();
    ((ObjectNode) whole.get("model")).put("ignore_merges", true);
    ObjectNode strip = TokenizerFiles.bytesOnly();
    ((ArrayNode) strip.get("added_tokens"))
        .addObject()
        .put("id", 256)
        .put("content", "<x>")
        .put("single_word", false)
        .put("lstrip", true)
        .put("rstrip", false)
        .put("normalized", false)
        .put("special", true);
    for (ObjectNode json : List.of(prefix, whole, strip)) {
      Tokenizer tokenizer = Tokenizer.parse("t", StrictJson.MAPPER.writeValueAsBytes(json));
      String message =
          assertThrows(IllegalArgumentException.class, () -> tokenizer.table(300)).getMessage();
      assertTrue(message.contains("cannot hold"), message);
    }
    Tokenizer plain = Tokenizer.of("x", bytes());
    assertThrows(IllegalArgumentException.class, () -> plain.table(255));
  }
}
