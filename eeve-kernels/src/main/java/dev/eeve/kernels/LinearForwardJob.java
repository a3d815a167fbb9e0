package dev.eeve.kernels;

import java.lang.foreign.MemorySegment;

/** {@link Linear#forward}: one unit is a group of panels of 32 weight rows times all input rows. */
final class LinearForwardJob extends Job {
  /** Features per step where rows share a panel without vectors: it stays in the second cache. */
  private static final int SHARED_DEPTH = 2048;

  /**
   * Features of one input of many rows that are packed at once: for 512 rows 5 MB, which stay in
   * the third cache; with 20 MB, fc2 took a tenth longer, and of F32 a quarter. Whole blocks.
   */
  private static final int STRETCH = 2560;

  /** From this many rows on. */
  private static final int STRETCHED_FROM = 256;

  private Linear.Product[] products;

  /** The features of this run. */
  private int from;

  private int to;
  private PackRowsJob packed;
  private int depth;

  /** The panels of each product's units, where units are panels. */
  private UnitGroups[] groups = {};

  /** Panels that share a packed tile of rows, and those of a single row's turn. */
  private int tileGroup;

  private int streamGroup;

  /** Whether tiles read element types as they are stored, without a widened block between. */
  private boolean direct;

  /** Makes sure that reading ahead is not left out: nobody reads it. */
  private int readAhead;

  /** The single rows that meet F16 weights. */
  private final ScaledRows scaled = new ScaledRows();

  /** How each product is computed, and where its input is among the packed or quantized ones. */
  private Path[] paths = {};

  private int[] slots = {};
  private QuantizeRowsJob quantized;
  private PackFewRowsJob fewRows;

  /** Ways through a product. */
  private enum Path {
    /** Feature by feature from where the weights are; with vectors, one row alone. */
    LINES,
    /** One row with shorter vectors: lines of a few panels in turn. */
    STREAMS,
    /** Tiles of a few rows that widen lines in registers. */
    FEW_ROWS,
    /** Few rows of Q8_0, a group of weight rows at a time. */
    GROUPS,
    /** The same of Q4_0, which takes its input in 8 bits. */
    NIBBLE_GROUPS,
    /** Register tiles over widened panels. */
    TILES,
    /** The same without vectors. */
    SCALAR_BLOCKS,
    /** Register tiles in lanes of 16 bits. */
    NIBBLES
  }

  void run(Workers workers, Linear.Product[] products, boolean exact) {
    FloatMatrix in = products[0].in();
    boolean stretched = in.rows() >= STRETCHED_FROM;
    for (Linear.Product product : products) {
      stretched &= product.in() == in && path(product, false, exact) == Path.TILES;
    }
    from = 0;
    do {
      to = stretched ? Math.min(in.columns(), from + STRETCH) : Integer.MAX_VALUE;
      runFeatures(workers, products, exact);
      from = to;
    } while (from < in.columns());
  }

  private void runFeatures(Workers workers, Linear.Product[] products, boolean exact) {
    this.products = products;
    int panels = 0;
    for (Linear.Product product : products) {
      panels += product.weight().panels();
    }
    tileGroup = workers.tileGroup(panels);
    streamGroup = Math.max(VectorProduct.PANELS, workers.streamGroup(panels));
    int block = BlockLayout.COLUMNS;
    depth = Math.max(block, workers.blocking().depth() / block * block);
    int rows = products[0].in().rows();
    fewRows = workers.packFewRowsJob;
    boolean some =
        Simd.VECTOR && rows > 1 && rows <= Linear.FEW_ROWS && fewRows.pack(workers, products);
    boolean fewForLines =
        rows < Linear.PACKED_FROM && (!Simd.VECTOR || some || rows == 1 && scaled.scale(products));
    boolean fewForBlocks = rows < (Simd.VECTOR ? Linear.BLOCKS_TILED_FROM : Linear.PACKED_FROM);
    groups = UnitGroups.grown(groups, products.length);
    if (paths.length < products.length) {
      paths = new Path[products.length];
      slots = new int[products.length];
    }
    for (int i = 0; i < products.length; i++) {
      boolean blocks = products[i].weight().type().isBlocks();
      boolean few = blocks ? fewForBlocks : fewForLines;
      paths[i] = some && !blocks ? Path.FEW_ROWS : path(products[i], few, exact);
      boolean last = i == products.length - 1 && paths[i] == Path.TILES;
      groups[i].cut(products[i].weight().panels(), group(i), last ? workers.single() : 0);
    }
    pack(workers);
    quantize(workers, fewForBlocks);
    workers.run(this, units());
    this.products = null;
  }

