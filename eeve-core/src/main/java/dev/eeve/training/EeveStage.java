package dev.eeve.training;

/**
 * The seven stages of the EEVE report (arXiv 2402.14714): what each trains; everything else is
 * frozen. {@code lm_head.bias} is trained with {@code lm_head.weight}, row for row.
 *
 * <p>The report trains stage 6 by QLoRA, and so does a {@link TrainingPlan} by an adapter; what
 * this selects of stage 6, every parameter, is the other choice.
 */
public enum EeveStage {
  /** Stage 1: new rows of the input embedding. */
  NEW_INPUT_EMBEDDINGS(Rows.NEW, Rows.NONE, false),
  /** Stage 2: new rows of the head. */
  NEW_OUTPUT_EMBEDDINGS(Rows.NONE, Rows.NEW, false),
  /** Stage 3: new rows of both. */
  NEW_EMBEDDINGS(Rows.NEW, Rows.NEW, false),
  /** Stage 4: all rows of the head. */
  ALL_OUTPUT_EMBEDDINGS(Rows.NONE, Rows.ALL, false),
  /** Stage 5: new rows of the input embedding and all rows of the head. */
  NEW_INPUT_ALL_OUTPUT_EMBEDDINGS(Rows.NEW, Rows.ALL, false),
  /** Stage 6: everything. */
  ALL_LAYERS(Rows.ALL, Rows.ALL, true),
  /** Stage 7: the transformer's body, with its norms; both embedding matrices are frozen. */
  BODY(Rows.NONE, Rows.NONE, true);

  private enum Rows {
    NONE,
    NEW,
    ALL
  }

  private static final String EMBEDDING = "model.embed_tokens.weight";
  private static final String HEAD = "lm_head.";

  private final Rows embedding;
  private final Rows head;
  private final boolean body;

  EeveStage(Rows embedding, Rows head, boolean body) {
    this.embedding = embedding;
    this.head = head;
    this.body = body;
  }

  /**
   * A stage by the report's number.
   *
   * @param number 1 to 7
   * @return the stage
   * @throws IllegalArgumentException for another number
   */
  public static EeveStage of(int number) {
    if (number < 1 || number > values().length) {
      throw new IllegalArgumentException("stage: " + number + ", needed 1 to " + values().length);
    }
    return values()[number - 1];
  }

  /**
   * The report's number.
   *
   * @return 1 to 7
   */
  public int number() {
    return ordinal() + 1;
  }

  /** Whether it trains rows of new tokens apart from old ones. */
  boolean trainsNewRows() {
    return embedding == Rows.NEW || head == Rows.NEW;
  }

  /**
   * What this stage trains where every row after the old tokens' is a new token's.
   *
   * @param parameters the model's
   * @param numberOfOldTokens rows of the embedding that were there before: 50,295 for phi-2's
   *     tokenizer
   * @return the selection
   * @throws IllegalArgumentException where the stage trains new rows and there is none
   */
  public TrainableParameters select(Parameters parameters, int numberOfOldTokens) {
    return select(parameters, RowSet.from(numberOfOldTokens));
  }

  /**
   * What this stage trains. Rows that only pad the matrices are best left out of the new tokens: in
   * stages 1 to 3 they then stay as they are.
   *
   * @param parameters the model's
   * @param newTokens ids of the new tokens
   * @return the selection
   * @throws IllegalArgumentException where the stage trains a new row that the model lacks
   */
  public TrainableParameters select(Parameters parameters, RowSet newTokens) {
    TrainableParameters own = TrainableParameters.of(parameters);
    for (String name : parameters.names()) {
      boolean isHead = name.startsWith(HEAD);
      boolean isBody = !isHead && !name.equals(EMBEDDING);
      Rows rows = isBody ? (body ? Rows.ALL : Rows.NONE) : isHead ? head : embedding;
      own =
          switch (rows) {
            case NONE -> own;
            case ALL -> own.unfreeze(name);
            case NEW -> own.unfreezeRows(name, newTokens);
          };
    }
    return own;
  }
}
