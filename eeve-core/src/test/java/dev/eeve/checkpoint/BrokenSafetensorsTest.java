package dev.eeve.checkpoint;

import static dev.eeve.checkpoint.TestFiles.assertRefused;
import static dev.eeve.checkpoint.TestFiles.safetensors;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One test for each way a file can be wrong. */
class BrokenSafetensorsTest {
  private static final String GOOD =
      "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";

  @TempDir Path folder;

  private CheckpointException refused(byte[] content, String says) throws IOException {
    Path file = TestFiles.write(folder.resolve("model.safetensors"), content);
    return assertRefused(file, says, () -> Safetensors.open(file));
  }

  /** A header with 8 data bytes behind it. */
  private void headerRefused(String header, String says) throws IOException {
    assertEquals(Optional.empty(), refused(safetensors(header, 8), says).tensor());
  }

  /** A header whose tensor {@code w} is at fault, with 8 data bytes behind it. */
  private void tensorRefused(String header, String says) throws IOException {
    assertEquals("w", refused(safetensors(header, 8), says).tensor().orElseThrow());
  }

  private void entryRefused(String entry, String says) throws IOException {
    tensorRefused("{\"w\":" + entry + "}", says);
  }

  private static byte[] withLength(long length) {
    byte[] file = safetensors(GOOD, 8);
    ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putLong(length);
    return file;
  }

  @Test
  void noFileThere() {
    Path file = folder.resolve("none");
    assertRefused(file, "no such file", () -> Safetensors.open(file));
  }

  @Test
  void folderInsteadOfFile() {
    assertRefused(folder, "a folder", () -> Safetensors.open(folder));
  }

  @Test
  void deviceInsteadOfFile() {
    Path device = Path.of("/dev/zero");
    assumeTrue(Files.exists(device), "no /dev/zero on this system");
    assertRefused(device, "needed a regular file", () -> Safetensors.open(device));
  }

