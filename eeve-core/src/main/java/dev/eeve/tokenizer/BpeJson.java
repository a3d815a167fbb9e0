package dev.eeve.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The {@code model} of a tokenizer.json. */
final class BpeJson {
  private BpeJson() {}

  /** Ids by token. */
  static Map<String, Integer> vocabulary(JsonValue vocab) throws IOException {
    Map<String, Integer> ids = new HashMap<>();
    Map<Integer, String> tokens = new HashMap<>();
    for (Map.Entry<String, JsonNode> member : vocab.members()) {
      String token = member.getKey();
      JsonValue value = vocab.member(token, member.getValue());
      value.requireUnicode(token);
      int id = value.id(MergeTable.MAX_IDS);
      String other = tokens.put(id, token);
      if (other != null) {
        throw new IOException(
            value.at()
                + "id "
                + id
                + " is also that of "
                + show(other)
                + ", needed one token an id");
      }
      ids.put(token, id);
    }
    return ids;
  }

  /** The merges, lowest rank first. */
  static List<Merge> merges(JsonValue list, Map<String, Integer> ids) throws IOException {
    list.requireList();
    if (list.size() > MergeTable.MAX_MERGES) {
      throw new IOException(
          list.at() + list.size() + " merges, needed at most " + MergeTable.MAX_MERGES);
    }
    boolean pairs = list.get(0).node().isArray();
    List<Merge> merges = new ArrayList<>(list.size());
    for (int i = 0; i < list.size(); i++) {
      JsonValue value = list.get(i);
      String left;
      String right;
      if (pairs) {
        value.requireList();
        if (value.size() != 2) {
          throw value.bad("two tokens");
        }
        left = value.get(0).text();
        right = value.get(1).text();
      } else {
        String text = value.text();
        if (text.startsWith("#version")) { // a comment of the old merges.txt
          continue;
        }
        int space = text.indexOf(' ');
        if (space < 0 || text.indexOf(' ', space + 1) >= 0) {
          throw value.bad("two tokens with one space between them");
        }
        left = text.substring(0, space);
        right = text.substring(space + 1);
      }
      merges.add(
          new Merge(
              id(value, ids, left), id(value, ids, right), id(value, ids, left.concat(right))));
    }
    return merges;
  }

  /** The model with its settings; refuses those that byte-level BPE does not have. */
  static BytePairEncoding model(JsonValue model, Map<String, Integer> ids, List<Merge> merges)
      throws IOException {
    JsonValue type = model.get("type");
    if (!type.node().isMissingNode() && !type.text().equals("BPE")) {
      throw type.bad("\"BPE\"; other models are not supported");
    }
    JsonValue dropout = model.get("dropout");
    if (!dropout.isNull() && !(dropout.node().isNumber() && dropout.node().doubleValue() == 0)) {
      throw dropout.bad("null or 0");
    }
    requireEmpty(model.get("continuing_subword_prefix"));
    requireEmpty(model.get("end_of_word_suffix"));
    if (model.get("byte_fallback").bool(false)) {
      throw model.get("byte_fallback").bad("false");
    }
    boolean fused = model.get("fuse_unk").bool(false);
    boolean ignoreMerges = model.get("ignore_merges").bool(false);
    JsonValue unknown = model.get("unk_token");
    int unknownId = -1;
    if (!unknown.isNull()) {
      unknownId = ids.getOrDefault(unknown.text(), -1);
      if (unknownId < 0 && !BytePairEncoding.hasAllBytes(ids)) {
        throw unknown.bad("a token of model.vocab, which lacks some of the 256 bytes");
      }
    }
    return BytePairEncoding.of(
        ids, merges, new BytePairEncoding.Unknown(unknownId, fused), ignoreMerges);
  }

  private static void requireEmpty(JsonValue value) throws IOException {
    if (!value.isNull() && !value.text().isEmpty()) {
      throw value.bad("null or \"\"");
    }
  }

  private static int id(JsonValue merge, Map<String, Integer> ids, String token)
      throws IOException {
    Integer id = ids.get(token);
    if (id == null) {
      throw merge.bad("tokens of model.vocab, which lacks " + show(token));
    }
    return id;
  }

  private static String show(String token) {
    return JsonValue.show(token);
  }
}
