/**
 * Byte-level byte-pair encoding: text to ids and back. Knows no tensors.
 *
 * <p>A text passes through {@code AddedTokens}, {@code PreTokenizer}, {@code BytePairEncoding} and
 * {@code PostProcessor}, ids through {@code Vocabulary} and {@code Utf8}; {@code TokenizerJson}
 * reads them all from a file. {@link dev.eeve.tokenizer.Tokenizer} is the front door.
 */
package dev.eeve.tokenizer;
