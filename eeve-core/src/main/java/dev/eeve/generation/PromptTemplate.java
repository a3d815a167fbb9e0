package dev.eeve.generation;

/** What is put around a user's words before the model reads them. */
public enum PromptTemplate {
  /** Nothing. */
  NONE("", ""),

  /** The prompt of EEVE-Korean-Instruct, from its model card. */
  EEVE_INSTRUCT(
      "A chat between a curious user and an artificial intelligence assistant. The assistant gives"
          + " helpful, detailed, and polite answers to the user's questions.\nHuman: ",
      "\nAssistant:\n");

  private final String before;
  private final String after;

  PromptTemplate(String before, String after) {
    this.before = before;
    this.after = after;
  }

  /**
   * The prompt for a user's words.
   *
   * @param prompt the words
   * @return what the model reads
   */
  public String apply(String prompt) {
    return before + prompt + after;
  }
}
