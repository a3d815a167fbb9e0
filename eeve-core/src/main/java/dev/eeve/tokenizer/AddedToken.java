package dev.eeve.tokenizer;

/**
 * A token that is found in the text itself, before any other splitting.
 *
 * @param id its id, as Hugging Face's loader numbers it
 * @param content the text it stands for
 * @param singleWord whether it is found only where no word character touches it
 * @param lstrip whether white space before it goes with it
 * @param rstrip whether white space after it goes with it
 * @param normalized whether it is looked for in the second pass, after the others
 * @param special whether decoding may leave it out
 */
public record AddedToken(
    int id,
    String content,
    boolean singleWord,
    boolean lstrip,
    boolean rstrip,
    boolean normalized,
    boolean special) {}
