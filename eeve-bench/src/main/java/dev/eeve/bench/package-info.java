/** JMH benchmarks of the kernels beside the machine's limits. */
package dev.eeve.bench;