  /** Packs inputs of tiles; those of F16 weights scaled, unless a value is too large for it. */
  private void pack(Workers workers) {
    packed = workers.packRowsJob;
    direct = Simd.VECTOR && VectorStoredTile.FITS;
    if (!packInputs(workers)) {
      direct = false;
      packInputs(workers);
    }
  }

  private boolean packInputs(Workers workers) {
    packed.begin(count(Path.TILES));
    int slot = 0;
    for (int i = 0; i < products.length; i++) {
      if (paths[i] == Path.TILES) {
        slots[i] = slot++;
        boolean scale = direct && products[i].weight().type() == ElementType.F16;
        packed.set(slots[i], products[i].in(), scale);
      }
    }
    return packed.pack(workers, depth, from, to);
  }

  private void quantize(Workers workers, boolean few) {
    quantized = workers.quantizeRowsJob;
    quantized.begin(count(Path.NIBBLE_GROUPS) + count(Path.NIBBLES));
    int slot = 0;
    for (int i = 0; i < products.length; i++) {
      if (paths[i] == Path.NIBBLE_GROUPS || paths[i] == Path.NIBBLES) {
        slots[i] = slot++;
        quantized.set(slots[i], products[i].in());
      }
    }
    int tile = few || !Simd.VECTOR ? 1 : VectorNibbleTile.ROWS;
    quantized.quantize(workers, tile, few && Simd.VECTOR);
  }

  private static Path path(Linear.Product product, boolean few, boolean exact) {
    ElementType type = product.weight().type();
    if (type == ElementType.Q4_0 && !exact) {
      return few || !Simd.VECTOR ? Path.NIBBLE_GROUPS : Path.NIBBLES;
    }
    if (!Simd.VECTOR) {
      return few ? Path.LINES : Path.SCALAR_BLOCKS;
    }
    if (!few) {
      return Path.TILES;
    }
    return switch (type) {
      case F32, F16, BF16 -> Simd.bits() == 512 ? Path.LINES : Path.STREAMS;
      case Q8_0 -> Path.GROUPS;
      case Q4_0 -> Path.TILES;
    };
  }

  private int count(Path path) {
    int count = 0;
    for (int i = 0; i < products.length; i++) {
      count += paths[i] == path ? 1 : 0;
    }
    return count;
  }

  /** Units of a product. */
  private int units(int i) {
    Weights weight = products[i].weight();
    return switch (paths[i]) {
      case GROUPS, NIBBLE_GROUPS -> BlockProduct.units(weight);
      case NIBBLES -> NibbleTiles.units(weight);
      case LINES, STREAMS, FEW_ROWS, TILES, SCALAR_BLOCKS -> groups[i].units();
    };
  }

  /** Panels that a unit is meant to have. */
  private int group(int i) {
    return switch (paths[i]) {
      case TILES -> tileGroup;
      case LINES, FEW_ROWS -> Simd.VECTOR ? VectorProduct.PANELS : 1;
      case STREAMS -> streamGroup;
      case SCALAR_BLOCKS, GROUPS, NIBBLE_GROUPS, NIBBLES -> 1;
    };
  }

  private int units() {
    int units = 0;
    for (int i = 0; i < products.length; i++) {
      units += units(i);
    }
    return units;
  }

