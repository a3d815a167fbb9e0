module example {
  requires dev.eeve;
}
