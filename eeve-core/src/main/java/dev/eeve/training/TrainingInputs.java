package dev.eeve.training;

import dev.eeve.checkpoint.Gguf;
import dev.eeve.gguf.GgufTokenizer;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.Weights;
import dev.eeve.model.MemoryPlan;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiModel;
import dev.eeve.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.zip.CRC32C;

/**
 * What a stage trains, and on what.
 *
 * @param trainable the rows that train
 * @param newTokens ids after the old ones that the tokenizer has; none where that is unknown
 * @param data the training data
 * @param validation the data to measure on
 * @param labels the other reading of the loss on new tokens, where it is asked for
 */
record TrainingInputs(
    TrainableParameters trainable,
    RowSet newTokens,
    TokenDataset data,
    Optional<TokenDataset> validation,
    Optional<LossLabels> labels) {
  /** Reads the data; of the model its shape is enough. */
  static TrainingInputs read(TrainingPlan plan, StageBase base) throws IOException {
    PhiConfig config = base.config();
    ResidualDropout.requireNoOther(config);
    Optional<Tokenizer> tokenizer = tokenizer(plan, base.path());
    int end = tokenizer.map(Tokenizer::vocabularySize).orElse(config.vocabSize());
    if (end > config.vocabSize()) {
      throw new IllegalArgumentException(
          "tokenizer: %d tokens, vocab_size is %d; take both from one model"
              .formatted(end, config.vocabSize()));
    }
    int old = plan.numberOfOldTokens().orElse(end);
    if (plan.numberOfOldTokens().isPresent() && old >= config.vocabSize()) {
      throw new IllegalArgumentException(
          "number_of_old_tokens: %d, needed fewer than the %d rows of the model"
              .formatted(old, config.vocabSize()));
    }
    RowSet fresh = old < end ? RowSet.range(old, end) : RowSet.none();
    Parameters parameters = Parameters.of(config, base.kept(plan));
    if (plan.adapter().isEmpty()) {
      for (String pattern : plan.config().optimizer().noDecay()) {
        UnfrozenPattern.parse(pattern).requireMatch("no_decay", parameters);
      }
    }
    TrainableParameters selected = select(plan, parameters, old, fresh);
    OptimizerMemory kept = plan.config().optimizer().memory();
    TrainingModel.requireKept(selected, kept);
    TrainableParameters trainable = kept.bf16StochasticRound() ? selected : selected.inPlace();
    int length = plan.config().sequenceLen();
    if (length > config.maxPositionEmbeddings()) {
      length = config.maxPositionEmbeddings();
    }
    OptionalInt eos =
        config.eosTokenIds().isEmpty()
            ? OptionalInt.empty()
            : OptionalInt.of(config.eosTokenIds().getFirst());
    int vocabulary = config.vocabSize();
    TokenDataset data = TokenDataset.read(plan.datasets(), tokenizer, eos, vocabulary, length);
    Optional<TokenDataset> validation = Optional.empty();
    if (plan.valSet().isPresent()) {
      List<DataSource> held = List.of(plan.valSet().get());
      validation =
          Optional.of(TokenDataset.read("val_set", held, tokenizer, eos, vocabulary, length));
      if (!validation.get().hasTargets()) {
        throw new IllegalArgumentException(
            "val_set: %s: no label but -100, needed a token to predict"
                .formatted(plan.valSet().get().path()));
      }
    }
    Optional<LossLabels> labels = Optional.empty();
    if (plan.firstOldToken()) {
      Tokenizer needed =
          tokenizer.orElseThrow(
              () ->
                  new IllegalArgumentException(
                      "new_token_loss: first_old_token needs a tokenizer.json; add one"));
      labels = Optional.of(LossLabels.firstOldToken(needed, old));
    }
    return new TrainingInputs(trainable, fresh, data, validation, labels);
  }

  private static TrainableParameters select(
      TrainingPlan plan, Parameters parameters, int old, RowSet fresh) {
    if (plan.adapter().isPresent()) {
      return TrainableParameters.adapter(parameters, plan.adapter().get());
    }
    if (plan.stage().isEmpty()) {
      return TrainableParameters.matching(parameters, plan.unfrozenParameters());
    }
    EeveStage stage = plan.stage().get();
    return stage.select(
        parameters, stage.number() <= 3 ? requireNew(stage, fresh) : RowSet.from(old));
  }

  private static RowSet requireNew(EeveStage stage, RowSet fresh) {
    if (fresh.isEmpty()) {
      throw new IllegalArgumentException(
          "number_of_old_tokens: the tokenizer has no token from there on, stage "
              + stage.number()
              + " needed some; lower it");
    }
    return fresh;
  }

  private static Optional<Tokenizer> tokenizer(TrainingPlan plan, Optional<Path> base)
      throws IOException {
    if (plan.tokenizer().isPresent()) {
      return Optional.of(Tokenizer.read(plan.tokenizer().get()));
    }
    if (base.isPresent() && Files.isRegularFile(base.get())) {
      try (Gguf file = Gguf.open(base.get())) {
        return GgufTokenizer.read(file);
      }
    }
    Optional<Path> file = base.map(folder -> folder.resolve("tokenizer.json"));
    return file.isPresent() && Files.exists(file.get(), LinkOption.NOFOLLOW_LINKS)
        ? Optional.of(Tokenizer.read(file.get()))
        : Optional.empty();
  }

  /** The rows a pass holds at most, in training and while measuring. */
  TrainingMemory.Batch batch(TrainingPlan plan) {
    TrainingMemory.Batch batch = TrainingMemory.Batch.of(data, plan.config());
    return validation.isPresent() ? batch.with(validation.get(), plan.config()) : batch;
  }

  /** The memory the stage needs. */
  MemoryPlan memory(TrainingPlan plan, StageBase base, int threads) {
    return TrainingMemory.plan(
        base.config(),
        trainable,
        plan.config(),
        batch(plan),
        data.byteSize() + validation.map(TokenDataset::byteSize).orElse(0L),
        labels.map(LossLabels::rows).orElse(base.config().vocabSize()),
        threads);
  }

  /** What the bias to new tokens does to an epoch, in a sentence. */
  Optional<String> describeBias(TrainingPlan plan) {
    double bias = plan.config().newTokenBias();
    if (bias == 0) {
      return Optional.empty();
    }
    double[] plain = EpochPlan.chances(data, newTokens, 0);
    double[] biased = EpochPlan.chances(data, newTokens, bias);
    return Optional.of(
        String.format(
            Locale.ROOT,
            "new_token_bias %s: new tokens are %.2f %% of an epoch, %.2f %% without it",
            bias,
            100 * freshShare(biased),
            100 * freshShare(plain)));
  }

  private double freshShare(double[] chances) {
    double tokens = 0;
    double fresh = 0;
    for (int i = 0; i < chances.length; i++) {
      tokens += chances[i] * data.length(i);
      fresh += chances[i] * data.length(i) * data.share(i, newTokens);
    }
    return fresh / tokens;
  }

  /** What a resumed run must share with the interrupted one. */
  Map<String, String> fingerprint(TrainingPlan plan, int index, ElementType type, PhiModel model) {
    Map<String, String> all = new LinkedHashMap<>(plan.settings());
    all.keySet().removeAll(TrainingPlan.PLACES); // their content counts
    all.put("position in stages", Integer.toString(index));
    all.put("content of datasets", Long.toHexString(data.checksum()));
    all.put("trained rows", Long.toHexString(trainable.toString().hashCode() & 0xFFFFFFFFL));
    all.put("base model", type + " " + Long.toHexString(sample(model)));
    return all;
  }

  /** Every vector, and the first, middle and last row of every matrix. */
  private static long sample(PhiModel model) {
    CRC32C crc = new CRC32C();
    BaseTensors tensors = new BaseTensors(model);
    for (Parameter parameter : Parameters.of(model).all()) {
      Weights matrix = tensors.matrix(parameter.name());
      if (matrix == null) {
        update(crc, tensors.vector(parameter.name()));
        continue;
      }
      float[] row = new float[parameter.columns()];
      for (int r : new int[] {0, parameter.rows() / 2, parameter.rows() - 1}) {
        matrix.row(r, row, 0);
        update(crc, row);
      }
    }
    return crc.getValue();
  }

  private static void update(CRC32C crc, float[] values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length);
    bytes.asFloatBuffer().put(values);
    crc.update(bytes);
  }
}
