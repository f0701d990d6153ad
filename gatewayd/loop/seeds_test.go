//go:build !race

package loop

const defaultSeeds = 2000
