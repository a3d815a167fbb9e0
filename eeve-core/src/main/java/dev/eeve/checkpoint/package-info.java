/**
 * Files to named tensors and back: safetensors, folders of them, and the names Phi's tensors go by.
 * Knows no tokens, and no model beyond names and shapes.
 */
package dev.eeve.checkpoint;
