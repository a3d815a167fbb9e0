package dev.eeve.vocabulary;

/**
 * A merge that training learnt.
 *
 * @param left id of the left token
 * @param right id of the right token
 * @param result id of the token they become
 * @param count how often the pair stood in the words when it was chosen
 */
public record TrainedMerge(int left, int right, int result, long count) {}
