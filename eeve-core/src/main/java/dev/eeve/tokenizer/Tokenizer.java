package dev.eeve.tokenizer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * Text to ids and back: byte-level BPE as a Hugging Face {@code tokenizer.json} describes it.
 *
 * <p>Ids are those of Hugging Face's own library on any string. Added tokens are found in the text
 * first, the rest is split into words, words become UTF-8 bytes and these are merged. Encoding
 * takes linear time, up to a logarithm inside very long words.
 *
 * <p>Immutable; any number of threads may use one. Words met before are remembered in at most 32 MB
 * for all threads together, which changes speed and nothing else.
 */
public final class Tokenizer {
  /** Far above any tokenizer.json; a larger file is something else. */
  private static final long MAX_FILE_BYTES = 256L << 20;

  /** So that no array of the encoding passes what Java can index: three bytes a character. */
  private static final int MAX_TEXT = (Integer.MAX_VALUE - 64) / 3;

  private final Vocabulary vocabulary;
  private final List<Merge> merges;
  private final AddedTokens addedTokens;
  private final PreTokenizer preTokenizer;
  private final BytePairEncoding model;
  private final PostProcessor postProcessor;

  /** Free scratch memory: a thread takes from its own place and puts back there. */
  private final AtomicReferenceArray<Workspace> workspaces = new AtomicReferenceArray<>(16);

  Tokenizer(
      Vocabulary vocabulary,
      List<Merge> merges,
      AddedTokens addedTokens,
      PreTokenizer preTokenizer,
      BytePairEncoding model,
      PostProcessor postProcessor) {
    this.vocabulary = vocabulary;
    this.merges = List.copyOf(merges);
    this.addedTokens = addedTokens;
    this.preTokenizer = preTokenizer;
    this.model = model;
    this.postProcessor = postProcessor;
  }

  /**
   * Reads a tokenizer.json.
   *
   * @param tokenizerJson the file
   * @return its tokenizer
   * @throws IOException if the file cannot be read, is broken, or has a component that is not
   *     supported; the message names file and key
   */
  public static Tokenizer read(Path tokenizerJson) throws IOException {
    byte[] json;
    try {
      long size = Files.size(tokenizerJson);
      if (size > MAX_FILE_BYTES) {
        throw new IOException(size + " bytes, needed at most " + MAX_FILE_BYTES);
      }
      json = Files.readAllBytes(tokenizerJson);
    } catch (NoSuchFileException e) {
      throw new IOException(tokenizerJson + ": no such file, needed a tokenizer.json", e);
    } catch (IOException e) {
      throw new IOException(tokenizerJson + ": cannot be read: " + e.getMessage(), e);
    }
    return parse(tokenizerJson.toString(), json);
  }

  /**
   * Reads the contents of a tokenizer.json.
   *
   * @param name the file, as errors shall name it
   * @param json its bytes
   * @return its tokenizer
   * @throws IOException as {@link #read} does
   */
  public static Tokenizer parse(String name, byte[] json) throws IOException {
    return TokenizerJson.parse(name, json);
  }

  /**
   * Makes the tokenizer of plain lists.
   *
   * @param name the file, as errors shall name it
   * @param table the lists
   * @return its tokenizer
   * @throws IOException where a token is there twice or empty, or a merge is no pair of tokens; the
   *     message names the file
   */
  public static Tokenizer of(String name, TokenTable table) throws IOException {
    return TokenTables.read(name, table);
  }

