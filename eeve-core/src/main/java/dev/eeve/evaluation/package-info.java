/** Scores of text under a model. */
package dev.eeve.evaluation;
