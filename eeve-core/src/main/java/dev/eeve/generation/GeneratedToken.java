package dev.eeve.generation;

/**
 * One step of a stream.
 *
 * @param id the token
 * @param text text that is decided with it: empty while a character or a stop string may be
 *     unfinished, or several characters at once; never half a character
 */
public record GeneratedToken(int id, String text) {}
