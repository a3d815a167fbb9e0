package dev.eeve.bench;

import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.KeyValueRows;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiModel;
import dev.eeve.model.Session;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** Layers of phi-2's width through the public API: a step, or a block of a prompt, without head. */
public abstract class LayerKernel extends KernelBenchmark {
  /** Enough rows for the check's logits; no benchmark here runs the head. */
  private static final int VOCABULARY = 100;

  private static final int POSITIONS = 2048;

  private int[] ids;
  private int position;
  private PhiModel model;
  private Session session;

  /** For JMH. */
  protected LayerKernel() {}

  abstract ElementType type();

  /** How many layers to make. */
  abstract int layers(Shape shape, long layerBytes);

  @Override
  Work prepare(Shape shape) {
    Width width = shape.width();
    long vectors = 7L * width.hidden() + width.intermediate();
    long parameters = (4L * width.hidden() + 2L * width.intermediate()) * width.hidden() + vectors;
    long layerBytes =
        new Shape.Matrix(4 * width.hidden() + width.intermediate(), width.hidden()).bytes(type())
            + new Shape.Matrix(width.hidden(), width.intermediate()).bytes(type())
            + Float.BYTES * vectors;
    int layers = layers(shape, layerBytes);
    position = shape.position();
    model = PhiModel.random(config(width, layers), type(), 3, threads());
    session = new Session(model, pool(), Blocking.defaults(), position + shape.tokens());
    ids = new int[position + shape.tokens()];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = i * 31 % VOCABULARY;
    }
    if (position > 0) {
      session.append(ids, 0, position);
    }
    double cached =
        (position + 1.0)
            * KeyValueRows.positionBytes(ElementType.F32, width.heads(), width.headSize());
    double pairs = shape.tokens() * (position + (shape.tokens() + 1) / 2.0);
    return shape.tokens() == 1
        ? Work.memory(layers * (layerBytes + cached), threads())
        : Work.arithmetic(
            layers * (2.0 * shape.tokens() * parameters + 4 * pairs * width.hidden()), threads());
  }

  private static PhiConfig config(Width width, int layers) {
    return new PhiConfig(
        VOCABULARY,
        width.hidden(),
        width.intermediate(),
        layers,
        width.heads(),
        width.heads(),
        0.4,
        10_000,
        1e-5,
        POSITIONS,
        0,
        0,
        0,
        0.02,
        OptionalInt.empty(),
        List.of(),
        Optional.empty());
  }

  @Override
  void run() {
    session.rewind(position);
    session.append(ids, position, ids.length);
  }

  /**
   * The last logits, to 2e-4 of the largest, as golden answers are held to; a tenth where Q4_0
   * weights round what they meet to 8 bits, once a product, which the plain model doesn't. The
   * plain model sees a few tokens only, so both ways of the kernels are tried on these, and the
   * benchmark's own tokens must give the same bits one by one.
   */
  @Override
  void check() {
    float[] all = session.logits().clone();
    session.rewind(0);
    PlainPhi plain = new PlainPhi(model);
    for (int i = 0; i < 4; i++) {
      session.rewind(0);
      session.append(ids, 0, i + 1);
      compare(plain.next(ids[i]), session.logits());
    }
    session.rewind(0);
    for (int i = 0; i < ids.length; i++) {
      session.append(ids, i, i + 1);
    }
    float[] single = session.logits();
    for (int n = 0; n < VOCABULARY; n++) {
      Check.near("logit " + n + " one by one", single[n], all[n], 0);
    }
  }

  private void compare(double[] expected, float[] found) {
    double tolerance = type() == ElementType.Q4_0 ? 0.1 : 2e-4;
    double largest = 0;
    for (double x : expected) {
      largest = Math.max(largest, Math.abs(x));
    }
    for (int n = 0; n < VOCABULARY; n++) {
      Check.near("logit " + n, expected[n], found[n], tolerance * largest);
    }
  }

  @Override
  void release() {
    session.close();
    model.close();
  }
}
