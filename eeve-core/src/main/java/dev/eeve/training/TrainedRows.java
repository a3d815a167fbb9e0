package dev.eeve.training;

/** Neighbouring rows of one parameter that train: their fp32 values and their gradient. */
public sealed interface TrainedRows permits TrainedMatrix, TrainedVector {
  /**
   * The parameter.
   *
   * @return its name in the current Hugging Face layout
   */
  String name();

  /**
   * The first row that trains.
   *
   * @return a row of the parameter
   */
  int firstRow();

  /**
   * Rows that train, from the first on.
   *
   * @return at least 1
   */
  int rows();
}
