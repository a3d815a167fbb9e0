package dev.eeve.kernels;

/**
 * The low-rank update of a linear layer (Hu et al., 2021): {@code out += s · (in · Aᵀ) · Bᵀ}, with
 * {@code A (r, K)} and {@code B (N, r)} beside a weight {@code (N, K)} that stays as it is.
 *
 * <p>The scale goes to the r inner values, so that its work and that of its gradient is theirs.
 * Both products are {@link Linear}'s: an output is a function of its own row alone.
 */
public final class LowRank {
  private final Weights a;
  private final Weights b;
  private final float scale;

  /** Biases of the two products. */
  private final float[] innerZeros;

  private final float[] outerZeros;

  /**
   * An update's matrices.
   *
   * @param a A (r, K)
   * @param b B (N, r)
   * @param scale s
   */
  public LowRank(Weights a, Weights b, float scale) {
    if (b.columns() != a.rows()) {
      throw new IllegalArgumentException(
          "b: (%d, %d), needed (N, %d)".formatted(b.rows(), b.columns(), a.rows()));
    }
    this.a = a;
    this.b = b;
    this.scale = scale;
    innerZeros = new float[a.rows()];
    outerZeros = new float[b.rows()];
  }

  /**
   * The first matrix.
   *
   * @return A (r, K)
   */
  public Weights a() {
    return a;
  }

  /**
   * The second matrix.
   *
   * @return B (N, r)
   */
  public Weights b() {
    return b;
  }

  /**
   * The factor.
   *
   * @return s
   */
  public float scale() {
    return scale;
  }

  /**
   * Width of the inner values.
   *
   * @return r
   */
  public int rank() {
    return a.rows();
  }

  /**
   * One update of a call.
   *
   * @param weights what to apply
   * @param out (R, N), added to
   * @param in (R, K), read
   * @param inner (R, r), overwritten with {@code s · in · Aᵀ}, which the backward pass reads
   * @param outer (R, N), overwritten; another one for each update of a group
   */
  public record Update(
      LowRank weights, FloatMatrix out, FloatMatrix in, FloatMatrix inner, FloatMatrix outer) {
    /** Checks the shapes. */
    public Update {
      in.require("in", in.rows(), weights.a.columns());
      out.require("out", in.rows(), weights.b.rows());
      inner.require("inner", in.rows(), weights.rank());
      outer.require("outer", in.rows(), weights.b.rows());
    }
  }

  /** Updates that run together: neighbours with the same {@code in} share its packing. */
  public static final class Group {
    private final Update[] updates;
    private final Linear.Product[] down;
    private final Linear.Product[] up;

    /**
     * Binds updates.
     *
     * @param updates at least one, all with the same number of rows; several may have one {@code
     *     out}, which they are added to in their order
     */
    public Group(Update... updates) {
      this.updates = updates.clone();
      down = new Linear.Product[updates.length];
      up = new Linear.Product[updates.length];
      for (int i = 0; i < updates.length; i++) {
        Update u = updates[i];
        down[i] = new Linear.Product(u.inner, u.in, u.weights.a, u.weights.innerZeros);
        up[i] = new Linear.Product(u.outer, u.inner, u.weights.b, u.weights.outerZeros);
      }
    }
  }

  /**
   * Adds every update to its output.
   *
   * @param workers the caller's threads
   * @param group what to add
   */
  public static void forward(Workers workers, Group group) {
    forwardInner(workers, group);
    Linear.forward(workers, group.up);
    for (Update update : group.updates) {
      add(workers, update.out, update.outer);
    }
  }

  /**
   * The first half of {@link #forward} alone: {@code inner = s · in · Aᵀ}, for a backward pass
   * whose forward pass did not keep it.
   *
   * @param workers the caller's threads
   * @param group whose inner values to compute
   */
  public static void forwardInner(Workers workers, Group group) {
    Linear.forward(workers, group.down);
    for (Update update : group.updates) {
      scale(update.inner, update.weights.scale);
    }
  }

  /**
   * Gradients of both matrices: {@code dB += dOutᵀ · inner}, {@code dInner = s · dOut · B}, {@code
   * dA += dInnerᵀ · in}. What goes on to the input is {@code dInner · A}, see {@link
   * #inputGradient}.
   *
   * @param workers the caller's threads
   * @param dA (r, K), F32, added to
   * @param dB (N, r), F32, added to
   * @param dInner (R, r), overwritten
   * @param dOut (R, N), read
   * @param in (R, K), the forward's, read
   * @param inner (R, r), the forward's, read
   */
  public void backward(
      Workers workers,
      Weights dA,
      Weights dB,
      FloatMatrix dInner,
      FloatMatrix dOut,
      FloatMatrix in,
      FloatMatrix inner) {
    Linear.backwardWeight(workers, new Linear.WeightGradient(dB, dOut, inner));
    Linear.backwardInput(workers, dInner, new Linear.InputGradient(dOut, b));
    scale(dInner, scale);
    Linear.backwardWeight(workers, new Linear.WeightGradient(dA, dInner, in));
  }

  /**
   * The update's part of the gradient of its input.
   *
   * @param dInner (R, r), as {@link #backward} wrote it
   * @return a part of {@link Linear#backwardInput}
   */
  public Linear.InputGradient inputGradient(FloatMatrix dInner) {
    return new Linear.InputGradient(dInner, a);
  }

  /**
   * {@code out += in}, element by element.
   *
   * @param workers the caller's threads
   * @param out (R, C), added to
   * @param in (R, C), read
   */
  public static void add(Workers workers, FloatMatrix out, FloatMatrix in) {
    in.require("in", out.rows(), out.columns());
    workers.elementwiseJob.run(workers, Elementwise.Operation.ADD, out, in, in);
  }

  private static void scale(FloatMatrix matrix, float factor) {
    int end = matrix.offset() + matrix.rows() * matrix.columns();
    for (int i = matrix.offset(); i < end; i++) {
      matrix.data()[i] *= factor;
    }
  }
}
