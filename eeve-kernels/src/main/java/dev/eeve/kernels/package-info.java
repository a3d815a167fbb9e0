/**
 * Kernels: each operation with its forward pass (and later its backward pass) side by side, a
 * scalar twin that is the specification, and a Vector API twin that gives the same bits.
 *
 * <p>Glossary of dimensions: B batch, T tokens, R = B·T rows, C hidden size, H heads, D head size,
 * F intermediate size, V vocabulary, L layers, N output features, K input features.
 */
package dev.eeve.kernels;
