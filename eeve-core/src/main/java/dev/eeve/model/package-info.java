/** Phi: its configuration, weights and forward pass. Knows no text. */
package dev.eeve.model;
