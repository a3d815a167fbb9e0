/** What of a GGUF file is neither tensors nor settings: its tokenizer. */
package dev.eeve.gguf;
