// Package loop moves bytes: event loops, each on its own locked thread, that own their connections outright.
package loop
