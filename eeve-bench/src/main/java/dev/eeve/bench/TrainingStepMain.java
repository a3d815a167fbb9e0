package dev.eeve.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.eeve.adapter.LoraConfig;
import dev.eeve.kernels.ElementType;
import dev.eeve.kernels.MachineLimits;
import dev.eeve.kernels.WorkerPool;
import dev.eeve.model.KeptTypes;
import dev.eeve.model.PhiConfig;
import dev.eeve.model.PhiModel;
import dev.eeve.training.EeveStage;
import dev.eeve.training.OptimizerConfig;
import dev.eeve.training.OptimizerMemory;
import dev.eeve.training.Parameters;
import dev.eeve.training.RowSet;
import dev.eeve.training.TokenDataset;
import dev.eeve.training.TrainableParameters;
import dev.eeve.training.Trainer;
import dev.eeve.training.TrainingConfig;
import dev.eeve.training.TrainingMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Training steps of one stage at EEVE's width, beside the floor that the machine sets: operations
 * at the multiply-add peak and the bytes of AdamW at the read rate, 28 a trained parameter. Prints
 * one JSON document. {@code peers/training_step.py} runs it in turn with PyTorch.
 *
 * <p>{@code full} instead of a stage trains every parameter in the least memory: 8-bit moments,
 * bfloat16 rounded by chance, gradients used up layer by layer, gradient checkpointing; AdamW then
 * moves 12 bytes a parameter. {@code loraR} instead of a stage trains adapters of rank R beside all
 * linear layers of the body, with gradient checkpointing; the floor counts no layer twice.
 */
public final class TrainingStepMain {
  /** AdamW reads master, gradient and both moments and writes all but the gradient. */
  private static final int BYTES_PER_TRAINED = 28;

  /** It reads bfloat16, an fp32 gradient and two codes, and writes all but the gradient. */
  private static final int LEAST_BYTES_PER_TRAINED = 12;

  private static final String FULL = "full";

  private static final int OLD_TOKENS = 50_295;

  private TrainingStepMain() {}

  /**
   * Runs one stage.
   *
   * @param args the stage's number, 6 for everything, {@code full} or {@code lora16}; layers;
   *     tokens; threads; updates, the first of which warms up; the type of the weights, BF16 where
   *     none is given
   * @throws IOException if the peak of memory cannot be read
   */
  public static void main(String[] args) throws IOException {
    if (args.length != 5 && args.length != 6) {
      System.err.println(
          "arguments: " + args.length + ", needed STAGE LAYERS TOKENS THREADS STEPS [TYPE]");
      System.exit(2);
    }
    PhiConfig config = FewLayers.eeve(Integer.parseInt(args[1]));
    int tokens = Integer.parseInt(args[2]);
    int threads = Integer.parseInt(args[3]);
    int steps = Integer.parseInt(args[4]);
    ObjectNode json = new ObjectMapper().createObjectNode();
    ElementType type = args.length == 6 ? ElementType.valueOf(args[5]) : ElementType.BF16;
    KeptTypes types = types(config, type);
    json.put("stage", args[0]).put("layers", config.numHiddenLayers());
    json.put("type", type.name()).put("tokens", tokens).put("threads", threads);
    boolean least = args[0].equals(FULL);
    TrainableParameters own = own(args[0], Parameters.of(config, types));
    run(json, least ? own : own.inPlace(), config, settings(own, least, tokens, steps), threads);
    System.out.println(json);
  }

  /** Blocks are the body's alone, as beside {@code adapter: qlora}. */
  private static KeptTypes types(PhiConfig config, ElementType type) {
    return type.blocks().isPresent()
        ? KeptTypes.of(config, ElementType.BF16).withLinears(config, type)
        : KeptTypes.of(config, type);
  }

  private static TrainableParameters own(String stage, Parameters parameters) {
    if (stage.equals(FULL)) {
      return EeveStage.ALL_LAYERS.select(parameters, OLD_TOKENS);
    }
    if (!stage.startsWith("lora")) {
      return EeveStage.of(Integer.parseInt(stage)).select(parameters, OLD_TOKENS);
    }
    int rank = Integer.parseInt(stage.substring("lora".length()));
    return TrainableParameters.adapter(
        parameters, new LoraConfig(rank, 2 * rank, 0, false, LoraConfig.ALL_LINEAR, List.of()));
  }

  private static TrainingConfig settings(
      TrainableParameters own, boolean least, int tokens, int steps) {
    return TrainingConfig.defaults(1e-4)
        .withSequences(tokens, false)
        .withMaxSteps(steps)
        .withResidDropout(0)
        .withGradientCheckpointing(least || own.adapter().isPresent())
        .withOptimizer(
            OptimizerConfig.defaults(1e-4)
                .withMemory(least ? OptimizerMemory.LEAST : OptimizerMemory.EXACT));
  }

  private static void run(
      ObjectNode json,
      TrainableParameters own,
      PhiConfig config,
      TrainingConfig settings,
      int threads)
      throws IOException {
    int tokens = settings.sequenceLen();
    int steps = settings.maxSteps();
    double best = Double.MAX_VALUE;
    double loss = 0;
    long peak;
    TokenDataset data = sequence(config, tokens);
    try (PhiModel model = PhiModel.random(config, own.parameters().types(), 1, threads);
        Trainer trainer = Trainer.of(model, own, data, settings, RowSet.none(), threads)) {
      for (int i = 0; i < steps; i++) {
        long start = System.nanoTime();
        loss = trainer.step().loss();
        double seconds = (System.nanoTime() - start) / 1e9;
        best = i == 0 && steps > 1 ? best : Math.min(best, seconds);
        System.err.printf("step %d: %.3f s, loss %.4f%n", i + 1, seconds, loss);
      }
      peak = peakBytes();
    }
    MachineLimits limits;
    try (WorkerPool pool = new WorkerPool(threads)) {
      limits = MachineLimits.measure(pool).max(MachineLimits.measure(pool));
    }
    double operations = TrainingOperations.of(config, own, tokens);
    boolean least = settings.optimizer().memory().equals(OptimizerMemory.LEAST);
    int bytes = least ? LEAST_BYTES_PER_TRAINED : BYTES_PER_TRAINED;
    double floor =
        operations / limits.fmaFlopsPerSecond()
            + (double) bytes * own.parameterCount() / limits.readBytesPerSecond();
    json.put("loss", loss).put("seconds_per_step", best).put("tokens_per_s", tokens / best);
    json.put("floor_seconds", floor).put("share_of_floor", floor / best);
    json.put("operations", operations).put("trained_parameters", own.parameterCount());
    json.put("fma_peak_gflops", limits.fmaFlopsPerSecond() / 1e9);
    json.put("read_gb_per_s", limits.readBytesPerSecond() / 1e9);
    json.put("peak_rss_bytes", peak);
    json.put("planned_bytes", TrainingMemory.plan(config, own, settings, data, threads).bytes());
  }

  private static TokenDataset sequence(PhiConfig config, int tokens) {
    return TokenDataset.of(
        List.of(new SplittableRandom(1).ints(tokens, 0, config.vocabSize()).toArray()));
  }

  /** Linux's high-water mark of resident memory. */
  private static long peakBytes() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith("VmHWM:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
        .findFirst()
        .orElseThrow();
  }
}