  @Override
  void run(int unit, Scratch scratch) {
    int i = 0;
    int rest = unit;
    while (rest >= units(i)) {
      rest -= units(i++);
    }
    switch (paths[i]) {
      case GROUPS, NIBBLE_GROUPS ->
          BlockProduct.run(products[i], rest, quantized, slots[i], scratch);
      case NIBBLES -> NibbleTiles.run(products[i], rest, quantized, slots[i], scratch);
      case STREAMS -> streams(i, rest, scratch);
      case LINES, FEW_ROWS, TILES, SCALAR_BLOCKS -> panels(i, rest, scratch);
    }
  }

  private void panels(int i, int rest, Scratch scratch) {
    Linear.Product product = products[i];
    boolean tiles = paths[i] == Path.TILES;
    int first = groups[i].first(rest);
    int panels = groups[i].count(rest);
    int rows = product.in().rows();
    boolean some = paths[i] == Path.FEW_ROWS;
    int padded = roundUp(rows, tiles ? VectorTile.ROWS : some ? VectorFewRows.TILE : 1);
    int size = padded * Weights.PANEL_ROWS;
    float[] sums = scratch.floats(Scratch.Use.PRODUCT, group(i) * size);
    for (int p = 0; p < panels; p++) {
      int feature = (first + p) * Weights.PANEL_ROWS;
      if (from == 0) {
        PanelSums.start(sums, p * size, Weights.PANEL_ROWS, padded, product, feature);
      } else {
        PanelSums.goOn(sums, p * size, Weights.PANEL_ROWS, product, feature);
      }
    }
    if (tiles) {
      addTiles(sums, size, product, i, first, panels, scratch);
      return;
    }
    if (some) {
      addFewRows(sums, size, i, first, panels);
    } else if (paths[i] == Path.LINES && Simd.VECTOR) {
      addSingleRow(sums, size, i, first, panels, scratch);
    } else if (paths[i] == Path.LINES) {
      addScalarRows(sums, product, first, scratch);
    } else {
      addScalarBlocks(sums, product, first, scratch);
    }
    copyOut(sums, size, product, first, panels, 0, rows);
  }

  private static void copyOut(
      float[] sums, int size, Linear.Product product, int panel, int panels, int row, int rows) {
    for (int p = 0; p < panels; p++) {
      int feature = (panel + p) * Weights.PANEL_ROWS;
      PanelSums.copyOut(sums, p * size, Weights.PANEL_ROWS, product, feature, row, rows);
    }
  }

  private void addSingleRow(float[] sums, int size, int i, int panel, int panels, Scratch scratch) {
    Weights weight = products[i].weight();
    float[] line = scratch.floats(Scratch.Use.WEIGHTS, Weights.PANEL_ROWS);
    int other = panel + panels - 1; // a single panel is met twice, the second time for nothing
    int columns = weight.columns();
    VectorProduct.addFeatures(
        sums, 0, size, single(i), singleAt(i), weight, panel, other, 0, columns, line);
  }

  private void streams(int i, int unit, Scratch scratch) {
    int panel = groups[i].first(unit);
    int panels = groups[i].count(unit);
    VectorLineStreams.run(products[i], single(i), singleAt(i), panel, panels, scratch);
  }

  /** What holds a product's single row, scaled where its weights want it. */
  private float[] single(int i) {
    return products[i].weight().type() == ElementType.F16
        ? scaled.values()
        : products[i].in().data();
  }

  private int singleAt(int i) {
    boolean scales = products[i].weight().type() == ElementType.F16;
    return scales ? scaled.start(i) : products[i].in().index(0);
  }

  private static void addScalarRows(
      float[] sums, Linear.Product product, int panel, Scratch scratch) {
    FloatMatrix in = product.in();
    float[] line = scratch.floats(Scratch.Use.WEIGHTS, Weights.PANEL_ROWS);
    for (int k = 0; k < in.columns(); k += SHARED_DEPTH) {
      int to = Math.min(in.columns(), k + SHARED_DEPTH);
      for (int r = 0; r < in.rows(); r++) {
        int y = r * Weights.PANEL_ROWS;
        ScalarProduct.addFeatures(
            sums, y, in.data(), in.index(r), product.weight(), panel, k, to, line);
      }
    }
  }

