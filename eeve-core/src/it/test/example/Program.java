package example;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** One run of the application in a JVM of its own, started as a user would. */
record Program(int exit, List<String> out, String err) {
  static final String INCUBATOR_LINE = "WARNING: Using incubator modules: jdk.incubator.vector";

  static Program run(List<String> flags, List<String> application)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(flags);
    command.addAll(application);
    command.add(Golden.TINY.folder().toString());
    command.add(Golden.TINY.prompt());
    Path out = Files.createTempFile(Path.of("target"), "out", ".txt");
    Path err = Files.createTempFile(Path.of("target"), "err", ".txt");
    int exit =
        new ProcessBuilder(command)
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start()
            .waitFor();
    return new Program(exit, Files.readAllLines(out), Files.readString(err));
  }
}
