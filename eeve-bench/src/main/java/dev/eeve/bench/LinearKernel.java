package dev.eeve.bench;

import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.FloatMatrix;
import dev.eeve.kernels.Linear;
import dev.eeve.kernels.Weights;
import java.util.ArrayList;
import java.util.List;

/** {@link Linear}: one layer's product, q, k and v in one call as the model has them. */
public abstract class LinearKernel extends KernelBenchmark {
  /** Fewer tokens are bound by reading weights, more by arithmetic; between, it depends. */
  private static final int ARITHMETIC_FROM = 64;

  /** For each copy of the weights, the call's products. */
  private Linear.Product[][] calls;

  private int turn;

  /** For JMH. */
  protected LinearKernel() {}

  abstract ElementType type();

  /** Whether calls go by {@link Linear#forwardByStrassen}. */
  boolean strassen() {
    return false;
  }

  @Override
  Blocking blocking() {
    return strassen() ? Blocking.strassen() : Blocking.defaults();
  }

  @Override
  Work prepare(Shape shape) {
    int tokens = shape.tokens();
    List<Shape.Matrix> matrices = shape.matrices();
    long elements = matrices.stream().mapToLong(Shape.Matrix::elements).sum();
    long bytes = 0;
    for (Shape.Matrix matrix : matrices) {
      bytes += matrix.bytes(type());
    }
    calls = new Linear.Product[shape.copies(bytes)][matrices.size()];
    turn = 0;
    FloatMatrix in = input(tokens, matrices.getFirst().columns());
    for (int m = 0; m < matrices.size(); m++) {
      Shape.Matrix matrix = matrices.get(m);
      FloatMatrix out = output(tokens, matrix.rows());
      float[] bias = Check.random(random, matrix.rows(), 1);
      List<Weights> copies =
          new ArrayList<>(WeightCopies.of(arena, type(), matrix, calls.length, random));
      for (int c = 0; c < calls.length; c++) {
        calls[c][m] = new Linear.Product(out, in, copies.get(c), bias);
      }
    }
    return new Work(
        tokens == 1 ? 0 : 2.0 * tokens * elements,
        tokens >= ARITHMETIC_FROM ? 0 : bytes,
        0,
        threads());
  }

  @Override
  void run() {
    Linear.Product[] call = calls[turn];
    turn = turn + 1 == calls.length ? 0 : turn + 1;
    if (strassen()) {
      Linear.forwardByStrassen(workers, call);
    } else {
      Linear.forward(workers, call);
    }
  }

  /**
   * A chain of K fused multiply-adds from the bias on: each rounds what it has so far. Q4_0 weights
   * round each input by at most a 254th of the largest of its 32 beside that.
   */
  @Override
  void check() {
    for (Linear.Product product : calls[0]) {
      Weights weight = product.weight();
      float[] row = new float[weight.columns()];
      for (int n : Check.samples(weight.rows())) {
        weight.row(n, row, 0);
        for (int r : Check.samples(product.in().rows())) {
          double expected = product.bias()[n];
          double absolute = Math.abs(expected);
          double rounded = 0;
          int at = product.in().index(r);
          for (int k = 0; k < row.length; k++) {
            double term = (double) row[k] * product.in().data()[at + k];
            expected += term;
            absolute += Math.abs(term);
            rounded += Math.abs((double) row[k]) * largest(product.in(), at + k / 32 * 32) / 254;
          }
          Check.near(
              "row " + r + ", feature " + n,
              expected,
              product.out().data()[product.out().index(r) + n],
              (row.length + 1) * Check.ROUNDING * absolute
                  + (weight.type() == ElementType.Q4_0 ? rounded * 1.001 : 0));
        }
      }
    }
  }

  private static double largest(FloatMatrix in, int at) {
    double largest = 0;
    for (int i = at; i < Math.min(at + 32, in.data().length); i++) {
      largest = Math.max(largest, Math.abs(in.data()[i]));
    }
    return largest;
  }
}
