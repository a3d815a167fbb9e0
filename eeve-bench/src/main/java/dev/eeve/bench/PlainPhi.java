package dev.eeve.bench;

import dev.eeve.kernels.Weights;
import dev.eeve.model.LinearLayer;
import dev.eeve.model.NormLayer;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiLayer;
import dev.eeve.model.PhiModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** Phi's forward pass in double, as plainly as it can be written. */
final class PlainPhi {
  private final PhiModel model;
  private final List<List<double[]>> keys = new ArrayList<>();
  private final List<List<double[]>> values = new ArrayList<>();

  PlainPhi(PhiModel model) {
    this.model = model;
    for (int i = 0; i < model.layers().size(); i++) {
      keys.add(new ArrayList<>());
      values.add(new ArrayList<>());
    }
  }

  /** The logits after one more token. */
  double[] next(int id) {
    return next(new int[] {id}, 1)[0];
  }

  /** The logits after each of the last {@code count} of some more tokens. */
  double[][] next(int[] ids, int count) {
    double[][] h = new double[ids.length][];
    Arrays.setAll(h, t -> row(model.embedTokens(), ids[t]));
    for (int i = 0; i < model.layers().size(); i++) {
      PhiLayer layer = model.layers().get(i);
      double[][] x = norm(layer.inputLayernorm(), h);
      double[][] q = linear(layer.qProj(), x);
      double[][] k = linear(layer.kProj(), x);
      double[][] v = linear(layer.vProj(), x);
      double[][] a = new double[ids.length][];
      for (int t = 0; t < ids.length; t++) {
        int position = keys.get(i).size();
        rotate(q[t], position);
        rotate(k[t], position);
        keys.get(i).add(k[t]);
        values.get(i).add(v[t]);
        a[t] = attend(q[t], keys.get(i), values.get(i));
      }
      double[][] o = linear(layer.dense(), a);
      double[][] f = linear(layer.fc1(), x);
      for (double[] row : f) {
        Arrays.setAll(row, j -> gelu(row[j]));
      }
      double[][] m = linear(layer.fc2(), f);
      for (int t = 0; t < ids.length; t++) {
        for (int j = 0; j < h[t].length; j++) {
          h[t][j] += o[t][j] + m[t][j];
        }
      }
    }
    double[][] last = Arrays.copyOfRange(h, ids.length - count, ids.length);
    return linear(model.lmHead(), norm(model.finalLayernorm(), last));
  }

  private static double gelu(double x) {
    return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
  }

  private static double[] row(Weights weights, int row) {
    float[] values = new float[weights.columns()];
    weights.row(row, values, 0);
    double[] result = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      result[i] = values[i];
    }
    return result;
  }

  private static double[][] linear(LinearLayer layer, double[][] x) {
    double[][] out = new double[x.length][layer.weight().rows()];
    IntStream.range(0, layer.weight().rows())
        .parallel()
        .forEach(
            n -> {
              double[] weight = row(layer.weight(), n);
              for (int t = 0; t < x.length; t++) {
                out[t][n] = layer.bias()[n] + dot(weight, x[t]);
              }
            });
    return out;
  }

  /** Four sums: one alone waits for each addition. */
  private static double dot(double[] a, double[] b) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int k = 0;
    for (; k + 3 < a.length; k += 4) {
      s0 += a[k] * b[k];
      s1 += a[k + 1] * b[k + 1];
      s2 += a[k + 2] * b[k + 2];
      s3 += a[k + 3] * b[k + 3];
    }
    for (; k < a.length; k++) {
      s0 += a[k] * b[k];
    }
    return s0 + s1 + s2 + s3;
  }

  private double[][] norm(NormLayer layer, double[][] rows) {
    double[][] out = new double[rows.length][];
    Arrays.setAll(out, t -> norm(layer, rows[t]));
    return out;
  }

  private double[] norm(NormLayer layer, double[] x) {
    double mean = 0;
    for (double value : x) {
      mean += value / x.length;
    }
    double variance = 0;
    for (double value : x) {
      variance += (value - mean) * (value - mean) / x.length;
    }
    double[] out = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      double scale = layer.weight()[i] / Math.sqrt(variance + model.config().layerNormEps());
      out[i] = (x[i] - mean) * scale + layer.bias()[i];
    }
    return out;
  }

  private void rotate(double[] x, int position) {
    PhiConfig config = model.config();
    int rotary = config.rotaryDim();
    for (int h = 0; h < x.length; h += config.headDim()) {
      for (int i = 0; i < rotary / 2; i++) {
        double angle = position * Math.pow(config.ropeTheta(), -2.0 * i / rotary);
        double low = x[h + i];
        double high = x[h + rotary / 2 + i];
        x[h + i] = low * Math.cos(angle) - high * Math.sin(angle);
        x[h + rotary / 2 + i] = high * Math.cos(angle) + low * Math.sin(angle);
      }
    }
  }

  private double[] attend(double[] q, List<double[]> keys, List<double[]> values) {
    int size = model.config().headDim();
    double[] out = new double[q.length];
    for (int h = 0; h < q.length; h += size) {
      double sum = 0;
      for (int i = 0; i < keys.size(); i++) {
        double score = 0;
        for (int d = h; d < h + size; d++) {
          score += q[d] * keys.get(i)[d] / Math.sqrt(size);
        }
        double p = Math.exp(score); // scores of random weights are small
        sum += p;
        for (int d = h; d < h + size; d++) {
          out[d] += p * values.get(i)[d];
        }
      }
      for (int d = h; d < h + size; d++) {
        out[d] /= sum;
      }
    }
    return out;
  }
}
