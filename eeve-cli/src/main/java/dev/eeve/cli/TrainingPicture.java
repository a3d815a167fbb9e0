package dev.eeve.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** {@code training.png}: loss and learning rate of metrics.jsonl, stage after stage. */
final class TrainingPicture {
  private static final int WIDTH = 1000;
  private static final int LOSS_HEIGHT = 450;
  private static final int RATE_HEIGHT = 250;
  private static final ObjectMapper JSON = new ObjectMapper();

  /** One line of a chart. */
  private static final class Line {
    private final List<Double> steps = new ArrayList<>();
    private final List<Double> values = new ArrayList<>();

    void add(double step, double value) {
      if (Double.isFinite(value)) {
        steps.add(step);
        values.add(value);
      }
    }
  }

  private final Map<String, Line> losses = new LinkedHashMap<>();
  private final Line validation = new Line();
  private final Map<String, Line> rates = new LinkedHashMap<>();

  private TrainingPicture() {}

  /** Draws what a run's folder has measured; returns the picture's path. */
  static Path draw(Path folder) throws IOException {
    TrainingPicture picture = new TrainingPicture();
    picture.read(folder.resolve("metrics.jsonl"));
    BufferedImage image =
        new BufferedImage(WIDTH, LOSS_HEIGHT + RATE_HEIGHT, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    chart("loss", "nats a token", picture.losses, LOSS_HEIGHT).paint(graphics, WIDTH, LOSS_HEIGHT);
    graphics.translate(0, LOSS_HEIGHT);
    chart("learning rate", "", picture.rates, RATE_HEIGHT).paint(graphics, WIDTH, RATE_HEIGHT);
    graphics.dispose();
    Path target = folder.resolve("training.png");
    WholeFile.writePng(target, image);
    return target;
  }

  /** Steps start again at 1 in each stage; on the picture they go on. */
  private void read(Path metrics) throws IOException {
    String stage = "";
    double before = 0;
    double last = 0;
    for (String text : Files.readAllLines(metrics)) {
      JsonNode line = JSON.readTree(text);
      String own = line.path("stage").isNull() ? "training" : "stage " + line.path("stage");
      if (!own.equals(stage)) {
        stage = own;
        before = last;
      }
      last = before + line.path("step").asDouble();
      line(losses, stage).add(last, line.path("loss").asDouble());
      line(rates, stage).add(last, line.path("learning_rate").asDouble());
      if (line.has("val_loss")) {
        validation.add(last, line.path("val_loss").asDouble());
      }
    }
    losses.put("val_set", validation); // last, so that a stage has one colour on both charts
  }

  private static Line line(Map<String, Line> lines, String name) {
    return lines.computeIfAbsent(name, unused -> new Line());
  }

  private static XYChart chart(String title, String unit, Map<String, Line> lines, int height) {
    XYChart chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(height)
            .title(title)
            .xAxisTitle("updates")
            .yAxisTitle(unit)
            .build();
    chart.getStyler().setLegendPosition(Styler.LegendPosition.OutsideE);
    lines.forEach(
        (name, line) -> {
          if (!line.steps.isEmpty()) {
            boolean one = line.steps.size() == 1;
            chart
                .addSeries(name, line.steps, line.values)
                .setMarker(one ? SeriesMarkers.CIRCLE : SeriesMarkers.NONE);
          }
        });
    return chart;
  }
}
