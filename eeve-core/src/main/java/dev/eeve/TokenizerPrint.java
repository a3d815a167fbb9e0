package dev.eeve;

import dev.eeve.kernels.Fingerprint;
import dev.eeve.tokenizer.Merge;
import dev.eeve.tokenizer.Tokenizer;
import java.util.Optional;

/** What tells tokenizers apart: every id's token, the added ones' rules, the merges in order. */
final class TokenizerPrint {
  private TokenizerPrint() {}

  static String of(Optional<Tokenizer> tokenizer) {
    return tokenizer.map(TokenizerPrint::of).orElse("none");
  }

  private static String of(Tokenizer tokenizer) {
    Fingerprint print = new Fingerprint();
    for (int id = 0; id < tokenizer.vocabularySize(); id++) {
      print.add(tokenizer.isToken(id) ? tokenizer.token(id) : "");
    }
    tokenizer.addedTokens().forEach(token -> print.add(token.toString()));
    for (Merge merge : tokenizer.merges()) {
      print.add(merge.toString());
    }
    return print.toString();
  }
}