  @Test
  void fileWithoutReadPermission() throws IOException {
    Path file = TestFiles.write(folder.resolve("x"), safetensors(GOOD, 8));
    assumeTrue(Files.getFileStore(file).supportsFileAttributeView("posix"), "no permissions");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("---------"));
    assumeFalse(Files.isReadable(file), "this user may read every file");
    assertRefused(file, "permission denied", () -> Safetensors.open(file));
  }

  @Test
  void emptyFile() throws IOException {
    refused(new byte[0], "0 bytes, needed 8");
  }

  @Test
  void fileShorterThanTheHeadersLength() throws IOException {
    refused(new byte[7], "7 bytes, needed 8");
  }

  @Test
  void headerLengthZero() throws IOException {
    refused(new byte[8], "header does not start with '{'");
  }

  @Test
  void headerPastTheEnd() throws IOException {
    refused(withLength(GOOD.length() + 9), "header length " + (GOOD.length() + 9));
  }

  @Test
  void headerLongerThanAnyHonestOne() throws IOException {
    refused(withLength(100_000_001), "needed at most 100000000");
  }

  @Test
  void headerLengthBeyondSignedLongs() throws IOException {
    refused(withLength(-1), "header length 18446744073709551615");
  }

  @Test
  void headerThatIsNoObject() throws IOException {
    headerRefused("[1,2,3]", "header does not start with '{'");
    headerRefused(" " + GOOD, "header does not start with '{'");
  }

  @Test
  void headerThatIsNoJson() throws IOException {
    headerRefused("{\"w\":", "header is not valid JSON");
    headerRefused("{'w':1}", "header is not valid JSON");
    headerRefused("{\"w\":NaN}", "header is not valid JSON");
  }

  @Test
  void headerInAnotherEncoding() throws IOException {
    refused(safetensors(GOOD.getBytes(StandardCharsets.UTF_16LE), 8), "header is not valid JSON");
    byte[] latin = "{\"\u00e9\":1}".getBytes(StandardCharsets.ISO_8859_1);
    refused(safetensors(latin, 8), "header is not valid UTF-8");
  }

  @Test
  void headerWithMoreThanSpacesBehindIt() throws IOException {
    headerRefused(GOOD + "{}", "goes on after its closing brace");
    headerRefused(GOOD + "\0\0", "header is not valid JSON");
  }

  @Test
  void headerNestedWithoutEnd() throws IOException {
    headerRefused("{\"w\":{\"x\":" + "[".repeat(100_000), "nesting depth");
  }

  @Test
  void duplicateTensor() throws IOException {
    String entry = GOOD.substring(1, GOOD.length() - 1);
    headerRefused("{" + entry + "," + entry + "}", "Duplicate field 'w'");
  }

  @Test
  void duplicateKeyInAnEntry() throws IOException {
    headerRefused(GOOD.replace("{\"dtype", "{\"shape\":[2],\"dtype"), "Duplicate field 'shape'");
  }

  @Test
  void duplicateMetadata() throws IOException {
    headerRefused("{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}", "Duplicate field 'a'");
  }

  @Test
  void metadataThatIsNoMapOfStrings() throws IOException {
    headerRefused("{\"__metadata__\":[]}", "__metadata__: found a list, needed an object");
    headerRefused("{\"__metadata__\":{\"a\":1}}", "entry \"a\": found an integer, needed a string");
    headerRefused("{\"__metadata__\":{\"a\":null}}", "entry \"a\": found null, needed a string");
  }

  @Test
  void entryThatIsNoObject() throws IOException {
    entryRefused("7", "its entry: found an integer, needed an object");
  }

  @Test
  void unknownDtype() throws IOException {
    entryRefused(
        "{\"dtype\":\"F33\",\"shape\":[2],\"data_offsets\":[0,8]}",
        "unknown dtype \"F33\", needed F32, F16 or BF16");
  }

  @Test
  void missingDtype() throws IOException {
    entryRefused("{\"shape\":[2],\"data_offsets\":[0,8]}", "has no dtype");
  }

  @Test
  void missingShape() throws IOException {
    entryRefused("{\"dtype\":\"F32\",\"data_offsets\":[0,8]}", "has no shape");
  }

  @Test
  void missingOffsets() throws IOException {
    entryRefused("{\"dtype\":\"F32\",\"shape\":[2]}", "has no data_offsets");
  }

  @Test
  void valuesOfTheWrongType() throws IOException {
    entryRefused("{\"dtype\":32,\"shape\":[2],\"data_offsets\":[0,8]}", "dtype: found an integer");
    entryRefused("{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}", "shape: found an int");
    entryRefused("{\"dtype\":\"F32\",\"shape\":[\"2\"],\"data_offsets\":[0,8]}", "found a string");
    entryRefused("{\"dtype\":\"F32\",\"shape\":[[2]],\"data_offsets\":[0,8]}", "found a list");
    entryRefused("{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":{}}", "found an object");
  }

  @Test
  void offsetsThatAreNoPair() throws IOException {
    entryRefused("{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8]}", "has 1 numbers");
    entryRefused("{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}", "has 3 numbers");
  }

  @Test
  void numbersThatAreFractions() throws IOException {
    entryRefused("{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}", "found a fraction");
    entryRefused("{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8e0]}", "found a fraction");
  }

  @Test
  void negativeNumbers() throws IOException {
    entryRefused("{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}", "shape holds -2");
    String many = "0,".repeat(64) + "0";
    entryRefused(
        "{\"dtype\":\"F32\",\"shape\":[" + many + "],\"data_offsets\":[0,0]}",
        "shape has more than 64 numbers");
    entryRefused(
        "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}", "data_offsets holds -8");
  }

  @Test
  void numbersBeyondLongs() throws IOException {
    String huge = "9223372036854775808";
    entryRefused(
        "{\"dtype\":\"F32\",\"shape\":[" + huge + "],\"data_offsets\":[0,8]}",
        "shape holds " + huge);
    entryRefused(
        "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0," + huge + "]}",
        "data_offsets holds " + huge);
  }

  @Test
  void shapeWhoseSizeOverflows() throws IOException {
    entryRefused(
        "{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}",
        "its size overflows 64 bits");
    // 2^62 elements of 4 bytes: 0 in 64 bits
    entryRefused(
        "{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}",
        "its size overflows 64 bits");
  }

  @Test
  void sizeThatIsNotTheShapes() throws IOException {
    entryRefused(
        "{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}",
        "F32 (3) needs 12 bytes, the header gives 8");
  }

  @Test
  void beginBehindEnd() throws IOException {
    entryRefused("{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}", "begin at 8");
  }

  @Test
  void offsetsPastTheData() throws IOException {
    entryRefused(
        "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}",
        "ends at byte 16 of the data, the file holds 8");
  }

  @Test
  void overlappingTensors() throws IOException {
    tensorRefused(
        "{\"v\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
            + "\"w\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[2,8]}}",
        "begins at byte 2, inside tensor \"v\"");
  }

  @Test
  void holeBetweenTensors() throws IOException {
    tensorRefused(
        "{\"v\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]},"
            + "\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
        "begins at byte 4, no tensor owns the bytes from 2");
  }

  @Test
  void holeBeforeTheFirstTensor() throws IOException {
    entryRefused(
        "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}", "owns the bytes from 0");
  }

  @Test
  void trailingBytes() throws IOException {
    refused(safetensors(GOOD, 9), "holds 9 bytes of data, its tensors end at 8");
  }

  @Test
  void truncatedData() throws IOException {
    byte[] whole = safetensors(GOOD, 8);
    assertEquals(
        "w",
        refused(Arrays.copyOf(whole, whole.length - 1), "the file holds 7; it is cut off")
            .tensor()
            .orElseThrow());
  }

  @Test
  void hostileNamesStayOnOneShortLine() throws IOException {
    String name = "a\\n\\u0000" + "b".repeat(10_000);
    CheckpointException e = refused(safetensors("{\"" + name + "\":{}}", 0), "\"a\\u000a\\u0000bb");
    assertTrue(e.getMessage().length() < 600, e.getMessage());
    String twice = "\"a\\u001b" + "b".repeat(10_000) + "\":{\"x\":1}";
    e = refused(safetensors("{\"w\":{" + twice + "," + twice + "}}", 0), "Duplicate field");
    assertTrue(e.getMessage().contains("'a\\u001bbb"), e.getMessage());
    assertTrue(e.getMessage().length() < 600, e.getMessage());
  }
}
