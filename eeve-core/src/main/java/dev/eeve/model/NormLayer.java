package dev.eeve.model;

/**
 * A LayerNorm's parameters.
 *
 * @param weight (C)
 * @param bias (C)
 */
public record NormLayer(float[] weight, float[] bias) {}
