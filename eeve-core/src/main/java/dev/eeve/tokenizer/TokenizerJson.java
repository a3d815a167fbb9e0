package dev.eeve.tokenizer;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Reads tokenizer.json. What it does not know it refuses by name: a tokenizer that is nearly right
 * gives wrong ids silently.
 */
final class TokenizerJson {
  private TokenizerJson() {}

  static Tokenizer parse(String file, byte[] json) throws IOException {
    JsonValue root = JsonValue.parse(file, json);
    JsonValue version = root.get("version");
    if (!version.node().isMissingNode() && !version.text().equals("1.0")) {
      throw version.bad("\"1.0\"");
    }
    root.get("truncation").requireNull("cut texts where they are used and set it to null");
    root.get("padding").requireNull("pad ids where they are used and set it to null");
    root.get("normalizer").requireNull("normalizers are not supported");
    PreTokenizer preTokenizer = preTokenizer(root.get("pre_tokenizer"));
    decoder(root.get("decoder"));

    JsonValue model = root.get("model");
    model.requireObject();
    Map<String, Integer> ids = BpeJson.vocabulary(model.get("vocab"));
    List<Merge> merges = BpeJson.merges(model.get("merges"), ids);
    AddedNumbering numbering = AddedNumbering.of(ids, addedTokens(root.get("added_tokens")));
    for (AddedToken token : numbering.byId().values()) {
      if (token.id() >= MergeTable.MAX_IDS) {
        throw new IOException(
            file
                + ": added_tokens: id "
                + token.id()
                + ", needed fewer than "
                + MergeTable.MAX_IDS);
      }
    }
    Vocabulary vocabulary = new Vocabulary(ids, numbering);
    return new Tokenizer(
        vocabulary,
        merges,
        new AddedTokens(vocabulary.addedById(), numbering.plain(), numbering.normalized()),
        preTokenizer,
        BpeJson.model(model, ids, merges),
        postProcessor(root.get("post_processor"), vocabulary));
  }

  private static List<AddedToken> addedTokens(JsonValue list) throws IOException {
    List<AddedToken> tokens = new ArrayList<>();
    if (list.node().isMissingNode()) {
      return tokens;
    }
    list.requireList();
    for (int i = 0; i < list.size(); i++) {
      JsonValue entry = list.get(i);
      tokens.add(
          new AddedToken(
              entry.get("id").id(Integer.MAX_VALUE),
              entry.get("content").text(),
              entry.get("single_word").bool(),
              entry.get("lstrip").bool(),
              entry.get("rstrip").bool(),
              entry.get("normalized").bool(),
              entry.get("special").bool()));
    }
    return tokens;
  }

  private static PreTokenizer preTokenizer(JsonValue value) throws IOException {
    String type = type(value, "ByteLevel or Sequence");
    if (type.equals("ByteLevel")) {
      return new PreTokenizer(
          value.get("add_prefix_space").bool(), value.get("use_regex").bool(true));
    }
    JsonValue parts = value.get("pretokenizers");
    if (!type.equals("Sequence")) {
      throw value.bad("ByteLevel or Sequence; other pre-tokenizers are not supported");
    }
    parts.requireList();
    if (parts.size() == 1) {
      return preTokenizer(parts.get(0));
    }
    if (parts.size() != 2) {
      throw parts.bad("Split with GPT-2's pattern, then ByteLevel");
    }
    requireGpt2Split(parts.get(0));
    if (!type(parts.get(1), "ByteLevel").equals("ByteLevel")) {
      throw parts.get(1).bad("ByteLevel");
    }
    PreTokenizer byteLevel = preTokenizer(parts.get(1));
    if (byteLevel.addPrefixSpace()) {
      throw parts.get(1).get("add_prefix_space").bad("false after Split");
    }
    // what Split cut is one match of the same pattern again, so use_regex makes no difference
    return new PreTokenizer(false, true);
  }

  private static void requireGpt2Split(JsonValue split) throws IOException {
    if (!type(split, "Split").equals("Split")) {
      throw split.bad("Split");
    }
    JsonValue pattern = split.get("pattern").get("Regex");
    if (!pattern.text().equals(PreTokenizer.PATTERN)) {
      throw pattern.bad("GPT-2's pattern; others are not supported");
    }
    if (!split.get("behavior").text().equals("Isolated")) {
      throw split.get("behavior").bad("\"Isolated\"");
    }
    if (split.get("invert").bool()) {
      throw split.get("invert").bad("false");
    }
  }

  private static void decoder(JsonValue value) throws IOException {
    if (!type(value, "ByteLevel").equals("ByteLevel")) {
      throw value.bad("ByteLevel; other decoders are not supported");
    }
  }

  private static PostProcessor postProcessor(JsonValue value, Vocabulary vocabulary)
      throws IOException {
    if (value.isNull()) {
      return PostProcessor.NONE;
    }
    String supported = "ByteLevel, TemplateProcessing or Sequence";
    switch (type(value, supported)) {
      case "ByteLevel": // trims offsets, which nothing here has
        return PostProcessor.NONE;
      case "TemplateProcessing":
        return template(value, vocabulary);
      case "Sequence":
        PostProcessor result = PostProcessor.NONE;
        JsonValue parts = value.get("processors");
        parts.requireList();
        for (int i = 0; i < parts.size(); i++) {
          PostProcessor part = postProcessor(parts.get(i), vocabulary);
          if (part != PostProcessor.NONE && result != PostProcessor.NONE) {
            throw parts.get(i).bad("at most one TemplateProcessing");
          }
          result = part == PostProcessor.NONE ? result : part;
        }
        return result;
      default:
        throw value.bad(supported + "; other post-processors are not supported");
    }
  }

  private static PostProcessor template(JsonValue value, Vocabulary vocabulary) throws IOException {
    JsonValue pieces = value.get("single");
    pieces.requireList();
    int[] before = null;
    int[] ids = new int[0];
    for (int i = 0; i < pieces.size(); i++) {
      JsonValue piece = pieces.get(i);
      JsonValue sequence = piece.get("Sequence");
      if (sequence.node().isMissingNode()) {
        JsonValue name = piece.get("SpecialToken").get("id");
        JsonValue special = value.get("special_tokens").get(name.text());
        int[] more = specialIds(special.get("ids"), vocabulary);
        int old = ids.length;
        ids = Arrays.copyOf(ids, old + more.length);
        System.arraycopy(more, 0, ids, old, more.length);
      } else if (before != null || !sequence.get("id").text().equals("A")) {
        throw sequence.get("id").bad("sequence A once");
      } else {
        before = ids;
        ids = new int[0];
      }
    }
    if (before == null) {
      throw pieces.bad("sequence A once");
    }
    return new PostProcessor(before, ids);
  }

  private static int[] specialIds(JsonValue list, Vocabulary vocabulary) throws IOException {
    list.requireList();
    int[] ids = new int[list.size()];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = list.get(i).id(MergeTable.MAX_IDS);
      if (vocabulary.token(ids[i]) == null) {
        throw list.get(i).bad("the id of a token");
      }
    }
    return ids;
  }

  /** The type of a component that must be there. */
  private static String type(JsonValue value, String supported) throws IOException {
    if (value.isNull()) {
      throw value.bad(supported);
    }
    return value.get("type").text();
  }
}
