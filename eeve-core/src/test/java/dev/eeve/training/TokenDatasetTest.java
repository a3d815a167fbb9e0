package dev.eeve.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.tokenizer.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TokenDatasetTest {
  private static final int EOS = 299;

  @TempDir private Path folder;

  /** A tokenizer of bytes: byte b is id b. */
  static Tokenizer bytes() throws IOException {
    StringBuilder vocabulary = new StringBuilder();
    for (int b = 0; b < 256; b++) {
      boolean own = b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE;
      int shifted = 0;
      for (int c = 0; c < b; c++) {
        boolean plain = c >= '!' && c <= '~' || c >= 0xA1 && c <= 0xAC || c >= 0xAE;
        shifted += plain ? 0 : 1;
      }
      vocabulary
          .append(b == 0 ? "" : ",")
          .append(String.format("\"\\u%04x\":%d", own ? b : 256 + shifted, b));
    }
    String level = "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true";
    String json =
        "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[],"
            + "\"normalizer\":null,\"pre_tokenizer\":"
            + level
            + ",\"use_regex\":true},\"post_processor\":null,\"decoder\":"
            + level
            + ",\"use_regex\":true},\"model\":{\"type\":\"BPE\",\"vocab\":{"
            + vocabulary
            + "},\"merges\":[]}}";
    return Tokenizer.parse("bytes.json", json.getBytes(StandardCharsets.UTF_8));
  }

  private Path file(String name, String content) throws IOException {
    return Files.writeString(folder.resolve(name), content);
  }

  private static TokenDataset read(Path path, DataSource.Type type, int sequenceLen)
      throws IOException {
    return TokenDataset.read(
        List.of(new DataSource(path, type, 1)),
        Optional.of(bytes()),
        OptionalInt.of(EOS),
        300,
        sequenceLen);
  }

  @Test
  void aDocumentIsTokenizedWholeEndedAndCutIntoChunks() throws IOException {
    TokenDataset data = read(file("a.txt", "abcdefg\n\nhi\n"), DataSource.Type.TEXT, 4);
    assertEquals(3, data.size());
    assertArrayEquals(new int[] {'a', 'b', 'c', 'd'}, data.ids(0));
    assertArrayEquals(new int[] {'e', 'f', 'g', EOS}, data.ids(1));
    assertArrayEquals(new int[] {'h', 'i', EOS}, data.ids(2));
    assertArrayEquals(data.ids(2), data.labels(2));
    assertEquals(11, data.tokens());
  }

  @Test
  void aChunkOfOneTokenPredictsNothingAndIsLeftOut() throws IOException {
    TokenDataset data = read(file("a.txt", "abcd\n"), DataSource.Type.TEXT, 4);
    assertEquals(1, data.size());
  }

  @Test
  void jsonLinesAndCompressedFilesGiveTheSameDocuments() throws IOException {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(packed)) {
      gzip.write("안녕\nab\n".getBytes(StandardCharsets.UTF_8));
    }
    Path gz = Files.write(folder.resolve("a.txt.gz"), packed.toByteArray());
    Path json = file("a.jsonl", "{\"text\":\"안녕\"}\n{\"text\":\"ab\", \"id\":3}\n");
    TokenDataset expected = read(file("a.txt", "안녕\nab"), DataSource.Type.TEXT, 100);
    assertEquals(7, expected.length(0));
    for (Path other : List.of(gz, json)) {
      assertEquals(expected.checksum(), read(other, DataSource.Type.TEXT, 100).checksum());
    }
  }

  @Test
  void tokenLinesAreUsedAsTheyAreWithTheirLabels() throws IOException {
    TokenDataset data =
        read(
            file(
                "t.jsonl",
                "{\"input_ids\":[1,2,3]}\n{\"input_ids\":[4,5,6],\"labels\":[-100,-100,6]}\n"),
            DataSource.Type.TOKENS,
            8);
    assertArrayEquals(new int[] {1, 2, 3}, data.ids(0));
    assertArrayEquals(new int[] {1, 2, 3}, data.labels(0));
    assertArrayEquals(new int[] {-100, -100, 6}, data.labels(1));
    TrainingBatch batch = SequencePacker.batch(data, 1, 0);
    assertArrayEquals(new int[] {4, 5, 6, 1, 2, 3}, batch.ids());
    assertArrayEquals(new int[] {-100, 6, -100, 2, 3, -100}, batch.targets());
    assertArrayEquals(new int[] {0, 3}, batch.documents());
    assertEquals(3, batch.targetCount());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"input_ids":[1,300]}                    | line 2: token 300, needed 0 to 299
          {"input_ids":[1,-1]}                     | line 2: token -1, needed 0 to 299
          {"input_ids":[1,2],"labels":[1]}         | line 2: 1 labels, needed one for each of 2
          {"input_ids":[1,2],"labels":[1,-7]}      | line 2: label -7, needed -100 or 0 to 299
          {"input_ids":[1,2,3,4,5,6,7,8,9]}        | line 2: 9 tokens, sequence_len is 8
          {"input_ids":[1,2.5]}                    | line 2: input_ids: 2.5, needed a token id
          {"ids":[1,2]}                            | line 2: no array "input_ids"
          {"input_ids":[7]}                        | line 2: 1 tokens, needed at least 2
          {"input_ids":[1,2]                       | line 2: not valid JSON
          """)
  void aBrokenLineIsNamed(String line, String message) throws IOException {
    Path path = file("t.jsonl", "{\"input_ids\":[1,2]}\n" + line + "\n");
    Exception e = assertThrows(Exception.class, () -> read(path, DataSource.Type.TOKENS, 8));
    assertTrue(e.getMessage().startsWith(path + ": " + message), e.getMessage());
    assertEquals(1, e.getMessage().lines().count());
  }

  @Test
  void missingFilesAndMissingTextAreNamed() throws IOException {
    Path missing = folder.resolve("no.txt");
    assertTrue(
        assertThrows(IOException.class, () -> read(missing, DataSource.Type.TEXT, 8))
            .getMessage()
            .startsWith(missing + ": "));
    Path json = file("x.jsonl", "{\"txt\":\"a\"}\n");
    assertTrue(
        assertThrows(IOException.class, () -> read(json, DataSource.Type.TEXT, 8))
            .getMessage()
            .startsWith(json + ": line 1: no string \"text\""));
    Path empty = file("e.txt", "");
    assertThrows(IllegalArgumentException.class, () -> read(empty, DataSource.Type.TEXT, 8));
  }

  @Test
  void theChecksumSeesTokensLabelsBoundariesAndWeights() {
    long first = TokenDataset.of(List.of(new int[] {1, 2, 3}, new int[] {4, 5})).checksum();
    assertEquals(first, TokenDataset.of(List.of(new int[] {1, 2, 3}, new int[] {4, 5})).checksum());
    assertNotEquals(
        first, TokenDataset.of(List.of(new int[] {1, 2}, new int[] {3, 4, 5})).checksum());
    assertNotEquals(
        first, TokenDataset.of(List.of(new int[] {1, 2, 3}, new int[] {4, 6})).checksum());
  }
}
