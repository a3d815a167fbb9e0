package dev.eeve.training;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * One entry of axolotl's {@code unfrozen_parameters}, as {@code
 * ^model.embed_tokens.weight$[50295:]}.
 *
 * <p>The name part is a regular expression anchored at the start of the name; a {@code .} that no
 * {@code +} follows is a plain dot. A suffix {@code [i]}, {@code [a:b]}, {@code [a:]} or {@code
 * [:b]} selects rows. Unlike axolotl, a match without a suffix trains the whole tensor even where
 * another entry gives rows of it, and an entry that matches no parameter is an error.
 *
 * @param text the entry as written
 * @param name matches parameter names from their start
 * @param rows the suffix; empty where there is none
 */
public record UnfrozenPattern(String text, Pattern name, Optional<RowSet> rows) {
  /** Brackets at the end with nothing in them that a name could hold: meant as rows. */
  private static final Pattern SUFFIX =
      Pattern.compile("^(.*)\\[([-+\\s\\d]*:[^\\]]*|[\\s\\d]*)]$");

  private static final Pattern ROWS = Pattern.compile("(\\d*)(?:(:)(\\d*))?");

  private static final String NEEDED = "needed [i], [a:b], [a:] or [:b] with 0 <= a < b";

  /**
   * Reads an entry.
   *
   * @param text in axolotl's notation
   * @return the pattern
   * @throws IllegalArgumentException where the rows or the regular expression are malformed
   */
  public static UnfrozenPattern parse(String text) {
    Matcher suffix = SUFFIX.matcher(text);
    boolean ranged = suffix.matches();
    String name = ranged ? suffix.group(1) : text;
    if (name.isEmpty()) {
      throw failure(text, "no name, needed the name of a parameter or a regular expression");
    }
    Optional<RowSet> rows = ranged ? Optional.of(rows(text, suffix.group(2))) : Optional.empty();
    try {
      return new UnfrozenPattern(text, Pattern.compile(plainDots(name)), rows);
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException(
          failure(text, e.getDescription() + ", needed a regular expression").getMessage(), e);
    }
  }

  private static RowSet rows(String text, String range) {
    Matcher parts = ROWS.matcher(range);
    if (range.isEmpty() || !parts.matches()) {
      throw failure(text, "[" + range + "] is no range of rows, " + NEEDED);
    }
    try {
      int from = parts.group(1).isEmpty() ? 0 : Integer.parseInt(parts.group(1));
      if (parts.group(2) == null) {
        return RowSet.range(from, Math.addExact(from, 1));
      }
      if (parts.group(3).isEmpty()) {
        return RowSet.from(from);
      }
      int to = Integer.parseInt(parts.group(3));
      if (to <= from) {
        throw failure(text, "[" + range + "] holds no row, " + NEEDED);
      }
      return RowSet.range(from, to);
    } catch (NumberFormatException | ArithmeticException e) {
      throw new IllegalArgumentException(
          failure(text, "[" + range + "] is past any row, " + NEEDED).getMessage(), e);
    }
  }

  /** Escapes each dot that no plus follows, as axolotl does; one that is escaped already stays. */
  private static String plainDots(String name) {
    StringBuilder regex = new StringBuilder();
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      if (c == '\\' && i + 1 < name.length()) {
        regex.append(c).append(name.charAt(++i));
      } else if (c == '.' && !name.startsWith("+", i + 1)) {
        regex.append("\\.");
      } else {
        regex.append(c);
      }
    }
    return regex.toString();
  }

  /**
   * Whether a parameter is meant.
   *
   * @param parameter its name
   * @return true where the expression matches from the name's start
   */
  public boolean matches(String parameter) {
    return name.matcher(parameter).lookingAt();
  }

  /** Refuses an entry that matches no parameter, trained or not. */
  void requireMatch(String key, Parameters parameters) {
    if (parameters.names().stream().noneMatch(this::matches)) {
      throw new IllegalArgumentException(
          "%s: \"%s\": matches no parameter, needed names such as %s"
              .formatted(key, text, parameters.names().getFirst()));
    }
  }

  /** See {@link TrainableParameters#matching}. */
  static TrainableParameters select(Parameters parameters, List<String> patterns) {
    Map<String, RowSet> selected = new LinkedHashMap<>();
    for (String text : patterns) {
      UnfrozenPattern pattern = parse(text);
      pattern.requireMatch("unfrozen_parameters", parameters);
      for (Parameter parameter : parameters.all()) {
        if (pattern.matches(parameter.name())) {
          selected.merge(parameter.name(), pattern.rowsOf(parameter), RowSet::union);
        }
      }
    }
    TrainableParameters own = TrainableParameters.of(parameters);
    for (Map.Entry<String, RowSet> entry : selected.entrySet()) {
      own = own.unfreezeRows(entry.getKey(), entry.getValue());
    }
    return own;
  }

  private RowSet rowsOf(Parameter parameter) {
    try {
      return rows.orElse(RowSet.all()).within(parameter.rows());
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          failure(text, parameter.name() + ": " + e.getMessage()).getMessage(), e);
    }
  }

  private static IllegalArgumentException failure(String text, String detail) {
    return new IllegalArgumentException("unfrozen_parameters: \"" + text + "\": " + detail);
  }
}
