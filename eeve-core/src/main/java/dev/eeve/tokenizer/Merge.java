package dev.eeve.tokenizer;

/**
 * A rule of byte-pair encoding: two neighbouring tokens become one.
 *
 * @param left id of the left token
 * @param right id of the right token
 * @param result id of the token they become
 */
public record Merge(int left, int right, int result) {}
