/** Phi-2 and EEVE-Korean in pure Java: checkpoints, tokenizer, model and text generation. */
module dev.eeve {
  requires com.fasterxml.jackson.databind;
  requires jdk.management;
  requires transitive dev.eeve.kernels;

  exports dev.eeve;
  exports dev.eeve.adapter;
  exports dev.eeve.checkpoint;
  exports dev.eeve.evaluation;
  exports dev.eeve.generation;
  exports dev.eeve.model;
  exports dev.eeve.tokenizer;
  exports dev.eeve.training;
  exports dev.eeve.vocabulary;
}
