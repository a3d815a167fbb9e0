/**
 * Training with exact freezing: what is trained is a selection ({@link
 * dev.eeve.training.TrainableParameters}), and a row outside it has no gradient, no moments and no
 * update path.
 */
package dev.eeve.training;
