package dev.eeve.kernels;

/** Operations on each element alone, shared out in chunks. */
final class Elementwise extends Job {
  private static final int CHUNK = 4096;

  /** What is computed. */
  enum Operation {
    GELU,
    GELU_BACKWARD,
    ADD,
    ADD_TWO
  }

  private Operation operation;
  private FloatMatrix out;
  private FloatMatrix a;
  private FloatMatrix b;

  void run(Workers workers, Operation operation, FloatMatrix out, FloatMatrix a, FloatMatrix b) {
    this.operation = operation;
    this.out = out;
    this.a = a;
    this.b = b;
    workers.run(this, (out.rows() * out.columns() + CHUNK - 1) / CHUNK);
  }

  @Override
  void run(int unit, Scratch scratch) {
    int from = unit * CHUNK;
    int count = Math.min(CHUNK, out.rows() * out.columns() - from);
    switch (operation) {
      case GELU -> {
        int done =
            Simd.VECTOR
                ? VectorElementwise.gelu(
                    out.data(), out.offset() + from, a.data(), a.offset() + from, count)
                : 0;
        Gelu.scalar(
            out.data(),
            out.offset() + from + done,
            a.data(),
            a.offset() + from + done,
            count - done);
      }
      case GELU_BACKWARD -> {
        int to = out.offset() + from;
        int da = a.offset() + from;
        int x = b.offset() + from;
        int done =
            Simd.VECTOR
                ? VectorElementwise.geluBackward(out.data(), to, a.data(), da, b.data(), x, count)
                : 0;
        Gelu.scalarBackward(
            out.data(), to + done, a.data(), da + done, b.data(), x + done, count - done);
      }
      case ADD -> {
        float[] sum = out.data();
        for (int i = 0; i < count; i++) {
          sum[out.offset() + from + i] += a.data()[a.offset() + from + i];
        }
      }
      case ADD_TWO -> {
        float[] sum = out.data();
        for (int i = 0; i < count; i++) {
          sum[out.offset() + from + i] +=
              a.data()[a.offset() + from + i] + b.data()[b.offset() + from + i];
        }
      }
    }
  }
}
