package dev.eeve.cli;

import dev.eeve.LanguageModel;
import dev.eeve.adapter.LoraAdapter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A model with the adapters of the command line, all of them at once. */
final class OpenModel implements AutoCloseable {
  private final LanguageModel base;
  private final List<LoraAdapter> adapters = new ArrayList<>();
  private LanguageModel used;

  private OpenModel(LanguageModel base) {
    this.base = base;
  }

  /** Owns {@code base} from here on. */
  static OpenModel of(LanguageModel base, List<Path> folders) throws IOException {
    OpenModel open = new OpenModel(base);
    boolean done = false;
    try {
      for (Path folder : folders) {
        open.adapters.add(base.readAdapter(folder));
      }
      open.used = base.withAdapters(open.adapters.toArray(LoraAdapter[]::new));
      done = true;
      return open;
    } catch (IllegalArgumentException e) {
      throw Messages.under("--adapter", "adapter", e);
    } finally {
      if (!done) {
        open.close();
      }
    }
  }

  LanguageModel language() {
    return used;
  }

  @Override
  public void close() {
    base.close();
    adapters.forEach(LoraAdapter::close);
  }
}
