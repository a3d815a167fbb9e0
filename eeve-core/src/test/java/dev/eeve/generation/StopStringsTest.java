package dev.eeve.generation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class StopStringsTest {
  @Test
  void aStopStringAcrossPiecesEndsTheTextBeforeIt() {
    StopStrings stops = new StopStrings(List.of("\nHuman:", "끝"));
    assertEquals("네", stops.accept("네\nHu"));
    assertFalse(stops.found());
    assertEquals("", stops.accept("man"));
    assertEquals("", stops.accept(": 더"));
    assertTrue(stops.found());
  }

  @Test
  void heldTextComesOutWhenItBecomesNoStopString() {
    StopStrings stops = new StopStrings(List.of("aab"));
    assertEquals("", stops.accept("aa"));
    assertEquals("a", stops.accept("a"));
    assertEquals("aac", stops.accept("c"));
    assertEquals("", stops.accept("a"));
    assertEquals("a", stops.finish());
  }
}
