package dev.eeve.tokenizer;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Ids of added tokens as Hugging Face's loader gives them, whatever ids the file writes.
 *
 * <p>A token the model's vocabulary has keeps its id there; any other one gets the number after the
 * highest added id, but at least the count of the model's tokens. Of entries with one content the
 * last one's flags count; once special, always special.
 *
 * @param ids id by content
 * @param byId the entry that an id stands for
 * @param special contents that decoding may leave out
 * @param plain what the first pass looks for, in order
 * @param normalized what the second pass looks for, in order
 */
record AddedNumbering(
    Map<String, Integer> ids,
    Map<Integer, AddedToken> byId,
    Set<String> special,
    List<AddedToken> plain,
    List<AddedToken> normalized) {

  /** Numbers the entries of a file; the ids in {@code entries} are ignored. */
  static AddedNumbering of(Map<String, Integer> model, List<AddedToken> entries) {
    Set<String> special = new HashSet<>();
    List<AddedToken> searched = new ArrayList<>();
    for (AddedToken entry : entries) {
      if (entry.special() && !entry.content().isEmpty() && special.add(entry.content())) {
        searched.add(entry);
      }
    }
    Map<String, Integer> ids = new HashMap<>();
    Map<Integer, AddedToken> byId = new LinkedHashMap<>();
    int highest = -1;
    for (AddedToken entry : entries) {
      String content = entry.content();
      Integer known = ids.getOrDefault(content, model.get(content));
      if (content.isEmpty() || known != null && withId(entry, known).equals(byId.get(known))) {
        continue;
      }
      int id = known != null ? known : Math.max(model.size(), highest + 1);
      highest = Math.max(highest, id);
      ids.put(content, id);
      byId.put(id, withId(entry, id));
      if (!special.contains(content)) {
        searched.add(entry);
      }
    }
    List<AddedToken> plain = new ArrayList<>();
    List<AddedToken> normalized = new ArrayList<>();
    for (AddedToken token : searched) {
      (token.normalized() ? normalized : plain).add(withId(token, ids.get(token.content())));
    }
    return new AddedNumbering(ids, byId, special, plain, normalized);
  }

  private static AddedToken withId(AddedToken token, int id) {
    return new AddedToken(
        id,
        token.content(),
        token.singleWord(),
        token.lstrip(),
        token.rstrip(),
        token.normalized(),
        token.special());
  }
}
