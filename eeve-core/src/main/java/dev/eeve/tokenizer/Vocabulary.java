package dev.eeve.tokenizer;

import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Tokens by id and back: the model's own and the added ones, which go before. */
final class Vocabulary {
  private final Map<String, Integer> model;
  private final Map<String, Integer> added;
  private final Set<String> special;
  private final String[] tokens;
  private final AddedToken[] addedById;

  /** All tokens' bytes one after the other; token {@code i} ends where the next begins. */
  private final byte[] bytes;

  private final int[] byteStarts;

  /**
   * Joins both parts.
   *
   * @param model the model's tokens
   * @param numbering the added ones
   */
  Vocabulary(Map<String, Integer> model, AddedNumbering numbering) {
    this.model = model;
    added = new HashMap<>();
    special = new HashSet<>(numbering.special());
    int size = 0;
    for (int id : model.values()) {
      size = Math.max(size, id + 1);
    }
    for (AddedToken token : numbering.byId().values()) {
      size = Math.max(size, token.id() + 1);
    }
    tokens = new String[size];
    addedById = new AddedToken[size];
    model.forEach((token, id) -> tokens[id] = token);
    added.putAll(numbering.ids());
    for (AddedToken token : numbering.byId().values()) {
      addedById[token.id()] = token;
      tokens[token.id()] = token.content();
    }
    byteStarts = new int[size + 1];
    byte[] all = new byte[size * 8];
    int end = 0;
    for (int id = 0; id < size; id++) {
      if (tokens[id] != null) {
        byte[] own = ByteLevel.bytes(tokens[id]);
        if (all.length - end < own.length) {
          all = Arrays.copyOf(all, (end + own.length) * 2);
        }
        System.arraycopy(own, 0, all, end, own.length);
        end += own.length;
      }
      byteStarts[id + 1] = end;
    }
    bytes = Arrays.copyOf(all, end);
  }

  /** One more than the highest id. */
  int size() {
    return tokens.length;
  }

  /** Whether the model has a token for each byte. */
  boolean hasAllBytes() {
    return BytePairEncoding.hasAllBytes(model);
  }

  /** Tokens of the model alone. */
  int modelSize() {
    return model.size();
  }

  /** The id, or -1. */
  int id(String token) {
    Integer id = added.get(token);
    if (id == null) {
      id = model.get(token);
    }
    return id == null ? -1 : id;
  }

  /** The token, or null for an id that has none. */
  String token(int id) {
    return id < tokens.length ? tokens[id] : null;
  }

  boolean isSpecial(int id) {
    return id < tokens.length && tokens[id] != null && special.contains(tokens[id]);
  }

  AddedToken added(int id) {
    return id < tokens.length ? addedById[id] : null;
  }

  /** By id, null where the token is not an added one. */
  AddedToken[] addedById() {
    return addedById;
  }

  List<AddedToken> addedTokens() {
    return Arrays.stream(addedById).filter(token -> token != null).toList();
  }

  /** The bytes of all tokens; those of one lie between its start and the next one's. */
  byte[] bytes() {
    return bytes;
  }

  /** Where the bytes of a token begin. */
  int byteStart(int id) {
    return byteStarts[id];
  }
}
