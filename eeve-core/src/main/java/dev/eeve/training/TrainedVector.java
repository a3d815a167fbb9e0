package dev.eeve.training;

/**
 * Elements of a bias or a norm's parameter that train.
 *
 * @param name the parameter
 * @param firstRow the first element that trains
 * @param values the whole vector the forward pass reads; elements {@code firstRow … firstRow +
 *     gradient.length} train
 * @param gradient of the elements that train
 */
public record TrainedVector(String name, int firstRow, float[] values, float[] gradient)
    implements TrainedRows {
  @Override
  public int rows() {
    return gradient.length;
  }
}
