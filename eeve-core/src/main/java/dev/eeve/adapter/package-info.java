/** Low-rank adapters (LoRA) beside a model's weights: PEFT's files, in and out, and merging. */
package dev.eeve.adapter;
