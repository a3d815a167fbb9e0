/** A small Korean language model as a resource. */
module dev.eeve.tinyko {
  requires transitive dev.eeve;

  exports dev.eeve.tinyko;
}
