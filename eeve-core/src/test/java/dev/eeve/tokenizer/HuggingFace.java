package dev.eeve.tokenizer;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Assumptions;

/** Hugging Face's own library, which every id is compared with. */
public final class HuggingFace implements AutoCloseable {
  static {
    System.setProperty("ai.djl.offline", "true"); // its native library is inside its jar
  }

  private final HuggingFaceTokenizer tokenizer;

  private HuggingFace(HuggingFaceTokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  /**
   * Reads a tokenizer.json; skips the test where the native library does not exist.
   *
   * @param json the file
   * @return the library's tokenizer
   * @throws IOException if there is no such file
   */
  public static HuggingFace read(Path json) throws IOException {
    try {
      return new HuggingFace(
          HuggingFaceTokenizer.builder()
              .optTokenizerPath(json)
              .optTruncation(false)
              .optPadding(false)
              .build());
    } catch (LinkageError | IllegalStateException e) {
      return Assumptions.abort("Hugging Face's native library does not load here: " + e);
    }
  }

  /**
   * Its ids.
   *
   * @param text any
   * @return without those of a template
   */
  public int[] encode(String text) {
    return encode(text, false);
  }

  int[] encode(String text, boolean addSpecialTokens) {
    return ints(tokenizer.encode(text, addSpecialTokens, false).getIds());
  }

  /**
   * Its text.
   *
   * @param ids any
   * @param skipSpecial whether special tokens are left out
   * @return what they decode to
   */
  public String decode(int[] ids, boolean skipSpecial) {
    return tokenizer.decode(Arrays.stream(ids).asLongStream().toArray(), skipSpecial);
  }

  /** Tokens of each word, in order. */
  int[] tokensByWord(String text) {
    Encoding encoding = tokenizer.encode(text, false, false);
    long[] words = encoding.getWordIds();
    int[] starts =
        IntStream.rangeClosed(0, words.length)
            .filter(i -> i == 0 || i == words.length || words[i] != words[i - 1])
            .toArray();
    return IntStream.range(1, starts.length).map(i -> starts[i] - starts[i - 1]).toArray();
  }

  private static int[] ints(long[] ids) {
    return Arrays.stream(ids).mapToInt(Math::toIntExact).toArray();
  }

  @Override
  public void close() {
    tokenizer.close();
  }
}
