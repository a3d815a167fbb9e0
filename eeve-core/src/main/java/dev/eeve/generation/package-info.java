/** Text out: how the next token is chosen and when a text ends. */
package dev.eeve.generation;