  /**
   * This tokenizer as plain lists.
   *
   * @param rows how many ids the lists hold, at least {@link #vocabularySize}; those without a
   *     token are padding
   * @return a table from which {@link #of} makes a tokenizer with the same ids
   * @throws IllegalArgumentException where it has a rule that lists cannot hold, or rows are
   *     missing
   */
  public TokenTable table(int rows) {
    if (rows < vocabularySize()) {
      throw new IllegalArgumentException("rows: " + rows + ", needed " + vocabularySize());
    }
    String rule =
        preTokenizer.addPrefixSpace() || !preTokenizer.split()
            ? "a pre-tokenizer other than GPT-2's"
            : model.ignoresMerges()
                ? "ignore_merges"
                : vocabulary.hasAllBytes() ? null : "no token for some of the 256 bytes";
    for (AddedToken token : addedTokens()) {
      if (token.singleWord() || token.lstrip() || token.rstrip()) {
        rule = "single_word, lstrip or rstrip of added token " + JsonValue.show(token.content());
      }
    }
    if (rule != null) {
      throw new IllegalArgumentException(
          "tokenizer: has " + rule + ", which a table of tokens cannot hold");
    }
    return TokenTables.of(vocabulary, merges, postProcessor, rows);
  }

  /**
   * Encodes a text with the ids its template adds, such as a begin-of-sequence id.
   *
   * @param text any text; a surrogate without its partner counts as U+FFFD
   * @return the ids
   * @throws IllegalArgumentException if the text has more than 715 million UTF-16 units
   */
  public int[] encode(String text) {
    return encode(text, true);
  }

  /**
   * Encodes a text.
   *
   * @param text any text; a surrogate without its partner counts as U+FFFD. Special tokens spelled
   *     out in it become their ids either way
   * @param addSpecialTokens whether the ids of the tokenizer's template are added
   * @return the ids
   * @throws IllegalArgumentException if the text has more than 715 million UTF-16 units
   */
  public int[] encode(String text, boolean addSpecialTokens) {
    Workspace work = load(text);
    PostProcessor template = addSpecialTokens ? postProcessor : PostProcessor.NONE;
    work.addAll(template.before());
    addedTokens.split(work.text, Workspace.TEXT_START, work.textEnd, new Encoder(work));
    work.addAll(template.after());
    int[] ids = Arrays.copyOf(work.ids, work.count);
    release(work);
    return ids;
  }

  /**
   * Decodes ids, special tokens included.
   *
   * @param ids ids from 0; those without a token, such as padding rows, add nothing
   * @return the text; bytes that are no UTF-8 become U+FFFD
   * @throws IllegalArgumentException if an id is negative
   */
  public String decode(int[] ids) {
    return decode(ids, false);
  }

  /**
   * Decodes ids.
   *
   * @param ids ids from 0; those without a token, such as padding rows, add nothing
   * @param skipSpecial whether special tokens are left out
   * @return the text; bytes that are no UTF-8 become U+FFFD
   * @throws IllegalArgumentException if an id is negative
   */
  public String decode(int[] ids, boolean skipSpecial) {
    Utf8 text = new Utf8();
    for (int id : ids) {
      append(id, skipSpecial, text);
    }
    return text.takeAll();
  }

  /**
   * A decoder for ids that come one at a time.
   *
   * @param skipSpecial whether special tokens are left out
   * @return a new decoder
   */
  public TextDecoder decoder(boolean skipSpecial) {
    return new TextDecoder(this, skipSpecial);
  }

  /**
   * The number of rows a matrix needs that has one for each id.
   *
   * @return one more than the highest id
   */
  public int vocabularySize() {
    return vocabulary.size();
  }

  /**
   * The tokens of the BPE model, without those only listed as added.
   *
   * @return how many there are; added tokens the model lacks are numbered from here
   */
  public int modelVocabularySize() {
    return vocabulary.modelSize();
  }

  /**
   * Looks up a token.
   *
   * @param token the token as tokenizer.json writes it: {@code Ġthe} for a space and {@code the}
   * @return its id; empty if there is no such token
   */
  public OptionalInt id(String token) {
    int id = vocabulary.id(token);
    return id < 0 ? OptionalInt.empty() : OptionalInt.of(id);
  }

  /**
   * Whether an id has a token.
   *
   * @param id any number
   * @return false for padding rows
   */
  public boolean isToken(int id) {
    return id >= 0 && vocabulary.token(id) != null;
  }

  /**
   * The token of an id as tokenizer.json writes it.
   *
   * @param id an id with a token
   * @return the token
   * @throws IllegalArgumentException if the id has none
   */
  public String token(int id) {
    requireToken(id);
    return vocabulary.token(id);
  }

