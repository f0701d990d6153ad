// Package archtest holds the rules of the house that docs/architecture.md states, as tests: which package may import
// which, and why not; how long files and functions may be; that packages, examples and documents are whole.
//
// It reads source files and imports, nothing else, so it runs in a second and needs no build. Nobody calls it but
// go test. Who wants to break a rule changes it here, with a reason, in the same commit.
package archtest
