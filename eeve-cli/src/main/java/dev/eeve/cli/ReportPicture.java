package dev.eeve.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.CategorySeries;
import org.knowm.xchart.style.Styler;

/** Bits per byte of each text, from point to point. */
final class ReportPicture {
  private static final int WIDTH = 1000;
  private static final int HEIGHT = 500;
  private static final int LABEL_DEGREES = 30;

  private ReportPicture() {}

  static void draw(Path target, Map<String, JsonNode> rows, List<String> texts) throws IOException {
    CategoryChart chart =
        new CategoryChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title("bits per byte on held-out text")
            .yAxisTitle("bits a byte")
            .build();
    chart.getStyler().setLegendPosition(Styler.LegendPosition.OutsideE);
    chart.getStyler().setXAxisLabelRotation(LABEL_DEGREES);
    chart.getStyler().setDefaultSeriesRenderStyle(CategorySeries.CategorySeriesRenderStyle.Line);
    List<String> points = List.copyOf(rows.keySet());
    for (String text : texts) {
      List<Double> values = new ArrayList<>();
      rows.values().forEach(row -> values.add(row.at("/" + text + "/bits_per_byte").asDouble()));
      chart.addSeries(text, points, values);
    }
    BufferedImage image = new BufferedImage(WIDTH, HEIGHT, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    chart.paint(graphics, WIDTH, HEIGHT);
    graphics.dispose();
    Files.createDirectories(target.toAbsolutePath().getParent());
    WholeFile.writePng(target, image);
  }
}
