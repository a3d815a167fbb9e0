package dev.eeve.kernels;

/**
 * The backward pass of {@link CausalAttention}. One unit is one key/value head of one document,
 * with every query head that reads it: so each gradient has one owner and no sum is shared.
 *
 * <p>Probabilities are computed again from the saved maximum and sum of each query, never stored:
 * {@code p = e^(q·k − max) / sum}, {@code ds = p (dOut·v − Σ dOut out)}. Every gradient is a chain
 * of fused multiply-adds: dQ over the keys in order, dK and dV over the query heads and in each
 * over the queries in order.
 */
final class AttentionBackwardJob extends Job {
  FloatMatrix dQ;
  FloatMatrix dK;
  FloatMatrix dV;
  FloatMatrix dOut;
  FloatMatrix out;
  FloatMatrix max;
  FloatMatrix sum;
  FloatMatrix q;
  FloatMatrix k;
  FloatMatrix v;
  int size;
  int headsPerKey;
  private int[] documents;
  private int keyHeads;

  void run(Workers workers, int headSize, int[] documents) {
    this.size = headSize;
    this.documents = documents;
    keyHeads = k.columns() / headSize;
    headsPerKey = q.columns() / k.columns();
    workers.run(this, documents.length * keyHeads);
    dQ = dK = dV = dOut = out = max = sum = q = k = v = null;
  }

  @Override
  void run(int unit, Scratch scratch) {
    int document = unit / keyHeads;
    int first = documents[document];
    int end = document + 1 < documents.length ? documents[document + 1] : q.rows();
    int keyHead = unit % keyHeads;
    if (Simd.VECTOR) {
      VectorAttentionBackward.head(this, first, end - first, keyHead, scratch);
    } else {
      head(first, end, keyHead, scratch);
    }
  }

  /** {@code Σ dOut out} of one query of one head: what the softmax takes off each ds. */
  static float mean(AttentionBackwardJob job, int row, int head) {
    int a = job.dOut.index(row) + head * job.size;
    int b = job.out.index(row) + head * job.size;
    float[] dOut = job.dOut.data();
    float[] out = job.out.data();
    float sum = 0f;
    for (int d = 0; d < job.size; d++) {
      sum = Math.fma(dOut[a + d], out[b + d], sum);
    }
    return sum;
  }

  /** The specification. */
  private void head(int first, int end, int keyHead, Scratch scratch) {
    float scale = CausalAttention.scale(size);
    float[] query = scratch.floats(Scratch.Use.QUERIES, size);
    int column = keyHead * size;
    for (int i = first; i < end; i++) {
      for (int d = 0; d < size; d++) {
        dK.data()[dK.index(i) + column + d] = 0f;
        dV.data()[dV.index(i) + column + d] = 0f;
      }
    }
    for (int head = keyHead * headsPerKey; head < (keyHead + 1) * headsPerKey; head++) {
      for (int r = first; r < end; r++) {
        int qAt = q.index(r) + head * size;
        int dQAt = dQ.index(r) + head * size;
        for (int d = 0; d < size; d++) {
          query[d] = q.data()[qAt + d] * scale;
          dQ.data()[dQAt + d] = 0f;
        }
        row(first, r, head, column, query, dQAt);
        for (int d = 0; d < size; d++) {
          dQ.data()[dQAt + d] = dQ.data()[dQAt + d] * scale + 0f; // + 0: no negative zero
        }
      }
    }
    for (int i = first; i < end; i++) {
      for (int d = 0; d < size; d++) {
        dK.data()[dK.index(i) + column + d] += 0f;
        dV.data()[dV.index(i) + column + d] += 0f;
      }
    }
  }

  private void row(int first, int r, int head, int column, float[] query, int dQAt) {
    float mean = mean(this, r, head);
    float top = max.data()[max.index(r) + head];
    float share = 1f / sum.data()[sum.index(r) + head];
    int dOutAt = dOut.index(r) + head * size;
    for (int i = first; i <= r; i++) {
      int kAt = k.index(i) + column;
      int vAt = v.index(i) + column;
      float score = 0f;
      float dp = 0f;
      for (int d = 0; d < size; d++) {
        score = Math.fma(query[d], k.data()[kAt + d], score);
        dp = Math.fma(dOut.data()[dOutAt + d], v.data()[vAt + d], dp);
      }
      float p = Exponential.exp(score - top) * share;
      float ds = p * (dp - mean);
      int dKAt = dK.index(i) + column;
      int dVAt = dV.index(i) + column;
      for (int d = 0; d < size; d++) {
        dQ.data()[dQAt + d] = Math.fma(ds, k.data()[kAt + d], dQ.data()[dQAt + d]);
        dK.data()[dKAt + d] = Math.fma(ds, query[d], dK.data()[dKAt + d]);
        dV.data()[dVAt + d] = Math.fma(p, dOut.data()[dOutAt + d], dV.data()[dVAt + d]);
      }
    }
  }
}
