//go:build race

package loop

// The race detector makes a script ten times as slow, and has nothing to find in one goroutine.
const defaultSeeds = 400
