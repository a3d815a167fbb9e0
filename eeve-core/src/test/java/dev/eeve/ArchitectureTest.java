package dev.eeve;

import static java.util.Map.entry;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.eeve.kernels.Simd;
import java.io.IOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.CodeModel;
import java.lang.classfile.MethodModel;
import java.lang.classfile.attribute.CodeAttribute;
import java.lang.classfile.constantpool.ClassEntry;
import java.lang.classfile.constantpool.MemberRefEntry;
import java.lang.classfile.constantpool.PoolEntry;
import java.lang.classfile.constantpool.Utf8Entry;
import java.net.URISyntaxException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What ARCHITECTURE.md says of packages and kernels, read from the compiled classes. */
class ArchitectureTest {
  /** Who may import whom; {@code dev.eeve} itself, the front door, may import all. */
  private static final Map<String, Set<String>> IMPORTS =
      Map.ofEntries(
          entry("kernels", Set.of()),
          entry("internal", Set.of()),
          entry("tokenizer", Set.of("internal")),
          entry("checkpoint", Set.of("internal", "kernels")),
          entry("gguf", Set.of("checkpoint", "tokenizer")),
          entry("adapter", Set.of("internal", "kernels", "checkpoint")),
          entry("model", Set.of("internal", "kernels", "checkpoint", "adapter")),
          entry("generation", Set.of("internal", "kernels", "model", "tokenizer")),
          entry("evaluation", Set.of("internal", "kernels", "model", "tokenizer", "checkpoint")),
          entry(
              "training",
              Set.of("internal", "kernels", "model", "tokenizer", "checkpoint", "adapter", "gguf")),
          entry("vocabulary", Set.of("internal", "kernels", "model", "tokenizer", "checkpoint")));

  /** The JIT never compiles a longer method. */
  private static final int MAX_BYTECODES = 8000;

  private static final Pattern OWN_CLASS = Pattern.compile("dev/eeve/[\\w/$]+");
  private static final String VECTORS = "jdk/incubator/vector/";
  private static final Set<String> JVM_WIDE =
      Set.of(
          "java/lang/System.setProperty",
          "java/lang/System.setProperties",
          "java/lang/System.clearProperty",
          "java/lang/System.setOut",
          "java/lang/System.setErr",
          "java/util/Locale.setDefault",
          "java/util/TimeZone.setDefault");

  private static final List<ClassModel> CLASSES =
      Stream.of(LanguageModel.class, Simd.class).flatMap(c -> compiled(c).stream()).toList();

  @Test
  void everyPackageImportsOnlyWhatItsLayerMay() {
    for (ClassModel own : CLASSES) {
      String from = packageOf(name(own));
      if (from.isEmpty()) {
        continue;
      }
      Set<String> allowed = IMPORTS.get(from);
      assertTrue(allowed != null, () -> "package " + from + ": needs a row in this table");
      for (String used : ownClassesIn(own)) {
        String to = packageOf(used);
        assertTrue(to.equals(from) || allowed.contains(to), () -> name(own) + " uses " + used);
      }
    }
  }

  @Test
  void theTableIsSeenAtWork() {
    Set<String> seen = new TreeSet<>();
    for (ClassModel own : CLASSES) {
      ownClassesIn(own).forEach(used -> seen.add(packageOf(name(own)) + ">" + packageOf(used)));
    }
    assertTrue(
        seen.containsAll(Set.of(">model", "model>kernels", "model>checkpoint")), seen::toString);
    assertTrue(CLASSES.stream().anyMatch(c -> name(c).endsWith("/VectorProduct")));
  }

  @Test
  void onlyVectorKernelsTouchTheVectorModule() {
    for (ClassModel own : CLASSES) {
      String simple = name(own).substring(name(own).lastIndexOf('/') + 1);
      if (!simple.matches("(Vector|Lanes).*|Simd\\$Platform")) {
        for (PoolEntry entry : own.constantPool()) {
          if (entry instanceof ClassEntry type) {
            assertTrue(!type.asInternalName().startsWith(VECTORS), () -> simple + " uses " + type);
          }
        }
      }
    }
  }

  @Test
  void noVectorIsAFieldAndEveryVectorMethodIsShortEnoughToBeCompiled() {
    for (ClassModel own : CLASSES) {
      own.fields()
          .forEach(
              field ->
                  assertTrue(
                      !field.fieldType().stringValue().matches(".*" + VECTORS + "\\w+Vector;"),
                      () -> name(own) + "." + field.fieldName()));
      if (packageOf(name(own)).equals("kernels")) {
        own.methods().forEach(method -> assertShort(own, method));
      }
    }
  }

  private static void assertShort(ClassModel own, MethodModel method) {
    int bytes = method.code().map(ArchitectureTest::bytecodes).orElse(0);
    assertTrue(bytes < MAX_BYTECODES, () -> name(own) + "." + method.methodName() + ": " + bytes);
  }

  @Test
  void nothingSetsAPropertyOfTheWholeJvm() {
    for (ClassModel own : CLASSES) {
      for (PoolEntry entry : own.constantPool()) {
        if (entry instanceof MemberRefEntry member) {
          String called = member.owner().asInternalName() + "." + member.name();
          assertTrue(!JVM_WIDE.contains(called), () -> name(own) + " calls " + called);
        }
      }
    }
  }

  private static int bytecodes(CodeModel code) {
    return ((CodeAttribute) code).codeLength();
  }

  private static String name(ClassModel model) {
    return model.thisClass().asInternalName();
  }

  private static String packageOf(String internalName) {
    String[] parts = internalName.split("/");
    return parts.length == 3 ? "" : parts[2];
  }

  /** Classes of ours in its instructions, descriptors, signatures and annotations. */
  private static Set<String> ownClassesIn(ClassModel model) {
    Set<String> found = new TreeSet<>();
    for (PoolEntry entry : model.constantPool()) {
      if (entry instanceof Utf8Entry text) {
        Matcher matcher = OWN_CLASS.matcher(text.stringValue());
        while (matcher.find()) {
          found.add(matcher.group());
        }
      }
    }
    return found;
  }

  /** Every class that stands where this one does: a folder of classes or a jar. */
  private static List<ClassModel> compiled(Class<?> neighbour) {
    try {
      Path where = Path.of(neighbour.getProtectionDomain().getCodeSource().getLocation().toURI());
      if (Files.isDirectory(where)) {
        return read(where);
      }
      try (FileSystem jar = FileSystems.newFileSystem(where)) {
        return read(jar.getPath("/"));
      }
    } catch (IOException | URISyntaxException e) {
      return fail(e);
    }
  }

  private static List<ClassModel> read(Path root) throws IOException {
    List<ClassModel> models = new ArrayList<>();
    try (Stream<Path> files = Files.walk(root)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".class")).toList()) {
        String simple = file.getFileName().toString();
        if (!simple.equals("module-info.class") && !simple.equals("package-info.class")) {
          models.add(ClassFile.of().parse(Files.readAllBytes(file)));
        }
      }
    }
    return models;
  }
}