  /** A step's lines stay in the first cache until every tile of rows has met them. */
  private void addFewRows(float[] sums, int size, int i, int panel, int panels) {
    Weights weight = products[i].weight();
    int other = panel + panels - 1; // a single panel is met twice, the second time for nothing
    for (int k = 0; k < weight.columns(); k += VectorFewRows.DEPTH) {
      int to = Math.min(weight.columns(), k + VectorFewRows.DEPTH);
      for (int row = 0; row < products[i].in().rows(); row += VectorFewRows.TILE) {
        int y = row * Weights.PANEL_ROWS;
        int x = fewRows.index(i, row, k);
        VectorFewRows.add(sums, y, size + y, fewRows.buffer, x, weight, panel, other, k, to);
      }
    }
  }

  /** A tile of rows stays in the first cache while it meets the group's panels. */
  private void addTiles(
      float[] sums,
      int size,
      Linear.Product product,
      int i,
      int firstPanel,
      int panels,
      Scratch scratch) {
    int columns = Math.min(to, product.in().columns());
    boolean stored = direct && !product.weight().type().isBlocks();
    for (int k = from; k < columns; k += depth) {
      int features = Math.min(depth, columns - k);
      MemorySegment blocks = null;
      if (!stored) {
        blocks = scratch.segment(Scratch.Use.WEIGHTS, 4L * tileGroup * depth * Weights.PANEL_ROWS);
        VectorWidening.widen(
            product.weight(), firstPanel, panels, k, k + features, blocks, scratch);
      }
      for (int row = 0; row < product.in().rows(); row += VectorTile.ROWS) {
        int in = packed.index(slots[i], k - from, row, features);
        int count = Math.min(VectorTile.ROWS, product.in().rows() - row);
        for (int p = 0; p < panels; p++) {
          int out = p * size + row * Weights.PANEL_ROWS;
          if (stored) {
            addStored(sums, out, in, product.weight(), firstPanel, p, k, features, row, count);
          } else {
            addWidened(sums, out, in, blocks, p, features, count);
          }
        }
        if (k + features == columns) { // stored a little at a time: memory takes it meanwhile
          copyOut(sums, size, product, firstPanel, panels, row, count);
        }
      }
    }
  }

  /** Before the first tile, lines are read ahead: a tile alone waits for each of them. */
  private void addStored(
      float[] sums,
      int out,
      int in,
      Weights weight,
      int firstPanel,
      int p,
      int k,
      int features,
      int row,
      int count) {
    int panel = firstPanel + p;
    if (row == 0 && (p == 0 || !weight.sharesLine(panel - 1))) {
      readAhead += VectorStoredTile.readAhead(weight, panel, k, features);
    }
    VectorStoredTile.add(sums, out, packed.buffer, in, weight, panel, k, features, count);
  }

  private void addWidened(
      float[] sums, int out, int in, MemorySegment blocks, int p, int features, int count) {
    long block = 4L * p * features * Weights.PANEL_ROWS;
    for (int c = 0; c < Weights.PANEL_ROWS; c += VectorTile.COLUMNS) {
      long from = block + 4L * c * features;
      VectorTile.add(sums, out + c, packed.buffer, in, blocks, from, features, count);
    }
  }

  private void addScalarBlocks(float[] sums, Linear.Product product, int panel, Scratch scratch) {
    int columns = product.in().columns();
    float[] block = scratch.floats(Scratch.Use.WEIGHTS, depth * Weights.PANEL_ROWS);
    for (int k = 0; k < columns; k += depth) {
      int to = Math.min(columns, k + depth);
      ScalarProduct.widen(product.weight(), panel, k, to, block);
      ScalarProduct.addBlock(sums, product.in(), k, to - k, block);
    }
  }

  private static int roundUp(int n, int multiple) {
    return (n + multiple - 1) / multiple * multiple;
  }
}
