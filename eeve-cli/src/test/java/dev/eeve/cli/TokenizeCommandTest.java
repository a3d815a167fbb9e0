package dev.eeve.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenizeCommandTest {
  private static final String HELLO =
      "[168,243,230,167,227,243,47991,246,168,226,116,168,248,242]\n";

  @TempDir private Path folder;
  private Path model;

  @BeforeEach
  void makeModel() throws IOException {
    model = TestModel.in(folder);
  }

  @Test
  void aKnownGreetingHasItsKnownIds() {
    Path file = Run.root().resolveSibling("shared").resolve("tokenizer/phi-2/tokenizer.json");
    assumeTrue(Files.exists(file), "no shared folder beside the checkout");
    assertEquals(HELLO, Run.of("tokenize", "--tokenizer", file, "--text", "안녕하세요").out());
    assertEquals(
        "안녕하세요\n",
        Run.of("tokenize", "--tokenizer", file, "--decode", HELLO.replaceAll("[\\[\\]\n]", ""))
            .out());
  }

  @Test
  void aDocumentIsALineAndItsIdsAreOneArray() throws IOException {
    Path file = Files.writeString(folder.resolve("f.txt"), "a\n\nb\r\nc\u2028\u0085d\n");
    String expected =
        "[98]\n[]\n[" + TestModel.ids("b\r") + "]\n[" + TestModel.ids("c\u2028\u0085d") + "]\n";
    assertEquals(expected, Run.of("tokenize", "--model", model, "--file", file).out());
  }

  @Test
  void jsonLinesAreReadAndUnpairedSurrogatesAreTheReplacementCharacter() throws IOException {
    Path file = folder.resolve("f.jsonl");
    Files.writeString(
        file, "{\"text\": \"가\", \"id\": 3}\n{\"text\": \"\"}\n{\"text\": \"a\\ud800b\"}\n");
    String expected = "[" + TestModel.ids("가") + "]\n[]\n[" + TestModel.ids("a\ufffdb") + "]\n";
    Run run = Run.of("tokenize", "--model", model, "--jsonl", file);
    assertEquals(expected, run.out(), run.err());
    for (String bad : new String[] {"", "{", "[]", "{\"text\": 1}", "{\"text\": \"a\"} {}"}) {
      Files.writeString(file, "{\"text\": \"\"}\n" + bad + "\n");
      Run refused = Run.of("tokenize", "--model", model, "--jsonl", file);
      assertEquals(1, refused.code(), bad);
      assertTrue(refused.err().startsWith("eeve: " + file + ": line 2: "), refused.err());
      assertEquals(1, refused.err().lines().count(), refused.err());
    }
  }

  @Test
  void textIsTakenAsItStands() {
    for (String text :
        new String[] {
          "@f.txt", "${user.home}", "", " ", "'a'", "-1", "-h가", "--json", "--text", "-V"
        }) {
      Run run = Run.of("tokenize", "--model", model, "--text", text);
      assertEquals("[" + TestModel.ids(text) + "]\n", run.out(), run.err());
    }
  }

  @Test
  void idsBecomeTextAndUnknownOnesAreNamed() {
    String file = model.resolve("tokenizer.json").toString();
    assertEquals(
        "{\"text\":\"가b\"}\n",
        Run.of("tokenize", "--tokenizer", file, "--decode", TestModel.ids("가b"), "--json").out());
    assertEquals(
        "가b\n", Run.of("tokenize", "--tokenizer", file, "--decode", TestModel.ids("가b")).out());
    assertEquals(
        "--decode: id 257 has no token in " + file,
        Run.refusal(1, "tokenize", "--tokenizer", file, "--decode", "1,257"));
    assertTrue(
        Run.refusal(2, "tokenize", "--tokenizer", file, "--decode", "x").startsWith("--decode"));
    assertTrue(Run.refusal(2, "tokenize", "--tokenizer", file).contains("--text"));
    assertTrue(
        Run.refusal(2, "tokenize", "--model", "m", "--tokenizer", file, "--text", "x")
            .contains("--model"));
    Path missing = folder.resolve("none.json");
    assertTrue(
        Run.refusal(1, "tokenize", "--tokenizer", missing, "--text", "x")
            .startsWith(missing + ": no such file"));
    assertTrue(
        Run.refusal(1, "tokenize", "--tokenizer", folder, "--text", "x")
            .startsWith(folder.toString()));
  }
}
