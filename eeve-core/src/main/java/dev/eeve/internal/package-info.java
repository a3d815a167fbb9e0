/** What several packages of the library share and no user sees. */
package dev.eeve.internal;
