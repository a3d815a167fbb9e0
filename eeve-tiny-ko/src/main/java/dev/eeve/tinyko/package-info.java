/** A small Korean language model that ships as a resource. */
package dev.eeve.tinyko;
