package dev.eeve.checkpoint;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import dev.eeve.internal.StrictJson;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SequencedMap;
import java.util.TreeMap;

/**
 * The JSON header of a safetensors file. Read token by token: a hostile header costs no more memory
 * than what it names.
 *
 * @param tensors in the order of their data
 * @param metadata sorted by key
 */
record SafetensorsHeader(SequencedMap<String, TensorInfo> tensors, Map<String, String> metadata) {
  /** Numbers of a list: more dimensions than any tensor has. */
  private static final int MAX_NUMBERS = 64;

  static final String METADATA = "__metadata__";

  /** Reads and checks a header against the size of the data section behind it. */
  static SafetensorsHeader parse(Path file, byte[] json, long dataBytes)
      throws CheckpointException {
    try (JsonParser parser =
        StrictJson.MAPPER.createParser(
            new InputStreamReader( // Jackson would guess UTF-16 and let broken UTF-8 pass
                new ByteArrayInputStream(json), StandardCharsets.UTF_8.newDecoder()))) {
      return new Reader(file, parser).header(dataBytes);
    } catch (JsonProcessingException e) {
      throw new CheckpointException(
          file,
          "header is not valid JSON: "
              + StrictJson.reason(e)
              + " at character "
              + (e.getLocation() == null ? 0 : e.getLocation().getCharOffset())
              + "; download the file again");
    } catch (CharacterCodingException e) {
      throw new CheckpointException(file, "header is not valid UTF-8; download the file again");
    } catch (IOException e) {
      throw CheckpointException.of(file, e);
    }
  }

  private record Reader(Path file, JsonParser parser) {
    SafetensorsHeader header(long dataBytes) throws IOException {
      expect(parser.nextToken(), JsonToken.START_OBJECT, null, "the header", "an object");
      List<TensorInfo> tensors = new ArrayList<>();
      Map<String, String> metadata = Map.of();
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        if (name.equals(METADATA)) {
          metadata = metadata();
        } else {
          tensors.add(tensor(name));
        }
      }
      if (parser.nextToken() != null) {
        throw new CheckpointException(file, "header goes on after its closing brace");
      }
      return new SafetensorsHeader(inOrder(tensors, dataBytes), metadata);
    }

    private Map<String, String> metadata() throws IOException {
      expect(parser.nextToken(), JsonToken.START_OBJECT, null, METADATA, "an object");
      Map<String, String> metadata = new TreeMap<>();
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String key = parser.currentName();
        String what = METADATA + " entry " + CheckpointException.quote(key);
        expect(parser.nextToken(), JsonToken.VALUE_STRING, null, what, "a string");
        metadata.put(key, parser.getText());
      }
      return metadata;
    }

    private TensorInfo tensor(String name) throws IOException {
      expect(parser.nextToken(), JsonToken.START_OBJECT, name, "its entry", "an object");
      DType dtype = null;
      List<Long> shape = null;
      List<Long> offsets = null;
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        switch (parser.currentName()) {
          case "dtype" -> dtype = dtype(name);
          case "shape" -> shape = integers(name, "shape");
          case "data_offsets" -> offsets = integers(name, "data_offsets");
          default -> {
            parser.nextToken();
            parser.skipChildren();
          }
        }
      }
      String missing =
          dtype == null ? "dtype" : shape == null ? "shape" : offsets == null ? "data_offsets" : "";
      if (!missing.isEmpty()) {
        throw new CheckpointException(file, name, "its entry has no " + missing);
      }
      if (offsets.size() != 2) {
        throw new CheckpointException(
            file, name, "data_offsets has " + offsets.size() + " numbers, needed begin and end");
      }
      return checked(new TensorInfo(file, name, dtype, shape, offsets.get(0), offsets.get(1)));
    }

    private TensorInfo checked(TensorInfo tensor) throws CheckpointException {
      if (tensor.begin() > tensor.end()) {
        throw tensor.failure(
            "data_offsets begin at " + tensor.begin() + " and end before, at " + tensor.end());
      }
      long needed;
      try {
        needed = TensorSpec.byteSize(tensor.dtype(), tensor.shape());
      } catch (IllegalArgumentException e) {
        throw tensor.failure(e.getMessage());
      }
      if (needed != tensor.byteSize()) {
        throw tensor.failure(
            tensor.describe()
                + " needs "
                + needed
                + " bytes, the header gives "
                + tensor.byteSize());
      }
      return tensor;
    }

    private DType dtype(String name) throws IOException {
      expect(parser.nextToken(), JsonToken.VALUE_STRING, name, "dtype", "a string");
      String text = parser.getText();
      return DType.named(text)
          .orElseThrow(
              () ->
                  new CheckpointException(
                      file,
                      name,
                      "unknown dtype "
                          + CheckpointException.quote(text)
                          + ", needed F32, F16 or BF16"));
    }

    private List<Long> integers(String name, String what) throws IOException {
      expect(parser.nextToken(), JsonToken.START_ARRAY, name, what, "a list of integers");
      List<Long> numbers = new ArrayList<>();
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        expect(parser.currentToken(), JsonToken.VALUE_NUMBER_INT, name, what, "a list of integers");
        OptionalLong number = nonNegative();
        if (number.isEmpty()) {
          throw new CheckpointException(
              file, name, what + " holds " + parser.getText() + ", needed 0 to " + Long.MAX_VALUE);
        }
        if (numbers.size() == MAX_NUMBERS) {
          throw new CheckpointException(
              file, name, what + " has more than " + MAX_NUMBERS + " numbers, needed few");
        }
        numbers.add(number.getAsLong());
      }
      return numbers;
    }

    private OptionalLong nonNegative() throws IOException {
      if (parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER
          || parser.getLongValue() < 0) {
        return OptionalLong.empty();
      }
      return OptionalLong.of(parser.getLongValue());
    }

    private SequencedMap<String, TensorInfo> inOrder(List<TensorInfo> tensors, long dataBytes)
        throws CheckpointException {
      return TensorOrder.of(
          file,
          tensors,
          dataBytes,
          at -> at,
          (tensor, at, previous) ->
              "begins at byte " + tensor.begin() + ", no tensor owns the bytes from " + at);
    }

    private void expect(
        JsonToken found, JsonToken needed, String tensor, String what, String description)
        throws IOException {
      if (found == needed) {
        return;
      }
      String detail = what + ": found " + describe(found) + ", needed " + description;
      throw tensor == null
          ? new CheckpointException(file, detail)
          : new CheckpointException(file, tensor, detail);
    }

    private static String describe(JsonToken token) {
      return switch (token) {
        case null -> "nothing";
        case START_OBJECT -> "an object";
        case START_ARRAY -> "a list";
        case VALUE_STRING -> "a string";
        case VALUE_NUMBER_INT -> "an integer";
        case VALUE_NUMBER_FLOAT -> "a fraction";
        default -> token.asString() == null ? token.name() : token.asString();
      };
    }
  }
}
