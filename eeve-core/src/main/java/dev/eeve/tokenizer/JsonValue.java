package dev.eeve.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeType;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.eeve.internal.StrictJson;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * A place in a JSON file: every wrong value is reported with the file and the key.
 *
 * @param file the file, as errors name it
 * @param parent the value around this one; null at the root
 * @param step the name or the index inside the parent
 * @param node what stands there; may be missing
 */
record JsonValue(String file, JsonValue parent, Object step, JsonNode node) {
  /** Longer values are cut in messages. */
  private static final int MAX_SHOWN = 60;

  /** Reads a document that must be one object. */
  static JsonValue parse(String file, byte[] utf8) throws IOException {
    if (utf8.length >= 3 && utf8[0] == (byte) 0xEF && utf8[1] == (byte) 0xBB) {
      throw new IOException(
          file + ": begins with a byte order mark, needed plain UTF-8; remove the first 3 bytes");
    }
    try {
      StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8));
    } catch (CharacterCodingException e) {
      throw new IOException(file + ": bytes that are not UTF-8, needed a JSON file in UTF-8", e);
    }
    for (byte b : utf8) {
      if (b == 0) { // Jackson would take the file for UTF-16
        throw new IOException(file + ": a zero byte, needed a JSON file in UTF-8");
      }
    }
    JsonValue root = new JsonValue(file, null, "", StrictJson.parse(file, utf8));
    root.requireObject();
    return root;
  }

  /** The member of that name; its node is missing where there is none. */
  JsonValue get(String name) throws IOException {
    requireObject();
    return member(name, node.path(name));
  }

  /** A member that has been looked up. */
  JsonValue member(String name, JsonNode value) {
    return new JsonValue(file, this, name, value);
  }

  /** The element at that index. */
  JsonValue get(int index) {
    return new JsonValue(file, this, index, node.path(index));
  }

  /** Elements of a list. */
  int size() {
    return node.size();
  }

  /** The members of an object, in file order. */
  Iterable<Map.Entry<String, JsonNode>> members() throws IOException {
    requireObject();
    return node.properties();
  }

  /** Whether the value is absent or null. */
  boolean isNull() {
    return node.isMissingNode() || node.isNull();
  }

  void requireObject() throws IOException {
    if (!node.isObject()) {
      throw bad("an object");
    }
  }

  void requireList() throws IOException {
    if (!node.isArray()) {
      throw bad("a list");
    }
  }

  String text() throws IOException {
    if (!node.isTextual()) {
      throw bad("a string");
    }
    String text = node.textValue();
    requireUnicode(text);
    return text;
  }

  /** A JSON escape can spell half a surrogate pair, which is no text. */
  void requireUnicode(String text) throws IOException {
    int c;
    for (int i = 0; i < text.length(); i += Character.charCount(c)) {
      c = text.codePointAt(i);
      if (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE) {
        throw new IOException(at() + "half a surrogate pair, needed Unicode text");
      }
    }
  }

  boolean bool() throws IOException {
    if (!node.isBoolean()) {
      throw bad("true or false");
    }
    return node.booleanValue();
  }

  boolean bool(boolean absent) throws IOException {
    return node.isMissingNode() ? absent : bool();
  }

  /** A token id below {@code limit}. */
  int id(int limit) throws IOException {
    if (!node.isIntegralNumber() || !node.canConvertToInt()) {
      throw bad("a token id from 0 to " + (limit - 1));
    }
    int id = node.intValue();
    if (id < 0 || id >= limit) {
      throw bad("a token id from 0 to " + (limit - 1));
    }
    return id;
  }

  /** Refuses anything but absence and null. */
  void requireNull(String advice) throws IOException {
    if (!isNull()) {
      throw new IOException(at() + shown() + ", needed null; " + advice);
    }
  }

  /** The error for this value. */
  IOException bad(String needed) {
    return new IOException(at() + shown() + ", needed " + needed);
  }

  /** File and key, as errors begin. */
  String at() {
    String key = key();
    return file + ": " + (key.isEmpty() ? "" : key + ": ");
  }

  /** The path from the root, such as {@code model.merges[3]}; built for errors only. */
  private String key() {
    if (parent == null) {
      return "";
    }
    String before = parent.key();
    if (step instanceof Integer index) {
      return before + "[" + index + "]";
    }
    String name = (String) step;
    String shown = name.matches("\\w{1,40}") ? name : show(name);
    return before.isEmpty() ? shown : before + "." + shown;
  }

  private String shown() {
    if (node.isMissingNode()) {
      return "missing";
    }
    if (node.isObject() && node.path("type").isTextual()) {
      return shorten(node.path("type").toString());
    }
    return switch (node.getNodeType()) {
      case JsonNodeType.OBJECT -> "an object";
      case JsonNodeType.ARRAY -> "a list";
      default -> shorten(node.toString());
    };
  }

  /** A string as errors show it: quoted, on one line. */
  static String show(String text) {
    return shorten(TextNode.valueOf(text).toString());
  }

  private static String shorten(String text) {
    return text.length() <= MAX_SHOWN ? text : text.substring(0, MAX_SHOWN) + "…";
  }
}
