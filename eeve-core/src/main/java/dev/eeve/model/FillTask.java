package dev.eeve.model;

import java.io.IOException;

/** A piece of work that fills a part of a model. */
@FunctionalInterface
interface FillTask {
  void run() throws IOException;
}
