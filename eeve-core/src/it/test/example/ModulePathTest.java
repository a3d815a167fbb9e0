package example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class ModulePathTest {
  @Test
  void withNoFlagAtAllVectorKernelsAnswer() throws Exception {
    String path = System.getProperty("jdk.module.path");
    Program program =
        Program.run(List.of(), List.of("--module-path", path, "--module", "example/example.Main"));
    assertEquals(0, program.exit(), program.err());
    assertEquals(Golden.TINY.answers(), program.out().subList(1, 3));
    assertTrue(program.out().get(0).startsWith("Vector API kernels"), program.out().get(0));
    assertEquals(Program.INCUBATOR_LINE, program.err().strip());
  }
}
