package dev.eeve.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.eeve.checkpoint.DType;
import dev.eeve.kernels.Blocking;
import dev.eeve.kernels.CrossEntropy;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.WorkerPool;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TrainingPassTest {
  /** 2 layers, grouped key/value heads, and sizes that fill no panel. */
  private static final PhiConfig CONFIG =
      new PhiConfig(
          301,
          72,
          100,
          2,
          4,
          2,
          0.45,
          10_000,
          1e-5,
          64,
          0.1,
          0,
          0,
          0.2,
          OptionalInt.empty(),
          List.of(),
          Optional.<DType>empty());

  private final PhiModel base = PhiModel.random(CONFIG, ElementType.BF16, 5, 1);
  private final Parameters parameters = Parameters.of(base);
  private final WorkerPool pool = new WorkerPool(2);

  @AfterEach
  void close() {
    base.close();
    pool.close();
  }

  private TrainableParameters everything() {
    return TrainableParameters.of(parameters).unfreeze(parameters.names().toArray(String[]::new));
  }

  private TrainingModel model(TrainableParameters trainable) {
    return TrainingModel.of(base, trainable);
  }

  private TrainingPass pass(TrainingModel model, boolean checkpointing) {
    return new TrainingPass(model, pool, Blocking.defaults(), checkpointing, 301);
  }

  /** Documents of some lengths; the last row of each has no target. */
  private static TrainingBatch batch(int... lengths) {
    Random random = new Random(3);
    int rows = Arrays.stream(lengths).sum();
    int[] ids = IntStream.range(0, rows).map(i -> random.nextInt(301)).toArray();
    int[] targets = new int[rows];
    int[] documents = new int[lengths.length];
    int row = 0;
    for (int d = 0; d < lengths.length; d++) {
      documents[d] = row;
      for (int i = 1; i < lengths[d]; i++, row++) {
        targets[row] = ids[row + 1];
      }
      targets[row++] = CrossEntropy.IGNORED;
    }
    return new TrainingBatch(ids, targets, documents);
  }

  private static TrainingBatch part(TrainingBatch batch, int document) {
    int[] documents = batch.documents();
    int from = documents[document];
    int to = document + 1 < documents.length ? documents[document + 1] : batch.rows();
    return new TrainingBatch(
        Arrays.copyOfRange(batch.ids(), from, to),
        Arrays.copyOfRange(batch.targets(), from, to),
        new int[] {0});
  }

  private static List<float[]> gradients(TrainingModel model) {
    List<float[]> all = new ArrayList<>();
    for (TrainedRows rows : model.trained()) {
      switch (rows) {
        case TrainedVector vector -> all.add(vector.gradient().clone());
        case TrainedMatrix matrix -> {
          for (int r = 0; r < matrix.rows(); r++) {
            float[] row = new float[matrix.gradient().columns()];
            matrix.gradient().row(r, row, 0);
            all.add(row);
          }
        }
      }
    }
    return all;
  }

  private static void assertSame(List<float[]> want, List<float[]> found) {
    assertEquals(want.size(), found.size());
    for (int i = 0; i < want.size(); i++) {
      assertArrayEquals(want.get(i), found.get(i), "part " + i);
    }
  }

  private static double distance(List<float[]> want, List<float[]> found) {
    double error = 0;
    double length = 0;
    for (int i = 0; i < want.size(); i++) {
      for (int j = 0; j < want.get(i).length; j++) {
        error += Math.pow(want.get(i)[j] - (double) found.get(i)[j], 2);
        length += Math.pow(want.get(i)[j], 2);
      }
    }
    return Math.sqrt(error / length);
  }

  @Test
  void packedDocumentsGiveTheLossAndGradientsOfEachAlone() {
    TrainingBatch packed = batch(9, 1, 33, 17);
    try (TrainingModel model = model(everything());
        TrainingPass pass = pass(model, false)) {
      double loss = pass.forwardBackward(packed, 0.01f, 0, 0);
      List<float[]> together = gradients(model);
      model.zeroGradients();
      double sum = 0;
      for (int d = 0; d < 4; d++) {
        sum += pass.forwardBackward(part(packed, d), 0.01f, 0, 0);
      }
      assertEquals(loss, sum, 1e-9 * loss);
      assertTrue(distance(together, gradients(model)) < 1e-6);
    }
  }

  @Test
  void aSmallBatchAfterALargeOneGivesTheBitsOfAFreshPass() {
    try (TrainingModel model = model(everything());
        TrainingPass used = pass(model, false);
        TrainingPass fresh = pass(model, false)) {
      used.forwardBackward(batch(40, 20), 0.01f, 0, 0);
      model.zeroGradients();
      double loss = used.forwardBackward(batch(9, 14), 0.01f, 0, 0);
      List<float[]> first = gradients(model);
      model.zeroGradients();
      assertEquals(fresh.forwardBackward(batch(9, 14), 0.01f, 0, 0), loss);
      assertSame(gradients(model), first);
    }
  }

  @Test
  void aPassThatStartsOverwritesWhatIsThereAndHandsOnEveryRowOnce() {
    try (TrainingModel model = model(everything());
        TrainingPass pass = pass(model, true)) {
      pass.forwardBackward(batch(9, 14), 0.01f, 0, 0);
      List<float[]> first = gradients(model);
      pass.forwardBackward(batch(20), 0.01f, 0, 0);
      model.zeroAddedGradients();
      List<TrainedRows> complete = new ArrayList<>();
      GradientFlow flow =
          new GradientFlow() {
            @Override
            public boolean overwrites() {
              return true;
            }

            @Override
            public void complete(List<TrainedRows> rows) {
              complete.addAll(rows);
            }
          };
      pass.forwardBackward(batch(9, 14), 0.01f, 0, 0, flow);
      assertSame(first, gradients(model));
      assertEquals(model.trained().size(), complete.size());
      assertEquals(new HashSet<>(model.trained()), new HashSet<>(complete));
    }
  }

  @Test
  void dropoutIsItsSeedsWithCheckpointingAndWithout() {
    TrainingBatch batch = batch(20, 30);
    try (TrainingModel model = model(everything());
        TrainingPass plain = pass(model, false);
        TrainingPass again = pass(model, true)) {
      double loss = plain.forwardBackward(batch, 0.02f, 0.1, 77);
      List<float[]> first = gradients(model);
      model.zeroGradients();
      assertEquals(loss, again.forwardBackward(batch, 0.02f, 0.1, 77));
      assertSame(first, gradients(model));
      assertNotEquals(loss, plain.forwardBackward(batch, 0.02f, 0.1, 78));
      assertNotEquals(loss, plain.loss(batch));
      assertEquals(plain.loss(batch), plain.forwardBackward(batch, 0.02f, 0, 78));
    }
  }

  /** Along its own gradient a loss grows by the gradient's squared length. */
  @Test
  void theGradientUnderDropoutIsTheSlopeOfTheLoss() {
    TrainingBatch batch = batch(20, 30);
    TrainableParameters vectors =
        TrainableParameters.of(parameters)
            .unfreeze("model.layers.0.input_layernorm.weight", "model.layers.0.mlp.fc1.bias");
    try (TrainingModel model = model(vectors);
        TrainingPass pass = pass(model, false)) {
      pass.forwardBackward(batch, 1f, 0.3, 9);
      List<float[]> gradients = gradients(model);
      double squared = 0;
      for (float[] gradient : gradients) {
        for (float g : gradient) {
          squared += (double) g * g;
        }
      }
      float step = (float) (0.02 / Math.sqrt(squared));
      move(model, gradients, step);
      double above = pass.forwardBackward(batch, 1f, 0.3, 9);
      move(model, gradients, -2 * step);
      double below = pass.forwardBackward(batch, 1f, 0.3, 9);
      assertEquals(squared, (above - below) / (2 * step), 0.02 * squared);
    }
  }

  private static void move(TrainingModel model, List<float[]> gradients, float step) {
    for (int i = 0; i < gradients.size(); i++) {
      float[] values = ((TrainedVector) model.trained().get(i)).values();
      for (int j = 0; j < values.length; j++) {
        values[j] += step * gradients.get(i)[j];
      }
    }
  }

  @Test
  void frozenRowsAroundTrainedOnesChangeNothing() {
    TrainingBatch batch = batch(40);
    double expected;
    try (TrainingModel frozen = model(TrainableParameters.of(parameters));
        TrainingPass pass = pass(frozen, false)) {
      expected = pass.loss(batch);
      assertEquals(0, frozen.trained().size());
    }
    TrainableParameters cut =
        TrainableParameters.of(parameters)
            .unfreezeRows("model.embed_tokens.weight", RowSet.range(5, 40))
            .unfreezeRows("lm_head.weight", RowSet.range(100, 103).union(RowSet.from(250)))
            .unfreezeRows("model.layers.1.mlp.fc2.weight", RowSet.range(3, 50));
    try (TrainingModel model = model(cut);
        TrainingPass pass = pass(model, true)) {
      assertEquals(expected, pass.loss(batch));
    }
  }

  @Test
  void aLossOverTheFirstRowsIgnoresTheOthers() {
    TrainingBatch batch = batch(40);
    int[] targets = batch.targets().clone();
    for (int i = 0; i < 39; i++) {
      targets[i] %= 270;
    }
    TrainingBatch old = new TrainingBatch(batch.ids(), targets, batch.documents());
    TrainableParameters head = TrainableParameters.of(parameters).unfreeze("lm_head.weight");
    try (TrainingModel model = model(head);
        TrainingPass all = pass(model, false);
        TrainingPass first = new TrainingPass(model, pool, Blocking.defaults(), false, 270)) {
      assertTrue(first.forwardBackward(old, 1f, 0, 0) < all.loss(old));
      List<float[]> gradient = gradients(model);
      assertTrue(gradient.get(269)[0] != 0);
      assertArrayEquals(new float[72], gradient.get(270));
      assertArrayEquals(new float[72], gradient.get(300));
      Exception e = assertThrows(IllegalArgumentException.class, () -> first.loss(batch));
      assertTrue(e.getMessage().startsWith("targets: "), e.getMessage());
    }
  }

  @Test
  void aTooLongDocumentAWrongIdAndAClosedPassAreRefused() {
    try (TrainingModel model = model(TrainableParameters.of(parameters))) {
      TrainingPass pass = pass(model, false);
      Exception e = assertThrows(IllegalArgumentException.class, () -> pass.loss(batch(65)));
      assertEquals("documents: one of 65 rows, the model has 64 positions; cut it", e.getMessage());
      TrainingBatch wrong = new TrainingBatch(new int[] {301}, new int[] {-100}, new int[] {0});
      e = assertThrows(IllegalArgumentException.class, () -> pass.loss(wrong));
      assertEquals("ids: 301 at 0, needed 0 to 300", e.getMessage());
      pass.close();
      e = assertThrows(IllegalStateException.class, () -> pass.loss(batch(3)));
      assertEquals("the training pass is closed", e.getMessage());
      e =
          assertThrows(
              IllegalArgumentException.class,
              () -> new TrainingPass(model, pool, Blocking.defaults(), false, 302));
      assertEquals("lossRows: 302, needed 1 to 301", e.getMessage());
    }
  }
}
