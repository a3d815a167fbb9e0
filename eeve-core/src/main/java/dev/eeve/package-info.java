/**
 * The front door: {@link dev.eeve.LanguageModel} opens a model folder and generates Korean text in
 * the caller's own JVM.
 */
package dev.eeve;
