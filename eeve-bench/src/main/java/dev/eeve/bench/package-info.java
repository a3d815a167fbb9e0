/**
 * JMH benchmarks of the kernels, the layers and the tokenizer, each beside a limit measured in the
 * same run: {@code Ratios} is the program.
 */
package dev.eeve.bench;
