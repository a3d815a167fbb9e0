package dev.eeve.bench;

import dev.eeve.kernels.Weights;
import dev.eeve.model.LinearLayer;
import dev.eeve.model.NormLayer;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiLayer;
import dev.eeve.model.PhiModel;
import java.util.ArrayList;
import java.util.List;

/** Phi's forward pass in double, one token at a time, as plainly as it can be written. */
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
    double[] h = row(model.embedTokens(), id);
    for (int i = 0; i < model.layers().size(); i++) {
      PhiLayer layer = model.layers().get(i);
      double[] x = norm(layer.inputLayernorm(), h);
      double[] q = linear(layer.qProj(), x);
      double[] k = linear(layer.kProj(), x);
      int position = keys.get(i).size();
      rotate(q, position);
      rotate(k, position);
      keys.get(i).add(k);
      values.get(i).add(linear(layer.vProj(), x));
      double[] o = linear(layer.dense(), attend(q, keys.get(i), values.get(i)));
      double[] f = linear(layer.fc1(), x);
      for (int j = 0; j < f.length; j++) {
        double inner = Math.sqrt(2 / Math.PI) * (f[j] + 0.044715 * f[j] * f[j] * f[j]);
        f[j] = 0.5 * f[j] * (1 + Math.tanh(inner));
      }
      double[] m = linear(layer.fc2(), f);
      for (int j = 0; j < h.length; j++) {
        h[j] += o[j] + m[j];
      }
    }
    return linear(model.lmHead(), norm(model.finalLayernorm(), h));
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

  private static double[] linear(LinearLayer layer, double[] x) {
    float[] row = new float[x.length];
    double[] out = new double[layer.weight().rows()];
    for (int n = 0; n < out.length; n++) {
      layer.weight().row(n, row, 0);
      out[n] = layer.bias()[n];
      for (int k = 0; k < x.length; k++) {
        out[n] += row[k] * x[k];
      }
    }
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
