package example;

import dev.eeve.model.PhiModel;
import dev.eeve.training.DataSource;
import dev.eeve.training.EeveStage;
import dev.eeve.training.Parameters;
import dev.eeve.training.TokenDataset;
import dev.eeve.training.TrainableParameters;
import dev.eeve.training.Trainer;
import dev.eeve.training.TrainingConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

class TrainNewRows {
  /** Stage 3 of the report on lines such as {"input_ids": [1, 2, 3]}. */
  static void train(Path base, Path tokens, int oldTokens, Path output) throws IOException {
    try (PhiModel model = PhiModel.open(base, Optional.empty(), 2)) {
      TrainableParameters own = EeveStage.NEW_EMBEDDINGS.select(Parameters.of(model), oldTokens);
      List<DataSource> files = List.of(new DataSource(tokens, DataSource.Type.TOKENS, 1));
      TokenDataset data =
          TokenDataset.read(
              files, Optional.empty(), OptionalInt.empty(), model.config().vocabSize(), 128);
      TrainingConfig config = TrainingConfig.defaults(2e-4).withMaxSteps(20);
      try (Trainer trainer = Trainer.of(model, own, data, config)) {
        trainer.run();
        trainer.save(output);
      }
    }
  }
}
