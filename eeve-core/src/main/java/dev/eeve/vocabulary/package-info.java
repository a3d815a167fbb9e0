/** Vocabulary expansion: from a corpus to a model folder whose tokenizer knows Korean. */
package dev.eeve.vocabulary;