  /**
   * What a token adds to decoded text; may be part of a character.
   *
   * @param id an id with a token
   * @return its bytes, a new array
   * @throws IllegalArgumentException if the id has none
   */
  public byte[] bytes(int id) {
    requireToken(id);
    return Arrays.copyOfRange(
        vocabulary.bytes(), vocabulary.byteStart(id), vocabulary.byteStart(id + 1));
  }

  /**
   * Whether decoding may leave a token out.
   *
   * @param id any number
   * @return true for special tokens
   */
  public boolean isSpecial(int id) {
    return id >= 0 && vocabulary.isSpecial(id);
  }

  /**
   * Whether a token is found in the text before it is split.
   *
   * @param id any number
   * @return true for the ids of {@link #addedTokens}
   */
  public boolean isAdded(int id) {
    return id >= 0 && vocabulary.added(id) != null;
  }

  /**
   * The merges of the model.
   *
   * @return all of them, lowest rank first
   */
  public List<Merge> merges() {
    return merges;
  }

  /**
   * The tokens that are found in the text before it is split.
   *
   * @return all of them, by id
   */
  public List<AddedToken> addedTokens() {
    return vocabulary.addedTokens();
  }

  /** Sees the words of a text one after the other. */
  @FunctionalInterface
  public interface WordVisitor {
    /**
     * Called for each word.
     *
     * @param text holds the word; to be read during the call only
     * @param from where it begins
     * @param to where it ends
     */
    void word(char[] text, int from, int to);
  }

  /**
   * Splits a text into the words that merges never cross; added tokens are left out.
   *
   * @param text any text; a surrogate without its partner counts as U+FFFD
   * @param visitor sees the words in order
   * @throws IllegalArgumentException if the text has more than 715 million UTF-16 units
   */
  public void forEachWord(String text, WordVisitor visitor) {
    Workspace work = load(text);
    addedTokens.split(
        work.text,
        Workspace.TEXT_START,
        work.textEnd,
        new AddedTokens.Sink() {
          @Override
          public void text(int from, int to) {
            preTokenizer.forEachWord(work.text, from, to, visitor);
          }

          @Override
          public void added(int id) {}
        });
    release(work);
  }

  /** Appends a token's bytes to a text. */
  void append(int id, boolean skipSpecial, Utf8 text) {
    if (id < 0) {
      throw new IllegalArgumentException("id: " + id + ", needed 0 or more");
    }
    if (id < vocabulary.size() && !(skipSpecial && vocabulary.isSpecial(id))) {
      text.add(vocabulary.bytes(), vocabulary.byteStart(id), vocabulary.byteStart(id + 1));
    }
  }

  private void requireToken(int id) {
    if (!isToken(id)) {
      throw new IllegalArgumentException(
          "id: " + id + " has no token, needed one of the " + vocabulary.size() + " ids that do");
    }
  }

  private Workspace load(String text) {
    if (text.length() > MAX_TEXT) {
      throw new IllegalArgumentException(
          "text: " + text.length() + " UTF-16 units, needed at most " + MAX_TEXT + "; split it");
    }
    Workspace work = workspaces.getAndSet(workspacePlace(), null);
    if (work == null) {
      work = new Workspace();
    }
    work.load(text);
    return work;
  }

  private void release(Workspace work) {
    if (work.worthKeeping()) {
      workspaces.set(workspacePlace(), work);
    }
  }

  private int workspacePlace() {
    return (int) Thread.currentThread().threadId() & workspaces.length() - 1;
  }

  /** Encodes what the search for added tokens finds. */
  private final class Encoder implements AddedTokens.Sink {
    private final Workspace work;

    Encoder(Workspace work) {
      this.work = work;
    }

    @Override
    public void text(int from, int to) {
      preTokenizer.encode(work.text, from, to, model, work);
    }

    @Override
    public void added(int id) {
      work.add(id);
    }
  }
}
