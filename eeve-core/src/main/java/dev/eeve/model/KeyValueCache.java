package dev.eeve.model;

import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.KeyValueRows;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

/** Keys and values of every layer for the tokens of one context; off-heap. */
final class KeyValueCache implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final List<KeyValueRows> layers = new ArrayList<>();
  private final int capacity;

  KeyValueCache(PhiConfig config, ElementType type, int capacity) {
    this.capacity = capacity;
    for (int i = 0; i < config.numHiddenLayers(); i++) {
      layers.add(
          KeyValueRows.allocate(
              arena, type, config.numKeyValueHeads(), config.headDim(), capacity));
    }
  }

  static long byteSize(PhiConfig config, ElementType type, int capacity) {
    return config.numHiddenLayers()
        * KeyValueRows.byteSize(type, config.numKeyValueHeads(), config.headDim(), capacity);
  }

  int capacity() {
    return capacity;
  }

  int layers() {
    return layers.size();
  }

  KeyValueRows layer(int index) {
    return layers.get(index);
  }

  @Override
  public void close() {
    arena.close();
  }
}
