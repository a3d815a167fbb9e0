package dev.eeve.generation;

import java.util.List;

/** Finds stop strings in text that arrives in pieces; holds back what could still become one. */
final class StopStrings {
  private final List<String> stops;
  private final StringBuilder held = new StringBuilder();
  private boolean found;

  StopStrings(List<String> stops) {
    this.stops = stops;
  }

  boolean found() {
    return found;
  }

  /** Takes a piece and returns the text that no later piece can turn into a stop string. */
  String accept(String piece) {
    if (stops.isEmpty()) {
      return piece;
    }
    held.append(piece);
    int first = -1;
    for (String stop : stops) {
      int at = held.indexOf(stop);
      if (at >= 0 && (first < 0 || at < first)) {
        first = at;
      }
    }
    if (first >= 0) {
      found = true;
      held.setLength(first);
      return finish();
    }
    int keep = 0;
    for (String stop : stops) {
      keep = Math.max(keep, longestBeginning(stop));
    }
    String decided = held.substring(0, held.length() - keep);
    held.delete(0, decided.length());
    return decided;
  }

  /** What is still held back; nothing follows it. */
  String finish() {
    String rest = held.toString();
    held.setLength(0);
    return rest;
  }

  /** Length of the longest end of the held text that begins a stop string. */
  private int longestBeginning(String stop) {
    for (int length = Math.min(stop.length() - 1, held.length()); length > 0; length--) {
      if (held.indexOf(stop.substring(0, length), held.length() - length) >= 0) {
        return length;
      }
    }
    return 0;
  }
}
