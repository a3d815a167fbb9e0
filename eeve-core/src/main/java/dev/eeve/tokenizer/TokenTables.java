package dev.eeve.tokenizer;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Tokenizers from {@link TokenTable}s and back. */
final class TokenTables {
  private TokenTables() {}

  /**
   * The table's tokenizer. Added tokens are looked for as Hugging Face's defaults have it: special
   * ones first, then, in what lies between, the others.
   */
  static Tokenizer read(String file, TokenTable table) throws IOException {
    if (table.tokens().size() > MergeTable.MAX_IDS) {
      throw bad(
          file,
          "tokens: %d, needed at most %d".formatted(table.tokens().size(), MergeTable.MAX_IDS));
    }
    Map<String, Integer> ids = new HashMap<>();
    List<AddedToken> added = new ArrayList<>();
    for (int id = 0; id < table.tokens().size(); id++) {
      String token = table.tokens().get(id);
      TokenTable.Kind kind = table.kinds().get(id);
      if (kind == TokenTable.Kind.UNUSED) {
        continue;
      }
      if (token.isEmpty()) {
        throw bad(file, "tokens: id " + id + " is empty, needed a token");
      }
      Integer other = ids.put(token, id);
      if (other != null) {
        throw bad(
            file,
            "tokens: ids %d and %d are both %s, needed one id a token"
                .formatted(other, id, JsonValue.show(token)));
      }
      if (kind != TokenTable.Kind.NORMAL) {
        boolean special = kind == TokenTable.Kind.SPECIAL;
        added.add(new AddedToken(id, token, false, false, false, !special, special));
      }
    }
    if (!BytePairEncoding.hasAllBytes(ids)) {
      throw bad(file, "tokens: some of the 256 bytes have none, needed all of GPT-2's alphabet");
    }
    List<Merge> merges = merges(file, table.merges(), ids);
    AddedNumbering numbering = AddedNumbering.of(ids, added);
    Vocabulary vocabulary = new Vocabulary(ids, numbering);
    return new Tokenizer(
        vocabulary,
        merges,
        new AddedTokens(vocabulary.addedById(), numbering.plain(), numbering.normalized()),
        new PreTokenizer(false, true),
        BytePairEncoding.of(ids, merges, new BytePairEncoding.Unknown(-1, false), false),
        new PostProcessor(
            known(file, table.before(), vocabulary), known(file, table.after(), vocabulary)));
  }

  private static List<Merge> merges(String file, List<String> texts, Map<String, Integer> ids)
      throws IOException {
    if (texts.size() > MergeTable.MAX_MERGES) {
      throw bad(
          file, "merges: %d, needed at most %d".formatted(texts.size(), MergeTable.MAX_MERGES));
    }
    List<Merge> merges = new ArrayList<>(texts.size());
    for (String text : texts) {
      int space = text.indexOf(' ');
      if (space < 0 || text.indexOf(' ', space + 1) >= 0) {
        throw bad(
            file,
            "merges: %d is %s, needed two tokens with one space between them"
                .formatted(merges.size(), JsonValue.show(text)));
      }
      String left = text.substring(0, space);
      String right = text.substring(space + 1);
      Integer[] pair = {ids.get(left), ids.get(right), ids.get(left.concat(right))};
      if (pair[0] == null || pair[1] == null || pair[2] == null) {
        throw bad(
            file,
            "merges: %d is %s, needed tokens of this file"
                .formatted(merges.size(), JsonValue.show(text)));
      }
      merges.add(new Merge(pair[0], pair[1], pair[2]));
    }
    return merges;
  }

  private static int[] known(String file, List<Integer> ids, Vocabulary vocabulary)
      throws IOException {
    for (int id : ids) {
      if (id < 0 || vocabulary.token(id) == null) {
        throw bad(file, "id " + id + " around each text: needed the id of a token");
      }
    }
    return ids.stream().mapToInt(Integer::intValue).toArray();
  }

  private static IOException bad(String file, String detail) {
    return new IOException(file + ": " + detail);
  }

  /** The table of a tokenizer whose every rule a table can hold. */
  static TokenTable of(Vocabulary vocabulary, List<Merge> merges, PostProcessor around, int rows) {
    List<String> tokens = new ArrayList<>(rows);
    List<TokenTable.Kind> kinds = new ArrayList<>(rows);
    for (int id = 0; id < rows; id++) {
      String token = vocabulary.token(id);
      tokens.add(token == null ? "[PAD" + id + "]" : token);
      kinds.add(kind(vocabulary, id));
    }
    return new TokenTable(
        tokens,
        kinds,
        merges.stream()
            .map(merge -> vocabulary.token(merge.left()) + " " + vocabulary.token(merge.right()))
            .toList(),
        boxed(around.before()),
        boxed(around.after()));
  }

  private static TokenTable.Kind kind(Vocabulary vocabulary, int id) {
    if (vocabulary.token(id) == null) {
      return TokenTable.Kind.UNUSED;
    }
    if (vocabulary.isSpecial(id)) {
      return TokenTable.Kind.SPECIAL;
    }
    return vocabulary.added(id) == null ? TokenTable.Kind.NORMAL : TokenTable.Kind.ADDED;
  }

  private static List<Integer> boxed(int[] ids) {
    return Arrays.stream(ids).boxed().toList();
  }
}
