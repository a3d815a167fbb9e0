package dev.eeve.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The same ids and the same text as Hugging Face's own library. */
class TokenizerIdentityTest {
  private static final List<String> TEXTS =
      List.of(
          "",
          " ",
          "안녕하세요",
          "KBS 9시 뉴스, 2024년",
          "ㅋㅋㅋ ㅠㅠ",
          "오늘 본 영화는 정말 재미있었다!! 별점 ★★★★☆ (9.5/10)",
          "한글 각 옛말 ᄒᆞᆫ글",
          "def f(x):\n    return x\n\n\tif x:\n\t\t\tpass  \n",
          "it's we're I'll they've I'd 'S 'RE don''t ''s",
          "👩‍👩‍👧‍👦 🇰🇷 👍🏽 ❤️ 𝒳𝓎 𠮷野家",
          "a\u00a0b\u2003c\u3000d\u200be\ufefff\u0085g\u2028h\u180ei\u001cj\u001fk",
          "\u0000\u0001\u007f\u0080\r\n\r\n \n \t x",
          "<|endoftext|>안녕<|endoftext|><|endoftext| <|endoftext|>> <|endof",
          "①②③ ½ Ⅷ ٣ 四 १२३ x²",
          "ἀρχή Привет עברית العربية ไทย हिन्दी ქართული");

  static List<String> texts() {
    return TEXTS;
  }

  static Stream<Path> files() {
    return Stream.concat(
        Stream.of(TokenizerFiles.rebuiltPhi2()), TokenizerFiles.sharedPhi2().stream());
  }

  @ParameterizedTest
  @MethodSource("files")
  void idsAndTextEqualHuggingFaces(Path file) throws IOException {
    Tokenizer ours = Tokenizer.read(file);
    try (HuggingFace theirs = HuggingFace.read(file)) {
      List<String> texts = new ArrayList<>(TEXTS);
      for (int n = 1; n <= 40; n++) {
        texts.add("a" + " ".repeat(n) + "b" + "\t".repeat(n) + "c" + " ".repeat(n));
        texts.add(" ".repeat(n) + "\t".repeat(n % 11) + "return 0;" + "\n".repeat(n % 4));
      }
      Random random = new Random(1);
      for (int i = 0; i < 3000; i++) {
        texts.add(randomText(random, i));
      }
      for (String text : texts) {
        int[] ids = theirs.encode(text);
        assertArrayEquals(ids, ours.encode(text, false), () -> escape(text));
        assertEquals(theirs.decode(ids, false), ours.decode(ids), () -> escape(text));
        assertEquals(text, ours.decode(ids), () -> escape(text));
      }
    }
  }

  @Test
  void everyCodePointSplitsAsHuggingFacesDoes() throws IOException {
    Path file = TokenizerFiles.rebuiltPhi2();
    Tokenizer ours = Tokenizer.read(file);
    try (HuggingFace theirs = HuggingFace.read(file)) {
      StringBuilder text = new StringBuilder();
      for (int c = 1; c <= Character.MAX_CODE_POINT; c++) {
        if (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE) {
          continue;
        }
        text.append("a ").appendCodePoint(c).append("b1").appendCodePoint(c).append("2. ");
        if (c % 4096 == 0 || c == Character.MAX_CODE_POINT) {
          String part = text.toString();
          int upTo = c;
          assertArrayEquals(
              theirs.encode(part),
              ours.encode(part, false),
              () -> "up to " + Integer.toHexString(upTo));
          text.setLength(0);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("files")
  void streamingEndsEqualToTheFullDecodeOfAnyIds(Path file) throws IOException {
    Tokenizer ours = Tokenizer.read(file);
    Random random = new Random(2);
    try (HuggingFace theirs = HuggingFace.read(file)) {
      for (int i = 0; i < 2000; i++) {
        int[] ids = random.ints(1 + random.nextInt(12), 0, i % 2 == 0 ? 256 : 50295).toArray();
        TextDecoder decoder = ours.decoder(true);
        StringBuilder streamed = new StringBuilder();
        for (int id : ids) {
          streamed.append(decoder.accept(id));
        }
        streamed.append(decoder.finish());
        assertEquals(theirs.decode(ids, true), streamed.toString());
        assertEquals(ours.decode(ids, true), streamed.toString());
      }
    }
  }

  @Test
  void unpairedSurrogatesAreReplacementCharacters() throws IOException {
    Tokenizer ours = Tokenizer.read(TokenizerFiles.rebuiltPhi2());
    assertArrayEquals(ours.encode("a\ufffdb\ufffd", false), ours.encode("a\ud800b\udc00", false));
  }

  @Test
  void longWordsEqualHuggingFaces() throws IOException {
    Path file = TokenizerFiles.rebuiltPhi2();
    Tokenizer ours = Tokenizer.read(file);
    Random random = new Random(3);
    StringBuilder korean = new StringBuilder();
    for (int i = 0; i < 60_000; i++) {
      korean.append((char) ('가' + random.nextInt(11172)));
    }
    try (HuggingFace theirs = HuggingFace.read(file)) {
      for (String text : List.of("a".repeat(200_000), korean.toString(), "!".repeat(30_001))) {
        assertArrayEquals(theirs.encode(text), ours.encode(text, false));
      }
    }
  }

  @Test
  void threadsAtOnceGetTheSameIds() throws Exception {
    Tokenizer ours = Tokenizer.read(TokenizerFiles.rebuiltPhi2());
    Random random = new Random(4);
    List<String> texts = Stream.generate(() -> randomText(random, 0)).limit(300).toList();
    Tokenizer fresh = Tokenizer.read(TokenizerFiles.rebuiltPhi2());
    List<int[]> expected = texts.stream().map(text -> fresh.encode(text, false)).toList();
    try (ExecutorService pool = Executors.newFixedThreadPool(8)) {
      Callable<List<int[]>> work =
          () -> texts.stream().map(text -> ours.encode(text, false)).toList();
      for (Future<List<int[]>> result : pool.invokeAll(Collections.nCopies(16, work))) {
        for (int i = 0; i < expected.size(); i++) {
          assertArrayEquals(expected.get(i), result.get().get(i));
        }
      }
    }
  }

  /** Syllables, letters, spaces, controls and anything else, in short runs. */
  private static String randomText(Random random, int kind) {
    StringBuilder text = new StringBuilder();
    int length = random.nextInt(60);
    for (int i = 0; i < length; i++) {
      int c =
          switch (random.nextInt(kind % 2 == 0 ? 6 : 8)) {
            case 0, 1 -> '가' + random.nextInt(11172);
            case 2 -> 'a' + random.nextInt(26);
            case 3 -> ' ';
            case 4 -> " \t\n'.,0123456789".charAt(random.nextInt(16));
            case 5 -> 0x3130 + random.nextInt(0x60);
            case 6 -> 1 + random.nextInt(0xD7FF);
            default -> 0x10000 + random.nextInt(0x20000);
          };
      text.appendCodePoint(c);
    }
    return text.toString();
  }

  private static String escape(String text) {
    StringBuilder shown = new StringBuilder();
    text.chars()
        .forEach(c -> shown.append(c < 127 && c > 31 ? "" + (char) c : "\\u%04x".formatted(c)));
    return shown.toString();
  }
}
