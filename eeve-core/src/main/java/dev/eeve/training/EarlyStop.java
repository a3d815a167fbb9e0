package dev.eeve.training;

import java.util.Arrays;

/**
 * When a stage has converged: the mean loss of the last {@code window} updates is not lower by more
 * than {@code tolerance} than that of the {@code window} updates before them.
 *
 * @param window updates of one mean; 0 never stops
 * @param tolerance nats a token
 */
public record EarlyStop(int window, double tolerance) {
  /** Never stops. */
  public static final EarlyStop OFF = new EarlyStop(0, 0);

  /** Losses kept at most. */
  private static final int MAX_WINDOW = 1 << 20;

  /** Checks the ranges. */
  public EarlyStop {
    if (window < 0 || window > MAX_WINDOW) {
      throw new IllegalArgumentException(
          "early_stop: window " + window + ", needed 0 to " + MAX_WINDOW);
    }
    if (!Double.isFinite(tolerance)) {
      throw new IllegalArgumentException("early_stop: tolerance " + tolerance + ", needed nats");
    }
  }

  /**
   * Whether a course of losses has converged.
   *
   * @param losses of the latest updates, oldest first
   * @return true where two whole windows are there and the later one is hardly lower
   */
  public boolean reached(double[] losses) {
    if (window == 0 || losses.length < 2 * window) {
      return false;
    }
    double before =
        Arrays.stream(losses, losses.length - 2 * window, losses.length - window).sum() / window;
    double last = Arrays.stream(losses, losses.length - window, losses.length).sum() / window;
    return before - last <= tolerance;
  }
}
