package dev.eeve;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;

/** The tiny models with known answers, among the test resources. */
public final class Golden {
  /** Their folders' names. */
  public static final List<String> MODELS =
      List.of("tiny-f32", "tiny-f16-sharded", "tiny-bf16-head80");

  private Golden() {}

  /**
   * Where one is.
   *
   * @param model one of {@link #MODELS}
   * @return its folder
   */
  public static Path folder(String model) {
    try {
      return Path.of(Golden.class.getResource("/golden/" + model + "/config.json").toURI())
          .getParent();
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }
}
