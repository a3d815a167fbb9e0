package example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

class ClassPathTest {
  private static final String FLAG = "--add-modules jdk.incubator.vector";

  /** Once in what the program prints itself, once in the one warning. */
  @Test
  void withoutTheFlagScalarKernelsAnswerAndOneWarningNamesIt() throws Exception {
    Program program = onClassPath();
    assertEquals(0, program.exit(), program.err());
    assertEquals(Golden.TINY.answers(), program.out().subList(1, 3));
    assertTrue(program.out().get(0).startsWith("scalar kernels"), program.out().get(0));
    assertTrue(program.out().get(0).contains(FLAG), program.out().get(0));
    List<String> warnings = program.err().lines().filter(line -> line.contains("WARN")).toList();
    assertEquals(1, warnings.size(), program.err());
    assertTrue(warnings.get(0).contains(FLAG), program.err());
    assertFalse(program.err().contains("\tat "), program.err());
  }

  @Test
  void withTheFlagVectorKernelsAnswerAndNobodyIsWarned() throws Exception {
    Program program = onClassPath("--add-modules", "jdk.incubator.vector");
    assertEquals(0, program.exit(), program.err());
    assertEquals(Golden.TINY.answers(), program.out().subList(1, 3));
    assertTrue(program.out().get(0).startsWith("Vector API kernels"), program.out().get(0));
    assertEquals(Program.INCUBATOR_LINE, program.err().strip());
  }

  private static Program onClassPath(String... flags) throws IOException, InterruptedException {
    return Program.run(
        List.of(flags), List.of("-cp", System.getProperty("java.class.path"), "example.Main"));
  }
}
