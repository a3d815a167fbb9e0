package dev.eeve.training;

/**
 * What one update did.
 *
 * @param step its number in the stage, from 1
 * @param loss mean loss of its target tokens, before the update
 * @param learningRate of the update
 * @param gradNorm length of the gradient over all trained rows, before clipping
 * @param tokens tokens of the stage so far, this update's included
 * @param tokensPerSecond of this update
 */
public record TrainingStep(
    int step,
    double loss,
    double learningRate,
    double gradNorm,
    long tokens,
    double tokensPerSecond) {}
