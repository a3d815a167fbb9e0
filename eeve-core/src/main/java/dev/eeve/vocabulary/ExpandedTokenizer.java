package dev.eeve.vocabulary;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.internal.StrictJson;
import dev.eeve.tokenizer.AddedToken;
import dev.eeve.tokenizer.Tokenizer;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The base's tokenizer.json with more tokens. Added tokens stand in {@code model.vocab} too, under
 * the ids they have, since loaders number those it lacks anew; merges are spelled as the base
 * spells its own.
 */
final class ExpandedTokenizer {
  private ExpandedTokenizer() {}

  /**
   * A new token.
   *
   * @param id its id
   * @param left the left token of its merge, spelled
   * @param right the right one
   */
  record Entry(int id, String left, String right) {}

  static byte[] json(
      JsonNode file, Tokenizer base, List<Entry> tokens, Map<String, Integer> specialTokens) {
    ObjectNode root = file.deepCopy();
    ObjectNode model = (ObjectNode) root.get("model");
    TreeMap<Integer, String> byId = new TreeMap<>();
    for (Map.Entry<String, JsonNode> entry : model.get("vocab").properties()) {
      byId.put(entry.getValue().intValue(), entry.getKey());
    }
    for (AddedToken token : base.addedTokens()) {
      byId.put(token.id(), token.content());
    }
    ArrayNode merges = (ArrayNode) model.get("merges");
    boolean pairs = merges.path(0).isArray();
    for (Entry token : tokens) {
      byId.put(token.id(), token.left().concat(token.right()));
      if (pairs) {
        merges.addArray().add(token.left()).add(token.right());
      } else {
        merges.add(token.left() + " " + token.right());
      }
    }
    specialTokens.forEach((content, id) -> byId.put(id, content));
    ObjectNode vocabulary = StrictJson.MAPPER.createObjectNode();
    byId.forEach((id, token) -> vocabulary.put(token, id));
    model.set("vocab", vocabulary);
    root.set("added_tokens", addedTokens(base, specialTokens));
    return ExpandedFolder.json(root);
  }

  private static ArrayNode addedTokens(Tokenizer base, Map<String, Integer> specialTokens) {
    ArrayNode list = StrictJson.MAPPER.createArrayNode();
    for (AddedToken token : base.addedTokens()) {
      if (!specialTokens.containsKey(token.content())) {
        list.add(entry(token));
      }
    }
    specialTokens.forEach(
        (content, id) ->
            list.add(entry(new AddedToken(id, content, false, false, false, false, true))));
    return list;
  }

  static ObjectNode entry(AddedToken token) {
    return StrictJson.MAPPER
        .createObjectNode()
        .put("id", token.id())
        .put("content", token.content())
        .put("single_word", token.singleWord())
        .put("lstrip", token.lstrip())
        .put("rstrip", token.rstrip())
        .put("normalized", token.normalized())
        .put("special", token.special());
  }
}
